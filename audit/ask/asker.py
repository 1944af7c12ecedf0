"""The one door to a model: ask, and the answer is stored; ask again, and it comes from the store.

    key = sha256(fingerprint, question, options, seed, numerics) / sha256(item digests)

A call of the door is one shard: inside it equal items are asked once, and nothing crosses to another. What is drawn is
never one draw for two: draws are numbered over a whole check (`audit.numbering`), and the number is part of the key.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.ask.partial import tells_each
from audit.ask.questions import answer, can_answer, procedure_for, takes_numbers
from audit.errors import ModelError
from audit.files import canonical, frame_of, sha256
from audit.model import ABILITIES, Item, ModelSource, Verifiable
from audit.numbering import item_digest, numbers_of
from audit.procedure import LACKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from audit.ask.store import Store

__all__ = ["Asker"]


@dataclass
class Asker:
    """The `ask` that probes are handed; counts what was asked and what a model had to answer."""

    models: Mapping[str, Any]
    """Name -> opened model."""
    store: Store
    seed: int
    audit: str
    """Id of the audit; answers of an endpoint are kept under it and never shared."""
    on_answer: Callable[[int], None] = lambda items: None
    """Called with the number of items after every answer."""
    sources: Mapping[str, Any] = field(default_factory=dict)
    """Name -> what each model was opened from: its part of the plan, or itself."""
    calls: int = field(default=0, init=False)
    """Items asked through this door, wherever the answer came from."""
    asked: int = field(default=0, init=False)
    """Items that a model had to answer."""
    _drawn: defaultdict[str, Counter[bytes]] = field(default_factory=lambda: defaultdict(Counter), init=False)
    """Key -> how often this check has drawn for each prompt."""

    def begin(self, drawn: Mapping[str, Mapping[bytes, int]] | None = None) -> None:
        """Begin a check: its draws are numbered from 0 again, so that checks that ask alike share their answers.

        drawn: key -> prompt's digest -> draws before, where a check begins in its middle (`audit.ask.expected_draws`).
        """
        self._drawn.clear()
        for key, counts in (drawn or {}).items():
            self._drawn[key].update(counts)

    def has(self, need: str, *, model: str = "main") -> bool:
        """Tell whether the model has what a probe needs: an ability, a question or not, or all for a procedure."""
        if need in ABILITIES:
            return isinstance(self.models.get(model), ABILITIES[need])
        return self.can(need, model=model)

    def can(self, question: str, *, model: str = "main") -> bool:
        """Tell whether the model answers this question, by itself or to a procedure."""
        return model in self.models and can_answer(self.models[model], question)

    def lacking(self, need: str) -> str:
        """Return why a model that has not what a probe needs is no use for it, as a phrase behind the model's name."""
        return LACKING if need in ABILITIES or need not in plugins.names("procedures") else procedure_for(need).lacking

    def __call__(
        self, question: str, items: Sequence[Item], *, model: str = "main", **options: Any
    ) -> pd.DataFrame:
        """Return the answer of `model`; see `audit.probe.protocol.Ask` for the columns."""
        if model not in self.models:
            raise ModelError(f"no model {model!r}; the plan has: {', '.join(self.models) or 'none'}")
        who = self.models[model]
        digests = [item_digest(item) for item in items]
        first: dict[bytes, int] = {}
        procedure = procedure_for(question)
        positions = None if procedure.random else [first.setdefault(digest, len(first)) for digest in digests]
        unique = items if positions is None else _distinct(items, positions)
        key = self._key(who, question, options, seed=self.seed if procedure.random else None)
        numbers = None if positions is not None else numbers_of(items, self._drawn[key])
        shard = sha256([*digests, canonical(numbers)] if positions is None else iter(first))
        endpoint = isinstance(who, Verifiable)
        table = self.store.get(key, _short(shard), share=not endpoint and not procedure.private)
        if table is None:
            counted = takes_numbers(who, procedure)
            seed = int(sha256(canonical([self.seed] if counted else [self.seed, shard]))[7:23], 16) % 2**63
            more: dict[str, Any] = {"numbers": numbers} if counted else {}
            more |= {"source": self._source(model)} if procedure.sourced else {}
            each = self.store.continued(who, key, _short(shard)) if endpoint and tells_each(who, question) else None
            table = answer(each or who, question, unique, seed=seed, options={**options, **more})
            self.store.put(key, _short(shard), table, keep=_whole(table, endpoint=endpoint))
            self.asked += len(unique) - len(each.found if each else ())
        self.calls += len(items)
        self.on_answer(len(items))
        return _spread(table, positions)

    def _source(self, model: str) -> ModelSource | None:
        source = self.sources.get(model)
        return source if isinstance(source, ModelSource) else None

    def _key(self, who: Any, question: str, options: Mapping[str, Any], *, seed: int | None) -> str:
        facts = {
            "fingerprint": who.fingerprint,
            "question": question,
            "options": options,
            "seed": seed,
            "numerics": dict(getattr(who, "numerics", {})),
            "audit": self.audit if isinstance(who, Verifiable) else None,
        }
        return _short(sha256(canonical(facts)))


def _whole(table: pa.Table, *, endpoint: bool) -> bool:
    """Tell whether every item was answered; what failed in passing is asked again by a later run."""
    if "problem" in table.column_names:
        return bool(table["problem"].null_count == table.num_rows)
    return not (endpoint and "log_prob" in table.column_names and table["log_prob"].null_count)


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:32]


def _distinct(items: Sequence[Item], positions: Sequence[int]) -> list[Item]:
    kept: dict[int, Item] = {}
    for position, item in zip(positions, items, strict=True):
        kept.setdefault(position, item)
    return list(kept.values())


def _spread(table: pa.Table, positions: Sequence[int] | None) -> pd.DataFrame:
    """Return the frame with a copy of its rows for every item that was equal to an earlier one."""
    import numpy as np

    if positions is None or len(positions) == len(set(positions)):
        return frame_of(table)
    rows = table["item"].to_numpy()
    order = np.argsort(rows, kind="stable")
    first, end = (np.searchsorted(rows, positions, side, sorter=order) for side in ("left", "right"))
    counts = end - first
    before = np.cumsum(counts) - counts
    places = np.arange(counts.sum()) + np.repeat(first - before, counts)
    frame = frame_of(table.take(order[places]))
    frame["item"] = np.repeat(np.arange(len(positions)), counts)
    return frame
