"""How much of what was answered is borne out by the evidence that was given, and how much conflicts with it?

    unsupported_share = mean over prompts of (claims conflicting + claims absent) / claims with a verdict

beside the published scores of `detectors.factuality.grounding`, and, where answers have labels, how well the mean
support ranks right ones above wrong ones, less how well their length does: a detector that does no better than counting
words has found nothing. An answer that declines, or is empty, claims nothing and has no value. One that says something
of which nothing can be judged is missing: every share is bounded by what it could have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import unit_column, units_of
from detectors.factuality.grounded_claims import Grounded, Verified, cited_rightly, ground, reference_matrix, scored
from detectors.factuality.grounding import GAMMA, context_precision, context_recall, f1_at_k, factscore
from detectors.factuality.mismatch import ABSENT, CONFLICTING, SUPPORTED
from detectors.factuality.refusals import is_refusal
from detectors.factuality.tally import Tally
from detectors.phrases import Cause
from detectors.ranking import ranked
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["GROUNDING_MEASURES", "grounding_of_answers"]

GROUNDING_MEASURES = (
    "unsupported_share", "conflicting_share", "absent_share", "grounded_share", "mean_support", "least_support",
    "summac_zs", "factscore", "f1_at_k", "response_share", "citation_recall", "citation_precision", "context_recall",
    "context_precision", "auroc_supported", "auroc_of_length", "auroc_above_length", "claims_per_answer", "error_share",
    "not_asked",
)
_SHARES: tuple[tuple[str, Direction], ...] = (
    ("conflicting_share", "lower is better"), ("absent_share", "lower is better"),
    ("grounded_share", "higher is better"), ("mean_support", "higher is better"),
    ("least_support", "higher is better"), ("factscore", "higher is better"), ("f1_at_k", "higher is better"),
)
_CITED, _REFERRED = ("citation_recall", "citation_precision"), ("context_recall", "context_precision")
_AUROCS = ("auroc_supported", "auroc_of_length", "auroc_above_length")


def grounding_of_answers(
    observed: pd.DataFrame, *, level: float, rng: np.random.Generator, supported_at: float, conflicting_at: float
) -> Result:
    """Judge answers claim by claim: `GROUNDING_MEASURES` in that order, then `unsupported_share` by group.

    observed, a row an answer: `prompt`, `answer`, `context` (passages), `reference` (right answers, the first is
    used, or null), `cited` (of each sentence the passages from 0 on, or null), `label` (1 supported, 0 not, or null),
    `verified` (`Verified.of`, or null where no verifier was asked), `finish` and `problem` (of an answer that was not
    given), `group`, `unit` (null = the prompt), `not_asked` (reason or null).

    `items` has a row an answer: `value`, the unsupported share, `outcome` (`grounded, unsupported, conflicting,
    refused, unscored, error, not asked`), and claim by claim lists of equal length: `claims`, `states`, `rules`,
    `supports`, `reasons`, `spans` (characters of the answer: the claim's first and the one behind its last, then those
    of the part that decided), `evidence` (passage, first character, the one behind the last; or empty). Conflicting
    answers count most against the model.
    """
    cells, names = observed.to_numpy(object, copy=True), [*observed]
    cells[pd.isna(cells)] = None
    told = [dict(zip(names, row, strict=True)) for row in cells]
    cites = any(len(places) for row in told if row["cited"] is not None for places in row["cited"])
    rows = [_answer(row if cites else {**row, "cited": None}, supported_at, conflicting_at) for row in told]
    tally = Tally(_evidence(observed, pd.DataFrame(rows, observed.index, list(_COLUMNS))), level, rng)
    return Result(tuple(_measures(tally)), tally.evidence.drop(columns=[*_HIDDEN]), remarks=tuple(_remarks(observed)))


def _evidence(observed: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the answers with what was found of each, who was asked in vain, and which count against the model."""
    outcome, value = judged["outcome"], judged["value"]
    silent = judged["words"].isna()  # nothing was said that could be borne out, or not
    yes, no = (judged[name].to_numpy(float) for name in _HIDDEN)
    wanted = float(np.nanmedian(yes + no)) if np.isfinite(yes).any() else 1.0
    return pd.DataFrame({
        **observed[["prompt", "answer", "context", "group", "label"]], **judged, "unit": _units(observed),
        "no_answer": (outcome == "error") | ((outcome == "unscored") & ~silent),
        "f1_at_k": [
            np.nan if np.isnan(one) else f1_at_k([1] * int(one) + [0] * int(other), max(wanted, 1.0))
            for one, other in zip(yes, no, strict=True)
        ],
        "against": pd.arrays.BooleanArray((value > 0).to_numpy(bool), value.isna().to_numpy()),
        "weight": value + judged["conflicting_share"],
    }, observed.index)  # fmt: skip


