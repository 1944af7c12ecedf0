"""Several questions at once: p-values of which all that are called significant are right together.

    adjusted p_(i) = max over j <= i of min(1, (K - j + 1) p_(j))        (Holm 1979, Scand. J. Statist. 6:65)

Calling those at most alpha significant errs anywhere with a probability of at most alpha, whatever depends on what.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p-value of each, in the order given."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted
