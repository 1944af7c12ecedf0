"""From observations to measures: what counts, what is left out, and whether the intervals keep their word."""


import numpy as np
import pandas as pd
import pytest

from detectors.factuality import correctness as module
from detectors.factuality.correctness import (
    CHOICE_MEASURES,
    GENERATED_MEASURES,
    choice_correctness,
    generated_correctness,
)
from detectors.factuality.tally import Tally
from detectors.intervals import betting_mean, exact_binomial

FOUR = ["aaaa", "bb", "ccc", "d"]


def chosen(rows):
    """Return choice observations; a row is a dict that overrides a question with choices `FOUR`, the first true."""
    blank = {
        "question": "Q?", "choices": FOUR, "correct": [0], "best": None, "aliases": None, "group": None, "unit": None,
        "not_asked": None, "log_probs": [-1.0, -2.0, -3.0, -4.0],
    }
    index = pd.Index([f"q{number}" for number in range(len(rows))], name="id")
    return pd.DataFrame([blank | row for row in rows], index, dtype=object)


def written(rows):
    blank = {
        "question": "Q?", "choices": None, "correct": None, "best": None, "aliases": ["Paris"], "group": None,
        "unit": None, "not_asked": None, "text": "Paris", "finish": "stop", "problem": None,
    }
    index = pd.Index([f"q{number}" for number in range(len(rows))], name="id")
    return pd.DataFrame([blank | row for row in rows], index, dtype=object)


def by_choice(rows, level=0.95):
    return choice_correctness(chosen(rows), level=level, rng=np.random.default_rng(0))


def by_words(rows, rule="contains", level=0.95):
    return generated_correctness(written(rows), rule=rule, level=level, rng=np.random.default_rng(0))


RIGHT = {"log_probs": [-1.0, -2.0, -3.0, -4.0]}
WRONG = {"log_probs": [-5.0, -2.0, -3.0, -4.0]}
TIE = {"log_probs": [-1.0, -1.0, -3.0, -1.0]}
ERROR = {"log_probs": [-1.0, None, -3.0, -4.0]}
NOT_ASKED = {"log_probs": None, "choices": None, "not_asked": "fewer than two choices"}


# --- choices ----------------------------------------------------------------------------------------------------------


def test_outcomes_and_what_counts():
    result = by_choice([RIGHT, WRONG, TIE, ERROR, NOT_ASKED])
    assert result.items["outcome"].tolist() == ["right", "wrong", "tie", "error", "not asked"]
    assert result.items["answer"].tolist()[:3] == ["aaaa", "bb", "aaaa | bb | d"]
    assert result.items["right"].tolist()[:3] == ["aaaa"] * 3
    assert result.items["answer"].isna().tolist() == [False, False, False, True, True]
    assert result.items["value"].tolist()[:3] == [1, 0, pytest.approx(1 / 3)]
    assert result.items["tie"].tolist()[:3] == [False, False, True]
    assert result.headline.name == "accuracy"
    assert result.headline.value == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert result.headline.n == {"items": 3, "units": 3}
    assert result.measure("error_share").value == 1 / 4
    assert (result.measure("not_asked").value, result.measure("not_asked").n) == (1, {"items": 5})
    assert tuple(measure.name for measure in result.measures) == CHOICE_MEASURES


@pytest.mark.parametrize(("flat", "told"), [(2, True), (3, False), (6, False)])
def test_a_model_that_finds_all_choices_alike_does_not_guess(flat, told):
    rows = [{"log_probs": [-2.0] * 4, "group": "a"}] * flat + [{**RIGHT, "group": "b"}] * (6 - flat)
    result = by_choice(rows)
    for name in ("accuracy", "accuracy_normalised", "mc1", "mc2", "above_chance", "above_longest"):
        measure = result.measure(name)
        assert (measure.value is not None) == told
        assert told or measure.undefined.startswith("in more than a third of the questions")
    assert result.measure("accuracy", "a").undefined.startswith("in more than a third")
    assert result.measure("chance").value == 0.25
    assert by_choice([TIE] * 6).headline.value == pytest.approx(1 / 3), "some choices alike are a tie, not silence"


