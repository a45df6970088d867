"""Handing a message to a mail server. Alone imports yagmail.

yagmail connects and logs in. What is said after the login is said step by step: yagmail's own `send` rewrites bodies,
tries again after a drop, and hides what the server answered.
"""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pycemaker.errors import MailRefused
from pycemaker.report.connection import Connection, Watch
from pycemaker.report.mail import encodable, one_line
from pycemaker.report.pipeline import Delivery

_REPLY_AWAITED = "waiting for the answer to the message"
_NO_TLS_AT_FIRST = "; a port without TLS at first (as a rule 587) takes SMTP_SECURITY=starttls"
_TLS_AT_FIRST = "; a port with TLS at first (as a rule 465) takes SMTP_SECURITY=ssl"


@dataclass(frozen=True)
class SmtpSender:
    """Hands messages to a mail server, once each: nothing is sent a second time.

    Attributes:
        security: `ssl` (TLS from the first byte), `starttls`, or `none`.
        user: the login, and the envelope's sender.
        password: None where the server wants no login.
        timeout_seconds: for each answer of the server.
        total_seconds: for the whole hand-over.
        context: whom to trust; None trusts the system's authorities, or those in SSL_CERT_FILE.
        mask: takes this installation's other secrets out of what the server said.
    """

    host: str
    port: int
    security: str
    user: str
    password: str | None = field(repr=False)
    timeout_seconds: float = 20.0
    total_seconds: float = 30.0
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    mask: Callable[[str], str] = field(default=str, repr=False, compare=False)

    def __call__(self, content: bytes, email_to: str, on_leaving: Callable[[], None]) -> Delivery:
        """Hand the message over; return once the server has accepted it.

        Args:
            content: the message, lines ending in CR LF.
            email_to: the envelope's recipient.
            on_leaving: called when the server has all of the message but the line that ends it. What it raises ends
                the connection there, and a message that was not ended is none (RFC 5321, 4.1.1.10).

        Raises:
            MailRefused: it was not accepted; `possibly_sent` where the message was out and the answer did not come,
                `is_temporary` where the server, or the way to it, may do better another time.
        """
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        watch = Watch(self.total_seconds)
        try:
            with watch:
                return Delivery(via="smtp", reply=self._clean(self._hand_over(stuffed, email_to, watch, on_leaving)))
        except (OSError, ValueError) as error:
            refusal = self._refusal(error, watch)
        raise refusal

    def try_login(self) -> str:
        """Connect, log in where there is a password, and hang up; nothing is sent. Which TLS it was, or `no TLS`.

        Raises:
            MailRefused: the server, or the way to it, is not as it was set.
        """
        watch = Watch(self.total_seconds)
        try:
            with watch:
                return self._log_in(watch)
        except (OSError, ValueError) as error:
            refusal = self._refusal(error, watch)
        raise refusal

    def _log_in(self, watch: Watch) -> str:
        client = self._make_client(watch)
        try:
            client.login()
            connection = client.smtp.sock
            return str(connection.version()) if isinstance(connection, ssl.SSLSocket) else "no TLS"
        finally:
            if client.smtp is not None:
                client.smtp.hang_up()

    def _refusal(self, error: Exception, watch: Watch) -> MailRefused:
        said = f"no end after {self.total_seconds:g} s" if watch.is_over else _say(error, self.timeout_seconds)
        said += self._setting_at_fault(error, watch)
        permanent = _is_permanent(error) and not watch.is_over
        possibly_sent = watch.step == _REPLY_AWAITED
        return MailRefused(
            reason=self._clean(f"{watch.step}: {said}"),
            possibly_sent=possibly_sent,
            is_temporary=not (permanent or possibly_sent),
        )

    def _setting_at_fault(self, error: Exception, watch: Watch) -> str:
        """What to set where the server speaks TLS and this does not, or the other way round; else nothing.

        One that waits for TLS says nothing to who waits for its greeting. One that does not greets in the midst of the
        handshake, or hangs up.
        """
        if watch.awaited == "TLS" and not isinstance(error, ssl.SSLCertVerificationError):
            return _NO_TLS_AT_FIRST
        is_silent = watch.is_over or "timed out" in str(error)
        return _TLS_AT_FIRST if watch.awaited == "greeting" and is_silent and self.security != "ssl" else ""

    def prepare(self) -> None:
        """Import beforehand what the first message needs: a tenth of a second."""
        self._make_client(Watch(self.total_seconds))

    def _hand_over(self, content: bytes, email_to: str, watch: Watch, on_leaving: Callable[[], None]) -> str:
        client = self._make_client(watch)
        try:
            client.login()
            client.smtp.ehlo_or_helo_if_needed()
            return self._say_message(client.smtp, content, email_to, watch, on_leaving)
        finally:
            if client.smtp is not None:
                client.smtp.hang_up()

    def _make_client(self, watch: Watch) -> Any:
        """The client of yagmail, over a connection that the watch holds on to. Its `send` is not used."""
        import yagmail  # 0.1 s that notebooks and the server's start do not need

        context = self.context or ssl.create_default_context()
        tls = context if self.security == "ssl" else None

        class Client(yagmail.SMTP):  # type: ignore[misc]
            @property
            def connection(self) -> Any:
                return partial(Connection, watch, tls)

        starttls = {"context": context} if self.security == "starttls" else False
        return Client(
            self.user, self.password, self.host, self.port, starttls,
            smtp_skip_login=self.password is None, soft_email_validation=False, timeout=self.timeout_seconds,
        )  # fmt: skip

    def _say_message(
        self,
        connection: Connection,
        content: bytes,
        email_to: str,
        watch: Watch,
        on_leaving: Callable[[], None],
    ) -> str:
        watch.step = "naming the sender"
        size = [f"size={len(content)}"] if connection.has_extn("size") else []
        _expect(2, connection.mail(self.user, size))
        watch.step = "naming the recipient"
        _expect(2, connection.rcpt(email_to))
        watch.step = "sending the message"
        _expect(3, connection.docmd("DATA"))
        connection.give(content if content.endswith(b"\r\n") else content + b"\r\n")
        on_leaving()
        connection.end_message()
        watch.step = _REPLY_AWAITED
        reply = connection.get_verdict()
        watch.step = "after the message"
        return _expect(2, reply)

    def _clean(self, text: str) -> str:
        """One line without secrets, in case the server repeats what it was told."""
        for secret in (f"\0{self.user}\0{self.password}", self.password) if self.password else ():
            encoded = base64.b64encode(encodable(secret).encode()).decode()
            text = text.replace(encoded, "***").replace(secret, "***")
        return one_line(self.mask(text))[:240]


def _expect(kind: int, reply: tuple[int, bytes]) -> str:
    """The reply as text where its first digit is `kind`."""
    code, said = reply
    if code // 100 != kind:
        raise smtplib.SMTPResponseException(code, said)
    return f"{code} {said.decode('utf-8', 'replace')}"


def _is_permanent(error: Exception) -> bool:
    """Whether trying again is of no use: a reply that begins with 5 (RFC 5321, 4.2.1), or a fault of our own making."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code // 100 == 5
    if isinstance(error, ssl.SSLError):  # one about a certificate is a ValueError too
        return False
    return isinstance(error, (smtplib.SMTPNotSupportedError, ValueError))


def _say(error: Exception, timeout_seconds: float) -> str:
    """What went wrong, in words."""
    match error:
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=said):
            return f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted: {error.verify_message}"
        case _ if "timed out" in str(error):
            return f"no answer within {timeout_seconds:g} s"
        case ssl.SSLError():
            return f"no TLS with this server: {error.reason}"
        case smtplib.SMTPServerDisconnected():
            return "the connection was closed"
        case smtplib.SMTPException():
            return str(error)
        case socket.gaierror():
            return "the host's name is not known"
        case OSError():
            return error.strerror or type(error).__name__
    return type(error).__name__
