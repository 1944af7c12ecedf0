"""The verifier without a model: rows of entailment, neutral and contradiction by words and rules."""

import csv
import json
import re

import numpy as np
import pytest
from needs import needs_data
from sklearn.metrics import roc_auc_score

from detectors.factuality.lexical import CONTRADICTION, ENTAILMENT, NEUTRAL, lexical_scores
from detectors.factuality.mismatch import CONFLICTING, SUPPORTED, check_claims

PREMISE = "The firm sold 67 million phones in Norway. It was founded by Ada Berg."


def test_a_copy_is_entailed_and_a_changed_number_contradicts():
    copy, changed, other = lexical_scores(
        [PREMISE] * 3,
        ["The firm sold 67 million phones in Norway.", "The firm sold 999 million phones in Norway.", "Cats purr."],
    )
    assert copy.tolist() == pytest.approx([1, 0, 0])
    assert changed[CONTRADICTION] > 0.6 > 0.3 > changed[ENTAILMENT]
    assert other.tolist() == [0, 1, 0]


def test_rows_sum_to_one_and_empty_texts_are_neutral():
    rows = lexical_scores(["", PREMISE, PREMISE, "\0"], [PREMISE, "", "?!", "1"])
    assert rows.sum(axis=1) == pytest.approx(np.ones(4))
    assert rows[[0, 1, 2, 3], NEUTRAL].tolist() == [1, 1, 1, 1]
    assert lexical_scores([], []).shape == (0, 3)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="shorter"):
        lexical_scores(["a", "b"], ["a"])


def _begin_rows():
    with needs_data("begin_wow/begin_test_wow.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.shared
def test_on_begin_it_ranks_attributable_answers_first():
    """Published prototype of word coverage: .925 on all 3,607."""
    rows = _begin_rows()[::4]
    scores = lexical_scores([row["knowledge"] for row in rows], [row["response"] for row in rows])
    right = [row["begin_label"] == "Fully attributable" for row in rows]
    assert roc_auc_score(right, scores[:, ENTAILMENT]) >= 0.90
    assert roc_auc_score(right, [len(row["response"]) for row in rows]) < 0.5


def _wrong_numbers(answer, passage):
    """Return how many numbers and dates of an answer are not borne out."""
    findings = [one for verdict in check_claims(answer, [passage]) for one in verdict.findings]
    return sum(one.state != SUPPORTED and one.rule in ("numbers", "dates") for one in findings)


@pytest.mark.shared
def test_on_summaries_with_edited_numbers_the_number_rules_tell():
    """Published prototype: .697; word coverage .434."""
    rows = json.loads(needs_data("summedits/ectsum.json").read_text("utf-8"))
    wrong = [_wrong_numbers(row["summary"], row["doc"]) for row in rows]
    assert roc_auc_score([row["label"] for row in rows], [-one for one in wrong]) >= 0.68


@pytest.mark.shared
def test_in_real_texts_copies_are_left_alone_and_changed_numbers_are_found():
    texts = list(dict.fromkeys(row["knowledge"] for row in _begin_rows()))[:400]
    accused = [one.state in ("absent", CONFLICTING) for text in texts for one in check_claims(text, [text])]
    assert np.mean(accused) <= 0.01
    turned = [(text, re.sub(r"\b[1-9](?=\d)", lambda one: str(int(one[0]) % 9 + 1), text, count=1)) for text in texts]
    found = [_wrong_numbers(new, text) > 0 for text, new in turned if text != new]
    assert len(found) >= 20
    assert np.mean(found) >= 0.95
