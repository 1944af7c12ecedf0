"""Untrusted text made inert: what a model, a plan or a data file wrote may be read, and does nothing.

Control characters, terminal escapes, direction overrides, invisible characters and what XML forbids are written out as
`<U+202E>`, so that a reviewer sees them; each writer then escapes the rest for its own format.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from reports.text.words import Words

__all__ = ["cell_text", "one_line", "visible"]

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters; tab and newline stay
    "\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible, or turn the reading direction
    "\ud800-\udfff\ufdd0-\ufdef\ufff9-\ufffb\ufffe\uffff"  # lone surrogates, what is no character in XML
    "\U000e0000-\U000e0fff]"  # tags: text that only machines see
)

_PILE = re.compile("([\u0300-\u036f]{4})[\u0300-\u036f]+")
"""More marks on one letter than any language has; they would be drawn over the lines above and below."""


def visible(text: str) -> str:
    """Return `text` with every character that hides, reorders or breaks a document written out as `<U+XXXX>`.

    A pile of marks over one letter is cut after the fourth.
    """
    if text.isascii() and text.isprintable():
        return str(text)  # as most are, and no marked-up text stays one
    return _UNSAFE.sub(lambda found: f"<U+{ord(found[0]):04X}>", _PILE.sub(r"\1", text.replace("\r\n", "\n")))


def one_line(text: str, words: Words, most: int = 240) -> str:
    """Return `text` visible, blanks squeezed, cut after `most` characters with a note of how many are missing."""
    return _cut(" ".join(visible(text).split()), words, most)


def cell_text(value: Any, words: Words, most: int = 480) -> str:
    """Return an evidence cell as text, line breaks kept; lists and mappings as JSON, bytes as hexadecimal."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return words("format.none")
    if isinstance(value, bytes):
        value = value[:most].hex()
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return _cut(visible(value), words, most)


def _cut(text: str, words: Words, most: int) -> str:
    if len(text) <= most:
        return text
    return words("format.cut", text=text[:most], number=f"{len(text) - most:,}")
