"""Settlement: the outcomes of scheduled reports that have ended; pauses, notices to owners, pings.

Every step may be taken twice, by any server: a report stays unsettled until the last one is done.
"""

import http.client
import logging
import threading
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape
from itertools import takewhile
from pathlib import Path
from typing import Any

from pycemaker import brand, errors
from pycemaker.errors import UnknownSchedule
from pycemaker.i18n.language import _, speaking
from pycemaker.jobs import states
from pycemaker.jobs.message_jobs import enqueue_message
from pycemaker.jobs.report_service import ReportService
from pycemaker.mail.compose import compose
from pycemaker.mail.suppressions import subscription_of
from pycemaker.reports.report_model import Page, ReportRequest
from pycemaker.schedules.schedule_store import FAILED, MADE, QUIET, Document, ScheduleStore, report_id_of
from pycemaker.settings import Settings
from pycemaker.window import Window

MOST_FAILURES = 3
"""Failures in a row that pause a schedule."""

MOST_PINGS = 1000
"""Some 20 min of an address that does not answer."""

_BATCH = 200
_PING_SECONDS = 5.0
_OUTCOMES = {states.QUIET: QUIET} | dict.fromkeys((states.FAILED, states.EXPIRED, states.REFUSED), FAILED)
_log = logging.getLogger(__name__)


class Settlement:
    """Takes note of ended reports. One thread uses it; pings have threads of their own.

    Args:
        store: the schedules.
        report_service: the reports; sends the notices.
        settings: language, and the beginnings of URLs that may be pinged.
        most_pings: pings that wait or are made at a time; others are left out.
    """

    def __init__(
        self, store: ScheduleStore, report_service: ReportService, settings: Settings, most_pings: int = MOST_PINGS
    ) -> None:
        self._store = store
        self._report_service = report_service
        self._settings = settings
        self._pings = ThreadPoolExecutor(4, "ping")
        self._ping_slots = threading.BoundedSemaphore(most_pings)
        self._most_pings = most_pings

    def close(self) -> None:
        """Start no more pings."""
        self._pings.shutdown(wait=False, cancel_futures=True)

    def settle(self) -> None:
        """Take note of every scheduled report that has ended.

        Raises:
            DatabaseUnreachable: whoever calls next goes on.
        """
        job_store = self._report_service.job_store
        while jobs := job_store.unsettled(_BATCH):
            for job in jobs:
                self._settle(job)
                job_store.settle(str(job["_id"]))
            if len(jobs) < _BATCH:
                return

    def _settle(self, job: Mapping[str, Any]) -> None:
        report_id, schedule_id = str(job["_id"]), job["schedule"]["id"]
        state = _OUTCOMES.get(job["state"], MADE)
        reason = _reason(job) if state == FAILED else None
        self._store.end(report_id, state, reason)
        try:
            schedule = self._store.get(schedule_id)
        except UnknownSchedule:  # it was removed while the report was made
            return
        recent = self._store.latest(schedule_id, MOST_FAILURES, MADE, QUIET, FAILED, since=schedule["counted_from"])
        failures = len(list(takewhile(lambda each: each["state"] == FAILED, recent)))
        last = {"at": job["schedule"]["at"], "report_id": report_id, "state": state}
        is_latest = schedule["last"] is None or schedule["last"]["at"] <= last["at"]
        self._store.note(schedule_id, schedule["counted_from"], failures, last if is_latest else None)
        if failures >= MOST_FAILURES and not schedule["paused"]:
            _log.warning("schedule %s is paused after %d failures in a row", schedule_id, failures)
            if schedule["owner"]:
                self._notify_owner(schedule, reason or "")
            self._store.pause(schedule, reason or "")
        if schedule["ping_url"] and self._store.claim_ping(report_id):
            url = schedule["ping_url"].rstrip("/") + ("/fail" if state == FAILED else "")
            if url.startswith(self._settings.ping_urls):  # the operator may have named others since it was saved
                self._ping_later(url)

    def _ping_later(self, url: str) -> None:
        if self._ping_slots.acquire(blocking=False):
            self._pings.submit(ping, url).add_done_callback(lambda _done: self._ping_slots.release())
        else:
            _log.warning("a schedule's URL is not pinged: %d pings wait already", self._most_pings)

    def _notify_owner(self, schedule: Document, reason: str) -> None:
        """Enqueue the notice, under one id for all failures since the schedule was last saved."""
        transport, owner = self._report_service.transport, schedule["owner"]
        with speaking(self._settings.report_language):
            subject = _("Agendamento “{name}” pausado após {count} falhas", name=schedule["name"], count=MOST_FAILURES)
            sentences = [
                _("As últimas {count} vezes em que este relatório devia sair falharam.", count=MOST_FAILURES),
                _("A última: {reason}", reason=reason),
                _(
                    "Nada mais será enviado até que alguém o retome em {where}.",
                    where=f"{self._settings.own_url}/schedules",
                ),
            ]
            html = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
            page = Page(subject, f"<!doctype html><body>{html}</body>", "\n\n".join(sentences) + "\n", ())
            message = compose(page, owner, None, sender=transport.sender, sender_name=brand.load().sender)
        request = ReportRequest(
            report_id_of(schedule, f"paused {schedule['counted_from']}"),
            Path(f"{subscription_of(schedule['_id'])}.ipynb"),
            Window(schedule["counted_from"], 1),
            (owner,),
        )
        enqueue_message(self._report_service, request, message.as_bytes(), subject)


def _reason(job: Mapping[str, Any]) -> str:
    """Why a report has failed, in Portuguese where there is a sentence for it."""
    if "error" in job:
        return errors.from_facts(job["error"]).in_portuguese()
    reasons = [recipient["reason"] for recipient in job["recipients"] if "reason" in recipient]
    return str(reasons[0]) if reasons else str(job["state"])


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the address that is pinged is one that the operator allows, and no other."""

    def redirect_request(self, *_arguments: Any) -> None:
        """None: the answer stands as it is."""


def ping(url: str) -> None:
    """Ask for a URL and drop the answer; a failure is logged, without the URL, whose path may be a key."""
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_PING_SECONDS) as answer:
            answer.read(1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        _log.warning("a schedule's URL could not be pinged: %s", type(error).__name__)
