"""What findings and measures are called on the terminal: in plain words where reports are installed, else as recorded.

    sentence(finding)    In 54.1 % of pairs the model prefers the stereotype ([44.1 %, 63.9 %] at 97.5 % confidence; ...
    clause(finding)      In 54.1 % of pairs the model prefers the stereotype (limit at most 60 %)
    far_off_text(finding)     kernel distance (KID) 43.7 against a baseline of 0.00796
    called(name)         kernel distance (KID)
    about(probe, name)   kernel distance (KID). How far draws are from real items as a whole: ...
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from audit import plugins

if TYPE_CHECKING:
    from audit.record import Finding

__all__ = ["about", "called", "clause", "declared_text", "far_off_text", "sentence"]


class _Sentences(Protocol):
    """What the entry point `english` names."""

    def finding_told(self, finding: Finding) -> str: ...
    def brief_told(self, finding: Finding) -> str: ...
    def far_told(self, finding: Finding) -> str: ...
    def declared_told(self, finding: Finding) -> str: ...
    def measure_called(self, name: str, group: str | None) -> str: ...
    def measure_told(self, probe: str, name: str) -> str: ...


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


def declared_text(finding: Finding) -> str:
    """Return what became of a declared number that is not contradicted, which the sentence says; empty without one."""
    installed = _installed()
    return "" if installed is None else installed.declared_told(finding)


def called(name: str, group: str | None = None) -> str:
    """Return the name of a measure, as every reader sees it."""
    installed = _installed()
    return name.replace("_", " ") if installed is None else installed.measure_called(name, group)


def about(probe: str, name: str) -> str:
    """Return what a measure is, under its name."""
    installed = _installed()
    return f"{called(name)}. {'' if installed is None else installed.measure_told(probe, name)}".strip()
