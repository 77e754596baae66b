from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.facts.failures import Failure, Reason
from monitor.media.sdp_text import (
    CANDIDATE_LIMIT,
    END_OF_CANDIDATES,
    checked_description,
    far_end_offer,
    ice_ufrag_of,
    platform_offer,
    read_candidate,
    to_be_continued,
)

REAL_CANDIDATE = (
    "a=candidate:O8hEe/8IsHnvIzM6 1 UDP 1694498815 18.207.148.20 17258 typ srflx raddr 10.27.64.246 rport 17258"
)
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=mid:0",
        "a=rtcp-mux",
        "a=rtpmap:96 opus/48000/2",
        REAL_CANDIDATE,
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdefghijkl",
        "a=fingerprint:sha-256 00:11",
        "a=setup:actpass",
        "",
    ]
)


def test_a_good_description_passes_unchanged() -> None:
    assert checked_description(OFFER) == OFFER


def test_candidates_that_cannot_serve_are_left_out() -> None:
    bad = "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\n"
    mdns = "a=candidate:1 1 udp 1 abc.local 9 typ host\r\n"
    assert checked_description(OFFER + bad + mdns) == OFFER


def test_candidates_are_bounded() -> None:
    description = checked_description(OFFER + (REAL_CANDIDATE + "\r\n") * 500)
    assert isinstance(description, str)
    assert description.count("a=candidate:") == CANDIDATE_LIMIT


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        ("", Reason.UNSUPPORTED),
        ("x" * 70_000, Reason.TOO_LARGE),
        (OFFER.replace("m=audio", "m=video"), Reason.UNSUPPORTED),
        (OFFER + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", Reason.UNSUPPORTED),
        (OFFER.replace("a=fingerprint:sha-256 00:11\r\n", ""), Reason.MALFORMED),
        (OFFER.replace("a=setup:actpass\r\n", ""), Reason.MALFORMED),
        (OFFER.replace("a=ice-pwd:0123456789abcdefghijkl", "a=ice-pwd:\u00e4\u00f6\u00fc123"), Reason.MALFORMED),
        (OFFER.replace("a=ice-ufrag:abcd", "a=ice-ufrag:" + "a" * 300), Reason.MALFORMED),
        (OFFER.replace("s=-", "s=\udcff"), Reason.MALFORMED),
        (OFFER.replace("s=-", "s=\0"), Reason.MALFORMED),
        (OFFER + "a=" + "x" * 3000, Reason.MALFORMED),
    ],
)
def test_what_cannot_be_taken_says_why(sdp: str, reason: Reason) -> None:
    problem = checked_description(sdp)
    assert isinstance(problem, Failure)
    assert problem.reason is reason
    assert problem.detail


@pytest.mark.parametrize(
    "text",
    [
        REAL_CANDIDATE,
        REAL_CANDIDATE.removeprefix("a="),
        f"m=audio 9 UDP/TLS/RTP/SAVPF 96 101\r\n{REAL_CANDIDATE}\r\n",
        f"m=audio 9 RTP/AVP 0\n{REAL_CANDIDATE}",
    ],
)
def test_every_form_of_a_candidate_is_read(text: str) -> None:
    assert read_candidate(text) == REAL_CANDIDATE.removeprefix("a=candidate:")


@pytest.mark.parametrize(
    "text", ["a=end-of-candidates\r\n", "end-of-candidates", "m=audio 9 X 0\r\na=end-of-candidates"]
)
def test_the_end_of_candidates(text: str) -> None:
    assert read_candidate(text) == END_OF_CANDIDATES


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "1 1 udp",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 1 192.0.2.1 70000 typ host",
        "1 1 udp 1 192.0.2.1 nine typ host",
        "1 2 udp 1 192.0.2.1 9 typ host",
        "1 1 tcp 1 192.0.2.1 9 typ host",
        "1 1 udp -1 192.0.2.1 9 typ host",
        "1 1 udp 99999999999 192.0.2.1 9 typ host",
        "1 1 udp 1 192.0.2.1 9 typ alien",
        "1 1 udp 1 host.example.com 9 typ host",
        "1 1 udp 1 224.0.0.1 9 typ host",
        "1 1 udp 1 0.0.0.0 9 typ host",
        "1 1 udp 1 ::1%eth0%x 9 typ host rport many raddr",
        "a" * 5000,
    ],
)
def test_candidates_of_no_use_are_failures(value: str) -> None:
    assert isinstance(read_candidate(f"a=candidate:{value}"), Failure)


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    read_candidate(text)
    read_candidate(f"candidate:{text}")
    checked_description(text)
    checked_description(OFFER.replace("s=-", text))


def test_the_far_ends_offer_looks_like_the_platforms() -> None:
    offer = platform_offer(far_end_offer(OFFER, "audio"))
    assert "a=mid:audio\r\n" in offer
    assert "a=group:BUNDLE audio\r\n" in offer
    assert "sdes:mid" not in offer
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 96 101\r\n" in offer
    assert "a=fmtp:96 minptime=10;useinbandfec=1\r\n" in offer
    assert "a=rtpmap:101 telephone-event/48000\r\n" in offer
    assert checked_description(offer) == offer


def test_what_names_an_offer_and_what_ends_its_candidates() -> None:
    sdp = "v=0\r\na=ice-ufrag:abcd\r\na=candidate:1\r\na=end-of-candidates\r\n"
    assert ice_ufrag_of(sdp) == "abcd"
    assert ice_ufrag_of("v=0\r\n") == ""
    assert to_be_continued(sdp) == "v=0\r\na=ice-ufrag:abcd\r\na=candidate:1\r\n"
