"""Tables of benchmark scripts: every row comes with whether it keeps its promise, and broken ones are counted."""

from __future__ import annotations

from collections.abc import Iterable

from scipy.stats import binom

broken: list[str] = []


def show(title: str, header: str, rows: Iterable[tuple[str, bool]]) -> None:
    """Print a table whose rows come with whether they keep their promise."""
    print(f"\n{title}\n  {header}")
    for row, kept in rows:
        print(f"  {row}{'' if kept else '   <- BROKEN'}", flush=True)
        if not kept:
            broken.append(f"{title}: {row}")


def within(missed: int, repeats: int, alpha: float = 0.05) -> bool:
    """Tell whether so many misses are no more than chance makes of a share `alpha`."""
    return bool(binom.sf(missed - 1, repeats, alpha) > 0.001)


def finish() -> int:
    """Print the broken rows and return the exit code."""
    print(f"\n{len(broken)} rows break their promise", *broken, sep="\n  ")
    return min(len(broken), 1)
