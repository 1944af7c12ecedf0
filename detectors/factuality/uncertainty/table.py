"""From one table of answers to every score of their uncertainty: what was observed once is reduced in all ways.

A column that is not there, or a cell that is null, leaves the scores that need it null; `lacking` says what it was. All
scores but the two blind ones point one way: higher = more likely wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.factuality.claims import sentences
from detectors.factuality.uncertainty.graph import components, graph_scores
from detectors.factuality.uncertainty.meanings import cluster, coverage, miller_madow, order_matters, semantic_entropy
from detectors.factuality.uncertainty.selfcheck import entailment_check, ngram_check
from detectors.factuality.uncertainty.similarity import (
    MOST_CHARACTERS,
    Words,
    meaning_of,
    same_meaning,
    similarities,
    to_each,
    words_of,
)
from detectors.factuality.uncertainty.single_pass import (
    claim_conditioned,
    entropy_bounds,
    margins,
    p_true,
    pmi,
    said_by,
    token_scores,
)
from detectors.factuality.uncertainty.verbalised import verbalised_confidence
from detectors.phrases import Cause

__all__ = ["BLIND", "SCORES", "lacking", "score_table"]

_SAMPLED, _BOTH = ("samples",), ("log_probs", "samples")
SCORES: Mapping[str, tuple[str, ...]] = {
    "sequence_nll": ("log_probs",), "mean_nll": ("log_probs",), "max_nll": ("log_probs",),
    "mean_entropy": ("entropies",), "max_entropy": ("entropies",),
    "mean_entropy_bound": ("top_log_probs",), "max_entropy_bound": ("top_log_probs",),
    "mean_margin": ("top_log_probs",), "least_margin": ("top_log_probs",), "pmi": ("log_probs", "log_probs_alone"),
    "p_true": ("p_true",), "verbalised": ("confidence",),
    "claim_conditioned": ("log_probs", "tokens", "verified_alternatives"),
    "sampled_nll": ("samples", "sample_nats"),
    "unigram_mean": _SAMPLED, "unigram_max": _SAMPLED, "bigram_mean": _SAMPLED, "bigram_max": _SAMPLED,
    "selfcheck_entailment": ("samples", "verified_sentences"),
    "disagreement": _SAMPLED, "semantic_entropy": _SAMPLED, "semantic_entropy_corrected": _SAMPLED,
    "semantic_entropy_weighted": ("samples", "sample_nats"), "sets": _SAMPLED, "eigenvalues": _SAMPLED,
    "degree": _SAMPLED, "eccentricity": _SAMPLED, "kernel_entropy": _SAMPLED, "lexical_dissimilarity": _SAMPLED,
    "dissimilarity_to_samples": _SAMPLED, "cocoa_msp": _BOTH, "cocoa_mean": _BOTH,
    "cocoa_entropy": ("entropies", "samples"),
}
"""Score -> the columns that it needs."""
BLIND: Mapping[str, tuple[str, ...]] = {"answer_words": ("answer",), "question_words": ("prompt",)}
"""What knows nothing of the truth: how long the answer and the question are."""
_GRAPH = ("eigenvalues", "degree", "eccentricity", "kernel_entropy")
FEWEST = 2
"""Samples below which nothing can be said of how they agree."""


def lacking(observed: pd.DataFrame, score: str) -> Cause:
    """Return why no item has a value of `score`, one of `SCORES` or `BLIND`."""
    needs = {**SCORES, **BLIND}[score]
    absent = [name for name in needs if name not in observed or observed[name].isna().all()]
    if absent:
        return Cause("no item has what this score needs: {columns}", columns=", ".join(absent))
    if "samples" in needs:
        return Cause("no item has an answer with a word and {fewest} samples or more", fewest=FEWEST)
    return Cause("no item has an answer with a token")


def score_table(observed: pd.DataFrame) -> pd.DataFrame:
    """Return every score of `SCORES` and `BLIND` [item, score], and what is known of the samples; null = undefined.

    observed, one row an item, any of: `prompt`, `answer` (texts), `samples` (texts), `log_probs`, `entropies`,
    `log_probs_alone` (numbers, one a token of the answer), `top_log_probs` (nats [token][k] of the likeliest tokens,
    which are `others`), `tokens` (texts), `p_true` (nats [order][option]), `confidence` (0 to 1, or a text that states
    it), `sample_nats` (nats of each sample), and of a verifier, as (entailment, neutral, contradiction):
    `verified_samples` [premise, hypothesis, 3], `verified_answer` [sample, way, 3], `verified_sentences` [sentence,
    sample, 3] and `verified_alternatives` [token, other token, way, 3]. Where it has judged the samples, likeness is
    the mean of entailment both ways, else ROUGE-L. Bounds of entropies are made where the entropies are not known.

    Beside the scores: `agreement` (share of samples that mean the same as the answer), `meanings_seen` (see
    `detectors.factuality.uncertainty.meanings`) and `order_matters` (whether clusters depend on the samples' order).
    """
    cells = {name: observed[name].to_list() if name in observed else [None] * len(observed) for name in _columns()}
    alike = [_alike(row) for row in _rows(cells)]
    sampled = [{} if rouge is None else _of_samples(row, rouge) for row, rouge in zip(_rows(cells), alike, strict=True)]
    found = {
        **_of_answers(cells), **_of_graphs(cells, alike),
        **{name: np.array([one.get(name, np.nan) for one in sampled], dtype=float) for name in _OF_SAMPLES},
    }  # fmt: skip
    apart = found["dissimilarity_to_samples"]
    for name, of in (("cocoa_msp", "sequence_nll"), ("cocoa_mean", "mean_nll"), ("cocoa_entropy", "mean_entropy")):
        found[name] = found[of] * apart
    for name, of in (("answer_words", "answer"), ("question_words", "prompt")):
        words = [np.nan if text is None else len(str(text).split()) for text in cells[of]]
        found[name] = np.array(words, dtype=float)
    named = (*SCORES, *BLIND, "agreement", "meanings_seen", "order_matters")
    return pd.DataFrame({name: found[name] for name in named}, observed.index)


def _of_answers(cells: Mapping[str, list[Any]]) -> dict[str, Floats]:
    """Return the scores [item] that need no samples."""
    gaps = [_or_null(margins, rows) for rows in cells["top_log_probs"]]
    scores = token_scores(cells["log_probs"], cells["entropies"], gaps)
    unknown = (np.nan, np.nan)
    bounds = [_bounds(row["top_log_probs"]) if row["entropies"] is None else unknown for row in _rows(cells)]
    return {
        **{str(name): scores[name].to_numpy() for name in scores},
        "pmi": pmi(cells["log_probs"], cells["log_probs_alone"]),
        "p_true": np.array([_or_nan(_p_true, cell) for cell in cells["p_true"]], dtype=float),
        "verbalised": np.array([_or_nan(_unsure, cell) for cell in cells["confidence"]], dtype=float),
        "claim_conditioned": np.array([_conditioned(row) for row in _rows(cells)], dtype=float),
        **dict(zip(("mean_entropy_bound", "max_entropy_bound"), np.reshape(bounds, (-1, 2)).T, strict=True)),
    }


_OF_SAMPLES = [
    "unigram_mean", "unigram_max", "bigram_mean", "bigram_max", "selfcheck_entailment", "disagreement", "agreement",
    "semantic_entropy", "semantic_entropy_corrected", "semantic_entropy_weighted", "sets", "lexical_dissimilarity",
    "dissimilarity_to_samples", "sampled_nll", "meanings_seen", "order_matters",
]


def _columns() -> set[str]:
    more = {"prompt", "answer", "others", "verified_samples", "verified_answer"}
    return {*more, *(name for needs in SCORES.values() for name in needs)}


def _rows(cells: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for row in zip(*cells.values(), strict=True):
        yield dict(zip(cells, row, strict=True))


def _or_nan(of: Callable[[Any], float | None], cell: Any) -> float:
    known = None if cell is None or (isinstance(cell, float) and cell != cell) else of(cell)
    return np.nan if known is None else known


def _or_null(of: Callable[[Any], Any], cell: Any) -> Any:
    return None if cell is None or not len(cell) else of(cell)


def _p_true(nats: Any) -> float:
    return float(p_true([[list(one) for one in nats]])[0])


def _unsure(confidence: float | str) -> float | None:
    said = verbalised_confidence(confidence) if isinstance(confidence, str) else float(confidence)
    return None if said is None else 1 - said


def _conditioned(row: Mapping[str, Any]) -> float:
    """Return the claim-conditioned probability of one answer, each token's alternatives behind the token itself."""
    needed = [row[name] for name in ("log_probs", "tokens", "others", "top_log_probs", "verified_alternatives")]
    if any(one is None for one in needed) or len({len(one) for one in needed}) > 1 or not len(needed[0]):
        return np.nan
    nats, says = [], []
    for own, token, names, likely, told in zip(*needed, strict=True):
        rest = [place for place, name in enumerate(names) if name != token]
        nats.append([own, *(likely[place] for place in rest)])
        says.append(["entails", *said_by([[list(way) for way in told[place]] for place in rest])])
    return claim_conditioned(nats, says)


def _bounds(rows: Any) -> tuple[float, float]:
    """Return (mean, largest) over tokens of the least entropy that the likeliest tokens allow."""
    if rows is None or not len(rows) or not all(map(len, rows)):
        return np.nan, np.nan
    least = [entropy_bounds(row)[0] for row in rows]
    return float(np.mean(least)), max(least)


def _alike(row: Mapping[str, Any]) -> Floats | None:
    """Return ROUGE-L [sample, sample] of one item; None where nothing can be said of how its samples agree."""
    samples = row["samples"]
    if row["answer"] is None or samples is None or len(samples) < FEWEST:
        return None
    return similarities([words_of(one) for one in samples])


def _of_samples(row: Mapping[str, Any], rouge: Floats) -> dict[str, float]:
    """Return what follows from the samples of one item."""
    answer, samples = row["answer"], row["samples"]
    texts, own = [words_of(one) for one in samples], words_of(answer)
    about = row["prompt"] if isinstance(row["prompt"], str) else ""
    meanings = [meaning_of(one, about) for one in (answer, *samples)]
    by_words = same_meaning(meanings)
    same = by_words[1:, 1:] if row["verified_samples"] is None else _entailed(row["verified_samples"])
    kinds, sets = cluster(same), components(same)[0]
    found = {
        "disagreement": 1 - np.bincount(kinds).max() / len(kinds), "semantic_entropy": semantic_entropy(kinds),
        "semantic_entropy_corrected": miller_madow(kinds), "sets": float(sets), "meanings_seen": coverage(kinds),
        "order_matters": float(order_matters(same)),
        "lexical_dissimilarity": 1 - float((rouge.sum() - len(texts)) / (len(texts) * (len(texts) - 1))),
        **_checked(answer, samples, texts),
    }  # fmt: skip
    if own:
        found |= _near(own, texts, by_words[0, 1:], row["verified_answer"])
    if (nats := row["sample_nats"]) is not None and len(nats) == len(samples) and _all_known(nats):
        found["semantic_entropy_weighted"] = semantic_entropy(kinds, [one.strip() for one in samples], nats)
        found["sampled_nll"] = -float(np.mean(nats))
    if (told := row["verified_sentences"]) is not None and len(told):
        found["selfcheck_entailment"] = float(entailment_check(_numbers(told)).mean())
    return found


def _near(own: Words, texts: Sequence[Words], same: NDArray[np.bool_], verified: Any) -> dict[str, float]:
    """Return how far the answer is from its samples, and what share of them says the same."""
    near = to_each(own, texts)
    if verified is not None:
        told = _numbers(verified)
        near, same = told[..., 0].mean(axis=-1), (told.argmax(axis=-1) == 0).all(axis=-1)
    return {"dissimilarity_to_samples": float(1 - near.mean()), "agreement": float(np.mean(same))}


def _checked(answer: str, samples: Sequence[str], texts: Sequence[Words]) -> dict[str, float]:
    """Return the n-gram forms; a sample is one run of words for unigrams, which no sentence cuts."""
    own = _sentences(answer)
    single = ngram_check(own, [[one] for one in texts])
    if single is None:
        return {}
    double = ngram_check(own, map(_sentences, samples), n=2)
    found = {"unigram_mean": single.mean, "unigram_max": single.mean_of_max}
    return found if double is None else {**found, "bigram_mean": double.mean, "bigram_max": double.mean_of_max}


def _sentences(text: str) -> list[Words]:
    read = text[:MOST_CHARACTERS]
    return [words_of(span.of(read)) for span in sentences(read)]


def _of_graphs(cells: Mapping[str, Sequence[Any]], alike: Sequence[Floats | None]) -> dict[str, Floats]:
    """Return the graph scores [item], items with as many samples at once."""
    found = {name: np.full(len(alike), np.nan) for name in _GRAPH}
    by_size: dict[int, dict[int, Floats]] = {}
    for item, (rouge, told) in enumerate(zip(alike, cells["verified_samples"], strict=True)):
        if rouge is not None:
            by_size.setdefault(len(rouge), {})[item] = rouge if told is None else _numbers(told)[..., 0]
    for items in by_size.values():
        scores = graph_scores(np.stack(list(items.values())))
        for name, column in found.items():
            column[list(items)] = scores[name]
    return found


def _all_known(numbers: Sequence[float | None]) -> bool:
    return bool(np.isfinite(np.array(numbers, dtype=float)).all())


def _entailed(verified: Any) -> NDArray[np.bool_]:
    """Return [premise, hypothesis]: whether entailment is the likeliest of the three."""
    return np.asarray(_numbers(verified).argmax(axis=-1) == 0)


def _numbers(cell: Any) -> Floats:
    """Return nested lists, however a frame holds them, as one array."""
    return np.array([[list(pair) for pair in row] for row in cell], dtype=float)
