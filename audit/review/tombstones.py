"""Results after review of items that were erased: an entry keeps them, and holds them to what can still be known.

    kept = the number after review, and the verdict that this comes to        all else is the machine's

Whether people's outcomes give that number nobody can tell any more; so it stands on the word of the entry alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from audit.errors import IntegrityError
from audit.record import REVIEWS_FILE, Audit, Finding
from audit.review.entries import Erasure, Kept, Reviews, read_reviews
from audit.review.overrides import PROBLEMS, ItemChange, Reviewed, Unable
from audit.verdict import decide, sentence

__all__ = ["as_kept", "changed_by", "check_kept", "kept_in"]

_AFTER = (
    "verdict", "reason", "why", "measures", "one_sided", "more_units", "fresh_units", "smallest_effect",
)
"""What of a finding people's words about its items can change."""
_NUMBER = ("value", "low", "high", "n", "method", "missing")
"""What of the headline they can change."""


def kept_in(reviews: Reviews) -> list[Kept]:
    """Return the results after review of items that were erased: of a check those that its first erasure kept."""
    kept, erased = list[Kept](), set[str]()
    for says in (entry.says for entry in reviews.entries if isinstance(entry.says, Erasure)):
        kept += [one for one in says.kept if one.check in says.checks.keys() - erased]
        erased |= says.checks.keys()
    return kept


def check_kept(audit: Audit) -> None:
    """Raise IntegrityError where a result after review that an erasure kept does not follow from its number."""
    known = {finding.check: finding for finding in audit.record.findings}
    for one in kept_in(read_reviews(audit.folder)):
        if one.check in known:
            as_kept(known[one.check], {}, one.problem, one.after)


def changed_by(reviewed: Reviewed) -> dict[str, Any]:
    """Return what of the finding a result after review changes, as JSON data."""
    before, after = (one.model_dump(mode="json", include=set(_AFTER)) for one in (reviewed.machine, reviewed.finding))
    return {name: value for name, value in after.items() if value != before.get(name)}


def as_kept(
    finding: Finding, changes: Mapping[str, ItemChange], problem: str | None, after: Mapping[str, Any]
) -> Reviewed:
    """Return both results of items that were erased: what people said, and what `changed_by` told before it.

    IntegrityError where that is not the machine's with another headline, or not what this one comes to.
    """
    told = {name: value for name, value in after.items() if name in _AFTER}
    try:
        then = Finding.model_validate({**finding.model_dump(mode="json"), **told})
        follows = not told or _follows(finding, then, problem, told)
    except (ValueError, LookupError, TypeError, AttributeError):
        follows = False
    if not follows:
        problem = "{file}: the result of {check} after review, kept in an erasure, does not follow from its number"
        raise IntegrityError(problem, file=REVIEWS_FILE, check=finding.check)
    known = next((one for one in PROBLEMS if one == problem), None)
    return Reviewed(finding, then, tuple(changes[item] for item in sorted(changes)), known)


def _follows(before: Finding, then: Finding, problem: str | None, told: Mapping[str, Any]) -> bool:
    """Tell whether a result after review is the machine's with another headline, and says what this one comes to."""
    pairs = zip(before.measures, then.measures, strict=True)
    head, by = next((after for was, after in pairs if was is before.headline), None), then.one_sided
    others = [(was, after) for was, after in zip(before.measures, then.measures, strict=True) if after is not head]
    if head is None or before.headline is None or any(was != after for was, after in others):
        return False
    number = {name: getattr(head, name) for name in _NUMBER}
    if replace(before.headline, **number) != head:
        return False
    if problem is not None:
        return told.keys() == {"measures"} and head.low is head.high is None and problem not in get_args(Unable)
    if before.model_changed:
        return then.verdict == before.verdict
    if by is not None and (before.one_sided is None or by.level != before.one_sided.level):
        return False
    kept = None if by is None else replace(head, level=2 * by.level - 1, low=by.low, high=by.high, reach=None)
    decision = decide([head], before.limit, before.controls or {}, kept=kept, power=False, sizes=False)
    return then.verdict == decision.verdict and then.why == sentence(then.reason)
