"""The commands `mark` and `detect`: keyed marks put into what a model made, and found again.

A list of the commands imports this module, so that what only one of them needs is imported inside.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from audit.cli.audio_marks import AUDIO, detect_audio, mark_audio
from audit.cli.detect_files import FilesByDefault, detect_files
from audit.cli.groups import Group
from audit.cli.mark_files import (
    CERTAIN,
    COPIED,
    AsTheyStand,
    Keys,
    detect_in,
    key_for,
    opened,
    placed,
    power,
    require_alpha,
    require_other,
    standing,
    valid_today,
)
from audit.cli.options import Alpha, AsJson, MarkKeys
from audit.cli.origin import detect_certificate, detect_origin, detect_tampering, mark_authority, mark_origin
from audit.cli.video_marks import VIDEO, detect_video, mark_video
from audit.errors import DokimasiaError, UsageError, clean
from audit.exit_codes import USAGE

if TYPE_CHECKING:
    from audit.model import TextWatermark
    from audit.watermarks.image.files import Picture
    from audit.watermarks.keys import MarkKey
    from detectors.provenance.image.reading import ImageReading

__all__ = ["detect", "mark"]

mark = typer.Typer(
    no_args_is_help=True, cls=Group, help="Put a keyed mark into what a model made, or make a key for it."
)
mark.__doc__ = "Put a keyed mark into what a model made, or make a key for it."
detect = typer.Typer(
    no_args_is_help=True, cls=FilesByDefault, subcommand_metavar="FILE... | COMMAND [ARGS]...",
    help="Say what files carry: marks of keys and how sure that is, signed origin, labels.",
)
detect.__doc__ = "Say what files carry: marks of keys and how sure that is, signed origin, labels."

mark.command("audio")(mark_audio)
mark.command("authority")(mark_authority)
mark.command("origin")(mark_origin)
mark.command("video")(mark_video)
detect.command("audio")(detect_audio)
detect.command("files")(detect_files)
detect.command("certificate")(detect_certificate)
detect.command("origin")(detect_origin)
detect.command("tampering")(detect_tampering)
detect.command("video")(detect_video)

IMAGE = "image-spread"
_ABSENT = "no mark found; that says nothing of who made it"
_UNSEEN = "note: the mark cannot be read back from this image ({p}): too small, flat or hard; a lower --psnr may help"

Published = Annotated[
    bool, typer.Option("--published", help="Try the published keys of every variant too, which anybody may use.")
]
Generator = Annotated[
    Path | None, typer.Option("--model", help="Generator that drew them, in this order: for marks in its noise.")
]

FirstDay = Annotated[
    datetime | None, typer.Option("--valid-from", formats=["%Y-%m-%d"], help="First day on which it marks anything.")
]
LastDay = Annotated[datetime | None, typer.Option("--valid-until", formats=["%Y-%m-%d"], help="Last such day.")]


def _day(at: datetime | None) -> str | None:
    return None if at is None else at.date().isoformat()


@mark.command("key")
def mark_key(
    file: Annotated[Path, typer.Argument(help="Key file to write, *.dokimasia-key; mode 600, never over a file.")],
    variant: Annotated[str, typer.Option("--variant", help="Which mark the key is for.")] = IMAGE,
    scope: Annotated[str, typer.Option("--scope", help="What the key is for, in your words.")] = "",
    valid_from: FirstDay = None,
    valid_until: LastDay = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for a mark, in an image or, by the variant's name, in text, sound or video.

    It finds what it marked on any day; the days say when it marks.
    """
    from audit import plugins
    from audit.watermarks.keys import make_mark_key, write_mark_key
    from audit.watermarks.text.keyed import new_text_key

    facts: dict[str, Any] = {"scope": scope, "valid_from": _day(valid_from), "valid_until": _day(valid_until)}
    if valid_from and valid_until and valid_until < valid_from:
        raise UsageError("mark key: valid until {last}, before {first}", last=_day(valid_until), first=_day(valid_from))
    kind = next((one for one in ("image_marks", "audio_marks", "video_marks") if variant in plugins.names(one)), None)
    if kind is not None and plugins.load(kind, variant).keyed:
        told = plugins.options_of(plugins.build(kind, variant, {})) if variant not in (IMAGE, AUDIO, VIDEO) else {}
        key = make_mark_key(variant, parameters=told, **facts)
    else:
        key = new_text_key(variant, **facts)
    write_mark_key(file, key)
    if as_json:
        print(json.dumps({"file": str(file), **key.told}))
    else:
        print(f"{file}: keep it to yourself; who has it can put the mark anywhere\n{key.commitment}")


