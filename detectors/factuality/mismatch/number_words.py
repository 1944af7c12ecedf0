"""Numbers in words: twenty-one, twelve hundred, one hundred and five, half a million, a dozen; 열두, 이십삼, 천이백."""

from __future__ import annotations

from detectors.factuality.words import Token

__all__ = ["BEGINNINGS", "HANGUL_SCALES", "NATIVE", "ORDINAL_WORDS", "SCALES", "fraction", "sino", "spelled"]

_SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
_RANKS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_ONES = {word: float(value) for value, word in enumerate(_SMALL.split())}
_TENS = {word: 10.0 * value for value, word in enumerate(_ROUND.split(), start=2)}
SCALES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "dozen": 12.0,
    "lakh": 1e5, "crore": 1e7,
}  # fmt: skip
ORDINAL_WORDS = {word: float(value) for value, word in enumerate(_RANKS.split(), start=1)}
_PARTS = {"quarter": 4.0} | {word: rank for word, rank in ORDINAL_WORDS.items() if rank >= 3.0}
BEGINNINGS = frozenset({*_ONES, *_TENS, "half", "a", "an"})
"""Words that a number may begin with."""
HANGUL_SCALES = {"십": 1e1, "백": 1e2, "천": 1e3, "만": 1e4, "억": 1e8, "조": 1e12}
_NATIVE_ONES = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
_NATIVE_TENS = {"열": 10, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80, "아흔": 90}
NATIVE = {
    **{one: float(value) for one, value in _NATIVE_ONES.items()},
    **{ten: float(value) for ten, value in _NATIVE_TENS.items()},
    **{ten + one: float(a + b) for ten, a in _NATIVE_TENS.items() for one, b in _NATIVE_ONES.items()},
    "스무": 20.0, "첫": 1.0,
}  # fmt: skip
"""Native Korean numbers in the form that stands before a counter."""
_SINO_FIGURES = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9}
_WORDS = 12
"""Words of one number that are read."""


def spelled(tokens: tuple[Token, ...], first: int, *, loose: bool = False) -> tuple[float, int] | None:
    """Return value and last token of the English number words at a token; None for none, and for "one" unless loose.

    A scale word at the end is left to the caller where the number before it is one word: two million.
    """
    if (start := _begins(tokens, first)) is None:
        return None
    total, current, last = 0.0, start[0], start[1]
    for i in range(last + 1, min(len(tokens), first + _WORDS)):
        text = tokens[i].text
        if text in ("-", "and") and _goes_on(tokens, i, text):
            continue
        value = _ONES.get(text, _TENS.get(text))
        if value is not None and _fits(current, value):
            current += value
        elif text in SCALES:
            total, current = _scaled(total, current, SCALES[text])
        else:
            break
        last = i
    alone = last == first and tokens[first].text == "one" and not loose
    return None if alone else (total + current, last)


def fraction(tokens: tuple[Token, ...], first: int, *, loose: bool = False) -> tuple[int, float] | None:
    """Return last token and value of a fraction in words at a token; None for none.

    Two thirds and three quarters; as what a text may be referring to (loose) also "half of", "a third of".
    """
    text = tokens[first].text
    behind = [i for i in range(first + 1, min(len(tokens), first + 4)) if tokens[i].text != "-"]
    texts = [tokens[i].text for i in behind] + ["", ""]
    if loose and text == "half" and texts[0] in ("of", "the"):
        return first, 0.5
    parts = _PARTS.get(texts[0].removesuffix("s"), 0.0)
    if loose and text == "a" and parts and texts[1] == "of":
        return behind[0], 1.0 / parts
    count = _ONES.get(text, 0.0)
    if not 0.0 < count < parts or (parts == 4.0 and count != 3.0):  # the first two quarters
        return None
    ends = texts[0].endswith("s") if count > 1.0 else texts[1] in ("of", "the") or not texts[1].isalnum()
    return (behind[0], count / parts) if ends else None


def _begins(tokens: tuple[Token, ...], first: int) -> tuple[float, int] | None:
    """Return value and last token of what can begin a number: a word, "a dozen", "half a million"."""
    text = tokens[first].text
    texts = [one.text for one in tokens[first + 1 : first + 3]]
    if text == "half" and len(texts) == 2 and texts[0] == "a" and texts[1] in SCALES:
        return 0.5 * SCALES[texts[1]], first + 2
    if text in ("a", "an") and texts and texts[0] in SCALES:
        return SCALES[texts[0]], first + 1
    value = _ONES.get(text, _TENS.get(text))
    return None if value is None else (value, first)


def _goes_on(tokens: tuple[Token, ...], i: int, text: str) -> bool:
    """Tell whether a dash or "and" joins two words of one number: twenty-one, one hundred and five."""
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    before = tokens[i - 1].text
    if text == "-":
        return before in _TENS and after in _ONES
    return before in ("hundred", "thousand", "million") and (after in _ONES or after in _TENS)


def _fits(current: float, value: float) -> bool:
    """Tell whether a word adds to the number before it: twenty + one, hundred + five, not seven + five."""
    place = 100 if value >= 10 else 10
    return current >= place and current % place == 0 and (value != 0)


def _scaled(total: float, current: float, scale: float) -> tuple[float, float]:
    """Return total and current after a scale: hundred multiplies what stands before it, larger ones close it."""
    if scale in (1e2, 12.0):
        return total, current * scale
    return total + current * scale, 0.0


def sino(text: str) -> float | None:
    """Return the value of Sino-Korean number words, 천이백 = 1,200; None where a text is something else."""
    total, part, figure = 0.0, 0.0, 0.0
    for char in text:
        if char in _SINO_FIGURES:
            if figure:
                return None
            figure = float(_SINO_FIGURES[char])
        elif char in "십백천":
            part, figure = part + (figure or 1.0) * HANGUL_SCALES[char], 0.0
        elif char in "만억조":
            total, part, figure = total + (part + figure or 1.0) * HANGUL_SCALES[char], 0.0, 0.0
        else:
            return None
    return total + part + figure
