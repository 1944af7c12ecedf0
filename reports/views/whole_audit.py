"""View models: what every document says of an audit, in its order and with its numbers already printed.

    overview(audit, words) -> Overview       the sentence, what was not measured, findings worst first, methods

HTML, Markdown and JUnit (and the dashboard) draw these, so a reader never meets two versions of one number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from string import ascii_lowercase

from audit.record import DIMENSIONS, Audit, Evidence, Finding, Record, erasures, severity
from audit.verdict import FAR_TOLD, FarOff, contradicts, far_off
from detectors.immutable import immutable
from reports.figures import NO_AXIS, SHARED
from reports.text import Notation, Words, measure_name, one_line, told_in
from reports.views.audited_data import data_text
from reports.views.declarations import declared_text
from reports.views.erased import erased_lines, evidence_left
from reports.views.measure_rows import MeasureRow, MethodRow, method_rows, printed
from reports.views.statistical_notes import (
    Change,
    attempts_text,
    budget_text,
    changes_of,
    controls_text,
    deviates_text,
    effect_text,
    family_text,
)
from reports.views.summary import summary_sentence
from reports.views.verdict_text import reason_text

__all__ = ["Block", "FindingView", "Gap", "Overview", "anchor_of", "far_text", "overview"]



@immutable
class Block:
    """Rows that share a scale and a heading: measures of one unit, or the groups of one measure."""

    label: str
    rows: tuple[MeasureRow, ...]
    reference: MeasureRow | None = None
    """The same measure of all the data, behind the rows of its groups."""

    @property
    def grouped(self) -> bool:
        """Whether the rows speak of slices of the data."""
        return self.rows[0].group is not None

    @property
    def drawn(self) -> bool:
        """Whether there is an axis, and something to draw beside the bare values: an interval or a limit."""
        told = (one for row in self.rows for one in (row.limit, row.measure.low, row.measure.high))
        return self.rows[0].scale != NO_AXIS and any(one is not None for one in told)


@immutable
class FindingView:
    """One finding as it is printed."""

    finding: Finding
    anchor: str
    name: str
    verdict: str
    probe: str
    dimension: str
    why: str
    """The sentence of the verdict."""
    remarks: tuple[str, ...]
    """Sentences on what is to be known beside it."""
    statement: str
    """The sentence and the remarks, where they stand in one text."""
    far: str
    """Measures without a limit that are far off, each with what it is read by (`audit.verdict.ideals`)."""
    far_short: str
    """The one that comes first of them, and how many more there are."""
    far_count: int
    effect: str
    """How little beyond the limit a passed check would have seen; empty where nothing is known."""
    controls: str
    """Whether its controls held, and what they cover; empty where there were none."""
    headline: MeasureRow | None
    blocks: tuple[Block, ...]
    """Measures of all the data by scale, then those of groups by measure, the worst group first."""
    methods: tuple[tuple[str, str], ...]
    """(letter, method), as the rows name them."""
    left_out: int
    """Measures that found no room."""
    erased: tuple[str, ...] = ()
    """What was erased of its evidence, a line each."""
    evidence: tuple[Evidence, ...] = ()
    """The files that it rests on, as far as they were not erased."""

    @property
    def contradicted(self) -> bool:
        """Whether it contradicts what its plan declares; its sentence says so first."""
        return contradicts(self.finding)

    @property
    def rows(self) -> tuple[MeasureRow, ...]:
        """All rows of all blocks."""
        return tuple(row for block in self.blocks for row in block.rows)


@immutable
class Gap:
    """Something that was not measured, and why."""

    view: FindingView
    what: str
    why: str


@immutable
class Overview:
    """All that a document says of an audit."""

    record: Record
    title: str
    sentence: str
    models: tuple[str, ...]
    """`name (family, modality)` of the audited model, or what data were audited without one."""
    dimensions: tuple[tuple[str, tuple[FindingView, ...]], ...]
    """(name, its findings worst first); empty for a dimension that nobody asked about."""
    findings: tuple[FindingView, ...]
    blocks: tuple[Block, ...]
    """Headlines of all findings by scale."""
    gaps: tuple[Gap, ...]
    hurried: str
    """The sentence that names the models whose training was cut short; empty where there is none."""
    unasked: str
    """The sentence that names the dimensions nobody asked about; empty where there is none."""
    methods: tuple[MethodRow[FindingView], ...]
    glosses: tuple[tuple[str, str], ...]
    """(name, what it is) of every measure that has such a sentence, each once."""
    budget: str
    """What the gating checks promise together."""
    family: str
    """How the exploratory checks were judged together; empty where there are fewer than two."""
    deviates: str
    """That the plan is not the registered one; empty where it is."""
    deviations: tuple[Change, ...]
    attempts: tuple[str, ...]
    """A sentence for each check that is not the first attempt."""


def overview(audit: Audit, words: Words, *, most_measures: int = 10**6) -> Overview:
    """Return the view of an audit; `most_measures` is shared evenly by the findings, each keeping at least one."""
    record, notation = audit.record, Notation(words)
    room = max(1, most_measures // max(1, len(record.findings)))
    told = erasures(audit.folder)
    views = tuple(
        replace(
            _finding_view(finding, notation, room), erased=erased_lines(told, finding.check, notation),
            evidence=tuple(evidence_left(told, finding)),
        )
        for finding in sorted(record.findings, key=severity)
    )
    dimensions = tuple(_dimensions(views, words))
    empty = [name for name, found in dimensions if not found]
    return Overview(
        record=record,
        title=one_line(record.title, words),
        sentence=summary_sentence(record, words),
        models=_audited(record, words),
        dimensions=dimensions,
        findings=views,
        blocks=tuple(_headlines(views, words)),
        gaps=tuple(_gaps(views, words)),
        hurried=_hurried(record, words),
        unasked=words("note.not_asked", dimensions=words("format.list").join(empty)) if empty else "",
        methods=_methods(views),
        glosses=tuple(dict.fromkeys((row.name, row.gloss) for view in views for row in view.rows if row.gloss)),
        budget=budget_text(record, notation),
        family=family_text(record, notation),
        deviates=deviates_text(record, notation),
        deviations=changes_of(record, notation),
        attempts=attempts_text(record, notation),
    )


def _dimensions(views: Sequence[FindingView], words: Words) -> Iterable[tuple[str, tuple[FindingView, ...]]]:
    others = sorted({view.finding.dimension for view in views} - set(DIMENSIONS))
    for name in (*DIMENSIONS, *others):
        yield (
            one_line(words.term("dimension", name), words, 40),
            tuple(view for view in views if view.finding.dimension == name),
        )


def anchor_of(check: str) -> str:
    """Return the fragment of a check's link: its name, or for a name that is no plain word its digest."""
    plain = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", check)
    return f"check-{check if plain else sha256(check.encode('utf-8', 'replace')).hexdigest()[:12]}"


