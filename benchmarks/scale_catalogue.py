"""The index over a hundred thousand audits and the dashboard that asks it: made, brought up to date, asked; with goals.

`python benchmarks/scale_catalogue.py [COUNT] [FOLDER]`: makes COUNT (100,000) audits in FOLDER (a temporary one), each
a copy of one real audit of a table with another id, title, model and verdict; its other files are hard links. Seconds
are those of a clock, so run it on a machine that does nothing else; processor seconds stand beside them. A folder that
was made is used again. The last line counts the goals that are missed, and so does the exit code.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from promises import _audit_of_a_table
from tables import finish, show

from audit.catalogue import Asked, Catalogue

Line = tuple[str, bool]
WORDS = ("river", "bridge", "harvest", "편향", "harbour", "lantern", "수도", "meadow")
_LINKS = 20_000
"""Names of one file; a disk has a limit."""
_CYCLE = ("passed", "failed", "inconclusive", "passed", "crashed", "passed")


def make(home: Path, count: int) -> None:
    """Make audits `home/<16 digits>`; those that are there stay."""
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        made = Path(folder) / "audits" / _audit_of_a_table(Path(folder))
        record = json.loads((made / "record.json").read_bytes())
        others = [path.relative_to(made) for path in made.rglob("*") if path.is_file() and path.name != "record.json"]
        for number in range(count):
            name = f"{number:016x}"
            if not (home / name / "record.json").exists():
                first = home / f"{number - number % _LINKS:016x}"
                _copy(made if first.name == name else first, home / name, others, record, number)


def _copy(made: Path, folder: Path, others: list[Path], record: dict, number: int) -> None:
    verdict, word = _CYCLE[number % len(_CYCLE)], WORDS[number % len(WORDS)]
    put = shutil.copy if number % _LINKS == 0 else os.link
    for path in others:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        put(made / path, folder / path)
    folder.mkdir(exist_ok=True)
    record |= {"id": folder.name, "title": f"Audit {number:,} of the {word}", "verdict": verdict}
    record["models"]["main"]["name"] = f"model-{number % 997}"
    record["findings"][0]["verdict"] = verdict
    (folder / "record.json").write_bytes(json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n")


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds and the processor seconds of some work."""
    begun, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - used


def line(name: str, took: tuple[float, float], goal: float) -> Line:
    """Return a row of the table and whether it keeps its goal."""
    return f"{name:52} {took[0]:8.3f} s  ({took[1]:.3f} s of a processor)  goal {goal:g} s", took[0] <= goal


def build(home: Path, count: int) -> Iterator[Line]:
    """From nothing: audits, then the texts of their items."""
    place = home / ".catalogue.sqlite"
    for end in ("", "-wal", "-shm"):
        place.with_name(f"{place.name}{end}").unlink(missing_ok=True)
    index = Catalogue(home)
    first = taken(lambda: index.refresh(whole=True))
    yield f"{'audits a second, first reading':52} {count / first[0]:8.0f}    goal 500", count / first[0] >= 500
    items = taken(index.read_items)
    yield f"{'... and of the texts of their items':52} {count / items[0]:8.0f}    goal 500", count / items[0] >= 500
    yield f"{'size of the index':52} {place.stat().st_size / 2**20:8.0f} MB", True


def ask(home: Path, count: int) -> Iterator[Line]:
    """What a list asks, in a process that has just begun to look, and again."""
    index = Catalogue(home)
    look = taken(lambda: (index.names(Asked(), 0, 50), index.counts("Kim")))
    yield line("first page and counts, of a process", look, 1)
    yield line("first refresh of a process", taken(index.refresh), 1)
    yield line("refresh, nothing new", taken(index.refresh), 0.5)
    new = home / "ffffffffffffffff"
    _copy(home / f"{0:016x}", new, [], json.loads((home / f"{1:016x}" / "record.json").read_bytes()), count)
    yield line("refresh, one new", taken(index.refresh), 0.5)
    assert index.count(Asked(search=f"audit {count:,} of")) == 1
    (new / "record.json").unlink()
    new.rmdir()
    yield line("refresh, one gone", taken(index.refresh), 0.5)
    yield line("refresh, all stamps compared", taken(lambda: index.refresh(whole=True)), 2)
    for wanted in ("audit 99,9", "harvest", "편향", "it is number 7", "no such words"):
        asked = Asked(search=wanted)
        look = taken(lambda asked=asked: (index.names(asked, 0, 50), index.count(asked)))
        yield line(f"search {wanted!r}: page and count", look, 1)
    last = Asked(order="title")
    yield line("last page, by title", taken(lambda: index.names(last, count - 50, 50)), 1)


SCREENS = """
import logging, os, sys, time
from pathlib import Path
logging.disable(logging.ERROR)
from streamlit.testing.v1 import AppTest
import dashboard
def screen(**address):
    app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=600)
    for name, value in address.items():
        app.query_params[name] = value
    begun, used = time.perf_counter(), time.process_time()
    assert not app.run().exception
    return time.perf_counter() - begun, time.process_time() - used
os.environ["DOKIMASIA_AUDITS"] = "nothing"
screen()  # the first run pays for imports
os.environ["DOKIMASIA_AUDITS"] = sys.argv[1]
for query in sys.argv[2:]:
    print(*screen(**dict(part.split("=") for part in query.split("&") if part)))
pages = int(Path("/proc/self/statm").read_text().split()[1])
print(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 0)
"""
"""A process of its own, as the server is one; its processor seconds hold what is done behind the screens meanwhile."""


def screens(home: Path, count: int) -> Iterator[Line]:
    """The dashboard's: what a reader waits for, in a process that has just begun, and its memory at the end."""
    queries = {
        "first table of a process": "", "the list again": "", "its last page": f"page={-(-count // 50)}",
        "by title": "order=title", "to decide": "only=decide", "search 'harvest'": "search=harvest",
        "search 'it is number 7'": "search=it is number 7", "findings register": "screen=register",
        "trends": "screen=trends",
    }  # fmt: skip
    asked = [sys.executable, "-c", SCREENS, str(home), *queries.values()]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    *looks, memory = [tuple(map(float, one.split())) for one in told]
    for name, (wall, used) in zip(queries, looks, strict=True):
        yield line(name, (wall, used), 1)
    yield f"{'memory of that process':52} {memory[0]:8.0f} MB  goal 500 MB", memory[0] <= 500


def main(words: list[str]) -> int:
    """Print the tables."""
    count, folder = [*words, *("100000", "")[len(words) :]]
    with tempfile.TemporaryDirectory() as own:
        home = Path(folder or own) / "audits"
        make(home, int(count))
        for rows in (build, ask, screens):
            show(rows.__doc__.partition(":")[0], f"{int(count):,} audits", rows(home, int(count)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show("memory", "peak of this process", [(f"{peak:.0f} MB  goal 500 MB", peak <= 500)])
    return finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
