"""Who answers: what endpoints show of themselves, kept with the audit, and whether the same model answers still.

    begun        shows -> identity.json            resumed, ended, finished before: still the same?

A model that has a `still` tests for itself, knowing how its answers vary; any other must show the very same facts.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.ask.spending import Account
from audit.files import canonical, stored_json, write_atomic
from audit.model import ModelSource, Verifiable
from audit.record import Audit

__all__ = ["Answerer", "asked_who", "begin", "opened_for", "others", "strangers", "varying"]

IDENTITY_FILE = "identity.json"
"""What endpoints showed of themselves when the audit began."""
Facts = Mapping[str, Any]


def begin(folder: Path, opened: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return (what each endpoint showed when this audit began, names of those that are others now); stored if new."""
    path, wanted = folder / IDENTITY_FILE, [name for name, one in opened.items() if isinstance(one, Verifiable)]
    before = stored_json(path) if path.is_file() else None
    known = {name: before[name] for name in wanted if before and isinstance(before.get(name), dict)}
    new = {name: dict(opened[name].identity()) for name in wanted if name not in known}
    if before is None and new:
        write_atomic(path, canonical(new) + b"\n")
    return {**known, **new}, sorted({*others(known, opened), *(new if before is not None else ())})


def others(before: Mapping[str, Mapping[str, Any]], opened: Mapping[str, Any]) -> list[str]:
    """Return the names under which another model answers than showed these facts."""
    return sorted(name for name, facts in before.items() if not _still(opened[name], facts))


@dataclass
class Answerer:
    """Who answers in an audit, to be known again among those who answered in earlier ones."""

    shown: Facts | None
    """What it showed in this audit; None where it is no endpoint, or changed."""
    model: Any
    """Opened; asked only where an earlier one showed something else."""
    known_as: Facts | None = field(init=False)
    """What it showed when it was first seen, so that one model goes by the same facts in all its audits and is compared
    once."""
    _known: dict[bytes, bool] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.known_as = self.shown

    def was(self, before: Facts | None) -> bool:
        """Tell whether it is the model that showed these facts; where that is not known, or cannot be read, it is."""
        if self.shown is None or before is None:
            return True
        facts = canonical(before)
        if facts not in self._known:
            try:
                self._known[facts] = facts == canonical(self.shown) or _still(self.model, before)
            except (KeyError, TypeError, ValueError):
                return True
            if self._known[facts] and self.known_as is self.shown:
                self.known_as = before
        return self._known[facts]


def strangers(done: Audit, parts: Mapping[str, Any], opened: dict[str, Any]) -> list[str]:
    """Return the endpoints of a finished audit that are others now, or changed while it ran; those asked are opened.

    Raises EndpointError where one does not answer.
    """
    before = {name: one.identity for name, one in done.record.models.items() if one.identity is not None}
    if done.record.changed or not before:
        return list(done.record.changed)
    for name in before:
        if name not in opened:
            opened[name] = opened_for(parts[name])
    return others(before, opened)


def varying(identities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of endpoints whose answers to fixed prompts varied when they were asked at the start."""
    return sorted(name for name, facts in identities.items() if "answers" in facts)


def opened_for(part: Any, account: Account | None = None, proven: Mapping[str, str] | None = None) -> Any:
    """Return the opened model of a part, or an opened model as it is; `account` takes down what an endpoint takes.

    proven: what the same endpoint was `proven` to lack where it was opened before; it is not asked again.
    """
    if not isinstance(part, ModelSource):
        return part
    takes = inspect.signature(part.open).parameters
    return part.open(**{name: one for name, one in (("account", account), ("proven", proven)) if name in takes})


def asked_who(opened: Iterable[Any]) -> int:
    """Return how many questions went into what models can do and who they are."""
    return sum(getattr(model, "fixed_calls", 0) for model in opened)


def _still(model: Any, before: Mapping[str, Any]) -> bool:
    if callable(still := getattr(model, "still", None)):
        return bool(still(before))
    return bool(json.loads(canonical(model.identity())) == before)
