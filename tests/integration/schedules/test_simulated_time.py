"""Months of hourly, daily, weekly and monthly schedules in five zones, each with two clock changes, against a count.

`python -m tests.faults years` has two years of it; `schedules` there kills real servers in real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pycemaker.mongo.database import Database
from tests.services.simulated_schedules import Simulation


def test_every_instant_comes_once_or_is_missed_with_a_reason(database: Database, tmp_path: Path) -> None:
    simulation = Simulation(database, tmp_path, seed=16)
    start, end = datetime(2018, 9, 15, tzinfo=UTC), datetime(2019, 4, 10, 0, 37, tzinfo=UTC)
    schedules = simulation.run(start, end, timedelta(hours=20))
    counts = simulation.check(schedules, start, end + timedelta(minutes=8))
    assert sum(counts.values()) - counts["kills"] > 5 * 207 * 25
    assert counts["kills"] > 30
    assert counts["all entered"] > 2 * counts["all missed"]
