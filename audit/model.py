"""The words for models: an ability is a small protocol, and a model has the abilities it satisfies.

    P(X)    CanSample draws from it, CanScore evaluates it, CanTrace evaluates it element by element
    P(Y|X)  CanPredict evaluates it; CanVerify does for the three ways in which one text can stand to another

All methods are synchronous and batched. Tensors may be returned; `audit.ask.questions` turns them into frames.
An item of a text model is a `str`, a `Continuation` or a `Pair`; of an image or series model an array without batch
axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

__all__ = [
    "ABILITIES", "Baseline", "CanAttribute", "CanBiasLogits", "CanCompute", "CanDecode", "CanDenoise",
    "CanDifferentiate", "CanDiscriminate", "CanEmbed", "CanEncode", "CanLocate", "CanLogits", "CanNameAlternatives",
    "CanPredict", "CanPseudoTrace", "CanSample", "CanScore", "CanStart", "CanTokenise", "CanTrace", "CanVerify",
    "Continuation", "Hidden", "Item", "LikelihoodKind", "Model", "ModelSource", "Pair", "Parted", "Sample",
    "TextWatermark", "Verifiable", "abilities_of", "fingerprint_of",
]

LikelihoodKind = Literal["exact", "lower_bound", "estimate"]
Hidden = Literal["token", "word", "none"]
"""What a masked model does not see of the token it is asked about: the token, also what follows in its word, nothing.
"""

Baseline = Literal["zero", "mean"]
"""How a part of a prompt says nothing: no embedding at all, or the mean of the vocabulary's for every token."""


@immutable
class Continuation:
    """`text` standing after `prompt`; its score is log p(text | prompt). In chat form the prompt is the user's turn."""

    prompt: str
    text: str


@immutable
class Parted(Continuation):
    """A continuation, and the parts of its prompt that are asked about."""

    parts: tuple[tuple[int, int], ...]
    """(first, one behind the last) character of each in the prompt, ascending, apart from one another."""


@immutable
class Pair:
    """A text that is given, and one that is asked about: does the first bear out the second?"""

    premise: str
    hypothesis: str


Item = Any
"""`str`, `Continuation`, `Pair`, a NumPy array without batch axis, or a row of a table: column -> number or text."""


@immutable
class Sample:
    """One draw of a model."""

    content: Any
    """`str` for text, array without batch axis otherwise."""
    finish: str = "stop"
    """`stop` (the model ended), `length` (cut at the limit), `error` (see `problem`)."""
    elements: int | None = None
    """Tokens, pixels or steps drawn; None where the model does not tell."""
    problem: str | None = None
    """Why there is no content, e.g. `no answer within 60 s`; only with finish `error`."""
    changed: float | None = None
    """Of a text with a mark, the share of its tokens that reading it again does not give; None = not looked at."""


@runtime_checkable
class Model(Protocol):
    """What every opened model has."""

    name: str
    family: str
    """`causal_lm`, `endpoint`, `table`, `classifier`, `vae`, ..."""
    modality: str
    """`text`, `image`, `series`, `tabular`."""
    fingerprint: str
    """`sha256:...` of weights, tokenizer and settings that change answers; ends in ` (unverifiable)` for endpoints."""


@runtime_checkable
class CanSample(Protocol):
    """Draws from P(X) or P(X | prompt)."""

    def sample(self, prompts: Sequence[str | None], *, seed: int, **sampling: Any) -> list[Sample]:
        """Return one draw per prompt, in order; prompt None is unconditional.

        Text models take `max_tokens` (64), `temperature` (0 = most likely token), `top_p` (1), `stop` (strings).
        The same seed, prompts and settings give the same draws. A model that also takes `numbers` [prompt] is told
        which draw of its prompt each one is, counted over a whole check (None: over this call), and a draw of it
        depends on seed, prompt and number alone; any other gets another seed for every shard.
        """


@runtime_checkable
class CanScore(Protocol):
    """Evaluates log P(X)."""

    def log_prob(self, items: Sequence[Item]) -> tuple[Sequence[float] | np.ndarray | torch.Tensor, LikelihoodKind]:
        """Return (nats [item], kind): the sum over scored elements; NaN where an item could not be scored."""


