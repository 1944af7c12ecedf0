"""Rows of one person count once: what is kept, what a check of decisions says of them, and how often it is wrong."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from audit.data.tabular import File
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.bias.decisions import Decisions
from audit.record import Limit
from detectors.arrays import one_of_each
from detectors.bias.repeats import looks_repeated
from reports.text import Notation, words_of

PEOPLE, TIMES = 40, 50
TABLES, LEVEL = 300, 0.95
OF = [None, "b", "a", "b", "a", "a", None]
GROUPS = np.where(np.arange(PEOPLE) % 2, "women", "men")


def draw(labels, seed=0):
    return np.flatnonzero(one_of_each(labels, np.random.default_rng(seed)))


@pytest.mark.parametrize("dtype", [object, "str", pd.CategoricalDtype(["unused", "b", "a", *map(str, range(200))])])
def test_one_row_of_each_label_is_kept_each_with_the_same_chance(dtype):
    labels = pd.Series(OF, dtype=dtype)
    kept = np.array([draw(labels, seed) for seed in range(600)])
    assert kept.shape == (600, 4)
    assert (kept[:, 0] == 0).all()
    assert (kept[:, -1] == 6).all()  # who names none is kept
    inner = np.bincount(kept[:, 1:3].ravel(), minlength=7)[1:6]
    for times, chance in zip(inner, [1 / 2, 1 / 3, 1 / 2, 1 / 3, 1 / 3], strict=True):
        assert 0.001 < binom.cdf(times, 600, chance) < 0.999


@pytest.mark.parametrize("labels", [[], [None, None], ["b", "a", None], [np.nan]])
def test_where_no_label_repeats_all_is_kept_and_nothing_drawn(labels):
    rng, other = np.random.default_rng(1), np.random.default_rng(1)
    assert one_of_each(pd.Series(labels, dtype=object), rng).all()
    assert rng.random() == other.random()


def standing(times=TIMES):
    """The person of each row of a table in which each stands so many times, in no order."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(PEOPLE), times))


def rows(hired, times=TIMES):
    """Such a table, the group by the person's number."""
    person = standing(times)
    columns = {"group": GROUPS[person], "decision": hired[person].astype(int).astype(str), "unit": person.astype(str)}
    return pd.DataFrame(columns, pd.Index(np.arange(len(person)).astype(str), name="id"), dtype="category")


def told(table, seed=0):
    return Decisions().judge({"items": table}, level=LEVEL, rng=np.random.default_rng(seed))


def test_a_gap_of_people_that_chance_made_is_hardly_ever_sure():
    """Half of either sex are hired; hired women and men who are not stand nine times as often in the table.

    By rows it is a gap of 80 points in nearly every table, by people none. What is told of a table hangs on how many of
    either sex its kept rows say were hired, so that of tables whose draws agree in this the first is judged for all.
    """
    rng, told_of, wrong, left = np.random.default_rng(5), {}, 0, 0
    for seed in range(TABLES):
        hired = rng.random(PEOPLE) < 0.5
        times = np.where(hired == (GROUPS == "women"), 9, 1)
        person = standing(times)
        kept = draw(pd.Series(person.astype(str), dtype="category"), seed)
        of = person[kept]
        counts = tuple(np.bincount(2 * (GROUPS[of] == "women") + hired[of], minlength=4))
        if counts not in told_of:
            table = rows(hired, times)
            told_of[counts] = told(table, seed)
            assert tuple(told_of[counts].items.index) == tuple(kept.astype(str))
        result = told_of[counts]
        gap = result.measure("selection_rate_gap", "women")
        wrong += Decisions().found(result)
        left += not gap.low <= 0 <= gap.high
    for count in (wrong, left):
        assert binom.sf(count - 1, TABLES, 1 - LEVEL) > 0.001
    assert Decisions().found(told(table.drop(columns="unit")))


def test_a_gap_of_people_is_found_and_rows_of_one_person_are_drawn():
    """18 of 20 men and 2 of 20 women are hired; what differs within a person is of a row that was drawn."""
    hired = np.arange(PEOPLE) // 2 % 10 < np.where(GROUPS == "men", 9, 1)
    result = told(rows(hired))
    assert Decisions().found(result)
    assert (result.headline.value, result.headline.n["units"]) == (pytest.approx(0.8), PEOPLE)
    assert len(result.items) == PEOPLE
    mixed = rows(hired).assign(decision=np.tile(["0", "1"], PEOPLE * TIMES // 2))
    rates = [told(mixed, seed).measure("selection_rate", "men").value for seed in range(60)]
    assert len(set(rates)) > 5
    assert abs(np.mean(rates) - 0.5) < 0.06


def test_the_clean_twin_of_different_people_is_as_without_units():
    table = rows(np.arange(PEOPLE) // 2 % 2 == 1)
    own = table.assign(unit=table.index)
    one, other = told(own), told(table.drop(columns="unit"))
    assert one.measures == other.measures
    assert "one_of_each" not in {remark.key for remark in one.remarks}
    assert other.remarks[: len(one.remarks)] == one.remarks
    (alike,) = other.remarks[len(one.remarks) :]  # nothing says that these rows are of different people
    assert (alike.key, alike.values) == ("looks_repeated", {"row_count": 2000, "different_count": 4})


def test_a_sensitive_column_that_is_called_unit_is_a_group():
    probe = Decisions(sensitive=("unit",))
    assert not probe.roles["items"].optional
    table = rows(np.arange(PEOPLE) % 2 == 1).assign(unit=lambda frame: frame["group"]).drop(columns="group")
    result = probe.judge({"items": table}, level=LEVEL, rng=np.random.default_rng(0))
    assert (len(result.items), probe.found(result)) == (PEOPLE * TIMES, True)


@pytest.mark.parametrize(("different", "is_told"), [(40, True), (1000, True), (1001, False), (2000, False)])
def test_rows_that_are_equal_in_all_that_a_model_is_given_are_told(different, is_told):
    text = np.arange(2000) % different
    found = looks_repeated(pd.DataFrame({"group": "a", "text": text.astype(str)}))
    assert [one.values for one in found] == [{"row_count": 2000, "different_count": different}] * is_told
    for remark in found:
        for tongue, count in (("en", f"2,000 rows {different:,} differ"), ("ko", f"{different:,}개입니다")):
            assert count in Notation(words_of(tongue)).remark({"key": remark.key, **remark.values})


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """40 people fifty times, as many of either sex hired: held to a gap within 10 points, by row and by person."""
    folder = tmp_path_factory.mktemp("repeats")
    table = rows(np.arange(PEOPLE) // 2 % 2 == 1).rename(columns={"unit": "person"})
    table.to_csv(folder / "rows.csv", index=False)
    limit = Limit(measure="demographic_parity_difference", at_most=0.15)
    checks = [
        Check(name, Decisions(), {"items": File(folder / "rows.csv", fields=fields)}, limit)
        for name, fields in (("by_row", {}), ("by_person", {"unit": "person"}))
    ]
    return run(Plan("Repeats", tuple(checks)), into=folder / "audits").record


def test_forty_people_fifty_times_pass_by_row_alone(audited):
    by_row, by_person = audited.findings
    assert (by_row.verdict, by_person.verdict) == ("passed", "inconclusive")
    assert by_person.measure("demographic_parity_difference").n["units"] == PEOPLE
    first = next(one for one in by_person.remarks if one["key"] == "one_of_each")
    assert first == {"key": "one_of_each", "row_count": 2000.0, "unit_count": 40.0, "columns": "unit"}
