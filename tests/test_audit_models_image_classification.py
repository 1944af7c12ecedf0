"""Image classifiers of transformers and of scikit-learn: their answers are those of the library itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from audit.data.sets import digits
from audit.errors import ModelError
from audit.model import CanEmbed, CanLogits, CanPredict
from audit.models.classifier import wrap_classifier
from audit.models.image_classifier import ImageClassifierFolder

LABELS = {0: "cat", 1: "dog", 2: "fox"}


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8,
                       patch_size=4, id2label=LABELS, label2id={v: k for k, v in LABELS.items()})  # fmt: skip
    return _saved(tmp_path_factory.mktemp("vit"), ViTForImageClassification, config)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], num_channels=1, id2label=LABELS,
                          label2id={v: k for k, v in LABELS.items()}, layer_type="basic")  # fmt: skip
    path = _saved(tmp_path_factory.mktemp("resnet"), ResNetForImageClassification, config)
    facts = {"image_mean": [0.4], "image_std": [0.2], "size": {"height": 16, "width": 16}}
    (path / "preprocessor_config.json").write_text(json.dumps(facts))
    return path


def _saved(path, kind, config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind(config).eval().save_pretrained(path)
    return path


def _direct(path, x):
    """What transformers says of pixel values [item, channel, row, column]."""
    from transformers import AutoModelForImageClassification

    with torch.inference_mode():
        return AutoModelForImageClassification.from_pretrained(path).eval()(pixel_values=x).logits


def test_a_vit_answers_as_transformers_does(vit):
    model = ImageClassifierFolder(vit, threads=1).open()
    assert isinstance(model, CanPredict)
    assert isinstance(model, CanLogits)
    assert isinstance(model, CanEmbed)
    assert model.classes == ("cat", "dog", "fox")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8))
    wanted = _direct(vit, torch.from_numpy(pixels / 255 * 2 - 1).float())
    torch.testing.assert_close(model.logits(list(pixels)), wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.predict(list(pixels)), wanted.double().softmax(-1), rtol=0, atol=1e-5)
    assert model.embed(list(pixels)).shape == (5, 16)
    floats = [(one / 255 * 2 - 1).astype(np.float32) for one in pixels]
    torch.testing.assert_close(model.logits(floats), wanted, rtol=0, atol=1e-5)


def test_the_features_are_what_the_last_layer_makes_logits_of(resnet):
    from transformers import ResNetForImageClassification

    model = ImageClassifierFolder(resnet, threads=1).open()
    pixels = list(np.random.default_rng(1).integers(0, 256, (4, 16, 16)))
    head = ResNetForImageClassification.from_pretrained(resnet).classifier[-1]
    with torch.inference_mode():
        torch.testing.assert_close(head(model.embed(pixels)), model.logits(pixels), rtol=0, atol=1e-5)


def test_mean_deviation_and_size_come_from_the_preprocessor(resnet):
    model = ImageClassifierFolder(resnet, threads=1).open()
    pixels = np.random.default_rng(2).integers(0, 256, (3, 1, 16, 16))
    wanted = _direct(resnet, torch.from_numpy((pixels / 255 - 0.4) / 0.2).float())
    torch.testing.assert_close(model.logits(list(pixels)), wanted, rtol=0, atol=1e-5)
    flat = np.full((1, 40, 30), 51)
    same = np.full((1, 16, 16), 51)
    torch.testing.assert_close(model.logits([flat]), model.logits([same]), rtol=0, atol=1e-4)


def test_a_grey_image_stands_for_all_colours_and_a_batch_for_its_items(vit):
    model = ImageClassifierFolder(vit, threads=1).open()
    grey = list(np.random.default_rng(3).integers(0, 256, (3, 8, 8)))
    torch.testing.assert_close(model.logits(grey), model.logits([np.stack([one] * 3) for one in grey]))
    torch.testing.assert_close(model.logits(grey)[1:2], model.logits(grey[1:2]), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (np.zeros((2, 8, 8), int), r"shape \[2, 8, 8\]; allowed: \[row, column\], \[1, row, column\] or \[3, row"),
        (np.zeros(8, int), r"shape \[8\]; allowed"),
        (np.full((8, 8), 256), "from 256 to 256; allowed: integers from 0 to 255, or floats from -1 to 1"),
        (np.full((8, 8), 16.0), "from 16 to 16; allowed"),
        (np.full((8, 8), np.nan), "allowed: integers"),
    ],
)
def test_what_is_no_image_is_refused(vit, item, said):
    with pytest.raises(ModelError, match=said):
        ImageClassifierFolder(vit, threads=1).open().predict([item])


def test_folders_that_are_no_image_classifier_are_refused(vit, tmp_path):
    for change, said in (
        ({"architectures": ["ViTModel"]}, "holds a ViTModel; allowed: ...ForImageClassification"),
        ({"problem_type": "multi_label_classification"}, "allowed: one of several classes an item"),
    ):
        path = tmp_path / said[:7]
        path.mkdir()
        (path / "config.json").write_text(json.dumps({**json.loads((vit / "config.json").read_text()), **change}))
        (path / "model.safetensors").write_bytes((vit / "model.safetensors").read_bytes())
        with pytest.raises(ModelError, match=said):
            ImageClassifierFolder(path, threads=1).open()
    (tmp_path / "pytorch_model.bin").touch()
    (tmp_path / "config.json").write_text((vit / "config.json").read_text())
    with pytest.raises(ModelError, match=r"only pickled weights \(pytorch_model.bin\)"):
        ImageClassifierFolder(tmp_path, threads=1).open()


def test_a_scikit_learn_classifier_of_pixels_takes_images():
    """It crashed: `Found array with dim 3, while dim <= 2 is required by LogisticRegression`."""
    table = digits.table("train").iloc[:200]
    pixels = np.stack(list(table["image"]))
    fitted = LogisticRegression(max_iter=300).fit(pixels.reshape(200, -1), table["label"])
    model = wrap_classifier(fitted, name="pixels")
    wanted = fitted.predict_proba(pixels.reshape(200, -1))
    np.testing.assert_array_equal(model.predict(list(pixels)), wanted)
    np.testing.assert_array_equal(model.predict([one[None] for one in pixels]), wanted)
    with pytest.raises(ModelError, match=r"pixels: an item has 16 numbers \(shape \[4, 4\]\); allowed: 64"):
        model.predict([np.zeros((4, 4))])
    with pytest.raises(ModelError, match=r"items have shapes \[4, 4\] and \[8, 8\]; allowed: one shape"):
        model.predict([np.zeros((8, 8)), np.zeros((4, 4))])
