"""Files of unknown origin: nothing hangs or swells, no device is replaced, no link followed, no content quoted."""

import json
import os
import stat
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from audit.cli.app import execute
from audit.data import read_columns
from audit.data.images import ImageFolder
from audit.data.tabular import File
from audit.errors import DataError, IntegrityError, ModelError
from audit.files import (
    add_line,
    contents_of,
    digest_file,
    parquet_bytes,
    read_batches,
    read_frame,
    read_regular,
    stored_json,
    write_atomic,
    write_inside,
    write_out,
)
from audit.files.parquet import MAX_DECODED, _decoded, _pointed_at
from audit.models.classifier import ClassifierFile
from audit.models.files import read_json
from audit.probe import Role

SECRET = "https://user:ghp_tokencanary@github.com"
ROLE = Role({"question": "a question"}, optional=frozenset())


def needs_root():
    if os.geteuid():
        pytest.skip("only root makes devices")


def device(path: Path, major: int = 1, minor: int = 3) -> Path:
    needs_root()
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    except OSError:
        pytest.skip("this place takes no devices")
    return path


@pytest.mark.parametrize("kind", ["pipe", "zero", "folder"])
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path, kind, capsys):
    path = tmp_path / "x.jsonl"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    for read in (lambda: read_regular(path, 10), lambda: digest_file(path), lambda: add_line(path, b"\n")):
        with pytest.raises(OSError):
            read()
    for format in ("jsonl", "csv", "parquet"):
        with pytest.raises(DataError, match="not a regular file"):
            list(read_columns(path, format, ["a"]))
    assert execute(["check-plan", str(path)]) == 2
    assert capsys.readouterr().err == f"dokimasia: {path}: cannot be read (not a regular file)\n"


def test_a_link_that_leads_to_itself_is_a_mistake_of_the_plan(tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "title: T\nmodel: {use: causal_lm, path: ./loop}\nchecks:\n"
        "  - name: c\n    probe: {use: privacy.personal_data}\n    data: {use: builtin, name: questions}\n"
    )
    assert execute(["check-plan", str(plan)]) == 2
    assert "plan.yaml:2:25: " in capsys.readouterr().err


def test_a_plan_that_is_too_large_is_not_read(tmp_path, capsys):
    with (path := tmp_path / "p.yaml").open("wb") as file:
        file.truncate(3 << 30)
    assert execute(["run", str(path)]) == 2
    assert "3,221,225,472 bytes; allowed: 1,000,000" in capsys.readouterr().err


def test_an_output_that_is_a_device_stays_one(tmp_path):
    path = device(tmp_path / "null")
    write_out(path, b"x" * 100_000)
    assert stat.S_ISCHR(path.stat().st_mode)
    full = device(tmp_path / "full", minor=7)
    with pytest.raises(OSError, match="No space left"):
        write_out(full, b"x")
    assert stat.S_ISCHR(full.stat().st_mode)


def test_an_output_that_is_a_pipe_is_written_into(tmp_path):
    os.mkfifo(path := tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write_out(path, b"report")
    reader.join(timeout=60)
    assert (got, stat.S_ISFIFO(path.stat().st_mode)) == ([b"report"], True)


def test_an_output_that_is_a_folder_is_one_line(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        write_out(tmp_path, b"x")
    assert list(tmp_path.iterdir()) == []


def test_writing_follows_no_link(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert (target.read_text(), link.is_symlink(), link.read_text()) == ("kept", False, "new")
    other = tmp_path / "reviews.jsonl"
    other.symlink_to(target)
    with pytest.raises(OSError):
        add_line(other, b"more\n")
    (tmp_path / "elsewhere").mkdir()
    (home := tmp_path / "audit").mkdir()
    (home / "reports").symlink_to("../elsewhere")
    with pytest.raises(OSError, match="is a link"):
        write_inside(home, "reports/report.html", b"x")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    (path := tmp_path / "x").write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError):
        write_atomic(path, b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        f"{SECRET}\n", f"{SECRET},x\n{SECRET}\n", f"a,b\n{SECRET},{SECRET},{SECRET}\n", f'"{SECRET}\n',
        f'{{"{SECRET}": 1}}\n', f'{{"a": {{"{SECRET}": "{SECRET}"}}}}\n',
    ],
)
def test_the_content_of_a_file_is_no_part_of_an_error(tmp_path, format, content):
    (path := tmp_path / "token").write_text(content)
    for fields in ({}, {"question": "a"}):
        with pytest.raises(DataError) as error:
            list(File(path, format, fields).batches(ROLE))
        assert "canary" not in str(error.value)


def test_columns_are_named_where_one_of_them_was_wanted(tmp_path):
    (path := tmp_path / "x.csv").write_text("question,anser\na,b\n")
    with pytest.raises(DataError, match=r"no column 'answer' .*\(did you mean 'anser'\?\)"):
        list(File(path, fields={"question": "question", "group": "answer"}).batches(
            Role({"question": "", "group": ""}, optional=frozenset())
        ))


def bomb(path: Path, rows: int = 4096) -> Path:
    text = pa.array(["x" * (8 << 20)])
    table = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text)})
    pq.write_table(table, path, compression="zstd")
    return path


