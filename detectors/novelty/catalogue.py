"""Every score by name, and what it makes of what is stored. Higher = more outlying, always.

    a model's own  log_prob, critic, denoising_loss
    any density    typicality, input_complexity, zlib_ratio, dose, reference_ratio, waic, combined_tests
    by element     min_k, min_k_plus_plus, windowed_maximum, curvature, of parts of a bound bias_corrected
    VAE            iwae, reconstruction, kl, likelihood_regret
    diffusion      denoising_z, denoising_density, multi_reconstruction, inpainting, diffusion_path, flow_nll,
                   score_norms, posterior_spectrum, partial_bound_ratio, likelihood_and_dimension
    GAN            inversion, latent_norm, latent_typicality, with an encoder f_anogan

A latent diffusion model has those of diffusion for its latents, those of a VAE for its autoencoder, and two_stage for
both. The log-likelihood ratio of a hierarchical VAE (Havtorn et al. 2021, 2102.08248) is not among them: it compares
bounds with and without the lower levels of latents, and the VAEs that can be opened, ours and AutoencoderKL, have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
from scipy.special import logsumexp

from detectors.arrays import Floats
from detectors.elements import curvature, min_k, min_k_plus_plus, windowed_maximum
from detectors.immutable import immutable
from detectors.lossless import sizes
from detectors.novelty.likelihood import bias_corrected, bits_per_dim, input_complexity, typicality, waic
from detectors.novelty.rarity import dose, either_tail, fishers_method, gaussian_surprise, mean_z, score_statistic
from detectors.novelty.recorded import Recorded

__all__ = ["SCORES", "Score", "columns_of", "effective_samples"]

_INVERTED = 0.1
"""Weight of the features' part in `inversion`."""


@immutable
class Score:
    """A reduction of what is stored."""

    of: tuple[str, ...]
    """Columns that it needs; see `detectors.novelty.recorded`."""
    run: Callable[[Recorded], Floats]
    raw: str = "log_prob"
    """The model's own score that it stands beside, or that it is."""
    two_sided: bool = False
    """Whether it finds strange what is unusual on either side of the familiar."""


def _nll(seen: Recorded) -> Floats:
    return bits_per_dim(seen.numbers("log_prob"), seen.dimensions())


def _ratio(seen: Recorded) -> Floats:
    """Return the bits per dimension that the background model spares; of texts per byte that each model scores."""
    return _nll(seen) - bits_per_dim(seen.numbers("background_log_prob"), seen.dimensions("background_"))


def _zlib(seen: Recorded) -> Floats:
    """Return bits per dimension by those of a lossless code, which input complexity takes the difference to."""
    return _nll(seen) * sizes(seen.items) / np.maximum(seen.code_bits, 1.0)


def _iwae(seen: Recorded) -> Floats:
    """Return -log mean_k w_k in bits per dimension."""
    weights = seen.rows("log_weights")
    return bits_per_dim(logsumexp(weights, axis=1) - np.log(weights.shape[1]), sizes(seen.items))


def effective_samples(log_weights: Floats) -> Floats:
    """Return how many equal weights say as much as these [item, sample]: (sum w)^2 / sum w^2, [item]."""
    sums, squares = logsumexp(log_weights, axis=1), logsumexp(2 * log_weights, axis=1)
    return np.asarray(np.exp(2 * sums - squares))


def _curvature(seen: Recorded) -> Floats:
    return curvature(*seen.elements())


def _about_fit(seen: Recorded, values: Floats) -> Floats:
    return np.asarray(np.abs(values - seen.fit(values).mean()))


def _mean_z(column: str) -> Callable[[Recorded], Floats]:
    return lambda seen: mean_z(seen.fit(seen.rows(column)), seen.rows(column))


def _rare(column: str) -> Callable[[Recorded], Floats]:
    return lambda seen: gaussian_surprise(seen.fit(seen.rows(column)), seen.rows(column))


def _bias_corrected(seen: Recorded) -> Floats:
    parts = seen.rows("element_log_prob")
    return bias_corrected(seen.numbers("log_prob"), parts, np.asarray(seen.items), seen.of == "fit")


def _waic(seen: Recorded) -> Floats:
    return waic(np.column_stack([seen.numbers("log_prob"), seen.rows("ensemble_log_prob")]))


def _combined(seen: Recorded) -> Floats:
    """Return Fisher's method on two tests: of typicality, two-sided, and of the gradient (Bergamin et al. 2022)."""
    norms = seen.rows("gradient_norms")
    tests = (_about_fit(seen, _nll(seen)), score_statistic(seen.fit(norms), norms))
    return fishers_method([(seen.fit(one), one) for one in tests])


def _likelihood_and_dimension(seen: Recorded) -> Floats:
    """Return how strange an item is by low likelihood or by few dimensions, whichever says more (2403.18910)."""
    tests = (_nll(seen), -seen.numbers("intrinsic_dimension"))
    return either_tail([(seen.fit(one), one) for one in tests])


def _partial_bound_ratio(seen: Recorded) -> Floats:
    """Return nats of the outline less those of the detail, as bits per dimension."""
    halves = seen.rows("partial_bounds")
    return bits_per_dim(halves[:, 0] - halves[:, 1], sizes(seen.items))


def _two_stage(seen: Recorded) -> Floats:
    """Return Fisher's method on the denoising loss of the latents and on what the autoencoder cannot code."""
    tests = (seen.rows("denoising_curve").mean(axis=1), -seen.numbers("reconstruction"))
    return fishers_method([(seen.fit(one), one) for one in tests])


