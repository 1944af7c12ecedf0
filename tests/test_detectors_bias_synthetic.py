"""A synthetic table beside the real one: by hand, by coverage, size and power; the probe from a file to a record."""

from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from audit.data.tabular import File
from audit.errors import DataError
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.bias.synthetic_table import SyntheticTable
from audit.record import Limit
from detectors.bias.synthetic import synthetic_fidelity


def judged(real, synthetic, features=(), level=0.95, seed=0):
    return synthetic_fidelity(real, synthetic, level=level, rng=np.random.default_rng(seed), features=features)


def people(rng, size, rates=(0.6, 0.4), turned=False, share=0.5, shift=0.0):
    """Two groups; x follows the label, in group b the other way where it is turned, and b's is shifted."""
    group = np.where(rng.random(size) < share, "b", "a")
    label = (rng.random(size) < np.where(group == "a", *rates)).astype(float)
    sign = np.where(turned & (group == "b"), -1, 1)
    x = (2 * label - 1) * sign + rng.normal(0, 0.7, size) + shift * (group == "b")
    return pd.DataFrame({"group": group, "label": label, "x": x, "job": rng.choice(["p", "q"], size)}).rename(index=str)


def counted(**counts):
    """Rows from group -> (favourable, all)."""
    rows = [(name, float(i < k)) for name, (k, n) in counts.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["group", "label"]).rename(index=str)


def test_gaps_and_shares_by_hand():
    real, synthetic = counted(a=(30, 60), b=(10, 40), c=(5, 5)), counted(a=(30, 50), b=(10, 100), c=(1, 4))
    result = judged(real, synthetic)
    # a: 1/2 - 15/45 in the real table, 3/5 - 11/104 in the synthetic one
    assert result.measure("gap_change", "a").value == pytest.approx((0.6 - 11 / 104) - (0.5 - 15 / 45))
    assert result.measure("gap_change", "b").value == pytest.approx((0.1 - 31 / 54) - (0.25 - 35 / 65))
    assert result.headline.value == pytest.approx(abs((0.6 - 11 / 104) - (0.5 - 15 / 45)))
    assert result.measure("group_share_change", "b").value == pytest.approx(100 / 154 - 40 / 105)
    assert [one.group for one in result.measures if one.name == "gap_change"] == ["a", "b"]  # c has five rows
    row = result.table.set_index("group").loc["c"]
    assert (row["rows_real"], row["rows_synthetic"], row["label_rate_synthetic"]) == (5, 4, 0.25)
    assert result.measure("group_distance", "a").undefined == "no feature is named"
    assert result.measure("proxy_change").undefined == "no feature is named"
    assert result.measure("transfer_cost").undefined == "no feature is named"


def test_distances_by_hand_and_what_chance_may_make_of_them():
    real = counted(a=(10, 20), b=(10, 20)).assign(x=[*range(20), *range(20)], w=["p"] * 10 + ["q"] * 10 + ["p"] * 20)
    synthetic = real.assign(x=[*range(5, 25), *range(20)], w=["p"] * 15 + ["q"] * 5 + ["p"] * 20)
    result = judged(real, synthetic, ("x", "w"))
    one = result.measure("group_distance", "a")
    assert one.value == pytest.approx(0.25)  # KS of a shift by 5 of 20, and total variation of 1/2, 1/2 and 3/4, 1/4
    share = 0.05 / (2 * 2 * 2)
    assert one.high == pytest.approx(min(1, 0.25 + 2 * sqrt((2 * log(2) + log(1 / share)) / 40)))
    assert result.measure("group_distance", "b").value == 0
    assert result.measure("group_distance", "b").low == 0


def test_a_distance_is_missed_no_more_often_than_its_level_allows():
    rng, missed = np.random.default_rng(0), 0
    truth = 2 * norm.cdf(0.5) - 1  # KS of N(0, 1) and N(1, 1)
    for seed in range(20):
        sides = []
        for shift in (0.0, 1.0):
            frame = counted(a=(75, 150), b=(75, 150))
            sides.append(frame.assign(x=rng.normal(size=300) + shift * (frame["group"] == "a")))
        one = judged(*sides, ("x",), 0.8, seed).measure("group_distance", "a")
        missed += not one.low <= truth <= one.high
        assert one.value == pytest.approx(truth, abs=0.2)
    assert missed == 0


def test_tables_alike_are_not_accused_and_changes_are_found():
    """Size over 20 seeds, and power against a lost gap, a lost use for one group, and a new proxy."""
    rng, accused, found = np.random.default_rng(1), [], []
    for seed in range(20):
        real, alike = people(rng, 1000), people(rng, 1000)
        result = judged(real, alike, ("x", "job"), seed=seed)
        accused.append([result.headline.low > 0, result.measure("proxy_change").low > 0,
                        result.measure("transfer_cost_gap", "b").low > 0,
                        result.measure("group_share_change", "b").low > 0])  # fmt: skip
        if seed < 5:
            fair = judged(real, people(rng, 1000, (0.5, 0.9)), ("x",), seed=seed)
            turned = judged(real, people(rng, 1000, turned=True), ("x",), seed=seed)
            proxy = judged(real, people(rng, 1000, shift=6.0), ("x",), seed=seed)
            found.append([fair.headline.low > 0, turned.measure("transfer_cost", "b").low > 0,
                          proxy.measure("proxy_change").low > 0,
                          proxy.measure("group_distance", "b").low > 0])  # fmt: skip
    assert np.sum(accused, axis=0).max() <= 1
    assert np.all(found)


