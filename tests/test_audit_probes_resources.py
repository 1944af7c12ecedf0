"""The probe `efficiency.resources`: through the door, in a run with a limit, and skipped where nothing is at hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_models import make_tiny_lm

from audit.data.tabular import File
from audit.execute import run
from audit.models.causal_lm import CausalLMFolder
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.efficiency.resources import Resources
from audit.record import Limit

STRICT = 1 - 0.05 / 200


def rows(folder, count=1):
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps({"text": f"The ferry leaves at {n}."}) + "\n" for n in range(count)))
    return {"items": File(file)}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return CausalLMFolder(make_tiny_lm(tmp_path_factory.mktemp("lm")), threads=1, dtype="float32")


def findings_of(folder, model, *limits, probe=None):
    checks = tuple(Check(f"check-{n}", probe or Resources(), rows(folder), limit=one) for n, one in enumerate(limits))
    return run(Plan("resources", checks, model), into=folder / "audits").record.findings


def test_a_run_tells_all_of_a_model_on_disk(tmp_path, source):
    (finding,) = findings_of(tmp_path, source, None)
    found = {one.name: one for one in finding.measures}
    assert finding.verdict == "measured"
    assert found["parameters"].certain
    assert found["stored_bytes"].value == (source.path / "model.safetensors").stat().st_size
    assert found["flops_per_token"].value > found["flops_per_token_estimate"].value
    assert found["peak_memory"].value > found["empty_memory"].value > 1e7
    assert found["peak_memory"].low is None  # one process has no interval
    assert found["gpu_memory"].undefined == "not measured: it does not compute on a GPU"


def test_what_is_counted_decides_a_limit_and_an_estimate_does_not(tmp_path, source):
    limits = [
        Limit(measure="parameters", at_most=1e5), Limit(measure="weight_bytes", at_most=1e3),
        Limit(measure="flops_per_token_estimate", at_most=1e12), Limit(measure="peak_memory", at_most=1e9),
    ]  # fmt: skip
    found = findings_of(tmp_path, source, *limits, probe=Resources(processes=0))
    assert [one.verdict for one in found] == ["passed", "failed", "inconclusive", "inconclusive"]


def test_a_file_of_outputs_has_no_network(tmp_path):
    file = tmp_path / "outputs.jsonl"
    file.write_text(json.dumps({"prompt": "a", "output": "b"}) + "\n")
    (finding,) = findings_of(tmp_path, OutputTable(file, prompt="prompt", output="output"), None)
    assert finding.verdict == "skipped"
    assert "no network of it is computed here" in finding.why


def test_controls_are_told_apart():
    probe = Resources()
    assert isinstance(probe, Probe)
    for seed in range(5):
        faulty, clean = probe.controls(np.random.default_rng(seed))
        for level in (0.95, STRICT):
            told = [probe.judge(one, level=level, rng=np.random.default_rng(0)) for one in (faulty, clean)]
            assert [probe.found(one) for one in told] == [True, False]
