"""What a report may be told, beside the audit it is made of.

    Report = (Audit, ReportOptions) -> {file name: bytes}
    ComparisonReport = (comparisons of one baseline, language) -> {file name: bytes}

A report is pure: same record, same options, same bytes. No clock, host or random id enters it, and of the audit folder
only `record.json`, the items that it pins by digest and `reviews.jsonl`. The facts of a run (`run.json`) stay out, but
for its time and version in the formats of `reports.exchange`, which demand them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.compare import Comparison
    from audit.record import Audit

__all__ = ["DEFAULTS", "ComparisonReport", "Report", "ReportOptions"]


@immutable
class ReportOptions:
    """Choices that change the bytes of a report."""

    lang: str = "en"
    """Language of headings and words; a catalogue in `reports/text/locale`."""
    max_items: int = 20
    """At most this many evidence items under each finding, the worst first; the rest stay in the audit folder."""
    plan: str = "plan.yaml"
    """Path of the plan in the reader's repository, for reports that point at its lines."""


DEFAULTS = ReportOptions()
Report = Callable[["Audit", ReportOptions], dict[str, bytes]]
"""Named by an entry point in `dokimasia.reports`; the first file is the document itself."""
ComparisonReport = Callable[["Sequence[Comparison]", str], dict[str, bytes]]
"""Named by an entry point in `dokimasia.comparisons`; the first file is the document itself."""
