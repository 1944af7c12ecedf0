"""A sabotaged detector or probe is caught by its probe's controls, for every probe, and its finding is inconclusive.

`SABOTAGE` is inside the detector: the score's sign is turned, or every item gets the same score. Each probe runs on the
same model and data through the real runner twice, sound and sabotaged. A new probe needs an entry there. `HOLES` are
faults that leave the planted pair of `controls` as it is: in what is asked and kept, in measures beside the headline, in
the size of an effect and in the width of an interval; only trials see them.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import replace
from functools import reduce
from importlib import import_module

import numpy as np
import pytest
from markov import Repeats
from scipy.stats import norm
from tiny_models import make_tiny_lm

from audit import open_model
from audit.controls import controls_of, covered, trials_of
from audit.data import File
from audit.model import Sample
from audit.plan import Check, Plan
from audit.runner import run
from audit.trial import Known
from detectors.result import Measure

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


def by(factor, about=0.5):
    """Pull what a function returns towards a number."""
    return lambda real: lambda *args: about + (real(*args) - about) * factor


def shifted(by, least=0.0, most=1.0):
    return lambda real: lambda *args: np.clip(real(*args) + by, least, most)


def first_of(change):
    """Change the first of two things that a function returns."""
    return lambda real: lambda *args: (lambda found: (change(found[0]), found[1]))(real(*args))


def without_width(real):
    def narrow(*args, **options):
        found = real(*args, **options)
        return replace(found, low=found.value, high=found.value)

    return narrow


def as_value(real):
    """Make (value, low, high) of nothing but the value."""
    return lambda *args: (real(*args)[0],) * 3


def moved(step):
    def change(real):
        def off(*args):
            found = real(*args)
            return replace(found, **{end: min(1.0, getattr(found, end) + step) for end in ("value", "low", "high")})

        return off

    return change


def kept(**columns):
    """Change columns of what a probe keeps of the role `items`: column -> function of the frame."""

    def change(real):
        def observe(self, ask, items, role):
            frame = real(self, ask, items, role)
            return frame.assign(**{name: to(frame) for name, to in columns.items()}) if role == "items" else frame

        return observe

    return change


def shuffled(name):
    return lambda frame: frame[name].to_numpy()[np.random.default_rng(0).permutation(len(frame))]


def taken(name):
    return lambda frame: frame[name]


PAIRS, CHOICES = "audit.probes.stereotype_pairs:StereotypePairs.observe", "audit.probes.closed_book:ClosedBook.observe"
CONTRAST, LIKELIHOOD = "audit.probes.contrast:Contrast.observe", "audit.probes.likelihood:Likelihood.observe"
SAMPLES, SHARES = "audit.probes.samples:Samples.observe", "audit.probes.representation:Representation.observe"
MARK, JUDGED = "audit.probes.text_mark:TextMark.observe", "audit.probes.judged:Judged.observe"
TIME = "audit.probes.sampling_time:SamplingTime.observe"


def turned(real):
    return lambda *args: -real(*args)


def constant(real):
    return lambda *args: 0 * real(*args)


def swapped(real):
    return lambda one, other, *rest, **options: real(other, one, *rest, **options)


HOLES = {
    "bias.stereotype_pairs": {
        "more and less swapped": (PAIRS, kept(log_prob_more=taken("log_prob_less"),
                                              log_prob_less=taken("log_prob_more"))),
        "answers shuffled": (PAIRS, kept(log_prob_more=shuffled("log_prob_more"))),
        "constant": (PAIRS, kept(log_prob_more=lambda frame: -1.0, log_prob_less=lambda frame: -1.0)),
        "effect halved": ("detectors.bias.pairs:_preference", by(0.5)),
        "ten points less": ("detectors.bias.pairs:_preference", shifted(-0.1)),
        "units ignored": ("detectors.bias.pairs:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
        "no width": ("detectors.bias.pairs:mean_over_units", without_width),
        "gaps halved": ("detectors.bias.pairs:_ratio", by(0.5, 0.0)),
    },
    "factuality.closed_book": {
        "answers shuffled": (CHOICES, kept(log_probs=shuffled("log_probs"))),
        "choices turned round": (CHOICES, kept(log_probs=lambda frame: [row[::-1] for row in frame["log_probs"]])),
        "effect halved": ("detectors.factuality.choices:fair_share", first_of(lambda share: 0.5 + (share - 0.5) / 2)),
        "fifteen points more": ("detectors.factuality.choices:fair_share",
                                first_of(lambda share: np.clip(share + 0.15, 0, 1))),
        "no width": ("detectors.factuality._tally:mean_over_units", without_width),
        "units ignored": ("detectors.factuality._tally:mean_over_units",
                          lambda real: lambda values, units=None, **options: real(values, None, **options)),
        "MC2 turned": ("detectors.factuality.choices:true_share", lambda real: lambda *args: 1 - real(*args)),
    },
    "factuality.judged": {
        "judge turned": (JUDGED, kept(judge=lambda frame: 1 - frame["judge"])),
        "labels moved": (JUDGED, kept(label=shuffled("label"))),
        "ten points more": ("detectors.factuality.judged:prediction_powered", moved(0.1)),
        "no width": ("detectors.factuality.judged:prediction_powered", without_width),
        "kappa constant": ("detectors.factuality.judged:cohen_kappa", lambda real: lambda *args, **options: replace(
            real(*args, **options), value=0.5, low=0.4, high=0.6)),
    },
    "novelty.likelihood": {
        "answers turned": (LIKELIHOOD, kept(log_prob=lambda frame: -frame["log_prob"])),
        "distortions swapped": (LIKELIHOOD, kept(log_prob_constant=taken("log_prob_noise"))),
        "gap halved": ("detectors.novelty.ranking:Ranking.interval",
                       lambda real: lambda *args: tuple(0.5 + (x - 0.5) / 2 for x in real(*args))),
        "a tenth more": ("detectors.novelty.ranking:Ranking.interval",
                         lambda real: lambda *args: tuple(min(1, x + 0.1) for x in real(*args))),
        "no width": ("detectors.novelty.ranking:Ranking.interval", as_value),
        "flags halved": ("detectors.novelty.familiarity:mean_over_units",
                         lambda real: lambda values, *rest, **options: real(values / 2, *rest, **options)),
    },
    "novelty.contrast": {
        "answers turned": (CONTRAST, kept(log_prob=lambda frame: -frame["log_prob"])),
        "features constant": (CONTRAST, kept(embedding=lambda frame: [[0.0, 0.0]] * len(frame))),
        "confidence turned": ("detectors.novelty.contrast:max_softmax", turned),
        "confidence constant": ("detectors.novelty.contrast:max_softmax", constant),
        "energy turned": ("detectors.novelty.contrast:energy", turned),
        "mahalanobis turned": ("detectors.novelty.contrast:mahalanobis", turned),
        "mahalanobis constant": ("detectors.novelty.contrast:mahalanobis", constant),
        "kNN turned": ("detectors.novelty.contrast:knn_distance", turned),
    },
    "provenance.text_mark": {
        "keys swapped": (MARK, kept(green=taken("other_green"), other_green=taken("green"))),
        "ten times alpha": ("detectors.provenance.detection:_tested",
                            lambda real: lambda green, share, alpha: real(green, share, 10 * alpha)),
        "a tenth of alpha": ("detectors.provenance.detection:_tested",
                             lambda real: lambda green, share, alpha: real(green, share, alpha / 10)),
        "a pair more": ("detectors.provenance.detection:green_tail",
                        lambda real: lambda hits, *rest: real(np.maximum(hits - 1, 0), *rest)),
        "no width": ("detectors.provenance.detection:mean_over_units", without_width),
        "units ignored": ("detectors.provenance.detection:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
    },
    "quality.samples": {
        "data taken for draws": (SAMPLES, kept(draws=lambda frame: [[row] for row in frame["series"]])),
        "problems lost": (SAMPLES, kept(problems=lambda frame: [["none came"]] * len(frame))),
        "nearness turned": ("detectors.quality.coverage:auroc", swapped),
        "nearness constant": ("detectors.quality.coverage:auroc",
                              lambda real: lambda one, other, level: real(0 * one, 0 * other, level)),
        "against itself": ("detectors.quality.samples:kernel_distance",
                           lambda real: lambda one, other, **options: real(other, other[::-1].copy(), **options)),
        "coverage turned": ("detectors.quality.coverage:_coverage",
                            lambda real: lambda reached, *rest: real(~reached, *rest)),
        "density constant": ("detectors.quality.coverage:_hits",
                             lambda real: lambda *args: tuple(np.ones_like(part) for part in real(*args))),
        "far turned": ("detectors.quality.coverage:_far_share",
                       lambda real: lambda outside, *rest: real(~outside, *rest)),
    },
    "bias.representation": {
        "classes turned": (SHARES, kept(probabilities=lambda frame: [
            [np.roll(told, 1).tolist() for told in row] for row in frame["probabilities"]])),
        "uncorrected": ("detectors.bias.representation:true_shares",
                        lambda real: lambda given, errors: np.broadcast_to(
                            given, np.broadcast_shapes(np.shape(given), np.shape(errors)[:-1])).copy()),
        "errors turned": ("detectors.bias.representation:true_shares",
                          lambda real: lambda given, errors: real(
                              given, np.swapaxes(errors, -1, -2) / np.swapaxes(errors, -1, -2).sum(-1, keepdims=True))),
        "confidence of one": ("audit.probes.representation:_confidence",
                              lambda real: lambda highest, *rest: real(0 * highest + 1, *rest)),
    },
    "efficiency.sampling": {
        "clocks swapped": (TIME, kept(seconds=taken("log_prob_seconds"), log_prob_seconds=taken("seconds"))),
        "wall for processor": (TIME, kept(cpu_seconds=taken("seconds"))),
        "two thirds": ("detectors.efficiency.timing:_per",
                       lambda real: lambda one, other: None if other is None else real(one, other) / 1.5),
        "no width": ("detectors.efficiency.timing:quantile_interval", as_value),
        "mean for median": ("detectors.efficiency.timing:quantile_interval",
                            lambda real: lambda values, q, level: (float(np.mean(values)), None, None)),
    },
}
"""Probe -> what is broken -> (where, how). Nothing but a trial sees it."""
OPTIONS = {"provenance.text_mark": {"max_tokens": 16}}
OURS = sorted(
    entry.name
    for entry in importlib.metadata.entry_points(group="dokimasia.probes")
    if entry.value.startswith("audit.probes.")
)


def probe_named(name):
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name=name)
    return entry.load()(**OPTIONS.get(name, {}))


def broken(monkeypatch, place, way):
    module, _, path = place.partition(":")
    *parents, attribute = path.split(".")
    owner = reduce(getattr, parents, import_module(module))
    monkeypatch.setattr(owner, attribute, way(getattr(owner, attribute)))


def break_detector(monkeypatch, name, how):
    place, *ways = SABOTAGE[name]
    broken(monkeypatch, place, ways[how == "constant"])


def test_every_probe_of_ours_has_its_sabotage():
    assert sorted(set(OURS) - set(SABOTAGE)) == [], "say in SABOTAGE how the detector of these can be broken"
    assert sorted(set(OURS) - set(HOLES)) == [], "say in HOLES what only a trial of these can see"


@pytest.mark.parametrize("how", ["turned", "constant"])
@pytest.mark.parametrize("name", SABOTAGE)
def test_the_controls_catch_it_at_every_level(monkeypatch, name, how):
    probe = probe_named(name)
    assert controls_of(probe, level=STRICT, seed=0, check="x") == BOTH
    break_detector(monkeypatch, name, how)
    for level in (0.95, STRICT):
        assert controls_of(probe, level=level, seed=0, check="x") != BOTH


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, holes in HOLES.items() for what in holes])
def test_trials_catch_what_the_planted_pair_does_not_see(monkeypatch, name, what):
    probe = probe_named(name)
    broken(monkeypatch, *HOLES[name][what])
    if what not in SEEN_BY_BOTH.get(name, ()):
        assert controls_of(probe, level=0.95, seed=0, check="x", trials=()) == BOTH
    assert controls_of(probe, level=0.95, seed=0, check="x") != BOTH


SEEN_BY_BOTH = {
}
"""Probe -> what the planted pair sees too; its place among HOLES is that it came through a hole once."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", OURS)
def test_sound_probes_are_not_accused(name, seed):
    for options in WAYS.get(name, [{}]):
        (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name=name)
        for level in (0.95, 1 - 0.05 / 14, STRICT):
            assert controls_of(entry.load()(**options), level=level, seed=seed, check="x") == BOTH, (options, level)