_LISTS = ("claims", "states", "rules", "supports", "reasons", "spans", "evidence")
_NUMBERS = (
    "value", "conflicting_share", "absent_share", "grounded_share", "mean_support", "least_support", "summac_zs",
    "factscore", "supported", "unsupported", *_CITED, *_REFERRED, "words",
)
_COLUMNS = ("outcome", *_NUMBERS, *_LISTS)
_HIDDEN = ("supported", "unsupported")


def _measures(tally: Tally) -> Iterator[Measure]:
    items = tally.items
    yield tally.mean("unsupported_share", items["value"], "lower is better", binary=False)
    for name, direction in _SHARES[:5]:
        yield tally.mean(name, items[name], direction, binary=name == "grounded_share")
    yield tally.signed("summac_zs", items["summac_zs"], "higher is better")
    for name, direction in _SHARES[5:]:
        yield tally.mean(name, items[name], direction, binary=False)
    seen = items["outcome"]
    responded = items["words"].notna().astype(float).where(~seen.isin(["not asked", "error"])).rename(None)
    yield tally.mean("response_share", responded, "neither")
    causes = dict.fromkeys(_CITED, Cause("no answer cites a passage"))
    causes |= dict.fromkeys(_REFERRED, Cause("no item has a reference"))
    for name, cause in causes.items():
        there = bool(items[name].notna().any())
        yield tally.mean(name, items[name], "higher is better", binary=False) if there else _without(tally, name, cause)
    yield from _rankings(tally)
    counted = items["supported"] + items["unsupported"]
    yield replace(tally.length("claims_per_answer", counted.rename(None)), unit="claims")
    yield tally.share("error_share", "error", "lower is better")
    yield tally.not_asked()
    for group, rows in items.groupby("group", sort=True):
        yield tally.mean("unsupported_share", rows["value"], "lower is better", group=str(group), binary=False)


def _rankings(tally: Tally) -> Iterator[Measure]:
    """Yield how mean support, and the fewness of words, rank answers labelled right above those labelled wrong."""
    labels, support, words = (tally.items[name].to_numpy(float) for name in ("label", "mean_support", "words"))
    known = ~np.isnan(labels) & ~np.isnan(support)
    right, scores = labels[known] > 0.5, np.column_stack([support, -words])[known]
    units = units_of(tally.items).to_numpy()[known]
    if min(np.unique(units[side]).size for side in (~right, right)) < 2:
        few, none = Cause("fewer than two prompts are labelled right, or wrong"), Cause("no item has a label")
        cause = few if known.any() else none
        yield from (_without(tally, name, cause, "score") for name in _AUROCS)
        return
    found = ranked(("support", "length"), scores[~right], scores[right], (units[~right], units[right]))
    yield found.auroc("support", name=_AUROCS[0], level=tally.level)
    yield found.auroc("length", name=_AUROCS[1], level=tally.level)
    yield replace(found.auroc_difference("support", "length", level=tally.level), name=_AUROCS[2], group=None)


def _without(tally: Tally, name: str, cause: Cause, unit: str = "share") -> Measure:
    n = {"items": 0, "units": 0}
    return undefined(name, cause, n=n, unit=unit, direction="higher is better", level=tally.level)


