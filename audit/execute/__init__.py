"""From a plan to a record: freeze, ask, judge, write."""
