"""Which classes does a model draw, and how often, against equal shares or shares that someone published?

A helper classifies the samples. How it errs is learnt from labelled real items and taken out of the shares, and what
neither sample can tell is in the intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role
from audit.probes.items import (
    DRAWN_FOR,
    Sampling,
    ask_about_draws,
    check_like,
    draws_for,
    each_draw,
    plain,
    storable_items,
)
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Measure, Result

__all__ = ["Representation", "confidence"]


@immutable
class Representation:
    """Class shares of samples by a classifier whose errors are corrected, and their distance from a reference."""

    classifier: str = "classifier"
    """Helper that predicts the class of a sample."""
    draws_per_item: int = 1
    """Samples for every item."""
    sampling: Sampling = field(default_factory=dict)
    """Settings of the model's sampler, e.g. `{steps: 25}`."""
    reference: dict[str, float] | None = None
    """Class -> share that it should have; absent = equal shares."""
    cite: str | None = None
    """Where the reference comes from; needed with one."""
    missing_below: float = 0.25
    """A class is missing where its share is below this fraction of its reference."""
    p_from: Literal["interval", "simulation"] = field(default="interval", metadata={"before": "simulation"})
    """Whether `gap_p` follows from the interval of the distance, or from a simulation, as it did before: that is too
    small where few items are labelled."""

    name: ClassVar[str] = "bias.representation"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": DRAWN_FOR,
        "calibration": replace(DRAWN_FOR, optional=DRAWN_FOR.optional - {"label"}),
    }
    """`items` stand for samples; `calibration`: real items with their classes, not those the classifier learnt from."""
    measures: ClassVar[Mapping[str, Range]] = {
        "total_variation": SHARE, "missing_classes": COUNT, "share": SHARE, "confidence": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse a count below one, fractions outside (0, 1), and a reference that nobody stands for."""
        if self.draws_per_item < 1 or not 0 < self.missing_below < 1:
            got = f"draws_per_item {self.draws_per_item}, missing_below {self.missing_below}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more, between 0 and 1")
        if (self.reference is None) != (self.cite is None):
            got = f"reference {self.reference}, cite {self.cite!r}"
            raise ValueError(f"{self.name}: got {got}; allowed: both or neither")
        if self.reference is not None and abs(sum(self.reference.values()) - 1) > 1e-6:
            raise ValueError(f"{self.name}: got shares that sum to {sum(self.reference.values()):g}; allowed: 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples."""
        return frozenset({"sample"})

    def estimate(self, items: int) -> int:
        """Return the samples of so many items and their predictions."""
        return 2 * self.draws_per_item * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return `draws`, `problems` and `probabilities` (of every draw) for `items`, else the items and
        `probabilities`. Raises DataError for items of no one kind.
        """
        if role == "items":
            frame = draws_for(ask, items, self.draws_per_item, self.sampling)
            frame["probabilities"] = ask_about_draws(ask, "predict", "probabilities", frame["draws"], self.classifier)
            return frame
        frame, shown = storable_items(self.name, items)
        answer = ask("predict", list(shown), model=self.classifier)
        frame["probabilities"] = [row.tolist() for row in answer["probabilities"]]
        return frame

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.representation`, and `confidence` (mean highest probability) of the
        classifier on draws and on labelled items: where it doubts draws more, its errors on them are others too.

        items has a row a draw: its content, `class` as the classifier gives it, `confidence` and `problem`. A draw that
        failed, or is blank, has no class: it is missing. Raises DataError where labels and classifier do not have the
        same number of classes, and where draws have another shape or scale than labelled items.
        """
        import numpy as np

        from detectors.arrays import field_of
        from detectors.bias.representation import class_shares
        from detectors.result import Result

        known = observed["calibration"]
        draws = each_draw(observed["items"], ["draws", "problems", "probabilities"])
        check_like(self.name, draws, known, field_of(known))
        told, real = _classified(draws), np.stack(list(known["probabilities"]))
        drawn = np.stack(list(told)) if len(told) else np.empty((0, real.shape[1]))
        classes, table, order = _confusion(known["label"], real)
        given = drawn[:, order].argmax(axis=1)
        result = class_shares(
            np.bincount(given, minlength=len(classes)), table, classes, level=level, rng=rng, reference=self.reference,
            fraction=self.missing_below, missing=len(draws) - len(told),
            simulated=self.p_from == "simulation",
        )
        evidence = draws[[]].assign(problem=draws["problems"])
        evidence.insert(0, field_of(known), [plain(cell) for cell in draws["draws"]])
        evidence["class"], evidence["confidence"] = None, np.nan
        evidence.loc[told.index, "class"] = np.array(classes, dtype=object)[given]
        evidence.loc[told.index, "confidence"] = drawn.max(axis=1)
        sure = {"draws": evidence["confidence"].to_numpy(float), "real items": real.max(axis=1)}
        doubts = (confidence(values, group, level, rng) for group, values in sure.items())
        return Result((*result.measures, *doubts), items=evidence, table=result.table)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return samples away from the reference that the classifier's errors make look like it, and samples that keep
        to it and look otherwise: a judge that took the classifier at its word would have both wrong.

        Classes go in pairs, the most frequent first. The second of a pair is often taken for the first, and gets half
        of its share where the fault is planted.
        """
        from audit.probes.bias.representation_trials import controls

        return controls(*self.wanted())

    def wanted(self) -> tuple[list[str], np.ndarray]:
        """Return the classes, the most frequent first, and their shares in the reference."""
        import numpy as np

        shares = self.reference or dict.fromkeys("012", 1 / 3)
        names = sorted(shares, key=lambda name: (-shares[name], name))
        return names, np.array([shares[name] for name in names])

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return draws whose classes are often taken for others; see `audit.probes.bias.representation_trials`."""
        from audit.probes.bias.representation_trials import trials

        return trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0


def _classified(draws: pd.DataFrame) -> pd.Series[Any]:
    """Return the probabilities of the draws that have a class: of those that failed, or are blank, there are none."""
    blank = draws["draws"].map(lambda cell: isinstance(cell, str) and not cell.strip()).astype(bool)
    return draws.loc[draws["probabilities"].notna() & draws["problems"].isna() & ~blank, "probabilities"]


def _confusion(labels: pd.Series[Any], told: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return classes, counts [true class, given class], and the classifier's outputs in the order of the classes.

    Each output belongs to the label that it meets most often, all outputs to different ones. Raises DataError where
    there are not as many of both.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    classes, true = np.unique(labels.to_numpy(str), return_inverse=True)
    if len(classes) != told.shape[1]:
        got = f"{len(classes)} classes among the labels, {told.shape[1]} of the classifier"
        raise DataError(f"bias.representation: got {got}; allowed: as many")
    table = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(table, (true, told.argmax(axis=1)), 1)
    order = linear_sum_assignment(table, maximize=True)[1]
    return classes.tolist(), table[:, order], order


def confidence(highest: np.ndarray, group: str, level: float, rng: np.random.Generator) -> Measure:
    """Return the mean highest probability [item] of the items of a group; NaN = none."""
    import numpy as np

    from detectors.intervals import mean_over_units
    from detectors.result import Measure, undefined

    if np.isnan(highest).all():
        return undefined(
            "confidence", Cause("no draw gave anything to classify"), n={"items": 0, "units": 0}, unit="share",
            direction="neither", level=level, group=group, missing=len(highest),
        )
    mean = mean_over_units(highest.clip(0, 1), level=level, rng=rng)
    return Measure(
        name="confidence", group=group, value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
        direction="neither", level=level, method=mean.method, missing=mean.missing,
    )
