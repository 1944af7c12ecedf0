"""Views of the list of audits that a user has named: an address each, kept by this user's installation.

    $XDG_STATE_HOME/dokimasia/views.json      {"schema": 1, "views": {name: query string}}

A view is an address of the list and nothing more, read as strictly as any address, so that what lies in the file can
lead nowhere else. The file is its owner's alone. One that cannot be read is told, and not written over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.errors import IntegrityError, UsageError, first_problem, os_reason
from audit.files import canonical, locked, read_regular, write_atomic
from audit.signing import key_file
from dashboard.address import Address, read

__all__ = ["MOST", "forget_view", "save_view", "saved_views"]

MOST = 40
"""Views that are kept."""
LONGEST = 60
"""Characters of a name."""
_BYTES = 1 << 16


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    views: dict[str, str] = {}


def saved_views() -> dict[str, Address]:
    """Return name -> address, by name; IntegrityError where the file is not what was written here."""
    path = _file()
    if path is None or not os.path.lexists(path):
        return {}
    try:
        stored = _Stored.model_validate_json(read_regular(path, _BYTES))
        views = {name: read(dict(parse_qsl(query))) for name, query in stored.views.items()}
    except OSError as error:
        why = os_reason(error)
    except UsageError as error:
        why = error.message
    except ValidationError as error:
        why = first_problem(error)
    else:
        return {name: place for name, place in sorted(views.items()) if place.screen == "audits"}
    raise IntegrityError("{file}: {problem}; remove it", file=path, problem=why)


def save_view(name: str, place: Address) -> None:
    """Keep an address of the list under a name, in place of what had it; UsageError for a name that cannot be."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise UsageError(
            "view: got a name of {count} characters; allowed: 1 to {most} that can be printed",
            count=len(name), most=LONGEST,
        )
    _change(lambda views: {**views, name: place.to("audits", page=1).link.removeprefix("?")})


def forget_view(name: str) -> None:
    """Keep a view no longer."""
    _change(lambda views: {one: query for one, query in views.items() if one != name})


def _file() -> Path | None:
    key = key_file()
    return None if key is None else key.with_name("views.json")


def _change(change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
    path = _file()
    if path is None:
        raise UsageError("view: there is no home to keep it in")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(path.with_name("views.lock")):
        before = {name: place.link.removeprefix("?") for name, place in saved_views().items()}
        views = change(before)
        if len(views) > MOST:
            raise UsageError("view: {count} are kept; allowed: {most}", count=len(before), most=MOST)
        write_atomic(path, canonical({"schema": 1, "views": dict(views)}))
        path.chmod(0o600)