def _audited(record: Record, words: Words) -> tuple[str, ...]:
    """Return `name (family, modality)` of the audited model; without one `name (no model: the data themselves)`."""
    main = record.models.get("main")
    if main is not None:
        family, modality = words.term("family", main.family), words.term("modality", main.modality)
        return (one_line(words("format.model", name=main.name, family=family, modality=modality), words, 120),)
    return (words("label.no_model") if record.data is None else data_text(record.data, words),)


def _finding_view(finding: Finding, notation: Notation, room: int) -> FindingView:
    words, headline = notation.words, finding.headline
    kept = [measure for measure in finding.measures if measure is not headline][: room - 1]
    measures = [headline, *kept] if headline else []
    rows = [printed(measure, finding.limit, notation, finding.probe) for measure in measures]
    methods = dict.fromkeys(row.method for row in rows if row.measure.method != "none")
    declared, why = declared_text(finding, notation), reason_text(finding, notation)
    remarks = [*([declared] if declared else []), *(notation.remark(one) for one in finding.remarks)]
    marks = dict(zip(methods, ascii_lowercase + "*" * len(methods), strict=False))
    rows = [replace(row, mark=marks.get(row.method, "")) for row in rows]
    return FindingView(
        finding=finding,
        anchor=anchor_of(finding.check),
        name=one_line(finding.check, words, 80),
        verdict=words(f"verdict.{finding.verdict}"),
        probe=one_line(words.term("probe", finding.probe), words, 80),
        dimension=one_line(words.term("dimension", finding.dimension), words, 40),
        why=why,
        remarks=tuple(remarks),
        statement=_statement(why, remarks),
        far=far_text(finding, notation),
        far_short=far_text(finding, notation, 1),
        far_count=len(far_off(finding)),
        effect=effect_text(finding, notation),
        controls=controls_text(finding, notation),
        headline=rows[0] if rows else None,
        blocks=tuple(_blocks(finding.probe, rows, words)),
        methods=tuple((mark, method) for method, mark in marks.items()),
        left_out=len(finding.measures) - len(rows),
    )


def _statement(why: str, remarks: Sequence[str]) -> str:
    """Return a sentence and what is to be known beside it as one text."""
    ended = f"{why}." if remarks and why and not why.endswith((".", "!", "?")) else why
    return " ".join([*filter(None, [ended]), *remarks])


