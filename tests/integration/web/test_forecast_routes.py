"""Health and forecasts over a real database: their shapes, what is withheld, and what polls cost."""

from __future__ import annotations

import itertools
import re
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pycemaker.cache.sample_store import Store
from pycemaker.metrics import CPU, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.mongo.database import Database
from pycemaker.monitor.application_scores import ApplicationScores
from pycemaker.monitor.sample_means import SampleMeans
from pycemaker.settings import from_mapping
from pycemaker.web.app import create_app
from pycemaker.web.middleware.in_flight import BUILD_SLOTS
from pycemaker.web.services import Services
from tests.integration.web.test_routes import NOW, NOW_PATH, app_over
from tests.services.openapi_app import InstantReportService
from tests.services.wsgi import Client

DAYS = 10
EVERY_SECONDS = 300
STEPS = DAYS * 86_400 // EVERY_SECONDS
GOOD = {CPU: 0.2, RAM: 0.2, RESPONSE_TIME: 0.1, REQUEST_COUNT: 300.0}
"""Below every border; 300 requests in five minutes are one a second."""

DASHBOARD_HOURS = (1, 6, 12, 24, 120, 168)


@pytest.fixture
def client(database: Database) -> Client:
    return app_over(Store(database, 2**26))


def write(database: Database, metric: Metric, readings: Any, **more: str) -> None:
    """Samples every five minutes, the last one at NOW; of a daily rhythm where readings are one number."""
    if isinstance(readings, float):
        hours = np.arange(STEPS) * EVERY_SECONDS / 3600
        readings = readings * (1 + 0.1 * np.sin(2 * np.pi * hours / 24))
    first, parts = NOW - timedelta(seconds=EVERY_SECONDS * (len(readings) - 1)), len(metric.fields)
    database[metric.collection].insert_many(
        {
            "time_series": first + timedelta(seconds=EVERY_SECONDS * i),
            **dict.fromkeys(metric.fields, float(each) / parts),
        }
        | more
        for i, each in enumerate(readings)
    )


def write_all(database: Database, **changed: Any) -> None:
    for metric, good in GOOD.items():
        write(database, metric, changed.get(metric.id, good))


# --- forecasts


def test_a_forecast_has_a_point_an_hour_and_says_how_good_it_was(client: Client, database: Database) -> None:
    write_all(database)
    answer = client.get("/forecast/cpu/now/6")
    assert answer.status == 200
    points = answer.json["points"]
    assert [point["time"] for point in points] == [f"2022-04-10T{hour}:43:00.000Z" for hour in range(13, 19)]
    for point in points:
        assert 0.17 < point["low"] <= point["middle"] <= point["high"] < 0.23
    assert answer.json["backtest"].keys() == {"origins", "error", "error_of_last_value", "coverage"}
    assert answer.json["backtest"]["error"] < 0.5 * answer.json["backtest"]["error_of_last_value"]
    assert answer.json["backtest"]["coverage"] > 0.8
    assert answer.json["history_hours"] == DAYS * 24 + 1
    assert (answer.json["limit"], answer.json["reaches_limit"]) == (0.9, None)
    assert answer.json["method"] != "last_value"
    assert sum(answer.json["weights"].values()) == pytest.approx(1, abs=0.05)


def test_a_forecast_beyond_what_was_measured_has_no_band(client: Client, database: Database) -> None:
    write_all(database)
    points = client.get("/forecast/response_time/now/24").json["points"]
    assert [point["low"] is None for point in points] == [point["high"] is None for point in points]
    assert points[0]["low"] is not None
    assert points[23]["low"] is None
    assert points[23]["middle"] == pytest.approx(0.1, abs=0.02)


def test_a_forecast_names_when_a_limit_is_reached(client: Client, database: Database) -> None:
    write(database, CPU, np.linspace(0.1, 0.7, STEPS))
    reached = client.get("/forecast/cpu/now/6?limit=0.705").json["reaches_limit"]
    assert NOW < datetime.fromisoformat(reached["middle"]) < NOW + timedelta(hours=5)
    assert reached["earliest"] <= reached["middle"] <= reached["latest"]
    assert client.get("/forecast/cpu/now/6").json["reaches_limit"] is None


