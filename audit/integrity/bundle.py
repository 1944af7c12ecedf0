"""A whole audit in one zip file that is the same, to the byte, for the same audit.

    bundle.json (name -> digest of all else), then the audit's files by name; stored, no times, one layout

Documents (`reports/`) stay behind on both sides: they can be made again from the rest, and what others wrote is opened
by nobody here.

Reading never trusts the file: nothing is unpacked by what it says of itself. The table at its end gives names and
sizes, which must be allowed; from them and from the contents the one right layout is made again, and every byte of the
file must be that layout's. Members are not compressed, so that no small file can become a large one. Nothing is written
before all of it was checked.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NoReturn

from audit.errors import IntegrityError, UsageError, clean, os_reason
from audit.files import canonical, digest_file, open_regular, parse_json, sha256, sync_folder, tidy, worker
from audit.integrity.digests import DOCUMENTS
from audit.integrity.verification import Verification, verify_audit
from audit.record import ALLOWED, RECORD_FILE, audit_files, load_record
from audit.signing import PublicKey
from audit.storage import bring, push_folder
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["MAX_MEMBERS", "MAX_TOTAL", "Bundle", "check_bundle", "export_audit", "import_audit", "unpacked"]

MANIFEST = "bundle.json"
MAX_MEMBERS = 60_000
MAX_TOTAL = 2 << 30
"""Bytes of all members together."""
MAX_TEXT = 64 << 20
"""Bytes of a member that is read whole: JSON, JSON lines, YAML."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_DATE = 33
"""1 January 1980, the first day that a zip file knows."""
_FILE_MODE = 0o100644 << 16
_CHUNK = 1 << 20


@immutable
class _Member:
    name: str
    size: int
    crc: int
    digest: str

    def local(self) -> bytes:
        sizes = (self.crc, self.size, self.size)
        return _LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, _DATE, *sizes, len(self.name), 0) + self.name.encode()

    def central(self, offset: int) -> bytes:
        sizes = (self.crc, self.size, self.size)
        head = _CENTRAL.pack(
            b"PK\1\2", 3 << 8 | 20, 20, 0, 0, 0, _DATE, *sizes, len(self.name), 0, 0, 0, 0, _FILE_MODE, offset
        )
        return head + self.name.encode()


@immutable
class Bundle:
    """A bundle that was checked, byte for byte."""

    path: Path
    id: str
    """Of the audit in it."""
    files: dict[str, str]
    """Name -> digest."""
    _members: tuple[_Member, ...]


def export_audit(folder: Path, out: Path) -> Bundle:
    """Write an audit that verifies as one file and return what it holds.

    IntegrityError where it does not verify, UsageError where it is too large for a bundle, or not all that was erased
    is gone.
    """
    found = verify_audit(folder)
    audit_id = found.id
    if found.still:
        told = "{folder}: {file} was erased, and is still or again there; erase the same again first"
        raise UsageError(told, folder=folder, file=found.still[0])
    if not _ID.fullmatch(audit_id):
        raise UsageError("{folder}: the id {id!r} cannot name a folder", folder=folder, id=clean(audit_id))
    evidence = (one.path for finding in load_record(folder).record.findings for one in finding.evidence)
    if odd := next((path for path in evidence if not ALLOWED.fullmatch(path)), None):
        raise UsageError("{folder}: a bundle takes no file of the name {name!r}", folder=folder, name=clean(odd))
    files = [_measured(folder, name) for name in audit_files(folder) if not name.startswith(DOCUMENTS)]
    manifest = canonical({"schema": 1, "id": audit_id, "files": {one.name: one.digest for one in files}}) + b"\n"
    head = _Member(MANIFEST, len(manifest), zlib.crc32(manifest), sha256(manifest))
    for one in (head, *files):
        _room(one.name, one.size, UsageError)
    if len(files) >= MAX_MEMBERS or sum(one.size for one in files) > MAX_TOTAL:
        raise UsageError(
            "{folder}: too large; a bundle holds {files:,} files and {size:,} bytes at most",
            folder=folder, files=MAX_MEMBERS, size=MAX_TOTAL,
        )
    try:
        _write(out, _layout((head, *files), lambda one: _contents(folder, one, manifest)))
    except OSError as error:
        raise UsageError("{file}: cannot be written ({problem})", file=out, problem=os_reason(error)) from None
    return Bundle(out, audit_id, {one.name: one.digest for one in files}, (head, *files))


