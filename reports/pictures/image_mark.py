"""How far a mark in images or sounds can be trusted, and what it looks like in an image.

    field    an attack and a strength: how often the mark is found, dark = often; framed: less often than was promised
    curve    how often it is found, by the p-value that is asked for: no attack, and what takes most
    images   a part of an image before it was marked and after, and the difference, many times as large
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.figures import PALETTE, Axis, cut, feet, joined, line, placed, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.text import Notation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["attack_matrix", "difference_of_item", "power_by_p", "with_difference"]

_PROMISE, _ALPHA = 0.95, 1e-6
"""What the probe promises where the plan says nothing."""
_LABEL, _ROW, _MOST = 120.0, 38.0, 6
"""Width of a row's name, height of a row, and strengths in one at the most."""
_LEFT, _PLOT, _TOP, _LEAST = 46.0, 130.0, 14.0, 1e-20
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_CURVES, _COLOURS, _DASHES = 3, ("passed", "measured", "failed"), ("", "6 3", "2 3")
_SIZE, _GAP, _EXAMPLES = 192, 14, 2
_TIMES = (1, 2, 4, 8, 16, 32, 64)


def attack_matrix(shown: Shown) -> Picture | None:
    """Draw how often the mark is found after each attack at each strength; None where there was none."""
    table = _power(shown, (_option(shown, "promise_alpha", _ALPHA),))
    if table is None:
        return None
    table = table[table["kind"].ne("none") & table["kind"].ne("copy")]
    kinds = list(dict.fromkeys(table["kind"]))
    if not kinds:
        return None
    promise = _option(shown, "promise_power", _PROMISE)
    share = table["found"] / table["texts"]
    wide = (WIDTH - _LABEL) / min(_MOST, int(table["kind"].value_counts().max()))
    parts = []
    for at, kind in enumerate(kinds):
        rows = list(table[table["kind"].eq(kind)].sort_values("strength").itertuples())[:_MOST]
        name = cut(shown.notation.words.term("perturbation", kind), shown.notation.words, 18)
        parts.append(words_at(0, at * _ROW + 23, name, size=12, bold=True))
        parts += [_field(shown, row, _LABEL + place * wide, at * _ROW, wide, promise) for place, row in enumerate(rows)]
    words, notation = shown.notation.words, shown.notation
    worst = table.iloc[int(share.argmin())]
    message = words(
        "picture.attack_matrix", count=int((share < promise).sum()), all=len(table),
        attack=words.term("group", f"{worst['kind']} at {worst['strength']:g}"),
        share=notation.number(float(share.min()), "share"),
    )
    caption = words(
        "picture.attack_matrix_caption", share=notation.number(promise, "share"),
        alpha=_told(_option(shown, "promise_alpha", _ALPHA), notation),
    )
    return pictured(shown, len(kinds) * _ROW + 4, message, caption, joined(parts))


def _field(shown: Shown, row: Any, left: float, top: float, wide: float, promise: float) -> Markup:
    """Return one field: the strength, the share and its exact interval."""
    share, notation = row.found / row.texts, shown.notation
    ground = Markup('<rect x="{:.1f}" y="{:.0f}" width="{:.1f}" height="{:.0f}" fill="{}" fill-opacity="{:.2f}"/>')
    ground = ground.format(left + 2, top + 1, wide - 4, _ROW - 2, PALETTE["passed"], 0.04 + 0.5 * share)
    interval = f"[{notation.number(row.low, 'share', 2)}, {notation.number(row.high, 'share', 2)}]"
    strength = notation.set_number(row.strength, "") if row.kind not in ("flip", "invert") else ""
    failed = share < promise
    parts = [
        ground, words_at(left + 8, top + 15, strength, size=11),
        words_at(left + wide / 2, top + 15, notation.number(share, "share", 3), anchor="middle", size=12, bold=failed,
                 colour="failed" if failed else "ink"),
        words_at(left + wide / 2, top + 30, interval, anchor="middle", size=11),
    ]  # fmt: skip
    if failed:
        edge = f"M{left + 3:.1f} {top + 2:.1f}h{wide - 6:.1f}v{_ROW - 4:.1f}h-{wide - 6:.1f}z"
        parts.append(stroke(edge, "failed", width=2, dash="4 2"))
    return joined(parts)


