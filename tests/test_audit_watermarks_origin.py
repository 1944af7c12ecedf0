"""Signed origin: certificates predicted case by case, what tampering passes, layers read and written, a hostile parser.

What a certificate comes to is held against the library itself, which signs and reads with it.
"""

from __future__ import annotations

import io
import json
import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest
from needs import needs_library

from audit.errors import UsageError
from audit.watermarks.origin import (
    EMAIL,
    LISTED,
    Authority,
    ByteMap,
    Declaration,
    Parser,
    byte_map,
    made_authority,
    preflight,
    read_origin,
    signed,
    trusting,
)
from audit.watermarks.origin.containers import with_xmp, xmp_of
from audit.watermarks.origin.regions import Regions, regions
from audit.watermarks.origin.sources import aigc_label, in_conflict, said_by, term_of
from audit.watermarks.origin.tampering import _drawn as drawn_places
from audit.watermarks.origin.xmp import layers_of, packet_with

needs_library("c2pa")

AIGC = {"Label": "1", "ContentProducer": "모델 가", "ProduceID": "7"}
SERVER, ANY, TIME = "1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "1.3.6.1.5.5.7.3.8"
DOCUMENT, OWN = LISTED


def image(kind: str, size: int = 8) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)).save(made, kind)
    return made.getvalue()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return made_authority()


@pytest.fixture(scope="module")
def parser(authority: Authority) -> Any:
    with Parser(trust=trusting(authority.root)) as one:
        yield one


@pytest.fixture(scope="module")
def marked(authority: Authority, parser: Parser) -> dict[str, bytes]:
    say = Declaration("model a", aigc=AIGC)
    return {kind: signed(image(kind), authority.chain, authority.key, parser, say)[0] for kind in ("PNG", "JPEG")}


CASES: list[tuple[dict[str, Any], tuple[str, ...], str, str]] = [
    ({}, (), "trusted", ""),
    ({"purposes": (DOCUMENT,)}, (), "invalid", "extendedKeyUsage"),
    ({"purposes": (OWN,)}, (), "invalid", "extendedKeyUsage"),
    ({"purposes": (DOCUMENT,)}, LISTED, "trusted", ""),
    ({"purposes": (OWN,)}, LISTED, "trusted", ""),
    ({"purposes": (SERVER,)}, (), "refused", "extendedKeyUsage"),
    ({"purposes": ()}, (), "refused", "extendedKeyUsage"),
    ({"self_signed": True, "authority_key": False}, (), "refused", "authorityKeyIdentifier"),
    ({"authority_key": False}, (), "refused", "authorityKeyIdentifier"),
    ({"expired": True}, (), "refused", "notAfter"),
    ({"organisation": None}, (), "trusted", "organizationName"),
    ({"root_organisation": None}, (), "trusted", ""),
    ({"subject_key": False}, (), "trusted", "subjectKeyIdentifier"),
    ({"usage_critical": False}, (), "trusted", "keyUsage"),
    ({"algorithm": "ed25519"}, (), "trusted", ""),
    ({"algorithm": "ps256"}, (), "trusted", ""),
    ({"algorithm": "es384"}, (), "trusted", ""),
    # beyond the table
    ({"self_signed": True}, (), "valid", "issuer"),
    ({"algorithm": "es512"}, (), "trusted", ""),
    ({"ca": True}, (), "refused", "basicConstraints"),
    ({"signs": False}, (), "refused", "keyUsage"),
    ({"purposes": (EMAIL, SERVER)}, (), "trusted", ""),
    ({"purposes": (EMAIL, ANY)}, (), "refused", "extendedKeyUsage"),
    ({"purposes": (EMAIL, TIME)}, (), "refused", "extendedKeyUsage"),
    ({"purposes": (TIME,)}, (), "trusted", ""),
    ({"purposes": ("1.2.3.4",)}, (), "refused", "extendedKeyUsage"),
]  # fmt: skip


def done_with(made: Authority, listed: tuple[str, ...], parser: Parser, algorithm: str) -> str:
    """What the library itself does: refuses to sign, or signs and reads so."""
    parser.trust = trusting(made.root, listed)
    job = {"do": "sign", "type": "image/png", "algorithm": algorithm, "manifest": Declaration().manifest()}
    answer = parser.ask(job, image("PNG"), made.chain, made.key)
    if answer.problem is not None:
        return "invalid" if "signingCredential.invalid" in answer.problem else "refused"
    return str(read_origin(answer.data, parser).state).lower()


@pytest.mark.parametrize(("options", "listed", "outcome", "field"), CASES)
def test_a_certificate_comes_to_what_the_preflight_says(
    options: dict[str, Any], listed: tuple[str, ...], outcome: str, field: str, parser: Parser,
) -> None:  # fmt: skip
    made, before = made_authority(**options), parser.trust
    found = preflight(made.chain, made.key, made.root, listed=listed)
    try:
        really = done_with(made, listed, parser, options.get("algorithm", "es256"))
    finally:
        parser.trust = before
    assert found.outcome == outcome == really
    assert [one.field for one in found.problems][:1] == ([field] if field else [])


