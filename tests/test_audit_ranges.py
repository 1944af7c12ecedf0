"""What a measure can be: told by every probe, true of what it measures, and no limit or margin beyond it is taken."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
import yaml
from comparison_fixtures import Asked, two_audits
from rates import Ones
from report_fixtures import finding, rate, write_audit

from audit import plugins
from audit.compare import Margins, compare_audits
from audit.errors import PlanError, UsageError
from audit.plan import Check, read_plan
from audit.policy import judge_audit, load_policy
from audit.probe import AUROC, COUNT, SHARE, Range, range_in
from audit.record import Limit

PLAN = """\
title: x
checks:
  - name: one
    probe: {use: %s}
    data: {use: builtin, name: plain_questions}
    limit: {measure: %s, %s}
model: {use: endpoint, url: "http://127.0.0.1:9/v1", name: m}
"""


@pytest.mark.parametrize(
    ("probe", "measure", "bound", "said"),
    [
        ("factuality.closed_book", "accuracy", "at_most: 60",
         "at_most: got 60; accuracy is a share, 0 to 1 (did you mean 0.6?)"),
        ("factuality.closed_book", "accuracy", "at_least: -0.1", "at_least: got -0.1; accuracy is a share, 0 to 1"),
        ("factuality.closed_book", "above_chance", "at_least: 5",
         "at_least: got 5; above_chance is a share, -1 to 1 (did you mean 0.05?)"),
        ("factuality.closed_book", "not_asked", "at_most: -3", "at_most: got -3; not_asked is a count, 0 or more"),
        ("novelty.likelihood", "auroc", "at_least: 80",
         "at_least: got 80; auroc is a score, 0 to 1 (did you mean 0.8?)"),
        ("efficiency.sampling", "seconds_per_sample", "at_most: -1",
         "at_most: got -1; seconds_per_sample is seconds, 0 or more"),
        ("factuality.closed_book", "accuracy", "at_most: 250", "at_most: got 250; accuracy is a share, 0 to 1"),
    ],
)  # fmt: skip
def test_a_limit_beyond_what_its_measure_can_be_is_a_plan_error_with_its_place(probe, measure, bound, said):
    with pytest.raises(PlanError) as caught:
        read_plan(PLAN % (probe, measure, bound))
    (problem,) = [one for one in caught.value.problems if "limit" in one]
    assert problem.startswith("plan.yaml:6:")
    assert problem.endswith(f": limit.{said}")


@pytest.mark.parametrize("bounds", ["at_most: 1", "at_least: 0", "at_least: 0.2, at_most: 0.9"])
def test_a_limit_within_reach_is_taken(bounds):
    assert read_plan(PLAN % ("factuality.closed_book", "accuracy", bounds)).checks[0].limit is not None


def test_a_check_made_in_python_is_held_to_the_same():
    with pytest.raises(UsageError, match=r"check a: limit.at_most: got 5; ones is a share, 0 to 1 \(did you mean"):
        Check("a", Ones(), limit=Limit(measure="ones", at_most=5))
    assert Check("a", Ones(), limit=Limit(measure="length", at_most=5)).gates


def test_a_probe_of_somebody_else_that_only_names_its_measures_can_have_limits():
    named = dataclasses.make_dataclass("Named", [], bases=(Ones,), namespace={"measures": ("ones",)}, frozen=True)
    assert Check("a", named(), limit=Limit(measure="ones", at_most=5)).gates


def _judged(folder, **keys):
    audit = write_audit(folder / "audit", [
        finding("facts", "measured", "told", probe="factuality.closed_book", measures=[rate("accuracy", 9, 10)]),
    ])  # fmt: skip
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({"title": "Gate", **keys}))
    return judge_audit(audit, load_policy(path), on=date(2026, 11, 24))


@pytest.mark.parametrize("names", [{"check": "facts"}, {"probe": "factuality.closed_book"}, {"measure": "accuracy"}])
def test_a_policy_limit_beyond_reach_is_an_error_however_it_names_its_measure(tmp_path, names):
    with pytest.raises(PlanError, match=r"policy.yaml:\d+:\d+: at_most: got 60; accuracy .*did you mean 0.6"):
        _judged(tmp_path, limits=[{**names, "at_most": 60}])
    assert _judged(tmp_path, limits=[{**names, "at_most": 0.6}]).rulings


def test_a_policy_tells_every_such_mistake_at_once(tmp_path):
    with pytest.raises(PlanError) as caught:
        _judged(tmp_path, limits=[{"check": "facts", "at_most": 60}, {"check": "facts", "at_least": -1}],
                baseline={"margin": 2})  # fmt: skip
    assert len(caught.value.problems) == 3
    assert "margin 2: accuracy is a share, 0 to 1; allowed: below 1 (did you mean 0.02?)" in str(caught.value)


def test_a_margin_beyond_reach_is_an_error(tmp_path):
    limit, probe = Limit(measure="accuracy", at_least=0.5), {"probe": "factuality.closed_book"}
    asked = [Asked("facts", [1.0] * 9 + [0.0], limit, more=probe)]
    pair = two_audits(tmp_path, asked, asked)
    for margins in (Margins(2), Margins(0.02, {"accuracy": 2})):
        with pytest.raises(UsageError, match=r"margin 2: accuracy .* allowed: below 1 \(did you mean 0.02\?\)"):
            compare_audits(*pair, margins)
    assert compare_audits(*pair, Margins(0.99)).word == "no worse"


def test_a_measure_of_a_probe_that_is_not_installed_has_no_range():
    assert range_in("gone.away", "accuracy") is None
    assert range_in("factuality.closed_book", "nothing") is None
    assert range_in("factuality.closed_book", "accuracy") == SHARE


def test_what_a_probe_names_instead_is_a_measure_of_its_own_that_data_bound():
    probes = (plugins.load("probes", name) for name in plugins.names("probes"))
    told = [(one.measures, of.instead) for one in probes for of in one.measures.values() if of.instead is not None]
    assert len(told) == 2
    assert all(name in measures and measures[name].instead is None for measures, name in told)


@pytest.mark.parametrize(
    ("of", "words"), [(SHARE, "a share, 0 to 1"), (COUNT, "a count, 0 or more"), (AUROC, "a score, 0 to 1"),
                      (Range("nats"), "nats")],
)  # fmt: skip
def test_a_range_in_words(of, words):
    assert str(of) == words
