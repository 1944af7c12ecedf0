"""Prints what the statistics are worth: coverage, errors and calls, exact where possible, else simulated with a seed.

    python benchmarks/statistical.py

One core, under four minutes; benchmarks/measures.py is about intervals of single measures. Every table says beside its
figures what is allowed; the last line counts the rows that break it, and so does the exit code. The worst coverages
printed here are the ones stated in `detectors.intervals`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from hard_cases import hard_cases
from scipy.special import gammaln
from scipy.stats import binom, false_discovery_control, hypergeom, t
from tables import finish, show, within

from audit.record import Limit, keep_level, watched
from detectors import intervals
from detectors.bias.data.group_terms import error_over_texts, log_odds
from detectors.bias.data.whole_corpus import LOG_ODDS
from detectors.conformal import benjamini_hochberg, p_values, weighted_p_values
from detectors.intervals import Approximation, any_gap_p, exact_binomial, exact_hypergeometric
from detectors.sequential import RateTest, paired_sequence, stopping, two_sample_sequence

RATES = (0.0, 0.001, 0.01, 0.05, 0.5)
SIZES = (20, 100, 1000)
LOW = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
NEAR_AND_FAR = (*LOW, 0.5, *(1 - rate for rate in reversed(LOW)))


# --- rates


def wald(k: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    half = 1.959964 * np.sqrt(k / n * (1 - k / n) / n)
    return k / n - half, k / n + half


def student(k: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    half = t.ppf(0.975, n - 1) * np.sqrt(k / n * (1 - k / n) / (n - 1))
    return k / n - half, k / n + half


def percentile_bootstrap(k: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    return binom.ppf(0.025, n, k / n) / n, binom.ppf(0.975, n, k / n) / n


def rates() -> Iterator[tuple[str, bool]]:
    methods = (exact_binomial, wald, student, percentile_bootstrap)
    for n, rate in itertools.product(SIZES, RATES):
        k = np.arange(n + 1)
        cover = []
        for method in methods:
            low, high = method(k, n)
            cover.append(binom.pmf(k, n, rate)[(low <= rate) & (rate <= high)].sum())
        yield f"{n:5} {rate:7.1%}" + "".join(f"{c:14.4f}" for c in cover), cover[0] >= 0.95 - 1e-12


def betting() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(1)
    shapes: dict[str, tuple[Callable[[int], np.ndarray], float]] = {
        f"0/1 at {rate:.1%}": (lambda n, rate=rate: (rng.random(n) < rate).astype(float), rate) for rate in RATES
    }
    for a, b in ((0.1, 1.9), (2, 6), (20, 20)):
        shapes[f"beta({a}, {b})"] = (lambda n, a=a, b=b: rng.beta(a, b, n), a / (a + b))
    for n, (name, (draw, mean)) in itertools.product(SIZES, shapes.items()):
        repeats = 1000 if n < 1000 else 400
        x = [draw(n) for _ in range(repeats)]
        ends = np.array([intervals.betting_mean(row) for row in x])
        missed = np.count_nonzero((mean < ends[:, 0]) | (mean > ends[:, 1]))
        normal = 2 * 1.959964 * np.mean([row.std() for row in x]) / np.sqrt(n)
        width = f"{np.ptp(ends, axis=1).mean() / normal:8.2f}" if normal else "       -"
        yield f"{n:5} {name:14} {1 - missed / repeats:9.4f} {width}", within(missed, repeats)


# --- approximate intervals: (name, coverage) over a grid


def two_rates(method: Callable, truth: Callable) -> Iterator[tuple[str, float]]:
    sizes = ((20, 20), (20, 50), (20, 200), (30, 30), (50, 50), (50, 100), (100, 100), (200, 200))
    for n, m in sizes:
        k, j = np.arange(n + 1), np.arange(m + 1)
        low, high = method(k[:, None], n, j, m)
        for p, q in itertools.product(NEAR_AND_FAR, repeat=2):
            inside = (low <= truth(p, q) + 1e-12) & (truth(p, q) - 1e-12 <= high)
            yield f"n {n}, {m}, rates {p}, {q}", binom.pmf(k, n, p) @ inside @ binom.pmf(j, m, q)


def paired() -> Iterator[tuple[str, float]]:
    for n in (20, 30, 50):
        grid = itertools.product(range(n + 1), repeat=3)
        table = np.array([(a, b, c, n - a - b - c) for a, b, c in grid if a + b + c <= n])
        low, high = intervals.newcombe_paired(*table.T)
        ways = gammaln(n + 1) - gammaln(table + 1).sum(axis=1)
        for p, q, share in itertools.product((0.02, 0.1, 0.3, 0.5, 0.9), (0.02, 0.1, 0.3, 0.5, 0.9), (0, 0.5, 0.95)):
            both = p * q + share * (min(p, q) - p * q)
            cell = np.clip([both, p - both, q - both, 1 - p - q + both], 1e-12, 1)
            inside = (low <= p - q + 1e-12) & (p - q - 1e-12 <= high)
            yield f"n {n}, rates {p}, {q}, share {share}", np.exp(ways + table @ np.log(cell)) @ inside


def clusters() -> Iterator[tuple[str, float]]:
    rng = np.random.default_rng(3)

    def rate(s: np.ndarray) -> np.ndarray:
        return s[..., 0] / s[..., 1]

    def gap(s: np.ndarray) -> np.ndarray:
        return rate(s) - rate(s[..., 2:])

    for units, (p, q), alike in itertools.product((40, 100), ((0.02, 0.2), (0.1, 0.1), (0.3, 0.5)), (0.05, 0.5)):
        missed = np.zeros(2)
        ab = (1 - alike) / alike
        for _ in range(600):
            items = rng.integers(1, 20, (units, 2))
            chance = np.column_stack([rng.beta(r * ab, (1 - r) * ab, units) for r in (p, q)])
            events = rng.binomial(items, chance)
            sums = np.column_stack([events[:, 0], items[:, 0], events[:, 1], items[:, 1]])
            for case, (f, truth, least) in enumerate(((rate, p, 0), (gap, p - q, -1))):
                _, low, high = intervals.cluster_bootstrap(
                    f, sums, level=0.95, rng=rng, bounds=(least, 1), replicates=399
                )
                missed[case] += not low <= truth <= high
        yield f"{units} units, rate {p}, correlation {alike}", 1 - missed[0] / 600
        yield f"{units} units, gap {p} - {q}, correlation {alike}", 1 - missed[1] / 600


def odds() -> Iterator[tuple[str, float]]:
    """Two groups of texts of 1 to 16 words, in which a word of the same rate near both comes several times."""
    rng = np.random.default_rng(13)
    for texts, rate, alike in itertools.product((40, 200, 600), (0.005, 0.02, 0.2), (0.05, 0.5)):
        missed = told = 0
        ab, first = (1 - alike) / alike, np.arange(texts) % 2 == 0
        for _ in range(600):
            size = rng.integers(1, 17, texts)
            said = rng.binomial(size, rng.beta(rate * ab, (1 - rate) * ab, texts))
            both = np.stack([said, size], axis=1).astype(float)
            counts = np.concatenate([both * first[:, None], both * ~first[:, None], both], axis=1)
            total = counts.sum(axis=0)
            if total[4]:
                told += 1
                found = log_odds(*total[:4], total[4] / total[5])
                missed += abs(found.value) > 1.959964 * max(found.error, error_over_texts(counts))
        yield f"{texts} texts, rate {rate}, correlation {alike}", 1 - missed / told


def bands() -> Iterator[tuple[str, float]]:
    rng = np.random.default_rng(4)
    lattice = np.vstack([np.eye(9), np.kron(np.eye(3), np.ones(3)), np.kron(np.ones(3), np.eye(3)), np.ones(9)])
    shapes = {"4 groups": np.eye(4), "20 groups": np.eye(20), "3 x 3 and margins": lattice}
    for (name, groups), n, rate in itertools.product(shapes.items(), (50, 200), (0.02, 0.1, 0.5)):
        trials, missed = np.full(groups.shape[1], n), 0
        for _ in range(600):
            k = rng.binomial(trials, rate)
            low, high = intervals.simultaneous(k, trials, groups=groups, rng=rng, draws=400)
            missed += not np.all((low <= rate) & (rate <= high))
        yield f"{name}, n {n}, rate {rate}", 1 - missed / 600


def approximations() -> Iterator[tuple[str, bool]]:
    cases: tuple[tuple[Approximation, Iterable[tuple[str, float]]], ...] = (
        (intervals.NEWCOMBE, two_rates(intervals.newcombe, lambda p, q: p - q)),
        (intervals.NEWCOMBE_PAIRED, paired()),
        (intervals.SCORE_RATIO, two_rates(intervals.score_ratio, lambda p, q: p / q)),
        (intervals.CLUSTER_BOOTSTRAP, clusters()),
        (intervals.SIMULTANEOUS, bands()),
        (LOG_ODDS, odds()),
    )
    for known, cells in cases:
        table = list(cells)
        where, worst = min(table, key=lambda cell: cell[1])
        mean = np.mean([cover for _, cover in table])
        text = f"{known.method:52} {known.min_units:5} {worst:9.4f} {known.worst_coverage:7.3f} {mean:7.4f}  {where}"
        yield text, worst >= known.worst_coverage


# --- many groups, many checks


def gaps() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(5)
    n = np.full(10, 200)
    for gap, repeats in ((0.0, 2000), (0.1, 500), (0.15, 500)):
        counts = rng.binomial(n, np.r_[0.3 + gap, np.full(9, 0.3)], (repeats, 10))
        ours = np.mean([any_gap_p(k, n, rng, 399) <= 0.05 for k in counts])
        widest = []
        for k in counts:
            null = np.ptp(rng.multivariate_hypergeometric(n, k.sum(), size=399, method="marginals"), axis=1)
            widest.append((1 + np.count_nonzero(null >= np.ptp(k))) / 400 <= 0.05)
        kept = within(round(ours * repeats), repeats) if gap == 0 else ours >= np.mean(widest)
        yield f"{gap:5.2f} {ours:9.3f} {np.mean(widest):14.3f}", bool(kept)


def family() -> Iterator[tuple[str, bool]]:
    """200 checks whose true rate is the limit itself, so that any verdict is wrong, sharing one budget."""
    rng = np.random.default_rng(6)
    level = 1 - 0.05 / 200
    for limit, n in itertools.product((0.05, 0.3), (400, 1000)):
        k = np.arange(n + 1)
        wrong = []
        for confidence in (level, 0.95):
            low, high = exact_binomial(k, n, confidence)
            wrong.append((low > limit) | (high < limit))
        fixed, alone = (1 - (1 - binom.pmf(k, n, limit)[mask].sum()) ** 200 for mask in wrong)
        early = 1 - (1 - sum(said.sum() for said in stopping(limit, limit, level, n))) ** 200
        audits = wrong[0][rng.binomial(n, limit, (500, 200))].any(axis=1)
        kept = max(fixed, early) <= 0.05 and within(audits.sum(), 500)
        yield f"{limit:6.0%} {n:6} {fixed:8.4f} {audits.mean():10.3f} {early:11.4f} {alone:11.4f}", kept


# --- early stopping


def promises() -> Iterator[tuple[str, bool]]:
    """One early check exactly at its limit, all others far below: whether the whole audit passes, limit 5 %."""
    goals = {"every_finding": (136, 244, 789), "audit": (66, 66, 219)}
    for promise, goal in goals.items():
        share = 1 - 0.05 / 14
        levels = watched(Limit(measure="rate", at_most=0.05), share, keep_level(promise, 0.95))
        below, above = stopping(0.05, 0.05, levels, 2000)
        medians = []
        for rate in (0, 0.01, 0.02):
            said = np.cumsum(stopping(rate, 0.05, levels, 2000)[0])
            medians.append(int(np.argmax(said >= 0.5)) + 1)
        text = f"{promise:14} {below.sum():14.4f} {above.sum():13.5f} " + " ".join(f"{one:6}" for one in medians)
        yield text, below.sum() <= 0.05 and above.sum() <= 0.05 / 28 and tuple(medians) == goal


def benchmarks() -> Iterator[tuple[str, bool]]:
    """The same orders of a fixed benchmark, with and without knowing how many units are left."""
    rng = np.random.default_rng(0)
    for population, share, limit in ((100, 0.0, 0.05), (200, 0.01, 0.05), (200, 0.1, 0.05), (300, 0.02, 0.05)):
        values, after = (np.arange(population) < population * share).astype(float), []
        for _ in range(60):
            order, tests = rng.permutation(values), [RateTest(limit, population=size) for size in (None, population)]
            for test in tests:
                test.update(order)
            after.append([test.decided_after or 10**6 for test in tests])
        median, undecided = np.median(after, axis=0), np.mean(np.equal(after, 10**6), axis=0)
        told = ["-" if one == 10**6 else f"{one:.0f}" for one in median]
        text = f"{population:5} {share:5.0%} {limit:5.0%} {told[0]:>8} {undecided[0]:10.2f} {told[1]:>8}"
        yield f"{text} {undecided[1]:10.2f}", undecided[1] == 0 and median[1] <= median[0]


def finite() -> Iterator[tuple[str, bool]]:
    """Every set of up to N, every part, every count: the lowest coverage of the exact hypergeometric interval."""
    for population, level in itertools.product((12, 40), (0.95, 0.9964)):
        worst = 1.0
        for n in range(1, population + 1):
            ends = np.array([exact_hypergeometric(k, n, population, level) for k in range(n + 1)])
            for events in range(population + 1):
                inside = (ends[:, 0] <= events / population + 1e-12) & (events / population - 1e-12 <= ends[:, 1])
                worst = min(worst, hypergeom(population, events, n).pmf(np.arange(n + 1))[inside].sum())
        yield f"{population:5} {level:8.2%} {worst:9.4f}", worst >= level


def calls() -> Iterator[tuple[str, bool]]:
    allowed = {1: (82, 140, 195, 30), 14: (145, 255, 345, 60)}
    for checks, rate in itertools.product((1, 14), (0, 0.01, 0.02, 0.03, 0.08, 0.1, 0.2)):
        level = 1 - 0.05 / checks
        below, above = stopping(rate, 0.05, level, 1000)
        done = np.cumsum(below + above)
        median = 1 + int(np.searchsorted(done, 0.5)) if done[-1] >= 0.5 else None
        distance = sum(p * np.log(p / m) for p, m in ((rate, 0.05), (1 - rate, 0.95)) if p)
        floor = np.log(2 / (1 - level)) / distance
        mean = (below + above) @ np.arange(1, 1001) + 1000 * (1 - done[-1])
        most = dict(zip((0, 0.01, 0.1, 0.2), allowed[checks], strict=True)).get(rate)
        text = f"{checks:6} {rate:6.0%} {median or '> 1000':>8} {most or '-':>8} {mean:8.0f} {floor:8.0f}"
        yield f"{text} {below.sum():8.4f} {above.sum():8.4f}", most is None or (median or 9999) <= most


def wrong_verdicts() -> Iterator[tuple[str, bool]]:
    for checks, limit, step in itertools.product((1, 14), (0.01, 0.05, 0.5), (-1e-4, 1e-4)):
        level = 1 - 0.05 / checks
        below, above = stopping(limit + step, limit, level, 1000)
        wrong = (above if step < 0 else below).sum()
        yield f"{checks:6} {limit + step:8.2%} {wrong:10.6f} {(1 - level) / 2:10.6f}", wrong <= (1 - level) / 2


def differences() -> Iterator[tuple[str, bool]]:
    """The last interval is the intersection of all before it, so one look tells whether any of them missed."""
    rng = np.random.default_rng(8)
    for (p, q), size in itertools.product(((0.02, 0.02), (0.3, 0.2), (0.9, 0.5)), (None, 300)):
        missed, width = np.zeros(2), np.zeros(2)
        for _ in range(200):
            one, other = rng.random(size or 200) < p, rng.random(size or 200) < q
            truth = p - q if size is None else one.mean() - other.mean()
            first, second = one[:200].astype(float), other[:200].astype(float)
            paired = paired_sequence(first, second, population=size)
            for case, (low, high) in enumerate((paired, two_sample_sequence(first, second, populations=(size, size)))):
                missed[case] += not low - 1e-9 <= truth <= high + 1e-9
                width[case] += (high - low) / 200
        text = f"{p:5.0%} - {q:3.0%} {size or 'endless':>10} {1 - missed[0] / 200:9.3f} {width[0]:7.3f}"
        kept = all(within(int(count), 200) for count in missed)
        yield f"{text} {1 - missed[1] / 200:12.3f} {width[1]:7.3f}", kept


# --- false discoveries


def discoveries() -> Iterator[tuple[str, bool]]:
    rng = np.random.default_rng(7)
    for fitted, cut in itertools.product((False, True), (None, 0.5)):
        false, found, same = [], [], True
        for _ in range(300):
            fit, known = rng.normal(size=(100, 2)), rng.normal(size=(500, 2))
            new = np.vstack([rng.normal(size=(90, 2)), rng.normal(size=(10, 2)) + 4])
            centre, shape = (fit.mean(axis=0), np.linalg.inv(np.cov(fit.T))) if fitted else (np.zeros(2), np.eye(2))
            known, new = (np.einsum("ij,jk,ik->i", x - centre, shape, x - centre) for x in (known, new))
            p = p_values(known, new, alpha=0.01)
            mask = benjamini_hochberg(p, 0.1, cut=cut)
            same &= cut is not None or np.array_equal(mask, false_discovery_control(p) <= 0.1)
            false.append(mask[:90].sum() / max(mask.sum(), 1))
            found.append(mask[90:].mean())
        noise = np.std(false) / np.sqrt(300)
        density = "fitted on 100 disjoint points" if fitted else "known"
        text = f"{density:30} {cut or '-':>5} {np.mean(false):7.4f} +- {noise:.4f} {np.mean(found):7.3f} {same}"
        yield text, np.mean(false) <= 0.1 + 2 * noise and same


def shifted(rng: np.random.Generator, size: int, by: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores x + noise of points x ~ N(by, 1), and how much denser such points are at by = 0.8 than at 0."""
    x = rng.normal(by, 1, size)
    return x + rng.normal(size=size), np.exp(0.8 * x - 0.32)


