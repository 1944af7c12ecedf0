"""From a plan to a record: freeze, ask, judge, write."""

from audit.execute.ahead import Executor, Local
from audit.execute.dry_run import expected_calls, seconds_per_call
from audit.execute.power_analysis import CheckSize, RateSize, size_plan
from audit.execute.ray_executor import RayExecutor
from audit.execute.runner import RunCallbacks, run

__all__ = [
    "CheckSize", "Executor", "Local", "RateSize", "RayExecutor", "RunCallbacks", "expected_calls", "run",
    "seconds_per_call", "size_plan",
]
