"""SynthID-Text marks: a tournament in many layers, in which keyed bits decide who goes on.

    p <- p (1 + g_i - sum g_i p)   for each layer i,   g_i(context, token) in {0, 1}

Dathathri et al. 2024 (Nature 634:818), two tokens a match, so that the mean over the keys is p. The distribution is
that of transformers' `SynthIDTextWatermarkLogitsProcessor` and of google-deepmind/synthid-text. Both begin every text
with a context of zeros; here the last ids of the prompt stand there, so that answers do not all begin alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import torch

    from detectors.provenance.text.synthid import SynthIDMainScheme, SynthIDScheme, TournamentScheme

__all__ = ["DEMO_KEYS", "SynthID", "SynthIDMain"]

DEMO_KEYS = (
    654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585, 118, 504, 421,
    521, 129, 669, 732, 225, 90, 960,
)  # fmt: skip
"""The published keys of the examples; what is marked with them can be marked by anyone."""


@immutable
class _Tournament(ABC):
    """The names are those of transformers' `SynthIDTextWatermarkingConfig`. Raises ModelError."""

    keys: Sequence[int] = DEMO_KEYS
    """One key for each layer of the tournament; the default are the published ones, with which anyone can mark."""
    ngram_len: int = 5
    """Tokens of an n-gram: those of the context, and the one that is drawn; 2 or more."""
    context_history_size: int = 1024
    """Contexts that are remembered: a token after one of them is left unmarked."""

    variant: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what would mark nothing."""
        object.__setattr__(self, "keys", tuple(self.keys))
        try:
            self.scheme(2)
        except ValueError as error:
            raise ModelError(f"mark: {error}") from error

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        if set(self.keys) <= set(DEMO_KEYS):
            yield Cause("the keys are the published ones: anyone can put this mark in")

    @abstractmethod
    def scheme(self, vocabulary: int) -> TournamentScheme:
        """Return how texts are read under these keys."""

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities [text, vocabulary] after the tournament; see `TextWatermark`."""
        import numpy as np

        from audit.watermarks.text.candidates import Candidates
        from detectors.provenance.text.hashing import accumulate

        scheme = self.scheme(logits.shape[-1])
        contexts = [self._context(scheme, ids) for ids in before]
        fresh = np.array([row for row, (_, known) in enumerate(contexts) if not known], dtype=np.int64)
        if not len(fresh):
            return logits
        alive = Candidates(logits, fresh)
        row, token = alive.places
        hashes = np.array([contexts[text][0] for text in fresh], dtype=np.uint64)[row]
        accumulate(hashes, token.astype(np.uint64))
        p = alive.p
        for won in np.ascontiguousarray(scheme.g_values(hashes).T, dtype=float):
            p = p * (1 + won - alive.sums(won * p)[row])
        return alive.with_p(p)

    def _context(self, scheme: TournamentScheme, before: Sequence[int]) -> tuple[int, bool]:
        """Return the hash of the last ids, and whether it is among those of the last contexts."""
        import numpy as np

        from detectors.provenance.text.hashing import run_hashes

        width = self.ngram_len - 1
        ids = np.zeros(width + min(len(before), self.context_history_size), dtype=np.int64)
        last = before[-len(ids) :]
        ids[len(ids) - len(last) :] = last
        *history, now = run_hashes(ids, width, scheme.start).tolist()
        known = now in history or (now == 0 and len(history) < self.context_history_size)
        return now, known


@immutable
class SynthID(_Tournament):
    """SynthID as transformers and the wheel synthid-text 0.2.1 make it on a processor: bits from one public table."""

    sampling_table_size: int = 1 << 16
    """Bits of the table, a power of two."""
    sampling_table_seed: int = 0
    """What the table is drawn from."""

    variant: ClassVar[str] = "synthid-hf"

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        yield from super().weaknesses()
        yield Cause(
            "a hash counts mod {count}: ids that differ by {count} are one, and so many known n-grams forge it all",
            count=self.sampling_table_size,
        )

    def scheme(self, vocabulary: int) -> SynthIDScheme:
        """Return how texts are read under these keys."""
        from detectors.provenance.text.synthid import SynthIDScheme

        return SynthIDScheme(
            vocabulary, tuple(self.keys), self.ngram_len, self.context_history_size,
            sampling_table_size=self.sampling_table_size, sampling_table_seed=self.sampling_table_seed,
        )  # fmt: skip


@immutable
class SynthIDMain(_Tournament):
    """SynthID as the main branch of google-deepmind/synthid-text makes it: bits from a hash that the keys begin."""

    variant: ClassVar[str] = "synthid-main"

    def scheme(self, vocabulary: int) -> SynthIDMainScheme:
        """Return how texts are read under these keys."""
        from detectors.provenance.text.synthid import SynthIDMainScheme

        return SynthIDMainScheme(vocabulary, tuple(self.keys), self.ngram_len, self.context_history_size)
