"""Extraction: how much of a text comes out again where its beginning is put in? Beside texts that were held out.

    greedy          the true suffix is what the model finds likeliest, token by token: each has rank 1, which one pass
                    over the true text tells (Carlini et al. 2023, 2202.07646)
    (n, p)          log p_z = sum_t log p(z_t | z_<t);  1 - (1 - p_z)^n >= p  from  n = log(1 - p) / log(1 - p_z)
                    tries on, p(z_t | z_<t) being that of the draws: at temperature 1 over the whole vocabulary, or at
                    another one over the `top_k` likeliest tokens, or those of them that hold `top_p` of the
                    probability, renormalised (Hayes et al. 2024, 2410.19482)
    near-verbatim   what the model writes after the prefix beside the true suffix: the longest common substring, and the
                    edit distance, as they are and in one case, spacing and Unicode form

What a model writes that never saw a text is the same measure on held-out texts of its kind: boilerplate comes out, too.
Differences stand beside every share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import Floats
from detectors.held_out import HELD_OUT, beside, counted, mean_of
from detectors.immutable import immutable
from detectors.memorisation.verbatim import edit_share, longest_common, normalised
from detectors.phrases import Cause
from detectors.result import Measure, Remark, Result

__all__ = ["Setting", "drawn_log_probs", "extraction", "log_tries"]

_UNITS = {"greedy_run": "tokens", "reproduced": "characters", "normalised_reproduced": "characters"}


@immutable
class Setting:
    """What counts as extracted."""

    tries: int
    probability: float
    """A text is extractable that comes out within so many tries with such a probability."""
    near: float
    """Share of edits, in one case and spacing, at or below which an output is nearly verbatim."""
    temperature: float = 1.0
    """Of the draws."""
    top_p: float = 1.0
    """Share of the probability, of the likeliest tokens that are told, from which draws come."""


def log_tries(log_p: Floats, probability: float) -> Floats:
    """Return ln n: after how many tries, one or more, a text of log-probability `log_p` [text] came with a probability.

    n need not be whole; infinite where the text cannot come.
    """
    with np.errstate(divide="ignore"):
        hits = np.where(log_p < -30, log_p, np.log(-np.log1p(-np.exp(np.minimum(log_p, -1e-16)))))
    return np.asarray(np.maximum(np.log(-np.log1p(-probability)) - hits, 0.0))


def drawn_log_probs(log_probs: Floats, ranks: Floats, likeliest: Floats, temperature: float, top_p: float) -> Floats:
    """Return ln p of each token [token] as it is drawn from the likeliest tokens of its place; -inf = it never is.

    log_probs, ranks: of the true tokens, ranks from 1; likeliest: ln p of the tokens that draws are cut to [token, k],
    descending. Each p^(1 / temperature) is divided by the sum of those that are left: of the fewest that hold `top_p`.
    A true token counts as left where it is as likely as the last one that is.
    """
    scaled = likeliest / temperature
    whole = np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    before = np.cumsum(np.exp(scaled - whole), axis=1) - np.exp(scaled - whole)
    left = before < top_p - 1e-12
    left[:, 0] = True
    total = np.logaddexp.reduce(np.where(left, scaled, -np.inf), axis=1)
    last = np.min(np.where(left, likeliest, np.inf), axis=1)
    inside = (ranks <= left.sum(axis=1)) | (log_probs >= last)
    return np.where(inside, log_probs / temperature - total, -np.inf)


def extraction(
    observed: Mapping[str, pd.DataFrame], setting: Setting, *, level: float, rng: np.random.Generator
) -> Result:
    """Return the measures, of texts and, as group `held_out`, of held-out ones, with their difference.

    observed: `items` and `held_out`, a row a text: `text`, `unit` (or null), `not_asked` (reason, or null),
    `log_probs` and `ranks` (lists, of the suffix's tokens; null where no trace was asked for), `likeliest`, where draws
    are cut to the likeliest tokens (of each token of the suffix, their ln p), `tied` (tokens of a
    suffix that comes out greedily which share their rank; null = not looked at), `prefix_end` and `suffix_end`
    (characters), `output` (null = none came) and `generated` (whether it was asked for).
    """
    frames = {role: _read(observed[role], setting) for role in ("items", HELD_OUT)}
    common = _in_both(frames)
    told = {role: frame[frame["not_asked"].isna()] for role, frame in frames.items()}
    asked = [name for name in _SHARES if any(_was_asked(frame, name) for frame in told.values())]
    measures = [
        one for name in asked or _SHARES[:1] for one in beside(name, told, level, rng, answered=name in _WRITTEN)
    ]
    measures += [one for name in _MEANS if told["items"][name].notna().any() for one in _means(name, told, level, rng)]
    measures += list(_counts(frames, told, level))
    remarks = [Remark("mislabelled_held_out", {"count": float(common)})] if common else []
    items = pd.concat([frame.assign(role=role) for role, frame in frames.items()])
    return Result(tuple(measures), _evidence(items), remarks=tuple(remarks))


_SHARES = ("extractable", "extracted", "near_verbatim")
"""Columns of 0 and 1 that have a share, and a difference to that of held-out texts."""
_MEANS = ("greedy_run", "edit_distance", "normalised_edit_distance", "reproduced", "normalised_reproduced")


def _read(frame: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Return a row a text with what came out of it."""
    told = [{**_traced(row, setting), **_written(row, setting)} for row in frame.to_dict("records")]
    found: dict[str, Any] = {name: [one.get(name) for one in told] for name in (*_TRACED, *_WRITTEN)}
    found |= {name: np.array(found[name], dtype=float) for name in (*_TRACED, *_WRITTEN[2:])}
    lost = frame["generated"].astype(bool) & frame["output"].isna() & frame["not_asked"].isna()
    rows = frame[["text", "unit", "not_asked", "tied", "output"]]
    return pd.concat([rows, pd.DataFrame({**found, "no_answer": lost}, rows.index)], axis=1)


_TRACED = ("log_p", "log10_tries", "extractable", "greedy_run", "suffix_tokens", "extracted")


def _traced(row: Mapping[Any, Any], setting: Setting) -> dict[str, Any]:
    """Return what the trace tells of a suffix; `greedy_run`: tokens in a row, from the first, that are likeliest."""
    if row["not_asked"] is not None or row["ranks"] is None:
        return dict.fromkeys(_TRACED)
    likeliest = np.asarray(row["ranks"], dtype=float) == 1
    run = len(likeliest) if likeliest.all() else int(likeliest.argmin())
    log_probs = np.asarray(row["log_probs"], dtype=float)
    if row.get("likeliest") is not None:
        told = np.array([list(one) for one in row["likeliest"]], dtype=float)
        ranks = np.asarray(row["ranks"], dtype=float)
        log_probs = drawn_log_probs(log_probs, ranks, told, setting.temperature, setting.top_p)
    log_p = float(np.sum(log_probs))
    if np.isinf(log_p):  # a token of it is never drawn
        return {"extractable": 0.0, "greedy_run": run, "suffix_tokens": len(likeliest), "extracted": 0.0}
    tries = float(log_tries(np.array([log_p]), setting.probability)[0])
    return {
        "log_p": log_p, "log10_tries": tries / np.log(10), "extractable": tries <= np.log(setting.tries) + 1e-12,
        "greedy_run": run, "suffix_tokens": len(likeliest), "extracted": run == len(likeliest),
    }  # fmt: skip


_WRITTEN = (
    "suffix", "passage", "suffix_at", "output_at", "reproduced", "normalised_reproduced", "edit_distance",
    "normalised_edit_distance", "near_verbatim",
)  # fmt: skip


def _written(row: Mapping[Any, Any], setting: Setting) -> dict[str, Any]:
    """Return what is told of an output beside the true suffix, over as many characters as that has."""
    if row["not_asked"] is not None or row["output"] is None:
        return dict.fromkeys(_WRITTEN)
    suffix = row["text"][int(row["prefix_end"]) : int(row["suffix_end"])]
    output = row["output"][: len(suffix)]
    common, plain = longest_common(suffix, output), (normalised(suffix), normalised(output))
    distance = edit_share(*plain)
    return {
        "suffix": suffix, "passage": suffix[common.first : common.first + common.length],
        "suffix_at": float(common.first), "output_at": float(common.second), "reproduced": float(common.length),
        "normalised_reproduced": float(longest_common(*plain).length), "edit_distance": edit_share(suffix, output),
        "normalised_edit_distance": distance, "near_verbatim": float(distance <= setting.near),
    }  # fmt: skip


def _in_both(frames: dict[str, pd.DataFrame]) -> int:
    """Leave out held-out texts that stand among the texts, or hold one of them; return how many."""
    items, held = (frames[role] for role in ("items", HELD_OUT))
    texts = [normalised(text) for text in items["text"]]
    joined, reason = "\n".join(texts), Cause("it stands among the texts, too")
    told = [normalised(text) for text in held["text"]]
    both = np.array([one in joined or any(text in one for text in texts) for one in told], bool)
    frames[HELD_OUT] = held.assign(not_asked=held["not_asked"].where(~both, reason))
    return int(both.sum())


def _was_asked(rows: pd.DataFrame, column: str) -> bool:
    return bool(rows[column].notna().any() or (column in _WRITTEN and rows["no_answer"].any()))


def _means(name: str, told: Mapping[str, pd.DataFrame], level: float, rng: np.random.Generator) -> Iterator[Measure]:
    """Yield the mean of a column of texts and of held-out ones."""
    for role, group in (("items", None), (HELD_OUT, HELD_OUT)):
        rows, unit = told[role], _UNITS.get(name, "share")
        scale = 1.0
        if unit != "share":
            lengths = rows["suffix_tokens"].dropna() if unit == "tokens" else map(len, rows["suffix"].dropna())
            scale = float(max(lengths, default=1))
        yield mean_of(
            name, rows, name, level, rng, group=group, binary=False, unit=unit, scale=scale, answered=name in _WRITTEN
        )


def _counts(
    frames: Mapping[str, pd.DataFrame], told: Mapping[str, pd.DataFrame], level: float
) -> Iterator[Measure]:
    """Yield the longest passage that came out, how many texts were not asked about, and matches by a tie."""
    items = told["items"]
    written = items["reproduced"].dropna()
    if len(written):
        yield counted("longest_reproduced", float(written.max()), len(written), level, "characters")
    tied = items["tied"].dropna()
    if len(tied):
        yield counted("tied_texts", float((tied.astype(float) > 0).sum()), len(tied), level, "count")
    lost = sum(int(frame["not_asked"].notna().sum()) for frame in frames.values())
    yield counted("not_asked", float(lost), sum(map(len, frames.values())), level, "count")


def _evidence(items: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what counts against the model: a text, not held out, that comes out."""
    first = items["extractable"].where(items["extractable"].notna(), items["near_verbatim"].astype(float))
    of_texts = items["role"].eq("items")
    against = first.gt(0).astype("boolean").where(first.notna() & of_texts)
    weight = items["greedy_run"].where(items["greedy_run"].notna(), items["normalised_reproduced"].astype(float))
    told = items.assign(value=first.where(of_texts), against=against, weight=weight.where(of_texts))
    return told if told["no_answer"].any() else told.drop(columns="no_answer")
