"""Pipelines of diffusers that draw for prompts, made here and tiny: opened, drawn from; unsafe ones are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from image_models import make_flux, make_stable_diffusion
from needs import needs_library

from audit.errors import ModelError
from audit.model import abilities_of
from audit.models.text_to_image import TextToImageFolder

OPTIONS = {"steps": 2, "guidance": 5.0, "size": (32, 32)}
PROMPTS = ["a nurse", "a judge", "a nurse"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    needs_library("diffusers")
    home = tmp_path_factory.mktemp("pipelines")
    return {"sd": make_stable_diffusion(home / "sd"), "flux": make_flux(home / "flux")}


@pytest.mark.parametrize("kind", ["sd", "flux"])
def test_a_pipeline_draws_an_image_for_each_prompt(folders, kind):
    source = TextToImageFolder(folders[kind], **OPTIONS)
    model = source.open()
    assert abilities_of(model) == {"sample"}
    assert (model.name, model.fingerprint) == (kind, source.fingerprint())
    drawn = model.sample(PROMPTS, seed=1)
    assert {(one.content.shape, one.content.dtype.name) for one in drawn} == {((3, 32, 32), "uint8")}
    assert len({one.content.tobytes() for one in drawn}) == 3  # the second draw for a prompt is another
    alone = model.sample(["a nurse"], seed=1, numbers=[1])[0].content
    np.testing.assert_array_equal(alone, drawn[2].content)
    assert not np.array_equal(model.sample(["a nurse"], seed=2)[0].content, drawn[0].content)


def test_what_it_draws_is_what_the_pipeline_itself_draws(folders):
    """The pipeline, asked by its own API with the draw's generator, gives the same levels."""
    import diffusers

    from audit.models.opened.text_to_image import _generator

    (drawn,) = TextToImageFolder(folders["sd"], negative_prompt="blue", **OPTIONS).open().sample(["a cook"], seed=7)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folders["sd"], dtype=torch.float32)
    (image,) = pipeline(
        "a cook", negative_prompt="blue", num_inference_steps=2, guidance_scale=5.0, output_type="pil",
        generator=_generator(7, "a cook", 0),
    ).images  # fmt: skip
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), drawn.content)


def test_settings_of_a_question_come_first_and_a_batch_changes_last_digits_only(folders):
    plain = TextToImageFolder(folders["sd"], **OPTIONS).open()
    many = TextToImageFolder(folders["sd"], batch=3, **OPTIONS).open()
    one, two = (np.stack([d.content for d in m.sample(PROMPTS, seed=1)]).astype(int) for m in (plain, many))
    assert np.abs(one - two).max() <= 1
    other = np.stack([d.content for d in plain.sample(PROMPTS, seed=1, steps=3, guidance=1)])
    assert np.abs(one - other).max() > 1
    with pytest.raises(ModelError, match="no option 'stepz' of a draw"):
        plain.sample(PROMPTS, seed=1, stepz=3)
    with pytest.raises(ModelError, match="draws for a prompt; got none"):
        plain.sample([None], seed=1)


def test_a_setting_that_a_pipeline_does_not_take_is_refused(folders):
    import diffusers

    from audit.models.opened.text_to_image import ImagePipeline

    class Plain(diffusers.DiffusionPipeline):
        def __call__(self, prompt, generator, output_type):
            raise AssertionError

    facts = {"batch": 1, "name": "plain", "fingerprint": "sha256:0", "numerics": {}}
    with pytest.raises(ModelError, match="a Plain takes no negative_prompt; leave it out"):
        ImagePipeline(Plain(), settings={"negative_prompt": "blue"}, **facts)


def test_the_fingerprint_is_of_every_byte_below_the_folder_and_of_the_options(folders, tmp_path):
    copied = shutil.copytree(folders["sd"], tmp_path / "sd")
    source = TextToImageFolder(copied, **OPTIONS)
    before = source.fingerprint()
    assert before == TextToImageFolder(folders["sd"], **OPTIONS).fingerprint()
    assert before != TextToImageFolder(copied, **{**OPTIONS, "guidance": 4.0}).fingerprint()
    schedule = copied / "scheduler" / "scheduler_config.json"
    schedule.write_text(schedule.read_text().replace("0.02", "0.03"))
    assert source.fingerprint() != before


