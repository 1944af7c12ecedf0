"""Trials of `novelty.likelihood`, and what those of the other novelty probes share: scores of which every AUROC can be
counted.

Scores of familiar items are the points of a normal grid, those of foreign ones the same points moved, so that no
chance is in them; which item has which point is drawn. Scripts look an item up by its own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Known, Trial, auroc_of, mean_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures

__all__ = [
    "ITEMS", "ROLES", "cells_of", "frame_of", "grid", "key_of", "known_ranks", "likelihood_trials", "script_of",
    "shortest_code",
]

ITEMS = 40
ROLES = ("items", "foreign", "fit", "calibration")


def grid(rng: np.random.Generator, mean: float = 0.0, spread: float = 1.0, count: int = ITEMS) -> np.ndarray:
    """Return the points of a normal grid in random order."""
    import numpy as np

    points = [NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)]
    return mean + spread * rng.permutation(np.array(points))


def key_of(item: Any) -> bytes:
    """Return what tells an item from all others: its numbers."""
    import numpy as np

    return np.asarray(item, dtype=float).tobytes()


def frame_of(role: str, column: str, items: np.ndarray) -> pd.DataFrame:
    """Return items [item, ...] of a role as a data source yields them, in one column."""
    import pandas as pd

    return pd.DataFrame({column: items.tolist()}, index=pd.Index([f"{role}-{n}" for n in range(len(items))], name="id"))


def cells_of(column: str, levels: np.ndarray) -> list[Any]:
    """Return what is recorded in a column of items [item] so strange that every score rises with their levels."""
    import numpy as np

    if column.endswith("scored_bytes"):
        return [4.0] * len(levels)
    if column in ("log_prob", "logit", "flow_log_prob", "reconstruction", "intrinsic_dimension"):
        return list(-levels)
    if column == "background_log_prob":
        return [0.0] * len(levels)
    if column in ("entropies", "variances", "gradient_norms"):
        return [[1.0] * 4] * len(levels)
    if column == "element_log_prob":  # every value of a control's images, all 4 x 4, costs the same
        return [[0.0] * 16] * len(levels)
    if column == "ensemble_log_prob":  # which agree with the model
        return list(-levels[:, None])
    if column == "partial_bounds":
        return list(np.stack([np.zeros(len(levels)), levels], axis=1))
    if column in ("trace", "log_weights"):
        return list(np.repeat(-levels[:, None], 4, axis=1))
    if column in _LISTS:
        return list(np.stack([levels - 1, levels + 1], axis=1))
    return list(levels)


_LISTS = frozenset({
    "denoising_curve", "multi_reconstruction", "inpainting", "diffusion_path", "score_norms", "posterior_spectrum",
})


_COST = 0.25
"""Nats of a pixel by its grey level, in any image of a trial."""


def _scripts(probe: Any, scores: Callable[[Sequence[Any]], np.ndarray]) -> dict[tuple[str, str], Answer]:
    """Return the scripts that answer all questions of a probe by how strange items are."""
    from audit.probes.novelty.scores import further_questions
    from detectors.novelty.catalogue import columns_of

    asked = further_questions(columns_of((probe.score, *probe.beside)))
    return {
        (member, question): script_of(question, names, scores)
        for (question, helper), names in asked.items()
        for member in (probe.ensemble if helper == "ensemble" else [probe.background if helper else "main"])
    }


def script_of(question: str, names: Sequence[str], scores: Callable[[Sequence[Any]], np.ndarray]) -> Answer:
    """Return the script that answers a question for these columns of a record by how strange items are."""
    from detectors.novelty.recorded import RECORDS

    def answer(items: Sequence[Any]) -> Mapping[str, Any]:
        import numpy as np

        told = {RECORDS[name].column: name for name in names}
        if question == "surprise_map":
            return {"element_log_prob": [(-_COST * np.ravel(item)).tolist() for item in items]}
        if question == "log_prob":  # of a member of an ensemble as of the model
            told = {"log_prob": "background_log_prob" if "background_log_prob" in names else "log_prob"}
        cells = {column: cells_of(name, scores(items)) for column, name in told.items()}
        if question == "trace":
            flat = {column: np.concatenate(rows) for column, rows in cells.items()}
            return {"item": np.repeat(np.arange(len(items)), 4), **flat}
        return cells | ({"kind": "exact"} if question == "log_prob" else {})

    return answer


_OF_IMAGES = frozenset({"bias_corrected", "input_complexity", "zlib_ratio"})
"""Scores that hang on what items hold, and not on their levels alone."""


def _strangeness(probe: Any, familiar: np.ndarray, images: Any, levels: np.ndarray) -> np.ndarray:
    """Return what ranks as the judged score of items does, worked out anew from their levels [item].

    familiar: levels of the items that scores are fitted on, about whose middle a two-sided score is even.
    """
    import numpy as np

    from detectors.novelty.catalogue import SCORES

    if SCORES[probe.score].two_sided:
        return np.asarray(np.abs(levels - familiar.mean()))
    if probe.score == "zlib_ratio":
        return np.asarray(levels / np.maximum([shortest_code(image) for image in images], 1))
    if probe.score == "bias_corrected":
        return np.asarray(levels - _COST * np.array([np.sum(image) for image in images]))
    if probe.score == "input_complexity":
        return np.asarray(levels / np.log(2) - np.array([shortest_code(image) for image in images]))
    return levels


def shortest_code(item: np.ndarray) -> int:
    """Return the bits of the shortest Deflate stream of numbers or of their differences along an axis, bytes each."""
    import zlib

    import numpy as np

    whole = np.asarray(item)
    views = (whole, *(np.diff(whole, axis=axis, prepend=0) for axis in range(whole.ndim)))
    return min(8 * (len(zlib.compress(view.astype(int).astype(np.int8).tobytes(), 9, -15)) - 2) for view in views)


def likelihood_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign and distorted items that look stranger than familiar ones, hardly stranger, and less strange.

    Noise looks strange in all, so that the health check finds nothing.
    """
    from detectors.novelty.catalogue import SCORES

    tried = replace(probe, fdr=0.1, maps=False, beside=tuple(name for name in probe.beside if name in SCORES))
    return [_likelihood_trial(tried, rng, dose, moved) for dose, moved in enumerate((25.0, 8.0, -8.0))]