def test_keys_chains_and_anchors_that_do_not_belong_together(authority: Authority) -> None:
    other = made_authority()
    leaf = authority.chain[: authority.chain.index(b"-----BEGIN", 1)]
    for chain, key, anchor, outcome, field in (
        (authority.chain, other.key, authority.root, "refused", "key"),
        (authority.root + leaf, authority.key, authority.root, "refused", "basicConstraints"),
        (authority.chain, authority.key, other.root, "valid", "issuer"),
        (leaf + other.root, authority.key, authority.root, "valid", "issuer"),
        (leaf, authority.key, authority.root, "trusted", None),
        (authority.chain, None, None, "valid", "issuer"),
    ):
        found = preflight(chain, key, anchor)
        assert (found.outcome, found.problems[0].field if found.problems else None) == (outcome, field)
    with pytest.raises(UsageError, match="chain: no certificate"):
        preflight(b"no PEM")


def test_valid_is_not_trusted_and_what_is_signed_is_read_again(
    authority: Authority, parser: Parser, marked: dict[str, bytes]
) -> None:
    for data in marked.values():
        origin = read_origin(data, parser)
        assert (origin.state, origin.aigc, origin.conflict) == ("Trusted", AIGC, False)
        assert origin.layers == {"c2pa": "model", "xmp": "model", "aigc": "model"}
        assert origin.manifests[0]["generator"].startswith("dokimasia")
    with Parser(trust=trusting(made_authority().root)) as stranger:
        told = read_origin(marked["PNG"], stranger)
    assert (told.state, told.failures) == ("Valid", ("signingCredential.untrusted",))
    bad = made_authority(purposes=(SERVER,))
    with pytest.raises(UsageError, match="certificate: extendedKeyUsage"):
        signed(image("PNG"), bad.chain, bad.key, parser)
    with pytest.raises(UsageError, match=r"a\.txt: cannot be signed: the parser refused it: .*unsupported"):
        signed(b"hello", authority.chain, authority.key, parser, name="a.txt")


def test_removing_the_manifest_is_silent_and_every_other_change_is_told(
    parser: Parser, marked: dict[str, bytes]
) -> None:
    from PIL import Image

    again = io.BytesIO()
    Image.open(io.BytesIO(marked["PNG"])).save(again, "PNG")
    assert read_origin(again.getvalue(), parser).state == "none"
    longer = read_origin(marked["JPEG"] + b"x", parser)
    assert (longer.state, longer.failures) == ("Invalid", ("assertion.dataHash.mismatch",))
    assert read_origin(marked["PNG"][:-40], parser).state is None
    assert read_origin(b"", parser).problem == "the file is empty"
    matroska = read_origin(b"\x1aE\xdf\xa3" + bytes(99), parser, "clip.mkv")
    assert (matroska.state, matroska.problem) == (None, "no manifest has a place in files of its format")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_a_byte_map_lets_pass(kind: str, parser: Parser, marked: dict[str, bytes]) -> None:
    data = marked[kind]
    found = byte_map(data, parser, most=24, rng=np.random.default_rng(1))
    rows = {one.kind: one for one in found.rows(by_kind=True)}
    assert sum(one.size for one in rows.values()) == len(data)
    assert not any(rows[name].passed for name in ("picture", "picture header", "metadata", "assertion", "claim"))
    assert rows["padding"].passed == rows["padding"].tried == 24
    assert 0 < rows["box label"].passed < rows["box label"].tried
    assert all(one.tried <= one.size for one in rows.values())
    with pytest.raises(UsageError, match="reads Invalid"):
        byte_map(data[:-1] + b"xx", parser)


def test_regions_cover_a_file_and_belong_to_its_bytes(marked: dict[str, bytes]) -> None:
    for data in marked.values():
        found = regions(data)
        assert len(found.of) == len(data)
        assert "not taken apart" not in {found.names[one] for one in found.of}
        padding = np.flatnonzero(np.array(found.kinds)[found.of] == "padding")
        assert not any(data[one] for one in padding)
        label = [one for one, name in enumerate(found.names) if name.endswith("c2pa.signature label")]
        assert bytes(data[one] for one in np.flatnonzero(found.of == label[0])) == b"c2pa.signature\0"


