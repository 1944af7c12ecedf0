"""Classifiers, for contrast with generative models: P(Y | X) says nothing of P(X).

    predict(x) -> [item, class], rows sum to one

A scikit-learn object comes as .skops, a network for text as a folder of transformers; in Python one wraps the object.
"""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import ModelError
from audit.files import canonical, open_regular, sha256
from audit.model import Item
from audit.models.files import PICKLED, digest_once, model_files, require_safetensors
from audit.models.folder import ModelOnDisk
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["Classifier", "ClassifierFile", "TextClassifier", "check_labels", "wrap_classifier"]

Modality = Literal["text", "tabular"]
_ROOM, _SWELLING, _TREE = 1 << 28, 8, 1 << 24
"""Bytes that a .skops file may unpack to, or else so many times its own size; bytes of the tree of its types."""
_TOKENS = 8192
"""Tokens of a batch at most."""


@immutable
class ClassifierFile(ModelOnDisk):
    """A .skops file, or a folder with a transformers network for sequence classification."""

    path: Path
    """The file or folder; pickles are refused, because opening one can run code."""
    modality: Modality = "text"
    """What an item is: a text, or a row of features; an image is the row of its pixels, channel by channel."""
    classes: list[str] | None = None
    """Names of the classes, in the order of the model's outputs; absent = as the model names them."""
    trusted: list[str] = field(default_factory=list)
    """Types in a .skops file that you vouch for, besides those of scikit-learn, NumPy and SciPy, e.g. `mine.Scaler`."""
    max_length: int | None = None
    """Tokens at which a text is cut before a network reads it; absent = what the network can take."""

    family: ClassVar[str] = "classifier"
    at_least_one: ClassVar[tuple[str, ...]] = ("max_length", "threads")

    def fingerprint(self) -> str:
        """Return the digest of the files and of the options that change answers; raises ModelError."""
        self._refuse()
        files = model_files(self.path) if self.path.is_dir() else {"skops": digest_once(self.path)}
        return sha256(canonical([files, self.classes, self.max_length, self.modality]))

    def open(self) -> Classifier | TextClassifier:
        """Return the classifier; raises ModelError for a pickle, an unknown type and whatever cannot be read."""
        self._refuse()
        return self._open_folder() if self.path.is_dir() else self._open_skops()

    def _refuse(self) -> None:
        """Raise ModelError for what is not there or is never opened."""
        allowed = "allowed: a .skops file, or a folder with safetensors"
        if not self.path.exists():
            raise ModelError(f"{self.path}: no such file or folder; {allowed}")
        if self.path.is_dir():
            self._refuse_folder()
        elif self.path.suffix.lower() in PICKLED:
            raise ModelError(f"{self.path}: a {self.path.suffix} file can run code when opened; {allowed}")
        elif self.path.suffix != ".skops":
            raise ModelError(f"{self.path}: is no classifier; {allowed}")

    def _refuse_folder(self) -> None:
        """Raise ModelError for weights that are pickled, or that lie where the fingerprint does not see them."""
        require_safetensors(self.path)
        if self.modality != "text":
            raise ModelError(f"{self.path}: a folder's network reads text; got modality {self.modality!r}")

    def _open_skops(self) -> Classifier:
        import skops.io

        _require_room(self.path)
        try:
            unknown = sorted(set(skops.io.get_untrusted_types(file=self.path)) - set(self.trusted))
            obj = None if unknown else skops.io.load(self.path, trusted=self.trusted)
        except Exception as error:
            raise _unreadable(self.path, error) from None
        if unknown:
            raise ModelError(f"{self.path}: holds types that `trusted` does not name: {', '.join(unknown)}")
        facts = {"name": self.name or self.path.stem, "fingerprint": self.fingerprint()}
        return Classifier(obj, **facts, classes=self.classes, modality=self.modality)

    def _open_folder(self) -> TextClassifier:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        from audit.models.building import counted
        from audit.models.text.weights import config_of

        logging.disable_progress_bar()
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            config = config_of(self.path)
            check_labels(self.path, config, "ForSequenceClassification")
            tokenizer = AutoTokenizer.from_pretrained(self.path, **local)
            options = {**local, "config": config, "use_safetensors": True, "dtype": torch.float32}
            with counted(self.path):
                network, found = AutoModelForSequenceClassification.from_pretrained(
                    self.path, output_loading_info=True, **options
                )
        except ModelError:
            raise
        except Exception as error:
            raise _unreadable(self.path, error) from None
        if absent := sorted(found["missing_keys"]):
            raise ModelError(f"{self.path}: has no weights for {', '.join(absent)}")
        return TextClassifier(self, network, tokenizer)


