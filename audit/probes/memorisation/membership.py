"""Can single training items be told from items that the model never saw, by what it says of them?

    members        role `items`: what the model was trained on
    non-members    what it never saw, and what differs from members by nothing else: the other half of a random split

First a classifier that never asks the model looks at both. Where it can tell them apart, the check is undecided: they
differ in themselves, and a score of the model would be true of that. `score` is chosen in the plan; what other scores
see stands beside it and is never picked.

Asked for answers alone (`peakedness`), a model that is sure comes out alike on everything: non-members are what it is
held against.

Evidence is strong where a model was tuned and its untuned form is at hand as `reference`, and weak on what it was
trained on first: attacks on models up to a billion parameters stay under an AUROC of 0.7 there (2505.18773).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AUROC, COUNT, SHARE, Ask, Observed, Range, Role
from audit.probes.items import lists_by_item, storable_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.arrays import Items
    from detectors.result import Result

__all__ = ["Membership"]

_FIELDS = {
    "text": "text; one of text, image, series, row",
    "image": "image as numbers [row, column] or [channel, row, column]",
    "series": "series as numbers [step]",
    "row": "numbers of a row of a table, or features",
    "unit": "independent unit, e.g. the document or author that a text is from; absent = every item is its own",
    "date": "when it was made, as 2024, 2024-05 or 2024-05-01; looked at without the model, as words are",
}
_BY_TRACE = ("zlib", "min_k", "min_k_plus_plus", "windowed_votes")
_BY_REFERENCE = ("reference_ratio", "windowed_votes")
_BY_DENOISING = ("secmi", "pia", "sima")
_BY_DRAWS = "peakedness"


@immutable
class Membership:
    """AUROC and low-false-alarm rates at which members are told from non-members, after a look without the model."""

    score: Literal[
        "loss", "zlib", "min_k", "min_k_plus_plus", "reference_ratio", "windowed_votes", "secmi", "pia", "sima",
        "peakedness",
    ] | None = None
    """What is judged: loss, with a trace zlib, min_k, min_k_plus_plus, with a `reference` reference_ratio, with both
    windowed_votes, of diffusion models secmi, pia, sima, of answers to texts peakedness; absent = reference_ratio with
    a `reference`, else loss."""
    reference: str | None = None
    """Name of the helper that never saw the members, as the model before it was tuned; of texts with its tokenizer."""
    fdr: float = 0.05
    """Rate of false discoveries among the members that are found one by one."""
    draws: int = field(default=20, metadata={"later": True})
    """For peakedness: how many answers are drawn for each text, beside the likeliest one."""
    draw_temperature: float = field(default=0.8, metadata={"later": True})
    """For peakedness: at which temperature."""
    max_tokens: int = field(default=64, metadata={"later": True})
    """For peakedness: most tokens of an answer."""

    name: ClassVar[str] = "memorisation.membership"
    dimension: ClassVar[str] = "memorisation"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, frozenset(_FIELDS)), "nonmembers": Role(_FIELDS, frozenset(_FIELDS), unseen=True),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "membership_auroc": AUROC, "tpr_at_1_percent": SHARE, "tpr_at_0_1_percent": SHARE,
        "members_found": Range("share", 0, 1, instead="tpr_at_1_percent"), "blind_auroc": AUROC, "in_both": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse a score that takes a reference where none is named, and a rate that is none."""
        if self.score in _BY_REFERENCE and self.reference is None:
            raise ValueError(f"{self.name}: got score {self.score} without a reference; allowed: the name of a helper")
        if self.draws < 2 or self.max_tokens < 1 or self.draw_temperature <= 0:
            got = f"{self.draws}, {self.max_tokens} and {self.draw_temperature:g}"
            raise ValueError(f"draws, max_tokens, draw_temperature: got {got}; allowed: 2 or more, 1 or more, above 0")
        if self.score in (*_BY_DENOISING, _BY_DRAWS) and self.reference is not None:
            raise ValueError(f"{self.name}: got score {self.score} with a reference; allowed: {self.score} without one")
        if not 0 < self.fdr < 1:
            raise ValueError(f"fdr: got {self.fdr:g}; allowed: more than 0, less than 1")

    @property
    def needs(self) -> frozenset[str]:
        """A likelihood, for most scores one by element; of diffusion models the noise that they see."""
        if self.score in _BY_DENOISING:
            return frozenset({"denoise"})
        if self.score == _BY_DRAWS:
            return frozenset({"sample"})
        return frozenset({"trace" if self.score in _BY_TRACE else "log_prob"})

    @property
    def judged(self) -> str:
        """The score that is judged."""
        return self.score or ("loss" if self.reference is None else "reference_ratio")

    def estimate(self, items: int) -> int:
        """One call an item, of either model; of peakedness one for each answer."""
        if self.score == _BY_DRAWS:
            return items * (1 + self.draws)
        return items if self.reference is None else 2 * items

    def units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Return how many units of either side it takes to look without the model, and of non-members for 1 %."""
        from detectors.memorisation.blind import LEAST_UNITS
        from detectors.memorisation.operating import nonmembers_needed

        return {"items": (LEAST_UNITS, LEAST_UNITS), "nonmembers": (nonmembers_needed(0.01), nonmembers_needed(0.01))}

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with the answers, as `detectors.memorisation.membership` wants them.

        Raises DataError for items of no one kind, for a date that is none, and for a reference that cuts a text into
        other tokens.
        """
        frame, shown = storable_items(self.name, items)
        if "date" in frame:
            frame = frame.assign(date=self._dates(frame["date"]))
        if self.score in _BY_DENOISING:
            answer = ask("membership_errors", list(shown))
            return frame.assign(**{name: answer[name].set_axis(frame.index) for name in _BY_DENOISING})
        if self.score == _BY_DRAWS:
            return frame.assign(**self._written(ask, shown, frame.index))
        asked = ["main", *([] if self.reference is None else [self.reference])]
        traced = all(ask.can("trace", model=model) for model in asked)
        told = self._traces(ask, shown) if traced else self._likelihoods(ask, shown)
        return frame.assign(**{name: column.set_axis(frame.index) for name, column in told.items()})

    def _written(self, ask: Ask, shown: Items, index: pd.Index[Any]) -> dict[str, pd.Series[Any]]:
        """Return the likeliest answer to each text, and those drawn, as lists; null where one failed."""
        from detectors.arrays import objects

        if not isinstance(shown, list):
            raise DataError("{probe}: got items that are no texts; allowed for peakedness: texts", probe=self.name)
        told = []
        for each, temperature in ((1, 0.0), (self.draws, self.draw_temperature)):
            prompts = [text for text in shown for _ in range(each)]
            answer = ask("sample", prompts, max_tokens=self.max_tokens, temperature=temperature)
            told.append(answer["content"].astype(object).where(answer["problem"].isna(), None).to_list())
        draws = [told[1][place * self.draws : (place + 1) * self.draws] for place in range(len(shown))]
        return {"greedy": objects(told[0], index), "draws": objects(draws, index)}

    def _dates(self, cells: pd.Series[Any]) -> pd.Series[Any]:
        """Return dates as text, null where there is none."""
        from detectors.memorisation.blind import days_of

        try:
            known = days_of(cells.to_list()) > 0
        except ValueError as error:
            raise DataError(f"{self.name}: {error}") from None
        return cells.astype(str).astype(object).where(known, None)

    def _likelihoods(self, ask: Ask, shown: Items) -> dict[str, pd.Series[Any]]:
        answer = ask("log_prob", list(shown))
        told = {"log_prob": answer["log_prob"], "likelihood": answer["kind"]}
        if self.reference is not None:
            told["reference_log_prob"] = ask("log_prob", list(shown), model=self.reference)["log_prob"]
        return told

    def _traces(self, ask: Ask, shown: Items) -> dict[str, pd.Series[Any]]:
        columns = {"trace": "log_prob", "entropies": "entropy", "variances": "variance"}
        answer = ask("trace", list(shown))
        told = {name: lists_by_item(answer, answer[column], len(shown)) for name, column in columns.items()}
        if self.reference is not None:
            other = ask("trace", list(shown), model=self.reference)
            if not _elements(answer).equals(_elements(other)):
                raise DataError(
                    "{probe}: got the reference {reference}, which cuts items into other elements than the model; "
                    "allowed: one with the tokenizer of the model", probe=self.name, reference=self.reference,
                )
            told["reference_trace"] = lists_by_item(other, other["log_prob"], len(shown))
        return told

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.memorisation.membership`."""
        from detectors.memorisation.membership import membership

        return membership(observed, score=self.judged, level=level, rng=rng, fdr=self.fdr)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a model that finds members likelier than non-members that read alike, and one that does not."""
        from audit.probes.memorisation.membership_trials import planted

        way = "noise" if self.score in _BY_DENOISING else "draws" if self.score == _BY_DRAWS else "trace"
        return planted(rng, apart=4.0, way=way), planted(rng, apart=0.01, way=way)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return trials of which every rate can be counted; see `membership_trials`."""
        from audit.probes.memorisation.membership_trials import trials

        return trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether members surely score above non-members."""
        return result.headline.low is not None and result.headline.low > 0.5


def _elements(answer: pd.DataFrame) -> pd.DataFrame:
    return answer[["item", "element"]].reset_index(drop=True)
