"""What is seen by whoever is not let in: the way to the login, or why it led nowhere; of audits nothing.

The login ends at the list of audits; the browser remembers meanwhile which screen was wanted, and goes there.
"""

from __future__ import annotations

import streamlit as st

from dashboard.people import Refusal
from dashboard.rendering import draw, script
from reports.text import Words

__all__ = ["return_to_wanted", "show"]

_WANTED = "sessionStorage.setItem('dokimasia-wanted', location.search)"
_RETURN = """(() => {
  const wanted = sessionStorage.getItem('dokimasia-wanted');
  sessionStorage.removeItem('dokimasia-wanted');
  if (wanted && !location.search) location.replace(wanted);
})()"""
"""Loads that screen anew: the list, which is drawn first, may still be drawing."""


def show(why: Refusal, words: Words) -> None:
    """Draw the button that leads to the provider, or the one that leads back from it."""
    draw("login.html.j2", words, why=why)
    script(_WANTED)
    if why in ("anonymous", "expired"):
        if st.button(words("login.in"), type="primary"):
            st.login()
    elif st.button(words("login.out")):
        st.logout()


def return_to_wanted() -> None:
    """Lead whoever has just been let in to the screen that was wanted."""
    script(_RETURN)
