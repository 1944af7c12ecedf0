"""What is left of a mark: shares by hand, the shortest length of a promise, and intervals that hold."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from detectors.provenance.under_attack import ATTACK_MEASURES, Promise, attack_cells, power_table, under_attack


def text(*cells):
    """Return a row of lists from (kind, strength, length, changed, p)."""
    names = ("kinds", "strengths", "lengths", "altered", "p_values")
    return {name: [cell[at] for cell in cells] for at, name in enumerate(names)}


def whole(p, **attacked):
    """Return a text of p-value `p` as it is, and of each attack's p-value; None = the attack changed nothing."""
    named = [(*re.fullmatch(r"([a-z_]+)(\d+)", name).groups(), one) for name, one in attacked.items()]
    cells = ((kind, int(tenths) / 10, 0, one is not None, one or p) for kind, tenths, one in named)
    return text(("none", 0.0, 0, True, p), *cells)


def judged(rows, alpha=0.01, level=0.95, promise=None, seed=0):
    frame = pd.DataFrame(rows, pd.Index([f"t{n}" for n in range(len(rows))], name="id"), dtype=object)
    found = under_attack(frame, alpha=alpha, promise=promise or Promise(), level=level, rng=np.random.default_rng(seed))
    return {(one.name, one.group): one for one in found}


def test_shares_by_hand_with_exact_ends_and_the_least_of_all_attacks():
    rows = [whole(1e-9, delete1=1e-5, delete3=1e-3 if n < 12 else 0.2, meaning10=1e-8) for n in range(20)]
    found = judged(rows)
    assert set(ATTACK_MEASURES) - {"power_by_length"} == {name for name, _ in found}
    of_all = found["power_under_attack", "delete at 0.3"]
    assert (of_all.value, dict(of_all.n)) == (0.6, {"items": 20, "units": 20})
    assert (of_all.low, of_all.high) == pytest.approx((beta.ppf(0.0125, 12, 9), beta.ppf(0.9875, 13, 8)))
    assert "all attacks at once" in of_all.method
    worst = found["worst_power_under_attack", None]
    assert (worst.value, worst.low, worst.high) == pytest.approx((0.6, beta.ppf(0.025, 12, 9), of_all.high))
    assert "least of 2 attacks" in worst.method
    assert found["forgery_rate", None].value == 1
    assert found["forgery_rate", None].direction == "lower is better"


def test_a_text_that_an_attack_does_not_change_is_left_out_and_a_missing_one_might_be_either():
    rows = [whole(1e-9, synonyms10=None if n % 2 else 0.5) for n in range(20)]
    gone = dict.fromkeys(("kinds", "strengths", "lengths", "altered", "p_values"))
    one = judged([*rows, gone, gone])["power_under_attack", "synonyms at 1"]
    assert (one.value, one.missing, dict(one.n)) == (0.0, 2, {"items": 10, "units": 10})
    assert one.low == 0
    assert one.high > judged(rows)["power_under_attack", "synonyms at 1"].high
    lost = judged([gone] * 3)
    assert all(measure.value is None and measure.undefined for measure in lost.values())
    unchanged = judged([whole(1e-9, synonyms10=None)] * 9)["power_under_attack", "synonyms at 1"]
    assert unchanged.undefined == "no text was changed by it"


def test_what_is_left_with_nothing_to_test_is_not_found():
    rows = [text(("none", 0.0, 0, True, 1e-9), ("truncate", 0.9, 0, True, None)) for _ in range(9)]
    assert judged(rows)["power_under_attack", "truncate at 0.9"].value == 0


def test_units_are_what_a_column_says():
    rows = [whole(1e-9, delete1=1e-5) | {"unit": f"u{n % 3}"} for n in range(30)]
    assert dict(judged(rows)["power_under_attack", "delete at 0.1"].n) == {"items": 30, "units": 3}


def cut(p_of):
    return text(("none", 0.0, 0, True, 1e-20), *(("none", 0.0, length, True, p) for length, p in p_of.items()))


def test_the_shortest_length_lies_between_the_one_that_may_and_the_one_that_surely_does():
    promise = Promise(power=0.9, alpha=1e-6)
    rows = [cut({50: 1e-7 if n < 186 else 1e-3, 100: 1e-7 if n < 190 else 1e-3, 200: 1e-9}) for n in range(200)]
    found = judged(rows, promise=promise)
    one = found["shortest_length", None]
    # .93 and .95 of 200: the exact lower ends at 1 - .05 / 3 are .877 and .902
    assert (one.value, one.low, one.high, one.unit) == (50, 50, 100, "tokens")
    assert found["power_by_length", "50 tokens"].value == 1, "by the test's own alpha"
    few = judged(rows[:20], promise=Promise())["shortest_length", None]
    assert (few.value, few.low) == (50, None), "20 texts cannot show .99"
    assert "too few texts" in few.method


def test_a_promise_that_no_length_keeps_says_how_many_texts_could_show_it():
    one = judged([cut({50: 1e-3, 100: 1e-5})] * 40)["shortest_length", None]
    assert one.value is None
    assert "0.99 of the texts found at 1e-06; to show so much takes 437 texts" in one.undefined
    assert 0.99**437 <= 0.0125 < 0.99**436
    assert judged([whole(1e-9)] * 9)["shortest_length", None].undefined.startswith("no text is as long")


def test_a_short_text_says_nothing_of_a_greater_length():
    rows = [cut({50: 1e-9})] * 10 + [cut({50: 1e-9, 100: 1e-9})] * 5
    found = judged(rows)
    assert found["power_by_length", "50 tokens"].n["items"] == 15
    assert found["power_by_length", "100 tokens"].n["items"] == 5


def test_size_the_least_power_is_covered_where_all_attacks_are_equally_strong():
    rng, misses = np.random.default_rng(5), 0
    for trial in range(50):
        hits = rng.random((40, 3)) < 0.7
        rows = [whole(1e-9, **{f"delete{1 + at}": 1e-5 if one else 0.5 for at, one in enumerate(row)}) for row in hits]
        worst = judged(rows, level=0.9, seed=trial)["worst_power_under_attack", None]
        misses += not worst.low <= 0.7 <= worst.high
    assert misses <= 11  # P(Bin(50, .1) > 11) = .001; Bonferroni and exact ends leave far fewer


def test_the_table_has_every_cell_at_every_rate():
    rows = [whole(10.0 ** -n, delete1=10.0**-n * 10) for n in range(10)]
    table = power_table(attack_cells(pd.DataFrame(rows)), (1e-2, 1e-6), 0.95).set_index(["kind", "alpha"])
    assert table["found"].to_dict() == {("none", 0.01): 8, ("delete", 0.01): 7, ("none", 1e-6): 4, ("delete", 1e-6): 3}
    assert (table["low"] <= table["found"] / 10).all()
    assert (table["found"] / 10 <= table["high"]).all()
