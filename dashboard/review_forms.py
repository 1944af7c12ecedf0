"""Forms in which a reader speaks of an audit, a finding or an item; what is sent is appended to its reviews.

The command `dokimasia review` writes the same entries. Only what differs from where things stand becomes an entry. They
are signed where `DOKIMASIA_KEY` names a key file at the start of the dashboard, and then in its owner's name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import ValidationError

from audit.errors import DokimasiaError, first_problem
from audit.record import Audit
from audit.review import (
    DECISIONS,
    RATINGS,
    STATUSES,
    Action,
    Comment,
    Decision,
    Due,
    Override,
    Owner,
    Rating,
    ReviewState,
    Sample,
    Statement,
    Status,
    TargetState,
    add_reviews,
    state_of,
)
from audit.signing import author_name, key_owner, signing_key
from dashboard.rendering import draw
from reports.text import Words, one_line

__all__ = ["draw_items", "review_audit", "review_finding", "review_item"]

MOST = 200
"""Links to items that are still to be looked at."""
DRAWN = 100
"""Items that the form of a random check begins with."""
_AUTHOR = "said_by"
Fields = Mapping[str, Any]
Keyed = Callable[[str], str]
Links = Callable[[Sequence[str]], list[tuple[str, str]]]
"""Names of items -> what a link to each says, and where it leads."""


def review_audit(audit: Audit, words: Words) -> None:
    """Draw the form for a word about the audit: a decision, a comment."""
    state = state_of(audit)
    key = _keys(audit, state)
    draw("form_head.html.j2", words)
    with st.form(key("form")):
        left, right = st.columns([1, 2])
        fields = {
            "decision": _choice(left, "decision", ("", *DECISIONS[1:], DECISIONS[0]), "", words, key),
            "reason": right.text_input(words("form.reason"), key=key("reason")).strip(),
            "two_person": st.toggle(words("form.two_person"), key=key("two")),
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        author, sent = _sign(words)
    if sent:
        _say(audit, words, author, _of_audit(fields))


def _of_audit(fields: Fields) -> Iterator[Statement]:
    decision = fields["decision"]
    if decision:
        two = fields["two_person"] and decision == "in review"
        yield Decision(decision=decision, reason=fields["reason"] or None, two_person=two)
    if fields["comment"]:
        yield Comment(text=fields["comment"])


def review_finding(audit: Audit, check: str, words: Words) -> None:
    """Draw the form to rate a finding, give it to somebody, settle or waive it."""
    state = state_of(audit)
    now = state.of(check)
    key = _keys(audit, state, check)
    draw("form_head.html.j2", words)
    with st.form(key("form")):
        left, right = st.columns(2)
        fields = {
            "status": _choice(left, "status", STATUSES, now.status, words, key),
            "rating": _choice(right, "rating", ("", *RATINGS), now.rating or "", words, key),
            "owner": left.text_input(words("reviewed.owner"), value=now.owner or "", key=key("owner")).strip(),
            "due": right.date_input(words("reviewed.due"), value=now.due, format="YYYY-MM-DD", key=key("due")),
            "reason": left.text_input(words("form.reason"), key=key("reason")).strip(),
            "until": right.date_input(words("form.last_day"), None, format="YYYY-MM-DD", key=key("until")),
            "action": st.text_input(words("reviewed.action"), value=now.action or "", key=key("action")).strip(),
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        author, sent = _sign(words)
    if sent and fields["status"] == "waived" and not (fields["reason"] and fields["until"]):
        draw("alarm.html.j2", words, text=words("form.waiver_needs"))
    elif sent:
        _say(audit, words, author, _of_finding(fields, now, check))


def _of_finding(fields: Fields, now: TargetState, check: str) -> Iterator[Statement]:
    if fields["rating"] and fields["rating"] != now.rating:
        yield Rating(check=check, rating=fields["rating"])
    if fields["owner"] and fields["owner"] != now.owner:
        yield Owner(check=check, owner=fields["owner"])
    if fields["due"] is not None and fields["due"] != now.due:
        yield Due(check=check, due=fields["due"])
    if fields["action"] and fields["action"] != now.action:
        yield Action(check=check, action=fields["action"])
    if fields["status"] != now.status or fields["reason"]:
        until = fields["until"] if fields["status"] == "waived" else None
        yield Status(check=check, status=fields["status"], reason=fields["reason"] or None, until=until)
    if fields["comment"]:
        yield Comment(check=check, text=fields["comment"])


def draw_items(audit: Audit, check: str, links: Links, words: Words) -> None:
    """Draw what of a random check is still to be looked at, by `links` to these items, or the form that draws one."""
    state = state_of(audit)
    reviewed, headline = state.reviewed.get(check), audit.finding(check).headline
    if reviewed is not None and reviewed.check is not None and reviewed.check.left:
        draw("to_look_at.html.j2", words, count=len(reviewed.check.left), links=links(reviewed.check.left[:MOST]))
        return
    if headline is None or headline.mean_of is None:
        return
    key = _keys(audit, state, check)
    draw("sample_head.html.j2", words)
    with st.form(key("sample")):
        count = st.number_input(words("form.sample_count"), 1, None, DRAWN, key=key("count"))
        author, sent = _sign(words, "form.sample_send")
    if sent:
        _say(audit, words, author, iter([Sample(check=check, count=count)]))


def review_item(audit: Audit, check: str, item: str, words: Words) -> None:
    """Draw the form to override an item's outcome, or to comment on it."""
    state = state_of(audit)
    key = _keys(audit, state, check, item)
    draw("form_head.html.j2", words)
    with st.form(key("form")):
        left, right = st.columns([1, 3])
        fields = {
            "value": left.number_input(words("form.right_value"), 0.0, 1.0, None, step=1.0, key=key("value")),
            "reason": right.text_input(words("form.reason"), key=key("reason")).strip(),
            "undo": st.toggle(words("form.undo"), key=key("undo")),
            "comment": st.text_area(words("form.comment"), height=80, key=key("comment")).strip(),
        }
        author, sent = _sign(words)
    overrides = fields["undo"] or fields["value"] is not None
    if sent and overrides and not fields["reason"]:
        draw("alarm.html.j2", words, text=words("form.override_needs"))
    elif sent:
        _say(audit, words, author, _of_item(fields, check, item))


