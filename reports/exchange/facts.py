"""What every exchange format takes from an audit: ids, the time of the run, sentences, and the data that were used.

    id = uuid5(namespace, digest of record.json, what it is an id of)      time = end of the run, UTC

So the same audit gives the same bytes, and another record gives other ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from audit.errors import UsageError
from audit.files import digest_file
from detectors.immutable import immutable
from reports.text import Words, one_line

if TYPE_CHECKING:
    from audit.record import Audit, Finding, Record
    from reports.views import FindingView

__all__ = [
    "HOME", "Source", "audited_name", "finished", "objective", "sources", "token", "uid",
]

HOME = "urn:dokimasia"
"""Names that are ours begin so."""
_SPACE = uuid5(NAMESPACE_URL, HOME)


@immutable
class Source:
    """Data that a check used, as the record tells of them."""

    role: str
    name: str
    digest: str
    items: int | None
    licence: str | None
    cite: str | None

    @property
    def hexadecimal(self) -> str:
        """The digest without its algorithm; empty where it is no SHA-256."""
        found = re.fullmatch(r"sha256:([0-9a-f]{64})", self.digest)
        return found[1] if found else ""


def uid(audit: Audit, *parts: str) -> str:
    """Return the UUID of a part of this audit, named by its path within it."""
    from audit.record import RECORD_FILE

    return str(uuid5(uuid5(_SPACE, digest_file(audit.folder / RECORD_FILE)), "\0".join(filter(None, parts))))


def finished(audit: Audit, format: str) -> str:
    """Return when the run ended, `2026-11-28T09:00:00Z`; UsageError where the audit's folder does not tell it."""
    told = None if audit.run is None else audit.run.finished
    try:
        moment = datetime.fromisoformat(told or "")
    except ValueError:
        raise UsageError(
            "report {format}: got no time of the run, which the format demands; allowed: an audit with its run.json",
            format=format,
        ) from None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def objective(view: FindingView, words: Words) -> str:
    """Return what the limit of a check asks to be shown."""
    row = view.headline
    if row is None or not row.limit_text:
        return words("exchange.objective_of", check=view.name)
    return words("exchange.objective", measure=row.name, limit=row.limit_text)


def sources(findings: list[Finding], words: Words) -> list[Source]:
    """Return the data of findings, each once, in the order of the record."""
    told: dict[tuple[str, str], Source] = {}
    for finding in findings:
        for source in _sources(finding.data, words):
            told.setdefault((source.name, source.digest), source)
    return list(told.values())


def _sources(data: Mapping[str, Any], words: Words) -> Iterator[Source]:
    for role, told in data.items():
        said = told if isinstance(told, Mapping) else {}
        named = [said.get(key) for key in ("path", "set", "name", "use")]
        parts = [str(one) for one in (next((one for one in named if one), role), said.get("part")) if one]
        count, licence, cite = (said.get(key) for key in ("items", "licence", "cite"))
        yield Source(
            role=one_line(role, words, 40) or "-",
            name=one_line(" ".join(parts), words, 120) or "-",
            digest=str(said.get("digest") or ""),
            items=count if isinstance(count, int) else None,
            licence=one_line(str(licence), words, 200) if licence else None,
            cite=one_line(str(cite), words, 400) if cite else None,
        )


def audited_name(record: Record, words: Words) -> str:
    """Return the name of the audited model, else of the audited data."""
    main = record.models.get("main")
    told = main.name if main else record.data.name if record.data else record.title
    return one_line(told, words, 120) or "-"


def token(text: str) -> str:
    """Return a name made of letters, digits, points, lines below and between, as ids in files of others are."""
    told = re.sub(r"[^0-9A-Za-z._-]", "_", text)
    return told if told[:1].isalpha() else f"_{told}"
