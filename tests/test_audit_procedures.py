"""Procedures against truth: Gaussian diffusion and linear VAE in closed form, and what no batch may change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Independent, Normal

from audit.ask.questions import can_answer
from audit.errors import ModelError
from audit.models.opened.autoregressive_image import ImageTransformer
from audit.models.opened.gan import GANNetwork, ImageGAN
from audit.models.opened.gaussian_diffusion import vp_schedule
from audit.models.opened.latent_diffusion import ImageLatentDiffusion, LatentNetwork
from audit.models.opened.pixel_transformer import PixelTransformer
from audit.models.opened.vae import ImageVAE, VAENetwork
from audit.procedures.denoising_curve import denoising_curve
from audit.procedures.diffusion_path import diffusion_path
from audit.procedures.elbo_parts import elbo_parts
from audit.procedures.f_anogan import f_anogan
from audit.procedures.flow_log_prob import flow_log_prob
from audit.procedures.gradient_norms import gradient_norms
from audit.procedures.inpainting import inpainting
from audit.procedures.intrinsic_dimension import intrinsic_dimension
from audit.procedures.inversion import inversion
from audit.procedures.likelihood_regret import likelihood_regret
from audit.procedures.membership_errors import membership_errors
from audit.procedures.multi_reconstruction import multi_reconstruction
from audit.procedures.partial_bounds import partial_bounds
from audit.procedures.posterior_spectrum import posterior_spectrum
from audit.procedures.score_norms import score_norms
from detectors.novelty.recorded import RECORDS

SIZE = 6
DENOISING = (
    denoising_curve, multi_reconstruction, inpainting, diffusion_path, score_norms, posterior_spectrum, partial_bounds,
    intrinsic_dimension, flow_log_prob,
)


class GaussianDiffusion:
    """Data are N(mean, C): the best denoiser is linear, and log p is known."""

    differentiable = True

    def __init__(self, size=SIZE, seed=0, mean=1.0):
        rng = np.random.default_rng(seed)
        turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
        self.variances = np.geomspace(0.05, 2.0, size)
        self.mean, self.cov = mean * rng.normal(size=size), (turn * self.variances) @ turn.T
        self._mean, self._cov = (torch.tensor(part, dtype=torch.float32) for part in (self.mean, self.cov))
        self.calls, self.gradients = 0, 0

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def schedule(self, t):
        return vp_schedule(t)

    def denoise(self, x, t):
        self.calls += len(x)
        alpha, sigma = (part[0] for part in vp_schedule(t[:1]))
        inverse = torch.linalg.inv(alpha**2 * self._cov + sigma**2 * torch.eye(len(self._cov)))
        told = sigma * (x - alpha * self._mean) @ inverse
        if told.requires_grad:
            told.register_hook(self._count)
        return told

    def _count(self, slope):
        self.gradients += len(slope)

    def draw(self, count, seed=1):
        return np.random.default_rng(seed).multivariate_normal(self.mean, self.cov, count)


class LinearVAE:
    """x = W z + b + s eps: log p(x), the posterior, and an encoder as far from it as `off` says, in closed form."""

    differentiable = True

    def __init__(self, off=0.0):
        rng = np.random.default_rng(3)
        self.w, self.b, self.s, self.off = rng.normal(size=(SIZE, 2)), rng.normal(size=SIZE), 0.5, off
        self.calls, self.gradients = 0, 0
        # A basis in which the posterior's covariance is diagonal, as the encoder's is.
        self.w = self.w @ np.linalg.eigh(self.w.T @ self.w)[1]
        self.var = 1 / (1 + (self.w**2).sum(0) / self.s**2)

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def posterior(self, x):
        return (x - self.b) @ self.w / self.s**2 * self.var

    def encode(self, x):
        self.calls += len(x)
        mean = torch.tensor(self.posterior(x.numpy()), dtype=torch.float32)
        return mean + self.off, torch.tensor(self.var**0.5, dtype=torch.float32).expand_as(mean) * (1 + self.off)

    def decode(self, z):
        self.calls += len(z)
        w, b = (torch.tensor(part, dtype=torch.float32) for part in (self.w, self.b))
        made = z @ w.T + b
        if made.requires_grad:
            made.register_hook(self._count)
        return Independent(Normal(made, self.s), 1)

    def _count(self, slope):
        self.gradients += len(slope)

    def log_prob(self, x):
        return multivariate_normal(self.b, self.w @ self.w.T + self.s**2 * np.eye(SIZE)).logpdf(x)

    def draw(self, count, seed=1):
        rng = np.random.default_rng(seed)
        return rng.normal(size=(count, 2)) @ self.w.T + self.b + self.s * rng.normal(size=(count, SIZE))


# --- diffusion -------------------------------------------------------------------------------------------------------


def test_the_flow_has_the_log_prob_of_a_gaussian():
    """Exact divergence: within 1e-2 nats per dimension, of near and far items. Hutchinson's moves all items alike."""
    model = GaussianDiffusion(mean=0.0)
    x = np.concatenate([model.draw(20), 3 * model.draw(5)])
    truth = multivariate_normal(model.mean, model.cov + vp_noise() * np.eye(SIZE)).logpdf(x)
    assert np.abs(flow_log_prob(model, list(x), exact=True) - truth).max() / SIZE < 0.01
    gap = flow_log_prob(model, list(x), exact=False, probes=16) - truth
    assert np.ptp(gap) / SIZE < 0.02
    assert abs(gap.mean()) / SIZE < 0.2


