"""A class made `immutable` is told, compared, hashed and guarded as Python's frozen dataclass is."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from functools import partial
from itertools import product
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from detectors.immutable import immutable

PYTHONS = partial(dataclass, frozen=True)


def family(make):
    """Return classes of every kind that there is among ours, made by a decorator."""

    @make
    class Empty:
        pass

    @make
    class One:
        value: object

    @make
    class Several:
        value: object
        other: object = ()
        hidden: object = field(default=None, repr=False)
        aside: object = field(default=None, compare=False)
        name: ClassVar[str] = "several"

    @make(kw_only=True)
    class Derived(One):
        more: object = 1

    @make(slots=True)
    class Narrow:
        value: object
        other: object = 2

    @make(eq=False)
    class Itself:
        value: object

    @make
    class Own:
        value: object

        def __repr__(self):
            return "own"

        def __eq__(self, other):
            return isinstance(other, Own)

        def __hash__(self):
            return 7

    names = {"__annotations__": {"value": object}, "__eq__": lambda self, other: True}
    return Empty, One, Several, Derived, Narrow, Itself, Own, make(type("OwnEqual", (), names))


OURS, THEIRS = ((*made, type("Undecorated", (made[1],), {})) for made in (family(immutable), family(PYTHONS)))
NAN = float("nan")
VALUES = (0, False, 1, 1.0, NAN, float("nan"), "a", ("a",), None, frozenset({1}))


def made(kind, *values):
    names = [one.name for one in fields(kind)]
    return kind(**dict(zip(names, values, strict=False)))


@pytest.mark.parametrize("at", range(len(OURS)), ids=lambda at: OURS[at].__name__)
def test_it_is_told_compared_and_hashed_as_pythons(at):
    ours, theirs = OURS[at], THEIRS[at]
    count = len(fields(ours))
    given_values = list(product(VALUES, repeat=min(count, 2)))
    pairs = [(made(ours, *values), made(theirs, *values)) for values in given_values]
    for our, their in pairs:
        assert repr(our) == repr(their)
        if ours.__name__ != "Itself":
            assert hash(our) == hash(copy.copy(our))
            assert hash(their) == hash(copy.copy(their))
    for (our, their), (our2, their2) in product(pairs[::3], pairs):
        assert (our == our2) == (their == their2), (our, our2)
        if our == our2 and ours.__name__ not in ("Itself", "OwnEqual"):
            assert hash(our) == hash(our2)
        assert our != 1 or ours.__name__ == "OwnEqual"


@given(st.lists(st.integers() | st.text() | st.floats(), min_size=2, max_size=2))
def test_law_equal_ones_are_one_in_a_set_and_a_changed_value_makes_another(values):
    one = made(OURS[2], *values)
    assert len({one, copy.deepcopy(one), replace(one, aside=3)}) == 1 or NAN in values or any(v != v for v in values)
    assert replace(one, other="another \x00") != one


@pytest.mark.parametrize("at", range(len(OURS)), ids=lambda at: OURS[at].__name__)
def test_nothing_can_be_set_or_deleted(at):
    one = made(OURS[at], 1, 2)
    for name in [own.name for own in fields(one)]:
        with pytest.raises(FrozenInstanceError):
            setattr(one, name, 3)
        with pytest.raises(FrozenInstanceError):
            delattr(one, name)


def test_only_those_of_one_class_are_equal():
    empty, one, *_, undecorated = OURS
    assert one(1) != undecorated(1)
    assert one(1) == one(1) != THEIRS[1](1)
    assert empty() == empty()


def test_it_is_a_dataclass_that_others_are_derived_from():
    @dataclass(frozen=True)
    class Child(OURS[2]):
        more: int = 0

    child = Child(1, more=2)
    assert is_dataclass(child)
    assert child == Child(1, more=2) != Child(1, more=3)
    assert asdict(child) == {"value": 1, "other": (), "hidden": None, "aside": None, "more": 2}
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        dataclass(type("Loose", (OURS[2],), {}))


@immutable
class Read:
    """One that can be found by its name, as reading and pickling want it."""

    number: int
    words: tuple[str, ...] = ()


def test_it_is_read_from_json_and_pickled():
    read = TypeAdapter(Read).validate_json('{"number": 1, "words": ["a"]}')
    assert read == Read(1, ("a",)) == pickle.loads(pickle.dumps(read))
    assert repr(read) == "Read(number=1, words=('a',))"


def test_a_class_that_holds_itself_can_be_told():
    held: list[object] = []
    held.append(OURS[1](held))
    assert "..." in repr(held[0])


def test_what_all_have_is_compiled_for_none():
    first, second = OURS[1:3]
    for name in ("__repr__", "__eq__", "__hash__"):
        assert vars(first)[name] is vars(second)[name]
