"""What people said, in every report: standing and sign-off, the reviewed result beside the machine's; inert, pure."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from report_fixtures import HOSTILE, finding, mixed, rate, write_audit
from review_fixtures import SHEET
from test_reports_html import page
from test_reports_markdown import rendered, shown

from audit.errors import IntegrityError
from audit.files import canonical
from audit.record import Limit, dump, load_record
from audit.review import (
    PROBLEMS,
    Action,
    Comment,
    Decision,
    Due,
    Override,
    Owner,
    Rating,
    Sample,
    Status,
    add_reviews,
    state_of,
)
from audit.signing import make_key
from audit.signing.keys import read_key
from reports.documents.html_report import render_html
from reports.documents.json_report import render_json
from reports.documents.markdown_report import MOST_CHARACTERS, render_markdown
from reports.options import ReportOptions
from reports.text import Notation, words_of
from reports.views import review_view

AT = datetime(2026, 11, 24, 10, 3, tzinfo=UTC)
NOTATION = Notation(words_of("en"))
FORMATS = (render_html, render_markdown, render_json)


@pytest.fixture
def audit(tmp_path):
    """Of 40 answers 16 are wrong; the limit is 25 %."""
    values = [1.0] * 16 + [0.0] * 24
    frame = pd.DataFrame({"id": [f"q{number:02}" for number in range(40)], "value": values})
    measure = replace(rate("error_share", 16, 40), mean_of="value")
    one = finding(
        "facts", "failed", "error share is 40 %; the whole interval breaks the limit.", measures=[measure],
        limit=Limit(measure="error_share", at_most=0.25), controls={"positive": True, "negative": True},
    )
    return write_audit(tmp_path / "audit", [one], items={"facts": frame})


def reviewed(audit, tmp_path, looked_at=40):
    make_key(tmp_path / "lee")
    add_reviews(
        audit,
        Rating(check="facts", rating="high"), Owner(check="facts", owner="Park"),
        Action(check="facts", action="Retrain"), Due(check="facts", due=date(2026, 12, 1)),
        Comment(check="facts", text="Seen.\nTwice."),
        Status(check="facts", status="waived", reason="pilot only", until=date(2026, 12, 31)),
        *(Override(check="facts", item=f"q{number:02}", value=float(13 <= number < 16), reason="right after all")
          for number in range(looked_at)),
        Decision(decision="in review"),
        author="Kim", at=AT,
    )
    approval = Decision(decision="approved", reason="fine")
    add_reviews(audit, approval, author="Lee", key=read_key(tmp_path / "lee"), at=AT)
    return audit


def test_the_page_shows_standing_results_and_sign_off(audit, tmp_path):
    found = page(reviewed(audit, tmp_path))
    said = found.text
    for text in ("Rating", "High", "Park", "Retrain", "2026-12-01", "Seen.\nTwice."):
        assert text in said
    assert "until 2026-12-31, given by Kim (not signed). pilot only" in said
    rows = [one[2] for one in found.all("tr")]
    machine = next(row for row in rows if "By the machine" in row)
    after = next(row for row in rows if row.strip().startswith("After review"))
    assert "40.0" in machine
    assert "Failed" in machine
    assert "7.50" in after
    assert "[1.57" in after, "exact interval of 3 in 40"
    assert "Passed" in after
    (kim, lee) = (row for row in rows if "In review" in row or "Approved" in row)
    assert "not signed" in kim
    assert "signature holds" in lee
    assert "sha256:" in lee
    assert "High: do not use the model before it is settled" in said
    assert "“Failed” by the machine, “Measured” after review; 1 finding is waived (facts)" in said


def test_documents_say_how_far_two_reviewers_agree_and_where_they_do_not(audit):
    words = [("right", "right"), ("wrong", "wrong"), ("right", "wrong"), ("wrong", "wrong"), ("unsure", "right")]
    for number, pair in enumerate(words):
        for author, word in zip(("Kim", "Lee"), pair, strict=True):
            add_reviews(audit, Override(check="facts", item=f"q{number:02}", word=word), author=author, at=AT)
    said = page(audit).text
    assert "q02: right / wrong" in said
    assert "q04: not sure / right" in said
    assert "q01:" not in said
    observed, chance = 3 / 5, (2 * 2 + 2 * 3) / 25
    kappa = (observed - chance) / (1 - chance)
    assert f"{kappa:.3f}" in said
    line = next(line for line in shown(audit).splitlines() if "Kim and Lee" in line)
    assert f"kappa {kappa:.3f}" in line


def test_markdown_and_twin_say_the_same(audit, tmp_path):
    text = rendered(shown(reviewed(audit, tmp_path))).text
    for one in ("Approved", "Lee", "signature holds", "Rating: High"):
        assert one in text
    assert "By the machine: Failed 40.0" in text
    assert "After review: Passed 7.50" in text
    twin = json.loads(render_json(audit)["report.json"])
    assert twin["reviews"] == json.loads(canonical(state_of(audit).as_json()))
    assert twin["reviews"]["reviewed"]["facts"]["after"]["measure"]["value"] == pytest.approx(3 / 40)
    assert twin["reviews"]["reviewed"]["facts"]["machine"]["measure"]["value"] == pytest.approx(0.4)
    assert twin["record"] == json.loads((audit.folder / "record.json").read_bytes())


def test_a_number_after_review_of_chosen_items_has_no_interval_and_decides_nothing(audit, tmp_path):
    """Only what was flagged was looked at: 7.5 % is shown, as measured, and the machine's verdict stands."""
    found = page(reviewed(audit, tmp_path, looked_at=13))
    after = next(one[2] for one in found.all("tr") if one[2].strip().startswith("After review"))
    assert "7.50" in after
    assert "Measured" in after
    assert "[" not in after
    assert words_of("en")("problem.chosen") in found.text
    assert state_of(audit).reviewed["facts"].finding.verdict == "failed"


