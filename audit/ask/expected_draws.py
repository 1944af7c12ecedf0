"""Which draws a part of a check will ask for, seen without asking: its first question, if what it asks is drawn.

    numbers of part k begin at the sum over parts before it of the draws for each prompt

Draws are numbered over a whole check (`audit.numbering`). Whoever answers a part alone must know where its numbers
begin, which the questions of the parts before it tell. What a part asks later, having seen an answer, stays unseen;
where such draws repeat prompts of other parts, they get other numbers than in one pass, and are asked again in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from audit.ask.asker import Asker
from audit.ask.questions import procedure_for
from audit.errors import ModelError
from audit.numbering import numbers_of, prompt_digest

if TYPE_CHECKING:
    import pandas as pd

    from audit.model import Item

__all__ = ["Foresight"]


class _Asked(BaseException):
    """The first question was put; no probe catches it."""


class Foresight(Asker):
    """A door behind which nobody answers; it counts the draws that the first question of each part asks for."""

    _first: dict[str, dict[bytes, int]]

    def before(self, observe: Callable[[Foresight], Any]) -> dict[str, dict[bytes, int]]:
        """Return, for a part that `observe` puts to this door, key -> prompt's digest -> draws in the parts before.

        Empty where the first question is not drawn, or there is none; prompts that are new are left out.
        """
        self._first = {}
        try:
            observe(self)
        except (_Asked, Exception):
            return self._first
        return {}

    def __call__(
        self, question: str, items: Sequence[Item], *, model: str = "main", **options: Any
    ) -> pd.DataFrame:
        """Count what is drawn; never returns."""
        if model not in self.models:
            raise ModelError(f"no model {model!r}")
        if procedure_for(question).random:
            key = self._key(self.models[model], question, options, seed=self.seed)
            digests = [prompt_digest(item) for item in items]
            begin: dict[bytes, int] = {}
            for digest, number in zip(digests, numbers_of(items, self._drawn[key]), strict=True):
                begin.setdefault(digest, number)
            self._first = {key: {digest: number for digest, number in begin.items() if number}}
        raise _Asked
