"""Deviations: every kind of change after the first freeze is told, once, and nothing else is."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from markov import MarkovModel, MarkovText, Repeats
from rates import Ones, plan_of_rates, write_ones

from audit.data.tabular import File
from audit.errors import IntegrityError, PlanError
from audit.execute import RunCallbacks, run
from audit.execute.runner import audit_id
from audit.files import canonical, sha256
from audit.integrity import check_digests, export_audit, import_audit
from audit.model import fingerprint_of
from audit.plan import Check, Plan, freeze, register_plan, registration
from audit.plan.registration import REGISTER, read_deviations
from audit.policy import Policy, judge_audit, load_policy
from audit.record import DEVIATIONS_FILE, Deviation, Limit, load_record
from audit.reference import cases

COUNTS = [(3, 100), (5, 100)]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A plan, whose data are not to be written to."""
    return plan_of_rates(tmp_path_factory.mktemp("data"), COUNTS, seed=1, limit=80)


@pytest.fixture(scope="module")
def audited(plan, tmp_path_factory):
    into = tmp_path_factory.mktemp("audited") / "audits"
    run(plan, into=into)
    return into


@pytest.fixture
def into(audited, tmp_path):
    """A folder of audits in which the plan was audited, and nothing else."""
    return Path(shutil.copytree(audited, tmp_path / "audits"))


def first(plan, **changes):
    return (replace(plan.checks[0], **changes), *plan.checks[1:])


def audit_in(into):
    """The one audit of a folder."""
    (record,) = into.glob("*/record.json")
    return load_record(record.parent)


def told(audit):
    return [(one.check, one.what, one.before, one.after) for one in audit.record.deviations]


CHANGES = {
    "limit": (
        lambda plan, folder: replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.4))),
        [("c0", "limit.at_most", 0.3, 0.4)],
    ),
    "bound": (
        lambda plan, folder: replace(plan, checks=first(plan, limit=Limit(measure="ones", at_least=0.0))),
        [("c0", "limit.at_most", 0.3, None)],
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
    "plan limit": (lambda plan, folder: replace(plan, limit=20), [(None, "limit", 80, 20)]),
    "weight": (lambda plan, folder: replace(plan, checks=first(plan, weight=3.0)), [("c0", "weight", 1.0, 3.0)]),
    "stop": (lambda plan, folder: replace(plan, checks=first(plan, stop="early")), [("c0", "stop", "full", "early")]),
    "gating": (lambda plan, folder: replace(plan, checks=first(plan, gating=False)), [("c0", "gating", True, False)]),
    "left out": (
        lambda plan, folder: replace(plan, checks=plan.checks[:1]), [("c1", "check", "outside.ones", None)],
    ),
    "added": (
        lambda plan, folder: replace(plan, checks=(*plan.checks, replace(plan.checks[0], name="c2"))),
        [("c2", "check", None, "outside.ones")],
    ),
    "renamed": (
        lambda plan, folder: replace(plan, checks=first(plan, name="c9")),
        [],
    ),
    "renamed and loosened": (
        lambda plan, folder: replace(plan, checks=first(plan, name="c9", limit=Limit(measure="ones", at_most=0.4))),
        [("c9", "limit.at_most", 0.3, 0.4)],
    ),
    "loosened under another title": (
        lambda plan, folder: replace(
            plan, title="Another", checks=first(plan, limit=Limit(measure="ones", at_most=0.4))[:1]
        ),
        [("c0", "limit.at_most", 0.3, 0.4)],
    ),
    "no data": (lambda plan, folder: replace(plan, checks=first(plan, data={})), None),
    "data": (
        lambda plan, folder: replace(plan, checks=first(plan, data={"items": write_ones(folder, "other", 4, 100)})),
        None,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_is_told(tmp_path, plan, into, change):
    make, expected = CHANGES[change]
    registered = audit_in(into)
    audit = run(make(plan, tmp_path), into=into)
    assert registered.record.deviations == []
    assert not (registered.folder / DEVIATIONS_FILE).exists()
    assert audit.folder != registered.folder
    if expected is None:
        before, after = (one.finding("c0").data.get("items", {}).get("digest") for one in (registered, audit))
        assert before != after
        expected = [("c0", "data.items", before, after)]
    assert told(audit) == expected
    assert {one.registered for one in audit.record.deviations} == ({registered.folder.name} if expected else set())
    assert load_record(audit.folder).record.deviations == read_deviations(audit.folder)
    assert check_digests(audit) > 1


def test_verdicts_are_those_of_the_plan_alone(tmp_path, plan, into):
    changed = replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.4)))
    audit, alone = (run(changed, into=place) for place in (into, tmp_path / "alone"))
    assert [one.ordinal for one in audit.record.attempts] == [2, 2]
    assert audit.record.model_copy(update={"deviations": [], "attempts": []}) == alone.record


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
def test_another_audit_or_the_same_plan_is_no_deviation(plan, into, make):
    assert told(run(make(replace(plan, seed=1)), into=into, fresh=True)) == []


