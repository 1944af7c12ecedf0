"""The mark of a key in sound: 1.024 s that repeat, whose frequencies have phases that only the key knows.

    w(t) = sum_k cos(2 pi k t / 8192 + a_k),    k = 205 ... 3686: 200 to 3,600 Hz, t in samples at 8,000 a second

a_k comes from SHAKE-256 of the key, uniform on the circle. Every sound from 8,000 samples a second on has room for it,
telephone too. The period is no round number, as beats of music often are. Spread spectrum: Cox et al. 1997 (IEEE Trans.
Image Processing 6:1673); in sound: Kirovski and Malvar 2003 (IEEE Trans. Signal Processing 51:1020). Beside dithered
quantisation of projections (STDM: Chen and Wornell 2001, IEEE Trans. Information Theory 47:1423) at the same SNR it is
weaker where nothing happened and stronger after noise and filters, and it need not know where the sound begins.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["BAND", "FREQUENCIES", "PERIOD", "RATE", "pattern", "phases"]

RATE = 8000
"""Samples a second at which marks are made and read."""
PERIOD = 8192
"""Samples from one repetition to the next."""
BAND = (200.0, 3600.0)
"""Least and greatest frequency, in Hz."""
FREQUENCIES = np.arange(round(BAND[0] * PERIOD / RATE), round(BAND[1] * PERIOD / RATE) + 1)
"""k, in waves to a period."""
_VERSION = b"dokimasia audio mark 1\0"


@lru_cache(maxsize=64)
def phases(secret: bytes) -> NDArray[np.float64]:
    """Return a_k of a key [frequency], in radians."""
    drawn = hashlib.shake_256(_VERSION + secret).digest(4 * len(FREQUENCIES))
    return np.frombuffer(drawn, "<u4") * (2 * np.pi / 2**32)


def pattern(secret: bytes) -> NDArray[np.float32]:
    """Return one period of the mark of a key, [8192], of mean 0 and standard deviation 1."""
    spectrum = np.zeros(PERIOD // 2 + 1, dtype=complex)
    spectrum[FREQUENCIES] = np.exp(1j * phases(secret))
    wave = fft.irfft(spectrum, PERIOD)
    return np.asarray(wave / wave.std(), dtype=np.float32)
