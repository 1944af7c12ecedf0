"""A tenth of a text that is marked, and the tail of two keys.

    passages    100 tokens drawn under the mark from 60 candidates (logits of spread 2) within 1,000, V = 500: found at
                1e-4 by the scan, beside the whole text; and clean texts accused at 1e-2
    two keys    P((1 - a) X + a Y >= s) at nominal 1e-4 of vLLM's moment match, against 40,000,000 draws
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import binomtest, gamma

from audit.watermarks.text import DiPmark, Gumbel, LeftHash, SynthID, SynthIDMain, VLLMGumbel
from detectors.provenance.text.gumbel import two_key_tail
from detectors.provenance.text.scan import scan

VOCABULARY, BEFORE, MARKED, AFTER, TEXTS, CLEAN = 500, 400, 100, 500, 100, 400
MARKS = (
    LeftHash(), SynthID(), SynthIDMain(), Gumbel(10**38 + 1), VLLMGumbel(42), VLLMGumbel(42, alpha=0.1),
    DiPmark(10**38 + 1),
)  # fmt: skip
DRAWS, CHUNK = 40_000_000, 2_000_000


def main(rest: list[str]) -> int:
    torch.set_num_threads(1)
    for mark in MARKS:
        scheme = mark.scheme(VOCABULARY)
        readings = scheme.read(planted(mark))
        found = np.array([[scan(scheme, one).p_value <= 1e-4, one.p_value <= 1e-4] for one in readings])
        clean = scheme.read(np.random.default_rng(1).integers(0, VOCABULARY, (CLEAN, 1000)))
        accused = sum(scan(scheme, one).p_value <= 1e-2 for one in clean)
        low, high = binomtest(int(found[:, 0].sum()), TEXTS).proportion_ci(0.95, "exact")
        print(
            f"{mark.variant:14}{found[:, 0].mean():.0%} [{low:.0%}, {high:.0%}] found by the scan, "
            f"{found[:, 1].mean():.0%} as a whole; {accused} of {CLEAN} clean texts at 1e-2", flush=True,
        )  # fmt: skip
    for a in (0.1, 0.2, 0.3):
        for tokens in (8, 16, 50, 200):
            print(two_keys(a, tokens), flush=True)
    return 0


def planted(mark: object) -> np.ndarray:
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    found = torch.from_numpy(rng.integers(0, VOCABULARY, (TEXTS, BEFORE)))
    for _ in range(MARKED):
        drawn = 2 * torch.randn(TEXTS, VOCABULARY, generator=generator)
        top = drawn.topk(60, dim=1)
        given = torch.full_like(drawn, -torch.inf).scatter(1, top.indices, top.values)
        p = mark.marked(found[:, BEFORE - 8 :].tolist(), given).softmax(1)  # type: ignore[attr-defined]
        found = torch.cat([found, torch.multinomial(p, 1, generator=generator)], dim=1)
    return np.hstack([found.numpy(), rng.integers(0, VOCABULARY, (TEXTS, AFTER))])


def two_keys(a: float, tokens: int) -> str:
    rng, v, beyond = np.random.default_rng(0), (1 - a) ** 2 + a**2, 0
    bound = v * gamma.isf(1e-4, tokens / v)
    for _ in range(DRAWS // CHUNK):
        sums = (1 - a) * rng.standard_gamma(tokens, CHUNK) + a * rng.standard_gamma(tokens, CHUNK)
        beyond += int((sums >= bound).sum())
    simulated, exact = beyond / DRAWS, float(two_key_tail(bound, tokens, a))
    return (
        f"two keys      a = {a}, {tokens:3} tokens: exact {exact:.3e}, simulated {simulated:.3e} "
        f"(ratio {exact / simulated:.3f}, noise {beyond**-0.5:.3f}); matched 1.000e-04 (ratio {1e-4 / simulated:.2f})"
    )
