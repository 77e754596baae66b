"""One XMPP stream of a softphone as a pure state machine: text and a time in; events, text and a deadline out.

The wire order is the real client's: open, SASL, open, bind, session, ICE servers, server pings if wanted, connected,
ICE servers again, topics. Its states and transitions are the table in states.py.
"""

from __future__ import annotations

from collections.abc import Callable

from monitor.facts.failures import Fault, Reason, failure
from monitor.facts.ice import IceServer
from monitor.genesys import client_stanzas, stanzas
from monitor.genesys.calls import CallSignalling
from monitor.genesys.events import (
    Event,
    IceServersFetched,
    Online,
    PhaseTimed,
    PongReceived,
    RequestFailed,
    SilenceEnded,
    SilenceNoticed,
)
from monitor.genesys.ice_fetch import IceFetch
from monitor.genesys.ice_list import IceList, OnDone
from monitor.genesys.incoming import Incoming
from monitor.genesys.jingle_messages import build_jingle_message
from monitor.genesys.life_signs import LifeSigns
from monitor.genesys.requests import IQ_TIMEOUT_S, Reply, Request, Requests, domain
from monitor.genesys.services import SERVER_PINGS_NODE, build_subscribe
from monitor.genesys.silence import SilenceWatch
from monitor.genesys.states import PHASE_OF, TRANSITIONS, Ending, Input, SessionOptions, State

RETRYABLE_SASL = frozenset(
    {"encryption-required", "incorrect-encoding", "invalid-mechanism", "malformed-request", "mechanism-too-weak"}
)


