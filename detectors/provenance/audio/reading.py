"""Does a sound carry the mark of a key: blind, wherever it was cut, however loud, upside down too.

    S(shift) = sum over frequencies of cos(arg F_k - a_k + 2 pi k shift / 8192)

F_k: of the sound at 8,000 samples a second, each frequency of each frame of 128 ms made as strong as any other, folded
by the period; only its phases count. The phases a_k of a key that the sound does not depend on are independent and
uniform, so S is a sum of independent cosines, whatever the sound is, a tone, silence or one second over and over: its
tail is exact (`detectors.provenance.cosines`), over the draw of the key. The greatest |S| of all shifts, half a sample
apart, of the whole sound and of its passages of 4, 8, 16, ... periods has p = tried * tail, which bounds the chance
that any is as great.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detectors.immutable import immutable
from detectors.provenance.audio.frames import at_rate, framed
from detectors.provenance.audio.period import FREQUENCIES, PERIOD, RATE, phases
from detectors.provenance.cosines import FEWEST, log_cosine_tail
from detectors.provenance.log_p import p_of

__all__ = ["HIGHEST", "LOWEST", "SHORTEST", "AudioReading", "mono", "read", "read_all"]

SHORTEST = 1.0
"""Seconds; a shorter sound is not read."""
LOWEST, HIGHEST = RATE, 192_000
"""Samples a second."""
_FRAME = 1024
_FINE = 2
"""Shifts to a sample."""
_LEAST = 4
"""Periods of a passage."""
_CANCELLED = 1e-4
"""Share of the power of the channels that their mean has left, below which they cancel each other."""
_NOTHING = np.finfo(np.float32).tiny
"""Below it a float32 has too few digits to be divided by: silence."""


@immutable
class AudioReading:
    """What a key reads in a sound. `log10_p` is NaN, and the rest empty, where it is too short or silent."""

    statistic: float
    """|S|, the greatest sum of cosines."""
    count: int
    """Of how many cosines."""
    tried: int
    """Shifts of the whole sound and of all passages, as it stands and upside down; p is multiplied by it."""
    log10_p: float
    """Decimal logarithm of the p-value: the chance, over keys, of such a mark in a sound that knows nothing of it."""
    passage: tuple[float, float] = (math.nan, math.nan)
    """First and last second of what the mark is likeliest in."""

    @property
    def p_value(self) -> float:
        """Return p; see `p_of`."""
        return p_of(self.log10_p)


def mono(sound: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the mean over channels [sample] of a sound [sample] or [sample, channel]; ValueError for another shape.

    Where they cancel each other, as when one was turned upside down, the loudest of them stands for all.
    """
    if sound.ndim not in (1, 2) or 0 in sound.shape[1:]:
        raise ValueError(f"mono: got shape {list(sound.shape)}; allowed: [sample] or [sample, channel]")
    if sound.ndim == 1:
        return np.asarray(sound, dtype=np.float32)
    mean = np.asarray(sound.mean(axis=1), dtype=np.float32)
    loud = np.einsum("ij,ij->j", sound, sound)
    gone = np.dot(mean, mean) < _CANCELLED * loud.mean()
    return np.asarray(sound[:, loud.argmax()] if gone else mean, dtype=np.float32)


def read(sound: NDArray[np.floating], rate: int, secret: bytes) -> AudioReading:
    """Return what a key reads in a sound, see `read_all`."""
    return read_all(sound, rate, [secret])[0]


def read_all(sound: NDArray[np.floating], rate: int, secrets: Sequence[bytes]) -> list[AudioReading]:
    """Return what each key reads in a sound [sample] or [sample, channel] of -1 to 1, `rate` samples a second.

    The p-values of several keys are not corrected for their number. Raises ValueError for another shape or rate.
    """
    if not LOWEST <= rate <= HIGHEST:
        raise ValueError(f"read_all: got {rate} samples a second; allowed: {LOWEST} to {HIGHEST}")
    plain = mono(sound)
    heard = len(plain) / rate
    passages: list[tuple[tuple[int, int], NDArray[np.complex64]]] = []
    if heard >= SHORTEST:
        passages = [(where, _units(one)) for where, one in _passages(_even(at_rate(plain, rate, RATE)))]
    tried = 2 * PERIOD * _FINE * len(passages)
    readings = []
    for secret in secrets:
        sums = [(where, *_greatest(units, secret)) for where, units in passages if (units != 0).sum() >= FEWEST]
        if not sums:
            readings.append(AudioReading(math.nan, 0, 0, math.nan))
            continue
        told = [(log_cosine_tail(statistic, count), statistic, count, where) for where, statistic, count in sums]
        log_tail, statistic, count, where = min(told)
        first, last = (min(heard, at * PERIOD / RATE) for at in where)
        log10_p = min(0.0, (math.log(tried) + log_tail) / math.log(10))
        readings.append(AudioReading(statistic, count, tried, log10_p, (first, last)))
    return readings


def _even(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a sound whose frames have every frequency as strong as every other; silence stays silence."""

    def equal(spectra: NDArray[np.complex64]) -> NDArray[np.complex64]:
        size = np.abs(spectra)
        return np.divide(spectra, size, out=np.zeros_like(spectra), where=size > _NOTHING)

    return framed(equal, _FRAME, sound)


def _passages(sound: NDArray[np.float32]) -> Iterator[tuple[tuple[int, int], NDArray[np.float32]]]:
    """Yield (first period, one after the last) and the sum of these periods [8192]: the whole, then its passages.

    Passages of 4, 8, 16, ... periods begin at every second, fourth, eighth, ... one; what is left at the end, less than
    half a passage, is in the whole alone.
    """
    count = -(-len(sound) // PERIOD)
    blocks = np.pad(sound, (0, count * PERIOD - len(sound))).reshape(count, PERIOD)
    yield (0, count), blocks.sum(0)
    size = _LEAST // 4
    while 4 * size < count:
        blocks, size = blocks[: len(blocks) // 2 * 2].reshape(-1, 2, PERIOD).sum(1), 2 * size
        for at in range(len(blocks) - 1):
            yield (at * size, (at + 2) * size), blocks[at] + blocks[at + 1]


def _units(period: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the phases of a folded sound as numbers on the unit circle [frequency], 0 for none."""
    values = fft.rfft(period)[FREQUENCIES]
    size = np.abs(values)
    return np.asarray(np.divide(values, size, out=np.zeros_like(values), where=size > 0), dtype=np.complex64)


def _greatest(units: NDArray[np.complex64], secret: bytes) -> tuple[float, int]:
    """Return the greatest |S| of all shifts, and of how many cosines it is."""
    spectrum = np.zeros(PERIOD * _FINE // 2 + 1, dtype=np.complex64)
    spectrum[FREQUENCIES] = units * np.exp(-1j * phases(secret)).astype(np.complex64)
    sums = fft.irfft(spectrum, PERIOD * _FINE)
    return float(np.abs(sums).max()) * PERIOD * _FINE / 2, int((units != 0).sum())
