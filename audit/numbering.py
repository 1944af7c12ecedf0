"""Every draw has a number: the first for a prompt is 0, the next 1, over a whole check and not over a shard.

    draw = f(seed, prompt, number)

So what is drawn does not depend on where shards begin and end or on what else is asked, equal prompts never share a
draw, and a table deals each of its rows once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from audit.files import canonical
from audit.model import Continuation, Item, Pair, Parted

__all__ = ["draw_seed", "entropy", "item_digest", "numbers_of", "prompt_digest"]


def numbers_of(prompts: Sequence[Item], before: Counter[bytes] | None = None) -> list[int]:
    """Return the number of each draw [prompt]; `before` counts earlier ones and goes on counting. "" is no prompt."""
    counted = Counter[bytes]() if before is None else before
    numbers = []
    for prompt in prompts:
        digest = prompt_digest(prompt)
        numbers.append(counted[digest])
        counted[digest] += 1
    return numbers


def prompt_digest(prompt: Item) -> bytes:
    """Return the digest by which draws for a prompt are counted."""
    return item_digest(None if isinstance(prompt, str) and not prompt else prompt)


def entropy(seed: int, prompt: str | None, number: int) -> list[int]:
    """Return what a NumPy generator of this draw alone starts from."""
    return [seed, number, int.from_bytes(hashlib.sha256((prompt or "").encode()).digest()[:16])]


def draw_seed(seed: int, prompt: str | None, number: int) -> int:
    """Return the seed of this draw alone for a server, of 31 bits: some keep no more."""
    import numpy as np

    return int(np.random.SeedSequence(entropy(seed, prompt, number)).generate_state(1)[0]) >> 1


def item_digest(item: Item) -> bytes:
    """Return the SHA-256 of an item's type and content."""
    if item is None or isinstance(item, str | dict):
        return hashlib.sha256(canonical(item)).digest()
    if isinstance(item, Parted):
        return hashlib.sha256(canonical(["parted", item.prompt, item.text, item.parts])).digest()
    if isinstance(item, Continuation):
        return hashlib.sha256(canonical([item.prompt, item.text])).digest()
    if isinstance(item, Pair):
        return hashlib.sha256(canonical(["pair", item.premise, item.hypothesis])).digest()
    import numpy as np

    array = np.ascontiguousarray(item)
    return hashlib.sha256(canonical([array.dtype.str, list(array.shape)]) + array.tobytes()).digest()
