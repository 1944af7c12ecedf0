"""What frames every screen: the way back, filters that live in the address, the line that makes the screen again."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from audit.errors import UsageError
from audit.storage import shown
from dashboard.address import Address, asked, read
from dashboard.loading import home
from dashboard.rendering import draw
from dashboard.speakers import behind_login, speaker
from dashboard.trust import Chip, chip_of, trust_of
from reports.text import Words, languages, one_line, words_of

__all__ = [
    "bound", "choose", "clamped", "crumbs", "draw_anew", "foot", "notice", "still_at", "trust_chips", "trust_line",
    "turn_pages",
]

NO_KEYS: Mapping[str, str] = {}
WAIT, AGAIN = 0.5, 1.0
"""Seconds that a screen waits for an audit to be looked at, and after which it asks again."""


def crumbs(
    words: Words, steps: Sequence[tuple[str, Address]], actions: Sequence[tuple[str, Address]] = (),
    keys: Mapping[str, str] = NO_KEYS, here: Address | None = None,
) -> None:
    """Draw the way from the list of audits to this screen, the screen itself last, and what else can be done here.

    `keys` are letters that do what is done by the actions of these labels; U always goes one step back. `here` is the
    screen's own address where it is the list itself.
    """
    named = [(one_line(label, words, 60), place.link) for label, place in steps]
    here = steps[-1][1] if steps else here or Address(lang=words.lang)
    told = [label for label, _ in named[:0:-1]] or [words("heading.index")]
    st.set_page_config(page_title=" · ".join([*told, "Dokimasia"]))
    draw(
        "crumbs.html.j2",
        words,
        home=Address(lang=words.lang).link,
        here=here.link,
        steps=named,
        actions=[(label, place.link) for label, place in actions],
        me=speaker() if behind_login() else None,
        keys=keys,
        languages=[
            (words_of(lang)("dashboard.language"), lang, here.to(here.screen, lang=lang).link) for lang in languages()
        ],
    )


def bound(place: Address, name: str) -> dict[str, Any]:
    """Return the arguments that bind a widget to a parameter of the address: it shows that, and writes it when used.

    The address is the only truth: a Back button or a link changes it, and the widget follows.
    """
    st.session_state[name] = getattr(place, name)
    return {"key": name, "on_change": _write, "args": (place, name)}


def still_at(drawn_at: Address) -> Address | None:
    """Return the address that a widget may write to, None where the reader has gone on since it was drawn.

    A quick reader's browser still reports widgets of the screen before; they must not call that screen back.
    """
    try:
        now = read(asked())
    except UsageError:  # the screen that follows says what is wrong with it
        return None
    fixed = ("screen", *(("audit", "check") if drawn_at.screen == "finding" else ()))
    return now if all(getattr(now, one) == getattr(drawn_at, one) for one in fixed) else None


def _write(drawn_at: Address, name: str) -> None:
    if now := still_at(drawn_at):
        st.query_params.from_dict(now.to(now.screen, page=1, **{name: st.session_state[name]}).query)


def choose(
    place: Address,
    name: str,
    label: str,
    options: Sequence[str],
    say: Callable[[str], str],
    width: int | Literal["stretch"] = "stretch",
) -> None:
    """Draw a choice that is bound to a parameter; what the address names is an option even if nothing is like that."""
    kept: str = getattr(place, name)
    st.selectbox(
        label,
        list(dict.fromkeys([*options, kept])),
        format_func=say,
        label_visibility="collapsed",
        width=width,
        **bound(place, name),
    )


def clamped(place: Address, total: int, size: int) -> Address:
    """Return the address with a page that there is, of `total` rows in pages of `size`."""
    return place.to(place.screen, page=max(1, min(place.page, -(-total // size))))


def turn_pages(place: Address, words: Words, total: int, size: int) -> None:
    """Draw links to the pages: the first, the last, and those about this one."""
    last = -(-total // size)
    near = sorted({1, last, *range(max(1, place.page - 2), min(last, place.page + 2) + 1)})
    draw(
        "pages.html.j2",
        words,
        place=place,
        last=last,
        pages=[(number, place.to(place.screen, page=number).link) for number in near],
        before=place.to(place.screen, page=place.page - 1).link,
        after=place.to(place.screen, page=place.page + 1).link,
    )


def draw_anew() -> None:
    """Have the screen drawn anew by a part of it that looks again and again, and not while the screen itself is drawn.

    A button is pressed in the run that this starts: one that begins anew before it reaches the button forgets that.
    """
    run = get_script_run_ctx()
    if run is not None and run.fragment_ids_this_run:
        st.rerun()


def trust_line(place: Address, words: Words) -> None:
    """Say how far the files of the audit can be trusted; where that is still looked at, the line follows it."""
    if trust_of(place.audit, wait=WAIT) is None:
        st.fragment(run_every=AGAIN)(_still_looking)(place, words)
    else:
        _trust(place, words)


def _still_looking(place: Address, words: Words) -> None:
    if trust_of(place.audit) is not None:
        draw_anew()
    _trust(place, words)


def _trust(place: Address, words: Words) -> None:
    draw("trust.html.j2", words, chip=chip_of(trust_of(place.audit), words), href=place.to("verify").link)


def trust_chips(names: Sequence[str], words: Words) -> list[Chip]:
    """Return what is told of each of some audits; where one is still looked at, the screen is drawn anew then."""
    until = time.monotonic() + WAIT
    found = [trust_of(name, wait=until - time.monotonic()) for name in names]
    if None in found:
        st.fragment(run_every=AGAIN)(_until_looked_at)(names)
    return [chip_of(one, words) for one in found]


def _until_looked_at(names: Sequence[str]) -> None:
    if all(trust_of(name) is not None for name in names):
        draw_anew()


def notice(words: Words, text: str, damaged: Path | None = None) -> None:
    """Say in one line that something is not there, or not as it should be, what can be done, and lead to the list.

    `damaged` is the folder of an audit whose record cannot be read.
    """
    told = one_line(words.term("error", text), words, 400)
    folder = "" if damaged is None else shlex.quote(str(damaged))
    draw("notice.html.j2", words, text=told, folder=folder, href=Address(lang=words.lang).link)


def foot(place: Address, words: Words) -> None:
    """Say how this screen is made again: the command that prints its address; that of this start ends with it.

    Behind a login its link is enough, and says nothing of this machine.
    """
    if behind_login():
        draw("foot.html.j2", words, command="")
        return
    url = urlsplit(st.context.url or "")
    port = ["--port", str(url.port)] if url.port else []
    lang = ["--lang", words.lang] if words.lang != "en" else []
    at = ["--at", place.link] if place.query else []
    command = shlex.join(["dokimasia", "show", "--into", shown(home()), *port, *lang, *at])
    draw("foot.html.j2", words, command=command)
