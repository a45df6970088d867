"""Unsubscribing end to end: a mail arrives, its button is pressed, and no mail comes until the recipient returns."""

from __future__ import annotations

import urllib.parse
import urllib.request

from tests.services.process import ServerProcess
from tests.services.smtp import SmtpServer, smtp_server

READER = "reader@example.com"


def served(mail: SmtpServer) -> ServerProcess:
    return ServerProcess(
        **mail.environment,
        REPORT_RECIPIENTS="@example.com",
        PUBLIC_URL="https://pm.example.com/api",
    )


def post(server: ServerProcess, path: str, **form: str) -> int:
    body = urllib.parse.urlencode({name.replace("_", "-"): text for name, text in form.items()}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", body, timeout=30) as answer:
        return int(answer.status)


def test_one_click_in_the_mail_that_arrived_ends_it_for_that_recipient_alone() -> None:
    with smtp_server("ssl") as mail:
        server = served(mail)
        try:
            server.start()
            assert server.get(f"/report/now/1/{READER}", "POST")[0] == 200
            (first,) = mail.received
            assert first.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            (line,) = [line for line in first.content.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
            link = line.decode().removeprefix("List-Unsubscribe: ").strip("<>")
            assert link.startswith("https://pm.example.com/api/unsubscribe/")  # in one line, as it is
            foot = first.message.get_body(("html",))
            assert foot is not None
            assert f'href="{link}"' in foot.get_content()
            path = link.removeprefix("https://pm.example.com/api")
            assert post(server, path, List_Unsubscribe="One-Click") == 200

            _, told = server.get(f"/report/now/2/{READER},other@example.com", "POST")
            assert [received.recipients for received in mail.received[1:]] == [["other@example.com"]], told
            assert server.get(f"/report/now/3/{READER}", "POST")[0] == 403
            assert len(mail.received) == 2

            assert post(server, path, acao="voltar") == 200
            assert server.get(f"/report/now/4/{READER}", "POST")[0] == 200
            assert mail.received[-1].recipients == [READER]
            assert path.rpartition("/")[2] not in server.said
        finally:
            server.close()
