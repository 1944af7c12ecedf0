"""Pre-registration made visible: what an audit asks otherwise than the plan that was frozen first.

    <into>/plans.jsonl              the register (`audit.plan.register`): a line for each plan, in the order of freezing
    <into>/<id>/plan.json           the frozen plan, stored before the first question
    <into>/<id>/deviations.json     what differs from the registered plan; absent where nothing does

Two plans are of one audit when they ask the same model, or without one the same data, something in common: a check of
the same name and probe, or of the same probe and data under another name. Of those the one frozen first is registered,
and each later one that differs says where; under another title only what they have in common is compared. What showed
nothing is not registered: an audit whose checks in common each crashed, were skipped or were put to a trial, which asks
at most a fifth of the items.
What only makes an audit stricter is no deviation: a tightened bound, a higher level, a second person, a check that
gates now; nor is a larger `limit`, which is told as an attempt. What deviates is found once, under a lock, when an
audit begins, and read again whenever it goes on. No verdict changes.

The order is that of the lines, for file times prove nothing, and a plan is frozen when its line is written: anybody can
put a folder there, or import one. A folder without a line counts only if this installation finished the audit in it
(`audit.plan.run_mac`); the register was deleted then, and it counts as frozen before whoever finds it so.

Attempts. The same model asked by the same probe on the same data again is another attempt, whatever it is called, also
with `--fresh`: `attempts_of` gives the ordinal with the earlier verdicts. What showed nothing is none here either, nor
what another model answered at the same address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

from audit.ask import Answerer
from audit.errors import IntegrityError
from audit.files import MAX_JSON, canonical, parse_json, read_regular, remove, sha256, stored_json, write_atomic
from audit.plan.differing import Pair, PlanDifference, differences
from audit.plan.register import REGISTER, Entry, append_end, append_plan, contents_of, end_of, is_name, read_entries
from audit.plan.run_mac import own_record
from audit.record import DEVIATIONS_FILE, PLAN_FILE, Attempt, Audit, Deviation, EarlierAttempt
from audit.storage import shared

__all__ = [
    "REGISTER", "attempts_of", "check_deviations", "deviations", "read_deviations", "register_end",
    "register_missed_end", "register_plan",
]

TRIAL = 5
"""A run that asks at most one in so many items is a trial."""
Plan = Mapping[str, Any]
_OF_PLAN = ("level", "seed", "limit", "two_person", "target", "promise")
_OF_CHECK = ("gating", "weight", "stop")
_UNSEEN = ("crashed", "skipped")
"""Verdicts that show nothing of the model."""
ItemsOf = Callable[[str], int]
"""Check of the audit that begins -> items that its plan gives to it."""


def register_plan(folder: Path, frozen: Plan, items_of: ItemsOf) -> list[Deviation]:
    """Freeze a plan into its audit's folder, which exists, and return where it deviates from the registered one.

    A plan that lies there and has its line was frozen before, and so were its deviations. Raises IntegrityError for
    deviations that cannot be read, and where the registered plan is not the one that was frozen.
    """
    with shared(folder.parent / REGISTER) as file:
        entries = read_entries(file)
        line, digest = entries.get(folder.name), sha256(canonical(frozen))
        frozen_before = line is not None and line.plan == digest and (folder / PLAN_FILE).is_file()
        for name, plan in _without_line(folder, entries):
            entries[name] = append_plan(file, name, plan)
        if not frozen_before:
            found = _deviations(folder, entries, frozen, items_of)
            if found:
                write_atomic(folder / DEVIATIONS_FILE, _dumped(found))
            else:  # one that lies there is of a start that was killed before its plan was frozen
                remove(folder / DEVIATIONS_FILE)
        write_atomic(folder / PLAN_FILE, canonical(frozen) + b"\n")
        if not frozen_before:  # lines follow upon plans: one without its plan is of a folder that was deleted
            append_plan(file, folder.name, frozen, again=line is not None)
    return read_deviations(folder)


def register_end(folder: Path, verdicts: Mapping[str, str], who: Mapping[str, Any] | None) -> None:
    """Write into the register what came of an audit, so that it is known when its folder is not there any more."""
    with shared(folder.parent / REGISTER) as file:
        append_end(file, folder.name, verdicts, who)


def register_missed_end(audit: Audit) -> None:
    """Write what came of a finished audit of ours, where a kill came between its record and the register's line."""
    register, name = audit.folder.parent / REGISTER, audit.folder.name
    if not register.is_file() or not _lacks_end(read_regular(register, MAX_JSON), name):
        return
    with shared(register) as file:
        if _lacks_end(file.read(), name):
            append_end(file, name, *end_of(audit.record))


