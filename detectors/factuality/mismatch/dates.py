"""Dates in a text as intervals of days: "March 2021" holds "3 March 2021", and 2020 does not.

    3 March 2021, March 3rd, 2021, 2021-03-03, 3.3.2021, 2021년 3월 3일      one day
    03/04/2021                                                              3 April or 4 March: one of two days
    March 2021, 2021년 3월    Q3 2021, 2021년 3분기    2021, 2021년    the 1990s, 1990년대
    '90s, 90년대    nineteenth century, 19th century, 19세기
    3 March, 3월 3일                                                        a day of any year

A number of four figures from 1000 to 2100 without a unit or a thousands mark is taken for a year; where no word
before it says so (in, since, of ...), it may be a count too. A day is (year, month, day), year 0 where none is
named.
"""

from __future__ import annotations

from detectors.factuality.mismatch.number_words import ORDINAL_WORDS, SCALES
from detectors.factuality.mismatch.quantities import Quantity
from detectors.factuality.mismatch.units import CURRENCY_SIGNS, UNITS
from detectors.factuality.words import HANGUL, NUMBER, WORD, Reading, Token
from detectors.immutable import immutable

__all__ = ["Date", "dates", "taken_by"]

Day = tuple[int, int, int]

_MONTHS = {
    name: index
    for index, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_BEFORE_YEARS = (
    "in since of by from until till during before after between and early late mid year summer spring winter"
)
_SAYS_YEAR = frozenset(
    [*_BEFORE_YEARS.split(), *_MONTHS, "autumn", "fall", "circa", "ca", "to", "through", "fy", "(", "-"]
)
_QUARTERS = {"q1": 1, "q2": 2, "q3": 3, "q4": 4, "first": 1, "second": 2, "third": 3, "fourth": 4}
_CENTURIES_TEXT = """
thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
"""
_CENTURIES = {
    **ORDINAL_WORDS, **{word: float(rank) for rank, word in enumerate(_CENTURIES_TEXT.split(), start=13)},
    "twenty": 0.0,
}  # fmt: skip
_ENDINGS = frozenset({"st", "nd", "rd", "th"})
_FIRST, _LAST = 1000, 2100


@immutable(slots=True)
class Date:
    """An interval of days in a text."""

    spans: tuple[tuple[Day, Day], ...]
    """First and last day, in every way that the figures can be read."""
    start: int
    end: int
    first: int
    last: int
    """Tokens, both included."""
    written: str
    maybe_count: bool = False
    """Whether it is a bare number that may be no year."""

    def allows(self, other: Date) -> bool:
        """Tell whether this date, as it is written, is a right way to give `other`: the same, or one that holds it."""
        return any(_holds(one, two) for one in self.spans for two in other.spans)

    def excludes(self, other: Date) -> bool:
        """Tell whether no day is in both."""
        return not any(_meet(one, two) for one in self.spans for two in other.spans)

    @property
    def years(self) -> range:
        """Return the years that it touches."""
        return range(min(low[0] for low, _ in self.spans), max(high[0] for _, high in self.spans) + 1)

    @property
    def count(self) -> Quantity:
        """Return the bare number that it may be instead."""
        year = float(self.spans[0][0][0])
        return Quantity((year,), 1.0, "", 1.0, self.start, self.end, self.first, self.last, self.written)


def _holds(one: tuple[Day, Day], two: tuple[Day, Day]) -> bool:
    if not one[0][0] and two[0][0]:  # a day of any year: 3 March holds 3 March 2021
        two = (0, *two[0][1:]), (0, *two[1][1:])
    return one[0] <= two[0] and two[1] <= one[1]


def _meet(one: tuple[Day, Day], two: tuple[Day, Day]) -> bool:
    if bool(one[0][0]) != bool(two[0][0]):
        one, two = (((0, *low[1:]), (0, *high[1:])) if low[0] == high[0] else ((0, 1, 1), (0, 12, 31))
                    for low, high in (one, two))  # fmt: skip
    return one[0] <= two[1] and two[0] <= one[1]


def taken_by(found: list[Date]) -> frozenset[int]:
    """Return the tokens of some dates."""
    return frozenset(i for one in found for i in range(one.first, one.last + 1))


def dates(reading: Reading) -> list[Date]:
    """Return the dates of a text in their order."""
    found: list[Date] = []
    tokens, i = reading.tokens, 0
    while i < len(tokens):
        token = tokens[i]
        may = token.kind == NUMBER or token.text in _MONTHS or token.text in _QUARTERS or token.text in _CENTURIES
        made = _at(reading, tokens, i) if may else None
        if made is not None:
            found.append(made)
        i = made.last + 1 if made else i + 1
    return found


def _at(reading: Reading, tokens: tuple[Token, ...], i: int) -> Date | None:
    """Return the date that begins at a token; None where none does."""
    token = tokens[i]
    made: tuple[tuple[tuple[Day, Day], ...], int] | None = None
    if token.kind == WORD:
        if _capital(reading, token) and token.text in _MONTHS:
            made = _month_first(tokens, i)
        elif token.text in _QUARTERS:
            made = _quarter(tokens, i)
        made = made or _century(tokens, i)
    elif token.kind == NUMBER:
        made = _figures(tokens, i) or _day_first(reading, tokens, i) or _korean(tokens, i) or _century(tokens, i)
        if made is None and (made := _year(tokens, i)) is not None:
            maybe = i == 0 or tokens[i - 1].text not in _SAYS_YEAR
            return _date(reading, tokens, i, made, maybe and made[1] == i)
    return None if made is None else _date(reading, tokens, i, made, False)


def _date(
    reading: Reading, tokens: tuple[Token, ...], first: int, made: tuple[tuple[tuple[Day, Day], ...], int], maybe: bool
) -> Date:
    start, end = tokens[first].start, tokens[made[1]].end
    return Date(made[0], start, end, first, made[1], reading.plain[start:end].lower(), maybe)


def _capital(reading: Reading, token: Token) -> bool:
    """Tell whether a month may be meant: "may" and "march" are words too."""
    return token.text not in ("may", "march", "mar", "sep") or reading.plain[token.start].isupper()


def _number(tokens: tuple[Token, ...], i: int, least: int, most: int) -> int | None:
    """Return the whole number of a token within limits."""
    if 0 <= i < len(tokens) and tokens[i].kind == NUMBER and tokens[i].text.isdecimal() and len(tokens[i].text) <= 4:
        value = int(tokens[i].text)
        return value if least <= value <= most else None
    return None


def _whole(year: int, month: int = 0, day: int = 0) -> tuple[Day, Day]:
    """Return a day, a month where day is 0, or a year where month is."""
    return (year, month or 1, day or 1), (year, month or 12, day or 31)


def _month_first(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read March 3rd, 2021; March 3; March 2021; Mar. 2021."""
    month, at = _MONTHS[tokens[i].text], i + 1
    at += at < len(tokens) and tokens[at].text == "."
    if (day := _number(tokens, at, 1, 31)) is not None:
        last = at + (at + 1 < len(tokens) and tokens[at + 1].text in _ENDINGS)
        year, end = _year_behind(tokens, last)
        return (_whole(year or 0, month, day),), end
    year, end = _year_behind(tokens, at - 1)
    return ((_whole(year, month),), end) if year else None


def _year_behind(tokens: tuple[Token, ...], last: int) -> tuple[int, int]:
    """Return the year behind a token, a comma or "of" between them or not, and its token; 0 for none."""
    at = last + 1
    at += at < len(tokens) and tokens[at].text in (",", "of", "in")
    year = _number(tokens, at, _FIRST, _LAST)
    return (year, at) if year and len(tokens[at].text) == 4 else (0, last)


def _day_first(reading: Reading, tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 3 March 2021; 3rd of March; 3 Mar. 2021."""
    if (day := _number(tokens, i, 1, 31)) is None:
        return None
    at = i + 1
    at += at < len(tokens) and tokens[at].text in _ENDINGS
    at += at < len(tokens) and tokens[at].text == "of"
    if at >= len(tokens) or tokens[at].text not in _MONTHS or not _capital(reading, tokens[at]):
        return None
    month = _MONTHS[tokens[at].text]
    year, end = _year_behind(tokens, at + (at + 1 < len(tokens) and tokens[at + 1].text == "."))
    return (_whole(year, month, day),), end if year else at


def _figures(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 2021-03-03, 2021/3/3, 3/4/2021 and 03.04.2021."""
    if "." in tokens[i].text:
        parts, last = tokens[i].text.split("."), i
    elif i + 4 < len(tokens) and tokens[i + 1].text in ("-", "/") and tokens[i + 3].text == tokens[i + 1].text:
        parts, last = [tokens[i].text, tokens[i + 2].text, tokens[i + 4].text], i + 4
        if tokens[last].end - tokens[i].start != sum(map(len, parts)) + 2:
            return None
    else:
        return None
    if [len(part) for part in parts] not in ([4, 2, 2], [4, 1, 1], [4, 1, 2], [4, 2, 1]):
        parts = parts[::-1]
        if [len(part) for part in parts] not in ([4, 2, 2], [4, 1, 1], [4, 1, 2], [4, 2, 1]):
            return None
        return _either(parts, last)
    return _either(parts, last, iso=True)


def _either(parts: list[str], last: int, *, iso: bool = False) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    if not all(part.isdecimal() for part in parts):
        return None
    year, one, two = map(int, parts)
    orders = [(one, two)] if iso else [(one, two), (two, one)]
    spans = tuple(dict.fromkeys(_whole(year, m, d) for m, d in orders if 1 <= m <= 12 and 1 <= d <= 31))
    return (spans, last) if spans and _FIRST <= year <= _LAST else None


def _korean(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 2021년 3월 3일, 3월 3일, 2021년 3분기, 1990년대, 19세기."""
    if i + 1 >= len(tokens) or tokens[i + 1].kind != HANGUL or tokens[i + 1].start != tokens[i].end:
        return None
    unit = tokens[i + 1].text
    year = _number(tokens, i, _FIRST, _LAST)
    if year is not None and unit.startswith("년대"):
        return ((_whole(year)[0], _whole(year + 9)[1]),), i + 1
    if year is not None and unit.startswith("년") and not unit.startswith("년간"):
        return _korean_month(tokens, i + 2, year) or ((_whole(year),), i + 1)
    decade = _number(tokens, i, 10, 90)
    if decade is not None and decade % 10 == 0 and unit.startswith("년대"):
        return _decades(decade), i + 1
    century = _number(tokens, i, 1, 21)
    if century is not None and unit.startswith("세기"):
        return ((_whole(100 * century - 99)[0], _whole(100 * century)[1]),), i + 1
    return _korean_month(tokens, i, 0)


def _korean_month(tokens: tuple[Token, ...], i: int, year: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 3월, 3월 3일 or 3분기; without a year only with a day."""
    if i + 1 >= len(tokens) or tokens[i + 1].kind != HANGUL or tokens[i + 1].start != tokens[i].end:
        return None
    quarter = _number(tokens, i, 1, 4)
    if year and quarter is not None and tokens[i + 1].text.startswith("분기"):
        return (_of_quarter(year, quarter),), i + 1
    month = _number(tokens, i, 1, 12)
    if month is None or not tokens[i + 1].text.startswith("월"):
        return None
    day = _number(tokens, i + 2, 1, 31)
    if day is not None and i + 3 < len(tokens) and tokens[i + 3].text.startswith("일"):
        return (_whole(year, month, day),), i + 3
    return ((_whole(year, month),), i + 1) if year else None


def _of_quarter(year: int, quarter: int) -> tuple[Day, Day]:
    return (year, 3 * quarter - 2, 1), (year, 3 * quarter, 31)


def _quarter(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read Q3 2021; third quarter of 2021."""
    at = i + 1
    if tokens[i].text[0] != "q":
        if at >= len(tokens) or tokens[at].text != "quarter":
            return None
        at += 1
    year, end = _year_behind(tokens, at - 1)
    return ((_of_quarter(year, _QUARTERS[tokens[i].text]),), end) if year else None


def _century(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 19th century, nineteenth-century, twenty-first century."""
    ending = i + 1 < len(tokens) and tokens[i + 1].text in _ENDINGS
    century = _number(tokens, i, 1, 21) if ending else int(_CENTURIES.get(tokens[i].text, 0))
    last = i + 1 + ending
    if [one.text for one in tokens[i : i + 3]] == ["twenty", "-", "first"]:
        century, last = 21, i + 3
    last += last + 1 < len(tokens) and tokens[last].text == "-"  # 19th-century art
    if not century or last >= len(tokens) or tokens[last].text != "century":
        return None
    return ((_whole(100 * century - 99)[0], _whole(100 * century)[1]),), last


def _year(tokens: tuple[Token, ...], i: int) -> tuple[tuple[tuple[Day, Day], ...], int] | None:
    """Read 2021, 1990s, and 95 behind 1990 and a dash."""
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    before = tokens[i - 1].text if i else ""
    if i > 1 and len(tokens[i].text) == 2 and before in ("-", "\u2013", "/") and not _glued(after, tokens[i]):
        start, end = _number(tokens, i - 2, _FIRST, _LAST), _number(tokens, i, 0, 99)
        if start is not None and end is not None and tokens[i].start - tokens[i - 2].end == 1 and end > start % 100:
            return (_whole(start - start % 100 + end),), i
    if before in ("'", "\u2018") and after is not None and after.text == "s" and _glued(after, tokens[i]):
        decade = _number(tokens, i, 10, 90)
        return None if decade is None or decade % 10 else (_decades(decade), i + 1)
    year = _number(tokens, i, _FIRST, _LAST)
    if year is None or len(tokens[i].text) != 4 or before in CURRENCY_SIGNS:
        return None
    if after is not None and after.text == "s" and after.start == tokens[i].end and year % 10 == 0:
        return ((_whole(year)[0], _whole(year + (99 if year % 100 == 0 else 9))[1]),), i + 1
    glued = after is not None and after.kind in (HANGUL, WORD) and _glued(after, tokens[i])
    counted = glued or (after is not None and (after.text in UNITS or after.text in SCALES))
    return None if counted else ((_whole(year),), i)


def _decades(decade: int) -> tuple[tuple[Day, Day], ...]:
    """Return the nineties of two centuries: which is meant is not said."""
    return tuple((_whole(first)[0], _whole(first + 9)[1]) for first in (1900 + decade, 1800 + decade))


def _glued(after: Token | None, token: Token) -> bool:
    return after is not None and after.start == token.end and after.kind in (WORD, HANGUL, NUMBER)
