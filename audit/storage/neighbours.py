"""Answers in the audits beside one: a store is not searched for each, as their journals name them all.

A journal is read here only for names; whether an entry of it counts is for `audit.ask.store` to say.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from audit.storage.working import WorkingCopy

__all__ = ["Neighbours"]

_PATH = re.compile(rb'"path":"(observed/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+\.parquet)"')


class Neighbours:
    """Which audits of a working copy name which answers, as their journals said when this was made."""

    def __init__(self, copy: WorkingCopy) -> None:
        self._copy = copy
        self._owners: defaultdict[str, list[str]] = defaultdict(list)
        for audit in sorted(copy.folders()):
            for name in set(_PATH.findall(copy.read(f"{audit}/journal.jsonl") or b"")):
                self._owners[name.decode()].append(audit)

    def files(self, folder: Path, name: str) -> list[Path]:
        """Return the files of a name in the other folders, each brought if it is not here."""
        owners = [audit for audit in self._owners.get(name, ()) if audit != folder.name]
        found = [self._copy.root / audit / name for audit in owners]
        for path in found:
            self._copy.bring_file(path)
        return [path for path in found if path.is_file()]
