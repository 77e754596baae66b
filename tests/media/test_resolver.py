from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from monitor.media import resolver
from monitor.media.resolver import ResolveError, Resolver


class Dns:
    """Stands for getaddrinfo: answers names it knows, holds those it is told to hold."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.release = threading.Event()

    def getaddrinfo(self, host: str, port: None, family: int, kind: int) -> list[tuple[object, ...]]:
        self.asked.append((host, family))
        if host.startswith("slow"):
            self.release.wait(10)
        answers = {("v4.test", socket.AF_INET): "192.0.2.7", ("v6.test", socket.AF_INET6): "2001:db8::7"}
        if (host, family) not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, kind, 0, "", (answers[host, socket.AddressFamily(family)], 0))]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    fake = Dns()
    monkeypatch.setattr(resolver.socket, "getaddrinfo", fake.getaddrinfo)
    return fake


async def test_addresses_need_no_lookup(dns: Dns) -> None:
    assert (await Resolver().resolve("192.0.2.1", 5, timeout_s=1)).sockaddr == ("192.0.2.1", 5)
    assert (await Resolver().resolve("::1", 5, timeout_s=1)).sockaddr == ("::1", 5, 0, 0)
    assert dns.asked == []


async def test_ipv4_first_then_ipv6(dns: Dns) -> None:
    assert (await Resolver().resolve("v4.test", 5, timeout_s=5)).host == "192.0.2.7"
    assert dns.asked == [("v4.test", socket.AF_INET)]
    assert (await Resolver().resolve("v6.test", 5, timeout_s=5)).host == "2001:db8::7"


@pytest.mark.parametrize("name", ["nosuch.test", "a" * 300, "\udcff", "." * 80, "a\0b"])
async def test_names_that_do_not_resolve(dns: Dns, name: str) -> None:
    with pytest.raises(ResolveError):
        await Resolver().resolve(name, 5, timeout_s=5)


async def test_a_dead_name_server_is_a_limit_and_equal_lookups_share_one_thread(dns: Dns) -> None:
    subject = Resolver()
    try:
        answers = await asyncio.gather(
            *(subject.resolve("slow.test", 5, timeout_s=0.2) for _ in range(5)), return_exceptions=True
        )
        assert all(isinstance(answer, ResolveError) for answer in answers)
        assert "no answer for slow.test within 0.2 s" in str(answers[0])
        assert len(dns.asked) == 1
        # the other thread still serves everybody else
        assert (await subject.resolve("v4.test", 5, timeout_s=5)).host == "192.0.2.7"
    finally:
        dns.release.set()


async def test_waiting_lookups_are_bounded(dns: Dns) -> None:
    subject = Resolver()
    try:
        names = [f"slow{number}.test" for number in range(resolver.WAITING_LIMIT + 1)]
        answers = await asyncio.gather(
            *(subject.resolve(name, 5, timeout_s=0.3) for name in names), return_exceptions=True
        )
        assert sum("are waiting already" in str(answer) for answer in answers) == 1
        assert len(dns.asked) == resolver.THREADS
        assert sum("our own resolver was busy with other names for 0.3 s" in str(answer) for answer in answers) == (
            resolver.WAITING_LIMIT - resolver.THREADS
        )
    finally:
        dns.release.set()
    async with asyncio.timeout(10):
        while subject._under_way:  # noqa: ASYNC110 - emptied by other threads
            await asyncio.sleep(0.01)
    assert (await subject.resolve("v4.test", 5, timeout_s=5)).host == "192.0.2.7"
    # the names that nobody waited for any more were not looked up, and held up nobody
    assert len(dns.asked) == resolver.THREADS + 1
    assert [outcome for _, outcome in subject.observed()].count("busy") == resolver.WAITING_LIMIT - resolver.THREADS


async def test_silent_names_do_not_hold_up_the_others(dns: Dns) -> None:
    subject = Resolver()
    try:
        silent = [
            asyncio.create_task(subject.resolve(f"slow{number}.test", 5, timeout_s=5))
            for number in range(resolver.THREADS - 1)
        ]
        await asyncio.sleep(0)
        assert (await subject.resolve("v4.test", 5, timeout_s=5)).host == "192.0.2.7"
    finally:
        dns.release.set()
    assert all(isinstance(one, ResolveError) for one in await asyncio.gather(*silent, return_exceptions=True))


async def test_no_more_threads_than_names_that_wait(dns: Dns) -> None:
    subject = Resolver()
    for _ in range(5):
        await subject.resolve("v4.test", 5, timeout_s=5)
    assert len(subject._threads) == 1


async def test_its_threads_never_hold_an_exit(dns: Dns) -> None:
    subject = Resolver()
    await subject.resolve("v4.test", 5, timeout_s=5)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "resolver")


async def test_lookups_are_told_once_with_their_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()

    def lookup(host: str, *args: object) -> list[object]:
        if host == "slow.test":
            hold.wait(10)
        if host == "none.test":
            raise OSError("no such name")
        return [(None, None, None, "", ("192.0.2.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    subject = Resolver()
    await subject.resolve("good.test", 5, timeout_s=5)
    with pytest.raises(ResolveError):
        await subject.resolve("none.test", 5, timeout_s=5)
    with pytest.raises(ResolveError):
        await subject.resolve("slow.test", 5, timeout_s=0.05)
    hold.set()
    told = subject.observed()
    assert [outcome for _, outcome in told if outcome != "ok"] == ["dns", "dns", "timeout"]  # one for each IP version
    assert all((seconds is None) == (outcome == "timeout") for seconds, outcome in told)
    assert subject.waiting == 0
