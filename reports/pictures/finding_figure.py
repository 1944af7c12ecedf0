"""What a finding opens with: pictures of the items behind it, drawn from what is stored and from nothing else.

    pictures_of(audit, finding, notation) -> pictures, the most telling first

A part in `dokimasia.figures`, named like the probe whose findings it draws, names the columns of the items in order of
weight and the pictures. A picture is an SVG with axes, limit and n; its message is what it says to those who cannot see
it. Nothing is measured here: verdicts and intervals are those of the record. A file of items that is missing or changed
is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from audit import plugins
from audit.errors import DokimasiaError
from detectors.immutable import immutable
from detectors.result import Measure
from reports.figures import svg
from reports.pictures.hotspots import Hotspot
from reports.text import Notation, words_of

if TYPE_CHECKING:
    import pandas as pd

    from audit.record import Audit, Finding, ItemsFile

__all__ = [
    "WIDTH", "FindingFigure", "Picture", "Shown", "figure_of", "opening", "pictured", "pictures_of", "within",
]

WIDTH = 860
"""Of every picture, in pixels."""
OPENING = 440
"""Height of the pictures that a finding opens with, in pixels: what fits on its page with its sentence and items."""


@immutable
class Picture:
    """One drawing, and what is said under it."""

    drawing: Markup
    """An `svg` element; its title is the message."""
    caption: str
    """What bars, lines and dots are."""
    focus: tuple[float, float] = (0, WIDTH)
    """(left, width) of what a small copy shows of it."""
    height: float = 0
    """In pixels."""
    hotspots: tuple[Hotspot, ...] = ()
    """Parts that stand for some of the items."""
    message: str = ""
    """What there is to see, said over it."""


@immutable
class Shown:
    """What a picture is made of."""

    finding: Finding
    notation: Notation
    items: ItemsFile | None
    """None where nothing is stored that is the record's."""
    table: ItemsFile | None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the items; empty where there are none."""
        return () if self.items is None else self.items.columns

    def frame(self, *columns: str) -> pd.DataFrame:
        """Return these columns of the items, in stored order; those that are not there are left out."""
        assert self.items is not None
        frame: pd.DataFrame = self.items.table([name for name in columns if name in self.columns]).to_pandas()
        return frame

    def of_groups(self, name: str) -> dict[str, Measure]:
        """Return group -> its measure of this name."""
        found = (one for one in self.finding.measures if one.name == name and one.group is not None)
        return {str(one.group): one for one in found}

    def having(self, column: str, texts: Iterable[str]) -> frozenset[str]:
        """Return those of the texts that stand in a column of the items."""
        import pyarrow.compute as pc

        if self.items is None or column not in self.columns:
            return frozenset()
        return frozenset(texts) & {*pc.unique(self.items.table([column]).column(0)).to_pylist()}

    def leading(self, boxes: Sequence[tuple[float, float, float, float]], rows: Sequence[int]) -> list[Hotspot]:
        """Return a hotspot for each box, which leads to the item of that row; none where items have no names."""
        if self.items is None or self.items.id_column is None or not rows:
            return []
        name = self.items.id_column
        names = self.items.rows(list(rows))[name].to_pylist()
        return [Hotspot(box, ((name, str(one)),)) for box, one in zip(boxes, names, strict=True) if one is not None]

    def measured(self, name: str, group: str | None = None) -> Measure | None:
        """Return the measure of this name and group; None where there is none."""
        same = (one for one in self.finding.measures if one.name == name and one.group == group)
        return next(same, None)


@immutable
class FindingFigure:
    """How the findings of one probe are drawn."""

    columns: tuple[str, ...] = ()
    """Columns of the items in order of weight; others follow as stored."""
    draw: tuple[Callable[[Shown], Picture | None], ...] = ()
    """Each draws one picture, or none where what it needs is not there."""
    draw_item: Callable[[Shown, Mapping[str, Any]], Picture | None] | None = None
    """Draws one item from the cells of its row, or none."""

    def of(
        self, audit: Audit, finding: Finding, notation: Notation, *, most: int | None = None
    ) -> tuple[Picture, ...]:
        """Return the pictures of a finding, the first `most` of them; empty where its items are not the record's."""
        from audit.record import erasures, items_of, table_of

        if not self.draw or not finding.measures:
            return ()
        items, table = items_of(audit.folder, finding), table_of(audit.folder, finding)
        shown = Shown(finding, notation, _whole(items), _whole(table))
        found = islice((one for draw in self.draw if (one := draw(shown)) is not None), most)
        if not any(finding.check in one.checks for one in erasures(audit.folder)):
            return tuple(found)
        left, bare = notation.words("picture.of_the_rest"), Shown(finding, notation, None, None)
        whole = [one.drawing for draw in self.draw if (one := draw(bare)) is not None]  # of measures alone
        return tuple(
            one if one.drawing in whole else replace(one, caption=f"{one.caption} {left}".strip()) for one in found
        )

    def of_item(self, finding: Finding, cells: Mapping[str, Any], notation: Notation) -> Picture | None:
        """Return the picture of one item; None where its probe draws none, or where what that needs is not kept."""
        return None if self.draw_item is None else self.draw_item(Shown(finding, notation, None, None), cells)

    def html(self, audit: Audit, finding: Finding, lang: str = "en") -> str:
        """Return the pictures as HTML; UsageError for a language without a catalogue."""
        found = self.of(audit, finding, Notation(words_of(lang)))
        shown = Markup("<figure><p>{}</p>{}<figcaption>{}</figcaption></figure>")
        return "".join(shown.format(one.message, one.drawing, one.caption) for one in found)


