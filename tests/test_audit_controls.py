"""A sabotaged detector is caught by its probe's controls, for every probe, and its finding is inconclusive.

The sabotage is inside the detector: the score's sign is turned, or every item gets the same score. Each probe runs on
the same model and data through the real runner twice, sound and sabotaged. A new probe needs an entry in `SABOTAGE`.
"""

from __future__ import annotations

import importlib.metadata
import json
from importlib import import_module

import numpy as np
import pytest
from scipy.stats import norm
from tiny_models import make_tiny_lm

from audit import open_model
from audit.data import File
from audit.judging import controls_of
from audit.model import Sample
from audit.plan import Check, Plan
from audit.runner import run

BOTH = {"positive": True, "negative": True}
STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


def opposite_shares(real):
    return lambda given, errors: np.clip(2 * np.asarray(given) - real(given, errors), 0, 1)


def mirrored_correction(real):
    return lambda labels, judged, others, level: real(labels, judged, np.clip(2 * judged.mean() - others, 0, 1), level)


SABOTAGE = {
    "bias.representation": (
        "detectors.bias.representation:true_shares",
        opposite_shares,
        lambda real: lambda given, errors: np.full_like(given, 1 / np.shape(given)[-1]),
    ),
    "bias.stereotype_pairs": (
        "detectors.bias.pairs:_preference",
        lambda real: lambda gap: real(-gap),
        lambda real: lambda gap: real(0 * gap),
    ),
    "efficiency.sampling": (
        "detectors.efficiency.timing:_per",
        lambda real: lambda seconds, others: None if others is None else real(others, seconds),
        lambda real: lambda seconds, others: None if others is None else real(others, others),
    ),
    "factuality.closed_book": (
        "detectors.factuality.choices:fair_share",
        lambda real: lambda scores, *rest: real(-scores, *rest),
        lambda real: lambda scores, *rest: real(0 * scores, *rest),
    ),
    "factuality.judged": (
        "detectors.factuality.judged:prediction_powered",
        mirrored_correction,
        lambda real: lambda labels, judged, others, level: real(labels, 0 * judged, 0 * others, level),
    ),
    "novelty.contrast": (
        "detectors.novelty.contrast:model_score",
        lambda real: lambda *known: -real(*known),
        lambda real: lambda *known: 0 * real(*known),
    ),
    "novelty.likelihood": (
        "detectors.novelty._seen:model_score",
        lambda real: lambda *known: -real(*known),
        lambda real: lambda *known: 0 * real(*known),
    ),
    "provenance.text_mark": (
        "detectors.provenance.detection:green_tail",
        lambda real: lambda *counts: 1 - real(*counts),
        lambda real: lambda *counts: 0 * real(*counts) + 0.5,
    ),
    "quality.samples": (
        "detectors.quality.kernel_distance:_kernel",
        lambda real: lambda product: -real(product),
        lambda real: lambda product: 0 * product + 1,
    ),
}
"""Probe -> (where its score is made, the score with its sign turned, the same score for all)."""
OPTIONS = {"provenance.text_mark": {"max_tokens": 16}}
OURS = sorted(
    entry.name
    for entry in importlib.metadata.entry_points(group="dokimasia.probes")
    if entry.value.startswith("audit.probes.")
)


def probe_named(name):
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name=name)
    return entry.load()(**OPTIONS.get(name, {}))


def break_detector(monkeypatch, name, how):
    place, *ways = SABOTAGE[name]
    module, _, attribute = place.partition(":")
    real = getattr(import_module(module), attribute)
    monkeypatch.setattr(import_module(module), attribute, ways[how == "constant"](real))


def test_every_probe_of_ours_has_its_sabotage():
    assert sorted(set(OURS) - set(SABOTAGE)) == [], "say in SABOTAGE how the detector of these can be broken"


@pytest.mark.parametrize("how", ["turned", "constant"])
@pytest.mark.parametrize("name", SABOTAGE)
def test_the_controls_catch_it_at_every_level(monkeypatch, name, how):
    probe = probe_named(name)
    assert controls_of(probe, level=STRICT, seed=0, check="x") == BOTH
    break_detector(monkeypatch, name, how)
    for level in (0.95, STRICT):
        assert controls_of(probe, level=level, seed=0, check="x") != BOTH


