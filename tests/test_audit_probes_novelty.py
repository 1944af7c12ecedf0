"""The probes of novelty: what they ask and keep, their controls, and the reference models through a whole run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.data.sets import patches
from audit.errors import DataError, ModelError
from audit.execute import run
from audit.files import arrow_table, parquet_bytes, read_frame
from audit.plan import Check, Plan
from audit.plugins import build, options_of, rebuild
from audit.probe import Probe
from audit.probe.trial import standing
from audit.probes.novelty.contrast import Contrast
from audit.probes.novelty.data import DataNovelty
from audit.probes.novelty.likelihood import Likelihood
from audit.probes.novelty.scores import Raw, Score
from audit.record import Limit, load_record
from audit.reference.cards import WEIGHTS
from detectors.novelty import contrast, likelihood
from detectors.novelty.blindspots import ARRAY_KINDS, TEXT_KINDS
from detectors.novelty.catalogue import SCORES

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""
PROBES = (
    *(Likelihood(score) for score in ("log_prob", "critic", "denoising_loss")), Contrast(), Contrast(score="critic"),
    Contrast(classifier="main", generative="density"),
)


class Gaussian:
    """Pixels are independent normal numbers around `centre`: log p in closed form, and its trace."""

    family, modality, name = "gaussian", "image", "gaussian"

    def __init__(self, centre=8.0, spread=3.0):
        self.centre, self.spread, self.asked = centre, spread, []
        self.fingerprint = f"sha256:gaussian-{centre}-{spread}"

    def _nats(self, items):
        return norm.logpdf(np.stack(items), self.centre, self.spread).reshape(len(items), -1)

    def log_prob(self, items):
        self.asked.append(len(items))
        return self._nats(items).sum(1), "exact"


class Tracer(Gaussian):
    """The same, with a trace."""

    def trace(self, items):
        known = {"element": "0", "entropy": 1.0, "variance": 1.0, "rank": 1}
        return [pd.DataFrame({"log_prob": row} | known) for row in self._nats(items)]


class Critic(Gaussian):
    """A critic; it has a likelihood too, which nobody asks for."""

    def discriminate(self, items):
        nats = self._nats(items)
        return nats.mean(1), nats


class OnlyCritic:
    """A critic of mean grey, without a likelihood."""

    family, modality, name, fingerprint = "gan", "image", "critic", "sha256:critic"

    def discriminate(self, items):
        means = np.stack(items).mean((1, 2))
        return means, means[:, None]


class Denoiser(Gaussian):
    """A denoiser whose loss, at any time, is the mean square of what it is shown."""

    def prepare(self, items):
        import torch

        return torch.tensor((np.stack(items) - self.centre) / self.spread, dtype=torch.float32)

    def denoise(self, x_t, t):
        return 0.3 * x_t

    def schedule(self, t):
        return t * 0 + 0.7, t * 0 + 0.7


class Letters:
    """Texts letter by letter, vowels likely; the first letter has nothing before it and is not scored."""

    family, modality, name, fingerprint = "letters", "text", "letters", "sha256:letters"

    def trace(self, items):
        nats = [np.array([np.nan] + [-1.0 if one in "aeiou " else -3.0 for one in text[1:]]) for text in items]
        columns = ("log_prob", "entropy", "variance", "rank")
        return [pd.DataFrame(dict.fromkeys(columns, row)).assign(element="x") for row in nats]

    def log_prob(self, items):
        return [np.nansum(frame["log_prob"]) for frame in self.trace(items)], "exact"


class Spelled:
    """The same with words for its letters; `first` = the first letter that is scored."""

    family, modality, name = "letters", "text", "spelled"

    def __init__(self, first=0):
        self.first, self.fingerprint = 1 - first, f"sha256:spelled {first}"

    def nats(self, text):
        return np.array([-1.0 if letter in "aeiou " else -3.0 - ord(letter) % 7 for letter in text])

    def trace(self, items):
        frames = []
        for text in items:
            nats = self.nats(text)
            rank = np.where(nats == -1, 1.0, 2.0)
            nats[: self.first] = rank[: self.first] = np.nan
            told = {"element": list(text), "log_prob": nats, "entropy": -nats, "variance": 1.0 - 0 * nats, "rank": rank}
            frames.append(pd.DataFrame(told))
        return frames

    def log_prob(self, items):
        return [np.nansum(frame["log_prob"]) for frame in self.trace(items)], "exact"

    def spans(self, items):
        sizes = [np.array([len(letter.encode()) for letter in text]) for text in items]
        places = [np.arange(len(text)) for text in items]
        return [np.column_stack([at, at + 1, size, at >= self.first]) for at, size in zip(places, sizes, strict=True)]


class HalfAndHalf:
    """A classifier of dark and light images by their mean, its features mean and spread."""

    family, modality, name, fingerprint, classes = "classifier", "image", "halves", "sha256:halves", ("dark", "light")

    def logits(self, items):
        means = np.stack(items).mean((1, 2)) - 8
        return np.stack([-means, means], 1)

    def predict(self, items):
        odds = np.exp(self.logits(items))
        return odds / odds.sum(1, keepdims=True)

    def embed(self, items):
        return np.stack([np.stack(items).mean((1, 2)), np.stack(items).std((1, 2))], 1)


@pytest.fixture
def door_of(tmp_path):
    """Return the real door to some models, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda **models: Asker(models, store, seed=0, audit="test")


