"""What documents call the data that were audited where no model was."""

from __future__ import annotations

from audit.record import DataRecord
from reports.text import Words, one_line

__all__ = ["data_text"]


def data_text(data: DataRecord, words: Words) -> str:
    """Return `people.csv (no model: the data themselves)`."""
    return one_line(words("format.data", name=data.name, what=words("label.no_model")), words, 120)
