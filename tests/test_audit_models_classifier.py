"""Classifiers give the probabilities of the object they open, and never open what could run code."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)  # fmt: skip

from audit import plugins
from audit.ask.questions import answer
from audit.errors import ModelError
from audit.model import Continuation, Model, ModelSource, abilities_of
from audit.models.classifier import ClassifierFile, wrap_classifier

TEXTS = ["a good film", "bad film", "good", "so bad , so bad", "a film", "good good bad film a a a a"]
WORDS = ["[UNK]", "[PAD]", "a", "good", "bad", "film", "so", ","]
NETWORKS = ("bert", "llama")


def double(x):
    return np.multiply(x, 2)


def dump(fitted, path) -> None:
    """Write a skops file; the library takes more than a second to import, in every worker if it were done above."""
    import skops.io

    skops.io.dump(fitted, path)


@pytest.fixture(scope="module")
def sentiment():
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS[:4], ["pos", "neg", "pos", "neg"])


@pytest.fixture(scope="module")
def skops_file(sentiment, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("skops") / "sentiment.skops"
    dump(sentiment, path)
    return path


@pytest.fixture(scope="module")
def networks(tmp_path_factory) -> dict[str, Path]:
    """Two real networks: one classifies by its first token and sees all, one by its last, seeing what is before it."""
    folder = tmp_path_factory.mktemp("networks")
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    small = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"intermediate_size": 32, "max_position_embeddings": 16, "id2label": {1: "pos", 0: "neg", 2: "neither"}}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = {
            "bert": BertForSequenceClassification(BertConfig(**small)),
            "llama": LlamaForSequenceClassification(LlamaConfig(**small, pad_token_id=None)),
        }
    for name, network in made.items():
        network.save_pretrained(folder / name)
        PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(folder / name)
    return {name: folder / name for name in made}


# ---- scikit-learn


def test_a_skops_pipeline_of_texts(sentiment, skops_file):
    model = plugins.build("models", "classifier", {"path": str(skops_file)}).open()
    np.testing.assert_array_equal(model.predict(TEXTS), sentiment.predict_proba(TEXTS))
    assert model.classes == ["neg", "pos"]
    assert (model.name, model.family, model.modality) == ("sentiment", "classifier", "text")
    assert isinstance(model, Model)
    assert abilities_of(model) == {"predict"}
    assert model.predict([]).shape == (0, 2)
    renamed = ClassifierFile(skops_file, classes=["negativ", "positiv"], name="Gefühl").open()
    assert (renamed.name, renamed.classes) == ("Gefühl", ["negativ", "positiv"])
    stored = answer(model, "predict", TEXTS, seed=0, options={}).to_pydict()
    np.testing.assert_array_equal(stored["probabilities"], sentiment.predict_proba(TEXTS))


def test_rows_of_numbers(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    fitted = LogisticRegression().fit(x, y)
    dump(fitted, tmp_path / "rows.skops")
    opened = ClassifierFile(tmp_path / "rows.skops", modality="tabular").open()
    for model in (opened, wrap_classifier(fitted, name="rows")):
        got = model.predict(list(x))
        np.testing.assert_array_equal(got, fitted.predict_proba(x))
        np.testing.assert_allclose(got.sum(1), 1)
        assert (model.classes, model.modality) == (["0", "1", "2"], "tabular")


def test_features_that_have_names_reach_their_columns():
    frame = pd.DataFrame({"age": [20, 30, 40, 50], "town": ["a", "b", "a", "b"]})
    encoded = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    fitted = make_pipeline(encoded, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    model = wrap_classifier(fitted, name="towns")
    np.testing.assert_array_equal(model.predict(frame.to_numpy()), fitted.predict_proba(frame))
    np.testing.assert_array_equal(model.predict([[20, "a"]]), fitted.predict_proba(frame[:1]))


class Half:
    """A classifier of nobody's library; `shape` is what it answers with."""

    def __init__(self, classes: int = 2) -> None:
        self.classes = classes

    def predict_proba(self, x):
        return np.full((len(x), self.classes), 1 / self.classes)


