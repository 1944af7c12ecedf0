"""Observing: a check's data put to its probe, shard by shard, or unit by unit until a limit is decided.

Where shards begin and end depends on the data and the plan alone, so that an answer is found again when the audit goes
on after a kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from audit.errors import DataError
from audit.execute.target import random_part, repeatable
from audit.fit import content_digests
from audit.probe import observing
from audit.seeds import rng_for
from audit.verdict import MOST_BETWEEN_LOOKS, Units, begun, in_random_order, looks_after, part_of

if TYPE_CHECKING:
    import pandas as pd

    from audit.ask import Asker
    from audit.plan import Check, Plan
    from audit.probe import Observed, Observer
    from audit.verdict import Part
    from detectors.result import Result

__all__ = ["Watch", "observe", "shards"]


@runtime_checkable
class _Fitted(Protocol):
    def learnt(self) -> frozenset[str]: ...


class Watch:
    """Hears what is observed; this one does nothing with it."""

    def observed(self, check: Check, role: str, items: int) -> None:
        """Hear of items of a role that are through."""

    def looked(self, check: Check, result: Result, part: Part | None) -> None:
        """Hear what a check that stops early sees at a look."""


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


def observe(
    check: Check, plan: Plan, door: Asker, role: str, before: Observed, watch: Watch | None = None
) -> pd.DataFrame | None:
    """Return what the probe observed of a role; of `items` last, and with `stop: early` only until it decides.

    plan: as it holds for this check (`audit.execute.target.plan_for`); of a benchmark, its `limit` takes units at
    random.
    """
    with observing(check.probe, role, before) as observer:
        return _observed(observer, check, plan, door, role, before, watch or Watch())


def _observed(
    observer: Observer, check: Check, plan: Plan, door: Asker, role: str, before: Observed, watch: Watch
) -> pd.DataFrame | None:
    import pandas as pd

    benchmark = role == "items" and plan.target == "benchmark"
    batches = _unseen(check, plan, role, check.batches(role, None if benchmark else plan.limit))

    def observed(part: pd.DataFrame) -> pd.DataFrame:
        frame = observer.observe(door, part, role)
        watch.observed(check, role, len(part))
        return frame

    if role != "items" or (check.stop == "full" and not (benchmark and plan.limit)):
        parts = shards(batches, plan.shard) if door.models else batches
        frames = [observed(part) for part in parts]
        return _whole(frames) if frames else None
    if not (read := list(batches)):
        return None
    main = door.models.get("main")  # nobody knows the order before the model, or the data, are frozen
    asked = check.data[role].digest() if main is None else getattr(main, "fingerprint", "")
    ordered = in_random_order(_whole(read), rng_for(plan.seed, check.name, "order", asked))
    population = Units(ordered).left if benchmark else None
    part = random_part(ordered, plan.limit) if benchmark else ordered
    if check.stop == "full":
        return _whole([observed(shard) for shard in shards(iter([part]), plan.shard)])
    assert check.limit is not None
    units, frames = Units(part), list[pd.DataFrame]()
    size = begun(check.limit, plan.check_level(check), plan.keep_level(check)).quiet(MOST_BETWEEN_LOOKS)
    while units.left and size:
        frames.append(observed(units.take(size)))
        size = _next(check, plan, {**before, role: pd.concat(frames)}, population, watch)
    return pd.concat(frames) if frames else None


def _unseen(check: Check, plan: Plan, role: str, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Pass on a role's items; raises DataError where a model of the plan learnt from one that it must not know."""
    learnt = {}
    if check.probe.roles[role].unseen:
        folders = ((name, model.learnt()) for name, model in plan.models.items() if isinstance(model, _Fitted))
        learnt = {name: seen for name, seen in folders if seen}
    for batch in batches:
        told = content_digests(batch) if learnt else []
        for name, seen in learnt.items():
            if known := [item for item, one in zip(batch.index, told, strict=True) if one in seen]:
                told_of = f"{check.name}: {role}: the model {name} learnt from item {known[0]}"
                raise DataError(f"{told_of}; allowed: items that it was not trained on")
        yield batch


def _whole(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one; where only some name units, any other item is its own."""
    import pandas as pd

    from detectors.arrays import unit_column

    whole = pd.concat(frames)
    if "unit" in whole and whole["unit"].notna().any():
        whole["unit"] = unit_column(whole)
    return whole


def _next(check: Check, plan: Plan, observed: Observed, population: int | None, watch: Watch) -> int:
    """Return how many units to ask before the next look; 0 where the limit is decided."""
    assert check.limit is not None
    level = plan.check_level(check)
    result = check.probe.judge(observed, level=level, rng=rng_for(plan.seed, check.name, "judge"))
    part = part_of(observed, population) if repeatable(check.probe, observed) else None
    watch.looked(check, result, part)
    return looks_after(result, check.limit, level, plan.keep_level(check), part)
