"""What the words around a number say of it: that it is rounded, less than nothing, or an hour after noon.

about 1,200, 약 1,200, 50여 명, 100명 이상, 1,000 or more, 100+      rounded
-5, $-5, minus 5, 영하 5                                              less than nothing; 10-5 and 7 minus 5 are not
5 pm, 5:30 p.m., 오후 5시                                             5 or 17
"""

from __future__ import annotations

import re

from detectors.factuality.mismatch.units import CURRENCY_SIGNS
from detectors.factuality.words import HANGUL, MARK, NUMBER, Token

__all__ = ["is_hedged", "is_minus", "on_the_clock"]

_HEDGES_TEXT = """
about around approximately roughly nearly almost some circa ca approx over under above below least most than
estimated 약 대략 거의
"""
_HEDGES = frozenset(_HEDGES_TEXT.split())
_BEHIND_TEXT = "이상 이하 미만 초과 남짓 가량 정도 쯤 안팎"
_BEHIND = re.compile(f"[십백천만억조]{{0,4}}여|[^ ]{{0,9}}(?:{'|'.join(_BEHIND_TEXT.split())})")
_OR = frozenset({"more", "so", "fewer", "less"})
_AFTERNOON = frozenset(("오후", "저녁", "밤"))
_HALF_OF_DAY = re.compile(r"(?::\d\d)?([ap])\.?m(?![a-z])")
_NOON = 12.0


def is_hedged(tokens: tuple[Token, ...], first: int, last: int) -> bool:
    """Tell whether the number of tokens [first, last], unit included, is said to be rounded or a limit."""
    if any(one.text in _HEDGES for one in tokens[max(0, first - 2) : first]):
        return True
    behind = tokens[last + 1 : last + 3]
    if any(one.kind == HANGUL and _BEHIND.match(one.text) for one in (*tokens[first + 1 : last + 1], *behind[:1])):
        return True
    texts = [one.text for one in behind]
    glued = texts[:1] == ["+"] and behind[0].start == tokens[last].end
    return (glued and behind[-1].kind != NUMBER) or (texts[:1] == ["or"] and texts[-1] in _OR)


def is_minus(tokens: tuple[Token, ...], i: int) -> bool:
    """Tell whether a token makes the number behind it negative.

    A dash that is glued to what follows and not to what stands before, with no figure there, or a word for it.
    """
    if tokens[i].text in ("minus", "영하"):
        return not i or tokens[i - 1].kind != NUMBER
    if tokens[i].text != "-" or tokens[i].end != tokens[i + 1].start:
        return False
    before = tokens[i - 1] if i else None
    return (before is None or (before.end < tokens[i].start and before.kind != NUMBER)
            or (before.kind == MARK and (before.text in "([" or before.text in CURRENCY_SIGNS)))  # fmt: skip


def on_the_clock(tokens: tuple[Token, ...], first: int, last: int, readings: tuple[float, ...]) -> tuple[float, ...]:
    """Return the readings of a number, those of hours after noon or midnight in 24 hours too."""
    if len(readings) != 1 or not 1.0 <= readings[0] <= _NOON:
        return readings
    half = _HALF_OF_DAY.match("".join(one.text[:3] for one in tokens[last + 1 : last + 6]))
    after = half[1] == "p" if half else first > 0 and tokens[first - 1].text in _AFTERNOON
    if after:
        return readings if readings[0] == _NOON else (*readings, readings[0] + _NOON)
    return (*readings, 0.0) if half and readings[0] == _NOON else readings
