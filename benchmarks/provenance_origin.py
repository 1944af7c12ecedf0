"""Signed origin: certificates predicted, what tampering passes in a PNG and a JPEG, flips and files a second.

`python benchmarks/provenance.py origin`. Seconds are those of the processor, of this process and of its child.
"""

from __future__ import annotations

import io
import resource
from collections.abc import Sequence
from typing import Any

import numpy as np

from audit.watermarks.origin import (
    LISTED,
    Authority,
    Declaration,
    Parser,
    byte_map,
    made_authority,
    preflight,
    read_origin,
    read_origins,
    signed,
    trusting,
)

__all__ = ["main"]

SERVER = "1.3.6.1.5.5.7.3.1"
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "emailProtection": ({}, ()), "documentSigning": ({"purposes": LISTED[:1]}, ()),
    "C2PA purpose": ({"purposes": LISTED[1:]}, ()), "documentSigning, listed": ({"purposes": LISTED[:1]}, LISTED),
    "C2PA purpose, listed": ({"purposes": LISTED[1:]}, LISTED), "server purpose": ({"purposes": (SERVER,)}, ()),
    "no purpose": ({"purposes": ()}, ()), "self-signed": ({"self_signed": True, "authority_key": False}, ()),
    "no authority key id": ({"authority_key": False}, ()), "expired": ({"expired": True}, ()),
    "no organisation": ({"organisation": None}, ()), "no organisation, root": ({"root_organisation": None}, ()),
    "no subject key id": ({"subject_key": False}, ()), "usage not critical": ({"usage_critical": False}, ()),
    "Ed25519": ({"algorithm": "ed25519"}, ()), "PS256": ({"algorithm": "ps256"}, ()),
    "ES384": ({"algorithm": "es384"}, ()),
}  # fmt: skip
FLIPS, FILES = 10_000, 500


def main(_: Sequence[str] = ()) -> int:
    """Print what was predicted and measured."""
    print("certificate                outcome    as predicted   field")
    wrong = sum(not _case(name, *case) for name, case in CASES.items())
    print(f"{len(CASES) - wrong} of {len(CASES)} predicted\n")
    authority = made_authority()
    files = [_signed(kind, authority) for kind in ("PNG", "JPEG")]
    for kind, data in zip(("PNG", "JPEG"), files, strict=True):
        _print_map(kind, data, authority)
    _print_speed(files, authority)
    return min(wrong, 1)


def _image(kind: str, size: int = 32) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)).save(made, kind)
    return made.getvalue()


def _case(name: str, options: dict[str, Any], listed: tuple[str, ...]) -> bool:
    made = made_authority(**options)
    found = preflight(made.chain, made.key, made.root, listed=listed)
    with Parser(trust=trusting(made.root, listed)) as parser:
        job = {"do": "sign", "type": "image/png", "algorithm": options.get("algorithm", "es256"),
               "manifest": Declaration().manifest()}  # fmt: skip
        answer = parser.ask(job, _image("PNG"), made.chain, made.key)
        if answer.problem is None:
            really = str(read_origin(answer.data, parser).state).lower()
        else:
            really = "invalid" if "signingCredential.invalid" in answer.problem else "refused"
    fields = ", ".join(one.field for one in found.problems) or "-"
    print(f"{name:26} {really:10} {'yes' if really == found.outcome else f'no: {found.outcome}':14} {fields}")
    return really == found.outcome


def _signed(kind: str, authority: Authority) -> bytes:
    with Parser(trust=trusting(authority.root)) as parser:
        say = Declaration("a model", aigc={"Label": "1", "ContentProducer": "somebody"})
        return signed(_image(kind), authority.chain, authority.key, parser, say)[0]


def _print_map(kind: str, data: bytes, authority: Authority) -> None:
    with Parser(trust=trusting(authority.root)) as parser:
        found = byte_map(data, parser)
    print(f"{kind}: lowest bit of each of {len(data):,} bytes turned; {int(found.passed.sum()):,} pass unnoticed, in")
    for row in found.rows():
        if row.passed:
            print(f"  {row.passed:5} of {row.size:5}  {row.name}")
    nothing = {row.kind for row in found.rows()} - {row.kind for row in found.rows() if row.passed}
    print(f"  nothing of: {', '.join(sorted(nothing))}\n")


def _print_speed(files: list[bytes], authority: Authority) -> None:
    took = -_seconds()
    with Parser(trust=trusting(authority.root)) as parser:
        left = FLIPS
        while left > 0:
            left -= len(byte_map(files[left % 2], parser).states)
    took += _seconds()
    print(f"{FLIPS - left:,} flips: {took:.1f} s, {FLIPS * took / (FLIPS - left):.1f} s for {FLIPS:,}")
    took = -_seconds()
    with Parser(trust=trusting(authority.root)) as parser:
        states = {one.state for one in read_origins((("x", files[at % 2]) for at in range(FILES)), parser)}
    took += _seconds()
    print(f"{FILES} read ({', '.join(map(str, states))}): {took:.2f} s, {FILES / took:,.0f} a second, start included")


def _seconds() -> float:
    """Return the processor's seconds so far, of this process and of children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
