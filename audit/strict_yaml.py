"""YAML that is data and nothing else, with the place of every value.

Plans are untrusted: anchors, aliases, tags, duplicate keys, whole numbers beyond 64 bits, more than 1 MB, 20 levels or
20,000 values are refused, each before anything is built of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from audit.errors import PlanError

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "Place", "Placed", "read_yaml"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_VALUES = 20_000
"""Keys and values of a document."""
_LONGEST_NUMBER = 100
"""Characters; a longer one can take minutes to read."""
_PLAIN = {"str", "int", "float", "bool", "null", "timestamp", "value", "merge"}
_TAG = "tag:yaml.org,2002:"
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

    def _pairs(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
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


def read_yaml(text: str, name: str) -> Placed:
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
    return Placed(name, data, reader.marks)


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
