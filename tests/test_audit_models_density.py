"""Densities of the user's own: exact where the truth is known, and one line for each way in which they are wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from audit.ask.questions import answer, can_answer
from audit.errors import ModelError
from audit.model import abilities_of
from audit.models.density import DensityFactory, wrap_density
from audit.probes.novelty.likelihood import Likelihood
from detectors.health import response_problem
from detectors.novelty.blindspots import blind_spots

MEAN, COVARIANCE = [1.0, -2.0, 0.5], [[2.0, 0.6, 0.0], [0.6, 1.0, 0.3], [0.0, 0.3, 0.5]]
SOURCE = """
import torch
from torch.distributions import MultivariateNormal

def gaussian(weights=None):
    mean = torch.zeros(3) if weights is None else torch.load(weights)
    return MultivariateNormal(mean, torch.eye(3))

def broken():
    raise RuntimeError("no weights\\nand more")

make = print
"""


@pytest.fixture(scope="module")
def rows():
    return list(np.random.default_rng(0).normal(size=(50, 3)))


@pytest.fixture
def home(tmp_path):
    (tmp_path / "my_flows.py").write_text(SOURCE)
    yield tmp_path
    import sys

    sys.modules.pop("my_flows", None)


def gaussian():
    return MultivariateNormal(torch.tensor(MEAN).double(), torch.tensor(COVARIANCE).double())


def test_a_gaussian_and_a_mixture_are_exact(rows):
    nats, kind = wrap_density(gaussian(), name="g", dtype="float64").log_prob(rows)
    assert kind == "exact"
    assert np.allclose(nats, multivariate_normal(MEAN, COVARIANCE).logpdf(np.stack(rows)), atol=1e-12)
    means, weights = torch.tensor([[-2.0, 0, 0], [1, 1, 1]]), torch.tensor([0.3, 0.7])
    mixture = MixtureSameFamily(Categorical(weights), Independent(Normal(means, 0.5), 1))
    parts = [multivariate_normal(mean, 0.25 * np.eye(3)).logpdf(np.stack(rows)) for mean in means.numpy()]
    expected = logsumexp(np.stack(parts) + np.log([[0.3], [0.7]]), axis=0)
    assert np.allclose(wrap_density(mixture, name="m").log_prob(rows)[0], expected, atol=1e-4)


def test_draws_depend_on_the_seed_alone(rows):
    model = wrap_density(gaussian(), name="g")
    one, again, other = (model.sample([None] * 400, seed=seed) for seed in (1, 1, 2))
    drawn = np.stack([sample.content for sample in one])
    assert np.array_equal(drawn, [sample.content for sample in again])
    assert not np.array_equal(drawn, [sample.content for sample in other])
    assert np.allclose(drawn.mean(axis=0), MEAN, atol=5 * np.sqrt(2 / 400))
    with pytest.raises(ModelError, match="without a prompt"):
        model.sample(["x"], seed=0)


class Answers:
    """Answers as a function of the rows says."""

    def __init__(self, how):
        self.log_prob = how


def test_a_factory_is_opened_from_its_folder_and_known_by_its_source_and_weights(home, rows):
    source = DensityFactory("my_flows:gaussian", folder=home)
    before = source.fingerprint()
    model = source.open()
    assert (model.name, model.modality, model.fingerprint) == ("gaussian", "tabular", before)
    assert abilities_of(model) == {"log_prob", "sample"}
    assert np.allclose(model.log_prob(rows)[0], multivariate_normal(np.zeros(3)).logpdf(np.stack(rows)), atol=1e-5)
    (home / "my_flows.py").write_text(SOURCE.replace("torch.zeros(3)", "torch.ones(3)"))
    assert source.fingerprint() != before
    changed = source.open().log_prob(rows)[0]  # the code that stands there now, not what was imported before
    assert np.allclose(changed, multivariate_normal(np.ones(3)).logpdf(np.stack(rows)), atol=1e-5)
    (home / "audit.py").write_text(SOURCE)
    with pytest.raises(ModelError, match="a module 'audit' from elsewhere is loaded; allowed: another name"):
        DensityFactory("audit:gaussian", folder=home).open()


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("my_flows:nothing", "cannot be made .AttributeError"), ("nowhere_flows:gaussian", "no module 'nowhere_flows'"),
        ("my_flows:broken", "cannot be made .RuntimeError: no weights.$"),
        ("my_flows:make", "no function of that module"), ("my_flows:torch", "no function of that module"),
    ],
)
def test_a_factory_that_gives_nothing_is_told_in_one_line(home, factory, said):
    with pytest.raises(ModelError, match=said) as told:
        DensityFactory(factory, folder=home).open()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("factory", ["shutil:rmtree", "os:abort", "my_flows", "my_flows:a.b", ":gaussian"])
def test_a_plan_cannot_name_what_is_no_function_of_the_user_s_own(factory):
    with pytest.raises(ValueError, match="allowed: module:function, the module not Python's own"):
        DensityFactory(factory)


def test_weights_that_can_run_code_are_refused(tmp_path):
    with pytest.raises(ValueError, match="can run code"):
        DensityFactory("my_flows:gaussian", weights=tmp_path / "flow.pt")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda x: Normal(0.0, 1.0).log_prob(x), "gave .50, 3. for 50 items; allowed: .50.; torch.distributions.Indep"),
        (lambda x: x.sum(), "log_prob gave .. for 50 items; allowed: .50.$"),
        (lambda x: x.sum(1).numpy(), "log_prob gave a ndarray for 50 items"),
        (lambda x: x @ torch.ones(7), "log_prob of .50, 3. failed .RuntimeError: "),
    ],
)
def test_an_answer_of_another_shape_is_told_in_one_line(rows, how, said):
    model = Answers(how)
    with pytest.raises(ModelError, match=said) as told:
        opened(model).log_prob(rows)
    assert "\n" not in str(told.value)


def test_items_of_several_shapes_are_refused(rows):
    with pytest.raises(ModelError, match=r"items have shape \[2\] and \[3\]; allowed: arrays of one shape"):
        opened(gaussian()).log_prob([*rows, np.zeros(2)])
    with pytest.raises(ModelError, match="a dict has no log_prob"):
        wrap_density({}, name="none")
    with pytest.raises(ModelError, match="cannot be written out"):
        wrap_density(Answers(lambda x: x), name="lambda")


def opened(obj):
    from audit.models.density import Density

    return Density(obj, "mine", "sha256:0", modality="tabular", likelihood="exact", dtype="float32")


class Door:
    """The real questions, put to one model."""

    def __init__(self, model):
        self.model = model

    def can(self, question, *, model="main"):
        return can_answer(self.model, question)

    def __call__(self, question, items, *, model="main", **options):
        return answer(self.model, question, items, seed=0, options=options).to_pandas()


def judged(obj):
    rng, truth = np.random.default_rng(1), np.linalg.cholesky(COVARIANCE)
    probe, observed = Likelihood(), {}
    for role in ("items", "fit", "calibration", "foreign"):
        drawn = rng.normal(size=(60, 3)) @ truth.T + MEAN + (4.0 if role == "foreign" else 0.0)
        frame = pd.DataFrame({"row": list(drawn)}, index=pd.Index([f"{role}-{n}" for n in range(60)], name="id"))
        observed[role] = probe.observe(Door(opened(obj)), frame, role)
    return probe.judge(observed, level=0.95, rng=np.random.default_rng(0))


def test_a_density_of_rows_is_audited_beside_the_bar_and_a_turned_or_constant_one_has_no_value():
    sound = judged(Answers(lambda x: gaussian().log_prob(x.double())))
    assert sound.headline.low > 0.9
    assert not sound.headline.undefined
    assert {one.group for one in sound.measures} >= {"knn5", "dte_np", "mixture"}
    turned = judged(Answers(lambda x: -gaussian().log_prob(x.double()))).headline
    assert turned.value is None
    assert "falls as noise is added" in turned.undefined
    assert "is it turned?" in turned.undefined
    flat = judged(Answers(lambda x: torch.zeros(len(x)))).headline
    assert flat.value is None
    assert "only 1 distinct score" in flat.undefined


@pytest.mark.parametrize("numbers", [1, 2, 5])
@pytest.mark.parametrize("middle", [0.0, 50.0])
def test_a_sound_density_of_few_numbers_answers_to_noise(numbers, middle):
    rows = np.random.default_rng(numbers).normal(middle, 1.0, (200, numbers))
    spots = blind_spots(range(200), rows, None, learnt=rows)
    means = [np.mean(((part - middle) ** 2).sum(axis=1)) for part in (rows, spots["half_noise"], spots["noise"])]
    assert response_problem(*[[mean] for mean in means]) is None
