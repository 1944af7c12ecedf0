"""The audit of every probe after people have said all that can be said of one, and its page in Korean."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from shutil import copytree

from audit.record import load_record
from audit.review import Comment, Decision, Due, Override, Owner, Rating, Status, add_reviews
from reports.documents.html_report import render_html
from reports.options import ReportOptions


def with_every_review(every_probe: Path, home: Path) -> None:
    """Copy the audit below a folder, add the reviews, and write `report.html` beside it."""
    audit = load_record(copytree(every_probe, home / every_probe.name))
    day = date(2027, 1, 2)
    mean = next(one.check for one in audit.record.findings if one.probe == "factuality.closed_book")
    add_reviews(
        audit,
        Rating(check="c01", rating="low"),
        Owner(check="c01", owner="김지우"),
        Due(check="c01", due=day),
        Status(check="c04", status="waived", reason="사유", until=day),
        Override(check=mean, item=str(audit.items(mean).index[0]), value=1.0, reason="재판정"),
        Comment(check="c01", text="의견"),
        Decision(decision="rejected", reason="사유"),
        author="김지우",
    )
    (home / "report.html").write_bytes(render_html(load_record(audit.folder), ReportOptions(lang="ko"))["report.html"])
