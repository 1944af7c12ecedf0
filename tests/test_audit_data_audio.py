"""Sound as rows: tones fall into the bands of their frequency, and what a WAV file can do to its reader is told."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.data.audio import AudioFolder, log_mel, read_wave
from audit.errors import DataError
from audit.probes.novelty.data import DataNovelty
from audit.probes.novelty.scores import ROLES

RATE = 8000


def write(path, sound, width=2, channels=1, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.round(np.asarray(sound) * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    told = (whole + 128 if width == 1 else whole).repeat(channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"".join(int(one).to_bytes(width, "little", signed=width > 1) for one in told))


def tone(frequency, seconds=0.2, rate=RATE, phase=0.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate + phase)


def mel(frequency):
    return 2595 * np.log10(1 + frequency / 700)


@pytest.mark.parametrize("frequency", [300, 900, 2000, 3300])
def test_a_tone_is_loudest_in_the_band_of_its_frequency(frequency):
    energies = log_mel(tone(frequency), RATE, mels=20)
    middles = np.linspace(0, mel(RATE / 2), 22)[1:-1]
    assert abs(middles[energies.argmax()] - mel(frequency)) <= middles[1] - middles[0]


def test_twice_as_loud_is_four_times_the_energy_and_parts_follow_each_other():
    loud, soft = log_mel(tone(900), RATE, 20), log_mel(tone(900) / 2, RATE, 20)
    assert loud.max() - soft.max() == pytest.approx(np.log(4), abs=1e-6)
    low, high = log_mel(np.concatenate([tone(300), tone(3000)]), RATE, 20, parts=2).reshape(2, 20)
    assert low.argmax() < high.argmax()
    assert np.isfinite(log_mel(np.zeros(800), RATE, 20)).all()  # silence


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_are_read_in_every_width_and_channels_are_averaged(tmp_path, width):
    write(tmp_path / "a.wav", tone(440), width=width, channels=2)
    sound, rate = read_wave(tmp_path / "a.wav")
    assert rate == RATE
    assert np.allclose(sound, tone(440), atol=2.1 / 2 ** (8 * width - 1))


def test_windows_of_a_file_are_items_of_one_unit_and_names_tell_of_them(tmp_path):
    write(tmp_path / "high" / "7_ann_0.wav", tone(440, seconds=0.5))
    write(tmp_path / "8_bob_0.wav", tone(550, seconds=0.3))
    plain = pd.concat(AudioFolder(tmp_path, window=0.2).batches(ROLES["items"]))
    assert plain["unit"].to_list() == ["8_bob_0.wav", *["high/7_ann_0.wav"] * 2]  # what is left over is dropped
    named = AudioFolder(tmp_path, names="(?P<label>.)_(?P<unit>[a-z]+)_.*", where={"unit": ["ann"]}, mels=8)
    found = pd.concat(named.batches(ROLES["items"]))
    assert (len(found), found["unit"].iloc[0], len(found["row"].iloc[0])) == (1, "ann", 32)
    assert named.digest() != AudioFolder(tmp_path).digest()


def test_what_is_no_sound_is_told_in_one_line(tmp_path):
    for make, said in (
        (lambda path: path.write_bytes(b"RIFF"), "cannot be read as a WAV file"),
        (lambda path: write(path, tone(440, seconds=0.05)), "is 0.05 s long; allowed: 0.1 s or more, or fewer `parts`"),
        (lambda path: write(path, []), "is 0 s long; allowed: above 0"),
    ):
        make(tmp_path / "odd.wav")
        with pytest.raises(DataError, match=said) as told:
            list(AudioFolder(tmp_path).batches(ROLES["items"]))
        assert "\n" not in str(told.value)
    write(tmp_path / "odd.wav", tone(440))
    write(tmp_path / "other.wav", tone(440, rate=16000), rate=16000)
    with pytest.raises(DataError, match="has 16000 samples a second, those before 8000"):
        list(AudioFolder(tmp_path).batches(ROLES["items"]))
    with pytest.raises(DataError, match="its name does not fit `names`"):
        list(AudioFolder(tmp_path, names="(?P<label>[0-9])").batches(ROLES["items"]))
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no sound in it"):
        AudioFolder(tmp_path / "none").digest()


def test_options_that_tell_nothing_are_refused(tmp_path):
    for options, said in (
        ({"window": 0.05}, "0.025 s or more for each part"), ({"names": "x"}, "groups none; allowed: label, unit"),
        ({"names": "(?P<speaker>x)"}, "groups speaker"), ({"names": "("}, "no regular expression"),
        ({"where": {"row": []}}, "where names row"),
    ):
        with pytest.raises(ValueError, match=said):
            AudioFolder(Path(tmp_path), **options)


def test_sounds_of_another_kind_are_novel(tmp_path):
    rng = np.random.default_rng(0)
    for role, count in (("fit", 30), ("calibration", 30), ("items", 30), ("foreign", 30)):
        for number in range(count):
            pitch = rng.uniform(1500, 2500) if role == "foreign" else rng.uniform(300, 700)
            sound = tone(pitch, phase=rng.uniform(0, 6)) + rng.normal(0, 0.05, round(0.2 * RATE))
            write(tmp_path / role / f"{number}.wav", np.clip(sound, -1, 1))
    observed = {
        role: pd.concat(AudioFolder(tmp_path / role, parts=1).batches(ROLES[role]))
        for role in ("fit", "calibration", "items", "foreign")
    }
    probe = DataNovelty(beside=())
    kept = {role: probe.observe(None, items, role) for role, items in observed.items()}
    result = probe.judge(kept, level=0.95, rng=np.random.default_rng(0))
    assert result.headline.low > 0.7
    assert result.measure("flagged_share").value > 0.8
