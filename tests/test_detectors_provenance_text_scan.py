"""Marked passages in longer texts, and streams: found where they are planted, corrected, never rich without cause."""

import numpy as np
import pytest
import torch

from audit.watermarks.text import DiPmark, Gumbel, LeftHash, Shifted, SynthID
from detectors.provenance.text.scan import Stream, bounded, scan
from detectors.provenance.text.scheme import Reading
from detectors.sequential import bets_against

MARKS = [LeftHash(), SynthID(), Gumbel(10**38 + 1), DiPmark(10**38 + 1), Shifted(message=5, payload_bits=3)]
VOCABULARY, BEFORE, MARKED, AFTER = 500, 400, 100, 500


def planted(mark, texts, seed=0):
    """Return texts of noise in which so many tokens from a model of noise stand that drew them under the mark."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    found = torch.from_numpy(rng.integers(0, VOCABULARY, (texts, BEFORE)))
    for _ in range(MARKED):
        drawn = 2 * torch.randn(texts, VOCABULARY, generator=generator)
        top = drawn.topk(40, dim=1)
        given = torch.full_like(drawn, -torch.inf).scatter(1, top.indices, top.values)
        p = mark.marked(found[:, -8:].tolist(), given).softmax(1)
        found = torch.cat([found, torch.multinomial(p, 1, generator=generator)], dim=1)
    return np.hstack([found.numpy(), rng.integers(0, VOCABULARY, (texts, AFTER))])


@pytest.mark.parametrize("mark", MARKS)
def test_a_tenth_of_a_text_that_is_marked_is_found_where_it_stands(mark):
    scheme = mark.scheme(VOCABULARY)
    for reading in scheme.read(planted(mark, 6)):
        passage = scan(scheme, reading)
        assert passage.p_value <= 1e-4
        assert reading.p_value > passage.p_value
        inside = max(0, min(passage.last + 1, BEFORE + MARKED) - max(passage.first, BEFORE))
        assert inside / (passage.last + 1 - passage.first) > 0.6
        between = reading.per_token[passage.first : passage.last + 1]
        assert (~np.isnan(between)).sum() == passage.scored
        assert passage.message == getattr(mark, "message", None)
        if passage.message is None:
            assert np.nansum(between) == pytest.approx(passage.statistic)


@pytest.mark.parametrize("mark", MARKS)
def test_texts_without_a_passage_are_not_accused_by_either(mark):
    scheme = mark.scheme(VOCABULARY)
    p, most = [], []
    for reading in scheme.read(np.random.default_rng(5).integers(0, VOCABULARY, (100, 200))):
        p.append(scan(scheme, reading).p_value)
        evidence, mean = bounded(scheme, reading)
        most.append(Stream(mean).update(evidence).max())
    for alpha in (0.1, 0.02):
        for rate in (np.mean(np.array(p) <= alpha), np.mean(np.array(most) >= -np.log(alpha))):
            assert rate <= alpha + 3 * (alpha / 100) ** 0.5


def test_a_message_is_read_in_the_passage_that_carries_it():
    """Windows and messages by hand: the most that any of them has is what a reading of just those tokens has."""
    mark = Shifted(message=5, payload_bits=3, bias=4.0)
    scheme, text = mark.scheme(VOCABULARY), planted(mark, 1)[0]
    (reading,) = scheme.read([text])
    greens = scheme.evidence(reading)
    assert (greens.sum(axis=0).max(), greens.shape) == (reading.statistic, (reading.scored, 8))
    plain = LeftHash().scheme(VOCABULARY).read([text])[0]
    np.testing.assert_array_equal(greens[:, 0], plain.per_token[~np.isnan(plain.per_token)])
    starts, lengths = np.array([0, 30, 400]), np.array([50, 24, 90])
    most, message = scheme.of_windows(reading, starts, lengths)
    sums = np.array([greens[a : a + n].sum(axis=0) for a, n in zip(starts, lengths, strict=True)])
    assert most.tolist() == sums.max(axis=1).tolist()
    assert message.tolist() == sums.argmax(axis=1).tolist()
    assert message[2] == 5
    found = scan(scheme, reading)
    once = found.window_p_value / 8
    assert found.p_value == pytest.approx(8 * (1 - (1 - once) ** found.windows))
    evidence, mean = bounded(scheme, reading)
    each = [Stream(mean).update(column) for column in evidence.T]
    np.testing.assert_allclose(Stream(mean).update(evidence), np.logaddexp.reduce(each, axis=0) - np.log(8), atol=1e-9)


def test_the_correction_holds_for_every_law_of_one_window():
    scheme = LeftHash().scheme(VOCABULARY)
    short = scheme.read([np.arange(1, 20)])[0]
    passage = scan(scheme, short)
    assert (passage.windows, passage.p_value) == (1, pytest.approx(short.p_value))
    assert (passage.first, passage.last, passage.scored) == (1, 18, 18)
    assert scan(scheme, scheme.read([[5]])[0]) is None
    long = scan(scheme, scheme.read([np.random.default_rng(0).integers(1, 500, 300)])[0])
    assert long.p_value == pytest.approx(1 - (1 - long.window_p_value) ** long.windows)


def test_capital_is_that_of_all_starts_together_however_tokens_come():
    x = np.random.default_rng(0).random(40)
    growth, shares = bets_against(x, 0.3)
    by_hand = [
        sum(np.exp(growth[s : t + 1].sum(axis=0)) @ shares / ((s + 1) * (s + 2)) for s in range(t + 1)) + 1 / (t + 2)
        for t in range(40)
    ]
    assert np.exp(Stream(0.3).update(x)) == pytest.approx(by_hand)
    stream = Stream(0.3)
    parts = [stream.update(part) for part in np.split(x, [1, 1, 7, 30])]
    assert np.exp(np.concatenate(parts)) == pytest.approx(by_hand)
    assert np.exp(stream.log_capital) == pytest.approx(by_hand[-1])


def test_a_fair_outcome_leaves_capital_where_it_was_on_average():
    growth, shares = bets_against([0.0, 1.0], 0.25)
    mean = np.exp(growth).T @ [0.75, 0.25]
    assert mean == pytest.approx(np.ones(len(shares)))
    assert shares.sum() == pytest.approx(1)


def test_a_mark_that_begins_late_is_found_soon_after():
    mark = Gumbel(10**38 + 1)
    scheme = mark.scheme(VOCABULARY)
    for reading in scheme.read(planted(mark, 4)):
        evidence, mean = bounded(scheme, reading)
        assert mean == 0.5
        rich = np.flatnonzero(Stream(mean).update(evidence) >= np.log(1e4))
        assert rich.size
        assert BEFORE < rich[0] + 4 < BEFORE + MARKED


def test_a_mean_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="allowed: between 0 and 1"):
        Stream(1.0)
    x, mean = bounded(LeftHash().scheme(9), Reading(2, 1.0, 0.5, 0.4, np.array([np.nan, 1.0, 0.0])))
    assert (x.tolist(), mean) == ([1.0, 0.0], 0.25)
