"""A sabotaged detector or probe is caught by its probe's controls, for every probe, and its finding is inconclusive.

Each probe runs on a small model and data through the real runner, sound; and sabotaged one of each dimension, as what
the runner makes of controls that fail does not hang on the probe. A new probe needs its entries in `tests/sabotage.py`.
"""

from __future__ import annotations

import importlib.metadata
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module

import numpy as np
import pytest
from every_probe import built_in_probes, in_range
from markov import Repeats
from probe_subjects import subjects_in
from sabotage import HOLES, SABOTAGE, SEEN_BY_BOTH

from audit import plugins
from audit.execute import run
from audit.plan import Check, Plan
from audit.probe import Known
from audit.record import load_record
from audit.verdict import Planted, controls_of, covered, planted, trials_of
from detectors.result import Measure

BOTH = {"positive": True, "negative": True}
STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


KEYED = {"features": ("proxy", "other"), "identity": ("key",)}
TABLE = {
    **KEYED, "within": ("site",), "reference": {"group": {"0": 0.5, "1": 0.5}}, "cite": "x",
    "questions": (
        "labels", "missing", "representation", "coverage", "proxies", "duplicates", "reversals", "missing_columns",
    ),
}  # fmt: skip
OPTIONS = {
    "bias.data": TABLE,
    "bias.counterfactual": {"draws_per_item": 2, "max_tokens": 6},
    "bias.predictions": {"low": 0, "high": 60, "top": 0.2, "features": ("x", "w"), "categories": ("w",)},
    "bias.open_ended": {"draws_per_item": 2, "max_tokens": 6},
    "efficiency.resources": {"sampling": {"max_tokens": 4}},
    "factuality.rag": {"max_tokens": 4},
    "factuality.grounding": {"answers": "given"},
    "memorisation.copies": {"max_tokens": 48},
    "privacy.personal_data": {"max_tokens": 48},
    "provenance.text_mark": {"max_tokens": 16},
    "transparency.attribution": {"answers": "given", "masks": 8, "held_out": 4},
}  # fmt: skip
OURS = sorted(
    entry.name
    for entry in importlib.metadata.entry_points(group="dokimasia.probes")
    if entry.value.startswith("audit.probes.")
)


def probe_named(name):
    return plugins.load("probes", name)(**OPTIONS.get(name, {}))


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


@dataclass(frozen=True)
class Sound:
    """What a probe is tried on, made and held when sound once; what a broken place has a part in is done anew."""

    tried: list[Planted]
    part: dict[str, set[str]]
    """Place -> the steps that it has a part in: `made` (all data), the number of one tried (observed), `judged`."""
    said: list
    """Each probe that judged, and what it measured."""

    def beside(self, name, place):
        """Return what is tried now that a place is broken, and whether its pair may be judged otherwise."""
        part, numbers = self.part[place], range(len(self.tried))
        anew = [not {"made", str(number)}.isdisjoint(part) for number in numbers]
        made = planted(probe_named(name), seed=0, check="x") if any(anew) else self.tried
        tried = [new if is_new else one for new, one, is_new in zip(made, self.tried, anew, strict=True)]
        return tried, not {"made", "judged"}.isdisjoint(part)


@cache
def sound(name):
    part, step = defaultdict(set), "made"

    def noted(place):
        def way(real):
            if not callable(real):  # what is read is not noted
                part[place] = {"made", "judged"}
                return real

            def beside(*args, **options):
                part[place].add(step)
                return real(*args, **options)

            return beside

        return way

    with pytest.MonkeyPatch.context() as listening:
        said = heard(listening, plugins.load("probes", name))
        with pytest.MonkeyPatch.context() as patch:
            for place in {place for place, *_ in (SABOTAGE[name], *HOLES[name].values())}:
                broken(patch, place, noted(place))
            tried = [*planted(probe_named(name), seed=0, check="x")]
            for number, one in enumerate(tried):
                step = str(number)
                assert one.observed
            step = "judged"
            assert all(one.holds(0.95) for one in tried[:2])
        assert all(one.holds(STRICT) for one in tried)
    return Sound(tried, part, said)


def heard(monkeypatch, kind):
    """Return a list that gets every probe of a kind and what it measures."""
    real, results = kind.judge, []

    def judge(self, *args, **options):
        result = real(self, *args, **options)
        results.append((self, result.measures))
        return result

    monkeypatch.setattr(kind, "judge", judge)
    return results


