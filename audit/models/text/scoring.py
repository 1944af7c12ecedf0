"""Scores tokens under a causal network, at hardly more than the price of its forward pass.

    log p(x_t | x_<t) = z[x_t] - m - log s          m = max z,   e = exp(z - m),   s = sum_v e_v,   p = e / s
    entropy  H = log s - E_p[z - m]                  mean of the surprisal -log p over the vocabulary
    variance V = Var_p[z - m]                        its variance
    rank     1 + number of tokens v with z_v > z[x_t]

Equal texts are scored once. Rows are grouped by length, so that little is padding; a context that several texts share
is read once; only states that predict a scored token reach the output head, a slice of them at a time, always in the
same memory: asking the system for new memory for each slice would cost more than all the sums over it. On a processor
the sums go over a few rows at a time, so that each finds what the one before it left in the cache; and where log p is
all that is asked, the head goes over a part of the vocabulary at a time, for more states at once. On any device the
statistics are made there, and leave it once, when all are done.

A part v of the vocabulary leaves its own m_v and s_v, and   m = max m_v,   s = sum_v s_v exp(m_v - m).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from audit.models.text.network import CausalNetwork, padded
from audit.models.text.windows import Encoded, Windows
from detectors.immutable import immutable

__all__ = ["STATISTICS", "Scorer", "buckets"]

STATISTICS = ("log_prob", "entropy", "variance", "rank")
"""Columns of a trace."""

WASTE = 0.08
"""Largest share of a batch that may be padding ..."""
SPARE = 16
"""... beyond so many tokens: a pass over any batch costs about as much as 16 tokens more."""
SLICE = 15_000_000
"""Logits at a time: 60 MB, and in 16 bits 30, as from 32 on the allocator asks the system for new memory every time."""
CACHED = 300_000
"""Numbers that the sums go over at a time on a processor, 1.2 MB: logits, and as many beside them for a trace."""
IN_PARTS, PART = 2_000_000, 1500
"""Logits at a time, 8 MB, where a processor takes the vocabulary part by part, and tokens that a part has at least."""


class _Made(NamedTuple):
    """What is made of logits."""

    of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    """(logits [token, vocabulary], target [token, 1]) -> [token, width]"""
    width: int
    copies: int = 1
    """Arrays of the size of the logits that it needs, these included."""
    together: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    """([part, token, width], the target's part [token, 1]) -> [token, 1]; None = it needs the whole vocabulary."""


class _Batch(NamedTuple):
    """States [token, dim] that predict the tokens `targets` [token] of texts `of`, in their order."""

    of: list[int]
    states: torch.Tensor
    targets: torch.Tensor


@immutable
class Scorer:
    """The scores of texts under one network."""

    network: CausalNetwork
    batch_tokens: int = 2048
    """Most tokens of a forward pass, padding included; a longer text has a pass of its own."""
    windows: Windows | None = None
    """How longer texts than the model's context are read; None = whole, as the context has no end."""

    def score(self, texts: Sequence[Encoded], *, trace: bool = False, likeliest: int = 0) -> list[np.ndarray]:
        """Return per text [token, 1] log-probabilities in nats, or with `trace` [token, 4] in the order of STATISTICS.

        With `likeliest` it is [token, 2k] of the k likeliest tokens of the place, the first first: their
        log-probabilities, then their ids. Float32. The tokens are those from `Encoded.first` on; there may be none.
        """
        made = _Made(_traced, len(STATISTICS), copies=2) if trace else _Made(_summed, 3, together=_together)
        if likeliest:
            k = min(likeliest, self.network.vocabulary)
            made = _Made(partial(_likeliest, k=k), 2 * k)
        places: dict[tuple[int, tuple[int, ...]], int] = {}
        asked = [
            [places.setdefault((part.context, tuple(part.ids)), len(places)) for part in self._parts(text)]
            for text in texts
        ]
        found = self._scored([Encoded(list(ids), context) for context, ids in places], made)
        return [np.concatenate([found[place] for place in parts]) for parts in asked]

    def mean_states(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        """Return [row, dim] float32: the mean of the last hidden states over each row of one token or more."""
        order: list[int] = []
        means = [] if rows else [torch.empty(0, 0)]
        with torch.inference_mode():
            for batch in buckets([len(row) for row in rows], self.batch_tokens):
                ids, mask = padded([rows[i] for i in batch], self.network.device)
                hidden = self.network.hidden(ids).float().masked_fill(~mask[..., None], 0)
                means.append(hidden.sum(1) / mask.sum(1, keepdim=True))
                order += batch
        mean: np.ndarray = torch.cat(means).cpu()[torch.argsort(torch.tensor(order, dtype=torch.long))].numpy()
        return mean

    def _parts(self, text: Encoded) -> list[Encoded]:
        return [text] if self.windows is None else self.windows.of(text)

    def _scored(self, texts: Sequence[Encoded], made: _Made) -> list[np.ndarray]:
        """Return the statistics of texts that differ and fit."""
        if not texts:
            return []
        lengths = [max(0, len(text.ids) - text.first) for text in texts]
        vocabulary, most = self.network.vocabulary, IN_PARTS if self._in_parts(made) else SLICE
        memory = torch.empty(min(sum(lengths) * vocabulary, max(vocabulary, most)), device=self.network.device)
        order = [i for i, length in enumerate(lengths) if not length]
        columns = [torch.empty(0, 1 if made.together else made.width, device=self.network.device)]
        with torch.inference_mode():
            for batch in self._batches(texts):
                order += batch.of
                columns += self._statistics(batch, memory, made)
            together = torch.cat(columns).cpu().numpy()
        parts = np.split(together, np.cumsum([lengths[i] for i in order])[:-1])
        return [part for _, part in sorted(zip(order, parts, strict=True), key=lambda pair: pair[0])]

    def _batches(self, texts: Sequence[Encoded]) -> Iterator[_Batch]:
        """Yield every text that has a scored token once."""
        contexts: dict[tuple[int, ...], list[int]] = {}
        alone: list[int] = []
        for i, text in enumerate(texts):
            if len(text.ids) > text.first:
                shares = text.context and self.network.caches
                (contexts.setdefault(tuple(text.ids[: text.context]), []) if shares else alone).append(i)
        alone += [of[0] for of in contexts.values() if len(of) == 1]
        shared = {context: of for context, of in contexts.items() if len(of) > 1}
        for batch in buckets([len(texts[i].ids) - 1 for i in alone], self.batch_tokens):
            yield self._whole(texts, [alone[i] for i in batch])
        prefixes = list(shared)
        for batch in buckets([len(prefix) for prefix in prefixes], self.batch_tokens):
            yield from self._after(texts, {prefixes[i]: shared[prefixes[i]] for i in batch})

    def _whole(self, texts: Sequence[Encoded], of: list[int]) -> _Batch:
        ids, _ = padded([texts[i].ids for i in of], self.network.device)
        spans = [(texts[i].first - 1, len(texts[i].ids) - 1) for i in of]
        targets = [token for i in of for token in texts[i].ids[texts[i].first :]]
        return self._batch(of, self.network.states(ids[:, :-1]), spans, targets)

    def _after(self, texts: Sequence[Encoded], shared: dict[tuple[int, ...], list[int]]) -> Iterator[_Batch]:
        """Read each context once and go on from it with every text; a cached token counts as a quarter of a token."""
        prefix = self.network.prefill(list(shared))
        rows = [(row, i) for row, of in enumerate(shared.values()) for i in of]
        tails = [texts[i].ids[texts[i].context :] for _, i in rows]
        for batch in buckets([len(tail) for tail in tails], self.batch_tokens, extra=prefix.mask.shape[1] / 4):
            ids, _ = padded([tails[j] for j in batch], self.network.device)
            of = [rows[j][0] for j in batch]
            states = prefix.last[of][:, None]
            if ids.shape[1] > 1:
                states = torch.cat([states, self.network.extend(prefix.select(of), ids[:, :-1])], 1)
            spans, targets = [(0, len(tails[j])) for j in batch], [token for j in batch for token in tails[j]]
            yield self._batch([rows[j][1] for j in batch], states, spans, targets)

    def _batch(
        self, of: list[int], states: torch.Tensor, spans: Sequence[tuple[int, int]], targets: list[int]
    ) -> _Batch:
        """Keep of states [text, position, dim] the given positions of each text."""
        width, device = states.shape[1], self.network.device
        kept = torch.cat([row * width + torch.arange(start, end) for row, (start, end) in enumerate(spans)])
        return _Batch(of, states.flatten(0, 1)[kept.to(device)], torch.tensor(targets).to(device))

    def _in_parts(self, made: _Made) -> bool:
        """Tell whether the head is asked for one part of the vocabulary after the other."""
        return made.together is not None and self.network.divisible and self.network.device.type == "cpu"

    def _statistics(self, batch: _Batch, memory: torch.Tensor, made: _Made) -> Iterator[torch.Tensor]:
        """Yield [token, statistic] of a batch slice by slice; `memory` holds the logits of one, or of a part of it."""
        width = tokens = self.network.vocabulary
        rows = len(memory) // width
        if self._in_parts(made):
            rows = min(len(batch.targets), max(1, len(memory) // PART))
            width = min(width, len(memory) // rows)
        vocabulary = [slice(start, min(start + width, tokens)) for start in range(0, tokens, width)]
        few = max(1, CACHED // made.copies // width) if memory.device.type == "cpu" else rows
        for states, targets in zip(batch.states.split(rows), batch.targets[:, None].split(rows), strict=True):
            found = []
            for part in vocabulary:
                size = part.stop - part.start
                logits = self.network.logits(states, out=memory[: len(states) * size].view(-1, size), of=part)
                within = (targets - part.start).clamp_(0, size - 1)
                pairs = zip(logits.split(few), within.split(few), strict=True)
                found.append(torch.cat([made.of(some, target) for some, target in pairs]))
            yield made.together(torch.stack(found), targets // width) if made.together else found[0]


def _summed(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return [token, (m, s, logit of the target)] of a part of the vocabulary; overwrites `logits` [token, part]."""
    highest, chosen = logits.amax(-1, keepdim=True), logits.gather(-1, target)
    return torch.cat([highest, logits.sub_(highest).exp_().sum(-1, keepdim=True), chosen], -1)


def _together(parts: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """Return log p [token, 1] of what `_summed` gave for all parts [part, token, 3]; `of` [token, 1]: the target's."""
    highest, s, chosen = parts.unbind(-1)
    most = highest.amax(0)
    s = (s * (highest - most).exp()).sum(0)
    return (chosen.gather(0, of.T)[0] - most - s.log())[:, None]


def _traced(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return [token, 4] in the order of STATISTICS; overwrites `logits` [token, vocabulary]."""
    highest, chosen = logits.amax(-1, keepdim=True), logits.gather(-1, target)
    below = logits - highest
    rank = 1 + logits.gt_(chosen).sum(-1, keepdim=True)
    e = torch.exp(below, out=logits)
    s = e.sum(-1, keepdim=True)
    below.clamp_(min=-1e4)  # where e is 0, so that a logit of -inf adds nothing
    mean = torch.linalg.vecdot(e, below)[:, None] / s
    variance = torch.linalg.vecdot(e, below.sub_(mean).square_())[:, None] / s
    return torch.cat([chosen - highest - s.log(), s.log() - mean, variance, rank], -1)


def _likeliest(logits: torch.Tensor, target: torch.Tensor, *, k: int) -> torch.Tensor:
    """Return [token, 2k]: the k highest log-probabilities, then whose they are; `target` plays no part.

    A float32 holds every id of a vocabulary below 16 million.
    """
    values, ids = logits.topk(k, dim=-1)
    return torch.cat([values - logits.logsumexp(-1, keepdim=True), ids.to(values.dtype)], -1)


def buckets(lengths: Sequence[int], tokens: int, *, extra: float = 0.0) -> list[list[int]]:
    """Return positions of `lengths` in batches of similar length, longest first.

    A batch closes when padding would pass WASTE of it and SPARE tokens, or rows times (longest + extra) pass `tokens`.
    """
    batches: list[list[int]] = []
    longest = real = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        rows = len(batches[-1]) + 1 if batches else 0
        padding = longest * rows - real - lengths[i]
        if not rows or rows * (longest + extra) > tokens or padding > max(SPARE, WASTE * longest * rows):
            batches.append([])
            longest, real = lengths[i], 0
        batches[-1].append(i)
        real += lengths[i]
    return batches
