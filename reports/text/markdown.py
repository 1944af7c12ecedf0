"""Untrusted text in Markdown: it may be read, and means nothing."""

from __future__ import annotations

import re

__all__ = ["escape_markdown"]

_MEANS_SOMETHING = re.compile(r"[\\`*_\[\]<>&|~#$]|^[-+](?=[-+\s]|$)|^=(?==*$)|^:(?=-)")
_STARTS_A_LIST = re.compile(r"^(\d+)(?=[.)](\s|$))")
_WOULD_LINK = re.compile(r"@|#|:(?=//)|[wW]{3}(?=\.)|\b[gG][hH](?=-\d)")


def escape_markdown(text: str) -> str:
    """Return one line of visible text so that Markdown shows it as it is; a word joiner breaks what would link."""
    escaped = _STARTS_A_LIST.sub(r"\1\\", _MEANS_SOMETHING.sub(r"\\\g<0>", text))
    return _WOULD_LINK.sub(lambda found: f"{found[0]}\u2060", escaped)
