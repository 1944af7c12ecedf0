"""What is trained against another network, or after one: GANs and latent diffusion models of `dokimasia fit`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load
from scipy.integrate import quad
from scipy.stats import norm

from audit import plugins
from audit.ask.questions import can_answer
from audit.data.sets import digits
from audit.models.opened.gan import GANNetwork
from audit.procedures.f_anogan import f_anogan
from audit.trainer import Budget, Lesson
from audit.trainers.images import GANTrainer, LatentTrainer
from audit.trainers.loop import Held, seeded
from audit.trainers.stages import energy_distance, oppose


@pytest.fixture(scope="module")
def lesson():
    table = digits.table("train", ["0", "1"])
    return Lesson(table[::2], table[1::2], (0.0, 16.0), 3)


@pytest.fixture(scope="module")
def plain(lesson):
    """A GAN without an encoder."""
    return GANTrainer(hidden=64, latent=8).fit(lesson, Budget(steps=200, every=50, threads=1))


def opened(fitted, family, home):
    for name, data in fitted.files.items():
        (home / name).write_bytes(data)
    return plugins.open_model(family, path=home, threads=1)


def images_of(part):
    return [np.asarray(one) for one in part["image"]]


def test_the_energy_distance_is_the_integral_of_the_squared_gap_between_distributions():
    rng = np.random.default_rng(0)
    wanted, _ = quad(lambda at: (norm.cdf(at) - norm.cdf(at, 1.5, 2)) ** 2, -12, 14)
    x, y = (torch.from_numpy(rng.normal(*told, (2000, 1))) for told in ((0, 1), (1.5, 2)))
    assert float(energy_distance(x, y)) == pytest.approx(wanted, abs=0.02)
    assert float(energy_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]]))) == 1 - 2 / 2
    alike = [float(energy_distance(*torch.from_numpy(rng.normal(size=(2, 30, 3))))) for _ in range(300)]
    assert abs(np.mean(alike)) < 4 * np.std(alike) / np.sqrt(300)  # without bias: 0 on average, not above


def test_a_gan_keeps_what_draws_nearest_to_held_out_images(lesson, plain, tmp_path):
    losses = {look.step: look.validation for look in plain.looks}
    assert losses[plain.best] == min(losses.values()) < losses[50] / 2
    model = opened(plain, "gan", tmp_path)
    held = torch.from_numpy(np.stack(images_of(lesson.validation))).flatten(1)
    drawn = torch.from_numpy(np.stack([one.content for one in model.sample([None] * 400, seed=5)])).flatten(1)
    in_unit = energy_distance(drawn.float(), held.float()) * 2 / 17  # other noise, and draws in whole levels
    assert float(in_unit) == pytest.approx(min(losses.values()), abs=0.15)
    again = GANTrainer(hidden=64, latent=8).fit(lesson, Budget(steps=200, every=50, threads=1))
    assert again.files == plain.files
    assert not can_answer(model, "f_anogan")


def test_an_encoder_is_trained_to_a_finished_gan_and_tells_at_once_what_inversion_looks_for(lesson, plain, tmp_path):
    fitted = GANTrainer(hidden=64, latent=8, encoder=True).fit(lesson, Budget(steps=200, every=50, threads=1))
    weights, without = (load(one.files["model.safetensors"]) for one in (fitted, plain))
    assert {name.partition(".")[0] for name in weights.keys() - without.keys()} == {"encoder"}
    losses = {look.step: look.validation for look in fitted.looks}
    assert losses[fitted.best] == min(losses.values()) < losses[50]
    assert len(fitted.earlier) == 4
    model = opened(fitted, "gan", tmp_path)
    held = images_of(lesson.validation)
    found = f_anogan(model, held)
    assert found.mean().sum() == pytest.approx(min(losses.values()), rel=1e-4)
    infer = model.infer
    model.infer = lambda x: infer(x).roll(1, 0)  # the codes of other images
    assert f_anogan(model, held).mean().sum() > 1.3 * found.mean().sum()
    model.infer = infer
    upside = f_anogan(model, [16 - one for one in held])
    assert (upside.sum(axis=1).to_numpy() > found.sum(axis=1).to_numpy()).mean() > 0.95


def test_a_gan_that_gets_worse_is_stopped_and_what_was_best_is_kept():
    told = iter([3.0, 1.0, 2.0, 2.0, 2.0])
    seen = []
    with seeded(0):
        network = GANNetwork(4, 4, 2, 8)

        def look():
            seen.append(network.generator[0].weight.clone())
            return torch.tensor(next(told))

        course = oppose(network, torch.randint(0, 4, (32, 16)), 100, held=Held(look, Budget(every=5, patience=2)))
    assert (course.stopped, course.best, [look.step for look in course.looks]) == ("patience", 10, [5, 10, 15, 20])
    assert torch.equal(network.generator[0].weight, seen[1])


def test_latents_are_standardised_and_both_stages_are_told(lesson, tmp_path):
    trainer = LatentTrainer(latent=4, hidden=32, width=32, blocks=1)
    fitted = trainer.fit(lesson, Budget(steps=120, every=40, threads=1))
    assert [look.step for look in fitted.earlier] == [look.step for look in fitted.looks] == [40, 80, 120]
    assert fitted.earlier[-1].validation < fitted.earlier[0].validation
    assert fitted.looks[-1].validation < 1.0  # of a denoiser that knows nothing
    model = opened(fitted, "latent_diffusion", tmp_path)
    mean, std = model.encode(model.autoencoder.prepare(images_of(lesson.train)))
    whole = mean + std * torch.from_numpy(np.random.default_rng(0).normal(size=std.shape)).float()
    whole = (whole - model.network.shift) * model.network.scale
    assert torch.allclose(whole.mean(0), torch.zeros(4), atol=0.15)
    assert torch.allclose(whole.std(0), torch.ones(4), atol=0.15)
    nats, kind = model.log_prob(images_of(lesson.validation)[:8])
    assert (kind, bool(np.isfinite(nats).all())) == ("lower_bound", True)
    assert json.loads(fitted.files["config.json"])["family"] == "latent_diffusion"


def test_the_first_stage_leaves_half_of_the_time(lesson):
    """Without time each stage ends at its first look."""
    fitted = LatentTrainer(latent=2, hidden=8, width=8, blocks=1).fit(lesson, Budget(steps=50, seconds=0.0, threads=1))
    assert ([one.step for one in fitted.earlier], [one.step for one in fitted.looks]) == ([1], [1])
    assert fitted.stopped == "time"
