"""Recognition of invented content and P(IK): numbers worked by hand, missing answers, blind baselines, laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from audit.errors import DataError
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.factuality.recognition import Recognition
from detectors.factuality.correctness import generated_correctness
from detectors.factuality.recognition import RECOGNITION_MEASURES, length_calls, recognition


def shown(labels, calls, words=None, units=None, score=None):
    """Answers with labels (1 = right) and what the model calls them (1 = invented, None = neither)."""
    count = len(labels)
    return pd.DataFrame({
        "prompt": "q", "answer": ["word " * n for n in (words or [3] * count)], "label": [str(one) for one in labels],
        "calls": calls, "score": [None] * count if score is None else score, "group": None, "unit": units,
        "not_asked": None, "outcome": None,
    }, index=pd.Index([f"i{n}" for n in range(count)], name="id"))  # fmt: skip


def measured(frame):
    return {one.name: one for one in recognition(frame, level=0.95, rng=np.random.default_rng(0)).measures}


def test_a_confusion_table_worked_by_hand():
    """4 invented of which 3 are called so; 6 right of which 2 are: accuracy 7/10, precision 3/5, recall 3/4."""
    got = measured(shown([0] * 4 + [1] * 6, [1, 1, 1, 0, 1, 1, 0, 0, 0, 0]))
    assert tuple(got) == RECOGNITION_MEASURES
    values = {"accuracy": 0.7, "precision": 0.6, "recall": 0.75, "specificity": 4 / 6, "says_share": 0.5}
    assert {name: got[name].value for name in values} == pytest.approx(values)
    assert got["constant_accuracy"].value == pytest.approx(0.6)
    assert got["accuracy_above_constant"].value == pytest.approx(0.1)
    assert (got["precision"].n["items"], got["recall"].n["items"]) == (5, 4)
    assert got["accuracy"].interval == "exact"
    assert got["auroc"].value is None
    assert "in words" in str(got["auroc"].undefined)


def test_what_says_neither_is_missing_and_the_interval_holds_either_way():
    got = measured(shown([0, 0, 1, 1] * 10, [1, None, 0, 0] * 10))
    assert got["accuracy"].value == 1
    assert got["accuracy"].missing == 10
    assert got["accuracy"].low < 0.75 < got["accuracy"].high == 1
    assert got["unparseable_share"].value == pytest.approx(0.25)
    assert got["precision"].low < 0.7


def test_the_length_alone_is_found_out_where_it_tells_all_and_is_no_better_than_one_word_where_it_tells_nothing():
    labels = [0, 1] * 50
    told = measured(shown(labels, [1, 0] * 50, words=[9, 3] * 50))
    assert told["length_accuracy"].value == 1
    assert told["accuracy_above_length"].value == 0
    alike = measured(shown(labels, [1, 0] * 50))
    assert alike["length_accuracy"].value <= 0.6
    shorter = measured(shown(labels, [1, 0] * 50, words=[3, 9] * 50))
    assert shorter["length_accuracy"].value == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=4, max_size=40), st.integers(0, 5))
def test_the_cut_of_one_half_is_the_best_of_all_cuts(pairs, seed):
    """Against a search over every cut and both directions."""
    words, truth = np.array([one for one, _ in pairs], float), np.array([two for _, two in pairs])
    called = length_calls(words, truth, np.arange(len(pairs)), np.random.default_rng(seed))
    mine = np.random.default_rng(seed).permutation(len(pairs)) % 2 == 0
    assert np.array_equal(np.isnan(called), ~mine)
    best = max(
        (((words[~mine] > cut) == longer) == truth[~mine]).sum()
        for cut in (-np.inf, *words[~mine]) for longer in (True, False)
    )  # fmt: skip
    used = [(cut, longer) for cut in (-np.inf, *words[~mine]) for longer in (True, False)
            if (((words[~mine] > cut) == longer) == truth[~mine]).sum() == best]  # fmt: skip
    assert any((((words[mine] > cut) == longer) == called[mine]).all() for cut, longer in used)


def test_a_length_that_tells_nothing_is_right_as_often_as_independent_units_are():
    """Judged by each other's cut, two halves are wrong together: normal intervals then miss one half in ten times."""
    rng, missed = np.random.default_rng(8), 0
    for _ in range(2000):
        words, truth = rng.integers(1, 4, 100).astype(float), rng.random(100) < 0.5
        called = length_calls(words, truth, np.arange(100), rng)
        right = (called == truth)[~np.isnan(called)]
        missed += abs(right.mean() - 0.5) > 1.96 * 0.5 / np.sqrt(right.size)
    assert binom.sf(missed - 1, 2000, 0.065) > 0.001  # exact at 50 trials: 0.065


def test_what_is_above_the_length_is_of_the_half_that_its_cut_has_not_seen():
    got = measured(shown([0, 1] * 50, [1, None] * 50, words=[9, 3] * 50))["accuracy_above_length"]
    assert got.n["items"] + got.missing == 50
    assert got.value == 0
    assert got.low < -0.3


