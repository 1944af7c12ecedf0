"""What people say of items, person by person: who takes a word back takes only their own, and two can be compared.

    calls_of(entries)                check -> item -> the latest that each person says of it, the last said at the end
    counting(said)                   the one that counts for the number: the last with a value
    agreements(audit, check, calls)  how far each two persons agree beyond chance, and on which items they do not

A person is the key that signed, else the name; a person who is unsure takes nothing away from what others said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from audit.record import Audit
from audit.review.entries import Entry, Override
from audit.review.sides import units_of_items
from audit.seeds import rng_for

if TYPE_CHECKING:
    from detectors.result import Measure

__all__ = ["Agreement", "Call", "Calls", "Said", "agreements", "call_of", "calls_of", "counting", "then"]


@dataclass(frozen=True)
class Call:
    """What one person says of one item."""

    person: str
    """Fingerprint of the key that signed; the name where none did."""
    entry: Entry
    says: Override


Said = Mapping[str, Call]
"""Person -> what they say of one item, the last said at the end."""
Calls = Mapping[str, Mapping[str, Said]]
"""Check -> item -> what is said of it."""


def call_of(entry: Entry) -> Call | None:
    """Return what an entry says of an item's outcome; None where it speaks of something else."""
    if not isinstance(entry.says, Override):
        return None
    return Call(entry.author if entry.key is None else entry.key.fingerprint, entry, entry.says)


def then(said: Said, call: Call) -> dict[str, Call]:
    """Return what is said of an item after one more call."""
    if call.says.word is None and call.says.value is None:  # the machine's outcome counts again
        return {}
    others = {person: one for person, one in said.items() if person != call.person}
    return others if call.says.word == "taken back" else {**others, call.person: call}


def calls_of(entries: Iterable[Entry]) -> dict[str, dict[str, dict[str, Call]]]:
    """Return what stands of all that was said of items; items of which nothing stands are left out."""
    found: dict[str, dict[str, dict[str, Call]]] = defaultdict(dict)
    for entry in entries:
        call = call_of(entry)
        if call is not None and call.says.check is not None and call.says.item is not None:
            said = then(found[call.says.check].pop(call.says.item, {}), call)
            if said:
                found[call.says.check][call.says.item] = said
    return {check: items for check, items in found.items() if items}


def counting(said: Said) -> Call | None:
    """Return the call whose value counts: the last that has one; None without."""
    return next((one for one in reversed(list(said.values())) if one.says.value is not None), None)


@dataclass(frozen=True)
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
    for item in sorted(items):
        for person, call in items[item].items():
            by_person[person][item] = _category(call.says)
            names[person] = call.entry.author
    found = [
        _agreement(audit, check, (names[one], by_person[one]), (names[other], by_person[other]))
        for one, other in combinations(sorted(by_person, key=lambda person: (names[person], person)), 2)
        if by_person[one].keys() & by_person[other].keys()
    ]
    return sorted(found, key=lambda one: -one.kappa.n["items"])


def _category(says: Override) -> str:
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
