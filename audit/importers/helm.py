"""HELM: the folder of a run, with `scenario_state.json`, `per_instance_stats.json`, `run_spec.json`, `stats.json`.

    scorer      the metric; of a perturbed copy of an instance `metric, perturbation`, as copies are no new items
    task        the run's name without its model, and the split
    aggregate   the mean in `stats.json` of the same metric, split and perturbation
    error       a request that did not succeed

Answers are joined by instance, perturbation and train trial; trials are repeats. A run says of no metric which way it
is good. What HELM counts beside metrics (tokens, times, costs, log-probabilities) is left out.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from audit.errors import DataError
from audit.importers.log import Aggregate, Log, ScoredAnswer
from audit.importers.reading import each_laid_out, laid_out, model_in, number_in, whole_json
from audit.importers.streaming import elements
from detectors.immutable import immutable

__all__ = ["HELM", "IMPORTER"]

_NEEDED = ("per_instance_stats.json", "run_spec.json", "scenario_state.json")
_STATS = "stats.json"
_COUNTS = re.compile(
    r"num_|training_|inference_|finish_reason_|estimated_|max_prob|prompt_truncated|batch_size|logprob|bits_per_byte|"
    r"perplexity|predicted_index"
)
_Key = tuple[str, int, str]


@immutable
class HELM:
    """Runs of HELM."""

    title: str = "HELM"

    def files(self, path: Path) -> list[Path] | None:
        """Return the files of a run's folder, or of the folder of one of them."""
        folder = path if path.is_dir() else path.parent if path.name in (*_NEEDED, _STATS) else None
        if folder is None or not any((folder / name).is_file() for name in _NEEDED):
            return None
        if lacking := [name for name in _NEEDED if not (folder / name).is_file()]:
            raise DataError(f"{folder}: has no {lacking[0]}; allowed: the whole folder of a run of {self.title}")
        return [folder / name for name in (*_NEEDED, _STATS) if (folder / name).is_file()]

    def read(self, path: Path) -> Log:
        """Return the instances, for each metric."""
        files = {one.name: one for one in self.files(path) or []}
        spec = whole_json(files["run_spec.json"], self.title)
        with laid_out(files["run_spec.json"], self.title):
            name = re.sub(r",?model=[^,]*", "", str(spec["name"])).rstrip(":")
            model = spec["adapter_spec"].get("model")
        aggregates = {}
        if _STATS in files:
            with laid_out(files[_STATS], self.title):
                aggregates = dict(_aggregates(elements(files[_STATS], self.title), name))
        return Log("helm", None, model_in(model), lambda: self._answers(files, name), {}, aggregates)

    def _answers(self, files: Mapping[str, Path], name: str) -> Iterator[ScoredAnswer]:
        path, stats = files["scenario_state.json"], files["per_instance_stats.json"]
        with TemporaryFile() as file:
            states = _States(file)
            with laid_out(path, self.title):
                for state in elements(path, self.title, "request_states"):
                    states.put(state)
            rows = enumerate(elements(stats, self.title))
            yield from each_laid_out(stats, self.title, "row", rows, lambda row, n: _of_row(row, states, name, n))


class _States:
    """What was asked and answered, by key, in a file of no name: it may be most of a log, and in any order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._end, self._at, self._places = file, 0, -1, dict[_Key, tuple[int, int]]()

    def put(self, state: Mapping[str, Any]) -> None:
        """Keep what the answers take from a request."""
        instance, result = state["instance"], state.get("result") or {}
        key = str(instance["id"]), int(state.get("train_trial_index", 0)), _changed(instance.get("perturbation"))
        output = (result.get("completions") or [{}])[0].get("text")
        right = [one["output"].get("text") for one in instance.get("references") or []
                 if "correct" in one.get("tags", ())]  # fmt: skip
        question = (instance.get("input") or {}).get("text")
        told = {
            "right": right, "question": question, "prompt": (state.get("request") or {}).get("prompt") or question,
            "output": (state.get("output_mapping") or {}).get(str(output).strip()) or output,
            "lost": bool(result) and not result.get("success", True), "error": result.get("error"),
        }  # fmt: skip
        size = self._file.write(marshal.dumps(told))
        self._places[key] = self._end, size  # counted, as asking the file where it ends writes out what it holds
        self._end += size

    def get(self, key: _Key) -> dict[str, Any]:
        """Return it; of a key that no request has, what says nothing."""
        if key not in self._places:
            return {"right": []}
        place, size = self._places[key]
        if self._at != place:  # else it is the next one, and what was read ahead is kept
            self._file.seek(place)
        self._at = place + size
        told: dict[str, Any] = marshal.loads(self._file.read(size))  # noqa: S302 - what `put` wrote, in a file of no name
        return told


def _changed(told: Any) -> str:
    """Return the name of a perturbation, with the whole of it where it is computed over several copies."""
    if not told:
        return ""
    return ", ".join(str(told[key]) for key in ("name", "computed_on") if told.get(key) not in (None, "perturbed"))


def _of_row(row: Mapping[str, Any], states: _States, name: str, place: int) -> Iterator[ScoredAnswer]:
    key = (str(row["instance_id"]), int(row.get("train_trial_index", 0)), _changed(row.get("perturbation")))
    state = states.get(key)
    right, lost = state["right"], state.get("lost", False)
    for stat in row["stats"]:
        told = stat["name"]
        value = None if lost or not stat.get("count") else number_in(stat.get("mean"))
        if _COUNTS.match(str(told["name"])):
            continue
        yield ScoredAnswer(
            task=_task(name, told), item=key[0], scorer=_scorer(told), repeat=key[1] + 1,
            score=value, status="error" if lost else "unscored" if value is None else "scored",
            asked=(state.get("question"), right), input=state.get("prompt"), output=state.get("output"), target=right,
            problem=state.get("error"), locator=f"per_instance_stats.json:{place}",
        )  # fmt: skip


def _task(name: str, told: Mapping[str, Any]) -> str:
    return f"{name}, {told['split']}" if told.get("split") else name


def _scorer(told: Mapping[str, Any]) -> str:
    changed = _changed(told.get("perturbation"))
    return f"{told['name']}, {changed}" if changed else str(told["name"])


def _aggregates(stats: Iterable[Any], name: str) -> Iterator[tuple[tuple[str, str], Aggregate]]:
    for stat in stats:
        value = number_in(stat.get("mean"))
        if value is not None and stat.get("count"):
            yield (_task(name, stat["name"]), _scorer(stat["name"])), Aggregate(value)


IMPORTER = HELM()
