"""The dashboard in a real browser: three clicks to an item, Back and filters, nothing fetched from elsewhere."""

import pytest
from comparison_fixtures import Asked, two_audits
from dashboard_fixtures import FIRST, make_home, make_running, serving
from playwright.sync_api import expect
from report_fixtures import HOSTILE, mixed
from screens import SCREENS, STILL, WIDTHS, faults, follow, serious

from audit.record import Limit

pytestmark = pytest.mark.slow
expect.set_options(timeout=180_000)  # as long as a page is waited for, however busy the machine is
BLANK = "about:blank"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("audits"))


@pytest.fixture(scope="module")
def address(browser, home):
    with serving(home) as found:
        yield found


@pytest.fixture(scope="module")
def one_page(browser, address):
    """A page and its faults: a request beyond this server, an answer of 400 or more, a word on the console."""
    page = browser.new_page(reduced_motion="reduce", locale="en-GB")
    page.set_default_timeout(180_000)
    found = []
    ours = (address, address.replace("http", "ws"), "data:", "blob:", BLANK)
    page.on("request", lambda request: None if request.url.startswith(ours) else found.append(request.url))
    page.on("response", lambda answer: found.append((answer.status, answer.url)) if answer.status >= 400 else None)
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", lambda dialog: found.append(dialog.message))
    return page, found


@pytest.fixture
def page(one_page):
    """The page, wide and light, which fails its test for a fault."""
    page, found = one_page
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    yield page
    said = [*found]
    found.clear()
    assert page.title().endswith("Dokimasia")
    assert said == []


def opened(page, address, query, sign):
    """The first screen is loaded, the others follow it as from a link."""
    if page.url == BLANK:
        page.goto(address + query)
    elif page.url != address + query:
        follow(page, query)
    drawn(page, sign)


def drawn(page, sign):
    page.wait_for_selector(f".doc {sign}" if not sign.startswith("text=") else sign)
    page.wait_for_selector(".doc .foot, .doc .alarm")
    page.wait_for_selector(STILL)


AXE = ("audits", "audit", "pictures", "frameworks", "framework")


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_whole_and_quiet_in_both_languages_and_at_any_width(page, address, name):
    """Nothing lies beside the screen, over something else, cut off or letter under letter; every figure is drawn.

    A screen has each width, and the widest and the narrowest in both languages; those between in turn in one of them.
    Hostile records are looked at in English: what frames them in Korean frames the others too.
    On screens of each kind axe-core finds nothing serious in either theme.
    """
    (path, landmark), turn = SCREENS[name], list(SCREENS).index(name) % 2
    opened(page, address, f"{path}{'&' if path else '?'}lang=en", landmark)
    if name in AXE:
        for looking in (".chip:has-text('Being checked')", ".quick a:has-text('…')"):  # until then it is drawn anew
            expect(page.locator(looking)).to_have_count(0)
        page.wait_for_selector(STILL)
        for theme in ("dark", "light"):
            in_theme(page, theme)
            assert serious(page) == [], theme
    if name.startswith("hostile"):
        whole_at_any_width(page, "en")
        return
    whole_at_any_width(page, "en", [one for one in WIDTHS if one != WIDTHS[1 + turn]])
    page.click(".languages a[hreflang=ko]")  # as readers do: a page loaded anew reads 4 MB of script
    page.wait_for_selector(".languages b:has-text('한국어')")
    drawn(page, landmark if not landmark.startswith("text=") else ".sentence")
    whole_at_any_width(page, "ko", [one for one in reversed(WIDTHS) if one != WIDTHS[2 - turn]])


def whole_at_any_width(page, lang, widths=WIDTHS):
    assert page.evaluate("document.documentElement.lang") == lang
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert faults(page, "[data-testid=stMain]") == [], (lang, width)


def in_theme(page, theme):
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("""dark => {
      const light = (place, what) => getComputedStyle(document.querySelector(place))[what].match(/\\d+/g)
        .slice(0, 3).reduce((sum, one) => sum + Number(one), 0);
      const text = light(".doc h1, .doc h3", "color"), ground = light("[data-testid=stApp]", "backgroundColor");
      return (text > ground) === dark && !document.getAnimations().some((one) => one instanceof CSSTransition);
    }""", arg=theme == "dark")


def test_the_address_and_the_command_of_a_screen_are_copied(page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, address, *SCREENS["register"])
    for number, start in enumerate((page.url, "dokimasia show --into")):
        page.locator(".foot button").nth(number).click()
        expect(page.locator(".foot button").nth(number)).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()").startswith(start)


def test_three_quick_clicks_lead_from_the_list_to_an_item_and_back_without_loading_anew(page, address):
    """On the way back the language is switched; what is opened then keeps it until one is back before the switch."""
    opened(page, address, *SCREENS["audits"])
    page.evaluate("window.still = true")
    page.click(f"table.audits a[href*='audit={FIRST}']")
    page.click("#checks a.name:has-text('stereotypes') >> nth=0")
    page.click("table.items td.row a >> nth=0")
    page.wait_for_selector("header.item")
    assert "screen=item" in page.url
    page.go_back()
    page.wait_for_selector(".doc header.item", state="detached")
    drawn(page, "table.items")
    page.click(".languages a[hreflang=ko]")
    expect(page.locator("table.items th.row")).to_have_text("번호")
    assert "lang=ko" in page.url
    assert "check=stereotypes" in page.url
    page.click("table.items td.row a >> nth=1")
    page.wait_for_selector(".doc header.item")
    expect(page.locator(".languages b")).to_have_text("한국어")
    page.go_back()
    page.go_back()
    expect(page.locator("table.items th.row")).to_have_text("No.")
    for there in ("#gaps", "table.audits"):
        page.go_back()
        page.wait_for_selector(f".doc {there}")
    assert page.evaluate("window.still"), "the page was loaded anew"


