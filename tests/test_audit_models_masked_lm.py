"""Masked language models: every score against a plain loop in float64, and what the loader refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tiny_models
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from audit.errors import ModelError
from audit.model import Continuation, abilities_of
from audit.models.masked_lm import MaskedLMFolder

TEXTS = [
    "The old woman said that she was unkind.", "a man ate apples", "?", "Young doctors went home, and he said it.",
    "The lazy black nurse ate an apple and the white man went home in the street, said the clever woman.",
]  # fmt: skip
MAKERS = {"bert": tiny_models.make_tiny_bert, "roberta": tiny_models.make_tiny_roberta}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def folder(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def model(folder):
    return MaskedLMFolder(folder, device="cpu", threads=1, batch_tokens=64).open()


@pytest.fixture(scope="module")
def book(folder):
    """The network in float64 and its tokenizer, as transformers opens them."""
    return AutoModelForMaskedLM.from_pretrained(folder).double().eval(), AutoTokenizer.from_pretrained(folder)


def by_the_book(book, text: str, hidden: str) -> np.ndarray:
    """One copy of the text after the other, by a full softmax in float64; NaN for the tokens around it."""
    network, tokenizer = book
    read = tokenizer(text)
    ids, words = read["input_ids"], read.word_ids(0)
    nats = np.full(len(ids), np.nan)
    for place in range(1, len(ids) - 1):
        copy = list(ids)
        if hidden == "token":
            copy[place] = tokenizer.mask_token_id
        if hidden == "word":
            for other in range(place, len(ids) - 1):
                if words[other] == words[place]:
                    copy[other] = tokenizer.mask_token_id
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([copy])).logits[0, place]
        nats[place] = torch.log_softmax(logits, -1)[ids[place]]
    return nats


@pytest.mark.parametrize("hidden", ["token", "word", "none"])
def test_every_token_has_the_probability_that_the_book_gives_it(book, model, hidden):
    frames = model.pseudo_trace(TEXTS, hidden=hidden)
    for text, frame in zip(TEXTS, frames, strict=True):
        np.testing.assert_allclose(frame["log_prob"], by_the_book(book, text, hidden), atol=2e-5, rtol=1e-5)


def test_every_token_gets_the_attention_that_the_book_gives_it(folder, model):
    """Mean over layers, heads and tokens of one text alone in float64; padding and kernels are no matter."""
    network = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").double().eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    frames = model.pseudo_trace(TEXTS, hidden="none", attention=True)
    plain = model.pseudo_trace(TEXTS, hidden="none")
    for text, frame, other in zip(TEXTS, frames, plain, strict=True):
        with torch.inference_mode():
            told = network(input_ids=torch.tensor([tokenizer(text)["input_ids"]]), output_attentions=True).attentions
        looked = np.mean([layer[0].numpy() for layer in told], axis=(0, 1, 2))
        np.testing.assert_allclose(frame["attention"][1:-1], looked[1:-1], rtol=1e-5)
        assert frame["attention"].isna().tolist() == frame["log_prob"].isna().tolist()
        np.testing.assert_allclose(frame["log_prob"], other["log_prob"], atol=2e-5)
        assert "attention" not in other


def test_the_three_ways_differ_where_they_should(model):
    """`word` hides more of a word in several tokens, and is `token` elsewhere; `none` hides nothing."""
    token, word, none = (model.pseudo_trace(TEXTS, hidden=how) for how in ("token", "word", "none"))
    for one, other, third, text in zip(token, word, none, TEXTS, strict=True):
        words = np.array(model.scorer.encoded([text], words=True)[0].words)
        last = np.array([word is not None and word not in words[place + 1 :] for place, word in enumerate(words)])
        np.testing.assert_allclose(one["log_prob"][last], other["log_prob"][last], atol=1e-6)
        inside = ~last & one["log_prob"].notna()
        assert (np.abs(one["log_prob"] - other["log_prob"])[inside] > 1e-6).all()
        scored = one["log_prob"].notna()
        assert (np.abs(one["log_prob"] - third["log_prob"])[scored] > 1e-6).all()


def test_tokens_around_a_text_are_told_and_not_scored(model):
    (frame,) = model.pseudo_trace(["a man"])
    assert frame["log_prob"].isna().tolist()[0]
    assert frame["log_prob"].isna().tolist()[-1]
    assert frame["log_prob"].notna().sum() == len(frame) - 2
    assert list(frame.columns) == ["element", "log_prob"]


def test_it_gives_no_probability_of_a_text(model):
    assert abilities_of(model) == {"pseudo_trace"}


@pytest.mark.parametrize("size", [1, 64, 4096])
def test_the_size_of_batches_changes_nothing(folder, model, size):
    other = MaskedLMFolder(folder, device="cpu", threads=1, batch_tokens=size).open()
    for one, two in zip(model.pseudo_trace(TEXTS[:3]), other.pseudo_trace(TEXTS[:3]), strict=True):
        np.testing.assert_allclose(one["log_prob"], two["log_prob"], atol=2e-5, rtol=1e-5)


def test_what_it_cannot_read_is_refused(model):
    with pytest.raises(ModelError, match=r"got a Continuation; allowed: str"):
        model.pseudo_trace([Continuation("a", "b")])
    with pytest.raises(ModelError, match=r"item 1 has [\d,]+ tokens; the model's context holds"):
        model.pseudo_trace(["a", "a man " * 200])


def test_a_causal_model_is_none(tiny_lm):
    with pytest.raises(ModelError, match=r"cannot be opened as a language model"):
        MaskedLMFolder(tiny_lm).open()


def test_missing_weights_are_not_made_up(folder, tmp_path):
    """A network without its output head would be given a random one."""
    target = shutil.copytree(folder, tmp_path / "model")
    AutoModelForMaskedLM.from_pretrained(folder).base_model.save_pretrained(target)
    with pytest.raises(ModelError, match="the files lack"):
        MaskedLMFolder(target).open()


def test_a_tokenizer_without_a_mask_is_refused(folder, tmp_path):
    target = shutil.copytree(folder, tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(target)
    tokenizer.mask_token = None
    tokenizer.save_pretrained(target)
    with pytest.raises(ModelError, match="no mask token; allowed: a masked language model's"):
        MaskedLMFolder(target).open()
