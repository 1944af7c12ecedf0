"""Answers ahead, without a cluster: a worker's answers are those that the audit itself would have got and stored."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
import test_audit_shards as shards
from markov import MarkovText, Repeats

from audit.ask import Answer, Aside, Asker, Store
from audit.data.tabular import File
from audit.execute import run
from audit.execute.ahead import Ahead, Order
from audit.execute.answering import Ended, Worker
from audit.execute.observing import observe
from audit.execute.task_queue import TaskQueue
from audit.execute.tasks import Task, roles_of, tasks_of
from audit.plan import Check, Plan
from audit.record import Limit
from audit.signing import Secret


class Beforehand:
    """Answers everything with workers of this process before the audit begins, each task by the next of them."""

    def __init__(self, workers=2, trusted=True, lose=()):
        self.workers, self.trusted, self.lose, self.ended = workers, trusted, set(lose), []

    @contextmanager
    def ahead(self, order, door, remark):
        workers = [[Worker(order, str(name), trusted=self.trusted), 0] for name in range(self.workers)]
        ahead = Ahead()
        for number, task in enumerate(tasks_of(order, door)):
            one = workers[number % len(workers)]
            known = door.store.noted(one[1])
            told = []
            one[0].answer(task, known, told.append)
            one[1] += len(known)
            for event in told[: 0 if number in self.lose else None]:
                if isinstance(event, Answer):
                    door.store.receive(event.name, event.aside, event.sha256, event.origin, whole=event.whole)
            self.ended.append(told[-1])
            ahead.asked += told[-1].asked
        self.door = door
        yield ahead


def plan_of(folder, name, shard=7):
    probe, rows, model = shards.CASES[name]
    folder.mkdir(exist_ok=True)
    data = {role: shards.written(folder, one, role) for role, one in rows.items()}
    return Plan("Ahead", (Check("c", probe, data),), model=model(), helpers={"helper": shards.Points()}, shard=shard)


@pytest.mark.parametrize("name", shards.CASES)
def test_what_was_answered_ahead_is_what_the_audit_asks(tmp_path, name):
    """Also draws for prompts that repeat from shard to shard, whose numbers are foreseen."""
    plan = plan_of(tmp_path / "data", name)
    (check,), store = plan.checks, Store(tmp_path / "audit")
    order, before = Order(plan, store.folder, "audit", False, False), Beforehand()
    with store.locked():
        door = Asker(plan.models, store, plan.seed, "audit")
        with before.ahead(order, door, print):
            observed = {}
            for role in roles_of(check):
                observed[role] = observe(check, plan, door, role, observed)
    assert [one.problem for one in before.ended] == [None] * len(before.ended)
    assert len(before.ended) >= len(observed[role]) // 7
    assert door.asked == 0
    assert (sum(one.asked for one in before.ended) == 0) == (name == "judged")


@pytest.mark.parametrize("name", ["mark of no prompt", "samples by features"])
def test_the_record_is_that_of_one_process(tmp_path, name):
    plan, before = plan_of(tmp_path / "data", name), Beforehand()
    here, there = run(plan, into=tmp_path / "here"), run(plan, into=tmp_path / "there", on=before)
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert there.run.evidence == here.run.evidence
    assert there.run.calls_asked == here.run.calls_asked == sum(one.asked for one in before.ended)
    assert not list(there.folder.rglob("*.tmp"))


def early(tmp_path, count=400):
    rows = [{"text": a + b + c} for a in "abc" for b in "abc" for c in "abc"] * (count // 27)
    items = shards.written(tmp_path, [{"text": row["text"] + "abc"[i % 3] * (i // 81)} for i, row in enumerate(rows)],
                           "items")  # fmt: skip
    check = Check("early", Repeats(), {"items": items}, Limit(measure="repeat_share", at_most=0.95), stop="early")
    return Plan("Early", (check, Check("full", Repeats(), {"items": items})), model=MarkovText().open(), shard=16)


def test_a_check_that_stops_early_stops_at_the_same_unit(tmp_path):
    plan = early(tmp_path)
    here, before = run(plan, into=tmp_path / "here"), Beforehand()
    there = run(plan, into=tmp_path / "there", on=before)
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert there.run.calls_asked == sum(one.asked for one in before.ended)
    assert 0 < here.finding("early").calls < here.finding("full").calls


def test_what_was_lost_on_the_way_is_asked_by_the_audit(tmp_path):
    plan = plan_of(tmp_path / "data", "generate")
    here, before = run(plan, into=tmp_path / "here"), Beforehand(lose=[0, 2])
    there = run(plan, into=tmp_path / "there", on=before)
    assert (there.folder / "record.json").read_bytes() == (here.folder / "record.json").read_bytes()
    assert there.run.calls_asked > here.run.calls_asked


def test_what_is_stored_is_not_asked_again(tmp_path):
    plan = plan_of(tmp_path / "data", "choice")
    run(plan, into=tmp_path / "audits")
    other = replace(plan, title="the same of another audit")
    before = Beforehand()
    audit = run(other, into=tmp_path / "audits", on=before)
    assert audit.run.calls_asked == 0
    assert audit.run.adopted
    fresh = run(other, into=tmp_path / "audits", on=before, fresh=True)
    assert fresh.run.adopted == {}


def test_a_worker_without_the_key_takes_nothing_over_and_keeps_nothing_single(tmp_path):
    plan = plan_of(tmp_path / "data", "choice")
    whole = run(plan, into=tmp_path / "audits")
    audit = run(replace(plan, title="another"), into=tmp_path / "audits", on=Beforehand(trusted=False))
    assert audit.run.calls_asked == whole.run.calls_asked
    assert audit.run.adopted == {}
    assert Aside(tmp_path, print, alone=False, trusted=False).continued(plan.model, "sample", "a") is None


def test_what_raises_in_a_worker_raises_in_the_audit_too(tmp_path):
    data = shards.written(tmp_path, [{"text": "abc"}] * 3, "items")
    plan = Plan("Crash", (Check("c", Repeats(crash=True), {"items": data}),), model=MarkovText().open())
    here, before = run(plan, into=tmp_path / "here"), Beforehand()
    there = run(plan, into=tmp_path / "there", on=before)
    assert there.record == here.record
    assert before.ended == [Ended(0, "RuntimeError: planted crash")]


# --- the store of a worker, and that of the audit ---------------------------------------------------------------------


def answered(store, text="abc"):
    """What a worker tells of its answer to one question."""
    told = []
    worker = Aside(store.folder, told.append, alone=True, trusted=True)
    Asker({"main": MarkovText().open()}, worker, 0, "audit")("log_prob", [text])
    return told[0]


def test_of_two_that_answer_the_same_the_first_that_is_heard_counts(tmp_path):
    store = Store(tmp_path / "audit")
    with store.locked():
        one, two = answered(store), answered(store)
        assert one.name == two.name
        assert one.aside != two.aside
        assert store.receive(two.name, two.aside, two.sha256, two.origin, whole=True)
        assert not store.receive(one.name, one.aside, one.sha256, one.origin, whole=True)
        assert store.noted() == [(two.name, two.sha256)]
        assert store.get(two.question, two.items, share=False).num_rows == 1
    lines = [json.loads(line) for line in store.journal.read_bytes().splitlines()]
    assert [Secret.here().holds(one.pop("mac"), "answer", "audit", one) for one in lines] == [True]
    assert not list(store.folder.rglob("*.tmp"))


def test_a_name_that_is_no_answers_is_refused(tmp_path):
    store = Store(tmp_path / "audit")
    with store.locked():
        one = answered(store)
        assert not store.receive("record.json", one.aside, one.sha256, one.origin, whole=True)
    assert not (store.folder / "record.json").exists()


def test_an_answer_that_is_not_whole_counts_once_and_is_asked_again_by_a_later_run(tmp_path):
    store = Store(tmp_path / "audit")
    with store.locked():
        one = answered(store)
        store.receive(one.name, one.aside, one.sha256, one.origin, whole=False)
        assert store.get(one.question, one.items, share=False) is not None
        assert store.get(one.question, one.items, share=False) is None
        assert [(one.path, one.sha256) for one in store.evidence] == [(one.name, one.sha256)]
    assert not store.journal.exists()


# --- the queue --------------------------------------------------------------------------------------------------------


def queue(*tasks):
    made = TaskQueue(iter(tasks), {task.check for task in tasks})
    made.enter()
    return made


def test_tasks_of_one_lane_are_never_under_way_together():
    first, same, other = Task("a", "items", 0, lane=1), Task("b", "items", 0, lane=1), Task("b", "items", 1, lane=2)
    made = queue(first, same, other)
    assert made.take(3) == [first, other]
    made.done(first)
    assert made.take() == [same]


def test_what_rests_on_other_roles_waits_for_them():
    known, other = Task("a", "passages", 0, lane=3), Task("b", "items", 0, lane=2)
    items = Task("a", "items", 0, lane=1, last=True)
    made = queue(known, items, other)
    assert made.take(3) == [known, other]
    made.done(known)
    assert made.take() == [items]


def test_a_task_is_given_back_twice_and_then_left_to_the_audit():
    made = queue(Task("a", "items", 0))
    for attempts in range(3):
        (task,) = made.take()
        assert task.attempts == attempts
        made.back(task)
    made.wait("a", "items", 0)
    assert made.take() == []


def test_nobody_waits_for_what_nobody_does():
    made = queue(Task("a", "items", 0))
    made.wait("unknown", "items", 0)
    (taken,) = made.take()
    done = threading.Thread(target=made.wait, args=("a", "items", 0))
    done.start()
    assert done.is_alive()
    made.part_done("a", "items", 0)
    done.join(10)
    assert not done.is_alive()
    made.done(taken)
    made.leave()
    made.wait("a", "items", 7)


def test_of_a_check_that_the_audit_has_left_nothing_more_is_asked():
    made = queue(*(Task(check, "items", part, lane=part) for check in "ab" for part in range(3)))
    one, two = made.take(2)
    made.done(one)
    made.part_done("b", "items", 0)
    made.wait("a", "items", 0)
    made.wait("b", "items", 0)
    made.back(two)
    assert [one.check for one in made.take(9)] == ["b"] * 3


def test_data_that_cannot_be_read_end_the_tasks_and_not_the_audit():
    def broken():
        yield Task("a", "items", 0)
        raise OSError("gone")

    made = TaskQueue(broken(), {"a"})
    made.enter()
    made.done(*made.take())
    assert made.take() == []
    made.wait("a", "items", 1)
    assert made.over


def test_a_file_that_is_equal_is_one_lane(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text\nabc\nabb\n")
    checks = tuple(Check(name, Repeats(), {"items": File(path)}) for name in "ab")
    checks = (*checks, Check("c", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.9),
                             stop="early"))  # fmt: skip
    plan = Plan("T", checks, model=MarkovText().open())
    order = type("O", (), {"plan": plan, "drawn": False})
    found = list(tasks_of(order, Asker(plan.models, Store(tmp_path / "a"), 0, "a")))
    assert [(one.check, one.role, one.lane) for one in found] == [
        ("a", "items", (0, "items", 0)), ("c", None, (0, "items", 0)),
    ], "what check b asks is asked by a"
