"""The stanza codec: hostile text is refused with a reason and nothing else; what we build can be read back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.genesys import client_stanzas, stanzas
from monitor.genesys.stanzas import StanzaError, parse, read

ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION_LAUGHS = f'<!DOCTYPE lolz [<!ENTITY l0 "lol">{ENTITIES}]><lolz>&l9;</lolz>'

REFUSED = {
    "billion laughs": (BILLION_LAUGHS, "dtd"),
    "billion laughs with declaration": ('<?xml version="1.0"?>' + BILLION_LAUGHS, "processing_instruction"),
    "external entity": ('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', "dtd"),
    "entity in an attribute": ('<!DOCTYPE a [<!ENTITY e "x">]><a b="&e;"/>', "dtd"),
    "parameter entity": ('<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]><a/>', "dtd"),
    "external DTD": ('<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "dtd"),
    "bare doctype": ("<!DOCTYPE a><a/>", "dtd"),
    "100,000 levels": ("<a>" * 100_000 + "</a>" * 100_000, "too_large"),
    "80,000 levels, never closed": ("<a>" * 80_000, "too_deep"),
    "33 levels": ("<a>" * 33 + "</a>" * 33, "too_deep"),
    "10 MB": ("<a>" + "x" * 10_000_000 + "</a>", "too_large"),
    "too many bytes in fewer characters": ("<a>" + "\N{SNOWMAN}" * 100_000 + "</a>", "too_large"),
    "comment before": ("<!-- x --><a/>", "comment"),
    "comment inside": ("<a><!-- x --></a>", "comment"),
    "comment after": ("<a/><!-- x -->", "comment"),
    "processing instruction before": ("<?p x?><a/>", "processing_instruction"),
    "processing instruction inside": ("<a><?p x?></a>", "processing_instruction"),
    "processing instruction after": ("<a/><?p x?>", "processing_instruction"),
    "XML declaration": ('<?xml version="1.0" encoding="utf-16"?><a/>', "processing_instruction"),
    "nothing": ("", "malformed"),
    "text": ("hello", "malformed"),
    "NUL": ("<a>\x00</a>", "malformed"),
    "lone surrogate": ("<a>\ud800</a>", "malformed"),
    "two elements": ("<a/><b/>", "malformed"),
    "undefined entity": ("<a>&nbsp;</a>", "malformed"),
    "undefined entity in an attribute": ('<a b="&x;"/>', "malformed"),
    "unbound prefix": ("<x:a/>", "malformed"),
    "repeated attribute": ("<a b='1' b='2'/>", "malformed"),
    "cut off": ('<iq type="result" id="1"', "malformed"),
    "stray end": ("</a>", "malformed"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_hostile_text_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(StanzaError) as refused:
        parse(text)
    assert refused.value.reason == reason


def test_depth_is_checked_before_the_size_matters() -> None:
    with pytest.raises(StanzaError) as refused:
        parse("<a>" * 3_000_000, limit_bytes=10_000_000)
    assert refused.value.reason == "too_deep"


def test_limits_are_inclusive() -> None:
    assert parse("<a>" * 32 + "</a>" * 32).tag == "a"
    assert parse("<a/>", limit_bytes=4).tag == "a"
    with pytest.raises(StanzaError):
        parse("<a/>", limit_bytes=3)
    assert parse("<a><b/></a>", max_depth=2).tag == "a"
    with pytest.raises(StanzaError):
        parse("<a><b/></a>", max_depth=1)


def test_harmless_text_passes() -> None:
    assert parse("<a>&lt;&#x41;&amp;</a>").text == "<A&"
    assert parse("<a><![CDATA[<!DOCTYPE x>]]></a>").text == "<!DOCTYPE x>"


def test_refusals_do_not_quote_the_text() -> None:
    with pytest.raises(StanzaError) as refused:
        parse("<auth>s3cret</oops>")
    assert "s3cret" not in str(refused.value)


@given(st.text(max_size=300))
@example("<iq xmlns='jabber:client'/>")
@settings(deadline=None)
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(StanzaError):
        read(text)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    with contextlib.suppress(StanzaError):
        read(raw.decode("utf-8", "surrogateescape"))


_PIECES = st.sampled_from(
    [
        "<iq xmlns='jabber:client' ",
        "<message xmlns='jabber:client'>",
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'",
        "type='result' ",
        "type='error' ",
        "type='set' ",
        "id='1' ",
        "from='a@b' ",
        ">",
        "/>",
        "<error/>",
        "<x/>",
        "</iq>",
        "</message>",
        "</failure>",
        "</stream:features>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&lt;",
        "&e;",
        "\ud800",
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
@settings(deadline=None, max_examples=300)
def test_no_near_stanza_raises_anything_else(text: str) -> None:
    with contextlib.suppress(StanzaError):
        read(text)


# --- round trips: what a client builds says what it was given

IDENTIFIERS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn"), exclude_characters="\ufffe\uffff"
    ),
    min_size=1,
    max_size=40,
)


@given(IDENTIFIERS, IDENTIFIERS)
@settings(deadline=None)
def test_iqs_survive_the_round_trip(iq_id: str, jid: str) -> None:
    made = read(client_stanzas.build_result(iq_id, jid))
    assert made == stanzas.Iq(iq_id, "result", "")
    assert parse(client_stanzas.build_result(iq_id, jid)).get("to") == jid
    ping = read(client_stanzas.build_ping(iq_id))
    assert isinstance(ping, stanzas.Iq)
    assert ping.payload is not None
    assert ping.payload.tag == "{urn:xmpp:ping}ping"
    refusal = read(client_stanzas.build_service_unavailable(iq_id, jid))
    assert isinstance(refusal, stanzas.Iq)
    assert refusal.condition == "service-unavailable"


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=60))
@settings(deadline=None)
def test_sasl_survives_the_round_trip(token: str) -> None:
    import base64

    made = parse(client_stanzas.build_auth("u@d", token))
    assert made.get("mechanism") == "PLAIN"
    assert base64.b64decode(made.text or "").decode() == f"\0u@d\0authKey:{token}"


def test_a_value_that_xml_cannot_hold_is_refused_when_building() -> None:
    with pytest.raises(StanzaError):
        client_stanzas.build_result("1", "a\x00b")


# --- readers

FEATURES = (
    '<stream:features xmlns:stream="http://etherx.jabber.org/streams"><mechanisms '
    'xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism>'
    "</mechanisms></stream:features>"
)


@pytest.mark.parametrize(
    ("text", "stanza"),
    [
        ('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" id="s1" from="hawk"/>', stanzas.Opened("s1")),
        ('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>', stanzas.Closed()),
        (FEATURES, stanzas.Features(mechanisms=("PLAIN", "ANONYMOUS"))),
        ('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>', stanzas.SaslSuccess()),
        (
            '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><text>no</text><not-authorized/></failure>',
            stanzas.SaslFailure("not-authorized"),
        ),
        ('<iq xmlns="jabber:client" id="1" type="result" from="a@b"/>', stanzas.Iq("1", "result", "a@b")),
        (
            '<iq xmlns="jabber:client" id="1" type="error"/>',
            stanzas.Iq("1", "error", "", condition="undefined-condition"),
        ),
        ('<message xmlns="jabber:client" from="a@b"/>', stanzas.Message("a@b")),
        ('<presence xmlns="jabber:client"/>', stanzas.Other("{jabber:client}presence")),
        ('<iq id="1"/>', stanzas.Other("iq")),
    ],
)
def test_readers(text: str, stanza: stanzas.Stanza) -> None:
    assert read(text) == stanza


@pytest.mark.parametrize("value", ["", " ", "a b", "a\nb", "x" * 1024, None, 7, "\x7f", "a\ufffe"])
def test_what_is_no_identifier(value: object) -> None:
    with pytest.raises(StanzaError):
        stanzas.identifier(value)
