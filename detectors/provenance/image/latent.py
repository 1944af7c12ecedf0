"""Marks in the noise that a generator starts from, read in the noise that its inversion finds: no trained mark.

Gaussian Shading (2404.04956): bit b = message, repeated, XOR a keyed stream; z = Phi^-1((b + u) / 2), u uniform, which
is exactly N(0, 1) over keys. Read: sign, XOR, vote; the number of right signs is Bin(numbers, 1/2) over keys.

Tree-Ring (2305.20030): the Fourier values of z on rings of radius 1 to r become real numbers, one a ring, which the key
draws from N(0, n). With F those of the noise found, brought to variance 1, and n numbers in a plane,

    T = sum over half of the disk of |F - K|^2 / (n / 2),   p = P(ncx2(2 h, sum |K|^2 / (n / 2)) <= T),

as each pair k, -k counts once (h pairs, two degrees each). That law holds where the noise of unmarked images is white;
elsewhere p is approximate, and noise without low waves is taken for marked by any key. No command and no probe reads
these marks: who has the generator calls `audit.procedures.starting_noise` and the functions here.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtri
from scipy.stats import ncx2

__all__ = ["ShadingReading", "keyed_bits", "reused_stream", "ring_values", "ringed", "ringed_p", "shaded", "shading"]

Floats = NDArray[np.floating]
Bits = NDArray[np.bool_]


@dataclass(frozen=True)
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
    return np.unpackbits(drawn, count=count).astype(bool)


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


def ring_values(secret: bytes, side: int, radius: int) -> tuple[Bits, Floats]:
    """Return the disk [side, side] of Fourier places (true: replaced) and the key's values on it.

    Raises ValueError for a radius below 1 or at half of the side, beyond which there are no pairs.
    """
    if not 1 <= radius < side / 2:
        raise ValueError(f"ring_values: got radius {radius}; allowed: 1 or more, below {side / 2:g}")
    steps = np.fft.fftfreq(side, 1 / side)
    ring = np.ceil(np.hypot(steps[:, None], steps) - 1e-9).astype(int)
    drawn = np.frombuffer(hashlib.shake_256(b"dokimasia tree ring 1\0" + secret).digest(8 * radius), "<u8")
    heights = np.r_[0.0, ndtri((drawn.astype(float) + 0.5) / 2.0**64)] * side
    disk = (ring >= 1) & (ring <= radius)
    return disk, np.asarray(np.where(disk, heights[np.minimum(ring, radius)], 0.0))


def ringed(noise: Floats, secret: bytes, radius: int) -> Floats:
    """Return noise [..., side, side] with the key's rings in the Fourier plane of each item."""
    disk, values = ring_values(secret, noise.shape[-1], radius)
    return np.asarray(np.fft.ifft2(np.where(disk, values, np.fft.fft2(noise))).real)


def ringed_p(noise: Floats, secret: bytes, radius: int) -> Floats:
    """Return the approximate p-value [...] of each item's noise [..., side, side]: small = the rings are there.

    It holds where unmarked noise is white. NaN for noise that is not finite or all the same, behind which nothing is.
    """
    side = noise.shape[-1]
    disk, values = ring_values(secret, side, radius)
    centred = noise - noise.mean((-2, -1), keepdims=True)
    spread = centred.std((-2, -1), keepdims=True)
    found = np.fft.fft2(centred / np.where(spread > 1e-12, spread, np.nan))
    far = np.where(disk, np.abs(found - values) ** 2, 0).sum((-2, -1)) / side**2
    return np.asarray(ncx2.cdf(far, int(disk.sum()), float((values**2).sum()) / side**2))
