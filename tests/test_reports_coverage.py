"""Documents of an audit in the eyes of a framework: every status with reason, next step and what it never says."""

import json
import re
from dataclasses import replace
from datetime import date

import pytest
from exchange_fixtures import MODEL, write_run
from needs import needs_korean_font, needs_pango
from report_fixtures import finding, rate, settled, write_audit
from test_reports_exchange import take_cyclonedx, take_oscal
from test_reports_pdf import opened, squeezed, tags_of, text_of

from audit.errors import UsageError
from audit.files import digest_file, write_atomic
from audit.frameworks import framework_names, load_framework
from audit.integrity import check_seal, seal_audit
from audit.plugins import load
from audit.policy import RANK, STATUSES, coverage_of, shown_by_words
from audit.record import Deviation, Limit, dump, load_record
from audit.review import Answers, Decision, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key
from reports.commands.reporting import report
from reports.documents.coverage_files import WRITERS
from reports.frameworks.coverage_view import SHOWN_AS, coverage_view, status_told
from reports.options import ReportOptions
from reports.text import visible, words_of

ACT = "eu-ai-act"
HELD = {"positive": True, "negative": True}


def make(folder):
    """An audit with a check that failed, one that passed and one that stayed undecided, and a run on a known day."""
    data = {"items": {"use": "file", "path": "a.csv", "digest": "sha256:0", "licence": "CC0", "items": 200}}
    limit = Limit(measure="accuracy", at_least=0.5)
    found = [
        finding("pairs", "failed", "f", measures=[rate("stereotype_share", 190, 200)], controls=HELD, data=data,
                limit=Limit(measure="stereotype_share", at_most=0.6)),
        finding("facts", "passed", "p", probe="factuality.closed_book", controls=HELD, data=data, limit=limit,
                measures=[rate("accuracy", 190, 200, direction="higher is better")], controlled=["accuracy"]),
        finding("words", "inconclusive", "i", probe="robustness.text", controls=HELD, data=data, limit=limit,
                measures=[rate("accuracy", 3, 6, direction="higher is better")]),
    ]  # fmt: skip
    audit = write_audit(folder, found, models={"main": MODEL})
    write_run(folder)
    write_atomic(folder / "plan.json", b"{}")
    return load_record(audit.folder)


def answered(audit, framework=ACT, **given):
    """Answer every question of a framework, with the first choice where none is named."""
    asked = load_framework(framework).questions
    answers = {one.id: given.get(one.id, ["none"]) for one in asked}
    add_reviews(audit, Answers(framework=framework, answers=answers), author="김지우")
    return load_record(audit.folder)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return make(tmp_path_factory.mktemp("bare") / "audit")


@pytest.fixture(scope="module")
def bound(tmp_path_factory):
    audit = make(tmp_path_factory.mktemp("bound") / "audit")
    return answered(audit, role=["provider", "deployer", "gpai"], **{"class": ["annex_iii"], "gpai": ["new"]})


def text(audit, format, framework=ACT, lang="en"):
    (data,) = WRITERS[format](audit, framework, ReportOptions(lang=lang)).values()
    return data.decode()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_clause_stands_with_status_reason_next_step_and_what_it_never_says(bound, lang):
    found = coverage_of(bound, load_framework(ACT))
    view = coverage_view(found, bound, words_of(lang))
    page, markdown = text(bound, "html", lang=lang), text(bound, "markdown", lang=lang)
    assert len(view.rows) == len(found.clauses) == page.count('<tr id="clause-')
    for row in view.rows:
        part = page.split(f'id="{row.anchor}"')[1].split("</tr>")[0]
        told = part.replace("<wbr>", "").replace("&#39;", "'").replace("&#34;", '"').replace("&amp;", "&")
        assert row.reason in told
        assert all(step in told for step in row.next_steps)
        assert row.ref in told
        if row.coverage.by_evidence in RANK:
            assert row.never
            assert row.never in told
    assert markdown.count("\n| ") >= len(view.rows)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_pdf_is_tagged_and_has_the_words_of_every_clause(bound, lang):
    needs_pango()
    needs_korean_font()
    law = "us-nyc-ll144"
    (data,) = WRITERS["pdf"](bound, law, ReportOptions(lang=lang)).values()
    assert (data,) == tuple(WRITERS["pdf"](bound, law, ReportOptions(lang=lang)).values()), "the same bytes again"
    view = coverage_view(coverage_of(bound, load_framework(law)), bound, words_of(lang))
    told = text_of(data)
    for row in view.rows:
        for part in (row.ref, row.says, row.status, row.reason, *row.next_steps):
            assert squeezed(part) in told, part
    assert squeezed(view.sentence) in told
    assert "Table" in {kind for page in opened(data) for kind, _ in tags_of(page)}


