"""SynthID beside transformers, CPU seconds of one thread, where bits, masks and scores are the same.

    bits        1,000 random windows; transformers' and, where it is installed, those of the wheel synthid-text 0.2.1
    reading     the weighted mean of 1,000 texts of 200 tokens, ids by Zipf's law (exponent 1.05), V = 50,257
    p-values    one length after the other, from nothing
    marking     one step of a batch of 4, V = 50,257, 100 tokens alive after top-k
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import SynthIDTextWatermarkLogitsProcessor

from audit.watermarks.text import SynthID
from audit.watermarks.text.synthid import DEMO_KEYS
from detectors.provenance.text.scheme import joined
from detectors.provenance.text.synthid import SynthIDScheme

VOCABULARY, TEXTS, LENGTH, BATCH, ALIVE = 50_257, 1_000, 200, 4, 100
OPTIONS: dict[str, Any] = {
    "ngram_len": 5, "sampling_table_size": 2**16, "sampling_table_seed": 0, "context_history_size": 1024,
}  # fmt: skip


def main(rest: list[str]) -> int:
    torch.set_num_threads(1)
    print(bits())
    print(reading())
    print(p_values())
    print(marking())
    return 0


def peer() -> SynthIDTextWatermarkLogitsProcessor:
    return SynthIDTextWatermarkLogitsProcessor(keys=list(DEMO_KEYS), device=torch.device("cpu"), **OPTIONS)


def timed(work: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    best, found = np.inf, None
    for _ in range(times):
        start = time.process_time()
        found = work()
        best = min(best, time.process_time() - start)
    return best, found


def bits() -> str:
    windows = np.random.default_rng(0).integers(0, VOCABULARY, (1000, 5))
    scheme = SynthIDScheme(VOCABULARY, DEMO_KEYS)
    ours = scheme.g_values(np.concatenate([scheme.hashes(one)[1] for one in windows]))
    peers = {"transformers": peer()}
    try:
        from synthid_text.logits_processing import SynthIDLogitsProcessor

        peers["synthid-text"] = SynthIDLogitsProcessor(
            keys=DEMO_KEYS, device=torch.device("cpu"), temperature=1.0, top_k=100, **OPTIONS
        )
    except ImportError:
        print("synthid-text 0.2.1 is not installed (pip install --no-deps) and left out")
    for name, one in peers.items():
        assert np.array_equal(ours, one.compute_g_values(torch.from_numpy(windows))[:, 0]), name
    return f"bits        equal to {' and '.join(peers)} on 1,000 windows of 30 layers"


def reading() -> str:
    p = 1 / np.arange(1, VOCABULARY + 1) ** 1.05
    ids = np.random.default_rng(7).permutation(VOCABULARY)[
        np.random.default_rng(0).choice(VOCABULARY, (TEXTS, LENGTH), p=p / p.sum())
    ]
    rows, weights, processor = torch.from_numpy(ids), torch.linspace(10, 1, 30, dtype=torch.float64), peer()
    weights *= 30 / weights.sum()

    def theirs() -> np.ndarray:
        bits, mask = processor.compute_g_values(rows), processor.compute_context_repetition_mask(rows)
        return ((bits * weights * mask[..., None]).sum((1, 2)) / (30 * mask.sum(1))).numpy()

    def ours(scheme: SynthIDScheme) -> np.ndarray:
        flat, text = joined(ids, VOCABULARY)
        place, score = scheme.scored(flat, text)
        count = np.bincount(text[place], minlength=TEXTS)
        return np.bincount(text[place], score, minlength=TEXTS) / scheme.unit / count

    scheme = SynthIDScheme(VOCABULARY, DEMO_KEYS, repeats="keep")
    built, _ = timed(lambda: scheme.scores(np.zeros(1, dtype=np.uint64)))
    slow, expected = timed(theirs)
    fast, found = timed(lambda: ours(scheme), 7)
    once, _ = timed(lambda: ours(replace(scheme, repeats="drop")), 7)
    assert np.abs(found - expected).max() < 1e-14
    speed = TEXTS * LENGTH / fast / 1e6
    return (
        f"reading     {slow:.3f} s theirs, {fast:.4f} s ours ({slow / fast:.0f}x, {speed:.1f}M tokens a second; same "
        f"scores), {once:.4f} s with repeats dropped ({slow / once:.0f}x); the table once {built * 1e3:.0f} ms"
    )


def p_values() -> str:
    law, found = SynthIDScheme(VOCABULARY, DEMO_KEYS).law, []
    for tokens in (16, 50, 200, 400, 1000):
        taken, _ = timed(lambda n=tokens: law.tail(int(n * (law.mean + 0.1 * law.deviation)), n))
        found.append(f"{tokens}: {taken * 1e3:.0f} ms")
    return f"p-values    {', '.join(found)}"


def marking(steps: int = 24) -> str:
    processor, mark, generator = peer(), SynthID(), torch.Generator().manual_seed(0)
    texts, spent = torch.zeros(BATCH, 1, dtype=torch.long), np.zeros((steps, 2))
    for step in range(steps):
        drawn = 3 * torch.randn(BATCH, VOCABULARY, generator=generator)
        top = drawn.topk(ALIVE, dim=1)
        given = torch.full_like(drawn, -torch.inf).scatter(1, top.indices, top.values)
        before = texts[:, 1:].tolist()
        spent[step, 0], expected = timed(lambda: processor(texts, given.clone()))  # noqa: B023
        spent[step, 1], found = timed(lambda: mark.marked(before, given))  # noqa: B023
        assert (expected.double().softmax(1) - found.double().softmax(1)).abs().max() < 2e-6
        texts = torch.cat([texts, torch.multinomial(found.softmax(1), 1, generator=generator)], dim=1)
    slow, fast = np.median(spent[1:], axis=0) * 1e3
    return f"marking     {slow:.0f} ms a step theirs, {fast:.2f} ms ours ({slow / fast:.0f}x; same distributions)"
