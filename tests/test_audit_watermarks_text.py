"""Marks in text: the same bias, texts and counts as transformers, and colours that the detectors agree on."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, GPT2Config, WatermarkDetector, WatermarkingConfig, WatermarkLogitsProcessor

from audit.ask.questions import answer
from audit.errors import AbilityError, ModelError
from audit.models.causal_lm import CausalLMFolder
from audit.models.text.sampling import Sampling, _choose
from audit.procedures.marked_sample import marked_sample
from audit.procedures.token_ids import token_ids
from audit.watermarks.text import LeftHash
from detectors.provenance.text.green import LeftHashLists, green_pairs

MARKS = [LeftHash(), LeftHash(0.5, 4.0, 2654435769), LeftHash(0.9, 0.5, 2**40 + 12345)]


@pytest.fixture(scope="module")
def model(tiny_lm):
    return CausalLMFolder(tiny_lm, dtype="float32", threads=1).open()


def config(mark):
    return WatermarkingConfig(
        greenlist_ratio=mark.greenlist_ratio, bias=mark.bias, hashing_key=mark.hashing_key, context_width=1
    )


def lists(mark, vocabulary):
    return LeftHashLists(vocabulary, mark.greenlist_ratio, mark.hashing_key)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"greenlist_ratio": 0.0}, "greenlist_ratio 0.0; allowed: above 0, below 1"),
        ({"greenlist_ratio": 1.0}, "allowed: above 0, below 1"),
        ({"bias": 0.0}, "bias 0.0; allowed: above 0"),
        ({"hashing_key": 0}, "hashing_key 0; allowed: 1 or more"),
    ],
)
def test_a_mark_that_marks_nothing_is_refused(options, message):
    with pytest.raises(ModelError) as caught:
        LeftHash(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("vocabulary", [97, 384, 50257])
def test_the_bias_is_that_of_transformers(mark, vocabulary):
    before = [0, 1, 5, 96, 5]
    options = config(mark).to_dict()
    theirs = WatermarkLogitsProcessor(vocab_size=vocabulary, device="cpu", **options)
    expected = theirs(torch.tensor(before)[:, None], torch.zeros(len(before), vocabulary))
    assert torch.equal(mark.marked([[9, token] for token in before], torch.zeros(len(before), vocabulary)), expected)


@pytest.mark.parametrize("mark", MARKS)
def test_the_detector_sees_as_green_what_the_mark_favours(mark):
    rng = np.random.default_rng(0)
    texts = rng.integers(1, 384, size=(5, 60))
    for text, green in zip(texts, green_pairs(texts, lists(mark, 384)), strict=True):
        pairs = list(dict.fromkeys(zip(text[:-1].tolist(), text[1:].tolist(), strict=True)))
        raised = mark.marked([[a] for a, _ in pairs], torch.zeros(len(pairs), 384))
        favoured = raised[range(len(pairs)), [b for _, b in pairs]] > 0
        assert favoured.tolist() == green.tolist()


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("vocabulary", [97, 5000])
def test_counts_are_those_of_transformers_detector(mark, vocabulary):
    rng = np.random.default_rng(1)
    ids = 1 + rng.zipf(1.3, size=(12, 80)) % (vocabulary - 1)
    theirs = WatermarkDetector(GPT2Config(vocab_size=vocabulary), "cpu", config(mark), ignore_repeated_ngrams=True)
    found = theirs(torch.from_numpy(ids), return_dict=True)
    ours = green_pairs(ids, lists(mark, vocabulary))
    assert [len(one) for one in ours] == found.num_tokens_scored.tolist()
    assert [int(one.sum()) for one in ours] == found.num_green_tokens.tolist()
    assert min(len(one) for one in ours) < 79  # some pairs repeat


@pytest.mark.parametrize("mark", MARKS[:2])
def test_the_likeliest_text_is_the_one_that_transformers_generates(model, mark):
    prompts = ["The ferry to the island", "Nobody knew"]
    ours = model.sample_marked(prompts, seed=0, max_tokens=30, mark=mark)
    plain = model.sample(prompts, seed=0, max_tokens=30)
    network, tokenizer = model.scorer.network.model, model.encoder.tokenizer
    for prompt, draw, other in zip(prompts, ours, plain, strict=True):
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        settings = GenerationConfig(max_new_tokens=30, do_sample=False, pad_token_id=1, eos_token_id=1, bos_token_id=0)
        settings.watermarking_config = config(mark)
        out = network.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)[0]
        assert draw.content == model.encoder.text(ids[0].tolist(), out[ids.shape[1] :].tolist())
        assert draw.content != other.content


def test_the_bias_comes_after_temperature_and_top_p():
    logits, mark = torch.tensor([[3.0, 2.0, 1.0, 0.0, -9.0]]), LeftHash(0.5, 2.0)
    added = mark.marked([[3]], torch.zeros(1, 5))[0].double()
    for temperature, top_p in ((0.7, 1.0), (2.0, 0.8)):
        p = (logits[0].double() / temperature).softmax(-1)
        kept = p * (p.cumsum(-1) - p < top_p)  # the logits descend
        expected = kept * added.exp() / (kept * added.exp()).sum()
        uniform = (torch.arange(20000).double() + 0.5) / 20000
        how = Sampling(temperature=temperature, top_p=top_p, mark=mark)
        chosen = _choose(logits.expand(20000, -1), uniform, how, [[3]] * 20000)
        got = torch.bincount(chosen, minlength=5) / 20000
        assert torch.allclose(got.double(), expected, atol=2e-4)


@pytest.mark.parametrize("how", [{"temperature": 1.3}, {"temperature": 0.8, "top_p": 0.7}, {"temperature": 0.0}])
def test_draws_are_those_of_probabilities_that_are_multiplied(how):
    """By exp(bias) where green, as marks were put in before they saw logits: stored draws stay what they are."""
    rng = np.random.default_rng(2)
    logits, uniform = torch.from_numpy(rng.normal(0, 3, (400, 97))).float(), torch.from_numpy(rng.random(400))
    before, mark = rng.integers(0, 97, (400, 1)).tolist(), LeftHash()
    added = mark.marked(before, torch.zeros(400, 97))
    p = (logits / (how["temperature"] or 1)).softmax(-1).double()
    p, ids = p.sort(dim=-1, descending=True, stable=True) if "top_p" in how else (p, torch.arange(97).expand(400, -1))
    p = p * (p.cumsum(-1) - p < how.get("top_p", 2)) * added.gather(-1, ids).exp()
    reached = p.cumsum(-1)
    expected = ids.gather(-1, torch.searchsorted(reached, uniform[:, None] * reached[:, -1:]))[:, 0]
    if not how["temperature"]:
        expected = (logits + added).argmax(-1)
    assert torch.equal(_choose(logits, uniform, Sampling(**how, mark=mark), before), expected)


def test_a_marked_draw_depends_on_its_seed_and_the_key_alone(model):
    how = {"max_tokens": 25, "temperature": 1.0}
    one = model.sample_marked(["The", "A baker"], seed=3, mark=LeftHash(), **how)
    assert one == model.sample_marked(["The", "A baker"], seed=3, mark=LeftHash(), **how)
    assert one != model.sample_marked(["The", "A baker"], seed=4, mark=LeftHash(), **how)
    assert one != model.sample_marked(["The", "A baker"], seed=3, mark=LeftHash(hashing_key=7), **how)
    assert one[:1] == model.sample_marked(["The"], seed=3, mark=LeftHash(), **how)


def test_procedures_answer_in_the_columns_of_sample_and_with_ids(model):
    drawn = marked_sample(model, ["The", None], seed=1, mark={"bias": 4.0}, max_tokens=12, temperature=1.0)
    assert list(drawn.columns) == ["content", "finish", "elements", "problem"]
    assert drawn["content"].tolist() == [
        one.content
        for one in model.sample_marked(["The", None], seed=1, mark=LeftHash(bias=4.0), max_tokens=12, temperature=1.0)
    ]
    read = token_ids(model, ["The ferry", "", "cat"])
    assert read["vocabulary"].tolist() == [384] * 3
    assert [model.encoder.tokenizer.decode(ids) for ids in read["ids"]] == ["The ferry", "", "cat"]
    assert len(token_ids(model, [])) == 0


def test_models_without_logits_or_tokenizer_are_refused_in_one_line():
    remote = SimpleNamespace(name="far-away", sample=lambda prompts, *, seed, **sampling: [])
    for question, options, why in (
        ("marked_sample", {"mark": {}}, "its logits are out of reach, so no mark can be put in"),
        ("token_ids", {}, "it has no tokenizer; a language model on disk as a helper has one"),
    ):
        with pytest.raises(AbilityError) as caught:
            answer(remote, question, ["a"], seed=0, options=options)
        assert str(caught.value) == f"far-away cannot answer {question!r}: {why}"


@dataclass(frozen=True)
class OneWord:
    """Makes a text repeat the token that its prompt begins with: a mark that looks farther back than the last token."""

    def marked(self, before, logits):
        return logits + 1e6 * torch.eye(logits.shape[-1])[[ids[0] for ids in before]]


@pytest.mark.parametrize("how", [{"temperature": 0.0}, {"temperature": 1.0, "top_p": 0.9}, {"temperature": 1.0}])
def test_a_mark_of_somebody_else_sees_all_tokens_before(model, how):
    """Prompts of unequal length, several draws of one, in one batch."""
    prompts = ["The ferry to the island", "Nobody", "Nobody"]
    drawn = model.sample_marked(prompts, mark=OneWord(), seed=1, max_tokens=5, **how)
    firsts = [model.encoder.tokenizer(prompt)["input_ids"][0] for prompt in prompts]
    if how.get("top_p", 1.0) == 1.0:
        assert [model.tokenise([one.content])[0] for one in drawn] == [[first] * 5 for first in firsts]
    else:  # outside the most likely tokens nothing can be put in
        assert all(one.elements == 5 for one in drawn)
