"""Scores of rows without a model: their closed forms, their direction, their scale, and what makes them undefined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import invgamma
from sklearn.ensemble import IsolationForest

from detectors.conformal import benjamini_hochberg, p_values
from detectors.novelty.baselines import diffusion_variance, isolation, knn_distance, standardised
from detectors.novelty.familiarity import likelihood_novelty

UNITS = np.array([1e-3, 1.0, 1e3])


def frames(rng, *, off=4.0, size=80, units=UNITS):
    """Familiar rows, and foreign ones that are `off` standard deviations away in the number of the smallest unit."""
    made = {}
    for role in ("items", "fit", "calibration", "foreign"):
        rows = rng.normal(0, 1, (size, len(units)))
        rows[:, 0] += off if role == "foreign" else 0
        index = pd.Index([f"{role}-{n}" for n in range(size)], name="id")
        made[role] = pd.DataFrame({"row": (rows * units).tolist()}, index=index)
    return made


def judged(observed, score="dte_np", **options):
    return likelihood_novelty(observed, score=score, level=0.95, rng=np.random.default_rng(0), **options)


def test_dte_np_is_the_mode_of_the_posterior_of_the_noise_variance():
    rng = np.random.default_rng(1)
    fit, new = rng.normal(size=(60, 6)), rng.normal(size=(9, 6)) * np.linspace(0.5, 3, 9)[:, None]
    got = diffusion_variance(fit, new)
    grid = np.linspace(1e-3, 12, 60_000)
    for one, row in zip(got, new, strict=True):
        nearest = np.sort(((fit - row) ** 2).sum(axis=1))[:5].mean()
        posterior = invgamma.logpdf(grid, a=6 / 2 - 1, scale=nearest / 2)
        assert one == pytest.approx(grid[posterior.argmax()], abs=3e-4)


def test_a_score_rises_with_the_distance_to_what_is_familiar():
    rng = np.random.default_rng(2)
    fit = rng.normal(size=(200, 3))
    ray = np.linspace(0, 4, 9)[:, None] * np.ones(3)
    for scores in (diffusion_variance(fit, ray), knn_distance(fit, ray), isolation(fit, ray, rng=rng)):
        assert scores[0] < scores[4] < scores[-1] + 1e-12


@pytest.mark.parametrize(("count", "wide"), [(2, 2), (3, 1), (10, 4), (80, 4), (300, 3), (1000, 40)])
def test_the_forest_says_what_that_of_scikit_learn_says(count, wide):
    rng = np.random.default_rng(count)
    fit, new = rng.normal(size=(count, wide)), rng.normal(size=(50, wide)) * 2
    fit[: count // 3] = fit[0]  # equal ones cannot be set apart
    forest = IsolationForest(random_state=int(np.random.default_rng(wide).integers(2**31))).fit(fit)
    got = isolation(fit, new, rng=np.random.default_rng(wide))
    assert got == pytest.approx(-forest.score_samples(new), rel=1e-13)


def test_rows_are_standardised_by_the_familiar_ones_and_what_never_varies_is_shifted():
    known = np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]])
    assert standardised(known, np.array([[0.3, 3.0]])).tolist() == [[pytest.approx(0.2), 0.0]]
    assert np.abs(standardised(known, known)[:, 0]).max() < 1e-15  # however the mean of equal numbers is rounded


@pytest.mark.parametrize("score", ["dte_np", "knn5", "mixture", "isolation_forest"])
def test_units_play_no_part(score):
    plain, odd = (
        judged(frames(np.random.default_rng(3), units=units), score, beside=("isolation_forest",))
        for units in (np.ones(3), UNITS)
    )
    assert plain.headline.low > 0.8
    assert plain.headline.value == pytest.approx(odd.headline.value, abs=1e-3)
    assert {one.group for one in odd.measures if one.name == "auroc"} == {
        None, *({"dte_np", "knn5", "mixture", "isolation_forest"} - {score})
    }
    assert not any(one.name in ("bits_per_dim", "batch_typicality_p") for one in odd.measures)


def test_a_model_s_likelihood_stands_beside_the_bar_of_rows():
    observed = frames(np.random.default_rng(4))
    for role, frame in observed.items():
        rows = np.stack(frame["row"]) / UNITS
        observed[role] = frame.assign(log_prob=-(rows**2).sum(axis=1) / 2, likelihood="exact")
    from detectors.novelty.blindspots import blind_spots

    for kind, made in blind_spots(
        observed["items"].index, np.stack(observed["items"]["row"]), None, learnt=np.stack(observed["fit"]["row"])
    ).items():
        observed["items"][f"log_prob_{kind}"] = -((made / UNITS) ** 2).sum(axis=1) / 2
    result = judged(observed, "log_prob")
    beside = {one.group: one for one in result.measures if one.name == "auroc"}
    assert beside.keys() == {None, "knn5", "mixture", "dte_np", "typicality"}  # no code length: rows have none
    assert beside[None].low > 0.9
    assert beside["dte_np"].low > 0.8


def test_rows_that_tell_nothing_leave_the_score_undefined():
    observed = frames(np.random.default_rng(5))
    alike = {role: frame.assign(row=[[1.0, 2.0, 3.0]] * len(frame)) for role, frame in observed.items()}
    assert "distinct" in str(judged(alike).headline.undefined)
    many = {role: frame.assign(row=[[0.0, 0.0, 0.0]] * 60 + frame["row"].to_list()[60:])
            for role, frame in observed.items()}  # fmt: skip
    assert "same score" in str(judged(many).headline.undefined)


def test_rows_that_stand_in_two_files_are_refused_with_a_way_out():
    observed = frames(np.random.default_rng(6))
    observed["fit"] = observed["items"]
    with pytest.raises(ValueError, match=r"share 80 items.*ids of their own for rows that are equal by chance"):
        judged(observed)


def test_flags_of_300_tables_keep_the_false_discovery_rate_and_find_what_is_planted():
    rng, shares, found = np.random.default_rng(7), [], []
    foreign = np.repeat([False, True], [40, 10])
    for _ in range(300):
        fit, calibration = rng.standard_t(4, (60, 3)), rng.standard_t(4, (199, 3))
        new = rng.standard_t(4, (50, 3)) + 8.0 * foreign[:, None]
        known = standardised(fit, fit)
        scores = [diffusion_variance(known, standardised(fit, rows)) for rows in (calibration, new)]
        flagged = benjamini_hochberg(p_values(*scores), 0.2)
        shares.append(flagged[~foreign].sum() / max(1, flagged.sum()))
        found.append(flagged[foreign].mean())
    assert np.mean(shares) < 0.2 * 0.8 + 3 * np.std(shares) / np.sqrt(300)
    assert np.mean(found) > 0.8
