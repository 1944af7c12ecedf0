"""A data audit whose numbers are known: the share of items that say 1, and plans with one check for each share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from audit.data.tabular import File
from audit.plan import Check, Plan
from audit.probe import COUNT, SHARE, Range, Role
from audit.record import Limit


@dataclass(frozen=True)
class Ones:
    """Share of items whose text is 1."""

    crash_above: float = 1.0
    """Raise where a stricter level is asked for, for tests of what a crash leaves behind."""

    name: ClassVar[str] = "outside.ones"
    dimension: ClassVar[str] = "quality"
    roles: ClassVar[dict[str, Role]] = {
        "items": Role({"text": "0 or 1", "unit": "independent unit"}, optional=frozenset({"unit"}))
    }
    measures: ClassVar[dict[str, Range]] = {"ones": SHARE, "length": COUNT}
    needs: ClassVar[frozenset[str]] = frozenset()

    def estimate(self, items):
        return items

    def observe(self, ask, items, role):
        return items

    def judge(self, observed, *, level, rng):
        from detectors.intervals import mean_over_units
        from detectors.result import Measure, Result

        if level > self.crash_above:
            raise RuntimeError("planted crash")
        frame = observed["items"]
        items = frame.assign(value=frame["text"].astype(float))
        units = frame["unit"].to_numpy() if "unit" in frame else None
        mean = mean_over_units(items["value"].to_numpy(), units, level=level, rng=rng, binary=True)
        common = {"unit": "share", "level": level, "n": mean.n}
        ones = Measure(
            name="ones", value=mean.value, low=mean.low, high=mean.high, method=mean.method, mean_of="value",
            unit_of=None if units is None else "unit", direction="lower is better", **common,
        )
        length = Measure(name="length", value=1.0, direction="neither", method="none", **{**common, "unit": "count"})
        return Result((ones, length), items=items)

    def controls(self, rng):
        import pandas as pd

        index = pd.Index([str(i) for i in range(200)], name="id")
        return tuple({"items": pd.DataFrame({"text": text}, index)} for text in ("1", "0"))

    def found(self, result):
        return result.headline.low > 0.5


def write_ones(folder: Path, name: str, ones: int, total: int, *, units: int | None = None, seed: int = 0) -> File:
    """Write a file of `total` items of which `ones` say 1, in random order."""
    texts = np.random.default_rng(seed).permutation(np.arange(total) < ones).astype(int)
    rows = [f"{name}-{i},{text},{i % units if units else i}" for i, text in enumerate(texts)]
    path = folder / f"{name}.csv"
    path.write_text("id,text,unit\n" + "\n".join(rows) + "\n")
    fields = {"text": "text", **({"unit": "unit"} if units else {})}
    return File(path, id="id", fields=fields)


def plan_of_rates(
    folder: Path, counts: Iterable[tuple[int, int]], *, at_most: float = 0.3, gating: bool | None = None, **more
) -> Plan:
    """One check for each (ones, total); `stop` goes to the checks, the rest to the plan."""
    stop = more.pop("stop", "full")
    limit = Limit(measure="ones", at_most=at_most)
    checks = tuple(
        Check(f"c{i}", Ones(), {"items": write_ones(folder, f"c{i}", *count)}, limit, gating=gating, stop=stop)
        for i, count in enumerate(counts)
    )
    return Plan(**{"title": "Rates", "checks": checks, **more})
