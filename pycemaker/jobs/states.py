"""States of a report and of its recipients, and the rule by which the one follows from the other. Pure.

| a report that is | becomes |
|---|---|
| queued | running; expired where no server with its sender claimed it for a day |
| running | rendered; failed; queued again where its server ended or the database was away |
| running, of a schedule | quiet, where it has none of the findings that the schedule wants |
| rendered, deferred | sending; expired as above, and after REPORT_RETRY_SECONDS |
| sending | sent, written, partly_sent, possibly_sent, refused, suppressed; deferred after a temporary refusal |

A recipient is queued, then sending, then sent, written, refused, possibly_sent or deferred, and from deferred sending
again. One who is suppressed, expired or failed was never sent to.
"""

from collections.abc import Iterable

QUEUED = "queued"  # It waits for a render worker
RUNNING = "running"  # A render worker has it
RENDERED = "rendered"  # Rendered, checked and stored; nothing was sent yet
SENDING = "sending"
"""A report: a delivery worker has it. A recipient: the mail server is about to get the end of the message."""
DEFERRED = "deferred"  # The mail server refused it temporarily; it is tried again
SENT = "sent"  # A mail server has accepted the message
WRITTEN = "written"  # The message is in the outbox: no mail account is set
REFUSED = "refused"  # The mail server refused it permanently
POSSIBLY_SENT = "possibly_sent"
"""The message was sent without an answer, or the server ended before it recorded one. It is never sent again."""
SUPPRESSED = "suppressed"  # The recipient has unsubscribed
QUIET = "quiet"
"""Rendered, and mailed to nobody: it has none of the findings that its schedule wants (`only_if`)."""
PARTLY_SENT = "partly_sent"  # Some recipients have it; others should have it and have not
FAILED = "failed"  # It could not be rendered
EXPIRED = "expired"
"""Given up: after REPORT_RETRY_SECONDS, or since no server sends by its account any more."""

TO_RENDER = (QUEUED, RUNNING)
"""To be claimed by a render worker; RUNNING with an expired lease was left by a server that ended."""
TO_SEND = (RENDERED, SENDING, DEFERRED)  # To be claimed by a delivery worker
OPEN = (*TO_RENDER, *TO_SEND)  # Not ended
ENDED = (SENT, WRITTEN, PARTLY_SENT, POSSIBLY_SENT, REFUSED, SUPPRESSED, QUIET, FAILED, EXPIRED)
"""Final states."""
ALL = (*OPEN, *ENDED)

UNSENT = (QUEUED, DEFERRED)  # A recipient who may still be sent to
_ARRIVED = {SENT, WRITTEN}


def overall(recipients: Iterable[str]) -> str:
    """The state of a sent report, from the states of its recipients.

    An unsent recipient makes it deferred. Equal states give that state. Where some have it, suppressed recipients do
    not count, and any other recipient without it makes it partly sent. Where nobody has it, the least certain state
    counts: possibly sent, then refused, expired, suppressed.
    """
    states = set(recipients)
    if states & {*UNSENT, SENDING}:
        return DEFERRED
    if len(states) == 1:
        return states.pop()
    if arrived := states & _ARRIVED:
        if states - _ARRIVED - {SUPPRESSED}:
            return PARTLY_SENT
        return arrived.pop() if len(arrived) == 1 else SENT
    return next(state for state in (POSSIBLY_SENT, REFUSED, EXPIRED, SUPPRESSED, FAILED) if state in states)
