from __future__ import annotations

import base64
import contextlib
import logging
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest

from pycemaker.errors import MailRefused
from pycemaker.mail.compose import POLICY, compose
from pycemaker.mail.outbox import Outbox
from pycemaker.mail.smtp import SmtpSender
from pycemaker.reports.report_model import Delivery, Figure, Page, Send
from tests.services.smtp import DRIP, DROP, SILENT, SmtpServer, smtp_server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400
TIMEOUT = 0.3
TOTAL = 0.7
PERMANENT = {"possibly_sent": False, "is_temporary": False}
TEMPORARY = {"possibly_sent": False, "is_temporary": True}


@pytest.fixture
def message() -> EmailMessage:
    page = Page(
        subject="Relatório de operação",
        html='<p>ação</p><img src="figure:cpu.png">',
        text="ação\n.\n..\n.ponto no começo\n",
        figures=(Figure("cpu.png", PNG, "CPU"),),
    )
    return compose(page, "ana@example.com", None, sender="reports@example.com")


def sender_to(server: SmtpServer, security: str = "ssl", **changes: object) -> SmtpSender:
    """A sender with time to spare, unless the script makes it wait."""
    waits = {SILENT, DRIP} & set(server.script.values())
    bounds = {"timeout_seconds": TIMEOUT, "total_seconds": TOTAL} if waits else {}
    usual = {"context": server.trust, "password": server.password} | bounds
    return SmtpSender(server.host, server.port, security, server.user, **usual | changes)


def hand_over(send: Send, message: EmailMessage) -> Delivery:
    """Hand the message over as bytes; the sender says once that it is leaving, where it is accepted."""
    left: list[bool] = []
    delivery = send(message.as_bytes(policy=POLICY), "ana@example.com", lambda: left.append(True))
    assert left == [True]
    return delivery


def refusal(send: Send, message: EmailMessage) -> dict[str, object]:
    """The facts of the refusal, which came within the bound and shows no secret."""
    content = message.as_bytes(policy=POLICY)
    started = time.monotonic()
    with pytest.raises(MailRefused) as caught:
        send(content, "ana@example.com", lambda: None)
    assert time.monotonic() - started < TOTAL + 1.0
    shown = f"{caught.value} {caught.value.facts} {send!r}"
    for secret in ("pa55 w0rd blanks", "wr0ng pa55"):
        assert secret not in shown
        assert base64.b64encode(secret.encode()).decode() not in shown
        assert base64.b64encode(f"\0reports@example.com\0{secret}".encode()).decode() not in shown
    assert "\n" not in str(caught.value)
    return caught.value.facts


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
def test_a_message_arrives_as_it_was_made(message: EmailMessage, security: str) -> None:
    with smtp_server(security) as server:
        delivery = hand_over(sender_to(server, security), message)
    assert delivery == Delivery(via="smtp", reply="250 2.0.0 OK queued as 4711")
    (received,) = server.received
    assert (received.sender, received.recipients) == ("reports@example.com", ["ana@example.com"])
    assert received.content == message.as_bytes(policy=policy.SMTP)
    assert received.message["Message-ID"] == message["Message-ID"]


def test_lines_that_start_with_dots_arrive_whole(message: EmailMessage) -> None:
    message.get_payload()[0].set_content("a\n.\n..\n.fim\n", cte="7bit")
    with smtp_server() as server:
        hand_over(sender_to(server), message)
    assert server.received[0].message.get_body(("plain",)).get_content() == "a\r\n.\r\n..\r\n.fim\r\n"


def test_a_message_without_a_last_line_break_ends_too() -> None:
    message = EmailMessage()
    message["Subject"] = "s"
    message.set_payload("no line break")
    with smtp_server() as server:
        assert hand_over(sender_to(server), message).via == "smtp"
    assert server.received[0].content.endswith(b"\r\n\r\nno line break\r\n")


def test_preparing_talks_to_nobody(message: EmailMessage) -> None:
    with smtp_server() as server:
        sender = sender_to(server)
        sender.prepare()
        assert server.said == []
        assert hand_over(sender, message).via == "smtp"


