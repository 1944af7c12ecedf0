"""Does a kill at any place lose, change or leave anything?

`python benchmarks/kills.py [run review seal export import erase language] [--points 200] [--items 400]`: every action
is done once without a kill; then a process is killed (SIGKILL) at its N-th file operation, for N spread over all of
them, and the action is done again. An operation is what changes a file: opening for writing, writing (half of it is
written), fsync, renaming, removing, making a folder. Afterwards all files must be, to the byte, those of the action
without a kill; only run.json, which holds times, is left out. `language` kills a real audit of SmolLM2-135M at random
moments instead, and compares record.json. An action that fails is an error. About two minutes a core for 200 points,
half an hour for `language`.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from audit.data.tabular import Builtin
from audit.errors import UsageError
from audit.execute import check_run, progress, run
from audit.files import digest_file, sha256
from audit.integrity import erase, export_audit, import_audit, seal_audit, verify_audit
from audit.plan import Check, Plan
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.record import load_record
from audit.reference.plans import language_model_plan
from audit.review import Comment, add_reviews, read_reviews
from audit.signing import Secret, make_key
from audit.signing.keys import read_key

EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
progress.EVERY = 0.0
"""Else how often it is written, and so the number of file operations, would hang on the clock."""
LEFT = re.compile(r"\..*\.tmp|\.import-.*")


class Letters:
    """A model whose log probability of a text is made from its digest."""

    name, family, modality, fingerprint = "letters", "letters", "text", "sha256:letters"

    def log_prob(self, items: Sequence[Any]) -> tuple[np.ndarray, str]:
        """Return (nats [item], `exact`)."""
        return np.array([-int(sha256(repr(item).encode())[7:11], 16) / 1000 for item in items]), "exact"


def plan(items: int) -> Plan:
    data = {"items": Builtin(name="stereotype_pairs")}
    return Plan("Kills", (Check("pairs", StereotypePairs(), data),), model=Letters(), limit=items, shard=16)


def try_controls_here() -> None:
    """Try the plan's controls once for all forks of this process: they touch no file, and take most of a run."""
    asked = plan(1)
    (check,) = asked.checks
    held = check_run.controls_of(check.probe, level=asked.check_level(check), seed=asked.seed, check=check.name)
    check_run.controls_of = lambda *_, **__: dict(held)


# ---- a process that is killed at its n-th file operation


