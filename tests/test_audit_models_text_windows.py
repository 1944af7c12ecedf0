"""Texts longer than a model's context, equal texts, and where tokens stand: against loops by the book and UTF-8."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_models
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from audit.errors import ModelError
from audit.model import Continuation
from audit.models.causal_lm import CausalLMFolder
from audit.models.text import scoring
from audit.models.text.encoding import Encoder
from audit.models.text.network import CausalNetwork
from audit.models.text.scoring import Scorer
from audit.models.text.windows import Encoded, Windows
from audit.procedures.token_spans import token_spans

LIMIT, STRIDE = 24, 10


@pytest.fixture(scope="module")
def network():
    return CausalNetwork(tiny_models.tiny_llama())


@pytest.fixture(scope="module")
def model(tiny_lm):
    return CausalLMFolder(tiny_lm, dtype="float32", device="cpu", threads=1).open()


def drawn(seed: int, *lengths: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, tiny_models.VOCABULARY, length).tolist() for length in lengths]


def tokens_read(network, call) -> int:
    """Tokens that pass the network's first layer, padding included."""
    seen: list[int] = []
    hook = network.model.get_input_embeddings().register_forward_hook(lambda _, ids, __: seen.append(ids[0].numel()))
    call()
    hook.remove()
    return sum(seen)


# ---- windows


def token_by_token(network, text: Encoded) -> np.ndarray:
    """Log-probability, entropy, variance of surprisal and rank of each scored token, each from a pass of its own."""
    rows = []
    for place in range(text.first, len(text.ids)):
        start = 0 if place < LIMIT else STRIDE * -(-(place - LIMIT + 1) // STRIDE)
        with torch.inference_mode():
            logits = network.model(torch.tensor([text.ids[start:place]])).logits[0, -1].double()
        log_p, token = logits.log_softmax(-1), text.ids[place]
        entropy = -(log_p.exp() @ log_p)
        variance = log_p.exp() @ (log_p + entropy) ** 2
        rows.append([log_p[token], entropy, variance, 1 + (logits > logits[token]).sum()])
    return np.array(rows, dtype=float).reshape(-1, 4)


def test_a_long_text_is_scored_as_token_by_token_in_its_windows(network):
    ids = drawn(0, 80, 34, 25, 24, 70)
    texts = [Encoded(ids[0], 0), Encoded(ids[1], 0), Encoded(ids[2], 0), Encoded(ids[3], 5), Encoded(ids[4], 40)]
    texts += [Encoded(ids[4], 3), Encoded(ids[4], 69), Encoded(ids[4], 70)]
    scorer = Scorer(network, windows=Windows(LIMIT, STRIDE))
    for text, got, sums in zip(texts, scorer.score(texts, trace=True), scorer.score(texts), strict=True):
        np.testing.assert_allclose(got, token_by_token(network, text), atol=2e-5, rtol=1e-5)
        np.testing.assert_allclose(sums[:, 0], got[:, 0], atol=1e-5)


@given(st.integers(2, 30), st.data())
def test_every_token_is_scored_once_with_the_context_that_is_kept(limit, data):
    stride, length = data.draw(st.integers(1, limit - 1)), data.draw(st.integers(0, 120))
    text = Encoded(list(range(length)), data.draw(st.integers(0, length)))
    scored = []
    for part in Windows(limit, stride).of(text):
        assert (np.diff(part.ids) == 1).all()
        assert len(part.ids) <= limit or text.first >= length, "with nothing to score it stays as it is"
        for place in part.ids[part.first :]:
            assert place - part.ids[0] >= min(place, limit - stride), "what stands to its left"
            scored.append(place)
    assert scored == list(range(text.first, length))


def test_continuations_of_one_long_prompt_share_what_is_read_of_it(network):
    prompt, *ends = drawn(1, 100, 3, 4, 5, 4)
    texts = [Encoded(prompt + end, len(prompt)) for end in ends]
    scorer = Scorer(network, windows=Windows(40, 20))
    wanted = [part for text in texts for part in scorer.score([text], trace=True)]
    for got, want in zip(scorer.score(texts, trace=True), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-5)
    read = tokens_read(network, lambda: scorer.score(texts))
    assert read <= 40 + sum(map(len, ends)) + scoring.SPARE, "windows that lie in the prompt are not read"


def test_a_model_tells_how_it_reads_long_texts_and_refuses_a_stride_without_context(tiny_lm, model):
    long = "The ferry to the island leaves at eight. " * 20
    (frame,) = model.trace([long])
    assert len(frame) > tiny_models.CONTEXT
    assert "".join(frame["element"]) == long
    assert frame["log_prob"].notna().sum() == len(frame) - 1
    assert model.log_prob([long])[0] == pytest.approx(frame["log_prob"].sum())
    assert model.windows == [128, 64]
    narrow = CausalLMFolder(tiny_lm, dtype="float32", stride=16).open()
    assert narrow.windows == [128, 16]
    apart = np.abs(narrow.trace([long])[0]["log_prob"] - frame["log_prob"])[1:]
    assert apart[: tiny_models.CONTEXT - 1].max() < 1e-5 < apart.max()
    with pytest.raises(ModelError, match="stride 128 tokens; allowed: 1 to 127, as the model's context holds 128"):
        CausalLMFolder(tiny_lm, stride=128).open()


# ---- once


def test_equal_texts_are_scored_once_and_all_have_the_score(network):
    one, two = drawn(2, 30, 20)
    texts = [Encoded(one, 0), Encoded(two, 0), Encoded(one, 0), Encoded(one, 7), Encoded(one, 0)]
    scorer = Scorer(network)
    found = scorer.score(texts, trace=True)
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[0], found[4])
    np.testing.assert_allclose(found[3], found[0][6:], atol=1e-5)
    found[0][:] = 0
    assert found[2].any(), "each has its own copy"
    assert tokens_read(network, lambda: scorer.score(texts[:1] * 5)) == len(one) - 1


