"""The comparison of audits for programs: canonical JSON, numbers not rounded; the language changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.files import canonical

if TYPE_CHECKING:
    from audit.compare import Comparison

__all__ = ["render_comparison_json"]


def render_comparison_json(found: Sequence[Comparison], lang: str = "en") -> dict[str, bytes]:
    """Return one comparison as one file, several with one baseline as a list in one file."""
    from audit.compare import as_json

    return {f"compare-{found[0].a.id}.json": canonical(as_json(found)) + b"\n"}
