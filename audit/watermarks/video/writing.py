"""Marked frames into a new file: with the sound, subtitles, chapters, titles and times that the old one had.

    .mkv           FFV1: what the mark changed aside, every number of every plane comes back as it was
    .mp4, .mov     H.264 at a quality of the caller's

Sound and subtitles are copied, not coded again. What a container cannot hold is left out, and told.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from audit.errors import DataError, UsageError
from audit.watermarks.video.files import OTHER_LETTERS, brightness_in, counted, opened, range_of, require_av, seconds_of
from audit.watermarks.video.mark import MarksVideo
from detectors.provenance.video.reading import Frame, Pool

__all__ = ["ENDINGS", "Written", "write_marked"]

ENDINGS: Mapping[str, tuple[str, str]] = {
    ".mkv": ("matroska", "ffv1"), ".mp4": ("mp4", "libx264"), ".mov": ("mov", "libx264")
}  # fmt: skip
"""Endings of files that are written, with container and codec."""
_PLAIN = {"nv12": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p"}
"""Formats of pixels that hold the same numbers in another order."""
_COPIED = ("audio", "subtitle")
_OF_FILE = ("title", "artist", "album", "comment", "copyright", "date", "creation_time", "description", "genre")
_OF_STREAM = ("language", "title")
_COLOURS = ("colorspace", "color_primaries", "color_trc")


@dataclass
class Written:
    """What was written."""

    frames: int = 0
    error: float = 0.0
    """Sum over frames of the mean squared change of brightness, before it is coded."""
    lost: list[str] = field(default_factory=list)
    """What the container could not hold, such as `subtitle: mov_text`."""
    before: Pool = field(default_factory=Pool)
    """The frames as they were."""

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the brightness of all frames in dB, before they are coded."""
        return -10 * math.log10(self.error / self.frames)


def write_marked(
    data: BinaryIO, place: object, into: BinaryIO, ending: str, mark: MarksVideo, key: bytes, *, crf: float
) -> Written:
    """Write a video with the mark; return what was written. crf: constant rate factor of H.264, lower is better.

    Raises DataError for what is no video, UsageError for one that cannot hold a mark, or that this ending cannot hold.
    """
    if ending.lower() not in ENDINGS:
        raise UsageError("{file}: {ending}: not a format that is written; allowed: {allowed}", file=place,
                         ending=ending or "no ending", allowed=", ".join(ENDINGS))  # fmt: skip
    form, codec = ENDINGS[ending.lower()]
    data.seek(0)
    with opened(data, place) as (source, stream):
        first = next(counted(source.decode(stream), place))
    kind = _kind(first, codec, place, ending)
    done = Written()
    data.seek(0)
    library = require_av()
    with (
        opened(data, place) as (source, stream), _written(place, ending),
        library.open(into, "w", format=form, metadata_errors=OTHER_LETTERS) as made,
    ):  # fmt: skip
        made.metadata.update({name: text for name, text in source.metadata.items() if name.lower() in _OF_FILE})
        made.set_chapters(source.chapters())
        pictures = _pictures(made, codec, stream, first, kind, crf, done)
        copies = _copies(made, source, stream, done)
        for packet in _packets(source, stream, copies, place, lambda frame: pictures.encode(
                _marked(frame, kind, mark, key, place, done))):  # fmt: skip
            made.mux(packet)
        made.mux(pictures.encode())
    return done


@contextmanager
def _written(place: object, ending: str) -> Iterator[None]:
    """Make what FFmpeg says of a file that it cannot write a UsageError of one line."""
    try:
        yield
    except require_av().FFmpegError as error:
        problem = " ".join(str(error.strerror or error).split())[:120]
        raise UsageError("{file}: {ending}: it cannot be written ({problem})", file=place, ending=ending,
                         problem=problem) from None  # fmt: skip


def _kind(first: Any, codec: str, place: object, ending: str) -> str:
    """Return the format of pixels that frames like the first are written in; UsageError where there is none."""
    kind, form = str(first.format.name), first.format
    name = _PLAIN.get(kind, kind.replace("yuvj", "yuv"))
    if brightness_in(first) is None or name not in {one.name for one in require_av().Codec(codec, "w").video_formats}:
        raise UsageError("{file}: {ending}: it cannot hold {kind} with a mark; allowed: YUV and grey in planes{bits}",
                         file=place, ending=ending, kind=kind,
                         bits="" if codec == "ffv1" else ", 8 or 10 bits")  # fmt: skip
    down, right = 2 // form.chroma_height(2), 2 // form.chroma_width(2)  # pixels to one of colour
    if codec != "ffv1" and (first.height % down or first.width % right):
        raise UsageError("{file}: {ending}: it cannot hold {rows} x {columns} pixels of {kind}; allowed: .mkv, or even "
                         "numbers of them", file=place, ending=ending, rows=first.height, columns=first.width,
                         kind=kind)  # fmt: skip
    return name


