"""When the next call may be sent, so that a server's limits hold: two token buckets that hold one call each.

    calls    slot_i >= slot_{i-1} + 60 / requests a minute               any 60 s have at most so many slots
    tokens   slot_i >= slot_{i-1} + 60 tokens_{i-1} / tokens a minute    any 60 s have at most so many, and one call's

A bucket that held a minute's worth would let two of them through in the first minute, and some servers count by the
second. What a call takes in tokens is known afterwards only: it is charged at its bound, and the rest is given back.
What a server itself says (Retry-After, x-ratelimit-*) holds all calls back, not only the one that was refused.

Times are seconds of any clock that the caller reads; nothing here waits or reads one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Pace", "pause_told", "retry_after"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[smhd])")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


class Pace:
    """The slots of one endpoint's calls; `requests` and `tokens` a minute, None = as many as there are."""

    def __init__(self, requests: float | None = None, tokens: float | None = None) -> None:
        self._a_call = 0.0 if requests is None else 60 / requests
        self._a_token = 0.0 if tokens is None else 60 / tokens
        self._calls = self._tokens = self._held = float("-inf")

    def slot(self, tokens: int, now: float) -> float:
        """Return when a call of at most so many tokens may be sent, not before `now`."""
        slot = max(now, self._calls, self._tokens, self._held)
        self._calls, self._tokens = slot + self._a_call, slot + self._a_token * tokens
        return slot

    def give_back(self, tokens: int) -> None:
        """Take so many tokens off those that calls were charged with."""
        self._tokens -= self._a_token * tokens

    def hold(self, until: float) -> None:
        """Let nothing be sent before."""
        self._held = max(self._held, until)

    @property
    def held(self) -> float:
        """Before when nothing may be sent, whatever slots were given."""
        return self._held


def pause_told(headers: Mapping[str, str], tokens: int) -> float:
    """Return for how many seconds a server lets no further call of so many tokens through, by its headers; 0 = none.

    `x-ratelimit-remaining-requests` of 0, or `-tokens` of fewer than these, and how long until `-reset-...`.
    """
    pauses = [0.0]
    for what, wanted in (("requests", 1), ("tokens", tokens)):
        left = headers.get(f"x-ratelimit-remaining-{what}", "")
        if _NUMBER.fullmatch(left) and float(left) < wanted:
            pauses.append(_seconds(headers.get(f"x-ratelimit-reset-{what}", "")))
    return max(pauses)


def _seconds(value: str) -> float:
    """Return the seconds of a duration such as `6m0s`, `20ms` or `1.5`; 0 where it cannot be read."""
    if _NUMBER.fullmatch(value):
        return float(value)
    if not _DURATION.fullmatch(value):
        return 0.0
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))


def retry_after(value: str) -> float:
    """Return the seconds that a Retry-After header (seconds or HTTP date) asks for; 0 where it cannot be read."""
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
