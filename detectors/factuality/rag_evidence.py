"""What bears an answer out, and what was found for its question: numbers in [0, 1] of each question.

    claim_support         claims of an answer that the gold passages support / its claims that a rule could judge
    near_miss_only        claims that a near miss supports and no gold passage does / the same, gold in all three places
    citation_recall       sentences that what they cite bears out / sentences       (ALCE, arXiv 2305.14627)
    citation_precision    citations that are needed / citations
    hit, recall, reciprocal_rank, ndcg      of the first k that the search found (`detectors.factuality.retrieval`)

Claims and their support are those of `detectors.factuality.mismatch`: rules, no judge. Where a verifier was asked, it
decides what rules have nothing to say of (`detectors.factuality.grounded_claims`), and alone whether a citation bears
its sentence out. A citation is a number in brackets, [2], of the passage that stands second in what was shown. Declined
and empty answers have no claims. What nothing can judge, and an answer that did not come, may be borne out or not: such
a number is known between two ends only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from detectors.factuality.claims import sentences
from detectors.factuality.grounded_claims import Verified, citations_in, cited_rightly, ground, pairs_of, unmarked
from detectors.factuality.grounding import Citations, alce, alce_premises
from detectors.factuality.mismatch import NOT_SCORED, SUPPORTED
from detectors.factuality.refusals import is_refusal
from detectors.factuality.retrieval import hit_at, ndcg_at, recall_at, reciprocal_rank
from detectors.immutable import immutable

__all__ = ["EVIDENCE", "READ", "RETRIEVAL", "VERIFIED", "Ends", "evidence_of", "pairs_to_verify", "retrieval_of"]

EVIDENCE = ("claim_support", "near_miss_only", "citation_share", "citation_recall", "citation_precision")
RETRIEVAL = ("hit", "recall", "reciprocal_rank", "ndcg")
_PLACES = ("gold_first", "gold_middle", "gold_last")
VERIFIED = ("answerable", *_PLACES)
"""Slices whose answers are looked at claim by claim."""
READ = 50_000
"""Characters of an answer that are looked at."""
_LONGEST = 50
"""Sentences of an answer whose citations are looked at."""
Ends = tuple[float, float]
"""The least and the most that a number can be; one number twice where it is known."""
_OPEN: Ends = (0.0, 1.0)


def evidence_of(
    row: Mapping[Any, Any], lost: Collection[str] = (), *, supported_at: float = 0.5, conflicting_at: float = 0.5
) -> dict[str, Ends | None]:
    """Return the numbers `EVIDENCE` of a question, each between two ends; None for what its answers do not speak of.

    row: of every slice `shown_<slice>` (passages), `said_<slice>` (the answer) and, where a verifier was asked,
    `verified_<slice>` (what it said of `pairs_to_verify`), as `audit_rag` takes them. lost: slices that were asked and
    gave no answer. supported_at, conflicting_at: thresholds of the verifier's support and conflict.
    """
    gold = _texts(row.get("shown_answerable"))
    if not gold:
        return dict.fromkeys(EVIDENCE)
    seen = {name: Verified.of(_texts(row.get(f"shown_{name}")), row.get(f"verified_{name}")) for name in VERIFIED}
    judge = _Judge(str(row["prompt"]), seen, supported_at, conflicting_at)
    told = {name: said for name in VERIFIED if (said := _plain(row.get(f"said_{name}"))) is not None}
    cited = [one for name in told if (one := _citations(row, name, judge)) is not None]
    near, away = _texts(row.get("shown_withheld")), sum(name in lost for name in VERIFIED)
    return {
        "claim_support": _OPEN if "answerable" in lost else _support(told, gold, judge),
        "near_miss_only": _OPEN if set(_PLACES) & set(lost) else _near_miss_only(told, near, gold, judge),
        "citation_share": _mean([(float(at < len(cited)),) * 2 for at in range(len(told))] + [_OPEN] * away),
        "citation_recall": _mean([one[0] for one in cited] + [_OPEN] * away),
        "citation_precision": _mean([one[1] for one in cited] + [_OPEN] * away),
    }


def pairs_to_verify(said: Any, shown: Sequence[str], question: str) -> list[tuple[tuple[int, ...], str]]:
    """Return what a verifier has to be asked of an answer, as (places of passages that are joined, text), each once."""
    if _plain(said) is None:
        return []
    return pairs_of(said[:READ], question, shown, (), citations_in(said[:READ])[:_LONGEST])


def retrieval_of(row: Mapping[Any, Any], k: int) -> dict[str, float | None]:
    """Return the numbers `RETRIEVAL` of a question; row: `retrieved` (ids, best first) and `gold` (ids)."""
    found, right = _texts(row.get("retrieved")), _texts(row.get("gold"))
    return {
        "hit": hit_at(found, right, k), "recall": recall_at(found, right, k),
        "reciprocal_rank": reciprocal_rank(found[:k], right), "ndcg": ndcg_at(found, right, k),
    }


@immutable
class _Judge:
    """What is said of claims in answers to one question, each looked at once, as many are alike in all slices."""

    question: str
    seen: Mapping[str, Verified]
    """Slice -> what was shown, and what a verifier said of it."""
    supported_at: float
    conflicting_at: float
    found: dict[tuple[str, tuple[str, ...]], list[str]] = field(default_factory=dict)

    def states(self, name: str, said: str, passages: Sequence[str]) -> list[str]:
        """Return the state of every claim of a slice's answer, by these of its passages."""
        key = (said, tuple(passages))
        if key not in self.found:
            at = {"supported_at": self.supported_at, "conflicting_at": self.conflicting_at}
            told = ground(said, self.question, self.seen[name].among(passages), **at)
            self.found[key] = [one.state for one in told]
        return self.found[key]

    def supported(self, name: str, said: str, passages: Sequence[str]) -> list[bool]:
        """Return of every claim that could be judged whether it is supported."""
        return [one == SUPPORTED for one in self.states(name, said, passages) if one != NOT_SCORED]