def weighted() -> Iterator[tuple[str, bool]]:
    """New points come from elsewhere: 90 ordinary and 10 outlying ones, 2,000 calibration points."""
    rng = np.random.default_rng(9)
    names = ("plain", "weighted", "weighted, randomised")
    alarms, false, found = np.zeros((3, 2)), np.zeros((3, 300)), np.zeros(3)
    for repeat in range(300):
        (known, heavy), (new, own) = shifted(rng, 2000, 0), shifted(rng, 100, 0.8)
        new[90:] += 7
        ways = (
            p_values(known, new, alpha=0.01),
            weighted_p_values(known, new, weights=(heavy, own), alpha=0.01),
            weighted_p_values(known, new, weights=(heavy, own), alpha=0.01, rng=rng),
        )
        for way, p in enumerate(ways):
            alarms[way] += p[0] <= 0.05, p[0] <= 0.2
            mask = benjamini_hochberg(p, 0.1)
            false[way, repeat] = mask[:90].sum() / max(mask.sum(), 1)
            found[way] += mask[90:].mean() / 300
    for name, count, share, power in zip(names, alarms, false, found, strict=True):
        kept = within(int(count[0]), 300) and within(int(count[1]), 300, 0.2)
        kept &= share.mean() <= 0.1 + 2 * share.std() / np.sqrt(300)
        text = f"{name:22} {count[0] / 300:8.3f} {count[1] / 300:8.3f} {share.mean():8.4f} {power:7.3f}"
        yield text, bool(kept) or name == "plain"


