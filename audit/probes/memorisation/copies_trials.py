"""Texts of which it is known what they share with a corpus: a phrase that all have, and passages of its documents.

    copy      a passage of a document, word for word
    near      the same in other letters, with one word in the middle exchanged
    own       words that stand nowhere else
    short     the phrase alone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Trial, mean_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed

__all__ = ["observations", "trials"]

_CONTROLS, _TRIED, _HELD, _NEAR = 24, 20, 2, 3
"""Texts of either side; how many held-out ones copy, and how many of either side nearly."""
_WORDS, _NGRAM = 8, 5
_PHRASE = "in accordance with the"
"""What every text and document begins with: four words, the shortest run that is seen."""


def observations(probe: Any, known: tuple[float, float]) -> Observed:
    """Return observations of texts and held-out ones of which these shares copy so many words as the probe wants."""
    import pandas as pd

    seen = {"corpus": _corpus(_CONTROLS, probe.words)}
    for role, share in zip(("items", "held_out"), known, strict=True):
        kinds = ["copy" if at < round(share * _CONTROLS) else "own" for at in range(_CONTROLS)]
        outputs = [_text(role[:4], at, kind, probe.words) for at, kind in enumerate(kinds)]
        frame = pd.DataFrame({"prompt": None, "output": outputs, "unit": None}, dtype=object)
        seen[role] = frame.set_axis(pd.Index([f"{role}-{at}" for at in range(_CONTROLS)], name="id"), axis=0)
    return seen


def _corpus(count: int, words: int) -> pd.DataFrame:
    import pandas as pd

    texts = [f"{_PHRASE} {' '.join(_passage(at, words))} end {at}" for at in range(count)]
    return pd.DataFrame({"text": texts}, pd.Index([f"document-{at}" for at in range(count)], name="id"))


def _passage(at: int, words: int) -> list[str]:
    return [f"w{at}x{place}" for place in range(words)]


def _text(role: str, at: int, kind: str, words: int) -> str:
    """Return a text of the phrase, one word of its own, and so many words that are copied, nearly, or its own."""
    if kind == "short":
        return _PHRASE
    told = _passage(at, words) if kind != "own" else [f"{role}{at}y{place}" for place in range(words)]
    if kind == "near":
        told = [f"{role}{at}" if place == words // 2 else word.upper() for place, word in enumerate(told)]
    return " ".join([_PHRASE, f"{role}{at}z", *told])


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return texts that copy no more often than held-out ones, and two sizes of more, with one short text and two."""
    tried = replace(probe, words=_WORDS, near=1 / _WORDS, ngram=_NGRAM)
    return [_trial(tried, rng, dose, count) for dose, count in enumerate((_HELD, 8, 15))]


def _trial(probe: Any, rng: np.random.Generator, dose: int, count: int) -> Trial:
    import pandas as pd

    kinds = {"items": [*_kinds(count)[: _TRIED - dose], *["short"] * dose], "held_out": _kinds(_HELD)}
    texts = {role: [_text(role[:4], at, kind, _WORDS) for at, kind in enumerate(own)] for role, own in kinds.items()}
    said = {f"Prompt {at}": text for at, text in enumerate(texts["items"])}
    items: dict[str, Any] = {"prompt": list(said)}
    if probe.answers == "given":
        items["output"] = list(said.values())

    def role(name: str, columns: Mapping[str, Any]) -> pd.DataFrame:
        ids = pd.Index([f"{name}-{at}" for at in range(_TRIED)], name="id")
        return pd.DataFrame(columns, ids).iloc[rng.permutation(_TRIED)]

    def sample(prompts: Sequence[str]) -> Mapping[str, Any]:
        return {"content": [said[one] for one in prompts], "finish": "stop", "problem": None}

    held = role("held_out", {"text": texts["held_out"]})
    data = {"items": role("items", items), "held_out": held, "corpus": _corpus(_TRIED, _WORDS)}
    return Trial(dose > 0, data, {("main", "sample"): sample}, _known(kinds), probe)


def _kinds(copied: int) -> list[str]:
    return ["copy" if at < copied else "near" if at < copied + _NEAR else "own" for at in range(_TRIED)]


def _known(kinds: Mapping[str, Sequence[str]]) -> KnownMeasures:
    """Return what is known of texts of these kinds."""
    import numpy as np

    copied, near = (
        {role: np.array([kind in counts for kind in own]) for role, own in kinds.items()}
        for counts in (("copy",), ("copy", "near"))
    )
    known: KnownMeasures = {}
    for name, told in (("copied", copied), ("near_copied", near)):
        known |= {
            (f"{name}_share", None): mean_of(told["items"], _TRIED),
            (f"{name}_share", "held_out"): mean_of(told["held_out"], _TRIED),
            (f"{name}_above_held_out", None): Known(float(told["items"].mean() - told["held_out"].mean())),
        }  # fmt: skip
    phrase, grams = len(_PHRASE.split()), len(_PHRASE.split()) + 1 + _WORDS - _NGRAM + 1
    runs = np.where(copied["items"], float(_WORDS), phrase)
    short = np.array([kind == "short" for kind in kinds["items"]])
    return known | {
        ("copied_run", None): mean_of(runs), ("normalised_run", None): mean_of(runs),
        ("ngram_overlap", None): mean_of(copied["items"] * (_WORDS - _NGRAM + 1) / grams),
        ("text_words", None): mean_of(np.where(short, phrase, phrase + 1.0 + _WORDS)),
        ("longest_run", None): Known(float(_WORDS), certain=True),
        ("short_texts", None): Known(float(short.sum()), certain=True),
    }  # fmt: skip
