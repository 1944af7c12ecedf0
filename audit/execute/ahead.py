"""Answers ahead: others may answer a check's questions before the audit asks them, and its record never shows it.

    ask part by part:   wait until its answers are stored, or nobody is at them  ->  ask as ever

A record is always made in one process and by one way through the code. What was answered ahead lies in the store under
the very key by which it is asked for, and is found; whatever is not found is asked here, in the same order and with the
same words if it fails. So where an audit ran can change when it ends and nothing else.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from detectors.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.ask import Asker
    from audit.plan import Check, Plan

__all__ = ["Ahead", "Executor", "Local", "Order"]


@immutable
class Order:
    """What whoever answers ahead is told of an audit."""

    plan: Plan
    folder: Path
    """Absolute: where answers are stored."""
    name: str
    """Id of the audit."""
    alone: bool
    """Take no answer over from other audits."""
    drawn: bool
    """Whether equal questions got different answers of the audited model."""


class Ahead:
    """Who answers ahead; this one does not."""

    asked: int = 0
    """Items that models had to answer ahead."""

    def wait(self, check: Check, role: str, part: int) -> None:
        """Wait until the answers to a part of a role are stored, or nobody is at them; parts count from 0."""


class Executor(Protocol):
    """Where an audit's questions are answered."""

    def ahead(
        self, order: Order, door: Asker, remark: Callable[[str], None]
    ) -> AbstractContextManager[Ahead]:
        """Have the checks of an audit answered ahead until the block ends.

        door: through which the audit asks, its models opened; only its store is written to. remark: hears what a person
        should know.
        """


class Local:
    """All questions are answered where the audit is."""

    def ahead(
        self, order: Order, door: Asker, remark: Callable[[str], None]
    ) -> AbstractContextManager[Ahead]:
        """Return who answers nothing."""
        return nullcontext(Ahead())
