"""What files say of their origin, read under a stated anchor: content credentials, IPTC's source type, AIGC label.

    Trusted   whole, and signed by somebody whom the anchor vouches for
    Valid     whole, and signed by somebody whom nobody vouches for: not trusted
    Invalid   altered, or signed with a certificate that must not sign
    none      no manifest. That proves nothing: whoever encodes a file anew removes it without a trace
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from audit.watermarks.origin.certificates import certificates_in
from audit.watermarks.origin.parser import Answer, Parser
from audit.watermarks.origin.sources import in_conflict, said_by, term_of
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["STATES", "Origin", "media_type", "origin_of", "read_origin", "read_origins", "trusting"]

STATES = ("Trusted", "Valid", "Invalid", "none")
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"fLaC", "audio/flac"), (b"ID3", "audio/mpeg"),
    (b"%PDF-", "application/pdf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/avi"}
_MEDIA = {b"avif": "image/avif", b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif",
          b"qt  ": "video/quicktime"}  # fmt: skip
_MOST_SAID = 200
_NO_PLACE = "NotSupported"
"""How the library begins to say that it knows no place for a manifest in files of a type."""


@immutable
class Origin:
    """What one file says."""

    state: str | None = None
    """One of `STATES`; None where it could not be read."""
    problem: Cause | None = None
    """Why it could not."""
    failures: tuple[str, ...] = ()
    """C2PA's codes of what is wrong, e.g. `assertion.dataHash.mismatch`."""
    signer: str | None = None
    """Who the certificate says signed."""
    manifests: tuple[Mapping[str, Any], ...] = ()
    """`label`, `id`, `generator`, `signer`, `time` (of a time stamp), `assertions`, `actions` (`action`, `source`,
    `agent`, `version`, `when`), `ingredients` (labels, or titles) of each, the active one first."""
    source_types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Layer (`c2pa`, `xmp`) -> IPTC's terms in it."""
    aigc: Mapping[str, str] | None = None
    """Fields of China's label, where there is one."""
    broken: str | None = None
    """What is wrong with the XMP packet, where there is one that cannot be read."""

    @property
    def layers(self) -> dict[str, str | None]:
        """Return what each layer that is there says: `camera`, `human`, `model` or None."""
        told: dict[str, str | None] = {name: said_by(terms) for name, terms in self.source_types.items()}
        return told if self.aigc is None else {**told, "aigc": "model"}

    @property
    def conflict(self) -> bool:
        """Whether one layer says model and another camera or human."""
        return in_conflict(self.layers)


def trusting(anchors: bytes | None, listed: Sequence[str] = ()) -> dict[str, str]:
    """Return the settings of trust in certificates of PEM, and in purposes that are listed; raises UsageError."""
    told = {}
    if anchors:
        certificates_in(anchors, "anchor")
        told["user_anchors"] = anchors.decode("ascii", "replace")
    if listed:
        told["trust_config"] = "\n".join(("1.3.6.1.5.5.7.3.4", *listed))
    return told


def media_type(data: bytes, name: str = "") -> str:
    """Return the media type of a file by how it begins, else by its name's ending."""
    for begins, kind in _BEGINNINGS:
        if data.startswith(begins):
            return kind
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    if data[4:8] == b"ftyp":
        return _MEDIA.get(data[8:12], "video/mp4")
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def read_origins(files: Iterable[tuple[str, bytes]], parser: Parser) -> Iterator[Origin]:
    """Yield the origin of each (name, bytes), all read by the one child of an entered parser."""
    for name, data in files:
        yield read_origin(data, parser, name)


def read_origin(data: bytes, parser: Parser, name: str = "") -> Origin:
    """Return the origin of a file's bytes; `name` tells its type where the bytes do not."""
    if not data:
        return Origin(problem=Cause("the file is empty"))
    return origin_of(parser.ask({"do": "read", "type": media_type(data, name)}, data))


def origin_of(answer: Answer) -> Origin:
    """Return what the child's answer to the job `read` says of a file."""
    if answer.problem is not None:
        return Origin(problem=answer.problem)
    told = answer.told["xmp"]
    xmp = {"xmp": (told["source"],)} if "source" in told else {}
    rest: dict[str, Any] = {"aigc": told.get("aigc"), "broken": told.get("problem")}
    if "said" in answer.told:
        why = " ".join(answer.told["said"].split())[:_MOST_SAID]
        unread = Cause("its manifest cannot be read ({why})", why=why)
        problem = Cause("no manifest has a place in files of its format") if why.startswith(_NO_PLACE) else unread
        return Origin(problem=problem, source_types=xmp, **rest)
    if answer.told["store"] is None:
        return Origin("none", source_types=xmp, **rest)
    store = json.loads(answer.told["store"])
    manifests = _manifests(store)
    terms = _terms(store)
    signer = manifests[0]["signer"] if manifests else None
    found = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    return Origin(
        str(store.get("validation_state")), failures=tuple(dict.fromkeys(str(one.get("code")) for one in found)),
        signer=signer, manifests=manifests, source_types={**({"c2pa": terms} if terms else {}), **xmp}, **rest,
    )


def _manifests(store: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the manifests of a store, the active one first."""
    active, there = store.get("active_manifest"), dict(store.get("manifests", {}))
    names = sorted(there, key=lambda name: name != active)
    return tuple(_manifest(name, there[name]) for name in names)


def _manifest(name: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
    signature = told.get("signature_info", {})
    return {
        "label": name,
        "id": told.get("instance_id"),
        "generator": ", ".join(map(_versioned, told.get("claim_generator_info", []))),
        "signer": signature.get("issuer") or signature.get("common_name"),
        "time": signature.get("time"),
        "assertions": [str(one.get("label")) for one in told.get("assertions", [])],
        "actions": [
            {
                "action": str(one.get("action")), "source": term_of(one.get("digitalSourceType")),
                **_agent(one.get("softwareAgent")), "when": one.get("when"),
            }
            for one in _actions(told)
        ],
        "ingredients": [
            str(one.get("active_manifest") or one.get("title")) for one in told.get("ingredients", [])
        ],
    }  # fmt: skip


def _versioned(told: Mapping[str, Any]) -> str:
    return " ".join(str(one) for one in (told.get("name"), told.get("version")) if one)


def _agent(told: Any) -> dict[str, str | None]:
    """Return the program that an action names: a text in the first version of actions, name and version since."""
    named = told if isinstance(told, dict) else {"name": told}
    return {
        name: one if isinstance(one := named.get(key), str) else None
        for name, key in (("agent", "name"), ("version", "version"))
    }


def _terms(store: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the source types of the active manifest's actions, those of all manifests where it has none."""
    active = store.get("active_manifest")
    by_manifest = {name: _terms_in(one) for name, one in store.get("manifests", {}).items()}
    every = by_manifest.get(active) or [term for terms in by_manifest.values() for term in terms]
    return tuple(dict.fromkeys(every))


def _terms_in(manifest: Mapping[str, Any]) -> list[str]:
    terms = (term_of(one.get("digitalSourceType")) for one in _actions(manifest))
    return [term for term in terms if term is not None]


def _actions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = list[Mapping[str, Any]]()
    for assertion in manifest.get("assertions", []):
        data = assertion.get("data")
        if str(assertion.get("label")).startswith("c2pa.actions") and isinstance(data, dict):
            found += [one for one in data.get("actions", []) if isinstance(one, dict)]
    return found

