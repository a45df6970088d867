"""The link in an alert's mail: it shows, its buttons acknowledge and mute, and nobody can make one."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from pycemaker.alerts.evaluator import Evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.monitor.alert_history import AlertHistory
from tests.services.alerting import MINUTE, NOON, QUIET, deliver_plain, evaluate, evaluator_of, plant
from tests.services.openapi_app import client_of
from tests.services.wsgi import Answer, Client

PUBLIC = "https://ops.example.com"


@pytest.fixture
def evaluator(store: Store, database_url: str, tmp_path: Path) -> Evaluator:
    """Of a busy CPU, whose alert is open."""
    made = evaluator_of(store.database, database_url, tmp_path, PUBLIC_URL=PUBLIC)
    plant(store.database, NOON, 6, QUIET | {"cpu": 0.97})
    evaluate(made, NOON, 6)
    return made


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return client_of(store, tmp_path, API_TOKEN="a-token-of-some-length", PUBLIC_URL=PUBLIC)


def link_of(evaluator: Evaluator) -> str:
    body = deliver_plain(evaluator)[-1].get_body(("plain",))
    assert body is not None
    [path] = re.findall(PUBLIC + r"(/alerts/links/\S+)", body.get_content())
    return str(path)


def press(client: Client, path: str, button: str) -> Answer:
    return client.ask("POST", path, body=f"acao={button}", content_type="application/x-www-form-urlencoded")


def test_opening_the_link_changes_nothing_and_its_buttons_do(
    client: Client, store: Store, evaluator: Evaluator
) -> None:
    path, history = link_of(evaluator), AlertHistory(store.database)
    page = client.get(path)
    assert page.status == 200
    assert "Consumo de CPU acima de 90%" in page.body.decode()
    assert history.open()[0].acknowledged_at is None
    assert "Reconhecido" in press(client, path, "reconhecer").body.decode()
    assert history.open()[0].acknowledged_at is not None
    assert "Silenciado até" in press(client, path, "silenciar-8").body.decode()
    assert "Silenciar por 1 h" in press(client, path, "reativar").body.decode()
    assert press(client, path, "outro").status == 400


def test_a_mute_lasts_as_long_as_the_button_says(client: Client, evaluator: Evaluator) -> None:
    press(client, link_of(evaluator), "silenciar-24")
    document = evaluator.store.state("")
    assert document is not None
    left = document["watched"]["threshold-cpu"]["muted_until"] - evaluator.store.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_the_link_of_an_ended_alert_has_no_button(client: Client, store: Store, evaluator: Evaluator) -> None:
    path = link_of(evaluator)
    plant(store.database, NOON + 6 * MINUTE, 8, QUIET)
    evaluate(evaluator, NOON + 6 * MINUTE, 8)
    page = client.get(path)
    assert "Terminou: " in page.body.decode()
    assert "<button" not in page.body.decode()


def test_links_that_nobody_signed_are_unknown(client: Client, evaluator: Evaluator) -> None:
    path = link_of(evaluator)
    for wrong in (path[:-1] + ("A" if path[-1] != "A" else "B"), "/alerts/links/" + "A" * 60, "/alerts/links/x"):
        answer = client.get(wrong)
        assert (answer.status, answer.json["error"]) == (404, "unknown_link")
        assert answer.json["msg"] == "Este link de alerta não é válido."
        assert press(client, wrong, "reconhecer").status == 404
    unsubscribe = path.replace("/alerts/links/", "/unsubscribe/")
    assert client.get(unsubscribe).status == 404


def test_without_a_public_url_there_is_no_link(store: Store, database_url: str, tmp_path: Path) -> None:
    evaluator = evaluator_of(store.database, database_url, tmp_path)
    plant(store.database, NOON, 6, QUIET | {"cpu": 0.97})
    evaluate(evaluator, NOON, 6)
    body = deliver_plain(evaluator)[-1].get_body(("plain",))
    assert body is not None
    assert "/links/" not in body.get_content()


def test_no_caller_puts_a_link_of_theirs_into_the_mail(client: Client) -> None:
    path = "/report/now/1/ana@example.com?notebook=alert&action_url=https://example.net/login"
    answer = client.get(path, Authorization="Bearer a-token-of-some-length")
    assert (answer.status, answer.json["error"], answer.json["field"]) == (400, "invalid_parameter", "action_url")
