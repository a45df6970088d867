"""The pages of alerts and rules: read, acknowledged, muted, made, changed, removed by forms alone; axe-core."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from pycemaker.alerts.alert_lifecycle import Watched, new_document, with_watched
from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.evaluation_rounds import EvaluationRounds
from pycemaker.alerts.rule_state import FIRING, PENDING, RECOVERING, SILENT, RuleState
from pycemaker.alerts.rule_store import RuleStore
from pycemaker.cache.sample_store import Store
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.window import to_epoch_ms
from tests.services.alerting import MINUTE, QUIET, evaluate, evaluator_of, plant
from tests.services.browser import CHROMIUM, Answer, chromium, opened, violations
from tests.services.openapi_app import client_of
from tests.services.wsgi import Answer as Reply
from tests.services.wsgi import Client

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
NEW = "/alerts/rules/new?kind=threshold&metric=cpu"
FORM = {"enter": "70", "leave": "60,5", "for_seconds": "2", "clear_seconds": "1,5"}
CPU = next(rule for rule in DEFAULT_RULES if rule.id == "threshold-cpu")


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return client_of(store, tmp_path)


def page(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, accept="text/html", **headers)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def words(html: str) -> str:
    """The text of a page, blanks as one."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<main>")[2]).split())


def post(client: Client, path: str, button: str, headers: Mapping[str, str] = {}, /, **fields: str) -> Reply:
    own = {"origin": "http://localhost", "host": "localhost", "accept": "text/html", **headers}
    body = urlencode(fields | {"acao": button})
    return client.ask("POST", path, body=body, content_type="application/x-www-form-urlencoded", **own)


def evaluated(store: Store, late: timedelta = timedelta(0)) -> None:
    """Note that the rules were evaluated a while ago."""
    rounds = EvaluationRounds(store.database)
    minute_ms = to_epoch_ms(store.database.now() - late)
    rounds.claim(minute_ms)
    assert rounds.finish(minute_ms, is_last=True)


def burning(store: Store, database_url: str, folder: Path, application: str = "") -> None:
    """Ten minutes of a busy CPU until now, evaluated."""
    plant(store.database, NOW - 10 * MINUTE, 10, QUIET | {"cpu": 0.97}, application=application)
    evaluate(evaluator_of(store.database, database_url, folder), NOW - 10 * MINUTE, 10)
    evaluated(store)


def many(store: Store) -> None:
    """Samples of two applications, alerts in every state, and ended ones of every kind."""
    for application in ("", "loja"):
        plant(store.database, NOW - MINUTE, 1, QUIET, application=application)
    states = [FIRING, RECOVERING, SILENT, PENDING, FIRING, FIRING]
    document, watched = new_document("", b"0" * 16), {}
    for number, (rule, state) in enumerate(zip(DEFAULT_RULES, states, strict=False)):
        since = NOW - timedelta(minutes=12 + 300 * number)
        alert = replace(rule.alert("", since, since + 5 * MINUTE, worst=rule.enter), acknowledged_at=None)
        alert = replace(alert, acknowledged_at=NOW - MINUTE) if number == 1 else alert
        muted = NOW + timedelta(hours=8) if number == 1 else None
        own = RuleState(state, to_epoch_ms(since), to_epoch_ms(since), to_epoch_ms(since))
        watched[rule.id] = Watched(own, None if state == PENDING else alert, muted_until=muted)
    assert RuleStore(store.database).replace(with_watched(document, watched))
    ended = [
        rule.alert("", at := NOW - timedelta(days=1 + number), at, at + (number + 1) * 7 * MINUTE, rule.enter)
        for number, rule in enumerate(DEFAULT_RULES)
    ]
    AlertHistory(store.database).save([*ended, *(each.alert for each in watched.values() if each.alert)])
    evaluated(store)


def test_a_quiet_application_says_so_and_shows_its_rules_in_words(client: Client, store: Store) -> None:
    plant(store.database, NOW - MINUTE, 1, QUIET)
    evaluated(store)
    text = words(page(client, "/alerts"))
    assert "Nenhum alerta aberto. 13 regras avaliadas há" in text
    assert "Consumo de CPU acima de 90% sem alerta depois de 5 min seguidos; termina após 5 min em 80% ou menos" in text
    assert "Sem amostras de Consumo de RAM sem alerta depois de 5 min; termina após 60 s com amostras" in text
    assert "Consumo de disco deve chegar a 100% em até 24 horas" in text
    assert "depois de 1 hora com essa previsão; termina após 1 hora sem ela" in text
    assert "Saúde da aplicação abaixo de 30%" in text
    assert "em 45% ou mais" in text
    assert "Falhas HTTP acima de 60 por minuto" in text
    assert "Aplicações" not in page(client, "/alerts")
    assert client.get("/alerts", accept="application/json").json == {"open": [], "ended": []}


