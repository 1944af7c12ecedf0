"""An answer against passages, claim by claim, by rules alone: no model, no dependency, the same bytes every time.

Each claim is held against the passages by all rules. One that conflicts makes it conflicting, else one that finds
something absent makes it absent; where the rules have nothing to say, overlap decides: support of `SUPPORTS` or more.

    overlap   .45 coverage + .25 pair coverage + .30 coverage by the best sentence, of the claim's content words
    support   overlap x .5 for each thing absent x .2 for each that conflicts; 0 to 1, higher = more supported

Word overlap is not factuality: it is blind to a changed word, which is what the other rules are for. Sources: SummaC
(arXiv 2111.09525) for the sentence as unit; the rules are those of no paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from detectors.factuality.claims import Claim, claims_of, sentences
from detectors.factuality.mismatch.arithmetic import check_arithmetic
from detectors.factuality.mismatch.cases import Answer, Case
from detectors.factuality.mismatch.evidence import READ, gathered, main_script
from detectors.factuality.mismatch.identifier_check import check_identifiers
from detectors.factuality.mismatch.polarity import check_comparisons, check_negation
from detectors.factuality.mismatch.quotes import check_quotes
from detectors.factuality.mismatch.self_check import check_itself
from detectors.factuality.mismatch.value_checks import NAMES, check_dates, check_names, check_numbers
from detectors.factuality.mismatch.verdicts import (
    ABSENT,
    CONFLICTING,
    NOT_SCORED,
    SUPPORTED,
    ClaimVerdict,
    Finding,
    Unmeasured,
)
from detectors.factuality.refusals import is_refusal
from detectors.factuality.words import read
from detectors.phrases import Cause, Phrase

__all__ = ["OVERLAP", "READ_ANSWER", "SUPPORTS", "check_claims"]

OVERLAP = Phrase("overlap")
SUPPORTS = 0.5
"""Overlap from which a claim is taken for supported where no rule objects."""
READ_ANSWER = 50_000
"""Characters of an answer that are judged."""
_ABSENT_LEAVES, _CONFLICT_LEAVES = 0.5, 0.2
_RULES = (
    check_numbers, check_dates, check_names, check_quotes, check_identifiers, check_negation, check_comparisons,
    check_arithmetic, check_itself,
)  # fmt: skip


def check_claims(answer: str, passages: Sequence[str], question: str = "") -> list[ClaimVerdict]:
    """Return the verdict on each claim of an answer, in its order; none for an answer without words or numbers.

    Names, numbers and the like that stand in the question count as given. Of an answer longer than `READ_ANSWER`
    characters the rest is one claim that is not scored.
    """
    judged, evidence, asked = answer[:READ_ANSWER], gathered(passages), gathered([question] if question else [])
    whole, claims = _answer(judged, question)
    verdicts = [_verdict(Case(whole, claim, evidence, asked)) for claim in claims]
    if len(answer) > READ_ANSWER:
        rest = Claim(answer[READ_ANSWER : READ_ANSWER + 80], READ_ANSWER, len(answer), _next_sentence(verdicts))
        verdicts.append(_unscored(rest, Cause("beyond the first {limit} characters of the answer", limit=READ_ANSWER)))
    return verdicts


@lru_cache(maxsize=64)
def _answer(judged: str, question: str) -> tuple[Answer, tuple[Claim, ...]]:
    """Return an answer read, and its claims: it is often held against one passage after the other."""
    whole = Answer(read(judged), tuple(span.start for span in sentences(judged)))
    return whole, tuple(claims_of(judged, question))


def _next_sentence(verdicts: list[ClaimVerdict]) -> int:
    return verdicts[-1].claim.sentence + 1 if verdicts else 0


def _verdict(case: Case) -> ClaimVerdict:
    claim = case.claim
    if (nothing := _claims_nothing(case)) is not None:
        return _unscored(claim, nothing)
    if not case.evidence.sentences:
        return _unscored(claim, Cause("there is no evidence to hold it against"))
    findings = [finding for rule in _RULES for finding in rule(case)]
    if not case.stems and not findings:
        return _unscored(claim, Cause("it has no content words, numbers or names to compare"))
    overlap = overlap_of(case)
    states = [one.state for one in findings]
    support = overlap * _ABSENT_LEAVES ** states.count(ABSENT) * _CONFLICT_LEAVES ** states.count(CONFLICTING)
    decided = next((one for state in (CONFLICTING, ABSENT) for one in findings if one.state == state), None)
    if decided is None:
        decided = _by_overlap(case, overlap)
        if decided.state == ABSENT and _in_other_scripts(case):
            return _unscored(claim, Cause("claim and evidence are written in different scripts"))
    if decided.state == ABSENT and not case.evidence.complete:
        return _unscored(claim, Cause("not found in the first {limit} characters of the evidence", limit=READ))
    return ClaimVerdict(
        claim, decided.state, decided.rule, decided.span, decided.evidence, support, decided.reason, tuple(findings),
        (Unmeasured(NAMES, case.answer.nameless),) if case.answer.nameless else (),
    )  # fmt: skip


def _claims_nothing(case: Case) -> Cause | None:
    """Return why there is nothing in a sentence that could be true or false."""
    said = case.text(case.claim.start, case.claim.end)
    if said.rstrip("\"')\u201d\u2019 ").endswith(("?", "\uff1f")):
        return Cause("a question claims nothing")
    return Cause("it declines to answer") if is_refusal(said) else None


def _in_other_scripts(case: Case) -> bool:
    """Tell whether no word of the claim could be in the evidence, as of an English claim and Korean evidence."""
    mine = main_script(case.tokens)
    return bool(mine and case.evidence.script) and mine != case.evidence.script and not case.near


def _by_overlap(case: Case, overlap: float) -> Finding:
    span = (case.claim.start, case.claim.end)
    if overlap >= SUPPORTS:
        return Finding(OVERLAP, SUPPORTED, span, case.nearest)
    reason = Cause("the evidence has too few of its words")
    return Finding(OVERLAP, ABSENT, span, case.nearest, reason)


def overlap_of(case: Case) -> float:
    """Return the overlap of a claim with its evidence, 0 to 1."""
    if not case.stems:
        return 1.0
    coverage = len(case.stems & case.evidence.places.keys()) / len(case.stems)
    pairs = len(case.pairs & case.evidence.pairs) / len(case.pairs) if case.pairs else coverage
    best = case.near[0].coverage if case.near else 0.0
    return 0.45 * coverage + 0.25 * pairs + 0.30 * best


def _unscored(claim: Claim, reason: Cause) -> ClaimVerdict:
    return ClaimVerdict(claim, NOT_SCORED, OVERLAP, (claim.start, claim.end), None, 0.0, reason)
