"""Numbers in a text as quantities: value, unit, and how far rounding may carry it.

    1,200 = 1.2k = twelve hundred = 1200.0      12 % = 0.12 = 12퍼센트      3만 5천 = 35,000      $1.2bn, 12억 달러
    1.2 million: 1,150,000 to 1,250,000         1,234: itself alone         about 1,200: 1,150 to 1,250

Separators differ by locale: 1.234.567 and 1 234 567 and 12,34,567 are whole numbers, 1,5 is one and a half, and
1.234 may be either, so it has two readings. A number that no locale reads that way (1.2.3) is compared as it is
written. "One" and "a" alone are words, not numbers; so are Korean number words without a counter behind them (두
명, but not 두).
"""

from __future__ import annotations

import re

from detectors.factuality.mismatch.number_contexts import is_hedged, is_minus, on_the_clock
from detectors.factuality.mismatch.number_words import (
    BEGINNINGS,
    HANGUL_SCALES,
    NATIVE,
    ORDINAL_WORDS,
    SCALES,
    fraction,
    sino,
    spelled,
)
from detectors.factuality.mismatch.units import CURRENCY_SIGNS, HANGUL_UNITS, ORDINAL, QUARTER, SHARE, UNITS, Unit
from detectors.factuality.words import HANGUL, MARK, NUMBER, WORD, Reading, Token
from detectors.immutable import immutable

__all__ = ["Quantity", "numeral", "quantities"]

_BEGIN = BEGINNINGS | ORDINAL_WORDS.keys()
_PLAIN: Unit = ("", 1.0, 0.0)
_GROUPED = re.compile(r"\d{1,3}(?:([,.'\u00a0\u202f])\d{3})(?:\1\d{3}){0,9}\Z")
_POWER = re.compile(r"[eE]([+-]?\d++)(?!\w|[.,]\w)")
"""Of ten, behind the figures that it scales: 1.5e6, 2E-3."""
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2}){1,6},\d{3}\Z")
_SHORT_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9, "b": 1e9, "tn": 1e12}
_LIMIT, _LABEL, _WORDS_OF_CITATION = 20, 6, 16
_POINTS_AT = frozenset({"the", "his", "her", "its", "their", "my", "our", "s"})


@immutable(slots=True)
class Quantity:
    """A number in a text."""

    readings: tuple[float, ...]
    """Its value in base units, in every way that its separators can be read; empty: only as it is written."""
    place: float
    """What one in its last written figure is worth, in base units: 100,000 of 1.2 million."""
    dimension: str
    """Of its unit; "" for a plain number."""
    factor: float
    """Base units in one of its unit."""
    start: int
    end: int
    first: int
    last: int
    """Tokens, both included."""
    written: str
    shift: float = 0.0
    """Base units at 0 of its unit, as for degrees."""

    @property
    def values(self) -> tuple[float, ...]:
        """Return the readings, in base units and as they are written."""
        return self.readings if (self.factor, self.shift) == (1.0, 0.0) else (*self.readings, *self.bare)

    @property
    def bare(self) -> tuple[float, ...]:
        """Return the readings without the unit."""
        return tuple((one - self.shift) / self.factor for one in self.readings)

    @property
    def names(self) -> bool:
        """Tell whether it is a part of a name, as of COVID-19, which is often left out."""
        return self.dimension.endswith("-")

    def allows(self, other: Quantity) -> bool:
        """Tell whether this quantity, as it is written, is a right way to give `other`: equal, or rounded from it.

        Without a unit on one side the bare numbers are compared; of different dimensions nothing is equal.
        """
        if not self.readings or not other.readings:
            return self.written == other.written
        mine, theirs, place, their_place = self.readings, other.readings, self.place, other.place
        if self.dimension != other.dimension:
            if self.dimension and other.dimension:
                return False
            if SHARE not in (self.dimension, other.dimension) or not _overlap(mine, theirs, 0.0, 0.0):
                mine, theirs = self.bare, other.bare
                place, their_place = place / self.factor, their_place / other.factor
        converted = self.factor != other.factor and self.dimension == other.dimension
        slack = place / 2 if converted or their_place < place else 0.0
        return _overlap(mine, theirs, slack, place)


def numeral(text: str) -> tuple[tuple[float, ...], float]:
    """Return how figures can be read, and what one in the last of them is worth.

    Empty where no locale reads them: 1.2.3.
    """
    if text.isdecimal():
        return ((float(text),), 1.0) if len(text) <= _LIMIT else ((), 1.0)
    if len(text) > 2 * _LIMIT:
        return (), 1.0
    whole = float(re.sub(r"\D", "", text))
    if (match := _GROUPED.match(text)) is not None:
        if text.count(match[1]) == 1 and match[1] in ".," and text[0] != "0":
            decimal = float(text.replace(",", "."))
            return ((whole, decimal) if match[1] == "," else (decimal, whole)), 1.0
        if text[0] != "0":
            return (whole,), 1.0
    if _INDIAN.match(text):
        return (whole,), 1.0
    return _decimal(text)


