"""Bundles: the same bytes for the same audit, every flipped byte found, nothing written before all was checked."""

import random
import re
import shutil
import struct
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markov import Repeats
from review_fixtures import small_audit

import audit.integrity.bundle as module
from audit.data.tabular import File
from audit.errors import IntegrityError, UsageError
from audit.integrity import check_bundle, export_audit, import_audit, seal_audit, unpacked, verify_audit
from audit.plan import Check
from audit.record import ALLOWED, audit_files
from audit.review import Comment, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key

PAGE = b"<script>document.title = 'owned'</script>"
AT = datetime(2026, 11, 24, 10, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    made = small_audit(folder)
    make_key(folder / "kim")
    add_reviews(made, Comment(text="fine"), author="Kim", at=AT)
    (made.folder / "reports").mkdir()
    (made.folder / "reports" / "report.html").write_text("<p>report</p>" * 100)
    seal_audit(made, read_key(folder / "kim"), "Kim", at=AT)
    (made.folder / "notes.txt").write_text("no part of the audit")
    return made


@pytest.fixture(scope="module")
def bundle(audit, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "audit.zip"
    export_audit(audit.folder, path)
    return path


def refused(path, into, *, code=4):
    """Import and expect one line and nothing written."""
    before = sorted(into.parent.rglob("*"))
    with pytest.raises((IntegrityError, UsageError)) as error:
        import_audit(path, into)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == code
    assert sorted(into.parent.rglob("*")) == before
    return str(error.value)


def test_out_and_in_again_every_file_is_the_same(audit, bundle, tmp_path):
    folder = import_audit(bundle, tmp_path / "audits")
    assert folder == tmp_path / "audits" / audit.record.id
    names = audit_files(folder)
    assert {*audit_files(audit.folder), "notes.txt"}.difference(names) == {"reports/report.html", "notes.txt"}
    assert "seal.json" in names
    assert [(folder / name).read_bytes() for name in names] == [(audit.folder / name).read_bytes() for name in names]
    assert sorted(path.name for path in (tmp_path / "audits").iterdir()) == [audit.record.id]
    here, there = verify_audit(folder), verify_audit(audit.folder)
    assert here.seal.gone == ("reports/report.html",)
    assert replace(here, seal=None) == replace(there, seal=None, strays=())
    assert there.strays == ("notes.txt",)


def test_foreign_documents_are_never_unpacked(bundle, tmp_path):
    """An earlier export, or somebody's own, holds a page with a script: it verifies, and the page stays behind."""
    def add(files):
        files["reports/report.html"] = PAGE

    path = rebuilt(bundle, tmp_path / "own.zip", add, told_id=check_bundle(bundle).id)
    assert "reports/report.html" in check_bundle(path).files
    folder = import_audit(path, tmp_path / "audits")
    assert not (folder / "reports").exists()


def test_the_same_audit_gives_the_same_bytes_wherever_it_lies(bundle, tmp_path):
    folder = import_audit(bundle, tmp_path / "audits")
    export_audit(folder, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_other_programs_can_read_it(audit, bundle):
    with zipfile.ZipFile(bundle) as file:
        assert file.testzip() is None
        names = [one for one in audit_files(audit.folder) if one != "reports/report.html"]
        assert file.namelist() == ["bundle.json", *names]
        assert file.read("record.json") == (audit.folder / "record.json").read_bytes()


def test_every_flipped_byte_is_found(bundle, tmp_path):
    whole, rng = bundle.read_bytes(), random.Random(11)
    with zipfile.ZipFile(bundle) as file:
        starts = [one.header_offset for one in file.infolist()]
    spread = {place + offset for place in starts for offset in (0, 6, 14, 29, 40)}
    places = {*spread, *range(len(whole) - 600, len(whole)), *(rng.randrange(len(whole)) for _ in range(400))}
    path = tmp_path / "flipped.zip"
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError) as error:
            check_bundle(path)
        assert "\n" not in str(error.value), place
    check_bundle(bundle)


def test_a_bundle_cut_or_continued_anywhere_is_refused(bundle, tmp_path):
    whole, rng = bundle.read_bytes(), random.Random(2)
    path = tmp_path / "cut.zip"
    for end in [0, 1, 21, 22, 30, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(60))]:
        path.write_bytes(whole[:end])
        refused(path, tmp_path / "audits")
    for more in (b"\0", b"PK", whole):
        path.write_bytes(whole + more)
        refused(path, tmp_path / "audits")
    path.write_bytes(b"\0" + whole)
    refused(path, tmp_path / "audits")


def crafted(path, members, *, compression=zipfile.ZIP_STORED, attributes=0):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.external_attr = attributes
            file.writestr(info, data)
    return path


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/passwd", "..\\evil", "C:/x", "reports/../../evil", "reports/.hidden", "a\x1b[31mb", "é.json",
     "reports/a/b", "observed/x.parquet", "items/..", "reports", ".lock", "reviews.jsonl/x", "record.json\n"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    path = crafted(tmp_path / "evil.zip", [("bundle.json", b"{}"), (name, b"x")])
    assert "no name of an audit's file" in refused(path, tmp_path / "audits")
    assert not ALLOWED.fullmatch(name)


def test_links_are_refused(tmp_path):
    members = [("bundle.json", b"{}"), ("plan.yaml", b"/etc/passwd")]
    path = crafted(tmp_path / "link.zip", members, attributes=0o120777 << 16)
    assert "link" in refused(path, tmp_path / "audits")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_refused_unopened(tmp_path, compression):
    members = [("bundle.json", b"{}"), ("record.json", bytes(5_000_000))]
    path = crafted(tmp_path / "bomb.zip", members, compression=compression)
    assert path.stat().st_size < 200_000
    assert "is compressed" in refused(path, tmp_path / "audits")


def test_a_member_that_stands_there_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = crafted(tmp_path / "twice.zip", [("bundle.json", b"{}"), ("plan.yaml", b"a"), ("plan.yaml", b"b")])
    assert "twice" in refused(path, tmp_path / "audits")


def end_of(whole, **change):
    """Return a bundle with other numbers in its last record."""
    names = ("mark", "a", "b", "here", "count", "size", "offset", "note")
    fields = dict(zip(names, struct.unpack("<4s4H2IH", whole[-22:]), strict=True))
    return whole[:-22] + struct.pack("<4s4H2IH", *{**fields, **change}.values())


@pytest.mark.parametrize(
    "change", [{"count": 65_535}, {"count": 0}, {"size": 2**32 - 1}, {"offset": 2**32 - 1}, {"offset": 0}, {"note": 9}]
)
def test_a_table_that_lies_about_itself_is_refused(bundle, tmp_path, change):
    path = tmp_path / "lies.zip"
    path.write_bytes(end_of(bundle.read_bytes(), **change))
    refused(path, tmp_path / "audits")


def test_sizes_have_caps(tmp_path, monkeypatch, audit, bundle):
    monkeypatch.setattr(module, "MAX_TEXT", 100)
    assert "at most 100" in refused(bundle, tmp_path / "audits")
    with pytest.raises(UsageError, match="at most 100"):
        export_audit(audit.folder, tmp_path / "out.zip")
    monkeypatch.setattr(module, "MAX_TEXT", 1 << 20)
    for name, most in (("MAX_MEMBERS", 3), ("MAX_TOTAL", 1000)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, most)
            refused(bundle, tmp_path / "audits")
            with pytest.raises(UsageError, match=r"too large|at most"):
                export_audit(audit.folder, tmp_path / "out.zip")
    assert list(tmp_path.iterdir()) == []


def rebuilt(bundle, path, change, *, manifest=True, told_id="0" * 16):
    """Write a bundle of right form with other contents; without `manifest` its list stays the old one."""
    with zipfile.ZipFile(bundle) as file:
        files = {name: file.read(name) for name in file.namelist()}
    old = files.pop("bundle.json")
    change(files)
    folder = path.with_suffix("")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    members = [module._measured(folder, name) for name in sorted(files)]
    told = {one.name: one.digest for one in members}
    text = module.canonical({"schema": 1, "id": told_id, "files": told}) + b"\n" if manifest else old
    head = module._Member("bundle.json", len(text), module.zlib.crc32(text), module.sha256(text))
    pieces = module._layout((head, *members), lambda one: module._contents(folder, one, text))
    path.write_bytes(b"".join(pieces))
    shutil.rmtree(folder)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda files: files.update({"plan.yaml": b"other"}), "plan.yaml: not the bytes that were sealed"),
        (lambda files: files.pop("run.json"), "run.json: missing"),
        (lambda files: files.pop("record.json"), "holds no record.json"),
        (lambda files: files.update({"run.json": re.sub(rb'("started": ?")\d{4}', rb"\g<1>0000", files["run.json"])}),
         r"^run\.json: not a record of a run \(started: .*not a moment"),
        (lambda files: files.update({"record.json": b"{}"}), r"^record\.json: not a record"),
        (lambda files: None, "holds audit"),
    ],
)
def test_a_bundle_of_right_form_must_hold_a_whole_audit(bundle, tmp_path, change, said):
    name = {} if said == "holds audit" else {"told_id": check_bundle(bundle).id}
    path = rebuilt(bundle, tmp_path / "other.zip", change, **name)
    with pytest.raises(IntegrityError, match=said) as imported:
        import_audit(path, tmp_path / "audits")
    assert not (tmp_path / "audits").exists()
    assert ".import-" not in str(imported.value)
    with pytest.raises(IntegrityError, match=said), unpacked(check_bundle(path)) as folder:
        verify_audit(folder)