def vp_noise():
    """Return the variance of the noise that is on y at time 0 already."""
    alpha, sigma = vp_schedule(torch.zeros(1))
    return float((sigma / alpha) ** 2)


def test_the_flow_counts_levels_and_not_a_density():
    """Of items cut into cells the estimate is the log probability of a cell: its density times the cell's size."""
    model = GaussianDiffusion()
    x = list(model.draw(5))
    density = flow_log_prob(model, x)
    model.levels = 1001
    assert flow_log_prob(model, x) - density == pytest.approx(np.full(5, SIZE * np.log(2 / 1000)), abs=0.1)


def test_an_exact_divergence_has_a_price():
    with pytest.raises(ModelError, match="an exact divergence of 201 numbers; allowed: at most 200"):
        flow_log_prob(GaussianDiffusion(201), [np.zeros(201)], exact=True)


def test_the_posterior_spectrum_of_a_gaussian():
    """Cov[x_0 | x_t] = (C^-1 + alpha^2 / sigma^2)^-1, whatever the item."""
    model, times = GaussianDiffusion(), (0.3, 0.6)
    found = posterior_spectrum(model, list(model.draw(3)), times=times, values=2, rounds=40)
    for at, time in enumerate(times):
        alpha, sigma = (float(part) for part in vp_schedule(torch.tensor([time])))
        truth = np.sort(1 / (1 / model.variances + alpha**2 / sigma**2))[::-1][:2]
        assert found[:, 2 * at : 2 * at + 2] == pytest.approx(np.tile(truth, (3, 1)), rel=0.03)


def test_the_score_norms_of_a_gaussian():
    model = GaussianDiffusion()
    x = model.draw(3)
    alpha, sigma = (float(part) for part in vp_schedule(torch.tensor([0.5])))
    score = alpha * (x - model.mean) @ np.linalg.inv(alpha**2 * model.cov + sigma**2 * np.eye(SIZE))
    truth = sigma * np.sqrt((score**2).mean(1))
    assert score_norms(model, list(x), times=(0.5,))[:, 0] == pytest.approx(truth, rel=1e-4)


def test_the_membership_errors_of_a_gaussian():
    """By matrices: the noise seen is affine in the item, and each of the three a chain of such maps."""
    model = GaussianDiffusion()
    x = model.draw(5)

    def at(time):
        return (float(part) for part in vp_schedule(torch.tensor([time])))

    def noise(x, time):
        alpha, sigma = at(time)
        inverse = np.linalg.inv(alpha**2 * model.cov + sigma**2 * np.eye(SIZE))
        return sigma * (x - alpha * model.mean) @ inverse

    def moved(x, time, to):
        (alpha, sigma), (beta, tau) = at(time), at(to)
        return beta * (x / alpha + (tau / beta - sigma / alpha) * noise(x, time))

    path = x
    for step in range(10):
        path = moved(path, step / 100, (step + 1) / 100)
    back = moved(moved(path, 0.1, 0.11), 0.11, 0.1)
    alpha, sigma = at(0.2)
    first = noise(x, 0.0)
    again = noise(alpha * x + sigma * first, 0.2)
    found = membership_errors(model, list(x))
    assert list(found) == ["secmi", "pia", "sima"]
    found = {name: column.to_numpy() for name, column in found.items()}
    assert found["secmi"] == pytest.approx(((path - back) ** 2).mean(1), rel=2e-2)  # float32 of a small difference
    assert found["pia"] == pytest.approx((((first - again) ** 4).mean(1)) ** 0.25, rel=1e-4)
    assert found["sima"] == pytest.approx(((noise(x, 0.1) ** 4).mean(1)) ** 0.25, rel=1e-4)


