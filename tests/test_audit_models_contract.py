"""What every adapter promises, asked of a small real instance of each.

An adapter comes in by its entry point and brings a function below, under the same name, that makes such an instance.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from stub_server import serve
from tiny_models import make_tiny_bert, make_tiny_lm, make_tiny_verifier

from audit import plugins
from audit.ask.questions import answer
from audit.errors import DokimasiaError
from audit.model import ABILITIES, Continuation, Model, ModelSource, Pair, Sample, Verifiable, abilities_of

PROMPTS = ["The baker sells", "Seven clocks", "When it rains, the cellar", "She asked the nurse", "대한민국의"]
ITEMS = [
    "The last one comes back at six.", "Nobody knew who had painted the fence.", "Seven clocks stood in the hall.",
    Continuation("The baker sells", " rye bread"), Continuation("The baker sells", " plum cake and onion tart"),
]  # fmt: skip
HEAVY = {"torch", "transformers", "sklearn", "scipy", "pandas", "skops", "streamlit"}


@dataclass
class Case:
    """A small real instance of an adapter."""

    options: dict[str, Any]
    abilities: set[str]
    items: dict[str, list[Any]]
    """Ability -> items to ask it with, all different."""
    weights: list[str] = field(default_factory=list)
    """Files below `path` whose every byte counts ("" = `path` itself); none where the weights are elsewhere."""
    built_in: bool = False
    """Whether it has no weights, as it is code of ours."""
    pickled: str = ""
    """Name of the file, below `path` where that is a folder, that a pickle would have."""


Maker = Callable[[Path, ExitStack], Case]
CASES: dict[str, Maker] = {}


def case_of(maker: Maker) -> Maker:
    CASES[maker.__name__] = maker
    return maker


@case_of
def causal_lm(folder: Path, stack: ExitStack) -> Case:
    options = {"path": str(make_tiny_lm(folder / "lm")), "dtype": "float32", "device": "cpu", "threads": 1}
    items = {"sample": PROMPTS, "log_prob": ITEMS, "trace": ITEMS, "embed": ITEMS}
    weights = ["model.safetensors", "tokenizer.json", "config.json"]
    return Case(options, {"sample", "log_prob", "trace", "embed"}, items, weights, "pytorch_model.bin")


@case_of
def masked_lm(folder: Path, stack: ExitStack) -> Case:
    options = {"path": str(make_tiny_bert(folder / "bert")), "device": "cpu", "threads": 1}
    weights = ["model.safetensors", "tokenizer.json", "config.json"]
    return Case(options, {"pseudo_trace"}, {"pseudo_trace": ITEMS[:3]}, weights, "pytorch_model.bin")


@case_of
def endpoint(folder: Path, stack: ExitStack) -> Case:
    server = stack.enter_context(serve(make_tiny_lm(folder / "served")))
    options = {"url": server.url, "name": "tiny", "prompt_form": "raw", "retries": 1}
    return Case(options, {"sample", "log_prob"}, {"sample": PROMPTS, "log_prob": ITEMS})


@case_of
def table(folder: Path, stack: ExitStack) -> Case:
    rows = [{"prompt": prompt, "output": f"{prompt}?", "log_prob": -1.5 - i} for i, prompt in enumerate(PROMPTS)]
    rows += [{"prompt": None, "output": "free", "log_prob": -2}]
    (folder / "outputs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = ["free", *(Continuation(row["prompt"], row["output"]) for row in rows[:-1]), Continuation("no", "row")]
    options = {"path": str(folder / "outputs.jsonl"), "log_prob": "log_prob"}
    return Case(options, {"sample", "log_prob"}, {"sample": [*PROMPTS, None], "log_prob": items}, [""], "outputs.pkl")


@case_of
def vectors(folder: Path, stack: ExitStack) -> Case:
    rows = [{"text": text, "vector": [1.0 + i, 0.5 * i, -2.0]} for i, text in enumerate(PROMPTS)]
    (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Case({"path": str(folder / "words.jsonl")}, {"embed"}, {"embed": PROMPTS}, [""], "words.pkl")


@case_of
def classifier(folder: Path, stack: ExitStack) -> Case:
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit([*PROMPTS, "rain"], [0, 1, 2, 0, 1, 2])
    skops.io.dump(fitted, folder / "rain.skops")
    return Case({"path": str(folder / "rain.skops")}, {"predict"}, {"predict": PROMPTS}, [""], "rain.joblib")


@case_of
def verifier(folder: Path, stack: ExitStack) -> Case:
    make_tiny_verifier(folder / "nli", ["neutral", "contradiction", "entailment"])
    options = {"path": str(folder / "nli"), "device": "cpu", "threads": 1}
    pairs = [Pair(ITEMS[0], ITEMS[1]), Pair(ITEMS[1] * 9, ITEMS[2]), Pair("", ITEMS[0])]
    weights = ["model.safetensors", "tokenizer.json", "config.json"]
    return Case(options, {"verify"}, {"verify": pairs}, weights, "pytorch_model.bin")


@case_of
def lexical_verifier(folder: Path, stack: ExitStack) -> Case:
    pairs = [Pair(ITEMS[2], said) for said in ("Seven clocks stood.", "Nine clocks stood.", "")]
    return Case({}, {"verify"}, {"verify": pairs}, built_in=True)


def test_every_adapter_of_text_has_a_case():
    elsewhere = {"image", "series", "tabular"}  # test_audit_models_images.py, _series.py, _density.py, trainers_rows.py
    parts = {name: plugins.load("models", name) for name in plugins.names("models")}
    here = {name for name, part in parts.items() if getattr(part, "modality", None) not in elsewhere}
    assert here == set(CASES), "each adapter brings a function of its name to this file"


@pytest.fixture(scope="module", params=sorted(CASES))
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    with ExitStack() as stack:
        yield {name: CASES[name](tmp_path_factory.mktemp(name), stack) for name in sorted(CASES)}


@pytest.fixture(scope="module")
def case(name, cases):
    return cases[name]


@pytest.fixture(scope="module")
def part(name, case) -> ModelSource:
    return plugins.build("models", name, case.options)


def opened(part: ModelSource) -> AbstractContextManager[Any]:
    model = part.open()
    return closing(model) if hasattr(model, "close") else nullcontext(model)


@pytest.fixture(scope="module")
def model(part):
    with opened(part) as one:
        yield one


def ask(model: Any, ability: str, items: list[Any], **options: Any) -> pd.DataFrame:
    """The answer as probes see it, for one draw the most likely one."""
    if ability == "sample":
        options = {"max_tokens": 6, "temperature": 0, **options}
    return answer(model, ability, items, seed=options.pop("seed", 0), options=options).to_pandas()


def per_item(answered: pd.DataFrame) -> dict[int, list[Any]]:
    """Position -> everything that was answered there."""
    return {item: rows.drop(columns="item").to_numpy().tolist() for item, rows in answered.groupby("item")}


def assert_close(got: Any, wanted: Any) -> None:
    """Equal, numbers to 1e-5 of their size or of one."""
    if isinstance(wanted, list | np.ndarray):
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_close(one, other)
    elif isinstance(wanted, float):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)
    else:
        assert got == wanted or (pd.isna(got) and pd.isna(wanted))


# ---- who it is


def test_it_says_who_it_is(name, part, model):
    assert isinstance(part, ModelSource)
    assert isinstance(model, Model)
    assert part.family == model.family == name
    assert part.modality == model.modality
    assert model.modality in {"text", "image", "series", "tabular"}
    assert isinstance(model.name, str)
    assert model.name
    remote = isinstance(model, Verifiable)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}" + (r" \(unverifiable\)" if remote else ""), model.fingerprint)
    assert part.fingerprint() == model.fingerprint


def test_a_model_without_weights_of_ours_shows_who_it_is_every_time(case, model):
    assert isinstance(model, Verifiable) == (not case.weights and not case.built_in)
    if isinstance(model, Verifiable):
        first = json.dumps(model.identity(), sort_keys=True)
        assert json.loads(first)["abilities"] == sorted(case.abilities)
        assert json.dumps(model.identity(), sort_keys=True) == first


def test_it_has_the_abilities_that_its_protocols_say(case, model):
    assert abilities_of(model) == case.abilities == set(case.items)
    for ability, protocol in ABILITIES.items():
        assert isinstance(model, protocol) == (ability in case.abilities), ability
        assert ability not in case.abilities or ability not in getattr(model, "missing", {})


# ---- what it answers


def test_answers_have_the_shape_of_their_protocol(case, model):
    for ability, items in case.items.items():
        _SHAPES[ability](model, items)


def shape_of_sample(model, items):
    drawn = model.sample(items, seed=0, max_tokens=3)
    assert len(drawn) == len(items)
    for one in drawn:
        assert isinstance(one, Sample)
        assert isinstance(one.content, str)
        assert one.finish in {"stop", "length", "error"}
        assert (one.problem is not None) == (one.finish == "error")
        assert one.elements is None or 0 <= one.elements <= 3
    assert any(one.content for one in drawn)


def shape_of_log_prob(model, items):
    nats, kind = model.log_prob(items)
    assert kind in {"exact", "lower_bound", "estimate"}
    assert np.shape(nats) == (len(items),)
    assert np.isfinite(nats).any()
    assert not np.isinf(nats).any()


def shape_of_trace(model, items):
    frames = model.trace(items)
    nats, _ = model.log_prob(items)
    for frame, whole in zip(frames, nats, strict=True):
        assert list(frame.columns) == ["element", "log_prob", "entropy", "variance", "rank"]
        np.testing.assert_allclose(frame["log_prob"].sum(), whole, rtol=1e-5)
        numbers = frame.drop(columns="element").dropna().to_numpy()
        assert len(numbers) >= len(frame) - 1
        assert (numbers[:, 0] <= 0).all()
        assert (numbers[:, 1:3] >= 0).all()
        assert (numbers[:, 3] >= 1).all()


def shape_of_pseudo_trace(model, items):
    for hidden in ("token", "word", "none"):
        frames = model.pseudo_trace(items, hidden=hidden)
        assert len(frames) == len(items)
        for frame in frames:
            assert list(frame.columns) == ["element", "log_prob"]
            assert frame["log_prob"].notna().any()
            assert (frame["log_prob"].dropna() <= 0).all()


def shape_of_embed(model, items):
    got = np.asarray(model.embed(items))
    assert got.ndim == 2
    assert len(got) == len(items)
    assert np.isfinite(got).all()


def shape_of_predict(model, items):
    got = np.asarray(model.predict(items))
    assert got.shape == (len(items), len(model.classes))
    assert all(isinstance(one, str) for one in model.classes)
    assert (got >= 0).all()
    np.testing.assert_allclose(got.sum(1), 1, atol=1e-6)


def shape_of_verify(model, items):
    got = np.asarray(model.verify(items))
    assert got.shape == (len(items), 3)
    assert (got >= 0).all()
    np.testing.assert_allclose(got.sum(1), 1, atol=1e-6)


_SHAPES = {
    "sample": shape_of_sample, "log_prob": shape_of_log_prob, "trace": shape_of_trace, "embed": shape_of_embed,
    "predict": shape_of_predict, "pseudo_trace": shape_of_pseudo_trace, "verify": shape_of_verify,
}  # fmt: skip


def test_nothing_asked_is_nothing_answered(case, model):
    for ability in case.abilities - {"trace"}:
        assert len(ask(model, ability, [])) == 0
    if "trace" in case.abilities:
        assert model.trace([]) == []


def test_the_same_question_has_the_same_answer_from_a_model_opened_again_too(case, part, model):
    with opened(part) as again:
        for ability, items in case.items.items():
            pd.testing.assert_frame_equal(ask(model, ability, items), ask(model, ability, items))
            pd.testing.assert_frame_equal(ask(model, ability, items), ask(again, ability, items))


def test_the_seed_decides_a_draw(case, model):
    if "sample" not in case.abilities:
        pytest.skip("it draws nothing")
    hot = {"temperature": 1, "max_tokens": 12}
    first = ask(model, "sample", case.items["sample"], seed=1, **hot)
    pd.testing.assert_frame_equal(ask(model, "sample", case.items["sample"], seed=1, **hot), first)
    other = ask(model, "sample", case.items["sample"], seed=2, **hot)
    assert (list(other["content"]) != list(first["content"])) == (model.family != "table"), "a table is drawn already"


def test_an_answer_does_not_depend_on_what_is_asked_beside_it(case, model):
    for ability, items in case.items.items():
        whole = per_item(ask(model, ability, items))
        turned = per_item(ask(model, ability, items[::-1]))
        for place, item in enumerate(items):
            assert_close(per_item(ask(model, ability, [item]))[0], whole[place])
            assert_close(turned[len(items) - 1 - place], whole[place])


# ---- fingerprints and files


def test_every_byte_of_the_weights_is_in_the_fingerprint(name, case, part, tmp_path):
    if not case.weights:
        pytest.skip("its weights are elsewhere; it is unverifiable")
    source = Path(case.options["path"])
    target = tmp_path / source.name
    shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    copied = plugins.build("models", name, {**case.options, "path": str(target)})
    before = part.fingerprint()
    assert copied.fingerprint() == before, "the same files elsewhere are the same model"
    for file in (target / inner if inner else target for inner in case.weights):
        data = file.read_bytes()
        file.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        assert copied.fingerprint() != before, file.name
        file.write_bytes(data)
    assert copied.fingerprint() == before


class Payload:
    """Leaves a file behind wherever it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self):
        return Path.touch, (Path(self.canary),)


