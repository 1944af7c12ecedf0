"""A budget among several processes: the audit lends a worker some calls at a time, and gets back what it did not need.

    worker                                  audit
    a call does not fit what is lent  ->    gives back all but what is in flight; a share of what fits is lent
    nothing fits now                        waits, until others give back
    nothing fits and nobody has any         no more: the budget is used up

    taken + in flight + lent <= budget

What is lent are bounds of calls, which mostly take less; the difference is given back with the rest, at the next call
that does not fit and at the end of a task. Messages of a worker come in order, and an answer to one that it has
followed up by another counts for nothing. So no two processes ever spend the same part.

A worker keeps what it takes in a file of its own, where every call stands before it is sent. Of one that is lost that
file says what it took, its calls in flight at their bounds; all else that it was lent is there again for others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from audit.ask.spending import Account
from audit.prices import Tally

__all__ = ["Borrower", "Lender", "Took", "Wants"]


class Took(NamedTuple):
    """A call that an endpoint was asked, for the account of the audit."""

    model: str
    call: Tally


class Wants(NamedTuple):
    """A worker has given back all but what it has in flight, and asks for calls of a bound."""

    model: str
    number: int
    """Counts what the worker asked for."""
    flying: Tally
    bound: Tally


class Lender:
    """Lends what is left of an account to workers."""

    def __init__(self, account: Account, workers: int) -> None:
        self._account, self._workers = account, workers
        self._turn = threading.RLock()
        self._waiting: dict[object, tuple[Wants, Callable[[int, Tally | None], None]]] = {}
        account.heard["lender"] = self._look

    def took(self, worker: object, call: Tally) -> None:
        """Take a worker's call down."""
        self._account.hear(worker, call)

    def wants(self, worker: object, wanted: Wants, reply: Callable[[int, Tally | None], None]) -> None:
        """Hear what a worker wants; `reply` gets its number and what is lent, None for no more, now or later."""
        with self._turn:
            self._waiting[worker] = wanted, reply
        self._account.give_back(worker, wanted.flying)

    def rests(self, worker: object) -> None:
        """Hear that a worker has nothing in flight and has given back everything."""
        with self._turn:
            self._waiting.pop(worker, None)
        self._account.give_back(worker, Tally())

    def gone(self, worker: object, kept: Tally) -> None:
        """Hear that a worker has ended, or is lost, and what its file says that it took."""
        self._account.take_over(worker, kept)
        self.rests(worker)

    def _look(self) -> None:
        """Reply to those to whom there is something to say by now."""
        with self._turn:
            for worker, (wanted, reply) in list(self._waiting.items()):
                lent = self._account.lend(worker, wanted.flying, wanted.bound, self._workers)
                if lent is not None or self._account.rests:
                    del self._waiting[worker]
                    reply(wanted.number, lent)


class Borrower(Account):
    """What a worker took of an endpoint, and may take: of a budget what it was lent, and nothing at first."""

    def __init__(self, model: str, tell: Callable[[Took | Wants], None]) -> None:
        """`tell` takes what the audit is to hear, in order."""
        super().__init__()
        self._model, self._tell = model, tell
        self._allowed = Tally()
        """What it may have taken at most."""
        self._number = 0
        self._wanted: Tally | None = None
        self._refused: Tally | None = None

    def add(self, call: Tally, charged: Tally | None = None) -> None:
        """Take a call down and tell of it."""
        with self._lock:
            super().add(call, charged)
            self._tell(Took(self._model, call))

    def land(self, bound: Tally, charged: Tally | None = None) -> None:
        """Say that a call is over, and, where others wait for more, give back what it did not need."""
        with self._lock:
            super().land(bound, charged)
            if self._wanted is not None:
                self._want(self._wanted)

    def granted(self, number: int, lent: Tally | None) -> None:
        """Hear a reply; None: there is no more."""
        with self._lock:
            if number != self._number or self._wanted is None:
                return
            self._refused = self._wanted if lent is None else None
            self._allowed = self._allowed.plus(lent or Tally())
            self._wanted = None
        self.changed()

    def rest(self) -> None:
        """Give everything back, nothing being in flight."""
        with self._lock:
            self._number += 1
            self._allowed, self._wanted = self.tally, None

    def _lacks(self, bound: Tally) -> str | None:
        wanted = self.tally.plus(self.flying).plus(bound)
        if self.budget is None or self.budget.allows(wanted, self.price, self._allowed):
            return None
        return "what was lent"

    def _may_come(self, bound: Tally) -> bool:
        if self._wanted is None and bound != self._refused:
            self._want(bound)
        return self._wanted is not None or self.flying != Tally()

    def _want(self, bound: Tally) -> None:
        self._number, self._wanted = self._number + 1, bound
        self._allowed = self.tally.plus(self.flying)
        self._tell(Wants(self._model, self._number, self.flying, bound))
