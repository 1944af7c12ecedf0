"""A key that goes into one header and shows itself nowhere else, in whatever dress it comes back.

What a server sends is undressed step by step (percent signs, JSON's and HTML's escapes, blanks between the letters) and
searched for the key itself, its base64 at all three alignments, and its hexadecimal digits.
"""

from __future__ import annotations

import base64
import html
import os
import re
from urllib.parse import unquote

from audit.errors import UsageError

__all__ = ["Key", "key_from"]

_SHORTEST = 8
"""A dummy of fewer characters guards nothing, and may be a word."""
_ROUNDS = 3
"""Dresses over one another that are taken off."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.S)
_BLANK = re.compile(r"[\s\0\u200b-\u200f\u2060\ufeff]+")


class Key:
    """A secret of printable ASCII."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._needles = _needles(secret) if len(secret) >= _SHORTEST else ()

    def header(self) -> dict[str, str]:
        """Return the header that carries the key."""
        return {"Authorization": f"Bearer {self._secret}"}

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds the key, as it is or disguised."""
        forms, latest = {text}, {text}
        for _ in range(_ROUNDS if self._needles else 0):
            latest = {undress(one) for one in latest for undress in (unquote, html.unescape, _unescape)} - forms
            forms |= latest
        return any(self._shows(one) for one in forms)

    def _shows(self, text: str) -> bool:
        bare = _BLANK.sub("", text)
        return any(needle in (bare.lower() if folded else bare) for needle, folded in self._needles)

    def redact(self, text: str) -> str:
        """Return a text with the key starred out; nothing of it where the key is still there in disguise."""
        starred = text.replace(self._secret, "***") if self._needles else text
        return "a message that holds the key" if self.is_in(starred) else starred


def key_from(variable: str | None) -> Key | None:
    """Return the key that an environment variable holds, None for no variable; raises UsageError where it has none."""
    # Checked here, because a client that meets an illegal header value quotes it.
    if variable is None:
        return None
    if not (secret := os.environ.get(variable, "").strip()):
        raise UsageError(f"key_env: {variable} is not set in the environment")
    if not (secret.isascii() and secret.isprintable()):
        raise UsageError(f"key_env: {variable} holds characters that no header can carry")
    return Key(secret)


def _needles(secret: str) -> tuple[tuple[str, bool], ...]:
    """Return (what to look for, whether in small letters)."""
    bare, raw = _BLANK.sub("", secret), secret.encode()
    aligned = [base64.b64encode(b"\0" * shift + raw).decode() for shift in range(3)]
    # The first characters depend on what stands before the key, the last ones on what comes after it.
    stable = [text[(0, 2, 3)[shift] :].rstrip("=")[:-1] for shift, text in enumerate(aligned)]
    both = {form for text in stable for form in (text, text.translate(str.maketrans("+/", "-_")))}
    return ((bare, False), *((form, False) for form in sorted(both)), (raw.hex(), True))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else {"n": "\n", "t": "\t", "r": "\r"}.get(found[3], found[3])