_TRACE = ("trace", "entropies", "variances")
SCORES: Mapping[str, Score] = {
    "log_prob": Score(("log_prob",), _nll),
    "critic": Score(("logit",), lambda seen: -seen.numbers("logit"), "critic"),
    "denoising_loss": Score(
        ("denoising_curve",), lambda seen: seen.rows("denoising_curve").mean(axis=1), "denoising_loss"
    ),
    "typicality": Score((), lambda seen: typicality(seen.fit(seen.own), seen.own), two_sided=True),
    "input_complexity": Score(
        ("log_prob",), lambda seen: input_complexity(_nll(seen), seen.code_bits, sizes(seen.items))
    ),
    "zlib_ratio": Score(("log_prob",), _zlib),
    "dose": Score((), lambda seen: dose([(seen.fit(one), one) for one in _statistics(seen)]), two_sided=True),
    "reference_ratio": Score(("log_prob", "background_log_prob"), _ratio),
    "waic": Score(("log_prob", "ensemble_log_prob"), _waic),
    "combined_tests": Score(("log_prob", "gradient_norms"), _combined, two_sided=True),
    "min_k": Score(("trace",), lambda seen: min_k(seen.lists("trace"))),
    "min_k_plus_plus": Score(_TRACE, lambda seen: min_k_plus_plus(*seen.elements())),
    "windowed_maximum": Score(("trace",), lambda seen: windowed_maximum(seen.lists("trace"))),
    "curvature": Score(_TRACE, lambda seen: _about_fit(seen, _curvature(seen)), two_sided=True),
    "bias_corrected": Score(("log_prob", "element_log_prob"), _bias_corrected),
    "iwae": Score(("log_weights",), _iwae),
    "reconstruction": Score(("reconstruction",), lambda seen: -seen.numbers("reconstruction")),
    "kl": Score(("kl",), lambda seen: seen.numbers("kl")),
    "likelihood_regret": Score(("likelihood_regret",), lambda seen: seen.numbers("likelihood_regret")),
    "denoising_z": Score(("denoising_curve",), _mean_z("denoising_curve")),
    "denoising_density": Score(("denoising_curve",), _rare("denoising_curve"), two_sided=True),
    "multi_reconstruction": Score(("multi_reconstruction",), _mean_z("multi_reconstruction")),
    "inpainting": Score(("inpainting",), lambda seen: seen.rows("inpainting").mean(axis=1)),
    "diffusion_path": Score(("diffusion_path",), _rare("diffusion_path"), two_sided=True),
    "flow_nll": Score(("flow_log_prob",), lambda seen: bits_per_dim(seen.numbers("flow_log_prob"), sizes(seen.items))),
    "score_norms": Score(("score_norms",), _rare("score_norms"), two_sided=True),
    "posterior_spectrum": Score(("posterior_spectrum",), _mean_z("posterior_spectrum")),
    "partial_bound_ratio": Score(("partial_bounds",), _partial_bound_ratio),
    "likelihood_and_dimension": Score(("log_prob", "intrinsic_dimension"), _likelihood_and_dimension),
    "two_stage": Score(("denoising_curve", "reconstruction"), _two_stage, "denoising_loss"),
    "inversion": Score(
        ("residual", "feature_gap"),
        lambda seen: (1 - _INVERTED) * seen.numbers("residual") + _INVERTED * seen.numbers("feature_gap"), "critic",
    ),
    "f_anogan": Score(
        ("pixel_error", "feature_error"),
        lambda seen: seen.numbers("pixel_error") + seen.numbers("feature_error"), "critic",
    ),
    "latent_norm": Score(("latent_norm",), lambda seen: seen.numbers("latent_norm") / 2, "critic"),
    "latent_typicality": Score(
        ("latent_norm",), lambda seen: _about_fit(seen, seen.numbers("latent_norm")), "critic", two_sided=True
    ),
}
"""Name -> reduction; `latent_norm` is -log N(z*; 0, I) up to a constant."""

_STATISTICS: Mapping[str, Callable[[Recorded], Floats]] = {
    "log_prob": _nll,
    "logit": SCORES["critic"].run,
    "trace": SCORES["min_k"].run,
    "entropies": lambda seen: min_k([-cell for cell in seen.lists("entropies")], share=1.0),  # their mean
    "variances": _curvature,
    "log_weights": _iwae,
    "denoising_curve": SCORES["denoising_loss"].run,
    "multi_reconstruction": SCORES["multi_reconstruction"].run,
    "inpainting": SCORES["inpainting"].run,
    "score_norms": lambda seen: seen.rows("score_norms").mean(axis=1),
    "posterior_spectrum": SCORES["posterior_spectrum"].run,
    "flow_log_prob": SCORES["flow_nll"].run,
    **{
        name: partial(Recorded.numbers, column=name)
        for name in ("reconstruction", "kl", "mean_norm", "std_norm", "likelihood_regret", "residual", "latent_norm",
                     "intrinsic_dimension", "pixel_error")
    },
}
"""Column -> the statistic that `dose` takes of it."""


def _statistics(seen: Recorded) -> list[Floats]:
    return [run(seen) for column, run in _STATISTICS.items() if column in seen.cells]


def columns_of(scores: Iterable[str]) -> list[str]:
    """Return the columns that these scores need, each once, those of the first one's raw score first; others none."""
    named = [one for one in scores if one in SCORES]
    needed = [SCORES[SCORES[named[0]].raw].of, *(SCORES[one].of for one in named)]
    return list(dict.fromkeys(column for columns in needed for column in columns))
