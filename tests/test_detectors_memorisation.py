"""Membership: scores by hand, exact rates at few false alarms, a gate that trips where it must, and planted models."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from audit.probes.memorisation.membership_trials import planted
from audit.record import Limit
from audit.verdict import decide
from detectors.memorisation.blind import cross_validated, days_of, logistic_fit, look_blind, tf_idf
from detectors.memorisation.found import found_together, members_found, nonmembers_for
from detectors.memorisation.membership import membership
from detectors.memorisation.operating import nonmembers_needed, tpr_at
from detectors.memorisation.scores import membership_scores, windowed_votes
from detectors.ranking import rank
from reports.text import Notation, words_of
from reports.text.plain_words import gloss, meaning

NAN, LEVEL = float("nan"), 0.95


def told(texts, traces, reference=None):
    zeros = [[0.0] * len(trace) for trace in traces]
    ones = [[1.0] * len(trace) for trace in traces]
    frame = pd.DataFrame({"text": texts, "trace": traces, "entropies": zeros, "variances": ones})
    return frame if reference is None else frame.assign(reference_trace=reference)


def judged(observed, score="loss", seed=0):
    return membership(observed, score=score, level=LEVEL, rng=np.random.default_rng(seed))


# --- scores


def test_scores_are_those_worked_out_by_hand():
    text, trace = "the old mill", [NAN, -1.0, -6.0, -3.0, -2.0, -5.0, -4.0]
    scores = membership_scores(told([text], [trace], [[NAN, -2.0, -2.0, -4.0, -4.0, -6.0, -4.0]])).iloc[0]
    assert scores["loss"] == pytest.approx(-21 / 6)
    assert scores["min_k"] == pytest.approx((-6 - 5) / 2)  # ceil(0.2 * 6) = 2
    assert scores["min_k_plus_plus"] == pytest.approx((-6 - 5) / 2)  # mean 0, variance 1
    assert scores["reference_ratio"] == pytest.approx((-21 + 22) / 6)
    bits = 8 * (len(zlib.compress(text.encode(), 9, -15)) - 2)
    assert scores["zlib"] == pytest.approx(-21 / np.log(2) / bits)


def test_min_k_plus_plus_is_that_of_a_sum_over_the_whole_vocabulary():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(7) * 0.4, size=9)
    chosen = rng.integers(0, 7, 9)
    standard = []
    for row, token in zip(p, chosen, strict=True):
        mean = sum(one * np.log(one) for one in row)
        spread = sum(one * (np.log(one) - mean) ** 2 for one in row)
        standard.append((np.log(row[token]) - mean) / np.sqrt(spread))
    logs = np.log(p)
    mean = (p * logs).sum(axis=1)
    frame = pd.DataFrame({
        "text": ["x"], "trace": [logs[np.arange(9), chosen].tolist()], "entropies": [(-mean).tolist()],
        "variances": [((logs - mean[:, None]) ** 2 * p).sum(axis=1).tolist()],
    })
    assert membership_scores(frame)["min_k_plus_plus"].item() == pytest.approx(np.mean(sorted(standard)[:2]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=40))
def test_votes_are_counted_window_by_window(gain):
    shares = []
    for width in (1, 2, 4, 8, 16, 32):
        sums = [sum(gain[at : at + width]) for at in range(len(gain) - width + 1)]
        if sums:
            shares.append(sum(1.0 if one > 0 else 0.5 if one == 0 else 0.0 for one in sums) / len(sums))
    assert windowed_votes([np.array(gain)])[0] == pytest.approx(np.mean(shares))


def test_empty_impossible_and_one_token_texts_have_no_score_or_the_one_that_they_have():
    scores = membership_scores(told(["", "a", "ab", "abc"], [[], [NAN], [NAN, -2.0], [NAN, -1.0, -np.inf]]))
    assert scores["loss"].isna().tolist() == [True, True, False, True]
    assert scores.loc[2, ["loss", "min_k"]].tolist() == [-2.0, -2.0]


def test_of_a_model_without_a_trace_scores_are_log_p_over_the_numbers_of_an_item():
    frame = pd.DataFrame({"row": [[1.0, 2.0], [3.0, 4.0]], "log_prob": [-4.0, -2.0]})
    frame = frame.assign(reference_log_prob=[-4.0, -8.0])
    assert membership_scores(frame).to_dict("list") == {"loss": [-2.0, -1.0], "reference_ratio": [0.0, 3.0]}


# --- few false alarms


def test_the_share_above_the_threshold_is_that_counted_by_hand():
    nonmembers, members = np.arange(200.0), np.array([197.5, 197.0, 198.5, 10.0])
    value, low, high = tpr_at(0.01, nonmembers, members, LEVEL)  # 2 of 200 may lie above: 198 and 199
    assert value == 0.5  # above 197, not above what is equal
    assert low == 0.0  # of 200, none is surely above the threshold
    assert high > 0.5
    assert (nonmembers_needed(0.01), nonmembers_needed(0.001)) == (100, 1000)
    with pytest.raises(ValueError, match="allowed: 1000 or more"):
        tpr_at(0.001, nonmembers, members, LEVEL)


@pytest.mark.parametrize("rounded", [False, True])
def test_the_interval_covers_the_rate_at_the_true_threshold(rounded):
    """Also of scores that tie: the threshold is the least that at most 5 % exceed, above means above."""
    rng, away, draws = np.random.default_rng(1), 1.0, 300
    threshold = norm.isf(0.05)
    true = norm.sf(threshold - away)
    if rounded:  # to whole numbers: P(S0 > 1) = P(normal > 1.5) > 5 %, so it is 2
        true = norm.sf(2.5 - away)
    sides = [(rng.normal(size=150), away + rng.normal(size=80)) for _ in range(draws)]
    sides = [tuple(np.round(side) for side in pair) for pair in sides] if rounded else sides
    if rounded:
        assert norm.sf(1.5) > 0.05 > norm.sf(2.5)
    covered = sum(low <= true <= high for _, low, high in (tpr_at(0.05, *pair, LEVEL) for pair in sides))
    assert covered >= draws * LEVEL - 2


def test_the_interval_holds_whatever_items_without_a_score_would_have_been():
    rng = np.random.default_rng(2)
    nonmembers, members = rng.normal(size=150), rng.normal(1, size=60)
    value, low, high = tpr_at(0.01, np.append(nonmembers, [NAN] * 3), np.append(members, [NAN] * 5), LEVEL)
    for _ in range(20):
        filled = tpr_at(0.01, np.append(nonmembers, 9 * rng.normal(size=3)), np.append(members, 9 * rng.normal(size=5)),
                        LEVEL)  # fmt: skip
        assert low <= filled[1] <= filled[2] <= high
    assert low <= value <= high


# --- one by one


def test_members_are_found_as_benjamini_hochberg_finds_them_by_hand():
    """20 non-members: p is 1/21 above all. 5 % of 4 members take 2/21 <= 0.05 k / 4, so none; at 0.5 two are found."""
    known, asked = np.arange(20.0), np.array([30.0, 31.0, 5.0, 0.0])
    assert found_together(20, 4, 0.05) == 4
    assert members_found(known, asked, 0.05, 0.9)[0] == 0
    assert members_found(known, asked, 0.5, 0.9) == (0.5, 0.0, 1.0)
    assert members_found(np.arange(100.0), np.append(asked + 100, NAN), 0.05, 0.8) == (1.0, 0.8, 1.0)


def test_it_is_told_how_many_non_members_it_takes():
    assert nonmembers_for(100, 0.05) == 1999
    assert [found_together(known, 100, 0.05) for known in (1999, 1998, 99, 19, 18)] == [1, 2, 20, 100, 106]


def test_members_that_are_like_non_members_are_found_no_more_often_than_stated():
    rng = np.random.default_rng(3)
    found = [members_found(rng.normal(size=200), rng.normal(size=30), 0.2, LEVEL)[0] > 0 for _ in range(300)]
    assert sum(found) <= binom.isf(1e-4, 300, 0.2)


# --- the gate


WORDS = [f"w{number}" for number in range(60)]


def texts_of(rng, count, topic=()):
    return [" ".join([*rng.choice(WORDS, 12), *topic]) for _ in range(count)]


def look(items, field="text", units=None, members=None):
    member = np.arange(len(items)) < (len(items) // 2 if members is None else members)
    units = np.arange(len(items)).astype(str) if units is None else units
    return look_blind(items, field, member, units, rng=np.random.default_rng(0))


def test_a_topic_on_one_side_trips_the_gate_and_is_named():
    rng = np.random.default_rng(3)
    blind = look(texts_of(rng, 60, ["2024"]) + texts_of(rng, 60, ["2023"]))
    assert blind.tells
    assert {"2024", "2023"} <= set(blind.telling["feature"])
    first = blind.telling.set_index("feature").loc["2024"]
    assert (first["members"], first["nonmembers"], first["weight"] > 0) == (1.0, 0.0, True)


def test_longer_texts_and_brighter_images_trip_the_gate_too():
    rng = np.random.default_rng(4)
    assert look([text * (1 + (place < 40)) for place, text in enumerate(texts_of(rng, 80))]).tells
    images = rng.normal(size=(80, 4, 4)) + (np.arange(80) < 40)[:, None, None]
    assert look(images, "image").tells


def test_dates_trip_the_gate_where_texts_do_not_and_are_named():
    rng, member, units = np.random.default_rng(7), np.arange(120) < 60, np.arange(120).astype(str)
    texts = texts_of(rng, 120)
    apart = days_of([f"{2021 + (place >= 60)}-{1 + place % 12:02}" for place in range(120)])
    mixed = days_of(["2021-03-04", None] * 60)
    one_side = np.where(member, apart, np.nan)

    def told(days):
        return look_blind(texts, "text", member, units, rng=np.random.default_rng(0), days=days)

    blind = told(apart)
    assert blind.tells
    assert blind.telling["kind"].iloc[0] == "date"
    assert not told(mixed).tells
    assert told(one_side).scores.tolist() == told(None).scores.tolist()


def test_a_date_is_a_year_a_month_or_a_day():
    days = days_of(["2024", "2024-01-01T10:00", 2024, 2024.0, "2024-2", None, float("nan")])
    assert len(set(days[:4])) == 1
    assert days[4] - days[0] == 31
    assert np.isnan(days[5:]).all()
    for wrong in ("May 5", "2024-13", "24"):
        with pytest.raises(ValueError, match="allowed: a year, a month or a day"):
            days_of([wrong])


def test_words_weigh_and_regressions_are_fitted_as_in_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(8)
    texts = [*texts_of(rng, 80), "", "once", "서울 서울 서울"]
    made = TfidfVectorizer(token_pattern=r"\S+", lowercase=False, min_df=2, sublinear_tf=True)
    weights, words = tf_idf(texts, str.split)
    assert np.abs(weights - made.fit_transform(texts)).max() < 1e-12
    assert words == made.get_feature_names_out().tolist()
    member = rng.random(len(texts)) < 0.4
    for features in (weights, weights.toarray(), rng.normal(size=(len(texts), 3))):
        slopes, offset = logistic_fit(features, member)
        other = LogisticRegression(max_iter=1000).fit(features, member)
        assert np.allclose(slopes, other.coef_[0], rtol=0, atol=1e-9)
        assert math.isclose(offset, other.intercept_[0], abs_tol=1e-9)


def test_a_random_half_trips_the_gate_no_more_often_than_stated():
    """2.5 %, of one end of an interval at 95 %; more than `most` would be one in 10,000; see benchmarks too."""
    rng, tripped, most = np.random.default_rng(5), 0, binom.isf(1e-4, 60, 0.025)
    units, member = np.arange(50).astype(str), np.arange(50) < 25
    for _ in range(60):
        scores = cross_validated(rng.normal(size=(50, 3)), member, units, rng=rng)
        sides = [pd.DataFrame({"blind": scores[member == side]}) for side in (False, True)]
        tripped += rank(sides[0], sides[1]).interval("blind", LEVEL)[1] > 0.5
    assert tripped <= most


def test_items_of_one_unit_are_never_in_two_folds():
    """Authors have a style of their own, and no style is that of members."""
    rng = np.random.default_rng(6)
    author = np.repeat(np.arange(40), 6)
    features = rng.normal(size=(40, 30))[author] + 0.05 * rng.normal(size=(240, 30))
    member = author < 20

    def area(units):
        scores = cross_validated(features, member, units.astype(str), rng=np.random.default_rng(0))
        return (scores[member][:, None] > scores[~member]).mean()

    assert area(np.arange(240)) > 0.8
    assert area(author) < 0.65


# --- what is judged


class Characters:
    """A model of high order that has counted its texts, a little smoothed: over-trained, as it knows nothing else."""

    order, letters, smooth = 8, 12, 0.1

    def __init__(self, texts):
        self.counts = Counter(gram for text in texts for gram in self.grams(text))
        self.contexts = Counter(gram[:-1] for gram in self.counts.elements())

    def grams(self, text):
        return [text[at : at + self.order + 1] for at in range(len(text) - self.order)]

    def traces(self, texts):
        return [[NAN] * self.order + [self.log_p(gram) for gram in self.grams(text)] for text in texts]

    def log_p(self, gram):
        spread = self.contexts[gram[:-1]] + self.smooth * self.letters
        return float(np.log((self.counts[gram] + self.smooth) / spread))


def test_an_over_trained_model_tells_its_members_and_one_that_never_saw_them_does_not():
    rng = np.random.default_rng(7)
    sides = {role: texts_of(rng, 150) for role in ("items", "nonmembers")}
    value = {}
    for name, learnt in (("over-trained", sides["items"]), ("elsewhere", texts_of(rng, 150))):
        model = Characters(learnt)
        observed = {role: told(texts, model.traces(texts)) for role, texts in sides.items()}
        observed = {role: frame.set_axis([f"{role}-{n}" for n in frame.index]) for role, frame in observed.items()}
        value[name] = judged(observed).headline
    assert value["over-trained"].low > 0.8
    assert value["elsewhere"].low < 0.5 < value["elsewhere"].high
    assert decide([value["over-trained"]], Limit(measure="membership_auroc", at_most=0.6), {}).verdict == "failed"
    assert decide([value["elsewhere"]], Limit(measure="membership_auroc", at_most=0.7), {}).verdict == "passed"


def test_a_limit_at_the_truth_is_broken_and_kept_no_more_often_than_stated():
    """300 sets whose true AUROC is the limit, 0.6; neither verdict is right."""
    rng, away = np.random.default_rng(8), norm.ppf(0.6) * np.sqrt(2)
    wrong = Counter()
    for _ in range(300):
        members, others = pd.DataFrame({"s": away + rng.normal(size=60)}), pd.DataFrame({"s": rng.normal(size=60)})
        measure = rank(others, members).auroc("s", name="membership_auroc", level=LEVEL)
        wrong[decide([measure], Limit(measure="membership_auroc", at_most=0.6), {}, sizes=False).verdict] += 1
    assert wrong["failed"] <= 300 * 0.025
    assert wrong["passed"] <= 300 * 0.025


@pytest.fixture(scope="module")
def observed():
    return planted(np.random.default_rng(9), apart=1.5)


@pytest.fixture(scope="module")
def split_by_topic(observed):
    texts = observed["items"]["text"]
    return {**observed, "items": observed["items"].assign(text=texts + " 2024")}


def test_where_the_gate_trips_no_score_is_told_and_no_limit_is_decided(split_by_topic):
    result = judged(split_by_topic)
    assert {one.value for one in result.measures if one.name not in ("blind_auroc", "in_both")} == {None}
    assert result.measure("blind_auroc").low > 0.9
    assert result.remarks[0].key == "told_blind"
    assert "2024" in result.remarks[0].values["features"]
    for at_most in (0.5, 1.0):
        decision = decide(result.measures, Limit(measure="membership_auroc", at_most=at_most), {})
        assert decision.verdict == "inconclusive"
        assert "without the model" in decision.reason["undefined"]
    assert "against" not in result.items


def test_the_judged_score_is_the_one_that_was_chosen_and_a_limit_of_blindness_decides_nothing(observed):
    result = judged(observed, "zlib")
    assert result.headline.auroc_of == (("nonmembers", "zlib"), ("members", "zlib"))
    assert {one.group for one in result.measures} == {
        None, "loss", "min_k", "min_k_plus_plus", "reference_ratio", "windowed_votes"
    }
    decision = decide(result.measures, Limit(measure="blind_auroc", at_most=0.9), {})
    assert (decision.verdict, decision.reason["key"]) == ("inconclusive", "approximate")


def test_items_on_both_sides_are_counted_and_left_out(observed):
    copies = observed["items"].iloc[:5].assign(text=lambda frame: frame["text"].str.upper() + "  ")
    more = {**observed, "nonmembers": pd.concat([observed["nonmembers"], copies.set_axis(list("abcde"))])}
    result, before = judged(more), judged({**observed, "items": observed["items"].iloc[5:]})
    assert result.measure("in_both").value == 5
    assert result.headline.value == before.headline.value
    assert result.items["role"].value_counts()["both"] == 5
    assert "in_both" in [one.key for one in result.remarks]


def test_items_without_a_score_widen_the_interval_to_whatever_they_would_have_been(observed):
    holes = observed["items"].copy()
    holes.loc[holes.index[:4], "trace"] = pd.Series([[NAN] * 6, [-np.inf] * 6] * 2, holes.index[:4])
    found = judged({**observed, "items": holes}).headline
    assert (found.missing, found.n["items"]) == (4, 196)
    for level in (-99.0, 0.0):
        filled = observed["items"].copy()
        filled.loc[filled.index[:4], "trace"] = pd.Series([[level] * 6] * 4, filled.index[:4])
        one = judged({**observed, "items": filled}).headline
        assert found.low <= one.low + 1e-12 <= one.high <= found.high + 1e-12


def test_too_few_units_a_constant_score_and_one_that_is_not_there_have_no_value_but_a_reason(observed):
    few = judged({role: frame.iloc[:19] for role, frame in observed.items()})
    assert few.headline.undefined == (
        "19 independent members and 19 non-members are too few to look whether they differ without the model; 20 of "
        "each would do"
    )
    flat = judged({role: frame.assign(trace=[[-1.0] * 6] * len(frame)) for role, frame in observed.items()})
    assert "distinct" in flat.headline.undefined
    alone = {role: frame.drop(columns="reference_trace") for role, frame in observed.items()}
    absent = judged(alone, "reference_ratio")
    assert absent.headline.undefined == "the answers of the model do not give this score"
    rare = judged(observed).measure("tpr_at_0_1_percent")
    assert rare.undefined == "100 independent non-members are too few for 0.1 % of false alarms; 1000 would do"


def test_of_a_unit_one_item_is_counted_at_few_false_alarms(observed):
    again = {
        role: pd.concat([frame, frame.set_axis([f"{name}-again" for name in frame.index])]).assign(
            text=lambda whole: [f"{text} {place}" for place, text in enumerate(whole["text"])])
        for role, frame in observed.items()
    }  # fmt: skip
    found = judged(again).measure("tpr_at_1_percent")
    assert (found.n["items"], found.n["units"]) == (200, 100)


VERDICTS = (
    r"plagiar|infring|copyright|stolen|guilty|in the training data|by a machine|표절|침해|저작권|도용|훔친|기계가 쓴"
)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_no_word_is_a_verdict_on_people_or_works(lang, observed, split_by_topic):
    words = words_of(lang)
    notation, said = Notation(words), []
    for result in (judged(observed), judged(split_by_topic)):
        said += [notation.remark({"key": one.key, **one.values}) for one in result.remarks]
        for one in result.measures:
            said += [notation.sentence(one, None), meaning("memorisation.membership", one, notation)]
            said.append(gloss("memorisation.membership", one.name, words))
    said += [text for key, text in words.catalogue["picture"].items() if key.startswith("members")]
    assert len(said) > 30
    assert [text for text in said if re.search(VERDICTS, text, re.IGNORECASE)] == []
