"""Texts that a model writes, or wrote elsewhere, and those of people that stand beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from audit.errors import DataError
from audit.probe import Ask, Role
from audit.probes.items import without_nan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNIT", "WRITTEN", "texts_of"]

UNIT = "independent unit, e.g. the prompt's topic or the document; absent = every text is its own"
WRITTEN = Role(
    {"prompt": "what the model is asked", "output": "text that it wrote elsewhere; for `given`", "unit": UNIT},
    optional=frozenset({"prompt", "output", "unit"}),
)


class Writes(Protocol):
    """A probe of what a model writes."""

    @property
    def name(self) -> str:
        """Its name."""
    @property
    def answers(self) -> str:
        """`model` is asked by the prompts; `given` takes the column `output`."""
    @property
    def max_tokens(self) -> int:
        """Length at which a text is cut."""
    @property
    def temperature(self) -> float:
        """At which the model writes."""


def texts_of(probe: Writes, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
    """Return the documents of role `corpus` as they are; else `prompt` (or null), `output` (null = none) and `unit`.

    Raises DataError for an item without what is to be asked, or to be looked at.
    """
    columns = ["prompt", "output", "unit"]
    if role == "corpus":
        return items[["text"]]
    if role == "held_out":
        return without_nan(items.rename(columns={"text": "output"}).reindex(columns=columns))
    rows = without_nan(items.reindex(columns=columns))
    wanted = "prompt" if probe.answers == "model" else "output"
    for item in rows.index[rows[wanted].isna()]:
        raise DataError(f"{probe.name}: item {item!r} has no {wanted}; allowed: one, as answers are {probe.answers}")
    if probe.answers == "model":
        prompts = rows["prompt"].tolist()
        answer = ask("sample", prompts, max_tokens=probe.max_tokens, temperature=probe.temperature)
        came = answer["content"].astype(object).where(answer["problem"].isna(), None)
        rows["output"] = came.set_axis(rows.index)
    return without_nan(rows)
