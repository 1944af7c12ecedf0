"""Do scores of uncertainty know right answers from wrong ones, and how often is a model sure of what is not so?

    with labels       AUROC of the chosen score, beside what answer length alone reaches; PRR, AURC, both AUPRCs
    with samples      how often samples say what the answer says; with evidence or labels the 2 x 2 of both:

                         samples say the same     samples say other things
        supported        confident truth          doubted truth
        not supported    confident falsehood      doubted falsehood

An answer is right by its label, else by a rule of `detectors.factuality.matching` from its references. One that
declines to answer is neither right nor wrong and has no place in a ranking; one that failed is missing. Agreement among
samples is consistency, not truth: a confident falsehood has no uncertainty at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, ranks, unit_column, units_of
from detectors.differences import auroc_difference
from detectors.factuality.matching import contains, exact_match, exact_match_numeric
from detectors.factuality.mismatch import check_claims
from detectors.factuality.refusals import is_refusal
from detectors.factuality.selective import SELECTIVE_MEASURES, Selective, risk_coverage
from detectors.factuality.tally import Tally
from detectors.factuality.uncertainty.table import BLIND, SCORES, lacking, score_table
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.ranking import Ranking, ranked
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["AGREE", "CELLS", "RULES", "UNCERTAINTY_MEASURES", "uncertainty"]

RULES: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "contains": contains, "exact_match": exact_match, "exact_match_numeric": exact_match_numeric,
}
"""How an answer is right where it has references and no label."""
AGREE = 0.8
"""Share of samples that must say what the answer says for it to count as confident."""
CELLS = ("confident_falsehood", "confident_truth", "doubted_falsehood", "doubted_truth")
_WAYS: Mapping[str, Direction] = {"confident_falsehood": "lower is better", "confident_truth": "higher is better"}
UNCERTAINTY_MEASURES = (
    "auroc", "above_length", *SELECTIVE_MEASURES, "prr_difference", "wrong_share", "agreement", "agree_share", *CELLS,
    "order_matters_share", "refusal_share", "unparseable_share", "error_share", "unspoken_share",
)
_LENGTH = "answer_words"
_NO_LABELS = Cause("no answer has a label, or references to be compared with")
MOST_POINTS = 120
"""Points of a risk-coverage curve."""


def uncertainty(
    observed: pd.DataFrame, *, score: str, rule: str = "contains", agree: float = AGREE, level: float,
    rng: np.random.Generator,
) -> Result:
    """Return `UNCERTAINTY_MEASURES`, then `auroc` of every other score and of the two lengths, each as its group.

    observed, indexed by item id: the columns of `score_table`, and any of `reference` (right answers), `label` (1 =
    right, 0 = wrong), `context` (passages), `finish` (`error` where the model gave no answer) and `unit`. score: the
    headline, one of `SCORES`. Without labels and references the headline is `agreement`. Of the 2 x 2, group `evidence`
    tells by the claims of the answer and the context, group `labels` by what is right.

    `items`: `outcome` (`right, wrong, refused, unparseable, error, no label`), `role` (`right` or `wrong`), every
    score, `agreement`, `supported` (1 = every claim that could be scored). A wrong answer counts against the model,
    the heavier the more right answers are less certain than it. `table`: the risk-coverage curves of the headline and
    of the answer's length.
    """
    judged = _Judged(observed, _items(observed, score, rule), score, agree, level, rng)
    measures = list(judged.measures())
    if judged.labelled.empty:
        measures.sort(key=lambda one: one.name != "agreement")
    return Result(tuple(measures), judged.evidence, judged.curves(), tuple(judged.remarks(rule)))


def _items(observed: pd.DataFrame, score: str, rule: str) -> pd.DataFrame:
    """Return the evidence: texts, outcome, scores, agreement and support."""
    none = pd.Series(None, observed.index, dtype=object)
    cells = {name: observed.get(name, none)
             for name in ("prompt", "answer", "reference", "label", "context", "finish", "samples")}  # fmt: skip
    graded = zip(*(cells[name] for name in ("answer", "reference", "label", "finish")), strict=True)
    became = np.array([_outcome(rule, *row) for row in graded], dtype=object).reshape(-1, 2)
    outcome, scores = became[:, 0], score_table(observed)
    told = {"prompt": cells["prompt"], "answer": cells["answer"], "reference": cells["reference"].map(_joined),
            "samples": cells["samples"].map(_joined)}  # fmt: skip
    claimed = zip(cells["answer"], cells["context"], cells["prompt"], strict=True)
    return pd.DataFrame({
        **{name: cell.astype(object) for name, cell in told.items()}, "outcome": outcome, "graded_by": became[:, 1],
        "role": [one if one in ("right", "wrong") else None for one in outcome],
        "supported": np.array([_supported(*row) for row in claimed], dtype=float),
        **{str(name): column for name, column in zip(scores, scores.to_numpy().T, strict=True)},
        "no_answer": np.isin(outcome, ["error", "unparseable"]), "group": None, "unit": _prompt_units(observed),
        **_weights(outcome, scores[score].to_numpy()),
    }, observed.index)  # fmt: skip


def _prompt_units(observed: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the independent unit of each item, None where each is its own: answers to one prompt are one unit.

    A unit that is named otherwise stays; one that is named after an item is the unit of its prompt.
    """
    ids, firsts = observed.index.astype(str).to_list(), dict[str, str]()
    prompts = observed["prompt"] if "prompt" in observed else [None] * len(ids)
    by_prompt: dict[str, str] = {}
    for name, prompt in zip(ids, prompts, strict=True):
        firsts[name] = name if prompt is None or prompt != prompt else by_prompt.setdefault(str(prompt), name)
    units = unit_column(observed).astype(str).map(lambda name: firsts.get(name, name))
    return units if units.duplicated().any() or not set(units) <= set(ids) else None


