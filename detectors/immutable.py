"""Frozen dataclasses that start in half the time.

    @immutable                     as @dataclass(frozen=True)
    @immutable(kw_only=True)       as @dataclass(frozen=True, kw_only=True)

Python writes out and compiles six methods for every frozen dataclass when its module is imported: half a millisecond
or more a class, of hundreds. The three that tell, compare and hash are the same for all here, and go through
its fields. What comes out is a dataclass of Python's, from which others may be derived, by Python's decorator too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform, overload

__all__ = ["immutable"]

_Class = TypeVar("_Class", bound=type[Any])


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(made: _Class, /) -> _Class: ...


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(*, eq: bool = True, kw_only: bool = False, slots: bool = False) -> Callable[[_Class], _Class]: ...


def immutable(made: Any = None, /, *, eq: bool = True, kw_only: bool = False, slots: bool = False) -> Any:
    """Make a class a frozen dataclass; what it has itself of `__repr__`, `__eq__` and `__hash__` stays."""
    methods = {"__repr__": _told} | ({"__eq__": _equal, "__hash__": _hash} if eq else {})

    def finished(made: Any) -> Any:
        own = {name for name, value in vars(made).items() if value is not None}  # None is a hash that is missing
        made = dataclass(frozen=True, repr=False, eq=False, kw_only=kw_only, slots=slots)(made)
        for name in methods.keys() - own:
            setattr(made, name, methods[name])
        return made

    return finished if made is None else finished(made)


@recursive_repr("...")
def _told(self: Any) -> str:
    values = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


def _equal(self: Any, other: Any) -> bool:
    values = _compared(self.__class__)
    return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_compared(self.__class__)(self))


@cache
def _compared(kind: Any) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the values of an instance that count, and its class, twice: of two and more come tuples."""
    return attrgetter("__class__", "__class__", *(one.name for one in fields(kind) if one.compare))
