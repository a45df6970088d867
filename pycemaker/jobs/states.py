"""The states of a report and of each of its recipients, and how the one follows from the other. Pure.

report:     queued -> running -> rendered -> sending -> sent | written | partly_sent | possibly_sent | refused
^         |           |          |
+---------+           |       deferred -> sending ...     (a temporary refusal; tried again)
+-> failed  +-> failed                          (nothing was sent, and nothing will be)
deferred -> expired                                          (given up after REPORT_RETRY_SECONDS)
queued, rendered, deferred -> expired                        (no server that sends by its account, for a day)

recipient:  queued -> sending -> sent | written | refused | possibly_sent
^         |
deferred <---+      suppressed, expired, failed: never sent, and why
"""

from __future__ import annotations

from collections.abc import Iterable

QUEUED = "queued"
"""Nobody has begun; a server takes it when it has a place."""
RUNNING = "running"
"""A server makes it."""
RENDERED = "rendered"
"""It is made, kept and checked; no mail server has heard of it."""
SENDING = "sending"
"""A report: its mails are being handed over. A recipient: the mail server is being given the message."""
DEFERRED = "deferred"
"""The mail server did not take it now; it is tried again."""

SENT = "sent"
"""A mail server has accepted the message."""
WRITTEN = "written"
"""It is in the outbox: no mail account is set up."""
REFUSED = "refused"
"""The mail server will not take it."""
POSSIBLY_SENT = "possibly_sent"
"""The message was out and no answer came, or we ended before we could write it down. It is never sent again."""
SUPPRESSED = "suppressed"
"""The recipient has asked for no more reports."""
PARTLY_SENT = "partly_sent"
"""Some recipients have it, some have not who should."""
FAILED = "failed"
"""It could not be made."""
EXPIRED = "expired"
"""It was given up: after REPORT_RETRY_SECONDS, or because no server sends by its account any more."""

TO_MAKE = (QUEUED, RUNNING)
"""A report that has to be made; one that is RUNNING under a lease that ran out was left by a server that ended."""
TO_SEND = (RENDERED, SENDING, DEFERRED)
"""A report whose mails have to be handed over."""
OPEN = (*TO_MAKE, *TO_SEND)
"""A report that is not at its end."""
ENDED = (SENT, WRITTEN, PARTLY_SENT, POSSIBLY_SENT, REFUSED, SUPPRESSED, FAILED, EXPIRED)
"""A report of which nothing more will come."""
ALL = (*OPEN, *ENDED)

UNSENT = (QUEUED, DEFERRED)
"""A recipient who may still be sent to."""
_ARRIVED = {SENT, WRITTEN}


def overall(recipients: Iterable[str]) -> str:
    """The state of a report that was handed over, from those of its recipients.

    One who may still be sent to makes it deferred. All alike give their own. Where some have it, those who have asked
    for no more are as they wish to be, and with any other without it, it is partly sent. Of several without it, the
    least certain counts: possibly sent, then refused, expired, suppressed.
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