def test_nothing_is_called_calm_that_nobody_evaluates(client: Client, store: Store) -> None:
    plant(store.database, NOW - MINUTE, 1, QUIET)
    assert "Nenhum servidor avaliou as regras ainda." in page(client, "/alerts")
    evaluated(store, timedelta(minutes=5))
    text = page(client, "/alerts")
    assert "A avaliação das regras está parada há 5 min." in text
    assert 'class="calm"' not in text


def test_an_open_alert_is_acknowledged_muted_and_heard_again(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    burning(store, database_url, tmp_path)
    html = page(client, "/alerts")
    assert "<title>(1) Alertas" in html
    text = words(html)
    assert "Consumo de CPU acima de 90% em alerta Desde" in text
    assert "no pior momento, 97,0%." in text
    path = "/alerts/rules/threshold-cpu"
    assert f'value="reconhecer" formaction="{path}"' in html
    for button, said in (
        ("reconhecer", "Reconhecido em"),
        ("silenciar-8", "Silenciado até"),
        ("reativar", "Reconhecido em"),
    ):
        answer = post(client, path, button)
        assert (answer.status, answer.headers["Location"]) == (303, "/alerts")
        text = page(client, "/alerts")
        assert said in text
        assert ("Voltar a receber" in text) == (button == "silenciar-8")
    assert "Silenciado até" not in text
    assert 'value="reconhecer"' not in text
    assert post(client, path, "outro").status == 400


def test_applications_are_chosen_from_and_never_mixed(
    client: Client, store: Store, database_url: str, tmp_path: Path
) -> None:
    plant(store.database, NOW - MINUTE, 1, QUIET)
    burning(store, database_url, tmp_path, "loja")
    html = page(client, "/alerts")
    assert '<a href="/apps/loja/alerts">loja (1)</a>' in html
    assert '<a href="/alerts" aria-current="page">aplicação padrão</a>' in html
    assert "Nenhum alerta aberto." in html
    html = page(client, "/apps/loja/alerts")
    assert "Alertas de loja" in html
    assert 'formaction="/apps/loja/alerts/rules/threshold-cpu"' in html
    assert post(client, "/apps/loja/alerts/rules/threshold-cpu", "desligar").status == 303
    assert client.get("/alerts/rules/threshold-cpu").json["enabled"]


def test_a_rule_is_checked_before_it_is_saved(client: Client, store: Store, database_url: str, tmp_path: Path) -> None:
    assert 'value="salvar"' not in page(client, NEW)
    burning(store, database_url, tmp_path)
    checked = post(client, NEW, "conferir", **FORM)
    text = words(checked.body.decode())
    assert checked.status == 200
    assert "Consumo de CPU acima de 70% : avisa depois de 2 min seguidos; termina após 90 s em 60,5% ou menos." in text
    assert "Nos últimos 30 dias teria dado 1 alerta ." in text
    assert "no pior momento, 97,0%." in text
    assert 'value="60,5"' in checked.body.decode()
    assert len(client.get("/alerts/rules").json["rules"]) == 13
    path = post(client, NEW, "salvar", **FORM).headers["Location"]
    rule = client.get(path).json
    assert (rule["enter"], rule["leave"], rule["for_seconds"], rule["clear_seconds"]) == (0.7, 0.605, 120, 90)
    whole = page(client, path)
    assert 'value="70"' in whole
    assert 'value="1,5"' in whole
    assert post(client, path, "salvar", **FORM | {"enter": "75 %"}).headers["Location"] == path
    assert client.get(path).json["enter"] == 0.75
    assert post(client, path, "desligar").headers["Location"] == path
    assert "Agora: <strong>desligada</strong>" in page(client, path)
    assert post(client, path, "ligar").status == 303
    assert client.get(path).json["enabled"]
    assert post(client, path, "remover").headers["Location"] == "/alerts"
    assert client.get(path).status == 404


def test_a_default_rule_goes_back_to_its_defaults(client: Client) -> None:
    path = "/alerts/rules/threshold-cpu"
    html = page(client, path)
    assert "Voltar ao padrão" not in html
    assert "Remover" not in html
    assert post(client, path, "salvar", **FORM).status == 303
    assert client.get(path).json["enter"] == 0.7
    assert "Voltar ao padrão" in page(client, path)
    assert post(client, path, "padrao").headers["Location"] == path
    assert client.get(path).json["enter"] == 0.9


@pytest.mark.parametrize(
    ("kind", "metric", "fields", "kept"),
    [
        ("threshold", "response_time", FORM | {"enter": "1,5", "leave": "0.8"}, {"enter": 1.5, "leave": 0.8}),
        ("threshold", "request_count", FORM | {"enter": "5", "leave": "8"}, {"enter": 5, "leave": 8}),
        ("health", "", FORM | {"enter": "40", "leave": "50"}, {"enter": 0.4, "leave": 0.5}),
        ("no_data", "cpu", {"for_seconds": "10", "clear_seconds": "0"}, {"for_seconds": 600, "clear_seconds": 0}),
        (
            *("forecast", "disk"),
            {"limit": "95", "within_hours": "12", "for_seconds": "60", "clear_seconds": "60"},
            {"limit": 0.95, "within_hours": 12},
        ),
    ],
)
def test_every_kind_of_rule_is_made_in_its_units(
    client: Client, kind: str, metric: str, fields: dict[str, str], kept: dict[str, float]
) -> None:
    new = f"/alerts/rules/new?kind={kind}&metric={metric}"
    assert f'href="/alerts/rules/new?kind={kind}' in page(client, "/alerts/rules/new")
    assert all(f'name="{name}"' in page(client, new) for name in fields)
    rule = client.get(post(client, new, "salvar", **fields).headers["Location"]).json
    assert {name: rule[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("field", "value", "takes"),
    [
        ("enter", "170", "um número de 0 a 100"),
        ("enter", "", "um número de 0 a 100"),
        ("leave", "70", "um número de 0 a 100, do lado bom do limite do alerta"),
        ("for_seconds", "-1", "minutos, de 0 a 1440"),
        ("clear_seconds", "muito", "minutos, de 0 a 1440"),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_that_was_written_is_lost(
    client: Client, field: str, value: str, takes: str
) -> None:
    answer = post(client, NEW, "salvar", **FORM | {field: value})
    text = answer.body.decode()
    assert answer.status == 400
    before, _, after = text.partition(' aria-invalid="true"')
    assert f'id="{field}"' in before.rpartition("<")[2]
    assert f'id="{field}-erro">Confira: {takes}</strong>' in after
    assert 'role="alert">Confira o campo marcado.' in text
    assert field == "enter" or 'value="70"' in text
    assert 'value="salvar"' not in text


def test_the_token_goes_with_the_form_and_no_other_site_may_post(store: Store, tmp_path: Path, client: Client) -> None:
    guarded = client_of(store, tmp_path, API_TOKEN="a long enough token")
    assert 'name="api_token" type="password"' in page(guarded, NEW)
    wrong = post(guarded, NEW, "salvar", **FORM, api_token="wrong")
    assert (wrong.status, "60,5" in wrong.body.decode()) == (401, False)
    path = post(guarded, NEW, "salvar", **FORM, api_token="a long enough token").headers["Location"]
    foreign = {"origin": "https://evil.example", "sec_fetch_site": "cross-site"}
    for target, button in ((NEW, "salvar"), (path, "remover"), ("/alerts/rules/threshold-cpu", "desligar")):
        assert post(client, target, button, foreign, **FORM).status == 403
    assert len(client.get("/alerts/rules").json["rules"]) == 14


def test_unknown_applications_rules_and_kinds(client: Client) -> None:
    assert client.get("/apps/nenhuma/alerts", accept="text/html").status == 404
    assert client.get("/apps/nenhuma/alerts/rules/new", accept="text/html").status == 404
    assert post(client, "/apps/nenhuma/alerts/rules/new?kind=health", "salvar", **FORM).status == 404
    assert post(client, "/alerts/rules/nenhuma", "remover").status == 404
    assert "O que vigiar?" in page(client, "/alerts/rules/new?kind=threshold&metric=cpus")
    answer = post(client, "/alerts/rules/new", "salvar", **FORM)
    assert (answer.status, "O que vigiar?" in answer.body.decode()) == (400, True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with chromium() as started:
        yield started


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("view", ["calm", "many", "choice", "new", "checked", "wrong", "one"])
def test_axe_finds_nothing_wrong_and_nothing_is_beyond_the_edge(
    browser: Browser, store: Store, tmp_path: Path, view: str, width: int
) -> None:
    client = client_of(store, tmp_path, **({"API_TOKEN": "a long enough token"} if view == "many" else {}))
    if view == "calm":
        plant(store.database, NOW - MINUTE, 1, QUIET)
        evaluated(store)
    else:
        many(store)
    paths = {"choice": "/alerts/rules/new", "new": NEW, "one": "/alerts/rules/threshold-cpu"}

    def site(_path: str) -> Answer:
        if view in ("checked", "wrong"):
            answer = post(client, NEW, "conferir", **FORM | ({"enter": "x"} if view == "wrong" else {}))
        else:
            answer = client.get(paths.get(view, "/alerts"), accept="text/html")
        return answer.status, answer.headers, answer.body

    with opened(browser, site, size=(width, 900)) as shown:
        assert violations(shown) == []
        edges = shown.eval_on_selector_all(
            "main :not(option)", "found => found.map(e => e.getBoundingClientRect().right)"
        )
        assert max(edges) <= width
