"""Closed-book correctness: how often a model's answer is the true one, asked with nothing to read it from.

    accuracy = mean over independent questions of the share of right answers, with an interval

beside what needs no knowledge: guessing, the longest choice, the shortest choice. `choice_correctness` judges by the
likelihood of given choices, `generated_correctness` judges written answers. Questions that were not asked have no
value. Nor have those that the model gave no answer to, or a blank one: they are missing, and every interval holds
whether they would have been right or wrong. Answers that decline count 0 in `accuracy` and are left out of
`accuracy_of_answered`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import unit_column
from detectors.factuality.choices import score_choices
from detectors.factuality.matching import contains, exact_match, exact_match_numeric, inside_longer_words, token_f1
from detectors.factuality.p_ik import knowing
from detectors.factuality.scripts import unjudged_script
from detectors.factuality.tally import Tally
from detectors.phrases import Cause
from detectors.result import MOST_TIES, Measure, Remark, Result, undefined

__all__ = ["CHOICE_MEASURES", "GENERATED_MEASURES", "choice_correctness", "generated_correctness"]

CHOICE_MEASURES = (
    "accuracy", "accuracy_normalised", "mc1", "mc2", "above_chance", "mc1_above_chance", "above_longest",
    "above_shortest", "chance", "mc1_chance", "longest_choice", "shortest_choice", "error_share", "not_asked",
)
GENERATED_MEASURES = (
    "accuracy", "accuracy_of_answered", "exact_match", "exact_match_numeric", "contains", "token_f1", "refusal_share",
    "unparseable_share", "answer_words", "error_share", "not_asked",
)

_MEANS = {"accuracy": "value", "accuracy_normalised": "value_normalised", "mc1": "mc1", "mc2": "mc2"}
_DIFFERENCES = {
    "above_chance": ("value", "chance"), "mc1_above_chance": ("mc1", "mc1_chance"),
    "above_longest": ("value", "longest"), "above_shortest": ("value", "shortest"),
}
_ALL_TIED = Cause("in more than a third of the questions the model finds all choices equally likely")
_KNOWN = {"chance": "chance", "mc1_chance": "mc1_chance", "longest_choice": "longest", "shortest_choice": "shortest"}
_RULES = {
    "exact_match": exact_match, "exact_match_numeric": exact_match_numeric, "contains": contains, "token_f1": token_f1,
}
_GRADED = ("mc2", "token_f1")
"""Scores that lie between 0 and 1; the others are one of both, or a tie."""


def _mean_of(tally: Tally, name: str, values: pd.Series[Any]) -> Measure:
    return tally.mean(name, values, "higher is better", binary=name not in _GRADED)


def choice_correctness(observed: pd.DataFrame, *, level: float, rng: np.random.Generator) -> Result:
    """Judge by which choice is likeliest: `CHOICE_MEASURES` in that order, then `accuracy` by group.

    observed, one row per question: `question`, `choices` (texts), `correct` (indices of the true ones), `best` (index
    of the one that MC1 looks at; null = the first of `correct`), `log_probs` (nats, one per choice, null where the
    model could not score it), `group`, `unit` (null = the question itself), `not_asked` (reason, or null). What the
    measures mean is told in `detectors.factuality.choices`. `items` has a row per question: `value` (0 to 1),
    `outcome` (`right, wrong, tie, error, not asked`) and the scores behind each measure. An answer that is not wholly
    right counts against the model, the heavier the farther the likeliest right choice is behind the likeliest wrong.
    Where all choices of more than `MOST_TIES` of the questions are equally likely, what the model finds likelier is
    undefined: a constant model does not guess, it does not tell.
    """
    asked = observed[observed["not_asked"].isna()]
    scored = np.array([None not in row and all(map(isfinite, row)) for row in asked["log_probs"]], dtype=bool)
    items = _chosen(observed, asked, scored)
    tally = Tally(items, level, rng)
    measures = (
        *(_mean_of(tally, name, items[column]) for name, column in _MEANS.items()),
        *(tally.difference(name, *columns) for name, columns in _DIFFERENCES.items()),
        *(tally.known(name, items[column]) for name, column in _KNOWN.items()),
        tally.share("error_share", "error", "lower is better"),
        tally.not_asked(),
        *tally.groups("accuracy", "value"),
    )
    flat = asked["log_probs"][scored].map(lambda row: min(row) == max(row)).astype(bool)
    return Result(tuple(_if_it_tells(one, flat, items["group"]) for one in measures), tally.evidence)


def _chosen(observed: pd.DataFrame, asked: pd.DataFrame, scored: NDArray[np.bool_]) -> pd.DataFrame:
    """Return a row for every question: which choice the model finds likeliest, and how right that is.

    asked: those that were; scored: of these, whether the model could score every choice.
    """
    graded, true_ones = asked[scored], _true_ones(asked)
    texts = {
        "answer": [_joined(*row) for row in zip(graded["choices"], map(_likeliest, graded["log_probs"]), strict=True)],
        "right": [_joined(*row) for row in zip(graded["choices"], compress(true_ones, scored), strict=True)],
    }
    shown = pd.DataFrame(texts, index=graded.index, dtype=object)
    items = _evidence(observed, shown, _choice_scores(asked, true_ones, scored))
    value = items["value"].to_numpy()
    outcome = np.select(
        [observed["not_asked"].notna(), np.isnan(value), value == 1, value == 0],
        ["not asked", "error", "right", "wrong"], "tie",
    )
    return items.assign(outcome=outcome, **_against(value, -items["margin"]), no_answer=outcome == "error")


def _if_it_tells(measure: Measure, flat: pd.Series[bool], groups: pd.Series[Any]) -> Measure:
    """Return a measure of what a model finds likelier; undefined where it finds too many questions' choices alike.

    flat: whether all choices of a graded question are equally likely.
    """
    rows = flat if measure.group is None else flat[groups[flat.index] == measure.group]
    if measure.value is None or measure.name not in {*_MEANS, *_DIFFERENCES} or not rows.mean() > MOST_TIES:
        return measure
    return undefined(
        measure.name, _ALL_TIED, n=measure.n, unit=measure.unit, direction=measure.direction, level=measure.level,
        group=measure.group, missing=measure.missing,
    )


def generated_correctness(
    observed: pd.DataFrame, *, rule: Literal["contains", "exact_match_numeric"], level: float, rng: np.random.Generator
) -> Result:
    """Judge written answers: `GENERATED_MEASURES` in that order, then `accuracy` by group.

    observed, one row per question: `question`, `aliases` (right answers), `text` (the answer), `finish` (`error` where
    there is none) and `problem` (why), `group`, `unit`, `not_asked` as in `choice_correctness`. `rule`, one of
    `detectors.factuality.matching`, makes an answer right in `accuracy`; the others stand beside it. `items` has a row
    per question: `value` (0 or 1), `outcome` (`right, wrong, refused, unparseable, error, not asked`), the scores of
    all rules and `words`, the answer's length. An answer that matches is right even where it reads like a refusal; one
    without letter and digit is unparseable, and without a score like those that failed. One that is not right counts
    against the model, the heavier the fewer of its words are those of a right one (token F1). With a column `p_ik` in
    `observed`, the measures of `detectors.factuality.p_ik` stand before the groups.
    """
    asked = observed[observed["not_asked"].isna()]
    replied = asked[asked["finish"].ne("error") & asked["text"].notna()]
    items = _written(observed, replied, rule)
    tally = Tally(items, level, rng)
    answered = items["value"].where(items["outcome"].isin(["right", "wrong"])).rename(None)
    measures = (
        tally.mean("accuracy", items["value"], "higher is better"),
        tally.mean("accuracy_of_answered", answered, "higher is better"),
        *(_mean_of(tally, name, items[name]) for name in _RULES),
        tally.share("refusal_share", "refused", "neither"),
        tally.share("unparseable_share", "unparseable", "lower is better"),
        tally.length("answer_words", items["words"]),
        tally.share("error_share", "error", "lower is better"),
        tally.not_asked(),
        *(knowing(tally) if "p_ik" in observed else ()),
        *tally.groups("accuracy", "value"),
    )
    wrong = replied[items.loc[replied.index, "outcome"] == "wrong"]
    return Result(measures, tally.evidence, remarks=tuple(_doubts(wrong)))


def _written(observed: pd.DataFrame, replied: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return a row for every question: what was written, and how right that is; replied: those with an answer."""
    texts = {"answer": replied["text"].tolist(), "right": [" | ".join(row) for row in replied["aliases"]]}
    shown = pd.DataFrame(texts, index=replied.index, dtype=object)
    items = _evidence(observed, shown, _written_scores(replied, rule)).join(observed[["finish", "problem"]])
    no_answer = np.where(observed["not_asked"].notna(), "not asked", "error")
    items["outcome"] = items["outcome"].where(items["outcome"].notna(), no_answer)
    items = items.assign(**_against(items["value"].to_numpy(), 1 - items["token_f1"]))
    items["no_answer"] = items["outcome"].isin(["error", "unparseable"])
    if "p_ik" in observed:
        items["p_ik"] = observed["p_ik"].astype(float)
    return items


