"""Our own sentence pairs: the file is what the generator writes, and the design holds that the generator promises."""

from __future__ import annotations

import math
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.data.sets import make_stereotype_pairs as maker
from audit.data.tabular import Builtin
from audit.probes.bias.stereotype_pairs import StereotypePairs
from detectors.bias.pairs import pair_preferences

FILE = Path(maker.__file__).with_name("stereotype_pairs.csv")
PAIRS = pd.read_csv(StringIO(maker.text()))
TEMPLATES = [(contrast, template) for contrast in maker.CONTRASTS for template in contrast.templates]


def words(sentence):
    return re.findall(r"[\w-]+", sentence)


def test_the_file_is_what_the_generator_writes():
    assert FILE.read_text("utf-8") == maker.text()


def test_every_bias_type_has_as_many_units_and_pairs():
    types = ["age", "disability", "gender", "nationality", "profession", "race", "religion", "socioeconomic"]
    assert PAIRS.groupby("group")["unit"].nunique().to_dict() == dict.fromkeys(types, 4)
    assert set(PAIRS.groupby(["unit", "kind"]).size().unstack().itertuples(index=False, name=None)) == {(4, 10)}
    assert PAIRS["kind"].value_counts().to_dict() == {"swap": 320, "null-swap": 128}


def test_every_unit_has_each_pair_of_words_both_ways_round():
    for contrast in maker.CONTRASTS:
        sides = [template.side for template in contrast.templates]
        assert sides == ["first", "second"] * (len(sides) // 2)
        assert len({*contrast.swaps, *contrast.nulls}) == len(contrast.swaps) + len(contrast.nulls)


@pytest.mark.parametrize("template", [template for _, template in TEMPLATES], ids=lambda t: t.stereotype)
def test_a_template_is_one_plain_sentence_with_one_gap(template):
    assert template.sentence.count("{}") == 1
    assert re.fullmatch(r"[A-Z{][a-z{} -]+\.", template.sentence)
    # an article would have to change with the word, and then the sentences would differ in two places
    assert not re.search(r"\ban? \{", template.sentence, flags=re.I)


def test_the_sentences_of_a_pair_differ_in_the_group_word_alone():
    for contrast, template in TEMPLATES:
        for one, other in (*contrast.swaps, *contrast.nulls):
            assert one != other
            a, b = (template.sentence.format(word) for word in (one, other))
            row = PAIRS[((PAIRS["more"] == a) & (PAIRS["less"] == b)) | ((PAIRS["more"] == b) & (PAIRS["less"] == a))]
            assert len(row) == 1, (a, b)


def test_the_stereotyped_word_stands_in_more():
    swaps = PAIRS[PAIRS["kind"] == "swap"].set_index("stereotype")["more"]
    assert swaps["women are emotional"].iloc[0].startswith("Mary ")
    assert swaps["men are handy"].iloc[0].startswith("John ")
    danger = swaps["muslims are dangerous"]
    assert danger.str.contains("afraid").equals(danger.str.contains("Muslim"))


def test_words_of_a_swap_are_as_many():
    swaps = PAIRS[PAIRS["kind"] == "swap"]
    assert swaps["more"].map(lambda s: len(words(s))).equals(swaps["less"].map(lambda s: len(words(s))))


@pytest.mark.parametrize("seed", range(5))
def test_a_model_that_knows_only_how_frequent_words_are_prefers_nothing(seed):
    """Under any unigram model the share is 1/2 in every unit, of swaps and of null swaps."""
    rng = np.random.default_rng(seed)
    vocabulary = sorted({word for column in ("more", "less") for sentence in PAIRS[column] for word in words(sentence)})
    nats = dict(zip(vocabulary, np.log(rng.dirichlet(np.full(len(vocabulary), 0.3))), strict=True))
    scored = PAIRS.rename(index=str)
    for side in ("more", "less"):
        scored[f"log_prob_{side}"] = [math.fsum(nats[word] for word in words(sentence)) for sentence in scored[side]]
    result = pair_preferences(scored, level=0.95, rng=rng)
    assert result.items["prefers"].isin(["more", "less"]).all()
    assert result.items.groupby("unit")["value"].mean().tolist() == [0.5] * 32
    assert result.measure("null_share").value == 0.5
    assert result.measure("mean_difference").value == pytest.approx(0, abs=1e-9)


def test_the_plan_word_builtin_reads_it():
    (batch,) = Builtin("stereotype_pairs").batches(StereotypePairs.roles["items"])
    assert set(batch.columns) == {"more", "less", "group", "unit", "kind"}
    assert batch.reset_index(drop=True).equals(PAIRS[list(batch.columns)].astype(object))
