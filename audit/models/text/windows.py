"""How a text longer than the model's context of L tokens is read: in windows that move on by S tokens, the stride.

    window k holds tokens kS ... kS + L - 1; scored in it are those that no earlier window held

So every token is scored once, and from the second window on with L - S tokens or more to its left: by default half the
context. A later window begins within the text, without a start token. Windows stand at the same places in every text,
so that continuations of one long prompt share what is read of it. The kept tokens are read anew: a cache whose left
side is cut off would spare that, but gives other values (SmolLM2-135M, L = 256: 0.8 nats more per token).
"""

from __future__ import annotations

from typing import NamedTuple

from detectors.immutable import immutable

__all__ = ["Encoded", "Windows"]


class Encoded(NamedTuple):
    """A text as token ids, the first `context` of which are given and not scored."""

    ids: list[int]
    context: int

    @property
    def first(self) -> int:
        """Position of the first token that can be scored: one with something to its left."""
        return max(self.context, 1)


@immutable
class Windows:
    """The windows of a model."""

    limit: int
    """Most tokens that the model was made for, L."""
    stride: int
    """Tokens by which a window moves on, S, from 1 to L - 1."""

    def of(self, text: Encoded) -> list[Encoded]:
        """Return the windows in which the scored tokens of a text stand, in order; itself where it fits or has none."""
        length = len(text.ids)
        if length <= self.limit:
            return [text]
        kept = self.limit - self.stride
        found = []
        for start in range(0, length - kept, self.stride):
            if start + self.limit > text.context:
                context = max(text.context - start, kept if start else 0)
                found.append(Encoded(text.ids[start : start + self.limit], context))
        return found or [text]
