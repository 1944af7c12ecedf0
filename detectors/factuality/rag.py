"""Does a model answer from the passages that it is shown? Six slices of the same questions, no judge.

    correctness         answers that hold a right answer, by slice; the headline is that of the gold passages alone
    near_miss_drop      correct with the gold passages alone - correct with near misses behind them
    position_drop       correct with the gold passages first - correct with them elsewhere
    withheld            declines, answers from memory, or wrong, where the evidence is not there
    changed             by the changed passage, by memory, or neither (Longpre et al. 2021, arXiv 2109.05052)

The question, or the unit that it names, is what is independent. What a slice does to an answer is a paired difference.
An answer is right where it holds a right one (`detectors.factuality.matching.contains`), which rewards long answers:
their length stands beside it. Refusals are told by `detectors.factuality.refusals`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, objects, units_of
from detectors.differences import mean_difference
from detectors.factuality.matching import contains
from detectors.factuality.rag_evidence import EVIDENCE, READ, RETRIEVAL, evidence_of, retrieval_of
from detectors.factuality.rag_slices import SLICES
from detectors.factuality.refusals import is_refusal
from detectors.factuality.tally import NO_ANSWER, NOT_ASKED, Tally
from detectors.immutable import immutable
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, Result, undefined

__all__ = ["audit_rag"]

_POSITIONS = ("gold_first", "gold_middle", "gold_last")
_CORRECT = ("answerable", *_POSITIONS)
_NO_PAIR = Cause("no question got an answer in both slices")
_NO_CLAIM = Cause("no answer has a claim that the rules can judge")
_NO_CITATION = Cause("no answer cites a passage")
_NO_SEARCH = Cause("the data do not say what was retrieved")
_OF_EVIDENCE = {name: f"{name}_share" if name == "near_miss_only" else name for name in EVIDENCE}
_OF_RETRIEVAL = dict(
    zip(RETRIEVAL, ("retrieval_hit", "retrieval_recall", "retrieval_mrr", "retrieval_ndcg"), strict=True)
)
_LOST = ("error", "unparseable")
_DIRECTIONS: dict[str, Direction] = {"citation_share": "neither", "near_miss_only": "lower is better"}
_FAULTS = {**dict.fromkeys(_CORRECT, ("wrong", "refused")), "withheld": ("wrong",), "changed": ("memory", "neither")}
"""Slice -> outcomes that count against the model."""


def audit_rag(
    observed: pd.DataFrame, *, level: float, rng: np.random.Generator, k: int = 5, claims: bool = True,
    supported_at: float = 0.5, conflicting_at: float = 0.5,
) -> Result:
    """Judge the answers of six slices; measures as the module says, with these beside them.

    observed, one row per question: `prompt`, `reference`, `expected` (what is right by the changed passages), of every
    slice `lacks_<slice>` (why it was not asked, or null), `said_<slice>` (the answer), `problem_<slice>` (why there is
    none) and where known `shown_<slice>` (passages), `verified_<slice>` (what a verifier said), `group`, `unit`, and
    where known `retrieved` and `gold` (ids): a question without `retrieved` is missing where others have it. k: places
    of a search that count. claims: whether claims and citations are looked at. supported_at, conflicting_at: thresholds
    of a verifier's entailment and contradiction. Measures:
      correctness            headline: answers with the gold passages alone that are right; by place among near misses
      needless_refusal_share declined though the gold passages stand there
      withheld_abstention, withheld_wrong, withheld_memory      shares of the answers without evidence
      follows_context, follows_memory, follows_neither          shares of the answers to changed evidence; one that says
                             both, or declines, follows neither
      memorisation_ratio     of the answers that follow one of both, those that follow memory
      near_miss_drop, position_drop (of `gold_middle`, `gold_last`), largest_position_gap (of any two places, in an
                             interval that knows that it was chosen)
      claim_support, near_miss_only_share, citation_share, citation_recall, citation_precision, of answers that cite at
                             all; retrieval_hit, retrieval_recall, retrieval_mrr, retrieval_ndcg: means over questions
                             of `detectors.factuality.rag_evidence`
      answer_words, error_share, not_changed, not_asked
    Items: a row per question with the outcome of each slice, what was said, and as weight in how many it went wrong.
    """
    judge = _Judge(observed, level, rng, k, claims, {"supported_at": supported_at, "conflicting_at": conflicting_at})
    return Result(tuple(judge.measures()), judge.items)


@immutable
class _Judge:
    """Makes the measures of one set of questions."""

    observed: pd.DataFrame
    level: float
    rng: np.random.Generator
    k: int
    claims: bool
    thresholds: Mapping[str, float]
    """Of a verifier, by name."""

    def measures(self) -> Iterator[Measure]:
        """Yield all measures, the headline first."""
        yield self._tally.mean("correctness", self.items["value"], "higher is better", lost=self._lost["answerable"])
        for name in _POSITIONS:
            yield self._share("correctness", name, "right", "higher is better", group=name)
        yield self._share("needless_refusal_share", "answerable", "refused", "lower is better")
        yield self._share("withheld_abstention", "withheld", "refused", "higher is better")
        yield self._share("withheld_wrong", "withheld", "wrong", "lower is better")
        yield self._share("withheld_memory", "withheld", "memory", "neither")
        yield self._share("follows_context", "changed", "context", "higher is better")
        yield self._share("follows_memory", "changed", "memory", "lower is better")
        yield self._share("follows_neither", "changed", "neither", "lower is better")
        yield self._ratio()
        yield self._gap("near_miss_drop", None, "answerable", "gold_first")
        yield from (self._gap("position_drop", name, "gold_first", name) for name in _POSITIONS[1:])
        yield self._largest_gap()
        yield from (self._evidence(name, measure) for name, measure in _OF_EVIDENCE.items() if self.claims)
        yield from (self._retrieval(name, measure) for name, measure in _OF_RETRIEVAL.items())
        said = (text for text in self.observed["said_answerable"] if isinstance(text, str))
        yield self._tally.length("answer_words", pd.Series([len(text.split()) for text in said], dtype=float))
        yield self._errors()
        yield self._count("not_changed", self.observed["lacks_changed"].notna())
        yield self._count("not_asked", self.observed["lacks_answerable"].notna())

    @cached_property
    def outcomes(self) -> dict[str, NDArray[np.object_]]:
        """What became of each question [question] in each slice."""
        told = [[_outcome(name, row) for name in SLICES] for row in self._rows]
        return dict(zip(SLICES, np.array(told, object).reshape(-1, len(SLICES)).T, strict=True))

    @cached_property
    def items(self) -> pd.DataFrame:
        """The evidence: the outcome of each slice, what was said, and how often it went wrong."""
        observed, found = self.observed, self.outcomes
        asked = np.any([self._asked[name] & ~self._lost[name] for name in SLICES], axis=0)
        wrong = np.sum([np.isin(found[name], faults) for name, faults in _FAULTS.items()], axis=0)
        problems = [[why for name in SLICES if (why := row[f"problem_{name}"]) is not None] for row in self._rows]
        told = {
            "prompt": observed["prompt"], "group": observed["group"], "unit": self._labels,
            "value": self._hits("answerable", "right"),
            "right": [" | ".join(_texts(cell)) for cell in observed["reference"]],
            "expected": [" | ".join(_texts(cell)) or None for cell in observed["expected"]],
            **pd.DataFrame(found, observed.index, dtype=object),
            **{f"said_{name}": observed[f"said_{name}"] for name in SLICES},
            **{name: self._certain(name) for name in ("claim_support", "near_miss_only")},
            "not_asked": observed["lacks_answerable"], "not_changed": observed["lacks_changed"],
            "problem": objects([why[0] if why else None for why in problems], observed.index),
            "against": pd.arrays.BooleanArray(wrong > 0, ~asked), "weight": np.where(asked, wrong, np.nan),
        }
        lost = {"no_answer": self._lost["answerable"]} if self._lost["answerable"].any() else {}
        return pd.DataFrame({**told, **lost}, observed.index)

    @cached_property
    def _labels(self) -> pd.Series[Any]:
        """The independent unit of each question; none where each is one."""
        if self.observed["unit"].notna().any():
            return units_of(self.observed)
        again = self.observed["prompt"].dropna().duplicated().any()
        return units_of(self.observed, "prompt") if again else self.observed["unit"]

    def _certain(self, name: str) -> Floats:
        """Return a number of evidence [question] where nothing is open."""
        least, most = self._born_out[name]
        return np.where(least == most, least, np.nan)

    @cached_property
    def _units(self) -> NDArray[np.object_] | None:
        return self._labels.to_numpy(object) if self._labels.notna().any() else None

    @cached_property
    def _asked(self) -> dict[str, NDArray[np.bool_]]:
        return {name: found != "not asked" for name, found in self.outcomes.items()}

    @cached_property
    def _lost(self) -> dict[str, NDArray[np.bool_]]:
        """Which questions were asked in each slice and gave no answer."""
        return {name: np.isin(found, _LOST) for name, found in self.outcomes.items()}

    @cached_property
    def _tally(self) -> Tally:
        """What makes measures; its outcomes are those with the gold passages alone."""
        kept = self.items[["group", "unit", "value"]]
        return Tally(kept.assign(outcome=self.outcomes["answerable"]), self.level, self.rng)

    def _hits(self, name: str, outcome: str) -> Floats:
        """Return whether each question [question] has an outcome in a slice; NaN where there is no answer."""
        return np.where(self._asked[name] & ~self._lost[name], self.outcomes[name] == outcome, np.nan)

    def _share(
        self, measure: str, name: str, outcome: str, direction: Direction, group: str | None = None
    ) -> Measure:
        return self._of_slice(measure, name, self._hits(name, outcome), direction, group)

    def _ratio(self) -> Measure:
        """Return the share of memory among the answers that follow memory or the changed passage, but not both."""
        memory, context = (self._hits("changed", name) for name in ("memory", "context"))
        either = np.where(memory + context == 1, memory, np.nan)
        return self._of_slice("memorisation_ratio", "changed", either, "lower is better")

    def _of_slice(
        self, measure: str, name: str, values: Floats, direction: Direction, group: str | None = None
    ) -> Measure:
        """Return the mean over questions of what became of them in a slice."""
        lost = self._lost[name]
        if np.isnan(values).all():
            why = NO_ANSWER if self._asked[name].any() else NOT_ASKED
            return self._unknown(measure, why, lost, direction=direction, group=group)
        return self._tally.mean(measure, values, direction, group=group, lost=lost)

    def _unknown(self, measure: str, why: Cause, lost: NDArray[np.bool_], **told: Any) -> Measure:
        n = {"items": 0, "units": 0}
        return undefined(measure, why, n=n, unit="share", level=self.level, missing=int(lost.sum()), **told)

    def _gap(
        self, measure: str, group: str | None, first: str, second: str, level: float | None = None
    ) -> Measure:
        """Return how much more is right in the first slice than in the second, question by question."""
        level = self.level if level is None else level
        asked = self._asked[first] & self._asked[second]
        one, two = (self._hits(name, "right")[asked] for name in (first, second))
        units = None if self._units is None else self._units[asked]
        known = ~(np.isnan(one) | np.isnan(two))
        told: dict[str, Any] = {
            "unit": "share", "direction": "nearer to ideal is better", "ideal": 0.0, "level": level, "group": group,
            "missing": int((~known).sum()),
        }
        if not known.any():
            return undefined(measure, _NO_PAIR, n={"items": 0, "units": 0}, **told)

        def paired(above: Floats, below: Floats, rows: Any = slice(None)) -> Any:
            labels = None if units is None else units[rows]
            return mean_difference(below[rows], above[rows], labels, level=level, rng=self.rng)

        found = paired(one, two, known)
        low, high, method = found.low, found.high, found.method
        if not known.all():
            least, most = (paired(_filled(one, end), _filled(two, 1 - end)) for end in (0.0, 1.0))
            low, high, method = min(low, least.low), max(high, most.high), least.method
        return Measure(
            name=measure, value=found.value, low=low, high=high, n={"items": found.items, "units": found.units},
            method=method, **told,
        )

    def _largest_gap(self) -> Measure:
        """Return the largest difference between any two places, each pair at its share of the error."""
        share = 1 - (1 - self.level) / 3
        pairs = [self._gap("largest_position_gap", None, *pair, level=share) for pair in combinations(_POSITIONS, 2)]
        found = [one for one in pairs if one.value is not None]
        if not found:
            return pairs[0]
        most = max(found, key=lambda one: abs(one.value or 0.0))
        ends = [(one.low or 0.0, one.high or 0.0) for one in found]
        ends += [(-1.0, 1.0) for one in pairs if one.value is None and one.missing]  # no answer came from one place
        return Measure(
            name="largest_position_gap", value=abs(most.value or 0.0),
            low=max(max(0.0, low, -high) for low, high in ends), high=max(max(-low, high) for low, high in ends),
            n=most.n, unit="share", direction="lower is better", level=self.level,
            missing=max(one.missing for one in pairs),
            method=Method("{method}, most of {count}", method=most.method, count=len(found)),
        )

    def _evidence(self, name: str, measure: str) -> Measure:
        """Return the mean over questions of what bears their answers out."""
        least, most = self._born_out[name]
        values, open_ = self._certain(name), ~np.isnan(least) & (least != most)
        why = _NO_CITATION if name.startswith("citation") else _NO_CLAIM
        direction = _DIRECTIONS.get(name, "higher is better")
        return self._of_known(measure, values, open_, why, direction, worst=(least, most))

    def _retrieval(self, name: str, measure: str) -> Measure:
        """Return the mean over questions of what their search found."""
        known = ~np.isnan(self._found[name])
        wanted = np.array([row.get("gold") is not None for row in self._rows])
        unsaid = ~known & wanted & known.any()
        return self._of_known(measure, self._found[name], unsaid, _NO_SEARCH, "higher is better", binary=name == "hit")

    def _of_known(
        self, measure: str, values: Floats, lost: NDArray[np.bool_], why: Cause, direction: Direction, **options: Any
    ) -> Measure:
        """Return the mean over questions of values of which some are `lost`; undefined for this cause without any."""
        if np.isnan(values).all():
            return self._unknown(measure, why, lost, direction="neither")
        return self._tally.mean(measure, values, direction, lost=lost, **{"binary": False, **options})

    @cached_property
    def _rows(self) -> list[dict[Any, Any]]:
        names = [*self.observed]
        return [dict(zip(names, cells, strict=True)) for cells in self.observed.to_numpy(object)]

    @cached_property
    def _found(self) -> dict[str, Floats]:
        """What the search found for each question [question]; NaN where the data do not say."""
        found = [{} if row.get("retrieved") is None else retrieval_of(row, self.k) for row in self._rows]
        return {name: np.array([one.get(name) for one in found], float) for name in RETRIEVAL}

    @cached_property
    def _born_out(self) -> dict[str, tuple[Floats, Floats]]:
        """The least and the most [question] that each number of evidence can be; NaN where it is not looked at."""
        away = [[name for name in SLICES if self._lost[name][place]] for place in range(len(self._rows))]
        found = [
            evidence_of(row, slices, **self.thresholds) if self.claims else {}
            for row, slices in zip(self._rows, away, strict=True)
        ]
        ends = {name: np.array([one.get(name) or (np.nan, np.nan) for one in found]) for name in EVIDENCE}
        return {name: (both[:, 0], both[:, 1]) for name, both in ends.items()}

    def _errors(self) -> Measure:
        """Return the share of all that was asked, in whatever slice, that got no answer."""
        asked, lost = (np.sum([told[name] for name in SLICES], axis=0) for told in (self._asked, self._lost))
        failed = np.where(asked > 0, lost / np.maximum(asked, 1), np.nan)
        nowhere = np.zeros(len(failed), dtype=bool)
        return self._tally.mean("error_share", failed, "lower is better", binary=False, lost=nowhere)

    def _count(self, measure: str, rows: pd.Series[bool]) -> Measure:
        count = float(rows.sum())
        return Measure(
            name=measure, value=count, low=count, high=count, n={"items": len(rows)}, unit="count",
            direction="lower is better", level=self.level, method=COUNT,
        )


def _outcome(name: str, row: dict[Any, Any]) -> str:
    """Return what became of a question in a slice."""
    said = row[f"said_{name}"]
    if row[f"lacks_{name}"] is not None:
        return "not asked"
    if not isinstance(said, str) or row[f"problem_{name}"] is not None:
        return "error"
    if not any(character.isalnum() for character in said[:READ]):
        return "unparseable"
    return _read(name, said[:READ], _texts(row["reference"]), _texts(row["expected"]))


def _read(name: str, said: str, reference: Sequence[str], expected: Sequence[str]) -> str:
    right = contains(said, reference)
    if name == "changed":
        followed = contains(said, expected)
        return "neither" if right == followed else ("memory" if right else "context")
    if name == "withheld":
        return "refused" if is_refusal(said) else ("memory" if right else "wrong")
    return "right" if right else ("refused" if is_refusal(said) else "wrong")


def _filled(values: Floats, end: float) -> Floats:
    return np.where(np.isnan(values), end, values)


def _texts(cell: Any) -> list[str]:
    """Return the texts of a cell; none where it holds nothing."""
    return [] if cell is None else list(cell)
