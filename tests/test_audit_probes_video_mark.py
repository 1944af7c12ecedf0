"""The probe `provenance.video_mark`: whole audits of videos with a mark, another key, or none, in both languages."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from needs import needs_library
from test_audit_watermarks_video import made
from test_detectors_provenance_video import moving

from audit.data.files import Files
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.provenance.video_mark import MarkedVideos
from audit.record import Limit
from audit.watermarks.keys import make_mark_key, write_mark_key
from audit.watermarks.video import VideoLowestBit, VideoSpread, bits_of_frame
from audit.watermarks.video.files import frames_of
from audit.watermarks.video.writing import write_marked
from detectors.provenance.video.attacks import ATTACKS
from detectors.provenance.video.detection import VIDEO_MARK_MEASURES
from detectors.provenance.video.reading import Frame
from reports.documents.html_report import render_html
from reports.options import ReportOptions
from reports.pictures import figure_of
from reports.text import Notation, words_of

COUNT = 8
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Eight videos as they were, marked, and eight others; a file that is no video and one that is flat."""
    needs_library("av")
    home = tmp_path_factory.mktemp("videos")
    for folder in ("plain", "marked", "others", "odd"):
        (home / folder).mkdir()
    for number in range(COUNT):
        plain, marked = made("matroska", "ffv1", sound=None, frames=moving(6, seed=number)), io.BytesIO()
        write_marked(plain, "x", marked, ".mkv", VideoSpread(), SECRET, crf=0)
        other = made("matroska", "ffv1", sound=None, frames=moving(6, seed=100 + number))
        for folder, file in (("plain", plain), ("marked", marked), ("others", other)):
            (home / folder / f"{number}.mkv").write_bytes(file.getvalue())
    (home / "odd" / "none.mkv").write_text("no video")
    flat = made("matroska", "ffv1", sound=None, frames=np.full((2, 40, 40), 0.5))
    (home / "odd" / "flat.mkv").write_bytes(flat.getvalue())
    write_mark_key(home / "ours.dokimasia-key", make_mark_key("video-spread", secret=SECRET))
    return home


def audited(into, limit, probe=None, **data):
    given = {role: Files(place) for role, place in data.items()}
    check = Check("mark", probe or MarkedVideos(), given, limit)
    return run(Plan(title="Videos", checks=(check,)), into=into)


def measured(audit):
    (finding,) = audit.record.findings
    return finding, {(one.name, one.group): one for one in finding.measures}


def test_a_mark_that_the_audit_puts_in_is_found_and_what_takes_it_out_is_told(home, tmp_path):
    attacks = ("drop at 0.5", "h264 at 48", "flip at 1")
    probe = MarkedVideos(videos="marked", attacks=attacks, other_keys=2)
    limit = Limit(measure="worst_power_under_attack", at_least=0.9)
    audit = audited(tmp_path, limit, probe, items=home / "plain", unmarked=home / "others")
    finding, found = measured(audit)
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True}), finding.why
    assert {one.name for one in finding.measures} == set(VIDEO_MARK_MEASURES) == set(probe.measures)
    values = {key: one.value for key, one in found.items()}
    assert values["detection_rate", None] == values["power_under_attack", "drop at 0.5"] == 1
    assert values["power_under_attack", "flip at 1"] == 1
    assert values["power_under_attack", "h264 at 48"] == values["worst_power_under_attack", None] == 0
    assert values["cells_below_promise", None] == 1
    assert values["false_positive_rate", None] == values["own_false_positive_rate", None] == 0
    assert (values["other_key_rate", None], found["other_key_rate", None].n["items"]) == (0, 4 * COUNT)
    assert values["psnr", None] == pytest.approx(42.2, abs=0.1)
    figure, words = figure_of("provenance.video_mark"), words_of("ko")
    assert len(figure.of(audit, finding, Notation(words))) == 2
    page = render_html(audit, ReportOptions(lang="ko"))["report.html"].decode()
    for word in ("영상 속 워터마크", "프레임 빠짐", "읽은 프레임 수"):
        assert word in page


