"""Scores of uncertainty: golden values, recomputations, laws; and what they say of right and wrong answers."""

from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.factuality.uncertainty.graph import components, degree, graph_scores, kernel_entropy
from detectors.factuality.uncertainty.judgement import CELLS, uncertainty
from detectors.factuality.uncertainty.meanings import cluster, coverage, miller_madow, order_matters, semantic_entropy
from detectors.factuality.uncertainty.selfcheck import entailment_check, ngram_check
from detectors.factuality.uncertainty.similarity import jaccard, meaning_of, rouge_l, same_meaning, words_of
from detectors.factuality.uncertainty.single_pass import (
    claim_conditioned,
    entropy_bounds,
    margins,
    p_true,
    pmi,
    token_scores,
)
from detectors.factuality.uncertainty.table import SCORES, score_table
from detectors.factuality.uncertainty.verbalised import verbalised_confidence

TEXTS = st.lists(st.text("ab c1.", max_size=12), min_size=2, max_size=6)


def test_tokens_of_one_pass_by_hand():
    found = token_scores([[-1, -3], [], None], [[0.5, 1.5], None, []], [[0.2, 0.6], None, None]).iloc[0]
    assert found.tolist() == pytest.approx([4, 2, 3, 1, 1.5, -0.4, -0.2])
    assert token_scores([[-1, -3], [], None]).iloc[1:].isna().all(axis=None)
    assert token_scores([[-1, None], [float("nan"), -2]]).isna().all(axis=None)  # one token is not known
    assert margins([[np.log(0.7), np.log(0.2)], [np.log(0.6)]]).tolist() == pytest.approx([0.5, 0.2])
    assert pmi([[-1, -2], [-1, -1], [-1]], [[None, -5], [-4, -2], None])[:2].tolist() == pytest.approx([-3, -4])
    # a model that says A whatever A stands for is not heard
    assert p_true([[[-0.1, -3], [-3, -0.1]]]).tolist() == pytest.approx([0.5])
    assert p_true([[[np.log(0.8), np.log(0.2)], [np.log(0.6), np.log(0.4)]]]).tolist() == pytest.approx([0.3])


def test_claim_conditioned_probability_leaves_other_claims_out():
    nats = np.log([[0.5, 0.2, 0.3], [0.9, 0.1, 0.0001]])
    says = [["entails", "contradicts", "neutral"], ["", "entails", "neutral"]]
    assert claim_conditioned(nats, says) == pytest.approx(-0.5 / 0.7)
    assert claim_conditioned(nats[:1], [["", "neutral", "neutral"]]) == pytest.approx(-1)


@given(arrays(float, st.integers(2, 12), elements=st.floats(0.001, 1)), st.integers(1, 12))
def test_entropy_lies_within_the_bounds_of_its_likeliest_tokens(weights, k):
    p = np.sort(weights / weights.sum())[::-1]
    least, most = entropy_bounds(np.log(p[:k]), len(p))
    entropy = -(p * np.log(p)).sum()
    assert least - 1e-9 <= entropy
    assert most is None or entropy <= most + 1e-9
    if k >= len(p):
        assert least == pytest.approx(entropy)


@pytest.mark.parametrize(("text", "expected"), [
    ("90%", 0.9), ("I am 85 percent sure.", 0.85), ("Confidence: 0.75", 0.75), ("9/10", 0.9), ("7 out of 10", 0.7),
    ("Confidence: 80", 0.8), ("확신은 70%입니다", 0.7), ("0,4", 0.4), ("1.0", 1), ("100", 1), ("quite sure", None),
    ("between 50% and 70%", None), ("150%", None), ("", None), ("x" * 10_000, None),
])  # fmt: skip
def test_a_spoken_confidence_is_read_or_none(text, expected):
    assert verbalised_confidence(text) == (None if expected is None else pytest.approx(expected))


def test_semantic_entropy_counts_a_string_once():
    texts, nats, kinds = ["Paris", "Paris", "Its Paris", "London"], np.log([0.5, 0.5, 0.1, 0.2]), [0, 0, 0, 1]
    assert semantic_entropy(kinds, texts, nats) == pytest.approx(0.5623, abs=5e-5)
    assert semantic_entropy(kinds) == pytest.approx(0.5623, abs=5e-5)
    assert semantic_entropy([0, 0, 0]) == 0
    assert semantic_entropy([0, 1], ["a", "b"], [-2000, -2000]) == pytest.approx(np.log(2))
    assert miller_madow(kinds) == pytest.approx(semantic_entropy(kinds) + 1 / 8)
    assert coverage(kinds) == 0.75