def check_labels(path: Path, config: Any, ending: str) -> None:
    """Raise ModelError where a network of transformers is none that gives one distribution over classes.

    ending: of the names of networks that are allowed, e.g. `ForSequenceClassification`.
    """
    kind = (config.architectures or ["nothing"])[0]
    if not kind.endswith(ending):
        raise ModelError(f"{path}: holds a {kind}; allowed: ...{ending}")
    if config.num_labels < 2 or config.problem_type not in (None, "single_label_classification"):
        what = f"{config.num_labels} label(s), problem type {config.problem_type}"
        raise ModelError(f"{path}: has {what}; allowed: one of several classes an item")
    if set(config.id2label) != set(range(config.num_labels)):
        raise ModelError(f"{path}: id2label numbers {sorted(config.id2label)}; allowed: 0, 1, 2, ...")


class Classifier:
    """An object with `predict_proba(x) -> [item, class]`, such as scikit-learn's."""

    family = "classifier"

    def __init__(
        self, obj: Any, *, name: str, fingerprint: str, classes: Sequence[str] | None, modality: Modality
    ) -> None:
        if not hasattr(obj, "predict_proba"):
            raise ModelError(f"{name}: a {type(obj).__name__} has no predict_proba; allowed: what gives probabilities")
        self.name, self.fingerprint, self.modality = name, fingerprint, modality
        self._obj = obj
        self.classes = _named(name, getattr(obj, "classes_", None), classes)

    def predict(self, x: Sequence[Item]) -> np.ndarray:
        """Return probabilities [item, class] of texts or of rows of features; raises ModelError for another shape."""
        import numpy as np

        if not len(x):
            return np.empty((0, len(self.classes)))
        got = np.asarray(self._obj.predict_proba(self._rows(x)), dtype=float)
        wanted = (len(x), len(self.classes))
        if got.shape != wanted:
            raise ModelError(f"{self.name}: predict_proba gave shape {got.shape}; allowed: {wanted}")
        return got

    def _rows(self, x: Sequence[Item]) -> Any:
        import numpy as np

        columns, wanted = (getattr(self._obj, name, None) for name in ("feature_names_in_", "n_features_in_"))
        if self.modality == "text":
            if kinds := sorted({type(item).__name__ for item in x if not isinstance(item, str)}):
                want = "rows of features want `modality: tabular`"
                raise ModelError(f"{self.name}: reads text; got a {kinds[0]}; {want}")
            return list(x)
        if isinstance(x[0], dict):
            return self._table(x, columns)
        shapes = {np.shape(item) for item in x}
        if len(shapes) > 1:
            told = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
            raise ModelError(f"{self.name}: items have shapes {told}; allowed: one shape")
        rows = np.stack([np.ravel(item) for item in x])
        if wanted is not None and rows.shape[1] != wanted:
            got = f"{rows.shape[1]} numbers (shape {list(shapes.pop())})"
            raise ModelError(f"{self.name}: an item has {got}; allowed: {wanted}")
        if columns is None:
            return rows
        import pandas as pd

        return pd.DataFrame(rows, columns=list(columns))

    def _table(self, x: Sequence[Item], columns: Sequence[str] | None) -> Any:
        """Return rows that are mappings as a frame, with the columns that the object learnt from, in their order."""
        import pandas as pd

        rows = pd.DataFrame(list(x))
        wanted = list(rows.columns if columns is None else columns)
        if absent := [name for name in wanted if name not in rows]:
            raise ModelError(f"{self.name}: a row has no {', '.join(map(str, absent))}; allowed: {', '.join(wanted)}")
        return rows[wanted]


