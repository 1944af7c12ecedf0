"""Limits a minute, prices and budgets of an endpoint, against a server that counts what reaches it."""

from __future__ import annotations

import asyncio
import heapq
import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_server import serve

from audit import plugins
from audit.ask import Account, Spending, told, worker_file
from audit.cli.app import execute
from audit.data.generated import Made
from audit.errors import BudgetError, EndpointError
from audit.execute import RunCallbacks, run
from audit.integrity import verify_audit
from audit.models.endpoint import OpenAIEndpoint
from audit.models.image_endpoint import ImageEndpoint
from audit.models.remote.meter import Terms, bound_of, usage_of
from audit.models.remote.pace import Pace, pause_told
from audit.models.remote.transport import Failure, Transport
from audit.models.remote.wire import draw
from audit.plan import Check, Plan
from audit.prices import Budget, Price, Tally
from audit.probes.factuality.closed_book import ClosedBook

PRICE = Price(input=2.0, output=8.0, currency="USD")


@pytest.fixture(scope="module")
def running(tiny_lm):
    with serve(tiny_lm) as server:
        yield server


@pytest.fixture
def server(running):
    yield running
    running.faults.clear()
    running.always = None
    running.wait_for = 1


# The slots alone


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 500)), min_size=1, max_size=80),
    st.sampled_from([1, 7, 60, 600]),
    st.sampled_from([1_000, 20_000]),
)
def test_no_minute_has_more_slots_or_tokens_than_the_limits(calls, requests, tokens):
    pace, now, slots = Pace(requests, tokens), 0.0, []
    for pause, size in calls:
        now += pause
        slots.append((pace.slot(size, now), size))
        assert slots[-1][0] >= now
    for i, (begin, _) in enumerate(slots):
        inside = [size for slot, size in slots[i:] if slot < begin + 60 - 1e-6]
        assert len(inside) <= requests
        assert sum(inside[:-1]) <= tokens * (1 + 1e-9)


def test_what_a_call_did_not_take_is_given_back_and_nothing_is_sent_before_a_hold_ends():
    pace = Pace(tokens=600)  # ten a second
    assert pace.slot(100, 0.0) == 0
    pace.give_back(90)
    assert pace.slot(100, 0.0) == pytest.approx(1)
    pace.hold(30)
    assert pace.slot(1, 2.0) == 30
    assert Pace().slot(10**6, 5.0) == 5


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"remaining-requests": "0", "reset-requests": "6m0s"}, 360),
        ({"remaining-requests": "0", "reset-requests": "20ms"}, 0.02),
        ({"remaining-requests": "0", "reset-requests": "1.5"}, 1.5),
        ({"remaining-requests": "1", "reset-requests": "60s"}, 0),
        ({"remaining-tokens": "49", "reset-tokens": "2s"}, 2),
        ({"remaining-tokens": "50", "reset-tokens": "2s"}, 0),
        ({"remaining-requests": "0"}, 0),
        ({"remaining-requests": "none", "reset-requests": "1s"}, 0),
        ({"remaining-requests": "0", "reset-requests": "soon"}, 0),
        ({"remaining-requests": "0", "reset-requests": "-1"}, 0),
        ({}, 0),
    ],
)
def test_a_server_that_lets_nothing_more_through_says_for_how_long(headers, seconds):
    assert pause_told({f"x-ratelimit-{key}": value for key, value in headers.items()}, 50) == pytest.approx(seconds)


# Limits under concurrency, on a clock of our own


class Turns:
    """A clock that goes on to the next who waits as soon as all others wait, in the loop that they wait in."""

    def __init__(self) -> None:
        self.now, self.waiting, self.order, self.turning = 0.0, [], 0, None

    def time(self) -> float:
        return self.now

    async def until(self, time: float) -> None:
        if time > self.now:
            self.order, done = self.order + 1, asyncio.Event()
            heapq.heappush(self.waiting, (time, self.order, done))
            self.turning = self.turning or asyncio.create_task(self.turn())
            await done.wait()

    async def turn(self) -> None:
        while self.waiting:
            self.now, _, done = heapq.heappop(self.waiting)
            done.set()
            for _ in range(5):  # whoever was let go has sent its question by then, as nothing it does before takes time
                await asyncio.sleep(0)
        self.turning = None