def test_clusters_depend_on_order_exactly_where_meaning_is_not_transitive():
    chain = np.eye(3, dtype=bool)
    chain[0, 1] = chain[1, 0] = chain[1, 2] = chain[2, 1] = True
    assert order_matters(chain)
    found = {
        tuple(sorted(Counter(cluster(chain[np.ix_(order, order)])).values()))
        for order in map(list, permutations(range(3)))
    }
    assert found == {(1, 2), (3,)}
    assert components(chain)[0] == 1
    one_way = np.array([[True, True], [False, True]])
    assert cluster(one_way) == [0, 1]
    assert not order_matters(one_way)


@given(st.integers(2, 7))
def test_graphs_of_equal_and_of_unrelated_samples(n):
    same, apart = graph_scores(np.ones((n, n))), graph_scores(np.eye(n))
    assert same["eigenvalues"] == pytest.approx(1)
    assert apart["eigenvalues"] == pytest.approx(n)
    assert same["degree"] == degree(np.ones((n, n))) == 0
    assert apart["degree"] == pytest.approx(1 - 1 / n)
    assert (same["dissimilarity"], apart["dissimilarity"]) == pytest.approx((0, 1))
    assert same["eccentricity"] == pytest.approx(0, abs=1e-6)
    assert apart["kernel_entropy"] == pytest.approx(1)
    assert kernel_entropy(np.ones((n, n)), 1e3) == pytest.approx(0, abs=1e-9)  # one meaning, given time to spread
    with pytest.raises(ValueError, match="N of 2 or more"):
        graph_scores(np.ones((1, 1)))


@settings(max_examples=25)
@given(TEXTS, st.randoms())
def test_no_score_depends_on_the_order_of_samples_but_clusters_that_say_so(samples, random):
    mixed = list(samples)
    random.shuffle(mixed)
    frame = pd.DataFrame({"answer": [samples[0]] * 2, "samples": [samples, mixed]})
    one, two = (row for _, row in score_table(frame).iterrows())
    by_clusters = ("disagreement", "semantic_entropy", "semantic_entropy_corrected", "meanings_seen")
    for name in one.index:
        if not (one["order_matters"] and name in by_clusters) and not np.isnan(one[name]):
            assert two[name] == pytest.approx(one[name], abs=1e-6), name


@settings(max_examples=25)
@given(st.text("ab c1", min_size=1, max_size=12).filter(str.strip), st.integers(2, 6))
def test_an_answer_that_all_samples_repeat_has_no_uncertainty(answer, count):
    frame = pd.DataFrame({
        "answer": [answer], "samples": [[answer] * count], "log_probs": [[-2.0, -1.0]], "entropies": [[1.0, 2.0]],
    })  # fmt: skip
    found = score_table(frame).iloc[0]
    for name in ("cocoa_msp", "cocoa_mean", "cocoa_entropy", "disagreement", "semantic_entropy", "degree",
                 "dissimilarity_to_samples", "lexical_dissimilarity"):  # fmt: skip
        assert found[name] == pytest.approx(0), name
    assert (found["agreement"], found["sets"]) == (1, 1)
    assert found["eigenvalues"] == pytest.approx(1)


def _slow_common(first, second):
    rows = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    for one, other in np.ndindex(len(first), len(second)):
        longer = max(rows[one, other + 1], rows[one + 1, other])
        rows[one + 1, other + 1] = rows[one, other] + 1 if first[one] == second[other] else longer
    return rows[-1, -1]


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_rouge_l_is_that_of_the_longest_common_subsequence(first, second):
    expected = 1.0 if first == second else 0.0
    if first and second:
        expected = 2 * _slow_common(first, second) / (len(first) + len(second))
    assert rouge_l(tuple(first), tuple(second)) == pytest.approx(expected)


