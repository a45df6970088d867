"""The app for checks of /openapi.json: a real store and job store, settings of the environment, no worker.

granian --interface wsgi --factory tests.services.openapi_app:application
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import server
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.deliver_job import MailTransport
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.outbox import Outbox
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping, load
from pycemaker.web.services import Services
from tests.services.submissions import report_settings_with
from tests.services.wsgi import Client


class InstantReportService(ReportService):
    """Stores jobs for real, and answers each caller that waits at once as sent. No report is made."""

    def __init__(self, database: Database, folder: Path) -> None:
        transport = MailTransport(Outbox(folder / "outbox"), "reports@localhost.localdomain", is_repeatable=True)
        super().__init__(database, {}, folder, transport, report_settings_with())

    def wait(self, report_id: str, seconds: float) -> dict[str, Any]:
        job = self.job_store.get(report_id)
        if not seconds:
            return job
        for recipient in job["recipients"]:
            recipient |= {"state": "sent", "via": "smtp", "reply": "250 OK"}
        return job | {"state": "sent"}


def client_of(store: Store, folder: Path, **given: str) -> Client:
    """A client of the whole app with settings of its own."""
    settings = from_mapping({"DATA_DIR": str(folder), **given})
    return Client(server.create_app(Services(settings, store, InstantReportService(store.database, folder))))


def application() -> Any:
    """The WSGI application."""
    settings = load()
    database = Database(str(settings.mongo_db_url))
    store = Store(database, settings.cache_mb * 2**20)
    return server.create_app(Services(settings, store, InstantReportService(database, settings.data_dir)))
