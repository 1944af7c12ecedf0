"""Texts with a mark, as `dokimasia mark text` writes them: a JSON line each, with the key's id, never its secret."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from audit.errors import UsageError, os_reason
from audit.files import read_regular
from audit.model import CanBiasLogits, TextWatermark
from audit.watermarks.keys import MarkKey

__all__ = ["marked_lines", "prompts_of"]

_MOST = 1 << 26
"""Bytes of a file of prompts."""


def prompts_of(path: Path) -> list[str]:
    """Return the prompts in a file: of .jsonl the `prompt` or `text` of each line, else each line that is not empty."""
    try:
        lines = read_regular(path, _MOST).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = os_reason(error) if isinstance(error, OSError) else "not UTF-8"
        raise UsageError("{file}: cannot be read ({problem})", file=path, problem=why) from None
    lines = [line for line in lines if line.strip()]
    if path.suffix != ".jsonl":
        return lines
    try:
        rows = [json.loads(line) for line in lines]
        found = [row["prompt"] if "prompt" in row else row["text"] for row in rows]
    except (ValueError, TypeError, KeyError):
        found = [None]
    if not all(isinstance(one, str) for one in found):
        raise UsageError("{file}: lines without a `prompt` or `text`; allowed: one of them on each line", file=path)
    return found


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
