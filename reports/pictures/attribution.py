"""Which source drove an answer: weights of sources, and how well they foretell log p, at worst and at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from reports.figures import PAD, bar, cut, dot, joined, line, round_axis, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured

__all__ = ["sources_of_item", "weights_of_sources"]

_BARS, _TEXT, _CLOUD, _ROW = 200, 208, 190, 22
"""Width of the bars, where the sources' texts begin, width of the cloud; height of a row."""
_HEAD, _MOST, _FOOT = 42, 7, 40
"""Height of prompt and answer; sources that are drawn; height of what stands below the cloud."""
_NEEDED = ("prompt", "answer", "context", "weights")


def weights_of_sources(shown: Shown) -> Picture | None:
    """Draw the question whose masks the weights foretell worst, and the one where best; None where none has weights."""
    if shown.items is None or not {*_NEEDED, "value", "role"} <= set(shown.columns):
        return None
    frame = shown.frame("role", "value").reset_index(drop=True)
    value = frame.loc[frame["role"].eq("items"), "value"].dropna()
    if value.empty:
        return None
    places, numbers = value.index.to_list(), value.to_numpy(float)
    rows = [places[numbers.argmin()], places[numbers.argmax()]][: 2 if value.min() < value.max() else 1]
    drawn, boxes, top = list[Markup](), list[tuple[float, float, float, float]](), 0.0
    heads = ("picture.sources_worst", "picture.sources_best") if len(rows) == 2 else (None,)
    for cells, head in zip(shown.items.rows(rows).to_pylist(), heads, strict=True):
        part, high = _question(shown, cells, top, head)
        drawn.append(part)
        boxes.append((0, top, WIDTH, high))
        top += high + 14
    number, words = shown.notation.number, shown.notation.words
    worst, best = (number(one, "score") for one in (float(value.min()), float(value.max())))
    message = (
        words("picture.sources", worst=worst, best=best) if len(rows) == 2 else words("picture.sources_one", value=best)
    )
    caption = words("picture.sources_caption")
    return pictured(shown, top, message, caption, joined(drawn), hotspots=shown.leading(boxes, rows))


def sources_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one question; None where it has no weights."""
    if any(cells.get(name) is None for name in _NEEDED):
        return None
    part, high = _question(shown, cells, 0.0, None)
    words, value = shown.notation.words, cells.get("value")
    told = value is not None and value == value
    message = (
        words("picture.sources_one", value=shown.notation.number(float(value), "score")) if told and value is not None
        else words("picture.sources_untold")
    )
    return pictured(shown, high, message, words("picture.sources_caption"), part)


def _question(shown: Shown, cells: Mapping[str, Any], top: float, head: str | None) -> tuple[Markup, float]:
    """Return a question from `top` on, and how high it is."""
    words = shown.notation.words
    prompt = str(cells["prompt"])
    told = prompt if head is None else words(head, prompt=prompt)
    heads = [
        words_at(0, top + 14, cut(told, words, 100), bold=True),
        words_at(0, top + 32, cut(words("picture.sources_answer", answer=str(cells["answer"])), words, 110), size=11),
    ]
    bars, high = _bars(shown, cells, top + _HEAD)
    cloud = _cloud(shown, cells, top + _HEAD)
    return joined([*heads, bars, cloud]), _HEAD + max(high, _CLOUD / 2 + _FOOT)


def _bars(shown: Shown, cells: Mapping[str, Any], top: float) -> tuple[Markup, float]:
    """Return the sources, that of the highest weight first, and how high they are."""
    weights = [float(one) for one in cells["weights"]]
    lows, highs = (_known(cells.get(name), weights) for name in ("weight_low", "weight_high"))
    gold = {int(one) for one in (() if cells.get("gold") is None else cells["gold"])}
    order = sorted(range(len(weights)), key=lambda place: -weights[place])
    shown_places = order if len(order) <= _MOST + 1 else order[:_MOST]
    axis = round_axis("nats", min([0.0, *lows]), max([0.0, *highs, min(lows) + 1e-6]), _BARS)
    zero, parts = axis.x(0.0), list[Markup]()
    for row, place in enumerate(shown_places):
        y = top + row * _ROW
        start, end = sorted((zero, axis.x(weights[place])))
        text = cut(f"[{place + 1}] {cells['context'][place]}", shown.notation.words, 62)
        parts += [
            words_at(_TEXT, y + 15, text, size=11, bold=place in gold),
            bar(start, y + 5, end - start, 12, "ink" if place in gold else "skipped"),
        ]
        if lows[place] < highs[place]:
            ends = (axis.x(one) for one in (lows[place], highs[place]))
            parts.append(line(next(ends), y + 11, next(ends), y + 11, "failed", width=1.5))
    bottom = top + len(shown_places) * _ROW
    parts.append(line(zero, top, zero, bottom + 2, "ink"))
    numbers = list(zip(axis.ticks, shown.notation.ticks(axis.ticks, "nats"), strict=True))
    every = 2 if 7 * sum(len(told) for _, told in numbers) > axis.width - 2 * PAD else 1
    for tick, told in numbers[::every]:
        parts.append(words_at(axis.x(tick), bottom + 16, told, anchor="middle", size=11, colour="skipped"))
    if (more := len(order) - len(shown_places)) > 0:
        told = shown.notation.words("picture.sources_more", count=more)
        parts.append(words_at(_TEXT, bottom + 16, told, size=11, colour="skipped"))
    return joined(parts), bottom + 24 - top


def _known(ends: Sequence[float] | None, weights: Sequence[float]) -> list[float]:
    return list(weights) if ends is None else [float(one) for one in ends]


def _cloud(shown: Shown, cells: Mapping[str, Any], top: float) -> Markup:
    """Return what was predicted of held-out masks along, and what log p was upward; nothing where none was held out."""
    if cells.get("predicted") is None or cells.get("actual") is None:
        return joined([])
    predicted, actual = ([float(one) for one in cells[name]] for name in ("predicted", "actual"))
    along, upward = (round_axis("nats", min(some), max(some) + 1e-6, wide) for some, wide in (
        (predicted, _CLOUD), (actual, _CLOUD // 2 + 2 * PAD)))  # fmt: skip
    left, words, right = WIDTH - _CLOUD - 4, shown.notation.words, WIDTH - 4
    bottom, high = top + 12 + _CLOUD / 2, _CLOUD / 2
    parts = [
        words_at(left, top + 6, words("picture.sources_actual"), size=11, colour="skipped"),
        line(left, top + 12, left, bottom, "grid"), line(left, bottom, left + _CLOUD, bottom, "grid"),
        words_at(right, bottom + 14, words("picture.sources_predicted"), anchor="end", size=11, colour="skipped"),
    ]
    parts += [
        dot(left + along.x(one), bottom - (upward.x(other) - PAD) * high / (upward.width - 2 * PAD), "ink", radius=2.5)
        for one, other in zip(predicted, actual, strict=True)
    ]
    return joined(parts)
