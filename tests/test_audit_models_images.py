"""The image families: one contract over all adapters on the shipped weights, then closed forms for each likelihood."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from audit.data.sets import digits
from audit.errors import ModelError
from audit.model import ModelSource, abilities_of
from audit.models.autoregressive_image import ImageTransformerFolder
from audit.models.diffusion import DiffusionFolder
from audit.models.gan import GANFolder
from audit.models.image_classifier import ImageClassifierFolder
from audit.models.latent_diffusion import LatentDiffusionFolder
from audit.models.opened.autoregressive_image import ImageTransformer
from audit.models.opened.diffusion import ImageDiffusion
from audit.models.opened.draws import normals, uniforms
from audit.models.opened.gaussian_diffusion import time_grid, vp_schedule
from audit.models.opened.latent_diffusion import ImageLatentDiffusion
from audit.models.opened.likelihoods import DiscretizedLogistic, GreyLevels, nearest_level, unit_levels
from audit.models.opened.pixel_transformer import PixelTransformer
from audit.models.opened.vae import ImageVAE
from audit.models.vae import VAEFolder
from audit.procedures.denoising_curve import TIMES, denoising_curve
from audit.procedures.elbo_parts import elbo_parts
from audit.reference.cards import WEIGHTS

PARTS = {
    "vae": (VAEFolder, {"sample", "log_prob", "encode", "decode", "embed", "differentiate"}),
    "gan": (GANFolder, {"sample", "discriminate"}),
    "diffusion": (DiffusionFolder, {"sample", "log_prob", "denoise", "differentiate"}),
    "latent_diffusion": (
        LatentDiffusionFolder, {"sample", "log_prob", "encode", "decode", "denoise", "differentiate"},
    ),
    "autoregressive_image": (ImageTransformerFolder, {"sample", "log_prob", "trace", "embed"}),
    "image_classifier": (ImageClassifierFolder, {"predict", "logits", "embed"}),
}
QUICK = {"diffusion": {"steps": 12}, "latent_diffusion": {"steps": 12}}
FACTS = {"name": "toy", "fingerprint": "sha256:0", "numerics": {"device": "cpu"}}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def opened():
    return {family: part(WEIGHTS / family / "sound").open() for family, (part, _) in PARTS.items()}


@pytest.fixture(scope="module")
def shown():
    return digits.table("heldout")["image"].to_list()[:9]


# ---------------------------------------------------------------- the contract


@pytest.mark.parametrize("family", PARTS)
def test_abilities_and_facts(opened, family):
    part, abilities = PARTS[family]
    model = opened[family]
    assert abilities_of(model) == abilities
    assert (model.family, model.modality, model.name) == (family, "image", "sound")
    assert isinstance(part(WEIGHTS / family / "sound"), ModelSource)
    assert model.fingerprint == part(WEIGHTS / family / "sound").fingerprint()
    assert set(model.numerics) == {"device", "dtype", "threads"}


@pytest.mark.parametrize("family", [name for name, (_, can) in PARTS.items() if "sample" in can])
def test_draws_depend_on_seed_and_position_only(opened, family):
    model, options = opened[family], QUICK.get(family, {})
    many = [one.content for one in model.sample([None] * 7, seed=3, **options)]
    few = [one.content for one in model.sample([None] * 2, seed=3, **options)]
    other = [one.content for one in model.sample([None] * 7, seed=4, **options)]
    assert all(np.array_equal(a, b) for a, b in zip(many, few, strict=False))
    assert not np.array_equal(many, other)
    assert len({image.tobytes() for image in many}) == 7
    assert all(one.shape == (8, 8) and one.dtype == np.int64 and 0 <= one.min() <= one.max() <= 16 for one in many)
    assert model.sample([], seed=1, **options) == []
    with pytest.raises(ModelError, match=r"draws without a prompt: got 'a seven'; allowed: None"):
        model.sample(["a seven"], seed=3)


@pytest.mark.parametrize("family", [name for name, (_, can) in PARTS.items() if "log_prob" in can])
def test_a_score_does_not_depend_on_the_batch(opened, shown, family):
    model, options = opened[family], QUICK.get(family, {})
    whole, kind = model.log_prob(shown, **options)
    alone = np.concatenate([model.log_prob([one], **options)[0] for one in shown])
    turned = model.log_prob(shown[::-1], **options)[0][::-1]
    assert kind == ("exact" if family == "autoregressive_image" else "lower_bound")
    assert whole.shape == (9,)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    np.testing.assert_allclose(turned, whole, rtol=1e-5)
    assert (whole < 0).all()


@pytest.mark.parametrize("family", [name for name, (_, can) in PARTS.items() if "embed" in can])
def test_embeddings_do_not_depend_on_the_batch(opened, shown, family):
    whole = opened[family].embed(shown)
    alone = torch.cat([opened[family].embed([one]) for one in shown])
    assert whole.dim() == 2
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", PARTS)
def test_the_fingerprint_is_of_the_content(tmp_path, family):
    part, _ = PARTS[family]
    copy = shutil.copytree(WEIGHTS / family / "sound", tmp_path / "copy")
    before = part(copy, name="another name", threads=1).fingerprint()
    assert before == part(WEIGHTS / family / "sound").fingerprint() != part(WEIGHTS / family / "flawed").fingerprint()
    (copy / "below").mkdir()
    (copy / "below" / "more.txt").touch()
    assert part(copy).fingerprint() != before
    (copy / "below" / "more.txt").unlink()
    assert part(copy).fingerprint() == before
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "note": 1}))
    assert part(copy).fingerprint() != before


@pytest.mark.parametrize("family", PARTS)
def test_what_is_no_such_model_gets_one_line(tmp_path, family):
    part, _ = PARTS[family]
    with pytest.raises(ModelError, match=r"no config.json; allowed: a folder with config.json and .safetensors"):
        part(tmp_path).open()
    good = WEIGHTS / family / "sound"
    shutil.copy(good / "config.json", tmp_path)
    (tmp_path / "model.bin").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelError, match=r"only pickled weights \(model.bin\); allowed: .safetensors"):
        part(tmp_path).open()
    other = "gan" if family != "gan" else "vae"
    shutil.copy(WEIGHTS / other / "sound" / "model.safetensors", tmp_path)
    with pytest.raises(ModelError, match=r"weights and config\.json do not fit: ") as caught:
        part(tmp_path).open()
    assert "\n" not in str(caught.value)
    shutil.copy(WEIGHTS / other / "sound" / "config.json", tmp_path)
    with pytest.raises(ModelError, match=f"family '{other}'; allowed: '{family}'"):
        part(tmp_path).open()


def test_options_that_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="threads is 0; allowed: 1 or more"):
        GANFolder(WEIGHTS / "gan" / "sound", threads=0)
    for part in (VAEFolder, LatentDiffusionFolder):
        with pytest.raises(ValueError, match="scale is 0; allowed: above 0"):
            part(WEIGHTS / "vae" / "sound", scale=0.0)


@pytest.mark.parametrize("family", PARTS)
def test_items_of_another_kind_are_refused(opened, family):
    ask = getattr(opened[family], {"image_classifier": "predict", "gan": "discriminate"}.get(family, "log_prob"))
    for wrong, said in (
        (np.zeros((7, 8), int), r"shape \[7, 8\]; allowed: \[8, 8\]"),
        (np.full((8, 8), 17), "from 17 to 17; allowed: integers from 0 to 16"),
        (np.zeros((8, 8)), "float64 from 0 to 0; allowed: integers"),
    ):
        with pytest.raises(ModelError, match=said):
            ask([wrong])


def test_a_gan_says_that_it_has_no_likelihood(opened, shown):
    model = opened["gan"]
    assert model.missing["log_prob"] == "a GAN has no likelihood"
    logit, features = model.discriminate(shown)
    assert (logit.shape, features.shape) == ((9,), (9, 128))
    torch.testing.assert_close(model.discriminate(shown[:1])[0], logit[:1], rtol=0, atol=1e-5)


def test_a_classifier_gives_distributions_logits_and_features(opened, shown):
    model = opened["image_classifier"]
    given = model.predict(shown)
    assert given.shape == (9, len(model.classes)) == (9, 10)
    torch.testing.assert_close(given.sum(1), torch.ones(9, dtype=torch.float64))
    torch.testing.assert_close(model.logits(shown).double().softmax(1), given)
    torch.testing.assert_close(torch.cat([model.predict([one]) for one in shown]), given, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["vae", "diffusion", "latent_diffusion"])
def test_what_says_it_is_differentiable_is(opened, shown, family):
    model = opened[family]
    x = model.prepare(shown)
    if family == "vae":
        mean, _ = model.encode(x)
        z = mean.requires_grad_()
        out = model.decode(z).log_prob(x).sum()
    else:
        z = x.requires_grad_()
        out = model.denoise(z, torch.full((9,), 0.5)).sum()
    (slope,) = torch.autograd.grad(out, z)
    assert slope.abs().sum() > 0


# ---------------------------------------------------------------- distributions over levels


def test_grey_levels_invert_their_distribution():
    probabilities = torch.tensor([0.2, 0.5, 0.3])
    given = GreyLevels(probabilities.log().expand(1, 1, 5, 3))
    drawn = given.icdf(torch.tensor([[[0.0, 0.19, 0.21, 0.69, 0.999]]]))
    assert drawn.tolist() == [[[0, 0, 1, 1, 2]]]
    assert given.log_prob(drawn).item() == pytest.approx(math.log(0.2**2 * 0.5**2 * 0.3), abs=1e-5)


def test_a_discretised_logistic_sums_to_one_and_is_what_it_says():
    levels = 9
    values = unit_levels(torch.arange(levels), levels)
    assert nearest_level(values, levels).tolist() == list(range(levels))
    given = DiscretizedLogistic(torch.full((levels, 1, 1, 1), 0.3), 0.2, levels)
    p = given.log_prob(values.view(-1, 1, 1, 1)).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-5)
    edge = torch.tensor([0.375, 0.125])  # around 0.25
    assert p[5].item() == pytest.approx((torch.sigmoid((edge - 0.3) / 0.2)).diff().abs().item(), rel=1e-4)
    numbers = (torch.arange(2000).float() + 0.5) / 2000
    drawn = DiscretizedLogistic(torch.full((2000, 1, 1, 1), 0.3), 0.2, levels).icdf(numbers.view(-1, 1, 1, 1))
    share = np.bincount(nearest_level(drawn, levels).flatten().numpy(), minlength=levels) / 2000
    np.testing.assert_allclose(share, p.numpy(), atol=1e-3)


# ---------------------------------------------------------------- closed forms


class Linear:
    """z ~ N(0, 1), x = w z + noise of std s: everything is Gaussian and known."""

    latent, w, s = 1, 1.5, 0.5
    shape = noise_shape = (1,)

    def __init__(self, spoiled: float = 1.0):
        self.spoiled = spoiled

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def encode(self, x):
        precision = 1 + self.w**2 / self.s**2
        return x * self.w / self.s**2 / precision, torch.full_like(x, self.spoiled / math.sqrt(precision))

    def decode(self, z):
        normal = torch.distributions.Normal(z * self.w, self.s)
        return torch.distributions.Independent(normal, 1)

    def exact(self, items):
        variance = self.w**2 + self.s**2
        x = np.concatenate(items)
        return -0.5 * (x**2 / variance + math.log(2 * math.pi * variance))


def test_the_bound_of_a_linear_vae_is_tight_at_the_true_posterior_and_below_elsewhere():
    items = [np.array([value]) for value in (-2.0, 0.3, 1.7)]
    tight, loose = ImageVAE(Linear(), **FACTS), ImageVAE(Linear(spoiled=2.0), **FACTS)
    exact = Linear().exact(items)
    np.testing.assert_allclose(tight.log_prob(items, samples=20_000)[0], exact, atol=0.05)
    below = loose.log_prob(items, samples=20_000)[0]
    gap = 0.5 * (4 - 1 - math.log(4))  # KL(N(m, 4 v) || N(m, v))
    np.testing.assert_allclose(exact - below, gap, atol=0.1)
    estimate, kind = loose.log_prob(items, importance_samples=20_000)
    assert kind == "estimate"
    np.testing.assert_allclose(estimate, exact, atol=0.02)
    # With the true posterior every weight is p(x): one sample is enough.
    np.testing.assert_allclose(tight.log_prob(items, importance_samples=1)[0], exact, atol=1e-5)


def test_the_parts_of_the_bound_add_up(opened, shown):
    parts = elbo_parts(opened["vae"], shown, samples=512)
    bound, _ = opened["vae"].log_prob(shown, samples=512)
    np.testing.assert_allclose(parts["reconstruction"] - parts["kl"], bound, rtol=0.02)
    assert list(parts.columns) == ["reconstruction", "kl", "mean_norm", "std_norm", "log_weights"]
    parts, weights = parts.drop(columns="log_weights"), np.stack(parts["log_weights"])
    np.testing.assert_allclose(weights.mean(1), bound, rtol=0.05)
    alone = elbo_parts(opened["vae"], shown[4:5], samples=512)
    np.testing.assert_allclose(alone.pop("log_weights")[0], weights[4], rtol=1e-4)
    np.testing.assert_allclose(alone.to_numpy()[0], parts.to_numpy()[4], rtol=1e-5)


def test_a_pixel_transformer_is_a_distribution_over_all_binary_images():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PixelTransformer(2, 2, 8, 2, heads=2).eval().requires_grad_(False)
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    model = ImageTransformer(network, **FACTS)
    images = [np.reshape(bits, (2, 2)) for bits in itertools.product((0, 1), repeat=4)]
    nats, kind = model.log_prob(images)
    assert kind == "exact"
    assert np.exp(nats).sum() == pytest.approx(1, abs=1e-6)
    assert np.exp(nats).max() > 0.2  # far from uniform, so that the check means something
    frames = model.trace(images)
    np.testing.assert_allclose([frame["log_prob"].sum() for frame in frames], nats, atol=1e-6)
    assert frames[0]["element"].tolist() == ["0,0", "0,1", "1,0", "1,1"]
    # The first pixel is scored too, and its entropy is the same in every image.
    first = frames[0].iloc[0]
    p = np.exp(first["log_prob"])
    assert first["entropy"] == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p), abs=1e-6)
    odds = math.log(p / (1 - p))
    assert first["variance"] == pytest.approx(p * (1 - p) * odds**2, abs=1e-5)
    assert {frame["rank"].iloc[0] for frame in frames} == {1, 2}
    drawn = [tuple(one.content.ravel()) for one in model.sample([None] * 4000, seed=1)]
    share = [drawn.count(tuple(image.ravel())) / 4000 for image in images]
    np.testing.assert_allclose(share, np.exp(nats), atol=0.04)


def test_drawing_step_by_step_agrees_with_scoring_at_once(opened, shown):
    network = opened["autoregressive_image"].network
    pixels = opened["autoregressive_image"].prepare(shown)
    cache, steps = None, []
    for place in range(64):
        logits, cache = network.step(pixels[:, :place], cache)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps, 1), network.logits(pixels), rtol=0, atol=1e-4)


def test_temperature_zero_is_the_most_likely_level_each_time(opened):
    one, two = (opened["autoregressive_image"].sample([None], seed=s, temperature=0)[0].content for s in (1, 2))
    assert np.array_equal(one, two)
    assert (opened["autoregressive_image"].trace([one])[0]["rank"] == 1).all()


class ExactDenoiser:
    """x_0 ~ N(0, s^2) in each of three numbers, with the one denoiser that is right; x_0 has a grid of fine levels."""

    shape, levels, s = (3,), 801, 0.2

    def schedule(self, t):
        return vp_schedule(t)

    def denoise(self, x, t):
        alpha, sigma = (part[:, None] for part in self.schedule(t))
        return sigma * x / (alpha**2 * self.s**2 + sigma**2)

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float32)

    def restore(self, x):
        return x.numpy()


def test_the_diffusion_bound_of_a_gaussian_meets_its_closed_form():
    model = ImageDiffusion(ExactDenoiser(), **FACTS)
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(4000, 3, generator=generator) * 0.2
    exact = torch.distributions.Normal(0, 0.2).log_prob(x).sum(1).mean() + 3 * math.log(2 / 800)  # over levels
    gaps = {}
    for steps in (100, 200):  # noise of its own for every item, so that its mean is near 0
        bound = model._bound(x, steps, torch.randn(steps + 1, 4000, 3, generator=generator))
        gaps[steps] = float(exact - bound.sum(1).mean())
    assert 0 < gaps[200] < 0.4
    assert gaps[100] / gaps[200] == pytest.approx(2, abs=0.3)  # what is left is the size of the steps


def test_the_shared_noise_hardly_moves_the_level_of_the_bound(opened):
    model = opened["diffusion"]
    x = model.prepare(digits.table("heldout")["image"].to_list()[:10])
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack([torch.randn(65, 8, 8, generator=generator) for _ in range(5)], dim=1)
    bounds = model._bound(x.repeat(5, 1, 1), 64, draws.repeat_interleave(10, dim=1))  # each draw for all ten at once
    levels = bounds.sum((1, 2)).reshape(5, 10).mean(1).numpy()
    assert np.std(levels) / (64 * math.log(2)) < 0.1  # bits per dimension, of 2.2


def test_both_samplers_of_a_gaussian_draw_that_gaussian():
    model = ImageDiffusion(ExactDenoiser(), **FACTS)
    for eta in (0.0, 1.0):
        drawn = np.stack([one.content for one in model.sample([None] * 2000, seed=2, steps=60, eta=eta)])
        assert np.abs(drawn.mean(0)).max() < 0.02
        np.testing.assert_allclose(drawn.std(0), 0.2, rtol=0.08)


def test_the_latent_bound_of_a_gaussian_meets_its_closed_form():
    linear = Linear()

    # The diffusion sees u = 1.25 (z - 0.4), whose distribution N(-0.5, 1.25^2) it knows.
    def denoise(u, t):
        alpha, sigma = (part[:, None] for part in vp_schedule(t))
        return sigma * (u + 0.5 * alpha) / ((1.25 * alpha) ** 2 + sigma**2)

    network = SimpleNamespace(autoencoder=linear, denoise=denoise, schedule=vp_schedule, shift=0.4)
    network.scale, network.noise_shape = torch.tensor(1.25), (1,)
    model = ImageLatentDiffusion(network, **FACTS)
    generator = torch.Generator().manual_seed(2)
    x = torch.linspace(-3, 3, 6000)[:, None]
    latent, noise = torch.randn(6000, 1, generator=generator), torch.randn(301, 6000, 1, generator=generator)
    bound = model._bound(x, 300, latent, noise).mean()
    exact = linear.exact(list(x.numpy())).mean()
    assert 0 < exact - bound < 0.2
    network.denoise = lambda u, t: 0.8 * denoise(u, t)  # a worse denoiser only lowers it
    assert model._bound(x, 300, latent, noise).mean() < bound - 0.05


def test_times_are_even_in_log_snr():
    model = ImageDiffusion(ExactDenoiser(), **FACTS)
    times = time_grid(model, 40)
    alpha, sigma = vp_schedule(times)
    steps = (2 * (alpha.log() - sigma.log())).diff()
    assert (times[0], times[-1]) == (0, 1)
    assert steps.max() < 0
    torch.testing.assert_close(steps, steps.mean().expand(40), rtol=0.02, atol=0)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(41))


def test_the_denoising_curve_is_that_of_the_exact_denoiser():
    model = ImageDiffusion(ExactDenoiser(), **FACTS)
    rng = np.random.default_rng(6)
    items = [rng.normal(0, 0.2, 3).astype(np.float32) for _ in range(600)]
    curve = denoising_curve(model, items, draws=64)
    alpha, sigma = (part.numpy() for part in vp_schedule(torch.tensor(TIMES)))
    expected = alpha**2 * 0.04 / (alpha**2 * 0.04 + sigma**2)  # variance of the noise given x_t
    assert curve.shape == (600, 16)
    np.testing.assert_allclose(curve.mean(0), expected, rtol=0.25)
    np.testing.assert_allclose(denoising_curve(model, items[300:301], draws=64)[0], curve[300], rtol=1e-5)


@pytest.mark.parametrize("family", ["diffusion", "latent_diffusion"])
def test_the_curve_of_an_item_is_the_same_in_every_split(opened, shown, family):
    whole = denoising_curve(opened[family], shown)
    np.testing.assert_allclose(denoising_curve(opened[family], shown[5:]), whole[5:], rtol=1e-5)


def test_the_noise_of_the_pixels_is_not_the_latent_over_again():
    """A latent and its pixels' noise share seed and number; as ranks of one stream they would agree."""
    latent, noise = normals(0, range(400), [8]), uniforms(0, range(400), [8])
    agreed = np.corrcoef(latent.numpy().ravel(), noise.numpy().ravel())[0, 1]
    assert abs(agreed) < 0.08  # 4.5 standard errors
    assert not np.isin(noise.numpy(), torch.special.ndtr(latent).numpy()).any()
