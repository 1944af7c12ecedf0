"""Is an answer borne out by its evidence? Published scores, as reductions of one matrix M[claim, passage, 3].

M holds, for every claim (or sentence) of an answer and every passage, the probabilities e, n, c of entailment, neutral
and contradiction, as `detectors.factuality.lexical` or a trained verifier gives them. Higher = more supported.

    support_i, conflict_i    max over passages of e, of c; its own threshold each, as a low e is no contradiction
    AlignScore form          mean_i support_i; "any error?" is min_i support_i                  arXiv 2305.16739
    SummaC-ZS                mean_i (support_i - conflict_i)                                    2111.09525
    faithfulness             supported claims / claims, supported: support_i >= t               RAGAS, 2309.15217
    FActScore                the same, times exp(1 - gamma / claims) where claims < gamma       2305.14251
    F1@K                     of precision and min(supported / K, 1)                             VeriScore, 2406.19276
    context recall           claims of the reference that a passage bears out / its claims      RAGAS
    context precision        sum_k P@k v_k / sum_k v_k, v_k = 1 if passage k bears out one of them      RAGAS

ALCE (Gao et al. 2023, 2305.14627) asks whether the cited passages, joined, entail a sentence: its recall. A citation is
imprecise if it alone does not, and the others do without it. There the judge is a model of 11 billion weights and in
RAGAS one behind a key; here each is by its definition, on whatever verifier made the probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats

__all__ = [
    "GAMMA", "Citations", "alce", "alce_premises", "align_score", "conflict", "context_precision", "context_recall",
    "f1_at_k", "factscore", "faithfulness", "lowest_support", "summac_zs", "support",
]

GAMMA = 10
"""Facts from which on FActScore punishes no answer for its brevity."""

Entails = Callable[[tuple[int, ...], int], bool]
"""(Passages, sentence) -> whether the passages, joined in this order, entail the sentence."""


class Citations(NamedTuple):
    """What ALCE says of an answer's citations."""

    recall: float
    """Sentences that what they cite entails / sentences; one that cites nothing, or what is not there, is not."""
    precision: float
    """Precise citations / citations, those of sentences that cite what is not there left out; 0 where none is left."""


def support(matrix: ArrayLike) -> Floats:
    """Return the highest entailment of each claim [claim], of a matrix [claim, passage, 3]; 0 without passages."""
    return _highest(matrix, 0)


def conflict(matrix: ArrayLike) -> Floats:
    """Return the highest contradiction of each claim [claim]."""
    return _highest(matrix, 2)


def align_score(matrix: ArrayLike) -> float:
    """Return the mean support; raises ValueError for no claim, as all of these do."""
    return float(_some(support(matrix)).mean())


def lowest_support(matrix: ArrayLike) -> float:
    """Return the support of the claim that has least."""
    return float(_some(support(matrix)).min())


def summac_zs(matrix: ArrayLike) -> float:
    """Return the mean of support less conflict, -1 to 1."""
    return float(_some(support(matrix) - conflict(matrix)).mean())


def faithfulness(supported: ArrayLike) -> float:
    """Return the share of claims that are supported; supported [claim] is 0 or 1."""
    return float(_some(np.asarray(supported, dtype=float)).mean())


def factscore(supported: ArrayLike, gamma: int = GAMMA) -> float:
    """Return that share with the penalty for fewer than `gamma` claims; 0 = none."""
    share, claims = faithfulness(supported), np.size(supported)
    return share if claims >= gamma else share * float(np.exp(1 - gamma / claims))


def f1_at_k(supported: ArrayLike, k: float) -> float:
    """Return the harmonic mean of the share and of min(supported / k, 1); k: how many claims are wanted, above 0.

    0 for an answer that supports nothing, without claims too. VeriScore takes the median over answers for k.
    """
    if k <= 0:
        raise ValueError(f"got k {k}; allowed: above 0")
    given = np.asarray(supported, dtype=float)
    if not given.sum():
        return 0.0
    precision, recall = float(given.mean()), min(float(given.sum()) / k, 1.0)
    return 2 * precision * recall / (precision + recall)


def context_recall(attributable: ArrayLike) -> float:
    """Return the share of a reference's claims that a passage bears out; attributable [claim] is 0 or 1."""
    return faithfulness(attributable)


def context_precision(useful: ArrayLike) -> float:
    """Return the mean of P@k over the places k of useful passages; useful [passage], in ranked order, is 0 or 1.

    0 where none is useful.
    """
    given = np.asarray(useful, dtype=float)
    at_k = np.cumsum(given) / np.arange(1, len(given) + 1)
    return float((at_k * given).sum() / given.sum()) if given.sum() else 0.0


def alce(cited: Sequence[Sequence[int]], passages: int, entails: Entails) -> Citations:
    """Return recall and precision of citations.

    cited: of each sentence the passages that it cites, from 0 on, as often as it does. passages: how many there are.
    Raises ValueError for no sentence.
    """
    _some(np.zeros(len(cited)))
    recalled, precise, count = 0, 0, 0
    for sentence, places in enumerate(cited):
        if not _in_range(places, passages):
            continue
        count += len(places)
        if not entails(tuple(places), sentence):
            continue
        recalled += 1
        precise += sum(_needed(places, at, sentence, entails) for at in range(len(places)))
    return Citations(recalled / len(cited), precise / count if count else 0.0)


def alce_premises(cited: Sequence[Sequence[int]], passages: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield every (passages, sentence) that `alce` may ask for, once."""
    for sentence, places in enumerate(cited):
        if _in_range(places, passages):
            alone = [(place,) for place in places]
            without = [_without(places, at) for at in range(len(places))] if len(places) > 1 else []
            yield from ((premise, sentence) for premise in dict.fromkeys([tuple(places), *alone, *without]))


def _needed(places: Sequence[int], at: int, sentence: int, entails: Entails) -> bool:
    """Tell whether a citation of an entailed sentence is precise: it entails alone, or the others do not without it."""
    if len(places) == 1 or entails((places[at],), sentence):
        return True
    return not entails(_without(places, at), sentence)


def _without(places: Sequence[int], at: int) -> tuple[int, ...]:
    return (*places[:at], *places[at + 1 :])


def _in_range(places: Sequence[int], passages: int) -> bool:
    return bool(places) and all(0 <= place < passages for place in places)


def _highest(matrix: ArrayLike, column: int) -> Floats:
    given = np.asarray(matrix, dtype=np.float64)
    if given.ndim != 3 or given.shape[2] != 3:
        raise ValueError(f"got a matrix of shape {list(given.shape)}; allowed: [claim, passage, 3]")
    highest: Floats = given[:, :, column].max(axis=1, initial=0.0)
    return highest


def _some(values: Floats) -> Floats:
    if not len(values):
        raise ValueError("got no claims; allowed: one or more")
    return values