def figure_of(probe: str) -> FindingFigure:
    """Return how a probe's findings are drawn; an empty figure for a probe that names none, or a broken one."""
    if probe not in plugins.names("figures"):
        return FindingFigure()
    try:
        found = plugins.load("figures", probe)
    except DokimasiaError:
        return FindingFigure()
    return found if isinstance(found, FindingFigure) else FindingFigure()


def pictures_of(
    audit: Audit, finding: Finding, notation: Notation, *, most: int | None = None
) -> tuple[Picture, ...]:
    """Return the pictures of a finding, the first `most`; empty where its probe has none or its items are not the
    record's.
    """
    return figure_of(finding.probe).of(audit, finding, notation, most=most)


def opening(pictures: Sequence[Picture]) -> int:
    """Return with how many of its pictures a finding opens; the others are looked at by who wants to see more."""
    heights = accumulate(one.height for one in pictures)
    return max(sum(height <= OPENING for height in heights), min(1, len(pictures)))


def within(drawn: Mapping[str, Sequence[Picture]], room: int) -> dict[str, tuple[Picture, ...]]:
    """Return of the pictures of several findings those that together stay within so many characters.

    The first of each finding comes first, in the order given, and counts twice, as a document shows it small too; of
    what is left each finding has an equal share for its others.
    """
    kept: dict[str, tuple[Picture, ...]] = {}
    for name, pictures in drawn.items():
        cost = 2 * len(pictures[0].drawing) if pictures else 0
        kept[name] = tuple(pictures[:1]) if cost <= room else ()
        room -= cost if kept[name] else 0
    share = room // max(1, len(drawn))
    for name, (first, *others) in ((name, drawn[name]) for name in kept if kept[name]):
        sizes = accumulate(len(one.drawing) for one in others)
        fitting = (one for one, size in zip(others, sizes, strict=True) if size <= share)
        kept[name] = (first, *fitting)
    return kept


def _whole(file: ItemsFile | None) -> ItemsFile | None:
    return None if file is None or file.problem is not None or not file.total else file


def pictured(
    shown: Shown, height: float, message: str, caption: str, body: Markup, focus: tuple[float, float] = (0, WIDTH),
    hotspots: Iterable[Hotspot] = (),
) -> Picture:
    """Return a picture of the common width."""
    title = shown.notation.words("picture.of", check=shown.finding.check)
    drawing = svg(WIDTH, round(height), title, message, body, "picture")
    told = message.rstrip(".")
    told = told[:1].upper() + told[1:] if told[1:2].islower() else told  # kNN stays as it is
    return Picture(drawing, caption, focus, round(height), tuple(hotspots), told)
