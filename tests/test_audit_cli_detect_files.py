"""`dokimasia detect FILE...`: marks in texts and images, signed origin and labels at once, everything counted."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from needs import needs_library
from PIL import Image
from test_audit_watermarks_text_finding import known, written
from typer.testing import CliRunner

from audit.cli.marking import detect
from audit.models.causal_lm import CausalLMFolder
from audit.watermarks.audio import AudioSpread
from audit.watermarks.image.spread import SpreadSpectrum
from audit.watermarks.keys import make_mark_key, write_mark_key
from audit.watermarks.origin import Declaration, Parser, made_authority, signed
from audit.watermarks.origin.containers import with_xmp
from audit.watermarks.origin.xmp import packet_with
from audit.watermarks.text.keyed import keyed_mark
from detectors.provenance.audio import reading as audio_reading
from detectors.provenance.image.reading import read

needs_library("c2pa")


def png(pixels):
    made = io.BytesIO()
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(made, "PNG", compress_level=1)
    return made.getvalue()


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_lm):
    home = tmp_path_factory.mktemp("detect")
    image, text = make_mark_key("image-spread", secret=bytes(range(32))), known("gumbel", 1)
    authority = made_authority()
    write_mark_key(home / "image.dokimasia-key", image)
    write_mark_key(home / "text.dokimasia-key", text)
    plain = np.random.default_rng(3).uniform(0.2, 0.8, (256, 256, 3)).astype(np.float32)
    marked = SpreadSpectrum().marked(plain, image.secret)
    with Parser() as parser:
        sign = signed(png(plain), authority.chain, authority.key, parser, Declaration("m"))[0]
    reader = CausalLMFolder(tiny_lm, dtype="float32", threads=1).open()
    files = {
        "marked.png": png(marked), "plain.png": png(plain), "signed.png": sign, "altered.png": sign + b"x",
        "camera.png": with_xmp(png(marked), packet_with(None, source="digitalCapture", aigc=None)),
        "marked.txt": written(reader, keyed_mark(text), 100, 1).encode(),
        "plain.txt": written(reader, None, 100, 2).encode(), "root.pem": authority.root,
    }  # fmt: skip
    for name, data in files.items():
        (home / name).write_bytes(data)
    return home


def asked(home, model, *names, all_keys=True):
    words = [str(home / one) for one in names]
    if all_keys:
        words += ["--key", str(home / "image.dokimasia-key"), "--key", str(home / "text.dokimasia-key")]
    words += ["--model", str(model), "--anchor", str(home / "root.pem"), "--json"]
    done = CliRunner().invoke(detect, words)
    rows = {row["file"].rpartition("/")[2]: row for row in json.loads(done.stdout or "[]")}
    return done.exit_code, rows


def test_each_layer_is_found_in_the_file_that_has_it(home, tiny_lm):
    code, rows = asked(home, tiny_lm, "marked.png", "signed.png", "marked.txt", "plain.txt", "plain.png")
    assert code == 3
    assert {name: row["found"] for name, row in rows.items()} == {
        "marked.png": True, "signed.png": True, "marked.txt": True, "plain.txt": False, "plain.png": False
    }
    assert rows["marked.png"]["mark"]["key"]["variant"] == "image-spread"
    assert rows["marked.txt"]["mark"]["key"]["variant"] == "gumbel"
    assert rows["signed.png"]["origin"]["state"] == "Trusted"
    assert not rows["signed.png"]["mark"]["found"]
    # three images under one key, two texts under one, whole and in passages
    assert {row["tried"] for row in rows.values()} == {3 * 1 + 2 * 2}


def test_p_counts_every_reading_of_every_file(home, tiny_lm):
    _, alone = asked(home, tiny_lm, "marked.png")
    with Image.open(home / "marked.png") as image:
        own = read(np.asarray(image, np.float32) / 255, bytes(range(32))).log10_p
    assert alone["marked.png"]["mark"]["log10_p"] == pytest.approx(own)
    _, among = asked(home, tiny_lm, "marked.png", "plain.png", "marked.txt")
    assert among["marked.png"]["mark"]["log10_p"] == pytest.approx(own + math.log10(4))
    _, text = asked(home, tiny_lm, "plain.txt")
    _, both = asked(home, tiny_lm, "plain.txt", "plain.png", "signed.png")
    one, more = (rows["plain.txt"]["mark"]["p_value"] for rows in (text, both))
    assert math.log1p(-more) == pytest.approx(2 * math.log1p(-one)) or more == one == 1


def test_exit_codes_say_the_worst_of_it(home, tiny_lm):
    assert asked(home, tiny_lm, "marked.png", "marked.txt")[0] == 0
    code, rows = asked(home, tiny_lm, "marked.png", "camera.png")
    assert (code, rows["camera.png"]["conflict"], rows["camera.png"]["origin"]["conflict"]) == (1, True, False)
    assert asked(home, tiny_lm, "altered.png", "plain.png")[0] == 1
    assert asked(home, tiny_lm, "marked.png", "missing.png")[0] == 2


def test_a_file_that_cannot_be_read_is_not_one_in_which_nothing_is_found(home, tiny_lm):
    (home / "empty.png").write_bytes(b"")
    code, rows = asked(home, tiny_lm, "signed.png", "empty.png")
    assert (code, rows["empty.png"]["origin"]["state"], rows["empty.png"]["found"]) == (2, None, False)


def test_texts_need_no_library_that_reads_signed_files(home, tiny_lm, monkeypatch):
    monkeypatch.setattr("audit.watermarks.origin.parser.find_spec", lambda _: None)
    words = [str(home / "plain.txt"), "--key", str(home / "text.dokimasia-key"), "--model", str(tiny_lm)]
    done = CliRunner().invoke(detect, words)
    assert (done.exit_code, "no mark found" in done.stdout) == (3, True), done.output
    done = CliRunner().invoke(detect, [str(home / "plain.png")])
    assert "signed origin needs c2pa-python" in str(done.exception)


def test_what_is_not_sought_is_told_and_files_is_the_command_without_a_name(home, tiny_lm):
    _, rows = asked(home, tiny_lm, "plain.txt", "plain.png", all_keys=False)
    assert [rows[name]["not_sought"] for name in ("plain.txt", "plain.png")] == [
        "name a --key, or --published", "name a --key"
    ]
    done = CliRunner().invoke(detect, [str(home / "camera.png"), "--key", str(home / "image.dokimasia-key")])
    assert (done.exit_code, "CONFLICT: the mark says model" in done.stdout) == (1, True), done.output
    lines = CliRunner().invoke(detect, [str(home / "plain.txt")])
    assert lines.exit_code == 3
    assert "no mark sought in it: name a --key, or --published" in lines.stdout
    assert "says nothing of who made it" in lines.stdout
    assert "files" in CliRunner().invoke(detect, ["--help"]).stdout


def test_a_marked_sound_is_found_among_other_files(home, tiny_lm):
    library = needs_library("soundfile")
    key = make_mark_key("audio-spread", secret=bytes(32))
    rng, names = np.random.default_rng(0), ("marked.flac", "plain.flac")
    sound = (0.1 * rng.standard_normal((8 * 8000, 1))).astype(np.float32)
    for name, one in zip(names, (AudioSpread().marked(sound, 8000, key.secret), sound), strict=True):
        library.write(home / name, one, 8000)
    (home / "broken.flac").write_bytes((home / "plain.flac").read_bytes()[:60])
    write_mark_key(home / "audio.dokimasia-key", key)
    _, without = asked(home, tiny_lm, *names)
    assert without["marked.flac"]["not_sought"] == "name a --key"
    words = [str(home / one) for one in (*names, "broken.flac", "marked.png")]
    keys = [word for one in ("audio", "image") for word in ("--key", str(home / f"{one}.dokimasia-key"))]
    done = CliRunner().invoke(detect, [*words, *keys, "--json"])
    rows = {row["file"].rpartition("/")[2]: row for row in json.loads(done.stdout)}
    assert rows["marked.flac"]["mark"]["key"] == key.told
    assert rows["plain.flac"]["mark"]["found"] is False
    assert rows["marked.png"]["mark"]["key"]["variant"] == "image-spread"
    assert rows["broken.flac"]["not_sought"] == "it cannot be decoded as a sound"
    assert {row["tried"] for row in rows.values()} == {4}
    own = audio_reading.read(library.read(home / "marked.flac", always_2d=True)[0], 8000, key.secret).log10_p
    assert rows["marked.flac"]["mark"]["log10_p"] == pytest.approx(own + math.log10(4), abs=0.01)
