"""Answers from passages: can the evidence be changed, do the paired intervals hold, and what does a small model do?

    changed    of our own questions, those whose passage could be changed, by kind; CPU milliseconds a question
    hold       simulated audits of 50 questions: how often the interval of a drop, and of the largest gap between
               places, holds the truth; how often a gap is claimed where no place matters (2.5 % is one side)
    smollm2    `factuality.rag` on SmolLM2, in which answers are kept: the same command goes on where it was cut off

`python benchmarks/factuality.py rag [FOLDER]`: without FOLDER the model is not asked.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit.data.sets import make_rag_questions
from audit.execute import run
from audit.plan import read_plan
from audit.reference import answers_plan
from detectors.factuality.counterfactual_evidence import ChangedEvidence, change_evidence
from detectors.factuality.rag import audit_rag
from detectors.factuality.rag_slices import SLICES

QUESTIONS, AUDITS = 50, 300


def changed() -> None:
    """Print how many passages of ours could be changed."""
    for name, content in make_rag_questions.FILES.items():
        rows, start = [json.loads(line) for line in content.splitlines()], time.process_time()
        found = []
        for row in rows:
            gold = [text for one, text in zip(row["ids"], row["context"], strict=True) if one in row["gold"]]
            others = [text for text in row["context"] if text not in gold]
            found.append(change_evidence(row["prompt"], gold, others, row["reference"]))
        spent = 1000 * (time.process_time() - start) / len(rows)
        kinds = Counter(one.kind for one in found if isinstance(one, ChangedEvidence))
        told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        print(f"{name}: {kinds.total()} of {len(rows)} changed ({told}), {spent:.1f} ms each")


def answers(rng: np.random.Generator, chances: Sequence[float]) -> pd.DataFrame:
    """Return answers to 50 questions, right in the four slices with gold with these chances, none kept apart."""
    hard = rng.random(QUESTIONS)  # a question that is hard in one place is hard in the others, too
    frame = pd.DataFrame({"prompt": "x", "group": None, "unit": None}, index=[str(n) for n in range(QUESTIONS)])
    frame["reference"], frame["expected"] = [["214"]] * QUESTIONS, [[]] * QUESTIONS
    for name in SLICES:
        frame[f"lacks_{name}"] = frame[f"problem_{name}"] = None
        frame[f"said_{name}"] = "321"
    for name, chance in zip(SLICES[:4], chances, strict=True):
        right = np.where(rng.random(QUESTIONS) < 0.5, hard, rng.random(QUESTIONS)) < chance
        frame[f"said_{name}"] = np.where(right, "214", "321")
    return frame.astype(object)


def hold() -> None:
    """Print how often intervals hold the truth."""
    rng = np.random.default_rng(0)
    for chances in ((0.9, 0.9, 0.9, 0.9), (0.9, 0.6, 0.6, 0.6), (0.9, 0.7, 0.4, 0.6), (0.5, 0.5, 0.45, 0.3)):
        drop, places = chances[0] - chances[1], chances[1:]
        truth, held = max(places) - min(places), Counter[str]()
        for _ in range(AUDITS):
            found = audit_rag(answers(rng, chances), level=0.95, rng=rng, claims=False)
            one, gap = found.measure("near_miss_drop"), found.measure("largest_position_gap")
            held["drop"] += bool(one.low - 1e-9 <= drop <= one.high + 1e-9)
            held["gap"] += bool(gap.low - 1e-9 <= truth <= gap.high + 1e-9)
            held["claimed"] += bool(gap.low > 0)
        shares = ", ".join(f"{name} {held[name] / AUDITS:.3f}" for name in ("drop", "gap", "claimed"))
        print(f"right with chances {chances}: held {shares}")


def smollm2(folder: Path) -> None:
    """Ask the model, and print what comes out and the CPU seconds."""
    plan = read_plan(answers_plan("rag", None, None, base=folder), base=folder)
    start = time.process_time()
    record = run(plan, into=folder).record
    spent: Any = time.process_time() - start
    for one in record.findings[0].measures:
        interval = "" if one.low is None or one.high is None else f" [{one.low:.3f}, {one.high:.3f}]"
        value = one.undefined if one.value is None else f"{one.value:.3f}{interval}"
        print(f"{one.name}{'' if one.group is None else f' ({one.group})'}: {value}")
    print("; ".join(f"{one.check} {one.verdict}" for one in record.findings), f"in {spent:.0f} CPU s")


def main(rest: Sequence[str]) -> None:
    """Run all parts."""
    changed()
    hold()
    if rest:
        folder = Path(rest[0])
        folder.mkdir(parents=True, exist_ok=True)
        smollm2(folder)
