"""Makes `layout.svg` and `api.md` from the sources: `python docs/build.py`; `--check` says whether they are current.

A room is a folder of `audit`, or a file of it that stands alone; it lies above every room whose names it imports,
imports for type checkers included. Lines lead from a room to those that it rests on, without those that follow.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("dashboard", "reports", "audit", "detectors")
WIDTH, ROW, BOX, GAP = 1120, 92, 44, 14


def modules() -> dict[str, Path]:
    """Return every module of ours by its dotted name."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imports(known: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield (importer, imported) for every import of one module of ours by another."""
    for name, path in known.items():
        for node in _statements(_tree(path)):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [one if one in known else node.module for one in whole]
            yield from ((name, one) for one in found if one in known and one != name)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node; expressions, in which none can stand, are most of a tree and passed over."""
    for part in ("body", "handlers", "orelse", "finalbody", "cases"):
        for one in getattr(node, part, ()):
            yield one
            yield from _statements(one)


def room(module: str) -> str:
    """Return the room of a module: a package, or for `audit` the folder or file in it."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "audit" else parts[0]


def rooms() -> dict[str, set[str]]:
    """Return room -> rooms that it imports."""
    known = modules()
    found: dict[str, set[str]] = {room(module): set() for module in known}
    for importer, module in imports(known):
        if room(importer) != room(module):
            found[room(importer)].add(room(module))
    return {name: uses for name, uses in found.items() if name not in ("audit", "audit.__main__")}


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """Return the floor of each room, the lowest 1; ValueError where rooms rest on each other."""
    found: dict[str, int] = {}
    while len(found) < len(graph):
        ready = [one for one in graph if one not in found and graph[one] & graph.keys() <= found.keys()]
        if not ready:
            raise ValueError(f"rooms that rest on each other: {sorted(graph.keys() - found.keys())}")
        found.update({one: 1 + max((found[use] for use in graph[one] & graph.keys()), default=0) for one in ready})
    return found


def _beyond(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return the rooms that others of `start` rest on, at any distance."""
    found: set[str] = set()
    to_see = [use for one in graph[start] for use in graph.get(one, ())]
    while to_see:
        one = to_see.pop()
        if one not in found:
            found.add(one)
            to_see += graph.get(one, ())
    return found


def layout() -> str:
    """Return the rooms by floors as an SVG image."""
    graph = rooms()
    level = floors(graph)
    rows = [[one for one in sorted(graph) if level[one] == floor] for floor in range(max(level.values()), 0, -1)]
    place = {}
    for down, row in enumerate(rows):
        wide = (WIDTH - GAP * (len(row) + 1)) / len(row)
        wide = min(wide, 240)
        left = (WIDTH - len(row) * (wide + GAP) + GAP) / 2
        place.update({one: (left + at * (wide + GAP), 10 + down * ROW, wide) for at, one in enumerate(row)})
    height = 20 + len(rows) * ROW - (ROW - BOX)
    lines = [
        f'<line x1="{place[one][0] + place[one][2] / 2:.0f}" y1="{place[one][1] + BOX}" '
        f'x2="{place[use][0] + place[use][2] / 2:.0f}" y2="{place[use][1]}"/>'
        for one in graph
        for use in sorted(graph[one] - _beyond(graph, one))
        if use in place
    ]
    boxes = [
        f'<rect x="{x:.0f}" y="{y}" width="{wide:.0f}" height="{BOX}" rx="6"/>'
        f'<text x="{x + wide / 2:.0f}" y="{y + 27}">{escape(one.removeprefix("audit."))}</text>'
        for one, (x, y, wide) in place.items()
    ]
    style = (
        "line{stroke:#9aa5b1;stroke-width:1}rect{fill:#eef3f8;stroke:#3d5a80}"
        "text{font:14px sans-serif;text-anchor:middle;fill:#1b2a3a}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>The rooms of Dokimasia, each above what it rests on</title><style>{style}</style>"
        f'<rect x="0" y="0" width="{WIDTH}" height="{height}" style="fill:#fff;stroke:none"/>\n'
        + "\n".join([*lines, *boxes])
        + "\n</svg>\n"
    )


def api() -> str:
    """Return the public names of every face with their first sentences, as Markdown."""
    known = modules()
    parts = ["# Public names", "", "Made from the docstrings by `python docs/build.py`.", ""]
    for name, path in sorted(known.items()):
        tree = _tree(path) if path.name == "__init__.py" else ast.Module([], [])
        rows = list(_names(tree, known))
        if rows:
            parts += [
                f"## `{name}`",
                "",
                (ast.get_docstring(tree) or "").partition("\n")[0],
                "",
                "| name | what it is |",
                "| --- | --- |",
            ]
            parts += [f"| `{one}` | {said} |" for one, said in rows] + [""]
    return "\n".join(parts)


def _names(tree: ast.Module, known: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Yield (name, first line of its docstring) for what a face takes from its modules."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in known:
            home = _tree(known[node.module])
            for alias in node.names:
                yield alias.name, _said(home, alias.name)


def _said(home: ast.Module, name: str) -> str:
    for at, node in enumerate(home.body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return _cell(ast.get_docstring(node) or "")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if name in {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}:
            below = home.body[at + 1] if at + 1 < len(home.body) else None
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                return _cell(str(below.value.value))
            return _cell(f"`{ast.unparse(node)}`") if len(ast.unparse(node)) < 90 else ""
    return ""


def _cell(text: str) -> str:
    return text.partition("\n")[0].replace("|", "\\|")


PAGES = {"layout.svg": layout, "api.md": api}


def main(check: bool) -> int:
    """Write the pages, or with `check` return 1 where one is not what it would be written as."""
    old = [name for name, make in PAGES.items() if not _is(name, make())]
    if not check:
        for name in old:
            (ROOT / "docs" / name).write_text(PAGES[name](), "utf-8")
    print("\n".join(f"{name}: {'not current' if check else 'written'}" for name in old) or "current")
    return int(check and bool(old))


def _is(name: str, text: str) -> bool:
    path = ROOT / "docs" / name
    return path.is_file() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
