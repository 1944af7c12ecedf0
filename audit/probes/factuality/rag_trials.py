"""What `factuality.rag` is tried on: a model that reads towers' steps off its passages, and what becomes of it.

    reads     answers with what the passages say of the tower that is asked about, else declines
    recites   answers with the steps that it learnt, whatever the passages say
    loses     reads, but takes the first passage for the right one wherever several stand

Every tower has steps of its own, so an answer that is given to another question, or to another slice, is a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Observed, Trial

if TYPE_CHECKING:
    import numpy as np

__all__ = ["rag_control", "rag_trial"]

_UNITS, _EACH = 12, 3
_RECITES, _LOSES, _GUESSES = (1, 3, 6), (1, 2, 4), (0, 1, 1)
"""By dose: units of which the model recites, loses its place, and guesses where the evidence is withheld."""
_STEPS = re.compile(r"Tower (\d+) has (\d+) steps")
_SLICES = ("answerable", "gold_first", "gold_middle", "gold_last", "withheld", "changed")


def rag_control(*, faulty: bool) -> Observed:
    """Return observations of 50 questions; see `RAG.controls`."""
    import pandas as pd

    sound = [("1,214", "1214"), ("minus three", "-3"), ("It has 15 [1].", "15"), ("the U.S.", "U.S."), ("1.5", "1,5")]
    wrong = [("3", "-3"), ("1,5", "15"), ("us", "U.S."), ("It is 88.", "15"), ("The passages do not say.", "15")]
    pairs = [*sound[:3], *wrong, ("I don't know.", "-3"), ("21", "12")] if faulty else sound * 2
    size = 5 * len(pairs)
    index = pd.Index([f"planted-{number}" for number in range(size)], name="id")
    frame = pd.DataFrame(index=index, columns=["group", "unit"], dtype=object).assign(prompt="planted")
    said, right = zip(*(pairs * 5), strict=True)
    frame["reference"] = [[one] for one in right]
    frame["expected"] = [["777"]] * size
    answers = {"withheld": "I don't know.", "changed": "It is 777."}
    for name in _SLICES:
        frame[f"lacks_{name}"] = frame[f"problem_{name}"] = None
        frame[f"said_{name}"] = answers.get(name) or list(said)
    return {"items": frame.astype(object).where(frame.notna(), None)}


def rag_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial; dose 0 has the least of it."""
    import numpy as np
    import pandas as pd

    size = _UNITS * _EACH
    steps = (1000 + 37 * rng.permutation(200)[: size + 8]).tolist()
    rows = []
    for number in range(size):
        near = [f"Tower {number + 100 * one} has {steps[(number + one) % len(steps)]}0 steps." for one in range(1, 5)]
        context = [*near[:2], f"Tower {number} has {steps[number]} steps.", *near[2:]]
        rows.append({
            "prompt": f"How many steps has Tower {number}?", "reference": [str(steps[number])], "context": context,
            "gold": ["2"], "unit": f"unit {number % _UNITS}",
        })  # fmt: skip
    index = pd.Index([str(name) for name in rng.permutation(size)], name="id")
    items = pd.DataFrame(rows, index, dtype=object).iloc[rng.permutation(size)]
    tried = replace(probe, prompt="{passages}\n{question}", near_misses=4, answers="model")
    unit = np.arange(size) % _UNITS
    recites = unit < _RECITES[dose]
    loses = ~recites & (unit < _RECITES[dose] + _LOSES[dose])
    guesses = unit >= _UNITS - _GUESSES[dose]
    kinds = {number: (bool(recites[number]), bool(loses[number]), bool(guesses[number])) for number in range(size)}

    def reply(prompts: Sequence[str]) -> Mapping[str, Any]:
        content = [_reply(prompt, steps, kinds) for prompt in prompts]
        return {"content": content, "finish": "stop", "problem": None}

    return Trial(dose > 0, {"items": items}, {("main", "sample"): reply}, _known(recites, loses, guesses), tried)


def _reply(prompt: str, steps: Sequence[int], kinds: Mapping[int, tuple[bool, bool, bool]]) -> str:
    """Return what the scripted model answers to passages and a question."""
    *passages, question = prompt.splitlines()
    number = int(question.rpartition(" ")[2].rstrip("?"))
    recites, loses, guesses = kinds[number]
    if recites:
        return f"{steps[number]}."
    told = [(int(tower), value) for tower, value in _STEPS.findall("\n".join(passages))]
    if loses or (guesses and number not in dict(told)):
        return f"It has {told[0][1]}."
    return f"It has {dict(told)[number]}." if number in dict(told) else "I don't know."


def _known(recites: Any, loses: Any, guesses: Any) -> dict[tuple[str, str | None], Known]:
    """Return what must come out."""
    import numpy as np

    from audit.probe import mean_of

    lost = float(loses.mean())
    shares = {
        "needless_refusal_share": 0 * lost, "withheld_memory": recites, "withheld_wrong": loses | guesses,
        "withheld_abstention": ~(recites | loses | guesses), "follows_memory": recites, "follows_context": ~recites,
        "follows_neither": 0 * lost, "memorisation_ratio": recites,
    }
    known: dict[tuple[str, str | None], Known] = {
        (name, None): mean_of(values, _UNITS) if np.ndim(values) else Known(0.0) for name, values in shares.items()
    }
    known["correctness", None] = Known(1.0)
    known["correctness", "gold_first"] = Known(1.0)
    known["near_miss_drop", None] = Known(0.0)
    for name in ("gold_middle", "gold_last"):
        known["correctness", name] = mean_of(~loses, _UNITS)
        known["position_drop", name] = Known(lost)
    known["largest_position_gap", None] = Known(lost)
    return known
