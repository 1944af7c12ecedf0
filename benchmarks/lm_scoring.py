"""What scoring costs beyond the forward pass: CPU seconds, interleaved, medians, values asserted equal first.

    log_prob, trace          against a bare forward over the same tokens, logits made and dropped
    k continuations          against reading their prefix of P tokens k times, (P + kc) / k(P + c) at best; as both make
                             logits for kc tokens only, (P + kc + h) / (k(P + c) + h), h what these cost in tokens
    log_prob                 against lm-evaluation-harness, where it is installed

The network has random weights, as cost does not depend on them: 6 layers, d 768, 50,257 tokens, one thread.

    python benchmarks/lm_scoring.py [REPEATS]
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.special import ndtri
from transformers import GPT2Config, GPT2LMHeadModel

from audit.models.text.network import CausalNetwork, padded
from audit.models.text.scoring import Scorer, buckets
from audit.models.text.windows import Encoded

VOCABULARY = 50_257
PREFIX, CONTINUATION, K = 200, 12, 4
TOKENS = 2048


def main(repeats: int) -> None:
    torch.set_num_threads(1)
    network = CausalNetwork(_model(torch.float32))
    for line in [*_against_forward(network, repeats), *_against_recomputing(network, repeats)]:
        print(line, flush=True)
    for line in _against_harness(network, repeats):
        print(line, flush=True)


def _against_forward(network: CausalNetwork, repeats: int) -> Iterator[str]:
    texts = _texts()
    scorer = Scorer(network, TOKENS)
    with torch.inference_mode():
        for text, got in zip(texts[:4], scorer.score(texts[:4], trace=True), strict=True):
            _equal(got, _reference(network.model, text.ids))

    def bare() -> None:
        with torch.inference_mode():
            for batch in buckets([len(text.ids) for text in texts], TOKENS):
                network.model(padded([texts[i].ids for i in batch], "cpu")[0], use_cache=False)

    seconds = _interleaved([bare, lambda: scorer.score(texts), lambda: scorer.score(texts, trace=True)], repeats)
    yield _line("log_prob / bare forward", seconds[1], seconds[0], 1.05)
    yield _line("trace / bare forward", seconds[2], seconds[0], 1.20)


def _against_recomputing(network: CausalNetwork, repeats: int) -> Iterator[str]:
    rng = np.random.default_rng(2)
    texts = []
    for _ in range(4):
        prefix = rng.integers(0, VOCABULARY, PREFIX).tolist()
        texts += [Encoded(prefix + rng.integers(0, VOCABULARY, CONTINUATION).tolist(), PREFIX) for _ in range(K)]
    scorer = Scorer(network, TOKENS)

    def recompute() -> list[np.ndarray]:
        network.caches = False
        scores = scorer.score(texts)
        network.caches = True
        return scores

    for shared, alone in zip(scorer.score(texts), recompute(), strict=True):
        _equal(shared, alone)
    seconds = _interleaved([recompute, lambda: scorer.score(texts)], repeats)
    model = network.model
    layers = sum(weights.numel() for weights in model.transformer.h.parameters())
    head = K * CONTINUATION * model.lm_head.weight.numel() / layers
    goal = 1.1 * (PREFIX + K * CONTINUATION + head) / (K * (PREFIX + CONTINUATION) + head)
    yield _line(f"{K} continuations of {PREFIX} tokens, shared / recomputed", seconds[1], seconds[0], goal)


def _against_harness(network: CausalNetwork, repeats: int) -> Iterator[str]:
    """The harness pads every eight texts to the longest, so the ratio falls with how much their lengths differ."""
    what = "log_prob / lm-evaluation-harness HFLM"
    try:
        from lm_eval.models.huggingface import HFLM
    except ImportError:
        yield f"{what}: skipped, lm_eval is not installed"
        return
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    logging.disable(logging.WARNING)
    words = Tokenizer(models.BPE({"a": 0, "<end>": 1}, []))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<end>")
    peer = HFLM(pretrained=network.model, tokenizer=tokenizer, batch_size=8, device="cpu", max_length=1024)
    peer.cache_hook.add_partial = lambda *_: None
    texts = _texts()
    requests = [((None, str(i)), text.ids[:1], text.ids[1:]) for i, text in enumerate(texts)]
    exact, short = Scorer(network, TOKENS), Scorer(CausalNetwork(_model(torch.bfloat16)), TOKENS)

    def ask_peer() -> list[float]:
        return [nats for nats, _ in peer._loglikelihood_tokens(requests, disable_tqdm=True)]

    theirs = ask_peer()
    for scorer, tolerance in ((exact, 1e-5), (short, 1e-2)):
        ours = [float(part.sum()) for part in scorer.score(texts)]
        assert np.allclose(ours, theirs, rtol=tolerance), (ours, theirs)
    seconds = _interleaved([ask_peer, lambda: exact.score(texts), lambda: short.score(texts)], repeats)
    yield _line(f"{what}, float32", seconds[1], seconds[0], 0.6)
    yield _line(f"{what}, ours in bfloat16", seconds[2], seconds[0], 0.3)


def _model(dtype: torch.dtype) -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_layer=6, n_embd=768, n_head=12, vocab_size=VOCABULARY)).eval().to(dtype)


def _texts() -> list[Encoded]:
    """Twenty texts whose lengths are the quantiles of a log-normal distribution, as those of documents nearly are."""
    shares = (np.arange(20) + 0.5) / 20
    lengths = np.exp(4.2 + 0.8 * ndtri(shares)).astype(int)
    rng = np.random.default_rng(1)
    return [Encoded(rng.integers(0, VOCABULARY, length).tolist(), 0) for length in lengths]


def _reference(model: GPT2LMHeadModel, ids: list[int]) -> np.ndarray:
    """The four statistics of one text by the book, in float64."""
    logits = model(torch.tensor([ids])).logits[0, :-1].double()
    log_p, target = logits.log_softmax(-1), torch.tensor(ids[1:])[:, None]
    entropy = -(log_p.exp() * log_p).sum(-1)
    variance = (log_p.exp() * (log_p + entropy[:, None]) ** 2).sum(-1)
    rank = 1 + (logits > logits.gather(-1, target)).sum(-1)
    return torch.stack([log_p.gather(-1, target)[:, 0], entropy, variance, rank], 1).numpy()


def _equal(got: np.ndarray, wanted: np.ndarray) -> None:
    assert np.allclose(got[:, :3], wanted[:, :3], atol=1e-4), np.abs(got - wanted).max(0)
    assert np.abs(got[:, 3:] - wanted[:, 3:]).max(initial=0) <= 2, "ranks differ by more than rounding can explain"


def _interleaved(variants: list[Callable[[], object]], repeats: int) -> list[float]:
    """Return each variant's median CPU seconds over rounds in which every one has its turn."""
    seconds: list[list[float]] = [[] for _ in variants]
    for _ in range(repeats):
        for variant, times in zip(variants, seconds, strict=True):
            start = time.process_time()
            variant()
            times.append(time.process_time() - start)
    return [float(np.median(times)) for times in seconds]


def _line(what: str, ours: float, theirs: float, goal: float) -> str:
    ratio = ours / theirs
    verdict = "met" if ratio <= goal else "MISSED"
    return f"{what}: {ratio:.3f} ({ours:.2f} s / {theirs:.2f} s), goal {goal:.3f}: {verdict}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
