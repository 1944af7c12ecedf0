"""The samples of a sound file as numbers, and back into a file that keeps what else was told.

Whole numbers come back as they were, to the bit, where nothing was added; a format that cannot hold them, or a text
beside them, is refused in one line. libsndfile reads and writes (`pip install dokimasia[audio]`), a block at a time, so
that a file which claims to be longer than it is costs no more than what is in it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, LibraryError, UsageError
from detectors.immutable import immutable
from detectors.provenance.audio.reading import HIGHEST, LOWEST

__all__ = ["ENDINGS", "Sound", "sound_file", "sound_of"]

_WHOLE = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
"""Bits of a whole number."""
ENDINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    ".wav": ("WAV", ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    ".flac": ("FLAC", ("PCM_S8", "PCM_16", "PCM_24")), ".ogg": ("OGG", ("VORBIS",)),
    ".mp3": ("MP3", ("MPEG_LAYER_III",)),
}  # fmt: skip
"""Endings of files that are written, with the format and the numbers that it holds; the last two lose something."""
_READ = ("FLAC", "MP3", "OGG", "RF64", "WAV", "WAVEX")
_MOST = 1 << 26
"""Numbers of a file, samples times channels: 12 minutes of a record in stereo, 2 hours of a telephone call."""
_CHANNELS = 8
_LOUDEST = 1e10
"""Beyond what a file of whole numbers, not scaled, can hold as floating-point ones; squares of more would overflow."""
_NO_MP3 = (b"RIFF", b"RF64", b"fLaC", b"OggS")
_STANDARD_ERROR, _SILENCED = 2, Lock()
_BLOCK = 1 << 14
_TEXTS = ("title", "copyright", "artist", "comment", "date", "album", "license", "tracknumber", "genre")


@immutable
class Sound:
    """A sound [sample, channel] of -1 to 1, and what its file says beside it."""

    samples: NDArray[np.floating]
    rate: int
    """Samples a second."""
    numbers: str
    """What libsndfile calls the numbers of the file, such as `PCM_16` or `VORBIS`."""
    texts: dict[str, str]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def _library() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):
        message = "sound files need soundfile: pip install 'dokimasia[audio]'"
        raise LibraryError(message, library="soundfile", extra="audio") from None
    return soundfile


def sound_of(data: BinaryIO, place: object) -> Sound:
    """Return what an opened sound file holds; DataError, in one line, for what is none or could not be written back."""
    library = _library()
    try:
        with _unheard(data), library.SoundFile(data) as file:
            if file.format not in _READ:
                raise DataError("{file}: is {got}; allowed: WAV, FLAC, Ogg, MP3", file=place, got=file.format_info)
            if not LOWEST <= file.samplerate <= HIGHEST or file.channels > _CHANNELS:
                raise DataError(
                    "{file}: {rate:,} samples a second, channels: {channels}; allowed: {low:,} to {high:,}, channels: "
                    "1 to {most}",
                    file=place, rate=file.samplerate, channels=file.channels, low=LOWEST, high=HIGHEST, most=_CHANNELS,
                )  # fmt: skip
            samples = _samples(file, place)
            texts = {name: text for name in _TEXTS if (text := getattr(file, name))}
            return Sound(samples, file.samplerate, file.subtype, texts)
    except library.LibsndfileError as error:
        problem = error.error_string.removeprefix("Error : ").strip().rstrip(".")
        raise DataError("{file}: cannot be read as a sound ({problem}); allowed: WAV, FLAC, Ogg, MP3", file=place,
                        problem=problem) from None  # fmt: skip


@contextmanager
def _unheard(data: BinaryIO) -> Iterator[None]:
    """Keep off the terminal what libmpg123, which no option silences, says of an MP3; one thread at a time."""
    begins = data.read(4)
    data.seek(-len(begins), os.SEEK_CUR)
    if begins in _NO_MP3:
        yield
        return
    with _SILENCED:
        kept, nowhere = os.dup(_STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STANDARD_ERROR)
        os.close(nowhere)
        try:
            yield
        finally:
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)


def _samples(file: Any, place: object) -> NDArray[np.floating]:
    """Return the numbers of a file [sample, channel], as many as there are, however many it claims."""
    most = _MOST // file.channels
    kind = "float64" if file.subtype in ("PCM_32", "DOUBLE") else "float32"
    blocks, count, full = list[NDArray[np.floating]](), 0, True
    while count <= most and full:
        blocks.append(file.read(_BLOCK, dtype=kind, always_2d=True))
        count += len(blocks[-1])
        full = len(blocks[-1]) == _BLOCK
    if not 0 < count <= most:
        raise DataError("{file}: {count} samples, channels: {channels}; allowed: above 0, {most:,} in all", file=place,
                        count=f"{count:,}" if count else "no", channels=file.channels, most=_MOST)  # fmt: skip
    samples = np.concatenate(blocks)
    if not (loudest := np.abs(samples).max()) <= _LOUDEST:
        raise DataError("{file}: a sample is {loudest:g}; allowed: finite numbers of at most {most:g}", file=place,
                        loudest=loudest, most=_LOUDEST)  # fmt: skip
    return samples


def sound_file(sound: Sound, ending: str) -> bytes:
    """Return a sound as the bytes of a file with this ending; UsageError for one that would lose what is said of it."""
    library = _library()
    if ending.lower() not in ENDINGS:
        raise UsageError("{ending}: not a format that is written; allowed: {allowed}", ending=ending or "no ending",
                         allowed=", ".join(ENDINGS))  # fmt: skip
    form, held = ENDINGS[ending.lower()]
    numbers = _numbers(sound, ending, held)
    made = io.BytesIO()
    try:
        with library.SoundFile(made, "w", sound.rate, sound.samples.shape[1], numbers, format=form) as file:
            for name, text in sound.texts.items():
                setattr(file, name, text)
            for start in range(0, len(sound.samples), _BLOCK):
                file.write(_written(sound.samples[start : start + _BLOCK], numbers))
    except library.LibsndfileError as error:
        problem = error.error_string.removeprefix("Error : ").strip().rstrip(".")
        raise UsageError("{ending}: it cannot hold {rate:,} samples a second, channels: {channels} ({problem}); "
                         "allowed: .wav", ending=ending, rate=sound.rate, channels=sound.samples.shape[1],
                         problem=problem) from None  # fmt: skip
    made.seek(0)
    with library.SoundFile(made) as back:
        if lost := [name for name, text in sound.texts.items() if getattr(back, name) != text]:
            raise UsageError("{ending}: it cannot hold what the file says beside its sound ({lost}); allowed: .flac",
                             ending=ending, lost=", ".join(lost))  # fmt: skip
    return made.getvalue()


def _numbers(sound: Sound, ending: str, held: tuple[str, ...]) -> str:
    """Return which numbers a format holds the sound in: its own, 16 bits where it came from what loses something."""
    if len(held) == 1:
        return held[0]
    if sound.numbers in ("PCM_U8", "PCM_S8"):
        return held[0]
    if sound.numbers in held:
        return sound.numbers
    if sound.numbers in (*_WHOLE, "FLOAT", "DOUBLE"):
        raise UsageError("{ending}: it cannot hold {numbers}; allowed: .wav", ending=ending, numbers=sound.numbers)
    return "PCM_16"


def _written(samples: NDArray[np.floating], numbers: str) -> NDArray[Any]:
    """Return samples as libsndfile shall write them: whole numbers in the upper bits of 32, which it keeps.

    What loses something has no numbers beyond 1: an encoder of MP3 that is given any ends the process.
    """
    if numbers in ("FLOAT", "DOUBLE"):
        return samples
    if numbers not in _WHOLE:
        return np.asarray(np.clip(samples, -1, 1))
    top = 1 << (_WHOLE[numbers] - 1)
    whole = np.clip(np.rint(samples.astype(np.float64) * top), -top, top - 1).astype(np.int64)
    return (whole << (32 - _WHOLE[numbers])).astype(np.int32)
