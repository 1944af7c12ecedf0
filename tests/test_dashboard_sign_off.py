"""In a real browser, in Korean: from a failed audit to a signed decision with one waiver, and what is verified then."""

from __future__ import annotations

import random
import zipfile
from contextlib import suppress
from datetime import date, timedelta

import pytest
from dashboard_fixtures import serving
from needs import needs_chromium
from playwright.sync_api import TimeoutError, expect, sync_playwright
from review_fixtures import small_audit
from screens import FLAGS, follow

from audit.errors import IntegrityError
from audit.integrity import export_audit, import_audit, seal_audit, verify_audit
from audit.record import load_record
from audit.review import read_reviews, signature_of, state_of
from audit.signing import make_key
from audit.signing.keyring import KEYS
from audit.signing.keys import read_key
from audit.signing.people import KEY_FILE
from reports.text import words_of

pytestmark = pytest.mark.slow
expect.set_options(timeout=180_000)

W = words_of("ko")
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
UNTIL = date.today() + timedelta(days=60)


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("sign-off"))


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "김지우"
    make_key(path)
    return path


@pytest.fixture(scope="module")
def page(audit, key):
    path = needs_chromium()
    with (
        serving(audit.folder.parent, "ko", **{KEY_FILE: str(key), KEYS: str(key.parent)}) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce", locale="ko-KR")
        page.set_default_timeout(180_000)
        page.goto(address)
        page.wait_for_selector(".doc .foot")
        yield page
        browser.close()


def choose(page, label, option):
    """Choose once the screen is whole: one that is still being drawn closes an open list."""
    page.wait_for_selector(".doc .foot")
    box, offered = page.get_by_role("combobox", name=label), page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        box.click()
        with suppress(TimeoutError):
            offered.click(timeout=3_000)
            break
    expect(box).to_have_value(option)


def send(page, said):
    """Press the button and wait until the entry is on the screen."""
    authors = page.get_by_role("textbox", name=W("form.author"))
    expect(authors.first).to_have_value("김지우")
    for author in authors.all():
        expect(author).to_have_value("김지우")
    page.get_by_role("button", name=W("form.send"), exact=True).click()
    expect(page.locator(".doc section.said, .doc #sign-off").first).to_contain_text(said, timeout=180_000)


def press(page, key, audit, *, entries):
    """Press a key once the screen is whole, and anew where it was drawn again just then: nothing was said."""
    for _ in range(5):
        page.wait_for_selector(IDLE)
        page.wait_for_selector(f"[class*='st-key-press-{key}-'] button:enabled")
        page.keyboard.press(key)
        with suppress(TimeoutError):
            next_one = W("dashboard.item_at", at=entries + 1, kept=81)
            return page.locator("header.item .over", has_text=next_one).wait_for(timeout=15_000)
        if len(read_reviews(audit.folder).entries) == entries:
            return None
    raise AssertionError(f"{key}: pressed in vain")


def test_items_are_called_by_keys_one_taken_back_and_back_leads_to_where_one_was(page, audit):
    follow(page, f"?screen=finding&audit={audit.folder.name}&check=limited")
    page.wait_for_selector("table.items")
    page.wait_for_selector(IDLE)
    page.keyboard.press("j")
    expect(page.locator("header.item .over")).to_contain_text(W("dashboard.item_at", at=1, kept=81))
    page.wait_for_selector(IDLE)
    head = page.locator("header.item")
    mark = head.get_attribute("data-item")
    head.evaluate("one => { one.dataset.item = '0123456789ab'; }")
    page.keyboard.press("w")  # says nothing: the buttons are not those of the item that is shown
    head.evaluate("(one, mark) => { one.dataset.item = mark; }", mark)
    for at, key in enumerate("rwnrw", start=1):
        expect(page.locator("header.item .over")).to_contain_text(W("dashboard.item_at", at=at, kept=81))
        press(page, key, audit, entries=at)
    expect(page.locator("header.item .over")).to_contain_text(W("dashboard.item_at", at=6, kept=81))
    page.wait_for_selector(IDLE)
    expect(page.locator(".effect")).to_contain_text(W("called.effect", measure="", before="", after="", count=4)[-14:])
    page.keyboard.press("z")
    expect(page.locator("header.item .over")).to_contain_text(W("dashboard.item_at", at=5, kept=81))
    said = [one.says for one in read_reviews(audit.folder).entries]
    assert [one.word[0] for one in said] == [*"rwurw", "t"]
    page.wait_for_selector(IDLE)
    page.keyboard.press("u")
    page.wait_for_selector(".came-from")
    assert page.locator(".items .mark").count() == 4
    seen = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    page.locator(".came-from td.row a").click()
    page.wait_for_selector("header.item")
    page.wait_for_selector(IDLE)
    page.go_back()
    page.wait_for_selector(".came-from")
    assert abs(page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") - seen) < 40
    page.click(".crumbs a.brand")


def test_from_a_failed_audit_to_a_signed_decision_by_clicks(page, audit):
    page.click(f"table.audits a[href*='audit={audit.folder.name}'] >> nth=0")
    page.click("#checks a.name:has-text('limited') >> nth=0")
    choose(page, W("reviewed.rating"), W("rating.medium"))
    choose(page, W("reviewed.status"), W("status.waived"))
    page.get_by_role("textbox", name=W("form.reason")).fill("폐쇄된 시험에서만 쓴다")
    page.get_by_role("group", name=W("form.last_day")).get_by_role("spinbutton").first.click()
    page.keyboard.type(UNTIL.strftime("%Y%m%d"))
    send(page, "폐쇄된 시험에서만 쓴다")
    page.click(".crumbs a >> nth=2")
    page.click(".tabs a[href*='tab=reviews']")
    page.wait_for_selector(".doc #say")
    choose(page, W("form.decision"), W("decision.in review"))
    send(page, W("decision.in review"))
    page.get_by_role("button", name=W("decide.approve"), exact=True).click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name=W("form.reason")).fill("면제를 확인했다")
    form.get_by_role("button", name=W("decide.approve"), exact=True).click()
    expect(page.locator(".doc .path .acts")).to_contain_text(W("decision.approved"))
    expect(page.locator(".doc #sign-off")).to_contain_text("면제를 확인했다")
    entries = read_reviews(audit.folder).entries
    assert [one.says.kind for one in entries[-4:]] == ["rating", "status", "decision", "decision"]
    assert {one.author for one in entries} == {"김지우"}
    assert {signature_of(one) for one in entries} == {"holds"}
    state = state_of(load_record(audit.folder))
    assert state.waived("limited")
    assert (state.decision, state.verdict) == ("approved", "measured")


def test_then_it_verifies_on_the_screen_and_a_flipped_byte_of_any_file_is_found(page, audit, key, tmp_path):
    seal_audit(load_record(audit.folder), read_key(key), by="김지우")
    assert verify_audit(audit.folder, [read_key(key).public], judge_again=False).signed == 10
    bundle = tmp_path / "bundle.zip"
    export_audit(audit.folder, bundle)
    page.click(".crumbs a.brand")
    expect(page.locator("h1", has_text=W("heading.index"))).to_be_visible()  # beside the former screen's
    page.wait_for_selector(IDLE)
    page.click(f".crumbs a:has-text('{W('dashboard.verify')}')")
    upload = page.locator("input[type=file]")
    upload.set_input_files(bundle)
    expect(page.locator(".sentence.passed")).to_contain_text(W("trust.sealed", owner="김지우"))

    whole = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as names:
        spans = [(one.filename, one.header_offset, one.file_size) for one in names.infolist()]
    draw = random.Random(7)
    places = [offset + 30 + len(name) + draw.randrange(size) for name, offset, size in spans if size]
    changed = tmp_path / "changed.zip"
    for place in places:
        data = bytearray(whole)
        data[place] ^= 1 << draw.randrange(8)
        changed.write_bytes(data)
        with pytest.raises(IntegrityError) as error:
            import_audit(changed, tmp_path / "into")
        assert error.value.exit_code == 4
        assert not list(tmp_path.glob("into/*"))
    upload.set_input_files(changed)
    expect(page.locator(".sentence.failed")).to_contain_text(W("trust.changed"))
