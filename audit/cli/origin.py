"""What `dokimasia mark` and `dokimasia detect` do with signed origin: sign, read, tamper, look at a certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson
from audit.errors import UsageError, clean, os_reason
from audit.exit_codes import FAILED, INCONCLUSIVE

if TYPE_CHECKING:
    from audit.watermarks.origin import Origin

__all__ = [
    "Anchor", "Purposes", "detect_certificate", "detect_origin", "detect_tampering", "mark_authority", "mark_origin",
    "origin_line", "origin_told", "read_file",
]

_LARGEST = 1 << 28
_NONE = "no manifest; that says nothing of who made it"

Chain = Annotated[Path, typer.Option("--chain", help="Certificates in PEM, the signer's first.")]
Anchor = Annotated[Path | None, typer.Option("--anchor", help="Certificates in PEM that are trusted.")]
Purposes = Annotated[
    list[str] | None,
    typer.Option("--purpose", metavar="OID", help="A further purpose that readers list; may be given again."),
]
SourceType = Annotated[str, typer.Option("--source", help="IPTC's digital source type.")]
AigcLabel = Annotated[
    str | None, typer.Option("--aigc", metavar="JSON", help="Label of GB 45438-2025, e.g. '{\"Label\": \"1\"}'.")
]
Most = Annotated[int | None, typer.Option("--most", min=1, help="Bytes of each kind of region; absent = all.")]


def mark_authority(
    folder: Annotated[Path, typer.Argument(help="Folder for root.pem, chain.pem and key.pem; never over a file.")],
) -> None:
    """Make a signing authority for trials; it proves nothing about who signed."""
    from audit.watermarks.origin import made_authority

    made = made_authority()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data, mode in (("root", made.root, 0o644), ("chain", made.chain, 0o644), ("key", made.key, 0o600)):
        _new_file(folder / f"{name}.pem", data, mode)
    print(clean(f"{folder}: root.pem is what readers trust, chain.pem and key.pem sign; keep key.pem to yourself"))


def mark_origin(
    file: Annotated[Path, typer.Argument(help="File: PNG, JPEG, WebP, WAV, MP4, PDF, ...")],
    key: Annotated[Path, typer.Option("--key", help="The signer's key: PEM in PKCS 8.")],
    chain: Chain,
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    model: Annotated[str | None, typer.Option("--model", help="Name of the model that made it.")] = None,
    version: Annotated[str | None, typer.Option("--model-version", help="Its version.")] = None,
    when: Annotated[str | None, typer.Option("--when", help="When it was made, e.g. 2026-11-28T12:00:00Z.")] = None,
    source: SourceType = "trainedAlgorithmicMedia",
    aigc: AigcLabel = None,
    purposes: Purposes = None,
    as_json: AsJson = False,
) -> None:
    """Sign where a file comes from (C2PA, IPTC, China's AIGC label), and read it again."""
    from audit.files import write_out
    from audit.watermarks.origin import Declaration, Parser, signed, trusting

    try:
        say = Declaration(model, version, when, source, None if aigc is None else json.loads(aigc))
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError("--aigc or --source: {why}", why=str(error)) from None
    with Parser(trust=trusting(None, purposes or ())) as parser:
        data, origin = signed(read_file(file), read_file(chain), read_file(key), parser, say, name=file.name)
    write_out(out, data)
    told = f"{out}: signed by {origin.signer}, {len(data):,} bytes"
    print(json.dumps(origin_told(out, origin)) if as_json else clean(told))


def detect_origin(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files.")],
    anchor: Anchor = None,
    purposes: Purposes = None,
    as_json: AsJson = False,
) -> None:
    """Say of each file who signed what, and whether the anchor vouches for it.

    Exit code 0: all are trusted and agree with themselves; 1: one was altered or contradicts itself; 3: neither.
    """
    from audit.watermarks.origin import Parser, read_origins, trusting

    with Parser(trust=trusting(None if anchor is None else read_file(anchor), purposes or ())) as parser:
        found = list(read_origins(((file.name, read_file(file)) for file in files), parser))
    told = [origin_told(file, one) for file, one in zip(files, found, strict=True)]
    print(json.dumps(told) if as_json else "\n".join(clean(origin_line(one)) for one in told))
    if any(one.state == "Invalid" or one.conflict for one in found):
        raise typer.Exit(FAILED)
    if any(one.state != "Trusted" for one in found):
        raise typer.Exit(INCONCLUSIVE)


def detect_tampering(
    file: Annotated[Path, typer.Argument(help="A signed file.")],
    anchor: Anchor = None,
    most: Most = None,
    as_json: AsJson = False,
) -> None:
    """Change every byte of a signed file, one at a time, and say in which regions nobody notices."""
    from audit.watermarks.origin import Parser, byte_map, trusting

    with Parser(trust=trusting(None if anchor is None else read_file(anchor))) as parser:
        found = byte_map(read_file(file), parser, most=most, name=file.name)
    rows = found.rows()
    if as_json:
        print(json.dumps([{"region": one.name, "kind": one.kind, "bytes": one.size, "tried": one.tried,
                           "passed": one.passed} for one in rows]))  # fmt: skip
        return
    print(f"{int(found.passed.sum()):,} of {len(found.states):,} changes pass unnoticed (lowest bit of a byte turned)")
    for one in rows:
        print(clean(f"{one.passed:7,} of {one.tried:7,}  {one.name}"))


def detect_certificate(
    chain: Annotated[Path, typer.Argument(help="Certificates in PEM, the signer's first.")],
    key: Annotated[Path | None, typer.Option("--key", help="The signer's key.")] = None,
    anchor: Anchor = None,
    purposes: Purposes = None,
    as_json: AsJson = False,
) -> None:
    """Say what signing with a certificate will come to, naming the field; exit code 1 where it will not be trusted."""
    from audit.watermarks.origin import preflight

    found = preflight(
        read_file(chain), None if key is None else read_file(key), None if anchor is None else read_file(anchor),
        listed=purposes or (),
    )
    if as_json:
        fields = [{"field": one.field, "outcome": one.outcome, "what": one.what} for one in found.problems]
        print(json.dumps({"outcome": found.outcome, "fields": fields}))
    else:
        print(found.outcome)
        for one in found.problems:
            print(clean(f"  {one.field} {one.what}" + (" (taken all the same)" if one.outcome == "trusted" else "")))
    if found.outcome != "trusted":
        raise typer.Exit(FAILED)


def read_file(file: Path) -> bytes:
    """Return a file's bytes; raises UsageError."""
    from audit.files import read_regular

    try:
        return read_regular(file, _LARGEST)
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=file, problem=os_reason(error)) from None


