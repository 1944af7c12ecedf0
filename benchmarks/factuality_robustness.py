"""Answers under changes: does the interval of the worst change hold, what does it find, and what does a small model do?

    hold       simulated checks of twelve changes: how often the interval of the worst lies above the truth, and below
               it (2.5 % is one side); the worst of them is chosen for being high, so the plain value is not
    power      a share of 160 items flips under one change alone: how often the worst is surely above 10 %, above 0
    smollm2    `robustness.text` on SmolLM2, in which answers are kept: the same command goes on where it was cut off

`python benchmarks/factuality.py robustness [FOLDER]`: without FOLDER the model is not asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from audit.execute import run
from audit.plan import read_plan
from audit.reference import robustness_plan
from detectors.result import Measure
from detectors.robustness.stability import answer_stability

CHECKS, CHANGES = 300, 12
HARD = {
    "all at 0.1, 100 items": ([0.1] * CHANGES, 100, False), "all at 0.3, 60 items": ([0.3] * CHANGES, 60, False),
    "one at 0.4, 80 items": ([0.1] * (CHANGES - 1) + [0.4], 80, False),
    "all at 0.2, the same items, 80": ([0.2] * CHANGES, 80, True),
}  # fmt: skip


def worst(rates: Sequence[float], items: int, seed: int, *, alike: bool = False) -> Measure:
    """Return the worst flip rate of simulated answers; alike: an item that flips under one change does under others."""
    rng = np.random.default_rng(seed)
    chance = rng.random((items, 1)) if alike else rng.random((items, len(rates)))
    ids = [f"{n}" for n in range(items)]
    changes = pd.DataFrame({
        "item": np.repeat(ids, len(rates)), "kind": np.tile([f"kind{n}" for n in range(len(rates))], items),
        "strength": 0.5, "changed": True, "flip": (chance < np.array(rates)).ravel().astype(float), "drop": np.nan,
        "right": np.nan,
    })  # fmt: skip
    frame = pd.DataFrame({"correctness": np.nan}, index=pd.Index(ids, name="id"))
    return answer_stability(frame, changes, level=0.95, rng=rng, kept=False).headline


def hold() -> None:
    """Print how often the interval of the worst change misses the truth, on either side."""
    for name, (rates, items, alike) in HARD.items():
        found = [worst(rates, items, seed, alike=alike) for seed in range(CHECKS)]
        above = np.mean([(one.low or 0.0) > max(rates) for one in found])
        below = np.mean([(one.high or 0.0) < max(rates) for one in found])
        mean = np.mean([one.value or 0.0 for one in found])
        print(f"{name}: above the truth {above:.3f}, below it {below:.3f}; plain value {mean:.3f} on average")


def power() -> None:
    """Print how often planted flips are found."""
    for planted in (0.0, 0.05, 0.15, 0.25, 0.4):
        found = [worst([0.0] * (CHANGES - 1) + [planted], 160, seed) for seed in range(CHECKS // 5)]
        sure = [np.mean([(one.low or 0.0) > least for one in found]) for least in (0.1, 0.0)]
        print(f"{planted:.2f} of 160 flip under one change: above 0.1 in {sure[0]:.2f}, above 0 in {sure[1]:.2f}")


def smollm2(folder: Path) -> None:
    """Ask the model, and print what comes out and the CPU seconds."""
    plan = read_plan(robustness_plan(None), base=folder)
    start = time.process_time()
    record = run(plan, into=folder).record
    for one in record.findings[0].measures:
        interval = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
        value = one.undefined if one.value is None else f"{one.value:.3f}{interval}"
        print(f"{one.name}{'' if one.group is None else f' ({one.group})'}: {value}")
    print(record.findings[0].verdict, f"in {time.process_time() - start:.0f} CPU s")


def main(rest: Sequence[str]) -> None:
    """Run all parts."""
    hold()
    power()
    if rest:
        folder = Path(rest[0])
        folder.mkdir(parents=True, exist_ok=True)
        smollm2(folder)
