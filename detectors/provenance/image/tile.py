"""The mark of a key: a square of 96 x 96 pixels, repeated, whose frequencies have phases that only the key knows.

    w(x) = sum_k c_k cos(2 pi k x / 96 + a_k),    6 <= |k| <= 27 (waves of 3.6 to 16 pixels)

a_k comes from SHAKE-256 of the key, uniform on the circle. Half of the frequencies have c_k = 1: by them the mark is
found. The others carry 32 bits, 8 of them to each 128 frequencies as a word of the first-order Reed-Muller code
RM(1, 7), c_k = +-1; every word lies 64 signs away from every other. Frequencies that a grid of 8 pixels has, like that
of JPEG, are left out. Spread spectrum: Cox et al. 1997 (IEEE Trans. Image Processing 6:1673).
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.linalg import hadamard

__all__ = ["DOWN", "FREQUENCIES", "MESSAGE", "PAYLOAD_BYTES", "PILOT", "RIGHT", "SIDE", "decoded", "encoded",
           "pattern", "phases"]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDE = 96
"""Pixels from one repetition to the next."""
PAYLOAD_BYTES = 4
FREQUENCIES = (6.0, 27.0)
"""Least and greatest |k|, in waves to a side."""
_GRID = 8
_WORD = 128
"""Signs of a word, which has 8 bits: which row of the Hadamard matrix (7), and its sign."""
_VERSION = b"dokimasia image mark 1\0"


def _half_plane() -> tuple[Ints, Ints]:
    """Return the frequencies (down, right) in order of their length: one of each pair k, -k."""
    down, right = (axis.ravel() for axis in np.mgrid[1 - SIDE // 2 : SIDE // 2, 0 : SIDE // 2])
    length = np.hypot(down, right)
    grid = SIDE // _GRID
    kept = (right > 0) | (down > 0)
    kept &= (length >= FREQUENCIES[0]) & (length <= FREQUENCIES[1]) & ((down % grid > 0) | (right % grid > 0))
    order = np.lexsort((right[kept], down[kept], length[kept]))
    return down[kept][order], right[kept][order]


DOWN, RIGHT = _half_plane()
MESSAGE = ((np.arange(PAYLOAD_BYTES * _WORD) + 0.5) * len(DOWN) / (PAYLOAD_BYTES * _WORD)).astype(int)
"""Places of the frequencies that carry bits, evenly among all, those of the four words in turn."""
PILOT = np.setdiff1d(np.arange(len(DOWN)), MESSAGE)
"""Places of the frequencies by which the mark is found."""


@cache
def _words() -> Floats:
    """Return the Hadamard matrix, whose rows are half of all words; the others are their opposites."""
    return np.asarray(hadamard(_WORD), dtype=float)


@lru_cache(maxsize=64)
def phases(secret: bytes) -> Floats:
    """Return a_k of a key [frequency], in radians."""
    drawn = hashlib.shake_256(_VERSION + secret).digest(4 * len(DOWN))
    return np.frombuffer(drawn, "<u4") * (2 * np.pi / 2**32)


def pattern(secret: bytes, payload: bytes) -> NDArray[np.float32]:
    """Return the square of a key and 4 bytes, [96, 96], of mean 0 and standard deviation 1."""
    signs = np.ones(len(DOWN))
    signs[MESSAGE] = encoded(payload)
    waves = signs * np.exp(1j * phases(secret))
    spectrum = np.zeros((SIDE, SIDE), dtype=complex)
    spectrum[DOWN, RIGHT], spectrum[-DOWN, -RIGHT] = waves, waves.conj()
    square = fft.ifft2(spectrum).real
    return np.asarray(square / square.std(), dtype=np.float32)


def encoded(payload: bytes) -> Floats:
    """Return the signs +-1 [512] of 4 bytes, those of the four words in turn. Raises ValueError for another length."""
    if len(payload) != PAYLOAD_BYTES:
        raise ValueError(f"encoded: got {len(payload)} bytes; allowed: {PAYLOAD_BYTES}")
    told = np.frombuffer(payload, np.uint8)
    words = _words()[told % _WORD] * np.where(told >= _WORD, -1.0, 1.0)[:, None]
    return np.asarray(words.T.ravel())


def decoded(soft: Floats) -> tuple[bytes, Floats]:
    """Return the likeliest 4 bytes for 512 soft signs, and the agreement of each with its word: sum of soft * sign."""
    agreement = soft.reshape(_WORD, PAYLOAD_BYTES).T @ _words()
    row = np.abs(agreement).argmax(1)
    best = agreement[np.arange(PAYLOAD_BYTES), row]
    return bytes((row + _WORD * (best < 0)).tolist()), np.abs(best)
