"""Hangul syllables as the letters they are typed with, and slips of a finger on the Korean keyboard.

    syllable = 0xAC00 + (initial * 21 + vowel) * 28 + final          (Unicode 3.12)

A slip takes one letter of a syllable for its neighbour on the two-set keyboard (KS X 5002), or leaves the final out.
Letters that are typed with shift have the neighbours of the key they lie on.
"""

from __future__ import annotations

import unicodedata

import numpy as np

__all__ = ["decomposed", "is_syllable", "slipped"]

_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = "\0ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_KEYS = ("ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ")
"""Rows of the keyboard from the top, each shifted to the right by part of a key."""
_SHIFTED = dict(zip("ㄲㄸㅃㅆㅉㅒㅖ", "ㄱㄷㅂㅅㅈㅐㅔ", strict=True))
_FIRST, _LAST = 0xAC00, 0xD7A3


def _neighbours() -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _KEYS:
        for at, key in enumerate(row):
            found[key] = row[max(0, at - 1) : at] + row[at + 1 : at + 2]
    return found | {key: found[base] for key, base in _SHIFTED.items()}


_NEXT = _neighbours()


def is_syllable(letter: str) -> bool:
    """Tell whether a character is a whole Hangul syllable."""
    return _FIRST <= ord(letter) <= _LAST


def decomposed(text: str) -> str:
    """Return the text with every syllable as conjoining letters, which look the same and are other characters (NFD)."""
    return "".join(unicodedata.normalize("NFD", one) if is_syllable(one) else one for one in text)


def slipped(syllable: str, rng: np.random.Generator) -> str:
    """Return a syllable with one letter slipped; never the same one."""
    initial, rest = divmod(ord(syllable) - _FIRST, 21 * 28)
    vowel, final = divmod(rest, 28)
    made = [
        *(_joined(_INITIALS.index(one), vowel, final) for one in _NEXT.get(_INITIALS[initial], "") if one in _INITIALS),
        *(_joined(initial, _VOWELS.index(one), final) for one in _NEXT.get(_VOWELS[vowel], "") if one in _VOWELS),
        *(_joined(initial, vowel, _FINALS.index(one)) for one in _NEXT.get(_FINALS[final], "") if one in _FINALS),
        *([_joined(initial, vowel, 0)] if final else []),
    ]
    return made[int(rng.integers(len(made)))]


def _joined(initial: int, vowel: int, final: int) -> str:
    return chr(_FIRST + (initial * 21 + vowel) * 28 + final)
