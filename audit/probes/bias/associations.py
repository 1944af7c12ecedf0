"""Does the model put words for one group nearer to one set of attributes than words for another group?

The word embedding association test (WEAT), for sentences SEAT, for images iEAT: one statistic, for whatever embeds. It
is about vectors; what a model says or draws may differ from them (Goldfarb-Tarrant et al. 2021, arXiv:2012.15859).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import P_VALUE, Ask, Observed, Range, Role
from audit.probes.items import storable_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Associations"]

_PLACE = "{text}"


@immutable
class Associations:
    """Whether words of set X lie nearer to attributes A than to B, compared with those of set Y: WEAT, SEAT, iEAT."""

    template: str = "{text}"
    """What a text is put into before it is embedded, e.g. `This is {text}.` as in SEAT."""
    ddof: Literal[0, 1] = 1
    """Of the standard deviation in the effect size: 1 as in the code of SEAT and iEAT, 0 as in WEFE."""

    name: ClassVar[str] = "bias.associations"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "text": "word or sentence; one of text, image, series", "image": "image as numbers",
                "series": "series as numbers", "set": "`X` or `Y`, the words compared, or `A` or `B`, the attributes",
                "group": "the test that the row belongs to; absent = all rows are one test",
                "unit": "the word, where several sentences or images stand for it; absent = every row is its own",
            },
            optional=frozenset({"text", "image", "series", "group", "unit"}),
        ),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "association_gap": Range("score", -4, 4), "effect_size": Range("score"), "association_p": P_VALUE,
        "association_p_two_sided": P_VALUE,
    }

    def __post_init__(self) -> None:
        """Refuse a template without a place for the text."""
        if _PLACE not in self.template:
            raise ValueError(f"template: got {self.template!r}; allowed: a text with {_PLACE} in it")

    @property
    def needs(self) -> frozenset[str]:
        """Vectors."""
        return frozenset({"embed"})

    def estimate(self, items: int) -> int:
        """One vector an item."""
        return items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items and their `embedding`; raises DataError for another set, and for items of no one kind."""
        from detectors.arrays import objects
        from detectors.bias.associations import SETS

        unknown = sorted(set(map(str, items["set"])) - set(SETS))
        if unknown:
            raise DataError(f"{self.name}: got set {', '.join(map(repr, unknown))}; allowed: {', '.join(SETS)}")
        frame, shown = storable_items(self.name, items)
        asked: list[Any] = [self.template.replace(_PLACE, one) if isinstance(one, str) else one for one in shown]
        given = [list(row) for row in ask("embed", asked)["embedding"]]
        return frame.assign(embedding=objects(given, frame.index))

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.associations`."""
        from detectors.bias.associations import word_associations

        return word_associations(observed["items"], level=level, rng=rng, ddof=self.ddof)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return eight words a set of which those of X lie nearer to A, and the same with X where Y is.

        In the clean twin the vectors of X are three times as long: a judge that took products for cosines would accuse
        it.
        """
        return self._planted(rng, 0.8, 1.0), self._planted(rng, 0.0, 3.0)

    def _planted(self, rng: np.random.Generator, shift: float, length: float) -> Observed:
        from detectors.arrays import objects

        frame, vectors = _words(rng, shift)
        scale = frame["set"].map({"X": length}).fillna(1.0)
        given = [[factor * one for one in vectors[text]] for factor, text in zip(scale, frame["text"], strict=True)]
        return {"items": frame.assign(embedding=objects(given, frame.index))}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return eight words a set, X like Y, and moved towards A by more than they differ, in two sizes.

        Each word has a vector of its own, so one that is given to another word moves the gap.
        """
        return [self._trial(rng, dose, shift) for dose, shift in enumerate((0.0, 0.5, 0.8))]

    def _trial(self, rng: np.random.Generator, dose: int, shift: float) -> Trial:
        import numpy as np

        from audit.probe import Known, Trial, overall

        frame, vectors = _words(rng, shift)
        s = np.concatenate([np.array(_NEAR) + shift, _NEAR])
        told = {self.template.replace(_PLACE, text): np.array(vector) for text, vector in vectors.items()}
        known = {
            "association_gap": Known(shift), "effect_size": Known(shift / float(s.std(ddof=self.ddof))),
            "association_p": Known(1 / _WAYS if dose else (_WAYS + _EVEN) / 2 / _WAYS),
            "association_p_two_sided": Known(2 / _WAYS if dose else 1.0),
        }
        return Trial(
            dose > 0, {"items": frame}, {("main", "embed"): lambda items: {"embedding": [told[one] for one in items]}},
            overall(known),
        )  # fmt: skip


_NEAR = (-0.21, -0.16, -0.10, -0.01, 0.02, 0.09, 0.17, 0.20)
"""How much nearer to A than to B each word is."""
_WAYS, _EVEN = 12_870, 380
"""Partitions of sixteen words into eight and eight, and those of these numbers, each twice, that have no gap."""


def _words(rng: np.random.Generator, shift: float) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    """Return the rows of one test in random order, and text -> vector in three dimensions; X is `shift` nearer to A."""
    import numpy as np
    import pandas as pd

    near = np.concatenate([np.array(_NEAR) + shift, _NEAR])
    angle = np.arccos(near / np.sqrt(2)) - np.pi / 4  # cos(angle) - sin(angle) = near
    vectors = {f"word {place}": [float(np.cos(one)), float(np.sin(one)), 0.0] for place, one in enumerate(angle)}
    rows: list[tuple[Any, str]] = [(f"word {place}", "X" if place < len(_NEAR) else "Y") for place in range(len(near))]
    for name, vector in (("A", [2.0, 0.0, 0.0]), ("B", [0.0, 0.5, 0.0])):
        vectors |= {f"attribute {name}{place}": vector for place in range(3)}
        rows += [(f"attribute {name}{place}", name) for place in range(3)]
    index = pd.Index([f"word-{place}" for place in range(len(rows))], name="id")
    frame = pd.DataFrame(rows, index, ["text", "set"], dtype=object)
    return frame.iloc[rng.permutation(len(frame))], vectors
