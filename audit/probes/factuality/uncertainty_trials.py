"""Planted observations and scripted models for `factuality.uncertainty`: who is right and how sure is known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any

from audit.model import Continuation
from audit.probes.factuality.uncertainty_asking import OBSERVED
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import KnownMeasures, Observed, Probe, Trial

__all__ = ["TRIED_DRAWS", "planted", "trial"]

TRIED_DRAWS = 3
"""Samples of each prompt of a trial."""
_PLANTED, _TRIED = 40, 24
_SAMPLES = 4
_BY_NATS = ("sequence_nll", "mean_entropy", "p_true")
"""Scores that rank the answers of a trial as their nats do."""


def _name(number: int) -> str:
    """Return a word of its own for every number."""
    return "".join("bdfgklmnpr"[int(digit)] + "aeiou"[place] for place, digit in enumerate(f"{number:04}")).capitalize()


def planted(rng: np.random.Generator, *, faulty: bool, bounds: bool) -> Observed:
    """Return answers of which half are wrong, in random order; see `Uncertainty.controls`.

    bounds: whether entropies are not known, so that there are bounds of them.
    """
    import pandas as pd

    rows = []
    for place in range(_PLANTED):
        wrong = place % 2 == 1
        said, sure = _name(10 * place + wrong), wrong == faulty
        rows.append(_sure_row(said) if sure else _unsure_row(said, place))
        rows[-1] |= {"prompt": f"planted {place}", "answer": said, "reference": [_name(10 * place)], "finish": "stop"}
    frame = pd.DataFrame(rows, columns=list(OBSERVED), dtype=object)
    frame.index = pd.Index([f"planted-{number}" for number in range(_PLANTED)], name="id")
    frame = frame.where(frame.notna(), None)
    if bounds:
        frame["entropies"] = None
    return {"items": frame.iloc[rng.permutation(_PLANTED)]}


def _sure_row(said: str) -> dict[str, Any]:
    return {
        "samples": [said] * _SAMPLES, "sample_nats": [-0.2] * _SAMPLES, "confidence": 0.9,
        **_told(said, (0.9, 0.05), -0.1, 0.4, (0.9, 0.1)), **_verified([0.9, 0.1, 0.0]),
    }  # fmt: skip


def _unsure_row(said: str, place: int) -> dict[str, Any]:
    return {
        "samples": [_name(10 * place + number) for number in range(2, 2 + _SAMPLES)],
        "sample_nats": [-3.0] * _SAMPLES, "confidence": 0.4,
        **_told(said, (0.4, 0.3), -0.9, 1.6, (0.3, 0.7)), **_verified([0.0, 0.1, 0.9]),
    }  # fmt: skip


def _told(
    said: str, likely: tuple[float, float], nats: float, entropy: float, true: tuple[float, float]
) -> dict[str, Any]:
    """Return what is known of an answer of two tokens."""
    both = [log(true[0]), log(true[1])]
    return {
        "log_probs": [nats, 2 * nats], "entropies": [entropy, 2 * entropy], "log_probs_alone": [None, -8.0],
        "tokens": [said, "."], "others": [[said, "Zuzu"], [".", "!"]],
        "top_log_probs": [[log(one) for one in likely]] * 2, "p_true": [both, both],
    }  # fmt: skip


def _verified(row: list[float]) -> dict[str, Any]:
    """Return what a verifier says of the answer's sentence and of its tokens exchanged: the same of all."""
    return {"verified_sentences": [[row] * _SAMPLES], "verified_alternatives": [[[row, row]] * 2] * 2}


def trial(tried: Probe, template: str, rng: np.random.Generator, dose: int) -> Trial:
    """Return prompts of which 1, 2, 3 in 4 are answered wrong; `dose` thirds of these are the surest of all.

    Every answer, sample and prompt has words of its own, so that one that is given to another item shows.
    """
    import pandas as pd

    from audit.probe import Trial

    answers = _Answers.planned(rng, dose)
    items = pd.DataFrame({
        "prompt": [f"who is number {number}" for number in range(_TRIED)],
        "reference": [[_name(10 * one)] for one in range(_TRIED)],
    }, index=pd.Index([f"trial-{number}" for number in range(_TRIED)], name="id"))  # fmt: skip
    asked = {template.replace("{prompt}", prompt): one for one, prompt in enumerate(items["prompt"])}
    script = _Script(asked, answers.drawn(), answers.nll)
    told = {("main", name): getattr(script, name) for name in ("sample", "trace", "log_prob")}
    return Trial(dose > 0, {"items": items.iloc[rng.permutation(_TRIED)]}, told, answers.known(), tried)