def _lacks_end(register: bytes, name: str) -> bool:
    entry = read_entries(BytesIO(register)).get(name)
    return entry is not None and entry.verdicts is None


def attempts_of(folder: Path, frozen: Plan, items_of: ItemsOf, answerer: Answerer) -> list[Attempt]:
    """Return the checks of an audit whose content the model that answers in it was asked before."""
    with shared(folder.parent / REGISTER) as file:
        entries = read_entries(file)
    before = list(entries.values())[: list(entries).index(folder.name)] if folder.name in entries else []
    before = [_ended(folder.parent / entry.name, entry) for entry in before]
    found = []
    for check, content in contents_of(frozen).items():
        earlier = []
        for entry in before:
            one = _earlier(folder, entry, check, content)
            if one is None or _showed_nothing(one.verdict, entry.limit, frozen.get("limit"), check, items_of):
                continue
            if answerer.was(entry.who):
                earlier.append(one)
        if earlier:
            found.append(Attempt(check=check, ordinal=len(earlier) + 1, earlier=earlier))
    return found


def _showed_nothing(verdict: str | None, then: int | None, now: int | None, check: str, items_of: ItemsOf) -> bool:
    """Tell whether an earlier audit showed nothing of what a check asks: by its verdict, or as it was a trial.

    then, now: the `limit` of the earlier plan and of this one.
    """
    trial = then is not None and (now is None or then < now) and TRIAL * then <= items_of(check)
    return trial or verdict in _UNSEEN


def _earlier(folder: Path, entry: Entry, check: str, content: str) -> EarlierAttempt | None:
    """Return the attempt that an entry holds of a content; None where it asked something else."""
    asked = [name for name, other in _asks(folder.parent / entry.name, entry).items() if other == content]
    if not asked:
        return None
    name = check if check in asked else asked[0]
    return EarlierAttempt(audit=entry.name, check=name, verdict=(entry.verdicts or {}).get(name))


def _asks(folder: Path, entry: Entry) -> dict[str, str]:
    """Return what an entry asked; of a line of an earlier version from the folder, if it is still there."""
    if entry.asks:
        return entry.asks
    plan = _plan_in(folder)
    return {} if plan is None or sha256(canonical(plan)) != entry.plan else contents_of(plan)


def _ended(folder: Path, entry: Entry) -> Entry:
    """Return an entry with what came of its audit, from the record where the register does not tell it."""
    if entry.verdicts is not None or (record := own_record(folder)) is None:
        return entry
    verdicts, who = end_of(record)
    return replace(entry, verdicts=verdicts, who=who)


def read_deviations(folder: Path) -> list[Deviation]:
    """Return what an audit's folder says of deviations; IntegrityError where it cannot be read."""
    try:
        return [Deviation.model_validate(one) for one in parse_json(read_regular(folder / DEVIATIONS_FILE, MAX_JSON))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError):
        raise IntegrityError("{file}: not a list of deviations", file=folder / DEVIATIONS_FILE) from None


def check_deviations(audit: Audit) -> None:
    """Raise IntegrityError where the record and the folder tell other deviations."""
    if _dumped(read_deviations(audit.folder)) != _dumped(audit.record.deviations):
        raise IntegrityError("{file}: not the deviations that the record holds", file=DEVIATIONS_FILE)


def deviations(before: Plan, after: Plan) -> Iterator[PlanDifference]:
    """Yield what a frozen plan asks otherwise than an earlier one.

    A place of data counts by its digest. Who reads the result, and how it is stored, does not count, nor does what
    makes the later plan stricter, or larger. Checks that only one of them has are told where both have the same title.
    """
    both, alone = list(_pairs(before, after)), list[Pair]()
    if before["title"] == after["title"]:
        names = [{pair[side]["name"] for pair in both} for side in (0, 1)]
        alone += [(check, None) for check in before["checks"] if check["name"] not in names[0]]
        alone += [(None, check) for check in after["checks"] if check["name"] not in names[1]]
    limited = {new["name"] for old, new in both if (old["limit"] or {}).get("measure") is not None}
    told = (one for one in map(_told, differences(before, after, [*both, *alone])) if one is not None)
    for (name, _), found in groupby(told, key=lambda one: (one.check, one.what == "check")):
        for one in sorted(found, key=lambda one: one.what):
            stricter = _stricter(one.what, one.a, one.b)
            if not stricter or (one.what.startswith("limit.") and name not in limited):
                yield one


