"""Words and numbers of a short answer, in a form in which equal ones are equal strings.

    "The 1,000 kilometres"   ->  1000 km         "minus three"  ->  -3          "1,5"         ->  1.5
    "one thousand km"        ->  1000 km         "U.S."         ->  US          "1969-07-20"  ->  1969-07-20
    "1e3"                    ->  1000            "$-5"          ->  -5 dollar   "$5-$6"       ->  5-6 dollar

Numbers are compared by value: sign, thousands separators, decimal comma, number words up to 99 and times hundred,
thousand, million, billion, and the ten thousands of East Asia: 3만 = 30000. A unit after a number has one name whatever
its spelling. Figures joined by - / : ^ or by two dots (dates, ranges, times, powers, fractions) stay as they are
written. Latin and Greek letters go without accents. Where Hangul, Han, Kana or Thai begins or ends, a word does.
"""

from __future__ import annotations

import re
import unicodedata

from detectors.factuality.scripts import apart

__all__ = ["numeric_tokens"]

_ARTICLES = frozenset({"a", "an", "the"})
_PRONOUNS = frozenset({"US", "IT", "WHO"})
"""Abbreviations that would read as pronouns in small letters."""

_SPELLINGS = {
    "celsius": "celsius centigrade c", "fahrenheit": "fahrenheit f", "kelvin": "kelvin kelvins k",
    "degree": "degree degrees", "percent": "percent", "dollar": "dollar dollars usd", "euro": "euro euros eur",
    "pound": "pound pounds", "km": "km kilometre kilometres kilometer kilometers", "m": "m metre metres meter meters",
    "cm": "cm centimetre centimetres centimeter centimeters", "mm": "mm millimetre millimetres millimeter millimeters",
    "mile": "mile miles mi", "foot": "foot feet ft", "inch": "inch inches", "g": "g gram grams gramme grammes",
    "kg": "kg kilogram kilograms kilogramme kilogrammes", "l": "l litre litres liter liters",
    "ml": "ml millilitre millilitres milliliter milliliters", "s": "s sec secs second seconds",
    "min": "min mins minute minutes", "h": "h hr hrs hour hours", "day": "day days", "year": "year years yr yrs",
}
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9}
_MYRIADS = {"백百": 2, "천千": 3, "만万萬": 4, "억億亿": 8, "조兆": 12}
_SCALES |= {sign: power for signs, power in _MYRIADS.items() for sign in signs}
_MONEY_NAMES = {"$": "dollar", "€": "euro", "£": "pound"}

_FIGURES_OF_POWER = 2
"""At most, behind an e: a number beyond stays as it is written."""

