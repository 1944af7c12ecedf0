"""Is it still the same model? A permutation test on answers to fixed prompts, which knows the server's own variation.

    start   every prompt asked `ROUNDS` times, kept             S answers a prompt
    now     once; where anything differs, `MORE` times again    E answers a prompt
    T       sum over prompts of 2 mean d(S, E) - mean d(S, S) - mean d(E, E)         (energy distance)
    p       share of the relabellings, within each prompt, of start and now with at least this T

If the same model answers, the answers to a prompt are exchangeable over start and now, so each look raises a false
alarm at no more than its own rate, however much the answers vary by themselves: together at most 1 % a comparison.
The same holds of the names that a server signs with. A prompt that was answered one way before and another way ever
after has p = 1 / 136 by itself, so that a model which always answers alike is found by a single prompt that it
answers otherwise.
Székely and Rizzo (2004) for the distance; Phipson and Smyth (2010, 1603.05766) for p-values of drawn relabellings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np

__all__ = ["MORE", "ROUNDS", "Origin", "Round", "change_p", "facts_of", "has_changed", "shown"]

ROUNDS = 2
"""How often the fixed prompts are asked at the start."""
MORE = 14
"""Further rounds of a comparison where the first does not just repeat the start."""
RATES = (0.001, 0.009)
"""False-alarm rates of a comparison's first and second look; together 1 %."""
_DRAWN = 9_999
"""Relabellings that are drawn where there are too many to count."""
_ALL = 20_000
"""Relabellings that are counted."""

Origin = tuple[str, str | None, str | None]
"""Text, the model's name in the answer, its system fingerprint."""
Round = list[Origin]
"""An answer to each of the fixed prompts."""


def facts_of(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the JSON facts of what was shown at the start; every answer only where some varied."""
    models, systems = ({one[k] for answers in rounds for one in answers if one[k] is not None} for k in (1, 2))
    facts: dict[str, Any] = {
        "models": sorted(models),
        "system_fingerprints": sorted(systems),
        "canaries": [text for text, _, _ in rounds[0]],
        "rounds": len(rounds),
    }
    signed = {one[1:] for answers in rounds for one in answers}
    if len(signed) > 1 or any(answers != rounds[0] for answers in rounds):
        facts["answers"] = [[list(one) for one in answers] for answers in rounds]
    return facts


def shown(facts: Mapping[str, Any]) -> list[Round]:
    """Return the rounds of answers in stored facts; those of before were asked once."""
    if "answers" in facts:
        return [[(text, model, system) for text, model, system in answers] for answers in facts["answers"]]
    names = [facts.get(key) or [] for key in ("models", "system_fingerprints")]
    model, system = (one[0] if len(one) == 1 else None for one in names)  # several names: whose was whose is not kept
    return [[(text, model, system) for text in facts["canaries"]]] * int(facts.get("rounds", 1))


def has_changed(before: Sequence[Round], ask: Callable[[int], list[Round]]) -> bool:
    """Tell whether another model answers than showed `before`; `ask(n)` puts the fixed prompts n times."""
    now = ask(1)
    if all(one in said for one, said in zip(now[0], zip(*before, strict=True), strict=True)):
        return False
    if change_p(before, now) <= RATES[0]:
        return True
    return change_p(before, [*now, *ask(MORE)]) <= RATES[1]


def change_p(before: Sequence[Round], now: Sequence[Round]) -> float:
    """Return the p-value of the test above; exact, or drawn (with a fixed seed) where relabellings are many."""
    prompts = zip(zip(*before, strict=True), zip(*now, strict=True), strict=True)
    strata = [one for start, end in prompts if np.ptp(one := _statistics(start, end)) > 0]
    if not strata:
        return 1.0
    seen = sum(float(one[0]) for one in strata) - 1e-9
    if np.prod([float(len(one)) for one in strata]) <= _ALL:
        sums = strata[0]
        for one in strata[1:]:
            sums = np.add.outer(sums, one).ravel()
        return float(np.mean(sums >= seen))
    rng = np.random.default_rng(0)
    drawn = sum(rng.choice(one, _DRAWN) for one in strata)
    return float((1 + np.sum(drawn >= seen)) / (1 + _DRAWN))


def _statistics(start: Sequence[Origin], end: Sequence[Origin]) -> np.ndarray:
    """Return a prompt's energy distance under every relabelling; the first is the true one."""
    answers = [*start, *end]
    unlike = list(dict.fromkeys(answers))
    table = np.array([[distance(a, b) for b in unlike] for a in unlike])
    which = [unlike.index(one) for one in answers]
    d, starts = table[np.ix_(which, which)], _labels(len(answers), len(start))
    ends = 1 - starts
    sums = [((a @ d) * b).sum(1) for a, b in ((starts, ends), (starts, starts), (ends, ends))]
    m, n = len(start), len(end)
    found: np.ndarray = 2 * sums[0] / (m * n) - sums[1] / m**2 - sums[2] / n**2
    return found


@cache
def _labels(total: int, first: int) -> np.ndarray:
    """Return [relabelling, answer]: 1 for those called the start; the first row is the true one."""
    chosen = combinations(range(total), first)
    return np.array([[float(k in one) for k in range(total)] for one in chosen])


def distance(a: Origin, b: Origin) -> float:
    """Return how unlike two answers are: texts by their pairs of characters, in [0, 1], and 1 for each other name."""
    names = sum(x != y for x, y in zip(a[1:], b[1:], strict=True) if x is not None and y is not None)
    if a[0] == b[0]:
        return float(names)
    one, two = (Counter(zip(f" {text}", f"{text} ", strict=True)) for text in (a[0], b[0]))
    alike = 2 * sum((one & two).values()) / (sum(one.values()) + sum(two.values()))
    return names + max(1 - alike, 0.01)
