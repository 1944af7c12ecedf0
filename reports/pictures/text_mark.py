"""Marks in texts: how much of each is green or how small its p-value, and which of its words say so.

dot      one text; filled where the mark was detected
text     the words of a text with most evidence, on a ground as strong as that of each
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from markupsafe import Markup

from audit.probes.provenance.reading import PIECE
from reports.figures import PALETTE, Axis, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import of_bins
from reports.pictures.tokens import FACE
from reports.text import Notation, one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["green_shares", "words_with_evidence"]

_AXIS = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), WIDTH - 8)
_LEAST = 1e-20
"""P-values below it are drawn there."""
_POWERS = Axis("p", _LEAST, 1.0, (1e-20, 1e-15, 1e-10, 1e-5, 1.0), WIDTH - 8, powers=True)
_BINS, _PLOT = 100, 100
_TEXTS, _LINES, _LINE, _CHARACTER, _STEPS = 3, 3, 20, 7.3, 4
"""Texts and their lines at most, the height of a line, the width of a character, and strengths of a ground."""
_WIDE = 5
"""Places that are one hotspot."""


def green_shares(shown: Shown) -> Picture | None:
    """Draw the green share of every text that was tested, or its p-value; None where there is none."""
    import numpy as np

    if "value" not in shown.columns:
        return None
    frame = shown.frame("green_fraction", "value", "p_value", "share").dropna(subset=["value"])
    if "green_fraction" not in frame or frame["green_fraction"].isna().all():
        return _p_values(shown, frame)
    frame = frame.dropna(subset=["green_fraction"])
    places = np.clip((frame["green_fraction"].to_numpy(float) * _BINS).round().astype(int), 0, _BINS)
    step = min(8.0, (_PLOT - 10) / max(int(np.bincount(places).max()), 1))
    at = (_AXIS.x(place / _BINS) for place in places.tolist())
    parts = [feet(_AXIS, shown.notation, _PLOT + 16, top=0), *_piles(frame, places.tolist(), at, step)]
    if "share" in frame and frame["share"].notna().any():
        share = float(frame["share"].median())
        told = shown.notation.words("picture.unmarked", share=shown.notation.number(share, "share"))
        x = _AXIS.x(share)
        parts += [line(x, 0, x, _PLOT, "ink", dash="3 3"), words_at(x + 5, 12, told, size=11)]
    edges = np.append(np.arange(-0.5, _BINS - _WIDE, _WIDE).clip(0), _BINS) / _BINS
    hotspots = of_bins("green_fraction", edges, _AXIS, 0, (0, _PLOT), np.histogram(places / _BINS, edges)[0])
    caption = shown.notation.words("picture.marks_caption")
    return pictured(shown, _PLOT + 24, _found(shown, frame), caption, joined(parts), hotspots=hotspots)


def _p_values(shown: Shown, frame: pd.DataFrame) -> Picture | None:
    """Draw the p-values of texts on a line of powers."""
    import numpy as np

    frame = frame.dropna(subset=["p_value"]) if "p_value" in frame else frame[:0]
    if frame.empty:
        return None
    powers = np.log10(np.clip(frame["p_value"].to_numpy(float), _LEAST, 1.0))
    places = np.clip(np.round((1 - powers / np.log10(_LEAST)) * _BINS).astype(int), 0, _BINS)
    step = min(8.0, (_PLOT - 10) / max(int(np.bincount(places).max()), 1))
    at = (_POWERS.x(float(10.0 ** ((1 - place / _BINS) * np.log10(_LEAST)))) for place in places)
    parts = [feet(_POWERS, shown.notation, _PLOT + 16, top=0), *_piles(frame, places.tolist(), at, step)]
    caption = shown.notation.words("picture.mark_p_values_caption")
    return pictured(shown, _PLOT + 24, _found(shown, frame), caption, joined(parts))


def _found(shown: Shown, frame: pd.DataFrame) -> str:
    found = int((frame["value"] > 0.5).sum())
    return shown.notation.words("picture.marks", found=f"{found:,}", all=f"{len(frame):,}")


def _piles(frame: pd.DataFrame, places: list[int], across: Iterable[float], step: float) -> list[Markup]:
    """Stack the texts of one place, what was detected at the foot."""
    seen, parts = dict[int, int](), []
    found = (frame["value"] > 0.5).tolist()
    order = sorted(zip(found, places, across, strict=True), key=lambda one: not one[0])
    for detected, place, x in order:
        height = seen.get(place, 0)
        seen[place] = height + 1
        parts.append(dot(x, _PLOT - 5 - step * height, "passed" if detected else "measured", hollow=not detected))
    return parts


def words_with_evidence(shown: Shown) -> Picture | None:
    """Draw words of the texts with most evidence, each on a ground as strong as its own; None where none is kept."""
    if not {"word_evidence", "output", "p_value"} <= set(shown.columns) or shown.items is None:
        return None
    order = shown.frame("p_value")["p_value"].dropna().sort_values(kind="stable").index[:_TEXTS]
    rows = [one for one in shown.items.rows(order.tolist()).to_pylist() if one["word_evidence"] is not None]
    if not rows:
        return None
    parts, top = [], 0.0
    for row in rows:
        text, high = _text(row["output"], row["word_evidence"], shown.notation, top)
        parts.append(text)
        top += high + 14
    words = shown.notation.words
    message = words("picture.mark_words", p_value=shown.notation.number(rows[0]["p_value"], "", 2))
    return pictured(shown, top - 6, message, words("picture.mark_words_caption"), joined(parts))


def _text(output: str, evidence: Sequence[float | None], notation: Notation, top: float) -> tuple[Markup, float]:
    """Return the first lines of a text and their height; grounds are relative to the strongest word."""
    most = max((one for one in evidence if one is not None), default=0.0)
    grounds, rows, x, row = dict[int, list[str]](), [list[Markup]()], 0.0, 0
    for piece, strength in zip(PIECE.findall(output), evidence, strict=False):
        text = one_line(piece.strip(), notation.words, 60)
        wide = sum(2 if east_asian_width(one) in "FW" else 1 for one in text) * _CHARACTER
        if x and x + wide > WIDTH:
            x, row = 0.0, row + 1
        if row == _LINES:
            break
        if row == len(rows):
            rows.append([])
        step = 0 if strength is None or most <= 0 else round(_STEPS * max(strength, 0.0) / most)
        if step and text:
            grounds.setdefault(step, []).append(f"M{x:.1f} {top + row * _LINE + 2:.1f}h{wide:.1f}v16h-{wide:.1f}z")
        rows[row].append(Markup('<tspan x="{:.1f}">{} </tspan>').format(x, text))
        x += wide + _CHARACTER
    ground = Markup('<path d="{}" fill="{}" fill-opacity="{}"/>')
    shades = [ground.format("".join(path), PALETTE["passed"], 0.5 * step / _STEPS) for step, path in grounds.items()]
    lines = [
        Markup('<text y="{:.1f}" font-size="12" font-family="{}" fill="{}">{}</text>').format(
            top + 14 + at * _LINE, FACE, PALETTE["ink"], joined(spans)
        )
        for at, spans in enumerate(rows)
    ]
    return joined([*shades, *lines]), len(rows) * _LINE
