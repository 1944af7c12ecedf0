"""Reading other people's files: bounded, in one pass where it can be, with one line for all that may be wrong.

Texts are taken over without what looks like a key (`redacted`), and settings are not taken over at all, as they are
where tools keep keys. Of many texts those that may hold one are found by Arrow, whose automaton takes a thirtieth of
the time that Python's expressions take for a text, and only these are searched.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, TypeVar

from audit.data import json_rows, readable
from audit.errors import DataError
from audit.files import canonical, keys_once, open_regular, read_regular

__all__ = [
    "MOST", "begins", "digest_of", "digests_of", "each_laid_out", "first_line", "json_lines", "laid_out", "model_in",
    "name_in", "number_in", "parsed", "redacted", "text_in", "texts_in", "truth_in", "whole_json", "whole_told",
]

_Place = TypeVar("_Place")
_Row = TypeVar("_Row")
_Answer = TypeVar("_Answer")

MOST = 1 << 28
"""Bytes of JSON that is held whole, which takes some six times as much memory: the head of a log, one element of its
list, an entry of an archive."""
_LOOK = 1 << 16
_JSON = json.JSONDecoder(object_pairs_hook=keys_once)
_KEYS = re.compile(
    r"""\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|ghs|glpat|xox[abprs]|nvapi|r8|pplx|AKIA|ASIA|AIza|ya29)[-_.]?"""
    r"""(?=[A-Za-z0-9_.-]{0,64}[0-9A-Z])[A-Za-z0-9_.-]{14,}"""
    r"""|\bBearer\s+[A-Za-z0-9._~+/=-]{8,}"""
    r"""|\beyJ[A-Za-z0-9_-]{8,512}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"""
    r"""|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"""
    r"""|(?i:(?<![a-z])(?:api[-_]?key|token|secret|password|authorization)["']?\s*[=:]\s*["']?)[^\s"',;&]{6,}"""
)
"""What begins as the keys of well-known services do, or is named as one; bounded, so that any text is soon searched."""
_MAYBE = (
    r"""\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|ghs|glpat|xox[abprs]|nvapi|r8|pplx|AKIA|ASIA|AIza|ya29)[A-Za-z0-9_.-]{14}"""
    r"""|Bearer|eyJ[A-Za-z0-9_-]{8}|://[^/:@]+:[^/@]+@"""
    r"""|(?i:api[-_]?key|token|secret|password|authorization)[^A-Za-z0-9]*[=:]"""
)
"""What every text has that `_KEYS` finds something in, and few others, in the words of RE2."""
_NUMBERS = (int, float)
_TRUTHS: Mapping[float | None, bool] = {0.0: False, 1.0: True}
_OTHERWISE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading raises where a log is laid out otherwise than was thought."""


def redacted(text: str) -> str:
    """Return a text with `[redacted]` in place of whatever looks like a key, a token or a password in an address."""
    return _KEYS.sub("[redacted]", text)


def text_in(value: Any) -> str | None:
    """Return what a value says, without keys: text as it is, anything else as JSON; None for nothing."""
    if value is None or value == "":
        return None
    return redacted(_plain(value))


def texts_in(values: Sequence[Any]) -> list[str | None]:
    """Return `text_in` of each of many values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = [None if one is None or one == "" else _plain(one) for one in values]
    maybe = pc.match_substring_regex(pa.array(texts, pa.large_string()), _MAYBE)
    for place in pc.indices_nonzero(maybe).to_pylist():
        texts[place] = redacted(str(texts[place]))
    return texts


def _plain(value: Any) -> str:
    """Return a text as it is, anything else as JSON; a half surrogate pair, which is no text, as a question mark."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def model_in(value: Any) -> str | None:
    """Return what a model is called, without keys: of a folder on somebody's disk its last name."""
    text = text_in(value)
    return Path(text).name if text is not None and Path(text).is_absolute() else text


def number_in(value: Any) -> float | None:
    """Return a finite number, true and false as 1 and 0; None for anything else, whole numbers beyond a float too."""
    try:
        return float(value) if isinstance(value, _NUMBERS) and math.isfinite(value) else None
    except OverflowError:
        return None


def truth_in(value: Any) -> bool | None:
    """Return true or false, also of 1 and 0; None of anything else: the text "False" is neither."""
    return _TRUTHS.get(number_in(value))


def digest_of(*told: Any) -> str:
    """Return a short digest of JSON data."""
    return hashlib.sha256(canonical(told)).hexdigest()[:24]


def digests_of(*columns: Sequence[str | int]) -> list[str]:
    """Return `digest_of` each row of columns of texts and whole numbers."""
    told = [[encode_basestring(one) if isinstance(one, str) else str(one) for one in column] for column in columns]
    rows = zip(*told, strict=True)
    return [hashlib.sha256(f"[{','.join(row)}]".encode()).hexdigest()[:24] for row in rows]


def begins(path: Path) -> str:
    """Return the first 64 kB of a file as text, without blanks before it; raises DataError where it cannot be read."""
    with readable(path), open_regular(path) as file:
        return file.read(_LOOK).decode("utf-8-sig", "replace").lstrip()


def first_line(path: Path) -> dict[str, Any]:
    """Return the object in a file's first line, by which logs of lines are known; an empty one where there is none."""
    with suppress(ValueError, RecursionError):
        value = json.loads(begins(path).partition("\n")[0])
        return value if isinstance(value, dict) else {}
    return {}


def json_lines(path: Path, tool: str) -> Generator[tuple[int, dict[str, Any]], None, None]:
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
        value = _JSON.decode(data.decode("utf-8-sig"))
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
    except _OTHERWISE as error:
        raise _another(what, tool, error) from None


def each_laid_out(
    path: Path, tool: str, kind: str, rows: Iterable[tuple[_Place, _Row]],
    read: Callable[[_Row, _Place], Iterable[_Answer]],
) -> Iterator[_Answer]:
    """Yield what `read` makes of each (place, row); DataError names the place whose layout is another."""
    place = None
    try:
        for place, row in rows:
            yield from read(row, place)
    except _OTHERWISE as error:
        raise _another(f"{path}: {kind} {place}", tool, error) from None


def _another(what: object, tool: str, error: Exception) -> DataError:
    return DataError(f"{what}: is not laid out as logs of {tool} are ({type(error).__name__})")


def name_in(value: Any) -> str | None:
    """Return what of an item's facts may name a group: a short text, a whole number, true and false; None of others."""
    if isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 200):
        return redacted(str(value)) or None
    return None
