"""Hands over the mails of one report that the ledger has given to this server: to each recipient once, at most.

The order of writes is what makes it so. The mail server is given all of a message but the line that ends it; then the
ledger says `sending`; then that line goes; and after the server has accepted it the ledger says `sent`. Whoever finds
`sending` after a crash cannot know whether the server got the line, and does not send the message again: the recipient
stays `possibly_sent`, under a Message-ID fixed when the report was asked for. Before `sending` nothing was sent: a
message without its end is none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pycemaker.errors import DatabaseUnreachable, MailRefused, UnknownReport
from pycemaker.jobs import states
from pycemaker.jobs.artifacts import ArtifactStore
from pycemaker.jobs.job_document import first_due
from pycemaker.jobs.job_reader import JobDocument
from pycemaker.jobs.job_store import ORPHANED, JobStore, LeaseLost
from pycemaker.jobs.retry import FIRST_SECONDS, delay_seconds
from pycemaker.mail.compose import readdress
from pycemaker.parsing.address_pattern import mask_addresses
from pycemaker.reports.artifact_names import MESSAGE
from pycemaker.reports.model import Send

_log = logging.getLogger(__name__)

NOT_ALLOWED = "REPORT_RECIPIENTS does not name this address any more"

_ENDED_EARLY = "the server ended before it could write down what the mail server said"
_GONE = "its message is not in the database any more"
_UNREADABLE = "its message could not be read from the database"

MOST_LATE_READS = 20
"""How often a message that cannot be read is looked for once its time is over: its server may just have come back."""

_NOT_TOLD = "MongoDB did not answer when the message was about to leave; nothing was sent"

IsSuppressed = Callable[[str, str], bool]
"""Whether an address wants no more of a report, by its notebook's name."""

Headers = Callable[[str, str], dict[str, str]]
"""More headers for one recipient of a report: for an address and a notebook's name. ASCII, a line each."""


