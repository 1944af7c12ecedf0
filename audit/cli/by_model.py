"""`mark image --model` and `detect image --model`: marks in the noise that an image generator begins with.

    key -> noise -> the model's image, in a file of its own, numbered in the order of the draws
    files, in that order -> the noise that leads to each -> p of each file, and one p of all of them together

Of a small model one image says little: what counts is all together, `MarksNoise.together`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from audit.errors import DokimasiaError, ModelError, UsageError, clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.model import CanStart
    from audit.watermarks.image import MarksNoise
    from audit.watermarks.keys import MarkKey

__all__ = ["draw_marked", "noise_key", "seek_together"]

_MADE = "trainedAlgorithmicMedia"
_MOST = 1 << 16
_LEVELS = 256


def noise_key(file: Path) -> tuple[MarkKey, MarksNoise]:
    """Return the key in a file and its mark, which is one in noise; raises UsageError."""
    from audit import plugins
    from audit.watermarks.image import MarksNoise
    from audit.watermarks.keys import read_mark_key

    key = read_mark_key(file)
    known = key.variant in plugins.names("image_marks")
    mark = plugins.build("image_marks", key.variant, dict(key.parameters)) if known else None
    if not isinstance(mark, MarksNoise):
        raise UsageError("{file}: a key of {variant}; a model marks what it draws with gaussian-shading or tree-ring",
                         file=file, variant=key.variant)  # fmt: skip
    return key, mark


def draw_marked(folder: Path, key_file: Path, out: Path, *, count: int, seed: int, steps: int | None) -> list[str]:
    """Draw so many images with the mark of a key into a new folder; return the files, in the order of the draws.

    Each is a PNG that names IPTC's source type, and nothing of the key. Raises UsageError, ModelError.
    """
    import io

    from PIL import Image

    from audit.files import write_out
    from audit.watermarks.origin.containers import with_xmp
    from audit.watermarks.origin.xmp import packet_with

    if not 1 <= count <= _MOST:
        raise UsageError("--count is {count}; allowed: 1 to {most}", count=count, most=_MOST)
    key, mark = noise_key(key_file)
    model = _generator(folder)
    noise = mark.begun(model.noise_shape, key.secret, seed=seed, numbers=range(count))
    how: dict[str, Any] = {} if steps is None else {"steps": steps}
    drawn = model.sample_from(noise, seed=seed, **how)
    if out.exists():
        raise UsageError("--out {folder}: there already; name a new folder", folder=out)
    out.mkdir(parents=True)
    names = [str(out / f"{number:0{len(str(count))}}.png") for number in range(count)]
    packet = packet_with(None, source=_MADE, aigc=None)
    for name, one in zip(names, drawn, strict=True):
        made = io.BytesIO()
        Image.fromarray(_bytes_of(one.content, _levels(model))).save(made, "PNG")
        write_out(Path(name), with_xmp(made.getvalue(), packet))
    return names


def seek_together(
    files: Sequence[Path], folder: Path, key_files: Sequence[Path], alpha: float, as_json: bool
) -> bool:
    """Print what each file, and all of them in this order together, say of each key; return whether all were read."""
    from audit import plugins

    known, model = [noise_key(one) for one in key_files], _generator(folder)
    read, items, broken = list[Path](), list[Any](), False
    for file in files:
        try:
            items.append(_item_of(file, model))
            read.append(file)
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
    found = [*plugins.load("procedures", "starting_noise")(model, items)] if items else list[Any]()
    rows = [{"file": str(file), **_least(known, [one], alpha)} for file, one in zip(read, found, strict=True)]
    joint = _least(known, found, alpha) if len(rows) > 1 else None
    if as_json:
        print(json.dumps({"images": rows, "together": joint}))
    else:
        lines = [f"{row['file']}: {_said(row, 1)}" for row in rows]
        lines += [f"all {len(rows)} together: {_said(joint, len(rows))}"] if joint is not None else []
        print("\n".join(map(clean, lines)))
    return not broken


def _least(known: Sequence[tuple[MarkKey, MarksNoise]], found: Sequence[NDArray[Any]], alpha: float) -> dict[str, Any]:
    """Return what the likeliest key says of the noise behind images, every key counted."""
    read = [(mark.together(found, [key.secret])[0].log10_p, key) for key, mark in known]
    read = [one for one in read if not math.isnan(one[0])]
    if not read:
        return {"found": None, "keys": len(known)}
    least, key = min(read, key=lambda one: one[0])
    log10_p = min(0.0, least + math.log10(len(known)))
    there = log10_p <= math.log10(alpha)
    told = {"found": there, "log10_p": log10_p, "keys": len(known)}
    if there:
        return {**told, "key": key.told}
    wanted = len(found) * math.log10(alpha) / log10_p if log10_p < -0.5 else math.inf
    return {**told, "more": math.ceil(wanted) - len(found) if wanted < _MOST else None}


def _said(told: dict[str, Any], images: int) -> str:
    if told["found"] is None:
        return "cannot tell: no noise is found behind it"
    p = f"p = 1e{told['log10_p']:.1f}, {told['keys']} key{'s' * (told['keys'] > 1)} counted"
    if told["found"]:
        return f"mark of key {told['key']['id']} ({p})"
    more = f"; if it is there, about {told['more']:,} more images would show it" if told["more"] else ""
    return f"no mark found; that says nothing of who made {'it' if images == 1 else 'them'}{more} ({p})"


def _generator(folder: Path) -> CanStart:
    """Return the model in a folder; UsageError for one that begins with no noise that can be put in."""
    from audit.model import CanStart
    from audit.plugins import open_model
    from audit.reference import family_of

    model = open_model(family_of(str(folder)), path=str(folder))
    if not isinstance(model, CanStart):
        raise UsageError("--model {folder}: a model of {family}, which begins with no noise that can be put in and "
                         "found again", folder=folder, family=model.family)  # fmt: skip
    return model


def _levels(model: Any) -> int:
    """Return how many levels a pixel of the model has."""
    network = getattr(model, "network", model)
    return int(getattr(getattr(network, "autoencoder", network), "levels", _LEVELS))


def _bytes_of(content: Any, levels: int) -> NDArray[np.uint8]:
    """Return a draw, whole levels or numbers of -1 to 1, as [row, column] or [row, column, channel] of 0 to 255."""
    import numpy as np

    image = np.asarray(content)
    share = (image + 1) / 2 if image.dtype.kind == "f" else image / (levels - 1)
    whole = np.rint(255 * share).astype(np.uint8)
    return whole if whole.ndim == 2 else whole[0] if len(whole) == 1 else np.moveaxis(whole, 0, 2)


def _item_of(file: Path, model: CanStart) -> NDArray[Any]:
    """Return the image in a file as the model takes it: in whole levels, else in numbers of -1 to 1."""
    import numpy as np

    from audit.files import decoding, open_regular
    from audit.watermarks.image.files import picture_of

    try:
        with open_regular(file) as data, decoding(data, file) as image:
            pixels = picture_of(image, file).pixels
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=file, problem=error.strerror) from None
    planes = pixels if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
    whole = np.rint(planes * (_levels(model) - 1)).astype(int)
    try:
        model.prepare([whole])
    except ModelError:
        signed = (2 * (planes if planes.ndim == 3 else planes[None]) - 1).astype(np.float32)
        cast("Any", model).prepare([signed])
        return signed
    return whole
