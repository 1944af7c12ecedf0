"""The verifier without a model: rows of entailment, neutral and contradiction by words and rules."""

import numpy as np
import pytest

from detectors.factuality.lexical import CONTRADICTION, ENTAILMENT, NEUTRAL, lexical_scores

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