def test_the_intrinsic_dimension_of_a_gaussian():
    """sigma^2 (div s + |s|^2) of N(alpha mean, alpha^2 C + sigma^2); of data in a plane about 2."""
    model, x = GaussianDiffusion(), GaussianDiffusion().draw(5)
    alpha, sigma = (float(part) for part in vp_schedule(torch.tensor([0.1])))
    inverse = np.linalg.inv(alpha**2 * model.cov + sigma**2 * np.eye(SIZE))
    score = alpha * (x - model.mean) @ inverse
    truth = SIZE + sigma**2 * ((score**2).sum(1) - np.trace(inverse))
    assert intrinsic_dimension(model, list(x)) == pytest.approx(truth, rel=1e-3)
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(SIZE, SIZE)))[0][:, :2]
    model.cov = turn @ turn.T
    model._cov = torch.tensor(model.cov, dtype=torch.float32)
    x = np.random.default_rng(5).multivariate_normal(model.mean, model.cov, 200)
    assert intrinsic_dimension(model, list(x), time=0.02).mean() == pytest.approx(2, abs=0.05)


def test_the_halves_of_a_gaussians_bound():
    """E |eps - eps_hat|^2 = |(I - sigma^2 S) e|^2 on average + sigma^2 alpha^2 |S (x - mean)|^2, S the precision."""
    model, x = GaussianDiffusion(), GaussianDiffusion().draw(4)
    found = partial_bounds(model, list(x), steps=12, draws=150)
    fine = torch.linspace(0, 1, 801)
    alpha, sigma = (part.double().numpy() for part in vp_schedule(fine))
    log_noise, told = np.log(sigma / alpha), []
    for a, s in zip(alpha, sigma, strict=True):
        precision = np.linalg.inv(a**2 * model.cov + s**2 * np.eye(SIZE))
        rest = ((np.eye(SIZE) - s**2 * precision) ** 2).sum()
        told.append(rest + s**2 * a**2 * (((x - model.mean) @ precision) ** 2).sum(1))
    for half, kept in enumerate((log_noise <= 0, log_noise >= 0)):
        truth = np.trapezoid(np.array(told)[kept], log_noise[kept], axis=0)
        assert found[:, half] == pytest.approx(truth, rel=0.08)


@pytest.mark.parametrize("procedure", [denoising_curve, multi_reconstruction, inpainting, score_norms])
def test_far_items_are_stranger_to_a_denoiser(procedure):
    """DiffPath's moments have no stranger end, and a Gaussian's spectrum is the same everywhere."""
    model = GaussianDiffusion()
    near, far = (procedure(model, list(scale * (model.draw(60) - model.mean) + model.mean)) for scale in (1, 4))
    assert np.all(far.mean(0) > near.mean(0)) or procedure is denoising_curve
    assert far.mean() > near.mean()


# --- VAE -------------------------------------------------------------------------------------------------------------


def test_importance_weights_find_the_log_prob_of_a_linear_vae_and_the_bound_stays_below():
    model = LinearVAE(off=0.2)
    x = model.draw(40)
    parts, truth = elbo_parts(model, list(x), samples=256), model.log_prob(x)
    weights = np.stack(parts["log_weights"])
    mean = np.exp(weights - truth[:, None])
    error = mean.std(1, ddof=1) / np.sqrt(weights.shape[1])
    assert np.mean(np.abs(mean.mean(1) - 1) < 2 * error) > 0.85  # within its own interval; the noise is shared
    bound = parts["reconstruction"] - parts["kl"]
    gap = gap_of(model, x)
    assert np.all(gap > 0)
    assert (truth - bound).mean() == pytest.approx(gap.mean(), abs=0.1)


def gap_of(model, x):
    """Return KL(q || posterior) of each item, by hand."""
    ratio = (1 + model.off) ** 2
    return np.full(len(x), 0.5 * (2 * (ratio - 1 - np.log(ratio)) + (model.off**2 / model.var).sum()))


def test_an_exact_encoder_has_weights_without_variance():
    model = LinearVAE()
    weights = np.stack(elbo_parts(model, list(model.draw(5)))["log_weights"])
    assert weights == pytest.approx(np.tile(model.log_prob(model.draw(5))[:, None], weights.shape[1]), abs=1e-3)


