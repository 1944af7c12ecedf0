"""The marks of the package invisible-watermark, put in and read by that package and tested here.

It finds no mark and gives no p-value: it returns bits, for any image. Against a message that was drawn at random these
have an exact test. The methods have no key, so that whoever has the package can put any message in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import UsageError
from audit.watermarks.image.mark import message_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["InvisibleWatermark"]

_BITS = 32
_LEAST = 256 * 256
"""Pixels below which the package refuses an image."""


@immutable
class InvisibleWatermark:
    """32 bits by a method of the package invisible-watermark (`pip install dokimasia[invisible]`); it has no key."""

    method: Literal["dwtDct", "dwtDctSvd", "rivaGan"] = "dwtDct"
    """What the package calls it; `rivaGan` is a network that comes with it."""

    variant: ClassVar[str] = "invisible-watermark"
    keyed: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = None

    def marked(self, image: NDArray[np.floating], key: bytes) -> NDArray[np.float32]:
        """Return the image [row, column, 3] of 0 to 1 with the message; UsageError for one that the package refuses."""
        import numpy as np

        shown = _blue_first(image)
        if shown is None:
            raise UsageError(
                "the image has shape {shape}; invisible-watermark needs three colours and {least} pixels",
                shape=list(image.shape), least=f"{_LEAST:,}",
            )  # fmt: skip
        encoder = _package().WatermarkEncoder()
        encoder.set_watermark("bits", message_of(key, _BITS).astype(int).tolist())
        self._loaded(encoder)
        made = np.asarray(encoder.encode(shown, self.method))
        return np.asarray(made[..., ::-1] / np.float32(255), dtype=np.float32)

    def read(self, image: NDArray[np.floating], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what the bits of an image say of the message of each key; nothing of an image that is too small."""
        import numpy as np

        from detectors.provenance.image.bits import Evidence, bits_evidence

        shown = _blue_first(image)
        if shown is None:
            return [Evidence(math.nan) for _ in keys]
        decoder = _package().WatermarkDecoder("bits", _BITS)
        self._loaded(decoder)
        found = np.asarray(decoder.decode(shown, self.method)).astype(bool)
        return [bits_evidence(found, message_of(key, _BITS)) for key in keys]

    def _loaded(self, coder: Any) -> None:
        if self.method == "rivaGan":
            coder.loadModel()


@cache
def _package() -> Any:
    try:
        import imwatermark
    except ImportError as error:
        raise UsageError("invisible-watermark cannot be imported ({problem}); 'pip install dokimasia[invisible]'",
                         problem=error) from None  # fmt: skip
    return imwatermark


def _blue_first(image: NDArray[np.floating]) -> NDArray[np.uint8] | None:
    """Return the image as the package takes it; None for one that it refuses."""
    import numpy as np

    if image.ndim != 3 or image.shape[2] != 3 or image.shape[0] * image.shape[1] < _LEAST:
        return None
    return np.ascontiguousarray(np.rint(255 * np.clip(image[..., ::-1], 0, 1)).astype(np.uint8))
