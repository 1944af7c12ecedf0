"""The series family: the density against closed forms, draws, and the contract that every adapter keeps."""

import math
import shutil

import numpy as np
import pytest
import torch

from audit.ask.questions import answer
from audit.data.sets.series import KINDS, STEPS, table
from audit.errors import DataError, ModelError
from audit.model import ModelSource, abilities_of
from audit.models.autoregressive_series import SeriesTransformerFolder
from audit.models.opened.autoregressive_series import SeriesModel, _moments
from audit.models.opened.series_transformer import SeriesTransformer, log_density
from audit.reference.cards import WEIGHTS

SOUND, FLAWED = (WEIGHTS / "autoregressive_series" / form for form in ("sound", "flawed"))


@pytest.fixture(scope="module")
def model():
    return SeriesTransformerFolder(SOUND, threads=1).open()


@pytest.fixture(scope="module")
def series():
    return table("heldout")["series"].to_list()[:24]


def test_it_is_a_part_with_the_abilities_it_says(model):
    assert isinstance(SeriesTransformerFolder(SOUND), ModelSource)
    assert abilities_of(model) == {"sample", "log_prob", "trace"}
    assert (model.family, model.modality) == ("autoregressive_series", "series")
    assert (
        model.fingerprint
        == SeriesTransformerFolder(SOUND).fingerprint()
        != SeriesTransformerFolder(FLAWED).fingerprint()
    )


def test_every_step_sees_only_what_came_before(model, series):
    x = model.prepare(series[:2])
    other = x.clone()
    other[:, 20:] += 3
    with torch.inference_mode():
        before, after = (model.network.mixture(one) for one in (x, other))
    for one, two in zip(before, after, strict=True):
        torch.testing.assert_close(one[:, :21], two[:, :21])
        assert not torch.allclose(one[:, 21:], two[:, 21:])


def test_the_density_of_a_step_integrates_to_one(model, series):
    grid = torch.linspace(-12, 12, 24001, dtype=torch.float64)
    with torch.inference_mode():
        mixture = tuple(part[0, 5].double() for part in model.network.mixture(model.prepare(series[:1])))
        total = torch.trapezoid(log_density(mixture, grid).exp(), grid)
    assert float(total) == pytest.approx(1, abs=1e-5)


def test_scaling_changes_the_density_by_its_jacobian():
    torch.manual_seed(0)
    network = SeriesTransformer(steps=6, width=8, blocks=1, components=2, heads=2).eval()
    x = torch.randn(3, 6)
    with torch.inference_mode():
        before = log_density(network.mixture(x), x).sum(1)
        network.centre.fill_(2.0)
        network.scale.fill_(5.0)
        after = log_density(network.mixture(2 + 5 * x), 2 + 5 * x).sum(1)
    torch.testing.assert_close(after, before - 6 * math.log(5), atol=1e-4, rtol=1e-4)


def test_moments_of_one_gaussian_are_its_entropy_and_one_half():
    # log p of a Gaussian is -log s - log(2 pi)/2 - z^2/2: its mean is -entropy, its variance 1/2.
    deviation = torch.tensor([[0.5], [2.0]])
    mixture = (torch.zeros(2, 1), torch.tensor([[1.0], [-3.0]]), deviation)
    found = _moments(mixture, torch.tensor([1.0, -3.0]))
    entropy = 0.5 * math.log(2 * math.pi * math.e) + deviation[:, 0].log()
    torch.testing.assert_close(found[:, 1], entropy.double(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found[:, 2], torch.full((2,), 0.5, dtype=torch.float64), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(found[:, 0], (-deviation[:, 0].log() - 0.5 * math.log(2 * math.pi)).double())


def test_trace_sums_to_log_prob_and_neither_depends_on_the_batch(model, series):
    whole, kind = model.log_prob(series)
    assert kind == "exact"
    for place in (0, 11):
        alone = model.log_prob([series[place]])[0][0]
        assert alone == pytest.approx(whole[place], abs=1e-4)
        assert model.trace([series[place]])[0]["log_prob"].sum() == pytest.approx(alone, abs=1e-4)


def test_draws_follow_the_seed_and_look_like_the_data(model):
    one, two, other = (np.stack([draw.content for draw in model.sample([None] * 64, seed=seed)]) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    few = np.stack([draw.content for draw in model.sample([None] * 8, seed=1)])
    np.testing.assert_allclose(few, one[:8], atol=1e-4)
    real = np.stack(table("train")["series"].to_list())
    assert one.std() == pytest.approx(real.std(), rel=0.25)


def test_foreign_series_are_far_less_likely(model):
    own, foreign = (np.mean(model.log_prob(table(part)["series"].to_list()[:60])[0]) for part in ("heldout", "foreign"))
    assert own - foreign > 50


def test_the_planted_fault_is_there(model):
    rows = table("heldout")
    bursty = rows[rows["label"] == "bursty"]["series"].to_list()[:40]
    flawed = SeriesTransformerFolder(FLAWED).open()
    assert np.mean(model.log_prob(bursty)[0]) - np.mean(flawed.log_prob(bursty)[0]) > 100


def test_answers_are_stored_as_lists(model):
    drawn = answer(model, "sample", [None, None], seed=3, options={}).to_pandas()
    assert np.shape(drawn["content"][0]) == (STEPS,)


@pytest.mark.parametrize("bad", [np.zeros(5), np.full(STEPS, np.nan)])
def test_what_is_no_such_series_is_refused(model, bad):
    with pytest.raises(ModelError, match="allowed"):
        model.log_prob([bad])
    with pytest.raises(ModelError, match="without a prompt"):
        model.sample(["tell me"], seed=1)


def test_only_safetensors_that_fit_are_opened(tmp_path):
    shutil.copytree(SOUND, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match="only pickled weights"):
        SeriesTransformerFolder(tmp_path / "model").open()


def test_the_data_are_what_they_say():
    with pytest.raises(DataError, match="did you mean"):
        table("heldot")
    for part in ("train", "heldout"):
        rows = table(part)
        assert set(rows["label"]) == set(KINDS)
        assert {len(one) for one in rows["series"]} == {STEPS}
    assert isinstance(SeriesModel.family, str)
