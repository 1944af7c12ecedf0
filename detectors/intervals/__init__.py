"""Intervals that hold: `level` is two-sided confidence, and low <= estimate <= high.

    rate of n independent trials              exact_binomial                       exact (Clopper-Pearson)
    mean of values in [0, 1]                  betting_mean                         valid at every n and mean
    mean over independent units               mean_over_units                      one of these two, by design
    mean over a finite set of units           mean_of_finite, exact_hypergeometric no error, exact, or valid
    events in a set looked at in part         events_of_parts                      valid at every number of them
    difference, ratio of two rates            rate_difference, rate_ratio          valid at every n and pair of rates
    the same, narrower; of paired answers     newcombe, score_ratio; newcombe_paired         approximate
    AUROC                                     auroc                                valid at every n and distribution
    smooth function of totals over units      cluster_bootstrap                    approximate
    rates of many groups at once              simultaneous                         approximate
    rate that an erring detector reports      corrected_rate                       approximate
    rate from few labels and a judge of all   prediction_powered                   valid at every n, N and judge
    "is there any gap among groups?"          any_gap_p                            a valid p-value

Exact and valid mean coverage of at least `level` at every true value. What is approximate has an `Approximation` beside
it that says from which n on it may decide a limit, and the lowest coverage measured there.
"""

from detectors.intervals.betting import EMPTY, betting_mean, refuses, still_to_come
from detectors.intervals.bootstrap import CLUSTER_BOOTSTRAP, cluster_bootstrap
from detectors.intervals.both_tails import RATE_DIFFERENCE, RATE_RATIO, difference_low, rate_difference, rate_ratio
from detectors.intervals.corrected import CORRECTED, Calibration, corrected_rate
from detectors.intervals.discordant import METHOD, MOST, discordant_interval
from detectors.intervals.exact import Approximation, Level, binomial_quantile, exact_binomial, sides_of
from detectors.intervals.finite import (
    ALL_OF_IT,
    BETTING_FINITE,
    HYPERGEOMETRIC,
    PartOfSet,
    events_of_parts,
    exact_hypergeometric,
    mean_of_finite,
)
from detectors.intervals.groups import SIMULTANEOUS, any_gap_p, simultaneous
from detectors.intervals.powered import LEAST_LABELS, POWERED_METHOD, Powered, prediction_powered
from detectors.intervals.roc import AUROC_METHOD, auroc, pairs_interval
from detectors.intervals.two_rates import NEWCOMBE, NEWCOMBE_PAIRED, SCORE_RATIO, newcombe, newcombe_paired, score_ratio
from detectors.intervals.unit_means import UnitMean, mean_over_units, mostly_single

__all__ = [
    "ALL_OF_IT", "AUROC_METHOD", "BETTING_FINITE", "CLUSTER_BOOTSTRAP", "CORRECTED", "EMPTY", "HYPERGEOMETRIC",
    "LEAST_LABELS", "METHOD", "MOST", "NEWCOMBE", "NEWCOMBE_PAIRED", "POWERED_METHOD", "RATE_DIFFERENCE", "RATE_RATIO",
    "SCORE_RATIO", "SIMULTANEOUS", "Approximation", "Calibration", "Level", "PartOfSet", "Powered", "UnitMean",
    "any_gap_p", "auroc", "betting_mean", "binomial_quantile", "cluster_bootstrap", "corrected_rate", "difference_low",
    "discordant_interval", "events_of_parts", "exact_binomial", "exact_hypergeometric", "mean_of_finite",
    "mean_over_units", "mostly_single", "newcombe", "newcombe_paired", "pairs_interval", "prediction_powered",
    "rate_difference", "rate_ratio", "refuses", "score_ratio", "sides_of", "simultaneous", "still_to_come",
]
