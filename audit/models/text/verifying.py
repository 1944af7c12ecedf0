"""Reads pairs of texts under a network with a head for support, every premise whole, in as many pieces as it takes.

    piece k of a premise: the tokens from k (R - O) on, R of them: what the hypothesis leaves of the context; O overlap

The tokenizer cuts them, so that marks and kinds of tokens stand where the network learnt them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from audit.errors import ModelError
from audit.model import Pair
from audit.models.text.scoring import buckets
from detectors.immutable import immutable

__all__ = ["Reader", "TokenVerifier", "Verifier"]

_AT_ONCE = 512
"""Pairs that are tokenised together, so that memory is bounded."""
_OFFSET = frozenset({"camembert", "longformer", "roberta", "xlm-roberta", "xlm-roberta-xl", "mpnet"})
"""Kinds of networks that number positions from behind that of padding on."""
_USUAL = 512
"""Tokens that are read together where neither network nor tokenizer names a limit."""
_HALF = 0.5
"""A token that is supported less is rather made up than not."""
_LARGEST_LIMIT = 1 << 20
"""A limit above stands for none."""


Kinds = Callable[[Sequence[int], Sequence[int]], list[int]]
"""(ids, 1 for those of the hypothesis) -> kinds of tokens."""


class _Piece(NamedTuple):
    """What the network reads at once of pair `of`."""

    of: int
    inputs: dict[str, list[int]]
    asked: list[int]
    """Places of the hypothesis's tokens."""
    where: list[tuple[int, int]]
    """Characters of the hypothesis that each of these stands for."""


Spans = list[tuple[int, int]]
"""Parts of a hypothesis, by first character and the one behind the last."""


