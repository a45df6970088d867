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
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

from pycemaker.errors import MailRefused
from pycemaker.report.mail import encodable, one_line
from pycemaker.report.pipeline import Delivery

_GOODBYE_SECONDS = 1.0
_REPLY_AWAITED = "waiting for the answer to the message"


@dataclass(frozen=True)
class SmtpSender:
    """Hands messages to a mail server, once each: nothing is sent a second time.

    Attributes:
        security: `ssl` (TLS from the first byte), `starttls`, or `none`.
        user: the login, and the envelope's sender.
        timeout_seconds: for each answer of the server.
        total_seconds: for the whole hand-over.
        context: whom to trust; None trusts the system's authorities, or those in SSL_CERT_FILE.
        mask: takes this installation's other secrets out of what the server said.
    """

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    timeout_seconds: float = 20.0
    total_seconds: float = 30.0
    context: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    mask: Callable[[str], str] = field(default=str, repr=False, compare=False)

    def __call__(self, content: bytes, email_to: str, on_leaving: Callable[[], None]) -> Delivery:
        """Hand the message over; return once the server has accepted it.

        Args:
            content: the message, lines ending in CR LF.
            email_to: the envelope's recipient.
            on_leaving: called when the server is about to be given the message; what it raises ends the hand-over.

        Raises:
            MailRefused: it was not accepted; `possibly_sent` where the message was out and the answer did not come,
                `is_temporary` where the server, or the way to it, may do better another time.
        """
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        watch = _Watch(self.total_seconds)
        try:
            with watch:
                return Delivery(via="smtp", reply=self._clean(self._hand_over(stuffed, email_to, watch, on_leaving)))
        except (OSError, ValueError) as error:
            refusal = self._refusal(error, watch)
        raise refusal

    def try_login(self) -> str:
        """Connect, log in and hang up; nothing is sent. Which TLS was agreed upon, or `no TLS`.

        Raises:
            MailRefused: the server, or the way to it, is not as it was set.
        """
        watch = _Watch(self.total_seconds)
        try:
            with watch:
                return self._log_in(watch)
        except (OSError, ValueError) as error:
            refusal = self._refusal(error, watch)
        raise refusal

    def _log_in(self, watch: _Watch) -> str:
        client = self._make_client(watch)
        try:
            client.login()
            connection = client.smtp.sock
            return str(connection.version()) if isinstance(connection, ssl.SSLSocket) else "no TLS"
        finally:
            if client.smtp is not None:
                _hang_up(client.smtp)

    def _refusal(self, error: Exception, watch: _Watch) -> MailRefused:
        said = f"no end after {self.total_seconds:g} s" if watch.is_over else _say(error, self.timeout_seconds)
        permanent = _is_permanent(error) and not watch.is_over
        possibly_sent = watch.step == _REPLY_AWAITED
        return MailRefused(
            reason=self._clean(f"{watch.step}: {said}"),
            possibly_sent=possibly_sent,
            is_temporary=not (permanent or possibly_sent),
        )

    def prepare(self) -> None:
        """Import beforehand what the first message needs: a tenth of a second."""
        self._make_client(_Watch(self.total_seconds))

    def _hand_over(self, content: bytes, email_to: str, watch: _Watch, on_leaving: Callable[[], None]) -> str:
        client = self._make_client(watch)
        try:
            client.login()
            return self._say_message(client.smtp, content, email_to, watch, on_leaving)
        finally:
            if client.smtp is not None:
                _hang_up(client.smtp)

    def _make_client(self, watch: _Watch) -> Any:
        """The client of yagmail, over a connection that the watch holds on to. Its `send` is not used."""
        import yagmail  # 0.1 s that notebooks and the server's start do not need

        context = self.context or ssl.create_default_context()
        tls = context if self.security == "ssl" else None

        class Client(yagmail.SMTP):  # type: ignore[misc]
            @property
            def connection(self) -> Any:
                return partial(_Connection, watch, tls)

        starttls = {"context": context} if self.security == "starttls" else False
        return Client(
            self.user, self.password, self.host, self.port, starttls,
            soft_email_validation=False, timeout=self.timeout_seconds,
        )  # fmt: skip

    def _say_message(
        self,
        connection: smtplib.SMTP,
        content: bytes,
        email_to: str,
        watch: _Watch,
        on_leaving: Callable[[], None],
    ) -> str:
        watch.step = "naming the sender"
        size = [f"size={len(content)}"] if connection.has_extn("size") else []
        _expect(2, connection.mail(self.user, size))
        watch.step = "naming the recipient"
        _expect(2, connection.rcpt(email_to))
        watch.step = "sending the message"
        _expect(3, connection.docmd("DATA"))
        on_leaving()
        connection.send(content if content.endswith(b"\r\n") else content + b"\r\n")
        connection.send(b".\r\n")
        watch.step = _REPLY_AWAITED
        reply = connection.getreply()
        if reply[0] < 0:
            raise smtplib.SMTPServerDisconnected
        watch.step = "after the message"
        return _expect(2, reply)

    def _clean(self, text: str) -> str:
        """One line without secrets, in case the server repeats what it was told."""
        for secret in filter(None, (f"\0{self.user}\0{self.password}", self.password)):
            encoded = base64.b64encode(encodable(secret).encode()).decode()
            text = text.replace(encoded, "***").replace(secret, "***")
        return one_line(self.mask(text))[:240]