def _remarks(observed: pd.DataFrame) -> Iterator[Remark]:
    """Yield who judged, and how many premises a verifier read in pieces."""
    told = [one for cell in observed["verified"].dropna() for one in cell]
    if not told:
        yield Remark("rules_alone", {})
    elif pieces := sum(one["pieces"] > 1 for one in told):
        yield Remark("read_in_pieces", {"count": float(pieces), "all": f"{len(told):,}"})


def _answer(row: Mapping[Any, Any], supported_at: float, conflicting_at: float) -> dict[str, Any]:
    """Return the columns of one answer."""
    if row["not_asked"] is not None:
        return {"outcome": "not asked"}
    answer, question = row["answer"], row["prompt"] or ""
    verified = Verified.of(list(row["context"]), row["verified"])
    searched = _of_reference(row, verified, supported_at)
    if answer is None or row["finish"] == "error":
        return {"outcome": "error", **searched}
    if is_refusal(answer) or not any(map(str.isalnum, answer)):
        return {"outcome": "refused" if is_refusal(answer) else "unscored", **searched}
    claims = ground(answer, question, verified, supported_at=supported_at, conflicting_at=conflicting_at)
    return {
        **_counted(scored(claims)), **_of_citations(row, verified, supported_at), **searched,
        "words": float(len(answer.split())),
        "claims": [one.text for one in claims], "states": [one.state for one in claims],
        "rules": [str(one.rule) for one in claims], "supports": [one.support for one in claims],
        "reasons": [str(one.reason or "") for one in claims], "spans": [[*one.whole, *one.span] for one in claims],
        "evidence": [list(one.evidence or ()) for one in claims],
    }  # fmt: skip


def _counted(claims: list[Grounded]) -> dict[str, Any]:
    """Return the shares and scores of the claims that have a verdict."""
    if not claims:
        return {"outcome": "unscored"}
    states = [one.state for one in claims]
    support, conflict = (np.array([getattr(one, name) for one in claims]) for name in ("support", "conflict"))
    yes, clashes = states.count(SUPPORTED), states.count(CONFLICTING)
    return {
        "outcome": "conflicting" if clashes else "unsupported" if yes < len(claims) else "grounded",
        "value": 1 - yes / len(claims), "conflicting_share": clashes / len(claims),
        "absent_share": states.count(ABSENT) / len(claims), "grounded_share": float(yes == len(claims)),
        "mean_support": float(support.mean()), "least_support": float(support.min()),
        "summac_zs": float((support - conflict).mean()),
        "factscore": factscore([one == SUPPORTED for one in states], GAMMA), "supported": float(yes),
        "unsupported": float(len(claims) - yes),
    }  # fmt: skip


def _of_citations(row: Mapping[Any, Any], verified: Verified, supported_at: float) -> dict[str, float]:
    """Return what citations tell."""
    cited = row["cited"]
    told = None if cited is None else cited_rightly(row["answer"], [list(one) for one in cited], verified, supported_at)
    return {} if told is None else dict(zip(_CITED, told, strict=True))


def _of_reference(row: Mapping[Any, Any], verified: Verified, supported_at: float) -> dict[str, float]:
    """Return what the reference tells of the passages, whatever was answered."""
    if row["reference"] is None or not len(row["reference"]):
        return {}
    matrix = reference_matrix(row["reference"][0], row["prompt"] or "", verified) >= supported_at
    if not len(matrix):
        return {}
    return {
        "context_recall": context_recall(matrix.any(axis=1)), "context_precision": context_precision(matrix.any(axis=0))
    }


def _units(observed: pd.DataFrame) -> pd.Series[Any]:
    """Return the unit of each answer: what the data name, else its prompt where prompts repeat; null = each its own."""
    if observed["unit"].notna().any():
        return unit_column(observed)
    repeat = observed["prompt"].dropna().duplicated().any()
    return unit_column(observed, "prompt") if repeat else observed["unit"]
