"""The tree of things that go wrong, in this project's own words. Knows no HTTP.

    PycemakerError
    ├── InvalidRequest
    │   ├── InvalidDate
    │   ├── InvalidRange
    │   ├── InvalidAddress
    │   │   └── LocalPartNotAscii
    │   ├── InvalidParameter
    │   ├── TokenInUrl
    │   ├── BodyTooLarge
    │   ├── BodyTooSlow
    │   └── IdempotencyKeyReused
    ├── NotFound
    │   ├── UnknownMetric
    │   ├── UnknownNotebook
    │   ├── UnknownReport
    │   └── UnknownLink
    ├── NotAuthenticated
    ├── OnlyHere
    ├── RecipientNotAllowed
    ├── FetchRefused
    ├── ForeignOrigin
    ├── TooManyReports
    ├── TooManyStreams
    ├── ServerBusy
    │   └── TooManyBodies
    ├── AskedTooOften
    ├── TooManyRequests
    ├── ReportFailed
    │   ├── NotebookFailed
    │   ├── NotebookUnusable
    │   ├── NothingToSend
    │   ├── ReportUnfit
    │   ├── ReportTooLarge
    │   ├── ReportWroteTooMuch
    │   ├── ReportExpired
    │   └── RunnerFailed
    ├── StorageRefused
    ├── MailRefused
    │   ├── MailDeferred
    │   ├── MailPartlySent
    │   └── RecipientSuppressed
    ├── ReportTimedOut
    ├── DatabaseUnreachable
    │   ├── DatabaseLoginRefused
    │   ├── DatabaseTlsFailed
    │   ├── WrongReplicaSet
    │   ├── NoPrimary
    │   ├── RightMissing
    │   │   ├── NoRightToRead
    │   │   ├── NoRightToWrite
    │   │   └── NoRightToIndex
    │   └── IndexesNotReady
    ├── DatabaseNotStarted
    └── InvalidSettings

Each leaf says in `message`, in English, what happened; the facts it was raised with stay in `facts`, by name. A fact is
a plain scalar or a list of them, so that an error can cross a process boundary as JSON (`to_facts`, `from_facts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class PycemakerError(Exception):
    """Anything this project raises on purpose.

    Args:
        **facts: what `message` names, and whatever else helps whoever handles it.
    """

    message: ClassVar[str] = "something went wrong"

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.message.format(**facts))

    def to_facts(self) -> dict[str, Any]:
        """The error as JSON-able data: its class name under `kind`, its facts under `facts`."""
        return {"kind": type(self).__name__, "facts": self.facts}


class InvalidRequest(PycemakerError):
    """What was asked for cannot be read."""


class InvalidDate(InvalidRequest):
    """Facts: `text`, cut to 40 characters."""

    message = "not a date: {text!r} (dd-mm-yyyy-HH-MM-SS, 'now', ISO 8601 with an offset, or milliseconds since 1970)"


class InvalidRange(InvalidRequest):
    """Facts: `text`, cut to 40 characters; `limit` in hours."""

    message = "not a range: {text!r} (whole hours, 1 to {limit})"


class InvalidAddress(InvalidRequest):
    """Facts: `text`, cut to 40 characters."""

    message = "not a mail address: {text!r}"


class LocalPartNotAscii(InvalidAddress):
    """An address but for letters beyond ASCII before its @, which few mail servers take. Facts: as its base."""

    message = "not a mail address: {text!r} (before the @ only ASCII is taken)"


class InvalidParameter(InvalidRequest):
    """Facts: `field`; `reason` in English; `takes`, in Portuguese; `known`, the names there are, for an unknown one.

    Of a list with an unknown name in it, `given` is that name.
    """

    message = "parameter {field!r}: {reason}"


class TokenInUrl(InvalidRequest):
    """The token is in the address, where it gets written down. No facts: nothing of what was sent is kept."""

    message = "a token does not belong into an address"


class BodyTooLarge(InvalidRequest):
    """Facts: `limit_bytes`."""

    message = "the request's body has more than {limit_bytes} bytes"


class BodyTooSlow(InvalidRequest):
    """Facts: `limit_seconds`."""

    message = "the request's body was not here within {limit_seconds} s"


class IdempotencyKeyReused(InvalidRequest):
    """No facts: the key is the caller's own."""

    message = "this Idempotency-Key was used for another request"


