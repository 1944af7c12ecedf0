"""Importers, tool by tool: fields, directions, repeats, errors and the tool's own mean; hostile and cut logs."""

import io
import json
import os
import stat
import tracemalloc

import pandas as pd
import pytest
from logs_of_tools import (
    KEY,
    deepeval,
    eval_archive,
    every_eval_ever,
    garak,
    helm,
    inspect_log,
    openai_evals,
    promptfoo,
    table,
    write,
    zipped,
)

from audit import run
from audit.errors import DataError
from audit.importers import open_log
from audit.importers.source import Imported
from audit.probes.imported.scores import ImportedScores

ROLE = ImportedScores.roles["items"]


def answers(path):
    return list(open_log(path).read().answers())


def frame(path, **options):
    return pd.concat(Imported(path, **options).batches(ROLE))


def refusal(path, **options):
    with pytest.raises(DataError) as caught:
        frame(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


LOGS = {
    "inspect": lambda folder: eval_archive(
        folder / "a.eval", inspect_log({"match": list("CICCI")}, errors=(4,), mean=0.75)
    ),
    "garak": lambda folder: garak(folder / "a.report.jsonl", [[1.0, 0.0], [0.0, None], [0.9, 0.2]]),
    "promptfoo": lambda folder: promptfoo(folder / "a.json", [1, 0, 1, 2, 1]),
    "deepeval": lambda folder: deepeval(folder / "a.json", [(0.1, True), (0.9, False), (None, False)], passed=1),
    "openai": lambda folder: openai_evals(folder / "a.jsonl", [True, False, None, True]),
    "eee": lambda folder: every_eval_ever(folder / "a.json", [10, 0, 5], 5.0),
    "helm": lambda folder: helm(folder / "a", [1.0, 0.0, 1.0, 1.0], lost=(1,)),
}  # fmt: skip
OF = {"promptfoo": "success", "deepeval": "test case", "helm": "exact_match"}


@pytest.mark.parametrize("name", LOGS)
def test_the_tools_own_mean_is_recomputed_and_no_key_is_taken_over(tmp_path, name):
    source = Imported(LOGS[name](tmp_path), scorer=OF.get(name))
    audit = run(data=source, probe="imported.scores", into=tmp_path / "audits")
    (finding,) = audit.record.findings
    assert finding.measure("aggregate_gap").value < 1e-12
    assert "aggregate_differs" not in [one["key"] for one in finding.remarks]
    told = {"inspect": 1, "garak": 1, "promptfoo": 1, "deepeval": 1, "openai": 1, "eee": 0, "helm": 1}[name]
    assert finding.measure("mean_score").missing == told
    for file in audit.folder.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_inspect_letters_are_scores_and_unknown_ones_are_none(tmp_path):
    path = write(tmp_path / "a.json", inspect_log({"match": ["C", "P", "I", "N", "X", True, 0.25, [1]]}), lines=False)
    assert [one.score for one in answers(path)] == [1.0, 0.5, 0.0, 0.0, None, 1.0, 0.25, None]
    assert [one.status for one in answers(path)][4] == "unscored"


def test_inspect_epochs_are_repeats_and_several_values_are_scorers(tmp_path):
    log = inspect_log({"both": [{"tone": 1, "facts": 0}] * 4}, epochs=2, mean=None)
    log["samples"][1]["invalidation"] = {"reason": "wrong item"}
    path = eval_archive(tmp_path / "a.eval", log)
    found = answers(path)
    assert {(one.item, one.repeat) for one in found} == {("s0", 1), ("s0", 2), ("s1", 1), ("s1", 2)}
    assert {one.scorer for one in found if one.status == "scored"} == {"tone", "facts"}
    assert [one.problem for one in found if one.status == "invalid"] == ["wrong item"]
    assert frame(path, scorer="tone")["unit"].nunique() == 2


def test_inspect_attachments_and_messages_are_texts(tmp_path):
    log = inspect_log({"match": ["C"]})
    log["samples"][0] |= {"input": [{"id": "new", "role": "user", "content": "attachment://7"}],
                          "attachments": {"7": "A long question"}}  # fmt: skip
    (one,) = answers(write(tmp_path / "a.json", log, lines=False))
    assert one.input == "user: A long question"


def test_inspect_logs_in_parts_unfinished_and_failed_are_refused(tmp_path):
    parts = zipped(tmp_path / "parts.eval", {"samples/a_epoch_1/sample.json": b"{}", "header.json": b"{}"})
    assert "inspect log convert --to json" in refusal(parts)
    assert "the run has not ended" in refusal(zipped(tmp_path / "open.eval", {"_journal/start.json": b"{}"}))
    failed = write(tmp_path / "f.json", inspect_log({"match": ["C"]}) | {"status": "cancelled"}, lines=False)
    assert "ended with cancelled" in refusal(failed)


@pytest.mark.parametrize(
    ("entries", "more", "why"),
    [
        ({"../a": b"x"}, {}, "leads out of the archive"), ({"/etc/a": b"x"}, {}, "leads out of the archive"),
        ({"a\\..\\b": b"x"}, {}, "leads out of the archive"), ({"C:/a": b"x"}, {}, "leads out of the archive"),
        ({"a": b"x"}, {"mode": stat.S_IFLNK | 0o777}, "is a link"),
        ({"a": b"x"}, {"says": 1 << 30}, "would expand to"), ({"a": b"x"}, {"says": 100 << 20}, "would expand to"),
        ({"header.json": b"0" * 5000}, {"says": 10}, "is not what the archive says it is"),
    ],
)  # fmt: skip
def test_archives_that_no_tool_writes_are_refused_before_they_are_expanded(tmp_path, entries, more, why):
    assert why in refusal(zipped(tmp_path / "a.eval", entries, **more))


def test_a_cut_archive_is_refused(tmp_path):
    path = eval_archive(tmp_path / "a.eval", inspect_log({"match": ["C"] * 9}))
    path.write_bytes(path.read_bytes()[:-40])
    assert "is cut or no archive" in refusal(path)


def test_garak_counts_hits_from_the_threshold_of_the_run_and_refuses_a_hitlog(tmp_path):
    path = garak(tmp_path / "a.report.jsonl", [[0.7, 0.2], [0.75, None]], **{"run.eval_threshold": 0.75})
    assert [one.score for one in answers(path)] == [0.0, 0.0, 1.0, None]
    assert [one.passed for one in answers(path)] == [True, True, False, None]
    assert [one.status for one in answers(path)] == ["scored", "scored", "scored", "error"]
    assert frame(path)["unit"].nunique() == 2
    assert frame(path)["assumed_threshold"].isna().all()
    untold = garak(tmp_path / "b.report.jsonl", [[0.7, 0.2]])
    assert frame(untold)["assumed_threshold"].tolist() == ["0.5", "0.5"], "the tool's default"
    hits = write(tmp_path / "a.hitlog.jsonl", {"goal": "g", "attempt_id": "1", "detector": "d", "score": 1.0})
    assert "holds hits alone" in refusal(hits)


def test_garak_scores_that_are_no_numbers_and_attempts_never_scored_are_no_resisted_attacks(tmp_path):
    path = garak(tmp_path / "a.report.jsonl", [[float("nan"), 0.2], [0.1], [0.9, 0.1]])
    lines = path.read_text().splitlines()
    cut = [line for line in lines if not ('"u2"' in line and '"status": 2' in line)]
    assert len(cut) == len(lines) - 1
    path.write_text("\n".join(cut) + "\n")
    told = [(one.scorer, one.status, one.passed) for one in answers(path)]
    assert told == [("made.Detector", "unscored", None), ("made.Detector", "scored", True),
                    ("made.Detector", "scored", True), ("made.Detector", "unscored", None),
                    ("made.Detector", "unscored", None)]  # fmt: skip
    assert frame(path)["unit"].nunique() == 3
    none = garak(tmp_path / "b.report.jsonl", [[0.1]], **{"run.eval_threshold": 0})
    assert [one.score for one in answers(none)] == [1.0]


def test_promptfoo_repeats_errors_and_old_files(tmp_path):
    found = [one for one in answers(promptfoo(tmp_path / "a.json", [1, 1, 0, 2], repeat=2)) if one.scorer == "success"]
    assert [(one.repeat, one.score, one.status) for one in found] == [
        (1, 1.0, "scored"), (2, 1.0, "scored"), (1, 0.0, "scored"), (2, None, "error")
    ]  # fmt: skip
    assert found[0].item == found[1].item != found[2].item
    assert "results of version 2" in refusal(promptfoo(tmp_path / "b.json", [1], version=2))


def test_deepevals_directions_are_read_from_which_side_of_the_threshold_passes(tmp_path):
    lower = open_log(deepeval(tmp_path / "a.json", [(0.1, True), (0.9, False)], passed=1)).contents().log.scales["Bias"]
    assert (lower.direction, lower.judge) == ("lower", "judge-1")
    higher = open_log(deepeval(tmp_path / "b.json", [(0.9, True)], passed=1)).contents().log.scales["Bias"]
    torn = open_log(deepeval(tmp_path / "c.json", [(0.9, True), (0.1, True)], passed=2)).contents().log.scales["Bias"]
    untold = open_log(deepeval(tmp_path / "d.json", [(0.5, True)], passed=1)).contents().log.scales["Bias"]
    assert (higher.direction, torn.direction, untold.direction) == ("higher", None, None)


def test_openai_evals_joins_what_was_sampled_with_its_match(tmp_path):
    found = answers(openai_evals(tmp_path / "a.jsonl", [True, None]))
    assert (found[0].input, found[0].output, found[0].target, found[0].score) == ("Q0", "4", "4", 1.0)
    assert (found[1].status, found[1].score) == ("error", None)


def test_every_eval_ever_has_a_scale_a_direction_and_a_digest(tmp_path):
    path = every_eval_ever(tmp_path / "a.json", [10, 0, 5], 5.0, lower=True)
    told = frame(path)
    assert told["score"].tolist() == [1.0, 0.0, 0.5]
    assert set(told["direction"]) == {"lower"}
    beside = tmp_path / "a_samples.jsonl"
    beside.write_text(beside.read_text() + "\n")
    assert "is not the file of which a.json has the digest" in refusal(path)
    beside.unlink()
    assert "no instances lie beside it" in refusal(path)


def test_every_eval_ever_keeps_metrics_of_one_name_and_two_directions_apart(tmp_path):
    path = every_eval_ever(tmp_path / "a.json", [10, 0, 5], 5.0)
    head, beside = json.loads(path.read_text()), tmp_path / "a_samples.jsonl"
    other = json.loads(json.dumps(head["evaluation_results"][0]))
    other |= {"evaluation_result_id": "toxic.acc", "evaluation_name": "toxic"}
    other["metric_config"]["lower_is_better"] = True
    head["evaluation_results"].append(other)
    del head["detailed_evaluation_results"]
    rows = [json.loads(line) for line in beside.read_text().splitlines()]
    write(beside, *rows, *({**row, "evaluation_name": "toxic", "evaluation_result_id": "toxic.acc"} for row in rows))
    write(path, head, lines=False)
    assert set(frame(path, scorer="accuracy, toy")["direction"]) == {"higher"}
    assert set(frame(path, scorer="accuracy, toxic")["direction"]) == {"lower"}
    head["evaluation_results"] = head["evaluation_results"][:1]
    head["evaluation_results"][0]["metric_config"] |= {"min_score": 5, "max_score": 5}
    write(beside, *rows)
    write(path, head, lines=False)
    assert "the scale 5 to 5" in refusal(path)


def test_helm_s_requests_are_read_in_a_row_where_its_scores_have_their_order(tmp_path, monkeypatch):
    """A file that jumps to every request reads some of them again and again; in another order it must."""
    jumps = []

    class Counting(io.BytesIO):
        def seek(self, place, whence=0):
            jumps.append(place)
            return super().seek(place, whence)

    monkeypatch.setattr("audit.importers.helm.TemporaryFile", Counting)
    path = helm(tmp_path / "a", [float(n % 2) for n in range(50)])
    asked = [one.input for one in open_log(path).read().answers()]
    assert (asked, jumps) == ([f"Q: {n}" for n in range(50) for _ in range(2)], [0])
    stats = path / "per_instance_stats.json"
    stats.write_text(json.dumps(json.loads(stats.read_text())[::-1]))
    assert [one.input for one in open_log(path).read().answers()] == asked[::-1]
    assert len(jumps) == 1 + 100


def test_helm_joins_three_files_and_keeps_copies_apart(tmp_path):
    path = helm(tmp_path / "a", [1.0, 0.0])
    found = answers(path)
    assert {one.scorer for one in found} == {"exact_match", "exact_match, typos"}
    one = found[0]
    assert (one.task, one.item, one.output, one.target, one.input) == ("toy:subject=a, test", "id0", "four", ["four"],
                                                                       "Q: 0")  # fmt: skip
    told = frame(path, scorer="exact_match")
    assert told["direction"].isna().all()
    assert set(told["target"]) == {'["four"]'}
    (path / "scenario_state.json").unlink()
    assert "has no scenario_state.json" in refusal(path)


def test_a_cut_log_of_every_tool_is_refused_in_a_line(tmp_path):
    for name, made in LOGS.items():
        path = made(tmp_path / name) if (tmp_path / name).mkdir() is None else None
        file = path / "per_instance_stats.json" if path.is_dir() else path
        file.write_bytes(file.read_bytes()[: -len(file.read_bytes()) // 4])
        assert str(tmp_path) in refusal(path, scorer=OF.get(name))


def test_a_text_that_says_false_is_no_true_and_no_score(tmp_path):
    """Any text that is not empty is true to Python."""
    evals = openai_evals(tmp_path / "a.jsonl", [True, True])
    evals.write_text(evals.read_text().replace('"correct": true', '"correct": "False"', 1))
    assert [one.status for one in answers(evals)] == ["unscored", "scored"]
    foo = promptfoo(tmp_path / "b.json", [1, 1])
    foo.write_text(foo.read_text().replace('"success": true', '"success": "false"', 1))
    assert [(one.score, one.passed) for one in answers(foo) if one.scorer == "success"] == [(None, None), (1.0, True)]
    cases = deepeval(tmp_path / "c.json", [(0.1, True), (0.2, True)], passed=2)
    cases.write_text(cases.read_text().replace('"success": true', '"success": "false"'))
    log = open_log(cases).contents()
    assert log.log.scales["Bias"].direction is None
    assert log.counted["DeepEval", "test case"].mean is None


def test_what_is_no_log_is_refused_in_a_line_that_says_what_it_is(tmp_path):
    deep = tmp_path / "deep.jsonl"
    deep.write_text('{"item": "a", "score": 1, "x": ' + "[" * 10_000 + "]" * 10_000 + "}\n")
    assert "line 1 is not JSON (maximum recursion depth" in refusal(deep)
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "endless.jsonl").symlink_to("/dev/zero")
    (tmp_path / "empty.eval").touch()
    for name, why in (("pipe.json", "is no file"), ("endless.jsonl", "is no file"), ("empty.eval", "is empty")):
        assert f"{name}: {why}; allowed: a log" in refusal(tmp_path / name)
    report = garak(tmp_path / "a.report.jsonl", [[0.1]])
    report.write_text("".join(report.read_text().splitlines(keepends=True)[:2]))
    assert "holds no answer" in refusal(report)
    other = promptfoo(tmp_path / "c.json", [1])
    other.write_text(other.read_text().replace('"right"', '"success"'))
    assert "a named score is called success" in refusal(other)


def test_a_long_log_is_read_in_little_memory(tmp_path):
    path = table(tmp_path / "long.jsonl", [1.0, 0.0] * 6_000, output="an answer of some length " * 10)
    tracemalloc.start()
    assert open_log(path).contents().counted["long", "score"].answers == 12_000
    rows = sum(len(part) for part in Imported(path).batches(ROLE, limit=12_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 12_000
    assert peak < 24 << 20  # three batches of 4,096 rows, and what names each row


def test_a_wrong_tool_and_two_that_know_it_are_named(tmp_path):
    path = openai_evals(tmp_path / "a.jsonl", [True])
    assert "is no log that is known; allowed: a whole log of garak" in refusal(path, tool="garak")
    assert "fields" in refusal(path, tool="openai-evals", fields={"item": "x"})
    assert json.dumps(open_log(path).contents().as_json())
