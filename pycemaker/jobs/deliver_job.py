"""Delivery worker: sends the mails of one claimed report, to each recipient at most once.

The order of writes ensures that. The mail server gets the message without its last line; the job store records
`sending`; the last line is sent; the job store records `sent` once the server has accepted it. A worker that finds
`sending` after a crash cannot know whether the server got the last line, so it sends nothing: the recipient stays
`possibly_sent`, under a Message-ID set when the report was requested. Before `sending` nothing was sent: a message
without its last line is none (RFC 5321, 4.1.1.10).

An alert is sent at least once instead: what may have arrived is sent again, under the same Message-ID.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import DatabaseUnreachable, MailRefused, UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_document import JobDocument, is_alert
from pycemaker.jobs.job_store import ORPHANED, JobStore, LeaseLost
from pycemaker.jobs.outage_retry import RetryOnOutage
from pycemaker.jobs.retry_policy import delay_seconds
from pycemaker.mail.compose import readdress
from pycemaker.mail.suppressions import subscription_of
from pycemaker.parsing.quoted_addresses import mask_addresses
from pycemaker.reports.artifact_names import MESSAGE
from pycemaker.reports.report_model import Send

_log = logging.getLogger(__name__)

NOT_ALLOWED = "REPORT_RECIPIENTS does not name this address any more"

_ENDED_EARLY = "the server ended before it could write down what the mail server said"
_GONE = "its message is not in the database any more"
_UNREADABLE = "its message could not be read from the database"

MOST_LATE_READS = 20
"""Attempts to read a message after its `give_up_at`: the database may just have come back."""

_NOT_RECORDED = "MongoDB did not answer when the message was about to leave; nothing was sent"


@dataclass(frozen=True)
class MailTransport:
    """Sends messages, and knows to whom it may.

    Attributes:
        is_repeatable: whether a message that is sent twice arrives once (the outbox).
        is_suppressed: whether an address has left a subscription.
        allows_recipient: whether the allow-list names an address.
        headers: additional headers for an address and a subscription: ASCII, one line each.
    """

    send: Send
    sender: str
    is_repeatable: bool
    is_suppressed: Callable[[str, str], bool] = lambda _address, _notebook: False
    allows_recipient: Callable[[str], bool] = lambda _address: True
    headers: Callable[[str, str], dict[str, str]] = lambda _address, _notebook: {}
    prepare: Callable[[], None] = lambda: None

    @property
    def domain(self) -> str:
        """The domain of Message-IDs."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True)
