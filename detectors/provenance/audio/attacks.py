"""What happens to a sound on its way, or is done to it to get rid of a mark: changes of a sound of -1 to 1.

    mp3          kbit/s                            vorbis     quality, of 1
    resample     samples a second, and back        noise      signal-to-noise ratio of the added noise, dB
    trim         seconds cut off the beginning     excerpt    seconds that are left, from a moment at random
    cut          share of the time cut out of it   silence    share of the time made silent, from a moment at random
    gain         factor                            quantise   bits
    lowpass      Hz                                highpass   Hz; both Butterworth of 6th order
    echo         loudness of the same 0.1 s later  speed      factor of tempo and pitch together
    invert       upside down (strength plays no part)

Sounds are [sample, channel] and come back in steps of 16 bits, as a file would hold them, at the rate that they had.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ATTACKS", "STRENGTHS", "attacked"]

Sound = NDArray[np.float32]
Change = Callable[[Sound, int, float, np.random.Generator], Sound]

ATTACKS: Mapping[str, tuple[float, ...]] = {
    "mp3": (128, 64, 32), "vorbis": (0.5, 0.1), "resample": (16000, 11025, 8000), "noise": (30, 20, 10),
    "trim": (0.37,), "excerpt": (5, 3), "cut": (0.25, 0.5), "silence": (0.25, 0.5), "gain": (0.25, 4),
    "quantise": (8, 6), "lowpass": (3400, 2000), "highpass": (500,), "echo": (0.3, 0.6), "invert": (1,),
    "speed": (1.001, 1.01),
}  # fmt: skip
"""Every attack with the strengths that a table of them shows."""
STRENGTHS: Mapping[str, tuple[float, float]] = {
    "mp3": (8, 320), "vorbis": (0.01, 1), "resample": (4000, 192_000), "noise": (-20, 80), "trim": (0.001, 600),
    "excerpt": (0.1, 600), "cut": (0.01, 0.99), "silence": (0.01, 0.99), "gain": (0.001, 1000), "quantise": (2, 16),
    "lowpass": (100, 90_000), "highpass": (10, 3900), "echo": (0.01, 1), "invert": (1, 1), "speed": (0.5, 2),
}  # fmt: skip
"""Least and greatest strength of each."""
_DELAY = 0.1
_MP3 = ((32000, 32, 320), (16000, 8, 160), (8000, 8, 64))
"""Least rate, least and greatest kbit/s of the three kinds of MP3."""
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def attacked(kind: str, sound: NDArray[np.floating], rate: int, strength: float, rng: np.random.Generator) -> Sound:
    """Return a sound [sample, channel] after an attack, maybe shorter or longer; ValueError for no such kind."""
    if kind not in _KINDS:
        raise ValueError(f"attacked: got {kind!r}; allowed: {', '.join(_KINDS)}")
    made = _KINDS[kind](np.asarray(sound, dtype=np.float32), rate, strength, rng)
    return np.asarray(np.clip(np.rint(made * 32768), -32768, 32767) / 32768, dtype=np.float32)


def _mp3(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    """Return what an MP3 of so many kbit/s gives back, at the next rate that it has; one for each two channels."""
    own = min((one for one in _MP3_RATES if one >= rate), default=_MP3_RATES[-1])
    least, most = next((low, high) for above, low, high in _MP3 if own >= above)
    level = min(max((most - strength) / (most - least), 0), 0.99)
    at_own = sound if own == rate else _resampled(sound, own, rate)
    pairs = [_coded(at_own[:, first : first + 2], own, "MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT",
                    compression_level=level) for first in range(0, sound.shape[1], 2)]  # fmt: skip
    back = np.concatenate(pairs, axis=1)
    return back if own == rate else _resampled(back, rate, own)


def _vorbis(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return _coded(sound, rate, "OGG", "VORBIS", compression_level=1 - strength)


def _coded(sound: Sound, rate: int, form: str, numbers: str, **how: object) -> Sound:
    """Return what a lossy file gives back, written in blocks: a long one overflows what Vorbis has of the stack."""
    import soundfile

    made, whole = io.BytesIO(), np.clip(sound, -1, 1)
    with soundfile.SoundFile(made, "w", rate, sound.shape[1], numbers, format=form, **how) as file:
        for start in range(0, len(whole), 1 << 14):
            file.write(whole[start : start + (1 << 14)])
    made.seek(0)
    return np.asarray(soundfile.read(made, dtype="float32", always_2d=True)[0])


def _resampled(sound: Sound, up: int, down: int) -> Sound:
    from scipy.signal import resample_poly

    common = int(np.gcd(up, down))
    return np.asarray(resample_poly(sound, up // common, down // common, axis=0), dtype=np.float32)


def _resample(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    low = round(strength)
    return _resampled(_resampled(sound, low, rate), rate, low)[: len(sound)]


def _speed(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return _resampled(sound, 1000, round(1000 * strength))


def _noise(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    loud = np.sqrt(np.mean(sound**2, dtype=np.float64)) * 10 ** (-strength / 20)
    return sound + np.float32(loud) * rng.standard_normal(sound.shape, dtype=np.float32)


def _trim(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return sound[round(strength * rate) :]


def _place(sound: Sound, length: int, rng: np.random.Generator) -> slice:
    """Return a stretch of so many samples, all of a shorter sound, at random."""
    start = int(rng.integers(0, max(0, len(sound) - length) + 1))
    return slice(start, start + length)


def _excerpt(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return sound[_place(sound, round(strength * rate), rng)]


def _cut(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    gone = _place(sound, round(strength * len(sound)), rng)
    return np.concatenate([sound[: gone.start], sound[gone.stop :]])


def _silence(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    made = sound.copy()
    made[_place(sound, round(strength * len(sound)), rng)] = 0
    return made


def _gain(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return sound * np.float32(strength)


def _invert(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    return -sound


def _quantise(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    steps = np.float32(2 ** (round(strength) - 1))
    return np.asarray(np.rint(sound * steps) / steps)


def _filter(kind: Literal["lowpass", "highpass"]) -> Change:
    def change(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
        from scipy.signal import butter, sosfilt

        if strength >= rate / 2:
            return sound
        return np.asarray(sosfilt(butter(6, strength, kind, fs=rate, output="sos"), sound, axis=0), dtype=np.float32)

    return change


def _echo(sound: Sound, rate: int, strength: float, rng: np.random.Generator) -> Sound:
    later, made = round(_DELAY * rate), sound.copy()
    made[later:] += np.float32(strength) * sound[: max(0, len(sound) - later)]
    return made


_KINDS: Mapping[str, Change] = {
    "mp3": _mp3, "vorbis": _vorbis, "resample": _resample, "noise": _noise, "trim": _trim, "excerpt": _excerpt,
    "cut": _cut, "silence": _silence, "gain": _gain, "quantise": _quantise, "lowpass": _filter("lowpass"),
    "highpass": _filter("highpass"), "echo": _echo, "invert": _invert, "speed": _speed,
}  # fmt: skip
