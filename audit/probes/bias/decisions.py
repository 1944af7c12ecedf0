"""Does a decision about people depend on their group?

Decisions are those of a classifier that is given features, the yes or no of a model that is asked a question, or those
that were made elsewhere and stand in the table, as they are or as a score at a threshold. All rates have fairlearn's
names. A row without a value in a sensitive column is in a group of its own, never left out.

Rows that share a `unit`, such as the person decided about, count once: one of them is drawn. Where nothing names units,
rows that are equal in all that is asked for are counted and told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AMOUNT, AUROC, COUNT, NATS_GAP, P_VALUE, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.bias import planted_decisions
from audit.probes.bias.columns import answers_to, finite_numbers
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Remark, Result

__all__ = ["Decisions"]

_RATES = (
    "selection_rate", "true_positive_rate", "false_positive_rate", "accuracy", "true_negative_rate",
    "false_negative_rate", "precision", "false_discovery_rate", "negative_predictive_value", "false_omission_rate",
    "false_negative_share",
)
_OF_FAIRLEARN: Mapping[str, tuple[str, ...]] = {
    "treatment_equality": ("false_negative_share",),
    "demographic_parity": ("selection_rate",), "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"), "accuracy_score": ("accuracy",),
    "recall_score": ("true_positive_rate",), "precision_score": ("precision",),
}
"""Names, most of them fairlearn's, of what is no rate by itself, or has another name here."""
_ENDINGS = {
    "_gap": SHARE_GAP, "_difference": SHARE, "_gap_p": P_VALUE, "_detectable_gap": SHARE, "": SHARE,
}  # fmt: skip
_OF_SELECTION = {
    "demographic_parity_ratio": AUROC, "selection_rate_impact_ratio": AMOUNT, "selection_rate_impact_p": P_VALUE,
    "selection_rate_shortfall": COUNT, "differential_fairness": NATS_GAP, "selection_rate_mass_gap": SHARE,
}
_OF_ODDS = {
    "equalized_odds_difference": SHARE, "equalized_odds_mean_abs": SHARE, "equalized_odds_ratio": AUROC,
    "equalized_odds_mean": SHARE_GAP,
}  # fmt: skip
_OF_BENEFITS = ("theil_index", "generalised_entropy", "theil_between")
_WITHIN = {
    "_conditional_gap": SHARE_GAP, "_conditional_ratio": AMOUNT, "_conditional_p": P_VALUE, "_reversal_p": P_VALUE,
}
_OF_SCORES = {
    "auc_difference": AUROC, "auc": AUROC, "bpsn_auc": AUROC, "bnsp_auc": AUROC, "xauc_gap": SIGNED, "abroca": AUROC,
    "abroca_p": P_VALUE,
}
_CALIBRATION = {
    "calibration_error": SHARE, "calibration_in_the_large": SHARE_GAP, "calibration_p": P_VALUE, "brier": AUROC,
    "score_of_positives_difference": AUROC, "score_of_positives": AUROC, "score_of_negatives_difference": AUROC,
    "score_of_negatives": AUROC,
}
_MOST_SENSITIVE = 4
_UNIT = "unit"
_OWN = {"label", "score", "decision"}
"""Columns that rows get beside their groups."""
Mitigation = Literal["demographic_parity", "equalized_odds", "true_positive_rate_parity", "false_positive_rate_parity"]


def _measures(rates: Sequence[str], *, within: bool, scores: bool, probability: bool) -> dict[str, Range]:
    """Return what these rates are told by, the headline first."""
    told: dict[str, Range] = {}
    for rate in rates:
        endings = {"_difference": SHARE, **_ENDINGS, **(_WITHIN if within else {})}
        told |= {f"{rate}{ending}": one for ending, one in endings.items()}
    if "selection_rate" in rates:
        told = {"demographic_parity_difference" if name == "selection_rate_difference" else name: one
                for name, one in told.items()} | _OF_SELECTION  # fmt: skip
    if {"true_positive_rate", "false_positive_rate"} <= set(rates):
        told |= _OF_ODDS
    if "accuracy" in rates:
        told |= {"worst_group_accuracy": SHARE, **dict.fromkeys(_OF_BENEFITS, AMOUNT)}
    return told | (_OF_SCORES if scores else {}) | (_CALIBRATION if probability else {})


