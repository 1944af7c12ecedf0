"""Prints what the inference about groups is worth: coverage and false alarms, enumerated or simulated with a seed.

    python benchmarks/bias_coverage.py

One core, under four minutes. Hard cases: groups of very unequal size, rates near 0 and 1, strata with few units on one
side. Every table says beside its figures what is allowed; the last line counts the rows that break it, and so does the
exit code. `pooled` gives the worst coverages that `detectors.bias.conditional` states.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

import numpy as np
from scipy.stats import binom
from tables import finish, show, within

from detectors.bias.calibration import calibration
from detectors.bias.conditional import conditional_gaps, pooled
from detectors.bias.consistency import Features, held_out, neighbour_means
from detectors.bias.gaps import group_gaps
from detectors.bias.groups import Groups, extreme_pairs
from detectors.bias.impact import impact_ratios
from detectors.bias.scores import abroca, auc, score_gaps
from detectors.intervals import newcombe, rate_difference, rate_ratio

RATES = (0.0, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.999, 1.0)
HARD = {
    "ten alike": ((0.3,) * 10, (200,) * 10),
    "rare group": ((0.02, 0.02, 0.1), (20, 900, 60)),
    "near 1": ((0.98, 0.9, 0.9, 1.0), (15, 200, 200, 40)),
    "tiny groups": ((0.1,) * 5, (20,) * 5),
    "two, apart": ((0.3, 0.4), (500, 500)),
    "one of ten apart": ((0.3, *(0.4,) * 9), (200,) * 10),
}
Row = tuple[str, bool]


def two_rates() -> Iterator[Row]:
    """Enumerated: the least coverage over all pairs of rates."""
    for n1, n2 in ((5, 5), (20, 20), (20, 400), (100, 100)):
        k1, k2 = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
        ends = {
            "difference": rate_difference(k1, n1, k2, n2), "ratio": rate_ratio(k1, n1, k2, n2),
            "Newcombe": newcombe(k1, n1, k2, n2),
        }  # fmt: skip
        worst = dict.fromkeys(ends, 1.0)
        for p, q in itertools.product(RATES, RATES):
            chance = np.outer(binom.pmf(np.arange(n1 + 1), n1, p), binom.pmf(np.arange(n2 + 1), n2, q))
            for name, (low, high) in ends.items():
                if name == "ratio" and not q:
                    continue
                true = p / q if name == "ratio" else p - q
                held = chance[(low - 1e-9 <= true) & (true <= high + 1e-9)].sum()
                worst[name] = min(worst[name], float(held))
        text = f"{n1:4} {n2:4}" + "".join(f"{one:12.4f}" for one in worst.values())
        yield text, min(worst["difference"], worst["ratio"]) >= 0.95 - 1e-9


def groups() -> Iterator[Row]:
    """Difference, ratio, all gaps at once, and the tests where nothing differs."""
    rng, repeats = np.random.default_rng(1), 400
    for name, (rates, sizes) in HARD.items():
        p, n = np.array(rates), np.array(sizes)
        names = [str(at) for at in range(len(n))]
        gap = p - (n @ p - n * p) / (n.sum() - n)
        missed, alike = np.zeros(3, dtype=int), bool(np.ptp(p) == 0)
        alarms = np.zeros(3, dtype=int)
        for _ in range(repeats):
            k = rng.binomial(n, p)
            result = group_gaps(k, n, names, level=0.95, rng=rng)
            assert result.table is not None
            low, high = result.table["gap_low"].to_numpy(), result.table["gap_high"].to_numpy()
            most = extreme_pairs(Groups.of(k, n, names), 0.95, rate_ratio) if k.any() else (0.0, np.inf)
            ratio = p.max() / p.min() if p.min() else np.inf
            head = result.headline
            assert head.low is not None
            assert head.high is not None
            missed += [
                not head.low <= np.ptp(p) + 1e-12 <= head.high + 2e-12,
                not most[0] <= ratio * (1 + 1e-9) <= most[1] * (1 + 2e-9),
                not ((low <= gap + 1e-9) & (gap - 1e-9 <= high)).all(),
            ]
            if alike:
                impact = impact_ratios(k, n, names, level=0.95)
                alarms += [
                    head.low > 0, (result.measure("rate_gap_p").value or 0) <= 0.05,
                    (impact.measure("selection_rate_impact_p").value or 0) <= 0.05 if k.any() else False,
                ]
        cover = "".join(f"{1 - one / repeats:12.4f}" for one in missed)
        told = "".join(f"{one / repeats:10.2%}" for one in alarms) if alike else 3 * f"{'-':>10}"
        yield f"{name:18}{cover}{told}", all(within(int(one), repeats) for one in (*missed, *alarms))


def strata(*, silent: bool) -> Iterator[Row]:
    """Pooled gap and ratio over random hard strata: the least coverage of 120, each simulated 1,000 times.

    silent: up to a third of those with the event, or of those without it, give no answer; the truth is of all asked.
    """
    rng, repeats = np.random.default_rng(2), 1000
    for level in (0.95, 0.99, 0.999):
        worst = {"gap": (1.0, ""), "ratio": (1.0, "")}
        for _ in range(120):
            count = int(rng.integers(1, 12))
            n1, n0 = (np.ceil(np.exp(rng.uniform(0, np.log(600), count))).astype(int) for _ in range(2))
            p0 = np.where(rng.random(count) < 0.5, rng.beta(0.3, 3, count), rng.beta(2, 2, count))
            p1 = p0 if rng.random() < 0.5 else np.where(rng.random(count) < 0.5, p0, rng.random(count))
            a, b = rng.binomial(n1, p1, (repeats, count)), rng.binomial(n0, p0, (repeats, count))
            weight = n1 * n0 / (n1 + n0)
            first, second = (weight @ p / weight.sum() for p in (p1, p0))
            lost1, lost0 = np.zeros_like(a), np.zeros_like(b)
            if silent:
                shares = rng.uniform(0, 1 / 3, 2)[rng.permutation(2)] * rng.integers(0, 2, 2)
                lost1, lost0 = rng.binomial(a, shares[0]), rng.binomial(n0 - b, shares[1])
            found = pooled(a - lost1, n1 - lost1, b, n0 - lost0, level, missing1=lost1, missing0=lost0)
            for name, (_, low, high), true in zip(
                worst, found, (first - second, first / second if second else np.inf), strict=True
            ):
                held = float(np.mean((low <= true + 1e-9) & (true - 1e-9 <= high)))
                if held < worst[name][0]:
                    worst[name] = held, f"{count} strata, {n1.min()} to {n1.max()} and {n0.min()} to {n0.max()}"
        for name, (held, where) in worst.items():
            yield f"{level:6} {name:6} {held:9.4f}   {where}", within(round((1 - held) * repeats), repeats, 1 - level)


def turned() -> Iterator[Row]:
    """Tests within strata where nothing differs, and where the gap of all is the control's alone."""
    rng, repeats = np.random.default_rng(3), 400
    cases = {"alike": (np.full(4, 0.3), 40), "by control alone": (np.array([0.1, 0.3, 0.6, 0.8]), 60)}
    for name, (p, size) in cases.items():
        n = rng.multinomial(4 * size, [0.4, 0.3, 0.2, 0.1], 3).T if name != "alike" else np.full((4, 3), size)
        alarms = np.zeros(2, dtype=int)
        for _ in range(repeats):
            k = rng.binomial(n, p[:, None])
            result = conditional_gaps(k, n, list("wxyz"), list("abc"), level=0.95, rng=rng)
            alarms += [(result.measure(f"rate_{one}").value or 0) <= 0.05 for one in ("conditional_p", "reversal_p")]
        yield f"{name:18}" + "".join(f"{one / repeats:10.2%}" for one in alarms), all(
            within(int(one), repeats) for one in alarms
        )


