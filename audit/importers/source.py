"""Scores that another tool wrote, as items: `data: {use: imported, path: samples.jsonl, scorer: "acc,none"}`.

    score    (what the log has - lowest) / (highest - lowest), so that it lies in [0, 1]
    unit     what was asked, whatever times: repeats are of one unit
    id       a digest of the task, the question, its right answer, the scorer and the repeat, and not of the answer: so
             two models' logs of one task hold the same items, and `dokimasia compare` pairs them

No model is opened. A score that lies outside its scale, two scorers where none is chosen, and an item that stands there
twice are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit.data import Source, frames_of
from audit.errors import DataError, did_you_mean
from audit.files import canonical, sha256
from audit.importers.contents import Contents
from audit.importers.log import Scale, ScoredAnswer
from audit.importers.reading import digest_of, digests_of, laid_out, name_in, text_in, texts_in
from audit.importers.recognising import OpenedLog, open_log
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Imported"]

_ROWS = 4096
_NAMED, _GROUPS = 20, 500
"""Scorers that an error names, and groups of which each gets an interval."""
_TEXTS = ("item", "input", "output", "target", "problem", "locator")
_STATED = ("stated", "recomputed", "stated_within", "stated_items", "items_there")
_FIELDS = (
    "score", "status", "passed", "group", "unit", "repeat", "task", "item", "scorer", "scored_by", "direction",
    "binary", "assumed_threshold", "input", "output", "target", "problem", "locator", "tool", "version", "model",
    "file", *_STATED,
)  # fmt: skip


@immutable
class Imported(Source):
    """Scored answers from a log of another tool: Inspect AI, lm-eval, garak, promptfoo, HELM, DeepEval, a table, ..."""

    path: Path
    """The log: a file, or the folder of a run."""
    tool: str | None = None
    """Which importer reads it; absent = the one that knows it."""
    scorer: str | None = None
    """Which scorer's scores; needed where the log has several."""
    task: str | None = None
    """Which task's items; absent = all."""
    group: str | None = None
    """What of an item names its group; absent = its task."""
    direction: Literal["higher", "lower"] | None = None
    """Which way a score is good, where the log does not say it; one that it contradicts is refused."""
    scale: list[float] | None = None
    """Lowest and highest score, `[1, 10]`; absent = those that the log tells, else 0 and 1."""
    fields: dict[str, str] = field(default_factory=dict)
    """Of a plain table: `item`, `score`, ... -> column that holds it, where it is called otherwise."""

    def __post_init__(self) -> None:
        """Refuse a scale without width or end."""
        if self.scale is not None and not (len(self.scale) == 2 and -inf < self.scale[0] < self.scale[1] < inf):
            raise ValueError(f"scale: got {self.scale}; allowed: two finite numbers, the lower one first")

    def digest(self) -> str:
        """Return the digest of the files and of the options."""
        options = [self.tool, self.scorer, self.task, self.group, self.direction, self.scale, self.fields]
        return sha256(canonical([self._promised(self._open()), options]))

    def columns(self) -> list[str]:
        """Return the fields, as logs have no columns."""
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of scored answers; see `audit.data.DataSource`."""
        opened = self._open()
        file, contents = self._promised(opened), opened.contents()
        taken = _Taken(self, contents, self._chosen(contents), file, opened.title)
        rows = islice(taken.answers(), limit)
        parts = iter(lambda: list(islice(rows, _ROWS)), [])
        return frames_of(self.path, (taken.columns(part, role) for part in parts), role)

    def _open(self) -> OpenedLog:
        return open_log(self.path, self.tool, self.fields)

    def _promised(self, opened: OpenedLog) -> str:
        return self.as_promised(self.path, opened.digest)

    def _chosen(self, contents: Contents) -> str:
        """Return the scorer; raises DataError where none is chosen among several, and for one that is not there."""
        if self.task is not None and self.task not in contents.tasks:
            raise DataError(f"{self.path}: no task {self.task!r}{did_you_mean(self.task, contents.tasks)}")
        scorers = list(dict.fromkeys(one for task, one in contents.counted if self.task in (None, task)))
        if self.scorer is None:
            if len(scorers) == 1:
                return scorers[0]
            more = f"; and {len(scorers) - _NAMED:,} more" if len(scorers) > _NAMED else ""
            told = f"name one as scorer (allowed: {'; '.join(scorers[:_NAMED])}{more})"
            raise DataError(f"{self.path}: has {len(scorers)} scorers; {told}")
        if self.scorer not in scorers:
            raise DataError(f"{self.path}: no scorer {self.scorer!r}{did_you_mean(self.scorer, scorers)}")
        return self.scorer



class _Taken:
    """What is taken of a log: the answers of one scorer, as columns."""

    def __init__(self, asked: Imported, contents: Contents, scorer: str, file: str, title: str) -> None:
        """Find what is the same for all answers; raises DataError for a scale or a direction that cannot be."""
        self._asked, self._contents, self._scorer, self._title = asked, contents, scorer, title
        log = contents.log
        told = log.scales.get(scorer, Scale())
        self._low, self._high = asked.scale or (told.low, told.high)
        if self._low >= self._high:
            got = f"{asked.path}: the log gives {scorer} the scale {self._low:g} to {self._high:g}"
            raise DataError(f"{got}; allowed: the lower one first, or state `scale: [lowest, highest]`")
        if asked.direction is not None and told.direction not in (None, asked.direction):
            raise DataError(f"{asked.path}: direction {asked.direction} of {scorer}; the log says {told.direction}")
        self._same: Mapping[str, str | None] = {
            "scorer": text_in(scorer), "scored_by": told.judge, "direction": asked.direction or told.direction,
            "binary": "1" if told.binary else None, "assumed_threshold": text_in(told.assumed_threshold),
            "tool": log.tool, "version": log.version, "model": log.model, "file": file,
        }  # fmt: skip
        self._groups = set[str]()

    def answers(self) -> Iterator[ScoredAnswer]:
        """Yield the answers."""
        task, scorer = self._asked.task, self._scorer
        return (one for one in self._contents.log.answers() if one.scorer == scorer and task in (None, one.task))

    def columns(self, part: Sequence[ScoredAnswer], role: Role) -> tuple[dict[str, list[Any]], list[str]]:
        """Return field -> cells of some answers, and their ids; raises DataError for what cannot be taken over."""
        at = dict(zip(ScoredAnswer._fields, zip(*part, strict=True), strict=True))
        tasks = {task: text_in(task) for task in set(at["task"])}
        stated = {task: self._stated(task) for task in tasks}
        with laid_out(f"{self._asked.path}: {at['locator'][0]} to {at['locator'][-1]}", self._title):
            asked = [one if isinstance(one, str) else digest_of(*one) for one in at["asked"]]
            ids = digests_of(at["task"], at["item"], asked, at["scorer"], at["repeat"])
            units = digests_of(at["task"], [one or item for one, item in zip(at["cluster"], at["item"], strict=True)])
            cells = {
                "score": self._scaled(part, at["score"]), "status": [*at["status"]],
                "passed": [None if one is None else str(int(one)) for one in at["passed"]],
                "unit": [one[:16] for one in units], "repeat": [*at["repeat"]],
                "task": [tasks[task] for task in at["task"]], **{name: texts_in(at[name]) for name in _TEXTS},
                **{name: [stated[task][place] for task in at["task"]] for place, name in enumerate(_STATED)},
                **{name: [cell] * len(part) for name, cell in self._same.items()},
            }  # fmt: skip
            cells["group"] = cells["task"] if self._asked.group is None else [*map(self._group, part)]
        self._count(cells["group"])
        return {name: cells[name] for name in _FIELDS if name in role.fields}, ids

    def _scaled(self, part: Sequence[ScoredAnswer], scores: Sequence[float | None]) -> list[float | None]:
        low, high = self._low, self._high
        for place, score in enumerate(scores):
            if score is not None and not low <= score <= high:
                got = f"{self._asked.path}: {part[place].locator}: a score of {self._scorer} is {score:g}"
                raise DataError(f"{got}; allowed: {low:g} to {high:g}, or state `scale: [lowest, highest]`")
        return [None if score is None else (score - low) / (high - low) for score in scores]

    def _group(self, answer: ScoredAnswer) -> str:
        name = str(self._asked.group)
        found = name_in(answer.about.get(name))
        if found is None:
            where = f"{self._asked.path}: {answer.locator}: no text and no whole number is called {name!r}"
            there = [one for one, value in answer.about.items() if name_in(value) is not None]
            raise DataError(f"{where}{did_you_mean(name, there)}")
        return found

    def _count(self, groups: Sequence[str]) -> None:
        """Count the groups; raises DataError where what shall name them names too many, as a name of items does."""
        self._groups.update(groups)
        if len(self._groups) > _GROUPS:
            told = f"{self._asked.group or 'task'} names more than {_GROUPS:,} groups"
            raise DataError(f"{self._asked.path}: {told}; allowed: at most so many, or another group")

    def _stated(self, task: str) -> tuple[float | None, ...]:
        """Return the tool's own mean beside ours of the whole log, whatever part of it is asked, as `_STATED` goes."""
        key, low, width = (task, self._scorer), self._low, self._high - self._low
        stated, counted = self._contents.log.aggregates.get(key), self._contents.counted[key]
        if stated is None:
            return (None,) * len(_STATED)
        ours, scored = counted.mean, counted.statuses["scored"]
        return ((stated.value - low) / width, None if ours is None else (ours - low) / width, stated.within / width,
                scored if stated.items is None else stated.items, scored)  # fmt: skip
