"""Are a model's samples like the data, varied like them, and more than copies of what it learnt?

    for every held-out item: draws_per_item samples, asked for without a prompt
    features   absent: the numbers of an item themselves (pixels, steps); or what a helper's `embed` makes of it

All is centred and scaled by the training items. A sample has the class of its nearest training item.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import DataError
from audit.probe import AMOUNT, COUNT, SCORE, SHARE, Ask, Observed, Range, Role
from audit.probes.items import (
    DRAWN_FOR,
    Sampling,
    ask_about_draws,
    check_like,
    content,
    draws_for,
    each_draw,
    plain,
    storable_items,
    usable,
    vectors,
)
from detectors.immutable import immutable
from detectors.phrases import Cause, Method

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Measure, Result

__all__ = ["Samples"]


@immutable
class Samples:
    """Distance of samples from held-out data, how much of it they reach, what they miss, and whether they copy."""

    draws_per_item: int = 1
    """Samples for every held-out item."""
    sampling: Sampling = field(default_factory=dict)
    """Settings of the model's sampler, e.g. `{steps: 25}`."""
    features: str | None = None
    """Helper whose `embed` gives the feature space; absent = the numbers of an item themselves."""
    neighbours: int = 5
    """Training items that the ball around a held-out item reaches to."""
    missing_below: float = 0.25
    """A class is missing where its share of samples is below this fraction of its share of the training items."""

    name: ClassVar[str] = "quality.samples"
    dimension: ClassVar[str] = "quality"
    roles: ClassVar[Mapping[str, Role]] = {"items": DRAWN_FOR, "train": DRAWN_FOR}
    """`items`: held out; `train`: what the model learnt from, or data like it, labelled for classes to be counted."""
    measures: ClassVar[Mapping[str, Range]] = {
        "kid": SCORE, "coverage": SHARE, "density": AMOUNT, "nearness": SHARE, "far_share": SHARE,
        "missing_modes": COUNT, "class_share": SHARE, "unusable_share": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse counts below one and fractions outside (0, 1)."""
        if min(self.draws_per_item, self.neighbours) < 1:
            got = f"draws_per_item {self.draws_per_item}, neighbours {self.neighbours}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more")
        if not 0 < self.missing_below < 1:
            raise ValueError(f"{self.name}: got missing_below {self.missing_below}; allowed: between 0 and 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples."""
        return frozenset({"sample"})

    def estimate(self, items: int) -> int:
        """Return the samples of so many held-out items, and the features of both."""
        return items * (self.draws_per_item if self.features is None else 2 * self.draws_per_item + 1)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items, for `items` with `draws` and `problems`; with a helper also `features`, `draw_features`.

        Raises DataError for items of no one kind, and for text without a helper that embeds it.
        """
        frame, shown = storable_items(self.name, items)
        if self.features is None and isinstance(shown, list):
            raise DataError(f"{self.name}: text has no numbers of its own; name a helper that embeds it as features")
        drawn = None if role == "train" else draws_for(ask, items, self.draws_per_item, self.sampling)
        if self.features is not None:
            embedding = ask("embed", list(shown), model=self.features)["embedding"]
            frame = frame.assign(features=[one.tolist() for one in embedding])
        if drawn is None:
            return frame
        frame = frame.join(drawn)
        if self.features is not None:
            frame["draw_features"] = ask_about_draws(ask, "embed", "embedding", frame["draws"], self.features)
        return frame

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.quality.samples`, and `unusable_share` of all draws.

        items has a row a draw: its content, `class`, `nearest` (distance) and `nearest_item` of the training items,
        `balls` and `problem`; what is no item of the data's kind counts against the model more than any draw that is,
        and is missing from every measure. With fewer than three that are, no measure has a value. Raises DataError
        where draws have another shape or scale than the items.
        """
        from detectors.arrays import field_of
        from detectors.quality.samples import sample_quality
        from detectors.result import Result

        heldout, training = observed["items"], observed["train"]
        name = field_of(heldout)
        own = name if self.features is None else "features"
        draws = each_draw(heldout, ["draws", "problems", *(() if self.features is None else ("draw_features",))])
        check_like(self.name, draws, heldout, name)
        good = usable(draws["draws"], content(heldout[name].iloc[0])) & draws["problems"].isna().to_numpy()
        if good.sum() < _FEWEST:
            return _nothing(draws, name, good, level)
        drawn = vectors(draws.loc[good, "draws" if self.features is None else "draw_features"])
        labels = training["label"].to_list() if "label" in training and training["label"].notna().all() else None
        result = sample_quality(
            drawn, vectors(heldout[own]), vectors(training[own]), labels, level=level, k=self.neighbours,
            fraction=self.missing_below, missing=int((~good).sum()),
        )
        assert result.items is not None
        nearest = training.index[result.items.pop("nearest_at")]
        seen = result.items.assign(nearest_item=nearest).set_axis(draws.index[good], axis=0)
        return Result((*result.measures, _unusable(good, level)), _evidence(draws, name, seen), result.table)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return samples that miss one of three classes and lie beside the others, and samples like the data."""
        return self._planted(rng, faulty=True), self._planted(rng, faulty=False)

    def _planted(self, rng: np.random.Generator, *, faulty: bool) -> Observed:
        import numpy as np
        import pandas as pd

        per_item = math.ceil(0.4 / self.missing_below)
        centres = 8 * np.eye(3, _CONTROL_DIM)

        def made(count: int, classes: int, shift: float) -> np.ndarray:
            return centres[np.arange(count) % classes] + rng.normal(shift, 1.0, (count, _CONTROL_DIM))

        def frame(role: str, points: np.ndarray) -> pd.DataFrame:
            index = pd.Index([f"{role}-{number}" for number in range(len(points))], name="id")
            return pd.DataFrame({"series": points.tolist(), "features": points.tolist()}, index=index)

        train, items = frame("train", made(2 * _CONTROL_ITEMS, 3, 0.0)), frame("items", made(_CONTROL_ITEMS, 3, 0.0))
        train["label"] = [str(number % 3) for number in range(len(train))]
        draws = made(per_item * _CONTROL_ITEMS, 2, 2.0) if faulty else made(per_item * _CONTROL_ITEMS, 3, 0.0)
        rows: list[Any] = draws.reshape(_CONTROL_ITEMS, per_item, _CONTROL_DIM).tolist()
        items["draws"] = items["draw_features"] = rows
        items["problems"] = [[None] * per_item] * _CONTROL_ITEMS
        return {"train": train, "items": items}

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return draws of which every number is known; see `audit.probes.quality.trials`."""
        from audit.probes.quality.trials import sample_trials

        return sample_trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether distance, coverage and missing classes all show the fault beyond doubt."""
        kid, coverage, missing = (result.measure(name) for name in ("kid", "coverage", "missing_modes"))
        assert kid.low is not None
        assert coverage.high is not None
        assert coverage.ideal is not None
        return kid.low > 0 and coverage.high < coverage.ideal and (missing.low or 0) >= 1


_CONTROL_ITEMS, _CONTROL_DIM = 102, 8
_FEWEST = 3
"""Usable draws below which there is no distance of distributions."""


def _nothing(draws: pd.DataFrame, name: str, good: np.ndarray, level: float) -> Result:
    """Return measures without value, as hardly any draw is an item of the data's kind."""
    from detectors.result import Result, undefined

    size, lost = int(good.sum()), int((~good).sum())
    units = {
        "kid": "score", "coverage": "share", "density": "score", "nearness": "share", "far_share": "share",
        "missing_modes": "count",
    }
    measures = [
        undefined(
            one, Cause("hardly any draw is an item of the data's kind"), n={"items": size, "units": size}, unit=unit,
            direction="neither", level=level, missing=lost,
        )
        for one, unit in units.items()
    ]
    evidence = draws[[]].assign(problem=draws["problems"], against=~good)
    evidence.insert(0, name, [plain(cell) for cell in draws["draws"]])
    return Result((*measures, _unusable(good, level)), items=evidence)


def _evidence(draws: pd.DataFrame, name: str, seen: pd.DataFrame) -> pd.DataFrame:
    """Return a row a draw: its content, what was seen of it, and that what is no item counts more than any that is."""
    rows = seen.reindex(draws.index)
    evidence = rows.assign(
        problem=draws["problems"], against=rows["against"].astype("boolean").fillna(True),
        weight=rows["weight"].fillna(math.inf),
    )
    evidence.insert(0, name, [plain(cell) for cell in draws["draws"]])
    return evidence


def _unusable(good: np.ndarray, level: float) -> Measure:
    """Return the share of draws that are no item of the data's kind."""
    from detectors.intervals import exact_binomial
    from detectors.result import Measure

    size = len(good)
    count = size - int(good.sum())
    low, high = exact_binomial(count, size, level)
    return Measure(
        name="unusable_share",
        value=count / size,
        low=low,
        high=high,
        n={"items": size, "units": size},
        unit="share",
        direction="lower is better",
        ideal=0.0,
        level=level,
        method=Method("exact binomial (Clopper-Pearson)"),
    )
