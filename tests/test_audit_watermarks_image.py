"""Marking images from the command line: what is kept, what is refused in one line, and keys that tell nothing."""

from __future__ import annotations

import json
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from sklearn.datasets import load_sample_image

from audit.cli.app import execute
from audit.errors import IntegrityError, UsageError
from audit.watermarks.image.files import LOSSLESS, Picture, file_of, picture_of
from audit.watermarks.keys import make_mark_key, read_mark_key, write_mark_key


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        write_mark_key(tmp_path / f"{name}.dokimasia-key", make_mark_key("image-spread"))
    Image.fromarray(load_sample_image("flower.jpg")[:200, 200:420]).save("photo.png")
    return tmp_path


def test_a_key_file_is_for_its_owner_alone_and_what_is_told_holds_no_secret(tmp_path):
    key, file = make_mark_key("image-spread", scope="shop"), tmp_path / "a.dokimasia-key"
    write_mark_key(file, key)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_mark_key(file) == key
    assert key.secret.hex() not in json.dumps(key.told) + repr(key)
    assert key.commitment != make_mark_key("image-spread", secret=key.secret).commitment
    with pytest.raises(UsageError, match="never written over"):
        write_mark_key(file, key)
    with pytest.raises(UsageError, match="the name of a key file ends in"):
        write_mark_key(tmp_path / "a.json", key)
    file.write_text(file.read_text().replace(key.secret.hex(), "00" * 32))
    with pytest.raises(IntegrityError, match="not the one that was committed to"):
        read_mark_key(file)
    file.chmod(0o640)
    with pytest.raises(UsageError, match="others may read this key"):
        read_mark_key(file)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"dokimasia": "mark key"}', "[" * 9000])
def test_what_is_no_key_file_is_refused(tmp_path, text):
    file = tmp_path / "a.dokimasia-key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="not a key file of a mark"):
        read_mark_key(file)


def test_a_marked_image_is_found_by_its_key_among_others(room, capsys):
    words = ["mark", "image", "photo.png", "--key", "a.dokimasia-key", "--out", "m.png", "--payload", "cafe"]
    assert execute(words) == 0
    Image.open("m.png").crop((3, 3, 220, 200)).save("cut.png")
    capsys.readouterr()
    words = ["detect", "image", "cut.png", "photo.png", "--key", "b.dokimasia-key", "--key", "a.dokimasia-key"]
    assert execute([*words, "--as-they-stand", "--json"]) == 0
    cut, plain = json.loads(capsys.readouterr().out)
    key = read_mark_key(room / "a.dokimasia-key")
    assert (cut["found"], cut["payload"], cut["key"]) == (True, "0000cafe", key.told)
    assert cut["log10_p"] < -6
    assert plain["found"] is False
    assert execute([*words, "--as-they-stand"]) == 0
    told = capsys.readouterr().out
    assert f"cut.png: mark of key {key.id}, payload 0000cafe" in told
    assert "photo.png: no mark found; that says nothing of who made it" in told


def test_what_cannot_be_marked_is_told_in_one_line(room, capsys):
    Image.new("RGB", (1, 1)).save("one.png")
    Image.new("CMYK", (64, 64)).save("inks.tif")
    Image.new("1", (1 << 13, (1 << 12) + 1)).save("huge.png")
    photo = Image.open("photo.png")
    photo.save("frames.webp", save_all=True, append_images=[photo.rotate(9)])
    (room / "text.png").write_text("no image")
    (room / "b.dokimasia-key").chmod(0o644)
    for file, *more, why in (
        ("one.png", "1 x 1 pixels; a mark needs 32 x 32"), ("inks.tif", "colours of kind CMYK"),
        ("huge.png", "4097 x 8192 pixels; allowed: 33,554,432 in all"),
        ("frames.webp", "it has 2 frames; allowed: one"),
        ("text.png", "cannot be read as an image"), ("none.png", "cannot be read"),
        ("photo.png", "--payload", "123456789", "payload '123456789'; allowed: up to 8 hexadecimal digits"),
        ("photo.png", "--out", "m.jpg", ".jpg: a format that loses nothing is wanted"),
        ("photo.png", "--out", "photo.png", "photo.png is a file that was given, or made of another one"),
        ("photo.png", "--key", "b.dokimasia-key", "others may read this key"),
    ):  # fmt: skip
        assert execute(["mark", "image", file, "--key", "a.dokimasia-key", "--out", "m.png", *more]) == 2
        told = capsys.readouterr().err
        assert why in told
        assert told.count("\n") == 1
    assert not (room / "m.png").exists()
    assert execute(["detect", "image", "one.png", "text.png", "--key", "a.dokimasia-key"]) == 2
    assert "one.png: too small or too flat to hold a mark" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".bmp"])
def test_pixels_come_back_as_they_were(mode, ending, rng):
    shape = {"L": (40, 50), "I;16": (40, 50), "LA": (40, 50, 2), "RGB": (40, 50, 3), "RGBA": (40, 50, 4)}[mode]
    deep = mode == "I;16"
    image = Image.fromarray(rng.integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8))
    shown = picture_of(image, "x")
    assert (shown.mode, shown.levels) == (mode, 65535 if deep else 255)
    if mode in {".webp": ("LA", "I;16"), ".bmp": ("LA", "I;16", "RGBA")}.get(ending, ()):
        with pytest.raises(UsageError, match="it cannot hold"):
            file_of(shown, ending)
        return
    back = Image.open(BytesIO(file_of(shown, ending)))
    np.testing.assert_array_equal(np.asarray(back.convert(mode)), np.asarray(image))


