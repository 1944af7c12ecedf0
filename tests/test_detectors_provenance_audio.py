"""The keyed mark of sounds: exact over keys whatever the sound is, found where it was put and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import needs_library
from scipy.special import j0
from scipy.stats import binom

from audit.errors import UsageError
from audit.watermarks.audio import AudioSpread
from detectors.provenance.audio import reading
from detectors.provenance.audio.attacks import ATTACKS, STRENGTHS, attacked
from detectors.provenance.audio.frames import at_rate, framed
from detectors.provenance.audio.period import FREQUENCIES, PERIOD, RATE, pattern, phases
from detectors.provenance.audio.quality import segmental_snr, snr
from detectors.provenance.audio.reading import read, read_all
from detectors.provenance.cosines import log_cosine_tail

KEY = b"key"


def notes(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Notes that die away over a little noise, [sample, 1]."""
    rng, at = np.random.default_rng(seed), np.arange(rate) / rate
    sound = 0.002 * rng.standard_normal(round(seconds * rate))
    for start in range(0, len(sound), round(0.4 * rate)):
        waves = sum(np.sin(2 * np.pi * overtone * rng.uniform(200, 600) * at) / overtone for overtone in range(1, 6))
        sound[start : start + rate] += (np.exp(-6 * at) * waves)[: len(sound) - start]
    return (0.4 * sound / np.abs(sound).max()).astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def marked():
    return AudioSpread().marked(notes(9), RATE, KEY)


def test_a_pattern_worked_by_hand():
    """A pure tone of the key's own phases: S is the number of cosines, at whatever shift, upside down too."""
    wave = pattern(KEY)
    assert wave.std() == pytest.approx(1)
    direct = np.cos(2 * np.pi * np.outer(np.arange(5), FREQUENCIES) / PERIOD + phases(KEY)).sum(1)
    np.testing.assert_allclose(wave[:5] * math.sqrt(len(FREQUENCIES) / 2), direct, rtol=1e-4)
    for shift, turn in ((0, 1), (77, 1), (8000, -1)):
        units = reading._units(turn * np.roll(wave, shift))
        found, count = reading._greatest(units, KEY)
        assert count == len(FREQUENCIES) == 3482
        assert found == pytest.approx(count, rel=1e-4)
        assert reading._greatest(units, b"another")[0] < 6 * math.sqrt(count / 2)


def test_what_is_tried_is_counted():
    """9 s are 9 periods: the whole, 3 passages of 4 periods and 1 of 8, each with 16,384 shifts, twice."""
    passages = dict(reading._passages(np.arange(9 * PERIOD, dtype=np.float32)))
    assert [*passages] == [(0, 9), (0, 4), (2, 6), (4, 8), (0, 8)]
    whole = np.arange(9 * PERIOD, dtype=np.float64).reshape(9, PERIOD)
    for (first, last), folded in passages.items():
        np.testing.assert_allclose(folded, whole[first:last].sum(0), rtol=1e-6)
    one = read(notes(9), RATE, KEY)
    assert one.tried == 2 * 2 * PERIOD * 5
    assert one.count <= len(FREQUENCIES)
    expected = math.log(one.tried) + log_cosine_tail(one.statistic, one.count)
    assert one.log10_p == pytest.approx(min(0, expected / math.log(10)))


HARD = {
    "one tone": np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE), "one period over and over": np.resize(
        np.random.default_rng(0).standard_normal(PERIOD), 4 * RATE), "clicks": np.arange(4 * RATE) % PERIOD == 0,
    "a second, then silence": np.pad(np.random.default_rng(1).standard_normal(RATE), (0, 3 * RATE)),
    "notes": notes(4)[:, 0], "the mark of another": AudioSpread().marked(notes(4), RATE, b"theirs")[:, 0],
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_no_sound_that_knows_nothing_of_the_key_is_accused_more_often_than_p_says(name):
    sound = np.asarray(HARD[name], dtype=float) / 4
    found = np.array([one.p_value for one in read_all(sound, RATE, [b"%d" % key for key in range(200)])])
    for level in (0.1, 0.01):
        assert binom.sf((found <= level).sum() - 1, len(found), level) > 1e-4


def test_the_sum_at_one_shift_has_the_law_of_cosines_over_keys():
    """E exp(i u S) = J0(u)^n for any sound: here a loop, whose repetitions add nothing to n."""
    folded = next(reading._passages(reading._even(np.resize(notes(1)[:, 0], 6 * RATE))))[1]
    units = reading._units(folded)
    count = int((units != 0).sum())
    sums = np.array([(units * np.exp(-1j * phases(b"%d" % key))).real.sum() for key in range(4000)])
    u = 1 / math.sqrt(count)
    assert np.exp(1j * u * sums).mean().real == pytest.approx(j0(u) ** count, abs=4 / math.sqrt(2 * len(sums)))
    assert sums.std() == pytest.approx(math.sqrt(count / 2), rel=0.05)


