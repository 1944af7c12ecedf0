"""Exact log p of a Markov chain and of small mixtures against every estimator that claims it.

Those of a Gaussian stand beside the estimators: tests/test_audit_models_images.py and test_audit_procedures.py.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Bernoulli, Independent

from audit.models.opened.autoregressive_image import ImageTransformer
from audit.models.opened.autoregressive_series import SeriesModel
from audit.models.opened.diffusion import ImageDiffusion
from audit.models.opened.gaussian_diffusion import vp_schedule
from audit.models.opened.vae import ImageVAE
from audit.procedures.elbo_parts import elbo_parts
from audit.procedures.flow_log_prob import flow_log_prob
from audit.procedures.partial_bounds import partial_bounds
from detectors.novelty.catalogue import SCORES
from detectors.novelty.recorded import Recorded

FACTS = {"name": "m", "fingerprint": "sha256:0", "numerics": {"device": "cpu"}}
SIDE = 3


# --- autoregressive: exact -------------------------------------------------------------------------------------------

FIRST, MOVES = np.array([0.5, 0.3, 0.2]), np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])


def chain_logits(pixels):
    told = torch.tensor(np.log(np.concatenate([FIRST[None], MOVES])))
    before = torch.cat([torch.zeros_like(pixels[:, :1]), pixels[:, :-1] + 1], 1)
    return told[before]


def test_a_pixel_model_of_a_markov_chain_is_exact():
    model = ImageTransformer(SimpleNamespace(shape=(SIDE, SIDE), levels=3, logits=chain_logits), **FACTS)
    items = np.random.default_rng(0).integers(0, 3, (20, SIDE, SIDE))
    told, kind = model.log_prob(list(items))
    steps = [[FIRST[x[0]], *MOVES[x[:-1], x[1:]]] for x in items.reshape(20, -1)]
    assert kind == "exact"
    assert told == pytest.approx(np.log(steps).sum(1), abs=1e-5)
    traces = [frame["log_prob"].to_numpy() for frame in model.trace(list(items))]
    assert np.stack(traces) == pytest.approx(np.log(steps), abs=1e-6)


def test_a_series_model_of_a_mixture_that_remembers_is_exact():
    """x_t is 0.7 x_{t-1} plus one of two Gaussians: together a mixture of 2^4 Gaussians in R^4."""
    weights, means, deviations = (torch.tensor(part, dtype=torch.float64) for part in ([0.3, 0.7], [-2, 1], [0.5, 1.5]))

    def mixture(x):
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1).double()
        shape = (*x.shape, 2)
        return weights.log().expand(shape), 0.7 * before[..., None] + means, deviations.expand(shape)

    model = SeriesModel(SimpleNamespace(steps=4, mixture=mixture), **FACTS)
    x = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    told, kind = model.log_prob(list(x))
    undone = np.eye(4) - 0.7 * np.eye(4, k=-1)  # has determinant 1
    grown, density = np.linalg.inv(undone), np.zeros(10)
    for which in np.ndindex(2, 2, 2, 2):
        share = np.prod(weights.numpy()[list(which)])
        spread = np.diag(deviations.numpy()[list(which)] ** 2)
        density += share * multivariate_normal(grown @ means.numpy()[list(which)], grown @ spread @ grown.T).pdf(x)
    assert kind == "exact"
    assert told == pytest.approx(np.log(density), abs=1e-4)


# --- VAE: a bound, and an estimate with its interval -----------------------------------------------------------------


class TwoProducts:
    """p(x|z) depends on the sign of z alone, so p(x) is a mixture of two products; the encoder is a rough guess."""

    latent, shape, noise_shape = 1, (SIDE, SIDE), (1,)

    def __init__(self):
        self.chances = torch.tensor(np.random.default_rng(0).uniform(0.1, 0.9, (2, SIDE, SIDE)), dtype=torch.float64)

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float64)

    def encode(self, x):
        lead = self._by_product(x)[1] - self._by_product(x)[0]
        return 0.8 * torch.tanh(lead / 2)[:, None], torch.full((len(x), 1), 1.1, dtype=torch.float64)

    def decode(self, z):
        return Independent(Bernoulli(self.chances[(z[:, 0] > 0).long()]), 2)

    def _by_product(self, x):
        return [Bernoulli(chances).log_prob(x).flatten(1).sum(1) for chances in self.chances]

    def exact(self, items):
        return (torch.stack(self._by_product(self.prepare(items))).logsumexp(0) - math.log(2)).numpy()


def test_a_vae_of_a_mixture_is_bounded_from_below_and_estimated_within_its_interval():
    network = TwoProducts()
    model = ImageVAE(network, **FACTS)
    items = list(np.random.default_rng(1).integers(0, 2, (40, SIDE, SIDE)))
    truth = network.exact(items)
    parts = elbo_parts(model, items, samples=1024)
    assert (parts["reconstruction"] - parts["kl"] < truth).all()
    assert (model.log_prob(items, samples=1024)[0] < truth).all()
    weights = np.stack(parts["log_weights"])
    relative = np.exp(weights - truth[:, None])
    error = relative.std(1, ddof=1) / np.sqrt(weights.shape[1])
    assert np.mean(np.abs(relative.mean(1) - 1) < 2 * error) > 0.85
    found = model.log_prob(items, importance_samples=1024)[0]
    assert np.abs(found - truth).max() < 5 * error.max()
    seen = Recorded(np.repeat("items", 40), np.stack(items), {"log_weights": list(weights)}, np.zeros(40), np.zeros(40))
    assert SCORES["iwae"].run(seen) == pytest.approx(-truth / SIDE**2 / np.log(2), abs=0.05)


# --- diffusion: a bound, and the flow --------------------------------------------------------------------------------

TURNS, DEVIATION = 2 * np.pi * np.arange(3) / 3 + 0.3, 0.35
MEANS = np.sqrt(2 - 2 * DEVIATION**2) * np.stack([np.cos(TURNS), np.sin(TURNS)], 1)


class MixtureDiffusion:
    """Data are three Gaussians in the plane, together of mean 0 and variance 1 or `scale`^2: the best denoiser is known
    at every time.
    """

    differentiable, shape = True, (2,)

    def __init__(self, scale=1.0):
        self.scale = scale

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def schedule(self, t):
        return vp_schedule(t)

    def denoise(self, x, t):
        alpha, sigma = (part[:, None] for part in vp_schedule(t))
        variance = (alpha * DEVIATION * self.scale) ** 2 + sigma**2
        apart = x[:, None] - alpha[..., None] * torch.tensor(self.scale * MEANS, dtype=x.dtype)
        return sigma * ((-(apart**2).sum(2) / (2 * variance)).softmax(1)[..., None] * apart).sum(1) / variance

    def restore(self, x):
        return x.numpy()

    def draw(self, count):
        rng = np.random.default_rng(2)
        return self.scale * (MEANS[rng.integers(3, size=count)] + DEVIATION * rng.normal(size=(count, 2)))

    def density(self, x, noise=0.0):
        spread = ((self.scale * DEVIATION) ** 2 + noise) * np.eye(2)
        return np.log(np.mean([multivariate_normal(self.scale * mean, spread).pdf(x) for mean in MEANS], axis=0))


def test_the_flow_has_the_log_prob_of_a_mixture():
    """Within 1e-2 nats per dimension, of drawn items and of such as lie between the components and outside."""
    model = MixtureDiffusion()
    x = np.concatenate([model.draw(40), [[0, 0], [0.7, 0.1], [-2.5, 2.0]]])
    alpha, sigma = (float(part) for part in vp_schedule(torch.zeros(1)))
    truth = model.density(x, (sigma / alpha) ** 2)  # with the noise that is on it at time 0 already
    assert np.abs(flow_log_prob(model, list(x), steps=32) - truth).max() / 2 < 0.01
    assert np.abs(flow_log_prob(model, list(x)) - truth).max() / 2 < 0.05, "at the steps of an audit"


def test_the_diffusion_bound_of_a_mixture_stays_below_and_comes_near():
    model = MixtureDiffusion(0.25)
    model.levels = 4001
    generator = torch.Generator().manual_seed(5)
    x = torch.tensor(model.draw(2000), dtype=torch.float32)
    exact = model.density(x.numpy()).mean() + 2 * math.log(2 / 4000)  # over levels
    noise = torch.randn(201, 2000, 2, generator=generator)
    gap = exact - float(ImageDiffusion(model, **FACTS)._bound(x, 200, noise).sum(1).mean())
    assert 0 < gap < 0.4


def test_the_halves_of_the_bound_are_those_of_the_best_denoiser():
    """Sums to a constant less log p, on average over noise: the same for all items, as the whole bound is."""
    model = MixtureDiffusion()
    x = model.draw(30)
    halves = partial_bounds(model, list(x), steps=16, draws=100)
    whole = halves.sum(1) + model.density(x)
    assert np.ptp(whole) < 0.2 * np.ptp(model.density(x))
