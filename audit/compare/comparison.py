"""Two audits of one plan, A the baseline and B the candidate: is B worse?

    difference = B - A of a measure on the same items, with an interval at the check's share of the error budget

Every gating check is decided by one difference, that of the measure which its limit names (see `measures`), so their
shares of the budget add up as in the run. The same measure of each group is compared too, at a level at which the
intervals of a check's groups hold together; groups decide nothing. Audits that were not asked the same are refused
(`audit.plan.differing`).

    K candidates, one baseline     each paired interval at 1 - (1 - level) / K, p adjusted (Holm) over the K
    G groups of a check            likewise at 1 - (1 - level) / (K G), p over the K G

so that what is said of all of them errs no more often than what is said of one (Bonferroni). An interval that was
joined from two stored ones keeps their level: it cannot be made stricter, and all of them err K + 1 times as often at
most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit.compare.contents import Changes, marked_changes
from audit.compare.measures import Margins, MeasureComparison, Word, compare_measure
from audit.errors import IntegrityError, UsageError
from audit.plan import plan_differences, refusal
from audit.record import Audit, DataRecord, Erased, Finding, Limit, ModelRecord, erasures
from detectors.immutable import immutable

__all__ = [
    "MOST_AUDITS", "WORST_FIRST", "CheckComparison", "ComparedAudit", "Comparison", "as_json",
    "compare_audits", "compare_several", "comparison_sentence", "worst_word",
]

WORST_FIRST: tuple[Word, ...] = ("worse", "undecided", "no worse", "better", "measured")
"""The order in which checks are told."""
MOST_AUDITS = 5
"""That are compared at a time, the baseline with them."""
_SENTENCES = {
    "better": "{measure} went from {a} to {b}: {difference}; the whole interval is better than no difference",
    "no worse": "{measure} went from {a} to {b}: {difference}; the whole interval keeps the margin {margin}",
    "worse": "{measure} went from {a} to {b}: {difference}; the whole interval is worse than the margin {margin}",
    "undecided": "{measure} went from {a} to {b}: {difference}; the interval crosses the margin {margin}",
    "undecided_fresh": "{measure} went from {a} to {b}: {difference}; the interval crosses the margin {margin}; "
    "a fresh sample of about {fresh} {unit} would decide",
    "too_few": "{measure} went from {a} to {b}: {difference}; this interval decides only from {min_units} {unit} on",
    "approximate": "{measure} went from {a} to {b}: {difference}; this interval is approximate: it informs and decides "
    "nothing",
    "measured_less": "{measure} went from {a} to {b}: {difference}; this interval was tried at levels up to {measured} "
    "only and is needed at {level}: it informs and decides nothing",
    "measured": "{measure} went from {a} to {b}: {difference}; no way is good, so nothing is decided",
    "no_interval": "{measure} went from {a} to {b}, and one of the two has no interval",
    "undefined": "{measure} has no value in {side}: {why}",
    "untold": "{side} has no number that is trusted: {why}",
    "no_measure": "{side} has no such measure",
}


@immutable
class ComparedAudit:
    """One of the two audits."""

    id: str
    title: str
    verdict: str
    models: tuple[ModelRecord, ...]
    """The audited one first."""
    data: DataRecord | None = None
    """What was audited instead of a model."""


@immutable
class CheckComparison:
    """One check in both audits; the last of `measures` is the one that decides."""

    check: str
    probe: str
    dimension: str
    gating: bool
    limit: Limit | None
    word: Word
    reason: dict[str, Any]
    """`{"key": ..., values}`: why, for any language; see `told`."""
    more_units: int | None
    fresh_units: int | None
    verdicts: tuple[str, str]
    measures: tuple[MeasureComparison, ...]
    changes: Changes | None
    groups: tuple[MeasureComparison, ...] = ()
    """That measure of each group, the worst first: paired intervals hold together over them, p is adjusted (Holm)."""
    untold: Finding | None = None
    """The finding of one side that has no number to be trusted."""
    erased: tuple[tuple[str, Erased], ...] = ()
    """What was erased of the evidence of either side, so that items cannot be paired."""

    @property
    def deciding(self) -> MeasureComparison | None:
        """The measure that the limit names, else the first."""
        return self.measures[-1] if self.measures else None


@immutable
class Comparison:
    """All of two audits that can be compared."""

    a: ComparedAudit
    b: ComparedAudit
    level: float
    margins: Margins
    word: Word
    """Of the gating checks, the first that holds: worse, undecided, no worse; `measured` if none gates."""
    checks: tuple[CheckComparison, ...]
    """The worst first, gating ones before others."""
    together: int = 1
    """Comparisons with this baseline over which paired intervals hold together."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data, with every `why` in English and without pictures."""
        from pydantic import TypeAdapter

        data: dict[str, Any] = TypeAdapter(Comparison).dump_python(_without_pictures(self), mode="json")
        for check in data["checks"]:
            del check["untold"]
            erased = [(side, one, one["checks"][check["check"]]) for side, one in check.pop("erased")]
            if erased:
                check["erased"] = [
                    {"side": side, **{key: one[key] for key in ("at", "by", "why")}, "items": ids or None}
                    for side, one, ids in erased
                ]
            check["why"] = comparison_sentence(check["reason"])
            if check["changes"] is not None:
                check["changes"]["said"] = _texts(check["changes"]["said"])
        return {"schema": 1, **data}


