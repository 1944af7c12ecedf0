"""Marks in the noise that a generator starts from, read in the noise that its inversion finds: no trained mark.

Gaussian Shading (2404.04956): bit b = message, repeated, XOR a keyed stream; z = Phi^-1((b + u) / 2), u uniform, which
is exactly N(0, 1) over keys. Read: sign, XOR, vote; the number of right signs is Bin(numbers, 1/2) over keys.

Tree-Ring (2305.20030, its pattern "rand"): the Fourier values of z up to radius r are those of a plane k that the key
draws from N(0, 1), so that z is too. With P the part of a plane up to r, and f the noise found, brought to variance 1
and summed over the images that are read together,

    <P f, k> ~ N(0, |P f|^2) over keys,    p = Phi(-<P f, k> / |P f|)

Both p-values are exact over keys whatever the images are. (That of the paper wants noise that is white, and takes any
that has no low waves for marked; rings of one value each are too few numbers to single a key out.)
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtr, ndtri

from detectors.immutable import immutable

__all__ = ["ShadingReading", "keyed_bits", "reused_stream", "ringed", "ringed_p", "shaded", "shading"]

Floats = NDArray[np.floating]
Bits = NDArray[np.bool_]


@immutable
class ShadingReading:
    """What a key reads in one item's noise."""

    message: Bits
    """The bits, by majority; a tie is 0."""
    matches: int
    """Signs that agree with the expected message under the stream."""
    length: int
    p_value: float
    """P(Bin(length, 1/2) >= matches), exact over streams; NaN where no number was found."""


def keyed_bits(secret: bytes, nonce: bytes, count: int) -> Bits:
    """Return `count` bits of SHAKE-256 of key and nonce, each length of which is told apart."""
    told = b"dokimasia latent mark 1\0" + len(secret).to_bytes(8) + secret + nonce
    drawn = np.frombuffer(hashlib.shake_256(told).digest(-(-count // 8)), np.uint8)
    return np.unpackbits(drawn, count=count).view(bool)


def shaded(message: Bits, secret: bytes, nonce: bytes, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return noise of this shape that carries a message [bit], of no more bits than numbers; N(0, 1) over keys.

    A nonce serves one item: with it again, all items share their signs (`reused_stream`).
    """
    count = int(np.prod(shape))
    if not 1 <= len(message) <= count:
        raise ValueError(f"shaded: got {len(message)} bits; allowed: 1 to {count}")
    bits = np.resize(message, count) ^ keyed_bits(secret, nonce, count)
    return np.asarray(ndtri((bits + rng.uniform(1e-12, 1 - 1e-12, count)) / 2).reshape(shape))


def shading(noise: Floats, message: Bits, secret: bytes, nonce: bytes) -> ShadingReading:
    """Return what a key and nonce read in the noise found behind one item, against the message that is expected."""
    there = np.isfinite(noise.ravel())
    bits = ((noise.ravel() > 0) ^ keyed_bits(secret, nonce, noise.size))[there]
    place = (np.arange(noise.size) % len(message))[there]
    votes = np.bincount(place, np.where(bits, 1.0, -1.0), len(message))
    matches, length = int((bits == message[place]).sum()), len(bits)
    p = math.nan if not length else float(bdtrc(matches - 1, length, 0.5)) if matches else 1.0
    return ShadingReading(votes > 0, matches, length, p)


def reused_stream(noise: Floats) -> float:
    """Return the chance that the signs of items [item, ...] agree as much as they do if every stream was drawn anew.

    Items go in pairs, 1 with 2, 3 with 4: agreements of independent signs are Bin(pairs * numbers, 1/2). A small value:
    a nonce served twice. NaN where no pair of numbers was found. Raises ValueError for fewer than two items.
    """
    if len(noise) < 2:
        raise ValueError(f"reused_stream: got {len(noise)} items; allowed: 2 or more")
    paired = noise.reshape(len(noise), -1)[: len(noise) // 2 * 2]
    there = np.isfinite(paired[::2]) & np.isfinite(paired[1::2])
    agreed, count = int(((paired[::2] > 0) == (paired[1::2] > 0))[there].sum()), int(there.sum())
    return math.nan if not count else float(bdtrc(agreed - 1, count, 0.5)) if agreed else 1.0


def ringed(noise: Floats, secret: bytes, radius: int) -> Floats:
    """Return noise [..., side, side] with the key's waves up to a radius in each item; N(0, 1) over keys.

    Raises ValueError for a radius below 1 or at half of the side, where waves are no pairs.
    """
    return np.asarray(noise - _low(noise, radius) + _low(_plane(secret, noise.shape[-1]), radius))


def ringed_p(noise: Floats, secret: bytes, radius: int) -> float:
    """Return the p-value of the key's waves in the noise found behind images, [image, side, side], taken together.

    NaN where no image has noise that varies: nothing is behind it. Raises ValueError for a radius like `ringed`.
    """
    spread = noise.std((-2, -1))
    there = spread > 1e-12
    low = _low((noise[there] / spread[there][:, None, None]).sum(0), radius)
    size = float(np.sqrt((low**2).sum()))
    return float(ndtr(-(low * _plane(secret, noise.shape[-1])).sum() / size)) if size > 0 else math.nan


def _low(plane: Floats, radius: int) -> Floats:
    """Return the part of planes [..., side, side] that are waves up to a radius, the mean left out."""
    side = plane.shape[-1]
    if plane.shape[-2] != side or not 1 <= radius < side / 2:
        raise ValueError(f"ringed: got radius {radius} in {plane.shape[-2]} by {side} numbers; "
                         f"allowed: a square, 1 or more, below {side / 2:g}")  # fmt: skip
    steps = np.fft.fftfreq(side, 1 / side)
    far = np.hypot(steps[:, None], steps)
    disk = (far > 0) & (far < radius + 1e-9)
    return np.asarray(np.fft.ifft2(np.where(disk, np.fft.fft2(plane), 0)).real)


def _plane(secret: bytes, side: int) -> Floats:
    drawn = np.frombuffer(hashlib.shake_256(b"dokimasia tree ring 2\0" + secret).digest(8 * side * side), "<u8")
    return np.asarray(ndtri((drawn.astype(float) + 0.5) / 2.0**64).reshape(side, side))
