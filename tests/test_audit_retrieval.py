"""Both indices find passages by the same terms; BM25 and cosine are held against their formulas, written down anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audit.retrieval import FullText, InvertedIndex, Retriever, has_full_text, terms

PASSAGES = [
    "The ferry to the island leaves at eight.", "A baker sells rye bread and plum cake.",
    "Rye, rye and again rye bread!",
    "세종은 서울에서 태어났다.", "부산의 등대는 1905년에 세워졌다.", "", "The 3rd bridge (NEAR) is old.",
]  # fmt: skip
HOSTILE = ['"', '" OR "a', "NEAR(", "a AND b", "rye*", "{terms}: rye", "\x00rye\x00", "-rye ^bread",
           "'; DROP TABLE passages"]  # fmt: skip


def bm25(query, passages, k=1.5, b=0.75):
    """The formula as it stands in the books, passage by passage."""
    bags = [terms(one) for one in passages]
    mean = sum(map(len, bags)) / len(bags)

    def weight(term, bag):
        n = sum(term in other for other in bags)
        often = bag.count(term)
        return math.log(1 + (len(bags) - n + 0.5) / (n + 0.5)) * often / (often + k * (1 - b + b * len(bag) / mean))

    return [sum(weight(term, bag) for term in set(terms(query))) for bag in bags]


def test_terms_are_words_without_case_and_pairs_of_characters():
    assert terms("The 3rd FERRY, l'été") == ["the", "3rd", "ferry", "l", "été"]
    assert terms("서울에서 a서b 東") == ["서울", "울에", "에서", "a", "서", "b", "東"]
    assert terms("ｆｅｒｒｙ") == ["ferry"]
    assert terms("_ !? \x00") == []


def test_weights_are_those_of_the_formula():
    index = InvertedIndex(PASSAGES)
    for query in ("rye bread", "the ferry the ferry", "서울", "nothing of it", ""):
        np.testing.assert_allclose(index.scores(query), bm25(query, PASSAGES), atol=1e-12)
    assert index.search("rye bread", 9) == [2, 1]
    assert index.search("rye bread", 1) == [2]
    assert index.search("rye", 0) == []


@pytest.mark.parametrize("kind", [InvertedIndex, FullText])
def test_what_is_found(kind):
    if kind is FullText and not has_full_text():
        pytest.skip("SQLite without FTS5")
    index = kind(PASSAGES)
    assert index.search("which rye?", 9) == [2, 1]
    assert index.search("서울은", 9) == [3], "behind another particle"
    assert index.search("등대가 세워진 해", 9) == [4]
    assert index.search("zebra", 9) == []
    assert index.search("", 9) == []
    assert set(index.search("near", 9)) == {6}, "a word of the query language is a word"
    for query in HOSTILE:
        assert set(index.search(query, 9)) == {place for place, score in enumerate(bm25(query, PASSAGES)) if score > 0}
    assert index.search(" ".join(f"w{number}" for number in range(3_000)) + " plum", 3) == [1]
    assert kind([]).search("rye", 3) == []


def test_words_and_vectors_are_fused_by_reciprocal_rank():
    vectors = np.array([[1, 0], [0, 2], [0, 1], [3, 3], [np.nan, np.nan], [0, 0], [-1, 0]], dtype=float)
    found = Retriever(PASSAGES, vectors)
    assert found.search("rye bread", 3) == [2, 1]
    near = [0, 3, 1, 2, 5, 6]  # cosine 1, .71, 0, 0, 0, -1; without a vector never
    scores = {place: 1 / (60 + rank) for rank, place in enumerate(near, 1)}
    for rank, place in enumerate([2, 1], 1):
        scores[place] += 1 / (60 + rank)
    wanted = sorted(near, key=lambda one: -scores[one])
    assert found.search("rye bread", 6, vector=[5.0, 0.0]) == wanted
    assert found.search("zebra", 2, vector=[1.0, 0.0]) == [0, 3], "no word in common"
    with pytest.raises(ValueError, match="1 vectors for 7 passages"):
        Retriever(PASSAGES, vectors[:1])


def test_without_fts5_the_index_in_arrays_takes_over(monkeypatch):
    monkeypatch.setattr("audit.retrieval.retriever.has_full_text", lambda: False)
    assert isinstance(Retriever(PASSAGES).words, InvertedIndex)
    assert Retriever(PASSAGES).search("rye bread", 3) == [2, 1]
