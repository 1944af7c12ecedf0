"""Who may write: an object that one process holds, renews, and hands back; of several that try, one wins.

    .lease      {"beat": n, "host": name, "owner": 32 hex digits, "term": seconds}; owner empty: handed back

It is taken by a put that only succeeds where there is none, or over the very etag of one that was handed back or grew
stale: one that nobody renewed for its whole term while we watched. No two clocks are compared. Each renewal changes the
bytes, and so the etag. Whoever finds another object in the place of its own has lost the lease and writes no more; what
it still had under way is put on conditions too (`audit.storage.remote`) and does not overwrite what the next one wrote.
"""

from __future__ import annotations

import os
import platform
import secrets
import threading
import time
from typing import Any

from audit.errors import StorageError, UsageError
from audit.files import canonical, parse_json
from audit.storage.remote import ChangedError, Remote

__all__ = ["LEASE", "Lease"]

LEASE = "DOKIMASIA_LEASE"
"""Environment variable with the seconds after which a lease that nobody renews may be taken over."""
_TERM = 15.0


class Lease:
    """A lease on one folder or log of a store."""

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote, self._name = remote, name
        self._owner, self._beat, self._term = secrets.token_hex(16), 0, _term()
        self._etag, self._lost = "", False
        self._turn, self._over = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, *, patient: bool) -> None:
        """Take the lease; `patient` waits for whoever holds it, else UsageError where somebody renews it.

        One that is not renewed is waited for in either case, at most its term.
        """
        seen, since = "", time.monotonic()
        while True:
            there = self._remote.get(self._name)
            etag, told = (None, _told(b"")) if there is None else (there[1], _told(there[0]))
            if etag is not None and told["owner"]:
                if etag != seen:
                    if seen and not patient:
                        raise UsageError(
                            "{url}: {host} runs this audit; wait for it or use another --into",
                            url=f"{self._remote.url}/{self._name}", host=told["host"],
                        )
                    seen, since = etag, time.monotonic()
                if time.monotonic() - since < told["term"]:
                    time.sleep(0.1 if patient else 0.25)
                    continue
            try:
                self._etag = self._remote.put(self._name, self._body(), after=etag)
                break
            except ChangedError:
                continue
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Raise StorageError where the lease is somebody else's by now."""
        if self._lost:
            raise StorageError(
                "{url}: somebody else took this audit over; nothing more is written here",
                url=f"{self._remote.url}/{self._name}",
            )

    def give_back(self) -> None:
        """Let the next one have it at once."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        with self._turn:
            self._owner = ""
            if not self._lost:
                self._renew()

    def _keep(self) -> None:
        while not self._over.wait(self._term / 3):
            with self._turn:
                try:
                    self._renew()
                except StorageError:  # down: the next beat tries again, and what is put meanwhile has its conditions
                    continue
            if self._lost:
                return

    def _renew(self) -> None:
        try:
            self._etag = self._remote.put(self._name, self._body(), after=self._etag)
        except ChangedError:
            self._lost = True

    def _body(self) -> bytes:
        self._beat += 1
        return canonical({"beat": self._beat, "host": platform.node(), "owner": self._owner, "term": self._term})


def _told(data: bytes) -> dict[str, Any]:
    """Return what a lease says; one that cannot be read is like one that nobody renews."""
    try:
        told = parse_json(data)
        return {"owner": str(told["owner"]), "host": str(told["host"])[:80], "term": min(float(told["term"]), 600.0)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {"owner": "?" if data else "", "host": "somebody", "term": _TERM}


def _term() -> float:
    given = os.environ.get(LEASE, "")
    try:
        term = float(given) if given else _TERM
    except ValueError:
        term = 0.0
    if not 1 <= term <= 600:
        raise UsageError("{variable}: got {given!r}; allowed: 1 to 600 seconds", variable=LEASE, given=given)
    return term
