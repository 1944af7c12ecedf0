"""Signed origin: content credentials (C2PA), IPTC's source type, China's AIGC label: written, read, tried."""

from audit.watermarks.origin.authority import ALGORITHMS, EMAIL, Authority, made_authority
from audit.watermarks.origin.certificates import LISTED, Preflight, preflight
from audit.watermarks.origin.parser import Parser, require_c2pa
from audit.watermarks.origin.reading import STATES, Origin, media_type, read_origin, read_origins, trusting
from audit.watermarks.origin.signing import Declaration, signed
from audit.watermarks.origin.tampering import ByteMap, RegionRow, byte_map

__all__ = [
    "ALGORITHMS",
    "EMAIL",
    "LISTED",
    "STATES",
    "Authority",
    "ByteMap",
    "Declaration",
    "Origin",
    "Parser",
    "Preflight",
    "RegionRow",
    "byte_map",
    "made_authority",
    "media_type",
    "preflight",
    "read_origin",
    "read_origins",
    "require_c2pa",
    "signed",
    "trusting",
]
