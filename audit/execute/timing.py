"""How long a plan will take: from earlier audits of the same model in the same folder, so that nothing is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import DokimasiaError
from audit.execute.runner import fingerprint
from audit.record import load_record

if TYPE_CHECKING:
    from audit.plan import Plan

__all__ = ["seconds_per_call"]


def seconds_per_call(plan: Plan, into: Path) -> float | None:
    """Return the mean seconds of a call to this plan's model in the audits under `into`; None where it has none."""
    main = plan.models.get("main")
    if main is None:
        return None
    wanted, calls, seconds = fingerprint(main), 0, 0.0
    for path in sorted(into.glob("*/run.json")):
        try:
            audit = load_record(path.parent)
        except DokimasiaError:
            continue
        same = "main" in audit.record.models and audit.record.models["main"].fingerprint == wanted
        if same and audit.run is not None and audit.run.calls_asked:
            calls += audit.run.calls_asked
            seconds += sum(audit.run.seconds_by_check.values())
    return seconds / calls if calls else None
