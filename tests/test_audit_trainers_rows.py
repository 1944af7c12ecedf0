"""What `dokimasia fit` trains on rows: a classifier of diffusion time, a density, a classifier of labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from audit import plugins
from audit.errors import DataError, ModelError
from audit.models.opened.diffusion_time import TimeClassifier, time_loss
from audit.models.opened.row_mixture import RowDensity, RowMixture
from audit.trainer import Budget, Lesson
from audit.trainers.rows import RowClassifierTrainer, RowTrainer, TimeTrainer

UNITS = np.array([1e-2, 1.0, 1e3, 1.0])


def frame(rows):
    return pd.DataFrame({"row": list(rows)}, index=pd.Index(map(str, range(len(rows))), name="id"))


def rows_of(rng, size, off=0.0):
    """Rows of which the last number never varies."""
    plain = rng.normal(size=(size, 4)) + off
    plain[:, 1] = plain[:, 0] + 0.1 * plain[:, 1]
    plain[:, 3] = 2.0
    return plain * UNITS


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    rng = np.random.default_rng(0)
    lesson = Lesson(frame(rows_of(rng, 300)), frame(rows_of(rng, 80)), None, 3)
    fitted = TimeTrainer(width=64).fit(lesson, Budget(steps=300, every=50, threads=1))
    assert min(look.validation for look in fitted.looks) < np.log(7)  # of seven bins that are all alike
    home = tmp_path_factory.mktemp("times")
    for name, data in fitted.files.items():
        (home / name).write_bytes(data)
    return plugins.open_model("diffusion_time", path=home, threads=1)


def test_what_lies_far_off_looks_noisy_in_whatever_unit(model):
    rng = np.random.default_rng(1)
    familiar, foreign, broken = rows_of(rng, 200), rows_of(rng, 200, off=4.0), rows_of(rng, 200)
    broken[:, 1] *= -1  # each number as before, not what they have to do with each other
    scores = [-model.discriminate(list(rows))[0].numpy() for rows in (familiar, foreign, broken)]
    which = np.repeat([0, 1], 200)
    assert roc_auc_score(which, np.concatenate(scores[:2])) > 0.95
    assert roc_auc_score(which, np.concatenate([scores[0], scores[2]])) > 0.7
    assert all(((one >= 0) & (one <= 6)).all() for one in scores)


def test_a_row_s_score_depends_on_nothing_that_stands_beside_it(model):
    rows = list(rows_of(np.random.default_rng(2), 33))
    whole, features = model.discriminate(rows)
    alone = torch.stack([model.discriminate([row])[0][0] for row in rows])
    assert torch.allclose(whole, alone, atol=1e-5)
    assert features.shape == (33, 64)


@pytest.mark.parametrize(
    ("row", "said"),
    [([1.0, 2.0], r"a row has shape \[2\]; allowed: \[4\]"), ([1.0, 2.0, np.nan, 0.0], "not finite; allowed: numbers")],
)
def test_what_is_no_such_row_is_told_in_one_line(model, row, said):
    with pytest.raises(ModelError, match=said):
        model.discriminate([np.array(row)])


def test_rows_of_several_lengths_cannot_be_learnt(model):
    one, other = frame(np.zeros((4, 2))), frame(np.zeros((4, 3)))
    with pytest.raises(DataError, match=r"fit: rows have shape .2.; allowed: .number., as many in every row"):
        TimeTrainer().fit(Lesson(one, other, None, 0), Budget(steps=1))


def test_the_loss_is_that_of_the_bins_of_a_network_that_knows_nothing():
    network = TimeClassifier(3, 8, 7)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.zeros_(network.head.bias)
    assert float(time_loss(network, torch.randn(64, 3)).detach()) == pytest.approx(np.log(7), abs=1e-5)


# --- a density of rows, and a classifier of them ----------------------------------------------------------------------


def fitted_on(trainer, lesson, home, **budget):
    fitted = trainer.fit(lesson, Budget(threads=1, **budget))
    for name, data in fitted.files.items():
        (home / name).write_bytes(data)
    return fitted, plugins.open_model(trainer.makes, path=home, threads=1)


def test_a_density_of_rows_sees_what_stands_to_the_left_and_nothing_else():
    torch.manual_seed(0)
    network = RowMixture(4, 9, 2)
    rows = torch.randn(1, 4)
    slopes = torch.autograd.functional.jacobian(lambda x: network.mixture(x)[1].sum(-1)[0], rows)[:, 0]
    assert torch.equal(slopes.triu(), torch.zeros(4, 4))  # [density of, by]
    assert (slopes.tril(-1)[np.tril_indices(4, -1)] != 0).all()
    short = network.mixture(rows[:, :2])
    assert all(torch.allclose(a, b[:, :2]) for a, b in zip(short, network.mixture(rows), strict=True))


def test_a_density_of_two_numbers_integrates_to_one():
    torch.manual_seed(1)
    network = RowMixture(2, 8, 3)
    network.centre.copy_(torch.tensor([1.0, -2.0]))
    network.scale.copy_(torch.tensor([0.5, 3.0]))
    model = RowDensity(network.requires_grad_(False), name="rows", fingerprint="", numerics={"device": "cpu"})
    x, y = np.linspace(-9, 11, 401), np.linspace(-62, 58, 401)
    nats, kind = model.log_prob(list(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)))
    assert kind == "exact"
    assert np.exp(nats).sum() * (x[1] - x[0]) * (y[1] - y[0]) == pytest.approx(1, abs=1e-3)


def test_a_density_learns_how_numbers_hang_together_and_draws_them(tmp_path):
    """Truth: x_1 ~ N(0, 1), x_2 = 3 + 10 (x_1 + 0.5 e), a third that is always 7; noise of 0.1 deviations on all."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=800)
    rows = np.stack([first, 3 + 10 * (first + 0.5 * rng.normal(size=800)), np.full(800, 7.0)], 1)
    lesson = Lesson(frame(rows[:600]), frame(rows[600:]), None, 0)
    trainer = RowTrainer(width=32, components=2, dropout=0.0)
    fitted, model = fitted_on(trainer, lesson, tmp_path, steps=500, every=100)
    noisy = np.cov(rows[:600, :2].T) * (np.ones((2, 2)) + 0.01 * np.eye(2))
    entropy = 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * noisy)) + 0.5 * np.log(2 * np.pi * np.e * 0.01)
    assert min(look.validation for look in fitted.looks) == pytest.approx(entropy, abs=0.15)
    drawn = np.stack([one.content for one in model.sample([None] * 400, seed=1)])
    assert np.corrcoef(drawn[:, :2].T)[0, 1] == pytest.approx(1 / np.sqrt(1.25), abs=0.06)
    assert abs(drawn[:, 2] - 7).max() < 0.6
    broken = rows[600:] * [1, -1, 1] + [0, 6, 0]
    scores = [-model.log_prob(list(part))[0] for part in (rows[600:], broken)]
    assert roc_auc_score(np.repeat([0, 1], 200), np.concatenate(scores)) > 0.8


