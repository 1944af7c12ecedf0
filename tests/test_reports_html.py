"""The HTML report: its order, its figures, the same bytes from the same record, and hostile text that stays text."""

import re
import shutil
from html.parser import HTMLParser

import pytest
from report_fixtures import ENDPOINT, HOSTILE, LM, finding, hostile, mixed, rate, unknown, write_audit

from audit.errors import UsageError
from audit.record import WORST_FIRST, Limit, load_record
from reports.documents.html_report import render_html
from reports.options import ReportOptions
from reports.text import words_of
from reports.views.summary import summary_sentence

WORDS = words_of("en")
OURS = """html head meta title style body nav main header section article h1 h2 h3 h4 p a span b small code pre ul ol li
    dl div dt dd table thead tbody tr th td figure figcaption svg g path rect circle text desc details summary wbr"""
VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes and text, and the text of the page as a reader sees it."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self._open = [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self._open, tag
        assert self._open.pop()[0] == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_data(self, data):
        for one in self._open:
            one[2] += data
        self.text += data

    def all(self, tag, **attrs):
        return [
            one
            for one in self.elements
            if one[0] == tag and all(one[1].get(key) == value for key, value in attrs.items())
        ]


def page(audit, **options):
    return Page(render_html(audit, ReportOptions(**options))["report.html"].decode())


def test_the_same_record_gives_the_same_bytes_wherever_it_lies(tmp_path):
    first = render_html(mixed(tmp_path / "id", 10))
    shutil.copytree(tmp_path / "id", tmp_path / "elsewhere")
    assert render_html(load_record(tmp_path / "elsewhere")) == first
    (tmp_path / "elsewhere" / "run.json").write_text(
        '{"started": "2026-11-30T15:00:00+00:00", "finished": "2026-11-30T15:00:01+00:00", "seconds": 1, '
        '"host": "machine-7", "platform": "p", "python": "3"}', "utf-8",
    )
    assert render_html(load_record(tmp_path / "elsewhere")) == first, "run facts are no part of the record"


@pytest.mark.parametrize("count", [0, 1, 40])
def test_the_page_is_whole_for_any_number_of_findings(tmp_path, count):
    audit = mixed(tmp_path, count)
    shown = page(audit)
    assert [one[1]["content"] for one in shown.all("meta") if "http-equiv" in one[1]] == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    ]
    assert summary_sentence(audit.record, WORDS) in shown.text
    assert len(shown.all("article")) == count
    assert shown.all("html", lang="en")
    ids = [one[1]["id"] for one in shown.elements if "id" in one[1]]
    assert len(ids) == len(set(ids))
    links = {one[1]["href"] for one in shown.all("a")}
    assert links <= {f"#{name}" for name in ids}, "every link leads to a place on this page"


def test_sections_stand_in_the_order_a_reader_needs(tmp_path):
    sections = [
        one[1]["id"] for one in page(mixed(tmp_path, 10)).elements if one[0] in ("header", "section") and "id" in one[1]
    ]
    assert [one for one in sections if not one.endswith("-all")] == [
        "summary", "checks", "gaps", "pages", "sheet", "findings", "controls", "methods", "environment", "again",
    ]


def test_every_figure_has_a_title_a_description_and_stands_in_its_table(tmp_path):
    html = render_html(mixed(tmp_path, 10))["report.html"].decode()
    figures = re.findall(r'<svg class="line".*?</svg>', html, re.S)
    assert len(figures) > 40
    assert all(re.search(r"<title>[^<]+</title><desc>[^<]+</desc>", one) for one in figures)
    cells = re.findall(r'class="plot"[^>]*>((?:\s*<svg class="line".*?</svg>)+)', html, re.S)
    assert sum(one.count("<svg") for one in cells) == len(figures)


def test_a_finding_shows_all_it_rests_on(tmp_path):
    measures = [
        rate("error_share", 30, 120, units=40, level=0.9875),
        rate("error_share", 20, 60, group="history"),
        unknown("error_share", "no items of this group", group="art"),
    ]
    one = finding(
        "facts", "failed", "error share is 25 %.", probe="factuality.closed_book", measures=measures,
        limit=Limit(measure="error_share", at_most=0.1), clauses=["eu-ai-act:15"], options={"mode": "choice"},
        controls={"positive": True, "negative": True},
    )  # fmt: skip
    shown = page(write_audit(tmp_path, [one]))
    [article], [rest] = shown.all("article", id="check-facts"), shown.all("section", id="check-facts-all")
    text = f"{article[2]} {rest[2]}".replace("\u00a0", " ")
    told = (
        "Failed|facts|closed-book questions|gating|For 25.0 % of questions asking failed|25.0 %|120 (40)|≤ 10 %|98.8 %|"
        "lower|history"
    )
    told += (
        "|exact binomial (Clopper-Pearson)|undefined · no items of this group|eu-ai-act:15|mode=choice|1.25 % of 5 %"
    )
    for wanted in (*told.split("|"), WORDS("note.clauses"), WORDS("note.controls_ok")):
        assert wanted in text, wanted


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ({"positive": False, "negative": True}, "controls_positive"),
        ({"positive": True, "negative": False}, "controls_negative"),
    ],
)
def test_a_control_that_failed_is_told(tmp_path, controls, said):
    one = finding("x", "inconclusive", "why", measures=[rate("m", 1, 9)], controls=controls)
    assert WORDS(f"note.{said}") in page(write_audit(tmp_path, [one])).text