def scores() -> Iterator[Row]:
    """AUC differences, ABROCA and calibration against values of two million draws."""
    rng, repeats, bins = np.random.default_rng(4), 200, 20
    sizes, base = np.array([400, 80, 30]), np.array([0.3, 0.3, 0.2])

    def drawn(size: int, at: int, shift: float) -> np.ndarray:
        label = rng.random(size) < base[at]
        said = np.clip(np.round(3 * (rng.normal(size=size) + label * (1.2 - shift * at) + 3)), 0, bins - 1).astype(int)
        cells = np.zeros((2, bins), dtype=np.int64)
        np.add.at(cells, (label.astype(int), said), 1)
        return cells

    for shift in (0.0, 0.4):
        law = np.stack([drawn(700_000, at, shift) for at in range(3)])
        areas = auc(law[:, 0], law[:, 1])
        rest = (law * (sizes / 700_000)[:, None, None]).sum(0) - law * (sizes / 700_000)[:, None, None]
        true = float(abroca(law[2:3], rest[2:3])[0])
        missed, alarms = np.zeros(2, dtype=int), 0
        for _ in range(repeats):
            cells = np.stack([drawn(size, at, shift) for at, size in enumerate(sizes)])
            result = score_gaps(cells, list("abc"), level=0.95, rng=rng)
            head, area = result.headline, result.measure("abroca", "c")
            missed += [
                head.low is not None and not head.low - 2e-3 <= np.ptp(areas) <= (head.high or 0) + 2e-3,
                area.low is not None and not area.low - 2e-3 <= true <= (area.high or 0) + 2e-3,
            ]
            alarms += shift == 0 and (result.measure("abroca_p").value or 1) <= 0.05
        told = f"{alarms / repeats:10.2%}" if shift == 0 else f"{'-':>10}"
        yield f"shift {shift:3}{1 - missed[0] / repeats:14.4f}{1 - missed[1] / repeats:12.4f}{told}", all(
            within(int(one), repeats) for one in (*missed, alarms)
        )


