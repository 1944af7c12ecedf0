"""A budget among processes: whatever order messages arrive in, it is not overspent, and ends when it is used up."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.ask import Account, Borrower, Lender, Wants
from audit.errors import BudgetError
from audit.prices import Budget, Price, Tally

PRICE = Price(2.0, 8.0, "USD")
BUDGETS = [Budget(calls=40), Budget(tokens=900), Budget(money=0.004), Budget(calls=60, tokens=2_000, money=0.009)]


class Worker:
    """A process that asks one call after another, several at a time; `sent` and `replies` are its two lines."""

    def __init__(self, name: str, budget: Budget, rng: random.Random) -> None:
        self.name, self.sent, self.replies = name, deque(), deque()
        self.account = Borrower("main", self.sent.append)
        self.account.budget, self.account.price = budget, PRICE
        self.flying: list[Tally] = []
        self.bound = Tally(1, 0, 0, 0, rng.randint(5, 20), rng.randint(1, 10))
        self.over, self.killed_with = False, None

    def begin(self) -> None:
        try:
            if self.account.begin(self.bound, "x"):
                self.flying.append(self.bound)
        except BudgetError:
            self.over = True

    def land(self, rng: random.Random) -> None:
        bound = self.flying.pop(rng.randrange(len(self.flying)))
        self.account.add(_answered(bound, rng))
        self.account.land(bound)

    def end_task(self) -> None:
        self.account.rest()
        self.sent.append("ended")

    def killed(self, lender: Lender) -> None:
        """Its last words are not heard; the server may have taken what was in flight."""
        self.over, self.killed_with = True, self.account.tally.plus(self.account.flying)
        self.sent.clear()
        self.flying.clear()
        lender.gone(self.name, self.killed_with)


def _answered(bound: Tally, rng: random.Random) -> Tally:
    """What a call of a bound took in the end: counted, and seldom more than a half; or not told, and the bound."""
    if rng.random() < 0.2:
        return bound
    return Tally(1, 1, rng.randint(0, bound.most_input), rng.randint(0, bound.most_output))


def _deliver(worker: Worker, lender: Lender) -> None:
    event = worker.sent.popleft()
    if event == "ended":
        lender.rests(worker.name)
    elif isinstance(event, Wants):
        lender.wants(worker.name, event, lambda number, lent: worker.replies.append((number, lent)))
    else:
        lender.took(worker.name, event.call)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(BUDGETS), st.integers(1, 4))
def test_a_shared_budget_is_never_overspent_and_leaves_less_than_a_call_whoever_is_killed(seed, budget, workers):
    rng = random.Random(seed)
    audit = Account()
    audit.budget, audit.price = budget, PRICE
    lender = Lender(audit, workers)
    crew = [Worker(str(number), budget, rng) for number in range(workers)]
    for _ in range(100_000):
        acts = []
        for one in crew:
            acts += [one.begin] * (not one.over and len(one.flying) < 3)
            acts += [lambda one=one: one.land(rng)] * bool(one.flying)
            acts += [lambda one=one: _deliver(one, lender)] * bool(one.sent)
            acts += [lambda one=one: one.account.granted(*one.replies.popleft())] * bool(one.replies)
            acts += [one.end_task] * (not one.flying and rng.random() < 0.05 and not one.over)
            alive = sum(not other.over for other in crew)
            acts += [lambda one=one: one.killed(lender)] * (rng.random() < 0.02 and not one.over and alive > 1)
        if not acts:
            break
        rng.choice(acts)()
        taken = Tally()
        for one in crew:
            taken = taken.plus(one.account.tally).plus(one.account.flying)
        assert budget.beyond(taken, PRICE) is None
    assert all(one.over for one in crew)
    assert audit.tally == taken
    assert audit.rests
    assert all(budget.beyond(taken.plus(one.bound), PRICE) for one in crew if one.killed_with is None)


def test_the_audit_itself_waits_for_what_is_lent_and_is_refused_when_nothing_is():
    audit, bound = Account(), Tally(1, 0, 0, 0, 10, 10)
    audit.budget = Budget(calls=2)
    lender, sent = Lender(audit, 1), []
    worker = Borrower("main", sent.append)
    worker.budget = audit.budget
    assert not worker.begin(bound, "x")
    (wants,) = sent
    replies = []
    lender.wants("worker", wants, lambda *reply: replies.append(reply))
    assert replies == [(1, bound)], "half of two calls"
    assert audit.begin(bound, "x")
    assert not audit.begin(bound, "x"), "the other call is lent"
    woken = []
    audit.heard["meter"] = lambda: woken.append(True)
    audit.add(bound)
    audit.land(bound)
    assert not audit.begin(bound, "x")
    lender.rests("worker")
    assert len(woken) == 2
    assert audit.begin(bound, "x")
    worker.granted(*replies[0])
    worker.rest()
    assert not worker.begin(bound, "x"), "it was given back"
    lender.wants("worker", sent[-1], lambda *reply: replies.append(reply))
    assert len(replies) == 1, "a call of the audit is in flight, which may give back"
    audit.add(bound)
    audit.land(bound)
    worker.granted(*replies[1])
    with pytest.raises(BudgetError):
        worker.begin(bound, "x")


def test_a_reply_that_was_overtaken_counts_for_nothing():
    sent, bound = [], Tally(1, 0, 0, 0, 10, 10)
    worker = Borrower("main", sent.append)
    worker.budget = Budget(calls=9)
    worker.begin(bound, "x")
    worker.granted(1, bound)
    assert worker.begin(bound, "x")
    assert not worker.begin(bound, "x")
    worker.add(Tally(1, 1, 2, 2))
    worker.land(bound)
    assert [one.number for one in sent if isinstance(one, Wants)] == [1, 2, 3]
    worker.granted(2, bound)
    assert not worker.begin(bound, "x")
    worker.granted(3, bound)
    assert worker.begin(bound, "x")
