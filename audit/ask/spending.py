"""What endpoints took: calls, tokens and money, call by call, and what is left of what a plan allows.

A call is one that the server answered, or may have; what it refused (429, 5xx) took nothing. Where an answer does not
tell its tokens they are not counted, never 0: of such a call only a bound is known, at which a budget is charged.

Nothing of this is part of the frozen plan or of the record: the file lies beside them, lives through kills (a line is
with the system before the call is sent) and adds up over all attempts of an audit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from audit.ask.tallies import append, kept_in, line, sums, worker_file
from audit.errors import BudgetError
from audit.files import write_atomic
from audit.prices import Budget, Price, Tally
from audit.record import SPENT_FILE, Spent
from detectors.phrases import Phrase

__all__ = ["Account", "Spending", "told"]


class Account:
    """What one endpoint took, what it is being asked, and what of its budget is lent; safe to use from several threads.

    taken + in flight + lent <= budget
    """

    def __init__(self) -> None:
        self.price: Price | None = None
        self.budget: Budget | None = None
        self.tally, self.flying = Tally(), Tally()
        self.charged = Tally()
        """Bounds of the calls that are kept as sent, and not settled yet."""
        self.lent: dict[object, Tally] = {}
        """Worker -> bounds of the calls that are set aside for it (`audit.ask.shared_budget`)."""
        self.heard: dict[str, Callable[[], None]] = {}
        """Who is to look again when something landed or was given back."""
        self._told: dict[object, Tally] = {}
        """Worker -> what it told that it took, and keeps in a file of its own."""
        self._lock = threading.RLock()
        self._kept: tuple[Path, str] | None = None

    def charge(self, bound: Tally) -> Tally | None:
        """Keep that a call of this bound is being sent; return what it is charged until `add` or `land` settles it.

        None where nothing is kept. Raises OSError where the disk is full.
        """
        with self._lock:
            if self._kept is None:
                return None
            append(*self._kept, bound)
            self.charged = self.charged.plus(bound)
            return bound

    def add(self, call: Tally, charged: Tally | None = None) -> None:
        """Take a call down, in the place of what it was `charged`; raises OSError where the disk is full."""
        with self._lock:
            self.tally = self.tally.plus(call)
            self._settle(call, charged)

    def hear(self, worker: object, call: Tally) -> None:
        """Take down a call of a worker, which keeps it itself."""
        with self._lock:
            self.tally = self.tally.plus(call)
            self._told[worker] = self._told.get(worker, Tally()).plus(call)
            if worker in self.lent:
                self.lent[worker] = self.lent[worker].minus(call)

    def take_over(self, worker: object, kept: Tally) -> None:
        """Take down what a worker that is gone has `kept`: what it told, and calls of which it told no more."""
        with self._lock:
            self.tally = self.tally.plus(kept.minus(self._told.pop(worker, Tally())))
            if self._kept is not None and kept != Tally():
                append(*self._kept, kept)

    def begin(self, bound: Tally, who: str) -> bool:
        """Have a call of this bound in flight; False where it waits for others to land, or for what is lent.

        Raises BudgetError, which names `who` is asked, where nothing of that is left.
        """
        with self._lock:
            if (part := self._lacks(bound)) is None:
                self.flying = self.flying.plus(bound)
                return True
            if self._may_come(bound):
                return False
            raise self.used_up(who, part)

    def land(self, bound: Tally, charged: Tally | None = None) -> None:
        """Say that a call is over; what it is still `charged` it did not take."""
        with self._lock:
            self.flying = self.flying.minus(bound)
            if charged:
                self._settle(Tally(), charged)
        self.changed()

    def _settle(self, call: Tally, charged: Tally | None) -> None:
        if self._kept is not None:
            append(*self._kept, call, charged)
            self.charged = self.charged.minus(charged or Tally())

    def changed(self) -> None:
        """Have who waits look again."""
        for look in list(self.heard.values()):
            look()

    @property
    def rests(self) -> bool:
        """Whether nothing is in flight and nothing lent, so that nothing more will be given back."""
        with self._lock:
            return self.flying == Tally() and not self.lent

    def lend(self, worker: object, flying: Tally, bound: Tally, share: int) -> Tally | None:
        """Set calls of a bound aside for a worker, beside those that it has in flight; it has given back all others.

        That is one in 2 x `share` of those that fit, or the last one. None where none fits now.
        """
        with self._lock:
            self.lent[worker] = flying
            fits = self._most(bound)
            if fits:
                more = bound.times(max(1, fits // (2 * share)))
                self.lent[worker] = flying.plus(more)
                return more
            if flying == Tally():
                del self.lent[worker]
            return None

    def give_back(self, worker: object, flying: Tally) -> None:
        """Take back all that was lent but what is in flight."""
        with self._lock:
            self.lent[worker] = flying
            if flying == Tally():
                del self.lent[worker]
        self.changed()

    def _most(self, bound: Tally) -> int:
        """Return how many calls of a bound fit, of a million at most."""
        low, high = 0, 1
        while high < 1 << 20 and self._lacks(bound.times(high)) is None:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._lacks(bound.times(middle)) is None else (low, middle)
        return low

    def _lacks(self, bound: Tally) -> str | None:
        """Return the part of the budget that a call of this bound would overspend beside all others."""
        if self.budget is None:
            return None
        wanted = self.tally.plus(self.flying).plus(bound)
        for lent in self.lent.values():
            wanted = wanted.plus(lent)
        return self.budget.beyond(wanted, self.price)

    def _may_come(self, bound: Tally) -> bool:
        """Tell whether what a call lacks may be given back yet."""
        return not self.rests

    def keep(self, path: Path, model: str, before: Tally) -> None:
        """Go on from what was taken `before`, and keep every call from now on.

        Calls so far are kept too, but for those of another audit that was asked of the same opened model.
        """
        with self._lock:
            if self._kept == (path, model):
                return
            own = Tally() if self._kept else self.tally
            if own != Tally():
                append(path, model, own)
            self.tally, self._kept = before.plus(own), (path, model)

    def spent(self) -> Spent:
        """Return what was taken in the words of run.json."""
        one = self.tally
        money = None if self.price is None or not one.counted else self.price.of(one.input, one.output)
        return Spent(
            calls=one.calls,
            counted=one.counted,
            input=one.input if one.counted else None,
            output=one.output if one.counted else None,
            money=money,
            currency=None if self.price is None else self.price.currency,
        )

    def used_up(self, who: str, part: str) -> BudgetError:
        """Return the error that a budget ends a run with."""
        return BudgetError(
            "{who}: the budget of {part} is used up: {spent}; "
            "all answers are stored, and with a larger one in the plan the same command goes on",
            who=who, part=part, spent=told(self.spent()),
        )  # fmt: skip


def told(spent: Spent) -> Phrase:
    """Return an endpoint's calls, tokens and money as a line, and what was not counted."""
    calls = Phrase("{calls} calls", calls=f"{spent.calls:,}")
    if spent.input is None or spent.output is None:
        return Phrase("{calls}, tokens not counted, as the server tells none", calls=calls)
    tokens = Phrase("{input} + {output} tokens", input=f"{spent.input:,}", output=f"{spent.output:,}")
    money = "" if spent.money is None else f", {spent.money:,.6g} {spent.currency}"
    if (left := spent.calls - spent.counted) == 0:
        return Phrase("{calls}, {tokens}{money}", calls=calls, tokens=tokens, money=money)
    return Phrase(
        "{calls}, {tokens}{money}; {left} of the calls not counted, as the server did not tell their tokens",
        calls=calls, tokens=tokens, money=money, left=f"{left:,}",
    )  # fmt: skip


