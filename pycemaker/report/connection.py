"""A connection to a mail server that ends in time, and that knows whether a message is under way."""

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

_GOODBYE_SECONDS = 1.0
LOGINS = ("CRAM-MD5", "PLAIN", "LOGIN")
"""The ways to log in that smtplib knows (SASL), the first that is offered first."""

_PIECE_BYTES = 64 * 1024
"""Between two of them it is looked whether the server still wants the message."""


class Watch:
    """Knows how far a hand-over has come, and cuts its connection when the time is over, whatever it waits for.

    A socket's timeout starts again with each byte, so a server that drips would hold it for ever.

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


class Connection(smtplib.SMTP):
    """The connection that yagmail logs in over; the watch has its socket from the first moment."""

    def __init__(self, watch: Watch, tls: ssl.SSLContext | None, host: str, port: str, *, timeout: float) -> None:
        self._watch = watch
        self._tls = tls
        self._is_amid_message = False
        name = socket.gethostname()  # smtplib's default asks the DNS for more, which may take long
        super().__init__(host, int(port), name if "." in name else "[127.0.0.1]", timeout)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect, with TLS at once where it is wanted; the server's greeting."""
        # A name has two addresses as a rule, and each is tried for so long.
        plain = socket.create_connection((host, port), self.timeout / 2, source_address)
        plain.settimeout(self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the last dot does not wait for an ACK
        self._watch.hold(plain)
        self._watch.awaited = "TLS"
        self.sock = self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain
        self.file = None
        self._watch.awaited = "greeting"
        reply = self.getreply()
        self._watch.awaited = ""
        return reply

    def getreply(self) -> tuple[int, bytes]:
        """The next answer."""
        if self.file is None and self.sock:
            self.file = _WholeLines(self.sock.makefile("rb"))
        return super().getreply()

    def give(self, content: bytes) -> None:
        """The message, all but the line that ends it. Until that line the server has accepted nothing.

        Args:
            content: lines ending in CR LF, their dots doubled.

        Raises:
            SMTPResponseException: the server refuses it in its midst.
            OSError: it does not get through.
        """
        self._is_amid_message = True
        for start in range(0, len(content), _PIECE_BYTES):
            try:
                self._put(content[start : start + _PIECE_BYTES])
            except OSError:
                self._heed()
                raise
            self._heed()

    def end_message(self) -> None:
        """The line that ends the message: what it raises, as `give`, came before the server was told."""
        self._heed()
        self._put(b".\r\n")

    def get_verdict(self) -> tuple[int, bytes]:
        """The answer to the message. Raises SMTPServerDisconnected where it is none."""
        reply = self.getreply()
        if reply[0] < 0:
            raise smtplib.SMTPServerDisconnected
        self._is_amid_message = False
        return reply

    def hang_up(self) -> None:
        """Say goodbye and close; whatever goes wrong here changes nothing any more.

        In the midst of a message goodbye would be a part of it: there the connection is closed without a word.
        """
        with suppress(OSError):
            if self.sock and not self._is_amid_message:
                self.sock.settimeout(_GOODBYE_SECONDS)
                self.putcmd("QUIT")
                self.sock.recv(512)
        self.close()

    def _put(self, piece: bytes) -> None:
        """Send it all; unlike `send`, which closes on a fault, leave what the server has said to be read."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected
        self.sock.sendall(piece)

    def _heed(self) -> None:
        """Raise what the server has said although it was not its turn; nothing where it waits, as it should."""
        if self._has_spoken():
            code, said = self.getreply()
            raise smtplib.SMTPResponseException(code, said)

    def _has_spoken(self) -> bool:
        """Whether there is an answer to read, or the server has hung up; waits for nothing."""
        if self.file is None or self.sock is None:
            return True
        self.sock.settimeout(0)
        try:
            if self.file.peek() or isinstance(self.sock, ssl.SSLSocket):
                return True  # TLS says nothing at the end alone; where there is nothing to read yet, it raises
            return not self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            self.sock.settimeout(self.timeout)

    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        """Log in, as a step of its own.

        Raises:
            SMTPNotSupportedError: the server offers no login, or none that can be done here.
        """
        self._watch.step = "logging in"
        self.ehlo_or_helo_if_needed()
        if self.has_extn("auth"):
            offered = self.esmtp_features["auth"].upper().split()  # smtplib compares in capitals, and servers may not
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
    """A text that is UTF-8 whatever encoding it is asked for: smtplib asks for ASCII."""

    __slots__ = ()

    def encode(self, _encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its UTF-8."""
        return super().encode("utf-8", errors)


class _WholeLines:
    """Reads lines, and takes one that breaks off for none: smtplib would take `2501`, cut off, for an acceptance."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.close = file.close
        self.peek = file.peek

    def readline(self, limit: int) -> bytes:
        """The next line; nothing at the end, and nothing where the connection ends within it."""
        line = self._file.readline(limit)
        return line if line.endswith(b"\n") or len(line) == limit else b""