def _decimal(text: str) -> tuple[tuple[float, ...], float]:
    """Return the reading of figures with a decimal mark: 1.5, 1,5, 1,234.5 or 1.234,5."""
    mark = max(text.rfind("."), text.rfind(","))
    before, part = text[:mark], text[mark + 1 :]
    if mark < 0 or not part.isdecimal():
        return (), 1.0
    if not before.isdecimal() and (text[mark] in before or _GROUPED.match(before) is None):
        return (), 1.0
    return (float(f"{re.sub(r'[^0-9]', '', before)}.{part}"),), 10.0 ** -len(part)


def quantities(reading: Reading, taken: frozenset[int] = frozenset(), *, loose: bool = False) -> list[Quantity]:
    """Return the quantities of a text in their order, without tokens that are `taken`, as those of dates are.

    loose: ordinal words and "one" count wherever they stand, as for what a text may be referring to.
    """
    tokens, found, i = reading.tokens, [], 0
    while i < len(tokens):
        token = tokens[i]
        plain_word = token.kind == WORD and token.text not in _BEGIN and not token.text[-1].isdecimal()
        passed = plain_word or token.kind == MARK or i in taken or _is_citation(tokens, i)
        passed = passed or (token.text == "00" and i > 0 and tokens[i - 1].text == ":")  # 17:00
        made = None if passed else _at(reading, tokens, i, loose)
        if made is None:
            i += 1
        else:
            found.append(made)
            i = made.last + 1
    return found


def _at(reading: Reading, tokens: tuple[Token, ...], i: int, loose: bool) -> Quantity | None:
    """Return the quantity that begins at a token; None where none does."""
    token = tokens[i]
    if token.kind == NUMBER:
        if (label := _label(tokens, i)) is not None:
            return _labelled(reading, tokens, i, label)
        readings, place = numeral(token.text)
        return _finished(reading, tokens, i, i, readings, place)
    if token.kind == WORD:
        if (part := fraction(tokens, i, loose=loose)) is not None:
            return _share(reading, tokens, i, *part)
        if (word := spelled(tokens, i, loose=loose)) is not None:
            return _finished(reading, tokens, i, word[1], (word[0],), 1.0)
        return _in_word(reading, tokens, i) or _ordinal_word(reading, tokens, i, loose)
    return _hangul_word(reading, tokens, i) if token.kind == HANGUL else None


def _share(reading: Reading, tokens: tuple[Token, ...], first: int, last: int, value: float) -> Quantity:
    """Return a fraction in words: two thirds is 66 %, 67 % and 66.7 %."""
    readings = (value, *dict.fromkeys((int(100 * value) / 100, round(value, 2), round(value, 3))))
    start, end = tokens[first].start, tokens[last].end
    return Quantity(readings, 0.0, SHARE, UNITS["%"][1], start, end, first, last, reading.plain[start:end].lower())


def _finished(
    reading: Reading, tokens: tuple[Token, ...], first: int, last: int, readings: tuple[float, ...], place: float
) -> Quantity:
    """Return the quantity with the scale and unit that follow its figures."""
    scale, unit, last, rest = _behind(reading.plain, tokens, last)
    inside = first > 1 and tokens[first - 2].text in CURRENCY_SIGNS and is_minus(tokens, first - 1)  # $-5
    if inside:
        first -= 1
    if first > 0 and tokens[first - 1].text in CURRENCY_SIGNS:
        first -= 1
        unit = UNITS[tokens[first].text]
    hedged = place == 1.0 and len(readings) > 0 and is_hedged(tokens, first, last)
    if hedged:
        place = _last_figure(readings[0])
    before = not inside and first > 0 and is_minus(tokens, first - 1)
    if before:
        first -= 1
    if inside or before:
        readings = tuple(-one for one in readings)
    dimension, factor, shift = unit or _PLAIN
    readings = on_the_clock(tokens, first, last, readings) if scale else ()
    values = tuple((one * scale + rest) * factor + shift for one in readings)
    start, end = tokens[first].start, tokens[last].end
    place = factor * (_last_figure(rest) if hedged else 1.0) if rest else place * scale * factor
    return Quantity(values, place, dimension, factor, start, end, first, last, reading.plain[start:end].lower(), shift)


