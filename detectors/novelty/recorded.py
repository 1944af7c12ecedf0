"""What is stored of every item, once, and of which every score is a cheap reduction.

Each column of a record is part of the answer to one question; a question's price is counted in calls of the model's
methods and in gradients through them, an item each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, Items
from detectors.immutable import immutable
from detectors.lossless import sizes

__all__ = ["RECORDS", "Record", "Recorded", "price"]


@immutable
class Record:
    """Where a column comes from."""

    question: str
    """What the model is asked: an ability or a procedure."""
    column: str
    """Of the answer."""
    calls: int = 1
    """Calls of the model's methods that the question costs for an item; an ability is one call, whatever it does."""
    gradients: int = 0
    """Gradients that it costs."""
    helper: str = ""
    """Who is asked and not the model: the `background`, or each of an `ensemble`; the calls are those of one."""


RECORDS: Mapping[str, Record] = {
    "log_prob": Record("log_prob", "log_prob"),
    "logit": Record("discriminate", "logit"),
    "trace": Record("trace", "log_prob"),
    "entropies": Record("trace", "entropy"),
    "variances": Record("trace", "variance"),
    "element_log_prob": Record("surprise_map", "element_log_prob"),
    "scored_bytes": Record("token_spans", "scored_bytes", 0),
    "background_log_prob": Record("log_prob", "log_prob", helper="background"),
    "ensemble_log_prob": Record("log_prob", "log_prob", helper="ensemble"),
    "gradient_norms": Record("gradient_norms", "gradient_norms", 1, 1),
    "background_scored_bytes": Record("token_spans", "scored_bytes", 0, helper="background"),
    **{
        name: Record("elbo_parts", name, 65)
        for name in ("reconstruction", "kl", "mean_norm", "std_norm", "log_weights")
    },
    "likelihood_regret": Record("likelihood_regret", "likelihood_regret", 329, 200),
    "denoising_curve": Record("denoising_curve", "denoising_curve", 32),
    "multi_reconstruction": Record("multi_reconstruction", "multi_reconstruction", 51),
    "inpainting": Record("inpainting", "inpainting", 60),
    "diffusion_path": Record("diffusion_path", "diffusion_path", 10),
    "intrinsic_dimension": Record("intrinsic_dimension", "intrinsic_dimension", 1, 4),
    "partial_bounds": Record("partial_bounds", "partial_bounds", 32),
    "score_norms": Record("score_norms", "score_norms", 10),
    "posterior_spectrum": Record("posterior_spectrum", "posterior_spectrum", 27),
    "flow_log_prob": Record("flow_log_prob", "flow_log_prob", 64, 128),
    **{name: Record("f_anogan", name, 4) for name in ("pixel_error", "feature_error")},
    **{name: Record("inversion", name, 805, 800) for name in ("residual", "feature_gap", "latent_norm")},
}
"""Column -> where it comes from. Lists: `trace`, `entropies`, `variances`, `element_log_prob` [element],
`log_weights` [sample], `ensemble_log_prob` [model], `gradient_norms` [tensor], and what a diffusion model is asked,
[time], [try], [moment] or [half]; the rest are numbers. Where a diffusion model's x_0 has D <= 16 numbers,
`flow_log_prob` costs 64 D gradients and `intrinsic_dimension` D."""


def price(columns: Iterable[str], members: int = 1) -> tuple[int, int]:
    """Return (calls, gradients) an item that these columns cost together; a question is asked once, of an ensemble once
    for each of its members.
    """
    asked = {(one.question, one.helper): one for one in (RECORDS[column] for column in columns)}
    calls = sum(one.calls * (members if one.helper == "ensemble" else 1) for one in asked.values())
    return calls, sum(one.gradients for one in asked.values())


@immutable
class Recorded:
    """What is known of the items of all sets, one behind the other: of the roles, and of the distortions by kind."""

    of: NDArray[Any]
    """Name of the set that each item is of, [item]."""
    items: Items
    cells: Mapping[str, Sequence[Any]]
    """Column -> cell [item]."""
    code_bits: Floats
    """Bits of a lossless code, [item]."""
    own: Floats
    """The model's own score, [item]."""

    def numbers(self, column: str) -> Floats:
        """Return a column of numbers [item]."""
        return np.asarray(self.cells[column], dtype=float)

    def rows(self, column: str) -> Floats:
        """Return a column of lists of one length, [item, place]."""
        return np.array([np.asarray(cell, dtype=float) for cell in self.cells[column]])

    def lists(self, column: str) -> list[Floats]:
        """Return a column of lists of any length."""
        return [np.asarray(cell, dtype=float) for cell in self.cells[column]]

    def elements(self) -> tuple[list[Floats], list[Floats], list[Floats]]:
        """Return log p, entropy and variance element by element."""
        return self.lists("trace"), self.lists("entropies"), self.lists("variances")

    def dimensions(self, helper: str = "") -> Floats:
        """Return what log p is spread over, [item]: numbers; of a text the bytes of its scored tokens, else all bytes.

        helper: whose tokens, "" for the model's own or `background_`; all bytes where it does not tell them.
        """
        column = f"{helper}scored_bytes"
        return self.numbers(column) if column in self.cells else sizes(self.items)

    def fit(self, values: Floats) -> Floats:
        """Return what belongs to the items that scores are fitted on."""
        return np.asarray(values[self.of == "fit"])
