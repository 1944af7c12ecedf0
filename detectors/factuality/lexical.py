"""A verifier without a model: does a premise bear a hypothesis out, by its words and by the mismatch rules?

    entailment      support: overlap of the hypothesis with the premise, less what the rules find absent or conflicting
    contradiction   1 - .2^k of the rest, k the things that conflict: a changed number, date or name, a flipped negation
    neutral         what is left

[pair, 3], rows sum to one, like the probabilities of a trained verifier; they are scores in 0 to 1, not
probabilities, and blind where meaning is not in the words. A hypothesis of several claims is the mean of its
claims. What cannot be scored (no words, no evidence) is neutral. Deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.factuality.mismatch import CONFLICTING, NOT_SCORED, ClaimVerdict, check_claims

__all__ = ["CONTRADICTION", "ENTAILMENT", "NEUTRAL", "lexical_scores"]

ENTAILMENT, NEUTRAL, CONTRADICTION = 0, 1, 2
_CONFLICT_LEAVES = 0.2


def lexical_scores(premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.float64]:
    """Return [pair, 3] of entailment, neutral and contradiction; ValueError where the two have not one length."""
    pairs = zip(premises, hypotheses, strict=True)
    rows = [_row(check_claims(hypothesis, [premise])) for premise, hypothesis in pairs]
    return np.array(rows, np.float64).reshape(-1, 3)


def _row(verdicts: list[ClaimVerdict]) -> tuple[float, float, float]:
    scored = [one for one in verdicts if one.state != NOT_SCORED]
    if not scored:
        return 0.0, 1.0, 0.0
    entailment = sum(one.support for one in scored) / len(scored)
    conflict = sum(_conflict(one) for one in scored) / len(scored)
    contradiction = (1.0 - entailment) * conflict
    return entailment, 1.0 - entailment - contradiction, contradiction


def _conflict(verdict: ClaimVerdict) -> float:
    return 1.0 - _CONFLICT_LEAVES ** sum(one.state == CONFLICTING for one in verdict.findings)
