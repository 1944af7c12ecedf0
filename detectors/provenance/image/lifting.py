"""Lifting a mark without its key: what many marked images have in common is the mark.

    E = mean of (y - mean around each pixel) over the contrast there        copied:  x + c E        removed:  y - c E

Content differs from image to image and falls as 1 / sqrt(n); a mark that stands at the same place in all of them stays.
c is such that the change has the PSNR that the attacker can afford. A mark that depends on the image, or stands
elsewhere in each, is not lifted so. Averaging: Cox et al. 1997, IEEE Trans. Image Processing 6:1673, on collusion.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detectors.provenance.image.lattice import whitened
from detectors.provenance.image.reading import luma

__all__ = ["COPY", "LIFTED", "REMOVAL", "copied", "lifted"]

Image = NDArray[np.float32]

REMOVAL, COPY = "averaging", "copy"
"""The attacks: what was lifted is taken off a marked image, or put into one without the mark."""
LIFTED = (42.0, 38.0)
"""PSNR in dB of the change, from the one that nobody sees to one that shows in flat places."""


def lifted(images: Iterable[NDArray[np.floating]]) -> Image:
    """Return what images have in common, [row, column] of mean 0 and variance 1, as large as the smallest of them.

    Raises ValueError for fewer than two images.
    """
    planes = [whitened(luma(one)) for one in images]
    if len(planes) < 2:
        raise ValueError(f"lifted: got {len(planes)} images; allowed: 2 or more")
    rows, columns = (min(one.shape[axis] for one in planes) for axis in (0, 1))
    total = np.zeros((rows, columns), dtype=np.float32)
    for plane in planes:
        total += plane[:rows, :columns]
    total -= total.mean()
    spread = total.std()
    return np.asarray(total / spread if spread > 0 else total, dtype=np.float32)


def copied(image: NDArray[np.floating], pattern: Image, psnr: float, *, removed: bool = False) -> Image:
    """Return an image of 0 to 1 with what was lifted put in, or taken off, in whole 255ths, the change of this PSNR.

    The pattern stands at the upper left; what it does not reach stays.
    """
    made = np.array(image, dtype=np.float32)
    rows, columns = (min(sizes) for sizes in zip(made.shape[:2], pattern.shape, strict=True))
    change = pattern[:rows, :columns]
    share = rows * columns / (made.shape[0] * made.shape[1])
    power = max(float(np.mean(change**2)) * share, 1e-12)
    step = change * np.float32((-1 if removed else 1) * np.sqrt(10 ** (-psnr / 10) / power))
    made[:rows, :columns] += step if made.ndim == 2 else step[..., None]
    return np.asarray(np.rint(255 * np.minimum(np.maximum(made, 0), 1)) / 255, dtype=np.float32)
