"""Lines of a text of which parts are marked: where letters lie is reckoned, so that marks lie under them in every face.

    lines = list(wrapped(text, room, most))
    Rows(x, y).marked(text, lines, (start, end), look), Rows(x, y).printed(text, lines)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unicodedata import combining, east_asian_width

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import PALETTE, joined, line, words_at
from reports.pictures.tokens import FACE

__all__ = ["CHARACTER", "LINE", "Look", "Rows", "clean", "wrapped"]

CHARACTER, LINE = 7.3, 24
"""Width of a character, and height of a line, in pixels."""
_FULL, _SIZE = 1.7, 12
"""Width of a character of full width beside another, and height of letters."""


@immutable
class Look:
    """How a part is marked: its rule, and how dark its ground is."""

    colour: str
    width: float
    dash: str = ""
    ground: float = 0.0


def clean(text: str) -> str:
    """Return a text of as many characters, each of which can be printed; what turns the direction of writing is not."""
    return "".join(one if one.isprintable() else " " for one in text)


def _wide(text: str) -> float:
    return sum(0 if combining(one) else _FULL if east_asian_width(one) in "FW" else 1 for one in text)


def wrapped(text: str, room: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, one behind the last character) of the lines of a text, broken at blanks where there are any."""
    start = 0
    for number in range(most):
        while start < len(text) and text[start] == " ":
            start += 1
        if start >= len(text):
            return
        end, wide = start, 0.0
        while end < len(text) and (wide := wide + _wide(text[end])) <= room - (number == most - 1):
            end += 1
        if end < len(text) and (blank := text.rfind(" ", start + 1, end + 1)) > start:
            end = blank
        yield start, end
        start = end


@immutable
class Rows:
    """Lines of a text from a place on."""

    x: float
    y: float
    """Of the first baseline."""

    def printed(self, text: str, lines: Sequence[tuple[int, int]]) -> Iterator[Markup]:
        """Yield the lines; the last ends in a mark where there is more."""
        for row, (start, end) in enumerate(lines):
            more = "…" if row == len(lines) - 1 and text[end:].strip() else ""
            shown = text[start:end] + more
            fit = _wide(shown) * CHARACTER  # faces differ in width, and marks lie where the letters are said to be
            yield Markup(
                '<text x="{:.1f}" y="{:.1f}" font-size="{}" font-family="{}" fill="{}" textLength="{:.1f}"'
                ' xml:space="preserve">{}</text>'
            ).format(self.x, self.y + row * LINE, _SIZE, FACE, PALETTE["ink"], fit, shown)

    def _boxes(
        self, text: str, lines: Sequence[tuple[int, int]], span: tuple[int, int]
    ) -> Iterator[tuple[float, float, float]]:
        """Yield (x, width, baseline) of the parts of a span, line by line."""
        for row, (start, end) in enumerate(lines):
            first, last = max(span[0], start), min(span[1], end)
            if first < last:
                x = self.x + _wide(text[start:first]) * CHARACTER
                yield x, _wide(text[first:last]) * CHARACTER, self.y + row * LINE

    def marked(self, text: str, lines: Sequence[tuple[int, int]], span: tuple[int, int], look: Look) -> Markup:
        """Return ground and rule of a span."""
        return joined(
            joined([
                Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="16" fill="{}" fill-opacity="{}"/>').format(
                    x, base - 12, wide, PALETTE[look.colour], look.ground
                ),
                line(x, base + 5, x + wide, base + 5, look.colour, width=look.width, dash=look.dash),
            ])
            for x, wide, base in self._boxes(text, lines, span)
        )

    def underlined(self, text: str, lines: Sequence[tuple[int, int]], span: tuple[int, int], look: Look) -> Markup:
        """Return the box around a span."""
        return joined(
            Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="17" fill="none" stroke="{}"/>').format(
                x - 1, base - 12.5, wide + 2, PALETTE[look.colour]
            )
            for x, wide, base in self._boxes(text, lines, span)
        )

    def numbered(self, text: str, lines: Sequence[tuple[int, int]], start: int, number: int, look: Look) -> Markup:
        """Return a number above the character where a part begins."""
        place = next(self._boxes(text, lines, (start, start + 1)), None)
        if place is None:
            return Markup("")
        return words_at(place[0], place[2] - 13, str(number), size=11, colour=look.colour, bold=True)
