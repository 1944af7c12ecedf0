"""Small against large: distances by hand, bounds, bad input, and real networks in fewer and fewer bits."""

from __future__ import annotations

import json

import gguf
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy
from tiny_models import CORPUS, make_tiny_gguf, make_tiny_lm

from audit.data.tabular import File
from audit.execute import run
from audit.models.causal_lm import CausalLMFolder
from audit.models.image_classifier import ImageClassifierFolder
from audit.plan import Check, Plan
from audit.probes.efficiency.compressed import Compressed
from audit.record import Limit
from audit.reference.cards import WEIGHTS
from detectors.efficiency.compressed import compared_places, compressed


def ranked(chances, names="abcdefgh", k=None):
    order = np.argsort(-np.asarray(chances))[:k]
    return [names[place] for place in order], np.log(np.asarray(chances)[order]).tolist()


def test_two_places_by_hand():
    large = [None, ranked([0.5, 0.3, 0.2]), ranked([0.5, 0.3, 0.2])]
    small = [None, ranked([0.5, 0.3, 0.2]), ranked([0.2, 0.3, 0.5])]
    flips, divergence, variation, most, places = compared_places(large, small)
    assert (flips, places) == (0.5, 2)
    assert divergence == pytest.approx((0.5 * np.log(2.5) + 0.2 * np.log(0.4)) / 2)
    assert variation == pytest.approx(0.3 / 2) == pytest.approx(most)


@given(st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4)), min_size=8, max_size=8), st.integers(2, 8))
def test_what_is_put_together_only_makes_distances_smaller(logits, k):
    p, q = softmax(np.array(logits), axis=0).T
    _, divergence, variation, most, _ = compared_places([ranked(p, k=k)], [ranked(q, k=k)])
    assert -1e-9 <= divergence <= entropy(p, q) + 1e-9
    assert -1e-9 <= variation <= np.abs(p - q).sum() / 2 + 1e-9 <= most + 2e-9
    if k == 8:
        assert divergence == pytest.approx(entropy(p, q), abs=1e-9)


def test_a_text_that_two_tokens_share_is_in_the_rest():
    twice = (["a", "�", "a"], np.log([0.5, 0.3, 0.1]).tolist())
    assert compared_places([twice], [twice]) == (0, 0, 0, 1, 1)  # none of both names anything that is one token
    other = (["a", "�", "a"], np.log([0.5, 0.1, 0.1]).tolist())
    assert compared_places([twice], [other])[1] == 0


def test_a_limit_on_total_variation_holds_for_what_nobody_named():
    """Two models may be alike in what both name, and apart in all the rest."""
    half = [[(["a", "b"], np.log([0.3, 0.2]).tolist())] for _ in range(400)]
    columns = {f"{side}_{name}": [[one[at] for one in row] for row in half]
               for side in ("large", "small") for at, name in enumerate(("names", "log_probs"))}  # fmt: skip
    told = compressed(observed(400, **columns), level=0.95, rng=np.random.default_rng(0)).measure("total_variation")
    assert told.value == 0
    assert told.low == 0
    assert 0.5 < told.high < 0.6


def observed(size, places=4, **columns):
    one = ranked([0.6, 0.4])
    frame = {
        f"{side}_{name}": [[one[number]] * places for _ in range(size)]
        for side in ("large", "small") for number, name in enumerate(("names", "log_probs"))
    }
    told = {**frame, "large_nats": -4.0, "small_nats": -6.0, **columns}
    return pd.DataFrame(told, index=pd.Index([f"i{n}" for n in range(size)], name="id"))


def test_the_drop_is_told_for_a_place_and_classes_have_none():
    result = compressed(observed(9), level=0.95, rng=np.random.default_rng(0))
    assert result.measure("log_prob_drop").value == pytest.approx(0.5)
    assert result.headline.value == 0
    frame = observed(9, 1, large_nats=None, small_nats=None)
    told = compressed(frame, level=0.95, rng=np.random.default_rng(0), labels=True)
    assert told.measure("log_prob_drop").undefined == "a classifier tells no likelihood of an item"
    assert told.headline.method.startswith("exact binomial")


