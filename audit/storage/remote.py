"""An object store as a working copy needs it: get, put on a condition, list, remove; patient, and told in one line.

    put(name, data, after=None)     only where there is no object of that name
    put(name, data, after=etag)     only over the object that this etag names; else `ChangedError`

So nothing is ever written over what somebody else wrote. A put whose answer was lost is tried again and then finds its
own bytes, which counts as done; one that the server kept in part is seen by its digest or size, or found as the first
part of the same bytes, and put again.
What fails in passing (no connection, 429, 5xx) is tried again for `PATIENCE` seconds. Lines for people hold the
address, a status and its code, and nothing else of what a server said, which could hold a signature or a key.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from audit.errors import LibraryError, StorageError, UsageError
from detectors.immutable import immutable
from detectors.phrases import Phrase

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["ChangedError", "Object", "Remote"]

PATIENCE = 60.0
"""Seconds for which a call that fails in passing is tried again."""
_SLOWEST = 30
"""Seconds that one request may take without an answer."""
_PAGE = 1000
"""Objects that a store lists in one answer."""
_DEEP = 64
"""Objects of a folder, on average, from which on it is listed alone."""
_LASTING = re.compile(r"status code: (?:40[0134]|405|411|413|501)")
"""Answers that no patience changes."""
T = TypeVar("T")


class ChangedError(Exception):
    """Another object stands there than a put was to come after."""


class Object(NamedTuple):
    """An object of a listing."""

    name: str
    size: int
    etag: str


class _PassingError(Exception):
    """Something that may be otherwise the next time."""

    def __init__(self, phrase: Phrase) -> None:
        self.phrase = phrase
        super().__init__(str(phrase))


@immutable
class Remote:
    """The objects below one address."""

    url: str
    store: ObjectStore

    @staticmethod
    def at(url: str) -> Remote:
        """Open an address; credentials and endpoint come from the environment, as the cloud's own tools read it.

        Raises LibraryError without obstore, UsageError for an endpoint in the clear that is not this machine.
        """
        try:
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError:
            what = "an address of an object store needs obstore; allowed: pip install 'dokimasia[s3]'"
            raise LibraryError(what, library="obstore", extra="s3") from None
        clear = {"allow_http": True} if _is_clear(os.environ.get("AWS_ENDPOINT_URL", "")) else {}
        limits: Any = {"timeout": f"{_SLOWEST}s", "connect_timeout": "5s", **clear}
        try:
            return Remote(url, from_url(url, client_options=limits, retry_config={"max_retries": 0}))
        except (BaseError, ValueError) as error:
            raise UsageError("{url}: no store ({problem})", url=url, problem=_reason(error)) from None

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return an object's bytes and etag; None where there is none."""
        import obstore

        def read() -> tuple[bytes, str] | None:
            try:
                found = obstore.get(self.store, name)
                data = bytes(found.bytes())
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None
            if len(data) != found.meta["size"]:
                raise _PassingError(Phrase("cut short"))
            return data, _etag(found.meta)

        return self._patiently(name, read)

    def put(self, name: str, data: bytes, *, after: str | None) -> str:
        """Write an object over the one that `after` names, or, None, where there is none; return its etag."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        expected = after

        def write() -> str:
            nonlocal expected
            mode: Any = "create" if expected is None else {"e_tag": expected}
            try:
                etag = _etag(obstore.put(self.store, name, data, mode=mode, use_multipart=False))
            except (AlreadyExistsError, PreconditionError):
                there = self.get(name)
                if there is None and expected is None:  # two at once, of whom neither was let through
                    raise _PassingError(Phrase("two puts at once")) from None
                if there is None or not data.startswith(there[0]):
                    raise ChangedError from None
                if there[0] == data:
                    return there[1]
                expected = there[1]  # the first part of these very bytes: over it nothing is lost
                raise _PassingError(Phrase("kept in part")) from None
            whole = etag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()
            if not whole and self._size(name) != len(data):
                expected = etag
                raise _PassingError(Phrase("kept in part"))
            return etag

        return self._patiently(name, write)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        import obstore

        def away() -> None:
            with suppress(FileNotFoundError):
                obstore.delete(self.store, name)

        self._patiently(name, away)

    def names(self, folder: str = "") -> tuple[list[Object], list[str]]:
        """Return the objects right below a folder, and the folders below it."""
        import obstore

        def look() -> tuple[list[Object], list[str]]:
            found = obstore.list_with_delimiter(self.store, folder or None)
            return [_object(one) for one in found["objects"]], [str(one) for one in found["common_prefixes"]]

        return self._patiently(folder, look)

    def shallow(self) -> dict[str, list[Object]] | None:
        """Return folder -> the objects right in it, "" being the address itself, in one listing of all there is.

        None where what lies deeper is so much that folders are asked for faster one by one.
        """
        import obstore

        def look() -> dict[str, list[Object]] | None:
            found: dict[str, list[Object]] = {"": []}
            seen = 0
            for page in obstore.list(self.store, chunk_size=_PAGE):
                for meta in page:
                    folder = str(meta["path"]).rpartition("/")[0]
                    right = found.setdefault(folder.partition("/")[0], [])
                    if "/" not in folder:
                        right.append(_object(meta))
                seen += len(page)
                if seen > max(_PAGE, _DEEP * len(found)):
                    return None
            return found

        return self._patiently("", look)

    def tree(self, folder: str) -> list[Object]:
        """Return all objects below a folder, however deep."""
        import obstore

        def look() -> list[Object]:
            return [_object(one) for batch in obstore.list(self.store, folder) for one in batch]

        return self._patiently(folder, look)

    def require_conditions(self) -> None:
        """Raise UsageError for a server that puts whatever the condition: there two could write over each other."""
        name = f".probe-{secrets.token_hex(8)}"
        try:
            self.put(name, b"1", after=None)
            kept = [self._refuses(name, b"2", None), self._refuses(name, b"3", '"0"')]
        finally:
            self.remove(name)
        if not all(kept):
            raise UsageError(
                "{url}: this server ignores the conditions of a put (If-None-Match, If-Match), so that two could write "
                "over each other; allowed: to read from it",
                url=self.url,
            )

    def _refuses(self, name: str, data: bytes, after: str | None) -> bool:
        try:
            self.put(name, data, after=after)
        except ChangedError:
            return True
        return False

    def _size(self, name: str) -> int:
        import obstore

        return int(obstore.head(self.store, name)["size"])

    def _patiently(self, name: str, call: Callable[[], T]) -> T:
        """Return what a call returns; StorageError, in one line, where it fails for good or for too long."""
        from obstore.exceptions import BaseError

        until, pause = time.monotonic() + PATIENCE, 0.05
        while True:
            try:
                return call()
            except (_PassingError, BaseError, OSError) as error:
                left = until - time.monotonic()
                if _lasts(error) or left <= 0:
                    where = f"{self.url}/{name}" if name else self.url
                    told = "{url}: {problem}; what is stored stays"
                    raise StorageError(told, url=where, problem=_reason(error)) from None
                time.sleep(min(left, pause * (50 + secrets.randbelow(50)) / 100))
                pause = min(2 * pause, 5.0)


def _lasts(error: Exception) -> bool:
    """Whether trying again is of no use."""
    from obstore.exceptions import InvalidPathError, NotSupportedError, PermissionDeniedError, UnauthenticatedError

    lasting = (FileNotFoundError, InvalidPathError, NotSupportedError, PermissionDeniedError, UnauthenticatedError)
    return isinstance(error, lasting) or _LASTING.search(str(error)) is not None


def _reason(error: Exception) -> Phrase:
    """Return what went wrong, of which a server's own words are no part."""
    told = str(error)
    if isinstance(error, _PassingError):
        return error.phrase
    status = re.search(r"status code: (\d{3})", told)
    code = re.search(r"<Code>(\w{1,60})</Code>", told)
    if status is not None:
        named = Phrase(" {code}", code=code[1]) if code else ""
        return Phrase("the store answers {status}{named}", status=status[1], named=named)
    if "timed out" in told or "Timeout" in told:
        return Phrase("no answer in time")
    return Phrase("no answer") if "HTTP error" in told or "error sending" in told else Phrase("not usable")


def _is_clear(endpoint: str) -> bool:
    """Whether an endpoint is spoken to in the clear; UsageError where that leaves this machine unasked."""
    parts = urlsplit(endpoint)
    if parts.scheme != "http":
        return False
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    if parts.hostname not in ("127.0.0.1", "localhost", "::1") and not allowed:
        raise UsageError(
            "AWS_ENDPOINT_URL: http, which others can read; allowed: https, this machine, or AWS_ALLOW_HTTP=true"
        )
    return True


def _etag(meta: Any) -> str:
    if not meta.get("e_tag"):
        raise _PassingError(Phrase("no etag"))
    return str(meta["e_tag"])


def _object(meta: Any) -> Object:
    return Object(str(meta["path"]), int(meta["size"]), str(meta.get("e_tag") or ""))
