"""Which hosts no plan may reach: addresses where a cloud hands out credentials, or that name no single host.

Loopback and private networks are allowed: that is where people serve their own models.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

__all__ = ["Address", "check_url", "forbidden", "literal"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Metadata services outside the link-local ranges."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def literal(host: str) -> Address | None:
    """Return the address that `host` spells, also in the shorthands that resolvers take (`0x7f.1`); None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def forbidden(host: Address) -> str | None:
    """Return why `host` is refused, e.g. `link-local ...`; None where it is allowed."""
    if isinstance(host, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(host) & 0xFFFFFFFF) if host in _NAT64 else None
        host = translated or host.ipv4_mapped or host.sixtofour or host
    if host.is_link_local or host in _METADATA:
        return "link-local or a cloud's metadata service, which no plan may reach"
    if host.is_multicast or host.is_unspecified:
        return "no address of one host"
    return None


def check_url(url: str) -> None:
    """Raise ValueError unless `url` is a plain http(s) address outside the forbidden networks."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("url is no address; allowed: http://host:port/v1") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"url {url[:80]!r}; allowed: http:// or https:// and a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("url holds a user, a query or a fragment; a key belongs in the variable that key_env names")
    address = literal(host)  # whom a name stands for is checked at every connection
    if address is not None and (why := forbidden(address)):
        raise ValueError(f"url: {host} is {why}")
