"""Prints what the intervals of single measures are worth: judged and corrected rates, agreement, shares, distances.

    python benchmarks/measures.py

One core, under two minutes. As in benchmarks/statistical.py, which has rates, tests and stopping, every table says what
is allowed, and the last line and the exit code count the rows that break it. Coverage is of 95 % intervals.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binom
from tables import finish, show, within

from detectors.agreement import AGREEMENT, cohen_kappa, krippendorff_alpha
from detectors.bias.generated_images import AMONG, LEAD
from detectors.bias.generated_images import APART as PROMPT_GAP
from detectors.bias.representation import SHARES, TOTAL_VARIATION, Corrected, class_shares, resampled_errors
from detectors.intervals import CORRECTED, Calibration, betting_mean, exact_binomial, prediction_powered
from detectors.intervals.corrected import corrected_ends
from detectors.quality.coverage import DENSITY, sample_coverage
from detectors.quality.kernel_distance import KID, kernel_distance

# --- rates that an imperfect detector reports


def likely(n: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts that hold all but 1e-5 of a binomial distribution, and their probabilities."""
    k = np.arange(n + 1)
    chance = binom.pmf(k, n, rate)
    return k[chance > 1e-7], chance[chance > 1e-7]


def corrected() -> Iterator[tuple[str, bool]]:
    """Exact: all likely counts of the three samples on which the correction is not refused."""
    sizes = ((100, 20, 20), (100, 50, 50), (200, 200, 20), (1000, 40, 100))
    for n, pos, neg in sizes:
        worst, fixed, where, refused = 1.0, 1.0, "", 0.0
        for (se, sp), p in itertools.product(((0.75, 0.75), (0.7, 0.95), (0.9, 0.9), (0.99, 0.9)), (0, 0.05, 0.3, 1)):
            q = p * se + (1 - p) * (1 - sp)
            parts = [likely(size, rate) for size, rate in ((n, q), (pos, se), (neg, sp))]
            counts = np.stack(np.meshgrid(*(k for k, _ in parts), indexing="ij"), axis=-1)
            chance = np.einsum("i,j,k->ijk", *(weight for _, weight in parts))
            ok = exact_binomial(counts[..., 1], pos, 0.975)[0] + exact_binomial(counts[..., 2], neg, 0.975)[0] > 1
            if (answered := chance[ok].sum()) < 0.5:
                continue
            counts, chance = counts[ok], chance[ok]
            _, low, high = corrected_ends(counts, np.array([n, pos, neg]), 0.95)
            covered = chance[(low <= p + 1e-9) & (p - 1e-9 <= high)].sum() / answered
            hits, passes = counts[:, 1] / pos, counts[:, 2] / neg
            ends = np.array(exact_binomial(counts[:, 0], n))
            low, high = np.clip((ends + passes - 1) / (hits + passes - 1), 0, 1)
            fixed = min(fixed, chance[(low <= p + 1e-9) & (p - 1e-9 <= high)].sum() / answered)
            if covered < worst:
                worst, where, refused = covered, f"Se {se}, Sp {sp}, rate {p}", 1 - answered
        text = f"{n:5} {pos:5} {neg:5} {worst:9.4f} {fixed:12.4f} {refused:8.3f}  {where}"
        yield text, worst >= CORRECTED.worst_coverage


def refusals() -> Iterator[tuple[str, bool]]:
    """A detector that guesses: how often is a rate corrected by it all the same?"""
    rng = np.random.default_rng(1)
    for m, rate in itertools.product((20, 50, 200), (0.2, 0.5)):
        answered = sum(
            Calibration(int(h), m, int(m - f), m).problem(0.95) is None for h, f in rng.binomial(m, rate, (2000, 2))
        )
        yield f"{m:5} {rate:6.1f} {answered / 2000:10.4f}", within(answered, 2000, 0.025)


# --- rates from few labels and a judge


SOME_RATES = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)


def cells_of(rate: float, share: float, correlation: float) -> np.ndarray | None:
    """Return P(label, judge) as (both, only label, only judge, neither); None where there is no such judge."""
    both = rate * share + correlation * np.sqrt(rate * (1 - rate) * share * (1 - share))
    cells = np.array([both, rate - both, share - both, 1 - rate - share + both])
    return np.clip(cells, 0, 1) / np.clip(cells, 0, 1).sum() if cells.min() > -1e-9 else None