def test_words_and_their_likeness():
    assert words_of("It's 서울시, 北京 2x!") == ("it", "s", "서울시", "北", "京", "2x")
    assert jaccard(("a", "b"), ("b", "c")) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("one", "other", "about", "same"), [
    ("born in 1912", "She was born in 1912.", "", True), ("born in 1912", "born in 1913", "", False),
    ("It is Paris.", "Paris", "", True), ("It is Paris.", "It is London.", "", False),
    ("The capital of France is Paris.", "The capital of France is Lyon.", "What is the capital of France?", False),
    ("It is safe to eat.", "It is not safe to eat.", "", False), ("yes", "no", "Is it?", False),
    ("Yes.", "yes", "", True),
    ("서울입니다.", "서울", "수도는 어디입니까?", True), ("서울입니다.", "부산입니다.", "수도는 어디입니까?", False),
])  # fmt: skip
def test_what_means_the_same_without_a_model(one, other, about, same):
    assert same_meaning([meaning_of(one, about), meaning_of(other, about)])[0, 1] == same


def test_the_n_gram_form_by_hand():
    found = ngram_check([["a", "b"], ["a"]], [[["a", "c"]], [["a"]]])
    # a 4 of 6, b 1, c 1
    assert found.sentence_mean.tolist() == pytest.approx([np.log(1.5) / 2 + np.log(6) / 2, np.log(1.5)])
    assert found.sentence_max.tolist() == pytest.approx([np.log(6), np.log(1.5)])
    assert found.mean == pytest.approx((2 * np.log(1.5) + np.log(6)) / 3)
    assert found.mean_of_max == pytest.approx((np.log(6) + np.log(1.5)) / 2)
    bigrams = ngram_check([["a", "b"]], [[["a", "b"]], [["b"]]], n=2)  # <s> a 2, a b 2, <s> b 1
    assert bigrams.mean == pytest.approx(np.log(2.5))
    assert ngram_check([["a"]], [[["b"]]], pseudo=1).mean == pytest.approx(np.log(5 / 2))  # a 2, b 2, unseen 1
    assert ngram_check([[]], [[["b"]]]) is None
    verified = [[[0.6, 0.2, 0.2], [0, 1, 0]]]
    assert entailment_check(verified).tolist() == pytest.approx([(0.25 + 0.5) / 2])


def test_hostile_answers_have_scores_or_none_and_never_anything_else():
    frame = pd.DataFrame({
        "answer": ["", "a" * 1_000_000, "12345", "Привет 世界 hello สวัสดี", "\0\0", None, " ", "a. " * 300_000],
        "samples": [["", ""], ["b" * 1_000_000] * 3, ["1", "2"], ["世界", "世"], ["\0"] * 2, None, ["x"], ["a. b"] * 2],
    })  # fmt: skip
    found = score_table(frame)
    assert not np.isinf(found.to_numpy(float)).any()
    assert found.loc[5, list(SCORES)].isna().all()
    pd.testing.assert_frame_equal(found, score_table(frame))


def test_a_verifier_takes_the_place_of_words():
    e = [[[0.9, 0.1, 0], [0.8, 0.1, 0.1]], [[0.7, 0.2, 0.1], [0.9, 0.1, 0]]]
    frame = pd.DataFrame({
        "answer": ["Paris"], "samples": [["Paris", "the French capital"]], "verified_samples": [e],
        "verified_answer": [[[[0.9, 0.1, 0]] * 2, [[0.6, 0.3, 0.1], [0.8, 0.1, 0.1]]]],
        "verified_sentences": [[[[0.9, 0.1, 0.0], [0.6, 0.3, 0.2]]]],
    })  # fmt: skip
    found = score_table(frame).iloc[0]
    assert (found["sets"], found["disagreement"], found["agreement"]) == (1, 0, 1)
    assert found["degree"] == pytest.approx(1 - (0.9 + 0.8 + 0.7 + 0.9) / 4)
    assert found["dissimilarity_to_samples"] == pytest.approx(1 - (0.9 + 0.7) / 2)
    assert found["selfcheck_entailment"] == pytest.approx((0 + 0.2 / 0.8) / 2)
    assert score_table(frame[["answer", "samples"]]).iloc[0]["sets"] == 2


# --- what is said of them


