"""The probe `bias.stereotype_pairs`: what it asks, what it keeps, its controls, and the real small language model."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit import open_model
from audit.ask import Asker, Store
from audit.data.published.crows_pairs import CrowSPairs
from audit.errors import DataError
from audit.files import parquet_bytes
from audit.probe import Probe
from audit.probes.bias.stereotype_pairs import StereotypePairs
from detectors.bias import pairs as detector

VARIANTS = ("causal", "perplexity")
STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


class WordModel:
    """Words are independent: log P(sentence) is the sum of `nats[word]`; a trace leaves the first word unscored."""

    family, modality, name = "words", "text", "words"

    def __init__(self, **nats):
        self.nats, self.fingerprint = nats, f"sha256:words-{nats}"
        self.asked = []

    def _words(self, text):
        return [self.nats.get(word, -4.0) for word in text.split()]

    def log_prob(self, items):
        self.asked.append(list(items))
        return [sum(self._words(text)) if text else np.nan for text in items], "exact"

    def trace(self, items):
        self.asked.append(list(items))
        nats = [np.array([np.nan, *self._words(text)[1:]]) for text in items]
        return [
            pd.DataFrame({"element": text.split(), "log_prob": x, "entropy": x, "variance": x, "rank": x})
            for text, x in zip(items, nats, strict=True)
        ]


@pytest.fixture
def ask_of(tmp_path):
    """Return the real door to a model, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda model: Asker({"main": model}, store, seed=0, audit="test")


def frame(*rows):
    columns = ["more", "less", "group", "unit", "kind"]
    index = pd.Index([f"id{i}" for i in range(len(rows))], name="id")
    return pd.DataFrame(list(rows), index, columns, dtype=object)


ITEMS = frame(
    ("so he wept", "so she wept", "gender", "t1", "swap"),
    ("so she sang", "so he sang", "gender", "t2", None),
    ("so he slept", "so Bob slept", None, "t1", "null-swap"),
    ("he", "she", "gender", "t3", "swap"),
)


def judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


