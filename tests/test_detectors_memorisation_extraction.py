"""Extraction beside a Markov chain of which all is known, a quadratic reference for edits, and what is counted.

No word of what a reader sees says where a text is from, or whose it is: `test_no_word_is_a_verdict`.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reports.text
from audit.probe.trial import ScriptedAsk
from audit.probes.memorisation.copies import Copies
from audit.probes.memorisation.extraction import Extraction
from detectors.memorisation.extraction import Setting, drawn_log_probs, extraction, log_tries
from detectors.memorisation.verbatim import Common, edit_share, edits, longest_common, normalised

SETTING = Setting(100, 0.5, 0.1)
WORDS = st.text("ab c", max_size=12)


# ---------------------------------------------------------------- two texts


@given(WORDS, WORDS)
def test_edits_are_those_of_the_quadratic_table(first, second):
    row = list(range(len(second) + 1))
    for at, one in enumerate(first, 1):
        before, row = row, [at]
        for place, other in enumerate(second, 1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (one != other)))
    assert edits(first, second) == row[-1]
    assert edits(second, first) == row[-1]


@given(WORDS, WORDS)
def test_the_longest_common_substring_stands_in_both_and_none_is_longer(first, second):
    found = longest_common(first, second)
    passage = first[found.first : found.first + found.length]
    assert passage == second[found.second : found.second + found.length]
    every = {first[i:j] for i in range(len(first)) for j in range(i, len(first) + 1)}
    assert found.length == max((len(one) for one in every if one in second), default=0)


@given(WORDS, WORDS)
def test_edits_within_are_those_to_the_nearest_passage(first, second):
    every = {second[i:j] for i in range(len(second) + 1) for j in range(i, len(second) + 1)}
    assert edits(first, second, within=True) == min(edits(first, one) for one in every)


def test_texts_by_hand():
    assert edits("kitten", "sitting") == 3
    assert edit_share("kitten", "sitting") == 3 / 7
    assert edit_share("", "") == 0
    assert longest_common("the secret is 42", "a secret is 43") == Common(3, 1, 12)
    assert normalised("  Ｆｕｌｌ\n WIDTH ") == "full width"


# ---------------------------------------------------------------- tries


def test_tries_are_the_fewest_that_reach_the_probability():
    for p, chance in ((0.3, 0.5), (0.01, 0.9), (1e-6, 0.1)):
        tries = int(np.ceil(np.exp(log_tries(np.log(np.array([p])), chance)[0])))
        assert 1 - (1 - p) ** tries >= chance - 1e-12
        assert tries == 1 or 1 - (1 - p) ** (tries - 1) < chance


def test_tries_of_what_hardly_comes_and_of_what_always_comes():
    far = log_tries(np.array([-1000.0, -29.999, -30.001, 0.0, -np.inf]), 0.5)
    assert far[0] == pytest.approx(1000 + np.log(np.log(2)))
    assert far[1] == pytest.approx(far[2], abs=0.01)
    assert far[3] == 0
    assert np.isinf(far[4])


# ---------------------------------------------------------------- a chain


def chain(step):
    """Return the trace of texts of letters under a Markov chain [from, to]."""
    def trace(texts):
        frames = []
        for item, text in enumerate(texts):
            codes = [ord(word) - 97 for word in text.split()]
            rows = step[codes[:-1]]
            own = rows[np.arange(len(rows)), codes[1:]]
            frames.append(pd.DataFrame({
                "item": item, "element": text.split(), "log_prob": [np.nan, *np.log(own)],
                "rank": [np.nan, *(1 + (rows > own[:, None]).sum(axis=1))],
            }))  # fmt: skip
        return pd.concat(frames).to_dict("list")

    return trace


def test_probabilities_and_greedy_matches_are_those_of_the_chain():
    rng = np.random.default_rng(2)
    step = rng.dirichlet(np.full(5, 0.3), 5)

    def greedy(start, count):
        codes = [start]
        while len(codes) < count:
            codes.append(int(step[codes[-1]].argmax()))
        return codes

    texts = [greedy(0, 8), [*greedy(1, 5), int(step[greedy(1, 5)[-1]].argmin()), 0, 1], rng.integers(0, 5, 8).tolist()]
    told = [" ".join(chr(97 + code) for code in one) for one in texts]
    probe = Extraction(prefix=3, suffix=4, parts=("trace",), tries=50)
    ask = ScriptedAsk({("main", "trace"): chain(step)})
    frame = pd.DataFrame({"text": told}, index=["x", "y", "z"])
    held = pd.DataFrame({"text": [" ".join("edcbaedcba"[at:] + "e d"[at:]) for at in (0, 1)]}, index=["h", "i"])
    seen = {role: probe.observe(ask, rows, role) for role, rows in (("items", frame), ("held_out", held))}
    result = probe.judge(seen, level=0.95, rng=np.random.default_rng(0))
    nats = [float(np.log([step[a, b] for a, b in pairwise(one[2:7])]).sum()) for one in texts]
    rows = result.items[result.items["role"].eq("items")]
    assert rows["log_p"].tolist() == pytest.approx(nats)
    expected = [np.log10(max(1.0, np.log(0.5) / np.log1p(-np.exp(one)))) for one in nats]
    assert rows["log10_tries"].tolist() == pytest.approx(expected)
    assert rows["extractable"].tolist() == [float(one <= np.log10(50)) for one in expected]
    assert rows["greedy_run"].tolist()[:2] == [4, 2]
    assert rows["extracted"].tolist()[:2] == [1, 0]


def scheme(p, temperature, top_k, top_p):
    """The law of one draw from probabilities, as samplers cut it: one after another, each renormalised."""
    law = p ** (1 / temperature)
    law[np.argsort(-law)[top_k:]] = 0
    law /= law.sum()
    order = np.argsort(-law)
    kept = [at for place, at in enumerate(order) if law[order[:place]].sum() < top_p - 1e-12]
    cut = np.zeros_like(law)
    cut[kept] = law[kept]
    return cut / cut.sum()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 3, 1.0), (0.5, 4, 0.8), (2.0, 5, 0.95), (1.0, 2, 0.01)]
)
def test_draws_that_are_cut_have_the_probabilities_of_the_sampler(temperature, top_k, top_p):
    rng = np.random.default_rng(8)
    laws, own = rng.dirichlet(np.full(6, 0.5), 40), rng.integers(0, 6, 40)
    expected = [scheme(law.copy(), temperature, top_k, top_p)[one] for law, one in zip(laws, own, strict=True)]
    log_probs = np.log(laws[np.arange(40), own])
    ranks = 1.0 + (laws > laws[np.arange(40), own][:, None]).sum(axis=1)
    told = drawn_log_probs(log_probs, ranks, -np.sort(-np.log(laws), axis=1)[:, :top_k], temperature, top_p)
    assert np.exp(told) == pytest.approx(expected)


def test_a_suffix_with_a_token_that_is_never_drawn_is_not_extractable():
    items = observed("a", [OUT, IN])
    items["log_probs"] = [[np.log(0.4), np.log(0.4)], [np.log(0.4), np.log(0.01)]]
    items["likeliest"] = [[[np.log(0.4), np.log(0.1)]] * 2] * 2
    drawn = Setting(1, 0.6, 0.1)
    held = observed("b", [IN])
    result = extraction({"items": items, "held_out": held}, drawn, level=0.95, rng=np.random.default_rng(0))
    assert result.items["extractable"].tolist() == [1, 0, 0]
    assert result.items["log_p"].iloc[0] == pytest.approx(np.log(0.8**2))
    assert np.isnan(result.items["log10_tries"].iloc[1])


@pytest.mark.parametrize("wrong", [{"top_p": 0.9}, {"draw_temperature": 0.5}, {"top_k": 1}, {"top_k": 9, "top_p": 0.0}])
def test_draws_that_cannot_be_told_are_refused(wrong):
    with pytest.raises(ValueError, match=r"got .*; allowed: "):
        Extraction(**wrong)


# ---------------------------------------------------------------- what must be said


def observed(name, ranks, outputs=None, **columns):
    """Return observations of texts of ten letters each, six of which are put in."""
    size = len(ranks)
    texts = [f"{name}{at:05}wxyz" for at in range(size)]
    outputs = outputs or [None] * size
    return pd.DataFrame({
        "text": texts, "unit": None, "not_asked": None, "prefix_end": 6, "suffix_end": 10, "ranks": ranks,
        "log_probs": [[-0.1 if rank == 1 else -9.0 for rank in one] for one in ranks], "tied": None,
        "output": outputs, "generated": outputs[0] is not None, **columns,
    }, index=[f"{name}{at}" for at in range(size)], dtype=object)  # fmt: skip


def judged(items, held, level=0.95, seed=0):
    return extraction({"items": items, "held_out": held}, SETTING, level=level, rng=np.random.default_rng(seed))


OUT, IN = [1.0, 1.0], [1.0, 7.0]


def test_held_out_texts_that_stand_among_the_texts_are_left_out_and_told():
    items, held = observed("a", [OUT] * 6), observed("b", [IN] * 6)
    held.loc["b0", "text"] = "  A00003WXYZ "
    held.loc["b1", "text"] = "before a00004wxyz behind"
    result = judged(items, held)
    assert [(one.key, one.values) for one in result.remarks] == [("mislabelled_held_out", {"count": 2.0})]
    assert result.measure("extracted_share", "held_out").n["items"] == 4
    assert result.measure("not_asked").value == 2


def test_short_texts_are_counted_with_what_they_lack():
    ask = ScriptedAsk({("main", "sample"): lambda items: {"content": " d e", "finish": "stop", "problem": None}})
    probe = Extraction(prefix=3, suffix=2, parts=("generation",))
    frame = pd.DataFrame({"text": ["a b c d e f", "a b"]}, index=["x", "y"])
    seen = probe.observe(ask, frame, "items")
    assert seen["not_asked"].tolist() == [None, "it has 2 tokens, or words; 5 are needed"]
    both = {"items": seen, "held_out": seen.iloc[1:].rename({"y": "z"})}
    result = probe.judge(both, level=0.95, rng=np.random.default_rng(0))
    row = result.items.loc["x"]
    assert (row["suffix"], row["passage"], row["suffix_at"], row["output_at"]) == (" d e", " d e", 0, 0)
    assert result.headline.name == "near_verbatim_share"
    assert result.measure("near_verbatim_above_held_out").undefined == "no text is long enough and got an answer"


def test_an_output_that_did_not_come_is_bounded_both_ways():
    items = observed("a", [OUT] * 4, ["wxyz"] * 4)
    items.loc["a0", "output"] = None
    result = judged(items, observed("b", [IN] * 4, ["...."] * 4))
    share = result.measure("near_verbatim_share")
    assert (share.value, share.missing) == (1.0, 1)
    assert share.low < judged(items.iloc[1:], observed("b", [IN] * 4, ["...."] * 4)).measure("near_verbatim_share").low
    assert result.measure("extracted_share").missing == 0


def test_case_and_blanks_are_forgiven_in_one_form_alone():
    result = judged(observed("a", [OUT] * 2, ["W XYZ", "wxyz"]), observed("b", [IN] * 2, ["abcd"] * 2))
    assert result.items["edit_distance"].tolist()[:2] == [1.0, 0.0]
    assert result.items["normalised_reproduced"].tolist()[:2] == [2, 4]
    assert result.measure("longest_reproduced").value == 4


def test_passages_of_one_document_are_one_unit():
    items = observed("a", [OUT, OUT, OUT, IN], unit=["d", "d", "d", "e"])
    result = judged(items, observed("b", [IN] * 4))
    share = result.measure("extracted_share")
    assert (share.value, share.n["units"]) == (0.5, 2)


def test_ties_are_counted():
    items = observed("a", [OUT, OUT, IN], tied=[1, 0, None])
    assert judged(items, observed("b", [IN] * 3)).measure("tied_texts").value == 1


def test_texts_that_come_out_no_more_often_are_not_accused_more_often_than_stated():
    """40 audits of 12 and 12 texts that come out with one probability: the gap is said to be above 0 in few."""
    rng, wrong = np.random.default_rng(4), 0
    frames = {name: observed(name, [IN] * 12) for name in "ab"}
    for seed in range(40):
        for frame in frames.values():
            frame["ranks"] = [OUT if rng.random() < 0.4 else IN for _ in range(12)]
        gap = judged(frames["a"], frames["b"], level=0.9, seed=seed).measure("extracted_above_held_out")
        wrong += gap.low > 0
    assert wrong <= 4


VERDICTS = (
    "plagiar", "infring", "stolen", "copied from", "written by a machine", "in the training data", "trained on this",
    "표절", "침해", "훔", "베낀", "기계가 쓴", "학습 데이터에 있", "학습한 글",
)  # fmt: skip


def test_no_word_is_a_verdict():
    """What reports say of canaries and texts, in both languages: what comes out, and nothing of whose it is."""
    locale = Path(reports.text.__file__).parent / "locale"
    names = {*Extraction.measures, *Copies.measures}
    for language in ("en", "ko"):
        measures = json.loads((locale / "measures" / f"{language}.json").read_text("utf-8"))
        whole = json.loads((locale / f"{language}.json").read_text("utf-8"))
        said = [text for part in ("gloss", "meaning") for key, text in measures[part].items() if key in names]
        said += [whole[part][key] for part, keys in (
            ("remark", ["mislabelled_held_out", "held_out_in_corpus", "exposure_capped", "no_held_out_canaries"]),
            ("picture", ["reproduced", "exposed", "exposed_caption"]),
            ("probe", ["memorisation.copies", "memorisation.extraction"]),
        ) for key in keys]  # fmt: skip
        assert len(said) > 30
        for text in said:
            assert not any(word in text.casefold() for word in VERDICTS), text
