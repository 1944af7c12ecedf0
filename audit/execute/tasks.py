"""What is answered ahead, cut into tasks: a part of a check each, or all of a check that looks at every step.

    plan order:  check 1 part 0, part 1, ...  check 2 part 0, ...      one queue, so that checks run side by side

Which parts there are depends on data and plan alone (`audit.execute.observing.parts_of`). A task knows where the
numbers of its draws begin (`audit.ask.expected_draws`), so that its answers bear the keys of one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from audit import plugins
from audit.ask import Foresight, procedure_for
from audit.execute.dry_run import shared_with
from audit.execute.observing import parts_of
from audit.execute.target import plan_for
from audit.model import ABILITIES
from audit.probe import observing
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.ask import Asker
    from audit.execute.ahead import Order
    from audit.plan import Check, Plan

__all__ = ["Task", "is_private", "roles_of", "sent_out", "tasks_of"]


@immutable
class Task:
    """What a worker does at once."""

    check: str
    role: str | None = None
    """None: all of the check, role by role, as one that stops early must be."""
    part: int = 0
    drawn: dict[str, dict[bytes, int]] = field(default_factory=dict)
    """Key -> prompt's digest -> draws in the parts before."""
    lane: object = None
    """Tasks of one lane may ask the same and are never under way together, so that none asks what another just does."""
    last: bool = False
    """Whether what its observer knows comes from all earlier tasks of its check, so that it waits for them."""
    attempts: int = 0
    """How often a worker was lost with it."""


def roles_of(check: Check) -> list[str]:
    """Return the roles of a check in the order in which they are observed: `items` last."""
    return sorted(check.data, key=lambda one: one == "items")


def is_private(check: Check) -> bool:
    """Tell whether what a check asks speaks of one machine at one time, as times do."""
    known = set(plugins.names("procedures"))
    return any(need in known and procedure_for(need).private for need in check.probe.needs - ABILITIES.keys())


def sent_out(plan: Plan, door: Asker) -> list[Check]:
    """Return the checks whose questions are answered ahead: those that ask a model, can, and do not ask what another
    check does anyway.
    """
    return [check for check in plan.checks if _asks(check, door) and shared_with(plan, check) is None]


def _asks(check: Check, door: Asker) -> bool:
    there = all(role in check.data for role, wanted in check.probe.roles.items() if wanted.required)
    asks = bool(check.probe.needs) or len(door.models) > 1
    return there and asks and all(map(door.has, check.probe.needs)) and not is_private(check)


def tasks_of(order: Order, door: Asker) -> Iterator[Task]:
    """Yield the tasks of an audit in the order of its plan; data are read as far as tasks are taken.

    door: through which the audit asks.
    """
    for check in sent_out(order.plan, door):
        plan = plan_for(check, order.plan, door.models.get("main"), drawn=order.drawn)
        if check.stop == "early":
            yield Task(check.name, lane=_lane(order.plan, check, "items", 0))
        else:
            yield from _parts(order.plan, plan, check, door)


def _parts(written: Plan, plan: Plan, check: Check, door: Asker) -> Iterator[Task]:
    foresight = Foresight(door.models, door.store, door.seed, door.audit)
    for role in roles_of(check):
        last = role == "items" and hasattr(check.probe, "informed") and len(check.data) > 1
        with ExitStack() as stack:
            observe = None
            with suppress(Exception):  # one that must be told of other roles, or whose library is not there
                observe = stack.enter_context(observing(check.probe, role, {})).observe
            for number, part in enumerate(parts_of(check, plan, door.models, role)):
                drawn = {} if observe is None else foresight.before(partial(observe, items=part, role=role))
                yield Task(check.name, role, number, drawn, _lane(written, check, role, number), last)


def _lane(plan: Plan, check: Check, role: str, part: int) -> object:
    """Return what says which rows a part holds: the first source that is equal to its own, and its number."""
    source = check.data.get(role)
    for number, other in enumerate(plan.checks):
        for name, one in other.data.items():
            if one == source:
                return number, name, part
    return check.name, role, part