class DeliveryWorker:
    """Sends rendered reports."""

    job_store: JobStore
    files: ArtifactStore
    transport: MailTransport
    retry_on_outage: RetryOnOutage
    first_retry_seconds: float

    def deliver(self, job: JobDocument) -> None:
        """Send the report to every recipient that is due; end the job, or release it for the next attempt.

        Raises:
            LeaseLost: another server has claimed it; DatabaseUnreachable: MongoDB is away; a server claims the job when
                the lease has expired.
        """
        report_id = str(job["_id"])
        try:
            content = self.files.get(report_id, MESSAGE)
        except UnknownReport:
            self._finish_without_message(job, states.FAILED, _GONE)
            return
        except DatabaseUnreachable:
            if _late_reads(job) < MOST_LATE_READS:
                raise
            self._finish_without_message(job, states.EXPIRED, _UNREADABLE)
            return
        began = time.monotonic()
        for recipient_index, recipient in enumerate(job["recipients"]):
            self._deliver_to(job, recipient_index, recipient, content)
        self._finish(report_id, time.monotonic() - began)

    def _deliver_to(self, job: JobDocument, recipient_index: int, recipient: JobDocument, content: bytes) -> None:
        """Send to one recipient, or record why nothing is sent."""
        report_id, state, now = str(job["_id"]), recipient["state"], job["taken_at"]
        if state == states.SENDING and not self._may_repeat(job):
            self.job_store.record_result(report_id, recipient_index, states.POSSIBLY_SENT, reason=_ENDED_EARLY)
            return
        if state == states.SENDING:
            self.job_store.record_result(report_id, recipient_index, states.QUEUED)
        elif state not in states.UNSENT or recipient.get("next_attempt_at", now) > now:
            return
        if self.job_store.is_orphan(job):
            self.job_store.record_result(report_id, recipient_index, states.EXPIRED, reason=ORPHANED)
        elif recipient["attempts"] and job["give_up_at"] < now:
            self.job_store.record_result(report_id, recipient_index, states.EXPIRED)  # its reason is the last refusal's
        elif not self.transport.allows_recipient(recipient["address"]):
            self.job_store.record_result(report_id, recipient_index, states.REFUSED, reason=NOT_ALLOWED)
        elif any(self.transport.is_suppressed(recipient["address"], name) for name in subscriptions(job)):
            self.job_store.record_result(report_id, recipient_index, states.SUPPRESSED)
        else:
            self._send(job, recipient_index, recipient, content)

    def _may_repeat(self, job: JobDocument) -> bool:
        """True for an alert, and where the attempt that was cut off wrote to this outbox: that replaces the file."""
        return is_alert(job) or (self.transport.is_repeatable and job.get("sender") == self.job_store.sender)

    def _send(self, job: JobDocument, recipient_index: int, recipient: JobDocument, content: bytes) -> None:
        report_id, address = str(job["_id"]), recipient["address"]
        own = headers_for(job, recipient_index) | self.transport.headers(address, subscriptions(job)[-1])
        has_left = False

        def on_leaving() -> None:
            nonlocal has_left
            self.job_store.begin_sending(report_id, recipient_index)
            has_left = True

        try:
            delivery = self.transport.send(readdress(content, own), address, on_leaving)
        except MailRefused as error:
            self._record_refusal(job, recipient_index, recipient, error, counted=has_left)
            return
        except DatabaseUnreachable:  # raised by on_leaving: the job store may say `sending`, and nothing was sent
            nothing_sent = MailRefused(reason=_NOT_RECORDED, possibly_sent=False, is_temporary=True)
            self._record_refusal(job, recipient_index, recipient, nothing_sent, counted=False)
            return
        state = states.SENT if delivery.via == "smtp" else states.WRITTEN
        _log_outcome(logging.INFO, report_id, recipient_index, state, recipient["message_id"], delivery.reply)
        self._record_certain(report_id, recipient_index, state, reply=delivery.reply, via=delivery.via)

    def _record_refusal(
        self, job: JobDocument, recipient_index: int, recipient: JobDocument, error: MailRefused, *, counted: bool
    ) -> None:
        report_id = str(job["_id"])
        facts: dict[str, Any] = {"reason": error.facts["reason"]}
        attempts = recipient["attempts"] + 1
        if not counted:
            facts["attempts"] = attempts
        if error.facts["possibly_sent"] and not is_alert(job):
            state = states.POSSIBLY_SENT
        elif error.facts["is_temporary"] or error.facts["possibly_sent"]:
            state = states.DEFERRED
            facts["again_in_seconds"] = delay_seconds(attempts, self.first_retry_seconds)
        else:
            state = states.REFUSED
        _log_outcome(logging.WARNING, report_id, recipient_index, state, recipient["message_id"], error.facts["reason"])
        self._record_certain(report_id, recipient_index, state, **facts)

    def _record_certain(self, report_id: str, recipient_index: int, state: str, **facts: Any) -> None:
        """Record a result that is certain, even where another worker has claimed the job meanwhile."""

        def write() -> None:
            try:
                self.job_store.record_result(report_id, recipient_index, state, **facts)
            except LeaseLost:
                self.job_store.record_late_result(report_id, recipient_index, state, **facts)
                raise

        self.retry_on_outage(write)

    def _finish(self, report_id: str, seconds: float) -> None:
        """End the job, or release it for its next attempt."""
        job = self.job_store.get(report_id)
        state = states.overall(recipient["state"] for recipient in job["recipients"])
        timing = {"stage_seconds": job["stage_seconds"] | {"mail": round(seconds, 3)}}
        if state == states.DEFERRED:
            instants = [each.get("next_attempt_at") for each in job["recipients"] if each["state"] in states.UNSENT]
            due_at = min(filter(None, instants), default=None)
            self.retry_on_outage(lambda: self.job_store.release(report_id, state, due_at=due_at, **timing))
        else:
            self.retry_on_outage(lambda: self.job_store.finish(report_id, state, **timing))
            self.retry_on_outage(lambda: self.job_store.recompute_state(report_id))

    def _finish_without_message(self, job: JobDocument, state: str, reason: str) -> None:
        """End the job where its message cannot be read: no recipient is sent to any more."""
        report_id = str(job["_id"])
        _log.error("report %s: %s", report_id, reason)
        for recipient_index, recipient in enumerate(job["recipients"]):
            if recipient["state"] == states.SENDING and not self._may_repeat(job):
                self.job_store.record_result(report_id, recipient_index, states.POSSIBLY_SENT, reason=_ENDED_EARLY)
            elif recipient["state"] in (states.SENDING, *states.UNSENT):
                self.job_store.record_result(report_id, recipient_index, state, reason=reason)
        self._finish(report_id, 0.0)


def subscriptions(job: JobDocument) -> list[str]:
    """The names under which a recipient may leave the report; the link in the mail leaves the last one."""
    return [str(job["notebook"])] + ([subscription_of(job["schedule"]["id"])] if "schedule" in job else [])


def _late_reads(job: JobDocument) -> int:
    """The number of claims by delivery workers after the job's `give_up_at`."""
    late = [each for each in job["history"] if each["at"] > job["give_up_at"]]
    return sum(each["state"] == states.SENDING for each in late)


def headers_for(job: JobDocument, recipient_index: int) -> dict[str, str]:
    """The headers of one recipient's message, but for the unsubscribe link."""
    recipient = job["recipients"][recipient_index]
    own = {"To": recipient["address"], "Message-ID": recipient["message_id"]}
    if "references" in recipient:  # the first mail of the same alert
        own |= dict.fromkeys(("In-Reply-To", "References"), recipient["references"])
    return own | ({"X-Pycemaker-Request": job["request_id"]} if job.get("request_id") else {})


def _log_outcome(level: int, report_id: str, recipient_index: int, state: str, message_id: str, reply: str) -> None:
    """Log a recipient's result by their number, with no address: mail servers quote those in their replies."""
    fields = {"message_id": message_id, "reply": mask_addresses(reply, lambda _local, _domain: "***")}
    _log.log(level, "report %s, recipient %d: %s", report_id, recipient_index + 1, state, extra=fields)
