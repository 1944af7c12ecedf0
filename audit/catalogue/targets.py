"""What has to be settled of one audit, as the index holds it: findings, and items that were given to somebody.

A finding is one that failed, crashed or is undecided, and any other of which somebody has spoken; an item one that was
given to somebody, until somebody has said what is right of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from audit.catalogue.header import Header
from audit.files import sha256
from audit.record import UNSETTLED, WORST_FIRST
from audit.review import RATINGS, ReviewState, TargetState

__all__ = ["given_items", "is_listed", "mark_of", "plain", "targets_of"]


def plain(text: str) -> str:
    """Return a text that a database can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def mark_of(audit: str, check: str, item: str | None) -> str:
    """Return eight letters that stand for a finding of an audit, or an item of it, in an address."""
    names = (audit, check, *(() if item is None else (item,)))
    return sha256("\n".join(names).encode("utf-8", "surrogatepass"))[7:15]


def is_listed(verdict: str, said: TargetState) -> bool:
    """Tell whether a finding has to be settled, or somebody has spoken of it."""
    return verdict in UNSETTLED or said != TargetState()


def given_items(state: ReviewState, check: str) -> Iterator[tuple[str, TargetState]]:
    """Yield the items of a check that somebody has to look at, and nobody has."""
    done = state.calls.get(check, {})
    for (of, item), said in state.targets.items():
        if of == check and item is not None and item not in done and said.owner and said.status == "open":
            yield item, said


def targets_of(name: str, head: Header, state: ReviewState | None) -> list[dict[str, Any]]:
    """Return the rows of an audit of this name; `state` is None where nobody has spoken of it."""
    rows = []
    for one in head.findings:
        said = TargetState() if state is None else state.of(one.check)
        told = (head.title, name, head.model, one.check)
        if is_listed(one.verdict, said):
            rows.append(_row(name, one.check, None, one.verdict, said, told))
        for item, spoken in () if state is None else given_items(state, one.check):
            rows.append(_row(name, one.check, item, one.verdict, spoken, told))
    return rows


def _row(
    name: str, check: str, item: str | None, verdict: str, said: TargetState, told: Iterable[str]
) -> dict[str, Any]:
    rank = len(RATINGS) if said.rating is None else RATINGS.index(said.rating)
    texts = {
        "check_name": check, "item": item or "", "mark": mark_of(name, check, item), "owner": said.owner or "",
        "rating": said.rating or "", "status": said.status,
        "text": "\n".join((*told, item or "", said.action or "")).casefold(),
    }  # fmt: skip
    return {
        **{key: plain(text) for key, text in texts.items()}, "rating_rank": rank,
        "verdict_rank": WORST_FIRST.index(verdict), "due": None if said.due is None else said.due.isoformat(),
        "until": None if said.waiver is None else said.waiver.until.isoformat(),
    }