def _write(out: Path, pieces: Iterator[bytes]) -> None:
    """Write the pieces so that `out` is whole or not there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    tidy(out.parent, prefix=f".{out.name}.")
    temporary = out.with_name(f".{out.name}.{worker()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(out.parent)


def _measured(folder: Path, name: str) -> _Member:
    size = crc = 0
    digest = hashlib.sha256()
    with (folder / name).open("rb") as file:
        while data := file.read(_CHUNK):
            size, crc = size + len(data), zlib.crc32(data, crc)
            digest.update(data)
    return _Member(name, size, crc, f"sha256:{digest.hexdigest()}")


def _contents(folder: Path, member: _Member, manifest: bytes) -> Iterator[bytes]:
    if member.name == MANIFEST:
        yield manifest
        return
    digest = hashlib.sha256()
    with (folder / member.name).open("rb") as file:
        while data := file.read(_CHUNK):
            digest.update(data)
            yield data
    if f"sha256:{digest.hexdigest()}" != member.digest:
        raise IntegrityError("{member}: changed while it was exported", member=member.name)


def _layout(members: tuple[_Member, ...], contents: Callable[[_Member], Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the bytes of the one layout that these members have."""
    table, offset = b"", 0
    for member in members:
        head = member.local()
        yield head
        yield from contents(member)
        table += member.central(offset)
        offset += len(head) + member.size
    yield table
    yield _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(table), offset, 0)


def check_bundle(path: Path) -> Bundle:
    """Return what the bundle holds, after every byte of it was checked; nothing is written.

    IntegrityError in one line at the first that is wrong, UsageError where there is no such file.
    """
    try:
        with open_regular(path) as file:
            listed = _listed(path, file)
            members = tuple(_checked(path, file, name, size) for name, size in listed)
            end = b"".join(_layout(members, lambda one: iter(())))[sum(len(one.local()) for one in members) :]
            if file.read() != end:
                _wrong(path, Phrase("its table is not the one that 'dokimasia export' writes"))
            return _told(path, file, members)
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=path, problem=os_reason(error)) from None


def _wrong(path: Path, what: Phrase) -> NoReturn:
    raise IntegrityError("{file}: not a whole bundle: {what}", file=path, what=what)


def _listed(path: Path, file: BinaryIO) -> list[tuple[str, int]]:
    """Return (name, size) of the members by the table at the end of the file, all allowed."""
    total = os.fstat(file.fileno()).st_size
    if not _END.size <= total <= MAX_TOTAL + MAX_MEMBERS * 500:
        _wrong(path, Phrase("it has {total:,} bytes; allowed are {most:,} of content", total=total, most=MAX_TOTAL))
    file.seek(total - _END.size)
    mark, *_, count, size, offset, comment = _END.unpack(file.read(_END.size))
    if mark != b"PK\5\6" or comment or offset + size + _END.size != total:
        _wrong(path, Phrase("it is cut short, or no zip file without a comment"))
    if count > MAX_MEMBERS or size > count * (_CENTRAL.size + 400):
        what = "it lists {count:,} members in {size:,} bytes; allowed are {most:,}"
        _wrong(path, Phrase(what, count=count, size=size, most=MAX_MEMBERS))
    file.seek(offset)
    table, listed, at = file.read(size), dict[str, int](), 0
    while at < size:
        at = _one_listed(path, table, at, listed)
    if len(listed) != count or next(iter(listed), None) != MANIFEST or sum(listed.values()) > MAX_TOTAL:
        what = "its table lists {count:,} members and should begin with {file}"
        _wrong(path, Phrase(what, count=len(listed), file=MANIFEST))
    file.seek(0)
    return list(listed.items())


def _one_listed(path: Path, table: bytes, at: int, listed: dict[str, int]) -> int:
    """Add one member of the table and return where the next one begins."""
    if at + _CENTRAL.size > len(table):
        _wrong(path, Phrase("its table is cut short"))
    head = _CENTRAL.unpack_from(table, at)
    method, packed, size, named, extra, noted, mode = head[4], head[8], head[9], head[10], head[11], head[12], head[15]
    end: int = at + _CENTRAL.size + named
    name = table[at + _CENTRAL.size : end].decode("ascii", "backslashreplace")
    shown = repr(clean(name)[:80])
    if name in listed:
        _wrong(path, Phrase("{member} is in it twice", member=shown))
    if name != MANIFEST and not ALLOWED.fullmatch(name):
        _wrong(path, Phrase("{member} is no name of an audit's file", member=shown))
    if (mode >> 16) & 0o170000 not in (0, 0o100000):
        _wrong(path, Phrase("{member} is a link or no plain file", member=shown))
    if method or packed != size:
        what = "{member} is compressed ({packed:,} bytes become {size:,}); members are stored as they are"
        _wrong(path, Phrase(what, member=shown, packed=packed, size=size))
    if head[0] != b"PK\1\2" or extra or noted:
        _wrong(path, Phrase("its table is not the one that 'dokimasia export' writes"))
    _room(name, size, IntegrityError)
    listed[name] = size
    return end