def _new_file(file: Path, data: bytes, mode: int) -> None:
    import os

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise UsageError("{file}: cannot be written ({problem})", file=file, problem=os_reason(error)) from None
    with os.fdopen(handle, "wb") as opened:
        opened.write(data)


def origin_told(file: Path, origin: Origin) -> dict[str, Any]:
    """Return what a file says of its origin."""
    return {
        "file": str(file), "state": origin.state, "problem": origin.problem or origin.broken, "signer": origin.signer,
        "failures": origin.failures, "manifests": origin.manifests, "source_types": origin.source_types,
        "aigc": origin.aigc, "conflict": origin.conflict,
    }  # fmt: skip


def origin_line(told: dict[str, Any]) -> str:
    """Return what was found in a file, in a line."""
    if told["state"] is None:
        return f"{told['file']}: cannot be read: {told['problem']}"
    said = [f"{layer} says {', '.join(terms)}" for layer, terms in told["source_types"].items()]
    said += [f"AIGC label {told['aigc']['Label']}"] if told["aigc"] else []
    state = _NONE if told["state"] == "none" else f"{told['state']}, signed by {told['signer']}"
    if told["failures"]:
        state += f" ({', '.join(told['failures'])})"
    conflict = "; CONFLICT: one layer says model, another does not" if told["conflict"] else ""
    return f"{told['file']}: {'; '.join([state, *said])}{conflict}"
