"""What every trainer is: from items of one kind to the files of a model that an adapter opens.

    fit(Lesson, Budget) -> Fitted        the files, the held-out loss on the way, why it ended

A trainer is a frozen dataclass whose fields are its options, named by an entry point in `dokimasia.trainers`; importing
its module is light. It sees the parts `train` and `validation` alone: what statistics, calibration and the audit itself
need is kept from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from audit.probe import Role
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CARD_FILE", "LEARNT_FILE", "Budget", "Device", "Fitted", "Lesson", "Look", "Stopped", "Trainer"]

CARD_FILE = "card.json"
"""File of a model's folder that tells how it was trained."""
LEARNT_FILE = "learnt.txt"
"""File of a model's folder with a digest of each item that it learnt from (`audit.fit.content_digests`), a line each.
"""

Device = Literal["auto", "cpu", "cuda"]
Stopped = Literal["steps", "patience", "time"]
"""Why training ended: all steps taken, no better for so many looks, or no time left."""


@immutable
class Look:
    """One look at the held-out loss."""

    step: int
    train: float
    """Mean loss of the steps since the look before."""
    validation: float
    """Loss of the part `validation`; the model with the least is kept."""


def _unseen(_: Look) -> None:
    pass


@immutable
class Budget:
    """How long a trainer may go on."""

    steps: int = 2000
    """Most steps."""
    every: int = 50
    """Steps between two looks at the part `validation`."""
    patience: int = 6
    """Looks without a better one after which training ends."""
    seconds: float | None = None
    """Most seconds by the clock; None = no bound. What ends this way is not the same on another machine."""
    device: Device = "cpu"
    threads: int | None = None
    """Threads of the processor; None = what the process may use."""
    tell: Callable[[Look], None] = field(default=_unseen, repr=False)
    """Is told of every look."""


@immutable
class Lesson:
    """What there is to learn."""

    train: pd.DataFrame
    """Items to learn from, indexed by id, with the columns of the trainer's role that the data have."""
    validation: pd.DataFrame
    """Items that tell when to stop, of the same columns; never learnt from."""
    bounds: tuple[float, float] | None
    """Least and greatest number in images or series of all parts; None for items of another kind."""
    seed: int
    """Of all that is drawn; the same seed on the same machine gives the same files."""


@immutable
class Fitted:
    """A trained model, not yet on disk."""

    files: Mapping[str, bytes]
    """Name -> bytes of the model's folder."""
    looks: tuple[Look, ...]
    """The held-out loss on the way; empty for what is not trained in steps."""
    best: int
    """Step of the model that is kept."""
    unit: str
    """Of the losses, e.g. `nats per pixel`."""
    stopped: Stopped
    numerics: Mapping[str, object] = field(default_factory=dict)
    """What can move a number in its last digits: device, threads."""
    earlier: tuple[Look, ...] = ()
    """Of what is trained in two stages, the looks at the first, whose loss may have another unit."""


@runtime_checkable
class Trainer(Protocol):
    """What `dokimasia fit` needs of a trainer."""

    makes: ClassVar[str]
    """Name of the adapter in `dokimasia.models` that opens the folder."""
    opens: ClassVar[str]
    """File of the folder that the adapter is given, e.g. `classifier.skops`; empty = the folder itself."""

    @property
    def role(self) -> Role:
        """Fields that it learns from; the trainers of one plan must agree."""

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError for items that it cannot learn from."""
