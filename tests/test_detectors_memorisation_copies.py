"""Copies beside runs of words that are looked for one by one, and texts of which is known by hand what they share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import DataError
from audit.probe.trial import ScriptedAsk
from audit.probes.memorisation.copies import Copies
from detectors.memorisation import runs
from detectors.memorisation.copies import Copying, copies
from detectors.memorisation.runs import LEAST, Corpus, Form, runs_in

AS_THEY_ARE, NORMALISED = Form(False), Form(True)
WORDS = st.lists(st.sampled_from("abc"), max_size=24)
TEXTS = st.lists(WORDS, max_size=4)


def one_by_one(text, documents):
    """The longest run that ends with each word, by looking at all of them."""
    every = {tuple(one[at:end]) for one in documents for at in range(len(one)) for end in range(at + 1, len(one) + 1)}
    longest = [
        max((size for size in range(1, end + 1) if tuple(text[end - size : end]) in every), default=0)
        for end in range(1, len(text) + 1)
    ]
    return [size if size >= LEAST else 0 for size in longest]


@given(TEXTS, TEXTS, st.sampled_from([3, 1 << 16]), st.sampled_from([1, 1 << 20]), st.integers(0, 9))
def test_runs_are_those_found_one_by_one_and_stand_where_it_is_said(texts, documents, piece, batch, more):
    """However the corpus is cut and read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_PIECE", piece)
        patch.setattr(runs, "_BATCH", batch)
        corpus = Corpus([" ".join(one) for one in documents], AS_THEY_ARE)
        found = runs_in(corpus, texts)
        assert [one.length.tolist() for one in found] == [one_by_one(text, documents) for text in texts]
        for text, one in zip(texts, found, strict=True):
            for at in np.flatnonzero(one.length):
                size, end = int(one.length[at]), int(one.end[at])
                (first, stop), document = corpus.passage(end - size, end), corpus.document_of(end - size)
                assert corpus.texts[document][first:stop].split() == text[at + 1 - size : at + 1]
                begin, words = corpus.around(end - size, end, more)
                place = first // 2
                assert words == documents[document][max(0, place - more) : place + size + more]
                assert begin == end - size - min(place, more)


def test_what_a_word_is():
    assert AS_THEY_ARE.words("It's  a\ttest_case, Ｏｋ.") == ["It's", "a", "test_case,", "Ｏｋ."]
    assert NORMALISED.words("It's  a\ttest_case, Ｏｋ ½.") == ["it", "s", "a", "test", "case", "ok", "1⁄2"]
    assert NORMALISED.words("東京に 갔다") == ["東", "京", "に", "갔다"]
    text = "Ｏｋ, ½ 東京"
    assert [text[first:end] for first, end in NORMALISED.spans(text)] == ["Ｏｋ", "½", "東", "京"]
    assert NORMALISED.words(" .!") == AS_THEY_ARE.words(" ") == []


# ---------------------------------------------------------------- what is told


SETTING = Copying(words=10, near=0.2, ngram=5)
SOURCE = "the old ferry left the quiet harbour before dawn, and nobody on the pier saw it go"


def told(outputs, held=("nothing of this kind was ever written by them there at all",), setting=SETTING, **columns):
    def frame(name, texts, **more):
        cells = {"prompt": None, "output": list(texts), "unit": None, **more}
        return pd.DataFrame(cells, index=[f"{name}{at}" for at in range(len(texts))], dtype=object)

    seen = {
        "items": frame("a", outputs, **columns), "held_out": frame("b", held),
        "corpus": pd.DataFrame({"text": ["other words alone", f"Once {SOURCE}."]}, index=["one", "two"]),
    }
    return copies(seen, setting, level=0.95, rng=np.random.default_rng(0))


def test_a_passage_is_shown_with_its_document_and_both_places():
    row = told([f"They said: {SOURCE}!"]).items.loc["a0"]
    assert (row["passage"], row["source"]) == (SOURCE.removesuffix(" go"), "two")
    assert row["source_passage"] == row["passage"]
    assert (row["output_at"], row["source_at"], row["copied_run"], row["normalised_run"]) == (11, 5, 16, 17)
    assert (row["value"], row["against"], row["near_edits"]) == (1, True, 0)


def test_words_that_were_put_in_left_out_and_exchanged_are_edits():
    words = SOURCE.split()[:10]
    changed = {
        0.1: [*words[:5], "still", *words[5:]], 0.2: [*words[:4], "calm", "bay", *words[6:], "and"],
        0.0: [one.upper() for one in words],
    }  # fmt: skip
    rows = told([f"xx {' '.join(one)} yy" for one in changed.values()]).items
    assert rows["near_edits"].tolist()[:3] == pytest.approx(list(changed))
    assert rows["near_copied"].tolist()[:3] == [1, 1, 1]
    assert rows["copied"].sum() == 0


