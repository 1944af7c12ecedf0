"""Were two audits asked the same? Everything in the frozen plans but the model under audit and words for people.

    limits, data, options, seed, level, stopping, checks, helpers      -> what differs, and how

Data are the same where the bytes are, wherever they lie, and where what was asked of them is: items whose ids are
digests of what they say, the same ids in both audits. So result files that bring their own references are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.errors import IntegrityError
from audit.files import canonical, stored_json
from audit.record import PLAN_FILE, Audit, observed_of

__all__ = ["PlanDifference", "plan_differences", "refusal"]

_PEOPLE = ("title", "sheet", "two_person")
"""Keys of a frozen plan that say nothing of what was asked."""
_WORDS = ("path", "cite", "licence", "sha256")
"""Keys of a data source that do not change what it holds: the digest does."""


@dataclass(frozen=True)
class PlanDifference:
    """Something that the two plans do not ask alike."""

    what: str
    """Place in the frozen plan, e.g. `checks.facts.limit.at_least`."""
    a: str | None
    """As JSON, texts as they are; None where it is not there."""
    b: str | None


def plan_differences(a: Audit, b: Audit) -> list[PlanDifference]:
    """Return what the frozen plans ask differently, models under audit and words for people aside.

    Raises IntegrityError where a plan cannot be read.
    """
    plans = (_asked(a), _asked(b))
    for check, role in _roles(plans[0]) & _roles(plans[1]):
        first, second = (plan["checks"][check]["data"] for plan in plans)
        if first[role] != second[role] and _same_items(a, b, check, (first[role], second[role]), role):
            second[role] = first[role]
    left, right = (dict(_flat(plan)) for plan in plans)
    keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
    return [PlanDifference(key, left.get(key), right.get(key)) for key in keys]


def _asked(audit: Audit) -> dict[str, Any]:
    path = audit.folder / PLAN_FILE
    try:
        plan = stored_json(path)
        checks = {str(check["name"]): {**check, "data": _data(check.get("data", {}))} for check in plan["checks"]}
        helpers = {name: print_ for name, print_ in plan["models"].items() if name != "main"}
    except (KeyError, TypeError, AttributeError):
        raise IntegrityError(f"{path}: not a frozen plan") from None
    kept = {key: value for key, value in plan.items() if key not in (*_PEOPLE, "models", "checks")}
    return {**kept, "audited": "a model" if "main" in plan["models"] else "data", "helpers": helpers, "checks": checks}


def _data(sources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return role -> source without what does not change its content."""
    return {role: {key: one for key, one in source.items() if key not in _WORDS} for role, source in sources.items()}


def _roles(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(name, role) for name, check in plan["checks"].items() for role in check["data"]}


def _same_items(a: Audit, b: Audit, check: str, sources: Sequence[Mapping[str, Any]], role: str) -> bool:
    """Tell whether both audits asked the same items of a role, by ids that are digests of what the items say."""
    if any(source.get("id") is not None for source in sources):
        return False
    ids = [_ids(audit, check, role) for audit in (a, b)]
    return ids[0] is not None and ids[0] == ids[1]


def _ids(audit: Audit, check: str, role: str) -> list[str] | None:
    """Return the sorted ids of what was observed of a role; None where nothing is stored. IntegrityError if changed."""
    finding = next((one for one in audit.record.findings if one.check == check), None)
    file = None if finding is None else observed_of(audit.folder, finding, role)
    if file is None or (file.problem is None and file.id_column != "id"):
        return None
    return sorted(map(str, file.ids()))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else canonical(value).decode()


def refusal(differing: Sequence[PlanDifference]) -> str:
    """Return one line that says why two audits are not compared."""
    shown = [f"{one.what} is {_shown(one.a)} in A and {_shown(one.b)} in B" for one in differing[:3]]
    more = f"; and {len(differing) - 3} more" if len(differing) > 3 else ""
    return f"A and B were not asked the same, so nothing is compared: {'; '.join(shown)}{more}"


def _shown(value: str | None) -> str:
    return "absent" if value is None else value if len(value) <= 60 else f"{value[:60]}..."
