"""Recognition: does a model know an answer with invented content when it reads one? Its yes or no against people's.

    accuracy      share of answers of which it says what people say
    precision     of those that it calls invented, how many are;    recall: of the invented, how many it calls so

beside what reads nothing: always the same word, the better of the two with the labels known; and the answer's length,
cut where one random half of the units has its best cut and judged, beside the model, on the other. An answer that it
says neither of is missing, and every interval holds whether it would have been right or wrong.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import unit_column
from detectors.differences import auroc_difference
from detectors.factuality.tally import Tally
from detectors.phrases import Cause
from detectors.ranking import rank
from detectors.result import Direction, Measure, Result, undefined

__all__ = ["RECOGNITION_MEASURES", "length_calls", "recognition"]

RECOGNITION_MEASURES = (
    "accuracy", "accuracy_above_constant", "accuracy_above_length", "recall", "precision", "specificity", "says_share",
    "auroc", "auroc_above_length", "constant_accuracy", "length_accuracy", "unparseable_share", "error_share",
    "not_asked",
)  # fmt: skip
_ONE_KIND = Cause("the labels are of one kind: nothing is told apart")
_WORDS_ALONE = Cause("the model answers in words: no score ranks the answers")
_LEAST = 2


def recognition(observed: pd.DataFrame, *, level: float, rng: np.random.Generator) -> Result:
    """Return `RECOGNITION_MEASURES` in that order, then `accuracy` by group.

    observed, one row per answer: `prompt`, `answer`, `label` (1 = right, 0 = invented), `calls` (1 = the model calls it
    invented, 0 = it does not, null = neither), `score` (nats by which "yes" is likelier than "no"; null where the model
    wrote), `outcome` (`error` or null), `group`, `unit` (null = the answer itself), `not_asked` (reason, or null).
    `items` has `value` (1 where model and people agree), `outcome` (`right, wrong, unparseable, error, not asked`), the
    value of both baselines (null for the length's where it was cut), and `margin`: nats on the side of what people say.
    """
    items = _items(observed, rng)
    tally = Tally(items, level, rng)
    invented = items["invented"]
    calls = items["says_invented"]
    named = invented.astype(float).where(calls.eq(1))[calls.ne(0)]
    measures = (
        tally.mean("accuracy", items["value"], "higher is better"),
        tally.difference("accuracy_above_constant", "value", "constant_right"),
        tally.difference("accuracy_above_length", "value", "length_right"),
        tally.mean("recall", calls[invented.eq(True)].rename(None), "higher is better"),
        tally.mean("precision", named.rename(None), "higher is better"),
        tally.mean("specificity", (1 - calls)[invented.eq(False)].rename(None), "higher is better"),
        tally.mean("says_share", calls.rename(None), "neither"),
        *_ranked(items, level),
        tally.known("constant_accuracy", items["constant_right"]),
        tally.known("length_accuracy", items["length_right"]),
        tally.share("unparseable_share", "unparseable", "lower is better"),
        tally.share("error_share", "error", "lower is better"),
        tally.not_asked(),
        *tally.groups("accuracy", "value"),
    )  # fmt: skip
    return Result(measures, tally.evidence.drop(columns="score"))


def _items(observed: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row per answer, with what model and baselines say of it."""
    items = observed[["prompt", "answer", "group", "unit", "not_asked", "score"]].copy()
    if items["unit"].notna().any():
        items["unit"] = unit_column(items)
    asked = items["not_asked"].isna()
    invented = observed["label"].map({"1": False, "0": True}).where(asked).astype("boolean")
    calls = pd.to_numeric(observed["calls"]).astype(float)
    agrees = (calls == invented.astype(float)).astype(float).where(calls.notna() & invented.notna())
    failed = observed["outcome"].eq("error")
    items["outcome"] = np.select(
        [~asked, failed, calls.isna(), agrees.eq(1)], ["not asked", "error", "unparseable", "right"], "wrong"
    )
    items["invented"], items["says_invented"], items["value"] = invented, calls, agrees
    items["words"] = [float(len(text.split())) for text in items["answer"]]
    truth = invented[asked].to_numpy(dtype=bool)
    items.loc[asked, "constant_right"] = (truth == (truth.mean() > 0.5)).astype(float)
    called = length_calls(items.loc[asked, "words"].to_numpy(), truth, _codes(items[asked]), rng)
    items.loc[asked, "length_right"] = np.where(np.isnan(called), np.nan, called == truth)
    items["margin"] = pd.to_numeric(items["score"]).astype(float) * np.where(invented.fillna(False), 1.0, -1.0)
    items["no_answer"] = items["outcome"].isin(["error", "unparseable"])
    against = agrees.lt(1).astype("boolean").where(agrees.notna())
    return items.assign(against=against, weight=(-items["margin"]).fillna(1 - agrees))


def _codes(items: pd.DataFrame) -> NDArray[np.intp]:
    """Return the unit of every item as a number."""
    if items["unit"].notna().any():
        return np.unique(items["unit"].astype(str), return_inverse=True)[1]
    return np.arange(len(items))


def length_calls(
    words: NDArray[np.float64], truth: NDArray[np.bool_], units: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return what the length alone calls each answer [item], 1 = invented, by the best cut of a random half of units.

    words: lengths; truth: whether it is invented. The cut and its direction are those of highest accuracy, of equal
    ones the first; without items in that half nothing is called invented. NaN for that half itself: were it judged by
    the cut of the other, both halves would be wrong together, which no interval over independent units allows for.
    """
    called = np.full(len(words), np.nan)
    if len(words):
        judged = (rng.permutation(int(units.max()) + 1) % 2 == 0)[units]
        cut, longer = _best_cut(words[~judged], truth[~judged])
        called[judged] = (words[judged] > cut) == longer
    return called


def _best_cut(words: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, bool]:
    """Return (cut, whether longer answers are the invented ones) of highest accuracy."""
    if not len(words):
        return np.inf, True
    order = np.argsort(words, kind="stable")
    cuts = np.concatenate([[-np.inf], words[order]])
    last = np.append(np.diff(cuts) > 0, True)
    found = np.concatenate([[0], np.cumsum(truth[order])])
    below = np.arange(len(cuts)) - found
    right = np.stack([below + found[-1] - found, found + (below[-1] - below)])[:, last]
    way, place = np.unravel_index(int(right.argmax()), right.shape)
    return float(cuts[last][place]), bool(way == 0)


def _ranked(items: pd.DataFrame, level: float) -> list[Measure]:
    """Return the AUROC of the score, invented above right, and its difference to that of the length."""
    scored = items[items["margin"].notna() & items["invented"].notna()]
    missing = int((items["outcome"].ne("not asked") & items["margin"].isna()).sum())
    sides = [scored[scored["invented"].eq(kind)] for kind in (False, True)]
    units = [pd.Series(_codes(scored), scored.index)[side.index].to_numpy() for side in sides]
    n = {"items": len(scored), "units": min((len(np.unique(one)) for one in units), default=0)}
    direction: Direction = "higher is better"
    if n["units"] < _LEAST:
        reason = _WORDS_ALONE if not len(scored) else _ONE_KIND
        return [
            undefined(name, reason, n=n, unit="score", direction=direction, level=level, missing=missing)
            for name in ("auroc", "auroc_above_length")
        ]
    frames = [side[["words", "score"]].astype(float).set_axis(["first", "second"], axis=1) for side in sides]
    one = rank(frames[0], frames[1], (units[0], units[1])).auroc("second", name="auroc", level=level)
    gap = auroc_difference(frames[0], frames[1], (units[0], units[1]), level=level)
    above = Measure(
        name="auroc_above_length", value=gap.value, low=gap.low, high=gap.high, n=n, unit="score", level=level,
        direction=direction, method=gap.method, guarantee=gap.guarantee, min_units=gap.min_units,
        worst_coverage=gap.worst_coverage, measured_to=gap.measured_to,
    )
    return [one.lacking(missing), above.lacking(missing)]