# --- asking ----------------------------------------------------------------------------------------------------------


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="bias.stereotype_pairs")
    assert entry.load() is StereotypePairs
    assert isinstance(StereotypePairs(), Probe)
    assert StereotypePairs().needs == {"log_prob"}
    assert StereotypePairs("perplexity").needs == {"trace"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_plan_may_limit_what_comes_out_with_an_interval(variant):
    probe = StereotypePairs(variant)
    result = judged(probe, probe.controls(np.random.default_rng(0))[0])
    assert next(iter(probe.measures)) == result.headline.name
    beside = {name for name in probe.measures if name.startswith("share_")}
    assert set(probe.measures) - beside == {m.name for m in result.measures if m.low is not None}


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_call_asks_for_both_sentences_of_a_shard(variant, ask_of):
    model, probe = WordModel(), StereotypePairs(variant)
    door = ask_of(model)
    seen = probe.observe(door, ITEMS, "items")
    assert [len(texts) for texts in model.asked] == [len({*ITEMS["more"], *ITEMS["less"]})]
    assert door.calls == probe.estimate(len(ITEMS)) == 8
    assert seen.index.equals(ITEMS.index)
    assert seen[list(ITEMS.columns)].equals(ITEMS)


def test_causal_is_the_sum_over_the_sentence(ask_of):
    seen = StereotypePairs().observe(ask_of(WordModel(he=-1.0, she=-2.0, Bob=-7.0)), ITEMS, "items")
    assert seen["log_prob_more"].tolist() == [-9.0, -10.0, -9.0, -1.0]
    assert seen["log_prob_less"].tolist() == [-10.0, -9.0, -15.0, -2.0]
    assert set(seen["likelihood"]) == {"exact"}
    result = judged(StereotypePairs(), {"items": seen})
    assert result.headline.value == pytest.approx(2 / 3)
    assert result.measure("null_gap").value == 6.0


def test_perplexity_is_the_mean_over_scored_tokens(ask_of):
    """`so` is not scored; a sentence of one word has no scored token, so the pair is not scored."""
    longer = frame(("so he did not", "so she did", "gender", "t4", "swap")).rename(index={"id0": "id4"})
    items = pd.concat([ITEMS, longer])
    probe = StereotypePairs("perplexity")
    seen = probe.observe(ask_of(WordModel(he=-1.0, she=-2.0, Bob=-7.0)), items, "items")
    assert seen["elements_more"].tolist() == [2, 2, 2, 0, 3]
    assert seen["elements_less"].tolist() == [2, 2, 2, 0, 2]
    np.testing.assert_array_equal(seen["log_prob_more"], [-5, -6, -5, np.nan, -9])
    result = judged(probe, {"items": seen})
    assert result.items["prefers"].tolist() == ["more", "less", "more", "not scored", "tie"]  # -9/3 against -6/2
    assert result.items["log_prob_more"].dropna().tolist() == [-2.5, -3.0, -2.5, -3.0]
    assert result.measure("mean_difference").unit == "nats per token"
    assert result.measure("not_scored").value == pytest.approx(1 / 4)  # one of four templates


def test_a_sentence_that_could_not_be_scored_is_kept_apart(ask_of):
    seen = StereotypePairs().observe(ask_of(WordModel()), ITEMS.assign(less=["", *ITEMS["less"][1:]]), "items")
    result = judged(StereotypePairs(), {"items": seen})
    assert result.items["prefers"]["id0"] == "not scored"
    assert result.headline.n == {"items": 2, "units": 2}


def test_bare_pairs_will_do(ask_of):
    bare = ITEMS[["more", "less"]]
    result = judged(StereotypePairs(), {"items": StereotypePairs().observe(ask_of(WordModel(he=-1.0)), bare, "items")})
    assert result.headline.n == {"items": 4, "units": 4}
    assert {m.group for m in result.measures} == {None}


def test_an_unknown_kind_stops_before_the_model_is_asked(ask_of):
    model = WordModel()
    with pytest.raises(DataError, match=r"bias.stereotype_pairs: got pairs of kind 'null'; allowed: swap, null-swap"):
        StereotypePairs().observe(ask_of(model), ITEMS.assign(kind="null"), "items")
    assert model.asked == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_was_observed_is_judged_alike_after_storage(variant, ask_of, tmp_path):
    import pyarrow as pa

    probe = StereotypePairs(variant)
    seen = probe.observe(ask_of(WordModel(he=-1.0, Bob=-7.0)), ITEMS, "items")
    stored = tmp_path / "observed.parquet"
    stored.write_bytes(parquet_bytes(pa.Table.from_pandas(seen.reset_index())))
    again = pd.read_parquet(stored).set_index("id")
    assert judged(probe, {"items": again}).measures == judged(probe, {"items": seen}).measures


# --- controls --------------------------------------------------------------------------------------------------------


def outcome(probe, level, seed=0):
    return tuple(probe.found(judged(probe, one, level)) for one in probe.controls(np.random.default_rng(seed)))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("level", [0.8, STRICT])
def test_the_controls_come_out_right_at_every_level_in_use(variant, level):
    assert {outcome(StereotypePairs(variant), level, seed) for seed in range(5)} == {(True, False)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_clean_twin_is_exactly_balanced(variant):
    for seed in range(5):
        _, clean = StereotypePairs(variant).controls(np.random.default_rng(seed))
        result = judged(StereotypePairs(variant), clean)
        assert result.items.groupby("unit")["value"].mean().tolist() == [0.5] * 50
        assert result.headline.n == {"items": 300, "units": 50}


@pytest.mark.parametrize(
    ("sabotage", "caught"),
    [
        pytest.param(lambda d: (1 - np.sign(d)) / 2, (False, False), id="sign turned around"),
        pytest.param(lambda d: 0.0 * d + 0.5, (False, False), id="always a tie"),
        pytest.param(lambda d: 0.0 * d, (False, False), id="always less"),
        pytest.param(lambda d: 0.0 * d + 1, (True, True), id="always more"),
    ],
)
def test_a_sabotaged_detector_does_not_pass_its_controls(monkeypatch, sabotage, caught):
    monkeypatch.setattr(detector, "_preference", sabotage)
    assert outcome(StereotypePairs(), STRICT) == caught


def test_a_judge_that_counts_null_pairs_does_not_pass_its_controls(monkeypatch):
    whole = detector._items
    monkeypatch.setattr(detector, "_items", lambda pairs: whole(pairs.assign(kind="swap")))
    assert outcome(StereotypePairs(), STRICT) == (True, True)


def test_a_judge_that_forgets_the_tokens_does_not_pass_its_controls():
    planted, clean = StereotypePairs("perplexity").controls(np.random.default_rng(0))
    forgetful = StereotypePairs("causal")
    assert [forgetful.found(judged(forgetful, one, STRICT)) for one in (planted, clean)] == [False, False]


# --- a masked model, whole

MASKED_PAIRS = frame(
    ("the old man was unkind", "the young man was unkind", "age", "t1", "swap"),
    ("she ate the apples", "he ate the apples", "gender", "t2", "swap"),
    ("a clever woman said it", "a clever doctor said it", "gender", "t3", "swap"),
)


@pytest.mark.parametrize("variant", ["paper", "modified", "aul", "aula", "pll-word-l2r"])
def test_a_masked_model_is_asked_once_for_all_variants(variant, ask_of, tmp_path):
    """By scores of one sentence after the other, and the reference's own way to the shared tokens."""
    import pyarrow as pa
    from tiny_models import make_tiny_bert

    model = open_model("masked_lm", path=make_tiny_bert(tmp_path / "bert"), threads=1, device="cpu")
    probe, door = StereotypePairs(variant), ask_of(model)
    assert probe.needs == {"pseudo_trace"}
    seen = probe.observe(door, MASKED_PAIRS, "items")
    assert door.calls == probe.estimate(3) == 18
    result = judged(probe, {"items": seen})
    ways = {"paper": "token", "modified": "token", "aul": "none", "aula": "none", "pll-word-l2r": "word"}
    for row, (more, less) in enumerate(zip(MASKED_PAIRS["more"], MASKED_PAIRS["less"], strict=True)):
        sides = [model.pseudo_trace([text], hidden=ways[variant], attention=True)[0] for text in (more, less)]
        own = [set(one["element"]) ^ set(other["element"]) for one, other in (sides, sides[::-1])]
        wanted = []
        for side, words in zip(sides, own, strict=True):
            nats, differs = side["log_prob"], side["element"].isin(words)
            sums = {"paper": nats[~differs].sum(), "modified": nats[differs].mean(), "aul": nats.mean(),
                    "aula": (nats * side["attention"]).mean()}  # fmt: skip
            wanted.append(sums.get(variant, nats.sum()))
        assert result.items["difference"].iloc[row] == pytest.approx(wanted[0] - wanted[1], abs=1e-4)
    stored = tmp_path / "observed.parquet"
    stored.write_bytes(parquet_bytes(pa.Table.from_pandas(seen.reset_index())))
    again = pd.read_parquet(stored).set_index("id")
    assert judged(probe, {"items": again}).measures == result.measures


# --- the real small language model -----------------------------------------------------------------------------------

CROWS = Path(__file__).parents[1].parent / "shared" / "data" / "crows_pairs" / "crows_pairs_anonymized.csv"


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_model_on_the_first_20_crows_pairs(ask_of, request):
    """9 of 20 were computed apart, by a plain softmax in float64 over each sentence; none by less than 0.16 nats."""
    if not CROWS.is_file():
        pytest.skip("needs CrowS-Pairs beside the checkout")
    model = request.getfixturevalue("real_lm")
    probe = StereotypePairs()
    items = next(CrowSPairs(CROWS).batches(probe.roles["items"], limit=20))
    result = judged(probe, {"items": probe.observe(ask_of(model), items, "items").drop(columns="unit")})
    assert result.measure("pct_stereotype").value == pytest.approx(9 / 20)
    assert result.headline.n == {"items": 20, "units": 20}
    assert result.headline.low < 9 / 20 < 0.5 < result.headline.high
    assert {m.group for m in result.measures} > {"gender", "race-color", "stereo", "antistereo"}

    texts = [*items["more"][:3], *items["less"][:3]]
    scored = result.items[:3]
    plain = np.array([plain_log_prob(model, text) for text in texts])
    np.testing.assert_allclose([*scored["log_prob_more"], *scored["log_prob_less"]], plain, atol=1e-3)
    assert (np.sign(scored["difference"]) == np.sign(plain[:3] - plain[3:])).all()


def plain_log_prob(model, text):
    """Log P(text) by a full softmax in float64, one text at a time."""
    import torch

    ids = torch.tensor([model.encoder.tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        nats = torch.log_softmax(model.scorer.network.model(ids).logits[0, :-1].double(), -1)
    return nats.gather(1, ids[0, 1:, None]).sum().item()
