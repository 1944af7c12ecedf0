"""How long does a model take for one sample, and for the likelihood of one item?

    for eight items at a time, timed call by call: eight samples; the likelihoods of the eight, where the model has one;
    eight samples of the model that it is compared with

Seconds depend on the machine and on what else it does, so a check of this kind is best left without a limit. They are
asked of the model once an audit: resuming finds them again, another audit does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import cycle
from typing import TYPE_CHECKING, Any, ClassVar

from audit.probe import AMOUNT, SECONDS, Ask, Observed, Range, Role
from audit.probes.items import DRAWN_FOR, Sampling, shown_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Answer, KnownMeasures, Trial
    from detectors.result import Result

__all__ = ["SamplingTime"]

_TURN = 8


@immutable
class SamplingTime:
    """Seconds per sample and per likelihood, one call at a time, and what it costs to draw element by element."""

    against: str | None = None
    """Helper whose samples are timed in turns with the model's."""
    sampling: Sampling = field(default_factory=dict)
    """Settings of the model's sampler, e.g. `{steps: 25}`."""

    name: ClassVar[str] = "efficiency.sampling"
    dimension: ClassVar[str] = "efficiency"
    roles: ClassVar[Mapping[str, Role]] = {"items": DRAWN_FOR}
    measures: ClassVar[Mapping[str, Range]] = {
        "seconds_per_sample": SECONDS, "seconds_per_sample_p95": SECONDS, "cpu_seconds_per_sample": SECONDS,
        "seconds_per_element": SECONDS, "seconds_per_likelihood": SECONDS, "seconds_per_likelihood_p95": SECONDS,
        "sequential_cost": AMOUNT, "time_ratio": AMOUNT,
    }

    @property
    def needs(self) -> frozenset[str]:
        """Samples; likelihoods are timed where there are some."""
        return frozenset({"sample"})

    def estimate(self, items: int) -> int:
        """Return a sample and a likelihood an item, and a sample of the other model."""
        return items * (2 if self.against is None else 3)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return `seconds`, `cpu_seconds`, `elements`, `threads` and `load` of a sample per item; where measured also
        `log_prob_seconds` and `other_seconds`. Raises DataError for items of no one kind.
        """
        import pandas as pd

        starts = range(0, len(items), _TURN)
        return pd.concat([self._turn(ask, items.iloc[start : start + _TURN]) for start in starts])

    def _turn(self, ask: Ask, items: pd.DataFrame) -> pd.DataFrame:
        nothing = [None] * len(items)
        how: dict[str, Any] = {"ability": "sample", **self.sampling}
        frame = ask("timing", nothing, **how)
        if ask.can("log_prob"):
            shown = shown_items(self.name, items)
            frame["log_prob_seconds"] = ask("timing", list(shown), ability="log_prob")["seconds"]
        if self.against is not None:
            other = ask("timing", nothing, model=self.against, ability="sample")
            frame["other_seconds"] = other["seconds"]
        return frame.drop(columns="item").set_axis(items.index, axis=0)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.efficiency.timing`."""
        from detectors.efficiency.timing import call_times

        return call_times(observed["items"], level=level)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a model that is in the median four times as slow at drawing as at evaluating, and one that is as fast.

        One call in ten takes a hundred times as long in both, so a mean would not tell them apart.
        """
        import numpy as np
        import pandas as pd

        size = 200
        hiccup = np.where(np.arange(size) % 10 == 0, 100.0, 1.0)

        def planted(cost: float) -> Observed:
            log_prob = 0.01 * rng.lognormal(0, 0.2, size)
            sample = cost * 0.01 * rng.lognormal(0, 0.2, size) * rng.permutation(hiccup)
            columns = {"seconds": sample, "cpu_seconds": sample, "elements": 64.0, "log_prob_seconds": log_prob}
            return {"items": pd.DataFrame(columns, index=pd.Index(range(size), name="id").astype(str))}

        return planted(4.0), planted(1.0)

    def found(self, result: Result) -> bool:
        """Tell whether drawing surely costs more than twice what evaluating does."""
        low = result.measure("sequential_cost").low
        return low is not None and low > 2

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 184 calls in turns, which last one, two, and four times as long at drawing, by the script's clock."""
        return [self._trial(rng, cost) for cost in (1.0, 2.0, 4.0)]

    def _trial(self, rng: np.random.Generator, cost: float) -> Trial:
        import pandas as pd

        from audit.probe import Trial

        clocks = {name: 0.01 * rng.lognormal(0, 0.3, _TRIED) for name in ("sample", "log_prob", "other")}
        clocks["sample"] *= cost
        clocks["log_prob"] *= cost**0.5
        timed = {name: _timed(cycle(clock)) for name, clock in clocks.items()}

        def main(items: Sequence[Any]) -> Mapping[str, Any]:
            return timed["sample" if items[0] is None else "log_prob"](items)

        answers: dict[tuple[str, str], Answer] = {("main", "timing"): main, ("main", "log_prob"): main}
        if self.against is not None:
            answers[self.against, "timing"] = timed["other"]
        index = pd.Index([f"trial-{number}" for number in range(_TRIED)], name="id")
        items = pd.DataFrame({"series": [[float(number)] for number in range(_TRIED)]}, index=index)
        return Trial(cost > 1, {"items": items}, answers, _known(**clocks, compared=self.against is not None))


_TRIED = 184


def _timed(clock: Iterator[float]) -> Answer:
    """Return the script of calls that last as long as the clock says."""

    def timing(items: Sequence[Any]) -> Mapping[str, Any]:
        seconds = [next(clock) for _ in items]
        return {
            "seconds": seconds, "cpu_seconds": [0.5 * one for one in seconds], "elements": 16.0, "threads": 1,
            "load": 0.0,
        }

    return timing


def _known(sample: np.ndarray, log_prob: np.ndarray, other: np.ndarray, *, compared: bool) -> KnownMeasures:
    """Return the quantiles of the seconds [call] of each clock."""
    import numpy as np

    from audit.probe import Known, overall

    def median(values: np.ndarray, q: float = 0.5) -> Known:
        return Known(float(np.quantile(values, q)))

    return overall({
        "seconds_per_sample": median(sample), "seconds_per_sample_p95": median(sample, 0.95),
        "cpu_seconds_per_sample": median(0.5 * sample), "seconds_per_element": median(sample / 16),
        "seconds_per_likelihood": median(log_prob), "seconds_per_likelihood_p95": median(log_prob, 0.95),
        "sequential_cost": median(sample / log_prob), **({"time_ratio": median(sample / other)} if compared else {}),
    })  # fmt: skip