def _pairs(before: Plan, after: Plan) -> Iterator[tuple[Plan, Plan]]:
    """Yield the checks that two plans have in common: by name and probe, then by probe and data."""
    old = {check["name"]: check for check in before["checks"]}
    contents, left = contents_of(before), []
    for check in after["checks"]:
        if check["name"] in old and old[check["name"]]["probe"]["use"] == check["probe"]["use"]:
            yield old.pop(check["name"]), check
        else:
            left.append(check)
    now = contents_of(after)
    for check in left:
        same = next((name for name in old if contents[name] == now[check["name"]]), None)
        if same is not None:
            yield old.pop(same), check


def _told(one: PlanDifference) -> PlanDifference | None:
    """Return a difference by its name in the register; None for what may differ."""
    root, _, rest = one.what.partition(".")
    if one.check is None:
        return one if one.what in _OF_PLAN or (root == "models" and rest != "main") else None
    if root == "data":
        role, _, key = rest.rpartition(".")
        return replace(one, what=f"data.{role}") if key == "digest" else None
    if one.what == "probe.use":
        return replace(one, what="probe")
    if one.what == "declared.source":
        return None
    return one if root in ("check", "limit", "declared", "probe", *_OF_CHECK) else None


def _stricter(what: str, before: Any, after: Any) -> bool:
    """Tell whether a change can only make an audit harder to pass, or asks more of the same data."""
    if what == "limit.at_most":
        return after is not None and (before is None or after < before)
    if what == "limit.at_least":
        return after is not None and (before is None or after > before)
    if what == "level":
        return bool(after > before)
    if what == "limit":
        return before is not None and (after is None or after > before)
    return what in ("two_person", "gating") and bool(after)


def _deviations(folder: Path, entries: Mapping[str, Entry], frozen: Plan, items_of: ItemsOf) -> list[Deviation]:
    found = _registered(folder, entries, frozen, items_of)
    if found is None:
        return []
    name, plan = found
    return [
        Deviation(check=one.check, what=one.what, before=one.a, after=one.b, registered=name)
        for one in deviations(plan, frozen)
    ]


def _registered(
    folder: Path, entries: Mapping[str, Entry], frozen: Plan, items_of: ItemsOf
) -> tuple[str, Plan] | None:
    """Return folder and plan of the audit that was frozen first, if it was before this one."""
    for name, entry in entries.items():
        if name == folder.name:
            return None
        there = folder.parent / name
        plan = _plan_in(there)
        if plan is None or not _of_one_audit(plan, frozen):
            continue
        verdicts, limits = _ended(there, entry).verdicts or {}, (plan.get("limit"), frozen.get("limit"))
        common = [(verdicts.get(old["name"]), new["name"]) for old, new in _pairs(plan, frozen)]
        if all(_showed_nothing(verdict, *limits, check, items_of) for verdict, check in common):
            continue
        if sha256(canonical(plan)) != entry.plan:
            raise IntegrityError(
                "{file}: not the plan that was frozen ({plan})", file=there / "plan.json", plan=entry.plan
            )
        return name, plan
    return None


def _of_one_audit(one: Plan, other: Plan) -> bool:
    """Tell whether two plans ask the same model, or without one the same data, something in common."""
    model = one["models"].get("main")
    if model != other["models"].get("main"):
        return False
    return any(model is not None or _shares_data(*pair) for pair in _pairs(one, other))


def _shares_data(one: Plan, other: Plan) -> bool:
    digests = [{source["digest"] for source in check["data"].values()} for check in (one, other)]
    return not digests[0].isdisjoint(digests[1])


def _plan_in(folder: Path) -> Plan | None:
    """Return the frozen plan of a folder; None where there is none that can be compared."""
    try:
        plan = stored_json(folder / PLAN_FILE)
        list(deviations(plan, plan))
        named = all(isinstance(check["name"], str) for check in plan["checks"])
    except (IntegrityError, TypeError, KeyError, AttributeError):
        return None
    return plan if named and isinstance(plan.get("limit"), int | None) else None


def _without_line(folder: Path, entries: Mapping[str, Entry]) -> Iterator[tuple[str, Plan]]:
    """Yield (name, plan) of other folders without a line in which this installation finished an audit, by name."""
    for path in sorted(folder.parent.glob(f"*/{PLAN_FILE}")):
        name = path.parent.name
        if name not in entries and name != folder.name and is_name(name):
            plan, record = _plan_in(path.parent), own_record(path.parent)
            if plan is not None and record is not None and record.plan == sha256(canonical(plan)):
                yield name, plan


def _dumped(found: list[Deviation]) -> bytes:
    return canonical([one.model_dump(mode="json") for one in found]) + b"\n"
