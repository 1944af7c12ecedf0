"""Reading files of outputs: what they say of their origin, parsed in one child for a whole run, and marks in them.

A picture, sound or video in which the mark of a key is found was made, or marked, by who has the key: a layer of its
own, `mark`, that says model. It may contradict what the file says of itself.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from audit import plugins
from audit.errors import DokimasiaError, LibraryError
from audit.files import canonical, decoding
from audit.watermarks.keys import MarkKey, read_mark_key
from audit.watermarks.origin import Origin, Parser, read_origin, require_c2pa, trusting
from audit.watermarks.text.finding import Sought
from audit.watermarks.text.keyed import read_text_key
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    from audit.probe import Observed
    from detectors.provenance.image.bits import Evidence

__all__ = ["FileMark", "FileReader", "anchors_of", "decoded", "digest_of", "keys_of", "said", "tree_of"]

_DEEPEST = 10
_MODEL = "trainedAlgorithmicMedia"
_NOTHING = Cause("there is nothing to read: it is empty, too large, or no regular file")


@immutable
class FileMark:
    """What keys say of one picture, sound or video."""

    log10_p: float | None
    """Of the likeliest key, all keys of its kind counted; None where the file is too small or flat to hold a mark."""
    key: str | None = None
    """Id of the key whose mark it carries; None = none is found."""


@dataclass
class FileReader:
    """Reads files under anchors and keys by one child, which starts with the first file and ends when this is left."""

    anchors: bytes = b""
    """Certificates in PEM."""
    purposes: Sequence[str] = ()
    seconds: float = 20.0
    keys: Sequence[MarkKey] = ()
    """Of marks in images, sounds and videos."""
    alpha: float = 1e-6
    """A mark is found where p is at most this, all keys of its kind counted."""
    parser: Parser = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Look at the anchors; raises UsageError for what is no PEM."""
        self.parser = Parser(seconds=self.seconds, trust=trusting(self.anchors, self.purposes))

    def __enter__(self) -> Self:
        """Begin; nothing is started before the first file."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the child."""
        self.parser.__exit__(kind, error, at)

    def origin(self, data: bytes, name: str) -> Origin:
        """Return what a file says of its origin; raises LibraryError."""
        require_c2pa("c2pa")
        return read_origin(data, self.parser, name) if data else Origin(problem=_NOTHING)

    def keys_for(self, kind: str) -> list[MarkKey]:
        """Return the keys of marks that files of a kind, such as `image` or `video`, may carry."""
        return [one for one in self.keys if kind in _READ and one.variant in plugins.names(f"{kind}_marks")]

    def mark(self, data: bytes, name: str) -> FileMark | None:
        """Return what the keys say of a picture, sound or video; None where there are no keys of its kind.

        Raises LibraryError.
        """
        for kind, read in _READ.items():
            if keys := self.keys_for(kind):
                try:
                    return self._marked(read(data, name, _by_mark(f"{kind}_marks", keys)), len(keys))
                except LibraryError:
                    raise
                except DokimasiaError:
                    continue
        return None

    def _marked(self, readings: Sequence[tuple[Evidence, MarkKey]], tried: int) -> FileMark:
        """Return what the likeliest key reads; every key counts, whatever its mark is."""
        best = [(one.log10_p, key.id) for one, key in readings if not math.isnan(one.log10_p)]
        if not best:
            return FileMark(None)
        log10_p, key = min(best)
        counted = min(0.0, log10_p + math.log10(tried))
        return FileMark(counted, key if counted <= math.log10(self.alpha) else None)


_Marks = Sequence[tuple[Any, Sequence[MarkKey]]]
"""Marks, each with its keys."""


def _by_mark(kind: str, keys: Sequence[MarkKey]) -> _Marks:
    """Return each mark with its keys, so that what it does to a file is done once for them."""
    groups: dict[tuple[str, str], list[MarkKey]] = {}
    for key in keys:
        groups.setdefault((key.variant, canonical(dict(key.parameters)).decode()), []).append(key)
    return [(plugins.build(kind, own[0].variant, dict(own[0].parameters)), own) for own in groups.values()]


def _in_picture(data: bytes, name: str, marks: _Marks) -> list[tuple[Evidence, MarkKey]]:
    """Return what every key reads in a picture; raises DataError for what is none."""
    from audit.watermarks.image.files import picture_of

    with decoding(io.BytesIO(data), name) as image:
        pixels = picture_of(image, name).pixels
    return [
        pair for mark, own in marks for pair in zip(mark.read(pixels, [one.secret for one in own]), own, strict=True)
    ]