def stamped(asked, clock):
    """Return the list that takes down the time of every question that is sent."""
    times, send = [], asked._client.stream

    def stream(*words, **more):
        times.append(clock.now)
        return send(*words, **more)

    asked._client.stream = stream
    return times


def questions(count, tokens=2):
    sampling = {"max_tokens": tokens, "temperature": 0}
    return [draw("tiny", f"item {k}", form="raw", system=None, seed=k, sampling=sampling) for k in range(count)]


def transport(server, **options):
    kept = {"key_name": "none", "concurrency": 8, "timeout": 60, "retries": 3, **options}
    return closing(Transport(server.url, None, **kept))


def test_calls_a_minute_hold_over_all_threads(server):
    clock, before = Turns(), server.requests
    with transport(server, terms=Terms(requests_per_minute=20), clock=clock) as asked, ThreadPoolExecutor(3) as threads:
        sent = stamped(asked, clock)
        answers = list(threads.map(asked.ask, [questions(15)] * 3))
    assert not any(isinstance(one, Failure) for part in answers for one in part)
    assert server.requests - before == 45 <= len(sent), "one that a slow machine's connection lost is sent again"
    assert max(sum(begin <= one < begin + 59.999 for one in sent) for begin in sent) == 20
    assert sent[-1] == pytest.approx((len(sent) - 1) * 3)


def test_tokens_a_minute_are_charged_with_bounds_and_settled_by_what_the_server_says(server):
    clock, account = Turns(), Account()
    with transport(server, terms=Terms(tokens_per_minute=300), clock=clock, account=account, concurrency=1) as asked:
        sent = stamped(asked, clock)
        asked.ask(questions(12))
    used = account.tally.tokens
    assert account.tally.counted == 12
    assert used < 12 * bound_of(questions(1)[0].body).tokens / 4
    assert sent[-1] == pytest.approx(used * 11 / 12 / 5, rel=0.15)  # five a second, for the eleven calls before it


@pytest.mark.parametrize(("fault", "seconds"), [("429+7", 7), ("429-20s", 20), ("503+7", 7)])
def test_a_server_that_asks_to_wait_is_left_alone_by_all(server, fault, seconds):
    clock = Turns()
    server.faults.append(fault)
    with transport(server, clock=clock, concurrency=1) as asked:
        sent = stamped(asked, clock)
        asked.ask(questions(1))
        assert sent[0] == 0
        assert seconds <= sent[1] <= seconds + 0.5
        assert asked.account.tally.calls == 1  # the refused one took nothing


def test_one_refusal_holds_the_others_back_but_not_for_longer_than_an_item_may_take(server):
    clock = Turns()
    server.faults.append("429+3600")
    with transport(server, clock=clock, concurrency=1, timeout=40) as asked:
        sent = stamped(asked, clock)
        late, *fine = asked.ask(questions(3))
        assert late.problem == "no answer within 40 s (last: HTTP 429)"
        assert not any(isinstance(one, Failure) for one in fine)
        assert sent == [0, 40, 40]


def test_waiting_for_a_turn_is_no_part_of_an_items_time(server):
    """The last of them waits for 3 seconds."""
    with transport(server, terms=Terms(requests_per_minute=600), timeout=2, concurrency=30) as asked:
        answers = asked.ask(questions(30))
    assert not any(isinstance(one, Failure) for one in answers)


# What it took


def test_what_a_server_says_it_took_is_added_up(server):
    with transport(server, terms=Terms(price=PRICE)) as asked:
        asked.ask(questions(5, tokens=3))
        spent = asked.account.spent()
    inputs = sum(len(server._lm.ids(f"item {k}")) for k in range(5))
    assert (spent.calls, spent.counted, spent.input) == (5, 5, inputs)
    assert 0 < spent.output <= 15
    assert spent.money == pytest.approx((2 * inputs + 8 * spent.output) / 1e6)
    assert spent.currency == "USD"


@pytest.mark.parametrize(
    "fault",
    ["no_usage", "usage -5", "usage 1e40", 'usage "9"', "usage true", "usage null", "usage 1000000000", "usage 0"],
)
def test_tokens_that_are_not_told_or_absurd_are_not_counted_and_never_0(server, fault):
    server.always = fault
    with transport(server, terms=Terms(price=PRICE)) as asked:
        asked.ask(questions(3))
        none = asked.account.spent()
        assert (none.calls, none.counted, none.input, none.output, none.money) == (3, 0, None, None, None)
        assert str(told(none)) == "3 calls, tokens not counted, as the server tells none"
        server.always = None
        asked.ask(questions(1))
        some = asked.account.spent()
        assert (some.calls, some.counted) == (4, 1)
        assert "; 3 of the calls not counted" in str(told(some))


