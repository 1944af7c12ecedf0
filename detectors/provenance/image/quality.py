"""What a mark costs: how far the marked image is from the original, in decibels and in structure.

    PSNR = -10 log10 mean (x - y)^2                                            dB, of all channels, levels 0 to 1
    SSIM = mean of (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2))

with means, variances and covariance under a Gaussian of 1.5 pixels cut at 5, c1 = .01^2, c2 = .03^2, of the brightness,
5 pixels off the edges (Wang et al. 2004, IEEE Trans. Image Processing 13:600).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from detectors.provenance.image.reading import luma

__all__ = ["EQUAL", "psnr", "ssim"]

EQUAL = 100.0
"""PSNR that is told of equal images, which have none."""
_SPREAD, _REACH = 1.5, 5
_C1, _C2 = 0.01**2, 0.03**2
Image = NDArray[np.floating]


def psnr(original: Image, marked: Image) -> float:
    """Return the peak signal-to-noise ratio in dB, at most `EQUAL`; ValueError for images of two shapes."""
    _same(original, marked)
    error = float(np.mean((original.astype(float) - marked) ** 2))
    return min(EQUAL, -10 * float(np.log10(error))) if error > 0 else EQUAL


def ssim(original: Image, marked: Image) -> float:
    """Return the structural similarity, -1 to 1 = alike; ValueError for images of two shapes, NaN below 11 pixels."""
    _same(original, marked)
    x, y = (luma(one).astype(float) for one in (original, marked))
    if min(x.shape) <= 2 * _REACH:
        return float("nan")
    mean_x, mean_y, xx, yy, xy = gaussian_filter(
        np.stack([x, y, x * x, y * y, x * y]), _SPREAD, radius=_REACH, axes=(1, 2)
    )
    both = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    told = (2 * both + _C1) * (2 * (xy - both) + _C2) / ((squares + _C1) * (xx + yy - squares + _C2))
    return float(told[_REACH:-_REACH, _REACH:-_REACH].mean())


def _same(original: Image, marked: Image) -> None:
    if original.shape != marked.shape:
        raise ValueError(f"got images of shapes {list(original.shape)} and {list(marked.shape)}; allowed: one")
