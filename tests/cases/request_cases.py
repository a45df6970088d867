"""Requests that dashboards and scripts of other people make; nothing is mailed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import server
from pycemaker.cache.sample_store import Store
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.web.services import Services
from tests.cases.table import Row
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Answer, Client


@dataclass(frozen=True)
class RequestCase:
    """One request.

    Attributes:
        method, path, headers: what is sent; `body` and `content_type` are among the headers, as for `Client`.
        expected: the status, and what `shows` adds.
        shows: a header of the answer that is told, or keys of its body.
    """

    method: str
    path: str
    expected: str
    headers: dict[str, str] = field(default_factory=dict)
    shows: str = ""

    def seen(self, answer: Answer) -> str:
        """The answer in the words of `expected`."""
        text = answer.headers.get(self.shows) if self.shows[:1].isupper() else None
        if text is None and self.shows:
            text = str(answer.json.get(self.shows))
        return f"{answer.status}" + (f" {text}" if text else "")


_PANEL = {"origin": "https://panel.example.com", "access_control_request_method": "GET"}
_ALLOWED = "Access-Control-Allow-Headers"
_JSON = {"content_type": "application/json", "body": '{"limit": 0.5, "nonsense": 1}'}
_CURL = _JSON | {"content_type": "application/x-www-form-urlencoded"}

REQUESTS = (
    RequestCase(
        "OPTIONS", "/cpu/now/1", "204 cache-control, pragma",
        _PANEL | {"access_control_request_headers": "cache-control,pragma"}, _ALLOWED,
    ),
    RequestCase(
        "OPTIONS", "/cpu/now/1", "204 baggage, sentry-trace",
        _PANEL | {"access_control_request_headers": "baggage,sentry-trace"}, _ALLOWED,
    ),
    RequestCase(
        "OPTIONS", "/cpu/now/1", "204 true",
        _PANEL | {"access_control_request_private_network": "true"}, "Access-Control-Allow-Private-Network",
    ),
    RequestCase("POST", "/report/now/1/a@example.com?wait=0&notebook=capacity", "400 nonsense", _JSON, "field"),
    RequestCase("POST", "/report/now/1/a@example.com;b@example.com", "200"),
    RequestCase("POST", "/report/now/1/ana@ex%C3%A4mple.com", "200"),
    RequestCase("GET", "/res_time/now/1/", "200"),
    RequestCase("GET", "//req_count/2022-04-10T12:43:23.123456789+00/1", "200"),
    RequestCase("GET", "/cpu/1649594603123/1", "200"),
    RequestCase("GET", "/cpu/1649594603/1", "400 date", shows="field"),
    RequestCase("GET", "/cpu/2022-04-10t12%3A43%3A23,5z/1?_=1649594603", "200"),
    RequestCase("POST", "/report/now/1/a@example.com?wait=0&notebook=capacity", "400 nonsense", _CURL, "field"),
    RequestCase("POST", "/report/now/1/ops%2Balerts@example.com", "200"),
    RequestCase("POST", "/report/now/1/Ops%20%3Cops@example.com%3E", "400 email_to", shows="field"),
)  # fmt: skip


def rows() -> Iterator[Row]:
    """A row for each request, over an empty database of their own."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.acquire(folder)
    database = Database(f"{held.url}/cases", held)
    try:
        for case in REQUESTS:
            services = Services(from_mapping({}), Store(database), RecordingReportService())
            answer = Client(server.create_app(services)).ask(case.method, case.path, **case.headers)
            yield Row(f"{case.method} {case.path} {case.headers or ''}", case.expected, case.seen(answer))
    finally:
        database.close()
        shutil.rmtree(folder, ignore_errors=True)
