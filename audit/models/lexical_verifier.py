"""A verifier that is rules and no weights: does this text bear out that one, by its words, numbers, names and dates?

    helpers:
      verifier: {use: lexical_verifier}

Its scores are those of `detectors.factuality.lexical`: in [0, 1] and summing to one, but no probabilities. Its
fingerprint is that of the rules' source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from audit.files import canonical, digest_file, sha256
from audit.model import Pair

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LexicalVerifier", "LexicalVerifierPart"]


@dataclass(frozen=True)
class LexicalVerifierPart:
    """Rules without settings."""

    name: str | None = None
    """What reports call it."""

    family: ClassVar[str] = "lexical_verifier"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        """Return the digest of the rules."""
        import detectors.factuality

        room = Path(str(detectors.factuality.__file__)).parent
        files = {path.relative_to(room).as_posix(): digest_file(path) for path in sorted(room.rglob("*.py"))}
        return sha256(canonical([self.family, files]))

    def open(self) -> LexicalVerifier:
        """Return the model."""
        return LexicalVerifier(self.name or self.family, self.fingerprint())


@dataclass(frozen=True)
class LexicalVerifier:
    """The rules, as a model."""

    name: str
    fingerprint: str

    family: ClassVar[str] = "lexical_verifier"
    modality: ClassVar[str] = "text"

    def verify(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Return scores [pair, 3]; see `audit.model.CanVerify`. Raises ModelError for what is no pair."""
        from detectors.factuality.lexical import lexical_scores

        for pair in pairs:
            if not isinstance(pair, Pair):
                raise ModelError(f"{self.name}: got a {type(pair).__name__}; allowed: Pair")
        return lexical_scores([one.premise for one in pairs], [one.hypothesis for one in pairs])