@immutable
class _Answers:
    """What is planned for each prompt, [prompt]."""

    wrong: np.ndarray
    """Whether the answer is wrong."""
    same: np.ndarray
    """How many samples say the same, the answer among them."""
    nll: np.ndarray
    """How unlikely the answer is, in nats."""

    @classmethod
    def planned(cls, rng: np.random.Generator, dose: int) -> _Answers:
        """Return answers of which all samples say the same and which are likely, or neither."""
        import numpy as np

        place = np.arange(_TRIED)
        wrong = place % 4 > 2 - dose
        sure = np.where(wrong, place % 6 < 2 * dose, place % 5 > dose)
        nll = (0.1 + 0.01 * place) + np.where(sure, 0, 3) + 0.005 * rng.random(_TRIED)
        nll[wrong & sure] /= 10
        return cls(wrong, np.where(sure, TRIED_DRAWS, 1), nll)

    def drawn(self) -> list[list[str]]:
        """Return the samples of each prompt, the answer first."""
        rows = []
        for place, (wrong, same) in enumerate(zip(self.wrong.tolist(), self.same.tolist(), strict=True)):
            others = [_name(10 * place + 2 + number) for number in range(same, TRIED_DRAWS)]
            rows.append([_name(10 * place + int(wrong))] * same + others)
        return rows

    def known(self) -> KnownMeasures:
        """Return what is known of scores that rank answers as their nats and their samples do."""
        from audit.probe import Known, auroc_of, mean_of

        wrong, same, nll = self.wrong, self.same, self.nll
        confident, cocoa = same == TRIED_DRAWS, nll * (1 - same / TRIED_DRAWS)
        headline = auroc_of(cocoa[~wrong], cocoa[wrong])
        return {
            ("auroc", None): headline, ("above_length", None): Known(headline.value - 0.5),
            ("auroc", "answer_words"): Known(0.5),
            **{("auroc", name): auroc_of(nll[~wrong], nll[wrong]) for name in _BY_NATS},
            ("auroc", "disagreement"): auroc_of(-same[~wrong], -same[wrong]),
            ("wrong_share", None): mean_of(wrong, _TRIED), ("agreement", None): mean_of(same / TRIED_DRAWS),
            ("confident_falsehood", "labels"): mean_of(confident & wrong, _TRIED),
            ("confident_truth", "labels"): mean_of(confident & ~wrong, _TRIED),
            ("agree_share", None): mean_of(confident, _TRIED),
            ("doubted_truth", "labels"): mean_of(~confident & ~wrong, _TRIED),
            ("doubted_falsehood", "labels"): mean_of(~confident & wrong, _TRIED),
        }


class _Script:
    """A model of which every answer is known."""

    def __init__(self, asked: Mapping[str, int], drawn: Sequence[Sequence[str]], nll: np.ndarray) -> None:
        self.asked, self.drawn, self.nll = asked, drawn, nll
        self.of_text = {one: place for place, row in enumerate(drawn) for one in row}

    def sample(self, prompts: Sequence[str]) -> Mapping[str, Any]:
        """Return the answer to each prompt, and to one that comes again the next draw."""
        seen: dict[str, int] = {}
        texts = []
        for prompt in prompts:
            seen[prompt] = seen.get(prompt, -1) + 1
            texts.append(self.drawn[self.asked[prompt]][seen[prompt]])
        return {"content": texts, "finish": "stop", "elements": 2, "problem": None}

    def trace(self, items: Sequence[Any]) -> Mapping[str, Any]:
        """Return two tokens of each answer, which after another prompt than its own would be another's."""
        nll = [
            9.0 if isinstance(item, str) else float(self.nll[self.asked[item.prompt]]) for item in items
        ]
        parts = [-share * one for one in nll for share in (0.25, 0.75)]
        return {
            "item": [place for place in range(len(items)) for _ in range(2)], "element": "x", "log_prob": parts,
            "entropy": [-part for part in parts], "variance": 1.0, "rank": 1,
        }  # fmt: skip

    def log_prob(self, items: Sequence[Continuation]) -> Mapping[str, Any]:
        """Return how likely a sample is, or one of two letters: the less so the less the answer in the prompt is."""
        return {"log_prob": [self._nats(item) for item in items], "kind": "exact"}

    def _nats(self, item: Continuation) -> float:
        if item.prompt in self.asked:
            return -2.0
        words = item.prompt.split()
        true = words[words.index("(A)" if item.text == " A" else "(B)") + 1] == "True"
        said = next(word for word in words if word in self.of_text)
        return -float(self.nll[self.of_text[said]]) if true else -1.0
