"""Controls: before a check asks its model, its probe shows that it finds what was planted.

    positive   the planted fault is found, and in two sizes or more measured at its size
    negative   the clean twin is not accused, and measured as what it is

`Probe.controls` are observations, put to `judge` alone. `trials`, where a probe has them, go the whole way: a scripted
model is asked through `observe`, and what is judged must have the value that was planted, in an interval that contains
it and is no narrower than its units allow. They cover the measures that they know in sound and faulty trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from audit.probe import HasTrials, Trial, observed_in, standing
from audit.seeds import rng_for
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.probe import Observed, Probe

__all__ = ["Planted", "controls_of", "covered", "planted", "trials_of"]


def trials_of(probe: Probe, *, seed: int, check: str) -> Sequence[Trial]:
    """Return the trials of a probe; none where it has none."""
    return probe.trials(rng_for(seed, check, "trials")) if isinstance(probe, HasTrials) else ()


def controls_of(
    probe: Probe, *, level: float, seed: int, check: str, trials: Sequence[Trial] | None = None
) -> dict[str, bool]:
    """Try a probe; `positive` and `negative` are true where it told fault and clean twin apart, and measured both.

    On one thread: what is tried is so small that threads of the numerics would mostly wait for each other.
    """
    from threadpoolctl import threadpool_limits

    held = {"positive": True, "negative": True}
    with threadpool_limits(1):
        for one in planted(probe, seed=seed, check=check, trials=trials):
            held[one.side] = held[one.side] and one.holds(level)
    return held


@immutable
class Planted:
    """Observations of which it is known what must come out."""

    side: str
    """`positive` with the fault, `negative` without."""
    probe: Probe
    source: Observed | Trial
    """Observations of which only the fault must be found, or not be found; or a trial, observed when first judged."""
    stream: tuple[str, ...]
    """Name of the random numbers that `judge` gets."""
    seed: int

    @cached_property
    def observed(self) -> Observed:
        """Return what is judged."""
        return observed_in(self.source, self.probe) if isinstance(self.source, Trial) else self.source

    def holds(self, level: float) -> bool:
        """Tell whether what comes out of them at a level is what must come out."""
        rng = rng_for(self.seed, *self.stream)
        if isinstance(self.source, Trial):
            return standing(self.probe, self.source, level=level, rng=rng, observed=self.observed)
        found = self.probe.found(self.probe.judge(self.observed, level=level, rng=rng))
        return bool(found) == (self.side == "positive")


def planted(probe: Probe, *, seed: int, check: str, trials: Sequence[Trial] | None = None) -> Iterator[Planted]:
    """Yield what a probe is tried on: the pair of its controls, then each trial."""
    pair = probe.controls(rng_for(seed, check, "controls"))
    for side, observed in zip(("positive", "negative"), pair, strict=True):
        yield Planted(side, probe, observed, (check, "controls", "judge"), seed)
    for place, trial in enumerate(trials_of(probe, seed=seed, check=check) if trials is None else trials):
        side = "positive" if trial.faulty else "negative"
        yield Planted(side, trial.probe or probe, trial, (check, "trials", "judge", str(place)), seed)


def covered(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the measures whose values trials know, each of two or more that lie clearly apart."""
    known: dict[tuple[str, str | None], list[float]] = {}
    for trial in trials:
        for name, one in trial.known.items():
            known.setdefault(name, []).append(one.value)
    return sorted({name for (name, _), values in known.items() if max(values) > min(values)})
