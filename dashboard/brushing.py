"""Parts of a finding's pictures as links: each leads to the items that it stands for, and from them back to all.

A group or an outcome goes into the filter of that name, all else into `part` of the address: `class=7`, or
`nearest=0.1..0.4` for a stretch of an axis. The links lie over the image; where they are not clicked, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from audit.record import ItemsFile
from dashboard.address import Address
from dashboard.item_pages import SLICES
from dashboard.rendering import picture, rendered
from reports.pictures import WIDTH, Hotspot, Picture, cells_told
from reports.text import Notation, Words

__all__ = ["brushed", "part_told"]


def brushed(found: Sequence[Picture], place: Address, items: ItemsFile | None, words: Words) -> list[Picture]:
    """Return pictures as a screen shows them, with links where there are items to look through."""
    whole = items is not None and not items.problem
    return [_linked(one, place, words) if whole and one.hotspots else _bare(one) for one in found]


def part_told(place: Address, words: Words) -> str:
    """Return in words which part of a picture is kept; empty where all of it is."""
    return cells_told(parse_qsl(place.part), Notation(words))


def _bare(one: Picture) -> Picture:
    return replace(one, drawing=picture(one.drawing))


def _linked(one: Picture, place: Address, words: Words) -> Picture:
    hotspots = [_link(hotspot, one.height, place, words) for hotspot in one.hotspots]
    drawing = rendered("hotspots.html.j2", words, drawing=picture(one.drawing), hotspots=hotspots)
    return replace(one, drawing=drawing, caption=words("dashboard.brush", text=one.caption))


def _link(hotspot: Hotspot, height: float, place: Address, words: Words) -> dict[str, Any]:
    """Return a link, its words and where it lies, in percent of the picture; a chosen one leads back to all."""
    (name, text), *more = hotspot.cells
    param, value = (name, text) if name in SLICES and not more else ("part", urlencode(hotspot.cells))
    here = getattr(place, param) == value
    there: dict[str, Any] = {"page": 1, param: "" if here else value}
    left, top, wide, high = (f"{100 * one / of:.3f}" for one, of in zip(hotspot.box, (WIDTH, height) * 2, strict=True))
    return {
        "href": place.to("finding", **there).link, "told": cells_told(hotspot.cells, Notation(words)), "here": here,
        "left": left, "top": top, "width": wide, "height": high,
    }