def test_a_classifier_of_rows_knows_the_labels_in_whatever_unit(tmp_path):
    rng = np.random.default_rng(0)
    parts = []
    for size in (200, 100):
        kinds = rng.integers(0, 3, size)
        rows = rows_of(rng, size) + np.eye(4)[kinds % 2 * 2] * 4 * kinds[:, None] * UNITS
        parts.append(frame(rows).assign(label=[f"class {one}" for one in kinds]))
    _, model = fitted_on(RowClassifierTrainer(), Lesson(*parts, None, 0), tmp_path, steps=150, every=50)
    shown = parts[1]["row"].to_list()
    assert model.classes == ("class 0", "class 1", "class 2")
    told = np.array(model.classes)[model.predict(shown).argmax(1)]
    right = np.mean(told == parts[1]["label"])
    assert right > 0.6  # classes 0 and 2 are alike
    assert (model.logits(shown).shape, model.embed(shown).shape) == ((100, 3), (100, 64))
    with pytest.raises(ModelError, match=r"a row has shape \[3\]; allowed: \[4\]"):
        model.predict([np.zeros(3)])
    with pytest.raises(DataError, match="needs a label for every item"):
        RowClassifierTrainer().fit(Lesson(frame(np.eye(4)), frame(np.eye(4)), None, 0), Budget(steps=1))
    with pytest.raises(ValueError, match="noise is 0; allowed: above 0"):
        RowTrainer(noise=0)