def test_any_object_with_probabilities_can_be_wrapped():
    model = wrap_classifier(Half(), name="half", classes=["no", "yes"], modality="text")
    np.testing.assert_array_equal(model.predict(["x", "y"]), [[0.5, 0.5], [0.5, 0.5]])
    assert (model.name, model.modality, model.classes) == ("half", "text", ["no", "yes"])
    assert isinstance(model, Model)


def test_a_classifier_of_texts_says_how_rows_of_features_reach_it():
    model = wrap_classifier(Half(), name="half", classes=["no", "yes"], modality="text")
    with pytest.raises(ModelError, match="half: reads text; got a dict; rows of features want `modality: tabular`"):
        model.predict(["a", {"age": 34.0}])


def test_what_cannot_be_wrapped_is_said():
    with pytest.raises(ModelError, match="svc: a LinearSVC has no predict_proba"):
        wrap_classifier(LinearSVC(), name="svc")
    with pytest.raises(ModelError, match="half: does not say what its classes are; name them with `classes`"):
        wrap_classifier(Half(), name="half")
    with pytest.raises(ModelError, match=r"half: predict_proba gave shape \(1, 3\); allowed: \(1, 2\)"):
        wrap_classifier(Half(3), name="half", classes=["no", "yes"]).predict([[0.0]])
    fitted = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ModelError, match="l: 3 classes are named; it has 2"):
        wrap_classifier(fitted, name="l", classes=["a", "b", "c"])
    fitted.hook = lambda: None
    with pytest.raises(ModelError, match="l: its state cannot be written out"):
        wrap_classifier(fitted, name="l")


FIT = """
import sys
from sklearn.linear_model import LogisticRegression
from audit.models.classifier import wrap_classifier
print(wrap_classifier(LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 1, 1]), name="x").fingerprint)
"""


def test_the_fingerprint_of_an_object_is_that_of_its_state():
    fitted = LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    first = wrap_classifier(fitted, name="x").fingerprint
    assert first.startswith("sha256:")
    assert wrap_classifier(fitted, name="y").fingerprint == first
    assert wrap_classifier(fitted, name="x", classes=["a", "b"]).fingerprint != first
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == first
    fitted.coef_[0, 0] = np.nextafter(fitted.coef_[0, 0], 1)
    assert wrap_classifier(fitted, name="x").fingerprint != first


# ---- networks


def direct(folder: Path, text: str) -> torch.Tensor:
    """What transformers itself gives for one text."""
    kind = {"bert": BertForSequenceClassification, "llama": LlamaForSequenceClassification}[folder.name]
    ids = torch.tensor([[WORDS.index(word) if word in WORDS else 0 for word in text.split()]])
    with torch.inference_mode():
        return kind.from_pretrained(folder).eval()(input_ids=ids).logits.softmax(-1)[0]


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_gives_what_transformers_gives(networks, kind):
    model = plugins.build("models", "classifier", {"path": str(networks[kind]), "threads": 1, "device": "cpu"}).open()
    texts = [*TEXTS, "a word it never saw"]
    got = model.predict(texts)
    for row, text in zip(got, texts, strict=True):
        torch.testing.assert_close(row, direct(networks[kind], text), atol=1e-6, rtol=0)
    assert model.classes == ["neg", "pos", "neither"]
    assert (model.name, model.family, model.modality) == (kind, "classifier", "text")
    assert model.numerics == {"device": "cpu", "dtype": "float32", "threads": 1}
    assert abilities_of(model) == {"predict"}
    assert model.predict([]).shape == (0, 3)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_long_text_is_cut_where_the_network_ends_or_where_told(networks, kind):
    long = " ".join(["good", "bad", "film", "a"] * 10)
    whole, three = ClassifierFile(networks[kind]).open(), ClassifierFile(networks[kind], max_length=3).open()
    torch.testing.assert_close(whole.predict([long])[0], direct(networks[kind], " ".join(long.split()[:16])))
    torch.testing.assert_close(three.predict([long])[0], direct(networks[kind], "good bad film"))
    assert ClassifierFile(networks[kind], max_length=3).fingerprint() != ClassifierFile(networks[kind]).fingerprint()


