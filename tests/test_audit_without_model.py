"""A plan without a model: its data stand for it in the register, the record and all that is printed."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from audit import Check, Plan, load_plan, load_record, plugins, run
from audit.catalogue import Asked
from audit.cli.closing_table import closing_table
from audit.cli.screen import notes
from audit.compare import compare_audits
from audit.errors import IntegrityError, PlanError, UsageError
from audit.execute import observing
from audit.integrity import recompute
from audit.integrity.conformity import check_record
from audit.integrity.seal import statements
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.probes.factuality.judged import Judged
from audit.record import RECORD_FILE
from dashboard import loading
from dashboard.indexing import index
from reports.options import ReportOptions
from reports.text import words_of
from reports.views import comparison_view, overview

PLAN = """title: Answers that people judged
checks:
  - name: judged
    probe: {{use: factuality.judged}}
    data: {{use: file, path: {path}}}
    limit: {{measure: right_share, at_least: {least}}}
"""


def judged_rows(size=60, right=0.75):
    return pd.DataFrame({
        "text": [f"answer {number}" for number in range(size)], "judge": 1,
        "label": [int(number < right * size) for number in range(size)],
    })  # fmt: skip


def written(folder, name="answers.csv", least=0.5, **how):
    judged_rows(**how).to_csv(folder / name, index=False)
    path = folder / f"{name}-{least}.yaml"
    path.write_text(PLAN.format(path=name, least=least), "utf-8")
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("without_model")


@pytest.fixture(scope="module")
def audit(home):
    return run(written(home), into=home / "audits")


def test_the_data_stand_for_the_model(audit):
    assert audit.record.models == {}
    assert audit.record.data.name == "answers.csv"
    assert audit.record.data.digest == audit.record.findings[0].data["items"]["digest"]
    assert recompute(audit) > 0


def test_several_sources_have_one_digest_of_all(tmp_path):
    checks = tuple(
        Check(f"part-{size}", Judged(), judged_rows(size)) for size in (40, 50)
    )
    both = run(Plan("both", checks), into=tmp_path).record
    digests = [one.data["items"]["digest"] for one in both.findings]
    assert both.data.name == "Frame"
    assert both.data.digest not in digests
    assert run(Plan("the other way round", checks[::-1]), into=tmp_path).record.data == both.data


def test_a_record_that_names_other_data_is_not_of_its_plan(audit, tmp_path):
    told = audit.record.model_copy(update={"data": audit.record.data.model_copy(update={"name": "better.csv"})})
    frozen = json.loads((audit.folder / "plan.json").read_bytes())
    check_record(audit.record, frozen)
    with pytest.raises(IntegrityError, match=r"data is .*better\.c"):
        check_record(told, frozen)


def test_a_record_of_an_earlier_version_is_read_and_told(audit, tmp_path):
    raw = json.loads((audit.folder / RECORD_FILE).read_bytes())
    del raw["data"]
    (tmp_path / RECORD_FILE).write_text(json.dumps(raw), "utf-8")
    old = load_record(tmp_path)
    assert old.record.data is None
    assert overview(old, words_of("en")).models == ("no model: the data themselves",)
    assert closing_table([old]).startswith("data")


# --- what asks a model


def test_a_probe_that_asks_a_model_has_no_place_in_a_plan_without_one(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("title: T\nchecks:\n  - {name: a, probe: {use: factuality.judged}}\n"
                    "  - {name: b, probe: {use: bias.stereotype_pairs}}\n", "utf-8")  # fmt: skip
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    (problem,) = caught.value.problems
    assert re.search(r"plan\.yaml:4.*bias\.stereotype_pairs asks a model \(log_prob\), and the plan has none", problem)


def test_so_it_is_in_python(tmp_path):
    with pytest.raises(UsageError, match=r"check a: bias\.stereotype_pairs asks a model \(log_prob\)"):
        Plan("T", (Check("a", StereotypePairs()),))
    with pytest.raises(UsageError, match="the plan has none"):
        run(probe="bias.stereotype_pairs", data=[{"more": "a", "less": "b"}], into=tmp_path)


def test_a_model_that_is_wrong_is_one_mistake_not_two(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("title: T\nmodel: {use: nothing}\nchecks:\n  - {name: b, probe: {use: bias.stereotype_pairs}}\n",
                    "utf-8")  # fmt: skip
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    assert len(caught.value.problems) == 1


# --- the register, and the order of units


def test_other_data_under_the_same_names_are_another_audit(tmp_path):
    into = tmp_path / "audits"
    run(written(tmp_path, "a.csv", 0.9), into=into)
    other = run(written(tmp_path, "b.csv", 0.5, size=80), into=into)
    same = run(written(tmp_path, "a.csv", 0.5), into=into)
    assert other.record.deviations == [] == other.record.attempts
    assert [one.what for one in same.record.deviations] == ["limit.at_least"]
    assert [one.ordinal for one in same.record.attempts] == [2]
    assert any("same probe and data before" in line for line in notes(same.record))
    assert "the same data were asked the same before" in overview(same, words_of("en")).attempts[0]


def test_the_order_of_units_follows_the_data(tmp_path, monkeypatch):
    seeds, real = [], observing.rng_for
    monkeypatch.setattr(observing, "rng_for", lambda *words: seeds.append(words) or real(*words))
    for size in (40, 50):
        check = Check("a", Judged(), judged_rows(size), limit=None)
        monkeypatch.setattr(Judged, "repeatable", True, raising=False)
        run(Plan("T", (check,), limit=10, target="benchmark"), into=tmp_path)
        assert seeds[-1][2:] == ("order", check.data["items"].digest())
    assert seeds[-1] != seeds[0]


# --- what is printed


@pytest.mark.parametrize(("lang", "told"), [
    ("en", "answers.csv (no model: the data themselves)"), ("ko", "answers.csv(모델 없음: 데이터 자체)"),
])
def test_documents_name_the_data(audit, lang, told):
    for format in ("markdown", "html", "summary", "json"):
        (page,) = plugins.load("reports", format)(audit, ReportOptions(lang=lang)).values()
        text = page.decode()
        assert "answers.csv" in text
        assert re.search(r"\bNone\b", text) is None
    assert overview(audit, words_of(lang)).models == (told,)


def test_the_closing_table_and_a_comparison_name_the_data(audit):
    assert closing_table([audit]).splitlines()[0].split() == ["data", "factual.", "decided"]
    assert closing_table([audit]).splitlines()[1].startswith("answers.csv")
    found = compare_audits(audit, audit)
    assert found.a.data == audit.record.data
    assert [models for _, _, models in comparison_view([found], words_of("en")).sides] == [
        "answers.csv (no model: the data themselves)"
    ] * 2


def test_a_seal_is_about_the_data(audit):
    files = dict.fromkeys(("record.json", "plan.json", "run.json"), "sha256:" + "0" * 64)
    for one in statements(audit, files=files, reviews=0, by="A", at="now"):
        subjects = {subject["name"]: subject["digest"] for subject in one["subject"]}
        assert subjects["data"] == {"dokimasiaDigest": audit.record.data.digest.removeprefix("sha256:")}


def test_the_dashboard_lists_the_data(audit, monkeypatch):
    monkeypatch.setenv(loading.AUDITS, str(audit.folder.parent))
    (entry,) = index().rows(Asked())
    assert (entry["model"], entry["family"]) == ("answers.csv", "data")
    assert words_of("ko").term("family", entry["family"]) == "데이터(모델 없음)"