def _support(told: Mapping[str, str], gold: Sequence[str], judge: _Judge) -> Ends | None:
    """Return the share of an answer's claims that the gold passages support."""
    return _share(judge.supported("answerable", told["answerable"], gold)) if "answerable" in told else None


def _near_miss_only(
    told: Mapping[str, str], near: Sequence[str], gold: Sequence[str], judge: _Judge
) -> Ends | None:
    """Return the share of claims, in all places of the gold passages, that near misses support and gold does not."""
    places = [name for name in _PLACES if name in told]
    if not near or not places:
        return None
    by = [
        (one, other)
        for name in places
        for one, other in zip(
            judge.states(name, told[name], near), judge.states(name, told[name], gold), strict=True
        )
    ]
    return _share([one == SUPPORTED != other for one, other in by if NOT_SCORED not in (one, other)])


def _citations(row: Mapping[Any, Any], name: str, judge: _Judge) -> tuple[Ends, Ends] | None:
    """Return recall and precision of an answer's citations; None where it cites nothing.

    A sentence that no rule can judge may be entailed by all that it cites, or by none of it. Where there is a verifier,
    it alone says so.
    """
    said, seen = str(row[f"said_{name}"])[:READ], judge.seen[name]
    shown, cited = seen.passages, citations_in(said)[:_LONGEST]
    if not any(cited) or not shown:
        return None
    if seen.rows is not None:
        by = cited_rightly(said, citations_in(said), seen, judge.supported_at)
        return None if by is None else ((by.recall,) * 2, (by.precision,) * 2)
    plain = unmarked(said)
    texts = [" ".join(span.of(plain).split()) for span in sentences(plain)[:_LONGEST]]
    states = {
        (places, at): judge.supported(name, texts[at], [shown[place] for place in places])
        for places, at in alce_premises(cited, len(shown))
    }
    unknown = {at for (_, at), found in states.items() if not found}

    def by_rules(otherwise: bool) -> Citations:
        def entails(places: tuple[int, ...], at: int) -> bool:
            return otherwise if at in unknown else all(states[places, at])

        return alce(cited, len(shown), entails)

    least, most = map(by_rules, (False, True))
    return (least.recall, most.recall), (least.precision, most.precision)


def _plain(said: Any) -> str | None:
    """Return what was answered, without the marks of citations; None where nothing was, or it was declined."""
    if not isinstance(said, str) or not any(character.isalnum() for character in said) or is_refusal(said):
        return None
    return unmarked(said[:READ])


def _share(claims: Sequence[bool]) -> Ends:
    """Return the share of claims of which something holds; of none that could be judged it may be any."""
    return (sum(claims) / len(claims),) * 2 if claims else _OPEN


def _mean(ends: Sequence[Ends]) -> Ends | None:
    if not ends:
        return None
    least, most = np.mean(ends, axis=0)
    return float(least), float(most)


def _texts(cell: Any) -> list[str]:
    return [] if cell is None else [str(one) for one in cell]
