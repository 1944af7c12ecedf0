"""Sounds in audits of marks: as files hold them, marked, attacked, and read under keys."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import UsageError
from audit.probes.provenance.filed_marks import number_or_none

if TYPE_CHECKING:
    import numpy as np

    from audit.watermarks.audio import AudioMark
    from audit.watermarks.audio.files import Sound
    from detectors.provenance.image.bits import Evidence

__all__ = ["Sounds"]


class Sounds:
    """Sounds [sample, channel], at the rate of their files."""

    what: ClassVar[str] = "sounds"
    size: ClassVar[str] = "sound_seconds"
    costs: ClassVar[Sequence[str]] = ("snr", "segmental_snr")

    def attacks(self) -> tuple[Mapping[str, Sequence[float]], Mapping[str, tuple[float, float]]]:
        """Return the built-in attacks with their strengths, and the least and greatest strength of each."""
        from detectors.provenance.audio.attacks import ATTACKS, STRENGTHS

        return ATTACKS, STRENGTHS

    def decoded(self, data: bytes, name: str) -> Sound:
        """Return the sound in a file; raises DataError for what is none."""
        from audit.watermarks.audio.files import sound_of

        return sound_of(io.BytesIO(data), name)

    def length(self, one: Sound) -> float:
        """Return the seconds of a sound."""
        return one.seconds

    def read(self, mark: AudioMark, one: Sound, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in a sound."""
        return mark.read(one.samples, one.rate, keys)

    def marked(self, mark: Any, one: Sound, key: bytes) -> Sound:
        """Return a sound with the mark; raises UsageError."""
        from audit.watermarks.audio import MarksAudio

        if not isinstance(mark, MarksAudio):
            raise UsageError("{mark} is not put into sounds that are there; allowed: sounds given", mark=mark.variant)
        return replace(one, samples=mark.marked(one.samples, one.rate, key))

    def attacked(self, kind: str, one: Sound, strength: float, rng: np.random.Generator) -> tuple[Sound, bool]:
        """Return a sound after an attack, and whether that changed anything."""
        import numpy as np

        from detectors.provenance.audio.attacks import attacked

        changed = attacked(kind, one.samples, one.rate, strength, rng)
        return replace(one, samples=changed), not np.array_equal(changed, one.samples)

    def quality(self, original: Sound, one: Sound) -> dict[str, float | None]:
        """Return how far a sound is from its original, in dB; nothing of two lengths or rates."""
        from detectors.provenance.audio.quality import segmental_snr, snr

        before, after = original.samples, one.samples
        if before.shape != after.shape or original.rate != one.rate:
            return {"snr": None, "segmental_snr": None}
        by_segment = segmental_snr(before, after, one.rate)
        return {"snr": number_or_none(snr(before, after)), "segmental_snr": number_or_none(by_segment)}
