"""The commands `keygen`, `seal`, `verify`, `export` and `import`: an audit that somebody else can check.

Every start of the command imports this module, so that what only one of them needs is imported inside.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli.options import AsJson, AuditName, Author, Into, KeyFile
from audit.errors import DokimasiaError, UsageError, clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit.integrity import Verification
    from audit.signing import PublicKey

__all__ = ["export", "import_", "keygen", "seal", "verify"]

Public = Annotated[
    list[Path] | None,
    typer.Option("--public", help="Public key that must have signed; may be given again. Others: DOKIMASIA_KEYS."),
]
AuditOrBundle = Annotated[
    str, typer.Argument(metavar="AUDIT", help="Folder of an audit, beginning of its id, or a bundle (.zip).")
]
Recompute = Annotated[
    bool, typer.Option("--recompute", help="Judge again from the observations, every number to 1e-9.")
]
Entries = Annotated[int, typer.Option("--expect-entries", min=0, help="At least so many review entries must be there.")]
Head = Annotated[
    str | None, typer.Option("--expect", help="Digest of a review entry that must be there, or its beginning.")
]


def keygen(
    file: Annotated[Path, typer.Argument(help="Private key to write; the public one goes to FILE.pub.")],
    as_json: AsJson = False,
) -> None:
    """Make a key pair (Ed25519) for signing reviews and seals; never writes over a file."""
    from audit.signing import make_key

    key = make_key(file)
    if as_json:
        print(json.dumps({"private": str(file), "public": f"{file}.pub", "fingerprint": key.fingerprint}))
    else:
        print(f"{file}: keep it to yourself; it has no password\n{file}.pub: give it to whoever verifies")
        print(key.fingerprint)


def seal(
    audit: AuditName,
    key: KeyFile = None,
    author: Author = None,
    again: Annotated[bool, typer.Option("--again", help="Put a new seal in the place of the old one.")] = False,
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Sign every file of an audit that verifies; the seal lies in it as seal.json."""
    from audit.integrity import seal_audit, verify_audit
    from audit.record import load_record
    from audit.signing import author_name, signing_key
    from audit.storage import find_audit

    signing = signing_key(key)
    if signing is None:
        raise UsageError("a seal needs a key: --key FILE, or DOKIMASIA_KEY; 'dokimasia keygen FILE' makes one")
    folder = find_audit(audit, into)
    _bring_up(folder)
    verify_audit(folder, with_seal=not again)
    sealed = seal_audit(load_record(folder), signing, author_name(author), again=again)
    if as_json:
        print(json.dumps(dataclasses.asdict(sealed)))
    else:
        print(f"{folder / 'seal.json'}: {sealed.files} files sealed with {sealed.key}")


def verify(
    audit: AuditOrBundle,
    into: Into = Path("audits"),
    recompute: Recompute = False,
    public: Public = None,
    entries: Entries = 0,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Check that an audit is what was written, reviews and seal too; exit code 4 where it is not.

    Keys in the folder that DOKIMASIA_KEYS names are known, each as its owner's (NAME.pub), and so is DOKIMASIA_KEY.
    """
    from audit.integrity import verify_audit
    from audit.signing import known_keys

    named, known = _keys(public), known_keys()
    asked = partial(verify_audit, keys=named, known=known, judge_again=recompute, entries=entries, head=_head(head))
    found = _verified(audit, into, asked)
    if as_json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        print("\n".join(clean(line) for line in found.lines()))


def _keys(public: list[Path] | None) -> list[PublicKey]:
    from audit.signing import read_public_key

    return [read_public_key(path) for path in public or []]


def _head(given: str | None) -> str | None:
    head = None if given is None else given.removeprefix("sha256:")
    if head is not None and not re.fullmatch(r"[0-9a-f]{8,64}", head):
        raise UsageError(f"--expect {given}: not a digest; allowed: at least 8 of the digits that 'verify' prints")
    return head


def _verified(audit: str, into: Path, asked: Callable[[Path], Verification]) -> Verification:
    """Verify a folder, or a bundle in a folder that is gone afterwards."""
    from audit.integrity import check_bundle, unpacked, was_finished
    from audit.storage import audit_folder, bring, find_audit

    if not (audit.endswith(".zip") and Path(audit).is_file()):
        bring(into / audit)
        named = next((place for place in (audit_folder(audit), into / audit) if was_finished(place)), None)
        folder = named or find_audit(audit, into)
        _bring_up(folder)
        return asked(folder)
    with unpacked(check_bundle(Path(audit))) as folder:
        return asked(folder)


def _bring_up(folder: Path) -> None:
    """Bring the reviews up to their database; of a record that cannot be read verifying tells."""
    from audit.record import load_record
    from audit.review import pull_reviews

    try:
        found = load_record(folder)
    except DokimasiaError:
        return
    pull_reviews(found)


def export(
    audit: AuditName,
    out: Annotated[Path, typer.Option(help="Bundle to write, FILE.zip.")],
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Write an audit that verifies as one zip file, the same bytes for the same audit."""
    from audit.integrity import export_audit
    from audit.storage import find_audit

    if out.suffix != ".zip":
        raise UsageError(f"--out {out}: a bundle's name ends in .zip")
    folder = find_audit(audit, into)
    _bring_up(folder)
    bundle = export_audit(folder, out)
    print(json.dumps({"file": str(out), "id": bundle.id, "files": len(bundle.files)}) if as_json else str(out))


def import_(
    file: Annotated[Path, typer.Argument(help="Bundle, as 'dokimasia export' writes it.")],
    into: Into = Path("audits"),
    public: Public = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle, unpack it under --into only if all of it is right, and tell what 'verify' tells."""
    from audit.errors import clean
    from audit.integrity import import_audit
    from audit.signing import known_keys

    heard: list[Verification] = []
    folder = import_audit(file, into, _keys(public), heard.append, known=known_keys())
    if as_json:
        print(json.dumps({"folder": str(folder), **dataclasses.asdict(heard[0])}))
        return
    print(folder)
    print("\n".join(clean(line) for line in heard[0].lines()), file=sys.stderr)
