"""A causal network in three calls: the states of token rows, a cached prefix, and rows that go on from it.

    z_t = head(state_t),   p(x_{t+1} | x_1..x_t) = softmax(z_t)

A state needs what stands left of it only, so rows are padded on the right and need no mask. Prefixes are padded on the
left, so that what follows stands next to them. What a network is found not to do (an output layer that is more than
its head, a cache that cannot be copied) is found at opening, on eight tokens, and gone round.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import DynamicLayer

from audit.errors import ModelError

__all__ = ["CausalNetwork", "Prefix", "padded"]

WHOLE = slice(None)


class _Rows(DynamicLayer):  # type: ignore[misc]
    """Rows of a layer of a cache; they are copied once, to where the tokens that come stand behind them."""

    keys: torch.Tensor
    values: torch.Tensor
    rows: torch.Tensor | None
    """[row], those of `keys` and `values` that are meant; None once they are copied."""

    def __init__(self, layer: DynamicLayer, rows: torch.Tensor) -> None:
        """Take rows of a layer, which stays as it is; of one whose rows were not copied yet, some of these."""
        chosen = getattr(layer, "rows", None)
        self.__dict__.update(layer.__dict__, rows=rows if chosen is None else chosen[rows])

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put new keys and values [row, head, position, dim] behind those that are held; return all."""
        if self.rows is None:
            super().update(key_states, value_states, *args, **kwargs)
        else:
            self.keys = _behind(self.keys, self.rows, key_states)
            self.values = _behind(self.values, self.rows, value_states)
            self.rows = None
        return self.keys, self.values


