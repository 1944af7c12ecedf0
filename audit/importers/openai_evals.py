"""OpenAI evals: the event log of a run, JSON lines.

    answer      an event `match`, with the last `sampling` of the same sample before it
    score       `correct`; higher is better
    aggregate   `accuracy` of the final report
    error       an event `error`

Of what a run says of itself only the names of the eval and of the model are taken over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import begins, digest_of, json_lines, laid_out, model_in, number_in, text_in

__all__ = ["IMPORTER", "OpenAIEvals"]

_MATCH = "match"


@dataclass(frozen=True)
class OpenAIEvals:
    """Event logs of OpenAI evals."""

    title: str = "OpenAI evals"

    def files(self, path: Path) -> list[Path] | None:
        """Return the file."""
        if not path.is_file() or path.suffix != ".jsonl":
            return None
        try:
            first = json.loads(begins(path).partition("\n")[0])
        except ValueError:
            return None
        return [path] if isinstance(first, dict) and "eval_name" in (first.get("spec") or {}) else None

    def read(self, path: Path) -> Log:
        """Return the matches of all samples."""
        spec: dict[str, Any] = {}
        report: dict[str, Any] = {}
        for number, row in json_lines(path, self.title):
            with laid_out(f"{path}: line {number}", self.title):
                spec |= row.get("spec") or {}
                report |= row.get("final_report") or {}
        task, accuracy = str(spec["eval_name"]), number_in(report.get("accuracy"))
        models = ", ".join(str(model_in(one)) for one in spec.get("completion_fns") or [])
        aggregates = {} if accuracy is None else {(task, _MATCH): Aggregate(accuracy)}
        return Log("openai_evals", None, models or None, lambda: self._answers(path, task),
                   {_MATCH: Scale("higher", binary=True)}, aggregates)  # fmt: skip

    def _answers(self, path: Path, task: str) -> Iterator[ScoredAnswer]:
        sampled: dict[str, Mapping[str, Any]] = {}
        before: Counter[str] = Counter()
        for number, row in json_lines(path, self.title):
            with laid_out(f"{path}: line {number}", self.title):
                if row.get("type") == "sampling":
                    sampled[str(row["sample_id"])] = row["data"]
                elif row.get("type") in (_MATCH, "error"):
                    name = str(row["sample_id"])
                    before[name] += 1
                    yield _answer(row, sampled.pop(name, {}), task, before[name], f"{path.name}:{number}")


def _answer(
    row: Mapping[str, Any], sampled: Mapping[str, Any], task: str, repeat: int, locator: str
) -> ScoredAnswer:
    data, output = row.get("data") or {}, sampled.get("sampled")
    output = output[0] if isinstance(output, list) and len(output) == 1 else output
    right = None if row["type"] == "error" else bool(data["correct"])
    return ScoredAnswer(
        task=task, item=str(row["sample_id"]), scorer=_MATCH, repeat=repeat, locator=locator, passed=right,
        status="error" if right is None else "scored", score=None if right is None else float(right),
        asked=digest_of(sampled.get("prompt"), data.get("expected")), input=text_in(sampled.get("prompt")),
        output=text_in(output), target=text_in(data.get("expected")),
        problem=text_in(data.get("message")) if right is None else None,
    )  # fmt: skip


IMPORTER = OpenAIEvals()
