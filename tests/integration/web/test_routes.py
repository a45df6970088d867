"""The metric routes over a real database, and the error table of the contract on every route."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

import server
from pycemaker import errors
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.report_service import ReportService
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.reports.attachments.kinds import KINDS
from pycemaker.settings import Settings, from_mapping
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Answer, Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
NOW_PATH = "10-04-2022-09-43-23"
ERROR_SENTENCE_END = (".", "!")


def app_over(store: Store, report_service: ReportService | None = None, **given: str) -> Client:
    settings: Settings = from_mapping({"REPORT_LIMIT_PER_RECIPIENT": "3", **given})
    services = Services(settings, store, report_service or RecordingReportService(), clock=lambda: NOW)
    return Client(server.create_app(services))


@pytest.fixture(params=[0, 2**26], ids=["uncached", "cached"])
def store(database: Database, request: pytest.FixtureRequest) -> Store:
    """Every route over a store without memory, and over one with."""
    return Store(database, request.param)


@pytest.fixture
def client(store: Store) -> Client:
    return app_over(store)


def seconds_before(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def insert(database: Database, collection: str, *documents: dict[str, Any]) -> None:
    database[collection].insert_many([dict(document) for document in documents])


def test_an_interval_has_every_key_of_the_contract(client: Client, database: Database) -> None:
    insert(
        database,
        "cpu_usage",
        {"time_series": seconds_before(3600), "value": 9.0},  # at the start: belongs to the previous interval
        {"time_series": seconds_before(3599), "value": 0.25, "criticity": "low", "consume_percent": "25.00%"},
        {"time_series": seconds_before(10), "value": 0.75, "criticity": "high"},
        {"time_series": NOW, "value": 0.25},
        {"time_series": NOW + timedelta(milliseconds=1), "value": 77.0},
        {"time_series": seconds_before(7200), "value": 77.0},
        {"time_series": seconds_before(7199), "value": 1.0},
    )
    answer = client.get(f"/cpu/{NOW_PATH}/1")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    told = answer.json
    assert [document["value"] for document in told["data"]] == [0.25, 0.75, 0.25]
    assert [document["value"] for document in told["data_anterior"]] == [1.0, 9.0]
    assert told["mean"] == pytest.approx(1.25 / 3)
    assert told["mean_anterior"] == 5.0
    assert told["growth"] == pytest.approx((1.25 / 3 - 5) / 5)
    assert [document["time_series"] for document in told["lower"]] == [
        "2022-04-10T11:43:24.000Z",
        "2022-04-10T12:43:23.000Z",
    ]
    assert [document["value"] for document in told["higher"]] == [0.75]
    assert told["criticity_classification"] == [
        {"criticity": "high", "value": pytest.approx(1 / 3)},
        {"criticity": "low", "value": pytest.approx(1 / 3)},
        {"criticity": "unknown", "value": pytest.approx(1 / 3)},
    ]
    assert told["datas"] == ["2022-04-10T12:43:23.000Z", "2022-04-10T11:43:23.000Z", "2022-04-10T10:43:23.000Z"]
    assert set(told) == {
        *("data", "data_anterior", "mean", "mean_anterior", "growth"),
        *("lower", "higher", "criticity_classification", "datas"),
    }


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
def test_every_metric_answers_both_forms_and_an_empty_database_is_no_error(client: Client, metric: Any) -> None:
    assert client.get(f"/{metric.id}/{NOW_PATH}").json == []
    told = client.get(f"/{metric.id}/{NOW_PATH}/06").json
    assert (told["data"], told["data_anterior"], told["lower"], told["higher"]) == ([], [], [], [])
    assert (told["mean"], told["mean_anterior"], told["growth"]) == (0.0, 0.0, 0.0)
    assert told["criticity_classification"] == []


def test_a_tail_starts_with_the_sample_at_its_start_and_has_no_end(client: Client, database: Database) -> None:
    times = [seconds_before(1), NOW, NOW + timedelta(days=300)]
    insert(database, "disk_usage", *({"time_series": time, "value": 0.5} for time in times))
    told = client.get(f"/disk/{NOW_PATH}").json
    assert [d["time_series"] for d in told] == ["2022-04-10T12:43:23.000Z", "2023-02-04T12:43:23.000Z"]


def test_both_spellings_of_response_time_answer_alike(client: Client, database: Database) -> None:
    insert(database, "response_time", {"time_series": NOW, "value": 0.1, "criticity": "regular"})
    assert client.get(f"/response_time/{NOW_PATH}/1").body == client.get(f"/reponse_time/{NOW_PATH}/1").body
    assert client.get(f"/response_time/{NOW_PATH}").body == client.get(f"/reponse_time/{NOW_PATH}").body


def test_request_counts_get_their_sum_as_value(client: Client, database: Database) -> None:
    insert(
        database,
        "request_count",
        {"time_series": seconds_before(20), "value_success": 10, "value_fail": 2},
        {"time_series": seconds_before(10), "value_success": "7", "value_fail": 0.5},
        {"time_series": NOW, "value_success": 3},
    )
    told = client.get(f"/request_count/{NOW_PATH}/1").json
    assert [document["value"] for document in told["data"]] == [12, 7.5, None]
    assert told["mean"] == 9.75


def test_unusual_documents_come_out_as_stored_and_count_as_the_contract_says(
    client: Client, database: Database
) -> None:
    key = uuid.UUID("12345678-1234-5678-1234-567812345678").hex
    insert(
        database,
        "cpu_usage",
        {"_id": "a word", "time_series": seconds_before(90), "value": "0.5", "criticity": "low"},
        {"_id": 7, "time_series": seconds_before(80), "value": float("nan"), "criticity": "low"},
        {"_id": {"a": [1, NOW]}, "time_series": seconds_before(70), "value": float("inf")},
        {"_id": ObjectId("0123456789abcdef01234567"), "time_series": seconds_before(60), "note": None},
        {"_id": 1.5, "time_series": seconds_before(50), "value": Decimal128("1.5"), "host": {"name": "á", "up": True}},
        {"_id": Int64(2**60), "time_series": seconds_before(40), "value": Int64(1), "tags": ["a", {"b": float("nan")}]},
        {"_id": key, "time_series": seconds_before(30), "value": True},
        {"_id": b"\x00\x01", "time_series": seconds_before(20), "value": "not a number", "criticity": 3},
    )
    told = client.get(f"/cpu/{NOW_PATH}/1").json
    assert [document["_id"] for document in told["data"]] == [
        *("a word", 7, {"a": [1, "2022-04-10T12:43:23.000Z"]}, "0123456789abcdef01234567"),
        *(1.5, 2**60, key, "AAE="),
    ]
    assert [document.get("value", "absent") for document in told["data"]] == [
        *("0.5", None, None, "absent", 1.5, 1, True, "not a number")
    ]
    assert told["data"][4]["host"] == {"name": "á", "up": True}
    assert told["data"][5]["tags"] == ["a", {"b": None}]
    assert told["mean"] == 1.0
    assert [document["_id"] for document in told["lower"]] == ["a word"]
    assert told["criticity_classification"] == [
        {"criticity": "low", "value": pytest.approx(1 / 3)},
        {"criticity": "unknown", "value": pytest.approx(2 / 3)},
    ]


def test_long_answers_stream_and_are_the_same_as_a_plain_reading(
    client: Client, store: Store, database: Database
) -> None:
    documents = [
        {"time_series": seconds_before(5 * back), "value": math.sin(back), "criticity": "low" if back % 3 else "high"}
        for back in range(24_000)
    ]
    insert(database, "cpu_usage", *documents)
    answer = client.get(f"/cpu/{NOW_PATH}/17")
    assert ("Content-Length" in answer.headers) is bool(store.cache_bytes)  # out of memory it goes out in one piece
    told = answer.json
    expected = [document["value"] for document in documents[: 17 * 720]][::-1]
    assert [document["value"] for document in told["data"]] == expected
    assert told["mean"] == pytest.approx(sum(expected) / len(expected))
    assert told["lower"][0]["value"] == min(expected)
    assert len(told["data"]) + len(told["data_anterior"]) == 24_000


def test_a_metric_that_stays_the_same_has_every_document_at_both_extremes(client: Client, database: Database) -> None:
    documents = [{"time_series": seconds_before(5 * back), "value": 0} for back in range(11_000)]
    insert(database, "http_fail", *documents)
    told = client.get(f"/http_fail/{NOW_PATH}/16").json
    assert told["lower"] == told["higher"] == told["data"]
    assert len(told["data"]) == 11_000


def test_samples_of_one_instant_keep_one_order(client: Client, database: Database) -> None:
    insert(database, "cpu_usage", *({"_id": name, "time_series": NOW, "value": 1} for name in "cab"))
    assert [document["_id"] for document in client.get(f"/cpu/{NOW_PATH}").json] == ["a", "b", "c"]


def test_a_head_is_the_get_without_its_body(client: Client, database: Database) -> None:
    insert(database, "cpu_usage", {"time_series": NOW, "value": 0.5})
    path, same = f"/cpu/{NOW_PATH}/1", {"x_request_id": "one"}
    get, head = client.get(path, **same), client.ask("HEAD", path, **same)
    assert (head.status, head.body) == (200, b"")
    assert head.headers == get.headers


def test_the_index_that_serves_filter_and_sort_is_made_before_the_first_read(
    client: Client, database: Database
) -> None:
    insert(database, "cpu_usage", {"time_series": NOW, "value": 0.5})
    database["cpu_usage"].create_index([("criticity", 1)], name="somebody_elses")
    client.get(f"/cpu/{NOW_PATH}/1")
    assert set(database["cpu_usage"].index_information()) == {"_id_", "somebody_elses", "time_series_1__id_1"}
    plan = database["cpu_usage"].find({"time_series": {"$gt": NOW}}).sort({"time_series": 1, "_id": 1}).explain()
    stages = json.dumps(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert '"SORT"' not in stages


def test_an_index_of_the_same_key_under_another_name_is_left_and_used(client: Client, database: Database) -> None:
    database["cpu_usage"].create_index([("time_series", 1), ("_id", 1)], name="theirs")
    assert client.get(f"/cpu/{NOW_PATH}/1").status == 200
    assert set(database["cpu_usage"].index_information()) == {"_id_", "theirs"}


BAD_DATES = ["x", "10-04-2022", "31-02-2022-00-00-00", "10-04-2022-09-43-23%00", "%0Anow", "..", "a" * 10_000,
             "10%2d04-2022-09-43-23x", "ontem%C3%A9", "10-04-1969-00-00-00"]  # fmt: skip
BAD_RANGES = ["0", "-1", "1.5", "745", "x", "%D9%A6", "6%00", "6%0A", "1" * 10_000]
BAD_ADDRESSES = [
    "x",
    "a@b",
    "a@b.com%0ABcc:x@y.zz",
    "a@b.com%00",
    "%C3%A1@b.com",
    "a@b.com,",
    "a@b.com,x",
    "x" * 10_000,
]


def is_error(answer: Answer, status: int, code: str) -> bool:
    told = answer.json
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert told["msg"].endswith(ERROR_SENTENCE_END)
    assert len(answer.body) < 400
    assert "Traceback" not in answer.body.decode()
    return (answer.status, told["error"]) == (status, code)


@pytest.mark.parametrize("path", ["/cpu/{}", "/cpu/{}/6", "/reponse_time/{}/6", "/report/{}/6/a@b.com"])
@pytest.mark.parametrize("text", BAD_DATES, ids=lambda text: text[:24])
def test_a_malformed_date_is_a_400_on_every_route(client: Client, path: str, text: str) -> None:
    assert is_error(client.get(path.format(text)), 400, "invalid_date")


@pytest.mark.parametrize("path", ["/cpu/now/{}", "/http_fail/now/{}", "/report/now/{}/a@b.com"])
@pytest.mark.parametrize("text", BAD_RANGES, ids=lambda text: text[:24])
def test_a_malformed_range_is_a_400_that_names_the_limit(client: Client, path: str, text: str) -> None:
    answer = client.get(path.format(text))
    assert is_error(answer, 400, "invalid_range")
    assert answer.json["limit"] == 744


@pytest.mark.parametrize("text", BAD_ADDRESSES, ids=lambda text: text[:24])
def test_what_is_no_address_is_a_400(client: Client, text: str) -> None:
    assert is_error(client.get(f"/report/now/6/{text}"), 400, "invalid_address")


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/cpu", "/a/b/c/d/e", "/cpu%2Fextra/now/6", "/cpu//", "/report/now/6", "/report/now/6/a@b.com/x",
     "/static/../server.py", "/report/now/6/..%2F..%2Fetc%2Fpasswd"],
)  # fmt: skip
def test_an_unknown_route_is_a_404(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status == 404
    assert answer.json["error"] in ("not_found", "unknown_metric")


@pytest.mark.parametrize("path", ["/%FF/now", "/cpu/now%FF/6", "/report/now/6/a@b.com%ff"])
def test_a_path_that_is_no_utf8_is_a_400(client: Client, path: str) -> None:
    assert is_error(client.get(path), 400, "invalid_request")


@pytest.mark.parametrize("name", ["gpu", "CPU", "cpu%00", "%C3%A1", "x" * 10_000, ".."])
def test_an_unknown_metric_is_a_404_that_names_those_there_are(client: Client, name: str) -> None:
    for path in (f"/{name}/now/6", f"/{name}/now"):
        answer = client.get(path)
        assert is_error(answer, 404, "unknown_metric")
        assert "cpu" in answer.json["known"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/cpu/now", "/cpu/now/6"])
def test_the_wrong_method_is_a_405_with_allow(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, path)
    assert is_error(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_only_get_and_post_ask_for_a_report(store: Store, method: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).ask(method, "/report/now/6/a@b.com")
    assert answer.status == 405
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    assert report_service.wanted == []


@pytest.mark.parametrize("path", ["/", "/cpu/now/6", "/report/now/6/a@b.com", "/nothing"])
def test_options_is_answered_everywhere_and_makes_no_report(store: Store, path: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).ask("OPTIONS", path)
    assert answer.status == 204
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert report_service.wanted == []


def test_a_browser_of_a_named_origin_may_send_every_header_that_is_described(store: Store) -> None:
    client = app_over(store, CORS_ORIGINS="https://panel.example.com")
    described = client.get("/openapi.json").json["components"]["parameters"].values()
    told = client.ask("OPTIONS", "/report/now/6/a@b.com", origin="https://panel.example.com").headers
    allowed = told["Access-Control-Allow-Headers"].split(", ")
    wanted = {each["name"] for each in described if each["in"] == "header"}
    assert wanted | {"Authorization", "X-Api-Key"} <= set(allowed)
    assert "Idempotency-Key" in wanted


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        ("cache-control,pragma", "cache-control, pragma"),
        ("baggage,sentry-trace", "baggage, sentry-trace"),
        ("traceparent, tracestate", "traceparent, tracestate"),
        ("x-requested-with", "x-requested-with"),
        ("good, b ad,, x\u00e9", "good"),
        (",".join(f"x-{i}" for i in range(1000)), ", ".join(f"x-{i}" for i in range(100))),
    ],
)
@pytest.mark.parametrize("path", ["/cpu/now/1", "/cpu/now", "/", "/openapi.json"])
def test_a_preflight_allows_the_headers_that_it_asks_for(client: Client, path: str, wanted: str, allowed: str) -> None:
    answer = client.ask(
        "OPTIONS", path, origin="https://panel.example.com", access_control_request_headers=wanted,
        access_control_request_method="GET",
    )  # fmt: skip
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == allowed


@pytest.mark.parametrize(
    ("path", "origins", "allowed"),
    [
        ("/cpu/now/1", "*", "true"),
        ("/cpu/now/1", "https://panel.example.com", "true"),
        ("/cpu/now/1", "https://*.example.com", "true"),
        ("/cpu/now/1", "https://other.example.com", None),
        ("/reports", "https://panel.example.com", "true"),
        ("/reports", "*", None),
        ("/reports", "https://*.example.com", None),
    ],
)
def test_a_page_outside_may_reach_into_a_private_network_where_it_may_read(
    store: Store, path: str, origins: str, allowed: str | None
) -> None:
    client = app_over(store, CORS_ORIGINS=origins)
    told = {"origin": "https://panel.example.com", "access_control_request_method": "GET"}
    answer = client.ask("OPTIONS", path, access_control_request_private_network="true", **told)
    assert answer.headers.get("Access-Control-Allow-Private-Network") == allowed
    assert "Access-Control-Allow-Private-Network" not in client.ask("OPTIONS", path, **told).headers


def test_a_pattern_opens_what_a_star_opens(store: Store) -> None:
    client = app_over(store, CORS_ORIGINS="https://*.vercel.app")
    told = client.get("/cpu/now/1", origin="https://app-git-x.vercel.app").headers
    assert told["Access-Control-Allow-Origin"] == "https://app-git-x.vercel.app"
    assert "Access-Control-Allow-Origin" not in client.get("/cpu/now/1", origin="https://vercel.app").headers
    assert "Access-Control-Allow-Origin" not in client.get("/reports", origin="https://x.vercel.app").headers


@pytest.mark.parametrize(("name", "spelling"), [("response_time", "res_time"), ("request_count", "req_count")])
def test_the_names_of_the_dashboard_of_2022_answer_as_the_metrics_own(client: Client, name: str, spelling: str) -> None:
    for path in (f"{NOW_PATH}/1", NOW_PATH):
        answer = client.get(f"/{spelling}/{path}")
        assert (answer.status, answer.body) == (200, client.get(f"/{name}/{path}").body)


def test_a_list_of_recipients_may_have_semicolons_and_domains_beyond_ascii(store: Store) -> None:
    report_service = RecordingReportService()
    path = "/report/now/1/a@example.com;b@ex%C3%A4mple.com"
    assert app_over(store, report_service).ask("POST", path).status == 200
    assert [wanted.recipients for wanted in report_service.wanted] == [("a@example.com", "b@xn--exmple-cua.com")]


def test_the_error_of_an_invalid_address_names_the_comma(client: Client) -> None:
    answer = client.ask("POST", "/report/now/1/a@example.com%20b@example.com")
    assert answer.json["msg"] == "Endereço de e-mail inválido: use ana@exemplo.com, e vírgula entre vários."


@pytest.mark.parametrize("address", ["jo%C3%A3o@example.com", "ana@example.com,joa%CC%83o@example.com", "%E2%80%8Bana@example.com"])  # fmt: skip
def test_an_address_with_letters_that_mail_servers_refuse_is_told_of_them(client: Client, address: str) -> None:
    answer = client.ask("POST", f"/report/now/1/{address}")
    assert is_error(answer, 400, "invalid_address")
    assert answer.json["msg"] == (
        "Endereço de e-mail inválido: antes do @ não pode haver acentos nem outros caracteres além de ASCII."
    )


def test_a_host_without_a_dot_is_taken_where_the_relay_is_ones_own(store: Store) -> None:
    relay = {"EMAIL_FROM": "r@example.com", "SMTP_HOST": "mailhost", "SMTP_SECURITY": "none", "REPORT_RECIPIENTS": "*"}
    report_service = RecordingReportService()
    assert app_over(store, report_service, **relay).get("/report/now/6/ops@mailhost").status == 200
    assert [wanted.recipients for wanted in report_service.wanted] == [("ops@mailhost",)]
    assert is_error(app_over(store).get("/report/now/6/ops@mailhost"), 400, "invalid_address")


JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, '{"limit": 0.75, "attach": ["csv"], "notebook": "capacity"}'),
        (f"{JSON}; charset=utf-8", ' {"limit": 0.75, "attach": "csv", "notebook": "capacity"}'),
        ("text/plain;charset=UTF-8", '{"limit": 0.75, "attach": "csv", "notebook": "capacity"}'),
        (FORM, '{"limit": 0.75, "attach": "csv", "notebook": "capacity"}'),
        ("", '{"limit": 0.75, "attach": "csv", "notebook": "capacity"}'),
        (FORM, "limit=0.75&attach=csv&notebook=capacity"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters_in_a_body_are_used(store: Store, method: str, content_type: str, body: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).ask(method, "/report/now/1/a@b.com", content_type=content_type, body=body)
    assert answer.status == 200
    (wanted,) = report_service.wanted
    assert (wanted.notebook.stem, wanted.parameters, wanted.attach) == ("capacity", {"limit": 0.75}, ("csv",))


@pytest.mark.parametrize(
    ("query", "body", "field"),
    [
        ("?notebook=capacity", '{"limit": 0.5, "nonsense": 1}', "nonsense"),
        ("?notebook=capacity", '{"limit": "0.5"}', "limit"),
        ("?notebook=capacity", '{"limit": null}', "limit"),
        ("?notebook=capacity", '{"limit": NaN}', "body"),
        ("?notebook=capacity", '{"limit": 7}', "limit"),
        ("?notebook=capacity&limit=0.5", '{"limit": 0.5}', "limit"),
        ("", '{"wait": 0, "wait": 1}', "wait"),
        ("", '{"wait": 2}', "wait"),
        ("", '{"wait": [1]}', "wait"),
        ("", '{"attach": {"csv": true}}', "attach"),
        ("", '{"attach": ["exe"]}', "attach"),
        ("", '{"email_to": "x@example.com"}', "email_to"),
        ("", '{"limit": 0.5', "body"),
        ("", '{"a":' * 5000, "body"),
        ("", '[{"limit": 0.5}]', "body"),
        ("", '"limit"', "body"),
        ("", "limit: 0.5", "body"),
        ("", "{" + " " * 70_000 + "}", "body"),
    ],
)
def test_a_body_that_is_not_understood_is_a_400_and_no_report(store: Store, query: str, body: str, field: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).ask("POST", f"/report/now/1/a@b.com{query}", content_type=JSON, body=body)
    assert is_error(answer, 400, "invalid_parameter")
    assert answer.json["field"] == field
    assert report_service.wanted == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, "limit=0.5&limit=0.6"),
        (FORM, "limit"),
        (FORM, "a=%ff"),
        ("multipart/form-data; boundary=x", "--x"),
        (JSON, "\x1f\x8b"),
    ],
)
def test_so_is_a_form_that_is_none(client: Client, content_type: str, body: str) -> None:
    answer = client.ask("POST", "/report/now/1/a@b.com", content_type=content_type, body=body)
    assert is_error(answer, 400, "invalid_parameter")


def test_only_the_origins_that_are_set_may_read_and_errors_say_so_too(store: Store) -> None:
    client = app_over(store, CORS_ORIGINS="https://panel.example.com, https://b.example.com")
    for path in ("/cpu/now/1", "/nothing", "/cpu/x/1"):
        allowed = client.get(path, origin="https://b.example.com")
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://b.example.com"
        assert allowed.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Origin" not in client.get(path, origin="https://evil.example.com").headers


def test_an_unforeseen_fault_has_the_one_shape_and_says_nothing_of_the_inside(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store, "start_read", lambda *_: 1 / 0)
    assert is_error(app_over(store).get("/cpu/now/6"), 500, "internal")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_report_is_asked_for_with_both_methods(store: Store, method: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).ask(method, f"/report/{NOW_PATH}/06/a@b.com")
    assert answer.json["msg"] == "Relatório enviado com sucesso!"
    assert answer.json["report"]["email_to"] == "a@b.com"
    (asked,) = report_service.wanted
    assert (asked.window.end_utc, asked.window.hours, asked.recipients) == (NOW, 6, ("a@b.com",))
    assert len(asked.report_id) >= 20


def test_a_report_goes_to_several_each_once(store: Store) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).get("/report/now/6/a@b.com,C@d.com,A@b.com")
    assert answer.json["report"]["email_to"] == "a@b.com,C@d.com"
    assert [one["address"] for one in answer.json["report"]["recipients"]] == ["a@b.com", "C@d.com"]
    refused = app_over(store, report_service, REPORT_RECIPIENTS="@b.com").get("/report/now/6/a@b.com,c@d.com")
    assert is_error(refused, 403, "recipient_not_allowed")
    assert len(report_service.wanted) == 1


def test_a_report_is_asked_to_carry_attachments(store: Store) -> None:
    report_service = RecordingReportService()
    app_over(store, report_service).get("/report/now/6/a@b.com?attach=CSV,csv")
    app_over(store, report_service).get("/report/now/6/a@b.com")
    assert [asked.attach for asked in report_service.wanted] == [("csv",), ()]


@pytest.mark.parametrize(
    ("attach", "given"), [("docx", "docx"), ("csv,docx", "docx"), ("csv,,", ""), ("csv;x", "csv;x")]
)
def test_an_attachment_that_there_is_not_is_a_400_that_names_it(store: Store, attach: str, given: str) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service).get(f"/report/now/6/a@b.com?attach={attach}")
    assert is_error(answer, 400, "invalid_parameter")
    assert (answer.json["field"], answer.json["given"], answer.json["known"]) == ("attach", given, list(KINDS))
    assert report_service.wanted == []


def test_a_recipient_who_may_not_is_a_403_that_does_not_print_who_may(store: Store) -> None:
    report_service = RecordingReportService()
    answer = app_over(store, report_service, REPORT_RECIPIENTS="boss@example.com").get("/report/now/6/a@b.com")
    assert is_error(answer, 403, "recipient_not_allowed")
    assert b"boss" not in answer.body
    assert report_service.wanted == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"authorization": "Bearer wrong"}, 401), ({"authorization": "Basic s3cret"}, 401), ({"authorization": "Basic OnMzY3JldA=="}, 401),
     ({"x_api_key": "s3cre"}, 401), ({"x_api_key": "é"}, 401), ({"authorization": "Bearer s3cret"}, 200),
     ({"x_api_key": "s3cret"}, 200)],
)  # fmt: skip
def test_the_token_is_needed_where_one_is_set(store: Store, headers: dict[str, str], status: int) -> None:
    answer = app_over(store, API_TOKEN="s3cret").get("/report/now/6/a@b.com", **headers)
    assert answer.status == status
    if status == 401:
        assert is_error(answer, 401, "not_authenticated")
        assert answer.headers["Www-Authenticate"] == "Bearer"


def test_metric_routes_need_no_token(store: Store) -> None:
    assert app_over(store, API_TOKEN="s3cret").get("/cpu/now/1").status == 200


def test_one_address_asked_for_too_often_is_a_429_with_retry_after(store: Store) -> None:
    client = app_over(store)
    statuses = [client.get("/report/now/6/a@b.com").status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = client.get("/report/now/6/A@b.com")
    assert is_error(refused, 429, "asked_too_often")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert client.get("/report/now/6/c@b.com").status == 200


def test_a_caller_who_asks_too_often_is_a_429_with_retry_after_whoever_is_mailed(store: Store) -> None:
    client = app_over(store, REPORT_LIMIT_PER_CALLER="2")
    paths = [f"/report/now/6/{name}@b.com" for name in "abcd"]
    assert [client.get(path, remote_addr="2001:db8::1").status for path in paths[:2]] == [200, 200]
    refused = client.get(paths[2], remote_addr="2001:db8::ffff")
    assert is_error(refused, 429, "too_many_requests")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert client.get(paths[2], remote_addr="2001:db8:0:1::1").status == 200


def test_whoever_holds_the_token_is_one_caller(store: Store) -> None:
    client = app_over(store, REPORT_LIMIT_PER_CALLER="1", API_TOKEN="s3cret")
    asked = [client.get(f"/report/now/6/{n}@b.com", x_api_key="s3cret", remote_addr=f"192.0.2.{n}") for n in (1, 2)]
    assert [answer.status for answer in asked] == [200, 429]


def test_a_report_for_which_there_is_no_room_does_not_count(store: Store) -> None:
    report_service = RecordingReportService()
    client = app_over(store, report_service)
    report_service.fails_with = errors.TooManyReports(waiting=8, retry_after_seconds=40)
    assert [client.get("/report/now/6/a@b.com").json["error"] for _ in range(4)] == ["too_many_reports"] * 4
    report_service.fails_with = None
    assert client.get("/report/now/6/a@b.com").status == 200


FAILURES = [
    (errors.TooManyReports(waiting=8, retry_after_seconds=40), 429),
    (errors.NotebookFailed(cell=3, exception="KeyError", reason="KeyError: '/secret/path'"), 500),
    (errors.NothingToSend(reason="no figure"), 500),
    (errors.RunnerFailed(stage="notebook", reason="it ended with -9"), 500),
    (errors.StorageRefused(reason="403 on host x"), 502),
    (errors.MailRefused(reason="535 on host x", possibly_sent=False, is_temporary=False), 502),
    (errors.DatabaseUnreachable(reason="host x"), 503),
    (errors.IndexesNotReady(reason="cpu_usage"), 503),
    (errors.ReportTimedOut(stage="notebook", limit_seconds=120), 504),
]


@pytest.mark.parametrize(("failure", "status"), FAILURES, ids=lambda value: type(value).__name__)
def test_what_went_wrong_with_a_report_has_its_status(
    store: Store, failure: errors.PycemakerError, status: int
) -> None:
    report_service = RecordingReportService()
    report_service.fails_with = failure
    answer = app_over(store, report_service).get("/report/now/6/a@b.com")
    assert answer.status == status
    assert not answer.json["msg"].startswith("Relatório enviado")
    assert b"host x" not in answer.body
    assert b"/secret" not in answer.body
    assert ("Retry-After" in answer.headers) is (status == 429 or isinstance(failure, errors.IndexesNotReady))


def test_a_failed_notebook_says_which_cell(store: Store) -> None:
    report_service = RecordingReportService()
    report_service.fails_with = FAILURES[1][0]
    assert app_over(store, report_service).get("/report/now/6/a@b.com").json["cell"] == 3


def test_the_root_is_a_page_for_a_browser_and_an_index_for_a_program(client: Client, database: Database) -> None:
    insert(database, "cpu_usage", {"time_series": seconds_before(86_400), "value": 0.42})
    page = client.get("/", accept="text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "42,0%" in page.body.decode()
    index = client.get("/", accept="*/*").json
    assert {metric["id"] for metric in index["metrics"]} == {metric.id for metric in METRICS}
    cpu = index["metrics"][0]
    assert len(client.get(cpu["interval"]).json["data"]) == 1
    assert len(client.get(cpu["tail"]).json) == 1


@pytest.mark.parametrize(
    ("zone", "end", "hours", "expected"),
    [
        # 02:30 New York on 3 November 2024 is 07:30 UTC; six hours before is 01:30 UTC
        ("America/New_York", "03-11-2024-02-30-00", 6, ("2024-11-03T07:30:00.000Z", "2024-11-03T01:30:00.000Z")),
        # the day Sao Paulo skipped midnight: 01:00 local is 03:00 UTC
        ("America/Sao_Paulo", "16-10-2016-01-00-00", 2, ("2016-10-16T03:00:00.000Z", "2016-10-16T01:00:00.000Z")),
    ],
)
def test_an_interval_across_a_clock_change_counts_real_hours(
    store: Store, database: Database, zone: str, end: str, hours: int, expected: tuple[str, str]
) -> None:
    end_utc = datetime.fromisoformat(expected[0])
    insert(
        database,
        "cpu_usage",
        *({"time_series": end_utc - timedelta(minutes=minutes), "value": 0.5} for minutes in range(hours * 120)),
    )
    told = app_over(store, TIMEZONE=zone).get(f"/cpu/{end}/{hours}").json
    assert tuple(told["datas"][:2]) == expected
    assert len(told["data"]) == len(told["data_anterior"]) == hours * 60


def test_a_sample_with_a_list_of_dates_was_taken_at_no_instant_and_is_passed_over(
    client: Client, database: Database
) -> None:
    insert(
        database,
        "cpu_usage",
        {"time_series": [seconds_before(20), seconds_before(-86_400)], "value": 9.0},
        {"time_series": seconds_before(10), "value": 0.5},
    )
    told = client.get(f"/cpu/{NOW_PATH}/1").json
    assert [document["value"] for document in told["data"]] == [0.5]
    assert told["mean"] == 0.5
    assert [document["value"] for document in client.get("/cpu/10-04-2022-09-00-00").json] == [0.5]
    assert client.get("/").status == 200
