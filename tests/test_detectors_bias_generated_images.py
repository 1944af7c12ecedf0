"""Shares of generated images by prompt: hand-worked values, bounds that hold, coverage, size and power."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.bias.concentration import concentration
from detectors.bias.generated_images import Counted, image_shares
from detectors.bias.given_shares import Given, between
from detectors.intervals import exact_binomial

CLASSES = ("man", "woman")


def counted(given_counts, *, groups=None, missing=None, references=None, repeated=0):
    counts = np.asarray(given_counts)
    size, kinds = counts.shape
    return Counted(
        [f"p{k}" for k in range(size)], groups or [None] * size, ["man", "woman", "child", "nobody"][:kinds], counts,
        np.zeros(size, np.int64) if missing is None else np.asarray(missing),
        np.full((size, kinds), 1 / kinds) if references is None else np.asarray(references), repeated,
    )  # fmt: skip


def judged(one, confusion=None, seed=0, level=0.95):
    table = None if confusion is None else np.asarray(confusion)
    return image_shares(one, table, level=level, rng=np.random.default_rng(seed))


def test_two_classes_are_corrected_as_rogan_and_gladen_did():
    """p = (q - false positives) / (sensitivity - false positives), on counts that are what is expected of it."""
    result = judged(counted([[44, 56], [65, 35]]), [[90, 10], [20, 80]])
    for prompt, q in (("p0", 0.44), ("p1", 0.65)):
        assert result.measure("share", f"{prompt}: man").value == pytest.approx((q - 0.2) / (0.9 - 0.2))
    assert result.measure("share", "man").value == pytest.approx((0.545 - 0.2) / 0.7)
    far = [abs((q - 0.2) / 0.7 - 0.5) for q in (0.44, 0.65)]
    assert result.measure("total_variation", "p0").value == pytest.approx(far[0], abs=0.02)
    gap = result.measure("prompt_gap", "p0")
    assert gap.low <= (0.65 - 0.44) / 0.7 <= gap.high
    assert result.headline.name == "largest_total_variation"
    assert result.headline.low <= max(far) <= result.headline.high


def test_the_measures_of_others_are_what_they_defined():
    """OpenBias: 1 - H / log K, DALL-Eval: mean of |f - 1/K|; 0 where even, 1 and 1/2 for one class of two."""
    even, lopsided, none = (judged(counted([row])) for row in ([50, 50], [80, 20], [100, 0]))
    assert [one.measure("openbias_given").value for one in (even, none)] == pytest.approx([0, 1])
    assert [one.measure("dall_eval_mad_given").value for one in (even, lopsided, none)] == pytest.approx([0, 0.3, 0.5])
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    assert lopsided.measure("openbias_given").value == pytest.approx(1 - entropy / np.log(2))
    rows = judged(counted([[80, 20], [50, 50]])).table.set_index(["prompt", "class"])["openbias"]
    assert rows["p0", "man"] == rows["p0", "woman"] == pytest.approx(1 - entropy / np.log(2))
    three = judged(counted([[60, 30, 10]]))
    assert three.measure("dall_eval_mad_given").value == pytest.approx((0.6 - 1 / 3 + 1 / 3 - 0.3 + 1 / 3 - 0.1) / 3)


def test_groups_are_their_prompts_together_and_references_go_with_the_images():
    one = counted([[30, 10], [10, 10], [5, 35]], groups=["x", "x", "y"], references=[[1, 0], [0.5, 0.5], [0, 1]])
    result = judged(one)
    assert result.measure("share_given", "x: man").value == pytest.approx(40 / 60)
    assert result.measure("share_given", "man").ideal == pytest.approx((40 * 1 + 20 * 0.5) / 100)
    assert result.measure("share_given", "man").n == {"items": 100, "units": 100}
    assert "x" in {m.group for m in result.measures if m.name == "total_variation_given"}
    alone = judged(counted([[30, 10], [10, 10]], groups=["x", "x"]))
    assert "x" not in {m.group for m in alone.measures}, "one group is all there is"
    same = judged(counted([[30, 10], [10, 10]], groups=["p0", "y"]))
    assert len({(m.name, m.group) for m in same.measures}) == len(same.measures)


def test_what_gave_nothing_is_undefined_with_the_reason_and_never_a_zero():
    result = judged(counted([[5, 5], [0, 0]], missing=[0, 10]), [[9, 1], [1, 9]])
    empty = result.measure("total_variation", "p1")
    assert (empty.value, empty.undefined, empty.missing) == (None, "no draw gave anything to classify", 10)
    assert result.table.set_index(["prompt", "class"])["share"].isna()["p1"].all()
    whole = judged(counted([[0, 0]], missing=[3]), [[9, 1], [1, 9]])
    assert whole.headline.value is None
    blind = judged(counted([[5, 5]]), [[5, 5], [5, 5]])
    assert blind.headline.undefined == "the classifier does not tell the classes apart"
    assert blind.measure("share_given", "man").value == 0.5
    bare = judged(counted([[5, 5]]), [[9, 1], [0, 0]])
    assert bare.headline.undefined == "no labelled item shows how class woman is recognised"
    assert judged(counted([[5, 0]])).measure("prompt_p").undefined == "all images have one label, or one prompt"


def test_missing_images_widen_what_is_said_by_whatever_they_would_have_been():
    whole, lost = judged(counted([[60, 40]])), judged(counted([[60, 40]], missing=[20]))
    share, wide = (one.measure("share_given", "man") for one in (whole, lost))
    assert wide.missing == 20
    assert wide.low < share.low < share.high < wide.high
    assert wide.low < 60 / 120 < 80 / 120 < wide.high


@pytest.mark.parametrize("spoil", [
    {"given": np.zeros((2, 3), int)}, {"prompts": ["p", "p"]}, {"references": np.full((2, 2), 0.4)},
    {"missing": np.zeros(3, int)},
])  # fmt: skip
def test_counts_that_do_not_fit_are_refused(spoil):
    one = counted([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="allowed"):
        judged(type(one)(**{**vars(one), **spoil}))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_bounds_hold_whatever_shares_lie_within_the_bands(seed, size):
    rng = np.random.default_rng(seed)
    points = rng.dirichlet(np.full(size, 0.7), (2, 300))
    (low, other_low), (high, other_high) = points.min(axis=1), points.max(axis=1)
    value, least, most = between(points[0, 0], (low, high), points[1, 0], (other_low, other_high))
    assert least - 1e-12 <= value <= most + 1e-12
    far = np.abs(points[0] - points[1]).sum(axis=1) / 2
    assert least - 1e-12 <= far.min() <= far.max() <= most + 1e-12
    value, least, most = concentration(points[0, 0], low, high)
    kept = np.where(points[0] > 0, points[0], 1)
    openbias = 1 + (kept * np.log(kept)).sum(axis=1) / np.log(size)
    assert least - 1e-9 <= openbias.min() <= openbias.max() <= most + 1e-9
    assert least <= value <= most


@pytest.mark.parametrize("truth", [0.5, 0.35, 0.1, 0.02])
def test_what_the_helper_says_is_covered_at_every_truth(truth):
    """Two prompts of 30 images, every outcome enumerated: the distance and the gap hold at their level."""
    from scipy.stats import binom

    size, other, even = 30, 0.6, np.array([0.5, 0.5])
    one = [Given(np.array([k, size - k])) for k in range(size + 1)]
    weights = binom.pmf(np.arange(size + 1), size, truth)
    ends = np.array([each.distance(even, 0.95)[1:] for each in one])
    far = abs(truth - 0.5)
    assert weights[(ends[:, 0] <= far + 1e-12) & (far - 1e-12 <= ends[:, 1])].sum() >= 0.95
    bands = np.array([np.stack(each.band(0.975)) for each in one])  # [outcome, end, class]
    low, high = bands[:, None, 0], bands[:, None, 1]
    least, most = bands[None, :, 0], bands[None, :, 1]
    surely = np.maximum(np.maximum(low - most, 0).sum(-1), np.maximum(least - high, 0).sum(-1))
    perhaps = np.minimum(np.maximum(high - least, 0).sum(-1), np.maximum(most - low, 0).sum(-1))
    gap = abs(truth - other)
    held = (surely <= gap + 1e-12) & (gap - 1e-12 <= perhaps)
    assert np.outer(weights, binom.pmf(np.arange(size + 1), size, other))[held].sum() >= 0.95
    assert one[3].apart(one[20], 0.95)[1:] == pytest.approx((surely[3, 20], perhaps[3, 20]))


def test_the_largest_of_many_decides_as_far_as_its_ball_was_measured():
    """Each of 20 prompts has a 20th of the error: 1 in 1,000 each is 2 % together, so 95 % is decided and 99 % not."""
    many = counted([[60, 40]] * 20)
    table = [[90, 10], [10, 90]]
    assert judged(many, table).headline.measured_to == pytest.approx(0.98)
    assert judged(many, table).headline.decides
    assert not judged(many, table, level=0.99).headline.decides
    assert not judged(counted([[60, 40]] * 60), table).headline.decides
    assert judged(many).measure("largest_total_variation_given").decides, "exact, however many there are"


def simulated(rng, shares, errors, images=120, labelled=120):
    seen = np.stack([rng.multinomial(images, row @ errors) for row in shares])
    table = np.stack([rng.multinomial(labelled, row) for row in errors])
    return counted(seen), table


ERRORS = np.array([[0.85, 0.15], [0.1, 0.9]])


def test_even_prompts_are_not_accused_and_stereotypes_are_found():
    rng = np.random.default_rng(0)
    sound, flawed = np.full((3, 2), 0.5), np.array([[0.8, 0.2], [0.5, 0.5], [0.2, 0.8]])
    accused = depends = found = told = 0
    rounds = 40
    for seed in range(rounds):
        clean, bad = (judged(*simulated(rng, shares, ERRORS), seed=seed) for shares in (sound, flawed))
        accused += clean.headline.low > 0
        depends += clean.measure("prompt_p").value <= 0.05
        found += bad.headline.low > 0
        told += bad.measure("prompt_p").value <= 0.05
        assert clean.headline.high < 0.45
    assert accused <= 6  # more has a chance below 1 in 1,000 at 5 %
    assert depends <= 8
    assert min(found, told) >= 0.95 * rounds


def test_amplification_is_the_share_beyond_that_of_images_learnt_from():
    """80 of 100 generated against 60 of 100 learnt from: 20 points; the second prompt was learnt from no image."""
    one = replace(counted([[80, 20], [50, 50]]), learnt=np.array([[60, 40], [0, 0]]))
    result = judged(one)
    lead = result.measure("amplification_given", "p0: man")
    assert lead.value == pytest.approx(0.2)
    shown, before = (Given(np.array(row)).band(0.975) for row in ([80, 20], [60, 40]))
    assert lead.low == pytest.approx(shown[0][0] - before[1][0])
    assert result.measure("amplification_given", "p0: woman").value == pytest.approx(-0.2)
    assert result.measure("largest_amplification_given").value == pytest.approx(0.2)
    assert "p1: man" not in {m.group for m in result.measures if m.name == "amplification_given"}
    corrected = judged(replace(one, learnt=np.array([[60, 40], [50, 50]])), [[90, 10], [20, 80]])
    assert corrected.measure("amplification", "p0: man").value == pytest.approx(0.2 / 0.7)
    assert "amplification_given" not in {m.name for m in judged(counted([[80, 20]])).measures}
    bare = judged(replace(one, learnt=np.zeros((2, 2), np.int64)))
    assert bare.measure("largest_amplification_given").undefined == "no image that was learnt from belongs to a prompt"


@pytest.mark.parametrize("confusion", [None, [[900, 100], [100, 900]]])
def test_a_prompt_of_which_no_image_came_may_be_the_furthest(confusion):
    """Ten even prompts, and one whose 20 images were all refused: too few to be too many, and who knows of whom."""
    one = counted([[500, 500]] * 10 + [[0, 0]], missing=[0] * 10 + [20])
    ending = "" if confusion else "_given"
    furthest = judged(one, confusion).measure(f"largest_total_variation{ending}")
    assert (furthest.low, furthest.high, furthest.missing) == (0, 0.5, 20)
    assert judged(replace(one, cited=True), confusion).measure(f"largest_amplification{ending}").high == 1
    learnt = replace(one, learnt=np.array([[50, 50]] * 10 + [[0, 0]]))  # of that prompt nothing is claimed
    assert judged(learnt, confusion).measure(f"largest_amplification{ending}").high < 0.3


def test_a_number_rests_on_no_more_images_than_its_smallest_sample():
    table = [[90, 10], [20, 80]]
    one = replace(counted([[300, 200], [9, 1]]), learnt=np.array([[4, 3], [600, 400]]))
    gaps = judged(one, table)
    assert [gaps.measure("prompt_gap", prompt).n for prompt in ("p0", "p1")] == [{"items": 710, "units": 10}] * 2
    assert gaps.measure("amplification", "p0: man").n == {"items": 707, "units": 7}
    assert gaps.measure("largest_amplification").n["units"] == 7
    assert judged(one).measure("amplification_given", "p1: man").n == {"items": 1010, "units": 10}
    shown = judged(replace(counted([[2, 1, 497]]), nothing=2)).measure("share_shown_given", "man")
    assert shown.n == {"items": 3, "units": 3}


def test_against_a_cited_reference_amplification_is_the_share_less_it():
    one = replace(counted([[80, 20]], references=[[0.7, 0.3]]), cited=True)
    lead, share = (judged(one).measure(name, "p0: man") for name in ("amplification_given", "share_given"))
    assert (lead.value, lead.low, lead.high) == pytest.approx((0.1, share.low - 0.7, share.high - 0.7))


def test_who_is_shown_where_somebody_is():
    """Of 50 images 10 show nobody; 32 of the other 40 a man, whatever the five missing ones show."""
    one = replace(counted([[32, 8, 0, 10]], references=[[0.5, 0.4, 0.1, 0]]), nothing=3)
    result = judged(one)
    assert result.measure("shown_given").value == pytest.approx(0.8)
    assert result.measure("shown_given").ideal == 1
    man = result.measure("share_shown_given", "man")
    assert man.value == pytest.approx(0.8)
    assert (man.low, man.high) == pytest.approx(exact_binomial(32, 40, 1 - 0.05 / 3))
    assert man.ideal == pytest.approx(0.5)
    lost = judged(replace(one, missing=np.array([5]))).measure("share_shown_given", "man")
    assert lost.low == pytest.approx(exact_binomial(32, 45, 1 - 0.05 / 3)[0])
    assert lost.high == pytest.approx(exact_binomial(37, 45, 1 - 0.05 / 3)[1])
    nobody = judged(replace(counted([[0, 0, 0, 9]]), nothing=3))
    assert nobody.measure("share_shown_given").undefined == "no image shows anybody"
    table = [[90, 10, 0], [10, 90, 0], [0, 0, 100]]
    corrected = judged(replace(counted([[52, 28, 20]]), nothing=2), table)
    assert corrected.measure("share_shown", "man").value == pytest.approx((0.52 - 0.1 * 0.8) / 0.8 / 0.8)
    assert corrected.measure("shown").value == pytest.approx(0.8)


def test_images_that_keep_to_what_was_learnt_are_not_accused_and_amplified_ones_are_found():
    rng = np.random.default_rng(6)
    accused = found = 0
    for seed in range(30):
        (clean, table), (bad, _) = (simulated(rng, shares, ERRORS) for shares in ([[0.6, 0.4]] * 2, [[0.95, 0.05]] * 2))
        learnt = np.stack([rng.multinomial(200, np.array([0.6, 0.4]) @ ERRORS) for _ in range(2)])
        one, two = (judged(replace(some, learnt=learnt), table, seed=seed) for some in (clean, bad))
        accused += one.measure("largest_amplification").low > 0
        found += two.measure("largest_amplification").low > 0
    assert accused <= 5
    assert found >= 28
