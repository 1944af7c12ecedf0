"""Can members be told from non-members without the model? Asked before any score of the model is believed.

    blind AUROC = AUROC of a linear classifier of the items alone, each judged by a fit that saw neither it nor its unit

Where it can, as when members are older texts or texts of another topic, a score that tells the two apart may tell no
more than that: on eight published benchmarks classifiers that never look at the model beat the attacks (2406.16201).

Features: of texts the words and one to three letters in a row (tf-idf), length and bits of a lossless code; of numbers
each number, their mean, spread, least, greatest and, but for rows of a table, bits of a code; the date, where items of
both sides tell theirs: the commonest difference, as what is later is in no training. Folds are stratified and share no
unit. The interval is that of the pooled scores over units; that the fits share items with each other is not
in it, so it informs and decides no limit (asymptotically it holds: LeDell, Petersen & van der Laan 2015,
10.1214/15-EJS1035). What decides is whether its lower end, at `GATE_LEVEL`, lies above one half.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, Items
from detectors.immutable import immutable
from detectors.lossless import compressed_bits, sizes
from detectors.phrases import Method
from detectors.ranking import Ranking, ranked

__all__ = [
    "BLIND_METHOD", "GATE_LEVEL", "LEAST_UNITS", "Blind", "cross_validated", "days_of", "logistic_fit", "look_blind",
    "tf_idf",
]

BLIND_METHOD = Method("AUROC of a classifier that never asks the model, cross-validated by unit")
GATE_LEVEL = 0.95
"""Confidence of the interval that the gate goes by; not that of the audit, which many checks would make laxer here."""
LEAST_UNITS = 20
"""Independent units of either side below which nothing can be said."""
_FOLDS = 5
_MOST_WORDS = 20_000
"""Words, and letters in a row, that are looked at: the most frequent."""
_MOST_NUMBERS = 1024
"""Numbers of an item that are looked at one by one; of more, means of neighbours."""
_TELLING = 12
"""Features that are shown."""
_BLANKS = re.compile(r"\s\s+")
_DATE = re.compile(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ].*)?)?)?(?:\.0)?")


@immutable
class Blind:
    """What a look at the items alone tells."""

    ranking: Ranking
    scores: Floats
    """Of the classifier, [item]: higher = more like a member."""
    telling: pd.DataFrame
    """The features of most weight, a row each: `kind`, `feature`, `weight` (above 0: speaks for a member), and its mean
    among `members` and `nonmembers`, of words and letters the share of texts that have it."""

    def interval(self, level: float = GATE_LEVEL) -> tuple[float, float, float]:
        """Return (value, low, high) of the blind AUROC."""
        return self.ranking.interval("blind", level)

    @property
    def tells(self) -> bool:
        """Whether members can be told from non-members without the model."""
        return self.interval()[1] > 0.5


def days_of(cells: Sequence[Any]) -> Floats:
    """Return the day [item] of dates as data hold them, a number that grows with time; NaN where a cell is empty.

    A year, a month (2024-05) or a day (2024-05-01), of which the first day counts and an hour behind it does not.
    Raises ValueError for a cell that is none.
    """
    return np.array([np.nan if one is None or one != one else _day(str(one).strip()) for one in cells], dtype=float)


def _day(told: str) -> float:
    found = _DATE.fullmatch(told)
    try:
        if found is not None:
            year, month, day = (int(part or 1) for part in found.groups())
            return float(date(year, month, day).toordinal())
    except ValueError:
        pass
    raise ValueError(f"got the date {told!r}; allowed: a year, a month or a day, as 2024, 2024-05 or 2024-05-01")


def look_blind(
    items: Items, field: str, member: NDArray[np.bool_], units: NDArray[Any], *, rng: np.random.Generator,
    days: Floats | None = None,
) -> Blind:
    """Return how well a classifier tells members from non-members by the items alone.

    items: texts or an array [item, ...]; field: the column that they are of; member, units: [item]; days: `days_of`
    their dates. Raises ValueError for fewer than `LEAST_UNITS` independent units on a side.
    """
    counts = [len(np.unique(units[member == side])) for side in (True, False)]
    if min(counts) < LEAST_UNITS:
        raise ValueError(
            f"look_blind: got {counts[0]} units of members and {counts[1]} of non-members; allowed: {LEAST_UNITS} or "
            "more of each"
        )
    features, names = _text_features(items) if field == "text" else _number_features(np.asarray(items), field)
    if days is not None and all(np.isfinite(days[member == side]).any() for side in (True, False)):
        features, names = _with_date(features, names, days)
    scores = cross_validated(features, member, units, rng=rng)
    sides = (scores[~member, None], scores[member, None])
    found = ranked(("blind",), *sides, (units[~member], units[member]))
    return Blind(found, scores, _telling(features, names, member))


def cross_validated(
    features: Any, member: NDArray[np.bool_], units: NDArray[Any], *, rng: np.random.Generator
) -> Floats:
    """Return the score [item] of each item by a fit on the folds that neither it nor its unit is in.

    features: matrix [item, feature], sparse or not.
    """
    scores, fold = np.zeros(len(member)), _folds(member, units, rng)
    for place in range(_FOLDS):
        new = fold == place
        weights, offset = logistic_fit(features[~new], member[~new])
        scores[new] = features[new] @ weights + offset
    return scores


def _folds(member: NDArray[np.bool_], units: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each item: units are dealt out in turn, those of most members first, then by their size.

    So folds hold members and non-members alike, without which the fit on the others would lean against them.
    """
    _, unit = np.unique(units, return_inverse=True)
    size = np.bincount(unit)
    share, chance = np.bincount(unit, member) / size, rng.permutation(len(size))
    fold = np.empty(len(size), dtype=np.int64)
    fold[np.lexsort((chance, size, share))] = np.arange(len(size)) % _FOLDS
    return fold[unit]


