"""A probe asks a model one question in the audit's sense: it observes, and it judges what was observed.

    observe(ask, items, role) -> frame     asks the model, shard by shard
    judge({role: frame})      -> Result    pure, cheap, repeatable without the model

It shows that it works on what is known before: by `controls`, and from the question to the interval by the optional
method `trials` of `audit.probe.trial`.

A probe is a frozen dataclass whose fields are its options, named by an entry point in `dokimasia.probes`.
Importing its module is light: numeric imports happen inside the methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from audit.model import Item
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe.ranges import Range
    from detectors.result import Result

__all__ = ["Ask", "Observed", "Observer", "Probe", "Role", "observing"]

Observed = Mapping[str, "pd.DataFrame"]
"""Role -> what `observe` returned for all items of that role, in item order, indexed by item id."""


@immutable
class Role:
    """Named data that a probe wants."""

    fields: Mapping[str, str]
    """Field -> what it holds; a field in `optional` may be missing."""
    optional: frozenset[str] = field(default_factory=frozenset)
    required: bool = True
    """Whether the check is skipped when the plan gives no such data."""
    repeats: bool = False
    """Whether equal items are items of their own, as scores are, and prompts that are drawn for anew; where they are
    not, and the role has a field `unit` that the data leave open, equal items are one independent unit."""
    unseen: bool = False
    """Whether its items must be none that a model of the plan learnt from, where the model's folder says so."""
    table: bool = False
    """Whether the fields are columns of a table, whatever they are called: each must be there unless it is optional,
    and its cells are text, a number or true or false, all of them told as text, or missing."""
    lists: frozenset[str] = field(default_factory=frozenset)
    """Fields of which a cell is one text or a list of texts, such as the passages of a context."""
    searched: bool = False
    """Whether its items are searched and not asked about, as passages are: it is read whole whatever limit the plan
    sets, and no estimate counts it."""

    def __post_init__(self) -> None:
        """Refuse a column of a table that is called as the ids of its rows are where they are kept."""
        if self.table and "id" in self.fields:
            raise ValueError(
                "got the column 'id', which would name the rows; allowed: any other name, as `fields: {number: id}` of "
                "the data gives it one"
            )


class Ask(Protocol):
    """The one door to a model; answers are stored, so asking again is free."""

    def __call__(
        self, question: str, items: Sequence[Item], *, model: str = "main", **options: Any
    ) -> pd.DataFrame:
        """Return the answer as a frame with column `item` (position in `items`, ascending) and, by question,

        * log_prob: `log_prob` (nats), `kind`
        * trace: `element`, `log_prob`, `entropy`, `variance`, `rank`; several rows an item
        * pseudo_trace: `element`, `log_prob`; several rows an item
        * sample: `content`, `finish`, `elements`, `problem`
        * embed: `embedding` (list of float)
        * predict: `probabilities`; logits: `logits` (lists of float)
        * verify: `entailment`, `neutral`, `contradiction` (null = could not be read), `pieces` (of the premise);
          of a model that marks tokens `spans`, too (characters of the hypothesis that are made up)
        * discriminate: `logit`, `features` (list of float)

        or an installed procedure (`audit.procedure`), with the columns that it returns. `content` that is no text comes
        as nested lists; `audit.probes.items.as_array` makes an array of a cell. Drawing again for a prompt, in this
        shard or another, is another draw.
        """

    def can(self, question: str, *, model: str = "main") -> bool:
        """Tell whether the model answers this question, by itself or to a procedure."""


class Observer(Protocol):
    """What observes a role."""

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return one row per item; see `Probe.observe`."""


@contextmanager
def observing(probe: Probe, role: str, before: Observed) -> Iterator[Observer]:
    """Give what observes a role: the probe, or for `items` what it makes of what was observed `before`.

    An observer that is a context manager, as one with a process of its own is, is entered and left.
    """
    informed = getattr(probe, "informed", None)
    observer: Observer = probe if role != "items" or informed is None else informed(before)
    if isinstance(observer, AbstractContextManager):
        with observer:
            yield observer
    else:
        yield observer


@runtime_checkable
class Probe(Protocol):
    """What the runner needs of a probe."""

    name: ClassVar[str]
    """`dimension.what`, as plans write it."""
    dimension: ClassVar[str]
    roles: ClassVar[Mapping[str, Role]]
    # repeatable: ClassVar[bool] = False
    #     Optional. Whether answers are not drawn and `judge` rests on the items of the role `items` alone, so that its
    #     numbers can be those of a benchmark itself (`audit.verdict.finite_population`).
    # units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]
    #     Optional. How many independent units roles need before anything can be decided, in each `group` that their
    #     items name and in all, given how many items each role has; what lacks is told before the run.
    # find_keys(self) -> None
    #     Optional. Raises UsageError where a key that the options name, in a file or in the environment, cannot be had,
    #     IntegrityError where a file was changed: a mistake that is told before anything runs.
    # informed(self, before: Observed) -> Observer
    #     Optional. What observes `items` in the probe's place, told what was observed of the other roles: passages to
    #     search, say.
    measures: ClassVar[Mapping[str, Range]]
    """Measures that a plan may put a limit on, headline first, and what each can be."""

    @property
    def needs(self) -> frozenset[str]:
        """Abilities that these options need of the main model, or procedures whose needs it must satisfy; empty for an
        audit of data alone.
        """

    def estimate(self, items: int) -> int:
        """Return how many calls `observe` will make for that many items of any role that is not searched.

        What cannot be known before, such as the claims that a verifier will be asked about, is left out: a run expects
        of what is left what it took so far.
        """

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return one row per item (same index) of JSON-like cells: what the model answered, nothing derived.

        `items` is one shard, indexed by item id, with the role's fields as columns. Nothing may cross from row to row
        except through `ask`, which sees one shard at a time.
        """

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of what was observed; every interval has confidence `level`."""

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return (planted fault, clean twin): two synthetic observation sets for `judge`, made in under 0.1 s."""

    def found(self, result: Result) -> bool:
        """Tell whether `result` shows the fault that the positive control plants."""
