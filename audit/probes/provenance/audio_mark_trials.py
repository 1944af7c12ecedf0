"""Trials of `provenance.audio_mark`: sounds whose lowest bits agree with keys as often as they shall.

A sound of 512 samples agrees with the key in just as many places as its p-value needs, or in one fewer, so that another
bound, key or count gives another rate; the same holds after its first half was cut off, and for its original. Under the
key that was not put in it agrees in far more places than are needed, or in too few.
"""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, mean_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]

__all__ = ["audio_mark_trials"]

_UNITS, _SIZE, _ALPHA, _RATE = 32, 512, 0.01, 8000
_HALF = _SIZE // 2
_LOUD = 100
_KEY, _TRIM = "the key of trials", f"trim at {_HALF / _RATE:g}"
_FOUND = (29, 19, 6)
"""Units in which the mark is found, of two sounds each."""


def audio_mark_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials, with a mark and a key of their own: what is secret plays no part in them."""
    tried = replace(
        probe, sounds="given", mark={"use": "audio-lowest-bit"}, key=_KEY, key_file=None, alpha=_ALPHA,
        attacks=(_TRIM,), other_keys=1, promise_power=0.5, promise_alpha=_ALPHA,
    )
    return [_Made(tried, dose, rng).trial() for dose in range(3)]


@dataclass(frozen=True)
class _Made:
    """Sounds in which the mark is found, more or less, and what must come out."""

    probe: Any
    dose: int
    rng: np.random.Generator

    def trial(self) -> Trial:
        """Return the trial of this dose."""
        import numpy as np

        unit = np.tile(np.arange(_UNITS), 2)
        most = {"own": _FOUND[self.dose], "trimmed": 26 - 8 * self.dose, "other": 2 + 6 * self.dose,
                "original": 1 + 3 * self.dose, "clean": 5 * self.dose}  # fmt: skip
        marks = {name: self.rng.permutation(_UNITS)[unit] < count for name, count in most.items()}
        names = [f"sound-{number}" for number in range(len(unit))]
        made = [self._sound(name, *(bool(marks[form][at]) for form in ("own", "trimmed", "other")))
                for at, name in enumerate(names)]  # fmt: skip
        before = [self._agreeing(self._key, _least(_SIZE) - (not one)) for one in marks["original"]]
        clean = [self._clean(f"clean-{at}", bool(one)) for at, one in enumerate(marks["clean"])]
        units = [f"u{number}" for number in unit]
        data = {
            "items": _frame(names, made, unit=units), "originals": _frame(names, before),
            "unmarked": _frame([f"clean-{at}" for at in range(len(unit))], clean, unit=units),
        }
        data["items"] = data["items"].iloc[self.rng.permutation(len(names))]
        return Trial(self.dose > 0, data, {}, self._known(marks, made, before, unit), self.probe)

    def _known(
        self, marks: Mapping[str, Bits], made: Sequence[Bits], before: Sequence[Bits], unit: NDArray[np.int64]
    ) -> KnownMeasures:
        import numpy as np

        powers = [((_LOUD + one.astype(float)) ** 2).sum() for one in before]
        noise = [10 * np.log10(power / (one != other).sum()) for power, one, other in
                 zip(powers, made, before, strict=True)]  # fmt: skip
        of_units = np.bincount(unit, noise) / np.bincount(unit)
        others = np.append(marks["other"], np.zeros(len(unit), dtype=bool))
        return {
            ("detection_rate", None): mean_of(marks["own"], _UNITS),
            ("power_under_attack", _TRIM): mean_of(marks["trimmed"], _UNITS),
            ("worst_power_under_attack", None): mean_of(marks["trimmed"], _UNITS),
            ("false_positive_rate", None): mean_of(marks["clean"], _UNITS),
            ("own_false_positive_rate", None): mean_of(marks["original"], _UNITS),
            ("other_key_rate", None): mean_of(others, len(others)),
            ("snr", None): Known(float(np.sort(of_units)[_UNITS // 2])),
            ("cells_below_promise", None): Known(float(marks["trimmed"].mean() < 0.5), certain=True),
        }  # fmt: skip

    @cached_property
    def _key(self) -> Bits:
        return _bits_of(_KEY.encode())

    @cached_property
    def _reader(self) -> Any:
        return self.probe.reader()[1]

    def _agreeing(self, key: Bits, right: int) -> Bits:
        """Return bits of which so many, at random, are those of a key."""
        import numpy as np

        made = ~key
        places = self.rng.permutation(len(key))[:right]
        made[places] = key[places]
        return np.asarray(made)

    def _clean(self, name: str, found: bool) -> Bits:
        """Return the bits of a sound in which the mark is found, or not, and never that of the other key."""
        foreign = _bits_of(self._reader.other_keys(name)[0])
        while True:
            made = self._agreeing(self._key, _least(_SIZE) - (not found))
            if (made == foreign).sum() < _least(_SIZE):
                return made

    def _sound(self, name: str, own: bool, trimmed: bool, other: bool) -> Bits:
        """Return the bits of a sound in which the mark is found, or not, in each of these forms.

        The second half agrees with the beginning of the key just as well as it shall; the first half makes up what the
        whole lacks, in places where it agrees with the other key, too, or in such where it does not.
        """
        import numpy as np

        key, foreign = self._key, _bits_of(self._reader.other_keys(name)[0])
        while True:
            second = self._agreeing(key[:_HALF], _least(_HALF) - (not trimmed))
            wanted = _least(_SIZE) - (not own) - int((second == key[_HALF:]).sum())
            like = key[:_HALF] == foreign[:_HALF]
            order = np.argsort(self.rng.random(_HALF) + (-1 if other else 1) * like)
            first = ~key[:_HALF]
            first[order[:wanted]] = key[:_HALF][order[:wanted]]
            made = np.append(first, second)
            if 0 <= wanted <= _HALF and ((made == foreign).sum() >= _least(_SIZE)) == other:
                return made


@cache
def _least(count: int) -> int:
    """Return how many of so many bits are right, at the least, where a mark is found."""
    import numpy as np
    from scipy.special import betainc

    bits = np.arange(count)
    return int(np.argmax(betainc(bits + 1, count - bits, 0.5) <= _ALPHA)) + 1


def _bits_of(key: bytes) -> Bits:
    """Return the bits of a key, as the mark draws them."""
    from detectors.provenance.image.latent import keyed_bits

    return keyed_bits(key, b"lowest bit", _SIZE)


def _frame(names: Sequence[str], sounds: Sequence[Bits], **more: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"file": [_file(one) for one in sounds], **more}, pd.Index(names, name="id"))


def _file(bits: Bits) -> str:
    """Return a WAV file of samples that are alike but for their lowest bits, in base64."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((_LOUD + bits.astype("<i2")).astype("<i2").tobytes())
    return base64.b64encode(made.getvalue()).decode()
