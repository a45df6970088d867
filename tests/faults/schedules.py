"""Schedules: two years of them in simulated time, and three killed servers with a schedule a minute in real time."""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from pycemaker.jobs import states
from pycemaker.mongo.database import Database
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.settings import from_mapping
from tests.faults.testbed import Testbed, table, testbed
from tests.services.simulated_schedules import Simulation

SERVERS = 3


def years(seed: int = 1) -> None:
    """Simulated time; Simulation.check raises where an instant is missing or doubled."""
    with testbed() as bed:
        database = Database(f"{bed.environment['MONGO_DB_URL']}/simulated")
        simulation = Simulation(database, bed.folder, seed)
        start, end = datetime(2017, 9, 1, tzinfo=UTC), datetime(2019, 9, 1, 0, 37, tzinfo=UTC)
        schedules = simulation.run(start, end, timedelta(hours=16))
        counts = simulation.check(schedules, start, end + timedelta(minutes=8))
        database.close()
    rows = Counter({(name,): count for name, count in counts.items()})
    table("two years of 20 schedules, by `missed` and outcome", rows, ("",))


def main(minutes: int = 10, seed: int = 1) -> None:
    """So many minutes of real time."""
    with testbed() as bed:
        _real_minutes(bed, minutes, random.Random(seed))


def _real_minutes(bed: Testbed, minutes: int, dice: random.Random) -> None:
    store = ScheduleStore(bed.database, mails=True)
    fields = {"name": "a minute", "cron": "* * * * *", "hours": 1, "missed": "all", "recipients": "ana@example.com"}
    servers = [bed.start_worker() for _ in range(SERVERS)]
    schedule = store.create(FieldReader(from_mapping(bed.environment)).read(fields), store.now())
    until, kills = time.monotonic() + minutes * 60, 0
    while time.monotonic() < until:
        time.sleep(dice.uniform(1, 15))
        bed.kill(servers.pop(dice.randrange(len(servers))))
        servers.append(bed.start_worker())
        kills += 1
    end = store.now()
    store.remove(schedule["_id"])
    occurrences = _ended(bed, schedule["_id"])
    mails = Counter(str(each.message["Message-ID"]) for each in bed.mail.received)
    rows: Counter[tuple[Any, ...]] = Counter()
    for each in occurrences:
        (recipient,) = bed.report_service.job_store.get(each["_id"])["recipients"]
        rows[(each["job"]["state"], mails.pop(recipient["message_id"], 0), each["job"]["runs"])] += 1
    table(f"{kills} kills of {SERVERS} servers in {minutes} minutes", rows, ("state", "mails", "runs"))
    first = schedule["next_at"]
    expected = [first + timedelta(minutes=each) for each in range((end - first) // timedelta(minutes=1) + 1)]
    assert [each["at"] for each in occurrences] == expected, "an instant is missing, or one too many is there"
    assert not mails, f"mails of no occurrence: {mails}"
    if any(count > 1 or (state == "sent" and count != 1) for state, count, _runs in rows):
        raise SystemExit("a mail was lost or doubled")


def _ended(bed: Testbed, schedule_id: str, seconds: float = 300) -> list[dict[str, Any]]:
    """The schedule's occurrences by instant, each with its job, once all of these have ended."""
    until = time.monotonic() + seconds
    while True:
        occurrences = list(bed.database["schedule_occurrences"].find({"schedule": schedule_id}).sort("at", 1))
        for each in occurrences:
            each["job"] = bed.report_service.job_store.get(each["_id"])
        if all(each["job"]["state"] in states.ENDED for each in occurrences):
            return occurrences
        assert time.monotonic() < until, [each["job"]["state"] for each in occurrences]
        time.sleep(1)
