"""Which sentence of a pair is preferred: each independent unit a dot by group, then the strongest preferences.

dot     share of a unit's pairs in which the more stereotypical sentence is preferred; tick = the group's mean
bar     how much likelier the preferred sentence is, the differing words marked
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.figures import PALETTE, Axis, bar, cut, dot, feet, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot
from reports.text import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["strongest_preferences", "units_by_group"]

_LABEL, _PLOT, _ROW = 150, 520, 30
_MOST = 14
"""Groups, those farthest from the ideal where there are more."""
_PILE = 5
"""Dots of one place; where there are more, their number stands beside them."""
_PAIRS, _PAIR = 6, 46
_LETTERS = 88
"""Characters of a sentence."""


def units_by_group(shown: Shown) -> Picture | None:
    """Draw each unit's share by group; None where pairs stand alone, as a share of one says nothing."""
    if not {"group", "unit", "value"} <= set(shown.columns):
        return None
    frame = shown.frame("group", "unit", "value", "kind").dropna(subset=["group", "unit", "value"])
    if "kind" in frame:
        frame = frame[frame["kind"].fillna("swap") == "swap"]
    units = frame.groupby(["group", "unit"], sort=True)["value"].agg(["mean", "size"]).reset_index()
    if units.empty or units["size"].mean() < 3:
        return None
    measures = shown.of_groups(_name(shown))
    means = units.groupby("group")["mean"].mean()
    order = (means - 0.5).abs().sort_values(ascending=False, kind="stable").index.to_list()[:_MOST]
    order.sort(key=lambda name: (-means[name], name))
    axis = Axis("share", 0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), _PLOT)
    bottom = len(order) * _ROW
    parts = [feet(axis, shown.notation, bottom + 16, left=_LABEL, top=0), _rules(shown, axis, bottom)]
    for at, name in enumerate(order):
        parts.append(_group(shown, name, units[units["group"] == name], axis, at * _ROW))
    words, notation = shown.notation.words, shown.notation
    group = order[0]
    told = measures.get(str(group))
    message = words(
        "picture.leaning",
        group=words.term("group", str(group)),
        share=notation.number(float(means[group]), "share"),
        interval="" if told is None or told.low is None else notation.interval(told),
    )
    hotspots = [Hotspot((0, at * _ROW, WIDTH, _ROW), (("group", str(name)),)) for at, name in enumerate(order)]
    caption, limit = words("picture.leaning_caption"), shown.finding.limit
    if limit is not None and limit.measure == _name(shown):
        caption = words("picture.limit_thick", text=caption)
    return pictured(shown, bottom + 24, message, caption, joined(parts), (_LABEL, _PLOT), hotspots)


def _name(shown: Shown) -> str:
    return next((one.name for one in shown.finding.measures if one.mean_of == "value"), "")


def _rules(shown: Shown, axis: Axis, bottom: float) -> Markup:
    limit, parts = shown.finding.limit, [line(_LABEL + axis.x(0.5), 0, _LABEL + axis.x(0.5), bottom, "ink", dash="2 3")]
    if limit is not None and limit.measure == _name(shown):
        parts += [
            line(_LABEL + axis.x(bound), 0, _LABEL + axis.x(bound), bottom, "ink", width=2)
            for bound in (limit.at_least, limit.at_most)
            if bound is not None
        ]
    return joined(parts)


def _group(shown: Shown, name: str, units: pd.DataFrame, axis: Axis, top: float) -> Markup:
    import numpy as np

    words, notation = shown.notation.words, shown.notation
    base = top + _ROW - 8
    limit = shown.finding.limit
    most = 1.0 if limit is None or limit.at_most is None else limit.at_most
    parts = [
        line(0, top + _ROW - 1, WIDTH, top + _ROW - 1, "grid"),
        words_at(0, base, cut(words.term("group", name), words, 22), size=13),
    ]
    shares, counts = np.unique(units["mean"].to_numpy(float).round(2), return_counts=True)
    for share, count in zip(shares.tolist(), counts.tolist(), strict=True):
        at, colour = _LABEL + axis.x(share), "failed" if share > most else "measured"
        parts += [dot(at, base - 4 * height, colour, radius=3) for height in range(min(count, _PILE))]
        if count > _PILE:
            parts.append(words_at(at - 8, base - 4, f"× {count:,}", anchor="end", size=11, colour="skipped"))
    mean = float(units["mean"].mean())
    parts.append(line(_LABEL + axis.x(mean), base - 12, _LABEL + axis.x(mean), base + 6, "ink", width=3))
    told = words("picture.in_units", share=notation.number(mean, "share"), count=len(units))
    parts.append(words_at(_LABEL + _PLOT + 16, base, told, size=12, colour="skipped"))
    return joined(parts)


def strongest_preferences(shown: Shown) -> Picture | None:
    """Draw the pairs of sentences of which the stereotype is preferred most; None where there are none."""
    if not {"more", "less", "difference", "value"} <= set(shown.columns) or shown.items is None:
        return None
    frame = shown.frame("difference", "value", "kind")
    wanted = frame[frame["value"].eq(1.0) & frame["difference"].notna()]
    numbers = wanted["difference"].sort_values(ascending=False, kind="stable").index[:_PAIRS].tolist()
    if not numbers:
        return None
    pairs = shown.items.rows(numbers).to_pylist()
    widest = max(float(one["difference"]) for one in pairs) or 1.0
    parts = [_pair(shown, one, at * _PAIR, widest) for at, one in enumerate(pairs)]
    words = shown.notation.words
    message = words("picture.pairs", more=one_line(str(pairs[0]["more"]), words, 120))
    caption = words("picture.pairs_caption", count=len(pairs), all=len(wanted))
    hotspots = shown.leading([(0, at * _PAIR, WIDTH, _PAIR) for at in range(len(pairs))], numbers)
    return pictured(shown, len(pairs) * _PAIR + 4, message, caption, joined(parts), hotspots=hotspots)


def _pair(shown: Shown, pair: dict[str, object], top: float, widest: float) -> Markup:
    words, notation = shown.notation.words, shown.notation
    more, less = (one_line(str(pair[name]), words, _LETTERS).split(" ") for name in ("more", "less"))
    blocks = difflib.SequenceMatcher(None, more, less, autojunk=False).get_matching_blocks()
    same = [{at for block in blocks for at in range(block[side], block[side] + block.size)} for side in (0, 1)]
    nats = float(str(pair["difference"]))
    length = 130 * nats / widest
    return joined(
        [
            _sentence(more, same[0], top + 18),
            _sentence(less, same[1], top + 36),
            bar(WIDTH - 210, top + 16, length, 12, "failed"),
            words_at(WIDTH - 70, top + 26, notation.number(nats, "nats"), size=12),
            line(0, top + _PAIR - 1, WIDTH, top + _PAIR - 1, "grid"),
        ]
    )


def _sentence(said: list[str], same: set[int], y: float) -> Markup:
    """Return a sentence whose words that the other has not are marked."""
    marked = Markup(' font-weight="600" fill="{}"').format(PALETTE["failed"])
    spans = joined(
        Markup("<tspan{}>{} </tspan>").format(Markup("") if at in same else marked, word)
        for at, word in enumerate(said)
    )
    return Markup('<text x="0" y="{}" font-size="13" fill="{}">{}</text>').format(y, PALETTE["ink"], spans)
