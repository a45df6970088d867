"""A mail server on loopback that takes mail, with TLS and a login, and that misbehaves by a script.

with smtp_server("ssl", {"recipient": "550 5.1.1 no such user"}) as server:
    SmtpSender(server.host, server.port, ...)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hmac
import ssl
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, auth_mechanism

DROP = "drop"
"""Cuts the connection."""
SILENT = "silent"
"""Answers nothing, for ever."""
DRIP = "drip"
"""Answers one byte every 50 ms, for ever."""

STEPS = ("connect", "greet", "login", "sender", "recipient", "data", "midway", "message", "quit")
"""Steps at which a script may give an unusual answer: a reply ("550 no"), or one of the words above.

`data` is the answer to the DATA command, `midway` one that comes in the midst of the message, after which the server
hangs up; `message` is the one to the message itself, once all of it has arrived.
"""


@dataclass
class SmtpServer:
    """A running server.

    Attributes:
        port: where it listens, on `host`.
        user, password: the one login it accepts.
        ca_file: the authority behind its certificate, for SSL_CERT_FILE.
        script: what it answers at a step instead of the usual; may be changed while it runs.
        received: every message that arrived whole, accepted or not, with its envelope.
        refused_recipients: addresses it does not know, whatever the script says.
        said: the commands of the last connection, the words after the verb left out.
        gone: how many connections are over.
        heard: what the last connection brought, TLS undone, up to now.
    """

    port: int
    ca_file: Path
    script: dict[str, str]
    host: str = "127.0.0.1"
    user: str = "reports@example.com"
    password: str = "pa55 w0rd blanks"
    received: list[Received] = field(default_factory=list)
    refused_recipients: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    gone: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server that sends by it."""
        return {
            "EMAIL_FROM": self.user,
            "PASSWORD": self.password,
            "SMTP_HOST": self.host,
            "SMTP_PORT": str(self.port),
            "SSL_CERT_FILE": str(self.ca_file),
        }

    @property
    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts this server, and nobody else."""
        return ssl.create_default_context(cafile=str(self.ca_file))


@dataclass(frozen=True)
class Received:
    """A message as it arrived: its envelope, its bytes after the dots are undone, and how they are read."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        message = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


@contextlib.contextmanager
def smtp_server(
    security: str = "ssl",
    script: Mapping[str, str] | None = None,
    *,
    offers_login: bool = True,
    wants_login: bool = True,
    logins: Sequence[str] = ("PLAIN", "LOGIN"),
) -> Iterator[SmtpServer]:
    """A mail server for the length of the block.

    Args:
        security: `ssl`, `starttls` (required before a login) or `none`.
        script: an answer by step (STEPS); the usual one where a step is not named.
        offers_login: whether it says AUTH at all.
        wants_login: whether it takes mail after a login alone.
        logins: the ways to log in that it says: some of PLAIN, LOGIN, CRAM-MD5, XOAUTH2.
    """
    with _loop() as loop, tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        _authority().cert_pem.write_to_path(ca_file)
        server = SmtpServer(0, ca_file, dict(script or {}))
        connections: list[asyncio.BaseTransport] = []

        def make_protocol() -> asyncio.Protocol:
            if "greet" in server.script:
                return _Greeter(server.script["greet"], connections)
            scripted = _Scripted(server, connections, security, offers_login, logins)
            scripted.wants_login = wants_login
            return scripted

        async def listen() -> asyncio.Server:
            tls = _server_context() if security == "ssl" else None
            return await loop.create_server(make_protocol, server.host, 0, ssl=tls)

        listener = _run(loop, listen())
        server.port = listener.sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            _run(loop, _close(listener, connections))


_LOGINS = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