def _texts(said: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what items say, without those that say nothing."""
    texts = {name: {key: one[key] for key in ("item", "a", "b", "right")} for name, one in said.items()}
    return {name: one for name, one in texts.items() if any(one.values())}


def _without_pictures(found: Comparison) -> Comparison:
    checks = tuple(
        one if one.changes is None else replace(one, changes=replace(one.changes, said={
            name: replace(said, drawn=(None, None)) for name, said in one.changes.said.items()
        }))
        for one in found.checks
    )
    return replace(found, checks=checks)


def as_json(found: Sequence[Comparison]) -> dict[str, Any]:
    """Return one comparison as JSON data, or several with the worst word of all."""
    if len(found) == 1:
        return found[0].as_json()
    return {"schema": 1, "word": worst_word(found), "comparisons": [one.as_json() for one in found]}


def worst_word(found: Sequence[Comparison]) -> Word:
    """Return the word on several comparisons: of those of each, the first that holds."""
    return min((one.word for one in found), key=WORST_FIRST.index)


def comparison_sentence(reason: Mapping[str, Any], letter: str = "B") -> str:
    """Return the English sentence of a reason, without a full stop; `letter` is what the candidate is called."""
    values = {key: letter if key == "side" and value == "B" else value for key, value in reason.items() if key != "key"}
    text = _SENTENCES[reason["key"]].format(**values)
    return text[:1].upper() + text[1:]


def compare_several(
    baseline: Audit, candidates: Sequence[Audit], margins: Margins | None = None
) -> tuple[Comparison, ...]:
    """Return how each candidate differs from the baseline, intervals that are paired holding over all of them together.

    Raises as `compare_audits` does, and UsageError for no candidate or more than four.
    """
    if not 2 <= (count := 1 + len(candidates)) <= MOST_AUDITS:
        raise UsageError("{count} audits to compare; allowed: 2 to {most}", count=count, most=MOST_AUDITS)
    margins = margins or Margins()
    return _adjusted([_compared(baseline, one, margins, len(candidates)) for one in candidates])


def compare_audits(a: Audit, b: Audit, margins: Margins | None = None) -> Comparison:
    """Return how B differs from A.

    Raises UsageError where they were not asked the same, and for a margin of a measure that there is none of;
    IntegrityError where a plan or an items file is not what was stored.
    """
    return compare_several(a, [b], margins)[0]


def _compared(a: Audit, b: Audit, margins: Margins, together: int) -> Comparison:
    """Return how B differs from A, paired intervals as over so many comparisons with A, each p as it is alone."""
    if asked := plan_differences(a, b):
        raise UsageError(refusal(asked))
    margins.check(a.record.findings)
    found = [_check((a, b), one, other, margins, together) for one, other in _findings(a, b)]
    gating = {"no worse" if one.word == "better" else one.word for one in found if one.gating}
    return Comparison(
        a=_side(a), b=_side(b), level=a.record.level, margins=margins,
        word=next((word for word in WORST_FIRST if word in gating), "measured"),
        checks=tuple(sorted(found, key=lambda one: (WORST_FIRST.index(one.word), not one.gating))),
        together=together,
    )


def _adjusted(found: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return the comparisons with each p adjusted over all of them: of a measure, of a check's groups, of its items."""
    from detectors.multiplicity import holm

    of: dict[tuple[str | None, ...], list[float]] = {}
    for key, p in (pair for one in found for check in one.checks for pair in _tested(check)):
        of.setdefault(key, []).append(1.0 if p is None else p)
    ready = {key: iter(holm(values)) for key, values in of.items()}

    def adjusted(check: CheckComparison) -> CheckComparison:
        made = iter([None if p is None else new for key, p in _tested(check) for new in (next(ready[key]),)])
        return replace(
            check,
            measures=tuple(replace(one, p=next(made)) for one in check.measures),
            groups=tuple(replace(one, p=next(made)) for one in check.groups),
            changes=None if check.changes is None else replace(check.changes, p=next(made)),
        )

    return tuple(replace(one, checks=tuple(adjusted(check) for check in one.checks)) for one in found)


def _tested(check: CheckComparison) -> Iterator[tuple[tuple[str | None, ...], float | None]]:
    """Yield each p of a check with the name of its family: measures, then groups, then items that changed."""
    for one in check.measures:
        yield (check.check, "measure", one.a.name, one.a.group), one.p
    for one in check.groups:
        yield (check.check, "groups"), one.p
    if check.changes is not None:
        yield (check.check, "items"), check.changes.p


def _findings(a: Audit, b: Audit) -> list[tuple[Finding, Finding]]:
    """Return the findings of the same checks; IntegrityError where the records do not hold those of their plan."""
    if [one.check for one in a.record.findings] != [one.check for one in b.record.findings]:
        raise IntegrityError("{a} and {b}: one plan, but findings of other checks", a=a.folder, b=b.folder)
    return list(zip(a.record.findings, b.record.findings, strict=True))


def _side(audit: Audit) -> ComparedAudit:
    record = audit.record
    models = (record.models[name] for name in sorted(record.models, key=lambda name: (name != "main", name)))
    return ComparedAudit(record.id, record.title, record.verdict, tuple(models), record.data)


def _check(
    audits: tuple[Audit, Audit], a: Finding, b: Finding, margins: Margins, together: int
) -> CheckComparison:
    untold, reason = _trouble(a, b)
    measures, changes = _measures(audits, a, b, margins, together) if reason is None else ((), None)
    last = measures[-1] if measures else None
    groups = _groups(audits, a, b, margins, together) if measures else ()
    word: Word = "measured" if last is None else last.word
    return CheckComparison(
        check=a.check, probe=a.probe, dimension=a.dimension, gating=a.gating, limit=a.limit,
        # nothing that gates is passed over
        word="undecided" if a.gating and word == "measured" else word,
        reason=reason or (last.reason if last is not None else {}),
        more_units=None if last is None else last.more_units,
        fresh_units=None if last is None else last.fresh_units, verdicts=(a.verdict, b.verdict),
        measures=measures, changes=changes, groups=groups, untold=untold, erased=tuple(_erased(audits, a.check)),
    )


def _erased(audits: tuple[Audit, Audit], check: str) -> Iterator[tuple[str, Erased]]:
    """Yield what was erased of a check's evidence, each with the side."""
    for side, audit in zip("AB", audits, strict=True):
        yield from ((side, one) for one in erasures(audit.folder) if check in one.checks)


def _trouble(a: Finding, b: Finding) -> tuple[Finding | None, dict[str, Any] | None]:
    """Return the finding that cannot be trusted, and why a check has nothing to compare; None where it has."""
    for side, one in (("A", a), ("B", b)):
        if one.verdict in ("skipped", "crashed") or not one.trusted:
            return one, {"key": "untold", "side": side, "why": one.why.rstrip(".")}
        if (name := _wanted(a)) is None or one.measure(*name) is None:
            return None, {"key": "no_measure", "side": side}
    return None, None


def _wanted(finding: Finding) -> tuple[str, str | None] | None:
    """Return name and group of the measure that decides: the one that the limit names, without a limit the first."""
    if finding.limit is not None:
        return finding.limit.measure, finding.limit.group
    return (finding.measures[0].name, finding.measures[0].group) if finding.measures else None


def _measures(
    audits: tuple[Audit, Audit], a: Finding, b: Finding, margins: Margins, together: int
) -> tuple[tuple[MeasureComparison, ...], Changes | None]:
    """Compare the first measure and, last, the one that decides; of an early stop only what has an interval."""
    names = [(one.name, one.group) for one in a.measures[:1] if a.stop == "full" or one.low is not None]
    found, changes, wanted = [], None, _wanted(a)
    for name in [*(one for one in names if one != wanted), *([] if wanted is None else [wanted])]:
        first, second = a.measure(*name), b.measure(*name)
        if first is not None and second is not None:
            level = None if together == 1 else 1 - (1 - first.level) / together
            made, changes = compare_measure(audits, a, (first, second), margins.of(first), level)
            found.append(made)
    return tuple(found), changes or marked_changes(audits, a.check)


def _groups(
    audits: tuple[Audit, Audit], a: Finding, b: Finding, margins: Margins, together: int
) -> tuple[MeasureComparison, ...]:
    """Compare the deciding measure of each group, the worst first; of an early stop groups have no interval."""
    wanted = _wanted(a)
    pairs = [
        (one, other) for one in a.measures if wanted is not None and one.name == wanted[0] and one.group is not None
        and (one.name, one.group) != wanted and (other := b.measure(one.name, one.group)) is not None
    ]
    level = 1 - (1 - audits[0].record.level) / max(1, len(pairs)) / together
    found = [compare_measure(audits, a, pair, margins.of(pair[0]), level)[0] for pair in pairs]
    return tuple(sorted(found, key=lambda one: (WORST_FIRST.index(one.word), _gain(one))))


def _gain(one: MeasureComparison) -> float:
    """Return by how much B is better, worse is less; 0 where nobody can tell."""
    value = one.difference.value or 0.0
    return 0.0 if one.keeps is None else value if one.keeps.at_least is not None else -value
