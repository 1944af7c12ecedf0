"""Who looks at a screen and speaks there, and the one way by which anything that is said is kept.

    speaker()              who looks: behind a login who has the account, else the key's owner or a typed name
    turned_away()          why whoever looks sees nothing, behind a login
    append(audit, ...)     keeps what was said, if the role of whoever says it allows it

Role and login are asked for anew at each call, so that a form that was drawn before somebody's role was taken away
keeps nothing.
"""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache
from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from audit.errors import DokimasiaError, UsageError, first_problem
from audit.record import Audit
from audit.review import Statement, add_reviews
from audit.signing import author_name, key_owner, signing_key
from dashboard.people import Person, Refusal, read_people
from reports.text import Words, one_line

__all__ = [
    "AUTHOR", "PEOPLE", "append", "behind_login", "must_speak", "name_hint", "problem_told", "speaker", "turned_away",
]

PEOPLE = "DOKIMASIA_PEOPLE"
"""Environment variable with the file of people, where the dashboard stands behind a login."""
AUTHOR = "said_by"
"""Where a session keeps the name that was typed."""
_LOG = logging.getLogger("dokimasia.dashboard")


def behind_login() -> bool:
    """Tell whether one has to log in."""
    return bool(os.environ.get(PEOPLE))


def turned_away() -> Refusal | None:
    """Return why whoever looks sees nothing; None for whom the screens are drawn."""
    found = _visitor() if behind_login() else None
    return found if isinstance(found, str) else None


def speaker() -> Person:
    """Return who speaks; without a name where nobody is named."""
    try:
        return _who("")
    except DokimasiaError:
        return Person("", "reader" if behind_login() else "approver", bound=behind_login())


def append(audit: Audit, *says: Statement, author: str = "", seen: str | None = None) -> None:
    """Append what was said under the name that may speak; raises as `add_reviews`, and UsageError where none may.

    seen: as `add_reviews`.
    """
    me = _who(author)
    must_speak(me, *says)
    add_reviews(audit, *says, author=me.name, key=me.key, seen=seen)


def must_speak(me: Person, *says: Statement) -> None:
    """Raise UsageError where somebody's role does not let them say this, or anything."""
    if not me.speaks:
        raise UsageError("{name} reads here and says nothing; a reviewer does", name=me.name)
    if not all(map(me.may, says)):
        raise UsageError("{name} does not approve, reject or waive here; an approver does", name=me.name)


def name_hint(me: Person, words: Words) -> str | None:
    """Return why a name cannot be changed; None where it can."""
    return words("form.author_login" if behind_login() else "form.author_bound") if me.bound else None


def problem_told(error: DokimasiaError | ValidationError, words: Words) -> str:
    """Return in one line why something cannot be said."""
    why = first_problem(error) if isinstance(error, ValidationError) else error.message
    return one_line(words.term("error", why), words, 300)


def _who(given: str) -> Person:
    """Return who speaks; UsageError where nobody may. `given`: the name in a form, for where nothing binds it."""
    if behind_login():
        found = _visitor()
        if isinstance(found, str):
            raise UsageError("nobody is logged in here any more; log in again")
        return found
    owner = key_owner()
    name = owner or given.strip() or st.session_state.get(AUTHOR)
    return Person(author_name(name) if name else _somebody(), "approver", signing_key(), bound=owner is not None)


def _visitor() -> Person | Refusal:
    """Return who is logged in, or why they are not let in."""
    try:
        return read_people(Path(os.environ[PEOPLE])).of(st.user.to_dict(), time.time())
    except DokimasiaError as error:
        _unreadable(str(error))
        return "unreadable"


@lru_cache(maxsize=16)
def _unreadable(why: str) -> None:
    _LOG.warning("login: %s", why)


@lru_cache(maxsize=1)
def _somebody() -> str:
    return author_name()
