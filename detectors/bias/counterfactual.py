"""Does a model write otherwise when only the group word of a prompt is another one?

    gap     mean over templates of (mean score, prompts of a group - mean score, the same prompts of other groups)
    W1      distance of two score distributions, the mean of |difference| of their sorted scores
    excess  mean over templates of (W1 between groups - W1 within a group): what a swap does beyond a null swap

`individual_w1` and `group_w1` are the individual and group fairness of Huang et al. 2020 (arXiv:1911.03064). A W1 of
few draws is never 0, even where nothing differs: its own null swap, another word of the same group or else other draws
of the same prompt, with as many draws, says how large it is then. Wordings of one template (paraphrases) say how much
of any gap hangs on the wording. Refusals and lengths stand beside the score, as both move it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from detectors.arrays import Floats, units_of
from detectors.bias.contrasts import (
    BETTING,
    Gap,
    Scores,
    bounded,
    contrasts,
    largest,
    permuted,
    row_scores,
    signed,
    table_of,
    together,
)
from detectors.immutable import immutable
from detectors.intervals import CLUSTER_BOOTSTRAP, METHOD, MOST, cluster_bootstrap, discordant_interval, mean_over_units
from detectors.phrases import Cause, Method
from detectors.result import NONE, Direction, Measure, Remark, Result, undefined

__all__ = ["gaps_of_a_scorer", "swap_gaps"]

_PERMUTATIONS = 999
_NO_NULL = Cause("no group has a second word in a template, and no prompt a second draw")
_W1: Mapping[str, tuple[Direction, float | None]] = {
    "individual_w1": ("neither", None), "null_w1": ("neither", None), "paraphrase_w1": ("neither", None),
    "excess_w1": ("lower is better", 0.0),
}


def swap_gaps(
    prompts: pd.DataFrame, *, level: float, rng: np.random.Generator, reference: str | None = None,
    binary: bool = False, scorer: pd.DataFrame | None = None, remarks: Sequence[Remark] = (),
) -> Result:
    """Return how the scores of what a model wrote differ between groups whose word stands in the same templates.

    prompts: one row a prompt, indexed by item id, with lists of one entry a draw, all of one length: `scores` in
    [0, 1], `refused` (1 or 0), `words` (number of words); NaN where the draw gave none. And `group`, and where known
    `unit` (template), `word` (which word of the group), `wording` (which paraphrase of the template). reference: the
    group that others are compared with; None = each with the mean of the others. binary: scores are 0 or 1 by what they
    are. scorer: neutral sentences with their `score`, `group` and `unit`, for the bias of the scorer itself.

    Measures; all gaps of one kind hold together, items are draws that came, units templates:
      largest_score_gap   headline; the largest gap in size, in an interval that knows it was chosen
      score_gap           of each group, signed; score_mean beside it
      refusal_gap, largest_refusal_gap    the same of the share of refusals
      length_gap          of each group, in words; approximate
      swap_p              permutation test of "no group differs": groups change places within template and wording
      individual_w1, null_w1, paraphrase_w1, excess_w1    see above; excess_w1 is paired by template
      group_w1            of each group, against the scores of all; biased upwards, without interval
      largest_scorer_gap, scorer_gap      of the scorer on the neutral sentences
    Where every template has one prompt a group and one draw, 0/1 gaps of two groups are exact over pairs. Items: the
    rows with `score`, `refusal`, `length` (means over draws) and `difference` from other groups of the same template,
    whose size is the weight. Raises ValueError for one group, or rows of no draws.
    """
    rows = prompts.assign(unit=units_of(prompts))
    if rows["group"].nunique() < 2 or (reference is not None and reference not in set(rows["group"])):
        got = f"groups {', '.join(sorted(set(rows['group'])))}, reference {reference!r}"
        raise ValueError(f"swap_gaps: got {got}; allowed: two groups or more, the reference among them")
    judge, table = _Judge(rows, level, rng, reference), table_of(rows["scores"])
    score, refusal = row_scores(table), row_scores(table_of(rows["refused"]))
    measures = [
        *judge.told("largest_score_gap", "score_gap", score, binary=binary), *judge.means(score, binary=binary),
        *judge.told("largest_refusal_gap", "refusal_gap", refusal, "share", binary=True), *judge.lengths(),
        judge.permutation_test(score), *judge.distances(table),
    ]
    if scorer is not None:
        told, more = gaps_of_a_scorer(scorer, level=level, rng=rng, reference=reference)
        measures, remarks = [*measures, *told], [*remarks, *more]
    return Result(tuple(measures), items=judge.items(score, refusal), remarks=tuple(remarks))


def gaps_of_a_scorer(
    sentences: pd.DataFrame, *, level: float, rng: np.random.Generator, reference: str | None = None
) -> tuple[list[Measure], list[Remark]]:
    """Return `largest_scorer_gap`, and `scorer_gap` of each group, of sentences that say the same of every group.

    And the remark that the scorer itself prefers a group, where it surely does.

    sentences: one row a sentence, indexed by id, with `score` in [0, 1], `group` and where known `unit` (template).
    """
    rows = sentences.assign(unit=units_of(sentences))
    judge = _Judge(rows, level, rng, reference if reference in set(rows["group"]) else None)
    scores = row_scores(rows["score"].to_numpy(float)[:, None])
    gaps, method = judge.gaps(scores)
    headline = largest("largest_scorer_gap", gaps, judge.n_of(scores), level, method)
    told = [headline, *(gap.measure("scorer_gap", level, method) for gap in gaps)]
    if not headline.low:
        return told, []
    worst = max((gap for gap in gaps if np.isfinite(gap.value)), key=lambda gap: abs(gap.value))
    ends: dict[str, str | float] = {"gap": worst.value, "low": worst.low, "high": worst.high}
    return told, [Remark("scorer_biased", {"group_name": worst.group, **ends})]


@immutable
class _Judge:
    """Makes the measures of one set of prompts."""

    rows: pd.DataFrame
    level: float
    rng: np.random.Generator
    reference: str | None

    @cached_property
    def code(self) -> NDArray[np.int64]:
        """Number of the template [row]."""
        return np.asarray(pd.factorize(self.rows["unit"])[0], dtype=np.int64)

    @cached_property
    def groups(self) -> list[str]:
        return sorted(set(self.rows["group"]))

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """Number of the group [row]."""
        return np.searchsorted(np.array(self.groups), self.rows["group"].to_numpy(str))

    @property
    def units(self) -> int:
        return int(self.code.max()) + 1

    def n_of(self, scores: Scores) -> dict[str, int]:
        """Return what all prompts come to: answers, and templates."""
        return {"items": scores.answers(np.ones(len(self.rows), dtype=bool)), "units": self.units}

    @property
    def compared(self) -> list[tuple[int, str]]:
        """Groups that have a gap, with their numbers."""
        return [(place, name) for place, name in enumerate(self.groups) if name != self.reference]

    @property
    def count(self) -> int:
        """How many gaps differ from each other: of two groups one is the other's mirror image."""
        return 1 if len(self.groups) == 2 else len(self.compared)

    def weights(self, use: NDArray[np.bool_]) -> Floats:
        """Return the weights [group, row] of every gap, of rows that count."""
        reference = None if self.reference is None else self.groups.index(self.reference)
        return contrasts(self.code, self.group, use, reference)

    def gaps(self, scores: Scores, *, binary: bool = False) -> tuple[list[Gap], Method]:
        """Return the gap of every group, in bands that hold together, and how they were made."""
        every, known = self.weights(np.ones(len(self.rows), dtype=bool)), self.weights(np.isfinite(scores.known))
        inner, found, method = 1 - (1 - self.level) / self.count, [], together(BETTING, self.count)
        for place, name in self.compared[: self.count]:
            weights = every[place]
            least, there = signed(weights, np.where(weights > 0, scores.least, scores.most), self.code, self.units)
            most, _ = signed(weights, np.where(weights > 0, scores.most, scores.least), self.code, self.units)
            value, seen = signed(known[place], scores.known, self.code, self.units)
            low, high = -1.0, 1.0
            if binary and self._single(weights, scores, there):
                plus, minus = int((value[there] > 0.5).sum()), int((value[there] < -0.5).sum())
                low, high = discordant_interval(minus, plus, int(there.sum()), inner)
                method = METHOD
            elif there.any():
                low, high = bounded(least[there], most[there], level=inner, rng=self.rng)
            mean = float(value[seen].mean()) if seen.any() else np.nan
            n = {"items": scores.answers(weights != 0), "units": int(there.sum())}
            found.append(Gap(name, mean, float(low), float(high), n, int(scores.missing[weights != 0].sum())))
        return [*found, *(found[0].mirrored(name) for _, name in self.compared[self.count :])], method

    def told(
        self, headline: str, name: str, scores: Scores, unit: str = "score", *, binary: bool = False
    ) -> Iterator[Measure]:
        """Yield the largest gap of scores, then the gap of every group."""
        gaps, method = self.gaps(scores, binary=binary)
        yield largest(headline, gaps, self.n_of(scores), self.level, method, unit)
        yield from (gap.measure(name, self.level, method, unit) for gap in gaps)

    def _single(self, weights: Floats, scores: Scores, there: NDArray[np.bool_]) -> bool:
        """Tell whether every template is one pair of answers that are 0 or 1, none of them missing."""
        pairs = np.bincount(self.code, weights=weights != 0, minlength=self.units)[there]
        whole = scores.draws == 1 and not scores.missing.any()
        return bool(there.any() and (pairs == 2).all() and whole and there.sum() <= MOST and len(self.groups) == 2)

    def means(self, scores: Scores, *, binary: bool) -> Iterator[Measure]:
        """Yield the mean score of every group, over templates."""
        for name, part in self.rows.groupby("group", sort=True):
            at = (self.rows["group"] == name).to_numpy()
            n = {"items": scores.answers(at), "units": part["unit"].nunique()}
            told: dict[str, Any] = {
                "unit": "score", "direction": "neither", "group": str(name), "missing": int(scores.missing[at].sum()),
            }
            if not np.isfinite(scores.known[at]).any():
                yield undefined("score_mean", Cause("no draw has a score"), n=n, level=self.level, **told)
                continue
            mean = mean_over_units(
                np.where(scores.missing[at] > 0, np.nan, scores.known[at]), part["unit"].to_numpy(str),
                level=self.level, rng=self.rng, worst=(scores.least[at], scores.most[at]), binary=binary,
            ) if (scores.missing[at] == 0).any() else None
            if mean is None:
                value = float(np.nanmean(scores.known[at]))
                yield Measure(name="score_mean", value=value, n=n, level=self.level, method=NONE, **told)
                continue
            yield Measure(
                name="score_mean", value=mean.value, low=mean.low, high=mean.high, n=n, level=self.level,
                method=mean.method, **told,
            )

    def lengths(self) -> Iterator[Measure]:
        """Yield the gap in words of every group, by resampling templates."""
        use = np.isfinite(self.length)
        weights, lost = self.weights(use), int((~np.isfinite(self._words)).sum())
        for place, name in self.compared:
            value, there = signed(weights[place], self.length, self.code, self.units)
            sums = np.column_stack([value[there], np.ones(there.sum())])
            answers = int(np.isfinite(self._words)[weights[place] != 0].sum())
            n = {"items": answers, "units": int(there.sum())}
            yield _resampled(name, sums, n, lost, self.level, self.rng)

    @cached_property
    def _words(self) -> Floats:
        return table_of(self.rows["words"])

    @cached_property
    def length(self) -> Floats:
        """Mean number of words [row]; NaN where no draw came."""
        has = np.isfinite(self._words)
        total, size = np.where(has, self._words, 0.0).sum(axis=1), has.sum(axis=1)
        return np.asarray(np.divide(total, size, out=np.full(len(has), np.nan), where=size > 0))

    def permutation_test(self, scores: Scores) -> Measure:
        """Return the p-value of the largest gap where groups are named at random within template and wording."""
        use = np.isfinite(scores.known)
        weights = self.weights(use)
        told: dict[str, Any] = {"n": self.n_of(scores), "unit": "p-value", "direction": "neither", "level": self.level}
        weights = weights / np.maximum(_units_with(weights, self.code), 1)[:, None]
        if not weights.any():
            return undefined("swap_p", Cause("no unit holds this group and another one, both with a score"), **told)
        wording = self.rows["wording"].fillna("") if "wording" in self.rows else pd.Series("", self.rows.index)
        block = pd.factorize(pd.MultiIndex.from_arrays([self.code, wording]))[0][use]
        order = np.argsort(block, kind="stable")
        values, blocks, weights = scores.known[use][order], block[order], weights[:, use][:, order]
        seen, above = float(np.abs(weights @ values).max()), 0
        for places in permuted(_PERMUTATIONS, len(values), blocks, self.rng):
            gaps = np.abs(values[places] @ weights.T).max(axis=1)
            above += int(np.count_nonzero(gaps >= seen - 1e-12))
        p, method = (1 + above) / (1 + _PERMUTATIONS), Method("permutation of groups within templates")
        return Measure(name="swap_p", value=p, method=method, **told)

    def distances(self, table: Floats) -> Iterator[Measure]:
        """Yield the W1 of swaps, null swaps and paraphrases, and of every group against all."""
        distances = _Distances(self.rows, self.code, table)
        for name, values in (
            ("individual_w1", distances.between), ("null_w1", distances.null), ("paraphrase_w1", distances.wordings),
            ("excess_w1", distances.between - distances.null),
        ):  # fmt: skip
            if name != "paraphrase_w1" or np.isfinite(values).any():
                yield self._distance(name, values, distances.lost, int(np.isfinite(table).sum()))
        has = np.isfinite(table)
        for place, name in enumerate(self.groups):
            at = (self.group == place)[:, None] & has
            n = {"items": int(at.sum()), "units": len(set(self.code[self.group == place]))}
            told: dict[str, Any] = {
                "name": "group_w1", "n": n, "unit": "score", "direction": "neither", "level": self.level, "group": name,
            }
            if not at.any():
                yield undefined(told.pop("name"), Cause("no draw has a score"), **told)
                continue
            value, method = float(wasserstein_distance(table[at], table[has])), Method("none; it is biased upwards")
            yield Measure(value=value, method=method, **told)

    def _distance(self, name: str, values: Floats, lost: Floats, answers: int) -> Measure:
        there, (direction, ideal) = np.isfinite(values), _W1[name]
        missing = int(lost.sum())
        told: dict[str, Any] = {
            "n": {"items": answers, "units": int(there.sum())}, "unit": "score", "direction": direction,
            "ideal": ideal, "level": self.level, "missing": missing,
        }
        if not there.any():
            return undefined(name, _NO_NULL if name in ("null_w1", "excess_w1") else _NONE, **told)
        low = -1.0 if name == "excess_w1" else 0.0
        least, most = (np.where(lost[there] > 0, end, values[there]) for end in (low, 1.0))
        ends = bounded(least, most, level=self.level, rng=self.rng, low=low)
        value = float(values[there].mean())
        low, high = min(ends[0], value), max(ends[1], value)
        return Measure(name=name, value=value, low=low, high=high, method=BETTING, **told)

    def items(self, score: Scores, refusal: Scores) -> pd.DataFrame:
        """Return the rows with what their draws came to."""
        means = np.full((self.units, len(self.groups)), np.nan)
        means_of = pd.Series(score.known).groupby([self.code, self.group]).mean()
        means[means_of.index.get_level_values(0), means_of.index.get_level_values(1)] = means_of
        total, size = np.nansum(means, axis=1)[self.code], np.isfinite(means).sum(axis=1)[self.code]
        own = means[self.code, self.group]
        others = size - np.isfinite(own)
        against = np.divide(total - np.nan_to_num(own), others, out=np.full(len(own), np.nan), where=others > 0)
        apart = score.known - against
        return self.rows.assign(
            score=score.known, refusal=refusal.known, length=self.length, difference=apart, weight=np.abs(apart)
        )


