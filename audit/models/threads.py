"""How many threads of the processor a model computes with.

    threads = min(what the process is granted, torch's own number)

torch knows the number of cores and those that the process may run on, not what its control group grants: in a container
that is granted two of 64 processors, 64 threads take turns and wait for each other most of the time.
"""

from __future__ import annotations

from audit.processor import granted

__all__ = ["set_threads"]


def set_threads(wanted: int | None) -> int:
    """Set torch's threads to `wanted`, or to what the process may use, and return how many there are now."""
    import torch

    torch.set_num_threads(wanted if wanted is not None else min(granted(), torch.get_num_threads()))
    now: int = torch.get_num_threads()
    return now
