"""Any mark of ours in transformers' `generate()`.

    model.generate(..., logits_processor=LogitsProcessorList([MarkProcessor(LeftHash())]), do_sample=True, top_k=0)

A processor that a caller gives comes before temperature, top-k and top-p: leave them at 1, 0 and 1, or put theirs
before it in the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from audit.model import TextWatermark

__all__ = ["MarkProcessor"]


class MarkProcessor:
    """Puts a mark into the logits of every next token of a batch."""

    def __init__(self, mark: TextWatermark) -> None:
        """`mark`: any of `dokimasia.watermarks`."""
        self.mark = mark

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the marked scores [text, vocabulary] after `input_ids` [text, token], of the same number format."""
        return self.mark.marked(input_ids.tolist(), scores).to(scores.dtype)
