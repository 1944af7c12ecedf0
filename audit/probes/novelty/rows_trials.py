"""Trials of scores that need no model: rows whose distances to the familiar ones are worked out anew.

The numbers of a row have units that differ by a factor of 1,000, and foreign rows differ in the smallest, so that
nothing is right that has not been standardised, and by the familiar rows alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Trial
from audit.probes.novelty.trials import ROLES, frame_of, known_ranks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["planted", "trials"]

_ITEMS = 80
_UNITS, _SIGNS = (0.1, 1.0, 10.0, 100.0), (1.0, -1.0, 1.0, -1.0)
_NEAREST = 5


def planted(rng: np.random.Generator, apart: float) -> dict[str, pd.DataFrame]:
    """Return rows of each role; foreign ones lie `apart` standard deviations off, 0 in the middle of the familiar."""
    return {role: frame_of(role, "row", rows) for role, rows in _drawn(rng, apart).items()}


def trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign rows far off, hardly off, and in the midst of the familiar ones.

    Of a mixture and a forest no closed form is known: the trials of these are those of `dte_np`.
    """
    score = probe.score if probe.score == "knn5" else "dte_np"
    tried = replace(probe, score=score, beside=(), fdr=0.1)
    return [_trial(tried, rng, dose, off) for dose, off in enumerate((4.0, 1.5, 0.0))]


def _trial(probe: Any, rng: np.random.Generator, dose: int, off: float) -> Trial:
    from detectors.novelty.blindspots import ARRAY_KINDS, blind_spots

    rows = _drawn(rng, off)
    rows["calibration"] *= 1 + dose / 4  # so that flags differ
    data = {role: frame_of(role, "row", one) for role, one in rows.items()}
    known = rows["fit"]
    alike = {role: (one - known.mean(axis=0)) / known.std(axis=0) for role, one in rows.items()}
    least, most = float(alike["fit"].min()), float(alike["fit"].max())
    alike |= blind_spots(data["items"].index, alike["items"], (least, most))
    strange = {name: _strangeness(probe.score, alike["fit"], one) for name, one in alike.items()}
    return Trial(dose > 0, data, {}, known_ranks(strange, ARRAY_KINDS, probe), probe)


def _strangeness(score: str, fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return what ranks rows as the score does: squared distances to the nearest, the fifth's or their mean."""
    import numpy as np

    near = np.sort(((rows[:, None] - fit) ** 2).sum(axis=2), axis=1)[:, :_NEAREST]
    return np.asarray(near[:, -1] if score == "knn5" else near.mean(axis=1))


def _drawn(rng: np.random.Generator, off: float) -> dict[str, np.ndarray]:
    """Return role -> rows [item, number]; foreign ones lie `off`, and where that is 0 close to the middle.

    The numbers hang together, so that noise in the range of each is surely seen.
    """
    plain = {role: rng.normal(0.0, 0.7, (_ITEMS, 4)) + rng.normal(0.0, 1.0, (_ITEMS, 1)) * _SIGNS for role in ROLES}
    plain["foreign"] *= 1.0 if off else 0.3
    plain["foreign"][:, 0] += off
    return {role: 50.0 + rows * _UNITS for role, rows in plain.items()}
