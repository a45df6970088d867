"""The page at `/` that renews itself: its part by polls in process, and the whole in Chromium against a server."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import server
from pycemaker.cache.sample_store import Store
from pycemaker.metrics import CPU, METRICS
from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import NO_DATA, THRESHOLD, Alert, AlertHistory
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.monitor.hourly_forecasts import HourlyForecasts
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.integration.web.test_forecast_routes import write, write_all
from tests.integration.web.test_openapi import served
from tests.integration.web.test_routes import NOW, app_over
from tests.services.browser import CHROMIUM, chromium, violations
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

CHROMIUM_ONLY = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


@pytest.fixture
def client(database: Database) -> Client:
    return app_over(Store(database, 2**26))


def fill(database: Database, until: datetime, application: str = "", days: int = 3) -> None:
    """Every metric once a minute, the last hours of it a little lower; every five minutes before the last day."""
    own = {"application": application} if application else {}
    minutes = [*range(1440), *range(1440, days * 1440, 5)]
    for metric in METRICS:
        database[metric.collection].insert_many(
            {"time_series": until - timedelta(minutes=each), **dict.fromkeys(metric.fields, 0.4), **own}
            for each in minutes
        )


# --- in process


def test_the_part_stands_in_the_page_as_it_is_polled(client: Client, database: Database) -> None:
    write(database, CPU, 0.2)
    page, part = client.get("/", accept="text/html"), client.get("/overview")
    assert part.body in page.body
    assert part.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (page.headers["Cache-Control"], part.headers["Cache-Control"]) == ("no-cache", "no-cache")
    assert b'data-url="/overview"' in page.body
    assert client.get("/overview.js").headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_a_poll_with_nothing_new_is_a_304_without_a_read(client: Client, database: Database) -> None:
    write(database, CPU, 0.2)
    first = client.get("/overview")
    database["cpu_usage"].delete_many({})
    again = client.get("/overview", if_none_match=first.headers["Etag"])
    assert (again.status, again.body) == (304, b"")
    assert client.get("/overview.js", if_none_match=client.get("/overview.js").headers["Etag"]).status == 304


def test_the_part_is_the_same_as_long_as_nothing_changes_and_another_with_a_new_sample(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read is made anew, by a server of its own; seconds pass between them."""
    monkeypatch.setattr("pycemaker.web.services.HourlyForecasts", partial(HourlyForecasts, wait_seconds=60))
    write(database, CPU, 0.2)

    def part(seconds: int) -> tuple[int, str]:
        settings = from_mapping({})
        clock = lambda: NOW + timedelta(seconds=seconds)  # noqa: E731
        services = Services(settings, Store(database, 2**26), RecordingReportService(), clock=clock)
        answer = Client(server.create_app(services)).get("/overview", if_none_match=etag)
        return answer.status, answer.headers["Etag"]

    etag = ""
    status, etag = part(0)
    assert (status, part(20)) == (200, (304, etag))
    database["cpu_usage"].insert_one({"time_series": NOW + timedelta(seconds=15), "value": 0.5})
    status, other = part(20)
    assert (status, other != etag) == (200, True)


def test_an_application_has_its_own_page_part_and_alerts(client: Client, database: Database) -> None:
    for name in ("", "loja"):
        write(database, CPU, 0.7 if name else 0.2, **({"application": name} if name else {}))
    since = NOW - timedelta(minutes=42)
    AlertHistory(database).save(
        [
            Alert("a", "loja", "cpu", THRESHOLD, "cpu", since, since, enter=0.6, leave=0.5, worst=0.71),
            Alert("b", "", "ram", NO_DATA, "ram", since, since),
            Alert("c", "loja", "disk", NO_DATA, "disk", since, since, ended_at=NOW),
        ]
    )
    own, loja = (client.get(path, accept="text/html").body.decode() for path in ("/", "/apps/loja/"))
    assert ("Consumo de CPU acima de 60%" in loja, "no pior momento, 71,0%" in loja) == (True, True)
    assert ("Sem amostras de Consumo de RAM" in loja, "Sem amostras de Consumo de disco" in loja) == (False, False)
    assert ("Sem amostras de Consumo de RAM" in own, "Consumo de CPU acima" in own) == (True, False)
    assert 'data-url="/apps/loja/overview"' in loja
    assert '<a href="/apps/loja/" aria-current="page">loja</a>' in loja
    assert '<a href="/">padrão</a>' in loja
    assert client.get("/apps/loja/overview").body.decode() in loja
    assert client.get("/apps/nobody/overview").json["error"] == "unknown_application"


def test_one_application_has_nothing_to_choose_from(client: Client, database: Database) -> None:
    write(database, CPU, 0.2)
    assert "<summary>Aplicação" not in client.get("/", accept="text/html").body.decode()


def test_the_next_three_schedules_are_shown_unless_a_token_guards_them(database: Database) -> None:
    store, reader = ScheduleStore(database, mails=False), FieldReader(from_mapping({}))
    for name, cron, more in (
        ("Mês", "0 8 1 * *", {}),
        ("Dia", "0 8 * * *", {}),
        ("Pausado", "0 8 * * *", {"paused": True}),
        ("Hora", "0 * * * *", {}),
        ("Ano", "0 8 1 1 *", {}),
        ("Loja", "0 8 * * *", {"application": "loja"}),
    ):
        store.create(reader.read({"name": name, "cron": cron, "recipients": ["ana@example.com"]} | more), NOW)
    shown = app_over(Store(database)).get("/overview").body.decode()
    names = re.findall(r'<li><a href="/schedules/[^"]+">([^<]+)</a>', shown)
    assert names == ["Hora", "Dia", "Mês"]
    assert "ana@" not in shown
    guarded = app_over(Store(database), API_TOKEN="s3cret").get("/overview").body.decode()
    assert ("Hora" in guarded, "Com o token" in guarded) == (False, True)


