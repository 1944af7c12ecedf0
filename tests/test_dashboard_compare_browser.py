"""The compare screen in a real browser: it fits, fetches nothing from elsewhere, and leads to changed items."""

import pytest
from comparison_fixtures import Asked, two_audits
from dashboard_fixtures import serving
from playwright.sync_api import expect
from report_fixtures import HOSTILE
from screens import faults

from audit.record import Limit

pytestmark = pytest.mark.slow

expect.set_options(timeout=180_000)
LIMIT = Limit(measure="accuracy", at_least=0.5)
COMPARE = "?screen=compare&audit=aaaa0001&other=bbbb0002"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Two audits with a check of plain items that changed, and one of hostile items."""
    home = tmp_path_factory.mktemp("audits")
    ids = [f"{text} {number}" for number, text in enumerate(HOSTILE)]
    first, second = (
        [
            Asked("facts", [1.0] * right + [0.0] * (100 - right), LIMIT),
            Asked("evil", [value] * len(ids), LIMIT, ids=ids),
        ]
        for right, value in ((90, 1.0), (50, 0.0))
    )
    two_audits(home, first, second)
    with serving(home) as found:
        yield found


@pytest.fixture(scope="module")
def one_page(browser, address):
    """The screen, and what it asked for."""
    page, seen = browser.new_page(viewport={"width": 1440, "height": 900}), []
    page.set_default_timeout(180_000)
    page.on("request", lambda request: seen.append(request.url))
    page.on("dialog", lambda dialog: seen.append(f"dialog {dialog.message}"))
    page.goto(address + COMPARE)
    return page, seen


def test_the_screen_fits_and_is_quiet(one_page, address):
    page, seen = one_page
    expect(page.locator("table.differences").first).to_be_visible()
    expect(page.locator("ul.pairs li").first).to_be_visible()
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert faults(page, "[data-testid=stMain]") == [], width
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert [url for url in seen if not url.startswith(own)] == []


def test_a_changed_item_is_one_click_away_and_back_again(one_page):
    page, _ = one_page
    item = page.locator("ul.pairs li", has_text="facts-50").first
    item.locator("a", has_text="B").click()
    page.wait_for_url("**screen=item&audit=bbbb0002&check=facts&item=51**")
    expect(page.locator("dl.facts").first).to_be_visible()
    page.go_back()
    expect(page.locator("table.differences").first).to_be_visible()
