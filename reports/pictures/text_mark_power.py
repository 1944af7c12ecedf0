"""How far a mark can be trusted: found by length of the text at three rates of false alarm, and after each attack.

    curve    share of texts, cut to a length, in which the mark is found; its band is exact, of each point by itself
    field    an attack and a length: how often the mark is found there, dark = often; a dash: no text is that long
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.figures import PALETTE, Axis, cut, dot, feet, joined, line, rungs, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.text import Notation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["power_after_attacks", "power_by_length"]

_ALPHAS = (1e-2, 1e-3, 1e-6)
_LEFT, _PLOT, _TOP = 46.0, 130, 14.0
_SHARES = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), _PLOT + 32)
_LABEL, _ROW, _HEAD = 190.0, 20.0, 20.0
_MOST = 18
"""Rows that are drawn."""
_COLOURS, _DASHES = ("passed", "measured", "failed"), ("", "6 3", "2 3")


def power_by_length(shown: Shown) -> Picture | None:
    """Draw the power of the mark over the length of the text; None where texts were cut to fewer than two lengths."""
    cells = _cells(shown, _ALPHAS)
    if cells is None:
        return None
    frame = cells[cells["kind"].eq("none") & cells["length"].gt(0)].sort_values("length")
    lengths = sorted(set(frame["length"]))
    if len(lengths) < 2:
        return None
    words, notation = shown.notation.words, shown.notation
    axis = Axis("tokens", lengths[0], lengths[-1], tuple(lengths), int(WIDTH - _LEFT), powers=True)
    parts = [
        feet(axis, notation, _TOP + _PLOT + 16, left=_LEFT), rungs(_SHARES, notation, _y, left=_LEFT, right=WIDTH),
    ]
    for at, alpha in enumerate(_ALPHAS):
        told = words("picture.at_alpha", alpha=_told(alpha, notation))
        parts += [_curve(frame[frame["alpha"].eq(alpha)], axis, at), _named(told, at)]
    last = frame[frame["length"].eq(lengths[-1]) & frame["alpha"].eq(_ALPHAS[-1])].iloc[0]
    message = words(
        "picture.power_by_length", share=notation.number(last["found"] / last["texts"], "share"),
        count=int(last["texts"]), length=lengths[-1], alpha=_told(_ALPHAS[-1], notation),
    )
    return pictured(shown, _TOP + _PLOT + 42, message, words("picture.power_by_length_caption"), joined(parts))


def _curve(own: pd.DataFrame, axis: Axis, at: int) -> Markup:
    """Draw the power at one rate of false alarm with its band; `at`: the place of the rate."""
    colour = _COLOURS[at]
    xs = [_LEFT + axis.x(length) for length in own["length"]]
    ups, downs = (list(zip(xs, map(_y, own[end]), strict=True)) for end in ("high", "low"))
    band = "L".join(f"{x:.1f} {y:.1f}" for x, y in [*ups, *downs[::-1]])
    curve = list(zip(xs, map(_y, own["found"] / own["texts"]), strict=True))
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in curve)
    return joined([
        Markup('<path d="M{}Z" fill="{}" fill-opacity=".12"/>').format(band, PALETTE[colour]),
        stroke(path, colour, width=1.5, dash=_DASHES[at]),
        *(dot(x, y, colour, hollow=at > 0) for x, y in curve),
    ])


def _named(told: str, at: int) -> Markup:
    """Draw the name of a curve below the plot, with a piece of it."""
    left, foot = _LEFT + 16 + 190 * at, _TOP + _PLOT + 38
    return joined([
        line(left, foot - 4, left + 26, foot - 4, _COLOURS[at], width=1.5, dash=_DASHES[at]),
        dot(left + 13, foot - 4, _COLOURS[at], hollow=at > 0), words_at(left + 32, foot, told, size=11),
    ])  # fmt: skip


def power_after_attacks(shown: Shown) -> Picture | None:
    """Draw how often the mark is found after each attack, whole and cut to each length; None where there is none."""
    each = shown.of_groups("power_under_attack")
    cells = None if not each else _cells(shown, (_alpha(shown),))
    if cells is None:
        return None
    words, notation = shown.notation.words, shown.notation
    lengths = [*sorted(set(cells["length"]) - {0}), 0]
    found = {(row.kind, row.strength, row.length): row for row in cells.itertuples()}
    rows, left = _rows(cells)
    wide = (WIDTH - _LABEL) / len(lengths)
    heads = [words("picture.of_tokens", count=length) if length else words("picture.whole_text") for length in lengths]
    parts = [words_at(_LABEL + (at + 0.5) * wide, 14, text, anchor="middle") for at, text in enumerate(heads)]
    for at, (kind, strength) in enumerate(rows):
        top = _HEAD + at * _ROW
        name = words("picture.no_attack") if kind == "none" else words.term("group", f"{kind} at {strength:g}")
        parts.append(words_at(0, top + 15, cut(name, words, 28), size=12, bold=kind == "none"))
        parts += [
            _cell(shown, found.get((kind, strength, length)), _LABEL + across * wide, top, wide)
            for across, length in enumerate(lengths)
        ]
    known = {group: one.value for group, one in each.items() if one.value is not None}
    if not known:
        return None
    worst = min(known, key=lambda group: known[group])
    message = words(
        "picture.power_after_attacks", attack=words.term("group", worst),
        share=notation.number(known[worst], "share"),
    )
    caption = words("picture.power_after_attacks_caption", alpha=_told(_alpha(shown), notation))
    if left:
        caption = words("picture.attacks_left", text=caption, count=left)
    return pictured(shown, _HEAD + len(rows) * _ROW + 4, message, caption, joined(parts))


def _cells(shown: Shown, alphas: tuple[float, ...]) -> pd.DataFrame | None:
    """Return the rows of `power_table`; None where nothing was attacked or cut."""
    from detectors.provenance.under_attack import CELL_LISTS, attack_cells, power_table

    if shown.items is None or not set(CELL_LISTS) <= set(shown.columns):
        return None
    cells = attack_cells(shown.items.table(list(CELL_LISTS)).to_pandas())
    return None if cells.empty else power_table(cells, alphas, shown.finding.measures[0].level)


def _rows(cells: pd.DataFrame) -> tuple[list[tuple[str, float]], int]:
    """Return kind and strength of each row, and how many attacks find no room.

    No attack comes first, forgery second, then what takes most.
    """
    from detectors.changes.attacks import FORGERY

    whole = cells[cells["length"].eq(0)]
    first = whole["kind"].map({"none": 0, FORGERY: 1}).fillna(2)
    order = whole.assign(first=first, share=whole["found"] / whole["texts"])
    order = order.sort_values(["first", "share"], kind="stable")
    rows = list(zip(order["kind"], order["strength"], strict=True))
    return rows[:_MOST], max(0, len(rows) - _MOST)


def _alpha(shown: Shown) -> float:
    return float(shown.finding.options.get("alpha", _ALPHAS[0]))


def _told(alpha: float, notation: Notation) -> str:
    """Return a rate of false alarm as a power of ten where it is one."""
    power = math.log10(alpha)
    if abs(power - round(power)) < 1e-9:
        return notation.ticks([alpha], "", powers=True)[0]
    return notation.set_number(alpha, "")


def _cell(shown: Shown, cell: Any, left: float, top: float, wide: float) -> Markup:
    """Return a field of the table."""
    if cell is None:
        return words_at(left + wide / 2, top + 15, "–", anchor="middle", colour="skipped")
    share, notation = cell.found / cell.texts, shown.notation
    ground = Markup('<rect x="{:.1f}" y="{}" width="{:.1f}" height="{}" fill="{}" fill-opacity="{:.2f}"/>').format(
        left + 2, top + 1, wide - 4, _ROW - 2, PALETTE["passed"], 0.04 + 0.5 * share
    )
    told = f"{notation.number(share, 'share', 2)}  [{notation.number(cell.low, 'share', 2)}, "
    told += f"{notation.number(cell.high, 'share', 2)}]"
    return joined([ground, words_at(left + wide / 2, top + 15, told, anchor="middle", size=11)])


def _y(share: float) -> float:
    return _TOP + _SHARES.width - _SHARES.x(share) - 16