def power_by_p(shown: Shown) -> Picture | None:
    """Draw how often the mark is found over the p-value that is asked for; None without attacks."""
    cells = _cells(shown)
    if cells is None:
        return None
    alpha = _option(shown, "alpha", _ALPHA)
    found = cells.assign(found=cells["p_value"].le(alpha)).groupby(["kind", "strength"], sort=False)["found"].mean()
    after = found.drop(["none", "copy"], level=0, errors="ignore").sort_values(kind="stable")
    worst = after[~after.index.get_level_values(0).duplicated()]
    chosen = [("none", 0.0), *worst.index[: _CURVES - 1]]
    notation, words = shown.notation, shown.notation.words
    axis = Axis("p", _LEAST, 1.0, (1e-20, 1e-15, 1e-10, 1e-5, 1.0), int(WIDTH - _LEFT), powers=True)
    parts = [feet(axis, notation, _TOP + _PLOT + 16, left=_LEFT)]
    for tick, text in zip(_SHARES, notation.ticks(_SHARES, "share"), strict=True):
        parts += [line(_LEFT, _y(tick), WIDTH, _y(tick), "grid"),
                  words_at(_LEFT - 6, _y(tick) + 4, text, anchor="end", size=11, colour="skipped")]  # fmt: skip
    parts.append(line(_LEFT + axis.x(alpha), _y(1), _LEFT + axis.x(alpha), _y(0), "ink", dash="3 3"))
    for at, attack in enumerate(chosen):
        parts += _curve(shown, cells[cells["kind"].eq(attack[0]) & cells["strength"].eq(attack[1])], attack, axis, at)
    message = words(
        "picture.power_by_p", share=notation.number(float(found.get(("none", 0.0), 0.0)), "share"),
        alpha=_told(alpha, notation),
    )
    return pictured(shown, _TOP + _PLOT + 46, message, words("picture.power_by_p_caption"), joined(parts))


def _curve(shown: Shown, cells: pd.DataFrame, attack: tuple[str, float], axis: Axis, at: int) -> list[Markup]:
    """Return the steps of one attack, from the least p-value that is drawn to 1, and its name below."""
    import numpy as np

    p = np.sort(cells["p_value"].fillna(1.0).clip(_LEAST, 1.0).to_numpy(float))
    height = np.arange(1, len(p) + 1) / len(p)
    path, y = f"M{_LEFT + axis.x(_LEAST):.1f} {_y(float((p <= _LEAST).mean())):.1f}", 0.0
    for value, y in zip(p[p > _LEAST], height[p > _LEAST], strict=True):
        path += f"H{_LEFT + axis.x(float(value)):.1f}V{_y(float(y)):.1f}"
    words, left, foot = shown.notation.words, _LEFT + 16 + 260 * at, _TOP + _PLOT + 40
    name = words("picture.no_attack") if attack[0] == "none" else words.term("group", f"{attack[0]} at {attack[1]:g}")
    return [
        stroke(f"{path}H{WIDTH}", _COLOURS[at], width=2, dash=_DASHES[at]),
        line(left, foot - 4, left + 26, foot - 4, _COLOURS[at], width=2, dash=_DASHES[at]),
        words_at(left + 32, foot, cut(name, words, 26), size=11),
    ]


def with_difference(shown: Shown) -> Picture | None:
    """Draw images before and after they were marked, and the difference; None where there are no originals."""
    if not {"image", "original", "p_value"} <= set(shown.columns) or shown.items is None:
        return None
    order = shown.frame("p_value")["p_value"].dropna().sort_values(ascending=False, kind="stable").index
    rows = [(int(at), one) for at, one in zip(order, shown.items.rows(order.tolist()).to_pylist(), strict=True)
            if one["original"] is not None]  # fmt: skip
    rows = rows[:: max(1, len(rows) - 1)][:_EXAMPLES]
    return None if not rows else _differences(shown, rows)


