"""Marking videos from the command line: what is kept, what is told to be lost, what is refused, found in any format."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from needs import needs_library
from test_detectors_provenance_video import moving

from audit import plugins
from audit.cli.app import execute
from audit.errors import DataError, LibraryError, UsageError
from audit.watermarks.keys import make_mark_key, read_mark_key, write_mark_key
from audit.watermarks.video import MarksVideo, VideoMark, VideoSpread, files
from audit.watermarks.video.files import brightness_in, frames_of
from audit.watermarks.video.writing import write_marked

KEY = b"key"
RATE = 16000


def made(
    form: str = "mp4", codec: str = "libx264", kind: str = "yuv420p", *, sound: str | None = "aac",
    frames: np.ndarray | None = None, late: int = 0, rotation: int = 0, chapters: Sequence[Any] = (), **more: Any,
) -> io.BytesIO:
    """A video with a sound, whose second half begins `late` frames late."""
    av = needs_library("av")
    shown, file = moving(24) if frames is None else frames, io.BytesIO()
    with av.open(file, "w", format=form) as container:
        container.metadata["title"] = "바다"
        stream = container.add_stream(codec, rate=25, options={"crf": "5"} if codec == "libx264" else {})
        stream.height, stream.width, stream.pix_fmt = *shown.shape[1:], kind
        container.set_chapters(list(chapters))
        if rotation:
            stream.set_display_rotation(rotation)
        for name, value in more.items():
            setattr(stream.codec_context, name, value)
        heard = None
        if sound is not None:
            heard = container.add_stream(sound, rate=48000)
            heard.layout = "mono"
            heard.metadata["language"] = "kor"
        for number, one in enumerate(shown):
            grey = np.rint(255 * one).astype(np.uint8)
            colours = np.stack([grey, grey // 2 + 60, grey], axis=2)
            frame = av.VideoFrame.from_ndarray(colours, "rgb24").reformat(format=kind)
            frame.pts, frame.time_base = number + late * (number >= len(shown) // 2), Fraction(1, 25)
            container.mux(stream.encode(frame))
            if heard is not None:
                tone = np.rint(3000 * np.sin(np.arange(1920) / 9)).astype(np.int16)[None]
                piece = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
                piece.sample_rate, piece.pts = 48000, 1920 * number
                container.mux(heard.encode(piece))
        container.mux(stream.encode())
        if heard is not None:
            container.mux(heard.encode())
    file.seek(0)
    return file


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_mark_key(tmp_path / f"{name}.dokimasia-key", make_mark_key("video-spread"))
    (tmp_path / "in.mp4").write_bytes(made().getvalue())
    return tmp_path


@pytest.mark.parametrize("name", plugins.names("video_marks"))
def test_every_mark_keeps_the_protocol_and_its_name(name):
    mark = plugins.build("video_marks", name, {})
    assert isinstance(mark, VideoMark)
    assert isinstance(mark, MarksVideo)
    assert (mark.variant, mark.keyed, mark.exact) == (name, True, True)


def test_marked_videos_are_found_by_their_key_among_others(room, capsys):
    words = ["mark", "video", "in.mp4", "--key", "a.dokimasia-key", "--out", "m.mp4", "--payload", "c0ffee"]
    assert execute(words) == 0
    key = read_mark_key(room / "a.dokimasia-key")
    told = capsys.readouterr()
    assert told.out == (f"m.mp4: marked with key {key.id}, payload 00c0ffee, 24 frames, PSNR 42.2 dB before coding\n")
    assert "can copy the mark into others" in told.err
    words = ["detect", "video", "m.mp4", "in.mp4", "--key", "b.dokimasia-key", "--key", "a.dokimasia-key"]
    assert execute([*words, "--json"]) == 0
    marked, plain = json.loads(capsys.readouterr().out)
    assert (marked["found"], marked["key"], marked["frames"], marked["keys"]) == (True, key.told, 24, 2)
    assert marked["log10_p"] < -20
    assert (plain["found"], "key" in plain) == (False, False)
    assert execute(words) == 0
    told = capsys.readouterr().out
    assert f"m.mp4: mark of key {key.id}, payload 00c0ffee, scale 1.00, turned 0.0 degrees, clearest from 0." in told
    assert "in.mp4: no mark found; that says nothing of who made it (p = " in told
    assert execute(["mark", "video", "m.mp4", "--key", "a.dokimasia-key", "--out", "again.mkv"]) == 2
    assert capsys.readouterr().err == "m.mp4: it carries the mark of this key already; two of them would mix\n"
    assert not [*room.glob("*again*")]


def test_any_file_is_asked_for_the_marks_of_videos_too(room, capsys):
    needs_library("c2pa")
    assert execute(["mark", "video", "in.mp4", "--key", "a.dokimasia-key", "--out", "m.mp4"]) == 0
    key = read_mark_key(room / "a.dokimasia-key")
    capsys.readouterr()
    assert execute(["detect", "m.mp4", "--key", "a.dokimasia-key"]) == 0
    assert f"video-spread of key {key.id} (p = " in capsys.readouterr().out
    assert execute(["detect", "m.mp4", "in.mp4", "--key", "a.dokimasia-key"]) == 3
    assert "in.mp4: no manifest; that says nothing of who made it; no mark found (p = " in capsys.readouterr().out


def test_several_videos_go_into_a_folder(room, capsys):
    (room / "two.mkv").write_bytes(made("matroska", "ffv1", sound="flac").getvalue())
    (room / "bad.mp4").write_text("no video")
    words = ["mark", "video", "in.mp4", "two.mkv", "bad.mp4", "--key", "a.dokimasia-key", "--out", "marked", "--json"]
    assert execute(words) == 2
    told = capsys.readouterr()
    assert [(one["file"], one["read_back"], one["lost"]) for one in json.loads(told.out)] == [
        ("marked/in.mp4", True, []), ("marked/two.mkv", True, [])
    ]  # fmt: skip
    assert "bad.mp4: cannot be read as a video (" in told.err


def test_no_video_that_was_given_is_written_over(room, capsys):
    (room / "other").mkdir()
    for place in ("twin.mkv", "other/twin.mkv"):
        (room / place).write_bytes(made("matroska", "ffv1", sound=None, frames=moving(3)).getvalue())
    whole = (room / "twin.mkv").read_bytes()
    assert execute(["mark", "video", "twin.mkv", "other/twin.mkv", "--key", "a.dokimasia-key", "--out", "marked"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("other/twin.mkv: marked/twin.mkv is a file that was given, or made of another one; ")
    assert told.out.count("\n") == 1
    for out in (".", "twin.mkv", "other/../twin.mkv"):
        assert execute(["mark", "video", "twin.mkv", "--key", "a.dokimasia-key", "--out", out]) == 2
        assert "twin.mkv is a file that was given, or made of another one; allowed: " in capsys.readouterr().err
    assert (room / "twin.mkv").read_bytes() == whole


@pytest.mark.parametrize(("given", "ending", "lost"), [
    (("mp4", "libx264", "yuv420p", "aac"), ".mp4", []), (("mp4", "libx264", "yuv420p", "aac"), ".mkv", []),
    (("mov", "libx264", "yuvj420p", "aac"), ".mkv", []),
    (("matroska", "libx264", "nv12", "flac"), ".mov", ["audio (flac)"]),
    (("matroska", "ffv1", "yuv422p10le", "libopus"), ".mkv", []), (("matroska", "ffv1", "gray", None), ".mkv", []),
    (("avi", "mpeg4", "yuv420p", "libmp3lame"), ".mov", []), (("mpegts", "libx264", "yuv420p", "aac"), ".mp4", []),
])  # fmt: skip
def test_sound_times_and_titles_are_kept(given, ending, lost):
    av, (form, codec, kind, sound) = needs_library("av"), given
    before, after = made(form, codec, kind, sound=sound, late=0 if form == "avi" else 7), io.BytesIO()
    done = write_marked(before, "x", after, ending, VideoSpread(), KEY, crf=10)
    assert (done.frames, done.lost) == (24, lost)
    assert done.psnr == pytest.approx(42.2, abs=0.1)
    told = []
    for file in (before, after):
        file.seek(0)
        times = np.array([one.seconds for one in frames_of(file, "x")])
        file.seek(0)
        with av.open(file) as container:
            heard = [bytes(one) for one in container.demux(audio=0) if one.size] if sound and not lost else []
            told.append((times - times[0], container.metadata.get("title"), heard))
    np.testing.assert_allclose(told[1][0], told[0][0], atol=0.002)
    assert told[1][1] == told[0][1]
    headers = 7 * (form == "mpegts")  # which MP4 has no room for before each piece of sound
    assert told[1][2] == [one[headers:] for one in told[0][2]]
    assert (len(told[1][2]) > 0) == (sound is not None and not lost)


@pytest.mark.parametrize(("ending", "lost"), [(".mp4", []), (".mov", []), (".mkv", ["shape of pixels (4:3)"])])
def test_chapters_and_how_a_frame_is_shown_are_kept_or_told_to_be_lost(ending, lost):
    av, after = needs_library("av"), io.BytesIO()
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "바다"}}
    before = made(sound=None, frames=moving(6), rotation=90, chapters=[chapter], sample_aspect_ratio=Fraction(4, 3))
    assert write_marked(before, "x", after, ending, VideoSpread(), KEY, crf=10).lost == lost
    after.seek(0)
    with av.open(after) as container:
        assert [one["metadata"] for one in container.chapters()] == [chapter["metadata"]]
        assert container.streams.video[0].sample_aspect_ratio == (None if lost else Fraction(4, 3))
        assert next(container.decode(video=0)).rotation == 90


@pytest.mark.parametrize(("kind", "ending"), [("yuv420p", ".mkv"), ("yuv444p", ".mp4")])
def test_odd_numbers_of_pixels_are_kept_where_the_format_holds_them(kind, ending):
    needs_library("av")
    odd, after = made("matroska", "ffv1", kind, sound=None, frames=moving(2, (43, 65))), io.BytesIO()
    write_marked(odd, "x", after, ending, VideoSpread(), KEY, crf=10)
    after.seek(0)
    assert next(frames_of(after, "x")).brightness.shape == (43, 65)


@pytest.mark.parametrize(("form", "codec", "ending"), [("avi", "mpeg4", ".mkv"), ("mp4", "libx264", ".mp4")])
def test_titles_in_other_letters_than_utf_8_keep_their_bytes(form, codec, ending):
    needs_library("av")
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "바다"}}
    chapters, old, after = [chapter] * (form == "mp4"), "바다".encode("cp949") + b"  ", io.BytesIO()
    made_ = made(form, codec, sound=None, frames=moving(3), chapters=chapters).getvalue().replace("바다".encode(), old)
    assert sum(1 for _ in frames_of(io.BytesIO(made_), "x")) == 3
    write_marked(io.BytesIO(made_), "x", after, ending, VideoSpread(), KEY, crf=10)
    assert after.getvalue().count(old) >= made_.count(old) >= 1


def test_a_sound_that_nobody_here_can_decode_is_left_out_and_told():
    """As the second sound of films that telephones make now."""
    needs_library("av")
    unknown = made(frames=moving(3)).getvalue().replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz")
    assert write_marked(io.BytesIO(unknown), "x", io.BytesIO(), ".mp4", VideoSpread(), KEY, crf=10).lost == ["audio"]


def test_an_ending_that_loses_nothing_changes_the_brightness_alone():
    av = needs_library("av")
    before, after = made(color_range=1), io.BytesIO()
    write_marked(before, "x", after, ".mkv", VideoSpread(payload="1"), KEY, crf=0)
    frames = []
    for file in (before, after):
        file.seek(0)
        with av.open(file) as container:
            frames.append([one.to_ndarray() for one in container.decode(video=0)])
    rows = moving(1).shape[1]
    for one, other in zip(*frames, strict=True):
        np.testing.assert_array_equal(one[rows:], other[rows:])
        change = (other[:rows].astype(int) - one[:rows]) / 219
        assert -10 * np.log10(np.mean(change**2)) == pytest.approx(42.2, abs=0.2)


def test_what_cannot_be_marked_is_told_in_one_line(room, capsys):
    (room / "small.mkv").write_bytes(made("matroska", "ffv1", sound=None, frames=moving(2, (20, 64))).getvalue())
    (room / "colours.mkv").write_bytes(made("matroska", "ffv1", "bgr0", sound=None).getvalue())
    (room / "deep.mkv").write_bytes(made("matroska", "ffv1", "yuv420p16le", sound=None).getvalue())
    (room / "odd.mkv").write_bytes(made("matroska", "ffv1", sound=None, frames=moving(2, (43, 65))).getvalue())
    (room / "text.mp4").write_text("no video")
    (room / "list.mp4").write_text("ffconcat version 1.0\nfile in.mp4\n")
    (room / "cut.mp4").write_bytes((room / "in.mp4").read_bytes()[:3000])
    write_mark_key(room / "image.dokimasia-key", make_mark_key("image-spread"))
    for file, *more, why in (
        ("small.mkv", "small.mkv: the image has 20 x 64 pixels; a mark needs 32 x 32"),
        ("odd.mkv", "odd.mkv: .mp4: it cannot hold 43 x 65 pixels of yuv420p; allowed: .mkv, or even numbers of them"),
        ("colours.mkv", "colours.mkv: .mp4: it cannot hold bgr0 with a mark; allowed: YUV and grey in planes, 8 or 10"),
        ("deep.mkv", "deep.mkv: .mp4: it cannot hold yuv420p16le with a mark"),
        ("text.mp4", "text.mp4: cannot be read as a video (Invalid data found when processing input); allowed: MP4,"),
        ("list.mp4", "list.mp4: cannot be read as a video (not one of the formats)"),
        ("cut.mp4", "cut.mp4: cannot be read as a video ("), ("none.mp4", "none.mp4: cannot be read (No such file"),
        (".", "cannot be read (not a regular file)"),
        ("in.mp4", "--out", "m.avi", "in.mp4: .avi: not a format that is written; allowed: .mkv, .mp4, .mov"),
        ("in.mp4", "--psnr", "3", "psnr is 3; allowed: 30 to 60"),
        ("in.mp4", "--crf", "60", "crf is 60; allowed: 0 to 51"),
        ("in.mp4", "--payload", "xyz", "payload 'xyz'; allowed: up to 8 hexadecimal digits"),
        ("in.mp4", "--key", "image.dokimasia-key", "a key of image-spread; videos want one of video-spread"),
    ):  # fmt: skip
        assert execute(["mark", "video", file, "--key", "a.dokimasia-key", "--out", "m.mp4", *more]) == 2
        told = capsys.readouterr()
        assert why in told.err
        assert told.err.count("\n") == 1
        assert told.out == ""
    assert not [*room.glob("*m.*")]
    assert execute(["detect", "video", "small.mkv", "text.mp4", "--key", "a.dokimasia-key"]) == 2
    assert "small.mkv: too small or too flat to hold a mark" in capsys.readouterr().out


def test_colours_in_one_plane_are_read_though_they_are_not_written(room, capsys):
    assert execute(["mark", "video", "in.mp4", "--key", "a.dokimasia-key", "--out", "m.mkv"]) == 0
    av = needs_library("av")
    with av.open("m.mkv") as container:
        shown = np.stack([one.to_ndarray(format="gray") for one in container.decode(video=0)]) / 255
    (room / "rgb.mkv").write_bytes(made("matroska", "ffv1", "bgr0", sound=None, frames=shown).getvalue())
    capsys.readouterr()
    assert execute(["detect", "video", "rgb.mkv", "--key", "a.dokimasia-key", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["found"] is True


def test_a_mark_that_cannot_be_read_back_is_told(room, capsys):
    words = ["mark", "video", "in.mp4", "--key", "a.dokimasia-key", "--out", "m.mp4", "--psnr", "60", "--crf", "45"]
    assert execute(words) == 0
    assert "IT CANNOT BE READ BACK (p = " in capsys.readouterr().out


def test_a_key_is_made_for_videos_and_marks_on_its_days(room, capsys):
    assert execute(["mark", "key", "c.dokimasia-key", "--variant", "video-spread", "--valid-until", "2001-01-01"]) == 0
    assert read_mark_key(room / "c.dokimasia-key").variant == "video-spread"
    assert execute(["mark", "video", "in.mp4", "--key", "c.dokimasia-key", "--out", "m.mp4"]) == 2
    assert "and so not today" in capsys.readouterr().err


def test_too_many_or_too_large_frames_are_refused(monkeypatch):
    file = made(sound=None)
    monkeypatch.setattr(files, "_MOST_FRAMES", 10)
    with pytest.raises(DataError, match=r"x: more than 10 frames of 96 x 128 pixels; allowed: 10, of "):
        [*frames_of(file, "x")]
    file.seek(0)
    monkeypatch.setattr(files, "_MOST_PIXELS", 1000)
    with pytest.raises(DataError, match=r"x: 96 x 128 pixels; allowed: 1,000 in all"):
        [*frames_of(file, "x")]


def test_a_recording_that_was_cut_is_read_from_its_next_key_frame():
    """It comes 8 MB later, though FFmpeg would seek it in the first 5 alone; of one that never comes that is told."""
    av, file, rng = needs_library("av"), io.BytesIO(), np.random.default_rng(0)
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "80", "crf": "10", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        for _ in range(90):
            noise = rng.integers(0, 255, (360, 320)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, "yuv420p")))
        container.mux(stream.encode())
    cut = file.getvalue()[188 * 1000 :]
    assert sum(1 for _ in frames_of(io.BytesIO(cut), "x")) == 10
    with pytest.raises(DataError, match=r"x: cannot be read as a video \("):
        [*frames_of(io.BytesIO(cut[: 188 * 20000]), "x")]


def test_a_broken_file_is_refused_or_read_as_far_as_it_goes():
    rng = np.random.default_rng(0)
    for form, codec in (("mp4", "libx264"), ("matroska", "ffv1")):
        whole = made(form, codec, sound=None, frames=moving(6, (64, 64))).getvalue()
        for _ in range(20):
            broken = bytearray(whole[: rng.integers(1, len(whole))] if rng.random() < 0.5 else whole)
            for place in rng.integers(0, len(broken), 9):
                broken[place] = rng.integers(256)
            try:
                assert sum(1 for _ in frames_of(io.BytesIO(broken), "x")) <= 6
            except DataError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_the_brightness_of_every_range():
    av = needs_library("av")
    for kind, span, black, steps, top in (
        ("yuv420p", 0, 16, 219, 255), ("yuv420p", 2, 0, 255, 255), ("yuvj420p", 0, 0, 255, 255),
        ("gray", 0, 0, 255, 255), ("yuv420p10le", 1, 64, 876, 1023), ("nv12", 0, 16, 219, 255),
    ):  # fmt: skip
        frame = av.VideoFrame(64, 48, kind)
        frame.color_range = span
        found = brightness_in(frame)
        assert (found.black, found.steps, found.top, found.numbers.shape) == (black, steps, top, (48, 64))
        found.numbers[...] = found.black + found.steps
        np.testing.assert_array_equal(brightness_in(frame).shown, np.ones((48, 64)))
    for kind in ("rgb24", "yuyv422", "yuv420p10be", "grayf32le"):
        assert brightness_in(av.VideoFrame(64, 48, kind)) is None


def test_without_the_library_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(LibraryError, match=r"video files need av: pip install 'dokimasia\[video\]'"):
        [*frames_of(io.BytesIO(b""), "x")]
    with pytest.raises(LibraryError, match="dokimasia"):
        write_marked(io.BytesIO(b""), "x", io.BytesIO(), ".mkv", VideoSpread(), KEY, crf=1)
    with pytest.raises(UsageError, match="no ending: not a format"):
        write_marked(io.BytesIO(b""), "x", io.BytesIO(), "", VideoSpread(), KEY, crf=1)