def test_the_same_data_at_another_place_are_no_deviation(tmp_path, plan, into):
    data = plan.checks[0].data["items"]
    there = replace(data, path=Path(shutil.copy(data.path, tmp_path / "moved.csv")))
    assert told(run(replace(plan, checks=first(plan, data={"items": there})), into=into)) == []


def test_a_model_is_told_by_its_fingerprint_and_a_helper_is_part_of_the_plan(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\nabca\nbbca\nccab\n")
    check = Check("repeats", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.9))
    plan = Plan("Helped", (check,), MarkovText().open(), {"other": MarkovText(stay=0.5).open()})
    run(plan, into=tmp_path / "audits")
    helped = run(replace(plan, helpers={"other": MarkovText(stay=0.6).open()}), into=tmp_path / "audits")
    assert told(helped) == [(None, "models.other", "sha256:markov-0.5", "sha256:markov-0.6")]
    assert told(run(replace(plan, model=MarkovText(stay=0.7).open()), into=tmp_path / "audits")) == []


def test_the_plan_frozen_first_is_the_registered_one_whatever_comes_between(plan, into):
    one = audit_in(into)
    two = run(replace(plan, seed=2), into=into)
    three = run(replace(plan, seed=3), into=into)
    assert [(told(two)), told(three)] == [[(None, "seed", 1, 2)], [(None, "seed", 1, 3)]]
    assert told(run(plan, into=into, fresh=True)) == []
    again = run(replace(plan, seed=2), into=into, fresh=True)
    assert (again.folder.name, again.record.deviations) == (f"{two.folder.name}-2", two.record.deviations)
    lines = [line for line in map(json.loads, (into / REGISTER).read_text().splitlines()) if "plan" in line]
    assert [line["id"] for line in lines] == [
        one.folder.name, two.folder.name, three.folder.name, f"{one.folder.name}-2", f"{two.folder.name}-2",
    ]
    assert [line["plan"] for line in lines[:3]] == [one.record.plan, two.record.plan, three.record.plan]


class Dies(RunCallbacks):
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


def freeze_in(folder, plan):
    return register_plan(folder, frozen_of(plan), lambda check: 100)


def folder_of(into, plan):
    folder = into / audit_id(frozen_of(plan))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("written", ["deviations.json", "plan.json", "line"])
def test_a_kill_between_two_writes_leaves_the_order_as_it_was(plan, into, monkeypatch, written):
    changed, third = replace(plan, seed=2), replace(plan, seed=3)
    folder = folder_of(into, changed)
    real = {"write": registration.write_atomic, "append": registration.append_plan}

    def write(path, data):
        if path.name == written:
            raise Killed
        real["write"](path, data)

    def append(file, name, frozen, **more):
        if written == "line" and name == folder.name:
            raise Killed
        return real["append"](file, name, frozen, **more)

    monkeypatch.setattr(registration, "write_atomic", write)
    monkeypatch.setattr(registration, "append_plan", append)
    with pytest.raises(Killed):
        freeze_in(folder, changed)
    monkeypatch.undo()
    assert [one.after for one in freeze_in(folder_of(into, third), third)] == [3]
    assert [one.after for one in freeze_in(folder, changed)] == [2]
    names = [one["id"] for one in map(json.loads, (into / REGISTER).read_text().splitlines()) if "plan" in one]
    assert sorted(names) == sorted(set(names))
    # frozen with its line, and none was written before the kill
    assert names.index(folder.name) > names.index(folder_of(into, third).name)


