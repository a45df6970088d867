"""The app for who tries what /openapi.json says: real store and ledger, settings of the environment, made by nobody.

granian --interface wsgi --factory tests.services.described:application
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import server
from pycemaker.cache.store import Store
from pycemaker.jobs.delivery_worker import MailTransport
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.outbox import Outbox
from pycemaker.mongo.database import Database
from pycemaker.settings import load


class InstantReportService(ReportService):
    """A desk over a real ledger that says of each report at once, to who waits, that it was sent. Nobody makes any."""

    def __init__(self, database: Database, folder: Path) -> None:
        transport = MailTransport(Outbox(folder / "outbox"), "reports@localhost.localdomain", is_repeatable=True)
        super().__init__(database, {}, folder, transport)

    def wait(self, report_id: str, seconds: float) -> dict[str, Any]:
        entry = self.job_store.get(report_id)
        if not seconds:
            return entry
        for recipient in entry["recipients"]:
            recipient |= {"state": "sent", "via": "smtp", "reply": "250 OK"}
        return entry | {"state": "sent"}


def application() -> Any:
    """The WSGI application."""
    settings = load()
    database = Database(str(settings.mongo_db_url))
    store = Store(database, settings.cache_mb * 2**20)
    return server.create_app(server.Services(settings, store, InstantReportService(database, settings.data_dir)))
