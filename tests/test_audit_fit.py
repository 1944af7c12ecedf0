"""`dokimasia fit`: parts that share nothing, training that ends when nothing better comes, folders that are whole."""

from __future__ import annotations

import json
import re
import shlex
import signal

import jsonschema_rs
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from forks import Fork
from PIL import Image
from sklearn.datasets import load_wine

from audit import plugins
from audit.cli.app import execute
from audit.cli.schemas import json_schema
from audit.data.sets import digits, series
from audit.errors import DataError, PlanError, UsageError
from audit.execute import run
from audit.files import read_frame
from audit.fit import FitCallbacks, content_digests, fit_models, read_fit_plan, running
from audit.fit.splitting import part_of
from audit.models.gan import GANFolder
from audit.plan import as_plan
from audit.record import load_record
from audit.reference import novelty_plans
from audit.trainer import Budget, Lesson
from audit.trainers.loop import Held, minimise, seeded

PLAN = """\
title: Digits
seed: 7
data: {use: made, set: digits, part: heldout}
leave_out: ["7"]
split: {train: 0.5, validation: 0.1, fit: 0.1, calibration: 0.2, heldout: 0.1}
threads: 1
models:
  - {name: vae, trainer: {use: vae, latent: 4, hidden: 16}, steps: 12, every: 4}
"""
OTHERS = """\
  - {name: pixels, trainer: {use: autoregressive_image, width: 8, blocks: 1, batch: 8}, steps: 2, every: 1}
  - {name: diffusion, trainer: {use: diffusion, width: 8, blocks: 1}, steps: 2, every: 1}
  - {name: gan, trainer: {use: gan, latent: 4, hidden: 16}, steps: 40, every: 20}
  - {name: latent, trainer: {use: latent_diffusion, latent: 4, hidden: 16, width: 16, blocks: 1}, steps: 12, every: 6}
  - {name: classifier, trainer: {use: image_classifier, width: 4, features: 8}, steps: 60, every: 30}
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return the folder of six small models, and what was told of them."""
    into = tmp_path_factory.mktemp("fitted") / "models"
    return into, fit_models(read_fit_plan(PLAN + OTHERS), into)


def parts_of(folder):
    return {path.stem: read_frame(path) for path in (folder / "parts").glob("*.parquet")}


def test_each_family_is_opened_by_its_model_part(fitted):
    into, told = fitted
    whole = [np.stack(image) for image in parts_of(into)["heldout"]["image"]]
    for name, line in told["models"].items():
        model = plugins.open_model(line["family"], path=into / name, threads=1)
        if name == "classifier":
            assert model.classes == tuple("012345689")
            assert model.predict(whole).shape == (len(whole), 9)
        elif name == "gan":
            assert model.discriminate(whole)[0].shape == (len(whole),)
        else:
            nats, _ = model.log_prob(whole)
            assert np.isfinite(nats).all()


def test_parts_share_no_item_and_hold_all_of_them(fitted):
    into, told = fitted
    parts = parts_of(into)
    assert {name: len(part) for name, part in parts.items()} == told["parts"]
    contents = {name: set(content_digests(part)) for name, part in parts.items()}
    names = list(contents)
    assert all(not contents[a] & contents[b] for i, a in enumerate(names) for b in names[:i])
    assert sum(told["parts"].values()) == digits.SPLITS["heldout"]
    assert set(parts["foreign"]["label"]) == {"7"}
    assert "7" not in set(parts["train"]["label"])
    learnt = set((into / "vae" / "learnt.txt").read_text().split())
    assert learnt == contents["train"] | contents["validation"]


def test_the_held_out_loss_is_that_of_the_model_that_is_kept(fitted):
    """An independent look: the bound that the opened VAE gives of the same items, over other noise."""
    into, _ = fitted
    card = json.loads((into / "vae" / "card.json").read_text())
    held = [np.stack(image) for image in parts_of(into)["validation"]["image"]]
    nats, _ = plugins.open_model("vae", path=into / "vae", threads=1).log_prob(held, samples=64)
    assert min(look[2] for look in card["looks"]) == pytest.approx(-nats.mean(), rel=0.02)


def test_the_same_seed_gives_the_same_folder_and_another_one_does_not(fitted, tmp_path):
    into, _ = fitted
    fit_models(read_fit_plan(PLAN), tmp_path / "again")
    fit_models(read_fit_plan(PLAN.replace("seed: 7", "seed: 8")), tmp_path / "other")
    files = sorted(path.name for path in (into / "vae").iterdir())
    assert [(into / "vae" / name).read_bytes() for name in files] == [
        (tmp_path / "again" / "vae" / name).read_bytes() for name in files
    ]
    weights = [(path / "vae" / "model.safetensors").read_bytes() for path in (into, tmp_path / "other")]
    assert weights[0] != weights[1]


