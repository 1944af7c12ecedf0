"""What happens to a video on its way, or is done to it to get rid of a mark: changes of frames of 0 to 1.

    h264, vp9    constant rate factor              drop       share of the frames that are lost, at random
    rate         new number of frames over the     swap       share of the frames that change places with the next one
                 old: doubled or left out          average    each frame is the mean of so many about it
    excerpt      share of the frames that is left, interrupt  share of grey frames put in between, at random
                 from a moment at random           shake      pixels, at most, by which each frame is moved for itself
    lift         so many times what all frames     zoom       growth of the picture from the first frame to the last
                 have in common, details of 5      trim       share of the frames cut off the beginning
                 pixels, is taken off

and of `detectors.provenance.image.attacks` crop, scale, rotate, flip, noise, blur, brightness, contrast, erase, shift,
the same in every frame but for noise. Videos are [frame, row, column], brightness alone; they come back in 255ths.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.provenance.image.attacks import STRENGTHS as OF_IMAGES
from detectors.provenance.image.attacks import attacked as image_attacked

__all__ = ["ATTACKS", "STRENGTHS", "attacked"]

Frames = NDArray[np.float32]

ATTACKS: Mapping[str, tuple[float, ...]] = {
    "h264": (18, 23, 28, 33), "vp9": (32, 45), "drop": (0.25, 0.75), "swap": (0.5,), "average": (3, 5),
    "rate": (0.4, 1.2), "interrupt": (0.25,), "excerpt": (0.25,), "trim": (0.25,), "shake": (1, 4), "zoom": (0.02, 0.1),
    "lift": (1,), "crop": (0.25, 0.5), "scale": (0.5, 0.75, 1.5), "rotate": (1, 5), "flip": (1,), "noise": (0.02, 0.05),
    "blur": (1,), "brightness": (0.7, 1.3), "contrast": (0.6,),
}  # fmt: skip
"""Every attack with the strengths that a table of them shows."""
_OF_IMAGES = ("crop", "scale", "rotate", "flip", "noise", "blur", "brightness", "contrast", "erase", "shift")
STRENGTHS: Mapping[str, tuple[float, float]] = {
    "h264": (1, 51), "vp9": (1, 63), "drop": (0.01, 0.99), "swap": (0.01, 1), "average": (2, 64), "rate": (0.05, 8),
    "interrupt": (0.01, 0.9), "excerpt": (0.01, 0.99), "trim": (0.01, 0.99), "shake": (1, 64), "zoom": (0.001, 1),
    "lift": (0.1, 4), **{kind: OF_IMAGES[kind] for kind in _OF_IMAGES},
}  # fmt: skip
"""Least and greatest strength of each."""
_CODECS = {"h264": ("libx264", "mp4", {}), "vp9": ("libvpx-vp9", "webm", {"deadline": "realtime", "cpu-used": "8"})}
_BLACK, _STEPS = 16, 219
_GREY = 128
_DETAIL = 5


def attacked(kind: str, frames: NDArray[np.floating], strength: float, rng: np.random.Generator) -> Frames:
    """Return a video after an attack, maybe of another size or length; ValueError for a kind that is none."""
    given = np.asarray(frames, dtype=np.float32)
    if kind in _OF_IMAGES:
        seed = int(rng.integers(1 << 32))
        each = [np.random.default_rng([seed, number * (kind == "noise")]) for number in range(len(given))]
        return np.stack([image_attacked(kind, one, strength, own) for one, own in zip(given, each, strict=True)])
    if kind not in _KINDS:
        raise ValueError(f"attacked: got {kind!r}; allowed: {', '.join((*_KINDS, *_OF_IMAGES))}")
    return np.asarray(np.rint(255 * np.clip(_KINDS[kind](given, strength, rng), 0, 1)) / 255, dtype=np.float32)


def _coded(kind: str) -> Callable[[Frames, float, np.random.Generator], Frames]:
    codec, form, options = _CODECS[kind]

    def change(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
        import av

        made, even = io.BytesIO(), frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]
        if not even.size:  # which no codec takes
            return frames
        with av.open(made, "w", format=form) as file:
            stream = file.add_stream(codec, rate=25, options={"crf": f"{strength:g}", **options})
            stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *even.shape[1:], "yuv420p", 0
            for shown in np.rint(_BLACK + _STEPS * even).astype(np.uint8):
                colour = np.full((shown.shape[0] // 2, shown.shape[1]), _GREY, np.uint8)  # both planes of it
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.concatenate([shown, colour]), "yuv420p")))
            file.mux(stream.encode())
        made.seek(0)
        with av.open(made) as file:
            back = [one.to_ndarray()[: one.height] for one in file.decode(video=0)]
        return (np.stack(back).astype(np.float32) - np.float32(_BLACK)) / np.float32(_STEPS)

    return change


def _kept(frames: Frames, kept: NDArray[np.integer]) -> Frames:
    return frames[kept] if len(kept) else frames[:1]


def _drop(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    return _kept(frames, np.flatnonzero(rng.random(len(frames)) >= strength))


def _swap(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    order = np.arange(len(frames))
    for first in np.flatnonzero(rng.random(len(frames) // 2) < strength) * 2:
        order[[first, first + 1]] = order[[first + 1, first]]
    return frames[order]


def _average(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(frames, round(strength), axis=0, mode="nearest"))


def _rate(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    return _kept(frames, np.floor(np.arange(0, len(frames), 1 / strength)).astype(int))


def _interrupt(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    behind = np.flatnonzero(rng.random(len(frames)) < strength) + 1
    return np.insert(frames, behind, np.float32(0.5), axis=0)


def _excerpt(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    count = max(1, round(strength * len(frames)))
    start = int(rng.integers(0, len(frames) - count + 1))
    return frames[start : start + count]


def _trim(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    return frames[min(round(strength * len(frames)), len(frames) - 1) :]


def _shake(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    moved = rng.integers(-round(strength), round(strength) + 1, (len(frames), 2))
    return np.stack([np.roll(one, by, (0, 1)) for one, by in zip(frames, moved.tolist(), strict=True)])


def _zoom(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    from PIL import Image

    rows, columns = frames.shape[1:]
    sizes = 1 / (1 + strength * np.linspace(0, 1, len(frames)))
    made = []
    for one, size in zip(frames, sizes.tolist(), strict=True):
        top, left = rows * (1 - size) / 2, columns * (1 - size) / 2
        part = (left, top, columns - left, rows - top)
        made.append(Image.fromarray(one).resize((columns, rows), Image.Resampling.BICUBIC, box=part))
    return np.stack([np.asarray(one) for one in made])


def _lift(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    from scipy.ndimage import uniform_filter

    common = frames.mean(axis=0)
    return np.asarray(frames - np.float32(strength) * (common - uniform_filter(common, _DETAIL)))


_KINDS: Mapping[str, Callable[[Frames, float, np.random.Generator], Frames]] = {
    "h264": _coded("h264"), "vp9": _coded("vp9"), "drop": _drop, "swap": _swap, "average": _average, "rate": _rate,
    "interrupt": _interrupt, "excerpt": _excerpt, "trim": _trim, "shake": _shake, "zoom": _zoom, "lift": _lift,
}  # fmt: skip
