"""What a model computes with on the processor: how many threads, and whether bfloat16.

    threads = min(processors that the process may run on, processor time that its control group grants, torch's own)

torch knows the first and the number of cores, not the second: in a container that is granted two of 64 processors, 64
threads take turns and wait for each other most of the time.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["granted", "multiplies_bfloat16", "set_threads"]

_GROUPS = Path("/sys/fs/cgroup")


def set_threads(wanted: int | None) -> int:
    """Set torch's threads to `wanted`, or to what the process may use, and return how many there are now."""
    import torch

    torch.set_num_threads(wanted if wanted is not None else min(granted(), torch.get_num_threads()))
    now: int = torch.get_num_threads()
    return now


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
