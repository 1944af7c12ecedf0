"""SynthID: published and hand-worked bits, those of transformers, exact laws of scores, and the size of the test."""

import hashlib
import re
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import binom
from transformers import SynthIDTextWatermarkLogitsProcessor

from audit.watermarks.text.synthid import DEMO_KEYS
from detectors.provenance.text.hashing import steps_back
from detectors.provenance.text.scheme import Reading
from detectors.provenance.text.sums import SumLaw
from detectors.provenance.text.synthid import SynthIDMainScheme, SynthIDScheme

HF = SynthIDScheme(50257, DEMO_KEYS)
KEPT = replace(HF, repeats="keep")


def peer(keys=DEMO_KEYS, **options):
    known = {"ngram_len": 5, "sampling_table_size": 2**16, "sampling_table_seed": 0, "context_history_size": 1024}
    return SynthIDTextWatermarkLogitsProcessor(keys=list(keys), device=torch.device("cpu"), **known | options)


def weighted_mean(processor, ids):
    """Return the authors' weighted mean and count from transformers' bits and mask, which has no score of its own."""
    bits = processor.compute_g_values(torch.from_numpy(ids)).numpy()
    mask = processor.compute_context_repetition_mask(torch.from_numpy(ids)).numpy()
    weights = np.linspace(10, 1, bits.shape[-1])
    weights *= len(weights) / weights.sum()
    return (bits @ weights * mask).sum(axis=1) / (len(weights) * mask.sum(axis=1)), mask.sum(axis=1)


def zipf(texts, tokens, seed=0, vocabulary=50257):
    p = 1 / np.arange(1, vocabulary + 1) ** 1.05
    rng = np.random.default_rng(seed)
    return rng.permutation(vocabulary)[rng.choice(vocabulary, (texts, tokens), p=p / p.sum())]


# --- bits -------------------------------------------------------------------------------------------------------------


def test_the_table_is_the_known_one():
    table = np.unpackbits(np.frombuffer(HF.table, dtype=np.uint8))
    assert "".join(map(str, table[:32])) == "01101111111001000001011001111010"
    assert table.sum() == 32743
    assert hashlib.sha256(HF.table).hexdigest() == "5151fe795a218d1adf0b7fd707204de23867ef2653fdebb8c9ff28d93f6aa55b"


def test_bits_and_score_of_a_text_are_the_known_ones():
    bits = HF.g_values(HF.hashes(np.arange(100, 112))[1])
    assert ["".join(map(str, row)) for row in bits[:3]] == [
        "011000100111011101001010010110", "001100010000111001000110010101", "110000111111101111100010100110",
    ]  # fmt: skip
    assert bits.shape == (8, 30)
    assert bits.sum() == 122
    (reading,) = HF.read([np.arange(100, 112)])
    assert reading.scored == 8
    assert reading.statistic / 8 == pytest.approx(0.5172675026, abs=1e-10)
    assert np.isnan(reading.per_token[:4]).all()
    assert reading.per_token[4:].sum() == pytest.approx(reading.statistic)


def test_bits_of_a_thousand_windows_are_those_of_transformers():
    windows = np.random.default_rng(0).integers(0, 2**31, (1000, 5))
    for keys in (DEMO_KEYS, (2**63 - 1, 0, 2**40 + 9)):
        scheme = SynthIDScheme(2**31, keys)
        theirs = peer(keys).compute_g_values(torch.from_numpy(windows))[:, 0]
        assert np.array_equal(scheme.g_values(np.concatenate([scheme.hashes(one)[1] for one in windows])), theirs)


@pytest.mark.parametrize("ids", [zipf(20, 200), zipf(20, 200, vocabulary=30), np.zeros((2, 60), dtype=np.int64)])
def test_scores_and_repeated_contexts_are_those_of_transformers(ids):
    theirs, counts = weighted_mean(peer(context_history_size=20), ids)
    ours = replace(KEPT, context_history_size=20).read(ids)
    assert [one.scored for one in ours] == counts.tolist()
    assert [one.statistic / one.scored for one in ours] == pytest.approx(theirs, abs=1e-12)


def test_a_context_whose_hash_is_zero_is_known_while_the_history_holds_zeros():
    # h = 0 needs (h + x) a = -1 mod 2^64 for the last id x, which is one number
    scheme = replace(KEPT, ngram_len=2, vocabulary=2**63, context_history_size=3)
    last = (-pow(6364136223846793005, -1, 2**64) - 1) % 2**64
    ids = np.array([[last, 5, 6, 7, 8, 9, last, 11]])
    assert scheme.hashes(ids[0])[0].tolist().count(0) == 2
    theirs = peer(ngram_len=2, context_history_size=3).compute_context_repetition_mask(torch.from_numpy(ids))
    assert np.array_equal(~np.isnan(scheme.read(ids)[0].per_token[1:]), theirs[0])
    assert not theirs.all()


