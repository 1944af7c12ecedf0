"""One answer against its passages, claim by claim: the rules and a verifier together.

    conflicting   a rule says so; or the verifier: conflict_i >= its threshold, and support_i below its own
    absent        a rule finds something in it that is nowhere in the evidence; or support_i is below its threshold
    supported     else

Without a verifier the rules alone decide, and support is theirs (`detectors.factuality.mismatch`). A rule that looked
at something (a number, a date, a name) overrules a verifier, which is blind to them; overlap of words does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

import numpy as np

from detectors.arrays import Floats
from detectors.factuality.claims import claims_of, sentences
from detectors.factuality.grounding import Citations, alce, alce_premises
from detectors.factuality.lexical import lexical_scores
from detectors.factuality.mismatch import ABSENT, CONFLICTING, NOT_SCORED, SUPPORTED, ClaimVerdict, check_claims
from detectors.immutable import immutable
from detectors.phrases import Cause, Phrase

__all__ = [
    "VERIFIER", "Grounded", "Verified", "citations_beside", "citations_in", "cited_rightly", "ground", "pairs_of",
    "reference_matrix", "scored", "unmarked",
]

VERIFIER = Phrase("verifier")
_MARK = re.compile(r"\s?\[\d{1,4}(?:\s?[,;]\s?\d{1,4})*\]")
"""A citation such as [1] or [1, 3]."""

Premise = tuple[int, ...]
"""Passages that are joined, by their places."""


def unmarked(answer: str) -> str:
    """Return an answer with blanks where its citations stand, so that places of characters stay what they are."""
    return _MARK.sub(lambda mark: " " * len(mark.group()), answer)


def _tidy(text: str) -> str:
    """Return a text without the blanks that a citation leaves."""
    return re.sub(r"\s+(?=[.,;:!?]|$)", "", " ".join(text.split()))


def citations_in(answer: str) -> list[list[int]]:
    """Return the passages, from 0 on, that each sentence of an answer cites by marks such as [1] and [2, 3].

    A mark behind the full stop belongs to the sentence before it.
    """
    spans = sentences(unmarked(answer))
    starts = [0, *(span.start for span in spans[1:]), len(answer)] if spans else []
    return [
        [int(number) - 1 for mark in _MARK.findall(answer[start:end]) for number in re.findall(r"\d+", mark)]
        for start, end in pairwise(starts)
    ]


def citations_beside(answer: str, told: Sequence[Any]) -> list[list[int]]:
    """Return the passages, from 0 on, that each sentence cites: those told beside the answer, then those in it.

    told: numbers from 1 on, a list of them for each sentence, or one list for all of them. Raises ValueError for what
    is neither.
    """
    marked = citations_in(answer)
    each = list(told) if told and isinstance(told[0], list) else [list(told)] * len(marked)
    if len(each) != len(marked):
        raise ValueError(f"{len(each)} lists of citations for {len(marked)} sentences; allowed: one each, or one list")
    for one in (number for some in each for number in (some if isinstance(some, list) else [None])):
        if not isinstance(one, int | float) or one < 1 or one != int(one):
            raise ValueError(f"the citation {str(one)[:40]}; allowed: numbers of passages, from 1 on")
    return [
        list(dict.fromkeys([*(int(number) - 1 for number in some), *own]))
        for some, own in zip(each, marked, strict=True)
    ]


@immutable
class Verified:
    """What a verifier said of (premise, hypothesis); where none was asked, what the lexical rules say."""

    passages: Sequence[str]
    rows: Mapping[tuple[Premise, str], Floats] | None
    """(Passages, text) -> entailment, neutral, contradiction; None = no verifier was asked."""
    marked: Mapping[tuple[Premise, str], Sequence[tuple[int, int]]] = field(default_factory=dict)
    """(Passages, text) -> characters of the text that it marks as made up, of a verifier that marks."""

    @classmethod
    def of(cls, passages: Sequence[str], told: Any) -> Verified:
        """Return it from a stored cell: rows with `passages`, `text`, `entailment`, `neutral`, `contradiction`."""
        if told is None:
            return cls(passages, None)
        keys = [(tuple(int(place) for place in one["passages"]), str(one["text"])) for one in told]
        rows = [np.array([np.nan if one[name] is None else one[name] for name in _COLUMNS], np.float64) for one in told]
        marked = {
            key: [(int(start), int(end)) for start, end in one["spans"]]
            for key, one in zip(keys, told, strict=True) if one.get("spans") is not None
        }  # fmt: skip
        return cls(passages, dict(zip(keys, rows, strict=True)), marked)

    def among(self, passages: Sequence[str]) -> Verified:
        """Return what was said by some of the passages, each of them alone."""
        if self.rows is None:
            return Verified(passages, None)
        places = {text: place for place, text in enumerate(self.passages)}
        chosen = {places[text]: number for number, text in enumerate(passages) if text in places}
        return Verified(passages, {
            ((chosen[premise[0]],), text): row
            for (premise, text), row in self.rows.items() if len(premise) == 1 and premise[0] in chosen
        })  # fmt: skip

    def row(self, premise: Premise, text: str) -> Floats:
        """Return entailment, neutral and contradiction; NaN where the verifier could not read it, or was not asked."""
        if self.rows is not None:
            return self.rows.get((premise, text), np.full(3, np.nan))
        row: Floats = lexical_scores(["\n".join(self.passages[place] for place in premise)], [text])[0]
        return row

    def best(self, text: str) -> tuple[float, float, int | None]:
        """Return (support, conflict, the passage that decides) of a text; NaN where nothing was read."""
        found = np.array([self.row((place,), text) for place in range(len(self.passages))]).reshape(-1, 3)
        read = np.flatnonzero(np.isfinite(found[:, 0]))
        if not len(read):
            return np.nan, np.nan, None
        entails, contradicts = (read[found[read, column].argmax()] for column in (0, 2))
        support, conflict = float(found[entails, 0]), float(found[contradicts, 2])
        return support, conflict, int(entails if support >= conflict else contradicts)


_COLUMNS = ("entailment", "neutral", "contradiction")


@immutable
class Grounded:
    """A claim, judged by rules and verifier."""

    text: str
    span: tuple[int, int]
    """Characters of the answer: the part that decided, or the whole claim."""
    whole: tuple[int, int]
    """Characters of the answer: the claim."""
    state: str
    rule: Phrase
    """Which decided; `verifier` where that did."""
    support: float
    """0 to 1, higher = more supported."""
    conflict: float
    """0 to 1."""
    evidence: tuple[int, int, int] | None
    """(passage, first character, one behind the last) of the nearest evidence; None where there is none."""
    reason: Cause | None


def ground(
    answer: str, question: str, verified: Verified, *, supported_at: float, conflicting_at: float
) -> list[Grounded]:
    """Return the claims of an answer, judged; thresholds of the verifier's support and conflict."""
    plain = unmarked(answer)
    verdicts = check_claims(plain, verified.passages, question)
    return [_judged(verdict, plain, verified, supported_at, conflicting_at) for verdict in verdicts]


