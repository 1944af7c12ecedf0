"""What the pages promise of speed, each printed with its goal: processor seconds, or a ratio in one run.

`python benchmarks/promises.py [WORD]`: the lines whose name holds WORD, or all; about five minutes of a core. Every
line is the median of several, of the process and its children, so that other work on the machine changes it little.
The last line counts the goals that are missed, and so does the exit code. Goals are seconds, whatever the machine; the
yardstick, a fixed work that stands beside each row, tells a slow hour of it from slow code.

Whole audit: the real language model by the quickstart's two probes. Overhead is the processor time outside of the
network's forward passes and of opening the weights, as a share of that inside.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import default_rng
from tables import finish, show

from audit.execute import run
from audit.files import digest_file, parquet_bytes
from audit.plan import read_plan
from audit.probe import Probe
from audit.record import Record, dump
from audit.reference.plans import language_model_plan
from audit.verdict import controls_of, trials_of

TOOL = Path(sys.executable).with_name("dokimasia")
PLAN = """
title: Answers of a table
model: {use: table, path: answers.csv}
checks:
  - name: answers
    probe: {use: factuality.closed_book, mode: generate, prompt: "{question}"}
    data: {use: file, path: answers.csv, fields: {question: prompt, aliases: right}, list_separator: "|"}
    limit: {measure: accuracy, at_least: 0.5}
"""
POLICY = "title: Gate\nlimits: [{check: answers, at_least: 0.5}]\n"
AUDITS, ITEMS, PAGE = 1_000, 1_000_000, 25

Line = tuple[str, bool]


def spent() -> float:
    """Return the processor seconds of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def median(work: Callable[[], object], times: int = 5) -> float:
    """Return the median processor seconds of some work."""
    taken = []
    for _ in range(times):
        before = spent()
        work()
        taken.append(spent() - before)
    return float(np.median(taken))


paces: list[float] = []
"""What the yardstick took behind each row, in seconds."""


def yardstick() -> None:
    """Do a fixed work of Python and NumPy, by which rows tell at what pace the machine computed then."""
    words = {f"word {at % 997}": at for at in range(20_000)}
    sorted((len(word), at, word) for word, at in words.items())
    np.cumsum(np.sort(default_rng(0).normal(size=(40, 4_000)), axis=1), axis=1)


def line(name: str, seconds: float, goal: float) -> Line:
    """Return a row of the table and whether it keeps its goal, with what the yardstick takes at that time."""
    paces.append(median(yardstick))
    return f"{name:44} {seconds:9.3f} s  goal {goal:g} s  yardstick {1000 * paces[-1]:.1f} ms", seconds <= goal


def commands() -> Iterator[Line]:
    """Start of the command, mistakes of a plan, a policy's judgement."""
    with tempfile.TemporaryDirectory() as folder:
        made = _audit_of_a_table(Path(folder))

        def command(*words: str, code: int = 0) -> Callable[[], object]:
            def call() -> None:
                done = subprocess.run([TOOL, *words], cwd=folder, capture_output=True, text=True, check=False)
                assert done.returncode == code, done.stderr

            return call

        for name, words, code, goal in (
            ("command --help", ["--help"], 0, 0.3),
            ("command parts --json", ["parts", "--json"], 0, 0.5),
            ("plan with three mistakes", ["run", "wrong.yaml"], 2, 1.0),
            ("check-plan", ["check-plan", "plan.yaml"], 0, 1.0),
            ("judge by a policy", ["judge", made, "--policy", "policy.yaml"], 0, 1.0),
        ):
            yield line(name, median(command(*words, code=code)), goal)


def _audit_of_a_table(folder: Path) -> str:
    """Store an audit of twenty answers in `folder/audits`, a policy, and a plan with mistakes; return its id."""
    rows = "\n".join(f"What is number {number}?,It is {number}.,{number}" for number in range(20))
    (folder / "answers.csv").write_text(f"prompt,output,right\n{rows}\n")
    (folder / "plan.yaml").write_text(PLAN)
    (folder / "policy.yaml").write_text(POLICY)
    wrong = PLAN.replace("closed_book", "clsoed_book").replace("at_least", "at_laest")
    (folder / "wrong.yaml").write_text(wrong.replace("path: ans", "path: gone"))
    audit = run(read_plan(PLAN, base=folder), into=folder / "audits")
    assert audit.record.verdict == "passed", audit.record.findings[0].why
    return audit.record.id


