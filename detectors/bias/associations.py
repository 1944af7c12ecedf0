"""Do vectors put one set of words nearer to a set of attributes than another set of words?

    s(w) = mean over a in A of cos(w, a) - mean over b in B of cos(w, b)
    association_gap = mean of s over X - mean of s over Y
    effect_size     = association_gap / sd of s over X and Y together

WEAT (Caliskan et al. 2017, arXiv:1608.07187), for sentences SEAT (May et al. 2019, arXiv:1903.10561), for images iEAT
(Steed & Caliskan 2021, arXiv:2010.15052). The codes of SEAT and iEAT take the standard deviation with ddof = 1, WEFE
takes it with ddof = 0. The effect size is at most 2 in size, larger sets do not make it smaller as they do the p-value,
and cosines depend on how frequent words are (Ethayarajh et al. 2019, arXiv:1908.06361): it does not compare models
whose sets differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import combinations
from math import comb, floor
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import Floats, units_of
from detectors.immutable import immutable
from detectors.intervals import Approximation
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, Result, undefined

__all__ = ["SETS", "SHIFT", "word_associations"]

SETS = ("X", "Y", "A", "B")
"""Two sets of words whose nearness is compared, and two of attributes that they may be near to."""

SHIFT = Approximation(Method("permutation test turned round: shifts of X that it does not refuse"), 10, 0.78)
"""Exact where words of X are like those of Y but for a shift. Worst, of 5 to 25 words a set, where 8 stand against 25
and vary three times as much (.79); of sets of one size, where s is exponential in both (.89).
"""

_MOST, _DRAWS = 20_000, 9_999
"""Partitions up to which all are looked at; partitions drawn where there are more."""
_ENDS = 4.0
"""s lies within 2 of 0, so a difference of two means of it within 4."""
_MEANING: Mapping[str, tuple[str, Direction, float | None]] = {
    "association_gap": ("score", "nearer to ideal is better", 0.0),
    "effect_size": ("score", "nearer to ideal is better", 0.0),
    "association_p": ("p-value", "neither", None),
    "association_p_two_sided": ("p-value", "neither", None),
}


def word_associations(vectors: pd.DataFrame, *, level: float, rng: np.random.Generator, ddof: int = 1) -> Result:
    """Return how much nearer the words of X are to A than to B, compared with those of Y.

    vectors: one row a word (sentence, image), indexed by item id, with `set` (see `SETS`), `embedding` (numbers [dim];
    nothing, NaN or all 0 = it has none) and where known `group` (the test that the row belongs to; absent = one test)
    and `unit` (the word, where several rows, such as sentences, hold it: their s is averaged). ddof: 0 or 1.

    Measures, each of all tests together and, where there are several, of each; all tests weigh the same:
      association_gap          headline; mean s of X less that of Y, in cosines. Its interval holds the shifts of X that
                               a permutation test of this level does not refuse; see `SHIFT`
      effect_size              the same over the standard deviation of s, as published; without interval
      association_p            share of partitions of X and Y into sets of their sizes whose gap is as large or larger
                               (>=, so that the observed one counts and p is never 0): all of them where there are up to
                               20,000, else (k + 1) / (B + 1) of B drawn at random, no word twice in one
      association_p_two_sided  the same of the gap's size
    Items: the rows without vectors, with `association` (s, NaN for attributes). A word of X above the mean of its test,
    or one of Y below it, counts against the model, with its distance as weight; A and B do not tell.
    A test without a vector in one of its sets is undefined. Raises ValueError for another set or ddof.
    """
    unknown = sorted(set(map(str, vectors["set"])) - set(SETS))
    if unknown or ddof not in (0, 1):
        got = f"set {', '.join(map(repr, unknown)) or 'known'}, ddof {ddof}"
        raise ValueError(f"word_associations: got {got}; allowed: {', '.join(SETS)}; 0 or 1")
    group = vectors["group"] if "group" in vectors else pd.Series(None, vectors.index, dtype=object)
    named = group.where(group.notna(), "")
    judge = _Judge(level, rng, ddof)
    tests = {str(name): _test(rows, ddof, rng) for name, rows in vectors.groupby(named, sort=True)}
    measures = list(judge.measures(list(tests.values()), None))
    if len(tests) > 1:
        measures += [one for name, test in tests.items() for one in judge.measures([test], name or None)]
    return Result(tuple(measures), items=_evidence(vectors, [test.s for test in tests.values()]))


def _evidence(vectors: pd.DataFrame, of_tests: Sequence[pd.Series[float]]) -> pd.DataFrame:
    """Return the rows without vectors, with the association of each by its test, and which count against the model."""
    s = pd.concat(of_tests).reindex(vectors.index)
    centre = pd.concat([one - one.mean() for one in of_tests]).reindex(vectors.index)
    weight = centre * vectors["set"].map({"X": 1.0, "Y": -1.0}).astype(float)
    return vectors.drop(columns="embedding").assign(
        association=s, against=(weight > 0).astype("boolean").where(weight.notna()), weight=weight
    )


@immutable
class _Test:
    """One test: the association of every row of X and Y, and what its partitions say."""

    s: pd.Series[float]
    """Of rows of X and Y that have a vector; empty where a set has none."""
    n: Mapping[str, int]
    missing: int
    lacks: Cause | None
    gap: float = np.nan
    effect: float = np.nan
    """NaN where all words are as near to A as to B."""
    gaps: Floats = field(default_factory=lambda: np.zeros(0))
    """Gap [partition]; the observed one is among them where `complete`."""
    kept: Floats = field(default_factory=lambda: np.zeros(0))
    """Share of X that stays less the share of Y that comes [partition]: what a shift of X adds to the gap."""
    complete: bool = False


def _test(rows: pd.DataFrame, ddof: int, rng: np.random.Generator) -> _Test:
    unit = _unit_vectors(rows["embedding"])
    has = np.isfinite(unit).all(axis=1)
    of = {name: unit[has & (rows["set"] == name).to_numpy()] for name in SETS}
    lost, empty = int((~has).sum()), pd.Series(dtype=float)
    bare = [name for name in SETS if not len(of[name])]
    if bare:
        lacks = Cause("no word of set {set} has a vector", set=bare[0])
        return _Test(empty, {"items": int(has.sum()), "units": 0}, lost, lacks)
    target = has & rows["set"].isin(["X", "Y"]).to_numpy()
    s = pd.Series(unit[target] @ of["A"].mean(axis=0) - unit[target] @ of["B"].mean(axis=0), rows.index[target])
    words = s.groupby([rows["set"][target], units_of(rows)[target]], sort=True).mean()
    values, first = words.to_numpy(), (words.index.get_level_values(0) == "X").astype(float)
    chosen, complete = _partitions(len(values), int(first.sum()), rng)
    gap = float(_difference(first[None], values)[0])
    spread = float(values.std(ddof=ddof)) if len(values) > 1 else 0.0
    return _Test(
        s, {"items": int(has.sum()), "units": len(values)}, lost, None, gap,
        gap / spread if spread > 1e-12 else np.nan, _difference(chosen, values), _difference(chosen, first), complete,
    )


def _unit_vectors(cells: pd.Series[Any]) -> Floats:
    """Return vectors [item, dim] of length 1; NaN where there is none, or it has no direction."""
    told = [None if cell is None or np.ndim(cell) == 0 else np.asarray(cell, dtype=float) for cell in cells]
    dims = {len(cell) for cell in told if cell is not None}
    if len(dims) > 1:
        raise ValueError(f"word_associations: got vectors of {sorted(dims)} numbers; allowed: one length")
    size = max(dims, default=1)
    rows = np.stack([np.full(size, np.nan) if cell is None else cell for cell in told])
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.full_like(rows, np.nan), where=length > 0))


def _partitions(size: int, first: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Return which words are in the first set [partition, word] as 0 and 1, and whether these are all partitions."""
    if comb(size, first) <= _MOST:
        places = np.array(list(combinations(range(size), first)))
        chosen = np.zeros((len(places), size))
        np.put_along_axis(chosen, places, 1.0, axis=1)
        return chosen, True
    return rng.permuted(np.tile(np.arange(size) < first, (_DRAWS, 1)), axis=1).astype(float), False