def powered() -> Iterator[tuple[str, bool]]:
    """300 labels, 10,000 others: verdicts of a stated correlation, the label's rate and the judge's share alike."""
    rng = np.random.default_rng(2)
    for rate, correlation in itertools.product((0.01, 0.1, 0.3, 0.5), (0, 0.7, 0.95)):
        repeats, missed, normal, widths = 300, 0, 0, []
        cells = cells_of(rate, rate, correlation)
        for _ in range(repeats):
            cell = rng.choice(4, 300, p=cells)
            y, f = (cell < 2).astype(float), (cell % 2 == 0).astype(float)
            ones = rng.binomial(10_000, rate)
            others = np.repeat([1.0, 0.0], [ones, 10_000 - ones])
            found = prediction_powered(y, f, others, rng=rng)
            missed += not found.low <= rate <= found.high
            error = np.sqrt((y - found.weight * f).var(ddof=1) / 300 + found.weight**2 * f.var(ddof=1) / 10_000)
            normal += abs(y.mean() + found.weight * (others.mean() - f.mean()) - rate) > 1.959964 * error
            widths.append([np.ptp(e) for e in ((found.low, found.high), exact_binomial(y.sum(), 300), betting_mean(y))])
        ours, exact, betting = np.mean(widths, axis=0)
        shorter = [1 - ours / width for width in (exact, betting)]
        text = f"{rate:5.0%} {correlation:5} {1 - missed / repeats:9.4f} {1 - normal / repeats:12.4f} {ours:9.4f}"
        kept = within(missed, repeats) and (correlation < 0.95 or rate < 0.1 or shorter[0] >= 0.2)
        limit = 1 - np.sqrt(1 - correlation**2)
        yield f"{text} {shorter[0]:14.1%} {shorter[1]:12.1%} {limit:12.1%}", kept


def scores() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(3)
    shapes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "no idea": lambda y: rng.random(len(y)),
        "good": lambda y: np.where(y == 1, rng.beta(6, 2, len(y)), rng.beta(2, 6, len(y))),
        "nearly sure": lambda y: np.where(y == 1, rng.beta(30, 2, len(y)), rng.beta(2, 30, len(y))),
        "skewed": lambda y: np.where(y == 1, rng.beta(0.5, 0.5, len(y)), rng.beta(0.2, 3, len(y))),
    }
    for (name, judge), rate, n in itertools.product(shapes.items(), (0.02, 0.5), (30, 100)):
        missed = 0
        for _ in range(400):
            y = (rng.random(n + 1000) < rate).astype(float)
            f = judge(y)
            found = prediction_powered(y[:n], f[:n], f[n:], rng=rng)
            missed += not found.low <= rate <= found.high
        yield f"{name:12} {rate:5.0%} {n:5} {1 - missed / 400:9.4f}", within(missed, 400)


# --- agreement


def agreement() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(4)
    cases = [(n, rate, kappa) for n in (40, 100) for rate in (0.1, 0.5) for kappa in (0.3, 0.7, 0.95)]
    for n, rate, kappa in cases:
        missed = width = told = 0
        for _ in range(200):
            cell = rng.choice(4, n, p=cells_of(rate, rate, kappa))
            found = cohen_kappa(cell < 2, cell % 2 == 0, level=0.95, rng=rng)
            if found.value is not None:
                told += 1
                missed += not found.low <= kappa <= found.high
                width += found.high - found.low
        kept = within(missed, told, 1 - AGREEMENT.worst_coverage)
        yield f"kappa {kappa}, rate {rate:4} {n:6} {1 - missed / told:9.4f} {width / told:7.2f}", kept
    for metric in ("nominal", "ordinal", "interval"):
        truth = krippendorff_alpha(coders(rng, 100_000), level=0.95, rng=rng, metric=metric).value
        ends = [krippendorff_alpha(coders(rng, 50), level=0.95, rng=rng, metric=metric) for _ in range(150)]
        missed = sum(not one.low <= truth <= one.high for one in ends)
        width = np.mean([one.high - one.low for one in ends])
        kept = within(missed, 150, 1 - AGREEMENT.worst_coverage)
        yield f"alpha {truth:.2f}, {metric:8} {50:7} {1 - missed / 150:9.4f} {width:7.2f}", kept


