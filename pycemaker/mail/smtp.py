"""SMTP delivery over yagmail's authenticated connection. Alone imports yagmail.

yagmail connects and logs in. The commands after the login are sent one by one: yagmail's own `send` rewrites bodies,
retries after a drop, and hides the server's answers.
"""

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
from pycemaker.mail.smtp_connection import DeliveryDeadline, SmtpConnection
from pycemaker.reports.plain_text import encodable, one_line
from pycemaker.reports.report_model import Delivery

_REPLY_AWAITED = "waiting for the answer to the message"
_NO_TLS_AT_FIRST = "; a port without TLS at first (as a rule 587) takes SMTP_SECURITY=starttls"
_TLS_AT_FIRST = "; a port with TLS at first (as a rule 465) takes SMTP_SECURITY=ssl"


@dataclass(frozen=True)
class SmtpSender:
    """Sends messages to a mail server, once each, without retries.

    Attributes:
        security: `ssl` (TLS from the first byte), `starttls`, or `none`.
        user: the login, and the envelope's sender.
        timeout_seconds: for each answer of the server.
        total_seconds: for the whole delivery.
        context: the trusted authorities; None for the system's, or those in SSL_CERT_FILE.
        mask: removes this installation's other secrets from the server's answers.
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
        """Send the message; return once the server has accepted it.

        Args:
            content: the message, lines ending in CR LF.
            email_to: the envelope's recipient.
            on_leaving: called when the server has all of the message but its last line. An exception from it closes the
                connection, and the server drops a message without its last line (RFC 5321, 4.1.1.10).

        Raises:
            MailRefused: it was not accepted; `possibly_sent` where the whole message was sent and no answer came,
                `is_temporary` where a later attempt may succeed.
        """
        stuffed = re.sub(rb"(?m)^\.", b"..", content)

        def deliver(connection: SmtpConnection, deadline: DeliveryDeadline) -> str:
            connection.ehlo_or_helo_if_needed()
            return self._mask(self._transmit(connection, stuffed, email_to, deadline, on_leaving))

        return Delivery(via="smtp", reply=self._logged_in(deliver))

    def try_login(self) -> str:
        """Connect, log in where there is a password, and quit; nothing is sent. The TLS version, or `no TLS`.

        Raises:
            MailRefused: the server cannot be reached, or refuses these settings.
        """

        def tls_version(connection: SmtpConnection, _deadline: DeliveryDeadline) -> str:
            return str(connection.sock.version()) if isinstance(connection.sock, ssl.SSLSocket) else "no TLS"

        return self._logged_in(tls_version)

    def _logged_in(self, work: Callable[[SmtpConnection, DeliveryDeadline], str]) -> str:
        """The result of `work` over a connection that is logged in. Raises MailRefused."""
        deadline = DeliveryDeadline(self.total_seconds)
        try:
            with deadline:
                client = self._make_client(deadline)
                try:
                    client.login()
                    return work(client.smtp, deadline)
                finally:
                    if client.smtp is not None:
                        client.smtp.quit_quietly()
        except (OSError, ValueError) as error:
            refusal = self._refusal(error, deadline)
        raise refusal

    def _refusal(self, error: Exception, deadline: DeliveryDeadline) -> MailRefused:
        text = f"no end after {self.total_seconds:g} s" if deadline.is_over else _describe(error, self.timeout_seconds)
        text += self._setting_at_fault(error, deadline)
        permanent = _is_permanent(error) and not deadline.is_over
        possibly_sent = deadline.step == _REPLY_AWAITED
        return MailRefused(
            reason=self._mask(f"{deadline.step}: {text}"),
            possibly_sent=possibly_sent,
            is_temporary=not (permanent or possibly_sent),
        )

    def _setting_at_fault(self, error: Exception, deadline: DeliveryDeadline) -> str:
        """The setting to change where one side speaks TLS and the other does not; else nothing.

        A server that waits for TLS sends no greeting. One without TLS greets in the midst of the handshake, or
        disconnects.
        """
        if deadline.awaited == "TLS" and not isinstance(error, ssl.SSLCertVerificationError):
            return _NO_TLS_AT_FIRST
        is_silent = deadline.is_over or "timed out" in str(error)
        return _TLS_AT_FIRST if deadline.awaited == "greeting" and is_silent and self.security != "ssl" else ""

    def prepare(self) -> None:
        """Import in advance what the first message needs: a tenth of a second."""
        self._make_client(DeliveryDeadline(self.total_seconds))

    def _make_client(self, deadline: DeliveryDeadline) -> Any:
        """The client of yagmail, over a connection with our deadline. Its `send` is not used."""
        import yagmail  # 0.1 s that notebooks and the server's start do not need

        context = self.context or ssl.create_default_context()
        tls = context if self.security == "ssl" else None

        class Client(yagmail.SMTP):  # type: ignore[misc]
            @property
            def connection(self) -> Any:
                return partial(SmtpConnection, deadline, tls)

        starttls = {"context": context} if self.security == "starttls" else False
        return Client(
            self.user, self.password, self.host, self.port, starttls,
            smtp_skip_login=self.password is None, soft_email_validation=False, timeout=self.timeout_seconds,
        )  # fmt: skip

    def _transmit(
        self,
        connection: SmtpConnection,
        content: bytes,
        email_to: str,
        deadline: DeliveryDeadline,
        on_leaving: Callable[[], None],
    ) -> str:
        deadline.step = "naming the sender"
        size = [f"size={len(content)}"] if connection.has_extn("size") else []
        _expect(2, connection.mail(self.user, size))
        deadline.step = "naming the recipient"
        _expect(2, connection.rcpt(email_to))
        deadline.step = "sending the message"
        _expect(3, connection.docmd("DATA"))
        connection.send_content(content if content.endswith(b"\r\n") else content + b"\r\n")
        on_leaving()
        connection.end_message()
        deadline.step = _REPLY_AWAITED
        reply = connection.get_final_reply()
        deadline.step = "after the message"
        return _expect(2, reply)

    def _mask(self, text: str) -> str:
        """One line without secrets, in case the server repeats a command."""
        for secret in (f"\0{self.user}\0{self.password}", self.password) if self.password else ():
            encoded = base64.b64encode(encodable(secret).encode()).decode()
            text = text.replace(encoded, "***").replace(secret, "***")
        return one_line(self.mask(text))[:240]


def _expect(kind: int, reply: tuple[int, bytes]) -> str:
    """The reply as text where its first digit is `kind`."""
    code, text = reply
    if code // 100 != kind:
        raise smtplib.SMTPResponseException(code, text)
    return f"{code} {text.decode('utf-8', 'replace')}"


def _is_permanent(error: Exception) -> bool:
    """True if a retry is of no use: a reply that begins with 5 (RFC 5321, 4.2.1), or an error on our side."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code // 100 == 5
    if isinstance(error, ssl.SSLError):  # one about a certificate is a ValueError too
        return False
    return isinstance(error, (smtplib.SMTPNotSupportedError, ValueError))


def _describe(error: Exception, timeout_seconds: float) -> str:
    match error:
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=text):
            return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
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
