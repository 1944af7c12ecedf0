"""The kernel distance against closed forms, brute force and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.quality.kernel_distance import KID, kernel_distance


def moments(mean: float, spread: float) -> np.ndarray:
    """The first three moments of a Gaussian."""
    return np.array([mean, mean**2 + spread**2, mean**3 + 3 * mean * spread**2])


def known_distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    """In one dimension the kernel is 1 + 3xy + 3(xy)^2 + (xy)^3, so the distance is one of moments."""
    return float(np.array([3, 3, 1]) @ (moments(*first) - moments(*second)) ** 2)


def brute(x: np.ndarray, y: np.ndarray) -> float:
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / len(a) + 1) ** 3

    among = [np.mean([k(a, b) for a, b in itertools.permutations(z, 2)]) for z in (x, y)]
    return float(sum(among) - 2 * np.mean([k(a, b) for a in x for b in y]))


def test_three_points_by_hand():
    """k(0, .) = 1, k(1, 1) = 8, k(1, 2) = 27, k(2, 2) = 125: both means among are known, and the mean across."""
    x, y = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [2.0]])
    among_x, among_y = 1.0, (1 + 1 + 27) / 3
    across = (3 + 3 + (1 + 8 + 27)) / 9
    assert kernel_distance(x, y, level=0.95).value == pytest.approx(among_x + among_y - 2 * across)


def test_value_and_error_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(0.5, 1.3, size=(5, 3))
    found = kernel_distance(x, y, level=0.95)
    variance = 0.0
    without_x, without_y = ([np.delete(z, i, 0) for i in range(len(z))] for z in (x, y))
    for values in ([brute(z, y) for z in without_x], [brute(x, z) for z in without_y]):
        variance += (len(values) - 1) * np.var(values)
    assert found.value == pytest.approx(brute(x, y))
    assert found.high - found.value == pytest.approx(1.959964 * variance**0.5, rel=1e-6)
    assert found.value - found.low == pytest.approx(found.high - found.value)


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.5, 1.0), (0.0, 1.5), (-0.7, 0.5)])
def test_it_is_unbiased_for_gaussians_of_known_distance(mean, spread):
    rng = np.random.default_rng(1)
    values = [
        kernel_distance(rng.normal(mean, spread, (20, 1)), rng.normal(size=(30, 1)), level=0.95).value
        for _ in range(600)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(known_distance((mean, spread), (0, 1)), abs=4 * error)


def groups(rng: np.random.Generator, size: int, dim: int, first: int = 0) -> np.ndarray:
    """A mixture of ten groups of about unit scale, of which the first ones may be missing."""
    centres = np.random.default_rng(5).normal(size=(10, dim))
    return centres[rng.integers(first, 10, size)] + 0.3 * rng.normal(size=(size, dim))


@pytest.mark.parametrize("first", [0, 3])
def test_the_interval_covers_as_it_says(first):
    """At `min_units`; the truth of the second case is that of ten pairs of large samples."""
    rng, size, repeats = np.random.default_rng(2), KID.min_units, 300
    large = ((groups(rng, 1500, 8, first), groups(rng, 1500, 8)) for _ in range(10))
    truth = np.mean([kernel_distance(*pair, level=0.95).value for pair in large]) if first else 0.0
    missed = 0
    for _ in range(repeats):
        found = kernel_distance(groups(rng, size, 8, first), groups(rng, 2 * size, 8), level=0.95)
        missed += not found.low <= truth <= found.high
    noise = np.sqrt(0.1 * 0.9 / repeats)
    assert 1 - missed / repeats >= KID.worst_coverage - 2 * noise


def test_size_and_power():
    """Equal distributions are called different in at most 5 %, a missing group of ten in most."""
    rng, size = np.random.default_rng(3), 300
    called = [
        np.mean(
            [kernel_distance(groups(rng, size, 8, first), groups(rng, size, 8), level=0.95).low > 0 for _ in range(60)]
        )
        for first in (0, 3)
    ]
    assert called[0] <= 0.05
    assert called[1] >= 0.95


points = arrays(np.float64, st.tuples(st.integers(3, 8), st.just(3)), elements=st.floats(-3, 3, width=16))


@settings(max_examples=40, deadline=None)
@given(points, points, st.integers(0, 1000))
def test_laws(x, y, seed):
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = kernel_distance(x, y, level=0.95)
    for other in (
        kernel_distance(y, x, level=0.95),
        kernel_distance(rng.permutation(x), rng.permutation(y), level=0.95),
        kernel_distance(x @ turn, y @ turn, level=0.95),
    ):
        assert other.value == pytest.approx(found.value, abs=1e-8)
        assert other.high == pytest.approx(found.high, abs=1e-5)
    assert kernel_distance(x, y, level=0.99).high >= found.high


def test_more_rows_than_a_block_are_the_same_sum():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(1500, 2)), rng.normal(size=(3, 2))
    gram = (x @ x.T / 2 + 1) ** 3
    among = (gram.sum() - np.trace(gram)) / (1500 * 1499)
    other = (y @ y.T / 2 + 1) ** 3
    across = ((x @ y.T / 2 + 1) ** 3).mean()
    wanted = among + (other.sum() - np.trace(other)) / 6 - 2 * across
    assert kernel_distance(x, y, level=0.95).value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((2, 2)), np.zeros((3, 2))),
        (np.zeros((3, 2)), np.zeros((3, 4))),
        (np.full((3, 2), np.nan), np.zeros((3, 2))),
        (np.zeros(5), np.zeros((3, 2))),
    ],
)
def test_what_cannot_be_measured_is_refused(x, y):
    with pytest.raises(ValueError, match="allowed:"):
        kernel_distance(x, y, level=0.95)
