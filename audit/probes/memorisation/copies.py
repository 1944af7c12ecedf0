"""Do texts of a model share passages with a corpus: what it was trained on, or texts that are protected?

    copied          so many words in a row stand in a document, as they are
    nearly copied   in one case and without punctuation, few of so many words are other ones

`memorisation.extraction` holds what a model writes against the text that it was begun with; this holds it against all
documents at once, whatever was asked. Texts that were written without the corpus, as people's of the same kind, are
looked at in the same way and stand beside every number: common phrases are no copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.probe import COUNT, SHARE, SHARE_GAP, Observed, Range, Role
from audit.probes.written import UNIT, WRITTEN, OfWrittenTexts
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Copies"]

_WORDS = Range("words", 0)


@immutable
class Copies(OfWrittenTexts):
    """Share of texts that hold a passage of a corpus, word for word or nearly, beside that of texts of people."""

    answers: Literal["model", "given"] = "model"
    """`model` is asked by the prompts; `given` takes texts that it wrote elsewhere from the column `output`."""
    words: int = 40
    """Words of a passage that counts as copied; 40 are some 50 tokens of English."""
    near: float = 0.1
    """Share of them that may be put in, left out or exchanged for a near copy."""
    ngram: int = 8
    """Words of the n-grams of which the share that stands in the corpus is told."""
    max_tokens: int = 256
    """Length at which what the model writes is cut."""
    temperature: float = 0.0
    """At which the model writes; 0 = its likeliest token each time."""

    name: ClassVar[str] = "memorisation.copies"
    dimension: ClassVar[str] = "memorisation"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": WRITTEN,
        "held_out": Role(
            {"text": "a text of the same kind, about as long, written without the corpus", "unit": UNIT},
            optional=frozenset({"unit"}),
        ),
        "corpus": Role({"text": "a document"}, searched=True),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "copied_share": SHARE, "copied_above_held_out": SHARE_GAP, "near_copied_share": SHARE,
        "near_copied_above_held_out": SHARE_GAP, "copied_run": _WORDS, "normalised_run": _WORDS,
        "ngram_overlap": SHARE, "text_words": _WORDS, "longest_run": _WORDS, "short_texts": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be found."""
        from detectors.memorisation.runs import LEAST

        if min(self.words, self.ngram) < LEAST:
            got = f"{self.words} and {self.ngram}"
            raise ValueError(f"words, ngram: got {got}; allowed: {LEAST} or more, as fewer in a row stand everywhere")
        if not 0 <= self.near < 1 or self.max_tokens < 1:
            got = f"{self.near:g} and {self.max_tokens}"
            raise ValueError(f"near, max_tokens: got {got}; allowed: from 0 to below 1, 1 or more")

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.memorisation.copies`."""
        from detectors.memorisation.copies import Copying, copies

        return copies(observed, Copying(self.words, self.near, self.ngram), level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 24 texts of which nine in ten copy, held-out ones of which one does, and half of both.

        The fault is planted where a wrong judge would miss it: in the clean twin both copy alike, as boilerplate.
        """
        from audit.probes.memorisation.copies_trials import observations

        return observations(self, (0.9, 0.1)), observations(self, (0.5, 0.5))

    def found(self, result: Result) -> bool:
        """Tell whether texts surely copy more often than held-out ones."""
        gap = result.measures[1]
        return gap.low is not None and gap.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 20 texts and 20 held-out ones of which 2, 8 or 15 and always 2 copy, and some nearly."""
        from audit.probes.memorisation.copies_trials import trials

        return trials(self, rng)
