"""What the commands about marks in files have in common: keys, files, and what the likeliest key reads."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Protocol, TypeVar

import typer

from audit.errors import DokimasiaError, UsageError, clean, os_reason
from audit.exit_codes import USAGE

if TYPE_CHECKING:
    from audit.watermarks.keys import MarkKey
    from detectors.provenance.image.reading import ImageReading

__all__ = [
    "CERTAIN", "COPIED", "AsTheyStand", "Keys", "Reading", "detect_in", "key_for", "mark_each", "opened", "placed",
    "power", "require_alpha", "require_other", "standing", "valid_today",
]

CERTAIN = -6
"""Decimal logarithm of the p at which the mark of a file that is being marked counts as there."""
COPIED = "note: who has marked {what} can copy the mark into others or take it off; sign the origin where it counts"
_ABSENT = "no mark found; that says nothing of who made it"

Keys = Annotated[list[Path], typer.Option("--key", help="Key file; may be given again: p counts every key.")]
AsTheyStand = Annotated[
    bool, typer.Option("--as-they-stand", help="Seek no scale or rotation: faster, and cuts are still found.")
]


class Reading(Protocol):
    """What a key reads in a file."""

    @property
    def log10_p(self) -> float:
        """Decimal logarithm of the p-value; NaN where nothing can be read."""

    @property
    def tried(self) -> int:
        """Places tried, which p counts."""


T = TypeVar("T")
R = TypeVar("R", bound=Reading)


def require_alpha(alpha: float) -> None:
    """Raise UsageError for what is no level."""
    if not 0 < alpha < 1:
        raise UsageError("alpha is {alpha:g}; allowed: above 0, below 1", alpha=alpha)


def key_for(file: Path, variant: str, what: str) -> MarkKey:
    """Return the key in a file; UsageError for one of another mark. what: what it marks, such as `sounds`."""
    from audit.watermarks.keys import read_mark_key

    key = read_mark_key(file)
    if key.variant != variant:
        raise UsageError("{file}: a key of {variant}; " + what + " want one of {wanted}", file=file,
                         variant=key.variant, wanted=variant)  # fmt: skip
    return key


def valid_today(key: MarkKey, file: Path) -> None:
    """Raise UsageError where a key is not meant to mark anything today."""
    if not key.valid_on(datetime.now().date()):
        days = {"first": key.valid_from or "...", "last": key.valid_until or "..."}
        raise UsageError("{file}: valid from {first} to {last}, and so not today", file=file, **days)


def opened(file: Path, read: Callable[[BinaryIO, Path], T]) -> T:
    """Return what is read in a regular file; UsageError where it cannot be opened."""
    from audit.files import open_regular

    try:
        with open_regular(file) as data:
            return read(data, file)
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=file, problem=os_reason(error)) from None


def power(exponent: float) -> str:
    """Return a p-value in words."""
    return f"p = {10**exponent:.2g}" if exponent > -300 else "p < 1e-300"


def require_other(place: Path, file: Path, made: Collection[Path] = ()) -> None:
    """Raise UsageError where a marked file would take the place of the one that it is made of, or of another made."""
    if place in made or (place.exists() and place.samefile(file)):
        raise UsageError("{file}: {place} is a file that was given, or made of another one; allowed: another --out",
                         file=file, place=place)  # fmt: skip


def mark_each(
    files: Sequence[Path], out: Path, mark: Callable[[Path, Path], dict[str, Any]], *,
    line: Callable[[dict[str, Any]], str], what: str, as_json: bool,
) -> None:
    """Mark files into one, or several into a folder, and print of each what `mark` tells; Exit 2 where one is none."""
    several = len(files) > 1 or out.is_dir()
    if several:
        out.mkdir(parents=True, exist_ok=True)
    told, broken, places = list[dict[str, Any]](), False, set[Path]()
    for file in files:
        place = out / file.name if several else out
        try:
            require_other(place, file, places)
            places.add(place)
            told.append(mark(file, place))
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
    if told:
        print(COPIED.format(what=what), file=sys.stderr)
        print(json.dumps(told) if as_json else "\n".join(clean(line(one)) for one in told))
    if broken:
        raise typer.Exit(USAGE)


def placed(best: ImageReading) -> dict[str, Any]:
    """Return what is told of a mark of images that is there."""
    return {"payload": best.payload.hex(), "payload_p": best.payload_p, "scale": best.scale, "angle": best.angle,
            "mirrored": best.mirrored}  # fmt: skip


def standing(told: dict[str, Any]) -> str:
    """Return what `placed` told, in words."""
    sure = "" if told["payload_p"] <= 1e-3 else " (not sure)"
    stands = f"scale {told['scale']:.2f}, turned {told['angle']:.1f} degrees{', mirrored' * told['mirrored']}"
    return f"payload {told['payload']}{sure}, {stands}"


def detect_in(
    files: Sequence[Path], known: Sequence[MarkKey],
    read: Callable[[Path, list[bytes]], tuple[dict[str, Any], Sequence[R]]], found: Callable[[R], dict[str, Any]], *,
    line: Callable[[dict[str, Any]], str], unreadable: str, alpha: float, as_json: bool,
) -> None:
    """Print of each file what the likeliest key reads, its p-value multiplied by the number of keys; Exit 2 if none is.

    read: what is told of a file, and what each secret reads in it; found: what is told of a mark that is there, which
    `line` says; unreadable: why nothing can be read where p is NaN.
    """
    told, broken = list[dict[str, Any]](), False
    for file in files:
        try:
            of_file, readings = read(file, [one.secret for one in known])
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
            continue
        told.append({"file": str(file), **of_file, **_likeliest(known, readings, found, alpha)})
    if told or as_json:
        lines = (_line(one, line, unreadable) for one in told)
        print(json.dumps(told) if as_json else "\n".join(map(clean, lines)))
    if broken:
        raise typer.Exit(USAGE)


def _likeliest(
    keys: Sequence[MarkKey], readings: Sequence[R], found: Callable[[R], dict[str, Any]], alpha: float
) -> dict[str, Any]:
    key, best = min(zip(keys, readings, strict=True), key=lambda pair: pair[1].log10_p)
    if math.isnan(best.log10_p):
        return {"found": None}
    exponent = min(0.0, best.log10_p + math.log10(len(keys)))
    there = exponent <= math.log10(alpha)
    return {"found": there, "log10_p": exponent, "keys": len(keys), "tried": best.tried,
            **({"key": key.told, **found(best)} if there else {})}  # fmt: skip


def _line(told: dict[str, Any], line: Callable[[dict[str, Any]], str], unreadable: str) -> str:
    if told["found"] is None:
        return f"{told['file']}: {unreadable}"
    tried = f"{power(told['log10_p'])}; {told['keys']} key{'s' * (told['keys'] > 1)}, {told['tried']:,} places tried"
    said = f"mark of key {told['key']['id']}, {line(told)}" if told["found"] else _ABSENT
    return f"{told['file']}: {said} ({tried})"