def test_a_freeze_that_was_killed_before_its_line_is_none(tmp_path, plan, monkeypatch):
    """Nothing was asked yet, and a plan without a line is one that anybody could have put there."""
    into, changed = tmp_path / "audits", replace(plan, seed=2)
    monkeypatch.setattr(registration, "append_plan", lambda *_, **__: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        freeze_in(folder_of(into, plan), plan)
    monkeypatch.undo()
    assert freeze_in(folder_of(into, changed), changed) == []
    assert [(one.before, one.after) for one in freeze_in(folder_of(into, plan), plan)] == [(2, 1)]


def test_the_line_of_the_end_that_a_kill_left_out_is_written_by_the_next_run(plan, into):
    whole = (into / REGISTER).read_bytes()
    lines = whole.splitlines(keepends=True)
    assert b"verdicts" in lines[-1]
    for torn in (b"", lines[-1][:9]):
        (into / REGISTER).write_bytes(b"".join(lines[:-1]) + torn)
        run(plan, into=into)
        assert (into / REGISTER).read_bytes() == whole
    run(plan, into=into)
    assert (into / REGISTER).read_bytes() == whole


def loosened(plan):
    return replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.9)))


LOOSENED = [("c0", "limit.at_most", 0.3, 0.9)]


@pytest.mark.parametrize("planted", ["{}", "the plan", "with deviations"])
def test_a_plan_that_was_put_there_is_not_frozen(plan, into, planted):
    """Whoever knows a plan knows its folder: a plan.json in it freezes nothing and hides no loosened limit."""
    frozen = freeze(loosened(plan), {})
    folder = into / audit_id(frozen)
    folder.mkdir()
    (folder / "plan.json").write_bytes(b"{}" if planted == "{}" else canonical(frozen) + b"\n")
    if planted == "with deviations":
        (folder / DEVIATIONS_FILE).write_bytes(b"[]")
    audit = run(loosened(plan), into=into)
    assert (audit.folder, told(audit), attempts(audit)["c0"][0]) == (folder, LOOSENED, 2)
    assert check_digests(audit) > 1


@pytest.mark.parametrize("register", ["there", "gone"])
@pytest.mark.parametrize("whose", ["imported", "copied", "own"])
def test_only_what_this_installation_finished_counts_without_a_line(tmp_path, plan, monkeypatch, whose, register):
    """A stranger's looser plan, imported, does not stand first, nor is it an attempt; nor a copy under another name."""
    into, elsewhere = tmp_path / "audits", tmp_path / "elsewhere"
    with monkeypatch.context() as patch:
        if whose == "imported":
            patch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))
        other = run(loosened(plan), into=elsewhere)
        export_audit(other.folder, tmp_path / "audit.zip")
    if whose == "copied":
        shutil.copytree(other.folder, into / "0000")
    else:
        import_audit(tmp_path / "audit.zip", into)
    strict = run(replace(plan, title="Mine"), into=into)
    assert [ordinal for ordinal, _ in attempts(strict).values()] == ([2, 2] if whose == "own" else [])
    if register == "gone":
        (into / REGISTER).unlink()
    audit = run(replace(loosened(plan), title="Mine"), into=into)
    first_one = strict if whose != "own" or (register == "gone" and strict.folder.name < other.folder.name) else other
    assert told(audit) == (LOOSENED if first_one is strict else [])
    assert [ordinal for ordinal, _ in attempts(audit).values()] == ([3, 3] if whose == "own" else [2, 2])


def test_a_record_that_was_put_there_does_not_unmake_an_audit_that_began(tmp_path, plan):
    into = tmp_path / "audits"
    with pytest.raises(KeyboardInterrupt):
        run(plan, into=into, watch=Dies("on_finding"))
    crashing = replace(plan, checks=tuple(replace(one, probe=Ones(crash_above=0.5)) for one in plan.checks))
    crashed = run(crashing, into=tmp_path / "elsewhere")
    begun = next(into.glob("*/plan.json")).parent
    for name in ("record.json", "run.json"):
        shutil.copy(crashed.folder / name, begun / name)
    audit = run(loosened(plan), into=into)
    assert (told(audit), attempts(audit)["c0"]) == (LOOSENED, (2, [("c0", None)]))


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
def test_a_damaged_register_falls_back_on_the_folders(plan, into, damage):
    registered = audit_in(into)
    damage(into / REGISTER)
    assert told(run(replace(plan, seed=2), into=into)) == [(None, "seed", 1, 2)]
    entries = [json.loads(line) for line in (into / REGISTER).read_text().splitlines() if '"id":"' in line]
    assert registered.folder.name in [one["id"] for one in entries]


