"""What `bias.counterfactual` and `bias.open_ended` are tried on: texts that bear their scores, so that gaps are known.

    counterfactual    row = template x group x word x wording, ten draws, of which base + word + wording + dose score 1
    open_ended        row = page of a group, five draws, of which 0, 1 or 2 + dose score 1

A word and a wording move the score as much as the smaller dose does, in both groups alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Observed, Trial

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["page_control", "page_trial", "swap_control", "swap_trial"]

_TRIED, _DRAWS, _CONTROLLED = 20, 10, 60
_MORE, _WORD, _WORDING, _REFUSED, _LONGER = (0, 1, 3), (1, 2, 2), (1, 1, 2), (0, 1, 2), (0, 1, 3)
"""By dose: texts that score 1 for the first group, for a second word, for a second wording; refusals and words more."""
_OF_SCORER = (0.0, 0.2, 0.4)
_PAGES, _OF_PAGE = 30, 5


def names_of(probe: Any) -> tuple[str, str]:
    """Return the group that is to score higher, and the other one, which is the reference where there is one."""
    other = probe.reference or "men"
    return ("women" if other != "women" else "men"), other


def swap_control(probe: Any, *, faulty: bool) -> Observed:
    """Return observations of 60 templates; see `Counterfactual.controls`."""
    first, rows, counts = names_of(probe)[0], [], []
    for unit, group, word in product(range(_CONTROLLED), names_of(probe), range(2)):
        high = group == first if faulty or unit % 2 else group != first
        rows.append((f"unit {unit}", group, f"word {word}"))
        counts.append(unit // 2 % 2 + (word ^ unit // 4 % 2) + 2 * high)
    frame = _frame(rows, ("unit", "group", "word"))
    return {"items": _answered(probe, frame, [[place < count for place in range(4)] for count in counts])}


def page_control(probe: Any, *, faulty: bool) -> Observed:
    """Return observations of 160 pages of 4 prompts; see `OpenEnded.controls`."""
    groups, each = names_of(probe), 4
    rows = [(f"{group} {page}", group) for group in groups for page in range(80) for _ in range(each)]
    high = [(page % 2 == 0 if not faulty else group == groups[0]) for group in groups for page in range(80)]
    draws = [[place < 1 + 2 * high[row // each] for place in range(4)] for row in range(len(rows))]
    return {"items": _answered(probe, _frame(rows, ("unit", "group")), draws)}


def _frame(rows: Sequence[tuple[str, ...]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(columns)).astype(object)
    frame["prompt"] = "planted"
    return frame.set_axis(pd.Index([f"planted-{place}" for place in range(len(frame))], name="id"))


def _answered(probe: Any, frame: pd.DataFrame, high: Sequence[Sequence[bool]]) -> pd.DataFrame:
    """Return the prompts with what `observe` keeps, of draws that score 1 where `high` [row][draw]."""
    from detectors.arrays import objects

    told = frame.assign(
        draws=objects([["1" if one else "0" for one in row] for row in high], frame.index),
        problems=objects([[None] * len(row) for row in high], frame.index),
    )
    if probe.scorer is None:
        return told.assign(mentions=objects([["1"]] * len(frame), frame.index))
    given = [[_probabilities(probe, float(one)) for one in row] for row in high]
    return told.assign(probabilities=objects(given, frame.index))


def _probabilities(probe: Any, score: float) -> list[float]:
    """Return what a scorer of enough classes says where its class has this probability."""
    size = max(2, probe.scorer_class + 1, -probe.scorer_class)
    told = [(1 - score) / (size - 1)] * size
    told[probe.scorer_class] = score
    return told


def swap_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial; dose 0 has no gap."""
    tried, (first, other) = replace(probe, draws_per_item=_DRAWS), names_of(probe)
    rows, texts = list(product(range(_TRIED), (first, other), range(2), range(2))), {}
    for unit, group, word, wording in rows:
        more = group == first
        count = unit % 2 + _WORD[dose] * word + _WORDING[dose] * wording + _MORE[dose] * more
        told = _texts(rng, _DRAWS, count, _REFUSED[dose] * more, " ever" * (_LONGER[dose] * more))
        texts[f"{unit} {group} {word} {wording}"] = told
    named = [(f"unit {unit}", group, f"{word}", f"{wording}") for unit, group, word, wording in rows]
    frame = _frame(named, ("unit", "group", "word", "wording"))
    return _trial(tried, rng, dose, frame, texts, _gaps_of_swaps(first, other, dose) | {("swap_p", None): _p(dose)})


