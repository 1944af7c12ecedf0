"""All scores of all sets at once: of the roles, and of the distortions of `items` by kind.

Every score is fitted once and applied to all sets in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, Items, field_of, items_of, joined, units_of
from detectors.health import response_problem, score_problem, ties_problem
from detectors.lossless import compressed_bits
from detectors.novelty.answers import ANSWERS, OTHER_DOMAIN
from detectors.novelty.baselines import comparable, diffusion_variance, isolation, knn_distance, mixture_surprise
from detectors.novelty.blindspots import blind_spots
from detectors.novelty.catalogue import SCORES, columns_of
from detectors.novelty.recorded import Recorded, price
from detectors.novelty.subsequences import strangest_window
from detectors.phrases import Cause
from detectors.ranking import Ranking, rank

__all__ = ["ScoreTable"]

_FOREST, _DTE = "isolation_forest", "dte_np"
_THERE_ANYWAY = ("trace", "scored_bytes", "background_scored_bytes")


@dataclass(frozen=True)
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
    def names(self) -> NDArray[Any]:
        """Name of the set that each item is of, [item]."""
        return np.repeat(list(self.items), [len(items) for items in self.items.values()])

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
        self._of, self._cut = sets.names, dict[str, pd.DataFrame]()
        nothing = np.full(len(self._of), np.nan)
        self.recorded = Recorded(self._of, sets.whole, self._cells(tuple(sets.items)), sets.code_bits, nothing)
        """What all scores are made of."""
        baselines = self._baselines(sets, rng)
        own = SCORES[SCORES[score].raw].run(self.recorded) if self.modelled else baselines[score]
        self.recorded = replace(self.recorded, own=own)
        problem, self._lost = self._trouble(own)
        columns = {self.raw: own, **baselines, **self._others(problem)}
        self.names = tuple(dict.fromkeys([self.main, self.raw, *columns]))
        """The scores, the one that is judged first, then the model's own."""
        self._scores = pd.DataFrame({name: columns[name] for name in self.names})
        self.problems = self._problems(problem)
        """Score -> why it cannot be trusted."""

    def _trouble(self, own: Floats) -> tuple[Cause | None, list[str]]:
        """Return why the model's own score [item] cannot be trusted, if so, and which of those asked fall with it."""
        broken = score_problem(own) or ties_problem(own[self._of == "items"])
        problem = broken or self._unresponsive(own)
        asked = [one for one in self.asked if one in SCORES] if problem else []
        return problem, [one for one in asked if _rests_on_own(one, broken=broken is not None)]

    def scores(self, name: str) -> pd.DataFrame:
        """Return the scores of one set, [item, score], indexed by item id."""
        if name not in self._cut:
            frame = self.observed["items" if name in self.kinds else name]
            self._cut[name] = self._scores.loc[self._of == name].set_axis(frame.index, axis=0)
        return self._cut[name]

    def distorted(self, kind: str) -> str:
        """Return the column of the evidence that holds the judged score of the distortions of one kind."""
        return f"{self.main}_{kind}"

    def ranking(self, name: str) -> Ranking:
        """Return how the trusted scores rank a set above the familiar items."""
        familiar, units = self._familiar
        of = units if name in self.kinds else units_of(self.observed[name])
        return rank(familiar, self.scores(name), (units, of))

    @cached_property
    def _familiar(self) -> tuple[pd.DataFrame, pd.Series[str]]:
        """The trusted scores of the familiar items [item, score], and the independent unit of each."""
        trusted = [score for score in self.names if score not in self.problems]
        return self.scores("items")[trusted], units_of(self.observed["items"])

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
        found = {name: self._unresponsive(self._scores[name].to_numpy()) for name in beside}
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
            nothing = np.full(len(self._of), np.nan)
            made[_called(score)] = nothing if score in self._lost else SCORES[score].run(self.recorded)
        return made

    def _problems(self, own: Cause | None) -> dict[str, Cause]:
        found = {name: why for name in self.names if (why := score_problem(self._scores[name]))}
        for name in self._made():
            if tied := ties_problem(self.scores("items")[name]):
                found.setdefault(name, tied)
        if own is not None:
            found |= {self.raw: own, **{_called(score): own for score in self._lost}}
        if self.main not in found and (flat := self._unresponsive(self._scores[self.main].to_numpy())):
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
        return response_problem(*(scores[self._of == name] for name in ("items", "half_noise", "noise")))


def _called(score: str) -> str:
    """Return what a score is called where it stands beside others."""
    return ANSWERS[score][1] if score in ANSWERS else score


def _rests_on_own(score: str, *, broken: bool) -> bool:
    """Tell whether a score falls with the model's own one: where that is `broken`, all that is made of it.

    Where it only does not answer to noise, what rests on another answer too, as two stages do, answers for itself.
    """
    own, of = set(SCORES[SCORES[score].raw].of), set(SCORES[score].of)
    return not of or (own <= of if broken else own == of)
