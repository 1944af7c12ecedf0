"""`dokimasia detect FILE...`: everything that may tell where files come from, sought in them at once.

    p = 1 - (1 - least p)^n        n readings in all: keys, variants, whole texts and passages, over all the files

So the chance that any file of a call is said to carry a mark that it does not carry is at most `--alpha`. Signed
origin, IPTC's source type and the AIGC label are read beside; they have no p, and each holds or does not.

Exit code 0: something was found in every file; 3: in one of them nothing was, which says nothing of who made it; 1: one
was altered, or contradicts itself; 2: one could not be read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.groups import Group
from audit.cli.mark_files import require_alpha
from audit.cli.options import Alpha, AsJson, MarkKeys
from audit.cli.origin import Anchor, Purposes, origin_line, origin_told, read_file
from audit.errors import DokimasiaError, clean
from audit.exit_codes import FAILED, INCONCLUSIVE, PASSED, USAGE

if TYPE_CHECKING:
    from audit.probes.provenance.files import FileReader
    from audit.watermarks.text.finding import Sought

__all__ = ["FilesByDefault", "detect_files"]

_NOTHING = "nothing found; that says nothing of who made it"
_NOT_SOUGHT = "no mark sought in it: {why}"
_A = {"image": "an image", "audio": "a sound", "video": "a video"}


class FilesByDefault(Group):
    """Commands of `detect`, of which `files` is the one where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `files` before arguments that begin with no command."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["files", *args]
        return list(super().parse_args(ctx, args))


@dataclass
class _One:
    """A file, or a text of several in one, and what it is asked."""

    name: str
    kind: str
    data: bytes = b""
    text: str | None = None
    told: dict[str, Any] = field(default_factory=dict)


Published = Annotated[bool, typer.Option("--published", help="Try the published keys of every mark in texts too.")]
TokenizerOf = Annotated[
    Path | None, typer.Option("--model", help="Language model whose tokenizer wrote the texts: a folder.")
]


def detect_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Texts, .jsonl, images, sounds, videos, any.")],
    keys: MarkKeys = None,
    published: Published = False,
    model: TokenizerOf = None,
    anchor: Anchor = None,
    purposes: Purposes = None,
    alpha: Alpha = 1e-6,
    as_json: AsJson = False,
) -> None:
    """Say of each file which marks, signed origin and labels it carries; p counts all that was tried in all files.

    Exit code 0: something found in every file; 3: nothing in one; 1: one altered, or against itself; 2: one unreadable.
    """
    from audit.probes.provenance.files import FileReader, keys_of
    from audit.watermarks.text.finding import published_marks

    require_alpha(alpha)
    others, texts = keys_of(keys or [])
    sought = [*texts, *(published_marks() if published else [])]
    given, broken = _given(files)
    in_texts, anchors = 2 * len(sought) * (model is not None), b"" if anchor is None else read_file(anchor)
    with FileReader(anchors, purposes or (), keys=others, alpha=1.0) as reader:  # alpha is for all files, below
        tried = sum(in_texts if one.kind == "text" else len(reader.keys_for(one.kind)) for one in given)
        _seek_texts(given, sought, model, alpha, tried)
        for one in given:
            one.told = {"file": one.name, "kind": one.kind, **_beside(one, reader, alpha, tried), **one.told}
    told = [_concluded(one.told, tried) for one in given]
    print(json.dumps(told) if as_json else "\n".join(clean(_line(one)) for one in told))
    raise typer.Exit(USAGE if broken or any(map(_unread, told)) else _code(told))


def _given(files: Sequence[Path]) -> tuple[list[_One], bool]:
    """Return the files, each text of a .jsonl by itself, and whether one could not be read; it is told on stderr."""
    from audit.probes.provenance.outputs import kind_of
    from audit.watermarks.text.given import texts_of

    found, broken = list[_One](), False
    for file in files:
        try:
            data = read_file(file)
            kind = "text" if file.suffix == ".jsonl" else kind_of(data, file.name)
            if kind != "text":
                found.append(_One(str(file), kind, data))
                continue
            texts = texts_of(file)
            names = [f"{file}:{at}" for at in range(1, len(texts) + 1)] if len(texts) > 1 else [str(file)]
            found += [_One(name, kind, text=text) for name, text in zip(names, texts, strict=True)]
        except DokimasiaError as error:
            print(clean(str(error)), file=sys.stderr)
            broken = True
    return found, broken


