"""How far an audit's files can be trusted, in three states, found in the background.

    sealed      unchanged since the owner of a known key sealed it
    unsealed    unchanged, but nobody known vouches for it: whoever can write here could have made it anew
    changed     not what was stored, with the first thing that does not agree

All files are read for it, so one thread looks at one audit after the other, each once as long as no file of it is
written, and a screen that asks gets None until then. What a screen shows is looked at first; `look_over` has all others
looked at once, at half of a processor's time, so that a list can count what was changed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from queue import PriorityQueue
from typing import Literal

from audit.errors import DokimasiaError, StorageError
from audit.integrity import Verification, verify_audit
from audit.signing import known_keys
from audit.storage import bring, is_copy
from dashboard.loading import FRESH, folder_of, home
from detectors.immutable import immutable
from detectors.phrases import Phrase
from reports.text import Words, one_line

__all__ = [
    "Chip", "Trust", "all_looked_at", "changed_names", "chip_of", "look_over", "still_looking", "trust_in", "trust_of",
    "verified",
]

_LOG = logging.getLogger("dokimasia.dashboard")
MOST_WAITING = 256
"""Audits that wait to be looked at; what asks beyond them asks again."""
MOST_KEPT = 8192
SECONDS = 4
"""For so long the facts of an audit's files are not asked anew."""
State = Literal["sealed", "unsealed", "changed"]
_Key = tuple[Path, int]
_ToLook = tuple[Path, int | None]
"""Folder, and the stamp of its files where it was taken."""


@immutable
class Trust:
    """What was found."""

    state: State
    why: str = ""
    """What does not agree; empty where nothing was changed."""
    owner: str = ""
    """Of the known key that sealed it."""
    key: str = ""
    """Fingerprint of the key that sealed it, known or not; of one that nobody knows and that erased since, that."""
    erased: bool = False
    """Whether evidence was erased, as the reviews tell."""


@immutable
class Chip:
    """What is told of it: a word or two, and a sentence."""

    state: State | Literal["looking"]
    word: str
    told: str


def verified(folder: Path) -> Verification:
    """Return what `verify_audit` finds, whose seal is known where its key is known here; raises as that does.

    A seal by another key is told, not refused.
    """
    return verify_audit(folder, known=known_keys())


def trust_in(found: Verification) -> Trust:
    """Return the state of an audit that is what was written."""
    erased, vouched = bool(found.erased), {one.key for one in found.erased if one.owner is not None}
    if found.seal is None:
        return Trust("unsealed", erased=erased)
    owner, key = found.seal.owner, found.seal.key
    if owner is None:
        return Trust("unsealed", key=key, erased=erased)
    strange = next((one for one in found.seal.erasers if one not in vouched), None)
    return Trust("sealed" if strange is None else "unsealed", owner=owner, key=strange or key, erased=erased)


def chip_of(trust: Trust | None, words: Words) -> Chip:
    """Return what is told of an audit's state; None is one that is still looked at."""
    if trust is None:
        return Chip("looking", words("trust.looking"), words("trust.looking_told"))
    kind: str = trust.state
    if trust.key and trust.state == "unsealed":
        kind = "stranger" if trust.owner else "foreign"
    facts = {"owner": one_line(trust.owner, words, 60), "mark": trust.key[:15]}
    if trust.state == "changed":
        told = words("trust.changed_told", why=one_line(words.term("error", trust.why), words, 300))
    else:
        told = words(f"trust.{kind}_told", **facts)
    if trust.erased:
        told = f"{told} {words('trust.erased_told')}"
    return Chip(trust.state, words(f"trust.{kind}", **facts), told)


def trust_of(name: str, wait: float = 0) -> Trust | None:
    """Return how far an audit can be trusted; None where that is not known within `wait` seconds."""
    folder = folder_of(name)
    key = folder, _stamp(folder, int(time.monotonic() / SECONDS))
    until = time.monotonic() + wait
    with _CHANGED:
        if key not in _FOUND and key not in _ASKED and len(_ASKED) < MOST_WAITING:
            _ASKED.add(key)
            _put(_SHOWN, iter([key]))
        while key not in _FOUND and (left := until - time.monotonic()) > 0:
            _CHANGED.wait(left)
        return _FOUND.get(key)


