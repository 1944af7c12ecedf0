"""Controls: before a check asks its model, its probe shows that it finds what was planted.

    positive   the planted fault is found, and in two sizes or more measured at its size
    negative   the clean twin is not accused, and measured as what it is

`Probe.controls` are observations, put to `judge` alone. `trials`, where a probe has them, go the whole way: a scripted
model is asked through `observe`, and what is judged must have the value that was planted, in an interval that contains
it and is no narrower than its units allow. They cover the measures that they know in sound and faulty trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.probe import HasTrials, Trial, standing
from audit.seeds import rng_for

if TYPE_CHECKING:
    from audit.probe import Probe

__all__ = ["controls_of", "covered", "trials_of"]


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

    with threadpool_limits(1):
        return _held(probe, level, seed, check, trials)


def _held(probe: Probe, level: float, seed: int, check: str, trials: Sequence[Trial] | None) -> dict[str, bool]:
    pair = probe.controls(rng_for(seed, check, "controls"))
    found = [
        probe.found(probe.judge(one, level=level, rng=rng_for(seed, check, "controls", "judge"))) for one in pair
    ]
    held = {"positive": bool(found[0]), "negative": not found[1]}
    for place, trial in enumerate(trials_of(probe, seed=seed, check=check) if trials is None else trials):
        side, rng = "positive" if trial.faulty else "negative", rng_for(seed, check, "trials", "judge", str(place))
        held[side] = held[side] and standing(probe, trial, level=level, rng=rng)
    return held


def covered(trials: Sequence[Trial]) -> list[str]:
    """Return the names of the measures whose values trials know, each of two or more that lie clearly apart."""
    known: dict[tuple[str, str | None], list[float]] = {}
    for trial in trials:
        for name, one in trial.known.items():
            known.setdefault(name, []).append(one.value)
    return sorted({name for (name, _), values in known.items() if max(values) > min(values)})
