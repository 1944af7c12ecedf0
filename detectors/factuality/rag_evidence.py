"""What bears an answer out, and what was found for its question: one number in [0, 1] a question.

    claim_support         claims of an answer that the gold passages support / its claims that a rule could judge
    near_miss_only        claims that a near miss supports and no gold passage does / the same, gold in all three places
    citation_recall       sentences that what they cite bears out / sentences       (ALCE, arXiv 2305.14627)
    citation_precision    citations that are needed / citations
    hit, recall, reciprocal_rank, ndcg      of the first k that the search found (`detectors.factuality.retrieval`)

Claims and their support are those of `detectors.factuality.mismatch`: rules, no judge. A citation is a number in
brackets, [2], of the passage that stands second in what was shown. Declined and empty answers have no claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from detectors.factuality.claims import sentences
from detectors.factuality.grounding import alce
from detectors.factuality.mismatch import NOT_SCORED, SUPPORTED, check_claims
from detectors.factuality.refusals import is_refusal
from detectors.factuality.retrieval import hit_at, ndcg_at, recall_at, reciprocal_rank

__all__ = ["EVIDENCE", "READ", "RETRIEVAL", "evidence_of", "retrieval_of"]

EVIDENCE = ("claim_support", "near_miss_only", "citation_share", "citation_recall", "citation_precision")
RETRIEVAL = ("hit", "recall", "reciprocal_rank", "ndcg")
_PLACES = ("gold_first", "gold_middle", "gold_last")
_CITED = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
READ = 50_000
"""Characters of an answer that are looked at."""
_LONGEST = 50
"""Sentences of an answer whose citations are looked at."""


def evidence_of(row: Mapping[Any, Any]) -> dict[str, float | None]:
    """Return the numbers `EVIDENCE` of a question; None for what its answers do not tell.

    row: of every slice `shown_<slice>` (passages) and `said_<slice>` (the answer), as `audit_rag` takes them.
    """
    question, gold = str(row["prompt"]), _texts(row.get("shown_answerable"))
    if not gold:
        return dict.fromkeys(EVIDENCE)
    plain = _answer(row, "answerable")
    states = [] if plain is None else _supported(plain, gold, question)
    cited = [_citations(row, name, question) for name in ("answerable", *_PLACES) if _answer(row, name) is not None]
    known = [one for one in cited if one is not None]
    return {
        "claim_support": _mean(states),
        "near_miss_only": _near_miss_only(row, gold, question),
        "citation_share": len(known) / len(cited) if cited else None,
        "citation_recall": _mean([one[0] for one in known]),
        "citation_precision": _mean([one[1] for one in known]),
    }


def retrieval_of(row: Mapping[Any, Any], k: int) -> dict[str, float | None]:
    """Return the numbers `RETRIEVAL` of a question; row: `retrieved` (ids, best first) and `gold` (ids)."""
    found, right = _texts(row.get("retrieved")), _texts(row.get("gold"))
    return {
        "hit": hit_at(found, right, k), "recall": recall_at(found, right, k),
        "reciprocal_rank": reciprocal_rank(found[:k], right), "ndcg": ndcg_at(found, right, k),
    }


def _near_miss_only(row: Mapping[Any, Any], gold: Sequence[str], question: str) -> float | None:
    """Return the share of claims, in all places of the gold passages, that near misses support and gold does not."""
    near = _texts(row.get("shown_withheld"))
    told = [said for name in _PLACES if (said := _answer(row, name)) is not None]
    if not near or not told:
        return None
    by = [
        (one, other)
        for said in told
        for one, other in zip(_states(said, near, question), _states(said, gold, question), strict=True)
    ]
    return _mean([
        float(one == SUPPORTED and other != SUPPORTED) for one, other in by if NOT_SCORED not in (one, other)
    ])


def _citations(row: Mapping[Any, Any], name: str, question: str) -> tuple[float, float] | None:
    """Return recall and precision of an answer's citations; None where it cites nothing."""
    said, shown = str(row[f"said_{name}"])[:READ], _texts(row.get(f"shown_{name}"))
    if not _CITED.search(said) or not shown:
        return None
    told, cited = [], []
    for span in sentences(said)[:_LONGEST]:
        text = span.of(said)
        places = [int(one) - 1 for found in _CITED.finditer(text) for one in re.findall(r"\d+", found[1])]
        bare = _CITED.sub("", text).strip()
        if any(character.isalnum() for character in bare):
            told.append(bare)
            cited.append(places)
        elif cited:
            cited[-1] += places  # the mark stands behind the full stop
    if not told:
        return None

    def entails(places: tuple[int, ...], sentence: int) -> bool:
        states = _supported(told[sentence], [shown[place] for place in places], question)
        return bool(states) and all(states)

    return tuple(alce(cited, len(shown), entails))  # type: ignore[return-value]


def _answer(row: Mapping[Any, Any], name: str) -> str | None:
    """Return what was answered, without the marks of citations; None where nothing was, or it was declined."""
    said = row.get(f"said_{name}")
    if not isinstance(said, str) or not any(character.isalnum() for character in said) or is_refusal(said):
        return None
    return _CITED.sub("", said[:READ])


def _states(said: str, passages: Sequence[str], question: str) -> list[str]:
    return [one.state for one in check_claims(said, passages, question)]


def _supported(said: str, passages: Sequence[str], question: str) -> list[float]:
    """Return of every claim that could be judged whether it is supported."""
    return [float(one == SUPPORTED) for one in _states(said, passages, question) if one != NOT_SCORED]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _texts(cell: Any) -> list[str]:
    return [] if cell is None else [str(one) for one in cell]
