"""`bias.generated_images`: a plan's finding on tiny pipelines, the same through every door, its controls, its data."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from image_models import deal, make_clip, make_stable_diffusion, png
from needs import needs_library

from audit import open_model
from audit.data import Frame
from audit.errors import DataError
from audit.execute import run
from audit.model import Sample
from audit.plan import Check, Plan, load_plan
from audit.probe import Probe
from audit.probe.trial import standing
from audit.probes.bias.generated_images import GeneratedImages
from audit.record import Limit

JOBS = {"nurse": "health", "surgeon": "health", "judge": "law", "clerk": "law"}
DRAWS = 8
STRICT = 1 - 0.05 / 200


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a pipeline, a CLIP, a table of jobs, labelled images; and what was made of them."""
    needs_library("diffusers")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("images")
    make_stable_diffusion(home / "sd")
    make_clip(home / "clip")
    with (home / "jobs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("job", "group"), *JOBS.items()])
    yield home
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(home):
    """Prompt -> the images that the pipeline draws for it with the plan's settings."""
    model = open_model("text_to_image", path=str(home / "sd"), steps=2, size=[32, 32])
    prompts = [f"a photo of a {job}" for job in JOBS]
    drawn = iter(model.sample([one for one in prompts for _ in range(DRAWS)], seed=11))
    return {prompt: [next(drawn).content for _ in range(DRAWS)] for prompt in prompts}


@pytest.fixture(scope="module")
def labels(home, pictures):
    """Two descriptions between which the random CLIP is torn, so that both classes occur."""
    clip = open_model("zero_shot_image", path=str(home / "clip"), labels={"a": "x", "b": "y"})
    words = [f"a photo of {one}" for one in ("a woman", "a man", "old age", "youth", "zeal", "calm", "qi", "vow")]
    cosines = clip.embed([one for some in pictures.values() for one in some]) @ clip.embed(words).T
    pairs = [(a, b) for a in range(len(words)) for b in range(a)]
    shares = [float((cosines[:, a] > cosines[:, b]).double().mean()) for a, b in pairs]
    a, b = pairs[int(np.argmin(np.abs(np.array(shares) - 0.5)))]
    assert min(abs(np.array(shares) - 0.5)) < 0.4
    return {"woman": words[a], "man": words[b]}


@pytest.fixture(scope="module")
def labelled(home, labels, pictures):
    """Images of known class: one in eight is called what the helper does not see in it."""
    clip = open_model("zero_shot_image", path=str(home / "clip"), labels=labels)
    rng, files = np.random.default_rng(5), {"man": 0, "woman": 0}
    shown = [np.roll(one, int(rng.integers(32)), axis=2) for some in pictures.values() for one in some] * 4
    said = clip.predict(shown).argmax(1).tolist()
    for image, place in zip(shown, said, strict=True):
        name = clip.classes[place] if rng.random() > 1 / 8 else clip.classes[1 - place]
        (home / "labelled" / name).mkdir(parents=True, exist_ok=True)
        (home / "labelled" / name / f"{files[name]}.png").write_bytes(png(image))
        files[name] += 1
    assert min(files.values()) > 10
    return home / "labelled"


def _plan(home, model, labels, **options):
    check = {
        "name": "jobs", "probe": {"use": "bias.generated_images", "template": "a photo of a {job}",
                                  "draws_per_prompt": DRAWS, **options},
        "data": {"items": {"use": "file", "path": "jobs.csv"}},
    }  # fmt: skip
    if (home / "labelled").is_dir():
        check["data"]["labelled"] = {"use": "image_folder", "path": "./labelled", "mode": "RGB"}
    helper = {"use": "zero_shot_image", "path": "./clip", "labels": labels}
    plan = {"title": "Whom do images show?", "seed": 11, "model": model, "helpers": {"classifier": helper},
            "checks": [check]}  # fmt: skip
    file = home / f"{model['use']}.yaml"
    file.write_text(yaml.safe_dump(plan))
    return load_plan(file)


@pytest.fixture(scope="module")
def audits(home, pictures, labels, labelled, tmp_path_factory):
    """The same images, audited as a pipeline draws them, as a server deals them and as files that are there."""
    into = tmp_path_factory.mktemp("audits")
    found = {"text_to_image": run(_plan(home, {"use": "text_to_image", "path": "./sd", "steps": 2, "size": [32, 32]},
                                        labels), into=into)}  # fmt: skip
    drawn = _drawn_by(found["text_to_image"])
    with deal(drawn) as server:
        model = {"use": "image_endpoint", "url": server.url, "name": "painter", "seeded": False, "concurrency": 1}
        found["image_endpoint"] = run(_plan(home, model, labels), into=into)
    (home / "there").mkdir()
    rows = [("prompt", "image")]
    for k, (prompt, some) in enumerate(drawn.items()):
        for number, image in enumerate(some):
            (home / "there" / f"{k}-{number}.png").write_bytes(png(image))
            rows.append((prompt, f"{k}-{number}.png"))
    with (home / "there" / "outputs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    model = {"use": "image_outputs", "path": "./there/outputs.csv"}
    found["image_outputs"] = run(_plan(home, model, labels), into=into)
    return found


def _drawn_by(audit):
    """Prompt -> images that an audit stored, whole."""
    import pyarrow.parquet as pq

    from audit.probes.items import as_array

    stored = [pq.read_table(file).to_pandas() for file in sorted(audit.folder.glob("observed/*/*.parquet"))]
    images = [as_array(cell) for one in stored if "content" in one for cell in one["content"]]
    items = audit.items("jobs")
    prompts = {}
    for prompt, small in zip(items["prompt"], items["image"], strict=True):
        prompts[np.asarray(as_array(small), dtype=np.uint8).tobytes()] = prompt
    found = {}
    for image in images:
        found.setdefault(prompts[image.tobytes()], []).append(image)
    return found


def _measures(audit):
    (finding,) = audit.record.findings
    return {(m.name, m.group): (m.value, m.low, m.high, dict(m.n)) for m in finding.measures}


def test_a_plan_tells_shares_by_prompt_and_group_as_counted_by_hand(audits, home, labels):
    audit = audits["text_to_image"]
    (finding,) = audit.record.findings
    assert finding.verdict == "measured", finding.why
    assert finding.controls == {"positive": True, "negative": True}
    assert {"share", "prompt_gap", "largest_total_variation"} <= set(finding.controlled)
    drawn = _drawn_by(audit)
    assert sorted(drawn) == sorted(f"a photo of a {job}" for job in JOBS)
    assert {len(some) for some in drawn.values()} == {DRAWS}
    clip = open_model("zero_shot_image", path=str(home / "clip"), labels=labels)
    table = pd.read_parquet(audit.folder / "items" / "jobs.table.parquet")
    for prompt, some in drawn.items():
        said = np.bincount(clip.predict(some).argmax(1), minlength=2)
        rows = table[table["prompt"] == prompt].set_index("class")
        assert rows["drawn"].to_dict() == dict(zip(clip.classes, said.tolist(), strict=True))
    measures = _measures(audit)
    for group in (*drawn, "health", "law", None):
        names = [f"{group}: {one}" if group else one for one in ("man", "woman")]
        shares = [measures["share", name] for name in names]
        assert sum(one[0] for one in shares) == pytest.approx(1)
        for value, low, high, n in shares:
            assert low <= value <= high
            assert high - low > 0.1
            assert n["units"] == {None: 4, "health": 2, "law": 2}.get(group, 1) * DRAWS


def test_every_door_gives_the_same_finding(audits):
    """The pipeline's images, dealt by a server and read from files, give the same numbers."""
    names = {use: audit.record.findings[0].verdict for use, audit in audits.items()}
    assert set(names.values()) == {"measured"}
    one, two, three = (_measures(audit) for audit in audits.values())
    assert one.keys() == two.keys() == three.keys()
    for key in one:
        for other in (two, three):
            assert other[key][3] == one[key][3]
            for a, b in zip(one[key][:3], other[key][:3], strict=True):
                assert a == pytest.approx(b, abs=1e-9), key
    families = {use: audit.record.models["main"].family for use, audit in audits.items()}
    assert families == {use: use for use in audits}


def test_the_small_images_are_evidence_and_the_whole_ones_are_stored(audits):
    items = audits["image_outputs"].items("jobs")
    assert list(items.columns) == ["image", "prompt", "group", "class", "confidence", "repeated", "problem"]
    assert len(items) == len(JOBS) * DRAWS
    assert items.groupby("prompt")["class"].count().eq(DRAWS).all()


def test_without_labelled_images_the_helper_is_quoted_and_said_to_be(audits, home, labels, pictures, tmp_path):
    plan = _plan(home, {"use": "image_outputs", "path": "./there/outputs.csv"}, labels)
    (check,) = plan.checks
    bare = replace(check, data={"items": check.data["items"]})
    (finding,) = run(replace(plan, checks=(bare,)), into=tmp_path).record.findings
    headline = finding.headline
    assert (headline.name, headline.value) == ("largest_total_variation", None)
    assert headline.undefined == "no labelled item shows how the classifier errs"
    given = {m.name for m in finding.measures if m.low is not None}
    assert {"largest_total_variation_given", "share_given", "prompt_gap_given"} <= given
    assert not {"share", "total_variation"} & given


PROBES = [
    GeneratedImages(), GeneratedImages(template="a {job} of the {group}"),
    GeneratedImages(reference={"man": 0.7, "woman": 0.3}, cite="somebody", nothing="nobody"),
    GeneratedImages(references={"judge": {"man": 0.6, "woman": 0.4}}, cite="somebody"),
]  # fmt: skip


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="bias.generated_images")
    assert entry.load() is GeneratedImages
    assert isinstance(GeneratedImages(), Probe)
    assert GeneratedImages().needs == {"sample"}
    assert GeneratedImages(draws_per_prompt=5).estimate(3) == 30


@pytest.mark.parametrize(("number", "level"), [(0, STRICT), *((k, 0.95) for k in range(len(PROBES)))])
def test_controls_are_told_apart_and_trials_hold(number, level):
    probe = PROBES[number]
    faulty, clean = probe.controls(np.random.default_rng(0))
    assert probe.found(_judged(probe, faulty, level))
    assert not probe.found(_judged(probe, clean, level))
    for trial in probe.trials(np.random.default_rng(1)):
        assert standing(probe, trial, level=level, rng=np.random.default_rng(2))


def _judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


def test_a_judge_that_takes_all_prompts_together_or_the_helper_at_its_word_fails_the_controls():
    faulty, clean = GeneratedImages().controls(np.random.default_rng(0))
    together = _judged(GeneratedImages(), faulty).measure("total_variation")
    assert together.low == 0
    word = _judged(GeneratedImages(), {"items": clean["items"]}).measure("largest_total_variation_given")
    assert word.low > 0


@pytest.mark.parametrize("spoil", ["swapped prompts", "halved", "labels shifted"])
def test_a_trial_does_not_stand_where_a_step_between_goes_wrong(monkeypatch, spoil):
    probe, whole = GeneratedImages(), GeneratedImages.observe

    def wrong(self, ask, items, role):
        frame = whole(self, ask, items, role)
        if role == "items" and spoil == "swapped prompts":
            frame["probabilities"] = frame["probabilities"].to_list()[::-1]
        if role == "items" and spoil == "halved":
            frame["probabilities"] = [[*some[: len(some) // 2], *[None] * (len(some) - len(some) // 2)]
                                      for some in frame["probabilities"]]  # fmt: skip
        if role == "labelled" and spoil == "labels shifted":
            frame["label"] = np.roll(frame["label"].to_numpy(), len(frame) // 3)
        return frame

    monkeypatch.setattr(GeneratedImages, "observe", wrong)
    trials = probe.trials(np.random.default_rng(1))
    assert not all(standing(probe, one, level=0.95, rng=np.random.default_rng(2)) for one in trials)


def _observed(images, names=("man", "woman"), **columns):
    """Observations of one item per prompt: prompt -> (digests, classes by the helper or None)."""
    rows = [{
        "prompt": prompt, "names": list(names), "draws": [[[0.0]]] * len(digests), "digests": list(digests),
        "problems": [None if kind is not None else "lost" for kind in kinds],
        "probabilities": [None if kind is None else np.eye(len(names))[names.index(kind)].tolist() for kind in kinds],
    } for prompt, (digests, kinds) in images.items()]  # fmt: skip
    return {"items": pd.DataFrame(rows).assign(**columns).rename_axis("id")}


def test_an_image_that_came_again_is_no_further_one_and_a_lost_one_is_missing():
    images = {"p": ("aabc-", ["man", "man", "woman", "woman", None]), "q": ("aaaad", ["man"] * 5)}
    result = _judged(GeneratedImages(), _observed(images))
    assert result.measure("repeated_images").value == 4
    share = result.measure("share_given", "p: man")
    assert (share.value, share.n, share.missing) == (pytest.approx(1 / 3), {"items": 3, "units": 3, "asked": 4}, 1)
    assert result.measure("share_given", "q: man").n["units"] == 2
    assert result.items["repeated"].sum() == 4


def test_an_image_learnt_from_that_came_again_is_no_further_one():
    learnt = pd.DataFrame({
        "label": ["p"] * 6, "digest": list("aaaaxy"), "probabilities": [[1.0, 0.0]] * 5 + [[0.0, 1.0]],
    }).rename_axis("id")  # fmt: skip
    observed = _observed({"p": ("abcd", ["man", "man", "woman", "woman"])})
    lead = _judged(GeneratedImages(), observed | {"learnt": learnt}).measure("amplification_given", "p: man")
    assert (lead.value, lead.n) == (pytest.approx(1 / 2 - 2 / 3), {"items": 7, "units": 3})


def test_references_by_job_one_for_all_and_none():
    images = {"a": ("ab", ["man", "woman"]), "b": ("cd", ["man", "man"]), "c": ("ef", ["nobody", "man"])}
    names = ("man", "nobody", "woman")
    probe = GeneratedImages(references={"nurse": {"man": 0.1, "woman": 0.9}}, nothing="nobody", cite="somebody")
    observed = _observed(images, names, job=["nurse", "judge", None])
    table = _judged(probe, observed).table.set_index(["prompt", "class"])["reference"]
    assert table.unstack()[["man", "nobody", "woman"]].to_numpy() == pytest.approx(
        np.array([[0.1, 0, 0.9], [0.5, 0, 0.5], [0.5, 0, 0.5]])
    )
    with pytest.raises(DataError, match=r"the helper tells no 'men' \(did you mean 'man'\?\)"):
        _judged(GeneratedImages(reference={"men": 1.0}, cite="somebody"), observed)


def test_labels_that_the_helper_does_not_tell_are_refused():
    known = pd.DataFrame({"label": ["man", "girl"], "probabilities": [[1.0, 0.0], [0.0, 1.0]]}).rename_axis("id")
    observed = _observed({"p": ("ab", ["man", "woman"])}) | {"labelled": known}
    with pytest.raises(DataError, match=r"labelled: the helper tells no 'girl' \(allowed: man, woman\)"):
        _judged(GeneratedImages(), observed)


@pytest.mark.parametrize(("options", "allowed"), [
    ({"draws_per_prompt": 0}, "1 or more"), ({"missing_below": 1}, "between 0 and 1"),
    ({"reference": {"a": 1.0}}, "both or neither"), ({"cite": "x"}, "both or neither"),
    ({"reference": {"a": 0.4, "b": 0.4}, "cite": "x"}, "allowed: 1"),
    ({"references": {"j": {"a": 1.5, "b": -0.5}}, "cite": "x"}, "none below 0"),
    ({"template": "a photo"}, "allowed: one with {job} or {group}"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, allowed):
    with pytest.raises(ValueError, match=allowed):
        GeneratedImages(**options)


@pytest.mark.parametrize(("probe", "item", "told"), [
    (GeneratedImages(), {"job": "nurse"}, "an item without prompt; allowed: a prompt each, or a `template`"),
    (GeneratedImages(template="a {job}"), {"prompt": "x"}, "an item without job"),
])  # fmt: skip
def test_items_that_give_no_prompt_are_refused(probe, item, told):
    with pytest.raises(DataError, match=told):
        probe.prompt_of(item)
    assert GeneratedImages(template="a {job}, {group}").prompt_of({"job": "{group}", "group": "g"}) == "a g, g"


def test_the_record_is_read_again_as_it_was_written(audits):
    from audit.record import load_record

    for audit in audits.values():
        assert json.loads((audit.folder / "record.json").read_text())["schema"] == 1
        assert load_record(audit.folder).record == audit.record


def test_a_trained_classifier_tells_the_labels_too(tmp_path):
    """A ViT of transformers, its classes by their own names; what it says is what it says when asked directly."""
    from transformers import ViTConfig, ViTForImageClassification

    from audit.ask import Asker, Store
    from audit.models.image_outputs import MadeImages

    names = {0: "woman", 1: "man", 2: "nobody"}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                           id2label=names, image_size=16, patch_size=8,
                           label2id={v: k for k, v in names.items()})  # fmt: skip
        ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    helper = open_model("image_classifier", path=str(tmp_path / "vit"))
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 20, 24), dtype=np.uint8)
    for k, image in enumerate(images):
        (tmp_path / f"{k}.png").write_bytes(png(image))
    rows = [("a nurse", tmp_path / f"{k}.png") for k in range(len(images))]
    probe = GeneratedImages(draws_per_prompt=20, nothing="nobody")
    store = Store(tmp_path / "audit")
    with store.locked():
        door = Asker({"main": MadeImages("made", "sha256:0", rows, "t.csv"), "classifier": helper}, store, 0, "test")
        items = pd.DataFrame({"prompt": ["a nurse"]}, index=pd.Index(["x"], name="id"))
        result = _judged(probe, {"items": probe.observe(door, items, "items")})
    assert result.items["problem"].isna().all(), result.items["problem"].iloc[0]
    said = np.asarray(helper.predict(list(images))).argmax(1)
    for k, name in names.items():
        assert result.measure("share_given", name).value == pytest.approx((said == k).mean())
    assert result.items["class"].to_list() == [names[int(k)] for k in said]
    assert result.measure("share_given", "nobody").ideal == 0


class Painter:
    """Draws dark and bright images, more bright ones for some prompts than for others."""

    family, modality = "painter", "image"

    def __init__(self, **bright):
        self.bright, self.name, self.fingerprint = bright, "painter", f"sha256:{bright}"

    def sample(self, prompts, *, seed, numbers):
        shares = [self.bright[prompt.split()[-1]] for prompt in prompts]
        asked = zip(prompts, numbers, strict=True)
        rngs = [np.random.default_rng([seed % 2**32, number, len(prompt)]) for prompt, number in asked]
        return [Sample(_painted(rng, rng.random() < share)) for rng, share in zip(rngs, shares, strict=True)]


def _painted(rng, bright):
    return rng.integers(150 if bright else 0, 256 if bright else 106, (3, 4, 4), dtype=np.uint8)


class Eye:
    """Sees brightness, but takes every image whose first pixel is a multiple of 5 for a bright one."""

    family, modality, name, fingerprint, classes = "eye", "image", "eye", "sha256:eye", ("bright", "dark")

    def predict(self, items):
        bright = np.array([one.mean() > 128 or one[0, 0, 0] % 5 == 0 for one in map(np.asarray, items)])
        return np.stack([bright, ~bright], axis=1).astype(float)


@pytest.mark.parametrize(("bright", "verdict"), [((0.5, 0.5), "passed"), ((0.85, 0.15), "failed")])
def test_a_stereotype_is_found_behind_a_helper_that_errs_and_an_even_model_is_cleared(bright, verdict, tmp_path):
    """Together both prompts are even; the helper alone would see too many bright images of either."""
    rng = np.random.default_rng(3)
    kinds = np.arange(500) % 2 == 0
    known = pd.DataFrame({"image": [_painted(rng, one) for one in kinds], "label": np.where(kinds, "bright", "dark")})
    data = {"items": Frame(pd.DataFrame({"job": ["smith", "weaver"]})), "labelled": Frame(known)}
    probe = GeneratedImages(template="a {job}", draws_per_prompt=300)
    check = Check("jobs", probe, data, Limit(measure="largest_total_variation", at_most=0.25))
    model = Painter(smith=bright[0], weaver=bright[1])
    (finding,) = run(Plan("jobs", (check,), model, {"classifier": Eye()}, seed=1), into=tmp_path).record.findings
    assert finding.verdict == verdict, finding.why
    shares = {one.group: one for one in finding.measures if one.name == "share"}
    for job, share in zip(("smith", "weaver"), bright, strict=True):
        one = shares[f"a {job}: bright"]
        assert one.low <= share <= one.high


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_report_opens_with_a_gallery_by_prompt_and_label(audits, lang):
    from reports.documents.html_report import render_html
    from reports.options import ReportOptions

    page = render_html(audits["text_to_image"], ReportOptions(lang=lang))["report.html"].decode()
    start = page.index('<svg class="picture"')
    drawn = page[start : page.index("</svg>", start)]
    assert drawn.count("<image") >= 2 * len(JOBS)
    assert all(f"a photo of a {job}" in drawn for job in JOBS)
    assert {">man<", ">woman<"} <= set(re.findall(">(?:man|woman)<", drawn))
