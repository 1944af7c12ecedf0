"""Does a model of images say the same of an image that is noisier, blurred, compressed, brighter or shifted?

    predict     a classifier: the likeliest class is the answer, and another one is a flip
    log_prob    a model of P(X): by how many nats log p(x) falls; whether the image still counts as familiar is asked by
                the probes of `novelty`

Each image is asked as it is and under each kind and strength of change (`detectors.robustness.kinds`); what changed
nothing is not asked. What a change draws depends on the image's id, kind and strength alone, so it can be made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import NATS, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.robustness.asked import Entry, Form, entries_of, frame_of, strengths_problem
from detectors.immutable import immutable
from detectors.robustness.kinds import AS_IT_IS, ImageKind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["ImageRobustness"]


@immutable
class ImageRobustness:
    """How often a classifier's answers flip, or by how much a likelihood falls, when images change, by kind."""

    mode: Literal["predict", "log_prob"] = "predict"
    """`predict` asks a classifier, `log_prob` a model of the images themselves."""
    kinds: tuple[ImageKind, ...] = ("noise", "blur", "jpeg", "brightness", "shift")
    """What is done to the images."""
    strengths: tuple[float, ...] = (0.25, 0.5)
    """Parts of the strongest change, each in (0, 1]."""
    value_range: tuple[float, float] | None = None
    """Least and greatest value that a pixel can have; absent = those of each image itself."""

    name: ClassVar[str] = "robustness.images"
    dimension: ClassVar[str] = "robustness"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "image": "image as numbers [row, column] or [channel, row, column]",
                "label": "name of the right class; absent = what is right is not known",
                "unit": "independent unit; absent = every image is its own",
            },
            optional=frozenset({"label", "unit"}),
        ),
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "worst_flip_rate": SHARE, "flip_rate": SHARE, "accuracy": SHARE, "worst_accuracy_drop": SHARE_GAP,
        "accuracy_perturbed": SHARE, "accuracy_drop": SHARE_GAP, "confidence_drop": SHARE_GAP,
        "largest_log_prob_drop": NATS, "worst_fall_share": SHARE, "log_prob_drop": NATS, "fall_share": SHARE,
        "unchanged_share": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse kinds, strengths and ranges that cannot be."""
        if problem := strengths_problem(self.kinds, self.strengths):
            raise ValueError(f"{self.name}: {problem}")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"{self.name}: value_range: got {self.value_range}; allowed: the least, then the greatest")

    @property
    def needs(self) -> frozenset[str]:
        """`predict` or `log_prob`, by mode."""
        return frozenset({self.mode})

    def estimate(self, items: int) -> int:
        """Return calls: each image as it is and under each change."""
        return (1 + len(self.kinds) * len(self.strengths)) * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the images, and lists with an entry for each of their forms, the one as it is first.

        Those are `kinds`, `strengths`, `changed`, and what was said, null where nothing had changed:
        `probabilities`, with `names` of the classes where they are told, or `log_probs` (nats).
        Raises DataError for what is no image.
        """
        from audit.probes.items import as_array, plain, without_nan
        from audit.probes.robustness.asked import classified
        from detectors.arrays import objects

        images = [as_array(cell) for cell in items["image"]]
        if wrong := next((one.shape for one in images if one.ndim not in (2, 3)), None):
            got = f"an image of shape {list(wrong)}"
            raise DataError(f"{self.name}: got {got}; allowed: [row, column] or [channel, row, column]")
        rows = items.reindex(columns=list(self.roles["items"].fields))
        rows = without_nan(rows.assign(image=[plain(cell) for cell in items["image"]]))
        entries = [
            list(entries_of(self._forms(str(name), image))) for name, image in zip(items.index, images, strict=True)
        ]
        made = frame_of(rows.index, entries, shown=False)
        if self.mode == "predict":
            return rows.join(made).join(classified(self.name, ask, entries, rows))
        nats = objects(_scored(ask, entries), rows.index)
        return rows.join(made.assign(log_probs=nats))

    def _forms(self, name: str, image: np.ndarray) -> Iterator[Form]:
        """Yield (kind, strength, image) of an image with this id, the one as it is first."""
        from itertools import product

        from detectors.changes.pixels import changed_images

        yield AS_IT_IS, 0.0, image
        yield from changed_images(name, image, product(self.kinds, self.strengths), self.value_range)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.robustness.stability`."""
        from audit.probes.robustness.asked import judged_answers
        from audit.probes.robustness.told import said_by_classes, said_in_nats

        rows = observed["items"]
        if self.mode == "predict":
            return judged_answers(rows, *said_by_classes(rows), level=level, rng=rng, kept=False)
        return judged_answers(rows, *said_in_nats(rows), level=level, rng=rng, likelihood=True)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 120 images of which a third flip under one change, and such that flip under none.

        Of likelihoods: such that fall by 40 nats under one change, and such that move by less than 1 either way.
        """
        from audit.probes.robustness.trials import image_control

        return image_control(self, rng, faulty=True), image_control(self, rng, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether some kind of change surely flips more than a tenth, or takes 10 nats."""
        least = 0.1 if self.mode == "predict" else 10.0
        return result.headline.low is not None and result.headline.low > least

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return images whose answers stay, and such of which two shares flip or whose likelihood falls twice."""
        from audit.probes.robustness.trials import image_trials

        return image_trials(self, rng)


def _scored(ask: Ask, entries: Sequence[Sequence[Entry]]) -> list[list[float | None]]:
    shown = [one.shown for each in entries for one in each if one.changed]
    told = iter(ask("log_prob", shown)["log_prob"] if shown else ())
    return [[_number(next(told)) if one.changed else None for one in each] for each in entries]


def _number(nats: Any) -> float | None:
    return None if nats != nats else float(nats)