def far_text(finding: Finding, notation: Notation, most: int = FAR_TOLD) -> str:
    """Return the measures without a limit that are far off, each with what it is read by; empty where none is."""
    words, far = notation.words, far_off(finding)
    told = words("summary.join").join(_one_far(finding.probe, one, notation) for one in far[:most])
    return told if len(far) <= most else words("format.and_more", text=told, count=len(far) - most)


def _one_far(probe: str, far: FarOff, notation: Notation) -> str:
    """Return `kernel distance (KID) 43.7 against a baseline of 0.00796`."""
    words, measure = notation.words, far.measure
    name = measure_name(measure.name, measure.group, words)
    assert measure.value is not None
    unit, times = told_in(probe, measure, words)
    number, reference = (notation.number(times * value, unit) for value in (measure.value, far.reference))
    key = "far.ideal" if far.baseline is None else "far.baseline"
    return one_line(words(key, measure=name, value=notation.with_unit(number, unit), reference=reference), words, 200)


def _blocks(probe: str, rows: Sequence[MeasureRow], words: Words) -> Iterable[Block]:
    whole = [row for row in rows if row.group is None]
    yield from _by_scale(whole, words)
    for name in dict.fromkeys(row.measure.name for row in rows if row.group is not None):
        slices = [row for row in rows if row.measure.name == name and row.group is not None]
        reference = next((row for row in whole if row.measure.name == name), None)
        label = words("label.by_group", measure=slices[0].name, kind=_kind_of_group(probe, name, words))
        yield Block(label, tuple(sorted(slices, key=_group_badness)), reference)


def _kind_of_group(probe: str, name: str, words: Words) -> str:
    """Return what the slices of a measure are: groups of people, where nobody has told it otherwise."""
    kinds = words.catalogue["grouped_by"]
    return str(kinds.get(f"{probe}:{name}") or kinds.get(name) or words("label.group"))


def _headlines(views: Sequence[FindingView], words: Words) -> Iterable[Block]:
    """Yield the headlines; only those whose axis is the same in every check stand under one."""
    kept: dict[tuple[str, str], list[MeasureRow]] = {}
    for view in views:
        if view.headline is not None:
            scale = view.headline.scale
            kept.setdefault((scale, "" if scale in SHARED else view.anchor), []).append(view.headline)
    yield from (Block(words("col.measure"), tuple(rows)) for rows in kept.values())


def _by_scale(rows: Sequence[MeasureRow], words: Words) -> Iterable[Block]:
    """Yield the rows of each scale; those of scales of which nothing is drawn stand together by their unit."""
    kinds: dict[tuple[bool, str], list[MeasureRow]] = {}
    for scale in dict.fromkeys(row.scale for row in rows):
        block = Block("", tuple(row for row in rows if row.scale == scale))
        own = block.drawn or scale == NO_AXIS
        kinds.setdefault((own, scale if own else block.rows[0].unit), []).extend(block.rows)
    yield from (Block(words("col.measure"), tuple(some)) for some in kinds.values())


def _group_badness(row: MeasureRow) -> tuple[bool, float, str]:
    """Worst value first, undefined last; by name where no way is better."""
    measure = row.measure
    if measure.value is None:
        return True, 0.0, row.group or ""
    if measure.direction == "nearer to ideal is better" and measure.ideal is not None:
        return False, -abs(measure.value - measure.ideal), row.group or ""
    turn = {"lower is better": -1.0, "higher is better": 1.0}.get(measure.direction, 0.0)
    return False, turn * measure.value, row.group or ""


def _gaps(views: Sequence[FindingView], words: Words) -> Iterable[Gap]:
    """Skipped and crashed checks, then measures without a value, groups of one reason together."""
    for view in views:
        if view.finding.verdict in ("skipped", "crashed"):
            yield Gap(view, view.verdict, view.why)
    for view in views:
        holes = [row for row in view.rows if row.undefined is not None]
        for (name, reason), rows in groupby(holes, key=lambda row: (row.name, row.undefined)):
            groups = [row.group for row in rows if row.group is not None]
            shown = words("format.list").join(groups[:5])
            if len(groups) > 5:
                shown = words("format.and_more", text=shown, count=len(groups) - 5)
            yield Gap(view, words("gap.measure_of", measure=name, groups=shown) if groups else name, reason or "")


def _hurried(record: Record, words: Words) -> str:
    named = [one_line(one.name, words, 40) for one in record.models.values() if one.cut_short]
    return words("note.hurried", models=words("format.list").join(named)) if named else ""


def _methods(views: Sequence[FindingView]) -> tuple[MethodRow[FindingView], ...]:
    uses = ((row.method, view, row.measure) for view in views for row in view.rows if row.mark)
    return method_rows(uses, lambda view: view.anchor)