def test_the_mark_is_found_under_its_key_alone(marked):
    right, *wrong = read_all(marked, RATE, [KEY, *(b"%d" % key for key in range(50))])
    assert right.log10_p < -100
    assert right.passage[0] == 0
    assert right.passage[1] > 8
    assert min(one.log10_p for one in wrong) > -5
    assert read(notes(9), RATE, KEY).log10_p > -3


@pytest.mark.parametrize("kind", [one for one in ATTACKS if one != "speed"])
def test_the_mark_survives(kind, marked):
    """All strengths of the table; another tempo it does not, as the pages say."""
    if kind in ("mp3", "vorbis"):
        needs_library("soundfile")
    for strength in ATTACKS[kind]:
        least, most = STRENGTHS[kind]
        assert least <= strength <= most
        changed = attacked(kind, marked, RATE, strength, np.random.default_rng(0))
        assert changed.shape[1] == 1
        assert np.abs(changed).max() <= 1
        assert read(changed, RATE, KEY).log10_p < -6, strength
    assert read(attacked("speed", marked, RATE, 1.01, np.random.default_rng(0)), RATE, KEY).log10_p > -6


@pytest.mark.parametrize("rate", [11025, 44100, 48000])
def test_any_rate_and_any_channels(rate):
    sound = np.concatenate([notes(5, rate), 0.3 * notes(5, rate, 1)], axis=1)
    made = AudioSpread().marked(sound, rate, KEY)
    assert made.shape == sound.shape
    for heard in (made, made[:, ::-1], made[:, 1], at_rate(made[:, 0], rate, RATE)):
        assert read(heard, rate if len(heard) == len(made) else RATE, KEY).log10_p < -20


def test_a_channel_that_was_turned_upside_down_hides_nothing(marked):
    """In 16 bits, as a file holds it; which channel is read is chosen without the key."""
    turned = np.rint(np.concatenate([marked, -0.999 * marked], axis=1) * 32768).astype(np.float32) / 32768
    assert read(turned, RATE, KEY).log10_p == pytest.approx(read(marked, RATE, KEY).log10_p, rel=0.01)
    assert read(turned, RATE, b"another").log10_p > -5