def test_the_server_hears_goodbye(message: EmailMessage) -> None:
    with smtp_server() as server:
        hand_over(sender_to(server), message)
    assert server.said == ["AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("step", "answer", "reason", "possibly_sent"),
    [
        ("greet", "421 4.3.2 too busy", "connecting: 421 4.3.2 too busy", False),
        ("greet", "554 5.7.1 not you", "connecting: 554 5.7.1 not you", False),
        ("greet", DROP, "connecting: the connection was closed", False),
        ("greet", SILENT, "connecting: no answer within 0.3 s", False),
        ("greet", DRIP, "connecting: no end after 0.7 s", False),
        ("login", "535 5.7.8 wrong", "logging in: 535 5.7.8 wrong", False),
        ("login", "454 4.7.0 later", "logging in: 454 4.7.0 later", False),
        ("login", DROP, "logging in: the connection was closed", False),
        ("login", SILENT, "logging in: no answer within 0.3 s", False),
        ("sender", "550 5.7.1 not from here", "naming the sender: 550 5.7.1 not from here", False),
        ("sender", "552 5.3.4 too big", "naming the sender: 552 5.3.4 too big", False),
        ("recipient", "550 5.1.1 no such user", "naming the recipient: 550 5.1.1 no such user", False),
        ("recipient", "450 4.2.1 greylisted", "naming the recipient: 450 4.2.1 greylisted", False),
        ("recipient", "421 4.7.0 go away", "naming the recipient: 421 4.7.0 go away", False),
        ("data", "451 4.3.0 no room", "sending the message: 451 4.3.0 no room", False),
        ("data", DROP, "sending the message: the connection was closed", False),
        ("data", SILENT, "sending the message: no answer within 0.3 s", False),
        ("message", "552 5.2.2 mailbox full", "after the message: 552 5.2.2 mailbox full", False),
        ("message", "451 4.3.0 try later", "after the message: 451 4.3.0 try later", False),
        ("message", DROP, "waiting for the answer to the message: the connection was closed", True),
        ("message", SILENT, "waiting for the answer to the message: no answer within 0.3 s", True),
        ("message", DRIP, "waiting for the answer to the message: no end after 0.7 s", True),
    ],
)
def test_each_fault_of_the_server_is_reported_as_it_was(
    message: EmailMessage, step: str, answer: str, reason: str, possibly_sent: bool
) -> None:
    with smtp_server("ssl", {step: answer}) as server:
        facts = refusal(sender_to(server), message)
    is_temporary = not possibly_sent and not answer.startswith("5")
    assert facts == {"reason": reason, "possibly_sent": possibly_sent, "is_temporary": is_temporary}
    assert len(server.received) == (step == "message")


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
def test_a_large_message_that_is_refused_in_its_midst_is_refused_for_the_reason_given(security: str) -> None:
    large = Page("s", '<img src="figure:a.png">', "t", (Figure("a.png", bytes(12_000_000), "a"),))
    message = compose(large, "ana@example.com", None, sender="reports@example.com")
    content = message.as_bytes(policy=POLICY)
    with smtp_server(security, {"midway": "552 5.3.4 too big"}) as server:
        send = sender_to(server, security)
        with pytest.raises(MailRefused) as caught:
            send(content, "ana@example.com", lambda: None)
    assert caught.value.facts == PERMANENT | {"reason": "sending the message: 552 5.3.4 too big"}


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
@pytest.mark.parametrize(
    ("answer", "said", "is_temporary"),
    [(DROP, "", True), ("421 4.3.2 closing", "421 4.3.2 closing", True), ("552 5.3.4 no", "552 5.3.4 no", False)],
)
def test_what_a_server_says_before_the_end_is_heeded_even_when_all_is_written_down(
    message: EmailMessage, security: str, answer: str, said: str, is_temporary: bool
) -> None:
    content = message.as_bytes(policy=POLICY)
    with smtp_server(security, {"midway": answer}) as server:
        on_leaving = partial(wait_until, lambda: server.gone == 1)
        with pytest.raises(MailRefused) as caught:
            sender_to(server, security)(content, "ana@example.com", on_leaving)
    facts = caught.value.facts
    assert (facts["possibly_sent"], facts["is_temporary"]) == (False, is_temporary)
    assert str(facts["reason"]).startswith(f"sending the message: {said}")


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
def test_a_message_is_leaving_only_when_nothing_but_its_end_is_left_to_send(
    message: EmailMessage, security: str
) -> None:
    """A process that is killed before that has sent nothing."""
    content = message.as_bytes(policy=POLICY)
    with smtp_server(security) as server:

        def on_leaving() -> None:
            wait_until(lambda: content[-500:] in server.heard)
            assert not server.heard.endswith(b"\r\n.\r\n")
            assert server.received == []

        assert sender_to(server, security)(content, "ana@example.com", on_leaving).via == "smtp"
    assert len(server.received) == 1


