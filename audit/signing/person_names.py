"""Names of people: one spelling for what reads the same, so that nobody is two persons by a letter that nobody sees.

    written    NFKC, no invisible letters, single blanks; a word of two alphabets that look alike is refused
    compared   the same without case, and Cyrillic and Greek letters that look like Latin ones as those

A name stays what its owner says; only a key shows that the same person spoke.
"""

from __future__ import annotations

import unicodedata

from audit.errors import UsageError

__all__ = ["plain_name", "same_person"]

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without a shape that are in no category of invisible ones."""
_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Alphabets that share shapes."""
_TWINS = str.maketrans(
    "авеѕіјкмнорстухһԁԛԝαβεηικνορτυχω", "abesijkmhopctyxhdqwabenikvoptyxw"
)
"""Cyrillic and Greek small letters, and the Latin ones that they, or their capitals, look like."""


def plain_name(given: str) -> str:
    """Return a name as it is written.

    UsageError for one that is empty, holds control characters, or mixes alphabets that look alike in a word.
    """
    name = _seen(given)
    if not name:
        raise UsageError(f"author {given!r}: no letter of it can be seen")
    if any(unicodedata.category(char) == "Cc" for char in given):
        raise UsageError(f"author {given!r}: it holds control characters")
    for word in name.split(" "):
        scripts = {script for char in word if (script := _script(char)) in _ALIKE}
        if len(scripts) > 1:
            found = " and ".join(sorted(one.capitalize() for one in scripts))
            raise UsageError(f"author {name!r}: {found} letters in one word look alike; write it in one alphabet")
    return name


def same_person(one: str, other: str) -> bool:
    """Tell whether two names read the same."""
    return _compared(one) == _compared(other)


def _seen(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    kept = (" " if char.isspace() else char for char in plain if char.isspace() or not _is_unseen(char))
    return unicodedata.normalize("NFKC", " ".join("".join(kept).split()))


def _is_unseen(char: str) -> bool:
    """Tell whether a letter has no shape: controls, formats, unassigned ones, fillers, variation selectors."""
    return unicodedata.category(char)[0] == "C" or char in _UNSEEN or "VARIATION SELECTOR" in unicodedata.name(char, "")


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""


def _compared(text: str) -> str:
    return _seen(_seen(text).casefold()).translate(_TWINS)
