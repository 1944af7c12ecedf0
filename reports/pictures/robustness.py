"""How often an answer flips under each change of what was asked, and what such a change looks like.

    row       a change, those of one kind together; dot = flip rate, line = interval, which holds for all at once
    filled    keeps the meaning by construction; hollow: may change it
    thick     the limit; dashed: what asking the same once more flips

    texts     as it is, and below it changed, the words that differ marked, with both answers
    images    as it is and under each change, the answer below; a red frame where it flipped
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from detectors.result import Measure
from reports.figures import PALETTE, Axis, axis_of, cut, dot, feet, joined, line, placed, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.ranked import levels_of
from reports.text import Words, one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["changed_images_shown", "changed_texts", "flips_by_change"]

_LABEL, _PLOT, _ROW = 190, 390, 18
_MOST = 20
_NAMES = ("flip_rate", "log_prob_drop")
_LIMITS = {
    "flip_rate": ("worst_flip_rate", "worst_kept_flip_rate", "flip_rate"),
    "log_prob_drop": ("largest_log_prob_drop", "log_prob_drop"),
}
_EXAMPLES, _PAIR, _LETTERS = 2, 62, 100
_IMAGES, _SIZE = 3, 46
"""Items in the strip of images, and their size."""


def flips_by_change(shown: Shown) -> Picture | None:
    """Draw the flip rate of every change, or by how much a likelihood falls; None where there is no change."""
    name, groups = next(((name, found) for name in _NAMES if (found := shown.of_groups(name))), ("", {}))
    known = {group: one for group, one in groups.items() if one.value is not None}
    if not known or shown.table is None:
        return None
    rows = {str(row["change"]): row for row in shown.table.rows(range(shown.table.total)).to_pylist()}
    kept = [group for group in rows if group in known][:_MOST]
    limit = shown.finding.limit
    limit = limit if limit is not None and limit.measure in _LIMITS[name] else None
    axis = axis_of([(known[group], limit) for group in kept], _PLOT)
    bottom = len(kept) * _ROW
    parts = [feet(axis, shown.notation, bottom + 16, left=_LABEL, top=0)]
    noise = shown.measured("noise_flip_rate")
    if noise is not None and noise.value is not None and name == "flip_rate":
        at = _LABEL + axis.x(noise.value)
        parts.append(line(at, 0, at, bottom, "ink", dash="2 3"))
    for bound in () if limit is None else (limit.at_least, limit.at_most):
        if bound is not None:
            parts.append(line(_LABEL + axis.x(bound), 0, _LABEL + axis.x(bound), bottom, "ink", width=2))
    most = None if limit is None else limit.at_most
    parts += [_row(shown, known[group], rows[group], axis, at * _ROW, most) for at, group in enumerate(kept)]
    words = shown.notation.words
    worst = max(kept, key=lambda group: known[group].value or 0.0)
    message = words(f"picture.{name}s", change=words.term("group", worst), value=_told(shown, known[worst]))
    caption = words(f"picture.{name}s_caption")
    if noise is not None and noise.value is not None and name == "flip_rate":
        caption = words("picture.noise_dashed", text=caption)
    if limit is not None:
        caption = words("picture.limit_thick", text=caption)
    if len(kept) < len(known):
        caption = words("picture.groups_left", text=caption, count=len(known) - len(kept))
    return pictured(shown, bottom + 24, message, caption, joined(parts), (_LABEL, _PLOT))


def _told(shown: Shown, one: Measure) -> str:
    number = shown.notation.with_unit(shown.notation.number(one.value or 0.0, one.unit), one.unit)
    return number if one.low is None else f"{number} {shown.notation.interval(one)}"


def _row(
    shown: Shown, one: Measure, row: dict[str, Any], axis: Axis, top: float, most: float | None
) -> Markup:
    words, notation, middle = shown.notation.words, shown.notation, top + _ROW / 2
    limit = shown.finding.limit
    spoken_of = row["keeps_meaning"] or limit is None or limit.measure != "worst_kept_flip_rate"
    over = most is not None and one.low is not None and one.low > most
    colour = "failed" if over and spoken_of else "measured"
    parts = [
        line(0, top + _ROW, WIDTH, top + _ROW, "grid"),
        words_at(0, middle + 4, cut(words.term("group", str(one.group)), words, 27), size=12),
    ]
    if one.low is not None and one.high is not None:
        parts.append(line(_LABEL + axis.x(one.low), middle, _LABEL + axis.x(one.high), middle, colour, width=2))
    parts.append(dot(_LABEL + axis.x(one.value or 0.0), middle, colour, hollow=not row["keeps_meaning"]))
    interval = "" if one.low is None else notation.interval(one)
    spared = words("picture.spared", count=int(row["unchanged"])) if row["unchanged"] else ""
    return joined([
        *parts,
        words_at(_LABEL + _PLOT + 60, middle + 4, notation.number(one.value or 0.0, one.unit), anchor="end", size=12),
        words_at(_LABEL + _PLOT + 68, middle + 4, interval, size=11, colour="skipped"),
        words_at(WIDTH, middle + 4, spared, anchor="end", size=11, colour="skipped"),
    ])


def changed_texts(shown: Shown) -> Picture | None:
    """Draw some texts whose answer flipped, with the words that a change touched; None where there is none."""
    if not {"asked", "answers", "flipped_under", "flip_share"} <= set(shown.columns) or shown.items is None:
        return None
    frame = shown.frame("flip_share", "flipped_under")
    turned = frame[frame["flipped_under"].notna()].sort_values("flip_share", ascending=False, kind="stable")
    first = turned.index[: 4 * _EXAMPLES].tolist()
    flips = [(at, _flip_of(row)) for at, row in zip(first, shown.items.rows(first).to_pylist(), strict=True)]
    of_items = [(at, one) for at, one in flips if one is not None][:_EXAMPLES]
    found = _of_many_kinds([one for _, one in of_items])
    if not found:
        return None
    words = shown.notation.words
    parts = [_example(shown, one, at * _PAIR) for at, one in enumerate(found)]
    change, _, _, before, after = found[0]
    message = words(
        "picture.changed_texts", change=words.term("group", change), before=one_line(before, words, 60),
        after=one_line(after, words, 60),
    )
    caption = words("picture.changed_texts_caption", count=len(found), all=len(turned))
    boxes = [(0, at * _PAIR, WIDTH, _PAIR - 2) for at in range(len(found))]
    hotspots = shown.leading(boxes, [at for at, _ in of_items])
    return pictured(shown, len(found) * _PAIR + 2, message, caption, joined(parts), hotspots=hotspots)


_Flip = tuple[str, str, str, str, str]
"""Change, text as it is, changed text, answer before, answer after."""


def _flip_of(row: dict[str, Any]) -> list[_Flip] | None:
    """Return the flips of an item, those that keep the meaning first; None where its answer never flipped."""
    from detectors.robustness.kinds import KEEPS_MEANING, group_of

    names = set(row["flipped_under"])
    asked, answers, kinds, strengths = (list(row[name]) for name in ("asked", "answers", "kinds", "strengths"))
    found = [
        (group_of(kind, strength), asked[0], text, str(answers[0]), str(answer))
        for kind, strength, text, answer in zip(kinds[1:], strengths[1:], asked[1:], answers[1:], strict=True)
        if answer is not None and group_of(kind, strength) in names
    ]
    return sorted(found, key=lambda one: one[0].partition(" ")[0] not in KEEPS_MEANING) or None


def _of_many_kinds(items: list[list[_Flip]]) -> list[_Flip]:
    """Return a flip of each item, of a kind that was not shown yet where it has one."""
    seen: list[str] = []
    found = []
    for flips in items:
        one = min(flips, key=lambda flip: (seen.count(flip[0].partition(" ")[0]), flips.index(flip)))
        seen.append(one[0].partition(" ")[0])
        found.append(one)
    return found


def _example(shown: Shown, flip: _Flip, top: float) -> Markup:
    words = shown.notation.words
    change, before, after, said, now = flip
    texts: list[list[str]] = [re.findall(r"\S+|\s\s+", _shortened(text, words)) for text in (before, after)]
    blocks = difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_matching_blocks()
    same = [{at for block in blocks for at in range(block[side], block[side] + block.size)} for side in (0, 1)]
    arrow = words("picture.answers_turn", before=cut(said, words, 46), after=cut(now, words, 46))
    return joined([
        words_at(0, top + 16, cut(words.term("group", change), words, 40), size=12, bold=True),
        words_at(WIDTH, top + 16, arrow, anchor="end", size=12, colour="failed"),
        _sentence(texts[0], same[0], top + 34, "skipped"), _sentence(texts[1], same[1], top + 52, "ink"),
        line(0, top + _PAIR - 2, WIDTH, top + _PAIR - 2, "grid"),
    ])


def _shortened(text: str, words: Words) -> str:
    """Return a text on one line of the picture, its blanks as they are; what cannot be printed is taken out."""
    said = "".join(one if one.isprintable() else " " for one in text)
    return said if len(said) <= _LETTERS else cut(said, words, _LETTERS)


def _sentence(said: list[str], same: set[int], y: float, colour: str) -> Markup:
    """Return a sentence with the words marked that the other has not; blanks that are more than one are shown."""
    marked = Markup(' font-weight="600" fill="{}"').format(PALETTE["failed"])
    spans = joined(
        Markup("<tspan{}>{} </tspan>").format(
            Markup("") if at in same else marked, word if word.strip() else "␣" * len(word)
        )
        for at, word in enumerate(said)
    )
    return Markup('<text x="0" y="{}" font-size="13" fill="{}">{}</text>').format(y, PALETTE[colour], spans)


def changed_images_shown(shown: Shown) -> Picture | None:
    """Draw some images as they are and under every change, with the answer to each; None where none is stored."""
    if not {"image", "kinds", "strengths", "answers"} <= set(shown.columns) or shown.items is None:
        return None
    share = "flip_share" if "flip_share" in shown.columns else "fall_share"
    if share not in shown.columns:
        return None
    order = shown.frame(share)[share].dropna().sort_values(ascending=False, kind="stable").index[:_IMAGES].tolist()
    if not order or shown.items.id_column is None:
        return None
    rows = shown.items.rows(order).to_pylist()
    forms = [_forms_of(shown, row) for row in rows]
    levels = levels_of([image.tolist() for one in forms for image in one])
    pairs = zip(rows[0]["kinds"], rows[0]["strengths"], strict=True)
    names = [_head(shown, kind, strength) for kind, strength in pairs]
    step = min(90.0, WIDTH / max(1, len(names)))
    size = min(_SIZE, step - 8)
    parts = [
        joined(words_at(at * step + size / 2, 11 + 12 * part, text, anchor="middle", size=11, colour="skipped")
               for part, text in enumerate(head))
        for at, head in enumerate(names)
    ]  # fmt: skip
    for number, (row, images) in enumerate(zip(rows, forms, strict=True)):
        drawn = _strip(shown, row, images, (32 + number * (size + 20), step, size), levels)
        if drawn is None:
            return None
        parts.append(drawn)
    words = shown.notation.words
    height = 34 + len(rows) * (size + 20)
    message = words("picture.changed_images", count=len(rows), changes=len(names) - 1)
    about = "changed_images" if share == "flip_share" else "likelihoods_changed"
    caption = words(f"picture.{about}_caption", count=len(rows))
    hotspots = shown.leading([(0, 32 + at * (size + 20), WIDTH, size + 18) for at in range(len(rows))], order)
    return pictured(shown, height, message, caption, joined(parts), hotspots=hotspots)


def _forms_of(shown: Shown, row: dict[str, Any]) -> list[Any]:
    """Return the image and its changed forms, made again from its id."""
    from detectors.arrays import items_of
    from detectors.changes.pixels import changed_images

    assert shown.items is not None
    image = items_of(_frame([row["image"]]))[0]
    given = shown.finding.options.get("value_range")
    ends = None if given is None else (float(given[0]), float(given[1]))
    changes = list(zip(row["kinds"], row["strengths"], strict=True))[1:]
    made = changed_images(str(row[shown.items.id_column]), image, changes, ends)  # type: ignore[arg-type, index]
    return [image, *(one for _, _, one in made)]


def _frame(cells: list[Any]) -> pd.DataFrame:
    import pandas as pd

    from detectors.arrays import objects

    return pd.DataFrame({"image": objects(cells)})


def _head(shown: Shown, kind: str, strength: float) -> tuple[str, str]:
    words = shown.notation.words
    if not strength:
        return cut(words("picture.as_it_is"), words, 14), ""
    return cut(words.term("perturbation", kind), words, 14), f"{strength:g}"


def _strip(
    shown: Shown, row: dict[str, Any], images: list[Any], place: tuple[float, float, float],
    levels: tuple[float, float] | None,
) -> Markup | None:
    """Draw the forms of one image in a row, each with its answer."""
    top, step, size = place
    answers, notation = list(row["answers"]), shown.notation
    likelihoods = "flip_share" not in shown.columns
    parts = []
    for at, (image, answer) in enumerate(zip(images, answers, strict=True)):
        x = at * step
        item = placed("image", image.tolist(), x, top, size, levels)
        if item is None:
            return None
        flipped = not likelihoods and answer is not None and answer != answers[0]
        edge, width = ("failed", 2.5) if flipped else ("edge", 1.0)
        told = notation.number(float(answer), "nats") if likelihoods and answer is not None else str(answer)
        text = "=" if answer is None else cut(told, notation.words, 10)
        parts += [
            item, stroke(f"M{x:.1f} {top:.1f}h{size:.1f}v{size:.1f}h-{size:.1f}z", edge, width=width),
            words_at(x + size / 2, top + size + 13, text, anchor="middle", size=11,
                     colour="failed" if flipped else "skipped", bold=flipped),
        ]  # fmt: skip
    return joined(parts)
