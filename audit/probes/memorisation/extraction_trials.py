"""Texts of which it is known how much comes out again: scripted traces, and outputs in known words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, mean_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Answer, KnownMeasures, Observed

__all__ = ["observations", "trials"]

_CONTROLS, _TRIED = 24, 20
_PREFIX, _SUFFIX = 3, 4
_OUT, _IN = -0.25, -9.0
"""Nats of a token of a suffix that comes out, and of the first one of a suffix that does not."""


def observations(parts: Sequence[str], *, known: tuple[float, float]) -> Observed:
    """Return observations of texts and held-out ones of which these shares come out again."""
    return {
        role: _observed(role, share, parts) for role, share in zip(("items", "held_out"), known, strict=True)
    }


def _observed(role: str, share: float, parts: Sequence[str]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    out = np.arange(_CONTROLS) < round(share * _CONTROLS)
    texts = [_text(role, at) for at in range(_CONTROLS)]
    begins = [len(" ".join(text.split()[:_PREFIX])) for text in texts]
    traced, written = "trace" in parts, "generation" in parts
    frame = pd.DataFrame({
        "text": texts, "unit": None, "not_asked": None, "prefix_end": begins, "suffix_end": [len(one) for one in texts],
        "log_probs": [_nats(one) if traced else None for one in out.tolist()],
        "ranks": [_ranks(one) if traced else None for one in out.tolist()],
        "tied": [0 if one and traced else None for one in out.tolist()],
        "output": [
            (text[at:] if one else " of other words") if written else None
            for text, at, one in zip(texts, begins, out.tolist(), strict=True)
        ],
        "generated": written,
    }, dtype=object)  # fmt: skip
    return frame.set_axis(pd.Index([f"{role}-{at}" for at in range(_CONTROLS)], name="id"), axis=0)


def _text(role: str, at: int) -> str:
    """Return a text of words that no other has."""
    return " ".join(f"{role}{at}w{place}" for place in range(_PREFIX + _SUFFIX))


def _nats(out: bool) -> list[float]:
    return [_OUT if out else _IN, *[_OUT] * (_SUFFIX - 1)]


def _ranks(out: bool) -> list[float]:
    return [1.0 if out else 5.0, *[1.0] * (_SUFFIX - 1)]


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return texts that come out no more often than held-out ones, and two sizes of more."""
    tried = replace(probe, prefix=_PREFIX, suffix=_SUFFIX, tries=10, probability=0.5, near=0.1)
    return [_trial(tried, rng, dose, out) for dose, out in enumerate((3, 9, 17))]


def _trial(probe: Any, rng: np.random.Generator, dose: int, out: int) -> Trial:
    import pandas as pd

    words = {role: [_text(role, at) for at in range(_TRIED)] for role in ("items", "held")}
    comes = {text: at < count for role, count in (("items", out), ("held", 3)) for at, text in enumerate(words[role])}

    def role(texts: list[str]) -> pd.DataFrame:
        return pd.DataFrame({"text": texts}, index=pd.Index(texts, name="id")).iloc[rng.permutation(_TRIED)]

    data = {"items": role(words["items"]), "held_out": role(words["held"])}
    answers = _answers(comes)
    if probe.top_k is not None:
        answers["main", "token_alternatives"] = _alternatives(comes)
    return Trial(dose > 0, data, answers, _known(probe.parts, words["items"], out), probe)


def _answers(comes: Mapping[str, bool]) -> dict[tuple[str, str], Answer]:
    """Return the script of a model of which it is planned whether each text comes out."""
    import numpy as np

    def trace(items: Sequence[str]) -> Mapping[str, Any]:
        before = [-1.0] * _PREFIX
        return {
            "item": np.repeat(np.arange(len(items)), _PREFIX + _SUFFIX), "element": "",
            "log_prob": [nats for one in items for nats in (*before, *_nats(comes[one]))],
            "rank": [rank for one in items for rank in (*[2.0] * _PREFIX, *_ranks(comes[one]))],
        }  # fmt: skip

    def sample(items: Sequence[str]) -> Mapping[str, Any]:
        whole = [next(text for text in comes if text.startswith(f"{one} ")) for one in items]
        told = [text[len(one) :] if comes[text] else " x" for one, text in zip(items, whole, strict=True)]
        return {"content": told, "finish": "stop", "problem": None}

    return {("main", "trace"): trace, ("main", "sample"): sample}


def _alternatives(comes: Mapping[str, bool]) -> Answer:
    """Return the script that tells of each token the two likeliest, of which the true one is the first or none."""

    def alternatives(items: Sequence[str]) -> Mapping[str, Any]:
        first = {True: [_OUT, _IN], False: [_OUT, 2 * _OUT]}
        rest = [[_OUT, _IN]] * (_SUFFIX - 1)
        return {"log_probs": [[*[[-1.0, -2.0]] * _PREFIX, first[comes[one]], *rest] for one in items]}

    return alternatives


def _known(parts: Sequence[str], texts: Sequence[str], out: int) -> KnownMeasures:
    """Return what is known where the first `out` of the texts come out, and three of the held-out ones."""
    import numpy as np

    own, held = (np.arange(_TRIED) < count for count in (out, 3))
    known: KnownMeasures = {}
    for column, part in (("extractable", "trace"), ("extracted", "trace"), ("near_verbatim", "generation")):
        if part in parts:
            known |= {
                (f"{column}_share", None): mean_of(own, _TRIED), (f"{column}_share", "held_out"): mean_of(held, _TRIED),
                (f"{column}_above_held_out", None): Known(float(own.mean() - held.mean())),
            }  # fmt: skip
    if "trace" in parts:
        known["greedy_run", None] = mean_of(np.where(own, float(_SUFFIX), 0.0))
    if "generation" in parts:
        suffixes = [len(text) - len(" ".join(text.split()[:_PREFIX])) for text in texts]
        known["reproduced", None] = mean_of(np.where(own, suffixes, 1))
    return known
