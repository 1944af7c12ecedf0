"""A confidence that a model writes in words: "90%", "0.9", "9 out of 10", "Confidence: 85" (Tian et al. 2023).

Such numbers heap on 80, 90 and 95, so their ties matter, and the share that says no number is reported.
"""

from __future__ import annotations

import re

__all__ = ["verbalised_confidence"]

_READ = 2_000
"""Characters looked at."""
_NUMBER = r"(?<![\w.,])(\d{1,3}(?:[.,]\d+)?|[.,]\d+)"
_FORMS = (
    (re.compile(_NUMBER + r"\s?(?:%|％|percent\b|per cent\b|퍼센트|프로)", re.IGNORECASE), 100.0),
    (re.compile(_NUMBER + r"\s?(?:/|out of)\s?(100|10|5|1)(?![\w.])", re.IGNORECASE), 0.0),
    (re.compile(r"(\d{1,2})점\s?\(?(10|100)점"), 0.0),
)
_PLAIN = re.compile(_NUMBER + r"(?![\w%]|[.,]\d)")


def verbalised_confidence(text: str) -> float | None:
    """Return the confidence in [0, 1] that a text states; None where it states none, or several.

    A plain number counts as it stands where it has a decimal mark and is at most 1, and of 100 elsewhere.
    """
    said = text[:_READ]
    for form, of in _FORMS:
        found = {_number(match[1]) / (of or float(match[2])) for match in form.finditer(said)}
        if found:
            return _one_of(found)
    plain = {_scaled(match[1]) for match in _PLAIN.finditer(said)}
    return _one_of(plain)


def _one_of(found: set[float]) -> float | None:
    return found.pop() if len(found) == 1 and 0 <= min(found) <= 1 else None


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))


def _scaled(digits: str) -> float:
    value = _number(digits)
    return value if value <= 1 and not digits.isdecimal() else value / 100
