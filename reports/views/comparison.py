"""What every document says of two to five audits, in its order and with its numbers already printed.

    comparison_view(comparisons, words) -> ComparisonView      the sentence, checks worst first, what changed, methods

The comparisons are of one baseline, A, with one candidate each, B to E. HTML, Markdown and the dashboard's screen draw
this one view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.record import Limit
from detectors.immutable import immutable
from detectors.result import Measure
from reports.text import Counting, Notation, Words, digits_for, measure_name, one_line
from reports.views.audited_data import data_text
from reports.views.changed_items import ChangesView, changes_view
from reports.views.erased import erased_lines
from reports.views.measure_rows import MethodRow, method_rows, printed
from reports.views.summary import would_do
from reports.views.verdict_text import reason_text
from reports.views.whole_audit import anchor_of

if TYPE_CHECKING:
    from audit.compare import CheckComparison, ComparedAudit, Comparison, MeasureComparison, Word

__all__ = [
    "LETTERS", "CheckView", "ComparisonRow", "ComparisonView", "GroupsView", "MeasureView", "comparison_view",
]

LETTERS = "ABCDE"
"""What audits are called; A is the baseline."""


@immutable
class ComparisonRow:
    """One side, or its difference from A, as it is printed."""

    letter: str
    label: str
    measure: Measure
    limit: Limit | None
    """Of a side the check's limit, of a difference the margin."""
    value: str
    interval: str
    n: str
    limit_text: str
    undefined: str | None
    word: Word = "measured"
    """Of a difference."""
    p: str = ""
    in_points: tuple[Measure, Limit | None] | None = None
    """What is drawn of a difference: that of shares in hundredths, as it is printed."""
    is_distance: bool = False
    """Whether it is the difference of distances to an ideal."""


@immutable
class MeasureView:
    """One measure in all audits that have it."""

    name: str
    """With its group."""
    word: Word
    """The worst of its differences."""
    told: str
    """The word, as a reader sees it."""
    sides: tuple[ComparisonRow, ...]
    """A first."""
    differences: tuple[ComparisonRow, ...]
    unit: str
    notes: tuple[str, ...]
    """How each difference was made and tested, those alike once."""


@immutable
class GroupsView:
    """The deciding measure by group, the worst first, for one candidate."""

    letter: str
    rows: tuple[MeasureView, ...]
    note: str
    """How the intervals of groups hold."""


@immutable
class CheckView:
    """One check in all audits."""

    check: str
    anchor: str
    name: str
    probe: str
    dimension: str
    word: Word
    """The worst of all candidates."""
    told: str
    gating: bool
    verdicts: tuple[str, ...]
    """Of each audit, A first."""
    whys: tuple[tuple[str, Word, str], ...]
    """(letter, word, sentence) of each candidate."""
    measures: tuple[MeasureView, ...]
    changes: tuple[ChangesView, ...]
    groups: tuple[GroupsView, ...]
    erased: tuple[str, ...] = ()
    """What was erased of the evidence of each side, a line each."""

    @property
    def why(self) -> str:
        """The sentence of the first candidate."""
        return self.whys[0][2]


@immutable
class ComparisonView:
    """All that a document says of the audits."""

    word: Word
    told: str
    sentence: str
    each: tuple[tuple[str, Word, str], ...]
    """(letter, word, sentence) of each candidate where there are several."""
    sides: tuple[tuple[str, ComparedAudit, str], ...]
    """(letter with role, side, its audited model and helpers)."""
    level: str
    margins: str
    checks: tuple[CheckView, ...]
    methods: tuple[MethodRow[str], ...]
    reading: tuple[str, ...]
    """How the differences are to be read."""


def comparison_view(found: Sequence[Comparison], words: Words) -> ComparisonView:
    """Return the view of comparisons with one baseline, at least one."""
    from audit.compare import worst_word

    notation, first, several = Notation(words), found[0], len(found) > 1
    word = worst_word(found)
    each = tuple((letter, one.word, _sentence(one, words)) for letter, one in zip(LETTERS[1:], found, strict=False))
    sides = [(words("compare.a"), first.a), *((_candidate(at, several, words), one.b) for at, one in enumerate(found))]
    checks = [_check([_of(one, check.check) for one in found], notation) for check in first.checks]
    return ComparisonView(
        word=word,
        told=words.term("compare_word", word),
        sentence=_sentence_of_all(found, word, words) if several else each[0][2],
        each=each if several else (),
        sides=tuple((label, side, words("format.list").join(_models(side, words))) for label, side in sides),
        level=notation.level(first.level),
        margins=_margins(first, words),
        checks=tuple(sorted(checks, key=lambda one: (_rank(one.word), not one.gating))),
        methods=_methods(found, words),
        reading=_reading(first, notation),
    )


