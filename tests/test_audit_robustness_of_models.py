"""`robustness.text` asked of real models of a few thousand weights: what they write, their classes, paraphrases."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import make_tiny_text_classifier

import audit
from audit.models.causal_lm import CausalLMFolder
from audit.models.classifier import ClassifierFile

WORDS = ("ferry", "baker", "nurse", "clock", "province", "cellar")


def run(model, rows, into, *, helpers=None, **probe):
    found = audit.run(
        model=model, data=rows, into=into, helpers=helpers, seed=3, probe={"use": "robustness.text", **probe}
    )
    (finding,) = found.record.findings
    assert finding.controls == {"positive": True, "negative": True}
    return finding, found.items(finding.check)


@pytest.fixture(scope="module")
def language_model(tiny_lm):
    return CausalLMFolder(tiny_lm, dtype="float32", device="cpu", threads=1)


@pytest.fixture(scope="module")
def questions():
    return [
        {"question": f"Who knew the largest {word} of all?", "paraphrases": [f"The largest {word} was known to whom?"]}
        for word in WORDS
    ]


def test_a_model_writes_and_a_helper_says_the_question_in_other_words(language_model, questions, tmp_path):
    questions = [*questions, {"question": "Who asked?", "paraphrases": "Asked by whom?"}]
    finding, items = run(
        language_model, questions, tmp_path, helpers={"writer": language_model}, mode="generate", paraphraser="writer",
        kinds=["synonyms", "case"], strengths=[1.0], max_tokens=6, system_prompts=["Be brief."],
    )
    forms = items["kinds"].iloc[0]
    assert list(forms[:5]) == ["as_it_is", "again", "synonyms", "case", "system_prompt"]
    assert items["asked"].iloc[0][5] == "Question: The largest ferry was known to whom?\nAnswer:"
    assert items["asked"].iloc[6][5] == "Question: Asked by whom?\nAnswer:"
    measures = {(one.name, one.group): one for one in finding.measures}
    assert measures["noise_flip_rate", None].value == 0  # the likeliest token is the same each time
    for number, row in enumerate(items.itertuples()):
        plain, *_ = model_writes(language_model, [row.asked[0]], 6)
        assert row.answers[0] == plain, number


def model_writes(model, prompts, tokens):
    return [one.content for one in model.open().sample(
        prompts, seed=0, max_tokens=tokens, temperature=0, stop=["\n"]
    )]  # fmt: skip


def test_asked_again_a_model_that_draws_answers_with_another_seed(language_model, questions, tmp_path):
    finding, items = run(
        language_model, questions, tmp_path, mode="generate", kinds=["case"], strengths=[1.0], max_tokens=6,
        temperature=1.0, asked_again=2,
    )
    drawn = [tuple(row[:3]) for row in items["answers"]]
    assert any(len(set(row)) == 3 for row in drawn)
    noise = next(one for one in finding.measures if one.name == "noise_flip_rate")
    assert noise.value > 0.5


def test_a_network_that_reads_texts_is_asked_for_its_classes(tmp_path):
    network, tokenizer = make_tiny_text_classifier(tmp_path / "net", ("hire", "reject"))
    texts = [f"the {age} {who} was in the {what}" for age in ("old", "young", "clever") for who in ("nurse", "man")
             for what in ("street", "home")]  # fmt: skip
    model = ClassifierFile(tmp_path / "net", threads=1, device="cpu")
    finding, items = run(
        model, [{"text": text, "label": "hire"} for text in texts], tmp_path / "audits", mode="predict",
        kinds=["case", "typos", "word_order"], strengths=[0.5],
    )
    likeliest = [
        [int(network(**tokenizer(text, return_tensors="pt")).logits[0].argmax()) for text in row]
        for row in items["asked"]
    ]
    assert [list(row) for row in items["answers"]] == [[("hire", "reject")[at] for at in row] for row in likeliest]
    flips = np.array([[one != row[0] for one in row[1:]] for row in likeliest])
    measures = {(one.name, one.group): one.value for one in finding.measures}
    assert measures["accuracy", None] == np.mean([row[0] == 0 for row in likeliest])
    assert measures["flip_rate", "case at 0.5"] == 0  # its tokens know no capitals
    for at, kind in enumerate(("typos", "word_order"), 1):
        assert measures["flip_rate", f"{kind} at 0.5"] == pytest.approx(flips[:, at].mean())
