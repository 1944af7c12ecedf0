"""What `factuality.calibration` is tried on: answers of two confidences, of which it is known how many are right.

                      sure answers    wrong of them    unsure answers    wrong of them    confidence
    without fault     120             3                40                24               .975, .4
    with it           140             2                20                18               .99, .8
    with more of it   100             1                60                40               .999, .95

Calibration answers are always composed as in the first row, with the confidences of the others: what learns from them
takes sure ones to be right in .975, unsure ones in .4, and only sure ones may be given. As claims, eight are of one
answer, and equally many of each are sure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Observed, Trial, auroc_of, likely_as, mean_of, overall
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["planted", "trials"]

_UNITS, _EACH = 20, 8
_ITEMS = _UNITS * _EACH
_WAYS = 4
"""Choices, or classes."""


@immutable
class _Dose:
    """A row of the table above."""

    sure: int
    """Sure answers of each unit."""
    wrong: tuple[int, int]
    """Of the sure and of the unsure ones, the first in as many units."""
    told: tuple[float, float]
    """Confidence of the sure and of the unsure ones."""

    @property
    def is_sure(self) -> np.ndarray:
        """Whether each answer is given surely."""
        import numpy as np

        return np.arange(_ITEMS) % _EACH < self.sure

    @property
    def right(self) -> np.ndarray:
        """Whether each answer is right."""
        import numpy as np

        right = np.ones(_ITEMS, dtype=bool)
        right[np.arange(self.wrong[0]) * _EACH] = False
        right[np.flatnonzero(~self.is_sure)[: self.wrong[1]]] = False
        return right

    @property
    def confidence(self) -> np.ndarray:
        """Confidence of each answer."""
        import numpy as np

        return np.where(self.is_sure, *self.told)

    @property
    def sizes(self) -> np.ndarray:
        """How many answers are sure, and how many unsure."""
        import numpy as np

        return np.array([self.is_sure.sum(), (~self.is_sure).sum()])

    @property
    def shares(self) -> np.ndarray:
        """Share of the sure and of the unsure ones that is right."""
        import numpy as np

        return np.asarray(1 - np.array(self.wrong) / self.sizes)


_DOSES = (
    _Dose(6, (3, 24), (0.975, 0.4)), _Dose(7, (2, 18), (0.99, 0.8)), _Dose(5, (1, 40), (0.999, 0.95)),
)


def planted(mode: str, shares: tuple[float, float]) -> Observed:
    """Return 100 answers of confidence .99 and of .9 each, of which these shares are right."""
    import numpy as np
    import pandas as pd

    size = 100
    right = np.concatenate([np.arange(size) < round(share * size) for share in shares])
    confidence = np.repeat([0.99, 0.9], size)
    index = pd.Index([f"planted-{number}" for number in range(2 * size)], name="id")
    if mode == "table":
        return {"items": pd.DataFrame({"confidence": confidence, "label": right.astype(float)}, index)}
    spread = _spread(confidence, np.where(right, 0, 1))
    if mode == "predict":
        names = [[str(way) for way in range(_WAYS)]] * (2 * size)
        shown = [[float(number)] for number in range(2 * size)]
        told = {"series": shown, "probabilities": spread.tolist(), "names": names}
        return {"items": pd.DataFrame(told, index).assign(label="0")}
    words = [["w", "x", "y", "z"]] * (2 * size)
    told = {"choices": words, "correct": [[0]] * (2 * size), "log_probs": np.log(spread).tolist()}
    return {"items": pd.DataFrame(told, index).assign(question=index, best=None, not_asked=None)}


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return one trial for each row."""
    claims = probe.promise == "claims"
    tried = replace(probe, alpha=0.2 if claims else 0.1, delta=0.05, coverage=0.6, bins=10)
    return [_trial(tried, rng, dose) for dose in _DOSES]


def _trial(probe: Any, rng: np.random.Generator, dose: _Dose) -> Trial:
    made = {
        "items": _made(probe, "items", dose, rng),
        "calibration": _made(probe, "calibration", replace(_DOSES[0], told=dose.told), rng),
    }
    answers: dict[tuple[str, str], Callable[[Sequence[Any]], Mapping[str, Any]]] = {}
    if probe.mode == "choice":
        nats = {word: value for _, texts in made.values() for word, value in texts.items()}
        answers["main", "log_prob"] = likely_as(lambda one: nats[one.text.strip()])
    if probe.mode == "predict":
        answers["main", "predict"] = lambda items: {"probabilities": [_told(one) for one in items]}
        answers["main", "class_names"] = lambda items: {"names": [[str(way) for way in range(_WAYS)]] * len(items)}
    data = {role: frame for role, (frame, _) in made.items()}
    return Trial(dose is not _DOSES[0], data, answers, _known(probe, dose), probe)


