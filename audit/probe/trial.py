"""A trial: a scripted model and made items, whose measures are known before anything is asked or judged.

    observe(scripted ask, items) -> judge -> every known measure has its value, in an interval that covers it

A probe's optional method `trials` gives three at least, one without the fault and the fault in two sizes: a step that
turns, shuffles, halves or shifts what was answered, between the model and the number, gives some of them another value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.probe.protocol import observing
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe.protocol import Observed, Probe
    from detectors.result import Measure

__all__ = [
    "Answer", "HasTrials", "Known", "KnownMeasures", "ScriptedAsk", "Trial", "auroc_of", "likely_as", "mean_of",
    "observed_in", "overall", "standing",
]

_LEAST = 0.8
"""An interval narrower than this part of the normal one claims more than so many units tell."""

Answer = Callable[[Sequence[Any]], Mapping[str, Any]]
"""Items -> columns of the answer, as `audit.probe.Ask` lists them; one value, or one an item (or with `item`)."""


def likely_as(nats: Callable[[Any], float]) -> Answer:
    """Return the script that answers `log_prob` of each item with its nats, exactly."""
    return lambda items: {"log_prob": [nats(item) for item in items], "kind": "exact"}


@immutable
class Known:
    """What a measure of a trial is, by construction."""

    value: float
    within: float = 1e-6
    """How far the measured value may lie from it."""
    error: float | None = None
    """Least standard error that the units allow; None where nothing is known but that the width is not 0."""
    certain: bool = False
    """Whether the interval may have no width, as nothing about the value is uncertain."""

    def holds(self, measure: Measure) -> bool:
        """Tell whether a measure has this value, and an interval that contains it and does not claim too much."""
        from statistics import NormalDist

        if measure.value is None or abs(measure.value - self.value) > self.within:
            return False

        if measure.low is None or measure.high is None:
            return True  # nothing is claimed, and no limit is decided
        width, slack = measure.high - measure.low, 1e-9 + 1e-9 * abs(self.value)
        if not measure.low - slack <= self.value <= measure.high + slack:
            return False
        bets = measure.interval == "betting"  # the order of units, which is drawn, makes it wide or narrow
        arms = 2 * _LEAST * NormalDist().inv_cdf((1 + measure.level) / 2)
        least = 0.0 if self.error is None or bets else arms * self.error
        return width >= least and (self.certain or width > 0)


KnownMeasures = dict[tuple[str, str | None], Known]
"""(Measure, group) -> what it is."""


@immutable
class Trial:
    """Items, what scripted models answer to them, and what must come out."""

    faulty: bool
    data: Mapping[str, pd.DataFrame]
    """Role -> items, indexed by id, as a data source yields them."""
    answers: Mapping[tuple[str, str], Answer]
    """(Model, question) -> its answer; any other question is one that the model cannot answer."""
    known: Mapping[tuple[str, str | None], Known] = field(default_factory=dict)
    """(Measure, group) -> what it is."""
    probe: Probe | None = None
    """The probe with options that this trial is made for; None = as it is."""


@runtime_checkable
class HasTrials(Protocol):
    """A probe that can be tried from the question to the interval."""

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return trials, one without the fault first, then the fault in two sizes or more."""


@immutable
class ScriptedAsk:
    """The `ask` of a trial."""

    answers: Mapping[tuple[str, str], Answer]

    def can(self, question: str, *, model: str = "main") -> bool:
        """Tell whether the script has an answer."""
        return (model, question) in self.answers

    def __call__(self, question: str, items: Sequence[Any], *, model: str = "main", **options: Any) -> pd.DataFrame:
        """Return the scripted answer; settings of the model play no part in it."""
        import numpy as np
        import pandas as pd

        told = {"item": np.arange(len(items)), **self.answers[model, question](items)}
        return pd.DataFrame(told, copy=False)  # columns side by side, which takes a quarter less than one block of them


def observed_in(trial: Trial, probe: Probe) -> Observed:
    """Return what a probe observes of a trial, of `items` last."""
    ask, found = ScriptedAsk(trial.answers), dict[str, "pd.DataFrame"]()
    for role in sorted(trial.data, key=lambda one: one == "items"):
        with observing(probe, role, found) as observer:
            found[role] = observer.observe(ask, trial.data[role], role)
    return found


def standing(
    probe: Probe, trial: Trial, *, level: float, rng: np.random.Generator, observed: Observed | None = None
) -> bool:
    """Tell whether a probe measures all that is known of a trial; `observed`: what it observes of it, where known."""
    tried = trial.probe or probe
    result = tried.judge(observed_in(trial, tried) if observed is None else observed, level=level, rng=rng)
    measures = {(one.name, one.group): one for one in result.measures}
    return all(name in measures and known.holds(measures[name]) for name, known in trial.known.items())


def overall(known: Mapping[str, Known]) -> KnownMeasures:
    """Return what is known of measures that are of no group, by name, as a trial holds it."""
    return {(name, None): one for name, one in known.items()}


def mean_of(values: Any, units: int | None = None) -> Known:
    """Return what the mean of values [item] is; units: how many they lie in evenly, all items of one saying the same.

    Without units no width is asked for: betting over means that are not all 0 or 1 depends on their order.
    """
    import numpy as np

    numbers = np.asarray(values, dtype=float)
    return Known(float(numbers.mean()), error=None if units is None else float(numbers.std() / np.sqrt(units)))


def auroc_of(low: Any, high: Any) -> Known:
    """Return how often a score of `high` [item] lies above one of `low` [item], counted, ties as one half."""
    import numpy as np

    one, other = np.asarray(low, dtype=float)[:, None], np.asarray(high, dtype=float)
    above = (one < other) + (one == other) / 2
    spread = [above.mean(axis=axis).var() / above.shape[1 - axis] for axis in (0, 1)]
    return Known(float(above.mean()), error=float(np.sqrt(sum(spread))))
