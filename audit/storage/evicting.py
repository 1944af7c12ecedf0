"""The cache of working copies has a size: what was used longest ago goes, if the store has all of it.

`DOKIMASIA_CACHE_MB` is the limit for each address, 20,000 if not given. An audit goes as a whole. One in which a single
file is not, byte for byte, what the store was last seen to have, or that a process runs, stays, however large.
"""

from __future__ import annotations

import os
from pathlib import Path

from audit.errors import UsageError
from audit.storage.working import WorkingCopy

__all__ = ["CACHE", "cache_folder", "evict"]

CACHE = "DOKIMASIA_CACHE_MB"
"""Environment variable with the megabytes that working copies may take."""
_LIMIT = 20_000


def cache_folder() -> Path:
    """Return the folder of all working copies; UsageError where the user has no home."""
    if home := os.environ.get("XDG_CACHE_HOME"):
        return Path(home) / "dokimasia" / "stores"
    try:
        return Path.home() / ".cache" / "dokimasia" / "stores"
    except RuntimeError:
        raise UsageError("there is no home for working copies; XDG_CACHE_HOME names a folder") from None


def evict(copy: WorkingCopy, *, keep: str) -> None:
    """Remove the audits that were used longest ago until the copy is within the limit; never the audit `keep`."""
    sizes = {name: _size(copy.root / name) for name in copy.folders()}
    over = sum(sizes.values()) - _limit()
    for name in sorted(sizes, key=copy.last_used):
        if over <= 0:
            return
        if name != keep and copy.drop_if_stored(name):
            over -= sizes[name]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _limit() -> int:
    given = os.environ.get(CACHE, "")
    if given and not given.isdigit():
        raise UsageError("{variable}: got {given!r}; allowed: a whole number of megabytes", variable=CACHE, given=given)
    return (int(given) if given else _LIMIT) * 1_000_000
