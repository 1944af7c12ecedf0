"""What is known to be wrong with a published data set is told before the numbers that it gives.

    source.known_issues = ("issues_pairs",)  ->  remark {"key": "issues_pairs"}  ->  a sentence in any language
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit import plugins
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.record import Finding

__all__ = ["issues_of", "told_of_issues"]


def issues_of(finding: Finding) -> list[str]:
    """Return the known issues of the data sources that a finding rests on, each once; none of one not installed."""
    found: dict[str, None] = {}
    for facts in finding.data.values():
        try:
            source = plugins.load("data", str(facts.get("use"))) if isinstance(facts, dict) else None
        except UsageError:
            continue
        found |= dict.fromkeys(getattr(source, "known_issues", ()))
    return list(found)


def told_of_issues(finding: Finding) -> Finding:
    """Return the finding with a remark for every known issue of its data."""
    told: list[dict[str, str | float]] = [{"key": key} for key in issues_of(finding)]
    return finding.model_copy(update={"remarks": [*told, *finding.remarks]}) if told else finding
