"""Draws of known classes for `bias.representation`: planted counts, and scripted items that bear their class.

Classes go in pairs, the most frequent first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Answer, KnownMeasures, Observed

__all__ = ["controls", "told_of", "trials"]

_CONTROL_ITEMS, _TRIED = 1200, 600


def controls(names: Sequence[str], wanted: np.ndarray) -> tuple[Observed, Observed]:
    """Return (fault, clean twin) of classes and the shares that they should have; see `Representation.controls`."""
    import numpy as np

    first = np.arange(0, len(names) - 1, 2)
    faulty, errors = wanted.copy(), np.eye(len(names))
    faulty[first + 1] += wanted[first] / 2
    faulty[first] /= 2
    errors[first + 1, first + 1] = wanted[first + 1] / faulty[first + 1]
    errors[first + 1, first] = 1 - errors[first + 1, first + 1]
    return _planted(names, errors, faulty), _planted(names, errors, wanted)


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return 600 draws that keep to the reference, and such that have lost less or more of the first class of each pair
    to the second, the last of them so much that it is missing; classes are often taken for the next.

    A draw bears the class that the script gives it, and how surely.
    """
    fraction = probe.missing_below
    return [_trial(probe, rng, dose, kept) for dose, kept in enumerate((1.0, (1 + fraction) / 2, fraction / 2))]


def _trial(probe: Any, rng: np.random.Generator, dose: int, kept: float) -> Trial:
    import numpy as np
    import pandas as pd

    names, wanted = probe.wanted()
    shares, errors = _moved(wanted, kept), _errors(len(names))
    sure, sure_of_real = 0.9 - 0.1 * dose, 0.95 - 0.05 * dose
    size, each = -(-_TRIED // probe.draws_per_item), max(40, _TRIED // len(names))
    drawn = _contents(rng.permutation(_spread(shares @ errors, size * probe.draws_per_item)), sure)
    real = _contents(np.concatenate([_spread(row, each) for row in errors]), sure_of_real)
    items = pd.DataFrame({"series": [[0.0]] * size}, index=pd.Index(range(size), name="id").astype(str))
    index = pd.Index([f"real-{number}" for number in range(len(real))], name="id")
    calibration = pd.DataFrame({"series": real, "label": np.repeat(names, each)}, index=index)
    answers: dict[tuple[str, str], Answer] = {
        ("main", "sample"): lambda items: {"content": drawn[: len(items)], "problem": None},
        (probe.classifier, "predict"): lambda items: {"probabilities": list(told_of(items, len(names)))},
    }
    known: KnownMeasures = {
        **{("share", name): Known(float(share), 3 / _TRIED) for name, share in zip(names, shares, strict=True)},
        ("total_variation", None): Known(float(np.abs(shares - wanted).sum()) / 2, 0.05),
        ("missing_classes", None): Known(float((shares < probe.missing_below * wanted).sum()), certain=True),
        ("confidence", "draws"): Known(sure), ("confidence", "real items"): Known(sure_of_real),
    }  # fmt: skip
    data = {"items": items, "calibration": calibration.iloc[rng.permutation(len(real))]}
    return Trial(dose > 0, data, answers, known)


def _moved(wanted: np.ndarray, kept: float) -> np.ndarray:
    """Return shares [class] of which the first of each pair has kept this part, and the second has the rest."""
    import numpy as np

    first, shares = np.arange(0, len(wanted) - 1, 2), wanted.copy()
    shares[first + 1] += (1 - kept) * wanted[first]
    shares[first] *= kept
    return shares


def _errors(classes: int) -> np.ndarray:
    """Return how often a class is taken for which, [true, given]."""
    import numpy as np

    kinds = np.arange(classes)
    errors = np.diag(0.95 - 0.2 * (kinds % 2 == 0))
    errors[kinds, (kinds + 1) % classes] = 1 - np.diag(errors)
    return errors


def _contents(classes: np.ndarray, sure: float) -> list[list[float]]:
    """Return an item for each class number: its place, its class, and how surely it shows."""
    return [[number / len(classes), float(kind), sure] for number, kind in enumerate(classes)]


def _spread(shares: np.ndarray, size: int) -> np.ndarray:
    """Return class numbers [size] that have the shares, as near as whole numbers can."""
    import numpy as np

    ends = np.rint(np.cumsum(shares) * size).astype(int)
    return np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))


def told_of(items: Sequence[Any], classes: int) -> np.ndarray:
    """Return the probabilities [item, class] of scripted items, each (number, class, how surely) in any nesting."""
    import numpy as np

    rows = np.asarray(list(items), dtype=float).reshape(-1, 3)
    told = np.repeat((1 - rows[:, 2:]) / (classes - 1), classes, axis=1)
    told[np.arange(len(rows)), rows[:, 1].astype(int)] = rows[:, 2]
    return told


def _planted(names: Sequence[str], errors: np.ndarray, shares: np.ndarray) -> Observed:
    """Return observations whose counts are what is expected of such errors and shares."""
    import numpy as np
    import pandas as pd

    each = max(40, _CONTROL_ITEMS // len(names))
    told = [np.repeat(np.eye(len(names)), np.rint(size * row).astype(int), axis=0).tolist()
            for size, row in ((_CONTROL_ITEMS, shares @ errors), *((each, row) for row in errors))]  # fmt: skip
    drawn, known = told[0], [one for rows in told[1:] for one in rows]
    labels = [name for name, rows in zip(names, told[1:], strict=True) for _ in rows]
    items = pd.DataFrame({"draws": [[[0.0]]] * len(drawn), "problems": [[None]] * len(drawn)}, dtype=object)
    items["probabilities"] = [[one] for one in drawn]
    calibration = pd.DataFrame({"series": [[0.0]] * len(known), "label": labels, "probabilities": known})
    return {"items": items.rename_axis("id"), "calibration": calibration.rename_axis("id")}