def test_what_is_too_quiet_to_be_divided_is_silence():
    """Numbers near 1e-42 have a digit or two: divided by their size they would be far from the unit circle, or none."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        assert math.isnan(read(np.float32(1e-42) * notes(3), RATE, KEY).log10_p)
        made = AudioSpread().marked(notes(6, seed=3), RATE, KEY)
        assert read(np.float32(1e-30) * made, RATE, KEY).log10_p < -50


@settings(max_examples=8, deadline=None)
@given(gain=st.floats(0.01, 8), turn=st.sampled_from([-1, 1]), gone=st.integers(0, 12_000))
def test_neither_loudness_nor_sign_nor_where_it_begins_matters(gain, turn, gone):
    made = AudioSpread().marked(notes(6, seed=3), RATE, KEY)
    cut = read(made[gone:], RATE, KEY)
    assert cut.log10_p < -50
    assert read(gain * turn * made[gone:], RATE, KEY).log10_p == pytest.approx(cut.log10_p, rel=1e-2)


def test_a_marked_passage_is_found_in_a_long_sound():
    sound = notes(40, seed=5)
    sound[20 * RATE : 26 * RATE] = AudioSpread().marked(sound[20 * RATE : 26 * RATE], RATE, KEY)
    found = read(sound, RATE, KEY)
    first, last = found.passage
    assert found.log10_p < -6
    assert 18 < first < last < 28


@settings(max_examples=20, deadline=None)
@given(length=st.integers(1, 3000), size=st.sampled_from([64, 256, 1024]))
def test_frames_that_are_left_as_they_are_give_the_sound_again(length, size):
    sound = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    np.testing.assert_allclose(framed(lambda spectra: spectra, size, sound), sound, atol=1e-5)


@pytest.mark.parametrize("level", [15.0, 26.0, 40.0])
def test_the_mark_is_as_far_below_the_sound_as_asked_and_silence_stays_silence(level):
    sound = notes(4)
    sound[RATE : 2 * RATE] = 0
    made = AudioSpread(level).marked(sound, RATE, KEY)
    assert snr(sound, made) == pytest.approx(level, abs=0.01)
    assert segmental_snr(sound, made, RATE) > min(level - 2, 34)
    np.testing.assert_array_equal(made[RATE : 2 * RATE], 0)


def test_what_a_mark_costs_worked_by_hand():
    """A tenth of the sound is 20 dB; a frame of 20 ms that is untouched counts 35 dB, one of silence nothing."""
    sound = np.ones((320, 2))
    sound[:160, 1] = sound[160:, 0] = -1
    changed = np.where(np.arange(320)[:, None] < 160, 1.1 * sound, sound)
    assert snr(sound[:160], changed[:160]) == pytest.approx(20)
    assert snr(sound, changed) == pytest.approx(20 + 10 * math.log10(2))
    assert segmental_snr(sound, changed, RATE) == pytest.approx((20 + 35) / 2)
    padded = np.pad(sound, ((0, 160), (0, 0)))
    assert segmental_snr(padded, np.pad(changed, ((0, 160), (0, 0))), RATE) == pytest.approx((20 + 35) / 2)
    assert (snr(sound, sound), segmental_snr(sound, sound, RATE)) == (100, 35)
    assert math.isnan(snr(0 * sound, sound))
    assert math.isnan(segmental_snr(0 * sound, sound, RATE))
    with pytest.raises(ValueError, match=r"shapes \[320, 2\] and \[160, 2\]"):
        snr(sound, sound[:160])


def test_attacks_worked_by_hand():
    rng, ramp = np.random.default_rng(0), (np.arange(8000, dtype=np.float32) / 16384)[:, None]
    np.testing.assert_array_equal(attacked("trim", ramp, RATE, 0.5, rng), ramp[4000:])
    np.testing.assert_array_equal(attacked("invert", ramp, RATE, 1, rng), -ramp)
    np.testing.assert_array_equal(attacked("gain", ramp, RATE, 4, rng)[-1], [32767 / 32768])
    assert len(attacked("excerpt", ramp, RATE, 0.25, rng)) == 2000
    assert len(attacked("cut", ramp, RATE, 0.25, rng)) == 6000
    assert (attacked("silence", ramp + 0.1, RATE, 0.25, rng) == 0).sum() == 2000
    assert set(np.unique(attacked("quantise", ramp, RATE, 2, rng))) == {0, 0.5}
    assert attacked("echo", ramp, RATE, 0.5, rng)[-1, 0] == pytest.approx(ramp[-1, 0] + ramp[-801, 0] / 2, abs=1e-4)
    assert len(attacked("speed", ramp, RATE, 1.25, rng)) == 6400
    noise = attacked("noise", ramp, RATE, 20, rng) - ramp
    assert 10 * math.log10(np.mean(ramp**2) / np.mean(noise**2)) == pytest.approx(20, abs=0.5)
    with pytest.raises(ValueError, match="got 'louder'; allowed: mp3, vorbis"):
        attacked("louder", ramp, RATE, 1, rng)


@pytest.mark.parametrize("kind", ["mp3", "vorbis"])
def test_as_many_channels_as_are_read_are_coded(kind):
    needs_library("soundfile")
    sound = np.concatenate([notes(1, seed=number) for number in range(8)], axis=1)
    coded = attacked(kind, sound, RATE, ATTACKS[kind][0], np.random.default_rng(0))
    for number, channel in enumerate(coded[: len(sound)].T):
        assert np.argmax(sound.T @ channel) == number
    two = attacked(kind, sound[:, :2], RATE, ATTACKS[kind][0], np.random.default_rng(0))
    assert coded.shape == (len(two), 8)


def test_filters_and_rates_take_what_lies_outside():
    rng, at = np.random.default_rng(0), np.arange(4 * RATE) / RATE
    low, high = (0.5 * np.sin(2 * np.pi * pitch * at)[:, None] for pitch in (200, 3000))
    for kind, strength, kept, gone in (("lowpass", 1000, low, high), ("highpass", 1000, high, low),
                                       ("resample", 4000, low, high)):  # fmt: skip
        assert attacked(kind, kept, RATE, strength, rng).std() == pytest.approx(kept.std(), rel=0.02)
        assert attacked(kind, gone, RATE, strength, rng).std() < 0.02 * gone.std()


def test_what_cannot_be_read_or_marked_is_said():
    for sound in (np.zeros((3 * RATE, 1)), notes(0.9), np.zeros((0, 1))):
        assert math.isnan(read(sound, RATE, KEY).log10_p)
        assert AudioSpread().read(sound, RATE, [KEY])[0].p_value is None
        with pytest.raises(UsageError, match=r"a mark needs (1 s|some sound)"):
            AudioSpread().marked(sound, RATE, KEY)
    with pytest.raises(ValueError, match="got 4000 samples a second; allowed: 8000 to 192000"):
        read(notes(2), 4000, KEY)
    with pytest.raises(ValueError, match=r"got shape \[2, 2, 2\]"):
        read(np.zeros((2, 2, 2)), RATE, KEY)
    with pytest.raises(UsageError, match="snr is 14; allowed: 15 to 50"):
        AudioSpread(snr=14)