def test_what_a_person_shows_is_told_where_an_audit_shows_nothing(bound):
    rows = [one for one in coverage_of(bound, load_framework(ACT)).clauses if one.clause.strength == "none"]
    bound_ones = [one for one in rows if one.status == "no evidence"]
    assert bound_ones
    for one in bound_ones:
        told = str(shown_by_words(one.clause.shown_by))
        assert told in str(one.next_step)
        assert str(one.next_step) != "a person shows it by other means"


def test_the_order_is_that_of_reading_and_names_every_status():
    assert set(SHOWN_AS) == set(STATUSES)
    assert list(SHOWN_AS)[:2] == ["contradicted", "inconclusive"]


def test_the_json_says_what_the_rule_says(bound):
    told = json.loads(text(bound, "json"))
    found = coverage_of(bound, load_framework(ACT))
    assert {one["id"]: one["status"] for one in told["clauses"]} == {one.clause.id: one.status for one in found.clauses}
    assert sum(told["counts"].values()) == len(found.clauses)
    assert told["answers"]["role"]["choices"] == ["provider", "deployer", "gpai"]
    assert told["day"] == "2026-11-27"
    assert json.loads(text(bound, "json", lang="ko"))["counts"] == told["counts"]


def test_until_somebody_says_who_is_bound_a_page_says_so_first(bare, bound):
    command = "dokimasia frameworks ask eu-ai-act"
    page = text(bare, "html")
    assert page.index("Nobody has said whom this binds") < page.index('class="clauses"')
    assert command in page
    assert {one.status for one in coverage_of(bare, load_framework(ACT)).clauses} <= {STATUSES[-1], "no evidence"}
    assert "Nobody has said whom this binds" not in text(bound, "html")
    assert "김지우" in text(bound, "html")


def test_a_date_after_the_audit_is_marked_and_one_before_is_not(bound):
    view = coverage_view(coverage_of(bound, load_framework(ACT)), bound, words_of("en"))
    later = {row.day for row in view.dates if row.later}
    assert later == {one.on for one in load_framework(ACT).dates if date.fromisoformat(one.on) > date(2026, 11, 27)}
    assert text(bound, "html").count('class="later"') == len(later) > 0


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_date_that_passed_since_the_catalogue_was_checked_is_told(bound, lang):
    found = coverage_of(bound, load_framework(ACT))
    checked = date.fromisoformat(found.framework.checked.on)
    after = min(one.on for one in found.framework.dates if one.on > checked.isoformat())
    assert found.framework.passed(checked.isoformat()) == []
    assert found.framework.passed(after) == [after]
    before, later = (
        coverage_view(replace(found, day=day), bound, words_of(lang)).checked
        for day in (checked, date.fromisoformat(after))
    )  # fmt: skip
    assert later.startswith(before)
    assert later != before


def test_what_would_raise_most_statuses_comes_first(bound):
    view = coverage_view(coverage_of(bound, load_framework(ACT)), bound, words_of("en"))
    counts = [len(step.refs) for step in view.steps]
    assert counts == sorted(counts, reverse=True)
    assert all(any(step.step in row.next_steps for row in view.rows) for step in view.steps)
    rest = "nothing that an audit could add; a person shows the rest"
    assert any(rest in map(str.casefold, row.next_steps) for row in view.rows)
    assert rest not in [step.step.casefold() for step in view.steps]
    assert not any("no tool measures" in step.step for step in view.steps), "a clause with all evidence needs no step"


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_was_not_run_is_told_once_and_without_signs_of_a_language_of_programs(sealed, lang):
    audit = load_record(sealed.folder)
    for name in ("eu-ai-act", "kr-ai-basic-act"):
        view = coverage_view(coverage_of(audit, load_framework(name)), audit, words_of(lang))
        later = sum(row.coverage.status == "not yet in force" for row in view.rows)
        assert (f"{later}." in view.sentence or f"{later}개)" in view.sentence) == (later > 0)
        for row in view.rows:
            told = (row.reason, row.absent, *row.next_steps)
            assert not any(" | " in one for one in told)
            missing = row.coverage.tests_absent
            if missing and row.coverage.tests_run:
                assert sum(missing[0].split(" | ")[0] in one for one in (row.reason, row.absent)) == 1


def test_a_clause_whose_text_nobody_verified_says_so(bare):
    weak = [name for name in framework_names()
            if any(load_framework(name).sure_of(one) in "CD" for one in load_framework(name).clauses)]  # fmt: skip
    for name in weak[:2]:
        count = sum(load_framework(name).sure_of(one) in "CD" for one in load_framework(name).clauses)
        assert text(bare, "html", name).count('class="unsure"') == count


