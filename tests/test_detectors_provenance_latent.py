"""Marks in the starting noise: their laws. What is found behind images is in `test_audit_watermarks_noise.py`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm

from detectors.provenance.image.latent import keyed_bits, reused_stream, ringed, ringed_p, shaded, shading

MESSAGE = np.array([0, 1, 1, 0, 1, 0, 0, 1], dtype=bool)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_shaded_noise_is_standard_normal_over_keys_and_gives_its_message_back(rng):
    noise = np.stack([shaded(MESSAGE, b"key", bytes([n]), (8, 8), rng) for n in range(200)])
    assert kstest(noise.ravel(), norm.cdf).pvalue > 1e-3
    for n, one in enumerate(noise[:20]):
        found = shading(one, MESSAGE, b"key", bytes([n]))
        assert (found.matches, found.length, found.p_value) == (64, 64, pytest.approx(2.0**-64))
        assert found.message.tolist() == MESSAGE.tolist()
    with pytest.raises(ValueError, match="got 65 bits; allowed: 1 to 64"):
        shaded(np.zeros(65, dtype=bool), b"key", b"", (8, 8), rng)


def test_the_p_value_of_shading_is_binomial_and_exact_over_keys(rng):
    noise = np.abs(rng.standard_normal((8, 8)))  # all signs alike: the worst that an image can be
    p = np.array([shading(noise, MESSAGE, rng.bytes(8), b"").p_value for _ in range(2000)])
    for level in (0.01, 0.1, 0.5):
        assert (p <= level).sum() <= binom.ppf(0.999, len(p), level)
    assert np.isnan(shading(np.full((8, 8), np.nan), MESSAGE, b"k", b"").p_value)
    one = shading(noise, MESSAGE, b"k", b"")
    assert one.matches == (keyed_bits(b"k", b"", 64) != np.resize(MESSAGE, 64)).sum()
    assert one.p_value == pytest.approx(binom.sf(one.matches - 1, 64, 0.5))


def test_a_nonce_that_served_twice_shows(rng):
    fresh = np.stack([shaded(MESSAGE, b"key", bytes([n]), (8, 8), rng) for n in range(7)])
    again = np.stack([shaded(MESSAGE, b"key", b"", (8, 8), rng) for _ in range(7)])
    assert reused_stream(fresh) > 1e-3
    assert reused_stream(again) == pytest.approx(2.0**-192)
    with pytest.raises(ValueError, match="got 1 items"):
        reused_stream(fresh[:1])


def test_the_waves_of_a_key_are_those_of_white_noise_and_their_p_is_exact_over_keys(rng):
    noise = rng.standard_normal((300, 16, 16))
    made = np.stack([ringed(one, rng.bytes(8), 5) for one in noise])
    assert kstest(made.ravel(), norm.cdf).pvalue > 1e-3
    low = np.hypot(*np.meshgrid(np.fft.fftfreq(16, 1 / 16), np.fft.fftfreq(16, 1 / 16))) < 5.001
    low[0, 0] = False
    ours, theirs = (np.fft.fft2(ringed(one, b"key", 5)) for one in noise[:2])
    np.testing.assert_allclose(ours[low], theirs[low], atol=1e-9)  # of the key alone
    np.testing.assert_allclose(ours[~low], np.fft.fft2(noise[0])[~low], atol=1e-9)
    dull = np.cumsum(np.cumsum(rng.standard_normal((3, 16, 16)), 1), 2)  # nearly all in low waves
    for found in (noise[:1], noise[:8], dull):
        assert kstest([ringed_p(found, rng.bytes(8), 5) for _ in range(1000)], "uniform").pvalue > 1e-3
    with pytest.raises(ValueError, match=r"got radius 8 in 16 by 16 numbers; allowed: .* below 8"):
        ringed(noise, b"key", 8)


def test_the_p_value_of_waves_by_hand(rng):
    """A key's own plane lies on the direction of its low part: p = Phi(-|P k|)."""
    plane = ringed(np.zeros((8, 8)), b"key", 3)
    assert ringed_p(plane[None], b"key", 3) == pytest.approx(norm.sf(np.sqrt((plane**2).sum())))
    assert ringed_p(-plane[None], b"key", 3) == pytest.approx(norm.cdf(np.sqrt((plane**2).sum())))


def test_noise_that_is_missing_or_all_the_same_tells_nothing(rng):
    noise = rng.standard_normal((4, 8, 8))
    noise[1], noise[2] = np.nan, 1.0
    assert [np.isnan(ringed_p(one[None], b"key", 3)) for one in noise] == [False, True, True, False]
    assert ringed_p(noise, b"key", 3) == ringed_p(noise[[0, 3]], b"key", 3)
    assert np.isnan(reused_stream(np.full((4, 8, 8), np.nan)))
    half = np.where(np.arange(8) < 4, np.nan, rng.standard_normal((4, 8, 8)))
    assert reused_stream(half) > 1e-3
    assert reused_stream(np.abs(half)) == pytest.approx(2.0**-64)
