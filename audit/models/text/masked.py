"""Scores tokens under a masked network, each from a copy of its text in which it is hidden.

    token   log p(x_t | x with x_t hidden)                                     as many copies as tokens
    word    log p(x_t | x with x_t and what follows it in its word hidden)     Kauf & Ivanova 2023, arXiv:2305.10588
    none    log p(x_t | x), nothing hidden: one copy                           Kaneko & Bollegala 2022, arXiv:2104.07496

and, where asked for, the attention that each token of a copy gets: the mean over layers, heads and all tokens of the
text, those around it included. Copies of all texts go through the network together, those of like length side by side;
padding is masked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from audit.errors import ModelError
from audit.model import Hidden, Item
from audit.models.text.network import padded
from audit.models.text.scoring import buckets
from detectors.immutable import immutable

__all__ = ["MaskedScorer", "MaskedText"]


@immutable
class MaskedText:
    """A text as the network reads it, with what the tokenizer puts around it."""

    ids: list[int]
    scored: list[int]
    """Positions of the text's own tokens."""
    elements: list[str]
    """The tokens as the tokenizer writes them."""
    words: list[int | None]
    """Which word each token is of; empty where nobody asked."""


class _Copy(NamedTuple):
    """A copy of text `of` in which `hidden` positions are masked and `scored` ones are looked at."""

    of: int
    hidden: list[int]
    scored: list[int]


class MaskedScorer:
    """A masked language model of transformers with its tokenizer, asked with texts."""

    def __init__(self, network: Any, tokenizer: Any, name: str, batch_tokens: int) -> None:
        """Take over an eval-mode network; raises ModelError where there is no mask token."""
        if tokenizer.mask_token_id is None:
            raise ModelError(f"{name}: the tokenizer has no mask token; allowed: a masked language model's")
        self._network, self._tokenizer, self._name, self._batch_tokens = network, tokenizer, name, batch_tokens
        limits = (tokenizer.model_max_length, getattr(network.config, "max_position_embeddings", None))
        self._limit = min(limit for limit in limits if limit is not None)

    def encoded(self, items: Sequence[Item], *, words: bool) -> list[MaskedText]:
        """Return the texts as tokens; raises ModelError as `MaskedLM.pseudo_trace` does."""
        for item in items:
            if not isinstance(item, str):
                raise ModelError(f"{self._name}: got a {type(item).__name__}; allowed: str")
        if not items:
            return []
        read = self._tokenizer(list(items), return_special_tokens_mask=True, verbose=False)
        if words and not self._tokenizer.is_fast:
            raise ModelError(f"{self._name}: the tokenizer does not tell words; allowed: one of the fast kind")
        found = []
        for i, (ids, special) in enumerate(zip(read["input_ids"], read["special_tokens_mask"], strict=True)):
            if len(ids) > self._limit:
                what = f"item {i} has {len(ids):,} tokens"
                raise ModelError(f"{self._name}: {what}; the model's context holds {self._limit:,}")
            scored = [place for place, flag in enumerate(special) if not flag]
            elements = self._tokenizer.convert_ids_to_tokens(ids)
            found.append(MaskedText(ids, scored, elements, list(read.word_ids(i)) if words else []))
        return found

    def score(self, texts: Sequence[MaskedText], hidden: Hidden, *, attention: bool = False) -> list[np.ndarray]:
        """Return (nats, attention) [2, token] of each text, float64, NaN for tokens that are not the text's own.

        attention: whether to look; NaN otherwise, and where the network does not tell it.
        """
        scores = [np.full((2, len(text.ids)), np.nan) for text in texts]
        copies = [copy for i, text in enumerate(texts) for copy in _copies(i, text, hidden)]
        with torch.inference_mode(), self._attending(attention):
            for batch in buckets([len(texts[copy.of].ids) for copy in copies], self._batch_tokens):
                chosen = [copies[place] for place in batch]
                for copy, found in zip(chosen, self._scored(texts, chosen, attention), strict=True):
                    scores[copy.of][:, copy.scored] = found
        return scores

    @contextmanager
    def _attending(self, attention: bool) -> Iterator[None]:
        """Let the network compute attention in the way that tells it, as fused kernels do not."""
        usual = self._network.config._attn_implementation
        if attention:
            self._network.set_attn_implementation("eager")
        try:
            yield
        finally:
            if attention:
                self._network.set_attn_implementation(usual)

    def _scored(self, texts: Sequence[MaskedText], copies: Sequence[_Copy], attention: bool) -> list[np.ndarray]:
        """Return (nats, attention) [2, scored token] of each copy, from one forward pass."""
        ids, mask = padded([texts[copy.of].ids for copy in copies], self._network.device)
        shown = ids.clone()
        for row, copy in enumerate(copies):
            shown[row, copy.hidden] = self._tokenizer.mask_token_id
        output = self._network(input_ids=shown, attention_mask=mask.long(), output_attentions=attention)
        rows = [row for row, copy in enumerate(copies) for _ in copy.scored]
        places = [place for copy in copies for place in copy.scored]
        chosen = output.logits[rows, places].float()
        nats = chosen.gather(-1, ids[rows, places][:, None])[:, 0] - chosen.logsumexp(-1)
        looked = _looked_at(output.attentions, mask)[rows, places] if attention and output.attentions else nats * np.nan
        sizes = np.cumsum([len(copy.scored) for copy in copies])[:-1]
        return np.split(torch.stack([nats, looked]).double().cpu().numpy(), sizes, axis=1)


def _looked_at(attentions: Sequence[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    """Return the mean attention [row, token] over layers, heads and the tokens that `mask` holds."""
    mean = torch.stack([layer.float().mean(1) for layer in attentions]).mean(0)
    shown = mask.float()
    return (mean * shown[:, :, None]).sum(1) / shown.sum(1, keepdim=True)


def _copies(of: int, text: MaskedText, hidden: Hidden) -> Iterator[_Copy]:
    """Yield the copies of a text that are needed, none for a text without a token of its own."""
    if hidden == "none":
        if text.scored:
            yield _Copy(of, [], text.scored)
        return
    for place in text.scored:
        behind = [other for other in text.scored if other > place and text.words[other] == text.words[place]]\
            if hidden == "word" else []
        yield _Copy(of, [place, *behind], [place])
