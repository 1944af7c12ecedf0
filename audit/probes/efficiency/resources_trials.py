"""Controls and trials of `efficiency.resources`: models whose sizes and costs are made up, each from another number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, overall

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Observed

__all__ = ["control", "trial"]

_TRIED = 41
_SIZES = {"parameters": 1001, "matrices": 907, "weight_bytes": 4013, "stored_bytes": 1103}


def control(rng: np.random.Generator, overhead: float) -> Observed:
    """Return processes that take `overhead` times the bytes of the weights beyond what an empty one takes."""
    import numpy as np
    import pandas as pd

    size, weights = 200, 4e6
    hiccup = np.where(np.arange(size) % 10 == 0, 10.0, 1.0)
    empty = 2e8 * rng.lognormal(0, 0.01, size)
    frame = pd.DataFrame({
        "parameters": 1e6, "matrices": 9e5, "weight_bytes": weights, "stored_bytes": 2e6, "score_flops": 2e6,
        "tokens": 1.0, "empty_bytes": empty,
        "peak_bytes": empty + overhead * weights * rng.permutation(hiccup) * rng.lognormal(0, 0.1, size),
    }, index=pd.Index(range(size), name="id").astype(str))  # fmt: skip
    return {"items": frame}


def trial(rng: np.random.Generator, size: float, *, processes: int) -> Trial:
    """Return a model of a size, and what is known of it: medians of the numbers that so many processes took."""
    import numpy as np
    import pandas as pd

    counts = {name: size * number for name, number in _SIZES.items()}
    tokens = rng.integers(3, 30, _TRIED).astype(float)
    scored, drawn = (scale * size * rng.lognormal(0, 0.3, _TRIED) for scale in (2e6, 7e6))
    scored *= tokens
    taken = _taken(rng, size)
    known = {
        "flops_per_item": scored, "flops_per_sample": drawn, "flops_per_token": scored / tokens,
        **(_medians(taken, counts["weight_bytes"], processes) if processes else {}),
    }  # fmt: skip

    def counted(items: Sequence[Any]) -> Mapping[str, Any]:
        if items[0] is None:
            return {**counts, "flops": drawn[: len(items)], "tokens": None}
        places = [int(item[0]) for item in items]
        return {**counts, "flops": scored[places], "tokens": tokens[places]}

    def measured(items: Sequence[Any]) -> Mapping[str, Any]:
        return {name: values[[int(item[0]) for item in items]] for name, values in taken.items()}

    answers = {("main", one): measured for one in ("footprint", "log_prob", "sample")}
    index = pd.Index([f"trial-{number}" for number in range(_TRIED)], name="id")
    items = pd.DataFrame({"series": [[float(number)] for number in range(_TRIED)]}, index=index)
    return Trial(size > 1, {"items": items}, {**answers, ("main", "counted_work"): counted}, overall({
        **{name: Known(counts[name], certain=True) for name in ("parameters", "weight_bytes", "stored_bytes")},
        "flops_per_token_estimate": Known(2 * counts["matrices"]),
        **{name: Known(float(np.median(values))) for name, values in known.items()},
    }))  # fmt: skip


def _taken(rng: np.random.Generator, size: float) -> dict[str, np.ndarray]:
    """Return what each process took, by column."""
    empty, added, gpu, first, second = (
        scale * size**power * rng.lognormal(0, 0.3, _TRIED)
        for scale, power in ((5e4, 0), (6e4, 2), (3e5, 1), (0.3, 1), (2.0, 0.5))
    )
    return {
        "empty_bytes": empty, "peak_bytes": empty + added, "gpu_bytes": gpu, "score_joules": first,
        "sample_joules": second,
    }  # fmt: skip


def _medians(taken: Mapping[str, np.ndarray], weights: float, processes: int) -> dict[str, np.ndarray]:
    """Return the numbers [process] that each measure is the median of."""
    taken = {name: values[:processes] for name, values in taken.items()}
    return {
        "peak_memory": taken["peak_bytes"], "empty_memory": taken["empty_bytes"], "gpu_memory": taken["gpu_bytes"],
        "energy_per_item": taken["score_joules"], "energy_per_sample": taken["sample_joules"],
        "memory_overhead": (taken["peak_bytes"] - taken["empty_bytes"]) / weights,
    }  # fmt: skip
