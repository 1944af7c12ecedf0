"""One question with its passages, shown in six ways, so that every contrast is paired.

    answerable     the gold passages alone
    gold_first     gold, then k near misses      what near misses cost
    gold_middle    gold in the middle of them    what the place costs (Liu et al. 2023, arXiv 2307.03172)
    gold_last      gold behind them
    withheld       the near misses alone         the evidence is not there: does the model say so?
    changed        gold with another answer      does it read, or recite? (`counterfactual_evidence`)

A near miss is a passage that is not gold and does not hold the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detectors.factuality.counterfactual_evidence import ChangedEvidence, change_evidence, check_change
from detectors.factuality.matching import contains
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["SLICES", "Passages", "sliced"]

SLICES = ("answerable", "gold_first", "gold_middle", "gold_last", "withheld", "changed")
_NO_REFERENCE = Cause("no right answer is given")
_NO_GOLD = Cause("no passage is named as gold")
_LOST_GOLD = Cause("a passage that is named as gold is not there")
_UNNAMED = Cause("passages and their ids are not as many, or two have one id")
_NO_OTHERS = Cause("no passage beside the gold ones")
_TOO_FEW = Cause("fewer than two passages beside the gold ones")


@immutable
class Passages:
    """What is shown of one question in every slice, or why it is not shown."""

    shown: Mapping[str, tuple[str, ...] | Cause]
    """Slice -> passages in the order in which they stand."""
    expected: tuple[str, ...] = ()
    """What is right by the changed passages."""

    def lacks(self, name: str) -> Cause | None:
        """Return why a slice is not asked; None where it is."""
        found = self.shown[name]
        return found if isinstance(found, Cause) else None

    def texts(self, name: str) -> list[str]:
        """Return the passages of a slice; none where it is not asked."""
        found = self.shown[name]
        return [] if isinstance(found, Cause) else list(found)


def sliced(row: Mapping[Any, Any], near_misses: int) -> Passages:
    """Return what is shown of a question.

    row: `prompt`, `reference` (right answers), `context` (passages), `gold` (ids of the passages that hold the answer),
    and where given `ids` (of the passages; else their places, from 0) and `changed` with `changed_reference`: gold
    passages of the user's own with another answer. near_misses: how many stand beside the gold ones at most.
    """
    reference, context = _texts(row.get("reference")), _texts(row.get("context"))
    ids = [str(one) for one in _cells(row.get("ids")) or range(len(context))]
    wanted = {str(one) for one in _cells(row.get("gold"))}
    why = None if reference else _NO_REFERENCE
    if len(set(ids)) != len(ids) or len(ids) != len(context):
        why = why or _UNNAMED
    elif not wanted & set(ids):
        why = why or _NO_GOLD
    elif not wanted <= set(ids):
        why = why or _LOST_GOLD
    if why is not None:
        return Passages(dict.fromkeys(SLICES, why))
    gold = [text for name, text in zip(ids, context, strict=True) if name in wanted]
    others = [text for name, text in zip(ids, context, strict=True) if name not in wanted]
    near = [text for text in others if not contains(text, reference)][:near_misses]
    changed = _changed(row, str(row["prompt"]), gold, others, reference)
    half = len(near) // 2
    shown: dict[str, tuple[str, ...] | Cause] = {
        "answerable": tuple(gold), "gold_first": (*gold, *near), "gold_middle": (*near[:half], *gold, *near[half:]),
        "gold_last": (*near, *gold), "withheld": tuple(near),
        "changed": changed if isinstance(changed, Cause) else changed.passages,
    }
    if len(near) < 2:
        shown["gold_middle"] = _TOO_FEW
    if not near:
        shown |= dict.fromkeys(("gold_first", "gold_last", "withheld"), _NO_OTHERS)
    return Passages(shown, () if isinstance(changed, Cause) else changed.answers)


def _changed(
    row: Mapping[Any, Any], question: str, gold: Sequence[str], others: Sequence[str], reference: Sequence[str]
) -> ChangedEvidence | Cause:
    """Return the user's own changed passages where they can tell anything, else ours."""
    given, answers = _texts(row.get("changed")), _texts(row.get("changed_reference"))
    if not given:
        return change_evidence(question, gold, others, reference)
    why = check_change(question, given, answers, reference)
    return why or ChangedEvidence(tuple(given), tuple(answers), reference[0], answers[0], "given")


def _cells(cell: Any) -> list[Any]:
    if cell is None or cell != cell:
        return []
    return [cell] if isinstance(cell, str | int) else list(cell)


def _texts(cell: Any) -> list[str]:
    return [str(one) for one in _cells(cell)]
