"""promptfoo: `results.json`, as `promptfoo eval -o results.json` writes it (version 3).

    scorer      `success` (1 or 0, all assertions together), and each named score
    score       higher is better: in red-team runs too, where success means that the attack was resisted
    repeat      rows of the same prompt and variables; `--repeat` gives each a test index of its own
    aggregate   successes / (successes + failures) of a provider and a prompt
    error       `failureReason` 2; 1 is an assertion that did not hold, and sets the text `error` too

A grader that failed gives no score. Several providers or prompts are tasks of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audit.errors import DataError
from audit.importers.log import Aggregate, Log, Scale, ScoredAnswer, Status
from audit.importers.reading import begins, digest_of, each_laid_out, laid_out, model_in, number_in, text_in, truth_in
from audit.importers.streaming import elements
from detectors.immutable import immutable

__all__ = ["IMPORTER", "Promptfoo"]

_ERROR = 2
_SUCCESS = "success"
_ROWS = ("results", "results")


@immutable
class Promptfoo:
    """Results of promptfoo."""

    title: str = "promptfoo"

    def files(self, path: Path) -> list[Path] | None:
        """Return the file."""
        if not path.is_file() or path.suffix != ".json":
            return None
        head = begins(path)
        known = head.startswith("{") and '"evalId"' in head[:200]
        return [path] if known or (head.startswith("{") and '"version": 2' in head and '"table"' in head) else None

    def read(self, path: Path) -> Log:
        """Return the rows of all tests, for success and each named score."""
        head: dict[str, Any] = {}
        named = set[str]()
        with laid_out(path, self.title):
            rows = set[tuple[str, int]]()
            for row in elements(path, self.title, *_ROWS, head=head):
                rows.add(_key(row))
                named |= (row.get("namedScores") or {}).keys()
            if (version := head["results"].get("version")) != 3:
                raise DataError(f"{path}: results of version {version}; allowed: 3, as promptfoo writes them now; "
                                "export them anew")  # fmt: skip
            if _SUCCESS in named:
                raise DataError(f"{path}: a named score is called {_SUCCESS}, as that of all assertions is; allowed: "
                                "another name")  # fmt: skip
            tasks = _tasks(rows)
            aggregates = dict(_aggregates(head["results"].get("prompts") or [], tasks))
            models = sorted({str(model_in(provider)) for provider, _ in rows})
        wrote = (head.get("metadata") or {}).get("promptfooVersion")
        scales = {_SUCCESS: Scale("higher", binary=True), **dict.fromkeys(named, Scale("higher"))}
        return Log("promptfoo", text_in(wrote), text_in(", ".join(models)),
                   lambda: self._answers(path, tasks, sorted(named)), scales, aggregates)  # fmt: skip

    def _answers(self, path: Path, tasks: Mapping[tuple[str, int], str], named: list[str]) -> Iterator[ScoredAnswer]:
        before: Counter[tuple[str, str]] = Counter()
        rows = enumerate(elements(path, self.title, *_ROWS))
        yield from each_laid_out(path, self.title, "result", rows,
                                 lambda row, place: _of_row(row, tasks[_key(row)], named, place, before))  # fmt: skip


def _key(row: Mapping[str, Any]) -> tuple[str, int]:
    return str(row["provider"]["id"]), int(row["promptIdx"])


def _tasks(keys: set[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return what each provider and prompt is called: the prompt, and the provider where there are several."""
    if len(keys) == 1:
        return dict.fromkeys(keys, "promptfoo")
    return {key: f"{model_in(key[0])}, prompt {key[1] + 1}" for key in keys}


def _of_row(
    row: Mapping[str, Any], task: str, named: list[str], place: int, before: Counter[tuple[str, str]]
) -> Iterator[ScoredAnswer]:
    test = row.get("testCase") or {}
    asked = digest_of(row["prompt"]["raw"], row.get("vars") or {}, test.get("assert"))
    before[task, asked] += 1
    grading = row.get("gradingResult") or {}
    lost: Status | None = "error" if row.get("failureReason") == _ERROR else None
    if lost is None and (grading.get("graderError") or (grading.get("metadata") or {}).get("graderError")):
        lost = "unscored"
    told: dict[str, Any] = {
        "task": task, "item": asked, "asked": asked, "repeat": before[task, asked], "locator": f"results/{place}",
        "input": row["prompt"]["raw"], "output": (row.get("response") or {}).get("output"),
        "target": [one.get("value") for one in test.get("assert") or []] or None,
        "about": {**(row.get("vars") or {}), **(row.get("metadata") or {}), **(test.get("metadata") or {})},
        "problem": row.get("error") if lost else None,
    }  # fmt: skip
    success = truth_in(row["success"])
    scores = {_SUCCESS: number_in(success), **{name: number_in((row.get("namedScores") or {}).get(name))
                                                        for name in named}}  # fmt: skip
    for name, value in scores.items():
        score = None if lost else value
        yield ScoredAnswer(
            **told, scorer=name, score=score, status="scored" if score is not None else lost or "unscored",
            passed=success if name == _SUCCESS and not lost else None,
        )  # fmt: skip


def _aggregates(
    prompts: list[Any], tasks: Mapping[tuple[str, int], str]
) -> Iterator[tuple[tuple[str, str], Aggregate]]:
    """Yield the tool's own rates of success, of each provider and prompt."""
    places = {place: task for (_, place), task in tasks.items()}
    for place, prompt in enumerate(prompts):
        counts = prompt.get("metrics") or {}
        good, bad = counts.get("testPassCount"), counts.get("testFailCount")
        if place in places and isinstance(good, int) and isinstance(bad, int) and good + bad:
            yield (places[place], _SUCCESS), Aggregate(good / (good + bad), items=good + bad)


IMPORTER = Promptfoo()