def test_a_file_of_many_regions_or_bytes_does_not_hold_up_who_takes_it_apart() -> None:
    class Unsearched(list[str]):
        """Names among which none may be looked for one by one: a file can hold as many as it likes."""

        def __contains__(self, name: object) -> bool:
            raise AssertionError

        def index(self, *_: Any) -> int:
            raise AssertionError

    found = Regions(6)
    found.names = Unsearched(found.names)
    for name, at in (("a", 1), ("b", 3), ("a", 4)):
        found.add(slice(at, at + 1), name, f"kind of {name}")
    assert found.of.tolist() == [0, 1, 0, 2, 1, 0]
    assert list(found.names) == ["not taken apart", "a", "b"]
    states = ("Valid", "Invalid", "Valid", "Valid")
    rows = ByteMap("Valid", found, np.array([0, 1, 4, 5]), states).rows()
    assert [(one.name, one.kind, one.size, one.tried, one.passed) for one in rows] == [
        ("not taken apart", "other", 3, 2, 2), ("a", "kind of a", 2, 2, 1), ("b", "kind of b", 1, 0, 0)
    ]
    large = regions(b"\xff\xd8" + bytes(1 << 20))
    tracemalloc.start()
    try:
        places = drawn_places(large, 16, np.random.default_rng(0))
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(places) > 16
    assert taken < 24 * large.size  # bytes of ours for a byte of the file


def test_without_the_library_there_is_one_line(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setattr("audit.watermarks.origin.parser.find_spec", lambda _: None)
    for attempt in (
        made_authority, lambda: preflight(authority.chain), lambda: trusting(authority.root), Parser().__enter__
    ):
        with pytest.raises(UsageError, match="signed origin needs c2pa-python"):
            attempt()


def test_metadata_is_written_beside_what_stands_there_and_read(marked: dict[str, bytes]) -> None:
    for kind in ("PNG", "JPEG"):
        first = with_xmp(image(kind), packet_with(None, source="digitalCapture", aigc=None))
        assert layers_of(first) == {"source": "digitalCapture"}
        second = with_xmp(first, packet_with(xmp_of(first), source=None, aigc=AIGC))
        assert layers_of(second) == {"source": "digitalCapture", "aigc": AIGC}
        third = with_xmp(second, packet_with(xmp_of(second), source="trainedAlgorithmicMedia", aigc=None))
        assert layers_of(third) == {"source": "trainedAlgorithmicMedia", "aigc": AIGC}
    bomb = with_xmp(image("PNG"), b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    assert "document type" in str(layers_of(bomb)["problem"])


def test_layers_that_contradict_each_other(authority: Authority, parser: Parser) -> None:
    camera = with_xmp(image("PNG"), packet_with(None, source="digitalCapture", aigc=None))
    data, _ = signed(camera, authority.chain, authority.key, parser, Declaration(metadata=False))
    origin = read_origin(data, parser)
    assert (origin.state, origin.layers, origin.conflict) == ("Trusted", {"c2pa": "model", "xmp": "camera"}, True)
    labelled = with_xmp(camera, packet_with(xmp_of(camera), source=None, aigc=AIGC))
    assert read_origin(labelled, parser).conflict
    assert not in_conflict({"c2pa": "camera", "xmp": None})
    assert said_by(["digitalCapture", "compositeWithTrainedAlgorithmicMedia"]) == "model"
    assert term_of("https://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture") == "digitalCapture"
    assert term_of("http://example.org/digitalCapture") is None
    assert aigc_label(json.dumps({"AIGC": AIGC})) == AIGC
    assert aigc_label('{"Label": "9"}') is aigc_label("[") is None


def test_a_crash_and_a_hang_of_the_parser_cost_one_file_each(marked: dict[str, bytes]) -> None:
    dies = "import os, signal, sys; sys.stdin.buffer.readline(); os.kill(os.getpid(), signal.SIGSEGV)"
    with Parser(command=(sys.executable, "-c", dies)) as one:
        for _ in range(2):  # a new child each time
            assert read_origin(marked["PNG"], one).problem == "the parser crashed on it (SIGSEGV)"
    with Parser(command=(sys.executable, "-c", "import signal; signal.pause()"), seconds=0.2) as one:
        assert read_origin(marked["PNG"], one).problem == "the parser gave no answer within 0.2 s"
    with Parser(memory=160 << 20) as one:
        told = read_origin(b"\x89PNG\r\n\x1a\n" + bytes(160 << 20), one)
        assert told.problem == "the parser may take 160 MiB and wanted more"
        assert read_origin(marked["PNG"], one).state == "Valid"


class _Counting(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_what_a_file_names_on_a_network_is_not_asked(authority: Authority, parser: Parser) -> None:
    import c2pa

    server = HTTPServer(("127.0.0.1", 0), _Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
        job = {"do": "sign", "type": "image/png", "algorithm": "es256", "manifest": Declaration().manifest()}
        data = parser.ask({**job, "remote": address}, image("PNG"), authority.chain, authority.key).data
        assert address.encode() in data
        origin = read_origin(data, parser)
        assert origin.state in (None, "none")
        assert _Counting.asked == 0
        with pytest.raises(c2pa.C2paError):  # the same file, read as the library reads by itself
            c2pa.Reader("image/png", io.BytesIO(data))
        assert _Counting.asked > 0
    finally:
        server.shutdown()
        server.server_close()
