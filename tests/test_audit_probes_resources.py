"""The probe `efficiency.resources`: through the door, in a run with a limit, and skipped where nothing is at hand."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from tiny_models import make_tiny_lm

from audit.data.tabular import File
from audit.errors import IntegrityError
from audit.execute import run
from audit.integrity import recompute
from audit.models.causal_lm import CausalLMFolder
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.efficiency.resources import Resources
from audit.record import Limit, Record

STRICT = 1 - 0.05 / 200
SHORT = {"max_tokens": 4}


def rows(folder, count=1):
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps({"text": f"The ferry leaves at {n}."}) + "\n" for n in range(count)))
    return {"items": File(file)}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return CausalLMFolder(make_tiny_lm(tmp_path_factory.mktemp("lm")), threads=1, dtype="float32")


def findings_of(folder, model, *limits, probe=None):
    probe = probe or Resources(sampling=SHORT)
    checks = tuple(Check(f"check-{n}", probe, rows(folder), limit=one) for n, one in enumerate(limits))
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
    found = findings_of(tmp_path, source, *limits, probe=Resources(processes=0, sampling=SHORT))
    assert [one.verdict for one in found] == ["passed", "failed", "inconclusive", "inconclusive"]


def test_records_say_sizes_shortly_and_those_that_said_all_digits_follow_from_their_numbers(tmp_path, source):
    limits = [Limit(measure="weight_bytes", at_most=1e9), Limit(measure="flops_per_token", at_most=1e12)]
    checks = tuple(Check(f"c{n}", Resources(processes=0), rows(tmp_path), limit=one) for n, one in enumerate(limits))
    audit = run(Plan("resources", checks, source), into=tmp_path / "audits")
    size = audit.record.findings[0].headline.value
    short, full = f"{size / 1e3:.3g} kB", f"{size:,.0f} bytes"
    told = f"is {short} [{short}, {short}] of 1 items; the whole interval keeps the limit at most 1.00 GB."
    assert told in audit.record.findings[0].why

    def agreed(value):
        """What judging again finds of a record that tells the number so, the limits with all their digits."""
        pairs = ((short, value), ("1.00 GB", "1,000,000,000 bytes"), ("1.00 trillion", "1,000,000,000,000"))
        text = reduce(lambda text, pair: text.replace(*pair), pairs, (audit.folder / "record.json").read_text("utf-8"))
        return recompute(replace(audit, record=Record.model_validate_json(text)))

    assert agreed(short) == agreed(full) == recompute(audit) > 10
    with pytest.raises(IntegrityError, match="c0: reason is "):
        agreed(full.replace(" bytes", "9 bytes"))


def test_a_file_of_outputs_has_no_network(tmp_path):
    file = tmp_path / "outputs.jsonl"
    file.write_text(json.dumps({"prompt": "a", "output": "b"}) + "\n")
    (finding,) = findings_of(tmp_path, OutputTable(file, prompt="prompt", output="output"), None)
    assert finding.verdict == "skipped"
    assert "no network of it is computed here" in finding.why


def test_controls_are_told_apart():
    """The fault at the strictest level, no fault at the least: at a level between, intervals lie between."""
    probe = Resources()
    assert isinstance(probe, Probe)
    for seed in range(5):
        pair = zip(probe.controls(np.random.default_rng(seed)), (STRICT, 0.95), strict=True)
        told = [probe.judge(one, level=level, rng=np.random.default_rng(0)) for one, level in pair]
        assert [probe.found(one) for one in told] == [True, False]
