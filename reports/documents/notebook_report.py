"""An audit as a notebook shows it: title, verdict, a table of findings with their intervals, in English.

    audit.run(...)     as the last line of a cell

The words are those of the terminal. What a model or a file wrote is escaped, and nothing is loaded from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from audit.cli.screen import SIGNS, finding_line, notes, summary_line
from audit.errors import clean
from audit.record import Audit, Finding, bounds, number
from reports.options import DEFAULTS, ReportOptions

__all__ = ["render_notebook"]

_HEADS = ("check", "verdict", "measure", "value", "interval", "limit", "in words")


def render_notebook(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return a fragment of HTML without scripts, styles and links as one file."""
    record = audit.record
    told = "".join(f"<li>{_text(one)}</li>" for one in notes(record))
    page = (
        f"<div><p><strong>{_text(record.title)}</strong></p><p>{_text(summary_line(record))}</p>"
        f"<table><thead>{_row(_HEADS, 'th')}</thead><tbody>{''.join(_row(_cells(one)) for one in record.findings)}"
        f"</tbody></table>{f'<ul>{told}</ul>' if told else ''}<p>{_text(audit.folder)}</p></div>"
    )
    return {"notebook.html": page.encode()}


def _cells(finding: Finding) -> tuple[str, ...]:
    """Return what stands in a finding's row; empty where it has no measure, interval or limit."""
    measure, limit = finding.headline, finding.limit
    name = value = interval = kept = ""
    if measure is not None:
        name = measure.name.replace("_", " ") + ("" if measure.group is None else f" of {measure.group}")
        value = "" if measure.value is None else number(measure.value, measure.unit)
        if measure.low is not None and measure.high is not None:
            interval = f"[{number(measure.low, measure.unit)}, {number(measure.high, measure.unit)}]"
        kept = "" if limit is None else bounds(limit, measure.unit)
    _, _, words = finding_line(finding).partition(f"{clean(finding.check)}: ")
    return finding.check, f"{SIGNS[finding.verdict]} {finding.verdict}", name, value, interval, kept, words


def _row(cells: Iterable[str], kind: str = "td") -> str:
    return f"<tr>{''.join(f'<{kind}>{_text(cell)}</{kind}>' for cell in cells)}</tr>"


def _text(shown: object) -> str:
    return escape(clean(str(shown)))
