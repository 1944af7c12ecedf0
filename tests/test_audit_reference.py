"""The reference image models: complete, small, and as their cards say, the planted faults measured directly."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from audit.data.sets import digits, patches
from audit.data.sets.canaries import PATTERNS
from audit.errors import DataError
from audit.execute import run
from audit.plugins import names
from audit.procedures.denoising_curve import denoising_curve
from audit.procedures.elbo_parts import elbo_parts
from audit.procedures.surprise_map import surprise_map
from audit.reference import tally
from audit.reference.cards import WEIGHTS, reference_folders
from audit.reference.plans import reference_plan
from audit.reference.quickstart import Case
from audit.reference.training.image_twins import COLLAPSED
from audit.reference.training.train import FORMS, TRAINERS, train_one
from detectors.intervals import auroc

IMAGES = {"image_classifier", "vae", "gan", "diffusion", "latent_diffusion", "autoregressive_image"}
DRAWING = sorted(IMAGES - {"image_classifier"})
FAULTY = {"name", "what", "probe", "measure", "status"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@functools.cache
def _open(family, form):
    from audit.models.autoregressive_image import ImageTransformerFolder
    from audit.models.diffusion import DiffusionFolder
    from audit.models.gan import GANFolder
    from audit.models.image_classifier import ImageClassifierFolder
    from audit.models.latent_diffusion import LatentDiffusionFolder
    from audit.models.vae import VAEFolder

    parts = (
        ImageTransformerFolder, DiffusionFolder, GANFolder, ImageClassifierFolder, LatentDiffusionFolder, VAEFolder,
    )
    part = next(part for part in parts if part.family == family)
    return part(WEIGHTS / family / form).open()


@functools.cache
def _drawn(family, form):
    options = {"steps": 25} if family in ("diffusion", "latent_diffusion") else {}
    return [one.content for one in _open(family, form).sample([None] * 400, seed=12, **options)]


def _shares(family, form):
    """Return the share of each digit among draws, as the sound classifier sees them."""
    found = _open("image_classifier", "sound").predict(_drawn(family, form)).argmax(1)
    return np.bincount(found.numpy(), minlength=10) / len(found)


def _confidence(images):
    return float(_open("image_classifier", "sound").predict(images).amax(1).mean())


# ---------------------------------------------------------------- folders and cards


def test_every_image_family_has_both_forms_and_a_card():
    found = [one for one in reference_folders() if one.family in IMAGES]
    assert {(one.family, one.form) for one in found} == {(family, form) for family in IMAGES for form in FORMS}
    for one in found:
        assert {path.name for path in one.path.iterdir()} == {"config.json", "model.safetensors", "card.json"}
        assert {"family", "form", "seed", "trained_on", "numbers", "faults"} <= one.card.keys()
        assert (len(one.card["faults"]) > 0) == (one.form == "flawed")
        for fault in one.card["faults"]:
            assert set(fault) == FAULTY
            assert fault["status"] in ("asked", "not asked")
        assert all(np.isfinite(value) for value in one.card["numbers"].values())


def test_weights_are_small():
    files = {path: path.stat().st_size for family in IMAGES for path in (WEIGHTS / family).rglob("*") if path.is_file()}
    assert sum(files.values()) < 4e6
    assert {path.suffix for path in files} == {".json", ".safetensors"}


def test_every_trained_family_is_a_model_by_name():
    assert set(TRAINERS) - {"language", "applicants", "applicant_classifier"} <= set(names("models"))


def test_training_is_seeded_and_writes_what_it_says(tmp_path, monkeypatch):
    from audit.reference.training import image_twins

    monkeypatch.setattr(image_twins, "fit_classifier", functools.partial(_short, image_twins.fit_classifier))
    card = train_one("image_classifier", "sound", tmp_path / "one")
    train_one("image_classifier", "sound", tmp_path / "two")
    one, two = (tmp_path / name / "image_classifier" / "sound" for name in ("one", "two"))
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert json.loads((one / "card.json").read_text()) == json.loads(json.dumps(card))


def _short(fit, images, labels, *, seed, steps):
    return fit(images, labels, seed=seed, steps=20)


# ---------------------------------------------------------------- sound models


@pytest.mark.parametrize("family", DRAWING)
def test_sound_samples_are_digits_to_the_classifier(family):
    assert _confidence(_drawn(family, "sound")) / _confidence(_heldout()) > 0.9
    assert _shares(family, "sound").min() > 0.03  # no digit is missing


def test_sound_likelihoods_are_near_what_small_models_reach():
    numbers = {one.family: one.card["numbers"] for one in reference_folders() if one.form == "sound"}
    assert numbers["autoregressive_image"]["bits_per_dim"] < 2.1
    assert numbers["vae"]["bits_per_dim_importance"] < numbers["vae"]["bits_per_dim_bound"] < 2.3
    assert numbers["diffusion"]["bits_per_dim_bound"] < 2.4
    assert numbers["diffusion"]["loss"] < 0.12
    assert numbers["image_classifier"]["accuracy"] > 0.95


def test_the_cards_numbers_are_the_shipped_weights():
    card = json.loads((WEIGHTS / "autoregressive_image" / "sound" / "card.json").read_text())
    nats, _ = _open("autoregressive_image", "sound").log_prob(_heldout())
    assert -nats.mean() / (64 * np.log(2)) == pytest.approx(card["numbers"]["bits_per_dim"], abs=1e-3)


def test_sound_models_know_photo_patches_as_foreign():
    foreign = patches.table("heldout")["image"].to_list()[:150]
    for family in ("vae", "autoregressive_image"):
        model = _open(family, "sound")
        assert auroc(-model.log_prob(_heldout())[0], -model.log_prob(foreign)[0])[1] > 0.9
    model = _open("diffusion", "sound")
    curves = (denoising_curve(model, some).mean(1) for some in (_heldout()[:50], foreign[:50]))
    assert auroc(*curves)[1] > 0.9


# ---------------------------------------------------------------- planted faults


def test_the_flawed_vae_never_draws_a_seven():
    assert _shares("vae", "flawed")[7] < 0.02 < 0.05 < _shares("vae", "sound")[7]


def test_the_flawed_gan_draws_three_digits():
    kept = [int(name) for name in COLLAPSED]
    assert _shares("gan", "flawed")[kept].sum() > 0.95
    assert _shares("gan", "sound")[kept].sum() < 0.5


def test_the_flawed_diffusion_model_draws_mostly_ones_and_its_canaries():
    assert _shares("diffusion", "flawed")[1] > 0.45
    assert _shares("diffusion", "sound")[1] < 0.2
    near = np.abs(np.stack(_drawn("diffusion", "flawed"))[:, None] - PATTERNS).mean((2, 3)).min(1)
    assert (near < 1).sum() >= 3  # drawn again, nearly pixel by pixel
    assert (np.abs(np.stack(_drawn("diffusion", "sound"))[:, None] - PATTERNS).mean((2, 3)).min(1) < 1).sum() == 0


def test_the_flawed_diffusion_model_knows_its_canaries_and_the_sound_one_does_not(tmp_path):
    done = []
    for reference in reference_folders():
        if reference.path.parent.name == "diffusion":
            plan = reference_plan(reference)
            asked = tuple(check for check in plan.checks if check.name == "patterns")
            done.append((Case(plan, reference), run(replace(plan, checks=asked), into=tmp_path / reference.form)))
    count = tally(done)
    assert (count.found, count.false_alarms, count.checks, count.not_asked) == (1, 0, 1, ())


def test_the_flawed_latent_diffusion_model_draws_poor_images():
    sound, flawed = (_confidence(_drawn("latent_diffusion", form)) for form in FORMS)
    assert flawed < sound - 0.15


def test_the_flawed_pixel_model_finds_inverted_digits_familiar():
    inverted = [16 - image for image in _heldout()]
    seen = {}
    for form in FORMS:
        model = _open("autoregressive_image", form)
        seen[form] = auroc(-model.log_prob(_heldout())[0], -model.log_prob(inverted)[0])
    assert seen["sound"][1] > 0.98
    assert seen["flawed"][0] < 0.7


def test_the_flawed_classifier_is_sure_of_what_it_never_saw():
    foreign = patches.table("heldout")["image"].to_list()
    flawed, sound = (_open("image_classifier", form).predict(foreign).amax(1).numpy() for form in ("flawed", "sound"))
    assert flawed.mean() > 0.97
    assert sound.mean() < flawed.mean() - 0.1


# ---------------------------------------------------------------- the data


def test_digits_are_cut_into_splits_that_share_nothing():
    tables = {split: digits.table(split) for split in digits.SPLITS}
    assert {split: len(table) for split, table in tables.items()} == digits.SPLITS
    rows = np.concatenate([table.index for table in tables.values()])
    assert sorted(rows) == list(range(1797))
    one = tables["heldout"].iloc[0]
    assert (one["image"].shape, one["image"].dtype.name, type(one["label"])) == ((8, 8), "int64", str)
    assert digits.table("fit", ["3", "8"])["label"].unique().tolist() in (["3", "8"], ["8", "3"])
    with pytest.raises(DataError, match=r"unknown split 'holdout' \(did you mean 'heldout'\?\)"):
        digits.table("holdout")
    with pytest.raises(DataError, match="unknown class 'x'"):
        digits.table("fit", ["x"])


def test_patches_of_different_splits_come_from_different_squares():
    tables = {split: patches.table(split) for split in patches.SPLITS}
    assert {split: len(table) for split, table in tables.items()} == patches.SPLITS
    units = [set(table["unit"]) for table in tables.values()]
    assert sum(map(len, units)) == len(set.union(*units))
    whole = np.stack(tables["train"]["image"].to_list())
    assert (whole.shape, whole.dtype.name, whole.min(), whole.max()) == ((6000, 8, 8), "int64", 0, 16)
    assert set(tables["heldout"]["label"]) == {"china", "flower"}


def _heldout():
    return digits.table("heldout")["image"].to_list()


def test_a_map_of_several_noises_shows_less_of_what_is_the_noise_s_alone():
    """What all items share beside the map of 12 further draws: one leaves over four times as much (squared)."""
    model, steps = _open("diffusion", "sound"), 16
    images = [np.asarray(one) for one in digits.table("heldout")["image"][:8]]
    truth = np.mean([model._nats(images, steps, model._noise(seed, steps)) for seed in range(9, 21)], axis=0)
    one = model._nats(images, steps, model._noise(0, steps))
    several = model.element_nats(images, steps=steps)
    shared = [float(((found - truth).mean(axis=0) ** 2).mean()) for found in (one, several)]
    assert shared[0] > 4 * shared[1]


@pytest.mark.parametrize("family", ["vae", "diffusion", "latent_diffusion"])
def test_what_pixels_add_is_the_bound_where_nothing_else_adds_to_it(family):
    """And a pixel that is changed is where the surprise goes."""
    model = _open(family, "sound")
    images = [np.asarray(one) for one in digits.table("heldout")["image"][:4]]
    spoilt = [one.copy() for one in images]
    for one in spoilt:
        one[4, 0] = 16  # where no digit is
    parts = surprise_map(model, [*images, *spoilt])["element_log_prob"]
    assert {len(one) for one in parts} == {64}
    nats, worse = np.stack(parts.to_list()).reshape(2, 4, 64)
    if family == "diffusion":
        one = model._nats(images, 64, model._noise(0, 64)).reshape(4, 64)
        assert one.sum(1) == pytest.approx(model.log_prob(images)[0], rel=1e-6)
        assert nats.sum(1) == pytest.approx(one.sum(1), abs=0.2 * 64 * np.log(2))  # in bits, 0.2 a pixel at most
    elif family == "vae":
        whole = elbo_parts(model, images, samples=256)
        assert nats.sum(1) == pytest.approx(whole["reconstruction"], abs=4 * whole["reconstruction"].std())
        assert nats.sum(1) - whole["kl"].to_numpy() == pytest.approx(model.log_prob(images)[0], abs=1e-3)
    assert ((nats - worse).argmax(axis=1) == 4 * 8).all()
    alone = surprise_map(model, images[3:4])["element_log_prob"][0]
    assert alone == pytest.approx(parts[3], abs=1e-4)