def test_a_registered_plan_that_was_altered_stops_the_next_audit(plan, into):
    file = audit_in(into).folder / "plan.json"
    file.write_bytes(file.read_bytes().replace(b'"at_most":0.3', b'"at_most":0.4'))
    with pytest.raises(IntegrityError, match=r"plan\.json: not the plan that was frozen"):
        run(replace(plan, seed=2), into=into)
    assert told(run(replace(plan, model=MarkovText().open()), into=into)) == []


@pytest.mark.parametrize("data", [b"{}", b"[]", b"null", b'{"title": 1}', b"\xff", b'{"checks": [1], "models": 2}'])
def test_a_plan_that_is_none_is_left_alone(tmp_path, plan, data):
    other = tmp_path / "audits" / "strange"
    other.mkdir(parents=True)
    (other / "plan.json").write_bytes(data)
    assert told(run(plan, into=tmp_path / "audits")) == []


@pytest.mark.parametrize(
    "change", [lambda plan: plan["checks"][0].update(name=None), lambda plan: plan.update(limit="")]
)
def test_a_plan_with_a_name_or_a_limit_that_is_none_is_left_alone(tmp_path, plan, change):
    other, odd = tmp_path / "audits" / "strange", frozen_of(plan)
    change(odd)
    other.mkdir(parents=True)
    (other / "plan.json").write_text(json.dumps(odd))
    assert told(run(plan, into=tmp_path / "audits")) == []


@pytest.mark.parametrize("tamper", ["gone", "other", "no list", "added"])
def test_verify_finds_deviations_that_were_altered(plan, into, tamper):
    registered = audit_in(into)
    audit = run(replace(plan, seed=2), into=into)
    file = audit.folder / DEVIATIONS_FILE
    if tamper == "gone":
        file.unlink()
    elif tamper == "added":
        audit, file = registered, registered.folder / DEVIATIONS_FILE
        file.write_bytes(canonical([_one()]))
    else:
        file.write_bytes(canonical([_one()]) if tamper == "other" else b'{"a": 1}')
    with pytest.raises(IntegrityError, match="deviations"):
        check_digests(audit)


def _one():
    return Deviation(what="seed", before=1, after=3, registered="0").model_dump(mode="json")


def _start(into, plan):
    freeze_in(folder_of(into, plan), plan)


