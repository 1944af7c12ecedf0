"""Green lists beside transformers: same lists and counts, how fast texts are read, both directions on a real model.

    lists       1,000 random windows of each variant, V = 50,257: transformers' own; of lm-watermarking and Unigram,
                what their published definitions give when torch and NumPy are asked in so many words
    reading     CPU seconds of one thread, from nothing each time (ours: best of three, compiled before if it is):
                1,000 texts of 200 ids by Zipf's law (exponent 1.05), and some 570 of Python's manual, a word an id
    both ways   texts of SmolLM2, marked in `generate()` by transformers and by us, found by ours and by theirs

transformers shuffles all ids for every distinct n-gram of every text; we follow those that are asked for, once a list.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, WatermarkDetector, WatermarkingConfig, WatermarkLogitsProcessor

from audit.watermarks.text import LeftHash, SelfHashHF, SelfHashLMW, Unigram
from audit.watermarks.text.processor import MarkProcessor
from detectors.provenance.text.green import GreenLists, SelfHashHFLists
from detectors.provenance.text.scheme import Reading, joined
from detectors.provenance.text.shuffle import among_first, first_ids

VOCABULARY, LENGTH, KEY = 50_257, 200, 15485863
GOALS = {"kgw-lefthash": 25, "kgw-selfhash-hf": 15}


def main(rest: list[str]) -> int:
    torch.set_num_threads(1)
    for part in rest or ("lists", "reading", "both"):
        {"lists": lists, "reading": reading, "both": both}[part]()
    return 0


def config(variant: str) -> WatermarkingConfig:
    left = variant == "kgw-lefthash"
    return WatermarkingConfig(
        greenlist_ratio=0.25, hashing_key=KEY, context_width=1 if left else 4,
        seeding_scheme="lefthash" if left else "selfhash",
    )


def lists() -> None:
    rng, marks = np.random.default_rng(0), (LeftHash(), SelfHashHF(), SelfHashLMW())
    lmw = torch.randperm(1_000_003, generator=torch.Generator().manual_seed(2971215073))
    for mark in marks:
        scheme: GreenLists = mark.scheme(VOCABULARY)
        peer = WatermarkLogitsProcessor(VOCABULARY, "cpu", **config(mark.variant).to_dict())
        if mark.variant == "kgw-selfhash-lmw":
            peer.fixed_table = lmw
        same = 0
        for window in rng.integers(1, VOCABULARY, (1000, 4)):
            text = window[-2:] if mark.variant == "kgw-lefthash" else window
            seed = int(scheme.seeds(text, np.zeros(len(text), dtype=int))[1][-1])
            theirs = peer._get_greenlist_ids(torch.from_numpy(text[:-1] if len(text) == 2 else text))
            same += np.flatnonzero(first_ids(seed, VOCABULARY, scheme.size)).tolist() == sorted(theirs.tolist())
        print(f"lists, {mark.variant}: {same:,} of 1,000 equal", flush=True)
    same = 0
    for key in range(1, 1001):
        seed, mask = int.from_bytes(hashlib.sha256(np.int64(key)).digest()[:4], "little"), np.arange(VOCABULARY) < 12564
        np.random.default_rng(seed).shuffle(mask)
        same += bool((Unigram(hashing_key=key).scheme(VOCABULARY).green == mask).all())  # type: ignore[attr-defined]
    print(f"lists, unigram: {same:,} of 1,000 equal", flush=True)


def reading() -> None:
    spread = 1 + np.random.default_rng(7).permutation(VOCABULARY - 1)  # id 0 has no colour of its own under any key
    for mark in (LeftHash(), SelfHashHF()):
        scheme = mark.scheme(VOCABULARY)
        scheme.read(np.random.default_rng(1).integers(1, VOCABULARY, (30, LENGTH)))  # compiles
        for name, ranks in {"Zipf": zipf(), "prose": prose()}.items():
            print(compared(name, spread[ranks], scheme), flush=True)


def zipf() -> np.ndarray:
    p = 1.0 / np.arange(1, VOCABULARY) ** 1.05
    return np.random.default_rng(0).choice(VOCABULARY - 1, size=(1000, LENGTH), p=p / p.sum())


def prose() -> np.ndarray:
    words = re.findall(r"\w+|[^\w\s]", " ".join(topics.values()))
    _, ranks = np.unique(words, return_inverse=True)
    return ranks[: len(ranks) // LENGTH * LENGTH].reshape(-1, LENGTH)


def compared(name: str, ids: np.ndarray, scheme: GreenLists) -> str:
    peer = WatermarkDetector(GPT2Config(vocab_size=VOCABULARY), "cpu", config(scheme.variant), True)
    theirs, found = timed(lambda: peer(torch.from_numpy(ids), return_dict=True))
    ours, readings = min((timed(lambda: scheme.read(ids)) for _ in range(3)), key=lambda one: one[0])
    assert windows_of(ids, scheme) == (found.num_tokens_scored.tolist(), found.num_green_tokens.tolist())
    if not isinstance(scheme, SelfHashHFLists):  # of self hash windows with one seed are one item to us, not to them
        assert totals(readings) == (found.num_tokens_scored.tolist(), found.num_green_tokens.tolist())
    ratio, goal = theirs / ours, GOALS[scheme.variant]
    return (
        f"reading, {scheme.variant}, {name}: {ratio:.1f} times as fast ({theirs:.1f} s / {ours:.2f} s, {ids.size:,} "
        f"tokens), goal {goal}: {'met' if ratio >= goal else 'MISSED'}"
    )


def totals(readings: list[Reading]) -> tuple[list[int], list[float]]:
    return [one.scored for one in readings], [one.statistic for one in readings]


def windows_of(ids: np.ndarray, scheme: GreenLists) -> tuple[list[int], list[int]]:
    """Return of each text how many distinct n-grams it has, and how many of them are green, as transformers counts."""
    width = scheme.context_width if isinstance(scheme, SelfHashHFLists) else 2
    flat, text = joined(ids, VOCABULARY)
    place, seed = scheme.seeds(flat, text)
    pairs, code = np.unique(seed * np.uint64(VOCABULARY) + flat[place].astype(np.uint64), return_inverse=True)
    seeds, tokens = (pairs // VOCABULARY).astype(np.uint32), (pairs % VOCABULARY).astype(np.int64)
    green = among_first(seeds, tokens, VOCABULARY, scheme.size)[code].reshape(len(ids), -1)
    grams = np.lib.stride_tricks.sliding_window_view(ids, width, axis=1)
    firsts = [np.unique(row, axis=0, return_index=True)[1] for row in grams]
    return [len(one) for one in firsts], [int(row[one].sum()) for row, one in zip(green, firsts, strict=True)]


def both() -> None:
    from audit.plugins import open_model
    from audit.reference.plans import find_language_model

    opened = open_model("causal_lm", path=str(find_language_model()), dtype="float32")
    network, vocabulary = opened.scorer.network.model, opened.vocabulary
    start = torch.tensor([opened.tokenise(["The history of the city begins with"])[0]] * 4)
    how = {"max_new_tokens": 100, "do_sample": True, "top_k": 0, "attention_mask": torch.ones_like(start)}
    for mark in (LeftHash(), SelfHashHF()):
        scheme, settings = mark.scheme(vocabulary), config(mark.variant)
        settings.bias = mark.bias
        detector = WatermarkDetector(network.config, "cpu", settings, ignore_repeated_ngrams=True)
        made = {"transformers": {"watermarking_config": settings}, "ours": {"logits_processor": [MarkProcessor(mark)]},
                "nobody": {}}  # fmt: skip
        for maker, options in made.items():
            torch.manual_seed(0)
            texts = network.generate(start, **how, **options)[:, start.shape[1] :]
            p = [one.p_value for one in scheme.read(texts.numpy())]
            z = detector(texts, return_dict=True).z_score
            print(f"both ways, {mark.variant}, marked by {maker}: our p {min(p):.1e} to {max(p):.1e}, "
                  f"their z {z.min():.1f} to {z.max():.1f}", flush=True)  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found
