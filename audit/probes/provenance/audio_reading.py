"""Reading sounds under the key of a mark: as they are, after attacks, and under keys that were not put in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.watermarks.audio import AudioMark
    from audit.watermarks.audio.files import Sound
    from detectors.provenance.image.bits import Evidence

__all__ = ["SoundReader"]


@dataclass(frozen=True)
class SoundReader:
    """Reads sounds under a key, and under others that are drawn for each sound."""

    mark: AudioMark
    key: bytes
    others: int
    """Keys that were not put in, for each sound."""

    def put_in(self, sound: Sound) -> Sound:
        """Return a sound with the mark; raises UsageError."""
        from audit.watermarks.audio import MarksAudio

        if not isinstance(self.mark, MarksAudio):
            raise UsageError("{mark} is not put into sounds that are there; allowed: sounds given",
                             mark=self.mark.variant)  # fmt: skip
        return replace(sound, samples=self.mark.marked(sound.samples, sound.rate, self.key))

    def read(self, samples: NDArray[np.floating], rate: int, name: str) -> list[Evidence]:
        """Return what the key, and then each other key of the sound of this id, reads."""
        return self.mark.read(samples, rate, [self.key, *self.other_keys(name)])

    def marked(
        self, name: str, sound: Sound, original: Sound | None, attacks: Sequence[tuple[str, float]]
    ) -> dict[str, Any]:
        """Return what `audio_mark_detection` judges of a sound with the mark."""
        own, *others = self.read(sound.samples, sound.rate, name)
        row: dict[str, Any] = {
            "sound_seconds": sound.seconds, "p_value": own.p_value, "right_bits": _number(own.right_bits),
            "other_p_values": [one.p_value for one in others],
        }
        if original is not None:
            row |= _quality(original, sound)
            row["plain_p_value"] = self.mark.read(original.samples, original.rate, [self.key])[0].p_value
        return row if not attacks else row | self._attacked(name, sound, own, attacks)

    def _attacked(
        self, name: str, sound: Sound, own: Evidence, attacks: Sequence[tuple[str, float]]
    ) -> dict[str, list[Any]]:
        import numpy as np

        from detectors.distortions import generator_of
        from detectors.provenance.audio.attacks import attacked

        altered, p_values = [False], [own.p_value]
        for kind, strength in attacks:
            rng = generator_of(f"{name} {kind} {strength:g}")
            changed = attacked(kind, sound.samples, sound.rate, strength, rng)
            altered.append(not np.array_equal(changed, sound.samples))
            p_values.append(self.mark.read(changed, sound.rate, [self.key])[0].p_value)
        return {
            "kinds": ["none", *(kind for kind, _ in attacks)], "strengths": [0.0, *(one for _, one in attacks)],
            "lengths": [0] * len(altered), "altered": altered, "p_values": p_values,
        }  # fmt: skip

    def other_keys(self, name: str) -> list[bytes]:
        """Return the keys that were not put in under which the sound of this id is read."""
        told = (f"{name} {number}".encode() for number in range(self.others))
        return [hashlib.sha256(b"another key than " + self.key + b"\0" + one).digest() for one in told]


def _quality(original: Sound, sound: Sound) -> dict[str, float | None]:
    """Return how far a sound is from its original, in dB; nothing of two lengths or rates."""
    from detectors.provenance.audio.quality import segmental_snr, snr

    before, after = original.samples, sound.samples
    if before.shape != after.shape or original.rate != sound.rate:
        return {"snr": None, "segmental_snr": None}
    return {"snr": _number(snr(before, after)), "segmental_snr": _number(segmental_snr(before, after, sound.rate))}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
