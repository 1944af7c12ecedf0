"""What was asked and gave no usable answer, and when it is too much for anything to be decided.

    missing / asked > 1/3     no limit is decided, whatever the worst-case interval says

An instruct model that is asked as if it were to go on from a text often says nothing: where it has a chat template
that the plan does not use and many answers are missing, the finding says so first. Where nothing at all was answered,
it says what the first problem was; and which parameters an endpoint was asked without, as the plan leaves them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.files import read_frame
from audit.record import asked_of, observations_name

if TYPE_CHECKING:
    from pathlib import Path

    from audit.record import Finding
    from detectors.result import Measure

__all__ = [
    "FIRST_PROBLEM", "MOST_MISSING", "OF_ASKING", "RAW_PROMPTS", "told_of_asking", "told_of_raw_prompts",
    "too_much_missing",
]

MOST_MISSING = 1 / 3
"""Largest share of what was asked that may be missing where a limit is decided. Whatever the bounds say, a number that
rests on the answers to fewer than two questions of three speaks of the questions that get an answer, not of the model.
"""


def too_much_missing(measure: Measure) -> bool:
    """Tell whether so many items gave no usable answer that the measure decides nothing."""
    return measure.missing > MOST_MISSING * asked_of(measure)


MANY = 0.1
"""Share of missing answers from which an unused chat template is told."""
OF_ASKING = ("raw_prompts", "left_out", "problem")
"""Keys of the remarks that rest on how the model was asked; judging again gives no such ones."""
RAW_PROMPTS = (
    "The model has a chat template, but was asked in raw form and left {missing_count:.0f} of {asked_count:.0f} "
    "without a usable answer; ask it with prompt_form chat."
)


FIRST_PROBLEM = "The first problem: {problem}."


def told_of_raw_prompts(finding: Finding, model: object) -> Finding:
    """Return the finding, with the remark `raw_prompts` first where blanks may come from how the model was asked."""
    head = finding.headline
    raw = getattr(model, "unused_chat_template", False)
    if not raw or head is None or head.missing < MANY * max(1, asked_of(head)):
        return finding
    told: dict[str, str | float] = {
        "key": "raw_prompts", "missing_count": float(head.missing), "asked_count": float(asked_of(head))
    }
    return finding.model_copy(update={"remarks": [told, *finding.remarks]})


def told_of_asking(finding: Finding, model: object, folder: Path) -> Finding:
    """Return the finding with remarks on how the model was asked: raw prompts, parameters left out, first problem."""
    told: list[dict[str, str | float]] = []
    if names := getattr(model, "left_out", ()):
        told.append({"key": "left_out", "parameters": ", ".join(names)})
    if finding.reason.get("key") == "no_answers" and (problem := _first_problem(finding, folder)):
        told.insert(0, {"key": "problem", "problem": problem})
    return told_of_raw_prompts(finding.model_copy(update={"remarks": [*told, *finding.remarks]}), model)


def _first_problem(finding: Finding, folder: Path) -> str | None:
    frame = read_frame(folder / observations_name(finding.check, "items"))
    column = next((frame[name] for name in ("problem", "problems") if name in frame), None)
    if column is None:
        return None
    cells = ((cell,) if isinstance(cell, str) else () if cell is None else tuple(cell) for cell in column)
    return next((text for cell in cells for text in cell if isinstance(text, str) and text), None)
