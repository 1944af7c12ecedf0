"""What plans of marks in images and sounds name: attacks, keys, and which original goes with a marked one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from audit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["attacks_named", "names_of", "secret_of"]

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


def secret_of(key: str) -> bytes:
    """Return the bytes of a key that a plan names; raises UsageError for digits that are none."""
    try:
        return bytes.fromhex(key[2:]) if key.startswith("0x") else key.encode()
    except ValueError:
        raise UsageError("key: got {key!r}; allowed: text, or 0x and hexadecimal digits", key=key) from None
