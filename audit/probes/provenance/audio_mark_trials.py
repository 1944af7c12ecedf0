"""Trials of `provenance.audio_mark`, see `bit_trials`: sounds of 512 samples, alike but for their lowest bits."""

from __future__ import annotations

import base64
import io
import wave
from typing import TYPE_CHECKING, Any

from audit.probes.provenance.bit_trials import SIZE, Planted, bit_trials

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from audit.probes.provenance.bit_trials import Bits

__all__ = ["audio_mark_trials"]

_RATE, _LOUD = 8000, 100


def audio_mark_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials."""
    trim = f"trim at {SIZE / 2 / _RATE:g}"
    return bit_trials(probe, Planted("audio-lowest-bit", _file, _bits_of, trim, "snr", _snr), rng)


def _bits_of(key: bytes) -> Bits:
    from detectors.provenance.image.latent import keyed_bits

    return keyed_bits(key, b"lowest bit", SIZE)


def _snr(before: Bits, made: Bits) -> float:
    import numpy as np

    return float(10 * np.log10(((_LOUD + before.astype(float)) ** 2).sum() / (before != made).sum()))


def _file(bits: Bits) -> str:
    """Return a WAV file in base64."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((_LOUD + bits.astype("<i2")).astype("<i2").tobytes())
    return base64.b64encode(made.getvalue()).decode()