@mark.command("text")
def mark_text(
    prompts: Annotated[list[str] | None, typer.Argument(metavar="PROMPT...", help="What to go on from.")] = None,
    *,
    model: Annotated[Path, typer.Option("--model", help="Causal language model: a folder, or a .gguf file.")],
    key: Annotated[Path | None, typer.Option("--key", help="Key file of a mark in text.")] = None,
    new_key: Annotated[Path | None, typer.Option("--new-key", help="Or a key file to write, *.dokimasia-key.")] = None,
    variant: Annotated[str, typer.Option("--variant", help="With --new-key: which mark.")] = "kgw-lefthash",
    file: Annotated[Path | None, typer.Option("--file", help="Prompts: a line each, or .jsonl with `prompt`.")] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", help="Length at which a text is cut.")] = 200,
    temperature: Annotated[float, typer.Option("--temperature", help="What logits are divided by.")] = 1.0,
    top_p: Annotated[float, typer.Option("--top-p", help="Draw from the likeliest tokens of this probability.")] = 1.0,
    seed: Annotated[int | None, typer.Option("--seed", help="For the same texts again; default: a new one.")] = None,
) -> None:
    """Write texts with a keyed mark, a JSON line each; of the key they hold id, variant and commitment."""
    import secrets

    from audit.plugins import open_model
    from audit.watermarks.text.given import prompts_of
    from audit.watermarks.text.writing import marked_lines

    asked: list[str] = [*(prompts or []), *(prompts_of(file) if file else [])]
    if not asked:
        raise UsageError("mark text: no prompt; give one or more, or --file")
    opened = open_model("causal_lm", path=str(model))  # before a new key is written, which a wrong folder would leave
    known, made = _text_key(key, new_key, variant)
    for weakness in getattr(made, "weaknesses", tuple)():
        print(clean(f"note: {weakness}"), file=sys.stderr)
    seed = secrets.randbits(32) if seed is None else seed
    how = {"max_tokens": max_tokens, "temperature": temperature, "top_p": top_p}
    for line in marked_lines(opened, asked, made, known, seed=seed, **how):
        print(line)


def _text_key(key: Path | None, new: Path | None, variant: str) -> tuple[MarkKey, TextWatermark]:
    """Return the key that one of the options names, and its mark."""
    from audit.watermarks.keys import write_mark_key
    from audit.watermarks.text.keyed import new_text_key, read_text_key

    if key is not None and new is None:
        known, made = read_text_key(key)
        valid_today(known, key)
        return known, made
    if new is None or key is not None:
        raise UsageError("mark text: name one key: --key FILE, or --new-key FILE with --variant NAME")
    write_mark_key(new, new_text_key(variant))
    return read_text_key(new)


