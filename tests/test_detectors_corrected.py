"""Corrected rates: worked numbers, coverage by enumeration of all three samples, laws, and refusals by number."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.intervals import CORRECTED, Calibration, corrected_rate, exact_binomial
from detectors.intervals.corrected import corrected_ends

GOOD = Calibration(45, 50, 48, 50)


def test_rogan_and_gladen_by_hand():
    """8 % flagged, sensitivity 0.9, specificity 0.96: (0.08 - 0.04) / 0.86."""
    value, low, high = corrected_rate(40, 500, GOOD)
    assert value == pytest.approx(0.04 / 0.86)
    assert low == 0
    assert 0.08 < high < 0.12


def test_the_quadrature_by_hand():
    """Each part alone at its exact ends: what moves p down, and what moves it up, summed in squares."""
    value, low, high = corrected_rate(200, 500, GOOD)

    def rate(q, se, sp):
        return (q + sp - 1) / (se + sp - 1)

    (q0, q1), (se0, se1), (sp0, sp1) = exact_binomial(200, 500), exact_binomial(45, 50), exact_binomial(48, 50)
    assert value == pytest.approx(rate(0.4, 0.9, 0.96))
    lower = [rate(q0, 0.9, 0.96), rate(0.4, se1, 0.96), rate(0.4, 0.9, sp0)]
    upper = [rate(q1, 0.9, 0.96), rate(0.4, se0, 0.96), rate(0.4, 0.9, sp1)]
    assert low == pytest.approx(value - np.sqrt(sum((value - p) ** 2 for p in lower)))
    assert high == pytest.approx(value + np.sqrt(sum((p - value) ** 2 for p in upper)))


def test_a_detector_known_to_be_perfect_leaves_the_exact_interval():
    value, low, high = corrected_rate(30, 100, Calibration(10**7, 10**7, 10**7, 10**7))
    assert value == pytest.approx(0.3)
    assert (low, high) == pytest.approx(exact_binomial(30, 100), abs=1e-5)


@cache
def answer(k, hits, passes):
    try:
        return corrected_rate(k, 60, Calibration(hits, 24, passes, 24))[1:]
    except ValueError:
        return None


def likely(n, rate):
    """Counts that hold all but 1e-4 of a binomial distribution, with their probabilities."""
    k = np.arange(n + 1)
    kept = k[binom.pmf(k, n, rate) > 1e-6]
    return [(int(count), float(binom.pmf(count, n, rate))) for count in kept]


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.75, 0.8), (0.97, 0.8)])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_coverage_by_enumeration(rate, sensitivity, specificity):
    """All likely counts of 60 items and 24 labelled ones of each kind, among those on which it does not refuse."""
    flagged = rate * sensitivity + (1 - rate) * (1 - specificity)
    flags, *known = (likely(*one) for one in ((60, flagged), (24, sensitivity), (24, specificity)))
    k, chance = (np.array(one) for one in zip(*flags, strict=True))
    covered = answered = 0.0
    for (hits, one), (passes, other) in itertools.product(*known):
        first = answer(int(k[0]), hits, passes)
        if first is not None:
            told = [k, np.full_like(k, hits), np.full_like(k, passes)]
            _, low, high = corrected_ends(np.stack(told, axis=-1), [60, 24, 24], 0.95)
            assert first == (low[0], high[0])
            answered += one * other * chance.sum()
            covered += one * other * chance[(low - 1e-9 <= rate) & (rate <= high + 1e-9)].sum()
    assert answered > 0.5
    assert covered / answered >= CORRECTED.worst_coverage


def test_fixed_sensitivity_and_specificity_do_not_cover():
    """What others do: the interval of q alone, mapped through Se and Sp as if they were known."""
    rng = np.random.default_rng(0)
    missed = ours = 0
    for _ in range(300):
        k, hits, passes = rng.binomial(1000, 0.3 * 0.9 + 0.7 * 0.1), rng.binomial(40, 0.9), rng.binomial(40, 0.9)
        ends = (np.array(exact_binomial(k, 1000)) + passes / 40 - 1) / (hits / 40 + passes / 40 - 1)
        missed += not ends[0] <= 0.3 <= ends[1]
        _, low, high = corrected_rate(k, 1000, Calibration(hits, 40, passes, 40))
        ours += not low <= 0.3 <= high
    assert missed > 0.3 * 300
    assert binom.sf(ours - 1, 300, 0.05) > 0.001


calibrations = st.tuples(st.integers(20, 80), st.integers(20, 80), st.floats(0.8, 1), st.floats(0.8, 1)).map(
    lambda c: Calibration(int(c[0] * c[2]), c[0], int(c[1] * c[3]), c[1])
)


@given(st.integers(0, 90), calibrations)
@settings(deadline=None)
def test_laws(k, known):
    if known.problem(0.95):
        return
    value, low, high = corrected_rate(k, 90, known)
    assert 0 <= low <= value <= high <= 1
    turned = Calibration(known.passes, known.negatives, known.hits, known.positives)
    assert corrected_rate(90 - k, 90, turned) == pytest.approx((1 - value, 1 - high, 1 - low), abs=1e-9)
    _, narrow_low, narrow_high = corrected_rate(k, 90, known, 0.9)
    assert low <= narrow_low <= narrow_high <= high
    if k < 90:
        assert corrected_rate(k + 1, 90, known)[0] >= value


@pytest.mark.parametrize(("known", "says"), [
    (Calibration(10, 15, 48, 50), r"15 labelled items that have it .* 20 of each are needed"),
    (Calibration(40, 50, 5, 19), r"50 labelled items that have it and 19 that have not .* 20 of each"),
    (Calibration(14, 20, 11, 20), r"is 0\.25 and may be 0: .* about 5 times as many .* \(20 and 20 now\)"),
    (Calibration(20, 50, 20, 50), r"is -0\.20 and may be 0: the detector may tell nothing$"),
    (Calibration(500, 1000, 501, 1000), r"more than a hundred times as many"),
])
def test_too_little_calibration_is_refused_by_number(known, says):
    with pytest.raises(ValueError, match=says):
        corrected_rate(40, 500, known)


def test_as_many_as_it_asks_for_do():
    """Five times (14, 20, 11, 20) is what the refusal above names, and four times does not do."""
    assert Calibration(70, 100, 55, 100).problem(0.95) is None
    assert Calibration(56, 80, 44, 80).problem(0.95) is not None


@pytest.mark.parametrize(("k", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_impossible_counts_are_refused(k, n):
    with pytest.raises(ValueError, match="allowed: 0 <= k <= n"):
        corrected_rate(k, n, GOOD)
