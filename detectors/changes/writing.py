"""Changes of a text, each of a strength in (0, 1]: the share of the places it could touch, one place at the least.

What a change draws depends on the generator alone. A text without such a place comes back as it is, and whoever counts
answers that changed must leave it out. Kinds, and which of them keep the meaning: `detectors.robustness.kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from detectors.changes.hangul import decomposed, is_syllable, slipped
from detectors.changes.synonyms import SYNONYMS

__all__ = ["changed_text", "mistyped", "reordered"]

T = TypeVar("T")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_TYPED = re.compile(r"(?<![\w'’])[^\W\d_]{4,}(?![\w'’])|(?<!\w)[^\W\d_]*[가-힣][^\W\d_]*(?!\w)")
"""Words in which a slip may fall: of four letters or more, or with Hangul in them; none with a figure."""
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {key: row[max(0, at - 1) : at] + row[at + 1 : at + 2] for row in _KEYS for at, key in enumerate(row)}
_LOOK_ALIKES = dict(zip("aceijopsxyABCEHIJKMOPSTXY", "асеіјорѕхуАВСЕНІЈКМОРЅТХУ", strict=True))


def changed_text(
    kind: str, text: str, strength: float, rng: np.random.Generator, synonyms: Mapping[str, str] = SYNONYMS
) -> str:
    """Return `text` under a change of this kind and strength; raises ValueError for a kind that is none of texts.

    synonyms: word in small letters -> what stands for it; see `detectors.changes.synonyms`.
    """
    if kind == "synonyms":
        return _synonyms(text, strength, rng, synonyms)
    if kind not in _CHANGES:
        raise ValueError(f"changed_text: got {kind!r}; allowed: {', '.join([*_CHANGES, 'synonyms'])}")
    return _CHANGES[kind](text, strength, rng)


def mistyped(word: str, rng: np.random.Generator) -> str:
    """Return a word with one slip of a finger, in Hangul in any of its letters; never the same word.

    A slip takes two letters in turn, leaves one out, types one twice, or hits the key beside it.
    """
    if syllables := [at for at, letter in enumerate(word) if is_syllable(letter)]:
        at = syllables[int(rng.integers(len(syllables)))]
        return word[:at] + slipped(word[at], rng) + word[at + 1 :]
    at, how = int(rng.integers(1, len(word))), int(rng.integers(4))
    letter = word[at]
    beside = _BESIDE.get(letter.lower(), letter.lower() * 2)
    made = (
        word[: at - 1] + letter + word[at - 1] + word[at + 1 :], word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:], word[:at] + beside[int(rng.integers(len(beside)))] + word[at + 1 :],
    )[how]
    return made if made != word else word[:at] + letter + word[at:]


def reordered(options: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Return the options in another order than the given one."""
    order = rng.permutation(len(options))
    if (order == np.arange(len(options))).all():
        order = np.roll(order, 1)
    return [options[at] for at in order]


def _picked(count: int, strength: float, rng: np.random.Generator) -> list[int]:
    """Return which of so many places are touched, in order; none where there is none."""
    size = min(count, max(1, round(strength * count)))
    return sorted(int(at) for at in rng.choice(count, size, replace=False)) if count else []


def _at_places(
    text: str, places: Sequence[re.Match[str]], strength: float, rng: np.random.Generator,
    change: Callable[[str], str],
) -> str:
    """Return the text with `change` made at some of the places."""
    parts, end = [], 0
    for at in _picked(len(places), strength, rng):
        start, stop = places[at].span()
        parts += [text[end:start], change(text[start:stop])]
        end = stop
    return "".join([*parts, text[end:]])


def _typos(text: str, strength: float, rng: np.random.Generator) -> str:
    places = [one for one in _TYPED.finditer(text) if one[0].isalpha()]  # small and circled figures are no letters
    return _at_places(text, places, strength, rng, lambda word: mistyped(word, rng))


def _case(text: str, strength: float, rng: np.random.Generator) -> str:
    places = [one for one in _LETTERS.finditer(text) if one[0].upper() != one[0].lower()]
    return _at_places(
        text, places, strength, rng, lambda word: word.upper() if word != word.upper() else word.lower()
    )


def _blanks(text: str, strength: float, rng: np.random.Generator) -> str:
    places = list(re.finditer(" ", text))
    return _at_places(text, places, strength, rng, lambda blank: blank * int(rng.integers(2, 4)))


def _homoglyphs(text: str, strength: float, rng: np.random.Generator) -> str:
    places = [one for one in re.finditer(r"\w", text) if one[0] in _LOOK_ALIKES or is_syllable(one[0])]
    return _at_places(text, places, strength, rng, lambda letter: _LOOK_ALIKES.get(letter) or decomposed(letter))


def _synonyms(text: str, strength: float, rng: np.random.Generator, table: Mapping[str, str]) -> str:
    places = [one for one in _WORD.finditer(text) if _partner(one[0], table) is not None]
    return _at_places(text, places, strength, rng, lambda word: _partner(word, table) or word)


def _partner(word: str, table: Mapping[str, str]) -> str | None:
    """Return what stands for a word, its capitals kept; behind one in Hangul its particles stay."""
    if (found := table.get(word.lower())) is not None:
        return found.upper() if word.isupper() and len(word) > 1 else found.title() if word[0].isupper() else found
    if not is_syllable(word[0]):
        return None
    stem = next((word[:end] for end in range(len(word) - 1, 1, -1) if word[:end] in table), None)
    return None if stem is None else table[stem] + word[len(stem) :]


def _word_order(text: str, strength: float, rng: np.random.Generator) -> str:
    words = list(_WORD.finditer(text))
    count = max(1, round(strength * (len(words) // 2)))
    order, parts = list(range(len(words))), []
    for at in rng.permutation(max(0, len(words) - 1)):
        if count and order[at] == at and order[at + 1] == at + 1:
            order[at], order[at + 1], count = at + 1, int(at), count - 1
    end = 0
    for place, word in enumerate(words):
        parts += [text[end : word.start()], words[order[place]][0]]
        end = word.end()
    return "".join([*parts, text[end:]])


_CHANGES: Mapping[str, Callable[[str, float, np.random.Generator], str]] = {
    "typos": _typos, "case": _case, "blanks": _blanks, "homoglyphs": _homoglyphs, "word_order": _word_order,
}
