"""How the measures that decide went over the audits of one model, as each was asked, in order of time.

    asked_of(audit, written, on)                      an audit with what its record does not hold: when, and waivers
    trends_of(asked, notation)                        a panel for each gating measure, those that went wrong last first
    trend_of(asked, check, measure, notation)         the panel of one measure of one check

What belongs together is the business of the caller: audits of one inventory id, or of models of one name. Panels share
their axis of time. Where a check was asked otherwise than in the audit before, of other data or by other options, the
two numbers are not to be compared, and nothing joins them. An audit in which the check crashed or was skipped has its
row without a number, so that the last number does not pass for the last result.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from markupsafe import Markup

from audit.errors import IntegrityError
from audit.record import REVIEWS_FILE, WORST_FIRST, Audit, Finding
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.result import NONE, Measure
from reports.figures import Point, trend
from reports.text import Notation, one_line
from reports.views.asked import asked_differently
from reports.views.measure_rows import MeasureRow, printed

__all__ = ["AskedAudit", "TrendPanel", "TrendRow", "asked_of", "label_of", "trend_of", "trends_of"]

_DOT = " · "
_APART_FROM = ("limit", "gating", "clauses", "level", "seed")
"""What may be another one without the check being asked otherwise; the limit of each audit is drawn."""


@immutable
class AskedAudit:
    """One audit, and what its record does not hold."""

    audit: Audit
    at: datetime
    """When it was asked, with its zone."""
    waived: frozenset[str] = frozenset()
    """Checks whose findings shall not count, as people decided."""


@immutable
class TrendRow:
    """One audit in a panel."""

    audit: Audit
    finding: Finding
    row: MeasureRow
    when: str
    version: str
    """Name of the model, where it is another one than in the row before; empty where it is the same."""
    otherwise: bool
    """Whether the check was asked otherwise than in the row before."""
    waived: bool
    told: str
    """All of it in a line."""
    spot: tuple[float, float]
    """Where it stands in the drawing: across and down, in hundredths."""


@immutable
class TrendPanel:
    """One measure of one check over time."""

    check: str
    measure: str
    """With its group, as an address names it."""
    title: str
    drawing: Markup
    """Empty where the numbers have no common axis."""
    rows: tuple[TrendRow, ...]
    """The oldest first."""


def asked_of(audit: Audit, written: float, on: date) -> AskedAudit:
    """Return an audit as it stands in trends: when its run began, and what is waived on a day.

    written: seconds since 1970, which count where the run's own time is not known.
    """
    from audit.review import state_of

    at = datetime.fromtimestamp(written, UTC)
    with suppress(ValueError):
        at = at if audit.run is None else datetime.fromisoformat(audit.run.started)
    waived: frozenset[str] = frozenset()
    if (audit.folder / REVIEWS_FILE).is_file():
        with suppress(IntegrityError):  # the audit's own screen says what is wrong with its reviews
            state = state_of(audit, on)
            waived = frozenset(one.check for one in audit.record.findings if state.waived(one.check))
    return AskedAudit(audit, at if at.tzinfo is not None else at.replace(tzinfo=UTC), waived)


def label_of(measure: Measure) -> str:
    """Return a measure as an address names it, `name` or `name · group`."""
    return measure.name if measure.group is None else f"{measure.name}{_DOT}{measure.group}"


def trends_of(asked: Sequence[AskedAudit], notation: Notation) -> tuple[TrendPanel, ...]:
    """Return a panel for each measure that decides a gating check, those whose last audit is worst first.

    Where no check gates, of the first measure of each.
    """
    heads = [
        (finding, head) for one in _in_order(asked) for finding in one.audit.record.findings
        if (head := finding.headline) is not None
    ]
    deciding = [pair for pair in heads if pair[0].gating] or heads
    last = {finding.check: finding.verdict for one in _in_order(asked) for finding in one.audit.record.findings}
    panelled = dict.fromkeys((finding.check, label_of(head)) for finding, head in deciding)
    ranked = sorted(panelled, key=lambda key: WORST_FIRST.index(last[key[0]]))
    changed = _Changed()
    panels = (_panel(_in_order(asked), check, measure, notation, changed) for check, measure in ranked)
    return tuple(one for one in panels if one is not None)


def trend_of(asked: Sequence[AskedAudit], check: str, measure: str, notation: Notation) -> TrendPanel | None:
    """Return the panel of a measure, `name` or `name · group`; None where no audit has it."""
    return _panel(_in_order(asked), check, measure, notation, _Changed())


class _Changed:
    """Which checks two audits were asked otherwise, each pair looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, Path], frozenset[str | None]] = {}

    def of(self, before: Audit, now: Audit, check: str) -> bool:
        """Tell whether a check was asked otherwise; what is of the whole plan is of every check.

        Where the data themselves are audited, other data are another version of these.
        """
        if before.record.plan == now.record.plan:
            return False
        pair = before.folder, now.folder
        if pair not in self._known:
            aside = _APART_FROM if now.record.data is None else (*_APART_FROM, "data")
            found = asked_differently(before, now)
            self._known[pair] = frozenset(one.check for one in found if one.what.partition(".")[0] not in aside)
        return bool(self._known[pair] & {check, None})


