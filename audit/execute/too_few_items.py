"""What a plan's data will be too few for, by what its probes say they need, told before anything is asked.

    probe.units_needed({role: items}) -> {role: (units, units)}        independent units: in each group that the items
                                                                       name, and in all
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.execute.dry_run import Sizes, known_lack
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.plan import Check, Plan

__all__ = ["Lack", "lacks_of"]


@immutable
class Lack:
    """A role that has too few independent units for a decision."""

    role: str
    group: str | None
    """That has fewest; None where the items name none."""
    units: int
    needed: int

    def __str__(self) -> str:
        units = f"{self.units:,} independent units" + ("" if self.group is None else f" of group {self.group}")
        return f"{self.role}: {units} are too few to decide anything; {self.needed:,} would do"


def lacks_of(plan: Plan, check: Check, sizes: Sizes) -> list[Lack]:
    """Return what a check's data will be too few for; nothing for a check that is known to be skipped."""
    asked: Any = getattr(check.probe, "units_needed", None)
    if asked is None or known_lack(plan, check):
        return []
    needed: dict[str, tuple[int, int]] = asked({role: sizes.items(check, role, plan.limit) for role in check.data})
    found = (_lack(check, role, plan.limit, wanted) for role, wanted in needed.items() if role in check.data)
    return [one for one in found if one is not None]


def _lack(check: Check, role: str, limit: int | None, needed: tuple[int, int]) -> Lack | None:
    """Return what a role lacks in the group with the fewest units, else in all; where some items name a group, those
    that name none do not count.
    """
    import pandas as pd

    from detectors.arrays import units_of

    whole = pd.concat([
        pd.DataFrame({"unit": units_of(part), "group": part.get("group")})
        for part in check.batches(role, limit)
    ])
    named = whole.dropna(subset="group")
    counts = named.groupby(named["group"].astype(str))["unit"].nunique()
    if len(counts) and counts.min() < needed[0]:
        return Lack(role, str(counts.idxmin()), int(counts.min()), needed[0])
    units = int((named if len(counts) else whole)["unit"].nunique())
    return Lack(role, None, units, max(needed)) if units < max(needed) else None
