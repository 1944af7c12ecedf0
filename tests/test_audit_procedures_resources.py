"""Counts against closed forms worked out here, bytes against the headers of files, a process's life, and counters."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from tiny_models import CONTEXT, VOCABULARY, make_tiny_gguf, make_tiny_lm

from audit.errors import ModelError
from audit.models.causal_lm import CausalLMFolder
from audit.models.vae import VAEFolder
from audit.plugins import build
from audit.procedures.counted_work import PROCEDURE, counted_work, networks_of
from audit.procedures.energy import counters, joules_of
from audit.procedures.footprint import footprint
from audit.reference.cards import WEIGHTS

TEXT = "The ferry to the island leaves at eight."
IMAGE = np.zeros((8, 8), int)


def header(file):
    """Return (numbers, bytes) that the header of a safetensors file tells."""
    data = file.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    told = {name: one for name, one in json.loads(data[8 : 8 + size]).items() if name != "__metadata__"}
    ends = [one["data_offsets"] for one in told.values()]
    return sum(int(np.prod(one["shape"])) for one in told.values()), sum(end - start for start, end in ends)


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    source = CausalLMFolder(make_tiny_lm(tmp_path_factory.mktemp("lm")), threads=1, dtype="float32")
    return source, source.open()


def test_a_transformer_of_two_layers_by_hand(lm):
    """Width 32, 4 heads of 8, 2 of keys; inner width 64. A token meets each matrix once, attention all before it."""
    source, model = lm
    told = counted_work(model, [TEXT], ability="log_prob", seed=0, source=source).iloc[0]
    layer = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64
    embedded, head = VOCABULARY * 32, VOCABULARY * 32
    assert told["matrices"] == 2 * layer + head
    assert told["parameters"] == embedded + head + 2 * (layer + 2 * 32) + 32
    read = len(model.tokenise([TEXT])[0]) - 1
    assert told["tokens"] == read < CONTEXT
    attention = 2 * 2 * 2 * read * read * 32  # layers; queries by keys, weights by values; a product and a sum
    assert told["flops"] == 2 * told["matrices"] * read + attention


def test_bytes_are_those_of_the_file_or_of_what_it_was_unpacked_to(lm, tmp_path):
    source, model = lm
    told = counted_work(model, [TEXT], ability="log_prob", seed=0, source=source).iloc[0]
    file = source.path / "model.safetensors"
    assert (told["parameters"], told["weight_bytes"]) == header(file)
    assert told["stored_bytes"] == file.stat().st_size
    packed = CausalLMFolder(make_tiny_gguf(tmp_path / "tiny.gguf"), threads=1, dtype="bfloat16")
    half = counted_work(packed.open(), [TEXT], ability="log_prob", seed=0, source=packed).iloc[0]
    assert half["parameters"] == told["parameters"]
    assert half["weight_bytes"] == told["weight_bytes"] / 2
    assert half["stored_bytes"] == packed.path.stat().st_size


def test_weights_that_two_layers_share_count_once():
    class Tied:
        name = "tied"

        def __init__(self):
            self.numerics, self.classes = {"device": "cpu"}, tuple(map(str, range(50)))
            first, last = torch.nn.Embedding(50, 8), torch.nn.Linear(8, 50, bias=False)
            last.weight = first.weight
            self.parts = [torch.nn.Sequential(first, last)]

        def predict(self, items):
            with torch.inference_mode():
                return self.parts[0](torch.tensor([1])).softmax(-1)

    told = counted_work(Tied(), ["x"], ability="predict", seed=0).iloc[0]
    assert (told["parameters"], told["weight_bytes"], told["matrices"]) == (400, 1600, 400)
    assert told["flops"] == 2 * 8 * 50
    assert told["stored_bytes"] is None


def test_a_bound_over_sixteen_draws_is_one_encoder_and_sixteen_decoders():
    source = VAEFolder(WEIGHTS / "vae" / "sound", threads=1)
    model = source.open()
    encoder = 64 * 128 + 128 * 128 + 128 * 16
    decoder = 8 * 128 + 128 * 128 + 128 * 64 * 17
    scored, drawn = (
        counted_work(model, [one], ability=ability, seed=0)["flops"].item()
        for one, ability in ((IMAGE, "log_prob"), (None, "sample"))
    )
    assert (scored, drawn) == (2 * (encoder + 16 * decoder), 2 * decoder)


@pytest.mark.parametrize(
    ("family", "kind"),
    [(one, one) for one in ("vae", "gan", "diffusion", "latent_diffusion", "autoregressive_image",
                            "autoregressive_series", "image_classifier")] + [("language", "causal_lm")],
)  # fmt: skip
def test_every_family_holds_the_numbers_of_its_file(family, kind):
    folder = WEIGHTS / family / "sound"
    networks = networks_of(build("models", kind, {"path": str(folder), "threads": 1}).open())
    held = {id(one): one for network in networks for one in network.state_dict(keep_vars=True).values()}
    assert sum(one.numel() for one in held.values()) == header(folder / "model.safetensors")[0]


def test_what_computes_nothing_here_is_told():
    class Table:
        name = "table"

    assert not PROCEDURE.answers(Table())
    Table.numerics = {}
    with pytest.raises(ModelError, match="table: its work cannot be counted: it has no network of torch"):
        counted_work(Table(), ["x"], ability="log_prob", seed=0)


def test_a_process_of_its_own_tells_its_peak_and_a_model_given_opened_has_none():
    source = VAEFolder(WEIGHTS / "vae" / "sound", threads=1)
    model, held = source.open(), np.ones(60_000_000)  # 480 MB of the parent, which a child must not be charged with
    told = footprint(model, [IMAGE], source=source).iloc[0]
    assert 0 < told["empty_bytes"] < told["peak_bytes"] < told["empty_bytes"] + held.nbytes / 2
    assert np.isnan(told["gpu_bytes"])
    assert footprint(model, [IMAGE, IMAGE]).isna().all(axis=None)


def domain(folder, name, kind, now, most=1_000_000):
    place = folder / name
    place.mkdir(exist_ok=True)
    for file, text in (("name", kind), ("energy_uj", now), ("max_energy_range_uj", most)):
        (place / file).write_text(f"{text}\n")


def test_counters_of_packages_and_memory_are_summed_and_begin_again(tmp_path):
    assert joules_of(lambda: None, tmp_path) is None
    domain(tmp_path, "intel-rapl:0", "package-0", 999_000)
    domain(tmp_path, "intel-rapl:0:0", "core", 5)
    domain(tmp_path, "intel-rapl:0:1", "dram", 10)
    assert counters(tmp_path) == {"intel-rapl:0": (999_000, 1_000_000), "intel-rapl:0:1": (10, 1_000_000)}

    def call():
        domain(tmp_path, "intel-rapl:0", "package-0", 1_999)  # 3,000 microjoules on, past the end
        domain(tmp_path, "intel-rapl:0:0", "core", 900)
        domain(tmp_path, "intel-rapl:0:1", "dram", 2_010)

    assert joules_of(call, tmp_path, seconds=0) == pytest.approx(5_000e-6)


def test_a_counter_for_the_administrator_alone_is_none(tmp_path):
    domain(tmp_path, "intel-rapl:0", "package-0", "not for you")
    assert counters(tmp_path) == {}