def difference_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one image before and after it was marked, and the difference; None where there is no original."""
    there = all(cells.get(name) is not None for name in ("image", "original"))
    return _differences(shown, [(0, cells)], leading=False) if there else None


def _differences(
    shown: Shown, rows: Sequence[tuple[int, Mapping[str, Any]]], *, leading: bool = True
) -> Picture | None:
    words, high = shown.notation.words, _SIZE + 24.0
    pairs = [(_array(cells["image"]), _array(cells["original"])) for _, cells in rows]
    if any(marked.shape != original.shape for marked, original in pairs):
        return None
    times = min(_times(marked.astype(float) - original) for marked, original in pairs)
    parts, boxes = list[Markup](), []
    for at, ((_, cells), (marked, original)) in enumerate(zip(rows, pairs, strict=True)):
        change = marked.astype(float) - original
        images = (original, marked, (128 + times * change).clip(0, 255).round())
        told = (words("picture.original"), words("picture.marked"), words("picture.difference", times=times))
        for across, (image, text) in enumerate(zip(images, told, strict=True)):
            left = across * (_SIZE + _GAP)
            drawn = placed("image", image.astype(int).tolist(), left, at * high + 16, _SIZE, (0, 255))
            if drawn is None:
                return None
            parts += [words_at(left, at * high + 11, text, size=11), drawn]
        parts += _beside(shown, cells, 3 * (_SIZE + _GAP), at * high + 34)
        boxes.append((0.0, at * high, float(WIDTH), high - 4))
    hotspots = shown.leading(boxes, [row for row, _ in rows]) if leading else []
    message = words("picture.difference_said", times=times)
    caption = words("picture.difference_caption")
    return pictured(shown, len(rows) * high, message, caption, joined(parts), hotspots=hotspots)


def _beside(shown: Shown, cells: Mapping[str, Any], left: float, top: float) -> list[Markup]:
    """Return the numbers of an image in lines."""
    words, notation = shown.notation.words, shown.notation
    names = [("psnr", ""), ("ssim", "score"), ("p_value", "p-value"), ("right_bits", "share")]
    there = [(name, unit, float(cells[name])) for name, unit in names if cells.get(name) is not None]
    return [
        words_at(left, top + 20 * at, f"{words.term('column', name)}: {notation.number(value, unit)}", size=12)
        for at, (name, unit, value) in enumerate(there)
    ]


def _times(change: NDArray[np.float64]) -> int:
    """Return by how much a difference is drawn larger: so that hardly any of it is cut off."""
    import numpy as np

    most = max(float(np.quantile(np.abs(change), 0.99)), 1.0)
    return max((one for one in _TIMES if one * most <= 127), default=1)


def _array(cell: Any) -> NDArray[Any]:
    import numpy as np

    return np.array(cell)


def _cells(shown: Shown) -> pd.DataFrame | None:
    """Return the rows of `attack_cells`; None where nothing was attacked."""
    from detectors.provenance.under_attack import CELL_LISTS, attack_cells

    if shown.items is None or not set(CELL_LISTS) <= set(shown.columns):
        return None
    cells = attack_cells(shown.items.table(list(CELL_LISTS)).to_pandas())
    return None if cells.empty else cells


def _power(shown: Shown, alphas: tuple[float, ...]) -> pd.DataFrame | None:
    from detectors.provenance.under_attack import power_table

    cells = _cells(shown)
    return None if cells is None else power_table(cells, alphas, shown.finding.measures[0].level)


def _option(shown: Shown, name: str, otherwise: float) -> float:
    return float(shown.finding.options.get(name, otherwise))


def _told(alpha: float, notation: Notation) -> str:
    """Return a rate of false alarm as a power of ten where it is one."""
    power = math.log10(alpha)
    if abs(power - round(power)) < 1e-9:
        return notation.ticks([alpha], "", powers=True)[0]
    return notation.set_number(alpha, "")


def _y(share: float) -> float:
    return _TOP + _PLOT * (1 - share)