class Reader:
    """A network of transformers that is asked with pairs."""

    def __init__(
        self, network: Any, tokenizer: Any, name: str, batch_tokens: int, columns: Sequence[int],
        kinds: Kinds | None = None,
    ) -> None:
        if not tokenizer.is_fast:
            raise ModelError(f"{name}: the tokenizer does not cut a text in pieces; allowed: one of the fast kind")
        if tokenizer.pad_token_id is None:
            raise ModelError(f"{name}: the tokenizer has no token for padding; allowed: one that has")
        self._network, self._tokenizer, self._name = network, tokenizer, name
        self._batch_tokens, self._columns, self._kinds = batch_tokens, list(columns), kinds
        self.limit = min(_limits(network, tokenizer), default=_USUAL)
        self._around = tokenizer.num_special_tokens_to_add(pair=True)

    def read(self, pairs: Sequence[Pair]) -> tuple[np.ndarray, list[Spans]]:
        """Return probabilities [pair, 3], NaN where the hypothesis leaves no room, and what is made up in each."""
        rows, spans = np.full((len(pairs), 3), np.nan), [Spans() for _ in pairs]
        with torch.inference_mode():
            for start in range(0, len(pairs), _AT_ONCE):
                cut = list(self._cut(pairs[start : start + _AT_ONCE]))
                found: dict[int, list[tuple[np.ndarray, Spans]]] = {}
                for place, row, marked in self._answers(cut):
                    found.setdefault(place, []).append((row, marked))
                for place, several in found.items():
                    speaker = several[_speaker(np.stack([row for row, _ in several]))]
                    rows[start + place], spans[start + place] = speaker
        return rows, spans

    def pieces(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Return in how many pieces each premise is read [pair]; 0 where the hypothesis leaves no room."""
        counts = np.zeros(len(pairs), dtype=np.int64)
        for start in range(0, len(pairs), _AT_ONCE):
            for piece in self._cut(pairs[start : start + _AT_ONCE]):
                counts[start + piece.of] += 1
        return counts

    def _cut(self, pairs: Sequence[Pair]) -> Iterator[_Piece]:
        """Yield all pieces, in order; a hypothesis may take half of the context."""
        for pair in pairs:
            if not isinstance(pair, Pair):
                raise ModelError(f"{self._name}: got a {type(pair).__name__}; allowed: Pair")
        lengths = self._tokenizer([one.hypothesis for one in pairs], add_special_tokens=False, verbose=False)
        fits = [i for i, ids in enumerate(lengths["input_ids"]) if len(ids) <= self.limit // 2 - self._around]
        if not fits:
            return
        cut = self._tokenizer(
            [pairs[i].premise for i in fits], [pairs[i].hypothesis for i in fits], truncation="only_first",
            max_length=self.limit, stride=self.limit // 8, return_overflowing_tokens=True, verbose=False,
            return_offsets_mapping=True,
        )  # fmt: skip
        named = [name for name in self._tokenizer.model_input_names if name in cut]
        for row, sample in enumerate(cut["overflow_to_sample_mapping"]):
            asked = [place for place, which in enumerate(cut.sequence_ids(row)) if which == 1]
            inputs = {name: cut[name][row] for name in named}
            if self._kinds is not None:
                side = [int(which == 1) for which in cut.sequence_ids(row)]
                inputs["token_type_ids"] = self._kinds(cut["input_ids"][row], side)
            yield _Piece(fits[sample], inputs, asked, [cut["offset_mapping"][row][place] for place in asked])

    def _answers(self, cut: Sequence[_Piece]) -> Iterator[tuple[int, np.ndarray, Spans]]:
        """Yield (pair, probabilities [3], what is made up) of every piece, those of like length together."""
        for batch in buckets([len(piece.inputs["input_ids"]) for piece in cut], self._batch_tokens):
            chosen = [cut[place] for place in batch]
            filled = {"input_ids": self._tokenizer.pad_token_id}
            inputs = {
                name: pad_sequence([torch.tensor(piece.inputs[name]) for piece in chosen], True, filled.get(name, 0))
                for name in chosen[0].inputs
            }
            logits = self._network(**{name: one.to(self._network.device) for name, one in inputs.items()}).logits
            outputs = _outputs(logits.float()).double().cpu().numpy()
            for piece, output in zip(chosen, outputs, strict=True):
                yield piece.of, self._row(output, piece.asked), self._marked(output, piece)

    def _row(self, output: np.ndarray, asked: Sequence[int]) -> np.ndarray:
        """Return probabilities [3] from those of one piece: [output], or of a network for tokens [token, output]."""
        if output.ndim == 2:
            supported = output[asked][:, self._columns.index(0)]
            made_up = 1 - supported.min(initial=1.0)
            return np.array([1 - made_up, made_up, 0.0])
        if len(output) == 1:
            return np.array([output[0], 1 - output[0], 0.0])
        row = np.zeros(3)
        np.add.at(row, self._columns, output)
        return row


    def _marked(self, output: np.ndarray, piece: _Piece) -> Spans:
        """Return the parts of the hypothesis that are rather made up than not; none where tokens are not told apart."""
        spans = Spans()
        if output.ndim == 1:
            return spans
        made_up = output[piece.asked][:, self._columns.index(0)] < _HALF
        for place, (start, end) in enumerate(piece.where):
            if made_up[place] and place and made_up[place - 1]:
                spans[-1] = (spans[-1][0], end)
            elif made_up[place]:
                spans.append((start, end))
        return spans


@immutable
class Verifier:
    """An opened verifier."""

    name: str
    fingerprint: str
    numerics: dict[str, Any]
    """What can move a result in its last digits: device, dtype, threads."""
    reader: Reader

    family: ClassVar[str] = "verifier"
    modality: ClassVar[str] = "text"

    def verify(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Return probabilities [pair, 3]; see `audit.model.CanVerify`."""
        return self.reader.read(pairs)[0]

    def pieces(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Return in how many pieces each premise is read [pair]."""
        return self.reader.pieces(pairs)


@immutable
class TokenVerifier(Verifier):
    """One that tells of every token whether it is made up."""

    def marked(self, pairs: Sequence[Pair]) -> tuple[np.ndarray, list[Spans]]:
        """Return what `verify` does, and what of each hypothesis is made up, by the piece that spoke."""
        return self.reader.read(pairs)


def _outputs(logits: torch.Tensor) -> torch.Tensor:
    """Return probabilities of logits [..., output]; those of a single output are of a sigmoid."""
    return logits.sigmoid() if logits.shape[-1] == 1 else logits.softmax(-1)


def _speaker(rows: np.ndarray) -> int:
    """Return the place of the piece that speaks for a premise, of rows [piece, 3]."""
    entails = int(rows[:, 0].argmax())
    return entails if rows[entails, 0] > rows[entails, 2] else int(rows[:, 2].argmax())


def _limits(network: Any, tokenizer: Any) -> Iterator[int]:
    """Yield how many tokens a tokenizer and a network say they take."""
    positions = getattr(network.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        offset = network.config.model_type in _OFFSET
        yield positions - ((network.config.pad_token_id or 0) + 1 if offset else 0)
    if 0 < tokenizer.model_max_length <= _LARGEST_LIMIT:
        yield tokenizer.model_max_length
