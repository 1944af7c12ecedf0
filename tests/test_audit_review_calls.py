"""What several people say of items in a word: who takes a word back, what counts, and how far two agree."""

import json
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from report_fixtures import finding, rate, write_audit
from review_fixtures import small_audit
from sklearn.metrics import cohen_kappa_score

from audit.errors import UsageError
from audit.record import Limit, dump, load_record
from audit.review import (
    Decision,
    Override,
    Owner,
    Sample,
    add_reviews,
    agreements,
    call_item,
    differ,
    read_reviews,
    state_of,
)
from audit.signing import make_key
from audit.signing.keys import read_key

CHECK = "limited"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("calls"))


@pytest.fixture
def audit(made):
    (made.folder / "reviews.jsonl").unlink(missing_ok=True)
    return made


def ids(audit, value):
    items = audit.items(CHECK)
    return [str(one) for one in items.index[items["value"] == value]]


def call(audit, item, word, author="Kim", reason=None, key=None):
    return add_reviews(audit, call_item(audit, CHECK, item, word, reason), author=author, key=key)


def counted(audit):
    found = state_of(audit).reviewed.get(CHECK)
    return {} if found is None else {one.item: one.reviewed for one in found.changes}


def test_right_is_the_side_on_which_the_limit_lets_a_model_be(audit):
    """The limit is at most 0.3 of repeats, so an item that repeats is wrong."""
    one, other = ids(audit, 1.0)[0], ids(audit, 0.0)[0]
    values = {(item, word): call_item(audit, CHECK, item, word).value for item in (one, other)
              for word in ("right", "wrong", "unsure")}
    assert values == {(item, word): value for item in (one, other)
                      for word, value in (("right", 0.0), ("wrong", 1.0), ("unsure", None))}


def test_what_counts_against_the_model_is_wrong_whatever_the_limit_says(tmp_path):
    measure = replace(rate("stereotype_share", 2, 3), mean_of="value", direction="nearer to ideal is better", ideal=0.5)
    frame = pd.DataFrame({"id": list("abc"), "value": [1.0, 0.0, 1.0], "against": [True, False, True]})
    limit = Limit(measure="stereotype_share", at_least=0.4)
    one = finding("pairs", "passed", "why", measures=[measure], limit=limit)
    other = write_audit(tmp_path / "x", [one], items={"pairs": frame})
    assert [call_item(other, "pairs", item, "right").value for item in "abc"] == [0.0, 0.0, 0.0]


def test_a_word_on_an_item_that_no_number_rests_on_has_no_value(audit):
    update = {"measures": [replace(audit.finding("free").headline, mean_of=None)]}
    record = audit.record.model_copy(update={"findings": [
        audit.record.findings[0], audit.record.findings[1].model_copy(update=update)]})
    folder, before = audit.folder, (audit.folder / "record.json").read_bytes()
    (folder / "record.json").write_bytes(dump(record))
    try:
        bare = load_record(folder)
        item = ids(audit, 1.0)[0]
        said = call_item(bare, "free", item, "wrong")
        assert (said.word, said.value) == ("wrong", None)
        add_reviews(bare, said, author="Kim")
        assert state_of(bare).reviewed == {}
        assert list(state_of(bare).calls["free"]) == [item]
    finally:
        (folder / "record.json").write_bytes(before)


def test_the_last_word_with_an_outcome_counts_and_unsure_takes_nothing_away(audit):
    item = ids(audit, 1.0)[0]
    call(audit, item, "right", "Kim")
    call(audit, item, "unsure", "Lee")
    assert counted(audit) == {item: 0.0}
    call(audit, item, "wrong", "Lee")
    assert counted(audit) == {item: 1.0}
    call(audit, item, "taken back", "Lee")
    assert counted(audit) == {item: 0.0}, "Kim's word stands again"
    call(audit, item, "unsure", "Kim")
    assert counted(audit) == {}
    call(audit, item, "right", "Kim")
    add_reviews(audit, Override(check=CHECK, item=item), author="Lee")
    assert counted(audit) == {}
    assert state_of(audit).calls == {}


def test_a_person_is_a_key_where_one_signs(audit, tmp_path):
    make_key(tmp_path / "Kim")
    make_key(tmp_path / "Lee")
    item = ids(audit, 1.0)[0]
    call(audit, item, "right", "Kim", key=read_key(tmp_path / "Kim"))
    call(audit, item, "taken back", "Kim", key=read_key(tmp_path / "Lee"))
    assert counted(audit) == {item: 0.0}, "another key takes nothing back, whatever name it gives"
    call(audit, item, "taken back", "K.", key=read_key(tmp_path / "Kim"))
    assert counted(audit) == {}


def test_a_name_that_reads_like_a_key_takes_back_nothing_of_the_key(audit, tmp_path):
    make_key(tmp_path / "Kim")
    key = read_key(tmp_path / "Kim")
    item = ids(audit, 1.0)[0]
    call(audit, item, "right", "Kim", key=key)
    call(audit, item, "taken back", key.public.fingerprint)
    assert counted(audit) == {item: 0.0}


def test_a_signature_that_does_not_hold_takes_back_nothing(audit, tmp_path):
    make_key(tmp_path / "Kim")
    item = ids(audit, 1.0)[0]
    call(audit, item, "right", "Kim", key=read_key(tmp_path / "Kim"))
    (forged,) = call(audit, item, "taken back", "Kim", key=read_key(tmp_path / "Kim"))
    lines = (audit.folder / "reviews.jsonl").read_bytes().splitlines(keepends=True)
    forged = forged.model_copy(update={"author": "Lee"})
    (audit.folder / "reviews.jsonl").write_bytes(lines[0] + forged.line)
    assert counted(audit) == {item: 0.0}


