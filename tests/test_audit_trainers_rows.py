"""A classifier of diffusion time that `dokimasia fit` trains on rows: it finds noisy what lies far from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from audit import plugins
from audit.errors import DataError, ModelError
from audit.models.networks.diffusion_time import TimeClassifier, time_loss
from audit.trainer import Budget, Lesson
from audit.trainers.rows import TimeTrainer

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
