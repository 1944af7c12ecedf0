"""A form rests on where things stood when it was drawn, however long somebody takes to fill it in.

    form = drawn_form(audit, "facts")       what it showed, until it is sent or drawn anew
    form.say(*statements, author="Kim")     keeps them; ConflictError where others said meanwhile what bears on them

Its widgets are named after the number of entries that it was drawn with, so that a form that is drawn anew shows where
things stand then; while it is being sent it keeps its names, else what somebody typed would be gone with them where
another one spoke first. Whoever was told what others said sends the same once more, if they still mean it.

Where people judge alone nobody is told what others said of items: an outcome then stands beside those of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import streamlit as st

from audit.errors import ConflictError
from audit.record import Audit
from audit.review import Override, ReviewState, Statement
from dashboard.blind_review import judges_alone
from dashboard.findings_register import looked_at
from dashboard.speakers import append, speaker
from detectors.immutable import immutable

__all__ = ["SEND", "DrawnForm", "drawn_form", "say"]

SEND = "send"
"""Name of the button."""


@immutable
class DrawnForm:
    """A form as it was drawn."""

    audit: Audit
    target: tuple[str, ...]
    state: ReviewState
    """Where things stood."""
    seen: str
    """Digest of the last entry that its reader has before them."""

    def key(self, name: str) -> str:
        """Return how a widget is named."""
        return "\n".join((name, self.audit.folder.name, str(len(self.state.entries)), *self.target))

    def say(self, *says: Statement, author: str) -> None:
        """Append what was said; raises as `say`, and what was typed stays until it is sent once more."""
        try:
            say(self.audit, *says, author=author, seen=self.seen)
        except ConflictError:
            st.session_state[_place(self.audit, self.target)] = replace(self, seen=looked_at(self.audit.folder.name)[1])
            raise


def drawn_form(audit: Audit, *target: str) -> DrawnForm:
    """Return a form about a target as it is drawn now; as it was drawn, where it is just being sent."""
    place = _place(audit, target)
    held: DrawnForm | None = st.session_state.get(place)
    if held is None or not st.session_state.get(held.key(SEND)):
        held = st.session_state[place] = DrawnForm(audit, target, *looked_at(audit.folder.name))
    return held


def say(audit: Audit, *says: Statement, author: str = "", seen: str) -> None:
    """Append what was said by whoever had looked at all entries up to `seen`; raises as `append`."""
    alone = judges_alone(speaker())
    outcomes = any(isinstance(one, Override) for one in says)
    try:
        append(audit, *says, author=author, seen=None if alone and outcomes else seen)
    except ConflictError:
        if alone:
            _tell_nothing()
        raise


def _tell_nothing() -> NoReturn:
    raise ConflictError("not written: others spoke of it meanwhile; look again, and say it again if it still holds")


def _place(audit: Audit, target: tuple[str, ...]) -> str:
    return "\n".join(("drawn", audit.folder.name, *target))
