"""What another tool's log holds, in one shape: scored answers one by one, and what the tool says of them together.

    log -> answer, answer, ...        an answer is scored, or has no score: `error`, `unscored`, `invalid`
        -> aggregates                 the tool's own means, to be recomputed from the answers
        -> scales                     of each scorer: which way is good, and from where to where its scores go

An answer without a score is neither a pass nor a failure. The same item asked again (another epoch, another output of
one prompt) has the same `cluster`. Nothing is guessed: a direction that a log does not tell is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from detectors.immutable import immutable

__all__ = ["Aggregate", "Direction", "Importer", "Log", "Scale", "ScoredAnswer", "Status"]

Status = Literal["scored", "unscored", "error", "invalid"]
"""`unscored`: answered, and no score could be read. `error`: the tool got no answer. `invalid`: a person struck it."""
Direction = Literal["higher", "lower"]


class ScoredAnswer(NamedTuple):
    """One answer and the score that one scorer gave it, as they stand in the log: `Imported` takes keys out of them.

    A tuple, as a log holds a million: columns of many are `zip(*answers)`.
    """

    task: str
    item: str
    """The tool's own name of what was asked."""
    scorer: str
    status: Status
    score: float | None = None
    """As the log has it; None where there is none."""
    passed: bool | None = None
    """Whether the tool calls it good; None where it does not say."""
    asked: str | tuple[Any, ...] = ""
    """What the item is known by beside its name: its question and right answer, or a digest of them."""
    repeat: int = 1
    """1 = the first time that the item was asked."""
    cluster: str | None = None
    """Name of the independent unit; None = the item."""
    input: Any = None
    """What the model was shown, as any JSON; so are the next two."""
    output: Any = None
    target: Any = None
    about: Mapping[str, Any] = MappingProxyType({})
    """What else the log says of the item, by which answers may be grouped."""
    problem: Any = None
    """Why there is no score."""
    locator: str = ""
    """Where in the log it stands."""
    model: str | None = None
    """Which model answered, where the log says it beside each answer and not once for all."""
    direction: Direction | None = None
    """Which way the scorer is good, where the log says it beside each answer."""


@immutable
class Aggregate:
    """A number that the tool made of its scores: their mean."""

    value: float
    items: int | None = None
    """Answers that it is the mean of, as the tool counts them."""
    within: float = 1e-9
    """How far the recomputed mean may lie from it: half of its last digit where the tool rounds."""


@immutable
class Scale:
    """What a log tells of a scorer."""

    direction: Direction | None = None
    low: float = 0.0
    high: float = 1.0
    judge: str | None = None
    """The model that scored; None = a rule."""
    binary: bool = False
    """Whether scores are 0 or 1 by what they are, a tie between; looking at them does not tell."""
    assumed_threshold: float | None = None
    """From where on a score counts as 1, by the tool's default, where the log does not state it; None = it does, or
    the scores were not made of others."""


@immutable
class Log:
    """All that is taken over of a log."""

    tool: str
    version: str | None
    model: str | None
    answers: Callable[[], Iterator[ScoredAnswer]]
    """Reads the log from its beginning; raises DataError for what is not laid out as this tool's logs are."""
    scales: Mapping[str, Scale] = field(default_factory=dict)
    """Scorer -> what the log tells of it."""
    aggregates: Mapping[tuple[str, str], Aggregate] = field(default_factory=dict)
    """(Task, scorer) -> the tool's own mean. Both are whole when `answers` went by once: some tools write them last."""
    over: Literal["items", "units"] = "items"
    """What the tool's means are over; `units`: over items, of each item's mean over its repeats."""


@runtime_checkable
class Importer(Protocol):
    """Reads the logs of one tool; named by an entry point in `dokimasia.importers`, whose import is light."""

    title: str
    """What the tool is called."""

    def files(self, path: Path) -> list[Path] | None:
        """Return the files that a log consists of, by a look at its beginning; None where it is no log of this tool.

        Raises DataError for a log of this tool that cannot be taken over, with the reason.
        """

    def read(self, path: Path) -> Log:
        """Return the log; raises DataError where it is cut or holds what cannot be taken over."""