def test_given_videos_are_read_beside_their_originals_under_a_secret_key(home, tmp_path):
    probe = MarkedVideos(key_file=home / "ours.dokimasia-key", frames=4)
    audit = audited(tmp_path, Limit(measure="detection_rate", at_least=0.6), probe, items=home / "marked",
                    originals=home / "plain")  # fmt: skip
    finding, found = measured(audit)
    assert finding.verdict == "passed", finding.why
    assert found["detection_rate", None].value == 1
    assert found["psnr", None].value == pytest.approx(42.2, abs=0.1)
    items = audit.items("mark")
    assert items["name"].tolist() == [f"{number}.mkv" for number in range(COUNT)]
    assert items["video_frames"].tolist() == [4.0] * COUNT
    assert SECRET.hex() not in "".join(path.read_text(errors="ignore") for path in audit.folder.glob("*.json*"))
    assert "sha256:" in items["key"].iloc[0]


@pytest.mark.parametrize(("folder", "key"), [("marked", "another"), ("plain", f"0x{SECRET.hex()}")])
def test_another_key_or_no_mark_fails(home, tmp_path, folder, key):
    audit = audited(tmp_path, Limit(measure="detection_rate", at_least=0.9), MarkedVideos(key=key), items=home / folder)
    finding, found = measured(audit)
    assert (finding.verdict, found["detection_rate", None].value) == ("failed", 0), finding.why


def test_what_is_no_video_is_not_tested_and_says_why(home, tmp_path):
    audit = audited(tmp_path, Limit(measure="not_tested", at_most=1), items=home / "odd")
    _, found = measured(audit)
    assert found["not_tested", None].value == 2
    assert found["detection_rate", None].undefined == "in no video is there anything to read"
    problems = audit.items("mark").set_index("name")["problem"]
    assert "cannot be read as a video" in problems["none.mkv"]
    assert problems.isna()["flat.mkv"]


@pytest.mark.parametrize(("options", "why"), [
    ({"alpha": 0}, "alpha: got 0; allowed: above 0, below 1"), ({"frames": 0}, "frames: got 0; allowed: 1 or more"),
    ({"attacks": ("melt at 2",)}, "attacks: got 'melt at 2'; allowed: all, or KIND at STRENGTH of h264"),
    ({"attacks": ("h264 at 99",)}, "a strength of 1 to 51"),
    ({"key_file": Path("x"), "mark": {"use": "video-spread"}}, "beside mark"),
])  # fmt: skip
def test_options_that_could_find_nothing_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        MarkedVideos(**options)


def test_all_attacks_are_those_of_the_table():
    assert len(MarkedVideos(attacks=("all",)).attacked) == sum(map(len, ATTACKS.values())) == 35


def test_the_lowest_bits_are_those_of_the_key_and_of_the_frame():
    mark, frames = VideoLowestBit(), moving(3, (16, 16))
    made_ = [one + mark.change(one, b"key", levels=255, number=at) for at, one in enumerate(frames)]
    for number, one in enumerate(made_):
        whole = np.rint(255 * one).astype(int)
        np.testing.assert_array_equal(whole & 1, bits_of_frame(b"key", number, 256).reshape(16, 16))
        assert np.abs(one - frames[number]).max() < 1.01 / 255
    own, other = mark.read([Frame(one, at / 25) for at, one in enumerate(made_)], [b"key", b"another"])
    assert own.log10_p == pytest.approx(-768 * np.log10(2))
    assert (own.right_bits, other.log10_p > -6) == (1, True)
    late = mark.read([Frame(one, 0.0) for one in made_[1:]], [b"key"])[0]  # a frame is missing: nothing is left
    assert late.log10_p > -6
    assert np.isnan(mark.read([], [b"key"])[0].log10_p)


def test_a_coded_video_keeps_the_lowest_bits_where_nothing_is_lost():
    plain, marked = made("matroska", "ffv1", sound=None, frames=moving(4), color_range=1), io.BytesIO()
    write_marked(plain, "x", marked, ".mkv", VideoLowestBit(), b"key", crf=0)
    marked.seek(0)
    assert VideoLowestBit().read(frames_of(marked, "x"), [b"key"])[0].right_bits > 0.999