def _likelihood_trial(probe: Any, rng: np.random.Generator, dose: int, moved: float) -> Trial:
    import numpy as np

    from detectors.novelty.catalogue import SCORES

    shown = _Shown.drawn(probe, rng, dose, moved)
    known = known_ranks(shown.strange(probe), shown.spots, probe)
    if not SCORES[probe.score].two_sided:
        known["batch_typicality_p", None] = _alike_as_a_whole(shown.levels["fit"], shown.levels["foreign"])
    answers = _scripts(probe, shown.scores)
    if ("main", "log_prob") in answers:
        known["bits_per_dim", None] = mean_of(shown.levels["items"] / 16 / np.log(2), ITEMS)
    return Trial(dose > 0, shown.data, answers, known, probe)


@immutable
class _Shown:
    """What a trial shows, and how strange it looks to the model."""

    images: dict[str, np.ndarray]
    """Role -> its items, [item, row, column]."""
    levels: dict[str, np.ndarray]
    """Role -> how strange they look, [item]."""
    spots: dict[str, np.ndarray]
    """Kind of distortion -> how strange the familiar items look after it, [item]."""

    @classmethod
    def drawn(cls, probe: Any, rng: np.random.Generator, dose: int, moved: float) -> _Shown:
        """Return items in which no pattern is, and levels around the mean of each role and kind."""
        from detectors.novelty.blindspots import ARRAY_KINDS, BLURRED

        base, means = 100.0 + 8 * dose, _means(probe, dose, moved)
        dark = {"foreign"} if probe.score == "bias_corrected" else set()  # so that what values cost turns the ranks
        images = {role: rng.integers(0, 9 if role in dark else 17, (ITEMS, 4, 4)) for role in ROLES}
        levels = {name: grid(rng, base + means.get(name, 0.01), 10.0) for name in ROLES}
        kinds = (*ARRAY_KINDS, BLURRED) if probe.blurred else ARRAY_KINDS
        return cls(images, levels, {kind: grid(rng, base + means.get(kind, 30.0 + moved), 10.0) for kind in kinds})

    @cached_property
    def data(self) -> dict[str, pd.DataFrame]:
        """Role -> its items as a data source yields them."""
        return {role: frame_of(role, "image", images) for role, images in self.images.items()}

    @cached_property
    def _table(self) -> dict[bytes, float]:
        return {
            key_of(item): level for role in ROLES
            for item, level in zip(self.images[role], self.levels[role], strict=True)
        }  # fmt: skip

    def scores(self, items: Sequence[Any]) -> np.ndarray:
        """Return how strange items are; distortions come behind their items, kind by kind."""
        import numpy as np

        own, distorted = [self._table[key_of(item)] for item in items[:ITEMS]], list(self.spots.values())
        return np.concatenate([own, np.concatenate(distorted)[: len(items) - ITEMS]])

    def strange(self, probe: Any) -> dict[str, np.ndarray]:
        """Return role, or kind of distortion -> what ranks its items as the judged score does, [item]."""
        from detectors.novelty.blindspots import blind_spots

        shown = dict[str, Any]()
        if probe.score in _OF_IMAGES:
            familiar = self.data["items"].index, self.images["items"]
            shown = self.images | blind_spots(*familiar, probe.value_range, blurred=probe.blurred)
        return {
            name: _strangeness(probe, self.levels["fit"], shown.get(name), levels)
            for name, levels in (self.levels | self.spots).items()
        }


