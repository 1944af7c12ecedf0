"""Right, wrong or not sure: what a reviewer calls an item with one key, kept at once, and the next item follows.

    R, W, N     one entry of the reviews, then the next item in the reader's order
    Z           takes the last of them back by a further entry, and leads to its item

A call is written before the screen is drawn again, so the screen shows its effect on the number. A key presses only
what belongs to the item whose head is shown, and what was pressed counts only while the address names that item and its
reader has said nothing else of it since: an entry for another item is worse than none.
"""

from __future__ import annotations

from threading import Lock

import streamlit as st
from pydantic import ValidationError

from audit.errors import DokimasiaError
from audit.files import sha256
from audit.record import Audit
from audit.review import Call, CallWord, Override, call_item
from dashboard.address import Address, asked, read
from dashboard.drawn_forms import say
from dashboard.findings_register import looked_at, standing
from dashboard.loading import opened
from dashboard.rendering import draw
from dashboard.speakers import append, problem_told, speaker
from detectors.immutable import immutable
from reports.text import Words, one_line
from reports.views import called

__all__ = ["CALL_KEYS", "Turn", "call_buttons", "mark_of"]

CALL_KEYS: dict[str, CallWord] = {"r": "right", "w": "wrong", "n": "unsure"}
_DONE, _WRONG, _REASON = "calls_done", "calls_wrong", "call_reason"
_ONE_BY_ONE = Lock()
"""Streamlit answers a second key in another thread while the first one is still being kept."""


@immutable
class Turn:
    """The item that is looked at, and where the reader goes from it."""

    place: Address
    item: str
    """Its id."""
    title: str
    after: Address | None
    """The next item in the reader's order; None at the end."""


@immutable
class _Done:
    """A call of this session, so that it can be taken back."""

    turn: Turn
    word: CallWord
    author: str
    before: Override | None
    """What the same person had said of the item."""


def mark_of(place: Address) -> str:
    """Return twelve letters that stand for an item, in its head and in the names of its buttons."""
    return sha256(f"{place.audit}\n{place.check}\n{place.item}".encode("utf-8", "surrogatepass"))[7:19]


def call_buttons(audit: Audit, turn: Turn, words: Words) -> None:
    """Draw the three calls with their keys, what was called last, and the way to take it back; for whoever may call."""
    if not speaker().speaks:
        return
    state, seen = looked_at(turn.place.audit)
    end = f"{mark_of(turn.place)}-{len(state.entries)}"
    said = _own(turn)
    with st.container(horizontal=True, gap="small"):
        for key, word in CALL_KEYS.items():
            st.button(
                f"`{key.upper()}` {words(f'called.say_{word}')}", key=f"press-{key}-{end}",
                help=words(f"called.help_{word}"), on_click=_call, args=(audit, turn, word, said, seen, words),
            )
        done: list[_Done] = st.session_state.get(_DONE, [])
        if done:
            st.button(
                f"`Z` {words('called.undo')}", key=f"press-z-{end}",
                help=words("called.help_undo"), on_click=_undo, args=(words,), type="tertiary",
            )
    st.text_input(
        words("called.reason"), key=_REASON, max_chars=400, placeholder=words("called.reason"),
        label_visibility="collapsed",
    )
    _told(done, turn, words)


def _told(done: list[_Done], turn: Turn, words: Words) -> None:
    """Say what was called last, or why nothing was."""
    wrong = st.session_state.pop(_WRONG, "")
    if wrong:
        draw("alarm.html.j2", words, text=wrong)
    elif done:
        last = done[-1]
        told = words("called.last", item=one_line(last.turn.title, words, 60), word=called(last.word, words))
        end = words("called.end") if last.turn.after is None and last.turn.item == turn.item else ""
        draw("called.html.j2", words, told=told, href=last.turn.place.link, end=end)


def _call(audit: Audit, turn: Turn, word: CallWord, said: Call | None, seen: str, words: Words) -> None:
    """Keep a call, unless the reader has gone on from the item.

    said: what was theirs when the button was drawn; seen: the last entry that there was.
    """
    with _ONE_BY_ONE:
        try:
            now = read(asked())
            if now.screen != "item" or mark_of(now) != mark_of(turn.place):
                st.session_state[_WRONG] = words("called.moved")
                return
            if _own(turn) == said:
                _keep(audit, turn, word, None if said is None else said.says, seen)
            else:
                st.session_state[_WRONG] = words("called.moved")
        except (DokimasiaError, ValidationError) as error:
            st.session_state[_WRONG] = problem_told(error, words)
            return
        done: list[_Done] = st.session_state.get(_DONE, [])
        if done and done[-1].turn.place == turn.place and turn.after is not None:
            st.query_params.from_dict(turn.after.query)  # also where a second key was quicker


def _keep(audit: Audit, turn: Turn, word: CallWord, before: Override | None, seen: str) -> None:
    reason = str(st.session_state.get(_REASON) or "").strip() or None
    say(audit, call_item(audit, turn.place.check, turn.item, word, reason), seen=seen)
    done = _Done(turn, word, speaker().name, before)
    st.session_state[_DONE] = [*st.session_state.get(_DONE, [])[-99:], done]
    st.session_state[_REASON] = ""


def _own(turn: Turn) -> Call | None:
    """Return what the speaker says of the item so far."""
    return standing(turn.place.audit).calls.get(turn.place.check, {}).get(turn.item, {}).get(speaker().id)


def _undo(words: Words) -> None:
    """Say again what stood before the last call of this session, or take the word back, and lead to its item."""
    done: list[_Done] = st.session_state.get(_DONE, [])
    if not done:
        return
    turn, before = done[-1].turn, done[-1].before
    back = before or Override(check=turn.place.check, item=turn.item, word="taken back")
    try:
        append(opened(turn.place.audit), back, author=done[-1].author)
    except (DokimasiaError, ValidationError) as error:
        st.session_state[_WRONG] = problem_told(error, words)
        return
    st.session_state[_DONE] = done[:-1]
    st.query_params.from_dict(turn.place.query)

