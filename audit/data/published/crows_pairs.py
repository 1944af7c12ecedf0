"""CrowS-Pairs (arXiv:2010.00133): sentence pairs of which one is more stereotyped."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import ClassVar

from audit.data.tabular import File, KnownLayout
from detectors.immutable import immutable

__all__ = ["CrowSPairs"]

_CROWS_PAIRS = {
    "more": "sent_more", "less": "sent_less", "stereo": "stereo_antistereo", "group": "bias_type", "unit": "anon_writer"
}


@immutable
class CrowSPairs(KnownLayout):
    """CrowS-Pairs as published (Nangia et al. 2020): `more`, `less`, `group` (bias type), `unit` (writer), `stereo`."""

    path: Path
    """The published CSV."""
    licence: str | None = field(default="CC BY-SA 4.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Nangia et al. 2020, arXiv:2010.00133", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_pairs",)

    def _file(self) -> File:
        return File(self.path, "csv", _CROWS_PAIRS, sha256=self.sha256)
