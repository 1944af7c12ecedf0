"""Every byte that can change an answer is in the fingerprint, or the folder is refused before it is opened."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from markov import Repeats
from safetensors.torch import load_file, save_file
from tiny_models import make_tiny_gguf

from audit.data.tabular import File
from audit.errors import ModelError
from audit.execute import run
from audit.files import digest_file
from audit.models.building import counted
from audit.models.causal_lm import CausalLMFolder
from audit.models.diffusion import DiffusionFolder
from audit.models.files import check_settings, model_files
from audit.models.gan import GANFolder
from audit.plan import Check, Plan
from audit.reference.cards import WEIGHTS
from audit.signing import Secret


@pytest.fixture
def folder(tiny_lm, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_lm, tmp_path / "model"))


def lm(folder: Path) -> CausalLMFolder:
    return CausalLMFolder(folder, dtype="float32", device="cpu", threads=1)


def flawed(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of the folder, half as large."""
    return {name: weight * 0.5 for name, weight in load_file(folder / "model.safetensors").items()}


# ---- flawed weights, put in anywhere, are seen or refused


def into_the_file(folder):
    file, facts = folder / "model.safetensors", (folder / "model.safetensors").stat()
    save_file(flawed(folder), file, {"format": "pt"})
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def into_a_pickle_that_the_index_names(folder):
    weights = flawed(folder)
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder / "dummy.safetensors")
    told = {"metadata": {}, "weight_map": dict.fromkeys(weights, "pytorch_model.bin")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(told))


def set_config(folder, **more):
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **more}))


def into_a_folder_below(folder):
    (folder / "sub").mkdir()
    save_file(flawed(folder), folder / "sub" / "w.safetensors", {"format": "pt"})
    set_config(folder, transformers_weights="sub/w.safetensors")


def into_an_adapter(folder):
    torch.save(flawed(folder), folder / "adapter_model.bin")
    set_config(folder, transformers_weights="adapter_model.bin")


def into_another_configuration(folder):
    into_a_folder_below(folder)
    (folder / "config.json").rename(folder / "config.4.0.0.json")
    shutil.copy(folder / "config.4.0.0.json", folder / "config.json")
    set_config(folder, transformers_weights=None, configuration_files=["config.4.0.0.json"])


def into_a_linked_file(folder):
    save_file(flawed(folder), folder.parent / "elsewhere.safetensors", {"format": "pt"})
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere.safetensors")


WAYS = [
    into_the_file, into_a_pickle_that_the_index_names, into_a_folder_below, into_an_adapter, into_another_configuration,
    into_a_linked_file,
]  # fmt: skip


@pytest.mark.parametrize("put", WAYS)
def test_flawed_weights_are_seen_by_the_same_plan_by_fresh_and_by_another_plan(folder, tmp_path, put):
    texts = tmp_path / "texts.csv"
    texts.write_text("text\nThe ferry leaves at eight\nSeven clocks stood there\n")
    plan = Plan(title="T", checks=(Check("c", Repeats(), {"items": File(texts)}),), model=lm(folder))
    into = tmp_path / "audits"
    sound = run(plan, into=into)
    assert sound.run.calls_asked > 0
    put(folder)
    for again, fresh in ((plan, False), (plan, True), (replace(plan, title="another"), False)):
        if put not in (into_the_file, into_a_linked_file):
            with pytest.raises(ModelError, match="allowed"):
                run(again, into=into, fresh=fresh)
            continue
        audit = run(again, into=into, fresh=fresh)
        assert audit.record.models["main"].fingerprint != sound.record.models["main"].fingerprint
        assert audit.folder != sound.folder
        assert sound.folder.name not in audit.run.adopted


def test_a_chat_template_in_any_place_is_in_the_fingerprint(folder):
    part = replace(lm(folder), prompt_form="chat")
    prints, place = {part.fingerprint()}, folder / "additional_chat_templates"
    place.mkdir()
    for word in ("ONE", "TWO"):
        (place / "default.jinja").write_text(word + "{{ messages[0]['content'] }}")
        prints.add(part.fingerprint())
        assert part.open().encoder.chat.render("hi") == word + "hi"
    assert len(prints) == 3


def test_a_pickle_is_opened_under_no_name(folder, tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "canary",)

    weights = load_file(folder / "model.safetensors")
    for name in ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "adapter_model.bin", "w.safetensors.bin"):
        (folder / name).write_bytes(pickle.dumps(Payload()))
        for indexed, explicit in ((name, None), ("model.safetensors", name)):
            index = {"weight_map": dict.fromkeys(weights, indexed)}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
            set_config(folder, transformers_weights=explicit)
            with pytest.raises(ModelError, match="allowed"):
                lm(folder).open()
        (folder / name).unlink()
    assert not (tmp_path / "canary").exists()


