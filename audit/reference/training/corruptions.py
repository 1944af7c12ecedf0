"""Edits of a sentence that change what it says, and edits that do not, by rules and a seed (1910.12840).

    corrupt    a number, name, negation, opposite or added detail is changed: the source no longer bears it out
    reword     case, blanks, an introduction or a synonym is changed: the source bears it out as before

A corruption is given as the words that go and the words that come, so that the same edit can be made in the source,
too: of the four pairs of source and claim, each edited or not, every claim is right as often as wrong, and nothing can
be learnt from the claim alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from detectors.immutable import immutable

__all__ = ["KINDS", "Edit", "corrupt", "reword"]

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
_NAME = re.compile(r"(?<![.!?] )(?<=\s)[A-Z][\w'’-]+(?: (?:of |the |de )?[A-Z][\w'’-]+){0,3}")
_COMMON = frozenset((
    "I", "The", "A", "An", "In", "On", "At", "He", "She", "It", "They", "We", "You", "His", "Her", "Their", "This",
    "That", "These", "Those", "But", "And", "Or", "If", "As",
))  # fmt: skip
_AUXILIARY = re.compile(
    r"\b(is|was|are|were|has|have|had|can|could|will|would|should|may|might|must|did|does|do)\b(?! not\b)"
)
_OPPOSITES = (
    "increase decrease", "increased decreased", "increases decreases", "increasing decreasing", "more less",
    "higher lower", "high low", "before after", "first last", "largest smallest", "large small", "larger smaller",
    "big small", "up down", "rise fall", "rose fell", "rising falling", "won lost", "win lose", "wins loses",
    "best worst", "better worse", "good bad", "early late", "earlier later", "north south", "northern southern",
    "east west", "eastern western", "above below", "over under", "inside outside", "always never", "all none",
    "most few", "many few", "several no", "buy sell", "bought sold", "buys sells", "agree refuse", "agreed refused",
    "agrees refuses", "accept reject", "accepted rejected", "love hate", "loves hates", "loved hated",
    "like dislike", "likes dislikes", "happy sad", "old new", "young old", "older younger", "long short",
    "longer shorter", "strong weak", "stronger weaker", "success failure", "successful unsuccessful",
    "positive negative", "public private", "open close", "opened closed", "begin end", "began ended", "start stop",
    "started stopped", "mother father", "brother sister", "husband wife", "son daughter", "man woman", "men women",
    "boy girl", "male female", "he she", "his her", "with without", "possible impossible", "able unable",
    "approve oppose", "approved opposed", "support oppose", "supported opposed", "supports opposes",
    "remember forget", "include exclude", "includes excludes", "included excluded", "majority minority",
    "maximum minimum", "remains changes", "gain loss", "gains losses", "profit loss", "strength weakness",
    "true false", "real fake", "day night", "morning evening", "today tomorrow", "both neither", "same different",
    "full empty", "cheap expensive", "free paid", "fast slow", "hot cold", "sitting standing", "indoors outdoors",
    "near far", "left right", "arrive leave", "arrived left", "alive dead", "born died", "enter leave",
    "entered left", "friend enemy", "easy difficult", "famous unknown", "popular unpopular", "rich poor",
    "known unknown", "major minor", "domestic foreign", "monthly yearly", "weekly daily", "million billion",
    "dozens thousands", "monday thursday", "twice once", "half double",
)  # fmt: skip
_SYNONYMS = (
    "start begin", "started began", "big large", "movie film", "buy purchase", "bought purchased", "help assist",
    "show display", "many numerous", "kid child", "kids children", "doctor physician", "car automobile",
    "job occupation", "wrote authored", "made created", "make create", "built constructed", "located situated",
    "received got", "receive get", "said stated", "wants wishes", "end finish", "ended finished",
    "famous well-known", "died passed away", "quickly rapidly", "although though", "students pupils",
    "company firm", "main principal", "need require", "needs requires", "happened occurred", "whole entire",
    "several various", "usually normally", "often frequently", "almost nearly", "used utilised", "chosen selected",
    "gave provided", "gives provides", "give provide", "talking speaking", "person individual", "street road",
    "couch sofa", "photo picture", "happy glad", "rise increase", "fall decline",
)  # fmt: skip
_DETAILS = (
    "for the first time", "on Monday", "last Friday", "in the spring", "the following year", "in Canada",
    "in the north", "for health reasons", "because of the weather", "despite criticism",
    "with the help of a friend", "by accident", "for a small fee", "without any notice", "after a long delay",
    "in front of a large crowd", "at night", "against all advice", "with her brother", "with his colleagues",
    "at the request of the public", "as a joke", "three times a week", "by telephone", "in secret", "for charity",
    "before lunch", "on a cold morning", "together", "because of rising costs", "due to strong demand",
    "according to a spokesman", "at a record level", "in two stages", "under a new contract", "over the weekend",
    "from a catalogue", "in the capital", "with great success",
)  # fmt: skip
_INTRODUCTION = re.compile(
    r"^(?:However|Moreover|In addition|Additionally|Also|Then|Finally|Furthermore|Thus|Therefore), "
)
_ASIDE = re.compile(r" \([^()]*\)")


def _pairs(lines: Sequence[str], *, both: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for first, second in (line.split(" ", 1) for line in lines):
        found.setdefault(first, second)
        if both:
            found.setdefault(second, first)
    return found


_OPPOSITE = _pairs(_OPPOSITES, both=True)
_SYNONYM = _pairs(_SYNONYMS, both=True)
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


@immutable
class Edit:
    """Words of a sentence that go, and those that come; `gone` may be part of the sentence only once to be made."""

    kind: str
    gone: str
    come: str

    def made(self, text: str) -> str | None:
        """Return the text with the edit made; None where the words that go are not there exactly once."""
        return text.replace(self.gone, self.come) if text.count(self.gone) == 1 and self.gone != self.come else None


def corrupt(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    """Return an edit after which `source`, from which names come, no longer bears `claim` out; None where none fits."""
    rules = list(KINDS.values())
    for place in random.permutation(len(rules)):
        edit = rules[int(place)](claim, source, random)
        if edit is not None and edit.made(claim) is not None:
            return edit
    return None


def reword(claim: str, random: np.random.Generator) -> str:
    """Return the claim in other words that mean the same; often the claim itself."""
    draws = random.random(5)
    if draws[0] < 0.5:
        claim = _INTRODUCTION.sub("", claim)
    if draws[1] < 0.4:
        claim = _ASIDE.sub("", claim)
    if draws[2] < 0.5:
        claim = _WORD.sub(lambda found: _SYNONYM.get(found[0], found[0]) if random.random() < 0.7 else found[0], claim)
    if draws[3] < 0.3:
        claim = re.sub(r"(?<=\d),(?=\d{3})", "", claim).rstrip(".")
    if draws[4] < 0.25:
        claim = claim.lower()
    return claim[:1].upper() + claim[1:] if draws[4] > 0.5 else claim


def _number(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    found = _one(_NUMBER.findall(claim), random)
    if found is None:
        return None
    others = [other for other in _NUMBER.findall(source) if other != found and len(other) == len(found)]
    other = _one(others, random) if random.random() < 0.5 else None
    return _around(claim, found, other or _digits(found, random), "number")


def _digits(number: str, random: np.random.Generator) -> str:
    """Return a number written alike with one digit changed: of a year one of the last two."""
    places = [place for place, sign in enumerate(number) if sign.isdigit()]
    place = places[-1 - int(random.integers(0, min(2, len(places))))]
    lowest = 1 if place == 0 else 0
    digit = random.choice([sign for sign in range(lowest, 10) if str(sign) != number[place]])
    return f"{number[:place]}{digit}{number[place + 1:]}"


def _names(text: str) -> list[str]:
    return [found for found in _NAME.findall(text) if found.split()[0] not in _COMMON]


def _name(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    found = _one(_names(" " + claim), random)
    if found is None:
        return None
    other = _one([other for other in _names(source) if other not in found and found not in other], random)
    return None if other is None else _around(claim, found, other, "name")


def _swap(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    """Two names of the claim change places; only around a verb, so that `A and B` stays out."""
    found = re.search(r"([A-Z][\w'-]+)( (?!and\b|or\b|of\b)[a-z][^,;()A-Z]{2,40} )([A-Z][\w'-]+)", claim)
    if found is None or found[1] == found[3] or found[1] in _COMMON or found[3] in _COMMON:
        return None
    return Edit("swap", found[0], f"{found[3]}{found[2]}{found[1]}")


def _negation(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    denied = re.search(r"\b(is|was|are|were|has|have|had|can|could|will|would|should|did|does|do) not\b", claim)
    if denied is not None and denied[1] not in ("did", "does", "do"):
        return _around(claim, denied[0], denied[1], "negation")
    found = _AUXILIARY.search(claim)
    return None if found is None else _around(claim, found[0], f"{found[0]} not", "negation")


def _opposite(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    found = _one([word for word in _WORD.findall(claim) if word.lower() in _OPPOSITE], random)
    if found is None:
        return None
    other = _OPPOSITE[found.lower()]
    return _around(claim, found, other.capitalize() if found[0].isupper() else other, "opposite")


def _detail(claim: str, source: str, random: np.random.Generator) -> Edit | None:
    """A detail is added at the end of the claim, or before a comma."""
    added = str(random.choice(_DETAILS))
    ends = [found.start() for found in re.finditer(r"(?<=[a-z]{3}), ", claim)]
    if ends and random.random() < 0.4:
        end = int(random.choice(ends))
        gone = claim[max(0, end - 12):end]
        return Edit("detail", f"{gone}, ", f"{gone} {added}, ")
    body = claim.rstrip(".!? ")
    return Edit("detail", claim[-min(len(claim), 15):], f"{body} {added}."[max(0, len(claim) - 15):])


KINDS: dict[str, Callable[[str, str, np.random.Generator], Edit | None]] = {
    "number": _number, "name": _name, "swap": _swap, "negation": _negation, "opposite": _opposite, "detail": _detail,
}
"""Kind of corruption -> its rule."""


def _one(found: Sequence[str], random: np.random.Generator) -> str | None:
    return found[int(random.integers(len(found)))] if found else None


def _around(claim: str, gone: str, come: str, kind: str) -> Edit | None:
    """Return an edit of one word with a neighbour on either side, so that it is found in the source where copied."""
    found = re.search(rf"(?<![\w]){re.escape(gone)}(?![\w])", claim)
    if found is None:
        return None
    start = claim.rfind(" ", 0, max(0, found.start() - 1)) + 1
    end = claim.find(" ", found.end() + 1)
    end = len(claim) if end < 0 else end
    return Edit(kind, claim[start:end], claim[start:found.start()] + come + claim[found.end():end])
