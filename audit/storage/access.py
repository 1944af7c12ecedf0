"""What the rest of the audit calls: paths in, and all that an object store needs done for them.

A path that lies in no working copy is left to the file system, and the calls below do nothing for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from audit.errors import StorageError, UsageError
from audit.files import listen, locked, sha256, unheard
from audit.storage.evicting import cache_folder, evict
from audit.storage.lease import Lease
from audit.storage.neighbours import Neighbours
from audit.storage.pushing import Pusher
from audit.storage.remote import ChangedError, Remote
from audit.storage.resuming import take_up
from audit.storage.working import HEADS, LISTED, WorkingCopy

__all__ = [
    "SCHEMES", "append_conditional", "audit_folder", "bring", "bring_file", "bring_heads", "bring_named",
    "files_beside", "held", "is_copy", "local_folder", "push_folder", "shared", "shown",
]

SCHEMES = ("az", "file", "gs", "s3")
"""What an address may begin with."""
_COPIES: dict[str, WorkingCopy] = {}
_BESIDE: dict[Path, Neighbours] = {}
"""Folder of a working copy -> what the audits in it hold, as it was when a run last began."""
_LEASE = ".lease"


def local_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder of a place: itself, or for an address its working copy on this machine.

    Raises UsageError for another scheme, and for an address with a name, a password or a query in it.
    """
    text = os.fspath(place)
    if re.match(r"(az|gs|s3):/(?!/)", text):
        raise UsageError("{place}: a path has lost a slash of the address; allowed: the address as text", place=text)
    if "://" not in text:
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES:
        schemes = ", ".join(f"{one}://" for one in SCHEMES)
        raise UsageError("{scheme}://: no store of audits; allowed: {schemes}", scheme=parts.scheme, schemes=schemes)
    if "@" in parts.netloc or parts.query or parts.fragment:
        what = "{scheme}://: an address with a name, a password, a query or a fragment; allowed: one without"
        raise UsageError(what, scheme=parts.scheme)
    if parts.scheme == "file":
        return Path(parts.path)
    url = text.rstrip("/")
    if url not in _COPIES:
        _COPIES[url] = WorkingCopy(Remote.at(url), cache_folder() / sha256(url.encode())[7:23])
        listen(_written)
    return _COPIES[url].root


def audit_folder(name: str) -> Path:
    """Return the folder of one audit, given as a path or an address, as the store has it."""
    if "://" in name:
        place, _, last = name.rstrip("/").rpartition("/")
        folder = local_folder(place) / last
    else:
        folder = Path(name)
    bring(folder)
    return folder


def is_copy(path: Path) -> bool:
    """Tell whether a path lies in a working copy."""
    return _copy_of(path) is not None


def shown(path: Path) -> str:
    """Return a path as people know it: in a working copy the address that it stands for."""
    copy, name = _copy_of(path), None
    if copy is not None:
        name = path.relative_to(copy.root).as_posix()
    return str(path) if copy is None else copy.remote.url if name == "." else f"{copy.remote.url}/{name}"


def bring_heads(into: Path, names: frozenset[str] = HEADS, *, fresh: float = 0.0) -> None:
    """Make the small files of all audits as the store has them, of finished audits those of these names.

    Not where that was done in the last `fresh` seconds.
    """
    if (copy := _copy_of(into)) is not None and into == copy.root:
        copy.bring_heads(names, fresh=fresh)


def bring(folder: Path, *, deep: bool = True, fresh: float = 0.0) -> None:
    """Make an audit's folder as the store has it; not `deep`, the files right in it."""
    copy = _copy_of(folder)
    if copy is None or folder.parent != copy.root:
        return
    if copy.bring(folder.name, deep=deep, fresh=fresh) and deep:
        evict(copy, keep=folder.name)


def bring_file(path: Path) -> None:
    """Make one file as the store has it, unless it is here as it was last seen there."""
    if (copy := _copy_of(path)) is not None:
        copy.bring_file(path)


def bring_named(into: Path, begins: str) -> None:
    """Bring the audits whose name begins so; where none does, the small files of all."""
    if (copy := _copy_of(into)) is None:
        return
    found = [name for name in copy.audits() if name.startswith(begins)]
    for name in found:
        bring(into / name, deep=name == begins or len(found) == 1)
    if not found:
        bring_heads(into, LISTED)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Run in an audit's folder: alone, from where the store is; what is written is in the store when this ends.

    Raises UsageError where somebody else runs it, StorageError where not all could be stored.
    """
    copy, audit = _copy_of(folder), folder.name
    if copy is None:
        yield
        return
    copy.require_conditions()
    _BESIDE.pop(copy.root, None)
    lease = Lease(copy.remote, f"{audit}/{_LEASE}")
    lease.take(patient=False)
    try:
        left = take_up(copy, audit)

        def put(name: str, data: bytes | None) -> None:
            lease.require()
            copy.put(name, data)

        pusher = copy.pushers[audit] = Pusher(copy.read, put)
        try:
            for name in left:
                pusher.add(name)
            yield
        finally:
            try:
                pusher.close()
            finally:
                del copy.pushers[audit]
    finally:
        lease.give_back()
    evict(copy, keep=audit)


@contextmanager
def shared(path: Path) -> Iterator[BinaryIO]:
    """Hold a log of all audits as `locked` does, and in a working copy against other machines too."""
    copy, name = _copy_of(path), path.name
    with ExitStack() as stack:
        if copy is not None:
            lease = Lease(copy.remote, f"{_LEASE}-{name}")
            copy.require_conditions()
            lease.take(patient=True)
            stack.callback(lease.give_back)
            copy.bring_log(name)
        with locked(path) as file:
            yield file
        if copy is not None:
            copy.settle()
            copy.put(name, copy.read(name))


def append_conditional(path: Path, made: Callable[[bytes], bytes]) -> None:
    """Add to a log in a working copy: `made` gets its bytes and returns those to append, which end in a newline.

    By a put that only succeeds over the bytes that `made` got; where another machine was faster, `made` is called again
    with what is there now. StorageError where it cannot be written.
    """
    copy = _copy_of(path)
    name = None if copy is None else copy.name_of(path)
    if copy is None or name is None:
        raise StorageError("{file}: no name of an audit's file", file=path)
    copy.require_conditions()
    copy.settle()
    with unheard():
        while True:
            data, etag = copy.remote.get(name) or (b"", None)
            whole = data[: data.rfind(b"\n") + 1] + made(data)
            try:
                copy.keep(name, whole, copy.remote.put(name, whole, after=etag))
                return
            except ChangedError:
                continue


def files_beside(folder: Path, name: str) -> list[Path]:
    """Return the files of a name in the folders beside one, sorted; in a working copy those that journals name."""
    if (copy := _copy_of(folder)) is None:
        return sorted(folder.parent.glob(f"*/{name}"))
    if copy.root not in _BESIDE:
        _BESIDE[copy.root] = Neighbours(copy)
    return _BESIDE[copy.root].files(folder, name)


def push_folder(folder: Path) -> None:
    """Store a whole folder that was just put into a working copy, its record last."""
    if (copy := _copy_of(folder)) is not None:
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda one: (one.name == "record.json", one.as_posix())):
            copy.written(path)


def _written(path: Path) -> None:
    if (copy := _copy_of(path)) is not None:
        copy.written(path)


def _copy_of(path: Path) -> WorkingCopy | None:
    return next((copy for copy in _COPIES.values() if path.is_relative_to(copy.root)), None)