def _room(name: str, size: int, error: type[IntegrityError | UsageError]) -> None:
    most = MAX_TOTAL if name.endswith(".parquet") or name.startswith(DOCUMENTS) else MAX_TEXT
    if size > most:
        raise error("{name}: {size:,} bytes; a bundle takes at most {most:,} of it", name=name, size=size, most=most)


def _checked(path: Path, file: BinaryIO, name: str, size: int) -> _Member:
    """Read one member at its place and return it; its head must be the one that its content asks for."""
    head = file.read(_LOCAL.size + len(name))
    crc, left, digest = 0, size, hashlib.sha256()
    while left:
        data = file.read(min(_CHUNK, left))
        if not data:
            _wrong(path, Phrase("{member} is cut short", member=name))
        crc, left = zlib.crc32(data, crc), left - len(data)
        digest.update(data)
    member = _Member(name, size, crc, f"sha256:{digest.hexdigest()}")
    if head != member.local():
        _wrong(path, Phrase("{member} is not the content that was stored", member=name))
    return member


def _told(path: Path, file: BinaryIO, members: tuple[_Member, ...]) -> Bundle:
    """Compare the members with what the manifest says of them."""
    head, *files = members
    file.seek(len(head.local()))
    text = file.read(head.size)
    names = [one.name for one in files]
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        told = parse_json(text)
        found = {one.name: one.digest for one in files}
        right = canonical({"schema": 1, "id": told["id"], "files": found}) + b"\n"
        if right == text and names == sorted(names) and _ID.fullmatch(told["id"]):
            return Bundle(path, told["id"], found, members)
    _wrong(path, Phrase("{file} does not name exactly these files with these digests", file=MANIFEST))


def _unpack(bundle: Bundle, folder: Path) -> None:
    """Write the files of a checked bundle, but for documents, into an empty folder."""
    with bundle.path.open("rb") as file:
        for member in bundle._members:
            file.seek(len(member.local()), os.SEEK_CUR)
            if member.name == MANIFEST or member.name.startswith(DOCUMENTS):
                file.seek(member.size, os.SEEK_CUR)
                continue
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            left = member.size
            with target.open("xb") as written:
                while left and (data := file.read(min(_CHUNK, left))):
                    left -= written.write(data)
            if digest_file(target) != member.digest:
                raise IntegrityError(
                    "{bundle}: {member} changed while it was read", bundle=bundle.path, member=member.name
                )


@contextmanager
def unpacked(bundle: Bundle, beside: Path | None = None) -> Iterator[Path]:
    """Lend a checked bundle's audit as a folder that is gone afterwards; `beside` says on which disk.

    IntegrityError where it has no record, or that of another audit than the bundle says. Errors name no passing folder.
    """
    with tempfile.TemporaryDirectory(prefix=f".import-{worker()}-", dir=beside) as place:
        folder = Path(place, bundle.id)
        folder.mkdir()
        _unpack(bundle, folder)
        try:
            _check_id(bundle, folder)
            yield folder
        except IntegrityError as error:
            told = error.message.replaced(f"{folder}{os.sep}", "")
            raise IntegrityError(told.replaced(str(folder), bundle.id)) from None


def _check_id(bundle: Bundle, folder: Path) -> None:
    if RECORD_FILE not in bundle.files:
        raise IntegrityError("{bundle}: holds no record.json", bundle=bundle.path)
    found = load_record(folder).record.id
    if found != bundle.id:
        raise IntegrityError(
            "{bundle}: holds audit {found}, and says that it is {id}",
            bundle=bundle.path, found=clean(found), id=bundle.id,
        )


def import_audit(
    path: Path, into: Path, keys: Sequence[PublicKey] = (), told: Callable[[Verification], None] = lambda found: None,
    *, known: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Unpack a bundle into `into/<id>`, once it is known to be a whole audit, and return that folder.

    `told` hears what was verified; with `keys`, one of them must have sealed it; `known` as in `verify_audit`.
    IntegrityError where it is no whole audit, UsageError where `into/<id>` is there already.
    """
    bundle = check_bundle(path)
    target = into / bundle.id
    bring(target, deep=False)
    tidy(into, prefix=".import-")
    if os.path.lexists(target):
        raise UsageError("{folder}: there already; import into another folder", folder=target)
    made = [one for one in (into, *into.parents) if not one.exists()]
    into.mkdir(parents=True, exist_ok=True)
    try:
        with unpacked(bundle, into) as folder:
            found = verify_audit(folder, keys, known=known)
            folder.rename(target)
    except BaseException:
        for one in made:
            with suppress(OSError):  # somebody else may have put something there
                one.rmdir()
        raise
    sync_folder(into)
    push_folder(target)
    told(found)
    return target