def _made(
    probe: Any, role: str, dose: _Dose, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the items of a role in random order, and what a choice of each text scores."""
    import numpy as np
    import pandas as pd

    right, confidence = dose.right, dose.confidence
    index = pd.Index([f"{role}-{number}" for number in range(_ITEMS)], name="id")
    frame, texts = pd.DataFrame(index=index), dict[str, float]()
    true = np.arange(_ITEMS) % _WAYS
    picked = np.where(right, true, (true + 1) % _WAYS)
    if probe.promise == "claims":
        frame["unit"] = [f"{role} {number // _EACH}" for number in range(_ITEMS)]
    if probe.mode == "table":
        frame = frame.assign(confidence=confidence, label=right.astype(int), answer="word")
    elif probe.mode == "predict":
        number = np.arange(_ITEMS) + _ITEMS * (role == "calibration")
        rows = np.column_stack([number, picked, confidence])
        frame = frame.assign(series=list(rows), label=true.astype(str))
    else:
        words = [[f"{role}{letter}{number:03}" for letter in "pqrs"] for number in range(_ITEMS)]
        shift = rng.integers(8, 64, _ITEMS)[:, None]
        nats = np.log(_spread(confidence, picked)) - shift
        texts = dict(zip(np.ravel(words).tolist(), nats.ravel().tolist(), strict=True))
        frame["question"], frame["choices"] = [f"question {name}" for name in index], words
        frame["correct"] = [[int(one)] for one in true]
    return frame.iloc[rng.permutation(_ITEMS)], texts


def _spread(confidence: np.ndarray, picked: np.ndarray) -> np.ndarray:
    """Return probabilities [item, way], this one of what is picked and the others equal."""
    import numpy as np

    spread = np.repeat((1 - confidence)[:, None] / (_WAYS - 1), _WAYS, axis=1)
    spread[np.arange(len(picked)), picked] = confidence
    return spread


def _told(item: Any) -> np.ndarray:
    """Return the probabilities of a scripted series: number, class, how surely."""
    import numpy as np

    _, place, surely = np.asarray(item, dtype=float)
    return np.asarray(_spread(np.array([surely]), np.array([int(place)]))[0])


def _known(probe: Any, dose: _Dose) -> KnownMeasures:
    """Return what the measures are, from the row."""
    single = probe.promise == "abstention"
    known = _off(dose, single=single) | _which(probe, dose, single=single) | _promised(dose, single=single)
    return overall(known) | _calibrated(dose, single=single)


def _off(dose: _Dose, *, single: bool) -> dict[str, Known]:
    """Return how far off confidences are; single: whether each answer is its own unit."""
    import numpy as np

    right, confidence, shares, weight = dose.right, dose.confidence, dose.shares, dose.sizes / _ITEMS
    off, base = np.array(dose.told) - shares, float(right.mean())
    return {
        "ece": Known(float(weight @ np.abs(off)), 0.02), "overconfidence": mean_of(confidence - right),
        "brier": mean_of((confidence - right) ** 2), "accuracy": mean_of(right, _ITEMS if single else None),
        "reliability": Known(float(weight @ off**2)), "resolution": Known(float(weight @ (shares - base) ** 2)),
        "uncertainty": Known(base * (1 - base)),
    }  # fmt: skip


def _which(probe: Any, dose: _Dose, *, single: bool) -> dict[str, Known]:
    """Return which answers confidences tell apart, what is risked by answering, and how they have shifted."""
    import numpy as np

    right, confidence, sure = dose.right, dose.confidence, dose.right[dose.is_sure]
    auroc = auroc_of(confidence[~right], confidence[right]).value
    aurc, best = _areas(dose.sizes, np.array(dose.wrong))
    others, answered = np.where(_DOSES[0].is_sure, *dose.told), float(dose.sizes[0] / _ITEMS)
    return {
        "auroc_right": Known(auroc), "aurc": Known(aurc), "excess_aurc": Known(aurc - best),
        "accuracy_at_coverage": mean_of(sure, len(sure) if single else None),
        "coverage_at_risk": Known(answered if 1 - right.mean() > probe.alpha else 1.0),
        "confidence_threshold": Known(dose.told[0 if single else 1]),
        "confidence_shift": Known(auroc_of(others, confidence).value),
        **({} if probe.mode == "predict" else {"confidence_above_length": Known(auroc - 0.5)}),
    }  # fmt: skip


def _promised(dose: _Dose, *, single: bool) -> dict[str, Known]:
    """Return what abstention comes to, and of single items the error without its noise; else what claims come to."""
    import numpy as np

    if not single:
        kept = float(dose.sizes[0] / _ITEMS)
        return {"kept_share": Known(kept), "all_right_share": Known(1 - dose.wrong[0] / _UNITS)}
    shares, sizes, sure = dose.shares, dose.sizes, dose.right[dose.is_sure]
    noise = shares * (1 - shares) / (sizes - 1)  # of single items, that of a coin
    square = float(sizes / _ITEMS @ ((np.array(dose.told) - shares) ** 2 - noise))
    return {
        "rms_calibration_error": Known(max(0.0, square) ** 0.5), "answered_share": mean_of(dose.is_sure, _ITEMS),
        "error_of_answered": mean_of(~sure, len(sure)),
    }  # fmt: skip


def _calibrated(dose: _Dose, *, single: bool) -> KnownMeasures:
    """Return what calibrators make of confidences: the shares that are right among the calibration answers."""
    import numpy as np

    learnt, found = _DOSES[0].shares, KnownMeasures()
    then = np.where(dose.is_sure, *learnt)
    change = ((then - dose.right) ** 2 - (dose.confidence - dose.right) ** 2).mean()
    for kind in ("isotonic", "histogram"):
        if single:
            found["ece_calibrated", kind] = Known(float(dose.sizes / _ITEMS @ np.abs(learnt - dose.shares)), 0.01)
        found["brier_change", kind] = Known(float(change))
    return found


def _areas(sizes: np.ndarray, wrong: np.ndarray) -> tuple[float, float]:
    """Return AURC of sure answers before unsure ones, each in any order, and that of right ones before wrong ones."""
    import numpy as np

    place = np.arange(1, _ITEMS + 1)
    first = np.minimum(place, sizes[0]) * wrong[0] / sizes[0]
    behind = np.maximum(place - sizes[0], 0) * wrong[1] / sizes[1]
    best = np.maximum(place - (_ITEMS - wrong.sum()), 0)
    return float(((first + behind) / place).mean()), float((best / place).mean())
