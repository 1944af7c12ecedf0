"""Judging, as the run does it and as `verify --recompute` does it again: seeds, controls, and the probe's own word.

Every generator depends on the audit's seed and on what it is for, so the order of checks changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit import early
from audit.files import canonical, sha256
from audit.record import Limit

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Observed, Probe
    from detectors.result import Result

__all__ = ["controls_of", "judge_stored", "rng_for"]


def rng_for(seed: int, *words: str) -> np.random.Generator:
    """Return a generator that depends on the audit's seed and on what it is for, not on the order of checks."""
    import numpy as np

    return np.random.default_rng(int(sha256(canonical([seed, *words]))[7:39], 16))


def controls_of(probe: Probe, *, level: float, seed: int, check: str) -> dict[str, bool]:
    """Judge a probe's planted fault and its clean twin; `positive` and `negative` are true when it told them apart."""
    positive, negative = probe.controls(rng_for(seed, check, "controls"))
    found = [
        probe.found(probe.judge(one, level=level, rng=rng_for(seed, check, "controls", "judge")))
        for one in (positive, negative)
    ]
    return {"positive": bool(found[0]), "negative": not found[1]}


def judge_stored(
    check: str,
    probe: Probe,
    observed: Observed,
    *,
    level: float,
    seed: int,
    stop: str = "full",
    limit: Limit | None = None,
) -> Result:
    """Judge observations exactly as the run does; `verify --recompute` calls this too."""
    result = probe.judge(observed, level=level, rng=rng_for(seed, check, "judge"))
    return early.stopped(result, limit, level)[0] if stop == "early" and limit is not None else result
