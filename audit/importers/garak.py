"""garak: `*.report.jsonl`.

    answer      each output of an attempt whose detectors have run (status 2); outputs of one prompt are repeats of it
    scorer      the detector; task the probe
    score       1 = hit: the detector's score is the run's threshold or more; lower is better
    aggregate   fails / total_evaluated of the line `eval` of a probe and a detector

An output, or a detector's score, that is null or no number is no resisted attack, and neither is an attempt whose
detectors have not run, as of a run that ended early: it has no score of any detector of its probe. A hitlog holds hits
alone and is refused: no share follows from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import field
from itertools import takewhile
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import (
    digest_of,
    each_laid_out,
    first_line,
    json_lines,
    laid_out,
    model_in,
    number_in,
    text_in,
)
from detectors.immutable import immutable

__all__ = ["IMPORTER", "Garak"]

_SCORED = 2
"""Status of an attempt whose detectors have run."""
_THRESHOLD = 0.5
"""What the tool takes where a run sets none, which is told; its own counts tell where that was another."""
_SETUP = ("init", "start_run setup")
_UNKNOWN = "no detector"
"""Scorer of attempts of a probe of which no detector has run."""


@immutable
class Garak:
    """Reports of garak."""

    title: str = "garak"

    def files(self, path: Path) -> list[Path] | None:
        """Return the report; raises DataError for a hitlog."""
        if not path.is_file() or path.suffix != ".jsonl":
            return None
        first = first_line(path)
        if {"attempt_id", "detector", "score"} <= first.keys():
            raise DataError(f"{path}: holds hits alone, so no share follows; allowed: a report (.report.jsonl)")
        return [path] if first.get("entry_type") in _SETUP else None

    def read(self, path: Path) -> Log:
        """Return the outputs of all attempts, for each detector."""
        setup: dict[str, Any] = {}
        with closing(json_lines(path, self.title)) as lines, laid_out(path, self.title):
            for _, row in takewhile(lambda line: line[1]["entry_type"] != "attempt", lines):
                setup |= row if row["entry_type"] in _SETUP else {}
        stated = number_in(setup.get("run.eval_threshold"))
        scale = Scale("lower", binary=True, assumed_threshold=_THRESHOLD if stated is None else None)
        report = _Report(path, self.title, _THRESHOLD if stated is None else stated, scale)
        names = (setup.get("plugins.target_type", setup.get("plugins.model_type")),
                 setup.get("plugins.target_name", setup.get("plugins.model_name")))  # fmt: skip
        return Log(
            "garak", text_in(setup.get("garak_version")), model_in(" ".join(str(one) for one in names if one) or None),
            report.answers, report.scales, report.aggregates,
        )  # fmt: skip


@immutable
class _Report:
    """A report whose setup was read."""

    path: Path
    title: str
    threshold: float
    scale: Scale
    """Of every detector."""
    scales: dict[str, Scale] = field(default_factory=dict)
    aggregates: dict[tuple[str, str], Aggregate] = field(default_factory=dict)

    def answers(self) -> Iterator[ScoredAnswer]:
        """Yield the scores of all attempts; those whose detectors have not run are looked up at the end."""
        attempts = _Attempts()

        def read(row: Mapping[str, Any], line: int) -> Iterator[ScoredAnswer]:
            if row["entry_type"] == "eval":
                self._count(row, attempts)
            elif row["entry_type"] == "attempt" and attempts.scored(row, line):
                yield from _of_attempt(row, self.threshold, f"{self.path.name}:{line}", attempts.before)

        def read_again(row: Mapping[str, Any], line: int) -> Iterator[ScoredAnswer]:
            if line in left:
                told = attempts.unscored(row)
                yield from _of_attempt(told, self.threshold, f"{self.path.name}:{line}", attempts.before)

        yield from each_laid_out(self.path, self.title, "line", json_lines(self.path, self.title), read)
        if left := {*attempts.waiting.values()}:
            yield from each_laid_out(self.path, self.title, "line", json_lines(self.path, self.title), read_again)

    def _count(self, row: Mapping[str, Any], attempts: _Attempts) -> None:
        """Take the tool's own count of a probe and a detector."""
        probe, detector, count = str(row["probe"]), str(row["detector"]), row["total_evaluated"]
        self.scales[detector] = self.scale
        attempts.detectors.setdefault(probe, {})[detector] = None
        if count:
            fails = row["fails"] if "fails" in row else count - row["passed"]
            self.aggregates[probe, detector] = Aggregate(fails / count, items=count)


@immutable
class _Attempts:
    """What was seen of the attempts."""

    waiting: dict[str, int] = field(default_factory=dict)
    """Attempt that was made, and whose detectors have not run -> its line."""
    detectors: dict[str, dict[str, None]] = field(default_factory=dict)
    """Probe -> the detectors that its outputs are shown to."""
    before: Counter[str] = field(default_factory=Counter)
    """How many outputs of a prompt there were."""

    def scored(self, row: Mapping[str, Any], line: int) -> bool:
        """Take a line of an attempt, which stands there when it was made, and again when its detectors have run."""
        if row["status"] != _SCORED:
            self.waiting[str(row["uuid"])] = line
            return False
        self.waiting.pop(str(row.get("uuid")), None)
        found = self.detectors.setdefault(str(row["probe_classname"]), {})
        found.update(dict.fromkeys(row.get("detector_results") or {}))
        return True

    def unscored(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return an attempt with no score of each detector."""
        names = self.detectors.get(str(row["probe_classname"])) or [_UNKNOWN]
        return {**row, "outputs": row.get("outputs") or [None], "detector_results": {name: [] for name in names}}


def _of_attempt(
    row: Mapping[str, Any], threshold: float, locator: str, before: Counter[str]
) -> Iterator[ScoredAnswer]:
    """Yield each output's score of each detector; `before` counts the outputs of a prompt, which it adds to."""
    probe, turns = str(row["probe_classname"]), row["prompt"]["turns"]
    asked = digest_of([one["content"].get("text") for one in turns])
    done = before[f"{probe} {asked}"]
    outputs = row["outputs"]
    for place, output in enumerate(outputs):
        for detector, scores in (row.get("detector_results") or {}).items():
            score = number_in(scores[place]) if place < len(scores) else None
            hit = None if score is None or output is None else score >= threshold
            yield ScoredAnswer(
                task=probe, item=asked, scorer=detector, asked=asked, repeat=done + place + 1,
                score=None if hit is None else float(hit), passed=None if hit is None else not hit,
                status="scored" if hit is not None else "error" if output is None else "unscored",
                input=turns[-1]["content"].get("text"), output=(output or {}).get("text"), target=row.get("goal"),
                locator=f"{locator}, output {place}",
            )  # fmt: skip
    before[f"{probe} {asked}"] += len(outputs)


IMPORTER = Garak()
