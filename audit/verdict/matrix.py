"""Audits against dimensions, as terminal, index page and dashboard show them: what one audit puts into its row.

    matrix_row(record) -> MatrixRow      of each dimension the worst finding; what is wrong, the worst first
    badness(verdict, findings)           what rows are sorted by

So the three agree: each prints what stands here and selects nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from audit import plugins
from audit.record import DIMENSIONS, UNSETTLED, WORST_FIRST, Finding, Judged, Record, Verdict, decided, severity
from audit.verdict.declared import contradicts
from audit.verdict.ideals import far_off
from detectors.immutable import immutable

__all__ = ["OTHER", "MatrixCell", "MatrixRow", "badness", "dimensions_of", "matrix_row"]

OTHER = "other"
"""Where findings of dimensions stand of which no probe is installed."""


@immutable
class MatrixCell:
    """What one audit found in one dimension."""

    worst: Finding
    checks: int
    """Checks of this dimension."""
    far: int
    """Their measures without a limit that are far off."""


@immutable
class MatrixRow:
    """What is told of one audit."""

    audited: str
    """Name of the audited model, never of a helper; of the data where these were audited without one."""
    cells: Mapping[str, MatrixCell]
    """Dimension -> what was found, for those that somebody asked about; those of no installed probe are `OTHER`."""
    wrong: tuple[Finding, ...]
    """What failed, crashed, is undecided or contradicts what somebody declares, the worst first."""
    decided: tuple[int, int]
    """(gating checks that passed or failed, gating checks)."""
    far: int
    """Measures without a limit that are far off."""


def matrix_row(record: Record) -> MatrixRow:
    """Return the row of an audit."""
    ranked = sorted(record.findings, key=severity)
    asked: dict[str, list[Finding]] = {}
    for one in ranked:
        asked.setdefault(one.dimension if one.dimension in _known() else OTHER, []).append(one)
    cells = {name: _cell(found) for name, found in asked.items()}
    return MatrixRow(
        audited=_audited(record),
        cells=cells,
        wrong=tuple(one for one in ranked if one.verdict in UNSETTLED or contradicts(one)),
        decided=decided(ranked),
        far=sum(cell.far for cell in cells.values()),
    )


def dimensions_of(rows: Iterable[MatrixRow]) -> list[str]:
    """Return the dimensions that somebody asked about: ours in their order, those of other packages, `OTHER`.

    So a record of others that invents names adds one column to everybody's matrix at most.
    """
    asked = {name for row in rows for name in row.cells}
    return [name for name in (*_known(), OTHER) if name in asked]


@cache
def _known() -> tuple[str, ...]:
    """Return ours, then those of the probes of other packages, by name: `order` of `order.successors`."""
    return tuple(dict.fromkeys((*DIMENSIONS, *(name.partition(".")[0] for name in plugins.names("probes")))))


def badness(verdict: Verdict, findings: Iterable[Judged]) -> tuple[int, int, int]:
    """Return what audits are sorted by, worst first: the verdict, then how much fails, then how much is open."""
    found = [one.verdict for one in findings]
    return WORST_FIRST.index(verdict), -found.count("failed"), -sum(one in UNSETTLED for one in found)


def _cell(ranked: list[Finding]) -> MatrixCell:
    return MatrixCell(ranked[0], len(ranked), sum(len(far_off(one)) for one in ranked))


def _audited(record: Record) -> str:
    audited = record.models.get("main") or record.data
    return record.title if audited is None else audited.name
