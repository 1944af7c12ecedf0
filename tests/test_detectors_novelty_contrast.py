"""P(X) against P(Y|X): each score by hand, paired differences, and who is said to see what was never learnt."""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from scipy.stats import norm

from detectors.novelty.contrast import energy, mahalanobis, max_softmax, novelty_contrast

CENTRES = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]])
"""Of two classes with unit variance; the classifier sees the first dimension alone, the density all."""


def test_scores_by_hand():
    assert max_softmax(np.array([[0.9, 0.1], [0.5, 0.5]])) == pytest.approx([0.1, 0.5])
    assert energy(np.array([[0.0, 0.0], [3.0, -50.0]])) == pytest.approx([-np.log(2), -3])
    logits = np.array([[1.0, 2.0], [4.0, 5.0]])  # softmax cannot tell these apart, energy can
    assert max_softmax(softmax(logits, 1))[0] == pytest.approx(max_softmax(softmax(logits, 1))[1])
    assert np.diff(energy(logits)) == pytest.approx([-3])


def test_mahalanobis_is_the_distance_to_the_nearest_class_in_its_own_spread():
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 5.0, 0.2])
    classes = np.arange(6000) % 2
    known = CENTRES[classes] + rng.normal(size=(6000, 3)) * spread
    new = np.array([[3.0, 0.0, 0.0], [-3.0, 5.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 2.0]])
    assert mahalanobis(known, classes, new) == pytest.approx([0, 1, 9, 100], rel=0.15, abs=0.05)


def role(name, x, *, sharp=1.0, sees=(0, 1, 2), logits=True):
    """Return what a density of the dimensions `sees` and a classifier of logits `sharp` * (x_0, -x_0) say of x."""
    index = pd.Index([f"{name}-{i}" for i in range(len(x))], name="id")
    nearest = np.abs(x[:, None, :] - CENTRES)[..., list(sees)]
    density = np.logaddexp.reduce(norm.logpdf(nearest).sum(-1), axis=1) - np.log(2)
    given = sharp * np.stack([x[:, 0], -x[:, 0]], 1)
    columns = {"series": list(x), "log_prob": density, "probabilities": list(softmax(given, 1)), "embedding": list(x)}
    return pd.DataFrame(columns | ({"logits": list(given)} if logits else {}), index=index)


def observed(foreign, size=120, seed=0, **options):
    rng = np.random.default_rng(seed)
    kinds = np.arange(size) % 2
    roles = {name: CENTRES[kinds] + rng.normal(size=(size, 3)) for name in ("items", "fit", "calibration")}
    roles["foreign"] = np.array(foreign) + rng.normal(size=(size, 3))
    return {name: role(name, x, **options) for name, x in roles.items()}


def judged(frames, **options):
    return novelty_contrast(frames, level=0.95, rng=np.random.default_rng(0), **options)


def test_the_density_sees_what_the_classifier_is_sure_of():
    """Foreign items lie far out on the side of the first class, where P(y|x) is near one."""
    result = judged(observed([9.0, 0.0, 0.0]))
    assert result.headline.low > 0.95
    assert result.measure("auroc", "max_softmax").high < 0.1
    assert result.measure("auroc", "energy").high < 0.1
    assert result.measure("auroc", "mahalanobis").low > 0.9
    ahead = result.measure("auroc_difference", "nll - max_softmax")
    assert ahead.low > 0.85
    assert ahead.n == {"items": 240, "units": 120}
    assert result.measure("confidence_on_foreign").low > 0.95
    best, beside = result.remarks
    assert (best.key, best.values["score"], round(best.values["auroc"], 3)) == ("sees_best", "nll", 1.0)
    assert (beside.key, beside.values["score"], round(beside.values["auroc"], 3)) == ("beside", "max_softmax", 0.0)


def test_further_densities_stand_side_by_side_each_with_its_own_interval():
    """One sees the second dimension alone, in which foreign items are 4 off; one sees nothing; a critic sees all."""
    frames, others, blind = (observed([3.0, 4.0, 0.0], 200, 3, sees=sees) for sees in ((0, 1, 2), (1,), (2,)))
    for name, frame in frames.items():
        frame["log_prob_second"] = others[name]["log_prob"]
        frame["log_prob_third"] = blind[name]["log_prob"]
        frame["logit_gan"] = -frame["series"].map(lambda x: abs(x[1]))
    result = judged(frames, densities=("second", "third", "gan"))
    apart = norm.cdf(4 / np.sqrt(2))  # of |x| against |y|, nearly that of x against y
    assert result.measure("auroc", "nll_second").value == pytest.approx(apart, abs=0.02)
    assert result.measure("auroc", "critic_gan").value == result.measure("auroc", "nll_second").value
    third = result.measure("auroc", "nll_third")
    assert third.low < 0.5 < third.high
    assert result.measure("auroc_difference", "nll - nll_third").low > 0.3
    assert set(result.table["score"]) >= {"nll", "nll_second", "nll_third", "critic_gan", "knn5", "max_softmax"}