# --- through the runner


class Normal:
    """Four independent standard normal numbers: a model of P(X), its features, and a classifier by the first sign."""

    family, modality, name, fingerprint = "normal", "series", "normal", "sha256:normal"
    classes = ("minus", "plus")

    def sample(self, prompts, *, seed):
        rng = np.random.default_rng(seed)
        return [Sample(rng.normal(size=4), elements=4) for _ in prompts]

    def log_prob(self, items):
        return norm.logpdf(np.stack(items)).sum(axis=1), "exact"

    def predict(self, items):
        plus = norm.cdf(3 * np.stack(items)[:, 0])
        return np.stack([1 - plus, plus], axis=1)

    def logits(self, items):
        return np.log(np.clip(self.predict(items), 1e-12, 1))

    def embed(self, items):
        return np.stack(items)


def series(rng, size, scale=1.0):
    rows = scale * rng.normal(size=(size, 4))
    return [{"series": row.tolist(), "label": "plus" if row[0] > 0 else "minus"} for row in rows]


def judged_rows(rng):
    truth = rng.random(300) < 0.7
    said = np.where(rng.random(300) < 0.9, truth, ~truth)
    return [{"judge": int(said[n]), "label": int(truth[n]) if n < 60 else None, "text": f"{n}"} for n in range(300)]


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    """Return probe -> (models, data of each role)."""
    folder, rng = tmp_path_factory.mktemp("subjects"), np.random.default_rng(0)

    def file(name, rows):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return File(path)

    sets = {role: file(role, series(rng, 60)) for role in ("items", "fit", "calibration", "train")}
    sets["foreign"] = file("foreign", series(rng, 60, scale=4.0))
    novel = {role: sets[role] for role in ("items", "fit", "calibration", "foreign")}
    language = {"main": open_model("causal_lm", path=make_tiny_lm(folder / "lm"), threads=1)}
    pairs = [{"more": f"He is {n}.", "less": f"She is {n}."} for n in range(12)]
    questions = [{"question": f"What is {n}?", "choices": ["one", "two"], "correct": [n % 2]} for n in range(12)]
    normal = {"main": Normal()}
    return {
        "bias.representation": (
            {**normal, "classifier": Normal()}, {"items": sets["items"], "calibration": sets["calibration"]}
        ),
        "bias.stereotype_pairs": (language, {"items": file("pairs", pairs)}),
        "efficiency.sampling": (normal, {"items": sets["items"]}),
        "factuality.closed_book": (language, {"items": file("questions", questions)}),
        "factuality.judged": ({}, {"items": file("judged", judged_rows(rng))}),
        "novelty.contrast": ({**normal, "classifier": Normal()}, novel),
        "novelty.likelihood": (normal, novel),
        "provenance.text_mark": (language, {"items": file("texts", [{"text": f"The {n}"} for n in range(4)])}),
        "quality.samples": (normal, {"items": sets["items"], "train": sets["train"]}),
    }


def finding_of(name, subjects, into):
    models, data = subjects[name]
    check = Check("one", probe_named(name), data)
    helpers = {helper: model for helper, model in models.items() if helper != "main"}
    plan = Plan("Sabotage", (check,), models.get("main"), helpers=helpers)
    (finding,) = run(plan, into=into).record.findings
    return finding


@pytest.mark.parametrize("name", SABOTAGE)
def test_the_finding_of_a_sabotaged_detector_is_inconclusive(monkeypatch, tmp_path, subjects, name):
    sound = finding_of(name, subjects, tmp_path / "sound")
    assert (sound.verdict, sound.controls) == ("measured", BOTH), sound.why
    break_detector(monkeypatch, name, "turned")
    broken = finding_of(name, subjects, tmp_path / "broken")
    assert broken.verdict == "inconclusive", broken.why
    assert broken.controls != BOTH
    assert broken.reason["key"] in ("control_positive", "control_negative")


@pytest.mark.parametrize("name", sorted(SABOTAGE))
def test_controls_are_small(name):
    """They run before every check; `benchmarks/promises.py` prints how long that takes."""
    (part,) = importlib.metadata.entry_points(group="dokimasia.probes", name=name)
    for observed in part.load()().controls(np.random.default_rng(0)):
        assert 0 < sum(len(frame) for frame in observed.values()) < 5_000
