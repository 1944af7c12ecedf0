"""Texts with a mark, as `dokimasia mark text` writes them: a JSON line each, with the key's id, never its secret."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from audit.model import CanBiasLogits, TextWatermark
from audit.watermarks.keys import MarkKey

__all__ = ["marked_lines"]


def marked_lines(
    model: CanBiasLogits, prompts: Sequence[str], mark: TextWatermark, key: MarkKey, *, seed: int, **sampling: Any
) -> Iterator[str]:
    """Yield a JSON line for each prompt: `prompt`, `text`, `tokens`, `finish`; `key` with id, variant, commitment."""
    seen: Counter[str] = Counter()
    numbers = []
    for prompt in prompts:
        numbers.append(seen[prompt])
        seen[prompt] += 1
    drawn = model.sample_marked(list(prompts), mark=mark, seed=seed, numbers=numbers, **sampling)
    for prompt, one in zip(prompts, drawn, strict=True):
        told = {"prompt": prompt, "text": one.content, "tokens": one.elements, "finish": one.finish, "key": key.told}
        yield json.dumps(told, ensure_ascii=False)
