"""The fleet: which of several applications stand out, by MongoDB's own aggregation over their hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pycemaker.cache.fleet_hours import COLLECTION, MOST_SHOWN, read_rows, update_hours
from pycemaker.mongo.database import Database
from pycemaker.presentation.fleet_table import headline, sentence, table
from pycemaker.reports.read_fleet import read_fleet
from pycemaker.series.fleet import FleetRow
from pycemaker.settings import from_mapping
from pycemaker.window import Window

END = datetime(2022, 4, 10, 12, tzinfo=UTC)
WINDOW = Window(END, 3)


def fill(database: Database, application: str, before: float, now: float | None, collection: str = "cpu_usage") -> None:
    named: dict[str, Any] = {"application": application} if application else {}
    for back in range(36):
        reading = now if back < 18 else before
        if reading is not None:
            taken = END - timedelta(minutes=10 * back)
            database[collection].insert_one({"time_series": taken, "value": reading, **named})


def rows_of(database: Database) -> list[FleetRow]:
    update_hours(database, END, 6)
    return read_rows(database, WINDOW)


def test_the_applications_that_stand_out_come_first_with_their_means(database: Database) -> None:
    fill(database, "", 0.3, 0.3)
    fill(database, "calm", 0.2, 0.205)
    fill(database, "moved", 0.2, 0.6)
    fill(database, "moved", 0.5, 0.51, "disk_usage")
    fill(database, "full", 0.95, 0.97)
    fill(database, "silent", 0.4, None)
    rows = rows_of(database)
    assert [row.application for row in rows] == ["silent", "full", "moved", "calm"]
    assert rows[0] == FleetRow("silent", "cpu", None, pytest.approx(0.4))
    assert rows[1] == FleetRow("full", "cpu", pytest.approx(0.97), pytest.approx(0.95))
    assert rows[2] == FleetRow("moved", "cpu", pytest.approx(0.6), pytest.approx(0.2))


def test_no_more_than_ten_are_told(database: Database) -> None:
    for number in range(MOST_SHOWN + 5):
        fill(database, f"app-{number:02}", 0.2, 0.3 + number / 100)
    rows = rows_of(database)
    assert len(rows) == MOST_SHOWN
    assert rows[0].application == "app-14"


def test_what_is_no_reading_takes_no_part(database: Database) -> None:
    fill(database, "loja", 0.2, 0.4)
    odd = [{"value": "0.4"}, {"value": "x"}, {"value": float("nan")}, {}, {"value": [1]}, {"value": None}]
    taken = END - timedelta(minutes=5)
    database["cpu_usage"].insert_many([{"time_series": taken, "application": "loja", **each} for each in odd])
    database["cpu_usage"].insert_one({"time_series": [taken, taken], "value": 9.0, "application": "loja"})
    [row] = rows_of(database)
    assert row.now == pytest.approx(0.4)


def test_hours_are_made_once_and_again_while_samples_may_come_late(database: Database) -> None:
    fill(database, "loja", 0.2, 0.4)
    rows_of(database)
    made = database[COLLECTION].count_documents({})
    fill(database, "loja", 0.2, 0.8)
    assert rows_of(database)[0].now == pytest.approx(0.4)
    database[COLLECTION].update_many({"_id.metric": ""}, {"$set": {"made_at": END - timedelta(hours=7)}})
    assert rows_of(database)[0].now == pytest.approx(0.6)
    assert database[COLLECTION].count_documents({}) == made


def test_the_table_names_each_application_its_finding_and_its_reports(database: Database, database_url: str) -> None:
    fill(database, "loja", 0.2, 0.6)
    fill(database, "", 0.5, None, "http_fail")
    settings = from_mapping({"MONGO_DB_URL": database_url, "PUBLIC_URL": "https://metricas.exemplo.com"})
    fleet = read_fleet("10-04-2022-09-43-23", 3, settings)
    assert fleet.window == WINDOW
    html = table(fleet)
    assert '<a href="https://metricas.exemplo.com/apps/loja">loja</a>' in html
    assert '<a href="https://metricas.exemplo.com/apps/loja/reports">' in html
    assert "Consumo de CPU de 20,0% para 60,0%" in html
    assert headline(fleet.rows) == "Aplicação padrão: Falhas HTTP: sem amostras no período"
    assert sentence(FleetRow("a", "cpu", 0.97, 0.95)) == "Consumo de CPU em 97,0%"
    nothing = table(read_fleet("10-04-2021-09-43-23", 3, settings))
    assert "Nenhuma aplicação se destacou." in nothing