def _in_sound(data: bytes, name: str, marks: _Marks) -> list[tuple[Evidence, MarkKey]]:
    """Return what every key reads in a sound; raises DataError for what is none."""
    from audit.watermarks.audio.files import sound_of

    heard = sound_of(io.BytesIO(data), name)
    return [
        pair for mark, own in marks
        for pair in zip(mark.read(heard.samples, heard.rate, [one.secret for one in own]), own, strict=True)
    ]  # fmt: skip


def _in_video(data: bytes, name: str, marks: _Marks) -> list[tuple[Evidence, MarkKey]]:
    """Return what every key reads in a video, decoded once for each mark; raises DataError for what is none."""
    from audit.watermarks.video.files import frames_of

    return [
        pair for mark, own in marks for pair in zip(
            mark.read(frames_of(io.BytesIO(data), name), [one.secret for one in own]), own, strict=True)
    ]  # fmt: skip


_READ: Mapping[str, Callable[[bytes, str, _Marks], list[tuple[Evidence, MarkKey]]]] = {
    "image": _in_picture, "audio": _in_sound, "video": _in_video
}  # fmt: skip
"""Kind of file -> how it is read under the keys of marks."""


def anchors_of(before: Observed) -> bytes:
    """Return the certificates of the role `anchors`, none where the plan gives none."""
    given = [] if "anchors" not in before else [decoded(one) for one in before["anchors"]["file"]]
    return b"\n".join(given)


def keys_of(files: Sequence[Path]) -> tuple[tuple[MarkKey, ...], tuple[Sought, ...]]:
    """Return the keys in these files of marks in images, sounds or videos, and the marks in texts of the others.

    Raises UsageError for one that is no key.
    """
    others, texts = list[MarkKey](), list[Sought]()
    for file in files:
        key = read_mark_key(file)
        if any(key.variant in plugins.names(f"{kind}_marks") for kind in _READ):
            others.append(key)
        else:
            texts.append(Sought(key.told, read_text_key(file)[1]))
    return tuple(others), tuple(texts)


def decoded(cell: Any) -> bytes:
    """Return a file's bytes; none of a cell that holds no file in base64, which then could not be read."""
    try:
        return base64.b64decode(cell) if isinstance(cell, str) else b""
    except ValueError:
        return b""


def said(origin: Origin, mark: FileMark | None = None) -> dict[str, Any]:
    """Return the cells that tell what a file says, and whether that contradicts itself or the mark in it."""
    from audit.watermarks.origin.sources import in_conflict

    layers = [f"{layer}: {term}" for layer, terms in origin.source_types.items() for term in terms]
    found = {} if mark is None or mark.key is None else {"mark": "model"}
    return {
        "state": origin.state, "problem": origin.problem or origin.broken, "signer": origin.signer,
        "failures": list(origin.failures), "layers": layers + [f"mark: {mark.key}" for _ in found if mark is not None],
        "model_source": any(_MODEL in terms for terms in origin.source_types.values()),
        "aigc": origin.aigc is not None,
        "aigc_fields": [f"{name}: {value}" for name, value in (origin.aigc or {}).items()],
        "conflict": in_conflict({**origin.layers, **found}),
        "manifests": [f"{one['label']} · {one['generator']}" for one in origin.manifests],
        "assertions": [name for one in origin.manifests[:1] for name in one["assertions"]],
        "tree": tree_of(origin.manifests),
    }


def tree_of(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the manifests as lines `depth kind text`: each with its signer, actions, assertions and ingredients.

    An ingredient with a manifest of its own has that below it, each manifest once.
    """
    by_label = {one["label"]: one for one in manifests}
    lines, seen = list[str](), set[str]()

    def below(label: str, depth: int) -> None:
        one = by_label[label]
        seen.add(label)
        lines.append(f"{depth} manifest {one['generator'] or label}")
        lines.append(f"{depth + 1} signer {one['signer'] or '-'}" + (f" · {one['time']}" if one["time"] else ""))
        for action in one["actions"]:
            told = filter(None, (action[name] for name in ("action", "source", "agent", "version", "when")))
            lines.append(f"{depth + 1} action {' · '.join(told)}")
        lines.extend(f"{depth + 1} assertion {name}" for name in one["assertions"])
        for name in one["ingredients"]:
            lines.append(f"{depth + 1} ingredient {name}")
            if name in by_label and name not in seen and depth < _DEEPEST:
                below(name, depth + 2)

    for one in manifests:
        if one["label"] not in seen:
            below(one["label"], 0)
    return lines


def digest_of(data: bytes) -> str:
    """Return the digest by which equal files are one unit."""
    return hashlib.sha256(data).hexdigest()