def test_the_table_of_a_gpu_can_be_given():
    other = peer(sampling_table_seed=7)
    bits = np.packbits(other.sampling_table.numpy().astype(np.uint8)).tobytes()
    ids = zipf(3, 80)
    given, drawn = (replace(KEPT, **how).read(ids) for how in ({"sampling_table": bits}, {"sampling_table_seed": 7}))
    assert [one.statistic for one in given] == [one.statistic for one in drawn]
    assert [one.statistic / one.scored for one in given] == pytest.approx(weighted_mean(other, ids)[0])


def test_ids_that_differ_by_the_size_of_the_table_are_one():
    wide = SynthIDScheme(2**20, DEMO_KEYS)
    text = zipf(1, 50)[0]
    assert [wide.read([text + shift])[0].statistic for shift in (0, 65536)] == [wide.read([text])[0].statistic] * 2


def plain_main(ids, keys):
    """Return the bits of the main branch, in plain Python."""
    def step(state, data):
        return ((state + data) * 6364136223846793005 + 1) % 2**64

    packed = b"".join(key.to_bytes(8, "little") for key in keys)
    start = int.from_bytes(hashlib.sha256(packed).digest(), "big") % (2**63 - 1)
    for one in ids:
        start = step(start, one)
    bits = []
    for key in keys:
        state = step(start, key)
        for _ in range(12):
            state = step(state, 1)
            state = ((state - 2**64 if state >= 2**63 else state) >> 5) % 2**64
        bits.append(state >> 30 & 1)
    return bits


def test_bits_of_the_main_branch_are_those_worked_in_whole_numbers():
    scheme = SynthIDMainScheme(50257, DEMO_KEYS)
    for window in np.random.default_rng(1).integers(0, 50257, (40, 5)):
        bits = scheme.g_values(scheme.hashes(window)[1])
        assert bits[0].tolist() == plain_main(window.tolist(), DEMO_KEYS)
        assert scheme.scores(scheme.sources(scheme.hashes(window)[1])) == bits[0] @ scheme.layers
    assert abs(scheme.g_values(scheme.hashes(zipf(1, 3000)[0])[1]).mean() - 0.5) < 0.01


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_codes_know_how_far_back_they_stood_last():
    assert steps_back(np.array([7, 8, 7, 7, 9, 8], dtype=np.uint64)).tolist() == [0, 0, 2, 1, 0, 4]


@pytest.mark.parametrize("scheme", [HF, SynthIDMainScheme(50257, DEMO_KEYS)])
def test_what_a_text_repeats_is_scored_once_and_texts_know_nothing_of_each_other(scheme):
    text = zipf(1, 60)[0]
    alone, thrice = scheme.read([text])[0], scheme.read([np.tile(text, 3)])[0]
    assert thrice.scored == alone.scored + 4  # windows over the seam
    both = scheme.read([text, text[:3], [], text])
    assert [one.scored for one in both] == [alone.scored, 0, 0, alone.scored]
    assert both[3].p_value == alone.p_value
    assert np.isnan(both[1].p_value)


# --- laws -------------------------------------------------------------------------------------------------------------


def test_tails_of_sums_are_those_counted_out():
    weights, p = (3, 1, 0, 2), (Fraction(1, 2), Fraction(1, 8), Fraction(1, 4), Fraction(1, 8))
    law = SumLaw(np.array([0.25, 0.125, 0.125, 0.5]))
    for draws in (1, 3):
        for total in range(10):
            ways = [way for way in product(range(4), repeat=draws) if sum(weights[i] for i in way) >= total]
            exact = sum(np.prod([p[i] for i in way]) for way in ways)
            assert law.tail(total, draws) == pytest.approx(float(exact), rel=1e-12)
    assert np.isnan(law.tail(1, 0))


def test_values_that_no_draw_has_change_no_tail_however_steep_the_tilt():
    """Of a table no row may win all layers: then the law ends in zeros, behind which a steep tilt has no number."""
    short = np.append(np.full(30, (1 - 1e-6) / 30), 1e-6)
    tails = [SumLaw(p).tail(np.arange(0, 901, 10), 60) for p in (short, np.append(short, np.zeros(5000)))]
    assert np.isfinite(tails[0]).all()
    assert tails[1].tolist() == pytest.approx(tails[0].tolist(), rel=1e-9)


