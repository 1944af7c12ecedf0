"""What every document says of two audits, in its order and with its numbers already printed.

    comparison_view(comparison, words) -> ComparisonView      the sentence, checks worst first, what changed, methods

HTML, Markdown and the dashboard's screen draw this one view.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit.record import Limit
from detectors.result import Measure
from reports.figures import SHARED, scale_of
from reports.text import Notation, Words, digits_for, one_line
from reports.views.audited_data import data_text
from reports.views.measure_rows import MethodRow, method_rows, printed
from reports.views.summary import would_do
from reports.views.verdict_text import reason_text
from reports.views.whole_audit import anchor_of

if TYPE_CHECKING:
    from audit.compare import Changes, CheckComparison, ComparedAudit, Comparison, MeasureComparison, Said, Word

__all__ = [
    "SIGNS", "ChangesView", "CheckView", "ComparisonRow", "ComparisonView", "MeasureView",
    "comparison_view",
]

SIGNS: Mapping[Word, str] = {
    "worse": "failed", "undecided": "inconclusive", "no worse": "passed", "better": "passed", "measured": "measured"
}
"""Word -> the verdict whose sign and colour it shares."""


@dataclass(frozen=True)
class ComparisonRow:
    """A, B or their difference, as it is printed."""

    label: str
    measure: Measure
    limit: Limit | None
    """Of A and B the check's limit, of the difference the margin."""
    value: str
    interval: str
    n: str
    limit_text: str
    undefined: str | None
    p: str = ""


@dataclass(frozen=True)
class MeasureView:
    """One measure in both audits."""

    name: str
    """With its group."""
    word: Word
    told: str
    """The word, as a reader sees it."""
    sides: tuple[ComparisonRow, ComparisonRow]
    difference: ComparisonRow
    scale: str
    """Measures of one scale share their axes."""
    unit: str
    method: str
    level: str
    test: str


@dataclass(frozen=True)
class ChangesView:
    """Items that fail or pass anew."""

    failing: tuple[str, ...]
    """Raw ids; a document makes them inert."""
    passing: tuple[str, ...]
    sentence: str
    told: Mapping[str, str]
    """Id -> what the item says and both answers, on one line; an id without a text stands for itself."""

    def says(self, item: str) -> str:
        """Return what an item says."""
        return self.told.get(item, item)


@dataclass(frozen=True)
class CheckView:
    """One check in both audits."""

    check: str
    anchor: str
    name: str
    probe: str
    dimension: str
    word: Word
    told: str
    gating: bool
    verdicts: tuple[str, str]
    why: str
    measures: tuple[MeasureView, ...]
    changes: ChangesView | None
    groups: tuple[MeasureView, ...]
    """The deciding measure by group, the worst first."""
    groups_note: str
    """How the intervals of groups hold; empty where there are none."""


@dataclass(frozen=True)
class ComparisonView:
    """All that a document says of two audits."""

    word: Word
    told: str
    sentence: str
    sides: tuple[tuple[str, ComparedAudit, str], ...]
    """(letter with role, side, its audited model and helpers)."""
    level: str
    margins: str
    checks: tuple[CheckView, ...]
    methods: tuple[MethodRow[str], ...]

    @property
    def blocks(self) -> tuple[tuple[tuple[CheckView, MeasureView], ...], ...]:
        """Measures by scale, in the order of the checks; only scales that are the same in every check join checks."""
        found: dict[tuple[str, str], list[tuple[CheckView, MeasureView]]] = {}
        for check in self.checks:
            for measure in check.measures:
                own = "" if measure.scale in SHARED else check.name
                found.setdefault((measure.scale, own), []).append((check, measure))
        return tuple(tuple(pairs) for pairs in found.values())

    @property
    def untold(self) -> tuple[CheckView, ...]:
        """Checks without a number."""
        return tuple(check for check in self.checks if not check.measures)


def comparison_view(found: Comparison, words: Words) -> ComparisonView:
    """Return the view of a comparison."""
    notation = Notation(words)
    checks = tuple(_check(one, notation) for one in found.checks)
    return ComparisonView(
        word=found.word,
        told=words.term("compare_word", found.word),
        sentence=_sentence(found, words),
        sides=tuple(
            (words(f"compare.{letter}"), side, words("format.list").join(_models(side, words)))
            for letter, side in (("a", found.a), ("b", found.b))
        ),
        level=notation.level(found.level),
        margins=_margins(found, words),
        checks=checks,
        methods=_methods(found, words),
    )


