"""Energy that the machine's own counters tell (RAPL, as the system shows it), and nothing where they cannot be read.

    joules of a call = (counters after - counters before) / calls, over calls for half a second or more

The counters are those of whole processors and their memory: whatever else runs on the machine is in the number, and an
accelerator is not. No number is made of a processor's rated power.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["COUNTERS", "counters", "joules_of"]

COUNTERS = Path("/sys/class/powercap")
_COUNTED = ("package", "dram")
"""First words of the names of domains that lie in none of the others: a package holds its cores."""
_SECONDS = 0.5


def counters(folder: Path = COUNTERS) -> dict[str, tuple[int, int]]:
    """Return domain -> (microjoules so far, where it begins again); empty where none can be read."""
    found = {}
    for place in sorted(folder.glob("intel-rapl:*")):
        try:
            name, now, most = (
                (place / file).read_text("ascii").strip() for file in ("name", "energy_uj", "max_energy_range_uj")
            )
            if name.startswith(_COUNTED):
                found[place.name] = int(now), int(most)
        except (OSError, ValueError):  # not there, or for the administrator alone
            continue
    return found


def joules_of(call: Callable[[], object], folder: Path = COUNTERS, seconds: float = _SECONDS) -> float | None:
    """Return the joules of one call, a mean over as many as fill `seconds`; None where no counter can be read."""
    before = counters(folder)
    if not before:
        return None
    calls, begun = 0, time.perf_counter()
    while not calls or time.perf_counter() - begun < seconds:
        call()
        calls += 1
    spent = _between(before, counters(folder))
    return None if spent is None else spent / calls / 1e6


def _between(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> int | None:
    """Return microjoules; a counter that stands lower than before has begun again."""
    if before.keys() != after.keys():
        return None
    return sum((now - before[name][0]) % (most + 1) for name, (now, most) in after.items())
