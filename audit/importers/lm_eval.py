"""lm-evaluation-harness: `results_DATE.json` and, with `--log_samples`, `samples_TASK_DATE.jsonl` beside it.

    scorer      metric and filter, as its results name them: `acc,none`, `exact_match,strict-match`
    direction   `higher_is_better` of the results
    aggregate   of metrics that the task's config takes the mean of, and of those that it says nothing of
    output      the filtered answer; where choices were scored by log-likelihood, the likeliest choice

A stored `acc` of a multiple-choice item must go with its log-likelihoods, or it is no score. The harness keeps no
answer that failed: where one does, it writes no log. A log is a results file, a samples file, or their folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import each_laid_out, json_lines, laid_out, model_in, number_in, text_in, whole_json
from detectors.immutable import immutable

__all__ = ["IMPORTER", "LMEval"]

_NAME = re.compile(r"(?:results|samples_(?P<task>.+))_(?P<date>\d{4}-\d\d-\d\dT[\d:.-]+)\.jsonl?")
_MEANS = (None, "mean")
_BINARY = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match")
"""Metrics that are 0 or 1 for each item."""


@immutable
class LMEval:
    """Logs of lm-evaluation-harness."""

    title: str = "lm-evaluation-harness"

    def files(self, path: Path) -> list[Path] | None:
        """Return the results file, if there is one, and the samples of every task of one run."""
        if path.is_dir():
            results = sorted(path.glob("results_*.json")) or sorted(path.glob("*/results_*.json"))
            if not results:
                return None
            if len(results) > 1:
                raise DataError(f"{path}: {len(results)} runs of {self.title} lie there; name one results file")
            path = results[0]
        named = _NAME.fullmatch(path.name)
        if named is None or not path.is_file():
            return None
        beside, date = path.parent / f"results_{named['date']}.json", named["date"]
        if named["task"] is None:
            samples = [one for one in sorted(path.parent.glob("samples_*.jsonl")) if one.stem.endswith(f"_{date}")]
            if not samples:
                raise DataError(f"{path}: no samples lie beside it; run {self.title} with --log_samples")
            return [path, *samples]
        return [*([beside] if beside.is_file() else []), path]

    def read(self, path: Path) -> Log:
        """Return the answers of all tasks of a run, for each metric and filter."""
        files = self.files(path) or []
        head = whole_json(files[0], self.title) if files and files[0].name.startswith("results_") else {}
        samples = [one for one in files if one.name.startswith("samples_")]
        with laid_out(files[0] if files else path, self.title):
            aggregates = dict(_aggregates(head))
            ways = _directions(head).items()
            scales = {name: Scale(way, binary=name.partition(",")[0] in _BINARY) for name, way in ways}
            config = head.get("config") or {}
            model = head.get("model_name") or config.get("model")
        return Log(
            "lm-eval", text_in(head.get("lm_eval_version")), model_in(model),
            lambda: (answer for one in samples for answer in self._answers(one)), scales, aggregates,
        )  # fmt: skip

    def _answers(self, path: Path) -> Iterator[ScoredAnswer]:
        named = _NAME.fullmatch(path.name)
        task = path.stem if named is None else named["task"]
        yield from each_laid_out(path, self.title, "line", json_lines(path, self.title),
                                 lambda row, line: _of_line(row, task, f"{path.name}:{line}"))  # fmt: skip


def _of_line(row: Mapping[str, Any], task: str, locator: str) -> Iterator[ScoredAnswer]:
    """Yield the scores of a line, one for each metric that gives an item a number."""
    doc, picked = row["doc"], _picked(row)
    told: dict[str, Any] = {
        "task": task, "item": str(row["doc_id"]), "locator": locator,
        "asked": str(row["doc_hash"]) if row.get("doc_hash") else (doc,),
        "input": _argument(row, 0, "arg_0"), "target": row.get("target"), "output": _output(row, picked),
        "about": doc if isinstance(doc, dict) else {},
    }  # fmt: skip
    for metric in row["metrics"]:
        value = row[metric]
        if isinstance(value, list | tuple | dict | str):
            continue  # what a corpus measure is made of, and no score of this item
        score, problem = number_in(value), None
        if score is not None and metric == "acc" and picked is not None and not _goes_with(row, picked, score):
            score, problem = None, "the stored acc does not go with the stored log-likelihoods"
        yield ScoredAnswer(
            **told, scorer=f"{metric},{row.get('filter', 'none')}", score=score, problem=problem,
            status="unscored" if score is None else "scored",
        )  # fmt: skip


def _argument(row: Mapping[str, Any], place: int, name: str) -> Any:
    arguments = row.get("arguments") or {}
    return (arguments.get(f"gen_args_{place}") or {}).get(name)


def _picked(row: Mapping[str, Any]) -> int | None:
    """Return the place of the likeliest choice, the first of equals; None where answers were generated."""
    answers = row.get("filtered_resps") or []
    choices = [_argument(row, place, "arg_1") for place in range(len(answers))]
    if len(answers) < 2 or not all(isinstance(one, str) for one in choices):
        return None
    scores = [float(one[0]) for one in answers]  # written as text
    return scores.index(max(scores))


def _output(row: Mapping[str, Any], picked: int | None) -> Any:
    if picked is not None:
        return _argument(row, picked, "arg_1")
    answers = row.get("filtered_resps") or [None]
    return answers[0]


def _goes_with(row: Mapping[str, Any], picked: int, score: float) -> bool:
    """Tell whether a stored accuracy is that of the likeliest choice, where the right one is known by its place."""
    target = str(row.get("target"))
    return not target.isdecimal() or score not in (0.0, 1.0) or (int(target) == picked) == (score == 1.0)


def _directions(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return metric and filter -> which way is good, where all tasks say the same."""
    ways: dict[str, set[bool | None]] = {}
    for task, measures in (head.get("results") or {}).items():
        told = (head.get("higher_is_better") or {}).get(task) or {}
        for name in measures:
            if "," in name and "_stderr," not in name:
                ways.setdefault(name, set()).add(told.get(name.partition(",")[0]))
    words = {True: "higher", False: "lower", None: None}
    return {name: words[next(iter(found))] if len(found) == 1 else None for name, found in ways.items()}


def _aggregates(head: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Aggregate]]:
    """Yield (task, scorer) and the tool's number, of metrics whose mean it is."""
    for task, measures in (head.get("results") or {}).items():
        listed = ((head.get("configs") or {}).get(task) or {}).get("metric_list") or []
        made = {one["metric"]: one.get("aggregation") for one in listed if isinstance(one.get("metric"), str)}
        count = ((head.get("n-samples") or {}).get(task) or {}).get("effective")
        for name, value in measures.items():
            metric, comma, _ = name.partition(",")
            number = number_in(value)
            if comma and not metric.endswith("_stderr") and number is not None and made.get(metric) in _MEANS:
                yield (task, name), Aggregate(number, items=count)


IMPORTER = LMEval()
