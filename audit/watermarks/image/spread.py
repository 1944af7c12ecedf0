"""The keyed mark of an image: a repeated pattern added to the brightness, stronger where the image is busy.

    y' = y + g(y) w,    g = contrast around a pixel, within bounds, scaled to the wanted PSNR

w is `detectors.provenance.image.tile.pattern`. All channels of colour change alike; transparency stays.

The pattern repeats, in one image and over all that carry one payload. So who has some marked images can lift it, put it
into another image or take it off: found, the mark says that an image was marked, or that the mark was copied into it;
it does not prove who made the picture. Signed origin (`audit.watermarks.origin`) binds a statement to the bytes.
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
    from detectors.provenance.image.reading import ImageReading

__all__ = ["SpreadSpectrum", "colours"]

_NEAR = 11
"""Pixels along each axis over which the contrast is taken."""
_CONTRAST = (2 / 255, 10 / 255)
"""Least and greatest contrast to which the mark is proportional: below it the eye sees as much, above no less."""


@immutable
class SpreadSpectrum:
    """A keyed, blind mark of 32 bits that survives compression, cuts, scaling and small rotation. Raises UsageError."""

    psnr: float = 42.2
    """Peak signal-to-noise ratio of the marked image in dB, 30 to 60; lower is stronger."""
    payload: str = ""
    """Up to 8 hexadecimal digits that it carries; absent = zeros."""
    search: bool = True
    """Whether scale and angle are sought; false is faster, and cuts and turns by 90 degrees are still found."""

    variant: ClassVar[str] = "image-spread"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        """Refuse a strength that shows, or that rounding would swallow, and a payload that does not fit."""
        if not 30 <= self.psnr <= 60:
            raise UsageError("psnr is {psnr:g}; allowed: 30 to 60", psnr=self.psnr)
        _ = self.carried

    @property
    def carried(self) -> bytes:
        """The 4 bytes of the payload."""
        try:
            return int(self.payload or "0", 16).to_bytes(4)
        except (ValueError, OverflowError):
            raise UsageError(
                "payload {digits!r}; allowed: up to 8 hexadecimal digits", digits=self.payload
            ) from None

    def marked(self, image: NDArray[np.floating], key: bytes, *, levels: int = 255) -> NDArray[np.float32]:
        """Return the image [row, column] or [row, column, channel] of 0 to 1 with the mark, cut into levels.

        levels: greatest whole number of a pixel, 255 or 65535. Raises UsageError for an image too small to be read.
        """
        import numpy as np

        from detectors.provenance.image.reading import luma

        change = self.change(luma(image), key, levels=levels)
        made = np.array(image, dtype=np.float32)
        seen = colours(made)
        seen += change if made.ndim == 2 else change[..., None]
        return np.asarray(np.clip(np.rint(made * levels), 0, levels) / levels, dtype=np.float32)

    def change(self, plane: NDArray[np.floating], key: bytes, *, levels: int = 255) -> NDArray[np.float32]:
        """Return what is added to a brightness [row, column] of 0 to 1 that is cut into levels; raises as `marked`."""
        import numpy as np

        from detectors.provenance.image.reading import SMALLEST
        from detectors.provenance.image.tile import pattern

        if min(plane.shape) < SMALLEST:
            raise UsageError(
                "the image has {rows} x {columns} pixels; a mark needs {least} x {least}",
                rows=plane.shape[0], columns=plane.shape[1], least=SMALLEST,
            )  # fmt: skip
        change = _where_it_hides(plane) * _repeated(pattern(key, self.carried), plane.shape)
        rounding = 1 / 12 / levels**2
        change *= np.sqrt(max(10 ** (-self.psnr / 10) - rounding, rounding) / np.mean(change**2, dtype=np.float64))
        return np.asarray(change)

    def read(self, image: NDArray[np.floating], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in an image of 0 to 1, and how much of the payload is right."""
        from detectors.provenance.image.reading import read_all

        return [self.evidence(one) for one in read_all(image, keys, search=self.search)]

    def evidence(self, reading: ImageReading) -> Evidence:
        """Return what a key read, beside the payload that was sent."""
        import numpy as np

        from detectors.provenance.image.bits import Evidence

        sent = np.unpackbits(np.frombuffer(self.carried, np.uint8)).astype(bool)
        right = float((reading.bits == sent).mean()) if reading.payload else float("nan")
        return Evidence(reading.log10_p, right)


def colours(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image [row, column] or [row, column, channel] without its transparency: a view."""
    return image if image.ndim == 2 else image[..., : 3 if image.shape[2] >= 3 else 1]


def _where_it_hides(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the contrast around each pixel, within `_CONTRAST`."""
    import numpy as np
    from scipy.ndimage import uniform_filter

    detail = plane - uniform_filter(plane, _NEAR)
    contrast = np.sqrt(np.maximum(uniform_filter(detail * detail, _NEAR), 0))
    return np.asarray(np.clip(contrast, *_CONTRAST))


def _repeated(square: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    import numpy as np

    rows, columns = (-(-size // len(square)) for size in shape)
    return np.tile(square, (rows, columns))[: shape[0], : shape[1]]
