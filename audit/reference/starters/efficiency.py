"""What `init --for efficiency` writes: what an answer costs of a model that computes here.

    dokimasia init plan.yaml --for efficiency --model ./small.gguf --data texts.jsonl

    --data    what it is asked: texts (`text`), series (`series`), or for a model of images a folder of them
"""

from __future__ import annotations

from pathlib import Path

from audit.errors import UsageError
from audit.reference.starters import data_entry, family_of, starter_model

__all__ = ["efficiency_plan"]

_IMAGES = ("autoregressive_image", "diffusion", "gan", "image_classifier", "latent_diffusion", "vae")
_CLASSIFIERS = ("classifier", "image_classifier")
_PLAN = """\
# yaml-language-server: $schema=./plan.schema.json
title: What does an answer cost?
seed: 7
level: 0.95
{model}
# helpers:
#   large: {{use: {family}, path: ./large}}   # what it stands for: then a check with efficiency.compressed
checks:
  - name: resources           # parameters, bytes, operations, peak memory, energy
    probe: {{use: efficiency.resources{options}}}
    data: {data}
#   limit: {{measure: peak_memory, at_most: 2.0e+9}}
"""
_TIME = """\
  - name: time                # of single calls, on this machine and run
    probe: {{use: efficiency.sampling}}
    data: {data}
"""


def efficiency_plan(model: str | None, data: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` against `model`, or else the installed language model.

    data: what it is asked, as described above; None = a file or folder still to be named. Raises UsageError for a model
    that does not compute here, and for data without the column.
    """
    family = "causal_lm" if model is None else family_of(model)
    if family in ("endpoint", "table"):
        raise UsageError(f"--for efficiency: got a model of the family {family}; allowed: one that computes here")
    column = None if family in _IMAGES else "series" if family == "autoregressive_series" else "text"
    prompted = family == "text_to_image"
    times = "" if prompted or family in _CLASSIFIERS else _TIME
    return (_PLAN + times).format(
        model=starter_model(model, base=base), family=family, data=data_entry(data, base, column=column),
        options=", prompted: true" if prompted else "",
    )
