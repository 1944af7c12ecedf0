"""Reading other people's files: bounded, in one pass where it can be, with one line for all that may be wrong.

Texts are taken over without what looks like a key (`redacted`), and settings are not taken over at all, as they are
where tools keep keys.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.data import json_rows, readable
from audit.errors import DataError
from audit.files import canonical, keys_once, open_regular, read_regular, sha256

__all__ = [
    "MOST", "begins", "digest_of", "json_lines", "laid_out", "model_in", "number_in", "parsed", "redacted", "scalars",
    "text_in", "whole_json", "whole_told",
]

MOST = 1 << 28
"""Bytes of JSON that is held whole, which takes some six times as much memory: the head of a log, one element of its
list, an entry of an archive."""
_LOOK = 1 << 16
_KEYS = re.compile(
    r"""\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|ghs|glpat|xox[abprs]|nvapi|r8|pplx|AKIA|ASIA|AIza|ya29)[-_.]?"""
    r"""(?=[A-Za-z0-9_.-]{0,64}[0-9A-Z])[A-Za-z0-9_.-]{14,}"""
    r"""|\bBearer\s+[A-Za-z0-9._~+/=-]{8,}"""
    r"""|\beyJ[A-Za-z0-9_-]{8,512}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"""
    r"""|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"""
    r"""|(?i:(?<![a-z])(?:api[-_]?key|token|secret|password|authorization)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}"""
)
"""What begins as the keys of well-known services do, or is named as one; bounded, so that any text is soon searched."""


def redacted(text: str) -> str:
    """Return a text with `[redacted]` in place of whatever looks like a key, a token or a password in an address."""
    return _KEYS.sub("[redacted]", text)


def text_in(value: Any) -> str | None:
    """Return what a value says, without keys: text as it is, anything else as JSON; None for nothing."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return redacted(text if text.isascii() else text.encode("utf-8", "replace").decode())


def model_in(value: Any) -> str | None:
    """Return what a model is called, without keys: of a folder on somebody's disk its last name."""
    text = text_in(value)
    return Path(text).name if text is not None and Path(text).is_absolute() else text


def number_in(value: Any) -> float | None:
    """Return a finite number, true and false as 1 and 0; None for anything else, whole numbers beyond a float too."""
    try:
        return float(value) if isinstance(value, bool | int | float) and math.isfinite(value) else None
    except OverflowError:
        return None


def digest_of(*told: Any) -> str:
    """Return a short digest of JSON data."""
    return sha256(canonical(told)).removeprefix("sha256:")[:24]


def begins(path: Path) -> str:
    """Return the first 64 kB of a file as text, without blanks before it; raises DataError where it cannot be read."""
    with readable(path), open_regular(path) as file:
        return file.read(_LOOK).decode("utf-8-sig", "replace").lstrip()


def json_lines(path: Path, tool: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object); raises DataError for a line that is none: of a log, most often because it was cut."""
    with readable(path), open_regular(path) as lines:
        count = 0
        for count, row in enumerate(json_rows(path, lines), 1):
            yield count, row
    if not count:
        raise DataError(f"{path}: holds no line; allowed: a log of {tool}")


def whole_json(path: Path, tool: str) -> dict[str, Any]:
    """Return a file that is one JSON object; raises DataError where it is too large, cut, or something else."""
    with readable(path):
        data = read_regular(path, MOST)
    return parsed(data, path, tool)


def parsed(data: bytes, what: object, tool: str) -> dict[str, Any]:
    """Return the JSON object in bytes; raises DataError where there is none."""
    with whole_told(what, tool):
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=keys_once)
    if not isinstance(value, dict):
        raise DataError(f"{what}: holds a {type(value).__name__}; allowed: a log of {tool}")
    return value


@contextmanager
def whole_told(what: object, tool: str) -> Iterator[None]:
    """Turn what is cut or no JSON into a DataError of one line."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split(":")[0].split())[:100]
        raise DataError(f"{what}: is cut or no JSON ({why}); allowed: a log of {tool}") from None


@contextmanager
def laid_out(what: object, tool: str) -> Iterator[None]:
    """Turn what another layout raises into a DataError of one line."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DataError(f"{what}: is not laid out as logs of {tool} are ({type(error).__name__})") from None


def scalars(told: Mapping[str, Any]) -> dict[str, str]:
    """Return what of an item's facts may name a group: short texts, whole numbers, true and false."""
    return {
        key: redacted(str(value))
        for key, value in told.items()
        if isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 200)
    }
