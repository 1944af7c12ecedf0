"""Observing: a check's data put to its probe, shard by shard, or unit by unit until a limit is decided.

Where shards begin and end depends on the data and the plan alone, so that an answer is found again when the audit goes
on after a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, count, islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.errors import DataError
from audit.execute.ahead import Ahead
from audit.execute.target import random_part, repeatable
from audit.fit import content_digests
from audit.probe import observing
from audit.seeds import rng_for
from audit.verdict import MOST_BETWEEN_LOOKS, Units, begun, in_random_order, looks_after, part_of

if TYPE_CHECKING:
    import pandas as pd

    from audit.ask import Asker
    from audit.plan import Check, Plan
    from audit.probe import Observed
    from audit.verdict import Part
    from detectors.result import Result

__all__ = ["Watch", "observe", "parts_of", "shards"]

_PACKED = 64
"""Frames that become one where their rows are kept."""


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
    check: Check, plan: Plan, door: Asker, role: str, before: Observed, watch: Watch | None = None,
    ahead: Ahead | None = None,
) -> pd.DataFrame | None:
    """Return what the probe observed of a role; of `items` last, and with `stop: early` only until it decides.

    plan: as it holds for this check (`audit.execute.target.plan_for`); of a benchmark, its `limit` takes units at
    random. ahead: who may have the answers of a part already.
    """
    told, hears = ahead or Ahead(), watch or Watch()
    number = count()
    with observing(check.probe, role, before) as observer:

        def observed(part: pd.DataFrame) -> pd.DataFrame:
            told.wait(check, role, next(number))
            frame = observer.observe(door, part, role)
            hears.observed(check, role, len(part))
            return frame

        if role != "items" or check.stop == "full":
            seen = map(observed, parts_of(check, plan, door.models, role))
            kept = [*(_packed(seen) if role == "items" else seen)]
            return _whole(kept) if kept else None
        return _until_decided(observed, check, plan, door, before, hears)


def parts_of(check: Check, plan: Plan, models: Mapping[str, Any], role: str) -> Iterator[pd.DataFrame]:
    """Yield the parts in which a role that is asked in full is observed: the same wherever they are made.

    models: name -> opened model.
    """
    if role == "items" and plan.target == "benchmark" and plan.limit:
        ordered = _in_order(check, plan, models)
        return iter(()) if ordered is None else shards(iter([random_part(ordered, plan.limit)]), plan.shard)
    batches = _unseen(check, plan, role, check.batches(role, _most(check, plan, role)))
    return shards(batches, plan.shard) if models else batches


def _most(check: Check, plan: Plan, role: str) -> int | None:
    """Return how many items of a role are read at most: of a benchmark all, and a part of them is taken at random."""
    return None if role == "items" and plan.target == "benchmark" else plan.limit


def _in_order(check: Check, plan: Plan, models: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the items in random order; nobody knows it before the model, or the data, are frozen."""
    read = list(_unseen(check, plan, "items", check.batches("items", _most(check, plan, "items"))))
    if not read:
        return None
    main = models.get("main")
    asked = check.data["items"].digest() if main is None else getattr(main, "fingerprint", "")
    return in_random_order(_whole(read), rng_for(plan.seed, check.name, "order", asked))


def _until_decided(
    observed: Callable[[pd.DataFrame], pd.DataFrame], check: Check, plan: Plan, door: Asker, before: Observed,
    watch: Watch,
) -> pd.DataFrame | None:
    """Return the items in random order, observed unit by unit until the limit is decided."""
    import pandas as pd

    if (ordered := _in_order(check, plan, door.models)) is None:
        return None
    benchmark = plan.target == "benchmark"
    population = Units(ordered).left if benchmark else None
    assert check.limit is not None
    units, frames = Units(random_part(ordered, plan.limit) if benchmark else ordered), list[pd.DataFrame]()
    size = begun(check.limit, plan.check_level(check), plan.keep_level(check)).quiet(MOST_BETWEEN_LOOKS)
    while units.left and size:
        frames.append(observed(units.take(size)))
        size = _next(check, plan, {**before, "items": pd.concat(frames)}, population, watch)
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


def _packed(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield the rows of frames in fewer ones, which take a tenth of the memory: texts lie in Arrow's, in one piece.

    Small pieces would lie scattered among what is freed, and hold on to it. What is stored of them knows by their
    lengths where they began, as before.
    """
    import pandas as pd

    light = map(_light, frames)
    while some := list(islice(light, _PACKED)):
        if not all(frame.dtypes.equals(some[0].dtypes) for frame in some):
            yield from some
            continue
        sizes, whole = [len(frame) for frame in some], pd.concat(some)
        columns = {name: _in_one_piece(whole[name].array, sizes) for name in whole}
        yield pd.DataFrame(columns, pd.Index(_in_one_piece(whole.index.array, sizes), name=whole.index.name))


def _light(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns of texts lie in Arrow's memory."""
    import pandas as pd

    objects = {str(name): column for name, column in frame.items() if column.dtype == object}
    kinds = {name: pd.api.types.infer_dtype(column, skipna=True) for name, column in objects.items()}
    texts = {name: objects[name].array.astype(_text()) for name, kind in kinds.items() if kind in ("string", "empty")}
    return frame.assign(**texts) if texts else frame


def _in_one_piece(values: Any, sizes: Sequence[int]) -> Any:
    """Return texts of Arrow so that they lie behind each other, cut where they were; anything else as it is."""
    import pandas as pd
    import pyarrow as pa

    if not isinstance(values.dtype, pd.ArrowDtype | pd.StringDtype):
        return values
    one = pa.chunked_array(values.__arrow_array__()).combine_chunks()
    ends = accumulate(sizes)
    cut = [one.slice(end - size, size) for end, size in zip(ends, sizes, strict=True)]
    kind: Any = values.dtype
    return kind.__from_arrow__(pa.chunked_array(cut, one.type))


def _text() -> pd.ArrowDtype:
    import pandas as pd
    import pyarrow as pa

    return pd.ArrowDtype(pa.string())


def _whole(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one; where only some name units, any other item is its own."""
    import pandas as pd
    import pyarrow as pa

    from detectors.arrays import unit_column

    whole = pd.concat(frames)
    for name in whole.columns[whole.dtypes == _text()]:
        if whole[name].isna().all():  # of no type, as a column of objects without one is
            whole[name] = pd.arrays.ArrowExtensionArray(pa.nulls(len(whole)))
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