def calibrated() -> Iterator[Row]:
    """Calibration: error and in the large where they are known, and the p-value where the score is perfect."""
    rng, repeats, said = np.random.default_rng(5), 400, np.array([0.02, 0.1, 0.3, 0.6, 0.95])
    units = np.array([[60, 80, 40, 20, 10], [12, 9, 5, 3, 2]])
    for off in (0.0, 0.1):
        p = np.clip(said + off * np.array([[1], [-1]]) * said * (1 - said) * 4, 0, 1)
        ece = (units * np.abs(p - said)).sum(1) / units.sum(1)
        large = (units * (p - said)).sum(1) / units.sum(1)
        missed, alarms = np.zeros(2, dtype=int), 0
        for _ in range(repeats):
            k = rng.binomial(units, p)
            result = calibration(np.stack([units - k, k], axis=1), said, ["a", "b"], level=0.95, rng=rng)
            for at, (name, values) in enumerate((("calibration_error", ece), ("calibration_in_the_large", large))):
                measures = [result.measure(name, group) for group in "ab"]
                missed[at] += not all(
                    one.low is not None and one.high is not None and one.low - 1e-9 <= true <= one.high + 1e-9
                    for one, true in zip(measures, values, strict=True)
                )
            alarms += off == 0 and (result.measure("calibration_p").value or 1) <= 0.05
        told = f"{alarms / repeats:10.2%}" if off == 0 else f"{'-':>10}"
        yield f"off by {off:3}{1 - missed[0] / repeats:13.4f}{1 - missed[1] / repeats:12.4f}{told}", all(
            within(int(one), repeats) for one in (*missed, alarms)
        )


