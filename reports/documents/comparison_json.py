"""The comparison of two audits for programs: canonical JSON, numbers not rounded; the language changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.files import canonical

if TYPE_CHECKING:
    from audit.compare import Comparison

__all__ = ["render_comparison_json"]


def render_comparison_json(found: Comparison, lang: str = "en") -> dict[str, bytes]:
    """Return the comparison as one file."""
    return {f"compare-{found.a.id}.json": canonical(found.as_json()) + b"\n"}
