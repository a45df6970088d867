"""A server without its HTTP face: makes and sends reports, scheduled ones and alerts too, until it is killed."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

from pycemaker.alerts.evaluator import make_evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.service_factory import make_report_service, report_settings_of
from pycemaker.mongo.database import Database
from pycemaker.schedules.scheduler import make_scheduler
from pycemaker.settings import load


def main() -> None:
    """Start, say so, and work."""
    settings = load()
    assert settings.mongo_db_url is not None
    # Short ones: whoever looks on need not wait.
    report_settings = replace(report_settings_of(settings), first_retry_seconds=0.5, lease_seconds=2.0)
    database = Database(settings.mongo_db_url)
    report_service = make_report_service(
        settings, database, os.environ, keep_spare=True, report_settings=report_settings
    )
    report_service.start()
    make_scheduler(database, report_service, settings).start()
    make_evaluator(Store(database), report_service, settings).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
