"""A text, token by token, each on a ground as strong as it was surprising; the steps are the same in every report.

    0 to 2, to 4, to 7, to 10 nats and above      a token of which the model gave 14 %, 2 %, 0.1 %, 0.005 % or less

The five most surprising are underlined and have their nats above them, so that the map is read without its shades too.
Where two numbers would stand on each other, the greater one is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import PALETTE, joined, line, words_at
from reports.pictures.finding_figure import WIDTH
from reports.text import Notation, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FACE", "STEPS", "legend", "text_rows", "whole_characters"]

STEPS = (2.0, 4.0, 7.0, 10.0)
"""Where a ground gets stronger, in nats."""
_GROUNDS = (0.0, 0.12, 0.25, 0.38, 0.52)
"""Opacity of each step's ground."""
_CHARACTER, _SIZE, _LINE, _LINES = 7.3, 12, 32, 2
"""Of a character of one width, and of a line; and lines of a text at most."""
_MARKED, _DIGIT = 5, 5.4
"""Tokens with their number, and the width of one of its characters."""
FACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', NanumGothicCoding, monospace"


def whole_characters(
    tokens: Sequence[str], surprisal: NDArray[np.float64], text: str, spans: Sequence[tuple[int, int]]
) -> tuple[list[str], NDArray[np.float64]]:
    """Return tokens and their surprise, those that share a character taken together: their bytes alone are no text.

    spans: (first, end) of each token's characters in the text; the surprise of tokens taken together is their sum.
    """
    import numpy as np

    first, reached = list[int](), -1
    for at, (start, end) in enumerate(spans):
        if start >= reached:
            first.append(at)
        reached = max(reached, end)
    found = [
        tokens[at] if end == at + 1 else text[spans[at][0] : max(last for _, last in spans[at:end])]
        for at, end in pairwise([*first, len(tokens)])
    ]
    return found, np.add.reduceat(surprisal, first) if first else surprisal


@immutable
class _Token:
    """A token that is drawn: the left end of its baseline, and how wide it is."""

    at: int
    text: str
    nats: float
    row: int
    left: float
    base: float

    @property
    def wide(self) -> float:
        return _wide(self.text)

    @property
    def step(self) -> int:
        """How many of the steps it reaches; 0 where its surprise is not known."""
        return sum(self.nats >= limit for limit in STEPS) if math.isfinite(self.nats) else 0


def text_rows(
    tokens: Sequence[str], surprisal: NDArray[np.float64], top: float, name: str, notation: Notation
) -> tuple[Markup, float]:
    """Return a text's lines from `top` on, its name above them, and how high they are.

    Of a text too long for that the tokens around its most surprising one are drawn.
    """
    drawn = _drawn([_told(token, notation) for token in tokens], surprisal, top)
    marked = sorted((one for one in drawn if math.isfinite(one.nats)), key=lambda one: -one.nats)[:_MARKED]
    rows = [joined(_tspan(one) for one in drawn if one.row == row) for row in range(_LINES)]
    lines = [_line(spans, top + 30 + row * _LINE) for row, spans in enumerate(rows) if spans]
    cut = len(drawn) < len(tokens)
    told = notation.words("picture.tokens_of", name=name, shown=len(drawn), all=len(tokens)) if cut else name
    parts = [
        words_at(0, top, told, size=11, colour="skipped"),
        *_grounds(drawn),
        *lines,
        *(line(one.left, one.base + 5, one.left + one.wide, one.base + 5, "ink", width=1.5)
          for one in sorted(marked, key=lambda one: one.at)),
        *_apart([(one.left + one.wide / 2, one.base - 14, notation.number(one.nats, "score")) for one in marked]),
    ]  # fmt: skip
    return joined(parts), 18 + len(lines) * _LINE


def _drawn(shown: Sequence[tuple[int, str]], surprisal: NDArray[np.float64], top: float) -> list[_Token]:
    """Return the tokens that find room, placed; shown: blanks before each, and what is printed of it."""
    import numpy as np

    first, places = _laid(shown, int(np.nanargmax(surprisal)))
    return [
        _Token(
            at, shown[at][1], float(surprisal[at]), row, x + (shown[at][0] if x else 0) * _CHARACTER,
            top + 30 + row * _LINE,
        )
        for at, (x, row) in enumerate(places, first)
    ]  # fmt: skip


