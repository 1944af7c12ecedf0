"""Gumbel marks and the keyed permutation: published words and scores, exact tails, and the size of the tests."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binom, gamma, kstest, nbinom

from detectors.provenance.text.dipmark import DiPmarkScheme
from detectors.provenance.text.gumbel import GumbelScheme, VLLMGumbelScheme, two_key_tail
from detectors.provenance.text.philox import context_state, philox, token_words

SCHEMES = [GumbelScheme(300, 10**38 + 7), VLLMGumbelScheme(300, 42), VLLMGumbelScheme(300, 2**64 - 1, alpha=0.2),
           DiPmarkScheme(300, 10**38 + 7)]  # fmt: skip


def words(*numbers):
    return tuple(np.array([number], dtype=np.uint64) for number in numbers)


# --- keyed numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
         (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)  # fmt: skip
def test_philox_gives_the_words_of_its_authors(counter, key, expected):
    assert tuple(int(word[0]) for word in philox(words(*counter), words(*key))) == expected


def test_words_of_contexts_and_tokens_are_those_of_vllm():
    state = context_state(np.array([[1, 2, 3, 4], [4, 5, 6, 7]]), 42)
    beside = tuple(word[:, None] for word in state)
    found = token_words(beside, np.array([[7, 8]]), 42, each=1)[..., 0]
    assert found.tolist() == [[425429266, 2706218805], [2494036831, 3424185538]]
    u = VLLMGumbelScheme.uniforms(42, np.array([[1, 2, 3, 4]]), np.array([[7]]))
    assert u == np.float32((1661833 + 1) / (2**24 + 1))


def test_the_two_keys_of_vllm_are_drawn_from_one():
    assert VLLMGumbelScheme(9, 0, alpha=0.1).keys == ((15691511769010696906, 0.9), (9736202488081271922, 0.1))


def test_a_text_that_vllm_marked_scores_as_there():
    text = [7, 2, 13, 2, 5, 1, 11, 14]
    (reading,) = VLLMGumbelScheme(16, 42).read([text])
    assert (reading.scored, reading.statistic) == (8, pytest.approx(19.672172609864035, abs=1e-12))
    assert reading.p_value == pytest.approx(0.0009697880157637389, rel=1e-12)
    assert VLLMGumbelScheme(16, 43).read([text])[0].p_value > 0.05


def test_numbers_are_uniform_and_know_nothing_of_their_neighbours():
    contexts, tokens = np.arange(2000).reshape(500, 4), np.arange(500)[:, None] + np.arange(40)
    for scheme in (GumbelScheme(9999, 5), DiPmarkScheme(9999, 5)):
        u = scheme.uniforms(contexts, tokens)
        assert kstest(u.ravel(), "uniform").pvalue > 1e-3
        for a, b in ((u[:, :-1], u[:, 1:]), (u[:-1], u[1:])):
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / 20_000**0.5
    one, other = (kind(9, 5).uniforms(contexts, tokens) for kind in (GumbelScheme, DiPmarkScheme))
    assert not np.isclose(one, other).mean() > 1e-3


# --- readings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_context_counts_once_a_text_where_it_stands_first(scheme):
    text = np.array([1, 2, 3, 4, 5, 1, 2, 3, 4, 6])
    reading, alone = scheme.read([text, text[:3], []])[0], scheme.read([text])[0]
    assert np.array_equal(reading.per_token, alone.per_token, equal_nan=True)
    scored = np.flatnonzero(~np.isnan(reading.per_token))
    assert scored.tolist() == ([0, 1, 2, 3] if scheme.partial else []) + [4, 5, 6, 7, 8]
    assert reading.statistic == pytest.approx(np.nansum(reading.per_token))
    assert scheme.read([]) == []
    assert np.isnan(scheme.read([[]])[0].p_value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clean_texts_that_repeat_themselves_are_not_accused(scheme):
    rng, seen = np.random.default_rng(3), []
    following = rng.integers(0, 60, (60, 3))
    for key in range(10, 160):
        made = type(scheme)(60, key, **({"alpha": 0.2} if getattr(scheme, "alpha", None) else {}))
        state, texts = rng.integers(0, 60, 6), []
        for _ in range(80):
            state = following[state, rng.integers(0, 3, 6)]
            texts.append(state)
        seen.append([one.p_value for one in made.read(np.stack(texts, axis=1))])
    for alpha in (0.1, 1e-2, 1e-3):
        of_keys = np.mean(np.array(seen) <= alpha, axis=1)  # texts of one key meet the same contexts
        assert of_keys.mean() <= alpha + 4 * of_keys.std() / len(seen) ** 0.5


@pytest.mark.parametrize("scheme", SCHEMES)
def test_more_is_asked_for_only_where_it_helps(scheme):
    rng = np.random.default_rng(0)
    short = [one for one in scheme.read(rng.integers(0, 300, (40, 30))) if one.statistic > 1.1 * one.expected]
    for reading in short[:3]:
        more, rate = scheme.more_needed(reading, 1e-6), reading.statistic / reading.scored
        assert scheme.tail(reading.statistic + rate * more, reading.scored + more) <= 1e-6
    assert scheme.more_needed(scheme.read([[]])[0], 1e-6) is None


# --- tails ------------------------------------------------------------------------------------------------------------


def test_tails_of_one_key_are_gamma_and_of_coins_binomial():
    assert GumbelScheme(9, 1).tail(30.0, 20) == pytest.approx(gamma.sf(30, 20), rel=1e-12)
    hits = np.arange(21)
    assert DiPmarkScheme(9, 1).tail(hits, 20) == pytest.approx(binom.sf(hits - 1, 20, 0.5), rel=1e-12)
    assert DiPmarkScheme(9, 1).tail(20, 20) == 0.5**20
    assert sum(comb(20, k) for k in range(15, 21)) / 2**20 == pytest.approx(float(DiPmarkScheme(9, 1).tail(15, 20)))


def mixed(s, n, a):
    """Return the tail of (1-a) X + a Y as a negative binomial mixture of gammas, every term of which is positive."""
    a = min(a, 1 - a)
    k = np.arange(60_000)
    weight = nbinom.pmf(k, n, a / (1 - a))
    return float(weight[weight > 0] @ gamma.sf(s / a, 2 * n + k[weight > 0]))


@pytest.mark.parametrize("a", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("n", [1, 8, 200])
def test_the_tail_of_two_keys_is_that_of_a_mixture_of_gammas(a, n):
    s = np.array([0.5, 1.0, 1.2, 2.0, 4.0]) * n
    exact = np.array([mixed(one, n, a) for one in s])
    seen = exact > 1e-290
    assert two_key_tail(s, n, a)[seen] == pytest.approx(exact[seen], rel=1e-8)


def test_the_tail_of_two_keys_is_not_the_matched_one():
    # vLLM's moment match at nominal 1e-6, 0.2 and 8 tokens: published true rate 2.2e-6
    v = 0.8**2 + 0.2**2
    assert two_key_tail(v * gamma.isf(1e-6, 8 / v), 8, 0.2) == pytest.approx(2.2e-6, rel=0.02)


def test_the_tail_of_two_keys_is_within_five_hundredths_of_simulation():
    rng, n, a = np.random.default_rng(0), 30, 0.2
    # importance sampling: both clocks slower by 1 / (1 - tilt), weighed back
    tilt, draws = 0.42, 200_000
    x, y = rng.gamma(n, 1 / (1 - tilt * (1 - a)), draws), rng.gamma(n, 1 / (1 - tilt * a), draws)
    s = (1 - a) * x + a * y
    weight = np.exp(-tilt * s) * ((1 - tilt * (1 - a)) * (1 - tilt * a)) ** -n
    bound = 49.0
    simulated = float((weight * (s >= bound)).mean())
    assert 2e-5 < simulated < 5e-4
    assert two_key_tail(bound, n, a) == pytest.approx(simulated, rel=0.02)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_key_of_no_share_leaves_one_gamma(alpha):
    assert two_key_tail(12.0, 9, alpha) == pytest.approx(gamma.sf(12, 9))
    assert np.isnan(two_key_tail(0.0, 0, 0.3))
    assert two_key_tail(0.0, 4, 0.3) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GumbelScheme(9, -1), "key: got a number below 0"),
        (lambda: GumbelScheme(9, 1, 0), "context_width: got 0; allowed: 1 or more"),
        (lambda: VLLMGumbelScheme(9, 2**64), "key: got more than 64 bits"),
        (lambda: VLLMGumbelScheme(9, 1, alpha=1.5), "alpha: got 1.5; allowed: 0 to 1"),
    ],
)
def test_keys_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
