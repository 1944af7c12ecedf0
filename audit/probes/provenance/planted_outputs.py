"""Outputs as they are read, made up for the controls and trials of `provenance.duties`: which layer each lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import KnownMeasures, Trial

__all__ = ["duties_trials", "planted_outputs"]

_SIZE = 60
_PARTS = ("signature", "mark", "label", "size", "source", "items")
_LACKS: Mapping[str, frozenset[str]] = {
    "eu-code-layers": frozenset({"signature", "mark"}), "eu-code-signed": frozenset({"signature"}),
    "eu-code-mark": frozenset({"mark"}), "cn-metadata": frozenset({"label"}), "cn-visible": frozenset({"size"}),
    "iptc-source": frozenset({"source"}),
}
"""Duty -> what an output must not lack to keep it."""
_LAST = "2027-06-01"
"""A day on which every duty is in force."""
_BEFORE = "2026-09-29"
"""A day on which one with five items is not yet."""


def planted_outputs(kept: float, *, everything: bool = True, day: str = _LAST) -> pd.DataFrame:
    """Return images, and as many texts of 200 tokens where the others lack everything.

    kept: share of them that lack nothing. everything: whether each of the others lacks all layers; else one in turn.
    """
    import pandas as pd

    from detectors.provenance.duties import ITEMS

    lacks = _lacking(kept, ("everything",) if everything else _PARTS)

    def has(part: str) -> pd.Series[bool]:
        return ~lacks.isin([part, "everything"])

    made = pd.DataFrame({
        "kind": "image", "tokens": None, "state": has("signature").map({True: "Trusted", False: "Valid"}),
        "time_stamped": has("nothing else"), "mark": has("mark").map({True: "found", False: "not found"}),
        "source_type": has("source"), "aigc": has("label"), "worded": None,
        "label_share": has("size").map({True: 0.05, False: 0.049}),
        "disclosed": [list(ITEMS if one else ITEMS[:3]) for one in has("items")],
    }, dtype=object)  # fmt: skip
    if everything:
        made.loc[lacks.eq("everything"), "state"] = "none"
        texts = made.assign(kind="text", tokens=200.0, worded=has("words"), state="none", label_share=None)
        made = pd.concat([made, texts], ignore_index=True)
    made["digest"] = [f"planted-{at}" for at in range(len(made))]
    return made.assign(day=day, anchored=True).set_index(pd.Index(made["digest"], name="id"))


def _lacking(kept: float, parts: Sequence[str]) -> pd.Series[str]:
    """Return what each output lacks: this share nothing, the others these parts in turn."""
    import pandas as pd

    own = round(_SIZE * kept)
    return pd.Series(["nothing"] * own + [parts[at % len(parts)] for at in range(_SIZE - own)])


def duties_trials(probe: Any) -> list[Trial]:
    """Return images of which all, half and few lack nothing, each of the others one layer."""
    from audit.probe import Trial, mean_of

    made = []
    for share in (1.0, 0.5, 0.1):
        outputs = planted_outputs(share, everything=False, day=_BEFORE)
        lacks = _lacking(share, _PARTS)
        known: KnownMeasures = {
            ("all_duties_share", None): mean_of(lacks.isin(["nothing", "items"]), _SIZE),
            **{("duty_share", duty): mean_of(~lacks.isin(of), _SIZE) for duty, of in _LACKS.items()},
            ("coming_duty_share", "ca-five-items"): mean_of(lacks.ne("items"), _SIZE),
        }
        asked = replace(probe, rules=(*_LACKS, "ca-five-items"), placed=None)
        made.append(Trial(share < 1, {"items": outputs}, {}, known, asked))
    return made
