"""What the numbers of a check speak of: a population, or the benchmark itself, and which part of it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from audit.plan import Check, Plan
    from audit.probe import Observed, Probe

__all__ = ["plan_for", "random_part", "repeatable", "units_within"]


def repeatable(probe: Probe, observed: Observed | None = None) -> bool:
    """Tell whether asking again would give the same answers, as far as probe and observations say."""
    if not getattr(probe, "repeatable", False):
        return False
    frames = [] if observed is None else [frame for frame in observed.values() if "likelihood" in frame]
    return all(frame["likelihood"].dropna().eq("exact").all() for frame in frames)


def plan_for(check: Check, plan: Plan, model: object, *, drawn: bool) -> Plan:
    """Return the plan as it holds for a check: of a population where its answers are drawn.

    drawn: whether the model was seen to answer equal questions differently; so it does where the temperature is left to
    its server.
    """
    by_server = drawn or "temperature" in getattr(model, "left_out", ())
    if repeatable(check.probe) and not (by_server and check.probe.needs):
        return plan
    return replace(plan, target="population")


def random_part(ordered: pd.DataFrame, items: int | None) -> pd.DataFrame:
    """Return the first units of items in random order: as many as never hold more than so many items together.

    How many is fixed beforehand, by the largest units, so that which come does not depend on how large they are.
    """
    from audit.verdict import Units, unit_sizes

    if items is None or items >= len(ordered):
        return ordered
    return Units(ordered).take(units_within(unit_sizes(iter([ordered])), items))


def units_within(sizes: Iterable[int], items: int) -> int:
    """Return how many units of these sizes never hold more than so many items together, whichever they are; one at
    least.
    """
    return max(1, sum(together <= items for together in accumulate(sorted(sizes, reverse=True))))
