"""Texts that a model writes, or wrote elsewhere, and those of people that stand beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from audit.errors import DataError
from audit.probe import Ask, Role
from audit.probes.items import without_nan

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNIT", "WRITTEN", "OfWrittenTexts"]

UNIT = "independent unit, e.g. the prompt's topic or the document; absent = every text is its own"
WRITTEN = Role(
    {"prompt": "what the model is asked", "output": "text that it wrote elsewhere; for `given`", "unit": UNIT},
    optional=frozenset({"prompt", "output", "unit"}),
)


class OfWrittenTexts:
    """What probes of a model's own texts share: whom they ask for what, and what they keep."""

    name: ClassVar[str]
    answers: Literal["model", "given"]
    max_tokens: int
    temperature: float

    @property
    def needs(self) -> frozenset[str]:
        """Samples, where a model is asked."""
        return frozenset({"sample"} if self.answers == "model" else ())

    def estimate(self, items: int) -> int:
        """Return calls: one a prompt."""
        return items if self.answers == "model" else 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the documents of `corpus` as they are; else `prompt` (or null), `output` (null = none) and `unit`.

        Raises DataError for an item without what is to be asked, or to be looked at.
        """
        columns = ["prompt", "output", "unit"]
        if role == "corpus":
            return items[["text"]]
        if role == "held_out":
            return without_nan(items.rename(columns={"text": "output"}).reindex(columns=columns))
        rows = without_nan(items.reindex(columns=columns))
        wanted = "prompt" if self.answers == "model" else "output"
        for item in rows.index[rows[wanted].isna()]:
            raise DataError(f"{self.name}: item {item!r} has no {wanted}; allowed: one, as answers are {self.answers}")
        if self.answers == "model":
            prompts = rows["prompt"].tolist()
            answer = ask("sample", prompts, max_tokens=self.max_tokens, temperature=self.temperature)
            came = answer["content"].astype(object).where(answer["problem"].isna(), None)
            rows["output"] = came.set_axis(rows.index)
        return without_nan(rows)
