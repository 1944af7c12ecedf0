"""All scores of all sets at once: of the roles, and of the distortions of `items` by kind.

Every score is fitted once and applied to all sets in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import Floats, Items, items_of, joined, units_of
from detectors.novelty.answers import ANSWERS, model_score
from detectors.novelty.baselines import compressed_bits, knn_distance, mixture_surprise, sizes
from detectors.novelty.blindspots import blind_spots
from detectors.novelty.health import response_problem, score_problem
from detectors.novelty.likelihood import input_complexity, min_k, typicality
from detectors.ranking import Ranking, rank

__all__ = ["ScoreTable"]


class ScoreTable:
    """The scores, and which of them cannot be trusted."""

    def __init__(
        self, observed: Mapping[str, pd.DataFrame], score: str, value_range: tuple[float, float] | None,
        rng: np.random.Generator,
    ) -> None:
        """See `detectors.novelty.familiarity.likelihood_novelty` for what `observed` holds."""
        self.observed, self.score, self.main = observed, score, ANSWERS[score][1]
        sets = {role: items_of(frame) for role, frame in observed.items() if role != "reference"}
        learnt = items_of(observed["reference"]) if "reference" in observed else sets["fit"]
        spots = blind_spots(observed["items"].index, sets["items"], value_range)
        self.kinds = tuple(spots)
        sets |= spots
        self._of = np.repeat(list(sets), [len(items) for items in sets.values()])
        whole = joined(list(sets.values()))
        own = {name: self._own(name, items) for name, items in sets.items()}
        columns = {self.main: np.concatenate(list(own.values())), **_baselines(learnt, whole, rng)}
        problem = score_problem(columns[self.main]) or response_problem(own["items"], own["half_noise"], own["noise"])
        if problem is None:
            columns |= self._derived(columns, whole)
        self.problems = {name: why for name, part in columns.items() if (why := score_problem(part))}
        """Score -> why it cannot be trusted."""
        if problem is not None:
            self.problems[self.main] = problem
        self.names = tuple(columns)
        """The scores, the model's own first."""
        self._scores = pd.DataFrame(columns)
        self._cut: dict[str, pd.DataFrame] = {}

    def scores(self, name: str) -> pd.DataFrame:
        """Return the scores of one set, [item, score], indexed by item id."""
        if name not in self._cut:
            frame = self.observed["items" if name in self.kinds else name]
            self._cut[name] = self._scores.loc[self._of == name].set_axis(frame.index, axis=0)
        return self._cut[name]

    def distorted(self, kind: str) -> str:
        """Return the column of the evidence that holds the model's own score of the distortions of one kind."""
        return f"{self.main}_{kind}"

    def ranking(self, name: str) -> Ranking:
        """Return how the trusted scores rank a set above the familiar items."""
        trusted = [score for score in self.names if score not in self.problems]
        frame = self.observed["items" if name in self.kinds else name]
        units = (units_of(self.observed["items"]), units_of(frame))
        return rank(self.scores("items")[trusted], self.scores(name)[trusted], units)

    def _own(self, name: str, items: Items) -> Floats:
        if name in self.kinds:
            return model_score(self.observed["items"], self.score, items, name)
        return model_score(self.observed[name], self.score, items)

    def _derived(self, columns: Mapping[str, Floats], items: Items) -> dict[str, Floats]:
        """Return the scores that follow from the model's own."""
        own = columns[self.main]
        derived = {"typicality": typicality(own[self._of == "fit"], own)}
        if self.score == "log_prob":
            derived["input_complexity"] = input_complexity(own, columns["compressed_size"], sizes(items))
        if "trace" in self.observed["items"]:
            derived["min_k"] = min_k([trace for name in pd.unique(self._of) for trace in self._traces(name)])
        return derived

    def _traces(self, name: str) -> list[Any]:
        if name in self.kinds:
            return self.observed["items"][f"trace_{name}"].to_list()
        return self.observed[name]["trace"].to_list()


def _baselines(learnt: Items, items: Items, rng: np.random.Generator) -> dict[str, Floats]:
    """Return the scores that need no model; what they are fitted on is `learnt`."""
    scale = float(learnt.std()) if isinstance(learnt, np.ndarray) else 1.0
    return {
        "knn5": knn_distance(learnt, items),
        "mixture": mixture_surprise(learnt, items, rng=rng),
        "compressed_size": compressed_bits(items, scale),
    }
