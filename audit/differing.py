"""Were two audits asked the same? Everything in the frozen plans but the model under audit and words for people.

    limits, data digests, options, seed, level, stopping, checks, helpers      -> what differs, and how
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.errors import IntegrityError
from audit.files import canonical, stored_json
from audit.record import Audit

__all__ = ["Asked", "asked_differently", "refusal"]

_PEOPLE = ("title", "sheet", "two_person")
"""Keys of a frozen plan that say nothing of what was asked."""


@dataclass(frozen=True)
class Asked:
    """Something that the two plans do not ask alike."""

    what: str
    """Place in the frozen plan, e.g. `checks.facts.limit.at_least`."""
    a: str | None
    """As JSON, texts as they are; None where it is not there."""
    b: str | None


def asked_differently(a: Audit, b: Audit) -> list[Asked]:
    """Return what the frozen plans ask differently, models under audit and words for people aside.

    Raises IntegrityError where a plan cannot be read.
    """
    left, right = (dict(_flat(_asked(audit))) for audit in (a, b))
    return [Asked(key, left.get(key), right.get(key)) for key in {**left, **right} if left.get(key) != right.get(key)]


def _asked(audit: Audit) -> dict[str, Any]:
    path = audit.folder / "plan.json"
    try:
        plan = stored_json(path)
        checks = {str(check["name"]): check for check in plan["checks"]}
        helpers = {name: print_ for name, print_ in plan["models"].items() if name != "main"}
    except (KeyError, TypeError, AttributeError):
        raise IntegrityError(f"{path}: not a frozen plan") from None
    kept = {key: value for key, value in plan.items() if key not in (*_PEOPLE, "models", "checks")}
    return {**kept, "audited": "a model" if "main" in plan["models"] else "data", "helpers": helpers, "checks": checks}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else canonical(value).decode()


def refusal(differing: Sequence[Asked]) -> str:
    """Return one line that says why two audits are not compared."""
    shown = [f"{one.what} is {_shown(one.a)} in A and {_shown(one.b)} in B" for one in differing[:3]]
    more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""
    return f"A and B were not asked the same, so nothing is compared: {'; '.join(shown)}{more}"


def _shown(value: str | None) -> str:
    return "absent" if value is None else value if len(value) <= 60 else f"{value[:60]}..."
