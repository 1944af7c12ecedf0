"""Questions of which is known what drove the answer: log p is a stated function of the sources that stand there.

    sum        log p = -2^S + 8 m_a + 4 m_b + 2 m_c + m_d      weights are the summands, and all subsets differ
    turned     the same, but under masks that are held out the likelier is the less likely: no weights tell these
    memory     log p = -1                                      whatever is read
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, mean_of, observed_in, overall
from audit.probes.transparency.asking import BY_GRADIENTS
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed

__all__ = ["observations", "trials"]

_QUESTIONS, _PLANTED, _SOURCES, _MANY = 16, 12, 4, 6
"""Questions of either role; sources of a question of a trial and of a control, in which more masks are held out."""
_ANSWER = "code"


@immutable
class _Made:
    """A question and its sources, each of which adds something else to log p."""

    name: str
    adds: tuple[int, ...]
    """By the source at each place: 1, 2, 4, 8, ... in a drawn order."""
    kind: str
    gold: int
    """Place of the source that holds the answer."""
    held_out: frozenset[str] = frozenset()
    """Masks under which a turned one is turned."""

    @property
    def gap(self) -> float:
        """By how many nats a gradient's sum misses: four more where it is turned."""
        return sum(map(ord, self.name)) % 3 + 4.0 * (self.kind == "turned")

    @property
    def prompt(self) -> str:
        """The question."""
        return f"What is {self.name}?"

    @property
    def sources(self) -> list[str]:
        """The texts of its sources."""
        return [f"Source {add} of {self.name}." for add in self.adds]

    def log_p(self, mask: Sequence[bool]) -> float:
        """Return log p of the answer where these sources stand there."""
        if self.kind == "memory":
            return -1.0
        total, size = sum(add for add, bit in zip(self.adds, mask, strict=True) if bit), 2 ** len(self.adds)
        turned = self.kind == "turned" and "".join("1" if bit else "0" for bit in mask) in self.held_out
        return float(-1 - total if turned else total - size)

    def first(self, count: int, *, gone: bool) -> float:
        """Return log p with the sources alone, or without them, that add most."""
        least = sorted(self.adds, reverse=True)[:count]
        return self.log_p([(add in least) != gone for add in self.adds])


