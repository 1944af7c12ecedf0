"""Names of people: one spelling for what reads the same, so that nobody is two persons by a letter that nobody sees.

    written    NFKC, no invisible letters, single blanks; a word of two alphabets that look alike is refused
    compared   in the Latin letters that its letters look like (`look_alikes`), without case: as it is written, in
               capitals and in small letters, since H may be an eta and n too; and as I is read as l, and rn as m

Two names with a reading in common are one person's. A name stays what its owner says; only a key shows that the same
person spoke.
"""

from __future__ import annotations

import re
import unicodedata

from audit.errors import UsageError
from audit.signing.look_alikes import LOOK_ALIKES

__all__ = ["plain_name", "same_name", "same_person"]

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without a shape that are in no category of invisible ones."""
_LATIN = str.maketrans({twin: letter for letter, twins in LOOK_ALIKES.items() for twin in twins})
_DOT = re.compile("(?<=[ij])\u0307")
"""A dot above what has one: nobody sees it."""
_BY_EYE = (("I", "l"), ("1", "l"), ("0", "O"), ("rn", "m"), ("vv", "w"))
"""Latin letters and digits that are read as others, as printed."""


def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0] if char.isalpha() else ""


_ALIKE = frozenset({"LATIN", *(_script(twin) for twins in LOOK_ALIKES.values() for twin in twins)} - {""})
"""Alphabets that share shapes."""


def plain_name(given: str) -> str:
    """Return a name as it is written.

    UsageError for one that is empty, holds control characters, or mixes alphabets that look alike in a word.
    """
    name = _seen(given)
    if not name:
        raise UsageError("author {author!r}: no letter of it can be seen", author=given)
    if any(unicodedata.category(char) == "Cc" for char in given):
        raise UsageError("author {author!r}: it holds control characters", author=given)
    for word in name.split(" "):
        scripts = {script for char in word if (script := _script(char)) in _ALIKE}
        if len(scripts) > 1:
            found = " and ".join(sorted(one.capitalize() for one in scripts))
            raise UsageError(
                "author {author!r}: {alphabets} letters in one word look alike; write it in one alphabet",
                author=name, alphabets=found,
            )
    return name


def same_name(one: str, other: str) -> bool:
    """Tell whether two names are written with the same letters, but for case; for lists of who may do something."""
    return _seen(_seen(one).casefold()) == _seen(_seen(other).casefold())


def same_person(one: str, other: str) -> bool:
    """Tell whether two names read the same, for whoever must be another person."""
    return not _readings(one).isdisjoint(_readings(other))


def _seen(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    kept = (" " if char.isspace() else char for char in plain if char.isspace() or not _is_unseen(char))
    return unicodedata.normalize("NFKC", " ".join("".join(kept).split()))


def _is_unseen(char: str) -> bool:
    """Tell whether a letter has no shape: controls, formats, unassigned ones, fillers, variation selectors."""
    return unicodedata.category(char)[0] == "C" or char in _UNSEEN or "VARIATION SELECTOR" in unicodedata.name(char, "")


def _readings(text: str) -> set[tuple[str, str]]:
    """Return what a name is read as, and how."""
    seen = _seen(text)
    printed = _latin(seen)
    for letters, read in _BY_EYE:
        printed = printed.replace(letters, read)
    forms = (seen, seen.upper(), seen.casefold())
    return {("printed", printed), *(("letters", _latin(_latin(form).casefold())) for form in forms)}


def _latin(text: str) -> str:
    """Return a name with the Latin letters that its letters look like, marks kept."""
    plain = unicodedata.normalize("NFD", text).translate(_LATIN)
    return unicodedata.normalize("NFC", _DOT.sub("", plain))
