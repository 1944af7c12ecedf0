"""A file with signed origin: IPTC's source type and China's label in its metadata, then a signed manifest, then read.

    signed(data, chain, key) -> bytes        raises where the certificate's preflight or the re-reading fails

What is signed is read again before it is handed out: signing may return a file without a mark and say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from audit.errors import ModelError, UsageError
from audit.watermarks.origin.certificates import algorithm_of, preflight
from audit.watermarks.origin.containers import with_xmp, xmp_of
from audit.watermarks.origin.parser import Parser
from audit.watermarks.origin.reading import Origin, media_type, read_origin
from audit.watermarks.origin.sources import AIGC_FIELDS, SOURCE_TYPES, aigc_label
from audit.watermarks.origin.xmp import packet_with
from detectors.immutable import immutable

__all__ = ["Declaration", "signed"]


@immutable
class Declaration:
    """What a file shall say of itself."""

    model: str | None = None
    """Name of the model that made it, for the manifest's software agent."""
    version: str | None = None
    """Its version."""
    when: str | None = None
    """When the file was made, as RFC 3339 has it; None = the manifest does not say."""
    source: str = "trainedAlgorithmicMedia"
    """IPTC's term of its digital source type."""
    aigc: Mapping[str, str] | None = None
    """Fields of GB 45438-2025's label; None = the file gets none."""
    metadata: bool = True
    """Whether XMP says it too, which PNG and JPEG can hold here."""

    def __post_init__(self) -> None:
        """Refuse a term that is none, and a label that says nothing."""
        if not self.source.isalnum():
            raise ValueError(f"source: got {self.source!r}; allowed: a term of {SOURCE_TYPES}")
        if self.aigc is not None and (aigc_label(dict(self.aigc)) is None or set(self.aigc) - set(AIGC_FIELDS)):
            allowed = f"Label 1, 2 or 3, {', '.join(AIGC_FIELDS[1:])}"
            raise ValueError(f"aigc: got {', '.join(self.aigc)}; allowed: {allowed}")

    def manifest(self) -> dict[str, Any]:
        """Return the manifest that is signed."""
        action: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + self.source}
        if self.model is not None:
            action["softwareAgent"] = {"name": self.model, **({"version": self.version} if self.version else {})}
        if self.when is not None:
            action["when"] = self.when
        return {
            "claim_generator_info": [{"name": "dokimasia", "version": version("dokimasia")}],
            "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
        }


def signed(
    data: bytes, chain: bytes, key: bytes, parser: Parser, statement: Declaration = Declaration(), *, name: str = "",
) -> tuple[bytes, Origin]:  # fmt: skip
    """Return (the signed file, what is read in it), by an entered parser.

    Raises UsageError for a chain or key that a library would refuse or a reader call invalid, naming the field, for a
    format that cannot be signed; ModelError where what was signed does not read as it should.
    """
    listed = parser.trust.get("trust_config", "").splitlines()
    found = preflight(chain, key, listed=listed)
    if found.outcome in ("refused", "invalid"):
        first = found.problems[0]
        raise UsageError("certificate: {field} {what}", field=first.field, what=first.what)
    kind = media_type(data, name)
    marked = _with_metadata(data, statement) if statement.metadata and kind in ("image/png", "image/jpeg") else data
    job = {"do": "sign", "type": kind, "algorithm": algorithm_of(key), "manifest": statement.manifest()}
    answer = parser.ask(job, marked, chain, key)
    if answer.problem is not None:
        raise UsageError("{name}: cannot be signed: {why}", name=name or kind, why=answer.problem)
    origin = read_origin(answer.data, parser, name)
    wanted = "Trusted" if "user_anchors" in parser.trust else "Valid"
    if origin.state not in ("Trusted", wanted) or statement.source not in origin.source_types.get("c2pa", ()):
        raise ModelError(
            "{name}: was signed and reads {state}, not {wanted}", name=name or kind,
            state=origin.state or origin.problem, wanted=wanted,
        )
    return answer.data, origin


def _with_metadata(data: bytes, statement: Declaration) -> bytes:
    try:
        return with_xmp(data, packet_with(xmp_of(data), source=statement.source, aigc=statement.aigc))
    except ValueError as error:
        raise UsageError("{why}", why=str(error)) from None