class NotFound(PycemakerError):
    """A name that is not there."""


class UnknownMetric(NotFound):
    """Facts: `name`; `known`, the names there are."""

    message = "no metric {name!r}; there are {known}"


class UnknownNotebook(NotFound):
    """Facts: `name`."""

    message = "no notebook {name!r}"


class UnknownReport(NotFound):
    """There is no such report, or none that may be shown. No facts: an id is a key."""

    message = "no such report"


class UnknownLink(NotFound):
    """A link to leave a report that was never given out, or does not hold any more. No facts: it names an address."""

    message = "no such link"


class NotAuthenticated(PycemakerError):
    """The token is missing or wrong. Facts: `asks_browser`, whether a password would do; nothing of what was sent."""

    message = "the token is missing or wrong"


class OnlyHere(PycemakerError):
    """Without API_TOKEN messages and notebooks are for callers on the server's own machine. No facts."""

    message = "without API_TOKEN this is shown on this machine only"


class RecipientNotAllowed(PycemakerError):
    """Facts: `address`. The list of those allowed is not among them."""

    message = "{address} may not receive reports from here (REPORT_RECIPIENTS)"


class FetchRefused(PycemakerError):
    """Nobody meant to make this request. Facts: `purpose`: prefetch, prerender, preview or embed."""

    message = "nothing is done for a {purpose}"


class ForeignOrigin(PycemakerError):
    """A page of another site had a browser ask for something that acts. Facts: `origin`: its, or `null`."""

    message = "a page of {origin} may not have this done (CORS_ORIGINS)"


class TooManyReports(PycemakerError):
    """Facts: `waiting`, `retry_after_seconds`."""

    message = "{waiting} reports are waiting already; try again in {retry_after_seconds} s"


class TooManyStreams(PycemakerError):
    """Facts: `streaming`, `retry_after_seconds`."""

    message = "{streaming} long answers are being sent already; try again in {retry_after_seconds} s"


class ServerBusy(PycemakerError):
    """Every place for requests is taken, and has been for some seconds. Facts: `retry_after_seconds`."""

    message = "no place for this request"


class TooManyBodies(ServerBusy):
    """As many bodies of requests are being read as may be. Facts: `retry_after_seconds`."""

    message = "no place for this request's body"


class AskedTooOften(PycemakerError):
    """Facts: `address`, `retry_after_seconds`."""

    message = "{address} was sent too many reports lately; try again in {retry_after_seconds} s"


class TooManyRequests(PycemakerError):
    """One caller asked for too much. Facts: `caller`, an address or `token`; `retry_after_seconds`."""

    message = "{caller} asked too often; try again in {retry_after_seconds} s"


class ReportFailed(PycemakerError):
    """The report could not be made."""


class NotebookFailed(ReportFailed):
    """Facts: `cell` (counted from 1, 0 where no cell is to blame), `reason` in English, one line."""

    message = "the notebook failed in cell {cell}: {reason}"


class NotebookUnusable(ReportFailed):
    """The notebook's file, or its parameters cell, cannot be read. Facts: `name`, `reason` in English."""

    message = "notebook {name!r}: {reason}"

    def __init__(self, *, name: str = "?", **facts: Any) -> None:
        super().__init__(name=name, **facts)


class NothingToSend(ReportFailed):
    """The notebook ran but left no figure or no text. Facts: `reason` in English."""

    message = "the notebook produced nothing to send: {reason}"


class ReportUnfit(ReportFailed):
    """The message did not pass the check before it leaves; nothing was sent. Facts: `findings`, a line each."""

    message = "the report is not fit to be sent: {findings}"


class RunnerFailed(ReportFailed):
    """The process that makes the report ended without saying how it went. Facts: `stage`, `reason`."""

    message = "the report's process ended during {stage!r}: {reason}"


class ReportTooLarge(ReportFailed):
    """Its processes held more memory than REPORT_MEMORY_MB. Facts: `stage`, `limit_mb`, `held_mb`."""

    message = "the report's processes held {held_mb} MB during {stage!r}, more than the {limit_mb} MB they may"


