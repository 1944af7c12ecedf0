"""What a text is found by: its words, without case and accents' spelling (NFKC); pairs of characters where no blank
parts words, or endings hang on them.

    "The 3rd ferry"  the 3rd ferry        "서울에서"  서울 울에 에서

So both indices see the same terms, and a Korean word is found behind any particle.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["terms"]

_RUN = re.compile(r"[^\W_]+")
_PAIRED = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]+")


def terms(text: str) -> list[str]:
    """Return the terms of a text, in order, as often as they come."""
    return list(_terms(unicodedata.normalize("NFKC", text).casefold()))


def _terms(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        at = 0
        for paired in _PAIRED.finditer(run):
            if paired.start() > at:
                yield run[at : paired.start()]
            word, at = paired.group(), paired.end()
            yield from (word[place : place + 2] for place in range(max(1, len(word) - 1)))
        if at < len(run):
            yield run[at:]