def counted(root: Path, last: int) -> Callable[[], int]:
    """Count file operations of this process below `root`, kill it at number `last`; return how to ask for the count."""
    done, write = [0], os.write

    def one(path: str, before_kill: Callable[[], object] = lambda: None) -> None:
        if path.startswith(str(root)):
            done[0] += 1
            if done[0] == last:
                before_kill()
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, given: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(given[2], int) and given[2] & WRITES
        if (opens or event in EVENTS) and isinstance(given[0], str | bytes | os.PathLike):
            one(os.fspath(given[0]) if not isinstance(given[0], bytes) else os.fsdecode(given[0]))

    def torn(handle: int, data: bytes) -> int:
        one(str(Path(f"/proc/self/fd/{handle}").readlink()), lambda: write(handle, bytes(data)[: len(data) // 2]))
        return write(handle, data)

    def synced(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        one(str(Path(f"/proc/self/fd/{number}").readlink()))  # a kill takes nothing from the disk: no wait for it

    sys.addaudithook(hook)
    os.write, os.fsync = torn, synced
    return lambda: done[0]


def in_a_process(action: Callable[[Path], object], root: Path, last: int = -1) -> int | None:
    """Do an action in a process of its own; return its number of file operations, None where it was killed.

    What it imported is imported here too, so that the next one need not.
    """
    reader, writer = os.pipe()
    known = set(sys.modules)
    if not (child := os.fork()):
        told = b"failed"
        try:
            ask = counted(root, last)
            action(root)
            told = " ".join([str(ask()), *(name for name in sys.modules if name not in known)]).encode()
        except BaseException as error:  # the child must not go on in the parent's code
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(told)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        count, *modules = said.read().split(" ")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    return int(count)


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): digest_file(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "run.json" and "kept-" not in str(path)
    }


# ---- the actions, each of which may be done again after a kill


def folder(root: Path) -> Path:
    return next((root / "audits").glob("*/record.json")).parent


def do_run(root: Path, *, items: int = 400) -> None:
    run(plan(items), into=root / "audits")


def do_review(root: Path) -> None:
    audit = load_record(folder(root))
    if not read_reviews(audit.folder).entries:
        add_reviews(audit, Comment(text="A word"), author="Kim", at=WHEN)
    elif read_reviews(audit.folder).torn:
        raise ValueError("an entry and a torn one")


def do_seal(root: Path) -> None:
    where = folder(root)
    seal_audit(load_record(where), read_key(root / "kept-key"), by="Kim", at=WHEN, again=(where / "seal.json").exists())


def do_export(root: Path) -> None:
    export_audit(folder(root), root / "out" / "a.zip")


def do_import(root: Path) -> None:
    there = (root / "in" / folder(root).name).exists()
    try:
        import_audit(root / "kept-bundle.zip", root / "in")
    except UsageError:
        if not there:
            raise


def do_erase(root: Path) -> None:
    audit = load_record(folder(root))
    (first, *_) = load_record(root / "kept-audit").items("pairs").index
    erase(audit, {"pairs": [first]}, author="Kim", reason="The person asked for it", at=WHEN)


ACTIONS: dict[str, Callable[[Path], None]] = {
    "run": do_run, "review": do_review, "seal": do_seal, "export": do_export, "import": do_import,
    "erase": do_erase,
}


def prepared(place: Path) -> Path:
    """Return a folder with a finished audit, in which all actions but a run can be done."""
    root = place / "finished"
    root.mkdir()
    in_a_process(ACTIONS["run"], root)
    in_a_process(lambda one: make_key(one / "kept-key"), root)
    in_a_process(lambda one: export_audit(folder(one), one / "kept-bundle.zip"), root)
    shutil.copytree(folder(root), root / "kept-audit")
    return root


def kills(name: str, points: int, start: Path) -> bool:
    """Kill an action, begun in copies of a folder, at that many places and print what came of it; true where nothing
    did.
    """
    action, wrong = ACTIONS[name], []
    with tempfile.TemporaryDirectory() as there:
        place = Path(there).resolve()
        count = in_a_process(action, Path(shutil.copytree(start, place / "whole")))
        wanted = files(place / "whole")
        chosen = sorted({round(at) for at in np.linspace(1, count, min(points, count))})
        for at in chosen:
            root = Path(shutil.copytree(start, place / "killed"))
            killed = in_a_process(action, root, at) is None
            again = in_a_process(action, root)
            got = files(root)
            left = [path for path in root.rglob(".*") if LEFT.fullmatch(path.name)]
            if not killed or again is None or got != wanted or left:
                differ = sorted(one for one in {*got, *wanted} if got.get(one) != wanted.get(one))
                wrong.append(f"{name} killed at {at} of {count}: {differ[:3]}, left {[path.name for path in left][:3]}")
            else:
                verify_audit(folder(root))
            shutil.rmtree(root)
    print(f"{name}: killed at {len(chosen)} of {count} file operations, {len(wrong)} without the same bytes")
    print("".join(f"  {line}\n" for line in wrong[:5]), end="", flush=True)
    return not wrong


# ---- a real language model, at random moments


LANGUAGE = """
import dataclasses, sys
from audit.reference.plans import language_model_plan
from audit.execute import progress, run
print(run(dataclasses.replace(language_model_plan(), limit=int(sys.argv[2])), into=sys.argv[1]).folder)
"""


def language(times: int, limit: int) -> bool:
    """Kill audits of the real language model, the first of which has to unpack it; tell whether the bytes are equal."""
    random.seed(0)
    print(f"language: {language_model_plan().model.path.name}, {limit} items of each data set", flush=True)
    with tempfile.TemporaryDirectory() as there:
        place = Path(there)
        env = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}

        def once(into: str, until: float | None = None) -> str | None:
            words = [sys.executable, "-c", LANGUAGE, str(place / into), str(limit)]
            try:
                subprocess.run(words, env=env, timeout=until, check=True, capture_output=True)
            except subprocess.TimeoutExpired:  # which kills it
                return None
            return digest_file(folder_in(place / into) / "record.json")

        cold, begun = once("cold"), time.monotonic()
        warm = once("warm")
        takes = time.monotonic() - begun
        equal, killed, tried = int(cold == warm), 0, 0
        print(f"language: first run {cold}, second {warm}, {takes:.0f} s", flush=True)
        while killed < times:
            if killed % 5 == 0:
                shutil.rmtree(place / "cache", ignore_errors=True)  # so that some kills fall into the unpacking
            begun, into = time.monotonic(), str(tried)
            tried += 1
            if once(into, random.uniform(0.1, 1) * takes) is None:
                killed += 1
                equal += once(into) == cold
                print(f"language: kill {killed}, equal so far {equal} of {killed + 1}", flush=True)
            else:  # the machine is faster now: a run that ended before it was killed shows nothing
                takes = min(takes, time.monotonic() - begun)
            shutil.rmtree(place / into)
    same = f"{equal} of {killed + 1} records have the bytes of the first run"
    print(f"language: {killed} runs of {tried} were killed, {same}")
    return equal == times + 1


def folder_in(into: Path) -> Path:
    return next(into.glob("*/record.json")).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("actions", nargs="*", default=list(ACTIONS), metavar="action")
    parser.add_argument("--points", type=int, default=200, help="places of each action")
    parser.add_argument("--items", type=int, default=400, help="items of the audit, in shards of 16")
    parser.add_argument("--times", type=int, default=20, help="kills of the language model")
    parser.add_argument("--limit", type=int, default=40, help="items of the language model's data sets")
    given = parser.parse_args()
    ACTIONS["run"] = functools.partial(do_run, items=given.items)
    Secret.here()
    try_controls_here()
    with tempfile.TemporaryDirectory() as there:
        place = Path(there).resolve()
        (empty := place / "empty").mkdir()
        finished = prepared(place) if {*given.actions} - {"run", "language"} else empty
        whole = [
            language(given.times, given.limit) if name == "language"
            else kills(name, given.points, empty if name == "run" else finished)
            for name in given.actions
        ]
    return 0 if all(whole) else 1


if __name__ == "__main__":
    sys.exit(main())
