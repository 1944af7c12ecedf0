"""Pre-registration made visible: what an audit asks otherwise than the plan that was frozen first.

    <into>/plans.jsonl              {"id": folder, "plan": digest}: a line for each plan, in the order of freezing
    <into>/<id>/plan.json           the frozen plan, stored before the first question
    <into>/<id>/deviations.json     what differs from the registered plan; absent where nothing does

Two plans are of one audit when they have the same title and audited model and a check of the same name. Of those the
one frozen first is registered, and each later one that differs says where. The order is that of the lines, for file
times prove nothing; a folder without a line counts as frozen before whoever finds it so, and gets its line then. What
deviates is found once, under a lock, when an audit begins, and read again whenever it goes on. No verdict changes.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from audit.errors import IntegrityError
from audit.files import MAX_JSON, append_line, append_to, canonical, read_regular, sha256, stored_json, write_atomic
from audit.record import Audit, Deviation

__all__ = ["FILE", "REGISTER", "check_deviations", "differences", "read_deviations", "register_plan"]

REGISTER = "plans.jsonl"
FILE = "deviations.json"
Plan = Mapping[str, Any]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_OF_PLAN = ("level", "seed", "limit", "two_person")
_OF_CHECK = ("gating", "weight", "stop")


def register_plan(folder: Path, frozen: Plan) -> list[Deviation]:
    """Freeze a plan into its audit's folder, which exists, and return where it deviates from the registered one.

    A plan that lies there already was frozen before, and so were its deviations. Raises IntegrityError for deviations
    that cannot be read, and where the registered plan is not the one that was frozen.
    """
    with _locked(folder.parent / REGISTER) as file:
        order = dict(_read(file))
        frozen_before = (folder / "plan.json").is_file()
        for name, digest in _without_line(folder, order):
            order[name] = _append(file, name, digest)
        if not frozen_before:
            found = _deviations(folder, order, frozen)
            if found:
                write_atomic(folder / FILE, _dumped(found))
            else:
                (folder / FILE).unlink(missing_ok=True)  # of a start that was killed before its plan was frozen
        write_atomic(folder / "plan.json", canonical(frozen) + b"\n")
        if folder.name not in order:
            _append(file, folder.name, sha256(canonical(frozen)))
    return read_deviations(folder)


def read_deviations(folder: Path) -> list[Deviation]:
    """Return what an audit's folder says of deviations; IntegrityError where it cannot be read."""
    try:
        return [Deviation.model_validate(one) for one in json.loads(read_regular(folder / FILE, MAX_JSON))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError):
        raise IntegrityError(f"{folder / FILE}: not a list of deviations") from None


def check_deviations(audit: Audit) -> None:
    """Raise IntegrityError where the record and the folder tell other deviations."""
    if _dumped(read_deviations(audit.folder)) != _dumped(audit.record.deviations):
        raise IntegrityError(f"{FILE}: not the deviations that the record holds")


def differences(before: Plan, after: Plan) -> Iterator[tuple[str | None, str, Any, Any]]:
    """Yield (check or None, what, before, after) for each thing that two frozen plans ask otherwise; None = not there.

    A place of data counts by its digest. Who reads the result, and how it is stored, does not count.
    """
    yield from _changes(None, _of_plan(before), _of_plan(after))
    old, new = ({check["name"]: check for check in plan["checks"]} for plan in (before, after))
    for name in {**old, **new}:
        if name in old and name in new:
            yield from _changes(name, _of_check(old[name]), _of_check(new[name]))
        else:
            yield name, "check", *(side[name]["probe"]["use"] if name in side else None for side in (old, new))


def _changes(check: str | None, old: Plan, new: Plan) -> Iterator[tuple[str | None, str, Any, Any]]:
    for what in sorted({**old, **new}):
        if old.get(what) != new.get(what):
            yield check, what, old.get(what), new.get(what)


def _of_plan(plan: Plan) -> dict[str, Any]:
    helpers = {f"models.{name}": print_ for name, print_ in plan["models"].items() if name != "main"}
    return {**{name: plan.get(name) for name in _OF_PLAN}, **helpers}


def _of_check(check: Plan) -> dict[str, Any]:
    options = {"probe" if name == "use" else f"probe.{name}": value for name, value in check["probe"].items()}
    limit = {f"limit.{name}": value for name, value in (check["limit"] or {}).items()}
    data = {f"data.{role}": source["digest"] for role, source in check["data"].items()}
    return {**options, **data, **limit, **{name: check.get(name) for name in _OF_CHECK}}


def _deviations(folder: Path, order: Mapping[str, str], frozen: Plan) -> list[Deviation]:
    found = _registered(folder, order, frozen)
    if found is None:
        return []
    name, plan = found
    return [
        Deviation(check=check, what=what, before=before, after=after, registered=name)
        for check, what, before, after in differences(plan, frozen)
    ]


def _registered(folder: Path, order: Mapping[str, str], frozen: Plan) -> tuple[str, Plan] | None:
    """Return folder and plan of the audit that was frozen first, if it was before this one."""
    for name, digest in order.items():
        if name == folder.name:
            return None
        plan = _plan_in(folder.parent / name)
        if plan is None or not _of_one_audit(plan, frozen):
            continue
        if sha256(canonical(plan)) != digest:
            raise IntegrityError(f"{folder.parent / name / 'plan.json'}: not the plan that was frozen ({digest})")
        return name, plan
    return None


def _of_one_audit(one: Plan, other: Plan) -> bool:
    same = one["title"] == other["title"] and one["models"].get("main") == other["models"].get("main")
    names = [{check["name"] for check in plan["checks"]} for plan in (one, other)]
    return same and not names[0].isdisjoint(names[1])


def _plan_in(folder: Path) -> Plan | None:
    """Return the frozen plan of a folder; None where there is none that can be compared."""
    try:
        plan = stored_json(folder / "plan.json")
        list(differences(plan, plan)), plan["title"]
    except (IntegrityError, TypeError, KeyError, AttributeError):
        return None
    return plan


def _without_line(folder: Path, order: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (name, digest) of other folders that hold a plan and have no line, by name."""
    for path in sorted(folder.parent.glob("*/plan.json")):
        name = path.parent.name
        if name not in order and name != folder.name and _NAME.fullmatch(name):
            plan = _plan_in(path.parent)
            if plan is not None:
                yield name, sha256(canonical(plan))


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    """Hold the register; others wait."""
    with append_to(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _read(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield (name, digest) of the lines, the first of each name; a torn last line is cut off, others are left out."""
    file.seek(0)
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        file.truncate(len(whole))
    seen = set()
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
            name, digest = str(entry["id"]), str(entry["plan"])
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if name not in seen and _NAME.fullmatch(name):
            seen.add(name)
            yield name, digest


def _append(file: BinaryIO, name: str, digest: str) -> str:
    append_line(file.fileno(), canonical({"id": name, "plan": digest}) + b"\n")
    return digest


def _dumped(found: list[Deviation]) -> bytes:
    return canonical([one.model_dump(mode="json") for one in found]) + b"\n"
