"""Every draw has a number: the first for a prompt is 0, the next 1, over a whole check and not over a shard.

    draw = f(seed, prompt, number)

So what is drawn does not depend on where shards begin and end or on what else is asked, equal prompts never share a
draw, and a table deals each of its rows once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from audit.ask.questions import item_digest
from audit.model import Item

__all__ = ["entropy", "numbers_of"]


def numbers_of(prompts: Sequence[Item], before: Counter[bytes] | None = None) -> list[int]:
    """Return the number of each draw [prompt]; `before` counts earlier ones and goes on counting. "" is no prompt."""
    counted = Counter[bytes]() if before is None else before
    numbers = []
    for prompt in prompts:
        digest = item_digest(None if isinstance(prompt, str) and not prompt else prompt)
        numbers.append(counted[digest])
        counted[digest] += 1
    return numbers


def entropy(seed: int, prompt: str | None, number: int) -> list[int]:
    """Return what a NumPy generator of this draw alone starts from."""
    return [seed, number, int.from_bytes(hashlib.sha256((prompt or "").encode()).digest()[:16])]