@pytest.mark.parametrize("fault", ["cut", "closed", "list", "no_choices", "huge"])
def test_an_answer_that_cannot_be_used_was_a_call_all_the_same(server, fault):
    server.faults.append(fault)
    with transport(server, concurrency=1) as asked:
        asked.ask(questions(1))
        calls, counted = (2, 1) if fault in ("cut", "closed") else (1, fault == "no_choices")
        assert (asked.account.tally.calls, asked.account.tally.counted) == (calls, counted)


def test_a_call_that_is_given_up_may_have_been_answered_and_one_that_is_refused_was_not(server):
    server.faults += ["silent", "429", None, "400"]
    with transport(server, concurrency=1, timeout=1) as asked:
        late, fine, refused = asked.ask(questions(3))
        assert isinstance(late, Failure)
        assert isinstance(refused, Failure)
        assert fine.finish == "length"
        assert (asked.account.tally.calls, asked.account.tally.counted) == (2, 1)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["usage", "prompt_tokens", "output_tokens"]), inner)
), max_leaves=6))  # fmt: skip
def test_usage_is_two_counts_or_nothing(answer):
    found = usage_of(answer)
    assert found is None or (len(found) == 2 and min(found) >= 0 < sum(found))


def test_usage_of_images_goes_by_other_names():
    assert usage_of({"usage": {"input_tokens": 7, "output_tokens": 1056}}) == (7, 1056)


# Budgets


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_of_calls_is_never_overspent_and_what_is_in_flight_is_kept(server, concurrency):
    before, kept = server.requests, []
    with transport(server, terms=Terms(budget=Budget(calls=20)), concurrency=concurrency) as asked:
        with pytest.raises(BudgetError, match=r"the budget of 20 calls is used up: 20 calls, \d+ \+ \d+ tokens; all"):
            asked.ask(questions(50), lambda k, one: kept.append(k))
        assert (server.requests - before, len(kept)) == (20, 20)
        with pytest.raises(BudgetError):
            asked.ask(questions(1))
        assert server.requests - before == 20


@pytest.mark.parametrize(("part", "budget"), [("tokens", Budget(tokens=1500)), ("money", Budget(money=0.006))])
@pytest.mark.parametrize("always", [None, "no_usage"])
def test_a_budget_of_tokens_or_money_leaves_less_than_one_call_unspent(server, part, budget, always):
    server.always = always
    with transport(server, terms=Terms(price=PRICE, budget=budget)) as asked:
        with pytest.raises(BudgetError):
            asked.ask(questions(400, tokens=4))
        tally = asked.account.tally
    one = bound_of(questions(400, tokens=4)[-1].body)
    charged = PRICE.of(tally.input + tally.most_input, tally.output + tally.most_output)
    taken = tally.tokens if part == "tokens" else charged
    most, bound = (1500, one.tokens) if part == "tokens" else (0.006, PRICE.of(one.most_input, one.most_output))
    assert most - bound < taken <= most
    assert (tally.counted == 0) == (always == "no_usage")


def test_threads_share_a_budget(server):
    before = server.requests
    with transport(server, terms=Terms(budget=Budget(calls=30))) as asked, ThreadPoolExecutor(4) as threads:
        done = [threads.submit(asked.ask, questions(20)) for _ in range(4)]
        assert sum(isinstance(one.exception(), BudgetError) for one in done) >= 3
    assert server.requests - before == 30


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"budget": {"calls": 0}}, "budget of 0 calls; allowed: above 0"),
        ({"budget": {"money": 1}}, "budget of money without a price"),
        ({"price": {"input": -1, "output": 1, "currency": "USD"}}, "allowed: 0 and more"),
        ({"requests_per_minute": 0}, "requests_per_minute 0; allowed: above 0"),
        ({"budget": {"tokens": 5}, "sampling": {"max_tokens": None}}, "answers of any length"),
        ({"budget": {"token": 5}}, "token"),
    ],
)
def test_what_cannot_hold_is_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        plugins.build("models", "endpoint", {"url": "http://127.0.0.1:1/v1", "name": "x", **options})
    with pytest.raises(ValueError, match="allowed: calls"):
        ImageEndpoint("http://127.0.0.1:1/v1", "x", budget=Budget(tokens=5))


