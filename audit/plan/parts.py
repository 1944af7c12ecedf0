"""Parts as files name them: `use: NAME` and options, built, with every mistake and its place.

Relative paths start at the folder of the file; nothing is opened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from audit import plugins
from audit.errors import DokimasiaError, UsageError, did_you_mean
from audit.plan.external_access import why_not_variable
from audit.strict_yaml import Document, KeyPath, StrictModel, error_text

if TYPE_CHECKING:
    from audit.plan.external_access import Confined

__all__ = ["PartReader"]


class PartReader:
    """Reads the parts of a document, gathering mistakes in `problems`."""

    def __init__(self, document: Document, base: Path, confined: Confined | None = None) -> None:
        self.document, self.base, self.confined, self.problems = document, base, confined, list[str]()

    def wrong(self, place: KeyPath, what: str) -> None:
        """Take a mistake down."""
        self.problems.append(f"{self.document.at(place)}: {what}")

    def part(self, kind: str, raw: Any, place: KeyPath) -> Any:
        """Return the part that `use` names, with its options; None where something is wrong with it."""
        if not isinstance(raw, dict) or not isinstance(raw.get("use"), str):
            if isinstance(raw, dict):
                self.wrong(place, f"needs 'use: NAME'; see 'dokimasia parts {kind}'")
            return None
        use = raw["use"]
        options = {key: value for key, value in raw.items() if key != "use"}
        try:
            part_type = plugins.load(kind, use)
        except UsageError as error:
            self.wrong((*place, "use"), str(error))
            return None
        before = len(self.problems)
        self._keys(part_type, kind, use, options, place)
        self._paths(part_type, options, place)
        if len(self.problems) > before:
            return None
        try:
            return plugins.build(kind, use, options)
        except ValidationError as error:
            for one in error.errors():
                self.wrong((*place, *one["loc"]), error_text(one, StrictModel))
        except (DokimasiaError, ValueError) as error:
            self.wrong(place, str(error))
        return None

    def _keys(self, part_type: type, kind: str, use: str, options: Mapping[str, Any], place: KeyPath) -> None:
        allowed = [one.name for one in dataclasses.fields(part_type)]
        for key in options:
            if key not in allowed:
                self.wrong((*place, key), f"unknown option {key!r} of {use}{did_you_mean(key, allowed)}")

    def _paths(self, part_type: type, options: dict[str, Any], place: KeyPath) -> None:
        for key in plugins.path_fields(part_type):
            value = options.get(key)
            if isinstance(value, str):
                options[key] = self._path(value, (*place, key))
            elif isinstance(value, list):
                options[key] = [
                    self._path(one, (*place, key, at)) if isinstance(one, str) else one for at, one in enumerate(value)
                ]
        if isinstance(options.get("key_env"), str):
            why = why_not_variable(options["key_env"], self.confined)
            self.problems += [] if why is None else [f"{self.document.at((*place, 'key_env'))}: {why}"]

    def _path(self, value: str, place: KeyPath) -> str:
        """Return a path from the file's folder; one that is not there, or out of reach, is a mistake."""
        try:
            path = (self.base / value).resolve()
            barred = None if self.confined is None else self.confined.why_not_path(path, self.base)
            there = barred is None and path.exists()
        except (OSError, ValueError, RuntimeError) as error:  # too long, with a NUL, or a link that leads to itself
            self.wrong(place, f"got {value[:60]!r}; {getattr(error, 'strerror', error)}")
            return value
        if not there:
            self.wrong(place, f"{value} {barred}" if barred else f"no such file or folder: {value}")
        return str(path)
