"""Catalogues: what a file may hold, every mistake at once, and the quick reader reads what the strict one reads."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest
from law import LAW

import reports
import reports.frameworks
from audit.cli.app import execute
from audit.cli.schemas import json_schema
from audit.errors import PlanError
from audit.frameworks import check_file, claims_in, framework_names, load_framework, read_framework, unknown_clause
from audit.plan import read_plan

FILES = sorted(Path(reports.frameworks.__file__).parent.glob("*.yaml"))


@pytest.fixture
def law(tmp_path):
    path = tmp_path / "toy-law.yaml"
    path.write_text(LAW, "utf-8")
    return path


def problems(text, name="toy-law.yaml"):
    with pytest.raises(PlanError) as caught:
        read_framework(text, name)
    return caught.value.problems


def test_a_catalogue_reads_as_it_is_written(law):
    found = check_file(law)
    first, second, third, _ = found.clauses
    assert found.dated_by(first).id == "kind"
    assert found.sure_of(first) == "A"
    assert found.sure_of(second) == "C"
    assert third.words_on(date(2026, 9, 29)).en == "Older words"
    assert third.words_on(date(2026, 9, 30)).en == third.words_on(None).en == "Somebody answers for it"
    assert found.clause("art-9") is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("strength: process", "strength: full", ":46:3: clauses.strength: got 'full'"),
        ("needs: [decided]", "needs: [decide]", ":25:11: clauses.needs: got 'decide'"),
        ("role: [user]", "role: [usr]", "question 'role' has no choice 'usr' (did you mean 'user'?)"),
        ("when: {kind: [late]}", "when: {knd: [late]}", "no question 'knd' (did you mean 'kind'?)"),
        ("early: 2026-01-01,", "soon: 2026-01-01,", "soon, late: not choices of one question"),
        ("applies_from: 2026-03-01", "applies_from: 2026-13-01", ":43:17: got '2026-13-01'; allowed: what"),
        ("  strength: none\n", "  strength: none\n  needs: [sealed]\n", "strength none has no tests, needs or full"),
        ("  strength: direct\n", "  strength: direct\n  shown_by: policy\n", "shown_by goes with strength none"),
        ("  needs: [approved, sealed]\n", "", "strength process needs tests, or needs that a record can hold"),
        ("  strength: partial\n", "  strength: partial\n  full: [sealed]\n", "full goes with strength direct"),
        ("full: [limit_before,", "full: [decided,", "decided stands in needs and in full"),
        (", ko: 비율}", "}", "clauses.evidence.ko is missing"),
        ("id: art-4", "id: art-3", "'art-3' stands twice"),
        ("  dimensions: [bias-output]\n", "  dimension: [bias-output]\n", "unknown key 'dimension' (did you mean"),
        ("bias.stereotype_pairs |", "bias.stereotype_pairs,", "got 'bias.stereotype"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, told):
    assert old in LAW
    if "pairs," in new:
        new, told = "bias.stereotype_pairs |x", "allowed: dimension.probe"
    found = problems(LAW.replace(old, new, 1))
    assert any(told in one for one in found), found
    assert all(one.startswith("toy-law.yaml:") for one in found)


def test_the_check_tells_unknown_tests_and_claims_all_at_once(law):
    text = LAW.replace("factuality.closed_book", "factuality.closed_bok").replace("en: rates", "en: a compliant rate")
    law.write_text(text.replace("ko: 한계와 구간", "ko: 한계를 준수함").replace("id: toy-law", "id: toy"), "utf-8")
    with pytest.raises(PlanError) as caught:
        check_file(law)
    told = caught.value.problems
    assert [one.split(":")[1] for one in told] == ["1", "27", "35", "37"]
    assert "id is 'toy', the file is toy-law.yaml" in told[0]
    assert "'준수함'" in told[1]
    assert "unknown probe 'factuality.closed_bok' (did you mean 'factuality.closed_book'?)" in told[2]
    assert "'compliant'" in told[3]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("imported.scores@jailbrake", "imported.scores is not about 'jailbrake' (did you mean 'jailbreak'?)"),
        ("bias.stereotype_pairs@privacy", "bias.stereotype_pairs is not about 'privacy'"),
        ("imported.scores@privacy", None),
    ],
)
def test_a_topic_is_one_that_the_probe_can_be_about(tmp_path, test, told):
    law = tmp_path / "toy-law.yaml"
    law.write_text(LAW.replace("[bias.stereotype_pairs]", f"[{test}]"))
    if told is None:
        assert check_file(law).clauses
        return
    with pytest.raises(PlanError) as caught:
        check_file(law)
    assert told in caught.value.problems[0]


def test_words_that_claim_are_seen_and_words_near_them_are_not():
    for claim in ("is compliant", "Certified by us", "conformant", "요건을 준수함", "인증받은 모델", "적합 판정"):
        assert claims_in(claim), claim
    for plain in ("a conformity assessment", "certification body", "적합성 평가", "인증 기관", "준수 여부"):
        assert not claims_in(plain), plain


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_installed_catalogue_has_no_mistake_and_reads_the_same_quickly(path):
    assert check_file(path) == load_framework(path.stem)


def test_a_reference_is_checked_where_its_framework_is_known():
    assert unknown_clause("our-own-rules:7") is None
    assert {path.stem for path in FILES} <= set(framework_names())
    for path in FILES[:1]:
        first = load_framework(path.stem).clauses[0].id
        assert unknown_clause(f"{path.stem}:{first}") is None
        assert f"did you mean {first!r}" in str(unknown_clause(f"{path.stem}:{first}x"))


PLAN = """\
title: Clauses
checks:
- name: pairs
  probe: {use: bias.data}
  data: {use: file, path: x.csv}
  clauses: [CLAUSES]
