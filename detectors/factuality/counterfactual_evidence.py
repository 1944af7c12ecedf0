"""Evidence that says something else: the answer in a passage is exchanged for another of its kind, and nothing more.

    "The tower has 214 steps."   -> "The tower has 587 steps."     expected answer 587, the answer from memory 214

A model that reads answers with the new value, one that recites answers with the old one (Longpre et al. 2021, arXiv
2109.05052). So that nothing else can explain what is answered, the new value stands nowhere in the question and the
passages, no spelling of the old one is left, and both are of one kind: a number of as many digits (a year near it, a
day of a month, as round), or a name of the same list (`detectors.factuality.name_kinds`). Where that cannot be had, the
reason is returned. The same question gives the same change.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from detectors.factuality.matching import contains
from detectors.factuality.name_kinds import kind_of_name, names_of_kind
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["ChangedEvidence", "change_evidence", "check_change"]

_NUMBER = re.compile(
    r"(?<![\d.,:/^-])(?<![A-Za-z])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\d|[.,:/]\d|(?:st|nd|rd|th)\b)"
)
_VOWEL = re.compile(r"[aeiou8]|1[18](?!\d)", re.IGNORECASE)
"""How what follows upon "an" begins."""
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_YEARS = range(1000, 2030)
_TRIED = 40
_JOSA = "은|는|이|가|을|를|의|에|로|으로|와|과|도|만|부터|까지|처럼|보다|입니다|이다|이며|이고|였|이었|라|이라|인"
_ABSENT = Cause("the answer stands in no gold passage")
_ASKED = Cause("the question says the answer itself")
_UNKNOWN = Cause("no other answer of its kind is known")
_LEFT = Cause("another spelling of the answer stays in the passage")
_NOT_NEW = Cause("the changed answer stands in the question or in a passage")
_NOT_THERE = Cause("the changed passage does not hold the changed answer")


@immutable
class ChangedEvidence:
    """Passages with another answer in them."""

    passages: tuple[str, ...]
    """The gold passages, changed; those that do not hold the answer stay as they are."""
    answers: tuple[str, ...]
    """What is right by these passages, a spelling for each one of the old answer that has the changed part in it."""
    old: str
    new: str
    kind: str
    """`number`, or a kind of `detectors.factuality.name_kinds`."""


def change_evidence(
    question: str, gold: Sequence[str], others: Sequence[str], reference: Sequence[str]
) -> ChangedEvidence | Cause:
    """Return the gold passages with another answer, or why there can be none.

    others: the other passages, in which the new value must not stand either; reference: the right answer in all its
    spellings.
    """
    if contains(question, reference):
        return _ASKED
    there = [one for one in sorted(reference, key=len, reverse=True) if any(contains(text, [one]) for text in gold)]
    if not there:
        return _ABSENT
    why, texts = _UNKNOWN, (question, *gold, *others)
    for old, new, kind, put in _changes(question, there, gold):
        if any(_occurs(one, texts) for one in {new, new.split()[-1]}):
            continue
        passages = tuple(map(put, gold))
        answers = tuple(dict.fromkeys(told for one in reference if (told := put(one)) != one))
        if (found := check_change(question, passages, answers, reference)) is None:
            return ChangedEvidence(passages, answers, old, new, kind)
        why = found
    return why


def check_change(
    question: str, passages: Sequence[str], answers: Sequence[str], reference: Sequence[str]
) -> Cause | None:
    """Return why changed passages cannot tell reading from reciting; None where they can."""
    if not answers or not any(contains(text, answers) for text in passages):
        return _NOT_THERE
    if any(contains(text, reference) for text in (question, *passages, *answers)):
        return _LEFT
    if contains(question, answers) or any(contains(one, answers) for one in reference):
        return _NOT_NEW
    return None


def _changes(
    question: str, there: Sequence[str], gold: Sequence[str]
) -> Iterator[tuple[str, str, str, Callable[[str], str]]]:
    """Yield (old, new, kind, what puts it into a text), the longest spelling of the answer first."""
    text = "\n".join(gold)
    for answer in there:
        numbers = sorted(_NUMBER.findall(answer), key=len, reverse=True)
        if numbers:
            for new in _turned(_other_numbers(numbers[0], text), question):
                yield numbers[0], new, "number", _number_put(numbers[0], new)
        elif (word := next((one for one in _WORDS if re.search(rf"\b{one}\b", answer, re.I)), None)) is not None:
            for new in _turned(_fitting(text, word, [one for one in _WORDS if one != word]), question):
                yield word, new, "number", _name_put(word, new)
        elif (kind := kind_of_name(answer, question)) is not None:
            for new in _turned(_fitting(text, answer, names_of_kind(kind)), question):
                yield answer, _in_case_of(answer, new), kind, _name_put(answer, _in_case_of(answer, new))


def _turned(candidates: Sequence[str], question: str) -> Iterator[str]:
    """Yield the candidates from a place on that the question alone decides."""
    start = zlib.crc32(question.encode()) % max(1, len(candidates))
    yield from (*candidates[start:], *candidates[:start])


def _occurs(value: str, texts: Iterable[str]) -> bool:
    return any(value.casefold() in text.casefold() or contains(text, [value]) for text in texts)


# --- numbers


def _other_numbers(old: str, text: str) -> list[str]:
    """Return other numbers written as `old` is: so many digits, as round, a year near it, small ones as small."""
    digits = re.sub(r"\D", "", old)
    value, part = int(digits), len(old.partition(".")[2])
    if part == 0 and "," not in old and len(old) == 4 and value in _YEARS:
        near = [value + sign * step for step in range(3, 20) for sign in (-1, 1)]
        chosen = [one for one in near if one in _YEARS]
    elif part == 0 and value <= 31:
        chosen = [one for one in (range(2, 13) if value <= 12 else range(13, 29)) if one != value]
    else:
        unit = 10 ** (len(digits) - len(digits.rstrip("0"))) if part == 0 else 1
        low, high = 10 ** (len(str(value)) - 1) // unit, 10 ** len(str(value)) // unit
        step = max(1, (high - low) * 37 // 100)
        turns = (low + (value // unit - low + step * turn) % max(1, high - low) for turn in range(1, _TRIED))
        chosen = [unit * one for one in turns if unit == 1 or one % 10]
    written = dict.fromkeys(_written(one, part, "," in old) for one in chosen if one not in (value, 0))
    return _fitting(text, old, written)


def _written(value: int, part: int, commas: bool) -> str:
    whole, rest = divmod(value, 10**part)
    return (f"{whole:,}" if commas else str(whole)) + (f".{rest:0{part}}" if part else "")


def _number_put(old: str, new: str) -> Callable[[str], str]:
    """Return what writes `new` wherever a number has the value of `old`."""
    def same(found: re.Match[str]) -> str:
        plain = found[0].replace(",", "")
        if plain != old.replace(",", ""):
            return found[0]
        return new if "," in found[0] or "," not in old else new.replace(",", "")

    return lambda text: _NUMBER.sub(same, text)


# --- names


def _name_put(old: str, new: str) -> Callable[[str], str]:
    """Return what writes `new` for `old`, and the last word of the one for that of the other, where they are words."""
    pairs = [(old, new)]
    if " " in old and " " in new:
        pairs += [(old.split()[-1], new.split()[-1]), (old.split()[0], new.split()[0])]

    def put(text: str) -> str:
        for before, after in pairs:
            end = rf"(?=\W|$|(?:{_JOSA}))" if "가" <= before[-1] <= "힣" else r"(?![A-Za-z0-9])"
            text = re.sub(rf"(?<!\w){re.escape(before)}{end}", after, text)
        return text

    return put


def _in_case_of(old: str, new: str) -> str:
    return new[0].upper() + new[1:] if old[0].isupper() else new


def _fitting(text: str, old: str, candidates: Iterable[str]) -> list[str]:
    """Return those that can stand where `old` does in a text: behind "a" or "an", before Korean particles."""
    if "가" <= old[-1] <= "힣":
        return [one for one in candidates if "가" <= one[-1] <= "힣" and _final(old) == _final(one)]
    articles = re.finditer(rf"\b(an?) {re.escape(old)}(?!\w)", text, re.IGNORECASE)
    before = {found[1].casefold() for found in articles}
    return [one for one in candidates if not before or before == {"an" if _VOWEL.match(one) else "a"}]


def _final(word: str) -> int:
    """Return what particles go by: no final consonant (0), ㄹ (1), any other (2)."""
    return {0: 0, 8: 1}.get((ord(word[-1]) - 0xAC00) % 28, 2)
