"""What a score cannot see: items made from the user's own held-out data, and how each ranks against it.

    constant     one value everywhere             repeated     one word, as often as the text has words
    noise        uniform noise                    noise        random small letters in place of letters
    half_noise   half the elements are noise      half_noise   half the letters
    inverted     low + high - x
    shuffled     pixels or steps in random order  shuffled     words in random order
    blurred      means of neighbours, where asked

An item's distortions depend on its id alone, of a row also on what was learnt, whatever stands beside it, so they can
be made again. Item and distortion
are one unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, Items
from detectors.distortions import blurred as blur
from detectors.distortions import generator_of
from detectors.novelty.baselines import standardised

__all__ = ["ARRAY_KINDS", "BLURRED", "TEXT_KINDS", "blind_spots", "distorted_array", "distorted_text"]

ARRAY_KINDS = ("constant", "noise", "half_noise", "inverted", "shuffled")
TEXT_KINDS = ("repeated", "noise", "half_noise", "shuffled")
BLURRED = "blurred"
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def blind_spots(
    ids: Iterable[Any], items: Items, value_range: tuple[float, float] | None, *, blurred: bool = False,
    learnt: NDArray[Any] | None = None,
) -> dict[str, Items]:
    """Return kind -> distorted items, in order, for items [item, ...] or texts with their ids.

    value_range: least and greatest value that an element can have; None takes each item's own. learnt: where items are
    rows, whose numbers have units of their own, familiar rows [n, number]: rows are distorted in standard deviations of
    these, between the least and the greatest of theirs, and brought back; without that the number of the largest unit
    would be all that a distortion changes. Texts and rows are not blurred.
    """
    if learnt is not None and isinstance(items, np.ndarray):
        return _of_rows(ids, items, learnt.astype(float))
    rngs = [generator_of(name) for name in ids]
    if isinstance(items, np.ndarray):
        changed = [distorted_array(item, rng, value_range) for item, rng in zip(items, rngs, strict=True)]
        made: dict[str, Items] = {kind: np.stack([one[kind] for one in changed]) for kind in ARRAY_KINDS}
        return made | {BLURRED: blur(items)} if blurred else made
    texts = [distorted_text(text, rng) for text, rng in zip(items, rngs, strict=True)]
    return {kind: [text[kind] for text in texts] for kind in TEXT_KINDS}


def _of_rows(ids: Iterable[Any], rows: NDArray[Any], learnt: Floats) -> dict[str, Items]:
    known, alike = standardised(learnt, learnt), standardised(learnt, rows.astype(float))
    made = blind_spots(ids, alike, (float(known.min()), float(known.max())))
    centre, unit = learnt.mean(axis=0), np.where(np.ptp(learnt, axis=0) > 0, learnt.std(axis=0), 1.0)
    back = {  # what is left as it was is so to the last bit: a row that nothing changed ranks as itself
        kind: np.where(part == alike, rows, centre + unit * np.asarray(part)) for kind, part in made.items()
    }
    whole = rows.dtype.kind != "f"
    return {kind: np.rint(part).astype(rows.dtype) if whole else part.astype(rows.dtype) for kind, part in back.items()}


def distorted_array(
    item: NDArray[Any], rng: np.random.Generator, value_range: tuple[float, float] | None = None
) -> dict[str, NDArray[Any]]:
    """Return kind -> distortion of an image or a series, of its shape and type; integers stay integers."""
    real = item.dtype.kind == "f"
    wide = item.astype(float if real else np.int64)
    low, high = (wide.min(), wide.max()) if value_range is None else np.asarray(value_range).astype(wide.dtype)
    drawn = rng.uniform(low, high, 1 + wide.size) if real else rng.integers(low, high, 1 + wide.size, endpoint=True)
    level, noise = drawn[0], drawn[1:].reshape(wide.shape)
    made = {
        "constant": np.full(wide.shape, level),
        "noise": noise,
        "half_noise": np.where(rng.random(wide.shape) < 0.5, noise, wide),
        "inverted": low + high - wide,
        "shuffled": rng.permutation(wide.ravel()).reshape(wide.shape),
    }
    return {kind: value.astype(item.dtype) for kind, value in made.items()}


def distorted_text(text: str, rng: np.random.Generator) -> dict[str, str]:
    """Return kind -> distortion of a text; one without words stays as it is."""
    words = text.split()
    if not words:
        return dict.fromkeys(TEXT_KINDS, text)
    letters = np.array(list(text))
    spots = np.char.isalpha(letters)
    noise = np.where(spots, rng.choice(_LETTERS, len(letters)), letters)
    half = np.where(rng.random(len(letters)) < 0.5, noise, letters)
    return {
        "repeated": " ".join([str(rng.choice(words))] * len(words)),
        "noise": "".join(noise),
        "half_noise": "".join(half),
        "shuffled": " ".join(rng.permutation(words)),
    }