def _models(side: ComparedAudit, words: Words) -> Iterable[str]:
    if side.data is not None:
        yield data_text(side.data, words)
    for model in side.models:
        family, modality = words.term("family", model.family), words.term("modality", model.modality)
        yield one_line(words("format.model", name=model.name, family=family, modality=modality), words, 120)


def _margins(found: Comparison, words: Words) -> str:
    """Return `0.02, latency 0.5`."""
    named = (f"{one_line(name, words, 60)} {margin:g}" for name, margin in sorted((found.margins.named or {}).items()))
    return words("format.list").join([f"{found.margins.plain:g}", *named])


def _sentence(found: Comparison, words: Words) -> str:
    gating = [one for one in found.checks if one.gating]
    seen = [one.word for one in gating]
    count = sum(one in ("no worse", "better") for one in seen) if found.word == "no worse" else seen.count(found.word)
    parts = [words(f"compare.sentence_{found.word.replace(' ', '_')}", count=count, all=len(gating))]
    if found.word == "worse" and "undecided" in seen:
        parts.append(words("compare.tail_undecided", count=seen.count("undecided")))
    parts[-1] += would_do([one for one in gating if one.word == "undecided"], words, "units")
    if "better" in seen:
        parts.append(words("compare.tail_better", count=seen.count("better")))
    return words("summary.join").join(parts) + words("summary.end")


def _check(one: CheckComparison, notation: Notation) -> CheckView:
    words = notation.words
    return CheckView(
        check=one.check,
        anchor=anchor_of(one.check),
        name=one_line(one.check, words, 80),
        probe=one_line(words.term("probe", one.probe), words, 80),
        dimension=one_line(words.term("dimension", one.dimension), words, 40),
        word=one.word,
        told=words.term("compare_word", one.word),
        gating=one.gating,
        verdicts=one.verdicts,
        why=_why(one, notation),
        measures=tuple(_measure(measure, one.limit, notation) for measure in one.measures),
        changes=None if one.changes is None else _changes(one.changes, notation),
        groups=tuple(_measure(group, one.limit, notation) for group in one.groups),
        groups_note=_groups_note(one, notation),
    )


def _groups_note(one: CheckComparison, notation: Notation) -> str:
    """Return how the intervals of groups hold: together, or where they are not paired, one at a time."""
    if not one.groups:
        return ""
    paired, last = one.groups[0], one.measures[-1]
    together = [group for group in one.groups if group.difference.level != group.a.level]
    level = notation.level((together or [paired])[0].difference.level)
    key = "groups_note" if together or len(one.groups) == 1 else "groups_apart"
    return notation.words(f"compare.{key}", level=level, count=len(one.groups), measure=_label(last.a, notation.words))


def _label(measure: Measure, words: Words) -> str:
    name = words.term("measure", measure.name)
    if measure.group is not None:
        name = words("gap.measure_of", measure=name, groups=words.term("group", measure.group))
    return one_line(name, words, 120)


def _why(one: CheckComparison, notation: Notation) -> str:
    """Return the sentence of the check's word, its numbers printed as the rows print them."""
    words, deciding = notation.words, one.deciding
    values: dict[str, Any] = {name: str(value) for name, value in one.reason.items() if name != "key"}
    if one.untold is not None:
        values["why"] = reason_text(one.untold, notation).rstrip(".")
    elif "why" in values:
        values["why"] = words.term("cause", values["why"])
    if deciding is not None:
        row = _gap(deciding, notation)
        values |= {
            "measure": _label(deciding.a, words),
            "a": _with_unit(printed(deciding.a, None, notation).value, deciding.a.unit, notation),
            "b": _with_unit(printed(deciding.b, None, notation).value, deciding.b.unit, notation),
            "difference": words(
                "compare.span", value=_with_unit(row.value, deciding.a.unit, notation), interval=row.interval
            ),
            "margin": _margin(deciding, notation),
        }
    if "unit" in values:
        values["unit"] = words.term("counted", values["unit"])
    sentence = words(f"compare_why.{one.reason['key'].replace(' ', '_')}", **values)
    return one_line(sentence[:1].upper() + sentence[1:], words, 600)


def _margin(one: MeasureComparison, notation: Notation) -> str:
    if one.difference.unit == "share":
        return notation.words("compare.points", number=notation.set_number(100 * one.margin, ""))
    return _with_unit(notation.set_number(one.margin, one.difference.unit), one.difference.unit, notation)