# Whole runs


def plan_for(server, **options) -> Plan:
    facts = Made("world", "questions")
    model = OpenAIEndpoint(server.url, "tiny", prompt_form="raw", concurrency=4, **options)
    checks = (Check("facts", ClosedBook(mode="generate", max_tokens=3), {"items": facts}),)
    return Plan(title="Spent", checks=checks, model=model, limit=24, shard=12)


def test_a_budget_stops_a_run_and_a_larger_one_asks_for_nothing_twice(server, tmp_path):
    begun = server.requests
    whole = run(plan_for(server), into=tmp_path / "whole")
    asked = server.requests - begun
    spent = whole.run.spent["main"]
    assert (spent.calls, spent.counted, spent.money) == (asked, asked, None)
    begun = server.requests
    for more in (3 + 20 + 7, 3 + 20 + 7 + 3 + 10 + 6):  # each attempt asks what it can do and who answers
        with pytest.raises(BudgetError):
            run(plan_for(server, price=PRICE, budget=Budget(calls=more)), into=tmp_path / "cut")
    told_here, remarks = plan_for(server, price=PRICE, budget=Budget(calls=1000)), []
    done = run(told_here, into=tmp_path / "cut", watch=RunCallbacks(on_remark=remarks.append))
    assert done.folder.name == whole.folder.name
    assert (done.folder / "record.json").read_bytes() == (whole.folder / "record.json").read_bytes()
    sent = [json.dumps(body, sort_keys=True) for body in server.bodies[begun:] if body.get("max_tokens") == 3]
    assert len(sent) == len(set(sent)) == 24
    spent = done.run.spent["main"]
    assert spent.calls == server.requests - begun
    assert spent.money == pytest.approx((2 * spent.input + 8 * spent.output) / 1e6)
    assert any(line.startswith(f"main, over all attempts: {spent.calls} calls, ") for line in remarks)
    verified = verify_audit(done.folder)
    assert verified.strays == ()


def test_a_used_up_budget_is_told_in_one_line_with_a_code_of_its_own(server, tmp_path, capsys):
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"""
title: Spent
limit: 24
model: {{use: endpoint, url: "{server.url}", name: tiny, prompt_form: raw, budget: {{calls: 30}}}}
checks:
  - name: facts
    probe: {{use: factuality.closed_book, mode: generate}}
    data: {{use: builtin, name: plain_questions}}
""")
    assert execute(["run", str(plan), "--into", str(tmp_path), "--quiet"]) == 6
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dokimasia: ")]
    assert len(said) == 1
    assert ": the budget of 30 calls is used up: 30 calls, " in said[0]
    assert execute(["run", str(plan), "--into", str(tmp_path), "--dry-run"]) == 0
    assert "the budget of 30 calls is used up before; the run stops there" in capsys.readouterr().out


def test_a_budget_that_ends_before_the_first_check_ends_the_run_and_not_a_check(server, tmp_path):
    for calls in (1, 2, 10):
        with pytest.raises(BudgetError, match=f"{calls} calls"):
            run(plan_for(server, budget=Budget(calls=calls)), into=tmp_path / str(calls))


KILLED = """
import sys
from audit.data.generated import Made
from audit.execute import run
from audit.models.endpoint import OpenAIEndpoint
from audit.plan import Check, Plan
from audit.probes.factuality.closed_book import ClosedBook

model = OpenAIEndpoint(sys.argv[1], "tiny", prompt_form="raw", concurrency=4)
checks = (Check("facts", ClosedBook(mode="generate", max_tokens=3), {"items": Made("world", "questions")}),)
run(Plan(title="Spent", checks=checks, model=model, limit=24, shard=12), into=sys.argv[2])
"""


def test_a_kill_forgets_no_call_and_counts_those_in_flight_at_their_bounds(server, tmp_path):
    begun = server.requests
    server.faults = [None] * 30 + ["silent"] * 4
    code = [sys.executable, "-c", KILLED, server.url, str(tmp_path)]
    with subprocess.Popen(code) as child:
        while server.requests - begun < 34 and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    asked = server.requests - begun
    (folder,) = tmp_path.glob("*/")
    kept = Spending(folder).account("main").tally
    assert (kept.calls, kept.counted) == (asked, asked - 4)
    assert kept.most_output >= 4 * 3
    server.faults.clear()
    done = run(plan_for(server), into=tmp_path)
    assert done.run.spent["main"].calls == kept.calls + (server.requests - begun - asked)


