"""Judging alone: what others said of an item is not shown to whoever has not yet said what is right of it.

    dokimasia show --blind      so that two people's agreement says how far they agree, and not who read whom

What is hidden are calls, reasons and comments of items, not what becomes of the finding by all of them, nor what people
say of findings and audits. Behind a login an approver sees everything: somebody has to decide.
"""

from __future__ import annotations

import os
from dataclasses import replace

from audit.review import Entry, ReviewState
from dashboard.people import Person
from dashboard.speakers import behind_login

__all__ = ["BLIND", "judges_alone", "seen_by"]

BLIND = "DOKIMASIA_BLIND"
"""Environment variable that is set where people judge alone."""


def judges_alone(me: Person) -> bool:
    """Tell whether somebody is not shown what others said of items."""
    return bool(os.environ.get(BLIND)) and not (behind_login() and me.approves)


def seen_by(me: Person, state: ReviewState) -> ReviewState:
    """Return the state as somebody may see it; the same one where nothing is hidden from them."""
    if not judges_alone(me):
        return state
    mine = {(check, item) for check, items in state.calls.items() for item, said in items.items() if me.id in said}

    def shown(entry: Entry) -> bool:
        target = entry.says.check, entry.says.item
        return target[1] is None or target in mine or entry.author == me.name

    calls = {
        check: {item: said for item, said in items.items() if (check, item) in mine}
        for check, items in state.calls.items()
    }
    targets = {
        target: replace(said, comments=tuple(filter(shown, said.comments))) for target, said in state.targets.items()
    }
    reviewed = {
        check: replace(one, changes=tuple(change for change in one.changes if (check, change.item) in mine))
        for check, one in state.reviewed.items()
    }
    return replace(
        state, entries=tuple(filter(shown, state.entries)), targets=targets, reviewed=reviewed,
        calls={check: items for check, items in calls.items() if items},
    )