class ReportWroteTooMuch(ReportFailed):
    """Its cells wrote more files than they may. Facts: `stage`, `limit_mb`."""

    message = "the report's cells wrote more than the {limit_mb} MB they may during {stage!r}"


class ReportExpired(ReportFailed):
    """It was given up after REPORT_RETRY_SECONDS. Facts: `reason`."""

    message = "the report was given up: {reason}"


class StorageRefused(PycemakerError):
    """Firebase Storage did not take a figure. Facts: `reason`, without secrets."""

    message = "the figure storage refused: {reason}"


class MailRefused(PycemakerError):
    """The mail server did not take the message.

    Facts: `reason`, without secrets; `possibly_sent`; `is_temporary`, whether trying again may help.
    """

    message = "the mail server refused: {reason}"


class MailDeferred(MailRefused):
    """The mail server did not take it now; it is tried again. Facts: `reason`, `next_attempt_at` (ISO 8601, UTC)."""

    message = "the mail server did not take it yet ({reason}); it is tried again at {next_attempt_at}"


class MailPartlySent(MailRefused):
    """Some recipients have it. Facts: `reason`; `recipients`, a line each."""

    message = "not every recipient has it: {reason}"


class RecipientSuppressed(MailRefused):
    """Every recipient has asked for no more reports. Facts: `reason`."""

    message = "the recipient has asked for no more reports"


class ReportTimedOut(PycemakerError):
    """Facts: `stage` it was in, `limit_seconds`."""

    message = "the report was still at {stage!r} after {limit_seconds} s"


class DatabaseUnreachable(PycemakerError):
    """MongoDB did not answer in time, or broke off. Facts: `reason`, without credentials."""

    message = "MongoDB is not reachable: {reason}"


class DatabaseLoginRefused(DatabaseUnreachable):
    """The user, the password or `authSource` is wrong, or there is none where one is wanted. Facts: `reason`."""

    message = "MongoDB does not take the user and password of MONGO_DB_URL ({reason})"


class DatabaseTlsFailed(DatabaseUnreachable):
    """One side speaks TLS and the other does not, or a certificate is not trusted. Facts: `reason`."""

    message = "no TLS with MongoDB as MONGO_DB_URL wants it ({reason})"


class WrongReplicaSet(DatabaseUnreachable):
    """MongoDB answers, and its replica set has another name. Facts: `reason`."""

    message = "MongoDB belongs to no replica set of the name in MONGO_DB_URL ({reason})"


class NoPrimary(DatabaseUnreachable):
    """MongoDB answers, and no member of its replica set takes reads and writes. Facts: `reason`."""

    message = "MongoDB's replica set has no primary: not initiated, or most of its members are away ({reason})"


class RightMissing(DatabaseUnreachable):
    """MongoDB answers, and the user may not do this. Facts: `reason`."""

    message = "the user of MONGO_DB_URL may not do this ({reason})"


class NoRightToRead(RightMissing):
    """The user may not read the database, or not this collection of it. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to read ({reason})"


class NoRightToWrite(RightMissing):
    """The user may not write, as every report needs. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to write ({reason})"


class NoRightToIndex(RightMissing):
    """The user may not make indexes, as the collections of reports need. Facts: `reason`."""

    message = "the user of MONGO_DB_URL has no right to make indexes ({reason})"


class IndexesNotReady(DatabaseUnreachable):
    """The index that makes a read bounded is still being built. Facts: `reason`, the collection."""

    message = "the index of {reason} is still being built"


class DatabaseNotStarted(PycemakerError):
    """The embedded mongod could not be started. Facts: `reason`."""

    message = "the embedded MongoDB did not start: {reason}"


class InvalidSettings(PycemakerError):
    """Facts: `problems`, one line for each wrong variable."""

    message = "settings: {problems}"

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.facts["problems"])
        return f"These settings cannot be used:{lines}\nSee .env.example for what each one takes."


def every_error() -> dict[str, type[PycemakerError]]:
    """Every class of the tree, by its name."""
    found = {}
    waiting = [PycemakerError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting.extend(kind.__subclasses__())
    return found


def from_facts(told: Mapping[str, Any]) -> PycemakerError:
    """The error that `to_facts` described.

    Raises:
        KeyError: `told` names no class of this tree.
    """
    return every_error()[told["kind"]](**told["facts"])
