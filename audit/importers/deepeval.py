"""DeepEval: a test run, `.deepeval/.latest_run_full.json` or `test_run_TIME.json`.

    scorer      each metric, and `test case`: whether all of a case's metrics pass
    passed      the metric's own `success`
    direction   read from it: a case that passes below the threshold says that lower is better, one that passes above it
                that higher is; of a metric that no case tells of, nothing says
    aggregate   the mean of a metric's `scores` in `metricsScores`; testPassed / (testPassed + testFailed), without the
                cases in which a metric failed to answer
    error       the metric's `error`

Bias, toxicity, hallucination and misuse pass below their threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.importers.log import Aggregate, Direction, Log, Scale, ScoredAnswer
from audit.importers.reading import begins, digest_of, laid_out, number_in, text_in, whole_json

__all__ = ["IMPORTER", "DeepEval"]

_CASE = "test case"


@dataclass(frozen=True)
class DeepEval:
    """Test runs of DeepEval."""

    title: str = "DeepEval"

    def files(self, path: Path) -> list[Path] | None:
        """Return the file."""
        if not path.is_file() or path.suffix != ".json":
            return None
        head = begins(path)
        return [path] if head.startswith("{") and '"testCases"' in head and '"metricsData"' in head else None

    def read(self, path: Path) -> Log:
        """Return the test cases, for each metric and all together."""
        whole = whole_json(path, self.title)
        with laid_out(path, self.title):
            cases = whole["testCases"]
            metrics = [one for case in cases for one in case.get("metricsData") or []]
            scales = {_CASE: Scale("higher", binary=True)}
            for name in dict.fromkeys(str(one["name"]) for one in metrics):
                of = [one for one in metrics if one["name"] == name]
                judge = next((one["evaluationModel"] for one in of if one.get("evaluationModel")), None)
                scales[name] = Scale(_direction(of), judge=text_in(judge))
            good, bad = (int(whole.get(name) or 0) for name in ("testPassed", "testFailed"))
            count = good + bad - sum(_failed(case) for case in cases)
            aggregates = {(self.title, str(one["metric"])): Aggregate(sum(one["scores"]) / len(one["scores"]),
                                                                      items=len(one["scores"]))
                          for one in whole.get("metricsScores") or [] if one.get("scores")}  # fmt: skip
        if count > 0:
            aggregates[self.title, _CASE] = Aggregate(good / count, items=count)
        return Log("deepeval", None, None, lambda: self._answers(path, cases), scales, aggregates)

    def _answers(self, path: Path, cases: list[Any]) -> Iterator[ScoredAnswer]:
        before: Counter[str] = Counter()
        for place, case in enumerate(cases):
            with laid_out(f"{path}: test case {place}", self.title):
                answers = list(_of_case(case, place, self.title, before))
            yield from answers


def _of_case(case: Mapping[str, Any], place: int, task: str, before: Counter[str]) -> Iterator[ScoredAnswer]:
    asked = digest_of(case["name"], case.get("input"), case.get("expectedOutput"))
    before[asked] += 1
    told: dict[str, Any] = {
        "task": task, "item": str(case["name"]), "asked": asked, "repeat": before[asked],
        "input": text_in(case.get("input")), "output": text_in(case.get("actualOutput")),
        "target": text_in(case.get("expectedOutput")), "locator": f"testCases/{place}",
    }  # fmt: skip
    for one in case.get("metricsData") or []:
        score = None if one.get("error") else number_in(one.get("score"))
        yield ScoredAnswer(
            **told, scorer=str(one["name"]), score=score, passed=bool(one["success"]) if score is not None else None,
            status="error" if one.get("error") else "unscored" if score is None else "scored",
            problem=text_in(one.get("error")),
        )  # fmt: skip
    failed = _failed(case)
    yield ScoredAnswer(
        **told, scorer=_CASE, score=None if failed else float(bool(case["success"])),
        passed=None if failed else bool(case["success"]), status="error" if failed else "scored",
        problem="a metric failed to answer" if failed else None,
    )  # fmt: skip


def _failed(case: Mapping[str, Any]) -> bool:
    return any(one.get("error") for one in case.get("metricsData") or [])


def _direction(metrics: list[Mapping[str, Any]]) -> Direction | None:
    """Return which way a metric passes, by the side of its threshold on which cases pass and fail."""
    above = set()
    for one in metrics:
        score, threshold = number_in(one.get("score")), number_in(one.get("threshold"))
        if score is not None and threshold is not None and score != threshold and not one.get("error"):
            above.add((score > threshold) == bool(one["success"]))
    if len(above) != 1:
        return None
    return "higher" if above.pop() else "lower"


IMPORTER = DeepEval()
