"""What the name of a file says of what is in it: its label, its unit (the speaker, the person shown), or both."""

from __future__ import annotations

import re
from pathlib import Path

from audit.errors import DataError

__all__ = ["TOLD_BY_NAMES", "check_names", "told_by_name"]

TOLD_BY_NAMES = ("label", "unit")
"""Groups that such a regular expression may have."""


def check_names(names: str | None) -> None:
    """Raise ValueError for what is no regular expression, and for one without these groups or with others."""
    if names is None:
        return
    try:
        groups = re.compile(names).groupindex.keys()
    except re.error as error:
        raise ValueError(f"names is no regular expression ({error})") from None
    if not groups or groups - set(TOLD_BY_NAMES):
        raise ValueError(f"names has the groups {', '.join(groups) or 'none'}; allowed: {', '.join(TOLD_BY_NAMES)}")


def told_by_name(names: str | None, file: Path) -> dict[str, str | None]:
    """Return group -> what it found in a file's name without ending; raises DataError where that does not fit."""
    if names is None:
        return {}
    found = re.fullmatch(names, file.stem)
    if found is None:
        raise DataError(f"{file}: its name does not fit `names`; allowed: {names}")
    return found.groupdict()
