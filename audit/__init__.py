"""Dokimasia audit: from a plan to a record; adapters, questions, probes, runner, storage and the command.

The import names `detectors`, `reports` and `dashboard` also exist as other people's distributions. So the first import
of `audit` makes sure, by the first word of their `__init__.py` and without importing them, that its siblings are ours.
The names below are loaded from their submodules when first asked for: `import audit` itself brings in nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from io import open_code
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.data import Frame
    from audit.execute import run
    from audit.plan import Check, Plan, load_plan
    from audit.plugins import open_model
    from audit.record import load_record

    __version__: str

__all__ = ["Check", "Frame", "Plan", "__version__", "load_plan", "load_record", "open_model", "run"]

_HOMES = {
    "Check": "audit.plan",
    "Frame": "audit.data",
    "Plan": "audit.plan",
    "load_plan": "audit.plan",
    "load_record": "audit.record",
    "open_model": "audit.plugins",
    "run": "audit.execute",
}
_MARKER = b'"""Dokimasia '


def __getattr__(name: str) -> Any:
    """Load a public name from the submodule where it lives (PEP 562); AttributeError for any other."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("dokimasia")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names too, loaded or not, so that a notebook completes them."""
    return sorted({*globals(), *__all__})


def _check_siblings() -> None:
    """Raise ImportError, in one line, where a sibling's name would bring in somebody else's module."""
    for name in ("detectors", "reports", "dashboard"):
        spec = find_spec(name)
        place = spec.origin if spec else None
        if not (place and _is_ours(place)):
            raise ImportError(f"`{name}` is not Dokimasia's: {_advice(place)}", name=name, path=place)


def _is_ours(place: str) -> bool:
    """Whether the source file begins as ours do."""
    with open_code(place) as source:
        return source.read(len(_MARKER)) == _MARKER


def _advice(place: str | None) -> str:
    """Whose the file at `place` is, as the installed distributions tell, and what to do about it."""
    if place is None:  # what uninstalling the other distribution leaves behind
        return "its __init__.py is gone; install Dokimasia again, in an environment of its own"
    from importlib.metadata import distributions

    for owner in distributions():
        if owner.name != "dokimasia" and any(str(owner.locate_file(file)) == place for file in owner.files or ()):
            return f"{place} belongs to {owner.name} {owner.version}; install Dokimasia in an environment of its own"
    return f"{place} belongs to no installed distribution; rename it, or start from another folder"


_check_siblings()
