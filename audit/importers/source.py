"""Scores that another tool wrote, as items: `data: {use: imported, path: samples.jsonl, scorer: "acc,none"}`.

    score    (what the log has - lowest) / (highest - lowest), so that it lies in [0, 1]
    unit     what was asked, whatever times: repeats are of one unit
    id       a digest of the task, the question, its right answer, the scorer and the repeat, and not of the answer: so
             two models' logs of one task hold the same items, and `dokimasia compare` pairs them

No model is opened. A score that lies outside its scale, two scorers where none is chosen, and an item that stands there
twice are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audit.data import Source, frames_of
from audit.errors import DataError, did_you_mean
from audit.files import canonical, sha256
from audit.importers.contents import Contents, Counted
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer
from audit.importers.reading import digest_of, text_in
from audit.importers.recognising import OpenedLog, open_log

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Imported"]

_ROWS = 4096
_NAMED, _GROUPS = 20, 500
"""Scorers that an error names, and groups of which each gets an interval."""
_STATED = ("stated", "recomputed", "stated_within", "stated_items", "items_there")
_FIELDS = (
    "score", "status", "passed", "group", "unit", "repeat", "task", "item", "scorer", "scored_by", "direction",
    "binary", "assumed_threshold", "input", "output", "target", "problem", "locator", "tool", "version", "model",
    "file", *_STATED,
)  # fmt: skip


@dataclass(frozen=True)
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
        scorer = self._chosen(contents)
        found = (self._row(one, contents, file) for one in self._answers(contents.log, scorer))
        rows = islice(self._in_groups(found), limit)
        chunks = iter(lambda: list(islice(rows, _ROWS)), [])
        names = [name for name in _FIELDS if name in role.fields]
        columns = (({name: [row[name] for row in part] for name in names}, [row["id"] for row in part])
                   for part in chunks)  # fmt: skip
        return frames_of(self.path, columns, role)

    def _open(self) -> OpenedLog:
        return open_log(self.path, self.tool, self.fields)

    def _promised(self, opened: OpenedLog) -> str:
        return self.as_promised(self.path, opened.digest())

    def _chosen(self, contents: Contents) -> str:
        """Return the scorer; raises DataError where none is chosen among several, and for one that is not there."""
        if self.task is not None and self.task not in contents.tasks:
            raise DataError(f"{self.path}: no task {self.task!r}{did_you_mean(self.task, contents.tasks)}")
        scorers = list(dict.fromkeys(one for task, one in contents.counted if self.task in (None, task)))
        if self.scorer is None:
            if len(scorers) == 1:
                return scorers[0]
            more = f"; and {len(scorers) - _NAMED:,} more" if len(scorers) > _NAMED else ""
            told = f"name one as scorer (allowed: {'; '.join(scorers[:_NAMED])}{more})" if scorers else "allowed: one"
            raise DataError(f"{self.path}: has {len(scorers)} scorers; {told}")
        if self.scorer not in scorers:
            raise DataError(f"{self.path}: no scorer {self.scorer!r}{did_you_mean(self.scorer, scorers)}")
        return self.scorer

    def _answers(self, log: Log, scorer: str) -> Iterator[ScoredAnswer]:
        return (one for one in log.answers() if one.scorer == scorer and self.task in (None, one.task))

    def _row(self, answer: ScoredAnswer, contents: Contents, file: str) -> dict[str, Any]:
        log = contents.log
        told = log.scales.get(answer.scorer, Scale())
        low, high = self.scale or (told.low, told.high)
        if low >= high:
            got = f"{self.path}: the log gives {answer.scorer} the scale {low:g} to {high:g}"
            raise DataError(f"{got}; allowed: the lower one first, or state `scale: [lowest, highest]`")
        key = (answer.task, answer.scorer)
        return {
            "id": digest_of(answer.task, answer.item, answer.asked, answer.scorer, answer.repeat),
            "score": self._scaled(answer, low, high), "status": answer.status,
            "passed": None if answer.passed is None else str(int(answer.passed)),
            "group": self._group(answer), "unit": digest_of(answer.task, answer.cluster or answer.item)[:16],
            "repeat": answer.repeat, "scored_by": told.judge, "direction": self._direction(answer.scorer, told),
            "binary": "1" if told.binary else None, "assumed_threshold": text_in(told.assumed_threshold),
            **{name: text_in(getattr(answer, name)) for name in ("task", "item", "scorer", "locator")},
            **{name: getattr(answer, name) for name in ("input", "output", "target", "problem")},
            "tool": log.tool, "version": log.version, "model": log.model, "file": file,
            **_stated(log.aggregates.get(key), contents.counted[key], low, high),
        }  # fmt: skip

    def _scaled(self, answer: ScoredAnswer, low: float, high: float) -> float | None:
        if answer.score is None:
            return None
        if not low <= answer.score <= high:
            got = f"{self.path}: {answer.locator}: a score of {answer.scorer} is {answer.score:g}"
            raise DataError(f"{got}; allowed: {low:g} to {high:g}, or state `scale: [lowest, highest]`")
        return (answer.score - low) / (high - low)

    def _group(self, answer: ScoredAnswer) -> str:
        if self.group is None:
            return str(text_in(answer.task))
        if not answer.about.get(self.group):
            where = f"{self.path}: {answer.locator}: no text and no whole number is called {self.group!r}"
            raise DataError(f"{where}{did_you_mean(self.group, answer.about)}")
        return str(answer.about[self.group])

    def _in_groups(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the rows; raises DataError where what shall name groups names too many, as a name of items does."""
        seen = set[str]()
        for row in rows:
            seen.add(row["group"])
            if len(seen) > _GROUPS:
                told = f"{self.group or 'task'} names more than {_GROUPS:,} groups"
                raise DataError(f"{self.path}: {told}; allowed: at most so many, or another group")
            yield row

    def _direction(self, scorer: str, told: Scale) -> str | None:
        if self.direction is not None and told.direction not in (None, self.direction):
            raise DataError(f"{self.path}: direction {self.direction} of {scorer}; the log says {told.direction}")
        return self.direction or told.direction


def _stated(stated: Aggregate | None, counted: Counted, low: float, high: float) -> Mapping[str, Any]:
    """Return the tool's own mean beside ours of the whole log, whatever part of it is asked."""
    if stated is None:
        return dict.fromkeys(_STATED)
    ours, scored, width = counted.mean, counted.statuses["scored"], high - low
    told = ((stated.value - low) / width, None if ours is None else (ours - low) / width, stated.within / width,
            scored if stated.items is None else stated.items, scored)  # fmt: skip
    return dict(zip(_STATED, told, strict=True))
