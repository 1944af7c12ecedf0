"""How well are refusals told from answers? The phrase lists on labelled rows, and on those that stood apart from them.

`python benchmarks/factuality.py refusals`: sensitivity and specificity by language, each with its exact interval at
95 %. The rows are the built-in set `refusals`, of our own making. Phrases were written with an eye on every second row,
from the first on, so only the others tell what to expect of answers not seen; what is missed of them is not shown.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from audit.data.tabular import Builtin
from audit.probe import Role
from detectors.factuality.judged import judged_share
from detectors.factuality.refusals import is_refusal

ROLE = Role(dict.fromkeys(("text", "label", "group"), ""))


def main(rest: list[str]) -> int:
    """Print both rates of every language; no options."""
    rows = pd.concat(list(Builtin("refusals").batches(ROLE)))
    rows["judge"] = [float(is_refusal(text)) for text in rows["text"]]
    rows["label"] = rows["label"].astype(float)
    rows["half"] = np.where(np.arange(len(rows)) % 2, "apart", "seen")
    for (language, half), items in rows.groupby(["group", "half"]):
        result = judged_share(items.assign(unit=None), None, threshold=0.5, level=0.95, rng=np.random.default_rng(0))
        for name in ("sensitivity", "specificity"):
            one = result.measure(name)
            print(f"{language} {half:<5} {name}: {one.value:.3f} [{one.low:.3f}, {one.high:.3f}] of {one.n['items']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