def test_what_needs_no_model_stands_beside_knn_when_asked_for():
    """Distances worked out anew; rows are standardised by what was learnt, so their units do not matter."""
    rng = np.random.default_rng(5)
    frames, units = observed([0.0, 3.0, 0.0]), np.array([1e-3, 1.0, 1e4])
    frames["reference"] = role("reference", CENTRES[np.arange(90) % 2] + rng.normal(size=(90, 3)))
    inner = {name: np.stack(frame["series"]) for name, frame in frames.items()}
    for frame in frames.values():
        frame["row"] = [one * units for one in frame.pop("series")]
    bars = ("mixture", "dte_np", "isolation_forest")
    plain, wide = judged(frames), judged(frames, beside=bars)
    groups = {one.group for one in wide.measures if one.name == "auroc"}
    assert groups - {one.group for one in plain.measures if one.name == "auroc"} == {*bars}
    known = inner["reference"]
    away = {name: np.sort((((part[:, None] - known) / known.std(0)) ** 2).sum(2))[:, :5].mean(1) for name, part in
            inner.items()}  # fmt: skip
    pairs = np.sign(away["foreign"][:, None] - away["items"]) / 2 + 0.5
    (told,) = (one.value for one in wide.measures if (one.name, one.group) == ("auroc", "dte_np"))
    assert told == pytest.approx(pairs.mean())
    assert 0.8 < told < 1


def test_a_likelihood_less_the_code_length_is_told_beside_the_likelihood():
    """Foreign images are of one grey, which each density finds likelier; what is left of the code tells them apart."""
    rng = np.random.default_rng(0)
    frames = observed([0.0, 0.0, 0.0])
    for name, frame in frames.items():
        flat = name == "foreign"
        grey = rng.integers(0, 16, (len(frame), 1 if flat else 6, 1 if flat else 6)) * np.ones((1, 6, 6), np.int64)
        frame["image"] = list(grey)
        frame["log_prob"] = rng.normal(-60 if flat else -100, 1, len(frame))
        frame["log_prob_second"] = frame["log_prob"] - 5
        del frame["series"]
    result = judged(frames, densities=("second",), complexity=True)
    assert result.measure("auroc", "nll_second").value == result.measure("auroc", "nll").value == 0
    for name in ("input_complexity", "input_complexity_second"):
        nats = 60 + 5 * (name == "input_complexity_second")
        code = 8 * (len(zlib.compress(bytes(36), 9, -15)) - len(zlib.compress(b"", 9, -15)))  # of one grey
        told = result.items[result.items["role"] == "foreign"][name]
        assert told.mean() == pytest.approx(nats / 36 / np.log(2) - code / 36, abs=0.02)
        assert result.measure("auroc", name).value == 1


def test_both_see_what_lies_between_the_classes():
    result = judged(observed([0.0, 0.0, 0.0]), audited="classifier")
    assert result.headline.value == result.measure("auroc", "max_softmax").value
    assert result.headline.low > 0.85
    assert result.measure("confidence_on_foreign").high < result.measure("confidence_on_familiar").low
    assert result.items.loc[result.items["role"] == "foreign", "confidence"].is_monotonic_decreasing
    assert result.items["p_value"].between(0, 1).all()


def test_sharper_logits_make_it_sure_of_what_it_never_saw():
    """Overconfidence: the same order of items, yet confidence no longer falls."""
    sound, sharp = (judged(observed([0.0, 0.0, 0.0], sharp=by)).measure("confidence_on_foreign") for by in (0.3, 20.0))
    assert sound.high < 0.8 < sharp.low


def test_knn_ahead_of_a_density_that_is_blind_is_the_first_thing_said():
    result = judged(observed([3.0, 6.0, 6.0], sees=(0,)))
    first = result.remarks[0]
    assert (first.key, first.values["score"], first.values["other"]) == ("sees_better", "knn5", "nll")
    assert round(first.values["auroc"], 3) == 1
    assert first.values["gap"] == pytest.approx(1 - first.values["other_auroc"], abs=1e-3)
    assert result.measure("auroc_difference", "nll - knn5").high < -0.2


def test_energy_without_logits_is_not_guessed():
    result = judged(observed([9.0, 0.0, 0.0], logits=False))
    for name, group in (("auroc", "energy"), ("auroc_difference", "nll - energy")):
        assert "gives no logits" in result.measure(name, group).undefined
    assert "energy" not in result.items


def test_a_dead_density_leaves_the_others_standing():
    frames = {name: frame.assign(log_prob=-4.0) for name, frame in observed([9.0, 0.0, 0.0]).items()}
    result = judged(frames)
    assert "only 1 distinct score" in result.headline.undefined
    assert "only 1 distinct score" in result.measure("auroc_difference", "nll - knn5").undefined
    assert result.measure("auroc", "knn5").low > 0.9
    assert result.remarks[0].values["score"] in ("knn5", "mahalanobis")


def test_two_like_scores_differ_no_more_often_than_stated():
    """A density that is a noisy copy of another: the difference misses zero in at most the stated share of seeds."""
    missed = 0
    for seed in range(40):
        frames = observed([3.0, 2.0, 0.0], size=60, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        for name, frame in frames.items():
            shared = frame["log_prob"].to_numpy()
            sure = norm.cdf(-(shared + rng.normal(size=60) + 8) / 4) / 2
            columns = {"log_prob": shared + rng.normal(size=60), "probabilities": list(np.stack([1 - sure, sure], 1))}
            frames[name] = frame.assign(**columns)
        found = judged(frames).measure("auroc_difference", "nll - max_softmax")
        missed += not found.low <= 0 <= found.high
    assert missed / 40 <= 0.1


def test_roles_that_share_an_item_are_refused():
    frames = observed([9.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="items and fit share 120 items"):
        judged({**frames, "fit": frames["items"]})
