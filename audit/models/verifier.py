"""A verifier: does this text bear out that one? A folder of transformers that answers it, whoever trained it for what.

    helpers:
      verifier: {use: verifier, path: ./nli}

    three labels (NLI)          softmax, put into the order entailment, neutral, contradiction
    supported or not            softmax, or a sigmoid of one output s: (s, 1 - s, 0)
    a label for every token     (1 - h, h, 0), h the highest probability that a token of the hypothesis is made up; with
                                it the characters that are rather made up than not (`TokenVerifier.marked`)

Checkpoints differ in the order of their labels, so what each output means is read from the names in `id2label`; names
such as LABEL_0 say nothing and are refused, unless the option `labels` says it. One that only knows "not supported"
never says contradiction: what it does not bear out is neutral, and its contradiction is 0 throughout.

A folder whose config.json says `"token_kinds": "unmatched"`, as our recipe's does, is shown by the kinds of tokens, in
place of which text each is of, the tokens of the hypothesis that its premise has not.

A premise longer than the model's context is read in pieces that overlap. Of these the one that entails most speaks, if
it entails more than it contradicts; else the one that contradicts most.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.errors import ModelError
from audit.files import canonical, sha256
from audit.models.files import model_files, read_json, require_safetensors
from audit.models.folder import ModelOnDisk
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.text.verifying import Verifier

__all__ = ["TOKEN_KINDS", "UNMATCHED", "Meaning", "VerifierFolder", "meanings_of", "unmatched"]

Meaning = Literal["entailment", "neutral", "contradiction"]
_ORDER: tuple[Meaning, ...] = ("entailment", "neutral", "contradiction")
_NAMES: Mapping[Meaning, str] = {
    "entailment": "entailment entail entails entailed support supports supported consistent faithful factual grounded"
    " attributable",
    "neutral": "neutral notenoughinfo nei unsupported notsupported notentailment nonentailment hallucinated"
    " hallucination inconsistent unfaithful nonfactual notfactual ungrounded notattributable",
    "contradiction": "contradiction contradict contradicts contradictory refute refutes refuted conflict conflicting",
}
"""What the names of labels mean, letters alone. That something is not supported does not say that it is refuted."""
_MEANS: Mapping[str, Meaning] = {word: meaning for meaning, words in _NAMES.items() for word in words.split()}
TOKEN_KINDS, UNMATCHED = "token_kinds", "unmatched"
"""Entry of config.json and its one value; absent = kinds of tokens are the tokenizer's."""
_HEADS = ("ForSequenceClassification", "ForTokenClassification")


@immutable
class VerifierFolder(ModelOnDisk):
    """A network of transformers that reads two texts: NLI, a judge of support, or a marker of made-up tokens."""

    path: Path
    """Folder with config.json, safetensors and tokenizer."""
    labels: list[Meaning] | None = None
    """What each output means, in the order of the outputs; absent = read from the names in `id2label`."""
    batch_tokens: int = 4096
    """Most tokens of a forward pass, padding included."""

    family: ClassVar[str] = "verifier"
    modality: ClassVar[str] = "text"
    at_least_one: ClassVar[tuple[str, ...]] = ("threads", "batch_tokens")

    def fingerprint(self) -> str:
        """Return the digest of the files' content and of what the outputs mean; raises ModelError."""
        return sha256(canonical([self.family, model_files(self._folder()), self.labels]))

    def open(self) -> Verifier:
        """Read the weights and return the model; raises ModelError."""
        folder = self._folder()
        require_safetensors(folder)
        head, meanings = self._head(folder)
        device, numerics = self.settle()
        import transformers

        from audit.models.text.verifying import Reader, TokenVerifier, Verifier
        from audit.models.text.weights import open_folder

        network, tokenizer = open_folder(folder, "float32", getattr(transformers, f"AutoModel{head}"))
        kinds = getattr(network.config, TOKEN_KINDS, None)
        if kinds not in (None, UNMATCHED):
            raise ModelError(f"{folder}: {TOKEN_KINDS} is {str(kinds)[:60]!r}; allowed: {UNMATCHED!r}, or none")
        kinds_of = None if kinds is None else unmatched
        reader = Reader(network.to(device), tokenizer, self.shown_name, self.batch_tokens, meanings, kinds_of)
        opened = TokenVerifier if head == _HEADS[1] else Verifier
        return opened(self.shown_name, self.fingerprint(), numerics, reader)

    def _folder(self) -> Path:
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such folder; allowed: a folder with safetensors")
        return self.path

    def _head(self, folder: Path) -> tuple[str, tuple[int, ...]]:
        """Return (kind of head, column of each output); raises ModelError."""
        config = read_json(folder / "config.json")
        kind = str((config.get("architectures") or ["nothing"])[0])
        head = next((ending for ending in _HEADS if kind.endswith(ending)), None)
        if head is None:
            raise ModelError(f"{folder}: holds a {kind}; allowed: {' or '.join(f'...{ending}' for ending in _HEADS)}")
        named = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
        if not isinstance(named, dict) or set(named) != {str(i) for i in range(len(named))}:
            raise ModelError(f"{folder}: id2label is {str(named)[:100]}; allowed: a name for each of 0, 1, 2, ...")
        return head, meanings_of(folder, [str(named[str(i)]) for i in range(len(named))], self.labels, head)


def meanings_of(folder: Path, names: Sequence[str], given: Sequence[Meaning] | None, head: str) -> tuple[int, ...]:
    """Return the column (0 entailment, 1 neutral, 2 contradiction) of each output, by what is given or by its name.

    Raises ModelError for names that say nothing, and for outputs that do not tell support from the lack of it.
    """
    if given is not None and len(given) != len(names):
        raise ModelError(f"{folder}: labels names {len(given)} outputs; it has {len(names)}")
    meant = [_MEANS.get(re.sub(r"[\W_\d]+", "", name).lower()) for name in names] if given is None else list(given)
    told = ", ".join(names)
    if None in meant:
        allowed = "names such as entailment or supported, or the option `labels`, one of entailment, neutral and "
        raise ModelError(f"{folder}: its labels are {told}, which do not say what they mean; allowed: {allowed}"
                         "contradiction for each")  # fmt: skip
    columns = tuple(_ORDER.index(one) for one in meant if one is not None)
    alone = columns == (0,) and head == _HEADS[0]
    if not alone and (len(columns) < 2 or columns.count(0) != 1 or len(set(columns)) < 2):
        raise ModelError(f"{folder}: its labels are {told}; allowed: one that means entailment, and others beside it")
    return columns


def unmatched(ids: Sequence[int], kinds: Sequence[int]) -> list[int]:
    """Return 1 for the tokens of the second text that the first has not, 0 for all others.

    kinds: 0 for the tokens of the first text and marks around it, 1 for those of the second.
    """
    there = {one for one, kind in zip(ids, kinds, strict=True) if kind == 0}
    return [int(kind == 1 and one not in there) for one, kind in zip(ids, kinds, strict=True)]
