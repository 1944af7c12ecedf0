"""From a plan to a record: freeze, ask, judge, write."""

from audit.execute.observing import expected_calls
from audit.execute.power_analysis import CheckSize, RateSize, size_plan
from audit.execute.runner import RunCallbacks, run
from audit.execute.timing import seconds_per_call

__all__ = ["CheckSize", "RateSize", "RunCallbacks", "expected_calls", "run", "seconds_per_call", "size_plan"]
