"""Whether a written answer is one of the right ones, by rules that explain themselves.

    exact match            equal after SQuAD's four steps: small letters, no ASCII marks, no a/an/the, single blanks
    exact match, numeric   equal as words and numbers: "1,000" = "1000.0" = "one thousand", "1,5" != "15", "-3" != "3"
    contains               the words and numbers of a right answer stand, in one piece, in the answer
    token F1               harmonic mean of precision and recall over SQuAD's bags of tokens

All compare one answer with `aliases`, the right ones, and take the best; 0 to 1, higher = more right. SQuAD (arXiv
1606.05250) deletes signs and decimal marks, hence the numeric rule, see `detectors.factuality.wording`. Words are whole
ones: "Rome" is not in "Romeo", nor 서울 in 서울대학교, but in 서울입니다; `detectors.factuality.scripts` says where
they end in writing without blanks. Traditional and simplified signs are not the same: give both among the aliases.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from detectors.factuality.scripts import inside_words, pattern_of
from detectors.factuality.wording import numeric_tokens

__all__ = [
    "contains", "exact_match", "exact_match_numeric", "inside_longer_words", "squad_normalise", "token_f1",
]

_MARKS = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def squad_normalise(text: str) -> str:
    """Return `text` after SQuAD's four steps."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_MARKS)).split())


def exact_match(answer: str, aliases: Iterable[str]) -> bool:
    """Tell whether `answer` equals an alias after SQuAD's four steps."""
    said = squad_normalise(answer)
    return any(said == squad_normalise(alias) for alias in aliases)


def exact_match_numeric(answer: str, aliases: Iterable[str]) -> bool:
    """Tell whether `answer` equals an alias as words and numbers; an answer without any equals none."""
    said = _of_answer(answer)
    text = f" {' '.join(said)} "
    return bool(said) and any(said == tokens or _is_one(text, tokens) for tokens in map(_of_alias, aliases))


def contains(answer: str, aliases: Iterable[str]) -> bool:
    """Tell whether the words and numbers of an alias stand in `answer` in one piece; rewards listing many answers."""
    said = f" {' '.join(_of_answer(answer))} "
    return any(tokens and _stand_in(said, tokens) for tokens in map(_of_alias, aliases))


def _stand_in(said: str, tokens: tuple[str, ...]) -> bool:
    """Tell whether words stand in a text of words with single blanks between and around them."""
    joined = " ".join(tokens)
    return f" {joined} " in said if joined.isascii() else pattern_of(tokens).search(said) is not None


@lru_cache(maxsize=4096)
def _of_alias(alias: str) -> tuple[str, ...]:
    """Return the words and numbers of a right answer, which many answers are held against."""
    return numeric_tokens(alias)


@lru_cache(maxsize=256)
def _of_answer(answer: str) -> tuple[str, ...]:
    """Return the words and numbers of an answer, which several rules ask for."""
    return numeric_tokens(answer)


def _is_one(text: str, tokens: tuple[str, ...]) -> bool:
    return bool(tokens) and pattern_of(tokens, whole=True).search(text) is not None


def inside_longer_words(answer: str, aliases: Iterable[str]) -> bool:
    """Tell whether an alias stands in `answer` only within a longer word of a script that has no blanks to tell."""
    said = f" {' '.join(_of_answer(answer))} "
    return any(tokens and inside_words(said, tokens) for tokens in map(_of_alias, aliases))


def token_f1(answer: str, aliases: Iterable[str]) -> float:
    """Return the best F1 of `answer` against an alias; where either side is empty, 1 only if both are."""
    said = squad_normalise(answer).split()
    return max((_f1(said, squad_normalise(alias).split()) for alias in aliases), default=0.0)


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    if not said or not right:
        return float(said == right)
    return 2 * (Counter(said) & Counter(right)).total() / (len(said) + len(right))