def _with_unit(text: str, unit: str, notation: Notation) -> str:
    """Return a number as a sentence tells it; a count counts what its measure names."""
    return text if unit == "count" else f"{text} {notation.unit(unit)}".strip()


def _measure(one: MeasureComparison, limit: Limit | None, notation: Notation) -> MeasureView:
    words = notation.words
    return MeasureView(
        name=_label(one.a, words),
        word=one.word,
        told=words.term("compare_word", one.word),
        sides=(_side_row("A", one.a, limit, notation), _side_row("B", one.b, limit, notation)),
        difference=_gap(one, notation),
        scale=scale_of(min(one.a, one.b, key=lambda side: side.value or 0.0)),
        unit=notation.unit(one.a.unit),
        method=_method(one.difference, words),
        level=notation.level(one.difference.level),
        test=words.term("compare_test", one.test),
    )


def _side_row(label: str, measure: Measure, limit: Limit | None, notation: Notation) -> ComparisonRow:
    row = printed(measure, limit, notation)
    return ComparisonRow(label, measure, row.limit, row.value, row.interval, row.n, row.limit_text, row.undefined)


def _gap(one: MeasureComparison, notation: Notation) -> ComparisonRow:
    """Return the row of the difference; that of shares is in points, since per cent could mean either."""
    words, measure = notation.words, one.difference
    label = words("compare.difference")
    if one.ideal is not None:
        label = words("compare.distance", ideal=notation.set_number(one.ideal, measure.unit))
    digits = digits_for(measure, one.keeps)
    shown, keeps = (_in_points(measure, one.keeps)) if measure.unit == "share" else (measure, one.keeps)
    value = words("format.undefined")
    if shown.value is not None:
        number = notation.number(shown.value, shown.unit, digits)
        value = number if shown is measure else words("compare.points", number=number)
    limit_text = notation.limit(keeps, shown.unit)
    if limit_text and shown is not measure:
        limit_text = words("compare.points", number=limit_text)
    return ComparisonRow(
        label, measure, one.keeps, value, notation.interval(shown, digits), notation.sample(measure.n), limit_text,
        None if measure.undefined is None else one_line(measure.undefined, words),
        "" if one.p is None else notation.number(one.p, "p-value"),
    )


def _in_points(measure: Measure, keeps: Limit | None) -> tuple[Measure, Limit | None]:
    """Return a difference of shares and its margin in hundredths, as bare numbers."""
    value, low, high = (_hundredfold(number) for number in (measure.value, measure.low, measure.high))
    shown = replace(measure, unit="", value=value, low=low, high=high)
    bounds = ("at_least", "at_most")
    limit = keeps and keeps.model_copy(update={name: _hundredfold(getattr(keeps, name)) for name in bounds})
    return shown, limit


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _method(measure: Measure, words: Words) -> str:
    return one_line(words.term("method", measure.method), words, 200)


def _changes(changes: Changes, notation: Notation) -> ChangesView:
    words = notation.words
    failing, passing = len(changes.newly_failing), len(changes.newly_passing)
    told = [
        words("compare.newly_failing", count=failing, number=f"{failing:,}"),
        words("compare.newly_passing", count=passing, number=f"{passing:,}"),
        words("compare.counted", count=changes.counted, number=f"{changes.counted:,}"),
    ]
    test = words.term("compare_test", changes.test)
    if changes.p is not None:
        test = words("compare.tested", p=notation.number(changes.p, "p-value"), test=test)
    said = {item: _said(item, one, words) for item, one in changes.said.items()}
    return ChangesView(changes.newly_failing, changes.newly_passing, words("format.list").join([*told, test]), said)


def _said(item: str, said: Said, words: Words) -> str:
    """Return `Who wrote it? A: Kim; B: Lee`."""
    none = words("format.undefined")
    text = one_line(said.item or item, words, 160)
    if said.a is None and said.b is None:
        return text
    a, b = (none if one is None else one_line(words.term("cell", one), words, 60) for one in (said.a, said.b))
    return words("compare.said", item=text, a=a, b=b)


def _methods(found: Comparison, words: Words) -> tuple[MethodRow[str], ...]:
    uses = (
        (_method(one.difference, words), one_line(check.check, words, 80), one.difference)
        for check in found.checks for one in check.measures if one.difference.low is not None
    )
    return method_rows(uses, str)