class _Watch:
    """Knows how far a hand-over has come, and cuts its connection when the time is over, whatever it waits for.

    A socket's timeout starts again with each byte, so a server that drips would hold it for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.step = "connecting"
        self.is_over = False
        self._handle: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._handle:
                self._handle.close()
                self._handle = None

    def hold(self, plain: socket.socket) -> None:
        """Keep a second handle on the connection: the first one changes owner each time TLS wraps it."""
        with self._lock:
            self._handle = plain.dup()
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock, suppress(OSError):
            self.is_over = True
            if self._handle:
                self._handle.shutdown(socket.SHUT_RDWR)


class _Connection(smtplib.SMTP):
    """The connection that yagmail logs in over; the watch has its socket from the first moment."""

    def __init__(self, watch: _Watch, tls: ssl.SSLContext | None, host: str, port: str, *, timeout: float) -> None:
        self._watch = watch
        self._tls = tls
        name = socket.gethostname()  # smtplib's default asks the DNS for more, which may take long
        super().__init__(host, int(port), name if "." in name else "[127.0.0.1]", timeout)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect, with TLS at once where it is wanted; the server's greeting."""
        # A name has two addresses as a rule, and each is tried for so long.
        plain = socket.create_connection((host, port), self.timeout / 2, source_address)
        plain.settimeout(self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the last dot does not wait for an ACK
        self._watch.hold(plain)
        self.sock = self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain
        self.file = None
        return self.getreply()

    def getreply(self) -> tuple[int, bytes]:
        """The next answer."""
        if self.file is None and self.sock:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Log in, as a step of its own."""
        self._watch.step = "logging in"
        return super().login(user, password, initial_response_ok=initial_response_ok)


class _WholeLines:
    """Reads lines, and takes one that breaks off for none: smtplib would take `2501`, cut off, for an acceptance."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.close = file.close

    def readline(self, limit: int) -> bytes:
        """The next line; nothing at the end, and nothing where the connection ends within it."""
        line = self._file.readline(limit)
        return line if line.endswith(b"\n") or len(line) == limit else b""


def _hang_up(connection: smtplib.SMTP) -> None:
    """Say goodbye and close; whatever goes wrong here changes nothing any more."""
    with suppress(OSError):
        if connection.sock:
            connection.sock.settimeout(_GOODBYE_SECONDS)
            connection.putcmd("QUIT")
            connection.sock.recv(512)
    connection.close()


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
        case UnicodeError():
            return "the password has characters beyond ASCII, which this login cannot carry"
        case smtplib.SMTPServerDisconnected():
            return "the connection was closed"
        case smtplib.SMTPException():
            return str(error)
        case socket.gaierror():
            return "the host's name is not known"
        case OSError():
            return error.strerror or type(error).__name__
    return type(error).__name__
