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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.importers.log import Aggregate, Direction, Log, Scale, ScoredAnswer
from audit.importers.reading import begins, digest_of, each_laid_out, laid_out, number_in, text_in, truth_in
from audit.importers.streaming import elements
from detectors.immutable import immutable

__all__ = ["IMPORTER", "DeepEval"]

_CASE = "test case"


@immutable
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
        scales: dict[str, Scale] = {_CASE: Scale("higher", binary=True)}
        aggregates: dict[tuple[str, str], Aggregate] = {}
        return Log("deepeval", None, None, lambda: self._answers(path, scales, aggregates), scales, aggregates)

    def _answers(
        self, path: Path, scales: dict[str, Scale], aggregates: dict[tuple[str, str], Aggregate]
    ) -> Iterator[ScoredAnswer]:
        """Yield the answers, and fill in what all of them tell."""
        told = _Told()
        head: dict[str, Any] = {}
        cases = enumerate(elements(path, self.title, "testCases", head=head))
        yield from each_laid_out(path, self.title, "test case", cases,
                                 lambda case, place: _of_case(case, place, self.title, told))  # fmt: skip
        with laid_out(path, self.title):
            scales |= {name: Scale(one.direction, judge=text_in(one.judge)) for name, one in told.metrics.items()}
            aggregates |= _aggregates(head, self.title, told.failed)


@dataclass
class _Metric:
    """What the cases tell of a metric, one after the other."""

    judge: str | None = None
    above: set[bool] = field(default_factory=set)
    """Whether what lies above the threshold passes, and what lies below does not."""

    def note(self, one: Mapping[str, Any]) -> None:
        """Take what the metric said of a case."""
        self.judge = self.judge or one.get("evaluationModel")
        score, threshold, good = (number_in(one.get(name)) for name in ("score", "threshold", "success"))
        if None not in (score, threshold, good) and score != threshold and not one.get("error"):
            self.above.add((score > threshold) == (good == 1))  # type: ignore[operator]

    @property
    def direction(self) -> Direction | None:
        """Which way it passes; None where no case tells, or two tell otherwise."""
        if len(self.above) != 1:
            return None
        return "higher" if True in self.above else "lower"


@dataclass
class _Told:
    """What the cases tell together, one after the other."""

    metrics: dict[str, _Metric] = field(default_factory=dict)
    before: Counter[str] = field(default_factory=Counter)
    """How often a case was there."""
    failed: int = 0
    """Cases in which a metric failed to answer."""


def _of_case(case: Mapping[str, Any], place: int, task: str, cases: _Told) -> Iterator[ScoredAnswer]:
    asked = digest_of(case["name"], case.get("input"), case.get("expectedOutput"))
    cases.before[asked] += 1
    told: dict[str, Any] = {
        "task": task, "item": str(case["name"]), "asked": asked, "repeat": cases.before[asked],
        "input": case.get("input"), "output": case.get("actualOutput"), "target": case.get("expectedOutput"),
        "locator": f"testCases/{place}",
    }  # fmt: skip
    for one in case.get("metricsData") or []:
        cases.metrics.setdefault(str(one["name"]), _Metric()).note(one)
        score = None if one.get("error") else number_in(one.get("score"))
        yield ScoredAnswer(
            **told, scorer=str(one["name"]), score=score, problem=one.get("error"),
            passed=truth_in(one["success"]) if score is not None else None,
            status="error" if one.get("error") else "unscored" if score is None else "scored",
        )  # fmt: skip
    failed = any(one.get("error") for one in case.get("metricsData") or [])
    cases.failed += failed
    good = None if failed else truth_in(case["success"])
    yield ScoredAnswer(
        **told, scorer=_CASE, score=number_in(good), passed=good,
        status="error" if failed else "unscored" if good is None else "scored",
        problem="a metric failed to answer" if failed else None,
    )  # fmt: skip


def _aggregates(head: Mapping[str, Any], task: str, failed: int) -> dict[tuple[str, str], Aggregate]:
    """Return the tool's own means of the metrics, and of the cases of which all metrics answered."""
    found = {(task, str(one["metric"])): Aggregate(sum(one["scores"]) / len(one["scores"]), items=len(one["scores"]))
             for one in head.get("metricsScores") or [] if one.get("scores")}  # fmt: skip
    good, bad = (int(head.get(name) or 0) for name in ("testPassed", "testFailed"))
    count = good + bad - failed
    return found | ({(task, _CASE): Aggregate(good / count, items=count)} if count > 0 else {})


IMPORTER = DeepEval()
