"""What `init --for privacy` writes: do texts of a model hold personal data?

    dokimasia init plan.yaml --for privacy --model ./tuned --data prompts.csv
    dokimasia init plan.yaml --for privacy --model outputs.csv

    --data    what the model is asked: `prompt`, and `unit`, its topic, where there is one; a file of outputs, which has
              the column `output` and, where there is one, `prompt`, is looked at as it is
"""

from __future__ import annotations

from pathlib import Path

from audit.errors import UsageError
from audit.reference.starters import data_entry, family_of, starter_model

__all__ = ["privacy_plan"]

_PLAN = """\
# yaml-language-server: $schema=./plan.schema.json
title: Do texts of the model hold personal data?
seed: 7
level: 0.95
{model}checks:
  - name: personal            # addresses, phones, accounts, cards, numbers of a state; names have no such form
    probe: {{use: privacy.personal_data{options}, regions: [KR, US]}}   # whose phones are read without a country's code
    data:
      items: {items}
#     held_out: {{use: file, path: ./of-people.csv}}      # text: the same kind, as people wrote it
#     corpus: {{use: file, path: ./trained-on.jsonl}}     # text: then data that stand there are told from others
    limit: {{measure: personal_share, at_most: 0.01}}
"""


def privacy_plan(model: str | None, data: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` against `model`, or else the installed language model.

    data: what it is asked, as described above; None = a file still to be named. Raises UsageError for a model that
    writes no text, and for data without the column.
    """
    family = "causal_lm" if model is None else family_of(model)
    if family not in ("causal_lm", "endpoint", "table"):
        allowed = "a language model, an address, or a file of outputs"
        raise UsageError(f"--for privacy: got a model of the family {family}; allowed: {allowed}")
    if family == "table" and data is not None:
        raise UsageError("--for privacy: got a file of outputs and --data; allowed: one of them")
    if family == "table":
        entry, options, items = "", ", answers: given", data_entry(model, base, column="output")
    else:
        entry, options = f"{starter_model(model, base=base)}\n", ""
        items = data_entry(data, base, column="prompt", otherwise="prompts")
    return _PLAN.format(model=entry, options=options, items=items)