def test_what_a_file_says_beside_its_pixels_is_kept(tmp_path):
    said, facts = PngImagePlugin.PngInfo(), Image.Exif()
    said.add_text("Comment", "made on Monday")
    facts[0x010E] = "a flower"
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png", pnginfo=said, exif=facts, icc_profile=b"profile", dpi=(72, 72))
    with Image.open(tmp_path / "a.png") as image:
        shown = picture_of(image, "a.png")
    (tmp_path / "b.png").write_bytes(file_of(shown, ".png"))
    with Image.open(tmp_path / "b.png") as back:
        assert back.text["Comment"] == "made on Monday"
        assert back.getexif()[0x010E] == "a flower"
        assert back.info["icc_profile"] == b"profile"
        assert back.info["dpi"] == pytest.approx((72, 72), abs=0.1)
    assert set(LOSSLESS) == {".png", ".webp", ".bmp", ".tif", ".tiff"}


TAGS = {0x010E: "a flower", 0x013B: "Kim", 0x8298: "all rights Kim"}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">made by a model</x:xmpmeta>'


def shown_of(file: BytesIO) -> Picture:
    with Image.open(file) as image:
        return picture_of(image, "a")


def saved(form: str, **more) -> BytesIO:
    Image.new("RGB", (40, 40)).save(file := BytesIO(), form, **more)
    return file


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_captions_and_packets_of_a_tiff_and_a_jpeg_go_along(ending):
    facts = Image.Exif()
    for tag, text in TAGS.items():
        facts[tag] = text
    facts[0x0112] = 6
    for form in ("TIFF", "JPEG"):
        how = {"exif": facts, "xmp": XMP} if form == "JPEG" else {"tiffinfo": {**TAGS, 0x0112: 6, 700: XMP}}
        with Image.open(BytesIO(file_of(shown_of(saved(form, **how)), ending))) as back:
            back.load()
            assert {tag: back.getexif().get(tag) for tag in TAGS} == TAGS
            assert back.info["xmp"] == XMP
    packet = shown_of(BytesIO(file_of(shown_of(saved("JPEG", xmp=XMP)), ".png")))
    with Image.open(BytesIO(file_of(packet, ending))) as back:
        back.load()
        assert back.info["xmp"] == XMP


def test_what_stands_behind_the_pixels_of_a_png_is_kept():
    """Left out, an image that a camera turned would lie on its side."""
    facts = Image.Exif()
    facts[0x0112] = 6
    whole = saved("PNG").getvalue()
    body = b"eXIf" + facts.tobytes()[6:]
    late = len(body[4:]).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    shown = shown_of(BytesIO(whole[:-12] + late + whole[-12:]))
    assert Image.open(BytesIO(file_of(shown, ".png"))).getexif()[0x0112] == 6


def test_a_format_without_room_for_what_is_said_is_refused():
    said = shown_of(saved("JPEG", comment=b"made on Monday"))
    assert Image.open(BytesIO(file_of(said, ".png"))).text == {"Comment": "made on Monday"}
    for ending in (".webp", ".tif", ".bmp"):
        with pytest.raises(UsageError, match=rf"{ending}: it cannot hold what .* \(texts\); allowed: .png"):
            file_of(said, ending)
    with pytest.raises(UsageError, match=r"\(icc_profile, xmp\)"):
        file_of(shown_of(saved("JPEG", icc_profile=b"profile", xmp=XMP)), ".bmp")
    assert file_of(shown_of(saved("JPEG")), ".bmp")


def test_transparency_does_not_make_a_mark_look_weaker(room, capsys):
    Image.open("photo.png").convert("RGBA").save("clear.png")
    for file in ("photo.png", "clear.png"):
        assert execute(["mark", "image", file, "--key", "a.dokimasia-key", "--out", "m.png", "--json"]) == 0
    plain, clear = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert clear["psnr"] == plain["psnr"]
    assert plain["read_back"] is True


def test_an_image_is_marked_once_with_a_key(room, capsys):
    mark = ["mark", "image", "photo.png", "--key", "a.dokimasia-key", "--out", "m.png", "--payload", "cafe"]
    assert execute(mark) == 0
    capsys.readouterr()
    again = ["mark", "image", "m.png", "--out", "again.png", "--payload", "beef", "--key"]
    assert execute([*again, "a.dokimasia-key"]) == 2
    assert "it carries the mark of this key already, payload 0000cafe" in capsys.readouterr().err
    assert not (room / "again.png").exists()
    assert execute([*again, "b.dokimasia-key"]) == 0


def test_a_mark_that_cannot_be_read_back_is_told(room, capsys, rng):
    Image.fromarray(np.where(rng.random((64, 64)) < 0.5, 0, 255).astype(np.uint8)).save("hard.png")
    write_mark_key(room / "c.dokimasia-key", make_mark_key("image-spread", secret=bytes(32)))
    assert execute(["mark", "image", "hard.png", "--key", "c.dokimasia-key", "--out", "m.png", "--json"]) == 0
    told = capsys.readouterr()
    assert "the mark cannot be read back from this image (p = " in told.err
    assert json.loads(told.out)["read_back"] is False


@pytest.fixture
def rng():
    return np.random.default_rng(0)
