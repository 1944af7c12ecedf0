"""The gate that every call to an endpoint passes: is there budget for it, and when may it be sent?

    sent only if   taken + bounds of calls in flight + its own bound <= budget
    bound          tokens of the question <= bytes of the request, of the answer <= its max_tokens

A call that does not fit beside those in flight waits until they are answered, as they mostly take less than their
bounds; one that does not fit with none in flight ends the run. So a budget is not overspent, as far as the bounds hold:
a server that thinks in tokens beyond max_tokens, or puts a long prompt of its own before ours, is counted as it says.
A budget leaves at most one call's bound unspent.

Where a budget is shared with other processes, what they were lent counts as in flight (`audit.ask.shared_budget`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from audit.ask import Account
from audit.models.remote.pace import Pace, pause_told, retry_after
from audit.prices import Budget, Price, Tally
from detectors.immutable import immutable

__all__ = ["Call", "Clock", "LoopClock", "Meter", "Terms", "bound_of", "usage_of"]

_MOST_TOKENS = 100_000_000
"""No single call takes so many."""
_NAMES = (("prompt", "input"), ("completion", "output"))
"""What usage calls tokens: of completions and chats, and of images."""
_LENGTHS = ("max_completion_tokens", "max_tokens")


class Clock(Protocol):
    """A clock that can be waited for."""

    def time(self) -> float:
        """Return seconds, from any beginning."""

    async def until(self, time: float) -> None:
        """Return at that time, at once where it is past."""


class LoopClock:
    """The event loop's own."""

    def time(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()

    async def until(self, time: float) -> None:
        """Sleep until then."""
        while (left := time - self.time()) > 0:
            await asyncio.sleep(left)


@immutable
class Terms:
    """How much a server lets through a minute, what it charges, and what the plan allows it to take."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    price: Price | None = None
    budget: Budget | None = None


class Meter:
    """One endpoint's gate and counter."""

    def __init__(self, who: str, terms: Terms, account: Account, *, longest_hold: float, clock: Clock) -> None:
        """longest_hold: seconds for which a server can hold all calls back at a time."""
        self._who, self._account = who, account
        self._pace = Pace(terms.requests_per_minute, terms.tokens_per_minute)
        self._longest_hold, self._clock = longest_hold, clock
        self._landed = asyncio.Event()
        account.price, account.budget = terms.price, terms.budget

    async def enter(self, bound: Tally) -> Call:
        """Return the call when one of this bound may be sent; BudgetError where the budget is used up."""
        loop = asyncio.get_running_loop()
        self._account.heard["meter"] = lambda: _soon(loop, self._look)
        while not self._account.begin(bound, self._who):
            await self._landed.wait()
        try:
            slot = self._pace.slot(bound.tokens, self._clock.time())
            await self._clock.until(slot)
            while (held := self._pace.held) > self._clock.time():
                await self._clock.until(held)
            return Call(bound, self._account, self._pace, self._account.charge(bound))
        except BaseException:
            self._account.land(bound)
            raise

    def heard(self, headers: Mapping[str, str], bound: Tally) -> None:
        """Hold calls back as a server's answer says."""
        pause = max(retry_after(headers.get("retry-after", "")), pause_told(headers, bound.tokens))
        if pause > 0:
            self._pace.hold(self._clock.time() + min(pause, self._longest_hold))

    def _look(self) -> None:
        """Wake who waits for budget."""
        self._landed.set()
        self._landed = asyncio.Event()


@dataclass
class Call:
    """A call that is sent: what it may take, and what it is charged until that is known."""

    bound: Tally
    _account: Account
    _pace: Pace
    _charged: Tally | None

    def took(self, answer: object) -> None:
        """Count it, as the server answered it, or may have; `answer` is its JSON, None where there is none."""
        usage, charged = usage_of(answer), self._charged
        self._charged = None
        if usage is None:
            self._account.add(self.bound, charged)
            return
        self._account.add(Tally(1, 1, *usage), charged)
        self._pace.give_back(self.bound.tokens - sum(usage))

    def leave(self) -> None:
        """Say that it is over; whoever waits for budget looks again."""
        self._account.land(self.bound, self._charged)


def _soon(loop: asyncio.AbstractEventLoop, look: Callable[[], None]) -> None:
    """Have a loop do something, from whatever thread; nothing where it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(look)


def bound_of(body: Mapping[str, Any]) -> Tally:
    """Return a call of which only bounds are known: no token has less than a byte of the request."""
    lengths = [body[name] for name in _LENGTHS if type(body.get(name)) is int]
    return Tally(1, 0, 0, 0, len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")), sum(lengths[:1]))


def usage_of(answer: object) -> tuple[int, int] | None:
    """Return (tokens of the question, of the answer) as the server counts them; None where it does not, or absurdly."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(usage, dict):
        return None
    told = [usage.get(f"{name}_tokens", usage.get(f"{other}_tokens")) for name, other in _NAMES]
    inputs, outputs = (one if type(one) is int and 0 <= one < _MOST_TOKENS else None for one in told)
    return None if inputs is None or outputs is None or inputs + outputs == 0 else (inputs, outputs)
