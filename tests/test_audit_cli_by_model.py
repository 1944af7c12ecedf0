"""`mark image --model` and `detect image --model`: what a generator of ours draws with a mark, found again in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from needs import needs_library
from PIL import Image
from typer.testing import CliRunner

import audit
from audit.cli.marking import detect, mark
from audit.errors import UsageError
from audit.watermarks.keys import make_mark_key, read_mark_key, write_mark_key

WEIGHTS = Path(audit.__file__).parent / "reference" / "weights"


def asked(app, *words):
    return CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("by-model")
    for name in ("own", "other"):
        key = make_mark_key("gaussian-shading", secret=name.encode(), parameters={"streams": 16})
        write_mark_key(home / f"{name}.dokimasia-key", key)
    return home


def drawn(home, family, count, **options):
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    done = asked(mark, "image", "--model", WEIGHTS / family / "sound", "--key", home / "own.dokimasia-key", "--out",
                 home / family, "--count", count, "--json", *words)  # fmt: skip
    return [*map(Path, json.loads(done.stdout)["files"])]


def told(home, family, files, key="own"):
    done = asked(detect, "image", *files, "--model", WEIGHTS / family / "sound", "--key",
                 home / f"{key}.dokimasia-key", "--json")  # fmt: skip
    return json.loads(done.stdout)


def test_a_new_key_of_a_mark_in_noise_holds_its_options(home):
    asked(mark, "key", home / "new.dokimasia-key", "--variant", "tree-ring")
    key = read_mark_key(home / "new.dokimasia-key")
    assert (key.variant, key.parameters, len(key.secret)) == ("tree-ring", {"radius": 3}, 32)


def test_what_a_diffusion_draws_is_found_in_single_files_and_under_no_other_key(home):
    files = drawn(home, "diffusion", 6, seed=1, steps=25)
    assert [one.name for one in files] == [f"{n}.png" for n in range(6)]
    assert b"trainedAlgorithmicMedia" in files[0].read_bytes()
    own, other = told(home, "diffusion", files), told(home, "diffusion", files, "other")
    assert np.median([one["log10_p"] for one in own["images"]]) < -3
    assert own["together"]["found"]
    assert own["together"]["log10_p"] < -20
    assert own["together"]["key"]["id"] == read_mark_key(home / "own.dokimasia-key").id
    assert not other["together"]["found"]
    assert other["together"]["log10_p"] > -3


def test_of_a_small_vae_all_files_together_say_what_none_says_alone(home):
    files = drawn(home, "vae", 64, seed=1)
    own = told(home, "vae", files)
    assert not any(one["found"] for one in own["images"])
    assert own["together"]["found"]
    some = told(home, "vae", files[:6])["together"]
    assert not some["found"]
    assert 0 < some["more"] < 58
    assert not told(home, "vae", files, "other")["together"]["found"]


def test_an_image_of_another_size_is_told_and_the_others_are_read(home):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(home / "large.png")
    files = drawn(home, "gan", 2, seed=1)
    done = asked(detect, "image", *files, home / "large.png", "--model", WEIGHTS / "gan" / "sound", "--key",
                 home / "own.dokimasia-key")  # fmt: skip
    assert done.exit_code == 2
    assert "all 2 together" in done.stdout


def test_a_pipeline_of_diffusers_marks_and_is_read_in_colour(home):
    """Of random weights; its images are numbers of -1 to 1."""
    diffusers = needs_library("diffusers")
    kind = {"block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4,
            "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(sample_size=16, in_channels=3, out_channels=3, **kind)
    folder, key = home / "ddpm", home / "own.dokimasia-key"
    diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(num_train_timesteps=100)).save_pretrained(folder)
    done = asked(mark, "image", "--model", folder, "--key", key, "--out", home / "colour", "--count", 2,
                 "--steps", 25, "--json")  # fmt: skip
    files = json.loads(done.stdout)["files"]
    with Image.open(files[0]) as image:
        assert (image.size, image.mode) == ((16, 16), "RGB")
    found = json.loads(asked(detect, "image", *files, "--model", folder, "--key", key, "--json").stdout)
    assert all(one["found"] for one in found["images"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("image", "--key", "own", "--out", "new"), "name one of both: an image, or --model"),
        (("image", "--model", "vae", "--key", "spread", "--out", "new"), "a key of image-spread; a model marks"),
        (("image", "--model", "language", "--key", "own", "--out", "new"), "begins with no noise that can be put in"),
        (("image", "--model", "vae", "--key", "own", "--out", "new", "--count", "0"), "--count is 0; allowed: 1 to"),
        (("image", "--model", "vae", "--key", "own", "--out", "."), "there already; name a new folder"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(words, said, home):
    if not (spread := home / "spread.dokimasia-key").exists():
        asked(mark, "key", spread)
    places = {"own": home / "own.dokimasia-key", "spread": spread, "new": home / "none", ".": home,
              "vae": WEIGHTS / "vae" / "sound", "language": WEIGHTS / "language" / "sound"}  # fmt: skip
    with pytest.raises(UsageError, match=said):
        asked(mark, *(places.get(word, word) for word in words))
    assert not (home / "none").exists()