@pytest.mark.parametrize("verdict", WORST_FIRST)
@pytest.mark.parametrize("gating", [True, False])
def test_every_verdict_is_a_word_and_a_sign(tmp_path, verdict, gating):
    shown = page(write_audit(tmp_path, [finding("x", verdict, "why", gating=gating)]))
    marks = [one for tag in ("span", "td") for one in shown.all(tag, **{"class": f"verdict {verdict}"})]
    assert marks
    for mark in marks:
        assert mark[2].count(WORDS(f"verdict.{verdict}")) == 2, "the sign's title and the word"
    assert WORDS("label.gating" if gating else "label.not_gating") in shown.text


def test_a_changed_model_and_an_unverifiable_one_are_told(tmp_path):
    shown = page(write_audit(tmp_path, [], models={"main": ENDPOINT}, changed=["main"]))
    assert WORDS("note.changed", models="main") in shown.text
    assert WORDS("note.unverifiable") in shown.text


@pytest.mark.parametrize(
    ("weights", "warned"),
    [(None, 0), ("safetensors", 0), ("GGUF F16, F32", 0), ("GGUF Q4_1, F32", 1), ("GGUF MXFP4", 1)],
)
def test_quantised_weights_are_told(tmp_path, weights, warned):
    model = LM.model_copy(update={"weights": weights})
    shown = page(write_audit(tmp_path, [], models={"main": model}))
    assert shown.text.count(WORDS("note.quantised")) == warned
    assert (f"weights: {weights}" in shown.text) == (weights is not None)


def test_a_training_that_time_ended_is_told_with_what_was_not_measured(tmp_path):
    model = LM.model_copy(update={"cut_short": [30, 2000]})
    shown = page(write_audit(tmp_path, [finding("a", "passed", "")], models={"main": LM, "helper": model}))
    assert shown.text.count(WORDS("format.cut_short", step=30, steps=2000)) == 1
    assert shown.text.count(WORDS("note.hurried", models=model.name)) == 1
    assert "still getting better" not in page(write_audit(tmp_path, [finding("a", "passed", "")])).text


def test_items_appear_up_to_the_number_asked_for(tmp_path):
    audit = mixed(tmp_path, 1)
    shown = [page(audit, max_items=most).all("table", **{"class": "items"}) for most in (20, 3)]
    rows = [sum(len(re.findall("leans on a stereotype", one[2])) for one in tables) for tables in shown]
    assert rows == [20, 3]


def test_a_missing_items_file_leaves_the_rest(tmp_path):
    audit = mixed(tmp_path, 1)
    (tmp_path / "items" / "stereotypes.parquet").unlink()
    shown = page(audit)
    assert WORDS("note.evidence_missing", path="items/stereotypes.parquet") in shown.text
    assert "57.7" in shown.text


def test_hostile_text_stays_text(tmp_path):
    html = render_html(hostile(tmp_path))["report.html"].decode()
    shown = Page(html)
    assert {one[0] for one in shown.elements} <= set(OURS.split())
    for tag, attrs, _ in shown.elements:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], (tag, attrs)
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f]", html
    )
    assert "<U+202E>" in shown.text, "what was taken out is told"
    assert HOSTILE[0] in shown.text
    assert "한국어 문장" in shown.text
    assert "{{ 7*7 }}" in shown.text


def test_the_page_stays_under_five_megabytes(tmp_path):
    assert len(render_html(hostile(tmp_path / "a", 40))["report.html"]) < 5_000_000
    assert len(render_html(mixed(tmp_path / "b", 300))["report.html"]) < 5_000_000


def test_an_unknown_language_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown language 'eng'"):
        render_html(mixed(tmp_path, 0), ReportOptions(lang="eng"))


def test_the_sentence_of_a_finding_comes_before_what_is_to_be_known_beside_it(tmp_path):
    """Nine remarks on groups stood in one paragraph, and the sentence behind them."""
    remarks = [{"key": "one_machine"}, {"key": "scorer_untested"}]
    one = finding("size", "failed", "why", remarks=remarks, measures=[rate("x", 1, 3)])
    page = Page(next(iter(render_html(write_audit(tmp_path, [one]), ReportOptions()).values())).decode())
    why, (listed, *_) = page.all("p", **{"class": "why"})[-1], page.all("ul", **{"class": "remarks"})
    assert "one run on one machine" not in why[2]
    assert page.text.index(why[2]) < page.text.index("one run on one machine", page.text.index(why[2]))
    assert "one run on one machine" in listed[2]