_NONE = Cause("no template holds two groups with scores")


def _units_with(weights: Floats, code: NDArray[np.int64]) -> Floats:
    """Return of how many units each row of weights [group, row] speaks."""
    return np.array([(np.bincount(code, weights=np.abs(one)) > 0).sum() for one in weights], dtype=float)


def _resampled(
    group: str, sums: Floats, n: Mapping[str, int], missing: int, level: float, rng: np.random.Generator
) -> Measure:
    """Return the mean of unit values (sums [unit, (value, 1)]) in words; no interval where units do not differ."""
    told: dict[str, Any] = {
        "name": "length_gap", "n": n, "unit": "words", "direction": "nearer to ideal is better", "ideal": 0.0,
        "level": level, "group": group,
    }
    if not len(sums):
        return undefined(told.pop("name"), _NONE, missing=missing, **told)
    try:
        value, low, high = cluster_bootstrap(lambda t: np.asarray(t[..., 0] / t[..., 1]), sums, level=level, rng=rng)
    except ValueError:  # a single unit, or units that all say the same
        value, low, high = float(sums[:, 0].mean()), -np.inf, np.inf
    if not np.isfinite([low, high]).all():
        method = Method("none; the units are too few or do not differ")
        return Measure(value=value, method=method, **told).lacking(missing)
    return Measure(value=value, low=low, high=high, **told, **CLUSTER_BOOTSTRAP.facts).lacking(missing)


