"""The texts that cells of a Parquet column point at, counted from the page that holds them: their number and lengths.

    header (Thrift, compact) | length, text | length, text | ...        each length takes four bytes, the lowest first

Arrow hashes every text before it tells how many there are, which takes twice as long. A length below 65,536 ends in two
NULs, and where no text holds any, the text begins behind them: so all lengths are found at once, and are right if each
leads to the next. What does not come out so is left to Arrow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

__all__ = ["sizes_in"]

_NUMBER = rb"([\x80-\xff]{0,4}[\x00-\x7f])"
_HEADER = re.compile(
    rb"\x15\x04\x15%b\x15%b(?:\x4c|\x15%b\x3c)\x15%b\x15[\x00\x04][\x11\x12]?\x00\x00" % ((_NUMBER,) * 4), re.DOTALL
)
"""Kind (dictionary), bytes unpacked and packed, sum of checks where there is one; texts, encoding (plain), sorted."""
_MOST = 64
"""Bytes of a header, at most."""


def sizes_in(file: Any, chunk: pq.ColumnChunkMetaData) -> tuple[int, int, int] | None:
    """Return how many texts a column's cells point at, the bytes of the longest, and of all as they are stored.

    file: has `seek` and `read`. None where the page cannot be told apart.
    """
    start = chunk.dictionary_page_offset
    if not start or start >= chunk.data_page_offset:
        return None
    file.seek(start)
    head = _HEADER.match(file.read(_MOST))
    if head is None:
        return None
    size, packed, count = map(_number, head.group(1, 2, 4))
    if size > chunk.total_uncompressed_size or packed > chunk.total_compressed_size:
        return None
    file.seek(start + head.end())
    page = _unpacked(file.read(packed), size, chunk.compression.lower())
    lengths = None if page is None else _lengths(page)
    return (count, int(lengths.max()), size) if lengths is not None and len(lengths) == count else None


def _number(octets: bytes) -> int:
    """Return the number that is not negative which Thrift writes so: seven bits a byte, and a sign."""
    return sum((octet & 127) << 7 * place for place, octet in enumerate(octets)) >> 1


def _unpacked(data: bytes, size: int, codec: str) -> bytes | None:
    import pyarrow as pa

    if codec == "uncompressed":
        return data if len(data) == size else None
    try:
        page: bytes = pa.decompress(data, size, codec, asbytes=True)
    except (OSError, ValueError):  # of another kind, or damaged, as Arrow will say
        return None
    return page


def _lengths(page: bytes) -> NDArray[np.int64] | None:
    """Return the lengths [text] in a page; None where it is not whole, or a text holds a NUL."""
    import numpy as np

    nul = np.frombuffer(page, np.uint8) == 0
    starts = np.flatnonzero(nul[:-2] & (nul[1:-1] > nul[2:])) - 2
    if nul[-4:].all():  # the last text is empty
        starts = np.append(starts, len(page) - 4)
    if not len(starts) or starts[0] != 0:
        return None
    lengths = np.ndarray(len(page) - 3, "<u4", page, strides=(1,))[starts].astype(np.int64)
    return lengths if np.array_equal(starts + 4 + lengths, np.append(starts[1:], len(page))) else None
