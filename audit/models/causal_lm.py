"""A causal language model: log p(x) = sum_t log p(x_t | x_<t), exact, token by token.

    model: {use: causal_lm, path: ./model}            a folder with config.json, safetensors and a tokenizer
    model: {use: causal_lm, path: ./model.gguf}       or a GGUF file, unpacked at opening
    model: {use: causal_lm, path: ./large, quantise: int8, device_map: auto}     `audit.models.text.placing`

A first token that nothing stands before has no probability: it is NaN in a trace and left out of sums. A text longer
than the model's context is scored in windows; see `audit.models.text.windows`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import ModelError
from audit.files import canonical, sha256
from audit.model import Baseline, Item, LikelihoodKind, Parted, Sample, TextWatermark
from audit.models.files import digest_once, model_files, require_safetensors
from audit.models.folder import ModelOnDisk
from audit.models.text.placing import DeviceMap, Quantised
from audit.models.threads import set_threads
from audit.numbering import entropy, numbers_of
from audit.processor import multiplies_bfloat16
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.models.text.encoding import Encoder
    from audit.models.text.sampling import Sampling
    from audit.models.text.scoring import Scorer
    from audit.models.text.windows import Windows

__all__ = ["CausalLM", "CausalLMFolder"]

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


@immutable
class CausalLMFolder(ModelOnDisk):
    """Options of a causal language model on disk."""

    path: Path
    """Folder with config.json, safetensors and tokenizer; or a .gguf file, or a folder with exactly one."""
    dtype: Dtype = "auto"
    """Number format; `auto` = bfloat16 on a GPU and on a processor with instructions for it, else float32."""
    prompt_form: Literal["raw", "chat"] = "raw"
    """`raw` = the model goes on from the prompt; `chat` = the prompt is a user's turn of the chat template."""
    system: str | None = None
    """System message, in chat form only."""
    batch_tokens: int = 2048
    """Most tokens of a forward pass, padding included."""
    stride: int | None = None
    """Tokens by which windows over a text that is longer than the model's context move on; absent = half of it."""
    quantise: Quantised | None = None
    """Weights in fewer bits, made at opening: `int8`, `int4` by torchao, `nf4` by bitsandbytes; it is another model."""
    device_map: DeviceMap | None = None
    """`auto` = layers over all GPUs, then the processor's memory; `disk` = the rest is read from disk at every pass."""

    family: ClassVar[str] = "causal_lm"
    modality: ClassVar[str] = "text"
    at_least_one: ClassVar[tuple[str, ...]] = ("threads", "batch_tokens")

    def __post_init__(self) -> None:
        """Refuse options that contradict one another."""
        if self.system is not None and self.prompt_form != "chat":
            raise ValueError(f"system goes with prompt_form chat; got prompt_form {self.prompt_form}")
        if self.quantise is not None and self.device_map == "disk":
            raise ValueError(f"quantise {self.quantise} with device_map disk, whence weights come whole; allowed: auto")
        super().__post_init__()

    def fingerprint(self) -> str:
        """Return the digest of the files' content and of the options that change answers; raises ModelError."""
        source = self._source()
        files = {"model.gguf": digest_once(source)} if source.is_file() else model_files(source)
        options: list[Any] = [self._settled()[1], self.prompt_form, self.system]
        options += [] if self.stride is None else [self.stride]
        options += [] if self.quantise is None else [{"quantise": self.quantise}]
        return sha256(canonical([self.family, files, options]))

    def open(self) -> CausalLM:
        """Read the weights and return the model; raises ModelError."""
        source = self._source()
        device, dtype = self._settled()
        import torch

        from audit.models.text.network import CausalNetwork
        from audit.models.text.placing import Holding, check_fits
        from audit.models.text.scoring import Scorer
        from audit.models.text.weights import open_folder, open_gguf

        if device == "cuda" and not torch.cuda.is_available():
            asked = f"{self.shown_name}: device {self.device}"
            raise ModelError(f"{asked} is a GPU here, which torch cannot use; allowed: cpu")
        holding = Holding(dtype, device, self.quantise, self.device_map)
        numerics = {"device": device, "dtype": dtype, "threads": set_threads(self.threads)}
        numerics |= {key: told for key in ("quantise", "device_map") if (told := getattr(self, key)) is not None}
        if source.is_file():
            model, tokenizer, weights = open_gguf(source, dtype, digest_once(source))
        else:
            weights = "safetensors" if holding.library is None else f"{self.quantise} by {holding.library}"
            check_fits(self.shown_name, source, holding)
            model, tokenizer = open_folder(source, dtype, holding=holding)
        encoder = self._encoder(model, tokenizer)
        placed = model if holding.options else model.to(device)
        scorer = Scorer(CausalNetwork(placed), self.batch_tokens, self._windows(encoder.limit))
        return CausalLM(self.shown_name, self.fingerprint(), numerics, encoder, scorer, weights)

    def _source(self) -> Path:
        """Return the GGUF file, or the folder with safetensors."""
        if not self.path.exists():
            raise ModelError(f"{self.path}: not there; allowed: a folder with safetensors, or a .gguf file")
        if self.path.is_file():
            if self.path.suffix != ".gguf":
                raise ModelError(f"{self.path}: a {self.path.suffix or 'plain'} file; allowed: .gguf, or a folder")
            return self._whole(self.path)
        packed = sorted(self.path.glob("*.gguf"))
        if not packed or any(self.path.glob("*.safetensors")):
            require_safetensors(self.path)
            return self.path
        if len(packed) > 1:
            raise ModelError(f"{self.path}: {len(packed)} GGUF files; give the path of one, such as {packed[0].name}")
        return self._whole(packed[0])

    def _whole(self, file: Path) -> Path:
        """Return a GGUF file; ModelError where it should be quantised or spread, which unpacking knows nothing of."""
        for option in ("quantise", "device_map"):
            if (asked := getattr(self, option)) is not None:
                raise ModelError(f"{file}: {option} {asked} of a GGUF file; allowed: a folder with safetensors")
        return file

    def _settled(self) -> tuple[str, str]:
        """Return (device, dtype) with `auto` replaced, without torch."""
        device = ("cuda" if _gpu() else "cpu") if self.device == "auto" else self.device
        if self.dtype != "auto":
            return device, self.dtype
        return device, "bfloat16" if device == "cuda" or multiplies_bfloat16() else "float32"

    def _windows(self, limit: int | None) -> Windows | None:
        from audit.models.text.windows import Windows

        if limit is None:
            return None
        stride = limit // 2 if self.stride is None else self.stride
        if not 0 < stride < limit:
            allowed = f"1 to {limit - 1:,}, as the model's context holds {limit:,}"
            raise ModelError(f"{self.shown_name}: stride {stride:,} tokens; allowed: {allowed}")
        return Windows(limit, stride)

    def _encoder(self, model: Any, tokenizer: Any) -> Encoder:
        from audit.models.text.chat import ChatTemplate
        from audit.models.text.encoding import Encoder

        chat = None
        if self.prompt_form == "chat":
            if not tokenizer.chat_template:
                raise ModelError(f"{self.shown_name}: the tokenizer has no chat template; allowed: prompt_form raw")
            chat = ChatTemplate(tokenizer.get_chat_template(), tokenizer.special_tokens_map, self.system)
        limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        start = next((i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id) if i is not None), None)
        return Encoder(tokenizer, self.shown_name, limit, start, chat)


