"""Names of people: what reads the same is one person; no letter that nobody sees makes a second one."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import UsageError
from audit.signing import plain_name, same_name, same_person

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


READ_AS = {
    "A": "ΑАᎪꓮᴀ", "B": "ΒВᏴꓐʙ", "C": "СᏟꓚᴄ", "D": "Ꭰꓓᴅ", "E": "ΕЕᎬꓰᴇ", "F": "Ϝꓝꜰ",
    "G": "ԌᏀᏳꓖɢ", "H": "ΗНᎻꓧʜ", "I": "ΙІӀꓲɪ", "J": "ͿЈᎫꓙᴊ", "K": "ΚКᏦꓗᴋ", "L": "ԼᏞꓡʟ",
    "M": "ΜМᎷꓟᴍ", "N": "Νꓠɴ", "O": "ΟОՕꓳᴏ", "P": "ΡРᏢꓑᴘ", "Q": "Ԛⵕ", "R": "ᎡᏒꓣʀ",
    "S": "ЅՏᏕᏚꓢꜱ", "T": "ΤТᎢꓔᴛ", "U": "Սꓴᴜ", "V": "ѴᏙꓦᴠ", "W": "ԜᎳᏔꓪᴡ", "X": "ΧХꓫ",
    "Y": "ΥҮУᎩᎽꓬʏ", "Z": "ΖᏃꓜᴢ", "a": "аαɑ", "b": "ЬᏏвβ", "c": "сⲥꮯ", "d": "ԁᏧ",
    "e": "еҽꬲ", "f": "ք", "g": "ɡց", "h": "һհᏂ", "i": "іιıɩᎥ", "j": "јϳյȷ",
    "k": "кκ", "l": "ӏƖ", "m": "м", "n": "ոռη", "o": "оοσօᴏ", "p": "рρ",
    "q": "ԛգզ", "r": "гᴦ", "s": "ѕꜱꮪ", "t": "тτ", "u": "υսʋ", "v": "νѵꮩ",
    "w": "ωԝѡաɯ", "x": "хχ", "y": "уүγყ", "z": "ᴢꮓ",
}  # fmt: skip
"""Letter -> what is read as it: Greek, Cyrillic, Armenian, Cherokee, Lisu, Coptic, Georgian, and Latin itself."""


def test_every_letter_has_look_alikes_that_make_no_second_person():
    """Written for the letter itself, for its capital or small form, and in full width, bold and script."""
    assert sorted(READ_AS) == sorted(string.ascii_letters)
    for letter, twins in READ_AS.items():
        wide, bold = chr(ord(letter) + 0xFEE0), unicodedata.lookup(
            f"MATHEMATICAL BOLD {'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
        )
        for twin in (*twins, wide, bold):
            assert same_person(twin * 2, letter * 2), (twin, letter)
            assert same_person(twin * 2, letter.swapcase() * 2), (twin, letter)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ΚΙΜ ΜΙΝΑ", "Kim Mina"), ("Kım Mına", "Kim Mina"), ("KİM", "kim"), ("ΝΙΝΑ", "Nina"), ("ΖΟΕ", "Zoe"),
        ("ΗΑΝΑ", "Hana"), ("ΤΟΜ", "Tom"), ("Βεν", "Ben"), ("Ηανα", "HAVA"), ("МАХ", "Max"), ("ᎪᏞᎬᏟ", "alec"),
        ("ꓗꓲꓟ", "Kim"), ("ՏՕՍ", "Sou"), ("ᴋɪᴍ", "KIM"), ("Ian", "lan"), ("Bernd", "Bemd"), ("K1M", "KlM"), ("Wу", "Wy"),
        ("ї", "ï"), ("і\u0307", "i"),
    ],
)  # fmt: skip
def test_names_in_look_alikes_are_one_person(one, other):
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("KIM", "kim", True), ("Ｋｉｍ", "KIM", True),
     ("ΚΙΜ", "KIM", False), ("lan", "Ian", False), ("Kım", "Kim", False)],
)
def test_a_look_alike_is_not_on_a_list_of_who_may(one, other, same):
    assert same_name(one, other) == same


@pytest.mark.parametrize("name", ["Kiו", "Aꓐ", "Mⵔ", "ΚΙM", "Ninа"])
def test_a_word_is_not_mixed_with_any_alphabet_that_has_look_alikes(name):
    with pytest.raises(UsageError, match="look alike"):
        plain_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kim", "Lee"), ("José", "Jose"), ("김민지", "김민자"), ("Иван", "Ivan"), ("Ian", "Lan"), ("Νίκος", "Nikos"),
        ("Нина", "Nina"), ("Anna", "Hanna"), ("Arnold", "Armold"),
    ],
)  # fmt: skip
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