def test_a_small_file_that_stands_for_gigabytes_is_refused(tmp_path):
    path = bomb(tmp_path / "bomb.parquet")
    assert path.stat().st_size < 2000
    with pytest.raises(DataError, match=r"4,096 rows would take 34,\d+,\d+,\d+ bytes; allowed: 1,073,741,824"):
        next(read_columns(path, "auto", ["text"]))
    with pytest.raises(ValueError, match="would take"):
        read_frame(path)
    texts = pq.read_table(path, read_dictionary=["text"])["text"].chunk(0)
    lists = pa.ListArray.from_arrays(pa.array([0, 4096]), texts)
    pq.write_table(pa.table({"text": lists}), path, compression="zstd")
    with pytest.raises(DataError, match="cannot be read"):
        next(read_columns(path, "auto", ["text"]))


def test_what_is_not_too_large_is_read_as_before(tmp_path):
    texts, lists = ["a", None, "b" * 1000, "a"] * 700, [["x", "y"], None, [], ["x"]] * 700
    rows = {"text": texts, "list": lists, "n": [1, 2, None, 4] * 700}
    pq.write_table(pa.table(rows), path := tmp_path / "x.parquet", row_group_size=1000)
    with pa.OSFile(str(path)) as file:
        got = [row for batch in read_batches(file, None, 4096) for row in batch.to_pylist()]
    assert got == pa.table(rows).to_pylist()
    assert MAX_DECODED > 1 << 29


def test_a_stored_frame_is_decoded_once_and_is_what_arrow_reads(tmp_path, monkeypatch):
    """It was decoded to count its cells, and then once more to have them."""
    import audit.files.parquet as parquet

    texts, lists = ["a", None, "b", "a"], [["x", "y"], None, [], ["x"]]
    rows = {"id": list("wxyz"), "text": texts, "list": lists, "n": [1, 2, None, 4], "in": [{"p": "x"}, None, {}, {}]}
    pq.write_table(pa.table(rows), path := tmp_path / "x.parquet", row_group_size=3)
    plain = pq.read_table(path).to_pandas().set_index("id")
    decoded, real = [], parquet._decoded
    monkeypatch.setattr(parquet, "_decoded", lambda array: decoded.append(array) or real(array))
    monkeypatch.setattr(pq, "read_table", None)
    pd.testing.assert_frame_equal(read_frame(path), plain)
    assert decoded
    pd.testing.assert_frame_equal(read_frame(path, ["n", "text"]), plain[["n", "text"]].reset_index(drop=True))
    with pytest.raises(ValueError, match="0 columns are named 'gone'; allowed: one"):
        read_frame(path, ["gone"])
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["n", "n"]), path)
    with pytest.raises(ValueError, match="2 columns are named 'n'"):
        read_frame(path)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_the_pixels_of_an_image_are_counted_before_they_are_unpacked(tmp_path):
    (tmp_path / "a.png").write_bytes(png(9000, 9000))
    role = Role({"image": ""}, optional=frozenset())
    with pytest.raises(DataError, match=r"9000 x 9000 pixels; allowed: 4,194,304 in all, or a `size`"):
        list(ImageFolder(tmp_path).batches(role))
    (frame,) = ImageFolder(tmp_path, size=(4, 4)).batches(role)
    assert np.asarray(frame["image"].iloc[0]).shape == (4, 4)