class Ops(TorchDispatchMode):
    """Counts the operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("trace", [False, True])
def test_statistics_leave_the_device_once(network, monkeypatch, trace):
    """However many slices there are; nor does anything else that is asked wait for the device."""
    monkeypatch.setattr(scoring, "SLICE", 7 * network.vocabulary)
    monkeypatch.setattr(scoring, "IN_PARTS", 7 * network.vocabulary)
    monkeypatch.setattr(scoring, "PART", network.vocabulary)
    moved = []
    real = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda one: moved.append(tuple(one.shape)) or real(one))
    texts = [Encoded(ids, 0) for ids in drawn(3, 60, 50, 40, 9)]
    with Ops() as ops:
        Scorer(network, 64).score(texts, trace=trace)
    assert moved == [(155, 4 if trace else 1)]
    assert ops.seen.count("mm") > 155 // 7
    assert not {"_local_scalar_dense", "nonzero", "item"} & set(ops.seen), "these wait"


# ---- where tokens stand

TEXTS = ["The ferry leaves at eight.", "대한민국의 수도 🚲🚲", "", " a", "e\u0301 👩‍👩‍👧 \n\n", "<start>hi"]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_the_bytes_of_tokens_are_those_of_the_vocabulary_and_sum_to_the_text(model, prompt, text):
    whole, part = model.spans([text, Continuation(prompt, text)])
    for spans in (whole, part):
        assert spans[:, 2].sum() == len(text.encode())
        assert (spans[:, 2] >= 0).all()
    tokenizer = model.encoder.tokenizer
    spelled = [len(token) for token in tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])]
    assert whole[:, 2].tolist() == spelled, "a letter of a byte-level vocabulary is a byte"


def test_spans_cut_the_text_and_rows_are_those_of_the_trace(model):
    items = [*TEXTS, Continuation("At th", "e end 🚲"), Continuation("", "🚲"), Continuation("a", "")]
    for item, spans, frame in zip(items, model.spans(items), model.trace(items), strict=True):
        text = item if isinstance(item, str) else item.text
        assert len(spans) == len(frame)
        assert spans[:, 3].astype(bool).tolist() == frame["log_prob"].notna().tolist()
        for (start, end, size, _), piece in zip(spans.tolist(), frame["element"], strict=True):
            assert 0 <= start < end <= len(text)
            if size == len(text[start:end].encode()):
                assert piece.endswith(text[start:end])
            else:
                assert "\ufffd" in piece, "part of a character"
    (bicycle,) = model.spans(["a 🚲"])
    assert bicycle[1:].tolist() == [[1, 2, 1, 1], *([2, 3, 1, 1] for _ in range(4))]
    told = token_spans(model, ["a 🚲", "a", ""])
    assert told["scored_bytes"].tolist() == [5, 0, 0]
    assert told["bytes"].tolist() == [[1, 1, 1, 1, 1, 1], [1], []]


def test_bytes_sum_to_the_text_whatever_a_tokenizer_tells():
    """Bytes as fallback, a normalised form, tokens around the text, and a tokenizer that tells nothing."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    fallback = {f"<0x{byte:02X}>": byte for byte in range(256)}
    inner = Tokenizer(models.BPE({**fallback, "\u2581": 256, "a": 257, "\u2581a": 258, "<s>": 259, "<u>": 260},
                                 [("\u2581", "a")], unk_token="<u>", byte_fallback=True, fuse_unk=True))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A <s>", pair="<s> $A $B", special_tokens=[("<s>", 259)]
    )
    spaced = Encoder(transformers.PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>"), "spaced", None, 259)
    (row,) = spaced.spans(["a 🚲a"])
    assert row[:, 2].sum() == 7
    assert row[0].tolist() == [0, 0, 0, 0], "the start token stands for nothing"
    assert row[-1, 2] == 0
    assert [size for start, _, size, _ in row.tolist() if start == 2][:4] == [1, 1, 1, 1]
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])
    folded = Encoder(transformers.PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>"), "folded", None, 259)
    slow = Encoder(transformers.ByT5Tokenizer(), "bytes", None, None)
    assert not slow.tokenizer.is_fast
    for text in ["  ﬁa  ", "½ a", "a  ", *TEXTS]:
        for encoder in (spaced, folded, slow):
            (row,) = encoder.spans([text])
            assert row[:, 2].sum() == len(text.encode())
    assert slow.spans(["é🚲"])[0][:, 2].tolist() == [1, 1, 1, 1, 1, 1, 0]
