"""Vectors that somebody else made: a file of words with their numbers stands in for a model that embeds.

    embed(text)     the vector of the row with that text; NaN throughout where the file has none

Either a table with a column of texts and one of lists, or the text form of word2vec, GloVe and fastText: a word and its
numbers a line, parted by blanks, behind a first line of two counts or without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.data import column_names, described, read_columns, readable, require_column
from audit.errors import DataError, ModelError
from audit.files import canonical, digest_file, open_regular, sha256
from audit.model import Item
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

__all__ = ["VectorTable", "Vectors"]

_LONGEST = 1 << 20
"""Bytes of one line of the text form."""


@immutable
class VectorTable:
    """A CSV, TSV, JSON lines or Parquet file with a vector a row, or words and numbers in lines of text."""

    path: Path
    """The file."""
    text: str = "text"
    """Column of texts."""
    vector: str = "vector"
    """Column of vectors: lists of numbers, in CSV and TSV written as `[0.1, 0.2]`."""
    format: Literal["auto", "csv", "tsv", "jsonl", "parquet", "lines"] = "auto"
    """`auto` goes by the ending; `lines`, as for .txt and .vec, is a word and its numbers a line."""
    name: str | None = None
    """Name of the model that made the vectors; absent = the file's name without ending."""

    family: ClassVar[str] = "vectors"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        """Return the digest of the file's bytes and of the columns; raises DataError where it cannot be read."""
        with readable(self.path):
            file = digest_file(self.path)
        return sha256(canonical({"file": file, "columns": [self.text, self.vector, self.format]}))

    def open(self) -> Vectors:
        """Read the file and return the model; raises DataError for what is not as the options say."""
        import numpy as np

        rows: dict[str, int] = {}
        vectors: list[np.ndarray] = []
        for place, (text, numbers) in enumerate(self._lines() if self._in_lines else self._columns()):
            vector = np.asarray(numbers, dtype=np.float32)
            if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
                got = f"row {place + 1}: vector is {described(numbers)}"
                raise DataError(f"{self.path}: {got}; allowed: finite numbers")
            if vectors and len(vector) != len(vectors[0]):
                got = f"{len(vector)} numbers, {len(vectors[0])} before"
                raise DataError(f"{self.path}: row {place + 1}: {got}; allowed: vectors of one length")
            if text not in rows:
                rows[text] = len(vectors)
                vectors.append(vector)
        if not vectors:
            raise DataError(f"{self.path}: holds no vector; allowed: one a row")
        return Vectors(self.name or self.path.stem, self.fingerprint(), rows, np.stack(vectors))

    @property
    def _in_lines(self) -> bool:
        return self.format == "lines" or (self.format == "auto" and self.path.suffix.lower() in (".txt", ".vec"))

    def _columns(self) -> Iterator[tuple[str, Any]]:
        import json

        assert self.format != "lines"
        columns = column_names(self.path, self.format)
        for option in (self.text, self.vector):
            require_column(self.path, option, columns, "vectors", (self.text, self.vector))
        for cells in read_columns(self.path, self.format, [self.text, self.vector]):
            for text, vector in zip(cells[self.text], cells[self.vector], strict=True):
                if not isinstance(text, str) or not text:
                    raise DataError(f"{self.path}: a text is {described(text)}; allowed: text")
                try:
                    yield text, json.loads(vector) if isinstance(vector, str) else vector
                except ValueError:
                    raise DataError(f"{self.path}: a vector is {described(vector)}; allowed: [0.1, 0.2]") from None

    def _lines(self) -> Iterator[tuple[str, Any]]:
        with readable(self.path), open_regular(self.path) as file:
            row = 0
            while line := file.readline(_LONGEST):
                text, *numbers = line.decode("utf-8").rstrip().split(" ")
                row += 1
                if row == 1 and len(numbers) == 1 and text.isdecimal():
                    continue  # how many words there are, and how many numbers each
                try:
                    yield text, [float(one) for one in numbers]
                except ValueError:
                    raise DataError(f"{self.path}: row {row}: has no numbers behind its word; allowed: those") from None


class Vectors:
    """Texts and their vectors."""

    family = "vectors"
    modality = "text"

    def __init__(self, name: str, fingerprint: str, rows: dict[str, int], vectors: np.ndarray) -> None:
        self.name, self.fingerprint, self._rows, self._vectors = name, fingerprint, rows, vectors

    def embed(self, items: Sequence[Item]) -> np.ndarray:
        """Return [item, dim] float32, NaN for a text that the file does not have; ModelError for what is no text."""
        import numpy as np

        for item in items:
            if not isinstance(item, str):
                raise ModelError(f"{self.name}: a table of vectors takes text; got a {type(item).__name__}")
        found = np.full((len(items), self._vectors.shape[1]), np.nan, dtype=np.float32)
        there = [(place, self._rows[item]) for place, item in enumerate(items) if item in self._rows]
        if there:
            places, rows = zip(*there, strict=True)
            found[list(places)] = self._vectors[list(rows)]
        return found