def images(count, name="items", seed=0, centre=8.0, **columns):
    drawn = np.clip(np.rint(np.random.default_rng(seed).normal(centre, 3, (count, 4, 4))), 0, 16).astype(np.int64)
    index = pd.Index([f"{name}-{i}" for i in range(count)], name="id")
    return pd.DataFrame({"image": list(drawn)} | columns, index=index)


def judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


def through_parquet(frame, folder):
    (folder / "frame.parquet").write_bytes(parquet_bytes(arrow_table(frame)))
    return read_frame(folder / "frame.parquet")


# --- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_they_are_probes_and_plans_can_write_their_options(probe):
    assert isinstance(probe, Probe)
    assert probe.dimension == "novelty"
    assert {"items", "fit", "calibration"} <= {name for name, role in probe.roles.items() if role.required}


def test_needs():
    assert [tuple(probe.needs) for probe in PROBES[:3]] == [("log_prob",), ("discriminate",), ("denoise",)]
    assert Contrast().needs == {"log_prob"}
    assert Contrast(classifier="main", generative="density").needs == {"predict", "embed"}
    for wrong in ({"classifier": "main"}, {"generative": "other"}):
        with pytest.raises(ValueError, match="exactly one of them is 'main'"):
            Contrast(**wrong)


def test_items_are_asked_with_their_distortions_in_one_call(door_of, tmp_path):
    model, items = Gaussian(), images(10)
    door = door_of(main=model)
    seen = through_parquet(Likelihood().observe(door, items, "items"), tmp_path)
    assert len(model.asked) == 1
    assert door.calls == Likelihood().estimate(10) == 60
    assert list(seen.columns) == ["image", "log_prob", "likelihood", *(f"log_prob_{kind}" for kind in ARRAY_KINDS)]
    assert seen.index.equals(items.index)
    assert seen["log_prob"].to_numpy() == pytest.approx(model._nats(items["image"].to_list()).sum(1))
    flat = np.repeat(norm.logpdf(np.arange(17.0), 8, 3)[None], 10, 0) * 16  # a constant image is one value 16 times
    assert all(np.isclose(flat[0], value).any() for value in seen["log_prob_constant"])
    other = Likelihood().observe(door, images(10, "fit"), "fit")
    assert list(other.columns) == ["image", "log_prob", "likelihood"]
    assert Likelihood().observe(door, images(3, "reference"), "reference").columns.tolist() == ["image"]
    assert model.asked == [door.asked - 10, 10]


