"""What a mark costs: how far the marked sound is from the original, over all of it and frame by frame.

    SNR           = 10 log10 (sum x^2 / sum (y - x)^2)                          dB, of all channels
    segmental SNR = mean over frames of 20 ms of 10 log10 (...), each cut to [-10, 35], frames of silence left out

Segmental SNR tells what is put where it is quiet; the cuts are those of Hansen and Pellom 1998 (ICSLP, paper 0917).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EQUAL", "segmental_snr", "snr"]

EQUAL = 100.0
"""SNR that is told of equal sounds, which have none."""
_FRAME = 0.02
_CUT = (-10.0, 35.0)
_SILENT = 1e-10
"""Mean square of a frame at or below which it is silence: under one step of 16 bits."""
Sound = NDArray[np.floating]


def snr(original: Sound, marked: Sound) -> float:
    """Return the signal-to-noise ratio in dB, at most `EQUAL`; ValueError for sounds of two shapes, NaN for silence."""
    power, noise = _powers(original, marked)
    if not power.sum():
        return float("nan")
    return min(EQUAL, float(10 * np.log10(power.sum() / noise.sum()))) if noise.sum() else EQUAL


def segmental_snr(original: Sound, marked: Sound, rate: int) -> float:
    """Return the mean SNR of frames of 20 ms in dB, -10 to 35; ValueError as `snr`, NaN where all is silence."""
    size = round(_FRAME * rate)
    power, noise = (one[: len(one) // size * size].reshape(-1, size).mean(1) for one in _powers(original, marked))
    heard = power > _SILENT
    if not heard.any():
        return float("nan")
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(power[heard] / noise[heard])
    return float(np.clip(ratio, *_CUT).mean())


def _powers(original: Sound, marked: Sound) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the squares of the original and of the change [sample], mean over channels."""
    if original.shape != marked.shape:
        raise ValueError(f"got sounds of shapes {list(original.shape)} and {list(marked.shape)}; allowed: one")
    x = original.astype(float).reshape(len(original), -1)
    return (x**2).mean(1), ((marked.reshape(x.shape) - x) ** 2).mean(1)