def test_a_pickle_is_refused_and_not_run(name, case, tmp_path):
    if not case.pickled:
        pytest.skip("it reads no file")
    source, canary = Path(case.options["path"]), tmp_path / "canary"
    target = shutil.copytree(source, tmp_path / "model") if source.is_dir() else tmp_path
    for file in target.glob("*.safetensors"):
        file.unlink()
    (target / case.pickled).write_bytes(pickle.dumps(Payload(canary)))
    path = target if source.is_dir() else target / case.pickled
    with pytest.raises(DokimasiaError, match="allowed") as error:
        plugins.build("models", name, {**case.options, "path": str(path)}).open()
    assert "\n" not in str(error.value)
    assert not canary.exists()
    pickle.loads((target / case.pickled).read_bytes())
    assert canary.exists(), "the payload works, so its absence above meant something"


def test_what_is_not_there_is_said_in_one_line(name, case, tmp_path):
    if "path" not in case.options:
        pytest.skip("it reads no file")
    absent = plugins.build("models", name, {**case.options, "path": str(tmp_path / "none")})
    for question in (absent.open, absent.fingerprint):
        with pytest.raises(DokimasiaError, match="none") as error:
            question()
        assert "\n" not in str(error.value)


LIGHT = f"""
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    print(module, *sorted({HEAVY} & set(sys.modules)))
"""


def test_the_modules_of_parts_are_light():
    groups = ("dokimasia.models", "dokimasia.data", "dokimasia.probes")
    modules = sorted({entry.module for group in groups for entry in entry_points(group=group)})
    done = subprocess.run([sys.executable, "-c", LIGHT, *modules], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == modules


def test_fingerprints_are_taken_without_the_heavy_packages(cases):
    """Of one adapter after the other in one new process, which tells each time what it has imported by then."""
    code = (
        "import json, sys\nfrom audit import plugins\n"
        "for name, options in json.loads(sys.argv[1]).items():\n"
        "    found = plugins.build('models', name, options).fingerprint()\n"
        f"    print(name, found, *sorted({HEAVY} & set(sys.modules)))"
    )
    options = {name: case.options for name, case in cases.items()}
    done = subprocess.run([sys.executable, "-c", code, json.dumps(options)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{name} {plugins.build('models', name, own).fingerprint()}" for name, own in options.items()
    ]
