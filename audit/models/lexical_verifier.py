"""A verifier that is rules and no weights: does this text bear out that one, by its words, numbers, names and dates?

    helpers:
      verifier: {use: lexical_verifier}

Its scores are those of `detectors.factuality.lexical`: in [0, 1] and summing to one, but no probabilities. Its
fingerprint is that of the source of the rules: of the module that scores and of all that it imports here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from audit.files import canonical, digest_file, sha256
from audit.model import Pair
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LexicalVerifier", "LexicalVerifierPart"]

_IMPORT = re.compile(r"^ *from (detectors[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)
"""As all files of `detectors` import each other; to parse them takes ten times as long."""


@immutable
class LexicalVerifierPart:
    """Rules without settings."""

    name: str | None = None
    """What reports call it."""

    family: ClassVar[str] = "lexical_verifier"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        """Return the digest of the rules."""
        import detectors

        room = Path(str(detectors.__file__)).parent.parent
        files, left = dict[str, str](), ["detectors.factuality.lexical"]
        while left:
            if (path := _source(room, left.pop())) and (name := path.relative_to(room).as_posix()) not in files:
                files[name] = digest_file(path)
                left += _imported(path)
        return sha256(canonical([self.family, files]))

    def open(self) -> LexicalVerifier:
        """Return the model."""
        return LexicalVerifier(self.name or self.family, self.fingerprint())


def _source(room: Path, module: str) -> Path | None:
    """Return the file of a module; None where what is imported is a name in one."""
    path = room.joinpath(*module.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    """Yield the modules of `detectors` that a file imports, and what may be one; `from x import y` may mean either."""
    for module, names in _IMPORT.findall(path.read_text("utf-8")):
        yield from (module, *(f"{module}.{name}" for name in re.findall(r"\w+", names)))


@immutable
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
