"""The commands `mark audio` and `detect audio`: keyed marks put into sounds, and found again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.mark_files import CERTAIN, Keys, detect_in, key_for, mark_each, opened, power, require_alpha, valid_today
from audit.cli.options import Alpha, AsJson
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.watermarks.audio.files import Sound
    from audit.watermarks.keys import MarkKey
    from detectors.provenance.audio.reading import AudioReading

__all__ = ["AUDIO", "detect_audio", "mark_audio"]

AUDIO = "audio-spread"


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

    secret, made_by = key_for(key, AUDIO, "sounds"), AudioSpread(snr)
    valid_today(secret, key)
    mark_each(
        files, out, lambda file, to: _mark_file(file, secret, made_by, to), line=_marked_line, what="sounds",
        as_json=as_json,
    )  # fmt: skip


def _mark_file(file: Path, key: MarkKey, made_by: Any, out: Path) -> dict[str, Any]:
    """Write a sound with the mark; return what is told of it, `read_back` of the file that was written."""
    import dataclasses
    import io

    from audit.files import write_out
    from audit.watermarks.audio.files import sound_file, sound_of
    from detectors.provenance.audio.quality import segmental_snr, snr
    from detectors.provenance.audio.reading import read

    heard = _sound(file)
    if read(heard.samples, heard.rate, key.secret).log10_p <= CERTAIN:
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
        "segmental_snr": segmental_snr(heard.samples, made, heard.rate), "read_back": bool(after <= CERTAIN),
        "log10_p": None if math.isnan(after) else after,
    }  # fmt: skip


def _marked_line(told: dict[str, Any]) -> str:
    p = "nothing to read" if told["log10_p"] is None else power(told["log10_p"])
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

    require_alpha(alpha)

    def read(file: Path, secrets: list[bytes]) -> tuple[dict[str, Any], list[AudioReading]]:
        heard = _sound(file)
        return {"seconds": heard.seconds}, read_all(heard.samples, heard.rate, secrets)

    detect_in(
        files, [key_for(one, AUDIO, "sounds") for one in keys], read, lambda best: {"passage": list(best.passage)},
        line=lambda told: "clearest from {:.1f} to {:.1f} s".format(*told["passage"]),
        unreadable="too short or too quiet to hold a mark", alpha=alpha, as_json=as_json,
    )  # fmt: skip


def _sound(file: Path) -> Sound:
    from audit.watermarks.audio.files import sound_of

    return opened(file, sound_of)
