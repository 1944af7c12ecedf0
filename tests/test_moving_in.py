"""A part of every kind from an outside package, in one run from a plan to a Korean report; none of ours is touched."""

import json
import math
import sys

import jsonschema_rs
import pytest
import yaml
from korean import english_in, names_of, text_of
from outside import Command

from audit import plugins
from audit.errors import UsageError
from audit.record import load_record
from reports.text import words_of

SHARE = math.exp(3) / (math.exp(3) + 3)
"""Of letters with the mark: the successor's logit is 3, those of the three others 0."""
PLAN = """\
title: 글자
model: {{use: {model}}}
checks:
  - name: marked
    probe: {{use: order.successors, mark: {{use: letters.successors, bias: 3.0}}}}
    data: {{use: letters.starts, count: 90}}
    limit: {{measure: successor_share, at_most: 0.5}}
  - name: plain
    probe: {{use: order.successors}}
    data: {{use: letters.starts, count: 90}}
    limit: {{measure: successor_share, at_most: 0.5}}
"""


@pytest.fixture(scope="module")
def dokimasia(tmp_path_factory, outside_site, outside_program):
    return Command(tmp_path_factory.mktemp("moving-in"), outside_site, outside_program)


def audited(dokimasia, name, model, code):
    (dokimasia.folder / f"{name}.yaml").write_text(PLAN.format(model=model), "utf-8")
    folder = json.loads(dokimasia("run", f"{name}.yaml", "--json", code=code).stdout)["folder"]
    return load_record(dokimasia.folder / folder)


@pytest.fixture(scope="module")
def audit(dokimasia):
    return audited(dokimasia, "even", "letters", 1)


def report(dokimasia, audit, *words):
    return (dokimasia.folder / dokimasia("report", audit.folder.name, *words).stdout.strip()).read_text("utf-8")


def test_the_run_finds_what_is_known_in_closed_form(audit):
    marked, plain = audit.record.findings
    assert (marked.verdict, plain.verdict) == ("failed", "passed")
    assert marked.controls == plain.controls == {"positive": True, "negative": True}
    for finding, share in ((marked, SHARE), (plain, 1 / 4)):
        (measure,) = finding.measures
        assert measure.value == pytest.approx(share, abs=0.06)
        assert measure.low <= share <= measure.high
    assert marked.options == {"mark": {"use": "letters.successors", "bias": 3.0}}


def test_a_korean_report_says_it_in_words_of_the_package_and_in_ours(dokimasia, audit):
    page = text_of(report(dokimasia, audit, "--lang", "ko"))
    assert english_in(page) - names_of(audit) == set()
    for word in ("순서", "다음 글자", "다음 글자 비율", "미달", "한 글자 뒤에 다음 글자가 옵니다"):
        assert word in page
    assert "합격" not in page  # no word of ours is taken away
    assert "순서" in (dokimasia.folder / dokimasia("index", "--lang", "ko").stdout.strip()).read_text("utf-8")


def test_a_finding_of_its_probe_opens_with_its_picture(dokimasia, audit):
    page = report(dokimasia, audit, "--lang", "ko")
    assert page.count("<figure tabindex") == 2
    assert "최대 " in page
    assert page.count("<rect") >= 180, "a bar for each of 90 texts"


def test_a_trainer_of_its_own_makes_what_its_model_opens(dokimasia):
    plan = """\
title: 글자
data: {use: letters.starts, letters: abcde, count: 500}
models: [{name: counted, trainer: {use: letters.counting}}]
"""
    (dokimasia.folder / "fit.yaml").write_text(plan, "utf-8")
    told = json.loads(dokimasia("fit", "fit.yaml", "--json").stdout)
    assert told["parts"]["train"] == 300
    assert told["models"]["counted"]["loss"] == pytest.approx(math.log(5), abs=0.05)
    fitted = audited(dokimasia, "counted", "letters, path: models/counted", 1)
    assert fitted.record.findings[1].measures[0].value == pytest.approx(1 / 5, abs=0.06)