def _behind(held: torch.Tensor, rows: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """Return rows of `held` [row, head, position, dim] with `new` behind them."""
    before = held.shape[-2]
    longer = new.new_empty(*new.shape[:2], before + new.shape[2], new.shape[3])
    torch.index_select(held, 0, rows, out=longer[:, :, :before])
    longer[:, :, before:] = new
    return longer


@dataclass
class Prefix:
    """Rows that were read and can be gone on from; `CausalNetwork.extend` lengthens them in place."""

    cache: Any
    """Keys and values of all layers."""
    mask: torch.Tensor
    """[row, position], False where padded on the left."""
    last: torch.Tensor
    """[row, dim]: the state of each row's last token."""

    def select(self, rows: Sequence[int]) -> Prefix:
        """Return the given rows, one may come several times; this prefix stays as it is."""
        index = torch.tensor(rows, device=self.mask.device)
        cache = copy.copy(self.cache)
        cache.layers = [_chosen(layer, index) for layer in cache.layers]
        return Prefix(cache, self.mask[index], self.last[index])


def _chosen(layer: Any, rows: torch.Tensor) -> Any:
    """Return some rows of a layer of a cache, which stays as it is."""
    if type(layer) in (DynamicLayer, _Rows):
        return _Rows(layer, rows)
    chosen = copy.copy(layer)
    chosen.batch_select_indices(rows)
    return chosen


class CausalNetwork:
    """A causal language model of transformers, asked with rows of token ids."""

    def __init__(self, model: Any) -> None:
        """Take over an eval-mode model; raises ModelError for one that is not causal, or gives NaN."""
        self.model = model
        self.device = _device_of(model)
        takes = inspect.signature(model.forward).parameters
        self._positions = "position_ids" in takes
        self._cache = "cache" if "cache" in takes else "past_key_values"  # its name before transformers 5.24
        self._body, self._field, self._head = model.base_model, "last_hidden_state", model.get_output_embeddings()
        with torch.inference_mode():
            rows = torch.arange(8, device=self.device).repeat(2, 1) % model.get_input_embeddings().weight.shape[0]
            rows[1, -1] = 0  # the rows differ in their last token, and must not before it
            logits = model(input_ids=rows, use_cache=False, return_dict=True).logits
            if logits.isnan().any():
                raise ModelError(f"{type(model).__name__} gives NaN for eight tokens in {logits.dtype}")
            if not _near(logits[0, :-1], logits[1, :-1]):
                raise ModelError(f"{type(model).__name__} is not causal: earlier tokens see later ones")
            self.vocabulary = int(logits.shape[-1])
            if not self._head_gives(logits, rows):
                self._body, self._field, self._head = model, "logits", torch.nn.Identity()
            self.divisible = _is_plain(self._head)
            """Whether `logits` can be asked for a part of the vocabulary."""
            self.caches = self._cache_can_be_copied(rows[0].tolist())

    def states(self, rows: torch.Tensor) -> torch.Tensor:
        """Return [row, position, dim] for ids [row, position] padded on the right; `logits` goes on from there.

        rows: or their embeddings [row, position, dim], through which gradients go.
        """
        given = {"inputs_embeds" if rows.is_floating_point() else "input_ids": rows}
        states: torch.Tensor = self._body(**given, use_cache=False, return_dict=True)[self._field]
        return states.to(self.device)

    def head(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits [..., vocabulary] of states [..., dim], through which gradients go."""
        logits: torch.Tensor = self._head(states)
        return logits

    def logits(self, states: torch.Tensor, *, out: torch.Tensor, of: slice = WHOLE) -> torch.Tensor:
        """Write the logits of states [token, dim] to `out` [token, vocabulary], float32, and return it.

        of: a part of the vocabulary, where it is `divisible`; `out` is as wide as the part.
        """
        if not self.divisible:
            return out.copy_(self._head(states))
        weight, bias = self._head.weight[of], None if self._head.bias is None else self._head.bias[of]
        if bias is None and states.dtype == out.dtype:
            return torch.mm(states, weight.T, out=out)
        return out.copy_(torch.nn.functional.linear(states, weight, bias))

    def hidden(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states [row, position, dim] for ids [row, position] padded on the right."""
        out = self.model.base_model(input_ids=rows, use_cache=False, return_dict=True)
        hidden: torch.Tensor = out.last_hidden_state
        return hidden.to(self.device)

    def prefill(self, prefixes: Sequence[Sequence[int]]) -> Prefix:
        """Read prefixes, each of one token or more."""
        rows, mask = padded(prefixes, self.device, side="left")
        out = self._body(input_ids=rows, use_cache=True, return_dict=True, **self._places(mask, rows.shape[1]))
        return Prefix(out[self._cache], mask, out[self._field][:, -1].to(self.device))

    def extend(self, prefix: Prefix, rows: torch.Tensor) -> torch.Tensor:
        """Go on from `prefix` with ids [row, position]; return their states [row, position, dim]."""
        prefix.mask = torch.cat([prefix.mask, torch.ones_like(rows, dtype=torch.bool)], 1)
        places = self._places(prefix.mask, rows.shape[1])
        past = {self._cache: prefix.cache}
        out = self._body(input_ids=rows, use_cache=True, return_dict=True, **past, **places)
        states: torch.Tensor = out[self._field].to(self.device)
        prefix.cache, prefix.last = out[self._cache], states[:, -1]
        return states

    def _places(self, mask: torch.Tensor, new: int) -> dict[str, torch.Tensor]:
        """Say where the last `new` tokens stand; nothing where no row is padded, as then counting is enough."""
        if bool(mask.all()):
            return {}
        places = {"attention_mask": mask.long()}
        if self._positions:
            places["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)[:, -new:]
        return places

    def _head_gives(self, logits: torch.Tensor, rows: torch.Tensor) -> bool:
        """Tell whether the model's logits are its head on its last hidden states, without a cap or a scale."""
        try:
            return bool(torch.equal(self._head(self.states(rows)), logits))
        except (AttributeError, KeyError, TypeError, RuntimeError):
            return False

    def _cache_can_be_copied(self, tokens: list[int]) -> bool:
        """Tell whether going on from copied, unequally long prefixes of eight tokens gives the states of the whole."""
        whole = self.states(torch.tensor([tokens], device=self.device))[0]
        try:
            prefix = self.prefill([tokens[:3], tokens[:6]]).select([1, 0])
            more = torch.tensor([tokens[6:8], tokens[3:5]], device=self.device)
            got = torch.cat([prefix.last[1:], *self.extend(prefix, more)])
        except (AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError, RuntimeError):
            return False
        return _near(got, whole[[2, 6, 7, 3, 4]])


def _device_of(model: Any) -> Any:
    """Return where a model takes its inputs; of one that is spread over devices, the first that computes."""
    spread = dict(getattr(model, "hf_device_map", None) or {}).values()
    computing = [one for one in spread if one not in ("disk", "meta")]
    if not spread:
        return model.device
    return torch.device(computing[0] if computing else "cuda" if torch.cuda.is_available() else "cpu")


def _is_plain(head: Any) -> bool:
    """Tell whether a head is a matrix at hand, and no more: neither packed, nor brought in when it is called."""
    plain = type(head) is torch.nn.Linear and type(head.weight) is torch.nn.Parameter
    return plain and not hasattr(head, "_hf_hook")


def _near(got: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Tell whether two ways of computing the same agree, for their number format."""
    share = 1e-3 if wanted.dtype == torch.float32 else 0.05
    size = float(wanted[wanted.isfinite()].abs().max())
    return bool(torch.allclose(got, wanted, rtol=share, atol=share * size))


def padded(rows: Sequence[Sequence[int]], device: Any, *, side: str = "right") -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids [row, position] and a mask of the same shape that is False where a row is padded."""
    lengths = np.array([len(row) for row in rows])[:, None]
    longest = int(lengths.max())
    positions = np.arange(longest)
    mask = positions < lengths if side == "right" else positions >= longest - lengths
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = [token for row in rows for token in row]
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
