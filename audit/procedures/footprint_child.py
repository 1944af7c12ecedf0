"""The process in which `audit.procedures.footprint` measures one life of a model; never imported.

in:   pickled by the parent: (source of the model, {"score": (ability, item, options) or None, "sample": likewise})
out:  a line of JSON with the columns of a row
"""

from __future__ import annotations

import json
import pickle
import sys
from functools import partial
from pathlib import Path


def _main() -> None:
    sys.path[:] = json.loads(sys.argv[1])
    import torch

    from audit.procedures.counted_work import call_of
    from audit.procedures.energy import joules_of

    source, calls = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  of our own parent, by a pipe
    told: dict[str, float | None] = {"empty_bytes": _peak()}
    model = source.open()
    on_gpu = str(model.numerics.get("device", "cpu")).startswith("cuda")
    for name, call in calls.items():
        if call is not None:
            answer = partial(call_of, model, call[0], call[1], 0, call[2])
            answer()
            told[f"{name}_joules"] = None if on_gpu else joules_of(answer)
    told["peak_bytes"] = _peak()
    told["gpu_bytes"] = float(torch.cuda.max_memory_allocated()) if on_gpu else None
    print(json.dumps(told))


def _peak() -> float:
    """Return the most bytes that this program has held in memory."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
        return 1024.0 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, ValueError, IndexError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(most) * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    _main()
