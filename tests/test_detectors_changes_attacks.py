"""Attacks on a mark in a text: what each leaves, and that it depends on the text's name alone."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.changes.attacks import FORGERY, TEXT_ATTACKS, attacked_text, attacked_texts

TEXT = (
    "The ferry was late again. Nobody on the 12 islands knew why it had left the harbour.\nA baker gave us bread, "
    "and we waited “there” for the large car that would take us home. It came at 7 in the evening!"
)
KOREAN = "배가 또 늦게 왔다. 섬에 사는 사람은 아무도 그 까닭을 몰랐다. 빵집 주인이 빵을 주어서 기다렸다."
KINDS = sorted({kind for kind, _ in TEXT_ATTACKS})


def made(kind, strength, text=TEXT, seed=0):
    return attacked_text(kind, text, strength, np.random.default_rng(seed))


def test_words_go_come_and_change_by_the_share_that_is_asked():
    words = TEXT.split()
    for strength in (0.1, 0.3, 0.5):
        touched = round(strength * len(words))
        assert len(made("delete", strength).split()) == len(words) - touched
        assert len(made("insert", strength).split()) == len(words) + touched
        changed = made("substitute", strength).split()
        assert len(changed) == len(words)
        assert touched - 2 <= sum(a != b for a, b in zip(words, changed, strict=True)) <= touched
    left = made("delete", 0.3).split()
    assert all(word in words for word in left)


def test_a_text_is_cut_diluted_and_put_in_another_order():
    words = TEXT.split()
    assert TEXT.startswith(half := made("truncate", 0.5))
    assert len(half.split()) == len(words) - round(0.5 * len(words))
    diluted = made("dilute", 0.75)
    assert diluted.endswith(TEXT)
    assert len(diluted.split()) == 4 * len(words)
    assert sorted(made("sentence_order", 1.0, seed=3)) == sorted(TEXT) != made("sentence_order", 1.0, seed=3)
    korean = made("insert", 0.5, KOREAN).split()
    assert all("가" <= word[0] <= "힣" for word in korean)


def test_a_forgery_says_something_else_in_nearly_the_same_words():
    forged = made(FORGERY, 1.0)
    assert "was not late" in forged
    assert "12 islands" not in forged
    assert "would not take" in forged
    assert len(set(TEXT.split()) - set(forged.split())) == 2, "but for both numbers all of its words are there"
    assert made(FORGERY, 1.0, "No fact here") == "No fact here"


def test_a_plain_text_stays_and_a_dressed_one_becomes_plain():
    assert made("normalise", 1.0) == TEXT.replace("\n", " ").replace("“", '"').replace("”", '"')
    assert made("normalise", 1.0, "ﬁne\u200b  day\u00a0") == "fine day"
    assert unicodedata.is_normalized("NFKC", made("normalise", 1.0, KOREAN))


def test_what_an_attack_draws_depends_on_the_texts_name_and_the_attack():
    one = list(attacked_texts("a", TEXT, TEXT_ATTACKS))
    assert one == list(attacked_texts("a", TEXT, TEXT_ATTACKS))
    assert list(attacked_texts("a", TEXT, TEXT_ATTACKS[::-1])) == one[::-1]
    other = list(attacked_texts("b", TEXT, TEXT_ATTACKS))
    same = {attack for attack, mine, theirs in zip(TEXT_ATTACKS, one, other, strict=True) if mine == theirs}
    assert same == {("synonyms", 1.0), ("case", 1.0), ("truncate", 0.5), ("truncate", 0.75), ("normalise", 1.0)}
    assert [kind for (kind, _), text in zip(TEXT_ATTACKS, one, strict=True) if text == TEXT] == []


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(max_size=40), strength=st.floats(0.01, 1))
def test_any_text_can_be_attacked(kind, text, strength):
    found = made(kind, strength, text)
    assert isinstance(found, str)
    assert text.split() or kind in ("normalise", "sentence_order", "blanks") or found == text


def test_an_attack_that_is_none_is_refused():
    with pytest.raises(ValueError, match="changed_text: got 'wash'; allowed: typos, "):
        made("wash", 0.5)
