"""What looking for passages of a large corpus in texts takes: `python benchmarks/copies.py [MEGABYTES] [TEXTS]`.

    whole        `memorisation.copies` judges TEXTS (500) texts of 200 words, and as many held-out ones, against such a
                 corpus (100 MB): seconds of a processor, and the most memory above what the corpus itself takes
    stretches    the same runs of a tenth of the corpus, word by word through the automaton instead of the stretches
                 alone: the ratio of seconds, and whether all lengths are equal

Words are drawn by Zipf's law from 50,000; every tenth text holds a passage of 60 words, every tenth nearly one.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from detectors.memorisation import runs
from detectors.memorisation.copies import Copying, copies
from detectors.memorisation.runs import Corpus, Form, runs_in

WORDS = 50_000
LONG = 200
"""Words of a text."""


def drawn(rng: np.random.Generator, count: int) -> list[str]:
    """Return words whose frequency falls as their rank grows."""
    share = 1 / np.arange(1, WORDS + 1)
    picked = np.searchsorted(np.cumsum(share / share.sum()), rng.random(count))
    return [NAMES[at] for at in picked.tolist()]


NAMES = ["".join(chr(97 + at // 26**place % 26) for place in range(2 + at % 5)) + f"{at % 7}" for at in range(WORDS)]


def made(megabytes: float, texts: int) -> dict[str, pd.DataFrame]:
    """Return a corpus of documents of 2,000 words, texts that hold passages of it, and held-out ones."""
    rng, documents, size = np.random.default_rng(0), list[str](), 0
    while size < megabytes * 1e6:
        documents.append(" ".join(drawn(rng, 2000)))
        size += len(documents[-1])
    seen = {"corpus": pd.DataFrame({"text": documents})}
    for role in ("items", "held_out"):
        told = [drawn(rng, LONG) for _ in range(texts)]
        for at in range(0, texts if role == "items" else 0, 5):
            passage = documents[int(rng.integers(len(documents)))].split()[500:560]
            if at % 10:
                passage[::14] = ["other"] * len(passage[::14])
            told[at][70:130] = passage
        frame = pd.DataFrame({"prompt": None, "output": [" ".join(one) for one in told], "unit": None})
        seen[role] = frame.set_index(f"{role}-" + frame.index.astype(str))
    return seen


def whole(seen: dict[str, pd.DataFrame]) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    result = copies(seen, Copying(40, 0.1, 8), level=0.95, rng=np.random.default_rng(0))
    took, most = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = seen["corpus"]["text"].map(len).sum() / 1e6
    texts = f"{size:.0f} MB, {len(seen['items'])} texts and as many"
    print(f"whole: {texts}: {took:.1f} s, {(most - before) / 1024:.0f} MB more")
    for name in ("copied_share", "near_copied_share", "longest_run"):
        print(f"    {name} {result.measure(name).value:g}")


def stretches(seen: dict[str, pd.DataFrame]) -> None:
    documents = seen["corpus"]["text"].tolist()[: len(seen["corpus"]) // 10]
    words = [Form(normalised=True).words(text) for text in seen["items"]["output"]]

    def timed() -> tuple[float, list[list[int]]]:
        began = time.process_time()
        found = runs_in(Corpus(documents, Form(normalised=True)), words)
        return time.process_time() - began, [one.length.tolist() for one in found]

    ours, lengths = timed()
    real = runs._Names.stretches
    runs._Names.stretches = lambda self, codes: iter([(0, len(codes))])  # type: ignore[method-assign]
    theirs, others = timed()
    runs._Names.stretches = real  # type: ignore[method-assign]
    ratio = f"{theirs / ours:.1f} times; equal: {lengths == others}"
    print(f"stretches: {ours:.2f} s, word by word {theirs:.2f} s, {ratio}")


if __name__ == "__main__":
    told = [float(one) for one in sys.argv[1:]]
    given = made(told[0] if told else 100, int(told[1]) if told[1:] else 500)
    stretches(given)
    whole(given)