def _index(folder, **changed):
    file = folder / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def _weights(folder, part):
    return next((folder / part).glob("*.safetensors"))


def _without(folder, part):
    from safetensors.torch import load_file, save_file

    file = _weights(folder, part)
    weights = load_file(file)
    del weights[min(key for key in weights if key.endswith("norm1.weight"))]
    save_file(weights, file, metadata={"format": "pt"})


def _setting(folder, part, **changed):
    file = folder / part / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


UNSAFE = {
    "pickle": (lambda f: _weights(f, "unet").rename(f / "unet" / "w.bin"), r"only pickled weights \(w.bin\)"),
    "code": (lambda f: (f / "None.py").write_text("raise SystemExit"), "brings code of its own, which is never run"),
    "own class": (lambda f: _index(f, _class_name=["mine", "Mine"]), "brings code of its own"),
    "no pipeline": (lambda f: _index(f, _class_name="UNet2DModel"), "holds a UNet2DModel; allowed: a pipeline of"),
    "unconditional": (lambda f: _index(f, _class_name="DDPMPipeline"), "draws no image for a prompt alone"),
    "from images": (lambda f: _index(f, _class_name="StableDiffusionInstructPix2PixPipeline"), "no image for a prompt"),
    "other library": (lambda f: _index(f, unet=["os", "system"]), r"is a os.system; allowed: classes of diffusers"),
    "path": (lambda f: _index(f, unet=["diffusers", "../x"]), r"allowed: \[library, class\]"),
    "no part": (lambda f: shutil.rmtree(f / "vae"), "no folder vae"),
    "lacking in the text part": (lambda f: _without(f, "text_encoder"), "weights lack encoder.layers.0.layer_norm1"),
    "lacking in the unet": (lambda f: _without(f, "unet"), "weights lack .*norm1.weight"),
    "kernel": (lambda f: _setting(f, "text_encoder", attn_implementation="some/kernel"), "asks for the kernel"),
    "sizes": (lambda f: _setting(f, "unet", layers_per_block=10**6), "allowed: 2,000 at most"),
    "other weights": (lambda f: _setting(f, "text_encoder", transformers_weights="x.bin"), "names other files"),
    "link": (lambda f: (f / "more").symlink_to("/"), "is no plain file"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAFE)
def test_folders_that_could_run_something_or_lack_something_are_refused(folders, tmp_path, case):
    spoil, told = UNSAFE[case]
    folder = shutil.copytree(folders["sd"], tmp_path / "sd")
    spoil(folder)
    with pytest.raises(ModelError, match=told):
        TextToImageFolder(folder).open()


def test_an_image_that_a_filter_blackened_is_none(folders, monkeypatch):
    model = TextToImageFolder(folders["sd"], **OPTIONS).open()
    made = type(model._pipeline).__call__

    def filtered(self, **asked):
        out = made(self, **asked)
        return type(out)(images=out.images, nsfw_content_detected=[True])

    monkeypatch.setattr(type(model._pipeline), "__call__", filtered)
    drawn = model.sample(PROMPTS, seed=1)
    assert [(one.content, one.finish, one.problem) for one in drawn] == [
        (None, "error", "withheld by the pipeline's own filter")
    ] * 3


@pytest.mark.parametrize(("options", "allowed"), [
    ({"steps": 0}, "steps is 0; allowed: 1 or more"), ({"batch": 0}, "batch is 0"),
    ({"size": (4096, 4096)}, "4,194,304 pixels in all"), ({"size": (0, 8)}, "size is 0 x 8"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(tmp_path, options, allowed):
    with pytest.raises(ValueError, match=allowed):
        TextToImageFolder(tmp_path, **options)
