"""The keyed mark of a sound: a repeated pattern added to every channel, as strong as the sound is there, far below it.

    Y = X + g M W,    M = root mean square of |X| over 7 neighbouring frequencies, 219 Hz, in frames of 32 ms

W: spectrum of `detectors.provenance.audio.period.pattern`; g, one number, gives the wanted SNR. What was added is made
quieter where the 2 ms before a moment or the 2 ms after it are quieter than the 64 ms around it, so that nothing is
heard before an onset and silence stays silence. Nearly all of it lies between 200 and 3,600 Hz.

The pattern repeats, in one sound and over all of a key. So who has some marked sounds can lift it, put it into another
or take it off: found, the mark says that a sound was marked, or that the mark was copied into it; it does not prove who
made it. Signed origin (`audit.watermarks.origin`) binds a statement to the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import UsageError
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["AudioSpread"]

_FRAME, _NEAR = 256, 7
_MOMENT, _AROUND = 0.002, 0.064
"""Seconds over which loudness is taken."""
_SILENT = 1e-9
"""Share of the loudness around a moment below which it is silence."""


@immutable
class AudioSpread:
    """A keyed, blind mark in sound that survives compression, cuts, noise and another rate. Raises UsageError."""

    snr: float = 26.0
    """Signal-to-noise ratio of the marked sound in dB, 15 to 50; lower is stronger."""

    variant: ClassVar[str] = "audio-spread"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a strength that is heard, or that rounding would swallow."""
        if not 15 <= self.snr <= 50:
            raise UsageError("snr is {snr:g}; allowed: 15 to 50", snr=self.snr)

    def marked(self, sound: NDArray[np.floating], rate: int, key: bytes) -> NDArray[np.floating]:
        """Return a sound [sample] or [sample, channel] of -1 to 1 with the mark, of its own type and shape.

        Raises UsageError for one that is too short or silent, or has a rate at which none is read.
        """
        import numpy as np

        from detectors.provenance.audio.period import pattern
        from detectors.provenance.audio.reading import HIGHEST, LOWEST, SHORTEST

        if not (LOWEST <= rate <= HIGHEST and len(sound) >= SHORTEST * rate):
            raise UsageError(
                "the sound has {seconds:.3g} s at {rate:,} samples a second; a mark needs {least:g} s at {low:,} to "
                "{high:,}", seconds=len(sound) / max(rate, 1), rate=rate, least=SHORTEST, low=LOWEST, high=HIGHEST,
            )  # fmt: skip
        wave = pattern(key)
        channels = sound.reshape(len(sound), -1)
        change = np.stack([_hidden(one.astype(np.float32), rate, wave) for one in channels.T], axis=1)
        power = np.mean(change**2, dtype=np.float64)
        if not power:
            raise UsageError("the sound is silent between 200 and 3,600 Hz; a mark needs some sound to hide in")
        change *= np.sqrt(np.mean(channels**2, dtype=np.float64) / power) * 10 ** (-self.snr / 20)
        made = np.clip(channels + change, -1, 1) if np.abs(channels).max() <= 1 else channels + change
        return np.asarray(made.reshape(sound.shape), dtype=sound.dtype)

    def read(self, sound: NDArray[np.floating], rate: int, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in a sound [sample] or [sample, channel]."""
        from detectors.provenance.audio.reading import read_all
        from detectors.provenance.image.bits import Evidence

        return [Evidence(one.log10_p) for one in read_all(sound, rate, keys)]


def _hidden(sound: NDArray[np.float32], rate: int, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pattern, repeated, as strong at each time and frequency as a sound [sample] is there."""
    import numpy as np
    from scipy.ndimage import uniform_filter1d

    from detectors.provenance.audio.frames import at_rate, framed
    from detectors.provenance.audio.period import RATE

    def beside(own: NDArray[np.complex64], other: NDArray[np.complex64]) -> NDArray[np.complex64]:
        return other * np.sqrt(uniform_filter1d(np.abs(own) ** 2, _NEAR, axis=1))

    low = at_rate(sound, rate, RATE)
    added = at_rate(framed(beside, _FRAME, low, np.resize(wave, len(low))), RATE, rate)[: len(sound)]
    power = sound.astype(np.float64) ** 2
    moment = round(_MOMENT * rate) | 1
    near = np.minimum(*(uniform_filter1d(power, moment, origin=side * (moment // 2)) for side in (-1, 1)))
    far = uniform_filter1d(power, round(_AROUND * rate) | 1)
    share = np.divide(near, far, out=np.zeros_like(far), where=near > _SILENT * far)
    quieter = np.sqrt(share.clip(0, 1))
    return np.asarray(np.pad(added, (0, len(sound) - len(added))) * quieter, dtype=np.float32)