def coders(rng: np.random.Generator, units: int) -> np.ndarray:
    """Return ratings of three coders, 1 to 4, of whom one in ten is missing."""
    truth = rng.integers(1, 5, (units, 1))
    ratings = np.where(rng.random((units, 3)) < 0.75, truth, rng.integers(1, 5, (units, 3))).astype(float)
    return np.where(rng.random((units, 3)) < 0.1, np.nan, ratings)


# --- samples of a generative model


def shares() -> Iterator[tuple[str, bool]]:
    """Three classes, a classifier that is right with probability 0.8 or 0.95, 102 labelled items."""
    rng = np.random.default_rng(5)
    for right, true, draws in itertools.product((0.8, 0.95), ((1 / 3, 1 / 3, 1 / 3), (0.6, 0.35, 0.05)), (100, 500)):
        errors = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
        apart, distance = np.zeros(2), np.abs(np.array(true) - 1 / 3).sum() / 2
        for _ in range(100):
            table = np.stack([rng.multinomial(34, row) for row in errors])
            found = class_shares(rng.multinomial(draws, true @ errors), table, "abc", level=0.95, rng=rng)
            ends = np.array([(one.low, one.high) for one in (found.measure("share", name) for name in "abc")])
            total = found.measure("total_variation")
            outside = (ends[:, 0] > np.array(true) + 1e-9) | (ends[:, 1] < np.array(true) - 1e-9)
            apart += outside.any(), not total.low <= distance + 1e-9 <= total.high + 2e-9
        stated = (SHARES.worst_coverage, TOTAL_VARIATION.worst_coverage)
        kept = all(within(int(m), 100, 1 - least) for m, least in zip(apart, stated, strict=True))
        text = f"{right:5} {', '.join(f'{share:.2f}' for share in true)} {draws:6}"
        yield f"{text} {1 - apart[0] / 100:12.2f} {1 - apart[1] / 100:16.2f}", kept


def gaps() -> Iterator[tuple[str, bool]]:
    """Two prompts and three classes, the same classifier for both, 102 labelled items."""
    rng, even = np.random.default_rng(8), np.full(3, 1 / 3)
    for right, true, draws in itertools.product((0.8, 0.95), (even, np.array([0.9, 0.08, 0.02])), (100, 500)):
        errors = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
        missed, gap = 0, np.abs(true - even).sum() / 2
        for _ in range(200):
            table = np.stack([rng.multinomial(34, row) for row in errors])
            known = resampled_errors(table, rng)
            one, other = (
                Corrected.of(rng.multinomial(draws, shares @ errors), table, rng, errors=known)
                for shares in (true, even)
            )
            _, low, high = one.apart(other, 0.95)
            missed += not low <= gap + 1e-9 <= high + 2e-9
        text = f"{right:5} {', '.join(f'{share:.2f}' for share in true)} {draws:6}"
        yield f"{text} {1 - missed / 200:12.3f}", within(missed, 200, 1 - PROMPT_GAP.worst_coverage)


def leads() -> Iterator[tuple[str, bool]]:
    """All differences of shares together, and all shares among the images of the first two classes, as in `gaps`."""
    rng, even = np.random.default_rng(9), np.full(3, 1 / 3)
    for right, true, draws in itertools.product((0.8, 0.95), (even, np.array([0.8, 0.15, 0.05])), (100, 500)):
        errors = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
        missed, among = np.zeros(2), true / (1 - true[2]) * [1, 1, 0]
        for _ in range(200):
            table = np.stack([rng.multinomial(34, row) for row in errors])
            known = resampled_errors(table, rng)
            one, other = (
                Corrected.of(rng.multinomial(draws, shares @ errors), table, rng, errors=known)
                for shares in (true, even)
            )
            for at, ((low, high), truth) in enumerate(
                ((one.lead(other, 0.95), true - even), (one.among(2, 0.95), among))
            ):
                missed[at] += not ((low <= truth + 1e-9) & (truth - 1e-9 <= high)).all()
        kept = all(within(int(m), 200, 1 - how.worst_coverage) for m, how in zip(missed, (LEAD, AMONG), strict=True))
        text = f"{right:5} {', '.join(f'{share:.2f}' for share in true)} {draws:6}"
        yield f"{text} {1 - missed[0] / 200:12.3f} {1 - missed[1] / 200:12.3f}", kept


