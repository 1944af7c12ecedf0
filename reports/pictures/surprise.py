"""Where in an item the surprise sits: -log p of every token, pixel or step of the strangest and the most likely items.

    text      each token on a ground as dark as it was surprising; the five most surprising underlined, with their nats
    image     the item, and beside it its map: white = expected, dark = surprising
    series    the item, and beneath it bars of surprise, step by step; the strangest window underlined, windows that
              were decided to be strange shaded, steps above the threshold that follows the stream in red

Drawn from what the detector kept (`detectors.novelty.evidence`); one scale for all items of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.figures import joined, placed, shaded, stroke, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.item_surprise import ItemSurprise, is_scored, items_with_surprise, surprise_from_cells
from reports.pictures.ranked import headline_of, judged_score, levels_of
from reports.pictures.series import ROOM, series_drawn
from reports.pictures.tokens import legend, text_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["surprise_maps", "surprise_of_item"]

_SIZE, _ALONE = 66, 200
"""Side of an image and of its map, beside others and alone."""
_CONTENT = ("image", "series", "tokens")
_IMAGES, _SERIES, _STRANGE, _LIKELY = 6, 4, 4, 2
"""Items at each end, of both roles."""


def surprise_maps(shown: Shown) -> Picture | None:
    """Draw the strangest and the most likely of the items whose elements are kept; None where there are none."""
    ranked = headline_of(shown)
    column = next((name for name in _CONTENT if name in shown.columns), None)
    if ranked is None or column is None or "surprisal" not in shown.columns:
        return None
    kept = items_with_surprise(shown, ranked.score, column)
    return _DRAW[column](shown, kept) if kept else None


def surprise_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one item from its cells; None where its elements are not kept."""
    column = next((name for name in _CONTENT if cells.get(name) is not None), None)
    score = judged_score(shown)
    if column is None or score is None or cells.get("surprisal") is None or not isinstance(cells.get(score), float):
        return None
    kept = surprise_from_cells(0, str(cells.get("role", "items")), cells[score], column, cells)
    return _DRAW[column](shown, [kept]) if is_scored(kept) else None