def _means(probe: Any, dose: int, moved: float) -> dict[str, float]:
    """Return role, or kind of distortion -> how far its mean lies above that of familiar items, where that is told."""
    from detectors.novelty.catalogue import SCORES

    means = {"foreign": moved, "calibration": -3.0 * dose, "constant": moved + 2, "noise": 90.0, "half_noise": 60.0}
    if dose and not SCORES[probe.score].two_sided:  # as a whole, foreign items are nearly as likely as those of `fit`
        means["fit"] = moved - _APART[dose - 1]
    return means


_APART = (3.5, 1.0)
"""How far the means of foreign items and of `fit` lie apart in the trials with the fault, of a spread of 10."""


def _alike_as_a_whole(fit: np.ndarray, foreign: np.ndarray) -> Known:
    """Return the two-sided p-value of the difference of two means of draws from `fit`, which is normal for so many.

    Of 1,999 replicates a p-value has a standard error of 0.011 at most.
    """
    error = fit.std() * (1 / len(fit) + 1 / len(foreign)) ** 0.5
    apart = abs(float(foreign.mean() - fit.mean())) / float(error)
    return Known(2 * NormalDist().cdf(-apart), within=0.06)


def known_ranks(
    strange: Mapping[str, np.ndarray], kinds: Iterable[str], probe: Any
) -> KnownMeasures:
    """Return what is known of a score that ranks the items of each role, and of each kind of distortion, as these do.

    strange: role or kind -> numbers [item], more = stranger; probe: its `tpr` and `prevalence` are what is asked for.
    """
    sides, asked_for = (strange["items"], strange["foreign"]), dict[tuple[str, str | None], Known]()
    if probe.tpr is not None:
        asked_for["fpr_at_tpr", None] = mean_of(_accused(*sides, probe.tpr))
    if probe.prevalence is not None:
        asked_for["average_precision", None] = Known(_mean_precision(*sides, probe.prevalence))
    blind = {kind: auroc_of(strange["items"], strange[kind]) for kind in kinds}
    flags = {role: _flagged(strange["calibration"], strange[role]) for role in ("foreign", "items")}
    return {
        ("auroc", None): auroc_of(strange["items"], strange["foreign"]),
        ("worst_blind_spot_auroc", None): Known(min(one.value for one in blind.values())),
        **{("blind_spot_auroc", kind): one for kind, one in blind.items()},
        ("flagged_share", None): mean_of(flags["foreign"], len(flags["foreign"])),
        ("false_alarm_share", None): mean_of(flags["items"], len(flags["items"])),
        **asked_for,
    }


def _accused(familiar: np.ndarray, foreign: np.ndarray, tpr: float) -> np.ndarray:
    """Return which familiar items are as strange as the last of so many foreign ones."""
    found = math.ceil(tpr * len(foreign) - 1e-9)
    accused: np.ndarray = familiar >= sorted(foreign, reverse=True)[found - 1]
    return accused


def _mean_precision(familiar: np.ndarray, foreign: np.ndarray, share: float) -> float:
    """Return the precision at each foreign item, averaged, where a share of what comes is foreign."""
    precisions = []
    for score in foreign:
        found, accused = (float((side >= score).mean()) for side in (foreign, familiar))
        precisions.append(share * found / (share * found + (1 - share) * accused))
    return sum(precisions) / len(precisions)


def _flagged(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return which scores have a conformal p-value of at most 0.05."""
    above = (calibration >= scores[:, None]).sum(axis=1)
    few: np.ndarray = (1 + above) / (len(calibration) + 1) <= 0.05
    return few
