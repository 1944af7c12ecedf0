"""PNG and JPEG files cut up: their chunks and segments, the metadata texts in them, a file with another XMP packet.

The child that parses reads it too, so it is light.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

__all__ = ["JPEG", "PNG", "chunks_of", "segments_of", "texts_in", "with_xmp", "xmp_of"]

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
"""How the files begin."""
_XMP_CHUNK, _XMP_SEGMENT = b"XML:com.adobe.xmp", b"http://ns.adobe.com/xap/1.0/\0"
_SOS, _APP1 = 0xDA, 0xE1
_LARGEST_SEGMENT = 65533


def chunks_of(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (offset, type, bytes of content) of a PNG's chunks."""
    at = len(PNG)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if at + 12 + size > len(data):
            return
        yield at, data[at + 4 : at + 8], size
        at += 12 + size


def segments_of(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (offset, marker, bytes with the two of the length) of a JPEG's segments up to its scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if size < 2 or at + 2 + size > len(data):
            return
        yield at, marker, size
        if marker == _SOS:
            return
        at += 2 + size


def xmp_of(data: bytes) -> bytes | None:
    """Return the XMP packet of a PNG or JPEG; None where there is none."""
    return next((text for name, text in texts_in(data) if name == "xmp"), None)


def texts_in(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (`xmp` or the keyword, text) of the metadata texts of a PNG or JPEG; packed ones are left out."""
    if data.startswith(PNG):
        for at, kind, size in chunks_of(data):
            inside = data[at + 8 : at + 8 + size]
            keyword, _, rest = inside.partition(b"\0")
            if kind == b"iTXt" and rest[:1] == b"\0":
                text = rest[2:].split(b"\0", 2)[-1]
                yield "xmp" if keyword == _XMP_CHUNK else keyword.decode("latin-1"), text
            elif kind == b"tEXt":
                yield keyword.decode("latin-1"), rest
    elif data.startswith(JPEG):
        for at, marker, size in segments_of(data):
            inside = data[at + 4 : at + 2 + size]
            if marker == _APP1 and inside.startswith(_XMP_SEGMENT):
                yield "xmp", inside[len(_XMP_SEGMENT) :]


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Return a PNG or JPEG with this XMP packet in place of its own; ValueError for another format or a longer one."""
    if data.startswith(PNG):
        parts = [data[:8]]
        for at, kind, size in chunks_of(data):
            if not (kind == b"iTXt" and data[at + 8 :].startswith(_XMP_CHUNK + b"\0")):
                parts.append(data[at : at + 12 + size])
            if kind == b"IHDR":
                body = b"iTXt" + _XMP_CHUNK + bytes(5) + packet
                parts.append(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
        return b"".join(parts)
    if not data.startswith(JPEG):
        raise ValueError("XMP is written into PNG and JPEG; this file is neither")
    body = _XMP_SEGMENT + packet
    if len(body) > _LARGEST_SEGMENT:
        raise ValueError(f"XMP of {len(packet):,} bytes; allowed: {_LARGEST_SEGMENT - len(_XMP_SEGMENT):,} in a JPEG")
    own = struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body
    parts, end = [data[:2]], 2
    for at, marker, size in segments_of(data):
        if marker == _SOS:
            break
        end = at + 2 + size
        if not (marker == _APP1 and data[at + 4 :].startswith(_XMP_SEGMENT)):
            parts.append(data[at:end])
    at = 2 if len(parts) > 1 and parts[1][1] == 0xE0 else 1  # JFIF's own segment comes first
    return b"".join([*parts[:at], own, *parts[at:], data[end:]])