def _behind(plain: str, tokens: tuple[Token, ...], last: int) -> tuple[float, Unit | None, int, float]:
    """Return scale, unit, last token and what a smaller part adds (3만 5천: 5,000) behind a token.

    A scale of 0 is beyond what numbers hold: 1e400.
    """
    after = tokens[last + 1] if last + 1 < len(tokens) else None
    if after is None:
        return 1.0, None, last, 0.0
    if after.kind == HANGUL:
        return _hangul_behind(tokens, last)
    if (power := _POWER.match(plain, tokens[last].end)) is not None:
        last += sum(tokens[last].end < one.end <= power.end() for one in tokens[last + 1 : last + 4])
        return _power_of_ten(power[1]), *_unit(tokens, last), 0.0
    glued = after.start == tokens[last].end
    scale = SCALES.get(after.text, 1.0) if after.kind == WORD else 1.0
    if (
        glued
        and after.text in _SHORT_SCALES
        and (after.text != "m" or plain[after.start] == "M" or _is_money(tokens, last))
    ) or (not glued and after.text in ("bn", "mn", "tn")):
        scale = _SHORT_SCALES[after.text]
    if scale != 1.0:
        last += 1
    unit, last = _unit(tokens, last)
    return scale, unit, last, 0.0


def _power_of_ten(written: str) -> float:
    """Return ten to the power of at most two figures; 0 for more."""
    return 10.0 ** int(written) if len(written.lstrip("+-0")) <= 2 else 0.0


def _unit(tokens: tuple[Token, ...], last: int) -> tuple[Unit | None, int]:
    """Return the unit behind a token and its last token."""
    texts = [one.text for one in tokens[last + 1 : last + 4]] + ["", "", ""]
    if texts[0] == "-" and texts[1] in UNITS and texts[1] not in CURRENCY_SIGNS:  # a 5-mile walk, not 5-$6
        return UNITS[texts[1]], last + 2
    if texts[0] == "°" and texts[1] in ("c", "f"):
        return UNITS["celsius" if texts[1] == "c" else "fahrenheit"], last + 2
    if texts[0] in ("degrees", "degree", "°") and texts[1] in ("celsius", "fahrenheit", "centigrade"):
        return UNITS[texts[1]], last + 2
    if texts[0] == "per" and texts[1] == "cent":
        return UNITS["percent"], last + 2
    if texts[0] in ("%", "percent", "percentage", "basis") and texts[1] in ("points", "point", "p"):
        return ("points", 1e-2 if texts[0] == "basis" else 1.0, 0.0), last + 2
    ordinal = texts[0] in ("st", "nd", "rd", "th")
    if texts[0] in UNITS and (not ordinal or tokens[last + 1].start == tokens[last].end):
        return UNITS[texts[0]], last + 1
    return None, last


def _hangul_behind(tokens: tuple[Token, ...], last: int) -> tuple[float, Unit | None, int, float]:
    """Return what `_behind` does where Hangul follows: scales (3만 5천), then a unit with or without a particle."""
    scale, text = _hangul_scale(tokens[last + 1].text)
    last += 1
    if text.startswith("\uc5ec"):  # 50여 명
        text = text[1:]
    if not text and last + 1 < len(tokens):
        after = tokens[last + 1]
        if after.kind == NUMBER and after.start - tokens[last].end <= 1 and last + 2 < len(tokens):
            smaller, rest = _hangul_scale(tokens[last + 2].text)
            if (smaller < scale and (smaller > 1 or rest)) and len(numeral(after.text)[0]) >= 1:
                value = numeral(after.text)[0][0] * smaller
                unit, end = _hangul_unit(tokens, last + 2, rest)
                return scale, unit, end, value
        if after.kind == HANGUL:
            unit, end = _hangul_unit(tokens, last + 1, after.text)
            return scale, unit, end if unit else last, 0.0
    if not text:
        unit, last = _unit(tokens, last)
        return scale, unit, last, 0.0
    unit, end = _hangul_unit(tokens, last, text)
    return scale, unit, end if unit or scale != 1.0 else last - 1, 0.0


def _hangul_scale(text: str) -> tuple[float, str]:
    """Return the product of the scales that a text begins with, and what follows them."""
    scale, i = 1.0, 0
    while i < len(text) and text[i] in HANGUL_SCALES:
        scale *= HANGUL_SCALES[text[i]]
        i += 1
    return scale, text[i:]


def _hangul_unit(tokens: tuple[Token, ...], last: int, text: str) -> tuple[Unit | None, int]:
    """Return the unit that a Hangul text begins with."""
    if text.startswith("번째"):
        return (ORDINAL, 1.0, 0.0), last
    for size in range(min(7, len(text)), 0, -1):
        if text[:size] in HANGUL_UNITS:
            return HANGUL_UNITS[text[:size]], last
    return None, last


