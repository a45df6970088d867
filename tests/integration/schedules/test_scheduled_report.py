"""A scheduled report with its real notebook: a day of 24.5 hours, the note at the mail's foot, and nothing mailed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from pycemaker.collect import demo_history
from pycemaker.jobs import states
from pycemaker.mongo.database import Database
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.schedules.scheduler import Scheduler
from pycemaker.settings import from_mapping
from tests.services.report_service import service_of

AT = datetime(2026, 4, 5, 20, tzinfo=UTC)
"""06/04/2026, 06:30 at Lord Howe, whose clock was set back by half an hour the day before."""


def test_a_day_of_24_and_a_half_hours_is_mailed_with_the_schedules_name(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    demo_history.write_history(database, AT, 60)
    given = {"MONGO_DB_URL": database_url, "DATA_DIR": str(tmp_path), "PUBLIC_URL": "https://ops.example.com"}
    settings, service = from_mapping(given), service_of(database, {**os.environ, **given})
    store = ScheduleStore(database, mails=False)
    fields = {"name": "Ontem", "cron": "30 6 * * *", "timezone": "Australia/Lord_Howe", "period": "yesterday"}
    whole = FieldReader(settings).read(fields | {"recipients": "ana@example.com"})
    schedule = store.create(whole, AT - timedelta(hours=1))
    Scheduler(store, service, settings, lambda: AT).enter_due()
    for kind, work in ((states.TO_RENDER, None), (states.TO_SEND, service.deliver)):
        job = service.job_store.claim(kind)
        assert job is not None, service.job_store.newest(1)
        if work is None:
            service.render(job, service.slots[0])
        else:
            work(job)
    job = service.job_store.newest(1)[0]
    assert (job["state"], job["hours"], job["start"], job["end"]) == (
        "written",
        24.5,
        datetime(2026, 4, 4, 13, tzinfo=UTC),
        datetime(2026, 4, 5, 13, 30, tzinfo=UTC),
    )
    (path,) = settings.outbox_dir.glob("*.eml")
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    text = message.get_body(("plain",))
    assert text is not None
    assert "Enviado pelo agendamento “Ontem”" in " ".join(text.get_content().split())
    assert "24,5 h" in str(message["Subject"]) + text.get_content()
    link = message["List-Unsubscribe"]
    assert link.startswith("<https://ops.example.com/unsubscribe/")
    store.remove(schedule["_id"])
    service.close()