def _seek_texts(given: Sequence[_One], sought: Sequence[Sought], model: Path | None, alpha: float, tried: int) -> None:
    """Seek the marks in the texts; without a tokenizer or a key none is sought."""
    from audit.plugins import open_model
    from audit.watermarks.text.finding import found_in

    texts = [one for one in given if one.text is not None]
    if not texts or not sought or model is None:
        why = "name a --key, or --published" if not sought else "name the --model whose tokenizer wrote it"
        for one in texts:
            one.told = {"mark": None, "not_sought": why}
        return
    own = 2 * len(sought)
    reader = open_model("causal_lm", path=str(model))
    found = found_in([str(one.text) for one in texts], sought, reader, -math.expm1(own / tried * math.log1p(-alpha)))
    for one, told in zip(texts, found, strict=True):
        if "p_value" in told:
            p_value = told["p_value"]
            told["p_value"] = 1.0 if p_value >= 1 else -math.expm1(tried / own * math.log1p(-p_value))
        one.told = {"mark": {**told, "tried": tried}}


def _beside(one: _One, reader: FileReader, alpha: float, tried: int) -> dict[str, Any]:
    """Return what a file that is no text says of its origin, and the mark in it where it may carry one."""
    from audit.probes.provenance.files import FileMark, said

    if one.text is not None:
        return {"origin": None, "conflict": False}
    origin, keys = reader.origin(one.data, one.name), reader.keys_for(one.kind)
    mark = reader.mark(one.data, one.name) if keys else None
    if mark is not None and mark.log10_p is not None:
        log10_p = min(0.0, mark.log10_p + math.log10(tried / len(keys)))
        mark = FileMark(log10_p, mark.key if log10_p <= math.log10(alpha) else None)
    found: dict[str, Any] = {
        "origin": origin_told(Path(one.name), origin), "conflict": said(origin, mark)["conflict"], "mark": None
    }  # fmt: skip
    if mark is None:
        why = "name a --key" if one.kind in _A else "no mark of such files is known"
        return {**found, "not_sought": f"it cannot be decoded as {_A[one.kind]}" if keys else why}
    if mark.log10_p is None:
        return {**found, "mark": {"found": None, "tried": tried}}
    key = next((key.told for key in keys if key.id == mark.key), None)
    found["mark"] = {"found": key is not None, "log10_p": mark.log10_p, "tried": tried, **({"key": key} if key else {})}
    return found


def _concluded(told: dict[str, Any], tried: int) -> dict[str, Any]:
    """Return what is said of a file with whether anything was found in it."""
    origin, mark = told["origin"], told.get("mark")
    layers = origin is not None and (
        origin["state"] in ("Trusted", "Valid") or origin["aigc"] is not None or bool(origin["source_types"])
    )
    return {**told, "found": bool(layers or (mark and mark["found"])), "tried": tried}


def _unread(told: dict[str, Any]) -> bool:
    """Tell whether a file could not be read and nothing else was found in it."""
    return told["origin"] is not None and told["origin"]["state"] is None and not told["found"]


def _code(told: Sequence[dict[str, Any]]) -> int:
    if any(one["conflict"] or (one["origin"] or {}).get("state") == "Invalid" for one in told):
        return FAILED
    return PASSED if told and all(one["found"] for one in told) else INCONCLUSIVE


def _line(told: dict[str, Any]) -> str:
    """Return what was found in a file, in a line."""
    parts = [] if told["origin"] is None else [origin_line(told["origin"]).removeprefix(f"{told['file']}: ")]
    parts.append(_mark_line(told))
    if told["conflict"] and not told["origin"]["conflict"]:
        parts.append("CONFLICT: the mark says model, its metadata do not")
    return f"{told['file']}: {'; '.join(parts)}" + ("" if told["found"] or _unread(told) else f" ({_NOTHING})")


def _mark_line(told: dict[str, Any]) -> str:
    mark = told.get("mark")
    if mark is None:
        return _NOT_SOUGHT.format(why=told["not_sought"])
    if mark["found"] is None:
        return "cannot tell: nothing in it can be tested for a mark"
    p = f"{mark['p_value']:.2g}" if "p_value" in mark else f"1e{mark['log10_p']:.1f}"
    counted = f"p = {p}, {told['tried']} readings counted"
    if not mark["found"]:
        more = f"; if it is there, about {mark['more']:,} more tokens would show it" if mark.get("more") else ""
        return f"no mark found{more} ({counted})"
    where = " in tokens {} to {}".format(*mark["passage"]) if "passage" in mark else ""
    return f"{mark['key']['variant']} of key {mark['key']['id']}{where} ({counted})"
