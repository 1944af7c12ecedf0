"""Which rows, or texts, are there more than once, or nearly so?

    rows    equal in all columns that together should name one, numbers to six digits, texts without case and blanks
    texts   equal by their words; nearly equal where the Jaccard similarity of their runs of three words reaches 0.8

Near duplicates of texts are looked for by MinHash (Broder 1997): 96 least hashes of each text, in 24 bands of 4, so
that texts as similar as 0.8 meet in a band with a probability of 0.999997; those that meet are compared exactly.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.bias.data.splits import as_numbers

__all__ = ["NEAR", "clusters_of_texts", "keys_of_rows", "words_of"]

NEAR = 0.8
"""Jaccard similarity of two texts from which on they are near duplicates."""
_RUN = 3
_BANDS, _IN_BAND = 24, 4
_MOST_TOGETHER = 16
"""Texts of one bucket up to which all are compared with each other; of more, each with the one before it."""
_WORD = re.compile(r"\w+")


def keys_of_rows(columns: Sequence[pd.Series[str]]) -> NDArray[np.object_]:
    """Return a text [row] that equal rows share; None for a row without any value."""
    parts = [_normal(cells) for cells in columns]
    empty = np.logical_and.reduce([cells.isna().to_numpy() for cells in columns])
    keys = np.array(["\x1f".join(row) for row in zip(*parts, strict=True)], dtype=object)
    keys[empty] = None
    return keys


def _normal(cells: pd.Series[str]) -> list[str]:
    codes, texts = pd.factorize(cells)
    numbers = as_numbers(pd.Series(np.asarray(texts, object)))
    if numbers is not None:
        told = [*(f"{number:.6g}" for number in numbers), "nan"]
    else:
        told = [*(" ".join(words_of(text)) or text for text in texts), ""]
    return np.array(told, dtype=object)[codes].tolist()  # type: ignore[no-any-return]


def words_of(text: str) -> list[str]:
    """Return the words of a text without case, in one Unicode form."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def clusters_of_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return for each text the place of the first that it nearly is; its own where it is the first of its kind."""
    runs = [_runs(text) for text in texts]
    parent = np.arange(len(texts))
    for bucket in _buckets(runs) if runs else ():
        pairs = combinations(bucket, 2) if len(bucket) <= _MOST_TOGETHER else pairwise(bucket)
        for one, other in pairs:
            low, high = sorted((_root(parent, one), _root(parent, other)))
            if low != high and _similar(runs[one], runs[other]):
                parent[high] = low
    return np.array([_root(parent, place) for place in range(len(texts))], dtype=np.int64)


def _runs(text: str) -> NDArray[np.uint64]:
    """Return the hashes of a text's runs of words, each once; of a shorter text of all of it."""
    words = words_of(text)
    said = {" ".join(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1))} if words else {text}
    hashes = b"".join([b"\0" + blake2b(one.encode("utf-8", "replace"), digest_size=7).digest() for one in said])
    return np.sort(np.frombuffer(hashes, ">u8").astype(np.uint64))


def _buckets(runs: Sequence[NDArray[np.uint64]]) -> list[list[int]]:
    """Return the places of texts that agree in a band, two or more together."""
    rng = np.random.default_rng(0)  # which hashes these are is part of the method
    keys = rng.integers(0, 1 << 63, _BANDS * _IN_BAND, dtype=np.uint64)
    least = np.stack([_mixed(run[:, None] ^ keys).min(axis=0) for run in runs])
    found: list[list[int]] = []
    for band in np.split(least, _BANDS, axis=1):
        together = defaultdict[bytes, list[int]](list)
        for place, part in enumerate(np.ascontiguousarray(band).view(f"S{8 * _IN_BAND}").ravel().tolist()):
            together[part].append(place)
        found += [places for places in together.values() if len(places) > 1]
    return found


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers whose bits all depend on all bits (the finaliser of splitmix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))


def _similar(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common >= NEAR * (len(one) + len(other) - common)


def _root(parent: NDArray[np.int64], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = int(parent[place])
    return place