def test_scores_rank_and_the_length_stands_beside_them():
    score = [2.0, 1.0, -1.0, -2.0] * 8
    got = measured(shown([0, 0, 1, 1] * 8, [1, 1, 0, 0] * 8, words=[5, 5, 5, 5] * 8, score=score))
    assert got["auroc"].value == 1
    assert got["auroc_above_length"].value == pytest.approx(0.5)
    one = measured(shown([1] * 8, [0] * 8, score=[1.0] * 8))
    assert "one kind" in str(one["auroc"].undefined)


def test_the_probe_fills_its_places_at_once_parses_one_word_and_refuses_other_labels():
    probe = Recognition(mode="generate", prompt="{prompt} | {answer} | {context}")
    assert probe._told({"prompt": "{answer}", "answer": "{prompt}", "context": "c"}) == "{answer} | {prompt} | c"
    said = {" Yes, it does.": 1, "no": 0, "Yes and no": None, "Nobody knows": None, "": None, None: None, "YES": 1}
    for text, call in said.items():
        parsed = probe._parsed(text)
        assert parsed == call if call is not None else parsed != parsed
    items = pd.DataFrame({"prompt": ["a"], "answer": ["b"], "label": ["2"]}, index=pd.Index(["x"], name="id"))
    with pytest.raises(DataError, match="item 'x' has the label '2'; allowed: 0 or 1"):
        probe.observe(None, items, "items")
    asked = probe.observe(None, items.assign(label="1"), "items")
    assert "no context" in str(asked["not_asked"].iloc[0])


@pytest.mark.parametrize(("options", "why"), [
    ({"prompt": "x"}, "prompt: got 'x'"), ({"prompt": "{answer} "}, "no blank"),
    ({"yes": "no"}, "two words that differ"),
    ({"max_tokens": 0}, "max_tokens"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        Recognition(**options)


# ---- P(IK)


def test_p_ik_worked_by_hand():
    """Right where sure (.9, .8), wrong where not (.2), and once wrong where sure (.7)."""
    sure, right = [0.9, 0.8, 0.2, 0.7] * 6, ["Paris", "Paris", "Rome", "Rome"] * 6
    frame = pd.DataFrame({
        "question": [f"q{n}" for n in range(24)], "aliases": [["Paris"]] * 24, "text": right, "finish": "stop",
        "problem": None, "group": None, "unit": None, "not_asked": None, "p_ik": sure,
    }, index=pd.Index([f"i{n}" for n in range(24)], name="id"), dtype=object)  # fmt: skip
    result = generated_correctness(frame, rule="contains", level=0.95, rng=np.random.default_rng(0))
    got = {one.name: one for one in result.measures}
    assert got["p_ik"].value == pytest.approx(0.65)
    assert got["known_share"].value == pytest.approx(0.75)
    assert got["accuracy_of_known"].value == pytest.approx(2 / 3)
    assert got["p_ik_auroc"].value == 1
    assert got["p_ik_above_length"].value == pytest.approx(0.5)
    assert "p_ik" not in {one.name for one in generated_correctness(
        frame.drop(columns="p_ik"), rule="contains", level=0.95, rng=np.random.default_rng(0)).measures}  # fmt: skip
    lost = generated_correctness(frame.assign(p_ik=[None, *sure[1:]]), rule="contains", level=0.95,
                                 rng=np.random.default_rng(0))  # fmt: skip
    assert lost.measure("p_ik_auroc").missing == 1
    most = generated_correctness(frame.assign(p_ik=[*sure[:8], *[None] * 16]), rule="contains", level=0.95,
                                 rng=np.random.default_rng(0))  # fmt: skip
    for name, value in (("p_ik", 0.65), ("known_share", 0.75), ("accuracy_of_known", 2 / 3)):
        part, whole = most.measure(name), got[name]
        assert (part.value, part.missing) == (pytest.approx(value), 16), name
        assert part.low < whole.low - 0.2, name
        assert part.high > min(whole.high + 0.05, 0.99), name
    blank = generated_correctness(frame.assign(text=["...", *right[1:3], "...", *right[4:]]), rule="contains",
                                  level=0.95, rng=np.random.default_rng(0))  # fmt: skip
    assert blank.measure("accuracy_of_known").missing == 2, "an answer that is not said to be known is none of them"
    unsure = generated_correctness(frame.assign(text=[*right[:2], "...", *right[3:]]), rule="contains", level=0.95,
                                   rng=np.random.default_rng(0))  # fmt: skip
    assert unsure.measure("accuracy_of_known").missing == 0


def test_p_ik_is_for_written_answers_and_needs_both_abilities():
    assert ClosedBook(mode="generate", p_ik=True).needs == {"sample", "log_prob"}
    assert ClosedBook(mode="generate", p_ik=True).estimate(5) == 15
    with pytest.raises(ValueError, match="p_ik: got true with mode choice"):
        ClosedBook(p_ik=True)
    with pytest.raises(ValueError, match="p_ik_prompt: got 'Do you know"):
        ClosedBook(p_ik_prompt="Do you know?")