class TextClassifier:
    """A network that reads tokens; texts of equal length run together, so nothing is padded."""

    family = "classifier"
    modality = "text"

    def __init__(self, part: ClassifierFile, network: Any, tokenizer: Any) -> None:

        self.name, self.fingerprint = part.shown_name, part.fingerprint()
        labels = network.config.id2label
        self.classes = _named(self.name, [labels[i] for i in range(network.config.num_labels)], part.classes)
        self._device, self.numerics = part.settle()
        self._network = network.to(self._device).eval().requires_grad_(False)
        self._network.config.pad_token_id = -1  # no token is padding, so the last one is always the text's own
        limits = (part.max_length, tokenizer.model_max_length, getattr(network.config, "max_position_embeddings", None))
        self._tokenizer, self._max_length = tokenizer, min(limit for limit in limits if limit is not None)

    def predict(self, x: Sequence[Item]) -> torch.Tensor:
        """Return probabilities [item, class]; long texts are cut. ModelError for what is no text or has no token."""
        import torch

        probabilities = torch.empty(len(x), len(self.classes))
        with torch.inference_mode():
            for places, ids in self._batches(x):
                batch = torch.tensor(ids, device=self._device)
                logits = self._network(input_ids=batch, attention_mask=torch.ones_like(batch)).logits
                probabilities[places] = logits.softmax(-1).cpu()
        return probabilities

    def _batches(self, x: Sequence[Item]) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Yield (positions, token ids [text, token]) of texts with equally many tokens."""
        for item in x:
            if not isinstance(item, str):
                raise ModelError(f"{self.name}: reads text; got a {type(item).__name__}")
        ids = self._tokenizer(list(x), truncation=True, max_length=self._max_length)["input_ids"] if len(x) else []
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, tokens in enumerate(ids):
            by_length[len(tokens)].append(place)
        if 0 in by_length:
            raise ModelError(f"{self.name}: {x[by_length[0][0]]!r} has no token; allowed: text that has")
        for length, places in by_length.items():
            size = max(1, _TOKENS // length)
            for start in range(0, len(places), size):
                chosen = places[start : start + size]
                yield chosen, [ids[place] for place in chosen]


def wrap_classifier(
    obj: Any, *, name: str, classes: Sequence[str] | None = None, modality: Modality = "tabular"
) -> Classifier:
    """Return an object with `predict_proba` as a model; its fingerprint is the digest of its state.

    `classes` names the outputs in order; without it the object's `classes_` do. Raises ModelError where neither is
    there or the state cannot be written out.
    """
    import pickle

    try:
        state = pickle.dumps(obj, protocol=5)  # written for its digest only; nothing here reads one
    except Exception as error:
        raise ModelError(f"{name}: its state cannot be written out, so it has no fingerprint ({error})") from None
    fingerprint = sha256(canonical([sha256(state), list(classes) if classes is not None else None, modality]))
    return Classifier(obj, name=name, fingerprint=fingerprint, classes=classes, modality=modality)


def _named(name: str, own: Sequence[Any] | None, given: Sequence[str] | None) -> list[str]:
    """Return the names of the classes: those given, else the model's own."""
    named = own if given is None else given
    if named is None:
        raise ModelError(f"{name}: does not say what its classes are; name them with `classes`")
    if own is not None and len(own) != len(named):
        raise ModelError(f"{name}: {len(named)} classes are named; it has {len(own)}")
    return [str(one) for one in named]




def _require_room(path: Path) -> None:
    """Raise ModelError for a .skops file, a zip, that unpacks to more than any classifier needs or swells by it."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as packed:
            sizes = [one.file_size for one in packed.infolist()]
            tree = packed.getinfo("schema.json").file_size
    except (OSError, ValueError, LookupError, NotImplementedError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None
    most = max(_ROOM, _SWELLING * path.stat().st_size)
    if sum(sizes) > most or tree > _TREE:
        told = f"unpacks to {sum(sizes):,} bytes, its types to {tree:,}; allowed: {most:,} and {_TREE:,}"
        raise ModelError(f"{path}: {told}")


def _unreadable(path: Path, error: Exception) -> ModelError:
    return ModelError(f"{path}: cannot be opened ({type(error).__name__}: {' '.join(str(error).split())[:200]})")
