"""Scores from log p, baselines without a model, health: closed forms, hand-worked numbers, each one's direction."""

from __future__ import annotations

import zlib
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom, gaussian_kde, multivariate_normal, norm, ttest_ind
from sklearn.mixture import GaussianMixture

from detectors.elements import min_k
from detectors.health import response_problem, score_problem
from detectors.intervals import auroc
from detectors.lossless import compressed_bits, sizes
from detectors.novelty.baselines import knn_distance, mixture_surprise, vectors
from detectors.novelty.likelihood import batch_typicality, bits_per_dim, input_complexity, typicality
from detectors.novelty.mixture import fitted

TEXTS = ["the cat sat on the mat", "a dog ran in the park", "the sun rose over the hill", "rain fell on the old roof"]

# --- from log p


def test_bits_per_dimension():
    """A uniform choice among 16 values costs 4 bits in every dimension."""
    assert bits_per_dim([-3 * np.log(16), -6 * np.log(16)], [3, 6]) == pytest.approx([4, 4])


def test_input_complexity_is_in_bits_on_both_sides():
    assert input_complexity([4.0], [6.0], [3.0]) == pytest.approx([2.0])


def test_min_k_takes_the_least_likely_elements():
    traces = [[np.nan, -1, -9, -2, -3, -7], [-4.0], [np.nan]]
    assert min_k(traces[:2], share=0.4).tolist() == [8.0, 4.0]
    assert min_k(traces[:1], share=0.01).tolist() == [9.0]  # at least one element
    assert np.isnan(min_k(traces)[2])


def test_typicality_is_a_kernel_density():
    rng = np.random.default_rng(0)
    known, new = rng.normal(3, 2, 200), np.array([-4.0, 3.0, 3.1, 20.0])
    spread = min(known.std(ddof=1), np.subtract(*np.quantile(known, [0.75, 0.25])) / 1.34)
    theirs = gaussian_kde(known, bw_method=0.9 * spread * 200**-0.2 / known.std(ddof=1))
    assert typicality(known, new)[:3] == pytest.approx(-theirs.logpdf(new[:3]))
    assert np.isfinite(typicality(known, [1e6]))  # far out the density is no longer a float, its logarithm is


