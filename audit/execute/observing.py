"""Observing: a check's data put to its probe, shard by shard, or unit by unit until a limit is decided.

Where shards begin and end depends on the data and the plan alone, so that an answer is found again when the audit goes
on after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from audit.execute.target import random_part, repeatable, units_within
from audit.seeds import rng_for
from audit.verdict import MOST_BETWEEN_LOOKS, Units, begun, in_random_order, labels_of, looks_after, part_of, unit_sizes

if TYPE_CHECKING:
    import pandas as pd

    from audit.ask import Asker
    from audit.plan import Check, Plan
    from audit.probe import Observed

__all__ = [
    "Sizes", "expected_calls", "known_lack", "observe", "population_of", "shards", "shared_with", "size_of_part",
]


class Sizes:
    """How much the data of checks hold; what several checks share is counted once."""

    def __init__(self) -> None:
        self._known: list[tuple[Any, Any]] = []

    def items(self, check: Check, role: str, limit: int | None) -> int:
        """Return how many items a role has, of at most `limit`."""
        return sum(self._once(check, role, limit, _lengths))

    def units(self, check: Check, role: str, limit: int | None) -> tuple[int, ...]:
        """Return how many items each independent unit of a role has."""
        return self._once(check, role, limit, unit_sizes)

    def calls(self, check: Check, limit: int | None) -> int:
        """Return how many items a check asks, as its probe estimates."""
        return sum(check.probe.estimate(self.items(check, role, limit)) for role in check.data)

    def _once(
        self, check: Check, role: str, limit: int | None, count: Callable[[Iterator[pd.DataFrame]], tuple[int, ...]]
    ) -> tuple[int, ...]:
        if role not in check.data:
            return ()
        key = count, limit, check.probe.roles[role], check.data[role]
        found: tuple[int, ...] | None = next((sizes for known, sizes in self._known if known == key), None)
        if found is None:
            found = count(_batches(check, role, limit))
            self._known.append((key, found))
        return found


def _lengths(batches: Iterator[pd.DataFrame]) -> tuple[int, ...]:
    return tuple(map(len, batches))


def expected_calls(plan: Plan, sizes: Sizes | None = None) -> dict[str, int]:
    """Return check -> items that it will ask, from its data alone; a role's rows are counted, no model is opened.

    A check that the model is known not to be able to answer asks none.
    """
    counted = sizes or Sizes()
    return {check.name: 0 if known_lack(plan, check) else counted.calls(check, plan.limit) for check in plan.checks}


def known_lack(plan: Plan, check: Check) -> str | None:
    """Return why a check will be skipped, as far as the model's part tells before it is opened."""
    lacks = getattr(plan.models.get("main"), "lacks", {})
    return next((f"{need}: {lacks[need]}" for need in sorted(check.probe.needs) if need in lacks), None)


def shared_with(plan: Plan, check: Check) -> str | None:
    """Return the first earlier check that asks the very same of the same data, whose answers are taken over."""
    for other in plan.checks:
        if other is check:
            return None
        alike = type(other.probe) is type(check.probe) and other.probe == check.probe and other.data == check.data
        if alike and other.stop == check.stop == "full":
            return other.name
    return None


def _batches(check: Check, role: str, limit: int | None) -> Iterator[pd.DataFrame]:
    return check.data[role].batches(check.probe.roles[role], limit=limit)


def shards(batches: Iterator[pd.DataFrame], size: int) -> Iterator[pd.DataFrame]:
    """Cut a stream of frames into frames of `size` rows; boundaries depend on the rows alone."""
    import pandas as pd

    kept: list[pd.DataFrame] = []
    have = 0
    for batch in batches:
        kept.append(batch)
        have += len(batch)
        while have >= size:
            whole = pd.concat(kept) if len(kept) > 1 else kept[0]
            yield whole.iloc[:size]
            kept, have = [whole.iloc[size:]], have - size
    if have:
        yield pd.concat(kept) if len(kept) > 1 else kept[0]


def observe(check: Check, plan: Plan, door: Asker, role: str, before: Observed) -> pd.DataFrame | None:
    """Return what the probe observed of a role; of `items` last, and with `stop: early` only until it decides.

    plan: as it holds for this check (`audit.execute.target.plan_for`); of a benchmark, its `limit` takes
    units at random.
    """
    import pandas as pd

    benchmark = role == "items" and plan.target == "benchmark"
    batches = _batches(check, role, None if benchmark else plan.limit)
    if role != "items" or (check.stop == "full" and not (benchmark and plan.limit)):
        frames = [check.probe.observe(door, shard, role) for shard in shards(batches, plan.shard)]
        return _whole(frames) if frames else None
    if not (read := list(batches)):
        return None
    main = getattr(door.models.get("main"), "fingerprint", "")  # nobody knows the order before the model is frozen
    ordered = in_random_order(_whole(read), rng_for(plan.seed, check.name, "order", main))
    population = Units(ordered).left if benchmark else None
    part = random_part(ordered, plan.limit) if benchmark else ordered
    if check.stop == "full":
        return _whole([check.probe.observe(door, shard, role) for shard in shards(iter([part]), plan.shard)])
    assert check.limit is not None
    units, frames = Units(part), list[pd.DataFrame]()
    size = begun(check.limit, plan.check_level(check), plan.keep_level(check)).quiet(MOST_BETWEEN_LOOKS)
    while units.left and size:
        frames.append(check.probe.observe(door, units.take(size), role))
        size = _next(check, plan, {**before, role: pd.concat(frames)}, population)
    return pd.concat(frames) if frames else None


def size_of_part(check: Check, limit: int | None) -> tuple[int, int, int]:
    """Return (items, units, population): what of a benchmark is asked at most, and how many units it has."""
    import pandas as pd

    read = [labels_of(batch) for batch in _batches(check, "items", None)]
    labels = pd.concat(read) if read else pd.Series([], dtype=str)
    units = labels.nunique() if limit is None or limit >= len(labels) else units_within(labels, limit)
    return min(limit or len(labels), len(labels)), units, labels.nunique()


def population_of(check: Check, plan: Plan, observed: Observed, sizes: Sizes) -> int | None:
    """Return how many units the benchmark has that the check's numbers are those of; None where they speak of more."""
    if plan.target == "population" or not repeatable(check.probe, observed):
        return None
    return len(sizes.units(check, "items", None))


def _whole(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one; where only some name units, any other item is its own."""
    import pandas as pd

    whole = pd.concat(frames)
    if "unit" in whole and whole["unit"].notna().any():
        whole["unit"] = whole["unit"].where(whole["unit"].notna(), whole.index.to_series())
    return whole


def _next(check: Check, plan: Plan, observed: Observed, population: int | None) -> int:
    """Return how many units to ask before the next look; 0 where the limit is decided."""
    assert check.limit is not None
    level = plan.check_level(check)
    result = check.probe.judge(observed, level=level, rng=rng_for(plan.seed, check.name, "judge"))
    part = part_of(observed, population) if repeatable(check.probe, observed) else None
    return looks_after(result, check.limit, level, plan.keep_level(check), part)