def test_an_item_without_a_place_widens_the_interval():
    frame = observed(40)
    frame.at["i0", "small_names"] = [None] * 4
    one = compressed(frame, level=0.95, rng=np.random.default_rng(0)).headline
    assert (one.missing, one.n["items"], one.value) == (1, 39, 0)
    assert one.high > compressed(observed(40), level=0.95, rng=np.random.default_rng(0)).headline.high


class Packing(gguf.GGUFWriter):
    """Writes matrices in another number format."""

    kind = gguf.GGMLQuantizationType.F32

    def add_tensor(self, name, tensor, **options):
        if tensor.ndim == 1 or self.kind == gguf.GGMLQuantizationType.F32:
            super().add_tensor(name, tensor)
        else:
            super().add_tensor(name, gguf.quantize(tensor, self.kind), raw_dtype=self.kind)


def texts(folder, lines):
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    return {"items": File(file)}


def finding_of(folder, small, large, data, limit=None, **options):
    plan = Plan("c", (Check("c", Compressed(**options), data, limit=limit),), small, helpers={"large": large})
    return run(plan, into=folder / "audits").record.findings[0]


def test_fewer_bits_flip_more(tmp_path, monkeypatch):
    monkeypatch.setattr(gguf, "GGUFWriter", Packing)
    large = CausalLMFolder(make_tiny_lm(tmp_path / "lm"), threads=1, dtype="float32")
    data, found = texts(tmp_path, CORPUS.splitlines()), {}
    for kind in ("F32", "Q8_0", "Q4_0"):
        monkeypatch.setattr(Packing, "kind", gguf.GGMLQuantizationType[kind])
        small = CausalLMFolder(make_tiny_gguf(tmp_path / f"{kind}.gguf"), threads=1, dtype="float32")
        told = finding_of(tmp_path / kind, small, large, data)
        found[kind] = {one.name: one.value for one in told.measures}
    assert found["F32"] == pytest.approx(dict.fromkeys(found["F32"], 0.0), abs=1e-4)
    for name in ("flip_share", "total_variation", "kl_divergence"):
        assert found["F32"][name] <= found["Q8_0"][name] < found["Q4_0"][name]
    assert found["Q8_0"]["flip_share"] < 0.1 < found["Q4_0"]["flip_share"]


def test_two_classifiers_of_one_set_of_classes(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "images.jsonl"
    file.write_text("".join(json.dumps({"image": rng.integers(0, 17, (8, 8)).tolist()}) + "\n" for _ in range(30)))
    home = WEIGHTS / "image_classifier"
    sound, flawed = (ImageClassifierFolder(home / one, threads=1) for one in ("sound", "flawed"))
    limit = Limit(measure="flip_share", at_most=0.2)
    own = finding_of(tmp_path / "own", sound, sound, {"items": File(file)}, limit, mode="classes")
    other = finding_of(tmp_path / "other", flawed, sound, {"items": File(file)}, limit, mode="classes")
    assert (own.verdict, own.measures[0].value) == ("passed", 0)
    images = [np.array(one) for one in pd.read_json(file, lines=True)["image"]]
    small, large = (np.asarray(one.open().predict(images)) for one in (flawed, sound))
    assert other.measures[0].value == pytest.approx((small.argmax(1) != large.argmax(1)).mean())
    divergence = next(one.value for one in other.measures if one.name == "kl_divergence")
    assert divergence > 0
    assert divergence == pytest.approx(np.mean([entropy(p, q) for p, q in zip(large, small, strict=True)]), abs=1e-4)


def test_a_k_of_one_is_refused():
    with pytest.raises(ValueError, match="k is 1; allowed: 2 or more"):
        Compressed(k=1)
