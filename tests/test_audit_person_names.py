"""Names of people: what reads the same is one person; no letter that nobody sees makes a second one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.signing import plain_name, same_person

ONE = [
    "Kim\u200b", "\u202eKim\u202c", "Kim\u00ad", "Ｋｉｍ", " Kim ", "K\u034fim", "Kim\ufe0f", "kim", "\u2066Kim",
    "Kim\u3164",
]


@pytest.mark.parametrize("name", ONE)
def test_unseen_letters_and_other_forms_make_no_second_person(name):
    assert plain_name(name).casefold() == "kim"
    assert same_person(name, "Kim")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José", "Jose\u0301"), ("Kim  Minji", "Kim Minji"), ("Kim\u00a0Minji", "Kim Minji"), ("김민지", "김민지"),
        ("Kіm", "Kim"), ("КІМ", "KIM"), ("Сара", "Capa"), ("STRASSE", "straße"),
    ],
)
def test_what_reads_the_same_is_one_person(one, other):
    assert same_person(one, other)


@pytest.mark.parametrize(("one", "other"), [("Kim", "Lee"), ("José", "Jose"), ("김민지", "김민자"), ("Иван", "Ivan")])
def test_other_names_are_other_persons(one, other):
    assert not same_person(one, other)


@pytest.mark.parametrize("name", ["Kіm", "Mаria Lee", "Αnn", "Кim"])
def test_alphabets_that_look_alike_are_not_mixed_in_a_word(name):
    with pytest.raises(UsageError, match="look alike"):
        plain_name(name)


@pytest.mark.parametrize("name", ["Kim 민지", "김민지 (Kim)", "Иван Ivanov", "O'Neill", "高橋みなみ", "N. N."])
def test_names_of_all_peoples_stay_as_they_are(name):
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["a\nb", "Kim\x00", "\x1b[31mKim"])
def test_a_name_holds_no_control_characters(name):
    with pytest.raises(UsageError, match="control characters") as error:
        plain_name(name)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\u3164", "\x00"])
def test_a_name_that_nobody_sees_is_none(name):
    with pytest.raises(UsageError, match="no letter of it can be seen"):
        plain_name(name)


@given(st.text(max_size=40))
def test_what_is_written_is_written_the_same_again(text):
    try:
        name = plain_name(text)
    except UsageError:
        return
    assert plain_name(name) == name
    assert same_person(name, text)
    assert not any(unicodedata.category(char)[0] == "C" for char in name)
