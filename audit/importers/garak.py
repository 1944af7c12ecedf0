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

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import begins, digest_of, json_lines, laid_out, model_in, number_in, text_in

__all__ = ["IMPORTER", "Garak"]

_SCORED = 2
"""Status of an attempt whose detectors have run."""
_THRESHOLD = 0.5
"""What the tool takes where a run sets none, which is told; its own counts tell where that was another."""
_UNKNOWN = "no detector"
"""Scorer of attempts of a probe of which no detector has run."""


@dataclass(frozen=True)
class _Waiting:
    """Attempts that were made, and whose detectors have not run."""

    attempts: set[str] = field(default_factory=set)
    detectors: dict[str, dict[str, None]] = field(default_factory=dict)
    """Probe -> the detectors that its outputs are shown to."""

    def note(self, row: Mapping[str, Any]) -> None:
        """Take a line of an attempt, which stands there when it was made, and again when its detectors have run."""
        if row["status"] != _SCORED:
            self.attempts.add(str(row["uuid"]))
            return
        self.attempts.discard(str(row.get("uuid")))
        found = self.detectors.setdefault(str(row["probe_classname"]), {})
        found.update(dict.fromkeys(row.get("detector_results") or {}))

    def unscored(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an attempt with no score of each detector; None of one that stands there again, with its scores."""
        if str(row.get("uuid")) not in self.attempts:
            return None
        names = self.detectors.get(str(row["probe_classname"])) or [_UNKNOWN]
        return {**row, "outputs": row.get("outputs") or [None], "detector_results": {name: [] for name in names}}


@dataclass(frozen=True)
class Garak:
    """Reports of garak."""

    title: str = "garak"

    def files(self, path: Path) -> list[Path] | None:
        """Return the report; raises DataError for a hitlog."""
        if not path.is_file() or path.suffix != ".jsonl":
            return None
        try:
            first = json.loads(begins(path).partition("\n")[0])
        except ValueError:
            first = None
        if isinstance(first, dict) and {"attempt_id", "detector", "score"} <= first.keys():
            raise DataError(f"{path}: holds hits alone, so no share follows; allowed: a report (.report.jsonl)")
        known = isinstance(first, dict) and str(first.get("entry_type")) in ("init", "start_run setup")
        return [path] if known else None

    def read(self, path: Path) -> Log:
        """Return the outputs of all attempts, for each detector."""
        setup: dict[str, Any] = {}
        aggregates, detectors, waiting = {}, set[str](), _Waiting()
        for number, row in json_lines(path, self.title):
            with laid_out(f"{path}: line {number}", self.title):
                if row["entry_type"] in ("init", "start_run setup"):
                    setup |= row
                elif row["entry_type"] == "eval":
                    detectors.add(row["detector"])
                    waiting.detectors.setdefault(str(row["probe"]), {})[str(row["detector"])] = None
                    if row["total_evaluated"]:
                        fails = row["fails"] if "fails" in row else row["total_evaluated"] - row["passed"]
                        aggregates[row["probe"], row["detector"]] = Aggregate(
                            fails / row["total_evaluated"], items=row["total_evaluated"]
                        )
                elif row["entry_type"] == "attempt":
                    waiting.note(row)
        stated = number_in(setup.get("run.eval_threshold"))
        threshold = _THRESHOLD if stated is None else stated
        scale = Scale("lower", binary=True, assumed_threshold=_THRESHOLD if stated is None else None)
        names = (setup.get("plugins.target_type", setup.get("plugins.model_type")),
                 setup.get("plugins.target_name", setup.get("plugins.model_name")))  # fmt: skip
        return Log(
            "garak", text_in(setup.get("garak_version")), model_in(" ".join(str(one) for one in names if one) or None),
            lambda: self._answers(path, threshold, waiting), dict.fromkeys(detectors, scale),
            aggregates,
        )  # fmt: skip

    def _answers(self, path: Path, threshold: float, waiting: _Waiting) -> Iterator[ScoredAnswer]:
        before: Counter[str] = Counter()
        for number, row in json_lines(path, self.title):
            if row.get("entry_type") == "attempt":
                with laid_out(f"{path}: line {number}", self.title):
                    told = row if row.get("status") == _SCORED else waiting.unscored(row)
                    answers = list(_of_attempt(told, threshold, f"{path.name}:{number}", before)) if told else []
                yield from answers


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
                input=text_in(turns[-1]["content"].get("text")), output=text_in((output or {}).get("text")),
                target=text_in(row.get("goal")), locator=f"{locator}, output {place}",
            )  # fmt: skip
    before[f"{probe} {asked}"] += len(outputs)


IMPORTER = Garak()
