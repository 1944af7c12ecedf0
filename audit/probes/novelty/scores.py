"""The scores by which a generative model says how strange an item is, and the questions that give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from audit import plugins
from audit.model import ABILITIES
from audit.probe import Ask, Role
from audit.probes.items import lists_by_item

if TYPE_CHECKING:
    import pandas as pd

    from detectors.arrays import Items

__all__ = [
    "QUESTIONS", "ROLES", "Bar", "Raw", "Score", "calibration_needed", "further_answers", "further_questions",
    "needed_for", "own_answers", "token_traces",
]

_FIELDS = {
    "image": "image as numbers [row, column] or [channel, row, column]; one of image, series, row, text",
    "series": "series as numbers [step]",
    "row": "numbers of a row of a table, or features, each in a unit of its own",
    "text": "text",
    "unit": "independent unit, e.g. the photo that a patch is from; absent = every item is its own",
    "strange": "of a foreign series, which of its steps are strange, 0 or 1 each; absent = nobody says",
    "group": "group within which items are judged, e.g. the language; absent = all are judged alike",
}
Raw = Literal["log_prob", "critic", "denoising_loss"]
"""What a model says of itself."""
Score = Literal[
    "log_prob", "critic", "denoising_loss",
    "typicality", "input_complexity", "zlib_ratio", "dose", "reference_ratio", "waic", "combined_tests",
    "min_k", "min_k_plus_plus", "windowed_maximum", "curvature",
    "bias_corrected", "iwae", "reconstruction", "kl", "likelihood_regret",
    "denoising_z", "denoising_density", "multi_reconstruction", "inpainting", "diffusion_path", "flow_nll",
    "score_norms", "posterior_spectrum", "partial_bound_ratio", "likelihood_and_dimension", "two_stage",
    "inversion", "latent_norm", "latent_typicality", "f_anogan",
]
"""As in `detectors.novelty.catalogue`."""
Bar = Literal["dte_np", "isolation_forest"]
"""What needs no model and stands beside others only where asked for; `dte_np` stands beside rows anyway."""
QUESTIONS: Mapping[str, str] = {
    "log_prob": "log_prob", "critic": "discriminate", "denoising_loss": "denoising_curve"
}
"""A model's own score -> what the model is asked for it."""
ROLES: Mapping[str, Role] = {
    **{name: Role(_FIELDS, frozenset(_FIELDS), unseen=True) for name in ("items", "fit", "calibration")},
    "foreign": Role(_FIELDS, frozenset(_FIELDS), required=False, unseen=True),
    "reference": Role(_FIELDS, frozenset(_FIELDS), required=False),
}
"""`items`: familiar, held out. `fit`, `calibration`: more such, for scores and for decisions. `foreign`: what the model
has not learnt. `reference`: what it has learnt, for kNN and the mixture; absent = `fit` serves them too."""


def calibration_needed(items: Mapping[str, int], fdr: float, confidence: float | None = None) -> tuple[int, int]:
    """Return how many calibration units it takes before anything can be flagged, in each group and in all.

    items: role -> how many it has.
    """
    from detectors.novelty.decisions import Rule

    foreign, familiar = items.get("foreign", 0), items.get("items", 0)
    needed = Rule(fdr, confidence).needed(foreign / max(1, foreign + familiar))
    return needed, needed


def needed_for(score: Raw) -> frozenset[str]:
    """Return the abilities that a model's own score needs: its question, or those of the procedure that answers it."""
    question = QUESTIONS[score]
    if question in ABILITIES:
        return frozenset({question})
    needed: frozenset[str] = plugins.load("procedures", question).abilities
    return needed


def further_questions(columns: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return (question, `background`, `ensemble` or for the model "") -> the columns of a record that it gives."""
    from detectors.novelty.recorded import RECORDS

    asked: dict[tuple[str, str], list[str]] = {}
    for name in columns:
        asked.setdefault((RECORDS[name].question, RECORDS[name].helper), []).append(name)
    return asked


def further_answers(
    ask: Ask, items: Items, columns: Sequence[str], background: str, ensemble: Sequence[str]
) -> pd.DataFrame:
    """Return these columns of a record, a row an item; each question is asked once, of an ensemble each member."""
    import pandas as pd

    from detectors.novelty.recorded import RECORDS

    told: dict[str, Any] = {}
    for (question, helper), names in further_questions(columns).items():
        if helper == "ensemble":
            members = [ask(question, list(items), model=member)["log_prob"] for member in ensemble]
            told["ensemble_log_prob"] = pd.concat(members, axis=1).to_numpy().tolist()
            continue
        answer = ask(question, list(items), model=background if helper else "main")
        for name in names:
            column = answer[RECORDS[name].column]
            told[name] = lists_by_item(answer, column, len(items)) if question == "trace" else column.to_list()
    if "background_log_prob" in told and (spans := _token_spans(ask, items, background)) is not None:
        told["background_scored_bytes"] = spans["scored_bytes"].to_list()
    return pd.DataFrame(told)


def own_answers(ask: Ask, items: Items, score: Raw, model: str = "main") -> pd.DataFrame:
    """Return what a model of P(X) says of each item: `logit`, `denoising_curve`, or `log_prob` and its `likelihood`."""
    import pandas as pd

    from detectors.novelty.answers import ANSWERS

    answer = ask(QUESTIONS[score], list(items), model=model)
    if score == "log_prob":
        return pd.DataFrame({"log_prob": answer["log_prob"], "likelihood": answer["kind"]})
    return answer[[ANSWERS[score][0]]]


def token_traces(ask: Ask, items: Items) -> pd.DataFrame:
    """Return `trace`, the log p of every element of each item; of texts also what `detectors.novelty.evidence` shows of
    tokens, and where the model tells them `scored_bytes`, the UTF-8 bytes of those that have a probability.
    """
    import numpy as np
    import pandas as pd

    answer = ask("trace", list(items))
    columns = {"trace": "log_prob"}
    if not isinstance(items, np.ndarray):
        columns |= {"tokens": "element", "token_entropy": "entropy", "token_rank": "rank"}
    told = pd.DataFrame({name: lists_by_item(answer, answer[column], len(items)) for name, column in columns.items()})
    spans = _token_spans(ask, items)
    if spans is None:
        return told
    return told.assign(token_start=spans["start"], token_end=spans["end"], scored_bytes=spans["scored_bytes"])


def _token_spans(ask: Ask, items: Items, model: str = "main") -> pd.DataFrame | None:
    """Return where tokens stand, and how many bytes have a probability; None where there are none or it is not told."""
    import numpy as np

    if isinstance(items, np.ndarray) or not ask.can("token_spans", model=model):
        return None
    return ask("token_spans", list(items), model=model)
