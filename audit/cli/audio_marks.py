"""The commands `mark audio` and `detect audio`: keyed marks put into sounds, and found again."""

from __future__ import annotations

import json
import math
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import Alpha, AsJson
from audit.errors import DokimasiaError, UsageError, clean, os_reason

if TYPE_CHECKING:
    from audit.watermarks.audio.files import Sound
    from audit.watermarks.keys import MarkKey
    from detectors.provenance.audio.reading import AudioReading

__all__ = ["AUDIO", "detect_audio", "mark_audio"]

AUDIO = "audio-spread"
_CERTAIN = -6
"""Decimal logarithm of the p at which a mark of a sound that is being marked counts as there."""
_COPIED = "note: who has marked sounds can copy the mark into others or take it off; sign the origin where it counts"

Keys = Annotated[list[Path], typer.Option("--key", help="Key file; may be given again: p counts every key.")]


def mark_audio(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sounds: WAV, FLAC, Ogg or MP3.")],
    *,
    key: Annotated[Path, typer.Option("--key", help="Key file: 'mark key --variant audio-spread' makes one.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, .wav, .flac, .ogg or .mp3; of several, a folder.")],
    snr: Annotated[float, typer.Option("--snr", help="Lower = stronger, in dB.")] = 26.0,
    as_json: AsJson = False,
) -> None:
    """Put the keyed mark into sounds; title, artist and such texts are kept. Exit code 2 if one is none.

    Other parts of a file, as cue points and pictures, are not kept.
    """
    from audit.watermarks.audio import AudioSpread

    secret, made_by = _audio_key(key), AudioSpread(snr)
    if not secret.valid_on(datetime.now().date()):
        days = {"first": secret.valid_from or "...", "last": secret.valid_until or "..."}
        raise UsageError("{file}: valid from {first} to {last}, and so not today", file=key, **days)
    several = len(files) > 1 or out.is_dir()
    if several:
        out.mkdir(parents=True, exist_ok=True)
    told, broken = [], False
    for file in files:
        try:
            told.append(_mark_file(file, secret, made_by, out / file.name if several else out))
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
    if told:
        print(_COPIED, file=sys.stderr)
        print(json.dumps(told) if as_json else "\n".join(clean(_marked_line(one)) for one in told))
    if broken:
        raise typer.Exit(2)


def _mark_file(file: Path, key: MarkKey, made_by: Any, out: Path) -> dict[str, Any]:
    """Write a sound with the mark; return what is told of it, `read_back` of the file that was written."""
    import dataclasses
    import io

    from audit.files import write_out
    from audit.watermarks.audio.files import sound_file, sound_of
    from detectors.provenance.audio.quality import segmental_snr, snr
    from detectors.provenance.audio.reading import read

    heard = _sound(file)
    if read(heard.samples, heard.rate, key.secret).log10_p <= _CERTAIN:
        raise UsageError("{file}: it carries the mark of this key already; two of them would mix", file=file)
    try:
        made = made_by.marked(heard.samples, heard.rate, key.secret)
    except UsageError as error:
        raise UsageError("{file}: {problem}", file=file, problem=error.args[0]) from None
    data = sound_file(dataclasses.replace(heard, samples=made), out.suffix)
    write_out(out, data)
    back = sound_of(io.BytesIO(data), out)
    after = read(back.samples, back.rate, key.secret).log10_p
    return {
        "file": str(out), "key": key.told, "snr": snr(heard.samples, made),
        "segmental_snr": segmental_snr(heard.samples, made, heard.rate), "read_back": bool(after <= _CERTAIN),
        "log10_p": None if math.isnan(after) else after,
    }  # fmt: skip


def _marked_line(told: dict[str, Any]) -> str:
    p = "nothing to read" if told["log10_p"] is None else _power(told["log10_p"])
    back = "" if told["read_back"] else f"; IT CANNOT BE READ BACK ({p}): too short, silent or hard; try a lower --snr"
    quiet = f"SNR {told['snr']:.1f} dB, by segments {told['segmental_snr']:.1f} dB"
    return f"{told['file']}: marked with key {told['key']['id']}, {quiet}{back}"


def detect_audio(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sounds: WAV, FLAC, Ogg or MP3.")],
    keys: Keys,
    alpha: Alpha = 1e-6,
    as_json: AsJson = False,
) -> None:
    """Say of each sound whose mark it carries, and where, and how sure that is; exit code 2 if one is none."""
    from detectors.provenance.audio.reading import read_all

    if not 0 < alpha < 1:
        raise UsageError("alpha is {alpha:g}; allowed: above 0, below 1", alpha=alpha)
    known = [_audio_key(one) for one in keys]
    told, broken = [], False
    for file in files:
        try:
            heard = _sound(file)
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
            continue
        readings = read_all(heard.samples, heard.rate, [one.secret for one in known])
        told.append({"file": str(file), "seconds": heard.seconds, **_told_audio(known, readings, alpha)})
    if told or as_json:
        print(json.dumps(told) if as_json else "\n".join(clean(_line(one)) for one in told))
    if broken:
        raise typer.Exit(2)


def _told_audio(keys: list[MarkKey], readings: list[AudioReading], alpha: float) -> dict[str, Any]:
    """Return what the likeliest key read, its p-value multiplied by the number of keys."""
    key, best = min(zip(keys, readings, strict=True), key=lambda pair: pair[1].log10_p)
    if math.isnan(best.log10_p):
        return {"found": None}
    exponent = min(0.0, best.log10_p + math.log10(len(keys)))
    found = exponent <= math.log10(alpha)
    return {
        "found": found, "log10_p": exponent, "keys": len(keys), "tried": best.tried,
        **({"key": key.told, "passage": list(best.passage)} if found else {}),
    }  # fmt: skip


def _line(told: dict[str, Any]) -> str:
    """Return what was found in a sound, in a line."""
    if told["found"] is None:
        return f"{told['file']}: too short or too quiet to hold a mark"
    tried = f"{_power(told['log10_p'])}; {told['keys']} key{'s' * (told['keys'] > 1)}, {told['tried']:,} places tried"
    if not told["found"]:
        return f"{told['file']}: no mark found; that says nothing of who made it ({tried})"
    first, last = told["passage"]
    return f"{told['file']}: mark of key {told['key']['id']}, clearest from {first:.1f} to {last:.1f} s ({tried})"


def _power(exponent: float) -> str:
    return f"p = {10**exponent:.2g}" if exponent > -300 else "p < 1e-300"


def _sound(file: Path) -> Sound:
    from audit.files import open_regular
    from audit.watermarks.audio.files import sound_of

    try:
        with open_regular(file) as data:
            return sound_of(data, file)
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=file, problem=os_reason(error)) from None


def _audio_key(file: Path) -> MarkKey:
    from audit.watermarks.keys import read_mark_key

    key = read_mark_key(file)
    if key.variant != AUDIO:
        raise UsageError("{file}: a key of {variant}; sounds want one of {wanted}", file=file, variant=key.variant,
                         wanted=AUDIO)  # fmt: skip
    return key