def markdown(audit, lang):
    return render_markdown(audit, ReportOptions(lang=lang))["report.md"].decode()


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_random_check_is_told_in_every_document(audit, lang):
    add_reviews(audit, Sample(check="facts", count=20), author="Kim", at=AT)
    drawn, words = state_of(audit).reviewed["facts"].check.drawn, words_of(lang)
    begun = words("reviewed.random_check", drawn="20", rest="40", looked="0", changed="0")
    assert begun in page(audit, lang=lang).text
    assert begun in rendered(markdown(audit, lang)).text
    said = page(audit, lang=lang).all("table", **{"class": "reviewed"})
    assert not [one for one in said if words("reviewed.after") in one[2]]
    add_reviews(
        audit, *(Override(check="facts", item=item, value=0.0, reason="seen") for item in drawn), author="Kim", at=AT
    )
    changed = sum(int(item[1:]) < 16 for item in drawn)
    done = words("reviewed.random_check", drawn="20", rest="40", looked="20", changed=str(changed))
    found = page(audit, lang=lang)
    assert done in found.text
    assert done in rendered(markdown(audit, lang)).text
    after = next(one[2] for one in found.all("tr") if one[2].strip().startswith(words("reviewed.after")))
    assert "[0" in after
    assert words("problem.chosen") not in found.text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_why_there_is_no_number_or_no_interval_is_told_in_words(lang):
    assert set(PROBLEMS) == set(words_of(lang).catalogue["problem"])


def test_nothing_said_shows_nothing(audit):
    assert review_view(audit, NOTATION) is None
    assert json.loads(render_json(audit)["report.json"])["reviews"] is None
    found = page(audit)
    assert not [one for one in found.all("section") if one[1].get("id") == "sign-off"]
    assert "sign-off" not in shown(audit)


@pytest.mark.parametrize("render", FORMATS)
def test_two_runs_give_the_same_bytes(audit, tmp_path, render):
    reviewed(audit, tmp_path)
    first = render(load_record(audit.folder))
    assert render(load_record(audit.folder)) == first


