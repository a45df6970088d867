"""Thousands of schedules due in the same minute: how long one process takes to enter them, and polls meanwhile."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta

from pycemaker.cache.sample_store import Store
from pycemaker.mongo.database import Database
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.schedules.scheduler import BATCH, Scheduler
from pycemaker.settings import from_mapping
from pycemaker.web.app import create_app
from pycemaker.web.services import Services
from tests.bench.data import load_cpu, mongod
from tests.services.report_service import service_of
from tests.services.wsgi import Client

SCHEDULES = 5000
POLLS_A_SECOND = 50


def main() -> None:
    """Print the seconds that entering takes, and the 99th percentile of polls before and meanwhile, in ms."""
    with mongod() as (server, _folder), tempfile.TemporaryDirectory() as folder:
        url = f"{server}/schedules"
        load_cpu(url, 1)
        given = {"DATA_DIR": folder, "MONGO_DB_URL": url}
        settings, database = from_mapping(given), Database(url)
        service = service_of(database, given)
        store = ScheduleStore(database, mails=False)
        _make(store, FieldReader(settings))
        client = Client(create_app(Services(settings, Store(database, 2**28), service)))
        _poll(client, 1.0)
        idle = _poll(client, 10.0)
        due = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        scheduler = Scheduler(store, service, settings, lambda: due + timedelta(seconds=1))
        meanwhile: list[float] = []
        polling = threading.Thread(target=lambda: meanwhile.extend(_poll(client, 6.0)))
        polling.start()
        began = time.monotonic()
        while scheduler.enter_due() == BATCH:
            pass
        seconds = time.monotonic() - began
        polling.join()
        count = database["reports"].count_documents({"state": "queued"})
        database.close()
    print(f"  {count:,} reports of as many schedules entered in {seconds:.2f} s")
    print(f"  p99 of polls: {_p99(idle):.1f} ms idle, {_p99(meanwhile):.1f} ms meanwhile (in this process)")


def _make(store: ScheduleStore, reader: FieldReader) -> None:
    now = store.now()
    for number in range(SCHEDULES):
        fields = {"name": f"schedule {number}", "cron": "* * * * *", "recipients": "ana@example.com"}
        store.create(reader.read(fields), now)


def _poll(client: Client, seconds: float) -> list[float]:
    """Milliseconds of each answer to a poll of the newest five minutes."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        assert client.get(f"/cpu/{(datetime.now(UTC) - timedelta(minutes=5)).isoformat()[:19]}Z").status == 200
        took.append((time.monotonic() - began) * 1000)
        time.sleep(max(0.0, 1 / POLLS_A_SECOND - (time.monotonic() - began)))
    return took


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]
