"""Trials of `provenance.image_mark`: images whose lowest bits agree with keys as often as they shall.

An image of 16 x 16 agrees with the key in just as many places as its p-value needs, or in one or two fewer, so that
another bound, key or count gives another rate; the same holds after it was flipped, under the key that was not put in,
and for its original. What is lifted from flat images is nothing: a copy of it leaves the original as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, mean_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["image_mark_trials"]

_UNITS, _SIDE, _ALPHA, _GREY = 32, 16, 0.01, 100
_KEY, _FLIP = "the key of trials", "flip at 1"
_FOUND = (29, 19, 6)
"""Units in which the mark is found, of two images each."""


def image_mark_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials, with a mark and a key of their own: what is secret plays no part in them."""
    tried = replace(
        probe, images="given", mark={"use": "image-lowest-bit"}, key=_KEY, key_file=None, alpha=_ALPHA,
        attacks=(_FLIP,), other_keys=1, promise_power=0.5, promise_alpha=_ALPHA, levels=256,
        regenerator=None, together=(),
    )
    return [_Made(tried, dose, rng).trial() for dose in range(3)]


@immutable
class _Made:
    """Images in which the mark is found, more or less, and what must come out."""

    probe: Any
    dose: int
    rng: np.random.Generator

    def trial(self) -> Trial:
        """Return the trial of this dose."""
        import numpy as np

        unit = np.tile(np.arange(_UNITS), 2)
        most = {"own": _FOUND[self.dose], "flipped": 26 - 8 * self.dose, "other": 2 + 6 * self.dose,
                "original": 1 + 3 * self.dose, "clean": 5 * self.dose}  # fmt: skip
        marks = {name: self.rng.permutation(_UNITS)[unit] < count for name, count in most.items()}
        names = [f"image-{number}" for number in range(len(unit))]
        made = [
            self._image(name, *(bool(marks[form][at]) for form in ("own", "flipped", "other", "original")))
            for at, name in enumerate(names)
        ]
        clean = [
            self._image(f"clean-{at}", bool(found), False, False, False)[0] for at, found in enumerate(marks["clean"])
        ]
        units = [f"u{number}" for number in unit]
        data = {
            "items": _frame(names, [one[0] for one in made], unit=units),
            "originals": _frame(names, [one[1] for one in made]),
            "unmarked": _frame([f"clean-{at}" for at in range(len(unit))], clean, unit=units),
            "lifted": _frame(["flat-0", "flat-1"], [np.full((40, 40), _GREY)] * 2),
        }
        data["items"] = data["items"].iloc[self.rng.permutation(len(names))]
        return Trial(self.dose > 0, data, {}, self._known(marks, made, unit), self.probe)

    def _known(
        self, marks: Mapping[str, NDArray[np.bool_]], made: Sequence[Any], unit: NDArray[np.int64]
    ) -> KnownMeasures:
        import numpy as np

        whole = _SIDE**2
        right = np.array([[self._agreeing(one[0]), self._agreeing(one[0][:, ::-1])] for one in made]) / whole
        noise = [-10 * np.log10((one[0] != one[1]).sum() / whole / 255**2) for one in made]
        of_units = np.bincount(unit, noise) / np.bincount(unit)
        others = np.append(marks["other"], np.zeros(len(unit), dtype=bool))
        return {
            ("detection_rate", None): mean_of(marks["own"], _UNITS),
            ("power_under_attack", _FLIP): mean_of(marks["flipped"], _UNITS),
            ("worst_power_under_attack", None): mean_of(marks["flipped"], _UNITS),
            ("false_positive_rate", None): mean_of(marks["clean"], _UNITS),
            ("own_false_positive_rate", None): mean_of(marks["original"], _UNITS),
            ("forgery_rate", None): mean_of(marks["original"], _UNITS),
            ("other_key_rate", None): mean_of(others, len(others)),
            ("bit_accuracy", None): mean_of(right[:, 0]), ("bit_accuracy", _FLIP): mean_of(right[:, 1]),
            ("psnr", None): Known(float(np.sort(of_units)[_UNITS // 2])),
            ("cells_below_promise", None): Known(float(marks["flipped"].mean() < 0.5), certain=True),
        }  # fmt: skip

    @cached_property
    def _key(self) -> NDArray[np.bool_]:
        return _bits_of(_KEY.encode())

    @cached_property
    def _reader(self) -> Any:
        return self.probe.reader(None)[1]

    @cached_property
    def _least(self) -> int:
        """How many of the bits are right, at the least, where a mark is found."""
        import numpy as np
        from scipy.special import betainc

        bits = np.arange(_SIDE**2)
        return int(np.argmax(betainc(bits + 1, _SIDE**2 - bits, 0.5) <= _ALPHA)) + 1

    def _agreeing(self, image: NDArray[np.int64]) -> int:
        return int(((image & 1).astype(bool) == self._key).sum())

    def _image(self, name: str, own: bool, flipped: bool, other: bool, original: bool) -> tuple[Any, Any]:
        """Return an image and its original, in which the mark is found, or not, in each of these forms."""
        import numpy as np

        key, foreign = self._key, _bits_of(self._reader.other_keys(name)[0])
        kinds = (2 * (key[:, ::-1] != key) + (foreign != key)).ravel()
        sizes = np.bincount(kinds, minlength=4).reshape(2, 2)
        right = self._least - (not own)
        across = self._with(flipped, right, int(sizes[1].sum()))
        along = self._with(other, right, int(sizes[:, 1].sum()))
        agrees = np.zeros(key.shape, dtype=bool)
        for kind, count in enumerate(_split(right, across, along, sizes)):
            agrees.ravel()[self.rng.choice(np.flatnonzero(kinds == kind), count, replace=False)] = True
        before = self._changed(agrees, self._least - (not original))
        marked, plain = (_GREY + np.where(one, key, ~key).astype(int) for one in (agrees, before))
        return marked, plain

    def _with(self, found: bool, right: int, apart: int) -> int:
        """Return how many places agree with another key that differs from the key in `apart`, where it is found or not.

        Each place changes both counts, so that their difference has the parity of `apart`.
        """
        count = self._least if found else self._least - 1
        odd = (right + count + apart) % 2
        return count + (odd if found else -odd)

    def _changed(self, agrees: NDArray[np.bool_], right: int) -> NDArray[np.bool_]:
        """Return other places, of which so many agree: the original differs from the image in them and in some more."""
        import numpy as np

        made = agrees.copy()
        more, surplus = int(self.rng.integers(3, 9)), int(agrees.sum()) - right
        off, on = more + max(0, surplus), more + max(0, -surplus)
        made.ravel()[self.rng.choice(np.flatnonzero(agrees), off, replace=False)] = False
        made.ravel()[self.rng.choice(np.flatnonzero(~agrees), on, replace=False)] = True
        return made


def _split(right: int, across: int, along: int, sizes: NDArray[np.int64]) -> tuple[int, int, int, int]:
    """Return of each kind of place (like the mirrored key or not, like the foreign one or not) how many agree.

    right agree with the key, `across` with the mirrored and `along` with the foreign one. Of the places that are like
    both, half agree or as near to half of them as can be.
    """
    (most, mirrored), (foreign, neither) = sizes.tolist()
    of_mirror = (right + across - foreign - neither) // 2
    of_foreign = (right + along - mirrored - neither) // 2
    rest = right - of_mirror - of_foreign
    least = max(0, of_mirror - mirrored, of_foreign - foreign, -rest)
    most = min(most, of_mirror, of_foreign, neither - rest)
    if least > most:
        raise ValueError(f"_split: got {right}, {across}, {along} of {sizes.tolist()}; allowed: what can be at once")
    both = min(max(int(sizes[0, 0]) // 2, least), most)
    return both, of_mirror - both, of_foreign - both, rest + both


def _bits_of(key: bytes) -> NDArray[np.bool_]:
    """Return the bits of a key, as the mark draws them."""
    from detectors.provenance.image.latent import keyed_bits

    return keyed_bits(key, b"lowest bit", _SIDE**2).reshape(_SIDE, _SIDE)


def _frame(names: Sequence[str], images: Sequence[Any], **more: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    from detectors.arrays import objects

    index = pd.Index(names, name="id")
    return pd.DataFrame({"image": objects([one.tolist() for one in images], index), **more}, index)
