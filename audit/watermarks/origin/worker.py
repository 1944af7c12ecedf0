"""The child in which files are parsed: it reads jobs on stdin, answers on stdout, and opens nothing.

    job      one line of JSON {"do", "type", "sizes", ...}, then the bytes that it names
    answer   one line of JSON, then the bytes that it names

Before the first job it gives up the right to open files and sockets (no descriptor beyond those it has can be made),
to dump core, and to take more memory or processor time than it was granted: a hostile file meets a native library, and
what it names on a network stays unasked, whatever a setting says.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from functools import lru_cache
from typing import Any, BinaryIO

import c2pa

from audit.watermarks.origin.xmp import layers_of

__all__ = ["main"]

NO_MEMORY = 9
"""Exit code of a child whose memory was not enough."""
OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "builder": {"thumbnail": {"enabled": False}},
}
_ALGORITHMS = {
    "es256": c2pa.C2paSigningAlg.ES256, "es384": c2pa.C2paSigningAlg.ES384, "es512": c2pa.C2paSigningAlg.ES512,
    "ed25519": c2pa.C2paSigningAlg.ED25519, "ps256": c2pa.C2paSigningAlg.PS256,
}


def main() -> None:
    """Answer jobs until stdin ends."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    c2pa.Context.from_dict(OFFLINE).close()  # what is loaded late is loaded now
    layers_of(b"")
    for limit, most in (
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, 3), (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    while line := jobs.readline():
        job = json.loads(line)
        try:
            answer, data = _answered(job, [jobs.read(size) for size in job["sizes"]])
        except MemoryError:
            sys.exit(NO_MEMORY)
        answers.write(json.dumps({**answer, "size": len(data)}).encode() + b"\n" + data)
        answers.flush()


def _answered(job: dict[str, Any], given: list[bytes]) -> tuple[dict[str, Any], bytes]:
    try:
        context = _context(json.dumps(job["trust"]))
        if job["do"] == "sign":
            return {}, _sign(job, given, context)
        if job["do"] == "flip":
            return {"states": _flips(job, bytearray(given[0]), context)}, b""
        return {"xmp": layers_of(given[0]), **_told(job["type"], given[0], context)}, b""
    except c2pa.C2paError as error:
        return {"said": str(error)[:400]}, b""


@lru_cache(maxsize=1)
def _context(trust: str) -> Any:
    return c2pa.Context.from_dict({**OFFLINE, "trust": json.loads(trust)})


def _told(kind: str, data: bytes, context: Any) -> dict[str, Any]:
    try:
        return _read(kind, io.BytesIO(data), context)
    except c2pa.C2paError as error:
        return {"said": str(error)[:400]}


def _read(kind: str, data: BinaryIO, context: Any) -> dict[str, Any]:
    """Return the manifest store as JSON text; None where the file has none."""
    try:
        with c2pa.Reader(kind, data, context=context) as reader:
            return {"store": reader.json(), "embedded": reader.is_embedded()}
    except c2pa.C2paError.ManifestNotFound:
        return {"store": None}


def _flips(job: dict[str, Any], data: bytearray, context: Any) -> list[str]:
    """Return what is read after each single change, (position, bits that turn): the state, `none` or `refused`."""
    states = []
    for position, bits in job["flips"]:
        data[position] ^= bits
        try:
            store = _read(job["type"], io.BytesIO(data), context)["store"]
            states.append("none" if store is None else str(json.loads(store).get("validation_state")))
        except c2pa.C2paError:
            states.append("refused")
        data[position] ^= bits
    return states


def _sign(job: dict[str, Any], given: list[bytes], context: Any) -> bytes:
    data, chain, key = given
    info = c2pa.C2paSignerInfo(alg=_ALGORITHMS[job["algorithm"]], sign_cert=chain, private_key=key, ta_url=None)
    made = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(job["manifest"], context) as builder:
        if job.get("remote"):
            builder.set_no_embed()
            builder.set_remote_url(job["remote"])
        builder.sign(signer, job["type"], io.BytesIO(data), made)
    return made.getvalue()


if __name__ == "__main__":
    main()
