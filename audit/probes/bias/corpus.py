"""How do texts speak of groups, before any model has learnt from them?

No model is asked: who is named how often, which words stand near whom, and whose texts are there twice. What is found
is a way of speaking in these texts; whether a model takes it over is for the probes that ask one. Of texts that share a
`unit`, such as their author, one is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from audit.probe import P_VALUE, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.bias.term_lists import ATTRIBUTES, GROUPS
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures, Trial
    from detectors.result import Result

__all__ = ["CorpusBias"]

_TEXTS = 320


@immutable
class CorpusBias:
    """How texts speak of groups: who is named, which words stand near whom, whose texts are there twice."""

    groups: dict[str, list[str]] = field(default_factory=lambda: {name: list(terms) for name, terms in GROUPS.items()})
    """Group -> words that name it; absent = women and men, in English and Korean."""
    attributes: dict[str, list[str]] = field(
        default_factory=lambda: {name: list(terms) for name, terms in ATTRIBUTES.items()}
    )
    """Attribute -> its words; absent = career and family, in English and Korean."""
    window: int = 10
    """Words on either side of a group's word that count as near it."""

    name: ClassVar[str] = "bias.corpus"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {"text": "a text of the corpus", "unit": "independent unit, e.g. its author; absent = a text is its own"},
            optional=frozenset({"unit"}), repeats=True,
        )
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "attribute_rate_difference": SHARE, "attribute_rate_gap": SHARE_GAP, "attribute_rate_gap_p": P_VALUE,
        "attribute_rate": SHARE, "mention_difference": SHARE, "mention_share": SHARE, "unnamed_share": SHARE,
        "log_odds": Range("nats"), "duplicate_difference": SHARE, "duplicate_share": SHARE,
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse fewer than two groups, no attribute, and a list without a word."""
        short = [name for name, terms in {**self.groups, **self.attributes}.items() if not any(map(str.strip, terms))]
        if len(self.groups) < 2 or not self.attributes or self.window < 1 or short:
            got = f"{len(self.groups)} groups, {len(self.attributes)} attributes, window {self.window}"
            got += f", no word of {short[0]}" if short else ""
            raise ValueError(f"{self.name}: got {got}; allowed: 2 or more, 1 or more, 1 or more, words for each")

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the texts as they are."""
        return items

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.data.whole_corpus`."""
        from detectors.bias.data.whole_corpus import corpus_bias

        items = observed["items"]
        units = items["unit"].to_list() if "unit" in items else None
        return corpus_bias(
            items["text"].to_list(), self.groups, self.attributes, window=self.window, level=level, rng=rng, units=units
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return texts in which the first attribute stands near the first group in 3 of 4, near the second in 1 of 4,
        and such in which it stands near both in 2 of 4 and far from the first in the others.
        """
        return {"items": self._planted((3, 1))}, {"items": self._planted((2, 2))}

    def _planted(self, quarters: tuple[int, int]) -> pd.DataFrame:
        import pandas as pd

        term = next(iter(self.attributes.values()))[0]
        texts = []
        for (name, count) in zip(self.groups, quarters, strict=False):
            for number in range(_TEXTS // 2):
                own = [f"{name}x{number}x{place}".replace(" ", "") for place in range(3 * self.window)]
                own[1 if number % 4 < count else -1] = term
                texts.append(" ".join([self.groups[name][0], *own]))
        return pd.DataFrame({"text": texts}, index=pd.Index([str(n) for n in range(len(texts))], name="id"))

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return texts about two groups that are spoken of alike, and such in which one is named less often, has the
        attribute near it less often, and is there twice more often, in two sizes; one author wrote 41 texts.
        """
        return [self._trial(rng, dose) for dose in range(3)]

    def _trial(self, rng: np.random.Generator, dose: int) -> Trial:
        import numpy as np
        import pandas as pd

        from audit.probe import Known, Trial

        few, rate, twice = (120, 80, 60)[dose], (0.5, 0.25, 0.1)[dose], (0, 20, 30)[dose]
        own = replace(self, groups={"a": ["Alpha"], "b": ["Beta One"]}, attributes={"work": ["work"]}, window=4)
        first = [_told("alpha", n, near=n % 2 == 0) for n in range(120)]
        second = [_told("beta one", 1000 + n, near=n < rate * few) for n in range(few)]
        rest = [_told("nobody", 5000 + n, near=False) for n in range(60)]
        more = [_told("alpha", 9000 + n, near=True) for n in range(40)]  # by the author of the first text
        texts = np.array([*first, *second, *rest, *second[:twice], *more], dtype=object)
        distinct, both = 180 + few, len(texts)
        ids = pd.Index([str(n) for n in range(both)], name="id")
        items = pd.DataFrame({"text": texts, "unit": [*ids[: -len(more)], *[ids[0]] * len(more)]}, index=ids)
        known: KnownMeasures = {
            ("attribute_rate_difference", None): Known(0.5 - rate),
            ("attribute_rate_gap", "work: b"): Known(rate - 0.5), ("attribute_rate", "work: b"): Known(rate),
            ("mention_difference", None): Known((120 - few) / distinct),
            ("mention_share", "b"): Known(few / distinct), ("unnamed_share", None): Known(60 / distinct),
            ("duplicate_difference", None): Known(2 * twice / (few + twice), certain=True),
            ("duplicate_share", None): Known(2 * twice / both, certain=True),
        }  # fmt: skip
        return Trial(dose > 0, {"items": items.iloc[rng.permutation(both)]}, {}, known, own)


def _told(term: str, number: int, *, near: bool) -> str:
    """Return a text of words of its own that names a group, and the attribute near it or beyond what is near."""
    words: list[Any] = [f"w{number}x{place}" for place in range(12)]
    words[2 if near else 11] = "work"
    return f"{words[0]} {term.title()} {' '.join(words[1:])}."
