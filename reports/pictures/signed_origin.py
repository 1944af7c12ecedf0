"""Signed origin drawn: what a file's manifests say, as a tree, and of which of its bytes a change goes unnoticed.

    tree     a manifest, who signed it, what was done, its assertions, and below an ingredient the manifest of that
    bytes    one bar as long as the file, a part for each kind of region; red = the share of its changes that pass
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from reports.figures import bar, cut, joined, line, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.text import Notation

__all__ = ["bytes_that_pass", "origin_of_item", "trees"]

_STEP, _LINE, _LINES, _KIND = 22.0, 19.0, 24, 96.0
"""Indentation and height of a line, the most lines of a tree, and the width that its kinds take."""
_FILES = 2
_BAR, _ROW, _NAMES, _NUMBERS = 26.0, 21.0, 200.0, 190.0
"""Heights of the bar and of a row, and the width that names and numbers take of it."""
_KINDS = ("manifest", "signer", "action", "assertion", "ingredient")
_LOOKS = {"Trusted": "passed", "Valid": "inconclusive", "Invalid": "failed"}


def trees(shown: Shown) -> Picture | None:
    """Draw the trees of the files whose manifests say most, none twice; None where no file has a manifest."""
    if shown.items is None or "tree" not in shown.columns:
        return None
    frame = shown.frame("name", "state", "tree")
    sizes = frame["tree"].map(_size)
    alike = frame["tree"].map(str).duplicated()
    order = sizes[~alike].sort_values(ascending=False, kind="stable").index[:_FILES]
    parts, top = list[Markup](), 0.0
    for row in (frame.loc[at] for at in order if sizes[at]):
        drawn, top = _tree(row, top, shown.notation)
        parts += drawn
    return None if not parts else _told(shown, top, parts, int((sizes > 0).sum()), len(frame))


def _told(shown: Shown, height: float, parts: Sequence[Markup], signed: int, files: int) -> Picture:
    words = shown.notation.words
    message = words("picture.manifests", count=signed, all=files)
    return pictured(shown, height, message, words("picture.manifests_caption"), joined(parts))


def _size(cell: Any) -> int:
    return 0 if cell is None or isinstance(cell, float) else len(cell)


def _tree(cells: Mapping[Any, Any], top: float, notation: Notation) -> tuple[list[Markup], float]:
    """Return the lines of a file's manifests below its name and state, and where they end."""
    words, told = notation.words, [_line(str(one)) for one in cells["tree"]]
    state = str(cells["state"])
    parts = [
        words_at(0, top + 14, cut(str(cells["name"]), words, 80), bold=True),
        words_at(WIDTH, top + 14, words("picture.state", state=state), anchor="end", colour=_LOOKS.get(state, "ink")),
    ]
    for at, (depth, kind, text) in enumerate(told[:_LINES]):
        y, x = top + 34 + at * _LINE, 6 + depth * _STEP
        if depth:
            parts.append(line(x - 14, y - 4, x - 4, y - 4, "edge"))
            parts.append(line(x - 14, y - 4 - _LINE * _back(told, at), x - 14, y - 4, "edge"))
        parts.append(words_at(x, y, words(f"picture.tree_{kind}"), size=11, colour="skipped"))
        most = int((WIDTH - x - _KIND) / 6.6)
        parts.append(words_at(x + _KIND, y, cut(text, words, most), bold=kind == "manifest"))
    if left := len(told[_LINES:]):
        more = words("picture.lines_left", count=left)
        parts.append(words_at(6, top + 34 + _LINES * _LINE, more, size=11, colour="skipped"))
    return parts, top + 34 + (min(len(told), _LINES) + bool(left)) * _LINE + 6


def _line(text: str) -> tuple[int, str, str]:
    """Return depth, kind and text of a line, however it was altered."""
    depth, _, rest = text.partition(" ")
    kind, _, told = rest.partition(" ")
    return min(int(depth), 20) if depth.isdecimal() else 0, kind if kind in _KINDS else "assertion", told


