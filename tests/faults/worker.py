"""A server without its HTTP face: makes and sends reports, scheduled ones and alerts too, until it is killed."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

from pycemaker.alerts.evaluator import make_evaluator
from pycemaker.cache.sample_store import Store
from pycemaker.jobs.service_factory import job_limits, make_report_service
from pycemaker.mongo.database import Database
from pycemaker.schedules.scheduler import make_scheduler
from pycemaker.settings import load


def main() -> None:
    """Start, say so, and work."""
    settings = load()
    assert settings.mongo_db_url is not None
    limits = replace(job_limits(settings), first_retry_seconds=0.5, lease_seconds=2.0)  # whoever looks on need not wait
    database = Database(settings.mongo_db_url)
    report_service = make_report_service(settings, database, os.environ, keep_spare=True, limits=limits)
    report_service.start()
    make_scheduler(database, report_service, settings).start()
    make_evaluator(Store(database), report_service, settings).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