def controls() -> Iterator[Line]:
    """What a run does before every check: all of a probe's controls, made, asked and judged; of these, the making."""
    for entry in sorted(importlib.metadata.entry_points(group="dokimasia.probes"), key=lambda one: one.name):
        probe, seeds = entry.load()(), count()

        def tried(probe: Probe = probe, seeds: Iterator[int] = seeds) -> None:
            seed = next(seeds)
            trials = trials_of(probe, seed=seed, check="check")
            held = controls_of(probe, level=0.95, seed=seed, check="check", trials=trials)
            assert all(held.values()), (probe.name, seed, held)

        tried()  # the first one pays for imports
        yield line(f"controls of {entry.name}", median(tried), 0.5)
        yield line("... its planted fault and clean twin alone", median(partial(probe.controls, default_rng(1))), 0.1)


SERVER = """
import logging, os, resource, sys
from pathlib import Path
logging.disable(logging.ERROR)
from streamlit.testing.v1 import AppTest
import dashboard
app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=600).run()
assert not app.exception and "matrix" in "".join(part.proto.body for part in app.get("html"))
cold = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
from audit.record import ItemsFile
from dashboard.item_pages import Filters, matching
from dashboard.trust import all_looked_at
all_looked_at()
path = Path(sys.argv[1])
facts = {"total": int(os.environ["ITEMS"]), "ranks": ("against", "weight"), "written": 1}
items = ItemsFile(path, path.name, columns=tuple(sys.argv[2:]), texts=tuple(sys.argv[2:5]), **facts)
for filters in (Filters(), Filters(find="CITY of number 99")):
    assert items.rows(matching(items, filters)[:25]).num_rows == 25
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(cold, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
"""
"""A process of its own, as the server is one: the list from nothing, then all that the other lines ask for."""


def _server(home: Path, items: Path, columns: Iterable[str]) -> Iterator[Line]:
    """Processor seconds from the start of a process to its first table, and the memory that it holds at the end."""
    told = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", SERVER, str(items), *columns], capture_output=True, text=True, check=True,
            env={**os.environ, "DOKIMASIA_AUDITS": str(home), "ITEMS": str(ITEMS)},
        )
        told.append([float(one) for one in done.stdout.split()])
    cold, memory = map(float, np.median(told, axis=0))
    yield line(f"list of {AUDITS:,} audits, start of a process", cold, 3.0)
    yield f"{'memory of it after list and items':44} {memory:9.0f} MB goal 400 MB", memory <= 400


def _reviewed(many: Path, record: Record) -> None:
    """Let every audit have an owner, a day and a decision."""
    from audit.record import Audit
    from audit.review import Decision, Due, Owner, add_reviews

    check = record.findings[0].check
    for number in range(AUDITS):
        name = f"{number:016x}"
        audit = Audit(many / name, record.model_copy(update={"id": name}), None)
        add_reviews(
            audit, Owner(check=check, owner="Kim"), Due(check=check, due=date(2026, 1, 1)),
            Decision(decision="in review"), author="Kim",
        )


def screens() -> Iterator[Line]:
    """First table of a thousand audits, and pages of a million items."""
    from streamlit.testing.v1 import AppTest

    import dashboard
    from dashboard.loading import AUDITS as HOME

    def screen(**address: str) -> None:
        app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=600)
        for name, value in address.items():
            app.query_params[name] = value
        assert not app.run().exception

    logging.getLogger("streamlit.runtime").setLevel(logging.ERROR)  # it says at every look that no browser is there
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "audits" / _audit_of_a_table(Path(folder))
        many = Path(folder) / "many"
        record = Record.model_validate_json((made / "record.json").read_bytes())
        for number in range(AUDITS):
            name = f"{number:016x}"
            (many / name).mkdir(parents=True)
            (many / name / "record.json").write_bytes(dump(record.model_copy(update={"id": name})))
        _reviewed(many, record)
        os.environ[HOME] = str(Path(folder) / "nothing")
        screen()  # the first run pays for imports
        os.environ[HOME] = str(made.parent)
        yield line("decision page of an audit", median(partial(screen, screen="audit", audit=made.name)), 1.0)
        os.environ[HOME] = str(many)
        yield line(f"list of {AUDITS:,} audits, none indexed yet", median(screen, 1), 1.0)
        _all_read()
        asked: dict[str, dict[str, str]] = {
            "again": {}, "its last page": {"page": "20"}, "search in it": {"search": "answers"},
            "findings register": {"screen": "register"},
        }  # fmt: skip
        for name, address in asked.items():
            screen(**address)
            _all_read(address.get("search", ""))
            yield line(f"list of {AUDITS:,} audits, {name}", median(partial(screen, **address)), 1.0)
        yield from _pages(Path(folder), many)


