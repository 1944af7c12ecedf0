"""Attacks on a mark in a text: what somebody would do who wants it gone, and cares less for the text than its author.

    delete           words are left out                      truncate     words are cut off the end
    insert           common words are put between            dilute       unmarked words before it, this share of all
    substitute       words become common ones                normalise    Unicode, marks and blanks are made plain
    sentence_order   sentences change places                 meaning      numbers change, `is` becomes `is not`: forgery
    typos, case, blanks, homoglyphs, synonyms, word_order    as `detectors.changes.writing` makes them

A strength in (0, 1] is the share of the words that are touched, one word at the least. What an attack draws depends on
its generator alone. A mark that is found after `meaning` speaks for words that its owner's model never wrote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from detectors.changes.hangul import is_syllable
from detectors.changes.synonyms import SYNONYMS
from detectors.changes.writing import changed_text
from detectors.distortions import generator_of

__all__ = ["ATTACK_KINDS", "FORGERY", "TEXT_ATTACKS", "attacked_text", "attacked_texts"]

FORGERY = "meaning"
"""The attack after which a mark should no longer be found, and is: the text says what its model did not."""
TEXT_ATTACKS: tuple[tuple[str, float], ...] = (
    ("delete", 0.1), ("delete", 0.3), ("delete", 0.5), ("insert", 0.1), ("insert", 0.3), ("substitute", 0.1),
    ("substitute", 0.3), ("substitute", 0.5), ("synonyms", 1.0), ("typos", 0.1), ("typos", 0.3), ("case", 0.1),
    ("case", 1.0), ("blanks", 0.3), ("homoglyphs", 0.05), ("homoglyphs", 0.3), ("word_order", 0.1),
    ("word_order", 0.5), ("sentence_order", 1.0), ("truncate", 0.5), ("truncate", 0.75), ("dilute", 0.5),
    ("dilute", 0.75), ("normalise", 1.0), (FORGERY, 1.0),
)
"""Kind and strength of the attacks that are made where nobody names others."""

_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"[^.!?。\n]+[.!?。]*\s*|[.!?。\n]+\s*")
_COMMON = {
    hangul: tuple(sorted(word for word in SYNONYMS if is_syllable(word[0]) == hangul)) for hangul in (False, True)
}
_PLAIN = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
    "\u00a0": " ", "\u200b": None, "\u200c": None, "\u200d": None, "\u2060": None, "\ufeff": None,
})  # fmt: skip
_SAID = re.compile(r"\b(is|are|was|were|has|have|had|can|could|will|would|did|does|do)\b(?! not\b)|\d+")


def attacked_text(kind: str, text: str, strength: float, rng: np.random.Generator) -> str:
    """Return `text` under an attack of this kind and strength; raises ValueError for a kind that is none."""
    made = _ATTACKS.get(kind)
    return changed_text(kind, text, strength, rng) if made is None else made(text, strength, rng)


def attacked_texts(name: str, text: str, attacks: Sequence[tuple[str, float]]) -> Iterator[str]:
    """Yield the text under each attack; what one draws depends on the text's id `name` and on the attack."""
    for kind, strength in attacks:
        yield attacked_text(kind, text, strength, generator_of(f"{name} {kind} {strength:g}"))


def _touched(count: int, strength: float, rng: np.random.Generator) -> set[int]:
    size = min(count, max(1, round(strength * count)))
    return set(rng.choice(count, size, replace=False).tolist()) if count else set()


def _common(text: str, count: int, rng: np.random.Generator) -> list[str]:
    """Return so many common words of the text's script."""
    letters = sum(map(is_syllable, text))
    words = _COMMON[2 * letters > sum(one.isalpha() for one in text)]
    return [words[at] for at in rng.integers(len(words), size=count)]


def _each(text: str, strength: float, rng: np.random.Generator, change: Callable[[str, str], str]) -> str:
    """Return the text with `change(word, common word)` in place of the words that are touched."""
    words = list(_WORD.finditer(text))
    touched, common = _touched(len(words), strength, rng), _common(text, len(words), rng)
    parts, end = [], 0
    for at, word in enumerate(words):
        parts += [text[end : word.start()], change(word[0], common[at]) if at in touched else word[0]]
        end = word.end()
    return "".join([*parts, text[end:]])


def _delete(text: str, strength: float, rng: np.random.Generator) -> str:
    words = list(_WORD.finditer(text))
    touched = _touched(len(words), strength, rng)
    ends = [word.start() for word in words] + [len(text)]
    kept = (text[start:end] for at, (start, end) in enumerate(pairwise(ends)) if at not in touched)
    return text[: ends[0]] + "".join(kept)


def _insert(text: str, strength: float, rng: np.random.Generator) -> str:
    return _each(text, strength, rng, lambda word, common: f"{word} {common}")


def _substitute(text: str, strength: float, rng: np.random.Generator) -> str:
    return _each(text, strength, rng, lambda word, common: common.title() if word[:1].isupper() else common)


def _truncate(text: str, strength: float, rng: np.random.Generator) -> str:
    words = list(_WORD.finditer(text))
    kept = len(words) - len(_touched(len(words), strength, rng))
    return text[: words[kept - 1].end() if kept else 0] if words else text


def _dilute(text: str, strength: float, rng: np.random.Generator) -> str:
    size = len(_WORD.findall(text))
    more = round(size * strength / max(1 - strength, 0.01)) if size else 0
    return " ".join([*_common(text, more, rng), text]) if more else text


def _sentence_order(text: str, strength: float, rng: np.random.Generator) -> str:
    parts = _SENTENCE.findall(text)
    touched = sorted(_touched(len(parts), strength, rng))
    order = list(range(len(parts)))
    for at, to in zip(touched, rng.permutation(touched).tolist(), strict=True):
        order[at] = to
    return "".join(parts[at] for at in order)


def _normalise(text: str, strength: float, rng: np.random.Generator) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).translate(_PLAIN)).strip()


def _meaning(text: str, strength: float, rng: np.random.Generator) -> str:
    places = list(_SAID.finditer(text))
    touched, parts, end = _touched(len(places), strength, rng), [], 0
    for at, place in enumerate(places):
        if at in touched:
            said = str(int(place[0]) + int(rng.integers(1, 10))) if place[0].isdecimal() else f"{place[0]} not"
            parts += [text[end : place.start()], said]
            end = place.end()
    return "".join([*parts, text[end:]])


_ATTACKS: Mapping[str, Callable[[str, float, np.random.Generator], str]] = {
    "delete": _delete, "insert": _insert, "substitute": _substitute, "truncate": _truncate, "dilute": _dilute,
    "sentence_order": _sentence_order, "normalise": _normalise, FORGERY: _meaning,
}
ATTACK_KINDS = (*_ATTACKS, "synonyms", "typos", "case", "blanks", "homoglyphs", "word_order")
"""Kinds of attack."""
