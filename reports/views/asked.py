"""What two audits were asked differently, in words: only what really differs, alike for several checks told once.

    asked_view(a, b, words) -> AskedView      rows, the checks that both asked alike, and the keys of the plans

What was asked is told by the frozen plans; by the records, as far as they tell it, where a plan cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import IntegrityError
from audit.record import Audit, Record
from detectors.immutable import immutable
from reports.text import Notation, Words, one_line

if TYPE_CHECKING:
    from audit.plan import PlanDifference

__all__ = ["AskedRow", "AskedView", "asked_differently", "asked_view"]

_ORDER = ("audited", "check", "helpers", "probe", "limit", "data")
"""What is told first: what one was not asked at all, then how, against what, of which data; the rest follows."""


@immutable
class AskedRow:
    """One thing that was asked differently."""

    what: str
    checks: tuple[str, ...]
    """Empty where it is of the whole plan."""
    a: str
    b: str


@immutable
class AskedView:
    """All that was asked differently."""

    rows: tuple[AskedRow, ...]
    alike: tuple[str, ...]
    """Checks that both were asked in the same way, by their raw names."""
    keys: tuple[tuple[str, str, str], ...]
    """(place in the plans, A, B) as they stand there."""


def asked_view(a: Audit, b: Audit, words: Words) -> AskedView:
    """Return what two audits were asked differently; models under audit and words for people aside."""
    found = asked_differently(a, b)
    rows: dict[tuple[str, str, str], list[str]] = {}
    for check, what, left, right in _told(found, a, b, Notation(words)):
        rows.setdefault((what, left, right), []).append(check)
    changed = {one.check for one in found}
    names = {one.check for one in b.record.findings}
    return AskedView(
        tuple(AskedRow(what, tuple(filter(None, dict.fromkeys(checks))), left, right)
              for (what, left, right), checks in rows.items()),
        tuple(one.check for one in a.record.findings if one.check in names - changed),
        tuple((one.place, _raw(one.texts[0], words), _raw(one.texts[1], words)) for one in found),
    )  # fmt: skip


def asked_differently(a: Audit, b: Audit) -> list[PlanDifference]:
    """Return what two audits were asked differently, as far as their plans, else their records, tell it."""
    from audit.plan import differences, plan_differences

    try:
        return plan_differences(a, b)
    except IntegrityError:
        return list(differences(_as_plan(a.record), _as_plan(b.record)))


def _raw(text: str | None, words: Words) -> str:
    return words("format.none") if text is None else one_line(text, words, 160)


def _as_plan(record: Record) -> Mapping[str, Any]:
    """Return what a record tells of its frozen plan."""
    checks = [
        {
            "name": one.check, "probe": {"use": one.probe, **one.options}, "data": one.data, "gating": one.gating,
            "limit": None if one.limit is None else one.limit.model_dump(), "clauses": one.clauses,
        }
        for one in record.findings
    ]
    return {"level": record.level, "seed": record.seed, "models": {}, "checks": checks}


def _told(
    found: Sequence[PlanDifference], a: Audit, b: Audit, notation: Notation
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (check, what, A, B); parts of one limit and of one source of data are told together."""
    words, done = notation.words, set()
    for one in sorted(found, key=_rank):
        root, _, rest = one.what.partition(".")
        check = one.check or ""
        if one.check is not None and root in ("limit", "data"):
            role = rest.partition(".")[0] if root == "data" else ""
            if (check, root, role) in done:
                continue
            done.add((check, root, role))
            if root == "limit":
                yield check, words("label.limit"), _limit(a, check, notation), _limit(b, check, notation)
            else:
                name = words("asked.data", role=words.term("role", role))
                yield check, name, *_sources(found, check, role, words)
        elif root == "helpers":
            yield check, _name(one, words), _helper(a, rest, words), _helper(b, rest, words)
        else:
            yield check, _name(one, words), _value(one, one.a, notation), _value(one, one.b, notation)


def _rank(one: PlanDifference) -> int:
    """Return the place of a difference among the rows."""
    root = one.what.partition(".")[0]
    return _ORDER.index(root) if root in _ORDER else len(_ORDER)


def _helper(audit: Audit, role: str, words: Words) -> str:
    """Return `classifier 2 (contents 0123abcd)`."""
    helper = audit.record.models.get(role)
    if helper is None:
        return words("format.none")
    digest = helper.fingerprint.removeprefix("sha256:")[:8]
    return one_line(words("asked.contents", name=helper.name, digest=digest), words, 120)


def _limit(audit: Audit, check: str, notation: Notation) -> str:
    finding = audit.finding(check)
    limit = finding.limit
    if limit is None:
        return notation.words("format.none")
    measure = finding.measure(limit.measure, limit.group)
    name = notation.words.term("measure", limit.measure)
    if limit.group is not None:
        name = f"{name} · {notation.words.term('group', limit.group)}"
    return one_line(f"{name} {notation.limit(limit, '' if measure is None else measure.unit)}", notation.words, 120)


def _sources(found: Sequence[PlanDifference], check: str, role: str, words: Words) -> tuple[str, str]:
    """Return what differs of a source of data: names where they do, else that the contents are others."""
    parts = {
        one.what.rpartition(".")[2]: one for one in found
        if one.check == check and one.what.startswith(f"data.{role}.")
    }
    named = [one for name, one in parts.items() if name != "digest"]
    sides = []
    for letter in ("a", "b"):
        values = [getattr(one, letter) for one in named]
        texts = [value if isinstance(value, str) else _plain(value) for value in values if value not in (None, {}, [])]
        digest = parts.get("digest")
        mark = "" if digest is None else str(getattr(digest, letter) or "").removeprefix("sha256:")[:8]
        told = " · ".join(texts)
        if mark:
            told = words("asked.contents", name=told or words("label.data"), digest=mark)
        sides.append(one_line(told or words("format.none"), words, 160))
    return sides[0], sides[1]


def _plain(value: Any) -> str:
    """Return `label: 3, 4` of a filter, and other values as they are written in a plan."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _name(one: PlanDifference, words: Words) -> str:
    root, _, rest = one.what.partition(".")
    if one.what in ("check", "level", "gating", "seed", "audited", "clauses"):
        return words(f"asked.{one.what}")
    if one.what == "probe.use":
        return words("label.probe")
    if root == "helpers":
        return words("asked.helper", name=one_line(words.term("role", rest), words, 40))
    name = (rest if root == "probe" else one.what).replace("_", " ").replace(".", " ")
    return one_line(words("asked.setting", name=name), words, 80)


def _value(one: PlanDifference, value: Any, notation: Notation) -> str:
    words = notation.words
    if value is None:
        return words("label.not_asked") if one.what == "check" else words("format.none")
    if isinstance(value, bool):
        return words("format.yes" if value else "format.no")
    if one.what == "level" and isinstance(value, float):
        return notation.level(value)
    if one.what in ("check", "probe.use"):
        return one_line(words.term("probe", str(value)), words, 80)
    if one.what == "audited":
        return words("asked.audited_data" if value == "data" else "asked.audited_model")
    return one_line(_plain(value), words, 160)