@dataclass(frozen=True)
class MailTransport:
    """How messages leave.

    Attributes:
        send: hands one over.
        sender: by whom: the account's address.
        is_repeatable: whether one that is handed over twice is there once (the outbox).
        is_suppressed: whether an address wants no more reports.
        may_receive: whether an address may be sent reports at all.
        headers: what each recipient's message says besides.
        prepare: loads beforehand what the first message needs.
    """

    send: Send
    sender: str
    is_repeatable: bool
    is_suppressed: IsSuppressed = lambda _address, _notebook: False
    allows_recipient: Callable[[str], bool] = lambda _address: True
    headers: Headers = lambda _address, _notebook: {}
    prepare: Callable[[], None] = lambda: None

    @property
    def domain(self) -> str:
        """That of the messages' ids."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True)
class DeliveryWorker:
    """Hands reports over.

    Attributes:
        ledger: where they stand.
        files: where their messages are.
        post: how they leave.
        insist: calls something again while MongoDB is away, for as long as it makes sense.
        first_seconds: how long to wait after the first temporary refusal.
    """

    job_store: JobStore
    files: ArtifactStore
    transport: MailTransport
    retry_on_outage: Callable[[Callable[[], None]], None]
    first_seconds: float = FIRST_SECONDS

    def deliver(self, entry: JobDocument) -> None:
        """Hand the report to every recipient who is due, and bring it to its end or to its next attempt.

        Raises:
            LeaseLost: another server has taken it over.
            DatabaseUnreachable: MongoDB is away; the report is taken up again when the lease has run out.
        """
        report_id = str(entry["_id"])
        try:
            content = self.files.get(report_id, MESSAGE)
        except UnknownReport:
            self._close_without_message(entry, states.FAILED, _GONE)
            return
        except DatabaseUnreachable:
            if _late_reads(entry) < MOST_LATE_READS:
                raise
            self._close_without_message(entry, states.EXPIRED, _UNREADABLE)
            return
        began = time.monotonic()
        for place, recipient in enumerate(entry["recipients"]):
            self._attend(entry, place, recipient, content)
        self._close(report_id, time.monotonic() - began)

    def _attend(self, entry: JobDocument, place: int, recipient: JobDocument, content: bytes) -> None:
        """Do for one recipient what is to be done now."""
        report_id, state, now = str(entry["_id"]), recipient["state"], entry["taken_at"]
        if state == states.SENDING and not self._may_repeat(entry):
            self.job_store.record_result(report_id, place, states.POSSIBLY_SENT, reason=_ENDED_EARLY)
            return
        if state == states.SENDING:
            self.job_store.record_result(report_id, place, states.QUEUED)
        elif state not in states.UNSENT or recipient.get("next_attempt_at", now) > now:
            return
        if self.job_store.is_orphan(entry):
            self.job_store.record_result(report_id, place, states.EXPIRED, reason=ORPHANED)
        elif recipient["attempts"] and entry["give_up_at"] < now:
            self.job_store.record_result(report_id, place, states.EXPIRED)  # its reason is the last refusal's
        elif not self.transport.allows_recipient(recipient["address"]):
            self.job_store.record_result(report_id, place, states.REFUSED, reason=NOT_ALLOWED)
        elif self.transport.is_suppressed(recipient["address"], entry["notebook"]):
            self.job_store.record_result(report_id, place, states.SUPPRESSED)
        else:
            self._hand_over(entry, place, recipient, content)

    def _may_repeat(self, entry: JobDocument) -> bool:
        """Whether who had begun to send it was an outbox as this one is: it was by the same account, and repeatable."""
        return self.transport.is_repeatable and entry.get("sender") == self.job_store.sender

    def _hand_over(self, entry: JobDocument, place: int, recipient: JobDocument, content: bytes) -> None:
        report_id, address = str(entry["_id"]), recipient["address"]
        own = headers_for(entry, place) | self.transport.headers(address, entry["notebook"])
        has_left = False

        def on_leaving() -> None:
            nonlocal has_left
            self.job_store.begin_sending(report_id, place)
            has_left = True

        try:
            delivery = self.transport.send(readdress(content, own), address, on_leaving)
        except MailRefused as error:
            self._note_refusal(report_id, place, recipient, error, counted=has_left)
            return
        except DatabaseUnreachable:  # out of on_leaving: it may be written that this was sending, and it was not
            nothing_sent = MailRefused(reason=_NOT_TOLD, possibly_sent=False, is_temporary=True)
            self._note_refusal(report_id, place, recipient, nothing_sent, counted=False)
            return
        state = states.SENT if delivery.via == "smtp" else states.WRITTEN
        _log_outcome(logging.INFO, report_id, place, state, recipient["message_id"], delivery.reply)
        self._certain(report_id, place, state, reply=delivery.reply, via=delivery.via)

    def _note_refusal(
        self, report_id: str, place: int, recipient: JobDocument, error: MailRefused, *, counted: bool
    ) -> None:
        facts: dict[str, Any] = {"reason": error.facts["reason"]}
        attempts = recipient["attempts"] + 1
        if not counted:
            facts["attempts"] = attempts
        if error.facts["possibly_sent"]:
            state = states.POSSIBLY_SENT
        elif error.facts["is_temporary"]:
            state = states.DEFERRED
            facts["again_in_seconds"] = delay_seconds(attempts, self.first_seconds)
        else:
            state = states.REFUSED
        _log_outcome(logging.WARNING, report_id, place, state, recipient["message_id"], error.facts["reason"])
        self._certain(report_id, place, state, **facts)

    def _certain(self, report_id: str, place: int, state: str, **facts: Any) -> None:
        """Write down what is known for certain, whoever has the report meanwhile."""

        def write() -> None:
            try:
                self.job_store.record_result(report_id, place, state, **facts)
            except LeaseLost:
                self.job_store.record_late_result(report_id, place, state, **facts)
                raise

        self.retry_on_outage(write)

    def _close(self, report_id: str, seconds: float) -> None:
        """The report's end, or when it is taken up again."""
        entry = self.job_store.get(report_id)
        state = states.overall(recipient["state"] for recipient in entry["recipients"])
        timing = {"stage_seconds": entry["stage_seconds"] | {"mail": round(seconds, 3)}}
        if state == states.DEFERRED:
            moments = [r.get("next_attempt_at") for r in entry["recipients"] if r["state"] in states.UNSENT]
            due_at = first_due(moments)
            self.retry_on_outage(lambda: self.job_store.release(report_id, state, due_at=due_at, **timing))
        else:
            self.retry_on_outage(lambda: self.job_store.finish(report_id, state, **timing))
            self.retry_on_outage(lambda: self.job_store.recompute_state(report_id))

    def _close_without_message(self, entry: JobDocument, state: str, reason: str) -> None:
        """Nobody else will be sent to; who may have been is told so."""
        report_id = str(entry["_id"])
        _log.error("report %s: %s", report_id, reason)
        for place, recipient in enumerate(entry["recipients"]):
            if recipient["state"] == states.SENDING and not self._may_repeat(entry):
                self.job_store.record_result(report_id, place, states.POSSIBLY_SENT, reason=_ENDED_EARLY)
            elif recipient["state"] in (states.SENDING, *states.UNSENT):
                self.job_store.record_result(report_id, place, state, reason=reason)
        self._close(report_id, 0.0)


def _late_reads(entry: JobDocument) -> int:
    """How often it was taken to be sent after the time for which its mails are tried."""
    late = [each for each in entry["history"] if each["at"] > entry["give_up_at"]]
    return sum(each["state"] == states.SENDING for each in late)


def headers_for(entry: JobDocument, place: int) -> dict[str, str]:
    """What a recipient's message says that those of the others do not, the link by which they leave apart."""
    recipient = entry["recipients"][place]
    own = {"To": recipient["address"], "Message-ID": recipient["message_id"]}
    return own | ({"X-Pycemaker-Request": entry["request_id"]} if entry.get("request_id") else {})


def _log_outcome(level: int, report_id: str, place: int, state: str, message_id: str, reply: str) -> None:
    """One line for what became of a recipient: by their place, and without addresses, which mail servers quote."""
    told = {"message_id": message_id, "reply": mask_addresses(reply, lambda _local, _domain: "***")}
    _log.log(level, "report %s, recipient %d: %s", report_id, place + 1, state, extra=told)


def outage_retry(seconds: float, wait: Callable[[float], object], clock: Callable[[], float]) -> Any:
    """Something that calls again what MongoDB was away for, until so many seconds have gone by; then it gives up.

    Args:
        seconds: for how long.
        wait: waits so many seconds.
        clock: seconds that only grow.
    """

    def retry_on_outage(work: Callable[[], None]) -> None:
        until = clock() + seconds
        while True:
            try:
                return work()
            except DatabaseUnreachable:
                if clock() > until:
                    raise
                wait(0.5)

    return retry_on_outage
