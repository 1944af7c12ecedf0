"""Several questions at once: none wrong but with a small probability, or few of those that are answered.

    adjusted p_(i) = max over j <= i of min(1, (K - j + 1) p_(j))        (Holm 1979, Scand. J. Statist. 6:65)

Calling those at most alpha significant errs anywhere with a probability of at most alpha, whatever depends on what.

    1 - q R / m      level of a family of m intervals at rate q, of which at least R decide at that very level

The largest such R is Benjamini & Hochberg 1995 without p-values: of what is decided, at most a share q is decided
wrongly, on average, for checks that are independent or depend positively. Those intervals keep their coverage over what
was selected (Benjamini & Yekutieli 2005). Where no R will do, they stay at the strictest level, 1 - q / m: at any other
some interval might lie on one side of a limit that is not decided. A family of one is judged at the level itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["family_level", "holm", "step_up"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p-value of each, in the order given."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = largest
    return adjusted


def family_level(level: float, size: int, decided: int = 1) -> float:
    """Return the level at which a family of `size` is judged where so many checks are decided."""
    return level if decided == size else 1 - (1 - level) * decided / size


def step_up(level: float, size: int, decided_at: Callable[[float], int]) -> float:
    """Return the level of a family; `decided_at` counts the checks that are decided at a level.

    Stricter levels decide fewer, so that from R only the number decided at R needs to be tried next.
    """
    tried = size
    while tried > 1 and (found := decided_at(family_level(level, size, tried))) < tried:
        tried = max(1, found)
    return family_level(level, size, tried)