def test_changes_of_gaps_hold_for_all_groups_at_once():
    rng, held, truth = np.random.default_rng(2), 0, {"a": 0.15, "b": -0.15}
    for seed in range(50):
        tables = [
            counted(a=(int(rng.binomial(40, one)), 40), b=(int(rng.binomial(60, other)), 60))
            for one, other in ((0.5, 0.4), (0.6, 0.35))
        ]
        result = judged(*tables, level=0.8, seed=seed)
        held += all(one.low <= truth[one.group] <= one.high for one in result.measures if one.name == "gap_change")
    assert held / 50 >= 0.8


def test_missing_groups_labels_and_cells_are_told():
    real, synthetic = people(np.random.default_rng(3), 300), people(np.random.default_rng(4), 300)
    real.loc[real.index[:40], "group"] = None
    synthetic.loc[synthetic.index[:50], "group"] = float("nan")
    real.loc[real.index[40:80], "label"] = float("nan")
    real.loc[real.index[:100], "x"] = None
    result = judged(real, synthetic, ("x", "job"))
    assert [one.group for one in result.measures if one.name == "gap_change"] == ["(missing)", "a", "b"]
    assert len(result.items) < 150  # rows without a label are not tried
    lost = judged(real, synthetic.assign(label=1.0), ("x",))
    assert lost.measure("transfer_cost").undefined == "one of the tables has a single label to learn"
    none = judged(real.assign(label=float("nan")), synthetic, ("x",))
    assert none.headline.undefined is not None
    assert none.measure("proxy_change").value is not None
    with pytest.raises(ValueError, match="1 groups with 10 rows or more in both tables; allowed: 2 or more"):
        judged(real.assign(group="a"), synthetic)
    with pytest.raises(ValueError, match="labels beside 0 and 1"):
        judged(real.assign(label=2.0), synthetic)


def test_from_two_files_to_a_record(tmp_path):
    """As read from CSV: all cells are text; two sensitive columns make four groups."""
    rng = np.random.default_rng(5)
    for name, rates in (("real", (0.7, 0.3)), ("made", (0.5, 0.5))):
        frame = people(rng, 1600, rates).assign(age=rng.choice(["old", "young"], 1600))
        frame["label"] = np.where(frame["label"] == 1, "hired", "not")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    probe = SyntheticTable(sensitive=("group", "age"), favourable="hired", features=("x", "job"))
    data = {"items": File(tmp_path / "made.csv"), "real": File(tmp_path / "real.csv")}
    check = Check("made", probe, data, Limit(measure="largest_gap_change", at_most=0.05))
    (finding,) = run(Plan("Synthetic", (check,)), into=tmp_path / "audit").record.findings
    assert finding.verdict == "failed", finding.why
    assert {one.group for one in finding.measures if one.name == "gap_change"} == {
        f"{one} x {other}" for one in "ab" for other in ("old", "young")
    }
    assert finding.controls == {"positive": True, "negative": True}
    (tmp_path / "bare.csv").write_text("group,label\na,1\n")
    with pytest.raises(DataError, match="'age'"):
        run(Plan("S", (Check("made", probe, {**data, "real": File(tmp_path / "bare.csv")}),)), into=tmp_path / "no")


def test_forty_people_fifty_times_change_nothing_for_sure_unless_rows_are_taken_for_people():
    """Real rows are of 40 people with equal chances, those of one person alike; synthetic rows keep these chances."""
    rng, probe, sure, times = np.random.default_rng(2), SyntheticTable(), [0, 0], (30, 6)
    group = np.repeat(["a", "b"], 20)
    for seed in range(times[0]):
        person = np.repeat(np.arange(40), 50)
        label = (rng.random(40) < 0.5).astype(int).astype(str)
        real = pd.DataFrame({"group": group[person], "label": label[person], "unit": person.astype(str)})
        made = pd.DataFrame({"group": group[person], "label": rng.integers(0, 2, 2000).astype(str)})
        for place, rows in enumerate((real, real.drop(columns="unit"))[: 1 + (seed < times[1])]):
            result = probe.judge({"real": rows, "items": made}, level=0.95, rng=np.random.default_rng(seed))
            sure[place] += probe.found(result)
            keys = [(one.key, one.values["row_count"]) for one in result.remarks]
            assert keys == [(("one_of_each", "looks_repeated")[place], 2000)]
    assert binom.sf(sure[0] - 1, times[0], 0.05) > 0.001
    assert sure[1] > 1, "rows of one person that count as many claim far too much"


def test_a_change_of_people_is_found_and_each_table_may_name_its_units():
    person = np.repeat(np.arange(400), 5)
    real = pd.DataFrame({"group": np.where(person % 2, "a", "b"), "label": "1", "unit": person.astype(str)})
    made = real.assign(label=np.where(person % 2, "1", "0"))
    result = SyntheticTable().judge({"real": real, "items": made}, level=0.95, rng=np.random.default_rng(0))
    assert SyntheticTable().found(result)
    assert result.headline.n == {"items": 800, "units": 400}
    told = [{"row_count": 2000, "unit_count": 400, "columns": f"{role}: unit"} for role in ("real", "items")]
    assert [one.values for one in result.remarks] == told


@pytest.mark.parametrize("options", [{"sensitive": ()}, {"sensitive": ("label",)}, {"features": ("group",)}])
def test_columns_that_cannot_be(options):
    with pytest.raises(ValueError, match="each column once"):
        SyntheticTable(**options)
