"""What tokens of a prompt add to log p of the text behind it, by gradients with respect to their embeddings.

    f(e) = log p(text | e)                          nats; e [token, dim]: the embeddings of those tokens
    integrated gradients   A_t = sum_d (e - b)_td int_0^1 df/de_td (b + a (e - b)) da          (1703.01365)
    gradient x input       A_t = sum_d (e - b)_td df/de_td (e)                                  no step of the integral

b, the baseline: the tokens say nothing, told as no embedding at all (`zero`), or as the mean of the vocabulary's
(`mean`). The integral is Gauss and Legendre's sum over `steps` points. Were it exact, sum_t A_t = f(e) - f(b): both are
returned, so that the gap can be told. All other tokens, such as those of the question, stay as they are: where none
does, f falls from its edge near the zero baseline, as norms of layers make any scale of a vector one. All is done in 32
bits, whatever the weights are held in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from audit.model import Baseline
from audit.models.text.network import CausalNetwork
from audit.models.text.windows import Encoded

__all__ = ["Attributed", "attributed"]

_SHARE = 4
"""A token through which gradients go takes so many times the memory of one that is scored, or more."""
_LOGITS = 15_000_000
"""Logits at a time: 60 MB, and twice as much again for their gradients."""
_TOGETHER = 4096
"""Embeddings that are summed at a time."""


class Attributed(NamedTuple):
    """The tokens of a prompt that were asked about."""

    nats: np.ndarray
    """[token], float64."""
    log_prob: float
    """Of the text behind the prompt, f(e)."""
    baseline_log_prob: float
    """Where the tokens say nothing, f(b)."""


def attributed(
    network: CausalNetwork, texts: Sequence[Encoded], asked: Sequence[np.ndarray], *,
    baseline: Baseline, steps: int, batch_tokens: int,
) -> list[Attributed]:
    """Return what tokens of each context add to log p of the tokens behind it, one or more of both.

    asked: which tokens of the context, [text][token]. steps: points of the integral; 0 = the
    gradient at the prompt itself. batch_tokens: of a pass of the scorer; a pass here takes a part of it, or one row.
    """
    points, weights = np.ones(1), np.ones(1)
    if steps:
        points, weights = np.polynomial.legendre.leggauss(steps)
        points, weights = (1 + points) / 2, weights / 2
    at = torch.tensor(np.stack([points, weights]), dtype=torch.float32, device=network.device)
    with _in_float32(network.model):
        nothing = _nothing(network, baseline)
        return [
            _one(network, text, of, nothing, at, batch_tokens // _SHARE)
            for text, of in zip(texts, asked, strict=True)
        ]


def _nothing(network: CausalNetwork, baseline: Baseline) -> torch.Tensor:
    """Return the embedding [dim] of a token that says nothing."""
    table = network.model.get_input_embeddings()
    ids = torch.arange(table.weight.shape[0], device=network.device)
    with torch.no_grad():
        if baseline == "zero":
            return torch.zeros_like(table(ids[:1])[0])
        return sum(table(some).sum(0) for some in ids.split(_TOGETHER)) / len(ids)


def _one(
    network: CausalNetwork, text: Encoded, asked: np.ndarray, nothing: torch.Tensor, at: torch.Tensor, tokens: int
) -> Attributed:
    """Return tokens of one prompt; nothing: b of a token, [dim]; at: points and weights of the integral, [2, step]."""
    ids = torch.tensor(text.ids, device=network.device)
    with torch.no_grad():
        e = network.model.get_input_embeddings()(ids[None])[0]
        moves = torch.zeros_like(ids, dtype=torch.bool)
        moves[: text.context] = torch.from_numpy(asked).to(moves.device)
        b = torch.where(moves[:, None], nothing, e)
        ends = [float(_nats(network, ids, text.context, one[None])) for one in (e, b)]
    slope = torch.zeros_like(e)
    scored = len(ids) - text.context
    rows = max(1, min(tokens // len(ids), _LOGITS // (scored * network.vocabulary)))
    for some in at.split(rows, dim=1):
        point, weight = some[:, :, None, None]
        x = (b + point * (e - b)).requires_grad_()
        with torch.enable_grad():
            (steep,) = torch.autograd.grad(_nats(network, ids, text.context, x).sum(), x)
        slope += (weight * steep).sum(0)
    added = (slope * (e - b)).double().sum(-1)[moves]
    return Attributed(added.cpu().numpy(), *ends)


def _nats(network: CausalNetwork, ids: torch.Tensor, context: int, rows: torch.Tensor) -> torch.Tensor:
    """Return log p [row] of the tokens behind the context, for embeddings [row, token, dim] of all."""
    logits = network.head(network.states(rows)[:, context - 1 : -1])
    targets = ids[context:].expand(len(rows), -1)[..., None]
    return (logits.gather(-1, targets)[..., 0] - logits.logsumexp(-1)).sum(-1)


@contextmanager
def _in_float32(model: Any) -> Iterator[None]:
    """Have the model's numbers in 32 bits, and no gradients of its own; those of 16 bits come back to the bit."""
    held = [(one, one.dtype, one.requires_grad) for one in (*model.parameters(), *model.buffers())]
    half = (torch.bfloat16, torch.float16)
    try:
        for one, dtype, _ in held:
            one.requires_grad_(False)
            if dtype in half:
                one.data = one.data.float()
        yield
    finally:
        for one, dtype, graph in held:
            if dtype in half:
                one.data = one.data.to(dtype)
            one.requires_grad_(graph)