@runtime_checkable
class CanTrace(Protocol):
    """Evaluates log P element by element."""

    def trace(self, items: Sequence[Item]) -> list[pd.DataFrame]:
        """Return a frame per item with one row per element: `element, log_prob, entropy, variance, rank`.

        Nats; rank counts from 1; an unconditioned first element is NaN in all four. Of a `Continuation` only `text`
        has rows.
        """


@runtime_checkable
class CanPseudoTrace(Protocol):
    """Evaluates log P of each element given all others, as masked language models do."""

    def pseudo_trace(
        self, items: Sequence[Item], *, hidden: Hidden = "token", attention: bool = False
    ) -> list[pd.DataFrame]:
        """Return a frame per text with one row per element: `element, log_prob`, and where asked for `attention`.

        Nats; an element that is none of the text's own, such as the one it begins with, is NaN. attention: the mean
        over layers, heads and elements of what they give this one; NaN where the model does not tell it.
        """


@runtime_checkable
class CanEncode(Protocol):
    """Maps data to a Gaussian over latents."""

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (mean, std), each [item, latent], for x [item, ...]."""


@runtime_checkable
class CanDecode(Protocol):
    """Maps latents to a distribution over data."""

    def decode(self, z: torch.Tensor) -> torch.distributions.Distribution:
        """Return p(x | z) for z [item, latent], so that the likelihood is never in doubt."""


@runtime_checkable
class CanDenoise(Protocol):
    """Predicts the noise in x_t = alpha_t x + sigma_t eps."""

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return eps [item, ...] for x_t [item, ...] at times t [item] in [0, 1]."""

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item], at times t [item] in [0, 1]."""


@runtime_checkable
class CanDiscriminate(Protocol):
    """A critic: tells data from samples."""

    def discriminate(self, x: Sequence[Item]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logit [item], features [item, dim]); higher = more like data."""


@runtime_checkable
class CanPredict(Protocol):
    """Evaluates P(Y | X)."""

    classes: Sequence[str]

    def predict(self, x: Sequence[Item]) -> np.ndarray | torch.Tensor:
        """Return probabilities [item, class]; rows sum to one."""


@runtime_checkable
class CanLogits(Protocol):
    """A classifier that also shows what stands before its softmax; log sum exp of it is the (negated) energy."""

    def logits(self, x: Sequence[Item]) -> np.ndarray | torch.Tensor:
        """Return [item, class], the softmax of which is `predict`."""


@runtime_checkable
class CanEmbed(Protocol):
    """Maps items to vectors."""

    def embed(self, items: Sequence[Item]) -> np.ndarray | torch.Tensor:
        """Return [item, dim]."""


@runtime_checkable
class CanVerify(Protocol):
    """Tells whether a text bears out another."""

    def verify(self, pairs: Sequence[Pair]) -> np.ndarray | torch.Tensor:
        """Return probabilities [pair, 3] of entailment, neutral and contradiction, in this order; rows sum to one.

        A row is NaN where the pair could not be read, such as a hypothesis longer than the model's context. A premise
        that is longer is read in pieces and never cut: a model that does so has `pieces(pairs)` too, which returns how
        many there are [pair]. One that marks what is made up has `marked(pairs)` too: the same probabilities, and of
        each pair the (first, one behind the last) characters of the hypothesis.
        """


@runtime_checkable
class CanTokenise(Protocol):
    """Reads a text as tokens; a record does not list this ability, nor the next two."""

    vocabulary: int
    """How many logits it has for a token."""

    def tokenise(self, texts: Sequence[str]) -> Sequence[Sequence[int]]:
        """Return the ids of every text, with nothing put before or behind them."""


@runtime_checkable
class CanLocate(Protocol):
    """Tells where in a text each element of its trace stands."""

    def spans(self, items: Sequence[Item]) -> Sequence[np.ndarray]:
        """Return per item integers [element, 4]: (start, end, bytes, scored), without evaluating the network.

        The characters of the text that it touches, those of an emoji several times; its UTF-8 bytes, which sum to those
        of the text; 1 where it has a probability, else 0.
        """


@runtime_checkable
class CanNameAlternatives(Protocol):
    """Tells what else could have stood at each element; a record does not list this ability either."""

    def alternatives(self, items: Sequence[Item], *, k: int) -> list[pd.DataFrame]:
        """Return a frame per item with a row per element of its trace: `element`, `alternatives`, `log_probs`.

        The last two are lists: the texts of the k likeliest elements of the place, likeliest first, and their nats;
        null where nothing stands before.
        """


