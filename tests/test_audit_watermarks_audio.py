"""Marking sounds from the command line: what is kept, what is refused in one line, and found again in any format."""

from __future__ import annotations

import io
import json
import os
import sys

import numpy as np
import pytest
from needs import needs_library
from test_detectors_provenance_audio import notes

from audit import plugins
from audit.cli.app import execute
from audit.errors import DataError, LibraryError, UsageError
from audit.watermarks.audio import AudioMark, MarksAudio, files
from audit.watermarks.audio.files import ENDINGS, Sound, sound_file, sound_of
from audit.watermarks.keys import make_mark_key, read_mark_key, write_mark_key

RATE = 16000


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_mark_key(tmp_path / f"{name}.dokimasia-key", make_mark_key("audio-spread"))
    needs_library("soundfile").write("notes.wav", notes(5, RATE), RATE)
    return tmp_path


def encoded(samples: np.ndarray, form: str, numbers: str, rate: int = RATE) -> io.BytesIO:
    file = io.BytesIO()
    needs_library("soundfile").write(file, samples, rate, format=form, subtype=numbers)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", plugins.names("audio_marks"))
def test_every_mark_keeps_the_protocol_and_its_name(name):
    mark = plugins.build("audio_marks", name, {})
    assert isinstance(mark, AudioMark)
    assert isinstance(mark, MarksAudio)
    assert (mark.variant, mark.keyed, mark.exact) == (name, True, True)


def test_marked_sounds_are_found_by_their_key_among_others(room, capsys):
    assert execute(["mark", "audio", "notes.wav", "--key", "a.dokimasia-key", "--out", "m.wav"]) == 0
    key = read_mark_key(room / "a.dokimasia-key")
    assert f"m.wav: marked with key {key.id}, SNR 26.0 dB, by segments" in capsys.readouterr().out
    words = ["detect", "audio", "m.wav", "notes.wav", "--key", "b.dokimasia-key", "--key", "a.dokimasia-key"]
    assert execute([*words, "--json"]) == 0
    marked, plain = json.loads(capsys.readouterr().out)
    assert (marked["found"], marked["key"], marked["seconds"], marked["keys"]) == (True, key.told, 5, 2)
    assert marked["log10_p"] < -20
    assert plain["found"] is False
    assert "key" not in plain
    assert execute(words) == 0
    told = capsys.readouterr().out
    assert f"m.wav: mark of key {key.id}, clearest from " in told
    assert "notes.wav: no mark found; that says nothing of who made it (p = " in told
    assert execute(["mark", "audio", "m.wav", "--key", "a.dokimasia-key", "--out", "again.wav"]) == 2
    assert "it carries the mark of this key already" in capsys.readouterr().err
    assert not (room / "again.wav").exists()


def test_several_files_in_every_format_go_into_a_folder(room, capsys):
    library, sound = needs_library("soundfile"), notes(5, RATE)
    names = ["one.wav", "two.flac", "three.ogg", "four.mp3"]
    for name in names:
        library.write(name, np.concatenate([sound, 0.5 * sound], axis=1), RATE)
    (room / "five.wav").write_text("no sound")
    words = ["mark", "audio", *names, "five.wav", "--key", "a.dokimasia-key", "--out", "marked", "--json"]
    assert execute(words) == 2
    told = capsys.readouterr()
    rows = json.loads(told.out)
    assert [one["file"] for one in rows] == [f"marked/{name}" for name in names]
    assert [one["read_back"] for one in rows] == [True] * 4
    assert all(one["snr"] == pytest.approx(26, abs=0.1) and one["segmental_snr"] > 20 for one in rows)
    assert "five.wav: cannot be read as a sound (" in told.err
    made = [str(one) for one in sorted((room / "marked").iterdir())]
    assert execute(["detect", "audio", *made, "--key", "a.dokimasia-key", "--json"]) == 0
    assert [one["found"] for one in json.loads(capsys.readouterr().out)] == [True] * 4


