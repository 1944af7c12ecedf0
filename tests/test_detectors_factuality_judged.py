"""The judged share: that it is the interval it says, whose labels count, units, refusals, and coverage."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from detectors.factuality.judged import JUDGED_MEASURES, judged_share
from detectors.intervals import Calibration, corrected_rate, exact_binomial, prediction_powered

NAN = float("nan")


def frame(judge, label, prefix="x", **more):
    index = pd.Index([f"{prefix}{number}" for number in range(len(judge))], name="id")
    return pd.DataFrame({"judge": judge, "label": label, **more}, index=index, dtype=object).astype(
        {"judge": float, "label": float}
    )


def drawn(rng, size, labelled, rate=0.6, right=0.85, prefix="x"):
    """Answers of which a share is right, judged rightly with some probability; the first ones are labelled."""
    truth = (rng.random(size) < rate).astype(float)
    judge = np.where(rng.random(size) < right, truth, 1 - truth)
    return frame(judge, np.where(np.arange(size) < labelled, truth, NAN), prefix)


RNG = partial(np.random.default_rng, 0)


def judged(items, calibration=None, level=0.95, **options):
    return judged_share(items, calibration, level=level, rng=RNG(), **options)


def ends(measure):
    return measure.value, measure.low, measure.high


def test_labels_among_the_items_are_prediction_powered():
    items = drawn(np.random.default_rng(1), 1000, 100)
    result = judged(items)
    known, others = items[:100].sort_index(), items["judge"][100:].sort_index()
    found = prediction_powered(known["label"], known["judge"], others, rng=RNG())
    assert ends(result.headline) == (found.value, found.low, found.high)
    assert result.headline.n == {"items": 1000, "units": 100}
    assert (result.headline.guarantee, result.headline.min_units) == ("finite sample", 0)
    assert result.measure("labels_worth").value == found.worth
    assert tuple(measure.name for measure in result.measures) == JUDGED_MEASURES[:8]


def test_what_is_told_of_the_judge():
    items = drawn(np.random.default_rng(2), 500, 200)
    result, known = judged(items), items[:200]
    right, verdict = known["label"] == 1, known["judge"] == 1
    hits, passes = int((right & verdict).sum()), int((~right & ~verdict).sum())
    shares = {
        "label_share": (right.sum(), 200),
        "sensitivity": (hits, right.sum()), "specificity": (passes, (~right).sum()),
    }
    for name, (k, n) in shares.items():
        assert ends(result.measure(name)) == pytest.approx((k / n, *exact_binomial(int(k), int(n)))), name
    share = result.measure("judge_share")
    assert (share.value, share.method) == (items["judge"].mean(), "betting (hedged capital) over unit means")
    assert result.measure("cohen_kappa").value == pytest.approx(cohen_kappa_score(right, verdict))


def test_the_threshold_makes_verdicts_and_leaves_the_share():
    rng = np.random.default_rng(3)
    items = drawn(rng, 400, 100)
    items["judge"] = np.clip(0.25 + 0.5 * items["judge"] + rng.normal(0, 0.1, 400), 0, 1)
    lax, strict = judged(items, threshold=0.2), judged(items, threshold=0.9)
    assert lax.headline == strict.headline
    assert lax.measure("sensitivity").value > strict.measure("sensitivity").value
    assert lax.measure("specificity").value < strict.measure("specificity").value
    assert strict.items["verdict"].sum() == (items["judge"] >= 0.9).sum()


def test_evidence_begins_where_judge_and_people_differ_most():
    items = frame([0.9, 0.2, 0.6, 0.5], [1, 1, NAN, 0])
    assert judged(items).items["disagreement"].tolist() == pytest.approx([0.8, 0.5, 0.1, NAN], nan_ok=True)
    assert judged(items).items.index.tolist() == ["x1", "x3", "x0", "x2"]


def test_labels_of_other_items_correct_the_judges_share():
    """The calibration items have another share of right answers, which does no harm."""
    rng = np.random.default_rng(4)
    items, calibration = drawn(rng, 800, 0, rate=0.9), drawn(rng, 200, 200, rate=0.3, prefix="c")
    result = judged(items, calibration)
    right, verdict = calibration["label"] == 1, calibration["judge"] == 1
    known = Calibration(
        int((right & verdict).sum()), int(right.sum()), int((~right & ~verdict).sum()), int((~right).sum())
    )
    assert ends(result.headline) == corrected_rate(int(items["judge"].sum()), 800, known)
    assert result.headline.low < 0.9 < result.headline.high
    assert result.measure("judge_share").high < 0.9
    assert result.measure("sensitivity").n["items"] == known.positives
    assert result.measure("labels_worth").undefined == "the labels are of other items"
    assert result.measure("label_share").undefined == "no item has a label"


def test_labels_among_the_items_come_before_those_of_others():
    rng = np.random.default_rng(5)
    items, calibration = drawn(rng, 300, 60), drawn(rng, 200, 200, prefix="c")
    assert judged(items, calibration).headline == judged(items).headline


def test_sets_that_share_items_are_refused():
    items = drawn(np.random.default_rng(6), 100, 50)
    with pytest.raises(ValueError, match="items and calibration share 100 items: 'x0'"):
        judged(items, items)


@pytest.mark.parametrize(("labelled", "says"), [
    (0, "0 labelled units are too few to tell how far the judge is to be believed; 30 are needed"),
    (29, "29 labelled units are too few to tell how far the judge is to be believed; 30 are needed"),
])
def test_too_few_labels_are_refused_by_number(labelled, says):
    result = judged(drawn(np.random.default_rng(7), 200, labelled))
    assert result.headline.undefined == says
    assert result.measure("labels_worth").undefined == says
    assert result.measure("judge_share").value is not None
    assert judged(drawn(np.random.default_rng(7), 200, 30)).headline.value is not None


def test_a_judge_whose_calibration_does_not_do_is_refused():
    rng = np.random.default_rng(8)
    few = judged(drawn(rng, 200, 0), drawn(rng, 30, 30, rate=0.9, prefix="c"))
    assert few.headline.undefined.endswith("20 of each are needed")
    blind = judged(drawn(rng, 200, 0), drawn(rng, 100, 100, right=0.5, prefix="c"))
    assert "may be 0: the detector may tell nothing" in blind.headline.undefined


def test_where_all_are_labelled_the_judge_is_not_needed():
    items = drawn(np.random.default_rng(9), 80, 80)
    result = judged(items)
    right = int(items["label"].sum())
    assert ends(result.headline) == pytest.approx((right / 80, *exact_binomial(right, 80)))
    assert result.measure("labels_worth").value == 80


def test_no_item_of_a_kind_has_a_reason():
    result = judged(frame([1.0] * 40 + [0.0] * 10, [1.0] * 40 + [NAN] * 10))
    assert result.measure("specificity").undefined == "no item is labelled as not right"
    assert result.measure("cohen_kappa").undefined.startswith("all ratings are the same")
    assert result.headline.value is not None


# --- units


def test_copies_of_an_item_tell_no_more_than_the_item():
    items = drawn(np.random.default_rng(10), 400, 100)
    copies = pd.concat([items.assign(unit=items.index)] * 5)
    copies.index = pd.Index([f"copy-{number}" for number in range(len(copies))], name="id")
    one, many = judged(items), judged(copies)
    assert ends(many.headline) == pytest.approx(ends(one.headline))
    assert many.headline.n == {"items": 2000, "units": 100}
    assert many.measure("sensitivity").n["units"] == one.measure("sensitivity").n["units"]


def test_of_a_unit_with_labels_only_the_labelled_items_count():
    """Otherwise labels and scores would not be of the same items, and a unit would stand on both sides."""
    items = drawn(np.random.default_rng(11), 300, 60)
    units = np.array([f"u{number}" for number in range(300)], dtype=object)
    units[200:260] = units[:60]  # sixty unlabelled items belong to the labelled units
    known, others = items[:60].sort_index(), pd.concat([items["judge"][60:200], items["judge"][260:]]).sort_index()
    found = prediction_powered(known["label"], known["judge"], others, rng=RNG())
    assert ends(judged(items.assign(unit=units)).headline) == pytest.approx((found.value, found.low, found.high))


def test_units_and_a_calibration_set_do_not_go_together():
    rng = np.random.default_rng(12)
    items, calibration = drawn(rng, 100, 0), drawn(rng, 200, 200, prefix="c")
    shared = items.assign(unit=["one", "one", *items.index[2:]])
    assert judged(shared, calibration).headline.undefined.startswith("items share units")
    assert judged(items.assign(unit=items.index), calibration).headline.value is not None


def headline(judge, label, unit, count):
    """What computes the share and its ends, asked without a frame, which takes most of the time."""
    labelled = ~np.isnan(label)
    has = np.bincount(unit[labelled], minlength=count) > 0

    def means(values, items, units):
        sums, sizes = (np.bincount(unit[items], one, count)[units] for one in (values[items], None))
        return sums / sizes

    labels, scores = (means(one, labelled, has) for one in (label, judge))
    return prediction_powered(labels, scores, means(judge, np.full(len(judge), True), ~has), 0.95, rng=RNG())


@pytest.mark.parametrize("rate", [0.03, 0.5])
def test_it_covers_over_units_of_unequal_size(rate):
    """Documents of one to five answers that hang together; 60 of 400 are labelled, some in part."""
    rng = np.random.default_rng(13)
    missed = 0
    for _ in range(120):
        sizes = rng.integers(1, 6, 400)
        unit = np.repeat(np.arange(400), sizes)
        truth = (rng.random(len(unit)) < np.repeat(rng.beta(rate * 2, (1 - rate) * 2, 400), sizes)).astype(float)
        judge = np.where(rng.random(len(unit)) < 0.9, truth, 1 - truth)
        label = np.where((unit < 60) & (rng.random(len(unit)) < 0.7), truth, NAN)
        found = headline(judge, label, unit, 400)
        missed += not found.low <= rate <= found.high
    whole = judged(frame(judge, label, unit=[f"{one:03}" for one in unit])).headline
    assert (whole.value, whole.low, whole.high) == pytest.approx((found.value, found.low, found.high), rel=1e-9)
    assert missed <= 0.05 * 120 + 2.6 * np.sqrt(0.05 * 0.95 * 120)


def test_the_label_says_what_counts_against_the_model_and_where_there_is_none_the_judge():
    items = judged(frame([0.9, 0.2, 0.7, 0.1, 0.5], [0, 1, NAN, NAN, NAN])).items.sort_index()
    assert items["against"].tolist() == [True, False, False, True, False]
    assert items["weight"].to_numpy() == pytest.approx([1, 0, 0.3, 0.9, 0.5])


# --- what sways the judge


def test_verdicts_that_turn_with_the_order_worked_by_hand():
    items = frame([1, 1, 1, 0, 0, NAN], [1, 0, NAN, NAN, 1, 0], swapped=[1, 0, 0, 0, 1, 1])
    result = judged(items)
    assert result.measure("unparseable_share").value == pytest.approx(1 / 6)
    flip, bias = result.measure("order_flip_share"), result.measure("position_bias")
    assert (flip.value, flip.n["units"]) == (pytest.approx(3 / 5), 5)
    assert bias.value == pytest.approx((2 - 1) / 5)
    assert (bias.ideal, bias.direction) == (0.0, "nearer to ideal is better")
    assert result.items["verdict"].isna().sum() == 1


def test_a_judge_that_takes_what_comes_first_is_found_and_one_that_does_not_is_left_alone():
    rng = np.random.default_rng(4)
    truth = rng.random(300) < 0.5
    for share, biased in ((0.3, True), (0.0, False)):
        first = truth | (rng.random(300) < share)
        second = truth & (rng.random(300) >= share)
        found = judged(frame(first.astype(float), [NAN] * 300, swapped=second.astype(float))).measure("position_bias")
        assert (found.low > 0) == biased
        assert found.low <= share <= found.high


def test_a_judge_that_likes_length_is_found_among_answers_that_people_call_the_same():
    rng = np.random.default_rng(5)
    size = 400
    words, truth = rng.integers(1, 40, size), rng.random(size) < 0.5
    text = ["word " * count for count in words]
    told = {"by length": words > 20, "by chance": rng.random(size) < 0.5, "by truth": truth ^ (rng.random(size) < 0.1)}
    for name, said in told.items():
        result = judged(frame(said.astype(float), truth.astype(float), text=text))
        for group in ("called right", "called not right"):
            found = result.measure("length_bias", group)
            assert (found.low > 0.5) == (name == "by length"), name
            assert found.ideal == 0.5


def test_replies_that_could_not_be_read_keep_the_share_and_are_no_verdicts():
    items = drawn(np.random.default_rng(6), 1000, 200)
    lost = items.copy()
    lost.loc[lost.index[::7], "judge"] = NAN
    whole, part = judged(items), judged(lost)
    assert part.headline.low <= whole.headline.value <= part.headline.high
    assert part.measure("labels_worth").value < whole.measure("labels_worth").value
    read = lost[lost["judge"].notna() & lost["label"].notna()]
    assert part.measure("cohen_kappa").value == pytest.approx(cohen_kappa_score(read["label"] == 1, read["judge"] == 1))
    assert part.measure("sensitivity").n["items"] == (read["label"] == 1).sum()
    elsewhere = judged(lost.assign(label=NAN), drawn(np.random.default_rng(7), 300, 300, prefix="y"))
    assert elsewhere.headline.undefined.startswith("some replies of the judge could not be read")


def test_habits_that_nothing_tells_are_undefined():
    items = frame([NAN, 1, 1], [1, 1, NAN], swapped=[1, NAN, NAN], text=["a", "b", "c"])
    result = judged(items)
    assert result.measure("position_bias").undefined == "no item has a verdict in both orders"
    assert result.measure("length_bias", "called right").undefined.startswith("fewer than two of them")
