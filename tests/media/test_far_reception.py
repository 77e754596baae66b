"""What the other side's reports say of its reception, on paths that are long, lossy, cut, or read late."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from monitor.facts.failures import Layer
from monitor.media.far_reception import PACKETS, FarReception
from monitor.media.liveness import Liveness, Loss
from monitor.media.peer_events import PeerOptions
from monitor.media.round_trip import RoundTrip

PACKET_S = 0.02
START_S = 1000.0


class Call:
    """50 packets and a sender report a second, over a path of `one_way_s`, to an end that reports every second or so.

    lost: whether a datagram sent at that moment is lost on its way there. stall: our loop does not run between these.
    longer: since when the path is how long, one way.
    """

    def __init__(
        self,
        lost: Callable[[float], bool],
        *,
        one_way_s: float = 0.02,
        report_s: float = 1.0,
        stall: tuple[float, float] = (0.0, 0.0),
        longer: tuple[float, float] = (math.inf, 0.0),
    ) -> None:
        self.random = random.Random(7)
        self.lost, self.one_way_s, self.report_s, self.stall, self.longer = lost, one_way_s, report_s, stall, longer
        self.liveness = Liveness(PeerOptions())
        self.far, self.trip = FarReception(PACKET_S), RoundTrip()
        self.told: list[tuple[float, Loss]] = []
        self.resumed: list[float] = []

    def run(self, seconds: float) -> None:
        """Slot by slot: what we send, what the other side notes, and what of its reports we read."""
        sequence, highest, heard_report = 65_000, 65_000, (0, START_S)
        there: list[tuple[float, str, int]] = []
        here: list[tuple[float, int, int, int]] = []
        next_report_s, next_answer_s = START_S, START_S
        for slot in range(int(seconds / PACKET_S)):
            now = START_S + slot * PACKET_S
            if not self.stall[0] <= now - START_S < self.stall[1]:
                sequence += 1
                if not self.lost(now - START_S):
                    there.append((now + self._way_s(now), "rtp", sequence))
                if now >= next_report_s:
                    next_report_s = now + self.random.uniform(0.5, 1.5)
                    self.trip.sent(slot + 1, now)
                    if not self.lost(now - START_S):
                        there.append((now + self._way_s(now), "sr", slot + 1))
                for _, lsr, dlsr, reported in [one for one in here if one[0] <= now]:
                    self._read(lsr, dlsr, reported, sequence, now)
                here = [one for one in here if one[0] > now]
            for at_s, kind, number in [one for one in there if one[0] <= now]:
                highest, heard_report = (number, heard_report) if kind == "rtp" else (highest, (number, at_s))
            there = [one for one in there if one[0] > now]
            if now >= next_answer_s:
                next_answer_s = now + self.random.uniform(0.5, 1.5) * self.report_s
                lsr, arrived_s = heard_report
                here.append((now + self._way_s(now), lsr, int((now - arrived_s) * 65536) if lsr else 0, highest))

    def _way_s(self, now: float) -> float:
        since_s, way_s = self.longer
        return way_s if now - START_S >= since_s else self.one_way_s

    def _read(self, lsr: int, dlsr: int, reported: int, sequence: int, now: float) -> None:
        until_s = self.trip.answered(lsr, dlsr, now)
        unreceived_s = self.far.reported(reported, sequence & 0xFFFF, until_s, now)
        if unreceived_s == 0 and self.liveness.received():
            self.resumed.append(now - START_S)
        elif unreceived_s:
            loss = self.liveness.unreceived(unreceived_s, until_s or now)
            if loss is not None:
                self.told.append((now - START_S, loss))


@pytest.mark.parametrize(
    ("one_way_s", "loss", "report_s"), [(0.3, 0.0, 1.0), (0.02, 0.2, 1.0), (0.3, 0.2, 1.0), (0.3, 0.2, 5.0)]
)
def test_a_long_or_lossy_path_is_no_loss_in_ten_minutes(one_way_s: float, loss: float, report_s: float) -> None:
    chance = random.Random(3)
    call = Call(lambda at_s: chance.random() < loss, one_way_s=one_way_s, report_s=report_s)
    call.run(600.0)
    assert call.told == []


@pytest.mark.parametrize("one_way_s", [0.001, 0.3])
@pytest.mark.parametrize("cut_s", [20.0, 20.4, 21.3])
def test_a_cut_of_what_we_send_is_told_once_and_dated_at_its_beginning(cut_s: float, one_way_s: float) -> None:
    call = Call(lambda at_s: at_s >= cut_s, one_way_s=one_way_s)
    call.run(60.0)
    [(told_s, loss)] = call.told
    assert (loss.layer, loss.reason) == (Layer.MEDIA, "silence")
    assert loss.last_good_mono_s - START_S == pytest.approx(cut_s, abs=0.1)
    assert cut_s + 1.75 <= told_s < cut_s + 4.5 + 2 * one_way_s


def test_an_end_that_reports_every_five_seconds_is_enough() -> None:
    call = Call(lambda at_s: at_s >= 30.0, report_s=5.0)
    call.run(60.0)
    assert len(call.told) == 1
    assert call.told[0][0] < 30.0 + 15.0


def test_it_ends_when_something_arrives_there_again_and_not_when_something_arrives_here() -> None:
    call = Call(lambda at_s: 20.0 <= at_s < 30.0)
    call.run(25.0)
    assert len(call.told) == 1
    assert call.liveness.silent
    assert not call.liveness.rtp(START_S + 25.0, START_S + 25.0)
    assert call.liveness.silent
    again = Call(lambda at_s: 20.0 <= at_s < 30.0)
    again.run(60.0)
    assert len(again.told) == len(again.resumed) == 1
    assert 30.0 <= again.resumed[0] < 32.0


def test_a_report_that_we_read_late_blames_nobody() -> None:
    call = Call(lambda at_s: False, one_way_s=0.3, stall=(20.0, 25.0))
    call.run(60.0)
    assert call.told == []


@pytest.mark.parametrize("since_s", [20.0, 20.3, 20.6, 20.9])
def test_a_path_that_becomes_long_at_once_is_no_loss(since_s: float) -> None:
    call = Call(lambda at_s: False, longer=(since_s, 1.5))
    call.run(60.0)
    assert call.told == []


def test_an_outage_that_was_told_as_silence_is_not_told_again_when_it_ends() -> None:
    liveness = Liveness(PeerOptions())
    liveness.dtls_connected(100.0)
    liveness.rtp(100.0, 100.0)
    liveness.awake(100.0)
    for quarter in range(1, 12):
        if liveness.awake(100.0 + quarter / 4) and liveness.overdue(100.0 + quarter / 4):
            break
    assert liveness.silent
    assert liveness.rtp(105.0, 105.0)
    assert liveness.unreceived(5.0, 105.01) is None
    assert liveness.unreceived(7.0, 107.0) is not None


def test_without_a_silence_limit_it_is_no_loss() -> None:
    assert Liveness(PeerOptions(silence_timeout_s=0)).unreceived(60.0, 200.0) is None


@pytest.mark.parametrize(("highest", "until_s"), [(1000 - PACKETS, 100.0), (1000 - 200, None), (1000 + 20_000, 100.0)])
def test_what_proves_nothing_is_not_known(highest: int, until_s: float | None) -> None:
    far = FarReception(PACKET_S)
    assert far.reported(highest - 1, 1000, until_s, 100.0) == 0
    assert far.reported(highest, 1000, until_s, 100.0) == 0
    assert far.reported(highest, 1000, until_s, 100.0) is None


def test_an_end_whose_number_never_rises_tells_nothing() -> None:
    far = FarReception(PACKET_S)
    assert far.reported(7, 1000, 100.0, 100.0) == 0
    assert far.reported(7, 1000, 100.0, 100.0) is None
