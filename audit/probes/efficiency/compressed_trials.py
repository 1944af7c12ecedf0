"""Controls and trials of `efficiency.compressed`: two models whose probabilities are written down here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, likely_as, mean_of, overall

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Observed

__all__ = ["control", "trial"]

_TRIED, _PLACES = 60, 5
_NAMES = ("alpha", "beta", "gamma")
_LARGE = (0.6, 0.25, 0.15)
_SMALL = {False: (0.55, 0.35, 0.1), True: (0.3, 0.6, 0.1)}
"""Whether the answer flips -> probabilities of the small model, of the names in order."""


def _ranked(chances: Sequence[float], share: float) -> tuple[list[str], list[float]]:
    """Return (names, nats), likeliest first; all of them together have a share of the whole."""
    import numpy as np

    order = sorted(range(len(chances)), key=lambda place: -chances[place])
    return [_NAMES[place] for place in order], [float(np.log(share * chances[place])) for place in order]


def control(rng: np.random.Generator, rate: float) -> Observed:
    """Return 120 items of five places, of which the small model flips that share."""
    import pandas as pd

    flips = rng.random((120, _PLACES)) < rate
    small = [[_ranked(_SMALL[bool(one)], 0.9) for one in row] for row in flips]
    names, nats = _ranked(_LARGE, 0.9)
    frame = pd.DataFrame({
        "large_names": [[names] * _PLACES for _ in flips], "large_log_probs": [[nats] * _PLACES for _ in flips],
        "small_names": [[one[0] for one in row] for row in small],
        "small_log_probs": [[one[1] for one in row] for row in small],
        "large_nats": -10.0, "small_nats": -10.5 - flips.sum(axis=1),
    }, index=pd.Index([f"c{n}" for n in range(120)], name="id"))  # fmt: skip
    return {"items": frame}


def trial(rng: np.random.Generator, dose: int, against: str, *, classes: bool) -> Trial:
    """Return items of which no, a fifth or two fifths of the places flip, and how far the two models are.

    The first place of a text has nothing before it, and counts in no mean.
    """
    import pandas as pd

    places, share = (1, 1.0) if classes else (_PLACES, 0.9)
    flips = rng.random((_TRIED, places)) < 0.2 * dose
    nats = -rng.uniform(5, 9, _TRIED)
    drops = dose * rng.uniform(0.5, 1.5, _TRIED) + 0.01 * rng.random(_TRIED)

    def answers(*, large: bool) -> dict[str, Any]:
        told = [[_ranked(_LARGE if large else _SMALL[bool(one)], share) for one in row] for row in flips]
        log_probs = nats if large else nats - places * drops

        def tokens(items: Sequence[Any]) -> Mapping[str, Any]:
            rows = [told[int(item)] for item in items]
            return {
                "tokens": [["a"] * (places + 1) for _ in rows],
                "alternatives": [[None, *(one[0] for one in row)] for row in rows],
                "log_probs": [[None, *(one[1] for one in row)] for row in rows],
            }

        def predict(items: Sequence[Any]) -> Mapping[str, Any]:
            chances = [_LARGE if large else _SMALL[bool(flips[int(item[0]), 0])] for item in items]
            return {"probabilities": [list(one) for one in chances]}

        if classes:
            return {"predict": predict, "class_names": _named}
        return {"token_alternatives": tokens, "log_prob": likely_as(lambda item: float(log_probs[int(item)]))}

    index = pd.Index([f"trial-{n}" for n in range(_TRIED)], name="id")
    shown = {"row": [[float(n)] for n in range(_TRIED)]} if classes else {"text": [str(n) for n in range(_TRIED)]}
    scripts = {
        (model, name): one
        for model, large in ((against, True), ("main", False)) for name, one in answers(large=large).items()
    }  # fmt: skip
    return Trial(dose > 0, {"items": pd.DataFrame(shown, index=index)}, scripts, _known(flips, drops, share, classes))


def _named(items: Sequence[Any]) -> Mapping[str, Any]:
    """Return the names of the classes, for each item."""
    return {"names": [list(_NAMES) for _ in items]}


def _known(flips: np.ndarray, drops: np.ndarray, share: float, classes: bool) -> dict[Any, Known]:
    """Return what is known of flips [item, place] and drops [item], by the formulas of the two distances."""
    import numpy as np

    p, kl, apart = share * np.array(_LARGE), {}, {}
    for flip, chances in _SMALL.items():
        q = share * np.array(chances)
        kl[flip], apart[flip] = float((p * np.log(p / q)).sum()), float(np.abs(p - q).sum() / 2)
    means = {name: np.where(flips, of[True], of[False]).mean(axis=1) for name, of in (("kl", kl), ("tv", apart))}
    rate = flips.mean(axis=1)
    return overall({
        "flip_share": mean_of(rate, _TRIED if classes else None), "total_variation": mean_of(means["tv"]),
        "kl_divergence": Known(float(means["kl"].mean())),
        **({} if classes else {"log_prob_drop": Known(float(drops.mean()))}),
    })