def test_what_a_network_cannot_read_is_said(networks):
    model = ClassifierFile(networks["bert"]).open()
    with pytest.raises(ModelError, match="bert: reads text; got a Continuation"):
        model.predict([Continuation("a", "b")])
    with pytest.raises(ModelError, match="bert: ' ' has no token"):
        model.predict(["a", " "])
    with pytest.raises(ModelError, match="a folder's network reads text; got modality 'tabular'"):
        ClassifierFile(networks["bert"], modality="tabular").open()
    with pytest.raises(ValueError, match="max_length is 0; allowed: 1 or more"):
        ClassifierFile(networks["bert"], max_length=0)
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="device cuda is not there; allowed: cpu, auto"):
            ClassifierFile(networks["bert"], device="cuda").open()


def test_a_folder_that_holds_no_classifier_is_refused(networks, tmp_path):
    small = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(**small)).save_pretrained(tmp_path / "lm")
    with pytest.raises(ModelError, match=r"lm: holds a LlamaForCausalLM; allowed: \.\.\.ForSequenceClassification"):
        ClassifierFile(tmp_path / "lm").open()
    LlamaForSequenceClassification(LlamaConfig(**small, num_labels=1)).save_pretrained(tmp_path / "one")
    with pytest.raises(ModelError, match=r"one: has 1 label\(s\), problem type None; allowed: one of several classes"):
        ClassifierFile(tmp_path / "one").open()
    config = shutil.copytree(networks["bert"], tmp_path / "bert") / "config.json"
    config.write_text(config.read_text().replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with pytest.raises(ModelError, match=r"bert: has no weights for bert\.encoder\.layer\.2"):
        ClassifierFile(config.parent).open()
    config.write_text((networks["bert"] / "config.json").read_text().replace('"0": "neg"', '"7": "neg"'))
    with pytest.raises(ModelError, match=r"bert: id2label numbers \[1, 2, 7\]; allowed: 0, 1, 2"):
        ClassifierFile(config.parent).open()
    config.write_text("{")
    with pytest.raises(ModelError, match=r"bert/config\.json: not readable as JSON"):
        ClassifierFile(config.parent).open()


# ---- fingerprints


@pytest.mark.parametrize("kind", ["skops", *NETWORKS])
def test_a_fingerprint_is_stable_and_follows_every_byte(skops_file, networks, tmp_path, kind):
    if kind == "skops":
        path = Path(shutil.copy(skops_file, tmp_path))
        files = [path]
    else:
        path = shutil.copytree(networks[kind], tmp_path / kind)
        files = [path / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
    part = ClassifierFile(path)
    assert isinstance(part, ModelSource)
    before = part.fingerprint()
    assert before == part.open().fingerprint == ClassifierFile(path, name="n", threads=1).fingerprint()
    assert ClassifierFile(path, classes=["a", "b", "c"]).fingerprint() != before
    for file in files:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert part.fingerprint() != before
        file.write_bytes(data)
    assert part.fingerprint() == before
    if path.is_dir():
        (path / "merges.dat").write_text("Any file may change an answer.")
        assert part.fingerprint() != before


def test_a_fingerprint_needs_no_torch(networks, skops_file):
    code = (
        "import sys; from pathlib import Path; from audit.models.classifier import ClassifierFile\n"
        "for path in sys.argv[1:]: print(ClassifierFile(Path(path)).fingerprint())\n"
        "print(sorted({'torch', 'transformers', 'sklearn', 'scipy', 'pandas', 'skops'} & set(sys.modules)))"
    )
    paths = [networks["bert"], skops_file]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [*(ClassifierFile(path).fingerprint() for path in paths), "[]"]


# ---- hostile files


class Payload:
    """Leaves a file behind wherever it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self):
        return Path.touch, (Path(self.canary),)


@pytest.mark.parametrize("ending", [".pkl", ".pickle", ".joblib", ".sav", ".pt", ".bin", ".skops", ".xyz"])
def test_a_pickle_is_refused_under_every_name(tmp_path, ending):
    canary, path = tmp_path / "canary", tmp_path / f"model{ending}"
    path.write_bytes(pickle.dumps(Payload(canary)))
    said = {".skops": "cannot be opened", ".xyz": "is no classifier"}.get(ending, f"a {ending} file can run code")
    with pytest.raises(ModelError, match=said):
        ClassifierFile(path).open()
    assert not canary.exists()
    pickle.loads(path.read_bytes())
    assert canary.exists(), "the payload works, so not finding its trace above meant something"


def test_a_folder_with_pickled_weights_only_is_refused(networks, tmp_path):
    folder, canary = shutil.copytree(networks["bert"], tmp_path / "bert"), tmp_path / "canary"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(canary)))
    for ask in (ClassifierFile(folder).open, ClassifierFile(folder).fingerprint):
        with pytest.raises(ModelError, match=r"bert: only pickled weights \(pytorch_model\.bin\); allowed"):
            ask()
    assert not canary.exists()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelError, match="bert: no weights"):
        ClassifierFile(folder).open()
    with pytest.raises(ModelError, match="no such file or folder"):
        ClassifierFile(tmp_path / "none").open()


@pytest.mark.parametrize("named", ["../model.safetensors", "gone.safetensors"])
def test_weights_that_the_fingerprint_would_not_see_are_refused(networks, tmp_path, named):
    folder = shutil.copytree(networks["bert"], tmp_path / "bert")
    index, weights = folder / "model.safetensors.index.json", folder / "model.safetensors"
    names = list(safetensors.numpy.load_file(weights))
    shutil.move(weights, folder / "part.safetensors")
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, "part.safetensors")}))
    torch.testing.assert_close(ClassifierFile(folder).open().predict(["good"])[0], direct(networks["bert"], "good"))
    shutil.copy(folder / "part.safetensors", tmp_path / "model.safetensors")
    for bad in ({"weight_map": dict.fromkeys(names, named)}, {"weight_map": [named]}):
        index.write_text(json.dumps(bad))
        for ask in (ClassifierFile(folder).open, ClassifierFile(folder).fingerprint):
            with pytest.raises(ModelError, match=r"allowed: \.safetensors of the folder"):
                ask()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_a_folder_may_not_choose_kernels(networks, tmp_path, key):
    folder = shutil.copytree(networks["bert"], tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: "kernels-community/flash-attn"}))
    torch.testing.assert_close(ClassifierFile(folder).open().predict(["good"])[0], direct(networks["bert"], "good"))


def test_remote_code_in_a_folder_is_not_run(networks, tmp_path):
    folder, canary = shutil.copytree(networks["bert"], tmp_path / "bert"), tmp_path / "canary"
    config = folder / "config.json"
    config.write_text(
        config.read_text().replace('"model_type": "bert"', '"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}')
    )
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(canary)!r}).touch()\nclass Own: pass\n")
    with pytest.raises(ModelError, match="bert: cannot be opened"):
        ClassifierFile(folder).open()
    assert not canary.exists()


def test_types_that_nobody_vouched_for_are_listed(tmp_path):
    fitted = make_pipeline(FunctionTransformer(double), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    dump(fitted, tmp_path / "own.skops")
    own = f"{double.__module__}.double"
    with pytest.raises(ModelError, match=f"own.skops: holds types that `trusted` does not name: {own}"):
        ClassifierFile(tmp_path / "own.skops", modality="tabular").open()
    with pytest.raises(ModelError, match=own):
        ClassifierFile(tmp_path / "own.skops", modality="tabular", trusted=["other.double"]).open()
    model = ClassifierFile(tmp_path / "own.skops", modality="tabular", trusted=[own]).open()
    np.testing.assert_array_equal(model.predict([[0.5]]), fitted.predict_proba([[0.5]]))


@pytest.mark.parametrize("content", [{}, {"schema.json": "{}"}, {"schema.json": "["}])
def test_archives_that_are_no_skops(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "x.skops", "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    with pytest.raises(ModelError, match=r"x\.skops: cannot be opened") as error:
        ClassifierFile(tmp_path / "x.skops").open()
    assert "\n" not in str(error.value)
