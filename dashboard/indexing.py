"""The index over the audits' folder as the screens ask it: brought up to the folder before they do, or behind them.

    index()        the index; what few audits are new, gone or written since is in it, however one looks
    one_moment()   within it the folder is compared once, so that all parts of a screen tell the same
    freshness()    when the folder was last compared with it, and what is still to be read

Of up to `SMALL` audits every one is compared before a screen is drawn, and what differs is read then, `AT_ONCE` audits
at most, and of more than these `OF_MORE`; in a larger folder, and for the rest, a thread does so behind the screen,
which says that it is at it. Texts of items come last. The index is no evidence and may be thrown away at any time;
where none can be kept it lies in a folder of this process.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path

from audit.catalogue import CATALOGUE, Asked, Catalogue
from audit.errors import DatabaseError, IntegrityError, UsageError, os_reason
from audit.files import sha256
from audit.storage import bring_heads
from dashboard.loading import FRESH, home, leave_out
from detectors.immutable import immutable

__all__ = ["Freshness", "freshness", "index", "one_moment"]

_LOG = logging.getLogger("dokimasia.dashboard")
SMALL = 2_000
"""Audits up to which all are compared before a screen is drawn: some ten milliseconds a thousand."""
AT_ONCE = 100
"""Audits that are read before a screen is drawn."""
OF_MORE = 50
"""Those of more than these: as many as a page of the list shows, which says that there are more."""
OFTEN = 20.0
"""Seconds after which a larger folder is compared again, behind the screen that asks: later than a list looks again."""
_TEXTS = 500
"""Audits whose items' texts are read before the folder may be compared again."""
_LONGEST = 1.0
"""Seconds that the thread rests at most, where no other screen is begun meanwhile."""
_PATIENCE = 3.0
"""Seconds after which it works though one was."""
_DRAWN = 1.0
"""Seconds after which a screen that was begun is drawn, as a rule."""
_MOST = 4
"""Folders whose index stays open."""


@immutable
class Freshness:
    """How far the index is."""

    at: float
    """When the folder was last compared with it: seconds since 1970; 0 where it never was, in this process."""
    busy: bool
    """Whether audits are still compared and read behind the screens."""
    left: int
    """How many are still to be read; 0 while that is not known."""
    items: bool
    """Whether texts of items are still to be read."""


def index() -> Catalogue:
    """Return the index over `home`, brought up to it as far as that takes no while.

    Raises IntegrityError where the folder cannot be listed, StorageError where its store is not to be reached.
    """
    kept, compared = _kept(), _MOMENT.get()
    if compared is None:
        return kept.looked()
    again = kept not in compared
    compared.add(kept)
    return kept.looked(again=again)


_MOMENT: ContextVar[set[_Kept] | None] = ContextVar("moment", default=None)
"""What was compared for that which is drawn now; None where each asks for itself."""


@contextmanager
def one_moment() -> Iterator[None]:
    """Let all that asks for the index within be told of one moment of the folder: that when it was first asked for."""
    before = _MOMENT.set(set())
    try:
        yield
    finally:
        _MOMENT.reset(before)


def freshness() -> Freshness:
    """Return how far the index over `home` is."""
    return _kept().freshness


class _Kept:
    """An index with the thread that brings it up to its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.catalogue = _open(root)
        self._lock = threading.Lock()
        self._aside = self._working = self._stale = self._few = False
        self._at, self._next = 0.0, 0.0
        self._left, self._woke, self._begun = 0, 0.0, float("-inf")

    def looked(self, *, again: bool = True) -> Catalogue:
        """Return the index; what takes a while is left to the thread, and all where it need not be compared `again`."""
        self._begun = time.monotonic()
        if not again:
            return self.catalogue
        bring_heads(self.root, fresh=FRESH)
        try:
            self._look()
        except DatabaseError as error:
            if self._aside:
                raise
            leave_out(str(self.catalogue.place), str(error))
            self._aside, self.catalogue = True, Catalogue(self.root, str(_beside_all(self.root)))
            self._look()
        except OSError as error:
            raise IntegrityError(
                "{file}: cannot be read ({problem})", file=self.root, problem=os_reason(error)
            ) from None
        return self.catalogue

    @property
    def freshness(self) -> Freshness:
        """How far it is."""
        return Freshness(self._at, self._stale, self._left, self.catalogue.unread > 0)

    def _look(self) -> None:
        if not self._stale and (time.monotonic() >= self._next or self._empty):
            self._few = not self.root.is_dir() or sum(1 for _ in os.scandir(self.root)) <= SMALL
            if not self._few:
                self._next, self._stale = time.monotonic() + OFTEN, True
            if self._few or self._empty:
                self._refresh(AT_ONCE)
        if self.catalogue.unread or self._stale:  # asked in any case: here it shows that the index cannot be read
            self._begin()

    @property
    def _empty(self) -> bool:
        return not self.catalogue.names(Asked(), 0, 1)

    def _refresh(self, most: int | None) -> None:
        rest = self._rest if most is None else None
        told = partial(self._tell, rest)
        self._left = self.catalogue.refresh(whole=self._few, most=most, of_more=OF_MORE, told=told)
        self._at, self._stale = time.time(), self._left > 0

    def _tell(self, rest: Callable[[], None] | None, done: int, of: int) -> None:
        self._left = of - done
        if rest is not None:
            rest()

    def _rest(self) -> None:
        """Leave the processor to the screens, those too that are begun, or go on, while it rests."""
        begun, until = float("nan"), time.monotonic() + _PATIENCE
        while begun != self._begun and time.monotonic() < until:
            begun = self._begun
            time.sleep(_pause(time.monotonic(), self._woke, begun))
            self._woke = time.monotonic()

    def _begin(self) -> None:
        with self._lock:
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="index", daemon=True).start()

    def _work(self) -> None:
        self._woke = time.monotonic()
        try:
            self._rest()
            while self._stale or self.catalogue.unread:
                if self._stale:
                    self._refresh(None)
                else:
                    self.catalogue.read_items(_TEXTS, told=lambda done, of: self._rest())
        except Exception as error:  # the next screen that asks finds it as it is, and says so
            _LOG.info("index: %s: %s", type(error).__name__, error)
        finally:
            self._working = False


def _pause(now: float, woke: float, begun: float) -> float:
    """Return seconds to rest: as long as was worked since `woke`, and until the screen that was begun last is drawn."""
    return min(max(now - woke, begun + _DRAWN - now), _LONGEST)


_OPEN: OrderedDict[tuple[Path, str | None, bool], _Kept] = OrderedDict()
_TURN = threading.Lock()


def _kept() -> _Kept:
    """Return the index over `home` with its thread; the same one as long as it lies where it lay."""
    root = home()
    key = root, os.environ.get(CATALOGUE), root.is_dir()
    with _TURN:
        if key not in _OPEN:
            _OPEN[key] = _Kept(root)
        _OPEN.move_to_end(key)
        while len(_OPEN) > _MOST:
            _OPEN.popitem(last=False)[1].catalogue.close()
        return _OPEN[key]


def _open(root: Path) -> Catalogue:
    try:
        return Catalogue(root, None if root.is_dir() else str(_beside_all(root)))
    except UsageError:  # there is no home to keep it in
        return Catalogue(root, str(_beside_all(root)))


def _beside_all(root: Path) -> Path:
    return _own_folder() / f"{sha256(os.fsencode(root.absolute()))[7:23]}.sqlite"


@cache
def _own_folder() -> Path:
    """Return a folder that ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="dokimasia-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
