"""Units in which numbers are told: a shorter one where that keeps a number short.

    538,060,032 bytes -> 538 MB      0.000232 seconds -> 232 µs      134,515,008 of a count -> 135 million
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["STEPS", "short_unit"]

STEPS: Mapping[str, Mapping[str, float]] = {
    "bytes": {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12},
    "count": {"": 1.0, "million": 1e6, "billion": 1e9, "trillion": 1e12},
    "seconds": {"µs": 1e-6, "ms": 1e-3, "s": 1.0},
}
"""Unit -> those in which its numbers are told, the smallest first, and how much of it each is."""


def short_unit(value: float, steps: Mapping[str, float]) -> tuple[str, float]:
    """Return the largest of the units of which a number, in three digits, has one, and its size; else the smallest.

    Of zero the unit itself.
    """
    if value == 0:
        return next(step for step in steps.items() if step[1] == 1)
    reached = [step for step in steps.items() if step[1] <= abs(float(f"{value:.3g}"))]
    return reached[-1] if reached else next(iter(steps.items()))