def test_a_forecast_from_the_past_knows_nothing_later(client: Client, database: Database) -> None:
    write_all(database, cpu=[0.2] * (STEPS - 100) + [0.9] * 100)
    answer = client.get(f"/forecast/cpu/{(NOW - timedelta(hours=9)).isoformat().replace('+00:00', 'Z')}/6")
    assert {point["middle"] for point in answer.json["points"]} == {0.2}
    assert answer.json["method"] == "last_value"


def test_the_health_is_forecast_like_a_metric(client: Client, database: Database) -> None:
    write_all(database, ram=[0.6] * STEPS)
    answer = client.get("/forecast/health/now/24")
    assert {round(point["middle"], 4) for point in answer.json["points"]} == {round(1 - 2 / 12, 4)}
    assert answer.json["limit"] == 0.3


def test_too_short_a_history_is_a_503_that_names_what_is_missing(client: Client, database: Database) -> None:
    for metric in (CPU, RAM, RESPONSE_TIME):
        write(database, metric, [0.2] * STEPS)
    write(database, REQUEST_COUNT, [1.0] * 120)
    answer = client.get("/forecast/health/now/24")
    assert (answer.status, answer.json["error"]) == (503, "not_enough_history")
    assert answer.json["missing"] == ["request_count"]
    assert (answer.json["history_hours"], answer.json["needed_hours"]) == (11, 48)
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/forecast/disk/now/1").json["missing"] == ["disk"]
    assert client.get("/forecast/cpu/now/24").status == 200


def test_what_a_forecast_does_not_take_is_a_400_or_a_404(client: Client) -> None:
    assert client.get("/forecast/cpu/now/745").json["error"] == "invalid_range"
    assert client.get("/forecast/cpu/soon/6").json["error"] == "invalid_date"
    assert client.get("/forecast/gpu/now/6").json["error"] == "unknown_metric"
    for query in ("limit=full", "limit=nan", "limits=1", "limit=1&limit=2"):
        assert client.get(f"/forecast/cpu/now/6?{query}").json["error"] == "invalid_parameter", query
    assert client.get("/forecast/health/now/6?limit=0.5").json["error"] == "invalid_parameter"


# --- health


def test_the_score_has_a_row_a_minute_and_names_the_worst_metric(client: Client, database: Database) -> None:
    write_all(database, cpu=[0.2] * (STEPS - 6) + [0.9] * 6)
    rows = client.get(f"/health_score/{NOW_PATH}/1").json
    assert len(rows) == 60
    assert rows[0].keys() == {"time", "score", "worst"}
    assert (rows[0]["time"], rows[59]["time"]) == ("2022-04-10T11:44:00.000Z", "2022-04-10T12:43:00.000Z")
    assert rows[0]["score"] == 1.0
    assert rows[59] == {"time": "2022-04-10T12:43:00.000Z", "score": 0.75, "worst": "cpu"}


def test_a_silent_metric_makes_the_score_unknown(client: Client, database: Database) -> None:
    write_all(database)
    database["jvm_memory_usage"].delete_many({"time_series": {"$gt": NOW - timedelta(minutes=40)}})
    rows = client.get("/health_score/now/1").json
    assert rows[5]["score"] == 1.0
    assert rows[59] == {"time": rows[59]["time"], "score": None, "worst": "ram"}
    answer = client.get("/current_health/1")
    assert (answer.status, answer.json["error"], answer.json["metric"]) == (503, "no_current_reading", "ram")


def test_long_scores_are_the_short_ones_put_together(client: Client, database: Database) -> None:
    write_all(database, cpu=0.26, response_time=0.3)
    rows = client.get("/health_score/now/30").json
    assert len(rows) == 1800
    assert {row["score"] for row in rows} == {1.0, round(11 / 12, 4), round(10 / 12, 4)}
    assert rows[-60:] == client.get("/health_score/now/1").json
    earlier = (NOW - timedelta(hours=20)).isoformat().replace("+00:00", "Z")
    assert rows[540:600] == client.get(f"/health_score/{earlier}/1").json


# --- the June 2022 dashboard