def test_what_is_whole_is_not_trained_again(fitted, monkeypatch):
    into, told = fitted
    trainer = plugins.load("trainers", "vae")
    monkeypatch.setattr(trainer, "fit", lambda *_: pytest.fail("trained again"))
    assert fit_models(read_fit_plan(PLAN), into)["models"] == told["models"]


def minimum_at(target, budget):
    """Train one weight towards 1 while what is held out wants `target`."""
    network = torch.nn.Linear(1, 1, bias=False)
    with seeded(0):
        torch.nn.init.zeros_(network.weight)
        course = minimise(
            network, lambda rows: ((network.weight - 1) ** 2).sum(), 8, budget.steps, 0.05,
            held=Held(lambda: ((network.weight - target) ** 2).sum(), budget), batch=4,
        )
    return network.weight.item(), course


def test_training_stops_where_the_held_out_loss_is_least():
    weight, course = minimum_at(0.3, Budget(steps=1000, every=5, patience=3))
    losses = [look.validation for look in course.looks]
    assert course.stopped == "patience"
    assert course.looks[-1].step < 1000
    assert course.best == course.looks[int(np.argmin(losses))].step
    assert course.looks[-1].step - course.best == 15
    assert (weight - 0.3) ** 2 == pytest.approx(min(losses))
    assert weight == pytest.approx(0.3, abs=0.1)


def test_training_goes_on_as_long_as_it_helps_and_no_longer_than_its_time():
    weight, course = minimum_at(1.0, Budget(steps=300, every=50, patience=3))
    assert (course.stopped, course.looks[-1].step) == ("steps", 300)
    assert weight == pytest.approx(1.0, abs=0.05)
    _, course = minimum_at(1.0, Budget(steps=300, every=50, seconds=0.0))
    assert (course.stopped, len(course.looks), course.looks[0].step) == ("time", 1, 1)


def test_a_series_model_is_standardised_and_opened(tmp_path):
    table = series.table("heldout").head(80)
    table["series"] = [1000 + 50 * one for one in table["series"]]
    pd.DataFrame({"series": [list(one) for one in table["series"]]}).to_parquet(tmp_path / "s.parquet")
    plan = f"""\
title: Series
data: {{use: file, path: {tmp_path}/s.parquet}}
split: {{train: 0.4, validation: 0.1, fit: 0.2, calibration: 0.2, heldout: 0.1}}
models: [{{name: ar, trainer: {{use: autoregressive_series, width: 8, blocks: 1}}, steps: 30}}]
"""
    told = fit_models(read_fit_plan(plan), tmp_path / "models")
    model = plugins.open_model("autoregressive_series", path=tmp_path / "models" / "ar", threads=1)
    nats, kind = model.log_prob(list(table["series"]))
    assert kind == "exact"
    spread = np.stack(table["series"].to_list()).std()
    assert -nats.mean() / 48 == pytest.approx(told["models"]["ar"]["loss"], abs=0.3)
    assert told["models"]["ar"]["loss"] < np.log(spread) + 2  # about that of one Gaussian: in the series' own unit


def test_repeated_items_and_named_units_stay_on_one_side():
    items = pd.DataFrame({"image": list(np.arange(200)), "unit": [f"u{i // 4}" for i in range(200)]},
                         pd.Index([f"i{i}" for i in range(200)], name="id"))  # fmt: skip
    shares = {"train": 0.5, "validation": 0.1, "fit": 0.2, "calibration": 0.1, "heldout": 0.1}
    parts = part_of(items, shares, [], 1)
    assert (parts.groupby(items["unit"]).nunique() == 1).all()
    assert parts.value_counts().to_dict() == {name: 200 * share for name, share in shares.items()}
    assert not parts.equals(part_of(items, shares, [], 2))


WRONG = [
    ("seed: 7", "sed: 7", PlanError, "unknown key 'sed' (did you mean 'seed'?)"),
    ("use: vae,", "use: vee,", PlanError, "unknown trainer 'vee' (did you mean 'vae'?)"),
    ("latent: 4", "latents: 4", PlanError, "unknown option 'latents' of vae (did you mean 'latent'?)"),
    ("latent: 4", "latent: 0", PlanError, "latent is 0; allowed: 1 or more"),
    ("train: 0.5", "train: 0.6", PlanError, "the shares add up to 1.1; allowed: 1"),
    ("name: vae", "name: parts", PlanError, "that folder holds the items"),
    ('["7"]', '["x"]', UsageError, "leave_out: no item has the label 'x'"),
    ("fit: 0.1, calibration: 0.2", "fit: 0.01, calibration: 0.29", DataError, "part fit has 2 of 266 independent"),
    ("{use: vae, latent: 4", "{use: vae, levels: 16", DataError, "pixels are from 0 to 16; allowed: 0 to 15"),
    ("set: digits, part", "set: series, part", DataError, "no field 'image'"),
]


