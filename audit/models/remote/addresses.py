"""Which hosts no plan may reach: addresses where a cloud hands out credentials, or that name no single host.

Loopback and private networks are allowed: that is where people serve their own models. What an answer gives the address
of lies on the server itself, or on a host that the plan names: a server must not choose whom we ask.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection
from urllib.parse import SplitResult, urljoin, urlsplit

__all__ = ["Address", "check_host", "check_url", "followed", "forbidden", "literal"]

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


def check_host(host: str) -> None:
    """Raise ValueError unless `host` is a plain name or address, with a port or without."""
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", host):
        raise ValueError(f"host {host[:80]!r}; allowed: a host such as images.example.org, with a port or without")
    address = literal(host.partition(":")[0])
    if address is not None and (why := forbidden(address)):
        raise ValueError(f"host: {host} is {why}")


def followed(url: str, base: str, hosts: Collection[str]) -> tuple[str, bool]:
    """Return the whole address that an answer of the server at `base` gives, and whether it is that server's own.

    hosts: further ones that may be asked, with a port or without, then the scheme's own. Raises ValueError for others,
    and for a line in the clear where the server's own is encrypted: nobody would vouch there for whom a name stands.
    """
    try:
        parts = urlsplit(urljoin(f"{base}/", url))
        _ = parts.port
    except ValueError:
        raise ValueError("an address that is none") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("an address that is not of http or https")
    home = urlsplit(base)
    own = _origin(parts) == _origin(home)
    if parts.scheme == "http" and home.scheme == "https":
        raise ValueError("an address that is not encrypted, as the server's own is")
    if not own and parts.netloc.lower() not in {host.lower() for host in hosts}:
        raise ValueError(f"an address at {ascii(parts.netloc)[1:-1][:80]}, which the plan does not name (`follow`)")
    return parts.geturl(), own


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
