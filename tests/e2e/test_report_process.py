"""A report from the route to the mail server's acceptance, and the answers where a part of the way fails."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any
from urllib.request import urlopen

import pytest

from tests.services.process import ServerProcess
from tests.services.smtp import DROP, SILENT, SmtpServer, smtp_server
from tests.services.storage import Storage, storage_emulator

RECIPIENT = "reader@example.com"


@pytest.fixture(scope="module")
def mail() -> Iterator[SmtpServer]:
    with smtp_server("ssl") as server:
        yield server


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with storage_emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def served(mail: SmtpServer, storage: Storage) -> Iterator[ServerProcess]:
    server = ServerProcess(
        **mail.environment,
        REPORT_RECIPIENTS="@example.com",
        DASHBOARD_URL="https://panel.example.com/x",
        **storage.environment,
    ).start()
    yield server
    server.close()


def parts_of(message: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a message."""
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def record_of(served: ServerProcess, told: dict[str, Any]) -> dict[str, Any]:
    report_id = told["report"]["id"] if "report" in told else told["report_id"]
    return dict(served.get(f"/reports/{report_id}.json")[1]["report"])


def test_a_report_is_said_to_be_sent_once_the_mail_server_has_it(
    served: ServerProcess, mail: SmtpServer, storage: Storage
) -> None:
    mail.script.clear()
    mail.received.clear()
    status, told = served.get(f"/report/now/6/{RECIPIENT}", method="POST")
    assert (status, told["msg"]) == (200, "Relatório enviado com sucesso!")
    (received,) = mail.received
    text, html = parts_of(received.message)
    assert received.message["To"] == RECIPIENT
    assert told["report"]["message_id"] == received.message["Message-ID"]
    assert "Consumo de CPU" in text
    assert "<table" not in text
    assert "https://panel.example.com/x" in html
    sources = re.findall(r'<img[^>]+src="([^"]+)"', html)
    assert 1 < len(sources) == len(storage.objects())
    for source in sources:
        with urlopen(source.replace("&amp;", "&")) as answer:
            assert answer.read(8) == b"\x89PNG\r\n\x1a\n"
    assert record_of(served, told)["state"] == "sent"
    assert mail.password not in json.dumps(record_of(served, told))


@pytest.mark.parametrize(
    ("script", "state", "arrived"),
    [
        ({"login": "535 5.7.8 bad credentials"}, "refused", 0),
        ({"recipient": "550 5.1.1 no such user"}, "refused", 0),
        ({"message": DROP}, "possibly_sent", 1),
    ],
    ids=["login", "recipient", "drop-after-data"],
)
def test_a_mail_server_that_refuses_is_a_502_and_the_report_is_stored(
    served: ServerProcess, mail: SmtpServer, script: dict[str, str], state: str, arrived: int
) -> None:
    mail.script.clear()
    mail.script.update(script)
    mail.received.clear()
    status, told = served.get(f"/report/now/1/{RECIPIENT}")
    mail.script.clear()
    assert (status, told["error"], told["possibly_sent"]) == (502, "mail_refused", state == "possibly_sent")
    assert len(mail.received) == arrived
    assert "sucesso" not in told["msg"]
    record = record_of(served, told)
    assert (record["state"], record["recipients"][0]["state"]) == (state, state)
    assert "reason" in record["recipients"][0]
    with urlopen(f"http://127.0.0.1:{served.port}/reports/{told['report_id']}.eml") as kept:
        assert len(kept.read()) > 10_000
    assert mail.password not in served.said


def test_a_mail_server_that_is_silent_for_ever_is_a_502_within_its_bound(
    served: ServerProcess, mail: SmtpServer
) -> None:
    mail.script.clear()
    mail.script["sender"] = SILENT
    began = time.monotonic()
    status, told = served.get(f"/report/now/2/{RECIPIENT}")
    mail.script.clear()
    assert (status, told["error"], told["possibly_sent"]) == (502, "mail_deferred", False)
    assert time.monotonic() - began < 45
    mail.received.clear()
    until = time.monotonic() + 60
    while record_of(served, told)["state"] != "sent" and time.monotonic() < until:
        time.sleep(0.5)
    assert record_of(served, told)["recipients"][0]["attempts"] == 2
    assert len(mail.received) == 1


def test_metric_routes_answer_while_reports_run_and_a_failed_one_stops_no_other(
    served: ServerProcess, mail: SmtpServer
) -> None:
    mail.received.clear()
    assert served.get(f"/report/now/3/{RECIPIENT}")[0] == 200
    assert served.get("/cpu/now/1")[0] == 200
    assert len(mail.received) == 1


def test_asked_for_twice_at_once_it_is_one_report_and_one_mail(served: ServerProcess, mail: SmtpServer) -> None:
    mail.received.clear()
    path = f"/report/now/4/{RECIPIENT},other@example.com"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: served.get(path), range(4)))
    assert [status for status, _ in answers] == [200] * 4
    assert len({told["report"]["id"] for _, told in answers}) == 1
    assert sorted(received.recipients[0] for received in mail.received) == sorted([RECIPIENT, "other@example.com"])
    assert len({received.message["Message-ID"] for received in mail.received}) == 2
    assert all(received.message["To"] == received.recipients[0] for received in mail.received)


def test_whoever_does_not_wait_gets_a_place_to_look_and_the_request_is_named_everywhere(
    served: ServerProcess, mail: SmtpServer
) -> None:
    mail.received.clear()
    status, told = served.get(f"/report/now/5/{RECIPIENT}?wait=0", method="POST", **{"X-Request-Id": "my-own-id"})
    assert status == 202
    assert told["report"]["state"] in ("queued", "running")
    until = time.monotonic() + 60
    while (record := served.get(told["url"])[1]["report"])["state"] != "sent" and time.monotonic() < until:
        time.sleep(0.2)
    assert [step["state"] for step in record["history"]] == ["queued", "running", "rendered", "sending", "sent"]
    assert record["request_id"] == "my-own-id"
    assert mail.received[0].message["X-Pycemaker-Request"] == "my-own-id"
    assert {"notebook", "render", "storage", "compose", "mail"} == set(record["stage_seconds"])
    listed = served.get("/reports?limit=1")[1]["reports"]
    assert (listed[0]["id"], listed[0]["state"]) == (record["id"], "sent")


def test_a_recipient_who_may_not_is_not_mailed(served: ServerProcess, mail: SmtpServer) -> None:
    mail.received.clear()
    status, told = served.get("/report/now/6/someone@elsewhere.org")
    assert (status, told["error"]) == (403, "recipient_not_allowed")
    assert mail.received == []
