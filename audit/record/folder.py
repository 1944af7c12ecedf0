"""An audit's folder: its record, its files, and how it is found again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from audit.errors import DataError, IntegrityError, UsageError, first_problem
from audit.files import canonical, frame_of, in_language, stored_json, write_inside, write_out
from audit.record.contents import RECORD_FILE, RUN_FILE, SEAL_FILE, WRITTEN_PLAN_FILE
from audit.record.finding import Finding, Stored
from audit.record.items import items_of
from audit.record.schema import SCHEMA, Record, RunFacts, S
from detectors.immutable import immutable
from detectors.phrases import Phrase

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Audit", "dump", "load_record", "write_reports"]


@immutable
class Audit:
    """An audit folder, opened for reading."""

    folder: Path
    record: Record
    run: RunFacts | None

    def finding(self, check: str) -> Finding:
        """Return the finding of `check`; KeyError lists what there is."""
        for one in self.record.findings:
            if one.check == check:
                return one
        raise KeyError(f"no check {check!r}; there are: {', '.join(f.check for f in self.record.findings)}")

    def items(self, check: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Return the evidence of `check`, one row an item, indexed by `id` where it has one; None where there is none,
        or none any more.

        Raises KeyError as `finding`, and IntegrityError for what is not the record's or cannot be read.
        """
        file = items_of(self.folder, self.finding(check))
        if file is None or file.problem in ("missing", "erased"):
            return None
        frame = frame_of(file.table(file.columns if columns is None else columns))
        return frame.set_index("id") if "id" in frame.columns else frame

    def report(self, format: str) -> list[Path]:
        """Write a report (`html`, `pdf`, `markdown`, ...) into the folder and return its files."""
        from audit import plugins

        return write_reports(self.folder, plugins.load("reports", format)(self))

    def figure(self, check: str, lang: str = "en") -> InNotebook:
        """Return the pictures of a check's finding as HTML with inline SVG; empty where its probe draws none.

        Raises KeyError as `finding`, UsageError for a language without a catalogue.
        """
        from audit import plugins

        finding = self.finding(check)
        if finding.probe not in plugins.names("figures"):
            return InNotebook("")
        return InNotebook(plugins.load("figures", finding.probe).html(self, finding, lang))

    def _repr_html_(self) -> str:
        """Return the audit as a notebook shows it."""
        from audit import plugins

        (page,) = plugins.load("reports", "notebook")(self).values()
        return str(page.decode())

    @cached_property
    def plan_text(self) -> str:
        """The plan as it was run."""
        return (self.folder / WRITTEN_PLAN_FILE).read_text("utf-8")


class InNotebook(str):
    """Text that is HTML, and shown as such by a notebook."""

    def _repr_html_(self) -> str:
        return str(self)


def load_record(folder: str | os.PathLike[str]) -> Audit:
    """Open an audit folder; raises DataError where there is no record, IntegrityError where it cannot be read."""
    path = Path(folder)
    if not (path / RECORD_FILE).is_file():
        raise DataError("{file}: no record.json here; give the folder of a finished audit", file=path)
    raw = stored_json(path / RECORD_FILE)
    schema = raw.get("schema", 0)
    if type(schema) is int and schema > SCHEMA:
        raise DataError(
            "{file}: record of schema {schema}; this version reads up to {most}",
            file=path, schema=schema, most=SCHEMA,
        )
    record = _checked(path / RECORD_FILE, Record, raw)
    run_file = path / RUN_FILE
    run = _checked(run_file, RunFacts, stored_json(run_file)) if os.path.lexists(run_file) else None
    return Audit(path, record, run)


def _checked(path: Path, kind: type[S], raw: dict[str, Any]) -> S:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        what = Phrase("record") if kind is Record else Phrase("record of a run")
        raise IntegrityError(
            "{file}: not a {what} ({place}: {problem})", file=path, what=what, place=place, problem=first_problem(error)
        ) from None


def write_reports(
    folder: Path, files: Mapping[str, bytes], *, lang: str = "en", out: Path | None = None,
    remark: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write documents into `reports/` of an audit's folder, or a single one to `out`; return their paths.

    A document names its language, unless it is English, so that none overwrites another's. `remark` hears of one that
    was sealed and becomes another. Raises UsageError for several documents to one `out`.
    """
    if out is not None and len(files) != 1:
        got = "--out {out}: got {count} documents; allowed: --out with a report of one file"
        raise UsageError(got, out=out, count=len(files))
    written = []
    for name, data in files.items():
        path = folder / "reports" / in_language(Path(name).name, lang) if out is None else out
        if _breaks_seal(folder, path, data):
            remark(f"{path}: sealed, and other bytes now; 'dokimasia seal --again' seals anew")
        if out is None:
            write_inside(folder, f"reports/{path.name}", data)
        else:
            write_out(path, data)
        written.append(path)
    return written


def _breaks_seal(folder: Path, path: Path, data: bytes) -> bool:
    """Tell whether a document that lay there when the audit was sealed becomes another one."""
    sealed = (folder / SEAL_FILE).is_file() and path.parent == folder / "reports" and path.is_file()
    return sealed and path.read_bytes() != data


def dump(model: Stored) -> bytes:
    """Return the file content of a record, of run facts and the like: canonical JSON and a newline."""
    data: Mapping[str, Any] = model.model_dump(mode="json", by_alias=True)
    return canonical(data) + b"\n"
