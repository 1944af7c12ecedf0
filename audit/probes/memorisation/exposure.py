"""Does a model know secrets that were planted better than others of the same form?

    log_prob         log p(x), exact or a bound, of the canary and of each alternative
    denoising_loss   minus the mean of a diffusion model's denoising-loss curve, at the same noise for all

Alternatives are those of a canary's own, in a list or drawn from its pattern, or a set that all canaries share. What a
pattern draws depends on the canary's id alone, so it can be made again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.model import Continuation
from audit.probe import AUROC, COUNT, P_VALUE, SHARE, Ask, Observed, Range, Role
from audit.probes.items import shown_items, without_nan
from audit.probes.novelty.scores import needed_for, own_answers
from audit.seeds import rng_for
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.arrays import Items
    from detectors.result import Result

__all__ = ["Exposure"]

_CONTENT = {
    "text": "the canary, a text; one of text, image, series, row",
    "image": "image as numbers [row, column] or [channel, row, column]",
    "series": "series as numbers [step]",
    "row": "numbers of a row of a table",
}
_FIELDS = {
    **_CONTENT,
    "prompt": "what stands before a text, and is not scored",
    "pattern": "form of a text, with {digits:6}, {letters:8} or {number:4000-4259} where the secret stands",
    "alternatives": "texts of the same form, a list; absent = of its pattern, or the role `alternatives`",
    "group": "what may matter, e.g. how often it was planted",
}
_CANARY = Role(_FIELDS, frozenset(_FIELDS), lists=frozenset({"alternatives"}))
_BITS = Range("bits")


@immutable
class Exposure:
    """By how many bits planted canaries are more exposed than chance explains, beside canaries that never were."""

    score: Literal["log_prob", "denoising_loss"] = "log_prob"
    """By what canary and alternatives are ranked; `denoising_loss` of diffusion models."""
    alternatives: int = 1000
    """How many are drawn from a canary's pattern; all of them where it has no more."""
    space: int | None = None
    """How many the form has, where alternatives are given and it is known; a model passes more easily then."""
    fdr: float = field(default=0.05, metadata={"later": True})
    """False discovery rate at which canaries are found memorised."""
    bits: float = field(default=5.0, metadata={"later": True})
    """From how many bits on a canary counts as exposed; of canaries that nobody planted, one in 2^bits is."""

    name: ClassVar[str] = "memorisation.exposure"
    dimension: ClassVar[str] = "memorisation"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": _CANARY,
        "held_out": Role(_FIELDS, _CANARY.optional, required=False, lists=_CANARY.lists),
        "alternatives": Role(_CONTENT, frozenset(_CONTENT), required=False),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "exposure_above_chance": _BITS, "exposure": Range("bits", 0),
        "memorised_share": Range("share", 0, 1, instead="exposed_share"), "exposed_share": SHARE,
        "exposure_p": P_VALUE, "auroc_above_held_out": AUROC, "held_out_exposure": Range("bits", 0),
        "held_out_p": P_VALUE, "cap": Range("bits", 0), "alternatives": COUNT, "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse options that nothing can be told with."""
        if self.alternatives < 1 or (self.space is not None and self.space < 2):
            got = f"{self.alternatives} and {self.space}"
            raise ValueError(f"alternatives, space: got {got}; allowed: 1 or more, 2 or more")
        if not 0 < self.fdr < 1:
            raise ValueError(f"fdr: got {self.fdr:g}; allowed: more than 0, less than 1")
        if self.bits <= 0:
            raise ValueError(f"bits: got {self.bits:g}; allowed: more than 0")

    @property
    def needs(self) -> frozenset[str]:
        """What the score needs."""
        return needed_for(self.score)

    def estimate(self, items: int) -> int:
        """One each; how many alternatives come with a canary is not known before."""
        return items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with `score` and, of texts where the model tells it, `tokens`; of canaries also `members`
        (alternatives of their own, or null), their `member_score` and `member_tokens`, and `not_asked`.

        Raises DataError for items of no one kind, and for a pattern that is none.
        """
        from detectors.arrays import field_of, objects

        shown = shown_items(self.name, items)
        name, cells = field_of(items), shown if isinstance(shown, list) else shown.tolist()  # type: ignore[union-attr]
        rows = items.assign(**{name: objects(cells, items.index)})
        if role == "alternatives":
            return without_nan(rows.assign(**self._answered(ask, list(shown), shown)))
        rows = without_nan(rows.reindex(columns=[name, "prompt", "pattern", "alternatives", "group"]))
        rows["not_asked"] = [_lacks(row) for row in rows.to_dict("records")]
        members = [self._members(str(at), row) for at, row in zip(rows.index, rows.to_dict("records"), strict=True)]
        rows["members"] = objects(members, rows.index)
        return self._with_answers(ask, rows.drop(columns="alternatives"), shown)

    def _members(self, canary: str, row: Mapping[Any, Any]) -> list[str] | None:
        """Return the alternatives of a canary's own; None where it shares them, or is not asked about."""
        if row["alternatives"] is not None:
            return list(row["alternatives"])
        if row["not_asked"] is not None or row["pattern"] is None:
            return None
        from detectors.memorisation.patterns import Form

        return Form(row["pattern"]).others(row["text"], self.alternatives, rng_for(0, self.name, canary))

    def _with_answers(self, ask: Ask, rows: pd.DataFrame, shown: Items) -> pd.DataFrame:
        """Ask about canaries and alternatives of their own at once, and return the canaries with the answers."""
        import numpy as np
        import pandas as pd

        from detectors.arrays import objects

        told = rows["not_asked"].isna()
        asked = [
            [canary, *(own or [])] for canary, own, kept in zip(shown, rows["members"], told, strict=True) if kept
        ]
        prompts = np.repeat(rows["prompt"].to_numpy(object)[told], [len(each) for each in asked]).tolist()
        contents = [one for each in asked for one in each]
        pairs = zip(contents, prompts, strict=True)
        items = [one if prompt is None else Continuation(prompt, one) for one, prompt in pairs]
        found = self._answered(ask, items, contents if isinstance(shown, list) else shown)
        ends = np.cumsum([len(each) for each in asked]).tolist()
        columns = {}
        for name, cells in found.items():
            parts = [cells[end - len(each) : end] for end, each in zip(ends, asked, strict=True)]
            columns[name] = objects([part[0] for part in parts], rows.index[told])
            columns[f"member_{name}"] = objects([part[1:] for part in parts], rows.index[told])
        return without_nan(rows.join(pd.DataFrame(columns)))

    def _answered(self, ask: Ask, items: list[Any], contents: Items) -> dict[str, list[Any]]:
        """Return `score` and `tokens` of every item; null where there is none."""
        import numpy as np

        if not items:
            return {"score": [], "tokens": []}
        told = own_answers(ask, items, self.score)
        by_loss = self.score == "denoising_loss"
        scores = [-float(np.mean(one)) for one in told["denoising_curve"]] if by_loss else told["log_prob"].tolist()
        tokens: list[Any] = [None] * len(items)
        if isinstance(contents, list) and ask.can("token_ids"):
            tokens = [len(ids) for ids in ask("token_ids", contents)["ids"]]
        return {"score": [None if one != one else one for one in scores], "tokens": tokens}

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.memorisation.exposure`."""
        from detectors.memorisation.exposure import exposure

        told = {role: without_nan(frame) for role, frame in observed.items()}
        return exposure(told, fdr=self.fdr, bits=self.bits, space=self.space, level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 24 canaries of which every third is likelier than all its alternatives, and the same with none.

        The fault is planted where a wrong judge would miss it: each canary has alternatives of its own, and all of some
        are likelier than any of others. Ranks of the clean twin are spread evenly.
        """
        from audit.probes.memorisation.exposure_trials import observations

        return observations(rng, planted=3), observations(rng, planted=None)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above what chance gives."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 16 canaries of which none, six or twelve are likelier than all of 63 alternatives."""
        from audit.probes.memorisation.exposure_trials import trials

        return trials(self, rng)


def _lacks(row: Mapping[Any, Any]) -> Cause | None:
    """Return why nothing is asked about a canary, or None; raises DataError for a pattern without a place."""
    from detectors.memorisation.patterns import Form

    if row["pattern"] is None:
        return None
    try:
        form = Form(row["pattern"])
    except ValueError as error:
        raise DataError(str(error)) from None
    return None if form.has(row.get("text") or "") else Cause("it is not of the form {pattern}", pattern=row["pattern"])
