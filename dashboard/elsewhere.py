"""The same item elsewhere: what other checks of the audit, and other audits' checks of the same kind, say of it.

An item that was asked has its id from what it says; one that a model drew has it from its number, and another model's
draw of that number is another item. So another audit must show the same content under the id, and another check of the
same audit no other content. Of other audits the newest are looked through, and only what one of them stored unchanged
is told.

    file -> 32 bits of every id, sorted, kept        an item whose bits are not among them is not there

So the ids of a file are read once, and again only where the item is, or, seldom, another one of the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audit.catalogue import Asked
from audit.record import Audit, Finding, ItemsFile, items_of
from dashboard.indexing import index
from dashboard.item_pages import named
from dashboard.loading import opened, readable
from detectors.immutable import immutable
from reports.views import CONTENT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AUDITS_LOOKED_AT", "Elsewhere", "elsewhere"]

AUDITS_LOOKED_AT = 20
"""Other audits that are looked through, the newest."""
_MOST_ROWS = 200_000
"""Files with more rows than this are looked through only in the audit itself."""


@immutable
class Elsewhere:
    """One other check that has the item."""

    audit: str
    """Name of the audit's folder."""
    title: str
    check: str
    row: int
    """Counted from 1."""
    cells: Mapping[str, Any]


def elsewhere(name: str, check: str, item: str, cells: Mapping[str, Any]) -> list[Elsewhere]:
    """Return where else the item is, whose row has these cells: first in the same audit, then in others, the newest
    first.
    """
    here = opened(name)
    own = {column: cells[column] for column in CONTENT if cells.get(column) is not None}
    found = [one for finding in here.record.findings if finding.check != check for one in _of(here, finding, item)]
    found = [one for one in found if _alike(own, one.cells) is not False]
    probe = here.finding(check).probe
    newest = index().names(Asked(judged=True, order="newest"), 0, AUDITS_LOOKED_AT + 1)
    for other in [one for one in newest if one != name][:AUDITS_LOOKED_AT]:
        there = readable(other, lambda name: list(_of_probe(opened(name), probe, item))) or []
        found += [one for one in there if _alike(own, one.cells)]
    return found


def _alike(own: Mapping[str, Any], cells: Mapping[str, Any]) -> bool | None:
    """Tell whether the first content that both rows have, what was asked before what was said, is the same; None where
    they have none in common.
    """
    return next((own[column] == cells[column] for column in own if cells.get(column) is not None), None)


def _of_probe(audit: Audit, probe: str, item: str) -> Iterator[Elsewhere]:
    for finding in audit.record.findings:
        if finding.probe == probe:
            yield from _of(audit, finding, item, _MOST_ROWS)


def _of(audit: Audit, finding: Finding, item: str, most: int | None = None) -> Iterator[Elsewhere]:
    items: ItemsFile | None = items_of(audit.folder, finding)
    if items is None or items.problem or (most is not None and items.total > most):
        return
    row = named(items, [item])[0] if _may_have(items, item) else None
    if row is not None:
        cells = items.rows([row - 1]).to_pylist()[0]
        yield Elsewhere(audit.folder.name, audit.record.title, finding.check, row, cells)


def _may_have(items: ItemsFile, item: str) -> bool:
    """Tell whether an item's bits are among those of a file's items."""
    known, own = _bits_in(items), _bits([item])[0]
    place = int(known.searchsorted(own))
    return place < len(known) and bool(known[place] == own)


@lru_cache(maxsize=256)
def _bits_in(items: ItemsFile) -> NDArray[np.uint32]:
    """Return the bits of all items of a file, which is known by its name and its last change, sorted."""
    found = _bits(items.ids())
    found.sort()
    return found


def _bits(names: Sequence[str | None]) -> NDArray[np.uint32]:
    import numpy as np
    import pandas as pd

    there = np.array([one for one in names if one is not None], dtype=object)
    return pd.util.hash_array(there, categorize=False).astype(np.uint32)
