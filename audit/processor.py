"""What the processor offers a model: threads, instructions, free memory, and whether it multiplies bfloat16.

    granted = min(processors that the process may run on, processor time that its control group grants)
    free    = min(memory that the system has to give, memory that its control group has left)
"""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

__all__ = ["accelerators", "free_memory", "granted", "instructions", "multiplies_bfloat16"]

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


def free_memory(root: Path = _GROUPS, facts: Path = Path("/proc/meminfo")) -> int | None:
    """Return how many bytes this process may still take; None where the system does not tell.

    `root` is where control groups are mounted.
    """
    bounds = []
    try:
        told = dict(line.split(":", 1) for line in facts.read_text().splitlines() if ":" in line)
        bounds.append(1024 * int(told["MemAvailable"].split()[0]))
    except (OSError, ValueError, KeyError, IndexError):
        pass
    old = "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"
    for most, now in (("memory.max", "memory.current"), old):
        try:
            bounds.append(max(0, int((root / most).read_text()) - int((root / now).read_text())))
        except (OSError, ValueError):  # another version, or no bound, which is the word "max"
            continue
    return min(bounds, default=None)


def multiplies_bfloat16(facts: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor multiplies bfloat16 itself, as others only emulate it."""
    try:
        flags = facts.read_text("utf-8", errors="replace").split()
    except OSError:  # not Linux
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def instructions(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Return the kind of processor and what it computes vectors with: sums of floats may differ between two kinds."""
    try:
        flags = facts.read_text("utf-8", errors="replace").split()
    except OSError:  # not Linux
        flags = []
    return " ".join([platform.machine(), *sorted({one for one in flags if one.startswith(("amx", "avx", "fma"))})])


def accelerators(facts: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return the kinds of graphics processors that this machine has, as their driver calls them."""
    found = set()
    for file in facts.glob("*/information"):
        lines = file.read_text("utf-8", errors="replace").splitlines()
        found |= {line.partition(":")[2].strip() for line in lines if line.startswith("Model:")}
    return sorted(found)
