"""What 1,000 models x 1,000,000 items would take, worked out from what was measured: docs/extrapolation.md.

    hours of a core  = models x (items / shard) x ms of a shard / 3.6e6
    hours of answers = items x seconds of a call / in flight / 3,600

Every figure is a range, its ends the least and the most that was seen; what is worked out from it is a range with it.
Nothing of this size was run. `python benchmarks/scale.py extrapolate [NAME=LOW:HIGH ...] [--write]` prints the page,
with other figures where they are given, and writes it where asked.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["FIGURES", "PAGE", "Figure", "main", "page"]

MODELS, ITEMS, SHARD = 1_000, 1_000_000, 64
PAGE = Path(__file__).parents[1] / "docs" / "extrapolation.md"


class Figure(NamedTuple):
    """A figure that was measured, from its least to its most."""

    low: float
    high: float
    unit: str
    what: str
    command: str
    """What measures it."""


FIGURES = {
    "shard_here": Figure(11.4, 47.2, "ms", "processor time of a shard of 64 items that a table answers", "ray, shards"),
    "shard_ray": Figure(14.8, 42.9, "ms", "what a shard takes more on Ray, audit and workers together", "ray"),
    "shard_again": Figure(12.5, 33.2, "ms", "processor time of a stored shard that is taken up again", "shards"),
    "shard_disk": Figure(3.7, 3.7, "kB", "a shard of short answers on disk", "shards"),
    "latency": Figure(0.2, 0.2, "s", "a call of the slow endpoint, 8 in flight of each model", "endpoint, ray"),
    "table_time": Figure(13.1, 17.4, "s", "processor time of a table of 1e6 rows, one check", "memory 1e6"),
    "table_memory": Figure(421.0, 528.0, "MB", "memory of one such audit at its peak", "memory 1e6"),
    "table_disk": Figure(10.0, 36.0, "MB", "such an audit on disk", "memory 1e6"),
    "indexed": Figure(3_000.0, 3_000.0, "a second", "audits that the catalogue reads the first time", "catalogue"),
    "listed": Figure(4.9, 7.0, "ms", "an audit of a list from an object store, empty cache", "storage"),
}  # fmt: skip
"""Name -> figure; all of a machine whose two cores some 20 others used, so that the least is no quiet one's."""

_ASSUMED = """
- Cost grows with the number of shards and of models. Slopes were measured between 40 and 240 shards of 64 items, and on
  tables of 1,000,000 rows.
- No two audits share data or answers, none stops early, none is asked twice; a check asks each item once.
- Answers are short, as those of the benchmark. What a model computes is in no figure; the lines of answers are
  arithmetic.
- Hours are of one core of the machine that measured, and divided by the cores that audits have at a time.
- Store, network and endpoints keep up with all who ask at once; no limit a minute and no budget holds anybody back.
"""
_AT_ONCE = 64
"""Models that are asked at a time."""


def main(words: Sequence[str] = ()) -> int:
    """Print the page, or write it."""
    given = [word for word in words if word != "--write"]
    text = page({**FIGURES, **dict(map(_given, given))})
    if "--write" in words:
        PAGE.write_text(text)
    else:
        print(text, end="")
    return 0


def _given(word: str) -> tuple[str, Figure]:
    name, _, ends = word.partition("=")
    low, _, high = ends.partition(":")
    if name not in FIGURES or not ends:
        sys.exit(f"{word}: no figure; allowed: NAME=LOW or NAME=LOW:HIGH, of {', '.join(FIGURES)}")
    return name, FIGURES[name]._replace(low=float(low), high=float(high or low))


def page(figures: Mapping[str, Figure]) -> str:
    """Return the page in Markdown."""
    measured = [
        f"| {one.what} (`{name}`) | {_range(one.low, one.high)} {one.unit} | `scale.py {one.command}` |"
        for name, one in figures.items()
    ]
    worked = [f"| {what} | {_range(*ends)}{unit and f' {unit}'} | {how} |" for what, ends, unit, how in _rows(figures)]
    return "\n".join([
        f"# {MODELS:,} models x {ITEMS:,} items", "",
        "Worked out by `python benchmarks/scale.py extrapolate --write` from what was measured, and not run. "
        "[Scale](scale.md) says", "how each figure was measured and on what; with figures of your own "
        "(`extrapolate shard_here=9:12`) it prints yours.", "",
        "| measured | | by |", "|---|---|---|", *measured, "",
        f"| for {MODELS:,} models x {ITEMS:,} items | | how |", "|---|---|---|", *worked, "",
        "Assumed:", _ASSUMED,
    ])  # fmt: skip


def _rows(figures: Mapping[str, Figure]) -> list[tuple[str, tuple[float, float], str, str]]:
    """Return (what, (low, high), unit, how) of each line."""

    def ends(name: str, factor: float) -> tuple[float, float]:
        return figures[name].low * factor, figures[name].high * factor

    shards, hour = -(-ITEMS // SHARD), 3_600
    one = ITEMS / 8 / hour
    return [
        ("shards", (MODELS * shards,) * 2, "", f"{MODELS:,} x {shards:,}"),
        ("the audit itself, in one process", ends("shard_here", MODELS * shards / 1000 / hour), "hours of a core",
         "shards x `shard_here`"),
        ("on Ray on top of it", ends("shard_ray", MODELS * shards / 1000 / hour), "hours of a core",
         "shards x `shard_ray`"),
        ("one audit taken up behind its last answer", ends("shard_again", shards / 1000 / 60), "minutes of a core",
         f"{shards:,} x `shard_again`"),
        ("answers on disk", ends("shard_disk", MODELS * shards / 1e6), "GB", "shards x `shard_disk`"),
        ("the same as tables, one check each", ends("table_time", MODELS / hour), "hours of a core", "x `table_time`"),
        ("tables on disk", ends("table_disk", MODELS / 1000), "GB", "x `table_disk`"),
        ("memory of 8 audits of tables at a time", ends("table_memory", 8 / 1000), "GB", "8 x `table_memory`"),
        ("an index over the audits", tuple(MODELS / end for end in (figures["indexed"].high, figures["indexed"].low)),
         "s", "1 / `indexed`"),  # type: ignore[list-item]
        ("a first list of them from an object store", ends("listed", MODELS / 1000), "s", "x `listed`"),
        ("answers of one model", ends("latency", one), "hours", "items x `latency` / 8"),
        (f"answers of all, {_AT_ONCE} models at a time", ends("latency", MODELS * one / _AT_ONCE), "hours",
         f"that x {MODELS:,} / {_AT_ONCE}"),
    ]  # fmt: skip


def _range(low: float, high: float) -> str:
    """Return two ends, of two digits or so; one where they are alike."""
    ends = [f"{end:,.0f}" if end >= 100 else f"{end:.3g}" for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
