"""Deviations: every kind of change after the first freeze is told, once, and nothing else is."""

import json
import multiprocessing
from dataclasses import replace

import pytest
from markov import MarkovText, Repeats
from rates import Ones, plan_of_rates, write_ones

from audit import deviations
from audit.data import File
from audit.deviations import REGISTER, read_deviations, register_plan
from audit.errors import IntegrityError
from audit.files import canonical, sha256
from audit.integrity import check_digests
from audit.plan import Check, Plan, freeze
from audit.quickstart import cases
from audit.record import Deviation, Limit, load_record
from audit.runner import Watch, audit_id, fingerprint, run

COUNTS = [(3, 100), (5, 100)]


@pytest.fixture
def plan(tmp_path):
    return plan_of_rates(tmp_path, COUNTS, seed=1, limit=80)


def first(plan, **changes):
    return (replace(plan.checks[0], **changes), *plan.checks[1:])


def told(audit):
    return [(one.check, one.what, one.before, one.after) for one in audit.record.deviations]


CHANGES = {
    "limit": (
        lambda plan, folder: replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.4))),
        [("c0", "limit.at_most", 0.3, 0.4)],
    ),
    "bound": (
        lambda plan, folder: replace(plan, checks=first(plan, limit=Limit(measure="ones", at_least=0.0))),
        [("c0", "limit.at_least", None, 0.0), ("c0", "limit.at_most", 0.3, None)],
    ),
    "no limit": (
        lambda plan, folder: replace(plan, checks=first(plan, limit=None)),
        [("c0", "gating", True, False), ("c0", "limit.at_most", 0.3, None), ("c0", "limit.measure", "ones", None)],
    ),
    "options": (
        lambda plan, folder: replace(plan, checks=first(plan, probe=Ones(crash_above=0.999))),
        [("c0", "probe.crash_above", 1.0, 0.999)],
    ),
    "level": (lambda plan, folder: replace(plan, level=0.9), [(None, "level", 0.95, 0.9)]),
    "seed": (lambda plan, folder: replace(plan, seed=2), [(None, "seed", 1, 2)]),
    "plan limit": (lambda plan, folder: replace(plan, limit=None), [(None, "limit", 80, None)]),
    "weight": (lambda plan, folder: replace(plan, checks=first(plan, weight=3.0)), [("c0", "weight", 1.0, 3.0)]),
    "stop": (lambda plan, folder: replace(plan, checks=first(plan, stop="early")), [("c0", "stop", "full", "early")]),
    "gating": (lambda plan, folder: replace(plan, checks=first(plan, gating=False)), [("c0", "gating", True, False)]),
    "two persons": (lambda plan, folder: replace(plan, two_person=True), [(None, "two_person", None, True)]),
    "left out": (
        lambda plan, folder: replace(plan, checks=plan.checks[:1]), [("c1", "check", "outside.ones", None)],
    ),
    "added": (
        lambda plan, folder: replace(plan, checks=(*plan.checks, replace(plan.checks[0], name="c2"))),
        [("c2", "check", None, "outside.ones")],
    ),
    "renamed": (
        lambda plan, folder: replace(plan, checks=first(plan, name="c9")),
        [("c0", "check", "outside.ones", None), ("c9", "check", None, "outside.ones")],
    ),
    "no data": (lambda plan, folder: replace(plan, checks=first(plan, data={})), None),
    "data": (
        lambda plan, folder: replace(plan, checks=first(plan, data={"items": write_ones(folder, "other", 4, 100)})),
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_is_told(tmp_path, plan, change):
    make, expected = CHANGES[change]
    registered = run(plan, into=tmp_path / "audits")
    audit = run(make(plan, tmp_path), into=tmp_path / "audits")
    assert registered.record.deviations == []
    assert not (registered.folder / deviations.FILE).exists()
    assert audit.folder != registered.folder
    if expected is None:
        before, after = (one.finding("c0").data.get("items", {}).get("digest") for one in (registered, audit))
        assert before != after
        expected = [("c0", "data.items", before, after)]
    assert told(audit) == expected
    assert {one.registered for one in audit.record.deviations} == {registered.folder.name}
    assert load_record(audit.folder).record.deviations == read_deviations(audit.folder)
    assert check_digests(audit) > 1


def test_verdicts_are_those_of_the_plan_alone(tmp_path, plan):
    changed = replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.4)))
    run(plan, into=tmp_path / "audits")
    audit, alone = (run(changed, into=tmp_path / into) for into in ("audits", "alone"))
    assert audit.record.model_copy(update={"deviations": []}) == alone.record