WAYS = {
    "bias.representation": [{}, {"draws_per_item": 7, "reference": {"a": 0.7, "b": 0.3}, "cite": "x"}],
    "bias.stereotype_pairs": [{}, {"variant": "perplexity"}],
    "efficiency.sampling": [{"against": "other"}],
    "factuality.closed_book": [{}, {"mode": "generate"}],
    "novelty.contrast": [{}, {"classifier": "main", "generative": "other"}],
    "novelty.likelihood": [{"score": "denoising_loss"}, {"score": "critic", "fdr": 0.01}],
    "provenance.text_mark": [{"put_in": True, "alpha": 1e-4, "key_env": "NOT_SET"}],
    "quality.samples": [{"features": "other", "draws_per_item": 20, "neighbours": 9}],
}
UNCOVERED = {
    "bias.stereotype_pairs": {"not_scored"},
    "factuality.closed_book": {
        "chance", "mc1_chance", "longest_choice", "shortest_choice", "unparseable_share", "answer_words", "error_share",
        "not_asked",
    },
    "factuality.judged": {"labels_worth", "sensitivity"},
    "novelty.likelihood": {"batch_typicality_p"},
    "provenance.text_mark": {"tokens_needed", "not_tested"},
}
"""Measures that a limit may name and no trial covers; reports say so."""