@pytest.mark.parametrize("security", ["ssl", "starttls", "none"])
def test_a_message_that_may_not_leave_after_all_is_never_ended(message: EmailMessage, security: str) -> None:
    class NotToldError(Exception):
        pass

    def on_leaving() -> None:
        raise NotToldError

    content = message.as_bytes(policy=POLICY)
    with smtp_server(security) as server:
        with pytest.raises(NotToldError):
            sender_to(server, security)(content, "ana@example.com", on_leaving)
        wait_until(lambda: server.heard.endswith(content[-100:]))
        wait_until(lambda: server.gone == 1)
    assert server.heard.endswith(content[-100:])  # neither the dot nor QUIT, which would be a part of the message
    assert server.received == []


def wait_until(is_so: Callable[[], bool], seconds: float = 3.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@contextlib.contextmanager
def bare_server(last: bytes | None) -> Iterator[SmtpSender]:
    """A server that takes everything up to DATA; then it reads the message and says `last`, or reads nothing more."""

    def talk() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 hello\r\n")
            for answer in (b"250-me\r\n250 AUTH PLAIN\r\n", b"235 in\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                lines.readline()
                connection.sendall(answer)
            if last is None:
                over.wait(5.0)
            else:
                while lines.readline() != b".\r\n":
                    pass
                connection.sendall(last)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        yield SmtpSender("127.0.0.1", listener.getsockname()[1], "none", "reports@example.com", "p", TIMEOUT, TOTAL)
        over.set()
        thread.join()


def test_a_message_that_the_server_stops_reading_was_not_sent() -> None:
    large = Page("s", '<img src="figure:a.png">', "t", (Figure("a.png", bytes(12_000_000), "a"),))
    message = compose(large, "ana@example.com", None, sender="reports@example.com")
    with bare_server(None) as sender:
        facts = refusal(sender, message)
    assert facts["possibly_sent"] is False
    assert str(facts["reason"]).startswith("sending the message: ")


@pytest.mark.parametrize("answer", [b"", b"250 2.0.0 queu", b"250", b"250-one\r\n250 t", b"no code\r\n"])
def test_an_answer_that_breaks_off_is_no_acceptance(message: EmailMessage, answer: bytes) -> None:
    with bare_server(answer) as sender:
        facts = refusal(sender, message)
    reason = "waiting for the answer to the message: the connection was closed"
    assert facts == {"reason": reason, "possibly_sent": True, "is_temporary": False}


def test_the_bare_server_would_be_taken_at_its_word(message: EmailMessage) -> None:
    with bare_server(b"250 queued\r\n") as sender:
        assert hand_over(sender, message) == Delivery(via="smtp", reply="250 queued")


def test_a_wrong_password_is_refused_and_not_repeated(message: EmailMessage) -> None:
    with smtp_server() as server:
        facts = refusal(sender_to(server, password="wr0ng pa55"), message)
    assert facts["reason"] == "logging in: 535 5.7.8 Authentication credentials invalid"
    assert server.received == []


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_error(message: EmailMessage) -> None:
    plain = base64.b64encode(b"\0reports@example.com\0pa55 w0rd blanks").decode()
    echo = f"535-5.7.8 you said {plain}\r\n535-pa55 w0rd blanks\r\n535 {base64.b64encode(b'pa55 w0rd blanks').decode()}"
    with smtp_server("ssl", {"login": echo}) as server:
        assert refusal(sender_to(server), message)["reason"] == "logging in: 535 5.7.8 you said *** *** ***"


@pytest.mark.parametrize("login", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("password", ["sen\u00e7a 12", "\u5bc6\u7801"])
def test_a_password_beyond_ascii_travels_as_utf_8(message: EmailMessage, login: str, password: str) -> None:
    with smtp_server("ssl", logins=[login]) as server:
        server.password = password
        hand_over(sender_to(server, password=password), message)
    assert len(server.received) == 1


@pytest.mark.parametrize("logins", [["XOAUTH2"]])
def test_a_server_that_offers_only_what_cannot_be_done_here_is_a_refusal_at_once(
    message: EmailMessage, logins: list[str]
) -> None:
    with smtp_server("ssl", logins=logins) as server:
        facts = refusal(sender_to(server), message)
    told = "logging in: the server offers XOAUTH2 alone; Pycemaker logs in with CRAM-MD5, PLAIN, LOGIN"
    assert facts == PERMANENT | {"reason": told}
    assert "AUTH" not in server.said


def test_a_relay_without_a_login_takes_the_message(message: EmailMessage) -> None:
    with smtp_server("none", wants_login=False) as server:
        delivery = hand_over(sender_to(server, "none", password=None), message)
        assert sender_to(server, "none", password=None).try_login() == "no TLS"
    assert delivery.reply == "250 2.0.0 OK queued as 4711"
    assert "AUTH" not in server.said
    assert [each.recipients for each in server.received] == [["ana@example.com"]]


def test_the_refusal_of_a_server_that_wants_a_login_is_reported_without_a_password(message: EmailMessage) -> None:
    with smtp_server("none") as server:
        facts = refusal(sender_to(server, "none", password=None), message)
    assert facts == PERMANENT | {"reason": "naming the sender: 530 5.7.0 log in first"}


def test_a_server_without_a_login_is_refused(message: EmailMessage) -> None:
    with smtp_server("none", offers_login=False) as server:
        facts = refusal(sender_to(server, "none"), message)
    assert facts == PERMANENT | {"reason": "logging in: SMTP AUTH extension not supported by server."}


def test_a_server_without_starttls_gets_no_password(message: EmailMessage) -> None:
    with smtp_server("none") as server:
        facts = refusal(sender_to(server, "starttls"), message)
    assert facts == PERMANENT | {"reason": "connecting: STARTTLS extension not supported by server."}
    assert server.said == ["QUIT"]


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(message: EmailMessage, security: str) -> None:
    with smtp_server(security) as server:
        facts = refusal(sender_to(server, security, context=None), message)
    assert "certificate is not trusted" in str(facts["reason"])
    assert "AUTH" not in server.said


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_the_authorities_of_ssl_cert_file_are_trusted(
    message: EmailMessage, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_server(security) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        assert hand_over(sender_to(server, security, context=None), message).via == "smtp"


def test_a_server_that_does_not_speak_tls_is_refused(message: EmailMessage) -> None:
    with smtp_server("none") as server:
        facts = refusal(sender_to(server, "ssl"), message)
    assert str(facts["reason"]).startswith("connecting: no TLS with this server: ")
    assert str(facts["reason"]).endswith("; a port without TLS at first (as a rule 587) takes SMTP_SECURITY=starttls")


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_a_server_that_waits_for_tls_is_told_by_the_setting_that_speaks_it(
    message: EmailMessage, security: str
) -> None:
    with smtp_server("ssl") as server:
        facts = refusal(sender_to(server, security, timeout_seconds=TIMEOUT), message)
    said = "connecting: no answer within 0.3 s; a port with TLS at first (as a rule 465) takes SMTP_SECURITY=ssl"
    assert facts == TEMPORARY | {"reason": said}


@pytest.mark.parametrize(("answer", "said"), [(SILENT, "no answer within 0.3 s"), (DRIP, "no ")])
def test_a_handshake_that_never_comes_ends(message: EmailMessage, answer: str, said: str) -> None:
    with smtp_server("none", {"greet": answer}) as server:
        assert str(refusal(sender_to(server, "ssl"), message)["reason"]).startswith(f"connecting: {said}")


def test_a_port_where_nobody_listens_is_refused(message: EmailMessage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sender = SmtpSender("127.0.0.1", port, "ssl", "reports@example.com", "p")
    assert refusal(sender, message) == TEMPORARY | {"reason": "connecting: Connection refused"}


def test_a_host_that_is_not_known_is_refused(message: EmailMessage, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sender = SmtpSender("mail.invalid", 465, "ssl", "reports@example.com", "p")
    assert refusal(sender, message) == TEMPORARY | {"reason": "connecting: the host's name is not known"}


@pytest.mark.parametrize("answer", [DROP, SILENT, DRIP, "500 no"])
def test_a_goodbye_that_goes_wrong_does_not_undo_the_acceptance(message: EmailMessage, answer: str) -> None:
    with smtp_server("ssl", {"quit": answer}) as server:
        started = time.monotonic()
        delivery = hand_over(sender_to(server), message)
    assert delivery.reply.startswith("250")
    assert time.monotonic() - started < 2.0


def test_nothing_is_left_running_and_nothing_is_printed(
    message: EmailMessage, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = set(threading.enumerate())
    with caplog.at_level(logging.DEBUG, logger="yagmail"), smtp_server("ssl", {"greet": SILENT}) as server:
        refusal(sender_to(server), message)
        del server.script["greet"]
        hand_over(sender_to(server), message)
    assert set(threading.enumerate()) <= before
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("yagmail")] == []


def test_the_outbox_keeps_the_message_whole_and_private(message: EmailMessage, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "outbox"
    delivery = hand_over(Outbox(folder), message)
    (path,) = folder.iterdir()
    assert delivery == Delivery(via="outbox", reply=path.name)
    assert path.suffix == ".eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert message_from_bytes(path.read_bytes(), policy=policy.default)["Message-ID"] == message["Message-ID"]


def test_messages_of_one_second_do_not_overwrite_each_other(message: EmailMessage, tmp_path: Path) -> None:
    names = set()
    for number in range(20):
        message.replace_header("Message-ID", f"<{number}@example.com>")
        names.add(hand_over(Outbox(tmp_path), message).reply)
    assert {path.name for path in tmp_path.iterdir()} == names
    assert len(names) == 20


def test_a_message_that_is_written_twice_is_there_once(message: EmailMessage, tmp_path: Path) -> None:
    assert hand_over(Outbox(tmp_path), message) == hand_over(Outbox(tmp_path), message)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("step", ["greet", "login", "sender", "recipient", "data"])
def test_a_message_that_the_server_refuses_is_never_reported_as_leaving(message: EmailMessage, step: str) -> None:
    left: list[bool] = []
    with smtp_server("ssl", {step: "450 4.2.1 later"}) as server, pytest.raises(MailRefused):
        sender_to(server)(message.as_bytes(policy=POLICY), "ana@example.com", lambda: left.append(True))
    assert left == []


def test_a_message_that_may_not_leave_after_all_does_not(message: EmailMessage) -> None:
    def stop() -> None:
        raise LookupError

    with smtp_server() as server:
        with pytest.raises(LookupError):
            sender_to(server)(message.as_bytes(policy=POLICY), "ana@example.com", stop)
        assert hand_over(sender_to(server), message).via == "smtp"
    assert len(server.received) == 1


def test_an_outbox_that_cannot_be_written_is_a_refusal(message: EmailMessage, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with pytest.raises(MailRefused, match="the outbox cannot be written") as caught:
        hand_over(Outbox(tmp_path / "outbox"), message)
    assert caught.value.facts["possibly_sent"] is False
