"""The comparison of two audits for programs: canonical JSON, numbers not rounded; the language changes nothing."""

from __future__ import annotations

from audit.compare import Comparison
from audit.files import canonical

__all__ = ["render_comparison_json"]


def render_comparison_json(found: Comparison, lang: str = "en") -> dict[str, bytes]:
    """Return the comparison as one file."""
    return {f"compare-{found.a.id}.json": canonical(found.as_json()) + b"\n"}