def test_what_cannot_be_marked_is_told_in_one_line(room, capsys):
    library, sound = needs_library("soundfile"), notes(5, RATE)
    library.write("silent.wav", 0 * sound, RATE)
    library.write("short.wav", sound[:9000], RATE)
    library.write("slow.wav", sound, 4000)
    library.write("many.wav", np.tile(sound, (1, 9)), RATE)
    library.write("hole.wav", np.where(np.arange(len(sound))[:, None] == 7, np.nan, sound), RATE, subtype="FLOAT")
    library.write("loud.wav", 1e300 * sound.astype(float), RATE, subtype="DOUBLE")
    library.write("other.aiff", sound, RATE)
    library.write("none.wav", sound[:0], RATE)
    library.write("float.wav", sound, RATE, subtype="FLOAT")
    write_mark_key(room / "image.dokimasia-key", make_mark_key("image-spread"))
    for file, *more, why in (
        ("silent.wav", "the sound is silent between 200 and 3,600 Hz"),
        ("short.wav", "the sound has 0.562 s at 16,000 samples a second; a mark needs 1 s at 8,000 to 192,000"),
        ("slow.wav", "4,000 samples a second, channels: 1; allowed: 8,000 to 192,000, channels: 1 to 8"),
        ("many.wav", "16,000 samples a second, channels: 9"), ("hole.wav", "a sample is nan; allowed: finite numbers"),
        ("loud.wav", "e+299; allowed: finite numbers of at most 1e+10"),
        ("other.aiff", "is AIFF (Apple/SGI); allowed: WAV, FLAC, Ogg, MP3"), ("none.wav", "no samples, channels: 1"),
        ("gone.wav", "cannot be read"), ("notes.wav", "--out", "m.aac", ".aac: not a format that is written"),
        ("notes.wav", "--snr", "3", "snr is 3; allowed: 15 to 50"),
        ("notes.wav", "--key", "image.dokimasia-key", "a key of image-spread; sounds want one of audio-spread"),
        ("float.wav", "--out", "m.flac", ".flac: it cannot hold FLOAT; allowed: .wav"),
    ):  # fmt: skip
        assert execute(["mark", "audio", file, "--key", "a.dokimasia-key", "--out", "m.wav", *more]) == 2
        told = capsys.readouterr()
        assert why in told.err
        assert told.err.count("\n") == 1
        assert told.out == ""
    assert not (room / "m.wav").exists()
    assert execute(["detect", "audio", "silent.wav", "slow.wav", "--key", "a.dokimasia-key"]) == 2
    assert "silent.wav: too short or too quiet to hold a mark" in capsys.readouterr().out


def test_a_mark_that_cannot_be_read_back_is_told(room, capsys):
    rng = np.random.default_rng(0)
    needs_library("soundfile").write("hard.wav", 0.1 * rng.standard_normal(RATE + 9), RATE)
    assert execute(["mark", "audio", "hard.wav", "--key", "a.dokimasia-key", "--out", "m.wav", "--snr", "50"]) == 0
    assert "IT CANNOT BE READ BACK (p = " in capsys.readouterr().out


def test_a_key_is_made_for_sounds_and_marks_on_its_days(room, capsys):
    assert execute(["mark", "key", "c.dokimasia-key", "--variant", "audio-spread", "--valid-until", "2001-01-01"]) == 0
    assert read_mark_key(room / "c.dokimasia-key").variant == "audio-spread"
    assert execute(["mark", "audio", "notes.wav", "--key", "c.dokimasia-key", "--out", "m.wav"]) == 2
    assert "and so not today" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "numbers", "ending"), [
    ("WAV", "PCM_U8", ".wav"), ("WAV", "PCM_U8", ".flac"), ("FLAC", "PCM_S8", ".wav"), ("WAV", "PCM_16", ".flac"),
    ("WAV", "PCM_24", ".wav"), ("WAV", "PCM_24", ".flac"), ("WAV", "PCM_32", ".wav"), ("WAV", "FLOAT", ".wav"),
    ("WAV", "DOUBLE", ".wav"), ("WAV", "ULAW", ".flac"),
])  # fmt: skip
def test_numbers_come_back_as_they_were(form, numbers, ending):
    whole = np.random.default_rng(0).integers(-(1 << 31), 1 << 31, (40_000, 2)).astype(np.int32)
    given = whole / float(1 << 31) if numbers in ("FLOAT", "DOUBLE") else whole
    shown = sound_of(encoded(given, form, numbers), "x")
    back = sound_of(io.BytesIO(sound_file(shown, ending)), "y")
    assert (back.rate, back.seconds) == (RATE, 2.5)
    np.testing.assert_array_equal(back.samples, shown.samples)