@pytest.mark.parametrize("off", [0.0, 0.3])
def test_the_regret_of_a_linear_vae_is_what_its_encoder_misses(off):
    model = LinearVAE(off)
    x = model.draw(15)
    found = likelihood_regret(model, list(x[:15]), steps=100)
    assert found == pytest.approx(gap_of(model, x), abs=0.06 + 0.06 * off / 0.2)


# --- gradients of weights --------------------------------------------------------------------------------------------


class TwoWeights:
    """x ~ N(mean, exp(log_var)): the gradients of log p are known."""

    def __init__(self):
        self.mean, self.log_var = torch.tensor([0.5, -1.0]), torch.tensor(0.3)
        self.calls, self.gradients = 0, 0

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def learnt(self):
        return [self.mean, self.log_var, torch.ones(3)]  # the last plays no part

    def nats(self, x):
        self.calls += len(x)
        told = Independent(Normal(self.mean, (self.log_var / 2).exp()), 1).log_prob(x)
        told.register_hook(self._count)
        return told

    def _count(self, slope):
        self.gradients += len(slope)


def test_gradient_norms_by_hand_and_in_any_company():
    model, x = TwoWeights(), np.random.default_rng(0).normal(size=(6, 2))
    found = gradient_norms(model, list(x))
    apart = (x - model.mean.numpy()) / np.exp(0.3)
    last = 0.5 * ((x - model.mean.numpy()) ** 2).sum(1) / np.exp(0.3) - 1
    assert found == pytest.approx(np.stack([(apart**2).sum(1), last**2, np.zeros(6)], 1), rel=1e-4)
    assert gradient_norms(model, list(x[4:5])) == pytest.approx(found[4:5])
    assert not model.mean.requires_grad, "left as it was"
    told = RECORDS["gradient_norms"]
    assert (told.calls, told.gradients) == (model.calls / 7, model.gradients / 7) == (1, 1)


@pytest.mark.parametrize("make", ["vae", "pixels"])
def test_gradients_reach_the_weights_of_our_models(make):
    torch.manual_seed(0)
    network = VAENetwork(4, 17, 3, 8) if make == "vae" else PixelTransformer(4, 17, 8, 1)
    model = (ImageVAE if make == "vae" else ImageTransformer)(network.eval().requires_grad_(False), **FACTS)
    found = gradient_norms(model, IMAGES)
    assert found.shape == (5, len(list(network.parameters())))
    assert (found.sum(0) > 0).mean() > 0.8
    assert model.nats(model.prepare(IMAGES)).numpy() == pytest.approx(model.log_prob(IMAGES)[0], rel=1e-4)


# --- two stages, GAN -------------------------------------------------------------------------------------------------

FACTS = {"name": "m", "fingerprint": "sha256:0", "numerics": {"device": "cpu"}}


def latent_diffusion():
    torch.manual_seed(0)
    sizes = {"side": 4, "levels": 17, "latent": 3, "hidden": 8}
    return ImageLatentDiffusion(LatentNetwork(sizes, {"width": 8, "blocks": 1}).eval().requires_grad_(False), **FACTS)


def gan():
    torch.manual_seed(0)
    return ImageGAN(GANNetwork(4, 17, 2, 8).eval().requires_grad_(False), **FACTS)


IMAGES = list(np.random.default_rng(0).integers(0, 17, (5, 4, 4)))


def test_the_first_of_two_stages_speaks_of_reconstruction():
    model = latent_diffusion()
    parts = elbo_parts(model, IMAGES)
    assert parts.drop(columns="log_weights").equals(elbo_parts(model.autoencoder, IMAGES).drop(columns="log_weights"))
    bound, kind = model.autoencoder.log_prob(IMAGES, samples=64)
    assert kind == "lower_bound"
    assert (parts["reconstruction"] - parts["kl"]).to_numpy() == pytest.approx(bound, abs=3)
    assert likelihood_regret(model, IMAGES, steps=3).shape == (5,)


def test_what_a_generator_made_is_found_again():
    model = gan()
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    made = model.generate(z).numpy()
    model.prepare = lambda items: torch.tensor(np.stack(items))
    found = inversion(model, list(made), starts=3, steps=100)
    other = inversion(model, list(-made), starts=3, steps=100)
    assert (found["residual"] < other["residual"]).all()
    assert found["residual"].median() < 0.2 * other["residual"].median()
    fewer = inversion(model, list(made[:2]), starts=3, steps=100)
    assert fewer.to_numpy() == pytest.approx(found[:2].to_numpy(), abs=1e-3)


