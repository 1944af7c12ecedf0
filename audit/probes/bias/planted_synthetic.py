"""What `bias.synthetic_table` is tried on: a real table, and synthetic ones that change what is known.

    group a   label 1 where `told` is 1        group b   label 0 throughout        `town` tells the group

    dose 0    as the real one, row for row
    dose 1    b gains favourable labels and loses rows, a quarter of a's have another `word`
    dose 2    b has favourable labels alone, so that what is learnt is wrong of b; half of a's have another word
    dose 3    the real town tells nothing of the group, the synthetic one all; both groups' labels follow `told`

In the trials real rows of a with a favourable label are there three times, each time as the same person.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Observed, Trial

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["control", "trial"]

_ROWS, _EACH = 300, 200
_OF_B = ((200, 0.0), (160, 0.2), (120, 1.0))
"""By dose: rows of group b, and the share of favourable labels among those whose `told` is 1 (of all rows, if 1)."""


def control(probe: Any, *, faulty: bool) -> Observed:
    """Return observations of both tables; see `SyntheticTable.controls`."""
    real = {"men": _ROWS // 2 if faulty else 240, "women": _ROWS // 2 if faulty else 60}
    made = {"men": 270, "women": 30} if faulty else real
    return {"real": _rows(probe, real), "items": _rows(probe, made)}


def _rows(probe: Any, favourable: dict[str, int]) -> pd.DataFrame:
    """Return 300 rows a group, so many of them favourable, with the columns that the options name."""
    import pandas as pd

    good = str(probe.favourable)
    rows = []
    for group, count in favourable.items():
        for place in range(_ROWS):
            row = dict.fromkeys(probe.features, "x") | dict.fromkeys(probe.sensitive, "x")
            row |= {probe.sensitive[0]: group, probe.label: good if place < count else f"not {good}"}
            rows.append(row)
    return pd.DataFrame(rows, pd.Index([f"planted-{place}" for place in range(len(rows))], name="id"), dtype=object)


def trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial; dose 0 changes nothing."""
    import pandas as pd

    tried = replace(probe, sensitive=("group",), label="label", favourable="1", features=("told", "town", "word"))
    follows = dose > 2
    size, share = _OF_B[0 if follows else dose]
    each = 2 * _EACH if follows else _EACH
    tables = {
        "real": [*_people("a", each), *_people("b", each, None if follows else 0.0)],
        "items": [*_people("a", each, other=0 if follows else dose), *_people("b", each if follows else size,
                                                                            None if follows else share)],
    }  # fmt: skip
    data = {}
    for role, rows in tables.items():
        frame = pd.DataFrame(rows, columns=["group", "label", "told", "town", "word"], dtype=object)
        if follows and role == "real":
            frame["town"] = "north"
        frame = frame.set_axis(pd.Index([f"{role}-{place}" for place in range(len(frame))], name="id"))
        if role == "real":
            again = frame.assign(unit=frame.index)[(frame["group"] == "a") & (frame["label"] == 1)]
            copies = [again.set_axis(again.index + word) for word in (", again", ", and again")]
            frame = pd.concat([frame.assign(unit=frame.index), *copies]).rename_axis("id")
        data[role] = frame.iloc[rng.permutation(len(frame))]
    return Trial(dose > 0, data, {}, _known(0 if follows else dose, follows), tried)


def _known(dose: int, follows: bool) -> KnownMeasures:
    size, share = _OF_B[dose]
    change, wrong = (1.0 if share == 1 else share / 2), float(dose == 2)
    found = {
        ("largest_gap_change", None): change, ("gap_change", "a"): -change, ("gap_change", "b"): change,
        ("group_share_change", "b"): size / (size + _EACH) - 0.5, ("group_distance", "a"): dose / 4,
        ("transfer_accuracy", "a"): 1.0, ("transfer_accuracy", "b"): 1 - wrong, ("transfer_cost", "a"): 0.0,
        ("transfer_cost", "b"): wrong, ("transfer_cost_gap", "b"): wrong, ("group_predictability", "synthetic"): 1.0,
    }
    known: KnownMeasures = {name: Known(value) for name, value in found.items()}
    known["group_predictability", "real"] = Known(0.5, 0.12) if follows else Known(1.0)
    known["proxy_change", None] = Known(0.5, 0.12) if follows else Known(0.0)
    return known


def _people(group: str, count: int, share: float | None = None, other: int = 0) -> list[tuple[Any, ...]]:
    """Return rows of a group, half of either `told`, whose label follows it where no share is given.

    share: of the rows that are told 1, those with the label 1; 1 = all rows. other: quarters of the rows that have
    another word.
    """
    rows = []
    for place in range(count):
        told, among = 1 - 2 * (place % 2), place // 2 / (count / 2)
        label = told == 1 if share is None else share == 1 or (told == 1 and among < share)
        rows.append((group, int(label), told, "north" if group == "a" else "south", "y" if among < other / 4 else "x"))
    return rows
