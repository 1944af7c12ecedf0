"""The publishable table of a bias audit under New York City's Local Law 144, as a page and as CSV.

    render_ll144(audit, options) -> {"report.ll144.html": ..., "report.ll144.csv": ...}

Numbers are those of `reports.views.bias_audit`; intervals stand beside the point numbers that the rule asks for. What
the rule wants and the record lacks is listed first, so that nobody publishes the page for more than it is.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from detectors.result import Measure
from reports.documents.templating import environment, text_tools
from reports.options import DEFAULTS, ReportOptions
from reports.text import Notation, Words, visible, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import BiasAudit, Category, CategoryTable

__all__ = ["render_ll144"]

_COLUMNS = (
    "check", "columns", "category", "persons", "selected", "rate", "rate_low", "rate_high", "ratio", "ratio_low",
    "ratio_high", "small",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def render_ll144(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the page and the table; UsageError for a language that has no catalogue.

    An audit without measured decisions about people has a page that says so, and a table without rows.
    """
    from reports.views import bias_audits

    words = words_of(options.lang)
    found = bias_audits(audit, words)
    page = environment().get_template("ll144.html.j2").render(
        audits=found, lang=options.lang, title=audit.record.title, day=_day(audit), level=audit.record.level,
        notation=Notation(words), **text_tools(words),
    )
    return {"report.ll144.html": page.encode(), "report.ll144.csv": _table(found, words).encode("utf-8-sig")}


def _day(audit: Audit) -> str | None:
    """Return the day on which the run ended; None where the audit's folder does not tell it."""
    return None if audit.run is None else audit.run.finished[:10]


def _table(audits: list[BiasAudit], words: Words) -> str:
    """Return all categories as CSV, numbers in full."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow([words.term("bias_audit_column", name) for name in _COLUMNS])
    for one in audits:
        for table in one.tables:
            for category in table.categories:
                sheet.writerow([_inert(one.check), _inert(" x ".join(table.columns)), *_cells(category, words)])
            sheet.writerow([_inert(one.check), _inert(" x ".join(table.columns)), *_unknown(table, words)])
    return out.getvalue()


def _cells(one: Category, words: Words) -> list[object]:
    rate, ratio = _ends(one.rate), _ends(one.compared)
    small = words("format.yes" if one.small else "format.no")
    return [_inert(one.name), one.persons, one.selected, one.rate.value, *rate, one.ratio, *ratio, small]


def _unknown(table: CategoryTable, words: Words) -> list[object]:
    return [words("bias_audit.unknown"), table.unknown, *[None] * 8]


def _ends(measure: Measure | None) -> tuple[float | None, float | None]:
    return (None, None) if measure is None else (measure.low, measure.high)


def _inert(text: str) -> str:
    """Return text that no spreadsheet runs."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
