"""What each byte of a PNG or JPEG file belongs to.

    regions(data) -> names, kind of each, and for every byte the number of its region

A manifest store lies in a PNG's caBX chunk, in APP11 segments of a JPEG; its boxes (JUMBF: length, type, a description
with a label, content) have names made of their labels. Bytes of any other format are one region.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audit.watermarks.origin.containers import JPEG, PNG, chunks_of, segments_of

__all__ = ["Regions", "regions"]

_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IEND"}
_APP11 = 0xEB
_DEEPEST = 32
Places = NDArray[np.int64]


@dataclass
class Regions:
    """What the bytes of a file belong to."""

    size: int
    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    of: NDArray[np.int32] = field(init=False)
    """Number of each byte's region, [byte]."""
    _numbers: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with one region for all that nothing names."""
        self.of = np.zeros(self.size, np.int32)
        self.add(slice(0, 0), "not taken apart", "other")

    def add(self, places: Places | slice, name: str, kind: str) -> None:
        """Say what bytes belong to."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
            self.kinds.append(kind)
        self.of[places] = number


def regions(data: bytes) -> Regions:
    """Return the regions of a file; those of a broken one as far as it can be followed."""
    found = Regions(len(data))
    if data.startswith(PNG):
        _png_regions(data, found)
    elif data.startswith(JPEG):
        _jpeg_regions(data, found)
    return found


def _png_regions(data: bytes, found: Regions) -> None:
    found.add(slice(0, 8), "PNG signature", "picture header")
    end = 8
    for at, kind, size in chunks_of(data):
        name, end = kind.decode("latin-1"), at + 12 + size
        found.add(slice(at, at + 4), f"{name} length", "container")
        found.add(slice(at + 4, at + 8), f"{name} type", "container")
        found.add(slice(at + 8 + size, end), f"{name} checksum", "container")
        if kind == b"caBX":
            _boxes(data[at + 8 : at + 8 + size], np.arange(at + 8, at + 8 + size), found)
        else:
            of = "picture" if kind == b"IDAT" else "picture header" if kind in _PICTURE else "metadata"
            found.add(slice(at + 8, at + 8 + size), f"{name} data", of)
    if end < len(data):
        found.add(slice(end, None), "after the end", "other")


def _jpeg_regions(data: bytes, found: Regions) -> None:
    found.add(slice(0, 2), "SOI", "picture header")
    store: list[Places] = []
    end = 2
    for at, marker, size in segments_of(data):
        end, name = at + 2 + size, _segment_name(marker)
        found.add(slice(at, at + 2), f"{name} marker", "container")
        found.add(slice(at + 2, at + 4), f"{name} length", "container")
        if marker == _APP11 and data[at + 4 : at + 6] == b"JP":
            repeated = 8 if store else 0  # the box's header stands again in every segment of it
            found.add(slice(at + 4, at + 12 + repeated), f"{name} header", "container")
            store.append(np.arange(at + 12 + repeated, end))
        else:
            of = "metadata" if 0xE0 <= marker <= 0xEF or marker == 0xFE else "picture header"
            found.add(slice(at + 4, end), f"{name} data", of)
    if store:
        places = np.concatenate(store)
        _boxes(np.frombuffer(data, np.uint8)[places].tobytes(), places, found)
    stop = data.rfind(b"\xff\xd9", end)
    stop = len(data) if stop < 0 else stop
    found.add(slice(end, stop), "scan", "picture")
    found.add(slice(stop, stop + 2), "EOI", "picture header")
    if stop + 2 < len(data):
        found.add(slice(stop + 2, None), "after the end", "other")


def _segment_name(marker: int) -> str:
    if 0xE0 <= marker <= 0xEF:
        return f"APP{marker - 0xE0}"
    return {0xDA: "SOS", 0xDB: "DQT", 0xC4: "DHT", 0xFE: "COM", 0xDD: "DRI"}.get(marker, f"SOF{marker - 0xC0}")


def _boxes(data: bytes, places: Places, found: Regions, path: str = "", deep: int = 0) -> None:
    """Name the boxes in `data`, whose bytes stand at `places` [byte] of the file."""
    at = 0
    while at + 8 <= len(data) and deep < _DEEPEST:
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size < 8 or at + size > len(data):
            break
        inside, where = data[at + 8 : at + size], places[at + 8 : at + size]
        label = _label(inside) if kind == b"jumb" else kind.decode("latin-1")
        own = f"{path}/{label}" if kind == b"jumb" else path
        found.add(places[at : at + 8], f"{own or '/'} {'' if kind == b'jumb' else label + ' '}box header", "box header")
        if kind == b"jumb":
            _boxes(inside, where, found, own, deep + 1)
        elif kind == b"jumd":
            _description(inside, where, found, path)
        else:
            of = _kind_of(path)
            found.add(where, f"{path} {label} content", of)
            if of == "signature":
                _padding(inside, where, found, path)
        at += size
    if at < len(data):
        found.add(places[at:], f"{path} rest", "padding")


def _label(inside: bytes) -> str:
    """Return the label in the description that a superbox begins with; `?` where it has none."""
    if inside[4:8] != b"jumd" or len(inside) < 25 or not inside[24] & 2:
        return "?"
    return "".join(one if one.isprintable() else "?" for one in inside[25:].split(b"\0", 1)[0][:80].decode("latin-1"))


def _description(inside: bytes, where: Places, found: Regions, path: str) -> None:
    found.add(where[:16], f"{path} type id", "box description")
    found.add(where[16:17], f"{path} toggles", "box description")
    end = inside.find(b"\0", 17) + 1 if inside[16:17] and inside[16] & 2 else 17
    found.add(where[17:end], f"{path} label", "box label")
    if end < len(inside):
        found.add(where[end:], f"{path} salt", "box description")


def _kind_of(path: str) -> str:
    last = path.rpartition("/")[2]
    if last.startswith("c2pa.claim"):
        return "claim"
    if last == "c2pa.signature":
        return "signature"
    return "assertion"


def _padding(inside: bytes, where: Places, found: Regions, path: str) -> None:
    """Name the bytes of `pad`, zeros that keep room in the signature and that nothing signs."""
    for name, head in ((b"\x63pad", 4), (b"\x64pad2", 5)):
        at = inside.find(name)
        if at < 0 or at + head >= len(inside):
            continue
        start, lead = at + head, inside[at + head]
        width = {0x58: 1, 0x59: 2, 0x5A: 4}.get(lead, 0)
        size = int.from_bytes(inside[start + 1 : start + 1 + width]) if width else lead & 0x1F
        begin = start + 1 + width
        if not any(inside[begin : begin + size]):
            found.add(where[begin : begin + size], f"{path} padding", "padding")