def _hangul_word(reading: Reading, tokens: tuple[Token, ...], i: int) -> Quantity | None:
    """Return a Korean number word with a counter behind it: 두 명, 열두 살, 첫 번째, 제 (3차) not."""
    text = tokens[i].text
    after = tokens[i + 1] if i + 1 < len(tokens) and tokens[i + 1].kind == HANGUL else None
    value = NATIVE.get(text)
    if value is None and len(text) >= 2:
        value = sino(text)
    if value is None or after is None:
        return None
    unit, _ = _hangul_unit(tokens, i + 1, after.text)
    if unit is None:
        return None
    start, end = tokens[i].start, after.end
    values = (value * unit[1] + unit[2],)
    return Quantity(values, unit[1], unit[0], unit[1], start, end, i, i + 1, reading.plain[start:end])


def _ordinal_word(reading: Reading, tokens: tuple[Token, ...], i: int, loose: bool) -> Quantity | None:
    """Return first, second ... behind an article or possessive: "the second", not "a second later"."""
    value = ORDINAL_WORDS.get(tokens[i].text)
    if value is None:
        return None
    after = [one.text for one in tokens[i + 1 : i + 3] if one.text != "-"]
    if after and after[0] == "quarter":
        return Quantity((value,), 1.0, QUARTER, 1.0, tokens[i].start, tokens[i].end, i, i, tokens[i].text)
    before = tokens[i - 1].text if i else ""
    if before not in _POINTS_AT and not (loose and before not in ("a", "per", "each", "every")):
        return None
    return Quantity((value,), 1.0, ORDINAL, 1.0, tokens[i].start, tokens[i].end, i, i, tokens[i].text)


def _is_citation(tokens: tuple[Token, ...], i: int) -> bool:
    """Tell whether a number is the mark of a citation: [1], [2, 3], [4-6]."""
    if tokens[i].kind != NUMBER or len(tokens[i].text) > 3:
        return False
    first = i
    while (
        first > 0 and i - first < _WORDS_OF_CITATION and (tokens[first].kind == NUMBER or tokens[first].text in ",;-")
    ):
        first -= 1
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    return tokens[first].text == "[" and after in ("]", ",", ";", "-")


def _in_word(reading: Reading, tokens: tuple[Token, ...], i: int) -> Quantity | None:
    """Return the number in a word: Q3, A4, FY21."""
    text = tokens[i].text
    letters = text.rstrip("0123456789")
    if not 0 < len(letters) <= _LABEL or not 0 < len(text) - len(letters) <= _LABEL or not letters.isalpha():
        return None
    return _labelled(reading, tokens, i, letters, text[len(letters) :])


def _label(tokens: tuple[Token, ...], i: int) -> str | None:
    """Return the word that a number is a part of: COVID-19, F-16, 4Q."""
    glued = i + 1 < len(tokens) and tokens[i + 1].start == tokens[i].end
    if glued and tokens[i + 1].text == "q" and len(tokens[i].text) == 1:
        return "q"
    if i < 2 or tokens[i - 1].text != "-" or tokens[i - 2].kind != WORD:
        return None
    return tokens[i - 2].text if tokens[i].start - tokens[i - 2].end == 1 else None


def _labelled(reading: Reading, tokens: tuple[Token, ...], i: int, label: str, figures: str = "") -> Quantity:
    """Return the number of a name: its unit is the name, so that it is compared with those of the same name alone."""
    readings, place = numeral(figures or tokens[i].text)
    last = i + (label == "q" and not figures)
    start, end = tokens[i].start, tokens[last].end
    unit = QUARTER if label == "q" else f"{label}-"
    return Quantity(readings, place, unit, 1.0, start, end, i, last, reading.plain[start:end].lower())


def _last_figure(value: float) -> float:
    """Return the place of the last figure that is not 0: 100 of 1,200."""
    if not value or value != int(value):
        return 1.0
    figures = str(int(abs(value)))
    return float(10.0 ** (len(figures) - len(figures.rstrip("0"))))


def _is_money(tokens: tuple[Token, ...], last: int) -> bool:
    return last > 0 and tokens[last - 1].text in CURRENCY_SIGNS


def _overlap(mine: tuple[float, ...], theirs: tuple[float, ...], slack: float, place: float) -> bool:
    """Tell whether one reading is within `slack` of another; one that is less than its last figure has no slack."""
    return any(
        abs(a - b) <= (slack if abs(a) >= place else 0.0) + 1e-9 * max(abs(a), abs(b)) for a in mine for b in theirs
    )
