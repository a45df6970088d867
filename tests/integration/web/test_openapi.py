"""/openapi.json against the server: valid OpenAPI, complete, and true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

import server
from pycemaker import errors
from pycemaker.cache.sample_store import Store
from pycemaker.errors import every_error
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.mongo.embedded import EmbeddedMongod
from pycemaker.parsing.route_paths import UNSUBSCRIBE_PREFIX, template
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.openapi.components import path_parameter
from pycemaker.web.services import Services
from tests.services.openapi_app import InstantReportService
from tests.services.process import free_port
from tests.services.wsgi import Answer, Client

NOW = datetime(2022, 4, 10, 12, 43, 23, tzinfo=UTC)
UNLIMITED = {"REPORT_LIMIT_PER_CALLER": "0", "REPORT_LIMIT_PER_RECIPIENT": "0", "REPORT_QUEUE": "10000"}
ID = "Zm9vYmFyYmF6cXV4LV9hYg"
EXAMPLES = int(os.environ.get("PATHS", "300"))
"""How many paths of each kind are tried; PATHS=50000 tries more."""


def write(database: Database) -> None:
    times = [NOW - timedelta(seconds=5 * step) for step in range(2000)]
    for metric in METRICS:
        database[metric.collection].insert_many(
            [{"time_series": time, "criticity": "low", **dict.fromkeys(metric.fields, 0.5)} for time in times]
        )


@pytest.fixture(scope="module")
def samples(mongod: EmbeddedMongod) -> Iterator[Database]:
    """A database whose samples no test changes."""
    with closing(Database(f"{mongod.url}/test_openapi")) as database:
        write(database)
        yield database


@pytest.fixture
def store(samples: Database) -> Iterator[Store]:
    yield Store(samples, 2**26)
    for name in set(samples["jobs"].database.list_collection_names()) - {metric.collection for metric in METRICS}:
        samples[name].delete_many({})


def services_over(store: Store, folder: Path, **given: str) -> Services:
    settings = from_mapping({"DATA_DIR": str(folder), **UNLIMITED, **given})
    return Services(settings, store, InstantReportService(store.database, folder), clock=lambda: NOW)


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Client:
    return Client(server.create_app(services_over(store, tmp_path)))


@pytest.fixture
def described(client: Client) -> dict[str, Any]:
    return dict(client.get("/openapi.json").json)


def routes_of(store: Store, folder: Path) -> set[tuple[str, str]]:
    """The rules and methods of the app, read off Bottle itself."""
    app = server.create_routes(services_over(store, folder), TrustedOrigins(None, ("*",)))
    return {(template(route.rule), route.method) for route in app.routes}


def check(described: dict[str, Any], path: str, method: str, answer: Answer) -> None:
    """See that the answer is one that the description has, and looks as it says."""
    responses = described["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, (answer.status, answer.body[:300])
    response = responses[str(answer.status)]
    for name, header in response["headers"].items():
        schema = described["components"]["headers"][header["$ref"].rpartition("/")[2]]["schema"]
        if name.title() in answer.headers:
            Draft202012Validator(schema).validate(answer.headers[name.title()])
    assert answer.headers["X-Request-Id"]
    if "content" not in response:
        assert answer.body == b""
        return
    media_type = answer.headers["Content-Type"].partition(";")[0]
    schema = response["content"][media_type]["schema"]
    if media_type == "application/json":
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json)


def test_it_is_openapi_with_and_without_a_token(client: Client, store: Store, tmp_path: Path) -> None:
    guarded = Client(server.create_app(services_over(store, tmp_path, API_TOKEN="s3cret")))
    for told in (client.get("/openapi.json").json, guarded.get("/openapi.json").json):
        assert told["openapi"].startswith("3.1.")
        validate(told)
    assert "401" in told["paths"]["/notebooks"]["get"]["responses"]
    assert told["paths"]["/notebooks"]["get"]["security"] == [{"bearer": []}, {"key": []}]
    assert "security" not in told["paths"]["/{name}/{date_start}"]["get"]
    assert "s3cret" not in json.dumps(told)


def test_every_route_is_in_it_and_nothing_else(described: dict[str, Any], store: Store, tmp_path: Path) -> None:
    routes = routes_of(store, tmp_path)
    refused = {(path, method) for path, method in routes if method == "HEAD"}  # a HEAD of its own is a refusal
    told = {(RULES.get(path, path), method.upper()) for path, item in described["paths"].items() for method in item}
    assert told == (routes - refused) | {(path, "HEAD") for path, method in routes if method == "GET"} - refused


def test_names_of_operations_are_unique_and_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    operations = [operation for item in described["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for path, item in described["paths"].items():
        for operation in item.values():
            named = {each["name"] for each in operation["parameters"] if each.get("in") == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_error_of_the_table_is_in_it(described: dict[str, Any]) -> None:
    known = set(described["components"]["schemas"]["Error"]["properties"]["error"]["enum"])
    assert {kind.code for kind in every_error().values()} <= known
    text = json.dumps(described["paths"], ensure_ascii=False)
    unused = {name for name, kind in every_error().items() if f"`{kind.code}`" not in text}
    assert unused <= {
        "ReportFailed",
        "NotFound",
        "NotAuthenticated",
        "DatabaseNotStarted",
        "MethodNotAllowed",
        "NotReady",
    }


def test_the_hours_that_a_pattern_takes_are_those_that_the_route_takes() -> None:
    for limit in ("1", "9", "10", "24", "744", "1000", "8784"):
        settings = from_mapping({"MAX_RANGE_HOURS": limit})
        schema = path_parameter("time_range", "/<name>/<date_now>/<time_range>", settings)["schema"]
        taken = [hours for hours in range(9000) if re.search(schema["pattern"], str(hours))]
        assert taken == list(range(1, int(limit) + 1))
        assert re.search(schema["pattern"], "00" + limit)


RULES = dict.fromkeys(("/reports/{report_id}", *(f"/reports/{{report_id}}.{ending}" for ending in ("json", "eml", "ipynb"))), "/reports/{name}")  # fmt: skip
"""Paths that are narrower than their routes."""

ANSWERS = [
    ("/{name}/{date_now}/{time_range}", [
        "/cpu/10-04-2022-09-43-23/1", "/cpu/now/1", "/ram/2022-04-10T12:43:23Z/2?max_points=10", "/disk/now/744",
        "/request_count/now/1?format=csv", "/http_fail/now/1?format=arrow", "/cpu/now/1?format=ndjson",
        "/response_time/10-04-2000-09-43-23/06", "/cpu/x/1", "/cpu/now/0", "/cpu/now/745", "/nothing/now/1",
        "/cpu/10-04-2022-09-43-23/2?every=60", "/cpu/now/1?every=60&format=csv", "/cpu/now/1?every=0", "/cpu/now/1?format=x", "/cpu/now/1?max_points=1",
    ]),
    ("/{name}/{date_start}", [
        "/cpu/10-04-2022-09-00-00", "/cpu/now", "/cpu/10-04-2022-09-00-00?max_points=5", "/cpu/10-04-2022-09-00-00?every=60", "/reponse_time/now?format=csv",
        "/cpu/x", "/x/now",
    ]),
    ("/now", ["/now"]),
    ("/forecast/{name}/{date_now}/{time_range}", [
        "/forecast/cpu/now/1", "/forecast/health/now/1", "/forecast/health/now/24", "/forecast/cpu/now/1?limit=0.4", "/forecast/cpu/now/1?limit=x",
        "/forecast/x/now/1", "/forecast/cpu/x/1", "/forecast/cpu/now/0",
    ]),
    ("/health_score/{date_now}/{time_range}", ["/health_score/now/1", "/health_score/10-04-2022-09-43-23/6", "/health_score/x/1"]),
    ("/current_health/{time_range}", ["/current_health/1", "/current_health/168", "/current_health/0"]),
    ("/health_data/{time_range}", ["/health_data/1", "/health_data/x"]),
    ("/predicted_data/{time_range}", ["/predicted_data/1", "/predicted_data/168"]),
    ("/cpu_predict/{opened}/{time_range}", ["/cpu_predict/10-04-2022-09-13-23/1", "/cpu_predict/now/168", "/cpu_predict/x/1"]),
    ("/ram_predict/{opened}/{time_range}", ["/ram_predict/now/1"]),
    ("/", ["/"]),
    ("/overview", ["/overview"]),
    ("/overview.js", ["/overview.js"]),
    ("/health", ["/health"]),
    ("/ready", ["/ready"]),
    ("/metrics", ["/metrics"]),
    ("/notebooks", ["/notebooks"]),
    ("/openapi.json", ["/openapi.json"]),
    ("/report/{date_now}/{time_range}/{email_to}", [
        "/report/now/6/a@b.com", "/report/now/6/b@b.com?notebook=capacity&limit=0.8", "/report/now/6/c@b.com?attach=csv", "/report/now/6/d@b.com,e@b.com?wait=0", "/report/now/6/a@b.com?wait=2",
        "/report/x/6/a@b.com", "/report/now/0/a@b.com", "/report/now/6/x", "/report/now/6/a@b.com?limt=1",
        "/report/now/6/a@b.com?notebook=x", "/report/now/6/a@b.com?attach=x", "/report/now/6/a@b.com?notebook=%ff",
        "/report/now/6/a@b.com?notebook=report&notebook=report",
    ]),
    ("/reports", ["/reports", "/reports?limit=1", "/reports?limit=0", "/reports?before=2022-04-10T12:43:23Z", "/reports?x=1"]),
    ("/reports/{report_id}", [f"/reports/{ID}", "/reports/x"]),
    ("/reports/{report_id}.json", [f"/reports/{ID}.json", "/reports/x.json"]),
    ("/reports/{report_id}.eml", [f"/reports/{ID}.eml"]),
    ("/reports/{report_id}.ipynb", [f"/reports/{ID}.ipynb"]),
    ("/reports/{report_id}/figures/{name}", [f"/reports/{ID}/figures/cpu.png", "/reports/x/figures/y"]),
    ("/unsubscribe/{token}", [f"{UNSUBSCRIBE_PREFIX}x"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "asked"), ANSWERS, ids=[path for path, _ in ANSWERS])
def test_real_answers_are_as_described(client: Client, described: dict[str, Any], path: str, asked: list[str]) -> None:
    for each in asked:
        for method in sorted(described["paths"][path]):
            check(described, path, method, client.ask(method.upper(), each))
        answer = client.get(each)
        if "Etag" in answer.headers:
            check(described, path, "get", client.get(each, if_none_match=answer.headers["Etag"]))
        check(described, path, "get", client.get(each, accept="text/html"))


def test_answers_of_refusals_and_faults_are_as_described(
    client: Client, described: dict[str, Any], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = "/report/{date_now}/{time_range}/{email_to}"
    check(described, report, "get", client.get("/report/now/6/a@b.com", sec_purpose="prefetch"))
    strict = Client(server.create_app(services_over(store, tmp_path, REPORT_RECIPIENTS="boss@example.com")))
    check(described, report, "get", strict.get("/report/now/6/a@b.com"))
    guarded = Client(server.create_app(services_over(store, tmp_path, API_TOKEN="s3cret")))
    check(guarded.get("/openapi.json").json, report, "post", guarded.ask("POST", "/report/now/6/a@b.com"))
    for fault in (
        errors.NotebookFailed(cell=3, exception="KeyError", reason="x", report_id=ID),
        errors.ReportUnfit(findings=["a: b"], report_id=ID),
        errors.RunnerFailed(stage="notebook", reason="x"),
        errors.ReportTooLarge(stage="notebook", limit_mb=1, held_mb=2),
        errors.ReportExpired(reason="x"),
        errors.MailRefused(reason="550", possibly_sent=True, is_temporary=False),
        errors.MailDeferred(
            reason="450", next_attempt_at="2022-04-10T12:43:23.000Z", possibly_sent=False, is_temporary=True
        ),
        errors.MailPartlySent(reason="550", recipients=["a@b.com: sent"], possibly_sent=True, is_temporary=False),
        errors.RecipientSuppressed(reason="x", possibly_sent=False, is_temporary=False),
        errors.StorageRefused(reason="x"),
        errors.ReportTimedOut(stage="mail", limit_seconds=120),
        errors.TooManyReports(waiting=8, retry_after_seconds=40),
        errors.DatabaseUnreachable(reason="x"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(InstantReportService, "enqueue", lambda *_, fault=fault: (_ for _ in ()).throw(fault))
            check(described, report, "get", client.get(f"/report/now/6/{type(fault).__name__}@b.com"))


def test_a_database_that_is_away_is_answered_as_described(tmp_path: Path) -> None:
    away = Database("mongodb://127.0.0.1:1/x")
    client = Client(server.create_app(services_over(Store(away), tmp_path)))
    told = client.get("/openapi.json").json
    for path, asked in (
        ("/{name}/{date_now}/{time_range}", "/cpu/now/1"), ("/{name}/{date_start}", "/cpu/now"), ("/", "/"), ("/now", "/now"),
        ("/ready", "/ready"), ("/report/{date_now}/{time_range}/{email_to}", "/report/now/6/a@b.com"),
    ):  # fmt: skip
        answer = client.get(asked)
        assert answer.status == 503
        check(told, path, "get", answer)
    away.close()


def test_the_record_of_a_report_is_as_described(client: Client, described: dict[str, Any]) -> None:
    asked = client.ask("POST", "/report/now/6/a@b.com,c@d.com?wait=0", idempotency_key="key-1", x_request_id="asked-1")
    check(described, "/report/{date_now}/{time_range}/{email_to}", "post", asked)
    assert asked.status == 202
    record = client.get(asked.headers["Location"])
    check(described, "/reports/{report_id}.json", "get", record)
    assert record.json["report"]["request_id"] == "asked-1"
    check(described, "/reports", "get", client.get("/reports"))
    other = client.ask("POST", "/report/now/7/a@b.com?wait=0", idempotency_key="key-1")
    assert other.status == 422
    check(described, "/report/{date_now}/{time_range}/{email_to}", "post", other)


def test_it_has_a_tag_and_changes_with_the_notebooks(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "own.ipynb").write_text((ROOT / "notebooks" / "report.ipynb").read_text())
    services = Services(from_mapping({}), store, InstantReportService(store.database, tmp_path), notebooks=folder)
    client = Client(server.create_app(services))
    first = client.get("/openapi.json")
    assert client.get("/openapi.json", if_none_match=first.headers["Etag"]).status == 304
    (folder / "other.ipynb").write_text((ROOT / "notebooks" / "capacity.ipynb").read_text())
    second = client.get("/openapi.json", if_none_match=first.headers["Etag"])
    assert second.status == 200
    parameters = second.json["paths"]["/report/{date_now}/{time_range}/{email_to}"]["get"]["parameters"]
    by_name = {each["name"]: each for each in parameters if "name" in each}
    assert by_name["notebook"]["schema"]["enum"] == ["other", "own"]
    assert by_name["limit"]["schema"]["type"] == "number"


# --- whatever path is sent

DIGITS = st.text("0123456789", max_size=6)
DATES = st.one_of(
    st.just("now"),
    st.text(max_size=30),
    st.datetimes().map(lambda at: f"{at:%d-%m-}{at.year:04d}{at:-%H-%M-%S}"),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat()),
    st.lists(DIGITS, min_size=6, max_size=6).map("-".join),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}([Zz]|[+-][0-9]{2}:?[0-9]{2})", fullmatch=True),
)
RANGES = st.one_of(st.integers(-10, 10_000).map(str), st.text(max_size=12), DIGITS)
NAMES = st.one_of(st.sampled_from([metric.id for metric in METRICS]), st.text(max_size=20))
ADDRESSES = st.one_of(
    st.emails(), st.text(max_size=40), st.tuples(st.text(max_size=8), st.text(max_size=8)).map("@".join)
)
QUERIES = st.one_of(
    st.just(""),
    st.text(max_size=30),
    st.tuples(st.just("before"), st.one_of(DATES, st.datetimes(timezones=st.timezones()).map(datetime.isoformat))).map("=".join),
    st.tuples(st.sampled_from(["format", "max_points", "notebook", "attach", "limit", "x"]), st.text(max_size=12)).map("=".join),
    st.tuples(st.just("max_points"), st.integers(-5, 20_000).map(str)).map("=".join),
    st.tuples(st.just("format"), st.sampled_from(["json", "csv", "ndjson", "arrow"])).map("=".join),
)  # fmt: skip
PATHS = st.one_of(
    st.tuples(NAMES, DATES, RANGES),
    st.tuples(NAMES, DATES),
    st.tuples(st.just("report"), DATES, RANGES, ADDRESSES),
    st.just(("reports",)),
    st.tuples(st.just("reports"), st.text(max_size=30)),
    st.tuples(st.just("reports"), st.text(max_size=30), st.just("figures"), st.text(max_size=20)),
    st.lists(st.text(max_size=10), max_size=6).map(tuple),
)


def on_the_wire(text: str, *, plain: bool) -> str:
    """The text with its characters quoted; where it is `plain`, those that a request line may have stay as they are."""
    quoted = {c: "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass")) for c in text}
    stay = {c for c in text if plain and c.isascii() and c.isprintable() and c not in " ?#%"}
    return "".join(c if c in stay else quoted[c] for c in text)


@hypothesis.settings(
    max_examples=EXAMPLES, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], derandomize=EXAMPLES < 1000
)  # fmt: skip
@hypothesis.given(PATHS, QUERIES, st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "BREW"]), st.booleans())
def test_whatever_is_asked_is_answered_as_described(
    client: Client, described: dict[str, Any], parts: tuple[str, ...], query: str, method: str, plain: bool
) -> None:
    path = "/" + "/".join(on_the_wire(part, plain=plain) for part in parts)
    path += f"?{on_the_wire(query, plain=plain)}" if query else ""
    answer = client.ask(method, path)
    assert answer.status < 500, (path, answer.body)
    if answer.status >= 400:
        if method != "HEAD":
            told = answer.json
            Draft202012Validator(
                {"$ref": "#/components/schemas/Error", "components": described["components"]}
            ).validate(told)
    else:
        assert answer.status in (200, 304)
        assert method in ("GET", "HEAD", "POST")


# --- schemathesis over a real socket, a real Granian and a real mongod


@contextmanager
def served(url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The app under Granian; its URL."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--factory",
        "--no-log",
        "--blocking-threads",
        "8",
    ]
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environment = plain | {"MONGO_DB_URL": url, "DATA_DIR": str(folder), "GRANIAN_PORT": str(port), **settings}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "tests.services.openapi_app:application"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


HEADS = """[[operations]]
include-method = "HEAD"
phases.examples.enabled = false
phases.fuzzing.enabled = false
"""
"""A HEAD takes what its GET takes, so only the coverage phase asks for it."""


@pytest.mark.parametrize(("token", "phases"), [(None, "examples,coverage"), ("s3cret-token", "coverage,fuzzing")])
def test_schemathesis_finds_nothing(
    database: Database, database_url: str, tmp_path: Path, token: str | None, phases: str
) -> None:
    write(database)
    settings = {"REPORT_LIMIT_PER_CALLER": "0", "REPORT_LIMIT_PER_RECIPIENT": "0"} | (
        {"API_TOKEN": token} if token else {}
    )
    examples = os.environ.get("SCHEMATHESIS_EXAMPLES", "3")
    (tmp_path / "schemathesis.toml").write_text(HEADS)
    with served(database_url, tmp_path, **settings) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--max-examples", examples]
        command += ["--exclude-checks", "positive_data_acceptance,not_a_server_error"]  # the hooks have finer ones
        command += [
            "--seed",
            "1",
            "--checks",
            "all",
            "--phases",
            phases,
            "--generation-database",
            "none",
            "--suppress-health-check",
            "too_slow",  # how fast a busy machine makes up addresses is no matter of the API
            "--no-color",
        ]
        command += ["-H", f"Authorization: Bearer {token}"] if token else []
        hooked = {"SCHEMATHESIS_HOOKS": "tests.services.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
        told = subprocess.run(
            command, cwd=tmp_path, env=os.environ | hooked, capture_output=True, text=True, check=False, timeout=600
        )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    print(told.stdout[-1500:])
