"""The door and the store: asked once, found again, nothing torn, nothing altered unnoticed."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markov import MarkovModel, MarkovText

from audit import plugins
from audit.ask import Asker, Store
from audit.errors import AbilityError, IntegrityError, ModelError, UsageError
from audit.files import parquet_bytes
from audit.model import ABILITIES, Continuation, Sample
from audit.numbering import item_digest


class Shy(MarkovModel):
    """Answers the first call with a problem, like an endpoint that timed out."""

    def sample(self, prompts, *, seed, **options):
        drawn = super().sample(prompts, seed=seed)
        return [Sample("", "error", None, "no answer within 60 s"), *drawn[1:]] if self.asked <= len(prompts) else drawn


class Far(MarkovModel):
    """A model that shows an identity, as endpoints do."""

    def identity(self):
        return {}


def door(folder, model=None, seed=1, audit="a"):
    store = Store(folder / audit)
    with store.locked():
        return Asker({"main": model or MarkovText().open()}, store, seed, audit)


def test_answers_are_right_and_asked_once(tmp_path):
    ask = door(tmp_path)
    nats = ask("log_prob", ["ab", "aa", Continuation("a", "a"), "ab"])
    expected = [math.log(0.1 / 3), math.log(0.8 / 3), math.log(0.8), math.log(0.1 / 3)]
    assert nats["item"].tolist() == [0, 1, 2, 3]
    assert nats["log_prob"].tolist() == pytest.approx(expected, abs=1e-15)
    assert (ask.asked, ask.calls, ask.models["main"].asked) == (3, 4, 3)
    again = ask("log_prob", ["ab", "aa", Continuation("a", "a"), "ab"])
    pd.testing.assert_frame_equal(nats, again)
    assert (ask.asked, ask.calls) == (3, 8)


def test_another_door_finds_the_answer_of_the_first(tmp_path):
    door(tmp_path)("log_prob", ["ab", "ba"])
    second = door(tmp_path)
    second("log_prob", ["ab", "ba"])
    assert second.asked == 0
    second("log_prob", ["ab"])
    assert second.asked == 1


def test_audits_beside_each_other_share_but_endpoints_do_not(tmp_path):
    door(tmp_path)("log_prob", ["ab"])
    near = door(tmp_path, audit="b")
    near("log_prob", ["ab"])
    assert near.asked == 0
    shutil.rmtree(tmp_path / "a")
    near("log_prob", ["ab"])
    assert near.asked == 0
    for audit in ("c", "d"):
        far = door(tmp_path, Far(MarkovText()), audit=audit)
        far("log_prob", ["ab"])
        assert far.asked == 1


def test_seed_moves_samples_only(tmp_path):
    one = door(tmp_path)
    one("log_prob", ["ab"])
    two = door(tmp_path, seed=2)
    two("log_prob", ["ab"])
    assert two.asked == 0
    first, second = (ask("sample", [None] * 20)["content"].tolist() for ask in (one, two))
    assert first != second
    assert len(set(first)) > 1
    assert door(tmp_path)("sample", [None] * 20)["content"].tolist() == first


def test_a_sample_with_a_problem_is_asked_again_by_a_later_run(tmp_path):
    model = Shy(MarkovText())
    assert door(tmp_path, model)("sample", ["a", "b"])["problem"].notna().sum() == 1
    assert door(tmp_path, model)("sample", ["a", "b"])["problem"].notna().sum() == 0
    third = door(tmp_path, model)
    third("sample", ["a", "b"])
    assert third.asked == 0


def test_a_torn_journal_line_is_dropped_and_the_shard_asked_again(tmp_path):
    ask = door(tmp_path)
    ask("log_prob", ["ab"]), ask("log_prob", ["ba"])
    journal = tmp_path / "a" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    again = door(tmp_path)
    again("log_prob", ["ab"]), again("log_prob", ["ba"])
    assert again.asked == 1
    assert len(journal.read_bytes().splitlines()) == 2


def test_an_altered_answer_is_an_integrity_error(tmp_path):
    door(tmp_path)("log_prob", ["ab"])
    file = next((tmp_path / "a" / "observed").glob("*/*.parquet"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="not the bytes"):
        door(tmp_path)("log_prob", ["ab"])
    assert door(tmp_path, audit="b")("log_prob", ["ab"])["log_prob"].tolist() == pytest.approx([math.log(0.1 / 3)])


@pytest.mark.parametrize("bad", [b"nonsense\n", b"[" * 100_000 + b"\n", b"\xff\n", b'{"path": 1}\n', b'{"mac": []}\n'])
def test_a_journal_line_that_is_none_costs_one_shard(tmp_path, bad):
    ask = door(tmp_path)
    ask("log_prob", ["ab"]), ask("log_prob", ["ba"]), ask("log_prob", ["aa"])
    journal = tmp_path / "a" / "journal.jsonl"
    first, _, third = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + bad + third)
    again = door(tmp_path)
    again("log_prob", ["ab"]), again("log_prob", ["ba"]), again("log_prob", ["aa"])
    assert again.asked == 1
    assert len(journal.read_bytes().splitlines()) == 3


def test_one_process_at_a_time(tmp_path):
    with (
        Store(tmp_path / "a").locked(),
        pytest.raises(UsageError, match="another process"),
        Store(tmp_path / "a").locked(),
    ):
        pass


def test_what_a_model_cannot_answer(tmp_path):
    ask = door(tmp_path)
    assert ask.can("log_prob")
    assert ask.can("sample")
    assert not any(ask.can(other) for other in ("trace", "embed", "predict", "nonsense"))
    assert not ask.can("log_prob", model="helper")
    with pytest.raises(ModelError, match="cannot answer 'trace'"):
        ask("trace", ["ab"])
    with pytest.raises(ModelError, match="no model 'helper'"):
        ask("log_prob", ["ab"], model="helper")


class Denoising(MarkovModel):
    """Has an ability that only procedures ask for."""

    def denoise(self, x_t, t):
        return x_t

    def schedule(self, t):
        return t, t


def test_an_ability_that_procedures_use_is_told_too(tmp_path):
    assert door(tmp_path, Denoising(MarkovText())).has("denoise")
    assert not door(tmp_path).has("denoise")
    assert not door(tmp_path).has("nonsense")


class Spelled(MarkovModel):
    """Reads letters as tokens, draws by numbers, and takes marks."""

    fingerprint, vocabulary = "sha256:spelled", 3

    def __init__(self):
        self.name = "spelled"

    def tokenise(self, texts):
        return [["abc".index(letter) for letter in text] for text in texts]

    def sample(self, prompts, *, seed, numbers=None):
        return [Sample(f"{prompt} {number}", "stop", 2) for prompt, number in zip(prompts, numbers, strict=True)]

    def sample_marked(self, prompts, *, mark, seed, numbers):
        return [Sample(f"{prompt} {number} {mark.bias}") for prompt, number in zip(prompts, numbers, strict=True)]

    def log_prob(self, items):
        return [-1.0 for _ in items], "exact"


KEYS = {
    "log_prob": ({}, "0943c8e6f0002eb428bb7995b29b04cd/be34d2565075d41f8744a52edc05512e"),
    "sample": ({}, "b20370dc362d898c9bebf4bdce10fd47/8c00144cdf1d63aa8aabe07f35303c2c"),
    "token_ids": ({}, "03be98256f74bf08f26efba311781a3b/be34d2565075d41f8744a52edc05512e"),
    "marked_sample": ({"mark": {"bias": 2.0}}, "381fd01f86342af4f3eeeaed688917b0/8c00144cdf1d63aa8aabe07f35303c2c"),
    "timing": ({"ability": "log_prob"}, "5428ca63e73c99d98557a5a8a80d02fe/8c00144cdf1d63aa8aabe07f35303c2c"),
}
"""Question -> (options, where its answer has always been kept, so that an audit of before resumes)."""


@pytest.mark.parametrize("question", KEYS)
def test_answers_of_before_are_found_again(tmp_path, question):
    options, kept = KEYS[question]
    ask = door(tmp_path, Spelled())
    ask(question, ["ab", "ba", "ab"], **options)
    (file,) = (tmp_path / "a" / "observed").glob("*/*")
    assert f"{file.parent.name}/{file.stem}" == kept
    assert ask.asked == (2 if question in ("log_prob", "token_ids") else 3)  # drawing twice is two draws
    beside = door(tmp_path, Spelled(), audit="b")
    beside(question, ["ab", "ba", "ab"], **options)
    assert (beside.asked > 0) is (question == "timing")  # how long it took says nothing of another audit


def test_procedures_say_what_they_need(tmp_path):
    ask, plain = door(tmp_path, Spelled()), door(tmp_path, audit="b")
    for question in ("token_ids", "marked_sample"):
        assert ask.can(question)
        assert ask.has(question)
        assert not plain.can(question)
        with pytest.raises(AbilityError, match=f"markov cannot answer '{question}'"):
            plain(question, ["ab"], **KEYS[question][0])
    assert not plain.can("denoising_curve")
    assert plugins.load("procedures", "denoising_curve").abilities == {"denoise"}
    assert plugins.load("procedures", "elbo_parts").abilities == {"encode", "decode"}
    with pytest.raises(UsageError, match=r"unknown watermark 'kwg' \(did you mean 'kgw'\?\)"):
        ask("marked_sample", ["ab"], mark={"use": "kwg"})


@pytest.mark.parametrize("ability", sorted(ABILITIES))
def test_what_can_be_asked_is_what_is_answered(tmp_path, ability):
    """`can` says no of every ability that is no question, such as `decode`, though the model has it."""
    names = (*ABILITIES, "prepare", "schedule", "classes", "differentiable", "name", "fingerprint")
    everything = type("Everything", (), dict.fromkeys(names, "there"))
    ask = door(tmp_path, everything)
    assert ask.has(ability)
    with pytest.raises((ModelError, AttributeError, TypeError)) as caught:  # it has it by name only
        ask(ability, [])
    assert ("no question" in str(caught.value)) is not ask.can(ability)


items = st.one_of(
    st.text(max_size=5),
    st.builds(Continuation, st.text(max_size=3), st.text(max_size=3)),
    st.lists(st.integers(0, 3), min_size=1, max_size=3).map(np.array),
    st.none(),
)


@given(items, items)
def test_digests_tell_items_apart(one, two):
    same = type(one) is type(two) and (np.array_equal(one, two) if isinstance(one, np.ndarray) else one == two)
    assert (item_digest(one) == item_digest(two)) == same


def test_the_same_table_gives_the_same_bytes():
    import pyarrow as pa

    tables = [pa.table({"a": [1.5, None], "b": ["x", "y"]}) for _ in range(2)]
    assert parquet_bytes(tables[0]) == parquet_bytes(tables[1])