def test_the_page_speaks_the_language_of_reports(database: Database) -> None:
    write(database, CPU, 0.2)
    page = app_over(Store(database), REPORT_LANGUAGE="en").get("/", accept="text/html").body.decode()
    assert '<html lang="en">' in page
    assert ("CPU usage" in page, "No open alert." in page) == (True, True)
    assert '<html lang="pt-BR">' in app_over(Store(database)).get("/", accept="text/html").body.decode()


# --- forecasts in the background


class CountingReader(ForecastReader):
    """Counts the forecasts that it is asked for, and makes none before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, datetime]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def metric(self, store: Store, metric, origin_utc: datetime, hours: int, limit=None):  # type: ignore[no-untyped-def]
        assert self.may_go_on.wait(60)
        self.asked.append((metric.id, origin_utc))
        return super().metric(store, metric, origin_utc, hours, limit)


def ready(forecasts: HourlyForecasts, store: Store, now_utc: datetime) -> set[str]:
    """The forecasts once all that can be made are."""
    until = time.monotonic() + 30
    while len(made := forecasts.read(store, now_utc)) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    return set(made)


def test_forecasts_are_made_once_an_hour_and_nobody_waits_for_them(database: Database) -> None:
    write_all(database)
    store, reader = Store(database, 2**26), CountingReader()
    forecasts = HourlyForecasts(reader, wait_seconds=0.1)
    reader.may_go_on.clear()
    assert set(forecasts.read(store, NOW)) <= {"health"}
    reader.may_go_on.set()
    assert ready(forecasts, store, NOW) >= {"cpu", "ram"}
    while len(reader.asked) < len(METRICS):
        time.sleep(0.05)
    for minutes in range(16):
        forecasts.read(store, NOW + timedelta(minutes=minutes))
    origin = NOW.replace(minute=0, second=0)
    assert reader.asked == [(metric.id, origin) for metric in METRICS]


def test_until_the_new_hours_forecasts_are_ready_the_last_hours_are_shown(database: Database) -> None:
    write_all(database)
    store, reader = Store(database, 2**26), CountingReader()
    forecasts = HourlyForecasts(reader)
    assert ready(forecasts, store, NOW) >= {"health", "cpu"}
    while len(reader.asked) < len(METRICS) or "cpu" not in forecasts.read(store, NOW):
        time.sleep(0.05)  # else those that are still being made are held up too
    before = forecasts.read(store, NOW)["cpu"].ahead.origin_ms
    reader.may_go_on.clear()
    try:
        assert forecasts.read(store, NOW + timedelta(hours=1))["cpu"].ahead.origin_ms == before
        assert forecasts.read(store, NOW + timedelta(hours=5)).keys() == set()
    finally:
        reader.may_go_on.set()


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def faultless(page: Page) -> list[str]:
    """What the page complains about from now on: script faults, and what its policy refuses."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if "Policy" in message.text else None)
    return faults


@CHROMIUM_ONLY
def test_a_new_sample_appears_without_a_reload_and_focus_and_place_stay(
    browser: Browser, database: Database, database_url: str, tmp_path: Path
) -> None:
    fill(database, datetime.now(UTC) - timedelta(minutes=1))
    with served(database_url, tmp_path) as url:
        page = browser.new_page(viewport={"width": 360, "height": 640})
        faults = faultless(page)
        page.goto(url)
        page.wait_for_selector("#metric-cpu .ahead", state="attached", timeout=30_000)  # its forecast is drawn
        assert (page.locator("#metric-cpu .line").get_attribute("d") or "").startswith("M1 ")
        assert page.locator("#metric-cpu .now").inner_text() == "40,0%"
        assert violations(page) == []
        page.evaluate("window.same = true")
        page.locator("#metric-cpu a").first.focus()
        place = page.evaluate("scrollY")
        database["cpu_usage"].insert_one({"time_series": datetime.now(UTC), "value": 0.873})
        expect(page.locator("#metric-cpu .now")).to_have_text("87,3%", timeout=20_000)
        assert page.evaluate("[window.same, document.activeElement.textContent, scrollY]") == [
            True, "última hora", place,
        ]  # fmt: skip
        expect(page.locator("#fresh")).to_contain_text("Atualizado")
        page.wait_for_event("response", lambda answer: answer.status == 304, timeout=30_000)
        assert faults == []
    expect(page.locator("#away")).to_contain_text("Sem resposta", timeout=20_000)
    assert page.locator("#metric-cpu .now").inner_text() == "87,3%"
    page.context.close()


@CHROMIUM_ONLY
def test_without_scripts_it_is_a_whole_page(
    browser: Browser, database: Database, database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    for name in ("", "loja"):
        fill(database, now - timedelta(minutes=1), name)
    with served(database_url, tmp_path) as url:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(url)
        assert page.locator("#metric-cpu .now").inner_text() == "40,0%"
        assert page.locator("#away").is_hidden()
        database["cpu_usage"].insert_one({"time_series": datetime.now(UTC), "value": 0.873})
        page.wait_for_timeout(3_000)
        page.get_by_role("link", name="atualizar").click()
        assert page.locator("#metric-cpu .now").inner_text() == "87,3%"
        page.get_by_text("Aplicação: padrão").click()
        page.get_by_role("link", name="loja").click()
        assert page.locator("h1").inner_text() == "loja"
        assert page.locator("#metric-cpu .now").inner_text() == "40,0%"
        context.close()
