"""Outputs that somebody else made: a file stands in for the model.

    sample(prompt)               the outputs of the rows with that prompt, in order
    log_prob(prompt, output)     the number beside that row, where the file has such a column

So an audit needs neither the weights nor an endpoint, and asks nothing that the file does not answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.data import FileFormat, column_names, described, read_columns, readable, require_cells, require_column
from audit.errors import DataError, ModelError
from audit.files import canonical, digest_file, sha256
from audit.model import Continuation, Item, LikelihoodKind, Sample
from audit.numbering import numbers_of
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["OutputTable", "ScoredTable", "TableModel"]

_MOST = 60
"""Characters of a prompt that a problem quotes."""
_Row = tuple[str, str | None, float]
"""Prompt, output (None where the file has none), nats (NaN where the file has none)."""


@immutable
class OutputTable:
    """A CSV, TSV, JSON lines or Parquet file of outputs, one a row."""

    path: Path
    """The file."""
    prompt: str | None = "prompt"
    """Column of prompts, an empty cell standing for none; null = the outputs were drawn without prompt."""
    output: str = "output"
    """Column of outputs."""
    log_prob: str | None = None
    """Column with log P(output | prompt) in nats; absent = the table scores nothing."""
    likelihood: LikelihoodKind = "exact"
    """What that column holds: `exact`, `lower_bound` or `estimate`."""
    name: str | None = None
    """Name of the model that made the outputs; absent = the file's name without ending."""
    format: FileFormat = "auto"
    """`auto` goes by the ending: .csv, .tsv, .jsonl, .ndjson or .parquet."""

    family: ClassVar[str] = "table"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        """Return the digest of the file's bytes and of the columns; raises DataError where it cannot be read."""
        with readable(self.path):
            file = digest_file(self.path)
        columns = [self.prompt, self.output, self.log_prob, self.likelihood, self.format]
        return sha256(canonical({"file": file, "columns": columns}))

    def open(self) -> TableModel:
        """Read the file and return the model; raises DataError for a column or a cell that is not as it must be."""
        columns = column_names(self.path, self.format)
        wanted = {one: name for one in ("prompt", "output", "log_prob") if (name := getattr(self, one)) is not None}
        for option, name in wanted.items():
            require_column(self.path, name, columns, f"`{option}`", wanted.values())
        rows = list(self._rows({f"`{option}`": name for option, name in wanted.items() if name not in columns}))
        title, fingerprint = self.name or self.path.stem, self.fingerprint()
        if self.log_prob is None:
            return TableModel(title, fingerprint, rows, self.path.name)
        return ScoredTable(title, fingerprint, rows, self.likelihood, self.path.name)

    def _rows(self, inside: dict[str, str]) -> Iterator[_Row]:
        """Yield the rows; `inside` are options whose columns lie in lists, and are wrong where they hold nothing."""
        wanted = sorted({column for column in (self.prompt, self.output, self.log_prob) if column is not None})
        row = 0
        for cells in read_columns(self.path, self.format, wanted):
            inside = {one: name for one, name in inside.items() if not any(cell is not None for cell in cells[name])}
            outputs = cells[self.output]
            prompts = [None] * len(outputs) if self.prompt is None else cells[self.prompt]
            nats = [None] * len(outputs) if self.log_prob is None else cells[self.log_prob]
            for prompt, output, number in zip(prompts, outputs, nats, strict=True):
                row += 1
                if not isinstance(prompt, str | None) or not isinstance(output, str | None):
                    raise DataError(f"{self.path}: row {row}: prompt or output is no text; allowed: text or nothing")
                yield prompt or "", output, self._nats(number, row)
        require_cells(self.path, inside, row)

    def _nats(self, cell: Any, row: int) -> float:
        if cell is None or cell == "":
            return math.nan
        try:
            number = float(cell)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            got = described(cell)
            raise DataError(f"{self.path}: row {row}: log-probability is {got}; allowed: a finite number or nothing")
        return number


class TableModel:
    """Deals the outputs of a table; `missing` tells why it scores nothing."""

    family = "table"
    modality = "text"
    missing: ClassVar[Mapping[str, str]] = {
        "log_prob": Cause("the table names no column of log-probabilities (`log_prob`)")
    }

    def __init__(self, name: str, fingerprint: str, rows: Sequence[_Row], file: str = "the table") -> None:
        self.name, self.fingerprint, self._file = name, fingerprint, file
        self._outputs: dict[str, list[str | None]] = {}
        for prompt, output, _ in rows:
            self._outputs.setdefault(prompt, []).append(output)

    def sample(
        self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None, **sampling: Any
    ) -> list[Sample]:
        """Return one output per prompt, in order; draw `number` of a prompt is its row of that number, from 0.

        `seed` and `sampling` change nothing: the outputs are there already. What the table does not hold is an error of
        that item, never a repeated output, which would pass for a second draw.
        """
        dealt = zip(prompts, numbers_of(prompts) if numbers is None else numbers, strict=True)
        return [self._deal(prompt or "", number) for prompt, number in dealt]

    def _deal(self, prompt: str, before: int) -> Sample:
        outputs = self._outputs.get(prompt)
        if outputs is None:
            return Sample("", "error", problem=self._absent(prompt))
        if before >= len(outputs):
            untold = "draw {draw}; for this prompt the table has {outputs}"
            return Sample("", "error", problem=Cause(untold, draw=before + 1, outputs=len(outputs)))
        output = outputs[before]
        return Sample("", "error", problem=Cause("the table's output is empty")) if output is None else Sample(output)

    def _absent(self, prompt: str) -> Cause:
        """Say what was asked and what there is: as a rule one of them has words around it that the other lacks."""
        there = next(iter(self._outputs), None)
        if there is None:
            return Cause("{file} holds no prompt", file=self._file)
        return Cause(
            "none of the {prompts} prompts in {file}; asked was '{asked}', there is '{there}'",
            prompts=len(self._outputs), file=self._file, asked=_shown(prompt), there=_shown(there),
        )


class ScoredTable(TableModel):
    """A table with log-probabilities beside its outputs."""

    missing: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, name: str, fingerprint: str, rows: Sequence[_Row], likelihood: LikelihoodKind, file: str = "the table"
    ) -> None:
        super().__init__(name, fingerprint, rows, file)
        self._likelihood = likelihood
        self._nats: dict[tuple[str, str], float] = {}
        for prompt, output, number in rows:
            if output is not None:
                self._nats.setdefault((prompt, output), number)

    def log_prob(self, items: Sequence[Item]) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], kind) of the first such row, NaN where none is; a `str` is an output without prompt."""
        import numpy as np

        return np.array([self._nats.get(_pair(item), math.nan) for item in items], float), self._likelihood


def _shown(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"


def _pair(item: Item) -> tuple[str, str]:
    if isinstance(item, Continuation):
        return item.prompt, item.text
    if isinstance(item, str):
        return "", item
    raise ModelError(f"a table scores text; got a {type(item).__name__}")