"""


def test_a_plan_names_clauses_that_are_there(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("group,label\na,1\n")
    (tmp_path / "plan.yaml").write_text(PLAN.replace("CLAUSES", "nist-ai-rmf:ms-2.11, our-rules:7"))
    assert execute(["check-plan", str(tmp_path / "plan.yaml")]) == 0
    assert capsys.readouterr().err.endswith("plan.yaml: clauses of our-rules: not installed, so not checked\n")
    with pytest.raises(PlanError) as caught:
        read_plan(PLAN.replace("CLAUSES", "our-rules:7, nist-ai-rmf:ms-2.111"), base=tmp_path)
    (told,) = caught.value.problems
    assert told.startswith("plan.yaml:6:26: unknown clause 'ms-2.111' of nist-ai-rmf (did you mean 'ms-2.1")
    known = jsonschema_rs.validator_for(json.loads(json_schema("plan")))
    assert known.is_valid({"title": "x", "checks": [{"name": "a", "probe": {"use": "bias.data"}, "clauses": ["a:b"]}]})
    assert '"nist-ai-rmf:ms-2.11"' in json_schema("plan")


def texts_of(value):
    if isinstance(value, dict):
        yield from (text for one in value.values() for text in texts_of(one))
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_nothing_that_a_reader_sees_claims_what_no_audit_may_claim(lang):
    told = list(texts_of(json.loads((Path(reports.__file__).parent / f"text/locale/{lang}.json").read_text("utf-8"))))
    assert len(told) > 1000
    assert {text: claims_in(text) for text in told if claims_in(text)} == {}
    for name in framework_names():
        framework = load_framework(name)
        ours = [framework.note, *(one.evidence for one in framework.clauses)]
        assert not [text for text in ours if text is not None and claims_in(text.of(lang))]


def test_every_name_of_ours_has_its_file_and_no_file_lacks_its_name():
    assert {path.stem for path in FILES} == {name for name in framework_names() if name != "toy-law"}