def main() -> int:
    show("Coverage of a 95 % interval of a rate, exact; only the first must be at least 0.95",
         "    n    rate  exact_binomial         Wald             t     bootstrap", rates())
    show("Coverage of the 95 % betting interval, simulated; width against the normal interval's",
         "    n values          covers    width", betting())
    show("Approximate 95 % intervals from their stated n on: worst coverage over a grid, exact for rates",
         f"{'method':52} min n     worst  stated    mean  where", approximations())
    show("Misses in hard cases at the level of one of 1, 14 and 50 checks, allowed: .05, .0036, .001 (a side: half)",
         f"{'case':52}        1       14       50", hard_cases())
    show("Any gap among ten groups of 200 at 0.3, one raised by gap: share refused at 5 %",
         "  gap      ours  max minus min", gaps())
    show("200 checks at their limit share one error budget: audits with any verdict, exact, at most 0.05",
         " limit      n    fixed  500 drawn  early stop  not shared (500 drawn: +- 0.01)", family())
    show("Early stop at a limit of 5 %, budget 1,000: calls, exact by dynamic programming",
         "checks   rate   median  allowed     mean    floor    below    above", calls())
    show("Early stopping on a fixed benchmark: median units and share undecided, its size ignored and known",
         "    N  mean limit  ignored  undecided    known  undecided", benchmarks())
    show("Exact hypergeometric interval of all parts of all sets of N: lowest coverage",
         "    N    level  coverage", finite())
    show("The promise of 14 early checks at level 95 %: one at its limit; median units at 0, 1, 2 %",
         "promise         wrongly passed wrongly failed     0 %    1 %    2 %", promises())
    show("Wrong verdicts beside the limit, exact by dynamic programming",
         "checks     rate      wrong    allowed", wrong_verdicts())
    show("Differences watched at all times, 200 outcomes each: coverage, at least 0.95 but for chance; width",
         "difference  population   pairs  width  two samples  width", differences())
    show("False discoveries among conformal p-values, 300 repetitions, at most 0.1; found; equal to scipy's",
         "density                          cut     FDR           found", discoveries())
    show("Conformal p-values under covariate shift: alarms on ordinary points at 0.05 and 0.2; FDR, at most 0.1; found",
         "p-values               at 0.05   at 0.2      FDR   found (plain ones promise nothing here)", weighted())
    return finish()


if __name__ == "__main__":
    sys.exit(main())
