"""What findings and measures are called on the terminal: in plain words where reports are installed, else as recorded.

    sentence(finding)    In 54.1 % of pairs the model prefers the stereotype ([44.1 %, 63.9 %] at 97.5 % confidence; ...
    clause(finding)      In 54.1 % of pairs the model prefers the stereotype (limit at most 60 %)
    far_off_text(finding)     kernel distance (KID) 43.7 against a baseline of 0.00796
    about(probe, name)   how often the model finds the stereotyping sentence of a pair the likelier one; ...
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from audit import plugins

if TYPE_CHECKING:
    from audit.record import Finding

__all__ = ["about", "clause", "far_off_text", "sentence"]


class _Sentences(Protocol):
    """What the entry point `english` names."""

    def finding_told(self, finding: Finding) -> str: ...
    def brief_told(self, finding: Finding) -> str: ...
    def far_told(self, finding: Finding) -> str: ...
    def measure_told(self, probe: str, name: str) -> tuple[str, str]: ...


@cache
def _installed() -> _Sentences | None:
    return cast("_Sentences", plugins.load("sentences", "english")) if plugins.names("sentences") else None


def sentence(finding: Finding) -> str:
    """Return what a value means, what was allowed and what would decide."""
    installed = _installed()
    return finding.why if installed is None else installed.finding_told(finding)


def clause(finding: Finding) -> str:
    """Return the same as short as can be, without a full stop."""
    installed = _installed()
    return finding.why.partition(";")[0].rstrip(".") if installed is None else installed.brief_told(finding)


def far_off_text(finding: Finding) -> str:
    """Return which measures without a limit are far off; empty where none is."""
    installed = _installed()
    return "" if installed is None else installed.far_told(finding)


def about(probe: str, name: str) -> str:
    """Return what a measure is, under the name that readers see; empty where nobody has told it."""
    installed = _installed()
    return "" if installed is None else ". ".join(filter(None, installed.measure_told(probe, name)))
