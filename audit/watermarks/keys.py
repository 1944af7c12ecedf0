"""Key files of marks, `*.dokimasia-key`: what a mark was made with, readable by its owner alone, and never recorded.

    commitment = SHA-256(salt || secret)

A record holds `told`: id, variant and commitment. Whoever has the file can show later which key was meant; whoever has
the record learns nothing of it. A new secret is a new file with a new id.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from audit.errors import IntegrityError, UsageError, os_reason
from audit.files import parse_json, read_regular
from detectors.immutable import immutable

__all__ = ["SUFFIX", "MarkKey", "make_mark_key", "read_mark_key", "write_mark_key"]

SUFFIX = ".dokimasia-key"
_MOST = 1 << 16
"""Bytes of a key file."""
_SECRET = 32


@immutable
class MarkKey:
    """A secret, and the mark that it belongs to."""

    id: str
    variant: str
    """Which mark, exactly; `image-spread`, or the name of a watermark part."""
    secret: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Options of the mark that its detector must know too."""
    device: str = "cpu"
    """Whose random numbers the mark takes; those of any other than `cpu` are drawn nowhere here."""
    scope: str = ""
    """What the key is for, in the owner's words."""
    valid_from: str | None = None
    valid_until: str | None = None
    """First and last day, as YYYY-MM-DD."""

    @property
    def commitment(self) -> str:
        """`sha256:...` of salt and secret."""
        return "sha256:" + hashlib.sha256(self.salt + self.secret).hexdigest()

    @property
    def told(self) -> dict[str, str]:
        """What a record, a screen or a log may hold of the key."""
        return {"id": self.id, "variant": self.variant, "commitment": self.commitment}

    def valid_on(self, day: datetime.date) -> bool:
        """Tell whether it is meant to mark anything on that day; what it has marked it finds on any."""
        return (self.valid_from or "") <= day.isoformat() <= (self.valid_until or "9999-12-31")


def make_mark_key(variant: str, *, secret: bytes | None = None, **facts: Any) -> MarkKey:
    """Return a key with a new id, of a new secret unless one is given; `facts` are further fields of `MarkKey`."""
    secret = secrets.token_bytes(_SECRET) if secret is None else secret
    return MarkKey(secrets.token_hex(4), variant, secret, secrets.token_bytes(16), **facts)


def write_mark_key(path: Path, key: MarkKey) -> None:
    """Write a key to `path`, mode 600; never over what is there. Raises UsageError."""
    if not path.name.endswith(SUFFIX):
        raise UsageError("{file}: the name of a key file ends in {suffix}", file=path, suffix=SUFFIX)
    told = {**vars(key), "secret": key.secret.hex(), "salt": key.salt.hex(), "commitment": key.commitment}
    data = json.dumps({"dokimasia": "mark key", **told, "parameters": dict(key.parameters)}, indent=1).encode() + b"\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise UsageError("{file}: there already; name another file, a key is never written over", file=path) from None
    except OSError as error:
        raise UsageError("{file}: the key cannot be written ({problem})", file=path, problem=os_reason(error)) from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_mark_key(path: Path) -> MarkKey:
    """Return the key in a file; UsageError where there is none or others may read it, IntegrityError if it changed."""
    try:
        data = read_regular(path, _MOST)
        open_to = stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=path, problem=os_reason(error)) from None
    if open_to:
        raise UsageError("{file}: others may read this key; 'chmod 600' it, or make a new one", file=path)
    try:
        found = parse_json(data)
        commitment = found.pop("commitment")
        if found.pop("dokimasia") != "mark key":
            raise ValueError
        key = MarkKey(**{**found, "secret": bytes.fromhex(found["secret"]), "salt": bytes.fromhex(found["salt"])})
        if not _fits(key):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError("{file}: not a key file of a mark", file=path) from None
    if key.device != "cpu":
        raise UsageError(
            "{file}: a mark by the random numbers of {device}, which are drawn nowhere here; allowed: cpu",
            file=path, device=key.device,
        )
    if commitment != key.commitment:
        raise IntegrityError("{file}: the secret is not the one that was committed to", file=path)
    return key


def _fits(key: MarkKey) -> bool:
    """Tell whether what a file says beside the secret can be what it is called."""
    days = [day for day in (key.valid_from, key.valid_until) if day is not None]
    return (
        all(isinstance(one, str) for one in (key.id, key.variant, key.device, key.scope))
        and isinstance(key.parameters, dict)
        and all(datetime.date.fromisoformat(day).isoformat() == day for day in days)
        and days == sorted(days)
    )
