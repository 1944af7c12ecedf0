"""How fast KGW's green lists are read: CPU seconds against transformers' WatermarkDetector, one thread, same counts.

    prose   Python's own manual, a word an id: some 570 texts of 200 tokens, as a corpus of one kind of text is
    Zipf    1,000 texts of 200 tokens whose ranks follow Zipf's law with exponent 1.05: more rare ids than any prose has

Both with 50,257 ids. The work is the green count over the distinct pairs of every text, starting from nothing each
time (ours: median of three). We shuffle once for every id that something follows, in NumPy, and only as far as the
green list goes; transformers shuffles all ids for every distinct pair of every text. It takes a minute or two.

    python benchmarks/watermark.py
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, WatermarkDetector, WatermarkingConfig

from detectors.provenance.text.green import LeftHashLists, green_pairs

VOCABULARY, LENGTH, KEY, GOAL = 50_257, 200, 15485863, 25.0


def main() -> None:
    torch.set_num_threads(1)
    spread = 1 + np.random.default_rng(7).permutation(VOCABULARY - 1)  # id 0 has no colour of its own under any key
    for name, ranks in {"prose": prose(), "Zipf": zipf()}.items():
        print(compared(name, spread[ranks]), flush=True)


def prose() -> np.ndarray:
    words = re.findall(r"\w+|[^\w\s]", " ".join(topics.values()))
    _, ranks = np.unique(words, return_inverse=True)
    return ranks[: len(ranks) // LENGTH * LENGTH].reshape(-1, LENGTH)


def zipf() -> np.ndarray:
    p = 1.0 / np.arange(1, VOCABULARY) ** 1.05
    return np.random.default_rng(0).choice(VOCABULARY - 1, size=(1000, LENGTH), p=p / p.sum())


def compared(name: str, ids: np.ndarray) -> str:
    lists = LeftHashLists(VOCABULARY, 0.25, KEY)
    config = WatermarkingConfig(greenlist_ratio=0.25, hashing_key=KEY, context_width=1)
    peer = WatermarkDetector(GPT2Config(vocab_size=VOCABULARY), "cpu", config, ignore_repeated_ngrams=True)
    rows = torch.from_numpy(ids)
    theirs, found = timed(lambda: peer(rows, return_dict=True))
    ours, colours = sorted((timed(lambda: green_pairs(ids, lists)) for _ in range(3)), key=lambda one: one[0])[1]
    assert [len(one) for one in colours] == found.num_tokens_scored.tolist()
    assert [int(one.sum()) for one in colours] == found.num_green_tokens.tolist()
    contexts, pairs, ratio = len(np.unique(ids[:, :-1])), sum(map(len, colours)), theirs / ours
    return (
        f"{name}: {ratio:.1f} times as fast ({theirs:.1f} s / {ours:.2f} s; {ids.size:,} tokens, {pairs:,} pairs, "
        f"{contexts:,} ids that something follows), goal {GOAL:.0f}: {'met' if ratio >= GOAL else 'MISSED'}"
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