def _ends(kept: Sequence[ItemSurprise], first: int, last: int) -> tuple[list[ItemSurprise], list[ItemSurprise]]:
    """Return the strangest and the most likely, as many of each role and none at both ends; foreign ones first."""
    roles = sorted({one.role for one in kept})
    ends: tuple[list[ItemSurprise], list[ItemSurprise]] = ([], [])
    for role in roles:
        own = [one for one in kept if one.role == role]
        half = (len(own) + 1) // 2
        ends[0].extend(own[: min(first // len(roles), half)])
        ends[1].extend(own[max(half, len(own) - last // len(roles)) :])
    return ends


def _scale(kept: Sequence[ItemSurprise]) -> tuple[float, float]:
    import numpy as np

    values = np.concatenate([one.surprisal for one in kept])
    values = values[np.isfinite(values)]
    return min(0.0, float(values.min())), max(float(values.max()), 1e-9)


def _named(shown: Shown, one: ItemSurprise) -> str:
    words = shown.notation.words
    name = words("picture.familiar") if one.role == "items" else words.term("group", one.role)
    return words("picture.item_of", name=name, score=shown.notation.number(one.score, "score"))


def _message(shown: Shown, kept: Sequence[ItemSurprise]) -> str:
    import numpy as np

    top = kept[0]
    found = {"most": float(np.nanmax(top.surprisal)), "mean": float(np.nanmean(top.surprisal))}
    numbers = {name: shown.notation.number(value, "score") for name, value in found.items()}
    return shown.notation.words("picture.surprise", item=_named(shown, top), **numbers)


def _images(shown: Shown, kept: Sequence[ItemSurprise]) -> Picture | None:
    from detectors.novelty.evidence import ENDS

    words, size = shown.notation.words, _ALONE if len(kept) == 1 else _SIZE
    step, high = (WIDTH - 2 * size - 3) / (_IMAGES - 1), size + 60
    scale, levels = _scale(kept), levels_of([one.content for one in kept])
    parts, ends = [], _ends(kept, _IMAGES, _IMAGES)
    top = 20.0
    for name, row in zip(("picture.strangest", "picture.likeliest"), ends, strict=True):
        if row and len(kept) > 1:
            parts.append(words_at(0, top - 8, words(name), size=12, bold=True))
        for at, one in enumerate(row):
            drawn = _one_image(shown, one, (at * step, top, size), scale, levels)
            if drawn is None:
                return None
            parts.append(drawn)
        top += high if row else 0
    parts.append(_legend(shown, *scale, top - 12))
    told = "picture.bound_pixels_caption" if _of_a_bound(shown) else "picture.pixels_caption"
    caption = words(told, count=ENDS)
    return pictured(shown, top + 18, _message(shown, kept), caption, joined(parts), (0, 4 * step))


def _of_a_bound(shown: Shown) -> bool:
    """Whether pixels hold what they add to a bound, under draws of noise, and not their own -log p."""
    return bool(shown.finding.options.get("maps"))


def _one_image(
    shown: Shown, one: ItemSurprise, place: tuple[float, float, int], scale: tuple[float, float],
    levels: tuple[float, float] | None,
) -> Markup | None:
    """Draw an image and its map beside it; a pixel's surprise is the mean of its channels."""
    import numpy as np

    (left, top, size), shape = place, np.shape(one.content)
    item = placed("image", one.content, left, top, size, levels)
    if item is None or int(np.prod(shape)) != one.surprisal.size or len(shape) not in (2, 3):
        return None
    grid = one.surprisal.reshape(shape) if len(shape) == 2 else one.surprisal.reshape(shape).mean(axis=0)
    return joined([
        item, shaded(grid, *scale, (left + size + 3, top, size, size)),
        *(stroke(f"M{x:.1f} {top}h{size}v{size}h-{size}z", "edge") for x in (left, left + size + 3)),
        words_at(left, top + size + 13, _named(shown, one), size=11),
        words_at(left, top + size + 26, _peak(shown, grid), size=11, colour="skipped"),
    ])


def _peak(shown: Shown, grid: NDArray[np.float64]) -> str:
    """Return the greatest surprise and where it stands."""
    import numpy as np

    row, column = divmod(int(np.nanargmax(grid)), grid.shape[1])
    nats = shown.notation.number(float(grid[row, column]), "score")
    return shown.notation.words("picture.peak", nats=nats, row=row + 1, column=column + 1)


def _legend(shown: Shown, low: float, most: float, top: float) -> Markup:
    import numpy as np

    words, notation = shown.notation.words, shown.notation
    each = "picture.bound_nats_each" if _of_a_bound(shown) else "picture.nats_each"
    ticks = [low + (most - low) * share for share in (0, 0.5, 1)]
    texts = [notation.number(tick, "score") for tick in ticks]
    return joined([
        shaded(np.linspace(0, 1, 32)[None], 0, 1, (0.0, top, 160.0, 10.0)),
        stroke(f"M0 {top}h160v10h-160z", "edge"),
        *(
            words_at(160 * at / 2, top + 23, text, anchor=("start", "middle", "end")[at], size=11, colour="skipped")
            for at, text in enumerate(texts)
        ),
        words_at(172, top + 10, words(each), size=11, colour="skipped"),
    ])


def _series(shown: Shown, kept: Sequence[ItemSurprise]) -> Picture | None:
    import numpy as np

    from detectors.elements import WINDOW

    words, wide, high = shown.notation.words, (WIDTH - 30) / 2, ROOM
    low, most = _scale(kept)
    parts, ends = [], _ends(kept, _SERIES, _SERIES)
    for number, (name, column) in enumerate(zip(("picture.strangest", "picture.likeliest"), ends, strict=True)):
        left = number * (wide + 30)
        if column and len(kept) > 1:
            parts.append(words_at(left, 12, words(name), size=12, bold=True))
        for at, one in enumerate(column):
            if np.ndim(one.content) != 1 or len(one.content) != one.surprisal.size:
                return None
            place = (left, 24 + at * high, wide)
            parts.append(series_drawn(one, _named(shown, one), place, (low, most), shown.notation))
    rows = max(map(len, ends))
    caption = words(
        "picture.steps_caption", low=shown.notation.number(low, "score"), most=shown.notation.number(most, "nats")
    )
    for key, cells in (("windows", "window_threshold"), ("alarms", "stream_threshold"), ("labels", "labelled")):
        if any(getattr(one, cells) is not None for one in kept):
            caption = words(f"picture.{key}_shown", text=caption, width=WINDOW)
    return pictured(shown, 24 + rows * high, _message(shown, kept), caption, joined(parts), (0, wide))


def _texts(shown: Shown, kept: Sequence[ItemSurprise]) -> Picture:
    words = shown.notation.words
    parts, top = [], 0.0
    for name, rows in zip(("picture.strangest", "picture.likeliest"), _ends(kept, _STRANGE, _LIKELY), strict=True):
        if rows and len(kept) > 1:
            parts.append(words_at(0, top + 14, words(name), size=12, bold=True))
            top += 22
        for one in rows:
            drawn, high = text_rows(one.content, one.surprisal, top + 16, _named(shown, one), shown.notation)
            parts.append(drawn)
            top += high + 20
    parts.append(legend(shown.notation, top + 4))
    return pictured(shown, top + 26, _message(shown, kept), words("picture.tokens_caption"), joined(parts))


_DRAW: Mapping[str, Callable[[Shown, Sequence[ItemSurprise]], Picture | None]] = {
    "image": _images, "series": _series, "tokens": _texts,
}
"""Column that holds an item -> what draws its map."""
