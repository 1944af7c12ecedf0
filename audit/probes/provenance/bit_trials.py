"""Trials of marks in sounds and in videos: files whose lowest bits agree with keys as often as they shall.

A file of 512 numbers agrees with the key in just as many places as its p-value needs, or in one fewer, so that another
bound, key or count gives another rate; the same holds after its first half was cut off, and for its original. Under the
key that was not put in it agrees in far more places than are needed, or in too few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, mean_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Bits = NDArray[np.bool_]

__all__ = ["SIZE", "Planted", "bit_trials"]

SIZE = 512
"""Numbers of a file."""
_UNITS, _ALPHA = 24, 0.01
_HALF = SIZE // 2
_KEY = "the key of trials"
_FOUND = (22, 14, 5)
"""Units in which the mark is found, of two files each."""


@immutable
class Planted:
    """What a medium's trials plant."""

    mark: str
    """The mark of lowest bits."""
    file_of: Callable[[Bits], str]
    """A file, in base64, with these bits."""
    bits_of: Callable[[bytes], Bits]
    """The bits of a key [512], as the mark draws them."""
    trim: str
    """The attack that cuts off the first half."""
    cost: str
    """The measure of what a mark costs."""
    costs: Callable[[Bits, Bits], float]
    """Its value for (the bits before, the bits that were made)."""


def bit_trials(probe: Any, planted: Planted, rng: np.random.Generator) -> list[Trial]:
    """Return the trials, with a mark and a key of their own: what is secret plays no part in them."""
    tried = replace(
        probe, mark={"use": planted.mark}, key=_KEY, key_file=None, alpha=_ALPHA, attacks=(planted.trim,), other_keys=1,
        promise_power=0.5, promise_alpha=_ALPHA, **{probe.medium.what: "given"},
    )  # fmt: skip
    return [_Made(tried, planted, dose, rng).trial() for dose in range(3)]


@immutable
class _Made:
    """Files in which the mark is found, more or less, and what must come out."""

    probe: Any
    planted: Planted
    dose: int
    rng: np.random.Generator

    def trial(self) -> Trial:
        """Return the trial of this dose."""
        import numpy as np

        unit = np.tile(np.arange(_UNITS), 2)
        most = {"own": _FOUND[self.dose], "trimmed": 19 - 6 * self.dose, "other": 2 + 5 * self.dose,
                "original": 1 + 2 * self.dose, "clean": 4 * self.dose}  # fmt: skip
        marks = {name: self.rng.permutation(_UNITS)[unit] < count for name, count in most.items()}
        names = [f"{self.probe.medium.what[:-1]}-{number}" for number in range(len(unit))]
        made = [self._file(name, *(bool(marks[form][at]) for form in ("own", "trimmed", "other")))
                for at, name in enumerate(names)]  # fmt: skip
        before = [self._agreeing(self._key, _least(SIZE) - (not one)) for one in marks["original"]]
        clean = [self._clean(f"clean-{at}", bool(one)) for at, one in enumerate(marks["clean"])]
        units = [f"u{number}" for number in unit]
        data = {
            "items": self._frame(names, made, unit=units), "originals": self._frame(names, before),
            "unmarked": self._frame([f"clean-{at}" for at in range(len(unit))], clean, unit=units),
        }
        data["items"] = data["items"].iloc[self.rng.permutation(len(names))]
        return Trial(self.dose > 0, data, {}, self._known(marks, made, before, unit), self.probe)

    def _known(
        self, marks: Mapping[str, Bits], made: Sequence[Bits], before: Sequence[Bits], unit: NDArray[np.int64]
    ) -> KnownMeasures:
        import numpy as np

        costs = [self.planted.costs(one, other) for one, other in zip(before, made, strict=True)]
        of_units = np.bincount(unit, costs) / np.bincount(unit)
        others = np.append(marks["other"], np.zeros(len(unit), dtype=bool))
        return {
            ("detection_rate", None): mean_of(marks["own"], _UNITS),
            ("power_under_attack", self.planted.trim): mean_of(marks["trimmed"], _UNITS),
            ("worst_power_under_attack", None): mean_of(marks["trimmed"], _UNITS),
            ("false_positive_rate", None): mean_of(marks["clean"], _UNITS),
            ("own_false_positive_rate", None): mean_of(marks["original"], _UNITS),
            ("other_key_rate", None): mean_of(others, len(others)),
            (self.planted.cost, None): Known(float(np.sort(of_units)[_UNITS // 2])),
            ("cells_below_promise", None): Known(float(marks["trimmed"].mean() < 0.5), certain=True),
        }  # fmt: skip

    def _frame(self, names: Sequence[str], files: Sequence[Bits], **more: Sequence[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame({"file": [*map(self.planted.file_of, files)], **more}, pd.Index(names, name="id"))

    @cached_property
    def _key(self) -> Bits:
        return self.planted.bits_of(_KEY.encode())

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
        """Return the bits of a file in which the mark is found, or not, and never that of the other key."""
        foreign = self.planted.bits_of(self._reader.other_keys(name)[0])
        while True:
            made = self._agreeing(self._key, _least(SIZE) - (not found))
            if (made == foreign).sum() < _least(SIZE):
                return made

    def _file(self, name: str, own: bool, trimmed: bool, other: bool) -> Bits:
        """Return the bits of a file in which the mark is found, or not, in each of these forms.

        The second half agrees with the beginning of the key just as well as it shall; the first half makes up what the
        whole lacks, in places where it agrees with the other key, too, or in such where it does not.
        """
        import numpy as np

        key, foreign = self._key, self.planted.bits_of(self._reader.other_keys(name)[0])
        while True:
            second = self._agreeing(key[:_HALF], _least(_HALF) - (not trimmed))
            wanted = _least(SIZE) - (not own) - int((second == key[_HALF:]).sum())
            like = key[:_HALF] == foreign[:_HALF]
            order = np.argsort(self.rng.random(_HALF) + (-1 if other else 1) * like)
            first = ~key[:_HALF]
            first[order[:wanted]] = key[:_HALF][order[:wanted]]
            made = np.append(first, second)
            if 0 <= wanted <= _HALF and ((made == foreign).sum() >= _least(SIZE)) == other:
                return made


@cache
def _least(count: int) -> int:
    """Return how many of so many bits are right, at the least, where a mark is found."""
    import numpy as np
    from scipy.special import betainc

    bits = np.arange(count)
    return int(np.argmax(betainc(bits + 1, count - bits, 0.5) <= _ALPHA)) + 1
