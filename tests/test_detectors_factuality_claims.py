"""Claims of an answer: what can be true or false alone, with its place in the answer."""

import pytest

from detectors.factuality.claims import LONGEST, claims_of, sentences


def texts(answer, question=""):
    return [claim.text for claim in claims_of(answer, question)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("He met Dr. J. K. Smith. It rained.", ["He met Dr. J. K. Smith.", "It rained."]),
        ("The U.S. army won. 3.5 million came!", ["The U.S. army won.", "3.5 million came!"]),
        ("Apple Inc. was first. The rest lost.", ["Apple Inc. was first.", "The rest lost."]),
        ("It is in the U.S. The army left.", ["It is in the U.S.", "The army left."]),
        ("1. One thing\n2. Another\n- Third", ["One thing", "Another", "Third"]),
        ('"Stop!" he said. (It was 9 a.m. on Monday.)', ['"Stop!" he said.', "(It was 9 a.m. on Monday.)"]),
        ("서울은 수도이다. 부산은 항구다.", ["서울은 수도이다.", "부산은 항구다."]),
        ("首都は東京です。人口は多い。", ["首都は東京です。", "人口は多い。"]),
        ("See example.com/a.b for v1.2.3 now.", ["See example.com/a.b for v1.2.3 now."]),
        ("It is big.[1] It is old [2, 3]. So!", ["It is big.[1]", "It is old [2, 3].", "So!"]),
        ("", []),
        (" \n ... \n", []),
    ],
)
def test_sentences_end_where_they_end(text, wanted):
    assert [span.of(text) for span in sentences(text)] == wanted


def test_a_text_without_full_stops_is_cut():
    spans = sentences("word " * 10_000)
    assert max(span.end - span.start for span in spans) <= LONGEST
    assert sum(len(span.of("word " * 10_000).split()) for span in spans) == 10_000


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (
            "Curie, who was born in Warsaw, won two prizes. She died in 1934; her notes are kept in Paris.",
            [
                "Curie won two prizes.", "Curie was born in Warsaw", "Curie died in 1934",
                "Curie's notes are kept in Paris.",
            ],
        ),
        (
            "Ada Berg, a Swedish physicist, won a prize. She is tall.",
            ["Ada Berg won a prize.", "Ada Berg was a Swedish physicist", "Ada Berg is tall."],
        ),
        ("Oslo, Rome, and Bern have rivers.", ["Oslo, Rome, and Bern have rivers."]),
        ("Ann was born in Rome and moved to Oslo.", ["Ann was born in Rome", "Ann moved to Oslo."]),
        ("Salt and pepper are sold here.", ["Salt and pepper are sold here."]),
        (
            "세종은 한글을 만들었고 1450년에 죽었다. 그는 왕이었다.",
            ["세종은 한글을 만들었고", "세종은 1450년에 죽었다.", "세종은 왕이었다."],
        ),
    ],
)  # fmt: skip
def test_claims_stand_alone(answer, wanted):
    assert texts(answer) == wanted


def test_a_pronoun_that_begins_an_answer_means_the_name_of_the_question():
    assert texts("He was born in 1942.", "Who is Dr. John Smith?") == ["John Smith was born in 1942."]
    assert texts("He was born in 1942.") == ["He was born in 1942."]


def test_offsets_are_of_the_answer():
    answer = "Paris, which is the capital, has museums. It lies on the Seine."
    main, aside, last = claims_of(answer)
    assert answer[main.start : main.end] == "Paris, which is the capital, has museums."
    assert [answer[one:two] for one, two in main.left_out] == [", which is the capital, "]
    assert answer[aside.start : aside.end] == "is the capital"
    assert (last.text, answer[last.start : last.end], last.sentence) == (
        "Paris lies on the Seine.", "It lies on the Seine.", 1,
    )  # fmt: skip
