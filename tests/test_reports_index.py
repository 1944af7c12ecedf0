"""The page over several audits: links that lead into their folders, the worst finding of each dimension."""

import re

import pytest
from report_fixtures import finding, hostile, mixed, rate, write_audit
from review_fixtures import small_audit
from test_reports_html import Page

from audit.cli.closing_table import closing_table
from audit.record import Limit, decided
from reports.documents.index_page import render_index
from reports.text import words_of
from reports.views import printed_row


def test_audits_against_dimensions(tmp_path):
    audits = [mixed(tmp_path / f"aud{count}", count) for count in (0, 1, 10)]
    page = Page(render_index(audits).decode())
    rows = re.findall(r"<tr>.*?</tr>", render_index(audits).decode(), re.S)[1:]
    assert len(rows) == 3
    assert "3 audits: 2 failed, 1 measured only." in page.text
    assert "aud10/" in rows[0]
    assert "5 of 8 decided" in rows[0]
    assert "57.7" in rows[1]
    assert "aud0/" in rows[2], "the worst first"
    links = {one[1]["href"] for one in page.all("a")}
    assert "aud1/reports/report.html" in links
    assert "aud10/reports/report.html#check-facts" in links
    assert not any("://" in link for link in links)


def test_a_document_that_others_wrote_is_not_linked(tmp_path):
    """A folder that was copied here holds a page of its own; the one that we make of it is linked again."""
    audit = mixed(tmp_path / "copied", 3)
    page = audit.folder / "reports" / "report.html"
    page.parent.mkdir()
    page.write_text("<script>document.title = 'owned'</script>")
    shown = Page(render_index([audit]).decode())
    assert not shown.all("a")
    assert "was not made here" in shown.text
    audit.report("html")
    assert {one[1]["href"].partition("#")[0] for one in Page(render_index([audit]).decode()).all("a")} == {
        "copied/reports/report.html"
    }
    page.unlink()
    page.symlink_to("/etc/passwd")
    assert not Page(render_index([audit]).decode()).all("a")


def test_a_document_of_an_audit_that_was_run_here_is_linked(tmp_path):
    audit = small_audit(tmp_path)
    (audit.folder / "reports").mkdir()
    (audit.folder / "reports" / "report.html").write_text("as an earlier version made it")
    assert Page(render_index([audit]).decode()).all("a")


def test_an_empty_page_says_what_to_do():
    assert "dokimasia run plan.yaml" in render_index([]).decode()


def test_hostile_audits_and_folders(tmp_path):
    page = Page(render_index([hostile(tmp_path / 'a"b <x>')]).decode())
    assert not page.all("script")
    assert not [one for one in page.elements if any(name.startswith("on") for name in one[1])]
    assert {one[1]["href"].partition("#")[0] for one in page.all("a")} == {"a%22b%20%3Cx%3E/reports/report.html"}


@pytest.mark.parametrize("count", [0, 3])
def test_same_audits_same_bytes(tmp_path, count):
    audits = [mixed(tmp_path / str(index), index) for index in range(count)]
    assert render_index(audits) == render_index(audits)


def test_decided_counts_the_gating_checks_wherever_it_is_shown(tmp_path):
    """The closing table counted gating checks, the page and the dashboard all with a limit: 1/1 beside 2/2."""
    limit = Limit(measure="share", at_most=0.5)
    audit = write_audit(tmp_path / "aaaa", [
        finding("gates", "passed", "told", limit=limit, measures=[rate("share", 1, 9)]),
        finding("explores", "passed", "told", limit=limit, gating=False, measures=[rate("share", 1, 9)]),
        finding("open", "inconclusive", "told", limit=limit, measures=[rate("share", 4, 9)]),
    ])  # fmt: skip
    assert decided(audit.record.findings) == (1, 2)
    assert " 1/2\n" in closing_table([audit])
    assert "1 of 2 decided" in render_index([audit]).decode()
    assert printed_row(audit.record, words_of("en")).decided == "1 of 2 decided"