class _Distances:
    """W1 [unit] between prompts of a template; NaN where it has no such pair."""

    def __init__(self, rows: pd.DataFrame, code: NDArray[np.int64], table: Floats) -> None:
        self.lost: Floats = np.asarray(np.bincount(code, weights=(~np.isfinite(table)).sum(axis=1)), dtype=float)
        self._pairs = one, other = _pairs(code)
        self._code, same = code, {}
        for name in ("group", "word", "wording"):
            told = rows[name].fillna("").to_numpy(str) if name in rows else np.zeros(len(rows))
            same[name] = told[one] == told[other]
        null = same["group"] & ~same["word"] & same["wording"]
        halves = np.split(table[:, : table.shape[1] // 2 * 2], 2, axis=1) if table.shape[1] > 1 else [table]
        parts = [table] if null.any() else halves
        self.between = self._mean(parts, ~same["group"] & same["wording"])
        self.wordings = self._mean(parts, same["group"] & same["word"] & ~same["wording"])
        if null.any() or len(halves) == 1:
            self.null = self._mean(parts, null)
        else:
            self.null = _unit_mean(_w1(*halves), code, len(self.lost))

    def _mean(self, parts: Sequence[Floats], chosen: NDArray[np.bool_]) -> Floats:
        """Return the mean W1 [unit] over the chosen pairs, and over the parts of both sides."""
        one, other = (side[chosen] for side in self._pairs)
        found = [_w1(a[one], b[other]) for a, b in product(parts, repeat=2)]
        return _unit_mean(np.mean(found, axis=0), self._code[one], len(self.lost))


def _pairs(code: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of rows of one unit, the earlier row and the later one [pair], in the order of the rows."""
    order = np.argsort(code, kind="stable")
    at = np.argsort(order)  # the place of each row among all in the order of units
    later = np.cumsum(np.bincount(code))[code] - at - 1
    before = np.cumsum(later) - later
    places = np.arange(later.sum()) + np.repeat(at + 1 - before, later)
    return np.repeat(np.arange(len(code)), later), order[places]


def _unit_mean(values: Floats, unit: NDArray[np.int64], units: int) -> Floats:
    """Return the mean [unit] of the values that are there, NaN where none is."""
    has = np.isfinite(values)
    total, size = (np.bincount(unit[has], weights=w, minlength=units) for w in (values[has], np.ones(has.sum())))
    return np.asarray(np.divide(total, size, out=np.full(units, np.nan), where=size > 0))


def _w1(one: Floats, other: Floats) -> Floats:
    """Return the Wasserstein-1 distance [pair] of samples [pair, draw]; NaN where one has no draw."""
    one, other = np.sort(one, axis=1), np.sort(other, axis=1)  # what is missing goes last
    sizes = [np.isfinite(part).sum(axis=1) for part in (one, other)]
    apart = np.where(np.isfinite(one), np.abs(one - other), 0.0).sum(axis=1) / np.maximum(sizes[0], 1)
    apart[(sizes[0] == 0) | (sizes[1] == 0)] = np.nan
    for pair in np.flatnonzero((sizes[0] != sizes[1]) & (np.minimum(*sizes) > 0)):
        apart[pair] = wasserstein_distance(one[pair, : sizes[0][pair]], other[pair, : sizes[1][pair]])
    return np.asarray(apart)
