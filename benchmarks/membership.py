"""How often membership says what is not so, and what it finds: `python benchmarks/membership.py [SETS]` (300).

    gate      random halves of items, so that nothing tells them apart: how often its lower end lies above 1/2 (2.5 %
              are stated), and how often its upper end lies below
    limit     texts that read alike, scores whose true AUROC is the limit, 0.6: how often it is failed, and passed
    rates     how often the interval of the rate at few false alarms holds the true one (95 % are stated), and its width
    power     scores whose true AUROC lies above 0.6: how often it is failed
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pandas as pd
from scipy.stats import norm

from audit.record import Limit
from audit.verdict import decide
from detectors.memorisation.blind import cross_validated
from detectors.memorisation.membership import membership
from detectors.memorisation.operating import tpr_at
from detectors.ranking import rank

LEVEL = 0.95
WORDS = [f"w{number}" for number in range(200)]


def gate(sets: int, units: int, numbers: int, each: int) -> None:
    """Items of one unit share most of their numbers; units are members or not by chance."""
    above = below = 0
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(units), each)
        features = rng.normal(size=(units, numbers))[unit] + (each > 1) * 0.3 * rng.normal(size=(len(unit), numbers))
        member = rng.permutation(np.arange(units) < units // 2)[unit]
        scores, names = cross_validated(features, member, unit.astype(str), rng=rng), unit.astype(str)
        sides = [pd.DataFrame({"blind": scores[member == side]}) for side in (False, True)]
        _, low, high = rank(sides[0], sides[1], (names[~member], names[member])).interval("blind", LEVEL)
        above, below = above + (low > 0.5), below + (high < 0.5)
    print(f"gate: {units} units of {each}, {numbers} numbers: above 1/2 {above / sets:.1%}, below {below / sets:.1%}")


def verdicts(sets: int, count: int, auroc: float) -> None:
    """Texts of words drawn alike, and log p of which members lie higher."""
    away, told = norm.ppf(auroc) * np.sqrt(2), Counter[str]()
    limit = Limit(measure="membership_auroc", at_most=0.6)
    for seed in range(sets):
        rng = np.random.default_rng(seed)
        observed = {
            role: pd.DataFrame(
                {"text": [" ".join(rng.choice(WORDS, 10)) for _ in range(count)],
                 "log_prob": 90 * (shift + rng.normal(size=count))}, index=[f"{role}-{n}" for n in range(count)],
            )
            for role, shift in (("items", away), ("nonmembers", 0.0))
        }  # fmt: skip
        observed = {r: f.assign(log_prob=f["log_prob"] * f["text"].str.len() / 90) for r, f in observed.items()}
        result = membership(observed, score="loss", level=LEVEL, rng=rng)
        decision = decide(result.measures, limit, {}, sizes=False, power=False)
        told["gate tripped" if decision.reason["key"] == "undefined" else decision.verdict] += 1
    print(f"AUROC {auroc}, {count} of each, limit 0.6: " + ", ".join(f"{k} {v / sets:.1%}" for k, v in told.items()))


def rates(sets: int, rate: float, nonmembers: int, members: int) -> None:
    """Normal scores, members one and a half standard deviations higher."""
    true, rng = norm.sf(norm.isf(rate) - 1.5), np.random.default_rng(0)
    found = [tpr_at(rate, rng.normal(size=nonmembers), 1.5 + rng.normal(size=members), LEVEL) for _ in range(sets)]
    held = np.mean([low <= true <= high for _, low, high in found])
    wide = np.mean([high - low for _, low, high in found])
    print(f"rate at {rate:.1%}, {nonmembers} non-members, {members} members: holds {held:.1%}, mean width {wide:.2f}")


def main() -> None:
    """Print all of it."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    for case in ((40, 20, 1), (120, 1, 1), (120, 20, 1), (120, 5, 4), (400, 5, 1)):
        gate(sets, *case)
    for count, auroc in ((100, 0.6), (100, 0.5), (300, 0.5), (100, 0.8)):
        verdicts(sets, count, auroc)
    for case in ((0.01, 100, 100), (0.01, 1000, 300), (0.001, 1000, 300), (0.001, 10000, 1000)):
        rates(sets, *case)


if __name__ == "__main__":
    main()
