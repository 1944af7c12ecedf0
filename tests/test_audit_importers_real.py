"""Logs that the tools themselves wrote (`tests/logs`, on items of ours; `benchmarks/importers.py` makes such anew)."""

import json
from pathlib import Path

import pytest
import typer

from audit import run
from audit.cli.importing import import_results
from audit.compare import compare_audits
from audit.importers import open_log
from audit.importers.source import Imported
from audit.record import load_record

LOGS = Path(__file__).parent / "logs"
KEY = b"plantedA1B2C3D4"
"""Of an error message that promptfoo kept."""
EXPECTED = {
    "lm_eval/smollm2": ("lm-eval", "0.4.13", {"acc,none": (40, 0.8), "acc_norm,none": (40, 0.7),
                                              "exact_match,first-word": (40, 0.475), "exact_match,whole": (40, 0.0)}),
    "lm_eval/reference": ("lm-eval", "0.4.13", {"acc,none": (40, 0.275), "acc_norm,none": (40, 0.325),
                                                "exact_match,first-word": (40, 0.0), "exact_match,whole": (40, 0.0)}),
    "inspect_ai/sums.eval": ("inspect_ai", "0.3.285", {"match": (24, 17 / 24), "length": (24, None)}),
    "promptfoo/results.json": ("promptfoo", "0.121.20", {"success": (20, 10 / 18), "right": (20, 10 / 18)}),
    "deepeval/test_run.json": ("deepeval", None, {"Letters": (8, 3.25 / 7), "Other letters": (8, 3.75 / 8),
                                                  "test case": (8, 4 / 7)}),
}  # fmt: skip
"""Log -> tool, version, scorer -> answers and mean, counted by hand from what was planted or as the tool printed it."""


@pytest.mark.parametrize("name", EXPECTED)
def test_the_means_that_the_tool_wrote_follow_from_its_items(name):
    tool, version, scorers = EXPECTED[name]
    contents = open_log(LOGS / name).contents()
    log = contents.log
    assert (log.tool, log.version) == (tool, version)
    assert not contents.without_items
    for (task, scorer), counted in contents.counted.items():
        answers, mean = scorers[scorer]
        assert counted.answers == answers
        assert mean is None or counted.mean == pytest.approx(mean, abs=1e-12)
        stated = log.aggregates.get((task, scorer))
        assert stated is None or counted.mean == pytest.approx(stated.value, abs=1e-9)
        assert stated is not None or scorer == "right"


@pytest.mark.parametrize(
    ("name", "scorer"), [("promptfoo/results.json", "success"), ("deepeval/test_run.json", "Letters")]
)
def test_a_key_in_an_error_is_in_no_file_of_the_audit(tmp_path, name, scorer):
    assert KEY in (LOGS / name).read_bytes()
    audit = run(data=Imported(LOGS / name, scorer=scorer), probe="imported.scores", into=tmp_path)
    (finding,) = audit.record.findings
    assert finding.measure("mean_score").missing
    assert all(KEY not in file.read_bytes() for file in audit.folder.rglob("*") if file.is_file())


def test_three_commands_compare_two_models(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = []
    for name in ("smollm2", "reference"):
        with pytest.raises(typer.Exit):
            import_results(LOGS / "lm_eval" / name, None, Path(f"{name}.yaml"), True, False)
        folders.append(next(one for one in Path("audits").iterdir() if one.is_dir() and one not in folders))
    readme = (LOGS.parent.parent / "README.md").read_text("utf-8")
    assert f"compare {folders[0].name} {folders[1].name}\n" in readme
    assert "bags, acc,none: 40 items, all scored, mean 0.8 (the tool says 0.8)" in capsys.readouterr().out
    compared = {one.check: one for one in compare_audits(*map(load_record, folders)).checks}
    accuracy = compared["acc-none"].deciding
    assert accuracy.paired
    assert accuracy.difference.value == pytest.approx(-0.525)
    assert (len(compared["acc-none"].changes.newly_failing), len(compared["acc-none"].changes.newly_passing)) == (25, 4)


def test_what_a_log_holds_is_told_as_json_and_a_plan_is_not_written_over(tmp_path, capsys):
    import_results(LOGS / "inspect_ai" / "sums.eval", None, tmp_path / "plan.yaml", False, True)
    told = json.loads(capsys.readouterr().out)
    assert {one["scorer"]: one["direction"] for one in told["scores"]} == {"match": "higher", "length": None}
    assert "direction: higher (or lower) goes into data" in (tmp_path / "plan.yaml").read_text()
    from audit.errors import UsageError

    with pytest.raises(UsageError, match="there already"):
        import_results(LOGS / "inspect_ai" / "sums.eval", None, tmp_path / "plan.yaml", False, True)
    with pytest.raises(UsageError, match="--run goes with --into"):
        import_results(LOGS / "inspect_ai" / "sums.eval", None, None, True, False)
