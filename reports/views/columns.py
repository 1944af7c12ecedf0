"""Which columns of the items and tables behind a finding come first, so that what was judged is never left out.

    id, what the item is, what the verdict's measure is made of, what its probe names, all others as stored
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.record import Finding

__all__ = ["CONTENT", "in_order", "judged_columns"]

_NAMES = ("item", "id")
CONTENT = ("image", "series", "question", "prompt", "text", "output", "more", "less", "answer", "right")
"""What an item is and what was said of it."""
_OF_PROBES: Mapping[str, Sequence[str]] = {
    "bias.representation": ("class", "confidence", "problem"),
    "bias.stereotype_pairs": ("prefers", "difference", "group", "unit", "kind", "log_prob_more", "log_prob_less"),
    "efficiency.sampling": ("seconds", "cpu_seconds", "log_prob_seconds", "elements", "threads", "load"),
    "factuality.closed_book": ("outcome", "value", "margin", "group", "value_normalised", "mc1", "mc2"),
    "factuality.judged": ("label", "judge", "verdict", "disagreement"),
    "novelty.contrast": ("role", "confidence", "nll", "critic", "denoising_loss", "value", "p_value", "mahalanobis"),
    "novelty.likelihood": ("role", "nll", "critic", "denoising_loss", "value", "p_value", "flagged", "typicality"),
    "provenance.text_mark": ("value", "p_value", "green_fraction", "green", "tokens", "tokens_needed"),
    "quality.samples": ("class", "nearest", "balls", "nearest_item", "problem"),
}
"""Probe -> its columns in order of weight; a probe that is not here has them in the order in which it stores them."""


def judged_columns(finding: Finding) -> tuple[str, ...]:
    """Return the columns that the measure of the verdict is made of; empty where the detector names none."""
    headline = finding.headline
    if headline is None:
        return ()
    ranked = headline.auroc_of or ()
    return tuple(dict.fromkeys((*((headline.mean_of,) if headline.mean_of else ()), *(name for _, name in ranked))))


def in_order(finding: Finding, names: Sequence[str]) -> list[str]:
    """Return the columns, those of most weight first."""
    wanted = (*_NAMES, *CONTENT, *judged_columns(finding), *_OF_PROBES.get(finding.probe, ()))
    return list(dict.fromkeys((*(name for name in wanted if name in names), *names)))