def test_nobody_agrees_with_themselves_under_another_spelling_or_without_their_key(audit, tmp_path):
    make_key(tmp_path / "Kim")
    items = [*ids(audit, 1.0)[:4], *ids(audit, 0.0)[:4]]
    told = list(zip(items, ["wrong", "right"] * 4, strict=True))
    add_reviews(audit, *(call_item(audit, CHECK, *one) for one in told), author="Kim")
    add_reviews(audit, *(call_item(audit, CHECK, *one) for one in told[:-1]), author="KIM")
    other = [call_item(audit, CHECK, item, "right") for item in items]
    add_reviews(audit, *other, author="Kim", key=read_key(tmp_path / "Kim"))
    said = state_of(audit).calls[CHECK]
    assert agreements(audit, CHECK, said) == []
    assert not any(differ(one) for one in said.values())
    add_reviews(audit, *other, author="Lee")
    found = agreements(audit, CHECK, state_of(audit).calls[CHECK])
    assert {(one.first.casefold(), one.second) for one in found} == {("kim", "Lee")}


def test_a_value_that_is_one_of_the_two_sides_agrees_with_its_word(audit):
    items = [*ids(audit, 1.0)[:3], *ids(audit, 0.0)[:3]]
    add_reviews(audit, *(call_item(audit, CHECK, *one) for one in zip(items, ["wrong", "right"] * 3, strict=True)),
                author="Kim")
    values = [1.0, 0.0, 1.0, 0.0, 1.0, 0.5]
    add_reviews(audit, *(Override(check=CHECK, item=item, value=value)
                         for item, value in zip(items, values, strict=True)), author="Lee")
    said = state_of(audit).calls[CHECK]
    (found,) = agreements(audit, CHECK, said)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(["w", "r"] * 3, ["w", "r", "w", "r", "w", "0.5"]))
    assert found.differ == ((items[-1], "right", "0.5"),)
    assert [item for item, one in said.items() if differ(one)] == [items[-1]]


def test_two_reviewers_agree_as_kappa_says_and_differ_where_they_do(audit):
    items = [*ids(audit, 1.0)[:6], *ids(audit, 0.0)[:6]]
    words = {"w": "wrong", "r": "right", "u": "unsure"}
    first, second = ([words[one] for one in said] for said in ("wwwrwurrrwrr", "wwrrwurrwwru"))
    add_reviews(audit, *(call_item(audit, CHECK, *one) for one in zip(items, first, strict=True)), author="Kim")
    add_reviews(audit, *(call_item(audit, CHECK, *one) for one in zip(items, second, strict=True)), author="Lee")
    call(audit, ids(audit, 0.0)[7], "right", "Lee")
    call(audit, ids(audit, 0.0)[8], "right", "Park")
    (found,) = agreements(audit, CHECK, state_of(audit).calls[CHECK])
    assert (found.first, found.second, found.kappa.n["items"]) == ("Kim", "Lee", 12)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    told = {item: (one, other) for item, one, other in zip(items, first, second, strict=True) if one != other}
    assert {item: (one, other) for item, one, other in found.differ} == told


def test_an_old_line_is_read_and_written_as_it_was(audit):
    said = Override(check=CHECK, item=ids(audit, 1.0)[0], value=0.0, reason="seen")
    (entry,) = add_reviews(audit, said, author="Kim")
    assert set(json.loads(entry.line)["says"]) == {"kind", "check", "item", "value", "reason"}
    assert read_reviews(audit.folder).entries == (entry,)


@pytest.mark.parametrize("word", ["unsure", "taken back"])
def test_a_word_without_a_side_has_no_value(word):
    with pytest.raises(ValueError, match="a value goes with right or wrong"):
        Override(check="c", item="i", word=word, value=1.0)


def test_many_entries_are_one_chain_and_none_is_written_where_one_cannot_be(audit):
    items = ids(audit, 1.0)
    made = add_reviews(audit, *(Owner(check=CHECK, item=item, owner="Lee") for item in items), author="Kim")
    assert read_reviews(audit.folder).entries == made
    assert [entry.says.item for entry in made] == items
    before = (audit.folder / "reviews.jsonl").read_bytes()
    with pytest.raises(UsageError, match="no item 'nobody'"):
        add_reviews(audit, *(Owner(check=CHECK, item=item, owner="Park") for item in [*items, "nobody"]), author="Kim")
    assert (audit.folder / "reviews.jsonl").read_bytes() == before


def test_a_policy_may_count_only_what_says_why(audit):
    one, other = ids(audit, 1.0)[:2]
    call(audit, one, "right")
    call(audit, other, "right", reason="It is a quotation")
    add_reviews(audit, Decision(decision="in review"), author="Kim")
    assert set(counted(audit)) == {one, other}
    strict = state_of(audit, date.today(), with_reason=True).reviewed[CHECK]
    assert [change.item for change in strict.changes] == [other]


def test_blanks_are_no_reason(audit):
    call(audit, ids(audit, 1.0)[0], "right", reason=" ")
    assert CHECK not in state_of(audit, date.today(), with_reason=True).reviewed


def test_what_was_drawn_is_the_same_whoever_must_say_why(audit):
    for item in ids(audit, 1.0)[:30]:
        call(audit, item, "right")
    add_reviews(audit, Sample(check=CHECK, count=10), author="Kim")
    drawn, strict = (
        state_of(audit, date.today(), with_reason=with_reason).reviewed[CHECK].check for with_reason in (False, True)
    )
    assert strict == drawn
