"""Does the quickstart accuse sound models, or miss planted faults, at seeds other than the shipped one?

`python benchmarks/false_alarms.py [SEEDS] [WORD] [CHECK]`: runs the plans of the reference models whose name holds
WORD, of their checks those whose name holds CHECK, at seeds 1 ... SEEDS (20) and prints, by model, how often each
gating check failed. On a sound twin that is a false alarm, on a flawed one the planted fault found. Weights are trained
once: a seed changes draws, orders and resamples. About three minutes of a core for every seed.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections import Counter

from scipy.stats import binom

from audit.execute import run
from audit.reference import tally
from audit.reference.cards import Reference, reference_folders
from audit.reference.plans import reference_plan
from audit.reference.quickstart import Case

TIMED = "efficiency"
"""Dimension that has no limit here and only takes time."""


def audited(reference: Reference, seed: int, part: str) -> tuple[Counter[str], tuple[int, int]]:
    """Return check -> 1 for the gating checks that failed, and (planted faults found, planted faults)."""
    plan = reference_plan(reference)
    kept = tuple(check for check in plan.checks if check.probe.dimension != TIMED and part in check.name)
    case = Case(dataclasses.replace(plan, seed=seed, checks=kept), reference)
    with tempfile.TemporaryDirectory() as folder:
        done = run(case.plan, into=folder)
    count = tally([(case, done)])
    gating = [finding for finding in done.record.findings if finding.gating]
    return Counter({one.check: int(one.verdict == "failed") for one in gating}), (count.found, count.planted)


def main(seeds: int = 20, word: str = "", part: str = "") -> int:
    """Print a line a model and the share of sound audits with any false alarm beside what its level allows."""
    begun, accused, audits = time.process_time(), 0, 0
    for reference in reference_folders():
        name = reference.name
        if word not in name:
            continue
        total, found, planted = Counter[str](), 0, 0
        for seed in range(1, seeds + 1):
            failed, faults = audited(reference, seed, part)
            total.update(failed)
            found, planted = found + faults[0], planted + faults[1]
            if reference.form == "sound":
                accused, audits = accused + any(failed.values()), audits + 1
        told = ", ".join(f"{check} {count}" for check, count in total.items())
        print(f"{name:30} failed of {seeds}: {told or 'no gating check'}; planted faults {found}/{planted}", flush=True)
    kept = not audits or binom.sf(accused - 1, audits, 0.05) > 0.001
    print(f"sound audits with a false alarm: {accused} of {audits}; allowed is 5 %")
    print(f"{time.process_time() - begun:.0f} s of a core")
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main(*(kind(word) for kind, word in zip((int, str, str), sys.argv[1:], strict=False))))
