"""Made passages and answers of which every claim is known: copied, changed in a number, or found nowhere.

    passage   The Bafo bridge is 420 metres long. The Bafo bridge was opened in 1931.
    copied    both sentences;  changed   one number;  absent   a sentence about lamps in place of the second
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Pair
from audit.probe import Known, KnownMeasures, Observed, Probe, Trial, auroc_of, mean_of, observed_in, overall
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["control", "trials_of_grounding"]

_ANSWERS = 24
_DECLINED = "I don't know."
_DECOY = "A ferry runs on Sundays."
_SAYS = {"copied": (0.9, 0.1, 0.0), "changed": (0.1, 0.1, 0.8), "absent": (0.2, 0.7, 0.1), "beside": (0.05, 0.95, 0.0)}
"""What a scripted verifier says of a claim of each kind, with the passage that it is of."""


def _name(number: int) -> str:
    return "B" + "".join("aeiou"[number // 5**place % 5] + "fklmnr"[place] for place in range(3)) + "o"


def _facts(number: int) -> tuple[str, str]:
    name = f"The {_name(number)} bridge"
    return f"{name} is {400 + 7 * number} metres long.", f"{name} was opened in {1900 + number}."


def _answer(number: int, kind: str) -> str:
    """Return an answer of two claims, the second of that kind; one that declines makes none."""
    length, opened = _facts(number)
    changed = opened.replace(str(1900 + number), str(1903 + number))
    absent = f"The {_name(number)} bridge houses a museum with a collection of lamps."
    second = {"copied": opened, "changed": changed, "absent": absent}
    return _DECLINED if kind == "declined" else f"{length} {second[kind]}"


def control(probe: Probe, *, faulty: bool) -> Observed:
    """Return what a probe observes of answers with a changed number each, or of copied ones, with passages to search.

    probe: takes answers as given, and one passage.
    """
    import pandas as pd

    numbers = range(_ANSWERS)
    items = pd.DataFrame({
        "prompt": [f"Tell of the {_name(number)} bridge." for number in numbers],
        "answer": [_answer(number, "changed" if faulty else "copied") for number in numbers],
    }, pd.Index([f"planted-{number}" for number in numbers], name="id"))  # fmt: skip
    corpus = pd.DataFrame({"text": [" ".join(_facts(number)) for number in reversed(numbers)]})
    return observed_in(Trial(faulty, {"corpus": corpus, "items": items}, {}, {}), probe)


def trials_of_grounding(rng: np.random.Generator, *, given: bool) -> Sequence[Trial]:
    """Return answers judged by rules, without a fault and with two sizes of it; these by a verifier and labels too."""
    doses = ((0, 0), (5, 4), (10, 6))
    by_rules = [_trial(rng, dose, kinds, given=given, verifier=False) for dose, kinds in enumerate(doses)]
    return [*by_rules, *(_trial(rng, dose, doses[dose], given=given, verifier=True) for dose in (1, 2))]


def _trial(rng: np.random.Generator, dose: int, kinds: tuple[int, int], *, given: bool, verifier: bool) -> Trial:
    changed, absent = kinds
    copied = _ANSWERS - changed - absent - 2 - dose
    every = ["changed"] * changed + ["absent"] * absent + ["declined"] * (2 + dose) + ["copied"] * copied
    made = [_Made(number, kind, dose, verifier) for number, kind in enumerate(every)]
    said = {one.prompt: one.answer for one in made}

    def sample(prompts: Sequence[Any]) -> Mapping[str, Any]:
        asked = [next(question for question in said if question in prompt) for prompt in prompts]
        return {"content": [said[question] for question in asked], "finish": "stop", "problem": None}

    answers: dict[tuple[str, str], Any] = {("main", "sample"): sample}
    if verifier:
        answers["verifier", "verify"] = _verify
    known = _known(made) | (_known_by_verifier(made) if verifier else {})
    return Trial(dose > 0, _items(rng, made, given=given), answers, known)


@immutable
class _Made:
    """An answer with its passages, and what is known of it."""

    number: int
    kind: str
    dose: int
    verifier: bool
    """Whether it is judged by one: then it cites, and has a label and a right answer."""

    @property
    def prompt(self) -> str:
        """The question."""
        return f"Tell of the {_name(self.number)} bridge."

    @property
    def behind(self) -> bool:
        """Whether the passage stands behind one that is beside the point."""
        return self.number % 3 < self.dose

    @property
    def context(self) -> str:
        """Both passages."""
        passages = (_DECOY, " ".join(_facts(self.number)))
        return "\n\n".join(passages if self.behind else passages[::-1])

    @property
    def answer(self) -> str:
        """The answer; with a verifier its sentences cite their passage, but for what is nowhere."""
        text = _answer(self.number, self.kind)
        if not self.verifier or self.kind == "declined":
            return text
        mark = f" [{1 + self.behind}]."
        first, second = text.removesuffix(".").split(". ")
        return f"{first}{mark} {second}{'.' if self.kind == 'absent' else mark}"

    @property
    def reference(self) -> str:
        """A right answer, of which in some the passages tell one half."""
        length, opened = _facts(self.number)
        return f"{length} {opened if self.number % 4 >= self.dose else _answer(self.number, 'absent').split('. ')[1]}"

    @property
    def label(self) -> int:
        """What a person says, who is wrong of some."""
        return int(self.kind == "copied" and self.number % 5 >= self.dose)


def _items(rng: np.random.Generator, made: Sequence[_Made], *, given: bool) -> Mapping[str, pd.DataFrame]:
    import pandas as pd

    rows = [
        {
            "prompt": one.prompt, "context": one.context, **({"answer": one.answer} if given else {}),
            **({"label": str(one.label), "reference": one.reference} if one.verifier else {}),
        }
        for one in made
    ]  # fmt: skip
    frame = pd.DataFrame(rows).rename_axis("id").rename(index=str)
    return {"items": frame.iloc[rng.permutation(len(rows))]}


def _verify(pairs: Sequence[Pair]) -> Mapping[str, Any]:
    import numpy as np

    rows = np.array([_SAYS[_kind(pair)] for pair in pairs]).reshape(-1, 3)
    return {"entailment": rows[:, 0], "neutral": rows[:, 1], "contradiction": rows[:, 2], "pieces": 1}


def _kind(pair: Pair) -> str:
    if pair.premise == _DECOY:
        return "beside"
    if pair.hypothesis in pair.premise:
        return "copied"
    return "absent" if "museum" in pair.hypothesis else "changed"


def _known(made: Sequence[_Made]) -> KnownMeasures:
    """Return what is known of answers of these kinds, whoever judges."""
    import numpy as np

    told = [one.kind != "declined" for one in made]
    kinds = np.array([one.kind for one in made if one.kind != "declined"])
    copied = kinds == "copied"
    known = {
        "unsupported_share": mean_of(~copied / 2), "conflicting_share": mean_of((kinds == "changed") / 2),
        "absent_share": mean_of((kinds == "absent") / 2), "grounded_share": mean_of(copied, len(kinds)),
        "response_share": mean_of(told, len(told)), "claims_per_answer": Known(2.0),
        "factscore": mean_of((1 + copied) / 2 * np.exp(1 - 10 / 2)), "f1_at_k": mean_of((1 + copied) / 2),
    }  # fmt: skip
    return overall(known)


def _known_by_verifier(made: Sequence[_Made]) -> KnownMeasures:
    """Return what a verifier adds: support, citations, passages, labels."""
    import numpy as np

    some = [one for one in made if one.kind != "declined"]
    kinds, label = np.array([one.kind for one in some]), np.array([one.label for one in some])
    entailed, contradicted = (np.array([_SAYS[kind][column] for kind in kinds]) for column in (0, 2))
    support, words = (0.9 + entailed) / 2, np.array([len(one.answer.split()) for one in some])
    ranked = {name: auroc_of(scores[label == 0], scores[label == 1]) for name, scores in (
        ("auroc_supported", support), ("auroc_of_length", -words))}  # fmt: skip
    gap = ranked["auroc_supported"].value - ranked["auroc_of_length"].value
    half = [one.number % 4 < one.dose for one in made]
    known = {
        "mean_support": mean_of(support), "least_support": mean_of(entailed),
        "summac_zs": mean_of(support - contradicted / 2), **ranked, "auroc_above_length": Known(gap),
        "citation_recall": mean_of((1 + (kinds == "copied")) / 2),
        "citation_precision": mean_of(1 - (kinds == "changed") / 2),
        "context_recall": mean_of(1 - np.array(half) / 2),
        "context_precision": mean_of([1 / (1 + one.behind) for one in made]),
    }  # fmt: skip
    return overall(known)
