"""Folders of diffusers and transformers, made here and tiny: opened, scored, sampled; unsafe ones are refused."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch
from needs import needs_library

from audit.errors import ModelError
from audit.model import abilities_of
from audit.models.autoregressive_image import ImageTransformerFolder
from audit.models.diffusion import DiffusionFolder
from audit.models.latent_diffusion import LatentDiffusionFolder
from audit.models.vae import VAEFolder
from audit.procedures.denoising_curve import denoising_curve

UNET = {
    "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4,
    "down_block_types": ("DownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "UpBlock2D"),
}
KL = {
    "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4, "latent_channels": 2, "sample_size": 8,
    "in_channels": 1, "out_channels": 1,
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def diffusers():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield needs_library("diffusers")


@pytest.fixture(scope="module")
def images():
    return list(np.random.default_rng(0).uniform(-1, 1, (5, 1, 8, 8)).astype(np.float32))


@pytest.fixture(scope="module")
def ddpm(diffusers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "ddpm"
    unet = diffusers.UNet2DModel(sample_size=8, in_channels=1, out_channels=1, **UNET)
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(num_train_timesteps=100)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def autoencoder(diffusers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "kl"
    diffusers.AutoencoderKL(**KL).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pipeline(diffusers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "ldm"
    unet = diffusers.UNet2DModel(sample_size=4, in_channels=2, out_channels=2, **UNET)
    diffusers.LDMPipeline(diffusers.AutoencoderKL(**KL), unet, diffusers.DDIMScheduler()).save_pretrained(folder)
    return folder


def _batch_invariant(model, images, **options):
    whole, kind = model.log_prob(images, **options)
    alone = np.concatenate([model.log_prob([one], **options)[0] for one in images])
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    assert kind == "lower_bound"
    return whole


def test_a_ddpm_folder_is_opened_scored_and_sampled(ddpm, images):
    model = DiffusionFolder(ddpm).open()
    assert abilities_of(model) == {"sample", "log_prob", "denoise", "differentiate"}
    assert (model.name, model.fingerprint) == ("ddpm", DiffusionFolder(ddpm).fingerprint())
    nats = _batch_invariant(model, images, steps=10)
    assert (nats < -64 * math.log(256) / 2).all()  # an untrained model knows next to nothing of 8 bits
    drawn = model.sample([None] * 3, seed=1, steps=5, eta=1.0)
    assert {(one.content.shape, one.content.dtype.name) for one in drawn} == {((1, 8, 8), "float32")}
    assert max(np.abs(one.content).max() for one in drawn) <= 1
    alone = model.sample([None], seed=1, steps=5, eta=1.0)[0].content
    np.testing.assert_allclose(alone, drawn[0].content, atol=1e-5)
    assert not np.allclose(drawn[1].content, drawn[0].content, atol=0.1)
    assert denoising_curve(model, images).shape == (5, 16)


def test_its_schedule_is_the_scheduler_s(diffusers, ddpm):
    model = DiffusionFolder(ddpm).open()
    kept = diffusers.DDPMScheduler(num_train_timesteps=100).alphas_cumprod
    alpha, sigma = model.schedule(torch.tensor([0.0, 0.5, 1.0]))
    torch.testing.assert_close(alpha**2, kept[[0, 50, 99]])
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(3))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_noise_comes_out_whatever_was_predicted(diffusers, ddpm, tmp_path, kind):
    """With the network's answer replaced by the true target, `denoise` gives the true noise."""
    unet = diffusers.UNet2DModel(sample_size=8, in_channels=1, out_channels=1, **UNET)
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=100, prediction_type=kind)
    diffusers.DDPMPipeline(unet, scheduler).save_pretrained(tmp_path)
    model = DiffusionFolder(tmp_path).open()
    t, (x, noise) = torch.tensor([0.3, 0.7]), torch.randn(2, 2, 1, 8, 8)
    steps = (t * 99).round().long()
    noisy = scheduler.add_noise(x, noise, steps)
    target = {"epsilon": noise, "sample": x, "v_prediction": scheduler.get_velocity(x, noise, steps)}[kind]

    def said(given, step):
        assert torch.equal(step, steps)
        return type("Said", (), {"sample": target})

    model.network.unet.forward = said
    torch.testing.assert_close(model.denoise(noisy, t), noise, rtol=1e-4, atol=1e-4)


def test_an_autoencoder_folder_is_opened_scored_and_sampled(autoencoder, images):
    model = VAEFolder(autoencoder).open()
    assert abilities_of(model) == {"sample", "log_prob", "encode", "decode", "embed", "differentiate"}
    _batch_invariant(model, images, samples=3)
    mean, std = model.encode(model.prepare(images))
    assert mean.shape == std.shape == (5, 2 * 4 * 4)
    assert model.decode(mean).log_prob(model.prepare(images)).shape == (5,)
    drawn = model.sample([None] * 3, seed=1)
    assert {one.content.shape for one in drawn} == {(1, 8, 8)}
    assert VAEFolder(autoencoder, scale=0.2).fingerprint() != model.fingerprint
    wide, narrow = (VAEFolder(autoencoder, scale=scale).open().log_prob(images)[0] for scale in (0.5, 0.02))
    assert (wide > narrow).all()  # noise is no image of this model: a narrow p(x|z) punishes it