def test_many_starts_at_once_agree_on_one_registered_plan(tmp_path):
    into = tmp_path / "audits"
    into.mkdir()
    plan, context = plan_of_rates(tmp_path, COUNTS), multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["audit.execute", "audit.policy", "audit.reference", "hypothesis", "pytest"])
    workers = [context.Process(target=_start, args=(into, replace(plan, seed=number))) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    names = [one["id"] for one in map(json.loads, (into / REGISTER).read_text().splitlines()) if "plan" in one]
    assert len(set(names)) == len(names) == 4
    for name in names[1:]:
        assert {one.registered for one in read_deviations(into / name)} == {names[0]}
    assert read_deviations(into / names[0]) == []


def test_the_audits_of_the_quickstart_in_one_folder_deviate_from_nothing(tmp_path):
    count = 0
    for case in cases():
        prints = {name: fingerprint_of(model) for name, model in case.plan.models.items()}
        frozen = freeze(case.plan, prints)
        folder = tmp_path / audit_id(frozen)
        folder.mkdir()
        assert register_plan(folder, frozen, lambda check: 0) == []
        assert sha256((folder / "plan.json").read_bytes().rstrip()) == sha256(canonical(frozen))
        again = tmp_path / f"{folder.name}-2"
        again.mkdir()
        assert register_plan(again, frozen, lambda check: 0) == []
        count += 1
    assert count >= 20


# --- what is no deviation, and what is another attempt ----------------------------------------------------------------


def attempts(audit):
    return {one.check: (one.ordinal, [(e.check, e.verdict) for e in one.earlier]) for one in audit.record.attempts}


@pytest.mark.parametrize(
    "stricter",
    [
        lambda plan: replace(plan, checks=first(plan, limit=Limit(measure="ones", at_most=0.2))),
        lambda plan: replace(plan, level=0.99),
        lambda plan: replace(plan, two_person=True),
        lambda plan: replace(plan, limit=None),
    ],
    ids=["bound", "level", "two persons", "all of the data"],
)
def test_what_only_makes_an_audit_stricter_is_no_deviation(plan, into, stricter):
    assert told(run(stricter(plan), into=into)) == []


def test_a_trial_run_is_neither_registered_nor_an_attempt_and_a_large_part_is_one(tmp_path, plan):
    into, whole = tmp_path / "audits", replace(plan, limit=None)
    run(replace(plan, limit=20, seed=5), into=into)
    first_try = run(whole, into=into)
    assert (told(first_try), first_try.record.attempts) == ([], [])
    assert "attempts" not in json.loads((first_try.folder / "record.json").read_bytes())
    elsewhere = tmp_path / "elsewhere"
    run(replace(plan, limit=99, seed=5), into=elsewhere)
    assert attempts(run(whole, into=elsewhere))["c0"] == (2, [("c0", "passed")])


@pytest.mark.parametrize(("limit", "seen"), [(20, False), (21, True), (99, True)])
def test_a_limit_that_was_loosened_after_most_items_were_seen_is_told(tmp_path, plan, limit, seen):
    """At most a fifth of the items is a trial, for deviations and attempts alike."""
    into, whole = tmp_path / "audits", replace(plan, limit=None)
    run(replace(plan, limit=limit), into=into)
    loosened = replace(whole, checks=first(whole, limit=Limit(measure="ones", at_most=0.9)))
    audit = run(loosened, into=into)
    assert told(audit) == ([("c0", "limit.at_most", 0.3, 0.9)] if seen else [])
    assert [one.check for one in audit.record.attempts] == (["c0", "c1"] if seen else [])


def test_a_first_try_that_crashed_is_neither_registered_nor_an_attempt(tmp_path, plan):
    crashing = replace(plan, checks=tuple(replace(one, probe=Ones(crash_above=0.5)) for one in plan.checks))
    assert run(crashing, into=tmp_path / "audits").record.verdict == "crashed"
    audit = run(plan, into=tmp_path / "audits")
    assert (told(audit), audit.record.attempts) == ([], [])


@pytest.mark.parametrize(
    "again",
    [
        lambda plan, number: plan,
        lambda plan, number: replace(plan, seed=number),
        lambda plan, number: replace(plan, title=f"T{number}"),
        lambda plan, number: replace(plan, checks=first(plan, name=f"x{number}")),
        lambda plan, number: replace(plan, checks=first(plan, probe=Ones(crash_above=1 - number / 1000))),
    ],
    ids=["fresh", "seed", "title", "name", "options"],
)
@pytest.mark.parametrize("deleted", [False, True])
def test_asking_the_same_again_is_an_attempt_whatever_it_is_called(tmp_path, plan, again, deleted):
    into = tmp_path / "audits"
    for number in range(3):
        audit = run(again(plan, number), into=into, fresh=True)
        if deleted:
            shutil.rmtree(audit.folder)
    ordinal, earlier = attempts(audit)[audit.record.findings[0].check]
    assert (ordinal, [verdict for _, verdict in earlier]) == (3, ["passed", "passed"])


def test_other_data_or_another_model_is_a_first_attempt(tmp_path, plan, into):
    other = replace(plan, checks=first(plan, data={"items": write_ones(tmp_path, "other", 4, 100)})[:1])
    assert run(other, into=into).record.attempts == []
    assert run(replace(plan, model=MarkovText().open()), into=into).record.attempts == []


class Server(MarkovModel):
    """An address: `who` answers there."""

    who = 1

    def identity(self):
        return {"who": self.who}


class Varying(Server):
    """Shows something else each time, and knows by itself whether it is the same."""

    shows = 0
    compared = 0

    def identity(self):
        self.shows += 1
        return {"who": self.who, "shows": self.shows}

    def still(self, before):
        self.compared += 1
        return before["who"] == self.who


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(a + b + c for a in "abc" for b in "abc" for c in "abc") + "\n")
    return File(path)


