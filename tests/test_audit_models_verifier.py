"""A verifier says what the names of its labels say, in whatever order, and reads all of a premise."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import make_tiny_verifier

import detectors
import detectors.factuality.lexical
from audit import open_model
from audit.ask.questions import answer
from audit.errors import ModelError
from audit.model import Continuation, Pair, abilities_of
from audit.models.lexical_verifier import LexicalVerifierPart
from audit.numbering import item_digest

LABELS = ("entailment", "neutral", "contradiction")
LONG = "the young nurse went home and ate bread . " * 12 + "the old doctor was kind ."
PAIRS = [
    Pair("the nurse went home .", "she went home ."), Pair("the doctor ate bread .", "he was lazy ."),
    Pair(LONG, "the doctor was kind ."), Pair("", "it was blue ."),
]  # fmt: skip


def opened(folder, **options):
    return open_model("verifier", path=folder, device="cpu", threads=1, **options)


def raw(network, tokenizer, pair):
    """What the network says of a pair that fits, label by label, by the library alone."""
    read = tokenizer(pair.premise, pair.hypothesis, return_tensors="pt")
    return network(**read).logits[0].softmax(-1).detach().numpy().astype(float), read


def test_the_order_of_labels_is_read_from_their_names(tmp_path):
    names = ["Contradiction", "ENTAILMENT", "not_enough_info"]
    network, tokenizer = make_tiny_verifier(tmp_path / "nli", names)
    model = opened(tmp_path / "nli")
    assert abilities_of(model) == {"verify"}
    got = model.verify(PAIRS)
    np.testing.assert_allclose(got.sum(1), 1, atol=1e-6)
    for place in (0, 1, 3):
        contradicts, entails, neutral = raw(network, tokenizer, PAIRS[place])[0]
        np.testing.assert_allclose(got[place], [entails, neutral, contradicts], atol=1e-5)
    told = answer(model, "verify", PAIRS, seed=0, options={}).to_pandas()
    assert list(told.columns) == ["item", "entailment", "neutral", "contradiction", "pieces"]
    np.testing.assert_allclose(told[["entailment", "neutral", "contradiction"]], got, atol=1e-6)


def test_a_long_premise_is_read_in_pieces_that_leave_nothing_out(tmp_path):
    network, tokenizer = make_tiny_verifier(tmp_path / "nli", ["entailment", "neutral", "contradiction"])
    model = opened(tmp_path / "nli")
    pieces = list(model.reader._cut(PAIRS[2:3]))
    assert model.pieces(PAIRS).tolist() == [1, 1, len(pieces), 1]
    words, seen = tokenizer(LONG, add_special_tokens=False)["input_ids"], []
    room = 64 - 3 - len(pieces[0].asked)
    for number, piece in enumerate(pieces):
        ids = [one for at, one in enumerate(piece.inputs["input_ids"]) if at not in piece.asked]
        start = number * (room - 8)
        assert ids[1:-2] == words[start : start + room]
        seen += range(start, start + len(ids) - 3)
    assert set(seen) == set(range(len(words)))
    rows = np.array([network(**{name: _batch(one) for name, one in piece.inputs.items()}).logits[0].softmax(-1).tolist()
                     for piece in pieces])  # fmt: skip
    entails, contradicts = rows[rows[:, 0].argmax()], rows[rows[:, 2].argmax()]
    wanted = entails if entails[0] > entails[2] else contradicts
    np.testing.assert_allclose(model.verify(PAIRS[2:3])[0], wanted, atol=1e-5)
    too_long = Pair("the nurse .", "the nurse went home " * 10)
    assert np.isnan(model.verify([too_long])).all(), "a hypothesis is not cut either"
    assert model.pieces([too_long]).tolist() == [0]


def _batch(ids):
    import torch

    return torch.tensor([ids])


@pytest.mark.parametrize("names", [["supported", "unsupported"], ["hallucinated", "consistent"]])
def test_one_that_knows_support_alone_never_says_contradiction(tmp_path, names):
    network, tokenizer = make_tiny_verifier(tmp_path / "binary", names)
    got = opened(tmp_path / "binary").verify(PAIRS[:2])
    for row, pair in zip(got, PAIRS, strict=False):
        supported = raw(network, tokenizer, pair)[0][0 if names[0] == "supported" else 1]
        np.testing.assert_allclose(row, [supported, 1 - supported, 0], atol=1e-5)


def test_a_single_output_is_a_probability_of_support(tmp_path):
    network, tokenizer = make_tiny_verifier(tmp_path / "hhem", ["consistent"])
    got = opened(tmp_path / "hhem").verify(PAIRS[:1])[0]
    read = tokenizer(PAIRS[0].premise, PAIRS[0].hypothesis, return_tensors="pt")
    logit = float(network(**read).logits[0, 0].detach())
    np.testing.assert_allclose(got, [1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(logit)), 0], atol=1e-5)


def test_made_up_tokens_are_those_of_the_hypothesis(tmp_path):
    network, tokenizer = make_tiny_verifier(tmp_path / "tokens", ["hallucinated", "supported"], tokens=True)
    got = opened(tmp_path / "tokens").verify(PAIRS[:1])[0]
    read = tokenizer(PAIRS[0].premise, PAIRS[0].hypothesis, return_tensors="pt")
    made_up = network(**read).logits[0].softmax(-1).detach().numpy()[:, 0]
    worst = max(made_up[i] for i, which in enumerate(read.sequence_ids(0)) if which == 1)
    np.testing.assert_allclose(got, [1 - worst, worst, 0], atol=1e-5)


def test_what_is_made_up_is_told_by_its_characters_token_by_token(tmp_path):
    """Of a folder of transformers with a label for every token, in either order, against the library alone."""
    for names in (["hallucinated", "supported"], ["supported", "hallucinated"]):
        network, tokenizer = make_tiny_verifier(tmp_path / names[0], names, tokens=True)
        model, found = opened(tmp_path / names[0]), []
        pairs = [*PAIRS[:2], Pair(PAIRS[0].premise, "the old doctor was kind and the young nurse ate blue bread .")]
        rows, spans = model.marked(pairs)
        np.testing.assert_allclose(rows, model.verify(pairs))
        for pair, row, marked in zip(pairs, rows, spans, strict=True):
            read = tokenizer(pair.premise, pair.hypothesis, return_tensors="pt", return_offsets_mapping=True)
            where = read.pop("offset_mapping")[0].tolist()
            sure = network(**read).logits[0].softmax(-1).detach().numpy()[:, names.index("hallucinated")]
            wanted = {
                at for i, which in enumerate(read.sequence_ids(0)) if which == 1 and sure[i] > 0.5
                for at in range(*where[i])
            }  # fmt: skip
            text = pair.hypothesis
            told = {at for start, end in marked for at in range(start, end) if text[at] != " "}
            assert told == wanted
            assert all(one[1] < two[0] for one, two in itertools.pairwise(marked)), "neighbours are one span"
            assert bool(marked) == (row[1] > 0.5)
            found += marked
        assert found, "tokens on both sides"
        told = answer(model, "verify", pairs, seed=0, options={}).to_pandas()
        assert [[tuple(one) for one in cell] for cell in told["spans"]] == spans
    nli = make_tiny_verifier(tmp_path / "nli", ["entailment", "neutral", "contradiction"]) and opened(tmp_path / "nli")
    assert "spans" not in answer(nli, "verify", PAIRS[:1], seed=0, options={}).column_names


@pytest.mark.parametrize("order", list(itertools.permutations(("entailment", "neutral", "contradiction"))))
def test_every_order_of_the_labels_gives_the_same_columns(tmp_path, order):
    """One network, its outputs permuted with their names: what it says is the same whatever the order."""
    network, tokenizer = make_tiny_verifier(tmp_path / "nli", ["entailment", "neutral", "contradiction"])
    before, places = opened(tmp_path / "nli").verify(PAIRS), [LABELS.index(name) for name in order]
    with torch.no_grad():
        network.classifier.weight.copy_(network.classifier.weight[places].clone())
        network.classifier.bias.copy_(network.classifier.bias[places].clone())
    network.config.id2label = dict(enumerate(order))
    network.config.label2id = {name: place for place, name in enumerate(order)}
    network.save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    np.testing.assert_allclose(opened(tmp_path / "other").verify(PAIRS), before, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], "LABEL_0, LABEL_1, LABEL_2, which do not say"),
        (["positive", "negative"], "positive, negative, which do not say"),
        (["neutral", "contradiction"], "one that means entailment"),
        (["entailment", "supported"], "one that means entailment"),
    ],
)
def test_labels_that_do_not_tell_support_are_refused_before_weights_are_read(tmp_path, names, said):
    make_tiny_verifier(tmp_path / "odd", names)
    (tmp_path / "odd" / "model.safetensors").write_bytes(b"unread")
    with pytest.raises(ModelError, match=said):
        opened(tmp_path / "odd")


def test_outputs_without_names_are_named_by_the_plan(tmp_path):
    make_tiny_verifier(tmp_path / "odd", ["LABEL_0", "LABEL_1", "LABEL_2"])
    make_tiny_verifier(tmp_path / "named", ["contradiction", "neutral", "entailment"])
    order = ["contradiction", "neutral", "entailment"]
    model = opened(tmp_path / "odd", labels=order)
    np.testing.assert_allclose(model.verify(PAIRS), opened(tmp_path / "named").verify(PAIRS))
    assert model.fingerprint != opened(tmp_path / "odd", labels=["entailment", "neutral", "contradiction"]).fingerprint
    with pytest.raises(ModelError, match="labels names 2 outputs; it has 3"):
        opened(tmp_path / "odd", labels=order[:2])


def test_another_head_and_what_is_no_pair_are_refused(tmp_path):
    make_tiny_verifier(tmp_path / "nli", ["entailment", "neutral", "contradiction"])
    with pytest.raises(ModelError, match="got a str; allowed: Pair"):
        opened(tmp_path / "nli").verify(["a text"])
    file = tmp_path / "nli" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "architectures": ["BertForMaskedLM"]}))
    with pytest.raises(ModelError, match=r"holds a BertForMaskedLM; allowed: \.\.\.ForSequenceClassification"):
        opened(tmp_path / "nli")


def test_a_pair_is_another_item_than_its_texts_joined():
    digests = {
        item_digest(one)
        for one in (Pair("a", "b"), Pair("b", "a"), Pair("ab", ""), Continuation("a", "b"), "ab", Pair("", "ab"))
    }
    assert len(digests) == 6


def test_the_built_in_one_is_the_rules():
    model = open_model("lexical_verifier")
    pairs = [Pair("The bridge is 120 metres long.", text) for text in ("The bridge is 120 metres long.",
                                                                      "The bridge is 150 metres long.")]  # fmt: skip
    same, changed = model.verify(pairs)
    assert same.argmax() == 0
    assert changed.argmax() == 2
    assert answer(model, "verify", pairs, seed=0, options={}).to_pandas()["pieces"].tolist() == [1, 1]
    with pytest.raises(ModelError, match="got a str; allowed: Pair"):
        model.verify(["a text"])


def test_the_fingerprint_of_the_rules_is_that_of_what_decides_and_of_nothing_else(tmp_path, monkeypatch):
    """That is what a fresh interpreter loads for a score."""
    code = "import sys, detectors.factuality.lexical; print(*(n for n in sys.modules if n.startswith('detectors')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    room = Path(detectors.__file__).parent
    decide = {Path(sys.modules[name].__file__).relative_to(room) for name in loaded}
    shutil.copytree(room, tmp_path / "detectors", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(detectors, "__file__", str(tmp_path / "detectors" / "__init__.py"))
    prints = [LexicalVerifierPart().fingerprint()]
    rest = {path.relative_to(room) for path in room.rglob("*.py")} - decide
    sentences = {Path("__init__.py"), Path("factuality", "__init__.py")}
    assert len(decide) == len(loaded) > len(sentences)
    for some in (rest | sentences, *([path] for path in sorted(decide - sentences))):
        for path in some:
            with (tmp_path / "detectors" / path).open("a", encoding="utf-8") as file:
                file.write("\n# another\n")
        prints.append(LexicalVerifierPart().fingerprint())
    assert prints[1] == prints[0]
    assert len(set(prints)) == len(prints) - 1 == len(decide - sentences) + 1
