"""Before anything is asked: how much data there are, how many calls they make, and how long these will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import DokimasiaError
from audit.execute.target import units_within
from audit.model import fingerprint_of
from audit.record import RUN_FILE, load_record
from audit.verdict import unit_sizes

if TYPE_CHECKING:
    import pandas as pd

    from audit.plan import Check, Plan

__all__ = ["Sizes", "expected_calls", "known_lack", "seconds_per_call", "shared_with"]


class Sizes:
    """How much the data of checks hold, read once, however many checks share them and whatever asks for it."""

    def __init__(self) -> None:
        self._known: list[tuple[Any, Any]] = []

    @classmethod
    def of(cls, plan: Plan) -> Sizes:
        """Return the sizes of all data of a plan; raises DataError where a row is not as it must be."""
        sizes = cls()
        for check in plan.checks:
            for role in check.data:
                by_unit = role == "items" and (check.stop == "early" or plan.target == "benchmark")
                (sizes.units if by_unit else sizes.items)(check, role, plan.limit)
        return sizes

    def items(self, check: Check, role: str, limit: int | None) -> int:
        """Return how many items a role has, of at most `limit`."""
        by_unit = self._counted(check, role, limit, unit_sizes)
        return sum(self._once(check, role, limit, _lengths) if by_unit is None else by_unit)

    def units(self, check: Check, role: str, limit: int | None) -> tuple[int, ...]:
        """Return how many items each independent unit of a role has."""
        return self._once(check, role, limit, unit_sizes)

    def calls(self, check: Check, limit: int | None) -> int:
        """Return how many items a check asks, as its probe estimates."""
        asked = [role for role in check.data if not check.probe.roles[role].searched]
        return sum(check.probe.estimate(self.items(check, role, limit)) for role in asked)

    def part(self, check: Check, limit: int | None) -> tuple[int, int, int]:
        """Return (items, units, population): what of a benchmark is asked at most, and how many units it has."""
        units = self.units(check, "items", None)
        if limit is None or limit >= sum(units):
            return sum(units), len(units), len(units)
        return limit, units_within(units, limit), len(units)

    def _once(self, check: Check, role: str, limit: int | None, count: _Count) -> tuple[int, ...]:
        if role not in check.data:
            return ()
        found = self._counted(check, role, limit, count)
        if found is None:
            found = count(check.batches(role, limit))
            self._known.append(((count, limit, check.probe.roles[role], check.data[role]), found))
        return found

    def _counted(self, check: Check, role: str, limit: int | None, count: _Count) -> tuple[int, ...] | None:
        if role not in check.data:
            return ()
        key = count, limit, check.probe.roles[role], check.data[role]
        return next((sizes for known, sizes in self._known if known == key), None)


def _lengths(batches: Iterator[pd.DataFrame]) -> tuple[int, ...]:
    return tuple(map(len, batches))


_Count = Callable[[Iterator["pd.DataFrame"]], tuple[int, ...]]


def expected_calls(plan: Plan, sizes: Sizes | None = None) -> dict[str, int]:
    """Return check -> items that it will ask, from its data alone; a role's rows are counted, no model is opened.

    A check that the model is known not to be able to answer asks none.
    """
    counted = sizes or Sizes()
    return {check.name: 0 if known_lack(plan, check) else counted.calls(check, plan.limit) for check in plan.checks}


def known_lack(plan: Plan, check: Check) -> str | None:
    """Return why a check will be skipped, as far as the model's part tells before it is opened."""
    lacks = getattr(plan.models.get("main"), "lacks", {})
    return next((f"{need}: {lacks[need]}" for need in sorted(check.probe.needs) if need in lacks), None)


def shared_with(plan: Plan, check: Check) -> str | None:
    """Return the first earlier check that asks the very same of the same data, whose answers are taken over."""
    for other in plan.checks:
        if other is check:
            return None
        alike = type(other.probe) is type(check.probe) and other.probe == check.probe and other.data == check.data
        if alike and other.stop == check.stop == "full":
            return other.name
    return None


def seconds_per_call(plan: Plan, into: Path) -> float | None:
    """Return the mean seconds of a call to this plan's model in the audits under `into`; None where it has none."""
    main = plan.models.get("main")
    if main is None:
        return None
    wanted, calls, seconds = fingerprint_of(main), 0, 0.0
    for path in sorted(into.glob(f"*/{RUN_FILE}")):
        try:
            audit = load_record(path.parent)
        except DokimasiaError:
            continue
        same = "main" in audit.record.models and audit.record.models["main"].fingerprint == wanted
        if same and audit.run is not None and audit.run.calls_asked:
            calls += audit.run.calls_asked
            seconds += sum(audit.run.seconds_by_check.values())
    return seconds / calls if calls else None