def asked_of(server, texts, title="Served"):
    return Plan(title, (Check("repeats", Repeats(), {"items": texts}),), server)


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("kind", [Server, Varying])
def test_another_model_at_the_same_address_is_a_first_attempt(tmp_path, texts, kind, deleted):
    into, server, ordinals = tmp_path / "audits", kind(MarkovText()), []
    for number, who in enumerate([1, 2, 1, 2, 3, 1]):
        server.who = who
        audit = run(asked_of(server, texts, f"Night {number}"), into=into)
        ordinals.append(attempts(audit).get("repeats", (1, []))[0])
        if deleted:
            shutil.rmtree(audit.folder)
    assert ordinals == [1, 1, 2, 2, 1, 3]


@pytest.mark.parametrize(("steady", "expected"), [(True, [1, 1, 1, 1, 1]), (False, [1, 2, 2, 2, 3])])
def test_who_answers_is_asked_only_where_a_model_showed_something_else(tmp_path, texts, steady, expected):
    """Once at the end as ever, and once for each model known here, however many its audits and their checks."""
    server, compared = Varying(MarkovText()), []
    if steady:
        server.identity = lambda: {"who": 1}
    for number, who in enumerate([1, 1, 1, 2, 1]):
        server.compared, server.who = 0, 1 if steady else who
        checks = tuple(Check(name, Repeats(), {"items": texts}) for name in ("one", "two"))
        audit = run(Plan(f"Night {number}", checks, server), into=tmp_path / "audits")
        compared.append(server.compared)
    assert compared == expected
    assert [ordinal for ordinal, _ in attempts(audit).values()] == ([5, 5] if steady else [4, 4])


@pytest.mark.parametrize("unknown", ["begun", "changed", "of before", "odd"])
def test_where_nobody_knows_who_answered_it_counts_as_the_same_model(tmp_path, texts, unknown):
    into, server = tmp_path / "audits", Varying(MarkovText())
    if unknown == "begun":
        with pytest.raises(KeyboardInterrupt):
            run(asked_of(server, texts), into=into, watch=Dies("on_finding"))
    elif unknown == "changed":
        server.still = lambda before: False
        assert run(asked_of(server, texts), into=into).record.changed == ["main"]
        del server.still
    else:
        run(asked_of(server, texts), into=into)
        lines = [json.loads(line) for line in (into / REGISTER).read_text().splitlines()]
        odd = [{**line, "who": {"x": 1}} if "who" in line else line for line in lines]
        old = [{name: value for name, value in line.items() if name != "who"} for line in lines]
        kept = odd if unknown == "odd" else old
        (into / REGISTER).write_text("".join(json.dumps(line) + "\n" for line in kept))
    server.who = 2
    audit = run(asked_of(server, texts, "Again"), into=into)
    assert attempts(audit)["repeats"][0] == 2


def test_a_policy_forbids_attempts_or_charges_them(tmp_path, plan):
    into = tmp_path / "audits"
    audits = [run(replace(plan, level=0.99), into=into, fresh=True) for _ in range(3)]
    file = tmp_path / "policy.yaml"

    def judged(audit, text):
        file.write_text("title: Gate\n" + text)
        rulings = judge_audit(audit, load_policy(file), on=date(2026, 1, 1)).rulings
        return {one.rule: (one.verdict, one.why) for one in rulings}

    assert [judged(one, "forbid: [rerolls]\n")["forbid"][0] for one in audits] == ["passed", "failed", "failed"]
    assert "c0 is attempt 3" in judged(audits[2], "forbid: [rerolls]\n")["forbid"][1]
    charged = [judged(one, "level: 0.95\ncharge_rerolls: true\n")["level"][0] for one in audits]
    assert charged == ["passed", "passed", "failed"]  # 97.5 %, 98.75 % and 99.375 % are asked for, 99 % is there
    with pytest.raises(PlanError, match="charge_rerolls needs the level"):
        judged(audits[0], "charge_rerolls: true\n")


def test_charged_attempts_keep_the_level_together():
    policy = Policy(title="Gate", level=0.95, charge_rerolls=True)
    assert sum(1 - policy.level_of(attempt) for attempt in range(1, 60)) <= 0.05 + 1e-12
    assert Policy(title="Gate", level=0.95).level_of(3) == 0.95
