"""HELM: the folder of a run, with `scenario_state.json`, `per_instance_stats.json`, `run_spec.json`, `stats.json`.

    scorer      the metric; of a perturbed copy of an instance `metric, perturbation`, as copies are no new items
    task        the run's name without its model, and the split
    aggregate   the mean in `stats.json` of the same metric, split and perturbation
    error       a request that did not succeed

Answers are joined by instance, perturbation and train trial; trials are repeats. A run says of no metric which way it
is good. What HELM counts beside metrics (tokens, times, costs, log-probabilities) is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.data import readable
from audit.errors import DataError
from audit.files import read_regular
from audit.importers.log import Aggregate, Log, ScoredAnswer
from audit.importers.reading import MOST, digest_of, laid_out, model_in, number_in, text_in, whole_json

__all__ = ["HELM", "IMPORTER"]

_NEEDED = ("per_instance_stats.json", "run_spec.json", "scenario_state.json")
_STATS = "stats.json"
_COUNTS = re.compile(
    r"num_|training_|inference_|finish_reason_|estimated_|max_prob|prompt_truncated|batch_size|logprob|bits_per_byte|"
    r"perplexity|predicted_index"
)
_Key = tuple[str, int, str]


@dataclass(frozen=True)
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
                aggregates = dict(_aggregates(_listed(files[_STATS], self.title), name))
        return Log("helm", None, model_in(model), lambda: self._answers(files, name), {}, aggregates)

    def _answers(self, files: Mapping[str, Path], name: str) -> Iterator[ScoredAnswer]:
        path = files["scenario_state.json"]
        with laid_out(path, self.title):
            states = {_state_key(one): one for one in whole_json(path, self.title)["request_states"]}
        rows = _listed(files["per_instance_stats.json"], self.title)
        with laid_out(files["per_instance_stats.json"], self.title):
            for place, row in enumerate(rows):
                yield from _of_row(row, states, name, f"per_instance_stats.json:{place}")


def _listed(path: Path, tool: str) -> list[Any]:
    with readable(path):
        data = read_regular(path, MOST)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise DataError(f"{path}: is cut or no JSON; allowed: a file of {tool}") from None
    if not isinstance(value, list):
        raise DataError(f"{path}: holds a {type(value).__name__}; allowed: a list, as {tool} writes")
    return value


def _changed(told: Any) -> str:
    """Return the name of a perturbation, with the whole of it where it is computed over several copies."""
    if not told:
        return ""
    return ", ".join(str(told[key]) for key in ("name", "computed_on") if told.get(key) not in (None, "perturbed"))


def _state_key(state: Mapping[str, Any]) -> _Key:
    instance = state["instance"]
    return str(instance["id"]), int(state.get("train_trial_index", 0)), _changed(instance.get("perturbation"))


def _of_row(row: Mapping[str, Any], states: Mapping[_Key, Any], name: str, locator: str) -> Iterator[ScoredAnswer]:
    key = (str(row["instance_id"]), int(row.get("train_trial_index", 0)), _changed(row.get("perturbation")))
    state = states.get(key) or {}
    instance, result = state.get("instance") or {}, state.get("result") or {}
    right = [one["output"].get("text") for one in instance.get("references") or [] if "correct" in one.get("tags", ())]
    completions = result.get("completions") or [{}]
    output = completions[0].get("text")
    mapped = (state.get("output_mapping") or {}).get(str(output).strip())
    lost = bool(result) and not result.get("success", True)
    question = (instance.get("input") or {}).get("text")
    for stat in row["stats"]:
        told = stat["name"]
        value = None if lost or not stat.get("count") else number_in(stat.get("mean"))
        if _COUNTS.match(str(told["name"])):
            continue
        yield ScoredAnswer(
            task=_task(name, told), item=key[0], scorer=_scorer(told), repeat=key[1] + 1, locator=locator,
            score=value, status="error" if lost else "unscored" if value is None else "scored",
            asked=digest_of(question, right), input=text_in((state.get("request") or {}).get("prompt") or question),
            output=text_in(mapped or output), target=text_in(right), problem=text_in(result.get("error")),
        )  # fmt: skip


def _task(name: str, told: Mapping[str, Any]) -> str:
    return f"{name}, {told['split']}" if told.get("split") else name


def _scorer(told: Mapping[str, Any]) -> str:
    changed = _changed(told.get("perturbation"))
    return f"{told['name']}, {changed}" if changed else str(told["name"])


def _aggregates(stats: list[Any], name: str) -> Iterator[tuple[tuple[str, str], Aggregate]]:
    for stat in stats:
        value = number_in(stat.get("mean"))
        if value is not None and stat.get("count"):
            yield (_task(name, stat["name"]), _scorer(stat["name"])), Aggregate(value)


IMPORTER = HELM()
