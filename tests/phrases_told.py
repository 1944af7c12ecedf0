"""Which phrases the code can make, by its source: what only English can tell is found before it is shown.

A template is a text, one of two, or one of a table: `Phrase("a")`, `Phrase("a" if x else "b")`, `Phrase(TABLE[key])`;
a name stands for the texts that its module gives it. A text that is put together is no template.
"""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

__all__ = ["ERROR", "PHRASES", "Made", "makers_in", "phrases_in"]

PHRASES = ("Phrase", "Statement", "Detail", "Method", "Cause", "ComparisonTest")
ERROR = "error"
RETHROWN = {"message"}
"""Attributes that hold a phrase already."""
REPLACED = ".replaced"
"""The method of a phrase that makes another one."""
OF_PYTHON = {"ValueError", "TypeError", "KeyError", "AssertionError", "FileNotFoundError", "OSError", "IndexError"}


class Made(NamedTuple):
    """A phrase that the source makes."""

    line: int
    kind: str
    """Its class, or `error` where an exception of ours makes it."""
    template: str | None
    """None where it is no template."""


def phrases_in(source: str, makers: Collection[str] = ()) -> Iterator[Made]:
    """Yield every phrase and error of ours; `makers` are functions whose phrases are found where they make them."""
    elsewhere = {REPLACED, *makers}
    yield from (made for made, through in _read(source).phrases if not through & elsewhere)


def makers_in(source: str) -> frozenset[str]:
    """Return the functions that are annotated to return a phrase, or None."""
    return _read(source).makers


class _Module(NamedTuple):
    phrases: list[tuple[Made, set[str]]]
    """Each with the functions that gave its template."""
    makers: frozenset[str]


@functools.cache
def _read(source: str) -> _Module:
    """Read a module, once for all tests that ask."""
    nodes = list(ast.walk(ast.parse(source)))
    texts, named = _texts_of_names(nodes), defaultdict[str, set[str]](set)
    for node in nodes:
        if isinstance(node, ast.NamedExpr):
            named[node.target.id] |= _called(node.value)
    phrases = [
        (Made(call.lineno, kind, template), named[given.id] if isinstance(given, ast.Name) else _called(given))
        for node in nodes for call, kind in _calls_of_phrases(node) for given in call.args[:1]
        for template in _templates(given, texts)
    ]  # fmt: skip
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    makers = (one.name for one in functions if one.returns is not None and "Phrase" in ast.unparse(one.returns))
    return _Module(phrases, frozenset(makers))


def _called(node: ast.expr) -> set[str]:
    """Return the function that a node calls, or `REPLACED` for that method of a phrase."""
    if not isinstance(node, ast.Call):
        return set()
    if isinstance(node.func, ast.Name):
        return {node.func.id}
    return {REPLACED} if node.func.attr == "replaced" else set()


def _calls_of_phrases(node: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Yield the call where a node makes a phrase, or raises an error other than those of Python."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PHRASES:
        yield node, node.func.id
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
        private = node.exc.func.id.startswith("_")
        if not private and node.exc.func.id not in OF_PYTHON and node.exc.args:
            yield node.exc, ERROR


def _texts_of_names(nodes: list[ast.AST]) -> dict[str, list[str]]:
    """Return the texts that a module gives each name, alone or as values of a table."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
        texts = [one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        for target in targets:
            if isinstance(target, ast.Name) and texts:
                found.setdefault(target.id, []).extend(texts)
    return found


def _templates(node: ast.expr, texts: dict[str, list[str]]) -> list[str | None]:
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*_templates(node.body, texts), *_templates(node.orelse, texts)]
    if isinstance(node, ast.Subscript):
        return _templates(node.value, texts)
    if isinstance(node, ast.Name):
        return [*texts.get(node.id, [None])]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PHRASES:
        return []  # found by itself
    return [] if isinstance(node, ast.Attribute) and node.attr in RETHROWN else [None]
