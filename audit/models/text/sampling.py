"""Draws texts from a causal network, every prompt with random numbers of its own.

    x_{t+1} = the token at which the cumulative probability reaches u_t,   u_t ~ U(0, 1) from the draw's own seed

So a draw does not depend on which prompts share its batch. Temperature 0 takes the most likely token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from audit.errors import ModelError
from audit.model import TextWatermark
from audit.models.text.network import CausalNetwork, Prefix, padded
from audit.models.text.scoring import buckets
from detectors.immutable import immutable

__all__ = ["Drawn", "Sampling", "draw"]


@immutable
class Sampling:
    """How to draw; raises ModelError for a value that is not allowed."""

    max_tokens: int = 64
    """Most tokens of a draw, 1 or more."""
    temperature: float = 0.0
    """What logits are divided by; 0 = the most likely token."""
    top_p: float = 1.0
    """Draw from the smallest set of most likely tokens with this probability, above 0 and up to 1."""
    stop: Sequence[str] = ()
    """Strings that end a draw, or one such string."""
    mark: TextWatermark | None = None
    """Watermark to put in; after temperature and `top_p`, as transformers does."""

    def __post_init__(self) -> None:
        """Refuse what would give no draws or other draws than asked for."""
        object.__setattr__(self, "stop", (self.stop,) if isinstance(self.stop, str) else tuple(self.stop))
        for name, fits, allowed in (
            ("max_tokens", self.max_tokens >= 1, "1 or more"),
            ("temperature", self.temperature >= 0, "0 or more"),
            ("top_p", 0 < self.top_p <= 1, "above 0, up to 1"),
            ("stop", all(self.stop), "strings of one character or more"),
        ):
            if not fits:
                raise ModelError(f"sampling: {name} {getattr(self, name)}; allowed: {allowed}")


@dataclass
class Drawn:
    """Tokens of one draw, without the end token, and whether the model ended (`stop`) or the limit did (`length`)."""

    prompt: list[int]
    tokens: list[int]
    finish: str = "length"


def draw(
    network: CausalNetwork,
    prompts: Sequence[list[int]],
    how: Sampling,
    *,
    seeds: Sequence[Sequence[int]],
    ends: frozenset[int],
    ended: Callable[[Drawn], bool],
    batch_tokens: int,
) -> list[Drawn]:
    """Return a draw per prompt (one token or more), in order; `seeds` [prompt] start the generator of each.

    A draw stops before a token of `ends`, and after one that makes `ended` true.
    """
    uniform = [np.random.default_rng(seed).random(how.max_tokens) for seed in seeds]
    drawn = [Drawn(prompt, []) for prompt in prompts]
    with torch.inference_mode():
        for batch in buckets([len(prompt) for prompt in prompts], batch_tokens, extra=how.max_tokens):
            numbers = torch.from_numpy(np.stack([uniform[i] for i in batch])).to(network.device)
            _fill(network, [drawn[i] for i in batch], numbers, how, ends, ended)
    return drawn


def _fill(
    network: CausalNetwork,
    active: list[Drawn],
    uniform: torch.Tensor,
    how: Sampling,
    ends: frozenset[int],
    ended: Callable[[Drawn], bool],
) -> None:
    """Lengthen draws of one batch; uniform [draw, step]. A draw that is finished leaves the batch."""
    prefix, states = _read(network, active)
    for step in range(how.max_tokens):
        logits = network.logits(states, out=torch.empty(len(active), network.vocabulary, device=network.device))
        before = None if how.mark is None else [one.prompt + one.tokens for one in active]
        chosen = _choose(logits, uniform[:, step], how, before).tolist()
        going = []
        for row, (one, token) in enumerate(zip(active, chosen, strict=True)):
            if token not in ends:
                one.tokens.append(token)
            if token in ends or ended(one):
                one.finish = "stop"
            else:
                going.append(row)
        if not going or step + 1 == how.max_tokens:
            return
        if len(going) < len(active):
            active, uniform = [active[row] for row in going], uniform[going]
            prefix = prefix and prefix.select(going)
        if prefix is None:
            prefix, states = _read(network, active)
        else:
            latest = torch.tensor([[one.tokens[-1]] for one in active], device=network.device)
            states = network.extend(prefix, latest)[:, -1]


def _read(network: CausalNetwork, draws: Sequence[Drawn]) -> tuple[Prefix | None, torch.Tensor]:
    """Return the cached prefix (None where the network's cache cannot be copied) and the last states [draw, dim]."""
    rows = [one.prompt + one.tokens for one in draws]
    if network.caches:
        place = {row: i for i, row in enumerate(dict.fromkeys(map(tuple, rows)))}
        prefix = network.prefill(list(place))
        if len(place) < len(rows):  # several draws from one prompt
            prefix = prefix.select([place[tuple(row)] for row in rows])
        return prefix, prefix.last
    ids, mask = padded(rows, network.device)
    return None, network.states(ids)[torch.arange(len(rows)), mask.sum(1) - 1]


def _choose(
    logits: torch.Tensor, uniform: torch.Tensor, how: Sampling, before: Sequence[Sequence[int]] | None = None
) -> torch.Tensor:
    """Return a token [draw] for logits [draw, vocabulary] and numbers in [0, 1) [draw]; a mark sees `before`."""
    if how.temperature == 0:
        return _marked(logits, how, before).argmax(-1)
    p, tokens = (logits / how.temperature).softmax(-1).double(), None
    if how.top_p < 1:
        p, tokens = p.sort(dim=-1, descending=True, stable=True)
        p = p * (p.cumsum(-1) - p < how.top_p)
    if before is not None:
        inside = p if tokens is None else torch.zeros_like(p).scatter(-1, tokens, p)
        p = _marked(inside.log(), how, before).softmax(-1)
        p = p if tokens is None else p.gather(-1, tokens)
    reached = p.cumsum(-1)
    place = torch.searchsorted(reached, uniform[:, None] * reached[:, -1:], right=False)
    return (place if tokens is None else tokens.gather(-1, place))[:, 0]


def _marked(logits: torch.Tensor, how: Sampling, before: Sequence[Sequence[int]] | None) -> torch.Tensor:
    """Return logits [draw, vocabulary] with the mark put in, if there is one."""
    return logits if how.mark is None or before is None else how.mark.marked(before, logits)
