"""The PDF report: tagged, in its own language, the words of the HTML report, nothing fetched, the same bytes twice."""

import ctypes
import http.server
import logging
import re
import subprocess
import sys
import threading
import zlib
from html.parser import HTMLParser
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from needs import needs_korean_font, needs_pango
from report_fixtures import finding, hostile, mixed, pd, rate, settled, write_audit

from audit.plugins import load, names
from audit.record import UNSETTLED
from reports.documents.html_report import render_html
from reports.documents.pdf_report import printed, render_pdf
from reports.options import ReportOptions
from reports.text import typeface, words_of
from reports.views import overview

LANGS = ("en", "ko")


@pytest.fixture(autouse=True, scope="module")
def _libraries():
    needs_pango()


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return mixed(tmp_path_factory.mktemp("pdf") / "0123abcd", 10)


@pytest.fixture(scope="module")
def made(audit):
    """Each language's file, and the characters for which no font had a glyph."""
    return {lang: watched(audit, lang) for lang in LANGS}


def watched(audit, lang):
    """The file, and what WeasyPrint says of characters that no font has."""
    heard = Heard()
    log = logging.getLogger("weasyprint")
    log.addHandler(heard)
    try:
        return render_pdf(audit, ReportOptions(lang=lang))["report.pdf"], heard.missing
    finally:
        log.removeHandler(heard)


class Heard(logging.Handler):
    def __init__(self):
        super().__init__()
        self.missing = []

    def emit(self, record):
        if "notdef" in record.getMessage():
            self.missing.append(record.getMessage())


def opened(data):
    return pypdfium2.PdfDocument(data)


