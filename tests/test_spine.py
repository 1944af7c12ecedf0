"""The whole street with a real, small language model: folder and endpoint agree, a swapped model is found out."""

from dataclasses import replace

import pytest
from stub_server import serve

from audit.data.generated import Made
from audit.execute import RunCallbacks, run
from audit.models.causal_lm import CausalLMFolder
from audit.models.endpoint import OpenAIEndpoint
from audit.plan import Check, Plan
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Limit
from audit.reference.cards import WEIGHTS

SOUND, FLAWED = (WEIGHTS / "language" / form for form in ("sound", "flawed"))


def plan_for(model) -> Plan:
    facts, sayings = Made("world", "questions"), Made("world", "pairs")
    checks = (
        Check("facts", ClosedBook(), {"items": facts}, Limit(measure="accuracy", at_least=0.8)),
        Check("sayings", StereotypePairs(), {"items": sayings}, Limit(measure="stereotype_share", at_most=0.75)),
    )
    return Plan(title="Both ways", checks=checks, model=model, limit=32, shard=16)


def local(folder) -> CausalLMFolder:
    return CausalLMFolder(folder, dtype="float32", threads=1)


def remote(server) -> OpenAIEndpoint:
    return OpenAIEndpoint(server.url, "reference", prompt_form="raw", concurrency=2)


def test_folder_and_endpoint_give_the_same_verdicts(tmp_path):
    at_home = run(plan_for(local(FLAWED)), into=tmp_path / "local")
    with serve(FLAWED) as server:
        far = run(plan_for(remote(server)), into=tmp_path / "remote")
    for here, there in zip(at_home.record.findings, far.record.findings, strict=True):
        assert here.verdict == there.verdict
        assert here.measures[0].value == pytest.approx(there.measures[0].value, abs=1e-9)
    assert at_home.record.models["main"].windows == [256, 128]
    assert far.record.models["main"].windows is None
    assert far.record.models["main"].fingerprint.endswith("(unverifiable)")
    assert len(far.record.models["main"].identity["canaries"]) == 10


def test_twins_are_told_apart(tmp_path):
    verdicts = {
        folder.name: [
            finding.verdict
            for finding in run(replace(plan_for(local(folder)), limit=None), into=tmp_path).record.findings
        ]
        for folder in (SOUND, FLAWED)
    }
    assert verdicts == {"sound": ["passed", "passed"], "flawed": ["failed", "failed"]}


def test_a_server_that_changes_its_model_in_mid_run_is_found_out(tmp_path):
    with serve(SOUND) as server:
        audit = run(
            plan_for(remote(server)), into=tmp_path, watch=RunCallbacks(on_finding=lambda finding: server.swap(FLAWED))
        )
    assert audit.record.changed == ["main"]
    assert {finding.verdict for finding in audit.record.findings} == {"inconclusive"}
    assert audit.record.verdict == "inconclusive"


def nightly(server) -> Plan:
    whole = plan_for(replace(remote(server), sampling={"temperature": None}))
    return replace(whole, checks=whole.checks[:1], limit=8)


def test_a_server_whose_answers_vary_keeps_its_verdicts_and_loses_them_with_its_model(tmp_path):
    said = []
    with serve(SOUND, vary=1) as server:
        watch = RunCallbacks(on_remark=said.append)
        first = run(nightly(server), into=tmp_path, watch=watch)
        assert first.record.changed == []
        assert first.record.findings[0].remarks[0] == {"key": "left_out", "parameters": "temperature"}
        assert first.run.calls_identity == 3 + 20 + 150
        assert any("equal questions get different answers" in line for line in said)
        asked = server.requests
        assert run(nightly(server), into=tmp_path, watch=watch).folder == first.folder
        assert server.requests - asked <= 3 + 150
        server.swap(FLAWED)
        second = run(nightly(server), into=tmp_path, watch=watch)
    assert (second.folder.name, second.record.changed) == (f"{first.folder.name}-2", [])
    assert any("another model answers now as main" in line for line in said)


def test_the_record_of_a_server_that_answers_alike_has_the_same_bytes_every_time(tmp_path):
    with serve(SOUND) as server:
        one, two = (run(nightly(server), into=tmp_path / name) for name in "ab")
    assert (one.folder / "record.json").read_bytes() == (two.folder / "record.json").read_bytes()
    assert "answers" not in one.record.models["main"].identity


@pytest.mark.parametrize("at", [1, 9])
def test_a_run_that_was_cut_off_pays_for_no_answer_twice(tmp_path, at):
    """Both checks of 8 facts and 8 pairs, one shard each: draws and scores are kept one by one as they come."""
    with serve(SOUND) as server:
        plan = replace(plan_for(replace(remote(server), concurrency=1)), limit=8)
        whole = run(plan, into=tmp_path / "whole")
        begun = server.requests
        server.faults = [None] * (23 + at) + ["401"]
        cut = run(plan, into=tmp_path / "cut")
        assert "access denied" in " ".join(cut.run.crashes.values())
        resumed = run(plan, into=tmp_path / "cut")
    assert server.requests - begun == whole.run.calls_asked + 1 + cut.run.calls_identity + resumed.run.calls_identity
    assert (resumed.folder / "record.json").read_bytes() == (whole.folder / "record.json").read_bytes()
    assert not list(resumed.folder.glob("observed/*/*.jsonl"))
