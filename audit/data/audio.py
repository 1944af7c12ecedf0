"""Sound in a folder, as rows of numbers: every WAV file in it, cut into windows, each as its log-mel energies.

    data: {use: audio_folder, path: ./digits, window: 0.25}

    row     log energy of `mels` bands in `parts` equal parts of the window, part by part, in nats
    label   what the file's name says, by `names`, else the subfolder that holds it
    unit    the file, or what its name says, e.g. the speaker

A window is cut into frames of 25 ms every 10 ms, weighted by Hann's window; |FFT|^2 is summed in triangles that stand
evenly on the mel scale 2595 log10(1 + f / 700) from 0 to half the rate, averaged over the frames of a part, and
log(energy + 1e-10) is taken. Samples are scaled to [-1, 1], channels averaged; nothing is resampled.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.file_names import TOLD_BY_NAMES, check_names, told_by_name
from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError
from audit.files import canonical, digest_file, open_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Role

__all__ = ["AudioFolder", "log_mel"]

_FRAME, _HOP = 0.025, 0.010
"""Seconds of a frame, and from one to the next."""
_FLOOR = 1e-10
_FIELDS = ("row", "label", "unit")
_LONGEST = 600
"""Seconds of a file at most."""


@immutable
class AudioFolder(Source):
    """A folder of WAV files of whole numbers (PCM, 8 to 32 bits)."""

    path: Path
    """The folder; subfolders are read too, links that lead out of it are refused."""
    window: float | None = None
    """Seconds of a window; what is left at a file's end, less than one, is dropped. Absent = the whole file is one."""
    mels: int = 20
    """Bands of frequency."""
    parts: int = 4
    """Parts of a window."""
    names: str | None = None
    """What the name of a file says, without its ending: a regular expression with groups `label`, `unit` or both, e.g.
    `(?P<label>[0-9])_(?P<unit>[a-z]+)_.*`."""
    where: dict[str, list[str]] = field(default_factory=dict)
    """`label` or `unit` -> values to keep."""

    def __post_init__(self) -> None:
        """Refuse windows and names that tell nothing."""
        if self.mels < 1 or self.parts < 1 or (self.window is not None and self.window < self.parts * _FRAME):
            got = f"window {self.window}, mels {self.mels}, parts {self.parts}"
            raise ValueError(f"{got}; allowed: 1 or more, and {_FRAME:g} s or more for each part")
        if self.where.keys() - set(TOLD_BY_NAMES):
            raise ValueError(f"where names {', '.join(sorted(self.where))}; allowed: label, unit")
        check_names(self.names)

    def digest(self) -> str:
        """Return the digest of the files' names and bytes and of the options; raises DataError, IntegrityError."""
        files = {str(file.relative_to(self.path)): digest_file(file) for file in self._files()}
        options = [self.window, self.mels, self.parts, self.names, self.where]
        return self.as_promised(self.path, sha256(canonical([files, options])))

    def columns(self) -> list[str]:
        """Return the fields that sounds give."""
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of windows, a file at a time, in the order of their paths; see `DataSource`."""
        files = self._files()
        for name in role.fields:
            if name not in _FIELDS and name not in role.optional:
                raise DataError(f"{self.path}: sounds have no field {name!r}; allowed: {', '.join(_FIELDS)}")
        if self.sha256 is not None:
            self.digest()
        wanted = [name for name in _FIELDS if name in role.fields]
        cells = self._cells(wanted, files, limit)
        return frames_of(self.path, ((one, None) for one in cells), role)

    def _cells(self, wanted: list[str], files: list[Path], limit: int | None) -> Iterator[dict[str, list[Any]]]:
        left, rate = limit, None
        for file in files:
            told = self._told(file)
            if left == 0 or any(told[name] not in kept for name, kept in self.where.items()):
                continue
            sound, own = read_wave(file)
            if rate is not None and own != rate:
                raise DataError(f"{file}: has {own} samples a second, those before {rate}; allowed: one rate for all")
            rate = own
            rows = [log_mel(part, rate, self.mels, self.parts).tolist() for part in self._cut(file, sound, rate)][:left]
            left = None if left is None else left - len(rows)
            if rows:
                made: dict[str, list[Any]] = {name: [value] * len(rows) for name, value in told.items()}
                yield {name: rows if name == "row" else made[name] for name in wanted}

    def _told(self, file: Path) -> dict[str, str | None]:
        """Return label and unit of a file."""
        inside = file.relative_to(self.path)
        folder = inside.parent.as_posix() if len(inside.parts) > 1 else None
        return {"label": folder, "unit": inside.as_posix(), **told_by_name(self.names, file)}

    def _cut(self, file: Path, sound: np.ndarray, rate: int) -> Iterator[np.ndarray]:
        """Yield windows [sample]; raises DataError for a file that is shorter than one part needs."""
        size = len(sound) if self.window is None else round(self.window * rate)
        if size < self.parts * _FRAME * rate:
            least = f"{self.parts * _FRAME:g} s"
            raise DataError(f"{file}: is {len(sound) / rate:.3g} s long; allowed: {least} or more, or fewer `parts`")
        for start in range(0, len(sound) - size + 1, size):
            yield sound[start : start + size]

    def _files(self) -> list[Path]:
        """Return the WAV files, sorted by path; raises DataError where there are none or one lies outside."""
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder; allowed: a folder of WAV files")
        files = sorted(one for one in self.path.rglob("*") if one.suffix.lower() == ".wav" and one.is_file())
        if not files:
            raise DataError(f"{self.path}: no sound in it; allowed: .wav")
        home = self.path.resolve()
        for file in files:
            if not file.resolve().is_relative_to(home):
                raise DataError(f"{file}: leads out of the folder")
        return files


def read_wave(file: Path) -> tuple[np.ndarray, int]:
    """Return (samples [sample] in [-1, 1], samples a second), channels averaged; raises DataError for no PCM."""
    import numpy as np

    try:
        with open_regular(file) as data, wave.open(data) as sound:
            width, channels, rate, count = (
                sound.getsampwidth(), sound.getnchannels(), sound.getframerate(), sound.getnframes()
            )
            if not 0 < count <= _LONGEST * rate:
                raise DataError(f"{file}: is {count / max(rate, 1):.3g} s long; allowed: above 0 to {_LONGEST} s")
            raw = np.frombuffer(sound.readframes(count), np.uint8)
    except (OSError, EOFError, wave.Error, ValueError, RuntimeError) as error:
        raise DataError(f"{file}: cannot be read as a WAV file ({' '.join(str(error).split())[:100]})") from None
    raw = raw[: len(raw) // (width * channels) * width * channels].reshape(-1, width)
    if width == 1:  # the only unsigned one
        whole = raw[:, 0].astype(np.int64) - 128
    else:
        shifts = 8 * np.arange(width)
        whole = (raw.astype(np.int64) << shifts).sum(axis=1)
        whole = np.where(whole >= 1 << (8 * width - 1), whole - (1 << 8 * width), whole)
    return (whole / float(1 << (8 * width - 1))).reshape(-1, channels).mean(axis=1), rate


def log_mel(sound: np.ndarray, rate: int, mels: int = 20, parts: int = 1) -> np.ndarray:
    """Return log mel energies [part * mels] of samples [sample], part by part; formula in the module's words."""
    import numpy as np

    size, hop = round(_FRAME * rate), round(_HOP * rate)
    starts = np.arange(0, len(sound) - size + 1, hop)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    power = np.abs(np.fft.rfft(sound[starts[:, None] + np.arange(size)] * window, axis=1)) ** 2
    energy = power @ _triangles(size, rate, mels).T
    groups = np.array_split(energy, parts)
    return np.asarray(np.log(np.concatenate([group.mean(axis=0) for group in groups]) + _FLOOR))


def _triangles(size: int, rate: int, mels: int) -> np.ndarray:
    """Return weights [mel, frequency]: each band rises from the one below to its middle, falls to the one above."""
    import numpy as np

    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, mels + 2) / 2595) - 1)
    at = np.fft.rfftfreq(size, 1 / rate)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return np.asarray(np.clip(np.minimum((at - low) / (middle - low), (high - at) / (high - middle)), 0, None))
