"""OpenAI evals: the event log of a run, JSON lines.

    answer      an event `match`, with the last `sampling` of the same sample before it
    score       `correct`; higher is better
    aggregate   `accuracy` of the final report
    error       an event `error`

Of what a run says of itself only the names of the eval and of the model are taken over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import each_laid_out, first_line, json_lines, laid_out, model_in, number_in, truth_in
from detectors.immutable import immutable

__all__ = ["IMPORTER", "OpenAIEvals"]

_MATCH = "match"


@immutable
class OpenAIEvals:
    """Event logs of OpenAI evals."""

    title: str = "OpenAI evals"

    def files(self, path: Path) -> list[Path] | None:
        """Return the file."""
        if not path.is_file() or path.suffix != ".jsonl":
            return None
        spec = first_line(path).get("spec")
        return [path] if isinstance(spec, dict) and "eval_name" in spec else None

    def read(self, path: Path) -> Log:
        """Return the matches of all samples."""
        with closing(json_lines(path, self.title)) as lines, laid_out(path, self.title):
            spec = next(lines)[1]["spec"]
            task = str(spec["eval_name"])
            models = ", ".join(str(model_in(one)) for one in spec.get("completion_fns") or [])
        aggregates: dict[tuple[str, str], Aggregate] = {}
        return Log("openai_evals", None, models or None, lambda: self._answers(path, task, aggregates),
                   {_MATCH: Scale("higher", binary=True)}, aggregates)  # fmt: skip

    def _answers(
        self, path: Path, task: str, aggregates: dict[tuple[str, str], Aggregate]
    ) -> Iterator[ScoredAnswer]:
        sampled: dict[str, Mapping[str, Any]] = {}
        before: Counter[str] = Counter()

        def read(row: Mapping[str, Any], line: int) -> Iterator[ScoredAnswer]:
            if row.get("type") == "sampling":
                sampled[str(row["sample_id"])] = row["data"]
            elif row.get("type") in (_MATCH, "error"):
                name = str(row["sample_id"])
                before[name] += 1
                yield _answer(row, sampled.pop(name, {}), task, before[name], f"{path.name}:{line}")
            elif (accuracy := number_in((row.get("final_report") or {}).get("accuracy"))) is not None:
                aggregates[task, _MATCH] = Aggregate(accuracy)

        yield from each_laid_out(path, self.title, "line", json_lines(path, self.title), read)


def _answer(
    row: Mapping[str, Any], sampled: Mapping[str, Any], task: str, repeat: int, locator: str
) -> ScoredAnswer:
    data, output = row.get("data") or {}, sampled.get("sampled")
    output = output[0] if isinstance(output, list) and len(output) == 1 else output
    lost = row["type"] == "error"
    right = None if lost else truth_in(data["correct"])
    return ScoredAnswer(
        task=task, item=str(row["sample_id"]), scorer=_MATCH, repeat=repeat, locator=locator, passed=right,
        status="error" if lost else "unscored" if right is None else "scored", score=number_in(right),
        asked=(sampled.get("prompt"), data.get("expected")), input=sampled.get("prompt"), output=output,
        target=data.get("expected"), problem=data.get("message") if lost else None,
    )  # fmt: skip


IMPORTER = OpenAIEvals()