@pytest.mark.parametrize("hours", DASHBOARD_HOURS)
def test_the_current_health_is_three_numbers_always(client: Client, database: Database, hours: int) -> None:
    write_all(database, ram=[0.6] * STEPS)
    answer = client.get(f"/current_health/{hours}").json
    assert answer["current_health"] == pytest.approx(1 - 2 / 12)
    assert answer["predicted_current_health"] == pytest.approx(1 - 2 / 12)
    assert answer["predicted_remaining_time"] == 0
    assert ("withheld" in answer) is (hours in (168,))  # ten days are too few to compare forecasts of a week


def test_without_a_forecast_the_predicted_health_is_the_current_one(client: Client, database: Database) -> None:
    for metric, good in GOOD.items():
        write(database, metric, [good] * 12)
    assert client.get("/current_health/6").json == {
        "current_health": 1.0,
        "predicted_current_health": 1.0,
        "predicted_remaining_time": 0,
        "withheld": "not_enough_history",
    }
    assert client.get("/predicted_data/6").status == 503


def test_a_failing_application_has_no_time_left(client: Client, database: Database) -> None:
    bad = {"cpu": 0.9, "ram": 0.9, "response_time": 3.0, "request_count": 30_000.0}
    write_all(database, **{name: [each] * STEPS for name, each in bad.items()})
    assert client.get("/current_health/24").json == {
        "current_health": 0.0,
        "predicted_current_health": 0.0,
        "predicted_remaining_time": 0,
    }


def test_health_and_its_prediction_have_a_row_a_minute(client: Client, database: Database) -> None:
    write_all(database)
    data = client.get("/health_data/6").json["data"]
    assert (len(data), data[-1]) == (360, {"time_series": "2022-04-10T12:43:00.000Z", "health": 1.0})
    predicted = client.get("/predicted_data/6").json
    assert predicted["remaining_time"] == 0
    assert len(predicted["data"]) == 360
    assert predicted["data"][0] == {"index": "2022-04-10T12:44:00.000Z", "predicted_mean": 1.0}
    assert predicted["data"][-1]["index"] == "2022-04-10T18:43:00.000Z"


@pytest.mark.parametrize("hours", DASHBOARD_HOURS)
def test_predictions_are_rows_equally_far_apart(client: Client, database: Database, hours: int) -> None:
    write_all(database)
    rows = client.get(f"/cpu_predict/{NOW_PATH}/{hours}").json
    times = [datetime.fromisoformat(row["time_series"]) for row in rows]
    assert {after - before for before, after in itertools.pairwise(times)} == {timedelta(seconds=max(5, hours * 3.6))}
    assert (times[0], len(rows)) == (NOW, min(1000, hours * 720))
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert rows[0].keys() == {"index", "id", "time_series", "value", "predict_value", "predict_range"}
    assert rows[-1]["value"] is None
    assert (rows[300]["predict_value"] is None) is (hours == 168)


