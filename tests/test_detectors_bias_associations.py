"""WEAT by closed forms, by an enumeration of its own, by size, and by what a shift is."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pandas as pd
import pytest

from detectors.bias import associations as detector
from detectors.bias.associations import word_associations


def frame(sets, groups=None):
    rows = [(name, list(vector)) for name, vectors in sets.items() for vector in vectors]
    index = pd.Index([f"w{i}" for i in range(len(rows))], name="id")
    return pd.DataFrame(rows, index, ["set", "embedding"], dtype=object)


def judged(rows, level=0.95, **options):
    return word_associations(rows, level=level, rng=np.random.default_rng(0), **options)


def values(result, group=None):
    return {one.name: one.value for one in result.measures if one.group == group}


def random_sets(rng, sizes=(5, 6, 3, 4), dim=6):
    return {name: rng.normal(size=(size, dim)) for name, size in zip("XYAB", sizes, strict=True)}


E = np.eye(3)
OPPOSED = {"X": [E[0]] * 8, "Y": [E[1]] * 8, "A": [E[0]] * 3, "B": [E[1]] * 3}


@pytest.mark.parametrize(("ddof", "d"), [(0, 2.0), (1, 2 * sqrt(15 / 16))])
def test_s_of_one_on_X_and_minus_one_on_Y(ddof, d):
    """The closed form of methods/bias: d = 2, or 2 sqrt((N - 1) / N); p counts the observed partition alone."""
    result = judged(frame(OPPOSED), ddof=ddof)
    got = values(result)
    assert got["association_gap"] == pytest.approx(2)
    assert got["effect_size"] == pytest.approx(d)
    assert got["association_p"] == pytest.approx(1 / comb(16, 8))
    assert got["association_p_two_sided"] == pytest.approx(2 / comb(16, 8))
    assert result.measure("effect_size").method.endswith(f"ddof = {ddof}")
    assert result.measure("association_p").method == "exact, all 12870 partitions (>=)"
    assert result.headline.low is None  # words that do not differ tell nothing of how others would


def test_against_a_recomputation_word_by_word():
    rng = np.random.default_rng(1)
    sets = random_sets(rng)

    def cos(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    def s(w):
        return sum(cos(w, a) for a in sets["A"]) / 3 - sum(cos(w, b) for b in sets["B"]) / 4

    x, y = [s(w) for w in sets["X"]], [s(w) for w in sets["Y"]]
    both = x + y
    mean = sum(both) / 11
    gap = sum(x) / 5 - sum(y) / 6
    gaps = [sum(both[i] for i in c) / 5 - (sum(both) - sum(both[i] for i in c)) / 6 for c in combinations(range(11), 5)]
    got = values(judged(frame(sets)))
    assert got["association_gap"] == pytest.approx(gap)
    assert got["effect_size"] == pytest.approx(gap / sqrt(sum((one - mean) ** 2 for one in both) / 10))
    assert got["association_p"] == pytest.approx(sum(one >= gap - 1e-12 for one in gaps) / comb(11, 5))
    assert got["association_p_two_sided"] == pytest.approx(sum(abs(one) >= abs(gap) - 1e-12 for one in gaps) / 462)
    result = judged(frame(sets))
    told = result.items["association"]
    assert told.iloc[:11].tolist() == pytest.approx(both)
    assert told.iloc[11:].isna().all()
    weight = result.items["weight"].iloc[:11].to_numpy(float)
    assert weight == pytest.approx([one - mean for one in x] + [mean - one for one in y])


def test_the_interval_is_the_shifts_that_the_test_does_not_refuse():
    rng = np.random.default_rng(2)
    rows, level = frame(random_sets(rng, (6, 6, 3, 3))), 0.9
    measure = judged(rows, level).headline
    s = judged(rows).items["association"].iloc[:12].to_numpy(float)

    def refused(shift, sign):
        moved = sign * np.concatenate([s[:6] - shift, s[6:]])
        sums = np.array([moved[list(c)].sum() for c in combinations(range(12), 6)])
        return (sums >= moved[:6].sum() - 1e-12).mean() <= (1 - level) / 2 + 1e-12

    assert not refused(measure.low + 1e-9, 1)
    assert refused(measure.low - 1e-6, 1)
    assert not refused(measure.high - 1e-9, -1)
    assert refused(measure.high + 1e-6, -1)


def test_of_more_partitions_some_are_drawn_and_p_is_never_0(monkeypatch):
    rows = frame(OPPOSED)
    exact = values(judged(frame(random_sets(np.random.default_rng(3), (8, 8, 3, 3)))))
    monkeypatch.setattr(detector, "_MOST", 1000)
    drawn = values(judged(frame(random_sets(np.random.default_rng(3), (8, 8, 3, 3)))))
    assert drawn["association_p"] == pytest.approx(exact["association_p"], abs=4 * 0.5 / 100)
    assert drawn["effect_size"] == pytest.approx(exact["effect_size"])
    result = judged(rows)
    assert 1 / 10_000 <= result.measure("association_p").value <= 10 / 10_000
    assert result.measure("association_p").method.startswith("permutation test, 9999 partitions drawn")


def test_words_without_a_direction_are_not_accused_more_often_than_the_level_says():
    """Size, one-sided and two-sided: 150 sets of random words, 5 against 5."""
    rng, p = np.random.default_rng(4), []
    for _ in range(150):
        got = values(judged(frame(random_sets(rng, (5, 5, 3, 3)))))
        p.append((got["association_p"], got["association_p_two_sided"]))
    assert (np.array(p) <= 0.05).mean(axis=0).max() <= 0.05 + 3 * sqrt(0.05 * 0.95 / 150)


def test_an_interval_of_a_shift_covers_where_the_words_are_exchangeable():
    """Not the vectors but s is shifted: where X is Y but for a shift, the interval is exact."""
    rng, judge, hits = np.random.default_rng(5), detector._Judge(0.9, np.random.default_rng(0), 1), 0
    chosen, complete = detector._partitions(10, 5, rng)
    kept = detector._difference(chosen, (np.arange(10) < 5).astype(float))
    for _ in range(1500):
        s = rng.exponential(size=10) + np.repeat([0.7, 0.0], 5)
        found = judge._shifts(s[:5].mean() - s[5:].mean(), detector._difference(chosen, s), kept, complete)
        hits += found["low"] <= 0.7 <= found["high"]
    assert hits / 1500 == pytest.approx(0.9, abs=3 * sqrt(0.09 / 1500) + 1 / 252)


def test_several_tests_are_told_each_and_together():
    rng = np.random.default_rng(6)
    one, other = frame(OPPOSED), frame(random_sets(rng, (8, 8, 3, 3), 3))
    both = pd.concat([one.assign(group="one"), other.assign(group="other")]).set_axis(
        [f"w{i}" for i in range(44)], axis=0
    )
    result = judged(both)
    assert [m.group for m in result.measures if m.name == "effect_size"] == [None, "one", "other"]
    assert values(result, "one") == values(judged(one))
    assert values(result)["effect_size"] == pytest.approx(
        (values(result, "one")["effect_size"] + values(result, "other")["effect_size"]) / 2
    )
    assert result.headline.n == {"items": 44, "units": 32}


def test_sentences_about_one_word_are_one_unit():
    rows = frame({**OPPOSED, "X": [E[0], E[0] + E[1], E[0], E[0]], "Y": [E[1]] * 3})
    rows["unit"] = ["man", "man", "boy", "boy", "woman", "girl", "aunt", *map(str, range(6))]
    result = judged(rows)
    assert result.headline.n == {"items": 13, "units": 5}
    assert result.headline.value == pytest.approx((0.5 + 1) / 2 + 1)
    assert values(result)["association_p"] == pytest.approx(1 / 10)


def test_what_has_no_vector_is_missing_and_a_set_without_any_is_undefined():
    rows = frame(random_sets(np.random.default_rng(7)))
    rows.at["w0", "embedding"], rows.at["w5", "embedding"] = None, [float("nan")] * 6
    rows.at["w6", "embedding"] = [0.0] * 6
    result = judged(rows)
    assert result.headline.missing == 3
    assert result.headline.n == {"items": 15, "units": 8}
    assert result.headline.low is None
    rows.loc[rows["set"] == "B", "embedding"] = None
    told = judged(rows)
    assert {one.undefined for one in told.measures} == {"no word of set B has a vector"}
    same = judged(frame({**OPPOSED, "X": [E[2]] * 4, "Y": [E[2]] * 4}))
    assert same.measure("effect_size").undefined == "all words are as near to one set of attributes as to the other"


def test_hostile_sets_are_refused_in_a_line():
    rows = frame(OPPOSED)
    with pytest.raises(ValueError, match=r"got set 'Z'.*allowed: X, Y, A, B"):
        judged(rows.assign(set=["Z", *rows["set"][1:]]))
    with pytest.raises(ValueError, match="ddof 2"):
        judged(rows, ddof=2)
    rows.at["w0", "embedding"] = [1.0]
    with pytest.raises(ValueError, match=r"vectors of \[1, 3\] numbers; allowed: one length"):
        judged(rows)
    assert judged(frame({"X": [E[0]], "Y": [E[1]], "A": [E[0]], "B": [E[1]]})).headline.low is None
