"""Does a model's own score tell what it has not learnt? Its AUROC, its blind spots, and what needs no model beside it.

    auroc                     foreign items against familiar ones, of the score that is judged, by group of each other
                              score; only with foreign items
    worst_blind_spot_auroc    the least of the judged score; the headline where there are no foreign items
    blind_spot_auroc          distortions of familiar items by kind, and items of another domain, against these; an
                              interval below 1/2 is a reversal
    flagged_share             of foreign items with a conformal p-value of at most 0.05, each judged on its own, and by
                              group; only with foreign items
    false_alarm_share         of familiar items with such a p-value, and by group
    fpr_at_tpr                share of familiar items with a score at or above the one that finds a share `tpr` of the
                              foreign ones (`operating_point`); only where asked for
    average_precision         of alarms where foreign items are a share `prevalence` of what comes; only where asked for
    tail_threshold            score above which a share `tail_rate` of familiar items lies; only where asked for
    beyond_tail_share         of foreign items above it
    window_flagged_share, window_false_alarm_share    items of either kind with a window of which p is at most 0.05;
                              only where `windowed_maximum` is asked for (`windows`)
    stream_flagged_share, stream_false_alarm_share    foreign series, and steps of familiar ones, with an alarm of a
                              threshold that follows the stream; only where `tail_rate` is
    step_auroc, vus_pr        whether surprise is where strange steps are; of series that mark them (`localisation`)
    bits_per_dim              mean over familiar items; of texts, bits per byte; only where the model has a likelihood
    batch_typicality_p        of "the foreign items as a whole are as likely as familiar ones"

Which items Benjamini-Hochberg flags together is evidence and has no interval: a flag depends on all other p-values.

Scores are fitted on `fit`, decisions calibrated on `calibration`, and both judged on `items`: three sets without a
common item. A score that fails its health check has no AUROC but a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import field_of
from detectors.immutable import immutable
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap
from detectors.novelty.answers import OTHER_DOMAIN, check_roles
from detectors.novelty.average_precision import average_precision
from detectors.novelty.caveats import told_beside
from detectors.novelty.decisions import (
    Rule,
    best_score_remark,
    blind_spot_remark,
    calibration_scores,
    decided,
    groups_of,
)
from detectors.novelty.evidence import element_evidence
from detectors.novelty.likelihood import batch_typicality, bootstrapped_typicality
from detectors.novelty.localisation import located
from detectors.novelty.operating_point import fpr_at_tpr, one_of_each_unit
from detectors.novelty.scores import ScoreTable
from detectors.novelty.serial_dependence import in_order_remark
from detectors.novelty.shares import Shares
from detectors.phrases import Cause, Method
from detectors.ranking import Ranking
from detectors.result import Direction, Measure, Remark, Result, undefined

__all__ = ["likelihood_novelty"]

_PERMUTED = Method("permutation of fit and foreign items, one of each unit (studentised)")
_BOOTSTRAPPED = Method("bootstrap of unit means of the fit items")


def likelihood_novelty(
    observed: Mapping[str, pd.DataFrame], *, score: str = "log_prob", beside: Sequence[str] = (), blurred: bool = False,
    value_range: tuple[float, float] | None = None, rule: Rule | None = None, tpr: float | None = None,
    prevalence: float | None = None, tail_rate: float | None = None, drift: int = 0, bootstrapped: bool = False,
    level: float, rng: np.random.Generator,
) -> Result:
    """Return how well the model's own score, and others beside it, tell foreign items and distortions.

    observed: frames indexed by item id for the roles `items`, `fit`, `calibration` and, where there are any, `foreign`,
    `other_domain` (what the self-test shows beside distortions) and `reference` (what the model learnt from; the
    baselines are fitted on it, else on `fit`). Each has one of the columns `image`, `series`, `row`, `text`, where
    known `unit`, and but for `reference` the model's answer: `log_prob`, `logit` or `denoising_curve`, by `score`;
    where known also `trace` (log p of every element). `items` has the answers for each kind of distortion too, e.g.
    `log_prob_noise`; see `blindspots`, also for `value_range` and `blurred`.
    score: the one that is judged; beside: others to be told with it; see `catalogue` for both and `recorded` for the
    columns that they need. One of `baselines` may be judged instead: then no model's answer is needed or looked at, all
    of them stand beside, and rows are distorted after they have been standardised. Where calibration items name a
    `group`, decisions are made within groups; see `decisions`, also for `rule`. tpr: see `operating_point`. prevalence:
    share of what comes that is foreign, for `average_precision`. tail_rate: a rate of false alarms for which `extremes`
    gives a threshold, `streams` one that follows series with a `trace`; drift: see there. bootstrapped: p as before.

    Measures: the module's list, in its order. Items: foreign ones, the most familiar-looking first, then familiar ones;
    their scores, `p_value`, `flagged` (by `rule`), `value` (1 = p-value at most 0.05), `threshold` (the score above
    which that is so) and, of familiar ones, the judged score of each distortion; where stored, `denoising_curve`, and
    see `evidence` for single elements. Table: what every score sees, and how far that is from what the model's own
    sees. Remarks: who sees the foreign items best, and what the judged score is blind to; see `caveats` too.
    Raises ValueError where roles share items, `fit` has fewer than ten, or items have several shapes.
    """
    check_roles(observed)
    seen = ScoreTable(observed, score, value_range, rng, beside=beside, blurred=blurred)
    scores = {role: seen.scores(role) for role in observed if role != "reference"}
    problem = seen.problems.get(seen.main)
    evidence, problem = decided(observed, scores, seen.main, problem, rule or Rule(), seen.main, rng)
    foreign = np.full(len(evidence) - len(observed["items"]), np.nan)  # which nobody distorted
    further: dict[str, Any] = {
        seen.distorted(kind): np.append(foreign, seen.scores(kind)[seen.main]) for kind in seen.kinds
    }
    further |= element_evidence(evidence, observed, seen.main)
    if "denoising_curve" in observed["items"]:
        further["denoising_curve"] = _stored_curves(evidence, observed)
    evidence = pd.concat([evidence, pd.DataFrame(further, evidence.index)], axis=1)
    asked_for = (tpr, prevalence, tail_rate, drift, bootstrapped)
    judge = _Measures(seen, evidence, problem, rule or Rule(), *asked_for, level, rng)
    measures, table = tuple(judge.measures()), judge.table()
    return Result(measures, items=evidence, table=table, remarks=tuple(judge.remarks(table)))


def _stored_curves(evidence: pd.DataFrame, observed: Mapping[str, pd.DataFrame]) -> pd.Series[Any]:
    whole = pd.concat([observed[role]["denoising_curve"] for role in evidence["role"].unique()])
    curves: pd.Series[Any] = whole.loc[evidence.index].map(lambda curve: np.asarray(curve, dtype=np.float32))
    return curves


@immutable
class _Measures:
    """Makes the measures: they share the scores, the level and the generator."""

    seen: ScoreTable
    evidence: pd.DataFrame
    undecided: Cause | None
    """Why there are no decisions in the evidence."""
    rule: Rule
    tpr: float | None
    prevalence: float | None
    tail_rate: float | None
    drift: int
    bootstrapped: bool
    level: float
    rng: np.random.Generator

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """What is shown beside the familiar items -> how the scores rank it."""
        foreign = ("foreign",) if "foreign" in self.seen.observed else ()
        return {about: self.seen.ranking(about) for about in (*foreign, *self.seen.spots)}

    def measures(self) -> Iterator[Measure]:
        """Yield the measures, headline first."""
        seen = self.seen
        if "foreign" in self.rankings:
            yield self._auroc("auroc", "foreign", seen.main)
            yield from (self._auroc("auroc", "foreign", score, score) for score in seen.names[1:])
        yield self._worst()
        yield from (self._auroc("blind_spot_auroc", kind, seen.main, kind) for kind in seen.spots)
        yield from self._decisions()
        if seen.main not in seen.problems:
            yield from located(seen.observed, self.level)
        if seen.raw == "nll":
            yield self._bits_per_dim()
        if "foreign" in self.rankings and seen.modelled:
            yield self._batch_typicality()
        if "foreign" in self.rankings and self.tpr is not None:
            yield self._asked_for("fpr_at_tpr", partial(fpr_at_tpr, tpr=self.tpr), "share", "lower is better")
        if "foreign" in self.rankings and self.prevalence is not None:
            at = partial(average_precision, share=self.prevalence)
            yield self._asked_for("average_precision", at, "score", "higher is better")

    def _decisions(self) -> Iterator[Measure]:
        """Yield what comes of decisions by the judged score."""
        shares = Shares(self.evidence, self.undecided, self.level, self.rng)
        calibration = self.seen.observed["calibration"]
        grouped = bool((groups_of(calibration) != "").any())
        if "foreign" in self.rankings:
            yield from shares.by_group("flagged_share", "foreign", "higher is better", grouped=grouped)
        yield from shares.by_group("false_alarm_share", "items", "lower is better", grouped=grouped)
        if self.tail_rate is not None:
            main = self.seen.main
            known = calibration_scores(calibration, self.seen.scores("calibration")[main], self.rng)
            drawn = np.concatenate(list(known.values()))
            yield from shares.beyond_tail(drawn, self.tail_rate, main, self.seen.problems.get(main))
        yield from self._by_element(shares)

    def _by_element(self, shares: Shares) -> Iterator[Measure]:
        """Yield what comes of decisions on windows, and on the steps of series."""
        seen, strangest = self.seen, "windowed_maximum"
        if strangest in seen.asked:
            known = seen.scores("calibration")[strangest]
            yield from shares.windows(seen.observed, known, self.rule, seen.problems.get(strangest))
        if self.tail_rate is not None and "trace" in seen.observed["items"] and seen.serial:
            yield from shares.stream(seen.observed, self.tail_rate, self.drift)

    def _auroc(self, name: str, about: str, score: str, group: str | None = None) -> Measure:
        if score in self.seen.problems:
            return self._none(name, self.seen.problems[score], about, "score", "higher is better", group)
        above = ("foreign", score) if about == "foreign" else ("items", self.seen.distorted(about))
        found = self.rankings[about].auroc(score, name=name, level=self.level, group=group)
        if about == OTHER_DOMAIN:
            return found  # of which the evidence keeps no item
        return replace(found, auroc_of=(("items", score), above))

    def _worst(self) -> Measure:
        """Return the least AUROC of the model's own score over distortions; their intervals hold all at once."""
        name, main, kinds = "worst_blind_spot_auroc", self.seen.main, self.seen.spots
        one = self._auroc(name, kinds[0], main)
        if one.value is None:
            return one
        together = 1 - (1 - self.level) / len(kinds)
        value, low, high = np.min([self.rankings[kind].interval(main, together) for kind in kinds], axis=0)
        return replace(
            one, value=float(value), low=float(low), high=float(high), auroc_of=None,
            method=Method("{method}, least of {count}", method=one.method, count=len(kinds)),
        )

    def _bits_per_dim(self) -> Measure:
        frame = self.seen.observed["items"]
        kinds = "/".join(sorted(set(frame["likelihood"]))) if "likelihood" in frame else "as given"
        unit = f"bits per {'byte' if field_of(frame) == 'text' else 'dimension'}"
        problem = self.seen.problems.get(self.seen.raw)
        if problem is not None:
            return self._none("bits_per_dim", problem, "items", unit, "lower is better")
        sums = self.seen.unit_sums("items", self.seen.raw)
        value, low, high = cluster_bootstrap(
            lambda totals: totals[..., 0] / totals[..., 1], sums, level=self.level, rng=self.rng
        )
        method = Method("{method}; log p is {likelihood}", method=CLUSTER_BOOTSTRAP.method, likelihood=kinds)
        n = {"items": len(frame), "units": len(sums)}
        return Measure(
            name="bits_per_dim", value=value, low=low, high=high, n=n, unit=unit, direction="lower is better",
            level=self.level, **{**CLUSTER_BOOTSTRAP.facts, "method": method},
        )

    def _batch_typicality(self) -> Measure:
        name, raw = "batch_typicality_p", self.seen.raw
        if raw in self.seen.problems:
            return self._none(name, self.seen.problems[raw], "foreign", "p-value", "neither")
        if self.bootstrapped:
            known, new = (np.divide(*self.seen.unit_sums(role, raw).T) for role in ("fit", "foreign"))
            (_, p), method = bootstrapped_typicality(known, new, rng=self.rng), _BOOTSTRAPPED
        else:
            known, new = (
                one_of_each_unit(self.seen.scores(role)[raw], self.seen.units[role], self.rng)
                for role in ("fit", "foreign")
            )
            (_, p), method = batch_typicality(known, new, rng=self.rng), _PERMUTED
        return Measure(
            name=name, value=p, n={"items": len(self.seen.observed["foreign"]), "units": len(new)}, unit="p-value",
            direction="neither", level=self.level, method=method,
        )

    def _asked_for(self, name: str, of: Callable[..., Measure], unit: str, direction: Direction) -> Measure:
        """Return what `of` makes of familiar and foreign scores and their units; undefined where there are none."""
        main = self.seen.main
        if main in self.seen.problems:
            return self._none(name, self.seen.problems[main], "items", unit, direction)
        familiar, foreign = (self.seen.scores(role)[main] for role in ("items", "foreign"))
        units = self.seen.units["items"], self.seen.units["foreign"]
        return of(familiar, foreign, units, level=self.level, rng=self.rng)

    def _none(
        self, name: str, reason: Cause, about: str, unit: str, direction: Direction, group: str | None = None
    ) -> Measure:
        items = len(self.seen.units[about])
        return undefined(
            name, reason, n={"items": items, "units": 0}, unit=unit, direction=direction, level=self.level, group=group
        )

    def remarks(self, table: pd.DataFrame) -> Iterator[Remark]:
        """Yield who sees the foreign items best, what the judged score is blind to, then what `caveats` says."""
        main = self.seen.main
        if main in self.seen.problems:
            return
        if "foreign" in self.rankings:
            yield best_score_remark(self.rankings["foreign"], main, self.level)
        near = dict(zip(table["about"], table["near_share"], strict=True))
        for about, found in self.rankings.items():
            if blind := blind_spot_remark(found, about, main, self.level):
                yield blind
                if near[about] > 0.5:
                    yield Remark("near_learnt", {"about": about, "share": float(near[about])})
        if self.undecided is None and field_of(self.seen.observed["items"]) == "series":
            yield Remark("blocks_of_time", {})
            calibration = self.seen.observed["calibration"]
            if together := in_order_remark(calibration, self.seen.scores("calibration")[main]):
                yield together
        if self.seen.widened:
            yield from told_beside(self.seen, self.rankings, self.level)

    def table(self) -> pd.DataFrame:
        """Return a row for every score of everything shown beside the familiar items: AUROC, gap to the model's own.

        Where scores were asked for, also what each costs an item: `calls` of the model and `gradients`. `near_share`
        is the share of the items shown that lie as near to a learnt one as the nearer half of the familiar ones do.
        """
        nearer = np.median(self.seen.scores("items")["knn5"])
        near = {about: float((self.seen.scores(about)["knn5"] <= nearer).mean()) for about in self.rankings}
        shown = [(about, score) for about, found in self.rankings.items() for score in found.names]
        rows = [{**self._row(about, score), "near_share": near[about]} for about, score in shown]
        return pd.DataFrame({name: [row[name] for row in rows] for name in (rows[0] if rows else ())})

    def _row(self, about: str, score: str) -> dict[str, Any]:
        found, raw = self.rankings[about], self.seen.raw
        value, low, high = found.interval(score, self.level)
        apart = score != raw and raw in found.names
        gap = found.difference(score, raw, self.level) if apart else (None, None, None)
        cost = dict(zip(("calls", "gradients"), self.seen.price(score), strict=True)) if self.seen.widened else {}
        return {
            "about": about, "score": score, "auroc": value, "low": low, "high": high,
            **dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True)), **cost,
        }