def look_over(names: Callable[[], Iterable[str]], state: object) -> None:
    """Have audits of `home` looked at that never were, when nothing that is shown waits.

    state: of what the names are asked; they are asked once for each, by the thread that looks.
    """
    root = home()
    with _CHANGED:
        if _OVER.get(root) != state:
            _OVER[root] = state
            _put(_ANY, _unknown(root, names, state))


def _unknown(root: Path, names: Callable[[], Iterable[str]], state: object) -> Iterator[_ToLook]:
    """Yield the audits that were never looked at, until they are asked anew."""
    if is_copy(root):  # a whole store is not fetched for a count
        return
    for name in names():
        if _OVER.get(root) != state:
            return
        if name not in _KNOWN.setdefault(root, {}):
            yield root / name, None


def changed_names() -> frozenset[str]:
    """Return the audits of `home` that were not what was stored when they were last looked at."""
    with _CHANGED:
        return frozenset(name for name, changed in _KNOWN.get(home(), {}).items() if changed)


def still_looking() -> bool:
    """Tell whether audits wait to be looked at."""
    return _QUEUE.unfinished_tasks > 0


def all_looked_at() -> None:
    """Wait until every audit that was asked for is looked at."""
    _QUEUE.join()


_SHOWN, _ANY = 0, 1
"""What waits: what a screen shows goes before what only a count needs."""
_QUEUE: PriorityQueue[tuple[int, int, Iterator[_ToLook]]] = PriorityQueue()
_TURN = count()
_ASKED: set[_Key] = set()
_FOUND: OrderedDict[_Key, Trust] = OrderedDict()
_KNOWN: dict[Path, dict[str, bool]] = {}
"""Folder of audits -> name -> whether it was changed, of those that were ever looked at."""
_OVER: dict[Path, object] = {}
"""Folder of audits -> of which state all were to be looked at last."""
_CHANGED = threading.Condition()


def _put(urgency: int, asked: Iterator[_ToLook]) -> None:
    _QUEUE.put((urgency, next(_TURN), asked))
    _worker()


@lru_cache(maxsize=1)
def _worker() -> threading.Thread:
    """Start the one thread that looks; it ends with the process."""
    thread = threading.Thread(target=_look_on, name="trust", daemon=True)
    thread.start()
    return thread


def _look_on() -> None:
    while True:
        urgency, _, asked = _QUEUE.get()
        begun = time.monotonic()
        if (one := _next(asked)) is not None:
            _look_at(*one)
            _put(urgency, asked)
        _QUEUE.task_done()
        if urgency == _ANY:
            time.sleep(time.monotonic() - begun)


def _next(asked: Iterator[_ToLook]) -> _ToLook | None:
    try:
        return next(asked, None)
    except (DokimasiaError, OSError):  # the names cannot be had now, as the list says
        return None
    except Exception as error:  # whatever else it is, others wait for the thread that looks
        _LOG.info("trust: %s: %s", type(error).__name__, error)
        return None


def _look_at(folder: Path, stamp: int | None) -> None:
    key = folder, _stamp(folder, int(time.monotonic() / SECONDS)) if stamp is None else stamp
    found = _FOUND.get(key) or _look(folder)
    with _CHANGED:
        _ASKED.discard(key)
        if found is not None:
            _FOUND[key] = found
            _KNOWN.setdefault(folder.parent, {})[folder.name] = found.state == "changed"
        while len(_FOUND) > MOST_KEPT:
            _FOUND.popitem(last=False)
        _CHANGED.notify_all()


def _look(folder: Path) -> Trust | None:
    """Return the state of an audit; None where its object store does not answer now."""
    try:
        bring(folder, fresh=FRESH)
        return trust_in(verified(folder))
    except StorageError:
        return None
    except Exception as error:  # whatever lies there is not what was stored
        why = error.message if isinstance(error, DokimasiaError) else Phrase("{problem}", problem=type(error).__name__)
        return Trust("changed", why=why.replaced(f"{folder}{os.sep}", ""))


@lru_cache(maxsize=1024)
def _stamp(folder: Path, moment: int) -> int:
    """Return a number that is another one once a file below the folder is written, put there or taken away."""
    facts = []
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):  # it was taken away meanwhile
                found = Path(place, name).lstat()
                facts.append((place, name, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
    return hash(tuple(sorted(facts)))
