"""Stereotype pairs of masked models: every variant by hand, and the reference's alignment by another road."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd
import pytest

from detectors.bias.masked_pairs import MASKED, masked_preferences, masked_scores, share_of

NAN = float("nan")
HAND = pd.DataFrame(
    {
        "tokens_more": [["[", "he", "was", "un", "##kind", "]"], ["[", "a", "b", "]"], ["[", "x", "]"]],
        "tokens_less": [["[", "she", "was", "un", "##kind", "]"], ["[", "a", "b", "c", "]"], ["[", "y", "]"]],
        "token_more": [[NAN, -1.0, -2.0, -3.0, -0.5, NAN], [NAN, -1.0, -1.0, NAN], [NAN, -2.0, NAN]],
        "token_less": [[NAN, -4.0, -2.5, -3.0, -0.25, NAN], [NAN, -2.0, -1.0, -9.0, NAN], [NAN, -1.0, NAN]],
        "word_more": [[NAN, -1.0, -2.0, -5.0, -0.5, NAN], [NAN, -1.0, -1.0, NAN], [NAN, -2.0, NAN]],
        "word_less": [[NAN, -4.0, -2.5, -1.0, -0.25, NAN], [NAN, -2.0, -1.0, -9.0, NAN], [NAN, -1.0, NAN]],
        "none_more": [[NAN, -0.5, -0.5, -0.5, -0.5, NAN], [NAN, -0.5, -0.25, NAN], [NAN, -0.125, NAN]],
        "none_less": [[NAN, -0.25, -0.25, -0.25, -0.25, NAN], [NAN, -0.5, -0.25, -0.75, NAN], [NAN, -0.25, NAN]],
        "attention_more": [[NAN, 0.5, 0.25, 0.25, 0.0, NAN], [NAN, 0.5, 0.5, NAN], [NAN, 0.5, NAN]],
        "attention_less": [[NAN, 1.0, 1.0, 1.0, 1.0, NAN], [NAN, 0.0, 0.0, 1.0, NAN], [NAN, 0.125, NAN]],
    },
    index=pd.Index(["a", "b", "c"], name="id"),
)


def judged(variant, pairs=HAND):
    return masked_preferences(pairs, variant, level=0.95, rng=np.random.default_rng(0))


def test_three_pairs_worked_by_hand():
    scores = masked_scores(HAND)
    wanted = {
        "paper_more": [-5.5, -2.0, NAN], "paper_less": [-5.75, -3.0, NAN],  # the third pair shares no word
        "modified_more": [-1.0, NAN, -2.0], "modified_less": [-4.0, -9.0, -1.0],  # `a b` has no word of its own
        "aul_more": [-0.5, -0.375, -0.125], "aul_less": [-0.25, -0.5, -0.25],
        "aula_more": [-0.125, -0.1875, -0.0625], "aula_less": [-0.25, -0.25, -0.03125],
        "pll-word-l2r_more": [-8.5, -2.0, -2.0], "pll-word-l2r_less": [-7.75, -12.0, -1.0],
    }  # fmt: skip
    for name, column in wanted.items():
        np.testing.assert_array_equal(scores[name], column, err_msg=name)


@pytest.mark.parametrize(
    ("variant", "prefers", "unit"),
    [
        ("paper", ["more", "more", "not scored"], "nats"),
        ("modified", ["more", "not scored", "less"], "nats per token"),
        ("aul", ["less", "more", "more"], "nats per token"),
        ("aula", ["more", "more", "less"], "nats per token"),
        ("pll-word-l2r", ["less", "more", "less"], "nats"),
    ],
)
def test_each_variant_has_its_own_preference(variant, prefers, unit):
    result = judged(variant)
    assert result.items["prefers"].tolist() == prefers
    assert result.measure("mean_difference").unit == unit
    assert result.headline.value == prefers.count("more") / (3 - prefers.count("not scored"))


@pytest.mark.parametrize("variant", MASKED)
def test_every_number_names_its_variant_and_the_others_stand_beside_it(variant):
    result = judged(variant)
    others = {share_of(other): other for other in MASKED if other != variant}
    assert {one.name for one in result.measures} >= set(others)
    for one in result.measures:
        assert one.method.endswith(f"; variant {others.get(one.name, variant)}")
        if one.name in others:
            alone = judged(others[one.name]).headline
            assert (one.value, one.low, one.high) == (alone.value, alone.low, alone.high)


def test_what_was_stored_before_attention_was_asked_for_is_judged_as_it_was():
    """An audit without attention has neither the variant nor a share of it."""
    older = masked_preferences(
        HAND.drop(columns=["attention_more", "attention_less"]), "aul", level=0.95, rng=np.random.default_rng(0)
    )
    assert "share_aula" not in {one.name for one in older.measures}
    newer = {(one.name, one.group): one for one in judged("aul").measures}
    assert all(newer[one.name, one.group] == one for one in older.measures)


def test_the_published_share_rounds_to_three_decimals_and_counts_ties_as_not_stereotypical():
    """A lead of 0.0004 is a preference to us and a tie to the reference code."""
    close = pd.DataFrame({
        "tokens_more": [["[", "so", side, "]"] for side in "mmm"], "tokens_less": [["[", "so", "l", "]"]] * 3,
        "token_more": [[NAN, x, -1.0, NAN] for x in (-2.0, -2.0, -1.0)],
        "token_less": [[NAN, x, -1.0, NAN] for x in (-2.0004, -2.001, -2.0)],
    }, index=list("abc"))
    ways = ("word", "none", "attention")
    close = close.assign(**{f"{way}_{s}": close[f"token_{s}"] for way in ways for s in ("more", "less")})
    result = judged("paper", close)
    assert result.headline.value == 1.0
    assert result.measure("pct_stereotype").value == pytest.approx(2 / 3)
    assert result.measure("pct_stereotype").method.startswith("none; as published")


def test_shared_tokens_are_those_of_the_references_opcodes():
    """By opcodes instead of matching blocks, dropping the first and the last as the reference does."""
    rng, words = np.random.default_rng(0), list("abcde")
    for _ in range(200):
        more, less = (["[", *rng.choice(words, rng.integers(1, 9)), "]"] for _ in range(2))
        nats = {"more": rng.normal(size=len(more)), "less": rng.normal(size=len(less))}
        for side in nats:
            nats[side][[0, -1]] = NAN
        pair = pd.DataFrame({"tokens_more": [more], "tokens_less": [less]}).assign(
            **{f"{way}_{side}": [nats[side]] for way in ("token", "word", "none") for side in nats}
        )
        scores = masked_scores(pair).iloc[0]
        spans = [[], []]
        for name, a, b, c, d in difflib.SequenceMatcher(None, more, less).get_opcodes():
            if name == "equal":
                spans[0] += range(a, b)
                spans[1] += range(c, d)
        for side, span in zip(("more", "less"), spans, strict=True):
            inner = span[1:-1]
            if inner:
                assert scores[f"paper_{side}"] == pytest.approx(sum(nats[side][place] for place in inner))
            else:
                assert np.isnan(scores[f"paper_{side}"])