class Session:
    """A stream from its first `<open>` to its end. Feed it, then drain `events()` and `outgoing()`."""

    def __init__(self, options: SessionOptions, calls: CallSignalling) -> None:
        self._options = options
        self._domain = domain(options.bare_jid)
        self._requests = Requests(options.id_prefix)
        self._events: list[Event] = []
        self._outgoing: list[str] = []
        self._incoming = Incoming(calls, self._send, self._emit)
        self._ice = IceList(self._fetch_ice, self._emit)
        self._life = LifeSigns(self.request, options.detect_after_s)
        self._silence = SilenceWatch(self._ask_silent)
        self._needs_session = False
        self._server_pings = False
        self._attempt_ends_s: float | None = None
        self._phase_started_s = 0.0
        self.state = State.NEW
        self.jid = options.bare_jid
        self.ending: Ending | None = None

    # --- the verbs: each takes the time, none reads a clock -------------------------------------------------------

    def start(self, now: float) -> None:
        """The socket is open: begin."""
        self._attempt_ends_s = now + self._options.attempt_timeout_s
        self._phase_started_s = now
        self._step(Input.START, now)

    def receive(self, text: str, now: float) -> None:
        """One message came in. What is not a stanza ends the stream, with reason malformed."""
        if self.ending is not None:
            return
        try:
            measured = self._dispatch(stanzas.read(text, limit_bytes=self._options.limit_bytes), now)
        except stanzas.StanzaError as error:
            self.refuse(error, now)
            return
        self._note_silence_end(self._silence.heard(now))
        # an answer to a measurement of ours is no sign of life that the softphone would have had
        if not measured:
            self._life.heard(now)
        self._watch(now)

    def tick(self, now: float) -> None:
        """Time has passed: do what is due."""
        if self.ending is not None:
            return
        self._requests.expire(now)
        self._ice.tick(now)
        self._watch(now)
        if self._attempt_ends_s is not None and now >= self._attempt_ends_s:
            self._end(Ending("", failure(self._phase(), Reason.TIMEOUT, "no session within the attempt's time")), now)

    def closed(self, code: int | None, reason: str, now: float) -> None:
        """The socket has ended: `code` of the server's close frame, None when there was none."""
        if code is None:
            self._lost("reset", Reason.RESET, reason or "no close frame", now)
        else:
            self._lost("closed", Reason.CLOSED, f"{code} {reason}", now, code)
        self.state = State.CLOSED

    def refuse(self, error: stanzas.StanzaError, now: float) -> None:
        """The server sent what is not a stanza."""
        reason = Reason.TOO_LARGE if error.reason == "too_large" else Reason.MALFORMED
        self._end(Ending("malformed", failure(self._phase(), reason, error, Fault.REMOTE)), now)

    def stop(self, now: float) -> None:
        """We wish to end: `<close/>` goes out."""
        self._end(Ending("", failure("close", Reason.CANCELLED)), now)

    def next_deadline(self) -> float | None:
        """When `tick` is next due, in monotonic seconds; None when nothing is waited for."""
        if self.ending is not None:
            return None
        moments = (
            self._attempt_ends_s,
            self._requests.next_deadline(),
            self._life.deadline(),
            self._silence.deadline(),
            self._ice.deadline(),
        )
        return min((moment for moment in moments if moment is not None), default=None)

    def events(self) -> tuple[Event, ...]:
        """What happened since the last call."""
        drained, self._events = tuple(self._events), []
        return drained

    def outgoing(self) -> tuple[str, ...]:
        """What is to be sent since the last call, one message each."""
        drained, self._outgoing = tuple(self._outgoing), []
        return drained

    # --- what the owner may see and ask for -----------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """True from `connected` on until the end."""
        return self.state is State.ONLINE

    @property
    def silence_noticed_s(self) -> float | None:
        """When our own watch noticed the silence that still lasts, monotonic seconds; None while there is none."""
        return self._silence.noticed_s

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """The list the softphone would use for a call now."""
        return self._ice.servers

    @property
    def relay_only(self) -> bool:
        """True when no STUN service was offered, which tells a softphone to use relay candidates only."""
        return self._ice.relay_only

    def ping(self, now: float, timeout_s: float, on_reply: Callable[[Reply, float], None]) -> None:
        """A measuring XMPP ping. Every pong of one is a PongReceived, late=True when it came after the timeout."""

        def report(reply: Reply, at: float) -> None:
            if reply.failure is None and reply.seconds is not None:
                self._emit(PongReceived("xmpp", reply.seconds, late=False))
            on_reply(reply, at)

        request = Request("xmpp_ping", "", timeout_s, report, on_late=self._late_pong, measuring=True)
        self.request(request, client_stanzas.build_ping, now)

    def fetch_ice_servers(self, now: float, timeout_s: float, on_done: OnDone) -> None:
        """A measuring fetch: the session keeps the list it has, as the real client does."""
        IceFetch(self._requests, self._send, self._domain, on_done, now, timeout_s=timeout_s, measuring=True)

    def request(self, request: Request, build: Callable[[str], str], now: float) -> None:
        """Send an IQ; `build` makes its text from the id. Raises StanzaError for a text that XML cannot hold."""
        iq_id = self._requests.new_id()
        text = build(iq_id)
        self._requests.open(iq_id, request, now)
        self._send(text)

    def send_jingle_message(self, action: str, to: str, session_id: str) -> None:
        """A proceed, accept or reject."""
        self._send(build_jingle_message(action, to, session_id))

    # --- the machine ----------------------------------------------------------------------------------------------

    def _step(self, what: Input, now: float) -> None:
        state = TRANSITIONS.get((self.state, what))
        if state is None:
            return
        before, self.state = PHASE_OF.get(self.state), state
        if before is not None and PHASE_OF.get(state) != before:
            self._emit(PhaseTimed(before, now - self._phase_started_s))
            self._phase_started_s = now
        _ON_ENTRY[state](self, now)

    def _enter_opening(self, now: float) -> None:
        self._send(client_stanzas.build_open(self._domain))

    def _enter_authenticating(self, now: float) -> None:
        self._send(client_stanzas.build_auth(self._options.bare_jid, self._options.token))

    def _enter_binding(self, now: float) -> None:
        request = Request("bind", self._domain, IQ_TIMEOUT_S, self._bound)
        self.request(request, lambda iq_id: client_stanzas.build_bind(iq_id, self._options.resource), now)

    def _enter_starting_session(self, now: float) -> None:
        self.request(
            Request("bind", self._domain, IQ_TIMEOUT_S, self._session_started), client_stanzas.build_session, now
        )

    def _enter_fetching_ice(self, now: float) -> None:
        self._attempt_ends_s = None
        self._fetch_ice(self._first_fetched, now)

    def _enter_subscribing(self, now: float) -> None:
        self._subscribe(SERVER_PINGS_NODE, self._server_pings_answered, now)

    def _enter_online(self, now: float) -> None:
        self._life.start(now, server_pings=self._server_pings)
        if self._options.watch_silence:
            self._silence.start(now)
        self._emit(Online())
        self._ice.refresh(now)
        self._subscribe_topics(now)

    def _bound(self, reply: Reply, now: float) -> None:
        if reply.failure is not None or reply.iq is None:
            self._end(Ending("", reply.failure or failure("bind", Reason.ERROR)), now)
            return
        self.jid = stanzas.read_bound_jid(reply.iq)
        self._step(Input.BOUND_WITHOUT_SESSION if self._needs_session else Input.BOUND, now)

    def _session_started(self, reply: Reply, now: float) -> None:
        if reply.failure is not None:
            self._end(Ending("", reply.failure), now)
            return
        self._step(Input.SESSION_STARTED, now)

    def _first_fetched(self, fetched: IceServersFetched, now: float) -> None:
        if fetched.failure is not None:  # the real client tears a healthy socket down over this
            self._end(Ending("ice_servers", fetched.failure), now)
            return
        self._ice.keep(fetched)
        wanted = self._options.keepalive == "server"
        self._step(Input.ICE_FETCHED_FOR_SERVER_PINGS if wanted else Input.ICE_FETCHED, now)

    def _server_pings_answered(self, reply: Reply, now: float) -> None:
        self._server_pings = reply.failure is None  # else the softphone falls back to its own pings
        self._note_failure(reply, now)
        self._step(Input.KEEPALIVE_SETTLED, now)

    # --- requests of the session's own ----------------------------------------------------------------------------

    def _fetch_ice(self, on_done: OnDone, now: float) -> IceFetch:
        return IceFetch(self._requests, self._send, self._domain, on_done, now)

    def _subscribe_topics(self, now: float) -> None:
        for topic in self._options.topics:
            self._subscribe(topic, self._note_failure, now)

    def _subscribe(self, node: str, on_reply: Callable[[Reply, float], None], now: float) -> None:
        service = self._options.pubsub_service
        request = Request("subscribe", service, IQ_TIMEOUT_S, on_reply)
        self.request(request, lambda iq_id: build_subscribe(iq_id, service, node, self._options.bare_jid), now)

    def _ask_silent(self, now: float) -> None:
        """What a real softphone's own ping asks; the answer is heard like anything else."""
        request = Request("silence", "", IQ_TIMEOUT_S, lambda reply, at: None, measuring=True)
        self.request(request, client_stanzas.build_ping, now)

    def _note_silence_end(self, lasted_s: float | None) -> None:
        if lasted_s is not None:
            self._emit(SilenceEnded(lasted_s))

    def _note_failure(self, reply: Reply, now: float) -> None:
        if reply.failure is not None and self.ending is None:
            self._emit(RequestFailed(reply.failure))

    # --- what comes in --------------------------------------------------------------------------------------------

    def _dispatch(self, stanza: stanzas.Stanza, now: float) -> bool:
        """Act on a stanza. True when it answered a measurement of ours."""
        match stanza:
            case stanzas.Iq(kind="result" | "error"):
                return self._requests.answer(stanza, self.jid, now)
            case stanzas.Iq():
                if self._incoming.asked(stanza, now):
                    self._end(Ending("moved", failure("connection", Reason.CLOSED, "planned move"), hard=True), now)
            case stanzas.Message():
                self._notified(self._incoming.message(stanza, self.jid, now), now)
            case stanzas.Features():
                self._featured(stanza, now)
            case stanzas.SaslSuccess():
                self._step(Input.SASL_SUCCEEDED, now)
            case stanzas.SaslFailure():
                self._sasl_failed(stanza, now)
            case stanzas.StreamFailed(condition=condition):
                kind = "auth" if condition == "not-authorized" else "stream_error"
                self._end(Ending(kind, failure(self._phase(), Reason.REJECTED, condition)), now)
            case stanzas.Closed():
                self._lost("closed", Reason.CLOSED, "the server ended the stream", now)
        return False

    def _featured(self, features: stanzas.Features, now: float) -> None:
        if self.state is State.OPENING and "PLAIN" not in features.mechanisms:
            self._end(Ending("", failure("sasl", Reason.UNSUPPORTED, "PLAIN is not offered"), hard=True), now)
        elif features.binds:
            self._needs_session = features.needs_session
            self._step(Input.BIND_OFFERED, now)
        else:
            self._step(Input.SASL_OFFERED, now)

    def _sasl_failed(self, failed: stanzas.SaslFailure, now: float) -> None:
        if self.state is State.AUTHENTICATING:
            retryable = failed.condition in RETRYABLE_SASL
            words = failure("sasl", Reason.AUTH, failed.condition, Fault.REMOTE if retryable else Fault.LOCAL)
            self._end(Ending("auth", words, hard=True, fatal=not retryable), now)

    def _notified(self, topic: str, now: float) -> None:
        self._life.notified(topic, now)
        if "streaming-subscriptions-expiring" in topic:
            self._subscribe_topics(now)

    # --- the end --------------------------------------------------------------------------------------------------

    def _watch(self, now: float) -> None:
        if self.ending is not None:
            return
        silent_s = self._silence.tick(now)
        if silent_s is not None:
            self._emit(SilenceNoticed(silent_s))
        loss = self._life.tick(now)
        if loss is not None:
            self._end(Ending(*loss, hard=bool(self._life.displacement)), now)

    def _late_pong(self, seconds: float) -> None:
        self._emit(PongReceived("xmpp", seconds, late=True))

    def _phase(self) -> str:
        return PHASE_OF.get(self.state, "connection")

    def _lost(self, kind: str, reason: Reason, words: str, now: float, code: int | None = None) -> None:
        """The server's side is gone, for the reason it announced before, if it did."""
        displacement = self._life.displacement
        ending = Ending(displacement or kind, failure(self._phase(), reason, words), bool(displacement), code=code)
        self._end(ending, now)

    def _end(self, ending: Ending, now: float) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        phase = PHASE_OF.get(self.state)
        if phase is not None and ending.failure.reason is not Reason.CANCELLED:
            self._emit(PhaseTimed(phase, None, ending.failure))
        self.state = State.CLOSING
        self._ice.stop()
        self._requests.abandon(now)
        self._send(client_stanzas.build_close())

    def _emit(self, event: Event) -> None:
        self._events.append(event)

    def _send(self, text: str) -> None:
        self._outgoing.append(text)


_ON_ENTRY: dict[State, Callable[[Session, float], None]] = {
    State.OPENING: Session._enter_opening,
    State.AUTHENTICATING: Session._enter_authenticating,
    State.RESTARTING: Session._enter_opening,
    State.BINDING: Session._enter_binding,
    State.STARTING_SESSION: Session._enter_starting_session,
    State.FETCHING_ICE: Session._enter_fetching_ice,
    State.SUBSCRIBING: Session._enter_subscribing,
    State.ONLINE: Session._enter_online,
}
