"""The Markdown report: what a renderer shows is what was written, and nothing else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_fixtures import HOSTILE, finding, hostile, mixed, rate, write_audit

from audit.record import WORST_FIRST, Limit
from reports.documents.markdown_report import MOST_CHARACTERS, render_markdown
from reports.text import escape_markdown, one_line, words_of
from reports.views.summary import summary_sentence

WORDS = words_of("en")
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class _Text(HTMLParser):
    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def rendered(text):
    return _Text(MARKDOWN.render(text))


def shown(audit):
    return render_markdown(audit)["report.md"].decode()


def test_the_comment_opens_with_the_sentence_and_lists_every_check(tmp_path):
    audit = mixed(tmp_path, 10)
    text = shown(audit)
    assert text.splitlines()[0] == f"## ✗ {summary_sentence(audit.record, WORDS)}"
    page = rendered(text)
    assert page.tags == {"h2", "h3", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    for one in audit.record.findings:
        assert one.check in page.text
    for number in ("57.7\u00a0%", "480 (120)", "≤ 50\u00a0%", "99.5\u00a0%", "exact binomial (Clopper-Pearson)"):
        assert number in page.text


def test_a_passed_check_shows_all_of_its_measures_after_what_needs_eyes(tmp_path):
    """Accuracy by group is there where the check passed, and where there was no limit; one number stands once."""
    groups = [rate("accuracy", 90, 100), rate("accuracy", 40, 50, group="Korean")]
    audit = write_audit(tmp_path, [
        finding("good", "passed", "x", measures=groups),
        finding("free", "measured", "x", gating=False, measures=groups),
        finding("bad", "failed", "x", measures=groups[:1]), finding("lone", "passed", "x", measures=groups[:1]),
    ])
    page = rendered(shown(audit)).text
    assert page.count("accuracy · Korean") == 2
    assert page.index("Failed · bad") < page.index("Passed · good")
    assert "Passed · lone" not in page


@pytest.mark.parametrize("count", [0, 1])
def test_few_findings(tmp_path, count):
    audit = mixed(tmp_path, count)
    assert summary_sentence(audit.record, WORDS) in rendered(shown(audit)).text


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_every_verdict_is_a_word_and_a_sign(tmp_path, verdict):
    text = shown(
        write_audit(
            tmp_path, [finding("x", verdict, "why", measures=[rate("m", 1, 9)], limit=Limit(measure="m", at_most=0.5))]
        )
    )
    word = WORDS(f"verdict.{verdict}")
    row = f"- x · {word} · why" if verdict == "skipped" else f"| {WORDS(f'sign.{verdict}')} {word} | x |"
    assert row in text


def test_hostile_text_stays_text(tmp_path):
    text = shown(hostile(tmp_path))
    page = rendered(text)
    assert page.tags <= {"h2", "h3", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert HOSTILE[0] in page.text
    assert not re.search(r"@\w|#\d|://|www\.", text), "nothing that GitHub would link or notify"
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\x7f]", text)


def test_the_number_of_an_issue_becomes_no_link():
    """GitHub links `GH-1` as it links `#1`; within a longer word it does not."""
    assert escape_markdown("see GH-1, gh-22, NAGH-1") == "see GH\u2060-1, gh\u2060-22, NAGH-1"


def test_a_comment_is_never_too_long_for_github(tmp_path):
    cut = shown(hostile(tmp_path / "a", 40))
    assert len(cut) <= MOST_CHARACTERS
    assert "further findings stand in the HTML report" in cut
    assert len(shown(mixed(tmp_path / "b", 200))) <= MOST_CHARACTERS


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(HOSTILE))
def test_a_renderer_gives_back_what_was_escaped(text):
    line = one_line(text, WORDS)
    for source in (escape_markdown(line), f"- {escape_markdown(line)}", f"| a |\n|---|\n| {escape_markdown(line)} |"):
        page, head = rendered(source), "a" if source.startswith("| a |\n") else ""
        assert page.tags <= {"p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
        assert " ".join(page.text.replace("\u2060", "").split()).removeprefix(head).strip() == line.strip()
