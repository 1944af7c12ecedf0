"""The commands `mark video` and `detect video`: a keyed mark put into videos, and found again in all their frames."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from audit.cli.mark_files import (
    CERTAIN,
    AsTheyStand,
    Keys,
    detect_in,
    key_for,
    mark_each,
    opened,
    placed,
    power,
    require_alpha,
    standing,
    valid_today,
)
from audit.cli.options import Alpha, AsJson
from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.watermarks.keys import MarkKey
    from audit.watermarks.video import VideoSpread
    from audit.watermarks.video.writing import Written
    from detectors.provenance.video.reading import VideoReading

__all__ = ["VIDEO", "detect_video", "mark_video"]

VIDEO = "video-spread"

def mark_video(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Videos: MP4, MOV, MKV, WebM, AVI, MPEG-TS.")],
    *,
    key: Annotated[Path, typer.Option("--key", help="Key file: 'mark key --variant video-spread' makes one.")],
    out: Annotated[Path, typer.Option("--out", help=".mkv loses nothing, .mp4 and .mov are H.264; or a folder.")],
    payload: Annotated[str, typer.Option("--payload", help="Up to 8 hexadecimal digits that the mark carries.")] = "",
    psnr: Annotated[float, typer.Option("--psnr", help="Lower = stronger, in dB.")] = 42.2,
    crf: Annotated[float, typer.Option("--crf", help="Of H.264: 0 loses nothing, 51 is worst.")] = 16.0,
    as_json: AsJson = False,
) -> None:
    """Put the keyed mark into every frame; sound, subtitles, chapters, times and titles are kept, or said to be lost.

    Exit code 2 if one is none.
    """
    from audit.watermarks.video import VideoSpread

    if not 0 <= crf <= 51:
        raise UsageError("crf is {crf:g}; allowed: 0 to 51", crf=crf)
    secret, made_by = key_for(key, VIDEO, "videos"), VideoSpread(psnr, payload)
    valid_today(secret, key)
    mark_each(
        files, out, lambda file, to: _mark_file(file, secret, made_by, to, crf), line=_marked_line, what="videos",
        as_json=as_json,
    )  # fmt: skip


def _mark_file(file: Path, key: MarkKey, made_by: VideoSpread, out: Path, crf: float) -> dict[str, Any]:
    """Write a video with the mark; return what is told of it, `read_back` of the file that was written."""
    from audit.files import replacing
    from audit.watermarks.video.writing import write_marked

    def write(data: BinaryIO, place: Path) -> Written:
        done = write_marked(data, place, into, out.suffix, made_by, key.secret, crf=crf)
        if done.before.read([key.secret], search=False)[0].log10_p <= CERTAIN:
            raise UsageError("{file}: it carries the mark of this key already; two of them would mix", file=place)
        return done

    if out.is_dir():
        raise UsageError("{file}: is a folder; name a file", file=out)
    with replacing(out) as into:
        done = opened(file, write)
    after = _read(out, [key.secret], search=False)[1][0].log10_p
    return {
        "file": str(out), "key": key.told, "payload": made_by.in_frames.carried.hex(), "frames": done.frames,
        "psnr": done.psnr, "lost": done.lost, "read_back": bool(after <= CERTAIN),
        "log10_p": None if math.isnan(after) else after,
    }  # fmt: skip


def _marked_line(told: dict[str, Any]) -> str:
    p = "nothing to read" if told["log10_p"] is None else power(told["log10_p"])
    back = "" if told["read_back"] else f"; IT CANNOT BE READ BACK ({p}): too small or hard; lower --psnr or --crf"
    lost = f"; not kept: {', '.join(told['lost'])}" if told["lost"] else ""
    made = f"payload {told['payload']}, {told['frames']:,} frames, PSNR {told['psnr']:.1f} dB before coding"
    return f"{told['file']}: marked with key {told['key']['id']}, {made}{lost}{back}"


def detect_video(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Videos: MP4, MOV, MKV, WebM, AVI, MPEG-TS.")],
    keys: Keys,
    alpha: Alpha = 1e-6,
    as_they_stand: AsTheyStand = False,
    as_json: AsJson = False,
) -> None:
    """Say of each video whose mark it carries, with one p-value for all its frames; exit code 2 if one is none."""
    require_alpha(alpha)
    detect_in(
        files, [key_for(one, VIDEO, "videos") for one in keys],
        lambda file, secrets: _read(file, secrets, search=not as_they_stand),
        lambda best: {**placed(best), "passage": list(best.passage)}, line=_line,
        unreadable="too small or too flat to hold a mark", alpha=alpha, as_json=as_json,
    )  # fmt: skip


def _read(file: Path, secrets: list[bytes], *, search: bool) -> tuple[dict[str, Any], list[VideoReading]]:
    from audit.watermarks.video.files import frames_of
    from detectors.provenance.video.reading import read_all

    readings = opened(file, lambda data, place: read_all(frames_of(data, place), secrets, search=search))
    return {"frames": readings[0].frames}, readings


def _line(told: dict[str, Any]) -> str:
    return "{}, clearest from {:.1f} to {:.1f} s".format(standing(told), *told["passage"])
