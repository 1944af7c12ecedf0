"""Every screen in Korean: what it says, what its widgets offer, and what it says where something is wrong."""

import functools
import re
from datetime import date, timedelta
from shutil import copytree
from urllib.parse import parse_qsl

import pytest
from dashboard_fixtures import RUNNING, UNREADABLE, make_running, make_unreadable, run_facts
from korean import KO, english_in, names_of, text_of, words_in
from report_fixtures import write_audit
from test_dashboard_views import html, links, screen

from audit.files import write_atomic
from audit.frameworks import framework_names, load_framework
from audit.record import dump, load_record
from audit.review import Comment, Decision, Due, Override, Owner, Rating, Status, add_reviews
from audit.signing.people import KEY_FILE
from dashboard.address import PARAMETERS, TABS, Address
from dashboard.loading import AUDITS
from dashboard.server import application
from reports.text import languages

FIRST, SECOND = "aaaa000000000001", "bbbb000000000002"
CHECKS = [f"c{number:02}" for number in range(1, 21)] + [f"r{number:02}" for number in range(8)]
GIVEN = set(words_in(
    "Nightly check stereotypes facts; bench Linux numpy; ffff; Invalid JSON: EOF while parsing a string at line column"
))  # fmt: skip
"""What the fixtures bring, and the words of the JSON parser."""


@pytest.fixture(scope="module")
def made(tmp_path_factory, every_probe):
    """Two audits of every probe, one with reviews of every kind, a running one and one that cannot be read."""
    home = tmp_path_factory.mktemp("korean")
    audit = load_record(copytree(every_probe, home / FIRST))
    write_atomic(home / FIRST / "run.json", dump(run_facts()))
    shown = [one for one in audit.record.findings if one.check not in ("c02", "c05")]
    write_audit(home / SECOND, shown, title="다음 감사")
    make_running(home)
    make_unreadable(home)
    today = date.today()
    mean = next(one.check for one in audit.record.findings if one.probe == "factuality.closed_book")
    add_reviews(
        load_record(home / FIRST),
        Rating(check="c01", rating="high"),
        Owner(check="c01", owner="김지우"),
        Due(check="c01", due=today - timedelta(days=1)),
        Status(check="c04", status="waived", reason="사유", until=today + timedelta(days=9)),
        Comment(check="c01", text="의견"),
        Override(check=mean, item=str(audit.items(mean).index[0]), value=1.0, reason="재판정"),
        Decision(decision="in review", two_person=True),
        author="김지우",
    )
    return home


@pytest.fixture
def home(made, monkeypatch):
    monkeypatch.setenv(AUDITS, str(made))
    monkeypatch.setenv("DOKIMASIA_AUTHOR", "김지우")
    monkeypatch.delenv(KEY_FILE, raising=False)
    return made


def told(page):
    """All that a screen says but for what two plans hold: documents, and labels, places and options of widgets."""
    plans = re.compile(rf"<h2>{KO('asked.heading')}</h2>.*?</section>", re.DOTALL)
    parts = [text_of(plans.sub("", html(page))), *(one.value for one in (*page.text, *page.markdown, *page.error))]
    for kind in ("selectbox", "text_input", "text_area", "toggle", "button", "date_input", "number_input"):
        for one in getattr(page, kind):
            parts += [one.label, getattr(one, "placeholder", "") or "", getattr(one, "help", "") or ""]
            parts += [str(option) for option in getattr(one, "options", ())]
    return "\n".join(parts)


def left(page, home):
    """English words on a screen that neither the record nor the data brought."""
    return english_in(told(page).replace(str(home), "")) - brought(home) - GIVEN


@functools.cache
def brought(home):
    """Words that the records and the data bring."""
    return names_of(load_record(home / FIRST)) | names_of(load_record(home / SECOND)) | of_laws()


@functools.cache
def of_laws():
    """What Korean texts of catalogues say in Latin letters: names and numbers of laws, tests, and commands."""
    told = "dokimasia frameworks ask review approve key seal call run json"
    for name in framework_names():
        law = load_framework(name)
        told += f" {name} {' '.join(one.ref + ' ' + ' '.join(one.tests) for one in law.clauses)} "
        told += " ".join(re.findall(r'"ko":"([^"]*)"', law.model_dump_json()))
    return set(words_in(told))


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"search": "0000"},
        *({"screen": "audit", "audit": FIRST, "tab": tab} for tab in TABS),
        {"screen": "audit", "audit": RUNNING},
        {"screen": "compare"},
        {"screen": "compare", "audit": FIRST, "other": SECOND},
        {"screen": "register"},
        {"screen": "trends"},
        {"screen": "trends", "model": "SmolLM2-135M", "check": "c13", "measure": "auroc · knn5"},
        {"screen": "verify"},
        {"screen": "verify", "audit": SECOND},
        {"screen": "export", "audit": FIRST},
        {"screen": "frameworks"},
        {"screen": "framework", "audit": FIRST, "framework": "kr-ai-basic-act"},
        {"screen": "framework", "audit": FIRST, "framework": "eu-ai-act"},
    ],
    ids=lambda one: "-".join(one.values()) or "audits",
)
def test_no_english_is_left_on_a_screen(home, place):
    assert left(screen(lang="ko", **place), home) == set()


@pytest.mark.parametrize("check", CHECKS)
def test_no_english_is_left_on_a_finding_and_its_first_item(home, check):
    page = screen(lang="ko", screen="finding", audit=FIRST, check=check)
    assert left(page, home) == set()
    if any(one.get("screen") == "item" for one in links(html(page))):
        assert left(screen(lang="ko", screen="item", audit=FIRST, check=check, item=1), home) == set()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"screen": "audit", "audit": "cccc"}, "감사를 찾을 수 없습니다"),
        ({"screen": "audit", "audit": UNREADABLE}, "JSON 형식이 올바르지 않습니다"),
        ({"screen": "finding", "audit": FIRST, "check": "c9999"}, "점검을 찾을 수 없습니다"),
        ({"screen": "item", "audit": FIRST, "check": "c01", "item": "99999"}, "번 항목이 없습니다"),
        ({"page": "0"}, "주소의 값이 올바르지 않습니다"),
    ],
)
def test_what_is_wrong_is_told_in_korean(home, place, said):
    text = told(screen(lang="ko", **place))
    assert said in text
    assert KO("dashboard.to_audits") in text


def test_an_unknown_language_is_told_in_the_one_of_the_server(home, monkeypatch):
    application(home, "ko")
    assert "지원하지 않는 언어입니다" in told(screen(lang="xx"))
    application(home, "en")
    assert "unknown language 'xx'" in told(screen(lang="xx"))


@pytest.mark.parametrize("kind", list(PARAMETERS))
def test_the_switch_leads_to_the_same_screen_in_another_language(home, kind):
    place = Address(screen=kind, audit=FIRST, other=SECOND, check="c04", item=2)
    page = screen(**dict(parse_qsl(place.link.removeprefix("?"))))
    wanted = dict(parse_qsl(place.to(kind, lang="ko").link.removeprefix("?")))
    assert wanted in links(html(page))
    assert text_of(html(page)).count("한국어") == len(languages()) - 1
    back = screen(**wanted)
    kept = [one for one in links(html(back)) if one != _english(place)]
    assert kept
    assert all(one.get("lang") == "ko" for one in kept)
    assert _english(place) in links(html(back))


def _english(place):
    return dict(parse_qsl(place.link.removeprefix("?")))