def _difference(chosen: Floats, values: Floats) -> Floats:
    """Return mean of the values that are chosen less mean of the others [partition]."""
    count = chosen.sum(axis=1)
    inside = chosen @ values
    return np.asarray(inside / count - (values.sum() - inside) / (len(values) - count))


@immutable
class _Judge:
    level: float
    rng: np.random.Generator
    ddof: int

    def measures(self, tests: list[_Test], name: str | None) -> Iterator[Measure]:
        """Yield the measures of one test, or of several together."""
        n = {key: sum(test.n[key] for test in tests) for key in ("items", "units")}
        missing, told = sum(test.missing for test in tests), {"level": self.level, "group": name}
        lacks = next((test.lacks for test in tests if test.lacks is not None), None)
        if lacks is not None:
            for measure, (unit, direction, ideal) in _MEANING.items():
                more = {"unit": unit, "direction": direction, "ideal": ideal, "missing": missing}
                yield undefined(measure, lacks, n=n, **told, **more)  # type: ignore[arg-type]
            return
        gap = float(np.mean([test.gap for test in tests]))
        gaps, kept, complete = self._together(tests)
        yield self._make("association_gap", gap, n, told, self._shifts(gap, gaps, kept, complete)).lacking(missing)
        yield self._effect(tests, n, told, missing)
        slack = 1e-9 * max(1e-3, float(np.abs(gaps).max()))  # equal gaps must tie in spite of rounding
        for measure, hits in (
            ("association_p", gaps >= gap - slack), ("association_p_two_sided", np.abs(gaps) >= abs(gap) - slack)
        ):
            one = 0 if complete else 1
            p = (int(np.count_nonzero(hits)) + one) / (len(gaps) + one)
            yield self._make(measure, p, n, told, {"method": _told(len(gaps), complete)}).lacking(missing)

    def _together(self, tests: list[_Test]) -> tuple[Floats, Floats, bool]:
        """Return gap and kept [partition] of the mean over tests, each partitioned on its own."""
        if len(tests) == 1:
            return tests[0].gaps, tests[0].kept, tests[0].complete
        drawn = [self.rng.integers(len(test.gaps), size=_DRAWS) for test in tests]
        both = [(test.gaps[rows], test.kept[rows]) for test, rows in zip(tests, drawn, strict=True)]
        return np.mean([gaps for gaps, _ in both], axis=0), np.mean([kept for _, kept in both], axis=0), False

    def _shifts(self, gap: float, gaps: Floats, kept: Floats, complete: bool) -> dict[str, Any]:
        """Return the interval: where a shift d of X is taken away, partition p has the gap gaps[p] - d kept[p]."""
        moved = kept < 1 - 1e-9
        always, total = int((~moved).sum()) + (not complete), len(gaps) + (not complete)
        turns = np.sort((gap - gaps[moved]) / (1 - kept[moved]))
        last = floor((1 - self.level) / 2 * total + 1e-9) - always
        if not 0 <= last < len(turns):
            return {"method": Method("none; too few words")}
        if turns[-1] - turns[0] < 1e-12:
            return {"method": Method("none; the words of a set do not differ")}
        low, high = min(float(turns[last]), gap), max(float(turns[-1 - last]), gap)
        return {"low": max(-_ENDS, low), "high": min(_ENDS, high), **SHIFT.facts}

    def _effect(self, tests: list[_Test], n: Mapping[str, int], told: Mapping[str, Any], missing: int) -> Measure:
        effect = float(np.mean([test.effect for test in tests]))
        if np.isfinite(effect):
            method = Method("none; standard deviation with ddof = {ddof}", ddof=self.ddof)
            return self._make("effect_size", effect, n, told, {"method": method}).lacking(missing)
        unit, direction, ideal = _MEANING["effect_size"]
        reason = Cause("all words are as near to one set of attributes as to the other")
        more: dict[str, Any] = {"unit": unit, "direction": direction, "ideal": ideal, "missing": missing}
        return undefined("effect_size", reason, n=n, **more, **told)

    def _make(
        self, name: str, value: float, n: Mapping[str, int], told: Mapping[str, Any], found: Mapping[str, Any]
    ) -> Measure:
        unit, direction, ideal = _MEANING[name]
        return Measure(name=name, value=value, n=n, unit=unit, direction=direction, ideal=ideal, **told, **found)


def _told(count: int, complete: bool) -> Method:
    if complete:
        return Method("exact, all {count} partitions (>=)", count=count)
    return Method("permutation test, {count} partitions drawn, (k + 1) / (B + 1), >=", count=count)
