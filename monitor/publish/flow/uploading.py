"""One batch's document: upload, update, and knowing what became of it, so that none is applied twice. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import Any

from monitor.config.values import is_loopback_url
from monitor.facts.failures import Failure, Fault, Reason, failure
from monitor.genesys.rest_messages import RestReply
from monitor.publish.flow.calls import Calls, Change, StoppedError
from monitor.publish.flow.events import FlowEvent, Noted, Overtaken
from monitor.publish.flow.job import Batch, PublishSpec
from monitor.publish.flow.lanes import Sleep
from monitor.publish.flow.lanes import Step as Wait
from monitor.publish.flow.requests import UPDATE, UPLOAD_URL, document
from monitor.publish.flow.schedule_state import Editor, Standing, Verdict, agent_versions, standing_of, verdict_of
from monitor.publish.strategy.retry import CONFLICT

POLL_S = 1.0  # between two looks at the version, for the first PATIENT_AFTER_S
PATIENT_POLL_S, PATIENT_AFTER_S = 5.0, 10.0
COMPLETE_WITHIN_S = 120.0  # an accepted update that has changed nothing by then is taken for refused
CUT_SETTLE_S = 15.0  # an update whose answer was lost may still be at work for so long
MOST_EVENTS = 100
FATAL = (401, 403, 404)
NEVER_SENT = (Reason.REFUSED, Reason.DNS, Reason.TLS, Reason.AUTH)

Attempt = Generator[Wait, RestReply | None, tuple[Verdict, RestReply]]


class Uploading:
    """Publishes batches of one schedule, one after another. `standing`: the schedule as last seen."""

    def __init__(
        self, calls: Calls, job: PublishSpec, standing: Standing, editor: Editor, tell: Callable[[FlowEvent], None]
    ) -> None:
        self.standing = standing
        self.editor = editor
        self._calls = calls
        self._job = job
        self._tell = tell
        self._events: dict[str, Mapping[str, Any]] = {}
        self._versionless = False
        self._maybe_at_work: Counter[int] = Counter()  # updates that may have arrived, by the version made from

    def notified(self, body: Mapping[str, Any]) -> None:
        """Remember an event of the schedules topic until somebody asks for its operation."""
        operation = body.get("operationId")
        if isinstance(operation, str) and body.get("status") in ("Complete", "Error", "Canceled"):
            if len(self._events) >= MOST_EVENTS:
                self._events.pop(next(iter(self._events)))
            self._events[operation] = body

    def publish(self, batch: Batch, unsettled_version: int | None) -> Generator[Wait, RestReply | None, None]:
        """Have the batch's document applied. StoppedError when it cannot be had.

        unsettled_version: an earlier process has sent an update of this batch, made from that version, and has not
        seen what became of it.
        """
        if unsettled_version is not None and (yield from self._settled_before(batch, unsettled_version)):
            return
        state = self._calls.fresh()
        while True:
            made_from = self.standing.version
            verdict, reply = yield from self._attempt(batch)
            if verdict is Verdict.APPLIED:
                return
            if verdict is Verdict.OVERTAKEN:
                self._tell(Overtaken(batch.index, made_from))
            state = self._calls.retry.next(state, reply, self._calls.now_s)
            if state.wait_s is None:
                raise StoppedError(_named(batch, reply))
            yield from self._calls.wait(state)

    def _settled_before(self, batch: Batch, version: int) -> Generator[Wait, RestReply | None, bool]:
        """Whether the update that an earlier process sent has been applied."""
        unknown = RestReply(UPDATE, None, failure=failure(UPDATE, Reason.CANCELLED, "the earlier process ended"))
        before = Standing(version, published=True)
        self._maybe_at_work[version] += 1
        verdict, _ = yield from self._settle(batch, before, None, unknown, CUT_SETTLE_S, presume=False)
        return verdict is Verdict.APPLIED

    def _attempt(self, batch: Batch) -> Attempt:
        """Upload and update once. An update that may have arrived is never followed by another one from here."""
        calls, ref, before = self._calls, self._job.ref, self.standing
        versions = yield from self._versions(batch)
        content = document(versions, before.version)
        reply = yield from calls.needed(lambda: calls.builder.upload_url(ref, len(content)))
        key, url, headers = _upload_target(reply)
        yield from calls.needed(lambda: calls.builder.upload(url, headers, content))
        change = Change(batch.update_key, batch.index, before.version)
        reply = yield from calls.call(
            lambda: calls.builder.update(ref, key, batch.publish), change, final=_may_have_arrived
        )
        if not _may_have_arrived(reply):
            raise StoppedError(_named(batch, reply))
        self._maybe_at_work[before.version] += 1
        if reply.ok:
            return (yield from self._accepted(batch, before, reply))
        if reply.status == CONFLICT:
            return (yield from self._not_this_one(batch, before, reply))
        words = f"batch {batch.index + 1}: no clear answer to the update; asking for the version before going on"
        self._tell(Noted(words))
        return (yield from self._settle(batch, before, None, reply, CUT_SETTLE_S))

    def _not_this_one(self, batch: Batch, before: Standing, reply: RestReply) -> Attempt:
        """The platform has refused an update. It was overtaken, by another edit or by an earlier try of ours."""
        after = yield from self._ask(always=True)
        assert after is not None
        if self._maybe_at_work[before.version] > 1:
            verdict = verdict_of(before, after, self.editor, presume=True)
            if verdict is not Verdict.PENDING:
                return self._judged(batch, before, after, verdict)
        return Verdict.OVERTAKEN, reply

    def _accepted(self, batch: Batch, before: Standing, reply: RestReply) -> Attempt:
        """A 2xx answer: complete at once, or work that goes on."""
        body = reply.body if isinstance(reply.body, Mapping) else {}
        operation = body.get("operationId")
        self.notified(body)
        return (
            yield from self._settle(
                batch, before, operation if isinstance(operation, str) else None, reply, COMPLETE_WITHIN_S
            )
        )

    def _settle(
        self,
        batch: Batch,
        before: Standing,
        operation: str | None,
        reply: RestReply,
        within_s: float,
        *,
        presume: bool = True,
    ) -> Attempt:
        """Wait until it is known what became of the update. reply: what the retry policy is asked about when it has
        changed nothing within `within_s`. StoppedError when it cannot be known.
        """
        began_s, answered = self._calls.now_s, False
        while True:
            if (event := self._events.pop(operation or "", None)) is not None:
                return (yield from self._told(batch, before, event))
            if not reply.ok or self._calls.now_s > began_s:
                after = yield from self._ask()
                answered = answered or after is not None
                verdict = Verdict.PENDING if after is None else verdict_of(before, after, self.editor, presume=presume)
                if after is not None and verdict is not Verdict.PENDING:
                    return self._judged(batch, before, after, verdict)
            passed_s = self._calls.now_s - began_s
            if passed_s >= within_s and (answered or passed_s >= COMPLETE_WITHIN_S):
                break
            yield Sleep(self._calls.now_s + _poll_s(passed_s), "poll")
        if not answered:
            raise StoppedError(failure(UPDATE, Reason.TIMEOUT, _unknown(batch, before, "the platform does not answer")))
        words = f"accepted, and no new version within {within_s:g} s"
        silent = RestReply(UPDATE, None, failure=failure(UPDATE, Reason.TIMEOUT, words, Fault.REMOTE))
        return Verdict.PENDING, silent if reply.ok else reply

    def _told(self, batch: Batch, before: Standing, event: Mapping[str, Any]) -> Attempt:
        """The platform has said what became of our operation."""
        if event.get("status") == "Complete":
            after = standing_of(event.get("result")) or (yield from self._ask(always=True))
            assert after is not None
            self.editor = Editor(after.by, sure=True) if after.by else self.editor
            self.standing = after
            return Verdict.APPLIED, RestReply(UPDATE, 200)
        words = f"the platform processed the update and answered {event.get('status')}, without a reason"
        return (yield from self._not_this_one(batch, before, _refused(words)))

    def _judged(self, batch: Batch, before: Standing, after: Standing, verdict: Verdict) -> tuple[Verdict, RestReply]:
        if verdict is Verdict.UNCLEAR:
            edits = f"the version went from {before.version} to {after.version}"
            raise StoppedError(failure(UPDATE, Reason.REJECTED, _unknown(batch, before, edits), Fault.REMOTE))
        if verdict is Verdict.APPLIED:
            self.editor = self.editor.seen(before, after)
            return verdict, RestReply(UPDATE, 200)
        by = after.by or "somebody else"
        self._tell(Noted(f"batch {batch.index + 1}: version conflict: {by} has edited the schedule meanwhile"))
        return verdict, _refused(f"version conflict: {by} has made version {after.version} meanwhile")

    def _ask(self, *, always: bool = False) -> Generator[Wait, RestReply | None, Standing | None]:
        """The schedule now, None where no answer came. always: keep asking. StoppedError for a refusal."""
        until_s = self._calls.now_s + COMPLETE_WITHIN_S
        while True:
            reply = yield from self._calls.once(self._calls.builder.read_schedule(self._job.ref))
            if reply.failure is not None and reply.status in FATAL:
                raise StoppedError(reply.failure)
            standing = standing_of(reply.body) if reply.ok else None
            if standing is not None:
                self.standing = standing
                return standing
            if reply.retry_after_s is not None:
                yield Sleep(self._calls.now_s + min(reply.retry_after_s, COMPLETE_WITHIN_S), "retry")
            if not always:
                return None
            if self._calls.now_s >= until_s:
                raise StoppedError(reply.failure or _malformed(reply, "the schedule's version"))
            yield Sleep(self._calls.now_s + POLL_S, "poll")

    def _versions(self, batch: Batch) -> Generator[Wait, RestReply | None, dict[str, int]]:
        """The version of each agent's schedule; the schedule's own where the platform does not tell."""
        known: dict[str, int] = {}
        if not self._versionless:
            reply = yield from self._calls.call(
                lambda: self._calls.builder.query_agents(self._job.ref, batch.publish), final=_refuses
            )
            if reply.failure is not None and reply.status not in (400, 404, 405):
                raise StoppedError(reply.failure)
            known = agent_versions(reply.body) if reply.ok else {}
            self._versionless = not known
            if not known:
                self._tell(Noted("the platform does not tell the agents' own versions; the schedule's is sent"))
        return {agent: known.get(agent, self.standing.version) for agent in batch.publish}


def _may_have_arrived(reply: RestReply) -> bool:
    """Whether an update that was answered so may be at work: it got out, and was not turned away at the door."""
    if reply.status is None:
        return reply.failure is None or reply.failure.reason not in NEVER_SENT
    if reply.ok:
        return True
    return reply.status >= 500 or reply.status in (408, CONFLICT)


def _poll_s(passed_s: float) -> float:
    return POLL_S if passed_s < PATIENT_AFTER_S else PATIENT_POLL_S


def _refuses(reply: RestReply) -> bool:
    return reply.status in (400, 404, 405)


def _upload_target(reply: RestReply) -> tuple[str, str, dict[str, str]]:
    """uploadKey, url and headers of the answer. StoppedError where it is not that."""
    body = reply.body if isinstance(reply.body, Mapping) else {}
    key, url, headers = body.get("uploadKey"), body.get("url"), body.get("headers") or {}
    if not isinstance(key, str) or not isinstance(url, str) or not isinstance(headers, Mapping):
        raise StoppedError(_malformed(reply, "uploadKey, url and headers"))
    if not _may_be_sent_to(url):
        raise StoppedError(failure(UPLOAD_URL, Reason.MALFORMED, "the upload URL is neither https nor on loopback"))
    return key, url, {str(name): str(value) for name, value in headers.items()}


def _may_be_sent_to(url: str) -> bool:
    """Whether it is https, or http on this machine; what no URL parser takes is neither."""
    try:
        host_is_ours = is_loopback_url(url)
    except ValueError:
        return False
    return url.startswith("https://") or (url.startswith("http://") and host_is_ours)


def _malformed(reply: RestReply, what: str) -> Failure:
    return failure(reply.operation, Reason.MALFORMED, f"the answer does not hold {what}")


def _refused(words: str) -> RestReply:
    return RestReply(UPDATE, CONFLICT, failure=failure(UPDATE, Reason.REJECTED, words, Fault.REMOTE))


def _unknown(batch: Batch, before: Standing, why: str) -> str:
    return (
        f"{why}: whether batch {batch.index + 1}, made from version {before.version}, was applied cannot be told; "
        f"look at the schedule"
    )


def _named(batch: Batch, reply: RestReply) -> Failure:
    why = reply.failure or _malformed(reply, "anything")
    return failure(why.operation, why.reason, f"batch {batch.index + 1}: {why.detail}", why.fault)
