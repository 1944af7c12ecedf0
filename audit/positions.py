"""YAML that is data and nothing else, with the place of every value.

Plans are untrusted: anchors, aliases, tags, duplicate keys, more than 1 MB and more than 20 levels are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from audit.errors import PlanError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Place", "Placed", "read_yaml"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
Place = tuple[str | int, ...]
"""Keys and positions from the top of the document to a value."""


@dataclass(frozen=True)
class Placed:
    """A YAML document as Python data, with line and column of every key and value."""

    name: str
    data: Any
    marks: dict[Place, tuple[int, int]] = field(repr=False)

    def at(self, place: Place) -> str:
        """Return `file:line:column` of a value, or of the nearest value that holds it."""
        while place and place not in self.marks:
            place = place[:-1]
        line, column = self.marks.get(place, (1, 1))
        return f"{self.name}:{line}:{column}"

    def line(self, place: Place) -> int:
        """Return the line, counted from 1, of a value or of what holds it."""
        return int(self.at(place).rsplit(":", 2)[1])


class _Reader:
    """Turns events' nodes into data, gathering every mistake."""

    def __init__(self, name: str) -> None:
        self.name, self.marks, self.problems = name, dict[Place, tuple[int, int]](), list[str]()
        self._construct = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.marks.setdefault(place, _mark(node))
        if len(place) > MAX_DEPTH:
            self._wrong(node, f"deeper than {MAX_DEPTH} levels")
            return None
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, place))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*place, index)) for index, child in enumerate(node.value)]
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._wrong(node, f"tag {node.tag!r}; a plan holds plain values only")
            return None
        try:
            value = self._construct.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self._wrong(node, str(error).splitlines()[0])
            return None
        if not isinstance(value, (str, int, float, bool, type(None))):
            value = str(node.value)
        return self._text(value, node) if isinstance(value, str) else value

    def _text(self, value: str, node: yaml.Node) -> str:
        """Return the text with the two halves of a character, written as JSON writes them, put together."""
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._wrong(node, "half a character; a surrogate stands alone")
            return ""

    def _pairs(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
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


def read_yaml(text: str, name: str) -> Placed:
    """Parse `text`; raises PlanError with `name:line:column: message` for every mistake."""
    if len(text.encode()) > MAX_BYTES:
        raise PlanError([f"{name}:1:1: {len(text.encode()):,} bytes; a plan has at most {MAX_BYTES:,}"])
    try:
        _refuse_anchors(text, name)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise PlanError([f"{name}:{line}:{column}: not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise PlanError([f"{name}:1:1: not YAML: {str(error).splitlines()[0]}"]) from None
    if node is None:
        raise PlanError([f"{name}:1:1: the file is empty; see 'dokimasia init'"])
    reader = _Reader(name)
    data = reader.value(node, ())
    if reader.problems:
        raise PlanError(reader.problems)
    return Placed(name, data, reader.marks)


def _refuse_anchors(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PlanError(
                [f"{_place(event, name)}: anchors and aliases are not allowed in a plan; write the value out"]
            )
        if depth > MAX_DEPTH:
            raise PlanError([f"{_place(event, name)}: deeper than {MAX_DEPTH} levels"])


def _place(event: yaml.Event, name: str) -> str:
    mark = event.start_mark
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else f"{name}:1:1"
