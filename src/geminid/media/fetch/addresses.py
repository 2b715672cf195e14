"""Which addresses are on the public internet, and so may be fetched from. Pure; called by ``http.py``.

``ipaddress.is_global`` is not asked: it calls multicast and addresses that wrap a private IPv4 address (6to4,
NAT64) global, and its answers differ between releases of Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba Cloud's metadata server is in it
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host of an Azure machine, at a public address: https://aka.ms/azurewireserver
        "169.254.0.0/16",  # link-local; the metadata servers of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle Cloud's metadata server is in it
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# https://www.iana.org/assignments/ipv6-unicast-address-assignments: nothing outside is given to anyone public
_UNICAST_6 = IPv6Network("2000::/3")

# https://www.iana.org/assignments/iana-ipv6-special-registry
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

# RFC 6052, section 3.1: how a network without IPv4 reaches public IPv4 hosts
_NAT64 = IPv6Network("64:ff9b::/96")


def public(address: Address) -> bool:
    """Whether ``address`` belongs to some host on the internet. An IPv4 address that is wrapped by NAT64's
    well-known prefix counts as itself; other wrapped forms are never public."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return public(IPv4Address(int(address) & 0xFFFF_FFFF))
        return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)
    return not any(address in network for network in _NOT_PUBLIC_4)


def permitted(address: Address, networks: Iterable[Network]) -> bool:
    """Whether ``address`` is public or in one of ``networks``."""
    return public(address) or any(address in network for network in networks)
