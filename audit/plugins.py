"""Parts by name: models, data sources, probes, reports and commands, ours through the same door as everybody's.

A part is named by an entry point in one of the groups below. Models, data sources, probes, trainers and marks are
frozen dataclasses whose fields are their options; importing the module that an entry point names is light.
"""

from __future__ import annotations

import ast
import dataclasses
import gc
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from audit.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "CONFIGURED",
    "GROUPS",
    "adapter_of",
    "build",
    "field_notes",
    "importing",
    "load",
    "name_of",
    "named_parts",
    "names",
    "open_model",
    "options_of",
    "path_fields",
    "rebuild",
    "summary",
]

GROUPS = {
    "models": "dokimasia.models",
    "data": "dokimasia.data",
    "importers": "dokimasia.importers",
    "probes": "dokimasia.probes",
    "procedures": "dokimasia.procedures",
    "trainers": "dokimasia.trainers",
    "watermarks": "dokimasia.watermarks",
    "image_marks": "dokimasia.image_marks",
    "audio_marks": "dokimasia.audio_marks",
    "video_marks": "dokimasia.video_marks",
    "reports": "dokimasia.reports",
    "figures": "dokimasia.figures",
    "comparisons": "dokimasia.comparisons",
    "commands": "dokimasia.commands",
    "words": "dokimasia.words",
    "sentences": "dokimasia.sentences",
    "frameworks": "dokimasia.frameworks",
}
CONFIGURED = ("models", "data", "probes", "trainers", "watermarks", "image_marks", "audio_marks", "video_marks")
"""Kinds of parts that a plan, or a fit plan, sets options of: frozen dataclasses."""
_SINGULAR = {
    "models": "model", "data": "data source", "importers": "importer", "probes": "probe", "procedures": "procedure",
    "trainers": "trainer", "watermarks": "watermark", "image_marks": "mark in images", "audio_marks": "mark in sound",
    "video_marks": "mark in video", "reports": "report", "figures": "figure", "comparisons": "report of a comparison",
    "commands": "command", "words": "words", "sentences": "sentences", "frameworks": "framework",
}


@cache
def _installed() -> Any:
    """Read what is installed once: it takes as long for one group as for all."""
    return entry_points()


@cache
def _group(kind: str) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in sorted(_installed().select(group=GROUPS[kind]))}


def names(kind: str) -> list[str]:
    """Return the names of all installed parts of a kind (a key of `GROUPS`), sorted, without importing them."""
    return list(_group(kind))


@contextmanager
def importing() -> Iterator[None]:
    """Look for no rubbish among many parts that are imported, then or later: they stay, and looking takes time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def load(kind: str, name: str) -> Any:
    """Return the class or function that an entry point names; UsageError says which names there are."""
    found = _group(kind).get(name)
    if found is None:
        raise UsageError(f"unknown {_SINGULAR[kind]} {name!r}{did_you_mean(name, names(kind))}")
    try:
        return found.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{_SINGULAR[kind]} {name!r} of {_owner(found)} cannot be imported: {error}") from error


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def name_of(kind: str, part: object) -> str:
    """Return the name by which a plan names this part; the name of its class where no entry point does."""
    home = f"{type(part).__module__}:{type(part).__qualname__}"
    return next((name for name, point in _group(kind).items() if point.value == home), type(part).__qualname__)


def summary(kind: str, name: str) -> str:
    """Return the first line of a part's docstring."""
    return (inspect.getdoc(load(kind, name)) or "").partition("\n")[0]


def build(kind: str, name: str, options: Mapping[str, Any]) -> Any:
    """Return the part with these options; raises UsageError, or pydantic's ValidationError with all wrong types."""
    part = load(kind, name)
    allowed = [field.name for field in dataclasses.fields(part)]
    for key in options:
        if key not in allowed:
            raise UsageError(f"unknown option {key!r} of {_SINGULAR[kind]} {name!r}{did_you_mean(key, allowed)}")
    return adapter_of(part).validate_json(json.dumps(dict(options), default=str), strict=True)


@cache
def adapter_of(part: type) -> TypeAdapter[Any]:
    """Return what reads a part from its options, made once: that takes far longer than reading."""
    from pydantic import TypeAdapter

    return TypeAdapter(part)


def open_model(use: str, **options: Any) -> Any:
    """Open a model by the name of its adapter: `open_model("causal_lm", path="./model").trace(["A text."])`."""
    return build("models", use, options).open()


def path_fields(part: type | object) -> list[str]:
    """Return the option names that hold a file or folder, or a list of them."""
    return list(_path_fields(part if isinstance(part, type) else type(part)))


@cache
def _path_fields(part: type) -> tuple[str, ...]:
    hints = get_type_hints(part)
    return tuple(field.name for field in dataclasses.fields(part) if "Path" in str(hints[field.name]))


def named_parts(part: type) -> dict[str, str]:
    """Return option -> kind of the part that it names with `use`, as `field(metadata={"part": "watermarks"})` says."""
    return {one.name: one.metadata["part"] for one in dataclasses.fields(part) if "part" in one.metadata}


def options_of(part: Any) -> dict[str, Any]:
    """Return a part's options as JSON data, the same wherever its files lie: a path keeps only its last name.

    An option of a field with `metadata={"later": True}` is left out at its default, one with `{"before": value}` at
    that value: what was frozen before there was such an option stays what it was.
    """
    paths = set(path_fields(part))
    options = {
        field.name: value
        for field in dataclasses.fields(part)
        if (value := getattr(part, field.name)) != _before(field)
    }
    return {
        key: _names(value) if key in paths and value is not None else json.loads(json.dumps(value, default=str))
        for key, value in options.items()
    }


def rebuild(kind: str, name: str, options: Mapping[str, Any]) -> Any:
    """Return the part that `options_of` told, as it was then: an option that came later has its value of before."""
    fields = dataclasses.fields(load(kind, name))
    before = {one.name: one.metadata["before"] for one in fields if "before" in one.metadata}
    return build(kind, name, before | dict(options))


def _before(field: dataclasses.Field[Any]) -> Any:
    """Return what held before there was such an option; MISSING, which equals nothing, where it was always there."""
    return field.default if field.metadata.get("later") else field.metadata.get("before", dataclasses.MISSING)


def _names(value: Any) -> Any:
    """Return the last name of a path, or of each of several."""
    return Path(value).name if isinstance(value, str | Path) else [Path(one).name for one in value]


def field_notes(part: type) -> dict[str, str]:
    """Return option, or field of a pydantic model -> the sentence that stands under it in the source."""
    notes: dict[str, str] = {}
    for owner in reversed(part.__mro__):
        if inspect.get_annotations(owner) and owner.__module__.partition(".")[0] != "pydantic":
            notes.update(_notes_in(owner.__module__).get(owner.__qualname__, {}))
    return notes


@cache
def _notes_in(module: str) -> dict[str, dict[str, str]]:
    """Return class -> option -> the sentence under it; read once, as hundreds of classes are asked for one by one."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, SyntaxError, TypeError):  # a notebook's, or one without a file
        return {}
    return {one.name: dict(_notes_of(one)) for one in tree.body if isinstance(one, ast.ClassDef)}


def _notes_of(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for first, second in pairwise(owner.body):
        if isinstance(first, ast.AnnAssign) and isinstance(first.target, ast.Name) and isinstance(second, ast.Expr):
            value = second.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield first.target.id, " ".join(value.value.split())
