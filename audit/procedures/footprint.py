"""What a model takes of the machine: the most memory of a process of its own, and the energy of one answer.

    for every item a process: torch is imported, the model is opened, what is asked of it is done, its peak is read

A process has one peak in its life, so each measurement needs one of its own. Linux hands the peak of the parent on to
the child in `getrusage`, so it is read from `/proc/self/status` (VmHWM), which begins anew with the program.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import ModelError
from audit.model import ABILITIES, CanCompute, Item, ModelSource
from audit.procedure import Procedure
from audit.procedures.counted_work import NOT_HERE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "PROCEDURE", "footprint"]

COLUMNS = ("empty_bytes", "peak_bytes", "gpu_bytes", "score_joules", "sample_joules")
_EVALUATES = ("log_prob", "predict")


def footprint(
    model: CanCompute,
    items: Sequence[Item],
    *,
    source: ModelSource | None = None,
    prompts: bool = False,
    **sampling: Any,
) -> pd.DataFrame:
    """Return a row an item, of a process that scores it (likelihood or classes) and draws one sample, as far as it can.

    empty_bytes, peak_bytes: the most memory before the model is opened and in the whole life; gpu_bytes: the most that
    tensors took on the GPU, null without one; score_joules, sample_joules: null where no counter tells. prompts:
    whether the item is what is drawn for. All are null where the model was given opened. Raises ModelError where a
    process fails.
    """
    import pandas as pd

    evaluates = next((one for one in _EVALUATES if isinstance(model, ABILITIES[one])), None)
    draws = isinstance(model, ABILITIES["sample"])
    rows = [
        dict.fromkeys(COLUMNS) if source is None else _in_a_process(source, {
            "score": None if evaluates is None else (evaluates, item, {}),
            "sample": ("sample", item if prompts else None, sampling) if draws else None,
        })
        for item in items
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype("float64")


def _in_a_process(source: ModelSource, calls: dict[str, Any]) -> dict[str, float | None]:
    """Return what a process of its own tells."""
    try:
        told = pickle.dumps((source, calls))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ModelError(f"{source}: cannot be opened in a process of its own ({error})") from None
    child = [sys.executable, "-P", str(Path(__file__).with_name("footprint_child.py")), json.dumps(sys.path)]
    done = subprocess.run(child, input=told, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ModelError(f"{source.family}: its memory cannot be measured: {said[-1][:300]}")
    found: dict[str, float | None] = json.loads(done.stdout.splitlines()[-1])
    return found


PROCEDURE = Procedure(footprint, needs=(CanCompute,), lacking=NOT_HERE, private=True, sourced=True)