@pytest.mark.parametrize("problem", ["items_missing", "not_a_mean"])
def test_a_number_that_cannot_be_made_again_says_why(audit, tmp_path, problem):
    reviewed(audit, tmp_path)
    (audit.folder / "items" / "facts.parquet").unlink()
    sentence = words_of("en")("problem.items_missing")
    assert sentence in page(audit).text
    assert sentence in rendered(shown(audit)).text


def test_an_approval_that_does_not_count_is_told(audit, monkeypatch):
    record = audit.record.model_copy(update={"two_person": True})
    (audit.folder / "record.json").write_bytes(dump(record))
    audit = load_record(audit.folder)
    add_reviews(audit, Decision(decision="in review"), author="Kim")
    monkeypatch.setattr("audit.review.writer._refuse", lambda *_: None)
    add_reviews(audit, Decision(decision="approved"), author="Kim")
    assert "does not count: another person has to approve" in page(audit).text
    assert review_view(audit, NOTATION).sentence.startswith("In review")


def test_broken_reviews_stop_the_report(audit, tmp_path):
    path = reviewed(audit, tmp_path).folder / "reviews.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Park", b"Lark"))
    for render in FORMATS:
        with pytest.raises(IntegrityError):
            render(audit)


def test_a_torn_line_is_told(audit, tmp_path):
    path = reviewed(audit, tmp_path).folder / "reviews.jsonl"
    path.write_bytes(path.read_bytes() + b"{")
    assert words_of("en")("reviewed.torn") in page(audit).text
    assert "was not written whole" in rendered(shown(audit)).text


def test_hostile_words_of_people_stay_words(audit):
    for text in HOSTILE:
        name = "".join(char for char in text if char.isprintable())[:100] or "x"
        add_reviews(
            audit, Comment(check="facts", text=text[:4000]), Action(check="facts", action=text[:4000]),
            Override(check="facts", item="q01", value=0.5, reason=text[:4000]),
            Decision(decision="rejected", reason=text[:4000]), author=name,
        )
    html = page(audit)
    assert {one[0] for one in html.elements}.isdisjoint({"script", "img", "iframe"})
    assert not [one for one in html.elements if any(key.startswith("on") for key in one[1])]
    assert all(one[1]["href"].startswith("#") for one in html.all("a"))
    assert "<script>document.title='owned'</script>" in html.text
    markdown = rendered(shown(audit))
    assert markdown.tags.isdisjoint({"script", "img", "a"})


def test_much_is_said_and_the_documents_stay_small(tmp_path):
    audit = mixed(tmp_path / "audit", 200)
    said = [
        one
        for found in audit.record.findings
        for one in (Rating(check=found.check, rating="low"), Action(check=found.check, action="w" * 4000),
                    *(Comment(check=found.check, text="v" * 4000) for _ in range(3)))
    ]
    add_reviews(audit, *said, *(Decision(decision="draft", reason="u" * 4000) for _ in range(100)), author="Kim", at=AT)
    assert len(render_html(audit)["report.html"]) < 5_000_000
    assert len(render_markdown(audit)["report.md"].decode()) <= MOST_CHARACTERS


def test_the_sheet_stands_on_top(audit):
    assert words_of("en")("sheet.none") in page(audit).text
    record = audit.record.model_copy(update={"sheet": SHEET.model_copy(update={"data": HOSTILE[0], "purpose": "a\nb"})})
    (audit.folder / "record.json").write_bytes(dump(record))
    audit = load_record(audit.folder)
    html = page(audit)
    assert html.text.index("LM-7") < html.text.rindex("What was not measured")
    assert words_of("en")("sheet.none") not in html.text
    assert not html.all("script")
    markdown = rendered(shown(audit))
    for text in ("Inventory id: LM-7", "Model owner: Kim", HOSTILE[0]):
        assert text in markdown.text
    assert json.loads(render_json(audit)["report.json"])["record"]["sheet"]["inventory_id"] == "LM-7"
