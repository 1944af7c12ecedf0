"""Signatures: Ed25519 keys in files, and DSSE 1.0, which signs a text together with what kind of text it is.

    fingerprint = SHA-256 of the public key (DER); openssl pkey -pubin -in FILE.pub -outform DER | sha256sum
    signed      = "DSSEv1 " + length of kind + " " + kind + " " + length of body + " " + body

A private key is PEM (PKCS 8) without a password, readable by its owner alone; the public one lies beside it as `.pub`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import IntegrityError, UsageError, os_reason
from audit.files import read_regular, sha256
from detectors.immutable import immutable
from detectors.phrases import Phrase

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["PublicKey", "SigningKey", "decoded", "encoded", "make_key", "read_key", "read_public_key", "signed_body"]

_MOST = 1 << 16
"""Bytes of a key file."""
_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""What DER puts before the 32 bytes of an Ed25519 public key (RFC 8410)."""


@immutable
class PublicKey:
    """A public key: 32 bytes."""

    raw: bytes

    @property
    def fingerprint(self) -> str:
        """`sha256:...` of the key's DER form."""
        return sha256(_PREFIX + self.raw)

    @property
    def pem(self) -> bytes:
        """The key as PEM."""
        body = base64.b64encode(_PREFIX + self.raw).decode()
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()

    def holds(self, signature: bytes, kind: str, body: bytes) -> bool:
        """Tell whether this key signed `body` as a text of this kind."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, _bound(kind, body))
        except (InvalidSignature, ValueError):
            return False
        return True


@immutable
class SigningKey:
    """A private key."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, kind: str, body: bytes) -> bytes:
        """Return the signature of `body` as a text of this kind: 64 bytes."""
        return self.private.sign(_bound(kind, body))

    def envelope(self, kind: str, body: bytes) -> dict[str, Any]:
        """Return `body` in a DSSE envelope with this key's signature."""
        signature = {"keyid": self.public.fingerprint, "sig": encoded(self.sign(kind, body))}
        return {"payload": encoded(body), "payloadType": kind, "signatures": [signature]}


def signed_body(envelope: Mapping[str, Any], kind: str, public: PublicKey) -> bytes:
    """Return what a DSSE envelope of one signature holds; IntegrityError where `public` did not sign it."""
    try:
        body, (signature,) = decoded(envelope["payload"]), envelope["signatures"]
        key, bits = signature["keyid"], decoded(signature["sig"])
    except (KeyError, TypeError, ValueError):
        raise IntegrityError("not a DSSE envelope with one signature") from None
    if key != public.fingerprint:
        raise IntegrityError("signed with the key {key}; expected was {expected}", key=key, expected=public.fingerprint)
    if envelope.get("payloadType") != kind or not public.holds(bits, kind, body):
        raise IntegrityError("the signature of {key} does not hold", key=public.fingerprint)
    return body


def _bound(kind: str, body: bytes) -> bytes:
    """Return the pre-authentication encoding (PAE) of DSSE."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def encoded(data: bytes) -> str:
    """Return base64 as text."""
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes:
    """Return the bytes of base64; ValueError where another text would mean the same bytes."""
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if encoded(data) != text:
        raise ValueError("not canonical base64")
    return data


def make_key(path: Path) -> PublicKey:
    """Write a new private key to `path` (mode 0600) and its public key to `path`.pub; never over what is there."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    beside = path.with_name(f"{path.name}.pub")
    for one in (path, beside):
        if os.path.lexists(one):
            raise UsageError("{file}: there already; name another file, a key is never written over", file=one)
    private = Ed25519PrivateKey.generate()
    key = SigningKey(private)
    pem = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    made: list[Path] = []
    try:
        for one, data, mode in ((path, pem, 0o600), (beside, key.public.pem, 0o644)):
            with os.fdopen(os.open(one, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                made.append(one)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        for one in made:  # half a key pair would stand in the way of the next attempt
            one.unlink(missing_ok=True)
        raise UsageError("{file}: the key cannot be written ({problem})", file=path, problem=os_reason(error)) from None
    return key.public


def read_key(path: Path) -> SigningKey:
    """Return the private key in a file; UsageError where there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _parsed(path, Phrase("a private"), lambda data: load_pem_private_key(data, password=None))
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("{file}: not an Ed25519 key; 'dokimasia keygen FILE' makes one", file=path)
    return SigningKey(key)


def read_public_key(path: Path) -> PublicKey:
    """Return the public key in a file; UsageError where there is none."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _parsed(path, Phrase("a public"), load_pem_public_key)
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError("{file}: not an Ed25519 key; 'dokimasia keygen FILE' makes one", file=path)
    return PublicKey(key.public_bytes_raw())


def _parsed(path: Path, what: Phrase, parse: Any) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return parse(read_regular(path, _MOST))
    except OSError as error:
        raise UsageError("{file}: cannot be read ({problem})", file=path, problem=os_reason(error)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError("{file}: not {what} key in PEM without a password", file=path, what=what) from None
