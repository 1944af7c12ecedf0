"""Where the index over a folder of audits lies: in that folder, else in the user's cache; or on a server.

    AUDITS/.catalogue.sqlite                             where this user may write, on a disk of this machine
    $XDG_CACHE_HOME/dokimasia/catalogue-<digest>.sqlite  else: read-only folders, network file systems, others' files
    DOKIMASIA_CATALOGUE=postgresql://...                 in a schema of the server for each folder of each machine
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from audit.database import is_url, on_network
from audit.errors import UsageError
from audit.files import sha256

__all__ = ["CATALOGUE", "NAME", "named", "place_of"]

CATALOGUE = "DOKIMASIA_CATALOGUE"
"""Environment variable with the URL of a PostgreSQL, or a file, for the index."""
NAME = ".catalogue.sqlite"


def place_of(root: Path, given: str | None = None) -> str | Path:
    """Return where the index over a folder lies: the URL or file that is given, or what the environment names."""
    wanted = given or os.environ.get(CATALOGUE, "").strip()
    if wanted:
        return wanted if is_url(wanted) else Path(wanted)
    beside = root / NAME
    here = not beside.is_symlink() and (not beside.exists() or _is_ours(beside))
    if here and _is_ours(root) and not on_network(root):
        return beside
    return _cache() / f"catalogue-{named(root)}.sqlite"


def named(root: Path) -> str:
    """Return sixteen letters for a folder of this machine."""
    return sha256(f"{platform.node()}\n{root.resolve()}".encode("utf-8", "surrogateescape"))[7:23]


def _is_ours(path: Path) -> bool:
    """Tell whether this user may write here, and nobody else made it: an index that others wrote is not read."""
    try:
        return os.access(path, os.W_OK) and (path.is_dir() or path.stat().st_uid == os.geteuid())
    except OSError:
        return False


def _cache() -> Path:
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dokimasia"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (OSError, RuntimeError):
        raise UsageError(
            "catalogue: no folder to keep it in; allowed: a home, or a file or URL in {variable}", variable=CATALOGUE
        ) from None
    return home
