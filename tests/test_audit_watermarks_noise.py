"""Marks in the noise that our generators begin with: draws that are the model's own, found again, wrong keys silent."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from every_probe import in_range
from needs import needs_library
from scipy.stats import binom

import audit
from audit import plugins
from audit.ask.questions import answer
from audit.data.generated import Made
from audit.errors import AbilityError, UsageError
from audit.execute import run
from audit.integrity import recompute
from audit.model import CanStart
from audit.models.diffusion import DiffusionFolder
from audit.models.opened.draws import normals
from audit.models.table import OutputTable
from audit.models.vae import VAEFolder
from audit.plan import Check, Plan
from audit.probes.provenance.image_mark import MarkedImages
from audit.procedures.marked_images import marked_images
from audit.procedures.starting_noise import PROCEDURE, starting_noise
from audit.record import Limit
from audit.watermarks.image import GaussianShading, MarksNoise, TreeRing
from detectors.changes.pixels import compressed
from detectors.provenance.image.latent import ringed_p, shading

WEIGHTS = Path(audit.__file__).parent / "reference" / "weights"
POOLED = {"diffusion": 2, "gan": 8, "vae": 32, "latent_diffusion": 64}
"""Images taken together, of which the mark is found in every set; `benchmarks/provenance.py latent` has the shares."""
KEY, SETS = b"the key", 2
ONE = np.zeros(1, dtype=bool)


@pytest.fixture(scope="module")
def opened():
    return {name: plugins.open_model(name, path=str(WEIGHTS / name / "sound")) for name in POOLED}


def drawn(model, mark, count):
    steps = {"steps": 25} if "diffusion" in model.family else {}
    options = {"use": mark.variant, **dataclasses.asdict(mark)}
    told = marked_images(model, [None] * count, mark=options, key=KEY.hex(), seed=3, numbers=range(count), **steps)
    assert told["problem"].isna().all()
    return [np.array(one) for one in told["content"]]


@pytest.mark.parametrize("name", POOLED)
def test_what_is_drawn_from_its_noise_is_what_a_model_draws(name, opened):
    model = opened[name]
    assert isinstance(model, CanStart)
    noise = normals(5, range(3), model.noise_shape).numpy()
    one, two = model.sample([None] * 3, seed=5), model.sample_from(noise, seed=5)
    assert [a.content.tolist() for a in one] == [b.content.tolist() for b in two]
    assert [a.elements for a in one] == [b.elements for b in two]


def wrong_keys(found, group):
    """Return the p-value of 200 keys that were not used, over all images together, by the signs of their noise."""
    keys, count = [b"wrong %d" % n for n in range(200)], len(found)
    right = [sum(shading(found[n], ONE, key, n.to_bytes(4)).matches for n in range(count)) for key in keys]
    return binom.sf(np.array(right) - 1, count * found[0].size, 0.5)


@pytest.mark.parametrize("name", POOLED)
def test_signs_are_found_after_compression_and_two_hundred_wrong_keys_are_not(name, opened):
    model, group = opened[name], POOLED[name]
    made = drawn(model, GaussianShading(streams=1 << 16), SETS * group)
    coded = [np.rint(16 * compressed(one / 16, quality=90)).astype(int) for one in made]
    found = starting_noise(model, coded)
    assert found.shape == (len(made), *model.noise_shape)
    right = np.array([shading(one, ONE, KEY, n.to_bytes(4)).matches for n, one in enumerate(found)])
    p = binom.sf(right.reshape(SETS, group).sum(1) - 1, group * found[0].size, 0.5)
    assert (p <= 1e-3).all(), p
    wrong = wrong_keys(found, group)
    for level in (0.01, 0.1, 0.5):
        assert (wrong <= level).sum() <= binom.ppf(0.9999, len(wrong), level)


def test_waves_are_found_after_compression_and_two_hundred_wrong_keys_are_not(opened):
    model = opened["diffusion"]
    found = starting_noise(model, drawn(model, TreeRing(), 32))
    assert max(ringed_p(four, KEY, 3) for four in found.reshape(8, 4, 8, 8)) <= 1e-3
    wrong = np.array([ringed_p(found[:8], b"wrong %d" % n, 3) for n in range(200)])
    for level in (0.01, 0.1, 0.5):
        assert binom.ppf(1e-4, 200, level) <= (wrong <= level).sum() <= binom.ppf(0.9999, 200, level)
    coded = [np.rint(16 * compressed(one / 16, quality=90)).astype(int) for one in drawn(model, TreeRing(), 32)]
    assert ringed_p(starting_noise(model, coded), KEY, 3) <= 1e-3


@pytest.mark.parametrize("mark", [GaussianShading(), TreeRing()])
def test_a_mark_is_read_in_the_noise_behind_one_image(mark, opened):
    assert isinstance(mark, MarksNoise)
    model = opened["diffusion"]
    found = starting_noise(model, drawn(model, mark, 20))
    right, wrong = np.array([[one.log10_p for one in mark.read(image, [KEY, b"wrong"])] for image in found]).T
    assert np.mean(right <= -2) >= 0.5
    assert np.mean(wrong <= -2) <= 0.1
    assert np.isnan([one.log10_p for one in mark.read(np.full((8, 8), np.nan), [KEY])]).all()


def test_draws_depend_on_seed_and_number_alone_and_streams_come_in_turn():
    mark = GaussianShading(streams=2)
    noise = mark.begun((8, 8), KEY, seed=1, numbers=[0, 1, 2])
    np.testing.assert_array_equal(mark.begun((8, 8), KEY, seed=1, numbers=[2]), noise[2:])
    same = [((noise[a] > 0) == (noise[b] > 0)).mean() for a, b in ((0, 2), (0, 1))]
    assert same[0] == 1 > 0.8 > same[1]
    ringed = TreeRing(2).begun((3, 8, 8), KEY, seed=1, numbers=[0])
    assert ringed_p(ringed[:, 0], KEY, 2) < 0.01 < ringed_p(ringed[:, 1], KEY, 2)


def test_noise_that_is_no_plane_has_no_waves_and_a_text_model_no_noise(opened, tiny_lm):
    with pytest.raises(UsageError, match=r"shape \[16\]; tree-ring of radius 3 needs a square"):
        TreeRing().begun((16,), KEY, seed=1, numbers=[0])
    with pytest.raises(UsageError, match="streams is 0; allowed"):
        GaussianShading(0)
    model = plugins.open_model("causal_lm", path=str(tiny_lm))
    with pytest.raises(AbilityError, match="does not begin with noise that can be put in and found again"):
        answer(model, "starting_noise", [np.zeros((8, 8))], seed=0, options={})


def test_a_pipeline_of_diffusers_is_read_through_its_own_steps(tmp_path):
    """Of random weights, so that images say little; what is asked is the way there and back."""
    diffusers = needs_library("diffusers")
    kind = {"block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4,
            "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(sample_size=16, in_channels=1, out_channels=1, **kind)
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(num_train_timesteps=100)).save_pretrained(tmp_path / "ddpm")
    model = plugins.open_model("diffusion", path=str(tmp_path / "ddpm"))
    assert PROCEDURE.answers(model)
    assert model.noise_shape == (1, 16, 16)
    for mark in (GaussianShading(), TreeRing(5)):
        found = starting_noise(model, drawn(model, mark, 4))
        assert found.shape == (4, 1, 16, 16)
        read = [[one.log10_p for one in mark.read(image, [KEY, b"wrong"])] for image in found]
        assert max(right for right, _ in read) < -3 < min(wrong for _, wrong in read)


# ---------------------------------------------------------------- an audit of a mark in noise


@pytest.mark.parametrize(("form", "radius", "verdict"), [("sound", 3, "passed"), ("flawed", 1, "failed")])
def test_the_audit_puts_waves_into_what_the_reference_diffusion_draws(form, radius, verdict, tmp_path):
    """Waves up to a radius of 3 are found in single images; four numbers are too few."""
    mark = {"use": "tree-ring", "radius": radius}
    probe = MarkedImages(images="marked", mark=mark, alpha=0.01, levels=17, sampling={"steps": 25})
    assert (probe.needs, probe.estimate(10)) == ({"marked_images", "starting_noise"}, 30)
    check = Check("mark", probe, {"items": Made("digits", "heldout", where={"label": ["3"]})},
                  Limit(measure="detection_rate", at_least=0.5))  # fmt: skip
    model = DiffusionFolder(WEIGHTS / "diffusion" / form, threads=1)
    audit = run(Plan("A mark in noise", (check,), model=model, seed=1), into=tmp_path)
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == (verdict, {"positive": True, "negative": True})
    measures = {one.name: one for one in finding.measures if one.group is None}
    assert measures["other_key_rate"].value <= 0.15
    assert measures["psnr"].undefined is not None  # there is no image that was there before
    assert recompute(audit, {"mark": probe}) > 5


def test_the_audit_reads_images_of_a_small_vae_together_and_says_how_many_it_takes(tmp_path):
    """One image of 8 numbers says nothing; what sets of them say is in the record, under another key too.

    A key of one pattern would have 8 signs for them all: p of no set could lie below 2^-8.
    """
    probe = MarkedImages(images="marked", mark={"use": "gaussian-shading", "streams": 64}, alpha=1e-3, levels=17,
                         together=(4, 32), promise_power=0.5, promise_alpha=1e-3)  # fmt: skip
    check = Check("mark", probe, {"items": Made("digits", "heldout")}, Limit(measure="images_needed", at_most=32))
    audit = run(Plan("Images together", (check,), model=VAEFolder(WEIGHTS / "vae" / "sound", threads=1), seed=1),
                into=tmp_path)  # fmt: skip
    (finding,) = audit.record.findings
    assert finding.verdict == "passed"
    assert {"images_needed", "power_together", "other_key_power_together"} <= in_range(probe, finding.measures)
    measures = {(one.name, one.group): one for one in finding.measures}
    assert measures["images_needed", None].value == 32
    assert measures["detection_rate", None].value <= 0.1
    assert measures["power_together", "32 images"].value > measures["power_together", "4 images"].value
    for size in ("4 images", "32 images"):
        loud = measures["other_key_power_together", size]
        assert loud.value * loud.n["units"] <= binom.ppf(0.9999, loud.n["units"], 1e-3)
    assert recompute(audit, {"mark": probe}) > 5


def test_a_mark_that_is_read_in_one_image_at_a_time_is_not_read_together(tmp_path):
    probe = MarkedImages(images="marked", mark={"use": "image-lowest-bit"}, levels=17, together=(4,))
    check = Check("mark", probe, {"items": Made("digits", "heldout", where={"label": ["3"]})})
    (tmp_path / "outputs.jsonl").write_text('{"prompt": "a", "output": "b"}\n', "utf-8")
    plan = Plan("A mark", (check,), model=OutputTable(tmp_path / "outputs.jsonl"))
    (finding,) = run(plan, into=tmp_path / "audits").record.findings
    assert finding.verdict == "crashed"
    assert "together goes with marks in starting noise" in finding.why


def test_a_mark_in_noise_is_put_into_no_image_that_is_there(tmp_path):
    check = Check("mark", MarkedImages(images="marked", mark={"use": "tree-ring"}, levels=17),
                  {"items": Made("digits", "heldout", where={"label": ["3"]})})  # fmt: skip
    model = OutputTable(tmp_path / "outputs.jsonl")
    (tmp_path / "outputs.jsonl").write_text('{"prompt": "a", "output": "b"}\n', "utf-8")
    (finding,) = run(Plan("A mark", (check,), model=model), into=tmp_path / "audits").record.findings
    assert finding.verdict == "skipped"
    assert "does not begin with noise that can be put in" in finding.why
