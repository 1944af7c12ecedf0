"""Does the model know when it does not know? Its confidence in every answer is held against whether that is right.

    table     confidences and labels of answers, or of claims in them, made elsewhere; no model is asked
    choice    questions with choices: the probability of the likeliest one among them
    predict   a classifier: the highest of its probabilities

Calibrators, and thresholds that promise something, are learnt from items of their own, role `calibration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AUROC, COUNT, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.items import check_classes, content, storable_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Calibration"]

_FIELDS: Mapping[str, str] = {
    "confidence": "how sure the answer or claim is, 0 to 1, higher = more likely right; for `table`",
    "label": "for `table` 1 = right, 0 = wrong; for `predict` the true class",
    "prompt": "what was asked; shown with the evidence",
    "answer": "the answer or claim; its length stands beside the confidence",
    "question": "the question; for `choice`",
    "choices": "given answers, true and false ones; for `choice`",
    "correct": "indices of the true choices; for `choice`",
    "best": "index of the one true choice that stands for all; absent = the first of `correct`",
    "image": "image as numbers; for `predict` one of image, series, row, text",
    "series": "series as numbers; for `predict`",
    "row": "features as numbers; for `predict`",
    "text": "text; for `predict`",
    "group": "topic or group",
    "unit": "independent unit: the prompt of a claim, the document; absent = every item is its own",
}
_PLACE = "{question}"
_WANTED = {"table": ("confidence", "label"), "choice": ("question", "choices", "correct"), "predict": ("label",)}
_SAYS = {
    "table": ("prompt", "answer"), "choice": ("question", "choices"), "predict": ("image", "series", "row", "text"),
}
"""Fields that make two items one."""


def _key(cell: Any) -> str:
    """Return a text, texts or numbers as one text."""
    if isinstance(cell, str):
        return cell
    array = content(cell)
    return "\0".join(map(str, cell)) if array.dtype.kind in "UO" else array.astype(float).tobytes().hex()


@immutable
class Calibration:
    """How far confidences are from the share of right answers, and what can be promised by answering only some."""

    mode: Literal["table", "choice", "predict"] = "table"
    """Where confidences come from: a `table`, the probabilities of each `choice`, or those that classes `predict`."""
    promise: Literal["abstention", "claims"] = "abstention"
    """`abstention` bounds the share of wrong ones among the answers given; `claims` leaves claims out of each unit so
    that all that is kept is right."""
    alpha: float = 0.1
    """Share of answers that the promise lets be wrong."""
    delta: float = 0.05
    """Probability that a promise of abstention may fail with."""
    coverage: float = 0.8
    """Share of answers, the surest, of which the accuracy is told."""
    bins: int = 10
    """Groups of confidences, at most."""
    prompt: str = "Question: {question}\nAnswer:"
    """What the model reads before each choice; `{question}` stands for the question."""

    name: ClassVar[str] = "factuality.calibration"
    dimension: ClassVar[str] = "factuality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, optional=frozenset(_FIELDS), repeats=True),
        "calibration": Role(_FIELDS, optional=frozenset(_FIELDS), required=False, repeats=True),
    }
    """`calibration`: other items of the same kind, from which calibrators and thresholds are learnt."""
    measures: ClassVar[Mapping[str, Range]] = {
        "ece": SHARE, "rms_calibration_error": SHARE, "overconfidence": SHARE_GAP, "brier": SHARE, "reliability": SHARE,
        "resolution": SHARE_GAP, "uncertainty": SHARE, "accuracy": SHARE, "auroc_right": AUROC,
        "confidence_above_length": SIGNED, "aurc": AUROC, "excess_aurc": SIGNED, "accuracy_at_coverage": SHARE,
        "coverage_at_risk": SHARE, "ece_calibrated": SHARE, "brier_change": SHARE_GAP, "answered_share": SHARE,
        "error_of_answered": SHARE, "kept_share": SHARE, "all_right_share": SHARE, "emptied_share": SHARE,
        "confidence_threshold": SHARE, "confidence_shift": AUROC, "unlabelled": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse shares outside (0, 1), no groups, and a prompt that `factuality.closed_book` would refuse."""
        for field in ("alpha", "delta"):
            if not 0 < getattr(self, field) < 1:
                raise ValueError(f"{field}: got {getattr(self, field)}; allowed: between 0 and 1")
        if not 0 < self.coverage <= 1:
            raise ValueError(f"coverage: got {self.coverage}; allowed: above 0, at most 1")
        if self.bins < 1:
            raise ValueError(f"bins: got {self.bins}; allowed: 1 or more")
        ClosedBook(prompt=self.prompt)

    @property
    def needs(self) -> frozenset[str]:
        """`log_prob` for `choice`, `predict` for `predict`, nothing for a table."""
        return {"choice": frozenset({"log_prob"}), "predict": frozenset({"predict"})}.get(self.mode, frozenset())

    def estimate(self, items: int) -> int:
        """Return calls: one for an item to classify; four for a question, as sets have about that many choices."""
        return {"choice": 4, "predict": 1}.get(self.mode, 0) * items

    def units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Return how many calibration answers it takes before anything can be promised."""
        return {"calibration": (0, self._promise().needed)}

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items, with `log_probs` and `not_asked` for `choice`, `probabilities` and `names` for `predict`.

        Raises DataError for items that lack what the mode wants, for a confidence outside [0, 1] and a label of a table
        that is neither 0 nor 1.
        """
        if lacks := [field for field in _WANTED[self.mode] if field not in items]:
            raise DataError(f"{self.name}: {role} have no field {lacks[0]!r}; mode {self.mode} wants it")
        if self.mode == "choice":
            return ClosedBook(prompt=self.prompt).observe(ask, items, role)
        if self.mode == "predict":
            frame, shown = storable_items(self.name, items)
            answer = ask("predict", list(shown))
            names = [str(one) for one in ask("class_names", [None])["names"].iloc[0]]
            frame["probabilities"] = [row.tolist() for row in answer["probabilities"]]
            frame["names"] = [names] * len(frame)
            check_classes(self.name, items["label"], names)
            return frame
        told = [self._number(name, "confidence", cell) for name, cell in items["confidence"].items()]
        labels = [self._number(name, "label", cell) for name, cell in items["label"].items()]
        return items.assign(confidence=told, label=labels)

    def _number(self, item: Any, field: str, cell: Any) -> float:
        """Return a confidence or label of a table; NaN where there is none."""
        if cell is None or cell != cell or cell == "":
            return float("nan")
        try:
            number = float(cell)
        except (TypeError, ValueError):
            number = float("nan")
        if not (0 <= number <= 1 if field == "confidence" else number in (0, 1)):
            allowed = "0 to 1" if field == "confidence" else "0, 1, or none"
            raise DataError(f"{self.name}: item {item!r} has the {field} {cell!r}; allowed: {allowed}")
        return number

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.calibration`; raises DataError where roles share an item."""
        from detectors.factuality.calibration import calibration

        self._refuse_copies({role: self._contents(frame) for role, frame in observed.items()})
        told = {role: self._told(frame) for role, frame in observed.items()}
        try:
            return calibration(
                told["items"], told.get("calibration"), self._promise(), coverage=self.coverage, bins=self.bins,
                level=level, rng=rng,
            )
        except ValueError as error:
            raise DataError(f"{self.name}: {error}") from None

    def _promise(self) -> Any:
        from detectors.factuality.calibration import Promise

        return Promise(self.promise, self.alpha, self.delta)

    def _contents(self, observed: pd.DataFrame) -> pd.Series[Any]:
        """Return what each item says, without what is told of it; items of a table that do not say it have no row."""
        from detectors.arrays import objects

        said = [name for name in _SAYS[self.mode] if name in observed]
        if self.mode == "table" and len(said) < 2:
            return observed.index.to_series().iloc[:0]
        cells = observed[said].dropna()
        if not len(cells):
            return observed.index.to_series().iloc[:0]
        keys = zip(*(map(_key, cells[name]) for name in said), strict=True)
        return objects(list(map("\0".join, keys)), cells.index)

    def _refuse_copies(self, contents: Mapping[str, pd.Series[Any]]) -> None:
        items, others = contents["items"], contents.get("calibration")
        if others is not None and (same := others.isin(set(items))).any():
            one = others.index[same][0]
            other = items.index[items.eq(others[one])][0]
            what = f"{int(same.sum())} calibration items, the first {one!r}, say what items say, such as {other!r}"
            raise DataError(f"{self.name}: {what}; allowed: none")

    def _told(self, observed: pd.DataFrame) -> pd.DataFrame:
        """Return what was observed with `answer`, `confidence`, `label` (1 = right), `length`, `group` and `unit`."""
        from detectors.factuality.confidences import of_choices, of_classes

        frame = observed.copy()
        if self.mode == "choice":
            told = of_choices(frame)
            frame = frame.drop(columns=["choices", "correct", "best", "aliases", "log_probs"], errors="ignore")
        elif self.mode == "predict":
            told = of_classes(frame, list(frame["names"].iloc[0]))
            frame = frame.rename(columns={"label": "class"}).drop(columns=["probabilities", "names"])
        else:
            words = frame["answer"].map(lambda text: len(str(text).split()), "ignore") if "answer" in frame else None
            told = frame[["confidence", "label"]].assign(length=words).astype(float)
        said = self._contents(observed)
        first = said.drop_duplicates()
        for name in ("group", "unit"):
            frame[name] = frame.get(name)
        if len(first) < len(said):
            one = said.map(dict(zip(first, first.index, strict=True)))
            frame["unit"] = frame["unit"].where(frame["unit"].notna(), one)
        frame[list(told.columns)] = told
        return frame

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 200 answers given with a confidence of .99 or .9 of which six or five in ten are right, and the same
        of which as many are right as the confidences say.
        """
        from audit.probes.factuality.calibration_trials import planted

        return planted(self.mode, (0.6, 0.5)), planted(self.mode, (0.99, 0.9))

    def found(self, result: Result) -> bool:
        """Tell whether confidences surely lie away from the shares of right answers."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 160 answers of two confidences, as they should be or higher; see `calibration_trials`."""
        from audit.probes.factuality.calibration_trials import trials

        return trials(self, rng)
