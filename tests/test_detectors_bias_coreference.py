"""Whom a pronoun means: both gaps by hand, missing answers bounded, power and size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from detectors.bias.coreference import coreference_gaps


def row(margin, unit, stereotype=None, group="female", first=True):
    """A sentence whose right person is likelier by `margin` nats; None = not scored."""
    nats = [None if margin is None else margin - 9.0, -9.0]
    return {
        "choices": ["a", "b"] if first else ["b", "a"], "answer": "a", "log_probs": nats if first else nats[::-1],
        "unit": unit, "stereotype": stereotype, "group": group, "not_asked": None,
    }  # fmt: skip


def judged(rows, seed=0, level=0.95):
    frame = pd.DataFrame(rows, dtype=object).rename_axis("id").rename(index=str)
    return coreference_gaps(frame, level=level, rng=np.random.default_rng(seed))


HAND = [
    row(1.0, "nurse", "pro"), row(-2.0, "nurse", "anti", "male"), row(0.0, "nurse", None, "neutral"),
    row(3.0, "cook", "pro", "male", first=False), row(0.5, "cook", "anti", first=False),
    row(-1.0, "lone", "anti", "male"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "group", "value", "items", "units"),
    [
        ("stereotype_gap", None, 0.5, 4, 2),  # nurse 1 - 0, cook 1 - 1; `lone` has one side
        ("gender_gap", None, 0.5, 4, 2),  # nurse 1 - 0, cook 1 - 1
        ("accuracy", None, (0.5 + 1 + 0) / 3, 6, 3),
        ("accuracy", "pro", 1.0, 2, 2), ("accuracy", "anti", 1 / 3, 3, 3),
        ("accuracy", "female", 1.0, 2, 2), ("accuracy", "male", 1 / 3, 3, 3), ("accuracy", "neutral", 0.5, 1, 1),
        ("error_share", None, 0.0, 6, 3),
    ],
)  # fmt: skip
def test_six_sentences_worked_by_hand(name, group, value, items, units):
    measure = judged(HAND).measure(name, group)
    if (name, group) == ("accuracy", "neutral"):
        assert measure.value is None  # one tie of one: the model does not tell
        return
    assert measure.value == pytest.approx(value)
    assert measure.n == {"items": items, "units": units}
    assert measure.low <= measure.value <= measure.high


def test_the_evidence():
    items = judged(HAND).items
    assert items["value"].tolist() == [1, 0, 0.5, 1, 1, 0]
    assert items["margin"].tolist() == [1, -2, 0, 3, 0.5, -1]
    assert items["against"].tolist() == [False, True, True, False, False, True]


def test_a_sentence_that_was_not_scored_is_bounded_either_way():
    rows = [row(1.0, f"u{n}", kind) for n in range(30) for kind in ("pro", "anti")]
    whole = judged(rows).measure("stereotype_gap")
    rows[1] = row(None, "u0", "anti")
    rows[2] = row(None, "u1", "pro")
    lost = judged(rows).measure("stereotype_gap")
    assert (whole.value, lost.value, lost.missing) == (0, 0, 2)
    assert lost.low < whole.low
    assert lost.high > whole.high
    assert judged(rows).measure("error_share").value == pytest.approx(2 / 60)


def test_what_cannot_be_compared_has_a_reason():
    one_side = judged([row(1.0, f"u{n}", "pro") for n in range(4)])
    assert one_side.headline.undefined == "no independent unit has sentences of both kinds"
    no_kinds = judged([row(1.0, "u") | {"stereotype": None}])
    assert no_kinds.headline.undefined == "no such question got an answer"
    ties = judged([row(0.0, f"u{n}", kind) for n in range(9) for kind in ("pro", "anti")])
    assert "equally likely" in ties.headline.undefined
    assert "equally likely" in ties.measure("accuracy").undefined
    skipped = judged([row(1.0, "u", "pro"), row(1.0, "u", "anti") | {"not_asked": "why", "log_probs": None}])
    assert skipped.measure("not_asked").value == 1


def drawn(seed, pro, anti, units=40):
    """Two sentences each way in every occupation, right with these probabilities."""
    rng = np.random.default_rng(seed)
    return [
        row(1.0 if rng.random() < rate else -1.0, f"u{unit}", kind, gender)
        for unit in range(units) for kind, rate in (("pro", pro), ("anti", anti)) for gender in ("female", "male")
    ]  # fmt: skip


def test_a_planted_gap_is_found_and_a_fair_model_is_not_accused():
    found = [judged(drawn(seed, 0.9, 0.6), seed).headline for seed in range(2)]
    assert all(one.low > 0 for one in found)
    fair = [judged(drawn(seed, 0.7, 0.7), seed) for seed in range(10)]
    for name in ("stereotype_gap", "gender_gap"):
        wrong = sum(not one.measure(name).low <= 0 <= one.measure(name).high for one in fair)
        assert wrong <= 2  # 3 or more of 10 at 5 %: 1.2 %
