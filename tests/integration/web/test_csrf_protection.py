"""Requests of another site's page in Chromium: none acts here. And every route that acts declares it.

The other site is a real one, on a port of its own. This server is asked by `127.0.0.1`, by `localhost`, and by a
plain-http name, to which Chromium sends no `Sec-Fetch-*`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bottle import Bottle
from playwright.sync_api import Browser, Page, sync_playwright

import server
from pycemaker.cache.sample_store import Store
from pycemaker.parsing.route_paths import REPORT_RULE
from pycemaker.settings import from_mapping
from pycemaker.web.access.csrf_protection import CsrfProtection
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.error_handlers import handle_errors
from pycemaker.web.route_methods import ActionPolicy, policy_of
from pycemaker.web.services import Services
from tests.services.browser import CHROMIUM, violations
from tests.services.listening import listening
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

PATH = "/report/now/6/a@b.com"
NAMES = ["127.0.0.1", "localhost", "pycemaker-api"]
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--host-resolver-rules=MAP * 127.0.0.1"]

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@dataclass
class Site:
    """This server and another site, and what was answered to those who asked for a report: method and status."""

    port: int = 0
    other_port: int = 0
    page: str = ""
    report_service: RecordingReportService = field(default_factory=RecordingReportService)
    answered: list[tuple[str, int]] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://{name}:{self.port}{PATH}"

    @property
    def other(self) -> str:
        return f"http://127.0.0.1:{self.other_port}"


def app_over(store: Store, report_service: RecordingReportService, folder: Path, **given: str) -> Any:
    return server.create_app(Services(from_mapping({"DATA_DIR": str(folder), **given}), store, report_service))


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[Site]:
    both = Site()
    app = app_over(store, both.report_service, tmp_path)

    def noted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if environ["PATH_INFO"].startswith("/report/") and environ["REQUEST_METHOD"] != "OPTIONS":
                both.answered.append((environ["REQUEST_METHOD"], int(status[:3])))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return app(environ, start)

    def other(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [both.page.encode()]

    with listening(noted) as both.port, listening(other) as both.other_port:
        yield both


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


SCRIPTS = {
    "fetch": "fetch(URL).catch(() => 0)",
    "fetch by POST": "fetch(URL, {method: 'POST', body: 'a=1'}).catch(() => 0)",
    "fetch without an answer": "fetch(URL, {mode: 'no-cors', referrerPolicy: 'no-referrer'}).catch(() => 0)",
    "fetch as a program": "fetch(URL, {mode: 'no-cors', referrerPolicy: 'no-referrer',"
    " headers: {Accept: 'application/json', 'Accept-Language': ''}}).catch(() => 0)",
    "beacon": "navigator.sendBeacon(URL, 'a')",
    "stream": "new EventSource(URL)",
    "socket": "new WebSocket(URL.replace('http', 'ws'))",
    "location": "location = URL",
    "form": "const f = document.body.appendChild(document.createElement('form')); f.method = 'POST'; f.action = URL;"
    " f.submit()",
    "form that answers our question": "const f = document.body.appendChild(document.createElement('form'));"
    " f.method = 'POST'; f.action = URL; f.innerHTML = '<input name=acao value=enviar>'; f.submit()",
}
"""What a page can have its visitor's browser ask without being touched; URL is a report's address."""

EMBEDS = {
    "image": '<img src="URL">',
    "image without a referrer": '<img referrerpolicy="no-referrer" src="URL">',
    "script without a referrer": '<script referrerpolicy="no-referrer" src="URL"></script>',
    "style": '<link rel="stylesheet" href="URL">',
    "video": '<video referrerpolicy="no-referrer" src="URL" autoplay></video>',
    "frame": '<iframe src="URL"></iframe>',
    "refresh": '<meta http-equiv="refresh" content="0;url=URL">',
}


@needs_chromium
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", [*SCRIPTS, *EMBEDS])
def test_another_site_has_nothing_done(site: Site, page: Page, name: str, how: str) -> None:
    script = SCRIPTS.get(how, "")
    site.page = f"<!doctype html><body>{EMBEDS.get(how, '')}<script>const URL = '{site.url(name)}';{script}</script>"
    site.page = site.page.replace('"URL"', f'"{site.url(name)}"').replace("url=URL", f"url={site.url(name)}")
    page.goto(site.other, wait_until="commit")
    until = time.monotonic() + 10
    while not site.answered and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert site.answered, "Chromium did not ask"
    assert {status for _, status in site.answered} == {403}
    assert site.report_service.wanted == []


@needs_chromium
@pytest.mark.parametrize(("name", "how"), [(name, how) for name in NAMES for how in ("frame", "refresh")])
def test_without_a_referrer_another_site_has_a_page_shown_at_most(site: Site, page: Page, name: str, how: str) -> None:
    """A plain-http name is not told whether a person followed a link; a page in a frame is not shown."""
    site.page = '<!doctype html><meta name="referrer" content="no-referrer"><body>' + EMBEDS[how].replace(
        "URL", site.url(name)
    )
    page.goto(site.other, wait_until="commit")
    until = time.monotonic() + 10
    while not site.answered and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert site.answered == [("GET", 200 if name == "pycemaker-api" else 403)]
    assert site.report_service.wanted == []
    assert how != "frame" or "Enviar" not in page.frames[-1].content()


@needs_chromium
@pytest.mark.parametrize(("name", "reads"), [("127.0.0.1", ""), ("localhost", ""), ("pycemaker-api", "noreferrer")])
def test_a_link_from_elsewhere_asks_first_and_its_button_sends(site: Site, page: Page, name: str, reads: str) -> None:
    site.page = f'<!doctype html><body><a rel="{reads}" href="{site.url(name)}">report</a>'
    page.goto(site.other)
    page.click("a")
    page.wait_for_url(site.url(name))
    assert (site.answered, site.report_service.wanted) == ([("GET", 200)], [])
    assert page.inner_text("h1") == "Enviar este relatório?"
    assert "a@b.com" in page.inner_text("main")
    page.click("button")
    page.wait_for_selector("text=Relatório enviado com sucesso!")
    assert site.answered[1:] == [("POST", 200)]
    assert [each.recipients for each in site.report_service.wanted] == [("a@b.com",)]
    assert page.get_attribute("a", "href") == f"/reports/{site.report_service.wanted[0].report_id}"


@needs_chromium
def test_an_address_that_is_typed_asks_first_too(site: Site, page: Page) -> None:
    page.goto(site.url("127.0.0.1"))
    assert (site.answered, site.report_service.wanted) == ([("GET", 200)], [])
    assert page.inner_text("button") == "Enviar o relatório"


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_that_asks_is_accessible_and_fits_a_telephone(site: Site, browser: Browser, dark: bool) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 640}, color_scheme="dark" if dark else "light", bypass_csp=True
    )
    page = context.new_page()
    page.goto(site.url("127.0.0.1").replace("a@b.com", f"{'a' * 60}@{'b' * 60}.example.com"))
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_the_button_says_what_went_wrong_on_a_page(store: Store, tmp_path: Path) -> None:
    client = Client(app_over(store, RecordingReportService(), tmp_path))
    form = {"content_type": "application/x-www-form-urlencoded", "body": "acao=enviar"}
    answer = client.ask("POST", "/report/now/999/a@b.com", sec_fetch_site="same-origin", **form)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "Intervalo inválido: use um número inteiro de horas, de 1 a 744." in answer.body.decode()
    assert client.ask("POST", "/report/now/999/a@b.com", body='{"acao": 1}').json["error"] == "invalid_range"


def test_where_a_token_is_set_nobody_is_asked_for_what_a_button_cannot_give(store: Store, tmp_path: Path) -> None:
    client = Client(app_over(store, RecordingReportService(), tmp_path, API_TOKEN="a" * 20))
    followed = {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert client.get(PATH, **followed).status == 401


PANEL, EVIL = "https://panel.example.com", "https://evil.example.com"


def test_a_named_origin_acts_and_star_names_none(store: Store, tmp_path: Path) -> None:
    for named, status in ((f"*, {PANEL}", 200), (PANEL, 200), ("*", 403), ("https://*.example.com", 403)):
        report_service = RecordingReportService()
        client = Client(app_over(store, report_service, tmp_path, CORS_ORIGINS=named))
        for method in ("GET", "POST"):
            told = client.ask(method, PATH, origin=PANEL, sec_fetch_site="cross-site", sec_fetch_mode="cors")
            assert told.status == status
            assert client.ask("OPTIONS", PATH, origin=PANEL).status == (204 if status == 200 else 403)
            refused = client.ask(method, PATH, origin=EVIL, sec_fetch_site="cross-site", sec_fetch_mode="cors")
            assert (refused.status, refused.json["origin"]) == (403, EVIL)
        assert len(report_service.wanted) == (2 if status == 200 else 0)


def test_a_preflight_of_what_only_reads_is_answered_as_before(store: Store, tmp_path: Path) -> None:
    client = Client(app_over(store, RecordingReportService(), tmp_path))
    for path in ("/cpu/now/1", "/notebooks", "/unsubscribe/token", "/nothing"):
        assert client.ask("OPTIONS", path, origin=EVIL).status == 204
    for path in (PATH, "/report/x/y/z"):
        told = client.ask("OPTIONS", path, origin=EVIL)
        assert (told.status, told.json["error"]) == (403, "foreign_origin")
        assert client.ask("OPTIONS", path).status == 204


def test_every_route_that_acts_is_guarded(routes: Bottle) -> None:
    acting = {(route.rule, route.method) for route in routes.routes if policy_of(route) is not None}
    posting = {(route.rule, route.method) for route in routes.routes if route.method not in ("GET", "HEAD")}
    assert posting <= acting
    assert {rule for rule, method in acting if method == "GET"} == {REPORT_RULE, f"/apps/<application>{REPORT_RULE}"}
    assert {route.rule for route in routes.routes if (policy_of(route) or ActionPolicy()).by_link} == {
        "/unsubscribe/<token>",
        "/alerts/links/<token>",
    }


def test_no_other_get_asks_for_a_report(routes: Bottle, store: Store, tmp_path: Path) -> None:
    report_service = RecordingReportService()
    client = Client(app_over(store, report_service, tmp_path))
    rules = {route.rule for route in routes.routes if route.method == "GET" and "acts" not in route.config}
    assert len(rules) > 10
    for rule in rules:
        given = rule.replace("<date_now>", "now").replace("<date_start>", "now").replace("<time_range>", "1")
        client.get(given.replace("<metric>", "cpu").replace("<email_to>", "a@b.com"))
    assert report_service.wanted == []


def test_a_route_that_forgets_to_declare_itself_is_guarded_all_the_same() -> None:
    app = Bottle()
    app.install(handle_errors)
    app.install(CsrfProtection(TrustedOrigins(None, ("*",))))
    app.route("/changes", ["POST", "PUT", "PATCH", "DELETE"], lambda: b"done")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert Client(app).ask(method, "/changes", origin=EVIL).status == 403
        assert Client(app).ask(method, "/changes").body == b"done"


@pytest.fixture
def routes(store: Store, tmp_path: Path) -> Bottle:
    """The route table of the whole application."""
    services = Services(from_mapping({"DATA_DIR": str(tmp_path)}), store, RecordingReportService())
    return server.create_routes(services, TrustedOrigins(None, ("*",)))