@runtime_checkable
class CanAttribute(Protocol):
    """Tells by gradients what tokens in parts of a prompt add to log p of the text behind it; no record lists it."""

    def attributions(self, items: Sequence[Parted], *, baseline: Baseline, steps: int) -> pd.DataFrame:
        """Return a row an item: `part` and `nats` (lists, a token in a part each), `log_prob`, `baseline_log_prob`.

        The place of the part in which a token begins; what it adds, by integrated gradients over so many `steps`, 0 =
        gradient x input; log p of the text, and where the parts say nothing. All null where an item could not be read
        whole.
        """


class TextWatermark(Protocol):
    """A mark that is put in while a text is drawn: a frozen dataclass of options, named in `dokimasia.watermarks`."""

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of each text's next token with the mark put in, [text, vocabulary], on their device.

        `before` holds the ids that stand before it [text][token], one or more, those of the prompt first. `logits` are
        what the token would be drawn from: scaled by temperature, -inf where it cannot be drawn. A mark that chooses
        the token itself returns -inf for all others.
        """


@runtime_checkable
class CanBiasLogits(Protocol):
    """Draws from P(X) with something added to the logits of every token."""

    def sample_marked(
        self, prompts: Sequence[str | None], *, mark: TextWatermark, seed: int, numbers: Sequence[int], **sampling: Any
    ) -> list[Sample]:
        """Return one draw per prompt as `CanSample.sample` does, told its `numbers`, with the mark put in."""


@runtime_checkable
class CanStart(Protocol):
    """Draws from noise that it is given, in which a mark may be; a record does not list this ability."""

    noise_shape: tuple[int, ...]
    """Of the noise that a draw begins with."""

    def sample_from(
        self, noise: np.ndarray, *, seed: int, numbers: Sequence[int] | None = None, **sampling: Any
    ) -> list[Sample]:
        """Return what `CanSample.sample` makes of noise [item, *noise_shape]: its draws, where that is N(0, 1).

        seed and numbers are of what is drawn after it, such as x from p(x | z).
        """

    def prepare(self, items: Sequence[Item]) -> torch.Tensor:
        """Return items [item, ...] as its other methods take them."""


@runtime_checkable
class CanCompute(Protocol):
    """Is computed here, so that its weights are at hand; a record does not list this ability."""

    numerics: Mapping[str, Any]
    """What can move a result in its last digits: `device`, `dtype`, `threads`."""


@runtime_checkable
class CanDifferentiate(Protocol):
    """Marker: the methods above build a graph when gradients are enabled."""

    differentiable: Literal[True]


@runtime_checkable
class Verifiable(Protocol):
    """A model whose weights we do not hold shows who it is each time it is asked (endpoints).

    One whose answers vary by themselves also has `still(before: Mapping[str, Any]) -> bool`: whether the model answers
    that showed those facts. Without it, other facts are another model.
    """

    def identity(self) -> Mapping[str, Any]:
        """Return JSON facts that must not change during an audit: abilities, system fingerprint, canary answers."""


@runtime_checkable
class ModelSource(Protocol):
    """A frozen dataclass of options, named by an entry point in `dokimasia.models`; importing it is light."""

    family: str
    modality: str

    def fingerprint(self) -> str:
        """Return the fingerprint without loading torch or the weights into memory."""

    def open(self) -> Any:
        """Return the model; raises ModelError."""


ABILITIES: dict[str, type] = {
    "sample": CanSample,
    "log_prob": CanScore,
    "trace": CanTrace,
    "pseudo_trace": CanPseudoTrace,
    "embed": CanEmbed,
    "predict": CanPredict,
    "verify": CanVerify,
    "logits": CanLogits,
    "encode": CanEncode,
    "decode": CanDecode,
    "denoise": CanDenoise,
    "discriminate": CanDiscriminate,
    "differentiate": CanDifferentiate,
}
"""Question name -> protocol that answers it."""


def abilities_of(model: object) -> frozenset[str]:
    """Return the names of the abilities that `model` satisfies."""
    return frozenset(name for name, protocol in ABILITIES.items() if isinstance(model, protocol))


def fingerprint_of(model: Any) -> str:
    """Return the fingerprint of a model's source (files are read, weights are not loaded) or of an opened model."""
    return str(model.fingerprint() if isinstance(model, ModelSource) else model.fingerprint)