def logistic_fit(features: Any, member: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return weights [feature] and offset of the logistic regression whose weights cost half their squares.

    They minimise sum log(1 + exp(-s_i z_i)) + |w|^2 / 2 over w and b, z = features w + b, s_i = 1 for a member or -1,
    by L-BFGS with the tolerances of scikit-learn's `LogisticRegression`: its weights to a dozen digits, in a third of
    the time where items are few. features [item, feature], sparse or not.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    across, truth, size = features.T, member.astype(float), len(member)

    def loss(at: Floats) -> tuple[float, Floats]:
        told = features @ at[:-1] + at[-1]
        pull = (expit(told) - truth) / size
        value = (np.logaddexp(0.0, told) - truth * told).sum() / size + at[:-1] @ at[:-1] / (2 * size)
        return float(value), np.concatenate([across @ pull + at[:-1] / size, [pull.sum()]])

    best = minimize(
        loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B",
        options={"maxiter": 1000, "maxls": 50, "gtol": 1e-4, "ftol": 64 * float(np.finfo(float).eps)},
    ).x
    return best[:-1], float(best[-1])


def _telling(features: Any, names: Sequence[tuple[str, str]], member: NDArray[np.bool_]) -> pd.DataFrame:
    """Return the features of most weight in a fit on all items; see `Blind.telling`."""
    weights, _ = logistic_fit(features, member)
    spread = _column_spread(features)
    order = np.argsort(-np.abs(weights * spread), kind="stable")[:_TELLING]
    chosen, rows = features[:, order], []
    for at, column in zip(order, (chosen.toarray() if hasattr(chosen, "toarray") else chosen).T, strict=True):
        kind, name = names[at]
        shown = (column > 0).astype(float) if kind in ("word", "letters") else column
        rows.append({"kind": kind, "feature": name, "weight": float(weights[at] * spread[at]),
                     "members": float(shown[member].mean()), "nonmembers": float(shown[~member].mean())})  # fmt: skip
    return pd.DataFrame(rows)


def _column_spread(features: Any) -> Floats:
    mean = np.asarray(features.mean(axis=0)).ravel()
    square = features.power(2) if hasattr(features, "power") else features * features
    return np.asarray(np.sqrt(np.maximum(np.asarray(square.mean(axis=0)).ravel() - mean**2, 0)))


def _text_features(texts: Items) -> tuple[Any, list[tuple[str, str]]]:
    from scipy.sparse import csr_matrix, hstack

    parts, names = [], list[tuple[str, str]]()
    for kind, cut in (("word", str.split), ("letters", _letters)):
        weights, told = tf_idf(texts, cut)
        parts.append(weights)
        names += [(kind, name) for name in told]
    size, code = np.log1p(sizes(texts)), np.log1p(compressed_bits(texts))
    parts.append(csr_matrix(np.column_stack([_standard(size), _standard(code)])))
    return hstack(parts, format="csr"), [*names, ("length", ""), ("code length", "")]


def _letters(text: str) -> list[str]:
    """Return one to three letters in a row; several blanks are one."""
    plain = _BLANKS.sub(" ", text)
    return [plain[at : at + size] for size in (1, 2, 3) for at in range(len(plain) - size + 1)]


def tf_idf(texts: Items, cut: Callable[[str], Iterable[str]]) -> tuple[Any, list[str]]:
    """Return weights [text, part] of the parts of texts that are in two or more of them, and the parts in order.

    (1 + log f)(1 + log (1 + n) / (1 + n_part)), f times in the text, n_part of n texts that have it; of each text the
    sum of squares is 1, where it has any part. At most `_MOST_WORDS`, those that are there most often.
    """
    from scipy.sparse import csr_matrix

    places: defaultdict[str, int] = defaultdict(count().__next__)
    column, times, ends = array("q"), array("q"), [0]
    for text in texts:
        found = Counter(cut(text))
        column.extend(map(places.__getitem__, found))
        times.extend(found.values())
        ends.append(len(column))
    counts = csr_matrix((np.array(times, dtype=float), np.array(column), ends), shape=(len(texts), len(places)))
    held, whole = np.bincount(counts.indices, minlength=len(places)), np.asarray(counts.sum(axis=0)).ravel()
    names = list(places)
    kept = np.array([place for name, place in sorted(places.items()) if held[place] > 1], dtype=np.intp)
    kept = kept[np.sort(np.argsort(-whole[kept])[:_MOST_WORDS])]
    weights = counts[:, kept]
    weights.sort_indices()
    weights.data = (np.log(weights.data) + 1) * (np.log((1 + len(texts)) / (1 + held[kept])) + 1)[weights.indices]
    text_of = np.repeat(np.arange(len(texts)), np.diff(weights.indptr))
    weights.data /= np.sqrt(np.bincount(text_of, weights.data**2))[text_of]
    return weights, [names[place] for place in kept]


def _number_features(items: NDArray[Any], field: str) -> tuple[Floats, list[tuple[str, str]]]:
    flat = items.reshape(len(items), -1).astype(float)
    moments = {"mean": flat.mean(axis=1), "spread": flat.std(axis=1), "least": flat.min(axis=1),
               "greatest": flat.max(axis=1)}  # fmt: skip
    if field != "row":  # the numbers of rows are no code
        moments["code length"] = compressed_bits(items, float(flat.std()))
    step = -(-flat.shape[1] // _MOST_NUMBERS)
    starts = np.arange(0, flat.shape[1], step)
    means = np.add.reduceat(flat, starts, axis=1) / np.diff(np.append(starts, flat.shape[1]))
    named = [("number", str(start + 1)) for start in starts]
    whole = np.column_stack([*map(_standard, moments.values()), _standard(means) / np.sqrt(len(starts))])
    return whole, [*((name, "") for name in moments), *named]


def _with_date(features: Any, names: list[tuple[str, str]], days: Floats) -> tuple[Any, list[tuple[str, str]]]:
    """Return features with the date as one more; an item without one is taken for one of the middle."""
    column = _standard(np.where(np.isfinite(days), days, np.nanmean(days)))[:, None]
    named = [*names, ("date", "date")]
    if not hasattr(features, "multiply"):
        return np.column_stack([features, column]), named
    from scipy.sparse import csr_matrix, hstack

    return hstack([features, csr_matrix(column)], format="csr"), named


def _standard(values: Floats) -> Floats:
    """Return values [item] or [item, column] with mean 0 and spread 1; 0 where all are one number."""
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
