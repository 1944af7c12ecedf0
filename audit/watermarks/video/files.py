"""The frames of a video file, one at a time, and marked ones back into a file beside the sound and texts that it had.

PyAV reads and writes (`pip install dokimasia[video]`). Frames are streamed, so that memory does not grow with their
number. Pixels are taken as they are coded: brightness in a plane of its own, of which a mark changes nothing else.
What is opened is the file alone: formats that name other files or addresses are not among those that are read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, LibraryError
from detectors.immutable import immutable
from detectors.provenance.video.reading import Frame

__all__ = [
    "OTHER_LETTERS", "Brightness", "brightness_in", "counted", "frames_of", "opened", "range_of", "require_av",
    "seconds_of",
]

_FORMATS = "mov,matroska,avi,mpegts"
_EBML = b"\x1aE\xdf\xa3"
"""How files of the formats `matroska` and `webm` begin, which they name next."""
_SOUGHT = 1 << 26
"""Bytes at the beginning in which the first key frame is sought: a recording that was cut begins behind one."""
_MOST_PIXELS = 1 << 25
"""Of a frame."""
_MOST_FRAMES = 1 << 18
"""2.4 hours at 30 frames a second."""
_MOST_IN_ALL = 1 << 37
"""Pixels of all frames: 36 minutes of 1,920 x 1,080 at 30 frames a second."""
OTHER_LETTERS = "surrogateescape"
"""Titles that are not UTF-8, as those in AVI files of old, keep their bytes."""
_FULL = 2
"""Range of colours in which black is 0."""
_PLANAR = ("yuv", "nv", "gray")
"""How formats of pixels begin that have brightness in a plane of its own."""
_NOT_ONE = "{file}: cannot be read as a video ({problem}); allowed: MP4, MOV, MKV, WebM, AVI, MPEG-TS"


def require_av() -> Any:
    """Return PyAV; LibraryError that names our extra where it is missing."""
    try:
        import av
    except (ImportError, OSError):
        message = "video files need av: pip install 'dokimasia[video]'"
        raise LibraryError(message, library="av", extra="video") from None
    return av


@immutable
class Brightness:
    """The plane of brightness of a frame, in whole numbers."""

    numbers: NDArray[np.integer]
    """[row, column]: the frame's own memory."""
    black: int
    steps: int
    """From black to white."""
    top: int
    """The greatest number that there is, maybe above white."""

    @property
    def shown(self) -> NDArray[np.float32]:
        """Brightness as numbers of 0 to 1, a little beyond where the frame goes there."""
        return (self.numbers - np.float32(self.black)) / np.float32(self.steps)


def frames_of(data: BinaryIO, place: object) -> Iterator[Frame]:
    """Yield the frames of an opened file; DataError, in one line, for what is no video or too large a one."""
    with opened(data, place) as (container, stream):
        for number, shown in enumerate(counted(container.decode(stream), place)):
            brightness = brightness_in(shown) or brightness_in(shown.reformat(format="yuv444p"))
            if brightness is not None:
                yield Frame(brightness.shown, seconds_of(shown, number), bool(shown.key_frame), brightness.steps)


def seconds_of(frame: Any, number: int) -> float:
    """Return when a frame is shown; of one that does not say, as if there were 25 a second."""
    return number / 25 if frame.time is None else float(frame.time)


def range_of(frame: Any) -> int:
    """Return the range of a frame's numbers, as FFmpeg counts them; 0 where the frame does not say."""
    return _FULL if frame.format.name.startswith(("yuvj", "gray")) else int(frame.color_range)


def brightness_in(frame: Any) -> Brightness | None:
    """Return the brightness of a decoded frame; None of pixels that have it in no plane of its own."""
    form = frame.format
    bits, plane = form.components[0].bits, frame.planes[0]
    if not form.name.startswith(_PLANAR) or form.is_big_endian or not 8 <= bits <= 16:
        return None
    kind: np.dtype[Any] = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    black, steps = (0, (1 << bits) - 1) if range_of(frame) == _FULL else (16 << (bits - 8), 219 << (bits - 8))
    return Brightness(rows[: frame.height, : frame.width], black, steps, (1 << bits) - 1)


def _not_one(place: object, error: Exception) -> DataError:
    """Return what is said of a file that FFmpeg cannot read, in one line."""
    problem = " ".join(str(getattr(error, "strerror", None) or error).split())[:120]
    return DataError(_NOT_ONE, file=place, problem=problem)


@contextmanager
def opened(data: BinaryIO, place: object) -> Iterator[tuple[Any, Any]]:
    """Lend the container in an opened file and its first stream of pictures; DataError for what is none."""
    library = require_av()
    told = {"format_whitelist": _FORMATS, "probesize": str(_SOUGHT)}
    try:
        container = library.open(data, format=_format_in(data), container_options=told, metadata_errors=OTHER_LETTERS)
    except library.ArgumentError:
        raise DataError(_NOT_ONE, file=place, problem="not one of the formats") from None
    except library.FFmpegError as error:
        raise _not_one(place, error) from None
    with container:
        stream = next((one for one in container.streams.video if not _is_none(one)), None)
        if stream is None:
            raise DataError(_NOT_ONE, file=place, problem="it has no pictures that can be decoded")
        if stream.codec_context.width:  # which a stream that was cut does not tell before its first key frame
            _require_size(stream.codec_context.width, stream.codec_context.height, place)
        stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
        yield container, stream


def _format_in(data: BinaryIO) -> str | None:
    """Return the format that a file names in its first bytes; None where FFmpeg shall try its 300 on it."""
    head = data.read(64)
    data.seek(-len(head), io.SEEK_CUR)
    return "matroska" if head.startswith(_EBML) and (b"matroska" in head or b"webm" in head) else None


def _is_none(stream: Any) -> bool:
    """Tell whether a stream is the picture of a cover, or of a codec that nobody here knows."""
    return stream.codec_context is None or bool(stream.disposition & stream.disposition.attached_pic)


def _require_size(width: int, height: int, place: object) -> None:
    if not 0 < width * height <= _MOST_PIXELS:
        raise DataError("{file}: {rows} x {columns} pixels; allowed: {most} in all", file=place, rows=height,
                        columns=width, most=f"{_MOST_PIXELS:,}")  # fmt: skip


def counted(frames: Iterator[Any], place: object) -> Iterator[Any]:
    """Yield frames of one size, no more than allowed; DataError for others, and for none."""
    count, size = 0, None
    try:
        for count, frame in enumerate(frames, 1):
            seen = frame.height, frame.width
            size = size or seen
            _require_size(frame.width, frame.height, place)
            if seen != size:
                raise DataError("{file}: frame {number} has {rows} x {columns} pixels, those before it {before}; "
                                "allowed: one size", file=place, number=count, rows=frame.height,
                                columns=frame.width, before="{} x {}".format(*size))  # fmt: skip
            if count > min(_MOST_FRAMES, _MOST_IN_ALL // (size[0] * size[1])):
                raise DataError("{file}: more than {frames} frames of {rows} x {columns} pixels; allowed: {most}",
                                file=place, frames=f"{count - 1:,}", rows=size[0], columns=size[1],
                                most=f"{_MOST_FRAMES:,}, of {_MOST_IN_ALL:,} pixels in all")  # fmt: skip
            yield frame
    except require_av().FFmpegError as error:
        raise _not_one(place, error) from None
    if not count:
        raise DataError(_NOT_ONE, file=place, problem="it has no frames")