def test_what_is_observed_does_not_depend_on_the_shard(door_of):
    items = images(12, unit=[str(i // 2) for i in range(12)])
    for probe, models in (
        (Likelihood(), {"main": Tracer()}), (Likelihood("critic"), {"main": Critic()}),
        (Contrast(), {"main": Gaussian(), "classifier": HalfAndHalf()}),
    ):
        door = door_of(**models)
        whole = probe.observe(door, items, "items")
        parts = pd.concat([probe.observe(door, part, "items") for part in (items[:5], items[5:])])
        pd.testing.assert_frame_equal(parts, whole)


def test_traces_are_kept_element_by_element(door_of, tmp_path):
    seen = through_parquet(Likelihood().observe(door_of(main=Tracer()), images(4), "items"), tmp_path)
    assert [len(trace) for trace in seen["trace"]] == [16] * 4
    assert [sum(trace) for trace in seen["trace_noise"]] == pytest.approx(seen["log_prob_noise"].tolist())


def test_texts_are_distorted_in_their_own_way(door_of, tmp_path):
    words = ["aura", "idea", "oboe", "area", "opera", "piano"]
    rng = np.random.default_rng(0)
    door = door_of(main=Letters())

    def some(name, count=40):
        texts = [" ".join(rng.choice(words, rng.integers(4, 8))) for _ in range(count)]
        return pd.DataFrame({"text": texts}, index=pd.Index([f"{name}-{i}" for i in range(count)], name="id"))

    seen = {role: Likelihood().observe(door, some(role), role) for role in ("items", "fit", "calibration")}
    stored = through_parquet(seen["items"], tmp_path)
    assert [f"log_prob_{kind}" in stored for kind in TEXT_KINDS] == [True] * 4
    assert [len(trace) for trace in stored["trace"]] == [len(text) for text in stored["text"]]
    result = judged(Likelihood(), {**seen, "items": stored})
    assert result.measure("blind_spot_auroc", "noise").low > 0.8
    shuffled = result.measure("blind_spot_auroc", "shuffled")
    assert shuffled.low < 0.5 < shuffled.high
    assert result.measure("bits_per_dim").unit == "bits per byte"
    assert "min_k" in result.items


def test_of_texts_bits_are_per_byte_that_is_scored_in_every_language(door_of, tmp_path):
    words, rng = ["하늘", "바다", "🚲", "étude", "area", "나무 🌊"], np.random.default_rng(0)
    door, probe = door_of(main=Spelled(), background=Spelled(first=1)), Likelihood("reference_ratio")

    def some(name, count=40):
        texts = [" ".join(rng.choice(words, rng.integers(4, 8))) for _ in range(count)]
        return pd.DataFrame({"text": texts}, index=pd.Index([f"{name}-{i}" for i in range(count)], name="id"))

    seen = {role: probe.observe(door, some(role), role) for role in ("items", "fit", "calibration", "foreign")}
    stored = {role: through_parquet(frame, tmp_path) for role, frame in seen.items()}
    result = judged(probe, stored)
    own, background = [], []
    for text in stored["items"]["text"]:
        nats = Spelled().nats(text)
        own.append(nats[1:].sum() / len(text[1:].encode()))
        background.append(nats.sum() / len(text.encode()))
    bits = -np.array(own) / np.log(2)
    assert result.measure("bits_per_dim").value == pytest.approx(bits.mean())
    told = result.items[result.items["role"] == "items"].reindex(stored["items"].index)
    assert told["nll"].to_numpy() == pytest.approx(bits)
    assert told["reference_ratio"].to_numpy() == pytest.approx(bits + np.array(background) / np.log(2))
    kept = told[told["tokens"].notna()].iloc[0]
    spans = zip(kept["token_start"], kept["token_end"], strict=True)
    assert [kept["text"][start:end] for start, end in spans] == list(kept["tokens"]) == list(kept["text"])
    assert list(kept["token_rank"][1:]) == [1.0 if letter in "aeiou " else 2.0 for letter in kept["text"][1:]]
    assert not {"tokens", "token_start"} & set(stored["fit"].columns)
    assert set(stored["fit"].columns) >= {"scored_bytes", "background_scored_bytes"}


def test_a_curve_is_kept_time_by_time(door_of):
    seen = Likelihood("denoising_loss").observe(door_of(main=Denoiser()), images(4), "items")
    assert {len(curve) for curve in seen["denoising_curve"]} == {len(curve) for curve in seen["denoising_curve_noise"]}


def test_the_contrast_keeps_both_models_answers(door_of, tmp_path):
    door = door_of(main=Tracer(), classifier=HalfAndHalf())
    seen = through_parquet(Contrast().observe(door, images(4), "foreign"), tmp_path)
    assert list(seen.columns) == ["image", "log_prob", "likelihood", "probabilities", "embedding", "logits"]
    swapped = Contrast(classifier="main", generative="density")
    again = swapped.observe(door_of(density=Gaussian(), main=HalfAndHalf()), images(4), "foreign")
    assert again["log_prob"].tolist() == seen["log_prob"].tolist()


def test_further_densities_are_asked_by_name_and_one_that_is_swapped_is_caught(door_of, monkeypatch):
    door = door_of(main=Tracer(), classifier=HalfAndHalf(), second=Gaussian(), gan=OnlyCritic())
    seen = Contrast(densities=("second", "gan")).observe(door, images(4), "foreign")
    assert seen["log_prob_second"].tolist() == seen["log_prob"].tolist()
    assert "logit_gan" in seen
    probe, rng = Contrast(densities=("second", "third")), np.random.default_rng(1)
    trials = probe.trials(rng)
    assert all(standing(probe, trial, level=0.99, rng=rng) for trial in trials)
    real = contrast._densities
    monkeypatch.setattr(
        contrast, "_densities", lambda *args: dict(zip(found := real(*args), reversed(found.values()), strict=True))
    )
    assert not any(standing(probe, trial, level=0.99, rng=rng) for trial in trials)
    for wrong in (("classifier",), ("main",), ("one", "one")):
        with pytest.raises(ValueError, match="allowed: helpers that are not asked already"):
            Contrast(densities=wrong)


@pytest.mark.parametrize("probe", [Likelihood(), Contrast(), DataNovelty()], ids=["likelihood", "contrast", "data"])
def test_items_must_be_of_one_kind(probe, door_of):
    door = door_of(main=Gaussian(), classifier=HalfAndHalf())
    two = images(2).assign(text="a")
    with pytest.raises(DataError, match=r"got the fields image, text; allowed: one of image, series, row, text"):
        probe.observe(door, two, "items")
    with pytest.raises(DataError, match="got the fields none"):
        probe.observe(door, two[[]], "items")
    gap = images(2).assign(image=[np.zeros((4, 4)), None])
    with pytest.raises(DataError, match=r"^[a-z.]+: got 1 items without image; allowed: none$"):
        probe.observe(door, gap, "items")


# --- judging ---------------------------------------------------------------------------------------------------------


def observed_by(probe, door, **more):
    roles = {"items": {}, "fit": {"seed": 1}, "calibration": {"seed": 2}} | more
    return {name: probe.observe(door, images(60, name, **how), name) for name, how in roles.items()}


def test_a_gaussian_that_is_shown_light_images(door_of):
    """Seen by log p, by traces, by the critic and by the curve; constant ones are taken for familiar by all."""
    for probe, model in (
        (Likelihood(), Tracer()), (Likelihood("critic"), Critic()), (Likelihood("denoising_loss"), Denoiser()),
    ):
        light = {"seed": 3, "centre": 13.0}
        result = judged(probe, observed_by(probe, door_of(main=model), foreign=light))
        assert result.headline.low > 0.9, probe
        assert result.measure("blind_spot_auroc", "shuffled").value == pytest.approx(0.5, abs=0.05)
        first = result.items["image"].iloc[0]
        assert np.shape(first) == (4, 4)
        assert {"role", "p_value", "value", "knn5"} <= set(result.items.columns)


def test_the_judge_says_the_same_of_what_was_stored(door_of, tmp_path):
    for probe, models in (
        (Likelihood(), {"main": Tracer()}), (Contrast(), {"main": Gaussian(), "classifier": HalfAndHalf()}),
    ):
        seen = observed_by(probe, door_of(**models), foreign={"seed": 3, "centre": 11.0})
        stored = {name: through_parquet(frame, tmp_path) for name, frame in seen.items()}
        one, two = judged(probe, seen), judged(probe, stored)
        assert one.measures == two.measures
        pd.testing.assert_frame_equal(one.table, two.table)


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_controls_are_told_apart_at_any_level_and_seed(probe):
    for seed in range(2):
        for level in (0.9, STRICT):
            faulty, clean = probe.controls(np.random.default_rng(seed))
            assert probe.found(judged(probe, faulty, level))
            assert not probe.found(judged(probe, clean, level))


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_a_judge_of_the_wrong_direction_is_caught(probe):
    """The same observations with the sign of the model's own score turned: the fault is missed or the twin accused."""

    def turned(observed):
        own = [c for c in observed["items"] if c.startswith(("log_prob", "logit")) and c != "logits"]
        curves = [c for c in observed["items"] if c.startswith("denoising_curve")]
        return {
            role: frame.assign(
                **{c: -frame[c] for c in own if c in frame},
                **{c: [[-x for x in cell] for cell in frame[c]] for c in curves if c in frame},
            )
            for role, frame in observed.items()
        }

    faulty, clean = (turned(one) for one in probe.controls(np.random.default_rng(0)))
    assert not probe.found(judged(probe, faulty)) or probe.found(judged(probe, clean))


ASKED_FOR = {
    "fpr_at_tpr", "average_precision", "beyond_tail_share", "step_auroc", "vus_pr", "window_flagged_share",
    "window_false_alarm_share", "stream_flagged_share", "stream_false_alarm_share",
}
"""By `tpr`, by `prevalence`, by `tail_rate`, by `windowed_maximum`, and by data that mark strange steps."""


@pytest.mark.parametrize("probe", [PROBES[0], PROBES[3]], ids=["likelihood", "contrast"])
def test_a_plan_may_limit_what_comes_out_with_an_interval(probe):
    result = judged(probe, probe.controls(np.random.default_rng(0))[1])
    assert next(iter(probe.measures)) == result.headline.name
    assert {m.name for m in result.measures} == set(probe.measures) - ASKED_FOR
    assert {m.name for m in result.measures if m.low is None and m.value is not None} <= {"batch_typicality_p"}


FURTHER = (
    Likelihood("typicality", blurred=True), Likelihood("input_complexity"), Likelihood("reference_ratio"),
    Likelihood("zlib_ratio"),
    Likelihood("dose", beside=("curvature", "iwae", "likelihood_regret")), Likelihood("flow_nll"),
    Likelihood("bias_corrected"),
    Likelihood("inversion", beside=("latent_norm",)), Likelihood("waic", ensemble=("second", "third")),
    Likelihood("likelihood_and_dimension", beside=("combined_tests", "partial_bound_ratio")),
)


@pytest.mark.parametrize("probe", FURTHER, ids=str)
def test_a_probe_of_any_score_is_tried_and_its_controls_hold(probe):
    rng = np.random.default_rng(0)
    trials = probe.trials(rng)
    assert [standing(probe, trial, level=0.95, rng=rng) for trial in trials] == [True] * 3
    faulty, clean = probe.controls(rng)
    assert probe.found(judged(probe, faulty, STRICT))
    assert not probe.found(judged(probe, clean, STRICT))


@pytest.mark.parametrize("way", [lambda told: 0.0 * told, lambda told: -told], ids=["left out", "added"])
def test_trials_find_that_what_values_cost_is_not_taken_off(monkeypatch, way):
    probe, rng = Likelihood("bias_corrected"), np.random.default_rng(0)
    real = likelihood._usual_nats
    monkeypatch.setattr(likelihood, "_usual_nats", lambda *args: way(real(*args)))
    assert not all(standing(probe, trial, level=0.95, rng=rng) for trial in probe.trials(rng))


def test_every_score_of_a_plan_is_in_the_catalogue():
    assert set(get_args(Score)) == set(SCORES)
    assert {(raw, SCORES[raw].raw) for raw in get_args(Raw)} == {(raw, raw) for raw in get_args(Raw)}


def test_what_was_frozen_before_there_was_an_option_stays_what_it_was():
    before = {"score": "log_prob", "value_range": None, "fdr": 0.1}
    assert options_of(Likelihood(batch_p="bootstrapped")) == before
    assert rebuild("probes", "novelty.likelihood", before) == Likelihood(batch_p="bootstrapped")
    assert options_of(Likelihood()) == before | {"batch_p": "permuted"}
    assert options_of(Likelihood(beside=("kl",)))["beside"] == ["kl"]


def test_costly_questions_are_asked_only_where_asked_for_and_once(door_of, tmp_path):
    model = Denoiser()
    door = door_of(main=model, background=Gaussian(6.0))
    usual = Likelihood("denoising_loss").observe(door, images(6), "items")
    assert not [name for name in usual if name.startswith(("multi", "diffusion", "background"))]
    scores = ("denoising_density", "multi_reconstruction", "diffusion_path", "score_norms", "reference_ratio")
    probe = Likelihood("input_complexity", beside=scores, blurred=True)
    assert probe.needs == {"log_prob", "denoising_curve", "multi_reconstruction", "diffusion_path", "score_norms"}
    seen = through_parquet(probe.observe(door, images(6), "items"), tmp_path)
    assert np.shape(seen["multi_reconstruction_blurred"].to_list()) == (6, 5)
    calls = door.calls - 36
    assert calls == probe.estimate(6) == 7 * 6 * 6
    parts = pd.concat([probe.observe(door, part, "items") for part in (images(6)[:2], images(6)[2:])])
    for column in ("multi_reconstruction", "diffusion_path", "score_norms", "denoising_curve_noise"):
        assert np.array(parts[column].to_list()) == pytest.approx(np.array(seen[column].to_list()), rel=1e-4, abs=1e-5)


class Mapped(Gaussian):
    """The same, by pixels."""

    def element_nats(self, items):
        return self._nats(items).reshape(len(items), 4, 4)


def test_what_pixels_cost_is_asked_once_and_corrects_all_that_values_alone_say(door_of, tmp_path):
    """Where a pixel's place plays no part, each costs what its value does in all others, and nothing is left over."""
    probe, door = Likelihood(beside=("bias_corrected",), maps=True), door_of(main=Mapped())
    assert probe.needs == {"log_prob", "surprise_map"}
    observed = {"items": through_parquet(probe.observe(door, images(40), "items"), tmp_path)}
    assert door.calls == probe.estimate(40) == 2 * 6 * 40
    for seed, role in enumerate(("fit", "calibration", "foreign"), 1):
        observed[role] = probe.observe(door, images(40, role, seed, 8.0), role)
    told = {m.group: m for m in judged(probe, observed).measures if m.name == "auroc"}
    assert told["bias_corrected"].undefined == "only 1 distinct score among 360 items"
    assert told[None].value is not None


def test_an_ensemble_is_asked_member_by_member(door_of, tmp_path):
    door = door_of(main=Gaussian(8.0), second=Gaussian(6.0), third=Gaussian(9.0))
    probe = Likelihood("waic", ensemble=("second", "third"))
    seen = through_parquet(probe.observe(door, images(6), "items"), tmp_path)
    assert door.calls == probe.estimate(6) == 3 * 6 * 6
    alone = [door("log_prob", list(images(6)["image"]), model=name)["log_prob"] for name in ("second", "third")]
    assert np.array(seen["ensemble_log_prob"].to_list()) == pytest.approx(np.stack(alone, 1))
    with pytest.raises(ValueError, match="got waic without an ensemble"):
        Likelihood(beside=("waic",))


def test_a_shape_error_in_a_model_of_ones_own_is_one_clear_line(door_of):
    class PerPixel(Gaussian):
        def log_prob(self, items):
            return self._nats(items), "exact"

    told = r"gaussian answered 'log_prob' with an array of \[2, 16\] for 2 items; allowed: \[2\]"
    with pytest.raises(ModelError, match=told):
        Likelihood().observe(door_of(main=PerPixel()), images(2), "fit")


def test_options_are_read_as_a_plan_writes_them(monkeypatch):
    monkeypatch.setattr("audit.plugins.load", lambda kind, name: {"l": Likelihood, "c": Contrast}[name])
    assert build("probes", "l", {"value_range": [0, 16], "score": "critic"}).value_range == (0.0, 16.0)
    assert build("probes", "c", {"classifier": "main", "generative": "vae"}).generative == "vae"


# --- whole runs with the reference models ----------------------------------------------------------------------------


def reference(family, form):
    """Return the part that opens a reference model; skip where it has not been trained."""
    from importlib import import_module

    if not (WEIGHTS / family / form / "model.safetensors").is_file():
        pytest.skip(f"the {form} {family} has no weights yet: python -m audit.reference.train")
    module = import_module(f"audit.models.{family}")
    (part,) = (one for name, one in vars(module).items() if getattr(one, "family", None) == family and "Folder" in name)
    return part(WEIGHTS / family / form)


DIGITS = {role: Made("digits", role) for role in ("fit", "calibration")} | {"items": Made("digits", "heldout")}
PATCHES = DIGITS | {"foreign": Made("patches", "heldout"), "reference": Made("digits", "train")}


@dataclass(frozen=True)
class Inverted(Made):
    """Held-out digits with ink for paper: no digit of the training data, no two from one photo."""

    set: str = "digits"
    part: str = "heldout"
    where: dict = field(default_factory=dict)

    def _table(self):
        table = super()._table()
        return table.assign(image=[16 - image for image in table["image"]])


def finding(tmp_path, check, model, limit=120, **helpers):
    plan = Plan("novelty of a twin", (check,), model=model, helpers=helpers, limit=limit)
    audit = run(plan, into=tmp_path)
    (found,) = audit.record.findings
    assert found.verdict != "crashed", found.why
    return audit, found


def test_a_sound_vae_sees_photo_patches_and_has_no_blind_spot(tmp_path):
    check = Check("likelihood", Likelihood(), PATCHES, limit=Limit(measure="worst_blind_spot_auroc", at_least=0.9))
    audit, found = finding(tmp_path, check, reference("vae", "sound"))
    assert found.verdict == "passed", found.why
    assert found.controls == {"positive": True, "negative": True}
    measures = {(m.name, m.group): m for m in found.measures}
    assert measures["auroc", None].value > 0.98
    assert measures["auroc", None].n["units"] == patches.table("heldout")["unit"][:120].nunique() < 120
    assert measures["flagged_share", None].low > 0.9
    assert measures["false_alarm_share", None].low < 0.05
    assert "lower_bound" in measures["bits_per_dim", None].method
    items = read_frame(audit.folder / "items/likelihood.parquet")
    assert items["role"].value_counts().to_dict() == {"foreign": 120, "items": 120}
    assert found.remarks[0]["key"] in ("sees_best", "sees_better", "may_see_better")
    assert load_record(audit.folder).record.findings == [found]


@pytest.mark.parametrize(("form", "verdict"), [("sound", "passed"), ("flawed", "failed")])
def test_inverted_digits_are_the_flawed_pixel_models_blind_spot(form, verdict, tmp_path):
    limit = Limit(measure="blind_spot_auroc", group="inverted", at_least=0.9)
    check = Check("blind", Likelihood(), DIGITS, limit=limit)
    _, found = finding(tmp_path, check, reference("autoregressive_image", form))
    assert found.verdict == verdict, found.why


@pytest.mark.parametrize(("form", "verdict"), [("sound", "passed"), ("flawed", "failed")])
def test_an_overconfident_classifier_is_sure_of_what_it_never_saw(form, verdict, tmp_path):
    probe = Contrast(classifier="main", generative="vae")
    limit = Limit(measure="confidence_on_foreign", at_most=0.9)
    check = Check("sure", probe, DIGITS | {"foreign": Inverted()}, limit=limit)
    _, found = finding(tmp_path, check, reference("image_classifier", form), vae=reference("vae", "sound"))
    assert found.verdict == verdict, found.why


def test_series_of_another_kind(tmp_path):
    data = {role: Made("series", role) for role in ("fit", "calibration", "foreign")}
    data["items"] = Made("series", "heldout")
    check = Check("walks", Likelihood(), data, limit=Limit(measure="auroc", at_least=0.8))
    audit, found = finding(tmp_path, check, reference("autoregressive_series", "sound"), limit=60)
    assert found.verdict == "passed", found.why
    assert json.loads((audit.folder / "record.json").read_bytes())["verdict"] == "passed"


def test_a_gan_has_no_likelihood_and_the_finding_says_so(tmp_path):
    _, found = finding(tmp_path, Check("likelihood", Likelihood(), DIGITS), reference("gan", "sound"))
    assert found.verdict == "skipped"
    assert "a GAN has no likelihood" in found.why


def test_a_gans_critic_can_be_asked_instead(tmp_path):
    _, found = finding(tmp_path, Check("critic", Likelihood("critic"), DIGITS), reference("gan", "sound"))
    assert found.verdict == "measured"
    assert found.measures[0].name == "worst_blind_spot_auroc"
    assert found.measures[0].low > 0.5
    assert "bits_per_dim" not in {measure.name for measure in found.measures}
