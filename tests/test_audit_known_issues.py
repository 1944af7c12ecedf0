"""What is known to be wrong with a published data set stands before its numbers, and in a verification."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from audit.data.published.crows_pairs import CrowSPairs
from audit.data.tabular import File
from audit.execute import run
from audit.files import write_atomic
from audit.integrity import recompute
from audit.plan import Check, Plan
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.record import dump, load_record
from reports.documents.markdown_report import render_markdown
from reports.options import ReportOptions

ROWS = "".join(f"{n},He {n}.,She {n}.,stereo,gender,[],a{n},[]\n" for n in range(8))
HEAD = ",sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators\n"


class Letters:
    """Every letter has the same probability."""

    family, modality, name, fingerprint = "letters", "text", "letters", "sha256:letters"

    def log_prob(self, items):
        return [-float(len(item)) for item in items], "exact"


@pytest.fixture
def audit(tmp_path):
    path = tmp_path / "crows.csv"
    path.write_text(HEAD + ROWS)
    fields = {"more": "sent_more", "less": "sent_less", "unit": "anon_writer"}
    checks = (
        Check("published", StereotypePairs(), {"items": CrowSPairs(path)}),
        Check("plain", StereotypePairs(), {"items": File(path, fields=fields)}),
    )
    return run(Plan("Issues", checks, Letters()), into=tmp_path / "audits")


def test_they_are_told_before_the_numbers_of_that_data_set_alone(audit):
    published, plain = audit.record.findings
    assert [one["key"] for one in published.remarks] == ["issues_pairs"]
    assert [one["key"] for one in plain.remarks] == []
    assert published.data["items"]["licence"] == "CC BY-SA 4.0"
    [text] = render_markdown(audit, ReportOptions()).values()
    assert text.count(b"Blodgett et al. 2021") == 1
    [korean] = render_markdown(audit, ReportOptions(lang="ko")).values()
    assert "이 데이터의 알려진 문제".encode() in korean


def test_judging_again_gives_them_too_and_a_record_of_before_holds_without(audit):
    recompute(audit)
    published, plain = audit.record.findings
    before = audit.record.model_copy(update={"findings": [published.model_copy(update={"remarks": []}), plain]})
    write_atomic(audit.folder / "record.json", dump(before))
    recompute(load_record(audit.folder))


def test_a_finding_of_data_that_are_not_installed_has_none():
    from audit.verdict import issues_of

    data = {"items": {"use": "gone"}, "other": {}, "third": {"use": "crows_pairs"}}
    assert issues_of(SimpleNamespace(data=data)) == ["issues_pairs"]
