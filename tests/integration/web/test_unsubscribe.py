"""The unsubscribe link: signed, one click, and opening its page changes nothing."""

from __future__ import annotations

import base64
import hashlib
import smtplib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import server
from pycemaker.__main__ import main
from pycemaker.cache.sample_store import Store
from pycemaker.errors import DatabaseUnreachable, UnknownLink
from pycemaker.mail.compose import POLICY, compose, readdress
from pycemaker.mail.signing_keys import COLLECTION as KEYS
from pycemaker.mail.signing_keys import SigningKey, SigningKeys
from pycemaker.mail.suppressions import EVERY_REPORT, OPERATOR, RECIPIENT, Suppressions
from pycemaker.mail.unsubscribe import Subscription, make_token, read_token, unsubscribe_headers
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import Page
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService
from tests.services.smtp import smtp_server
from tests.services.wsgi import Answer, Client

ADDRESS = "o'neil&co@example.com"
HTML = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    report_service = RecordingReportService()
    return Client(server.create_app(Services(from_mapping({"API_TOKEN": "s3cret"}), store, report_service)))


@pytest.fixture
def suppressions(database: Database) -> Suppressions:
    return Suppressions(database)


@pytest.fixture
def path(database: Database) -> str:
    """The path of the link that the address gets in a mail of the report `report`."""
    headers = unsubscribe_headers(SigningKeys(database), "https://pm.example.com/api", ADDRESS, "report")
    link = headers["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://pm.example.com/api/unsubscribe/")
    return urlsplit(link).path.removeprefix("/api")


def post(client: Client, path: str, body: str, content_type: str = "application/x-www-form-urlencoded") -> Answer:
    return client.ask("POST", path, body=body, content_type=content_type)


def test_one_click_keeps_that_report_away_and_again_is_once(
    client: Client, suppressions: Suppressions, path: str
) -> None:
    for _ in range(2):
        answer = post(client, path, "List-Unsubscribe=One-Click")
        assert (answer.status, answer.json) == (200, {"msg": "Recebimento cancelado."})
    assert suppressions.is_suppressed(ADDRESS.upper(), "report")
    assert not suppressions.is_suppressed(ADDRESS, "capacity")
    assert not suppressions.is_suppressed("other@example.com", "report")
    (suppression,) = suppressions.every()
    assert (suppression.address, suppression.notebook, suppression.by) == (ADDRESS, "report", RECIPIENT)


def test_who_left_gets_nothing_under_a_tag_of_their_address_either(suppressions: Suppressions) -> None:
    suppressions.add("Ana@b.com", "report", by=RECIPIENT)
    assert suppressions.is_suppressed("ana+ops@b.com", "report")
    assert suppressions.is_suppressed("ANA+a+b@B.com", "report")
    for other in ("anab@b.com", "ana@c.com", "ana+ops@c.com", "+ana@b.com"):
        assert not suppressions.is_suppressed(other, "report")
    assert not suppressions.is_suppressed("ana+ops@b.com", "capacity")
    suppressions.add("eva+news@b.com", "report", by=RECIPIENT)
    assert suppressions.is_suppressed("eva+news@b.com", "report")
    assert not suppressions.is_suppressed("eva@b.com", "report")


def test_a_tag_s_link_lifts_what_was_said_for_the_tag_and_leaves_the_inbox_s_word(suppressions: Suppressions) -> None:
    suppressions.add("ana@b.com", "report", by=RECIPIENT)
    suppressions.add("ana+ops@b.com", "report", by=RECIPIENT)
    assert suppressions.remove("Ana+ops@b.com", "report", by=RECIPIENT)
    assert [suppression.address for suppression in suppressions.every()] == ["ana@b.com"]
    assert not suppressions.remove("ana+ops@b.com", "report", by=RECIPIENT)
    assert suppressions.is_suppressed("ana+ops@b.com", "report")
    assert suppressions.remove("ana+ops@b.com", "report", by=OPERATOR)
    assert not suppressions.is_suppressed("ana@b.com", "report")


