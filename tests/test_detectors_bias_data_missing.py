"""Missing values by column and group: by hand, and how often a group is named that differs by chance, or truly does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.execute import run
from audit.plan import read_plan
from audit.probes.bias.data import DataBias
from detectors.intervals import rate_difference


def table(group, **lacks):
    """Return a row for each group, with "x" in every column where nothing is lacking."""
    cells = {name: [None if one else "x" for one in missing] for name, missing in lacks.items()}
    return pd.DataFrame({"group": group, **cells}, dtype=object).rename(index=str).rename_axis("id")


def asked(rows, **options):
    features = tuple(name for name in rows.columns if name not in ("group", "age"))
    probe = DataBias(label=None, features=features, questions=("missing_columns",), **options)
    return probe.judge({"items": rows}, level=0.95, rng=np.random.default_rng(0))


def test_a_table_worked_by_hand():
    """Of 40 of a and 60 of b lack an income 20 and 6, and a name 4 and 6: 40 points and none; two columns at once."""
    group = ["a"] * 40 + ["b"] * 60
    income = [at < 20 for at in range(40)] + [at < 6 for at in range(60)]
    result = asked(table(group, income=income, name=[at % 10 == 0 for at in range(100)]))
    low, high = rate_difference(20, 40, 6, 60, 1 - 0.05 / 2)
    one = result.measure("column_missing_gap", "income")
    assert (one.value, one.low, one.high) == pytest.approx((0.4, low, high))
    assert (result.headline.value, result.headline.low) == (one.value, one.low)
    other = result.measure("column_missing_gap", "name")
    assert (other.value, other.low) == (pytest.approx(0), 0)
    rows = result.items.set_index(["column", "group"])
    assert rows["value"].to_dict() == {
        ("income", "a"): 0.5, ("income", "b"): 0.1, ("name", "a"): 0.1, ("name", "b"): 0.1,
    }  # fmt: skip
    assert rows["against"].to_dict() == {key: key == ("income", "a") for key in rows.index}
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()
    [remark] = result.remarks
    assert (remark.key, remark.values["group"], remark.values["column_name"]) == ("missing_more", "a", "income")


def test_one_group_has_no_gap_and_one_without_rows_no_part():
    result = asked(table(["a"] * 20, income=[True] * 5 + [False] * 15))
    assert result.headline.undefined == "fewer than two groups have rows"
    rows = table(["a"] * 20 + ["b"] * 20, income=[True] * 5 + [False] * 35).assign(age=["1", "2"] * 20)
    several = asked(rows, sensitive=("group", "age"))
    assert {one.group for one in several.measures if one.name == "column_missing_gap"} == {None, "income"}
    assert several.measure("column_missing_rate", "income: group: a").value == 0.25
    assert len(several.items) == 2 + 2 + 4


@pytest.mark.parametrize("more", [0.0, 0.25])
def test_of_many_columns_one_is_named_only_where_it_surely_differs(more):
    rng, named, wrong, outside = np.random.default_rng(3), 0, 0, 0
    sizes, rates = np.array([200, 150, 60, 15]), np.linspace(0.02, 0.3, 20)
    group = np.repeat(list("abcd"), sizes)
    for _ in range(40):
        p = np.tile(rates, (len(group), 1))
        p[group == "b", 7] += more
        lacks = rng.random(p.shape) < p
        result = asked(table(group, **{f"c{at}": lacks[:, at] for at in range(20)}))
        outside += not result.headline.low - 1e-9 <= more <= result.headline.high + 1e-9
        told = [one.values for one in result.remarks]
        named += [(one["column_name"], one["group"]) for one in told] == [("c7", "b")]
        wrong += any(one["column_name"] != "c7" for one in told)
    assert wrong <= 2
    assert outside <= 2
    assert named >= 38 if more else named == 0


def test_a_plan_asks_and_a_limit_decides(tmp_path):
    group = ["a"] * 80 + ["b"] * 80
    rows = table(group, income=[at % 2 == 0 for at in range(80)] + [False] * 80)
    rows.to_csv(tmp_path / "people.csv", index=False)
    plan = """
title: People
checks:
  - name: people
    probe: {use: bias.data, label: null, features: [income], questions: [missing_columns]}
    data: {use: file, path: people.csv}
    limit: {measure: column_missing_gap, at_most: 0.1}
"""
    [finding] = run(read_plan(plan, base=tmp_path), into=tmp_path / "audits").record.findings
    assert (finding.verdict, finding.trusted) == ("failed", True)
    assert "column_missing_gap" in finding.controlled
    assert "column_missing_gap" not in DataBias(features=("income",)).measures
    with pytest.raises(ValueError, match="without label or features; allowed: with it"):
        DataBias(label=None, questions=("missing_columns",))
