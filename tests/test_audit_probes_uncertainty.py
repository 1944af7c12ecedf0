"""The probe `factuality.uncertainty`: a whole audit of a real small model, answers of a file, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import audit
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


@pytest.mark.parametrize(("column", "cell", "message"), [
    ("samples", "Paris", "item 'a' has samples 'Paris'; allowed: a list of texts"),
    ("log_probs", "x", "allowed: a list of numbers"), ("confidence", 90, "allowed: a number from 0 to 1, or a text"),
    ("answer", 7, "allowed: a text"),
])  # fmt: skip
def test_a_cell_that_is_not_what_its_field_holds_is_refused(column, cell, message):
    rows = ROWS.astype(object)
    rows.at["a", column] = cell
    with pytest.raises(DataError, match=message):
        Uncertainty(answers="file").observe(None, rows, "items")


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
