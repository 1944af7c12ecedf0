"""Files that people write, plans and policies: YAML that is data, and every mistake of it at once.

    read_document(path, advice) -> Placed            the text with the place of every value, or one line why not
    mistakes(error, document, spec)                  file:line:column: what is wrong, what is allowed, did you mean

Keys are strict: one that a spec does not know is a mistake, never a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from audit.errors import PlanError, did_you_mean
from audit.files import read_regular
from audit.strict_yaml import MAX_BYTES, Place, Placed, read_yaml

__all__ = ["Strict", "by_line", "check_bounds", "mistakes", "read_document", "read_text", "told"]


class Strict(BaseModel):
    """Frozen; unknown keys and values of another type are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def check_bounds(at_least: float | None, at_most: float | None) -> None:
    """Raise ValueError where a limit has no bound, or bounds that nothing can keep."""
    if at_most is None and at_least is None:
        raise ValueError("a limit needs at_most, at_least or both")
    if at_most is not None and at_least is not None and at_least > at_most:
        raise ValueError(f"at_least {at_least:g} is above at_most {at_most:g}")


def read_text(path: str | Path, advice: str) -> str:
    """Return a file's text; PlanError, with `advice` where the file is not there."""
    try:
        return read_regular(path, MAX_BYTES).decode()
    except FileNotFoundError:
        raise PlanError([f"{path}: no such file; {advice}"]) from None
    except OSError as error:
        raise PlanError([f"{path}: cannot be read ({error.strerror})"]) from None
    except ValueError as error:  # not UTF-8, or no path at all
        raise PlanError([f"{path}: cannot be read ({error})"]) from None


def read_document(path: str | Path, advice: str) -> Placed:
    """Return a YAML file as data with places; PlanError with every mistake of its YAML."""
    return read_yaml(read_text(path, advice), str(path))


def mistakes(error: ValidationError, document: Placed, spec: type[BaseModel]) -> list[str]:
    """Return every mistake that a spec found in a document, in the order of its lines."""
    return sorted((f"{document.at(one['loc'])}: {told(one, spec)}" for one in error.errors()), key=by_line)


def by_line(problem: str) -> tuple[int, int]:
    """Return line and column of a problem, for sorting."""
    found = re.search(r":(\d+):(\d+): ", problem)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def told(error: Mapping[str, Any], spec: type[BaseModel]) -> str:
    """Return a pydantic error as one line: what is wrong, what is allowed."""
    loc: Place = error["loc"]
    key = ".".join(str(part) for part in loc if not isinstance(part, int)) or "plan"
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key {loc[-1]!r}{did_you_mean(str(loc[-1]), _keys_of(loc, spec))}"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "string_pattern_mismatch":
        return f"{key}: got {error['input']!r}; allowed: small letters, digits, '-' and '_', at most 64"
    if kind == "value_error":
        return f"{key}: {context.get('error', error['msg'])}"
    return f"{key}: got {error['input']!r}; {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys_of(loc: Place, spec: type[BaseModel]) -> Iterator[str]:
    """Return the keys that are allowed where the last part of `loc` stands."""
    for part in loc[:-1]:
        field = spec.model_fields.get(str(part))
        spec = next(_specs_in(field.annotation), spec) if field is not None else spec
    return iter(spec.model_fields)


def _specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _specs_in(inner)
