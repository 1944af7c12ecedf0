"""The register of a folder of audits: which plans were frozen there, in which order, and what came of them.

    <into>/plans.jsonl      {"id", "plan": digest, "asks": {check: content}, "limit"}     when a plan is frozen;
                            "again": true where the folder was deleted
                            {"id", "verdicts": {check: verdict}, "who": facts}            when its audit ends

The content of a check is the fingerprint of the model, the probe and the digests of the data, so that an attempt is
known again under another title, name or seed, with `--fresh`, and where its folder was deleted. An endpoint's
fingerprint is its address, at which another model may answer tomorrow: `who` is what it showed when it was first seen
here (`audit.ask.identity.Answerer`).
An audit somewhere else
(another folder, another machine, a register that was deleted) is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from audit.files import append_line, canonical, parse_json, sha256, whole_lines
from audit.record import Record

__all__ = [
    "REGISTER", "Entry", "append_end", "append_plan", "contents_of", "end_of", "is_name", "read_entries",
]

REGISTER = "plans.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass
class Entry:
    """What the register holds of one audit."""

    name: str
    """Its folder."""
    plan: str
    """Digest of the frozen plan."""
    asks: dict[str, str] = field(default_factory=dict)
    """Check -> its content; empty in lines of earlier versions."""
    limit: int | None = None
    """Items of each data source that the plan allowed; None = all."""
    verdicts: dict[str, str] | None = None
    """Check -> verdict; None while the audit has not ended."""
    who: dict[str, Any] | None = None
    """What the audited endpoint showed of itself; None for other models, and where it is not known or changed."""


def contents_of(frozen: Mapping[str, Any]) -> dict[str, str]:
    """Return check -> digest of what it asks of what: model, probe, data; options, limits and names aside."""
    model = frozen["models"].get("main")
    return {
        check["name"]: sha256(canonical([model, check["probe"]["use"], _digests(check)])) for check in frozen["checks"]
    }


def _digests(check: Mapping[str, Any]) -> dict[str, Any]:
    return {role: source["digest"] for role, source in check["data"].items()}


def is_name(name: str) -> bool:
    """Tell whether a folder's name may stand in the register."""
    return _NAME.fullmatch(name) is not None


def read_entries(file: BinaryIO) -> dict[str, Entry]:
    """Return name -> entry of a register that is held, in the order of freezing; what is no line is left out."""
    entries: dict[str, Entry] = {}
    for line in whole_lines(file.read())[0]:
        try:
            _take(parse_json(line), entries)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return entries


def _take(line: Any, entries: dict[str, Entry]) -> None:
    name = str(line["id"])
    if "verdicts" in line:
        entries[name].verdicts = {str(check): str(verdict) for check, verdict in line["verdicts"].items()}
        entries[name].who = who if isinstance(who := line.get("who"), dict) else None
    elif is_name(name) and (name not in entries or line.get("again")):
        asks = {str(check): str(content) for check, content in line.get("asks", {}).items()}
        limit = line.get("limit")
        if limit is not None and type(limit) is not int:
            raise ValueError(f"limit {limit!r:.40}; allowed: a whole number")
        if name in entries:
            _set_aside(name, entries)
        entries[name] = Entry(name, str(line["plan"]), asks, limit)


def _set_aside(name: str, entries: dict[str, Entry]) -> None:
    """Give the entry of a folder that was deleted, and is there again, a name that no folder has; in its old place."""
    kept = list(entries.items())
    entries.clear()
    for key, entry in kept:
        entries[f"{name}#{len(kept)}" if key == name else key] = entry
        if key == name:
            entry.verdicts = entry.verdicts or {}


def append_plan(file: BinaryIO, name: str, frozen: Mapping[str, Any], *, again: bool = False) -> Entry:
    """Write the line of a frozen plan and return its entry; `again`: in a folder that was there before and deleted."""
    entry = Entry(name, sha256(canonical(frozen)), contents_of(frozen), frozen.get("limit"))
    line = {"id": name, "plan": entry.plan, "asks": entry.asks, "limit": entry.limit}
    _append(file, {**line, "again": True} if again else line)
    return entry


def append_end(file: BinaryIO, name: str, verdicts: Mapping[str, str], who: Mapping[str, Any] | None) -> None:
    """Write the line of an audit that ended; its parts as in `Entry`."""
    _append(file, {"id": name, "verdicts": dict(verdicts), **({} if who is None else {"who": dict(who)})})


def end_of(record: Record) -> tuple[dict[str, str], dict[str, Any] | None]:
    """Return an audit's verdicts and what the model showed that they are of, as in an `Entry`."""
    main = record.models.get("main")
    who = None if main is None or "main" in record.changed else main.identity
    return {one.check: one.verdict for one in record.findings}, who


def _append(file: BinaryIO, line: Mapping[str, Any]) -> None:
    append_line(file.fileno(), canonical(line) + b"\n")