def clouds(rng: np.random.Generator, size: int, dim: int, shift: float) -> np.ndarray:
    return rng.normal(shift, 1, (size, dim))


def distances() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(6)
    for dim, shift, size in itertools.product((8, 48), (0.0, 0.3, 1.0), (100, 300)):
        truth = true_kid(rng, dim, shift)
        ends = [
            kernel_distance(clouds(rng, size, dim, shift), clouds(rng, size, dim, 0), level=0.95) for _ in range(200)
        ]
        missed = sum(not one.low <= truth <= one.high for one in ends)
        kept = within(missed, 200, 1 - KID.worst_coverage)
        yield f"{dim:4} {shift:6} {size:6} {truth:9.3f} {1 - missed / 200:9.4f}", kept


def true_kid(rng: np.random.Generator, dim: int, shift: float) -> float:
    """Return the kernel distance of two normal distributions, from a million pairs; 0 exactly where they are one."""
    if not shift:
        return 0.0
    means, terms = ((shift, shift), (0, 0), (shift, 0)), []
    for one, other in means:
        x, y = (rng.normal(mean, 1, (400_000, dim)) for mean in (one, other))
        terms.append(np.mean((np.einsum("ij,ij->i", x, y) / dim + 1) ** 3))
    return float(terms[0] + terms[1] - 2 * terms[2])


def densities() -> Iterator[tuple[str, bool]]:
    """Density against its mean over samples of that size; coverage given draws and training items, on new ones."""
    rng = np.random.default_rng(7)
    for dim, shift, size in itertools.product((2, 8), (0.0, 0.7), (100, 200)):
        found, missed = [], 0
        for _ in range(150):
            draws, training = clouds(rng, size, dim, shift), clouds(rng, size, dim, 0)
            result = sample_coverage(draws, clouds(rng, size, dim, 0), training, level=0.95)
            found.append(result.measure("density"))
            truth = sample_coverage(draws, clouds(rng, 2000, dim, 0), training, level=0.95).measure("coverage").value
            covered = result.measure("coverage")
            missed += not covered.low <= truth <= covered.high
        mean = np.mean([one.value for one in found])
        apart = sum(not one.low <= mean <= one.high for one in found)
        kept = within(apart, 150, 1 - DENSITY.worst_coverage) and within(missed, 150)
        yield f"{dim:4} {shift:6} {size:6} {mean:9.3f} {1 - apart / 150:9.4f} {1 - missed / 150:11.4f}", kept


def main() -> int:
    show(f"Corrected rates, exact: worst coverage, at least {CORRECTED.worst_coverage}; with Se and Sp taken for known",
         "    n   pos   neg     worst        fixed  refused  where", corrected())
    show("A detector that guesses, at one rate for all: share of calibrations that are not refused, at most 0.025",
         "   of   rate   answered", refusals())
    show("Prediction-powered rate, 300 labels: 0.95 but for chance; at correlation 0.95 a fifth shorter than exact",
         " rate  corr    covers  normal one     width  shorter: exact      betting  limit for one method", powered())
    show("Prediction-powered rate by scores that are no verdicts, at least 0.95 but for chance",
         "judge         rate     n    covers", scores())
    show(f"Agreement, at least {AGREEMENT.worst_coverage} but for chance",
         "what                       n    covers   width", agreement())
    show(f"Class shares by an erring classifier, joint band at least {SHARES.worst_coverage}, distance at least "
         f"{TOTAL_VARIATION.worst_coverage}, but for chance",
         "right  true shares       draws  joint band   total variation", shares())
    show(f"Gap of two prompts' shares by one erring classifier, at least {PROMPT_GAP.worst_coverage} but for chance",
         "right  true shares       draws       covers", gaps())
    show(f"Lead over another prompt, shares of two of three classes, at least {LEAD.worst_coverage} but for chance",
         "right  true shares       draws         lead        among", leads())
    show(f"Kernel distance, at least {KID.worst_coverage} but for chance",
         " dim  shift   size     truth    covers", distances())
    show(f"Density, at least {DENSITY.worst_coverage}, and coverage, at least 0.95, but for chance",
         " dim  shift   size   density    covers    coverage", densities())
    return finish()


if __name__ == "__main__":
    sys.exit(main())