def test_more_edits_than_allowed_are_no_near_copy():
    words = SOURCE.split()
    shared = told([" ".join([*words[:4], "p", "q", "r", *words[7:10]])])
    assert shared.items.loc["a0", "near_edits"] == pytest.approx(0.3)
    assert shared.measure("near_copied_share").value == 0


@settings(max_examples=25)
@given(st.lists(st.integers(0, 15), min_size=2, max_size=2, unique=True), st.data())
def test_every_window_with_few_edits_is_found_where_its_runs_stand_once(places, data):
    """Two words of sixteen different ones are exchanged: some run of (16 - 2) / 3 words or more is left."""
    document = [f"w{at}" for at in range(16)]
    text = [f"x{at}" if at in places else word for at, word in enumerate(document)]
    before = data.draw(st.integers(0, 3))
    seen = {
        "items": pd.DataFrame({"prompt": None, "output": [" ".join([*"pqr"[:before], *text, "z"])], "unit": None}),
        "held_out": pd.DataFrame({"prompt": None, "output": ["h"], "unit": None}),
        "corpus": pd.DataFrame({"text": [" ".join(document)]}),
    }
    result = copies(seen, Copying(16, 0.125, 8), level=0.95, rng=np.random.default_rng(0))
    assert result.measure("near_copied_share").value == 1
    assert result.items["near_edits"].iloc[0] == 0.125


def test_overlap_counts_runs_of_normalised_words():
    row = told(["alpha " + " ".join(SOURCE.split()[:7])]).items.loc["a0"]
    assert row["ngram_overlap"] == 3 / 4
    assert told(["one two"]).items.loc["a0", "ngram_overlap"] == 0


def test_held_out_texts_that_stand_whole_in_the_corpus_are_left_out_and_told():
    held = [SOURCE, "quite another text of many more words than ten in a row here", "Other words"]
    result = told(["x"] * 3, held)
    assert [(one.key, one.values) for one in result.remarks] == [("held_out_in_corpus", {"count": 1.0})]
    assert result.measure("copied_share", "held_out").n["items"] == 2
    assert result.items["left_out"].tolist() == [False] * 3 + [True, False, False]


def test_a_text_that_did_not_come_is_bounded_both_ways_and_short_ones_are_counted():
    result = told([SOURCE, None, "two words", SOURCE], unit=["d", "e", "f", "d"])
    share = result.measure("copied_share")
    assert (share.value, share.missing, share.n["units"]) == (0.5, 1, 2)
    assert (result.measure("short_texts").value, result.measure("longest_run").value) == (1, 16)
    assert result.items["no_answer"].tolist() == [False, True, False, False, False]


def test_nothing_came_is_said():
    result = told([None, None])
    assert result.measure("copied_share").undefined == "no text is long enough and got an answer"
    assert result.measure("copied_above_held_out").value is None


def test_texts_that_share_no_more_than_held_out_ones_are_not_accused_more_often_than_stated():
    """40 audits of 12 and 12 texts of which each holds a passage with one probability."""
    rng, wrong = np.random.default_rng(4), 0
    for _ in range(40):
        own, held = ([SOURCE if one else f"none {one}" for one in rng.random(12) < 0.4] for _ in range(2))
        held = [f"{text} x" for text in held]
        wrong += told(own, held).measure("copied_above_held_out").low > 0
    assert wrong <= 2


# ---------------------------------------------------------------- the probe


def test_given_texts_are_looked_at_and_no_model_is_asked():
    probe = Copies(answers="given")
    assert (probe.needs, probe.estimate(7), Copies().estimate(7)) == (frozenset(), 0, 7)
    frame = pd.DataFrame({"output": ["a b"]}, index=["x"])
    assert probe.observe(ScriptedAsk({}), frame, "items")["output"].tolist() == ["a b"]
    with pytest.raises(DataError, match="item 'x' has no prompt; allowed: one, as answers are model"):
        Copies().observe(ScriptedAsk({}), frame, "items")


def test_an_answer_that_failed_is_none():
    ask = ScriptedAsk({("main", "sample"): lambda items: {"content": ["a", "b"], "problem": [None, "no"]}})
    seen = Copies().observe(ask, pd.DataFrame({"prompt": ["p", "q"]}, index=["x", "y"]), "items")
    assert seen["output"].tolist() == ["a", None]


@pytest.mark.parametrize("wrong", [{"words": 3}, {"ngram": 1}, {"near": 1.0}, {"max_tokens": 0}])
def test_settings_with_which_nothing_can_be_found_are_refused(wrong):
    with pytest.raises(ValueError, match=r"got .*; allowed: "):
        Copies(**wrong)
