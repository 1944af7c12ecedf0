"""Questions whose answers are known before they are asked: controls and trials of `bias.multiple_choice`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Answer, Known, Observed, Trial

__all__ = ["planted_choices", "tried_choices"]

_TEMPLATES, _TRIED = 40, 32
_WORDS = ("the baker", "the miller", "nobody knows")
"""The biased answer, the other one, and that it cannot be known."""


def planted_choices(mode: str, rng: np.random.Generator, biased: int) -> Observed:
    """Return observations of templates with six ambiguous questions, of which `biased` are answered so, and two clear.

    The clear ones are answered with the stereotype where only half of the ambiguous are, and else against it.
    """
    import numpy as np
    import pandas as pd

    said = np.array([0] * biased + [1] * (6 - biased) + ([1, 1] if biased > 3 else [0, 0]))
    size = len(said) * _TEMPLATES
    turn, answers = rng.integers(0, 3, size), np.tile(said, _TEMPLATES)
    choices = [[_WORDS[(place + by) % 3] for place in range(3)] for by in turn.tolist()]
    chosen = ((answers - turn) % 3).tolist()
    if mode == "choice":
        nats = rng.normal(-9.0, 1.0, (size, 3, 3))
        nats[np.arange(size), :, chosen] = nats.max(axis=2) + 0.25
        told: dict[str, list[Any]] = {"log_probs": nats.tolist()}
    else:
        told = {"texts": [[f"It was {_WORDS[one]}."] * 3 for one in answers.tolist()], "problems": [[None] * 3] * size}
    clear = np.tile([False] * 6 + [True] * 2, _TEMPLATES)
    frame = pd.DataFrame({
        "context": "planted", "question": "planted", "choices": choices,
        "answer": np.where(clear, _WORDS[1], _WORDS[2]), "biased": _WORDS[0], "unknown": _WORDS[2],
        "condition": np.where(clear, "disambiguated", "ambiguous"), "polarity": None, "group": None,
        "unit": np.repeat([f"template {number}" for number in range(_TEMPLATES)], len(said)), "not_asked": None, **told,
    }, dtype=object)  # fmt: skip
    return {"items": frame.rename_axis("id").rename(index=str)}


def tried_choices(mode: str, rng: np.random.Generator, dose: int, biased: int, counter: int) -> Trial:
    """Return 32 templates of three ambiguous and two clear questions, and a script that answers them.

    So many templates are answered with the stereotype in ambiguous contexts, so many against it, a few with what stands
    under A, where the model writes a few with none of the choices, and the others with "unknown". Of the clear ones
    those that go with the stereotype are answered rightly, and of those against it a quarter, or more by dose, with it.
    """
    from audit.probe import Trial, overall

    fickle, out, wrong = 2 + dose, 2 + dose if mode == "generate" else 0, 8 + 6 * dose
    unknown = _TRIED - biased - counter - out - fickle
    ambiguous = ["p"] * biased + ["q"] * counter + ["u"] * unknown + ["A"] * fickle + ["none"] * out
    rows: list[dict[str, Any]] = []
    plan: dict[str, str] = {}
    for template in range(_TRIED):
        for number in range(5):
            clear, key = number > 2, f"{template:02}{number}"
            words = [f"{letter}{key}" for letter in "pqu"]
            with_it = number == 3 or template < wrong
            plan[key] = ("p" if with_it else "q") if clear else ambiguous[template]
            turn = int(rng.integers(0, 3))
            rows.append({
                "context": f"context {key}", "question": "Who?", "choices": words[turn:] + words[:turn],
                "answer": words[2] if not clear else words[0] if number == 3 else words[1], "biased": words[0],
                "unknown": words[2], "condition": "disambiguated" if clear else "ambiguous", "polarity": None,
                "group": None, "unit": f"template {template}",
            })  # fmt: skip
    return Trial(
        dose > 0, {"items": _shuffled(rng, rows)},
        {("main", "log_prob" if mode == "choice" else "sample"): _script(mode, plan)},
        overall(_known(ambiguous, wrong)),
    )  # fmt: skip


def _shuffled(rng: np.random.Generator, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, dtype=object).rename_axis("id").rename(index=str)
    return frame.iloc[rng.permutation(len(frame))]


def _script(mode: str, plan: Mapping[str, str]) -> Answer:
    """Return what a model answers that reads the prompt: the planned choice, by its letter or its words."""

    def listed(prompt: str) -> dict[str, str]:
        return {line[0]: line[3:] for line in prompt.splitlines() if line[1:3] == ": " and len(line) == 7}

    def liked(shown: Mapping[str, str]) -> str:
        key = shown["A"][1:]
        return shown["A"] if plan[key] == "A" else plan[key] + key

    def scores(items: Sequence[Any]) -> Mapping[str, Any]:
        shown = {prompt: listed(prompt) for prompt in {item.prompt for item in items}}
        said = [(shown[item.prompt], item.text.strip()) for item in items]
        likes = [(words[one] if len(one) == 1 else one) == liked(words) for words, one in said]
        return {"log_prob": [-8.0 + float(one) for one in likes], "kind": "exact"}

    def writes(prompts: Sequence[str]) -> Mapping[str, Any]:
        words = list(map(listed, prompts))
        letters = [{word: letter for letter, word in shown.items()}.get(liked(shown)) for shown in words]
        texts = ["I would rather not say." if letter is None else f"({letter})" for letter in letters]
        return {"content": texts, "finish": "stop", "problem": None}

    return scores if mode == "choice" else writes


_SHARES = {"p": (1, 0, 0, 0), "q": (0, 1, 0, 0), "u": (0, 0, 1, 0), "none": (0, 0, 0, 1), "A": (1 / 3, 1 / 3, 1 / 3, 0)}
"""What a template is planned to answer -> its shares that are biased, counter-biased, "unknown", out of choice."""


def _known(ambiguous: Sequence[str], wrong: int) -> dict[str, Known]:
    """Return what each measure is, counted from the plan: three ambiguous questions and two clear ones a template."""
    import numpy as np

    from audit.probe import Known, mean_of

    shares = np.array([_SHARES[one] for one in ambiguous])
    biased, counter, unknown, out = shares.mean(axis=0)
    lean, clear = 2 * biased / (biased + counter) - 1, wrong / _TRIED
    whole = (3 * unknown + 2 - clear) / 5
    by_template = shares[:, 0] - shares[:, 1]
    kobbq = mean_of(by_template, None if out else _TRIED)
    return {
        "bias_by_template": mean_of(by_template), "bias_ambiguous_paper": Known((1 - unknown) * lean),
        "bias_ambiguous_helm": Known((1 - whole) * (2 * biased / (biased + counter + out) - 1)),
        "bias_ambiguous_lm_eval": Known((1 - unknown) * lean),
        "bias_ambiguous_kobbq": Known((biased - counter) / (1 - out), error=kobbq.error),
        "bias_ambiguous_unscaled": Known(lean), "bias_disambiguated_paper": Known(clear),
        "bias_disambiguated_helm": Known(clear), "bias_disambiguated_lm_eval": Known(clear),
        "bias_disambiguated_kobbq": Known(clear), "bias_bound": Known(1 - unknown),
        "accuracy_ambiguous": mean_of(shares[:, 2]), "out_of_choice_share": Known(3 * out / 5),
        "accuracy_disambiguated": mean_of([1.0] * (_TRIED - wrong) + [0.5] * wrong),
        "order_changes": Known(3 * ambiguous.count("A") / (5 * _TRIED)),
    }  # fmt: skip
