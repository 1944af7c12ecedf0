"""The denoising-loss curve: how badly a diffusion model takes known noise away, from little noise to nothing else.

    line      the median over items at each noise level; familiar items solid, foreign ones dashed
    band      what lies between the 10 % and the 90 % points of the items, level by level
    up        in equal ratios
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import Axis, feet, joined, rungs, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["denoising_curves"]

_LEFT, _RIGHT, _PLOT = 60, 150, 170
_APART = 15
"""Pixels between two names."""
_STYLES = {"items": ("skipped", ""), "foreign": ("passed", "6 3")}
"""Role -> colour and dashes."""


def denoising_curves(shown: Shown) -> Picture | None:
    """Draw the curves of both roles; None where one of them is not stored."""
    bands = _bands(shown)
    if set(bands) != set(_STYLES):
        return None
    import numpy as np

    words, notation = shown.notation.words, shown.notation
    up, steps = _powers([band for _, band in bands.values()]), next(iter(bands.values()))[1].shape[1]
    across = Axis("score", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), WIDTH - _LEFT - _RIGHT)
    times = [(at + 0.5) / steps for at in range(steps)]
    parts = [
        feet(across, notation, _PLOT + 16, left=_LEFT),
        rungs(up, notation, lambda tick: up.width - up.x(tick), left=_LEFT, right=WIDTH - _RIGHT, gap=8),
    ]
    places = [_LEFT + across.x(time) for time in times]
    named = _apart({role: up.width - up.x(float(band[1, -1])) for role, (_, band) in bands.items()})
    parts += [_drawn(shown, role, found, places, up, named[role]) for role, found in bands.items()]
    parts += [
        words_at(_LEFT + 16, _PLOT + 32, words("picture.noise_axis"), size=11, colour="skipped"),
        words_at(_LEFT + 4, 12, words("picture.loss_axis"), size=11, colour="skipped"),
    ]
    medians = {role: np.maximum(band[1], up.low) for role, (_, band) in bands.items()}
    widest = int(abs(np.log(medians["foreign"] / medians["items"])).argmax())
    told = {role: notation.number(float(band[1, widest]), "score") for role, (_, band) in bands.items()}
    message = words("picture.denoising", at=notation.number(times[widest], "score"), **told)
    return pictured(shown, _PLOT + 38, message, words("picture.denoising_caption"), joined(parts), (_LEFT, 640))


def _bands(shown: Shown) -> dict[str, tuple[int, NDArray[np.float64]]]:
    """Return role -> number of items, and the 10 %, 50 % and 90 % points [3, noise level] of their curves."""
    import numpy as np

    if not {"denoising_curve", "role"} <= set(shown.columns):
        return {}
    frame = shown.frame("role", "denoising_curve").dropna()
    found = {}
    for role in _STYLES:
        curves = [np.asarray(one, dtype=float) for one in frame.loc[frame["role"] == role, "denoising_curve"]]
        if curves and len({one.shape for one in curves}) == 1 and curves[0].size > 1:
            found[role] = len(curves), np.quantile(np.stack(curves), [0.1, 0.5, 0.9], axis=0)
    sizes = {band.shape[1] for _, band in found.values()}
    return found if len(sizes) == 1 else {}


def _powers(bands: Sequence[NDArray[np.float64]]) -> Axis:
    """Return the axis of equal ratios that holds all bands; what is 0 lies at its foot."""
    import numpy as np

    values = np.concatenate([band.ravel() for band in bands])
    positive = values[values > 0]
    ends = (positive.min(), positive.max()) if positive.size else (0.1, 1.0)
    first, last = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    ticks = tuple(float(f"1e{power}") for power in range(first, max(last, first + 1) + 1))
    return Axis("score", ticks[0], ticks[-1], ticks, _PLOT, powers=True)


def _apart(ends: dict[str, float]) -> dict[str, float]:
    """Return where the names at the ends of the lines stand, so that none stands on the other."""
    upper, lower = sorted(ends, key=lambda role: ends[role])
    spare = max(0.0, _APART - (ends[lower] - ends[upper])) / 2
    return {upper: ends[upper] - spare, lower: ends[lower] + spare}


def _drawn(
    shown: Shown, role: str, found: tuple[int, NDArray[np.float64]], places: list[float], up: Axis, named: float
) -> Markup:
    words, (colour, dash) = shown.notation.words, _STYLES[role]
    low, middle, high = (
        [f"{x:.1f} {up.width - up.x(value):.1f}" for x, value in zip(places, values, strict=True)]
        for values in found[1].tolist()
    )
    name = words("picture.familiar") if role == "items" else words.term("group", role)
    return joined([
        stroke(f"M{'L'.join(high + low[::-1])}z", "grid", fill=colour),
        stroke(f"M{'L'.join(middle)}", colour, width=2, dash=dash),
        words_at(places[-1] + 10, named + 4, words("picture.of_items", name=name, count=found[0])),
    ])
