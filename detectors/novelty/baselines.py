"""What needs no generative model: scores that any likelihood must be shown beside. Higher = more outlying.

    knn5              distance to the fifth-nearest item of `fit`
    dte_np            noise variance at which the item is likeliest a noisy copy of its five nearest, in closed form
    mixture           - log density: a Gaussian mixture in the leading directions (PCA), spherical noise in the others
    isolation_forest  how few random cuts set an item apart (Liu, Ting & Zhou 2008)

The length of a lossless code (`detectors.lossless`) is one too.

Items are numbers of one shape, integers or real, or texts. As vectors, texts are the counts of their one to three
letters, hashed and scaled to length one. The numbers of a row, each in a unit of its own, are standardised first, by
what was learnt and by nothing else.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, Items
from detectors.novelty.mixture import fitted

__all__ = [
    "comparable", "diffusion_variance", "isolation", "knn_distance", "mixture_surprise", "standardised", "vectors",
]


_HASHED = 1024
_TREES, _GROWN_ON = 100, 256
_LARGEST = np.iinfo(np.int32).max
"""Above the largest seed of a tree."""


def vectors(items: Items) -> Floats:
    """Return the items as vectors [item, dim]."""
    if isinstance(items, np.ndarray):
        return items.reshape(len(items), -1).astype(float)
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=_HASHED, lowercase=False)
    dense: Floats = hashed.transform(items).toarray()
    return dense


def standardised(known: Floats, new: Floats) -> Floats:
    """Return (new - mean) / std of rows [item, number], with the moments of known [n, number].

    A number that never varies among `known` is only shifted.
    """
    varies = np.ptp(known, axis=0) > 0
    return np.asarray((new - known.mean(axis=0)) / np.where(varies, known.std(axis=0), 1.0))


def comparable(field: str, learnt: Items, items: Items) -> tuple[Items, Items]:
    """Return what was learnt and the items as distances may be taken between them: numbers of a `row` standardised."""
    if field != "row" or not isinstance(learnt, np.ndarray) or not isinstance(items, np.ndarray):
        return learnt, items
    return standardised(learnt, learnt), standardised(learnt, items)


def knn_distance(fit: Items, items: Items, k: int = 5) -> Floats:
    """Return the Euclidean distance [item] to the k-th nearest item of `fit`, to the farthest where there are fewer."""
    return np.asarray(_nearest(fit, items, k)[:, -1])


def diffusion_variance(fit: Items, items: Items, k: int = 5) -> Floats:
    """Return the likeliest variance [item] of the noise in an item that was one of `fit` (DTE-NP, 2305.18593).

    Diffusion x = y + s e from one y makes the posterior of s^2, under a flat prior, inverse gamma with shape D/2 - 1
    and scale |x - y|^2 / 2, whose mode is |x - y|^2 / D; |x - y|^2 is the mean over the k nearest. In squared units of
    the items. The published code rounds it up to one of 300 times and ends at the last; this does neither.
    """
    return np.asarray((_nearest(fit, items, k) ** 2).mean(axis=1) / vectors(items).shape[1])


def _nearest(fit: Items, items: Items, k: int) -> Floats:
    """Return the Euclidean distances [item, neighbour] to the k nearest of `fit`, to all where there are fewer."""
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    with config_context(skip_parameter_validation=True):
        near = NearestNeighbors(n_neighbors=min(k, len(fit))).fit(vectors(fit))
        return np.asarray(near.kneighbors(vectors(items))[0])


def mixture_surprise(fit: Items, items: Items, *, rng: np.random.Generator) -> Floats:
    """Return - log density [item], in nats up to a constant, of the vectors under a mixture fitted on `fit`.

    At most 16 leading directions and 5 components, fewer where `fit` is small: a tenth and a thirtieth of its items.
    """
    from sklearn.decomposition import PCA

    known = vectors(fit)
    if not np.ptp(known, axis=0).any():  # one point has no directions
        return np.asarray(((vectors(items) - known[0]) ** 2).sum(1))
    kept = max(1, min(16, known.shape[1] - 1, len(known) // 10))
    axes = PCA(kept, svd_solver="full").fit(known)
    inside = axes.transform(known)
    seed = int(rng.integers(2**31))
    parts, ridge = max(1, min(5, len(known) // 30)), 1e-3 * float(inside.var()) + 1e-12
    mixture = fitted(inside, parts, ridge=ridge, seed=seed)
    new = vectors(items)
    seen = axes.transform(new)
    rest = np.maximum(((new - axes.mean_) ** 2).sum(1) - (seen**2).sum(1), 0)
    return np.asarray(rest / (2 * max(float(axes.noise_variance_), 1e-12)) - mixture.log_density(seen))


def isolation(fit: Items, items: Items, *, rng: np.random.Generator) -> Floats:
    """Return 2^(- mean depth / c) [item]: how early 100 random trees, each grown on at most 256 of `fit`, set it apart.

    c: mean depth of a random tree of so many; a leaf of several stands for the tree that would part them. To the last
    bit what IsolationForest of scikit-learn says, which copies and checks its trees for longer than they take to grow.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeRegressor
    from sklearn.utils import check_random_state
    from sklearn.utils.random import sample_without_replacement

    known, new = (vectors(some).astype(np.float32) for some in (fit, items))
    (count, wide), seed = known.shape, int(rng.integers(2**31))
    size, draws = min(count, _GROWN_ON), check_random_state(seed)
    cuts = draws.uniform(size=count)  # what a tree is to tell plays no part: of one number no cut is better than others
    draws.seed(seed)
    depth, deeper = np.zeros(len(new)), _mean_depth(np.arange(size + 1))
    with config_context(skip_parameter_validation=True):
        for one in draws.randint(_LARGEST, size=_TREES):
            chosen = None
            if size < count:
                draws.seed(one)
                sample_without_replacement(wide, wide, random_state=draws)  # all numbers of an item are seen
                chosen = np.bincount(sample_without_replacement(count, size, random_state=draws), minlength=count)
            draws.seed(one)
            draws.seed(draws.randint(_LARGEST))
            grown = ExtraTreeRegressor(max_features=1, max_depth=math.ceil(math.log2(size)), random_state=draws)
            tree = grown.fit(known, cuts, sample_weight=chosen, check_input=False).tree_
            depth += (tree.compute_node_depths() + deeper[tree.n_node_samples] - 1)[tree.apply(new)]
    return np.asarray(2 ** (-depth / (_TREES * deeper[size])))


def _mean_depth(items: NDArray[np.int64]) -> Floats:
    """Return the mean depth [...] at which a random tree of so many items, 0 or more, sets one of them apart."""
    many = np.maximum(items, 3)
    deep = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(items > 2, deep, np.where(items == 2, 1.0, 0.0))
