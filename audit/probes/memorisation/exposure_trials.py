"""Canaries whose exposure is known: scripted models that put each at a stated place among its alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, auroc_of, likely_as, mean_of, overall

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed

__all__ = ["observations", "trials"]

_CONTROLS, _TRIED, _SIZE = 24, 16, 64
"""Canaries of a control and of a trial; places among the alternatives, one more than these."""


def observations(rng: np.random.Generator, *, planted: int | None) -> Observed:
    """Return canaries with alternatives of their own, of which every `planted`-th is likelier than all of them."""
    import numpy as np

    place = (np.arange(_CONTROLS) + 0.5) / _CONTROLS * _SIZE
    if planted is not None:
        place[::planted] = 0
    levels = rng.permutation(_CONTROLS) * 200.0
    held = rng.permutation((np.arange(_CONTROLS) + 0.5) / _CONTROLS * _SIZE)
    return {"items": _frame("a", place, levels), "held_out": _frame("b", held, levels)}


def _frame(name: str, place: np.ndarray, levels: np.ndarray) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    others = levels[:, None] - np.arange(_SIZE - 1)
    frame = pd.DataFrame({
        "text": [f"{name}{number:02}" for number in range(_CONTROLS)], "prompt": None, "pattern": None, "group": None,
        "not_asked": None, "tokens": None, "score": levels + 0.5 - place.astype(int),
        "members": [[f"{name}{number:02} {one}" for one in range(_SIZE - 1)] for number in range(_CONTROLS)],
        "member_score": others.tolist(), "member_tokens": None,
    }, dtype=object)  # fmt: skip
    return frame.set_axis(pd.Index([f"{name}-{number}" for number in range(_CONTROLS)], name="id"), axis=0)


def trials(probe: Any, rng: np.random.Generator) -> Sequence[Trial]:
    """Return canaries that are not exposed, and six and twelve of 16 that are likelier than all alternatives."""
    tried = replace(probe, score="log_prob", space=None, fdr=0.05, bits=5.0)
    return [_trial(tried, rng, dose) for dose in range(3)]


def _trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np
    import pandas as pd

    planted, held = (np.linspace(3, _SIZE, _TRIED).astype(int) for _ in range(2))
    planted[: 6 * dose] = 1
    held = np.minimum(held + 4 * dose, _SIZE)
    table = {f"alternative {place}": 1.5 - place for place in range(1, _SIZE)}
    table |= {f"canary {at}": 2.0 - place for at, place in enumerate(planted.tolist())}
    table |= {f"held out {at}": 2.0 - place for at, place in enumerate(held.tolist())}

    def role(begins: str) -> pd.DataFrame:
        texts = [text for text in table if text.startswith(begins)]
        frame = pd.DataFrame({"text": texts}, index=pd.Index([f"{begins} {at}" for at in range(len(texts))], name="id"))
        return frame.iloc[rng.permutation(len(texts))]

    bits = [np.log2(_SIZE / place) for place in (planted, held)]
    chance = float(np.log2(_SIZE) - np.log2(np.arange(1, _SIZE + 1)).mean())
    found = np.where(planted == 1, 1.0, 0.0)
    spread = float(bits[0].std() / np.sqrt(_TRIED))
    known = {
        "exposure": Known(float(bits[0].mean())), "held_out_exposure": Known(float(bits[1].mean())),
        "exposure_above_chance": Known(float(bits[0].mean()) - chance, error=spread / 4),
        "memorised_share": mean_of(found), "exposed_share": mean_of(found, _TRIED),
        "auroc_above_held_out": auroc_of(bits[1], bits[0]),
    }  # fmt: skip
    script = {("main", "log_prob"): likely_as(table.__getitem__)}
    data = {"items": role("canary"), "held_out": role("held out"), "alternatives": role("alternative")}
    return Trial(dose > 0, data, script, overall(known), probe)