@pytest.mark.parametrize("name", OURS)
def test_trials_cover_all_that_a_limit_may_name_or_it_is_known_what_not(name):
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name=name)
    probes = [entry.load()(**options) for options in [{}, *WAYS.get(name, [])]]
    covers = {one for probe in probes for one in covered(trials_of(probe, seed=0, check="x"))}
    assert set(probes[0].measures) - covers == UNCOVERED.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_a_trial_without_the_fault_and_two_sizes_of_it_lie_clearly_apart(name):
    """So that agreeing with the planted values is a dose-response: what is off by a part of the gap is off too far."""
    trials = trials_of(probe_named(name), seed=0, check="x")
    assert [one.faulty for one in trials] == [False, *[True] * (len(trials) - 1)]
    assert len(trials) >= 3
    for measure in trials[0].known:
        known = [one.known[measure] for one in trials]
        values = sorted(one.value for one in known)
        if values[0] < values[-1]:
            assert values[-1] - values[0] > 4 * max(one.within for one in known), measure


def test_a_width_without_reason_and_a_value_beside_the_planted_one_do_not_hold():
    def measured(value, low, high):
        return Measure(
            name="x", value=value, low=low, high=high, n={"items": 100}, unit="share", direction="neither", level=0.95,
            method="x",
        )

    known = Known(0.5, error=0.05)  # sqrt(0.5 * 0.5 / 100): 0.098 on either side
    assert known.holds(measured(0.5, 0.40, 0.60))
    assert known.holds(measured(0.5, None, None))
    assert not known.holds(measured(0.5, 0.43, 0.57))
    assert not known.holds(measured(0.5, 0.5, 0.5))
    assert not known.holds(measured(0.6, 0.4, 0.7))
    assert not Known(0.5, within=0.2).holds(measured(0.6, 0.55, 0.7))
    assert not Known(0.5).holds(measured(0.5, 0.5, 0.5))
    assert Known(2.0, certain=True).holds(measured(2.0, 2.0, 2.0))


def test_a_probe_of_the_earlier_form_keeps_working_and_covers_nothing():
    assert controls_of(Repeats(), level=STRICT, seed=0, check="x") == BOTH
    assert covered(trials_of(Repeats(), seed=0, check="x")) == []


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
    assert next(iter(probe_named(name).measures)) in sound.controlled
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
