"""The watch over a silent stream: noticed in time, never invented by a stall of ours or a long way."""

from __future__ import annotations

from monitor.genesys.silence import ASK_AFTER_S, LATE_S, NOTICED_AFTER_S, STEP_S, STEPS, SilenceWatch


class Stream:
    """Virtual time: a watch, what it asked, and what it told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[float] = []
        self.told: list[tuple[float, float]] = []
        self.watch = SilenceWatch(self.asked.append)
        self.watch.start(self.now)

    def until(self, end: float) -> None:
        """Tick at every deadline up to then."""
        while (due := self.watch.deadline()) is not None and due <= end:
            self.tick(due)
        self.now = end

    def due(self) -> float:
        due = self.watch.deadline()
        assert due is not None
        return due

    def tick(self, now: float) -> None:
        silent_s = self.watch.tick(now)
        if silent_s is not None:
            self.told.append((now, silent_s))


def test_it_is_noticed_in_ten_seconds_at_most() -> None:
    stream = Stream()
    stream.until(200.0)
    assert NOTICED_AFTER_S <= 10.0
    assert stream.asked == [100.0 + ASK_AFTER_S]
    assert stream.told == [(100.0 + NOTICED_AFTER_S, NOTICED_AFTER_S)]
    assert stream.watch.noticed_s == 100.0 + NOTICED_AFTER_S


def test_a_quiet_stream_that_answers_is_asked_again_and_again_and_nothing_is_told() -> None:
    stream = Stream()
    for _ in range(1000):
        stream.until(stream.now + ASK_AFTER_S)
        stream.now += 0.6  # a long way
        assert stream.watch.heard(stream.now) is None
    assert len(stream.asked) == 1000
    assert stream.told == []


def test_a_stream_that_speaks_is_not_asked() -> None:
    stream = Stream()
    for _ in range(100):
        stream.until(stream.now + ASK_AFTER_S - 0.1)
        stream.watch.heard(stream.now)
    assert stream.asked == []


def test_an_answer_just_in_time_is_no_silence() -> None:
    stream = Stream()
    stream.until(100.0 + NOTICED_AFTER_S - 0.001)
    assert stream.watch.heard(stream.now) is None
    assert stream.told == []


def test_a_stall_of_ours_is_not_the_other_sides_silence() -> None:
    stream = Stream()
    stream.until(100.0 + ASK_AFTER_S)
    stream.tick(stream.now + 60.0)  # stopped for a minute; the answer waits to be read
    assert stream.told == []
    assert stream.watch.heard(stream.now + 60.001) is None


def test_a_stall_in_the_last_second_concludes_nothing() -> None:
    stream = Stream()
    stream.until(100.0 + NOTICED_AFTER_S - STEP_S)
    due = stream.due()
    stream.tick(due + LATE_S + 0.1)
    assert stream.told == []
    stream.until(due + LATE_S + 0.1 + STEP_S)  # a second that we did notice in time makes up for it
    assert len(stream.told) == 1


def test_a_loop_that_is_always_late_never_concludes() -> None:
    stream = Stream()
    for _ in range(10 * STEPS):
        stream.tick(stream.due() + 2 * LATE_S)
    assert stream.told == []


def test_the_end_of_a_silence_is_told_with_its_length_and_the_watch_goes_on() -> None:
    stream = Stream()
    stream.until(130.0)
    assert stream.watch.heard(130.0) == 30.0
    assert stream.watch.noticed_s is None
    stream.until(200.0)
    assert [at for at, _ in stream.told] == [100.0 + NOTICED_AFTER_S, 130.0 + NOTICED_AFTER_S]


def test_a_watch_that_was_not_started_does_nothing() -> None:
    watch = SilenceWatch(lambda at: None)
    assert watch.heard(5.0) is None
    assert (watch.deadline(), watch.tick(99.0)) == (None, None)
