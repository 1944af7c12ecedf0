"""What New York City's Local Law 144 wants published of a check of decisions: numbers, rates and impact ratios.

    rate of a category = selected / persons        impact ratio = its rate / the highest rate of a known category

By each sensitive column alone and by their crossings; persons without a value are counted and left out (6 RCNY 5-301
and 5-303). Rates and their intervals are the record's. The impact ratio is the quotient of two of its rates, as the
rule has it; the record's interval stands beside it where the record compares with the same category. What the rule asks
for and a record does not hold is said in `lacks`, a sentence each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from audit.record import Audit, Finding
from detectors.immutable import immutable
from detectors.result import Measure
from reports.text import Words, one_line

__all__ = ["BiasAudit", "Category", "CategoryTable", "bias_audits"]

_SMALL = 0.02
"""Share of all persons below which an auditor may leave a category out (6 RCNY 5-301(d))."""
_UNKNOWN, _CROSSED = "(no value)", " x "
"""How `bias.decisions` names persons without a value, and joins the values of several columns."""
_SAME = 1e-12


@immutable
class Category:
    """One row of a table."""

    name: str
    persons: int
    selected: int
    rate: Measure
    ratio: float | None
    """None where nobody of a known category was selected."""
    compared: Measure | None
    """The record's ratio, with its interval; None where the record compares with another category."""
    small: bool
    """Whether it holds less than 2 % of all persons."""


@immutable
class CategoryTable:
    """All known categories of one column, or of the crossing of all columns."""

    columns: tuple[str, ...]
    categories: tuple[Category, ...]
    unknown: int
    """Persons without a value in one of the columns."""
    untold: int
    """Persons of categories that the record does not list."""


@immutable
class BiasAudit:
    """What one check of decisions has to publish."""

    check: str
    tables: tuple[CategoryTable, ...]
    scored: bool
    """Whether a score and a threshold decide, so that rates are scoring rates."""
    above_median: bool
    """Whether the threshold is the median of the sample, as the rule has it."""
    data: Mapping[str, object]
    """Source of the decisions, as the record tells it."""
    lacks: tuple[str, ...]


def bias_audits(audit: Audit, words: Words) -> list[BiasAudit]:
    """Return what each measured check of decisions has to publish, in the order of the plan."""
    checks = [one for one in audit.record.findings if one.probe == "bias.decisions" and _rates(one)]
    return [_bias_audit(one, audit, words) for one in checks]


def _bias_audit(finding: Finding, audit: Audit, words: Words) -> BiasAudit:
    columns = tuple(str(one) for one in finding.options.get("sensitive", ()))
    tables = tuple(_tables(finding, columns))
    options = finding.options
    scored = options.get("score") is not None and options.get("decision") is None
    lacks = [*_of_finding(finding, words), *_of_record(audit, words), *_of_columns(columns, words)]
    lacks += _of_tables(finding, tables, words)
    above_median = options.get("threshold") == "median"
    if scored and not above_median:
        lacks.append(words("bias_audit.median", threshold=f"{options.get('threshold'):g}"))
    lacks += [words("bias_audit.explain"), words("bias_audit.self_stated"), words("bias_audit.independent")]
    data = finding.data.get("items", {})
    source = data if isinstance(data, Mapping) else {}
    return BiasAudit(finding.check, tables, scored, above_median, source, tuple(lacks))


def _rates(finding: Finding) -> dict[str, Measure]:
    """Return the selection rate of every group that has one."""
    told = (one for one in finding.measures if one.name == "selection_rate" and one.value is not None)
    return {one.group: one for one in told if one.group is not None}


def _tables(finding: Finding, columns: Sequence[str]) -> Iterator[CategoryTable]:
    """Yield a table for each column, and one for the crossing of all where there are several."""
    rates = _rates(finding)
    if len(columns) == 1:
        yield _table(finding, (columns[0],), {one: one for one in rates if one != _UNKNOWN}, rates)
        return
    known = [_of_column(name, rates) for name in columns]
    for name, groups in zip(columns, known, strict=True):
        yield _table(finding, (name,), groups, {one: rates[one] for one in rates if one.startswith(f"{name}: ")})
    crossed = {one: one for one in map(_CROSSED.join, product(*known)) if one in rates}
    alone = tuple(f"{name}: " for name in columns)
    both = {one: rates[one] for one in rates if not one.startswith(alone) and one not in columns}
    yield _table(finding, tuple(columns), crossed, both)


def _of_column(column: str, rates: Mapping[str, Measure]) -> dict[str, str]:
    """Return value -> group of a column's known values."""
    groups = {one.removeprefix(f"{column}: "): one for one in rates if one.startswith(f"{column}: ")}
    return {value: group for value, group in groups.items() if value != _UNKNOWN}


def _table(
    finding: Finding, columns: tuple[str, ...], known: Mapping[str, str], rates: Mapping[str, Measure]
) -> CategoryTable:
    whole = finding.measure("selection_rate")
    persons = {name: rates[group].n.get("items", 0) for name, group in known.items()}
    told = sum(rates[group].n.get("items", 0) for group in rates)
    total = told if whole is None else max(told, whole.n.get("items", 0))
    highest = max((float(rates[group].value or 0) for group in known.values()), default=0.0)
    rows = []
    for name, group in known.items():
        rate = float(rates[group].value or 0)
        ratio = rate / highest if highest else None
        compared = _compared(finding, group, ratio)
        small = persons[name] < _SMALL * total
        rows.append(Category(name, persons[name], round(rate * persons[name]), rates[group], ratio, compared, small))
    return CategoryTable(columns, tuple(rows), told - sum(persons.values()), total - told)


def _compared(finding: Finding, group: str, ratio: float | None) -> Measure | None:
    """Return the record's ratio of a group where it is this one."""
    record = finding.measure("selection_rate_impact_ratio", group)
    if record is None or record.value is None or ratio is None:
        return None
    return record if abs(record.value - ratio) <= _SAME else None


def _of_finding(finding: Finding, words: Words) -> Iterator[str]:
    if not finding.trusted:
        yield words("bias_audit.not_trusted")


def _of_record(audit: Audit, words: Words) -> Iterator[str]:
    if audit.run is None:
        yield words("bias_audit.no_date")
    yield words("bias_audit.no_use_date")


def _of_columns(columns: Sequence[str], words: Words) -> Iterator[str]:
    if len(columns) == 1:
        yield words("bias_audit.no_crossing", column=one_line(columns[0], words, 60))


def _of_tables(finding: Finding, tables: Sequence[CategoryTable], words: Words) -> Iterator[str]:
    rows = [one for table in tables for one in table.categories]
    if undecided := sum(one.missing for one in finding.measures[:1]):
        yield words("bias_audit.undecided", count=undecided)
    if untold := max((one.untold for one in tables), default=0):
        yield words("bias_audit.untold", count=untold)
    if small := sum(one.small for one in rows):
        yield words("bias_audit.small", count=small)
    if bare := sum(one.ratio is not None and one.compared is None for one in rows):
        yield words("bias_audit.no_interval", count=bare)
    if any(one.ratio is None for one in rows):
        yield words("bias_audit.nobody")