def test_baselines_are_of_the_same_items():
    """Five answers right and five wrong; always taking the longest choice is right, the shortest wrong."""
    result = by_choice([RIGHT, WRONG] * 5 + [ERROR])
    for name, value in {
        "accuracy": 0.5, "chance": 0.25, "above_chance": 0.25, "longest_choice": 1, "above_longest": -0.5,
        "shortest_choice": 0, "above_shortest": 0.5, "mc1_chance": 0.25, "mc1_above_chance": 0.25,
    }.items():
        assert result.measure(name).value == pytest.approx(value), name
    known = result.measure("longest_choice")
    assert known.low == known.value == known.high
    assert known.mean_of is None
    difference = result.measure("above_longest")
    assert -1 <= difference.low < -0.5 < difference.high <= 1


def test_the_intervals_are_those_of_the_plain_columns():
    """Float64 again, from the evidence alone."""
    rng = np.random.default_rng(3)
    rows = [{"log_probs": list(rng.normal(-8, 2, 4))} for _ in range(40)] + [TIE] * 3
    result = by_choice(rows, level=0.99)
    items = result.items
    for name, column in {"accuracy": "value", "accuracy_normalised": "value_normalised", "mc2": "mc2"}.items():
        measure = result.measure(name)
        assert (measure.mean_of, measure.unit_of) == (column, None)
        assert measure.value == pytest.approx(items[column].mean(), abs=1e-15)
        assert measure.low < measure.value < measure.high
    half = (1 + items["value"] - items["chance"]) / 2
    above = result.measure("above_chance")
    assert above.value == pytest.approx(2 * half.mean() - 1, abs=1e-12)
    low, high = betting_mean(np.random.default_rng(1).permutation(half), 0.99)
    # the betting interval depends a little on the order, which the detector's own generator chose
    assert (above.low, above.high) == pytest.approx((2 * low - 1, 2 * high - 1), abs=0.1)


def test_untied_answers_get_the_exact_binomial_interval():
    result = by_choice([RIGHT] * 7 + [WRONG] * 3, level=0.9)
    assert (result.headline.low, result.headline.high) == pytest.approx(exact_binomial(7, 10, level=0.9))


def test_several_true_choices():
    """The likeliest choice is true but not the best one; TruthfulQA's MC1 looks at the best against the false."""
    row = {"correct": [2, 0], "best": 0, "log_probs": [-2.0, -1.5, -1.0, -4.0]}
    result = by_choice([row] * 3)
    assert result.headline.value == 1
    assert result.items["right"].iloc[0] == "aaaa | ccc"
    weights = np.exp([-2, -1.5, -1, -4])
    assert result.measure("mc1").value == 0
    assert result.measure("mc2").value == pytest.approx((weights[0] + weights[2]) / weights.sum(), abs=1e-12)
    assert result.measure("chance").value == 0.5
    assert result.measure("mc1_chance").value == pytest.approx(1 / 3)


def test_without_best_the_first_of_correct_is_it():
    row = {"correct": [2, 0], "log_probs": [-2.0, -1.5, -1.0, -4.0]}
    assert by_choice([row]).measure("mc1").value == 1


def test_normalisation_is_by_utf8_bytes():
    """`ééé` has six bytes: -9 / 6 = -1.5 per byte beats -2 / 1; by characters it would lose with -3."""
    row = {"choices": ["ééé", "x"], "correct": [0], "log_probs": [-9.0, -2.0]}
    result = by_choice([row])
    assert (result.headline.value, result.measure("accuracy_normalised").value) == (0, 1)


def test_groups_and_units():
    """Units weigh the same: u1 has 1, 1, 0, 0 and u2 has 1; an item without unit is one by itself."""
    rows = [RIGHT | {"unit": "u1", "group": "b"}] * 2 + [WRONG | {"unit": "u1", "group": "a"}] * 2
    rows += [RIGHT | {"unit": "u2", "group": "b"}, WRONG | {"group": "b"}, NOT_ASKED | {"group": "c"}]
    result = by_choice(rows)
    assert result.headline.value == pytest.approx((0.5 + 1 + 0) / 3)
    assert result.headline.n == {"items": 6, "units": 3}
    assert result.headline.unit_of == "unit"
    assert result.items["unit"].tolist() == ["u1"] * 4 + ["u2", "q5", "q6"]
    assert result.measure("accuracy", "a").value == 0
    assert result.measure("accuracy", "b").value == pytest.approx((1 + 1 + 0) / 3)
    assert result.measure("accuracy", "c").value is None
    assert result.measure("accuracy", "c").undefined