class Spending:
    """What the endpoints of one audit took, kept in its folder; `with` makes the file short again, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SPENT_FILE
        self._workers = sorted(folder.glob(worker_file(folder, "*").name))
        before = sums(kept_in(one) for one in (self._path, *self._workers))
        self._before = {name: Tally(*(max(0, part) for part in one)) for name, one in before.items()}
        self._accounts: dict[str, Account] = {}
        self._shorten()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shorten()

    def account(self, model: str, account: Account | None = None) -> Account:
        """Return the account of a model, one that it was opened with before this audit's folder was known too."""
        one = Account() if account is None else account
        one.keep(self._path, model, self._before.get(model, Tally()))
        self._accounts[model] = one
        return one

    def facts(self) -> dict[str, Spent]:
        """Return model -> what it took, of those that took something."""
        return {name: one.spent() for name, one in sorted(self._accounts.items()) if one.tally.calls}

    def _shorten(self) -> None:
        """Write a line a model, in one step."""
        tallies = {**self._before, **{name: one.tally.plus(one.charged) for name, one in self._accounts.items()}}
        lines = [line(name, one) for name, one in sorted(tallies.items()) if one.calls]
        if lines or self._path.exists():
            write_atomic(self._path, b"".join(lines))
        while self._workers:
            self._workers.pop().unlink(missing_ok=True)
