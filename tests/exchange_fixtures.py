"""Audits whose every number is written down here, so that what is made of them can be compared byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from report_fixtures import finding, write_audit

from audit.files import sha256, write_atomic
from audit.record import Audit, DataRecord, Limit, ModelRecord, RunFacts, Sheet, dump, load_record
from detectors.phrases import Cause, Method
from detectors.result import Measure

MODEL = ModelRecord(
    name="demo-lm 0.3", family="causal_lm", modality="text", fingerprint=sha256(b"weights"), abilities=["sample"]
)
LIMIT = Limit(measure="accuracy", at_least=0.625)


def share(name: str, value: float, low: float, high: float, **more: Any) -> Measure:
    """A share with the interval that is given."""
    told = {"direction": "higher is better", "n": {"items": 4, "units": 4}, "level": 0.95, "unit": "share"}
    return Measure(name=name, value=value, low=low, high=high, method=Method("exact binomial (Clopper-Pearson)"),
                   **{**told, **more})  # fmt: skip


def of_every_verdict(folder: Path, *, data: bool = False) -> Audit:
    """An audit with a finding of every verdict, of a model or of data alone."""
    bias = share("stereotype_share", 0.25, 0.1, 0.5, direction="nearer to ideal is better", ideal=0.5)
    blank = Measure(
        name="auroc", value=None, undefined=Cause("no items of this group"), n={"items": 0, "units": 0}, unit="score",
        direction="higher is better", level=0.95, method=Method("none"),
    )
    told = {"data": {"items": {"use": "file", "path": "questions.jsonl", "digest": sha256(b"questions"), "items": 4,
                               "licence": "CC-BY-4.0", "cite": "https://example.org/questions"}}}  # fmt: skip
    of_facts = {"probe": "factuality.closed_book", "limit": LIMIT, **told}
    group = share("accuracy", 1.0, 0.6, 1.0, group="rivers", n={"items": 2, "units": 2}, mean_of="value")
    found = [
        finding("facts", "passed", "p", measures=[_facts(0.75, 1.0), group, blank], **of_facts),
        finding("facts late", "failed", "f", measures=[_facts(0.25, 0.5)], **of_facts),
        finding("facts few", "inconclusive", "i", measures=[_facts(0.5, 0.875)], **of_facts),
        finding("pairs", "measured", "m", measures=[bias], gating=False, **told),
        finding("extraction", "crashed", "RuntimeError: no draws", limit=Limit(measure="copies", at_most=0.1)),
        finding("marks", "skipped", "no key", limit=Limit(measure="detection_rate", at_least=0.9)),
    ]
    audit = write_audit(folder, found, models={} if data else {"main": MODEL}, title="Release check")
    more: dict[str, Any] = {"sheet": Sheet(intended_use="answers about rivers", data="web pages")}
    if data:
        more = {"data": DataRecord(name="questions.jsonl", digest=sha256(b"questions"))}
    write_atomic(folder / "record.json", dump(audit.record.model_copy(update={"id": "0123456789abcdef", **more})))
    write_run(folder)
    return load_record(folder)


def _facts(low: float, high: float) -> Measure:
    return share("accuracy", (low + high) / 2, low, high, mean_of="value")


def write_run(folder: Path) -> None:
    """Give an audit's folder a run that ended on a known day."""
    facts = {"started": "2026-11-27T17:00:00+09:00", "finished": "2026-11-27T18:00:00+09:00", "host": "h"}
    run = RunFacts(**facts, seconds=1.0, platform="p", python="3", versions={"dokimasia": "0.1.0"})
    write_atomic(folder / "run.json", dump(run))


def with_answers(folder: Path) -> Audit:
    """An audit of four questions, three of which were answered, two of them rightly."""
    items = pd.DataFrame({
        "id": ["a", "b", "c", "d"], "question": ["2+2?", "3+3?", "<b>4+4?</b>", "5+5?"],
        "answer": ["4", "7", "8", None], "right": ["4", "6", "8", "10"], "value": [1.0, 0.0, 1.0, None],
        "against": [False, True, False, None],
    })  # fmt: skip
    one = finding("sums", "failed", "f", probe="factuality.closed_book", limit=LIMIT,
                  measures=[share("accuracy", 2 / 3, 0.1, 0.9, n={"items": 3, "units": 3}, missing=1,
                                  mean_of="value")])  # fmt: skip
    audit = write_audit(folder, [one], items={"sums": items})
    write_run(folder)
    return load_record(audit.folder)
