"""Years of schedules in simulated time over a real MongoDB: several schedulers, with kills, stops and clocks apart."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker import settings
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.schedules.schedule_fields import FieldReader
from pycemaker.schedules.schedule_store import Document, ScheduleStore
from pycemaker.schedules.scheduler import Scheduler
from tests.services.cron_count import matching_instants
from tests.services.report_service import outbox_service
from tests.services.submissions import report_settings_with

ZONES = (*("America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe"),)
CRONS = {"hourly": "0 * * * *", "daily": "30 2 * * *", "weekly": "0 0 * * 1", "monthly": "15 1 1 * *"}


class Killed(Exception):
    """A scheduler's process was killed at this point."""


class MortalStore(ScheduleStore):
    """A store whose server may be killed before, after or in the midst of each write."""

    dice: random.Random
    kill_share: float

    def decide(self, occurrences: Sequence[Document]) -> list[Document]:
        half = self._may_die(occurrences)
        if half is not None:
            super().decide(half)
            raise Killed
        decided = super().decide(occurrences)
        self._may_die(decided, always_whole=True)
        return decided

    def move(self, moves: Sequence[tuple[Document, datetime | None, Document | None]]) -> None:
        half = self._may_die(moves)
        if half is not None:
            super().move(half)
            raise Killed
        super().move(moves)

    def _may_die(self, work: Sequence[Any], *, always_whole: bool = False) -> Sequence[Any] | None:
        """The part of the work that a killed server still does; None for one that lives."""
        if self.dice.random() >= self.kill_share:
            return None
        if always_whole:
            raise Killed
        return work[: self.dice.randrange(len(work) + 1)]


@dataclass(frozen=True)
class MortalService:
    """Enqueues scheduled reports; its server may be killed before that, after it, or in between."""

    service: ReportService
    dice: random.Random
    kill_share: float

    def enqueue_scheduled(self, requests: Sequence[ReportRequest]) -> None:
        if self.dice.random() < self.kill_share:
            self.service.enqueue_scheduled(requests[: self.dice.randrange(len(requests) + 1)])
            raise Killed
        self.service.enqueue_scheduled(requests)

    @property
    def job_store(self) -> Any:
        return self.service.job_store


@dataclass
class Simulation:
    """Three schedulers over one database.

    Args:
        database: a real one.
        folder: for the outbox, which stays empty.
        seed: of kills, stops and steps.
        kill_share: the probability of a kill at each write.
    """

    database: Database
    folder: Path
    seed: int
    kill_share: float = 0.05

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.now = datetime(2016, 1, 1, tzinfo=UTC)
        self.kills = 0
        self.service = outbox_service(self.database, {}, self.folder, report_settings_with(), keep_spare=False)
        self.store = ScheduleStore(self.database, mails=False)
        self.schedulers = [self._scheduler(number) for number in range(3)]

    def _scheduler(self, number: int) -> Scheduler:
        store, dice = MortalStore(self.database, mails=False), random.Random(self.seed + number)
        store.dice, store.kill_share = dice, self.kill_share
        service: Any = MortalService(self.service, dice, self.kill_share)
        apart = timedelta(seconds=(-5, 0, 5)[number])
        return Scheduler(store, service, settings.from_mapping({}), lambda: self.now + apart)

    def run(self, start: datetime, end: datetime, longest_step: timedelta) -> list[Document]:
        """Make the schedules at `start`, and let time go on to `end` in random steps, with stops of up to three days."""
        self.now = start
        reader, schedules = FieldReader(settings.from_mapping({})), []
        for zone in ZONES:
            for name, cron in CRONS.items():
                missed = self.dice.choice(["latest", "none", "all"])
                fields = {"name": f"{name} {zone}", "cron": cron, "timezone": zone, "missed": missed}
                schedules.append(self.store.create(reader.read(fields | {"recipients": "ana@example.com"}), start))
        with ThreadPoolExecutor(3) as pool:
            while self.now < end:
                hours = self.dice.uniform(20, 72) if self.dice.random() < 0.01 else 0
                self.now = min(end, self.now + timedelta(hours=hours) + longest_step * self.dice.random())
                living = [each for each in self.schedulers if self.dice.random() < 0.9]
                self.kills += sum(pool.map(self._turn, living))
                self._end_reports()
        while self.store.due(self.now, 1):
            self._turn(replace(self.schedulers[1], store=self.store, report_service=self.service))
        return schedules

    def _turn(self, scheduler: Scheduler) -> int:
        """One look of one scheduler; 1 where it was killed."""
        try:
            scheduler.enter_due()
        except Killed:
            return 1
        return 0

    def _end_reports(self) -> None:
        ended = {"$set": {"state": "written"}, "$unset": {"due_at": "", "unsettled": ""}}
        self.database["reports"].update_many({"unsettled": True}, ended)

    def check(self, schedules: Sequence[Document], start: datetime, end: datetime) -> Counter[str]:
        """Assert that every instant is there once, entered with its report or missed with a reason; the counts."""
        reports = {each["_id"]: each for each in self.database["reports"].find()}
        counts: Counter[str] = Counter(kills=self.kills)
        entered = set()
        for schedule in schedules:
            expected = matching_instants(schedule["cron"], ZoneInfo(schedule["timezone"]), start, end)
            stored = list(self.database["schedule_occurrences"].find({"schedule": schedule["_id"]}).sort("at", 1))
            assert [each["at"] for each in stored] == expected, schedule["name"]
            for each in stored:
                counts[f"{schedule['missed']} {each['state']}"] += 1
                if each["state"] == "missed":
                    assert each["reason"]
                    assert each["_id"] not in reports
                else:
                    report = reports[each["_id"]]
                    assert report["end"] == each["at"]
                    assert report["schedule"]["at"] == each["at"]
                    entered.add(each["_id"])
        assert set(reports) == entered
        return counts
