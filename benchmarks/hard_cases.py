"""Where intervals are worst, and how often they miss there at the levels that an error budget asks for.

Every case was found by looking for it: a rare item, a lenient judge, a few heavy units, a group that is never drawn,
two models that answer contrarily. `python benchmarks/statistical.py` prints them; what decides limits must miss no more
often than its level says, up to the level to which it claims to be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom
from tables import within

from detectors import intervals
from detectors.bias.generated_images import APART as PROMPT_GAP
from detectors.bias.generated_images import BALL_MEASURED_TO
from detectors.bias.representation import TOTAL_VARIATION, Corrected, class_shares, resampled_errors
from detectors.differences import APART, Estimate, apart_difference
from detectors.factuality.recognition import length_calls
from detectors.intervals import exact_binomial
from detectors.quality.kernel_distance import kernel_distance

__all__ = ["hard_cases"]

CHECKS = (1, 14, 50)
Ends = Callable[[float], tuple[float, float]]


def misranked(size: int) -> Iterator[tuple[float, float]]:
    """Yield (level, exact miss of one side) of an AUROC of 1 - e: Bin(size, e) positives lie below all negatives."""
    k = np.arange(7)
    for level in (1 - 0.05 / checks for checks in CHECKS):
        high = np.array([intervals.pairs_interval(1 - one / size, size, level)[1] for one in k])
        rates = np.concatenate([1 - high[1:] - 1e-9, np.geomspace(1e-5, 0.2, 300)])
        yield level, max(binom.pmf(k, size, rate)[high < 1 - rate].sum() for rate in rates)


def missed(draw: Callable[[np.random.Generator], Ends], truth: float, repeats: int) -> np.ndarray:
    """Return the share of samples whose interval misses the truth, at the level of one of so many checks."""
    rng, count = np.random.default_rng(10), np.zeros(len(CHECKS))
    for _ in range(repeats):
        ends = draw(rng)
        for at, checks in enumerate(CHECKS):
            low, high = ends(1 - 0.05 / checks)
            count[at] += not low - 1e-12 <= truth <= high + 1e-12
    return count / repeats


def lenient_judge(labels: int, share: float) -> Callable[[np.random.Generator], Ends]:
    """A judge who never misses a right answer (half of all are) and calls a few wrong ones right."""

    def draw(rng: np.random.Generator) -> Ends:
        counts = rng.multinomial(labels, [0.5, share - 0.5, 1 - share])
        y, f = np.repeat([1.0, 0, 0], counts), np.repeat([1.0, 1, 0], counts)
        others, seed = 1.0 * (rng.random(100 * labels) < share), int(rng.integers(2**31))

        def ends(level: float) -> tuple[float, float]:
            found = intervals.prediction_powered(y, f, others, level, rng=np.random.default_rng(seed))
            return found.low, found.high

        return ends

    return draw


def heavy_units(rng: np.random.Generator) -> Ends:
    """40 units, one in twenty of which counts twenty times as much."""
    sums = np.where(rng.random(40) < 0.05, 20.0, 1.0) * rng.uniform(0.5, 1.5, 40)
    rows, seed = 4 * np.stack([sums, np.ones(40)], axis=1), int(rng.integers(2**31))

    def ends(level: float) -> tuple[float, float]:
        by = np.random.default_rng(seed)
        return intervals.cluster_bootstrap(lambda t: t[..., 0] / t[..., 1], rows, level=level, rng=by)[1:]

    return ends


def never_drawn(rng: np.random.Generator) -> Ends:
    """Data with a group of 2 % that 100 draws never reach, 8 dimensions; the truth is 3.92, simulated by strata."""
    x, y = (rng.normal(size=(100, 8)) for _ in range(2))
    y = y + 6 * (rng.random((100, 1)) < 0.02)
    x, y = ((one - 0.12) / np.sqrt(1 + 36 * 0.02 * 0.98) for one in (x, y))

    def ends(level: float) -> tuple[float, float]:
        found = kernel_distance(x, y, level=level)
        return found.low or 0.0, found.high or 0.0

    return ends


def opposed(rng: np.random.Generator) -> Ends:
    """100 items, of which one model answers rightly just those that the other does not."""
    right = rng.binomial(100, 0.5)

    def ends(level: float) -> tuple[float, float]:
        first, second = (
            Estimate(k / 100, *map(float, exact_binomial(k, 100, level))) for k in (right, 100 - right)
        )
        found = apart_difference(first, second, level=level, n=(100, 100))
        return found.low, found.high

    return ends


def near_a_corner(rng: np.random.Generator) -> Ends:
    """97 % of one class and 3 % of another, 70 and 30 labelled items, a classifier right in .95 of all, 100 draws."""
    errors = np.array([[0.95, 0.05], [0.05, 0.95]])
    table = np.stack([rng.multinomial(size, row) for size, row in zip((70, 30), errors, strict=True)])
    drawn, seed = rng.multinomial(100, np.array([0.97, 0.03]) @ errors), int(rng.integers(2**31))

    def ends(level: float) -> tuple[float, float]:
        found = class_shares(drawn, table, "ab", level=level, rng=np.random.default_rng(seed)).headline
        return (0.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)

    return ends


def one_prompt_of_many(rng: np.random.Generator) -> Ends:
    """95 % of one class, 60 labelled items of each, a classifier right in .8 of all, 100 draws; the ball alone."""
    errors = np.array([[0.8, 0.2], [0.2, 0.8]])
    table = np.stack([rng.multinomial(60, row) for row in errors])
    found = Corrected.of(rng.multinomial(100, np.array([0.95, 0.05]) @ errors), table, rng)
    return lambda level: found.distance(np.array([0.5, 0.5]), level)[1:]


def two_prompts(rng: np.random.Generator) -> Ends:
    """As near a corner, but for a second prompt that draws both classes equally often."""
    errors = np.array([[0.95, 0.05], [0.05, 0.95]])
    table = np.stack([rng.multinomial(size, row) for size, row in zip((70, 30), errors, strict=True)])
    drawn = [rng.multinomial(100, np.array(shares) @ errors) for shares in ((0.97, 0.03), (0.5, 0.5))]
    resampled = np.random.default_rng(int(rng.integers(2**31)))
    known = resampled_errors(table, resampled)
    one, other = (Corrected.of(counts, table, resampled, errors=known) for counts in drawn)
    return lambda level: one.apart(other, level)[1:]


def above_the_length(rng: np.random.Generator) -> Ends:
    """200 answers, all told rightly; their length, of three, tells nothing, and its cut is the best of one half."""
    truth = rng.random(200) < 0.5
    called = length_calls(rng.integers(1, 4, 200).astype(float), truth, np.arange(200), rng)
    gaps, seed = (1 - (called == truth))[~np.isnan(called)], int(rng.integers(2**31))

    def ends(level: float) -> tuple[float, float]:
        found = intervals.mean_over_units((1 + gaps) / 2, level=level, rng=np.random.default_rng(seed))
        return 2 * found.low - 1, 2 * found.high - 1

    return ends


def hard_cases() -> Iterator[tuple[str, bool]]:
    """Of each method that decides limits, and of two that only inform, where it is worst."""
    for size in (20, 100):
        sides = list(misranked(size))
        kept = all(share <= (1 - level) / 2 + 1e-12 for level, share in sides)
        yield f"{f'AUROC, {size} items, one side, exact':52}" + "".join(f"{share:9.4f}" for _, share in sides), kept
    cases: tuple[tuple[str, Callable[[np.random.Generator], Ends], float, int, float], ...] = (
        ("judged share, lenient judge, 30 labels", lenient_judge(30, 0.575), 0.5, 1500, 1.0),
        ("judged share, lenient judge, 100 labels", lenient_judge(100, 0.525), 0.5, 1000, 1.0),
        ("accuracy above a length that tells nothing", above_the_length, 0.5, 1500, 1.0),
        ("difference of two intervals, correlation -1", opposed, 0.0, 3000, APART.measured_to or 0.0),
        ("class shares, near a corner", near_a_corner, 0.47, 600, TOTAL_VARIATION.measured_to or 0.0),
        ("distance of one of 50 prompts, near a corner", one_prompt_of_many, 0.45, 2500, BALL_MEASURED_TO),
        ("gap of two prompts' shares, near a corner", two_prompts, 0.47, 600, PROMPT_GAP.measured_to or 0.0),
        ("cluster bootstrap, heavy units (informs only)", heavy_units, 1.95, 300, 0.0),
        ("kernel distance, a group never drawn (informs only)", never_drawn, 3.92, 150, 0.0),
    )
    for name, draw, truth, repeats, to in cases:
        shares = missed(draw, truth, repeats)
        levels = [1 - 0.05 / checks for checks in CHECKS]
        kept = all(
            within(round(share * repeats), repeats, 1 - level)
            for share, level in zip(shares, levels, strict=True) if level <= to
        )
        yield f"{name:52}" + "".join(f"{share:9.4f}" for share in shares), kept
