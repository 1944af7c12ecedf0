"""Prints what the differences of `dokimasia compare` are worth: coverage, false alarms and power, with a seed.

    python benchmarks/comparison.py

One core, two minutes. Allowed figures stand beside those found; the last line counts the rows that break them, and
so does the exit code. The worst coverages printed here are the ones stated in `detectors.differences`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import binom, multinomial

from detectors.differences import (
    APART,
    Estimate,
    apart_difference,
    auroc_difference,
    distance_difference,
    mean_difference,
)
from detectors.intervals import betting_mean, discordant_interval, exact_binomial
from detectors.ranking import AUROC_DIFFERENCE

LEVEL = 0.95
RATES = (0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9)
broken: list[str] = []


def show(title: str, header: str, rows: Iterable[tuple[str, bool]]) -> None:
    """Print a table whose rows come with whether they keep their promise."""
    print(f"\n{title}\n  {header}")
    for row, kept in rows:
        print(f"  {row}{'' if kept else '   <- BROKEN'}", flush=True)
        if not kept:
            broken.append(f"{title}: {row}")


def paired_answers(rng: np.random.Generator, units: int, size: int, p: float, q: float) -> tuple[np.ndarray, ...]:
    """Return 0/1 answers of two models to `size` items of each unit, both leaning the same way within a unit."""
    lean = rng.beta(2 * p, 2 * (1 - p), units)[:, None]
    shared = rng.random((units, size))
    first = (shared < lean).astype(float)
    second = np.where(rng.random((units, size)) < abs(q - p) / (1 - min(p, q)), float(q > p), first)
    return first.ravel(), second.ravel(), np.repeat(np.arange(units), size)


def valid() -> Iterator[tuple[str, bool]]:
    """Single 0/1 items exactly, over all tables of both answers; clusters by simulation."""
    yield from exact(0.95)
    yield from exact(1 - 0.05 / 14)
    rng = np.random.default_rng(0)
    for units, size, (p, q) in itertools.product((20, 100), (1, 5), ((0.1, 0.1), (0.1, 0.3), (0.5, 0.6))):
        truth, missed, far = _truth(p, q), 0, 0
        for _ in range(400):
            a, b, unit = paired_answers(rng, units, size, p, q)
            found = mean_difference(a, b, unit, level=LEVEL, rng=rng)
            missed += not found.low <= truth <= found.high
            moved = distance_difference(a, b, unit, 0.5, level=LEVEL, rng=rng)
            far += not moved.low <= abs(p + truth - 0.5) - abs(p - 0.5) <= moved.high
        for name, count in (("difference", missed), ("of distances to 0.5", far)):
            cover = 1 - count / 400
            kept = cover >= LEVEL - 3 * np.sqrt(0.05 * 0.95 / 400)
            yield f"{units} units of {size}, {p} -> {q}, {name}: {cover:.4f}", kept


def exact(level: float) -> Iterator[tuple[str, bool]]:
    """Single 0/1 items: lowest coverage over a grid of rates, all (b, c) for small n; spot checks by drawing to 300."""
    told = f"level {level:.4f}, single 0/1 items"
    rates = np.array([0, 0.001, 0.003, 0.01, *np.linspace(0.02, 1, 50)])
    for n in (5, 12, 30):
        tables = np.array([(b, c) for b, c in itertools.product(range(n + 1), repeat=2) if b + c <= n])
        low, high = np.array([discordant_interval(int(b), int(c), n, level) for b, c in tables]).T
        worst = 1.0
        for first, second in itertools.product(rates, rates):
            if first + second <= 1:
                cells = [first, second, max(0.0, 1 - first - second)]
                chance = multinomial.pmf(np.c_[tables, n - tables.sum(axis=1)], n, cells)
                truth = second - first
                worst = min(worst, float(chance[(low <= truth + 1e-9) & (truth - 1e-9 <= high)].sum()))
        width = np.mean(high - low)
        yield f"{told}, all tables of {n}: lowest {worst:.5f}, mean width {width:.3f}", worst >= level - 1e-6
    rng = np.random.default_rng(4)
    for n, (first, second) in itertools.product((100, 300), ((0.02, 0.02), (0.19, 0.11))):
        drawn = rng.multinomial(n, [first, second, 1 - first - second], 200)
        ends = np.array([discordant_interval(int(b), int(c), n, level) for b, c, _ in drawn])
        cover = float(np.mean((ends[:, 0] <= second - first) & (second - first <= ends[:, 1])))
        kept = cover >= level - 3 * np.sqrt(level * (1 - level) / 200)
        yield f"{told}, {n} drawn at {first}, {second}: {cover:.4f}", bool(kept)
    low, high = discordant_interval(58, 34, 300, level)
    gaps = rng.permutation(np.repeat([0.0, 1.0, 0.5], [58, 34, 208]))
    wide = [2 * float(end) - 1 for end in betting_mean(gaps, level)]
    exactly, by_betting = (f"[{100 * one[0]:.1f}, {100 * one[1]:.1f}]" for one in ((low, high), wide))
    text = f"{told}, 58 against 34 of 300: {exactly}, by betting {by_betting}"
    yield text, high - low < wide[1] - wide[0]


def _truth(p: float, q: float) -> float:
    turned = abs(q - p) / (1 - min(p, q))
    return turned * (1 - p) if q > p else -turned * p


def apart() -> Iterator[tuple[str, float]]:
    """Rates of independent and of the same items, with exact and with score intervals; distances to 0.5; means."""
    z = ndtri((1 + LEVEL) / 2)
    for n, kind in itertools.product((20, 100), ("exact", "score")):
        k = np.arange(n + 1)
        low, high = exact_binomial(k, n, LEVEL) if kind == "exact" else _wilson(k, n, z)
        ends = [Estimate(one / n, float(a), float(b)) for one, a, b in zip(k, low, high, strict=True)]
        for ideal in (None, 0.5):
            found = np.array([[_ends(one, two, ideal) for two in ends] for one in ends])
            for p, q in itertools.product(RATES, RATES):
                truth = q - p if ideal is None else abs(q - ideal) - abs(p - ideal)
                inside = (found[..., 0] <= truth + 1e-12) & (truth - 1e-12 <= found[..., 1])
                chance = np.outer(binom.pmf(k, n, p), binom.pmf(k, n, q))
                yield f"n {n}, {kind}, {p} -> {q}{'' if ideal is None else ', distances'}", float(chance[inside].sum())
                if p == q:
                    alike = float(binom.pmf(k, n, p)[np.diag(inside)].sum())
                    yield f"n {n}, {kind}, {p} the same answers", alike


def _wilson(k: np.ndarray, n: int, z: float) -> tuple[np.ndarray, np.ndarray]:
    centre, half = k + z**2 / 2, np.sqrt(z**2 * (k * (n - k) / n + z**2 / 4))
    return np.minimum((centre - half) / (n + z**2), k / n), np.maximum((centre + half) / (n + z**2), k / n)


def _ends(first: Estimate, second: Estimate, ideal: float | None) -> tuple[float, float]:
    found = apart_difference(first, second, level=LEVEL, n=(20, 20), ideal=ideal)
    return found.low, found.high


def ranked() -> Iterator[tuple[str, float]]:
    """Scores of two models that share part of what they see."""
    rng = np.random.default_rng(1)
    sizes = ((20, 20), (20, 100), (100, 100))
    areas = ((0.5, 0.5), (0.8, 0.95), (0.95, 0.95), (0.99, 0.8))
    for (n, m), shared, (one, two) in itertools.product(sizes, (0.0, 0.9), areas):
        shifts, missed = np.sqrt(2) * ndtri([one, two]), 0
        for _ in range(1000):
            sides = []
            for size, shift in ((n, np.zeros(2)), (m, shifts)):
                common = rng.normal(size=(size, 1))
                scores = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(size, 2)) + shift
                sides.append(pd.DataFrame(scores, columns=["first", "second"]))
            units = (np.arange(n), n + np.arange(m))
            found = auroc_difference(*sides, units, level=LEVEL)
            missed += not found.low <= two - one <= found.high
        yield f"n {n}, {m}, areas {one}, {two}, shared {shared}", 1 - missed / 1000


def approximations() -> Iterator[tuple[str, bool]]:
    for known, cells in ((APART, apart()), (AUROC_DIFFERENCE, ranked())):
        table = list(cells)
        where, worst = min(table, key=lambda cell: cell[1])
        mean = np.mean([cover for _, cover in table])
        text = f"{known.method:70} {known.min_units:5} {worst:9.4f} {known.worst_coverage:7.3f} {mean:7.4f}  {where}"
        yield text, worst >= known.worst_coverage


def alarms() -> Iterator[tuple[str, bool]]:
    """How often B is called worse: never more than the level where it is not, and how soon where it is."""
    rng = np.random.default_rng(2)
    for n, drop in itertools.product((100, 300, 1000), (0.0, 0.05, 0.1, 0.2)):
        worse = 0
        for _ in range(300):
            a = (rng.random(n) < 0.8).astype(float)
            turned = rng.random(n) < 0.1
            b = np.where(turned, (rng.random(n) < 0.8).astype(float), a)
            b = np.where((rng.random(n) < drop / 0.8) & (b == 1), 0.0, b)
            worse += mean_difference(a, b, None, level=LEVEL, rng=rng).high < 0
        found = worse / 300
        yield f"{n:5} items, true drop {drop:.2f}: called worse {found:.3f}", drop > 0 or found <= 1 - LEVEL


def main() -> int:
    """Print all tables; returns how many rows break their promise."""
    show("Paired means: coverage, level 0.95", "never below nominal", valid())
    show(
        "Approximate differences: lowest coverage at level 0.95",
        f"{'method':70} {'from':>5} {'lowest':>9} {'stated':>7} mean", approximations(),
    )
    show("Accuracy 0.8, a tenth of the answers drawn anew", "a false alarm in at most 5 %", alarms())
    print(f"\n{len(broken)} rows break their promise", *broken, sep="\n  ")
    return len(broken)


if __name__ == "__main__":
    sys.exit(main())
