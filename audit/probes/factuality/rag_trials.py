"""What `factuality.rag` is tried on: a model that reads towers' steps off its passages, and what becomes of it.

    reads     answers with what the passages say of the tower that is asked about, else declines
    recites   answers with the steps that it learnt, whatever the passages say
    first     takes the first passage for the right one wherever several stand
    last      takes the last one
    guesses   reads, but answers with the first passage where none speaks of the tower
    declines  declines whatever the passages say

Every tower has steps of its own, so an answer that is given to another question, or to another slice, is a wrong one.
Where claims are tried, some units cite the passage that they took their answer from, and some cite another and add what
stands nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Observed, Trial

if TYPE_CHECKING:
    import numpy as np

__all__ = ["rag_control", "rag_trial"]

_UNITS, _EACH = 12, 2
_KINDS = (
    {"recites": 1, "first": 1},
    {"recites": 2, "first": 2, "last": 1, "guesses": 1, "declines": 1},
    {"recites": 3, "first": 4, "last": 2, "guesses": 1, "declines": 1},
)
"""By dose: in how many units the model does what; in the others it reads."""
_FOUND = (["2", "0"], ["0", "2", "1"], ["0", "1", "2"])
"""What the search found: the passage first, second, or not among the two that count."""
_STEPS = re.compile(r"Tower (\d+) has (\d+) steps")
_STYLES = (None, ("cites", "says", "cites", "adds"), ("adds", "cites", "adds", "adds"))
"""By dose: how the units answer in turn, where claims are tried."""
_SLICES = ("answerable", "gold_first", "gold_middle", "gold_last", "withheld", "changed")


def rag_control(*, faulty: bool) -> Observed:
    """Return observations of 100 questions; see `RAG.controls`."""
    import pandas as pd

    sound = [("1,214", "1214"), ("minus three", "-3"), ("It has 15 [1].", "15"), ("the U.S.", "U.S."), ("1.5", "1,5")]
    wrong = [("3", "-3"), ("1,5", "15"), ("us", "U.S."), ("It is 88.", "15"), ("The passages do not say.", "15")]
    pairs = [*sound[:3], *wrong, ("I don't know.", "-3"), ("21", "12")] if faulty else sound * 2
    said, right = zip(*(pairs * 10), strict=True)
    names, nothing = [f"planted-{number}" for number in range(len(said))], [None] * len(said)
    cells: dict[str, Sequence[Any]] = {
        "group": nothing, "unit": nothing, "prompt": names, "reference": [[one] for one in right],
        "expected": [["777"]] * len(said),
    }  # fmt: skip
    answers = {"withheld": ["I don't know."] * len(said), "changed": ["It is 777."] * len(said)}
    for name in _SLICES:
        cells |= {f"lacks_{name}": nothing, f"problem_{name}": nothing, f"said_{name}": answers.get(name, said)}
    return {"items": pd.DataFrame(cells, pd.Index(names, name="id"), dtype=object)}


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
            "gold": ["2"], "unit": f"unit {number % _UNITS}", "retrieved": _FOUND[_search(dose)[number % _UNITS]],
        })  # fmt: skip
    index = pd.Index([str(name) for name in rng.permutation(size)], name="id")
    items = pd.DataFrame(rows, index, dtype=object).iloc[rng.permutation(size)]
    claims = _STYLES[dose] is not None
    tried = replace(probe, prompt="{passages}\n{question}", near_misses=4, answers="model", claims=claims, k=2)
    kinds = [one for one, units in _KINDS[dose].items() for _ in range(units)]
    kinds += ["reads"] * (_UNITS - len(kinds))
    styles = np.resize(_STYLES[dose] or ("says",), _UNITS).tolist()

    def reply(prompts: Sequence[str]) -> Mapping[str, Any]:
        content = [_reply(prompt, steps, kinds, styles) for prompt in prompts]
        return {"content": content, "finish": "stop", "problem": None}

    return Trial(dose > 0, {"items": items}, {("main", "sample"): reply}, _known(kinds, dose), tried)


def _search(dose: int) -> list[int]:
    """Return which of `_FOUND` the search for each unit's questions is."""
    return [1] * (2 * dose + 1) + [2] * dose + [0] * (_UNITS - 3 * dose - 1)