def _answers(count=60, **columns):
    """Return answers of which every third is wrong: unsure, but for every sixth, which is sure of what is wrong."""
    place = np.arange(count)
    wrong, sure = place % 3 == 0, place % 6 != 3
    names = ["".join("bdfgklmnpr"[int(digit)] + "a" for digit in f"{one:02}") for one in range(count)]
    said = np.where(wrong, "Zuzu", names)
    frame = pd.DataFrame({
        "prompt": [f"Who is number {one}?" for one in place], "answer": said, "reference": [[one] for one in names],
        "samples": [[one, *([one] * 4 if ok else ["Kiki", "Lolo", "Mimi", "Nono"])]
                    for one, ok in zip(said, sure, strict=True)],
        "log_probs": [[-0.01 * (1 + one)] if ok else [-3.0 - 0.01 * one] for one, ok in zip(place, sure, strict=True)],
        "context": [[f"{one} is number {number}."] for number, one in enumerate(names)],
    }, index=[f"q{one}" for one in place])  # fmt: skip
    return frame.assign(**columns)


def _judged(frame, score="sequence_nll"):
    return uncertainty(frame, score=score, level=0.95, rng=np.random.default_rng(0))


def test_auroc_length_and_the_two_by_two_come_out_as_planted():
    result = _judged(_answers(), "disagreement")
    # of 20 wrong answers 10 are unsure and above all 40 right ones, 10 are sure and tied with them
    assert result.headline.value == pytest.approx(0.75)
    assert result.headline.guarantee == "finite sample"
    assert result.measure("above_length").value == pytest.approx(0.25)
    assert result.measure("auroc", "answer_words").value == pytest.approx(0.5)
    assert result.measure("wrong_share").value == pytest.approx(1 / 3)
    assert result.measure("agree_share").value == pytest.approx(5 / 6)
    cells = [result.measure(name, "labels").value for name in CELLS]
    assert cells == pytest.approx([1 / 6, 2 / 3, 1 / 6, 0])
    assert [result.measure(name, "evidence").value for name in CELLS] == pytest.approx(cells)
    assert [one.key for one in result.remarks] == ["graded_by_rule"]
    heaviest = result.items[result.items["against"].eq(True)].sort_values("weight").iloc[-1]
    assert (heaviest["outcome"], heaviest["weight"]) == ("wrong", 0.5)
    assert result.table["score"].unique().tolist() == ["disagreement", "answer_words"]


def test_labels_come_before_rules_and_refusals_are_neither():
    frame = _answers(12)
    frame.loc["q0", "answer"] = "I don't know."
    frame.loc["q1", "answer"] = "..."
    frame["label"] = [None, None, 0, *[None] * 9]
    frame["finish"] = ["stop"] * 11 + ["error"]
    result = _judged(frame)
    assert result.items["outcome"].tolist()[:3] == ["refused", "unparseable", "wrong"]
    assert result.items["graded_by"].tolist()[2:4] == ["label", "contains"]
    assert result.measure("refusal_share").value == pytest.approx(1 / 11)
    assert (result.headline.missing, result.headline.low) == (2, None)  # nothing bounds a rank that was not seen


def test_without_labels_agreement_leads_and_nothing_is_ranked():
    result = _judged(_answers().drop(columns=["reference", "context"]))
    assert (result.headline.name, result.headline.value) == ("agreement", pytest.approx(5 / 6 + 1 / 6 / 5))
    assert result.measure("auroc").undefined == "no answer has a label, or references to be compared with"
    assert result.table is None
    assert not [one for one in result.measures if one.name in CELLS]


@pytest.mark.parametrize(("frame", "score", "reason"), [
    (_answers(), "semantic_entropy_weighted", "no item has what this score needs: sample_nats"),
    (_answers(12, label=[1.0] * 12), "sequence_nll", "12 right and 0 wrong units have a score"),
    (_answers(12, samples=[["x"]] * 12), "degree", "no item has an answer with a word and 2 samples or more"),
    (_answers(12, log_probs=[[]] * 12), "sequence_nll", "no item has an answer with a token"),
])  # fmt: skip
def test_what_cannot_be_said_has_its_reason(frame, score, reason):
    headline = _judged(frame, score).headline
    assert headline.value is None
    assert headline.undefined.startswith(reason)
