"""Images that somebody else's model made: a folder of files, and a table that says which prompt each was made for.

    model: {use: image_outputs, path: ./made/outputs.csv}     columns `prompt` and `image`, a path from that folder

    sample(prompt)     the images of the rows with that prompt, in order

So an audit needs neither the weights nor an endpoint. The fingerprint is of the table and of every file that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from audit.data import FileFormat, colour_pixels, column_names, read_columns, readable, require_column
from audit.errors import DataError, ModelError
from audit.files import canonical, digest_file, read_regular, sha256
from audit.model import Sample
from audit.numbering import numbers_of
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["ImageOutputs", "MadeImages"]

_LARGEST = 1 << 26
"""Bytes of an image file."""
_NO_LIKELIHOOD = Cause("images that were made elsewhere: nothing tells how likely they were")


@immutable
class ImageOutputs:
    """A CSV, TSV, JSON lines or Parquet file that names an image file a row."""

    path: Path
    """The table; the images lie in its folder or below, named by their paths from there."""
    prompt: str = "prompt"
    """Column of prompts."""
    image: str = "image"
    """Column of image files; an empty cell where the model gave none."""
    name: str | None = None
    """Name of the model that made the images; absent = the table's name without ending."""
    format: FileFormat = "auto"
    """`auto` goes by the ending: .csv, .tsv, .jsonl, .ndjson or .parquet."""

    family: ClassVar[str] = "image_outputs"
    modality: ClassVar[str] = "image"

    def fingerprint(self) -> str:
        """Return the digest of the table's bytes, of every image's and of the columns; raises DataError, ModelError."""
        with readable(self.path):
            table = digest_file(self.path)
        files: dict[str, str] = {}
        for _, file in self._rows():
            if file is not None and file not in files and (place := self._place(file)).is_file():
                with readable(place):
                    files[file] = digest_file(place)
        return sha256(canonical({"table": table, "images": files, "columns": [self.prompt, self.image, self.format]}))

    def open(self) -> MadeImages:
        """Read the table and return the model; raises DataError for what is not as the options say."""
        columns = column_names(self.path, self.format)
        for option, column in (("prompt", self.prompt), ("image", self.image)):
            require_column(self.path, column, columns, f"`{option}`", (self.prompt, self.image))
        rows = [(prompt, None if file is None else self._place(file)) for prompt, file in self._rows()]
        return MadeImages(self.name or self.path.stem, self.fingerprint(), rows, self.path.name)

    def _rows(self) -> Iterator[tuple[str, str | None]]:
        """Yield (prompt, path of the image in the table's folder or None)."""
        row = 0
        for cells in read_columns(self.path, self.format, sorted({self.prompt, self.image})):
            for prompt, file in zip(cells[self.prompt], cells[self.image], strict=True):
                row += 1
                if not isinstance(prompt, str) or not prompt or not isinstance(file, str | None):
                    raise DataError(f"{self.path}: row {row}: prompt or image is no text; allowed: text")
                yield prompt, file or None

    def _place(self, file: str) -> Path:
        """Return where an image lies; raises ModelError for a place that is not below the table's folder."""
        home = self.path.parent.resolve()
        place = (home / file).resolve()
        if not place.is_relative_to(home):
            raise ModelError(f"{self.path}: image {file[:80]!r} lies outside; allowed: files in the table's folder")
        return place


class MadeImages:
    """Deals the images of a table; draw `number` of a prompt is its row of that number, from 0."""

    family = "image_outputs"
    modality = "image"
    missing: ClassVar[Mapping[str, str]] = {"log_prob": _NO_LIKELIHOOD}

    def __init__(self, name: str, fingerprint: str, rows: Sequence[tuple[str, Path | None]], table: str) -> None:
        self.name, self.fingerprint, self._table = name, fingerprint, table
        self._files: dict[str, list[Path | None]] = {}
        for prompt, file in rows:
            self._files.setdefault(prompt, []).append(file)

    def sample(
        self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None, **sampling: Any
    ) -> list[Sample]:
        """Return one image per prompt, uint8 [3, row, column]; `seed` and `sampling` change nothing.

        What the table does not hold, or cannot be read, is an error of that item, never a repeated image.
        """
        dealt = zip(prompts, numbers_of(prompts) if numbers is None else numbers, strict=True)
        return [self._deal(prompt or "", number) for prompt, number in dealt]

    def _deal(self, prompt: str, before: int) -> Sample:
        files = self._files.get(prompt)
        if files is None:
            return Sample(None, "error", problem=Cause("{file} has no image for this prompt", file=self._table))
        if before >= len(files):
            told = "draw {draw}; for this prompt the table has {outputs}"
            return Sample(None, "error", problem=Cause(told, draw=before + 1, outputs=len(files)))
        if (file := files[before]) is None:
            return Sample(None, "error", problem=Cause("the table's output is empty"))
        try:
            return Sample(colour_pixels(read_regular(file, _LARGEST), file.name))
        except (OSError, DataError) as error:
            why = str((isinstance(error, OSError) and error.strerror) or error).removeprefix(f"{file.name}: ")
            told = Cause("image file {file} cannot be used: {problem}", file=file.name, problem=why[:200])
            return Sample(None, "error", problem=told)
