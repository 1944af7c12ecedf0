"""The file in which sums over calls of endpoints are kept, a line a call and another one when it is over.

    spent.jsonl    {"model": "main", "tally": [calls, counted, input, output, most_input, most_output]}
                   {"model": "main", "tally": [...], "charged": [...]}

A call is charged at its bound before it is sent (a line of the first kind), and settled when it is over, by what it
took in the place of what it was charged (one of the second). So a kill forgets no call: those in flight stay at their
bounds. Each process has a file of its own, as only on a disk of this machine two can add to one: workers beside the
audit's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from audit.files import canonical, parse_json, read_regular
from audit.prices import Tally

__all__ = ["append", "kept_in", "line", "sums", "worker_file"]

_LARGEST = 1 << 30
"""Bytes of the file of a run that was cut off: some five million calls."""


def worker_file(folder: Path, worker: str) -> Path:
    """Return where a worker keeps what it takes, in an audit's folder."""
    return folder / f".spent-{worker}.jsonl"


def kept_in(path: Path) -> dict[str, Tally]:
    """Return model -> sums of a file; lines that are none, such as one that a kill tore, are left out."""
    try:
        lines = read_regular(path, _LARGEST).split(b"\n")
    except FileNotFoundError:
        return {}
    return sums(map(_told_in, lines))


def _told_in(text: bytes) -> dict[str, Tally]:
    """Return model -> what a line adds."""
    try:
        told = parse_json(text)
        name, parts = str(told["model"]), [told["tally"], told.get("charged", Tally())]
        whole = all(len(part) == len(Tally._fields) and all(type(one) is int and one >= 0 for one in part)
                    for part in parts)  # fmt: skip
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return {name: Tally(*parts[0]).minus(Tally(*parts[1]))} if whole else {}


def sums(parts: Iterable[Mapping[str, Tally]]) -> dict[str, Tally]:
    """Return model -> sums over all parts."""
    found: dict[str, Tally] = {}
    for part in parts:
        for name, tally in part.items():
            found[name] = found.get(name, Tally()).plus(tally)
    return found


def line(model: str, tally: Tally, charged: Tally | None = None) -> bytes:
    """Return a call, or sums, as a line, which begins where one that a kill tore has ended."""
    told: dict[str, Any] = {"model": model, "tally": list(tally)}
    return b"\n" + canonical({**told, "charged": list(charged)} if charged else told)


def append(path: Path, model: str, tally: Tally, charged: Tally | None = None) -> None:
    """Write a line without waiting for the disk: a kill of this process takes nothing away.

    charged: what it was charged before. Raises OSError where the disk is full.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, line(model, tally, charged))
    finally:
        os.close(handle)