def people(law: str, n: int, rng: np.random.Generator) -> tuple[Features, np.ndarray]:
    """Return rows of a law: features and the numbers that they are given."""
    x, words = rng.normal(size=(n, 2)), np.zeros((n, 0), dtype=np.int64)
    coins = rng.random(n)
    if law == "of words":
        x, words = np.zeros((n, 0)), rng.integers(0, 3, (n, 2))
        return Features(x, words), (coins < 0.1 + 0.2 * words[:, 0]).astype(float)
    if law == "clusters":
        at = rng.integers(0, 4, n)
        place = np.array([[0, 0], [3, 0], [0, 3], [9, 9]])[at] + 0.1 * x
        return Features(place, words), np.where(coins < 0.9, at % 2, 1 - at % 2).astype(float)
    numbers = {
        "rare ones": coins < 0.03, "coins": coins < 0.5, "few far off": np.where(coins < 0.02, 1, 0.1 + 0.01 * coins),
        "smooth": np.clip(0.5 + 0.15 * x[:, 0] + 0.05 * rng.normal(size=n), 0, 1),
    }  # fmt: skip
    return Features(x, words), numbers[law].astype(float)


def neighbours() -> Iterator[Row]:
    """Consistency held out, given the halves, and a normal interval that takes rows for independent beside it."""
    rng, repeats, k = np.random.default_rng(6), 120, 5
    for law, n in itertools.product(("rare ones", "coins", "few far off", "smooth", "of words", "clusters"), (24, 400)):
        others, theirs = people(law, 4000, rng)
        missed, seen, ends = 0, np.zeros(repeats), np.zeros((repeats, 2))
        for at in range(repeats):
            rows, values = people(law, n, rng)
            found = held_out(rows, values, k, 0.95, rng)
            assert found is not None
            halves = [neighbour_means(others, rows[half::2], values[half::2], k, same=False) for half in (0, 1)]
            truth = 1 - float(np.mean([np.abs(theirs - one).mean() for one in halves]))
            missed += not found[1] - 2e-3 <= truth <= found[2] + 2e-3
            far = np.abs(values - neighbour_means(rows, rows, values, k, same=True))
            seen[at], half = far.mean(), 1.96 * far.std(ddof=1) / np.sqrt(n)
            ends[at] = seen[at] - half, seen[at] + half
        normal = np.mean((ends[:, 0] <= seen.mean()) & (seen.mean() <= ends[:, 1]))
        yield f"{law:12}{n:5}{1 - missed / repeats:10.4f}{normal:10.4f}", within(missed, repeats)


def main() -> int:
    """Print all tables."""
    show("Two rates: least coverage over all pairs of rates, enumerated; allowed: 0.95 (Newcombe beside it)",
         f"{'n1':>4} {'n2':>4}{'difference':>12}{'ratio':>12}{'Newcombe':>12}", two_rates())
    show("Groups, 400 simulations: coverage at least 0.95 and false alarms at most 5 %, but for chance",
         f"{'':18}{'difference':>12}{'ratio':>12}{'all gaps':>12}{'low > 0':>10}{'any gap':>10}{'impact':>10}",
         groups())
    show("Pooled over strata, worst of 120 random settings of 1,000 simulations: at least the level, but for chance",
         f"{'level':>6} {'':6} {'coverage':>9}   where", strata(silent=False))
    show("The same where up to a third of those selected in one group, or not in the other, gave no answer",
         f"{'level':>6} {'':6} {'coverage':>9}   where", strata(silent=True))
    show("Within strata: false alarms of 400, at most 5 % but for chance",
         f"{'':18}{'any gap':>10}{'reversal':>10}", turned())
    show("Scores, 200 simulations: coverage at least 0.95 and false alarms at most 5 %, but for chance",
         f"{'':9}{'AUC gap':>14}{'ABROCA':>12}{'any':>10}", scores())
    show("Calibration, 400 simulations: the same",
         f"{'':10}{'error':>13}{'in the large':>13}{'any':>10}", calibrated())
    show("Consistency, 120 simulations: coverage held out at least 0.95, but for chance (a normal interval beside it)",
         f"{'law':12}{'rows':>5}{'held out':>10}{'normal':>10}", neighbours())
    return finish()


if __name__ == "__main__":
    sys.exit(main())
