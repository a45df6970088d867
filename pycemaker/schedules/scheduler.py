"""The scheduler: enters the reports of due schedules, in a thread of each server. There is no leader.

A due schedule's instants are decided by inserting their occurrences: whoever comes second finds them there and enters
the same reports, under the same ids, which the queue has once. Only then is the schedule moved on, if it still stands
where it was read. So a server may stop anywhere, and whatever its clock says nothing is doubled or lost.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker.errors import DatabaseUnreachable
from pycemaker.i18n.language import _, speaking
from pycemaker.jobs.report_service import ReportService
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.schedules.calendar_period import window_of
from pycemaker.schedules.plan import plan
from pycemaker.schedules.schedule_store import (
    ENTERED,
    MISSED,
    Document,
    ScheduleStore,
    report_id_of,
    spread_of,
)
from pycemaker.schedules.settlement import Settlement
from pycemaker.settings import Settings
from pycemaker.window import to_iso_text

POLL_SECONDS = 1.0
BATCH = 100
"""Schedules that are entered in one go; a herd due in one minute goes in many, and lets requests in between."""

_YIELD_SECONDS = 0.0005
_RETENTION_TURNS = 3600
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scheduler:
    """Enters the reports of due schedules, and notes their outcomes.

    Attributes:
        store: the schedules.
        report_service: makes the reports.
        settings: language and retention.
        clock: gives the present; None for MongoDB's.
    """

    store: ScheduleStore
    report_service: ReportService
    settings: Settings
    clock: Callable[[], datetime] | None = None

    def start(self) -> None:
        """Start the thread; it ends when the report service closes."""
        threading.Thread(target=self._run, daemon=True, name="scheduler").start()

    def _run(self) -> None:
        closing, turns = self.report_service.closing, 0
        settlement = Settlement(self.store, self.report_service, self.settings)
        while not closing.wait(POLL_SECONDS):
            try:
                while self.enter_due() == BATCH and not closing.is_set():
                    pass
                settlement.settle()
                if turns % _RETENTION_TURNS == 0:
                    self.store.apply_retention(self.store.now(), self.settings.report_retention_days)
                turns += 1
            except DatabaseUnreachable:
                continue
            except Exception:  # noqa: BLE001 - nobody would notice the thread's end, and no report would come any more
                _log.exception("the schedules could not be looked at")
        settlement.close()

    def enter_due(self) -> int:
        """Enter the reports of up to BATCH due schedules and move these on; the number of schedules.

        Raises:
            DatabaseUnreachable: some may be entered; whoever calls next enters the rest.
        """
        now = self.clock() if self.clock else self.store.now()
        schedules = self.store.due(now, BATCH)
        if not schedules:
            return 0
        open_counts = self.report_service.job_store.count_open([each["_id"] for each in schedules])
        occurrences, moves = [], []
        for schedule in schedules:
            time.sleep(_YIELD_SECONDS)  # another thread gets the interpreter now, and not after its 5 ms
            schedule_id = schedule["_id"]
            planned = plan(schedule, now, spread_of(schedule_id, schedule), open_counts.get(schedule_id, 0))
            occurrences += [occurrence_of(schedule, at, MISSED, reason) for at, reason in planned.missed.items()]
            entered = [occurrence_of(schedule, at) for at in planned.entered]
            occurrences += entered
            last = {"at": entered[-1]["at"], "report_id": entered[-1]["_id"], "state": ENTERED} if entered else None
            moves.append((schedule, planned.next_at, last))
        by_id = {each["_id"]: each for each in schedules}
        decided = self.store.decide(occurrences)
        self._enter([(by_id[each["schedule"]], each["at"]) for each in decided if each["state"] == ENTERED])
        self.store.move(moves)
        return len(schedules)

    def enter(self, schedule: Document, at: datetime, request_id: str = "") -> bool:
        """Enter the report of an instant by hand, unless it is there; True where it is new.

        Raises:
            DatabaseUnreachable: it may be entered; the same call may be made again.
        """
        is_new, state = self.store.reopen(occurrence_of(schedule, at))
        if state == ENTERED:  # also where who entered it before got no further
            self._enter([(schedule, at)], request_id)
        return is_new

    def _enter(self, wanted: list[tuple[Document, datetime]], request_id: str = "") -> None:
        with speaking(self.settings.report_language):
            requests = [request_of(schedule, at, request_id) for schedule, at in wanted]
        self.report_service.enqueue_scheduled(requests)


def make_scheduler(database: Database, report_service: ReportService, settings: Settings) -> Scheduler:
    """The scheduler of this server or worker."""
    return Scheduler(ScheduleStore(database, mails=settings.mails), report_service, settings)


def request_of(schedule: Mapping[str, Any], at: datetime, request_id: str = "") -> ReportRequest:
    """The request for the report of a nominal instant; the note at its foot is in the current language.

    A missing notebook is no error here: its worker notices, and the report counts as failed.
    """
    zone = ZoneInfo(schedule["timezone"])
    return ReportRequest(
        report_id_of(schedule, at),
        Path(f"{schedule['notebook']}.ipynb"),
        window_of(at, zone, schedule["hours"], schedule["period"]),
        tuple(schedule["recipients"]),
        schedule["parameters"],
        tuple(schedule["attach"]),
        to_iso_text(at),
        request_id,
        schedule["application"],
        {"id": schedule["_id"], "name": schedule["name"], "at": at},
        schedule["only_if"],
        (_note(schedule),),
    )


def _note(schedule: Mapping[str, Any]) -> str:
    """The sentences at the mail's foot: the schedule that sent it, the reason, and the effect of unsubscribing."""
    why = _("Enviado pelo agendamento “{name}”, que tem seu endereço entre os destinatários.", name=schedule["name"])
    leaving = _("Cancelar a inscrição deixa só este agendamento; outros relatórios continuam.")
    return f"{why} {leaving}"


def occurrence_of(
    schedule: Mapping[str, Any], at: datetime, state: str = ENTERED, reason: str | None = None
) -> Document:
    """The document of a new occurrence."""
    names = {"_id": report_id_of(schedule, at), "schedule": schedule["_id"], "at": at}
    return names | {"state": state} | ({"reason": reason} if reason else {})