def _joined(cell: Any) -> str | None:
    return None if cell is None or isinstance(cell, float) else " | ".join(_listed(cell))


def _listed(cell: Any) -> list[str]:
    return [cell] if isinstance(cell, str) else [str(one) for one in cell]


def _outcome(rule: str, answer: Any, reference: Any, label: Any, finish: Any) -> tuple[str, str | None]:
    """Return what became of an answer, and by what it was graded: `label`, or the rule."""
    if finish == "error" or not isinstance(answer, str):
        return "error", None
    if label is not None and label == label:
        return ("right" if float(label) == 1 else "wrong"), "label"
    if not any(character.isalnum() for character in answer):
        return "unparseable", None
    known = [] if reference is None or isinstance(reference, float) else _listed(reference)
    if known and RULES[rule](answer, known):
        return "right", rule
    if is_refusal(answer):
        return "refused", None
    return ("wrong", rule) if known else ("no label", None)


def _supported(answer: Any, context: Any, prompt: Any) -> float:
    """Return 1 where every claim that could be scored is borne out by the context, 0 where one is not; else NaN."""
    if not isinstance(answer, str) or context is None or isinstance(context, float) or is_refusal(answer):
        return np.nan
    verdicts = check_claims(answer, _listed(context), prompt if isinstance(prompt, str) else "")
    states = [one.state for one in verdicts if one.state != "not scored"]
    return float(all(state == "supported" for state in states)) if states else np.nan


def _weights(outcome: NDArray[np.object_], score: Floats) -> dict[str, Any]:
    """Return `against` (wrong) and `weight`: the share of the other kind that a score orders the wrong way round."""
    right, wrong = ((outcome == name) for name in ("right", "wrong"))
    known, weight = ~np.isnan(score), np.full(len(score), np.nan)
    sides = [np.flatnonzero(side & known) for side in (right, wrong)]
    if all(map(len, sides)):
        together = np.split(ranks(score[np.concatenate(sides)]), [len(sides[0])])
        above = [one - ranks(score[side]) for one, side in zip(together, sides, strict=True)]
        weight[sides[0]], weight[sides[1]] = above[0] / len(sides[1]), 1 - above[1] / len(sides[0])
    return {"against": pd.arrays.BooleanArray(wrong, ~(right | wrong)), "weight": weight}


