"""Written answers against right ones: SQuAD's rule to the letter, the numeric rule by what numbers mean."""


import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.factuality.matching import (
    contains,
    exact_match,
    exact_match_numeric,
    inside_longer_words,
    squad_normalise,
    token_f1,
)
from detectors.factuality.wording import numeric_tokens


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Eiffel Tower!", "eiffel tower"),
        ("a cat and an apple", "cat and apple"),
        ("theatre", "theatre"),
        ("1,5", "15"),
        ("-3", "3"),
        ("U.S.", "us"),
        ("Moby-Dick", "mobydick"),
        ("an the a", ""),
        ("«été»", "«été»"),  # only ASCII marks go, as published
    ],
)
def test_squad_steps_by_hand(text, normal):
    assert squad_normalise(text) == normal


@pytest.mark.parametrize("answer", ["paris", "Paris.", "the Paris", " PARIS "])
def test_exact_match_overlooks_case_marks_and_articles(answer):
    assert exact_match(answer, ["London", "Paris"])
    assert exact_match_numeric(answer, ["London", "Paris"])


def test_exact_match_has_the_pitfalls_it_is_known_for():
    assert exact_match("1,5", ["15"])
    assert exact_match("3", ["-3"])
    assert exact_match("us", ["U.S."])
    assert exact_match("the", ["A"])