def test_past_rows_have_what_was_measured_and_what_had_been_predicted(client: Client, database: Database) -> None:
    write_all(database, ram=[0.3] * (STEPS - 12) + [0.5] * 12)
    opened = (NOW - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    rows = client.get(f"/ram_predict/{opened}/6").json
    assert rows[5]["value"] == pytest.approx(0.3)
    assert rows[330]["value"] == pytest.approx(0.5)
    assert {row["value"] for row in rows[334:]} == {None}
    assert {round(row["predict_value"], 3) for row in rows[:999]} == {0.3}
    low, high = rows[100]["predict_range"]
    assert low <= 0.3 <= high


def test_without_history_predictions_are_null_and_what_was_measured_stays(client: Client, database: Database) -> None:
    write(database, CPU, [0.4] * 12)
    opened = (NOW - timedelta(minutes=30)).isoformat().replace("+00:00", "Z")
    rows = client.get(f"/cpu_predict/{opened}/1").json
    assert rows[10]["value"] == pytest.approx(0.4)
    assert {(row["predict_value"], row["predict_range"]) for row in rows} == {(None, None)}
    assert client.get("/ram_predict/now/1").json[0]["value"] is None


# --- applications


def test_an_application_has_its_own_health_and_forecasts(client: Client, database: Database) -> None:
    write_all(database)
    for metric, good in GOOD.items():
        write(database, metric, 4 * good, application="loja")
    for path in ("/current_health/6", "/health_data/1", "/forecast/cpu/now/6", "/health_score/now/1"):
        assert client.get(path).json != client.get(f"/apps/loja{path}").json
    assert client.get("/current_health/6").json["current_health"] == 1.0
    assert client.get("/apps/loja/current_health/6").json["current_health"] < 0.5
    assert client.get(f"/apps/loja/cpu_predict/{NOW_PATH}/6").json[0]["predict_value"] > 0.6
    assert client.get("/apps/nada/current_health/6").json["error"] == "unknown_application"


def test_the_applications_are_listed_with_their_health(client: Client, database: Database) -> None:
    write_all(database)
    for metric, good in GOOD.items():
        write(database, metric, 4 * good, application="loja")
    write(database, CPU, 0.2, application="parada")
    health = {row["application"]: row["health"] for row in client.get("/apps").json["applications"]}
    assert health == {"": 1.0, "loja": client.get("/apps/loja/health_score/now/1").json[-1]["score"], "parada": None}


def test_a_list_of_applications_reads_as_many_scores_as_its_time_allows(database: Database) -> None:
    write_all(database)
    store, none, all_of_it = Store(database), ApplicationScores(SampleMeans(), -1.0), ApplicationScores(SampleMeans())
    assert none.read(store, [""], NOW) == {"": None}
    assert all_of_it.read(store, [""], NOW) == {"": 1.0}
    database["cpu_usage"].delete_many({})
    assert all_of_it.read(store, [""], NOW) == {"": 1.0}  # for half a minute


# --- the page


def card(client: Client) -> str:
    page = client.get("/", accept="text/html").body.decode()
    return page[page.index('id="health"') :].partition("</article>")[0]


def card_with_forecast(client: Client) -> str:
    """The card, once the forecast is ready, which the page does not wait for."""
    until = time.monotonic() + 30
    while 'class="ahead"' not in (shown := card(client)) and time.monotonic() < until:
        time.sleep(0.2)
    return shown


def test_the_page_shows_the_health_and_what_is_expected(client: Client, database: Database) -> None:
    write_all(database, ram=[0.6] * STEPS)
    shown = card_with_forecast(client)
    assert '<p class="now">83%</p>' in shown
    assert "o que mais pesa: Consumo de RAM" in shown
    assert "Em 6 horas: 83% ou mais." in shown
    assert re.search(r'<path class="line" d="M1 14.0 2 14.0 ', shown)
    assert re.search(r'<path class="ahead" d="M120 14.0 130 ', shown)


def test_the_page_never_shows_an_unknown_health_as_a_good_one(client: Client, database: Database) -> None:
    write(database, CPU, 0.2)
    shown = card(client)
    assert "desconhecida: sem leitura de Consumo de RAM" in shown
    assert "%" not in shown
    assert "sem histórico para uma previsão" in shown


# --- polls


@pytest.mark.parametrize(
    "path",
    [
        "/forecast/cpu/now/6", "/health_score/now/1", "/current_health/6", "/health_data/6", "/predicted_data/6",
        f"/cpu_predict/{NOW_PATH}/6",
    ],
)  # fmt: skip
def test_a_poll_with_nothing_new_is_a_304_without_a_read(client: Client, database: Database, path: str) -> None:
    write_all(database)
    first = client.get(path)
    assert first.status == 200
    database["cpu_usage"].delete_many({})
    again = client.get(path, if_none_match=first.headers["Etag"])
    assert (again.status, again.body) == (304, b"")


def test_no_more_forecasts_are_made_at_a_time_than_there_are_slots(database: Database, tmp_path: Path) -> None:
    write_all(database)
    settings, store = from_mapping({"DATA_DIR": str(tmp_path)}), Store(database, 2**26)
    services = Services(settings, store, InstantReportService(database, tmp_path))
    client, kept = Client(create_app(services)), f"/forecast/cpu/{NOW_PATH}/6"
    assert client.get(kept).status == 200
    with ExitStack() as held:
        for _ in range(BUILD_SLOTS):
            held.enter_context(services.in_flight.build_slot())
        refused = client.get(f"{kept}?limit=0.7")
        assert (refused.status, refused.json["error"]) == (503, "too_many_streams")
        assert client.get(kept).status == 200
        assert client.get("/", accept="text/html").status == 200
