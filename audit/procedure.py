"""The words for procedures: what keeps calling a model and answers once, and what it needs of the model.

    run(model, items, **options) -> a frame with a row an item (or with a column `item`), or an array [item, ...]

Named by an entry point in `dokimasia.procedures`; the name there is the question that probes ask. Importing the module
is light: torch comes only with the model that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.model import ABILITIES
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["LACKING", "Procedure"]

LACKING = Cause("this kind of model does not have the ability")


@immutable
class Procedure:
    """A function, and what has to be known of it before it is called."""

    run: Callable[..., Any]
    """The function; its docstring tells the columns."""
    needs: tuple[type, ...] = ()
    """Protocols that a model satisfies for it: abilities of `audit.model`, or others that can be told at run time."""
    lacking: str = LACKING
    """Why a model that does not satisfy them cannot answer, for the record; a phrase behind the model's name."""
    random: bool = False
    """Whether `run` takes a `seed`, its answer depends on it, and asking twice for the same item is two draws."""
    numbered: bool = False
    """Whether `run` takes `numbers` [item] too: which draw for its item each one is; see `audit.model.CanSample`."""
    private: bool = False
    """Whether the answer speaks of one machine at one time, and is never taken from another audit."""
    sourced: bool = False
    """Whether `run` takes `source` too: the part that the model was opened from, None where it was given opened."""

    def __post_init__(self) -> None:
        """Take over the words of the function, which `dokimasia parts` shows."""
        object.__setattr__(self, "__doc__", self.run.__doc__)

    def __call__(self, *given: Any, **options: Any) -> Any:
        """Run it on a model that has what it needs."""
        return self.run(*given, **options)

    def answers(self, model: object) -> bool:
        """Tell whether a model has what it needs."""
        return all(isinstance(model, need) for need in self.needs)

    @property
    def abilities(self) -> frozenset[str]:
        """Names of the abilities among its needs."""
        return frozenset(
            name for name, ability in ABILITIES.items() if any(ability in need.__mro__ for need in self.needs)
        )
