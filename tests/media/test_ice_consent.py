"""Consent in virtual time: slow paths lose nothing, dead ones end, and our own stalls prove nothing."""

from __future__ import annotations

import random

import pytest

from monitor.facts.failures import Layer
from monitor.media.ice_consent import CHECKS_UNTIL_EXPIRED, Consent
from monitor.media.liveness import Liveness
from monitor.media.peer_events import PeerOptions


class Path:
    """A call without media over a path with this round trip, its consent asked as the ICE agent asks it."""

    def __init__(self, rtt_s: float, *, lost: float = 0.0, seed: int = 1) -> None:
        self.now = 100.0
        self.rtt_s = rtt_s
        self.lost = lost
        self.checks = 0
        self.consent = Consent(30.0, self.now)
        self.liveness = Liveness(PeerOptions(silence_timeout_s=0))
        self.liveness.dtls_connected(self.now)
        self._random = random.Random(seed)
        self._answers: list[tuple[float, float]] = []

    def run(self, seconds: float, stalled: bool = False) -> list[str]:
        """Live for so long; what was noticed. stalled: we ourselves do not run in that time, the network does."""
        noticed: list[str] = []
        until = self.now + seconds
        if stalled:
            self.now = until
        while self.now < until:
            self.now += 0.05
            noticed += self._step()
        return noticed

    def _step(self) -> list[str]:
        due = [answer for answer in self._answers if answer[1] <= self.now]
        self._answers = [answer for answer in self._answers if answer[1] > self.now]
        for asked, arrived in due:
            self.consent.answered(asked, arrived)
        noticed = []
        if self.consent.wait_s(self.now, self._random.uniform(0.8, 1.2)) <= 0:
            if self.consent.expired(self.now):
                noticed.append("expired")
            self.checks += 1
            self.consent.asked(self.now)
            if self._random.random() >= self.lost:
                self._answers.append((self.now, self.now + self.rtt_s))
        if self.liveness.awake(self.now):
            reach = self.liveness.reached(self.now, self.consent.answered_mono_s)
            noticed += [] if reach is None else [reach.value]
            loss = self.liveness.overdue(self.now)
            noticed += [] if loss is None else [str(Layer.MEDIA)]
        return noticed


@pytest.mark.parametrize("rtt_s", [0.02, 0.6, 1.5, 2.5])
def test_a_slow_path_without_loss_is_never_lost_in_ten_minutes(rtt_s: float) -> None:
    path = Path(rtt_s)
    assert path.run(600) == []
    assert path.consent.rtt_s == pytest.approx(rtt_s)


@pytest.mark.parametrize("seed", range(5))
def test_one_check_in_ten_lost_at_600_ms_is_no_end(seed: int) -> None:
    assert not {"expired", "failed"} & set(Path(0.6, lost=0.1, seed=seed).run(600))


def test_a_healthy_path_is_asked_every_five_seconds() -> None:
    path = Path(0.02)
    path.run(600)
    assert 100 <= path.checks <= 150


def test_a_dead_path_is_asked_more_often_and_expires_after_thirty_seconds() -> None:
    path = Path(0.02)
    path.run(20)
    path.lost = 1.0
    answered = path.consent.answered_mono_s
    noticed: list[str] = []
    while "expired" not in noticed:
        noticed += path.run(0.05)
    assert 30 <= path.now - answered <= 31.5
    assert noticed[:2] == ["disconnected", "failed"]


def test_a_stall_of_our_own_neither_expires_nor_disconnects() -> None:
    path = Path(0.02)
    path.run(20)
    path.run(60, stalled=True)
    assert path.run(30) == []


def test_the_clock_alone_does_not_expire_consent() -> None:
    consent = Consent(30.0, 100.0)
    for at in range(CHECKS_UNTIL_EXPIRED):
        assert not consent.expired(200.0)
        consent.asked(200.0 + at)
    assert consent.expired(204.0)