def test_texts_go_along_and_a_format_without_room_for_them_is_refused():
    said = Sound(notes(1, RATE), RATE, "PCM_16", {"title": "바다", "artist": "Kim", "license": "CC0"})
    for ending in (".flac", ".ogg"):
        assert sound_of(io.BytesIO(sound_file(said, ending)), "x").texts == said.texts
    for ending in (".wav", ".mp3"):
        with pytest.raises(UsageError, match=rf"{ending}: it cannot hold what .*license\); allowed: .flac"):
            sound_file(said, ending)
    with pytest.raises(UsageError, match=r".mp3: it cannot hold 9,000 samples a second, channels: 1 \(MPEG"):
        sound_file(Sound(notes(1, RATE), 9000, "PCM_16", {}), ".mp3")
    assert [*ENDINGS] == [".wav", ".flac", ".ogg", ".mp3"]


def test_a_file_that_claims_to_be_longer_costs_what_is_in_it(monkeypatch):
    whole = bytearray(encoded(notes(1, RATE), "WAV", "PCM_16").getvalue())
    whole[4:8] = whole[40:44] = (0xFFFFFFF0).to_bytes(4, "little")
    assert len(sound_of(io.BytesIO(whole), "x").samples) == RATE
    monkeypatch.setattr(files, "_MOST", 9000)
    with pytest.raises(DataError, match=r"x: 16,000 samples, channels: 1; allowed: above 0, 9,000 in all"):
        sound_of(io.BytesIO(whole), "x")


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_broken_file_is_refused_or_read_as_far_as_it_goes(form):
    whole = encoded(notes(1, RATE), form, {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(form, "PCM_16")).getvalue()
    rng = np.random.default_rng(0)
    for _ in range(40):
        broken = bytearray(whole[: rng.integers(1, len(whole))])
        for place in rng.integers(0, len(broken), 5):
            broken[place] = rng.integers(256)
        try:
            sound = sound_of(io.BytesIO(broken), "x")
        except DataError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert 0 < len(sound.samples) < 1 << 20


def test_no_more_than_one_line_is_said_of_an_mp3_with_garbage_in_it(room, capfd):
    """libmpg123 writes to the terminal itself; what others write there afterwards still comes through."""
    whole, rng = encoded(notes(5, RATE), "MP3", "MPEG_LAYER_III").getvalue(), np.random.default_rng(0)
    (room / "torn.mp3").write_bytes(whole[:2000] + rng.bytes(3000) + whole[2000:])
    assert execute(["detect", "audio", "torn.mp3", "--key", "a.dokimasia-key"]) == 2
    told = capfd.readouterr()
    assert told.err.startswith("torn.mp3: cannot be read as a sound (")
    assert told.err.endswith("; allowed: WAV, FLAC, Ogg, MP3\n")
    assert told.err.count("\n") == 1
    assert told.out == ""
    with pytest.raises(DataError):
        sound_of(io.BytesIO(b"no sound"), "x")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_without_the_library_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(LibraryError, match=r"sound files need soundfile: pip install 'dokimasia\[audio\]'"):
        sound_of(io.BytesIO(b""), "x")
