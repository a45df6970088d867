"""Security headers of every page, and refused prefetches. Chromium really fetches ahead."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.settings import from_mapping
from pycemaker.web.middleware.security_headers import PAGE_HEADERS, PURPOSES
from pycemaker.web.services import Services
from tests.services.listening import listening
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

REPORT = "/report/now/6/a@b.com"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def report_service() -> RecordingReportService:
    return RecordingReportService()


@pytest.fixture
def app(store: Store, report_service: RecordingReportService, tmp_path: Path) -> Any:
    return server.create_app(Services(from_mapping({"DATA_DIR": str(tmp_path)}), store, report_service))


@pytest.mark.parametrize(
    ("header", "told", "purpose"),
    [("sec_purpose", "prefetch", "prefetch"), ("sec_purpose", "prefetch;prerender", "prefetch"),
     ("sec_purpose", "prefetch;anonymous-client-ip", "prefetch"), ("sec_purpose", "prerender", "prerender"),
     ("purpose", "prefetch", "prefetch"), ("purpose", "Preview", "preview"), ("x_moz", "prefetch", "prefetch"),
     ("x_purpose", "preview", "preview"), ("x_purpose", ": preview", "preview"),
     ("sec_fetch_dest", "image", "embed"), ("sec_fetch_dest", "iframe", "embed"),
     ("sec_fetch_mode", "no-cors", "embed")],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_nobody_meant_makes_nothing(
    app: Any, report_service: RecordingReportService, method: str, header: str, told: str, purpose: str
) -> None:
    answer = Client(app).ask(method, REPORT, **{header: told})
    assert answer.status == 403
    assert set(answer.json) == {"msg", "error", "purpose"}
    assert (answer.json["error"], answer.json["purpose"], report_service.wanted) == ("fetch_refused", purpose, [])
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_dest": "document"},
        {"sec_fetch_dest": "empty"},
        {"sec_purpose": ""},
        {"purpose": "prefetching"},
        {"sec_fetch_mode": "cors"},
        {"sec_fetch_mode": "navigate", "sec_fetch_site": "same-origin"},
    ],
    ids=str,
)
def test_a_request_that_somebody_meant_is_served(
    app: Any, report_service: RecordingReportService, headers: dict[str, str]
) -> None:
    assert Client(app).get(REPORT, **headers).status == 200
    assert len(report_service.wanted) == 1


def test_reading_ahead_is_welcome_where_nothing_is_done(app: Any) -> None:
    assert Client(app).get("/cpu/now/1", sec_purpose="prefetch;prerender").status == 200


def test_a_page_runs_nothing_is_framed_by_nobody_and_tells_no_address(app: Any) -> None:
    page = Client(app).get("/overview", accept="text/html")
    for name, told in PAGE_HEADERS.items():
        assert page.headers[name] == told
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert b"<script" not in page.body
    assert "script" not in page.headers["Content-Security-Policy"]
    for needed in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert needed in page.headers["Content-Security-Policy"]


def test_the_start_page_runs_our_own_script_file_and_asks_nobody_else(app: Any) -> None:
    page = Client(app).get("/", accept="text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy == PAGE_HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert re.findall(rb"<script[^>]*>(.*?)</script>", page.body) == [b""]
    assert re.search(rb"\son[a-z]+=|javascript:", page.body) is None


@pytest.mark.parametrize("path", ["/", "/cpu/now/1", "/nothing", "/notebooks", "/health", "/ready"])
def test_json_is_not_sniffed_and_has_no_policy_of_a_page(app: Any, path: str) -> None:
    answer = Client(app).get(path)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in answer.headers


PAGE = f"""<!doctype html><title>links</title>
<link rel="prefetch" href="{REPORT}?notebook=report&a"><img src="{REPORT}?b">
<script type="speculationrules">{{
  "prerender": [{{"source": "list", "urls": ["{REPORT}?c"], "eagerness": "immediate"}}],
  "prefetch": [{{"source": "list", "urls": ["{REPORT}?d"], "eagerness": "immediate"}}]
}}</script><a href="{REPORT}">report</a>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_chromium_fetching_ahead_makes_no_report(
    app: Any, report_service: RecordingReportService, tmp_path: Path
) -> None:
    """It is given a page that has it prefetch, prerender and embed a report's address; each of them is refused."""
    seen: dict[str, tuple[str, int]] = {}
    with listening(_with_page(app, seen)) as port:
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        options += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
        browser = subprocess.Popen(
            [str(CHROMIUM), *options, f"http://127.0.0.1:{port}/page"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 40
            while len(seen) < 4 and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            browser.terminate()
            browser.wait(10)
    # speculation rules it may leave for want of memory
    assert {"a", "b"} <= set(seen), "Chromium did not load the page"
    assert {status for _, status in seen.values()} == {403}
    assert report_service.wanted == []


def _with_page(app: Any, seen: dict[str, tuple[str, int]]) -> Any:
    """The application, and a page of its site; what is asked of /report is noted by the query's last letter."""

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/page":
            start_response("200 OK", [("Content-Type", "text/html")])
            return [PAGE.encode()]

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if environ["PATH_INFO"].startswith("/report"):
                purposes = [environ[name] for name in PURPOSES if name in environ]
                seen[environ["QUERY_STRING"][-1]] = (str(purposes), int(status[:3]))
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return serve