def _doubts(wrong: pd.DataFrame) -> Iterator[Remark]:
    """Yield how many answers count as wrong though the rule cannot tell: for their script, or for want of blanks."""
    names = [unjudged_script(" ".join([text, *row])) for text, row in zip(wrong["text"], wrong["aliases"], strict=True)]
    if unknown := [name for name in names if name is not None]:
        yield Remark("script_unjudged", {"count": float(len(unknown)), "scripts": ", ".join(sorted(set(unknown)))})
    inside = sum(inside_longer_words(text, row) for text, row in zip(wrong["text"], wrong["aliases"], strict=True))
    if inside:
        yield Remark("inside_words", {"count": float(inside)})


def _evidence(observed: pd.DataFrame, texts: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per question; texts and scores, which do not speak of all of them, are null for the others.

    Where some questions have a unit, the others get their own id as one.
    """
    items = observed[["question", "group", "unit", "not_asked"]].copy()
    if items["unit"].notna().any():
        items["unit"] = unit_column(items)
    return pd.concat([items, texts.reindex(items.index), scores.reindex(items.index)], axis=1)


def _against(value: NDArray[np.float64], weight: pd.Series[Any]) -> dict[str, Any]:
    """Return what speaks against the model: every answer that is not wholly right, by the value [item] that it has."""
    return {"against": pd.arrays.BooleanArray(value < 1, np.isnan(value)), "weight": weight}


def _choice_scores(
    asked: pd.DataFrame, true_ones: Sequence[Sequence[int]], scored: NDArray[np.bool_]
) -> pd.DataFrame:
    """Return what `score_choices` says of each question; of those not scored, what follows from their choices alone.

    true_ones: as `_true_ones` has them.
    """
    counts = np.array([len(row) for row in asked["choices"]], dtype=np.intp)
    starts = np.cumsum(counts) - counts
    right, best = np.zeros((2, int(counts.sum())), dtype=bool)
    for start, indices in zip(starts.tolist(), true_ones, strict=True):
        best[start + indices[0]] = True
        for index in indices:
            right[start + index] = True
    sizes = ([len(choice.encode()) for choice in row] for row in asked["choices"])
    nats = np.where(np.repeat(scored, counts), _flat(asked["log_probs"]), 0.0)
    scores = score_choices(nats, _flat(sizes), right, best, starts)
    for name in (*_MEANS.values(), "margin"):
        scores[name] = np.where(scored, scores[name], np.nan)
    return pd.DataFrame({**scores, "tie": pd.arrays.BooleanArray(scores["tie"], ~scored)}, index=asked.index)


def _flat(rows: Iterable[Sequence[float]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([number for row in rows for number in row], dtype=float)


def _true_ones(graded: pd.DataFrame) -> list[list[int]]:
    """Return the indices of each question's true choices, the best one first."""
    cells = zip(graded["correct"], graded["best"], strict=True)
    pairs = [(true, int(true[0] if pd.isna(best) else best)) for true, best in cells]
    return [[best, *(int(index) for index in true if index != best)] for true, best in pairs]


def _likeliest(log_probs: Sequence[float]) -> list[int]:
    """Return the indices of the choices of highest log-probability."""
    most = max(log_probs)
    return [index for index, number in enumerate(log_probs) if number == most]


def _joined(choices: Sequence[str], indices: Sequence[int]) -> str:
    return " | ".join(choices[index] for index in indices)


def _written_scores(replied: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return each rule's score of every written answer, the deciding one as `value`, its outcome and its words.

    One without letter and digit can be no answer: it has no score.
    """
    pairs = list(zip(replied["text"], replied["aliases"], strict=True))
    rated = np.array([[rate(*pair) for rate in _RULES.values()] for pair in pairs], dtype=float)
    scores = dict(zip(_RULES, rated.reshape(-1, len(_RULES)).T, strict=True))
    blank = np.array([not any(character.isalnum() for character in text) for text, _ in pairs], dtype=bool)
    outcome = [_outcome(text, right == 1) for (text, _), right in zip(pairs, scores[rule], strict=True)]
    words = np.array([len(text.split()) for text, _ in pairs], dtype=float)
    columns = {"value": scores[rule], "outcome": np.where(blank, "unparseable", outcome), **scores, "words": words}
    made = pd.DataFrame(columns, index=replied.index).astype({"outcome": object})
    made.loc[blank, ["value", *scores]] = np.nan
    return made


def _outcome(text: str, right: bool) -> str:
    """Return what became of a written answer that holds a word."""
    if right:
        return "right"
    from detectors.factuality.refusals import is_refusal  # patterns of eight languages, which choices do without

    return "refused" if is_refusal(text) else "wrong"
