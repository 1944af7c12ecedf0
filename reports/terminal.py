"""What the terminal says of findings and measures: the English sentences of every other reader's page.

`audit` imports nothing from here; it finds this module by its entry point, as it does everything that may be absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.text import Notation, gloss, measure_name, words_of

if TYPE_CHECKING:
    from audit.record import Finding

__all__ = ["brief_told", "declared_told", "far_told", "finding_told", "measure_called", "measure_told"]


def finding_told(finding: Finding) -> str:
    """Return the sentence of a finding: what its value means, what was allowed, what would decide."""
    from reports.views import reason_text

    return reason_text(finding, _english())


def brief_told(finding: Finding) -> str:
    """Return the same in a clause."""
    from reports.views import brief_text

    return brief_text(finding, _english())


def far_told(finding: Finding) -> str:
    """Return which of its measures without a limit are far off; empty where none is."""
    from reports.views import far_text

    return far_text(finding, _english())


def declared_told(finding: Finding) -> str:
    """Return what became of a declared number that is not contradicted; empty where there is none."""
    from reports.views import declared_text

    return declared_text(finding, _english())


def measure_called(name: str, group: str | None) -> str:
    """Return the name of a measure, with its group."""
    return measure_name(name, group, words_of("en"))


def measure_told(probe: str, name: str) -> str:
    """Return the sentence that says what a measure is; empty where there is none."""
    return gloss(probe, name, words_of("en"))


def _english() -> Notation:
    return Notation(words_of("en"))