def test_an_encoder_says_at_once_where_the_item_is():
    class Encoded(ImageGAN):
        def infer(self, x):
            return x[:, :2] * 0 + 0.5

    model = Encoded(gan().network, **FACTS)
    found = f_anogan(model, IMAGES)
    x, made = model.prepare(IMAGES), model.generate(torch.full((5, 2), 0.5))
    assert found["pixel_error"].to_numpy() == pytest.approx(((x - made) ** 2).mean(1).numpy())
    features, again = (model.criticise(one)[1] for one in (x, made))
    assert found["feature_error"].to_numpy() == pytest.approx(((features - again) ** 2).mean(1).numpy())
    assert can_answer(model, "f_anogan")
    assert not can_answer(gan(), "f_anogan")


class Counted:
    """A GAN whose calls are counted, and the gradients through what it answers."""

    def __init__(self):
        self.whole, self.latent, self.calls, self.gradients = gan(), 2, 0, 0

    def prepare(self, items):
        return self.whole.prepare(items)

    def generate(self, z):
        return self._counted(self.whole.generate(z))

    def criticise(self, x):
        logit, features = self.whole.criticise(x)
        return logit, self._counted(features)

    def _counted(self, told):
        self.calls += len(told)
        if told.requires_grad:
            told.register_hook(self._count)
        return told

    def _count(self, slope):
        self.gradients += len(slope)


def test_an_inversions_price_is_what_is_told():
    """Of an item: its features, then from two starts 200 steps and the end, each an image and its features."""
    model = Counted()
    inversion(model, IMAGES[:2])
    told = RECORDS["residual"]
    assert (told.calls, told.gradients) == (model.calls / 2, model.gradients / 2) == (1 + 2 * 201 * 2, 2 * 200 * 2)
    coded = Counted()
    coded.infer = lambda x: coded._counted(x[:, :2])
    f_anogan(coded, IMAGES[:2])
    told = RECORDS["pixel_error"]
    assert (told.calls, told.gradients) == (coded.calls / 2, coded.gradients) == (4, 0)


# --- what holds for all ----------------------------------------------------------------------------------------------


def numbers(found):
    if not hasattr(found, "columns"):
        return found
    return np.stack(found["log_weights"]) if "log_weights" in found else found.to_numpy()


@pytest.mark.parametrize(
    "procedure", [*DENOISING, membership_errors, elbo_parts, likelihood_regret], ids=lambda one: one.__name__
)
def test_an_item_is_told_the_same_in_any_company(procedure):
    """Noise depends on no batch and no split: alone, among others, and in a set of another size."""
    model = LinearVAE(0.2) if procedure in (elbo_parts, likelihood_regret) else GaussianDiffusion()
    x = list(model.draw(9))
    whole = numbers(procedure(model, x))
    assert numbers(procedure(model, x[4:5])) == pytest.approx(whole[4:5], rel=1e-4, abs=1e-4)
    assert numbers(procedure(model, x[::-1][:6]))[::-1] == pytest.approx(whole[3:], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("procedure", [*DENOISING[:-2], membership_errors], ids=lambda one: one.__name__)
def test_weights_that_can_be_learnt_cost_no_graph(procedure):
    model = GaussianDiffusion()
    model._mean.requires_grad_()
    with torch.enable_grad():
        procedure(Watched(model), list(model.draw(2)))


class Watched:
    """A denoiser that must not be asked for a graph."""

    def __init__(self, whole):
        self.prepare, self.schedule, self._denoise = whole.prepare, whole.schedule, whole.denoise

    def denoise(self, x, t):
        told = self._denoise(x, t)
        assert not told.requires_grad
        return told


@pytest.mark.parametrize("procedure", [*DENOISING, elbo_parts, likelihood_regret], ids=lambda one: one.__name__)
def test_its_price_is_what_is_told(procedure):
    """Calls of the model's methods and gradients through them, counted."""
    model = LinearVAE(0.2) if procedure in (elbo_parts, likelihood_regret) else GaussianDiffusion(20)
    procedure(model, list(model.draw(3)))
    told = next(one for one in RECORDS.values() if one.question == procedure.__name__)
    assert (told.calls, told.gradients) == (model.calls / 3, model.gradients / 3)


def test_who_can_be_asked():
    assert can_answer(gan(), "inversion")
    assert not can_answer(gan(), "flow_log_prob")
    for question in ("elbo_parts", "likelihood_regret", "flow_log_prob", "multi_reconstruction", "denoising_curve"):
        assert can_answer(latent_diffusion(), question), question
