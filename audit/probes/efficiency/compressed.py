"""Does a small model (quantised, distilled, pruned) answer as the large one that it stands for, on the same items?

    tokens    at each token of a text, the likeliest next ones of both models, and the likelihood of the text
    classes   the class of each item, by both classifiers

    model: {use: causal_lm, path: ./small.gguf}
    helpers: {large: {use: causal_lm, path: ./large}}
    probe: {use: efficiency.compressed}
    limit: {measure: flip_share, at_most: 0.05}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import NATS, NATS_GAP, SHARE, Ask, Observed, Range, Role
from audit.probes.items import DRAWN_FOR, shown_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Compressed"]


@immutable
class Compressed:
    """How often the likeliest answer flips against a larger model, and how far the probabilities are."""

    against: str = "large"
    """Helper that the audited model stands for."""
    mode: Literal["tokens", "classes"] = "tokens"
    """`tokens` of language models with one tokenizer, `classes` of classifiers with the same classes."""
    k: int = 10
    """How many of the likeliest tokens of a place each model names; what one alone names counts as the rest."""

    name: ClassVar[str] = "efficiency.compressed"
    dimension: ClassVar[str] = "efficiency"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {**DRAWN_FOR.fields, "unit": "independent unit; absent = every item is its own"},
            optional=frozenset({*DRAWN_FOR.optional, "unit"}),
        )
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "flip_share": SHARE, "total_variation": SHARE, "kl_divergence": NATS_GAP, "log_prob_drop": NATS,
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse a number of tokens of which none is likeliest."""
        if self.k < 2:
            raise ValueError(f"k is {self.k}; allowed: 2 or more")

    @property
    def needs(self) -> frozenset[str]:
        """What tells the likeliest tokens, or the probabilities of classes."""
        return frozenset({"token_alternatives", "log_prob"} if self.mode == "tokens" else {"predict"})

    def estimate(self, items: int) -> int:
        """Return what both models are asked of every item."""
        return items * (4 if self.mode == "tokens" else 2)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the columns of `detectors.efficiency.compressed`, a row an item.

        Raises DataError for items of no one kind, and for models that read other tokens or know other classes.
        """
        from detectors.arrays import objects

        shown = list(shown_items(self.name, items))
        asked = self._tokens if self.mode == "tokens" else self._classes
        large, small = asked(ask, shown, self.against), asked(ask, shown, "main")
        if large["places"] != small["places"]:
            what = "tokens" if self.mode == "tokens" else "classes"
            raise DataError(f"{self.name}: {self.against} has other {what} than the model; allowed: the same")
        frame = items[["unit"]].copy() if "unit" in items else items[[]].copy()
        for side, told in (("large", large), ("small", small)):
            for name in ("names", "log_probs", "nats"):
                frame[f"{side}_{name}"] = objects(told[name], items.index)
        return frame

    def _tokens(self, ask: Ask, shown: list[Any], model: str) -> dict[str, list[Any]]:
        told = ask("token_alternatives", shown, model=model, k=self.k)
        nats = ask("log_prob", shown, model=model)["log_prob"]
        return {
            "places": [list(one) for one in told["tokens"]], "nats": nats.to_list(),
            "names": _lists(told["alternatives"]), "log_probs": _lists(told["log_probs"]),
        }

    def _classes(self, ask: Ask, shown: list[Any], model: str) -> dict[str, list[Any]]:
        import numpy as np

        rows = np.stack(ask("predict", shown, model=model)["probabilities"].to_list()).astype(float)
        named = ask("class_names", shown[:1], model=model)["names"].iloc[0]
        labels = [str(one) for one in named]
        order = np.argsort(-rows, axis=1, kind="stable")
        nats = np.log(np.maximum(np.take_along_axis(rows, order, axis=1), 1e-300))
        return {
            "places": [labels], "nats": [None] * len(rows),
            "names": [[[labels[place] for place in one]] for one in order],
            "log_probs": [[one] for one in nats.tolist()],
        }

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.efficiency.compressed`."""
        from detectors.efficiency.compressed import compressed

        return compressed(observed["items"], level=level, rng=rng, labels=self.mode == "classes")

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 120 items of which the small model flips four places in ten, and such of which it flips one in 50."""
        from audit.probes.efficiency.compressed_trials import control

        return control(rng, 0.4), control(rng, 0.02)

    def found(self, result: Result) -> bool:
        """Tell whether surely more than a tenth of the answers flip."""
        low = result.headline.low
        return low is not None and low > 0.1

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return models that flip nothing, and answers in two shares, with known distances in all."""
        from audit.probes.efficiency.compressed_trials import trial

        return [trial(rng, dose, self.against, classes=self.mode == "classes") for dose in range(3)]


def _lists(cells: Any) -> list[Any]:
    """Return lists of lists, null where a place has none."""
    return [[None if one is None else list(one) for one in cell] for cell in cells]
