"""Marks in text by their key files: the numbers that choose are the secret, all other options stand beside it.

    secret = {"hashing_key": 2654435769} as JSON        parameters = {"bias": 2.5, "greenlist_ratio": 0.25, ...}
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from audit import plugins
from audit.errors import DokimasiaError, UsageError
from audit.files import canonical
from audit.model import TextWatermark
from audit.watermarks.keys import MarkKey, make_mark_key, read_mark_key

__all__ = ["SECRET_OPTIONS", "keyed_mark", "new_text_key", "read_text_key", "text_key"]

SECRET_OPTIONS: Mapping[str, Callable[[], Any]] = {
    "hashing_key": lambda: secrets.randbits(32) | 1,  # torch keeps 32 bits of a seed, and lists of even keys are shared
    "key": lambda: secrets.randbits(63) | 1 << 63,
    "keys": lambda: [secrets.randbits(62) for _ in range(30)],
}
"""Options of marks that are secret, and how a new one is drawn."""


def text_key(variant: str, options: Mapping[str, Any], **facts: Any) -> MarkKey:
    """Return a key of the mark with these options, those that are secret put apart; raises UsageError."""
    made = _made(variant, options)
    if made is None:
        raise UsageError("these are not options of the watermark {variant!r}", variant=variant)
    told = plugins.options_of(made)
    apart = {name: told.pop(name) for name in SECRET_OPTIONS if name in told}
    if not apart:
        raise UsageError("the watermark {variant!r} has no key", variant=variant)
    return make_mark_key(variant, secret=canonical(apart), parameters=told, **facts)


def new_text_key(variant: str, options: Mapping[str, Any] | None = None, **facts: Any) -> MarkKey:
    """Return a key of a mark with a new secret; raises UsageError."""
    drawn = {name: SECRET_OPTIONS[name]() for name in _secret_of(variant)}
    return text_key(variant, {**(options or {}), **drawn}, **facts)


def read_text_key(path: Path) -> tuple[MarkKey, TextWatermark]:
    """Return the key in a file and its mark; raises UsageError, which tells nothing of the secret."""
    key = read_mark_key(path)
    if key.variant not in plugins.names("watermarks"):
        raise UsageError("{file}: a key of {variant}, which is no mark of a text", file=path, variant=key.variant)
    mark = keyed_mark(key)
    if mark is None:
        raise UsageError("{file}: what it holds is no key of {variant}", file=path, variant=key.variant)
    return key, mark


def keyed_mark(key: MarkKey) -> TextWatermark | None:
    """Return the mark of a key; None where the two do not fit. No error of it ever quotes the secret."""
    try:
        secret = json.loads(key.secret)
        if not isinstance(secret, dict) or set(secret) != _secret_of(key.variant):  # by default a key is a public one
            return None
        return _made(key.variant, {**key.parameters, **secret})
    except (DokimasiaError, ValueError, RecursionError):
        return None


def _secret_of(variant: str) -> set[str]:
    """Return which options of a mark are secret; raises UsageError where there is no such mark."""
    return {field.name for field in dataclasses.fields(plugins.load("watermarks", variant))} & set(SECRET_OPTIONS)


def _made(variant: str, options: Mapping[str, Any]) -> TextWatermark | None:
    try:
        mark: TextWatermark = plugins.build("watermarks", variant, options)
    except (DokimasiaError, ValueError):  # their words may hold the secret
        return None
    return mark
