"""What people say of items, person by person: who takes a word back takes only their own, and two can be compared.

    then(said, call)                 what is said of an item after one more call: the latest of each person
    counting(said)                   the one that counts for the number: the last with a value
    differ(said)                     whether two persons say different things of an item
    agreements(audit, check, calls)  how far each two persons agree beyond chance, and on which items they do not

A person is the key whose signature holds, else the name as it reads; who is unsure takes nothing away from what others
said. Whoever gives the same name with a key and without is one and the same where two are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from audit.record import Audit
from audit.review.entries import Entry, Override, signature_of
from audit.review.sides import right_outcomes, units_of_items
from audit.seeds import rng_for
from audit.signing import same_person
from detectors.immutable import immutable

if TYPE_CHECKING:
    from detectors.result import Measure

__all__ = ["Agreement", "Call", "Calls", "Said", "agreements", "call_of", "counting", "differ", "person_of", "then"]


@immutable
class Call:
    """What one person says of one item."""

    person: str
    """As `person_of`."""
    entry: Entry
    says: Override


Said = Mapping[str, Call]
"""Person -> what they say of one item, the last said at the end."""
Calls = Mapping[str, Mapping[str, Said]]
"""Check -> item -> what is said of it."""


def person_of(author: str, key: str | None) -> str:
    """Return as whom somebody speaks: the fingerprint of their key, else their name, which is none of a key."""
    return f"name {author.casefold()}" if key is None else f"key {key}"


def call_of(entry: Entry) -> Call | None:
    """Return what an entry says of an item's outcome; None where it speaks of something else."""
    if not isinstance(entry.says, Override):
        return None
    key = entry.key.fingerprint if entry.key is not None and signature_of(entry) == "holds" else None
    return Call(person_of(entry.author, key), entry, entry.says)


def then(said: Said, call: Call) -> dict[str, Call]:
    """Return what is said of an item after one more call."""
    if call.says.word is None and call.says.value is None:  # the machine's outcome counts again
        return {}
    others = {person: one for person, one in said.items() if person != call.person}
    return others if call.says.word == "taken back" else {**others, call.person: call}


def counting(said: Said) -> Call | None:
    """Return the call whose value counts: the last that has one; None without."""
    return next((one for one in reversed(list(said.values())) if one.says.value is not None), None)


def differ(said: Said) -> bool:
    """Tell whether two persons say different things of an item: other outcomes, or other words where one has none."""
    return any(
        (one.says.word != other.says.word if None in (one.says.value, other.says.value)
         else one.says.value != other.says.value) and not _same(one, other)
        for one, other in combinations(said.values(), 2)
    )


def _same(one: Call, other: Call) -> bool:
    return one.person == other.person or same_person(one.entry.author, other.entry.author)


@immutable
class Agreement:
    """How far two persons agree on the items of a check of which both spoke."""

    first: str
    second: str
    """Their names, as they gave them."""
    kappa: Measure
    """Cohen's kappa; undefined where it says nothing. Its `n` counts the items, and independent units."""
    differ: tuple[tuple[str, str, str], ...]
    """(item, what the first says, what the second says) where they differ, in the order of the ids."""


def agreements(audit: Audit, check: str, items: Mapping[str, Said]) -> list[Agreement]:
    """Return the agreement of each two persons who spoke of the same items, those with most items in common first."""
    by_person: dict[str, dict[str, str]] = defaultdict(dict)
    names: dict[str, str] = {}
    bare = [item for item, said in items.items() if any(one.says.word is None for one in said.values())]
    right = right_outcomes(audit, check, bare)
    for item in sorted(items):
        for person, call in items[item].items():
            by_person[person][item] = _category(call.says, right.get(item))
            names[person] = call.entry.author
    found = [
        _agreement(audit, check, (names[one], by_person[one]), (names[other], by_person[other]))
        for one, other in combinations(sorted(by_person, key=lambda person: (names[person], person)), 2)
        if by_person[one].keys() & by_person[other].keys() and not same_person(names[one], names[other])
    ]
    return sorted(found, key=lambda one: -one.kappa.n["items"])


def _category(says: Override, right: float | None) -> str:
    """Return what is said in a word; right: the outcome by which the item's own is right, where it has two sides."""
    if says.word is None and right is not None and says.value in (right, 1 - right):
        return "right" if says.value == right else "wrong"
    return says.word or f"{says.value:g}"


def _agreement(
    audit: Audit, check: str, one: tuple[str, Mapping[str, str]], other: tuple[str, Mapping[str, str]]
) -> Agreement:
    from detectors.agreement import cohen_kappa

    both = [item for item in one[1] if item in other[1]]
    said = [[rater[1][item] for item in both] for rater in (one, other)]
    rng = rng_for(audit.record.seed, check, "review")
    kappa = cohen_kappa(*said, level=audit.record.level, rng=rng, units=units_of_items(audit, check, both))
    differ = tuple((item, *pair) for item, *pair in zip(both, *said, strict=True) if pair[0] != pair[1])
    return Agreement(one[0], other[0], kappa, differ)
