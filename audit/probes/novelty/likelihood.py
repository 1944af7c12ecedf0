"""Does a score of the model tell what the model has not learnt, and to what is it blind?

    log_prob         -log p(x), or the bound that the family gives; a GAN has none, and the check says so
    critic           minus the logit of a GAN's critic
    denoising_loss   the mean of a diffusion model's denoising-loss curve

Those are a model's own. Any other score of `detectors.novelty.catalogue` may be judged in their place, or told beside;
what is stored for it is asked for once, and nothing that costs more than the model's own is asked for unasked.

Every familiar item is asked together with its own distortions (constant, noise, inverted, shuffled; of texts one word
repeated, random letters, shuffled words), so the self-test needs no further data. Items of another domain, in a role of
their own, are one blind spot more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, get_args

from audit.probe import AUROC, P_VALUE, SHARE, Ask, Observed, Range, Role
from audit.probes.items import storable_items
from audit.probes.novelty.scores import (
    ROLES,
    Bar,
    Raw,
    Score,
    calibration_needed,
    further_answers,
    further_questions,
    needed_for,
    own_answers,
    token_traces,
)
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.arrays import Items
    from detectors.result import Result

__all__ = ["Likelihood"]


@immutable
class Likelihood:
    """AUROC of a model's score on foreign data, its blind spots, and scores that need no model beside it."""

    score: Score = "log_prob"
    """What is judged: `log_prob`, for a GAN `critic`, for a diffusion model also `denoising_loss`. Of any with a
    likelihood also typicality, input_complexity, zlib_ratio, dose, reference_ratio, waic, combined_tests; with a trace
    min_k, min_k_plus_plus, windowed_maximum, curvature; of a VAE iwae, reconstruction, kl, likelihood_regret; of
    diffusion denoising_z, denoising_density, multi_reconstruction, inpainting, diffusion_path, flow_nll, score_norms,
    posterior_spectrum, partial_bound_ratio, likelihood_and_dimension, of that in two stages also two_stage; of a VAE or
    diffusion of images bias_corrected; of a GAN inversion, latent_norm, latent_typicality, with an encoder f_anogan."""
    value_range: tuple[float, float] | None = None
    """Least and greatest value in an image or series, for its distortions; absent = those of each item itself."""
    fdr: float = 0.1
    """False discovery rate at which foreign items are flagged."""
    confidence: float | None = field(default=None, metadata={"later": True})
    """Probability with which all p-values hold for the calibration items at hand, e.g. 0.9, which takes more of them;
    absent = they hold on average over sets of such items."""
    adaptive: bool = field(default=False, metadata={"later": True})
    """Whether what is flagged counts on some items being foreign (Storey's estimate); finds more where many are."""
    tpr: float | None = field(default=None, metadata={"later": True})
    """Share of foreign items that is to be found, e.g. 0.95, for which the share of familiar items accused is told
    (FPR at 95 % TPR); absent = it is not."""
    prevalence: float | None = field(default=None, metadata={"later": True})
    """Share of what comes in use that is foreign, e.g. 0.01, for which the average precision of alarms is told; absent
    = it is not."""
    batch_p: Literal["permuted", "bootstrapped"] = field(default="permuted", metadata={"before": "bootstrapped"})
    """Whether for `batch_typicality_p` foreign and fit items are `permuted`, or fit items `bootstrapped`, as they were
    before, which makes it too small."""
    tail_rate: float | None = field(default=None, metadata={"later": True})
    """Rate of false alarms below 0.1, e.g. 0.0001, for which an extreme-value model of the tail shall tell a threshold;
    absent = none. Of series with a trace it is a rate of steps too, for a threshold that follows the stream (SPOT)."""
    drift: int = field(default=0, metadata={"later": True})
    """Steps whose mean is taken off before that, for a source that drifts (DSPOT); 0 = none."""
    beside: tuple[Score | Bar, ...] = field(default=(), metadata={"later": True})
    """Further scores to tell, those above, dte_np or isolation_forest; the table says how many calls of the model each
    costs."""
    blurred: bool = field(default=False, metadata={"later": True})
    """Whether the self-test blurs images and series too."""
    background: str = field(default="background", metadata={"later": True})
    """Name of the helper that `reference_ratio` is taken to: the same family, trained on noisy or on general data."""
    ensemble: tuple[str, ...] = field(default=(), metadata={"later": True})
    """Names of the helpers that `waic` compares the model with: the same kind, each trained anew."""
    maps: bool = field(default=False, metadata={"later": True})
    """Whether a model of images without a trace, a VAE or diffusion, is asked what each pixel adds to its bound, for
    pictures of the strangest and the likeliest items; of a VAE without its KL term, of diffusion at the cost of eight
    bounds an item."""

    name: ClassVar[str] = "novelty.likelihood"
    dimension: ClassVar[str] = "novelty"
    roles: ClassVar[Mapping[str, Role]] = {**ROLES, "other_domain": ROLES["foreign"]}
    measures: ClassVar[Mapping[str, Range]] = {
        "auroc": AUROC, "worst_blind_spot_auroc": AUROC, "blind_spot_auroc": AUROC, "flagged_share": SHARE,
        "false_alarm_share": SHARE, "fpr_at_tpr": SHARE, "average_precision": AUROC, "beyond_tail_share": SHARE,
        "window_flagged_share": SHARE, "window_false_alarm_share": SHARE, "stream_flagged_share": SHARE,
        "stream_false_alarm_share": SHARE,
        "step_auroc": AUROC, "vus_pr": AUROC,
        "bits_per_dim": Range("bits per dimension"), "batch_typicality_p": P_VALUE,
    }

    def __post_init__(self) -> None:
        """Refuse an ensemble of one, and rates that are none."""
        if "waic" in (self.score, *self.beside) and not self.ensemble:
            raise ValueError(f"{self.name}: got waic without an ensemble; allowed: `ensemble` names a helper or more")
        for name, most in (("fdr", 1.0), ("confidence", 1.0), ("tpr", 1.0), ("prevalence", 1.0), ("tail_rate", 0.1)):
            if (rate := getattr(self, name)) is not None and not 0 < rate < most:
                raise ValueError(f"{self.name}: {name}: got {rate:g}; allowed: more than 0, less than {most:g}")
        if self.drift < 0 or (self.drift and self.tail_rate is None):
            raise ValueError(f"{self.name}: drift: got {self.drift}; allowed: steps, 0 or more, beside a tail_rate")

    @property
    def needs(self) -> frozenset[str]:
        """What the scores need."""
        asked = (question for question, helper in further_questions(self._further) if not helper)
        return needed_for(self._raw) | frozenset(asked) | (frozenset({"surprise_map"}) if self.maps else frozenset())

    @property
    def _raw(self) -> Raw:
        """The model's own score that the judged one stands beside."""
        if self.score in get_args(Raw):
            return cast(Raw, self.score)
        from detectors.novelty.catalogue import SCORES

        return cast(Raw, SCORES[self.score].raw)

    @property
    def _further(self) -> list[str]:
        """Columns of the record that the model's own score does not give."""
        if self.score == self._raw and not self.beside:
            return []
        from detectors.novelty.catalogue import SCORES, columns_of

        own = SCORES[self._raw].of
        return [column for column in columns_of((self.score, *self.beside)) if column not in own]

    def estimate(self, items: int) -> int:
        """Six at most: the familiar items come with five distortions each; twice that where the model gives traces.

        So many for every further question, a seventh where the self-test blurs, and one where maps are asked for.
        """
        asked = further_questions(self._further)
        calls = sum(len(self.ensemble) if helper == "ensemble" else 1 for _, helper in asked)
        maps = self.maps and ("surprise_map", "") not in asked
        return (6 + self.blurred) * (1 + calls) * items + maps * items

    def units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Return how many calibration units it takes before an item can be flagged, and for a tail."""
        from detectors.novelty.extremes import needed_for_tail

        in_group, in_all = calibration_needed(items, self.fdr, self.confidence)
        return {"calibration": (in_group, in_all if self.tail_rate is None else max(in_all, needed_for_tail()))}

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with the model's answers, for `items` also those to their distortions, and no answers for
        `reference`; columns as `detectors.novelty.familiarity` wants them. Rows among `items` are observed by what
        `informed` returns. Raises DataError for items of no one kind.
        """
        return self._observed(ask, items, role, None)

    def informed(self, before: Observed) -> _Informed:
        """Return what observes the items: rows are distorted in units of what was learnt."""
        return _Informed(self, before.get("reference", before.get("fit")))

    def _observed(self, ask: Ask, items: pd.DataFrame, role: str, learnt: pd.DataFrame | None) -> pd.DataFrame:
        import pandas as pd

        from detectors.arrays import field_of, items_of, joined
        from detectors.novelty.blindspots import blind_spots
        from detectors.novelty.evidence import TOKENS

        frame, shown = storable_items(self.name, items)
        if role == "reference":
            return frame
        sets = {"": shown}
        if role == "items":
            of_rows: Any = items_of(items if learnt is None else learnt) if field_of(items) == "row" else None
            spots = blind_spots(items.index, shown, self.value_range, blurred=self.blurred, learnt=of_rows)
            sets |= {f"_{kind}": distorted for kind, distorted in spots.items()}
        whole = joined(list(sets.values()))
        answers = self._answers(ask, whole)
        if self.maps and role in ("items", "foreign") and "element_log_prob" not in answers:
            frame = frame.assign(element_log_prob=ask("surprise_map", list(shown))["element_log_prob"].to_list())
        told: dict[str, Any] = {}
        for number, suffix in enumerate(sets):
            part = slice(number * len(items), (number + 1) * len(items))
            unseen = {*TOKENS, "likelihood"} if suffix else () if role in ("items", "foreign") else TOKENS
            told |= {name + suffix: cells[part] for name, cells in answers.items() if name not in unseen}
        return pd.concat([frame, pd.DataFrame(told, items.index)], axis=1)

    def _answers(self, ask: Ask, items: Items) -> dict[str, Any]:
        """Return what is recorded of these items, column -> cells [item]."""
        parts = [own_answers(ask, items, self._raw)]
        if self._raw == "log_prob" and ask.can("trace"):
            parts.append(token_traces(ask, items))
        there = {name for part in parts for name in part}
        if further := [column for column in self._further if column not in there]:
            parts.append(further_answers(ask, items, further, self.background, self.ensemble))
        return {str(name): cells.array for part in parts for name, cells in part.items()}

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.novelty.familiarity`."""
        from detectors.novelty.decisions import Rule
        from detectors.novelty.familiarity import likelihood_novelty

        return likelihood_novelty(
            observed, score=self.score, beside=self.beside, blurred=self.blurred, value_range=self.value_range,
            rule=Rule(self.fdr, self.confidence, self.adaptive), tpr=self.tpr,
            prevalence=self.prevalence, tail_rate=self.tail_rate, drift=self.drift,
            bootstrapped=self.batch_p == "bootstrapped", level=level, rng=rng,
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a model that finds foreign and constant items more familiar than familiar ones, and a sound one.

        Both answer noise alike, so the fault is planted where the health check does not see it.
        """
        return self._planted(rng, faulty=True), self._planted(rng, faulty=False)

    def _planted(self, rng: np.random.Generator, *, faulty: bool) -> Observed:
        import pandas as pd

        from audit.probes.novelty.trials import cells_of, grid
        from detectors.novelty.blindspots import ARRAY_KINDS, BLURRED
        from detectors.novelty.catalogue import SCORES, columns_of

        rare = SCORES[self.score].two_sided  # then what lies in the middle of familiar items is the most familiar
        strange, spread = (160.0, 10.0) if not faulty else (100.0, 1.0) if rare else (60.0, 10.0)
        means = {"": 100.0, "_constant": strange, "_noise": 300.0, "_half_noise": 200.0}
        kinds = (*ARRAY_KINDS, BLURRED) if self.blurred else ARRAY_KINDS
        observed = {}
        for role in ("items", "foreign", "fit", "calibration"):
            index = pd.Index([f"{role}-{number}" for number in range(_CONTROL_ITEMS)], name="id")
            told: dict[str, list[Any]] = {"image": rng.integers(0, 17, (_CONTROL_ITEMS, 4, 4)).tolist()}
            for suffix in ("", *(f"_{kind}" for kind in kinds)) if role == "items" else ("",):
                mean = strange if role == "foreign" else means.get(suffix, 150.0)
                planted = role == "foreign" or suffix == "_constant"
                if rare and role == "fit":  # a density without bumps
                    levels = grid(rng, mean, 10.0, _CONTROL_ITEMS)
                else:
                    levels = rng.normal(mean, spread if planted else 10.0, _CONTROL_ITEMS)
                for column in columns_of((self.score, *self.beside)):
                    told[column + suffix] = cells_of(column, levels)
            observed[role] = pd.DataFrame(told, index=index)
        return observed

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return trials of which every AUROC is known, of log p also step by step; see `trials` and `series_trials`."""
        from audit.probes.novelty.series_trials import series_trials
        from audit.probes.novelty.trials import likelihood_trials

        by_step = series_trials(self, rng) if self.score == "log_prob" else []
        return [*likelihood_trials(self, rng), *by_step]

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: the foreign look more familiar."""
        return result.headline.high is not None and result.headline.high < 0.5


@immutable
class _Informed:
    """The probe, told what was learnt."""

    probe: Likelihood
    learnt: pd.DataFrame | None

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with the model's answers; see `Likelihood.observe`."""
        return self.probe._observed(ask, items, role, self.learnt)


_CONTROL_ITEMS = 40
