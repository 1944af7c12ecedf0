"""What a signing certificate will come to, field by field, before anything is signed.

    refused   the library does not sign with it      invalid   it signs, and every reader calls the file invalid
    valid     it signs, and nobody knows the signer  trusted   it leads to the stated anchor

The rules are those of the C2PA certificate profile as c2pa-rs 0.91 keeps them: a leaf with digitalSignature and a
purpose that is on its list, an authority key identifier, a key of a known kind, and a chain in order, leaf first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import UsageError
from audit.watermarks.origin.parser import require_c2pa
from detectors.immutable import immutable
from detectors.phrases import Phrase

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["LISTED", "Outcome", "Preflight", "Problem", "algorithm_of", "certificates_in", "preflight"]

Outcome = Literal["refused", "invalid", "valid", "trusted"]
_EMAIL, _TIME, _STATUS = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"
LISTED = ("1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.62558.2.1")
"""Purposes, documentSigning and C2PA's own, that a reader takes only where its `trust_config` lists them."""
_KNOWN = frozenset({_EMAIL, _TIME, _STATUS, *LISTED})
_ANY = "2.5.29.37.0"
_LEAST_RSA = 2048
_ORDER: tuple[Outcome, ...] = ("refused", "invalid", "valid")


@immutable
class Problem:
    """What is wrong, or less than the profile asks for, in one field."""

    field: str
    """Name of the field as X.509 has it, or `key`."""
    outcome: Outcome
    """What it comes to by itself; `trusted` = this library takes it all the same."""
    what: Phrase


@immutable
class Preflight:
    """What comes of signing with a chain and a key."""

    outcome: Outcome
    problems: tuple[Problem, ...]
    """The worst first."""


def preflight(
    chain: bytes, key: bytes | None = None, anchors: bytes | None = None, *, listed: Sequence[str] = (),
    now: datetime | None = None,
) -> Preflight:
    """Return what comes of a chain in PEM, leaf first.

    key: PEM of the leaf's key, looked at where it is given. anchors: certificates in PEM that a reader trusts; without
    them no outcome is better than `valid`. listed: purposes that the reader's `trust_config` lists. Raises UsageError
    for what is no PEM.
    """
    certificates = certificates_in(chain, "chain")
    trusted = [] if not anchors else certificates_in(anchors, "anchor")
    found = [
        *_leaf(certificates[0], now or datetime.now(UTC)), *_purposes(certificates[0], listed),
        *_key(certificates[0], key), *_path(certificates, trusted),
    ]  # fmt: skip
    found.sort(key=lambda one: (*_ORDER, "trusted").index(one.outcome))
    return Preflight(found[0].outcome if found else "trusted", tuple(found))


def certificates_in(pem: bytes, what: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text, one or more; raises UsageError, also where the library is missing."""
    require_c2pa("cryptography")
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise UsageError("{what}: no certificate in PEM ({why})", what=what, why=str(error)[:100]) from None


def algorithm_of(key: bytes) -> str:
    """Return which signatures a key in PEM makes, as `audit.watermarks.origin.ALGORITHMS` names them; UsageError."""
    found = _kind(_loaded(key).public_key())
    if found is None:
        raise UsageError("key: of a kind that signs no content credentials; allowed: P-256, P-384, P-521, RSA, Ed25519")
    return found


def _loaded(key: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise UsageError("key: cannot be read ({why}); allowed: PEM, not encrypted", why=str(error)[:100]) from None


def _kind(public: Any) -> str | None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(public, ec.EllipticCurvePublicKey):
        return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(public.curve.name)
    if isinstance(public, rsa.RSAPublicKey):
        return "ps256" if public.key_size >= _LEAST_RSA else None
    return "ed25519" if isinstance(public, ed25519.Ed25519PublicKey) else None


def _extension(leaf: x509.Certificate, kind: Any) -> Any:
    """Return an extension of this class; None where there is none."""
    from cryptography import x509

    try:
        return leaf.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _leaf(leaf: x509.Certificate, now: datetime) -> Iterator[Problem]:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    if leaf.not_valid_after_utc < now:
        yield Problem("notAfter", "refused", Phrase("ended on {day:%Y-%m-%d}", day=leaf.not_valid_after_utc))
    if leaf.not_valid_before_utc > now:
        yield Problem("notBefore", "refused", Phrase("begins on {day:%Y-%m-%d}", day=leaf.not_valid_before_utc))
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.value.ca:
        yield Problem("basicConstraints", "refused", Phrase("an authority's; the leaf comes first and has CA false"))
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.value.digital_signature:
        yield Problem("keyUsage", "refused", Phrase("does not allow digitalSignature"))
    elif not usage.critical:
        yield Problem("keyUsage", "trusted", Phrase("is not critical, as the profile wants it"))
    if _extension(leaf, x509.AuthorityKeyIdentifier) is None:
        yield Problem("authorityKeyIdentifier", "refused", Phrase("is missing"))
    if _extension(leaf, x509.SubjectKeyIdentifier) is None:
        yield Problem("subjectKeyIdentifier", "trusted", Phrase("is missing, and recommended"))
    if not leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        yield Problem("organizationName", "trusted", Phrase("is missing: readers have no name of the signer to show"))
    if _kind(leaf.public_key()) is None:
        yield Problem("subjectPublicKeyInfo", "refused", Phrase("is no P-256, P-384, P-521, Ed25519 or RSA key of "
                                                                 "2048 bits or more"))  # fmt: skip


def _purposes(leaf: x509.Certificate, listed: Sequence[str]) -> Iterator[Problem]:
    from cryptography import x509

    extension = _extension(leaf, x509.ExtendedKeyUsage)
    own = set() if extension is None else {one.dotted_string for one in extension.value}
    what = None
    if not own:
        what = Phrase("is missing; wanted: emailProtection, documentSigning or C2PA")
    elif _ANY in own:
        what = Phrase("holds anyExtendedKeyUsage, which allows too much")
    elif not own & _KNOWN:
        what = Phrase("holds none of emailProtection, documentSigning and C2PA")
    elif own & {_TIME, _STATUS} and len(own) > 1:
        what = Phrase("mixes time stamping or OCSP with other purposes")
    if what is not None:
        yield Problem("extendedKeyUsage", "refused", what)
    elif not own & {_EMAIL, _TIME, _STATUS, *listed}:
        yield Problem("extendedKeyUsage", "invalid", Phrase("holds only purposes that a reader's trust_config must "
                                                            "list"))  # fmt: skip


def _key(leaf: x509.Certificate, key: bytes | None) -> Iterator[Problem]:
    if key is None:
        return
    if b"-----BEGIN PRIVATE KEY-----" not in key:
        yield Problem("key", "refused", Phrase("is not in PKCS 8; openssl pkcs8 -topk8 -nocrypt makes it so"))
    elif _loaded(key).public_key() != leaf.public_key():
        yield Problem("key", "refused", Phrase("is not the key of the first certificate"))


def _path(chain: list[x509.Certificate], anchors: list[x509.Certificate]) -> Iterator[Problem]:
    if not all(_issued(one, by) for one, by in pairwise(chain)):
        yield Problem("issuer", "valid", Phrase("a certificate of the chain is not issued by the one after it"))
    elif not anchors:
        yield Problem("issuer", "valid", Phrase("no anchor is stated, so nobody knows the signer"))
    elif not any(_issued(one, anchor) for one in chain for anchor in anchors):
        yield Problem("issuer", "valid", Phrase("does not lead to the stated anchor"))


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