def _rank(word: Word) -> int:
    """Return the place of a word among all, the worst first."""
    from audit.compare import WORST_FIRST

    return WORST_FIRST.index(word)


def _candidate(at: int, several: bool, words: Words) -> str:
    return words("compare.candidate", letter=LETTERS[at + 1]) if several else words("compare.b")


def _of(found: Comparison, check: str) -> CheckComparison:
    return next(one for one in found.checks if one.check == check)


def _models(side: ComparedAudit, words: Words) -> Iterable[str]:
    if side.data is not None:
        yield data_text(side.data, words)
    for model in side.models:
        family, modality = words.term("family", model.family), words.term("modality", model.modality)
        told = one_line(words("format.model", name=model.name, family=family, modality=modality), words, 120)
        if model.cut_short:
            short = words("format.cut_short", step=model.cut_short[0], steps=model.cut_short[1])
            told = words("summary.join").join([told, short])
        yield told


def _margins(found: Comparison, words: Words) -> str:
    """Return `0.02, latency 0.5`."""
    named = (f"{one_line(name, words, 60)} {margin:g}" for name, margin in sorted((found.margins.named or {}).items()))
    return words("format.list").join([f"{found.margins.plain:g}", *named])


def _reading(found: Comparison, notation: Notation) -> tuple[str, ...]:
    words, many = notation.words, found.together
    budget = words("compare.budget") if many == 1 else words("compare.together", count=many, times=many + 1)
    rest = ("compare.exploratory", "compare.p_note", "note.intervals", "note.approximate")
    return (words("compare.rule"), budget, *(words(key) for key in rest))


def _sentence_of_all(found: Sequence[Comparison], word: Word, words: Words) -> str:
    """Return `Worse: 1 of 3 candidates; 1 undecided.`"""
    seen = [one.word for one in found]
    count, told = seen.count(word), words.term("compare_word", word)
    parts = [words("compare.of_candidates", word=told, count=count, all=len(found))]
    if word == "worse" and "undecided" in seen:
        parts.append(words("compare.tail_undecided", count=seen.count("undecided")))
    return words("summary.join").join(parts) + words("summary.end")


def _sentence(found: Comparison, words: Words) -> str:
    gating = [one for one in found.checks if one.gating]
    seen = [one.word for one in gating]
    count = sum(one in ("no worse", "better") for one in seen) if found.word == "no worse" else seen.count(found.word)
    parts = [words(f"compare.sentence_{found.word.replace(' ', '_')}", count=count, all=len(gating))]
    if found.word == "worse" and "undecided" in seen:
        parts.append(words("compare.tail_undecided", count=seen.count("undecided")))
    parts[-1] += would_do([one for one in gating if one.word == "undecided"], words, Counting(""), "units")
    if "better" in seen:
        parts.append(words("compare.tail_better", count=seen.count("better")))
    return words("summary.join").join(parts) + words("summary.end")


def _check(each: Sequence[CheckComparison], notation: Notation) -> CheckView:
    words, one = notation.words, each[0]
    word = min((check.word for check in each), key=_rank)
    lettered = list(zip(LETTERS[1:], each, strict=False))
    return CheckView(
        check=one.check,
        anchor=anchor_of(one.check),
        name=one_line(one.check, words, 80),
        probe=one_line(words.term("probe", one.probe), words, 80),
        dimension=one_line(words.term("dimension", one.dimension), words, 40),
        word=word,
        told=words.term("compare_word", word),
        gating=one.gating,
        verdicts=(one.verdicts[0], *(check.verdicts[1] for check in each)),
        whys=tuple((letter, check.word, _why(letter, check, notation)) for letter, check in lettered),
        measures=tuple(_measures(lettered, notation)),
        changes=tuple(
            changes_view(letter, check.changes, notation) for letter, check in lettered if check.changes is not None
        ),
        groups=tuple(_groups(letter, check, notation) for letter, check in lettered if check.groups),
        erased=tuple(_erased(lettered, notation)),
    )


def _erased(lettered: Sequence[tuple[str, CheckComparison]], notation: Notation) -> Iterator[str]:
    """Yield what was erased, of A once."""
    for letter, check, side in [("A", lettered[0][1], "A"), *((letter, one, "B") for letter, one in lettered)]:
        for line in erased_lines((one for of, one in check.erased if of == side), check.check, notation):
            yield notation.words("format.colon", left=letter, right=line)


