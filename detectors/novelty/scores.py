"""All scores of all sets at once: of the roles, and of the distortions of `items` by kind.

Every score is fitted once and applied to all sets in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, Items, field_of, items_of, joined, places_in_order, units_of
from detectors.health import response_problem, score_problem, ties_problem
from detectors.immutable import immutable
from detectors.lossless import compressed_bits
from detectors.novelty.answers import ANSWERS, OTHER_DOMAIN
from detectors.novelty.baselines import comparable, diffusion_variance, isolation, knn_distance, mixture_surprise
from detectors.novelty.blindspots import blind_spots
from detectors.novelty.catalogue import SCORES, columns_of
from detectors.novelty.recorded import Recorded, price
from detectors.novelty.subsequences import strangest_window
from detectors.phrases import Cause
from detectors.ranking import Ranking, ranked

__all__ = ["ScoreTable"]

_FOREST, _DTE = "isolation_forest", "dte_np"
_THERE_ANYWAY = ("trace", "scored_bytes", "background_scored_bytes")


@immutable
class _Sets:
    """The items that are scored, set by set."""

    items: Mapping[str, Items]
    """Role, or kind of distortion of the familiar items -> its items."""
    kinds: tuple[str, ...]
    learnt: Items
    """What the model learnt from, as far as is known."""

    @classmethod
    def of(
        cls, observed: Mapping[str, pd.DataFrame], value_range: tuple[float, float] | None, *, blurred: bool
    ) -> _Sets:
        """Return the items of all roles but `reference`, and the familiar ones distorted; see `blindspots`."""
        sets = {role: items_of(frame) for role, frame in observed.items() if role != "reference"}
        learnt = items_of(observed["reference"]) if "reference" in observed else sets["fit"]
        of_rows = learnt if field_of(observed["items"]) == "row" and isinstance(learnt, np.ndarray) else None
        spots = blind_spots(observed["items"].index, sets["items"], value_range, blurred=blurred, learnt=of_rows)
        return cls(sets | spots, tuple(spots), learnt)

    @property
    def places(self) -> dict[str, slice]:
        """Set -> where its items stand among those of all sets."""
        ends = np.cumsum([0, *(len(items) for items in self.items.values())]).tolist()
        return {name: slice(*part) for name, part in zip(self.items, pairwise(ends), strict=True)}

    @cached_property
    def whole(self) -> Items:
        """The items of all sets, one set behind the other."""
        return joined(list(self.items.values()))

    @cached_property
    def code_bits(self) -> Floats:
        """Bits of a lossless code, [item]."""
        return compressed_bits(self.whole, float(self.learnt.std()) if isinstance(self.learnt, np.ndarray) else 1.0)


class ScoreTable:
    """The scores, and which of them cannot be trusted."""

    def __init__(
        self, observed: Mapping[str, pd.DataFrame], score: str, value_range: tuple[float, float] | None,
        rng: np.random.Generator, *, beside: Sequence[str] = (), blurred: bool = False,
    ) -> None:
        """See `detectors.novelty.familiarity.likelihood_novelty` for what `observed` holds."""
        self.observed, self.asked = observed, (score, *beside)
        self.modelled = score in SCORES
        """Whether a model was asked; else the score that is judged needs none."""
        self.main, self.raw = _called(score), _called(SCORES[score].raw) if self.modelled else score
        """Names of the score that is judged and of the model's own, of which there is none without a model."""
        self.widened = self.modelled and (self.main != self.raw or bool(beside))
        """Whether scores were asked for beside the model's own."""
        self.serial = field_of(observed["items"]) == "series"
        """Whether items are series."""
        sets = _Sets.of(observed, value_range, blurred=blurred)
        self.kinds = sets.kinds
        self.spots = (*self.kinds, OTHER_DOMAIN) if OTHER_DOMAIN in observed else self.kinds
        """What the self-test shows: the distortions by kind, and items of another domain where there are any."""
        self._places = sets.places
        self._nothing = np.full(len(sets.whole), np.nan)
        of = np.repeat(list(sets.items), [len(items) for items in sets.items.values()])
        code_bits = sets.code_bits if self.modelled else self._nothing
        self.recorded = Recorded(of, sets.whole, self._cells(tuple(sets.items)), code_bits, self._nothing)
        """What all scores are made of."""
        baselines = self._baselines(sets, rng)
        own = SCORES[SCORES[score].raw].run(self.recorded) if self.modelled else baselines[score]
        self.recorded = replace(self.recorded, own=own)
        problem, self._lost = self._trouble(own)
        columns = {self.raw: own, **baselines, **self._others(problem)}
        self.names = tuple(dict.fromkeys([self.main, self.raw, *columns]))
        """The scores, the one that is judged first, then the model's own."""
        self._scores = {name: columns[name] for name in self.names}
        self.problems = self._problems(problem)
        """Score -> why it cannot be trusted."""

    def _trouble(self, own: Floats) -> tuple[Cause | None, list[str]]:
        """Return why the model's own score [item] cannot be trusted, if so, and which of those asked fall with it."""
        broken = score_problem(own) or ties_problem(own[self._places["items"]])
        problem = broken or self._unresponsive(own)
        asked = [one for one in self.asked if one in SCORES] if problem else []
        return problem, [one for one in asked if _rests_on_own(one, broken=broken is not None)]

    def scores(self, name: str) -> dict[str, Floats]:
        """Return score -> its values of one set, [item]."""
        place = self._places[name]
        return {score: values[place] for score, values in self._scores.items()}

    @cached_property
    def units(self) -> dict[str, NDArray[np.int64]]:
        """Role, or kind of distortion -> the independent unit of each of its items, by its place among all units."""
        roles = [name for name in self._places if name not in self.kinds]
        whole = places_in_order(pd.concat([units_of(self.observed[role]) for role in roles]))
        own = {role: whole[self._places[role]] for role in roles}
        return {**own, **dict.fromkeys(self.kinds, own["items"])}

    def unit_sums(self, role: str, score: str) -> Floats:
        """Return (sum of a score, number of items) of each unit of a role, [unit, 2]."""
        sizes = np.bincount(self.units[role]).astype(float)
        sums = np.bincount(self.units[role], weights=self.scores(role)[score])
        there = sizes > 0
        return np.stack([sums[there], sizes[there]]).T  # each column in one piece, by which its sum is rounded

    def distorted(self, kind: str) -> str:
        """Return the column of the evidence that holds the judged score of the distortions of one kind."""
        return f"{self.main}_{kind}"

    def ranking(self, name: str) -> Ranking:
        """Return how the trusted scores rank a set above the familiar items."""
        names = tuple(score for score in self.names if score not in self.problems)
        whole = np.reshape([self._scores[score] for score in names], (len(names), len(self._nothing))).T
        below, above = whole[self._places["items"]], whole[self._places[name]]
        return ranked(names, below, above, (self.units["items"], self.units[name]))

    def price(self, name: str) -> tuple[int, int]:
        """Return (calls of the model, gradients) that a score costs for an item; none for what needs no model."""
        by_name = {_called(score): one for score, one in SCORES.items()}
        if name not in by_name:
            return 0, 0
        raw = SCORES[by_name[name].raw].of if name == "typicality" else by_name[name].of
        members = len(self.recorded.cells.get("ensemble_log_prob", [[]])[0])
        return price(self.recorded.cells if name == "dose" else raw, members)

    def flat(self) -> dict[str, Cause]:
        """Return the trusted scores beside the judged one and the model's own that do not answer to noise, with why."""
        beside = [name for name in self._made() if name not in (self.main, self.raw, *self.problems)]
        found = {name: self._unresponsive(self._scores[name]) for name in beside}
        return {name: why for name, why in found.items() if why is not None}

    def _made(self) -> list[str]:
        """Return the scores that are made of the model's answers."""
        ours = {_called(score) for score in SCORES}
        return [name for name in self.names if name in ours]

    def _cells(self, sets: Sequence[str]) -> dict[str, list[Any]]:
        """Return what is stored of all sets, in order, of the columns that are needed or there anyway."""
        needed = columns_of(self.asked) if self.modelled else []
        there = [column for column in _THERE_ANYWAY if column in self.observed["items"]]
        columns = dict.fromkeys([*needed, *there])
        return {column: [cell for name in sets for cell in self._stored(name, column)] for column in columns}

    def _stored(self, name: str, column: str) -> list[Any]:
        if name in self.kinds:
            return self.observed["items"][f"{column}_{name}"].to_list()
        return self.observed[name][column].to_list()

    def _others(self, problem: Cause | None) -> dict[str, Floats]:
        """Return the scores that stand beside the model's own unasked, and those that were asked for.

        problem: why its own cannot be trusted; then nothing is made of that.
        """
        unasked = ["typicality"] if self.modelled else []
        if self.raw == "nll" and field_of(self.observed["items"]) != "row":
            unasked += ["input_complexity"]  # numbers of rows are no code
        if "trace" in self.recorded.cells:
            unasked += ["min_k"]
        asked = [score for score in self.asked if score in SCORES and _called(score) != self.raw]
        made: dict[str, Floats] = {}
        for score in dict.fromkeys([*(unasked if problem is None else []), *asked]):
            made[_called(score)] = self._nothing if score in self._lost else SCORES[score].run(self.recorded)
        return made

    def _problems(self, own: Cause | None) -> dict[str, Cause]:
        found = {name: why for name in self.names if (why := score_problem(self._scores[name]))}
        for name in self._made():
            if tied := ties_problem(self.scores("items")[name]):
                found.setdefault(name, tied)
        if own is not None:
            found |= {self.raw: own, **{_called(score): own for score in self._lost}}
        if self.main not in found and (flat := self._unresponsive(self._scores[self.main])):
            found[self.main] = flat
        return found

    def _baselines(self, sets: _Sets, rng: np.random.Generator) -> dict[str, Floats]:
        """Return the scores that need no model, by what was learnt; numbers of rows are no code, so have no size."""
        field = field_of(self.observed["items"])
        learnt, items = comparable(field, sets.learnt, sets.whole)
        found = {"knn5": knn_distance(learnt, items), "mixture": mixture_surprise(learnt, items, rng=rng)}
        found |= {} if field == "row" else {"compressed_size": sets.code_bits}
        found |= {"sub_pca": strangest_window(learnt, items)} if field == "series" else {}
        if field == "row" or not self.modelled or _DTE in self.asked:
            found[_DTE] = diffusion_variance(learnt, items)
        if _FOREST in self.asked:
            found[_FOREST] = isolation(learnt, items, rng=rng)
        return found

    def _unresponsive(self, scores: Floats) -> Cause | None:
        return response_problem(*(scores[self._places[name]] for name in ("items", "half_noise", "noise")))


def _called(score: str) -> str:
    """Return what a score is called where it stands beside others."""
    return ANSWERS[score][1] if score in ANSWERS else score


def _rests_on_own(score: str, *, broken: bool) -> bool:
    """Tell whether a score falls with the model's own one: where that is `broken`, all that is made of it.

    Where it only does not answer to noise, what rests on another answer too, as two stages do, answers for itself.
    """
    own, of = set(SCORES[SCORES[score].raw].of), set(SCORES[score].of)
    return not of or (own <= of if broken else own == of)
