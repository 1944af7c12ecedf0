"""Which single words stand near one group more than near the others, as sure as whole texts make it?

    x_t   what text t adds to the six counts of a word and group (`error_over_texts`)
    error of the log odds = root of the variance of sum_t g . x_t,  g = gradient at the sums

Of thousands of words most stand in few texts: sums and sums of products over texts, all that the variance needs, are
products of sparse matrices [text, word]. As three texts that repeat a word lean far by chance, more than a linear error
tells, there is also an exact p-value of their number: how many of the texts that name the group, and of those that name
another one, have the word near it (Fisher; texts that name several groups are left out).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from detectors.arrays import Floats
from detectors.bias.data.group_terms import LogOdds, Mentions, error_of_sums, log_odds

__all__ = ["single_words"]


def single_words(
    texts: Sequence[Mentions], groups: Sequence[str], least: int
) -> Iterator[tuple[str, str, int, LogOdds, float]]:
    """Yield (word, group, times near it, log odds, p) of words that stand `least` times or more near groups.

    texts: two or more, each independent of the others. A group that no word is near, or all are, is left out.
    """
    near, everywhere, words = _counted(texts, groups, least)
    sizes = np.array([[len(one.contexts.get(name, ())) for name in groups] for one in texts], dtype=float)
    whole = np.array([len(one.words) for one in texts], dtype=float)
    alone = np.array([[{name} == one.contexts.keys() for name in groups] for one in texts])
    has = np.array([(one > 0).T @ alone[:, at].astype(float) for at, one in enumerate(near)])
    for place, name in enumerate(groups):
        own, others = sizes[:, place], sizes.sum(axis=1) - sizes[:, place]
        if not (words and own.any() and others.any()):
            continue
        elsewhere = sum((one for at, one in enumerate(near) if at != place), start=0 * near[place])
        sums, products = _sums([near[place], own, elsewhere, others, everywhere, whole], len(words))
        errors = error_of_sums(sums, products, len(texts))
        p = _by_texts(has[place], has.sum(axis=0), alone[:, place].sum(), alone.sum())
        for at, (k, n, rest, more, there, total) in enumerate(sums.tolist()):
            odds = log_odds(int(k), int(n), int(rest), int(more), there / total)
            yield words[at], name, int(k), LogOdds(odds.value, max(odds.error, float(errors[at]))), float(p[at])


def _by_texts(own: Floats, either: Floats, size: int, both: int) -> Floats:
    """Return the two-sided p [word] of `own` of `either` texts with the word, where `size` of `both` name the group."""
    from scipy.stats import hypergeom

    tails = (hypergeom.cdf(own, both, either, size), hypergeom.sf(own - 1, both, either, size))
    return np.asarray(np.minimum(2 * np.minimum(*tails), 1))


def _counted(texts: Sequence[Mentions], groups: Sequence[str], least: int) -> tuple[list[Any], Any, list[str]]:
    """Return how often each text has each word near each group, and anywhere [text, word], and these words."""
    from scipy.sparse import csr_array

    near = [[one.contexts.get(name, ()) for one in texts] for name in groups]
    times = Counter(word for said in near for words in said for word in words)
    often = [word for word, count in times.items() if count >= least]
    code = {word: at for at, word in enumerate(often)}

    def table(said: Iterable[Sequence[str]]) -> Any:
        places = [(text, code[word]) for text, words in enumerate(said) for word in words if word in code]
        rows, columns = np.array(places, dtype=np.int64).reshape(-1, 2).T
        return csr_array((np.ones(len(places)), (rows, columns)), shape=(len(texts), len(often)))

    return [*map(table, near)], table(one.words for one in texts), often


def _sums(columns: Sequence[Any], words: int) -> tuple[Floats, Floats]:
    """Return the sums [word, column] over texts of columns and of their products [word, column, column].

    columns: sparse [text, word], or [text] where it is the same for every word.
    """
    sums, products = np.empty((words, len(columns))), np.empty((words, len(columns), len(columns)))
    for at, one in enumerate(columns):
        sums[:, at] = one.sum(axis=0)
    for (at, one), (to, other) in combinations_with_replacement(enumerate(columns), 2):
        dense = [column for column in (one, other) if isinstance(column, np.ndarray)]
        if len(dense) == 2:
            products[:, at, to] = one @ other
        elif dense:
            products[:, at, to] = (other if dense[0] is one else one).T @ dense[0]
        else:
            products[:, at, to] = one.multiply(other).sum(axis=0)
        products[:, to, at] = products[:, at, to]
    return sums, products
