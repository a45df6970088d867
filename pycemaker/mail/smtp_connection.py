"""SMTP connection with a deadline, which also knows whether a message is being sent."""

from __future__ import annotations

import hmac
import smtplib
import socket
import ssl
import threading
from contextlib import suppress
from io import BufferedReader
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_QUIT_SECONDS = 1.0
LOGINS = ("CRAM-MD5", "PLAIN", "LOGIN")
"""SASL mechanisms that smtplib knows, in order of preference."""

_PIECE_BYTES = 64 * 1024  # After each piece the connection is checked for an early refusal


class DeliveryDeadline:
    """The deadline of one delivery: shuts the connection down when the time is over. It also knows the step.

    A socket's timeout starts again with each byte, so a server that sends single bytes would hold it for ever.

    Attributes:
        step: what is being done.
        awaited: the server's first words: its `TLS` handshake, or its `greeting`; empty before and after them.
        is_over: whether the time is.
    """

    def __init__(self, seconds: float) -> None:
        self.step = "connecting"
        self.awaited = ""
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

    def attach(self, plain: socket.socket) -> None:
        """Take a second handle on the connection: the first one changes owner each time TLS wraps it."""
        with self._lock:
            self._handle = plain.dup()
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock, suppress(OSError):
            self.is_over = True
            if self._handle:
                self._handle.shutdown(socket.SHUT_RDWR)


class SmtpConnection(smtplib.SMTP):
    """The connection that yagmail logs in over; the deadline has its socket from the start."""

    def __init__(
        self, deadline: DeliveryDeadline, tls: ssl.SSLContext | None, host: str, port: str, *, timeout: float
    ) -> None:
        self._deadline = deadline
        self._tls = tls
        self._is_amid_message = False
        name = socket.gethostname()  # smtplib's default looks the name up in the DNS, which may take long
        super().__init__(host, int(port), name if "." in name else "[127.0.0.1]", timeout)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect, with TLS at once where it is wanted; the server's greeting."""
        # A name usually has two addresses, and each is tried for this long.
        plain = socket.create_connection((host, port), self.timeout / 2, source_address)
        plain.settimeout(self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the last line does not wait for an ACK
        self._deadline.attach(plain)
        self._deadline.awaited = "TLS"
        self.sock = self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain
        self.file = None
        self._deadline.awaited = "greeting"
        reply = self.getreply()
        self._deadline.awaited = ""
        return reply

    def getreply(self) -> tuple[int, bytes]:
        """The next answer."""
        if self.file is None and self.sock:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def send_content(self, content: bytes) -> None:
        """Send the message without its last line. Until that line the server has accepted nothing.

        Args:
            content: lines ending in CR LF, their dots doubled.

        Raises:
            SMTPResponseException: the server refuses it before its end; OSError: the connection failed.
        """
        self._is_amid_message = True
        for start in range(0, len(content), _PIECE_BYTES):
            try:
                self._send_all(content[start : start + _PIECE_BYTES])
            except OSError:
                self._raise_early_reply()
                raise
            self._raise_early_reply()

    def end_message(self) -> None:
        """Send the message's last line. An exception, as of `send_content`, came before the server got it."""
        self._raise_early_reply()
        self._send_all(b".\r\n")

    def get_final_reply(self) -> tuple[int, bytes]:
        """The answer to the message. Raises SMTPServerDisconnected where it is none."""
        reply = self.getreply()
        if reply[0] < 0:
            raise smtplib.SMTPServerDisconnected
        self._is_amid_message = False
        return reply

    def quit_quietly(self) -> None:
        """Send QUIT and close, without exceptions.

        During a message QUIT would be a part of it: there the connection is only closed.
        """
        with suppress(OSError):
            if self.sock and not self._is_amid_message:
                self.sock.settimeout(_QUIT_SECONDS)
                self.putcmd("QUIT")
                self.sock.recv(512)
        self.close()

    def _send_all(self, piece: bytes) -> None:
        """Send all of it; unlike `send`, which closes on an error, leave the server's answer to be read."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        self.sock.sendall(piece)

    def _raise_early_reply(self) -> None:
        """Raise the reply that the server sent before the message's end; do nothing where it waits, as it should."""
        if self._has_early_reply():
            code, text = self.getreply()
            raise smtplib.SMTPResponseException(code, text)

    def _has_early_reply(self) -> bool:
        """True if there is a reply to read, or the server has closed; does not block."""
        if self.file is None or self.sock is None:
            return True
        self.sock.settimeout(0)
        try:
            if self.file.peek() or isinstance(self.sock, ssl.SSLSocket):
                return True  # TLS peeks empty at the end only; it raises where there is nothing to read yet
            return not self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.sock.settimeout(self.timeout)

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Log in, as a step of the deadline.

        Raises:
            SMTPNotSupportedError: the server offers no login, or none that can be done here.
        """
        self._deadline.step = "logging in"
        self.ehlo_or_helo_if_needed()
        if self.has_extn("auth"):
            offered = (
                self.esmtp_features["auth"].upper().split()
            )  # smtplib compares in capitals; some servers write small letters
            self.esmtp_features["auth"] = " ".join(offered)
            if not set(offered) & set(LOGINS):
                raise smtplib.SMTPNotSupportedError(
                    f"the server offers {', '.join(offered)} alone; Pycemaker logs in with {', '.join(LOGINS)}"
                )
        return super().login(user, password, initial_response_ok=initial_response_ok)

    def auth_plain(self, challenge: Buffer | None = None) -> str:
        """User and password in UTF-8 (RFC 4616), where smtplib takes ASCII alone."""
        return _Utf8(super().auth_plain(challenge))

    def auth_login(self, challenge: Buffer | None = None) -> str:
        """The user, then the password."""
        return _Utf8(super().auth_login(challenge))

    def auth_cram_md5(self, challenge: Buffer | None = None) -> Any:
        """The user, and the challenge signed with the password's UTF-8 (RFC 2195)."""
        if challenge is None:
            return None
        return _Utf8(f"{self.user} {hmac.digest(self.password.encode(), bytes(challenge), 'md5').hex()}")


class _Utf8(str):
    """A text that always encodes to UTF-8: smtplib asks for ASCII."""

    __slots__ = ()

    def encode(self, _encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its UTF-8."""
        return super().encode("utf-8", errors)


class _WholeLines:
    """Reads whole lines only: smtplib would take a reply that was cut off at `2501` for an acceptance."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.close = file.close
        self.peek = file.peek

    def readline(self, limit: int) -> bytes:
        """The next line; empty at the end, and where the connection ends within it."""
        line = self._file.readline(limit)
        return line if line.endswith(b"\n") or len(line) == limit else b""
