"""Scores of given choices: numbers worked by hand, laws, and agreement with the plain definition."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.factuality.choices import fair_share, score_choices, true_share

NATS = st.floats(-2500, -0.01)


def arrays(items):
    """Return (log_probs, right, starts) of items given as lists of (nats, true?)."""
    flat = [pair for item in items for pair in item]
    starts = np.cumsum([0, *(len(item) for item in items[:-1])])
    return np.array([nats for nats, _ in flat]), np.array([bool(true) for _, true in flat]), starts


def one(*pairs):
    return arrays([list(pairs)])


@pytest.mark.parametrize(
    ("pairs", "share", "tie"),
    [
        ([(-1, 1), (-2, 0), (-3, 0)], 1, False),
        ([(-2, 1), (-1, 0), (-3, 0)], 0, False),
        ([(-1, 1), (-1, 0), (-3, 0)], 1 / 2, True),
        ([(-1, 0), (-1, 0), (-1, 1)], 1 / 3, True),  # never by position
        ([(-1, 1), (-1, 0), (-1, 0)], 1 / 3, True),
        ([(-1, 0), (-1, 0), (-3, 1)], 0, True),
        ([(-1, 1), (-1, 1), (-3, 0)], 1, True),
        ([(-1, 1), (-1, 1), (-1, 0), (-1, 0)], 1 / 2, True),
    ],
)
def test_a_tie_is_shared(pairs, share, tie):
    value, tied = fair_share(*one(*pairs))
    assert (value[0], tied[0]) == (pytest.approx(share, abs=0), tie)


@pytest.mark.parametrize(
    ("pairs", "mc2"),
    [
        ([(math.log(0.3), 1), (math.log(0.1), 0), (math.log(0.1), 0)], 0.6),
        # labels in any order: lm-evaluation-harness cuts at the first false one and would say 0.3 / 0.5
        ([(math.log(0.2), 0), (math.log(0.3), 1), (math.log(0.1), 0), (math.log(0.4), 1)], 0.7),
        ([(-2000, 1), (-2000 + math.log(3), 0)], 0.25),
        ([(-2000, 0), (-2001, 1)], 1 / (1 + math.e)),
        ([(-1, 1), (-2000, 0)], 1.0),
        ([(-1, 0), (-2000, 1)], 0.0),
    ],
)
def test_mc2_by_hand(pairs, mc2):
    assert true_share(*one(*pairs))[0] == pytest.approx(mc2, abs=1e-12)


def test_the_whole_row_by_hand():
    """Choices `bb` (true, best), `a`, `cccc` (true), `dd` with L = -2, -1.5, -3, -4 nats."""
    log_probs, right, starts = one((-2, 1), (-1.5, 0), (-3, 1), (-4, 0))
    best = np.array([True, False, False, False])
    row = pd.DataFrame(score_choices(log_probs, np.array([2.0, 1, 4, 2]), right, best, starts)).iloc[0]
    assert row["value"] == 0  # `a` is likeliest
    assert row["value_normalised"] == 1  # per byte -1, -1.5, -0.75, -2: `cccc`
    assert row["mc1"] == 0  # -2 against -1.5 and -4
    weights = np.exp([-2, -1.5, -3, -4])
    assert row["mc2"] == pytest.approx((weights[0] + weights[2]) / weights.sum(), abs=1e-15)
    assert row["chance"] == 2 / 4
    assert row["mc1_chance"] == 1 / 3
    assert row["longest"] == 1  # `cccc`
    assert row["shortest"] == 0  # `a`
    assert row["margin"] == -0.5
    assert not row["tie"]


def test_mc1_looks_at_the_best_true_choice_only():
    log_probs, right, starts = one((-2, 1), (-1, 1), (-1.5, 0))
    for best, mc1 in ((0, 0), (1, 1)):
        flags = np.arange(3) == best
        row = pd.DataFrame(score_choices(log_probs, np.ones(3), right, flags, starts)).iloc[0]
        assert (row["mc1"], row["value"]) == (mc1, 1)


def test_length_ties_are_shared():
    log_probs, right, starts = one((-1, 1), (-2, 0), (-3, 0), (-4, 0))
    best = right.copy()
    row = pd.DataFrame(score_choices(log_probs, np.array([3.0, 3, 2, 3]), right, best, starts)).iloc[0]
    assert (row["longest"], row["shortest"]) == (pytest.approx(1 / 3), 0)


def plain(item):
    """Return (value, mc2) of one item by the definitions, choice by choice in exact sums."""
    top = max(nats for nats, _ in item)
    likeliest = [true for nats, true in item if nats == top]
    weights = [(math.exp(nats - top), true) for nats, true in item]
    return (
        sum(likeliest) / len(likeliest),
        math.fsum(w for w, true in weights if true) / math.fsum(w for w, _ in weights),
    )


items = st.lists(
    st.lists(st.tuples(NATS, st.booleans()), min_size=2, max_size=8).filter(lambda item: any(true for _, true in item)),
    min_size=1, max_size=6,
)


@given(items)
def test_many_items_at_once_are_as_each_alone(rows):
    value, _ = fair_share(*arrays(rows))
    assert value.tolist() == pytest.approx([plain(row)[0] for row in rows], abs=1e-15)
    assert true_share(*arrays(rows)).tolist() == pytest.approx([plain(row)[1] for row in rows], abs=1e-12)


@given(items, st.randoms(use_true_random=False), st.floats(-50, 50))
def test_laws(rows, random, shift):
    """The order of choices does not matter, MC2 is a share and does not see a constant added to every choice."""
    shuffled = [random.sample(row, len(row)) for row in rows]
    value, mc2 = fair_share(*arrays(rows))[0], true_share(*arrays(rows))
    assert fair_share(*arrays(shuffled))[0].tolist() == value.tolist()
    assert true_share(*arrays(shuffled)) == pytest.approx(mc2, abs=1e-12)
    assert ((mc2 >= 0) & (mc2 <= 1)).all()
    log_probs, right, starts = arrays(rows)
    assert true_share(log_probs + shift, right, starts) == pytest.approx(mc2, abs=1e-9)


def test_no_item_gives_no_row():
    nothing, flags = np.empty(0), np.empty(0, dtype=bool)
    assert pd.DataFrame(score_choices(nothing, nothing, flags, flags, np.empty(0, dtype=np.intp))).empty
