"""The transparency card: what speaks against a model stands before what speaks for it, and nothing is a link."""

import re

import pytest
from exchange_fixtures import of_every_verdict
from report_fixtures import hostile, write_audit

from reports.documents.card_report import MOST, render_card
from reports.options import ReportOptions


def card(audit, lang="en"):
    return render_card(audit, ReportOptions(lang=lang))["card.md"].decode()


def test_what_failed_or_stayed_open_stands_before_what_passed(tmp_path):
    text = card(of_every_verdict(tmp_path / "audit"))
    order = ["answers about rivers", "facts late", "facts few", "What is not in its favour", "pairs"]
    places = [text.index(one) for one in order]
    assert places[0] < min(places[1:3])
    assert max(places[1:3]) < places[4]
    assert "no key" in text.split("## What was not measured")[1]
    assert "questions.jsonl · CC-BY-4.0" in text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_card_of_nothing_says_so_under_every_heading(tmp_path, lang):
    text = card(write_audit(tmp_path / "audit", []), lang)
    assert text.count("\n## ") == 6
    assert text.count("\n- ") >= 6


def test_hostile_text_becomes_no_link_and_no_heading(tmp_path):
    text = card(hostile(tmp_path / "audit"))
    assert not re.search(r"(?<!\\)\]\(", text)
    assert not re.search(r"(?<!\\)<", text)
    assert text.count("\n## ") == 6


def test_of_many_results_the_worst_are_told_and_the_others_counted(tmp_path):
    from report_fixtures import finding

    many = [finding(f"c{number}", "failed", "f") for number in range(MOST + 3)]
    text = card(write_audit(tmp_path / "audit", many))
    assert sum(f"c{number}:" in text for number in range(MOST + 3)) == MOST
