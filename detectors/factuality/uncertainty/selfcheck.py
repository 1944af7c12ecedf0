"""SelfCheckGPT (Manakul et al. 2023, 2303.08896): is each sentence of an answer borne out by other samples?

    n-gram        p(g) = count(g) / all, over the samples and the answer; a sentence has the mean and the largest of
                  -log p over its n-grams, the answer the mean over all n-grams, and the mean of sentences' largest
    entailment    mean over samples of c / (c + e): contradiction against entailment of the sentence by a whole sample

The answer is counted among the samples, so that no n-gram of it has a count of 0, as in the published code; `pseudo`
adds to every count, of the unseen one too. n-grams begin anew with every sentence, filled with a mark on its left.
Higher = more likely wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from math import log

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["NgramCheck", "entailment_check", "ngram_check"]

Sentence = Sequence[str]
"""Words."""
_START = "<s>"


@immutable
class NgramCheck:
    """-log p of an answer's n-grams among its samples and itself, in nats."""

    sentence_mean: Floats
    """[sentence]; NaN for one without words."""
    sentence_max: Floats
    mean: float
    """Over all n-grams of the answer."""
    mean_of_max: float
    """Over its sentences."""


def ngram_check(
    answer: Sequence[Sentence], samples: Iterable[Sequence[Sentence]], n: int = 1, pseudo: float = 0.0
) -> NgramCheck | None:
    """Return the n-gram form of an answer's sentences against samples, each a list of sentences of words.

    None where the answer has no word.
    """
    own = [_ngrams(sentence, n) for sentence in answer]
    counts = Counter(chain.from_iterable(own))
    if not counts:
        return None
    for sample in samples:
        for sentence in sample:
            counts.update(_ngrams(sentence, n))
    whole = log(counts.total() + pseudo * (len(counts) + 1))  # of all n-grams and the unseen one
    parts = [[whole - log(counts[gram] + pseudo) for gram in grams] for grams in own]
    means, most = (
        np.array([of(part) if part else np.nan for part in parts]) for of in (lambda one: sum(one) / len(one), max)
    )
    flat = list(chain.from_iterable(parts))
    return NgramCheck(means, most, sum(flat) / len(flat), float(most[~np.isnan(most)].mean()))


def _ngrams(words: Sentence, n: int) -> Sequence[object]:
    """Return one n-gram for each word, which it ends with."""
    if n == 1:
        return words
    filled = [*[_START] * (n - 1), *words]
    return list(zip(*(filled[start:] for start in range(n)), strict=False))


def entailment_check(verified: ArrayLike) -> Floats:
    """Return the entailment form [sentence] from (entailment, neutral, contradiction) [sentence, sample, 3].

    The premise is the sample and the hypothesis the sentence. A pair that is wholly neutral says nothing: 1/2.
    """
    e, _, c = np.moveaxis(np.asarray(verified, dtype=float), -1, 0)
    with np.errstate(invalid="ignore"):
        share = np.where(e + c > 0, c / (e + c), 0.5)
    return np.asarray(share.mean(axis=-1))