@pytest.mark.parametrize("how", ["turned", "constant"])
@pytest.mark.parametrize("name", SABOTAGE)
def test_the_controls_catch_it_at_every_level(monkeypatch, name, how):
    held = sound(name)
    break_detector(monkeypatch, name, how)
    unseen = {0.95, STRICT}
    for one in held.beside(name, SABOTAGE[name][0])[0]:
        unseen = {level for level in unseen if one.holds(level)}
        if not unseen:
            return
    raise AssertionError(f"{how} is not seen at {unseen}")


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, holes in HOLES.items() for what in holes])
def test_trials_catch_what_the_planted_pair_does_not_see(monkeypatch, name, what):
    held, (place, way) = sound(name), HOLES[name][what]
    broken(monkeypatch, place, way)
    tried, is_judged = held.beside(name, place)
    pair_holds = not is_judged or all(one.holds(0.95) for one in tried[:2])
    assert pair_holds or what in SEEN_BY_BOTH.get(name, ())
    assert not (pair_holds and all(one.holds(0.95) for one in tried[2:]))


@pytest.mark.parametrize("name", OURS)
def test_sound_probes_are_not_accused_and_measure_what_they_declare(monkeypatch, name, every_probe):
    """At the least and the strictest level: what a level between says lies between what these say.

    The way that is sabotaged is held by `sound` at the strictest, and in its finding at the least; each other way finds
    its fault at the strictest, accuses nothing at the least, and its trials are tried at both in turn.
    Each measure has its unit and lies in its range, and one way gives it at least, here or in the audit of all.
    """
    kind, audited = plugins.load("probes", name), load_record(every_probe).record.findings
    results = heard(monkeypatch, kind)
    for options in WAYS.get(name, [{}]):
        if options != OPTIONS.get(name, {}):
            for place, one in enumerate(planted(kind(**options), seed=1, check="x")):
                assert one.holds(0.95 if place % 2 else STRICT), (options, one.side, one.stream)
    results += sound(name).said
    known = zip((probe for probe in built_in_probes() for _ in ("fault", "twin")), audited, strict=False)
    results += [(probe, one.measures) for probe, one in known if probe.name == name]
    given = {measure for probe, measures in results for measure in in_range(probe, measures)}
    assert given | ONLY_REAL.get(name, set()) == {measure for probe, _ in results for measure in probe.measures}


