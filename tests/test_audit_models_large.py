"""Models in fewer bits, spread over devices or partly on disk, and those that are too large for all of it."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch

from audit.errors import LibraryError, ModelError
from audit.model import Continuation
from audit.models.causal_lm import CausalLMFolder
from audit.models.text import placing
from audit.models.text.placing import Holding, check_fits, stored_weights
from audit.processor import free_memory
from audit.record import ModelRecord

TEXTS = ["The ferry to the island leaves at eight.", "It rains", "대한민국의 수도", Continuation("She asked", " them")]
STEPS = {"int8": 127, "int4": 7}
GROUPS = {"int8": None, "int4": 32}


def part(folder, **options) -> CausalLMFolder:
    return CausalLMFolder(folder, dtype="float32", device="cpu", threads=1, **options)


@pytest.fixture(scope="module")
def whole(tiny_lm):
    return part(tiny_lm).open()


@pytest.fixture(scope="module", params=["int8", "int4"])
def quantised(tiny_lm, request):
    return request.param, part(tiny_lm, quantise=request.param).open()


def network(model):
    return model.scorer.network.model


def linear(model):
    """Names and modules of the matrices that are quantised: all but the head."""
    return [
        (name, one)
        for name, one in network(model).named_modules()
        if isinstance(one, torch.nn.Linear) and name != "lm_head"
    ]


# Fewer bits


def test_every_weight_is_rounded_by_half_a_step_at_most(whole, quantised):
    bits, model = quantised
    before = dict(linear(whole))
    assert len(before) == 14
    for name, one in linear(model):
        exact, rounded = before[name].weight, one.weight.dequantize()
        width = GROUPS[bits] or exact.shape[1]
        parts, wrong = (w.reshape(len(exact), -1, width) for w in (exact, exact - rounded))
        step = parts.abs().amax(-1) / STEPS[bits]
        assert (wrong.abs().amax(-1) <= step / 2 * 1.001).all(), name
        assert len(torch.unique(rounded.reshape(parts.shape)[0, 0])) <= 2 * STEPS[bits] + 2


def test_log_probabilities_are_those_of_the_rounded_weights_and_no_others(whole, quantised, tiny_lm):
    bits, model = quantised
    same = part(tiny_lm).open()
    rounded = {f"{name}.weight": one.weight.dequantize() for name, one in linear(model)}
    with torch.no_grad():
        for name, weight in network(same).named_parameters():
            if name in rounded:
                weight.copy_(rounded[name])
    got, exact = model.log_prob(TEXTS)[0], whole.log_prob(TEXTS)[0]
    np.testing.assert_allclose(got, same.log_prob(TEXTS)[0], atol=2e-3, rtol=1e-4)
    away = np.abs(got - exact).max()
    assert away > 0.01, "what is rounded answers otherwise"
    assert bits == "int4" or (np.abs(got - exact) / np.abs(exact)).max() < 0.01
    drawn = [one.sample(["The"], seed=1, temperature=1.0, max_tokens=6) for one in (model, same)]
    assert drawn[0] == drawn[1]


def test_a_quantised_model_is_another_model_and_the_record_says_so(whole, quantised, tiny_lm):
    bits, model = quantised
    prints = {part(tiny_lm, quantise=kind).fingerprint() for kind in (None, "int8", "int4", "nf4")}
    assert len(prints) == 4
    assert part(tiny_lm).fingerprint() == whole.fingerprint == part(tiny_lm, device_map="auto").fingerprint()
    assert model.fingerprint in prints - {whole.fingerprint}
    assert model.numerics == {**whole.numerics, "quantise": bits}
    told = ModelRecord(name="x", family="causal_lm", modality="text", fingerprint="x", weights=model.weights)
    assert told.quantised
    assert model.weights.startswith(f"{bits} by torchao 0.")


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_a_library_that_is_not_installed_is_named_with_what_brings_it(tiny_lm, bits, monkeypatch):
    monkeypatch.setattr(placing, "find_spec", lambda name: None)
    with pytest.raises(LibraryError, match=f"^quantise {bits} needs .*: pip install ") as caught:
        part(tiny_lm, quantise=bits).open()
    assert caught.value.library == ("torchao" if bits == "int8" else "bitsandbytes")


def test_what_does_not_go_together_is_refused(tiny_lm, tmp_path):
    with pytest.raises(ValueError, match="quantise int8 with device_map disk"):
        part(tiny_lm, quantise="int8", device_map="disk")
    file = tmp_path / "model.gguf"
    file.touch()
    for option in ({"quantise": "int8"}, {"device_map": "auto"}):
        with pytest.raises(ModelError, match="of a GGUF file; allowed: a folder with safetensors"):
            part(file, **option).open()


# Spread


@pytest.mark.parametrize("device_map", ["auto", "disk"])
def test_where_room_is_enough_a_map_changes_nothing(whole, tiny_lm, device_map):
    model = part(tiny_lm, device_map=device_map).open()
    np.testing.assert_array_equal(model.log_prob(TEXTS)[0], whole.log_prob(TEXTS)[0])
    assert model.numerics["device_map"] == device_map


@pytest.mark.parametrize("room", [1_000, 60_000, 120_000, 160_000])
def test_what_does_not_fit_is_read_from_disk_with_equal_scores_and_draws(whole, tiny_lm, monkeypatch, room):
    monkeypatch.setattr(placing, "free_memory", lambda: room)
    model = part(tiny_lm, device_map="disk").open()
    assert "disk" in network(model).hf_device_map.values()
    np.testing.assert_allclose(model.log_prob(TEXTS)[0], whole.log_prob(TEXTS)[0], atol=1e-5)
    for one, other in zip(model.trace(TEXTS), whole.trace(TEXTS), strict=True):
        np.testing.assert_allclose(one["entropy"], other["entropy"], atol=1e-5)
    np.testing.assert_allclose(model.embed(TEXTS), whole.embed(TEXTS), atol=1e-5)
    ask = {"seed": 3, "temperature": 1.0, "max_tokens": 5}
    assert model.sample(["The", "It"], **ask) == whole.sample(["The", "It"], **ask)


# Too large


def header(folder, tensors):
    """Write the header of a safetensors file that has no weights at all behind it."""
    told = {name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in tensors.items()}
    data = json.dumps({"__metadata__": {"format": "pt"}, **told}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(data)) + data)
    return folder


NF4 = "quantise nf4 (1.7 GB)"
LARGE = {
    "model.embed_tokens.weight": [100_000, 1_000],
    "lm_head.weight": [100_000, 1_000],
    "model.layers.0.mlp.up_proj.weight": [1_000_000, 1_800],
    "model.norm.weight": [1_000],
}


@pytest.mark.parametrize(
    ("holding", "free", "wanted", "allowed"),
    [
        (Holding("float32", "cpu"), 7e9, "8 GB", ["dtype bfloat16 (4 GB)", "quantise int8 (2.6 GB)", NF4]),
        (Holding("float32", "cpu"), 3e9, "8 GB", ["quantise int8 (2.6 GB)", NF4]),
        (Holding("bfloat16", "cpu"), 3e9, "4 GB", ["quantise int8 (2.2 GB)", "quantise nf4 (1.3 GB)"]),
        (Holding("bfloat16", "cpu", "int8"), 2e9, "2.2 GB", ["quantise nf4 (1.3 GB)"]),
        (Holding("bfloat16", "cpu", "int4"), 1e9, "2.2 GB", []),
        (Holding("bfloat16", "cpu", None, "auto"), 1e9, "4 GB", []),
    ],
)
def test_too_large_a_model_is_refused_with_what_would_fit(tmp_path, monkeypatch, holding, free, wanted, allowed):
    folder = header(tmp_path, LARGE)
    assert stored_weights(folder) == (1_800_000_000, 200_001_000)
    monkeypatch.setattr(placing, "free_memory", lambda: int(free))
    with pytest.raises(ModelError) as caught:
        check_fits("large", folder, holding)
    line = str(caught.value)
    assert line.startswith(f"large: {wanted} of weights as {holding.dtype}")
    assert f"and {free / 1e9:g} GB of memory are free; allowed: {', '.join([*allowed, 'device_map disk'])}" in line
    assert "\n" not in line
    check_fits("large", folder, Holding(holding.dtype, "cpu", None, "disk"))
    monkeypatch.setattr(placing, "free_memory", lambda: None)
    check_fits("large", folder, holding)


def test_nothing_is_loaded_of_a_model_that_is_too_large(tiny_lm, monkeypatch):
    monkeypatch.setattr(placing, "free_memory", lambda: 100_000)
    monkeypatch.setattr("audit.models.text.weights.open_folder", None)
    with pytest.raises(ModelError, match=r"173 kB of weights as float32, and 100 kB of memory are free; allowed: "):
        part(tiny_lm).open()


@pytest.mark.parametrize("said", [None, b"[]", b"{", b'{"a": {}}', b'{"a": {"shape": 3}}'])
def test_a_header_that_is_none_is_told(tmp_path, said):
    data = b"\xff" * 8 if said is None else struct.pack("<Q", len(said)) + said
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match="no header of safetensors"):
        stored_weights(tmp_path)


def test_free_memory_is_the_least_of_what_the_system_and_its_group_have_left(tmp_path):
    facts = tmp_path / "meminfo"
    facts.write_text("MemTotal: 9 kB\nMemAvailable:    8000 kB\n")
    assert free_memory(tmp_path, facts) == 8_192_000
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert free_memory(tmp_path, facts) == 4_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path, facts) == 8_192_000
    assert free_memory(tmp_path, tmp_path / "none") is None
