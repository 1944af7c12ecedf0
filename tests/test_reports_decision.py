"""The decision page: who found what, who has to act, what is left; the same in every document and on the screen."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from report_fixtures import HOSTILE, finding, rate, write_audit
from test_reports_html import page

import audit.review.state as state_module
from audit.record import Limit, RunFacts, Spent, load_record
from audit.review import Decision, Due, Override, Owner, Status, add_reviews, state_of
from audit.signing import make_key
from audit.signing.keys import read_key
from dashboard import thumbnails
from dashboard.loading import AUDITS
from reports.documents.html_report import render_html
from reports.documents.markdown_report import render_markdown
from reports.figures import Step, funnel_chart
from reports.options import ReportOptions
from reports.pictures import pictures_of, thumbnail
from reports.text import Notation, words_of
from reports.views import decision_page, item_cards, overview

AT = datetime(2026, 11, 24, 10, 3, tzinfo=UTC)
NOTATION = Notation(words_of("en"))


def check(name, verdict, wrong=None):
    measures = [] if wrong is None else [rate("error_share", wrong, 100)]
    limit = None if verdict == "measured" else Limit(measure="error_share", at_most=0.1)
    return finding(name, verdict, f"{name} says why.", measures=measures, limit=limit, probe="factuality.closed_book")


@pytest.fixture
def audit(tmp_path):
    """Of 14 checks 12 were measured and 9 decided; 3 of them failed."""
    verdicts = ["failed"] * 3 + ["inconclusive"] * 2 + ["passed"] * 6 + ["measured"] + ["skipped", "crashed"]
    checks = [
        check(f"c{at:02}", verdict, None if verdict in ("skipped", "crashed") else 30)
        for at, verdict in enumerate(verdicts)
    ]
    return write_audit(tmp_path / "audit", checks)


def page_of(audit, on=None, lang="en"):
    return decision_page(audit, overview(audit, words_of(lang)), Notation(words_of(lang)), state_of(audit, on))


def test_what_an_endpoint_took_is_a_quiet_line_of_page_and_reports(audit):
    assert page_of(audit).spent == ()
    took = {"main": Spent(calls=1200, counted=1198, input=34000, output=560, money=0.0123, currency="USD")}
    day = "2026-11-28T08:00:00+00:00"
    run = RunFacts(started=day, finished=day, seconds=1.0, host="h", platform="p", python="3.11", spent=took)
    asked = replace(audit, run=run)
    told = "Endpoint (audited): 1,200 calls, 34,000 + 560 tokens, 0.0123 USD; 2 of the calls not counted, "
    assert page_of(asked).spent[0].startswith(told)
    assert told in render_html(asked)["report.html"].decode()
    assert told.partition(" +")[0] in render_markdown(asked)["report.md"].decode()
    (korean,) = page_of(asked, lang="ko").spent
    assert "): 호출 1,200회, 토큰 34,000 + 560개, 0.0123 USD. 이 가운데 2회는 " in korean


def counts(audit):
    return {step.label: step.count for step in page_of(audit).steps}


def test_the_funnel_says_how_many_are_left_after_each_step(audit):
    assert counts(audit) == {"asked": 14, "measured": 12, "decided": 9, "failed": 3, "waived": 0, "still failed": 3}
    waiver = Status(check="c00", status="waived", reason="closed trial", until=date(2026, 12, 31))
    add_reviews(audit, waiver, author="Kim", at=AT)
    assert counts(audit) == {"asked": 14, "measured": 12, "decided": 9, "failed": 3, "waived": 1, "still failed": 2}
    assert page_of(audit).steps_told == "14 asked, 12 measured, 9 decided, 3 failed, 1 waived, 2 still failed"
    ended = {step.label: step.count for step in page_of(audit, date(2027, 1, 1)).steps}
    assert (ended["waived"], ended["still failed"]) == (0, 3)
    add_reviews(audit, Status(check="c01", status="fixed", reason="done"), author="Kim", at=AT)
    assert counts(audit) == {
        "asked": 14, "measured": 12, "decided": 9, "failed": 3, "waived or settled": 2, "still failed": 1,
    }


def test_bars_are_as_high_as_their_counts_and_what_was_taken_away_hangs_over_the_rest():
    steps = [Step("asked", 8), Step("failed", 4), Step("waived", 1, lifted=3, hollow=True), Step("open", 3)]
    drawn = ET.fromstring(str(funnel_chart(steps, "<t>", "d")))
    assert drawn.find("title").text == "<t>"
    bars = [(float(one.get("y")), float(one.get("height"))) for one in drawn.iter("rect")]
    heights = [height for _, height in bars]
    assert heights == pytest.approx([50, 25, 6.25, 18.75], abs=0.06)
    assert bars[2][0] == pytest.approx(bars[1][0], abs=0.1), "from the height of what failed"
    assert bars[2][0] + bars[2][1] == pytest.approx(bars[3][0], abs=0.1), "to that of what is open"


def test_the_counts_beside_the_funnel_are_those_of_its_bars(tmp_path):
    """People looked at all 40 items and found 3 wrong, not 16, so that the check passes: funnel and tally say so."""
    frame = pd.DataFrame({"id": [f"q{at:02}" for at in range(40)], "value": [1.0] * 16 + [0.0] * 24})
    limit, made = Limit(measure="error_share", at_most=0.25), replace(rate("error_share", 16, 40), mean_of="value")
    audit = write_audit(tmp_path, [finding("bad", "failed", "why", measures=[made], limit=limit)], items={"bad": frame})
    seen = [Override(check="bad", item=f"q{at:02}", value=float(at < 3), reason="seen") for at in range(40)]
    add_reviews(audit, *seen, author="Kim", at=AT)
    shown = page_of(audit)
    assert (shown.machine, shown.counts) == ("failed", (("passed", 1),))
    assert counts(audit)["failed"] == 0
    tallied = render_html(audit)["report.html"].decode().partition('<ul class="tally">')[2].partition("</ul>")[0]
    assert "<b>1</b> passed" in tallied
    assert "failed" not in re.sub(r"<svg.*?</svg>", "", tallied)


def acts(audit, on=None):
    return page_of(audit, on).acts


def test_it_names_who_has_to_act_and_by_when(audit, tmp_path):
    kim, lee = (read_key(tmp_path / name) for name in ("kim", "lee") if make_key(tmp_path / name))
    assert acts(audit) == (("Somebody has to ask for a review.", False), ("6 open findings without an owner", False))
    add_reviews(
        audit, Owner(check="c00", owner="Lee"), Due(check="c00", due=date(2026, 12, 15)),
        Owner(check="c01", owner="Lee"), Owner(check="c03", owner="Park"), Due(check="c03", due=date(2026, 12, 1)),
        Decision(decision="in review", two_person=True), author="Kim", at=AT, key=kim,
    )
    assert [told for told, _ in acts(audit)] == [
        "Asked by Kim on 2026-11-24; a second person has to approve.",
        "Park by 2026-12-01: c03", "Lee by 2026-12-15: c00, c01", "3 open findings without an owner",
    ]
    late = dict(acts(audit, date(2026, 12, 2)))
    assert [told for told, over in late.items() if over] == ["Park by 2026-12-01: c03"]
    add_reviews(audit, Decision(decision="approved", reason="fine"), author="Lee", at=AT, key=lee)
    assert acts(audit)[0] == ("By Lee on 2026-11-24.", False)
    assert (page_of(audit).decision, page_of(audit).machine, page_of(audit).after) == ("Approved", "failed", "failed")


def test_a_report_says_how_many_findings_have_no_page_and_reads_the_reviews_once(tmp_path, monkeypatch):
    many = write_audit(tmp_path / "many", [check(f"c{at:02}", "failed", 30) for at in range(42)])
    read, asked = state_module.read_reviews, []
    monkeypatch.setattr(state_module, "read_reviews", lambda folder: asked.append(folder) or read(folder))
    told = render_html(many)["report.html"].decode()
    assert len(asked) == 1
    assert told.count('<article class="page"') == 40
    assert "2 more findings that somebody has to settle have no page here" in told


def test_each_finding_has_one_row_the_worst_first_and_what_was_not_measured_stands_apart(audit):
    shown = page_of(audit)
    assert [row.view.name for row in shown.rows][:4] == ["c00", "c01", "c02", "c13"]
    assert {gap.view.name for gap in shown.gaps} == {"c12"}
    told = page(audit)
    assert len(told.all("table", **{"class": "findings"})) == 1
    assert len(told.all("a", **{"class": "name"})) == 13
    assert not told.all("table", **{"class": "dimensions"})
    settled = {row.view.name: row.after for row in shown.rows}
    assert settled["c00"] is None


def test_a_waived_finding_has_the_machines_verdict_and_the_one_after_review(audit):
    waiver = Status(check="c00", status="waived", reason="closed trial", until=date(2026, 12, 31))
    add_reviews(audit, waiver, Owner(check="c00", owner="Lee"), author="Kim", at=AT)
    row = page_of(audit).rows[0]
    assert (row.view.verdict, row.after.word, row.after.owner) == ("Failed", "Waived", "Lee")
    assert page_of(audit).after_told == "1 waived"


def test_every_finding_to_settle_has_an_article_with_six_items_all_else_is_in_the_appendix(tmp_path):
    frame = pd.DataFrame({
        "id": [f"i{at}" for at in range(9)], "question": [f"What is {at} + 1?" for at in range(9)],
        "outcome": ["wrong" if at > 2 else "right" for at in range(9)], "against": [at > 2 for at in range(9)],
        "weight": [float(at) for at in range(9)],
    })  # fmt: skip
    audit = write_audit(tmp_path, [check("bad", "failed", 30), check("good", "passed", 1)], items={"bad": frame})
    cards = item_cards(audit, audit.finding("bad"), NOTATION)
    assert [(card.title, card.outcome, card.sign) for card in cards] == [
        (f"What is {at} + 1?", "wrong", "failed") for at in range(8, 2, -1)
    ]
    html = render_html(audit)["report.html"].decode()
    before, after = html.split('<div id="appendix">')
    assert before.count("<article") == 1
    assert 'id="check-bad"' in before
    assert before.count("+ 1?") == 6
    assert 'id="check-good"' in after
    assert after.count("+ 1?") == 9
    (tmp_path / "items" / "bad.parquet").unlink()
    assert item_cards(audit, audit.finding("bad"), NOTATION) == ()


def test_an_item_that_went_well_is_not_headed_by_the_checks_verdict(tmp_path):
    frame = pd.DataFrame({"id": ["a"], "question": ["Who?"], "outcome": ["right"], "against": [False], "value": [0.0]})
    audit = write_audit(tmp_path, [check("bad", "failed", 30)], items={"bad": frame})
    [card] = item_cards(audit, audit.finding("bad"), NOTATION)
    assert (card.sign, card.outcome) == ("passed", "right")


def test_a_thumbnail_keeps_its_message_and_loses_the_words_in_it(tmp_path):
    frame = pd.DataFrame({"id": ["a", "b"], "value": [1.0, 0.0], "margin": [-0.5, 1.5], "outcome": ["wrong", "right"]})
    one = check("bad", "failed", 30)
    audit = write_audit(tmp_path, [one], items={"bad": frame})
    [picture] = pictures_of(audit, audit.finding("bad"), NOTATION)
    small = ET.fromstring(str(thumbnail(picture)))
    whole = ET.fromstring(str(picture.drawing))
    assert small.find("desc").text == whole.find("desc").text
    assert list(whole.iter("text"))
    assert not list(small.iter("text"))
    assert (small.get("width"), small.get("height")) == ("132", "60")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_what_people_wrote_is_text_and_the_bytes_are_the_same(audit, lang):
    said = [Owner(check="c00", owner="Lee <b>"), Due(check="c00", due=date(2026, 12, 15))]
    add_reviews(audit, *said, author="Kim <i>", at=AT)
    add_reviews(audit, Decision(decision="changes asked", reason=HOSTILE[0]), author="Kim <i>", at=AT)
    first = render_html(audit, ReportOptions(lang=lang))
    assert render_html(load_record(audit.folder), ReportOptions(lang=lang)) == first
    html = first["report.html"].decode()
    assert not re.search(r"Lee <b>|Kim <i>|<script", html)
    assert "Lee &lt;b&gt;" in html


def test_thumbnails_are_drawn_once_for_a_state_of_the_files(tmp_path, monkeypatch):
    frame = pd.DataFrame({"id": ["a", "b"], "value": [1.0, 0.0], "margin": [-0.5, 1.5], "outcome": ["wrong", "right"]})
    write_audit(tmp_path / "one", [check("bad", "failed", 30)], items={"bad": frame})
    monkeypatch.setenv(AUDITS, str(tmp_path))
    drawn = []
    real = thumbnails.pictures_of
    monkeypatch.setattr(
        thumbnails, "pictures_of", lambda *given, **most: drawn.append(given) or real(*given, **most)
    )
    first = thumbnails.thumbnails_of("one", "en")
    assert first["bad"].startswith('<img class="thumb"')
    assert thumbnails.thumbnails_of("one", "en") is first
    assert len(drawn) == 1
    whole = thumbnails.drawn_once("one", "bad", "en")
    assert thumbnails.drawn_once("one", "bad", "en") is whole
    assert len(whole) == 1
    assert len(drawn) == 2
    (tmp_path / "one" / "items" / "bad.parquet").write_bytes(b"changed")
    assert thumbnails.thumbnails_of("one", "en") == {}, "what is not the record's is not drawn"
    assert thumbnails.drawn_once("one", "bad", "en") == ()
