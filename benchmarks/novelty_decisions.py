"""Do decisions about novelty hold what they promise? 300 repetitions on four families of reference models.

    python benchmarks/novelty_decisions.py [REPETITIONS]

Each sound reference model scores all of its familiar items that it did not learn from, and as many foreign ones, once.
A repetition draws from these, without putting back, 300 calibration items, and 90 familiar and 10 foreign ones that are
judged. Printed with their standard error:

    FDR, power    Benjamini-Hochberg at 0.1: on average false flags among flags, and flagged among foreign items
    p <= .05      familiar items called foreign on their own
    this set      in how many repetitions more than 5 % of 20,000 familiar series lie above the threshold of one
                  calibration set: by plain p-values, and by those that hold for the set at hand in 9 of 10
    groups        series by kind: false alarms of each, calibrated together and within groups
    tail          share of these series above a threshold for 1 in 1000, fitted on 600 of them, and how often its
                  interval holds the score that 1 in 1000 exceed
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import audit.reference
from audit import plugins
from audit.data.sets import digits, patches, series
from audit.procedures.denoising_curve import denoising_curve
from detectors.arrays import Floats
from detectors.conformal import critical_score
from detectors.novelty.decisions import Rule, decided
from detectors.novelty.extremes import Tail, tail_of

CALIBRATION, FAMILIAR, FOREIGN = 300, 90, 10
WEIGHTS = Path(audit.reference.__file__).parent / "weights"
MORE_SERIES = 20_000


def opened(family: str) -> Any:
    """Return the sound reference model of a family."""
    return plugins.load("models", family)(path=WEIGHTS / family / "sound").open()


def surprise(model: Any, items: Floats) -> Floats:
    """Return how strange items are: minus log p, or of a diffusion model the mean of its denoising-loss curve."""
    if hasattr(model, "log_prob"):
        return -np.asarray(model.log_prob(list(items))[0])
    return denoising_curve(model, list(items)).mean(axis=1)


def pools() -> dict[str, tuple[Floats, Floats]]:
    """Return family -> scores of familiar items and of foreign ones."""
    images = np.concatenate([np.stack(digits.table(part)["image"]) for part in ("calibration", "heldout")])
    other = np.stack(patches.table("heldout")["image"])[:300]
    found = {}
    for family in ("autoregressive_image", "vae", "diffusion"):
        model = opened(family)
        found[family] = surprise(model, images), surprise(model, other)
    model, known = opened("autoregressive_series"), ("fit", "calibration", "heldout")
    table = pd.concat([series.table(part) for part in known])
    walks = np.stack(series.table("foreign")["series"])
    found["autoregressive_series"] = surprise(model, np.stack(table["series"])), surprise(model, walks)
    return found


def judged(
    familiar: Floats, foreign: Floats, rng: np.random.Generator, rule: Rule, groups: Any = None
) -> pd.DataFrame:
    """Return the evidence of one repetition; groups [item]: of the familiar items."""
    order, strange = rng.permutation(len(familiar)), rng.permutation(len(foreign))[:FOREIGN]
    parts = {"calibration": order[:CALIBRATION], "items": order[CALIBRATION : CALIBRATION + FAMILIAR]}
    scores = {role: pd.DataFrame({"s": familiar[at]}, index=[f"k{n}" for n in at]) for role, at in parts.items()}
    scores["foreign"] = pd.DataFrame({"s": foreign[strange]}, index=[f"f{n}" for n in strange])
    frames = {role: pd.DataFrame({"text": "x"}, index=part.index) for role, part in scores.items()}
    if groups is not None:
        for role, at in parts.items():
            frames[role]["group"] = groups[at]
    evidence, problem = decided(frames, scores, "s", None, rule, "s", rng)
    assert problem is None, problem
    return evidence


def repeated(familiar: Floats, foreign: Floats, times: int, rule: Rule) -> pd.DataFrame:
    """Return false discovery proportion, power and false alarms of every repetition."""
    rows = []
    for seed in range(times):
        told = judged(familiar, foreign, np.random.default_rng(seed), rule)
        strange, flagged = told["role"] == "foreign", told["flagged"] == 1
        false = (flagged & ~strange).sum() / max(1, flagged.sum())
        rows.append((false, flagged[strange].mean(), told.loc[~strange, "value"].mean()))
    return pd.DataFrame(rows, columns=["FDR", "power", "p <= .05"])


def told(found: pd.DataFrame) -> str:
    """Return the means with their standard errors."""
    errors = found.std() / np.sqrt(len(found))
    return "   ".join(f"{name} {found[name].mean():.3f} +- {errors[name]:.3f}" for name in found)


def this_set(familiar: Floats, times: int) -> str:
    """Return how often more than 5 % of the other familiar items lie above the threshold of one calibration set."""
    broken = {None: 0, 0.9: 0}
    for seed in range(times):
        order = np.random.default_rng(seed).permutation(len(familiar))
        known, rest = familiar[order[:CALIBRATION]], familiar[order[CALIBRATION:]]
        for confidence in broken:
            broken[confidence] += bool(np.mean(rest > critical_score(known, 0.05, confidence)) > 0.05)
    return f"more than 5 % above: plain {broken[None] / times:.2f}, with 0.9 {broken[0.9] / times:.2f}"


def many_series() -> tuple[Floats, Any]:
    """Return the scores of fresh series of the familiar kinds, and their kinds."""
    rng = np.random.default_rng(48)
    kinds = np.array(series.KINDS)[np.arange(MORE_SERIES) % len(series.KINDS)]
    return surprise(opened("autoregressive_series"), np.stack([series._drawn(kind, rng) for kind in kinds])), kinds


def by_kind(scores: Floats, kinds: Any, foreign: Floats, times: int) -> str:
    """Return the false alarms of every kind, calibrated together and within groups."""
    alarms: dict[str, dict[str, list[float]]] = {"together": {}, "within": {}}
    for seed in range(times):
        for name, groups in (("together", None), ("within", kinds)):
            evidence = judged(scores, foreign, np.random.default_rng(seed), Rule(0.5), groups)
            rows = evidence[evidence["role"] == "items"]
            of = pd.Series(kinds[[int(one[1:]) for one in rows.index]], rows.index)
            for kind, part in rows["value"].groupby(of):
                alarms[name].setdefault(str(kind), []).append(part.mean())
    return "\n".join(
        f"  {name:9s}" + "   ".join(f"{kind} {np.mean(found):.3f}" for kind, found in sorted(part.items()))
        for name, part in alarms.items()
    )


def tails(scores: Floats, times: int, rate: float = 1e-3) -> str:
    """Return what lies above thresholds fitted on 600 scores, and how often their interval holds the true one."""
    truth, above, held = float(np.quantile(scores, 1 - rate)), [], []
    for seed in range(times):
        tail = tail_of(np.random.default_rng(seed).choice(scores, 600, replace=False), rate, 0.95)
        assert isinstance(tail, Tail)
        above.append(np.mean(scores > tail.threshold))
        held.append(tail.low <= truth <= tail.high)
    return f"asked {rate:g}: median {np.median(above):.4f} above, interval holds the truth in {np.mean(held):.3f}"


def main(times: int) -> None:
    """Print all of it."""
    found = pools()
    for family, (familiar, foreign) in found.items():
        for name, rule in (("", Rule()), (", Storey", Rule(adaptive=True))):
            print(f"{family + name:32s}{told(repeated(familiar, foreign, times, rule))}", flush=True)
    scores, kinds = many_series()
    print(f"this set, series: {this_set(scores, times)}")
    print(f"groups, series by kind\n{by_kind(scores, kinds, found['autoregressive_series'][1], times)}")
    print(f"tail, series: {tails(scores, times)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