def _groups(letter: str, one: CheckComparison, notation: Notation) -> GroupsView:
    rows = tuple(_measure([(letter, group)], one.limit, notation) for group in one.groups)
    return GroupsView(letter, rows, _groups_note(one, notation))


def _measures(lettered: Sequence[tuple[str, CheckComparison]], notation: Notation) -> list[MeasureView]:
    """Return each measure with all candidates that have it, in the order of the first that has any."""
    found: dict[tuple[str, str | None], list[tuple[str, MeasureComparison]]] = {}
    for letter, check in lettered:
        for one in check.measures:
            found.setdefault((one.a.name, one.a.group), []).append((letter, one))
    limit = lettered[0][1].limit
    return [_measure(pairs, limit, notation) for pairs in found.values()]


def _groups_note(one: CheckComparison, notation: Notation) -> str:
    """Return how the intervals of groups hold: together, or where they are not paired, one at a time."""
    paired = [group for group in one.groups if group.paired]
    key = "groups_note" if len(paired) == len(one.groups) else "groups_some" if paired else "groups_apart"
    return notation.words(
        f"compare.{key}", level=notation.level((paired or one.groups)[0].difference.level), paired=len(paired),
        count=len(one.groups),
    )


def _label(measure: Measure, words: Words) -> str:
    return measure_name(measure.name, measure.group, words)


def _why(letter: str, one: CheckComparison, notation: Notation) -> str:
    """Return the sentence of a candidate's word, its numbers printed as the rows print them."""
    words, deciding = notation.words, one.deciding
    values: dict[str, Any] = {name: str(value) for name, value in one.reason.items() if name != "key"}
    if values.get("side") == "B":
        values["side"] = letter
    if one.untold is not None:
        values["why"] = reason_text(one.untold, notation).rstrip(".")
    elif "why" in values:
        values["why"] = words.term("cause", values["why"])
    if deciding is not None:
        row = _gap(letter, deciding, notation)
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
    return text if unit == "count" else notation.with_unit(text, unit)


def _measure(
    pairs: Sequence[tuple[str, MeasureComparison]], limit: Limit | None, notation: Notation
) -> MeasureView:
    words, first = notation.words, pairs[0][1]
    word = min((one.word for _, one in pairs), key=_rank)
    sides = [("A", first.a), *((letter, one.b) for letter, one in pairs)]
    return MeasureView(
        name=_label(first.a, words),
        word=word,
        told=words.term("compare_word", word),
        sides=tuple(_side_row(letter, measure, limit, notation) for letter, measure in sides),
        differences=tuple(_gap(letter, one, notation) for letter, one in pairs),
        unit=notation.unit(first.a.unit),
        notes=tuple(dict.fromkeys(_note(one, notation) for _, one in pairs)),
    )


def _note(one: MeasureComparison, notation: Notation) -> str:
    """Return `paired over units; confidence 99 %; p 0.02, sign test`."""
    words = notation.words
    told = [_method(one.difference, words), words("compare.level", level=notation.level(one.difference.level))]
    if one.p is not None:
        test = words.term("compare_test", one.test)
        told.append(words("compare.tested", p=notation.number(one.p, "p-value"), test=test))
    return words("summary.join").join(told)


def _side_row(letter: str, measure: Measure, limit: Limit | None, notation: Notation) -> ComparisonRow:
    row = printed(measure, limit, notation)
    return ComparisonRow(
        letter, letter, measure, row.limit, row.value, row.interval, row.n, row.limit_text, row.undefined
    )


def _gap(letter: str, one: MeasureComparison, notation: Notation) -> ComparisonRow:
    """Return the row of the difference; that of shares is in points, since per cent could mean either."""
    words, measure = notation.words, one.difference
    label = words("compare.difference", letter=letter)
    if one.ideal is not None:
        label = words("compare.distance", letter=letter, ideal=notation.set_number(one.ideal, measure.unit))
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
        letter, label, measure, one.keeps, value, notation.interval(shown, digits), notation.sample(measure.n),
        limit_text, None if measure.undefined is None else notation.cause(measure.undefined), one.word,
        "" if one.p is None else notation.number(one.p, "p-value"), (shown, keeps), one.ideal is not None,
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


def _methods(found: Sequence[Comparison], words: Words) -> tuple[MethodRow[str], ...]:
    uses = (
        (_method(one.difference, words), one_line(check.check, words, 80), one.difference)
        for each in found for check in each.checks for one in check.measures if one.difference.low is not None
    )
    return method_rows(uses, str)
