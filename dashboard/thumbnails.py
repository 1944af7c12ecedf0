"""The pictures of an audit's findings, drawn once for each record and state of its items.

    thumbnails_of(name, lang) -> {check: img}         the first of each finding, small
    drawn_once(name, check, lang) -> pictures         all of one finding; warm both cost a look at the files' times
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from audit.files import digest_file
from audit.record import RECORD_FILE, Finding
from dashboard.loading import folder_of, opened
from dashboard.rendering import picture
from reports.pictures import Picture, pictures_of, thumbnail
from reports.text import Notation, words_of

__all__ = ["drawn_once", "thumbnails_of"]


def thumbnails_of(name: str, lang: str) -> Mapping[str, Markup]:
    """Return check -> the first picture of its finding; those that have none are left out. Raises as `opened` does."""
    findings = opened(name).record.findings
    return _drawn(name, _record_of(folder_of(name)), lang, tuple(_written(folder_of(name), one) for one in findings))


def drawn_once(name: str, check: str, lang: str) -> tuple[Picture, ...]:
    """Return the pictures of a finding, as `reports.pictures.pictures_of` draws them. Raises as `opened` does."""
    written = _written(folder_of(name), opened(name).finding(check))
    return _whole(name, check, _record_of(folder_of(name)), lang, written)


@lru_cache(maxsize=32)
def _whole(name: str, check: str, record: str, lang: str, written: tuple[int, ...]) -> tuple[Picture, ...]:
    audit = opened(name)
    return pictures_of(audit, audit.finding(check), Notation(words_of(lang)))


@lru_cache(maxsize=64)
def _drawn(name: str, record: str, lang: str, written: tuple[tuple[int, ...], ...]) -> Mapping[str, Markup]:
    audit, notation = opened(name), Notation(words_of(lang))
    found = {one.check: pictures_of(audit, one, notation, most=1) for one in audit.record.findings}
    return {check: picture(thumbnail(pictures[0])) for check, pictures in found.items() if pictures}


def _record_of(folder: Path) -> str:
    facts = (folder / RECORD_FILE).stat()
    return _digest(folder / RECORD_FILE, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=4096)
def _digest(path: Path, mtime_ns: int, size: int) -> str:
    return digest_file(path)


def _written(folder: Path, finding: Finding) -> tuple[int, ...]:
    """Return when what is drawn was last changed; a file that is not there is left out."""
    found = []
    for one in finding.evidence:
        with suppress(OSError):
            found.append((folder / one.path).stat().st_ctime_ns)
    return tuple(found)
