"""Which of several given answers a model finds likeliest, and what blind guessing would score.

With L_j = log p(choice j | question) in nats and b_j its UTF-8 bytes, each item scores

    accuracy              share of right choices among those of highest L_j        (1 or 0; k tied ones share: 1/k each)
    accuracy, normalised  the same for L_j / b_j                                    (lm-evaluation-harness' acc_norm)
    MC1                   share of the best true choice among the highest L_j of it and all false ones   (TruthfulQA)
    MC2                   sum over true choices of exp L_j / sum over all choices of exp L_j             (TruthfulQA)
    chance                share of right choices among all
    longest, shortest     what taking the longest or the shortest choice scores, without looking at the question

Ties are shared, never broken by position: files that list the true choice first would hand out points. TruthfulQA is
arXiv 2109.07958. Arrays are flat: `starts` holds where each item's choices begin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fair_share", "score_choices", "true_share"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Starts = NDArray[np.intp]


def fair_share(scores: Floats, right: Flags, starts: Starts) -> tuple[Floats, Flags]:
    """Return per item (share of right choices among those of highest score [item], whether several are highest [item]).

    scores, right [choice]; starts [item]: first choice of each item. A single highest choice gives 1 or 0.
    """
    highest = scores == _spread(np.maximum.reduceat(scores, starts), starts, len(scores))
    count = np.add.reduceat(highest.astype(float), starts)
    return np.add.reduceat((highest & right).astype(float), starts) / count, count > 1


def true_share(log_probs: Floats, right: Flags, starts: Starts) -> Floats:
    """Return per item the probability of its right choices as a share of all its choices' (MC2), in [0, 1].

    log_probs [choice] in nats, right [choice]; starts [item]. Scaled by the likeliest choice, so that sums as low as
    -2,000 nats do not vanish; the order of the choices does not matter.
    """
    top = _spread(np.maximum.reduceat(log_probs, starts), starts, len(log_probs))
    weight = np.exp(log_probs - top)
    return np.add.reduceat(np.where(right, weight, 0), starts) / np.add.reduceat(weight, starts)


def score_choices(
    log_probs: Floats, sizes: Floats, right: Flags, best: Flags, starts: Starts
) -> dict[str, NDArray[Any]]:
    """Return by name the scores above [item], all in [0, 1], and how clear the answer was.

    log_probs [choice]: finite nats; sizes [choice]: bytes, at least 1; right, best [choice]: true choices, and the one
    that MC1 looks at; starts [item]. Every item has a right and a wrong choice. Names `value, value_normalised, mc1,
    mc2, chance, mc1_chance, longest, shortest`, `margin` (nats from the likeliest wrong to the likeliest right choice;
    higher = more clearly right) and `tie` (several choices are likeliest).
    """
    value, tie = fair_share(log_probs, right, starts)
    rival = best | ~right
    only_rivals = np.where(rival, log_probs, -np.inf)
    likeliest_right = np.maximum.reduceat(np.where(right, log_probs, -np.inf), starts)
    likeliest_wrong = np.maximum.reduceat(np.where(right, -np.inf, log_probs), starts)
    return {
        "value": value,
        "value_normalised": fair_share(log_probs / sizes, right, starts)[0],
        "mc1": fair_share(only_rivals, best, starts)[0],
        "mc2": true_share(log_probs, right, starts),
        "chance": _mean(right, starts),
        "mc1_chance": 1 / np.add.reduceat(rival.astype(float), starts),
        "longest": fair_share(sizes, right, starts)[0],
        "shortest": fair_share(-sizes, right, starts)[0],
        "margin": likeliest_right - likeliest_wrong,
        "tie": tie,
    }


def _spread(values: NDArray[Any], starts: Starts, size: int) -> NDArray[Any]:
    """Return each item's value [item] repeated for its choices [choice]."""
    return np.repeat(values, np.diff(np.append(starts, size)))


def _mean(flags: Flags, starts: Starts) -> Floats:
    """Return the share of set flags of each item."""
    return np.add.reduceat(flags.astype(float), starts) / np.diff(np.append(starts, len(flags)))
