"""Fixtures that several test files share."""

from __future__ import annotations

import fcntl
import functools
import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_models
from hypothesis import HealthCheck, settings
from needs import ROOT, needs_chromium, needs_postgresql
from once import once

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from audit.models.causal_lm import CausalLM

settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
gc.disable()  # while all modules are imported, none of which is ever let go


def pytest_collection(session: pytest.Session) -> None:
    """Have each worker import all test files in an order of its own: what one has compiled, the others find."""
    number, config = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw"), session.config
    if number and config.args == config.getini("testpaths") and not sys.dont_write_bytecode:
        names = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
        first = int(number) * len(names) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        for name in names[first:] + names[:first]:
            with suppress(Exception, pytest.skip.Exception):  # told when the file's tests are collected
                import_module(name)


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but never again look through what was imported: a million objects, a second each.

    And seldom: as what is frozen does not count, Python would look through all the rest every few seconds.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that have slow tests, then those with many: no worker gets a long one when others have ended."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    number = Counter(item.path for item in items)
    items.sort(key=lambda item: (-slow[item.path], -number[item.path]))


DEAR = {"real_lm": "model", "outside_program": "command", "from pipelines": "command", "postgres_": "server"}
"""Word in a test file -> what it shares with others that a worker makes for itself: 7, 4 and 1 seconds of a core."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep files whole, and on one worker those that share what is dear to make."""
    from xdist.scheduler import LoadFileScheduling

    texts = {path.name: path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")}
    shared = {name: what for name, text in texts.items() for word, what in DEAR.items() if word in text}

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return shared.get(Path(file).name, file)

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


ENDS: dict[str, float] = {}
"""Worker -> when it told of its last test, by the clock of this process."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note when each worker was last heard of."""
    if node := getattr(report, "node", None):
        ENDS[node.gateway.id] = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how well the work was spread."""
    if ENDS:
        early = ", ".join(f"{name} {max(ENDS.values()) - end:.0f} s" for name, end in sorted(ENDS.items()))
        terminalreporter.write_line(f"workers were done before the last one: {early}")


@contextmanager
def own_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the key of this installation, which child processes share, out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        folder = request.getfixturevalue("tmp_path_factory").mktemp("state")
        patch.setenv("XDG_STATE_HOME", str(folder))
        patch.delenv("DOKIMASIA_STATE_KEY", raising=False)
        yield


@contextmanager
def spared_disk(request: pytest.FixtureRequest) -> Iterator[None]:
    """Wait for no disk: that is for a loss of power, which no test brings about, and commands in processes do wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # of what is no open file it makes the same error
        yield


@pytest.fixture(scope="module", autouse=True)
def left_as_found() -> Iterator[None]:
    """Let the dashboard's index end with the tests that began it: it would make its key in the home of the next.

    And leave the variables of the environment as they were, of which Ray and our command set some: with other ones
    than `warm` began with, each command would start anew. And the main module, for which Streamlit puts the app it ran:
    every process that a later test spawns would run the app too, which takes two seconds.
    """
    before, main = dict(os.environ), sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
    for thread in threading.enumerate():
        if thread.name == "index":
            thread.join(timeout=60)
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def spared_streamlit(request: pytest.FixtureRequest) -> Iterator[None]:
    """Look once for packages that bring parts for Streamlit; every run of an app in a test reads all that are here.

    And wait for the thread of such a run, as is done afterwards anyway, not looking at it a thousand times a second.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit.testing.v1" in sys.modules:
            from streamlit.components.v2 import manifest_scanner
            from streamlit.testing.v1 import local_script_runner

            found = functools.cache(manifest_scanner.scan_component_manifests)
            patch.setattr(manifest_scanner, "scan_component_manifests", found)
            patch.setattr(local_script_runner, "require_widgets_deltas", lambda runner, timeout: runner.join())
        yield


CHANGED = pytest.StashKey[bool]()
"""Whether the test that runs has changed anything but variables of the environment and what reaches an object store."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin a test, which has changed nothing yet."""
    item.session.stash[CHANGED] = False


def is_code(target: object) -> bool:
    """Tell whether a change of this object or dictionary, or at this dotted name, may change a detector."""
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    return target is not os.environ and not name.startswith("audit.storage.")


@contextmanager
def changes_noted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Note when a test changes what it tests."""

    def noting(real: Callable[..., None]) -> Callable[..., None]:
        def change(patch: pytest.MonkeyPatch, target: object, *more: Any, **named: Any) -> None:
            request.session.stash[CHANGED] |= is_code(target)
            real(patch, target, *more, **named)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in ("setattr", "delattr", "setitem", "delitem"):
            patch.setattr(pytest.MonkeyPatch, name, noting(getattr(pytest.MonkeyPatch, name)))
        yield


@contextmanager
def controls_tried_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Try each probe once at a level and seed, for all tests that have changed no code: most was tried before.

    What a probe's name and options say is all that its controls hang on, and these are what the key is made of.
    """
    tried: dict[tuple[object, ...], dict[str, bool]] = {}

    def once_of(real: Callable[..., dict[str, bool]]) -> Callable[..., dict[str, bool]]:
        def controls_of(probe: Any, *, trials: Any = None, **named: Any) -> dict[str, bool]:
            if request.session.stash[CHANGED] or not is_dataclass(probe):
                return real(probe, trials=trials, **named)
            key = (type(probe), repr(probe), *sorted(named.items()))
            if key not in tried:
                tried[key] = real(probe, trials=trials, **named)
            return dict(tried[key])

        return controls_of

    with pytest.MonkeyPatch.context() as patch:
        for name in ("audit.execute.check_run", "audit.integrity.recomputation"):
            if module := sys.modules.get(name):
                patch.setattr(module, "controls_of", once_of(module.controls_of))
        yield


@pytest.fixture(scope="session", autouse=True)
def whole_session(request: pytest.FixtureRequest) -> Iterator[None]:
    """Begin what holds for all tests; as one fixture, as each that a test has costs it as much as a small test."""
    with ExitStack() as stack:
        for begin in (own_state, spared_disk, spared_streamlit, changes_noted, controls_tried_once):
            stack.enter_context(begin(request))
        yield


@pytest.fixture(scope="session")
def tiny_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a language model with random weights and a chat template; not to be written to."""
    return tiny_models.make_tiny_lm(tmp_path_factory.mktemp("tiny_lm"))


@pytest.fixture(scope="session")
def every_probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the audit `every_probe.of_every_probe`, made once for all workers; not to be written to."""
    from every_probe import of_every_probe

    name = "aaaa000000000001"
    return once(tmp_path_factory, "every", lambda home: of_every_probe(home / name)) / name


@pytest.fixture(scope="session")
def every_review(every_probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of `every_probe` with reviews, beside its Korean `report.html`, made once; not to be written to."""
    from every_review import with_every_review

    return once(tmp_path_factory, "reviewed", lambda home: with_every_review(every_probe, home)) / every_probe.name


@pytest.fixture(scope="session")
def real_lm() -> CausalLM:
    """The real language model, in float32; not to be changed.

    It is unpacked, 5 seconds of a core, once for all workers and sessions, and for no other use of this machine.
    """
    from audit.plugins import open_model
    from audit.reference.plans import WHEEL, find_language_model
    from audit.signing import STATE_KEY

    file = find_language_model()
    if file is None:
        pytest.skip(f"needs the wheel {WHEEL}")
    home = ROOT / ".pytest_cache" / "unpacked"
    home.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.setenv(STATE_KEY, "0" * 64)
        model: CausalLM = open_model("causal_lm", path=file, dtype="float32", threads=1)
    return model


@pytest.fixture(scope="session")
def warm_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Path of a warm `dokimasia`."""
    from warm import warm

    with warm(tmp_path_factory.mktemp("bin")) as found:
        yield found


@pytest.fixture(scope="session")
def outside_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which the outside package is installed, once for all workers; not to be written to."""
    from outside import install

    return once(tmp_path_factory, "outside", install) / "site"


@pytest.fixture(scope="session")
def outside_program(outside_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Path of a warm `dokimasia` that sees the outside package."""
    from outside import seeing
    from warm import warm

    with warm(tmp_path_factory.mktemp("bin"), PYTHONPATH=seeing(outside_site), NO_COLOR="1") as found:
        yield found


@pytest.fixture
def pipeline(tmp_path: Path, outside_site: Path, outside_program: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder with a plan, a policy and the data, and the commands on the path."""
    from pipelines import fill_project

    fill_project(tmp_path, outside_site, outside_program, monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser; a page of it costs as much as loading ten, so tests share pages where they can."""
    from playwright.sync_api import sync_playwright
    from screens import FLAGS

    path = needs_chromium()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server's database `postgres`, with a password; the server runs as long as this worker."""
    import postgres

    with postgres.server(needs_postgresql()) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty database of its own."""
    import postgres

    return postgres.fresh_database(postgres_server)
