"""CLIP-type folders as classifiers by description: what transformers itself computes, and what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from image_models import clip_tokenizer, make_clip
from PIL import Image

from audit.errors import ModelError
from audit.model import abilities_of
from audit.models.zero_shot_image import ZeroShotImageFolder

LABELS = {"woman": "a photo of a woman", "man": "a photo of a man", "nobody": "an empty room"}
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (3, *size), dtype=np.uint8) for size in ((50, 70), (33, 20), (32, 32))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture(scope="module")
def model(folder):
    return ZeroShotImageFolder(folder, labels=LABELS).open()


def test_it_tells_what_transformers_computes(folder, model):
    """Probabilities by the library's own processor, tokenizer and forward pass."""
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    shown = [Image.fromarray(one.transpose(1, 2, 0)) for one in IMAGES]
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(shown, return_tensors="pt")["pixel_values"]
    described = [LABELS[one] for one in model.classes]
    texts = AutoTokenizer.from_pretrained(folder)(described, padding=True, return_tensors="pt")
    with torch.no_grad():
        out = CLIPModel.from_pretrained(folder)(pixel_values=pixels, **texts)
    assert model.classes == ("man", "nobody", "woman")
    np.testing.assert_allclose(model.logits(IMAGES), out.logits_per_image, atol=1e-4)
    np.testing.assert_allclose(model.predict(IMAGES), out.logits_per_image.softmax(-1), atol=1e-5)
    np.testing.assert_allclose(model.embed(IMAGES), out.image_embeds, atol=1e-5)
    np.testing.assert_allclose(model.embed([LABELS[one] for one in model.classes]), out.text_embeds, atol=1e-5)


def test_abilities_and_one_space_for_images_and_texts(folder, model):
    assert abilities_of(model) == {"predict", "logits", "embed"}
    mixed = model.embed([IMAGES[0], "a photo of a man", IMAGES[1]])
    np.testing.assert_allclose(mixed[[0, 2]], model.embed(IMAGES[:2]))
    np.testing.assert_allclose(mixed.norm(dim=1), np.ones(3))
    assert model.embed([]).shape == (0, 16)
    assert model.predict([]).shape == (0, 3)
    assert abilities_of(ZeroShotImageFolder(folder).open()) == {"embed"}


def test_levels_floats_and_grey_images_are_read_as_meant(model):
    floats = (IMAGES[0] / 127.5 - 1).astype(np.float32)
    np.testing.assert_allclose(model.predict([floats]), model.predict(IMAGES[:1]))
    grey = IMAGES[0][:1]
    np.testing.assert_allclose(model.predict([grey]), model.predict([np.repeat(grey, 3, axis=0)]))
    for bad in (IMAGES[0][:2], IMAGES[0].astype(int) * 2, np.zeros((0, 4), np.uint8)):
        with pytest.raises(ModelError, match="allowed"):
            model.predict([bad])
    with pytest.raises(ModelError, match="sides more alike"):
        model.predict([np.zeros((3, 1, 600_000), np.uint8)])


def test_siglip_is_told_apart_by_its_own_padding(tmp_path):
    from transformers import SiglipConfig, SiglipModel

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}
    text = {"vocab_size": 514, "max_position_embeddings": 24, **sizes, **ends}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vision = {"image_size": 16, "patch_size": 8, **sizes}
        made = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    made.save_pretrained(tmp_path)
    tokenizer = clip_tokenizer(tmp_path / "made")
    tokenizer.save_pretrained(tmp_path)
    shutil.rmtree(tmp_path / "made")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 16, "width": 16}, "resample": 3}))
    model = ZeroShotImageFolder(tmp_path, labels=LABELS).open()
    tokens = tokenizer([LABELS[one] for one in model.classes], padding="max_length", max_length=24, truncation=True,
                       return_tensors="pt")  # fmt: skip
    shown = np.stack([np.asarray(Image.fromarray(one.transpose(1, 2, 0)).resize((16, 16), 3)) for one in IMAGES])
    pixels = torch.from_numpy(shown.transpose(0, 3, 1, 2) / np.float32(127.5) - 1)
    with torch.no_grad():
        out = made.eval()(pixel_values=pixels, input_ids=tokens.input_ids)
    np.testing.assert_allclose(model.predict(IMAGES), out.logits_per_image.softmax(-1), atol=1e-5)


def test_labels_are_in_the_fingerprint_and_their_order_is_not(folder):
    turned = dict(reversed(LABELS.items()))
    before = ZeroShotImageFolder(folder, labels=LABELS).fingerprint()
    assert ZeroShotImageFolder(folder, labels=turned).fingerprint() == before
    assert ZeroShotImageFolder(folder, labels=turned).open().classes == ("man", "nobody", "woman")
    assert ZeroShotImageFolder(folder).fingerprint() != before
    assert ZeroShotImageFolder(folder, labels={**LABELS, "man": "a man"}).fingerprint() != before
    with pytest.raises(ValueError, match="two or more, each with a text"):
        ZeroShotImageFolder(folder, labels={"woman": "a woman"})


SPOILT = {
    "no processor": (lambda f: (f / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
    "huge": (lambda f: (f / "preprocessor_config.json").write_text('{"size": 100000}'), "allowed: 1 to 4096 rows"),
    "odd": (lambda f: (f / "preprocessor_config.json").write_text('{"size": 32, "resample": "x"}'), "cannot be opened"),
    "pickle": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "only pickled weights"),
    "other": (lambda f: (f / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}'),
              "holds a BertModel; allowed: CLIPModel, SiglipModel"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_folders_that_are_no_such_model_are_refused(folder, tmp_path, case):
    spoil, why = SPOILT[case]
    copied = shutil.copytree(folder, tmp_path / "clip")
    spoil(copied)
    with pytest.raises(ModelError, match=why):
        ZeroShotImageFolder(copied, labels=LABELS).open()


def test_images_stand_for_words_in_an_association_test(folder, tmp_path):
    """iEAT (Steed & Caliskan 2021) on its vectors: the effect size as its formula has it."""
    from audit.ask import Asker, Store
    from audit.probes.bias.associations import Associations

    images = [RNG.integers(0, 256, (3, 32, 32), dtype=np.uint8) for _ in range(16)]
    sets = np.repeat(["X", "Y", "A", "B"], 4)
    items = pd.DataFrame({"image": images, "set": sets}, index=pd.Index(map(str, range(16)), name="id"))
    model, probe, store = ZeroShotImageFolder(folder).open(), Associations(), Store(tmp_path / "audit")
    with store.locked():
        door = Asker({"main": model}, store, seed=0, audit="test")
        observed = {"items": probe.observe(door, items, "items")}
    result = probe.judge(observed, level=0.95, rng=np.random.default_rng(0))
    x, y, a, b = np.split(np.asarray(model.embed(images)), 4)
    score = [(one @ a.T).mean(axis=1) - (one @ b.T).mean(axis=1) for one in (x, y)]
    wanted = (score[0].mean() - score[1].mean()) / np.concatenate(score).std(ddof=1)
    assert result.measure("effect_size").value == pytest.approx(wanted)