def _panel(
    ordered: Sequence[AskedAudit], check: str, measure: str, notation: Notation, changed: _Changed
) -> TrendPanel | None:
    of_check = [(one, each) for one in ordered for each in one.audit.record.findings if each.check == check]
    like = next((one for _, each in of_check for one in each.measures if label_of(one) == measure), None)
    if like is None:
        return None
    found = [
        (one, finding, value) for one, finding in of_check
        for value in (finding.measures or _nothing(finding, like)) if label_of(value) == measure
    ]
    before = [None, *(one.audit for one, _, _ in found[:-1])]
    words = notation.words
    name = words.term("measure", found[-1][2].name)
    group = found[-1][2].group
    told = name if group is None else f"{name}{_DOT}{words.term('group', group)}"
    title = one_line(words("format.colon", left=check, right=told), words, 160)
    points = [
        replace(
            _point(one, finding, value, notation), version=_version(last, one.audit),
            otherwise=last is not None and changed.of(last, one.audit, check),
        )
        for (one, finding, value), last in zip(found, before, strict=True)
    ]
    drawn = len({value.unit for _, _, value in found}) == 1 and any(one.measure.value is not None for one in points)
    made = trend(points, notation, title=title, ends=(ordered[0].at, ordered[-1].at)) if drawn else None
    spots = made.spots if made else ((0.0, 0.0),) * len(points)
    rows = tuple(
        TrendRow(
            one.audit, finding, printed(value, point.limit, notation), notation.moment(one.at), point.version,
            point.otherwise, point.waived, _told(point, finding, notation), spot,
        )
        for (one, finding, value), point, spot in zip(found, points, spots, strict=True)
    )
    return TrendPanel(check, measure, title, made.drawing if made else Markup(""), rows)


def _nothing(finding: Finding, like: Measure) -> list[Measure]:
    """Return a measure without a number for a check that crashed or was skipped, and so has none."""
    if finding.verdict not in ("crashed", "skipped"):
        return []
    why = Cause("the check gave no number")
    return [replace(
        like, value=None, low=None, high=None, n={"items": 0, "units": 0}, method=NONE, undefined=why, missing=0
    )]


def _in_order(asked: Sequence[AskedAudit]) -> list[AskedAudit]:
    """Return the audits by time; those of one moment by their ids."""
    return sorted(asked, key=lambda one: (one.at, one.audit.record.id))


def _point(one: AskedAudit, finding: Finding, value: Measure, notation: Notation) -> Point:
    limit = finding.limit
    ours = limit is not None and limit.speaks_of(value)
    return Point(
        one.at, notation.day(one.at), value,
        finding.verdict if value is finding.headline or not finding.measures else "measured",
        limit if ours else None, waived=finding.check in one.waived,
    )


def _told(point: Point, finding: Finding, notation: Notation) -> str:
    """Return `2026-11-27: helper 2.0; Failed, waived; 72 % [...]`."""
    words = notation.words
    state = words(f"verdict.{finding.verdict}")
    if point.waived:
        state = words("format.list").join((state, words("trends.waived")))
    told = words("trends.otherwise") if point.otherwise else ""
    parts = [one for one in (point.version, told, state, notation.sentence(point.measure, point.limit)) if one]
    return words("format.colon", left=point.label, right=words("summary.join").join(parts))


def _version(before: Audit | None, one: Audit) -> str:
    """Return what the model is called where its fingerprint is another one than in the audit before."""
    now = _print(one)
    return "" if now is None or (before is not None and _print(before) == now) else _name(one)


def _print(audit: Audit) -> str | None:
    main = audit.record.models.get("main")
    data = audit.record.data
    return main.fingerprint if main is not None else None if data is None else data.digest


def _name(audit: Audit) -> str:
    audited = audit.record.models.get("main") or audit.record.data
    return "" if audited is None else audited.name