def _pictures(
    made: Any, codec: str, stream: Any, first: Any, kind: str, crf: float, done: Written
) -> Any:
    """Return the new stream of pictures, told all of the old one that it can be told."""
    options = {"crf": f"{crf:g}"} if codec == "libx264" else {}
    to = made.add_stream(codec, rate=stream.average_rate or stream.guessed_rate or 25, options=options)
    to.width, to.height, to.pix_fmt = first.width, first.height, kind
    to.codec_context.time_base = stream.time_base
    if shape := stream.sample_aspect_ratio:
        to.codec_context.sample_aspect_ratio = shape
        if made.format.name == "matroska" and shape != 1:  # which PyAV cannot tell it
            done.lost.append(f"shape of pixels ({shape.numerator}:{shape.denominator})")
    for colour in _COLOURS:
        setattr(to.codec_context, colour, getattr(first, colour))
    to.codec_context.color_range = range_of(first)
    if first.rotation:
        to.set_display_rotation(first.rotation)
    to.metadata.update({name: text for name, text in stream.metadata.items() if name in _OF_STREAM})
    return to


def _copies(made: Any, source: Any, stream: Any, done: Written) -> dict[int, Any]:
    """Return number of a stream -> its copy, of sound and subtitles that the container can hold; tell the others."""
    copies = dict[int, Any]()
    for one in source.streams:
        if one.index == stream.index:
            continue
        if getattr(one, "name", None) == "bin_data" and source.chapters():  # the texts of chapters, which go along
            continue
        if one.type not in _COPIED or not _holds(made.format.name, one):
            name = getattr(one.codec_context, "name", None)
            done.lost.append(f"{one.type} ({name})" if name else one.type)
            continue
        copies[one.index] = made.add_stream_from_template(one)
        copies[one.index].metadata.update({name: one.metadata[name] for name in _OF_STREAM if name in one.metadata})
    return copies


def _holds(form: str, stream: Any) -> bool:
    """Tell whether a container can hold a stream, by beginning one with it."""
    library = require_av()
    try:
        with library.open(io.BytesIO(), "w", format=form) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (library.FFmpegError, ValueError):
        return False
    return True


def _packets(
    source: Any, stream: Any, copies: Mapping[int, Any], place: object, encoded: Callable[[Any], list[Any]]
) -> Iterator[Any]:
    """Yield packets in the order of the file: those of sound and subtitles as they are, of pictures encoded again."""
    wanted = [one for one in source.streams if one.index == stream.index or one.index in copies]
    waiting = list[Any]()

    def decoded() -> Iterator[Any]:
        for packet in source.demux(*wanted):
            if packet.stream_index == stream.index:
                yield from packet.decode()
            elif packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                waiting.append(packet)

    for frame in counted(decoded(), place):
        yield from waiting
        waiting.clear()
        yield from encoded(frame)
    yield from waiting


def _marked(frame: Any, name: str, mark: MarksVideo, key: bytes, place: object, done: Written) -> Any:
    """Return a frame with the mark, its format's name as given, its chroma and times as they were."""
    seconds, is_key = seconds_of(frame, done.frames), bool(frame.key_frame)
    if frame.format.name != name:
        frame = frame.reformat(format=name, src_color_range=range_of(frame), dst_color_range=range_of(frame))
    frame.make_writable()
    found = brightness_in(frame)
    if found is None:
        raise DataError("{file}: pixels of the kind {kind}; allowed: YUV and grey, planar", file=place,
                        kind=frame.format.name)  # fmt: skip
    before = found.shown
    done.before.add(Frame(before, seconds, is_key, found.steps))
    try:
        change = found.steps * mark.change(before, key, levels=found.steps, number=done.frames)
    except UsageError as error:
        raise UsageError("{file}: {problem}", file=place, problem=error.args[0]) from None
    whole = np.clip(np.rint(found.numbers + change), 0, found.top)
    done.error += float(np.mean(((whole - found.numbers) / found.steps) ** 2))
    done.frames += 1
    found.numbers[...] = whole
    frame.pict_type = 0  # of which kind it is coded again is the codec's to say
    return frame