@pytest.mark.parametrize(
    ("rows", "reason"),
    [([NOT_ASKED] * 2, "no question has what asking needs"), ([ERROR], "no such question got an answer")],
)
def test_nothing_to_judge_is_undefined_with_a_reason(rows, reason):
    result = by_choice(rows)
    for name in ("accuracy", "accuracy_normalised", "mc2", "above_chance"):
        found = result.measure(name)
        assert (found.value, found.undefined, found.missing) == (None, reason, 0 if rows[0] is NOT_ASKED else 1)
    for name, known in {"chance": 0.25, "longest_choice": 1.0}.items():
        assert result.measure(name).value == (None if rows[0] is NOT_ASKED else known)
    assert len(result.items) == len(rows)


def test_intervals_hold_whatever_missing_answers_would_have_been():
    """Six right, two wrong, two not scored and one not asked: between 6 and 8 of the ten that were asked."""
    result = by_choice([RIGHT] * 6 + [WRONG] * 2 + [ERROR] * 2 + [NOT_ASKED])
    found = result.headline
    assert (found.value, found.n, found.missing) == (6 / 8, {"items": 8, "units": 8}, 2)
    assert (found.low, found.high) == (exact_binomial(6, 10)[0], exact_binomial(8, 10)[1])
    assert result.items["no_answer"].tolist() == [False] * 8 + [True] * 2 + [False]
    assert "no_answer" not in by_choice([RIGHT, WRONG, NOT_ASKED]).items


def test_differences_bound_what_is_missing_by_what_the_question_allows():
    """Chance is known of a question that got no answer: right would be 3/4 above it, wrong 1/4 below."""
    found = by_choice([RIGHT] * 5 + [ERROR] * 5).measure("above_chance")
    assert (found.value, found.missing) == (0.75, 5)
    ends = [
        betting_mean(np.random.default_rng(0).permutation([(1 + 0.75) / 2] * 5 + [(1 + other) / 2] * 5))
        for other in (-0.25, 0.75)
    ]
    assert found.low == pytest.approx(2 * ends[0][0] - 1, abs=0.1)
    assert found.high == pytest.approx(2 * ends[1][1] - 1, abs=1e-9)


def test_a_model_that_answers_only_what_it_knows_does_not_pass():
    """D2: all of 100 answers are right, 200 questions got none."""
    rows = [{}] * 100 + [{"text": "", "finish": "error", "problem": "not in the table"}] * 200
    found = by_words(rows).headline
    assert (found.value, found.missing) == (1, 200)
    assert (found.low, found.high) == (exact_binomial(100, 300)[0], 1)


def test_a_blank_answer_is_not_known_to_be_wrong():
    result = by_words([{"text": "Paris"}] + [{"text": text} for text in ("", "  ", "...", "\n", "?", " - ", "()")])
    assert result.items["outcome"].tolist() == ["right"] + ["unparseable"] * 7
    found = result.headline
    assert (found.value, found.missing, found.high) == (1, 7, 1)
    assert result.measure("unparseable_share").value == 7 / 8
    assert result.measure("unparseable_share").missing == 0


def test_evidence_survives_storage(tmp_path):
    observed = chosen([RIGHT, WRONG, TIE, ERROR, NOT_ASKED])
    observed.reset_index().to_parquet(tmp_path / "o.parquet")
    again = pd.read_parquet(tmp_path / "o.parquet").set_index("id")
    first = choice_correctness(observed, level=0.95, rng=np.random.default_rng(0))
    second = choice_correctness(again, level=0.95, rng=np.random.default_rng(0))
    assert first.measures == second.measures
    second.items.to_parquet(tmp_path / "i.parquet")


