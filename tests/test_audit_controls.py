"""A sabotaged detector or probe is caught by its probe's controls, for every probe, and its finding is inconclusive.

Each probe runs on the same model and data through the real runner twice, sound and sabotaged. A new probe needs its
entries in `tests/sabotage.py`.
"""

from __future__ import annotations

import base64
import importlib.metadata
import io
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module

import numpy as np
import pytest
from every_probe import built_in_probes, in_range
from markov import Repeats
from PIL import Image
from sabotage import HOLES, SABOTAGE, SEEN_BY_BOTH
from scipy.stats import norm
from tiny_models import make_tiny_lm

from audit import open_model, plugins
from audit.data.tabular import File
from audit.execute import run
from audit.model import Sample
from audit.plan import Check, Plan
from audit.probe import Known
from audit.record import load_record
from audit.verdict import Planted, controls_of, covered, planted, trials_of
from detectors.result import Measure

BOTH = {"positive": True, "negative": True}
STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


KEYED = {"features": ("proxy", "other"), "identity": ("key",)}
TABLE = {**KEYED, "reference": {"group": {"0": 0.5, "1": 0.5}}, "cite": "x"}
OPTIONS = {
    "bias.data": TABLE,
    "bias.counterfactual": {"draws_per_item": 2, "max_tokens": 6},
    "bias.open_ended": {"draws_per_item": 2, "max_tokens": 6},
    "factuality.rag": {"max_tokens": 4},
    "factuality.grounding": {"answers": "given"},
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
    return Sound(tried, part)


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
    """At the least and the strictest level of one draw: what a level between says lies between what these say.

    Each measure has its unit and lies in its range, and one way gives it at least, here or in the audit of all.
    """
    kind, audited = plugins.load("probes", name), load_record(every_probe).record.findings
    results = heard(monkeypatch, kind)
    for options in WAYS.get(name, [{}]):
        for one in planted(kind(**options), seed=1, check="x"):
            assert [one.holds(level) for level in (0.95, STRICT)] == [True, True], (options, one.side, one.stream)
    results += zip((probe for probe in built_in_probes() for _ in ("fault", "twin")), audited, strict=False)
    results = [(probe, result.measures) for probe, result in results if probe.name == name]
    given = {measure for probe, measures in results for measure in in_range(probe, measures)}
    assert given | ONLY_REAL.get(name, set()) == {measure for probe, _ in results for measure in probe.measures}


def heard(monkeypatch, kind):
    """Return a list that gets every probe of a kind and what it judges."""
    real, results = kind.judge, []

    def judge(self, *args, **options):
        results.append((self, real(self, *args, **options)))
        return results[-1][1]

    monkeypatch.setattr(kind, "judge", judge)
    return results


ONLY_REAL = {
    "provenance.text_mark": {"known_key_rate"},
    "provenance.image_mark": {"images_needed", "power_together", "other_key_power_together"},
}
"""Measures of audits with other keys at hand, or images read together: the tests of these say the same of them."""
WAYS = {
    "bias.data": [
        {}, {**KEYED, "sensitive": ("a", "b"), "questions": ("proxies",)},
        {**KEYED, "label": None, "questions": ("overlap", "coverage")},
    ],
    "bias.associations": [{}, {"ddof": 0, "template": "This is {text}."}],
    "bias.decisions": [
        {}, {"label": "label", "features": ("a", "b")}, {"prompt": "question"}, {"score": "s", "within": ("c",)},
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
    "efficiency.sampling": [{"against": "other"}],
    "factuality.closed_book": [{}, {"mode": "generate"}, {"mode": "generate", "p_ik": True}],
    "factuality.calibration": [{"mode": "choice", "promise": "claims"}, {"mode": "predict"}],
    "factuality.rag": [{}, {"answers": "given"}],
    "factuality.grounding": [{}, {"answers": "given"}],
    "factuality.recognition": [{}, {"mode": "generate"}],
    "factuality.uncertainty": [{"score": "verbalised", "answers": "file"}, {"score": "max_entropy_bound"}],
    "memorisation.extraction": [{"parts": ("trace",)}, {"parts": ("generation",), "near": 0.0}],
    "memorisation.exposure": [{}, {"score": "denoising_loss", "space": 512}],
    "memorisation.membership": [
        {"reference": "other"}, {"score": "zlib"}, {"score": "windowed_votes", "reference": "base"},
    ],
    "novelty.contrast": [
        {}, {"classifier": "main", "generative": "other"}, {"densities": ("vae", "diffusion"), "complexity": True},
    ],
    "novelty.data": [{"score": "knn5"}, {"score": "isolation_forest", "fdr": 0.01}],
    "novelty.likelihood": [
        {"score": "denoising_loss"}, {"score": "critic", "fdr": 0.01},
        {"tail_rate": 1e-4, "beside": ("windowed_maximum",)},
    ],
    "provenance.image_mark": [{}, {"images": "marked", "attacks": ("all",), "other_keys": 3}],
    "provenance.duties": [{}, {"rules": ("cn-words",)}, {"rules": ("kr", "ca"), "day": "2026-01-01"}],
    "provenance.text_mark": [{"put_in": True, "alpha": 1e-4, "key_env": "NOT_SET"}, {"attacks": ("all",)}],
    "robustness.images": [{}, {"mode": "log_prob", "kinds": ("jpeg",)}],
    "robustness.text": [
        {"mode": "generate"}, {"mode": "predict", "strengths": (1.0,)},
        {"kinds": ("option_order",), "prompt": "{question}\n{choices}\n:", "synonyms": {"one": "two"}},
    ],
    "quality.samples": [{"features": "other", "draws_per_item": 20, "neighbours": 9}],
    "transparency.attribution": [{}, {"methods": ("leave_one_out",), "answers": "given"}, {"methods": ("shapley",)}],
}
UNCOVERED = {
    "bias.corpus": {"attribute_rate_gap_p", "log_odds"},
    "bias.decisions": {"selection_rate_gap_p", "selection_rate_detectable_gap", "selection_rate_impact_p"},
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
    "memorisation.extraction": {
        "edit_distance", "normalised_edit_distance", "normalised_reproduced", "longest_reproduced", "tied_texts",
        "not_asked",
    },
    "memorisation.exposure": {"exposure_p", "held_out_p", "cap", "alternatives", "not_asked"},
    "memorisation.membership": {"tpr_at_0_1_percent"},
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


class Painted:
    """A classifier of images, by what is brighter: the upper left, or the lower right."""

    family, modality, name, fingerprint = "painted", "image", "painted", "sha256:painted"
    classes = ("upper", "lower")

    def predict(self, items):
        upper = norm.cdf([float(np.asarray(one)[0, 0] - np.asarray(one)[-1, -1]) for one in items])
        return np.stack([upper, 1 - upper], axis=1)


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
    triples = [
        {"stereotype": f"He is {n}.", "antistereotype": f"She is {n}.", "unrelated": f"Rain {n}."} for n in range(12)
    ]
    meant = [
        {"sentence": f"The nurse met the cook on day {n} as he left.", "pronoun": "he", "answer": "the nurse",
         "choices": ["the nurse", "the cook"], "stereotype": ("pro", "anti")[n % 2], "unit": f"u{n // 4}"}
        for n in range(12)
    ]  # fmt: skip
    chosen = [
        {"context": f"It is {n}.", "question": "Who?", "choices": ["he", "she", "unknown"], "answer": "unknown",
         "biased": ("he", "she")[n % 2], "unknown": "unknown", "condition": ("ambiguous", "disambiguated")[n % 3 == 2]}
        for n in range(12)
    ]  # fmt: skip
    questions = [{"question": f"What is {n}?", "choices": ["one", "two"], "correct": [n % 2]} for n in range(12)]
    passages = [
        {"prompt": f"How old is {n}?", "reference": f"{n + 30}", "context": [f"{n} is {n + 30}.", "One.", "Two."],
         "gold": ["0"]}
        for n in range(4)
    ]  # fmt: skip
    answered = [{"prompt": f"Which is {n}?", "context": f"Room {n} is blue.", "answer": f"It is room {n}."}
                for n in range(9)]  # fmt: skip
    normal = {"main": Normal()}
    unsure = [{"prompt": f"What is {n}?", "reference": [f"{n}"]} for n in range(12)]
    asked = [
        {"prompt": f"{group} {n} is", "group": group, "unit": f"{n}", "mentions": ["a"]}
        for n in range(6) for group in ("He", "She")
    ]
    prompts = [{"prompt": "a nurse"}, {"prompt": "a judge"}]
    seen = [{"image": row["series"], "label": row["label"]} for row in series(rng, 60)]
    words = [{"text": f"{one} {n}", "set": one} for n in range(4) for one in "XYAB"]
    people = [{"group": str(n % 2), "label": str(n // 2 % 2), "proxy": n, "other": "b", "key": n} for n in range(80)]
    told = [{"confidence": (n % 10) / 10, "label": n % 2} for n in range(60)]
    shown = [{"prompt": f"{n}?", "answer": f"It is {n}.", "label": str(n % 2)} for n in range(40)]
    spoken = [{"text": f"{one} went {n}"} for n in range(40) for one in ("She", "He")]
    return {
        "bias.corpus": ({}, {"items": file("spoken", spoken)}),
        "bias.data": ({}, {"items": file("people", people)}),
        "bias.coreference": (language, {"items": file("meant", meant)}),
        "bias.multiple_choice": (language, {"items": file("chosen", chosen)}),
        "bias.decisions": ({}, {"items": file("decided", [{"group": n % 3, "decision": n % 2} for n in range(60)])}),
        "bias.representation": (
            {**normal, "classifier": Normal()}, {"items": sets["items"], "calibration": sets["calibration"]}
        ),
        "bias.synthetic_table": ({}, {"items": file("people", people), "real": file("people", people)}),
        "bias.generated_images": (
            {**normal, "classifier": Normal()}, {"items": file("prompts", prompts), "labelled": file("seen", seen)}
        ),
        "bias.image_data": ({"classifier": Normal()}, {"items": file("seen", seen), "labelled": file("seen", seen)}),
        "bias.associations": (language, {"items": file("words", words)}),
        "bias.counterfactual": (language, {"items": file("swaps", asked)}),
        "bias.open_ended": (language, {"items": file("asked", asked)}),
        "bias.stereotype_pairs": (language, {"items": file("pairs", pairs)}),
        "bias.stereotype_triples": (language, {"items": file("triples", triples)}),
        "efficiency.sampling": (normal, {"items": sets["items"]}),
        "factuality.calibration": ({}, {"items": file("told", told)}),
        "factuality.closed_book": (language, {"items": file("questions", questions)}),
        "factuality.grounding": (language, {"items": file("answered", answered)}),
        "factuality.judged": ({}, {"items": file("judged", judged_rows(rng))}),
        "imported.scores": ({}, {"items": file("scored", [
            {"score": n % 2, "status": "scored", "direction": "higher", "binary": "1"} for n in range(60)])}),
        "factuality.rag": (language, {"items": file("passages", passages)}),
        "factuality.recognition": (language, {"items": file("shown", shown)}),
        "factuality.uncertainty": (language, {"items": file("unsure", unsure)}),
        "memorisation.extraction": (language, {
            role: file(role + "_texts", [{"text": f"{role} {n} " + "one two three " * 40} for n in range(6)])
            for role in ("items", "held_out")}),
        "memorisation.exposure": (language, {"items": file("secrets", [
            {"text": f"The code is {n}.", "pattern": "The code is {number:0-99}."} for n in range(0, 60, 7)])}),
        "memorisation.membership": (normal, {"items": sets["items"], "nonmembers": sets["calibration"]}),
        "novelty.contrast": ({**normal, "classifier": Normal()}, novel),
        "novelty.data": ({}, novel),
        "novelty.likelihood": (normal, novel),
        "robustness.images": (
            {"main": Painted()}, {"items": file("painted", [{"image": [[n, 0], [0, n % 5]]} for n in range(12)])}
        ),
        "robustness.text": (language, {"items": file("questions", questions)}),
        "provenance.duties": ({}, {"items": file("outputs", [
            {"file": unsigned_png(n), "name": f"{n}.png"} for n in range(4)])}),
        "provenance.signed_origin": ({}, {"items": file("files", [
            {"file": unsigned_png(n), "name": f"{n}.png"} for n in range(4)])}),
        "provenance.image_mark": ({}, {"items": file("pictures", [
            {"image": [[n + row * column % 7 for column in range(16)] for row in range(16)]} for n in range(4)])}),
        "provenance.text_mark": (language, {"items": file("texts", [{"text": f"The {n}"} for n in range(4)])}),
        "quality.samples": (normal, {"items": sets["items"], "train": sets["train"]}),
        "transparency.attribution": (language, {"items": file("sources", [
            {"prompt": f"What is {n}?", "context": [f"{n} is {n}.", "It is one.", "It is two.", "It is red."],
             "gold": ["0"], "answer": f"{n}"} for n in range(6)])}),
    }


def unsigned_png(level):
    made = io.BytesIO()
    Image.new("L", (2, 2), level).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


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
    for observed in plugins.load("probes", name)().controls(np.random.default_rng(0)):
        assert 0 < sum(len(frame) for frame in observed.values()) < 5_000