@pytest.mark.parametrize("name", framework_names())
def test_every_framework_is_told_and_taken_by_the_publishers_of_formats(bare, name):
    assert visible(load_framework(name).title.ko) in text(bare, "html", name, "ko").replace("&amp;", "&")
    take_oscal(json.loads(text(bare, "oscal", name)))
    take_cyclonedx(json.loads(text(bare, "cyclonedx", name)))
    take_cyclonedx(json.loads(text(bare, "cyclonedx-1.6", name)))


def test_only_what_is_supported_is_satisfied_and_no_clause_has_a_score(bound):
    found = coverage_of(bound, load_framework(ACT))
    (result,) = json.loads(text(bound, "oscal"))["assessment-results"]["results"]
    states = {one["target"]["target-id"]: one["target"]["status"]["state"] for one in result["findings"]}
    for one in found.clauses:
        wanted = {"not applicable": None, "supported": "satisfied"}.get(one.status, "not-satisfied")
        assert states.get(f"eu-ai-act_{one.clause.id}") == wanted
    told = json.loads(text(bound, "cyclonedx"))
    assert '"score"' not in text(bound, "cyclonedx")
    counter = {one["requirement"] for one in told["declarations"]["attestations"][0]["map"] if "counterClaims" in one}
    assert counter == {f"clause-{one.clause.id}" for one in found.clauses if one.by_evidence == "contradicted"}
    assert counter
    assert len(told["definitions"]["standards"][0]["requirements"]) == len(found.clauses)


def test_a_control_of_the_ai_rmf_has_the_id_of_its_oscal_catalogues(bare):
    assert '"ai-rmf-ms-2.11"' in text(bare, "oscal", "nist-ai-rmf")


def test_same_audit_same_bytes(bound):
    for format in ("html", "markdown", "json", "oscal", "cyclonedx"):
        assert text(bound, format) == text(bound, format)


def test_the_command_writes_it_beside_the_reports_and_refuses_what_has_no_clauses(tmp_path, capsys):
    audit = settled(make(tmp_path / "audit"))
    report(str(audit.folder), format="json", framework=ACT)
    path = audit.folder / "reports" / "coverage-eu-ai-act.json"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes().decode() == text(audit, "json")
    with pytest.raises(UsageError, match="report --framework: format 'junit'"):
        report(str(audit.folder), format="junit", framework=ACT)
    with pytest.raises(UsageError, match="eu-ai-axt"):
        report(str(audit.folder), format="html", framework="eu-ai-axt")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sealed")
    audit = make(folder / "audit")
    make_key(folder / "key")
    key = read_key(folder / "key")
    add_reviews(audit, Decision(decision="approved"), author="Kim", key=key)
    seal_audit(audit, key, "Kim")
    return load_record(audit.folder)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_dossier_names_tests_data_logs_and_who_signed(sealed, lang):
    words, page = words_of(lang), load("reports", "dossier")(sealed, ReportOptions(lang=lang))["dossier.html"].decode()
    assert page.count('<tr id="check-') == len(sealed.record.findings)
    assert check_seal(sealed).key in page
    assert page.count("Kim") >= 2
    for name in ("record.json", "run.json", "reviews.jsonl", "seal.json"):
        assert f">{name}</td>" in page
        assert digest_file(sealed.folder / name) in page
    row = coverage_of(sealed, load_framework(ACT)).clause("annex-iv-2-g")
    assert status_told(row.status, words) in page
    assert row.never.of(lang) in page
    assert "2026" in page.split('id="logs"')[1]


def test_without_a_seal_there_is_no_dossier(bare):
    for name in ("dossier", "dossier-pdf"):
        with pytest.raises(UsageError, match="without a seal"):
            load("reports", name)(bare, ReportOptions())


def test_a_limit_that_was_set_afterwards_is_told_in_the_dossier(sealed, tmp_path):
    """The column that says whether a limit was fixed before the first answer follows the deviations of the record."""
    page = load("reports", "dossier")(sealed, ReportOptions())["dossier.html"].decode()
    (row,) = re.findall(r'<tr id="check-facts">.*?</tr>', page, re.S)
    assert ">yes</td>" in row
    audit = make(tmp_path / "late")
    late = Deviation(check="facts", what="limit.at_least", before=0.9, after=0.5, registered="0123")
    write_atomic(audit.folder / "record.json", dump(audit.record.model_copy(update={"deviations": [late]})))
    audit = load_record(audit.folder)
    make_key(tmp_path / "key")
    seal_audit(audit, read_key(tmp_path / "key"), "Kim")
    page = load("reports", "dossier")(audit, ReportOptions())["dossier.html"].decode()
    (row,) = re.findall(r'<tr id="check-facts">.*?</tr>', page, re.S)
    assert ">no</td>" in row