def test_typicality_is_two_sided_and_rises_outwards():
    found = typicality(np.random.default_rng(0).normal(size=500), [0, 1.5, 3, 6])
    assert (np.diff(found) > 0).all()
    assert typicality(np.random.default_rng(0).normal(size=500), [-6, 0]) @ [1, -1] > 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_batch_of_one_item_has_the_p_of_its_place_among_all(turned):
    """It has no spread of its own: studentised it was accused for certain, whatever it was."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(200):
        whole = rng.exponential(size=20)
        sides = (whole[:1], whole[1:]) if turned else (whole[1:], whole[:1])
        p.append(batch_typicality(*sides, rng=rng)[1])
        farther = np.abs(whole - whole.mean()) >= abs(whole[0] - whole.mean()) - 1e-12
        assert p[-1] == pytest.approx(farther.mean(), abs=0.06)
    assert np.mean(np.array(p) <= 0.1) < 0.1 + 3 * np.sqrt(0.09 / 200)
    assert batch_typicality(np.ones(12), [1.0], rng=rng)[1] == 1


def test_a_batch_is_accused_as_often_as_stated_and_seen_when_it_is_too_likely():
    rng = np.random.default_rng(0)
    p = [batch_typicality(rng.normal(size=60), rng.normal(size=60), rng=rng, replicates=199)[1] for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    for shift in (-1, 1):
        found, p = batch_typicality(rng.normal(size=60), rng.normal(shift, 1, 60), rng=rng)
        assert found == pytest.approx(1, abs=0.5)
        assert p == 1 / 2000


FEW = {
    "skewed": lambda rng, n: rng.lognormal(0, 1.5, n), "rare": lambda rng, n: 1.0 * (rng.random(n) < 0.05),
    "normal": lambda rng, n: rng.normal(size=n), "constant": lambda rng, n: np.full(n, 0.1),
}


@pytest.mark.parametrize("law", FEW)
@pytest.mark.parametrize("sizes", [(10, 10), (20, 100), (100, 5), (10, 2)], ids=str)
def test_few_or_skewed_scores_make_no_p_value_smaller_than_it_is_true(law, sizes):
    rng, repeats = np.random.default_rng(1), 200
    drawn = ([FEW[law](rng, size) for size in sizes] for _ in range(repeats))
    p = np.array([batch_typicality(*sides, rng=rng, replicates=99)[1] for sides in drawn])
    for level in (0.02, 0.05, 0.2):
        assert (p <= level).sum() <= binom.ppf(0.999, repeats, level)


def test_the_p_value_of_a_batch_is_that_of_all_ways_to_draw_it():
    known, new = np.array([0.0, 1, 1, 3, 7]), np.array([4.0, 9, 6])
    whole = np.concatenate([known, new])
    sides = ((whole[list(one)], np.delete(whole, one)) for one in combinations(range(8), 3))
    t = [ttest_ind(*both, equal_var=False).statistic for both in sides]
    exact = np.mean(np.abs(t) >= abs(ttest_ind(new, known, equal_var=False).statistic) - 1e-9)
    _, p = batch_typicality(known, new, rng=np.random.default_rng(0), replicates=9999)
    assert p == pytest.approx(exact, abs=0.01)


# --- without a model


def test_the_fifth_neighbour():
    fit = np.arange(10.0)[:, None]
    assert knn_distance(fit, np.array([[0.0], [20.0]])).tolist() == [4.0, 15.0]
    assert knn_distance(fit[:2], np.array([[5.0]])).tolist() == [5.0]  # the farthest of two


def test_the_mixture_is_the_density_of_a_gaussian_where_the_data_are_one():
    rng = np.random.default_rng(0)
    scale = np.array([5.0, 4, 3, 1, 1])
    fit, new = rng.normal(size=(4000, 5)) * scale, rng.normal(size=(200, 5)) * scale * 1.5
    theirs = -multivariate_normal(np.zeros(5), np.diag(scale**2)).logpdf(new)
    assert np.corrcoef(mixture_surprise(fit, new, rng=rng), theirs)[0, 1] > 0.99


def test_the_mixture_sees_what_leaves_its_leading_directions():
    rng = np.random.default_rng(0)
    fit = np.concatenate([rng.normal(size=(100, 3)) * 5, rng.normal(size=(100, 40)) * 0.1], 1)
    new = fit.copy()
    new[:, 20] += 2
    assert auroc(mixture_surprise(fit, fit, rng=rng), mixture_surprise(fit, new, rng=rng))[0] == 1


@pytest.mark.parametrize(("count", "wide", "parts"), [(60, 6, 2), (300, 3, 5), (40, 1, 1), (90, 16, 3)])
def test_the_mixture_is_that_of_scikit_learn(count, wide, parts):
    rng = np.random.default_rng(count)
    points, new = rng.normal(size=(count, wide)) + 4 * rng.integers(0, 3, (count, 1)), rng.normal(size=(50, wide))
    theirs = GaussianMixture(parts, reg_covar=0.01, max_iter=500, init_params="k-means++", random_state=7).fit(points)
    ours = fitted(points, parts, ridge=0.01, seed=7).log_density(new)
    assert ours == pytest.approx(theirs.score_samples(new), rel=1e-9)


@pytest.mark.parametrize("item", [
    np.random.default_rng(0).integers(0, 17, (8, 8)), np.add.outer(np.arange(8) ** 2, np.arange(8)), np.arange(-9, 9),
])
def test_the_code_is_that_of_a_png_without_its_container(item):
    """The shortest of three streams which are inflated again to the item itself."""
    streams = [np.diff(item, axis=axis, prepend=0).astype(np.int8) for axis in range(item.ndim)]
    lengths = []
    for axis, view in enumerate([item.astype(np.int8), *streams], start=-1):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(view.tobytes()) + packer.flush()
        back = np.frombuffer(zlib.decompress(packed, -15), np.int8).reshape(item.shape)
        assert np.array_equal(back if axis < 0 else np.cumsum(back, axis=axis, dtype=np.int8), item)
        lengths.append(8 * (len(packed) - 2))  # two bytes are the empty stream
    assert compressed_bits(item[None]) == [min(lengths)]


def test_numbers_beyond_a_byte_cost_their_higher_bytes_too():
    rng = np.random.default_rng(0)
    small, large = rng.integers(0, 256, (2, 5, 400))
    assert compressed_bits(small) == pytest.approx([3200] * 5, rel=0.03)
    assert compressed_bits(256 * large + small) == pytest.approx([6400] * 5, rel=0.03)
    assert (compressed_bits(small - 128) == compressed_bits((small - 128).astype(np.int8))).all()
    assert compressed_bits(np.empty((2, 0), dtype=np.int64)).tolist() == [0, 0]


def test_simple_items_cost_less():
    rng = np.random.default_rng(0)
    noise, constant = rng.integers(0, 17, (5, 8, 8)), np.full((5, 8, 8), 9)
    ramp = np.broadcast_to(np.arange(8), (5, 8, 8))
    assert (compressed_bits(constant) < compressed_bits(ramp)).all()
    assert (compressed_bits(ramp) < compressed_bits(noise)).all()
    assert (compressed_bits(noise) >= 60 * np.log2(17)).all()
    text = compressed_bits(["word " * 40, "q8 zk vj 0x mw 7p lr", ""])
    assert text[0] / 200 < text[1] / 20
    assert text[2] == 0


def test_real_numbers_are_rounded_to_their_own_scale():
    x = np.random.default_rng(0).normal(size=(4, 48))
    assert compressed_bits(x, 1.0) == pytest.approx(compressed_bits(1000 * x, 1000.0))


@pytest.mark.parametrize("make", [lambda n: np.random.default_rng(0).integers(0, 17, (n, 8, 8)), lambda n: TEXTS[:n]])
def test_a_score_depends_on_the_item_alone(make):
    items, fit = make(4), make(3)
    for score in (lambda some: knn_distance(fit, some), compressed_bits):
        assert score(items)[:2] == pytest.approx(score(items[:2]))


def test_texts_are_vectors_of_length_one_and_bytes_in_size():
    assert np.linalg.norm(vectors(TEXTS), axis=1) == pytest.approx([1] * 4)
    assert sizes(["abc", "é"]).tolist() == [3, 2]
    assert sizes(np.zeros((2, 8, 8))).tolist() == [64, 64]
    assert knn_distance(TEXTS, ["zqx jvk wpf"])[0] > knn_distance(TEXTS, TEXTS[:1])[0]


def test_every_score_is_higher_for_the_outlying():
    """Standard normal data; the foreign are the same times three, under the exact log p."""
    rng = np.random.default_rng(0)
    fit, familiar, foreign = rng.normal(size=(300, 16)), rng.normal(size=(200, 16)), 3 * rng.normal(size=(200, 16))
    nats = [norm.logpdf(x).sum(1) for x in (fit, familiar, foreign)]
    nll = [bits_per_dim(part, np.full(len(part), 16)) for part in nats]
    code = [compressed_bits(x) for x in (familiar, foreign)]
    scores = {
        "nll": nll[1:],
        "typicality": [typicality(nll[0], part) for part in nll[1:]],
        "input_complexity": [input_complexity(n, c, [16]) for n, c in zip(nll[1:], code, strict=True)],
        "min_k": [min_k(norm.logpdf(x)) for x in (familiar, foreign)],
        "knn": [knn_distance(fit, x) for x in (familiar, foreign)],
        "mixture": [mixture_surprise(fit, x, rng=rng) for x in (familiar, foreign)],
    }  # not the code's length, which is that of bytes without a pattern for both
    assert {name: auroc(*pair)[1] > 0.8 for name, pair in scores.items()} == dict.fromkeys(scores, True)


# --- health


def test_a_score_that_is_dead_says_why():
    alive = np.random.default_rng(0).normal(size=50)
    assert score_problem(alive) is None
    assert score_problem(np.append(alive, np.inf)) == "1 of 51 scores are not finite numbers"
    assert score_problem(7 + 1e-24 * alive) == "only 1 distinct score among 50 items"
    assert score_problem(7 + 1e-13 * alive) == "only 1 distinct score among 50 items"
    assert score_problem(np.arange(50) % 3) == "only 3 distinct scores among 50 items"
    assert score_problem([1.0, 2.0]) is None
    assert score_problem(1e-12 * alive) is None  # small numbers that differ are not dead


def test_a_score_must_rise_with_noise():
    assert response_problem([0, 1], [1, 2], [2, 3]) is None
    assert response_problem([0, 1], [2, 3], [1, 2]) is None
    assert "does not rise" in response_problem([1, 2], [2, 3], [0, 1])
    assert "does not rise" in response_problem([1, 2], [0, 1], [2, 3])
    assert "mean at none, half, all: 1, 1, 1" in response_problem([1], [1], [1])
