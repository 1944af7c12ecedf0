"""Tables that become cards on a narrow screen: each cell carries the head of its column, which style then prints.

    <thead><tr><th>Why</th></tr></thead> ... <td>late</td>      ->      <td data-label="Why">late</td>

Lines of figures lay themselves out and are left alone, and so are a cell of several columns, one that has a label, and
a page that is too long to be read on such a screen: a document has its size.
"""

from __future__ import annotations

import re
from itertools import chain

__all__ = ["labelled"]

_MOST = 3_000_000
"""Characters of a page that is labelled."""
_TABLE = re.compile(r'<table\b(?! class="lines)[^>]*>.*?</table>', re.DOTALL)
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
_HEAD = re.compile(r"<th\b([^>]*)>(.*?)</th>", re.DOTALL)
_CELL = re.compile(r"<t[dh]\b([^>]*)>")
_SPAN = re.compile(r'colspan="(\d+)"')
_MARKUP = re.compile(r"<svg\b.*?</svg>|<[^>]*>", re.DOTALL)


def labelled(page: str) -> str:
    """Return the page with the cells of its tables labelled; what stands in a page is escaped, and stays so."""
    return page if len(page) > _MOST else _TABLE.sub(lambda table: _labelled(table[0]), page)


def _labelled(table: str) -> str:
    head, end, body = table.partition("</thead>")
    rows = _ROW.findall(head)
    if not end or not rows:
        return table
    labels = list(chain.from_iterable([_told(text)] * _width(given) for given, text in _HEAD.findall(rows[-1])))
    return head + end + _ROW.sub(lambda row: _row(row[0], labels), body)


def _row(row: str, labels: list[str]) -> str:
    column = 0

    def cell(found: re.Match[str]) -> str:
        nonlocal column
        wide = _width(found[1])
        label = labels[column] if column < len(labels) and wide == 1 else ""
        column += wide
        return found[0] if not label or "data-label" in found[1] else f'{found[0][:-1]} data-label="{label}">'

    return _CELL.sub(cell, row)


def _width(given: str) -> int:
    span = _SPAN.search(given)
    return int(span[1]) if span else 1


def _told(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).replace('"', "&#34;").split())
