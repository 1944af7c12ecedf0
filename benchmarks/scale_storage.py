"""What an object store costs: a stored answer, and a list of many audits, cold and warm.

`python benchmarks/scale.py storage [--shards 200] [--audits 1000]` starts a real S3-type server beside itself (moto, in
one Python process on this machine), so that its figures hold the server's own time and no network. Four things:

    answer    a run of so many shards of a model that answers at once, on a disk and in the store: seconds a shard;
              the records must be equal to the byte, and the store hold every file that the disk holds
    behind    the same with a model that takes 50 ms a shard: what of the store's time is hidden behind the model
    list      so many finished audits as `dokimasia list` reads them from an empty cache; as the dashboard does
    again     the same again, when nothing changed: looked at, and nothing fetched
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import obstore

from audit.data.tabular import Builtin
from audit.execute import run
from audit.files import sha256
from audit.plan import Check, Plan
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.storage import LISTED, access, bring_heads, local_folder
from audit.storage.working import HEADS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from object_store import Bucket, moto

SHARD, TURNS = 2, 3


class Letters:
    """A model whose log probability of a text is made from its digest, after a while."""

    name, family, modality, fingerprint = "letters", "letters", "text", "sha256:letters"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def log_prob(self, items: Sequence[Any]) -> tuple[np.ndarray, str]:
        """Return (nats [item], `exact`)."""
        time.sleep(self._seconds)
        return np.array([-int(sha256(repr(item).encode())[7:11], 16) / 1000 for item in items]), "exact"


def plan(shards: int, seconds: float) -> Plan:
    """A plan of so many shards."""
    data = {"items": Builtin(name="stereotype_pairs")}
    checks = (Check("pairs", StereotypePairs(), data),)
    return Plan(title="Letters", checks=checks, model=Letters(seconds), limit=shards * SHARD, shard=SHARD)


def timed_run(into: str, shards: int, seconds: float) -> tuple[float, Path]:
    """Return how long a run took, and its folder."""
    begun = time.perf_counter()
    done = run(plan(shards, seconds), into=into)
    return time.perf_counter() - begun, done.folder


def answers(bucket: Bucket, home: Path, url: str, shards: int) -> None:
    """Print what a stored answer costs."""
    timed_run(str(home / "warm-up"), 8, 0)
    for name, seconds in (("answer", 0.0), ("behind", 0.05)):
        disk = store = float("inf")
        for turn in range(TURNS):  # by turns, and the least of each, as other work shares the machine
            once, here = timed_run(str(home / f"{name}{turn}"), shards, seconds)
            again, there = timed_run(f"{url}/{name}{turn}", shards, seconds)
            disk, store = min(disk, once), min(store, again)
        equal = (here / "record.json").read_bytes() == (there / "record.json").read_bytes()
        files = {path.relative_to(here).as_posix() for path in here.rglob("[!.]*") if path.is_file()}
        place = f"/{name}{TURNS - 1}/{there.name}/"
        held = {key.partition(place)[2] for key in bucket.listed() if place in key}
        on_disk, in_store = 1000 * disk / shards, 1000 * store / shards
        print(
            f"{name:8} {shards} shards: disk {on_disk:.1f} ms a shard, store {in_store:.1f} ms, "
            f"{in_store - on_disk:+.1f} ms; records {'equal' if equal else 'DIFFER'}; {len(files - held)} files lack"
        )
        assert equal
        assert not files - held


def listing(bucket: Bucket, home: Path, url: str, audits: int) -> None:
    """Print how long a list of many audits takes."""
    _, folder = timed_run(f"{url}/one", 20, 0)
    small = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name[0] != "."}
    prefix = url.removeprefix(f"s3://{bucket.name}/")
    for number in range(audits):
        for name, data in small.items():
            bucket.put(f"{prefix}/many/{number:016x}/{name}", data)
    for name, names in (("list", LISTED), ("screens", HEADS)):
        os.environ["XDG_CACHE_HOME"] = str(home / f"empty-{name}")
        access._COPIES.clear()
        root = local_folder(f"{url}/many")
        for which in (name, "again"):
            asked = Counter[str]()
            with counted(asked):
                begun, before = time.perf_counter(), time.process_time()
                bring_heads(root, names)
                taken, used = time.perf_counter() - begun, time.process_time() - before
            found = len(list(root.glob("*/record.json")))
            print(f"{which:8} {found} audits of {len(small)} small files: {asked['list']} listings and {asked['get']} "
                  f"reads, {taken:.2f} s, {used:.2f} s of a processor")  # fmt: skip
            assert found == audits


@contextmanager
def counted(asked: Counter[str]) -> Iterator[None]:
    """Count the requests to the store: a listing has a thousand objects."""
    get, pages = obstore.get, obstore.list

    def got(*words: Any, **more: Any) -> Any:
        asked["get"] += 1
        return get(*words, **more)

    def listed(*words: Any, **more: Any) -> Iterator[Any]:
        for page in pages(*words, **more):
            asked["list"] += 1
            yield page

    obstore.get, obstore.list = got, listed
    try:
        yield
    finally:
        obstore.get, obstore.list = get, pages


def main(words: Sequence[str]) -> int:
    """Print the figures; 1 where a record differs or a file lacks."""
    parser = argparse.ArgumentParser(prog="scale.py storage")
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--audits", type=int, default=1000)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="storage-") as place, moto() as server:
        os.environ.update(
            AWS_ENDPOINT_URL=server, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_REGION="us-east-1",
            XDG_CACHE_HOME=str(Path(place) / "cache"),
        )  # fmt: skip
        bucket = Bucket(server, "scale").make()
        answers(bucket, Path(place), "s3://scale/audits", asked.shards)
        listing(bucket, Path(place), "s3://scale/audits", asked.audits)
    return 0
