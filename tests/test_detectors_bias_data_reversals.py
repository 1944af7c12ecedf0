"""Gaps that turn round within strata: admissions of Berkeley, tables worked by hand, how often it errs and finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import UsageError
from audit.execute import run
from audit.plan import read_plan
from audit.probes.bias.data import DataBias
from detectors.bias.data.splits import NOT_GIVEN, column_of

BERKELEY = {
    "A": ((512, 313), (89, 19)), "B": ((353, 207), (17, 8)), "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)), "E": ((53, 138), (94, 299)), "F": ((22, 351), (24, 317)),
}  # fmt: skip
"""Department -> (admitted, rejected) of men, of women: autumn 1973, the six largest (Bickel et al. 1975; R's data)."""


def rows_of(counts, groups=("men", "women")):
    """Return a row a person: stratum -> (favourable, not) of each group."""
    told = [
        (group, stratum, label)
        for stratum, sides in counts.items()
        for group, side in zip(groups, sides, strict=True)
        for label, count in zip(("1", "0"), side, strict=True)
        for _ in range(count)
    ]
    return pd.DataFrame(told, columns=["group", "site", "label"], dtype=object).rename(index=str).rename_axis("id")


def asked(rows, **options):
    probe = DataBias(within=("site",), questions=("reversals",), **options)
    return probe.judge({"items": rows}, level=0.95, rng=np.random.default_rng(0))


def ends(result):
    one = result.measure("reversed_strata")
    return one.value, one.low, one.high


def test_berkeley_turns_round_surely_in_one_department():
    """Men are admitted 14 points more often in all; less often in A, B, D, F, of which A alone is sure."""
    result = asked(rows_of(BERKELEY))
    assert ends(result) == (4, 1, 6)
    [remark] = result.remarks
    assert (remark.key, remark.values["group"], remark.values["stratum_name"]) == ("simpson", "men", "A")
    assert remark.values["gap_share"] == pytest.approx(1198 / 2691 - 557 / 1835)
    assert remark.values["within_share"] == pytest.approx(512 / 825 - 89 / 108)
    weights = {name: sum(men) * sum(women) / (sum(men) + sum(women)) for name, (men, women) in BERKELEY.items()}
    pooled = sum(w * (BERKELEY[s][0][0] / sum(BERKELEY[s][0]) - BERKELEY[s][1][0] / sum(BERKELEY[s][1]))
                 for s, w in weights.items()) / sum(weights.values())  # fmt: skip
    assert result.measure("label_rate_conditional_gap").value == pytest.approx(pooled)
    assert pooled < 0
    assert result.items["stratum"].tolist()[:4] == ["A", "B", "D", "F"]
    assert result.items["against"].tolist() == [True, *[pd.NA] * 5]
    assert set(result.items["gap_in_all"].round(3)) == {0.142}


def test_a_gap_in_all_strata_and_one_that_no_stratum_has_turn_nowhere():
    same = dict.fromkeys("xyz", ((500, 500), (300, 700)))
    assert ends(asked(rows_of(same))) == (0, 0, 0)
    by_control_alone = {"x": ((800, 200), (160, 40)), "y": ((40, 160), (200, 800))}
    result = asked(rows_of(by_control_alone))
    assert ends(result) == (0, 0, 2)
    assert result.remarks == ()


def test_of_three_groups_each_counts_and_strata_of_one_group_do_not():
    counts = {"x": ((90, 10), (50, 50), (50, 50)), "y": ((0, 400), (80, 320), (40, 360)), "z": ((9, 1), (0, 0), (0, 0))}
    rows = rows_of(counts, groups=("a", "b", "c"))
    result = asked(rows)
    assert set(result.items["stratum"]) == {"x", "y"}
    assert len(result.items) == 6
    in_all = {"a": 99 / 510 - 220 / 1000, "b": 130 / 500 - 189 / 1010, "c": 90 / 500 - 229 / 1010}
    assert {row["group"]: row["gap_in_all"] for row in result.items.to_dict("records")} == pytest.approx(in_all)
    assert ends(result)[0] == 2  # a and b in x; c is lower in x, as in all, and as the others in y


def test_rows_without_a_label_may_have_had_either():
    rows = rows_of(BERKELEY)
    women_of_a = rows.index[(rows["site"] == "A") & (rows["group"] == "women") & (rows["label"] == "1")]
    rows.loc[women_of_a[:40], "label"] = None
    value, low, high = ends(asked(rows))
    assert (value, low) == (4, 0)
    assert high == 6


def test_strata_of_numbers_are_tenths_and_no_value_is_one_of_its_own():
    cells = pd.Series([*(str(n) for n in range(100)), None], dtype=object)
    column = column_of(cells, "age")
    assert column.cell_names[0] == "0 - 9"
    assert (len(column.cell_names), column.cell_names[-1], int(column.cells.max())) == (11, NOT_GIVEN, 10)
    few = column_of(pd.Series(["2", "1", None], dtype=object), "x")
    assert sorted(few.cell_names) == ["1", "2", NOT_GIVEN]
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({
        "group": rng.choice(["a", "b"], 600), "label": rng.choice(["0", "1"], 600),
        "site": [str(n) if n % 50 else None for n in range(600)],
    }, dtype=object).rename(index=str).rename_axis("id")  # fmt: skip
    assert NOT_GIVEN in set(asked(rows).items["stratum"])
    assert len(set(asked(rows).items["stratum"])) == 11


@pytest.mark.parametrize("gap", [0.0, 0.1])
def test_the_number_of_reversed_strata_lies_within_and_none_is_told_where_none_is(gap):
    """Strata differ in their rates and in who is in them, so that the gap of all is none of any stratum's."""
    rng, rates, wrong, told = np.random.default_rng(1), np.array([0.15, 0.4, 0.7]), 0, 0
    sizes = np.array([[150, 40], [80, 80], [40, 150]])
    true = np.stack([rates, rates - gap], axis=1)
    for _ in range(120):
        k = rng.binomial(sizes, true)
        counts = {str(s): tuple((int(a), int(n - a)) for a, n in zip(k[s], sizes[s], strict=True)) for s in range(3)}
        _, low, high = ends(asked(rows_of(counts)))
        whole = (sizes * true).sum(axis=0) / sizes.sum(axis=0)
        reversed_strata = int(((whole[0] - whole[1]) * (true[:, 0] - true[:, 1]) < 0).sum())
        wrong += not low <= reversed_strata <= high
        told += low > 0
    assert wrong <= 120 * 0.05
    assert told <= 6 if gap == 0 else True


def test_a_plan_asks_and_a_limit_decides(tmp_path):
    rows_of(BERKELEY).to_csv(tmp_path / "berkeley.csv", index=False)
    plan = """
title: Admissions
checks:
  - name: admissions
    probe: {use: bias.data, within: [site], questions: [reversals]}
    data: {use: file, path: berkeley.csv}
    limit: {measure: reversed_strata, at_most: 0}
"""
    [finding] = run(read_plan(plan, base=tmp_path), into=tmp_path / "audits").record.findings
    assert (finding.verdict, finding.trusted) == ("failed", True)
    assert "reversed_strata" in finding.controlled
    assert "reversed_strata" not in DataBias().measures


@pytest.mark.parametrize(("options", "words"), [
    ({"within": ("group",)}, "got within .'group'.; allowed: each once, and neither sensitive nor the label"),
    ({"within": ("label",)}, "neither sensitive nor the label"), ({"within": ("x", "x")}, "each once"),
    ({"questions": ("reversals",)}, "got question 'reversals' without label and within; allowed: with it"),
    ({"within": ("x",), "label": None, "questions": ("reversals",)}, "without label and within"),
])  # fmt: skip
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises((ValueError, UsageError), match=words):
        DataBias(**options)