ONLY_REAL = {
    "provenance.text_mark": {"known_key_rate"},
    "provenance.image_mark": {"images_needed", "power_together", "other_key_power_together"},
}
"""Measures of audits with other keys at hand, or images read together: the tests of these say the same of them."""
WAYS = {
    "bias.data": [
        {}, {**KEYED, "sensitive": ("a", "b"), "questions": ("proxies",)},
        {**KEYED, "label": None, "questions": ("overlap", "coverage")},
        {"sensitive": ("a", "b"), "within": ("c", "d"), "questions": ("reversals", "labels")},
        {"features": ("a", "b"), "questions": ("missing_columns",)},
    ],
    "bias.associations": [{}, {"ddof": 0, "template": "This is {text}."}],
    "bias.decisions": [
        {}, {"label": "label", "features": ("a", "b")}, {"prompt": "question"}, {"score": "s", "within": ("c",)},
    ],
    "bias.predictions": [
        {}, {"label": "label", "low": 0, "high": 100, "top": 0.2}, {"prompt": "question"},
        {"sensitive": ("a", "b"), "label": "y", "low": -1, "high": 1, "features": ("a", "x"), "categories": ("x",)},
    ],
    "bias.counterfactual": [{}, {"scorer": "toxic", "reference": "women", "scorer_class": 2}],
    "bias.synthetic_table": [{}, {"sensitive": ("sex", "age"), "features": ("one",), "favourable": 0}],
    "bias.open_ended": [{}, {"scorer": "toxic", "threshold": 0.9}],
    "bias.generated_images": [
        {}, {"template": "a {job}", "nothing": "nobody", "reference": {"a": 0.7, "b": 0.3}, "cite": "x"},
        {"references": {"judge": {"a": 0.6, "b": 0.4}}, "cite": "x", "missing_below": 0.5},
    ],
    "bias.image_data": [{}, {"nothing": "nobody", "reference": {"a": 0.7, "b": 0.3}, "cite": "x"}],
    "bias.multiple_choice": [{}, {"scored": "words"}, {"mode": "generate"}],
    "bias.representation": [{}, {"draws_per_item": 7, "reference": {"a": 0.7, "b": 0.3}, "cite": "x"}],
    "bias.stereotype_pairs": [
        {}, *({"variant": one} for one in ("perplexity", "paper", "modified", "aul", "aula", "pll-word-l2r"))
    ],
    "bias.stereotype_triples": [{}, {"variant": "blank"}, {"variant": "pll"}],
    "efficiency.compressed": [{}, {"mode": "classes"}],
    "efficiency.sampling": [{"against": "other"}],
    "factuality.closed_book": [{}, {"mode": "generate"}, {"mode": "generate", "p_ik": True}],
    "factuality.calibration": [{"mode": "choice", "promise": "claims"}, {"mode": "predict"}],
    "factuality.rag": [{}, {"answers": "given"}],
    "factuality.grounding": [{}, {"answers": "given"}],
    "factuality.recognition": [{}, {"mode": "generate"}],
    "factuality.uncertainty": [{"score": "verbalised", "answers": "file"}, {"score": "max_entropy_bound"}],
    "memorisation.copies": [{"answers": "given"}, {"words": 12, "near": 0.25, "ngram": 6}],
    "privacy.personal_data": [{"answers": "given"}, {"kinds": ("email", "phone"), "regions": ()}],
    "memorisation.extraction": [
        {"parts": ("trace",)}, {"parts": ("trace",), "top_k": 2, "top_p": 0.9, "draw_temperature": 0.5},
        {"parts": ("generation",), "near": 0.0},
    ],
    "memorisation.exposure": [{}, {"score": "denoising_loss", "space": 512}],
    "memorisation.membership": [
        {"reference": "other"}, {"score": "zlib"}, {"score": "windowed_votes", "reference": "base"},
        {"score": "pia"}, {"score": "peakedness"},
    ],
    "novelty.contrast": [
        {}, {"classifier": "main", "generative": "other"}, {"densities": ("vae", "diffusion"), "complexity": True},
    ],
    "novelty.data": [{"score": "knn5"}, {"score": "isolation_forest", "fdr": 0.01, "tpr": 0.95, "prevalence": 0.1}],
    "novelty.likelihood": [
        {"score": "denoising_loss"}, {"score": "critic", "fdr": 0.01},
        {"tail_rate": 1e-4, "beside": ("windowed_maximum",), "tpr": 0.95, "prevalence": 0.01},
    ],
    "provenance.audio_mark": [{}, {"sounds": "marked", "attacks": ("all",), "other_keys": 3}],
    "provenance.video_mark": [{}, {"videos": "marked", "attacks": ("all",), "other_keys": 3, "frames": 9}],
    "provenance.image_mark": [{}, {"images": "marked", "attacks": ("all",), "other_keys": 3}],
    "provenance.duties": [{}, {"rules": ("cn-words",)}, {"rules": ("kr", "ca"), "day": "2026-01-01"}],
    "provenance.text_mark": [{"put_in": True, "alpha": 1e-4, "key_env": "NOT_SET"}, {"attacks": ("all",)}],
    "robustness.images": [{}, {"mode": "log_prob", "kinds": ("jpeg",)}],
    "robustness.text": [
        {"mode": "generate"}, {"mode": "predict", "strengths": (1.0,)},
        {"kinds": ("option_order",), "prompt": "{question}\n{choices}\n:", "synonyms": {"one": "two"}},
    ],
    "quality.samples": [{"features": "other", "draws_per_item": 20, "neighbours": 9}],
    "transparency.attribution": [{}, {"methods": ("leave_one_out",), "answers": "given"}, {"methods": ("shapley",)},
                                 {"methods": ("integrated_gradients", "gradient_x_input")}],
}
UNCOVERED = {
    "bias.corpus": {"attribute_rate_gap_p", "log_odds"},
    "bias.decisions": {"selection_rate_gap_p", "selection_rate_detectable_gap", "selection_rate_impact_p"},
    "bias.predictions": {"distribution_p"},
    "bias.data": {"label_rate_gap_p", "missing_rate_gap_p", "representation_p"},
    "bias.coreference": {"error_share", "not_asked"},
    "bias.multiple_choice": {"error_share", "not_asked"},
    "bias.stereotype_pairs": {"not_scored"},
    "bias.stereotype_triples": {"not_scored"},
    "factuality.calibration": {"emptied_share", "unlabelled"},
    "factuality.closed_book": {
        "chance", "mc1_chance", "longest_choice", "shortest_choice", "unparseable_share", "answer_words", "error_share",
        "not_asked",
    },
    "factuality.grounding": {"claims_per_answer", "error_share", "not_asked"},
    "factuality.judged": {"labels_worth", "sensitivity", "unparseable_share"},
    "factuality.rag": {"answer_words", "error_share", "not_asked", "not_changed"},
    "factuality.uncertainty": {
        "prr", "aurc", "excess_aurc", "auprc_wrong", "auprc_right", "prr_difference", "order_matters_share",
        "refusal_share", "unparseable_share", "error_share", "unspoken_share",
    },
    "factuality.recognition": {
        "accuracy_above_length", "constant_accuracy", "length_accuracy", "unparseable_share", "error_share",
        "not_asked",
    },
    "memorisation.copies": {"longest_run"},
    "memorisation.extraction": {
        "edit_distance", "normalised_edit_distance", "normalised_reproduced", "longest_reproduced", "tied_texts",
        "not_asked",
    },
    "memorisation.exposure": {"exposure_p", "held_out_p", "cap", "alternatives", "not_asked"},
    "memorisation.membership": {"tpr_at_0_1_percent"},
    "provenance.audio_mark": {"segmental_snr", "not_tested"},
    "provenance.video_mark": {"not_tested"},
    "provenance.image_mark": {
        "ssim", "not_tested", "images_needed", "power_together", "other_key_power_together",
    },
    "provenance.duties": {"duties_broken", "duties_not_testable", "unreadable"},
    "provenance.signed_origin": {"unreadable"},
    "provenance.text_mark": {"tokens_needed", "not_tested", "shortest_length", "known_key_rate"},
    "transparency.attribution": {"gold_first_chance", "planted_first_chance", "not_asked"},
}
"""Measures that a limit may name and no trial covers; reports say so."""