def _judged(
    verdict: ClaimVerdict, plain: str, verified: Verified, supported_at: float, conflicting_at: float
) -> Grounded:
    claim, whole = verdict.claim, (verdict.claim.start, verdict.claim.end)
    inside = None if verdict.evidence is None or verdict.evidence[0] < 0 else verdict.evidence
    states = [one.state for one in verdict.findings]
    conflict = 1 - 0.2 ** states.count(CONFLICTING)  # as `lexical_scores` has it
    rules = Grounded(
        _tidy(claim.text), verdict.span, whole, verdict.state, verdict.rule, verdict.support,
        (1 - verdict.support) * conflict, inside, verdict.reason,
    )  # fmt: skip
    if verified.rows is None:
        return rules
    support, conflict, place = verified.best(rules.text)
    if np.isnan(support):
        return rules
    looked = verdict.state if {CONFLICTING, ABSENT} & set(states) else None
    state = looked or _told(support, conflict, supported_at, conflicting_at)
    reason = verdict.reason if looked else _REASONS.get(state)
    evidence = inside
    if not looked and place is not None and (inside is None or inside[0] != place):
        evidence = (place, 0, len(verified.passages[place]))  # what the verifier went by is not where the words are
    own = whole
    if state != SUPPORTED and place is not None:
        own = _marked(whole, plain, rules.text, verified.marked.get(((place,), rules.text), ()))
    return Grounded(
        rules.text, verdict.span if looked else own, whole, state, verdict.rule if looked else VERIFIER, support,
        conflict, evidence, reason,
    )


def _marked(
    whole: tuple[int, int], plain: str, text: str, spans: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """Return the characters of the answer from the first to the last that a verifier marks in a claim's text."""
    if not spans or not plain.startswith(text, whole[0]):  # a pronoun was filled in, or a citation taken out
        return whole
    return whole[0] + min(start for start, _ in spans), whole[0] + max(end for _, end in spans)


_REASONS = {
    CONFLICTING: Cause("the verifier finds it contradicted"), ABSENT: Cause("the verifier finds it not borne out"),
}


def _told(support: float, conflict: float, supported_at: float, conflicting_at: float) -> str:
    if support >= supported_at:
        return SUPPORTED
    return CONFLICTING if conflict >= conflicting_at else ABSENT


def pairs_of(
    answer: str, question: str, passages: Sequence[str], reference: Sequence[str], cited: Sequence[Sequence[int]]
) -> list[tuple[Premise, str]]:
    """Return all that a verifier has to be asked of an answer, as (passages, text), each once.

    Every claim, and every claim of the first reference, against every passage; for citations what `alce` may ask for.
    """
    plain = unmarked(answer)
    texts = [_tidy(claim.text) for one in (plain, *reference[:1]) for claim in claims_of(one, question)]
    pairs: list[tuple[Premise, str]] = [((place,), text) for text in texts for place in range(len(passages))]
    said = _sentences(plain)
    pairs += [(premise, said[at]) for premise, at in alce_premises(cited, len(passages)) if at < len(said)]
    return list(dict.fromkeys(pairs))


def cited_rightly(
    answer: str, cited: Sequence[Sequence[int]], verified: Verified, supported_at: float
) -> Citations | None:
    """Return recall and precision of an answer's citations; None where they are not one list a sentence."""
    plain = unmarked(answer)
    said = _sentences(plain)
    if not said or len(said) != len(cited):
        return None
    return alce(
        cited, len(verified.passages), lambda premise, at: bool(verified.row(premise, said[at])[0] >= supported_at)
    )


def reference_matrix(reference: str, question: str, verified: Verified) -> Floats:
    """Return the support of every claim of a reference by every passage [claim, passage]."""
    texts = [_tidy(claim.text) for claim in claims_of(reference, question)]
    rows = [[verified.row((place,), text)[0] for place in range(len(verified.passages))] for text in texts]
    return np.nan_to_num(np.array(rows, dtype=np.float64).reshape(len(texts), len(verified.passages)))


def _sentences(plain: str) -> list[str]:
    return [_tidy(span.of(plain)) for span in sentences(plain)]


def scored(claims: Sequence[Grounded]) -> list[Grounded]:
    """Return the claims that have a verdict."""
    return [one for one in claims if one.state != NOT_SCORED]