def test_order_of_choices_changes_nothing():
    rng = np.random.default_rng(4)
    rows, turned = [], []
    for _ in range(30):
        nats, order = rng.integers(-6, -1, 4).astype(float), rng.permutation(4)
        rows.append({"log_probs": nats.tolist()})
        turned.append({
            "log_probs": nats[order].tolist(), "choices": [FOUR[place] for place in order],
            "correct": [order.tolist().index(0)],
        })
    for first, second in zip(by_choice(rows).measures, by_choice(turned).measures, strict=True):
        assert first.value == pytest.approx(second.value, abs=1e-12)


# --- size and power ---------------------------------------------------------------------------------------------------


def headline_of(nats):
    rows = chosen([{"log_probs": row} for row in nats.tolist()])
    return choice_correctness(rows, level=0.95, rng=np.random.default_rng(0))


def test_size_a_guessing_model_is_not_accused():
    """300 audits of 40 questions: chance lies in the interval of accuracy and 0 in that of the difference, in 95 %.

    What was scored is read of all at once; both measures are then made of each audit's items, as the whole makes them.
    """
    rng, audits, covered = np.random.default_rng(5), 300, np.zeros(2)
    nats = rng.normal(-8, 2, size=(audits * 40, 4))
    items = headline_of(nats).items.assign(no_answer=False)
    for place in range(audits):
        tally = Tally(items[40 * place : 40 * (place + 1)], 0.95, np.random.default_rng(place))
        accuracy = module._mean_of(tally, "accuracy", tally.items["value"])
        above = tally.difference("above_chance", *module._DIFFERENCES["above_chance"])
        covered += [accuracy.low <= 0.25 <= accuracy.high, above.low <= 0 <= above.high]
    whole = headline_of(nats[-40:])
    assert (accuracy.low, accuracy.high) == (whole.headline.low, whole.headline.high)
    assert above.value == pytest.approx(whole.measure("above_chance").value)
    noise = 3 * np.sqrt(0.95 * 0.05 / audits)
    assert (covered / audits >= 0.95 - noise).all()


def test_power_a_model_that_knows_some_is_seen():
    """Of 30 audits of 200 questions of which the model knows a third, at least 95 % find it above chance."""
    rng = np.random.default_rng(6)
    seen = 0
    for _ in range(30):
        nats = rng.normal(-8, 2, size=(200, 4))
        nats[rng.random(200) < 1 / 3, 0] = -0.1
        seen += headline_of(nats).measure("above_chance").low > 0
    assert seen >= 29


def test_power_a_model_that_only_prefers_long_choices_is_found_out():
    """It scores what the longest choice scores, and the difference says so."""
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(200):
        order = rng.permutation(4)
        choices = [FOUR[place] for place in order]
        rows.append({"choices": choices, "log_probs": [len(choice) - 9.0 for choice in choices]})
    result = by_choice(rows)
    assert result.headline.value == result.measure("longest_choice").value
    assert result.measure("above_longest").value == 0
    assert result.measure("above_longest").low < 0 < result.measure("above_longest").high


# --- written answers --------------------------------------------------------------------------------------------------


def test_written_outcomes_and_what_counts():
    result = by_words([
        {}, {"text": "The capital is Paris."}, {"text": "Lyon"}, {"text": "I don't know."}, {"text": " ... "},
        {"text": "", "finish": "error", "problem": "no answer within 60 s"},
        {"text": None, "not_asked": "no right answer"},
    ])
    assert result.items["outcome"].tolist() == [
        "right", "right", "wrong", "refused", "unparseable", "error", "not asked"
    ]
    assert result.items["problem"].tolist()[5] == "no answer within 60 s"
    assert tuple(measure.name for measure in result.measures) == GENERATED_MEASURES
    for name, value in {
        "accuracy": 2 / 4, "accuracy_of_answered": 2 / 3, "exact_match": 1 / 4, "exact_match_numeric": 1 / 4,
        "contains": 2 / 4, "token_f1": (1 + 2 * 1 / (3 + 1)) / 4, "refusal_share": 1 / 5, "unparseable_share": 1 / 5,
        "error_share": 1 / 6, "not_asked": 1, "answer_words": (1 + 4 + 1 + 3 + 1) / 5,
    }.items():
        assert result.measure(name).value == pytest.approx(value), name


