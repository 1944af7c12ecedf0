"""What this installation wrote itself: a keyed MAC that nobody else can make.

    mac = HMAC-SHA256(key, canonical JSON of what is meant)

The key is 32 random bytes in `$XDG_STATE_HOME/dokimasia/key` (`~/.local/state/dokimasia/key` where that is not set),
readable by its owner alone, made at first use and never moved with an audit. Stored answers and records that carry a
valid MAC may stand for a model; others can be read and verified, and are asked again. Where no key can be kept, one is
made up for the process, which then believes what it wrote itself and nothing else.

A machine that is new each time, as in CI, is given the key in `DOKIMASIA_STATE_KEY`, 64 hexadecimal digits; no file is
read or written then. It is as secret as a signing key: whoever has it can write what is believed here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from audit.errors import UsageError
from audit.files import canonical, read_regular
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["STATE_KEY", "Secret", "key_file"]

STATE_KEY = "DOKIMASIA_STATE_KEY"
"""Environment variable with the key, where no file keeps it."""
_SIZE = 32


@immutable
class Secret:
    """The key of this installation."""

    key: bytes
    problem: str | None = None
    """Why it lasts no longer than the process; None where it is kept."""

    @staticmethod
    def here() -> Secret:
        """Return the key given in the environment, else that of this user, which is made where there is none.

        UsageError for one given that is no key; what it is instead is not told.
        """
        given = os.environ.get(STATE_KEY, "").strip()
        return _given(given) if given else _kept(key_file())

    def mac(self, *what: Any) -> str:
        """Return the MAC over values of JSON, in hex."""
        return hmac.new(self.key, canonical(what), hashlib.sha256).hexdigest()

    def holds(self, mac: object, *what: Any) -> bool:
        """Tell whether `mac` is this installation's word on `what`."""
        return isinstance(mac, str) and mac.isascii() and hmac.compare_digest(mac, self.mac(*what))


def key_file() -> Path | None:
    """Return where the key is kept; None where the user has no home."""
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / "dokimasia" / "key"
    try:
        return Path.home() / ".local" / "state" / "dokimasia" / "key"
    except RuntimeError:
        return None


def _given(text: str) -> Secret:
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * _SIZE}}}", text):
        got = Phrase("{count} characters", count=len(text)) if len(text) != 2 * _SIZE else Phrase("other characters")
        how = Phrase("{digits} hexadecimal digits, as 'openssl rand -hex {size}' prints", digits=2 * _SIZE, size=_SIZE)
        raise UsageError("{variable}: got {got}; allowed: {how}", variable=STATE_KEY, got=got, how=how)
    return Secret(bytes.fromhex(text))


@lru_cache(maxsize=16)
def _kept(file: Path | None) -> Secret:
    if file is None:
        return _passing("there is no home to keep a key in")
    try:
        if not os.path.lexists(file):
            _make(file)
        facts = os.lstat(file)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            return _passing(f"{file} is open to others; chmod 600, or remove it")
        key = read_regular(file, _SIZE)
        return Secret(key) if len(key) == _SIZE else _passing(f"{file} is no key; remove it")
    except OSError as error:
        return _passing(f"{file}: {error.strerror}")


def _passing(why: str) -> Secret:
    return Secret(secrets.token_bytes(_SIZE), why)


def _make(file: Path) -> None:
    """Put a key in its place whole; of several processes that try, one wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".key.{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(secrets.token_bytes(_SIZE))
            written.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink()
