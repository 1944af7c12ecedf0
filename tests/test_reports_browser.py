"""The HTML report in a real browser: nothing is fetched, nothing runs, nothing is cut off."""

import pytest
from comparison_fixtures import Asked, two_audits
from report_fixtures import HOSTILE, hostile, mixed
from screens import faults

from audit.compare import compare_audits
from audit.record import Limit, load_record
from reports.documents.comparison_html import render_comparison_html
from reports.documents.coverage_files import WRITERS
from reports.documents.html_report import render_html
from reports.documents.index_page import render_index
from reports.options import ReportOptions

MAKERS = {
    "0": lambda folder: mixed(folder, 0),
    "1": lambda folder: mixed(folder, 1),
    "40": lambda folder: mixed(folder, 40),
    "hostile": hostile,
}


def compared_plainly():
    asked = [("facts", 180, 120), ("close", 100, 98), ("long-name-of-a-check-that-goes-on-and-on", 30, 170)]
    limit = Limit(measure="accuracy", at_least=0.5)
    rows = [(name, [[1.0] * right + [0.0] * (200 - right) for right in rights]) for name, *rights in asked]
    return [[Asked(name, values[side], limit) for name, values in rows] for side in (0, 1)]


def compared_hostilely():
    ids = [f"{text} {number}" for number in range(20) for text in HOSTILE]
    values = [[float(side)] * len(ids) for side in (1, 0)]
    return [[Asked("facts", one, Limit(measure="accuracy", at_least=0.5), ids=ids)] for one in values]


TINY = """() => [...document.querySelectorAll(".lines svg.line text")].filter(
    one => one.getBoundingClientRect().width && parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().d < 10
).map(one => one.textContent)"""
"""Numbers at lines that are drawn with fewer than 10 pixels; at 1310 the list of checks takes room from the tables."""
COMPARED = {"comparison": compared_plainly, "hostile comparison": compared_hostilely}


@pytest.fixture(scope="module")
def one_page(browser):
    """A page and what it asked for and said."""
    page = browser.new_page()
    page.set_default_timeout(180_000)  # however busy the machine is
    seen = {"requests": [], "console": [], "dialogs": []}
    page.on("request", lambda request: seen["requests"].append(request.url))
    page.on("console", lambda message: seen["console"].append(message.text))
    page.on("pageerror", lambda error: seen["console"].append(str(error)))
    page.on("dialog", lambda dialog: seen["dialogs"].append(dialog.message))
    return page, seen


@pytest.fixture
def watched(one_page):
    page, seen = one_page
    page.emulate_media(media="screen", color_scheme="light")
    for said in seen.values():
        said.clear()
    return page, seen


@pytest.fixture(scope="module", params=[*MAKERS, "index", "korean", "korean index", "coverage", *COMPARED])
def file(request, tmp_path_factory, every_probe, every_review):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param in COMPARED:
        first, second = COMPARED[request.param]()
        (data,) = render_comparison_html([compare_audits(*two_audits(folder, first, second))]).values()
    elif request.param == "index":
        data = render_index([make(folder / f"audit-{name}") for name, make in MAKERS.items()])
    elif request.param == "korean":
        return every_review.parent / "report.html"
    elif request.param == "coverage":
        (data,) = WRITERS["html"](hostile(folder / "audit"), "eu-ai-act", ReportOptions(lang="ko")).values()
    elif request.param == "korean index":
        data = render_index([load_record(every_probe), mixed(folder / "mixed", 12)], "ko")
    else:
        data = render_html(MAKERS[request.param](folder))["report.html"]
    path = folder / "page.html"
    path.write_bytes(data)
    return path


def test_the_page_is_quiet_and_fits_at_any_width(watched, file):
    page, seen = watched
    page.goto(file.as_uri())
    found = {}
    for width in (1440, 1310, 1200, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("innerWidth") == width
        found[width] = faults(page, "body") + ([] if width == 1310 else page.evaluate(TINY))
    assert {width: one for width, one in found.items() if one} == {}
    assert seen == {"requests": [file.as_uri()], "console": [], "dialogs": []}
    assert page.title() != "owned"


def test_a_link_leads_to_its_finding(watched, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(render_html(mixed(tmp_path, 40))["report.html"])
    page, _ = watched
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(path.as_uri())
    page.click("nav a[href='#check-facts']")
    top = page.evaluate("document.getElementById('check-facts').getBoundingClientRect().top")
    assert 0 <= top < 120


def test_closed_items_are_printed(watched, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(render_html(mixed(tmp_path, 10))["report.html"])
    page, _ = watched
    page.set_viewport_size({"width": 1024, "height": 900})
    page.goto(path.as_uri())
    row = page.locator("#check-facts .items td").first
    assert not row.is_visible()
    paper = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == "rgb(20, 25, 30)", "dark where the reader's system is"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(paper) == "rgb(255, 255, 255)", "paper is light"
    assert row.is_visible()
    assert not page.locator("nav").is_visible()
