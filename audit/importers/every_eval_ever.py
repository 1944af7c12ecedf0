"""Every Eval Ever: the aggregate `NAME.json` and, beside it, the instances `NAME_samples.jsonl`.

    scorer      the metric of the result that an instance belongs to; where metrics of one name differ in scale or
                direction, `metric, evaluation`
    direction   `lower_is_better`; the scale from `min_score` to `max_score`
    aggregate   `score_details.score`, to half of its last written digit, as it is often rounded
    error       the instance's `error`

Where the aggregate names a digest of the instances, it must be theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.files import digest_file
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import (
    begins,
    each_laid_out,
    json_lines,
    laid_out,
    model_in,
    number_in,
    text_in,
    whole_json,
)
from detectors.immutable import immutable

__all__ = ["IMPORTER", "EveryEvalEver"]

_TAIL = "_samples.jsonl"


@immutable
class EveryEvalEver:
    """Records of Every Eval Ever."""

    title: str = "Every Eval Ever"

    def files(self, path: Path) -> list[Path] | None:
        """Return the aggregate and the instances; raises DataError for an aggregate without instances."""
        if path.name.endswith(_TAIL):
            path = path.with_name(f"{path.name.removesuffix(_TAIL)}.json")
        if not path.is_file() or path.suffix != ".json":
            return None
        head = begins(path)
        if not ('"evaluation_id"' in head and '"source_metadata"' in head):
            return None
        instances = path.with_name(f"{path.stem}{_TAIL}")
        if not instances.is_file():
            raise DataError(f"{path}: no instances lie beside it, and no interval follows from an aggregate; "
                            f"allowed: with {instances.name}")  # fmt: skip
        return [path, instances]

    def read(self, path: Path) -> Log:
        """Return the instances, for each metric."""
        whole, instances = self.files(path) or [path, path]
        head = whole_json(whole, self.title)
        with laid_out(whole, self.title):
            told = (head.get("detailed_evaluation_results") or {}).get("checksum")
            if told and digest_file(instances).removeprefix("sha256:") != told:
                raise DataError(f"{instances}: is not the file of which {whole.name} has the digest")
            metrics = {str(one.get("evaluation_result_id") or one["evaluation_name"]): one
                       for one in head["evaluation_results"]}  # fmt: skip
            names = _names(metrics)
            scales = {names[name]: _scale(one["metric_config"]) for name, one in metrics.items()}
            aggregates = {(str(one["evaluation_name"]), names[name]): _aggregate(one["score_details"]["score"])
                          for name, one in metrics.items()}  # fmt: skip
            library = head.get("eval_library") or {}
            version = f"{library.get('name')} {library.get('version')}" if library else None
            model = model_in(head["model_info"].get("id"))
        return Log("every_eval_ever", text_in(version), model,
                   lambda: self._answers(instances, names), scales, aggregates)  # fmt: skip

    def _answers(self, path: Path, names: Mapping[str, str]) -> Iterator[ScoredAnswer]:
        before: Counter[tuple[str, str]] = Counter()
        yield from each_laid_out(path, self.title, "line", json_lines(path, self.title),
                                 lambda row, line: [_answer(row, names, f"{path.name}:{line}", before)])  # fmt: skip


def _answer(
    row: Mapping[str, Any], names: Mapping[str, str], locator: str, before: Counter[tuple[str, str]]
) -> ScoredAnswer:
    result = str(row.get("evaluation_result_id") or row["evaluation_name"])
    before[result, str(row["sample_id"])] += 1
    asked, told = row.get("input") or {}, row["evaluation"]
    score = None if row.get("error") else number_in(told.get("score"))
    right = told.get("is_correct")
    outputs = (row.get("output") or {}).get("raw")
    outputs = outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs
    return ScoredAnswer(
        task=str(row["evaluation_name"]), item=str(row["sample_id"]), scorer=names.get(result, result), score=score,
        status="error" if row.get("error") else "unscored" if score is None else "scored",
        passed=right if isinstance(right, bool) and score is not None else None,
        repeat=before[result, str(row["sample_id"])], asked=(asked.get("raw"), asked.get("reference")),
        input=asked.get("raw"), output=outputs or row.get("messages"), target=asked.get("reference"),
        about=row.get("metadata") or {}, locator=locator, problem=row.get("error"),
    )  # fmt: skip


def _names(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return result -> scorer: its metric, with the evaluation's name where metrics of that name differ in scale."""
    scales: dict[str, set[Scale]] = {}
    for one in metrics.values():
        scales.setdefault(_named(one), set()).add(_scale(one["metric_config"]))
    return {
        name: _named(one) if len(scales[_named(one)]) == 1 else f"{_named(one)}, {one['evaluation_name']}"
        for name, one in metrics.items()
    }


def _named(result: Mapping[str, Any]) -> str:
    told = result["metric_config"]
    return str(told.get("metric_name") or told.get("metric_id") or result["evaluation_name"])


def _scale(told: Mapping[str, Any]) -> Scale:
    low, high = number_in(told.get("min_score")), number_in(told.get("max_score"))
    ways = {True: "lower", False: "higher"}
    way: Any = ways.get(told.get("lower_is_better"))  # type: ignore[arg-type]
    binary = told.get("score_type") == "binary"
    return Scale(way, 0.0 if low is None else low, 1.0 if high is None else high, binary=binary)


def _aggregate(score: Any) -> Aggregate:
    from decimal import Decimal

    digits = -int(Decimal(repr(float(score))).as_tuple().exponent)
    return Aggregate(float(score), within=max(1e-9, 0.5 * 10.0**-digits))


IMPORTER = EveryEvalEver()