@immutable
class _Judged:
    """Makes the measures."""

    observed: pd.DataFrame
    items: pd.DataFrame
    score: str
    agree: float
    level: float
    rng: np.random.Generator

    @cached_property
    def labelled(self) -> pd.DataFrame:
        """Items that are right or wrong."""
        return self.items[self.items["role"].notna()]

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """Those that have the chosen score too."""
        return self.labelled[self.labelled[self.score].notna()]

    @cached_property
    def missing(self) -> int:
        """Items that would have been graded, and have no answer or no score."""
        return self._missing(self._known[self.score])

    def _missing(self, known: NDArray[np.bool_]) -> int:
        """Return how many items would have been graded, and have no answer or not the score that `known` ones have."""
        return self._failed + int((~known).sum())

    @cached_property
    def _failed(self) -> int:
        return int(self.items["no_answer"].sum()) if len(self.labelled) else 0

    @cached_property
    def _known(self) -> dict[str, NDArray[np.bool_]]:
        """Which labelled items have each score."""
        names = [*BLIND, *SCORES]
        return dict(zip(names, self.labelled[names].notna().to_numpy().T, strict=True))

    @cached_property
    def tally(self) -> Tally:
        return Tally(self.items, self.level, self.rng)

    @property
    def evidence(self) -> pd.DataFrame:
        """The items, without columns that nothing fills."""
        kept = self.tally.evidence
        return kept.loc[:, kept.notna().any() | kept.columns.isin(["role", "outcome", self.score, "against", "weight"])]

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        yield self._auroc(self.score, None)
        yield self._above_length()
        yield from self._selective()
        yield self._mean("wrong_share", 1 - self._right, "lower is better", _NO_LABELS)
        yield from self._agreement()
        for outcome, name in (("refused", "refusal_share"), ("unparseable", "unparseable_share")):
            yield self.tally.share(name, outcome, "neither" if outcome == "refused" else "lower is better")
        yield self.tally.share("error_share", "error", "lower is better")
        if "confidence" in self.observed and self.observed["confidence"].notna().any():
            silent = self.items["verbalised"].isna().astype(float).where(self.observed["confidence"].notna())
            yield self._mean("unspoken_share", silent.rename(None), "lower is better", _NO_LABELS)
        for name in () if self.labelled.empty else (*BLIND, *SCORES):
            if name != self.score and (self._known[name].any() or self.items[name].notna().any()):
                yield self._auroc(name, name)

    def _auroc(self, score: str, group: str | None) -> Measure:
        """Return how often a wrong answer has the higher score, ties as one half."""
        known = self._known[score]
        missing, ranking = self._missing(known), self._rankings.get(known.tobytes())
        if ranking is None:
            reason = self._cannot_rank(known, score)
            assert reason is not None
            return undefined(
                "auroc", reason, n=self._n(known), unit="score", direction="higher is better", level=self.level,
                group=group, missing=missing,
            )
        found = ranking.auroc(score, name="auroc", level=self.level, group=group)
        return replace(found, auroc_of=(("right", score), ("wrong", score))).lacking(missing)

    @cached_property
    def _units(self) -> NDArray[np.str_]:
        return units_of(self.labelled).to_numpy(str)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """The unit of each labelled item by its place among all."""
        return np.unique(self._units, return_inverse=True)[1]

    @cached_property
    def _wrong(self) -> NDArray[np.bool_]:
        return self.labelled["role"].eq("wrong").to_numpy()

    @cached_property
    def _rankings(self) -> dict[bytes, Ranking]:
        """Scores that the same answers have are ranked at once, by which answers have them."""
        columns: dict[bytes, list[str]] = {}
        for name in (*BLIND, *SCORES):
            columns.setdefault(self._known[name].tobytes(), []).append(name)
        found = {}
        for pattern, names in columns.items():
            known = np.frombuffer(pattern, dtype=bool)
            if self._cannot_rank(known, names[0]) is None:
                right, wrong = known & ~self._wrong, known & self._wrong
                told, units = self.labelled[names].to_numpy(float), self._places
                found[pattern] = ranked(tuple(names), told[right], told[wrong], (units[right], units[wrong]))
        return found

    def _above_length(self) -> Measure:
        """Return the AUROC of the score less that of the answer's length, on the same answers."""
        known, name = self._known[self.score], "above_length"
        if (reason := self._cannot_rank(known, self.score)) is not None:
            return undefined(
                name, reason, n=self._n(known), unit="score", direction="higher is better", level=self.level,
                missing=self.missing,
            )
        both = self.labelled[[_LENGTH, self.score]].set_axis(["first", "second"], axis=1)
        sides = [known & ~self._wrong, known & self._wrong]
        units = (self._units[sides[0]], self._units[sides[1]])
        found = auroc_difference(both[sides[0]], both[sides[1]], units, level=self.level)
        measure = Measure(
            name=name, value=found.value, low=found.low, high=found.high, n=self._n(known), unit="score",
            direction="higher is better", level=self.level, method=found.method, guarantee=found.guarantee,
            min_units=found.min_units, worst_coverage=found.worst_coverage, measured_to=found.measured_to,
        )
        return measure.lacking(self.missing)

    def _selective(self) -> Iterator[Measure]:
        """Yield what holding back the uncertain answers is worth, alone and beside holding back the long ones."""
        rows, known = self.ranked, self._known[self.score]
        if rows.empty:
            reason = _NO_LABELS if self.labelled.empty else lacking(self.observed, self.score)
            for name, direction in (*SELECTIVE_MEASURES.items(), ("prr_difference", SELECTIVE_MEASURES["prr"])):
                yield undefined(
                    name, reason, n=self._n(known), unit="score", direction=direction, level=self.level,
                    missing=self.missing,
                )
            return
        wrong = self._wrong[known].astype(float)
        of = Selective(rows[[self.score, _LENGTH]], wrong, self._places[known])
        both = of.measures(self.score, level=self.level, rng=self.rng)
        both += of.measures(self.score, level=self.level, rng=self.rng, names=("prr",), less=_LENGTH)
        yield from (one.lacking(self.missing) for one in both)

    @cached_property
    def _right(self) -> Floats:
        """1 = right, 0 = wrong, NaN = neither [item]."""
        role = self.items["role"].to_numpy(object)
        return np.where(role == "right", 1.0, np.where(role == "wrong", 0.0, np.nan))

    def _agreement(self) -> Iterator[Measure]:
        """Yield how samples agree with the answer, and the 2 x 2 of that and support."""
        agreement, no_samples = self.items["agreement"], lacking(self.observed, "degree")
        sure = np.where(np.isnan(agreement), np.nan, agreement >= self.agree - 1e-9)
        yield self._mean("agreement", agreement, "neither", no_samples, binary=False)
        yield self._mean("agree_share", sure, "neither", no_samples)
        for group, true in (("evidence", self.items["supported"].to_numpy(float)), ("labels", self._right)):
            cells = (sure * (1 - true), sure * true, (1 - sure) * (1 - true), (1 - sure) * true)
            if not np.isnan(cells[0]).all():
                for name, cell in zip(CELLS, cells, strict=True):
                    yield self._mean(name, cell, _WAYS.get(name, "neither"), no_samples, group=group)
        yield self._mean("order_matters_share", self.items["order_matters"].rename(None), "neither", no_samples)

    def _mean(
        self, name: str, values: pd.Series[Any] | Floats, direction: Direction, reason: Cause, *, binary: bool = True,
        group: str | None = None,
    ) -> Measure:
        """Return a mean over units of what could be told; answers that failed may have been anything."""
        if not np.isnan(np.asarray(values, dtype=float)).all():
            return replace(self.tally.mean(name, values, direction, binary=binary), group=group)
        n = {"items": 0, "units": 0}
        return undefined(name, reason, n=n, unit="share", direction=direction, level=self.level, group=group)

    def _cannot_rank(self, known: NDArray[np.bool_], score: str) -> Cause | None:
        """Return why a score that these labelled answers have has no AUROC."""
        if self.labelled.empty:
            return _NO_LABELS
        if not known.any():
            return lacking(self.observed, score)
        counts = [np.unique(self._places[known & side]).size for side in (~self._wrong, self._wrong)]
        if min(counts) > 1:
            return None
        return Cause(
            "{right} right and {wrong} wrong units have a score; two or more of each are needed", right=counts[0],
            wrong=counts[1],
        )

    def _n(self, known: NDArray[np.bool_]) -> dict[str, int]:
        return {"items": int(known.sum()), "units": np.unique(self._places[known]).size}

    def curves(self) -> pd.DataFrame | None:
        """Return `score`, `coverage`, `risk` of the headline and of the answer's length; None without labels."""
        if self.ranked.empty:
            return None
        wrong, names, parts = self.ranked["role"].eq("wrong").to_numpy(float), [], []
        for name in (self.score, _LENGTH):
            curve = risk_coverage(self.ranked[name], wrong)[["coverage", "risk"]].to_numpy()
            places = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), MOST_POINTS)).round().astype(int))
            names += [name] * len(places)
            parts.append(curve[places])
        coverage, risk = np.concatenate(parts).T
        return pd.DataFrame({"score": names, "coverage": coverage, "risk": risk})

    def remarks(self, rule: str) -> Iterator[Remark]:
        """Yield by which rule answers without a label were graded."""
        if graded := int(self.items["graded_by"].eq(rule).sum()):
            yield Remark("graded_by_rule", {"count": float(graded), "rule": rule})