class _Scripted(SMTP):
    """aiosmtpd's server, asking the script before each of its answers."""

    wants_login = True

    def __init__(
        self,
        server: SmtpServer,
        connections: list[asyncio.BaseTransport],
        security: str,
        offers_login: bool,
        logins: Sequence[str],
    ) -> None:
        super().__init__(
            _Mailbox(server),
            hostname="mail.example.com",
            loop=asyncio.get_running_loop(),
            tls_context=_server_context() if security == "starttls" else None,
            require_starttls=security == "starttls",
            auth_require_tls=security == "starttls" or not offers_login,
            auth_exclude_mechanism=set(_LOGINS) - set(logins),
            authenticator=functools.partial(_check_login, server),
        )
        self._server, self._connections = server, connections
        server.said.clear()
        server.heard.clear()

    def data_received(self, data: bytes) -> None:
        self._server.heard += data
        super().data_received(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.append(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.gone += 1
        super().connection_lost(error)

    async def _call(self, step: str, verb: str, usual: Any, arg: str | None) -> None:
        self._server.said.append(verb)
        if step in self._server.script:
            await _act(self._server.script[step], self.transport)
        else:
            await usual(arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's names
        await self._call("login", "AUTH", super().smtp_AUTH, arg)

    async def auth_XOAUTH2(self, _server: SMTP, _arguments: list[str]) -> AuthResult:  # noqa: N802
        return AuthResult(success=False)

    @auth_mechanism("CRAM-MD5")
    async def auth_cram_md5(self, _server: SMTP, _arguments: list[str]) -> AuthResult:
        answer = await self.challenge_auth(b"<1896.697170952@mail.example.com>", encode_to_b64=True)
        right = hmac.digest(self._server.password.encode(), b"<1896.697170952@mail.example.com>", "md5").hex()
        return AuthResult(success=answer == f"{self._server.user} {right}".encode(), handled=False)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        assert self.session is not None
        if self.wants_login and not self.session.authenticated:
            await self.push("530 5.7.0 log in first")
        else:
            await self._call("sender", "MAIL", super().smtp_MAIL, arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if any(address in (arg or "") for address in self._server.refused_recipients):
            await self.push("550 5.1.1 no such user")
            return
        await self._call("recipient", "RCPT", super().smtp_RCPT, arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        await self._call(
            "data", "DATA", self._refuse_midway if "midway" in self._server.script else super().smtp_DATA, arg
        )

    async def _refuse_midway(self, _arg: str | None) -> None:
        await self.push("354 go on")
        await self._reader.readexactly(1000)
        await _act(self._server.script["midway"], self.transport)
        self.transport.close()
        await asyncio.Event().wait()

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: N802
        await self._call("quit", "QUIT", super().smtp_QUIT, arg)


class _Mailbox:
    """Keeps what arrives."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def handle_DATA(self, smtp: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        self._server.received.append(Received(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        answer = self._server.script.get("message", "250 2.0.0 OK queued as 4711")
        return answer if answer[0].isdigit() else await _act(answer, smtp.transport)


class _Greeter(asyncio.Protocol):
    """Says something else than a greeting, or nothing."""

    def __init__(self, answer: str, connections: list[asyncio.BaseTransport]) -> None:
        self._answer, self._connections = answer, connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.append(transport)
        self._task = asyncio.ensure_future(_act(self._answer, transport))

    def connection_lost(self, _error: Exception | None) -> None:
        self._task.cancel()


async def _act(answer: str, transport: Any) -> str:
    """Give the scripted answer; after a word there is no next command."""
    if answer[0].isdigit():
        transport.write(f"{answer}\r\n".encode())
        return ""
    if answer == DROP:
        transport.abort()
    while answer == DRIP:
        transport.write(b"2")
        await asyncio.sleep(0.05)
    return str(await asyncio.Event().wait())


def _check_login(server: SmtpServer, _smtp: SMTP, _session: Any, _envelope: Any, _how: str, login: Any) -> AuthResult:
    right = LoginPassword(server.user.encode(), server.password.encode())
    return AuthResult(success=login == right, handled=False)


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=10)


async def _close(listener: asyncio.Server, connections: list[asyncio.BaseTransport]) -> None:
    listener.close()
    for transport in connections:
        with contextlib.suppress(AttributeError):  # of a closed one with TLS, in Python 3.11.2, which is Debian's
            transport.abort()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.01)
