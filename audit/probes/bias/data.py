"""What does a table say of groups, before any model has learnt from it?

No model is asked: the rows themselves are audited. Who is in them beside a reference that somebody published, who has
the favourable label how often, whose values are missing, which combinations are hardly there, what gives the group
away, which rows are there twice or in other data too, and whether a gap turns round within strata of another column.
A folder of images is such a table, whose group is `label`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.probe import AMOUNT, AUROC, COUNT, P_VALUE, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.bias import planted_tables, table_trials
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["DataBias"]

Question = Literal[
    "labels", "missing", "representation", "coverage", "proxies", "duplicates", "overlap", "reversals",
    "missing_columns",
]  # fmt: skip
_NATS = Range("nats", 0)
_OF_QUESTION: Mapping[Question, Mapping[str, Range]] = {
    "labels": {
        "label_rate_difference": SHARE, "label_rate_gap": SHARE_GAP, "label_rate_ratio": AMOUNT,
        "label_log_odds": AMOUNT, "label_rate_gap_p": P_VALUE, "label_rate": SHARE,
    },
    "missing": {
        "missing_rate_difference": SHARE, "missing_rate_gap": SHARE_GAP, "missing_rate_gap_p": P_VALUE,
        "missing_rate": SHARE,
    },
    "representation": {
        "total_variation": SHARE, "representation_ratio": AMOUNT, "representation_p": P_VALUE, "kl_divergence": _NATS,
        "js_divergence": _NATS, "smallest_group": COUNT,
    },
    "coverage": {"uncovered_share": SHARE, "uncovered_patterns": COUNT},
    "proxies": {
        "joint_proxy": AUROC, "joint_proxy_p": P_VALUE, "proxy_strength": AUROC, "feature_distance": AUROC,
    },
    "duplicates": {"duplicate_difference": SHARE, "duplicate_share": SHARE},
    "overlap": {"overlap_difference": SHARE, "overlap_share": SHARE},
    "reversals": {"reversed_strata": COUNT, "label_rate_conditional_gap": SHARE_GAP},
    "missing_columns": {"column_missing_gap": SHARE, "column_missing_rate": SHARE},
}  # fmt: skip
"""Question -> the measures that answer it, and what each can be."""
_MOST_SENSITIVE = 4


@immutable
class DataBias:
    """What a table says of groups: label rates, missing values, shares, proxies, duplicates, overlap, reversals."""

    sensitive: tuple[str, ...] = ("group",)
    """Columns that say which group a row is of; of several all combinations are groups too."""
    label: str | None = "label"
    """Column of the outcome; null = the table has none."""
    favourable: str | int = "1"
    """Value of the label that is good to have."""
    features: tuple[str, ...] = ()
    """Columns that a model would learn from; they are asked for proxies and for missing values."""
    reference: dict[str, dict[str, float]] = field(default_factory=dict)
    """Sensitive column (or all of them joined by ` x `) -> group -> share of the population; absent = none is known."""
    cite: str | None = None
    """Where the reference comes from; needed with one."""
    tau: int = 30
    """Rows that a combination of sensitive columns and label must have to be covered."""
    identity: tuple[str, ...] = ()
    """Columns that together name a row; rows that share them are one person, picture or case, of which one is drawn."""
    questions: tuple[Question, ...] = ()
    """What is asked, the headline first; absent = all that the columns allow but `overlap`, which needs role `test`,
    and `missing_columns`: which group lacks values of which column more often than the rest."""
    within: tuple[str, ...] = field(default=(), metadata={"later": True})
    """Columns within whose strata groups are compared again: does a label-rate gap turn round there (Simpson)?"""

    name: ClassVar[str] = "bias.data"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"group": "a column of the table; which ones, the options say"}, repeats=True, table=True),
        "test": Role(
            {"group": "the same columns of other rows, for `overlap`"}, repeats=True, table=True, required=False
        ),
    }
    """`items`: the table. `test`: rows that should not be among them."""
    measures: ClassVar[Mapping[str, Range]] = {
        name: one for measures in _OF_QUESTION.values() for name, one in measures.items()
    }

    def __post_init__(self) -> None:
        """Refuse questions that the columns do not allow, and tell which columns and measures these options mean."""
        self._check_columns()
        self._check_questions()
        told = {name: one for question in self.asked for name, one in _OF_QUESTION[question].items()}
        named = [*self.sensitive, *self.features, *self.identity, *self.within]
        named += [] if self.label is None else [self.label]
        columns = {"items": named, **({"test": [*self.sensitive, *self.identity]} if "overlap" in self.asked else {})}
        roles = {
            role: Role(dict.fromkeys(names, "a column of the table"), repeats=True, table=True)
            for role, names in columns.items()
        }
        object.__setattr__(self, "measures", told)
        object.__setattr__(self, "roles", roles)

    def _check_columns(self) -> None:
        columns = [*self.sensitive, *self.features, *([] if self.label is None else [self.label])]
        if not 0 < len(self.sensitive) <= _MOST_SENSITIVE or len(set(columns)) < len(columns) or self.tau < 1:
            got = f"sensitive {list(self.sensitive)}, label {self.label!r}, features {list(self.features)}"
            allowed = f"1 to {_MOST_SENSITIVE} sensitive, each column once, tau of 1 or more"
            raise ValueError(f"{self.name}: got {got}, tau {self.tau}; allowed: {allowed}")
        if {*self.within} & {*self.sensitive, self.label} or len(set(self.within)) < len(self.within):
            got = f"within {list(self.within)}"
            raise ValueError(f"{self.name}: got {got}; allowed: each once, and neither sensitive nor the label")
        if bool(self.reference) != (self.cite is not None):
            got = f"reference {self.reference}, cite {self.cite!r}"
            raise ValueError(f"{self.name}: got {got}; allowed: both or neither")
        for column, shares in self.reference.items():
            known = (*self.sensitive, " x ".join(self.sensitive))
            if column not in known:
                raise ValueError(f"{self.name}: got reference of {column!r}; allowed: {', '.join(map(repr, known))}")
            if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
                got = f"shares of {column} that sum to {sum(shares.values()):g}"
                raise ValueError(f"{self.name}: got {got}; allowed: 0 or more that sum to 1")

    def _check_questions(self) -> None:
        wanted = {"labels": ("label", self.label), "proxies": ("features", self.features),
                  "duplicates": ("identity", self.identity), "overlap": ("identity", self.identity),
                  "missing": ("label or features", self.features or self.label),
                  "missing_columns": ("label or features", self.features or self.label),
                  "reversals": ("label and within", self.label and self.within)}  # fmt: skip
        for question in self.questions:
            option, given = wanted.get(question, ("", True))
            if not given:
                raise ValueError(f"{self.name}: got question {question!r} without {option}; allowed: with it")
        if len(set(self.questions)) < len(self.questions):
            raise ValueError(f"{self.name}: got questions {', '.join(self.questions)}; allowed: each once")

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions, the headline first."""
        if self.questions:
            return self.questions
        able: dict[Question, object] = {
            "labels": self.label, "missing": self.label or self.features, "representation": True, "coverage": True,
            "proxies": self.features, "duplicates": self.identity, "reversals": self.label and self.within,
        }  # fmt: skip
        return tuple(question for question, given in able.items() if given)

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the rows as they are."""
        return items

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.data.whole_table`."""
        from detectors.bias.data.setting import TableQuestions
        from detectors.bias.data.whole_table import table_bias

        questions = TableQuestions(
            self.sensitive, self.label, str(self.favourable), self.features, self.reference, self.tau, self.identity,
            self.asked, self.within,
        )
        return table_bias(observed["items"], observed.get("test"), questions, level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a table with the fault that the headline looks for, in columns of these names, and one without."""
        return planted_tables.pair(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether the headline surely shows its fault."""
        return planted_tables.shows(self, result)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return a table without any fault, and the fault of every question in two sizes."""
        return [table_trials.trial(self, rng, dose) for dose in range(3)]
