"""Inspect AI: a log as `.eval` (an archive) or `.json`.

    scorer      its name; of a score of several values `name/value`
    score       C = 1, P = 0.5, I and N = 0, as its metrics take them; numbers and true or false as they are; any other
                text is no score
    direction   higher, of a scorer whose metric is accuracy; of any other nothing says
    aggregate   `accuracy` or `mean`, over samples of the mean over epochs
    error       a sample that failed has no score of any scorer; one that a person struck out is invalid

Summaries are cut texts and are never read. A log that has not ended, and one whose samples are written in parts, is
refused: `inspect log convert --to json` makes one of the second that is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.importers.archive import opened_archive
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer, Status
from audit.importers.reading import begins, each_laid_out, laid_out, model_in, number_in, parsed, text_in
from audit.importers.streaming import elements, head_of
from detectors.immutable import immutable

__all__ = ["IMPORTER", "InspectAI"]

_LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_MEANS = ("accuracy", "mean")


@immutable
class InspectAI:
    """Logs of Inspect AI."""

    title: str = "Inspect AI"

    def files(self, path: Path) -> list[Path] | None:
        """Return the log."""
        if not path.is_file():
            return None
        if path.suffix == ".eval" and zipfile.is_zipfile(path):
            return [path]
        if path.suffix == ".eval":
            raise DataError(f"{path}: is cut or no archive; allowed: a whole log of {self.title}")
        head = begins(path) if path.suffix == ".json" else ""
        return [path] if head.startswith("{") and '"eval"' in head and '"task_id"' in head else None

    def read(self, path: Path) -> Log:
        """Return the answers of all samples and epochs, for each scorer."""
        head = self._head(path)
        with laid_out(path, self.title):
            if head.get("status") not in (None, "success"):
                raise DataError(f"{path}: the run ended with {str(head['status'])[:20]}; allowed: one that succeeded")
            run = head["eval"]
            scores = list((head.get("results") or {}).get("scores") or [])
            names = [str(one["name"]) for one in scores] or [str(one["name"]) for one in run.get("scorers") or []]
            found = {(str(run["task"]), str(one["name"])): _aggregate(one) for one in scores}
            aggregates = {key: one for key, one in found.items() if one is not None}
            scales = {str(one["name"]): Scale("higher" if _is_accuracy(one) else None, binary=_is_accuracy(one))
                      for one in scores}  # fmt: skip
            version = (run.get("packages") or {}).get("inspect_ai")
        return Log(
            "inspect_ai", text_in(version), model_in(run.get("model")),
            lambda: self._answers(path, str(run["task"]), names), scales, aggregates, "units",
        )  # fmt: skip

    def _head(self, path: Path) -> dict[str, Any]:
        """Return a log without its samples."""
        if path.suffix != ".eval":
            return head_of(path, self.title, "samples", before=("status", "eval", "results"))
        with opened_archive(path) as archive:
            if "header.json" not in archive.names:
                raise DataError(f"{path}: has no header.json, as the run has not ended; allowed: a finished log")
            if parts := [name for name in archive.names if name.startswith("samples/") and name.count("/") > 1]:
                told = f"{parts[0]} is a part of a sample; make one file of it: inspect log convert --to json"
                raise DataError(f"{path}: {told}")
            return parsed(archive.read("header.json"), f"{path}: header.json", self.title)

    def _samples(self, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the samples with their places."""
        if path.suffix != ".eval":
            yield from ((f"samples/{n}", one) for n, one in enumerate(elements(path, self.title, "samples")))
            return
        with opened_archive(path) as archive:
            for name in archive.names:
                if name.startswith("samples/"):
                    yield name, parsed(archive.read(name), f"{path}: {name}", self.title)

    def _answers(self, path: Path, task: str, names: list[str]) -> Iterator[ScoredAnswer]:
        yield from each_laid_out(path, self.title, "entry", self._samples(path),
                                 lambda sample, locator: _of_sample(sample, task, names, locator))  # fmt: skip


def _of_sample(sample: Mapping[str, Any], task: str, names: list[str], locator: str) -> Iterator[ScoredAnswer]:
    question, target = sample["input"], sample.get("target")
    told: dict[str, Any] = {
        "task": task, "item": str(sample["id"]), "repeat": int(sample.get("epoch") or 1), "locator": locator,
        "asked": (_told(question), target), "input": _attached(sample, _told(question)),
        "output": _attached(sample, _completion(sample)), "target": target, "about": sample.get("metadata") or {},
    }  # fmt: skip
    values = dict(_values(sample.get("scores") or {}))
    lost: Status | None = "invalid" if sample.get("invalidation") else "error" if sample.get("error") else None
    for name in names if lost else dict.fromkeys([*names, *values]):
        score = None if lost else _score(values.get(name))
        yield ScoredAnswer(
            **told, scorer=name, score=score, status="scored" if score is not None else lost or "unscored",
            problem=_problem(sample) if lost else None,
        )  # fmt: skip


def _values(scores: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield scorer and value; of several values each by its name, as the results name them, and below the scorer's."""
    for name, one in scores.items():
        value = one["value"]
        yield from value.items() if isinstance(value, dict) else [(name, value)]


def _score(value: Any) -> float | None:
    return _LETTERS.get(value) if isinstance(value, str) else number_in(value)


def _told(messages: Any) -> Any:
    """Return an input as a text: of a list of messages what each says; ids of messages are new in every run."""
    if not isinstance(messages, list):
        return messages
    return "\n\n".join(f"{one.get('role')}: {_plain(one.get('content'))}" for one in messages)


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in content)
    return str(content)


def _completion(sample: Mapping[str, Any]) -> Any:
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    return output.get("completion") or (_plain(choices[0]["message"].get("content")) if choices else None)


def _attached(sample: Mapping[str, Any], text: Any) -> Any:
    """Return a text with what is attached in place of `attachment://NAME`."""
    if isinstance(text, str) and "attachment://" in text:
        for name, content in (sample.get("attachments") or {}).items():
            text = text.replace(f"attachment://{name}", content)
    return text


def _problem(sample: Mapping[str, Any]) -> Any:
    error = sample.get("error") or sample.get("invalidation")
    return error.get("message") or error.get("reason") if isinstance(error, dict) else str(error)


def _is_accuracy(score: Mapping[str, Any]) -> bool:
    return any(name.rpartition("/")[2] == "accuracy" for name in score.get("metrics") or {})


def _aggregate(score: Mapping[str, Any]) -> Aggregate | None:
    """Return the mean that the tool made of a scorer's values; None where it has none, or another reducer's."""
    if score.get("reducer") not in (None, "mean"):
        return None
    metrics = {name.rpartition("/")[2]: one for name, one in (score.get("metrics") or {}).items()}
    value = next((number_in(metrics[name].get("value")) for name in _MEANS if name in metrics), None)
    return None if value is None else Aggregate(value)


IMPORTER = InspectAI()