EQUAL = [
    ("1,000", "1000"), ("1000.0", "1,000.00"), ("one thousand", "1000"), ("1.5 million", "1,500,000"), ("007", "7"),
    ("1.000.000", "1000000"), ("1\u202f000", "1000"), ("1,5", "1.5"), ("0,500", "0.5"), ("−3", "-3"),
    ("minus three", "-3"), ("(-3)", "-3"), ("+4", "4"), ("-0", "0"), ("twenty-one", "21"), ("Twenty one", "21"),
    ("5 km", "5 kilometres"), ("5km", "5 kilometers"), ("100 °C", "100 degrees Celsius"), ("100℃", "100 C"),
    ("25%", "25 per cent"), ("$5", "5 dollars"), ("90°", "90 degrees"), ("the U.S.", "US"), ("U.S.A.", "usa"),
    ("H₂O", "H2O"), ("Moby-Dick", "moby dick"), ("½", "1/2"), ("15.", "15"), ("A Christmas Carol", "christmas carol"),
    ("10⁶", "10^6"), ("1e5", "100,000"), ("2.5E-3", "0.0025"), ("-1e+02", "-100"), ("1e400", "1E400"),
    ("$-5", "-$5"), ("$5-$6", "$5-6"), ("5-$6", "$5-$6"),
]
UNEQUAL = [
    ("1,5", "15"), ("-3", "3"), ("US", "us"), ("U.S.", "us"), ("5 km", "5 m"), ("5 km", "5"), ("5 miles", "5 km"),
    ("10⁶", "106"), ("3/4", "34"), ("3/4", "0.75"), ("1969-07-20", "19690720"), ("20.07.1969", "20071969"),
    ("12:30", "1230"), ("1960s", "1960"), ("2nd", "2"), ("the", "a"), ("vitamin A", "vitamin"), ("", ""),
    ("...", "..."), ("5-3", "2"), ("covid-19", "covid -19"), ("100 °F", "100 °C"), ("1,23,4", "1234"),
    ("1e-3", "3"), ("1e400", "1"), ("-1e400", "1e400"), ("1e-400", "0"), ("$-5", "$5"), ("$5-6", "$-6"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_numeric_rule_finds_equal(one, other):
    assert exact_match_numeric(one, [other])
    assert exact_match_numeric(other, [one])


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_numeric_rule_finds_unequal(one, other):
    assert not exact_match_numeric(one, [other])
    assert not exact_match_numeric(other, [one])


def test_a_date_is_words_and_numbers_in_its_order():
    assert numeric_tokens("July 20, 1969") == ("july", "20", "1969")
    assert not exact_match_numeric("July 20, 1969", ["20 July 1969"])


@pytest.mark.parametrize(
    ("answer", "aliases", "there"),
    [
        ("The capital of France is Paris.", ["Paris"], True),
        ("It is 1.5 or so", ["15"], False),
        ("It is -3.", ["3"], False),
        ("about 1,000 metres", ["1000 m"], True),
        ("Parisian", ["Paris"], False),
        ("New York City", ["York New"], False),
        ("Sydney, Melbourne or Canberra", ["Canberra"], True),  # the known weakness: a list of guesses
        ("anything", ["..."], False),
        ("", ["Paris"], False),
        ("give it to us", ["U.S."], False),
    ],
)
def test_contains_by_hand(answer, aliases, there):
    assert contains(answer, aliases) is there


@pytest.mark.parametrize(
    ("answer", "aliases", "f1"),
    [
        ("the cat sat", ["cat sat down"], 2 * 2 / (2 + 3)),
        ("cat cat dog", ["cat dog dog"], 2 * 2 / (3 + 3)),
        ("cat", ["dog", "black cat"], 2 / 3),
        ("", ["cat"], 0.0),
        ("the", ["a"], 1.0),
        ("cat", [], 0.0),
        ("not a cat", ["cat"], 2 / 3),  # negation is invisible
    ],
)
def test_token_f1_by_hand(answer, aliases, f1):
    assert token_f1(answer, aliases) == pytest.approx(f1, abs=1e-15)


words = st.text(st.characters(codec="utf-8"), max_size=30)


@given(words, st.lists(words, max_size=4))
def test_laws_of_matching(answer, aliases):
    scores = token_f1(answer, aliases), exact_match_numeric(answer, aliases), contains(answer, aliases)
    assert 0 <= scores[0] <= 1
    assert scores == (
        token_f1(answer, aliases[::-1]), exact_match_numeric(answer, aliases[::-1]), contains(answer, aliases[::-1])
    )
    if exact_match_numeric(answer, aliases):
        assert contains(answer, aliases)
    if exact_match(answer, aliases):
        assert token_f1(answer, aliases) == 1
    assert token_f1(answer, [answer]) == 1
    assert exact_match_numeric(answer, [answer]) == bool(numeric_tokens(answer))


@given(st.integers(-(10**15), 10**15), st.integers(-(10**15), 10**15))
def test_whole_numbers_are_compared_by_value(first, second):
    spellings = [str(first), f"{first:,}", f"{first}.0", f"{first:,}.00", f"({first})"]
    assert len({numeric_tokens(spelling) for spelling in spellings}) == 1
    assert exact_match_numeric(str(first), [f"{second:,}"]) == (first == second)


@given(st.decimals("-9999", "9999", places=3))
def test_decimals_are_compared_by_value(number):
    plain = numeric_tokens(f"{number:f}")
    assert plain == numeric_tokens(f"{number:f}00")
    # three decimals after a comma would be thousands
    assert plain == numeric_tokens(f"{number:f}0".replace(".", ","))
    if number:
        assert plain != numeric_tokens(f"{-number:f}")


@pytest.mark.parametrize(
    "unit",
    ["9", "1,", "a.", "1.111", "$1.", "-", "1:", "minus ", "twenty ", "^1", "°", "1 thousand ", "1e9", "1e", "$1-"],
)
def test_a_hostile_text_is_read_to_its_end(unit):
    """A pattern that goes back over what it has read would not come to it."""
    text = unit * (100_000 // len(unit))
    assert exact_match_numeric(text, ["x"]) == 0 == contains(text, ["x"])


# --- writing without blanks, attached particles, accents -------------------------------------------------------------

def pairs(block):
    return [tuple(line.split(" | ")) for line in block.strip().splitlines()]


NAMED = """
서울 | 서울입니다.
서울 | 대한민국의 수도는 서울이에요
서울 | 서울 입니다
서울 | 서울은 한국의 수도다.
이순신 | 이순신이 만들었습니다
이순신 | 정답: 이순신
이순신 장군 | 이순신장군입니다
세종 | 세종께서 만드셨습니다
1945년 | 1945년에 해방되었습니다
1945 | 1945년
1945 | 서기 1945년입니다
부산 | 부산에서는 영화제가 열립니다
서울 | 서울특별시입니다
김구 | 김구라고 합니다
한글 | 한글과 훈민정음
파리 | 수도는 Paris, 즉 파리예요
1000000 | 100만 명
100만 | 1,000,000명
3억 | 300000000
BTS | BTS입니다
北京 | 中国的首都是北京。
北京 | 首都北京
北京 | 北京市
鲁迅 | 作者是鲁迅先生
1949年 | 成立于1949年
東京 | 東京です
東京 | 日本の首都は東京だ。
東京 | 東京都です
さくら | 答えはさくらです
ローマ | ローマです
夏目漱石 | 夏目漱石が書きました
1945 | １９４５年です
กรุงเทพ | เมืองหลวงคือกรุงเทพมหานคร
เชียงใหม่ | เชียงใหม่ครับ
Brasília | Brasilia
Brasilia | A capital é Brasília.
São Tomé | Sao Tome
Malmö | Malmo
Łódź | Lodz
Αθήνα | Η Αθηνα
दिल्ली | राजधानी दिल्ली है
Москва | Это Москва.
50 | ５０％
"""
NOT_NAMED = """
서울 | 서울대학교
서울 | 남서울
이순 | 이순신
한국 | 한국어
라임 | 프라임
모나 | 모나리자
고구 | 고구려
1945 | 19450
1945 | 19450년
194 | 1945년
100 | 100만
5 | 5천
북경 | 남경입니다
로마 | 로마자
北京 | 南京
北京 | 北京大学
京都 | 東京都
大阪 | 東大阪
ローマ | アローマ
さくら | さくらんぼ
กา | กาแฟ
Rome | Romeo
art | Bart
Bär | Bärin
दल | दिल्ली
US | us
3억 | 3만
"""


@pytest.mark.parametrize(("alias", "answer"), pairs(NAMED))
def test_a_right_answer_is_found_in_other_languages(alias, answer):
    assert contains(answer, [alias])


@pytest.mark.parametrize(("alias", "answer"), pairs(NOT_NAMED))
def test_a_part_of_a_longer_word_is_no_answer(alias, answer):
    assert not contains(answer, [alias])
    assert not exact_match_numeric(answer, [alias])


@pytest.mark.parametrize(
    ("alias", "answer", "is_one"),
    [
        ("서울", "서울입니다.", True),
        ("서울", "서울이에요", True),
        ("東京", "東京です。", True),
        ("さくら", "さくらです", True),
        ("BTS", "BTS입니다", True),
        ("서울", "서울과 부산", False),
        ("서울", "수도는 서울입니다", False),
        ("東京", "東京と大阪", False),
    ],
)
def test_a_copula_adds_nothing_to_an_answer(alias, answer, is_one):
    assert exact_match_numeric(answer, [alias]) is is_one


@given(
    st.text("서울대한민국東京都さくらกรุงเทพ abc19", max_size=20), st.text("서울東京さกรุ a19", min_size=1, max_size=4)
)
def test_what_is_found_stands_in_the_answer_and_an_answer_finds_itself(answer, alias):
    if contains(answer, [alias]):
        assert "".join(numeric_tokens(alias)) in "".join(numeric_tokens(answer))
    assert contains(alias, [alias]) or not numeric_tokens(alias)


def test_a_right_answer_inside_a_longer_word_is_told_apart():
    assert inside_longer_words("서울대학교", ["서울"])
    assert inside_longer_words("東京都", ["京都"])
    assert not inside_longer_words("서울입니다", ["서울"])
    assert not inside_longer_words("Romeo", ["Rome"])
    assert not inside_longer_words("부산", ["서울"])
