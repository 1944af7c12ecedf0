"""How an answer is scored under masks of its sources: all questions of a shard at once, and no mask twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit.model import Continuation, Parted
from audit.probes.passages import laid_out, lines_of

if TYPE_CHECKING:
    from audit.probe import Ask
    from detectors.transparency.masks import Drawn

__all__ = ["BY_GRADIENTS", "METHODS", "Question", "ask_about", "ask_gradients", "count_tokens", "gradient_columns"]

BY_GRADIENTS = {
    "gradient_x_input": ("zero", False), "integrated_gradients": ("zero", True),
    "integrated_gradients_mean": ("mean", True),
}
"""Method by gradients -> its baseline, and whether it goes along the way from there."""
METHODS = ("contextcite", "leave_one_out", "shapley", *BY_GRADIENTS)


@dataclass
class Question:
    """A question with its answer, and what is known of the answer's likelihood."""

    prompt: str
    """With places for question and sources."""
    question: str
    sources: Sequence[str]
    text: str
    """The answer as it stands behind the prompt."""
    drawn: Drawn
    tokens: int = 0
    log_p: dict[str, float | None] = field(default_factory=dict)
    """Mask -> nats; None = could not be scored."""
    gradients: dict[str, Any] = field(default_factory=dict)
    """What methods by gradients said, column -> cell; without those that were not asked."""

    def under(self, mask: str) -> Continuation:
        """Return the answer behind the prompt with the sources of a mask."""
        kept = {place for place, bit in enumerate(mask) if bit == "1"}
        return Continuation(laid_out(self.prompt, self.question, self.sources, kept), self.text)

    def parted(self) -> Parted:
        """Return the answer behind the prompt with all sources, and where these stand."""
        parts = lines_of(self.prompt, self.question, self.sources)
        return Parted(laid_out(self.prompt, self.question, self.sources), self.text, tuple(parts))

    def cells(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {
            "tokens": self.tokens, "masks": list(self.log_p), "log_prob": list(self.log_p.values()),
            "fitted": list(self.drawn.fitted), "held_out": list(self.drawn.held_out),
            "orders": [",".join(map(str, order)) for order in self.drawn.orders], **self.gradients,
        }  # fmt: skip


def ask_about(ask: Ask, questions: Sequence[Question], masks: Sequence[Iterable[str]]) -> None:
    """Have the answers scored under these masks of each question, but for those that are known."""
    wanted = [
        (one, mask)
        for one, some in zip(questions, masks, strict=True)
        for mask in sorted({*some} - {*one.log_p}, reverse=True)
    ]
    if not wanted:
        return
    nats = ask("log_prob", [one.under(mask) for one, mask in wanted])["log_prob"].tolist()
    for (one, mask), value in zip(wanted, nats, strict=True):
        one.log_p[mask] = None if value is None or value != value else float(value)


def gradient_columns(methods: Sequence[str]) -> list[str]:
    """Return the columns of what methods by gradients say; none without a method."""
    return [name for method in methods for name in (method, f"{method}_ends")] + ["token_sources"] * bool(methods)


def ask_gradients(ask: Ask, questions: Sequence[Question], methods: Sequence[str], steps: int) -> None:
    """Have the tokens of each prompt with all sources weighed by each of these methods."""
    for method in methods if questions else ():
        baseline, along = BY_GRADIENTS[method]
        told = ask("token_attributions", [one.parted() for one in questions], baseline=baseline,
                   steps=steps if along else 0)  # fmt: skip
        rows = zip(*(told[name] for name in ("part", "nats", "log_prob", "baseline_log_prob")), strict=True)
        for one, (part, nats, *ends) in zip(questions, rows, strict=True):
            if nats is not None:
                one.gradients |= {"token_sources": list(part), method: list(nats), f"{method}_ends": ends}


def count_tokens(ask: Ask, questions: Sequence[Question]) -> None:
    """Have the tokens of the answers counted."""
    import numpy as np

    if not questions:
        return
    told = ask("trace", [one.under("1" * len(one.sources)) for one in questions])
    counts = np.bincount(told["item"].to_numpy()[told["log_prob"].notna()], minlength=len(questions))
    for one, tokens in zip(questions, counts.tolist(), strict=True):
        one.tokens = tokens
