"""Text to token ids: which tokens of an item are given and which are scored.

    Continuation(prompt, text)   context = longest common prefix of encode(prompt) and encode(prompt + text)

So a token that reaches over the boundary belongs to the text, and the model sees the tokens it would see in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audit.errors import ModelError
from audit.model import Continuation, Item, Parted
from audit.models.text.chat import ChatTemplate
from audit.models.text.spans import byte_ends, byte_starts, characters, spelled_bytes
from audit.models.text.windows import Encoded
from detectors.immutable import immutable

__all__ = ["Encoder"]


@immutable
class Encoder:
    """A model's tokenizer, with its chat template where prompts are a user's turns."""

    tokenizer: Any
    name: str
    """Of the model, for messages."""
    limit: int | None
    """Most tokens that the model was made for; None where it has no such limit."""
    start: int | None
    """Token that a text without prompt begins after; None where the tokenizer has none."""
    chat: ChatTemplate | None = None

    def items(self, items: Sequence[Item]) -> list[Encoded]:
        """Return every item's tokens, however many; a `str` has no context. Raises ModelError for other types."""
        for item in items:
            if not isinstance(item, str | Continuation):
                raise ModelError(f"{self.name}: got a {type(item).__name__}; allowed: str or Continuation")
        pairs = [(i, item) for i, item in enumerate(items) if isinstance(item, Continuation)]
        plain = [(i, item) for i, item in enumerate(items) if isinstance(item, str)]
        encoded = {i: Encoded(ids, 0) for (i, _), ids in zip(plain, self._ids([s for _, s in plain]), strict=True)}
        prompts = {prompt: self._as_given(prompt) for prompt in dict.fromkeys(pair.prompt for _, pair in pairs)}
        special = self.chat is None
        contexts = dict(zip(prompts, self._ids(list(prompts.values()), special=special), strict=True))
        wholes = self._ids([prompts[pair.prompt] + pair.text for _, pair in pairs], special=special)
        for (i, pair), whole in zip(pairs, wholes, strict=True):
            encoded[i] = Encoded(whole, _common(contexts[pair.prompt], whole))
        return [encoded[i] for i in range(len(items))]

    def whole(self, items: Sequence[Item]) -> list[list[int]]:
        """Return every item's tokens, its prompt's too; raises ModelError for an item that is empty or too long."""
        rows = [text.ids for text in self.items(items)]
        for i, ids in enumerate(rows):
            if not ids:
                raise ModelError(f"{self.name}: item {i} has no token; an embedding needs one or more")
            self._check(f"item {i}", len(ids))
        return rows

    def prompts(self, prompts: Sequence[str | None], *, room: int) -> list[list[int]]:
        """Return tokens to go on from, at least one; ModelError where a prompt and `room` tokens are too long."""
        given = [i for i, prompt in enumerate(prompts) if prompt is not None]
        texts = [self._as_given(prompt) for prompt in prompts if prompt is not None]
        rows: list[list[int]] = [[] for _ in prompts]
        for i, ids in zip(given, self._ids(texts, special=self.chat is None), strict=True):
            rows[i] = ids
        for i, row in enumerate(rows):
            if not row and self.start is None:
                raise ModelError(f"{self.name}: prompt {i} is empty, and the tokenizer has no start token")
            rows[i] = row or [self.start]  # type: ignore[list-item]
            self._check(f"prompt {i} with max_tokens {room}", len(rows[i]) + room)
        return rows

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of every text, with nothing put before or behind them."""
        return self._ids(list(texts), special=False)

    def text(self, prompt: list[int], tokens: list[int]) -> str:
        """Return what `tokens` add to the text of `prompt` (some tokenizers drop a blank at the start of a text)."""
        return self._decode(prompt + tokens)[len(self._decode(prompt)) :]

    def pieces(self, ids: Sequence[int]) -> np.ndarray:
        """Return each token's text, an array of str, as it reads behind other text."""
        distinct, place = np.unique(np.asarray(ids, dtype=np.int64), return_inverse=True)
        (before,) = self._ids(["a"], special=False)
        rows = [before, *([*before, token] for token in distinct.tolist())]
        first, *texts = self.tokenizer.batch_decode(rows, clean_up_tokenization_spaces=False)
        return np.array([text[len(first) :] for text in texts], dtype=object)[place]

    def spans(self, items: Sequence[Item]) -> list[np.ndarray]:
        """Return per item [token, 4] as `audit.model.CanLocate` has it, tokens as in a trace."""
        texts = self.items(items)
        prompts = ["" if isinstance(item, str) else self._as_given(item.prompt) for item in items]
        wholes = [prompt + (item if isinstance(item, str) else item.text)
                  for prompt, item in zip(prompts, items, strict=True)]
        offsets = self._offsets(wholes, [isinstance(item, str) or self.chat is None for item in items])
        found = []
        for text, prompt, whole, spans in zip(texts, prompts, wholes, offsets, strict=True):
            starts = byte_starts(whole)
            spelled = spelled_bytes(self.tokenizer.convert_ids_to_tokens(text.ids))
            ends = byte_ends(starts, spans, spelled)[text.context :]
            begins = np.concatenate([[0], ends[:-1]])[: len(ends)]
            inside = np.clip(np.stack([begins, ends], axis=1), starts[len(prompt)], None)
            touched = characters(starts, inside) - len(prompt)
            scored = np.arange(len(ends)) >= text.first - text.context
            found.append(np.column_stack([touched, np.diff(inside, axis=1), scored]))
        return found

    def parts(self, items: Sequence[Parted]) -> list[np.ndarray]:
        """Return per item the part of its prompt in which each token of its context begins, [token]; -1 = in none."""
        if not self.tokenizer.is_fast:
            raise ModelError(f"{self.name}: its tokenizer does not tell where tokens stand; allowed: a fast tokenizer")
        found = []
        for item, text in zip(items, self.items(items), strict=True):
            given = self._as_given(item.prompt)
            before = given.find(item.prompt)
            if before < 0:
                raise ModelError(f"{self.name}: its chat template changes the prompt; allowed: prompt_form raw")
            (offsets,) = self._offsets([given + item.text], [self.chat is None])
            first, last = np.array(offsets[: text.context], dtype=np.int64).reshape(-1, 2).T
            begins, ends = np.array(item.parts, dtype=np.int64).reshape(-1, 2).T + before
            place = np.searchsorted(begins, first, "right") - 1
            found.append(np.where((place >= 0) & (first < np.append(ends, 0)[place]) & (first < last), place, -1))
        return found

    def _offsets(self, texts: Sequence[str], special: Sequence[bool]) -> list[Any]:
        """Return the characters [token, 2] of each text's tokens, (0, 0) for those that a tokenizer puts around it.

        Of a tokenizer that does not tell, every other token has them all.
        """
        found: list[Any] = [None] * len(texts)
        for flag in set(special):
            chosen = [i for i, one in enumerate(special) if one == flag]
            fast, around = self.tokenizer.is_fast, set(self.tokenizer.all_special_ids)
            some = [texts[i] for i in chosen]
            read = self.tokenizer(some, add_special_tokens=flag, verbose=False, return_offsets_mapping=fast)
            told = read["offset_mapping"] if fast else [
                [(0, 0 if token in around else len(text)) for token in ids]
                for text, ids in zip(some, read["input_ids"], strict=True)
            ]
            for i, spans in zip(chosen, told, strict=True):
                found[i] = spans
        return found

    def _as_given(self, prompt: str) -> str:
        return prompt if self.chat is None else self.chat.render(prompt)

    def _ids(self, texts: list[str], *, special: bool = True) -> list[list[int]]:
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=special, verbose=False)["input_ids"]
        return ids

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _check(self, what: str, tokens: int) -> None:
        if self.limit is not None and tokens > self.limit:
            raise ModelError(f"{self.name}: {what} has {tokens:,} tokens; the model's context holds {self.limit:,}")


def _common(context: list[int], whole: list[int]) -> int:
    """Return the length of the longest common prefix."""
    if whole[: len(context)] == context:
        return len(context)
    shorter = min(len(context), len(whole))
    differs = np.array(context[:shorter]) != np.array(whole[:shorter])
    return int(differs.argmax()) if differs.any() else shorter
