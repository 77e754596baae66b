"""This machine's network interfaces: host candidate addresses, and sockets bound to one interface."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

import ifaddr

IFF_UP = 0x1
SYSFS_NET = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class HostAddress:
    """One address of one interface that is up."""

    interface: str
    host: str
    version: int  # 4 or 6

    @property
    def loopback(self) -> bool:
        """True for 127.0.0.0/8 and ::1."""
        return ipaddress.ip_address(self.host).is_loopback


def host_addresses(interface: str | None = None) -> tuple[HostAddress, ...]:
    """The addresses host candidates come from: those of interfaces that are up, link-local IPv6 left out.

    Loopback addresses count when they are the only ones, or when their interface is asked for by name.
    """
    found = tuple(address for address in _all_addresses() if interface in (None, address.interface))
    if interface is not None:
        return found
    return tuple(address for address in found if not address.loopback) or found


def interface_exists(interface: str) -> bool:
    """Whether the machine has an interface of this name, up or not."""
    return any(interface == name for _, name in socket.if_nameindex())


def bind_to_interface(sock: socket.socket, interface: str, version: int) -> None:
    """Make `sock` leave by `interface` only. Raises OSError when that interface cannot serve this IP version."""
    addresses = [address.host for address in host_addresses(interface) if address.version == version]
    if not addresses:
        known = interface_exists(interface)
        problem = f"no IPv{version} address that is up" if known else "no such interface"
        raise OSError(errno.EADDRNOTAVAIL, f"{interface}: {problem}")
    device_option = getattr(socket, "SO_BINDTODEVICE", None)
    if device_option is not None:
        with contextlib.suppress(PermissionError):  # then the source address alone decides, as routing allows
            sock.setsockopt(socket.SOL_SOCKET, device_option, interface.encode())
    sock.bind((addresses[0], 0))


def _all_addresses() -> list[HostAddress]:
    addresses = []
    for adapter in ifaddr.get_adapters():
        if not _is_up(adapter.nice_name):
            continue
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                addresses.append(HostAddress(adapter.nice_name, ip.ip, 4))
            elif ip.ip[2] == 0:  # no scope id: not link-local
                addresses.append(HostAddress(adapter.nice_name, ip.ip[0], 6))
    return addresses


def _is_up(interface: str) -> bool:
    """Linux keeps the addresses of interfaces that are down; elsewhere ifaddr lists what is up."""
    try:
        return bool(int((SYSFS_NET / interface / "flags").read_text(), 16) & IFF_UP)
    except (OSError, ValueError):
        return True