def _of_item(fields: Fields, check: str, item: str) -> Iterator[Statement]:
    if fields["undo"] or fields["value"] is not None:
        value = None if fields["undo"] else fields["value"]
        yield Override(check=check, item=item, value=value, reason=fields["reason"])
    if fields["comment"]:
        yield Comment(check=check, item=item, text=fields["comment"])


def _keys(audit: Audit, state: ReviewState, *target: str) -> Keyed:
    """Return how widgets are named; after each entry otherwise, so that a form shows where things stand then."""
    return lambda name: "\n".join((name, audit.folder.name, str(len(state.entries)), *target))


def _choice(cell: Any, kind: str, options: Sequence[str], now: str, words: Words, key: Keyed) -> str:
    none = {"decision": "form.no_decision", "rating": "form.not_rated"}
    chosen: str = cell.selectbox(
        words("form.decision" if kind == "decision" else f"reviewed.{kind}"),
        options,
        options.index(now),
        format_func=lambda one: words(f"{kind}.{one}" if one else none[kind]),
        key=key(kind),
        help=words("form.rating_help") if kind == "rating" else None,
    )
    return chosen


def _sign(words: Words, button: str = "form.send") -> tuple[str, bool]:
    """Draw who speaks and the button; returns the name and whether it was pressed.

    Where a key signs, its owner speaks, whatever a browser sends.
    """
    left, right = st.container(), st.container()
    try:
        owner = key_owner()
        somebody = owner or st.session_state.get(_AUTHOR) or author_name()
    except DokimasiaError:
        owner, somebody = None, ""
    hint = words("form.author_bound") if owner else None
    author = left.text_input(words("form.author"), somebody, max_chars=120, disabled=owner is not None, help=hint)
    return owner or author.strip(), right.form_submit_button(words(button), type="primary", width="stretch")


def _say(audit: Audit, words: Words, author: str, says: Iterator[Statement]) -> None:
    """Append what was said and draw the screen anew, or say in one line why it cannot be."""
    try:
        told = list(says)
        if not told:
            draw("alarm.html.j2", words, text=words("form.nothing"))
            return
        add_reviews(audit, *told, author=key_owner() or author_name(author), key=signing_key())
    except (DokimasiaError, ValidationError) as error:
        why = first_problem(error) if isinstance(error, ValidationError) else error.message
        draw("alarm.html.j2", words, text=one_line(words.term("error", why), words, 300))
        return
    st.session_state[_AUTHOR] = author
    st.rerun()