_THIN_BLANK = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d)")
_RAISED = re.compile("[⁰¹²³⁴-⁹]+")
_DOTTED = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?")
# most words are left at their first letter
_NUMBER_WORD = re.compile(
    rf"\b(?=[{''.join(sorted({one[0] for one in _ONES | _TEENS | _TENS}))}])"
    rf"(?:(?P<tens>{'|'.join(_TENS)})(?:[-\s](?P<ones>{'|'.join(_ONES)}))?|(?P<small>{'|'.join(_ONES | _TEENS)}))\b",
    re.IGNORECASE,
)
_MONEY = re.compile(r"([$€£])\s*([-+]?\d(?:[\d.,]*\d)?(?:-\1?\d(?:[\d.,]*\d)?)*)")
_SYMBOLS = (
    (re.compile(r"°\s*(?=[cf]\b)|\bdegrees?\s+(?=(?:celsius|centigrade|fahrenheit|c|f)\b)", re.IGNORECASE), " "),
    (re.compile("°"), " degree "),
    (re.compile(r"%|\bper cent\b", re.IGNORECASE), " percent "),
)
# not "s": the 1960s are no time in seconds
_GLUED_UNIT = re.compile(rf"(?<=\d)(?=(?:{'|'.join(sorted(_UNITS.keys() - {'s'}))})\b)", re.IGNORECASE)
_MYRIAD = re.compile(rf"(?<=\d)\s?([{''.join(_MYRIADS)}])")
_LETTERS_WITH_MARKS = {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
_PLAIN = str.maketrans(_LETTERS_WITH_MARKS | {one.upper(): two.upper() for one, two in _LETTERS_WITH_MARKS.items()})
_MARKED = re.compile("[\u00c0-\u024f\u1e00-\u1fff\u0370-\u03ff\u0300-\u036f]+")
_COMBINING = "".join(map(chr, (n for n in range(0x300, 0x3100) if unicodedata.category(chr(n)) in ("Mn", "Mc"))))
_MINUS = re.compile(r"(?<!\d )(?<!\d)\bminus\s+(?=\d)", re.IGNORECASE)
_TOKEN = re.compile(
    r"""(?P<number>(?:(?<![^\s(])[-+])?
                   (?P<whole>[1-9]\d{0,2}(?:,\d{3})+(?!\d)|[1-9]\d{0,2}(?:\.\d{3}){2,}(?!\d)|\d+)
                   (?:[.,](?P<part>\d+))?(?:[eE](?P<power>[-+]?\d++))?(?!\w|[-/:.,^]\d))
      | (?P<joined>\d+(?:[-/:.,^]\d+)+)
      | (?P<word>[^\W_](?:[^\W_]|["""
    + _COMBINING
    + r"""])*(?:\^\d+)?)""",
    re.VERBOSE,
)


def numeric_tokens(text: str) -> tuple[str, ...]:
    """Return the words and numbers of `text`, each as a string that all its spellings share.

    Words are in small letters without marks and articles. An article stays where it is all there is, and a capital A
    behind the first word, as in "vitamin A"; "US", "IT" and "WHO" keep their capitals and so are no pronouns. Numbers
    are plain decimals of any length.
    """
    found = [_token(match, first=index == 0) for index, match in enumerate(_TOKEN.finditer(_prepare(text)))]
    return _merge([token for token in found if token not in _ARTICLES] or found)


def _prepare(text: str) -> str:
    """Return `text` with symbols, abbreviations and number words written out in one way."""
    text = text if text.isascii() else _of_other_signs(text)
    text = _DOTTED.sub(lambda match: match[0].replace(".", "").upper() + " ", text)
    text = _NUMBER_WORD.sub(_figures, text)
    text = _MONEY.sub(lambda match: f"{match[2].replace(match[1], '')} {_MONEY_NAMES[match[1]]} ", text)
    for pattern, name in _SYMBOLS:
        text = pattern.sub(name, text)
    return _MINUS.sub("-", _GLUED_UNIT.sub(" ", text))


def _of_other_signs(text: str) -> str:
    """Return `text` without accents, thin blanks and raised figures, and with words of other scripts set apart."""
    text = _THIN_BLANK.sub(",", text.replace("−", "-"))
    text = _RAISED.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")
    return apart(_MYRIAD.sub(r" \1 ", _MARKED.sub(_without_accents, text)))


def _without_accents(match: re.Match[str]) -> str:
    """Return Latin or Greek letters without their accents."""
    parts = unicodedata.normalize("NFD", match[0].translate(_PLAIN))
    return "".join(char for char in parts if not unicodedata.combining(char))


def _figures(match: re.Match[str]) -> str:
    """Return a number word below one hundred in figures."""
    values = _ONES | _TEENS | _TENS
    return str(sum(values[word.lower()] for word in (match["tens"], match["ones"], match["small"]) if word))


def _token(match: re.Match[str], *, first: bool) -> str:
    """Return one word in small letters, or one number by value."""
    word = match[0]
    if match["number"]:
        whole, part, power = re.sub("[,.]", "", match["whole"]), match["part"] or "", match["power"] or ""
        if len(power.lstrip("-+0")) > _FIGURES_OF_POWER:
            return word.casefold()
        return _plain(word[0] == "-", *_moved(whole, part, int(power or 0)))
    return word if word in _PRONOUNS or (word == "A" and not first) else word.casefold()


def _plain(negative: bool, whole: str, part: str) -> str:
    """Return a decimal without needless zeros."""
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    value = f"{whole}.{part}" if part else whole
    return f"-{value}" if negative and value != "0" else value


def _merge(tokens: list[str]) -> tuple[str, ...]:
    """Return the tokens with scale words multiplied into the number before them and its unit named."""
    merged: list[str] = []
    for token in tokens:
        after_number = bool(merged) and merged[-1].lstrip("-").replace(".", "", 1).isdecimal()
        if after_number and token in _SCALES:
            merged[-1] = _shifted(merged[-1], _SCALES[token])
        else:
            merged.append(_UNITS.get(token, token) if after_number else token)
    return tuple(merged)


def _shifted(number: str, power: int) -> str:
    """Return number x 10^power."""
    whole, _, part = number.lstrip("-").partition(".")
    return _plain(number[0] == "-", *_moved(whole, part, power))


def _moved(whole: str, part: str, power: int) -> tuple[str, str]:
    """Return the figures before and behind the decimal mark, which moves by so many."""
    if power < 0:
        whole = whole.zfill(1 - power)
        return whole[:power], whole[power:] + part
    return whole + part[:power].ljust(power, "0"), part[power:]
