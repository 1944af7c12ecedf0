"""Answers that are paid one by one, kept one by one: a kill loses those in flight, not the shard that they belong to.

    observed/<question>/<items>.jsonl      {"item": position, "answer": ..., "mac": ...}, a line an answer

The shard is asked for what its file does not hold, and stored whole as ever, so that a result depends neither on a kill
nor on the shard's size; then the file goes. Lines that this installation did not write are left out, as in the journal.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.files import add_line, canonical, parse_json, read_lines
from audit.model import Item, LikelihoodKind, Sample
from audit.signing import Secret

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Continued", "tells_each"]


def tells_each(model: object, question: str) -> bool:
    """Tell whether a model hands over each answer to this question as it comes (`each`)."""
    return question in ("sample", "log_prob") and "each" in inspect.signature(getattr(model, question)).parameters


class Continued:
    """A model that is asked for what is not kept yet; `found` holds position -> answer as JSON has it."""

    def __init__(self, model: Any, path: Path, folder: str) -> None:
        self.name: str = model.name
        self._model, self._path, self._words = model, path, ("item", folder, f"{path.parent.name}/{path.stem}")
        self.found: dict[int, Any] = dict(self._kept())

    def sample(self, prompts: Sequence[str | None], *, numbers: Sequence[int], **options: Any) -> list[Sample]:
        """Return the draws as `CanSample.sample` does, those that are kept without asking."""
        left = [k for k in range(len(prompts)) if k not in self.found]

        def keep(k: int, one: Sample) -> None:
            if one.problem is None:
                self._note(left[k], [one.content, one.finish, one.elements])

        some, theirs = ([column[k] for k in left] for column in (prompts, numbers))
        drawn = dict(zip(left, self._model.sample(some, numbers=theirs, each=keep, **options), strict=True))
        return [drawn[k] if k in drawn else Sample(*self.found[k]) for k in range(len(prompts))]

    def log_prob(self, items: Sequence[Item], **options: Any) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats, kind) as `CanScore.log_prob` does, those that are kept without asking."""
        import numpy as np

        left = [k for k in range(len(items)) if k not in self.found]
        some = [items[k] for k in left]
        nats, kind = self._model.log_prob(some, each=lambda k, one: self._note(left[k], one), **options)
        whole = np.array([self.found.get(k, np.nan) for k in range(len(items))], float)
        whole[left] = nats
        return whole, kind

    def _note(self, item: int, value: Any) -> None:
        told = {"item": item, "answer": value}
        add_line(self._path, canonical({**told, "mac": Secret.here().mac(*self._words, told)}) + b"\n")

    def _kept(self) -> list[tuple[int, Any]]:
        try:
            lines, _ = read_lines(self._path)
        except OSError:
            return []
        return [pair for line in lines if (pair := self._entry(line)) is not None]

    def _entry(self, line: bytes) -> tuple[int, Any] | None:
        try:
            told = parse_json(line)
            mac = told.pop("mac")
            return (told["item"], told["answer"]) if Secret.here().holds(mac, *self._words, told) else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