@pytest.mark.parametrize(
    "make",
    [
        lambda plan: replace(plan, title="Another"),
        lambda plan: replace(plan, checks=tuple(replace(one, name=f"x{one.name}") for one in plan.checks)),
        lambda plan: replace(plan, model=MarkovText().open()),
        lambda plan: replace(plan, shard=7),
        lambda plan: replace(plan, checks=first(plan, clauses=("eu-ai-act:10-2-f",))),
        lambda plan: plan,
    ],
    ids=["title", "checks", "model", "shard", "clauses", "same"],
)
def test_another_audit_or_the_same_plan_is_no_deviation(tmp_path, plan, make):
    run(plan, into=tmp_path / "audits")
    assert told(run(make(replace(plan, seed=1)), into=tmp_path / "audits", fresh=True)) == []


def test_the_same_data_at_another_place_are_no_deviation(tmp_path, plan):
    run(plan, into=tmp_path / "audits")
    moved = tmp_path / "moved.csv"
    moved.write_bytes((tmp_path / "c0.csv").read_bytes())
    there = replace(plan.checks[0].data["items"], path=moved)
    assert told(run(replace(plan, checks=first(plan, data={"items": there})), into=tmp_path / "audits")) == []


def test_a_model_is_told_by_its_fingerprint_and_a_helper_is_part_of_the_plan(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\nabca\nbbca\nccab\n")
    check = Check("repeats", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.9))
    plan = Plan("Helped", (check,), MarkovText().open(), {"other": MarkovText(stay=0.5).open()})
    run(plan, into=tmp_path / "audits")
    helped = run(replace(plan, helpers={"other": MarkovText(stay=0.6).open()}), into=tmp_path / "audits")
    assert told(helped) == [(None, "models.other", "sha256:markov-0.5", "sha256:markov-0.6")]
    assert told(run(replace(plan, model=MarkovText(stay=0.7).open()), into=tmp_path / "audits")) == []


def test_the_plan_frozen_first_is_the_registered_one_whatever_comes_between(tmp_path, plan):
    into = tmp_path / "audits"
    one = run(plan, into=into)
    two = run(replace(plan, seed=2), into=into)
    three = run(replace(plan, seed=3), into=into)
    assert [(told(two)), told(three)] == [[(None, "seed", 1, 2)], [(None, "seed", 1, 3)]]
    assert told(run(plan, into=into, fresh=True)) == []
    again = run(replace(plan, seed=2), into=into, fresh=True)
    assert (again.folder.name, again.record.deviations) == (f"{two.folder.name}-2", two.record.deviations)
    lines = [json.loads(line) for line in (into / REGISTER).read_text().splitlines()]
    assert [line["id"] for line in lines] == [
        one.folder.name, two.folder.name, three.folder.name, f"{one.folder.name}-2", f"{two.folder.name}-2",
    ]
    assert [line["plan"] for line in lines[:3]] == [one.record.plan, two.record.plan, three.record.plan]


class Dies(Watch):
    """Interrupts before the first question, or after the first finding."""

    def __init__(self, when):
        super().__init__(**{when: self.stop})

    def stop(self, _):
        raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["on_start", "on_finding"])
def test_a_begun_audit_counts_and_a_resumed_one_says_what_it_said(tmp_path, plan, when):
    into, changed = tmp_path / "audits", replace(plan, seed=2)
    with pytest.raises(KeyboardInterrupt):
        run(plan, into=into, watch=Dies(when))
    with pytest.raises(KeyboardInterrupt):
        run(changed, into=into, watch=Dies(when))
    resumed = run(plan, into=into)
    later = run(changed, into=into)
    assert told(resumed) == []
    assert told(later) == [(None, "seed", 1, 2)]
    whole = tmp_path / "whole"
    run(plan, into=whole)
    uncut = run(changed, into=whole)
    assert (uncut.folder / "record.json").read_bytes() == (later.folder / "record.json").read_bytes()


class Killed(BaseException):
    """Stands for a kill."""


def frozen_of(plan):
    return freeze(plan, {})


def folder_of(into, plan):
    folder = into / audit_id(frozen_of(plan))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("written", ["deviations.json", "plan.json", "line"])
def test_a_kill_between_two_writes_leaves_the_order_as_it_was(tmp_path, plan, monkeypatch, written):
    into, changed, third = tmp_path / "audits", replace(plan, seed=2), replace(plan, seed=3)
    run(plan, into=into)
    folder = folder_of(into, changed)
    real = {"write": deviations.write_atomic, "append": deviations._append}

    def write(path, data):
        if path.name == written:
            raise Killed
        real["write"](path, data)

    def append(file, name, digest):
        if written == "line" and name == folder.name:
            raise Killed
        return real["append"](file, name, digest)

    monkeypatch.setattr(deviations, "write_atomic", write)
    monkeypatch.setattr(deviations, "_append", append)
    with pytest.raises(Killed):
        register_plan(folder, frozen_of(changed))
    monkeypatch.undo()
    assert [one.after for one in register_plan(folder_of(into, third), frozen_of(third))] == [3]
    assert [one.after for one in register_plan(folder, frozen_of(changed))] == [2]
    names = [json.loads(line)["id"] for line in (into / REGISTER).read_text().splitlines()]
    assert sorted(names) == sorted(set(names))
    # frozen with its plan: whoever came later stands behind it
    assert (names.index(folder.name) < names.index(folder_of(into, third).name)) == (written == "line")


