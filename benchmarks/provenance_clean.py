"""False positives of text marks: 600,000 texts of 200 tokens that repeat themselves, under 60 random keys.

The texts come from a chain of 100 states, each with six that follow, the likeliest with 0.45, so that contexts of four
ids come again and again. Nominal and counted rates. Texts of one key meet the same contexts: the unit is the key, and
the interval goes by how the rates of keys differ (none where too few texts are found). Where evidence has no steps, the
true rate is the nominal one. A scheme takes a minute or more: `clean [VARIANT ...]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import t as student

from audit.watermarks.text import (
    DiPmark,
    Gumbel,
    LeftHash,
    SelfHashHF,
    SelfHashLMW,
    Shifted,
    SynthID,
    SynthIDMain,
    Unigram,
    VLLMGumbel,
)
from detectors.provenance.text.scheme import TextScheme

VOCABULARY, STATES, LENGTH, KEYS, TEXTS = 50_257, 100, 200, 60, 10_000
LEVELS = (1e-2, 1e-3, 1e-4, 1e-5)


def drawn_keys(rng: np.random.Generator, layers: int) -> tuple[int, ...]:
    return tuple(rng.integers(1, 2**62, layers).tolist())


def odd(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 2**31)) | 1


MARKS: dict[str, Callable[[np.random.Generator], object]] = {
    "kgw-lefthash": lambda rng: LeftHash(hashing_key=odd(rng)),
    "kgw-selfhash-hf": lambda rng: SelfHashHF(hashing_key=odd(rng)),
    "kgw-selfhash-lmw": lambda rng: SelfHashLMW(hashing_key=odd(rng)),
    "kgw-shift": lambda rng: Shifted(hashing_key=odd(rng)),
    "unigram": lambda rng: Unigram(hashing_key=odd(rng)),
    "synthid-hf": lambda rng: SynthID(keys=drawn_keys(rng, 30)),
    "synthid-main": lambda rng: SynthIDMain(keys=drawn_keys(rng, 30)),
    "gumbel": lambda rng: Gumbel(int(rng.integers(1, 2**62))),
    "gumbel-vllm": lambda rng: VLLMGumbel(int(rng.integers(1, 2**62))),
    "dipmark": lambda rng: DiPmark(int(rng.integers(1, 2**62))),
}


def main(rest: list[str]) -> int:
    for name in rest or MARKS:
        found, scored = [], 0.0
        rng = np.random.default_rng(0)
        for texts in sources(rng):
            scheme: TextScheme = MARKS[name](rng).scheme(VOCABULARY)  # type: ignore[attr-defined]
            readings = scheme.read(texts)
            p = np.array([one.p_value for one in readings])
            scored += float(np.mean([one.scored for one in readings])) / KEYS
            found.append([np.mean(p <= level) for level in LEVELS])
        of_keys, wide = np.array(found), student.ppf(0.975, KEYS - 1) / KEYS**0.5
        print(f"{name:14}{KEYS * TEXTS:,} texts, {KEYS} keys, {scored:.0f} of {LENGTH} tokens scored", flush=True)
        for level, rate, spread in zip(LEVELS, of_keys.mean(axis=0), of_keys.std(axis=0, ddof=1), strict=True):
            low, high = max(rate - wide * spread, 0), rate + wide * spread
            told = f"[{low:.2e}, {high:.2e}]" if rate * KEYS * TEXTS >= 20 else "too few for an interval"
            above = "   ABOVE" if low > level and told[0] == "[" else ""
            print(f"    {level:.0e}   {rate:.2e}   {told}{above}", flush=True)
    return 0


def sources(rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the texts that each key is tried on, [text, token]."""
    names, following = 1 + rng.choice(VOCABULARY - 1, STATES, replace=False), rng.integers(0, STATES, (STATES, 6))
    reached = np.cumsum([0.45, 0.25, 0.12, 0.09, 0.06, 0.03])
    for _ in range(KEYS):
        states, texts = rng.integers(0, STATES, TEXTS), np.empty((TEXTS, LENGTH), dtype=np.int64)
        for place in range(LENGTH):
            texts[:, place] = names[states]
            states = following[states, np.minimum(np.searchsorted(reached, rng.random(TEXTS)), 5)]
        yield texts