def test_a_report_a_comparison_and_a_command_of_its_own(dokimasia, audit):
    shares = [one.measures[0].value for one in audit.record.findings]
    text = report(dokimasia, audit, "--lang", "ko", "--format", "letters")
    assert text == "글자 보고서: 글자\n다음 글자: {:.2f}\n다음 글자: {:.2f}\n".format(*shares)
    other = audited(dokimasia, "slant", "letters, slant: 1.0", 1)
    told = ("compare", audit.folder.name, other.folder.name, "--margin", "0.5", "--format", "letters", "--lang", "ko")
    path = dokimasia(*told, code=None).stdout.splitlines()[-1]
    assert (dokimasia.folder / path).read_text("utf-8").startswith("비교 결과: ")
    assert dokimasia("count-audits").stdout == f"{len(list((dokimasia.folder / 'audits').glob('*/record.json')))}\n"


def test_a_model_that_lacks_what_a_procedure_needs_is_skipped_with_its_reason(dokimasia):
    skipped = audited(dokimasia, "markov", "outside.markov", 3)
    assert {one.verdict for one in skipped.record.findings} == {"skipped"}
    assert skipped.record.findings[0].reason == {
        "key": "ability", "model": "markov", "ability": "letters.successions", "why": "its letters have no order",
    }  # fmt: skip
    page = text_of(report(dokimasia, skipped, "--lang", "ko"))
    assert "다음 글자 세기" in page
    assert "글자에 순서가 없음" in page


def test_parts_and_schema_know_the_new_kinds(dokimasia):
    found = json.loads(dokimasia("parts", "--json").stdout)
    assert found["procedures"]["letters.successions"].startswith("Return columns, one row a text: `successors`")
    assert set(found["procedures"]) > {"denoising_curve", "elbo_parts", "marked_sample", "timing", "token_ids"}
    assert found["watermarks"]["letters.successors"].startswith("Favours the letter")
    assert found["watermarks"]["kgw"].startswith("The KGW mark")
    assert found["image_marks"]["letters.corner"].startswith("Eight bits")
    assert found["audio_marks"]["letters.steps"].startswith("Eight bits")
    assert found["video_marks"]["letters.fades"].startswith("Eight bits")
    assert "toy-law" in found["frameworks"]
    assert "toy-law                     4  staged, checked 2026-11-28  Toy law\n" in dokimasia("frameworks").stdout
    assert "art-1  1(1)  [direct]" in dokimasia("frameworks", "toy-law").stdout
    assert found["words"] == {"outside": "Words of the parts from outside."}
    assert "bias: float (default 3.0)" in dokimasia("parts", "letters.successors").stdout
    assert "needs of a model: Spelling" in dokimasia("parts", "letters.successions").stdout
    schema = jsonschema_rs.validator_for(json.loads(dokimasia("schema", "plan").stdout))
    plan = yaml.safe_load(PLAN.format(model="letters"))
    assert schema.is_valid(plan)
    plan["checks"][0]["probe"]["mark"] = {"use": "letters.successors", "bais": 3.0}
    assert not schema.is_valid(plan)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"__init__.py": "", "ko.json": "{"}, "words 'w': ko.json is no JSON in UTF-8: "),
        ({"__init__.py": "", "ko.json": "[]"}, "words 'w': ko.json is no catalogue; allowed: {section: {key: text}}"),
        ({"__init__.py": "", "ko.json": '{"a": 1}'}, "words 'w': ko.json is no catalogue"),
        ({}, "words 'w' of broken-words cannot be imported: No module named 'broken_words'"),
        ({"__init__.py": "", "en.json": "{"}, None),  # the fault of another language is none of this one
    ],
)
def test_words_that_cannot_be_read_are_told_in_one_line(tmp_path, monkeypatch, files, message):
    about = tmp_path / "broken_words-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-words\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[dokimasia.words]\nw = broken_words\n")
    for name, text in files.items():
        (tmp_path / "broken_words").mkdir(exist_ok=True)
        (tmp_path / "broken_words" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_words", raising=False)
    for cache in (plugins._installed, plugins._group, words_of):
        cache.cache_clear()
    try:
        if message is None:
            assert words_of("ko")("verdict.failed") == "미달"
        else:
            with pytest.raises(UsageError) as caught:
                words_of("ko")
            assert str(caught.value).startswith(message)
    finally:
        for cache in (plugins._installed, plugins._group, words_of):
            cache.cache_clear()
        sys.modules.pop("broken_words", None)
