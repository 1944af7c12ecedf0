"""Marks in text: the same bias, texts and counts as transformers, and colours that the detectors agree on."""

import dataclasses
import hashlib
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
from audit.watermarks.text import LeftHash, SelfHashHF, SelfHashLMW, Shifted, Unigram
from audit.watermarks.text.processor import MarkProcessor
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
        ({"hashing_key": -77}, "hashing_key; allowed: 1 or more"),
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
    assert list(drawn.columns) == ["content", "finish", "elements", "problem", "changed"]
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


# --- the other variants of KGW ----------------------------------------------------------------------------------------


SELF = SelfHashHF(0.25, 3.0, 15485863, 4)
PAD = {"pad_token_id": 1, "eos_token_id": 1, "bos_token_id": 0}


def self_config(mark):
    return WatermarkingConfig(
        greenlist_ratio=mark.greenlist_ratio, bias=mark.bias, hashing_key=mark.hashing_key, seeding_scheme="selfhash",
        context_width=mark.context_width,
    )


@pytest.mark.parametrize("width", [1, 2, 4])
def test_self_hash_raises_the_candidates_that_transformers_raises(width):
    rng = np.random.default_rng(width)
    mark = SelfHashHF(0.3, 3.0, 2654435769, width)
    theirs = WatermarkLogitsProcessor(vocab_size=500, device="cpu", **self_config(mark).to_dict())
    before, logits = rng.integers(0, 500, (3, 7)), torch.from_numpy(rng.normal(size=(3, 500))).float()
    for ids in (before, before[:, : width - 1]):  # too little stands before the second: it is left as it is
        ours = mark.marked(ids.tolist(), logits)
        assert torch.equal(ours, theirs(torch.from_numpy(ids), logits))
        assert bool((ours != logits).any()) is (ids.shape[1] >= width)


def test_self_hash_of_lm_watermarking_has_lists_of_its_own_and_one_candidate_more():
    """Its hash, seeded with 2971215073, is that of the published code; the lists of transformers are others."""
    rng = np.random.default_rng(0)
    before, logits = rng.integers(0, 500, (4, 5)), torch.from_numpy(rng.normal(size=(4, 500))).float()
    table = torch.randperm(1_000_003, generator=torch.Generator().manual_seed(2971215073))
    expected = logits.clone()
    for row, ids in enumerate(before.tolist()):
        for candidate in logits[row].topk(41).indices.tolist():
            window = 1 + table[torch.tensor([*ids[-3:], candidate])]
            seed = int((15485863 * window * window[-1]).min()) % (2**64 - 1)
            if candidate in torch.randperm(500, generator=torch.Generator().manual_seed(seed))[:125]:
                expected[row, candidate] += 2.5
    assert torch.equal(SelfHashLMW().marked(before.tolist(), logits), expected)
    assert not torch.equal(SelfHashHF().marked(before.tolist(), logits), expected)


def generated(model, **how):
    """Return what transformers' `generate()` draws after two prompts, [text, token]."""
    ids = torch.from_numpy(np.random.default_rng(0).integers(3, 384, (2, 6)))
    settings = {"max_new_tokens": 50, "min_new_tokens": 50, "do_sample": True, "top_k": 0, **PAD}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = model.scorer.network.model
        return network.generate(ids, attention_mask=torch.ones_like(ids), **settings, **how)[:, 6:].numpy()


@pytest.mark.parametrize("mark", [LeftHash(bias=6.0), SelfHashHF(bias=6.0)])
def test_what_transformers_generates_is_found_by_ours_and_ours_by_theirs(model, mark):
    settings = self_config(mark) if isinstance(mark, SelfHashHF) else config(mark)
    theirs, plain = generated(model, watermarking_config=settings), generated(model)
    ours = generated(model, logits_processor=[MarkProcessor(mark)])
    readings = [mark.scheme(384).read(texts) for texts in (theirs, ours, plain)]
    for found in readings[:2]:
        assert max(one.p_value for one in found) < 1e-6
    assert min(one.p_value for one in readings[2]) > 1e-3
    wrong = dataclasses.replace(mark, hashing_key=2654435769)
    assert min(one.p_value for one in wrong.scheme(384).read(ours)) > 1e-3
    detector = WatermarkDetector(model.scorer.network.model.config, "cpu", settings, ignore_repeated_ngrams=True)
    assert detector(torch.from_numpy(ours), return_dict=True).z_score.min() > 5


@pytest.mark.parametrize("mark", [Unigram(bias=4.0), Shifted(bias=4.0, message=77), SelfHashLMW(bias=6.0)])
def test_marks_without_a_peer_are_found_by_their_own_scheme(model, mark):
    ours, plain = generated(model, logits_processor=[MarkProcessor(mark)]), generated(model)
    ours, plain = mark.scheme(384).read(ours), mark.scheme(384).read(plain)
    assert max(one.p_value for one in ours) < 1e-4 < 1e-2 < min(one.p_value for one in plain)
    if isinstance(mark, Shifted):
        assert {one.message for one in ours} == {77}


def test_message_0_is_left_hash_and_another_is_the_list_turned():
    logits, before = torch.zeros(2, 300), [[5], [9]]
    plain = LeftHash().marked(before, logits)
    assert torch.equal(Shifted().marked(before, logits), plain)
    assert torch.equal(Shifted(message=13).marked(before, logits), plain.roll(13, dims=1))


def test_unigram_has_the_list_of_its_authors():
    """Their key 0 seeds NumPy's generator with the first four bytes of SHA-256 of eight zero bytes, and so on."""
    for key in (1, 77, 15485863):
        seed = int.from_bytes(hashlib.sha256(np.int64(key)).digest()[:4], "little")
        green = np.array([True] * 192 + [False] * 192)
        np.random.default_rng(seed).shuffle(green)
        marked = Unigram(0.5, 2.0, key).marked([[3]], torch.zeros(1, 384))
        assert torch.equal(marked[0], torch.from_numpy(green) * 2.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeftHash(context_width=2), "context_width 2 with left hash, which looks at one token; allowed: 1"),
        (lambda: SelfHashHF(context_width=0), "context_width 0; allowed: 1 or more"),
        (lambda: Shifted(payload_bits=17), "payload_bits 17; allowed: 1 to 16"),
        (lambda: Shifted(payload_bits=4, message=16), "message 16; allowed: 0 to 15"),
        (lambda: Shifted(payload_bits=8).scheme(200), "payload_bits 8 with 200 ids; allowed: no more messages"),
        (lambda: SelfHashHF(hashing_key=2**63), "hashing_key; allowed: 1 or more, below 2^63"),
    ],
)
def test_options_that_say_more_than_the_variant_does_are_refused(make, message):
    with pytest.raises(ModelError) as caught:
        make()
    assert message in str(caught.value)


def test_weak_options_are_told():
    told = {
        LeftHash(): [], LeftHash(hashing_key=6): ["the key is even"],
        SelfHashHF(context_width=1): ["a window of one token is a fixed list"],
        LeftHash(hashing_key=2**33 + 1): ["the key has more than 32 bits"], Unigram(): ["one list of words"],
    }  # fmt: skip
    for mark, starts in told.items():
        found = list(mark.weaknesses())
        assert len(found) == len(starts)
        assert all(one.startswith(start) for one, start in zip(found, starts, strict=True))
    even, odd = LeftHash(hashing_key=6), LeftHash(hashing_key=3)
    assert torch.equal(even.marked([[5]], torch.zeros(1, 99)), odd.marked([[10]], torch.zeros(1, 99)))