MADE = {}


def trials_with(name, options):
    """Return the sound trials of a probe, made once for the tests that only read what is known of them."""
    key = (name, repr(options))
    if key not in MADE:
        MADE[key] = trials_of(plugins.load("probes", name)(**options), seed=0, check="x")
    return MADE[key]


@pytest.mark.parametrize("name", OURS)
def test_trials_cover_all_that_a_limit_may_name_or_it_is_known_what_not(name):
    ways = [{}, *(options for options in WAYS.get(name, ()) if options)]
    covers = {one for options in ways for one in covered(trials_with(name, options))}
    assert set(plugins.load("probes", name)().measures) - covers == UNCOVERED.get(name, set())


@pytest.mark.parametrize("name", OURS)
def test_a_trial_without_the_fault_and_two_sizes_of_it_lie_clearly_apart(name):
    """So that agreeing with the planted values is a dose-response: what is off by a part of the gap is off too far."""
    trials = trials_with(name, OPTIONS.get(name, {}))
    assert [one.faulty for one in trials] == [False, *[True] * (len(trials) - 1)]
    assert len(trials) >= 3
    for measure in {name: None for one in trials for name in one.known}:
        known = [one.known[measure] for one in trials if measure in one.known]
        assert len(known) >= (3 if measure in trials[0].known else 2), measure
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


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    return subjects_in(tmp_path_factory.mktemp("subjects"))


def finding_of(name, subjects, into):
    models, data = subjects[name]
    check = Check("one", probe_named(name), data)
    helpers = {helper: model for helper, model in models.items() if helper != "main"}
    plan = Plan("Sabotage", (check,), models.get("main"), helpers=helpers)
    (finding,) = run(plan, into=into).record.findings
    return finding


@pytest.mark.parametrize("name", SABOTAGE)
def test_the_finding_of_a_sound_probe_is_measured(tmp_path, subjects, name):
    sound = finding_of(name, subjects, tmp_path)
    assert (sound.verdict, sound.controls) == ("measured", BOTH), sound.why
    assert next(iter(probe_named(name).measures)) in sound.controlled


OF_EACH_DIMENSION = sorted({name.partition(".")[0]: name for name in sorted(SABOTAGE, reverse=True)}.values())


@pytest.mark.parametrize("name", OF_EACH_DIMENSION)
def test_the_finding_of_a_sabotaged_detector_is_inconclusive(monkeypatch, tmp_path, subjects, name):
    break_detector(monkeypatch, name, "turned")
    broken = finding_of(name, subjects, tmp_path)
    assert broken.verdict == "inconclusive", broken.why
    assert broken.controls != BOTH
    assert broken.reason["key"] in ("control_positive", "control_negative")


@pytest.mark.parametrize("name", sorted(SABOTAGE))
def test_controls_are_small(name):
    """They run before every check; `benchmarks/promises.py` prints how long that takes."""
    for observed in plugins.load("probes", name)().controls(np.random.default_rng(0)):
        assert 0 < sum(len(frame) for frame in observed.values()) < 5_000