# ---- what is no plain file, and settings that lead elsewhere


def test_what_is_no_plain_file_is_refused(folder, tmp_path):
    (tmp_path / "other").mkdir()
    for name, make in {
        "link": lambda path: path.symlink_to(tmp_path / "other"),
        "gone": lambda path: path.symlink_to(tmp_path / "nothing"),
        "pipe": os.mkfifo,
        "\x1b[2J": Path.touch,
    }.items():
        make(folder / name)
        with pytest.raises(ModelError, match="allowed") as error:
            lm(folder).fingerprint()
        assert str(error.value).isprintable()
        (folder / name).unlink()
    (folder / "file").symlink_to(folder / "config.json")
    assert model_files(folder)["file"] == model_files(folder)["config.json"]


@pytest.mark.parametrize("key", ["tokenizer_file", "vocab_file", "merges_file", "vocab", "fast_tokenizer_files"])
def test_a_tokenizer_from_elsewhere_is_refused(folder, tmp_path, key):
    (tmp_path / "tokenizer.4.0.json").write_text("{}")
    elsewhere = str(tmp_path / "tokenizer.4.0.json")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**settings, key: [elsewhere] if key.endswith("s") and key != "merges" else elsewhere})
    )
    with pytest.raises(ModelError, match=f"{key} names .*; allowed: files of model"):
        lm(folder).open()
    (tmp_path / "tokenizer.4.0.json").unlink()
    if not key.endswith("files"):
        check_settings(folder)


def test_an_adapter_is_refused(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "elsewhere"}))
    with pytest.raises(ModelError, match="holds an adapter"):
        lm(folder).open()


# ---- sizes, before anything is built


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "head_dim"])
def test_a_size_that_no_model_has_is_refused_before_it_is_built(folder, key, monkeypatch):
    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", None)
    for number in (10**8, 10**30):
        set_config(folder, **{key: number})
        with pytest.raises(ModelError, match=rf"{key} is {number}; allowed: .* at most"):
            lm(folder).open()


@pytest.mark.parametrize("number", [0, -1])
def test_a_model_without_layers_is_none(folder, number):
    """It would answer, by its first and its last weights alone."""
    set_config(folder, num_hidden_layers=number)
    with pytest.raises(ModelError, match=f"num_hidden_layers is {number}; allowed: 1 at least"):
        lm(folder).open()


def test_what_a_library_says_of_a_setting_is_told_whole(folder):
    for settings, told in (
        ({"hidden_size": "x"}, r"Validation error for field 'hidden_size': .*'x'"),
        ({"hidden_size": 32, "hidden_act": "none"}, "missing or unknown: 'none'"),
    ):
        set_config(folder, **settings)
        with pytest.raises(ModelError, match=told):
            lm(folder).open()


def test_blocks_of_our_own_networks_are_bounded(tmp_path):
    folder = shutil.copytree(WEIGHTS / "diffusion" / "sound", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["network"]["blocks"] = 10**8
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="blocks is 100000000; allowed: 2,000 at most"):
        DiffusionFolder(folder).open()


def test_modules_are_counted_while_they_are_built(monkeypatch):
    monkeypatch.setattr("audit.models.building.MOST_MODULES", 10)
    with counted("here"):
        torch.nn.ModuleList([torch.nn.Identity() for _ in range(10)])
    with pytest.raises(ModelError, match="here: asks for more than 10 modules"), counted("here"):
        torch.nn.ModuleList([torch.nn.Identity() for _ in range(11)])
    torch.nn.ModuleList([torch.nn.Identity() for _ in range(11)])


def test_json_without_end_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("[" * 200_000)
    with pytest.raises(ModelError, match="not readable as JSON"):
        GANFolder(tmp_path).fingerprint()


# ---- the cache of unpacked GGUF files


def test_weights_changed_in_the_cache_are_unpacked_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    part = lm(make_tiny_gguf(tmp_path / "tiny.gguf"))
    wanted = part.open().log_prob(["Seven clocks stood."])[0]
    (kept,) = (tmp_path / "cache" / "dokimasia" / "gguf").iterdir()
    assert part.open().log_prob(["Seven clocks stood."])[0] == wanted
    save_file(flawed(kept), kept / "model.safetensors", {"format": "pt"})
    assert part.open().log_prob(["Seven clocks stood."])[0] == wanted
    save_file(flawed(kept), kept / "model.safetensors", {"format": "pt"})
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))
    told = json.loads((kept / "kept.json").read_text())
    told["files"]["model.safetensors"] = digest_file(kept / "model.safetensors")
    del told["mac"]
    (kept / "kept.json").write_text(json.dumps({**told, "mac": Secret.here().mac("gguf", kept.name, told)}))
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert part.open().log_prob(["Seven clocks stood."])[0] == wanted
