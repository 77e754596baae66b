from __future__ import annotations

import socket

import pytest

from monitor.media import interfaces
from monitor.media.interfaces import HostAddress, bind_to_interface, host_addresses


def machine(monkeypatch: pytest.MonkeyPatch, *addresses: HostAddress) -> None:
    monkeypatch.setattr(interfaces, "_all_addresses", lambda: list(addresses))


LO = HostAddress("lo", "127.0.0.1", 4)
ETH0 = HostAddress("eth0", "192.0.2.2", 4)
TUN0 = HostAddress("tun0", "10.8.0.2", 4)


def test_loopback_counts_only_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, LO, ETH0, TUN0)
    assert host_addresses() == (ETH0, TUN0)
    machine(monkeypatch, LO)
    assert host_addresses() == (LO,)
    machine(monkeypatch)
    assert host_addresses() == ()


def test_an_interface_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, LO, ETH0, TUN0)
    assert host_addresses("tun0") == (TUN0,)
    assert host_addresses("lo") == (LO,)
    assert host_addresses("nosuch0") == ()


def test_this_machine_has_an_address_a_socket_can_be_bound_to() -> None:
    address = host_addresses()[0]
    with socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        bind_to_interface(sock, address.interface, address.version)
        assert sock.getsockname()[0] == address.host


def test_an_interface_that_cannot_serve_says_why() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(OSError, match="nosuch0: no such interface"):
            bind_to_interface(sock, "nosuch0", 4)
        loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
        with pytest.raises(OSError, match="no IPv5 address that is up"):
            bind_to_interface(sock, loopback, 5)
