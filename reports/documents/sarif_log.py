"""The frame of a SARIF 2.1.0 log: one run of one tool, with rules, results and notifications.

    sarif_log(category, rules, results, notes, ...) -> bytes      canonical JSON

Every result has a rule and a place in a file, without which code scanners refuse the whole log. What a plan or a model
wrote is text only: nothing in it becomes a link or a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from audit.errors import PlanError
from audit.files import canonical
from detectors.immutable import immutable
from reports.text import visible

if TYPE_CHECKING:
    from audit.record import Audit

__all__ = ["Rule", "SourceLine", "message", "notification", "plan_lines", "sarif_log", "sarif_result"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MEANS_SOMETHING = re.compile(r"(?<=\])(?=\()|(?<=\{)(?=\d)")
"""Between the halves of an embedded link, and behind the brace that begins a placeholder (SARIF 2.1.0, 3.11)."""


@immutable
class Rule:
    """A rule that results name."""

    id: str
    name: str
    help: str
    tags: tuple[str, ...] = ()


@immutable
class SourceLine:
    """A line of a file, its path as the reader's repository has it."""

    path: str
    line: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the physical location."""
        artifact = {"uri": self.uri, "uriBaseId": "%SRCROOT%"}
        return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(1, self.line)}}}

    @property
    def uri(self) -> str:
        """The path as a relative URI; of a path that leads out of the repository the last name alone."""
        path = PurePosixPath(self.path)
        inside = not path.is_absolute() and ".." not in path.parts
        return quote(str(path) if inside else path.name or "plan.yaml")


def message(text: str) -> dict[str, str]:
    """Return a message that is nothing but text."""
    return {"text": _MEANS_SOMETHING.sub("\u2060", visible(text))}


def sarif_result(
    rule: str, kind: str, level: str, text: str, place: SourceLine, about: str, properties: dict[str, Any]
) -> dict[str, Any]:
    """Return one result; its fingerprint depends on the file and on what it is about, not on line or numbers."""
    print_of = sha256("\0".join((place.uri, rule, about)).encode("utf-8", "replace")).hexdigest()
    return {
        "ruleId": rule, "kind": kind, "level": level, "message": message(text), "locations": [place.as_json()],
        "partialFingerprints": {"dokimasia/v1": print_of}, "properties": properties,
    }


def sarif_log(
    category: str,
    rules: Sequence[Rule],
    results: Sequence[dict[str, Any]],
    notes: Iterable[dict[str, Any]],
    properties: dict[str, Any],
    *,
    crashed: bool,
) -> bytes:
    """Return the log; `category` keeps apart what one tool says of several things."""
    index = {rule.id: position for position, rule in enumerate(rules)}
    driver = {"name": "Dokimasia", "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": category},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": not crashed, "toolExecutionNotifications": list(notes)}],
        "results": [{**one, "ruleIndex": index[one["ruleId"]]} for one in results],
        "properties": properties,
    }
    return canonical({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}) + b"\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id, "shortDescription": message(rule.name), "fullDescription": message(rule.help),
        "help": message(rule.help), "properties": {"tags": list(rule.tags)},
    }


def plan_lines(audit: Audit) -> dict[str, int]:
    """Return check -> its line in the audit's plan.yaml; empty where that is no plan any more."""
    from audit.strict_yaml import read_yaml

    try:
        document = read_yaml(audit.plan_text, "plan.yaml")
    except (PlanError, OSError, UnicodeDecodeError):
        return {}
    rows = document.data.get("checks") if isinstance(document.data, dict) else None
    return {
        str(row.get("name")): document.line(("checks", index, "name"))
        for index, row in enumerate(rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    }


def notification(level: str, text: str, place: SourceLine) -> dict[str, Any]:
    """Return a word about the run itself: something that could not be decided or came to no end."""
    return {"level": level, "message": message(text), "locations": [place.as_json()]}