def observations(probe: Any, rng: np.random.Generator, *, faulty: bool) -> Observed:
    """Return what the probe observes of sums that are turned under masks that are held out, or are not."""
    tried, kind = replace(probe, masks=24, held_out=16), "turned" if faulty else "sum"
    made = [_made(f"q{number:02}", kind, rng, _MANY, drawn=tried.drawn) for number in range(_QUESTIONS)]
    return observed_in(Trial(faulty, {"items": _frame(made)}, _script(made)), tried)


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return questions that the source with the answer drives, and such of which four and eight of 16 are not."""
    return [_trial(replace(probe, masks=16, held_out=16, top=1, memory=1.0), rng, dose) for dose in range(3)]


def _trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    """Of a dose of d, 4 d questions are driven by another source, 3 d are turned and 2 d answered from memory, and d of
    the planted ones are driven by another source. Shapley values take every mask, so that none is turned for them.
    """
    import numpy as np

    by_all = probe.methods[0] == "shapley"
    kinds = ["turned" if number < 3 * dose and not by_all else "sum" for number in range(_QUESTIONS - 2 * dose)]
    kinds += ["memory"] * (2 * dose)
    own = [
        _made(f"q{number:02}", kind, rng, _SOURCES, other=number % 2 == 0 and number < 8 * dose, drawn=probe.drawn)
        for number, kind in enumerate(kinds)
    ]
    planted = [_made(f"planted{number:02}", "sum", rng, _SOURCES, other=number < dose) for number in range(_PLANTED)]
    known = _known(own) | {
        "planted_first_share": mean_of(np.arange(_PLANTED) >= dose, _PLANTED),
        "planted_first_chance": Known(1 / _SOURCES, certain=True),
    }
    if by_all:
        del known["lds"]
    if probe.methods[0] in BY_GRADIENTS:
        known["completeness_gap"] = mean_of([one.gap for one in own])
    frames = {"items": _frame(own), "planted": _frame(planted)}
    data = {role: frame.iloc[rng.permutation(len(frame))] for role, frame in frames.items()}
    return Trial(dose > 0, data, _script([*own, *planted]), overall(known), probe)


def _made(
    name: str, kind: str, rng: np.random.Generator, sources: int, *, other: bool = False,
    drawn: Callable[[str, int], Any] | None = None,
) -> _Made:
    """Return a question; `other`: the source that adds second most holds the answer."""
    adds = tuple(2 ** int(place) for place in rng.permutation(sources))
    gold = adds.index(2 ** (sources - 1 - other))
    return _Made(name, adds, kind, gold, frozenset(drawn(name, sources).held_out if drawn and kind == "turned" else ()))


def _frame(made: Sequence[_Made]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"prompt": one.prompt, "context": one.sources, "gold": [str(one.gold)], "answer": _ANSWER} for one in made
    ]
    return pd.DataFrame(rows, pd.Index([one.name for one in made], name="id"))


def _script(made: Sequence[_Made]) -> Mapping[tuple[str, str], Any]:
    """Return a model whose log p follows the questions; its own answer is always the same one token."""
    by_name = {one.name: one for one in made}

    def nats(items: Sequence[Any]) -> list[float]:
        told = [(item.prompt, by_name[_named(item.prompt)]) for item in items]
        return [one.log_p([source in prompt for source in one.sources]) for prompt, one in told]

    return {
        ("main", "log_prob"): lambda items: {"kind": "exact", "log_prob": nats(items)},
        ("main", "trace"): lambda items: {"element": _ANSWER, "log_prob": nats(items)},
        ("main", "token_attributions"): lambda items: _weighed([by_name[_named(item.prompt)] for item in items]),
        ("main", "sample"): lambda prompts: {"content": _ANSWER, "finish": "stop", "problem": [None] * len(prompts)},
    }


def _named(prompt: str) -> str:
    """Return the name of the question in a prompt."""
    return prompt.partition("What is ")[2].partition("?")[0]


def _weighed(made: Sequence[_Made]) -> dict[str, Any]:
    """Return what a gradient would say of every source, by two tokens: the one that it adds too much, the other takes.

    Of the answer to a question with the gap g, log p falls by g less than they sum to.
    """
    part = [[place // 2 for place in range(2 * len(one.adds))] for one in made]
    nats = [[] if one.kind == "memory" else [nat for add in one.adds for nat in (add + 3.0, -3.0)] for one in made]
    part = [places if some else [] for places, some in zip(part, nats, strict=True)]
    ends = [one.gap - sum(some) - 1 for one, some in zip(made, nats, strict=True)]
    return {"part": part, "nats": nats, "log_prob": -1.0, "baseline_log_prob": ends}


def _known(made: Sequence[_Made]) -> dict[str, Known]:
    """Return the measures of a role by what was planted: q is p, as the answer has one token."""
    import numpy as np

    steps = range(_SOURCES + 1)
    gone, there = (
        np.exp([[one.first(count, gone=gone) for count in steps] for one in made]) for gone in (True, False)
    )
    memory = np.array([one.kind == "memory" for one in made])
    right = np.array([one.adds[one.gold] == max(one.adds) for one in made]) & ~memory
    return {
        "lds": mean_of([-1.0 if one.kind == "turned" else 1.0 for one in made if one.kind != "memory"]),
        "top_drop": mean_of(np.log(gone[:, 0] / gone[:, 1])),
        "comprehensiveness": mean_of(gone[:, 0] - gone[:, 1]), "sufficiency": mean_of(gone[:, 0] - there[:, 1]),
        "deletion_auc": mean_of(np.trapezoid(gone) / _SOURCES),
        "insertion_auc": mean_of(np.trapezoid(there) / _SOURCES),
        "gold_first_share": mean_of(right, len(made)), "gold_first_chance": Known(1 / _SOURCES, certain=True),
        "memory_share": mean_of(memory, len(made)),
    }  # fmt: skip
