"""Reading images under the key of a mark: as they are, after attacks, under keys that were not put in, and copied.

An image is [row, column] or [row, column, channel] of 0 to 1 here, and [channel, row, column] of whole levels in the
data and in what a model draws.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from audit.errors import DataError, UsageError
from audit.probe import Ask
from audit.probes.items import as_array
from audit.probes.provenance.named import attacks_named
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.watermarks.image import ImageMark
    from detectors.provenance.image.bits import Evidence

__all__ = ["BY_MODEL", "ImageReader", "Lifted", "attacks_on_images", "cell_of", "pixels_of", "seen_part"]

BY_MODEL = {"regenerate": ("regenerated", (0.01, 1.0)), "rinse": ("rinsed", (1.0, 16.0))}
"""Attacks that a model makes: what it is asked, and least and greatest strength."""

_SIDE = 96
"""Pixels along each axis of the part of an image that is kept."""


def attacks_on_images(names: Sequence[str]) -> list[tuple[str, float]]:
    """Return kind and strength of each attack; raises ValueError for a name that is none."""
    from detectors.provenance.image.attacks import ATTACKS, STRENGTHS

    return attacks_named(names, ATTACKS, {**STRENGTHS, **{kind: ends for kind, (_, ends) in BY_MODEL.items()}})


def pixels_of(cell: Any, levels: int, place: object) -> NDArray[np.float32]:
    """Return an image of the data as numbers of 0 to 1; raises DataError for what is none."""
    import numpy as np

    array = as_array(cell)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[0] not in (1, 3)):
        got = f"an image of shape {list(array.shape)}"
        raise DataError(f"{place}: got {got}; allowed: [row, column] or [1 or 3 channels, row, column]")
    if not (array.min() >= 0 and array.max() <= levels - 1):  # nor is what is no number
        got = f"pixels of {array.min():g} to {array.max():g}"
        raise DataError(f"{place}: {got}; allowed: 0 to {levels - 1}, as `levels` says")
    image = (array / (levels - 1)).astype(np.float32)
    return image if array.ndim == 2 else image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)


def cell_of(image: NDArray[np.floating], levels: int) -> NDArray[np.int64]:
    """Return an image of 0 to 1 in whole levels, [row, column] or [channel, row, column]."""
    import numpy as np

    whole = np.rint(np.minimum(np.maximum(image, 0), 1) * (levels - 1)).astype(int)
    return whole if whole.ndim == 2 else np.moveaxis(whole, 2, 0)


def seen_part(image: NDArray[np.floating]) -> list[Any]:
    """Return the middle of an image in whole 255ths, as it is kept to be looked at."""
    rows, columns = ((size - min(size, _SIDE)) // 2 for size in image.shape[:2])
    told: list[Any] = cell_of(image[rows : rows + _SIDE, columns : columns + _SIDE], 256).tolist()
    return told


@immutable
class Lifted:
    """What marked images have in common; the attacks that someone makes with it."""

    pattern: NDArray[np.float32] | None = None
    """None where the plan gives no images to lift it from."""

    def forms(
        self, marked: NDArray[np.float32], original: NDArray[np.float32] | None
    ) -> Iterator[tuple[str, float, NDArray[np.float32]]]:
        """Yield the image with the mark taken off, and the original with it put in."""
        from detectors.provenance.image.lifting import COPY, LIFTED, REMOVAL, copied

        if self.pattern is None:
            return
        for psnr in LIFTED:
            yield REMOVAL, psnr, copied(marked, self.pattern, psnr, removed=True)
            if original is not None:
                yield COPY, psnr, copied(original, self.pattern, psnr)


@immutable
class ImageReader:
    """Reads images under a key, and under others that are drawn for each image."""

    ask: Ask
    mark: ImageMark
    key: bytes
    others: int
    """Keys that were not put in, for each image."""
    levels: int = 256
    told: Mapping[bytes, Any] = field(default_factory=dict)
    """What the model has answered already, by the bytes of an image."""
    regenerator: str | None = None
    """The helper that makes images again."""

    def told_of(self, images: Sequence[NDArray[np.float32]]) -> ImageReader:
        """Return a reader that has asked the model about all these images at once, where the mark asks."""
        if self.mark.asks is None or not images:
            return self
        answers = self.ask(self.mark.asks, [cell_of(image, self.levels) for image in images])[self.mark.asks]
        return replace(self, told={image.tobytes(): one for image, one in zip(images, answers, strict=True)})

    def clean(self, name: str, image: NDArray[np.float32]) -> dict[str, Any]:
        """Return `p_value` under the key and `other_p_values` under others, of an image as it is."""
        own, *others = self.read([image], [self.key, *self.other_keys(name)])[0]
        return {"p_value": own.p_value, "other_p_values": [one.p_value for one in others]}

    def marked(
        self, name: str, image: NDArray[np.float32], original: NDArray[np.float32] | None,
        attacks: Sequence[tuple[str, float]], lifted: Lifted,
    ) -> dict[str, Any]:
        """Return what `image_mark_detection` judges of an image with the mark, and the part of it that is kept."""
        import numpy as np

        own, *others = self.read([image], [self.key, *self.other_keys(name)])[0]
        row: dict[str, Any] = {
            "image": seen_part(image), "p_value": own.p_value, "right_bits": _number(own.right_bits),
            "other_p_values": [one.p_value for one in others],
        }
        if original is not None:
            row |= {"original": seen_part(original), **_quality(original, image)}
            row["plain_p_value"] = self.read([original], [self.key])[0][0].p_value
        if not attacks and lifted.pattern is None:
            return row
        forms = [("none", 0.0, image), *self._attacked(name, image, attacks), *lifted.forms(image, original)]
        changed = [form for form in forms if form[0] != "none"]
        told = [own, *(one[0] for one in self.read([form[2] for form in changed], [self.key]))]
        return row | {
            "kinds": [form[0] for form in forms], "strengths": [form[1] for form in forms], "lengths": [0] * len(forms),
            "altered": [not np.array_equal(form[2], image) for form in forms],
            "p_values": [one.p_value for one in told], "bits": [_number(one.right_bits) for one in told],
        }

    def together(
        self, images: Sequence[NDArray[np.float32] | None], sizes: Sequence[int]
    ) -> Iterator[dict[str, list[Any] | None]]:
        """Yield of each image the sets that begin with it: their sizes, and p under the key and under another one.

        Images follow each other as they were drawn; one that is not there counts for nothing. Raises UsageError.
        """
        import numpy as np

        from audit.watermarks.image import MarksNoise

        if not isinstance(self.mark, MarksNoise):
            raise UsageError("{mark} is read in one image at a time; together goes with marks in starting noise",
                             mark=self.mark.variant)  # fmt: skip
        there = [as_array(self.told[one.tobytes()]) for one in images if one is not None]
        nothing = np.full(there[0].shape if there else (1,), np.nan)
        left = iter(there)
        noise = [nothing if one is None else next(left) for one in images]
        for start in range(len(noise)):
            begun = [size for size in sizes if start % size == 0 and start + size <= len(noise)]
            keys = [self.key, *self.other_keys(f"set {start}")[:1]]
            read = [self.mark.together(noise[start : start + size], keys) for size in begun]
            yield {
                "set_sizes": begun or None, "set_p_values": [one[0].p_value for one in read] or None,
                "set_other_p_values": [one[1].p_value if len(keys) > 1 else None for one in read] or None,
            }

    def read(self, images: Sequence[NDArray[np.float32]], keys: Sequence[bytes]) -> list[list[Evidence]]:
        """Return what each key reads in each image, or in what the model answers about it, [image][key]."""
        if self.mark.asks is None:
            return [self.mark.read(image, keys) for image in images]
        known = {**self.told, **self.told_of([one for one in images if one.tobytes() not in self.told]).told}
        return [self.mark.read(as_array(known[image.tobytes()]), keys) for image in images]

    def _attacked(
        self, name: str, image: NDArray[np.float32], attacks: Sequence[tuple[str, float]]
    ) -> Iterator[tuple[str, float, NDArray[np.float32]]]:
        from detectors.distortions import generator_of
        from detectors.provenance.image.attacks import attacked

        for kind, strength in attacks:
            if kind in BY_MODEL:
                yield kind, strength, self._by_model(BY_MODEL[kind][0], image, strength)
            else:
                yield kind, strength, attacked(kind, image, strength, generator_of(f"{name} {kind} {strength:g}"))

    def _by_model(self, question: str, image: NDArray[np.float32], strength: float) -> NDArray[np.float32]:
        """Return an image as the helper makes it again."""
        item, helper = cell_of(image, self.levels), str(self.regenerator)
        (cell,) = self.ask(question, [item], model=helper, strength=strength)[question]
        return pixels_of(cell, self.levels, question)

    def other_keys(self, name: str) -> list[bytes]:
        """Return the keys that were not put in under which the image of this id is read."""
        told = (f"{name} {number}".encode() for number in range(self.others))
        return [hashlib.sha256(b"another key than " + self.key + b"\0" + one).digest() for one in told]


def _quality(original: NDArray[np.float32], image: NDArray[np.float32]) -> dict[str, float | None]:
    """Return PSNR and SSIM; nothing of two shapes."""
    from detectors.provenance.image.quality import psnr, ssim

    if original.shape != image.shape:
        return {"psnr": None, "ssim": None}
    return {"psnr": psnr(original, image), "ssim": _number(ssim(original, image))}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
