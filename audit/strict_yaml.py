"""Files that people write, plans and policies: YAML that is data, and every mistake of it at once, with its place.

    read_yaml(read_text(path, advice), name) -> Document     the text with the place of every value, or why not
    mistakes(error, document, spec)      file:line:column: what is wrong, what is allowed, did you mean

Keys are strict: one that a spec does not know is a mistake. Plans are untrusted: anchors, aliases, tags, duplicate
keys, whole numbers beyond 64 bits, more than 1 MB, 20 levels or 20,000 values are refused, each before anything is
built of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NoReturn, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from audit.errors import PlanError, did_you_mean
from audit.files import read_regular
from detectors.immutable import immutable

__all__ = [
    "MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "Document", "KeyPath", "StrictModel", "by_line", "check_bounds",
    "error_text", "mistakes", "read_text", "read_yaml",
]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_VALUES = 20_000
"""Keys and values of a document."""
_LONGEST_NUMBER = 100
"""Characters; a longer one can take minutes to read."""
_PLAIN = {"str", "int", "float", "bool", "null", "timestamp", "value", "merge"}
_TAG = "tag:yaml.org,2002:"
KeyPath = tuple[str | int, ...]
"""Keys and positions from the top of the document to a value."""


@immutable
class Document:
    """A YAML document as Python data, with line and column of every key and value."""

    name: str
    data: Any
    marks: dict[KeyPath, tuple[int, int]] = field(repr=False)

    def at(self, place: KeyPath) -> str:
        """Return `file:line:column` of a value, or of the nearest value that holds it."""
        while place and place not in self.marks:
            place = place[:-1]
        line, column = self.marks.get(place, (1, 1))
        return f"{self.name}:{line}:{column}"

    def line(self, place: KeyPath) -> int:
        """Return the line, counted from 1, of a value or of what holds it."""
        return int(self.at(place).rsplit(":", 2)[1])


class _Reader:
    """Turns events' nodes into data, gathering every mistake."""

    def __init__(self, name: str) -> None:
        self.name, self.marks, self.problems = name, dict[KeyPath, tuple[int, int]](), list[str]()
        self._construct = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, place: KeyPath) -> Any:
        self.marks.setdefault(place, _mark(node))
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._pairs(node, place))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(child, (*place, index)) for index, child in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode) or node.tag.removeprefix(_TAG) not in _PLAIN:
            self._wrong(node, f"tag {node.tag!r}; a plan holds plain values only")
            return None
        value = self._scalar(node)
        return self._text(value, node) if isinstance(value, str) else value

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind in ("int", "float") and len(text) > _LONGEST_NUMBER:
            self._wrong(node, f"a number of {len(text):,} characters; allowed: {_LONGEST_NUMBER}")
            return None
        try:
            value = self._construct.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError):
            self._wrong(node, f"got {text[:60]!r}; allowed: what its tag !!{kind} stands for")
            return None
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            self._wrong(node, f"got {text[:60]}; allowed: whole numbers of 64 bits")
            return None
        return value if isinstance(value, (str, int, float, bool, type(None))) else text

    def _text(self, value: str, node: yaml.Node) -> str:
        """Return the text with the two halves of a character, written as JSON writes them, put together."""
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._wrong(node, "half a character; a surrogate stands alone")
            return ""

    def _pairs(self, node: yaml.MappingNode, place: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(key_node, "a key is a text")
                continue
            key = self._text(str(key_node.value), key_node)
            if key in seen:
                self._wrong(key_node, f"key {key!r} stands twice")
            seen.add(key)
            self.marks[(*place, key)] = _mark(key_node)
            yield key, self.value(value_node, (*place, key))

    def _wrong(self, node: yaml.Node, what: str) -> None:
        line, column = _mark(node)
        self.problems.append(f"{self.name}:{line}:{column}: {what}")


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def read_yaml(text: str, name: str) -> Document:
    """Parse `text`; raises PlanError with `name:line:column: message` for every mistake."""
    if len(text.encode()) > MAX_BYTES:
        raise PlanError([f"{name}:1:1: {len(text.encode()):,} bytes; a plan has at most {MAX_BYTES:,}"])
    try:
        node = _Loader(text, name).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PlanError([f"{name}:{line}:{column}: not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise PlanError([f"{name}:1:1: not YAML: {' '.join(str(error).split())[:200]}"]) from None
    if node is None:
        raise PlanError([f"{name}:1:1: the file is empty; see 'dokimasia init'"])
    reader = _Reader(name)
    data = reader.value(node, ())
    if reader.problems:
        raise PlanError(reader.problems)
    return Document(name, data, reader.marks)


class _Loader(yaml.SafeLoader):
    """Composes nodes, and stops at the first that no plan may hold."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self._file, self._depth, self._count = name, 0, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth, self._count = self._depth + 1, self._count + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, "anchors and aliases are not allowed in a plan; write the value out")
        if self._depth > MAX_DEPTH + 1:
            self._refuse(event, f"deeper than {MAX_DEPTH} levels")
        if self._count > MAX_VALUES:
            self._refuse(event, f"more than {MAX_VALUES:,} keys and values")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, event: yaml.Event, what: str) -> NoReturn:
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PlanError([f"{self._file}:{line}:{column}: {what}"])


class StrictModel(BaseModel):
    """Frozen; unknown keys and values of another type are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True,
    )


def check_bounds(at_least: float | None, at_most: float | None) -> None:
    """Raise ValueError where a limit has no bound, or bounds that nothing can keep."""
    if at_most is None and at_least is None:
        raise ValueError("a limit needs at_most, at_least or both")
    if at_most is not None and at_least is not None and at_least > at_most:
        raise ValueError(f"at_least {at_least:g} is above at_most {at_most:g}")


def read_text(path: str | Path, advice: str) -> str:
    """Return a file's text; PlanError, with `advice` where the file is not there."""
    try:
        return read_regular(path, MAX_BYTES).decode()
    except FileNotFoundError:
        raise PlanError([f"{path}: no such file; {advice}"]) from None
    except OSError as error:
        raise PlanError([f"{path}: cannot be read ({error.strerror})"]) from None
    except ValueError as error:  # not UTF-8, or no path at all
        raise PlanError([f"{path}: cannot be read ({error})"]) from None


def mistakes(error: ValidationError, document: Document, spec: type[BaseModel]) -> list[str]:
    """Return every mistake that a spec found in a document, in the order of its lines."""
    return sorted((f"{document.at(one['loc'])}: {error_text(one, spec)}" for one in error.errors()), key=by_line)


def by_line(problem: str) -> tuple[int, int]:
    """Return line and column of a problem, for sorting."""
    found = re.search(r":(\d+):(\d+): ", problem)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def error_text(error: Mapping[str, Any], spec: type[BaseModel]) -> str:
    """Return a pydantic error as one line: what is wrong, what is allowed."""
    loc: KeyPath = error["loc"]
    key = ".".join(str(part) for part in loc if not isinstance(part, int)) or "plan"
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key {loc[-1]!r}{did_you_mean(str(loc[-1]), _keys_of(loc, spec))}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "string_pattern_mismatch":
        return f"{key}: got {error['input']!r}; allowed: small letters, digits, '-' and '_', at most 64"
    if kind == "value_error":
        return f"{key}: {context.get('error', error['msg'])}"
    return f"{key}: got {error['input']!r}; {error['msg'][0].lower()}{error['msg'][1:]}{_as_number(error)}"


def _as_number(error: Mapping[str, Any]) -> str:
    """Return how a number is written that YAML takes for a text, as it does `2e9`: with a point and a sign."""
    found = re.fullmatch(r"([-+]?\d+)(\.\d*)?e([-+]?)(\d+)", str(error["input"]), re.IGNORECASE)
    if found is None or error["type"] not in ("float_type", "int_type"):
        return ""
    whole, part, sign, power = found.groups()
    meant = f"{whole}{part or '.0'}e{sign or '+'}{power}"
    return f" (did you mean {meant}?)" if math.isfinite(float(meant)) else "; it is too large for a number"


def _keys_of(loc: KeyPath, spec: type[BaseModel]) -> Iterator[str]:
    """Return the keys that are allowed where the last part of `loc` stands."""
    for part in loc[:-1]:
        field = spec.model_fields.get(str(part))
        spec = next(_specs_in(field.annotation), spec) if field is not None else spec
    return iter(spec.model_fields)


def _specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _specs_in(inner)
