"""Exposure beside a Markov chain whose ranks are known, laws of chance, canaries that were learnt, what is counted.

A canary is learnt here by a model of counts: digrams of a text in which it stands so many times.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

from audit.probe import observed_in
from audit.probe.trial import ScriptedAsk, Trial
from audit.probes.memorisation.exposure import Exposure
from detectors.conformal import benjamini_hochberg
from detectors.memorisation.chance_exposure import chance_exposure, luck_of
from detectors.memorisation.exposure import GATE, exposure
from detectors.memorisation.patterns import Form

ALL = {"fdr": 0.05, "bits": 5.0, "space": None, "level": 0.95}


def canaries(texts, scores, members=None, member_scores=None, **columns):
    """Return canaries as the probe keeps them."""
    frame = pd.DataFrame({
        "text": texts, "prompt": None, "pattern": None, "group": None, "not_asked": None, "tokens": None,
        "score": scores, "members": members, "member_score": member_scores, "member_tokens": None, **columns,
    }, dtype=object)  # fmt: skip
    return frame.rename_axis("id").rename(index=str)


def alternatives(scores):
    texts = [f"alternative {at}" for at in range(len(scores))]
    return pd.DataFrame({"text": texts, "score": scores, "tokens": None}, dtype=object)


def judged(**roles):
    return exposure(roles, **ALL, rng=np.random.default_rng(0))


# ---------------------------------------------------------------- forms


def test_a_form_knows_how_many_texts_it_has_and_gives_each_other_once():
    form = Form("No. {digits:2}{letters:1}, {number:98-101}")
    assert form.size == 100 * 26 * 4
    every = form.others("No. 07c, 100", form.size, np.random.default_rng(0))
    assert len(every) == len(set(every)) == form.size - 1
    assert all(map(form.has, every))
    assert "No. 07c, 100" not in every
    some = form.others("No. 07c, 100", 500, np.random.default_rng(0))
    assert len(set(some)) == 500
    assert set(some) <= set(every)
    vast = Form("{digits:40}")
    assert len(vast.others("0" * 40, 3, np.random.default_rng(0))) == 3


@pytest.mark.parametrize("text", ["No. 7c, 100", "No. 07C, 100", "No. 07c, 102", "No. 07c, 0100", "x", "No. 07c, 100 "])
def test_what_is_not_of_the_form_is_seen(text):
    assert not Form("No. {digits:2}{letters:1}, {number:98-101}").has(text)


@pytest.mark.parametrize("pattern", ["no place", "{digits:0}", "{number:5-4}", "{number:5}", "{words:2}"])
def test_a_pattern_without_a_place_is_refused(pattern):
    with pytest.raises(ValueError, match="allowed: a text with"):
        Form(pattern)


# ---------------------------------------------------------------- exact


def test_exposure_is_that_of_a_markov_chain_of_which_every_rank_is_known():
    """All 1,000 numbers of three digits, by the chain rule; through `observe`, so patterns and prompts are in it."""
    rng = np.random.default_rng(3)
    first, step = rng.dirichlet(np.ones(10)), rng.dirichlet(np.ones(10), 10)
    numbers = np.arange(1000)
    digits = np.stack([numbers // 100, numbers // 10 % 10, numbers % 10])
    nats = np.log(first[digits[0]]) + np.log(step[digits[0], digits[1]]) + np.log(step[digits[1], digits[2]])
    rank = 1 + (nats[:, None] < nats).sum(axis=1)

    def log_prob(items):
        return {"kind": "exact", "log_prob": [nats[int(one.text[3:])] for one in items if one.prompt == "Say:"]}

    texts = [f"is {number:03}" for number in (7, 123, 500, 999)]
    frame = pd.DataFrame({"text": texts, "prompt": "Say:", "pattern": "is {digits:3}"}).rename(index=str)
    trial = Trial(True, {"items": frame}, {("main", "log_prob"): log_prob})
    probe = Exposure()
    result = probe.judge(observed_in(trial, probe), level=0.95, rng=np.random.default_rng(0))
    assert result.items is not None
    assert result.items["exposure"].to_numpy(float) == pytest.approx(np.log2(1000 / rank[[7, 123, 500, 999]]))
    assert result.measure("alternatives").value == 999
    one = result.measure("exposure_above_chance")
    assert one.high == pytest.approx(result.measure("exposure").value)  # all of the form were asked: nothing is hidden
    assert "exposure_capped" not in {remark.key for remark in result.remarks}


def test_the_mean_of_chance_is_counted_and_tends_to_log2_e():
    sizes = np.array([1, 2, 10, 100_000])
    counted = [np.log2(size / np.arange(1, size + 1)).mean() for size in sizes]
    assert chance_exposure(sizes) == pytest.approx(counted)
    assert counted[-1] == pytest.approx(np.log2(np.e), abs=1e-3)


@pytest.mark.parametrize("shared", [False, True])
def test_what_luck_gives_is_the_law_of_ranks(shared):
    """Beside the sum of exponential variables, and for canaries in one sample beside scores that are drawn."""
    rng, n, size = np.random.default_rng(0), 8, 5000 if not shared else 32
    luck = luck_of(np.full(n, size), np.full(n, shared), rng)
    if not shared:
        exact = gamma(n, scale=np.log2(np.e) / n)
        for tail in (0.25, 0.025):
            assert luck.at_most(tail) == pytest.approx(exact.isf(tail), rel=0.03)
        return
    scores = rng.normal(size=(4000, n + size - 1))
    ranks = 1 + (scores[:, None, n:] >= scores[:, :n, None]).sum(axis=2)
    means = np.log2(size / ranks).mean(axis=1)
    for tail in (0.25, 0.025):
        assert (means > luck.at_most(tail)).mean() == pytest.approx(tail, abs=4 * np.sqrt(tail / 4000))
    alone = luck_of(np.full(n, size), np.full(n, False), rng)
    assert luck.at_most(0.025) > alone.at_most(0.025)  # they hang together


def test_canaries_that_nobody_planted_are_not_accused_more_often_than_stated():
    """3,000 repetitions: p-values, the low end of the headline, and what is found at the false discovery rate."""
    rng, n, size = np.random.default_rng(1), 6, 64
    luck = luck_of(np.full(n, size), np.full(n, False), rng)
    ranks = rng.integers(1, size + 1, (3000, n))
    means = np.log2(size / ranks).mean(axis=1)
    p = np.array([luck.p_value(mean) for mean in means])
    for tail in (0.5, 0.1, 0.025, 0.01):
        slack = 4 * np.sqrt(tail / 3000)
        assert (p <= tail).mean() < tail + slack
        assert (means - luck.at_most(tail) > 0).mean() < tail + slack
        assert (ranks / size <= tail).mean() <= tail + slack
    found = np.mean([benjamini_hochberg(row / size, 0.05).any() for row in ranks])
    assert found < 0.05 + 4 * np.sqrt(0.05 / 3000)


# ---------------------------------------------------------------- canaries that were learnt


def learnt(lines):
    """Return log p(text) of digrams counted in lines, add-one."""
    counts = np.ones((128, 128))
    for line in lines:
        codes = np.frombuffer(line.encode(), np.uint8)
        np.add.at(counts, (codes[:-1], codes[1:]), 1)
    nats = np.log(counts / counts.sum(axis=1, keepdims=True))

    def log_prob(texts):
        codes = [np.frombuffer(text.encode(), np.uint8) for text in texts]
        return {"kind": "exact", "log_prob": [float(nats[one[:-1], one[1:]].sum()) for one in codes]}

    return log_prob


def test_exposure_grows_with_repetitions_and_every_canary_that_stands_64_times_is_found():
    """Each canary has signs of its own, so what is counted for one says nothing of another."""
    rng = np.random.default_rng(5)
    made = [chr(97 + at) + "".join(rng.permutation(list("0123456789"))[:6]) for at in range(8)]
    noise = ["".join(rng.choice(list("0123456789"), 6)) for _ in range(400)]
    means = []
    for repeats in (1, 3, 64):
        held = []
        for canary in made:
            ask = ScriptedAsk({("main", "log_prob"): learnt([*noise, *[canary] * repeats])})
            items = pd.DataFrame({"text": [canary], "pattern": [canary[0] + "{digits:6}"]}, index=[canary])
            held.append(Exposure(alternatives=255).observe(ask, items, "items"))
        result = judged(items=pd.concat(held))
        means.append(result.measure("exposure").value)
        if repeats == 64:
            assert result.measure("memorised_share").value == 1
            assert result.measure("exposure_above_chance").low > 3
    assert np.all(np.diff(means) > 0)


# ---------------------------------------------------------------- what must be said


def test_equal_repeated_and_lost_alternatives_are_counted_and_never_help():
    members = ["b", "b", "a", "c", "d"]
    frame = canaries(["a"], [-2.0], [members], [[-3.0, -1.0, -2.0, None, -4.0]])
    frame["tokens"], frame["member_tokens"] = [3], [[3, 3, 3, 3, 4]]
    result = judged(items=frame)
    row = result.items.iloc[0]
    assert (row["alternatives"], row["rank"], row["repeated"], row["equal"], row["other_length"]) == (3, 2, 1, 1, 1)
    assert [one.key for one in result.remarks] == [
        "no_held_out_canaries", "alternatives_repeated", "alternatives_equal", "alternatives_of_other_length"
    ]  # fmt: skip


def test_a_shared_alternative_that_equals_any_canary_is_left_out():
    items, held = canaries(["x", "alternative 3"], [5.0, 1.0]), canaries(["alternative 0"], [2.0])
    held.index = ["h"]
    result = judged(items=items, held_out=held, alternatives=alternatives([9.0, 8.0, 7.0, 6.0]))
    assert result.items["alternatives"].tolist() == [2, 2, 2]
    assert result.items["rank"].tolist() == [3, 3, 3]


def test_a_canary_at_the_cap_is_bounded_by_its_form_and_the_cap_is_told():
    frame = canaries(["abab", "abba"], [0.0, 0.0], [["aaaa"]] * 2, [[-1.0]] * 2)
    result = judged(items=frame)
    assert result.headline.high == pytest.approx(4.0)  # four signs of two
    assert result.measure("cap").value == 1
    assert result.remarks[0].key == "exposure_capped"
    told = exposure({"items": frame}, **{**ALL, "space": 4}, rng=np.random.default_rng(0))
    assert told.headline.high == pytest.approx(2.0)
    assert result.measure("exposed_share").undefined == "the alternatives are too few to tell 5 bits: it takes 31"


def test_a_canary_that_was_not_scored_is_bounded_both_ways():
    members = [[f"{at}"] * 1 for at in range(2)]
    both = canaries(["x", "y"], [0.0, None], members, [[-1.0], [-1.0]])
    lost = exposure({"items": both}, **{**ALL, "space": 2}, rng=np.random.default_rng(0))
    whole = exposure({"items": both.assign(score=0.0)}, **{**ALL, "space": 2}, rng=np.random.default_rng(0))
    assert lost.headline.missing == 1
    assert lost.headline.low < whole.headline.low
    assert lost.headline.high == whole.headline.high == 1.0
    assert lost.items["no_answer"].tolist() == [False, True]


def test_repeated_canaries_and_those_without_alternatives_do_not_count():
    frame = canaries(["x", "x", "y"], [0.0, 0.0, 0.0], [["a"], ["a"], None], [[-1.0], [-1.0], None])
    result = judged(items=frame)
    assert result.headline.n == {"items": 1, "units": 1}
    assert result.measure("not_asked").value == 1
    assert result.items["not_asked"].dropna().tolist() == ["it has no alternatives"]
    assert "canaries_repeated" in {one.key for one in result.remarks}
    nothing = judged(items=frame.iloc[2:])
    assert nothing.headline.undefined == "no canary has alternatives and was scored"


def test_nothing_is_said_where_canaries_that_nobody_planted_are_exposed_too():
    others = alternatives([-float(at) for at in range(1, 64)])
    exposed, plain = (canaries([f"{name}{at}" for at in range(8)], score) for name, score in (
        ("x", [0.0] * 8), ("y", [-8.0 * at - 0.5 for at in range(8)])))  # fmt: skip
    plain.index = exposed.index + "h"
    fine = judged(items=exposed, held_out=plain, alternatives=others)
    assert fine.headline.low > 0
    both = judged(items=exposed, held_out=exposed.rename(index=lambda at: f"{at}h").assign(
        text=[f"z{at}" for at in range(8)]), alternatives=others)  # fmt: skip
    assert both.measure("held_out_p").value <= GATE
    assert "not of their form" in both.headline.undefined
    assert both.measure("memorised_share").value is None
    assert both.measure("auroc_above_held_out").value == 0.5


def test_groups_have_a_measure_each():
    frame = canaries(["w", "x", "y", "z"], [0.0, 0.0, -9.0, -9.0], [[f"{at}"] for at in range(4)], [[-1.0]] * 4)
    result = judged(items=frame.assign(group=["often", "often", "once", "once"]))
    assert result.measure("exposure_above_chance", "often").value == pytest.approx(0.5)
    assert result.measure("exposure_above_chance", "once").value == pytest.approx(-0.5)
