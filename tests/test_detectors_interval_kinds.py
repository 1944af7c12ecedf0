"""How an interval was made: told by the words of its method, which a record holds, and by nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from report_fixtures import rate

from audit.verdict import RANDOM_CHECK, early_stopping
from detectors.intervals import (
    ALL_OF_IT,
    AUROC_METHOD,
    BETTING_FINITE,
    CLUSTER_BOOTSTRAP,
    HYPERGEOMETRIC,
    mean_over_units,
)
from detectors.quality.coverage import COVERAGE
from detectors.result import undefined


def kind(method, **facts):
    return replace(rate("m", 1, 4), method=method, **facts).interval


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (ALL_OF_IT, "known"), (RANDOM_CHECK, "random check"), (HYPERGEOMETRIC, "exact"), (BETTING_FINITE, "betting"),
        (early_stopping.METHOD, "sequence"), (early_stopping.METHOD_OF_PART, "sequence"), (AUROC_METHOD, "auroc"),
        (f"{AUROC_METHOD}, given the training items", "auroc"), ("order statistics over calls", "other"),
    ],
)
def test_each_method_that_is_told_apart_has_its_kind(method, expected):
    assert kind(method) == expected


@pytest.mark.parametrize(("binary", "expected"), [(True, "exact"), (False, "betting")])
def test_a_mean_over_units_is_exact_or_bets(binary, expected):
    made = mean_over_units(np.r_[np.ones(5), np.zeros(5)], level=0.9, rng=np.random.default_rng(0), binary=binary)
    assert kind(made.method) == expected


@pytest.mark.parametrize("how", [CLUSTER_BOOTSTRAP, COVERAGE])
def test_what_is_not_proved_is_approximate_whatever_it_is_called(how):
    assert kind(**how.facts) == "approximate"


def test_without_ends_there_is_no_interval():
    assert kind(early_stopping.NO_INTERVAL, low=None, high=None) == "none"
    facts = {"n": {"items": 0}, "unit": "share", "direction": "neither", "level": 0.9}
    assert undefined("m", "nothing was asked", **facts).interval == "none"