def page_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial; dose 0 has no gap."""
    tried, (first, other) = replace(probe, draws_per_item=_OF_PAGE), names_of(probe)
    rows = list(product(range(_PAGES), (first, other)))
    texts = {
        f"{page} {group}": _texts(rng, _OF_PAGE, page % 3 + dose * (group == first), min(dose, 1) * (group == first))
        for page, group in rows
    }
    frame = _frame([(f"page {page} of {group}", group) for page, group in rows], ("unit", "group"))
    gap, refused, most = dose / _OF_PAGE, min(dose, 1) / _OF_PAGE, (2 / 3, 1.0, 1.0)[dose]
    plain = 1 / _OF_PAGE
    found = {
        ("largest_score_gap", None): gap, ("score_gap", first): gap, ("score_mean", first): plain + gap,
        ("score_mean", other): plain, ("above_share", first): plain + gap, ("above_gap", first): gap,
        ("expected_max", first): most, ("expected_max", other): 2 / 3, ("expected_max_gap", first): most - 2 / 3,
        ("refusal_share", first): refused, ("refusal_gap", first): refused,
    }
    known = {name: Known(value) for name, value in found.items()} | {("group_p", None): _p(dose)}
    return _trial(tried, rng, dose, frame, texts, known)


def _texts(rng: np.random.Generator, draws: int, high: int, refused: int, filler: str = "") -> list[str]:
    """Return so many draws in random order, of which so many score 1 and so many refuse, all of one length."""
    plain = ["yes it is"] * high + ["I can't answer"] * refused + ["no it isn't"] * (draws - high - refused)
    return [f"{text}{filler}" for text in rng.permutation(plain)]


def _p(dose: int) -> Known:
    """Return the p-value of no gap, and of one that no permutation of a thousand makes."""
    return Known(0.001 if dose else 1.0, 0.0011)


def _trial(
    tried: Any, rng: np.random.Generator, dose: int, frame: pd.DataFrame, texts: Mapping[str, Sequence[str]],
    known: Mapping[tuple[str, str | None], Known],
) -> Trial:
    """Return the trial of prompts (the keys of texts, in the order of the frame) and of neutral sentences."""
    import numpy as np
    import pandas as pd

    from detectors.arrays import objects

    first, other = names_of(tried)
    rows = frame.assign(prompt=list(texts), mentions=objects([["yes"]] * len(frame), frame.index))
    rows = rows.set_axis(pd.Index([str(name) for name in rng.permutation(len(rows))], name="id"))
    data = {"items": rows.iloc[rng.permutation(len(rows))]}
    answers: dict[tuple[str, str], Any] = {("main", "sample"): lambda prompts: _dealt(texts, prompts)}
    if tried.scorer is not None:
        data["neutral"] = _neutral(first, other)
        answers[tried.scorer, "predict"] = lambda items: {
            "probabilities": [np.array(_probabilities(tried, _score(text, first, dose))) for text in items]
        }
        gaps = {("largest_scorer_gap", None), ("scorer_gap", first)}
        known = {**known, **dict.fromkeys(gaps, Known(_OF_SCORER[dose]))}
    return Trial(dose > 0, data, answers, known, tried)


def _dealt(texts: Mapping[str, Sequence[str]], prompts: Sequence[str]) -> Mapping[str, Any]:
    """Return the texts of each prompt in turn."""
    before: dict[str, int] = {}
    dealt = []
    for prompt in prompts:
        dealt.append(texts[prompt][before.get(prompt, 0)])
        before[prompt] = before.get(prompt, 0) + 1
    return {"content": dealt, "finish": "stop", "problem": None}


def _neutral(first: str, other: str) -> pd.DataFrame:
    import pandas as pd

    rows = [(f"sentence {unit} about {group}", group, str(unit)) for unit in range(_TRIED) for group in (first, other)]
    index = pd.Index([f"neutral-{place}" for place in range(len(rows))], name="id")
    return pd.DataFrame(rows, index, ["text", "group", "unit"], dtype=object)


def _score(text: str, first: str, dose: int) -> float:
    if text.startswith("sentence"):
        return 0.3 + _OF_SCORER[dose] * text.endswith(f" {first}")
    return float(text.startswith("yes"))


def _gaps_of_swaps(first: str, other: str, dose: int) -> KnownMeasures:
    gap, word, wording = (counts[dose] / _DRAWS for counts in (_MORE, _WORD, _WORDING))
    plain = 0.5 / _DRAWS + word / 2 + wording / 2
    between = (2 * gap + abs(gap - word) + gap + word) / 4
    found: dict[tuple[str, str | None], float] = {
        ("largest_score_gap", None): gap, ("score_gap", first): gap, ("score_mean", first): plain + gap,
        ("score_mean", other): plain, ("largest_refusal_gap", None): _REFUSED[dose] / _DRAWS,
        ("refusal_gap", first): _REFUSED[dose] / _DRAWS, ("length_gap", first): float(_LONGER[dose]),
        ("individual_w1", None): between, ("null_w1", None): word, ("paraphrase_w1", None): wording,
        ("excess_w1", None): between - word,
        # half of the pooled texts are the group's own, so that it is half as far from all as from the other
        ("group_w1", first): gap / 2,
    }
    return {name: Known(value) for name, value in found.items()}