def test_the_rule_decides():
    rows = [{"text": "The capital is Paris."}, {}]
    assert by_words(rows, "contains").headline.value == 1
    assert by_words(rows, "exact_match_numeric").headline.value == 0.5
    assert by_words(rows, "exact_match_numeric").items["outcome"].tolist() == ["wrong", "right"]


def test_signs_and_decimal_marks_tell_the_rules_apart():
    result = by_words([{"text": "1,5", "aliases": ["15"]}, {"text": "3", "aliases": ["-3"]}], "exact_match_numeric")
    assert (result.measure("exact_match").value, result.measure("exact_match_numeric").value) == (1, 0)


def test_a_right_answer_that_reads_like_a_refusal_is_right():
    result = by_words([{"text": "I have no comment", "aliases": ["I have no comment"]}])
    assert result.items["outcome"].tolist() == ["right"]


def test_written_groups_units_and_nothing():
    rows = [{"group": "g", "unit": "u"}, {"group": "g", "unit": "u", "text": "Lyon"}, {"group": "g", "unit": "v"}]
    result = by_words(rows)
    assert result.measure("accuracy", "g").value == pytest.approx((0.5 + 1) / 2)
    nothing = by_words([{"text": None, "finish": "error"}])
    assert nothing.headline.undefined == "no such question got an answer"
    assert nothing.measure("answer_words").value is None
    assert nothing.measure("error_share").value == 1


def test_written_evidence_survives_storage(tmp_path):
    observed = written([{}, {"text": None, "aliases": None, "not_asked": "no right answer"}])
    observed.reset_index().to_parquet(tmp_path / "o.parquet")
    again = pd.read_parquet(tmp_path / "o.parquet").set_index("id")
    first, second = (
        generated_correctness(frame, rule="contains", level=0.95, rng=np.random.default_rng(0))
        for frame in (observed, again)
    )
    assert first.measures == second.measures
    second.items.to_parquet(tmp_path / "i.parquet")


# --- what speaks against the model ------------------------------------------------------------------------------------


def told(items):
    """Return (against, weight) by item; null is None."""
    cells = items[["against", "weight"]].astype(object)
    return [tuple(row) for row in cells.where(cells.notna(), None).to_numpy()]


def test_the_surer_wrong_choice_weighs_more():
    barely = {"log_probs": [-2.5, -2.0, -3.0, -4.0]}
    items = by_choice([RIGHT, WRONG, TIE, ERROR, NOT_ASKED, barely]).items
    assert told(items) == [(False, -1), (True, 3), (True, 0), (None, None), (None, None), (True, 0.5)]


def test_the_farther_written_answer_weighs_more():
    rows = [{}, {"text": "Rome"}, {"text": "I don't know"}, {"text": "paris texas", "aliases": ["Paris France"]}]
    items = by_words([*rows, {"text": None, "finish": "error"}]).items
    assert told(items) == [(False, 0), (True, 1), (True, 1), (True, 0.5), (None, None)]


# --- other languages --------------------------------------------------------------------------------------------------


def test_what_the_rule_cannot_judge_is_told_with_its_count():
    rows = [
        *({"text": text, "aliases": ["서울"]} for text in ("서울대학교", "서울입니다", "부산")),
        {"text": "في القاهرة", "aliases": ["القاهرة"]}, {"text": "בירושלים", "aliases": ["ירושלים"]}, {"text": "Lyon"},
    ]
    result = by_words(rows)
    assert result.items["outcome"].tolist() == ["wrong", "right", "wrong", "right", "wrong", "wrong"]
    assert {one.key: dict(one.values) for one in result.remarks} == {
        "inside_words": {"count": 1}, "script_unjudged": {"count": 1, "scripts": "Hebrew"},
    }
    assert by_words([{}, {"text": "Lyon"}]).remarks == ()


def test_a_refusal_in_another_language_is_one():
    texts = ("죄송하지만 답변할 수 없습니다.", "Das weiß ich nicht.", "모르겠습니다.")
    result = by_words([{"text": text} for text in texts])
    assert result.items["outcome"].tolist() == ["refused"] * 3
