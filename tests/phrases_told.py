"""Which phrases the code can make, by its source: what only English can tell is found before it is shown.

A template is a text, one of two, or one of a table: `Phrase("a")`, `Phrase("a" if x else "b")`, `Phrase(TABLE[key])`;
a name stands for the texts that its module gives it. A text that is put together is no template.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from typing import NamedTuple

__all__ = ["ERROR", "PHRASES", "Made", "makers_in", "phrases_in"]

PHRASES = ("Phrase", "Statement", "Detail", "Method", "Cause", "ComparisonTest")
ERROR = "error"
RETHROWN = {"message"}
"""Attributes that hold a phrase already."""
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
    tree = ast.parse(source)
    texts = _texts_of_names(tree)
    made = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.NamedExpr) and _calls(node.value, makers)}
    for node in ast.walk(tree):
        for call, kind in _calls_of_phrases(node):
            given = call.args[0]
            if not (_calls(given, makers) or (isinstance(given, ast.Name) and given.id in made)):
                yield from (Made(call.lineno, kind, template) for template in _templates(given, texts))


def makers_in(source: str) -> set[str]:
    """Return the functions that are annotated to return a phrase, or None."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return {one.name for one in functions if one.returns is not None and "Phrase" in ast.unparse(one.returns)}


def _calls(node: ast.expr, makers: Collection[str]) -> bool:
    """Tell whether a call is of one of the functions, or of a method `replaced` of a phrase."""
    if not isinstance(node, ast.Call):
        return False
    return node.func.id in makers if isinstance(node.func, ast.Name) else node.func.attr == "replaced"


def _calls_of_phrases(node: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Yield the call where a node makes a phrase, or raises an error other than those of Python."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PHRASES:
        yield node, node.func.id
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
        private = node.exc.func.id.startswith("_")
        if not private and node.exc.func.id not in OF_PYTHON and node.exc.args:
            yield node.exc, ERROR


def _texts_of_names(tree: ast.AST) -> dict[str, list[str]]:
    """Return the texts that a module gives each name, alone or as values of a table."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
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
