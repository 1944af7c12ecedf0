"""The command `list`: the audits of a folder, the worst first, with what is wrong with each, in 79 columns.

Which audits these are, and in which order, comes from an index over the folder (`audit.catalogue`), which is brought
up to it first.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson, Into
from audit.errors import UsageError, clean, did_you_mean

if TYPE_CHECKING:
    from audit.catalogue import Asked, Catalogue

__all__ = ["list_audits"]

_WIDTHS = {"audit": 17, "state": 14, "model": 18, "what": 30}
"""Column -> its width with a blank behind it; together 79."""
_NAMES = {"not_measurable": "not measured", "inconclusive": "undecided"}
_TOLD = (
    "name", "title", "model", "family", "state", "checks", "failed", "unsettled", "contradicted", "worst", "decision",
    "verdict", "due", "overdue", "sealed", "written", "digest", "why",
)  # fmt: skip
"""What JSON has of each."""

Search = Annotated[
    str, typer.Option(metavar="WORDS", help="Only audits in whose findings, reviews or items this text stands.")
]
CatalogueFile = Annotated[
    str | None, typer.Option(help="File of the index, or URL of a PostgreSQL; default: DOKIMASIA_CATALOGUE.")
]


def list_audits(
    into: Into = Path("audits"),
    search: Search = "",
    verdict: Annotated[str, typer.Option(help="Only these: failed, passed, running, unreadable, ...")] = "",
    order: Annotated[str, typer.Option(help="worst, newest, title or model.")] = "worst",
    most: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    catalogue: CatalogueFile = None,
    as_json: AsJson = False,
) -> None:
    """List the audits of a folder, the worst first; with --search, those in which a text stands."""
    from audit.catalogue import ORDERS, STATES, Asked, Catalogue
    from audit.storage import LISTED, bring_heads, shown

    if verdict and verdict not in STATES:
        raise UsageError(f"list --verdict {verdict!r}{did_you_mean(verdict, STATES)}")
    if order not in ORDERS:
        raise UsageError(f"list --order {order!r}{did_you_mean(order, ORDERS)}")
    if not into.is_dir():
        raise UsageError(f"{shown(into)}: no folder of audits here")
    bring_heads(into, LISTED)
    index, asked = Catalogue(into, catalogue), Asked(search=search, verdict=verdict, order=order)
    index.refresh(whole=True, told=_progress("audits"))
    if search:
        index.read_items(told=_progress("items of audits"))
    partly = len(index.partly()) if search else 0
    if as_json:
        print(_as_json(index, asked, most, partly))
        return
    print("\n".join(_lines(index, asked, most)))
    if partly:
        print(f"of the items of {partly:,} audits a part was looked through; the text may stand in the rest of them")


def _progress(what: str) -> Any:
    """Return what tells on a terminal how far the reading is, where it takes a while."""
    def told(done: int, of: int) -> None:
        if sys.stderr.isatty() and of > 1000:
            print(f"\rreading {what}: {done:,} of {of:,}", end="" if done < of else "\n", file=sys.stderr, flush=True)

    return told


def _as_json(index: Catalogue, asked: Asked, most: int, partly: int) -> str:
    rows = [{name: row[name] for name in _TOLD} for row in _rows(index, asked, most)]
    told = {"total": index.count(asked), "search_by": index.search_by, "searched_in_part": partly, "audits": rows}
    return json.dumps(told, ensure_ascii=False)


def _rows(index: Catalogue, asked: Asked, most: int) -> list[Mapping[str, Any]]:
    """Return what is listed; of a record that was written over since its run nothing is told but that."""
    from audit.integrity import NOT_WRITTEN, written_over

    changed = {"state": "changed", "worst": "", "why": NOT_WRITTEN}
    return [
        {**row, **changed} if written_over(index.root / row["name"], row["digest"]) else row
        for row in index.rows(asked, most=most)
    ]


def _lines(index: Catalogue, asked: Asked, most: int) -> Iterator[str]:
    rows, total = _rows(index, asked, most), index.count(asked)
    if not rows:
        yield "no audit here" if asked == type(asked)(order=asked.order) else "no audit like that"
        return
    yield _line({"audit": "audit", "state": "verdict", "model": "model", "what": "what is wrong, else title"})
    yield from (_line(_told(row)) for row in rows)
    if total > len(rows):
        yield f"{len(rows):,} of {total:,}; --most N lists more, --search WORDS fewer"


def _told(row: Mapping[str, Any]) -> Mapping[str, str]:
    wrong = ""
    if row["worst"]:
        more = (row["unsettled"] or row["contradicted"]) - 1
        wrong = f"{row['worst']}{f' + {more}' if more else ''}"
        if row["contradicted"]:
            wrong += f", {row['contradicted']} contradicted" if row["unsettled"] else ": contradicted"
    review = f"{row['decision']}: " if row["decision"] not in ("", "draft") else ""
    when = datetime.fromtimestamp(row["written"], UTC).date().isoformat()
    return {
        "audit": row["name"], "state": _NAMES.get(row["state"], row["state"]), "model": row["model"] or when,
        "what": review + (wrong or row["why"] or row["title"]),
    }


def _line(cells: Mapping[str, str]) -> str:
    return "".join(_fitted(clean(cells[name]), width - 1) + " " for name, width in _WIDTHS.items()).rstrip()


def _fitted(text: str, room: int) -> str:
    """Return a text in exactly so many columns of a terminal, cut with two points where it is longer."""
    if _columns(text) > room:
        kept = ""
        for char in text:
            if _columns(kept + char) > room - 2:
                break
            kept += char
        text = f"{kept}.."
    return text + " " * (room - _columns(text))


def _columns(text: Iterable[str]) -> int:
    """Return how many columns a text takes: letters of East Asia are two wide, marks have no width."""
    wide = (2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text if not unicodedata.combining(one))
    return sum(wide)
