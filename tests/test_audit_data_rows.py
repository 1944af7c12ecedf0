"""Rows of a table as numbers: standardised by the familiar rows alone, categories and gaps among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.data.rows import Rows
from audit.errors import DataError, IntegrityError
from audit.probes.novelty.scores import ROLES

FAMILIAR = pd.DataFrame(
    {"age": [20, 30, 40, 50], "amount": [1.0, None, 3.0, 3.0], "region": ["north", "north", "north", "south"]}
)


@pytest.fixture
def familiar(tmp_path):
    FAMILIAR.to_csv(tmp_path / "familiar.csv", index=False)
    return tmp_path / "familiar.csv"


def rows_of(path, familiar=None, **options):
    known = {"numbers": ["age", "amount"], "categories": ["region"], "familiar": familiar}
    source = Rows(path, **{**known, **options})
    return pd.concat(source.batches(ROLES["items"]))


def test_numbers_and_categories_have_mean_0_and_standard_deviation_1_over_familiar_rows(familiar):
    rows = np.stack(rows_of(familiar, familiar)["row"])
    assert rows.shape == (4, 6)  # age, amount, amount missing, north, south, new
    assert np.allclose(rows.mean(axis=0), 0)
    assert np.allclose(rows[:, :5].std(axis=0), 1)
    assert not rows[:, 5].any()
    amounts = np.array([1, 7 / 3, 3, 3])  # what is missing stands at the mean
    assert np.allclose(rows[:, 1], (amounts - 7 / 3) / amounts.std())
    assert np.allclose(rows[:, 2], (np.array([0, 1, 0, 0]) - 0.25) / np.sqrt(0.25 * 0.75))
    assert np.allclose(rows[:, 4], (np.array([0, 0, 0, 1]) - 0.25) / np.sqrt(0.25 * 0.75))


def test_another_file_changes_nothing_of_what_a_row_is(tmp_path, familiar):
    other = pd.DataFrame({"age": [20, 900], "amount": [1.0, 2.0], "region": ["north", "east"]})
    other.to_csv(tmp_path / "other.csv", index=False)
    rows = np.stack(rows_of(tmp_path / "other.csv", familiar)["row"])
    assert np.array_equal(rows[0], rows_of(familiar, familiar)["row"].iloc[0])
    assert rows[1, 5] == 2.0  # one value that no familiar row has, times the root of four
    assert rows[1, 0] == pytest.approx((900 - 35) / np.std([20, 30, 40, 50]))


def test_a_file_of_another_format_gives_the_same_rows_and_ids(tmp_path, familiar):
    FAMILIAR.to_json(tmp_path / "same.jsonl", orient="records", lines=True)
    one, other = rows_of(familiar, familiar), rows_of(tmp_path / "same.jsonl", familiar)
    assert one.index.equals(other.index)
    assert np.array_equal(np.stack(one["row"]), np.stack(other["row"]))


def test_words_of_a_file_that_mean_nothing_are_missing_in_it_and_in_the_familiar_one(tmp_path, familiar):
    with pytest.raises(DataError, match="column 'amount' holds"):
        rows_of(_with_words(tmp_path / "words.csv"), familiar)
    plain, other = rows_of(familiar, familiar), _with_words(tmp_path / "words.csv")
    for known in (familiar, other):
        told = rows_of(other, known, missing=["n/a"])
        assert np.array_equal(np.stack(told["row"]), np.stack(plain["row"]))
        assert told.index.equals(plain.index)
    assert Rows(other, ["age"], missing=["n/a"]).digest() != Rows(other, ["age"]).digest()


def _with_words(path):
    """Write the familiar rows with `n/a` where nothing stands."""
    FAMILIAR.to_csv(path, index=False, na_rep="n/a")
    return path


def test_without_familiar_rows_numbers_stay_as_they_are(tmp_path):
    pd.DataFrame({"a": [1, 2], "b": [0.5, 4.0], "label": ["x", "y"]}).to_csv(tmp_path / "plain.csv", index=False)
    rows = rows_of(tmp_path / "plain.csv", numbers=["b", "a"], categories=[])
    assert np.array_equal(np.stack(rows["row"]), [[0.5, 1], [4, 2]])
    assert len(rows_of(tmp_path / "plain.csv", numbers=["a"], categories=[], id="label").index.intersection(["x"])) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age,amount,region\nold,1,north\n", "row 1: column 'age' holds a text of 3 characters; allowed: a finite"),
        ("age,amount,region\n1e999,1,north\n", "column 'age' holds"),
        ("age,amount,region\n20,1,north\n,1,north\n", "row 2: column 'age' is empty, which it never is in"),
        ("age,amount\n20,1\n", "no column 'region' for a row"),
    ],
)
def test_what_is_no_row_is_told_in_one_line(tmp_path, familiar, text, said):
    (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(DataError) as told:
        rows_of(tmp_path / "odd.csv", familiar)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_familiar_file_that_tells_nothing_is_refused(tmp_path, familiar):
    (tmp_path / "empty.csv").write_text("age,amount,region\n")
    with pytest.raises(DataError, match="holds no row"):
        rows_of(familiar, tmp_path / "empty.csv")
    (tmp_path / "gaps.csv").write_text("age,amount,region\n1,,north\n2,,north\n")
    with pytest.raises(DataError, match="column 'amount' holds no number"):
        rows_of(familiar, tmp_path / "gaps.csv")
    names = pd.DataFrame({"age": 1, "amount": 1, "region": [f"n{n}" for n in range(201)]})
    names.to_csv(tmp_path / "names.csv", index=False)
    with pytest.raises(DataError, match="column 'region' has 201 values; allowed: 200"):
        rows_of(familiar, tmp_path / "names.csv")


def test_options_that_make_no_row_are_refused(tmp_path):
    for options, said in (
        ({}, "allowed: one column or more"), ({"numbers": ["a", "a"]}, "each once"),
        ({"categories": ["a"]}, "no `familiar`"), ({"numbers": ["a"], "fields": {"text": "b"}}, "fields has 'text'"),
    ):
        with pytest.raises(ValueError, match=said):
            Rows(tmp_path, **options)


def test_the_digest_is_that_of_both_files(tmp_path, familiar):
    before = Rows(familiar, ["age"], familiar=familiar).digest()
    assert Rows(familiar, ["age"]).digest() != before
    with pytest.raises(IntegrityError, match="promised"):
        list(Rows(familiar, ["age"], sha256="0" * 64).batches(ROLES["items"]))