def _back(told: Sequence[tuple[int, str, str]], at: int) -> int:
    """Return how many lines above the one lies from which a branch comes down to this one: brother or parent."""
    above = (back for back in range(1, at + 1) if told[at - back][0] <= told[at][0])
    return next(above, 1)


def bytes_that_pass(shown: Shown) -> Picture | None:
    """Draw the bytes of all files in which changes were tried; None where there is none."""
    if shown.items is None or "tried" not in shown.columns:
        return None
    frame = shown.frame("regions", "sizes", "tried", "passed")
    found = dict[str, tuple[float, float]]()
    files = 0
    for cells in frame.to_dict("records"):
        own = dict(_regions(cells))
        files += bool(own)
        for kind, (size, passing) in own.items():
            known = found.get(kind, (0.0, 0.0))
            found[kind] = known[0] + size, known[1] + passing
    return _coverage(shown, found, files) if found else None


def origin_of_item(shown: Shown, cells: Mapping[str, Any]) -> Picture | None:
    """Draw one file: the tree of its manifests and its bytes; None where it has neither."""
    parts, top = list[Markup](), 0.0
    if _size(cells.get("tree")):
        parts, top = _tree({"name": "", "state": "none", **cells}, 0.0, shown.notation)
    if found := dict(_regions(cells)):
        drawn, height = _bars(found, top, shown.notation)
        parts, top = [*parts, *drawn], top + height
    if not parts:
        return None
    words = shown.notation.words
    caption = words("picture.bytes_caption") if found else words("picture.manifests_caption")
    message = _share_told(found, shown.notation, 1) if found else words("picture.manifests", count=1, all=1)
    return pictured(shown, top, message, caption, joined(parts))


def _regions(cells: Mapping[Any, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield of each kind of region its bytes, and of how many of them a change passes."""
    lists = [cells.get(name) for name in ("regions", "sizes", "tried", "passed")]
    if any(_size(one) == 0 for one in lists):
        return
    for kind, size, tried, passed in zip(*lists, strict=False):
        if tried:
            yield str(kind), (float(size), float(size) * float(passed) / float(tried))


def _coverage(shown: Shown, found: Mapping[str, tuple[float, float]], files: int) -> Picture:
    parts, height = _bars(found, 0.0, shown.notation)
    message = _share_told(found, shown.notation, files)
    return pictured(shown, height, message, shown.notation.words("picture.bytes_caption"), joined(parts))


def _share_told(found: Mapping[str, tuple[float, float]], notation: Notation, files: int) -> str:
    whole, passing = (sum(one[at] for one in found.values()) for at in (0, 1))
    return notation.words("picture.bytes", share=notation.number(passing / whole, "share"), count=files)


def _bars(found: Mapping[str, tuple[float, float]], top: float, notation: Notation) -> tuple[list[Markup], float]:
    """Return the bar of the whole file, and below it a row a kind of region, the one with most that passes first."""
    words, whole = notation.words, sum(size for size, _ in found.values())
    order = sorted(found, key=lambda kind: (-found[kind][1], -found[kind][0], kind))
    parts, x = list[Markup](), 0.0
    for kind in order:
        width, passing = (WIDTH * one / whole for one in found[kind])
        parts += [bar(x, top, width, _BAR, "passed", faint=True), bar(x, top, passing, _BAR, "failed")]
        x += width
        parts.append(line(min(x, WIDTH - 0.5), top, min(x, WIDTH - 0.5), top + _BAR, "paper", width=1))
    for at, kind in enumerate(order):
        size, passing = found[kind]
        y = top + _BAR + 18 + at * _ROW
        length = WIDTH - _NAMES - _NUMBERS
        parts += [
            words_at(0, y, cut(words.term("group", kind), words, 30)),
            bar(_NAMES, y - 10, length, 12, "passed", faint=True),
            bar(_NAMES, y - 10, length * passing / size, 12, "failed"),
            words_at(WIDTH, y, words("picture.bytes_row", share=notation.number(passing / size, "share"),
                                     bytes=f"{round(size):,}"), anchor="end", size=11, colour="skipped"),
        ]  # fmt: skip
    return parts, _BAR + 12 + len(order) * _ROW + 4
