"""Measures of a mark: what each says of hand-made texts, and when it says nothing."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from detectors.intervals import exact_binomial
from detectors.phrases import Cause
from detectors.provenance.detection import MARK_MEASURES, mark_detection, median_of, read_texts
from detectors.provenance.log_p import p_of
from detectors.provenance.text.green import LeftHashLists
from detectors.provenance.text.scheme import Reading

FOUND, MISSED = [True] * 8 + [False] * 4, [True] * 3 + [False] * 9
"""8 of 12 green has p = 0.0028, 3 of 12 has 0.61."""


class Given(LeftHashLists):
    """A mark of which the colours of each text are given in place of its ids."""

    def read(self, texts):
        tokens = [np.array(one, dtype=float) for one in texts]
        return [
            Reading(len(one), one.sum(), len(one) / 4, float(self.tail(one.sum(), len(one))), one) for one in tokens
        ]


MARK = Given(vocabulary=64, greenlist_ratio=0.25, hashing_key=1)


def frame(**columns):
    size = len(next(iter(columns.values())))
    index = pd.Index([f"id{number}" for number in range(size)], name="id")
    return pd.DataFrame(columns, index, dtype=object)


def read(frame, column, alpha):
    """Return what is read of the colours in a column; nulls where there is no text."""
    there = frame[column].dropna()
    return read_texts(MARK, there, alpha).set_index(there.index).reindex(frame.index)


def judged(outputs, unmarked=None, *, alpha=0.01, level=0.95):
    if "other_green" not in outputs:
        outputs = outputs.assign(other_green=[MISSED] * len(outputs))
    others = [name for name in ("other", "plain") if f"{name}_green" in outputs]
    of_others = {f"{name}_p_value": read(outputs, f"{name}_green", alpha)["p_value"] for name in others}
    outputs = outputs.join(read(outputs, "green", alpha)).assign(**of_others)
    unmarked = None if unmarked is None else unmarked.join(read(unmarked, "green", alpha))
    return mark_detection(outputs, unmarked, alpha=alpha, level=level, rng=np.random.default_rng(0))


def numbers(measure):
    return measure.value, measure.low, measure.high


def test_all_measures_stand_in_order():
    result = judged(frame(green=[FOUND, MISSED]))
    assert tuple(one.name for one in result.measures[: len(MARK_MEASURES)]) == MARK_MEASURES
    assert result.headline.name == "detection_rate"
    directions = [one.direction.split()[0] for one in result.measures[: len(MARK_MEASURES)]]
    assert directions == ["higher", "lower", "lower", "lower", "lower", "neither", "lower", "neither", "lower"]


def test_detection_rate_counts_texts_at_alpha_with_the_exact_interval():
    outputs = frame(green=[FOUND] * 7 + [MISSED] * 3)
    rate = judged(outputs).headline
    assert numbers(rate) == (0.7, *exact_binomial(7, 10))
    assert (rate.mean_of, rate.n, rate.unit) == ("value", {"items": 10, "units": 10}, "share")
    assert judged(outputs, alpha=0.002).headline.value == 0
    assert judged(outputs, alpha=0.7).headline.value == 1


def test_evidence_of_a_text():
    items = judged(frame(green=[FOUND, MISSED, None, []])).items
    assert items["tokens"].tolist() == [12, 12, 0, 0]
    assert items["p_value"][:2].tolist() == pytest.approx([binom.sf(7, 12, 0.25), binom.sf(2, 12, 0.25)])
    assert items["value"][:2].tolist() == [1, 0]
    assert items["green_fraction"][:2].tolist() == pytest.approx([8 / 12, 3 / 12])
    assert items["tokens_needed"].iloc[0] == 4
    assert items[["p_value", "value", "green_fraction"]].iloc[2:].isna().all(axis=None)
    assert np.isnan(items["tokens_needed"].iloc[1])


def test_a_text_without_a_pair_has_no_value_and_is_counted():
    result = judged(frame(green=[FOUND, None, []]))
    assert result.headline.n["items"] == 1
    assert result.measure("not_tested").value == 2
    nothing = judged(frame(green=[None, []], other_green=[None, []]))
    assert [nothing.measure(name).value for name in MARK_MEASURES[:-1]] == [None] * 8
    assert nothing.headline.undefined == "in no text is there anything to test"


def test_false_positives_of_foreign_and_own_texts_and_of_another_key():
    outputs = frame(green=[FOUND] * 4, other_green=[FOUND] + [MISSED] * 3, plain_green=[MISSED] * 3 + [None])
    outputs = outputs.assign(plain_nats=-2.0, plain_scored=1, nats=[-2.5, -2.4, -2.5, -2.6], scored=1)
    result = judged(outputs, frame(green=[MISSED] * 19 + [FOUND]))
    assert numbers(result.measure("false_positive_rate")) == (0.05, *exact_binomial(1, 20))
    assert numbers(result.measure("own_false_positive_rate")) == (0, 0, exact_binomial(1, 4)[1])  # one not tested
    assert numbers(result.measure("other_key_rate")) == (0.25, *exact_binomial(1, 4))
    assert result.table["value"].sum() == 1


def test_what_was_not_given_is_undefined_with_a_reason():
    result = judged(frame(green=[FOUND] * 4))
    assert "no texts that are known" in result.measure("false_positive_rate").undefined
    for name in ("own_false_positive_rate", "quality_cost"):
        assert "not put in here" in result.measure(name).undefined
    assert result.table is None


def test_detection_rate_by_length_leaves_out_lengths_that_no_text_has():
    green = [[True] * 50, [True] * 51, [False] * 51, [True] * 100, [True] * 201, None]
    groups = {one.group: (one.value, one.n["items"]) for one in judged(frame(green=green)).measures if one.group}
    assert groups == {"up to 50 tokens": (1, 1), "51 to 100 tokens": (2 / 3, 3), "over 200 tokens": (1, 1)}


def test_tokens_needed_is_the_median_with_its_order_statistics():
    # after 4 + k pairs: k red ones first; P(Bin(9, 1/4) >= 4) is 0.166, so each needs a count of its own
    green = [[False] * k + [True] * 30 for k in range(21)]
    result = judged(frame(green=green))
    needed = sorted(result.items["tokens_needed"])
    median = result.measure("tokens_needed")
    assert (median.value, median.unit) == (needed[10], "tokens")
    assert (median.low, median.high) == (needed[5], needed[15])  # P(Bin(21, 1/2) <= 5) = 0.0133, <= 6 is 0.039
    assert median.method == "order statistics of the median"


def test_tokens_needed_says_nothing_where_too_few_texts_are_found():
    half = judged(frame(green=[FOUND] * 10 + [MISSED] * 10)).measure("tokens_needed")
    assert half.undefined == "half of the texts or more are not found at their full length"
    most = judged(frame(green=[FOUND] * 12 + [MISSED] * 8)).measure("tokens_needed")
    assert (most.value, most.low, most.high) == (4, None, None)
    few = judged(frame(green=[FOUND] * 3)).measure("tokens_needed")
    assert (few.value, few.low) == (4, None)  # three texts bound no median at 95 %


def test_the_interval_of_the_median_covers_at_its_level():
    rng, covered = np.random.default_rng(1), 0
    truth = judged(frame(green=[[False] * 7 + [True] * 60])).items["tokens_needed"].iloc[0]  # median of geometric
    for _ in range(100):
        size = rng.geometric(0.1, size=15)
        green = [[False] * int(k) + [True] * 60 for k in np.minimum(size, 40)]
        needed = read_texts(MARK, green, 0.01)["tokens_needed"]
        facts = {"unit": "tokens", "direction": "lower is better", "level": 0.9}
        median = median_of("tokens_needed", needed, Cause("never"), **facts)
        covered += median.low <= truth <= median.high
    whole = judged(frame(green=green), level=0.9).measure("tokens_needed")
    assert numbers(whole) == numbers(median)
    assert binom.cdf(covered, 100, 0.9) > 1e-3


def scored(*rows):
    """Return texts with (plain_nats, plain_scored, nats, scored)."""
    names = ["plain_nats", "plain_scored", "nats", "scored"]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return frame(green=[FOUND] * len(rows), plain_green=[MISSED] * len(rows)).assign(**columns)


def test_quality_cost_is_the_difference_of_nats_per_token():
    outputs = scored(*[(-10, 10, -30, 10), (-20, 10, -10, 10), (-30, 20, -50, 20), (-12, 10, -22, 10)] * 10)
    cost = judged(outputs).measure("quality_cost")
    assert cost.value == pytest.approx(112 / 50 - 72 / 50)
    assert cost.low < cost.value < cost.high
    assert (cost.unit, cost.min_units) == ("nats per token", 40)


@pytest.mark.parametrize("rows", [[(-10, 10, -30, 10)], [(-10, 10, -30, 10)] * 5])
def test_quality_cost_of_texts_without_spread_is_undefined_and_says_why(rows):
    assert "unit" in judged(scored(*rows)).measure("quality_cost").undefined


def test_quality_cost_of_two_texts_has_no_interval():
    cost = judged(scored((-10, 10, -30, 10), (-20, 10, -10, 10))).measure("quality_cost")
    assert (cost.value, cost.low, cost.high) == (pytest.approx(40 / 20 - 30 / 20), None, None)


def test_green_fraction_is_the_mean_over_texts_with_a_valid_interval():
    found = judged(frame(green=[[True, False], [True, True, False, False], [True, True]])).measure("green_fraction")
    assert found.value == pytest.approx(2 / 3)
    assert "betting" in found.method


def test_a_text_without_the_mark_counts_against_the_model():
    items = judged(frame(green=[FOUND, MISSED, None])).items
    assert items["against"].astype(object).where(items["against"].notna(), None).tolist() == [False, True, None]
    assert items["weight"][:2].to_numpy() == pytest.approx(binom.sf([7, 2], 12, 0.25))


def test_rates_hold_whatever_the_test_would_have_said_of_texts_that_are_missing():
    """Of 20 outputs 12 carry the mark and 8 are none: between 12 and 20 of 20, at every length."""
    result = judged(frame(green=[FOUND] * 12 + [None] * 8))
    for group in (None, "up to 50 tokens"):
        rate = result.measure("detection_rate", group)
        assert (rate.value, rate.missing, rate.low, rate.high) == (1, 8, exact_binomial(12, 20)[0], 1)
    assert result.items["no_answer"].sum() == 8


def test_the_median_of_tokens_holds_whatever_missing_texts_would_have_needed():
    """Order statistics by hand: of 20 the 6th and 15th bound the median; with 2 missing below, then above, the rest."""
    greens = [[True] * hits for hits in range(4, 22)]
    few, all_there = judged(frame(green=[*greens, None, None])), judged(frame(green=greens))
    needed = few.measure("tokens_needed")
    assert (needed.missing, needed.value) == (2, all_there.measure("tokens_needed").value)
    assert needed.low <= all_there.measure("tokens_needed").low
    assert needed.high >= all_there.measure("tokens_needed").high


@pytest.mark.parametrize(
    ("green", "alpha", "needed"),
    [
        ([1, 1, 1, 1], 0.01, 4),
        ([1, 1, 1, 1, 0], 0.01, None),
        ([1, 1, 1, 1, 0, 1], 0.01, 6),
        ([1, 0, 1, 0], 0.9, 1),
        ([], 0.01, None),
    ],
)
def test_tokens_needed_are_those_after_which_the_p_value_stays_small(green, alpha, needed):
    # P(Bin(6, 1/4) >= 5) = 0.0046
    (found,) = read_texts(MARK, [green], alpha)["tokens_needed"]
    assert (found if needed else np.isnan(found)) == (needed or True)


def test_a_mark_without_green_lists_has_no_share_of_green_tokens():
    outputs = (
        frame(green=[FOUND] * 4)
        .pipe(lambda one: one.join(read(one, "green", 0.01)))
        .assign(other_p_value=0.5, green_fraction=np.nan)
    )
    found = mark_detection(outputs, None, alpha=0.01, level=0.95, rng=np.random.default_rng(0)).measure(
        "green_fraction"
    )
    assert found.undefined == "the mark has no green tokens"


@pytest.mark.parametrize(
    ("log10_p", "p"), [(-2.0, 0.01), (0.0, 1.0), (-300.5, 10**-300.5), (-4000.0, 2.2250738585072014e-308)]
)
def test_no_p_value_is_nothing(log10_p, p):
    assert p_of(log10_p) == pytest.approx(p, rel=1e-12)
    assert p_of(-math.inf) > 0
    assert math.isnan(p_of(math.nan))
