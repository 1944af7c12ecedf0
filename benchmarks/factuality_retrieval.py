"""Retrieval: are the right passages found, in the order of the formula, and what does it cost?

    found     hit@1, recall@10, MRR and nDCG@10 of both indices, with bootstrap intervals over claims
    parity    scores and ranks of the index in arrays against bm25s 0.3 (Lucene's form, the same terms), where installed
    cost      CPU seconds of one thread to build, milliseconds a query; the ratio is within one run

Passages are the sentences of FoolMeTwice (gold and retrieved ones of dev and test), questions its claims; a claim's own
evidence is what is right. `python benchmarks/factuality.py retrieval [CLAIMS]`. Peer: `pip install bm25s`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from audit.retrieval import FullText, InvertedIndex, has_full_text, terms
from detectors.factuality.retrieval import hit_at, ndcg_at, recall_at, reciprocal_rank

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "foolmetwice"
K = 10


def read(claims: int) -> tuple[list[str], list[str], list[set[int]]]:
    """Return passages, claims and the places of each claim's evidence."""
    rows = [json.loads(line) for name in ("dev", "test") for line in (DATA / f"{name}.jsonl").open(encoding="utf-8")]
    place: dict[str, int] = {}
    for row in rows:
        for one in (*row["gold_evidence"], *row["retrieved_evidence"]):
            place.setdefault(one["text"], len(place))
    asked = [row for row in rows if row["gold_evidence"]][:claims]
    right = [{place[one["text"]] for one in row["gold_evidence"]} for row in asked]
    return list(place), [row["text"] for row in asked], right


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call gives, and the CPU seconds that it takes."""
    start = time.process_time()
    given = call()
    return given, time.process_time() - start


def told(name: str, values: Sequence[float], rng: np.random.Generator) -> str:
    """Return a mean with its percentile bootstrap over claims."""
    numbers = np.array(values)
    means = numbers[rng.integers(len(numbers), size=(999, len(numbers)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{name} {numbers.mean():.3f} [{low:.3f}, {high:.3f}]"


def measured(ranked: Sequence[Sequence[int]], right: Sequence[set[int]]) -> str:
    """Return the four measures of rankings."""
    rng = np.random.default_rng(0)
    pairs = list(zip(ranked, right, strict=True))
    scores = {
        "hit@1": [hit_at(*pair, 1) for pair in pairs], f"recall@{K}": [recall_at(*pair, K) for pair in pairs],
        "MRR": [reciprocal_rank(*pair) for pair in pairs], f"nDCG@{K}": [ndcg_at(*pair, K) for pair in pairs],
    }  # fmt: skip
    return "   ".join(told(name, [one for one in values if one is not None], rng) for name, values in scores.items())


def parity(index: InvertedIndex, passages: Sequence[str], claims: Sequence[str]) -> None:
    """Print how bm25s scores and ranks the same terms; AssertionError where a score differs beyond its 32 bits."""
    if find_spec("bm25s") is None:
        print("parity   bm25s is not installed, left out")
        return
    import bm25s

    bags = [terms(one) for one in passages]
    vocabulary = {term: number for number, term in enumerate(dict.fromkeys(term for bag in bags for term in bag))}
    tokens = bm25s.tokenization.Tokenized(ids=[[vocabulary[term] for term in bag] for bag in bags], vocab=vocabulary)
    peer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    _, build = timed(lambda: peer.index(tokens, show_progress=False))
    asked = [[term for term in dict.fromkeys(terms(one)) if term in vocabulary] for one in claims]
    theirs, cost = timed(lambda: [peer.get_scores(one) for one in asked])
    ours, own = timed(lambda: [index.scores(one) for one in claims])
    worst = max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))
    assert worst < 1e-4, worst
    same = sum(order(one) == order(np.asarray(other)) for one, other in zip(ours, theirs, strict=True))
    print(f"parity   bm25s {bm25s.__version__}: scores differ by {worst:.1e} at most; the first {K} in one order for "
          f"{same:,} of {len(claims):,} claims, scores rounded to 1e-4")  # fmt: skip
    print(f"cost     scores of all passages: ours {1e3 * own / len(claims):.2f} ms a claim, bm25s "
          f"{1e3 * cost / len(claims):.2f} (ratio {own / cost:.2f}); its index from terms {build:.2f} s")  # fmt: skip


def order(scores: np.ndarray) -> list[int]:
    """Return the first places; scores that differ in their last digits alone are ties, by place."""
    return np.argsort(-np.round(scores.astype(float), 4), kind="stable")[:K].tolist()


def main(rest: Sequence[str]) -> int:
    """Print all; 0."""
    if not DATA.is_dir():
        print(f"{DATA} is not there, left out")
        return 0
    passages, claims, right = read(int(rest[0]) if rest else 500)
    print(f"{len(passages):,} passages, {len(claims):,} claims; intervals at 95 %, over claims")
    kinds = [("arrays", InvertedIndex), *([("fts5", FullText)] if has_full_text() else [])]
    built: dict[str, Any] = {}
    for name, kind in kinds:
        built[name], build = timed(lambda kind=kind: kind(passages))
        ranked, cost = timed(lambda name=name: [built[name].search(one, K) for one in claims])
        print(f"{name:8} {measured(ranked, right)}")
        print(f"{'':8} built in {build:.2f} s of a processor, {1e3 * cost / len(claims):.2f} ms a claim")
    parity(built["arrays"], passages, claims)
    return 0