def _tspan(one: _Token) -> Markup:
    return Markup('<tspan x="{:.1f}">{}</tspan>').format(one.left, one.text)


def _line(spans: Markup, base: float) -> Markup:
    return Markup('<text y="{:.1f}" font-size="{}" font-family="{}" fill="{}">{}</text>').format(
        base, _SIZE, FACE, PALETTE["ink"], spans
    )


def _grounds(drawn: Sequence[_Token]) -> Iterator[Markup]:
    """Yield the grounds of each step, in one path."""
    for step in range(1, len(STEPS) + 1):
        some = [one for one in drawn if one.step == step]
        if some:
            path = (f"M{one.left:.1f} {one.base - 12:.1f}h{one.wide:.1f}v16h-{one.wide:.1f}z" for one in some)
            yield _ground("".join(path), step)


def _apart(numbers: Sequence[tuple[float, float, str]]) -> list[Markup]:
    """Return numbers (middle, baseline, text), those left out that would stand on an earlier one."""
    kept: list[tuple[float, float, str]] = []
    for x, y, text in numbers:
        if all(y != row or abs(x - middle) >= _DIGIT * (len(text) + len(other)) / 2 for middle, row, other in kept):
            kept.append((x, y, text))
    kept.sort(key=lambda one: (one[1], one[0]))
    return [words_at(x, y, text, anchor="middle", size=9) for x, y, text in kept]


def _told(token: str, notation: Notation) -> tuple[int, str]:
    """Return how many blanks stand before a token, and what is printed of it."""
    text = token.replace("\n", "↵").replace("\t", "⇥")
    stripped = text.lstrip(" ")
    shown = one_line(stripped, notation.words, 60) if stripped else ""
    return min(len(text) - len(stripped), 4), shown


def _wide(text: str) -> float:
    return sum(2 if east_asian_width(one) in "FW" else 1 for one in text) * _CHARACTER


def _laid(shown: Sequence[tuple[int, str]], strangest: int) -> tuple[int, list[tuple[float, int]]]:
    """Return the first token that is drawn, and (x, line) of it and of all after it that find room.

    Where the strangest would find none, the first stands a line and a half before it.
    """
    places = list(_placed(shown))
    if strangest < len(places):
        return 0, places
    first, room = strangest, 1.5 * WIDTH
    while first and room > 0:
        first -= 1
        room -= shown[first][0] * _CHARACTER + _wide(shown[first][1])
    return first, list(_placed(shown[first:]))


def _placed(shown: Sequence[tuple[int, str]]) -> Iterator[tuple[float, int]]:
    x, row = 0.0, 0
    for space, text in shown:
        wide, blank = _wide(text), space * _CHARACTER
        if x and x + blank + wide > WIDTH:
            x, row = 0.0, row + 1
        if row == _LINES:
            return
        yield x, row
        x += wide + (blank if x else 0.0)


def _ground(path: str, step: int) -> Markup:
    return Markup('<path d="{}" fill="{}" fill-opacity="{}"/>').format(path, PALETTE["passed"], _GROUNDS[step])


def legend(notation: Notation, top: float) -> Markup:
    """Return the steps with their nats, on one line."""
    words, parts, x = notation.words, [], 0.0
    bounds = notation.ticks(STEPS, "")
    texts = [
        words("picture.nats_below", nats=bounds[0]),
        *(words("picture.nats_between", low=low, high=high) for low, high in pairwise(bounds)),
        words("picture.nats_above", nats=bounds[-1]),
    ]
    for step, text in enumerate(texts):
        box = f"M{x:.1f} {top}h26v14h-26z"
        edge = Markup('<path d="{}" fill="none" stroke="{}"/>').format(box, PALETTE["edge"])
        parts += [_ground(box, step) if step else Markup(""), edge, words_at(x + 32, top + 11, text, size=11)]
        x += 130
    return joined(parts)
