"""KGW marks: of every next token, a keyed share of the vocabulary is made likelier.

    logit(v) + bias  for v among the first floor(ratio V) of a shuffle of V ids seeded by key and text

Kirchenbauer et al. 2023 (arXiv 2301.10226, 2306.04634), bit for bit as transformers' `WatermarkLogitsProcessor` makes
it on a processor: text that is marked here is found there, and the other way round. A GPU's shuffles are others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import torch

    from detectors.provenance.text.green import GreenLists, LeftHashLists, SelfHashHFLists, SelfHashLMWLists

__all__ = ["Green", "LeftHash", "SelfHashHF", "SelfHashLMW", "green_after"]


@immutable
class Green(ABC):
    """A mark that favours green tokens; names are those of transformers' `WatermarkingConfig`. Raises ModelError."""

    greenlist_ratio: float = 0.25
    """Share of the vocabulary that is green, above 0 and below 1."""
    bias: float = 2.5
    """What is added to the logits of green tokens, above 0."""
    hashing_key: int = 15485863
    """The key, 1 or more; torch keeps the low 32 bits of a seed, so there are no more keys than that."""

    variant: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what would mark nothing, or what nobody could read."""
        for name, fits, allowed in (
            ("greenlist_ratio", 0 < self.greenlist_ratio < 1, "above 0, below 1"),
            ("bias", self.bias > 0, "above 0"),
            ("hashing_key", 1 <= self.hashing_key < 2**63, "1 or more, below 2^63"),
        ):
            if not fits:
                got = "" if name == "hashing_key" else f" {getattr(self, name)}"  # a key is told to nobody
                raise ModelError(f"mark: {name}{got}; allowed: {allowed}")

    @abstractmethod
    def scheme(self, vocabulary: int) -> GreenLists:
        """Return how texts are read under this key."""

    @abstractmethod
    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on the green tokens; see `TextWatermark`."""

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        if self.hashing_key % 2 == 0:
            yield Cause("the key is even: its lists are among those of half that key; an odd one shares none")
        if self.hashing_key >= 2**32:
            yield Cause("the key has more than 32 bits, of which lists have no more than 32: another key has the same")


@immutable
class LeftHash(Green):
    """The KGW mark with left hash: the token before chooses which tokens are green."""

    context_width: int = 1
    """Tokens that choose: with left hash only the last one does, whatever others write here."""

    variant: ClassVar[str] = "kgw-lefthash"

    def __post_init__(self) -> None:
        """Refuse a width that says more than left hash does."""
        super().__post_init__()
        if self.context_width != 1:
            raise ModelError(
                f"mark: context_width {self.context_width} with left hash, which looks at one token; allowed: 1"
            )

    def scheme(self, vocabulary: int) -> LeftHashLists:
        """Return how texts are read under this key."""
        from detectors.provenance.text.green import LeftHashLists

        return LeftHashLists(vocabulary, self.greenlist_ratio, self.hashing_key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on the green tokens; see `TextWatermark`."""
        import numpy as np
        import torch

        vocabulary = logits.shape[-1]
        lists = [green_after(self.hashing_key, self.greenlist_ratio, vocabulary, ids[-1]) for ids in before]
        green = torch.from_numpy(np.unpackbits(np.stack(lists), axis=1, count=vocabulary))
        return logits + green.to(logits.device) * self.bias


@lru_cache(maxsize=8192)
def green_after(key: int, ratio: float, vocabulary: int, before: int) -> np.ndarray:
    """Return which ids are green after the id `before`, one bit each; kept, as a text meets the same ids again."""
    import numpy as np

    from detectors.provenance.text.shuffle import first_ids

    return np.packbits(first_ids(key * before % (2**64 - 1) % 2**32, vocabulary, int(vocabulary * ratio)))


@immutable
class SelfHashHF(Green):
    """The KGW mark with self hash, of transformers: a token and those before it choose whether it is green itself."""

    context_width: int = 4
    """Tokens of the window that choose, the token itself among them; 1 = a fixed list of words."""

    variant: ClassVar[str] = "kgw-selfhash-hf"
    candidates: ClassVar[int] = 40
    """Of each token only so many of the likeliest are looked at."""

    def __post_init__(self) -> None:
        """Refuse a window of nothing."""
        super().__post_init__()
        if self.context_width < 1:
            raise ModelError(f"mark: context_width {self.context_width}; allowed: 1 or more")

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        yield from super().weaknesses()
        if self.context_width == 1:
            yield Cause("a window of one token is a fixed list of words, as easy to learn as that of unigram")

    def scheme(self, vocabulary: int) -> SelfHashHFLists:
        """Return how texts are read under this key."""
        from detectors.provenance.text.green import SelfHashHFLists

        return SelfHashHFLists(vocabulary, self.greenlist_ratio, self.hashing_key, self.context_width)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on those of the likeliest tokens that are green.

        A text of fewer tokens than the window has is left as it is, as transformers does.
        """
        import numpy as np
        import torch

        scheme, long = self.scheme(logits.shape[-1]), [len(ids) >= self.context_width for ids in before]
        likely = logits.topk(min(self.candidates, logits.shape[-1])).indices
        windows = [
            (*ids[len(ids) + 1 - self.context_width :], candidate)
            for ids, enough, row in zip(before, long, likely.tolist(), strict=True) if enough
            for candidate in row
        ]  # fmt: skip
        green = np.zeros(likely.shape, dtype=np.float32)
        green[long] = np.reshape([one.statistic for one in scheme.read(windows)], (-1, likely.shape[-1]))
        bias = torch.from_numpy(green).to(logits) * self.bias
        return logits.scatter_add(-1, likely, bias)


@immutable
class SelfHashLMW(SelfHashHF):
    """The KGW mark with self hash, of lm-watermarking: its hash knows nothing of the key, so its lists are others."""

    variant: ClassVar[str] = "kgw-selfhash-lmw"
    candidates: ClassVar[int] = 41

    def scheme(self, vocabulary: int) -> SelfHashLMWLists:
        """Return how texts are read under this key."""
        from detectors.provenance.text.green import SelfHashLMWLists

        return SelfHashLMWLists(vocabulary, self.greenlist_ratio, self.hashing_key, self.context_width)
