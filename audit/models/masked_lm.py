"""A masked language model: what it gives each token of a text when it sees the others, log p(x_t | the rest).

    model: {use: masked_lm, path: ./model}            a folder with config.json, safetensors and a tokenizer

The sum of these over a text is its pseudo-log-likelihood (Salazar et al. 2020, arXiv:1910.14659): no probability of the
text, as no distribution has these conditionals, but comparable between texts of one model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import ModelError
from audit.files import canonical, sha256
from audit.model import Hidden, Item
from audit.models.files import model_files, require_safetensors
from audit.models.folder import ModelOnDisk
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.models.text.masked import MaskedScorer

__all__ = ["MaskedLM", "MaskedLMFolder"]


@immutable
class MaskedLMFolder(ModelOnDisk):
    """Options of a masked language model on disk, such as BERT or RoBERTa."""

    path: Path
    """Folder with config.json, safetensors and tokenizer."""
    batch_tokens: int = 1024
    """Most tokens of a forward pass, padding included."""

    family: ClassVar[str] = "masked_lm"
    modality: ClassVar[str] = "text"
    at_least_one: ClassVar[tuple[str, ...]] = ("threads", "batch_tokens")

    def fingerprint(self) -> str:
        """Return the digest of the files' content; raises ModelError."""
        return sha256(canonical([self.family, model_files(self._folder())]))

    def open(self) -> MaskedLM:
        """Read the weights and return the model; raises ModelError."""
        folder = self._folder()
        require_safetensors(folder)
        device, numerics = self.settle()
        from transformers import AutoModelForMaskedLM

        from audit.models.text.masked import MaskedScorer
        from audit.models.text.weights import open_folder

        network, tokenizer = open_folder(folder, "float32", AutoModelForMaskedLM)
        scorer = MaskedScorer(network.to(device), tokenizer, self.shown_name, self.batch_tokens)
        return MaskedLM(self.shown_name, self.fingerprint(), numerics, scorer)

    def _folder(self) -> Path:
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such folder; allowed: a folder with safetensors")
        return self.path


@immutable
class MaskedLM:
    """An opened masked language model."""

    name: str
    fingerprint: str
    numerics: dict[str, Any]
    """What can move a result in its last digits: device, dtype, threads."""
    scorer: MaskedScorer

    family: ClassVar[str] = "masked_lm"
    modality: ClassVar[str] = "text"

    def pseudo_trace(
        self, items: Sequence[Item], *, hidden: Hidden = "token", attention: bool = False
    ) -> list[pd.DataFrame]:
        """Return a frame per text, a row per token, those that the tokenizer puts around it too; see `CanPseudoTrace`.

        Raises ModelError for what is no text, for a text longer than the model's context, and for `word` where the
        tokenizer does not tell words.
        """
        import pandas as pd

        encoded = self.scorer.encoded(items, words=hidden == "word")
        found = self.scorer.score(encoded, hidden, attention=attention)
        return [
            pd.DataFrame({"element": text.elements, "log_prob": nats, **({"attention": looked} if attention else {})})
            for text, (nats, looked) in zip(encoded, found, strict=True)
        ]
