"""The probe `factuality.uncertainty`: a whole audit of a real small model, answers of a file, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import audit
from audit.data.tabular import File
from audit.errors import DataError
from audit.models.causal_lm import CausalLMFolder
from audit.probes.factuality.uncertainty import Uncertainty

ROWS = pd.DataFrame({
    "prompt": ["a?", "b?", "c?", "d?"], "answer": ["Paris", "Rome", "Oslo", "Bern"], "label": [1, 0, 1, 0],
    "samples": [["Paris", "Paris"], ["Rome", "Oslo"], ["Oslo", "Oslo"], ["Bern", "Genf"]],
    "log_probs": [[-0.1], [-2.0], [-0.2], [-3.0]],
    "sample_log_probs": [[[-0.1], [-0.1]], [[-2.0], [-1.0, -1.0]], [[-0.2], [-0.2]], [[-3.0], [-1.0]]],
    "top_log_probs": [[[-0.1, -2.5]], [[-1.0, -1.1]], [[-0.2, -2.0]], [[-1.0, -1.2]]],
    "confidence": ["90 %", "60 %", "sure", "0.4"],
}, index=list("abcd"))  # fmt: skip


def test_answers_of_a_file_are_scored_without_a_model():
    probe = Uncertainty(answers="file")
    observed = probe.observe(None, ROWS, "items")
    assert observed["sample_nats"]["b"] == [-2.0, -2.0]
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.headline.value == 1
    assert result.measure("auroc", "mean_entropy_bound").value == 1  # bounds, as an endpoint gives no more
    assert result.measure("unspoken_share").value == 0.25
    assert "mean_entropy" not in {one.group for one in result.measures}


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_every_column_is_read_from_a_file_whatever_its_format(tmp_path, ending):
    """Lists of samples and of log-probabilities were refused: they had to be texts."""
    spoken = ROWS["confidence"].rename("spoken")
    rows = ROWS.drop(columns="confidence").assign(spoken=spoken, context=[["A passage.", "Another."]] * 4)
    path = tmp_path / f"answers.{ending}"
    if ending == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    elif ending == "parquet":
        rows.to_parquet(path)
    else:
        nested = [name for name in rows if name.endswith("log_probs")]
        cells = rows.assign(context="A passage.", samples=rows["samples"].str.join(";"),
                            **{name: rows[name].map(json.dumps) for name in nested})  # fmt: skip
        cells.to_csv(path, index=False)
    source = File(path, list_separator=";") if ending == "csv" else File(path)
    probe = Uncertainty(answers="file")
    (frame,) = source.batches(probe.roles["items"])
    read, told = (probe.observe(None, one, "items") for one in (frame, ROWS))
    for name in ("samples", "sample_nats", "log_probs", "top_log_probs", "confidence", "answer"):
        assert read[name].tolist() == told[name].tolist(), name
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"answer": "x", "log_probs": [[-1.0, "y"]]}\n')
    with pytest.raises(DataError, match="field 'log_probs' holds a list of 1; allowed: a list of finite numbers, or"):
        list(File(bad).batches(probe.roles["items"]))


@pytest.mark.parametrize(("column", "cell", "message"), [
    ("samples", "Paris", "item 'a' has samples 'Paris'; allowed: a list of texts"),
    ("log_probs", "x", "allowed: a list of numbers"), ("confidence", 90, "allowed: a number from 0 to 1, or a text"),
    ("answer", 7, "allowed: a text"),
    ("label", 2, "item 'a' has label '2'; allowed: 0, 1, or none"), ("label", "right", "allowed: 0, 1, or none"),
    ("log_probs", [0.5], "allowed: a list of numbers, none above 0"),
    ("log_probs", [-1.0] * 40, "has 40 log_probs, 1 top_log_probs; allowed: as many of each"),
    ("entropies", [-1.0], "none below 0"), ("top_log_probs", [[-2.5, -0.1]], "the largest first"),
    ("sample_log_probs", [[-0.1]], "has 2 samples and 1 sample_log_probs; allowed: as many of each"),
])  # fmt: skip
def test_a_cell_that_is_not_what_its_field_holds_is_refused(column, cell, message):
    rows = ROWS.assign(entropies=None).astype(object)
    rows.at["a", column] = cell
    with pytest.raises(DataError, match=message):
        Uncertainty(answers="file").observe(None, rows, "items")


def _judged(rows, **options):
    probe = Uncertainty(answers="file", **options)
    observed = probe.observe(None, rows, "items")
    return probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))


def test_numbers_of_more_tokens_than_an_answer_can_have_are_refused():
    rows = ROWS.drop(columns="top_log_probs").astype(object)
    rows.at["a", "log_probs"] = [-1.0] * 40
    with pytest.raises(DataError, match="has 40 log_probs for an answer of 5 bytes"):
        Uncertainty(answers="file").observe(None, rows, "items")


def test_a_file_may_lack_prompts_and_numbers_of_some_tokens():
    rows = ROWS.drop(columns="prompt").astype(object)
    rows.at["a", "sample_log_probs"] = [[-0.1], []]
    rows.at["b", "top_log_probs"] = [[]]
    rows["reference"] = [1912, "Rome", 3.5, ["Bern", 7]]
    result = _judged(rows)
    assert result.headline.value == 1
    assert result.items["reference"].tolist() == ["1912", "Rome", "3.5", "Bern | 7"]
    assert "question_words" not in {one.group for one in result.measures}


def test_a_score_that_some_answers_lack_has_no_interval_as_if_they_were_none():
    found = _judged(ROWS).measure("auroc", "verbalised")  # of one answer nobody could read how sure it is
    assert (found.missing, found.low) == (1, None)


def test_answers_to_one_prompt_are_one_unit():
    rows = pd.concat([ROWS] * 3).set_axis([f"q{place}" for place in range(12)])
    found = _judged(rows).headline
    assert found.n == {"items": 12, "units": 2}
    assert found.low == pytest.approx(_judged(ROWS).headline.low)
    named = _judged(rows.assign(unit=rows.index)).headline  # each after its own id, which names none
    assert named.n == found.n
    assert _judged(rows.assign(unit=[f"u{place // 2}" for place in range(12)])).headline.n == {"items": 12, "units": 6}


def test_a_models_answers_are_not_graded_by_what_a_file_says_of_others():
    class Ask:
        def can(self, question, model="main"):
            return False

        def __call__(self, question, items, **options):
            assert question == "sample"
            return pd.DataFrame({"content": "Lima", "finish": "stop", "problem": None}, index=range(len(items)))

    observed = Uncertainty(score="degree").observe(Ask(), ROWS, "items")
    assert observed["answer"].eq("Lima").all()
    assert observed[["label", "log_probs", "top_log_probs", "confidence"]].isna().all(axis=None)


def test_a_real_model_is_asked_for_all_that_scores_are_made_of(tiny_lm, tmp_path):
    rows = [{"prompt": f"The {word} is", "reference": ["it"]} for word in ("ferry", "rain", "clock")]
    found = audit.run(
        model=CausalLMFolder(tiny_lm, dtype="float32", device="cpu", threads=1), data=rows, into=tmp_path,
        probe={"use": "factuality.uncertainty", "draws_per_item": 2, "max_tokens": 4, "template": "{prompt}",
               "verbalised": True, "likeness": "entailment", "alternatives": 2},
    )  # fmt: skip
    (finding,) = found.record.findings
    items = found.items(finding.check)
    assert finding.controls == {"positive": True, "negative": True}
    for score in ("cocoa_msp", "mean_entropy", "mean_margin", "pmi", "p_true", "claim_conditioned", "degree",
                  "selfcheck_entailment", "semantic_entropy_weighted", "sampled_nll"):  # fmt: skip
        assert items[score].notna().all(), score


@pytest.mark.parametrize(("options", "message"), [
    ({"template": "Answer:"}, "allowed: a text with {prompt}"), ({"draws_per_item": 1}, "allowed: 0 or from 2 on"),
    ({"temperature": 0.0}, "allowed: above 0"),
])  # fmt: skip
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Uncertainty(**options)
