"""The pages of schedules: made, changed, paused, tried and removed by forms alone; axe-core in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from pycemaker.cache.sample_store import Store
from pycemaker.mail.signing_keys import SigningKeys
from pycemaker.mail.suppressions import Suppressions, subscription_of
from pycemaker.mail.unsubscribe import Subscription, make_token
from tests.services.browser import CHROMIUM, Answer, chromium, opened, violations
from tests.services.openapi_app import client_of
from tests.services.wsgi import Answer as Reply
from tests.services.wsgi import Client

FORM = {
    "name": "Vendas & custos",
    "recipients": "ana@example.com, bob@example.com",
    "quando": "* * 1",
    "hora": "08:30",
    "notebook": "report",
    "period": "last_week",
    "hours": "24",
    "only_if": "finding",
    "timezone": "America/Sao_Paulo",
    "missed": "latest",
    **dict.fromkeys(("cron", "every_hours", "start_at", "spread_minutes", "until", "owner", "application"), ""),
    **dict.fromkeys(("attach", "parameters", "ping_url"), ""),
}


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return client_of(store, tmp_path)


def page(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, accept="text/html", **headers)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def post(client: Client, path: str, action: str, headers: dict[str, str] | None = None, **fields: str) -> Reply:
    own = {"origin": "http://localhost", "host": "localhost", "accept": "text/html", **(headers or {})}
    body = urlencode(fields | {"acao": action})
    return client.ask("POST", path, body=body, content_type="application/x-www-form-urlencoded", **own)


def made(client: Client, **fields: str) -> str:
    answer = post(client, "/schedules/new", "salvar", **{**FORM, **fields})
    assert answer.status == 303, answer.body
    return answer.headers["Location"]


def test_the_instants_are_shown_before_it_is_saved(client: Client) -> None:
    assert 'value="salvar"' not in page(client, "/schedules/new")
    checked = post(client, "/schedules/new", "conferir", **FORM)
    text = checked.body.decode()
    assert checked.status == 200
    assert text.count("08:30</li>") == 5
    assert 'value="salvar"' in text
    assert 'value="Vendas &amp; custos"' in text
    assert client.get("/schedules").json == {"schedules": []}
    path = made(client)
    schedule = client.get(path).json
    assert (schedule["cron"], schedule["period"], schedule["only_if"]) == ("30 8 * * 1", "last_week", "finding")
    assert schedule["recipients"] == ["ana@example.com", "bob@example.com"]


def test_it_is_listed_changed_paused_resumed_tried_sent_and_removed(client: Client, store: Store) -> None:
    path = made(client)
    listed = page(client, "/schedules")
    assert f'href="{path}"' in listed
    assert "bob@example.com" in listed
    whole = page(client, path)
    assert whole.count("08:30</li>") == 5
    assert 'value="08:30"' in whole
    by_hours = {"quando": "horas", "every_hours": "6", "start_at": "01-04-2026-06-00-00"}
    assert post(client, path, "salvar", **FORM | by_hours).status == 303
    schedule = client.get(path).json
    assert (schedule["cron"], schedule["every_hours"], schedule["start_at"]) == (None, 6, "2026-04-01T09:00:00.000Z")
    assert post(client, path, "pausar").status == 303
    assert client.get(path).json["paused"]
    assert "Pausado." in page(client, path)
    assert post(client, path, "retomar").status == 303
    assert not client.get(path).json["paused"]
    trial = post(client, path, "enviar", para="eve@example.com")
    record = client.get(trial.headers["Location"] + ".json").json["report"]
    assert (record["email_to"], "schedule" in record) == ("eve@example.com", False)
    sent = post(client, path, "enviar", para="")
    record = client.get(sent.headers["Location"] + ".json").json["report"]
    assert (record["email_to"], record["schedule"]["name"]) == ("ana@example.com,bob@example.com", "Vendas & custos")
    assert "em andamento" in page(client, path)
    assert post(client, path, "remover").headers["Location"] == "/schedules"
    assert "Nenhum agendamento ainda." in page(client, "/schedules")


@pytest.mark.parametrize(
    ("field", "value", "shown_at"),
    [
        ("name", "", "name"),
        ("recipients", "nobody", "recipients"),
        ("hora", "", "hora"),
        ("hours", "0", "hours"),
        ("timezone", "Mars", "timezone"),
        ("until", "soon", "until"),
        ("owner", "x", "owner"),
        ("parameters", "[", "parameters"),
        ("ping_url", "http://127.0.0.1/", "ping_url"),
        ("spread_minutes", "60", "spread_minutes"),
        ("application", "Shop!", "application"),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_that_was_written_is_lost(
    client: Client, field: str, value: str, shown_at: str
) -> None:
    answer = post(client, "/schedules/new", "salvar", **FORM | {"period": "", field: value})
    text = answer.body.decode()
    assert answer.status == 400
    assert 'role="alert"' in text
    before, _, after = text.partition(' aria-invalid="true"')
    assert f'id="{shown_at}"' in before.rpartition("<")[2]
    assert f'id="{shown_at}-erro"' in after
    assert field == "name" or 'value="Vendas &amp; custos"' in text
    assert 'value="salvar"' not in text


def test_the_token_goes_with_the_form_and_no_other_site_may_post(store: Store, tmp_path: Path, client: Client) -> None:
    guarded = client_of(store, tmp_path, API_TOKEN="a long enough token")
    assert guarded.get("/schedules/new", accept="text/html").status == 401
    wrong = post(guarded, "/schedules/new", "salvar", **FORM, api_token="wrong")
    assert (wrong.status, "Vendas" in wrong.body.decode()) == (401, False)
    assert post(guarded, "/schedules/new", "salvar", **FORM, api_token="a long enough token").status == 303
    foreign = {"origin": "https://evil.example", "sec_fetch_site": "cross-site"}
    for path in ("/schedules/new", made(client)):
        assert post(client, path, "remover", foreign, **FORM).status == 403
    assert len(client.get("/schedules").json["schedules"]) == 2


def test_who_may_not_see_addresses_keeps_them_by_leaving_them_blank(client: Client) -> None:
    path = made(client, owner="bob@example.com")
    shown = page(client, path, remote_addr="192.0.2.1")
    assert "ana@example.com" not in shown
    fields = FORM | {"recipients": "", "owner": "", "name": "Outro"}
    assert post(client, path, "salvar", {"remote_addr": "192.0.2.1"}, **fields).status == 303
    schedule = client.get(path).json
    assert (schedule["name"], schedule["recipients"][0]) == ("Outro", "ana@example.com")
    assert schedule["owner"] == "bob@example.com"


def test_leaving_a_schedule_is_not_leaving_its_report(client: Client, store: Store) -> None:
    subscription = subscription_of(made(client).rpartition("/")[2])
    token = make_token(Subscription("ana@example.com", subscription), SigningKeys(store.database).newest())
    assert "Vendas &amp; custos" in page(client, f"/unsubscribe/{token}")
    assert post(client, f"/unsubscribe/{token}", "cancelar").status == 200
    suppressions = Suppressions(store.database)
    assert suppressions.is_suppressed("ana@example.com", subscription)
    assert not suppressions.is_suppressed("ana@example.com", "report")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with chromium() as started:
        yield started


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("view", ["list", "new", "checked", "wrong", "one"])
def test_axe_finds_nothing_wrong_and_nothing_is_beyond_the_edge(
    browser: Browser, client: Client, store: Store, view: str, width: int
) -> None:
    path = made(client, owner="bob@example.com")
    schedule_id = path.rpartition("/")[2]
    at = datetime(2026, 4, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"_id": f"{number}", "schedule": schedule_id, "at": at + timedelta(hours=number), "state": state, "reason": why}
        for number, (state, why) in enumerate(
            [("made", None), ("failed", "Falhou."), ("missed", "no server was running")]
        )
    ]
    store.database["schedule_occurrences"].insert_many(rows)

    def site(_path: str) -> Answer:
        if view in ("checked", "wrong"):
            answer = post(client, path, "conferir", **FORM | ({"hours": "0", "period": ""} if view == "wrong" else {}))
        else:
            paths = {"list": "/schedules", "new": "/schedules/new", "one": path}
            answer = client.get(paths[view], accept="text/html")
        return answer.status, answer.headers, answer.body

    with opened(browser, site, size=(width, 900)) as shown:
        assert violations(shown) == []
        edges = shown.eval_on_selector_all(
            "main :not(thead, thead *, option)", "found => found.map(e => e.getBoundingClientRect().right)"
        )
        assert max(edges) <= width


def test_addresses_in_a_mail_servers_words_are_hidden_from_who_may_not_see_them(client: Client, store: Store) -> None:
    path = made(client)
    schedule_id = path.rpartition("/")[2]
    reason = "550 ana@example.com: mailbox of boss@example.org is full"
    row = {
        "_id": "x",
        "schedule": schedule_id,
        "at": datetime(2026, 4, 1, tzinfo=UTC),
        "state": "failed",
        "reason": reason,
    }
    store.database["schedule_occurrences"].insert_one(row)
    store.database["schedules"].update_one({"_id": schedule_id}, {"$set": {"paused": True, "paused_reason": reason}})
    assert page(client, path).count("boss@example.org") == 2
    for path_shown in (path, "/schedules"):
        shown = page(client, path_shown, remote_addr="192.0.2.1")
        assert "ana@example.com" not in shown
        assert "boss@example.org" not in shown
    assert shown.count("b***@example.org") == 1


def test_a_new_schedule_is_of_the_default_report(client: Client) -> None:
    (choices,) = re.findall(r'<select[^>]* name="notebook".*?</select>', page(client, "/schedules/new"), re.DOTALL)
    assert re.findall(r'value="(\w+)"', choices) == ["report", "alert", "capacity", "fleet"]