@pytest.mark.parametrize(("was", "now", "kind", "said"), WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(tmp_path, capfd, was, now, kind, said):
    assert was in PLAN
    plan = tmp_path / "fit.yaml"
    plan.write_text(PLAN.replace(was, now))
    assert execute(["fit", str(plan), "--into", str(tmp_path / "models"), "--quiet"]) == kind([""]).exit_code == 2
    line = [one for one in capfd.readouterr().err.splitlines() if one.startswith("dokimasia: ")]
    assert len(line) == 1
    assert said in line[0]
    assert not (tmp_path / "models" / "vae").exists()


def test_a_folder_of_something_else_is_left_alone(fitted, tmp_path):
    into, _ = fitted
    with pytest.raises(UsageError, match="fitted on other data, or parted otherwise"):
        fit_models(read_fit_plan(PLAN.replace('["7"]', '["6"]')), into)
    with pytest.raises(UsageError, match="made by other options"):
        fit_models(read_fit_plan(PLAN.replace("latent: 4", "latent: 5")), into)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        fit_models(read_fit_plan(PLAN), tmp_path)


def test_images_that_no_network_takes_are_said():
    lesson = pd.DataFrame({"image": [np.zeros((3, 4, 4), int)] * 4})
    plan = read_fit_plan(PLAN)
    with pytest.raises(DataError, match=r"whole numbers of shape \[3, 4, 4\]; allowed: whole numbers \[side, side\]"):
        plan.trainers[0].fit(Lesson(lesson, lesson, None, 0), Budget())
    grey = pd.DataFrame({"image": [np.eye(4, dtype=int)] * 4})
    with pytest.raises(DataError, match="needs a label for every item"):
        plugins.build("trainers", "image_classifier", {}).fit(Lesson(grey, grey, None, 0), Budget())


def test_a_killed_fit_leaves_nothing_that_looks_whole(tmp_path):
    into = tmp_path / "models"
    plan = read_fit_plan(PLAN.replace("steps: 12, every: 4", "steps: 100000, every: 1, patience: 100000"))
    child = Fork(lambda tell: fit_models(plan, into, FitCallbacks(on_look=lambda name, look: tell(name))))
    assert child.told.readline() == "vae\n"  # the first look: training is under way
    child.kill()
    assert child.end()[0] == -signal.SIGKILL
    assert not (into / "vae").exists()
    assert json.loads((into / "fitted.json").read_text())["models"] == {}
    told = fit_models(read_fit_plan(PLAN), into)
    assert (into / "vae" / "model.safetensors").is_file()
    assert told["models"]["vae"]["best"] == 12


def test_a_folder_half_written_is_removed_and_made_anew(tmp_path, monkeypatch):
    """A trainer's files are written beside the place; a disk that is full on the way leaves nothing."""
    real, into = running.write_atomic, tmp_path / "models"

    def full(path, data):
        if path.name == "card.json":
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(running, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        fit_models(read_fit_plan(PLAN), into)
    assert sorted(path.name for path in into.iterdir()) == ["fitted.json", "parts"]
    monkeypatch.setattr(running, "write_atomic", real)
    assert fit_models(read_fit_plan(PLAN), into)["models"]["vae"]["best"] == 12


# --- who sees what was left out: from a folder to one audit -----------------------------------------------------------


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Return a folder of 160 digits of three classes, as small pictures."""
    folder = tmp_path_factory.mktemp("labelled") / "digits"
    table = digits.table("train", ["0", "1", "7"]).groupby("label").head(60)
    for place, (image, label) in enumerate(zip(table["image"], table["label"], strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype(np.uint8)).save(folder / label / f"{place}.png")
    return folder


def test_from_a_folder_to_who_sees_the_label_that_was_left_out(labelled, tmp_path, capfd, monkeypatch):
    """`init --for novelty`, then the two commands that it prints; trained for a few steps each."""
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "--for", "novelty", "--data", str(labelled), "--leave-out", "7"]) == 0
    hint = capfd.readouterr().out.splitlines()[-1]
    fitting, running = (shlex.split(part) for part in hint.removeprefix("run both with: ").split(" && "))
    short = {"1000": 60, "3000": 60, "4000": 20, "1500": 20, "2000": 6, "1200": 3}
    text = re.sub(r"steps: (\d+)", lambda found: f"steps: {short[found[1]]}", (tmp_path / "fit.yaml").read_text())
    text = text.replace("fit: 0.1, calibration: 0.1, heldout: 0.1", "fit: 0.15, calibration: 0.2, heldout: 0.15")
    small = {"{use: diffusion}": "{use: diffusion, width: 8, blocks: 1}", "train: 0.6": "train: 0.4"}
    for was, now in small.items():
        text = text.replace(was, now)
    (tmp_path / "fit.yaml").write_text(text)
    schema = jsonschema_rs.validator_for(json.loads(json_schema("fit")))
    schema.validate(yaml.safe_load((tmp_path / "fit.yaml").read_text()))
    assert execute([*fitting[1:], "--quiet"]) == 0
    assert execute([*running[1:], "--quiet"]) == 0
    (audit,) = (tmp_path / "audits").glob("*/record.json")
    found = load_record(audit.parent)
    assert [(one.check, one.verdict) for one in found.record.findings] == [
        ("who-sees-it", "measured"), ("blind-spots", "measured"),
    ]  # fmt: skip
    told = {one.group: one for one in found.finding("who-sees-it").measures if one.name == "auroc" and one.group}
    likely = ("", "_pixels", "_diffusion", "_latent")
    families = {f"{score}{of}" for score in ("nll", "input_complexity") for of in likely}
    assert set(told) == families | {"critic_gan", "knn5", "max_softmax", "energy", "mahalanobis"}
    assert all(one.low < one.value < one.high or one.value in (0, 1) for one in told.values())
    foreign = read_frame(tmp_path / "models" / "parts" / "foreign.parquet")
    assert (len(foreign), set(foreign["label"])) == (60, {"7"})
    assert not any(one.cut_short for one in found.record.models.values()), "all their steps were taken"


def shows(looks, steps=9, **more):
    return {"steps": steps, "looks": [[step, 1.0, loss] for step, loss in looks], **more}


CARDS = [
    (shows([(4, 1.0), (6, 0.9)]), [6, 9]), (shows([(4, 0.9), (6, 1.0)]), None), (shows([(6, 1.0), (9, 0.9)]), None),
    (shows([(4, 0.9), (6, 1.0)], earlier=[[3, 0, 7.0]]), [3, 9]), (shows([(9, 1.0)], earlier=[[9, 0, 7.0]]), None),
    (shows([]), None), ({"family": "vae"}, None), ([], None), (shows([(6, 0.9)], steps="9"), None),
    ({"steps": 9, "looks": [["soon", 1, 1]]}, None), ({"steps": 9, "looks": 3}, None),
]


@pytest.mark.parametrize(("card", "told"), CARDS)
def test_a_training_that_time_ended_too_early_is_known_by_its_card(tmp_path, card, told):
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert GANFolder(tmp_path).cut_short() == told


def test_a_card_that_is_nested_without_end_says_nothing(tmp_path):
    (tmp_path / "card.json").write_text("[" * 100_000)
    assert GANFolder(tmp_path).cut_short() is None


def test_from_a_table_to_who_sees_the_label_that_was_left_out(tmp_path, capfd, monkeypatch):
    """`init --for novelty` on a table of wines; names are no numbers, and are left out."""
    monkeypatch.chdir(tmp_path)
    wines = load_wine(as_frame=True)
    wines.frame.assign(name="red", target=wines.target_names[wines.target]).to_csv("wine.csv", index=False)
    assert execute(["init", "--for", "novelty", "--data", "wine.csv"]) == 0
    hint = capfd.readouterr().out.splitlines()[-1]
    fitting, running = (shlex.split(part) for part in hint.removeprefix("run both with: ").split(" && "))
    text = re.sub(r"steps: \d+", "steps: 30", (tmp_path / "fit.yaml").read_text())
    (tmp_path / "fit.yaml").write_text(text)
    read = yaml.safe_load(text)
    jsonschema_rs.validator_for(json.loads(json_schema("fit"))).validate(read)
    assert (read["leave_out"], read["data"]["fields"]) == (["class_2"], {"label": "target"})
    assert read["data"]["numbers"] == list(wines.feature_names)
    assert execute([*fitting[1:], "--quiet"]) == 0
    assert execute([*running[1:], "--quiet"]) == 0
    (audit,) = (tmp_path / "audits").glob("*/record.json")
    found = load_record(audit.parent)
    told = {one.group: one for one in found.finding("who-sees-it").measures if one.name == "auroc" and one.group}
    assert set(told) == {
        "nll", "critic_times", "knn5", "mixture", "dte_np", "isolation_forest", "max_softmax", "energy", "mahalanobis",
    }  # fmt: skip
    assert [one.verdict for one in found.record.findings] == ["measured", "measured"]
    assert told["knn5"].value > 0.9
    assert set(read_frame(tmp_path / "models" / "parts" / "foreign.parquet")["label"]) == {"class_2"}


def test_an_audit_refuses_items_that_its_model_learnt_from(fitted, tmp_path):
    """By what they are: under other ids, from another file."""
    into, _ = fitted
    parts = {role: pd.DataFrame({"image": part["image"]}) for role, part in parts_of(into).items()}
    model = plugins.build("models", "vae", {"path": str(into / "vae"), "threads": 1})
    data = {role: parts[role].map(lambda cell: np.stack(cell).tolist()) for role in ("fit", "calibration")}
    for part, verdict in (("heldout", "measured"), ("validation", "crashed")):
        shown = {**data, "items": parts[part].map(lambda cell: np.stack(cell).tolist())}
        (finding,) = run(as_plan(None, {"model": model, "probe": "novelty.likelihood", "data": shown}),
                         into=tmp_path).record.findings  # fmt: skip
        assert finding.verdict == verdict
        assert ("the model main learnt from item" in finding.why) == (verdict == "crashed")


def test_init_for_novelty_says_what_it_cannot_take(labelled, tmp_path, capfd):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    (tmp_path / "w.csv").write_text("label,b\n1,x\n2,y\n")
    (tmp_path / "unlabelled.csv").write_text("a,b\n" + "".join(f"{row % 7 * 9 + row},{row / 7}\n" for row in range(99)))
    (tmp_path / "partly.csv").write_text("a,label\n1.5,x\n2.5,y\n3.5,z\n1.5,\n")
    wrong = {
        "has 1 labels; allowed: 3 or more": ["--data", str(tmp_path / "t.csv")],
        "has no column of numbers beside the label": ["--data", str(tmp_path / "w.csv")],
        "has no column of labels": ["--data", str(tmp_path / "unlabelled.csv")],
        "1 rows have no label": ["--data", str(tmp_path / "partly.csv")],
        "has 0 labels; allowed: 3 or more": ["--data", str(labelled / "0")],
        "no such label (allowed: 0, 1, 7)": ["--data", str(labelled), "--leave-out", "x"],
        "--for novelty goes with --data": [],
        "no such file or folder": ["--data", str(tmp_path / "nothing")],
    }
    for said, words in wrong.items():
        assert execute(["init", str(tmp_path / "p.yaml"), "--for", "novelty", *words]) == 2
        line, *more = capfd.readouterr().err.splitlines()
        assert (said in line, more, list(tmp_path.glob("*.yaml"))) == (True, [], []), line


@pytest.mark.parametrize(
    ("name", "cells", "learnt"),
    [
        ("row", [5, 6, 7, 8, 9, 10], False), ("customer_id", [40, 17, 93, 61, 2, 5], False),
        ("customerId", [40, 17, 93, 61, 2, 5], False), ("customer_id", [40, 17, 93, 61, 2, 2], True),
        ("acid", [40, 17, 93, 61, 2, 5], True), ("steps", [1, 2, 3, 4, 5, 5], True),
        ("a", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5], True),
    ],
)
def test_a_column_of_a_table_that_only_names_rows_is_not_learnt(tmp_path, name, cells, learnt):
    table = pd.DataFrame({name: cells, "b": [1.0, 2.5, 1.0, 3.0, 2.0, 2.5], "label": list("aabbcc")})
    table.to_csv(tmp_path / "t.csv", index=False)
    read = yaml.safe_load(novelty_plans(str(tmp_path / "t.csv"), "models", base=tmp_path).fit)
    assert read["data"]["numbers"] == ([name] if learnt else []) + ["b"]


def test_a_file_of_images_with_labels_is_taken_too(tmp_path):
    table = pd.DataFrame({"image": [[[0, 1], [1, 0]]] * 6, "label": list("aabbcc")})
    table.to_json(tmp_path / "i.jsonl", orient="records", lines=True)
    plans = novelty_plans(str(tmp_path / "i.jsonl"), "models", base=tmp_path)
    assert plans.left_out == "c"
    assert read_fit_plan(plans.fit, base=tmp_path).spec.leave_out == ["c"]