def test_a_latent_pipeline_is_opened_scored_and_sampled(pipeline, images):
    model = LatentDiffusionFolder(pipeline).open()
    assert abilities_of(model) == {"sample", "log_prob", "encode", "decode", "denoise", "differentiate"}
    _batch_invariant(model, images, steps=8, samples=2)
    drawn = model.sample([None] * 3, seed=1, steps=4)
    assert {one.content.shape for one in drawn} == {(1, 8, 8)}
    assert denoising_curve(model, images).shape == (5, 16)
    scaled = model.prepare(images)
    mean, _ = model.encode(model.network.autoencoder.prepare(images))
    torch.testing.assert_close(scaled, mean * 0.18215)


def test_floats_outside_the_range_and_integers_are_refused(ddpm):
    model = DiffusionFolder(ddpm).open()
    for wrong in (np.full((1, 8, 8), 1.5), np.zeros((1, 8, 8), int), np.full((1, 8, 8), np.nan)):
        with pytest.raises(ModelError, match=r"allowed: floats from -1 to 1"):
            model.log_prob([wrong], steps=2)


def test_pickled_weights_are_refused_with_one_line(ddpm, autoencoder, tmp_path):
    for part, folder, home in ((DiffusionFolder, ddpm, "unet"), (VAEFolder, autoencoder, ".")):
        copy = tmp_path / home / "copy"
        _copy_without_safetensors(folder, copy)
        (copy / home / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
        with pytest.raises(ModelError, match=r"only pickled weights \(diffusion_pytorch_model.bin\)") as caught:
            part(copy).open()
        assert "\n" not in str(caught.value)


def _copy_without_safetensors(folder, copy):
    for path in (one for one in folder.rglob("*.json")):
        target = copy / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def test_another_class_or_another_family_is_named(ddpm, autoencoder, pipeline, tmp_path):
    with pytest.raises(ModelError, match="holds a DDPMPipeline"):
        VAEFolder(ddpm).open()
    with pytest.raises(ModelError, match="no config"):
        DiffusionFolder(tmp_path).open()
    config = json.loads((autoencoder / "config.json").read_text())
    _copy_without_safetensors(pipeline, tmp_path)
    (tmp_path / "unet" / "config.json").write_text(json.dumps({**config, "_class_name": "UNet2DConditionModel"}))
    with pytest.raises(ModelError, match=r"holds a UNet2DConditionModel; allowed: UNet2DModel"):
        LatentDiffusionFolder(tmp_path).open()


def test_a_missing_extra_is_said_in_one_line(ddpm, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(ModelError, match=r"needs the extra: pip install dokimasia\[images\]"):
        DiffusionFolder(ddpm).open()


@pytest.fixture(scope="module")
def imagegpt(tmp_path_factory):
    from transformers import ImageGPTConfig, ImageGPTForCausalImageModeling

    folder = tmp_path_factory.mktemp("made") / "imagegpt"
    config = ImageGPTConfig(vocab_size=3, n_positions=4, n_embd=8, n_layer=2, n_head=2, initializer_range=1.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ImageGPTForCausalImageModeling(config).save_pretrained(folder)
    return folder


def test_an_imagegpt_is_a_distribution_over_all_images(imagegpt):
    model = ImageTransformerFolder(imagegpt).open()
    assert abilities_of(model) == {"sample", "log_prob", "trace", "embed"}
    images = [np.reshape(bits, (2, 2)) for bits in itertools.product((0, 1), repeat=4)]
    nats, kind = model.log_prob(images)
    assert (kind, np.exp(nats).sum()) == ("exact", pytest.approx(1, abs=1e-5))
    alone = np.concatenate([model.log_prob([one])[0] for one in images])
    np.testing.assert_allclose(alone, nats, rtol=1e-5)
    drawn = [tuple(one.content.ravel()) for one in model.sample([None] * 2000, seed=1)]
    share = [drawn.count(tuple(image.ravel())) / 2000 for image in images]
    np.testing.assert_allclose(share, np.exp(nats), atol=0.05)
    assert model.embed(images).shape == (16, 8)


def test_an_imagegpt_with_pickled_or_missing_weights_is_refused(imagegpt, tmp_path):
    from safetensors.torch import load_file, save_file

    _copy_without_safetensors(imagegpt, tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelError, match=r"only pickled weights \(pytorch_model.bin\)"):
        ImageTransformerFolder(tmp_path).open()
    weights = load_file(imagegpt / "model.safetensors")
    weights.pop("lm_head.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"weights lack lm_head.weight"):
        ImageTransformerFolder(tmp_path).open()