def _reply(prompt: str, steps: Sequence[int], kinds: Sequence[str], styles: Sequence[str]) -> str:
    """Return what the scripted model answers to passages and a question."""
    *passages, question = prompt.splitlines()
    number = int(question.rpartition(" ")[2].rstrip("?"))
    kind, told = kinds[number % _UNITS], _STEPS.findall("\n".join(passages))
    read = dict(told).get(str(number)) or (told[0][1] if kind == "guesses" else None)
    if kind in ("recites", "first", "last"):
        read = {"recites": str(steps[number]), "first": told[0][1], "last": told[-1][1]}[kind]
    if not read or kind == "declines":
        return "I don't know."
    place = next((at for at, (_, found) in enumerate(told) if found == read), 0)
    style = styles[number % _UNITS]
    if style == "adds":
        return f"It has {read} [{(place + 1) % max(2, len(told)) + 1}]. It is 7 km long."
    return f"It has {read} [{place + 1}]." if style == "cites" else f"It has {read}."


def _known(kinds: Sequence[str], dose: int) -> KnownMeasures:
    """Return what must come out."""
    import numpy as np

    from audit.probe import mean_of

    told, search = np.array(kinds), np.array(_search(dose))
    recites, first, last, declines = (told == one for one in ("recites", "first", "last", "declines"))
    wrong = first | last | (told == "guesses")
    shares = {
        ("correctness", None): ~declines, ("correctness", "gold_first"): ~(last | declines),
        ("correctness", "gold_middle"): ~(first | last | declines), ("correctness", "gold_last"): ~(first | declines),
        ("needless_refusal_share", None): declines, ("withheld_memory", None): recites, ("withheld_wrong", None): wrong,
        ("withheld_abstention", None): ~(recites | wrong), ("follows_memory", None): recites,
        ("follows_context", None): ~(recites | declines), ("follows_neither", None): declines,
        ("memorisation_ratio", None): recites[~declines],
        ("retrieval_hit", None): search < 2, ("retrieval_recall", None): search < 2,
        ("retrieval_mrr", None): np.choose(search, [1.0, 0.5, 0.0]),
        ("retrieval_ndcg", None): np.choose(search, [1.0, 1 / np.log2(3), 0.0]),
    }
    if styles := _STYLES[dose]:
        shares |= _known_claims(told, np.resize(styles, _UNITS))
    gaps = {
        ("near_miss_drop", None): last.mean(), ("position_drop", "gold_middle"): first.mean(),
        ("position_drop", "gold_last"): first.mean() - last.mean(),
        ("largest_position_gap", None): max(first.mean(), last.mean()),
    }
    return {name: mean_of(values, len(values)) for name, values in shares.items()} | {
        name: Known(float(value)) for name, value in gaps.items()
    }


def _known_claims(told: np.ndarray, styles: np.ndarray) -> dict[tuple[str, str | None], np.ndarray]:
    """Return what must come out of what each unit says, and cites, where it answers."""
    import numpy as np

    answers = told != "declines"
    adds, cites = (styles[answers] == name for name in ("adds", "cites"))
    misled = np.isin(told[answers], ("first", "last"))  # in two of three places
    return {
        ("claim_support", None): np.where(adds, 0.5, 1.0),
        ("near_miss_only_share", None): np.where(misled, 2 / 3, 0.0) / np.where(adds, 2, 1),
        ("citation_share", None): adds | cites, ("citation_recall", None): cites[adds | cites],
        ("citation_precision", None): cites[adds | cites],
    }
