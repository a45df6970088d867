"""What `docs/operations.md` says is open without the token, tried on every GET route."""

from __future__ import annotations

import server
from pycemaker.cache.sample_store import Store
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.access.trusted_origins import TrustedOrigins
from pycemaker.web.services import Services
from tests.services.report_service import RecordingReportService
from tests.services.wsgi import Client

ID = "Zm9vYmFyYmF6cXV4LV9hYg"
PLACES = {
    "<name>": "cpu",
    "<date_now>": "now",
    "<time_range>": "1",
    "<date_start>": "now",
    "<email_to>": "a@b.com",
    "<report_id>": ID,
    "<token>": "x",
    "<application>": "loja",
}
GUARDED = {"/notebooks", "/schedules", "/schedules/<schedule_id>", "/schedules/new", "/jobs"} | {
    f"{application}{rule}"
    for application in ("", "/apps/<application>")
    for rule in ("/report/<date_now>/<time_range>/<email_to>", "/reports")
}


def test_only_the_routes_that_the_table_names_ask_for_the_token(store: Store) -> None:
    services = Services(from_mapping({"API_TOKEN": "a-token-of-16-characters"}), store, RecordingReportService())
    routes = server.create_routes(services, TrustedOrigins(None, ("*",))).routes
    client, refused = Client(server.create_app(services)), set()
    for rule in {route.rule for route in routes if route.method == "GET"}:
        path = rule
        for name, text in PLACES.items():
            path = path.replace(name, text)
        answer = client.get(path.replace("/reports/cpu", f"/reports/{ID}"))
        refused |= {rule} if answer.status == 401 else set()
    assert refused == GUARDED
    for ending in ("json", "eml", "ipynb"):
        assert client.get(f"/reports/{ID}.{ending}").status == 401
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.endswith("| gets a 401 |")]
    for path in ("/report/...", "/notebooks", "/reports", "/schedules", "/jobs", "/reports/<id>.json"):
        assert f"`{path}`" in row