def inflated(data):
    """What the streams of a PDF hold."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", data, re.DOTALL)
    return data + b"".join(zlib.decompress(one) for one in streams if one[:1] == b"x")


def pages_of(data):
    return [squeezed(page.get_textpage().get_text_range()) for page in opened(data)]


def text_of(data):
    return "".join(pages_of(data))


def broken(pages, word):
    """Whether a paragraph ends on the page after that on which it begins."""
    return any(
        page.startswith(word[at:]) and word[:at] in before
        for before, page in pairwise(pages) for at in range(1, len(word))
    )  # fmt: skip


def squeezed(text):
    """Text without blanks, line ends and hyphens, which a PDF does not keep where it breaks a line."""
    return re.sub(r"[\s\u00a0\u00ad\ufffe\u2060-]", "", text)


class Words(HTMLParser):
    """The words of a page's tables and paragraphs, figures left out."""

    def __init__(self, html):
        super().__init__()
        self.found, self.depth = [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.depth += tag in ("svg", "style", "nav", "head")

    def handle_endtag(self, tag):
        self.depth -= tag in ("svg", "style", "nav", "head")

    def handle_data(self, data):
        if not self.depth and data.strip():
            self.found.append(data)


def tags_of(page):
    """(type, alternative text) of the structure elements of a page."""
    tree = pdfium.FPDF_StructTree_GetForPage(page.raw)
    roots = range(pdfium.FPDF_StructTree_CountChildren(tree))
    found, waiting = [], [pdfium.FPDF_StructTree_GetChildAtIndex(tree, number) for number in roots]
    while waiting:
        one = waiting.pop()
        if not one:
            continue
        found.append((_said(pdfium.FPDF_StructElement_GetType, one), _said(pdfium.FPDF_StructElement_GetAltText, one)))
        children = pdfium.FPDF_StructElement_CountChildren(one)
        waiting += [pdfium.FPDF_StructElement_GetChildAtIndex(one, n) for n in range(children)]
    pdfium.FPDF_StructTree_Close(tree)
    return found


def _said(function, one):
    size = function(one, None, 0)
    buffer = ctypes.create_string_buffer(size)
    function(one, buffer, size)
    return buffer.raw.decode("utf-16-le").rstrip("\0")


def test_it_comes_in_by_its_entry_point():
    assert "pdf" in names("reports")
    assert load("reports", "pdf") is render_pdf


@pytest.mark.parametrize("lang", LANGS)
def test_it_holds_the_sentence_every_finding_and_every_word_of_the_page(audit, made, lang):
    words, text = words_of(lang), text_of(made[lang][0])
    view = overview(audit, words)
    for told in (view.title, view.sentence, *(one.name for one in view.findings), *(one.why for one in view.findings)):
        assert squeezed(told).lower() in text.lower(), told
    html = render_html(audit, ReportOptions(lang=lang))["report.html"].decode()
    lost = {word for word in Words(html).found if squeezed(word).lower() not in text.lower()}
    pages = pages_of(made[lang][0])
    assert {word for word in lost if "--format html" not in word and not broken(pages, squeezed(word))} == set()


@pytest.mark.parametrize("lang", LANGS)
def test_it_is_tagged_titled_and_in_its_language(audit, made, lang):
    document = opened(made[lang][0])
    assert pdfium.FPDFCatalog_IsTagged(document.raw)
    assert b"pdfuaid:part" in inflated(made[lang][0])
    assert document.get_metadata_dict()["Title"].startswith(audit.record.title)
    assert f"/Lang ({lang})".encode() in inflated(made[lang][0])
    tags = [tag for page in document for tag in tags_of(page)]
    assert {"H1", "H2", "H3", "Table", "TR", "TH", "TD", "P", "Figure"} <= {kind for kind, _ in tags}
    assert all(alt for kind, alt in tags if kind == "Figure"), "every figure says what it shows"


@pytest.mark.parametrize("lang", LANGS)
def test_no_glyph_is_missing(made, lang):
    needs_korean_font()
    assert made[lang][1] == []


@pytest.mark.parametrize("lang", LANGS)
def test_page_one_is_the_decision_page_and_each_finding_to_settle_is_one_page(audit, made, lang):
    words, pages = words_of(lang), [squeezed(page.get_textpage().get_text_range()) for page in opened(made[lang][0])]
    unsettled = [one for one in overview(audit, words).findings if one.finding.verdict in UNSETTLED]
    appendix = squeezed(words("heading.appendix") + words("heading.sheet"))
    first = next(at for at, text in enumerate(pages) if appendix in text)
    assert first == 1 + len(unsettled)
    assert all(squeezed(one.name) in pages[0] for one in overview(audit, words).findings)
    for one, text in zip(unsettled, pages[1:first], strict=True):
        assert squeezed(one.why).lower() in text.lower()


@pytest.mark.parametrize("lang", LANGS)
def test_pages_are_a4_and_numbered_and_from_the_second_on_bear_the_title(audit, made, lang):
    document = opened(made[lang][0])
    for number, page in enumerate(document, 1):
        assert page.get_size() == pytest.approx((595.28, 841.89), abs=0.1)
        text = page.get_textpage()
        assert f"{number} / {len(document)}" in text.get_text_bounded(bottom=0, top=50)
        assert (audit.record.title in text.get_text_bounded(bottom=790, top=842)) == (number > 1)


def test_nothing_is_drawn_beyond_the_margins(made):
    for data, _ in made.values():
        for page in opened(data):
            text = page.get_textpage()
            boxes = [text.get_charbox(index) for index in range(text.count_chars())]
            assert all(left >= 30 and right <= 565 for left, _, right, _ in boxes if right > left)


def test_a_table_on_two_pages_has_its_head_on_both(made):
    document = opened(made["en"][0])
    pages = [squeezed(page.get_textpage().get_text_range()) for page in document]
    rows = [number for number, text in enumerate(pages) if "leansonastereotype" in text]
    assert len(rows) > 1, "the fixture's items do not fit on one page"
    assert all("sentence_more" in pages[number] for number in rows)


@pytest.fixture
def server():
    """A server that counts what it is asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    listening = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", asked
    listening.shutdown()
    listening.server_close()


def test_nothing_is_fetched_even_where_a_page_asks(server, tmp_path):
    address, asked = server
    (tmp_path / "secret.css").write_text("p::after { content: 'SECRET' }")
    page = f"""<html lang="en"><title>x</title><link rel="stylesheet" href="file://{tmp_path}/secret.css">
        <style>@import url({address}/a.css); p {{ background: url({address}/b.png) }}</style>
        <p>text</p><img alt="x" src="{address}/c.png"><img alt="x" src="data:image/png;base64,AAAA">
        <svg><image href="{address}/d.png"/><use href="file://{tmp_path}/secret.css#a"/></svg>"""
    data = printed(page)
    assert asked == []
    assert "text" in text_of(data)
    assert "SECRET" not in text_of(data)


def test_hostile_text_stays_text_and_asks_for_nothing(tmp_path, monkeypatch):
    from weasyprint.urls import URLFetcher

    asked = []
    monkeypatch.setattr(URLFetcher, "fetch", lambda self, url, headers=None: asked.append(url))
    data = render_pdf(hostile(tmp_path, 1), ReportOptions(max_items=3))["report.pdf"]
    assert asked == [path.as_uri() for path in (typeface(),) if path], "the face beside us alone is read"
    text = text_of(data)
    assert squeezed("{{ 7*7 }}") in text
    assert squeezed("<U+202E>") in text
    assert squeezed("한국어 문장") in text
    assert b"/JavaScript" not in inflated(data)
    assert b"/URI" not in inflated(data)


_CHILD = """
import sys
{broken}
from audit.cli.app import main
sys.argv = ["dokimasia", "report", {folder!r}, "--format", "pdf"]
main()
"""
_NO_PANGO = """
import cffi
real = cffi.FFI.dlopen
def dlopen(self, name, *flags):
    if "pango" in name:
        raise OSError(f"cannot load library '{name}': no such file")
    return real(self, name, *flags)
cffi.FFI.dlopen = dlopen
"""


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("sys.modules['weasyprint'] = None", "pip install 'dokimasia[pdf]'"),
        (_NO_PANGO, "apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"),
    ],
    ids=["no WeasyPrint", "no Pango"],
)
def test_what_is_missing_is_told_in_one_line(tmp_path, broken, told):
    program = _CHILD.format(broken=broken, folder=str(settled(mixed(tmp_path, 1)).folder))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_nothing_is_said_of_rules_that_are_for_screens(caplog):
    style = "@media screen and (max-width: 9px) { p { clip-path: inset(50%) } } p { clip-path: inset(9%) }"
    assert printed(f'<html lang="en"><title>t</title><style>{style}</style><p>x').startswith(b"%PDF")
    assert not caplog.records


def test_an_image_item_is_an_image_in_the_file_and_the_same_record_gives_the_same_bytes(tmp_path):
    """Its grey levels, and no list of numbers; in the language that takes two typefaces."""
    levels = [[0, 255, 0], [85, 170, 255]]
    frame = pd.DataFrame({"id": ["a"], "image": [levels]})
    audit = write_audit(tmp_path, [finding("x", "failed", "why", measures=[rate("m", 1, 2)])], items={"x": frame})
    data, again = (render_pdf(audit, ReportOptions(lang="ko"))["report.pdf"] for _ in range(2))
    assert data == again
    pages = opened(data)
    found = [one for page in pages for one in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE])]
    drawn = [one.get_bitmap().to_numpy().reshape(2, 3, -1)[..., 0].tolist() for one in found]
    assert drawn == [levels, levels], "on its card and in its row"
    assert "[[0," not in text_of(data)