@mark.command("image")
def mark_image(
    file: Annotated[Path | None, typer.Argument(help="Image: PNG, WebP, TIFF, BMP or JPEG; or --model.")] = None,
    *,
    key: Annotated[Path, typer.Option("--key", help="Key file; 'dokimasia mark key' makes one.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .png, .webp, .tif or .bmp, which lose nothing.")],
    payload: Annotated[str, typer.Option("--payload", help="Up to 8 hexadecimal digits that the mark carries.")] = "",
    psnr: Annotated[float, typer.Option("--psnr", help="Lower = stronger, in dB.")] = 42.2,
    model: Annotated[Path | None, typer.Option("--model", help="Or a generator that draws images with it.")] = None,
    count: Annotated[int, typer.Option("--count", help="With --model: how many, into the new folder --out.")] = 16,
    seed: Annotated[int | None, typer.Option("--seed", help="With --model: for the same images again.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="With --model: of a diffusion.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put the keyed mark into an image; what the file says beside its pixels is kept. Or into what a model draws."""
    if (file is None) == (model is None):
        raise UsageError("mark image: name one of both: an image, or --model FOLDER")
    if file is not None:
        _mark_file(file, key, out, payload, psnr, as_json)
        return
    import secrets

    from audit.cli.by_model import draw_marked, noise_key

    known, _ = noise_key(key)
    valid_today(known, key)
    drawn = secrets.randbits(32) if seed is None else seed
    names = draw_marked(cast("Path", model), key, out, count=count, seed=drawn, steps=steps)
    if as_json:
        print(json.dumps({"files": names, "key": known.told}))
    else:
        print(clean(f"{out}: {len(names)} images, in the order of their draws, marked with key {known.id}"))


def _mark_file(file: Path, key: Path, out: Path, payload: str, psnr: float, as_json: bool) -> None:
    import dataclasses

    import numpy as np

    from audit.files import write_out
    from audit.watermarks.image.files import file_of
    from audit.watermarks.image.spread import SpreadSpectrum, colours
    from detectors.provenance.image.reading import read

    secret, made_by = key_for(key, IMAGE, "images"), SpreadSpectrum(psnr, payload)
    valid_today(secret, key)
    require_other(out, file)
    shown = _picture(file)
    before = read(shown.pixels, secret.secret, search=False)
    if before.log10_p <= CERTAIN:
        raise UsageError("{file}: it carries the mark of this key already, payload {payload}; two of them would mix",
                         file=file, payload=before.payload.hex())  # fmt: skip
    made = made_by.marked(shown.pixels, secret.secret, levels=shown.levels)
    write_out(out, file_of(dataclasses.replace(shown, pixels=made), out.suffix))
    reached = -10 * float(np.log10(np.mean((colours(made).astype(float) - colours(shown.pixels)) ** 2)))
    after = read(made, secret.secret, search=False).log10_p
    if not after <= CERTAIN:
        p = "nothing to read" if np.isnan(after) else power(after)
        print(_UNSEEN.format(p=p), file=sys.stderr)
    print(COPIED.format(what="images"), file=sys.stderr)
    if as_json:
        print(json.dumps({"file": str(out), "key": secret.told, "payload": made_by.carried.hex(), "psnr": reached,
                          "read_back": bool(after <= CERTAIN)}))  # fmt: skip
    else:
        print(clean(f"{out}: marked with key {secret.id}, payload {made_by.carried.hex()}, PSNR {reached:.1f} dB"))


@detect.command("text")
def detect_text(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Texts; of .jsonl `text` of each line.")],
    model: Annotated[Path, typer.Option("--model", help="Language model whose tokenizer wrote them: a folder.")],
    keys: MarkKeys = None,
    published: Published = False,
    alpha: Alpha = 1e-6,
    as_json: AsJson = False,
) -> None:
    """Say of each text whose mark it carries, whole or in a passage; p counts every key. Exit code 2 if one is none."""
    from audit.plugins import open_model
    from audit.watermarks.text.finding import Sought, found_in, published_marks
    from audit.watermarks.text.given import texts_of
    from audit.watermarks.text.keyed import read_text_key

    require_alpha(alpha)
    sought = [Sought(key.told, made) for key, made in map(read_text_key, keys or [])]
    sought += published_marks() if published else []
    if not sought:
        raise UsageError("detect text: nothing to look for; name a --key, or --published")
    texts, broken = dict[str, str](), False
    for file in files:
        try:
            of_file = texts_of(file)
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
            continue
        texts |= {f"{file}:{at}" if len(of_file) > 1 else str(file): one for at, one in enumerate(of_file, 1)}
    reader = open_model("causal_lm", path=str(model))
    found = found_in([*texts.values()], sought, reader, alpha)
    told = [{"text": name, **one} for name, one in zip(texts, found, strict=True)]
    print(json.dumps(told) if as_json else "\n".join(clean(_text_line(one)) for one in told))
    if broken:
        raise typer.Exit(USAGE)


def _text_line(told: dict[str, Any]) -> str:
    """Return what was found in a text, in a line."""
    if told["found"] is None:
        return f"{told['text']}: cannot tell: nothing in it can be tested"
    p = f"p = {told['p_value']:.2g}, {told['tried']} readings counted, {told['scored']} tokens scored"
    if told["found"]:
        where = "tokens {} to {}".format(*told["passage"]) if "passage" in told else "the whole text"
        carried = f", message {told['message']}," if "message" in told else ""
        return f"{told['text']}: {told['key']['variant']} of key {told['key']['id']}{carried} in {where} ({p})"
    more = told["more"]
    short = f"; if it is there, about {more:,} more tokens would show it" if more else ""
    return f"{told['text']}: {_ABSENT}{short} ({p})"


@detect.command("image")
def detect_image(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Images.")],
    keys: Keys,
    alpha: Alpha = 1e-6,
    as_they_stand: AsTheyStand = False,
    model: Generator = None,
    as_json: AsJson = False,
) -> None:
    """Say of each image whose mark it carries, with an exact p-value and the payload; exit code 2 if one is none."""
    from detectors.provenance.image.reading import read_all

    require_alpha(alpha)
    if model is not None:
        from audit.cli.by_model import seek_together

        if not seek_together(files, model, keys, alpha, as_json):
            raise typer.Exit(USAGE)
        return

    def read(file: Path, secrets: list[bytes]) -> tuple[dict[str, Any], list[ImageReading]]:
        return {}, read_all(_picture(file).pixels, secrets, search=not as_they_stand)

    detect_in(
        files, [key_for(one, IMAGE, "images") for one in keys], read, placed, line=standing,
        unreadable="too small or too flat to hold a mark", alpha=alpha, as_json=as_json,
    )  # fmt: skip


def _picture(file: Path) -> Picture:
    from audit.files import decoding
    from audit.watermarks.image.files import picture_of

    def read(data: BinaryIO, place: Path) -> Picture:
        with decoding(data, place) as image:
            return picture_of(image, place)

    return opened(file, read)
