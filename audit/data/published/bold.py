"""BOLD (arXiv:2101.11718): the first words of what encyclopedia pages say of members of a group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.columns import readable
from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, open_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["BOLDPrompts"]

_FIELDS = ("prompt", "group", "unit")
_ROWS = 4096
_LARGEST = 1 << 26
"""Bytes of a file that is read at once."""


@immutable
class BOLDPrompts(Source):
    """BOLD as published (Dhamala et al. 2021): `prompt`, `group` (American_actors, ...), `unit` (the page)."""

    path: Path
    """One of the published files, e.g. gender_prompt.json."""
    groups: list[str] | None = None
    """Groups to keep; absent = all of the file."""
    licence: str | None = field(default="CC BY-SA 4.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Dhamala et al. 2021, arXiv:2101.11718", kw_only=True)
    """Where the data come from, for the record."""

    def digest(self) -> str:
        """Return the digest of the file's bytes and of the groups."""
        return sha256(canonical({"file": self._digest_of(self.path), "groups": self.groups}))

    def columns(self) -> list[str]:
        """Return the fields that prompts give."""
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of prompts; see `audit.data.source.DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        for name in sorted(role.fields.keys() - role.optional - set(_FIELDS)):
            raise DataError(f"{self.path}: BOLD has no field {name!r}{did_you_mean(name, _FIELDS)}")
        rows = islice(self._rows(self._read()), limit)
        chunks = iter(lambda: list(islice(rows, _ROWS)), [])
        wanted = [name for name in _FIELDS if name in role.fields]
        columns = (dict(zip(_FIELDS, map(list, zip(*chunk, strict=True)), strict=True)) for chunk in chunks)
        return frames_of(self.path, (({name: one[name] for name in wanted}, None) for one in columns), role)

    def _read(self) -> dict[str, Any]:
        """Return group -> page -> prompts; raises DataError for another layout and for a group that is not there."""
        with readable(self.path), open_regular(self.path) as file:
            found = json.loads(file.read(_LARGEST))
        pages = list(found.values()) if isinstance(found, dict) else [None]
        lists = [prompts for page in pages if isinstance(page, dict) for prompts in page.values()]
        told = all(isinstance(page, dict) for page in pages) and all(isinstance(one, list) for one in lists)
        if not told or not all(isinstance(prompt, str) for one in lists for prompt in one):
            raise DataError(f"{self.path}: is not laid out as BOLD; allowed: an object of groups, of pages, of prompts")
        for name in self.groups or ():
            if name not in found:
                raise DataError(f"{self.path}: no group {name!r}{did_you_mean(name, found)}")
        return {name: found[name] for name in (found if self.groups is None else self.groups)}

    def _rows(self, found: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
        for group, pages in found.items():
            for page, prompts in pages.items():
                for prompt in prompts:
                    if prompt.strip():
                        yield prompt.rstrip(), group, page