@pytest.mark.parametrize("chance", [0.5, 0.25])
@pytest.mark.parametrize("draws", [1, 7, 60, 400])
def test_tails_keep_their_digits_however_small_they_are(chance, draws):
    law = SumLaw(binom.pmf(np.arange(31), 30, chance))
    totals = np.unique(np.linspace(0, 30 * draws, 60).astype(int))
    exact = binom.sf(totals - 1, 30 * draws, chance)
    seen = exact > 1e-300
    assert law.tail(totals, draws)[seen] == pytest.approx(exact[seen], rel=1e-9)
    assert (law.tail(totals, draws)[~seen] < 1e-299).all()


def test_the_mean_of_fair_bits_has_a_binomial_tail():
    scheme = SynthIDMainScheme(50257, DEMO_KEYS, weights="equal")
    statistic = np.array([30.0, 33.0, 45.0])
    assert scheme.tail(statistic, 60) == pytest.approx(binom.sf(statistic * 30 - 1, 1800, 0.5), rel=1e-10)


@pytest.mark.parametrize(
    ("tokens", "rate", "thresholds"),
    [
        (16, 0.211, (0.5585, 0.5777, 0.6191)), (25, 0.157, (0.5467, 0.5621, 0.5954)),
        (50, 0.0775, (0.5329, 0.5438, 0.5675)), (100, 0.0221, (0.5232, 0.5309, 0.5477)),
        (200, 2.2e-3, (0.5163, 0.5217, 0.5336)), (400, 2.9e-5, (0.5114, 0.5153, 0.5237)),
    ],
)  # fmt: skip
def test_thresholds_of_the_weighted_mean_are_the_known_ones(tokens, rate, thresholds):
    assert HF.tail(0.52 * tokens, tokens) == pytest.approx(rate, rel=0.02)
    for alpha, threshold in zip((1e-2, 1e-3, 1e-6), thresholds, strict=True):
        assert HF.tail((threshold - 1e-4) * tokens, tokens) > alpha > HF.tail((threshold + 1e-4) * tokens, tokens)


def test_a_p_value_is_the_share_of_drawn_rows_that_score_as_much():
    rng = np.random.default_rng(0)
    drawn = HF.scores(rng.integers(0, 65536, (100_000, 20)).astype(np.uint64)).sum(axis=1)
    for alpha in (0.1, 1e-2, 1e-3):
        total = int(np.quantile(drawn, 1 - alpha))
        expected = float(HF.law.tail(total, 20)) * 100_000
        assert abs((drawn >= total).sum() - expected) < 4 * expected**0.5


@pytest.mark.parametrize("kind", [SynthIDScheme, SynthIDMainScheme])
def test_clean_texts_that_repeat_themselves_are_not_accused(kind):
    rng, seen = np.random.default_rng(3), []
    following = rng.integers(0, 60, (60, 3))
    for _ in range(4):
        scheme = kind(60, tuple(rng.integers(1, 2**62, 30).tolist()))
        state, texts = rng.integers(0, 60, 200), []
        for _ in range(80):
            state = following[state, rng.integers(0, 3, 200)]
            texts.append(state)
        seen += [one.p_value for one in scheme.read(np.stack(texts, axis=1))]
    for alpha in (0.1, 1e-2, 1e-3):
        assert np.mean(np.array(seen) <= alpha) <= alpha + 3 * (alpha / len(seen)) ** 0.5


# --- how many more ----------------------------------------------------------------------------------------------------


def test_more_is_asked_for_only_where_it_helps():
    def reading(mean, scored):
        return Reading(scored, mean * scored, HF.expected * scored, float(HF.tail(mean * scored, scored)), np.empty(0))

    assert HF.more_needed(reading(0.6, 200), 1e-6) == 0
    more = HF.more_needed(reading(0.56, 20), 1e-6)
    assert HF.tail(0.56 * (20 + more), 20 + more) == pytest.approx(1e-6, rel=0.3)
    assert HF.more_needed(reading(0.49, 20), 1e-6) is None
    assert HF.more_needed(HF.read([[1, 2]])[0], 1e-6) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ()}, "keys: got others; allowed: one or more of 0 to 2^63 - 1"),
        ({"keys": (-1,)}, "keys: got others"),
        ({"ngram_len": 1}, "ngram_len: got 1; allowed: 2 or more"),
        ({"context_history_size": 0}, "context_history_size: got 0"),
        ({"sampling_table_size": 1000}, "sampling_table_size: got 1000; allowed: powers of two, 8 or more"),
        ({"sampling_table": b"1"}, "sampling_table: got 8 bits; allowed: 65536"),
    ],
)
def test_keys_and_tables_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SynthIDScheme(50257, **{"keys": DEMO_KEYS} | options)
