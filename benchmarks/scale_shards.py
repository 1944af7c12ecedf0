"""A shard in one process: what cutting items into shards costs, and what a shard costs that is taken up again.

    overhead = (of N shards - of one shard that holds the same items) / (N - 1)      processor time
    resume   = (taking up M stored shards - taking up F of them) / (M - F)           processor time, seconds, bytes

A table answers at once, so that nothing but the audit itself is timed. An audit is interrupted behind its last answer:
to take it up is to read every stored answer, to observe it and to judge. The same slope over audits that ask is printed
beside it, and both are from one run, as a busy machine makes all of it dearer alike.

`python benchmarks/scale.py shards`.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from audit.data.tabular import File
from audit.execute import RunCallbacks, run
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probes.factuality.closed_book import ClosedBook

__all__ = ["FEW", "ITEMS", "MANY", "check_of", "fast_plan", "main"]

FEW, MANY, ITEMS = 40, 240, 64
"""Shards of the two audits that a slope is of, and items in each."""
_MOST = 4096
"""Items of the largest shard that a plan allows."""


class Cost(NamedTuple):
    """What a run took."""

    processor: float
    """Seconds of the processor."""
    seconds: float

    def per(self, other: Cost, shards: int) -> Cost:
        """Return in ms what each of so many shards took more than another run."""
        return Cost(*(1000 * (mine - theirs) / shards for mine, theirs in zip(self, other, strict=True)))


def main(words: Sequence[str] = ()) -> int:
    """Print overhead and cost of resuming."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        run(fast_plan(home, 2), into=home / "warm-up")
        _overhead(home)
        _resume(home)
    return 0


def check_of(home: Path, count: int) -> Check:
    """Return a check of so many questions."""
    path = home / f"questions-{count}.jsonl"
    rows = [{"question": f"What is number {number}?", "aliases": ["answer"]} for number in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Check("questions", ClosedBook(mode="generate", prompt="{question} A:"), {"items": File(path)})


def fast_plan(home: Path, shards: int, size: int = ITEMS) -> Plan:
    """Return a plan of so many shards, of a table that answers at once."""
    count = shards * size
    table = home / f"outputs-{count}.jsonl"
    rows = [{"prompt": f"What is number {number}? A:", "output": "answer"} for number in range(count)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Plan("Fast", (check_of(home, count),), model=OutputTable(table, prompt="prompt"), shard=size)


def _cost(plan: Plan, into: Path, watch: RunCallbacks | None = None) -> Cost:
    begun, before = time.perf_counter(), time.process_time()
    run(plan, into=into, watch=watch)
    return Cost(time.process_time() - before, time.perf_counter() - begun)


def _overhead(home: Path) -> None:
    shards = _MOST // ITEMS
    many = _cost(fast_plan(home, shards), home / "many")
    one = _cost(fast_plan(home, 1, _MOST), home / "one")
    each = many.per(one, shards - 1)
    print(f"{_MOST:,} items in {shards} shards and in one: {each.processor:.1f} ms of processor time a shard, "
          f"{each.seconds:.1f} ms by the clock")  # fmt: skip


def _resume(home: Path) -> None:
    asked, again, bytes_of = {}, {}, {}
    for shards in (FEW, MANY):
        plan, into = fast_plan(home, shards), home / f"cut-{shards}"
        asked[shards] = _cost(plan, home / f"whole-{shards}")
        bytes_of[shards] = sum(path.stat().st_size for path in (home / f"whole-{shards}").rglob("*") if path.is_file())
        heard = iter(range(1, shards))
        with suppress(KeyboardInterrupt):
            run(plan, into=into, watch=RunCallbacks(on_answer=lambda items, heard=heard: _last(heard)))
        again[shards] = _cost(plan, into)
        assert sorted(into.glob("*/record.json"))
    one, two = (cost[MANY].per(cost[FEW], MANY - FEW) for cost in (asked, again))
    size = (bytes_of[MANY] - bytes_of[FEW]) / (MANY - FEW)
    for name, cost in (("asked", one), ("taken up again", two)):
        print(f"a shard of {ITEMS} items, {name}: {cost.processor:.1f} ms of processor time, {cost.seconds:.1f} ms "
              "by the clock")  # fmt: skip
    print(f"on disk: {size / 1000:.1f} kB a shard")


def _last(heard: object) -> None:
    """Interrupt behind the last answer."""
    if next(heard, None) is None:  # type: ignore[call-overload]
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
