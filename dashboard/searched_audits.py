"""In the items of which audits a text stands, of those whose items the index has in part only (`Catalogue.partly`).

    item_hits(wanted, names) -> audit -> checks      those found up to now; the first call begins the search

They are looked through in the background, so that a list tells what is found so far. One thread goes through the stored
texts, an audit after the other, the latest search first, and reads no items that are not the record's. The last few
searches are remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from audit.record import Audit, ItemsFile, items_of
from dashboard.item_pages import columns_of, hits, holding
from dashboard.loading import home, opened, readable

__all__ = ["SHORTEST", "item_hits", "still_searching"]

SHORTEST = 3
"""Characters of a text that is looked for in items."""
MOST = 4
"""Searches that are remembered."""


@dataclass
class _Search:
    left: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    at_work: bool = False


_SEARCHES: OrderedDict[tuple[Path, str], _Search] = OrderedDict()
_WAKE = threading.Condition()


def item_hits(wanted: str, names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return audit -> checks in whose items a text stands, no matter the case, as far as they were looked through."""
    if len(wanted) < SHORTEST:
        return {}
    with _WAKE:
        search = _SEARCHES.setdefault((home(), wanted.casefold()), _Search())
        _SEARCHES.move_to_end((home(), wanted.casefold()))
        while len(_SEARCHES) > MOST:
            _SEARCHES.popitem(last=False)
        new = [name for name in names if name not in search.seen]
        search.seen.update(new)
        search.left.extend(new)
        _worker()
        _WAKE.notify()
        return dict(search.found)


def still_searching(wanted: str) -> bool:
    """Tell whether audits are left that were not looked through for a text."""
    with _WAKE:
        search = _SEARCHES.get((home(), wanted.casefold()))
        return search is not None and (search.at_work or bool(search.left))


@lru_cache(maxsize=1)
def _worker() -> threading.Thread:
    thread = threading.Thread(target=_look_on, name="item search", daemon=True)
    thread.start()
    return thread


def _look_on() -> None:
    while True:
        with _WAKE:
            while (latest := _waiting()) is None:
                _WAKE.wait()
            wanted, search = latest
            name, search.at_work = search.left.popleft(), True
        checks = _checks_with(name, wanted)
        with _WAKE:
            search.at_work = False
            if checks:
                search.found[name] = checks


def _waiting() -> tuple[str, _Search] | None:
    waiting = ((wanted, one) for (_, wanted), one in reversed(_SEARCHES.items()) if one.left)
    return next(waiting, None)


def _checks_with(name: str, wanted: str) -> tuple[str, ...]:
    """Return the checks of an audit in whose items a text stands; none where it cannot be read."""
    return readable(name, lambda name: tuple(_checks_in(opened(name), wanted))) or ()


def _checks_in(audit: Audit, wanted: str) -> Iterator[str]:
    return (one.check for one in audit.record.findings if _holds(items_of(audit.folder, one), wanted))


def _holds(items: ItemsFile | None, wanted: str) -> bool:
    return items is not None and items.problem is None and any(_in_column(items, wanted))


def _in_column(items: ItemsFile, wanted: str) -> Iterator[bool]:
    for name in columns_of(items).texts:
        yield from (bool(hit.any()) for hit in hits(items, name, partial(holding, wanted=wanted)))