def test_a_killed_first_freeze_is_still_first(tmp_path, plan, monkeypatch):
    into, changed = tmp_path / "audits", replace(plan, seed=2)
    monkeypatch.setattr(deviations, "_append", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        register_plan(folder_of(into, plan), frozen_of(plan))
    monkeypatch.undo()
    assert [one.before for one in register_plan(folder_of(into, changed), frozen_of(changed))] == [1]
    assert register_plan(folder_of(into, plan), frozen_of(plan)) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda register: register.write_bytes(register.read_bytes() + b'{"id": "0123'),
        lambda register: register.write_bytes(b"no line\n[1]\n" + register.read_bytes()),
        lambda register: register.write_bytes(b'{"id": "../outside", "plan": "x"}\n' + register.read_bytes()),
        lambda register: register.unlink(),
    ],
    ids=["torn", "not lines", "outside", "gone"],
)
def test_a_damaged_register_falls_back_on_the_folders(tmp_path, plan, damage):
    into = tmp_path / "audits"
    registered = run(plan, into=into)
    damage(into / REGISTER)
    assert told(run(replace(plan, seed=2), into=into)) == [(None, "seed", 1, 2)]
    entries = [json.loads(line) for line in (into / REGISTER).read_text().splitlines() if line.startswith('{"id":"')]
    assert registered.folder.name in [one["id"] for one in entries]


def test_a_registered_plan_that_was_altered_stops_the_next_audit(tmp_path, plan):
    registered = run(plan, into=tmp_path / "audits")
    file = registered.folder / "plan.json"
    file.write_bytes(file.read_bytes().replace(b'"at_most":0.3', b'"at_most":0.4'))
    with pytest.raises(IntegrityError, match=r"plan\.json: not the plan that was frozen"):
        run(replace(plan, seed=2), into=tmp_path / "audits")
    assert told(run(replace(plan, title="Another"), into=tmp_path / "audits")) == []


@pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b'{"title": 1}', b"\xff", b'{"checks": [1], "models": 2}'])
def test_a_plan_that_is_none_is_left_alone(tmp_path, plan, data):
    other = tmp_path / "audits" / "strange"
    other.mkdir(parents=True)
    (other / "plan.json").write_bytes(data)
    assert told(run(plan, into=tmp_path / "audits")) == []


@pytest.mark.parametrize("tamper", ["gone", "other", "no list", "added"])
def test_verify_finds_deviations_that_were_altered(tmp_path, plan, tamper):
    registered = run(plan, into=tmp_path / "audits")
    audit = run(replace(plan, seed=2), into=tmp_path / "audits")
    file = audit.folder / deviations.FILE
    if tamper == "gone":
        file.unlink()
    elif tamper == "added":
        audit, file = registered, registered.folder / deviations.FILE
        file.write_bytes(canonical([_one()]))
    else:
        file.write_bytes(canonical([_one()]) if tamper == "other" else b'{"a": 1}')
    with pytest.raises(IntegrityError, match="deviations"):
        check_digests(audit)


def _one():
    return Deviation(what="seed", before=1, after=3, registered="0").model_dump(mode="json")


def _start(into, number):
    plan = plan_of_rates(into.parent, COUNTS, seed=number)
    register_plan(folder_of(into, plan), frozen_of(plan))


def test_many_starts_at_once_agree_on_one_registered_plan(tmp_path):
    into = tmp_path / "audits"
    into.mkdir()
    plan_of_rates(tmp_path, COUNTS)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_start, args=(into, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    names = [json.loads(line)["id"] for line in (into / REGISTER).read_text().splitlines()]
    assert len(set(names)) == len(names) == 4
    for name in names[1:]:
        assert {one.registered for one in read_deviations(into / name)} == {names[0]}
    assert read_deviations(into / names[0]) == []


def test_the_audits_of_the_quickstart_in_one_folder_deviate_from_nothing(tmp_path):
    count = 0
    for case in cases():
        prints = {name: fingerprint(model) for name, model in case.plan.models.items()}
        frozen = freeze(case.plan, prints)
        folder = tmp_path / audit_id(frozen)
        folder.mkdir()
        assert register_plan(folder, frozen) == []
        assert sha256((folder / "plan.json").read_bytes().rstrip()) == sha256(canonical(frozen))
        again = tmp_path / f"{folder.name}-2"
        again.mkdir()
        assert register_plan(again, frozen) == []
        count += 1
    assert count >= 16