def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch):
    (tools := tmp_path / "bin").mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n")
    (tools / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    (photos := tmp_path / "photos").mkdir()
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    (photos / "a.png").write_bytes(eps)
    with pytest.raises(DataError, match="cannot be read as an image"):
        list(ImageFolder(photos).batches(Role({"image": ""}, optional=frozenset())))
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("suffix", ["bmp", "jpg", "png", "tif", "webp"])
def test_every_format_is_read(tmp_path, suffix):
    Image.fromarray(np.full((5, 7), 200, np.uint8)).save(tmp_path / f"a.{suffix}")
    (frame,) = ImageFolder(tmp_path).batches(Role({"image": ""}, optional=frozenset()))
    assert abs(np.asarray(frame["image"].iloc[0]) - 200).max() <= 2


def test_a_deep_json_of_a_model_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text("[" * 200_000)
    with pytest.raises(Exception, match="not readable as JSON") as error:
        read_json(tmp_path / "config.json")
    assert type(error.value).__name__ == "ModelError"


def test_a_line_without_end_is_refused(tmp_path):
    with (path := tmp_path / "x.jsonl").open("wb") as file:
        file.write(json.dumps({"question": "a"}).encode() + b"\n")
        file.truncate(1 << 30)
    with pytest.raises(DataError, match="line 2 is longer than 16,777,216 bytes"):
        list(read_columns(path, "jsonl", ["question"]))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_stored_holds_numbers_only(tmp_path, number):
    (path := tmp_path / "plan.json").write_text(f'{{"level": {number}}}')
    with pytest.raises(IntegrityError, match="is no number of JSON"):
        stored_json(path)
    path.write_text('{"level": 1e308, "n": 3}')
    assert stored_json(path) == {"level": 1e308, "n": 3}


def test_a_classifier_that_swells_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "c.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("schema.json", "{}")
        with packed.open("1.npy", "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ModelError, match=r"unpacks to 314,572,802 bytes, .*; allowed: 268,435,456"):
        ClassifierFile(path).open()


@pytest.mark.parametrize("place", [2, -1])
def test_a_cell_that_stands_for_a_text_that_is_not_there_is_refused(place):
    """A damaged page makes such an array; Arrow does not look and would read what lies behind the texts."""
    indices = pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer(np.array([0, place], np.int32).tobytes())])
    damaged = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b"]), safe=False)
    with pytest.raises(ValueError, match="a cell stands for value"):
        _decoded(damaged)


def _twice_encoded(path, value, times, others):
    """A column whose first values are pointed at, and whose last ones stand in full behind a dictionary given up."""
    texts = pa.array([value] * times + [f"text {number}" for number in range(others)])
    pq.write_table(pa.table({"text": texts}), path, dictionary_pagesize_limit=1 << 16, data_page_size=1 << 12)


def test_texts_that_seldom_repeat_are_read_as_they_stand_and_the_same(tmp_path):
    path = tmp_path / "a.parquet"
    _twice_encoded(path, "x" * 50, 10, 50_000)
    with path.open("rb") as file:
        (batch,) = read_batches(file, ["text"])
    assert pa.types.is_string(batch.column(0).type)
    assert batch.column(0).to_pylist() == ["x" * 50] * 10 + [f"text {number}" for number in range(50_000)]


def test_texts_that_never_repeat_are_read_as_they_stand_though_all_are_pointed_at(tmp_path):
    """Short ids fill no dictionary: a row group, or the short last one, holds nothing but pointers to it."""
    path, rows = tmp_path / "a.parquet", np.arange(70_000)
    table = pa.table({"id": pa.array(rows).cast("string"), "word": pa.array(rows % 900).cast("string")})
    path.write_bytes(parquet_bytes(table))
    with path.open("rb") as file:
        read = pa.Table.from_batches(read_batches(file, None))
    assert [pa.types.is_dictionary(kind) for kind in read.schema.types] == [False, True]
    assert read.cast(table.schema) == table


def test_texts_in_full_behind_it_do_not_hide_one_that_fills_too_much_where_it_is_pointed_at(tmp_path, monkeypatch):
    """Most bytes of the file are texts in full, and one text of 10 kB stands 2,000 times."""
    path = tmp_path / "a.parquet"
    _twice_encoded(path, "x" * 10_000, 2_000, 50_000)
    assert path.stat().st_size < 1 << 21
    monkeypatch.setattr("audit.files.parquet.MAX_DECODED", 10_000_000)
    with path.open("rb") as file:
        monkeypatch.setattr("audit.files.parquet._SPELT_OUT", 1 << 30)
        assert _pointed_at(file, contents_of(path), ["text"]) == []
        monkeypatch.setattr("audit.files.parquet._SPELT_OUT", 1_000_000)
        assert _pointed_at(file, contents_of(path), ["text"]) == ["text"]
        with pytest.raises(ValueError, match="rows would take"):
            list(read_batches(file, ["text"]))
