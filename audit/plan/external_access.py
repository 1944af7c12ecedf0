"""What a plan reaches for outside its own folder: files of this machine, and keys that it sends to somebody.

    without    all of it is told before the first question
    confined   regular files below the plan's folder, and variables that are named DOKIMASIA_KEY_... or allowed by name

A plan is text from elsewhere. It can name any file and any address, so who runs it must see both.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from audit import plugins
from audit.errors import DokimasiaError, PlanError
from audit.signing import STATE_KEY
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.plan.checks import Plan

__all__ = ["Confined", "lacking_keys", "reaches", "require_keys", "why_not_variable"]

_OF_KEYS = re.compile(r"DOKIMASIA_KEY_[A-Za-z0-9_]+")
"""Environment variables that exist for plans."""


@immutable
class Confined:
    """What a plan of unknown origin may reach."""

    variables: tuple[str, ...] = ()
    """Environment variables that it may read beside `DOKIMASIA_KEY_...`."""

    def why_not_path(self, path: Path, base: Path) -> str | None:
        """Return why a file or folder is out of reach, links resolved; None where it is not."""
        home = base.resolve()
        for one in _whole(path):
            if not one.resolve().is_relative_to(home):
                return "lies outside the plan's folder, and --confined lets a plan read below it only"
            if one.exists() and not (stat.S_ISREG(one.stat().st_mode) or one.is_dir()):
                return "is no regular file, and --confined lets a plan read nothing else"
        return None

    def why_not_variable(self, name: str) -> str | None:
        """Return why an environment variable is out of reach; None where it is not."""
        if _OF_KEYS.fullmatch(name) or name in self.variables:
            return None
        return f"{name!r} is not allowed by --confined; name it DOKIMASIA_KEY_..., or run with --allow-env NAME"


def why_not_variable(name: str, confined: Confined | None) -> str | None:
    """Return why a plan may not read an environment variable; None where it may."""
    if name == STATE_KEY:
        return f"{name!r} vouches for what is stored here and goes to nobody"
    return None if confined is None else confined.why_not_variable(name)


def lacking_keys(plan: Plan) -> list[str]:
    """Return a line for every model and check whose keys cannot be had here; an opened model has had its own."""
    parts: dict[str, Any] = {f"model {name}": model for name, model in plan.models.items()}
    parts |= {f"check {check.name}": check.probe for check in plan.checks}
    problems = []
    for place, part in parts.items():
        try:
            getattr(part, "find_keys", lambda: None)()
        except DokimasiaError as error:
            problems.append(f"{place}: {error}")
    return problems


def require_keys(plan: Plan) -> None:
    """Raise PlanError with all of them where keys cannot be had here."""
    if problems := lacking_keys(plan):
        raise PlanError(problems)


def _whole(path: Path) -> Iterator[Path]:
    """Yield a path and, of a folder, all that is in it; links to folders are not walked."""
    yield path
    for place, folders, files in os.walk(path):
        yield from (Path(place, name) for name in [*folders, *files])


def reaches(plan: Plan, base: Path) -> Iterator[str]:
    """Yield a line for every file that lies outside `base`, and for every key that goes to a host."""
    home, told = base.resolve(), set[str]()
    for part in (*plan.models.values(), *(one for check in plan.checks for one in (*check.data.values(), check.probe))):
        for line in _of_part(part, home):
            if line not in told:
                told.add(line)
                yield line


def _of_part(part: Any, home: Path) -> Iterator[str]:
    for name in plugins.path_fields(part):
        value = getattr(part, name)
        for one in [value] if isinstance(value, Path) else value or ():
            if not one.resolve().is_relative_to(home):
                yield f"reads outside the plan's folder: {one.resolve()}"
    variable, url = getattr(part, "key_env", None), getattr(part, "url", None)
    if variable is not None and url is not None:
        yield f"sends the key in {variable} to {urlsplit(url).netloc}"
