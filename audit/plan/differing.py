"""Where two frozen plans differ, and whether two audits were asked the same.

    differences(a, b)           every leaf of plan and checks that is another one; who needs fewer filters
    plan_differences(A, B)      those but the model under audit and words for people: what was asked otherwise

Data are the same where the bytes are, wherever they lie, and where what was asked of them is: items whose ids are
digests of what they say, the same ids in both audits. So result files that bring their own references are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit.errors import IntegrityError
from audit.files import canonical, stored_json
from audit.record import PLAN_FILE, Audit, observed_of
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["Pair", "PlanDifference", "differences", "plan_differences", "refusal"]

_PEOPLE = ("title", "sheet", "two_person")
"""Keys of a frozen plan that say nothing of what was asked."""
_WORDS = ("path", "cite", "licence", "sha256")
"""Keys of a data source that do not change what it holds: the digest does."""
Frozen = Mapping[str, Any]
Pair = tuple[Frozen | None, Frozen | None]
"""A check as both plans have it; None where one has it not."""


@immutable
class Overlap:
    """How far two audits asked the same items, each as often as it was asked."""

    both: int
    only_a: int
    only_b: int


@immutable
class PlanDifference:
    """Something that two plans do not ask alike."""

    check: str | None
    """None where it is of the whole plan."""
    what: str
    """`level`, `models.judge`, `limit.at_least`, `probe.variant`, `data.items.digest`; `check` for one that only one of
    them has, whose values are the names of its probe."""
    a: Any
    """None where it is not there."""
    b: Any
    items: Overlap | None = None
    """Of data, how many items both asked and each alone did, where ids tell; told once for each role of a check."""

    @property
    def place(self) -> str:
        """Place in the frozen plan, e.g. `checks.facts.limit.at_least`."""
        if self.check is None:
            return self.what
        return f"checks.{self.check}" if self.what == "check" else f"checks.{self.check}.{self.what}"

    @property
    def texts(self) -> tuple[str | None, str | None]:
        """Both values as JSON, texts as they are."""
        return _text(self.a), _text(self.b)


def differences(a: Frozen, b: Frozen, pairs: Iterable[Pair] | None = None) -> Iterator[PlanDifference]:
    """Yield where two frozen plans differ, those of the whole plan first; what is not there and null are one.

    pairs: which checks belong together; None = those of the same name. KeyError, TypeError or AttributeError for what
    is no frozen plan.
    """
    yield from _differing(None, _of_plan(a), _of_plan(b))
    for old, new in _by_name(a, b) if pairs is None else pairs:
        if old is not None and new is not None:
            yield from _differing(new["name"], _of_check(old), _of_check(new))
        else:
            uses = [None if one is None else one["probe"]["use"] for one in (old, new)]
            yield PlanDifference((old or new or {})["name"], "check", *uses)


def _by_name(a: Frozen, b: Frozen) -> Iterator[Pair]:
    old, new = ({check["name"]: check for check in plan["checks"]} for plan in (a, b))
    return ((old.get(name), new.get(name)) for name in {**old, **new})


def _differing(check: str | None, old: Frozen, new: Frozen) -> Iterator[PlanDifference]:
    for what in {**old, **new}:
        if old.get(what) != new.get(what):
            yield PlanDifference(check, what, old.get(what), new.get(what))


def _of_plan(plan: Frozen) -> dict[str, Any]:
    rest = {key: value for key, value in plan.items() if key not in ("checks", "models", "sheet")}
    return {**rest, **_under("models", plan["models"]), **_under("sheet", plan.get("sheet") or {})}


def _of_check(check: Frozen) -> dict[str, Any]:
    rest = {key: value for key, value in check.items() if key not in ("name", "probe", "limit", "declared", "data")}
    found = _under("probe", check.get("probe") or {})
    for key in ("limit", "declared"):
        found |= _under(key, check.get(key) or {})
    found |= rest
    for role, source in check.get("data", {}).items():
        found |= _under(f"data.{role}", source)
    return found


def _under(path: str, values: Frozen) -> dict[str, Any]:
    return {f"{path}.{key}": value for key, value in values.items()}


def plan_differences(a: Audit, b: Audit) -> list[PlanDifference]:
    """Return what the frozen plans ask differently, models under audit and words for people aside.

    Raises IntegrityError where a plan cannot be read.
    """
    plans = (_plan_of(a), _plan_of(b))
    overlaps: dict[tuple[str, str], Overlap | None] = {}
    found = []
    for one in differences(*plans):
        if (asked := _asked(one)) is None:
            continue
        if one.check is not None and (role := _role(one.what)) is not None:
            first = (one.check, role) not in overlaps
            if first:
                overlaps[one.check, role] = _overlap((a, b), plans, one.check, role)
            overlap = overlaps[one.check, role]
            if overlap is not None and not overlap.only_a and not overlap.only_b:
                continue
            asked = replace(asked, items=overlap) if first else asked
        found.append(asked)
    return found


def _role(what: str) -> str | None:
    """Return the role whose data a place in a check is of."""
    root, _, rest = what.partition(".")
    return rest.rpartition(".")[0] if root == "data" else None


def _plan_of(audit: Audit) -> dict[str, Any]:
    path = audit.folder / PLAN_FILE
    try:
        plan = stored_json(path)
        list(differences(plan, plan))
        return plan
    except (KeyError, TypeError, AttributeError):
        raise IntegrityError("{file}: not a frozen plan", file=path) from None


def _asked(one: PlanDifference) -> PlanDifference | None:
    """Return a difference as it says what was asked; None where it does not."""
    root, _, rest = one.what.partition(".")
    if one.check is None and root == "models":
        if rest != "main":
            return replace(one, what=f"helpers.{rest}")
        if one.a is not None and one.b is not None:
            return None
        return replace(one, what="audited", a="data" if one.a is None else "a model",
                       b="data" if one.b is None else "a model")  # fmt: skip
    words = root == "data" and rest.rpartition(".")[2] in _WORDS
    return None if (root in _PEOPLE if one.check is None else words or root == "declared") else one


def _overlap(audits: tuple[Audit, Audit], plans: tuple[Frozen, Frozen], check: str, role: str) -> Overlap | None:
    """Return how far both audits asked the same items of a role, by ids that are digests of what the items say.

    None where ids are somebody's names, or nothing is stored.
    """
    checks = [next(one for one in plan["checks"] if one["name"] == check) for plan in plans]
    sources = [one.get("data", {}).get(role) for one in checks]
    if any(source is None or source.get("id") is not None for source in sources):
        return None
    a, b = (_ids(audit, check, role) for audit in audits)
    return None if a is None or b is None else Overlap((a & b).total(), (a - b).total(), (b - a).total())


def _ids(audit: Audit, check: str, role: str) -> Counter[str] | None:
    """Return the ids of what was observed of a role; None where nothing is stored. IntegrityError if changed."""
    finding = next((one for one in audit.record.findings if one.check == check), None)
    file = None if finding is None else observed_of(audit.folder, finding, role)
    if file is None or file.problem == "erased" or (file.problem is None and file.id_column != "id"):
        return None
    return Counter(map(str, file.ids()))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else canonical(value).decode()


def refusal(differing: Sequence[PlanDifference]) -> Phrase:
    """Return one line that says why two audits are not compared."""
    first, *others = (_told(one) for one in differing[:3])
    for one in others:
        first = Phrase("{before}; {after}", before=first, after=one)
    more = Phrase("; and {count} more", count=len(differing) - 3) if len(differing) > 3 else ""
    return Phrase("A and B were not asked the same, so nothing is compared: {shown}{more}", shown=first, more=more)


def _told(one: PlanDifference) -> Phrase:
    a, b = map(_shown, one.texts)
    told = Phrase("{what} is {a} in A and {b} in B", what=one.place, a=a, b=b)
    if one.items is None:
        return told
    return Phrase(
        "{told} ({both} items in both, {only_a} in A alone, {only_b} in B alone)", told=told, both=one.items.both,
        only_a=one.items.only_a, only_b=one.items.only_b,
    )  # fmt: skip


def _shown(value: str | None) -> str:
    return Phrase("absent") if value is None else value if len(value) <= 60 else f"{value[:60]}..."
