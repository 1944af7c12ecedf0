"""The probe `efficiency.sampling`: turns, what it may reuse, its controls, and the cost of autoregression."""

from __future__ import annotations

import importlib.metadata
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from audit import open_model
from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.execute import run
from audit.model import Sample
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.efficiency.sampling import SamplingTime
from audit.reference.cards import WEIGHTS

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


class Quick:
    """Draws and evaluates at once, and notes the order of its calls."""

    family, modality = "quick", "series"

    def __init__(self, name, log, elements=3):
        self.name, self.log, self.fingerprint, self.elements = name, log, f"sha256:{name}", elements

    def sample(self, prompts, *, seed, steps=1):
        self.log.append(f"{self.name} draws")
        return [Sample(np.zeros(3), elements=self.elements) for _ in prompts]


class Dense(Quick):
    """Has a likelihood too."""

    def log_prob(self, items):
        self.log.append(f"{self.name} evaluates")
        return np.zeros(len(items)), "exact"


def series(size):
    index = pd.Index([f"x{i}" for i in range(size)], name="id")
    return pd.DataFrame({"series": [np.full(3, float(i)) for i in range(size)]}, index=index)


@pytest.fixture
def door_of(tmp_path):
    """Return the real door to models, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda **models: Asker(models, store, seed=0, audit="test")


def judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="efficiency.sampling")
    assert entry.load() is SamplingTime
    assert isinstance(SamplingTime(), Probe)
    assert SamplingTime().needs == {"sample"}


def test_models_take_turns_of_eight_calls_each_after_one_that_is_not_timed(door_of):
    log = []
    probe = SamplingTime(against="other")
    door = door_of(main=Dense("a", log), other=Quick("b", log))
    frame = probe.observe(door, series(10), "items")
    turn = [*["a draws"] * 9, *["a evaluates"] * 9, *["b draws"] * 9]
    assert log[:27] == turn
    assert log[27:] == [*["a draws"] * 3, *["a evaluates"] * 3, *["b draws"] * 3]
    assert door.calls == probe.estimate(10)
    assert frame.index.tolist() == series(10).index.tolist()
    assert len(set(frame["seconds"])) == 10
    result = judged(probe, {"items": frame})
    assert result.measure("elements_per_sample").value == 3
    assert {m.name for m in result.measures if m.value is None} == set()
    assert set(probe.measures) <= {m.name for m in result.measures}


def test_a_model_without_likelihood_or_elements_is_timed_at_what_it_does(door_of):
    frame = SamplingTime().observe(door_of(main=Quick("a", [], elements=None)), series(9), "items")
    result = judged(SamplingTime(), {"items": frame})
    assert "log_prob_seconds" not in frame
    assert result.measure("sequential_cost").undefined == "the model evaluates no likelihood"
    assert result.measure("seconds_per_element").undefined == "the model does not tell"


def test_times_are_found_again_by_the_same_audit_and_taken_anew_by_another(tmp_path):
    log = []

    def observed(folder):
        store = Store(tmp_path / folder)
        with store.locked():
            door = Asker({"main": Dense("a", log)}, store, seed=0, audit=folder)
            return SamplingTime().observe(door, series(5), "items")

    first, again, other = observed("one"), observed("one"), observed("two")
    assert len(log) == 2 * 12
    assert first.equals(again)
    assert not first["seconds"].equals(other["seconds"])


@pytest.mark.parametrize("level", [0.95, STRICT])
def test_controls_are_told_apart(level):
    probe = SamplingTime()
    for seed in range(10):
        faulty, clean = probe.controls(np.random.default_rng(seed))
        assert probe.found(judged(probe, faulty, level))
        assert not probe.found(judged(probe, clean, level))


def passes(model, work):
    """How often the network's busiest layer with weights runs: what the time is spent on, whatever the machine."""
    count = Counter()
    layers = [layer for layer in model.network.modules() if next(layer.parameters(recurse=False), None) is not None]
    hooks = [layer.register_forward_hook(lambda layer, *_: count.update([id(layer)])) for layer in layers]
    work()
    for hook in hooks:
        hook.remove()
    return max(count.values())


def test_autoregression_pays_for_drawing_step_by_step(tmp_path):
    """The pixel model draws 64 pixels one after the other and evaluates them at once; the VAE does both at once."""
    for family, steps in (("autoregressive_image", 64), ("vae", 1)):
        model = open_model(family, path=str(WEIGHTS / family / "sound"))
        assert passes(model, lambda model=model: model.sample([None], seed=0)) == steps
        assert passes(model, lambda model=model: model.log_prob([np.zeros((8, 8), int)])) == 1
        data = {"items": Made(set="digits", part="heldout", where={"label": ["3"]})}
        audit = run(Plan("time", (Check("time", SamplingTime(), data),), model), into=tmp_path)
        finding = audit.record.findings[0]
        assert finding.verdict == "measured"
        assert not finding.gating
        assert next(m for m in finding.measures if m.name == "sequential_cost").value > 0
