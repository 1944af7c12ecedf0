"""What the processor offers a model: how many threads it may use, and whether it multiplies bfloat16.

    granted = min(processors that the process may run on, processor time that its control group grants)
"""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["granted", "multiplies_bfloat16"]

_GROUPS = Path("/sys/fs/cgroup")


def granted(root: Path = _GROUPS) -> int:
    """Return how many processors this process may use: 1 or more. `root` is where control groups are mounted."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(root)
    return there if quota is None else max(1, min(there, math.ceil(quota)))


def _quota(root: Path) -> float | None:
    """Return the processors that the control group grants, of version 2 or 1; None where it sets no bound."""
    try:
        if (root / "cpu.max").is_file():
            most, period = (root / "cpu.max").read_text().split()
        else:
            most, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(most) / int(period) if int(most) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def multiplies_bfloat16(facts: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor multiplies bfloat16 itself, as others only emulate it."""
    try:
        flags = facts.read_text("utf-8", errors="replace").split()
    except OSError:  # not Linux
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)
