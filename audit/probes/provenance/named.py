"""What plans of marks in images, sounds and videos name: attacks, marks, keys, and which original goes with which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.errors import UsageError
from audit.watermarks.keys import make_mark_key, read_mark_key

if TYPE_CHECKING:
    import pandas as pd

    from audit.watermarks.keys import MarkKey
    from detectors.result import Remark

__all__ = ["attacks_named", "mark_and_key", "names_of", "remarks_on"]

_NAMED = re.compile(r"(\w+) at (-?\d+(?:\.\d+)?|-?\.\d+)")


def attacks_named(
    names: Sequence[str], built_in: Mapping[str, Sequence[float]], allowed: Mapping[str, tuple[float, float]]
) -> list[tuple[str, float]]:
    """Return kind and strength of each attack, `all` = the built-in ones; ValueError for what is not allowed."""
    found = list[tuple[str, float]]()
    for name in names:
        if name == "all":
            found += [(kind, float(strength)) for kind, all_ in built_in.items() for strength in all_]
            continue
        told = _NAMED.fullmatch(name)
        if told is None or told[1] not in allowed:
            raise ValueError(f"attacks: got {name!r}; allowed: all, or KIND at STRENGTH of {', '.join(allowed)}")
        least, most = allowed[told[1]]
        if not least <= float(told[2]) <= most or float(told[2]) == 0:
            raise ValueError(f"attacks: got {name!r}; allowed: a strength of {least:g} to {most:g}, not 0")
        found.append((told[1], float(told[2])))
    return list(dict.fromkeys(found))


def names_of(frame: pd.DataFrame) -> list[str]:
    """Return by what marked items and originals go together."""
    return list(map(str, frame.get("name", frame.index)))


def mark_and_key(kind: str, mark: Mapping[str, Any], key: str, key_file: Path | None) -> tuple[Any, MarkKey]:
    """Return a mark and its key, of a key file or as a plan names them; raises UsageError.

    kind: `image_marks`, `audio_marks` or `video_marks`; mark: its name at `use`, its options beside it.
    """
    if key_file is None:
        options = dict(mark)
        use = options.pop("use")
        return plugins.build(kind, use, options), make_mark_key(use, secret=_secret_of(key))
    known = read_mark_key(key_file)
    if known.variant not in plugins.names(kind):
        what = {"image_marks": "images", "audio_marks": "sounds", "video_marks": "videos"}[kind]
        raise UsageError(
            "{file}: a key of {variant}, which is no mark of {what}", file=key_file, variant=known.variant, what=what
        )
    return plugins.build(kind, known.variant, known.parameters), known


def remarks_on(kind: str, use: str) -> Iterator[Remark]:
    """Yield what a reader must know of a mark before its numbers."""
    from detectors.result import Remark

    mark = plugins.load(kind, use)
    if not mark.keyed:
        yield Remark("mark_without_key", {"mark": use})
    if not mark.exact:
        yield Remark("mark_approximate", {"mark": use})


def _secret_of(key: str) -> bytes:
    """Return the bytes of a key that a plan names; raises UsageError for digits that are none."""
    try:
        return bytes.fromhex(key[2:]) if key.startswith("0x") else key.encode()
    except ValueError:
        raise UsageError("key: got {key!r}; allowed: text, or 0x and hexadecimal digits", key=key) from None
