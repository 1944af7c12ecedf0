"""The probe `provenance.audio_mark`: whole audits of sounds with a mark, another key, or none, in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from needs import needs_library
from test_detectors_provenance_audio import notes

from audit.data.files import Files
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.provenance.audio_mark import MarkedSounds
from audit.record import Limit
from audit.watermarks.audio import AudioSpread
from audit.watermarks.audio.files import Sound, sound_file
from audit.watermarks.keys import make_mark_key, write_mark_key
from detectors.provenance.audio.detection import AUDIO_MARK_MEASURES
from reports.documents.html_report import render_html
from reports.options import ReportOptions
from reports.pictures import figure_of
from reports.text import Notation, words_of

RATE, COUNT = 8000, 8
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Eight sounds as they were, marked, and eight others; a file that is no sound and one that is silent."""
    needs_library("soundfile")
    home = tmp_path_factory.mktemp("sounds")
    for folder in ("plain", "marked", "others", "odd"):
        (home / folder).mkdir()
    for number in range(COUNT):
        plain, other = notes(6, RATE, number), notes(6, RATE, 100 + number)
        made = {"plain": plain, "others": other, "marked": AudioSpread().marked(plain, RATE, SECRET)}
        for folder, samples in made.items():
            (home / folder / f"{number}.wav").write_bytes(sound_file(Sound(samples, RATE, "PCM_16", {}), ".wav"))
    (home / "odd" / "none.wav").write_text("no sound")
    (home / "odd" / "silent.wav").write_bytes(sound_file(Sound(np.zeros((RATE, 1)), RATE, "PCM_16", {}), ".wav"))
    write_mark_key(home / "ours.dokimasia-key", make_mark_key("audio-spread", secret=SECRET))
    return home


def audited(into, limit, probe=None, **data):
    given = {role: Files(place) for role, place in data.items()}
    check = Check("mark", probe or MarkedSounds(), given, limit)
    return run(Plan(title="Sounds", checks=(check,)), into=into)


def measured(audit):
    (finding,) = audit.record.findings
    return finding, {(one.name, one.group): one for one in finding.measures}


def test_a_mark_that_the_audit_puts_in_is_found_and_what_takes_it_out_is_told(home, tmp_path):
    attacks = ("noise at 20", "trim at 0.37", "speed at 1.01", "invert at 1")
    probe = MarkedSounds(sounds="marked", attacks=attacks, other_keys=4)
    limit = Limit(measure="worst_power_under_attack", at_least=0.9)
    audit = audited(tmp_path, limit, probe, items=home / "plain", unmarked=home / "others")
    finding, found = measured(audit)
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True}), finding.why
    assert {one.name for one in finding.measures} == set(AUDIO_MARK_MEASURES) == set(probe.measures)
    values = {key: one.value for key, one in found.items()}
    assert values["detection_rate", None] == values["power_under_attack", "noise at 20"] == 1
    assert values["power_under_attack", "trim at 0.37"] == values["power_under_attack", "invert at 1"] == 1
    assert values["power_under_attack", "speed at 1.01"] == values["worst_power_under_attack", None] == 0
    assert values["cells_below_promise", None] == 1
    assert values["false_positive_rate", None] == values["own_false_positive_rate", None] == 0
    assert (values["other_key_rate", None], found["other_key_rate", None].n["items"]) == (0, 8 * COUNT)
    assert values["snr", None] == pytest.approx(26, abs=0.01)
    assert 20 < values["segmental_snr", None] < 35
    figure, words = figure_of("provenance.audio_mark"), words_of("ko")
    pictures = figure.of(audit, finding, Notation(words))
    assert len(pictures) == 2
    page = render_html(audit, ReportOptions(lang="ko"))["report.html"].decode()
    assert "소리 속 워터마크" in page
    assert "빠르기" in page
    assert "소리 길이" in page


def test_given_sounds_are_read_beside_their_originals_under_a_secret_key(home, tmp_path):
    probe = MarkedSounds(key_file=home / "ours.dokimasia-key")
    audit = audited(tmp_path, Limit(measure="detection_rate", at_least=0.6), probe, items=home / "marked",
                    originals=home / "plain")  # fmt: skip
    finding, found = measured(audit)
    assert finding.verdict == "passed", finding.why
    assert found["detection_rate", None].value == 1
    assert found["snr", None].value == pytest.approx(26, abs=0.1)
    items = audit.items("mark")
    assert items["name"].tolist() == [f"{number}.wav" for number in range(COUNT)]
    assert items["sound_seconds"].tolist() == [6.0] * COUNT
    assert SECRET.hex() not in "".join(path.read_text(errors="ignore") for path in audit.folder.glob("*.json*"))
    assert "sha256:" in items["key"].iloc[0]


@pytest.mark.parametrize(("folder", "key"), [("marked", "another"), ("plain", f"0x{SECRET.hex()}")])
def test_another_key_or_no_mark_fails(home, tmp_path, folder, key):
    audit = audited(tmp_path, Limit(measure="detection_rate", at_least=0.9), MarkedSounds(key=key), items=home / folder)
    finding, found = measured(audit)
    assert (finding.verdict, found["detection_rate", None].value) == ("failed", 0), finding.why


def test_what_is_no_sound_is_not_tested_and_says_why(home, tmp_path):
    audit = audited(tmp_path, Limit(measure="not_tested", at_most=1), items=home / "odd")
    _, found = measured(audit)
    assert found["not_tested", None].value == 2
    assert found["detection_rate", None].undefined == "in no sound is there anything to read"
    problems = audit.items("mark").set_index("name")["problem"]
    assert "cannot be read as a sound" in problems["none.wav"]
    assert problems.isna()["silent.wav"]


@pytest.mark.parametrize(("options", "why"), [
    ({"alpha": 0}, "alpha: got 0; allowed: above 0, below 1"), ({"other_keys": -1}, "other_keys: got -1"),
    ({"attacks": ("louder at 2",)}, "attacks: got 'louder at 2'; allowed: all, or KIND at STRENGTH of mp3"),
    ({"attacks": ("mp3 at 1000",)}, "a strength of 8 to 320"),
    ({"key_file": Path("x"), "mark": {"use": "audio-spread"}}, "beside mark"),
])  # fmt: skip
def test_options_that_could_find_nothing_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        MarkedSounds(**options)


def test_all_attacks_are_those_of_the_table():
    assert len(MarkedSounds(attacks=("all",)).attacked) == 30


def test_every_sound_is_read_under_other_keys_of_its_own_and_under_none_twice():
    """One key for all could agree with all sounds by chance, and their false alarms would be one."""
    key, reader = MarkedSounds(other_keys=3).reader()
    drawn = [key.secret, *(one for name in ("a", "b") for one in reader.other_keys(name))]
    assert len(set(drawn)) == 7
    assert reader.other_keys("a") == drawn[1:4]
