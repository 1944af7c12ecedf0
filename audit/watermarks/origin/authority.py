"""A signing authority of one's own, for trials: a root, a leaf under it, the leaf's key.

    authority = made_authority()            root.pem is what a reader trusts, chain.pem and key.pem are what signs

It proves nothing about who signed. What a leaf must have to sign content credentials is in `certificates`; the options
of `made_authority` leave each of it out, so that the prediction can be held against what the library does.
"""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit.watermarks.origin.parser import require_c2pa
from detectors.immutable import immutable

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["ALGORITHMS", "EMAIL", "Authority", "made_authority"]

ALGORITHMS = ("es256", "es384", "es512", "ed25519", "ps256")
EMAIL = "1.3.6.1.5.5.7.3.4"
"""Object identifier of the purpose emailProtection."""
_DAY = timedelta(days=1)


@immutable
class Authority:
    """PEM texts of a root, of the chain of a leaf under it, leaf first, and of the leaf's key (PKCS 8)."""

    root: bytes
    chain: bytes
    key: bytes = field(repr=False)


def made_authority(
    *, algorithm: str = "es256", purposes: tuple[str, ...] = (EMAIL,), organisation: str | None = "Test signer",
    root_organisation: str | None = "Test authority", expired: bool = False, self_signed: bool = False,
    authority_key: bool = True, subject_key: bool = True, usage_critical: bool = True, signs: bool = True,
    ca: bool = False, days: int = 365,
) -> Authority:
    """Return a new authority whose leaf is sound unless an option spoils it.

    algorithm: one of `ALGORITHMS`, of the leaf's key. purposes: object identifiers of its extended key usage, none =
    it has none. self_signed: the leaf signs itself. authority_key, subject_key: whether it has these identifiers.
    signs: whether its key usage allows signatures. ca: whether it says that it is an authority itself.

    Raises UsageError where `cryptography` is not installed.
    """
    require_c2pa("cryptography")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    root_key, key = _key("es256"), _key(algorithm)
    subject = _name("Content signer", organisation)
    issuer = subject if self_signed else _name("Root for trials", root_organisation)
    signer = key if self_signed else root_key
    root = _signed(_begun(_name("Root for trials", root_organisation), None, root_key, days=10 * days), root_key)
    leaf = _begun(subject, issuer, key, days=days, ended=expired)
    for extension, critical in _extensions(
        key, signer, purposes, authority_key=authority_key, subject_key=subject_key, usage_critical=usage_critical,
        signs=signs, ca=ca,
    ):
        leaf = leaf.add_extension(extension, critical=critical)
    own = leaf.sign(signer, None if algorithm == "ed25519" and self_signed else _hash()).public_bytes(Encoding.PEM)
    told = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Authority(root, own if self_signed else own + root, told)


def _hash() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _key(algorithm: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    curves = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    if algorithm == "ps256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"algorithm: got {algorithm!r}; allowed: {', '.join(ALGORITHMS)}")


def _name(common: str, organisation: str | None) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    own = [] if organisation is None else [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    return x509.Name([*own, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _begun(subject: Any, issuer: Any, key: Any, *, days: int, ended: bool = False) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    start, end = (now - 30 * _DAY, now - _DAY) if ended else (now - _DAY, now + days * _DAY)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(start).not_valid_after(end)


def _signed(builder: x509.CertificateBuilder, key: Any) -> bytes:
    """Return a root in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_usage(certificates=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(key, _hash()).public_bytes(Encoding.PEM)


def _usage(*, signs: bool = False, certificates: bool = False) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=signs, content_commitment=False, key_encipherment=not (signs or certificates),
        data_encipherment=False, key_agreement=False, key_cert_sign=certificates, crl_sign=certificates,
        encipher_only=False, decipher_only=False,
    )


def _extensions(
    key: Any, signer: Any, purposes: tuple[str, ...], *, authority_key: bool, subject_key: bool, usage_critical: bool,
    signs: bool, ca: bool,
) -> list[tuple[Any, bool]]:
    """Return (extension, critical) of a leaf."""
    from cryptography import x509

    made: list[tuple[Any, bool]] = [
        (x509.BasicConstraints(ca=ca, path_length=None), True), (_usage(signs=signs), usage_critical)
    ]
    if purposes:
        made.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(one) for one in purposes]), False))
    if subject_key:
        made.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if authority_key:
        made.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    return made
