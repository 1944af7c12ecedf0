"""Our own questions: well formed, balanced, and not to be guessed from length or place."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import audit
from audit.data.tabular import Builtin
from audit.probes.factuality.closed_book import ClosedBook
from detectors.factuality.matching import contains, exact_match_numeric
from detectors.intervals import exact_binomial

LINES = (Path(audit.__file__).parent / "data" / "sets" / "plain_questions.jsonl").read_text("utf-8").splitlines()
ROWS = [json.loads(line) for line in LINES]
TOPICS = {
    "arithmetic", "body", "everyday", "geography", "history", "language", "literature", "nature", "science", "units"
}


def right(row):
    return row["choices"][row["correct"][0]]


def test_every_question_is_well_formed():
    for row in ROWS:
        assert list(row) == ["id", "group", "question", "choices", "correct", "aliases"]
        assert row["id"].startswith(f"{row['group']}-")
        assert row["question"].endswith("?")
        assert len(row["choices"]) == len({choice.casefold() for choice in row["choices"]}) == 4
        assert len(row["correct"]) == 1
        assert all(text == text.strip() != "" for text in (row["question"], *row["choices"], *row["aliases"]))
        assert len(set(row["aliases"])) == len(row["aliases"])


def test_nothing_is_asked_twice():
    assert len({row["id"] for row in ROWS}) == len({row["question"].casefold() for row in ROWS}) == len(ROWS) == 160


def test_topics_and_places_are_balanced():
    assert Counter(row["group"] for row in ROWS) == dict.fromkeys(TOPICS, 16)
    assert Counter((row["group"], row["correct"][0]) for row in ROWS) == {(t, p): 4 for t in TOPICS for p in range(4)}


def test_aliases_are_right_and_wrong_choices_are_not():
    for row in ROWS:
        assert row["aliases"][0] == right(row)
        wrong = [choice for choice in row["choices"] if choice != right(row)]
        assert not any(exact_match_numeric(choice, row["aliases"]) for choice in wrong), row["id"]
        assert not any(contains(choice, row["aliases"]) for choice in wrong), row["id"]


def test_no_question_gives_its_answer_away():
    """A model that repeats the question must not score by the rule `contains`."""
    assert [row["id"] for row in ROWS if contains(row["question"], row["aliases"])] == []


@pytest.mark.parametrize("sign", [1, -1], ids=["longest", "shortest"])
def test_length_tells_nothing(sign):
    share = 0.0
    for row in ROWS:
        sizes = sign * np.array([len(choice.encode()) for choice in row["choices"]])
        share += (sizes[row["correct"][0]] == sizes.max()) / (sizes == sizes.max()).sum()
    low, high = exact_binomial(round(share), len(ROWS), level=0.95)
    assert low < 0.25 < high


def test_the_choices_of_a_question_look_alike():
    """Numbers stand among numbers, and no choice is of a wholly other length."""
    for row in ROWS:
        assert len({choice.lstrip("-").isdecimal() for choice in row["choices"]}) == 1, row["id"]
        sizes = [len(choice) for choice in row["choices"]]
        assert max(sizes) - min(sizes) <= 12, row["id"]


def test_the_set_can_be_read_as_items_of_the_probe():
    frames = list(Builtin("plain_questions").batches(ClosedBook.roles["items"]))
    assert sum(map(len, frames)) == 160
    assert frames[0]["choices"].iloc[0] == ROWS[0]["choices"]
    assert frames[0]["correct"].iloc[0] == ROWS[0]["correct"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [("What is 7 times 8?", 7 * 8), ("What is 12 plus 19?", 12 + 19), ("What is 100 minus 37?", 100 - 37),
     ("What is 132 divided by 12?", 132 // 12), ("What is half of 90?", 90 // 2), ("What is 9 squared?", 9**2),
     ("What is the positive square root of 49?", 49**0.5), ("How many is three dozen?", 3 * 12),
     ("What is 25 percent of 200?", 200 * 25 // 100), ("What is the factorial of 5?", 1 * 2 * 3 * 4 * 5),
     ("What is 3 to the power of 4?", 3**4), ("What is 15 plus 27?", 15 + 27), ("What is 6 times 9?", 6 * 9),
     ("What is the smallest prime number?", 2), ("What is 1,000 divided by 8?", 1000 // 8),
     ("What is the sum of minus 3 and 8?", -3 + 8)],
)
def test_the_arithmetic_is_right(question, answer):
    row = next(row for row in ROWS if row["question"] == question)
    assert float(right(row)) == answer
