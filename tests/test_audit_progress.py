"""Progress: in place on a terminal, a line in ten seconds in a log, and in a file for the list of audits."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from markov import MarkovText, Repeats
from rates import plan_of_rates
from report_fixtures import rate
from test_audit_early import Dies
from test_dashboard_views import rows_of, screen, text_of

from audit.cli.screen import EVERY, Progress
from audit.data.tabular import File
from audit.execute import RunCallbacks, run
from audit.plan import Check, Plan
from audit.record import CheckProgress, Limit, RunProgress, audit_files, read_progress
from dashboard.loading import AUDITS
from detectors.sequential import confidence_sequence
from reports.text import words_of
from reports.views import progress_view


def test_a_log_gets_a_line_when_ten_seconds_are_over(capsys):
    progress = Progress(100)
    for _ in range(5):
        progress(10)
    assert capsys.readouterr().err == ""
    progress = replace(progress, _begun=progress._begun - EVERY, _shown=progress._shown - EVERY)
    progress(10)
    progress(10)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("60 of 100 items, ")
    assert line.endswith(" s left")
    progress.clear()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_has_one_line_that_is_rewritten_and_taken_away(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(100)
    progress = replace(progress, _shown=progress._shown - 1)
    progress(50)
    progress(50)
    progress.clear()
    said = capsys.readouterr().err
    assert said.startswith("\r50 of 100 items, ")
    assert said.endswith("\x1b[K\r\x1b[K")
    assert "\n" not in said


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """An early-stopping audit that was cut off after 70 answers, and the same one whole."""
    home, rng = tmp_path_factory.mktemp("cut"), np.random.default_rng(1)
    path = home / "texts.csv"
    path.write_text("text\n" + "\n".join({"".join(rng.choice(list("abc"), 9)) for _ in range(400)}) + "\n")
    check = Check("c", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.3), stop="early")
    whole = run(Plan("Cut", (check,), MarkovText().open()), into=home / "whole")
    model = Dies(MarkovText())
    model.at = 70
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audit.execute.progress.EVERY", 0.0)
        with pytest.raises(KeyboardInterrupt):
            run(Plan("Cut", (check,), model), into=home / "cut")
    return whole, home / "cut" / whole.folder.name, Plan("Cut", (check,), MarkovText().open())


def test_a_running_row_tells_it_all(cut, monkeypatch):
    _, folder, _ = cut
    monkeypatch.setenv(AUDITS, str(folder.parent))
    (row,) = rows_of(screen(), "audits")
    text = text_of(row)
    assert "markov" in text
    assert re.search(r"Running \d+ of at most \d+ items asked, \d", text)
    assert re.search(r"c so far repeat share [\d.]+ % \[[\d.]+ %, [\d.]+ %\] of \d+, limit ≤ 30 %", text)
    assert "<progress " in row


def test_the_interim_interval_is_the_confidence_sequence_of_what_was_asked_so_far(cut):
    whole, folder, plan = cut
    (told,) = read_progress(folder).checks
    seen = told.interim.n["units"]
    asked = whole.items("c")["value"].to_numpy()
    assert 0 < seen < len(asked)
    low, high = confidence_sequence(asked[:seen], whole.record.findings[0].measures[0].level)
    assert (told.interim.low, told.interim.value, told.interim.high) == pytest.approx((low, asked[:seen].mean(), high))
    assert told.interim.guarantee == "finite sample"
    assert seen <= told.done < told.expected
    assert "progress.json" not in audit_files(folder), "it is no evidence"
    resumed = run(plan, into=folder.parent)
    assert read_progress(folder) is None
    assert (resumed.folder / "record.json").read_bytes() == (whole.folder / "record.json").read_bytes()


def test_a_check_that_may_not_be_looked_at_tells_no_interim_result(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.execute.progress.EVERY", 0.0)
    told = []
    into = tmp_path / "into"
    keep = RunCallbacks(on_answer=lambda items: told.extend(map(read_progress, into.glob("*/"))))
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join("abc"[n % 3] * 9 + str(n) for n in range(40)) + "\n")
    check = Check("c", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.3))
    audit = run(Plan("Full", (check,), MarkovText().open(), shard=8), into=into, watch=keep)
    done = [one.checks[0].done for one in told]
    assert done == [told[-1].checks[0].expected * step // 5 for step in range(1, 6)]
    assert {one.checks[0].interim for one in told} == {None}
    assert told[-1].model == audit.record.models["main"].name
    assert not (audit.folder / "progress.json").exists()


OK = {"check": "c", "expected": 10, "done": 3}
NOT_TOLD = {
    "half": '{"checks":[{"chec',
    "of another version": json.dumps({"checks": [{"check": "c", "asked": 10}]}),
    "a rate of nearly nothing": json.dumps({"checks": [OK], "marks": [[0, 0], [1e308, 3]]}),
    "more than a float holds": json.dumps({"checks": [{**OK, "expected": 10**400}], "marks": [[0, 0], [10, 3]]}),
    "marks beyond a float": json.dumps({"checks": [OK], "marks": [[0, 10**400], [10, 3]]}),
    "less than nothing": json.dumps({"checks": [{"check": "c", "expected": -10, "done": -3}]}),
}


def test_what_others_write_as_progress_costs_the_progress_and_neither_the_row_nor_the_list(cut, tmp_path, monkeypatch):
    """Three of these took the list of everybody down with an OverflowError; the others hid a run as unreadable."""
    _, folder, _ = cut
    monkeypatch.setenv(AUDITS, str(tmp_path))
    for name, text in NOT_TOLD.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_bytes((folder / "plan.json").read_bytes())
        (tmp_path / name / "progress.json").write_text(text)
    rows = rows_of(screen(), "audits")
    assert len(rows) == len(NOT_TOLD)
    assert all("Running" in text_of(row) and "items asked" not in text_of(row) for row in rows)


def test_marks_that_go_back_or_fall_together_tell_no_rate_and_few_interim_results_are_told():
    check = CheckProgress(check="c", expected=10, done=3)
    for marks in (((0.0, 10), (10.0, 3)), ((0.0, 1), (5e-324, 3))):
        told = progress_view(RunProgress(checks=(check,), marks=marks), 0, 11.0, words_of("en")).told
        assert told.replace("\u00a0", " ") == "3 of 10 items asked, 30.0 %"
    many = RunProgress(checks=(check.model_copy(update={"interim": rate("share", 1, 9)}),) * 3000)
    assert len(progress_view(many, 0, 0.0, words_of("en")).interim) == 4


def test_a_full_disk_costs_the_progress_and_not_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("audit.execute.progress.write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    assert run(plan_of_rates(tmp_path, [(1, 9)]), into=tmp_path / "into").record.findings


def test_share_rate_and_time_left_are_those_of_late(tmp_path):
    """By hand: 50 items in the last ten seconds, five more in a shard that is not whole, 45 of 100 left."""
    found = RunProgress(marks=((1000.0, 0), (1010.0, 50)), checks=(CheckProgress(check="c", expected=100, done=50),))
    view = progress_view(found, 5, 1012.0, words_of("en"))
    assert view.share == 0.55
    assert view.told.replace("\u00a0", " ") == "55 of 100 items asked, 55.0 %, 5.00 a second, about 9 s left"
    assert not view.stalled
    assert progress_view(found, 0, 1071.0, words_of("en")).stalled
    early = found.model_copy(update={"checks": (CheckProgress(check="c", expected=100, done=50, early=True),)})
    assert "50 of at most 100" in progress_view(early, 0, 1012.0, words_of("en")).told
    assert "최대 100개 중 50개" in progress_view(early, 0, 1012.0, words_of("ko")).told
    slow = RunProgress(marks=((0.0, 0), (600.0, 1)), checks=(CheckProgress(check="c", expected=25, done=1),))
    assert progress_view(slow, 0, 601.0, words_of("en")).told.endswith("about 4 h 0 min left")
    assert progress_view(RunProgress(), 0, 0.0, words_of("en")).share is None
