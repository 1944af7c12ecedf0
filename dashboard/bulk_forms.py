"""Giving many findings, or many items, to somebody in one step: one entry of owner and of day for each.

All entries for one audit are written together or not at all; what already stands is not said again, and what others
said since the form was drawn is told before it is overruled: sent once more, it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import streamlit as st
from pydantic import ValidationError

from audit.catalogue import ToSettle
from audit.errors import ConflictError, DokimasiaError
from audit.files import sha256
from audit.record import REVIEWS_FILE, Audit
from audit.review import CHAIN_START, Due, Owner, Statement, TargetState
from dashboard.drawn_forms import SEND, say
from dashboard.findings_register import register, standing
from dashboard.indexing import index
from dashboard.loading import home, opened
from dashboard.rendering import draw
from dashboard.speakers import AUTHOR, name_hint, problem_told, speaker
from detectors.immutable import immutable
from reports.text import Words

__all__ = ["MOST_GIVEN", "give_findings", "give_items"]

MOST_GIVEN = 1000
"""Findings or items that are given in one step."""
_SENT = "given"
"""How many such forms were sent: the next one is a new one, with nothing in it."""


@immutable
class _Given:
    """What a form gives to whom."""

    owner: str
    due: date | None
    author: str
    seen: dict[str, int]
    """Audit -> bytes of its reviews when the form was drawn."""

    def says(self, check: str, item: str | None, now: TargetState) -> Iterator[Statement]:
        """Yield what does not stand yet."""
        if self.owner and self.owner != now.owner:
            yield Owner(check=check, item=item, owner=self.owner)
        if self.due is not None and self.due != now.due:
            yield Due(check=check, item=item, due=self.due)

    def say(self, name: str, audit: Audit, says: Sequence[Statement]) -> None:
        """Append it; raises as `drawn_forms.say`, and who sends it again has seen what others said."""
        try:
            if says:
                say(audit, *says, author=self.author, seen=_digest(audit, self.seen.get(name, 0)))
        except ConflictError:
            self.seen[name] = _length(name)
            raise


def give_findings(count: int, asked: ToSettle, words: Words) -> None:
    """Draw the button that gives the findings that are asked for to somebody; nothing for none, and for too many."""
    if not 0 < count <= MOST_GIVEN or not speaker().speaks:
        return
    with st.popover(words("register.give", count=count)):
        given = _form("findings", sorted({audit for audit, _, _ in index().settling(asked, most=MOST_GIVEN)}), words)
    if given is None:
        return
    try:
        rows = sorted(register(asked, most=MOST_GIVEN), key=lambda row: row.audit)
        for name, of_audit in groupby(rows, key=lambda row: row.audit):
            says = [one for row in of_audit for one in given.says(row.finding.check, row.item, row.standing)]
            given.say(name, opened(name), says)
    except (DokimasiaError, ValidationError) as error:
        draw("alarm.html.j2", words, text=problem_told(error, words))
        return
    _done(given.author)


def give_items(audit: Audit, check: str, names: Callable[[], Sequence[object]], words: Words) -> None:
    """Draw the form that gives items of a check to somebody; `names` are read once it is sent."""
    given = _form(f"items {check}", [audit.folder.name], words)
    if given is None:
        return
    state = standing(audit.folder.name)
    ids = [str(name) for name in names() if name is not None]
    try:
        says = [one for name in ids for one in given.says(check, name, state.of(check, name))]
        given.say(audit.folder.name, audit, says)
    except (DokimasiaError, ValidationError) as error:
        draw("alarm.html.j2", words, text=problem_told(error, words))
        return
    _done(given.author)


def _form(what: str, audits: Sequence[str], words: Words) -> _Given | None:
    """Draw owner, day and who speaks; returns what it says once it is sent."""
    me, key = speaker(), f"give {what} {st.session_state.get(_SENT, 0)}"
    held: dict[str, int] | None = st.session_state.get(f"{key}\nseen")
    if held is None or not st.session_state.get(f"{key}\n{SEND}"):
        held = st.session_state[f"{key}\nseen"] = {name: _length(name) for name in audits}
    with st.form(key, border=False):
        owner = st.text_input(words("register.give_to"), max_chars=120, key=f"{key}\nto").strip()
        due: Any = st.date_input(words("register.give_by"), None, format="YYYY-MM-DD", key=f"{key}\nby")
        hint = name_hint(me, words)
        author = st.text_input(
            words("register.give_as"), me.name, max_chars=120, disabled=me.bound, help=hint, key=f"{key}\nas"
        )
        button = words("register.give_send")
        sent = st.form_submit_button(button, type="primary", width="stretch", key=f"{key}\n{SEND}")
    if sent and not owner and due is None:
        draw("alarm.html.j2", words, text=words("form.nothing"))
        sent = False
    return _Given(owner, due, me.name if me.bound else author.strip(), held) if sent else None


def _length(name: str) -> int:
    """Return how many bytes of reviews an audit has."""
    file = home() / name / REVIEWS_FILE
    return file.stat().st_size if file.is_file() else 0


def _digest(audit: Audit, length: int) -> str:
    """Return the digest of the last entry in the first bytes of an audit's reviews, which only ever grow."""
    file = audit.folder / REVIEWS_FILE
    if not length:
        return CHAIN_START
    with file.open("rb") as lines:
        whole = [line for line in lines.read(length).splitlines(keepends=True) if line.endswith(b"\n")]
    return sha256(whole[-1]) if whole else CHAIN_START


def _done(author: str) -> None:
    st.session_state[AUTHOR] = author
    st.session_state[_SENT] = st.session_state.get(_SENT, 0) + 1
    st.rerun()