@pytest.mark.parametrize(
    ("left", "says"), [("report", "não recebe o relatório"), (EVERY_REPORT, "não recebe nenhum relatório")]
)
def test_the_page_of_a_tag_says_that_its_inbox_has_left_and_offers_no_way_back(
    client: Client, database: Database, suppressions: Suppressions, left: str, says: str
) -> None:
    path = f"/unsubscribe/{make_token(Subscription('Ana+ops@b.com', 'report'), SigningKeys(database).newest())}"
    suppressions.add("ana@b.com", left, by=RECIPIENT)
    post(client, path, "acao=cancelar")
    assert 'value="voltar"' in client.get(path, **HTML).body.decode()
    for page in (post(client, path, "acao=voltar"), client.get(path, **HTML)):
        told = page.body.decode()
        assert says in told
        assert "use o link de um e-mail enviado a <strong>ana@b.com</strong>" in told
        assert 'value="voltar"' not in told
        assert ('value="cancelar-todos"' in told) == (left == "report")
    assert suppressions.is_suppressed("ana@b.com", "report")


def test_a_mail_programs_multipart_body_is_taken_too(client: Client, suppressions: Suppressions, path: str) -> None:
    body = '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    assert post(client, path, body, "multipart/form-data; boundary=x").status == 200
    assert suppressions.is_suppressed(ADDRESS, "report")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_nothing(client: Client, suppressions: Suppressions, path: str, method: str) -> None:
    assert client.ask(method, path, **HTML).status in (200, 204)
    assert client.ask(method, path + "?List-Unsubscribe=One-Click&acao=cancelar", **HTML).status in (200, 204)
    assert list(suppressions.every()) == []


@pytest.mark.parametrize("body", ["", "List-Unsubscribe=", "List-Unsubscribe=yes", "acao=apagar", "x" * 5000])
def test_a_post_that_does_not_say_what_it_wants_changes_nothing(
    client: Client, suppressions: Suppressions, path: str, body: str
) -> None:
    answer = post(client, path + "?List-Unsubscribe=One-Click", body)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert list(suppressions.every()) == []


def test_the_form_leaves_one_report_or_all_and_comes_back(
    client: Client, suppressions: Suppressions, path: str
) -> None:
    asked = client.get(path, **HTML).body.decode()
    assert "o&#39;neil&amp;co@example.com" in asked
    assert asked.count("<button") == 2
    left = post(client, path, "acao=cancelar")
    assert "não recebe mais o relatório" in left.body.decode()
    assert suppressions.is_suppressed(ADDRESS, "report")
    everything = post(client, path, "acao=cancelar-todos").body.decode()
    assert "não recebe mais nenhum relatório" in everything
    assert suppressions.is_suppressed(ADDRESS, "capacity")
    assert "recebe o relatório" in post(client, path, "acao=voltar").body.decode()
    assert not suppressions.is_suppressed(ADDRESS, "report")
    assert list(suppressions.every()) == []


def test_the_page_runs_nothing_and_tells_nobody_its_address(client: Client, path: str) -> None:
    answer = client.get(path, **HTML)
    page = answer.body.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src"
    )
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert '<html lang="pt-BR">' in page
    for active in ("<script", "onclick", "http://", "https://", "src=", "href=", " style="):
        assert active not in page


def test_the_operators_word_is_not_lifted_by_a_link(client: Client, suppressions: Suppressions, path: str) -> None:
    post(client, path, "acao=cancelar-todos")
    suppressions.add(ADDRESS, EVERY_REPORT, by=OPERATOR)
    assert "<form" not in client.get(path, **HTML).body.decode()
    assert "bloqueou o envio" in post(client, path, "acao=voltar").body.decode()
    assert suppressions.is_suppressed(ADDRESS, "report")
    post(client, path, "List-Unsubscribe=One-Click")
    suppressions.add(ADDRESS, EVERY_REPORT, by=RECIPIENT)
    assert {suppression.by for suppression in suppressions.every() if suppression.notebook == EVERY_REPORT} == {
        OPERATOR
    }


def forged(path: str) -> list[str]:
    """Links that look like the real one."""
    token = path.rpartition("/")[2]
    content = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    found = [
        "",
        "x",
        "..",
        "%2e%2e%2f",
        "a" * 10_000,
        token[:-1],
        token + "A",
        token + "=",
        token[:20] + "%00" + token[21:],
    ]
    for place in (0, 15, 19, 20, len(content) - 1):  # MAC, key number, address, report
        changed = bytearray(content)
        changed[place] ^= 1
        found.append(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())
    other = SigningKey(1, b"k" * 32)
    return [*found, make_token(Subscription(ADDRESS, "report"), other)]