def _all_read(searched: str = "") -> None:
    """Wait until the index has all audits, all were looked at, and a search is through with the items of all.

    What is behind the screens is no time of theirs.
    """
    from dashboard.indexing import freshness, index
    from dashboard.searched_audits import still_searching
    from dashboard.trust import all_looked_at

    index()
    while freshness().busy or freshness().items or still_searching(searched):
        time.sleep(0.1)
    all_looked_at()


def _pages(folder: Path, many: Path) -> Iterator[Line]:
    from audit.record import ItemsFile
    from dashboard.item_pages import Filters, matching

    path, rng = folder / "items.parquet", np.random.default_rng(0)
    numbers = pa.array(np.arange(ITEMS)).cast("string")
    flags, weights = rng.random(ITEMS) < 0.06, rng.gamma(2.0, 1.2, ITEMS)
    texts = {
        name: pc.binary_join_element_wise(words, numbers, "")
        for name, words in (("question", "Which river flows through the city of number "), ("answer", "It is river "))
    }
    columns = {"item": numbers, **texts, "against": flags, "weight": weights}
    path.write_bytes(parquet_bytes(pa.table(columns)))
    named, ranks = tuple(columns), ("against", "weight")
    items = ItemsFile(path, path.name, columns=named, texts=named[:3], total=ITEMS, ranks=ranks, written=1)
    yield line(f"digest of {ITEMS:,} items", median(lambda: digest_file(path)), 1.0)

    def look(filters: Filters, page: int) -> None:
        matching.cache_clear()
        assert items.rows(matching(items, filters)[page * PAGE : (page + 1) * PAGE]).num_rows == PAGE

    last = ITEMS // PAGE - 1
    looks = {
        "first page": (Filters(), 0), "failures": (Filters(failures=True), 0), "last page": (Filters(), last),
        "text search": (Filters(find="CITY of number 99"), 0), "order by text": (Filters(sort="-question"), 0),
    }
    for name, wanted in looks.items():
        yield line(f"{name} of {ITEMS:,} items", median(partial(look, *wanted)), 1.0)
    yield from _server(many, path, columns)


@contextmanager
def forward_counted() -> Iterator[list[float]]:
    """Count the processor seconds inside the network of language models, by replacing its three ways in."""
    from audit.models.text.network import CausalNetwork

    inside = [0.0]
    names = ("__init__", "states", "logits", "hidden", "prefill", "extend")
    real = {name: getattr(CausalNetwork, name) for name in names}

    def counted(way: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            before = time.process_time()
            try:
                return way(*args, **more)
            finally:
                inside[0] += time.process_time() - before

        return call

    for name, way in real.items():
        setattr(CausalNetwork, name, counted(way))
    try:
        yield inside
    finally:
        for name, way in real.items():
            setattr(CausalNetwork, name, way)


def whole_audit() -> Iterator[Line]:
    """The real language model: all that is not a forward pass against what is."""
    plan = language_model_plan()
    opened = plan.model.open()
    for shares in (plan, replace(plan, checks=plan.checks[:1]), replace(plan, checks=plan.checks[1:])):
        into = tempfile.mkdtemp()
        with forward_counted() as inside:
            before = time.process_time()
            run(replace(shares, model=opened), into=into)
            whole = time.process_time() - before
        shutil.rmtree(into)
        over = whole / inside[0] - 1
        name = "whole audit of the language model" if shares is plan else f"... its check {shares.checks[0].name}"
        yield f"{name:44} {over:9.1%}    goal 5.0 %  ({whole:.1f} s, {inside[0]:.1f} s in the network)", over <= 0.05


def main(word: str = "") -> int:
    """Print the tables."""
    for rows in (commands, controls, screens, whole_audit):
        title = rows.__name__.replace("_", " ")
        if word in title:
            show(title, "processor seconds, median", rows())
    if paces:
        print(f"\nyardstick: {1000 * min(paces):.1f} to {1000 * max(paces):.1f} ms; rows stand as measured")
    return finish()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