@immutable
class CausalLM:
    """An opened causal language model; a plain `str` is scored as it stands, in raw form and in chat form."""

    name: str
    fingerprint: str
    numerics: dict[str, Any]
    """What can move a result in its last digits: device, dtype, threads."""
    encoder: Encoder
    scorer: Scorer
    weights: str = "safetensors"
    """How they are stored; a GGUF file's number formats follow, such as `GGUF Q4_1, F32`."""

    family: ClassVar[str] = "causal_lm"
    modality: ClassVar[str] = "text"

    @property
    def windows(self) -> list[int] | None:
        """Tokens of the windows in which longer texts are read, and by how many each moves on; None = read whole."""
        windows = self.scorer.windows
        return None if windows is None else [windows.limit, windows.stride]

    @property
    def unused_chat_template(self) -> bool:
        """Whether prompts are given raw to a tokenizer that has a chat template."""
        return self.encoder.chat is None and bool(getattr(self.encoder.tokenizer, "chat_template", None))

    @property
    def vocabulary(self) -> int:
        """How many logits it has for a token."""
        return self.scorer.network.vocabulary

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of every text, with nothing put before or behind them."""
        return self.encoder.plain(texts)

    def sample(
        self,
        prompts: Sequence[str | None],
        *,
        seed: int,
        numbers: Sequence[int] | None = None,
        max_tokens: int = 64,
        temperature: float = 0.0,
        top_p: float = 1.0,
        stop: Sequence[str] = (),
    ) -> list[Sample]:
        """Return one draw per prompt, cut before the first of the `stop` strings; None starts from the start token.

        A draw depends on its prompt, the seed and its number (by default: how many equal prompts stand before it), not
        on how they are batched.
        """
        from audit.models.text.sampling import Sampling

        return self._drawn(prompts, Sampling(max_tokens, temperature, top_p, stop), seed, numbers)

    def sample_marked(
        self,
        prompts: Sequence[str | None],
        *,
        mark: TextWatermark,
        seed: int,
        numbers: Sequence[int] | None = None,
        **sampling: Any,
    ) -> list[Sample]:
        """Return one draw per prompt as `sample` does, with the mark put in."""
        from audit.models.text.sampling import Sampling

        return self._drawn(prompts, Sampling(**sampling, mark=mark), seed, numbers)

    def _drawn(
        self, prompts: Sequence[str | None], how: Sampling, seed: int, numbers: Sequence[int] | None
    ) -> list[Sample]:
        from audit.models.text.sampling import draw

        rows, stops = self.encoder.prompts(prompts, room=how.max_tokens), how.stop

        def ended(one: Any) -> bool:
            return bool(stops) and any(map(self.encoder.text(one.prompt, one.tokens).count, stops))

        network, limit = self.scorer.network, self.scorer.batch_tokens
        numbered = zip(prompts, numbers_of(prompts) if numbers is None else numbers, strict=True)
        seeds = [entropy(seed, prompt, number) for prompt, number in numbered]
        drawn = draw(network, rows, how, seeds=seeds, ends=self._ends(), ended=ended, batch_tokens=limit)
        texts = [_cut(self.encoder.text(one.prompt, one.tokens), stops) for one in drawn]
        samples = [Sample(text, one.finish, len(one.tokens)) for text, one in zip(texts, drawn, strict=True)]
        if how.mark is None or stops:
            return samples
        read = self.tokenise(texts)
        return [
            replace(sample, changed=_lost(one.tokens, ids))
            for sample, one, ids in zip(samples, drawn, read, strict=True)
        ]

    def log_prob(self, items: Sequence[Item]) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], `exact`): sums over scored tokens; NaN for an item with none, such as a lone token."""
        import numpy as np

        scores = self.scorer.score(self.encoder.items(items))
        return np.array([part.sum(dtype=np.float64) if len(part) else np.nan for part in scores]), "exact"

    def trace(self, items: Sequence[Item]) -> list[pd.DataFrame]:
        """Return a frame per item, a row per token of the text; `element` is the token's text; see `CanTrace`."""
        import numpy as np
        import pandas as pd

        from audit.models.text.scoring import STATISTICS

        encoded = self.encoder.items(items)
        pieces = self.encoder.pieces([token for text in encoded for token in text.ids[text.context :]])
        frames, at = [], 0
        for text, part in zip(encoded, self.scorer.score(encoded, trace=True), strict=True):
            rows = len(text.ids) - text.context
            values = np.full((rows, len(STATISTICS)), np.nan)
            values[rows - len(part) :] = part
            columns = dict(zip(STATISTICS, values.T, strict=True))
            frames.append(pd.DataFrame({"element": pieces[at : at + rows], **columns}))
            at += rows
        return frames

    def alternatives(self, items: Sequence[Item], *, k: int) -> list[pd.DataFrame]:
        """Return what else could have stood at each token of `trace`; see `audit.model.CanNameAlternatives`."""
        import numpy as np
        import pandas as pd

        encoded = self.encoder.items(items)
        found = self.scorer.score(encoded, likeliest=k)
        width = found[0].shape[1] // 2 if found else 0
        ids = [part[:, width:].astype(np.int64) for part in found]
        own = [text.ids[text.context :] for text in encoded]
        every = [*(int(i) for part in ids for i in part.flat), *(i for row in own for i in row)]
        pieces = iter(self.encoder.pieces(every))
        named = [[[next(pieces) for _ in row] for row in part] for part in ids]
        frames = []
        for text, part, names in zip(own, found, named, strict=True):
            unscored: list[Any] = [None] * (len(text) - len(part))
            frames.append(pd.DataFrame({
                "element": [next(pieces) for _ in text], "alternatives": unscored + names,
                "log_probs": unscored + part[:, :width].tolist(),
            }, dtype=object))  # fmt: skip
        return frames

    def spans(self, items: Sequence[Item]) -> list[np.ndarray]:
        """Return where the rows of `trace` stand in each text; see `audit.model.CanLocate`."""
        return self.encoder.spans(items)

    def attributions(self, items: Sequence[Parted], *, baseline: Baseline, steps: int) -> pd.DataFrame:
        """Return what the tokens in parts of a prompt add to log p of its text; see `audit.model.CanAttribute`.

        Raises ModelError for a network that is quantised or spread, whose numbers cannot be had in 32 bits.
        """
        import pandas as pd

        from audit.models.text.gradients import attributed

        for option in ("quantise", "device_map"):
            if (asked := self.numerics.get(option)) is not None:
                raise ModelError(f"{self.name}: gradients with {option} {asked}; allowed: whole weights on one device")
        texts, parts = self.encoder.items(items), self.encoder.parts(items)
        network, limit = self.scorer.network, self.encoder.limit or float("inf")
        read = [i for i, text in enumerate(texts) if 0 < text.context < len(text.ids) <= limit]
        found = attributed(
            network, [texts[i] for i in read], [parts[i] >= 0 for i in read],
            baseline=baseline, steps=steps, batch_tokens=self.scorer.batch_tokens,
        )  # fmt: skip
        rows: dict[int, list[Any]] = {i: [None] * 4 for i in range(len(items))}
        for i, one in zip(read, found, strict=True):
            rows[i] = [parts[i][parts[i] >= 0].tolist(), one.nats.tolist(), one.log_prob, one.baseline_log_prob]
        return pd.DataFrame.from_dict(rows, "index", columns=["part", "nats", "log_prob", "baseline_log_prob"])

    def embed(self, items: Sequence[Item]) -> np.ndarray:
        """Return [item, dim] float32: the mean of the last hidden states over all tokens of an item, its prompt's too.

        Raises ModelError for an item without a token, or longer than the model's context.
        """
        means: np.ndarray = self.scorer.mean_states(self.encoder.whole(items))
        return means

    def _ends(self) -> frozenset[int]:
        """Return the tokens that end a text, by the generation config and the tokenizer."""
        model = self.scorer.network.model
        told = getattr(model.generation_config, "eos_token_id", None)
        told = told if told is not None else self.encoder.tokenizer.eos_token_id
        return frozenset(told if isinstance(told, list) else [] if told is None else [told])


def _lost(drawn: Sequence[int], read: Sequence[int]) -> float | None:
    """Return the share of tokens that do not stand in the same order in what was read; None of no token."""
    from difflib import SequenceMatcher

    if not drawn or drawn == read:
        return 0.0 if drawn else None
    kept = sum(block.size for block in SequenceMatcher(None, drawn, read, autojunk=False).get_matching_blocks())
    return 1 - kept / len(drawn)


def _cut(text: str, stops: Sequence[str]) -> str:
    """Return `text` up to the first of the stop strings."""
    return text[: min([len(text), *(place for place in map(text.find, stops) if place >= 0)])]


def _gpu() -> bool:
    """Tell whether torch is built for a GPU and one is there, without importing it."""
    torch = find_spec("torch")
    if torch is None or torch.origin is None or not (Path(torch.origin).parent / "lib" / "libtorch_cuda.so").exists():
        return False
    return Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