@immutable
class Decisions:
    """How decisions about people differ between groups: selection, errors, calibration, what mitigation would buy."""

    sensitive: tuple[str, ...] = ("group",)
    """Columns that say which group a row is of; of several all combinations are groups, and each column alone too."""
    within: tuple[str, ...] = ()
    """Control features: columns within whose strata groups are compared again."""
    label: str | None = None
    """Column of what turned out to be so; absent = it is not known, and only the selection rate can be told."""
    positive: str | int = "1"
    """Value of label and decision that is the positive one; every other value is negative."""
    decision: str | None = None
    """Column of decisions made elsewhere; absent = `decision`, unless a score, features or a prompt decide."""
    score: str | None = None
    """Column of scores made elsewhere, higher = surer to be positive; without a `decision` they decide."""
    threshold: float | Literal["median"] = 0.5
    """Score, or probability of the model, from which on the decision is positive; `median` = above the median of all
    that are judged, as New York City's Local Law 144 has the scoring rate."""
    features: tuple[str, ...] = ()
    """Columns that the model is given, in the order in which it learnt them; rows that lack one are not asked."""
    categories: tuple[str, ...] = ()
    """Features that are words; all others are numbers. One alone is given as the text that it is."""
    positive_class: int | None = None
    """Place of the positive class among those of the model, from 0; absent = the class that is called as `positive`
    says, or the last where the model does not name its classes, or only numbers them (`LABEL_1`)."""
    prompt: str | None = None
    """Column of questions that a model answers by yes or no, in place of features."""
    answers: tuple[str, str] = ("yes", "no")
    """Words that a positive and a negative answer begin with, quotes and marks aside; any other is no decision."""
    metrics: tuple[str, ...] = ()
    """Rates by fairlearn's names, the headline first; absent = the selection rate, and with labels also the true- and
    false-positive rate and the accuracy."""
    reference: str = "the rest"
    """What every group is compared with: `the rest`, `the highest`, or a group."""
    mitigation: Mitigation | None = None
    """What fairlearn's threshold optimiser is to make equal, on held-out rows; needs labels, and a score or a model."""

    name: ClassVar[str] = "bias.decisions"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"group": "a column of the table; which ones, the options say"}, repeats=True, table=True)
    }
    measures: ClassVar[Mapping[str, Range]] = _measures(_RATES, within=True, scores=True, probability=True)

    def __post_init__(self) -> None:
        """Refuse options that contradict each other, and tell which columns and measures they mean."""
        self._check()
        fields = {_UNIT: "independent unit, e.g. the person decided about; absent = every row is its own"}
        fields |= dict.fromkeys(self.columns, "a column of the table")
        role = Role(fields, optional=frozenset({_UNIT}) - set(self.columns), repeats=True, table=True)
        ranks = self.label is not None and (self.score is not None or bool(self.features))
        told = _measures(
            self.rates, within=bool(self.within), scores=ranks, probability=ranks and bool(self.features)
        )
        object.__setattr__(self, "roles", {"items": role})
        object.__setattr__(self, "measures", told)

    def _check(self) -> None:
        ways = [name for name in ("features", "prompt") if getattr(self, name)]
        made = [name for name in ("decision", "score") if getattr(self, name) is not None]
        self._refuse(len(ways) > 1 or (ways and made), f"{' and '.join([*ways, *made])}", "one way to decide")
        self._refuse(
            not 0 < len(self.sensitive) <= _MOST_SENSITIVE or len(set(self.columns)) < len(self.columns),
            f"columns {', '.join(self.columns)}", f"1 to {_MOST_SENSITIVE} sensitive, each column once",
        )
        told = {"answer"} if self.prompt else {"probabilities", "names"} if self.features else set[str]()
        hidden = sorted({*self.sensitive, *self.within} & _OWN | set(self.columns) & told)
        self._refuse(hidden, f"column {', '.join(hidden)}", "another name, as what is judged gets this one")
        strange = sorted(set(self.categories) - set(self.features))
        self._refuse(strange, f"categories {', '.join(strange)}", "features")
        known = ", ".join([*_RATES, *_OF_FAIRLEARN])
        bad = [one for one in self.metrics if not _rates_of(one)]
        self._refuse(bad, f"metric {', '.join(bad)}", f"{known}, or one of them with _difference or _ratio")
        blind = self.label is None and self.rates != ("selection_rate",)
        self._refuse(blind, f"metrics {', '.join(self.rates)} without a label", "selection_rate, or a label")
        lacks = self.mitigation is not None and (self.label is None or not (self.score or self.features))
        self._refuse(lacks, f"mitigation {self.mitigation}", "with a label, and a score or features")

    def _refuse(self, wrong: object, got: str, allowed: str) -> None:
        if wrong:
            raise ValueError(f"{self.name}: got {got}; allowed: {allowed}")

    @property
    def rates(self) -> tuple[str, ...]:
        """The rates that are asked for, the headline first."""
        if not self.metrics:
            return _RATES[:4] if self.label is not None else _RATES[:1]
        return tuple(dict.fromkeys(rate for name in self.metrics for rate in _rates_of(name)))

    @property
    def decides(self) -> str | None:
        """The column of decisions made elsewhere; None where something else decides."""
        return self.decision or (None if self.score or self.features or self.prompt else "decision")

    @property
    def columns(self) -> list[str]:
        """The columns of the table that are asked for."""
        named = [*self.sensitive, *self.within, self.label, self.decides, self.score, self.prompt]
        own = [name for name in named if name is not None]
        return own + [name for name in self.features if name not in own]

    @property
    def needs(self) -> frozenset[str]:
        """`predict` for features, `sample` for a prompt, nothing for decisions made elsewhere."""
        return frozenset({"predict"} if self.features else {"sample"} if self.prompt else ())

    def estimate(self, items: int) -> int:
        """One question a row, where a model is asked."""
        return items if self.needs else 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the rows with `probabilities` (of the model's classes) or `answer`; None where nothing came.

        Where the place of the positive class is not given and the model names its classes, there are their `names` too.
        Raises DataError for a feature that is no number, and where no class is called as `positive` says.
        """
        if self.prompt is not None:
            return items.assign(answer=answers_to(ask, items[self.prompt]))
        if not self.features:
            return items
        told_names = self.positive_class is None and ask.can("class_names")
        names = {"names": [ask("class_names", [None])["names"].iloc[0]] * len(items)} if told_names else {}
        items = items.assign(**names)
        self._place(items)
        whole = items[list(self.features)].notna().all(axis=1)
        told = ask("predict", self._given(items[whole])) if whole.any() else None
        cells: list[Any] = [None] * len(items)
        for at, row in zip(whole.to_numpy().nonzero()[0], () if told is None else told["probabilities"], strict=True):
            cells[at] = row.tolist()
        return items.assign(probabilities=cells)

    def _given(self, rows: pd.DataFrame) -> list[Any]:
        """Return what the model is given for each row: numbers in order, a text, or a mapping where both occur."""
        import numpy as np

        if list(self.features) == list(self.categories) and len(self.features) == 1:
            return rows[self.features[0]].tolist()
        columns = {
            name: rows[name].tolist() if name in self.categories else self._numbers(rows[name]).tolist()
            for name in self.features
        }
        if self.categories:
            return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        return list(np.array(list(columns.values()), dtype=float).T)

    def _numbers(self, cells: pd.Series[Any]) -> pd.Series[float]:
        """Return cells as numbers, NaN where there is none; DataError for what is no number."""
        return finite_numbers(self.name, cells, "finite numbers, or words in columns that `categories` names")

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.decisions`, and of `detectors.bias.mitigation` where asked for.

        Raises DataError for a label or decision that is never the positive value though it has several others, for a
        score that is no number, and for a reference that is no group.
        """
        from dataclasses import replace

        from detectors.bias.decisions import Features, decision_gaps, joined_names
        from detectors.bias.mitigation import what_mitigation_buys

        rows, drawn, alike = self._independent(observed["items"], rng)
        groups = joined_names(rows, self.sensitive)
        if self.reference not in ("the rest", "the highest", *groups.cat.categories):
            told = ", ".join(sorted(groups.cat.categories)[:10])
            raise DataError(f"{self.name}: got reference {self.reference!r}; allowed: the rest, the highest, {told}")
        result = decision_gaps(
            rows, Features(self.sensitive, self.within), self.rates, level=level, rng=rng, reference=self.reference,
            probability=bool(self.features),
        )
        remarks = (*alike, *result.remarks) if self.needs else (*result.remarks, *alike)  # columns of tables are coarse
        result = replace(result, remarks=(*drawn, *remarks))
        if self.mitigation is None:
            return result
        whole = rows.assign(group=groups.astype("str"))[["group", "label", "decision", "score"]].dropna()
        bought = what_mitigation_buys(whole, self.mitigation, level=level, rng=rng)
        lost = len(rows) - len(whole)
        return replace(result, measures=(*result.measures, *(one.lacking(lost) for one in bought)))

    def _independent(
        self, items: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[pd.DataFrame, tuple[Remark, ...], tuple[Remark, ...]]:
        """Return the rows as the detector takes them, one of each unit, and what is told of those drawn and alike."""
        from detectors.bias.repeats import looks_repeated, one_of_each_unit

        rows = self._rows(items)
        if _UNIT in items and _UNIT not in self.columns:
            rows, drawn = one_of_each_unit(rows, items[_UNIT], rng)
            return self._decided(rows), drawn, ()
        return self._decided(rows), (), looks_repeated(items[self.columns])

    def _decided(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with decisions; where a score decides, by the threshold, which may be that of these rows."""
        if "decision" in rows:
            return rows
        score = rows["score"]
        above = score > score.median() if self.threshold == "median" else score >= self.threshold
        return rows.assign(decision=above.astype(float).where(score.notna()))

    def _rows(self, items: pd.DataFrame) -> pd.DataFrame:
        """Return the rows as the detector takes them, without decisions where a score decides."""
        import numpy as np
        import pandas as pd

        rows = items[[*self.sensitive, *self.within]].copy()
        if self.label is not None:
            rows["label"] = self._positive(items[self.label])
        if self.features:
            told, place = items["probabilities"], self._place(items)
            rows["score"] = [np.nan if cell is None else float(np.asarray(cell)[place]) for cell in told]
        elif self.score is not None:
            rows["score"] = self._numbers(items[self.score])
        if self.decides is not None:
            rows["decision"] = self._positive(items[self.decides])
        elif self.prompt is not None:
            said = items["answer"].astype("string").str.casefold()
            begins = (rf"[\W_]*{re.escape(word.casefold())}(?![a-z0-9])" for word in self.answers)
            yes, no = (said.str.match(one).fillna(False) for one in begins)
            rows["decision"] = np.select([yes, no], [1.0, 0.0], np.nan)
        return pd.DataFrame(rows)

    def _place(self, items: pd.DataFrame) -> int:
        """Return the place of the positive class among those of the model; DataError where none has its name."""
        if self.positive_class is not None:
            return self.positive_class
        names = [str(one) for one in items["names"].iloc[0]] if "names" in items and len(items) else []
        if str(self.positive) in names:
            return names.index(str(self.positive))
        if not all(re.search(rf"(?<!\d){place}(\.0)?$", name) for place, name in enumerate(names)):
            got = f"positive {str(self.positive)!r} of a model whose classes are {', '.join(names[:10])}"
            raise DataError(f"{self.name}: got {got}; allowed: one of these, or its place as `positive_class`")
        return -1

    def _positive(self, cells: pd.Series[Any]) -> pd.Series[float]:
        """Return 1 for the positive value, 0 for any other, NaN for none."""
        import numpy as np
        import pandas as pd

        codes, values = pd.factorize(cells)
        found = [float(str(value) == str(self.positive)) for value in values]
        others = sorted({str(value) for value in values})
        if not any(found) and len(others) > 1:
            told = ", ".join(map(repr, others[:4]))
            raise DataError(f"{self.name}: column {cells.name!r} is never {self.positive!r}; there are {told}")
        return pd.Series(np.array([*found, np.nan])[codes], index=cells.index)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return two groups of 300 of whom one is decided about far worse, and two that are decided about alike.

        Group 1 is selected less often, and the other way round from what its labels say; labels are alike in both.
        """
        return planted_decisions.observed(self, rng, gap=True), planted_decisions.observed(self, rng, gap=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return two groups of 40, selected alike, or 12 and 24 points less often; and a tenth of all without a group.

        Labels and rows are in no order, so that a decision given to another row moves a rate. There are none where the
        model is given nothing but columns by which groups are made: no row can be told from another then.
        """
        if self.features and planted_decisions.own_feature(self) is None:
            return []
        return [planted_decisions.trial(self, rng, less) for less in (0, 12, 24)]


def _rates_of(name: str) -> tuple[str, ...]:
    """Return the rates that a name of fairlearn's asks for; none for a name that is not known."""
    bare = next((name.removesuffix(end) for end in ("_difference", "_ratio") if name.endswith(end)), name)
    return (bare,) if bare in _RATES else _OF_FAIRLEARN.get(bare, ())