def test_a_forged_link_is_none(client: Client, suppressions: Suppressions, path: str) -> None:
    for token in forged(path):
        answer = post(client, f"/unsubscribe/{token}", "List-Unsubscribe=One-Click")
        assert answer.status == 404, token
        assert answer.json["error"] in ("unknown_link", "not_found")
        assert client.get(f"/unsubscribe/{token}").status == 404
    assert "não é válido" in client.get("/unsubscribe/x", **HTML).body.decode()
    assert list(suppressions.every()) == []


def test_a_signature_for_another_purpose_is_none(database: Database) -> None:
    keys = SigningKeys(database)
    assert keys.newest().derived("pycemaker unsubscribe 1") != keys.newest().derived("pycemaker unsubscribe 10")
    assert keys.newest().secret not in repr(keys.newest()).encode()


def test_servers_share_the_key_and_a_new_one_leaves_old_links_good_until_they_are_forgotten(
    database_url: str, database: Database
) -> None:
    keys, other_server = SigningKeys(database), Database(database_url)
    token = make_token(Subscription("a@b.com", "report"), keys.newest())
    assert read_token(token, SigningKeys(other_server)) == Subscription("a@b.com", "report")
    assert SigningKeys(other_server).renew().number == 2
    assert keys.newest().number == 2
    assert read_token(token, keys) == Subscription("a@b.com", "report")
    assert keys.forget_older() == 1
    with pytest.raises(UnknownLink):
        read_token(token, keys)
    assert len(database[KEYS].find_one()["secret"]) == 32
    other_server.close()


def test_without_a_public_address_there_is_no_link_and_without_https_no_one_click(database: Database) -> None:
    keys = SigningKeys(database)
    assert unsubscribe_headers(keys, None, "a@b.com", "report") == {}
    plain = unsubscribe_headers(keys, "http://pm.example.com", "a@b.com", "report")
    assert list(plain) == ["List-Unsubscribe"]
    secure = unsubscribe_headers(keys, "https://pm.example.com", "a@b.com", "report")
    assert secure["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_headers_reach_the_recipient_as_they_are_however_long(database: Database) -> None:
    longest = "a" * 64 + "@" + ".".join(["b" * 61] * 3) + ".com"
    headers = unsubscribe_headers(SigningKeys(database), "https://pm.example.com", longest, "capacity")
    assert max(len(f"{name}: {text}") for name, text in headers.items()) < 998
    message = compose(Page("s", "<p>x</p>", "x", ()), longest, None, sender="reports@example.com")
    with smtp_server("ssl") as mail, smtplib.SMTP_SSL(mail.host, mail.port, context=mail.trust) as connection:
        connection.login(mail.user, mail.password)
        connection.sendmail("reports@example.com", longest, readdress(message.as_bytes(policy=POLICY), headers))
        received = mail.received[0]
    assert received.message["List-Unsubscribe"] == headers["List-Unsubscribe"]
    assert received.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_database_that_is_away_suppresses_everybody() -> None:
    away = Database("mongodb://127.0.0.1:9/x")
    with pytest.raises(DatabaseUnreachable):
        Suppressions(away).is_suppressed("a@b.com", "report")
    away.close()


def test_the_log_of_a_fault_has_no_link(path: str, caplog: pytest.LogCaptureFixture) -> None:
    away = Database("mongodb://127.0.0.1:9/x")
    client = Client(server.create_app(Services(from_mapping({}), Store(away), RecordingReportService())))
    assert client.get(path).status == 503
    away.close()
    assert "/unsubscribe/***" in caplog.text
    assert path.rpartition("/")[2] not in caplog.text


def test_the_operator_lists_adds_and_removes(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONGO_DB_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert main(["suppressions", "add", "Ana@Example.com"]) == 0
    assert main(["suppressions", "add", "bia@example.com", "--notebook", "capacity"]) == 0
    assert main(["suppressions", "add", "bia@example.com", "--notebook", "no-such"]) == 2
    assert main(["suppressions", "add", "nobody"]) == 2
    capsys.readouterr()
    assert main(["suppressions", "list"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[:3] for row in rows] == [
        ["ana@example.com", "*", "operator"],
        ["bia@example.com", "capacity", "operator"],
    ]
    assert main(["suppressions", "remove", "ana@example.com"]) == 0
    assert main(["suppressions", "remove", "ana@example.com"]) == 1
    assert main(["suppressions", "new-key", "--forget"]) == 0
    capsys.readouterr()
    main(["suppressions", "list"])
    assert len(capsys.readouterr().out.splitlines()) == 1