def test_contents_that_the_list_does_not_name_are_refused(bundle, tmp_path):
    path = rebuilt(bundle, tmp_path / "x.zip", lambda files: files.update({"plan.yaml": b"other"}), manifest=False)
    assert "does not name exactly these files" in refused(path, tmp_path / "audits")


def test_what_is_there_is_not_written_over(audit, bundle, tmp_path):
    import_audit(bundle, tmp_path / "audits")
    assert "there already" in refused(bundle, tmp_path / "audits", code=2)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / audit.record.id).symlink_to(tmp_path / "nowhere")
    assert "there already" in refused(bundle, tmp_path / "other", code=2)


def test_what_is_no_file_is_a_usage_error(tmp_path):
    assert "cannot be read" in refused(tmp_path / "gone.zip", tmp_path / "audits", code=2)
    assert "cannot be read" in refused(tmp_path, tmp_path / "audits", code=2)


def test_an_audit_that_does_not_verify_is_not_exported(bundle, tmp_path):
    folder = import_audit(bundle, tmp_path / "audits")
    (folder / "items" / "limited.parquet").write_bytes(b"other")
    with pytest.raises(IntegrityError):
        export_audit(folder, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_a_check_whose_name_no_bundle_takes_is_told(tmp_path):
    texts = small_audit(tmp_path / "even").folder.parents[1] / "texts.csv"
    check = Check("even", Repeats(), {"items": File(texts)})
    object.__setattr__(check, "name", "odd name")  # as checks made in Python could be named
    audit = small_audit(tmp_path / "odd", checks=(check,))
    with pytest.raises(UsageError, match="takes no file of the name 'observations/odd"):
        export_audit(audit.folder, tmp_path / "out.zip")


def test_a_checked_bundle_can_be_lent(audit, bundle):
    with unpacked(check_bundle(bundle)) as folder:
        assert verify_audit(folder).id == audit.record.id
    assert not folder.exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(0, 3))
def test_no_bytes_at_all_make_it_stumble(tmp_path, data, where):
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(data), 0, 0)
    path = tmp_path / "any.zip"
    path.write_bytes((data, data + end, b"PK\3\4" + data, data * 9)[where])
    with pytest.raises(IntegrityError):
        check_bundle(path)
