"""Giving many findings, or many items, to somebody in one step: one entry of owner and of day for each.

All entries for one audit are written together or not at all; what already stands is not said again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import streamlit as st
from pydantic import ValidationError

from audit.errors import DokimasiaError
from audit.record import Audit
from audit.review import Due, Owner, Statement, TargetState
from dashboard.findings_register import RegisterRow, standing
from dashboard.loading import opened
from dashboard.rendering import draw
from dashboard.speakers import AUTHOR, append, name_hint, problem_told, speaker
from reports.text import Words

__all__ = ["MOST_GIVEN", "give_findings", "give_items"]

MOST_GIVEN = 1000
"""Items that are given in one step."""


def give_findings(rows: Sequence[RegisterRow], words: Words) -> None:
    """Draw the button that gives these findings to somebody; nothing is drawn where there are none."""
    if not rows or not speaker().speaks:
        return
    with st.popover(words("register.give", count=len(rows))):
        sent, owner, due, author = _form(f"give {len(rows)} {rows[0].mark}", words)
    if not sent:
        return
    try:
        for name, of_audit in groupby(sorted(rows, key=lambda row: row.audit), key=lambda row: row.audit):
            says = [one for row in of_audit for one in _given(row.finding.check, row.item, row.standing, owner, due)]
            if says:
                append(opened(name), *says, author=author)
    except (DokimasiaError, ValidationError) as error:
        draw("alarm.html.j2", words, text=problem_told(error, words))
        return
    _done(author)


def give_items(audit: Audit, check: str, names: Callable[[], Sequence[object]], words: Words) -> None:
    """Draw the form that gives items of a check to somebody; `names` are read once it is sent."""
    sent, owner, due, author = _form(f"give items {check}", words)
    if not sent:
        return
    state = standing(audit.folder.name)
    ids = [str(name) for name in names() if name is not None]
    says = [one for name in ids for one in _given(check, name, state.of(check, name), owner, due)]
    try:
        if says:
            append(audit, *says, author=author)
    except (DokimasiaError, ValidationError) as error:
        draw("alarm.html.j2", words, text=problem_told(error, words))
        return
    _done(author)


def _form(key: str, words: Words) -> tuple[bool, str, date | None, str]:
    """Draw owner, day and who speaks; returns whether it was sent, and what it says."""
    me = speaker()
    with st.form(key, border=False):
        owner = st.text_input(words("register.give_to"), max_chars=120).strip()
        due: Any = st.date_input(words("register.give_by"), None, format="YYYY-MM-DD")
        hint = name_hint(me, words)
        author = st.text_input(words("register.give_as"), me.name, max_chars=120, disabled=me.bound, help=hint)
        sent = st.form_submit_button(words("register.give_send"), type="primary", width="stretch")
    if sent and not owner and due is None:
        draw("alarm.html.j2", words, text=words("form.nothing"))
        sent = False
    return sent, owner, due, me.name if me.bound else author.strip()


def _given(check: str, item: str | None, now: TargetState, owner: str, due: date | None) -> Iterator[Statement]:
    if owner and owner != now.owner:
        yield Owner(check=check, item=item, owner=owner)
    if due is not None and due != now.due:
        yield Due(check=check, item=item, due=due)


def _done(author: str) -> None:
    st.session_state[AUTHOR] = author
    st.rerun()
