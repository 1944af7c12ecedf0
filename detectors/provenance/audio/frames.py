"""Sound as spectra of short frames and back, at any rate, without holding all spectra at once.

    y = sum_j s(t - j h) irfft(change(rfft(s(t - j h) x(t))))    s: half a sine as long as a frame, h: half a frame

s^2 over all frames adds up to 1, so that spectra that are left as they are give x again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

__all__ = ["at_rate", "framed"]

Samples = NDArray[np.float32]
Spectra = NDArray[np.complex64]
_AT_ONCE = 1 << 20
"""Numbers of frames that are transformed at once."""


def framed(change: Callable[..., Spectra], size: int, *sounds: Samples) -> Samples:
    """Return a sound [sample] from the spectra of one or more, all as long: `change` of spectra [frame, frequency].

    size: samples of a frame, even.
    """
    half, length = size // 2, len(sounds[0])
    count = -(-length // half) + 1
    padded = [np.pad(one, (half, (count + 1) * half - half - length)) for one in sounds]
    frames = [np.lib.stride_tricks.sliding_window_view(one, size)[::half] for one in padded]
    window = np.sin(np.pi * (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size)
    made = np.zeros((count + 1, half), dtype=np.float32)
    step = max(1, _AT_ONCE // size)
    for start in range(0, count, step):
        spectra = (fft.rfft(one[start : start + step] * window) for one in frames)
        back = fft.irfft(change(*spectra), size) * window
        made[start : start + len(back)] += back[:, :half]
        made[start + 1 : start + 1 + len(back)] += back[:, half:]
    return made.reshape(-1)[half : half + length]


def at_rate(sound: Samples, rate: int, wanted: int) -> Samples:
    """Return a sound [sample] at another number of samples a second, in time with what it was."""
    if rate == wanted:
        return sound
    common = int(np.gcd(rate, wanted))
    return np.asarray(signal.resample_poly(sound, wanted // common, rate // common), dtype=np.float32)
