"""What a log holds, counted in one pass, and a plan that audits it.

    task and scorer -> answers, items, statuses, mean of the scores; beside it the tool's own mean

The plan has a check for each scorer, and no limit: what is good enough is the user's to say, before the run. A
direction that the log does not tell is left open.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audit.importers.log import Log, Scale, ScoredAnswer
from audit.importers.reading import text_in
from detectors.immutable import immutable

__all__ = ["Contents", "Counted", "contents_of", "plan_for"]

_MODELS = 3
"""Models that are named of a log that names one beside each answer."""


@immutable
class Counted:
    """What one scorer said of one task."""

    answers: int
    items: int
    """Units that were asked, whatever times."""
    statuses: Mapping[str, int]
    passed: int | None
    """Answers that the log calls good; None where it says so of none."""
    mean: float | None
    """The mean of the scores, over units where the tool's own is; None of none."""


@dataclass
class _Tally:
    """Counts while the answers go by."""

    by_unit: bool
    answers: int = 0
    units: set[int] = field(default_factory=set)
    """Hashes of the units' names."""
    statuses: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    told: int = 0
    """Answers of which the log says whether they pass."""
    total: float = 0.0
    means: dict[int, tuple[float, int]] = field(default_factory=dict)
    """Sum and number of the scores of each unit, where the tool's own mean is over units."""

    def add(self, answer: ScoredAnswer) -> None:
        """Count one answer."""
        unit = hash(answer.cluster or answer.item)
        self.answers += 1
        self.units.add(unit)
        self.statuses[answer.status] += 1
        self.told += answer.passed is not None
        self.passed += bool(answer.passed)
        if answer.score is not None:
            self.total += answer.score
            if self.by_unit:
                total, count = self.means.get(unit, (0.0, 0))
                self.means[unit] = (total + answer.score, count + 1)

    def counted(self) -> Counted:
        """Return what was counted."""
        passed = self.passed if self.told else None
        return Counted(self.answers, len(self.units), self.statuses, passed, self._mean())

    def _mean(self) -> float | None:
        if self.means:
            return sum(total / count for total, count in self.means.values()) / len(self.means)
        scored = self.statuses["scored"]
        return self.total / scored if scored else None


@immutable
class Contents:
    """What a log holds."""

    log: Log
    """The log, with what stands beside its answers of their model and of their scorers."""
    counted: Mapping[tuple[str, str], Counted]

    @property
    def scorers(self) -> list[str]:
        """Every scorer once, in the order of the log."""
        return list(dict.fromkeys(scorer for _, scorer in self.counted))

    @property
    def tasks(self) -> list[str]:
        """Every task once, in the order of the log."""
        return list(dict.fromkeys(task for task, _ in self.counted))

    @property
    def without_items(self) -> list[tuple[str, str]]:
        """Tasks and scorers, of scorers that are there, of which the log states a mean and holds no answer."""
        return [key for key in self.log.aggregates if key not in self.counted and key[1] in self.scorers]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        rows = [self._row(key, one) for key, one in self.counted.items()]
        told = {"tool": self.log.tool, "version": self.log.version, "model": self.log.model, "scores": rows}
        return {**told, "without_items": self.without_items}

    def _row(self, key: tuple[str, str], one: Counted) -> dict[str, Any]:
        stated, scale = self.log.aggregates.get(key), self.log.scales.get(key[1], Scale())
        return {
            "task": key[0], "scorer": key[1], "answers": one.answers, "items": one.items, **one.statuses,
            "mean": one.mean, "passed": one.passed,
            "direction": scale.direction, "assumed_threshold": scale.assumed_threshold,
            "stated": None if stated is None else {"value": stated.value, "over": self.log.over, "items": stated.items},
        }  # fmt: skip


def contents_of(log: Log) -> Contents:
    """Return what a log holds, in one pass over it; raises DataError as reading it does."""
    by_unit = log.over == "units"
    found: dict[tuple[str, str], _Tally] = {}
    models: dict[str, None] = {}
    ways: dict[str, Scale] = {}
    for answer in log.answers():
        key = (answer.task, answer.scorer)
        tally = found.get(key)
        if tally is None:
            tally = found[key] = _Tally(by_unit)
        tally.add(answer)
        if answer.model is not None:
            models[answer.model] = None
        if answer.direction is not None and answer.scorer not in ways:
            ways[answer.scorer] = Scale(answer.direction)
    model = text_in(log.model or ", ".join(sorted(models)[:_MODELS]))
    told = replace(log, model=model, scales={**ways, **log.scales})
    return Contents(told, {key: one.counted() for key, one in found.items()})


def plan_for(contents: Contents, path: str, importer: str) -> str:
    """Return the text of a plan that audits a log, which it names by `path`."""
    log, scorers = contents.log, contents.scorers
    title = f"Scores of {log.model or 'a model'} by {log.tool}"[:200]
    head = ["# yaml-language-server: $schema=./plan.schema.json", f"title: {_quoted(title)}", "seed: 7", "level: 0.95",
            "checks:"]  # fmt: skip
    names: list[str] = []
    for scorer in scorers:
        names.append(_name(scorer, names))
        scale = log.scales.get(scorer, Scale())
        data = {"use": "imported", "path": path, "tool": importer, **({"scorer": scorer} if len(scorers) > 1 else {})}
        bound = "at_most: 0.1" if scale.direction == "lower" else "at_least: 0.8"
        head += [f"  - name: {names[-1]}",
                 "    probe: {use: imported.scores}    # about: quality; toxicity, jailbreak, injection, privacy, ..."]
        if scale.direction is None:
            head += ["    # direction: higher (or lower) goes into data, as the log does not say which way is good"]
        head += [f"    data: {_flow(data)}",
                 f"    # limit: {{measure: mean_score, {bound}}}    # before the first run, or it was set afterwards"]
    return "\n".join([*head, ""])


def _name(scorer: str, taken: list[str]) -> str:
    """Return a name of a check that no other has."""
    name = re.sub(r"[^a-z0-9]+", "-", scorer.lower()).strip("-")[:56] or "scores"
    return name if name not in taken else f"{name}-{len(taken) + 1}"


def _flow(options: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {_quoted(value)}" for key, value in options.items()) + "}"


def _quoted(text: str) -> str:
    words = ("true", "false", "yes", "no", "on", "off", "null")
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in words
    return text if plain else json.dumps(text, ensure_ascii=False)