def test_a_permalink_opens_the_same_screen(page, address):
    opened(page, address, f"?screen=finding&audit={FIRST}&check=stereotypes", "table.items")
    page.get_by_text("Failures only").click()
    expect(page.locator("h2.items-head")).to_contain_text("277 of 480")
    page.click(".pages a:has-text('3')")
    expect(page.locator(".pages b")).to_have_text("3")
    rows = page.locator("table.items td.row").all_inner_texts()
    page.goto(BLANK)
    page.goto(f"{address}?screen=finding&audit={FIRST}&check=stereotypes&failures=true&page=3")
    expect(page.locator(".pages b")).to_have_text("3")
    assert page.locator("table.items td.row").all_inner_texts() == rows
    expect(page.get_by_role("switch")).to_be_checked()


def test_a_filter_is_typed_and_taken_back(page, address):
    opened(page, address, *SCREENS["audits"])
    search = page.get_by_role("textbox")
    search.fill("unseen")
    search.press("Enter")
    expect(page.locator("table.audits tbody tr")).to_have_count(1)
    assert "search=unseen" in page.url
    page.go_back()
    expect(page.locator("table.audits tbody tr")).to_have_count(7)
    expect(search).to_have_value("")


def test_items_are_found_and_walked_through_by_keys_and_taken_away(page, address):
    opened(page, address, f"?screen=finding&audit={FIRST}&check=facts", "table.items")
    page.wait_for_selector(".alarm.trust")
    page.wait_for_selector(STILL)
    page.keyboard.press("?")
    expect(page.locator("p.keys")).to_be_visible()
    box = page.get_by_role("textbox", name="Search the items")
    for _ in range(30):  # what "?" drew anew may take it away once more
        if not box.evaluate("one => one === document.activeElement"):
            page.keyboard.press("/")
            page.wait_for_timeout(100)
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.keyboard.type("no such item, j")
    page.keyboard.press("Enter")
    expect(page.locator(".doc .empty")).to_be_visible()
    assert "screen=finding" in page.url, "a letter typed into the search is no key"
    page.wait_for_selector(STILL)
    page.get_by_role("textbox", name="Search the items").fill("/city|author/")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.items")
    page.wait_for_selector(STILL)
    kept = page.locator("h2.items-head small").inner_text().split()[0]
    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV").click()
    assert taken.value.suggested_filename == "facts.csv"
    page.locator("h2.items-head").click()
    for key, place in (("j", "1"), ("j", "2"), ("k", "1")):
        page.wait_for_selector(STILL)
        page.keyboard.press(key)
        expect(page.locator("header.item")).to_contain_text(f"Item {place} of {kept}")
    page.wait_for_selector(STILL)
    page.keyboard.press("u")
    page.wait_for_selector("table.items")
    expect(page.locator("h2.items-head")).to_contain_text(f"{kept} of 300")


def test_a_running_audit_is_followed_to_its_record(page, address, home):
    name = "abcd000000000008"
    make_running(home, answers=4, name=name)
    opened(page, address, f"?screen=audit&audit={name}", "text=4 stored answers so far")
    make_running(home, answers=9, name=name)
    expect(page.locator(".sentence")).to_have_text("9 stored answers so far")
    mixed(home / name, 2)
    page.wait_for_selector(".doc #gaps")
    assert "Failed: 1 of 2 checks." in page.inner_text(".sentence")


def test_a_changed_item_is_one_click_away_from_the_comparison_and_back_again(page, address, home):
    """Of two audits that ask the same, one check of plain items changed, and one of hostile items."""
    limit, ids = Limit(measure="accuracy", at_least=0.5), [f"{text} {number}" for number, text in enumerate(HOSTILE)]
    first, second = (
        [Asked("facts", [1.0] * n + [0.0] * (100 - n), limit), Asked("evil", [value] * len(ids), limit, ids=ids)]
        for n, value in ((90, 1.0), (50, 0.0))
    )
    two_audits(home, first, second)
    opened(page, address, "?screen=compare&audit=aaaa0001&other=bbbb0002", "table.differences")
    pairs = page.locator("ul.pairs li")
    expect(pairs.first).to_be_visible()
    whole_at_any_width(page, "en")
    page.set_viewport_size({"width": 1440, "height": 900})
    pairs.filter(has_text="facts-50").first.locator("a", has_text="B").click()
    page.wait_for_url("**screen=item&audit=bbbb0002&check=facts&item=51**")
    expect(page.locator("dl.facts").first).to_be_visible()
    page.go_back()
    expect(page.locator("table.differences").first).to_be_visible()
