"""Measures over time: true to time, nothing on anything else, limits of then, versions and waivers told."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from comparison_fixtures import Asked, audit_of
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import rate
from test_dashboard_compare import html, links, screen, seen

from audit.files import canonical, sha256, write_atomic
from audit.record import Limit, RunFacts, Sheet, dump, load_record
from audit.review import Status, add_reviews
from dashboard.loading import AUDITS
from detectors.phrases import Cause
from reports.figures import PALETTE, Point, trend
from reports.figures.time_ticks import moments
from reports.text import Notation, words_of
from reports.views import AskedAudit, asked_of, trend_of, trends_of

N = Notation(words_of("en"))
START = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
LIMIT = Limit(measure="rate", at_most=0.5)
WIDTH = 420


def points(days, limit=LIMIT, verdict="passed", **more):
    return [Point(START + timedelta(days=day), f"day {day}", rate("rate", 5 + number % 36, 40), verdict, limit, **more)
            for number, day in enumerate(days)]  # fmt: skip


def circles(svg):
    return [tuple(map(float, two)) for two in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)]


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.integers(0, 40 * 365 * 86400), st.floats(90, 900))
def test_the_moments_of_an_axis_are_round_in_it_and_do_not_touch(first, seconds, room):
    last = first + timedelta(seconds=seconds)
    found = moments(first, last, room)
    assert all(first <= at <= last for at, _ in found)
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert len({text for _, text in found}) == len(found)
    if len(found) > 1:
        # the finest step is even but for months, whose lengths differ by a tenth
        gaps = [(two - one).total_seconds() for (one, _), (two, _) in pairwise(found)]
        assert max(gaps) <= 1.15 * min(gaps)
        assert len(found) * (6.2 * max(len(text) for _, text in found)) <= room


@pytest.mark.parametrize(
    ("first", "last", "texts"),
    [
        ("2026-03-02T09:00", "2026-11-20T08:00", ["2026-05", "2026-07", "2026-09", "2026-11"]),
        ("2026-11-27T22:31", "2026-11-27T22:55", ["11-27 22:45"]),
        ("2026-11-03T22:31", "2026-11-07T22:55", ["2026-11-05", "2026-11-07"]),
        ("2020-11-03T22:31", "2026-11-07T22:55", ["2021", "2022", "2023", "2024", "2025", "2026"]),
        ("2026-11-03T22:31", "2026-11-03T22:31", ["2026-11-03"]),
    ],
)
def test_moments_by_hand(first, last, texts):
    found = moments(datetime.fromisoformat(first), datetime.fromisoformat(last), 300)
    assert [text for _, text in found][: len(texts)] == texts


def test_a_trend_is_true_to_time_inside_its_frame_and_higher_is_higher():
    made = trend(points([0, 10, 40, 100]), N, title="rate")
    (a, b, c, d), ys = zip(*circles(made.drawing), strict=True)
    assert (b - a) / (d - a) == pytest.approx(0.1, abs=0.01)
    assert (c - a) / (d - a) == pytest.approx(0.4, abs=0.01)
    assert list(ys) == sorted(ys, reverse=True)
    assert [(round(x * WIDTH / 100, 1), round(y * 210 / 100, 1)) for x, y in made.spots] == [
        (pytest.approx(x, abs=0.1), pytest.approx(y, abs=0.1)) for x, y in circles(made.drawing)
    ]


@given(st.lists(st.sampled_from([0, 0, 0, 1, 200, 400]), min_size=1, max_size=60))
def test_audits_of_one_moment_are_told_apart_and_stay_in_the_frame(days):
    xs = [x for x, _ in circles(trend(points(sorted(days)), N, title="rate").drawing)]
    gap = min(11.0, (WIDTH - 18 - 56 - 12) / max(1, len(days) - 1))
    assert all(later - x >= gap - 0.05 for x, later in pairwise(xs))
    assert all(56 <= x <= WIDTH - 18 for x in xs)


def test_each_limit_is_drawn_where_it_held():
    """Two audits under 0.5 and two under 0.4: one band each, that meet at the third audit."""
    strict = Limit(measure="rate", at_most=0.4)
    four = [*points([0, 10]), *(one for one in points([0, 10, 20, 30], strict)[2:])]
    made = trend(four, N, title="rate").drawing
    bands = [tuple(map(float, two)) for two in re.findall(r'<rect x="([\d.]+)" y="[\d.-]+" width="([\d.]+)"', made)]
    third = circles(made)[2][0]
    assert bands == [(56.0, pytest.approx(third - 56, abs=0.02)), (third, pytest.approx(WIDTH - third, abs=0.02))]


def test_a_verdict_is_told_by_shape_a_waiver_by_a_ring_and_a_version_by_its_name():
    (failed,), (open_one,) = points([0], verdict="failed"), points([0], verdict="inconclusive")
    drawn = trend([failed], N, title="r").drawing
    assert (drawn.count("<rect"), circles(drawn)) == (2, [])
    assert 'fill="#ffffff"' in trend([open_one], N, title="r").drawing
    (waived,) = points([0], verdict="failed", waived=True)
    assert len(circles(trend([waived], N, title="r").drawing)) == 1
    versions = [*points([0], version="v <1>"), *points([100], version="v2")]
    drawn = trend(versions, N, title="r").drawing
    assert "v &lt;1&gt;" in drawn
    assert drawn.count('stroke-dasharray="2 3"') == 1, "none before the first"


def audit_at(folder, model, when, right, inventory="M-17", least=0.5):
    asked = [Asked("facts", [1.0] * right + [0.0] * (100 - right), Limit(measure="accuracy", at_least=least)),
             Asked("free", [1.0] * 9)]  # fmt: skip
    audit = audit_of(folder, asked, model)
    sheet = None if inventory is None else Sheet(inventory_id=inventory)
    record = audit.record.model_copy(update={"id": folder.name, "sheet": sheet})
    write_atomic(folder / "record.json", dump(record))
    run = RunFacts(started=when, finished=when, seconds=1, host="", platform="", python="")
    write_atomic(folder / "run.json", dump(run))
    return load_record(folder)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    audit_at(tmp_path / "c", "helper 2", "2026-07-01T10:00:00+09:00", 30)
    audit_at(tmp_path / "a", "helper 1", "2026-03-01T10:00:00+00:00", 90)
    audit_at(tmp_path / "b", "helper 1", "2026-03-01T10:00:00+00:00", 88)
    audit_at(tmp_path / "d", "helper 2", "2026-08-01T10:00:00+00:00", 70, least=0.6)
    audit_at(tmp_path / "x", "helper 1", "2026-04-01T10:00:00+00:00", 50, inventory=None)
    return tmp_path


def test_panels_follow_what_decides_by_time_then_id_with_versions_and_waivers(home):
    asked = [AskedAudit(one, datetime.fromisoformat(one.run.started), frozenset({"facts"} if name == "c" else ()))
             for name in "cabd" for one in [load_record(home / name)]]  # fmt: skip
    (panel,) = trends_of(asked, N)
    assert (panel.check, panel.measure) == ("facts", "accuracy")
    assert [row.audit.record.id for row in panel.rows] == ["a", "b", "c", "d"]
    assert [row.version for row in panel.rows] == ["helper 1", "", "helper 2", ""]
    assert [row.waived for row in panel.rows] == [False, False, True, False]
    assert panel.rows[2].told.startswith("2026-07-01: helper 2; Failed, waived; 30.0")
    assert [row.row.limit_text.replace("\u00a0", " ") for row in panel.rows] == ["≥ 50 %"] * 3 + ["≥ 60 %"]
    assert trend_of(asked, "free", "accuracy", N).rows[0].row.value == "100\u00a0%"
    assert trend_of(asked, "free", "other", N) is None


def changed_plan(audit, change):
    """Write the plan of an audit anew, its check `facts` asked otherwise."""
    plan = json.loads((audit.folder / "plan.json").read_bytes())
    change(next(one for one in plan["checks"] if one["name"] == "facts"))
    write_atomic(audit.folder / "plan.json", canonical(plan))
    write_atomic(audit.folder / "record.json", dump(audit.record.model_copy(update={"plan": sha256(canonical(plan))})))


@pytest.mark.parametrize(
    ("change", "otherwise"),
    [
        (lambda check: check["data"]["items"].update(digest="sha256:other"), True),
        (lambda check: check["probe"].update(shots=3), True),
        (lambda check: check["data"]["items"].update(path="elsewhere.csv"), False),
    ],
)
def test_nothing_joins_two_audits_of_which_one_was_asked_otherwise(home, change, otherwise):
    """Other data or options, not another place, limit or model, part the last from the three before."""
    changed_plan(load_record(home / "d"), change)
    asked = [asked_of(load_record(home / name), 0.0, START.date()) for name in "abcd"]
    (panel,) = trends_of(asked, N)
    assert [row.otherwise for row in panel.rows] == [False, False, False, otherwise]
    joins = panel.drawing.count(f'stroke="{PALETTE["edge"]}"')
    assert joins == (2 if otherwise else 3)
    assert ("asked otherwise than the one before" in panel.rows[3].told) is otherwise
    assert ("asked otherwise than the one before" in seen(screen(screen="trends"))) is otherwise


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_check_that_gave_nothing_last_has_a_row_that_says_so(home, lang):
    """Crashed in the newest audit, so that the number of the one before does not pass for the last result."""
    audit, notation = load_record(home / "d"), Notation(words_of(lang))
    crashed = [one.model_copy(update={"verdict": "crashed", "measures": [], "limit": None}) if one.check == "facts"
               else one for one in audit.record.findings]  # fmt: skip
    write_atomic(audit.folder / "record.json", dump(audit.record.model_copy(update={"findings": crashed})))
    asked = [asked_of(load_record(home / name), 0.0, START.date()) for name in "abcd"]
    (panel,) = trends_of(asked, notation)
    assert [row.finding.verdict for row in panel.rows][2:] == ["failed", "crashed"]
    assert (panel.rows[-1].row.value, panel.rows[-1].row.interval) == (notation.words("format.undefined"), "—")
    assert notation.cause(Cause("the check gave no number")) in panel.rows[-1].told
    shown = html(screen(screen="trends", lang=lang))
    assert notation.words("verdict.crashed") in shown.partition("<h3>")[2].partition("</h3>")[0]


def test_another_version_is_told_where_audits_without_the_check_lie_between(home):
    """The first audit of the new model lacks the check: its second is the first of the panel, and says whose it is."""
    audit = load_record(home / "c")
    left = [one for one in audit.record.findings if one.check != "facts"]
    write_atomic(audit.folder / "record.json", dump(audit.record.model_copy(update={"findings": left})))
    asked = [asked_of(load_record(home / name), 0.0, START.date()) for name in "abcd"]
    assert [row.version for row in trend_of(asked, "facts", "accuracy", N).rows] == ["helper 1", "", "helper 2"]


def test_the_screen_follows_the_inventory_id_and_a_point_leads_to_the_one_before(home):
    add_reviews(load_record(home / "c"), Status(check="facts", status="waived", reason="known",
                until=datetime.now(UTC).date() + timedelta(days=9)), author="Kim")  # fmt: skip
    page = screen(screen="trends")
    text, found = seen(page), links(page)
    assert "M-17 · helper 2 · 4 audits" in page.selectbox(key="model").options
    assert {"screen": "compare", "audit": "a", "other": "b"} in found
    assert {"screen": "compare", "audit": "b", "other": "c"} in found
    assert {"screen": "finding", "audit": "a", "check": "facts"} in found
    assert html(page).count('class="spot"') == 4
    assert "Failed (waived)" in text
    assert text.index("2026-08-01") < text.index("2026-03-01"), "the newest first"
    assert 'class="trend"' in html(page)
    alone = screen(screen="trends", model="helper 1", check="facts")
    assert html(alone).count('class="spot"') == 1, "an audit without a sheet is followed by its model's name"
    assert words_of("en")("trends.alone") in seen(alone)
    assert "No audit of this model has this measure" in seen(screen(screen="trends", model="nobody"))


def test_when_an_audit_was_asked_and_what_was_waived_then(home):
    """By its run, else by its record; a waiver counts until its day, and reviews that cannot be read waive nothing."""
    audit = load_record(home / "c")
    today = datetime.now(UTC).date()
    add_reviews(audit, Status(check="facts", status="waived", reason="known", until=today), author="Kim")
    now, later = (asked_of(audit, 0.0, day) for day in (today, today + timedelta(days=1)))
    assert (now.at.astimezone(UTC).isoformat(), now.waived) == ("2026-07-01T01:00:00+00:00", {"facts"})
    assert later.waived == set()
    bare = replace(audit, run=audit.run.model_copy(update={"started": "some day"}))
    assert asked_of(bare, 86400.0, today).at == datetime(1970, 1, 2, tzinfo=UTC)
    (home / "c" / "reviews.jsonl").write_text("{}\n{}\n")
    assert asked_of(audit, 0.0, today).waived == set()


def test_an_audit_without_facts_of_its_run_stands_where_its_record_was_written(home):
    (home / "x" / "run.json").unlink()
    os.utime(home / "x" / "record.json", (1_690_000_000, 1_690_000_000))
    assert "2023-07-22" in seen(screen(screen="trends", model="helper 1", lang="en"))
