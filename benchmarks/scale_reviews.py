"""Many writers of one audit's reviews at once: how many entries a second, how many are lost, is the chain whole.

`python benchmarks/scale.py reviews [--writers 8] [--entries 100] [--kills 20] [--url postgresql://...]`: each writer is
a process that says so many words of one audit; on the file all write to one folder, on SQLite and PostgreSQL each has a
folder of its own, as on a host of its own. Then a writer is killed (SIGKILL) so many times at a random moment, and what
it told as kept is compared with what is there. Without `--url` a server of Debian's package is started, if it is there.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from audit.execute import run
from audit.record import REVIEWS_FILE, Audit, load_record
from audit.review import REVIEWS, Comment, add_reviews, pull_reviews, read_reviews

sys.path.append(str(Path(__file__).parents[1] / "tests"))


def made(root: Path) -> Audit:
    """Return a small audit."""
    import kills

    return run(replace(kills.plan(), title="Reviews", limit=50), into=root)


def hosts(audit: Audit, root: Path, count: int, *, apart: bool) -> list[Path]:
    """Return the folders that so many writers have: one each, or the same."""
    if not apart:
        return [Path(shutil.copytree(audit.folder, root / "shared" / audit.folder.name))] * count
    return [Path(shutil.copytree(audit.folder, root / f"host-{one}" / audit.folder.name)) for one in range(count)]


def speak(folder: Path, name: str, entries: int, told: int) -> None:
    """Say so many words, and tell of each when it was kept."""
    audit = load_record(folder)
    for number in range(entries):
        add_reviews(audit, Comment(check="pairs", text=f"{name} {number}"), author=f"Writer {name}")
        os.write(told, f"{name} {number}\n".encode())


def writers(folders: Sequence[Path], entries: int) -> tuple[list[int], int]:
    """Start a process for each folder; returns their numbers, and where they tell."""
    reader, told = os.pipe()
    children = []
    for name, folder in enumerate(folders):
        if not (child := os.fork()):
            try:
                speak(folder, str(name), entries, told)
            except BaseException as error:  # the child must not go on in the parent's code
                print(f"writer {name}: {error}", file=sys.stderr)
            os._exit(0)
        children.append(child)
    os.close(told)
    return children, reader


def heard(reader: int, begun: str = "") -> list[str]:
    """Return the whole lines that were told; begun: what of the first was read already."""
    with os.fdopen(reader) as file:
        return (begun + file.read()).split("\n")[:-1]


def said(folder: Path) -> list[str]:
    """Return all words; IntegrityError where the chain is not whole."""
    audit = load_record(folder)
    pull_reviews(audit)
    return [entry.says.text for entry in read_reviews(folder).entries if isinstance(entry.says, Comment)]


def throughput(folders: Sequence[Path], entries: int) -> str:
    begun = time.monotonic()
    children, reader = writers(folders, entries)
    kept = heard(reader)
    for child in children:
        os.waitpid(child, 0)
    takes, there = time.monotonic() - begun, said(folders[0])
    ordered = all(
        [one for one in there if one.startswith(f"{name} ")] == [f"{name} {number}" for number in range(entries)]
        for name in range(len(folders))
    )
    same = len({(said(folder), (folder / REVIEWS_FILE).read_bytes())[1] for folder in folders}) == 1
    wanted = len(folders) * entries
    return (
        f"{wanted - len(set(there))} of {wanted} lost, {len(there) - len(set(there))} twice, {len(kept)} told as kept; "
        f"chain whole, each writer's order {'kept' if ordered else 'BROKEN'}, "
        f"{'the same' if same else 'OTHER'} bytes everywhere; {wanted / takes:.0f} entries/s"
    )


def killed(folder: Path, reader_folder: Path, times: int) -> str:
    """Kill a writer so many times; tell how many entries were told as kept and are not there, and how many untold."""
    chance, lost, untold, before = random.Random(7), 0, 0, len(said(reader_folder))
    for _ in range(times):
        (child,), reader = writers([folder], 1_000_000)
        first = os.read(reader, 1)  # it is at work
        time.sleep(chance.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kept, there = len(heard(reader, first.decode())), len(said(reader_folder))
        lost += max(0, before + kept - there)
        untold = max(untold, there - before - kept)
        before = there
    return f"{times} kills: {lost} of {before} entries lost that were told as kept, at most {untold} kept and not told"


@contextmanager
def places(root: Path, url: str | None) -> Iterator[dict[str, str | None]]:
    """Lend where reviews can be kept: name -> database, None for the file."""
    found: dict[str, str | None] = {"file": None, "sqlite": str(root / "reviews.sqlite")}
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
    if url is not None or programs is None:
        yield found if url is None else {**found, "postgresql": url}
        return
    import postgres

    with postgres.server(programs) as server:
        yield {**found, "postgresql": postgres.fresh_database(server)}


def main(words: Sequence[str]) -> int:
    """Print a line for each place."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--entries", type=int, default=100, help="of each writer")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--url", help="of a PostgreSQL that is there")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as there, places(Path(there), given.url) as found:
        root = Path(there)
        audit = made(root / "audits")
        for name, database in found.items():
            os.environ.update({REVIEWS: database} if database else {})
            folders = hosts(audit, root / name, given.writers, apart=database is not None)
            print(f"{name}: {given.writers} writers: {throughput(folders, given.entries)}", flush=True)
            print(f"{name}: {killed(folders[0], folders[-1], given.kills)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