def test_what_is_torn_or_foreign_in_the_file_counts_for_nothing(tmp_path):
    spending = Spending(tmp_path)
    account = spending.account("main")
    account.add(Tally(1, 1, 10, 2))
    file = tmp_path / "spent.jsonl"
    with file.open("ab") as tail:
        tail.write(b'\n{"model":"main","tal')
    account.add(Tally(1, 0, 0, 0, 30, 4))
    with file.open("ab") as tail:
        tail.write(b'\n[1]\n{"model":"main","tally":[-5,0,0,0,0,0]}\n{"model":"main","tally":[1]}\n{"model":"main"}\nx\n')
    with Spending(tmp_path) as again:
        assert again.account("main").tally == Tally(2, 1, 10, 2, 30, 4)
    assert len(file.read_bytes().split(b"\n")) == 2
    assert again.facts()["main"].calls == 2


def test_what_workers_of_a_killed_run_kept_is_taken_over(tmp_path):
    worker, bound = Account(), Tally(1, 0, 0, 0, 9, 3)
    worker.keep(worker_file(tmp_path, "a1"), "main", Tally())
    for answer in (Tally(1, 1, 4, 2), Tally(), None):  # answered, refused, and in flight when it was killed
        charged = worker.charge(bound)
        if answer:
            worker.add(answer, charged)
        elif answer is not None:
            worker.land(bound, charged)
    with Spending(tmp_path) as again:
        assert again.account("main").tally == Tally(2, 1, 4, 2, 9, 3)
        assert [one.name for one in tmp_path.iterdir()] == ["spent.jsonl"]


def test_a_model_that_is_asked_in_two_audits_has_an_account_in_each(server, tmp_path):
    plan = plan_for(server)
    with closing(plan.model.open()) as opened:
        one = run(replace(plan, model=opened), into=tmp_path / "a")
        two = run(replace(plan, model=opened, title="Other"), into=tmp_path / "b")
    assert one.run.spent["main"].calls == 2 + 1 + 24 + 30
    assert two.run.spent["main"].calls == 24 + 30


def test_limits_prices_and_budgets_are_no_part_of_what_is_asked(server):
    plain = OpenAIEndpoint(server.url, "tiny")
    dear = replace(plain, requests_per_minute=5, tokens_per_minute=9, price=PRICE, budget=Budget(1, 2, 3.0))
    assert plain.fingerprint() == dear.fingerprint()


def test_a_dead_server_is_no_used_up_budget(tiny_lm):
    with serve(tiny_lm) as gone:
        url = gone.url
    with pytest.raises(EndpointError):
        OpenAIEndpoint(url, "tiny", retries=0, budget=Budget(calls=1)).open()


def test_accounts_add_up_over_threads(tmp_path):
    account = Spending(tmp_path).account("main")
    threads = [threading.Thread(target=lambda: [account.add(Tally(1, 1, 2, 3)) for _ in range(50)]) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert Spending(tmp_path).account("main").tally == Tally(200, 200, 400, 600)


def test_doctor_says_what_a_server_gives_in_both_forms(server, capsys):
    assert execute(["doctor", "--endpoint", server.url, "--name", "tiny", "--json"]) == 0
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["raw: scores given text"]["found"] == "yes"
    assert not rows["chat: scores given text"]["ok"]
    for form in ("raw", "chat"):
        assert rows[f"{form}: draws"]["found"] == rows[f"{form}: same seed, same draw"]["found"] == "yes"
    assert (rows["chat: tokens"]["found"], rows["chat: answers as"]["found"]) == ("told", "tiny")
    server.always = "no_usage"
    server.echo = False
    assert execute(["doctor", "--endpoint", server.url, "--name", "tiny"]) == 0, "what it lacks is no failure"
    server.echo = True
    said = " ".join(capsys.readouterr().out.split())
    assert "-- raw: tokens not told" in said
    assert "-- raw: scores given text the server does not return a prompt's log-probabilities" in said
    server.always = "404"
    assert execute(["doctor", "--endpoint", server.url]) == 5, "it answers in neither form"
    assert "-- raw: draws http://127.0.0.1" in " ".join(capsys.readouterr().out.split())
